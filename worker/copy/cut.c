/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Key ranges as SQL text.
 *
 * DESIGN: a range is open below and closed above: (lo, hi]. Row comparison is
 * spelled as (a > x OR (a = x AND (b > y ...))), from which the optimizers make
 * index ranges. Text is written as bytes with the column's charset, so it
 * compares in the column's collation; no literal contains a comma.
 */
#include "lib/base/defect.h"
#include "worker/copy/shape.h"

#include <inttypes.h>
#include <string.h>

char *
copy_key_literals(
    const struct copy_shape *s, const char *const *cells, const size_t *lengths)
{
	GString *out = g_string_new(NULL);

	for (unsigned i = 0; i < s->n_keys; i++) {
		const struct copy_key *k = &s->keys[i];
		const char *cell = cells[i] == NULL ? "" : cells[i];
		size_t len = cells[i] == NULL ? 0 : lengths[i];

		if (i > 0)
			g_string_append_c(out, ',');
		if (k->bytes) {
			if (k->charset != NULL)
				g_string_append_printf(out, "_%s ", k->charset);
			dm_sql_append_hex(out, cell, len);
		} else if (k->quoted) {
			g_string_append(out, "_utf8mb4");
			dm_sql_append_string(out, cell, len);
		} else {
			g_string_append_len(out, cell, (gssize)len);
		}
	}
	return g_string_free(out, FALSE);
}

/* Keys from part i on compare with the literals: op is ">" or "<"; the last
 * part takes last_op. */
static void
append_compare(GString *sql, const struct copy_shape *s, char *const *lits,
    unsigned i, const char *op, const char *last_op)
{
	const char *name = s->keys[i].name;

	if (i + 1 == s->n_keys) {
		g_string_append_printf(sql, "%s %s %s", name, last_op, lits[i]);
		return;
	}
	g_string_append_printf(sql, "(%s %s %s OR (%s = %s AND ", name, op,
	    lits[i], name, lits[i]);
	append_compare(sql, s, lits, i + 1, op, last_op);
	g_string_append(sql, "))");
}

static void
append_bound(GString *sql, const struct copy_shape *s, const char *bound,
    const char *op, const char *last_op)
{
	g_auto(GStrv) lits = NULL;

	if (bound == NULL || s->n_keys == 0)
		return;
	lits = g_strsplit(bound, ",", -1);
	dm_assert(g_strv_length(lits) == s->n_keys);
	g_string_append(sql, sql->len == 0 ? " WHERE " : " AND ");
	append_compare(sql, s, lits, 0, op, last_op);
}

char *
copy_range_where(const struct copy_shape *s, const char *lo, const char *hi,
    const char *extra)
{
	GString *sql = g_string_new(NULL);

	append_bound(sql, s, lo, ">", ">");
	append_bound(sql, s, hi, "<", DM_DEFECT_IS(CHUNK_BOUND) ? "<" : "<=");
	if (extra != NULL && extra[0] != '\0')
		g_string_append_printf(
		    sql, "%s(%s)", sql->len == 0 ? " WHERE " : " AND ", extra);
	return g_string_free(sql, FALSE);
}

struct dm_err *
copy_find_bound(struct dm_sql_conn *conn, const struct copy_shape *s,
    const char *from, const char *where, uint64_t n, char **literals)
{
	g_autofree char *range = copy_range_where(s, from, NULL, where);
	g_autofree char *sql = g_strdup_printf("%s%s%s LIMIT 1 OFFSET %" PRIu64,
	    s->key_select, range, s->key_order, n - 1);
	DM_AUTO(dm_sql_result) res = NULL;
	struct dm_sql_row row;
	struct dm_err *err;
	bool more = false;

	err = dm_sql_query(conn, sql, strlen(sql), true, &res);
	if (err == NULL)
		err = dm_sql_next(res, &row, &more);
	if (err != NULL)
		return err;
	*literals = more ? copy_key_literals(s, row.cells, row.lengths) : NULL;
	return NULL;
}
