/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files on the machine of dmctl: task and source configurations.
 * SOURCE: dm/ctl/common/util.go GetFileContent, GetTaskNameFromArgOrFile.
 * Differs: certificates that a file names are not read here and sent along;
 * their paths are those of the machines that run the workers.
 */
#include "ctl/common.h"
#include "lib/text/yaml.h"

#include <errno.h>
#include <string.h>

G_DEFINE_AUTOPTR_CLEANUP_FUNC(FILE, fclose)

/* The system's words as the original prints them: in lower case. */
static char *
system_text(int error)
{
	char *text = g_strdup(g_strerror(error));

	text[0] = g_ascii_tolower(text[0]);
	return text;
}

static struct dm_err *
file_error(const char *path, const char *op, int error)
{
	g_autofree char *why = system_text(error);

	return dm_err_plain(
	    "error in get file content: %s %s: %s", op, path, why);
}

struct dm_err *
ctl_read_file(const char *path, char **text)
{
	g_autoptr(FILE) f = fopen(path, "re");
	g_autoptr(GString) s = g_string_new(NULL);
	char buf[8192];
	size_t n;

	if (f == NULL)
		return file_error(path, "open", errno);
	while ((n = fread(buf, 1, sizeof(buf), f)) > 0) {
		g_string_append_len(s, buf, (gssize)n);
		if (s->len > CTL_MAX_FILE_BYTES)
			return dm_err_plain("error in get file content: %s is "
					    "larger than %zu bytes",
			    path, (size_t)CTL_MAX_FILE_BYTES);
	}
	if (ferror(f))
		return file_error(path, "read", errno);
	if (memchr(s->str, '\0', s->len) != NULL)
		return dm_err_plain("error in get file content: %s is not a "
				    "text file (it holds a zero byte)",
		    path);
	*text = g_strdup(s->str);
	return NULL;
}

struct dm_err *
ctl_write_file(const char *path, const char *text)
{
	GError *why = NULL;
	struct dm_err *err;

	if (g_file_set_contents_full(
		path, text, -1, G_FILE_SET_CONTENTS_CONSISTENT, 0600, &why))
		return NULL;
	err = dm_err_plain("%s", why->message);
	g_error_free(why);
	return err;
}

/* ---- YAML ---- */

struct dm_err *
ctl_check_yaml(const char *path, const char *text)
{
	DM_AUTO(dm_yaml_doc) doc = NULL;
	int line = 0, col = 0;
	struct dm_err *err =
	    dm_yaml_parse(text, strlen(text), &line, &col, &doc);

	if (err != NULL)
		return dm_err_annotate(err, "%s:%d:%d", path, line, col);
	if (doc->root->kind != DM_YAML_MAP)
		return dm_err_make_(DM_ERR_CONFIG_YAML_TRANSFORM,
		    "%s:%d:%d: the file is not a list of `key: value`", path,
		    doc->root->line, doc->root->col);
	for (guint i = 0; i < doc->nodes->len; i++) {
		const struct dm_yaml *n = g_ptr_array_index(doc->nodes, i);

		for (guint k = 0; n->kind == DM_YAML_MAP && k < n->pairs->len;
		     k++) {
			const struct dm_yaml_pair *p =
			    &g_array_index(n->pairs, struct dm_yaml_pair, k);

			if (p->first_line != 0)
				return dm_err_make_(
				    DM_ERR_CONFIG_YAML_TRANSFORM,
				    "%s:%d:%d: key \"%s\" already set in map "
				    "(line %d)",
				    path, p->line, p->col, p->key,
				    p->first_line);
		}
	}
	return NULL;
}

char *
ctl_yaml_scalar(const char *text, const char *key)
{
	DM_AUTO(dm_yaml_doc) doc = NULL;
	DM_AUTO(dm_err) err = NULL;
	const struct dm_yaml_pair *p;
	int line, col;

	dm_assert(text != NULL);
	err = dm_yaml_parse(text, strlen(text), &line, &col, &doc);
	if (err != NULL)
		return NULL;
	p = dm_yaml_find(doc->root, key);
	if (p == NULL || p->value->kind != DM_YAML_SCALAR)
		return NULL;
	return g_strdup(dm_yaml_is_null(p->value) ? "" : p->value->text);
}

char *
ctl_task_name(const char *arg)
{
	g_autofree char *text = NULL;
	char *name;

	if (!g_str_has_suffix(arg, ".yaml") && !g_str_has_suffix(arg, ".yml"))
		return g_strdup(arg);
	DM_AUTO(dm_err) err = ctl_read_file(arg, &text);
	/* Not a file that can be read: then it is the name itself. */
	if (err != NULL)
		return g_strdup(arg);
	name = ctl_yaml_scalar(text, "name");
	if (name == NULL)
		name = g_strdup(arg);
	return name;
}
