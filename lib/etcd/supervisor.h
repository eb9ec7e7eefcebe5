/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The process between dm-master and its etcd, private to lib/etcd. Threads:
 * the functions here run where there is only one.
 */
#ifndef DM_LIB_ETCD_SUPERVISOR_H
#define DM_LIB_ETCD_SUPERVISOR_H

#include "lib/err/err.h"
#include <stdatomic.h>
#include <sys/types.h>

/* In the data dir. */
#define DM_ETCD_LOG_NAME    "etcd.log"
#define DM_ETCD_SOCKET_NAME "c.sock:1"

/* In memory that master and supervisor share; written by the supervisor. */
struct dm_etcd_shared {
	atomic_int pid;        /* of etcd; 0 while it is down */
	atomic_int exits;      /* how often it ended, or could not start */
	atomic_int exec_errno; /* of the last start; 0: it started */
};

/* What it sends once, after the first start: */
#define DM_ETCD_STARTED 'S'
#define DM_ETCD_FAILED  'X' /* see exec_errno; it has ended */

/* What the master may send: end etcd, and start it again. Any other word, and
 * the end of the socket: stop. */
#define DM_ETCD_RESTART 'R'

struct dm_etcd_supervisor {
	const char *program; /* absolute path */
	char *const *argv, *const *envp;
	const char *data_dir; /* absolute: the working directory */
	int sock;             /* to the master */
	int lock_fd;          /* held as long as it lives */
	pid_t parent;
	struct dm_etcd_shared *shared;
};

/* In the child of fork(2). */
_Noreturn void dm_etcd_supervise(const struct dm_etcd_supervisor *s);

/*
 * Lock the data dir, waiting for a supervisor that is just ending, and end an
 * etcd that works on it without a supervisor. *lock_fd: the caller's. Errors:
 * plain.
 */
struct dm_err *dm_etcd_claim_dir(
    const char *program, const char *data_dir, int *lock_fd) DM_MUST_CHECK;

#endif
