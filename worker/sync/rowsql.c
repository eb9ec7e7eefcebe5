/* SPDX-License-Identifier: Apache-2.0 */
/* The SQL text of row changes: see rowsql.h. */
#include "worker/sync/rowsql.h"

#include "worker/sync/literal.h"

static const struct dm_column *
column(const struct tbl *t, unsigned i)
{
	return g_ptr_array_index(t->src->columns, i);
}

static unsigned
lax(const struct dm_column *c, const struct dm_value *v)
{
	return literal_needs_lax_mode(c, v) ? CHANGE_LAX : 0;
}

unsigned
rowsql_insert(GString *s, const struct tbl *t, const struct dm_value *after)
{
	unsigned flags = 0;
	char sep = '(';

	for (unsigned i = 0; i < t->n_cols; i++) {
		if (!t->written[i])
			continue;
		g_string_append_c(s, sep);
		sep = ',';
		literal_append(s, column(t, i), &after[i]);
		flags |= lax(column(t, i), &after[i]);
	}
	if (sep == '(')
		g_string_append_c(s, '(');
	g_string_append_c(s, ')');
	return flags;
}

void
rowsql_where(GString *s, const struct tbl *t, const struct dm_value *row)
{
	if (t->keyless) {
		bool first = true;

		for (unsigned i = 0; i < t->n_cols; i++) {
			if (!t->written[i])
				continue;
			if (!first)
				g_string_append(s, " AND ");
			first = false;
			literal_append_match(
			    s, t->idents[i], column(t, i), &row[i]);
		}
		g_string_append(s, " LIMIT 1");
		return;
	}
	for (unsigned i = 0; i < t->key.n; i++) {
		unsigned c = t->key.cols[i];

		g_string_append_printf(
		    s, "%s%s=", i > 0 ? " AND " : "", t->idents[c]);
		literal_append_compared(s, column(t, c), &row[c]);
	}
}

unsigned
rowsql_update(GString *s, const struct tbl *t, const struct dm_value *before,
    const struct dm_value *after)
{
	unsigned flags = 0, n = 0;

	for (unsigned i = 0; i < t->n_cols; i++) {
		if (!t->written[i] ||
		    (!t->always_set[i] && literal_same(&before[i], &after[i])))
			continue;
		g_string_append_printf(
		    s, "%s%s=", n++ > 0 ? "," : "", t->idents[i]);
		if (after[i].kind == DM_VAL_ABSENT) {
			/* It stays, whatever ON UPDATE says. */
			g_string_append(s, t->idents[i]);
			continue;
		}
		literal_append(s, column(t, i), &after[i]);
		flags |= lax(column(t, i), &after[i]);
	}
	for (unsigned i = 0; n == 0 && i < t->n_cols; i++) {
		/* Only generated columns changed: the row must still match. */
		if (t->written[i]) {
			g_string_append_printf(
			    s, "%s=%s", t->idents[i], t->idents[i]);
			n++;
		}
	}
	g_string_append(s, " WHERE ");
	rowsql_where(s, t, before);
	return flags;
}
