/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dm-master. The main thread starts everything in order, then waits for a
 * signal and stops everything in order.
 *
 * The embedded etcd comes first: its supervisor is forked while this process
 * has one thread and no gRPC.
 * SOURCE: control-plane reference 3.3 (texts and exit codes).
 */
#include "lib/etcd/member.h"
#include "lib/log/log.h"
#include "lib/rpc/rpc.h"
#include "master/cluster/join.h"
#include "master/server.h"

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#define EXIT_START    2
#define ETCD_READY_MS 5000
/* How soon changed certificate files are noticed when nobody connects. */
#define TLS_WATCH_MS 2000

static bool
is_set(const char *s)
{
	return s != NULL && *s != '\0';
}

/* What the configuration may ask for but this version cannot do: refused, so
 * that nobody relies on it. */
static struct dm_err *
check_supported(const struct dm_master_cfg *cfg)
{
	if (cfg->openapi)
		return dm_err_set_cause(
		    dm_err_new(MASTER_CONFIG_INVALID_FLAG, "openapi"),
		    "the OpenAPI is not available in this version; use dmctl");
	if (is_set(cfg->v1_sources_path))
		return dm_err_set_cause(
		    dm_err_new(MASTER_CONFIG_INVALID_FLAG, "v1-sources-path"),
		    "taking over a cluster of DM 1.0 is not available in this "
		    "version; use `dmctl operate-source create`");
	if (is_set(cfg->join) && strcmp(cfg->etcd_mode, "external") == 0)
		return dm_err_new(MASTER_JOIN_EMBED_ETCD_FAIL,
		    "with an external etcd there is nothing to join; remove "
		    "`join`");
	return NULL;
}

/* ---- TLS ---- */

struct certs {
	struct dm_tls *tls; /* NULL: in clear */
	_Atomic(struct dm_etcd_member_proc *) member;
};

static void
on_certs_changed(const struct dm_err *err, bool ca_changed, void *arg)
{
	struct certs *c = arg;
	struct dm_etcd_member_proc *member = atomic_load(&c->member);
	DM_AUTO(dm_err) failed = NULL;

	if (err != NULL) {
		dm_error("new certificates are not used, the old ones stay",
		    dm_kerr(err));
		return;
	}
	dm_info(
	    "new certificates are in use", dm_kbool("ca-changed", ca_changed));
	if (member == NULL)
		return;
	failed = dm_etcd_member_renew(member, ca_changed);
	if (failed != NULL)
		dm_error(
		    "cannot give new certificates to etcd", dm_kerr(failed));
}

static struct dm_err *
load_certs(const struct dm_master_cfg *cfg, struct certs *c)
{
	struct dm_err *err =
	    dm_tls_cfg_load(&cfg->tls, true, on_certs_changed, c, &c->tls);

	return err == NULL ? NULL
			   : dm_err_wrap(err, MASTER_TLS_CONFIG_NOT_VALID);
}

/* ---- etcd ---- */

static struct dm_err *
start_member(const struct dm_master_cfg *cfg, struct certs *certs,
    struct dm_etcd_member_proc **member)
{
	g_autofree char *joined = NULL;
	g_autofree char *client_url = g_strdup_printf("%s://%s",
	    certs->tls != NULL ? "https" : "http", cfg->advertise_addr);
	struct dm_etcd_member_opts o = {
		.etcd_path = cfg->etcd_path,
		.name = cfg->name,
		.data_dir = cfg->data_dir,
		.peer_urls = cfg->peer_urls,
		.advertise_peer_urls = cfg->advertise_peer_urls,
		.advertise_client_urls = client_url,
		.initial_cluster = cfg->initial_cluster,
		.initial_cluster_state = cfg->initial_cluster_state,
		.auto_compaction_mode = cfg->auto_compaction_mode,
		.auto_compaction_retention = cfg->auto_compaction_retention,
		.quota_backend_bytes = cfg->quota_backend_bytes,
		.max_txn_ops = cfg->max_txn_ops,
		.max_request_bytes = cfg->max_request_bytes,
		.heartbeat_ms = cfg->heartbeat_ms,
		.election_ms = cfg->election_ms,
		.tls = certs->tls,
		.peer_cn = cfg->tls.cert_allowed_cn[0],
	};
	struct dm_err *err = NULL;

	if (is_set(cfg->join))
		err = join_prepare(cfg, certs->tls, &joined);
	if (err == NULL && joined != NULL) {
		o.initial_cluster = joined;
		o.initial_cluster_state = "existing";
	}
	if (err == NULL)
		err = dm_etcd_member_start(&o, member);
	if (err == NULL)
		atomic_store(&certs->member, *member);
	return err;
}

static void
block_signals(sigset_t *set)
{
	sigemptyset(set);
	sigaddset(set, SIGHUP);
	sigaddset(set, SIGINT);
	sigaddset(set, SIGTERM);
	sigaddset(set, SIGQUIT);
	pthread_sigmask(SIG_BLOCK, set, NULL);
	signal(SIGPIPE, SIG_IGN);
}

static void
wait_for_signal(const sigset_t *set)
{
	int fd = signalfd(-1, set, SFD_CLOEXEC);
	struct signalfd_siginfo info;
	ssize_t n;

	dm_assert(fd >= 0);
	do {
		n = read(fd, &info, sizeof(info));
	} while (n < 0 && errno == EINTR);
	dm_assert(n == (ssize_t)sizeof(info));
	close(fd);
	dm_info("got signal to exit",
	    dm_kstr("signal", strsignal((int)info.ssi_signo)));
}

static int
fail(struct dm_err *err)
{
	dm_error("fail to start dm-master", dm_kerr(err));
	dm_err_free(err);
	return EXIT_START;
}

/* One that runs without an answer waits for the other dm-masters: that is no
 * failure, what is asked of us meanwhile is told who is missing. */
static struct dm_err *
wait_for_etcd(struct dm_etcd_member_proc *member)
{
	struct dm_err *err;
	bool ready;

	err = dm_etcd_member_wait_ready(member, ETCD_READY_MS, &ready);
	if (err == NULL && !ready)
		dm_warn("etcd is not ready, more dm-masters are needed",
		    dm_kint("waited ms", ETCD_READY_MS));
	return err;
}

/* member: NULL when etcd is external. */
static int
serve(const struct dm_master_cfg *cfg, struct dm_tls *tls,
    struct dm_etcd_member_proc *member)
{
	struct server *server = NULL;
	struct dm_err *err = NULL;
	sigset_t set;

	block_signals(&set);
	dm_rpc_init();
	dm_rpc_use_tls(tls);
	if (tls != NULL)
		dm_tls_watch(tls, TLS_WATCH_MS);
	if (member != NULL)
		err = wait_for_etcd(member);
	if (err == NULL)
		err = server_start(cfg, tls, member, &server);
	if (err == NULL) {
		dm_info("dm-master is serving",
		    dm_kstr("addr", cfg->master_addr),
		    dm_kstr("advertise-addr", cfg->advertise_addr),
		    dm_kbool("tls", tls != NULL));
		wait_for_signal(&set);
		err = server_stop(server);
	}
	dm_tls_unwatch(tls);
	dm_rpc_shutdown();
	return err == NULL ? 0 : fail(err);
}

static int
run(const struct dm_master_cfg *cfg)
{
	bool embedded = strcmp(cfg->etcd_mode, "external") != 0;
	struct dm_etcd_member_proc *member = NULL;
	struct dm_err *err = check_supported(cfg);
	struct certs certs = { .tls = NULL, .member = NULL };
	int status;

	if (err == NULL)
		err = load_certs(cfg, &certs);
	if (err == NULL && embedded)
		err = start_member(cfg, &certs, &member);
	status = err != NULL ? fail(err) : serve(cfg, certs.tls, member);
	dm_etcd_member_stop(member);
	dm_tls_free(certs.tls);
	return status;
}

static int
start(const struct dm_master_cfg *cfg)
{
	struct dm_err *err;
	g_autofree char *toml = dm_master_cfg_toml(cfg);
	int status;

	err = dm_log_init(cfg->log.level, cfg->log.file, cfg->log.format);
	if (err != NULL) {
		g_autofree char *text = dm_err_message(err);

		printf("init logger error %s\n", text);
		dm_err_free(err);
		return EXIT_START;
	}
	dm_info("Welcome to dm-master",
	    dm_kstr("Release Version", dm_version_release()));
	dm_info("dm-master config", dm_kstr("config", toml));
	status = run(cfg);
	if (status == 0)
		dm_info("dm-master exit");
	return status;
}

int
main(int argc, char **argv)
{
	DM_AUTO(dm_master_cfg) cfg = NULL;
	enum dm_daemon_action action = DM_DAEMON_RUN;
	struct dm_err *err;

	err = dm_master_cfg_load(argc, argv, &action, &cfg);
	if (err != NULL) {
		g_autofree char *text = dm_err_message(err);

		printf("parse cmd flags err: %s\n", text);
		dm_err_free(err);
		return EXIT_START;
	}
	switch (action) {
	case DM_DAEMON_VERSION:
		fputs(dm_version_text(), stdout);
		return 0;
	case DM_DAEMON_HELP:
		fputs(dm_master_help(), stdout);
		return 0;
	case DM_DAEMON_SAMPLE:
		fputs(dm_master_sample(), stdout);
		return 0;
	case DM_DAEMON_RUN:
		break;
	}
	return start(cfg);
}
