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
#include "master/server.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#define EXIT_START    2
#define ETCD_READY_MS 10000

static bool
is_set(const char *s)
{
	return s != NULL && *s != '\0';
}

static bool
has_any(char *const *list)
{
	return list != NULL && list[0] != NULL;
}

/* What the configuration may ask for but this version cannot do: refused, so
 * that nobody relies on it. */
static struct dm_err *
check_supported(const struct dm_master_cfg *cfg)
{
	if (is_set(cfg->tls.ca) || is_set(cfg->tls.cert) ||
	    is_set(cfg->tls.key) || has_any(cfg->tls.cert_allowed_cn))
		return dm_err_set_cause(dm_err_new(MASTER_TLS_CONFIG_NOT_VALID),
		    "TLS on master-addr is not available in this version; "
		    "remove ssl-ca, ssl-cert, ssl-key and cert-allowed-cn");
	if (cfg->openapi)
		return dm_err_set_cause(
		    dm_err_new(MASTER_CONFIG_INVALID_FLAG, "openapi"),
		    "the OpenAPI is not available in this version; use dmctl");
	if (is_set(cfg->v1_sources_path))
		return dm_err_set_cause(
		    dm_err_new(MASTER_CONFIG_INVALID_FLAG, "v1-sources-path"),
		    "taking over a cluster of DM 1.0 is not available in this "
		    "version; use `dmctl operate-source create`");
	if (is_set(cfg->join))
		return dm_err_new(MASTER_JOIN_EMBED_ETCD_FAIL,
		    "joining a running cluster is not available in this "
		    "version; name all masters in initial-cluster");
	return NULL;
}

static struct dm_err *
start_member(
    const struct dm_master_cfg *cfg, struct dm_etcd_member_proc **member)
{
	g_autofree char *client_url =
	    g_strdup_printf("http://%s", cfg->advertise_addr);
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
	};

	return dm_etcd_member_start(&o, member);
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

/* member: NULL when etcd is external. */
static int
serve(const struct dm_master_cfg *cfg, struct dm_etcd_member_proc *member)
{
	const char *own[2] = { NULL, NULL };
	const char *const *endpoints = (const char *const *)cfg->etcd_endpoints;
	struct server *server = NULL;
	struct dm_err *err = NULL;
	sigset_t set;

	block_signals(&set);
	dm_rpc_init();
	if (member != NULL) {
		own[0] = dm_etcd_member_endpoint(member);
		endpoints = own;
		err = dm_etcd_member_wait_ready(member, ETCD_READY_MS);
	}
	if (err == NULL)
		err = server_start(cfg, endpoints, &server);
	if (err == NULL) {
		dm_info("dm-master is serving",
		    dm_kstr("addr", cfg->master_addr),
		    dm_kstr("advertise-addr", cfg->advertise_addr));
		wait_for_signal(&set);
		server_stop(server);
	}
	dm_rpc_shutdown();
	return err == NULL ? 0 : fail(err);
}

static int
run(const struct dm_master_cfg *cfg)
{
	struct dm_etcd_member_proc *member = NULL;
	struct dm_err *err = check_supported(cfg);
	int status;

	if (err != NULL)
		return fail(err);
	if (strcmp(cfg->etcd_mode, "external") == 0)
		return serve(cfg, NULL);
	err = start_member(cfg, &member);
	if (err != NULL)
		return fail(err);
	status = serve(cfg, member);
	dm_etcd_member_stop(member);
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
