/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an etcd that ended was about, from its log: the program tells it in its
 * own words only. Pure. Threads: any.
 */
#ifndef DM_LIB_ETCD_DIAGNOSE_H
#define DM_LIB_ETCD_DIAGNOSE_H

#include <stdbool.h>

struct dm_etcd_fault {
	const char *what, *remedy; /* static */
	bool final; /* it stays as it is, however often etcd is started */
};

/* What a log says of a full disk, if it could be written. */
#define DM_ETCD_FULL_DISK "no space left on device"

/* The fault that the last lines of a log tell of, or NULL when they tell of
 * none that is known. The newest line counts. */
const struct dm_etcd_fault *dm_etcd_diagnose(const char *log);

#endif
