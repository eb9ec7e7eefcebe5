/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dmctl: the process around ctl_main - signals and gRPC.
 *
 * THREADS: "ctl-signals" waits for a signal or for the end of main, which
 * joins it. On a signal it ends the process, whatever main is waiting for.
 */
#include "ctl/run.h"
#include "ctl/shell.h"
#include "lib/rpc/rpc.h"
#include "lib/thread/mutex.h"

#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

struct signals {
	int fd;   /* signalfd */
	int done; /* eventfd: main is over */
};

/* As the original, which is written in Go, names them. */
static const char *
signal_name(uint32_t signo)
{
	switch (signo) {
	case SIGHUP:
		return "hangup";
	case SIGINT:
		return "interrupt";
	case SIGTERM:
		return "terminated";
	case SIGQUIT:
		return "quit";
	default:
		return "unknown";
	}
}

__attribute__((noreturn)) static void
leave(uint32_t signo)
{
	ctl_shell_restore_terminal();
	if (signo == SIGINT && ctl_shell_at_prompt()) {
		dprintf(STDOUT_FILENO, "\n");
		_exit(EXIT_SUCCESS);
	}
	dprintf(
	    STDOUT_FILENO, "\nGot signal [%s] to exit.\n", signal_name(signo));
	_exit(signo == SIGTERM ? EXIT_SUCCESS : EXIT_FAILURE);
}

static void *
watch_signals(void *arg)
{
	const struct signals *s = arg;
	struct pollfd fds[2] = { { .fd = s->fd, .events = POLLIN },
		{ .fd = s->done, .events = POLLIN } };
	struct signalfd_siginfo info;

	for (;;) {
		if (poll(fds, 2, -1) < 0)
			continue;
		if (fds[1].revents != 0)
			return NULL;
		if (fds[0].revents != 0 &&
		    read(s->fd, &info, sizeof(info)) == sizeof(info))
			leave(info.ssi_signo);
	}
}

/* Before any other thread exists: all of them inherit the mask. */
static struct signals
take_signals(void)
{
	struct signals s;
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGQUIT);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
	s.fd = signalfd(-1, &set, SFD_CLOEXEC);
	s.done = eventfd(0, EFD_CLOEXEC);
	dm_assert(s.fd >= 0 && s.done >= 0);
	return s;
}

int
main(int argc, char **argv)
{
	struct signals s = take_signals();
	pthread_t watcher = dm_thread_start("ctl-signals", watch_signals, &s);
	int status;

	dm_rpc_init();
	status = ctl_main((size_t)(argc > 0 ? argc - 1 : 0),
	    (const char *const *)(argc > 0 ? argv + 1 : argv));
	dm_rpc_shutdown();
	eventfd_write(s.done, 1);
	pthread_join(watcher, NULL);
	close(s.fd);
	close(s.done);
	if (fflush(stdout) != 0 && status == EXIT_SUCCESS)
		status = EXIT_FAILURE;
	return status;
}
