/* SPDX-License-Identifier: Apache-2.0 */
/* The folder of a dump: see dir.h. Called by the subtask's thread. */
#include "worker/dump/dir.h"

#include "lib/log/log.h"
#include "worker/dump/bucket.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
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

	if (env->inst->loader.s3 != NULL)
		return dump_bucket_path(env);
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

/* The text of DUMP_DIR_OWNER; NULL: there is none. */
static struct dm_err *
owner_text(const struct dump_dir *d, char **text)
{
	char buf[OWNER_MAX + 1];
	ssize_t n;
	int fd;

	if (d->bucket != NULL)
		return dump_bucket_get(d->bucket, DUMP_DIR_OWNER, text);
	fd = openat(d->fd, DUMP_DIR_OWNER, O_RDONLY | O_CLOEXEC);
	n = fd < 0 ? -1 : read(fd, buf, OWNER_MAX);
	if (fd >= 0)
		close(fd);
	*text = n < 0 ? NULL : g_strndup(buf, (size_t)n);
	return NULL;
}

/* What DUMP_DIR_OWNER says; "": nothing. */
static struct dm_err *
read_owner(const struct dump_dir *d, char **task, char **source)
{
	g_autofree char *text = NULL;
	struct dm_err *err = owner_text(d, &text);

	*task = owner_value(text != NULL ? text : "", "task");
	*source = owner_value(text != NULL ? text : "", "source");
	return err;
}

static struct dm_err *
lock_dir(struct dump_dir *d)
{
	g_autofree char *task = NULL, *source = NULL;
	struct dm_err *err;

	if (flock(d->fd, LOCK_EX | LOCK_NB) == 0)
		return NULL;
	dm_err_free(read_owner(d, &task, &source)); /* the lock is the error */
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
	struct dm_err *err = dm_err_new(DUMP_UNIT_RUNTIME,
	    "the folder has the dump of another source or task");

	dm_err_set_cause(err,
	    "%s has the dump that task '%s' used for source '%s'; this one is "
	    "of task '%s' and source '%s'",
	    d->path, task, source, env->task->name, env->source->source_id);
	return dm_err_set_workaround(err,
	    "give each source and task a `dir` of its own (`loaders` in the "
	    "task file); or, if the dump in it is not needed any more or is of "
	    "this source under another name, remove %s/" DUMP_DIR_OWNER
	    ", then `resume-task`",
	    d->path);
}

static struct dm_err *
write_to_disk(const struct dump_dir *d, const char *text)
{
	size_t len = strlen(text);
	int fd = openat(d->fd, DUMP_DIR_OWNER,
	    O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, OWNER_MODE);
	bool ok = fd >= 0 && write(fd, text, len) == (ssize_t)len;
	int no = errno;

	if (fd >= 0)
		close(fd);
	return ok ? NULL : dm_dump_write_error("write a file", d->path, no);
}

/* A folder that nobody may write can still be loaded from. */
static struct dm_err *
write_owner(
    struct dump_dir *d, const struct unit_env *env, enum dump_dir_use use)
{
	g_autofree char *text = g_strdup_printf(
	    "task: %s\nsource: %s\n", env->task->name, env->source->source_id);
	struct dm_err *err =
	    d->bucket != NULL ? dump_bucket_put(d->bucket, DUMP_DIR_OWNER, text)
			      : write_to_disk(d, text);

	if (err == NULL || use == DUMP_DIR_DUMP || dm_err_is_canceled(err))
		return err;
	dm_info("the folder of the dump cannot be written",
	    dm_kstr("dir", d->path), dm_kerr(err));
	dm_err_free(err);
	return NULL;
}

static struct dm_err *
claim_dir(struct dump_dir *d, const struct unit_env *env, enum dump_dir_use use)
{
	g_autofree char *task = NULL, *source = NULL;
	struct dm_err *err = read_owner(d, &task, &source);

	if (err != NULL)
		return err;
	if (source[0] != '\0' && strcmp(source, env->source->source_id) != 0)
		return other_source(d, task, source, env);
	/* Two tasks that dump at the same time: nothing else would tell. */
	if (d->bucket != NULL && use == DUMP_DIR_DUMP && task[0] != '\0' &&
	    strcmp(task, env->task->name) != 0)
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

/* A load finds out by the metadata whether there is a dump. */
static struct dm_err *
open_storage(struct dump_dir *d, const struct unit_env *env,
    enum dump_dir_use use, struct dm_cancel *c)
{
	struct dm_err *err =
	    dump_bucket_open(env, use == DUMP_DIR_DUMP, c, &d->bucket);

	return err != NULL ? err : claim_dir(d, env, use);
}

struct dm_err *
dump_dir_open(struct dump_dir *d, const struct unit_env *env,
    enum dump_dir_use use, struct dm_cancel *c)
{
	struct dm_err *err;

	d->path = dump_dir_path(env);
	d->fd = -1;
	if (env->inst->loader.s3 != NULL)
		return open_storage(d, env, use, c);
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
	g_clear_pointer(&d->bucket, dump_bucket_free);
	g_clear_pointer(&d->path, g_free);
}

static int
by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static struct dm_err *
list_disk(struct dump_dir *d, GPtrArray **out)
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

/* dump: of a storage, only those of the dump in it. */
static struct dm_err *
list_files(struct dump_dir *d, bool dump, GPtrArray **out)
{
	return d->bucket != NULL ? dump_bucket_list(d->bucket, dump, out)
				 : list_disk(d, out);
}

struct dm_err *
dump_dir_list(struct dump_dir *d, GPtrArray **out)
{
	return list_files(d, true, out);
}

bool
dump_dir_stat(
    const struct dump_dir *d, const char *file, uint64_t *size, char **version)
{
	struct stat st;

	if (d->bucket != NULL)
		return dump_bucket_stat(d->bucket, file, size, version);
	if (fstatat(d->fd, file, &st, 0) != 0 || !S_ISREG(st.st_mode))
		return false;
	*size = (uint64_t)st.st_size;
	*version = g_strdup_printf("%" PRId64 ".%09ld",
	    (int64_t)st.st_mtim.tv_sec, st.st_mtim.tv_nsec);
	return true;
}

/* ---- files ---- */

struct dm_err *
dump_dir_read(struct dump_dir *d, const char *file, enum dm_dump_compress c,
    struct dm_dump_input **in)
{
	g_autofree char *path = dump_dir_file(d, file);

	if (d->bucket == NULL)
		return dm_dump_input_open(path, c, in);
	*in = dump_bucket_read(d->bucket, file, path, c);
	return NULL;
}

struct dm_err *
dump_dir_create(struct dump_dir *d, const char *file, enum dm_dump_compress c,
    struct dm_dump_output **out)
{
	g_autofree char *path = dump_dir_file(d, file);

	if (d->bucket == NULL)
		return dm_dump_output_open(path, c, out);
	*out = dump_bucket_create(d->bucket, file, c);
	return NULL;
}

struct dm_err *
dump_dir_publish(struct dump_dir *d, const char *metadata)
{
	g_autofree char *tmp = dump_dir_file(d, "metadata.tmp");
	g_autofree char *path = dump_dir_file(d, "metadata");
	DM_AUTO(dm_dump_output) out = NULL;
	struct dm_err *err;

	if (d->bucket != NULL)
		return dump_bucket_publish(d->bucket, metadata);
	err = dm_dump_output_open(tmp, DM_DUMP_PLAIN, &out);
	if (err == NULL)
		err = dm_dump_output_write(out, metadata, strlen(metadata));
	if (err == NULL)
		err = dm_dump_output_finish(out);
	if (err == NULL && (rename(tmp, path) != 0 || fsync(d->fd) != 0))
		err = dm_dump_write_error("write a file", path, errno);
	return err;
}

/* ---- removing ---- */

static bool
is_file(const struct dump_dir *d, const char *name)
{
	struct stat st;

	return d->bucket != NULL ||
	       (fstatat(d->fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
		   S_ISREG(st.st_mode));
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

/* A file that is gone is as good as removed. */
static struct dm_err *
remove_file(struct dump_dir *d, const char *name)
{
	if (d->bucket != NULL)
		return dump_bucket_remove(d->bucket, name);
	if (unlinkat(d->fd, name, 0) == 0 || errno == ENOENT)
		return NULL;
	return dm_dump_write_error("remove", name, errno);
}

struct dm_err *
dump_dir_empty(struct dump_dir *d)
{
	g_autoptr(GPtrArray) names = NULL;
	struct dm_err *err = list_files(d, false, &names);

	for (guint i = 0; err == NULL && i < names->len; i++) {
		const char *name = names->pdata[i];

		if (!dm_dump_name_is_ours(name) || !is_file(d, name))
			err = foreign_file(d, name);
	}
	/* Without its metadata a dump that is partly removed is none. */
	if (err == NULL)
		err = remove_file(d, "metadata");
	if (err == NULL && d->bucket != NULL)
		err = remove_file(d, DUMP_BUCKET_FILES);
	for (guint i = 0; err == NULL && i < names->len; i++)
		err = remove_file(d, names->pdata[i]);
	return err;
}

/* What cannot be removed stays; false then. */
static bool
try_to_remove(struct dump_dir *d, const char *name)
{
	struct dm_err *err = remove_file(d, name);

	if (err == NULL)
		return true;
	dm_warn("a file of the dump cannot be removed", dm_kstr("dir", d->path),
	    dm_kstr("file", name), dm_kerr(err));
	dm_err_free(err);
	return false;
}

void
dump_dir_clean(struct dump_dir *d, const GPtrArray *names, bool all)
{
	dm_assert(names != NULL);
	if (!try_to_remove(d, "metadata"))
		return;
	if (d->bucket == NULL)
		(void)fsync(d->fd); /* before the others are gone */
	else
		(void)try_to_remove(d, DUMP_BUCKET_FILES);
	for (guint i = 0; i < names->len; i++) {
		const char *name = names->pdata[i];

		if (dm_dump_name_is_ours(name) && is_file(d, name))
			(void)try_to_remove(d, name);
	}
	/* What is left is nobody's dump. */
	(void)try_to_remove(d, DUMP_DIR_OWNER);
	if (all && d->bucket == NULL)
		(void)rmdir(d->path); /* a person may have files in there */
}

/* True: nobody else uses it, and there is something to look at. */
static bool
open_left(struct dump_dir *d, const struct unit_env *env, struct dm_cancel *c)
{
	struct dm_err *err;

	d->path = dump_dir_path(env);
	d->fd = -1;
	if (env->inst->loader.s3 == NULL) {
		open_fd(d);
		return d->fd >= 0 && flock(d->fd, LOCK_EX | LOCK_NB) == 0;
	}
	err = dump_bucket_open(env, false, c, &d->bucket);
	if (err != NULL)
		dm_warn("the files of the dump are not looked for",
		    dm_kstr("dir", d->path), dm_kerr(err));
	dm_err_free(err);
	return d->bucket != NULL;
}

void
dump_dir_clean_left(const struct unit_env *env, struct dm_cancel *c)
{
	struct dump_dir d = { .fd = -1 };
	g_autofree char *task = NULL, *source = NULL;
	g_autoptr(GPtrArray) names = NULL;
	struct dm_err *err = NULL;

	if (open_left(&d, env, c)) {
		err = read_owner(&d, &task, &source);
		if (err == NULL && strcmp(task, env->task->name) == 0 &&
		    strcmp(source, env->source->source_id) == 0) {
			err = list_files(&d, false, &names);
			if (err == NULL)
				dump_dir_clean(&d, names, true);
		}
		dm_err_free(err); /* it is no worse than before */
	}
	dump_dir_close(&d);
}
