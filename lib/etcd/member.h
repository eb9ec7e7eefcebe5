/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The embedded etcd member: the etcd program as a supervised child.
 *
 * DESIGN: a small supervisor process is forked before any thread exists and
 * before grpc_init; it starts etcd (PR_SET_PDEATHSIG on both), restarts it
 * with back-off when it ends, and ends with its parent. etcd's client URL is
 * "unix://c.sock:1" relative to its working directory, the data dir (mode
 * 0700): a socket named "c.sock:1", the port being a part of the name. Its
 * advertised client URL is the master's public address. A stale etcd of an
 * earlier process is recognised by executable, arguments and data dir, and
 * ended by pid; a data dir whose supervisor lives is refused (lock file).
 * Output goes to <data-dir>/etcd.log, which is moved to etcd.log.1 if it is
 * larger than 64 MiB when etcd starts.
 *
 * The supervisor leads a session of its own: a Ctrl-C for the master does not
 * end etcd before the master has given its lease back. A service manager that
 * signals a whole control group should be told not to (KillMode=mixed).
 */
#ifndef DM_LIB_ETCD_MEMBER_H
#define DM_LIB_ETCD_MEMBER_H

#include "lib/err/err.h"

struct dm_etcd_member_proc;
struct dm_tls;

struct dm_etcd_member_opts {
	const char *etcd_path; /* "etcd": looked up in PATH */
	const char *name;
	const char *data_dir;
	const char *peer_urls, *advertise_peer_urls; /* comma lists */
	const char *advertise_client_urls;
	const char *initial_cluster;
	const char *initial_cluster_state; /* "new" or "existing" */
	const char *auto_compaction_mode, *auto_compaction_retention;
	int64_t quota_backend_bytes;
	unsigned max_txn_ops; /* 0: etcd's default; so the two others */
	unsigned max_request_bytes;
	/* Milliseconds; 0: etcd's defaults. The first must be at least the
	 * round trip between members, the second ten times as much. */
	unsigned heartbeat_ms, election_ms;
	/* NULL: in clear. Else of both etcd ports, with client certificates;
	 * borrowed for the member's life. peer_cn: the one common name of
	 * peers, all that etcd can check; NULL: any. */
	struct dm_tls *tls;
	const char *peer_cn;
};

/*
 * Call with one thread only. Returns when the etcd program runs (exec done);
 * dm_etcd_member_wait_ready tells whether it works. Takes up to 6 s when the
 * supervisor of an earlier process is still ending.
 * Errors: MASTER_START_EMBED_ETCD_FAIL, MASTER_GEN_EMBED_ETCD_CONFIG_FAIL.
 */
struct dm_err *dm_etcd_member_start(const struct dm_etcd_member_opts *o,
    struct dm_etcd_member_proc **m) DM_MUST_CHECK;
/*
 * Wait until etcd answers a linearizable read, at most timeout_ms. *ready is
 * false when etcd runs but does not answer by then: other members are missing.
 * With threads; blocks. Error: MASTER_START_EMBED_ETCD_FAIL, as soon as etcd
 * has ended 5 times, or once in a way that starting again does not mend; the
 * cause says why, with the last lines of etcd.log.
 */
struct dm_err *dm_etcd_member_wait_ready(struct dm_etcd_member_proc *m,
    int64_t timeout_ms, bool *ready) DM_MUST_CHECK;
/* How often etcd has ended since the start. */
int dm_etcd_member_exits(const struct dm_etcd_member_proc *m);
/* Why etcd ended last: what is wrong and what to do as far as its log tells,
 * and the log's last lines. *final: starting again is of no use. */
struct dm_err *dm_etcd_member_why(
    const struct dm_etcd_member_proc *m, bool *final) DM_MUST_CHECK;
/*
 * The certificates in `tls` have changed: give them to etcd. New handshakes
 * use them at once; a new authority is read by etcd only when it starts, so
 * with restart it is started again. Threads: any, one at a time. Errors: plain.
 */
struct dm_err *dm_etcd_member_renew(
    struct dm_etcd_member_proc *m, bool restart) DM_MUST_CHECK;
/* "unix:///abs/data-dir/c.sock:1": the endpoint for dm_etcd_new; "unixs:" with
 * TLS. Borrowed. */
const char *dm_etcd_member_endpoint(const struct dm_etcd_member_proc *m);
/* Pid of the etcd child now, 0 while it is down (for tests and status). */
int dm_etcd_member_pid(const struct dm_etcd_member_proc *m);
/* SIGTERM, wait up to 5 s, SIGKILL; joins the supervisor. Accepts NULL. The
 * thread that started the member, or one after it has ended. */
void dm_etcd_member_stop(struct dm_etcd_member_proc *m);

#endif
