/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mydumpers' extra-args: the options of the dump tool that DM reads.
 *
 * DESIGN: options that only tune are applied or have no meaning here; of those
 * that change what is copied, a streamed copy takes --where, a dump into files
 * all (files_check in task.c); others are refused with the setting that does
 * it. SOURCE: reference/data-plane 1.11. Differs: DM's dump unit only warns
 * about what it does not know.
 */
#include "lib/config/task_parse.h"

#include <string.h>

enum arg_effect {
	ARG_THREADS,
	ARG_FILESIZE,
	ARG_STATEMENT,
	ARG_ROWS,
	ARG_WHERE,
	ARG_COMPRESS,
	ARG_FILETYPE,
	ARG_NO_VIEWS,
	ARG_DATABASES,
	ARG_TABLES,
	ARG_FILTER,
	ARG_NOTHING, /* ours does at least this */
	ARG_REFUSED
};

struct arg {
	char letter; /* '\0': none */
	const char *name;
	bool has_value; /* in the next word, if there is no '=' */
	enum arg_effect effect;
	const char *remedy;
};

/* clang-format off */
static const struct arg args[] = {
	{ 't', "threads", true, ARG_THREADS, NULL },
	{ 'F', "filesize", true, ARG_FILESIZE, NULL },
	{ 's', "statement-size", true, ARG_STATEMENT, NULL },
	{ 'r', "rows", true, ARG_ROWS, NULL },
	{ 'W', "no-views", false, ARG_NO_VIEWS, NULL },
	{ 'c', "compress", true, ARG_COMPRESS, NULL },
	{ '\0', "filetype", true, ARG_FILETYPE, NULL },
	{ '\0', "consistency", true, ARG_NOTHING, NULL },
	{ '\0', "no-locks", false, ARG_NOTHING, NULL },
	{ '\0', "escape-backslash", false, ARG_NOTHING, NULL },
	{ '\0', "transactional-consistency", false, ARG_NOTHING, NULL },
	{ '\0', "skip-tz-utc", false, ARG_NOTHING, NULL },
	{ 'B', "database", true, ARG_DATABASES, NULL },
	{ 'T', "tables-list", true, ARG_TABLES, NULL },
	{ 'f', "filter", true, ARG_FILTER, NULL },
	{ '\0', "where", true, ARG_WHERE, NULL },
	{ '\0', "snapshot", true, ARG_REFUSED, "remove it" },
	{ '\0', "ca", true, ARG_REFUSED, "use `from.security` of the source" },
	{ '\0', "cert", true, ARG_REFUSED, "use `from.security` of the source" },
	{ '\0', "key", true, ARG_REFUSED, "use `from.security` of the source" },
};
/* clang-format on */

/* *value: within token, NULL when it is not in there. */
static const struct arg *
arg_find(const char *token, const char **value)
{
	bool is_long = token[0] == '-' && token[1] == '-';
	const char *eq = strchr(token, '=');

	*value = eq != NULL ? eq + 1 : NULL;
	for (size_t i = 0; i < DM_ARRAY_SIZE(args); i++) {
		size_t len = strlen(args[i].name);

		if (is_long && strncmp(token + 2, args[i].name, len) == 0 &&
		    (token[2 + len] == '\0' || token[2 + len] == '='))
			return &args[i];
		if (!is_long && token[0] == '-' && args[i].letter != '\0' &&
		    token[1] == args[i].letter) {
			if (token[2] != '\0' && token[2] != '=')
				*value = token + 2; /* -t8 */
			return &args[i];
		}
	}
	return NULL;
}

static void
set_text(char **to, const char *value)
{
	g_free(*to);
	*to = g_strdup(value);
}

/* Patterns, each with a suffix. */
static void
add_tables(struct dm_mydumper_cfg *m, const char *list, const char *suffix)
{
	g_auto(GStrv) words = g_strsplit(list, ",", -1);

	if (m->tables == NULL)
		m->tables = g_ptr_array_new_with_free_func(g_free);
	for (char **w = words; *w != NULL; w++)
		if (g_strstrip(*w)[0] != '\0')
			g_ptr_array_add(
			    m->tables, g_strconcat(*w, suffix, NULL));
}

static bool
set_compress(struct dm_mydumper_cfg *m, const char *value)
{
	if (strcmp(value, "gzip") != 0 && strcmp(value, "zstd") != 0 &&
	    strcmp(value, "no-compression") != 0)
		return false;
	set_text(&m->compress, value[0] == 'n' ? "" : value);
	return true;
}

/* given: NULL for an option without a value. False: not a value of this
 * option. */
static bool
arg_apply(const struct arg *a, const char *given, struct dm_mydumper_cfg *m)
{
	const char *value = given != NULL ? given : "";
	guint64 n = 0;

	switch (a->effect) {
	case ARG_THREADS:
		if (!g_ascii_string_to_unsigned(value, 10, 1, 4096, &n, NULL))
			return false;
		m->threads = (unsigned)n;
		return true;
	case ARG_ROWS:
		if (!g_ascii_string_to_unsigned(
			value, 10, 0, INT64_MAX, &n, NULL))
			return false;
		m->rows = (int64_t)n;
		return true;
	case ARG_FILESIZE:
		set_text(&m->chunk_filesize, value);
		return true;
	case ARG_STATEMENT:
		set_text(&m->statement_size, value);
		return true;
	case ARG_WHERE:
		set_text(&m->where, value);
		return true;
	case ARG_COMPRESS:
		return set_compress(m, value);
	case ARG_FILETYPE:
		m->csv = strcmp(value, "csv") == 0;
		return m->csv || strcmp(value, "sql") == 0;
	case ARG_NO_VIEWS:
		m->views = strcmp(value, "false") == 0;
		return given == NULL || m->views || strcmp(value, "true") == 0;
	case ARG_DATABASES:
		add_tables(m, value, ".*");
		return true;
	case ARG_TABLES:
	case ARG_FILTER:
		add_tables(m, value, "");
		return true;
	case ARG_NOTHING:
	case ARG_REFUSED:
		return true;
	}
	return true;
}

/* One option at tokens[*i]; the problem, or NULL: static. */
static const char *
arg_read(char *const *tokens, size_t *i, struct dm_mydumper_cfg *m,
    const char **remedy)
{
	const char *value;
	const struct arg *a = arg_find(tokens[*i], &value);

	*remedy = "remove it";
	if (a == NULL)
		return "unknown option";
	if (a->has_value && value == NULL && tokens[*i + 1] != NULL)
		value = tokens[++*i];
	if (a->has_value && value == NULL)
		return "needs a value";
	if (a->effect == ARG_REFUSED) {
		*remedy = a->remedy;
		return "is not supported";
	}
	return arg_apply(a, value, m) ? NULL : "bad value";
}

/* One pair of quotes around a token goes. */
static void
unquote(char *token)
{
	size_t len = strlen(token);

	if (len >= 2 && (token[0] == '"' || token[0] == '\'') &&
	    token[len - 1] == token[0]) {
		memmove(token, token + 1, len - 2);
		token[len - 2] = '\0';
	}
}

void
task_extra_args_read(struct dm_report *r, const char *path,
    const struct dm_yaml *node, struct dm_mydumper_cfg *m)
{
	g_autofree char *full = dm_bind_path(path, "extra-args");
	const struct dm_yaml_pair *p = dm_yaml_find(node, "extra-args");
	g_auto(GStrv) words = g_strsplit_set(m->extra_args, " \t\r\n", -1);
	g_autoptr(GStrvBuilder) b = g_strv_builder_new();
	g_auto(GStrv) tokens = NULL;

	dm_assert(p != NULL);
	for (char **w = words; *w != NULL; w++) {
		unquote(*w);
		if (**w != '\0')
			g_strv_builder_add(b, *w);
	}
	tokens = g_strv_builder_end(b);
	for (size_t i = 0; tokens[i] != NULL; i++) {
		const char *token = tokens[i];
		const char *remedy = "";
		const char *problem = arg_read(tokens, &i, m, &remedy);

		if (problem != NULL)
			dm_bind_fail(r, full, p->value, remedy, "%s: %s", token,
			    problem);
	}
}
