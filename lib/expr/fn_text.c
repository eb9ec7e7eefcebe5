/* SPDX-License-Identifier: Apache-2.0 */
/* Texts: lengths, pieces, places. */
#include "lib/expr/func.h"

#include <string.h>

/* ---- lengths ---- */

static void
bind_length(struct ex_bind *b, struct ex_node *n)
{
	ex_bind_text(b, n, 0, 1);
	if (n->recoded && n->func->number == 0)
		ex_refuse(
		    b, "%s of a latin1 column is not supported", n->func->name);
	n->kind = EX_INT;
}

/* number 0: bytes, 1: characters */
static struct ex_val
eval_length(struct ex_run *r, const struct ex_node *n)
{
	struct ex_val v = ex_string(r, n->args[0]);
	int64_t count = 0;

	if (v.kind == EX_NULL)
		return v;
	if (n->func->number == 0)
		return ex_int((int64_t)v.s.len);
	for (size_t at = 0, k; at < v.s.len; at += k, count++)
		(void)ex_char_next(&n->coll, v.s.p + at, v.s.len - at, &k);
	return ex_int(count);
}

/* ---- pieces ---- */

/* The byte of character number `chars`, or the end. */
static size_t
byte_of(const struct ex_node *n, const struct ex_str *s, int64_t chars)
{
	size_t at = 0, k;

	for (; chars > 0 && at < s->len; chars--, at += k)
		(void)ex_char_next(&n->coll, s->p + at, s->len - at, &k);
	return at;
}

static int64_t
char_count(const struct ex_node *n, const struct ex_str *s)
{
	int64_t count = 0;

	for (size_t at = 0, k; at < s->len; at += k, count++)
		(void)ex_char_next(&n->coll, s->p + at, s->len - at, &k);
	return count;
}

static struct ex_val
piece(const struct ex_node *n, const struct ex_str *s, int64_t from,
    int64_t count)
{
	size_t begin = byte_of(n, s, from);
	struct ex_str rest = { s->p + begin, s->len - begin };

	return ex_text(rest.p, byte_of(n, &rest, count));
}

static void
bind_piece(struct ex_bind *b, struct ex_node *n)
{
	ex_bind_text(b, n, 0, 1);
	for (unsigned i = 1; i < n->n_args; i++)
		ex_want_int(b, n, i);
}

/* LEFT -1, RIGHT 1 */
static struct ex_val
eval_end(struct ex_run *r, const struct ex_node *n)
{
	struct ex_val v = ex_string(r, n->args[0]);
	int64_t count, all;

	if (!ex_int_arg(r, n, 1, &count) || v.kind == EX_NULL)
		return ex_null();
	if (count <= 0)
		return ex_text("", 0);
	if (n->func->number < 0)
		return piece(n, &v.s, 0, count);
	all = char_count(n, &v.s);
	return piece(n, &v.s, MAX(all - count, 0), count);
}

static struct ex_val
eval_substring(struct ex_run *r, const struct ex_node *n)
{
	struct ex_val v = ex_string(r, n->args[0]);
	int64_t from, count = INT64_MAX, all;

	if (!ex_int_arg(r, n, 1, &from) ||
	    (n->n_args == 3 && !ex_int_arg(r, n, 2, &count)) ||
	    v.kind == EX_NULL)
		return ex_null();
	all = char_count(n, &v.s);
	if (from == 0 || count <= 0 || from > all || from < -all)
		return ex_text("", 0);
	return piece(n, &v.s, from > 0 ? from - 1 : all + from, count);
}

static void
bind_index(struct ex_bind *b, struct ex_node *n)
{
	ex_bind_text(b, n, 0, 2);
	ex_want_int(b, n, 2);
}

/* SUBSTRING_INDEX(s, mark, n): up to the n-th mark; from the end if n < 0. */
static struct ex_val
eval_index(struct ex_run *r, const struct ex_node *n)
{
	struct ex_val v = ex_string(r, n->args[0]);
	struct ex_val mark = ex_string(r, n->args[1]);
	g_autoptr(GArray) places = g_array_new(FALSE, FALSE, sizeof(size_t));
	size_t len = mark.s.len, at;
	int64_t count, all;

	if (!ex_int_arg(r, n, 2, &count) || v.kind == EX_NULL ||
	    mark.kind == EX_NULL)
		return ex_null();
	if (count == 0 || len == 0)
		return ex_text("", 0);
	for (at = 0; at + len <= v.s.len; at++) {
		if (memcmp(v.s.p + at, mark.s.p, len) != 0)
			continue;
		g_array_append_val(places, at);
		at += len - 1;
	}
	all = places->len;
	if (count > 0 ? count > all : count < -all)
		return v;
	if (count > 0)
		return ex_text(
		    v.s.p, g_array_index(places, size_t, (guint)count - 1));
	at = g_array_index(places, size_t, (guint)(all + count)) + len;
	return ex_text(v.s.p + at, v.s.len - at);
}

/* ---- places ---- */

static void
bind_locate(struct ex_bind *b, struct ex_node *n)
{
	ex_bind_text(b, n, 0, 2);
	if (n->n_args == 3)
		ex_want_int(b, n, 2);
	n->kind = EX_INT;
}

/* LOCATE(needle, s, from) 0; INSTR(s, needle) 1 */
static struct ex_val
eval_locate(struct ex_run *r, const struct ex_node *n)
{
	bool instr = n->func->number != 0;
	struct ex_val needle = ex_string(r, n->args[instr ? 1 : 0]);
	struct ex_val v = ex_string(r, n->args[instr ? 0 : 1]);
	struct ex_str head;
	int64_t from = 1, all;
	gssize at;

	if (needle.kind == EX_NULL || v.kind == EX_NULL ||
	    (n->n_args == 3 && !ex_int_arg(r, n, 2, &from)))
		return ex_null();
	all = char_count(n, &v.s);
	if (from < 1 || from > all + 1)
		return ex_int(0);
	if (needle.s.len == 0 && n->n_args == 3 && from == all + 1)
		return ex_fail(r, "LOCATE of an empty text behind the end");
	at = ex_coll_find_text(&n->coll, v.s.p, v.s.len,
	    byte_of(n, &v.s, from - 1), needle.s.p, needle.s.len);
	if (at < 0)
		return ex_int(0);
	head = (struct ex_str){ v.s.p, (size_t)at };
	return ex_int(char_count(n, &head) + 1);
}

static void
bind_strcmp(struct ex_bind *b, struct ex_node *n)
{
	ex_bind_text(b, n, 0, 2);
	n->kind = EX_INT;
}

static struct ex_val
eval_strcmp(struct ex_run *r, const struct ex_node *n)
{
	struct ex_val x = ex_string(r, n->args[0]);
	struct ex_val y = ex_string(r, n->args[1]);
	int c;

	if (x.kind == EX_NULL || y.kind == EX_NULL)
		return ex_null();
	c = ex_compare(r, EX_CMP_STR, n->args[0], &x, n->args[1], &y, true);
	return ex_int(c < 0 ? -1 : c > 0);
}

const struct ex_func ex_text_funcs[] = {
	{ "LENGTH", 1, 1, bind_length, eval_length, 0 },
	{ "OCTET_LENGTH", 1, 1, bind_length, eval_length, 0 },
	{ "CHAR_LENGTH", 1, 1, bind_length, eval_length, 1 },
	{ "CHARACTER_LENGTH", 1, 1, bind_length, eval_length, 1 },
	{ "LEFT", 2, 2, bind_piece, eval_end, -1 },
	{ "RIGHT", 2, 2, bind_piece, eval_end, 1 },
	{ "SUBSTRING", 2, 3, bind_piece, eval_substring, 0 },
	{ "SUBSTR", 2, 3, bind_piece, eval_substring, 0 },
	{ "MID", 2, 3, bind_piece, eval_substring, 0 },
	{ "SUBSTRING_INDEX", 3, 3, bind_index, eval_index, 0 },
	{ "LOCATE", 2, 3, bind_locate, eval_locate, 0 },
	{ "INSTR", 2, 2, bind_locate, eval_locate, 1 },
	{ "STRCMP", 2, 2, bind_strcmp, eval_strcmp, 0 },
	{ NULL, 0, 0, NULL, NULL, 0 },
};
