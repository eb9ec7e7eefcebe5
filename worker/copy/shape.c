/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How the rows of one table travel: SQL pieces for reading, loading, inserting.
 *
 * Called when a table is started, on the thread that starts it.
 * DESIGN: bytes pass unconverted where both ends agree on the charset. A FLOAT
 * prints six digits only, so it travels as DOUBLE; ENUM, SET and BIT travel as
 * numbers, since text would lose the error value and order of elements. Where
 * the target's column differs, text in utf8mb4 is what both ends understand.
 */
#include "worker/copy/shape.h"

#include "lib/sql/sql.h"

#include <string.h>
#include <strings.h>

static char *
quote_ident(const char *name)
{
	GString *s = g_string_new(NULL);

	dm_sql_append_ident(s, name);
	return g_string_free(s, FALSE);
}

/* ---- columns ---- */

static bool
same_text(const char *a, const char *b)
{
	return a != NULL && b != NULL && strcasecmp(a, b) == 0;
}

static bool
same_elements(const struct dm_column *a, const struct dm_column *b)
{
	return a->type == b->type && a->elements != NULL &&
	       b->elements != NULL &&
	       g_strv_equal((const char *const *)a->elements,
		   (const char *const *)b->elements);
}

static enum copy_carry
carry_of(const struct dm_column *from, const struct dm_column *to)
{
	switch (from->type) {
	case DM_T_TINYINT:
	case DM_T_SMALLINT:
	case DM_T_MEDIUMINT:
	case DM_T_INT:
	case DM_T_BIGINT:
	case DM_T_DECIMAL:
	case DM_T_FLOAT:
	case DM_T_DOUBLE:
		return COPY_NUMBER;
	case DM_T_BIT:
		return COPY_UINT;
	case DM_T_ENUM:
	case DM_T_SET:
		return to == NULL || same_elements(from, to) ? COPY_UINT
							     : COPY_UTF8;
	case DM_T_CHAR:
	case DM_T_VARCHAR:
	case DM_T_TINYTEXT:
	case DM_T_TEXT:
	case DM_T_MEDIUMTEXT:
	case DM_T_LONGTEXT:
		return to == NULL || same_text(from->charset, to->charset)
			   ? COPY_RAW
			   : COPY_UTF8;
	case DM_T_JSON:
	case DM_T_UUID:
	case DM_T_INET4:
	case DM_T_INET6:
		/* Bytes would be taken for the internal form. */
		return COPY_UTF8;
	case DM_T_YEAR:
	case DM_T_DATE:
	case DM_T_TIME:
	case DM_T_DATETIME:
	case DM_T_TIMESTAMP:
	case DM_T_BINARY:
	case DM_T_VARBINARY:
	case DM_T_TINYBLOB:
	case DM_T_BLOB:
	case DM_T_MEDIUMBLOB:
	case DM_T_LONGBLOB:
	case DM_T_GEOMETRY:
	case DM_T_VECTOR:
	case DM_T_UNKNOWN:
		return COPY_RAW;
	}
	return COPY_RAW;
}

bool
copy_prints_short(const struct dm_column *c)
{
	return c->type == DM_T_FLOAT ||
	       (c->type == DM_T_DOUBLE && c->decimals >= 0);
}

static void
append_read(GString *sql, const struct dm_column *c, enum copy_carry carry,
    const char *name)
{
	bool text = dm_type_is_text(c->type) || c->type == DM_T_ENUM ||
		    c->type == DM_T_SET;

	if (copy_prints_short(c))
		g_string_append_printf(sql, "CAST(%s AS DOUBLE)", name);
	else if (carry == COPY_UINT)
		g_string_append_printf(sql, "CAST(%s AS UNSIGNED)", name);
	else if (carry == COPY_UTF8 && text)
		g_string_append_printf(sql, "CONVERT(%s USING utf8mb4)", name);
	else
		g_string_append(sql, name);
}

/* A direct AUTO_INCREMENT column beside a SET clause makes MariaDB forget
 * NO_AUTO_VALUE_ON_ZERO. */
static bool
is_direct(const struct copy_column *c)
{
	return (c->carry == COPY_RAW || c->carry == COPY_NUMBER) && !c->is_auto;
}

/* What LOAD DATA assigns to column i from its variable. */
static void
append_assigned(GString *set, const struct copy_column *c, unsigned i)
{
	if (c->carry == COPY_UINT)
		g_string_append_printf(set, "CAST(@v%u AS UNSIGNED)", i);
	else if (c->carry == COPY_UTF8)
		g_string_append_printf(set, "CONVERT(@v%u USING utf8mb4)", i);
	else
		g_string_append_printf(set, "@v%u", i);
}

/* The column list and SET clause of LOAD DATA. */
static char *
load_columns(const struct copy_shape *s)
{
	g_autoptr(GString) list = g_string_new("(");
	g_autoptr(GString) set = g_string_new(NULL);

	for (unsigned i = 0; i < s->n_columns; i++) {
		const struct copy_column *c = &s->columns[i];

		g_string_append(list, i == 0 ? "" : ",");
		if (is_direct(c)) {
			g_string_append(list, c->name);
			continue;
		}
		g_string_append_printf(list, "@v%u", i);
		g_string_append_printf(
		    set, "%s %s=", set->len == 0 ? " SET" : ",", c->name);
		append_assigned(set, c, i);
	}
	if (s->n_columns == 0)
		g_string_append(list, "@v0");
	return g_strdup_printf("%s)%s", list->str, set->str);
}

static void
print_sql(struct copy_shape *s, const GString *reads, const char *to_db,
    const char *to_table)
{
	g_autofree char *to = dm_sql_quote_table(to_db, to_table);
	g_autofree char *columns = load_columns(s);
	g_autoptr(GString) names = g_string_new(NULL);

	for (unsigned i = 0; i < s->n_columns; i++)
		g_string_append_printf(
		    names, "%s%s", i == 0 ? "" : ",", s->columns[i].name);
	s->reads = g_strdup(s->n_columns == 0 ? "1" : reads->str);
	s->select = g_strdup_printf("SELECT %s FROM %s", s->reads, s->from);
	s->load = g_strdup_printf("INTO TABLE %s CHARACTER SET binary "
				  "FIELDS TERMINATED BY '\\t' ESCAPED BY '\\\\'"
				  " LINES TERMINATED BY '\\n' %s",
	    to, columns);
	s->insert = g_strdup_printf("INTO %s (%s) VALUES ", to, names->str);
}

static struct dm_err *
missing_columns(const struct dm_table *source, const struct dm_table *target)
{
	g_autoptr(GString) names = g_string_new(NULL);

	for (guint i = 0; i < source->columns->len; i++) {
		const struct dm_column *c = source->columns->pdata[i];

		if (!c->generated && dm_table_column(target, c->name) < 0)
			g_string_append_printf(names, "%s%s",
			    names->len == 0 ? "" : ", ", c->name);
	}
	if (names->len == 0)
		return NULL;
	return dm_err_set_workaround(
	    dm_err_annotate(
		dm_err_new(SYNCER_UNIT_DML_COLUMN_NOT_MATCH,
		    (int)target->columns->len, (int)source->columns->len),
		"target table `%s`.`%s` has no column %s", target->schema,
		target->name, names->str),
	    "add the columns to the target table, or drop it so that it is "
	    "created anew, then `resume-task`");
}

static struct dm_err *
add_columns(struct copy_shape *s, const struct dm_table *source,
    const struct dm_table *target, GString *reads)
{
	s->columns = g_new0(struct copy_column, source->columns->len + 1);
	for (guint i = 0; i < source->columns->len; i++) {
		const struct dm_column *c = source->columns->pdata[i];
		const struct dm_column *to = NULL;
		struct copy_column *out = &s->columns[s->n_columns];

		if (target != NULL && !c->generated)
			to = target->columns
				 ->pdata[dm_table_column(target, c->name)];
		if (c->generated || (to != NULL && to->generated))
			continue;
		if (c->type == DM_T_UNKNOWN)
			return dm_err_plain("table `%s`.`%s`: the type %s of "
					    "column %s is not known",
			    source->schema, source->name, c->type_text,
			    c->name);
		out->name = quote_ident(c->name);
		out->carry = carry_of(c, to);
		out->is_enum = c->type == DM_T_ENUM && out->carry == COPY_UINT;
		out->is_auto = c->auto_increment;
		g_string_append(reads, s->n_columns == 0 ? "" : ",");
		append_read(reads, c, out->carry, out->name);
		s->n_columns++;
	}
	return NULL;
}

/* Constants, read as bytes of utf8mb4 with each row. */
static struct dm_err *
add_extracted(struct copy_shape *s, const struct dm_table *source,
    const struct dm_table *target, const GArray *extracted, GString *reads)
{
	guint n = extracted != NULL ? extracted->len : 0;

	s->columns = g_renew(
	    struct copy_column, s->columns, source->columns->len + n + 1);
	for (guint i = 0; i < n; i++) {
		const struct dm_extracted *x =
		    &g_array_index(extracted, struct dm_extracted, i);
		const struct dm_table *with = source;

		if (dm_table_column(source, x->column) < 0)
			with = NULL;
		if (with != NULL || target == NULL ||
		    dm_table_column(target, x->column) < 0)
			return dm_err_annotate(
			    dm_err_new(SYNCER_UNIT_DML_COLUMN_NOT_MATCH,
				target == NULL ? 0 : (int)target->columns->len,
				(int)source->columns->len),
			    "a route fills column %s: the target table must "
			    "have it, and source table `%s`.`%s` must not",
			    x->column, source->schema, source->name);
		s->columns[s->n_columns] =
		    (struct copy_column){ .name = quote_ident(x->column),
			    .carry = COPY_UTF8 };
		g_string_append(reads, s->n_columns == 0 ? "x'" : ",x'");
		for (const char *p = x->value; *p != '\0'; p++)
			g_string_append_printf(
			    reads, "%02x", (unsigned)(uint8_t)*p);
		g_string_append_c(reads, '\'');
		s->n_columns++;
	}
	return NULL;
}

/* ---- key ---- */

static int
column_of(const struct copy_shape *s, const char *name)
{
	for (unsigned i = 0; i < s->n_columns; i++)
		if (strcmp(s->columns[i].name, name) == 0)
			return (int)i;
	return -1;
}

/* False when the column's order cannot be written as a literal. */
static bool
set_key(struct copy_shape *s, struct copy_key *k, const struct dm_column *c)
{
	GString *expr = g_string_new(NULL);

	k->name = quote_ident(c->name);
	k->column = column_of(s, k->name);
	append_read(expr, c,
	    c->type == DM_T_ENUM || c->type == DM_T_SET || c->type == DM_T_BIT
		? COPY_UINT
		: COPY_RAW,
	    k->name);
	k->expr = g_string_free(expr, FALSE);
	switch (c->type) {
	case DM_T_CHAR:
	case DM_T_VARCHAR:
		k->bytes = true;
		if (c->charset == NULL)
			return false;
		k->charset = g_strdup(c->charset);
		g_ptr_array_add(s->charsets, (gpointer)(uintptr_t)k->charset);
		return true;
	case DM_T_BINARY:
	case DM_T_VARBINARY:
		k->bytes = true;
		return true;
	case DM_T_YEAR:
	case DM_T_DATE:
	case DM_T_TIME:
	case DM_T_DATETIME:
	case DM_T_TIMESTAMP:
	case DM_T_UUID:
	case DM_T_INET4:
	case DM_T_INET6:
		k->quoted = true;
		return true;
	default:
		/* Numbers; text and blobs have prefix keys only. */
		return carry_of(c, NULL) == COPY_NUMBER ||
		       carry_of(c, NULL) == COPY_UINT;
	}
}

/* Which key cuts the table; none if its order is not that of literals. */
static void
add_keys(struct copy_shape *s, const struct dm_table *t)
{
	const struct dm_index *index = dm_table_row_key(t);
	g_autoptr(GString) list = g_string_new(NULL);
	g_autofree char *name = NULL;
	unsigned n = 0;

	s->has_row_key = index != NULL;
	if (index == NULL)
		return;
	s->keys = g_new0(struct copy_key, index->parts->len);
	for (guint i = 0; i < index->parts->len; i++) {
		const struct dm_index_part *p =
		    &g_array_index(index->parts, struct dm_index_part, i);
		int at = p->column == NULL ? -1 : dm_table_column(t, p->column);

		s->n_keys = i + 1; /* for the release of a half-built one */
		/* Prefixes do not order rows; mixed directions would sort. */
		if (at < 0 || p->prefix >= 0 || p->descending ||
		    !set_key(s, &s->keys[i], t->columns->pdata[at]))
			return;
		n++;
	}
	name = quote_ident(index->name);
	g_string_append_printf(list, "%s FORCE INDEX (%s)", s->from, name);
	g_free(s->from);
	s->from = g_strdup(list->str);
	g_string_assign(list, "SELECT ");
	for (unsigned i = 0; i < n; i++)
		g_string_append_printf(
		    list, "%s%s", i == 0 ? "" : ",", s->keys[i].expr);
	s->key_select = g_strdup_printf("%s FROM %s", list->str, s->from);
	g_string_assign(list, " ORDER BY ");
	for (unsigned i = 0; i < n; i++)
		g_string_append_printf(
		    list, "%s%s", i == 0 ? "" : ",", s->keys[i].name);
	s->key_order = g_strdup(list->str);
}

static void
drop_keys(struct copy_shape *s)
{
	for (unsigned i = 0; i < s->n_keys; i++) {
		g_free(s->keys[i].name);
		g_free(s->keys[i].expr);
	}
	g_clear_pointer(&s->keys, g_free);
	s->n_keys = 0;
}

struct dm_err *
copy_shape_new(const struct dm_table *source, const struct dm_table *target,
    const char *to_db, const char *to_table, const GArray *extracted,
    struct copy_shape **out)
{
	DM_AUTO(copy_shape) s = g_new0(struct copy_shape, 1);
	g_autoptr(GString) reads = g_string_new(NULL);
	struct dm_err *err = NULL;

	s->charsets = g_ptr_array_new_with_free_func(g_free);
	s->from = dm_sql_quote_table(source->schema, source->name);
	if (target != NULL)
		err = missing_columns(source, target);
	if (err == NULL)
		err = add_columns(s, source, target, reads);
	if (err == NULL)
		err = add_extracted(s, source, target, extracted, reads);
	if (err != NULL)
		return err;
	add_keys(s, source);
	if (s->key_select == NULL)
		drop_keys(s);
	print_sql(s, reads, to_db, to_table);
	*out = DM_TAKE(s);
	return NULL;
}

void
copy_shape_free(struct copy_shape *s)
{
	if (s == NULL)
		return;
	for (unsigned i = 0; i < s->n_columns; i++)
		g_free(s->columns[i].name);
	g_free(s->columns);
	drop_keys(s);
	g_free(s->from);
	g_free(s->reads);
	g_free(s->select);
	g_free(s->key_select);
	g_free(s->key_order);
	g_free(s->load);
	g_free(s->insert);
	g_clear_pointer(&s->charsets, g_ptr_array_unref);
	g_free(s);
}
