/* SPDX-License-Identifier: Apache-2.0 */
/*
 * YAML nodes into struct fields, driven by tables of keys.
 *
 * DESIGN: like Go's yaml.v2 a string field takes any scalar's text (so that
 * `password: 0123` is what was typed), a boolean also YAML 1.1's words. A
 * number with a leading zero is refused: YAML 1.1 reads it as octal.
 */
#include "lib/config/bind.h"

#include "lib/config/suggest.h"
#include "lib/text/duration.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static const char *
shape(const struct dm_yaml *node)
{
	switch (node->kind) {
	case DM_YAML_MAP:
		return "a map";
	case DM_YAML_SEQ:
		return "a list";
	case DM_YAML_SCALAR:
		break;
	}
	return dm_yaml_is_null(node) ? "empty" : "a word";
}

char *
dm_bind_path(const char *path, const char *key)
{
	return path[0] == '\0' ? g_strdup(key)
			       : g_strconcat(path, ".", key, NULL);
}

void
dm_bind_fail(struct dm_report *r, const char *path, const struct dm_yaml *node,
    const char *remedy, const char *fmt, ...)
{
	g_autofree char *reason = NULL;
	va_list ap;

	va_start(ap, fmt);
	reason = g_strdup_vprintf(fmt, ap);
	va_end(ap);
	dm_report_add(r, DM_ERR_CONFIG_YAML_TRANSFORM, node->line, node->col,
	    path, remedy, "%s", reason);
}

bool
dm_bind_is_empty(const struct dm_yaml *node)
{
	return node == NULL || dm_yaml_is_null(node) ||
	       (node->kind == DM_YAML_SEQ && node->items->len == 0) ||
	       (node->kind == DM_YAML_MAP && node->pairs->len == 0);
}

bool
dm_bind_str(struct dm_report *r, const char *path, const struct dm_yaml *node,
    char **out)
{
	if (node->kind != DM_YAML_SCALAR) {
		dm_bind_fail(
		    r, path, node, "", "must be a string, not %s", shape(node));
		return false;
	}
	g_free(*out);
	*out = g_strdup(dm_yaml_is_null(node) ? "" : node->text);
	return true;
}

bool
dm_bind_bool(struct dm_report *r, const char *path, const struct dm_yaml *node,
    bool *out)
{
	static const char *const yes[] = { "true", "yes", "on", "y" };
	static const char *const no[] = { "false", "no", "off", "n" };

	if (node->kind == DM_YAML_SCALAR && node->plain) {
		for (size_t i = 0; i < DM_ARRAY_SIZE(yes); i++) {
			if (g_ascii_strcasecmp(node->text, yes[i]) == 0)
				return *out = true;
			if (g_ascii_strcasecmp(node->text, no[i]) == 0) {
				*out = false;
				return true;
			}
		}
	}
	dm_bind_fail(r, path, node, "", "must be true or false");
	return false;
}

/* "1_000", "0x1f", "-5"; no leading zeros. */
static bool
int_of(const char *text, int64_t *out)
{
	g_auto(GStrv) parts = g_strsplit(text, "_", -1);
	g_autofree char *clean = g_strjoinv("", parts);
	const char *p = clean + (*clean == '-' || *clean == '+');
	int base = 10;
	char *end;

	if (p[0] == '0' && (p[1] == 'x' || p[1] == 'X'))
		base = 16;
	else if (p[0] == '0' && p[1] != '\0')
		return false;
	if (!g_ascii_isdigit(p[0]))
		return false;
	errno = 0;
	*out = g_ascii_strtoll(clean, &end, (guint)base);
	return errno == 0 && *end == '\0';
}

bool
dm_bind_int(struct dm_report *r, const char *path, const struct dm_yaml *node,
    int64_t min, int64_t max, int64_t *out)
{
	int64_t i;

	if (node->kind != DM_YAML_SCALAR || !node->plain ||
	    !int_of(node->text, &i)) {
		dm_bind_fail(r, path, node, "", "must be an integer%s%s",
		    node->kind == DM_YAML_SCALAR ? "" : ", not ",
		    node->kind == DM_YAML_SCALAR ? "" : shape(node));
		return false;
	}
	if (i < min || i > max) {
		dm_bind_fail(r, path, node, "",
		    "must be %" PRId64 " to %" PRId64, min, max);
		return false;
	}
	*out = i;
	return true;
}

bool
dm_bind_strv(struct dm_report *r, const char *path, const struct dm_yaml *node,
    char ***out)
{
	g_autoptr(GStrvBuilder) b = g_strv_builder_new();
	bool good = true;

	if (node->kind != DM_YAML_SEQ && !dm_yaml_is_null(node)) {
		dm_bind_fail(r, path, node,
		    "write `[a, b]`, or one item a line after `- `",
		    "must be a list, not %s", shape(node));
		return false;
	}
	for (guint i = 0; node->items != NULL && i < node->items->len; i++) {
		g_autofree char *item = NULL;
		g_autofree char *sub = g_strdup_printf("%s[%u]", path, i);

		good &= dm_bind_str(r, sub, node->items->pdata[i], &item);
		if (item != NULL)
			g_strv_builder_add(b, item);
	}
	if (good) {
		g_strfreev(*out);
		*out = g_strv_builder_end(b);
	}
	return good;
}

static void
bind_duration(struct dm_report *r, const char *path, const struct dm_yaml *node,
    int64_t *out)
{
	g_autofree char *text = NULL;
	DM_AUTO(dm_err) err = NULL;
	int64_t ns;

	if (!dm_bind_str(r, path, node, &text))
		return;
	err = dm_duration_parse(text, &ns);
	if (err != NULL)
		dm_bind_fail(r, path, node, "write for instance 30s or 5m",
		    "%s", err->message);
	else
		*out = ns / 1000000;
}

static void
bind_value(struct dm_report *r, const char *path, const struct dm_yaml *node,
    const struct bind_key *k, void *obj)
{
	void *to = (char *)obj + k->offset;
	int64_t i;

	/* A key without a value leaves the default, as in yaml.v2. */
	if (dm_yaml_is_null(node) && k->kind != BIND_STR)
		return;
	switch (k->kind) {
	case BIND_STR:
		(void)dm_bind_str(r, path, node, to);
		break;
	case BIND_BOOL:
		(void)dm_bind_bool(r, path, node, to);
		break;
	case BIND_UINT:
		if (dm_bind_int(r, path, node, k->min, k->max, &i))
			*(unsigned *)to = (unsigned)i;
		break;
	case BIND_INT:
		(void)dm_bind_int(r, path, node, k->min, k->max, to);
		break;
	case BIND_STRV:
		(void)dm_bind_strv(r, path, node, to);
		break;
	case BIND_DUR:
		bind_duration(r, path, node, to);
		break;
	case BIND_ANY:
		break;
	}
}

static void
report_unknown(struct dm_report *r, const char *path,
    const struct dm_yaml_pair *p, const struct bind_key *keys, size_t n)
{
	g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
	g_autofree char *full = dm_bind_path(path, p->key);
	g_autofree char *remedy = NULL;
	const char *near;

	for (size_t i = 0; i < n; i++)
		g_ptr_array_add(names, g_strdup(keys[i].name));
	near =
	    dm_suggest(p->key, (const char *const *)names->pdata, names->len);
	remedy = near != NULL ? g_strdup_printf("did you mean `%s`?", near)
			      : g_strdup("remove it");
	dm_report_add(r, DM_ERR_CONFIG_YAML_TRANSFORM, p->line, p->col, full,
	    remedy, "unknown key");
}

void
dm_bind_map(struct dm_report *r, const char *path, const struct dm_yaml *node,
    const struct bind_key *keys, size_t n, void *obj)
{
	if (dm_yaml_is_null(node))
		return;
	if (node->kind != DM_YAML_MAP) {
		dm_bind_fail(r, path, node, "write `key: value` lines",
		    "must be a map, not %s", shape(node));
		return;
	}
	for (guint i = 0; i < node->pairs->len; i++) {
		const struct dm_yaml_pair *p =
		    &g_array_index(node->pairs, struct dm_yaml_pair, i);
		g_autofree char *full = dm_bind_path(path, p->key);
		size_t k = 0;

		if (p->first_line != 0) {
			dm_report_add(r, DM_ERR_CONFIG_YAML_TRANSFORM, p->line,
			    p->col, full, "keep one of them",
			    "given twice, first on line %d", p->first_line);
			continue;
		}
		while (k < n && strcmp(keys[k].name, p->key) != 0)
			k++;
		if (k == n)
			report_unknown(r, path, p, keys, n);
		else
			bind_value(r, full, p->value, &keys[k], obj);
	}
}
