/* SPDX-License-Identifier: Apache-2.0 */
#include "master/session/keeper.h"

#include "lib/log/log.h"
#include "lib/thread/mutex.h"
#include "master/session/leases.h"

#define RANK_KEEPER 45
#define GAP_MS      50  /* between two questions to etcd */
#define LOOK_MS     250 /* at the ends of the leases, and after a failure */
#define STALL_MS    500 /* the time of a longer round does not count */
#define WARN_MS     5000

struct keeper {
	struct keeper_env env;
	pthread_t thread;

	struct dm_mutex mu; /* guards what follows */
	pthread_cond_t cond;
	struct leases *leases;
	bool beats; /* some are to be confirmed */
	bool stopping;

	/* The thread's own. */
	struct dm_mono seen;   /* begin of this round */
	struct dm_mono warned; /* when a failure was logged last */
};

static void
warn_failed(struct keeper *k, struct dm_err *err)
{
	if (dm_mono_diff_ms(k->seen, k->warned) >= WARN_MS) {
		dm_warn("heartbeats of dm-workers are not acknowledged: etcd "
			"does not confirm that this master leads",
		    dm_kerr(err));
		k->warned = k->seen;
	}
	dm_err_free(err);
}

static void
send_acks(struct keeper *k, const GArray *acks)
{
	for (guint i = 0; i < acks->len; i++) {
		const struct lease_ack *a =
		    &g_array_index(acks, struct lease_ack, i);

		k->env.ack(a->session, a->seq, k->env.arg);
	}
}

/* With the lock held: something is to be asked of etcd. */
static bool
wants(struct keeper *k)
{
	bool asks = leases_ask(k->leases);

	k->beats = false;
	return asks || leases_next_ms(k->leases, k->seen) == 0;
}

static void
tell_ttls(struct keeper *k)
{
	g_autoptr(GArray) ttls =
	    g_array_new(FALSE, FALSE, sizeof(struct lease_ttl));

	dm_mutex_lock(&k->mu);
	leases_to_write(k->leases, k->seen, ttls);
	dm_mutex_unlock(&k->mu);
	for (guint i = 0; i < ttls->len; i++) {
		struct lease_ttl *t = &g_array_index(ttls, struct lease_ttl, i);

		k->env.ttl(t->worker, t->ttl_ms, k->env.arg);
		g_free(t->worker);
	}
}

/* Heartbeats first: one that has arrived keeps its lease from ending. */
static bool
round_of_leases(struct keeper *k)
{
	g_autoptr(GArray) acks =
	    g_array_new(FALSE, FALSE, sizeof(struct lease_ack));
	GPtrArray *gone = NULL;
	struct dm_err *err;
	bool wanted;

	dm_mutex_lock(&k->mu);
	wanted = wants(k);
	dm_mutex_unlock(&k->mu);
	if (!wanted)
		return true;
	err = k->env.confirm(k->env.arg);
	if (err != NULL) {
		warn_failed(k, err);
		return false;
	}
	dm_mutex_lock(&k->mu);
	leases_confirm(k->leases, dm_mono_now(), acks);
	gone = leases_expire(k->leases, k->seen);
	dm_mutex_unlock(&k->mu);
	send_acks(k, acks);
	if (gone->len > 0)
		k->env.expired(gone, k->env.arg);
	else
		g_ptr_array_unref(gone);
	return true;
}

/* Until there are heartbeats, but not before the gap is over; else until the
 * next look. False: the end. */
static bool
wait_round(struct keeper *k, bool good)
{
	struct dm_mono now = dm_mono_now();
	int64_t gap = good ? GAP_MS : LOOK_MS, waited;
	bool going;

	dm_mutex_lock(&k->mu);
	while (!k->stopping) {
		waited = dm_mono_diff_ms(dm_mono_now(), now);
		if (waited >= LOOK_MS || (k->beats && waited >= gap))
			break;
		dm_cond_wait_ms(
		    &k->cond, &k->mu, (k->beats ? gap : LOOK_MS) - waited);
	}
	going = !k->stopping;
	dm_mutex_unlock(&k->mu);
	return going;
}

static void *
keeper_main(void *arg)
{
	struct keeper *k = arg;
	bool good = true;

	while (wait_round(k, good)) {
		struct dm_mono now = dm_mono_now();
		int64_t passed = dm_mono_diff_ms(now, k->seen);

		if (!good || passed > STALL_MS) {
			dm_mutex_lock(&k->mu);
			leases_shift(k->leases, passed);
			dm_mutex_unlock(&k->mu);
		}
		k->seen = now;
		tell_ttls(k);
		good = round_of_leases(k);
	}
	return NULL;
}

struct keeper *
keeper_start(const struct keeper_env *env)
{
	struct keeper *k = g_new0(struct keeper, 1);

	k->env = *env;
	k->leases = leases_new();
	k->seen = dm_mono_now();
	k->warned = dm_mono_add_ms(k->seen, -WARN_MS);
	dm_mutex_init(&k->mu, RANK_KEEPER);
	dm_cond_init(&k->cond);
	k->thread = dm_thread_start("leases", keeper_main, k);
	return k;
}

void
keeper_stop(struct keeper *k)
{
	if (k == NULL)
		return;
	dm_mutex_lock(&k->mu);
	k->stopping = true;
	pthread_cond_signal(&k->cond);
	dm_mutex_unlock(&k->mu);
	pthread_join(k->thread, NULL);
}

void
keeper_free(struct keeper *k)
{
	if (k == NULL)
		return;
	leases_free(k->leases);
	pthread_cond_destroy(&k->cond);
	dm_mutex_fini(&k->mu);
	g_free(k);
}

void
keeper_begin(
    struct keeper *k, const char *worker, uint64_t session, int64_t ttl_ms)
{
	dm_mutex_lock(&k->mu);
	leases_begin(k->leases, worker, session, ttl_ms, dm_mono_now());
	dm_mutex_unlock(&k->mu);
}

void
keeper_adopt(struct keeper *k, const char *worker, int64_t ttl_ms)
{
	dm_mutex_lock(&k->mu);
	leases_adopt(k->leases, worker, ttl_ms, dm_mono_now());
	dm_mutex_unlock(&k->mu);
}

void
keeper_end(struct keeper *k, const char *worker)
{
	dm_mutex_lock(&k->mu);
	leases_end(k->leases, worker);
	dm_mutex_unlock(&k->mu);
}

void
keeper_clear(struct keeper *k)
{
	dm_mutex_lock(&k->mu);
	leases_clear(k->leases);
	dm_mutex_unlock(&k->mu);
}

void
keeper_known(struct keeper *k, const char *worker, int64_t ttl_ms)
{
	dm_mutex_lock(&k->mu);
	leases_known(k->leases, worker, ttl_ms);
	/* Heartbeats may have waited for it. */
	k->beats = true;
	pthread_cond_signal(&k->cond);
	dm_mutex_unlock(&k->mu);
}

void
keeper_beat(struct keeper *k, const char *worker, uint64_t session,
    uint64_t seq, int64_t ttl_ms)
{
	dm_mutex_lock(&k->mu);
	if (leases_beat(k->leases, worker, session, seq, ttl_ms) && !k->beats) {
		k->beats = true;
		pthread_cond_signal(&k->cond);
	}
	dm_mutex_unlock(&k->mu);
}

bool
keeper_expired(struct keeper *k, const char *worker)
{
	bool expired;

	dm_mutex_lock(&k->mu);
	expired = leases_expired(k->leases, worker);
	dm_mutex_unlock(&k->mu);
	return expired;
}
