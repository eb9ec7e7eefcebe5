/* SPDX-License-Identifier: Apache-2.0 */
/* XA transactions and savepoints: see xa.h. */
#include "worker/sync/xa.h"

#include "worker/sync/operate.h"

#include <string.h>

#define ROLLBACK_TO "ROLLBACK TO"

/* ---- holding ---- */

/* All lanes are past it and no row of dm_xa is about it: they are past its
 * decision, too, since the row goes with that only. It is read once more for
 * the sake of another one. */
static bool
is_settled(const struct dispatch *d)
{
	return dispatch_is_past(d, &d->txn_start) &&
	       !undecided_has_row(&d->undecided, &d->txn_start);
}

void
xa_begin(struct dispatch *d)
{
	if (is_settled(d)) {
		undecided_txn_free(undecided_take_open(&d->undecided));
		return;
	}
	undecided_begin(&d->undecided, &d->txn_start);
	d->undecided.open->xa = true;
}

static struct dm_err *
no_room(void)
{
	struct dm_err *err = dm_err_new(SYNCER_EVENT,
	    "the rows of XA transactions that are not decided need more "
	    "memory than there is for them");

	dm_err_set_cause(err, "at most %zu MiB of a task", UNDECIDED_MAX >> 20);
	return dm_err_set_workaround(err,
	    "use smaller XA transactions at the source, or leave their tables "
	    "out with `block-allow-list`; then copy the task anew while `XA "
	    "RECOVER` is empty there");
}

/* The events that were held, one after the other. Takes t. */
static struct dm_err *
let_go(struct dispatch *d, struct undecided_txn *t)
{
	DM_AUTO(undecided_txn) mine = t;
	struct dm_err *err = NULL;

	for (guint i = 0; err == NULL && i < mine->events->len; i++) {
		const struct undecided_event *e =
		    &g_array_index(mine->events, struct undecided_event, i);
		struct dm_event_header h = { .type = e->type };

		if (e->len == 0)
			dispatch_count_rows_event(d);
		else
			err = dispatch_inner(d, &h, mine->bytes->data + e->off,
			    e->len, &d->txn_start);
	}
	return err;
}

/* True when rows of this table map take no part, whatever becomes of them: they
 * are not kept. */
static struct dm_err *
is_unwanted(struct dispatch *d, const uint8_t *body, size_t len, bool *unwanted)
{
	DM_AUTO(dm_table_map) map = NULL;
	struct dm_err *err = dm_table_map_decode(&d->format, body, len, &map);

	if (err != NULL)
		return err;
	*unwanted =
	    dm_block_allow_skips(d->tables->filter, map->schema, map->table);
	if (*unwanted)
		undecided_ignore_table(&d->undecided, map->table_id);
	return NULL;
}

struct dm_err *
xa_hold(struct dispatch *d, uint8_t type, const uint8_t *body, size_t len)
{
	struct undecided *u = &d->undecided;
	bool unwanted = false;
	uint64_t id;
	struct dm_err *err;

	if (type == DM_EV_TABLE_MAP) {
		err = is_unwanted(d, body, len, &unwanted);
		/* A plain one may be let go before its end: then the rows that
		 * follow need their table map. */
		if (err != NULL || (unwanted && u->open->xa))
			return err;
	} else {
		err = dm_rows_table_id(&d->format, type, body, len, &id);
		if (err != NULL)
			return err;
		if (undecided_ignores(u, id)) {
			undecided_add_counted(u, type);
			atomic_fetch_add(&d->counters->skipped, 1);
			return NULL;
		}
	}
	if (undecided_add(u, type, body, len))
		return NULL;
	if (u->open->xa)
		return no_room();
	/* Only a savepoint keeps them, to which nobody may go back. */
	err = let_go(d, undecided_take_open(u));
	u->overflowed = true;
	if (err == NULL) {
		struct dm_event_header h = { .type = type };

		err = dispatch_inner(d, &h, body, len, &d->txn_start);
	}
	return err;
}

/* ---- XA ---- */

/* A transaction, whose name may stand in front of it. */
static void
begin(struct dispatch *d, const struct dm_pos *start)
{
	struct dm_pos from = d->has_next_gtid ? d->txn_start : *start;

	dispatch_begin_txn(d, &from);
}

/* A crash of the source may leave a prepared one that nobody decides, and
 * whose id is used again. */
static void
forget_namesake(struct dispatch *d, const struct dm_xid *xid)
{
	struct undecided_txn *old = undecided_take(&d->undecided, xid);

	if (old != NULL)
		undecided_decide(&d->undecided, &old->start, &d->end);
	undecided_txn_free(old);
}

struct dm_err *
xa_prepare(struct dispatch *d, const uint8_t *body, size_t len)
{
	struct undecided *u = &d->undecided;
	struct dm_err *err;
	struct dm_xid xid;
	bool one_phase;

	err = dm_xa_prepare_decode(body, len, &one_phase, &xid);
	if (err != NULL)
		return err;
	if (u->open == NULL && !is_settled(d))
		return dm_err_new(SYNCER_GET_EVENT,
		    "an XA PREPARE without its XA START before it");
	if (one_phase)
		return xa_commit_plain(d);
	forget_namesake(d, &xid);
	if (u->open == NULL)
		return dispatch_end_txn(d);
	if (!undecided_has_row(u, &u->open->start)) {
		err = xa_meta_put(d->meta, d->ddl, &u->open->start, &xid);
		if (err != NULL)
			return err;
		undecided_add_row(u, &u->open->start, &xid);
	}
	undecided_note_time(u, &u->open->start, d->ts);
	undecided_prepare(u, &xid);
	return dispatch_end_txn(d);
}

static struct dm_err *
not_seen(const struct dm_xid *xid)
{
	struct dm_err *err = dm_err_new(SYNCER_EVENT,
	    "an XA transaction is committed that was prepared before the place "
	    "where this task began");

	dm_err_set_cause(err, "XA COMMIT %s", xid->text);
	return dm_err_set_workaround(err,
	    "copy the task anew while `XA RECOVER` is empty at the source; or, "
	    "if none of its tables take part, leave it out with `binlog skip`");
}

/* None of its rows is known. */
static struct dm_err *
decide_unseen(struct dispatch *d, const struct dm_ev_query *q, bool commit,
    const struct dm_pos *start, const struct dm_xid *xid)
{
	const struct dm_pos *from = d->has_next_gtid ? &d->txn_start : start;
	bool instead = false;
	struct dm_err *err = NULL;

	d->in_txn = false; /* no frame of rows: it may be skipped like a DDL */
	/* What all lanes have passed may have no row in dm_xa any more. */
	if (commit && !dispatch_is_past(d, from)) {
		err = operate_query(d, q, NULL, start, &instead);
		if (err == NULL && !instead)
			err = not_seen(xid);
	} else if (!commit) {
		atomic_fetch_add(&d->counters->skipped, 1);
	}
	return err != NULL ? err : dispatch_end_txn(d);
}

static struct dm_err *
decide(struct dispatch *d, const struct dm_ev_query *q, bool commit,
    const struct dm_pos *start, const struct dm_xid *xid)
{
	struct undecided_txn *t = undecided_take(&d->undecided, xid);
	struct dm_pos prepared;
	struct dm_err *err = NULL;

	if (t == NULL)
		return decide_unseen(d, q, commit, start, xid);
	prepared = t->start;
	begin(d, start);
	if (commit && !dispatch_is_past(d, &d->txn_start))
		err = let_go(d, t);
	else
		undecided_txn_free(t);
	if (err != NULL)
		return err;
	undecided_decide(&d->undecided, &prepared, &d->end);
	return dispatch_end_txn(d);
}

struct dm_err *
xa_statement(
    struct dispatch *d, const struct dm_ev_query *q, const struct dm_pos *start)
{
	enum dm_xa_verb verb;
	struct dm_xid xid;
	struct dm_err *err = dm_xa_parse(q->sql, &verb, &xid);

	if (err != NULL)
		return err;
	switch (verb) {
	case DM_XA_START:
		begin(d, start);
		xa_begin(d);
		return NULL;
	case DM_XA_COMMIT:
	case DM_XA_ROLLBACK:
		return decide(d, q, verb == DM_XA_COMMIT, start, &xid);
	case DM_XA_END:
	default:
		return NULL; /* XA PREPARE follows */
	}
}

/* ---- savepoints ---- */

bool
xa_is_savepoint(const char *keyword)
{
	return strcmp(keyword, "SAVEPOINT") == 0 ||
	       strcmp(keyword, ROLLBACK_TO) == 0 ||
	       strcmp(keyword, "ROLLBACK WORK TO") == 0;
}

/* The name at the end of the statement, as savepoints are compared. */
static char *
savepoint_name(const char *sql)
{
	g_autofree char *text = g_strstrip(g_strdup(sql));
	size_t n = strlen(text);
	const char *from = strrchr(text, ' ');

	if (n > 1 && text[n - 1] == '`') {
		from = strchr(text, '`');
		text[n - 1] = '\0';
	}
	from = from != NULL ? from + 1 : text;
	/* A client may have had another character set. */
	return g_utf8_validate(from, -1, NULL) ? g_utf8_casefold(from, -1)
					       : g_ascii_strdown(from, -1);
}

static struct dm_err *
cannot_go_back(void)
{
	return dm_err_set_workaround(
	    dm_err_new(SYNCER_EVENT, "rows are rolled back to a savepoint "
				     "after they were replicated"),
	    "more rows followed the savepoint than are kept in memory: use "
	    "smaller transactions at the source, and copy the task anew");
}

struct dm_err *
xa_savepoint(
    struct dispatch *d, const struct dm_ev_query *q, const char *keyword)
{
	struct undecided *u = &d->undecided;
	g_autofree char *name = savepoint_name(q->sql);

	if (u->open == NULL && dispatch_is_past(d, &d->txn_start))
		return NULL;
	if (strcmp(keyword, "SAVEPOINT") != 0)
		return undecided_rollback_to(u, name) ? NULL : cannot_go_back();
	if (u->open == NULL && !u->overflowed)
		undecided_begin(u, &d->txn_start);
	if (u->open != NULL)
		undecided_savepoint(u, name);
	return NULL;
}

struct dm_err *
xa_commit_plain(struct dispatch *d)
{
	struct undecided_txn *t = undecided_take_open(&d->undecided);
	struct dm_err *err = NULL;

	if (t != NULL && !dispatch_is_past(d, &d->txn_start))
		err = let_go(d, t);
	else
		undecided_txn_free(t);
	return err != NULL ? err : dispatch_end_txn(d);
}
