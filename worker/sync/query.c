/* SPDX-License-Identifier: Apache-2.0 */
/* Query events: see query.h. */
#include "worker/sync/query.h"

#include "worker/sync/operate.h"
#include "worker/sync/xa.h"

#include <string.h>

static struct dm_err *
transaction_query(
    struct dispatch *d, const struct dm_ddl *ddl, const struct dm_pos *start)
{
	if (strcmp(ddl->keyword, "BEGIN") == 0 ||
	    strcmp(ddl->keyword, "START TRANSACTION") == 0) {
		if (!d->in_txn)
			dispatch_begin_txn(
			    d, d->has_next_gtid ? &d->txn_start : start);
		return NULL;
	}
	if (strcmp(ddl->keyword, "COMMIT") == 0)
		return xa_commit_plain(d);
	return dm_err_new(SYNCER_UNSUPPORTED_STMT, ddl->keyword, "this");
}

/* What cannot be read, and nobody said what to do about. Takes err. */
static struct dm_err *
unreadable_query(
    struct dispatch *d, const struct dm_ev_query *q, struct dm_err *err)
{
	if (q->sql != NULL && q->schema[0] != '\0' &&
	    dm_block_allow_skips(d->tables->filter, q->schema, NULL)) {
		/* Of a schema that takes no part: whatever it is, skip it. */
		dm_err_free(err);
		atomic_fetch_add(&d->counters->skipped, 1);
		return NULL;
	}
	err = dm_err_wrap(
	    err, SYNCER_PARSE_DDL, q->sql != NULL ? q->sql : "(not decoded)");
	return ddl_excuse(d, q->sql, err);
}

/* A statement of those that frame rows, or take some of them back. */
static bool
is_frame(const struct dispatch *d, const struct dm_ddl *ddl)
{
	return ddl->kind == DM_DDL_TRANSACTION ||
	       (d->in_txn && xa_is_savepoint(ddl->keyword));
}

static struct dm_err *
frame_query(struct dispatch *d, const struct dm_ev_query *q,
    const struct dm_ddl *ddl, const struct dm_pos *start)
{
	if (g_str_has_prefix(ddl->keyword, "XA "))
		return xa_statement(d, q, start);
	if (xa_is_savepoint(ddl->keyword))
		return xa_savepoint(d, q, ddl->keyword);
	return transaction_query(d, ddl, start);
}

static struct dm_err *
handle_query(
    struct dispatch *d, const struct dm_ev_query *q, const struct dm_pos *start)
{
	const struct dm_pos *from = d->has_next_gtid ? &d->txn_start : start;
	DM_AUTO(dm_ddl) ddl = NULL;
	DM_AUTO(dm_err) unread = NULL;
	struct dm_err *err;
	bool instead;

	unread = dm_ddl_parse(
	    q->sql, q->sql_len, q->has_sql_mode ? q->sql_mode : 0, &ddl);
	if (unread == NULL && is_frame(d, ddl))
		return frame_query(d, q, ddl, start);
	if (dispatch_is_past(d, from))
		return d->in_txn ? NULL : dispatch_end_txn(d);
	err = operate_query(d, q, ddl, start, &instead);
	if (err == NULL && !instead && unread != NULL)
		err = unreadable_query(d, q, DM_TAKE(unread));
	else if (err == NULL && !instead)
		err = ddl_handle(d, q, ddl, start);
	if (err == NULL && !d->in_txn)
		err = dispatch_end_txn(d);
	return err;
}

struct dm_err *
query_event(struct dispatch *d, const uint8_t *body, size_t len,
    bool compressed, const struct dm_pos *start)
{
	struct dm_ev_query q = { 0 };
	struct dm_arena a = { 0 };
	struct dm_err *err;

	err = dm_query_decode(&d->format, body, len, compressed, &a, &q);
	if (err != NULL) {
		err = unreadable_query(d, &q, err);
		if (err == NULL && !d->in_txn)
			err = dispatch_end_txn(d);
	} else {
		err = handle_query(d, &q, start);
	}
	if (err != NULL && !dm_err_is_canceled(err)) {
		d->failure.ddl = true;
		g_free(d->failed_sql);
		d->failed_sql = g_strdup(q.sql);
	}
	dm_arena_fini(&a);
	return err;
}
