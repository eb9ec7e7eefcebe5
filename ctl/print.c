/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What dmctl writes: responses in the forms P1, P2 and P3 of control-plane
 * 2.3, usage and help.
 */
#include "ctl/common.h"
#include "ctl/table.h"
#include "ctl/view.h"
#include "lib/text/pbjson.h"

#include <stdarg.h>
#include <string.h>

#define INDENT 4
/* By this a check's outcome is known, as in the original. */
#define CHECK_MARK "fail to check synchronization configuration with type"

void
ctl_line(struct ctl_inv *inv, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vfprintf(inv->env->out, fmt, ap);
	va_end(ap);
	fputc('\n', inv->env->out);
}

struct dm_err *
ctl_see_output(void)
{
	return dm_err_plain("please check output to see error");
}

struct dm_err *
ctl_fail(struct ctl_inv *inv, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vfprintf(inv->env->out, fmt, ap);
	va_end(ap);
	fputc('\n', inv->env->out);
	return ctl_see_output();
}

struct dm_err *
ctl_usage(struct ctl_inv *inv)
{
	return ctl_usage_err(inv, ctl_see_output());
}

struct dm_err *
ctl_usage_err(struct ctl_inv *inv, struct dm_err *err)
{
	g_autofree char *text = ctl_usage_text(inv);

	fputs(text, inv->env->out);
	return err;
}

struct dm_err *
ctl_help(struct ctl_inv *inv)
{
	g_autofree char *text = ctl_help_text(inv);

	fputs(text, inv->env->out);
	return NULL;
}

/* ---- P1 and P3 ---- */

/* The bool `result` of a message; true when it has none. */
static bool
result_of(const ProtobufCMessage *msg)
{
	const ProtobufCFieldDescriptor *f =
	    protobuf_c_message_descriptor_get_field_by_name(
		msg->descriptor, "result");

	if (f == NULL || f->type != PROTOBUF_C_TYPE_BOOL)
		return true;
	return *(const protobuf_c_boolean *)((const char *)msg + f->offset);
}

/* Was anything refused: the whole request, or the part of one source? */
static bool
is_refused(const ProtobufCMessage *msg)
{
	const ProtobufCFieldDescriptor *f =
	    protobuf_c_message_descriptor_get_field_by_name(
		msg->descriptor, "sources");
	const char *base = (const char *)msg;
	ProtobufCMessage *const *entries;
	size_t n;

	if (!result_of(msg))
		return true;
	if (f == NULL || f->type != PROTOBUF_C_TYPE_MESSAGE)
		return false;
	n = *(const size_t *)(base + f->quantifier_offset);
	entries = *(ProtobufCMessage *const *const *)(base + f->offset);
	for (size_t i = 0; i < n; i++) {
		if (!result_of(entries[i]))
			return true;
	}
	return false;
}

static void
note_refusal(struct ctl_inv *inv, const ProtobufCMessage *msg)
{
	if (is_refused(msg))
		inv->env->refused = true;
}

static char *
to_json(struct ctl_inv *inv, const ProtobufCMessage *msg)
{
	struct dm_pbjson_opts o = {
		.indent = INDENT,
		.own_fields = inv->env->own_fields,
	};

	note_refusal(inv, msg);
	return dm_pbjson_print(msg, &o);
}

void
ctl_print(struct ctl_inv *inv, const ProtobufCMessage *msg)
{
	g_autofree char *text = NULL;

	if (inv->env->table) {
		note_refusal(inv, msg);
		ctl_view(inv->env->out, msg);
		return;
	}
	text = to_json(inv, msg);
	fputs(text, inv->env->out);
}

/* text with the first `what` replaced. New string. */
static char *
replace_first(const char *text, const char *what, const char *by)
{
	const char *hit = strstr(text, what);

	if (hit == NULL)
		return g_strdup(text);
	return g_strdup_printf(
	    "%.*s%s%s", (int)(hit - text), text, by, hit + strlen(what));
}

void
ctl_print_check(struct ctl_inv *inv, const ProtobufCMessage *msg, char **field)
{
	static char mark[] = "@check-result@";
	g_autofree char *json = NULL, *raw = NULL, *text = NULL;
	char *check = *field;

	if (check == NULL || strstr(check, CHECK_MARK) == NULL) {
		ctl_print(inv, msg);
		return;
	}
	if (inv->env->table && ctl_view_check(inv->env->out, check)) {
		note_refusal(inv, msg);
		return;
	}
	*field = mark;
	json = to_json(inv, msg);
	*field = check;
	raw = replace_first(check, "detail: {", "   \tdetail: {");
	text = replace_first(json, mark, raw);
	fputs(text, inv->env->out);
}

/* ---- P2 ---- */

/* What a cell shows of a value: texts as they are, lists by commas. New
 * string. */
static char *
cell_text(const json_t *j)
{
	GString *s;

	if (json_is_string(j))
		return g_strdup(json_string_value(j));
	if (json_is_boolean(j))
		return g_strdup(json_is_true(j) ? "ok" : "failed");
	s = g_string_new(NULL);
	for (size_t i = 0; i < json_array_size(j); i++) {
		const json_t *e = json_array_get(j, i);
		const char *text = json_string_value(
		    json_is_object(e) ? json_object_get(e, "source") : e);

		g_string_append_printf(
		    s, "%s%s", i > 0 ? "," : "", text != NULL ? text : "");
	}
	return g_string_free(s, FALSE);
}

void
ctl_print_list(struct ctl_inv *inv, const json_t *answer, const char *list,
    const char *const *keys, const char *const *heads)
{
	const json_t *items = json_object_get(answer, list);
	const char *msg = json_string_value(json_object_get(answer, "msg"));
	size_t n = g_strv_length((char **)(uintptr_t)keys);
	DM_AUTO(ctl_table) t = NULL;

	if (!inv->env->table) {
		ctl_print_json(inv, answer);
		return;
	}
	if (!json_is_true(json_object_get(answer, "result")))
		ctl_line(inv, "failed: %s", msg != NULL ? msg : "");
	t = ctl_table_new(heads);
	for (size_t i = 0; i < json_array_size(items); i++) {
		g_auto(GStrv) cells = g_new0(char *, n + 1);

		for (size_t k = 0; k < n; k++)
			cells[k] = cell_text(
			    json_object_get(json_array_get(items, i), keys[k]));
		ctl_table_row(t, (const char *const *)cells);
	}
	ctl_table_print(t, inv->env->out);
}

json_t *
ctl_json_string(const char *text)
{
	g_autofree char *valid = g_utf8_make_valid(text, -1);

	return json_string(valid);
}

static void append_json(GString *s, const json_t *j, unsigned depth);

static void
newline(GString *s, unsigned depth)
{
	g_string_append_printf(s, "\n%*s", (int)(depth * INDENT), "");
}

static void
append_object(GString *s, const json_t *j, unsigned depth)
{
	/* jansson's iterators take no const, but change nothing. */
	json_t *object = (json_t *)(uintptr_t)j;
	bool first = true;
	void *it;

	g_string_append_c(s, '{');
	for (it = json_object_iter(object); it != NULL;
	     it = json_object_iter_next(object, it)) {
		if (!first)
			g_string_append_c(s, ',');
		first = false;
		newline(s, depth + 1);
		dm_json_append_string(s, json_object_iter_key(it));
		g_string_append(s, ": ");
		append_json(s, json_object_iter_value(it), depth + 1);
	}
	if (!first)
		newline(s, depth);
	g_string_append_c(s, '}');
}

static void
append_array(GString *s, const json_t *j, unsigned depth)
{
	g_string_append_c(s, '[');
	for (size_t i = 0; i < json_array_size(j); i++) {
		if (i > 0)
			g_string_append_c(s, ',');
		newline(s, depth + 1);
		append_json(s, json_array_get(j, i), depth + 1);
	}
	if (json_array_size(j) > 0)
		newline(s, depth);
	g_string_append_c(s, ']');
}

static void
append_json(GString *s, const json_t *j, unsigned depth)
{
	switch (json_typeof(j)) {
	case JSON_OBJECT:
		append_object(s, j, depth);
		return;
	case JSON_ARRAY:
		append_array(s, j, depth);
		return;
	case JSON_STRING:
		dm_json_append_string(s, json_string_value(j));
		return;
	case JSON_INTEGER:
		g_string_append_printf(
		    s, "%" JSON_INTEGER_FORMAT, json_integer_value(j));
		return;
	case JSON_TRUE:
		g_string_append(s, "true");
		return;
	case JSON_FALSE:
		g_string_append(s, "false");
		return;
	case JSON_NULL:
		g_string_append(s, "null");
		return;
	case JSON_REAL:
		break;
	}
	/* Nothing that is printed in this form has another kind of value. */
	dm_assert(false);
}

void
ctl_print_json(struct ctl_inv *inv, const json_t *j)
{
	GString *s = g_string_new(NULL);

	append_json(s, j, 0);
	g_string_append_c(s, '\n');
	fputs(s->str, inv->env->out);
	g_string_free(s, TRUE);
}
