/* SPDX-License-Identifier: Apache-2.0 */
/* Texts made of others. */
#include "lib/expr/func.h"

#include <string.h>

/* What a text may grow to: the servers give NULL beyond max_allowed_packet. */
#define TEXT_MAX ((size_t)16 << 20)

static struct ex_val
too_long(struct ex_run *r, const struct ex_node *n)
{
	return ex_fail(r, "the result of %s is too long", n->func->name);
}

static void
bind_concat(struct ex_bind *b, struct ex_node *n)
{
	ex_bind_text(b, n, 0, n->n_args);
}

/* CONCAT 0, CONCAT_WS 1 */
static struct ex_val
eval_concat(struct ex_run *r, const struct ex_node *n)
{
	bool ws = n->func->number != 0;
	struct ex_val sep = ws ? ex_string(r, n->args[0]) : ex_text("", 0);
	GString *s = g_string_new(NULL);
	bool first = true;

	for (unsigned i = ws ? 1 : 0; sep.kind != EX_NULL && i < n->n_args;
	     i++) {
		struct ex_val v = ex_string(r, n->args[i]);

		if (v.kind == EX_NULL && ws)
			continue;
		if (v.kind == EX_NULL || s->len > TEXT_MAX) {
			g_string_free(s, TRUE);
			return v.kind == EX_NULL ? v : too_long(r, n);
		}
		if (!first)
			g_string_append_len(s, sep.s.p, (gssize)sep.s.len);
		g_string_append_len(s, v.s.p, (gssize)v.s.len);
		first = false;
	}
	if (sep.kind == EX_NULL) {
		g_string_free(s, TRUE);
		return sep;
	}
	return ex_text_take(r, s);
}

static void
bind_text_1(struct ex_bind *b, struct ex_node *n)
{
	ex_bind_text(b, n, 0, 1);
}

/* LOWER 0, UPPER 1; one character for each one, as in the servers. */
static struct ex_val
eval_case(struct ex_run *r, const struct ex_node *n)
{
	struct ex_val v = ex_string(r, n->args[0]);
	GString *s;

	if (v.kind == EX_NULL || n->coll.family == EX_FAMILY_BINARY)
		return v;
	s = g_string_sized_new(v.s.len + 1);
	for (size_t at = 0, k; at < v.s.len; at += k) {
		gunichar c =
		    ex_char_next(&n->coll, v.s.p + at, v.s.len - at, &k);

		if (k == 1 && c >= 0x80)
			g_string_append_c(s, (char)c);
		else
			g_string_append_unichar(s, n->func->number != 0
						       ? g_unichar_toupper(c)
						       : g_unichar_tolower(c));
	}
	return ex_text_take(r, s);
}

static struct ex_val
eval_reverse(struct ex_run *r, const struct ex_node *n)
{
	struct ex_val v = ex_string(r, n->args[0]);
	char *out;

	if (v.kind == EX_NULL)
		return v;
	out = dm_arena_alloc(r->arena, v.s.len + 1);
	for (size_t at = 0, k; at < v.s.len; at += k) {
		(void)ex_char_next(&n->coll, v.s.p + at, v.s.len - at, &k);
		memcpy(out + v.s.len - at - k, v.s.p + at, k);
	}
	return ex_text(out, v.s.len);
}

/* ---- TRIM and its kin ---- */

static void
bind_trim(struct ex_bind *b, struct ex_node *n)
{
	ex_bind_text(b, n, 0, n->n_args);
	if (n->func->number != 0)
		n->number = n->func->number;
}

/* n->number: 0 both sides, 1 the head, 2 the tail */
static struct ex_val
eval_trim(struct ex_run *r, const struct ex_node *n)
{
	struct ex_val v = ex_string(r, n->args[0]);
	struct ex_val x = ex_text(" ", 1);
	const char *p, *end;

	if (n->n_args == 2)
		x = ex_string(r, n->args[1]);
	if (v.kind == EX_NULL || x.kind == EX_NULL)
		return ex_null();
	p = v.s.p;
	end = p + v.s.len;
	while (n->number != 2 && x.s.len > 0 && (size_t)(end - p) >= x.s.len &&
	       memcmp(p, x.s.p, x.s.len) == 0)
		p += x.s.len;
	while (n->number != 1 && x.s.len > 0 && (size_t)(end - p) >= x.s.len &&
	       memcmp(end - x.s.len, x.s.p, x.s.len) == 0)
		end -= x.s.len;
	return ex_text(p, (size_t)(end - p));
}

static struct ex_val
eval_replace(struct ex_run *r, const struct ex_node *n)
{
	struct ex_val v = ex_string(r, n->args[0]);
	struct ex_val from = ex_string(r, n->args[1]);
	struct ex_val to = ex_string(r, n->args[2]);
	size_t found = 0;
	GString *s;

	if (v.kind == EX_NULL || from.kind == EX_NULL)
		return ex_null();
	s = g_string_sized_new(v.s.len + 1);
	for (size_t at = 0; at < v.s.len && s->len <= TEXT_MAX;) {
		if (from.s.len > 0 && v.s.len - at >= from.s.len &&
		    memcmp(v.s.p + at, from.s.p, from.s.len) == 0) {
			if (to.kind == EX_STR)
				g_string_append_len(
				    s, to.s.p, (gssize)to.s.len);
			at += from.s.len;
			found++;
		} else {
			g_string_append_c(s, v.s.p[at++]);
		}
	}
	v = ex_text_take(r, s);
	if (v.s.len > TEXT_MAX)
		return too_long(r, n);
	if (to.kind != EX_NULL)
		return v;
	/* The servers do not agree on what is not looked at. */
	return found > 0 ? ex_null()
			 : ex_fail(r, "REPLACE of a text that is not there by "
				      "NULL");
}

/* ---- LPAD -1, RPAD 1 ---- */

static void
bind_pad(struct ex_bind *b, struct ex_node *n)
{
	struct ex_node *texts[] = { n->args[0], n->args[2] };
	struct ex_node both = { .func = n->func, .args = texts, .n_args = 2 };

	ex_bind_text(b, &both, 0, 2);
	ex_want_int(b, n, 1);
	n->kind = EX_STR;
	n->coll = both.coll;
	n->strength = both.strength;
	n->recoded = both.recoded;
}

static int64_t
count_chars(const struct ex_node *n, const struct ex_str *s)
{
	int64_t count = 0;

	for (size_t at = 0, k; at < s->len; at += k, count++)
		(void)ex_char_next(&n->coll, s->p + at, s->len - at, &k);
	return count;
}

/* The first `count` characters of s, again and again. */
static void
append_chars(const struct ex_node *n, GString *out, const struct ex_str *s,
    int64_t count)
{
	size_t at = 0, k;

	for (; count > 0 && s->len > 0; count--, at += k) {
		if (at >= s->len)
			at = 0;
		(void)ex_char_next(&n->coll, s->p + at, s->len - at, &k);
		g_string_append_len(out, s->p + at, (gssize)k);
	}
}

static struct ex_val
eval_pad(struct ex_run *r, const struct ex_node *n)
{
	struct ex_val v = ex_string(r, n->args[0]);
	struct ex_val x = ex_string(r, n->args[2]);
	int64_t want, have;
	GString *s;

	if (!ex_int_arg(r, n, 1, &want) || v.kind == EX_NULL ||
	    x.kind == EX_NULL || want < 0)
		return ex_null();
	if ((uint64_t)want > TEXT_MAX / 4)
		return too_long(r, n);
	have = count_chars(n, &v.s);
	/* The servers do not agree on padding with nothing. */
	if (want > have && x.s.len == 0)
		return ex_fail(
		    r, "%s with an empty text to add", n->func->name);
	s = g_string_new(NULL);
	if (n->func->number < 0)
		append_chars(n, s, &x.s, want - have);
	append_chars(n, s, &v.s, MIN(want, have));
	if (n->func->number > 0)
		append_chars(n, s, &x.s, want - have);
	return ex_text_take(r, s);
}

/* ---- HEX ---- */

static void
bind_hex(struct ex_bind *b, struct ex_node *n)
{
	enum ex_kind k = n->args[0]->kind;

	ex_bind_text(b, n, 0, 1);
	if ((k != EX_INT && k != EX_UINT && k != EX_STR && k != EX_NULL) ||
	    n->recoded)
		ex_refuse(b, "HEX of this kind of value is not supported");
	n->coll = (struct ex_coll){ EX_FAMILY_BIN, true, false };
	n->strength = EX_BY_LITERAL;
	n->recoded = false;
}

static struct ex_val
eval_hex(struct ex_run *r, const struct ex_node *n)
{
	struct ex_val v = ex_eval(r, n->args[0]);
	GString *s;

	if (v.kind == EX_NULL)
		return v;
	s = g_string_new(NULL);
	if (v.kind != EX_STR) {
		g_string_append_printf(s, "%" G_GINT64_MODIFIER "X", v.u);
		return ex_text_take(r, s);
	}
	for (size_t i = 0; i < v.s.len; i++)
		g_string_append_printf(s, "%02X", (unsigned char)v.s.p[i]);
	return ex_text_take(r, s);
}

const struct ex_func ex_edit_funcs[] = {
	{ "CONCAT", 1, -1, bind_concat, eval_concat, 0 },
	{ "CONCAT_WS", 2, -1, bind_concat, eval_concat, 1 },
	{ "LOWER", 1, 1, bind_text_1, eval_case, 0 },
	{ "LCASE", 1, 1, bind_text_1, eval_case, 0 },
	{ "UPPER", 1, 1, bind_text_1, eval_case, 1 },
	{ "UCASE", 1, 1, bind_text_1, eval_case, 1 },
	{ "REVERSE", 1, 1, bind_text_1, eval_reverse, 0 },
	{ "TRIM", 1, 2, bind_trim, eval_trim, 0 },
	{ "LTRIM", 1, 1, bind_trim, eval_trim, 1 },
	{ "RTRIM", 1, 1, bind_trim, eval_trim, 2 },
	{ "REPLACE", 3, 3, bind_concat, eval_replace, 0 },
	{ "LPAD", 3, 3, bind_pad, eval_pad, -1 },
	{ "RPAD", 3, 3, bind_pad, eval_pad, 1 },
	{ "HEX", 1, 1, bind_hex, eval_hex, 0 },
	{ NULL, 0, 0, NULL, NULL, 0 },
};
