/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Flags and TOML files of dm-master and dm-worker.
 * Source: reference/control-plane 3.1, 3.2. Go flag syntax: -name v, --name v,
 * -name=v; file first, then flags override.
 */
#ifndef DM_LIB_CONFIG_DAEMON_H
#define DM_LIB_CONFIG_DAEMON_H

#include "lib/base/version.h" /* what -V prints */
#include "lib/err/err.h"

struct dm_log_cfg {
	char *level, *file, *format;
};
struct dm_tls_cfg {
	char *ca, *cert, *key;
	char **cert_allowed_cn; /* NULL-terminated */
};

struct dm_master_cfg {
	struct dm_log_cfg log;
	struct dm_tls_cfg tls;
	char *config_file;
	char *name, *data_dir;
	char *master_addr, *advertise_addr;
	char *peer_urls, *advertise_peer_urls;
	char *initial_cluster, *initial_cluster_state, *join;
	char *etcd_mode;       /* "embedded" (default) or "external" (ours) */
	char **etcd_endpoints; /* external; NULL-terminated */
	char *etcd_user, *etcd_password;
	char *etcd_path; /* program; "etcd" */
	unsigned max_txn_ops, max_request_bytes;
	char *auto_compaction_mode, *auto_compaction_retention;
	int64_t quota_backend_bytes;
	int64_t rpc_timeout_ms;
	double rpc_rate_limit;
	int rpc_rate_burst;
	char *secret_key_path, *v1_sources_path;
	bool openapi;
};

/* More are not one worker's work. */
#define DM_WORKER_SOURCES_MAX 64

struct dm_worker_cfg {
	struct dm_log_cfg log;
	struct dm_tls_cfg tls;
	char *config_file;
	char *name, *worker_addr, *advertise_addr;
	char **join; /* master addresses; NULL-terminated */
	int64_t keepalive_ttl, relay_keepalive_ttl; /* seconds */
	int64_t max_sources; /* that this worker takes at once */
	char *relay_dir;
	bool redact_info_log;
};

/* What the command line asks for besides running. */
enum dm_daemon_action {
	DM_DAEMON_RUN,
	DM_DAEMON_VERSION,
	DM_DAEMON_HELP,
	DM_DAEMON_SAMPLE
};

/*
 * Read flags and the file that -config names; check and complete the rest.
 * *cfg is NULL when *action is not RUN. Errors: 38010 to 38042 for the master,
 * 40001 to 40004 and 40069 for the worker; a stray argument and unknown keys
 * are told with what was probably meant.
 */
struct dm_err *dm_master_cfg_load(int argc, char *const *argv,
    enum dm_daemon_action *action, struct dm_master_cfg **cfg) DM_MUST_CHECK;
void dm_master_cfg_free(struct dm_master_cfg *c);
DM_DEFINE_AUTO(dm_master_cfg)
/* As `config master` shows it (control-plane 2.8); passwords masked. */
char *dm_master_cfg_toml(const struct dm_master_cfg *c);
struct dm_err *dm_worker_cfg_load(int argc, char *const *argv,
    enum dm_daemon_action *action, struct dm_worker_cfg **cfg) DM_MUST_CHECK;
void dm_worker_cfg_free(struct dm_worker_cfg *c);
DM_DEFINE_AUTO(dm_worker_cfg)
char *dm_worker_cfg_toml(const struct dm_worker_cfg *c);
/* Static texts. */
const char *dm_master_help(void);
const char *dm_master_sample(void);
const char *dm_worker_help(void);
const char *dm_worker_sample(void);

#endif
