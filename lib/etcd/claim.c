/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One etcd per data dir: see dm_etcd_claim_dir in supervisor.h.
 *
 * DESIGN: the supervisor holds a lock on a file in the data dir. With that
 * lock in our hand no supervisor lives, so an etcd that works there is an
 * orphan. It is recognised by its executable's name and its --data-dir
 * argument, and ended through a pidfd: the number cannot be taken over by
 * another process between looking and killing.
 */
#include "lib/etcd/supervisor.h"

#include "lib/base/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/file.h>
#include <sys/pidfd.h>
#include <time.h>
#include <unistd.h>

#define LOCK_NAME "supervisor.lock"
#define LOCK_MS   6000 /* a supervisor that ends takes up to 5 s */
#define LOCK_STEP ((long)50 * 1000 * 1000)
#define END_MS    5000
#define DELETED   " (deleted)"

static bool
runs_program(const char *pid, const char *program)
{
	g_autofree char *link = g_strdup_printf("/proc/%s/exe", pid);
	g_autofree char *exe = g_file_read_link(link, NULL);
	g_autofree char *have = NULL, *want = NULL;

	if (exe == NULL)
		return false;
	/* So the kernel marks a program that was replaced meanwhile. */
	if (g_str_has_suffix(exe, DELETED))
		exe[strlen(exe) - strlen(DELETED)] = '\0';
	have = g_path_get_basename(exe);
	want = g_path_get_basename(program);
	return strcmp(have, want) == 0;
}

static bool
has_data_dir(const char *pid, const char *data_dir)
{
	g_autofree char *path = g_strdup_printf("/proc/%s/cmdline", pid);
	g_autofree char *want = g_strdup_printf("--data-dir=%s", data_dir);
	g_autofree char *args = NULL;
	gsize len;

	if (!g_file_get_contents(path, &args, &len, NULL))
		return false;
	for (gsize i = 0; i < len; i += strlen(args + i) + 1) {
		if (strcmp(args + i, want) == 0)
			return true;
	}
	return false;
}

static bool
ends_within(int pidfd, int sig, int ms)
{
	struct pollfd p = { .fd = pidfd, .events = POLLIN };

	if (pidfd_send_signal(pidfd, sig, NULL, 0) < 0)
		return errno == ESRCH;
	return poll(&p, 1, ms) == 1;
}

static struct dm_err *
end_if_orphan(const char *pid, const char *program, const char *data_dir)
{
	struct dm_err *err = NULL;
	int fd;

	if (!runs_program(pid, program) || !has_data_dir(pid, data_dir))
		return NULL;
	fd = pidfd_open((pid_t)g_ascii_strtoll(pid, NULL, 10), 0);
	if (fd < 0)
		return NULL; /* it has just ended */
	/* Once more: only now the number is sure to be that process's. */
	if (runs_program(pid, program) && has_data_dir(pid, data_dir) &&
	    !ends_within(fd, SIGTERM, END_MS) &&
	    !ends_within(fd, SIGKILL, END_MS))
		err = dm_err_plain("an old etcd, pid %s, uses %s and does "
				   "not end: %s",
		    pid, data_dir, g_strerror(errno));
	close(fd);
	return err;
}

static struct dm_err *
end_orphans(const char *program, const char *data_dir)
{
	g_autoptr(GDir) dir = g_dir_open("/proc", 0, NULL);
	struct dm_err *err = NULL;
	const char *name;

	while (err == NULL && dir != NULL &&
	       (name = g_dir_read_name(dir)) != NULL) {
		if (g_ascii_isdigit(name[0]))
			err = end_if_orphan(name, program, data_dir);
	}
	return err;
}

static struct dm_err *
lock_dir(const char *data_dir, int *lock_fd)
{
	g_autofree char *path = g_build_filename(data_dir, LOCK_NAME, NULL);
	struct dm_mono until = dm_mono_add_ms(dm_mono_now(), LOCK_MS);
	struct timespec step = { .tv_nsec = LOCK_STEP };
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

	if (fd < 0)
		return dm_err_plain("open %s: %s", path, g_strerror(errno));
	while (flock(fd, LOCK_EX | LOCK_NB) < 0) {
		if (errno != EWOULDBLOCK && errno != EINTR) {
			close(fd);
			return dm_err_plain(
			    "lock %s: %s", path, g_strerror(errno));
		}
		if (dm_mono_diff_ms(until, dm_mono_now()) <= 0) {
			close(fd);
			return dm_err_plain("data dir %s is in use by another "
					    "running dm-master",
			    data_dir);
		}
		nanosleep(&step, NULL);
	}
	*lock_fd = fd;
	return NULL;
}

struct dm_err *
dm_etcd_claim_dir(const char *program, const char *data_dir, int *lock_fd)
{
	struct dm_err *err;
	int fd = -1;

	err = lock_dir(data_dir, &fd);
	if (err != NULL)
		return err;
	err = end_orphans(program, data_dir);
	if (err != NULL) {
		close(fd);
		return err;
	}
	*lock_fd = fd;
	return NULL;
}
