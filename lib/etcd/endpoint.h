/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An address of etcd, private to lib/etcd: "http://h:p", "https://h:p" or
 * "unix:///dir/socket", "unixs:" the same with TLS. A socket path longer than
 * the system takes (107 bytes) is reached through its opened folder,
 * /proc/self/fd/N/socket. Threads: any; not changed once made, except that the
 * folder is opened again by _socket when it could not be opened before.
 */
#ifndef DM_LIB_ETCD_ENDPOINT_H
#define DM_LIB_ETCD_ENDPOINT_H

#include "lib/err/err.h"

struct dm_etcd_endpoint {
	char *text;         /* as it was given */
	char *base;         /* "http://localhost": the URL without its path */
	char *socket;       /* NULL: TCP */
	char *short_socket; /* through dir_fd; NULL: not needed */
	int dir_fd;
	bool tls;
};

/* Errors: plain. */
struct dm_err *dm_etcd_endpoint_parse(
    const char *text, struct dm_etcd_endpoint **ep) DM_MUST_CHECK;
void dm_etcd_endpoint_free(struct dm_etcd_endpoint *ep);
/* The path to give to connect(2); borrowed, may be too long for it when the
 * folder cannot be opened: connecting then says so. */
const char *dm_etcd_endpoint_socket(struct dm_etcd_endpoint *ep);

#endif
