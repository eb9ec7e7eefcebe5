/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Types of expressions: see node.h and value.h.
 * SOURCE: MySQL's manual, "Type Conversion in Expression Evaluation" and
 * "Collation Coercibility in Expressions".
 */
#include "lib/expr/value.h"

#include "lib/expr/column.h"

#include <string.h>

void
ex_refuse(struct ex_bind *b, const char *fmt, ...)
{
	va_list ap;

	if (b->error != NULL)
		return;
	va_start(ap, fmt);
	b->error = g_strdup_vprintf(fmt, ap);
	va_end(ap);
}

/* What a node is called in an error. */
static const char *
name_of(const struct ex_node *n)
{
	if (n->leaf == EX_COLUMN)
		return n->text;
	return n->leaf == EX_CALL ? n->func->name : "a literal";
}

bool
ex_is_temporal(enum ex_kind k)
{
	return k == EX_DATE || k == EX_DATETIME || k == EX_TIME;
}

bool
ex_spoils_text(const struct ex_node *n)
{
	return n->no_text && n->leaf != EX_COLUMN;
}

enum ex_kind
ex_number_kind(struct ex_bind *b, const struct ex_node *n)
{
	if (n->kind == EX_STR && n->is_hex) {
		if (n->lit.s.len > 8)
			ex_refuse(b, "a hexadecimal literal is too long for a "
				     "number");
		return EX_UINT;
	}
	if (n->kind == EX_STR)
		return n->by_index ? EX_UINT : EX_DBL;
	if (ex_is_temporal(n->kind) || n->kind == EX_OPAQUE) {
		ex_refuse(b, "%s cannot be used as a number", name_of(n));
		return EX_NULL;
	}
	return n->kind;
}

void
ex_want_int(struct ex_bind *b, const struct ex_node *n, unsigned arg)
{
	enum ex_kind k = n->args[arg]->kind;

	if (k != EX_INT && k != EX_UINT && k != EX_NULL)
		ex_refuse(b, "%s needs a whole number as argument %u",
		    n->func->name, arg + 1);
}

void
ex_want_typed(struct ex_bind *b, const struct ex_node *n)
{
	for (unsigned i = 0; i < n->n_args; i++) {
		if (n->args[i]->kind == EX_NULL)
			ex_refuse(b, "%s of a literal NULL is not supported",
			    n->func->name);
	}
}

void
ex_want_text(struct ex_bind *b, const struct ex_node *n, unsigned arg)
{
	const struct ex_node *a = n->args[arg];

	if (a->no_text || a->kind == EX_DBL || a->kind == EX_OPAQUE)
		ex_refuse(b, "%s cannot be made a text for %s exactly",
		    name_of(a), n->func->name);
}

/* ---- collations ---- */

static void
set_literal_coll(struct ex_coll *coll, enum ex_strength *strength)
{
	*coll = (struct ex_coll){ EX_FAMILY_BIN, true, false };
	*strength = EX_BY_LITERAL;
}

bool
ex_mix(const struct ex_node *x, const struct ex_node *y, struct ex_coll *coll,
    enum ex_strength *strength)
{
	const struct ex_node *win = x;

	set_literal_coll(coll, strength);
	if (x->kind != EX_STR && y->kind != EX_STR)
		return true;
	if (x->kind != EX_STR)
		win = y;
	else if (y->kind != EX_STR || x->strength < y->strength ||
		 (x->strength == y->strength &&
		     ex_coll_same(&x->coll, &y->coll)))
		win = x;
	else if (y->strength < x->strength)
		win = y;
	else if (x->strength == EX_BY_WORD)
		return false;
	else if (x->coll.family == EX_FAMILY_BINARY)
		win = x;
	else if (y->coll.family == EX_FAMILY_BINARY)
		win = y;
	else if (x->coll.family == EX_FAMILY_BIN && x->coll.pad)
		win = x;
	else if (y->coll.family == EX_FAMILY_BIN && y->coll.pad)
		win = y;
	else
		return false;
	*coll = win->coll;
	*strength = win->strength;
	if (win->coll.family == EX_FAMILY_UNKNOWN)
		return false;
	/* Bytes mean nothing beside a text that is not in its own. */
	if (x->is_hex || y->is_hex || win->coll.family == EX_FAMILY_BINARY)
		return !x->recoded && !y->recoded;
	return true;
}

void
ex_bind_text(struct ex_bind *b, struct ex_node *n, unsigned from, unsigned to)
{
	struct ex_node sum = { .kind = EX_NULL };

	for (unsigned i = from; i < to; i++) {
		const struct ex_node *a = n->args[i];
		struct ex_coll coll;
		enum ex_strength strength;

		ex_want_text(b, n, i);
		if (!ex_mix(&sum, a, &coll, &strength))
			ex_refuse(b,
			    "%s meets collations that are not known "
			    "or do not mix: add COLLATE",
			    n->func->name);
		sum.coll = coll;
		sum.strength = strength;
		if (a->kind != EX_NULL)
			sum.kind = EX_STR;
		sum.recoded = sum.recoded || a->recoded;
	}
	n->kind = EX_STR;
	n->coll = sum.coll;
	n->strength = sum.strength;
	n->recoded = sum.recoded;
}

/* ---- several values together ---- */

static enum ex_kind
join(struct ex_bind *b, const struct ex_node *n, enum ex_kind x, enum ex_kind y)
{
	if (x == y || y == EX_NULL)
		return x;
	if (x == EX_NULL)
		return y;
	if (ex_is_temporal(x) && ex_is_temporal(y) && x != EX_TIME &&
	    y != EX_TIME)
		return EX_DATETIME;
	if ((ex_is_temporal(x) && y != EX_STR) ||
	    (ex_is_temporal(y) && x != EX_STR)) {
		ex_refuse(b, "%s gives times and other values: add CAST",
		    n->func->name);
		return EX_NULL;
	}
	if (x == EX_STR || y == EX_STR)
		return EX_STR;
	if (x == EX_DBL || y == EX_DBL)
		return EX_DBL;
	return EX_DEC; /* also of INT and UINT */
}

void
ex_bind_together(
    struct ex_bind *b, struct ex_node *n, unsigned from, unsigned step)
{
	struct ex_node all = *n;
	struct ex_node **args =
	    dm_arena_alloc(b->arena, n->n_args * sizeof(*args));

	n->kind = EX_NULL;
	all.args = args;
	all.n_args = 0;
	for (unsigned i = from; i < n->n_args; i += step) {
		const struct ex_node *a = n->args[i];

		if (a->kind == EX_OPAQUE)
			ex_refuse(b, "%s cannot be used in %s", name_of(a),
			    n->func->name);
		n->kind = join(b, n, n->kind, a->kind);
		n->scale = MAX(n->scale, a->scale);
		n->no_text = n->no_text || a->no_text;
		args[all.n_args++] = n->args[i];
	}
	if (n->kind != EX_STR)
		return;
	ex_bind_text(b, &all, 0, all.n_args);
	n->coll = all.coll;
	n->strength = all.strength;
	n->recoded = all.recoded;
	n->no_text = false;
}

/* ---- comparing ---- */

static bool
is_text_literal(const struct ex_node *n)
{
	return n->leaf == EX_LITERAL && n->kind == EX_STR && !n->is_hex;
}

/* A text that is compared with a time is read once. */
static void
make_time(struct ex_bind *b, struct ex_node *n, enum ex_kind kind)
{
	struct ex_str s = n->lit.s;
	struct ex_time t;
	enum ex_read read;
	bool has_time;

	read = kind == EX_TIME ? ex_time_read(s.p, s.len, &t)
			       : ex_datetime_read(s.p, s.len, &t, &has_time);
	if (read != EX_READ_OK)
		ex_refuse(b, "'%s' is not a %s", s.p,
		    kind == EX_TIME ? "time" : "date");
	n->kind = n->lit.kind = kind == EX_TIME ? EX_TIME : EX_DATETIME;
	n->lit.t = t;
}

/* A text that is a plain number, and compared with a column of exact numbers:
 * compared exactly, too. */
static bool
make_number(struct ex_node *n)
{
	struct ex_str s = n->lit.s;
	struct ex_dec d;
	bool fits;

	if (ex_dec_parse(s.p, s.len, &d, &fits) != s.len || s.len == 0 ||
	    !fits || memchr(s.p, 'e', s.len) != NULL ||
	    memchr(s.p, 'E', s.len) != NULL || d.frac > EX_DEC_SCALE)
		return false;
	n->kind = n->lit.kind = EX_DEC;
	n->lit.dec = d;
	n->scale = d.frac;
	return true;
}

static bool
is_exact_column(const struct ex_node *n)
{
	return n->leaf == EX_COLUMN &&
	       (n->kind == EX_INT || n->kind == EX_UINT || n->kind == EX_DEC);
}

/* Two digits of a year mean one of this time, four do not. */
static void
check_year(struct ex_bind *b, const struct ex_node *x, const struct ex_node *y)
{
	bool full = y->kind == EX_INT && (y->lit.i > 99 || y->lit.i < 0);

	if (x->leaf == EX_COLUMN && x->def->type == DM_EXPR_YEAR &&
	    y->leaf == EX_LITERAL && y->kind != EX_NULL && !full)
		ex_refuse(b,
		    "write the year that %s is compared with as a "
		    "number of four digits",
		    x->text);
}

static enum ex_cmp
cmp_times(struct ex_bind *b, struct ex_node *x, struct ex_node *y, bool shared)
{
	if (is_text_literal(y))
		make_time(b, y, x->kind);
	else if (is_text_literal(x) && !shared)
		make_time(b, x, y->kind);
	if (!ex_is_temporal(x->kind) || !ex_is_temporal(y->kind) ||
	    (x->kind == EX_TIME) != (y->kind == EX_TIME))
		ex_refuse(b,
		    "%s and %s are compared as different kinds of "
		    "values: add CAST",
		    name_of(x), name_of(y));
	return EX_CMP_TIME;
}

enum ex_cmp
ex_bind_cmp(
    struct ex_bind *b, struct ex_node *x, struct ex_node *y, bool shared)
{
	struct ex_coll coll;
	enum ex_strength strength;
	enum ex_kind j, k;

	if (x->kind == EX_OPAQUE || y->kind == EX_OPAQUE)
		ex_refuse(b, "%s cannot be compared",
		    name_of(x->kind == EX_OPAQUE ? x : y));
	if (x->kind == EX_NULL || y->kind == EX_NULL || b->error != NULL)
		return EX_CMP_INT; /* never done */
	check_year(b, x, y);
	check_year(b, y, x);
	if (ex_is_temporal(x->kind) || ex_is_temporal(y->kind))
		return cmp_times(b, x, y, shared);
	if (x->kind == EX_STR && y->kind == EX_STR) {
		if (!ex_mix(x, y, &coll, &strength))
			ex_refuse(b,
			    "%s and %s have collations that cannot "
			    "be compared: add COLLATE",
			    name_of(x), name_of(y));
		return EX_CMP_STR;
	}
	if (is_exact_column(x) && is_text_literal(y))
		(void)make_number(y);
	else if (is_exact_column(y) && is_text_literal(x) && !shared)
		(void)make_number(x);
	j = ex_number_kind(b, x);
	k = ex_number_kind(b, y);
	if (j == EX_DBL || k == EX_DBL)
		return EX_CMP_DBL;
	return j == EX_DEC || k == EX_DEC ? EX_CMP_DEC : EX_CMP_INT;
}

void
ex_bind_shared(
    struct ex_bind *b, struct ex_node *n, unsigned from, unsigned step)
{
	enum ex_kind kind = EX_NULL;

	if (!is_text_literal(n->args[0]))
		return;
	for (unsigned i = from; i < n->n_args; i += step) {
		if (!ex_is_temporal(n->args[i]->kind) ||
		    (kind != EX_NULL &&
			(kind == EX_TIME) != (n->args[i]->kind == EX_TIME)))
			return;
		kind = n->args[i]->kind;
	}
	if (kind != EX_NULL)
		make_time(b, n->args[0], kind);
}

/* ---- the tree ---- */

static void
bind_column(struct ex_bind *b, struct ex_node *n)
{
	for (unsigned i = 0; i < b->n_columns; i++) {
		if (g_ascii_strcasecmp(b->columns[i].name, n->text) != 0)
			continue;
		n->column = i;
		n->def = &b->columns[i];
		ex_column_bind(b, n);
		return;
	}
	if (b->unknown == NULL)
		b->unknown = g_strdup(n->text);
	n->kind = EX_NULL;
}

void
ex_bind_node(struct ex_bind *b, struct ex_node *n)
{
	if (n->leaf == EX_COLUMN)
		bind_column(b, n);
	for (unsigned i = 0; i < n->n_args; i++)
		ex_bind_node(b, n->args[i]);
	/* With a column that is not there no type is right: only look for
	 * others. */
	if (n->leaf == EX_CALL && b->error == NULL && b->unknown == NULL)
		n->func->bind(b, n);
}
