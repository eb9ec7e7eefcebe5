/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What differs between two structures. DESIGN: the sides may come from
 * different servers, or one from a statement and one from SHOW CREATE TABLE,
 * so only what every server tells the same way is compared. Defaults do not
 * count: servers rewrite them (1 becomes '1.00'), and setting one twice is
 * harmless. Of an expression only its place counts.
 */
#include "lib/schema/table.h"

#include <string.h>

#include "lib/schema/charset.h"
#include "lib/schema/complete.h"

/* 767 bytes of utf8mb4: the least limit of a key's part. */
#define LIMIT_MIN 191

static void say(GString *out, const char *fmt, ...) DM_PRINTF(2, 3);

static void
say(GString *out, const char *fmt, ...)
{
	va_list ap;

	if (out->len > 0)
		g_string_append(out, "; ");
	va_start(ap, fmt);
	g_string_append_vprintf(out, fmt, ap);
	va_end(ap);
}

/* MariaDB's JSON is a LONGTEXT with a check: this one, unless the definition
 * has another. */
#define JSON_CHECK "CHECK (json_valid("

static bool
has_check(const struct dm_column *c)
{
	return strstr(c->attributes, "CHECK (") != NULL;
}

static bool
is_json(const struct dm_column *c)
{
	return c->type == DM_T_JSON ||
	       (c->type == DM_T_LONGTEXT &&
		   strstr(c->attributes, JSON_CHECK) != NULL);
}

static bool
both_json(const struct dm_column *a, const struct dm_column *b)
{
	if (is_json(a) && is_json(b))
		return true;
	return (a->type == DM_T_JSON && b->type == DM_T_LONGTEXT &&
		   has_check(a) && has_check(b)) ||
	       (b->type == DM_T_JSON && a->type == DM_T_LONGTEXT &&
		   has_check(a) && has_check(b));
}

/* The length that counts, with the default where none is given. */
static int
effective_length(const struct dm_column *c)
{
	switch (c->type) {
	case DM_T_DECIMAL:
		return c->length <= 0 ? 10 : c->length;
	case DM_T_BIT:
	case DM_T_CHAR:
	case DM_T_BINARY:
		return c->length < 0 ? 1 : c->length;
	case DM_T_TIME:
	case DM_T_DATETIME:
	case DM_T_TIMESTAMP:
		return c->length < 0 ? 0 : c->length;
	case DM_T_VARCHAR:
	case DM_T_VARBINARY:
	case DM_T_FLOAT:
	case DM_T_DOUBLE:
	case DM_T_VECTOR:
		return c->length;
	default:
		/* Of integers it is only for display. */
		return -1;
	}
}

static int
effective_decimals(const struct dm_column *c)
{
	return c->type == DM_T_DECIMAL && c->decimals < 0 ? 0 : c->decimals;
}

static bool
same_elements(char *const *a, char *const *b)
{
	size_t i = 0;

	if (a == NULL || b == NULL)
		return a == b;
	while (a[i] != NULL && b[i] != NULL && strcmp(a[i], b[i]) == 0)
		i++;
	return a[i] == NULL && b[i] == NULL;
}

static bool
same_type(const struct dm_column *a, const struct dm_column *b)
{
	if (both_json(a, b))
		return true;
	if (a->type == DM_T_GEOMETRY && b->type == DM_T_GEOMETRY)
		return strcmp(a->type_text, b->type_text) == 0;
	return a->type == b->type &&
	       effective_length(a) == effective_length(b) &&
	       effective_decimals(a) == effective_decimals(b) &&
	       a->is_unsigned == b->is_unsigned && a->zerofill == b->zerofill &&
	       same_elements(a->elements, b->elements);
}

static bool
same_charset(const struct dm_column *a, const struct dm_column *b)
{
	if (!dm_type_is_text(a->type) || both_json(a, b))
		return true;
	return dm_charset_same(a->charset, b->charset) &&
	       dm_collation_same(a->charset == NULL ? b->charset : a->charset,
		   a->collation, b->collation);
}

/* Whether a TIMESTAMP says nothing of NULL: then the server's
 * explicit_defaults_for_timestamp decides. */
static bool
is_implicit(const struct dm_column *c)
{
	return c->type == DM_T_TIMESTAMP &&
	       !g_str_has_prefix(c->attributes, "NOT NULL") &&
	       !g_str_has_prefix(c->attributes, "NULL");
}

static void
diff_column(GString *out, const struct dm_column *a, const struct dm_column *b)
{
	if (strcmp(a->name, b->name) != 0) {
		say(out, "column `%s` is `%s`", a->name, b->name);
		return;
	}
	if (!same_type(a, b))
		say(out, "type of column `%s`: %s, %s", a->name, a->type_text,
		    b->type_text);
	else if (!same_charset(a, b))
		say(out, "charset of column `%s`: %s %s, %s %s", a->name,
		    a->charset == NULL ? "" : a->charset,
		    a->collation == NULL ? "" : a->collation,
		    b->charset == NULL ? "" : b->charset,
		    b->collation == NULL ? "" : b->collation);
	if (a->not_null != b->not_null && !is_implicit(a) && !is_implicit(b))
		say(out, "column `%s`: %s, %s", a->name,
		    a->not_null ? "NOT NULL" : "NULL",
		    b->not_null ? "NOT NULL" : "NULL");
	if (a->auto_increment != b->auto_increment)
		say(out, "AUTO_INCREMENT of column `%s`: %s, %s", a->name,
		    a->auto_increment ? "yes" : "no",
		    b->auto_increment ? "yes" : "no");
	if (a->generated != b->generated || a->stored != b->stored)
		say(out, "column `%s` is generated: %s, %s", a->name,
		    !a->generated ? "no"
		    : a->stored   ? "stored"
				  : "virtual",
		    !b->generated ? "no"
		    : b->stored   ? "stored"
				  : "virtual");
}

static void
diff_columns(GString *out, const struct dm_table *a, const struct dm_table *b)
{
	guint n = MIN(a->columns->len, b->columns->len);

	if (a->columns->len != b->columns->len)
		say(out, "number of columns: %u, %u", a->columns->len,
		    b->columns->len);
	for (guint i = 0; i < n; i++)
		diff_column(out, g_ptr_array_index(a->columns, i),
		    g_ptr_array_index(b->columns, i));
}

static const struct dm_column *
column_of(const struct dm_table *t, const struct dm_index_part *p)
{
	int n = p->column == NULL ? -1 : dm_table_column(t, p->column);

	return n < 0 ? NULL : g_ptr_array_index(t->columns, (guint)n);
}

static int
effective_prefix(const struct dm_column *c, const struct dm_index_part *p)
{
	return c == NULL ? p->prefix : dm_complete_prefix(c, p->prefix);
}

/* MariaDB cuts keys that are too long, and those of long columns without a
 * prefix, at a limit that depends on engine and page size. */
static bool
same_prefix(const struct dm_table *ta, const struct dm_index_part *p,
    const struct dm_table *tb, const struct dm_index_part *q)
{
	const struct dm_column *c = column_of(ta, p);
	int a = effective_prefix(c, p);
	int b = effective_prefix(column_of(tb, q), q);

	/* Of a POINT a key has always the whole. */
	if (a == b || (c != NULL && c->type == DM_T_GEOMETRY))
		return true;
	if (a >= 0 && b >= 0)
		return MIN(a, b) >= LIMIT_MIN;
	return MAX(a, b) >= LIMIT_MIN || (c != NULL && dm_column_is_long(c));
}

static bool
is_of_geometry(const struct dm_table *t, const struct dm_index *x)
{
	const struct dm_column *c =
	    column_of(t, &g_array_index(x->parts, struct dm_index_part, 0));

	return x->parts->len == 1 && c != NULL && c->type == DM_T_GEOMETRY;
}

/* MySQL makes a spatial key of a plain one over a geometry. */
static bool
both_spatial(const struct dm_table *ta, const struct dm_index *a,
    const struct dm_table *tb, const struct dm_index *b)
{
	return a->kind >= DM_INDEX_PLAIN && b->kind >= DM_INDEX_PLAIN &&
	       is_of_geometry(ta, a) && is_of_geometry(tb, b);
}

static bool
same_index(const struct dm_table *ta, const struct dm_index *a,
    const struct dm_table *tb, const struct dm_index *b)
{
	bool prefixes =
	    a->kind != DM_INDEX_FULLTEXT && a->kind != DM_INDEX_SPATIAL;
	bool ordered = prefixes && strstr(a->options, "USING HASH") == NULL &&
		       strstr(b->options, "USING HASH") == NULL;

	if ((a->kind != b->kind && !both_spatial(ta, a, tb, b)) ||
	    a->parts->len != b->parts->len)
		return false;
	for (guint i = 0; i < a->parts->len; i++) {
		const struct dm_index_part *p =
		    &g_array_index(a->parts, struct dm_index_part, i);
		const struct dm_index_part *q =
		    &g_array_index(b->parts, struct dm_index_part, i);

		if ((p->column == NULL) != (q->column == NULL) ||
		    (p->descending != q->descending && ordered))
			return false;
		if (p->column != NULL &&
		    g_ascii_strcasecmp(p->column, q->column) != 0)
			return false;
		if (prefixes && !same_prefix(ta, p, tb, q))
			return false;
	}
	return true;
}

static bool
has_columns(const struct dm_index *x, const GPtrArray *columns)
{
	if (x->parts->len != columns->len)
		return false;
	for (guint i = 0; i < columns->len; i++) {
		const struct dm_index_part *p =
		    &g_array_index(x->parts, struct dm_index_part, i);

		if (p->column == NULL ||
		    g_ascii_strcasecmp(
			p->column, g_ptr_array_index(columns, i)) != 0)
			return false;
	}
	return true;
}

/* Servers make an index for a foreign key, and drop it when a better one
 * comes: whether it stands cannot be told. */
static bool
is_made_by_server(const struct dm_table *t, const struct dm_index *x)
{
	for (guint i = 0; i < t->foreign_keys->len; i++) {
		const struct dm_foreign_key *f =
		    g_ptr_array_index(t->foreign_keys, i);

		if (x->kind == DM_INDEX_PLAIN && has_columns(x, f->columns))
			return true;
	}
	return false;
}

static const struct dm_index *
find_exact(const struct dm_table *t, const char *name)
{
	for (guint i = 0; i < t->indexes->len; i++) {
		const struct dm_index *x = g_ptr_array_index(t->indexes, i);

		if (g_strcmp0(x->name, name) == 0)
			return x;
	}
	return NULL;
}

static void
diff_index(GString *out, const struct dm_table *a, const struct dm_index *x,
    const struct dm_table *b)
{
	const struct dm_index *y = find_exact(b, x->name);
	g_autoptr(GString) p = g_string_new(NULL);
	g_autoptr(GString) q = g_string_new(NULL);

	if (y == NULL) {
		if (!is_made_by_server(a, x) && !is_made_by_server(b, x))
			say(out, "key `%s`: present, missing", x->name);
		return;
	}
	if (same_index(a, x, b, y))
		return;
	dm_index_print(p, x);
	dm_index_print(q, y);
	say(out, "key `%s`: %s, %s", x->name, p->str, q->str);
}

static void
diff_indexes(GString *out, const struct dm_table *a, const struct dm_table *b)
{
	for (guint i = 0; i < a->indexes->len; i++)
		diff_index(out, a, g_ptr_array_index(a->indexes, i), b);
	for (guint i = 0; i < b->indexes->len; i++) {
		const struct dm_index *x = g_ptr_array_index(b->indexes, i);

		if (find_exact(a, x->name) == NULL &&
		    !is_made_by_server(a, x) && !is_made_by_server(b, x))
			say(out, "key `%s`: missing, present", x->name);
	}
}

/* Names that a server gave follow the table's. */
static bool
same_foreign_name(const char *a, const char *b)
{
	if (a == NULL || b == NULL || strstr(a, "_ibfk_") != NULL ||
	    strstr(b, "_ibfk_") != NULL)
		return true;
	return strcmp(a, b) == 0;
}

static bool
same_names(const GPtrArray *a, const GPtrArray *b)
{
	if (a->len != b->len)
		return false;
	for (guint i = 0; i < a->len; i++) {
		if (g_ascii_strcasecmp(
			g_ptr_array_index(a, i), g_ptr_array_index(b, i)) != 0)
			return false;
	}
	return true;
}

static bool
has_foreign_key(const struct dm_table *t, const struct dm_foreign_key *f)
{
	for (guint i = 0; i < t->foreign_keys->len; i++) {
		const struct dm_foreign_key *o =
		    g_ptr_array_index(t->foreign_keys, i);

		if (!same_names(f->columns, o->columns) ||
		    g_ascii_strcasecmp(f->ref_table, o->ref_table) != 0)
			continue;
		if (f->inlined || o->inlined ||
		    (same_names(f->ref_columns, o->ref_columns) &&
			same_foreign_name(f->name, o->name)))
			return true;
	}
	return false;
}

static void
diff_foreign_keys(GString *out, const struct dm_table *a,
    const struct dm_table *b, const char *how)
{
	for (guint i = 0; i < a->foreign_keys->len; i++) {
		const struct dm_foreign_key *f =
		    g_ptr_array_index(a->foreign_keys, i);

		if (!f->inlined && !has_foreign_key(b, f))
			say(out, "foreign key `%s`: %s",
			    f->name == NULL ? "" : f->name, how);
	}
}

/* Checks of columns and of the table alike: MySQL prints all as the table's. */
static unsigned
count_checks(const struct dm_table *t)
{
	unsigned n = 0;

	for (guint i = 0; i < t->checks->len; i++)
		n += strstr(g_ptr_array_index(t->checks, i), "CHECK (") != NULL
			 ? 1
			 : 0;
	for (guint i = 0; i < t->columns->len; i++) {
		const struct dm_column *c = g_ptr_array_index(t->columns, i);

		for (const char *p = c->attributes;
		     (p = strstr(p, "CHECK (")) != NULL; p++)
			n += g_str_has_prefix(p, JSON_CHECK) ? 0 : 1;
	}
	return n;
}

char *
dm_table_diff(const struct dm_table *a, const struct dm_table *b)
{
	GString *out = g_string_new(NULL);

	diff_columns(out, a, b);
	diff_indexes(out, a, b);
	diff_foreign_keys(out, a, b, "present, missing");
	diff_foreign_keys(out, b, a, "missing, present");
	if (count_checks(a) != count_checks(b))
		say(out, "number of checks: %u, %u", count_checks(a),
		    count_checks(b));
	return g_string_free(out, out->len == 0);
}
