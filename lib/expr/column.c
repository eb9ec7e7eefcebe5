/* SPDX-License-Identifier: Apache-2.0 */
/* Columns: types of SQL to those of expressions, and the values of a row. */
#include "lib/expr/column.h"

#include "lib/expr/value.h"

#include <string.h>

static bool
is_utf8(const char *charset)
{
	return charset != NULL && (g_str_has_prefix(charset, "utf8") ||
				      strcmp(charset, "ascii") == 0);
}

static void
bind_text_column(struct ex_bind *b, struct ex_node *n)
{
	const struct dm_expr_column *c = n->def;

	n->kind = EX_STR;
	n->strength = EX_BY_COLUMN;
	if (c->charset == NULL || c->collation == NULL)
		ex_refuse(b, "the charset of column %s is not known", c->name);
	else if (!is_utf8(c->charset) && strcmp(c->charset, "latin1") != 0)
		ex_refuse(b, "column %s: charset %s is not supported", c->name,
		    c->charset);
	else if (!ex_coll_find(c->collation, &n->coll))
		/* Comparing by another one is possible. */
		n->coll = (struct ex_coll){ EX_FAMILY_UNKNOWN, true, false };
	n->recoded = !is_utf8(c->charset);
}

void
ex_column_bind(struct ex_bind *b, struct ex_node *n)
{
	n->scale = MAX(n->def->decimals, 0);
	switch (n->def->type) {
	case DM_EXPR_INT:
		n->kind = EX_INT;
		break;
	case DM_EXPR_UINT:
	case DM_EXPR_YEAR:
		n->kind = EX_UINT;
		break;
	case DM_EXPR_BIT:
		n->kind = EX_UINT;
		n->no_text = true;
		break;
	case DM_EXPR_DECIMAL:
		n->kind = EX_DEC;
		break;
	case DM_EXPR_FLOAT:
	case DM_EXPR_DOUBLE:
		n->kind = EX_DBL;
		break;
	case DM_EXPR_DATE:
		n->kind = EX_DATE;
		break;
	case DM_EXPR_TIME:
		n->kind = EX_TIME;
		break;
	case DM_EXPR_DATETIME:
	case DM_EXPR_TIMESTAMP:
		n->kind = EX_DATETIME;
		break;
	case DM_EXPR_TEXT:
		bind_text_column(b, n);
		break;
	case DM_EXPR_ENUM:
	case DM_EXPR_SET:
		bind_text_column(b, n);
		n->by_index = true;
		break;
	case DM_EXPR_BINARY:
		n->kind = EX_STR;
		n->strength = EX_BY_COLUMN;
		n->coll = (struct ex_coll){ EX_FAMILY_BINARY, false, false };
		break;
	case DM_EXPR_OPAQUE:
		n->kind = EX_OPAQUE;
		break;
	}
	if (n->kind == EX_DATE)
		n->scale = 0;
}

/* ---- values ---- */

/* Bytes of MySQL's latin1, which is cp1252, as UTF-8. */
static struct ex_val
from_latin1(struct ex_run *r, const char *p, size_t len)
{
	GString *s = g_string_sized_new(len + 8);

	for (size_t i = 0; i < len; i++)
		g_string_append_unichar(s, ex_latin1_char((unsigned char)p[i]));
	return ex_text_take(r, s);
}

static struct ex_val
element_value(struct ex_run *r, const struct dm_expr_column *c, uint64_t u)
{
	GString *s = g_string_new(NULL);
	struct ex_val v;

	for (unsigned i = 0; c->elements != NULL && c->elements[i] != NULL;
	     i++) {
		bool is_enum = c->type == DM_EXPR_ENUM;

		if (is_enum ? u != i + 1 : i > 63 || (u >> i & 1) == 0)
			continue;
		if (s->len > 0)
			g_string_append_c(s, ',');
		g_string_append(s, c->elements[i]);
	}
	v = ex_text_take(r, s);
	v.index = u;
	return v;
}

static struct ex_val
time_value(struct ex_run *r, const struct ex_node *n, const char *p, size_t len)
{
	struct ex_val v = { .kind = n->kind };
	bool has_time;
	enum ex_read read;

	read = n->kind == EX_TIME ? ex_time_read(p, len, &v.t)
				  : ex_datetime_read(p, len, &v.t, &has_time);
	if (read != EX_READ_OK)
		return ex_fail(r, "column %s: %.*s is not a time", n->text,
		    (int)MIN(len, 100), p);
	if (n->def->type == DM_EXPR_TIMESTAMP && ex_date_is_real(&v.t) &&
	    !ex_add_seconds(&v.t, r->tz_offset_s, 0))
		return ex_fail(r, "column %s: out of range", n->text);
	return v;
}

static struct ex_val
bytes_value(
    struct ex_run *r, const struct ex_node *n, const char *p, size_t len)
{
	const struct dm_expr_column *c = n->def;
	struct ex_val v = { .kind = EX_DEC };
	bool fits;
	char *full;

	if (c->type == DM_EXPR_DECIMAL) {
		if (ex_dec_parse(p, len, &v.dec, &fits) != len || !fits)
			return ex_fail(r, "column %s: not a decimal", c->name);
		return v;
	}
	if (ex_is_temporal(n->kind))
		return time_value(r, n, p, len);
	if (c->type == DM_EXPR_TEXT && n->recoded)
		return from_latin1(r, p, len);
	if (c->type != DM_EXPR_BINARY || len >= c->fill)
		return ex_text(p, len);
	full = dm_arena_alloc(r->arena, c->fill);
	memset(full, 0, c->fill);
	memcpy(full, p, len);
	return ex_text(full, c->fill);
}

struct ex_val
ex_column_value(struct ex_run *r, const struct ex_node *n)
{
	const struct dm_expr_column *c = n->def;
	struct dm_expr_value v = { .kind = DM_EXPR_V_ABSENT };

	r->get(r->arg, n->column, &v);
	switch (v.kind) {
	case DM_EXPR_V_ABSENT:
		return ex_fail(r, "column %s is not in the row image", c->name);
	case DM_EXPR_V_NULL:
		return ex_null();
	case DM_EXPR_V_INT:
		return ex_int(v.i);
	case DM_EXPR_V_UINT:
		if (c->type == DM_EXPR_ENUM || c->type == DM_EXPR_SET)
			return element_value(r, c, v.u);
		return ex_uint(v.u);
	case DM_EXPR_V_DOUBLE:
		return ex_dbl(v.d);
	case DM_EXPR_V_BYTES:
		break;
	}
	if (n->kind == EX_OPAQUE)
		return (struct ex_val){ .kind = EX_OPAQUE };
	if (n->kind != EX_STR && n->kind != EX_DEC && !ex_is_temporal(n->kind))
		return ex_fail(r, "column %s: not a number", c->name);
	return bytes_value(r, n, v.p, v.len);
}
