/* SPDX-License-Identifier: Apache-2.0 */
/* The folder of a dump in an S3 storage: see bucket.h. */
#include "worker/dump/bucket.h"

#include "lib/config/secret.h"
#include "lib/log/log.h"
#include "lib/s3/s3.h"
#include "worker/dump/dir.h"

#include <string.h>

#define RANK_BUCKET 330
#define METADATA    "metadata"

struct dump_bucket {
	struct dm_s3 *s3;
	GPtrArray *files;   /* of the last list: struct dm_s3_file */
	struct dm_mutex mu; /* rank 330; guards written */
	GString *written;   /* DUMP_BUCKET_FILES to be */
};

/* Where the task's files are: below a folder of its own where the same task
 * both dumps and loads. SOURCE: data-plane reference 1.12. */
static void
descend(struct dm_s3_url *u, const struct unit_env *env)
{
	g_autofree char *folder =
	    g_strconcat(env->task->name, ".", env->source->source_id, NULL);

	if (env->task->mode == DM_MODE_ALL || env->task->mode == DM_MODE_FULL)
		dm_s3_url_descend(u, folder);
}

char *
dump_bucket_path(const struct unit_env *env)
{
	DM_AUTO(dm_s3_url) u = dm_s3_url_copy(env->inst->loader.s3);

	descend(u, env);
	return dm_s3_url_name(u);
}

struct dm_err *
dump_bucket_open(const struct unit_env *env, bool dumps, struct dm_cancel *c,
    struct dump_bucket **out)
{
	DM_AUTO(dm_s3_url) u = NULL;
	struct dm_err *err = dm_storage_resolve(&env->inst->loader, &u);
	struct dump_bucket *b;

	if (err != NULL)
		return err;
	descend(u, env);
	b = g_new0(struct dump_bucket, 1);
	b->s3 = dm_s3_new(u, dumps ? DM_S3_FOR_DUMP : DM_S3_FOR_LOAD, c);
	dm_mutex_init(&b->mu, RANK_BUCKET);
	b->written = g_string_new(NULL);
	*out = b;
	return NULL;
}

void
dump_bucket_free(struct dump_bucket *b)
{
	if (b == NULL)
		return;
	g_clear_pointer(&b->files, g_ptr_array_unref);
	g_string_free(b->written, TRUE);
	dm_mutex_fini(&b->mu);
	dm_s3_free(b->s3);
	g_free(b);
}

struct dm_err *
dump_bucket_get(struct dump_bucket *b, const char *name, char **text)
{
	return dm_s3_get(b->s3, name, text, NULL);
}

struct dm_err *
dump_bucket_put(struct dump_bucket *b, const char *name, const char *text)
{
	return dm_s3_put(b->s3, name, text, strlen(text));
}

struct dm_err *
dump_bucket_remove(struct dump_bucket *b, const char *name)
{
	return dm_s3_remove(b->s3, name);
}

/* ---- what is in it ---- */

static const struct dm_s3_file *
find(const GPtrArray *files, const char *name)
{
	guint lo = 0, hi = files == NULL ? 0 : files->len;

	while (lo < hi) {
		guint mid = lo + (hi - lo) / 2;
		const struct dm_s3_file *f = files->pdata[mid];
		int c = strcmp(name, f->name);

		if (c == 0)
			return f;
		if (c < 0)
			hi = mid;
		else
			lo = mid + 1;
	}
	return NULL;
}

static struct dm_err *
not_as_dumped(const struct dump_bucket *b, const char *name, const char *what)
{
	struct dm_err *err = dm_s3_error(
	    b->s3, "the files in the S3 storage are not those of the dump");

	dm_err_set_cause(err, "%s/%s %s", dm_s3_name(b->s3), name, what);
	return dm_err_set_workaround(err,
	    "see that nobody else writes to that prefix, then dump anew with "
	    "`start-task --remove-meta`");
}

/* A line of DUMP_BUCKET_FILES. */
static struct dm_err *
check_line(const struct dump_bucket *b, const char *line, GHashTable *mine)
{
	g_auto(GStrv) part = g_strsplit(line, " ", 3);
	const struct dm_s3_file *f;

	if (g_strv_length(part) != 3)
		return not_as_dumped(b, DUMP_BUCKET_FILES, "is damaged");
	f = find(b->files, part[2]);
	if (f == NULL)
		return not_as_dumped(b, part[2], "is gone");
	if (f->size != g_ascii_strtoull(part[1], NULL, 10) ||
	    (part[0][0] != '-' && strcmp(f->etag, part[0]) != 0))
		return not_as_dumped(b, part[2], "is not what the dump wrote");
	g_hash_table_add(mine, g_strdup(part[2]));
	return NULL;
}

/* *mine: the names in DUMP_BUCKET_FILES; NULL: there is no such file. */
static struct dm_err *
read_files(struct dump_bucket *b, GHashTable **mine)
{
	g_autofree char *text = NULL;
	g_auto(GStrv) lines = NULL;
	struct dm_err *err = dump_bucket_get(b, DUMP_BUCKET_FILES, &text);

	*mine = NULL;
	if (err != NULL || text == NULL)
		return err;
	*mine = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	lines = g_strsplit(text, "\n", -1);
	for (size_t i = 0; err == NULL && lines[i] != NULL; i++)
		if (lines[i][0] != '\0')
			err = check_line(b, lines[i], *mine);
	return err;
}

struct dm_err *
dump_bucket_list(struct dump_bucket *b, bool dump, GPtrArray **out)
{
	g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
	g_autoptr(GHashTable) mine = NULL;
	struct dm_err *err;

	g_clear_pointer(&b->files, g_ptr_array_unref);
	err = dm_s3_list(b->s3, &b->files);
	if (err == NULL && dump)
		err = read_files(b, &mine);
	if (err != NULL)
		return err;
	for (guint i = 0; i < b->files->len; i++) {
		const struct dm_s3_file *f = b->files->pdata[i];

		if (strcmp(f->name, DUMP_DIR_OWNER) == 0 ||
		    strcmp(f->name, DUMP_BUCKET_FILES) == 0)
			continue;
		if (mine == NULL || strcmp(f->name, METADATA) == 0 ||
		    g_hash_table_contains(mine, f->name))
			g_ptr_array_add(names, g_strdup(f->name));
		else if (f->name[0] != '.')
			dm_warn("a file is not of the dump and is not loaded",
			    dm_kstr("dir", dm_s3_name(b->s3)),
			    dm_kstr("file", f->name));
	}
	*out = g_steal_pointer(&names);
	return NULL;
}

bool
dump_bucket_stat(const struct dump_bucket *b, const char *name, uint64_t *size,
    char **version)
{
	const struct dm_s3_file *f = find(b->files, name);

	if (f == NULL)
		return false;
	*size = f->size;
	*version = g_strdup(f->etag);
	return true;
}

/* ---- streams ---- */

static void
free_reader(void *r)
{
	dm_s3_reader_free(r);
}

static struct dm_err *
read_bytes(void *r, void *buf, size_t size, size_t *got)
{
	return dm_s3_read(r, buf, size, got);
}

struct dm_dump_input *
dump_bucket_read(struct dump_bucket *b, const char *name, const char *path,
    enum dm_dump_compress c)
{
	const struct dm_s3_file *f = find(b->files, name);
	struct dm_dump_source src = { .read = read_bytes, .free = free_reader };

	src.arg = dm_s3_reader_new(b->s3, name, f != NULL ? f->etag : NULL);
	return dm_dump_input_over(path, &src, c);
}

/* A file that is being written. */
struct upload {
	struct dump_bucket *b;
	struct dm_s3_writer *w;
	char *name;
	uint64_t size;
};

static void
upload_free(void *arg)
{
	struct upload *u = arg;

	dm_s3_writer_free(u->w);
	g_free(u->name);
	g_free(u);
}

static struct dm_err *
upload_write(void *arg, const void *bytes, size_t len)
{
	struct upload *u = arg;

	u->size += len;
	return dm_s3_write(u->w, bytes, len);
}

static struct dm_err *
upload_finish(void *arg)
{
	struct upload *u = arg;
	g_autofree char *etag = NULL;
	struct dm_err *err = dm_s3_writer_finish(u->w, &etag);

	if (err != NULL)
		return err;
	dm_mutex_lock(&u->b->mu);
	g_string_append_printf(u->b->written, "%s %" G_GUINT64_FORMAT " %s\n",
	    etag[0] != '\0' ? etag : "-", u->size, u->name);
	dm_mutex_unlock(&u->b->mu);
	return NULL;
}

struct dm_dump_output *
dump_bucket_create(
    struct dump_bucket *b, const char *name, enum dm_dump_compress c)
{
	struct dm_dump_sink sink = { .write = upload_write,
		.finish = upload_finish,
		.free = upload_free };
	struct upload *u = g_new0(struct upload, 1);

	u->b = b;
	u->name = g_strdup(name);
	u->w = dm_s3_writer_new(b->s3, name);
	sink.arg = u;
	return dm_dump_output_over(&sink, c);
}

struct dm_err *
dump_bucket_publish(struct dump_bucket *b, const char *metadata)
{
	struct dm_err *err;

	err = dump_bucket_put(b, DUMP_BUCKET_FILES, b->written->str);
	return err != NULL ? err : dump_bucket_put(b, METADATA, metadata);
}
