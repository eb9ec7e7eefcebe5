/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The supervisor of etcd: see supervisor.h, member.h.
 *
 * DESIGN: all signals are blocked and read from a signalfd. It waits for
 * three things: the end of etcd (start it again, with back-off), a word from
 * the master or the end of their socket (stop), and the master's death
 * (PR_SET_PDEATHSIG: stop; it also ends the socket, unless another process
 * inherited it). A TERM while the master lives is not meant for us.
 * Should we be killed, the kernel kills etcd, which loses nothing by that.
 */
#include "lib/etcd/supervisor.h"

#include "lib/base/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define FIRST_PAUSE_MS 100
#define MAX_PAUSE_MS   3000
#define GOOD_RUN_MS    10000 /* after such a run the pause starts anew */
#define TERM_MS        5000
#define MAX_LOG_BYTES  ((off_t)64 << 20)

/* Where the two descriptors that we keep are put. */
#define FD_SOCK 3
#define FD_LOCK 4

struct state {
	const struct dm_etcd_supervisor *s;
	int sig_fd;
	pid_t etcd; /* 0: down */
	struct dm_mono started;
	int64_t pause_ms;
};

static _Noreturn void
give_up(const char *what)
{
	perror(what);
	_exit(1);
}

/* Standard error and output go to the log; a large one is put aside. */
static void
open_log(void)
{
	struct stat st;
	int fd;

	if (stat(DM_ETCD_LOG_NAME, &st) == 0 && st.st_size > MAX_LOG_BYTES)
		(void)rename(DM_ETCD_LOG_NAME, DM_ETCD_LOG_NAME ".1");
	fd = open(
	    DM_ETCD_LOG_NAME, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	if (fd < 0)
		return; /* the disk may be full: etcd will say so */
	dup2(fd, STDOUT_FILENO);
	dup2(fd, STDERR_FILENO);
	close(fd);
}

static int
move_fd(int fd, int to)
{
	return fd == to ? fcntl(fd, F_SETFD, FD_CLOEXEC)
			: dup3(fd, to, O_CLOEXEC);
}

static void
arrange_fds(const struct dm_etcd_supervisor *s)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	/* First out of the way of the places they shall take. */
	int sock = fcntl(s->sock, F_DUPFD_CLOEXEC, FD_LOCK + 1);
	int lock = fcntl(s->lock_fd, F_DUPFD_CLOEXEC, FD_LOCK + 1);

	if (null < 0 || sock < 0 || lock < 0 || dup2(null, STDIN_FILENO) < 0 ||
	    dup2(null, STDOUT_FILENO) < 0 || dup2(null, STDERR_FILENO) < 0 ||
	    move_fd(sock, FD_SOCK) < 0 || move_fd(lock, FD_LOCK) < 0)
		_exit(1);
	close_range(FD_LOCK + 1, ~0U, 0);
}

static void
settle(struct state *st)
{
	sigset_t all;

	if (prctl(PR_SET_PDEATHSIG, SIGTERM) < 0 || getppid() != st->s->parent)
		_exit(0);
	(void)setsid();
	(void)prctl(PR_SET_NAME, "dm-etcd-superv");
	arrange_fds(st->s);
	if (chdir(st->s->data_dir) < 0)
		_exit(1);
	open_log();
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, NULL);
	st->sig_fd = signalfd(-1, &all, SFD_CLOEXEC | SFD_NONBLOCK);
	if (st->sig_fd < 0)
		give_up("signalfd");
}

static _Noreturn void
exec_etcd(const struct dm_etcd_supervisor *s, pid_t supervisor, int report_fd)
{
	sigset_t none;
	int e;

	/* Ignored signals stay ignored through exec. */
	for (int sig = 1; sig < SIGRTMIN; sig++)
		(void)signal(sig, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || getppid() != supervisor)
		_exit(1);
	execve(s->program, s->argv, s->envp);
	e = errno;
	(void)!write(report_fd, &e, sizeof(e));
	_exit(127);
}

/* 0, or the errno of fork or exec. */
static int
start_etcd(struct state *st)
{
	pid_t self = getpid(), pid;
	int report[2], e = 0;

	st->started = dm_mono_now();
	/* A killed etcd leaves it, and the next one could not bind. */
	(void)unlink(DM_ETCD_SOCKET_NAME);
	if (pipe2(report, O_CLOEXEC) < 0)
		return errno;
	pid = fork();
	if (pid == 0)
		exec_etcd(st->s, self, report[1]);
	e = pid < 0 ? errno : 0;
	close(report[1]);
	/* End of file: exec has closed the other end. */
	if (pid > 0 && read(report[0], &e, sizeof(e)) == sizeof(e))
		(void)waitpid(pid, NULL, 0);
	close(report[0]);
	if (e != 0)
		return e;
	st->etcd = pid;
	atomic_store(&st->s->shared->pid, pid);
	return 0;
}

static void
read_signals(struct state *st, bool *stop)
{
	struct signalfd_siginfo si;

	while (read(st->sig_fd, &si, sizeof(si)) == (ssize_t)sizeof(si)) {
		if (si.ssi_signo == SIGTERM && getppid() != st->s->parent)
			*stop = true;
	}
}

/* True when etcd has ended. */
static bool
reap(struct state *st)
{
	if (st->etcd == 0 || waitpid(st->etcd, NULL, WNOHANG) != st->etcd)
		return false;
	st->etcd = 0;
	atomic_store(&st->s->shared->pid, 0);
	return true;
}

/* A word of the master, or the end of the socket. False: stop. */
static bool
read_word(struct state *st)
{
	char word = 0;

	if (recv(FD_SOCK, &word, 1, MSG_DONTWAIT) != 1 ||
	    word != DM_ETCD_RESTART)
		return false;
	if (st->etcd != 0)
		(void)kill(st->etcd, SIGTERM);
	return true;
}

/* Wait for something to happen, at most ms (-1: without a limit). */
static bool
wait_stop(struct state *st, int64_t ms)
{
	struct pollfd p[2] = { { .fd = FD_SOCK, .events = POLLIN },
		{ .fd = st->sig_fd, .events = POLLIN } };
	bool stop = false;

	(void)poll(p, 2, (int)ms);
	read_signals(st, &stop);
	return stop || (p[0].revents != 0 && !read_word(st));
}

static void
end_etcd(struct state *st)
{
	struct dm_mono until = dm_mono_add_ms(dm_mono_now(), TERM_MS);
	struct pollfd p = { .fd = st->sig_fd, .events = POLLIN };
	bool ignored;
	int64_t left;

	if (st->etcd == 0)
		return;
	(void)kill(st->etcd, SIGTERM);
	while (!reap(st)) {
		left = dm_mono_diff_ms(until, dm_mono_now());
		if (left <= 0) {
			(void)kill(st->etcd, SIGKILL);
			(void)waitpid(st->etcd, NULL, 0);
			break;
		}
		(void)poll(&p, 1, (int)left);
		read_signals(st, &ignored);
	}
}

/* etcd is down: wait, then start it. True: stop. */
static bool
restart(struct state *st)
{
	struct dm_mono at = dm_mono_add_ms(dm_mono_now(), st->pause_ms);
	int64_t left;
	int e;

	st->pause_ms = MIN(2 * st->pause_ms, MAX_PAUSE_MS);
	while ((left = dm_mono_diff_ms(at, dm_mono_now())) > 0) {
		if (wait_stop(st, left))
			return true;
	}
	open_log();
	e = start_etcd(st);
	atomic_store(&st->s->shared->exec_errno, e);
	if (e != 0)
		atomic_fetch_add(&st->s->shared->exits, 1);
	return false;
}

void
dm_etcd_supervise(const struct dm_etcd_supervisor *s)
{
	struct state st = { .s = s, .pause_ms = FIRST_PAUSE_MS };
	char word = DM_ETCD_STARTED;
	bool stop = false;
	int e;

	settle(&st);
	e = start_etcd(&st);
	atomic_store(&s->shared->exec_errno, e);
	if (e != 0)
		word = DM_ETCD_FAILED;
	if (send(FD_SOCK, &word, 1, MSG_NOSIGNAL) != 1 || e != 0)
		stop = true;
	while (!stop) {
		if (st.etcd == 0) {
			stop = restart(&st);
			continue;
		}
		stop = wait_stop(&st, -1);
		if (!reap(&st))
			continue;
		atomic_fetch_add(&s->shared->exits, 1);
		if (dm_mono_diff_ms(dm_mono_now(), st.started) > GOOD_RUN_MS)
			st.pause_ms = FIRST_PAUSE_MS;
	}
	end_etcd(&st);
	_exit(0);
}
