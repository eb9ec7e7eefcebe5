/* SPDX-License-Identifier: Apache-2.0 */
/* Rows that may still be taken back: see undecided.h. */
#include "worker/sync/undecided.h"

#include <string.h>

/* Where a savepoint stands in its transaction. */
struct savepoint {
	char *name;
	guint n_events;
	guint n_bytes;
};

static void
savepoint_free(gpointer p)
{
	struct savepoint *s = p;

	g_free(s->name);
	g_free(s);
}

void
undecided_txn_free(struct undecided_txn *t)
{
	if (t == NULL)
		return;
	g_byte_array_unref(t->bytes);
	g_array_unref(t->events);
	g_ptr_array_unref(t->savepoints);
	g_hash_table_unref(t->unwanted);
	g_free(t);
}

static void
free_txn(gpointer p)
{
	undecided_txn_free(p);
}

void
undecided_init(struct undecided *u)
{
	*u = (struct undecided){ .max = UNDECIDED_MAX };
	u->prepared =
	    g_hash_table_new_full(g_str_hash, g_str_equal, NULL, free_txn);
	u->rows = g_array_new(FALSE, TRUE, sizeof(struct undecided_row));
}

void
undecided_fini(struct undecided *u)
{
	if (u->prepared == NULL)
		return;
	undecided_txn_free(u->open);
	g_hash_table_unref(u->prepared);
	g_array_unref(u->rows);
	*u = (struct undecided){ 0 };
}

/* ---- the open one ---- */

void
undecided_begin(struct undecided *u, const struct dm_pos *start)
{
	struct undecided_txn *t = g_new0(struct undecided_txn, 1);

	undecided_txn_free(undecided_take_open(u));
	t->start = *start;
	t->bytes = g_byte_array_new();
	t->events = g_array_new(FALSE, FALSE, sizeof(struct undecided_event));
	t->savepoints = g_ptr_array_new_with_free_func(savepoint_free);
	t->unwanted =
	    g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, NULL);
	u->open = t;
	u->overflowed = false;
}

bool
undecided_add(
    struct undecided *u, uint8_t type, const uint8_t *body, size_t len)
{
	struct undecided_txn *t = u->open;
	struct undecided_event e = {
		.type = type, .off = t->bytes->len, .len = len
	};

	if (len > u->max || u->size > u->max - len)
		return false;
	g_byte_array_append(t->bytes, body, (guint)len);
	g_array_append_val(t->events, e);
	u->size += len;
	return true;
}

void
undecided_ignore_table(struct undecided *u, uint64_t table_id)
{
	uint64_t *id = g_new(uint64_t, 1);

	*id = table_id;
	g_hash_table_add(u->open->unwanted, id);
}

bool
undecided_ignores(const struct undecided *u, uint64_t table_id)
{
	return g_hash_table_contains(u->open->unwanted, &table_id);
}

void
undecided_add_counted(struct undecided *u, uint8_t type)
{
	struct undecided_event e = { .type = type };

	g_array_append_val(u->open->events, e);
}

/* The last of this name: a newer one hides an older one. */
static guint
find_savepoint(const struct undecided_txn *t, const char *name)
{
	for (guint i = t->savepoints->len; i > 0; i--) {
		const struct savepoint *s = t->savepoints->pdata[i - 1];

		if (strcmp(s->name, name) == 0)
			return i;
	}
	return 0;
}

void
undecided_savepoint(struct undecided *u, const char *name)
{
	struct undecided_txn *t = u->open;
	struct savepoint *s = g_new0(struct savepoint, 1);

	s->name = g_strdup(name);
	s->n_events = t->events->len;
	s->n_bytes = t->bytes->len;
	g_ptr_array_add(t->savepoints, s);
}

bool
undecided_rollback_to(struct undecided *u, const char *name)
{
	struct undecided_txn *t = u->open;
	guint at = t != NULL ? find_savepoint(t, name) : 0;
	const struct savepoint *s;

	if (at == 0)
		return false;
	s = t->savepoints->pdata[at - 1];
	u->size -= t->bytes->len - s->n_bytes;
	g_byte_array_set_size(t->bytes, s->n_bytes);
	g_array_set_size(t->events, s->n_events);
	/* It stays, what came after it does not. */
	g_ptr_array_set_size(t->savepoints, (gint)at);
	return true;
}

struct undecided_txn *
undecided_take_open(struct undecided *u)
{
	struct undecided_txn *t = g_steal_pointer(&u->open);

	if (t != NULL)
		u->size -= t->bytes->len;
	return t;
}

/* ---- prepared ones ---- */

void
undecided_prepare(struct undecided *u, const struct dm_xid *xid)
{
	struct undecided_txn *t = u->open;

	dm_assert(g_hash_table_lookup(u->prepared, xid->text) == NULL);
	t->xid = *xid;
	g_hash_table_insert(u->prepared, t->xid.text, t);
	u->open = NULL;
}

struct undecided_txn *
undecided_take(struct undecided *u, const struct dm_xid *xid)
{
	struct undecided_txn *t = g_hash_table_lookup(u->prepared, xid->text);

	if (t == NULL)
		return NULL;
	g_hash_table_steal(u->prepared, xid->text);
	u->size -= t->bytes->len;
	return t;
}

/* ---- rows ---- */

static struct undecided_row *
find_row(const struct undecided *u, const struct dm_pos *start)
{
	for (guint i = 0; i < u->rows->len; i++) {
		struct undecided_row *r =
		    &g_array_index(u->rows, struct undecided_row, i);

		if (dm_pos_cmp(&r->start, start) == 0)
			return r;
	}
	return NULL;
}

bool
undecided_has_row(const struct undecided *u, const struct dm_pos *start)
{
	return find_row(u, start) != NULL;
}

void
undecided_add_row(
    struct undecided *u, const struct dm_pos *start, const struct dm_xid *xid)
{
	struct undecided_row r = { .start = *start, .xid = *xid };

	g_array_append_val(u->rows, r);
}

void
undecided_note_time(
    struct undecided *u, const struct dm_pos *start, uint32_t when)
{
	struct undecided_row *r = find_row(u, start);

	if (r != NULL)
		r->prepared_at = when;
}

const struct undecided_row *
undecided_overdue(struct undecided *u, uint32_t when)
{
	for (guint i = 0; i < u->rows->len; i++) {
		struct undecided_row *r =
		    &g_array_index(u->rows, struct undecided_row, i);

		if (r->told || r->decided.name[0] != '\0' ||
		    r->prepared_at == 0 || r->prepared_at >= when)
			continue;
		r->told = true;
		return r;
	}
	return NULL;
}

void
undecided_decide(
    struct undecided *u, const struct dm_pos *start, const struct dm_pos *end)
{
	struct undecided_row *r = find_row(u, start);

	if (r != NULL)
		r->decided = *end;
}

const struct undecided_row *
undecided_first(const struct undecided *u)
{
	const struct undecided_row *first = NULL;

	for (guint i = 0; i < u->rows->len; i++) {
		const struct undecided_row *r =
		    &g_array_index(u->rows, struct undecided_row, i);

		if (first == NULL || dm_pos_cmp(&r->start, &first->start) < 0)
			first = r;
	}
	return first;
}
