/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tables as replication sees them: see tbl.h.
 *
 * DESIGN: rows are found by the source's row key, since the source guarantees
 * that it is unique. The unique indexes of both sides are claims. If any of
 * them cannot be computed from the row here (expression, prefix, generated
 * column, text with a collation whose weights only the server knows), the
 * whole table goes into one lane, which keeps its changes in order.
 */
#include "worker/sync/tbl.h"

#include "lib/base/hash.h"
#include "lib/schema/tracker.h"
#include "lib/sql/sql.h"
#include "worker/sync/literal.h"
#include "worker/sync/row_filter.h"

#include <string.h>

/* So many neighbours by an integer key are in one lane, but not those of small
 * tables: a few busy rows shall not all meet in one. */
#define LANE_RUN_BITS 8U
#define LANE_RUN_FROM 4096U
#define FNV_OFFSET    UINT64_C(0xcbf29ce484222325)

static uint64_t
hash_text(uint64_t h, const char *text)
{
	for (const char *p = text; *p != '\0'; p++)
		h = (h ^ (uint8_t)*p) * UINT64_C(0x100000001b3);
	return h * UINT64_C(0x100000001b3);
}

static const struct dm_column *
column(const struct tbl *t, unsigned i)
{
	return g_ptr_array_index(t->src->columns, i);
}

/* ---- constants of a route ---- */

/* As text for every type: the server makes of it what the column is. Its values
 * are compared by bytes, since they stay what they are. */
static struct dm_column *
extra_column(const char *name)
{
	struct dm_column *c = dm_column_new();

	g_free(c->name);
	g_free(c->type_text);
	g_free(c->charset);
	g_free(c->collation);
	c->name = g_strdup(name);
	c->type = DM_T_VARCHAR;
	c->type_text = g_strdup("varchar(255)");
	c->charset = g_strdup("utf8mb4");
	c->collation = g_strdup("utf8mb4_bin");
	c->length = 255;
	return c;
}

static struct dm_err *
add_extra(struct tbl *t, const struct tbl_input *in)
{
	guint n = in->extracted != NULL ? in->extracted->len : 0;

	t->extra = g_new0(struct dm_value, n + 1);
	for (guint i = 0; i < n; i++) {
		const struct dm_extracted *x =
		    &g_array_index(in->extracted, struct dm_extracted, i);

		if (dm_table_column(t->src, x->column) >= 0)
			return dm_err_set_workaround(
			    dm_err_annotate(
				dm_err_new(SYNCER_UNIT_DML_COLUMN_NOT_MATCH,
				    (int)in->target->columns->len,
				    (int)t->src->columns->len),
				"the source table `%s`.`%s` has a column %s, "
				"which a route is to fill",
				t->db, t->name, x->column),
			    "give the route another `target-column`");
		g_ptr_array_add(t->src->columns, extra_column(x->column));
		t->extra[i].kind = DM_VAL_BYTES;
		t->extra[i].bytes.p = g_strdup(x->value);
		t->extra[i].bytes.len = strlen(x->value);
		t->n_extra++;
	}
	return NULL;
}

struct dm_err *
tbl_guess_source(const struct dm_table *target, const char *db,
    const char *name, const GArray *extracted, struct dm_table **src)
{
	DM_AUTO(dm_table) t = dm_table_copy(target);
	struct dm_err *err = NULL;

	g_free(t->schema);
	g_free(t->name);
	t->schema = g_strdup(db);
	t->name = g_strdup(name);
	/* They go from its keys, too: to those of the source add_extra and
	 * append_extra put them back. */
	for (guint i = 0;
	     err == NULL && extracted != NULL && i < extracted->len; i++) {
		const struct dm_alter drop = { .kind = DM_ALTER_DROP_COLUMN,
			.name = g_array_index(extracted, struct dm_extracted, i)
				    .column };

		err = dm_schema_apply_alter(t, &drop);
	}
	if (err == NULL)
		*src = DM_TAKE(t);
	return err;
}

void
tbl_fill_extra(const struct tbl *t, struct dm_value *values)
{
	for (unsigned i = 0; i < t->n_extra; i++)
		values[t->n_cols - t->n_extra + i] = t->extra[i];
}

/* What is unique in one source table is so in the target together with what
 * tells the source tables apart. */
static void
append_extra(const struct tbl *t, struct tbl_key *key)
{
	for (unsigned i = 0; i < t->n_extra; i++)
		key->cols[key->n++] = t->n_cols - t->n_extra + i;
}

/* ---- keys ---- */

/* False when values of this index cannot be compared here. */
static bool
key_from_index(
    const struct tbl *t, const struct dm_index *ix, struct tbl_key *key)
{
	key->n = 0;
	key->cols = g_new0(unsigned, ix->parts->len + t->n_extra);
	for (guint i = 0; i < ix->parts->len; i++) {
		const struct dm_index_part *p =
		    &g_array_index(ix->parts, struct dm_index_part, i);
		int c =
		    p->column == NULL ? -1 : dm_table_column(t->src, p->column);

		if (c < 0 || p->prefix >= 0 ||
		    column(t, (unsigned)c)->generated ||
		    !literal_is_foldable(column(t, (unsigned)c)))
			return false;
		key->cols[key->n++] = (unsigned)c;
	}
	key->id = hash_text(hash_text(FNV_OFFSET, t->to_ident), ix->name);
	return true;
}

static bool
same_columns(const struct tbl_key *a, const struct tbl_key *b)
{
	return a->n == b->n &&
	       memcmp(a->cols, b->cols, a->n * sizeof(*a->cols)) == 0;
}

static void
add_claim(struct tbl *t, const struct dm_index *ix, bool of_source)
{
	struct tbl_key key;

	if (!key_from_index(t, ix, &key)) {
		t->one_lane = true;
		g_free(key.cols);
		return;
	}
	if (of_source)
		append_extra(t, &key);
	if (!t->keyless && same_columns(&key, &t->key)) {
		g_free(key.cols);
		return;
	}
	for (unsigned i = 0; i < t->n_claims; i++) {
		if (same_columns(&key, &t->claims[i])) {
			g_free(key.cols);
			return;
		}
	}
	t->claims = g_renew(struct tbl_key, t->claims, t->n_claims + 1);
	t->claims[t->n_claims++] = key;
}

static void
add_claims(struct tbl *t, const struct dm_table *side)
{
	for (guint i = 0; i < side->indexes->len; i++) {
		const struct dm_index *ix = g_ptr_array_index(side->indexes, i);

		if (ix->kind == DM_INDEX_PRIMARY || ix->kind == DM_INDEX_UNIQUE)
			add_claim(t, ix, side == t->src);
	}
}

/* The row key, whether or not its values can be hashed: WHERE works for any
 * whole columns. */
static void
choose_key(struct tbl *t)
{
	const struct dm_index *ix = dm_table_row_key(t->src);

	t->keyless = true;
	if (ix == NULL)
		return;
	t->key.cols = g_new0(unsigned, ix->parts->len + t->n_extra);
	for (guint i = 0; i < ix->parts->len; i++) {
		const struct dm_index_part *p =
		    &g_array_index(ix->parts, struct dm_index_part, i);
		int c =
		    p->column == NULL ? -1 : dm_table_column(t->src, p->column);

		if (c < 0 || p->prefix >= 0)
			return;
		t->key.cols[t->key.n++] = (unsigned)c;
		if (!literal_is_foldable(column(t, (unsigned)c)))
			t->one_lane = true;
	}
	append_extra(t, &t->key);
	t->key.id = hash_text(hash_text(FNV_OFFSET, t->to_ident), ix->name);
	t->keyless = false;
}

/* ---- merging ---- */

/* Its columns are those of the row key, all of them whole. */
static bool
is_key_index(const struct tbl *t, const struct dm_index *ix)
{
	if (ix->parts->len != t->key.n)
		return false;
	for (guint i = 0; i < ix->parts->len; i++) {
		const struct dm_index_part *p =
		    &g_array_index(ix->parts, struct dm_index_part, i);
		bool found = false;

		if (p->column == NULL || p->prefix >= 0)
			return false;
		for (unsigned k = 0; k < t->key.n; k++) {
			const struct dm_column *c = column(t, t->key.cols[k]);

			found = found ||
				g_ascii_strcasecmp(c->name, p->column) == 0;
		}
		if (!found)
			return false;
	}
	return true;
}

/* Unique indexes of one side; *n counts them. False: one is not the key's. */
static bool
has_key_only(const struct tbl *t, const struct dm_table *side, unsigned *n)
{
	*n = 0;
	for (guint i = 0; i < side->indexes->len; i++) {
		const struct dm_index *ix = g_ptr_array_index(side->indexes, i);

		if (ix->kind != DM_INDEX_PRIMARY && ix->kind != DM_INDEX_UNIQUE)
			continue;
		if (!is_key_index(t, ix))
			return false;
		++*n;
	}
	return true;
}

/* A further column would get its default when a row is deleted and inserted
 * again, but not when the two are merged. */
static bool
has_more_columns(const struct tbl *t, const struct dm_table *target)
{
	for (guint i = 0; i < target->columns->len; i++) {
		const struct dm_column *c =
		    g_ptr_array_index(target->columns, i);

		if (!c->generated && dm_table_column(t->src, c->name) < 0)
			return true;
	}
	return false;
}

static bool
is_key_column(const struct tbl *t, unsigned i)
{
	for (unsigned k = 0; k < t->key.n; k++) {
		if (t->key.cols[k] == i)
			return true;
	}
	return false;
}

static void
choose_merging(struct tbl *t, const struct tbl_input *in)
{
	GString *s = g_string_new(" ON DUPLICATE KEY UPDATE ");
	size_t empty = s->len;
	unsigned here, there;

	t->mergeable = !t->keyless && !in->acts && in->group == NULL &&
		       has_key_only(t, t->src, &here) &&
		       has_key_only(t, in->target, &there) && there > 0 &&
		       !has_more_columns(t, in->target);
	for (unsigned i = 0; i < t->n_cols; i++) {
		if (t->written[i] && !is_key_column(t, i))
			g_string_append_printf(s, "%s%s=VALUES(%s)",
			    s->len > empty ? "," : "", t->idents[i],
			    t->idents[i]);
	}
	if (s->len == empty && t->key.n > 0) /* nothing but the key */
		g_string_append_printf(s, "%s=VALUES(%s)",
		    t->idents[t->key.cols[0]], t->idents[t->key.cols[0]]);
	t->upsert_tail = g_string_free(s, FALSE);
}

static void
build_heads(struct tbl *t)
{
	g_autoptr(GString) s = g_string_new(NULL);
	bool first = true;

	g_string_printf(s, "INTO %s (", t->to_ident);
	for (unsigned i = 0; i < t->n_cols; i++) {
		if (!t->written[i])
			continue;
		if (!first)
			g_string_append_c(s, ',');
		g_string_append(s, t->idents[i]);
		first = false;
	}
	g_string_append(s, ") VALUES ");
	t->insert_head = g_strconcat("INSERT ", s->str, NULL);
	t->replace_head = g_strconcat("REPLACE ", s->str, NULL);
}

static void
build_columns(struct tbl *t)
{
	t->n_cols = t->src->columns->len;
	t->idents = g_new0(char *, t->n_cols + 1);
	t->written = g_new0(bool, t->n_cols + 1);
	t->always_set = g_new0(bool, t->n_cols + 1);
	for (unsigned i = 0; i < t->n_cols; i++) {
		const struct dm_column *c = column(t, i);
		GString *s = g_string_new(NULL);

		dm_sql_append_ident(s, c->name);
		t->idents[i] = g_string_free(s, FALSE);
		t->written[i] = !c->generated;
		t->always_set[i] =
		    c->type == DM_T_TIMESTAMP || c->type == DM_T_DATETIME;
	}
}

static struct dm_err *
check_target_columns(const struct tbl *t, const struct dm_table *target)
{
	g_autoptr(GString) missing = g_string_new(NULL);
	struct dm_err *err;

	for (unsigned i = 0; i < t->n_cols; i++) {
		if (!t->written[i] ||
		    dm_table_column(target, column(t, i)->name) >= 0)
			continue;
		g_string_append_printf(missing, "%s%s",
		    missing->len > 0 ? ", " : "", t->idents[i]);
	}
	if (missing->len == 0)
		return NULL;
	err = dm_err_new(SYNCER_UNIT_DML_COLUMN_NOT_MATCH,
	    (int)target->columns->len, (int)t->n_cols);
	dm_err_set_cause(err,
	    "target table %s lacks column %s of source "
	    "table `%s`.`%s`",
	    t->to_ident, missing->str, t->db, t->name);
	return dm_err_set_workaround(err,
	    "add the column to %s in the target, then `resume-task`",
	    t->to_ident);
}

struct dm_err *
tbl_new(const struct tbl_input *in, struct tbl **out)
{
	struct tbl *t = g_new0(struct tbl, 1);
	struct dm_err *err;

	t->db = g_strdup(in->src->schema);
	t->name = g_strdup(in->src->name);
	t->to_db = g_strdup(in->to_db);
	t->to_name = g_strdup(in->to_name);
	t->to_ident = dm_sql_quote_table(in->to_db, in->to_name);
	t->src = dm_table_copy(in->src);
	t->snap_lo = in->snap_lo;
	t->snap_hi = in->snap_hi;
	memcpy(t->rows, in->rows, sizeof(t->rows));
	err = add_extra(t, in);
	build_columns(t);
	build_heads(t);
	if (err == NULL)
		err = check_target_columns(t, in->target);
	if (err != NULL) {
		tbl_free(t);
		return err;
	}
	choose_key(t);
	if (t->keyless)
		t->one_lane = true;
	add_claims(t, t->src);
	add_claims(t, in->target);
	if (in->group != NULL)
		t->one_lane = true;
	t->lane_hash = dm_hash_spread(
	    hash_text(FNV_OFFSET, in->group != NULL ? in->group : t->to_ident));
	choose_merging(t, in);
	*out = t;
	return NULL;
}

/* Columns whose equal values fold alike. */
static uint8_t
fold_class(const struct dm_column *c)
{
	if (dm_type_is_integer(c->type))
		return DM_T_BIGINT;
	return dm_type_is_text(c->type) ? DM_T_VARCHAR : (uint8_t)c->type;
}

void
tbl_share(struct tbl *t, struct tbl_use *use)
{
	uint8_t flags = (uint8_t)(t->one_lane | t->mergeable << 1);
	uint64_t rule = dm_hash64(t->key.id, &flags, 1);

	for (unsigned i = 0; i < t->key.n; i++) {
		const struct dm_column *c = column(t, t->key.cols[i]);
		uint8_t class = fold_class(c);

		rule = dm_hash64(rule, c->name, strlen(c->name));
		rule = dm_hash64(rule, &class, 1);
	}
	use->mixed = use->mixed || (use->known && use->rule != rule);
	if (!use->known)
		use->rule = rule;
	use->known = true;
	t->use = use;
}

void
tbl_free(struct tbl *t)
{
	if (t == NULL)
		return;
	for (unsigned i = 0; i < t->n_claims; i++)
		g_free(t->claims[i].cols);
	g_free(t->claims);
	g_free(t->key.cols);
	g_strfreev(t->idents);
	g_free(t->written);
	g_free(t->always_set);
	g_free(t->insert_head);
	g_free(t->replace_head);
	g_free(t->upsert_tail);
	row_filter_free(t->filter);
	for (unsigned i = 0; i < t->n_extra; i++)
		g_free((gpointer)(uintptr_t)t->extra[i].bytes.p);
	g_free(t->extra);
	dm_table_free(t->src);
	g_free(t->db);
	g_free(t->name);
	g_free(t->to_db);
	g_free(t->to_name);
	g_free(t->to_ident);
	g_free(t);
}

bool
tbl_key_hash(const struct tbl *t, const struct tbl_key *k,
    const struct dm_value *values, uint64_t *hash)
{
	uint64_t h = k->id;

	for (unsigned i = 0; i < k->n; i++) {
		const struct dm_value *v = &values[k->cols[i]];

		if (v->kind == DM_VAL_NULL || v->kind == DM_VAL_ABSENT)
			return false;
		h = literal_fold(h, column(t, k->cols[i]), v);
	}
	*hash = dm_hash_spread(h);
	return true;
}

/* DESIGN: neighbours by an integer key share a lane: they stand in one page of
 * the target, where lanes would wait for each other, and make one statement. */
uint64_t
tbl_lane_hash(const struct tbl *t, const struct dm_value *values)
{
	struct tbl_key head = t->key;
	const struct dm_column *c;
	struct dm_value run;
	uint64_t h;

	if (t->one_lane)
		return t->lane_hash;
	c = column(t, head.cols[head.n - 1]);
	run = values[head.cols[head.n - 1]];
	if (!dm_type_is_integer(c->type) ||
	    (run.kind != DM_VAL_INT && run.kind != DM_VAL_UINT))
		return tbl_key_hash(t, &t->key, values, &h) ? h : t->lane_hash;
	head.n--;
	if (!tbl_key_hash(t, &head, values, &h))
		return t->lane_hash;
	if (run.u >= LANE_RUN_FROM)
		run.u >>= LANE_RUN_BITS;
	return dm_hash_spread(literal_fold(h, c, &run));
}

uint64_t
tbl_row_hash(const struct tbl *t, const struct dm_value *values)
{
	uint64_t h = t->key.id;

	for (unsigned i = 0; i < t->n_cols; i++) {
		if (t->written[i])
			h = literal_hash(h, &values[i]);
	}
	return h;
}

bool
tbl_key_moved(const struct tbl_key *k, const struct dm_value *before,
    const struct dm_value *after)
{
	for (unsigned i = 0; i < k->n; i++) {
		if (!literal_same(&before[k->cols[i]], &after[k->cols[i]]))
			return true;
	}
	return false;
}
