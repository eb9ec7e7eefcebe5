/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading the target for a comparison: see check_shape.h.
 *
 * DESIGN: the source's rows are summed as they are read for the copy, so their
 * text is given, by shape.c. Where the target's column is of the same type the
 * same expression gives the same text; where it is another one that holds the
 * same values (a table that somebody made), it is converted back to what the
 * source would print.
 */
#include "worker/copy/check_shape.h"

#include <string.h>
#include <strings.h>

static bool
same_text(const char *a, const char *b)
{
	return a != NULL && b != NULL && strcasecmp(a, b) == 0;
}

static bool
is_temporal(enum dm_type t)
{
	return t == DM_T_DATE || t == DM_T_TIME || t == DM_T_DATETIME ||
	       t == DM_T_TIMESTAMP;
}

/* As the source's type prints it: digits of seconds, date or time only. */
static void
append_temporal(GString *sql, const struct dm_column *from, const char *name)
{
	int digits = MAX(from->length, 0);

	if (from->type == DM_T_DATE)
		g_string_append_printf(sql, "CAST(%s AS DATE)", name);
	else
		g_string_append_printf(sql, "CAST(%s AS %s(%d))", name,
		    from->type == DM_T_TIME ? "TIME" : "DATETIME", digits);
}

static void
append_integer(GString *sql, const struct dm_column *from,
    const struct dm_column *to, const char *name)
{
	bool plain = dm_type_is_integer(to->type) || to->type == DM_T_BIT;

	if (from->zerofill && to->zerofill && from->length == to->length)
		g_string_append(sql, name);
	else if (from->zerofill)
		/* LPAD would cut longer ones. */
		g_string_append_printf(sql,
		    "LPAD(CAST(%s AS UNSIGNED),GREATEST(%d,"
		    "LENGTH(CAST(%s AS UNSIGNED))),'0')",
		    name, MAX(from->length, 0), name);
	else if (to->zerofill || !plain || to->type == DM_T_BIT)
		g_string_append_printf(sql, "CAST(%s AS %s)", name,
		    from->is_unsigned ? "UNSIGNED" : "SIGNED");
	else
		g_string_append(sql, name);
}

static void
append_number(GString *sql, const struct dm_column *from,
    const struct dm_column *to, const char *name)
{
	if (dm_type_is_text(to->type)) {
		g_string_append_printf(sql, "CONVERT(%s USING utf8mb4)", name);
	} else if (dm_type_is_integer(from->type)) {
		append_integer(sql, from, to, name);
	} else if (from->type == DM_T_DECIMAL) {
		if (to->type == DM_T_DECIMAL && from->length == to->length &&
		    from->decimals == to->decimals)
			g_string_append(sql, name);
		else
			g_string_append_printf(sql,
			    "CAST(%s AS DECIMAL(%d,%d))", name,
			    from->length < 0 ? 10 : from->length,
			    MAX(from->decimals, 0));
	} else if (copy_prints_short(from) || to->type != from->type ||
		   copy_prints_short(to)) {
		g_string_append_printf(sql, "CAST(%s AS DOUBLE)", name);
	} else {
		g_string_append(sql, name);
	}
}

/* from NULL: what a route fills in. */
static void
append_target_read(GString *sql, const struct dm_column *from,
    const struct dm_column *to, enum copy_carry carry, const char *name)
{
	bool text = dm_type_is_text(to->type) || to->type == DM_T_ENUM ||
		    to->type == DM_T_SET;

	if (from != NULL && is_temporal(from->type) &&
	    (to->type != from->type || to->length != from->length) &&
	    (is_temporal(to->type)))
		append_temporal(sql, from, name);
	else if (carry == COPY_NUMBER)
		append_number(sql, from, to, name);
	else if (carry == COPY_UINT)
		g_string_append_printf(sql, "CAST(%s AS UNSIGNED)", name);
	else if (carry == COPY_UTF8 && text)
		g_string_append_printf(sql, "CONVERT(%s USING utf8mb4)", name);
	else
		g_string_append(sql, name);
}

/* Values that have no common text: JSON as such is printed in a form of the
 * server's, a text as it was written. */
static bool
is_comparable(const struct dm_column *from, const struct dm_column *to)
{
	if (from == NULL)
		return true;
	if (to->type == DM_T_JSON && from->type != DM_T_JSON)
		return false;
	/* Zeros in front of what has decimals. */
	return dm_type_is_integer(from->type) || from->zerofill == to->zerofill;
}

static char *
quote_ident(const char *name)
{
	GString *s = g_string_new(NULL);

	dm_sql_append_ident(s, name);
	return g_string_free(s, FALSE);
}

/* Quoted name -> struct dm_column. */
static GHashTable *
index_columns(const struct dm_table *t)
{
	GHashTable *h =
	    g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);

	for (guint i = 0; i < t->columns->len; i++) {
		struct dm_column *c = t->columns->pdata[i];

		g_hash_table_insert(h, quote_ident(c->name), c);
	}
	return h;
}

/* Whether keys come in the same order at both ends. */
static bool
same_order(const struct dm_column *from, const struct dm_column *to,
    enum copy_carry carry, bool same_kind)
{
	if (!dm_type_is_text(from->type))
		return from->type == to->type ||
		       (dm_type_is_integer(from->type) &&
			   dm_type_is_integer(to->type));
	if (carry != COPY_RAW || !dm_type_is_text(to->type))
		return false;
	if (from->collation == NULL && to->collation == NULL)
		return same_kind && same_text(from->charset, to->charset);
	return same_text(from->collation, to->collation);
}

static void
look_at_keys(struct copy_check *c, const struct copy_shape *s,
    GHashTable *sources, GHashTable *targets, bool same_kind)
{
	c->by_key = s->n_keys > 0;
	c->ordered = true;
	for (unsigned i = 0; i < s->n_keys; i++) {
		const struct copy_key *k = &s->keys[i];
		const struct dm_column *to =
		    g_hash_table_lookup(targets, k->name);

		if (k->column < 0)
			c->by_key = false;
		if (k->column < 0 || to == NULL ||
		    !same_order(g_hash_table_lookup(sources, k->name), to,
			s->columns[k->column].carry, same_kind))
			c->ordered = false;
	}
}

/* With the index that the source is read by, if the target has it: a range in
 * another order costs a scan of the table. */
static char *
target_from(const struct dm_table *source, const struct dm_table *target,
    const struct copy_shape *s)
{
	const struct dm_index *key = dm_table_row_key(source), *there;
	GString *sql = g_string_new(NULL);

	dm_sql_append_table(sql, target->schema, target->name);
	there = key == NULL || s->n_keys == 0
		    ? NULL
		    : dm_table_index(target, key->name);
	if (there != NULL && there->parts->len == key->parts->len) {
		g_string_append(sql, " FORCE INDEX (");
		dm_sql_append_ident(sql, there->name);
		g_string_append_c(sql, ')');
	}
	return g_string_free(sql, FALSE);
}

struct copy_check *
copy_check_new(const struct dm_table *source, const struct dm_table *target,
    const struct copy_shape *s, bool same_kind)
{
	struct copy_check *c = g_new0(struct copy_check, 1);
	g_autoptr(GHashTable) sources = index_columns(source);
	g_autoptr(GHashTable) targets = index_columns(target);
	GString *reads = g_string_new(s->n_columns == 0 ? "1" : NULL);

	for (unsigned i = 0; i < s->n_columns; i++) {
		const struct copy_column *col = &s->columns[i];
		const struct dm_column *from =
		    g_hash_table_lookup(sources, col->name);
		const struct dm_column *to =
		    g_hash_table_lookup(targets, col->name);

		g_string_append(reads, i == 0 ? "" : ",");
		if ((to == NULL || !is_comparable(from, to)) && c->why == NULL)
			c->why = g_strdup(col->name);
		if (to == NULL)
			g_string_append(reads, "NULL");
		else
			append_target_read(
			    reads, from, to, col->carry, col->name);
	}
	c->reads = g_string_free(reads, FALSE);
	c->from = target_from(source, target, s);
	look_at_keys(c, s, sources, targets, same_kind);
	return c;
}

void
copy_check_free(struct copy_check *c)
{
	if (c == NULL)
		return;
	g_free(c->reads);
	g_free(c->from);
	g_free(c->why);
	g_free(c);
}
