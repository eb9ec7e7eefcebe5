/* SPDX-License-Identifier: Apache-2.0 */
#include "master/session/leases.h"

struct lease {
	uint64_t session; /* whose heartbeats count; 0: nobody's */
	int64_t own_ms;   /* of heartbeats that name none */
	int64_t ttl_ms;   /* of the newest heartbeat */
	int64_t known_ms; /* as etcd has it */
	struct dm_mono until;
	struct dm_mono floor; /* what sessions before may count on */
	uint64_t newest;      /* heartbeat that arrived last; 0: none */
	uint64_t covered;     /* newest when the confirmation was asked for */
	int64_t covered_ms;   /* ttl_ms of that one */
	uint64_t acked;
	bool expired;
	bool asked; /* etcd is to get ttl_ms, since: */
	struct dm_mono asked_at;
	struct dm_mono told; /* when it was last told of as ended */
};

struct leases {
	GHashTable *table; /* worker -> struct lease*, both owned */
};

struct leases *
leases_new(void)
{
	struct leases *l = g_new0(struct leases, 1);

	l->table =
	    g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
	return l;
}

void
leases_free(struct leases *l)
{
	if (l == NULL)
		return;
	g_hash_table_unref(l->table);
	g_free(l);
}

static struct lease *
get(const struct leases *l, const char *worker)
{
	return g_hash_table_lookup(l->table, worker);
}

static struct lease *
get_or_new(struct leases *l, const char *worker)
{
	struct lease *e = get(l, worker);

	if (e == NULL) {
		e = g_new0(struct lease, 1);
		g_hash_table_insert(l->table, g_strdup(worker), e);
	}
	return e;
}

void
leases_begin(struct leases *l, const char *worker, uint64_t session,
    int64_t ttl_ms, struct dm_mono now)
{
	struct lease *e = get_or_new(l, worker);
	struct dm_mono until = dm_mono_add_ms(now, ttl_ms);

	/* What its former session was told may last longer. */
	if (e->until.ns > until.ns)
		until = e->until;
	*e = (struct lease){ .session = session,
		.own_ms = ttl_ms,
		.ttl_ms = ttl_ms,
		.known_ms = ttl_ms,
		.until = until,
		.floor = e->until };
}

void
leases_adopt(
    struct leases *l, const char *worker, int64_t ttl_ms, struct dm_mono now)
{
	if (get(l, worker) == NULL)
		leases_begin(l, worker, 0, ttl_ms, now);
}

void
leases_end(struct leases *l, const char *worker)
{
	g_hash_table_remove(l->table, worker);
}

void
leases_clear(struct leases *l)
{
	g_hash_table_remove_all(l->table);
}

static bool
counts(const struct lease *e, uint64_t session)
{
	return e != NULL && session != 0 && e->session == session &&
	       !e->expired;
}

void
leases_known(struct leases *l, const char *worker, int64_t ttl_ms)
{
	struct lease *e = get(l, worker);

	if (e == NULL)
		return;
	e->known_ms = ttl_ms;
	e->asked = false;
}

bool
leases_beat(struct leases *l, const char *worker, uint64_t session,
    uint64_t seq, int64_t ttl_ms)
{
	struct lease *e = get(l, worker);

	if (!counts(e, session))
		return false;
	if (seq >= e->newest) {
		e->newest = seq;
		e->ttl_ms = ttl_ms > 0 ? ttl_ms : e->own_ms;
	}
	return e->newest > e->acked;
}

/* A next leader would give its worker less time than it counts. */
static bool
is_held(const struct lease *e)
{
	return e->ttl_ms > e->known_ms;
}

static bool
is_to_write(const struct lease *e, struct dm_mono now)
{
	if (e->session == 0 || e->expired || e->ttl_ms == e->known_ms)
		return false;
	if (e->asked && dm_mono_diff_ms(now, e->asked_at) < LEASES_AGAIN_MS)
		return false;
	return is_held(e) || dm_mono_diff_ms(e->floor, now) <= e->ttl_ms;
}

void
leases_to_write(struct leases *l, struct dm_mono now, GArray *ttls)
{
	GHashTableIter it;
	gpointer k, v;

	g_hash_table_iter_init(&it, l->table);
	while (g_hash_table_iter_next(&it, &k, &v)) {
		struct lease *e = v;
		struct lease_ttl t = { NULL, e->ttl_ms };

		if (!is_to_write(e, now))
			continue;
		e->asked = true;
		e->asked_at = now;
		t.worker = g_strdup(k);
		g_array_append_val(ttls, t);
	}
}

bool
leases_ask(struct leases *l)
{
	GHashTableIter it;
	bool any = false;
	gpointer v;

	g_hash_table_iter_init(&it, l->table);
	while (g_hash_table_iter_next(&it, NULL, &v)) {
		struct lease *e = v;

		if (!is_held(e)) {
			e->covered = e->newest;
			e->covered_ms = e->ttl_ms;
		}
		any |= e->covered > e->acked;
	}
	return any;
}

void
leases_confirm(struct leases *l, struct dm_mono now, GArray *acks)
{
	GHashTableIter it;
	gpointer v;

	g_hash_table_iter_init(&it, l->table);
	while (g_hash_table_iter_next(&it, NULL, &v)) {
		struct lease *e = v;
		struct lease_ack ack = { e->session, e->covered };
		struct dm_mono until;

		if (e->covered <= e->acked || e->expired)
			continue;
		e->acked = e->covered;
		until = dm_mono_add_ms(now, e->covered_ms);
		e->until = until.ns > e->floor.ns ? until : e->floor;
		g_array_append_val(acks, ack);
	}
}

/* When there is something to do for it. */
static struct dm_mono
due(const struct lease *e)
{
	return e->expired ? dm_mono_add_ms(e->told, LEASES_AGAIN_MS) : e->until;
}

GPtrArray *
leases_expire(struct leases *l, struct dm_mono now)
{
	GPtrArray *names = g_ptr_array_new_with_free_func(g_free);
	GHashTableIter it;
	gpointer k, v;

	g_hash_table_iter_init(&it, l->table);
	while (g_hash_table_iter_next(&it, &k, &v)) {
		struct lease *e = v;

		/* Also not while a heartbeat waits to be confirmed. */
		if (now.ns < due(e).ns ||
		    (!e->expired && e->newest > e->acked && !is_held(e)))
			continue;
		e->expired = true;
		e->told = now;
		g_ptr_array_add(names, g_strdup(k));
	}
	return names;
}

bool
leases_expired(const struct leases *l, const char *worker)
{
	const struct lease *e = get(l, worker);

	return e != NULL && e->expired;
}

int64_t
leases_next_ms(const struct leases *l, struct dm_mono now)
{
	int64_t next = INT64_MAX;
	GHashTableIter it;
	gpointer v;

	g_hash_table_iter_init(&it, l->table);
	while (g_hash_table_iter_next(&it, NULL, &v))
		next = MIN(next, MAX(dm_mono_diff_ms(due(v), now), 0));
	return next;
}

void
leases_shift(struct leases *l, int64_t ms)
{
	GHashTableIter it;
	gpointer v;

	g_hash_table_iter_init(&it, l->table);
	while (g_hash_table_iter_next(&it, NULL, &v)) {
		struct lease *e = v;

		if (e->expired)
			continue;
		e->until = dm_mono_add_ms(e->until, ms);
		e->floor = dm_mono_add_ms(e->floor, ms);
	}
}
