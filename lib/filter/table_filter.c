/* SPDX-License-Identifier: Apache-2.0 */
/* Patterns of the dump tool for tables: see table_filter.h. */
#include "lib/filter/table_filter.h"

#include <fnmatch.h>
#include <string.h>

struct rule {
	char *schema, *table; /* for fnmatch */
	bool leave_out;
};

struct dm_table_filter {
	GArray *rules; /* struct rule */
	int flags;     /* of fnmatch */
};

static void
clear_rule(gpointer p)
{
	struct rule *r = p;

	g_free(r->schema);
	g_free(r->table);
}

void
dm_table_filter_free(struct dm_table_filter *f)
{
	if (f == NULL)
		return;
	g_array_unref(f->rules);
	g_free(f);
}

/* One part; *at moves behind it. NULL: it is not one. */
static char *
read_part(const char **at)
{
	const char *p = *at;
	g_autoptr(GString) s = g_string_new(NULL);
	char quote = *p == '`' || *p == '"' ? *p++ : '\0';

	for (; *p != '\0'; p++) {
		if (quote == '\0' && *p == '.')
			break;
		if (quote != '\0' && *p == quote) {
			if (p[1] != quote)
				break;
			p++;
		}
		/* Within quotes nothing is a wildcard. */
		if (quote != '\0' && strchr("*?[]\\", *p) != NULL)
			g_string_append_c(s, '\\');
		g_string_append_c(s, *p);
	}
	if (quote != '\0' && *p++ != quote)
		return NULL;
	if (s->len == 0)
		return NULL;
	*at = p;
	return g_strdup(s->str);
}

static bool
read_rule(const char *text, struct rule *r)
{
	*r = (struct rule){ .leave_out = text[0] == '!' };
	text += r->leave_out ? 1 : 0;
	if (text[0] == '/')
		return false;
	r->schema = read_part(&text);
	if (r->schema == NULL || *text++ != '.')
		return false;
	r->table = read_part(&text);
	return r->table != NULL && *text == '\0';
}

struct dm_err *
dm_table_filter_new(const GPtrArray *patterns, bool case_sensitive,
    struct dm_table_filter **out)
{
	DM_AUTO(dm_table_filter) f = g_new0(struct dm_table_filter, 1);

	f->flags = case_sensitive ? 0 : FNM_CASEFOLD;
	f->rules = g_array_new(FALSE, FALSE, sizeof(struct rule));
	g_array_set_clear_func(f->rules, clear_rule);
	for (guint i = 0; i < patterns->len; i++) {
		const char *text = patterns->pdata[i];
		struct rule r;
		bool ok = read_rule(text, &r);

		g_array_append_val(f->rules, r);
		if (!ok)
			return dm_err_set_workaround(
			    dm_err_set_cause(dm_err_new(CONFIG_GEN_BA_LIST),
				"not a pattern for tables: %s", text),
			    "write -f (extra-args of the mydumper) as "
			    "`db.table` with * and ?; regular expressions are "
			    "for `block-allow-list`");
	}
	*out = DM_TAKE(f);
	return NULL;
}

bool
dm_table_filter_has(
    const struct dm_table_filter *f, const char *schema, const char *table)
{
	for (guint i = f->rules->len; i-- > 0;) {
		const struct rule *r = &g_array_index(f->rules, struct rule, i);

		if (fnmatch(r->schema, schema, f->flags) == 0 &&
		    fnmatch(r->table, table, f->flags) == 0)
			return !r->leave_out;
	}
	return false;
}
