/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dm-worker. The main thread reads the configuration, starts everything in
 * order, waits for a signal and stops everything in the reverse order.
 * SOURCE: dm/cmd/dm-worker/main.go; exit codes: control-plane reference 3.3.
 */
#include "lib/config/daemon.h"
#include "lib/log/log.h"
#include "lib/rpc/rpc.h"
#include "worker/agent/agent.h"
#include "worker/server.h"

#include <errno.h>
#include <mysql.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#define EXIT_CONFIG 2
#define EXIT_START  1
/* How soon changed certificate files are noticed when nobody connects. */
#define TLS_WATCH_MS 2000

struct program {
	struct holder *holder;
	struct server *server;
	_Atomic(struct agent *) agent;
	int refused; /* eventfd: the cluster does not take us */
};

static void
on_report(const Dm__V1__Report *report, void *arg)
{
	struct program *p = arg;
	struct agent *a = atomic_load(&p->agent);

	if (a != NULL)
		agent_report(a, report);
}

static void
on_refused(const char *why, void *arg)
{
	struct program *p = arg;
	uint64_t one = 1;

	dm_error("join the cluster meet error", dm_kstr("reason", why));
	fprintf(
	    stderr, "dm-worker: the cluster refuses this worker: %s\n", why);
	if (write(p->refused, &one, sizeof(one)) < 0)
		abort(); /* an eventfd at 0 takes one more */
}

static int
open_signals(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGQUIT);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
	return signalfd(-1, &set, SFD_CLOEXEC);
}

/* Returns true for a signal, false when the cluster refused us. */
static bool
wait_for_end(int signals, int refused)
{
	struct pollfd fds[] = { { .fd = signals, .events = POLLIN },
		{ .fd = refused, .events = POLLIN } };
	struct signalfd_siginfo si;

	while (poll(fds, DM_ARRAY_SIZE(fds), -1) < 0)
		dm_assert(errno == EINTR);
	if (fds[0].revents == 0)
		return false;
	if (read(signals, &si, sizeof(si)) == (ssize_t)sizeof(si))
		dm_info("got signal to exit",
		    dm_kstr("signal", strsignal((int)si.ssi_signo)));
	return true;
}

static struct dm_err *
start(struct program *p, const struct dm_worker_cfg *cfg, struct dm_tls *tls)
{
	g_autofree char *config = dm_worker_cfg_toml(cfg);
	struct server_opts so = {
		.addr = cfg->worker_addr, .worker = cfg->name, .tls = tls
	};
	struct holder_opts ho = { .worker = cfg->name,
		.lease_ttl_s = cfg->keepalive_ttl,
		.relay_dir = cfg->relay_dir,
		.many_sources = cfg->max_sources > 1,
		.report = on_report,
		.arg = p };
	struct agent_opts ao = { .masters = (const char *const *)cfg->join,
		.name = cfg->name,
		.address = cfg->advertise_addr,
		.ttl_s = cfg->keepalive_ttl,
		.max_sources = (uint32_t)cfg->max_sources,
		.config = config,
		.relay_ttl_s = cfg->relay_keepalive_ttl,
		.tls = tls,
		.refused = on_refused,
		.arg = p };
	struct dm_err *err;

	p->holder = holder_start(&ho);
	so.holder = ao.holder = p->holder;
	err = server_start(&so, &p->server);
	if (err != NULL)
		return err;
	atomic_store(&p->agent, agent_start(&ao));
	server_set_agent(p->server, atomic_load(&p->agent));
	return NULL;
}

/* Tasks are paused in order first, then the lease is given back. */
static void
stop(struct program *p)
{
	struct agent *a;

	if (p->holder != NULL)
		holder_stop(p->holder);
	server_stop(p->server);
	a = atomic_exchange(&p->agent, NULL);
	if (a != NULL)
		agent_stop(a);
	holder_free(p->holder);
}

static void
on_certs_changed(const struct dm_err *err, bool ca_changed, void *arg DM_UNUSED)
{
	if (err != NULL)
		dm_error("new certificates are not used, the old ones stay",
		    dm_kerr(err));
	else
		dm_info("new certificates are in use",
		    dm_kbool("ca-changed", ca_changed));
}

static int
run(const struct dm_worker_cfg *cfg, struct dm_tls *tls)
{
	struct program p = { .refused = eventfd(0, EFD_CLOEXEC) };
	int signals = open_signals();
	struct dm_err *err;
	int code = EXIT_SUCCESS;

	dm_info("Welcome to dm-worker",
	    dm_kstr("release-version", dm_version_release()),
	    dm_kstr("name", cfg->name),
	    dm_kstr("worker-addr", cfg->worker_addr));
	dm_rpc_init();
	dm_rpc_use_tls(tls);
	if (tls != NULL)
		dm_tls_watch(tls, TLS_WATCH_MS);
	mysql_library_init(0, NULL, NULL);
	err = start(&p, cfg, tls);
	if (err != NULL) {
		g_autofree char *text = dm_err_text(err);

		dm_error("fail to start dm-worker", dm_kerr(err));
		fprintf(stderr, "dm-worker: %s\n", text);
		dm_err_free(err);
		code = EXIT_START;
	} else if (!wait_for_end(signals, p.refused)) {
		code = EXIT_CONFIG;
	}
	stop(&p);
	mysql_library_end();
	dm_rpc_shutdown();
	close(signals);
	close(p.refused);
	dm_info("dm-worker exit", dm_kint("code", code));
	return code;
}

/* What the configuration may ask for but this version cannot do: refused, so
 * that nobody relies on it. */
static struct dm_err *
check_supported(const struct dm_worker_cfg *cfg)
{
	if (cfg->redact_info_log)
		return dm_err_set_cause(
		    dm_err_new(WORKER_INVALID_FLAG, "redact-info-log"),
		    "it is not available in this version: the log may hold "
		    "statements and errors with values");
	return NULL;
}

static struct dm_err *
load_certs(const struct dm_worker_cfg *cfg, struct dm_tls **tls)
{
	struct dm_err *err =
	    dm_tls_cfg_load(&cfg->tls, true, on_certs_changed, NULL, tls);

	return err == NULL ? NULL
			   : dm_err_wrap(err, WORKER_TLS_CONFIG_NOT_VALID);
}

static int
fail_config(struct dm_err *err)
{
	g_autofree char *text = dm_err_message(err);

	printf("parse cmd flags err: %s\n", text);
	dm_err_free(err);
	return EXIT_CONFIG;
}

int
main(int argc, char **argv)
{
	DM_AUTO(dm_worker_cfg) cfg = NULL;
	DM_AUTO(dm_tls) tls = NULL;
	enum dm_daemon_action action;
	struct dm_err *err;

	err = dm_worker_cfg_load(argc, argv, &action, &cfg);
	if (err != NULL)
		return fail_config(err);
	switch (action) {
	case DM_DAEMON_VERSION:
		fputs(dm_version_text(), stdout);
		return EXIT_SUCCESS;
	case DM_DAEMON_HELP:
		fputs(dm_worker_help(), stdout);
		return EXIT_SUCCESS;
	case DM_DAEMON_SAMPLE:
		fputs(dm_worker_sample(), stdout);
		return EXIT_SUCCESS;
	case DM_DAEMON_RUN:
		break;
	}
	err = check_supported(cfg);
	if (err == NULL)
		err = load_certs(cfg, &tls);
	if (err != NULL)
		return fail_config(err);
	err = dm_log_init(cfg->log.level, cfg->log.file, cfg->log.format);
	if (err != NULL) {
		g_autofree char *text = dm_err_message(err);

		printf("init logger error %s\n", text);
		dm_err_free(err);
		return EXIT_CONFIG;
	}
	return run(cfg, tls);
}
