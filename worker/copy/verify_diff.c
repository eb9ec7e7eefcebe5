/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which rows differ: the rows of one end looked up by key at the other.
 *
 * Called on a lane's thread where checksums differ. DESIGN: rows stream from
 * one end; of some hundred at a time only keys and hashes are kept, and the
 * rows of the other end with these keys are hashed as they stream by. So it
 * needs no common order of keys and no memory for rows. Keys are compared by
 * the bytes of their texts: what a collation finds besides is not taken for the
 * row.
 */
#include "worker/copy/copy_internal.h"

#include <inttypes.h>
#include <string.h>

#define LOOKUP_ROWS 400
/* Of a key's text in messages. */
#define SHOWN_KEY_BYTES 64

struct item {
	char *key;   /* as texts, each with its length */
	char *name;  /* for people: "`id`=5, `b`='x'" */
	char *tuple; /* literals: "5,_utf8mb4 x'78'" */
	uint64_t hash;
};

struct diff {
	struct copy_lane *lane;
	const struct copy_table *t;
	const struct copy_chunk *k;
	const struct copy_diff_end *from, *to;
	GPtrArray *items; /* struct item* */
	uint64_t found;
};

static void
item_free(void *p)
{
	struct item *i = p;

	g_free(i->key);
	g_free(i->name);
	g_free(i->tuple);
	g_free(i);
}

/* ---- keys ---- */

static char *
key_of(const struct copy_shape *s, const struct dm_sql_row *row)
{
	GString *out = g_string_new(NULL);

	for (unsigned i = 0; i < s->n_keys; i++) {
		unsigned c = (unsigned)s->keys[i].column;
		const char *cell = row->cells[c];

		/* In hex: a key may have any bytes. */
		g_string_append_printf(
		    out, "%zu:", cell == NULL ? 0 : row->lengths[c]);
		if (cell != NULL)
			dm_sql_append_hex(out, cell, row->lengths[c]);
	}
	return g_string_free(out, FALSE);
}

/* The texts are those of the rows' form, in which charsets are one. */
static void
append_literal(GString *out, const struct copy_key *k,
    const struct copy_column *c, const char *cell, size_t len)
{
	if (k->bytes) {
		if (k->charset != NULL)
			g_string_append_printf(out, "_%s ",
			    c->carry == COPY_UTF8 ? "utf8mb4" : k->charset);
		dm_sql_append_hex(out, cell, len);
	} else if (k->quoted) {
		g_string_append(out, "_utf8mb4");
		dm_sql_append_string(out, cell, len);
	} else {
		g_string_append_len(out, cell, (gssize)len);
	}
}

static char *
tuple_of(const struct copy_shape *s, const struct dm_sql_row *row)
{
	GString *out = g_string_new(NULL);

	for (unsigned i = 0; i < s->n_keys; i++) {
		const struct copy_key *k = &s->keys[i];
		const char *cell = row->cells[k->column];

		g_string_append(out, i == 0 ? "" : ",");
		append_literal(out, k, &s->columns[k->column],
		    cell == NULL ? "" : cell,
		    cell == NULL ? 0 : row->lengths[k->column]);
	}
	return g_string_free(out, FALSE);
}

static char *
name_of(const struct copy_shape *s, const struct dm_sql_row *row)
{
	GString *out = g_string_new(NULL);

	for (unsigned i = 0; i < s->n_keys; i++) {
		const struct copy_key *k = &s->keys[i];
		const char *cell = row->cells[k->column];
		size_t len = cell == NULL ? 0 : row->lengths[k->column];
		g_autofree char *text =
		    g_utf8_make_valid(cell == NULL ? "" : cell,
			(gssize)MIN(len, (size_t)SHOWN_KEY_BYTES));
		bool quoted = k->bytes || k->quoted;

		g_string_append_printf(out, "%s%s=%s%s%s", i == 0 ? "" : ", ",
		    k->name, quoted ? "'" : "", text,
		    len > SHOWN_KEY_BYTES ? "..." : "");
		g_string_append(out, quoted ? "'" : "");
	}
	return g_string_free(out, FALSE);
}

/* ---- telling ---- */

static void
tell_of_more(const struct diff *d)
{
	g_autofree char *text = NULL;

	if (d->found <= COPY_DIFF_MAX)
		return;
	text = g_strdup_printf("chunk %d: %" PRIu64 " more rows %s", d->k->id,
	    d->found - COPY_DIFF_MAX,
	    d->from->is_source ? "are missing or have other values"
			       : "are only in the target");
	copy_verify_tell(d->lane->run, d->t, text);
}

static void
tell(struct diff *d, const struct item *i, const char *what)
{
	g_autofree char *text = NULL;

	if (d->found++ >= COPY_DIFF_MAX)
		return;
	text = g_strdup_printf(
	    "chunk %d: the row with %s %s", d->k->id, i->name, what);
	copy_verify_tell(d->lane->run, d->t, text);
}

/* ---- lookups ---- */

static char *
lookup_sql(const struct diff *d)
{
	const struct copy_shape *s = d->t->shape;
	const struct copy_diff_end *to = d->to;
	GString *sql = g_string_new(NULL);

	g_string_append_printf(
	    sql, "SELECT %s FROM %s WHERE (", to->reads, to->from);
	for (unsigned i = 0; i < s->n_keys; i++)
		g_string_append_printf(
		    sql, "%s%s", i == 0 ? "" : ",", s->keys[i].name);
	g_string_append(sql, ") IN (");
	for (guint i = 0; i < d->items->len; i++) {
		const struct item *it = d->items->pdata[i];

		g_string_append_printf(
		    sql, "%s(%s)", i == 0 ? "" : ",", it->tuple);
	}
	g_string_append_c(sql, ')');
	if (to->where != NULL && to->where[0] != '\0')
		g_string_append_printf(sql, " AND (%s)", to->where);
	return g_string_free(sql, FALSE);
}

/* A key, and a key with the hash of its row, as members of one set: several
 * rows may have one key where other sources write there, too. */
static void
add_seen(GHashTable *seen, char *key, uint64_t hash)
{
	g_hash_table_add(seen, g_strdup_printf("%s=%" PRIx64, key, hash));
	g_hash_table_add(seen, key);
}

static struct dm_err *
read_lookup(struct diff *d, GHashTable *seen)
{
	g_autofree char *sql = lookup_sql(d);
	DM_AUTO(dm_sql_result) res = NULL;
	struct dm_err *err;
	bool more = true;

	err = dm_sql_query(d->to->conn, sql, strlen(sql), false, &res);
	while (err == NULL && more) {
		struct dm_sql_row row;

		err = copy_verify_next(d->lane, res, &row, &more);
		if (err == NULL && more)
			add_seen(seen, key_of(d->t->shape, &row),
			    copy_row_hash(&row));
	}
	if (err != NULL && d->to->is_source)
		d->lane->source_failed = true;
	return err;
}

static struct dm_err *
look_up(struct diff *d)
{
	g_autoptr(GHashTable) seen =
	    g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	struct dm_err *err;

	if (d->items->len == 0)
		return NULL;
	err = read_lookup(d, seen);
	for (guint i = 0; err == NULL && i < d->items->len; i++) {
		const struct item *it = d->items->pdata[i];
		g_autofree char *exact =
		    g_strdup_printf("%s=%" PRIx64, it->key, it->hash);

		if (g_hash_table_contains(seen, exact))
			continue;
		if (!g_hash_table_contains(seen, it->key))
			tell(d, it,
			    d->from->is_source ? "is missing in the target"
					       : "is only in the target");
		else if (d->from->is_source)
			tell(d, it, "has other values in the target");
	}
	g_ptr_array_set_size(d->items, 0);
	return err;
}

static struct item *
item_new(const struct copy_shape *s, const struct dm_sql_row *row)
{
	struct item *i = g_new0(struct item, 1);

	i->key = key_of(s, row);
	i->name = name_of(s, row);
	i->tuple = tuple_of(s, row);
	i->hash = copy_row_hash(row);
	return i;
}

/* To the end, also where enough is known: a result that is not would take the
 * snapshot with it. */
static struct dm_err *
scan(struct diff *d)
{
	g_autofree char *where =
	    copy_range_where(d->t->shape, d->k->lo, d->k->hi, d->from->where);
	g_autofree char *sql = g_strdup_printf(
	    "SELECT %s FROM %s%s", d->from->reads, d->from->from, where);
	DM_AUTO(dm_sql_result) res = NULL;
	struct dm_err *err;
	bool more = true;

	err = dm_sql_query(d->from->conn, sql, strlen(sql), false, &res);
	while (err == NULL && more) {
		struct dm_sql_row row;

		err = copy_verify_next(d->lane, res, &row, &more);
		if (err != NULL)
			break;
		if (more)
			g_ptr_array_add(d->items, item_new(d->t->shape, &row));
		if (d->items->len < LOOKUP_ROWS && more)
			continue;
		err = look_up(d);
		if (err == NULL)
			err = dm_cancel_check(d->lane->run->cancel);
		if (err != NULL)
			return err;
	}
	if (err != NULL && d->from->is_source)
		d->lane->source_failed = true;
	return err;
}

struct dm_err *
copy_diff(struct copy_lane *l, const struct copy_table *t,
    const struct copy_chunk *k, const struct copy_diff_end *from,
    const struct copy_diff_end *to, uint64_t *found)
{
	struct diff d = { .lane = l, .t = t, .k = k, .from = from, .to = to };
	struct dm_err *err;

	d.items = g_ptr_array_new_with_free_func(item_free);
	err = scan(&d);
	g_ptr_array_unref(d.items);
	if (err != NULL)
		return err;
	tell_of_more(&d);
	*found = d.found;
	return NULL;
}
