/* SPDX-License-Identifier: Apache-2.0 */
/* Sub directories and files of a relay log: see dirs.h. */
#include "worker/relay/dirs.h"

#include <errno.h>
#include <string.h>

#define INDEX_NAME "server-uuid.index"

static struct dm_err *
failed(const char *file, const char *dir, const char *why)
{
	return dm_err_set_cause(
	    dm_err_new(PARSER_PARSE_RELAY_LOG, file, (long)0, dir), "%s", why);
}

static void
relay_dir_free(gpointer p)
{
	struct relay_dir *d = p;

	g_free(d->path);
	g_free(d->uuid);
	g_free(d);
}

/* "<uuid>.000001"; NULL for any other text. */
static struct relay_dir *
parse_line(const char *root, const char *line)
{
	const char *dot = strrchr(line, '.');
	struct relay_dir *d;
	char *end;
	guint64 n;

	if (dot == NULL || dot == line || !g_ascii_isdigit(dot[1]) ||
	    strchr(line, '/') != NULL)
		return NULL;
	n = g_ascii_strtoull(dot + 1, &end, 10);
	if (*end != '\0' || n == 0 || n > UINT32_MAX)
		return NULL;
	d = g_new0(struct relay_dir, 1);
	d->path = g_build_filename(root, line, NULL);
	d->uuid = g_strndup(line, (gsize)(dot - line));
	d->suffix = (unsigned)n;
	return d;
}

struct dm_err *
relay_dirs_load(const char *root, GPtrArray **out)
{
	g_autofree char *path = g_build_filename(root, INDEX_NAME, NULL);
	g_autoptr(GPtrArray) dirs =
	    g_ptr_array_new_with_free_func(relay_dir_free);
	g_autoptr(GError) why = NULL;
	g_autofree char *text = NULL;
	g_auto(GStrv) lines = NULL;

	if (!g_file_get_contents(path, &text, NULL, &why)) {
		if (!g_error_matches(why, G_FILE_ERROR, G_FILE_ERROR_NOENT))
			return failed(INDEX_NAME, root, why->message);
		text = g_strdup("");
	}
	lines = g_strsplit(text, "\n", -1);
	for (char **line = lines; *line != NULL; line++) {
		struct relay_dir *d;

		if (*g_strstrip(*line) == '\0')
			continue;
		d = parse_line(root, *line);
		if (d == NULL)
			return failed(INDEX_NAME, root, *line);
		g_ptr_array_add(dirs, d);
	}
	*out = g_steal_pointer(&dirs);
	return NULL;
}

const struct relay_dir *
relay_dirs_of(const GPtrArray *dirs, const char *uuid)
{
	for (guint i = dirs->len; i-- > 0;) {
		const struct relay_dir *d = g_ptr_array_index(dirs, i);

		if (strcmp(d->uuid, uuid) == 0)
			return d;
	}
	return NULL;
}

const struct relay_dir *
relay_dirs_at(const GPtrArray *dirs, unsigned suffix)
{
	for (guint i = 0; i < dirs->len; i++) {
		const struct relay_dir *d = g_ptr_array_index(dirs, i);

		if (d->suffix == suffix)
			return d;
	}
	return NULL;
}

const struct relay_dir *
relay_dirs_after(const GPtrArray *dirs, unsigned suffix)
{
	for (guint i = 0; i < dirs->len; i++) {
		const struct relay_dir *d = g_ptr_array_index(dirs, i);

		if (d->suffix > suffix)
			return d;
	}
	return NULL;
}

/* "mysql-bin.000001", and not relay.meta or what is being written. */
static bool
is_binlog(const char *name)
{
	const char *dot = strrchr(name, '.');

	return dot != NULL && dot != name && dot[1] != '\0' &&
	       strspn(dot + 1, "0123456789") == strlen(dot + 1) &&
	       strlen(name) <= DM_BINLOG_NAME_MAX;
}

static int
by_number(gconstpointer a, gconstpointer b)
{
	struct dm_pos x = dm_pos_make(*(const char *const *)a, 0);
	struct dm_pos y = dm_pos_make(*(const char *const *)b, 0);

	return dm_pos_cmp(&x, &y);
}

struct dm_err *
relay_dir_files(const struct relay_dir *d, GPtrArray **out)
{
	g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
	g_autoptr(GError) why = NULL;
	GDir *dir = g_dir_open(d->path, 0, &why);
	const char *name;

	/* One that is in the index already, and not made yet. */
	if (dir == NULL &&
	    !g_error_matches(why, G_FILE_ERROR, G_FILE_ERROR_NOENT))
		return failed(".", d->path, why->message);
	while (dir != NULL && (name = g_dir_read_name(dir)) != NULL) {
		if (is_binlog(name))
			g_ptr_array_add(names, g_strdup(name));
	}
	if (dir != NULL)
		g_dir_close(dir);
	g_ptr_array_sort(names, by_number);
	*out = g_steal_pointer(&names);
	return NULL;
}
