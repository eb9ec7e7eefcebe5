/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Results of prechecks, and the text that StartTask and CheckTask answer.
 *
 * FORMAT: Go's json.MarshalIndent with a tab, every line but the first with
 * one tab more in front.
 * SOURCE: dm/checker/checker.go, pkg/checker/types.go.
 */
#include "master/check/result.h"

#include "lib/text/pbjson.h"

#include <inttypes.h>
#include <string.h>

#define HEAD "fail to check synchronization configuration with type"

static const char *const state_names[] = { "success", "warn", "fail" };

static void
error_destroy(gpointer p)
{
	struct check_error *e = p;

	g_free(e->text);
	g_free(e->self);
	g_free(e->other);
	g_free(e->instruction);
	g_free(e);
}

static void
item_destroy(gpointer p)
{
	struct check_item *i = p;

	g_ptr_array_unref(i->errors);
	g_free(i->instruction);
	g_free(i->extra);
	g_free(i);
}

struct result_list *
result_list_new(void)
{
	struct result_list *l = g_new0(struct result_list, 1);

	l->items = g_ptr_array_new_with_free_func(item_destroy);
	return l;
}

void
result_list_free(struct result_list *l)
{
	if (l == NULL)
		return;
	g_ptr_array_unref(l->items);
	g_free(l);
}

void
result_list_move(struct result_list *to, struct result_list *from)
{
	while (from->items->len > 0)
		g_ptr_array_add(
		    to->items, g_ptr_array_steal_index(from->items, 0));
}

struct check_item *
check_item_add(struct result_list *l, const char *name, const char *desc)
{
	struct check_item *i = g_new0(struct check_item, 1);

	i->name = name;
	i->desc = desc;
	i->errors = g_ptr_array_new_with_free_func(error_destroy);
	i->instruction = g_strdup("");
	i->extra = g_strdup("");
	g_ptr_array_add(l->items, i);
	return i;
}

struct check_error *
check_item_error(struct check_item *i, enum check_state severity,
    const char *instruction, const char *fmt, ...)
{
	struct check_error *e = g_new0(struct check_error, 1);
	va_list ap;

	va_start(ap, fmt);
	e->text = g_strdup_vprintf(fmt, ap);
	va_end(ap);
	e->severity = severity;
	e->self = g_strdup("");
	e->other = g_strdup("");
	e->instruction = g_strdup(instruction);
	g_ptr_array_add(i->errors, e);
	if (i->state < severity)
		i->state = severity;
	return e;
}

void
check_item_fail(struct check_item *i, struct dm_err *err)
{
	g_autofree char *text = dm_err_text(err);

	(void)check_item_error(i, CHECK_FAIL, "", "%s", text);
	dm_err_free(err);
}

/* ---- JSON ---- */

/* A line break and the tabs of a depth; one tab is the prefix. */
static void
new_line(GString *s, int depth)
{
	g_string_append_c(s, '\n');
	for (int i = 0; i <= depth; i++)
		g_string_append_c(s, '\t');
}

/* "key": "value", with what separates it from the one before. */
static void
append_field(GString *s, int depth, const char *key, const char *value)
{
	if (s->str[s->len - 1] != '{')
		g_string_append_c(s, ',');
	new_line(s, depth);
	g_string_append_printf(s, "\"%s\": ", key);
	dm_json_append_string(s, value);
}

static void
append_optional(GString *s, int depth, const char *key, const char *value)
{
	if (value[0] != '\0')
		append_field(s, depth, key, value);
}

static void
append_error(GString *s, const struct check_error *e)
{
	new_line(s, 4);
	g_string_append_c(s, '{');
	append_field(s, 5, "severity", state_names[e->severity]);
	append_field(s, 5, "short_error", e->text);
	append_optional(s, 5, "self", e->self);
	append_optional(s, 5, "other", e->other);
	append_optional(s, 5, "instruction", e->instruction);
	new_line(s, 4);
	g_string_append_c(s, '}');
}

/* errors: those that the caps let through. */
static void
append_item(
    GString *s, guint id, const struct check_item *i, const GPtrArray *errors)
{
	new_line(s, 2);
	g_string_append_c(s, '{');
	new_line(s, 3);
	g_string_append_printf(s, "\"id\": %u", id);
	append_field(s, 3, "name", i->name);
	append_field(s, 3, "desc", i->desc);
	append_field(s, 3, "state", state_names[i->state]);
	g_string_append_c(s, ',');
	new_line(s, 3);
	g_string_append(s, "\"errors\": [");
	for (guint k = 0; k < errors->len; k++) {
		if (k > 0)
			g_string_append_c(s, ',');
		append_error(s, errors->pdata[k]);
	}
	new_line(s, 3);
	g_string_append_c(s, ']');
	append_optional(s, 3, "instruction", i->instruction);
	append_optional(s, 3, "extra", i->extra);
	new_line(s, 2);
	g_string_append_c(s, '}');
}

/* Whether one more of this kind may be shown; counts it. */
static bool
let_through(int64_t cap, int64_t *shown)
{
	if (cap >= 0 && *shown >= cap)
		return false;
	(*shown)++;
	return true;
}

static void
append_results(
    GString *s, const struct result_list *l, const struct check_opts *o)
{
	int64_t errors = 0, warnings = 0;
	bool any = false;

	g_string_append(s, "\"results\": [");
	for (guint k = 0; k < l->items->len; k++) {
		const struct check_item *i = l->items->pdata[k];
		g_autoptr(GPtrArray) shown = g_ptr_array_new();

		for (guint j = 0; j < i->errors->len; j++) {
			const struct check_error *e = i->errors->pdata[j];

			if (e->severity == CHECK_WARN
				? let_through(o->warn_count, &warnings)
				: let_through(o->err_count, &errors))
				g_ptr_array_add(shown, i->errors->pdata[j]);
		}
		if (shown->len == 0)
			continue;
		if (any)
			g_string_append_c(s, ',');
		append_item(s, k, i, shown);
		any = true;
	}
	if (any)
		new_line(s, 1);
	g_string_append_c(s, ']');
}

static void
append_number(GString *s, const char *key, unsigned value)
{
	g_string_append_c(s, ',');
	new_line(s, 2);
	g_string_append_printf(s, "\"%s\": %u", key, value);
}

static char *
list_json(const struct result_list *l, const struct check_opts *o,
    const unsigned count[3])
{
	GString *s = g_string_new("{");

	new_line(s, 1);
	append_results(s, l, o);
	g_string_append_c(s, ',');
	new_line(s, 1);
	g_string_append(s, "\"summary\": {");
	new_line(s, 2);
	g_string_append_printf(
	    s, "\"passed\": %s", count[CHECK_FAIL] == 0 ? "true" : "false");
	append_number(s, "total", l->items->len);
	append_number(s, "successful", count[CHECK_SUCCESS]);
	append_number(s, "failed", count[CHECK_FAIL]);
	append_number(s, "warning", count[CHECK_WARN]);
	new_line(s, 1);
	g_string_append_c(s, '}');
	new_line(s, 0);
	g_string_append_c(s, '}');
	return g_string_free(s, FALSE);
}

char *
result_list_text(
    const struct result_list *l, const struct check_opts *o, bool *passed)
{
	unsigned count[3] = { 0 };
	g_autofree char *json = NULL;
	DM_AUTO(dm_err) err = NULL;

	for (guint k = 0; k < l->items->len; k++)
		count[((const struct check_item *)l->items->pdata[k])->state]++;
	*passed = count[CHECK_FAIL] == 0;
	if (l->items->len == 0)
		return g_strdup("");
	if (*passed && count[CHECK_WARN] == 0)
		return g_strdup("pre-check is passed. ");
	json = list_json(l, o, count);
	if (*passed)
		return g_strdup_printf(
		    HEAD ": no errors but some warnings\n detail: %s", json);
	err = dm_err_new(TASK_CHECK_SYNC_CONFIG_ERROR, HEAD,
	    "check was failed, please see detail", json);
	err = dm_err_set_class(err, "dm-master");
	/* Each finding has its own instruction; the text ends with the JSON. */
	err = dm_err_set_workaround(err, "%s", "");
	return dm_err_text(err);
}
