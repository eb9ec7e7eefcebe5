/* SPDX-License-Identifier: Apache-2.0 */
/* The embedded member, the master's side: see member.h. */
#include "lib/etcd/member.h"

#include "lib/base/clock.h"
#include "lib/etcd/diagnose.h"
#include "lib/etcd/etcd.h"
#include "lib/etcd/member_tls.h"
#include "lib/etcd/supervisor.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define START_MS       10000
#define STOP_MS        10000 /* the supervisor gives etcd 5 s */
#define HOPELESS_EXITS 5
#define PROBE_MS       1000
#define STEP_NS        ((long)50 * 1000 * 1000)
#define TAIL_BYTES     32768
#define TAIL_LINES     3
#define MAX_LINE       400
#define LEAST_ROOM     ((uint64_t)1 << 20)

struct dm_etcd_member_proc {
	char *data_dir, *endpoint;
	struct dm_tls *tls; /* NULL: in clear */
	off_t log_start;    /* the log's size before our etcd */
	int sock;
	pid_t supervisor;
	struct dm_etcd_shared *shared;
};

/* ---- what etcd is started with ---- */

static void
add_flag(GPtrArray *argv, const char *name, const char *value)
{
	if (value != NULL && value[0] != '\0')
		g_ptr_array_add(argv, g_strdup_printf("--%s=%s", name, value));
}

static void
add_number(GPtrArray *argv, const char *name, int64_t value)
{
	if (value > 0)
		g_ptr_array_add(argv,
		    g_strdup_printf("--%s=%" G_GINT64_FORMAT, name, value));
}

static GPtrArray *
build_argv(const struct dm_etcd_member_opts *o, const char *data_dir)
{
	GPtrArray *a = g_ptr_array_new_with_free_func(g_free);

	g_ptr_array_add(a, g_strdup("etcd"));
	add_flag(a, "name", o->name);
	add_flag(a, "data-dir", data_dir);
	add_flag(a, "listen-peer-urls", o->peer_urls);
	add_flag(a, "initial-advertise-peer-urls", o->advertise_peer_urls);
	add_flag(a, "listen-client-urls",
	    o->tls != NULL ? "unixs://" DM_ETCD_SOCKET_NAME
			   : "unix://" DM_ETCD_SOCKET_NAME);
	add_flag(a, "advertise-client-urls", o->advertise_client_urls);
	add_flag(a, "initial-cluster", o->initial_cluster);
	add_flag(a, "initial-cluster-state",
	    o->initial_cluster_state ? o->initial_cluster_state : "new");
	add_flag(a, "auto-compaction-mode", o->auto_compaction_mode);
	add_flag(a, "auto-compaction-retention", o->auto_compaction_retention);
	add_number(a, "quota-backend-bytes", o->quota_backend_bytes);
	add_number(a, "max-txn-ops", o->max_txn_ops);
	add_number(a, "max-request-bytes", o->max_request_bytes);
	add_number(a, "heartbeat-interval", o->heartbeat_ms);
	add_number(a, "election-timeout", o->election_ms);
	/* A member that comes back does not unseat a leader that works. */
	add_flag(a, "pre-vote", "true");
	if (o->tls != NULL)
		dm_etcd_member_tls_flags(a, data_dir, o->peer_cn);
	add_flag(a, "logger", "zap");
	add_flag(a, "log-outputs", "stderr");
	g_ptr_array_add(a, NULL);
	return a;
}

/* Ours without ETCD_*, which etcd would take for flags. */
static GPtrArray *
build_env(void)
{
	GPtrArray *a = g_ptr_array_new_with_free_func(g_free);

	for (char **p = environ; *p != NULL; p++) {
		if (!g_str_has_prefix(*p, "ETCD_"))
			g_ptr_array_add(a, g_strdup(*p));
	}
	g_ptr_array_add(a, NULL);
	return a;
}

static struct dm_err *
check_opts(const struct dm_etcd_member_opts *o)
{
	const struct {
		const char *name, *value;
	} needed[] = {
		{ "name", o->name },
		{ "data-dir", o->data_dir },
		{ "peer-urls", o->peer_urls },
		{ "advertise-peer-urls", o->advertise_peer_urls },
		{ "advertise-addr", o->advertise_client_urls },
		{ "initial-cluster", o->initial_cluster },
	};

	for (size_t i = 0; i < DM_ARRAY_SIZE(needed); i++) {
		if (needed[i].value == NULL || needed[i].value[0] == '\0')
			return dm_err_set_cause(
			    dm_err_new(MASTER_GEN_EMBED_ETCD_CONFIG_FAIL,
				needed[i].name),
			    "it is empty");
	}
	return NULL;
}

/* ---- start ---- */

static struct dm_err *
start_failed(const char *what, int e)
{
	return dm_err_set_cause(dm_err_new(MASTER_START_EMBED_ETCD_FAIL),
	    "%s: %s", what, g_strerror(e));
}

/* *abs: new. */
static struct dm_err *
make_data_dir(const char *dir, char **abs)
{
	char *real;

	if (g_mkdir_with_parents(dir, 0700) < 0)
		return start_failed(dir, errno);
	/* The folder's mode is all that guards the socket in it. */
	if (chmod(dir, 0700) < 0)
		return start_failed(dir, errno);
	real = realpath(dir, NULL);
	if (real == NULL)
		return start_failed(dir, errno);
	*abs = g_strdup(real);
	free(real);
	return NULL;
}

static struct dm_err *
find_program(const char *given, char **path)
{
	const char *name = given && given[0] != '\0' ? given : "etcd";
	g_autofree char *found = g_find_program_in_path(name);
	struct dm_err *err;

	if (found == NULL) {
		err = dm_err_set_cause(dm_err_new(MASTER_START_EMBED_ETCD_FAIL),
		    "the program %s is not installed, or not executable", name);
		return dm_err_set_workaround(err,
		    "install etcd (Debian package etcd-server), or give its "
		    "path by `etcd-path`");
	}
	*path = g_canonicalize_filename(found, NULL);
	return NULL;
}

/* What the supervisor said about the first start. */
static struct dm_err *
await_first_start(struct dm_etcd_member_proc *m, const char *program)
{
	struct pollfd p = { .fd = m->sock, .events = POLLIN };
	char word = 0;
	int rc;

	while ((rc = poll(&p, 1, START_MS)) < 0 && errno == EINTR)
		;
	if (rc == 1 && recv(m->sock, &word, 1, 0) == 1 &&
	    word == DM_ETCD_STARTED)
		return NULL;
	if (word == DM_ETCD_FAILED)
		return start_failed(
		    program, atomic_load(&m->shared->exec_errno));
	return dm_err_set_cause(dm_err_new(MASTER_START_EMBED_ETCD_FAIL),
	    "its supervisor has ended, or does not answer");
}

/* The caller has one thread: the child may do what it likes. */
static struct dm_err *
fork_supervisor(struct dm_etcd_member_proc *m, const char *program,
    GPtrArray *argv, int lock_fd)
{
	g_autoptr(GPtrArray) env = build_env();
	struct dm_etcd_supervisor s = { .program = program,
		.argv = (char *const *)argv->pdata,
		.envp = (char *const *)env->pdata,
		.data_dir = m->data_dir,
		.lock_fd = lock_fd,
		.parent = getpid(),
		.shared = m->shared };
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return start_failed("socketpair", errno);
	s.sock = pair[1];
	m->supervisor = fork();
	if (m->supervisor == 0) {
		close(pair[0]);
		dm_etcd_supervise(&s);
	}
	close(pair[1]);
	m->sock = pair[0];
	if (m->supervisor < 0)
		return start_failed("fork", errno);
	return await_first_start(m, program);
}

static off_t
log_size(const char *data_dir)
{
	g_autofree char *path =
	    g_build_filename(data_dir, DM_ETCD_LOG_NAME, NULL);
	struct stat st;

	return stat(path, &st) == 0 ? st.st_size : 0;
}

static struct dm_err *
start(const struct dm_etcd_member_opts *o, struct dm_etcd_member_proc *m)
{
	g_autofree char *program = NULL;
	g_autoptr(GPtrArray) argv = NULL;
	struct dm_err *err;
	int lock_fd;

	err = check_opts(o);
	if (err == NULL)
		err = find_program(o->etcd_path, &program);
	if (err == NULL)
		err = make_data_dir(o->data_dir, &m->data_dir);
	if (err != NULL)
		return err;
	m->tls = o->tls;
	m->endpoint = g_strconcat(o->tls != NULL ? "unixs://" : "unix://",
	    m->data_dir, "/" DM_ETCD_SOCKET_NAME, NULL);
	m->log_start = log_size(m->data_dir);
	m->shared = mmap(NULL, sizeof(*m->shared), PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (m->shared == MAP_FAILED) {
		m->shared = NULL;
		return start_failed("mmap", errno);
	}
	err = dm_etcd_claim_dir(program, m->data_dir, &lock_fd);
	if (err != NULL)
		return dm_err_wrap(err, MASTER_START_EMBED_ETCD_FAIL);
	if (o->tls != NULL)
		err = dm_etcd_member_tls_write(m->data_dir, o->tls);
	if (err != NULL) {
		close(lock_fd);
		return dm_err_wrap(err, MASTER_START_EMBED_ETCD_FAIL);
	}
	argv = build_argv(o, m->data_dir);
	err = fork_supervisor(m, program, argv, lock_fd);
	close(lock_fd);
	return err;
}

struct dm_err *
dm_etcd_member_start(
    const struct dm_etcd_member_opts *o, struct dm_etcd_member_proc **out)
{
	struct dm_etcd_member_proc *m = g_new0(struct dm_etcd_member_proc, 1);
	struct dm_err *err;

	m->sock = -1;
	err = start(o, m);
	if (err != NULL) {
		dm_etcd_member_stop(m);
		return err;
	}
	*out = m;
	return NULL;
}

const char *
dm_etcd_member_endpoint(const struct dm_etcd_member_proc *m)
{
	return m->endpoint;
}

int
dm_etcd_member_pid(const struct dm_etcd_member_proc *m)
{
	return atomic_load(&m->shared->pid);
}

struct dm_err *
dm_etcd_member_renew(struct dm_etcd_member_proc *m, bool restart)
{
	static const char word = DM_ETCD_RESTART;
	struct dm_err *err = dm_etcd_member_tls_write(m->data_dir, m->tls);

	if (err == NULL && restart &&
	    send(m->sock, &word, 1, MSG_NOSIGNAL) != 1)
		err = dm_err_plain("restart etcd: %s", g_strerror(errno));
	return err;
}

/* ---- readiness ---- */

/* The end of what our etcd wrote. New string. */
static char *
log_tail(const struct dm_etcd_member_proc *m)
{
	g_autofree char *path =
	    g_build_filename(m->data_dir, DM_ETCD_LOG_NAME, NULL);
	g_autofree char *buf = g_malloc(TAIL_BYTES + 1);
	off_t size = log_size(m->data_dir), from = m->log_start;
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = 0;

	if (size < from)
		from = 0; /* it was put aside */
	from = MAX(from, size - TAIL_BYTES);
	if (fd >= 0) {
		n = pread(fd, buf, TAIL_BYTES, from);
		close(fd);
	}
	buf[MAX(n, 0)] = '\0';
	return g_strdup(g_strchomp(buf));
}

/* The last lines of a text, long ones cut. New string. */
static char *
last_lines(const char *text)
{
	g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
	g_autoptr(GString) out = g_string_new(NULL);
	guint n = g_strv_length(lines);

	for (guint i = n > TAIL_LINES ? n - TAIL_LINES : 0; i < n; i++)
		g_string_append_printf(out, "%s%.*s", out->len > 0 ? "\n" : "",
		    MAX_LINE, lines[i]);
	return g_strdup(out->str);
}

/* A full disk often keeps etcd from writing why it ended. */
static bool
disk_is_full(const char *dir)
{
	struct statvfs fs;

	return statvfs(dir, &fs) == 0 &&
	       (uint64_t)fs.f_bavail * fs.f_frsize < LEAST_ROOM;
}

struct dm_err *
dm_etcd_member_why(const struct dm_etcd_member_proc *m, bool *final)
{
	g_autofree char *tail = log_tail(m);
	g_autofree char *lines = last_lines(tail);
	const struct dm_etcd_fault *f = dm_etcd_diagnose(tail);
	struct dm_err *err = dm_err_new(MASTER_START_EMBED_ETCD_FAIL);

	if ((f == NULL || !f->final) && disk_is_full(m->data_dir))
		f = dm_etcd_diagnose(DM_ETCD_FULL_DISK);
	*final = f != NULL && f->final;
	err = dm_err_set_cause(err, "%s (%s); last lines of %s/%s:\n%s",
	    f != NULL ? f->what : "etcd does not run", m->data_dir, m->data_dir,
	    DM_ETCD_LOG_NAME, lines);
	if (f != NULL)
		err = dm_err_set_workaround(err, "%s", f->remedy);
	return err;
}

int
dm_etcd_member_exits(const struct dm_etcd_member_proc *m)
{
	return atomic_load(&m->shared->exits);
}

/* NULL while there is hope. */
static struct dm_err *
check_exits(const struct dm_etcd_member_proc *m, int exits)
{
	struct dm_err *why;
	bool final;

	if (exits == 0)
		return NULL;
	why = dm_etcd_member_why(m, &final);
	if (final || exits >= HOPELESS_EXITS)
		return why;
	dm_err_free(why);
	return NULL;
}

struct dm_err *
dm_etcd_member_wait_ready(
    struct dm_etcd_member_proc *m, int64_t timeout_ms, bool *ready)
{
	const char *eps[] = { m->endpoint, NULL };
	struct dm_etcd_opts o = {
		.endpoints = eps, .tls = m->tls, .timeout_ms = PROBE_MS
	};
	struct dm_mono until = dm_mono_add_ms(dm_mono_now(), timeout_ms);
	struct timespec step = { .tv_nsec = STEP_NS };
	DM_AUTO(dm_etcd) e = NULL;
	int before = dm_etcd_member_exits(m);
	struct dm_err *err = dm_etcd_new(&o, &e);

	*ready = false;
	while (err == NULL && !*ready) {
		struct dm_err *ill = dm_etcd_health(e);

		*ready = ill == NULL;
		dm_err_free(ill);
		if (*ready)
			break;
		err = check_exits(m, dm_etcd_member_exits(m) - before);
		if (dm_mono_diff_ms(until, dm_mono_now()) <= 0)
			break;
		nanosleep(&step, NULL);
	}
	return err;
}

/* ---- stop ---- */

static void
join_supervisor(const struct dm_etcd_member_proc *m)
{
	struct dm_mono until = dm_mono_add_ms(dm_mono_now(), STOP_MS);
	struct timespec step = { .tv_nsec = STEP_NS / 5 };

	while (waitpid(m->supervisor, NULL, WNOHANG) == 0) {
		if (dm_mono_diff_ms(until, dm_mono_now()) <= 0) {
			/* The kernel then kills etcd. */
			(void)kill(m->supervisor, SIGKILL);
			(void)waitpid(m->supervisor, NULL, 0);
			return;
		}
		nanosleep(&step, NULL);
	}
}

void
dm_etcd_member_stop(struct dm_etcd_member_proc *m)
{
	if (m == NULL)
		return;
	if (m->sock >= 0) {
		/* A word, not only the end of the socket: another process
		 * may have inherited our side. */
		(void)send(m->sock, "Q", 1, MSG_NOSIGNAL);
		close(m->sock);
	}
	if (m->supervisor > 0)
		join_supervisor(m);
	if (m->shared != NULL)
		munmap(m->shared, sizeof(*m->shared));
	g_free(m->data_dir);
	g_free(m->endpoint);
	g_free(m);
}
