/* SPDX-License-Identifier: Apache-2.0 */
/* Calls, casts, CASE and intervals: see parser.h. */
#include "lib/expr/parser.h"

#include <string.h>

struct ex_node *
ex_parse_typed(struct ex_parser *p, const char *type)
{
	struct ex_node *n;
	enum ex_read read;
	bool has_time = false;
	const char *dot = memchr(p->t.text, '.', p->t.len);
	enum ex_kind kind;

	if (g_ascii_strcasecmp(type, "DATE") == 0)
		kind = EX_DATE;
	else if (g_ascii_strcasecmp(type, "TIME") == 0)
		kind = EX_TIME;
	else if (g_ascii_strcasecmp(type, "TIMESTAMP") == 0)
		kind = EX_DATETIME;
	else
		return NULL;
	n = ex_node_literal(p, kind);
	if (kind == EX_TIME)
		read = ex_time_read(p->t.text, p->t.len, &n->lit.t);
	else
		read =
		    ex_datetime_read(p->t.text, p->t.len, &n->lit.t, &has_time);
	if (read != EX_READ_OK || (kind == EX_DATE && has_time) ||
	    (kind != EX_TIME && !ex_date_is_real(&n->lit.t)))
		ex_parse_fail(p, "'%s' is not a %s", p->t.text, type);
	if (kind != EX_DATE && dot != NULL)
		n->scale = (int)strlen(dot + 1);
	ex_parse_advance(p);
	return n;
}

static const char *const units[] = { "MICROSECOND", "SECOND", "MINUTE", "HOUR",
	"DAY", "WEEK", "MONTH", "QUARTER", "YEAR" };

struct ex_node *
ex_parse_interval(struct ex_parser *p, struct ex_node *base, bool minus)
{
	struct ex_node *args[] = { base, ex_parse_expr(p) };
	struct ex_node *n =
	    ex_node_call(p, minus ? "DATE_SUB" : "DATE_ADD", args, 2);

	n->number = -1;
	for (size_t i = 0; i < DM_ARRAY_SIZE(units); i++) {
		if (ex_parse_is(p, units[i]))
			n->number = (int)i;
	}
	if (n->number < 0)
		ex_parse_fail(p, "the unit %s is not supported",
		    p->t.kind == EX_TOK_END ? "(none)" : p->t.text);
	ex_parse_advance(p);
	return n;
}

struct ex_node *
ex_parse_case(struct ex_parser *p)
{
	g_autoptr(GPtrArray) args = g_ptr_array_new();
	bool simple = !ex_parse_is(p, "WHEN");
	struct ex_node *n;

	if (simple)
		g_ptr_array_add(args, ex_parse_expr(p));
	ex_parse_want(p, "WHEN");
	do {
		g_ptr_array_add(args, ex_parse_expr(p));
		ex_parse_want(p, "THEN");
		g_ptr_array_add(args, ex_parse_expr(p));
	} while (ex_parse_take(p, "WHEN") && args->len <= EX_ARGS_MAX);
	if (ex_parse_take(p, "ELSE"))
		g_ptr_array_add(args, ex_parse_expr(p));
	else
		g_ptr_array_add(args, ex_node_literal(p, EX_NULL));
	ex_parse_want(p, "END");
	n = ex_node_call(p, simple ? "CASE OF" : "CASE",
	    (struct ex_node *const *)args->pdata, args->len);
	return n;
}

/* "(10)" or "(10,2)" behind a type; the first number is -1 if there is none. */
static void
parse_sizes(struct ex_parser *p, struct ex_node *n, unsigned most)
{
	int *const out[] = { &n->number, &n->scale };

	n->number = -1;
	n->scale = 0;
	if (!ex_parse_take(p, "("))
		return;
	for (unsigned i = 0; i < most; i++) {
		if (i > 0 && !ex_parse_take(p, ","))
			break;
		if (p->t.kind != EX_TOK_NUMBER || p->t.len > 8 ||
		    strspn(p->t.text, "0123456789") != p->t.len)
			ex_parse_fail(p, "a size is missing");
		else
			*out[i] = (int)g_ascii_strtoll(p->t.text, NULL, 10);
		ex_parse_advance(p);
	}
	ex_parse_want(p, ")");
}

static struct ex_node *
parse_cast_type(struct ex_parser *p, struct ex_node *arg)
{
	static const struct {
		const char *type, *name;
		unsigned sizes;
	} types[] = {
		{ "SIGNED", "CAST SIGNED", 0 },
		{ "UNSIGNED", "CAST UNSIGNED", 0 },
		{ "CHAR", "CAST CHAR", 1 },
		{ "BINARY", "CAST BINARY", 1 },
		{ "DECIMAL", "CAST DECIMAL", 2 },
		{ "DATE", "CAST DATE", 0 },
		{ "DATETIME", "CAST DATETIME", 1 },
		{ "TIME", "CAST TIME", 1 },
		{ "DOUBLE", "CAST DOUBLE", 0 },
	};

	for (size_t i = 0; i < DM_ARRAY_SIZE(types); i++) {
		struct ex_node *n;

		if (!ex_parse_take(p, types[i].type))
			continue;
		n = ex_node_call(p, types[i].name, &arg, 1);
		parse_sizes(p, n, types[i].sizes);
		if (i < 2 && !ex_parse_take(p, "INTEGER"))
			(void)ex_parse_take(p, "INT");
		if (i == 4 && n->number < 0)
			n->number = 10; /* DECIMAL is DECIMAL(10,0) */
		return n;
	}
	ex_parse_fail(p, "a cast to %s is not supported", p->t.text);
	return arg;
}

/* CAST(x AS type), CONVERT(x, type) */
static struct ex_node *
parse_cast(struct ex_parser *p, bool is_convert)
{
	struct ex_node *arg = ex_parse_expr(p);

	if (is_convert && ex_parse_is(p, "USING"))
		ex_parse_fail(p, "CONVERT .. USING is not supported");
	ex_parse_want(p, is_convert ? "," : "AS");
	return parse_cast_type(p, arg);
}

/* TRIM([BOTH | LEADING | TRAILING] [x] FROM s), TRIM(s) */
static struct ex_node *
parse_trim(struct ex_parser *p)
{
	static const char *const sides[] = { "BOTH", "LEADING", "TRAILING" };
	struct ex_node *args[2] = { NULL };
	struct ex_node *n;
	int side = -1;

	for (int i = 0; i < 3 && side < 0; i++) {
		if (ex_parse_take(p, sides[i]))
			side = i;
	}
	if (side < 0 || !ex_parse_is(p, "FROM"))
		args[0] = ex_parse_expr(p);
	if (ex_parse_take(p, "FROM")) {
		args[1] = args[0];
		args[0] = ex_parse_expr(p);
	} else if (side >= 0) {
		ex_parse_fail(p, "FROM is missing");
	}
	n = ex_node_call(p, "TRIM", args, args[1] != NULL ? 2 : 1);
	n->number = MAX(side, 0);
	return n;
}

/* Behind an argument: a comma, or as in SUBSTRING(s FROM n FOR m). */
static bool
take_separator(struct ex_parser *p, const char *name)
{
	if (ex_parse_take(p, ","))
		return true;
	return (g_str_has_prefix(name, "SUBSTR") || strcmp(name, "MID") == 0) &&
	       (ex_parse_take(p, "FROM") || ex_parse_take(p, "FOR"));
}

static struct ex_node *
parse_plain_call(struct ex_parser *p, const char *name)
{
	g_autoptr(GPtrArray) args = g_ptr_array_new();
	bool is_sub = strcmp(name, "DATE_SUB") == 0;
	struct ex_node *n;

	if (!ex_parse_is(p, ")")) {
		do {
			if (args->len == 1 && ex_parse_take(p, "INTERVAL") &&
			    (is_sub || strcmp(name, "DATE_ADD") == 0))
				return ex_parse_interval(
				    p, args->pdata[0], is_sub);
			g_ptr_array_add(args, ex_parse_expr(p));
		} while (take_separator(p, name) && args->len <= EX_ARGS_MAX);
	}
	n = ex_node_call(
	    p, name, (struct ex_node *const *)args->pdata, args->len);
	if (g_str_has_prefix(name, "DATE_") && strcmp(name, "DATE_FORMAT") != 0)
		ex_parse_fail(p, "%s needs an INTERVAL", name);
	return n;
}

struct ex_node *
ex_parse_call(struct ex_parser *p, const char *name)
{
	g_autofree char *upper = g_ascii_strup(name, -1);
	struct ex_node *n;

	ex_parse_want(p, "(");
	if (strcmp(upper, "CAST") == 0 || strcmp(upper, "CONVERT") == 0)
		n = parse_cast(p, upper[1] == 'O');
	else if (strcmp(upper, "TRIM") == 0)
		n = parse_trim(p);
	else
		n = parse_plain_call(p, upper);
	ex_parse_want(p, ")");
	return n;
}
