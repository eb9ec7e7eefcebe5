/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Commands under way: see commands.h.
 *
 * DESIGN: a call is in the table from before it is sent until it is answered
 * or given up; it belongs to the thread in commands_run, which wakes up when
 * one of them is decided. A worker cannot answer for another one: the session
 * must be the one that was asked.
 */
#include "master/session/commands.h"

#include "lib/base/clock.h"

#define RANK_COMMANDS 46
/* How soon a client that went away is noticed. */
#define CANCEL_LOOK_MS 200

struct commands {
	struct dm_mutex mu;  /* rank 46; guards what follows, and of the calls
				in the table all but session and msg */
	pthread_cond_t done; /* a call left the table */
	GHashTable *calls;   /* number -> struct command_call*, borrowed */
	uint64_t last;
};

struct commands *
commands_new(void)
{
	struct commands *cs = g_new0(struct commands, 1);

	dm_mutex_init(&cs->mu, RANK_COMMANDS);
	dm_cond_init(&cs->done);
	cs->calls = g_hash_table_new(g_int64_hash, g_int64_equal);
	return cs;
}

void
commands_free(struct commands *cs)
{
	if (cs == NULL)
		return;
	dm_assert(g_hash_table_size(cs->calls) == 0);
	g_hash_table_unref(cs->calls);
	pthread_cond_destroy(&cs->done);
	dm_mutex_fini(&cs->mu);
	g_free(cs);
}

static struct dm_err *
failed(const char *why)
{
	return dm_err_set_cause(
	    dm_err_new(MASTER_GRPC_REQUEST_ERROR), "%s", why);
}

/* Does nothing when it is decided already. */
static void
give_up(struct commands *cs, struct command_call *call, const char *why)
{
	dm_mutex_lock(&cs->mu);
	if (g_hash_table_remove(cs->calls, &call->msg->request))
		call->err = failed(why);
	dm_mutex_unlock(&cs->mu);
}

static void
start(struct commands *cs, struct command_call *call, commands_send_fn *send,
    void *arg)
{
	bool sent;

	call->text = NULL;
	call->err = NULL;
	dm_mutex_lock(&cs->mu);
	call->msg->request = ++cs->last;
	g_hash_table_insert(cs->calls, &call->msg->request, call);
	dm_mutex_unlock(&cs->mu);
	sent = call->session != 0 && send(call->session, call->msg, arg);
	if (!sent)
		give_up(
		    cs, call, "the dm-worker is not connected at the moment");
}

static bool
is_open_locked(struct commands *cs, struct command_call *calls, size_t n)
{
	dm_mutex_assert_held(&cs->mu);
	for (size_t i = 0; i < n; i++) {
		if (g_hash_table_contains(cs->calls, &calls[i].msg->request))
			return true;
	}
	return false;
}

static void
wait_for_all(struct commands *cs, struct command_call *calls, size_t n,
    int64_t wait_ms, struct dm_cancel *c)
{
	struct dm_mono until = dm_mono_add_ms(dm_mono_now(), wait_ms);

	dm_mutex_lock(&cs->mu);
	while (is_open_locked(cs, calls, n) && !dm_canceled(c)) {
		int64_t left = dm_mono_diff_ms(until, dm_mono_now());

		if (left <= 0)
			break;
		(void)dm_cond_wait_ms(
		    &cs->done, &cs->mu, MIN(left, (int64_t)CANCEL_LOOK_MS));
	}
	dm_mutex_unlock(&cs->mu);
}

void
commands_run(struct commands *cs, struct command_call *calls, size_t n,
    int64_t wait_ms, struct dm_cancel *c, commands_send_fn *send, void *arg)
{
	g_autofree char *late = g_strdup_printf(
	    "the dm-worker has not answered within %" G_GINT64_FORMAT
	    " s; it may still do what was asked: see `query-status`",
	    wait_ms / 1000);

	for (size_t i = 0; i < n; i++)
		start(cs, &calls[i], send, arg);
	wait_for_all(cs, calls, n, wait_ms, c);
	for (size_t i = 0; i < n; i++)
		give_up(cs, &calls[i], late);
}

void
commands_reply(
    struct commands *cs, uint64_t session, const Dm__V1__Reply *reply)
{
	struct command_call *call;

	dm_mutex_lock(&cs->mu);
	call = g_hash_table_lookup(cs->calls, &reply->request);
	if (call != NULL && call->session == session) {
		g_hash_table_remove(cs->calls, &reply->request);
		call->result = reply->result;
		call->text = g_strdup(reply->msg);
		pthread_cond_broadcast(&cs->done);
	}
	dm_mutex_unlock(&cs->mu);
}

void
commands_lost(struct commands *cs, uint64_t session)
{
	GHashTableIter it;
	gpointer p;

	dm_mutex_lock(&cs->mu);
	g_hash_table_iter_init(&it, cs->calls);
	while (g_hash_table_iter_next(&it, NULL, &p)) {
		struct command_call *call = p;

		if (call->session != session)
			continue;
		g_hash_table_iter_remove(&it);
		call->err = failed("the connection to the dm-worker was lost "
				   "before it answered; it may have done what "
				   "was asked: see `query-status`");
	}
	pthread_cond_broadcast(&cs->done);
	dm_mutex_unlock(&cs->mu);
}
