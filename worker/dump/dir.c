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

#define DIR_MODE 0700

char *
dump_dir_path(const struct unit_env *env)
{
	const char *dir = env->inst->loader.dir;

	if (env->task->mode != DM_MODE_ALL && env->task->mode != DM_MODE_FULL)
		return g_strdup(dir);
	return g_strconcat(dir, ".", env->task->name, NULL);
}

char *
dump_dir_file(const struct dump_dir *d, const char *file)
{
	return g_build_filename(d->path, file, NULL);
}

static struct dm_err *
lock_dir(struct dump_dir *d)
{
	struct dm_err *err;

	if (flock(d->fd, LOCK_EX | LOCK_NB) == 0)
		return NULL;
	err = dm_err_new(DUMP_UNIT_RUNTIME, "the folder is in use");
	dm_err_set_cause(
	    err, "%s: another task or dm-worker has it locked", d->path);
	return dm_err_set_workaround(err,
	    "give each source and task a `dir` of its own (`loaders` in the "
	    "task file), or wait until the other one is done, then "
	    "`resume-task`");
}

struct dm_err *
dump_dir_open(struct dump_dir *d, const struct unit_env *env, bool create)
{
	d->path = dump_dir_path(env);
	d->fd = -1;
	if (create && g_mkdir_with_parents(d->path, DIR_MODE) != 0)
		return dm_dump_write_error("make a folder", d->path, errno);
	d->fd = open(d->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (d->fd < 0 && !create)
		return dm_err_new(LOAD_UNIT_DUMP_DIR_NOT_FOUND, d->path);
	if (d->fd < 0)
		return dm_dump_write_error("open a folder", d->path, errno);
	return lock_dir(d);
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
		if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
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

void
dump_dir_clean(struct dump_dir *d, bool all)
{
	g_autoptr(GPtrArray) names = NULL;
	struct dm_err *err = dump_dir_list(d, &names);

	for (guint i = 0; names != NULL && i < names->len; i++) {
		const char *name = names->pdata[i];
		struct dm_dump_name n;
		bool rows;

		(void)dm_dump_name_parse(name, &n);
		rows = n.kind == DM_DUMP_ROWS_SQL || n.kind == DM_DUMP_ROWS_CSV;
		dm_dump_name_clear(&n);
		if (!is_file(d, name) ||
		    !(rows || (all && dm_dump_name_is_ours(name))))
			continue;
		if (unlinkat(d->fd, name, 0) != 0)
			dm_warn("a file of the dump cannot be removed",
			    dm_kstr("file", name),
			    dm_kstr("why", g_strerror(errno)));
	}
	dm_err_free(err); /* there is nothing left to remove */
	if (all)
		(void)rmdir(d->path); /* a person may have files in there */
}
