/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The certificates of the embedded etcd, private to lib/etcd: copies of those
 * in use, in <data-dir>/tls (folder 0700, files 0600). etcd reads certificate
 * and key anew for each handshake; copies mean that it never meets files that
 * are bad or half written, and that certificates which are not in files at all
 * work. Threads: any, one at a time.
 */
#ifndef DM_LIB_ETCD_MEMBER_TLS_H
#define DM_LIB_ETCD_MEMBER_TLS_H

#include "lib/err/err.h"

struct dm_tls;

/* Write the three copies, each whole or not at all. Errors: plain. */
struct dm_err *dm_etcd_member_tls_write(
    const char *data_dir, struct dm_tls *tls) DM_MUST_CHECK;
/* Add etcd's flags for both of its ports. peer_cn: the one common name that
 * its peers may have; NULL: any. */
void dm_etcd_member_tls_flags(
    GPtrArray *argv, const char *data_dir, const char *peer_cn);

#endif
