/* SPDX-License-Identifier: Apache-2.0 */
/* The folder of a dump: see dir.h. Called by the subtask's thread. */
#include "worker/dump/dir.h"

#include "lib/dump/stream.h"
#include "lib/log/log.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define DIR_MODE   0700
#define OWNER_MODE 0600
/* Two names with their words. */
#define OWNER_MAX 1024

char *
dump_dir_path(const struct unit_env *env)
{
	const char *dir = env->inst->loader.dir;

	if (env->task->mode != DM_MODE_ALL && env->task->mode != DM_MODE_FULL)
		return g_strdup(dir);
	return g_strconcat(
	    dir, ".", env->task->name, ".", env->source->source_id, NULL);
}

char *
dump_dir_file(const struct dump_dir *d, const char *file)
{
	return g_build_filename(d->path, file, NULL);
}

/* ---- whose it is ---- */

/* The value of a line "key: value"; new string, "": there is none. */
static char *
owner_value(const char *text, const char *key)
{
	g_autofree char *head = g_strconcat(key, ": ", NULL);
	const char *at = strstr(text, head);

	if (at == NULL)
		return g_strdup("");
	at += strlen(head);
	return g_strndup(at, strcspn(at, "\n"));
}

/* What DUMP_DIR_OWNER says; "": nothing. */
static void
read_owner(const struct dump_dir *d, char **task, char **source)
{
	char text[OWNER_MAX + 1];
	int fd = openat(d->fd, DUMP_DIR_OWNER, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? 0 : read(fd, text, OWNER_MAX);

	if (fd >= 0)
		close(fd);
	text[MAX(n, 0)] = '\0';
	*task = owner_value(text, "task");
	*source = owner_value(text, "source");
}

static struct dm_err *
lock_dir(struct dump_dir *d)
{
	g_autofree char *task = NULL, *source = NULL;
	struct dm_err *err;

	if (flock(d->fd, LOCK_EX | LOCK_NB) == 0)
		return NULL;
	read_owner(d, &task, &source);
	err = dm_err_new(DUMP_UNIT_RUNTIME, "the folder is in use");
	dm_err_set_cause(err,
	    "%s: another task or dm-worker has it locked (last used by task "
	    "'%s' for source '%s')",
	    d->path, task, source);
	return dm_err_set_workaround(err,
	    "give each source and task a `dir` of its own (`loaders` in the "
	    "task file), or wait until the other one is done, then "
	    "`resume-task`");
}

static struct dm_err *
other_source(const struct dump_dir *d, const char *task, const char *source,
    const struct unit_env *env)
{
	struct dm_err *err = dm_err_new(
	    DUMP_UNIT_RUNTIME, "the folder has the dump of another source");

	dm_err_set_cause(err,
	    "%s has the dump that task '%s' used for source '%s'; this one is "
	    "of source '%s'",
	    d->path, task, source, env->source->source_id);
	return dm_err_set_workaround(err,
	    "give each source a `dir` of its own (`loaders` in the task file); "
	    "or, if the dump in it is not needed any more or is of this source "
	    "under another name, remove %s/" DUMP_DIR_OWNER
	    ", then `resume-task`",
	    d->path);
}

/* A folder that nobody may write can still be loaded from. */
static struct dm_err *
write_owner(
    struct dump_dir *d, const struct unit_env *env, enum dump_dir_use use)
{
	g_autofree char *text = g_strdup_printf(
	    "task: %s\nsource: %s\n", env->task->name, env->source->source_id);
	size_t len = strlen(text);
	int fd = openat(d->fd, DUMP_DIR_OWNER,
	    O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, OWNER_MODE);
	bool ok = fd >= 0 && write(fd, text, len) == (ssize_t)len;
	int no = errno;

	if (fd >= 0)
		close(fd);
	if (ok)
		return NULL;
	if (use == DUMP_DIR_DUMP)
		return dm_dump_write_error("write a file", d->path, no);
	dm_info("the folder of the dump cannot be written",
	    dm_kstr("dir", d->path), dm_kstr("why", g_strerror(no)));
	return NULL;
}

static struct dm_err *
claim_dir(struct dump_dir *d, const struct unit_env *env, enum dump_dir_use use)
{
	g_autofree char *task = NULL, *source = NULL;

	read_owner(d, &task, &source);
	if (source[0] != '\0' && strcmp(source, env->source->source_id) != 0)
		return other_source(d, task, source, env);
	return write_owner(d, env, use);
}

/* ---- opening ---- */

static void
open_fd(struct dump_dir *d)
{
	d->fd = open(d->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

/* Where a version before this one dumped, for loads that it began. */
static void
open_older(struct dump_dir *d, const struct unit_env *env)
{
	g_autofree char *older =
	    g_strconcat(env->inst->loader.dir, ".", env->task->name, NULL);

	if (!g_str_has_prefix(d->path, older) || errno != ENOENT)
		return;
	g_free(d->path);
	d->path = DM_TAKE(older);
	open_fd(d);
}

struct dm_err *
dump_dir_open(
    struct dump_dir *d, const struct unit_env *env, enum dump_dir_use use)
{
	struct dm_err *err;

	d->path = dump_dir_path(env);
	d->fd = -1;
	if (use == DUMP_DIR_DUMP &&
	    g_mkdir_with_parents(d->path, DIR_MODE) != 0)
		return dm_dump_write_error("make a folder", d->path, errno);
	open_fd(d);
	if (d->fd < 0 && use == DUMP_DIR_RESUME)
		open_older(d, env);
	if (d->fd < 0 && use != DUMP_DIR_DUMP)
		return dm_err_new(LOAD_UNIT_DUMP_DIR_NOT_FOUND, d->path);
	if (d->fd < 0)
		return dm_dump_write_error("open a folder", d->path, errno);
	err = lock_dir(d);
	return err != NULL ? err : claim_dir(d, env, use);
}

void
dump_dir_close(struct dump_dir *d)
{
	if (d->path != NULL && d->fd >= 0)
		close(d->fd);
	d->fd = -1;
	g_clear_pointer(&d->path, g_free);
}

static int
by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

struct dm_err *
dump_dir_list(struct dump_dir *d, GPtrArray **out)
{
	g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
	DIR *dir = opendir(d->path);
	const struct dirent *e;

	if (dir == NULL)
		return dm_err_new(LOAD_UNIT_DUMP_DIR_NOT_FOUND, d->path);
	while ((e = readdir(dir)) != NULL)
		if (strcmp(e->d_name, ".") != 0 &&
		    strcmp(e->d_name, "..") != 0 &&
		    strcmp(e->d_name, DUMP_DIR_OWNER) != 0)
			g_ptr_array_add(names, g_strdup(e->d_name));
	closedir(dir);
	g_ptr_array_sort(names, by_name);
	*out = g_steal_pointer(&names);
	return NULL;
}

static bool
is_file(const struct dump_dir *d, const char *name)
{
	struct stat st;

	return fstatat(d->fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	       S_ISREG(st.st_mode);
}

static struct dm_err *
foreign_file(const struct dump_dir *d, const char *name)
{
	struct dm_err *err =
	    dm_err_new(DUMP_UNIT_RUNTIME, "the folder is not one of a dump");

	dm_err_set_cause(err, "%s has %s, which no dump made", d->path, name);
	return dm_err_set_workaround(err,
	    "let `dir` of `loaders` (task file) name an empty folder or one "
	    "that does not exist, or move the file away; then `resume-task`");
}

struct dm_err *
dump_dir_empty(struct dump_dir *d)
{
	g_autoptr(GPtrArray) names = NULL;
	struct dm_err *err = dump_dir_list(d, &names);

	for (guint i = 0; err == NULL && i < names->len; i++) {
		const char *name = names->pdata[i];

		if (!dm_dump_name_is_ours(name) || !is_file(d, name))
			err = foreign_file(d, name);
	}
	/* Without its metadata a dump that is partly removed is none. */
	if (err == NULL && unlinkat(d->fd, "metadata", 0) != 0 &&
	    errno != ENOENT)
		err = dm_dump_write_error("remove a file", d->path, errno);
	for (guint i = 0; err == NULL && i < names->len; i++) {
		const char *name = names->pdata[i];

		if (unlinkat(d->fd, name, 0) != 0 && errno != ENOENT)
			err = dm_dump_write_error("remove", name, errno);
	}
	return err;
}

/* A file that is gone is as good as removed. */
static bool
remove_file(const struct dump_dir *d, const char *name)
{
	if (unlinkat(d->fd, name, 0) == 0 || errno == ENOENT)
		return true;
	dm_warn("a file of the dump cannot be removed", dm_kstr("file", name),
	    dm_kstr("why", g_strerror(errno)));
	return false;
}

void
dump_dir_clean(struct dump_dir *d, const GPtrArray *names, bool all)
{
	dm_assert(names != NULL);
	if (!remove_file(d, "metadata"))
		return;
	(void)fsync(d->fd); /* before the others are gone */
	for (guint i = 0; i < names->len; i++) {
		const char *name = names->pdata[i];

		if (dm_dump_name_is_ours(name) && is_file(d, name))
			(void)remove_file(d, name);
	}
	/* What is left is nobody's dump. */
	(void)remove_file(d, DUMP_DIR_OWNER);
	if (all)
		(void)rmdir(d->path); /* a person may have files in there */
}

void
dump_dir_clean_left(const struct unit_env *env)
{
	struct dump_dir d = { .path = dump_dir_path(env), .fd = -1 };
	g_autofree char *task = NULL, *source = NULL;
	g_autoptr(GPtrArray) names = NULL;
	struct dm_err *err;

	open_fd(&d);
	if (d.fd >= 0 && flock(d.fd, LOCK_EX | LOCK_NB) == 0) {
		read_owner(&d, &task, &source);
		if (strcmp(task, env->task->name) == 0 &&
		    strcmp(source, env->source->source_id) == 0) {
			err = dump_dir_list(&d, &names);
			if (err == NULL)
				dump_dir_clean(&d, names, true);
			dm_err_free(err); /* it is no worse than before */
		}
	}
	dump_dir_close(&d);
}
