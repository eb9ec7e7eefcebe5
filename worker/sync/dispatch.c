/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The dispatcher: see dispatch.h.
 *
 * DESIGN: each row change goes to the lane of its row key. What must not
 * overtake waits here: a change that touches a unique value claimed by another
 * lane, or a row that moves to another key, is dispatched only when that lane
 * has committed. Waits point backwards only, so they always end.
 */
#include "worker/sync/dispatch.h"

#include "lib/base/defect.h"
#include "worker/sync/events.h"
#include "worker/sync/literal.h"
#include "worker/sync/operate.h"
#include "worker/sync/query.h"
#include "worker/sync/row_image.h"
#include "worker/sync/xa.h"

#include <string.h>

#define CLAIMS_SWEEP ((size_t)100000)
/* While more is to be read, changes wait this long for others to join. */
#define HOLD_MS       10
#define HOLD_CHECK_MS 2

/* A table map of the transaction, and what became of its table. */
struct map_entry {
	struct dm_table_map *map;
	struct tbl *t; /* NULL: filtered out */
};

static void
map_entry_free(gpointer p)
{
	struct map_entry *e = p;

	dm_table_map_free(e->map);
	g_free(e);
}

void
dispatch_init(struct dispatch *d)
{
	dm_binlog_format_default(&d->format);
	d->maps = g_hash_table_new_full(
	    g_int64_hash, g_int64_equal, g_free, map_entry_free);
	dm_arena_init(&d->arena);
	d->claims = claims_new();
	if (d->undecided.prepared == NULL)
		undecided_init(&d->undecided);
	d->open = g_new0(struct open_lane, d->n_lanes);
	for (unsigned i = 0; i < d->n_lanes; i++) {
		d->open[i].pushed = d->resume[i];
		if (dm_pos_cmp(&d->resume[i].done, &d->resume_end) > 0)
			d->resume_end = d->resume[i].done;
		if (dm_pos_cmp(&d->resume[i].cut, &d->resume_end) >= 0 &&
		    d->resume[i].cut.name[0] != '\0') {
			d->resume_end = d->resume[i].cut;
			d->resume_end.pos++; /* the cut one is looked at */
		}
	}
}

void
dispatch_fini(struct dispatch *d)
{
	for (unsigned i = 0; d->open != NULL && i < d->n_lanes; i++)
		batch_free(d->open[i].b);
	g_free(d->open);
	if (d->maps != NULL)
		g_hash_table_unref(d->maps);
	dm_arena_fini(&d->arena);
	undecided_fini(&d->undecided);
	claims_free(d->claims);
	g_free(d->before);
	g_free(d->after);
	dm_gtid_set_free(d->gtid);
	intent_free(d->intent);
	if (d->ops != NULL)
		g_ptr_array_unref(d->ops);
	if (d->ghosts != NULL)
		g_ptr_array_unref(d->ghosts);
	g_free(d->failed_sql);
}

struct dm_err *
dispatch_renew(struct dispatch *d, bool over)
{
	struct dm_err *err;
	GHashTableIter it;
	gpointer p;

	if (over)
		g_hash_table_remove_all(d->maps);
	claims_clear(d->claims);
	d->pk_claims = false;
	err = tables_forget(d->tables);
	g_hash_table_iter_init(&it, d->maps);
	while (err == NULL && g_hash_table_iter_next(&it, NULL, &p)) {
		struct map_entry *e = p;

		err =
		    tables_get(d->tables, e->map->schema, e->map->table, &e->t);
	}
	return err;
}

/* ---- batches ---- */

static struct lane_mark
mark_now(const struct dispatch *d)
{
	struct lane_mark m = { .done = d->done };

	if (d->in_txn) {
		m.cut = d->txn_start;
		m.cut_row = d->ordinal;
	}
	return m;
}

static bool
mark_is_newer(const struct lane_mark *a, const struct lane_mark *b)
{
	int cmp = dm_pos_cmp(&a->done, &b->done);

	if (cmp != 0)
		return cmp > 0;
	cmp = dm_pos_cmp(&a->cut, &b->cut);
	return cmp > 0 || (cmp == 0 && a->cut_row > b->cut_row);
}

static struct dm_err *
push(struct dispatch *d, unsigned lane)
{
	struct open_lane *o = &d->open[lane];
	struct batch *b = DM_TAKE(o->b);

	b->mark = mark_now(d);
	b->seq = o->seq;
	o->pushed = b->mark;
	return lanes_push(d->lanes, lane, b, d->c);
}

/* The lane's batch to fill. */
static struct batch *
open_batch(struct dispatch *d, unsigned lane)
{
	struct open_lane *o = &d->open[lane];

	if (o->b == NULL) {
		o->b = lanes_take_back(d->lanes, lane);
		if (o->b == NULL)
			o->b = batch_new();
		o->since = d->now;
	}
	return o->b;
}

struct dm_err *
dispatch_push_all(struct dispatch *d)
{
	struct dm_err *err = NULL;

	for (unsigned i = 0; err == NULL && i < d->n_lanes; i++) {
		if (d->open[i].b != NULL)
			err = push(d, i);
	}
	return err;
}

struct dm_err *
dispatch_mark_all(struct dispatch *d)
{
	struct lane_mark now = mark_now(d);
	struct dm_err *err = NULL;

	for (unsigned i = 0; err == NULL && !d->moving && i < d->n_lanes; i++) {
		if (d->open[i].b == NULL) {
			if (!mark_is_newer(&now, &d->open[i].pushed))
				continue;
			(void)open_batch(d, i);
		}
		err = push(d, i);
	}
	return err;
}

struct dm_err *
dispatch_drain(struct dispatch *d)
{
	struct dm_err *err = dispatch_push_all(d);

	if (err == NULL)
		err = lanes_drain(d->lanes, -1, d->c, NULL);
	return err;
}

/* There is more to read: lanes with nothing to do get what waited long enough
 * for others to join. */
static struct dm_err *
push_held(struct dispatch *d)
{
	struct dm_mono now = dm_mono_now();
	struct dm_err *err = NULL;

	if (dm_mono_diff_ms(now, d->now) < HOLD_CHECK_MS)
		return NULL;
	d->now = now;
	for (unsigned i = 0; err == NULL && i < d->n_lanes; i++) {
		if (d->open[i].b != NULL &&
		    dm_mono_diff_ms(now, d->open[i].since) >= HOLD_MS &&
		    lanes_is_idle(d->lanes, i))
			err = push(d, i);
	}
	return err;
}

/* ---- claims ---- */

static struct dm_err *
wait_for_lane(struct dispatch *d, unsigned lane, uint64_t seq)
{
	struct dm_err *err = NULL;

	if (d->open[lane].b != NULL)
		err = push(d, lane);
	if (err == NULL)
		err = lanes_wait(d->lanes, lane, seq, d->c);
	return err;
}

static struct dm_err *
claim_value(struct dispatch *d, unsigned lane, uint64_t hash)
{
	const struct claim *held = claims_get(d->claims, hash);
	struct dm_err *err = NULL;

	if (held != NULL && held->lane != lane && !DM_DEFECT_IS(NO_CLAIM))
		err = wait_for_lane(d, held->lane, held->seq);
	if (err == NULL)
		claims_put(d->claims, hash, lane, d->open[lane].seq + 1);
	return err;
}

static struct dm_err *
claim_uniques(struct dispatch *d, const struct tbl *t, unsigned lane,
    const struct dm_value *row)
{
	struct dm_err *err = NULL;
	uint64_t hash;

	for (unsigned i = 0; row != NULL && i < t->n_claims; i++) {
		if (!tbl_key_hash(t, &t->claims[i], row, &hash))
			continue;
		err = claim_value(d, lane, hash);
		if (err != NULL)
			return err;
	}
	if (row != NULL && d->pk_claims &&
	    tbl_key_hash(t, &t->key, row, &hash)) {
		const struct claim *held = claims_get(d->claims, hash);

		if (held != NULL && held->lane != lane)
			err = wait_for_lane(d, held->lane, held->seq);
	}
	return err;
}

/* The row takes another key, whose changes so far belong to another lane, and
 * whose changes from now on must wait for this one. */
static struct dm_err *
claim_move(struct dispatch *d, const struct tbl *t, unsigned lane,
    const struct dm_value *after)
{
	unsigned other = (unsigned)(tbl_lane_hash(t, after) % d->n_lanes);
	struct dm_err *err;
	uint64_t hash;

	if (other == lane || !tbl_key_hash(t, &t->key, after, &hash) ||
	    DM_DEFECT_IS(KEY_MOVE_LANE))
		return NULL;
	err = wait_for_lane(d, other, d->open[other].seq);
	if (err == NULL)
		err = claim_value(d, lane, hash);
	d->pk_claims = true;
	return err;
}

static void
sweep_claims(struct dispatch *d)
{
	g_autofree uint64_t *committed = NULL;

	if (claims_count(d->claims) < MAX(CLAIMS_SWEEP, d->sweep_at))
		return;
	committed = g_new(uint64_t, d->n_lanes);
	for (unsigned i = 0; i < d->n_lanes; i++)
		committed[i] = lanes_committed_seq(d->lanes, i);
	claims_sweep(d->claims, committed);
	/* Those that are left may all wait: a sweep for each row would cost
	 * more than the rows. */
	d->sweep_at = claims_count(d->claims) * 2;
	if (claims_count(d->claims) == 0)
		d->pk_claims = false;
}

static struct dm_err *
claim(struct dispatch *d, const struct tbl *t, unsigned lane,
    const struct dm_value *before, const struct dm_value *after)
{
	struct dm_err *err;

	if (t->one_lane)
		return NULL; /* nobody else changes this table */
	sweep_claims(d);
	err = claim_uniques(d, t, lane, before);
	if (err == NULL)
		err = claim_uniques(d, t, lane, after);
	if (err == NULL && before != NULL && after != NULL &&
	    tbl_key_moved(&t->key, before, after))
		err = claim_move(d, t, lane, after);
	return err;
}

/* ---- rows ---- */

void
dispatch_begin_txn(struct dispatch *d, const struct dm_pos *start)
{
	d->txn_start = *start;
	d->in_txn = true;
	d->ordinal = 0;
}

static struct dm_err *
dispatch_row(struct dispatch *d, const struct row_change *rc)
{
	const struct dm_value *key =
	    rc->before != NULL ? rc->before : rc->after;
	unsigned lane = (unsigned)(tbl_lane_hash(rc->t, key) % d->n_lanes);
	struct open_lane *o = &d->open[lane];
	uint64_t ordinal = d->ordinal + 1;
	struct dm_err *err;
	bool fits, alone;

	if (dm_pos_cmp(&d->txn_start, &d->resume_end) < 0 &&
	    lane_mark_has(&d->resume[lane], &d->txn_start, ordinal)) {
		d->ordinal = ordinal;
		return NULL;
	}
	/* Unique values that are not logged cannot be claimed. */
	alone = rc->partial && !rc->t->one_lane && rc->t->n_claims > 0;
	err = alone ? dispatch_drain(d) : NULL;
	if (err != NULL)
		return err;
	/* Until the row is in a batch, no mark may say that it is: not that of
	 * a batch that goes first, nor those of a pause that ends a wait. */
	err = claim(d, rc->t, lane, rc->before, rc->after);
	if (err != NULL)
		return err;
	fits = batch_add(open_batch(d, lane), rc);
	if (!fits) {
		err = push(d, lane);
		if (err != NULL)
			return err;
		o->b = batch_new();
		o->since = d->now;
		fits = batch_add(o->b, rc);
		dm_assert(fits);
	}
	d->ordinal = ordinal;
	o->seq++;
	if (o->b->first_ts == 0)
		o->b->first_ts = d->ts;
	atomic_fetch_add(&d->counters->rows, 1);
	if (alone)
		return dispatch_drain(d);
	if (batch_is_full(o->b, d->env->inst->syncer.batch, d->batch_bytes))
		return push(d, lane);
	return NULL;
}

/* One row: checked, and given to its lane unless an expression leaves it out.
 */
static struct dm_err *
take_row(struct dispatch *d, enum dm_rows_kind kind, struct row_change *rc)
{
	struct dm_err *err = row_image_take(rc, d->after);
	bool skip = false;

	if (err == NULL && rc->t->filter != NULL)
		err = row_filter_skips(
		    rc->t->filter, kind, rc->before, rc->after, &skip);
	if (err != NULL)
		return err;
	if (!skip)
		return dispatch_row(d, rc);
	d->ordinal++;
	atomic_fetch_add(&d->counters->skipped, 1);
	return NULL;
}

static void
make_room(struct dispatch *d, unsigned n)
{
	if (n <= d->n_values)
		return;
	d->before = g_renew(struct dm_value, d->before, n);
	d->after = g_renew(struct dm_value, d->after, n);
	d->n_values = n;
}

static struct dm_err *
column_count_error(const struct tbl *t, unsigned in_event)
{
	struct dm_err *err = dm_err_new(SYNCER_UNIT_DML_COLUMN_NOT_MATCH,
	    (int)(t->n_cols - t->n_extra), (int)in_event);

	return dm_err_set_cause(err, "table `%s`.`%s`", t->db, t->name);
}

/* Source tables with different keys may put one row of the target into
 * different lanes, or one merges what the other does not: what one did is
 * committed before the other goes on. */
static struct dm_err *
turn_to(struct dispatch *d, const struct tbl *t)
{
	struct tbl_use *use = t->use;
	struct dm_err *err = NULL;

	if (use == NULL || use->last == t)
		return NULL;
	if (use->mixed && use->last != NULL)
		err = dispatch_drain(d);
	if (err == NULL)
		use->last = t;
	return err;
}

static struct dm_err *
dispatch_rows_of(
    struct dispatch *d, const struct map_entry *e, struct dm_rows *r)
{
	const struct tbl *t = e->t;
	bool cut = dm_pos_cmp(&d->txn_start, &t->snap_hi) < 0;
	struct row_change rc = { .t = t,
		.flags =
		    cut || r->flags & DM_ROWS_F_NO_FK_CHECKS ? CHANGE_NO_FK : 0,
		.idempotent = cut || dispatch_is_safe(d) };
	bool more = true;
	struct dm_err *err;

	if (e->map->n_columns != t->n_cols - t->n_extra)
		return column_count_error(t, e->map->n_columns);
	err = turn_to(d, t);
	if (err != NULL)
		return err;
	make_room(d, t->n_cols);
	if (r->kind != DM_ROWS_INSERT)
		rc.before = d->before;
	if (r->kind != DM_ROWS_DELETE)
		rc.after = d->after;
	for (;;) {
		dm_arena_reset(&d->arena);
		err = dm_rows_next(
		    r, e->map, &d->arena, d->before, d->after, &more);
		if (err != NULL || !more)
			return err;
		tbl_fill_extra(t, d->before);
		tbl_fill_extra(t, d->after);
		err = take_row(d, r->kind, &rc);
		if (err != NULL)
			return err;
	}
}

/* The formats of times before MySQL 5.6 do not tell their fraction digits: a
 * column that has some cannot be read (mysql56_temporal_format=OFF). */
static struct dm_err *
check_times(const struct dm_table_map *map, const struct tbl *t)
{
	struct dm_err *err;

	for (unsigned i = 0; i < MIN(map->n_columns, t->n_cols); i++) {
		const struct dm_column *c =
		    g_ptr_array_index(t->src->columns, i);
		uint8_t type = map->types[i];

		if (c->length <= 0 ||
		    (type != DM_WT_TIMESTAMP && type != DM_WT_TIME &&
			type != DM_WT_DATETIME))
			continue;
		err = dm_err_new(SYNCER_EVENT, "the column is stored in an "
					       "old format of times");
		dm_err_set_cause(err, "column %s of `%s`.`%s`", t->idents[i],
		    t->db, t->name);
		return dm_err_set_workaround(err,
		    "SET GLOBAL mysql56_temporal_format=ON at the source and "
		    "rebuild the table there, then copy it anew");
	}
	return NULL;
}

static struct dm_err *
on_table_map(struct dispatch *d, const uint8_t *body, size_t len,
    const struct dm_pos *start)
{
	struct map_entry *e;
	struct dm_err *err;
	uint64_t *id;

	/* Reading began inside a transaction, or came to where it would have:
	 * behind the first part of CREATE TABLE .. SELECT. */
	if (!d->in_txn)
		dispatch_begin_txn(d, &d->done);
	else if (dispatch_is_past(d, &d->txn_start) &&
		 !dispatch_is_past(d, start))
		dispatch_begin_txn(d, &d->resume_low);
	if (dispatch_is_past(d, &d->txn_start))
		return NULL; /* the table may look different today */
	e = g_new0(struct map_entry, 1);
	err = dm_table_map_decode(&d->format, body, len, &e->map);
	if (err == NULL)
		err =
		    tables_get(d->tables, e->map->schema, e->map->table, &e->t);
	if (err == NULL && e->t != NULL)
		err = check_times(e->map, e->t);
	if (err != NULL) {
		map_entry_free(e);
		return err;
	}
	id = g_new(uint64_t, 1);
	*id = e->map->table_id;
	g_hash_table_replace(d->maps, id, e);
	return NULL;
}

static struct dm_err *
filter_error(const struct tbl *t, enum dm_rows_kind kind)
{
	static const char *const names[] = { "insert", "update", "delete" };

	return dm_err_new(
	    SYNC_UNIT_EVENT_FILTERED, names[kind], t->db, t->name);
}

void
dispatch_count_rows_event(struct dispatch *d)
{
	d->ordinal = ((d->ordinal >> 32) + 1) << 32;
}

static struct dm_err *
on_rows(struct dispatch *d, uint8_t type, const uint8_t *body, size_t len)
{
	const struct map_entry *e;
	struct dm_rows r = { 0 };
	struct dm_err *err;
	uint64_t id;

	dispatch_count_rows_event(d);
	if (dispatch_is_past(d, &d->txn_start))
		return NULL;
	err = dm_rows_table_id(&d->format, type, body, len, &id);
	if (err != NULL)
		return err;
	e = g_hash_table_lookup(d->maps, &id);
	if (e == NULL)
		return dm_err_new(SYNCER_GET_EVENT,
		    "rows event without a table map before it");
	if (e->t == NULL) {
		atomic_fetch_add(&d->counters->skipped, 1);
		return NULL;
	}
	/* By its end: the original notes places inside of transactions. */
	if (dm_pos_cmp(&d->end, &e->t->snap_lo) <= 0)
		return NULL; /* the copy has it */
	err = dm_rows_begin(&d->format, type, body, len, e->map, &r);
	if (err == NULL && e->t->rows[r.kind] == DM_FILTER_ERROR)
		err = filter_error(e->t, r.kind);
	else if (err == NULL && e->t->rows[r.kind] == DM_FILTER_IGNORE)
		atomic_fetch_add(&d->counters->skipped, 1);
	else if (err == NULL)
		err = dispatch_rows_of(d, e, &r);
	dm_rows_end(&r);
	return err;
}

/* ---- transactions ---- */

struct dm_err *
dispatch_end_txn(struct dispatch *d)
{
	d->in_txn = false;
	if (!dispatch_is_past(d, &d->txn_start))
		atomic_fetch_add(&d->counters->txns, 1);
	d->undecided.overflowed = false;
	d->done = d->end;
	g_hash_table_remove_all(d->maps);
	events_note_gtid(d);
	return push_held(d);
}

/* ---- events ---- */

static struct dm_err *
stop_at(const struct dm_event_info *info, uint8_t type)
{
	struct dm_err *err = dm_err_new(SYNCER_EVENT, "");

	g_free(err->message);
	err->message = g_strdup_printf("binlog event %s (type %u) cannot be "
				       "replicated: %s",
	    info->name, type, info->why);
	return info->remedy == NULL
		   ? err
		   : dm_err_set_workaround(err, "%s", info->remedy);
}

static struct dm_err *
handle(struct dispatch *d, const struct dm_event_header *h, const uint8_t *body,
    size_t len, const struct dm_pos *start)
{
	switch (h->type) {
	case DM_EV_MARIADB_GTID:
	case DM_EV_GTID:
	case DM_EV_GTID_TAGGED:
	case DM_EV_ANONYMOUS_GTID:
		return events_gtid(d, h, body, len, start);
	case DM_EV_TRANSACTION_PAYLOAD:
		return events_payload(d, body, len, start);
	case DM_EV_QUERY:
		return query_event(d, body, len, false, start);
	case DM_EV_MARIADB_QUERY_COMPRESSED:
		return query_event(d, body, len, true, start);
	case DM_EV_TABLE_MAP:
		return d->undecided.open != NULL
			   ? xa_hold(d, h->type, body, len)
			   : on_table_map(d, body, len, start);
	case DM_EV_XID:
		return xa_commit_plain(d);
	case DM_EV_XA_PREPARE:
		return xa_prepare(d, body, len);
	case DM_EV_WRITE_ROWS_V1:
	case DM_EV_UPDATE_ROWS_V1:
	case DM_EV_DELETE_ROWS_V1:
	case DM_EV_WRITE_ROWS_V2:
	case DM_EV_UPDATE_ROWS_V2:
	case DM_EV_DELETE_ROWS_V2:
	case DM_EV_PARTIAL_UPDATE_ROWS:
	case DM_EV_MARIADB_WRITE_ROWS_COMPRESSED_V1:
	case DM_EV_MARIADB_UPDATE_ROWS_COMPRESSED_V1:
	case DM_EV_MARIADB_DELETE_ROWS_COMPRESSED_V1:
		return d->undecided.open != NULL
			   ? xa_hold(d, h->type, body, len)
			   : on_rows(d, h->type, body, len);
	case DM_EV_PREVIOUS_GTIDS:
	case DM_EV_MARIADB_GTID_LIST:
		return events_earlier_gtids(d, h->type, body, len);
	default:
		return NULL;
	}
}

struct dm_err *
dispatch_inner(struct dispatch *d, const struct dm_event_header *h,
    const uint8_t *body, size_t len, const struct dm_pos *start)
{
	const struct dm_event_info *info = dm_event_info(h->type, h->flags);

	if (h->timestamp != 0)
		d->ts = h->timestamp;
	if (info->policy == DM_EVP_STOP)
		return stop_at(info, h->type);
	if (info->policy == DM_EVP_HANDLE)
		return handle(d, h, body, len, start);
	if (info->type == DM_EV_UNKNOWN) /* ignorable, says its writer */
		atomic_fetch_add(&d->counters->skipped, 1);
	return NULL;
}

/* Takes err; says, and keeps, where it happened. */
static struct dm_err *
locate(struct dispatch *d, struct dm_err *err, const struct dm_pos *start)
{
	if (err == NULL || dm_err_is_canceled(err))
		return err;
	d->failure.known = true;
	d->failure.at = *start;
	return lane_locate(err, start, &d->end, d->failed_sql);
}

static struct dm_err *
on_event(struct dispatch *d, const struct dm_event_header *h,
    const uint8_t *body, size_t len)
{
	struct dm_pos start = d->end;
	struct dm_err *err;

	events_advance(d, h);
	err = operate_before(d, h, &start);
	if (err == NULL)
		err = dispatch_inner(d, h, body, len, &start);
	if (err == NULL)
		err = operate_after(d, h);
	return locate(d, err, &start);
}

struct dm_err *
dispatch_event(struct dispatch *d, const uint8_t *raw, size_t len)
{
	struct dm_pos start = d->end;
	struct dm_event_header h;
	const uint8_t *body;
	size_t body_len;
	struct dm_err *err;

	err = dm_event_split(&d->format, raw, len, &h, &body, &body_len);
	if (err != NULL)
		return locate(d, err, &start);
	if (h.type == DM_EV_FORMAT_DESCRIPTION) {
		events_advance(d, &h);
		err = dm_format_description_decode(raw, len, &d->format);
		return locate(d, err, &start);
	}
	if (h.type == DM_EV_ROTATE)
		return locate(d, events_rotate(d, body, body_len), &start);
	if (dm_event_is_filler(&h)) {
		events_advance(d, &h);
		if (!d->has_next_gtid)
			events_pass(d);
		return NULL;
	}
	events_locate(d, &h);
	return on_event(d, &h, body, body_len);
}

struct dm_err *
dispatch_pass(struct dispatch *d, const uint8_t *raw, size_t len, bool last)
{
	struct dm_pos start = d->end;
	struct dm_event_header h;
	const uint8_t *body;
	size_t body_len;
	struct dm_err *err;

	err = dm_event_split(&d->format, raw, len, &h, &body, &body_len);
	if (err != NULL)
		return locate(d, err, &start);
	events_advance(d, &h);
	if (last)
		events_pass(d);
	return NULL;
}
