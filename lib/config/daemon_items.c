/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Flags in Go's syntax and TOML files, driven by a table of items.
 *
 * DESIGN: flags are split first, so that -config is known and a wrong flag is
 * told before a wrong file; then values are set: defaults, file, flags. A list
 * set by flags replaces the one of the file.
 * SOURCE: dm/master/config.go, dm/worker/config.go, Go's package flag.
 */
#include "lib/config/daemon_items.h"

#include "lib/config/report.h"
#include "lib/config/suggest.h"
#include "lib/text/duration.h"
#include "lib/text/toml.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

struct given_flag {
	const struct daemon_item *item;
	const char *value; /* borrowed of argv */
};

static void *
field(const struct daemon_item *it, void *cfg)
{
	return (char *)cfg + it->offset;
}

static const void *
const_field(const struct daemon_item *it, const void *cfg)
{
	return (const char *)cfg + it->offset;
}

static void
str_set(char **to, const char *value)
{
	g_free(*to);
	*to = g_strdup(value);
}

/* Adds the parts of "a,b" to the list. */
static void
strv_add(char ***to, const char *value)
{
	g_autoptr(GStrvBuilder) b = g_strv_builder_new();
	g_auto(GStrv) parts = g_strsplit(value, ",", -1);

	for (char **p = *to; p != NULL && *p != NULL; p++)
		g_strv_builder_add(b, *p);
	for (char **p = parts; *p != NULL; p++)
		if (*g_strstrip(*p) != '\0')
			g_strv_builder_add(b, *p);
	g_strfreev(*to);
	*to = g_strv_builder_end(b);
}

static bool
int_parse(const char *text, int64_t *i)
{
	char *end;

	errno = 0;
	*i = g_ascii_strtoll(text, &end, 0);
	return errno == 0 && end != text && *end == '\0';
}

static bool
bool_parse(const char *text, bool *b)
{
	static const char *const yes[] = { "1", "t", "T", "true", "TRUE",
		"True", NULL };
	static const char *const no[] = { "0", "f", "F", "false", "FALSE",
		"False", NULL };

	*b = g_strv_contains(yes, text);
	return *b || g_strv_contains(no, text);
}

static bool
double_parse(const char *text, double *d)
{
	char *end;

	errno = 0;
	*d = g_ascii_strtod(text, &end);
	return errno == 0 && end != text && *end == '\0';
}

/* NULL, or why the text is no value of this kind (static). */
static const char *
item_set(const struct daemon_item *it, void *cfg, const char *text)
{
	void *to = field(it, cfg);
	struct dm_err *err;
	int64_t i = 0;

	switch (it->kind) {
	case ITEM_STR:
	case ITEM_SECRET:
		str_set(to, text);
		return NULL;
	case ITEM_STRV:
		strv_add(to, text);
		return NULL;
	case ITEM_BOOL:
		return bool_parse(text, to) ? NULL : "not true or false";
	case ITEM_DOUBLE:
		return double_parse(text, to) ? NULL : "not a number";
	case ITEM_INT64:
	case ITEM_UINT:
		if (!int_parse(text, &i))
			return "not an integer";
		if (i < 0 || (it->kind == ITEM_UINT && i > UINT32_MAX))
			return "out of range";
		if (it->kind == ITEM_UINT)
			*(unsigned *)to = (unsigned)i;
		else
			*(int64_t *)to = i;
		return NULL;
	case ITEM_DUR_MS:
		err = dm_duration_parse(text, &i);
		if (err != NULL) {
			dm_err_free(err); /* said in our words */
			return "not a duration like 30s";
		}
		*(int64_t *)to = i / 1000000;
		return NULL;
	case ITEM_IGNORED:
	case ITEM_REFUSED:
	case ITEM_ACTION:
		return NULL;
	}
	return NULL;
}

/* ---- flags ---- */

static const struct daemon_item *
find_flag(const struct daemon_spec *s, const char *name, size_t len)
{
	for (size_t i = 0; i < s->n; i++) {
		const char *flag = s->items[i].flag;

		if (flag != NULL && strlen(flag) == len &&
		    strncmp(flag, name, len) == 0)
			return &s->items[i];
	}
	return NULL;
}

static struct dm_err *bad_flag(const struct daemon_spec *s, const char *fmt,
    ...) DM_PRINTF(2, 3) DM_MUST_CHECK;

static struct dm_err *
bad_flag(const struct daemon_spec *s, const char *fmt, ...)
{
	g_autofree char *cause = NULL;
	va_list ap;

	va_start(ap, fmt);
	cause = g_strdup_vprintf(fmt, ap);
	va_end(ap);
	return dm_err_set_cause(
	    dm_err_make_(s->bad_flag, "%s", dm_err_lookup(s->bad_flag)->format),
	    "%s", cause);
}

static struct dm_err *
unknown_flag(const struct daemon_spec *s, const char *arg)
{
	g_autoptr(GPtrArray) names = g_ptr_array_new();
	g_autofree char *name = g_strdup(arg);
	const char *near;

	name[strcspn(name, "=")] = '\0';
	for (size_t i = 0; i < s->n; i++)
		if (s->items[i].flag != NULL)
			g_ptr_array_add(
			    names, g_strconcat("-", s->items[i].flag, NULL));
	g_ptr_array_set_free_func(names, g_free);
	near = dm_suggest(name[1] == '-' ? name + 1 : name,
	    (const char *const *)names->pdata, names->len);
	return bad_flag(s, "flag provided but not defined: %s%s%s%s", name,
	    near != NULL ? " (did you mean " : "", near != NULL ? near : "",
	    near != NULL ? "?)" : "");
}

/* One argument, and the next one where it is the value. */
static struct dm_err *
flag_split(const struct daemon_spec *s, int argc, char *const *argv, int *i,
    struct given_flag *out)
{
	const char *arg = argv[*i];
	const char *name = arg + (arg[1] == '-' ? 2 : 1);
	size_t len = strcspn(name, "=");

	out->item = find_flag(s, name, len);
	if (out->item == NULL)
		return unknown_flag(s, arg);
	if (name[len] == '=')
		out->value = name + len + 1;
	else if (out->item->kind == ITEM_BOOL || out->item->kind == ITEM_ACTION)
		out->value = "true";
	else if (*i + 1 < argc)
		out->value = argv[++*i];
	else
		return bad_flag(s, "flag needs an argument: %s", arg);
	return NULL;
}

static struct dm_err *
stray(const struct daemon_spec *s, const char *arg)
{
	return dm_err_make_(
	    s->stray_argument, DM_ERRFMT_MASTER_CONFIG_INVALID_FLAG, arg);
}

/* *given: struct given_flag, in order. An action ends the walk. */
static struct dm_err *
flags_split(const struct daemon_spec *s, int argc, char *const *argv,
    enum dm_daemon_action *action, GArray *given)
{
	*action = DM_DAEMON_RUN;
	for (int i = 1; i < argc; i++) {
		struct given_flag g = { 0 };
		struct dm_err *err;
		bool asked;

		if (strcmp(argv[i], "--") == 0 && i + 1 < argc)
			return stray(s, argv[i + 1]);
		if (strcmp(argv[i], "--") == 0)
			return NULL;
		if (argv[i][0] != '-' || argv[i][1] == '\0')
			return stray(s, argv[i]);
		err = flag_split(s, argc, argv, &i, &g);
		if (err != NULL)
			return err;
		if (g.item->kind != ITEM_ACTION) {
			g_array_append_val(given, g);
			continue;
		}
		if (!bool_parse(g.value, &asked))
			return bad_flag(s,
			    "invalid boolean value \"%s\" for "
			    "-%s",
			    g.value, g.item->flag);
		if (asked) {
			*action = g.item->action;
			return NULL;
		}
	}
	return NULL;
}

static struct dm_err *
flags_apply(const struct daemon_spec *s, const GArray *given, void *cfg)
{
	for (guint i = 0; i < given->len; i++) {
		const struct given_flag *g =
		    &g_array_index(given, struct given_flag, i);
		const char *why;

		why = item_set(g->item, cfg, g->value);
		if (why != NULL)
			return bad_flag(s,
			    "invalid value \"%s\" for flag "
			    "-%s: %s",
			    g->value, g->item->flag, why);
	}
	return NULL;
}

/* Lists given by flags replace those of the file. */
static void
lists_clear(const GArray *given, void *cfg)
{
	for (guint i = 0; i < given->len; i++) {
		const struct daemon_item *it =
		    g_array_index(given, struct given_flag, i).item;

		if (it->kind == ITEM_STRV) {
			char ***list = field(it, cfg);

			g_strfreev(*list);
			*list = g_new0(char *, 1);
		}
	}
}

/* ---- file ---- */

static const struct daemon_item *
find_key(const struct daemon_spec *s, const char *key)
{
	for (size_t i = 0; i < s->n; i++)
		if (s->items[i].key != NULL &&
		    strcmp(s->items[i].key, key) == 0)
			return &s->items[i];
	/* DM's older place of this key. */
	if (strcmp(key, "experimental.openapi") == 0)
		return find_key(s, "openapi");
	return NULL;
}

/* The value as the text that item_set reads; NULL: not of this kind. */
static char *
toml_text(const struct daemon_item *it, const struct dm_toml_value *v)
{
	switch (v->kind) {
	case DM_TOML_STRING:
		return it->kind == ITEM_BOOL || it->kind == ITEM_UINT ||
			       it->kind == ITEM_INT64 || it->kind == ITEM_DOUBLE
			   ? NULL
			   : g_strdup(v->s);
	case DM_TOML_BOOL:
		return it->kind == ITEM_BOOL ? g_strdup(v->b ? "1" : "0")
					     : NULL;
	case DM_TOML_INT:
		return it->kind == ITEM_UINT || it->kind == ITEM_INT64 ||
			       it->kind == ITEM_DOUBLE
			   ? g_strdup_printf("%" PRId64, v->i)
			   : NULL;
	case DM_TOML_FLOAT: {
		char buf[G_ASCII_DTOSTR_BUF_SIZE];

		if (it->kind != ITEM_DOUBLE)
			return NULL;
		return g_strdup(g_ascii_dtostr(buf, sizeof(buf), v->d));
	}
	case DM_TOML_ARRAY:
	case DM_TOML_TABLE:
		break;
	}
	return NULL;
}

static const char *
array_set(const struct daemon_item *it, void *cfg, const GPtrArray *items)
{
	char ***list = field(it, cfg);

	for (guint i = 0; i < items->len; i++) {
		const struct dm_toml_value *v = items->pdata[i];

		if (v->kind != DM_TOML_STRING)
			return "must be a list of strings";
		strv_add(list, v->s);
	}
	return NULL;
}

static const char *
kind_wanted(enum item_kind k)
{
	static const char *const names[] = { "must be a string",
		"must be a string", "must be true or false",
		"must be an integer", "must be an integer", "must be a number",
		"must be a duration in quotes", "must be a list of strings" };

	return names[k];
}

/* "" is what `config worker` shows, and means that it is not used. */
static void
refuse_value(const struct daemon_spec *s, const struct dm_toml_entry *e,
    struct dm_report *r)
{
	if (e->value->kind == DM_TOML_STRING && e->value->s[0] == '\0')
		return;
	dm_report_add(r, s->bad_file, e->line, e->col, e->key, "remove it",
	    "it is not available in this version");
}

static void
entry_set(const struct daemon_spec *s, const struct daemon_item *it, void *cfg,
    const struct dm_toml_entry *e, struct dm_report *r)
{
	g_autofree char *text = NULL;
	const char *why;
	int code = s->bad_file;

	if (it->kind == ITEM_IGNORED)
		return;
	if (it->kind == ITEM_REFUSED) {
		refuse_value(s, e, r);
		return;
	}
	if (it->kind == ITEM_STRV && e->value->kind == DM_TOML_ARRAY) {
		why = array_set(it, cfg, e->value->items);
	} else {
		text = toml_text(it, e->value);
		why = text == NULL ? kind_wanted(it->kind)
				   : item_set(it, cfg, text);
	}
	if (it->kind == ITEM_DUR_MS && text != NULL)
		code = DM_ERR_MASTER_CONFIG_TIMEOUT_PARSE;
	if (why != NULL && text != NULL && it->kind != ITEM_SECRET)
		dm_report_add(
		    r, code, e->line, e->col, e->key, "", "%s: %s", why, text);
	else if (why != NULL)
		dm_report_add(r, code, e->line, e->col, e->key, "",
		    "%s, not %s", why, dm_toml_kind_name(e->value->kind));
}

static void
append_unknown(GString *unknown, const struct daemon_spec *s,
    const struct dm_toml_entry *e)
{
	g_autoptr(GPtrArray) keys = g_ptr_array_new();
	const char *near;

	for (size_t i = 0; i < s->n; i++)
		if (s->items[i].key != NULL)
			g_ptr_array_add(keys, g_strdup(s->items[i].key));
	g_ptr_array_set_free_func(keys, g_free);
	near = dm_suggest(e->key, (const char *const *)keys->pdata, keys->len);
	if (unknown->len > 0)
		g_string_append_c(unknown, ',');
	g_string_append_printf(unknown, "%s (line %d", e->key, e->line);
	if (near != NULL)
		g_string_append_printf(unknown, ", did you mean %s?", near);
	g_string_append_c(unknown, ')');
}

static struct dm_err *
entries_apply(const struct daemon_spec *s, const char *file,
    const struct dm_toml *doc, void *cfg)
{
	g_autoptr(GString) unknown = g_string_new(NULL);
	DM_AUTO(dm_report) r = dm_report_new(file);

	for (guint i = 0; i < doc->entries->len; i++) {
		const struct dm_toml_entry *e = doc->entries->pdata[i];
		const struct daemon_item *it = find_key(s, e->key);

		if (it != NULL)
			entry_set(s, it, cfg, e, r);
		else if (strcmp(e->key, "experimental") != 0 ||
			 e->value->kind != DM_TOML_TABLE ||
			 find_key(s, "experimental.openapi") == NULL)
			append_unknown(unknown, s, e);
	}
	if (unknown->len > 0)
		return dm_err_make_(s->unknown_key,
		    "%s config %s unknown configuration options: %s",
		    s->short_name, s->contains, unknown->str);
	return dm_report_error(r);
}

static struct dm_err *
file_apply(const struct daemon_spec *s, const char *file, void *cfg)
{
	DM_AUTO(dm_toml) doc = NULL;
	g_autoptr(GError) gerr = NULL;
	g_autofree char *text = NULL;
	struct dm_err *err;
	gsize len;

	if (!g_file_get_contents(file, &text, &len, &gerr))
		return dm_err_plain("%s", gerr->message);
	err = dm_toml_parse(file, text, len, &doc);
	if (err != NULL && s->bad_file == DM_ERR_WORKER_DECODE_CONFIG_FROM_FILE)
		return dm_err_wrap(err, WORKER_DECODE_CONFIG_FROM_FILE);
	if (err != NULL)
		return err;
	return entries_apply(s, file, doc, cfg);
}

static void
defaults_apply(const struct daemon_spec *s, void *cfg)
{
	for (size_t i = 0; i < s->n; i++) {
		const struct daemon_item *it = &s->items[i];
		const char *why;

		if (it->kind == ITEM_ACTION || it->kind == ITEM_IGNORED ||
		    it->kind == ITEM_REFUSED)
			continue;
		if (it->fallback == NULL && it->kind != ITEM_STR &&
		    it->kind != ITEM_SECRET && it->kind != ITEM_STRV)
			continue;
		why = item_set(it, cfg, it->fallback ? it->fallback : "");
		dm_assert(why == NULL);
	}
}

struct dm_err *
dm_daemon_load(const struct daemon_spec *s, int argc, char *const *argv,
    enum dm_daemon_action *action, void *cfg)
{
	g_autoptr(GArray) given =
	    g_array_new(FALSE, FALSE, sizeof(struct given_flag));
	g_autofree char *file = NULL;
	struct dm_err *err;

	defaults_apply(s, cfg);
	err = flags_split(s, argc, argv, action, given);
	if (err != NULL || *action != DM_DAEMON_RUN)
		return err;
	err = flags_apply(s, given, cfg);
	if (err != NULL)
		return err;
	/* Copied: the file may set config-file, which is shown only. */
	file = g_strdup(*(char **)(void *)((char *)cfg + s->config_file));
	if (file[0] == '\0')
		return NULL;
	lists_clear(given, cfg);
	err = file_apply(s, file, cfg);
	if (err != NULL)
		return err;
	lists_clear(given, cfg);
	return flags_apply(s, given, cfg);
}

void
dm_daemon_fini(const struct daemon_spec *s, void *cfg)
{
	for (size_t i = 0; i < s->n; i++) {
		const struct daemon_item *it = &s->items[i];

		if (it->kind == ITEM_STR || it->kind == ITEM_SECRET) {
			char **str = field(it, cfg);

			g_clear_pointer(str, g_free);
		} else if (it->kind == ITEM_STRV) {
			char ***list = field(it, cfg);

			g_clear_pointer(list, g_strfreev);
		}
	}
}

/* ---- output ---- */

char *
dm_daemon_help(const struct daemon_spec *s)
{
	GString *out = g_string_new(NULL);

	g_string_append_printf(out, "Usage of %s:\n", s->program);
	for (size_t i = 0; i < s->n; i++) {
		const struct daemon_item *it = &s->items[i];
		const char *arg =
		    it->kind == ITEM_BOOL || it->kind == ITEM_ACTION ? ""
		    : it->kind == ITEM_UINT || it->kind == ITEM_INT64
			? " int"
			: " value";

		if (it->flag == NULL)
			continue;
		g_string_append_printf(
		    out, "  -%s%s\n    \t%s", it->flag, arg, it->help);
		if (it->kind != ITEM_ACTION)
			g_string_append_printf(out, " (default \"%s\")",
			    it->fallback != NULL ? it->fallback : "");
		g_string_append_c(out, '\n');
	}
	return g_string_free(out, FALSE);
}

static void
append_double(GString *out, double d)
{
	char buf[G_ASCII_DTOSTR_BUF_SIZE];

	g_ascii_dtostr(buf, sizeof(buf), d);
	g_string_append(out, buf);
	if (strpbrk(buf, ".eEn") == NULL)
		g_string_append(out, ".0");
}

static void
append_list(GString *out, char *const *list)
{
	g_string_append_c(out, '[');
	for (size_t i = 0; list != NULL && list[i] != NULL; i++) {
		if (i > 0)
			g_string_append(out, ", ");
		dm_toml_append_string(out, list[i]);
	}
	g_string_append_c(out, ']');
}

static void
append_value(GString *out, const struct daemon_item *it, const void *cfg)
{
	const void *from = const_field(it, cfg);
	g_autofree char *text = NULL;

	switch (it->kind) {
	case ITEM_STR:
		dm_toml_append_string(out, *(char *const *)from);
		break;
	case ITEM_SECRET:
		dm_toml_append_string(
		    out, (*(char *const *)from)[0] != '\0' ? "******" : "");
		break;
	case ITEM_BOOL:
		g_string_append(out, *(const bool *)from ? "true" : "false");
		break;
	case ITEM_UINT:
		g_string_append_printf(out, "%u", *(const unsigned *)from);
		break;
	case ITEM_INT64:
		g_string_append_printf(out, "%" PRId64, *(const int64_t *)from);
		break;
	case ITEM_DOUBLE:
		append_double(out, *(const double *)from);
		break;
	case ITEM_DUR_MS:
		text = dm_duration_text(*(const int64_t *)from * 1000000);
		dm_toml_append_string(out, text);
		break;
	case ITEM_STRV:
		append_list(out, *(char **const *)from);
		break;
	case ITEM_IGNORED:
	case ITEM_REFUSED:
	case ITEM_ACTION:
		dm_toml_append_string(out, "");
		break;
	}
}

static bool
is_left_out(const struct daemon_item *it, const void *cfg)
{
	const void *from = const_field(it, cfg);

	if (strcmp(it->key, "cert-allowed-cn") == 0)
		return (*(char **const *)from)[0] == NULL;
	return g_str_has_prefix(it->key, "ssl-") &&
	       g_str_has_suffix(it->key, "-bytes") &&
	       (*(char *const *)from)[0] == '\0';
}

void
dm_daemon_append_toml(
    GString *out, const struct daemon_spec *s, const void *cfg, const char *key)
{
	const struct daemon_item *it = find_key(s, key);

	dm_assert(it != NULL);
	if (is_left_out(it, cfg))
		return;
	g_string_append_printf(out, "%s = ", key);
	append_value(out, it, cfg);
	g_string_append_c(out, '\n');
}
