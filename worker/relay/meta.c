/* SPDX-License-Identifier: Apache-2.0 */
/* Index and relay.meta: see meta.h. */
#include "worker/relay/meta.h"

#include "lib/text/toml.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#define INDEX_NAME "server-uuid.index"
#define META_NAME  "relay.meta"
#define LOCK_NAME  "relay.lock"
#define DIR_MODE   0700
#define FILE_MODE  0600

struct dm_err *
relay_lock(const char *root, int *fd)
{
	g_autofree char *path = g_build_filename(root, LOCK_NAME, NULL);

	*fd = -1;
	if (g_mkdir_with_parents(root, DIR_MODE) != 0)
		return dm_err_set_cause(
		    dm_err_new(RELAY_MKDIR, root), "%s", g_strerror(errno));
	*fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, FILE_MODE);
	if (*fd < 0)
		return dm_err_set_cause(dm_err_new(RELAY_MKDIR, root), "%s: %s",
		    path, g_strerror(errno));
	if (flock(*fd, LOCK_EX | LOCK_NB) == 0)
		return NULL;
	close(*fd);
	*fd = -1;
	return dm_err_set_workaround(
	    dm_err_set_cause(dm_err_new(RELAY_MKDIR, root),
		"another dm-worker writes a relay log there (%s is locked)",
		path),
	    "give each dm-worker a `relay-dir` of its own, and each source "
	    "too");
}

/* ---- relay.meta ---- */

void
relay_meta_fini(struct relay_meta *m)
{
	g_free(m->gtid);
	*m = (struct relay_meta){ 0 };
}

static struct dm_err *
take_entry(struct relay_meta *m, const struct dm_toml_entry *e)
{
	const struct dm_toml_value *v = e->value;
	bool name = strcmp(e->key, "binlog-name") == 0;
	bool gtid = strcmp(e->key, "binlog-gtid") == 0;

	if ((name || gtid) && v->kind != DM_TOML_STRING)
		return dm_err_plain("%s is not a string", e->key);
	if (name && strlen(v->s) > DM_BINLOG_NAME_MAX)
		return dm_err_plain("%s is too long", e->key);
	if (name)
		m->pos = dm_pos_make(v->s, m->pos.pos);
	if (gtid) {
		g_free(m->gtid);
		m->gtid = g_strdup(v->s);
	}
	if (strcmp(e->key, "binlog-pos") != 0)
		return NULL;
	if (v->kind != DM_TOML_INT || v->i < 0)
		return dm_err_plain("%s is not a position", e->key);
	m->pos.pos = (uint64_t)v->i;
	return NULL;
}

struct dm_err *
relay_meta_load(const struct relay_dir *d, struct relay_meta *m, bool *there)
{
	g_autofree char *path = g_build_filename(d->path, META_NAME, NULL);
	g_autoptr(GError) why = NULL;
	DM_AUTO(dm_toml) doc = NULL;
	g_autofree char *text = NULL;
	struct dm_err *err;
	gsize len;

	*m = (struct relay_meta){ .gtid = g_strdup("") };
	*there = g_file_get_contents(path, &text, &len, &why);
	if (!*there && g_error_matches(why, G_FILE_ERROR, G_FILE_ERROR_NOENT))
		return NULL;
	if (!*there)
		return dm_err_set_cause(
		    dm_err_new(RELAY_LOAD_META_DATA, path), "%s", why->message);
	err = dm_toml_parse(path, text, len, &doc);
	for (guint i = 0; err == NULL && i < doc->entries->len; i++)
		err = take_entry(m, g_ptr_array_index(doc->entries, i));
	if (err == NULL && m->pos.name[0] == '\0')
		err = dm_err_plain("it names no file");
	return err == NULL ? NULL
			   : dm_err_wrap(err, RELAY_LOAD_META_DATA, path);
}

/* False: errno has why, in *why as a text. */
static bool
replace_file(const char *path, const GString *text, GError **why)
{
	return g_file_set_contents_full(path, text->str, (gssize)text->len,
	    G_FILE_SET_CONTENTS_CONSISTENT | G_FILE_SET_CONTENTS_DURABLE,
	    FILE_MODE, why);
}

struct dm_err *
relay_meta_save(const struct relay_dir *d, const struct relay_meta *m)
{
	g_autofree char *path = g_build_filename(d->path, META_NAME, NULL);
	g_autoptr(GString) text = g_string_new("binlog-name = ");
	g_autoptr(GError) why = NULL;

	dm_toml_append_string(text, m->pos.name);
	g_string_append_printf(text,
	    "\nbinlog-pos = %" G_GUINT64_FORMAT "\nbinlog-gtid = ", m->pos.pos);
	dm_toml_append_string(text, m->gtid != NULL ? m->gtid : "");
	g_string_append_c(text, '\n');
	if (replace_file(path, text, &why))
		return NULL;
	return dm_err_set_cause(
	    dm_err_new(RELAY_FLUSH_LOCAL_META, path), "%s", why->message);
}

/* ---- the index ---- */

struct dm_err *
relay_index_check(const GPtrArray *dirs)
{
	for (guint i = 1; i < dirs->len; i++) {
		const struct relay_dir *a = g_ptr_array_index(dirs, i - 1);
		const struct relay_dir *b = g_ptr_array_index(dirs, i);

		if (b->suffix <= a->suffix)
			return dm_err_new(RELAY_UUID_SUFFIX_LESS_THAN_PREV,
			    strrchr(a->path, '/') + 1,
			    strrchr(b->path, '/') + 1);
		if (b->suffix != a->suffix + 1)
			return dm_err_new(RELAY_UUID_SUFFIX_NOT_VALID,
			    strrchr(b->path, '/') + 1, (int)b->suffix,
			    (int)a->suffix);
	}
	return NULL;
}

static struct dm_err *
write_index(const char *root, const GString *text)
{
	g_autofree char *path = g_build_filename(root, INDEX_NAME, NULL);
	g_autoptr(GError) why = NULL;

	if (replace_file(path, text, &why))
		return NULL;
	return dm_err_set_cause(
	    dm_err_new(RELAY_UPDATE_INDEX_FILE, path), "%s", why->message);
}

static void
add_line(GString *text, const char *uuid, unsigned suffix)
{
	g_string_append_printf(text, "%s.%06u\n", uuid, suffix);
}

/* A sub directory has files only. It need not be there. */
static struct dm_err *
empty_dir(const char *path)
{
	g_autoptr(GError) why = NULL;
	GDir *dir = g_dir_open(path, 0, &why);
	struct dm_err *err = NULL;
	const char *name;

	if (dir == NULL)
		return g_error_matches(why, G_FILE_ERROR, G_FILE_ERROR_NOENT)
			   ? NULL
			   : dm_err_set_cause(dm_err_new(RELAY_REMOVE_FILE_FAIL,
						  "directory", path),
				 "%s", why->message);
	while (err == NULL && (name = g_dir_read_name(dir)) != NULL) {
		g_autofree char *file = g_build_filename(path, name, NULL);

		if (unlink(file) != 0 && errno != ENOENT)
			err = dm_err_set_cause(
			    dm_err_new(RELAY_REMOVE_FILE_FAIL, "file", file),
			    "%s", g_strerror(errno));
	}
	g_dir_close(dir);
	return err;
}

struct dm_err *
relay_index_add(const char *root, const GPtrArray *dirs, const char *uuid)
{
	g_autoptr(GString) text = g_string_new(NULL);
	g_autofree char *path = NULL;
	unsigned suffix = 1;
	struct dm_err *err;

	for (guint i = 0; i < dirs->len; i++) {
		const struct relay_dir *d = g_ptr_array_index(dirs, i);

		add_line(text, d->uuid, d->suffix);
		suffix = d->suffix + 1;
	}
	path = g_strdup_printf("%s/%s.%06u", root, uuid, suffix);
	/* One that a crash left before it came into the index. */
	err = empty_dir(path);
	if (err != NULL)
		return err;
	if (g_mkdir(path, DIR_MODE) != 0 && errno != EEXIST)
		return dm_err_set_cause(
		    dm_err_new(RELAY_MKDIR, path), "%s", g_strerror(errno));
	add_line(text, uuid, suffix);
	return write_index(root, text);
}

struct dm_err *
relay_index_drop(const char *root, const GPtrArray *dirs, unsigned keep)
{
	g_autoptr(GString) text = g_string_new(NULL);
	struct dm_err *err;

	for (guint i = 0; i < dirs->len; i++) {
		const struct relay_dir *d = g_ptr_array_index(dirs, i);

		if (keep > 0 && d->suffix >= keep)
			add_line(text, d->uuid, d->suffix);
	}
	err = write_index(root, text);
	for (guint i = 0; err == NULL && i < dirs->len; i++) {
		const struct relay_dir *d = g_ptr_array_index(dirs, i);

		if (keep > 0 && d->suffix >= keep)
			continue;
		err = empty_dir(d->path);
		if (err == NULL && rmdir(d->path) != 0 && errno != ENOENT)
			err =
			    dm_err_set_cause(dm_err_new(RELAY_REMOVE_FILE_FAIL,
						 "directory", d->path),
				"%s", g_strerror(errno));
	}
	return err;
}
