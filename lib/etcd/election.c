/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Leader election: see election.h.
 *
 * DESIGN: one thread. Each step it brings the world to what is wanted - a
 * lease, a key, a view of the keys below the prefix - and then sleeps until
 * the next renewal, a change under the prefix (a watch marks the view dirty),
 * or a wish of the owner's. The view is always read anew: candidates are few.
 * The lease is renewed every TTL/3; it counts as lost one TTL after the last
 * acknowledged renewal was SENT, whatever etcd says later. No call to etcd
 * waits longer than that moment, so retiring is never late. While the lease
 * lives, errors do not make a leader retire: etcd may restart.
 *
 * A key with our own value that is not ours was left by a dead incarnation of
 * this process whose lease lives on. It is deleted, so that a restart need not
 * wait for the lease. This is safe: the value (name and address) is unique
 * among processes, so its maker was us and is gone; the delete is guarded by
 * the key's create revision; and a maker that after all lives, fails at the
 * guard of its next write.
 * SOURCE: dm/pkg/election/election.go, etcd's concurrency.Election. Differs:
 * keys of dead incarnations; resigning does not end the thread.
 */
#include "lib/etcd/election.h"

#include "lib/etcd/client.h"

#include <inttypes.h>
#include <string.h>

#define RANK_ELECTION 590
/* Short: what waits for an etcd leader that is gone is asked again. */
#define CALL_MS     1500
#define CONFIRM_MS  1000
#define REVOKE_MS   3000
#define RETRY_MS    500
#define MIN_CALL_MS 1

struct dm_election {
	struct dm_etcd *e;
	char *prefix, *value;
	int64_t ttl_ms;
	struct dm_election_ops ops;
	void *arg;
	pthread_t thread;

	struct dm_mutex mu; /* guards from here ... */
	pthread_cond_t cond;
	bool stopping, campaigning;
	unsigned resigns; /* asked for */
	bool dirty;       /* the view is old */
	bool compacted;   /* the watch has ended */
	bool leading;
	struct dm_mono lease_end;
	char *key;   /* of the lease; written by the thread only */
	int64_t rev; /* create revision of our key; 0: there is none */
		     /* ... to here */

	/* The thread's own. */
	int64_t lease;        /* 0: none */
	bool key_put;         /* for this lease, and not found missing */
	struct dm_mono renew; /* when the next renewal is due */
	struct dm_mono retry; /* no call to etcd before this time */
	unsigned resigned;    /* done */
	char *leader;         /* as told last; NULL: nothing told */
	struct dm_etcd_watch *watch;
};

/* ---- time ---- */

static int64_t
left_ms(struct dm_mono at)
{
	return dm_mono_diff_ms(at, dm_mono_now());
}

/* The limit of a call: retiring must not wait for it. */
static int64_t
call_ms(const struct dm_election *el)
{
	if (el->lease == 0)
		return MIN(CALL_MS, el->ttl_ms);
	return CLAMP(left_ms(el->lease_end), MIN_CALL_MS, CALL_MS);
}

static void
mark_dirty(struct dm_election *el)
{
	dm_mutex_lock(&el->mu);
	el->dirty = true;
	pthread_cond_signal(&el->cond);
	dm_mutex_unlock(&el->mu);
}

/* Takes err: try again a little later. */
static void
back_off(struct dm_election *el, struct dm_err *err)
{
	dm_err_free(err); /* retried for ever; the state shows it */
	el->retry = dm_mono_add_ms(dm_mono_now(), RETRY_MS);
}

/* ---- leading and following ---- */

static void
retire(struct dm_election *el)
{
	bool led;

	dm_mutex_lock(&el->mu);
	led = el->leading;
	el->leading = false;
	el->rev = 0;
	dm_mutex_unlock(&el->mu);
	if (led)
		el->ops.on_retire(el->arg);
}

static void
lead(struct dm_election *el, int64_t rev)
{
	bool led;

	dm_mutex_lock(&el->mu);
	led = el->leading;
	el->leading = true;
	el->rev = rev;
	dm_mutex_unlock(&el->mu);
	if (led)
		return;
	g_clear_pointer(&el->leader, g_free);
	el->ops.on_lead(rev, el->arg);
}

static void
follow(struct dm_election *el, const char *value)
{
	if (el->leader != NULL && strcmp(el->leader, value) == 0)
		return;
	g_free(el->leader);
	el->leader = g_strdup(value);
	el->ops.on_leader(value, el->arg);
}

/* ---- lease ---- */

static void
set_lease(struct dm_election *el, int64_t lease, struct dm_mono sent)
{
	char *key = NULL;

	if (lease != 0)
		key =
		    g_strdup_printf("%s%" PRIx64, el->prefix, (uint64_t)lease);
	el->lease = lease;
	el->key_put = false;
	el->renew = dm_mono_add_ms(sent, el->ttl_ms / 3);
	dm_mutex_lock(&el->mu);
	g_free(el->key);
	el->key = key;
	el->lease_end = dm_mono_add_ms(sent, el->ttl_ms);
	dm_mutex_unlock(&el->mu);
}

/* The lease is gone, or must be taken for gone. */
static void
lose_lease(struct dm_election *el)
{
	retire(el);
	set_lease(el, 0, dm_mono_now());
}

static bool
grant(struct dm_election *el)
{
	struct dm_mono sent = dm_mono_now();
	int64_t lease;
	struct dm_err *err =
	    dm_etcd_lease_grant(el->e, el->ttl_ms / 1000, call_ms(el), &lease);

	if (err != NULL) {
		back_off(el, err);
		return false;
	}
	set_lease(el, lease, sent);
	return true;
}

static bool
renew(struct dm_election *el)
{
	struct dm_mono sent = dm_mono_now();
	int64_t ttl;
	struct dm_err *err =
	    dm_etcd_lease_keepalive(el->e, el->lease, call_ms(el), &ttl);

	if (err != NULL) {
		back_off(el, err);
		return false;
	}
	if (ttl <= 0) {
		lose_lease(el);
		return true;
	}
	dm_mutex_lock(&el->mu);
	el->lease_end = dm_mono_add_ms(sent, el->ttl_ms);
	dm_mutex_unlock(&el->mu);
	el->renew = dm_mono_add_ms(sent, el->ttl_ms / 3);
	mark_dirty(el); /* look anew, should the watch be dead */
	return true;
}

/* Retire first: the next leader begins when we have ended. */
static void
give_up(struct dm_election *el)
{
	int64_t lease = el->lease;

	lose_lease(el);
	if (lease != 0)
		/* Failing is no harm: the lease ends by itself. */
		dm_err_free(dm_etcd_lease_revoke(el->e, lease, REVOKE_MS));
}

/* ---- the keys ---- */

static bool
put_key(struct dm_election *el)
{
	DM_AUTO(dm_etcd_txn) t = dm_etcd_txn_new();
	struct dm_etcd_txn_result r;
	struct dm_err *err;

	dm_etcd_txn_if_create_revision(t, el->key, 0);
	dm_etcd_txn_put(t, el->key, el->value, strlen(el->value), el->lease);
	err = dm_etcd_txn_run_in(el->e, t, call_ms(el), &r);
	if (err == NULL) {
		/* Made now, or by a request of ours whose answer was lost. */
		el->key_put = true;
		mark_dirty(el);
		return true;
	}
	/* Perhaps because the lease is gone: ask. */
	el->renew = dm_mono_now();
	back_off(el, err);
	return false;
}

static struct dm_err *
delete_guarded(struct dm_etcd *e, const struct dm_etcd_kv *kv, int64_t ms)
{
	DM_AUTO(dm_etcd_txn) t = dm_etcd_txn_new();
	struct dm_etcd_txn_result r;

	dm_etcd_txn_if_create_revision(t, kv->key, kv->create_revision);
	dm_etcd_txn_delete(t, kv->key, false);
	return dm_etcd_txn_run_in(e, t, ms, &r);
}

static void
on_events(const struct dm_etcd_event *ev, size_t n, int64_t revision, void *arg)
{
	(void)ev;
	(void)n;
	(void)revision;
	mark_dirty(arg);
}

static void
on_compacted(int64_t revision, void *arg)
{
	struct dm_election *el = arg;

	(void)revision;
	dm_mutex_lock(&el->mu);
	el->compacted = true;
	dm_mutex_unlock(&el->mu);
	mark_dirty(el);
}

/* After the view of revision `rev` was read. */
static void
keep_watching(struct dm_election *el, int64_t rev)
{
	static const struct dm_etcd_watch_ops ops = { .on_events = on_events,
		.on_compacted = on_compacted };
	bool compacted;

	dm_mutex_lock(&el->mu);
	compacted = el->compacted;
	el->compacted = false;
	dm_mutex_unlock(&el->mu);
	if (compacted)
		dm_etcd_watch_stop(DM_TAKE(el->watch));
	if (el->watch == NULL)
		el->watch = dm_etcd_watch_start(
		    el->e, el->prefix, true, rev + 1, &ops, el);
}

static bool
is_own(const struct dm_election *el, const struct dm_etcd_kv *kv)
{
	return el->key != NULL && strcmp(kv->key, el->key) == 0;
}

/* Deletes the keys of dead incarnations. *removed: there were some. */
static struct dm_err *
remove_stale(
    struct dm_election *el, const struct dm_etcd_kvs *kvs, bool *removed)
{
	*removed = false;
	for (guint i = 0; i < kvs->items->len; i++) {
		const struct dm_etcd_kv *kv = g_ptr_array_index(kvs->items, i);
		struct dm_err *err;

		if (is_own(el, kv) || strcmp(kv->value, el->value) != 0)
			continue;
		*removed = true;
		err = delete_guarded(el->e, kv, call_ms(el));
		if (err != NULL)
			return err;
	}
	return NULL;
}

static void
judge(struct dm_election *el, const struct dm_etcd_kvs *kvs)
{
	const struct dm_etcd_kv *own = NULL, *first = NULL;

	for (guint i = 0; i < kvs->items->len; i++) {
		const struct dm_etcd_kv *kv = g_ptr_array_index(kvs->items, i);

		if (is_own(el, kv))
			own = kv;
		if (first == NULL ||
		    kv->create_revision < first->create_revision)
			first = kv;
	}
	/* Our key was deleted by hand, or made anew: that reign is over. */
	if (own == NULL || own->create_revision != el->rev)
		retire(el);
	if (own == NULL && el->key_put) {
		/* The pause lets others lead first, and keeps two processes
		 * that wrongly share a value from racing. */
		el->key_put = false;
		el->retry = dm_mono_add_ms(dm_mono_now(), RETRY_MS);
	}
	if (own != NULL && own == first)
		lead(el, own->create_revision);
	else
		follow(el, first != NULL ? first->value : "");
}

static bool
refresh(struct dm_election *el)
{
	DM_AUTO(dm_etcd_kvs) kvs = NULL;
	struct dm_err *err;
	bool removed = false;

	dm_mutex_lock(&el->mu);
	el->dirty = false;
	dm_mutex_unlock(&el->mu);
	err = dm_etcd_range_in(el->e, el->prefix, true, call_ms(el), &kvs);
	if (err == NULL) {
		keep_watching(el, kvs->revision);
		err = remove_stale(el, kvs, &removed);
	}
	if (err != NULL || removed)
		mark_dirty(el);
	if (err != NULL) {
		back_off(el, err);
		return false;
	}
	if (!removed)
		judge(el, kvs);
	return true;
}

/* ---- the thread ---- */

struct wishes {
	bool stopping, campaigning, dirty;
	unsigned resigns;
};

static struct wishes
read_wishes(struct dm_election *el)
{
	struct wishes w;

	dm_mutex_lock(&el->mu);
	w = (struct wishes){ .stopping = el->stopping,
		.campaigning = el->campaigning,
		.dirty = el->dirty,
		.resigns = el->resigns };
	dm_mutex_unlock(&el->mu);
	return w;
}

/* One thing at a time; true when there may be more to do at once. */
static bool
step(struct dm_election *el, const struct wishes *w)
{
	if (w->resigns != el->resigned) {
		el->resigned = w->resigns;
		give_up(el);
		return true;
	}
	if (el->lease != 0 && left_ms(el->lease_end) <= 0) {
		lose_lease(el);
		return true;
	}
	if (left_ms(el->retry) > 0)
		return false;
	if (el->lease != 0 && left_ms(el->renew) <= 0)
		return renew(el);
	if (w->campaigning && el->lease == 0)
		return grant(el);
	if (w->campaigning && !el->key_put)
		return put_key(el);
	if (w->dirty)
		return refresh(el);
	return false;
}

static int64_t
sleep_ms(const struct dm_election *el)
{
	int64_t ms = el->ttl_ms / 3;
	int64_t retry = left_ms(el->retry);

	if (retry > 0)
		ms = MIN(ms, retry);
	if (el->lease != 0) {
		ms = MIN(ms, MAX(left_ms(el->renew), retry));
		ms = MIN(ms, left_ms(el->lease_end));
	}
	/* Rounded up, so that the wait ends when something is due. */
	return MAX(ms, 0) + 1;
}

static void
sleep_until_due(struct dm_election *el, const struct wishes *w)
{
	int64_t ms = sleep_ms(el);

	dm_mutex_lock(&el->mu);
	if (el->stopping == w->stopping && el->campaigning == w->campaigning &&
	    el->resigns == w->resigns && (el->dirty == w->dirty || w->dirty))
		(void)dm_cond_wait_ms(&el->cond, &el->mu, ms);
	dm_mutex_unlock(&el->mu);
}

static void *
election_main(void *arg)
{
	struct dm_election *el = arg;

	for (;;) {
		struct wishes w = read_wishes(el);

		if (w.stopping)
			break;
		if (!step(el, &w))
			sleep_until_due(el, &w);
	}
	give_up(el);
	dm_etcd_watch_stop(DM_TAKE(el->watch));
	return NULL;
}

/* ---- the owner's side ---- */

struct dm_election *
dm_election_start(struct dm_etcd *e, const struct dm_election_opts *o,
    const struct dm_election_ops *ops, void *arg)
{
	struct dm_election *el = g_new0(struct dm_election, 1);

	dm_assert(o->ttl_s > 0 && o->value[0] != '\0');
	dm_assert(ops->on_lead && ops->on_retire && ops->on_leader);
	el->e = e;
	el->prefix = g_strdup(o->prefix);
	el->value = g_strdup(o->value);
	el->ttl_ms = o->ttl_s * 1000;
	el->ops = *ops;
	el->arg = arg;
	el->campaigning = !o->passive;
	el->dirty = true;
	dm_mutex_init(&el->mu, RANK_ELECTION);
	dm_cond_init(&el->cond);
	el->thread = dm_thread_start("election", election_main, el);
	return el;
}

void
dm_election_resign(struct dm_election *el)
{
	dm_mutex_lock(&el->mu);
	el->campaigning = false;
	el->resigns++;
	pthread_cond_signal(&el->cond);
	dm_mutex_unlock(&el->mu);
}

void
dm_election_campaign(struct dm_election *el)
{
	dm_mutex_lock(&el->mu);
	el->campaigning = true;
	pthread_cond_signal(&el->cond);
	dm_mutex_unlock(&el->mu);
}

void
dm_election_stop(struct dm_election *el)
{
	if (el == NULL)
		return;
	dm_assert(!pthread_equal(pthread_self(), el->thread));
	dm_mutex_lock(&el->mu);
	el->stopping = true;
	pthread_cond_signal(&el->cond);
	dm_mutex_unlock(&el->mu);
	pthread_join(el->thread, NULL);
	pthread_cond_destroy(&el->cond);
	dm_mutex_fini(&el->mu);
	g_free(el->prefix);
	g_free(el->value);
	g_free(el->key);
	g_free(el->leader);
	g_free(el);
}

bool
dm_election_guard(struct dm_election *el, struct dm_etcd_txn *t)
{
	bool leading;

	dm_mutex_lock(&el->mu);
	leading = el->leading && left_ms(el->lease_end) > 0;
	if (leading)
		dm_etcd_txn_if_create_revision(t, el->key, el->rev);
	dm_mutex_unlock(&el->mu);
	return leading;
}

static struct dm_err *
not_leading(void)
{
	return dm_err_wrap(dm_err_plain("this process does not lead"),
	    HA_FAIL_TXN_OPERATION, "confirm");
}

struct dm_err *
dm_election_confirm(struct dm_election *el)
{
	DM_AUTO(dm_etcd_kvs) kvs = NULL;
	g_autofree char *key = NULL;
	const struct dm_etcd_kv *kv;
	struct dm_err *err;
	int64_t rev;

	dm_mutex_lock(&el->mu);
	if (el->leading)
		key = g_strdup(el->key);
	rev = el->rev;
	dm_mutex_unlock(&el->mu);
	if (key == NULL)
		return not_leading();
	/* A read that goes through etcd's quorum. */
	err = dm_etcd_range_in(el->e, key, false, CONFIRM_MS, &kvs);
	if (err != NULL)
		return err;
	kv = kvs->items->len == 1 ? g_ptr_array_index(kvs->items, 0) : NULL;
	return kv != NULL && kv->create_revision == rev ? NULL : not_leading();
}

struct dm_err *
dm_election_depose(struct dm_election *el, const char *value)
{
	DM_AUTO(dm_etcd_kvs) kvs = NULL;
	struct dm_err *err =
	    dm_etcd_range_in(el->e, el->prefix, true, CALL_MS, &kvs);

	if (err != NULL)
		return err;
	for (guint i = 0; i < kvs->items->len; i++) {
		const struct dm_etcd_kv *kv = g_ptr_array_index(kvs->items, i);

		if (strcmp(kv->value, value) != 0)
			continue;
		err = delete_guarded(el->e, kv, CALL_MS);
		if (err != NULL)
			return err;
	}
	return NULL;
}
