/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A POST with one answer: fail-over, retries, time limit. See client.h.
 *
 * DESIGN: an attempt that etcd cannot have seen (no byte of its body was given
 * to curl) or has refused for want of a leader, which it looks for before
 * anything else, is repeated whatever the request is; one whose answer was
 * lost, or was another 5xx, only if the request is idempotent. Attempts go
 * round the list of endpoints, with a pause after each round, until the time is
 * over: a restart of etcd is ridden out.
 */
#include "lib/etcd/client.h"

#include <string.h>

#define RANK_WAIT      610
#define FIRST_PAUSE_MS 50
#define MAX_PAUSE_MS   500
#define MIN_ATTEMPT_MS 500
#define MAX_ERROR_TEXT 1024
#define NO_LEADER      "etcdserver: no leader"

struct request {
	struct dm_etcd *e;
	const char *path;
	char *body;
	size_t body_len;
	enum dm_etcd_retry retry;
	bool is_auth, any_member;
	bool reauthed;
	struct dm_mono deadline;
	size_t tried; /* endpoints, in this round */
	int64_t pause_ms;
	struct dm_etcd_transfer *t;
	struct dm_etcd_timer timer;
	struct dm_etcd_token_wait token;
	struct dm_err *last; /* why the last attempt failed */
	dm_etcd_answer_fn *done;
	void *arg;
	GList link; /* in e->requests */
};

static void begin(struct request *r);

/* Takes err and answer. r is gone afterwards. */
static void
finish(struct request *r, struct dm_err *err, json_t *answer, int code)
{
	struct dm_etcd *e = r->e;
	struct dm_etcd_answer a = { .body = answer, .grpc_code = code };

	g_queue_unlink(&e->requests, &r->link);
	dm_etcd_timer_clear(e, &r->timer);
	dm_etcd_token_unwait(e, &r->token);
	dm_etcd_transfer_free(r->t);
	r->done(err, &a, r->arg);
	dm_err_free(r->last);
	if (r->is_auth)
		explicit_bzero(r->body, r->body_len);
	g_free(r->body);
	g_free(r);
}

static void
finish_error(struct request *r, struct dm_err *err)
{
	finish(r, err, NULL, -1);
}

/* The time is over: the last failure says more than "deadline". */
static void
finish_late(struct request *r)
{
	struct dm_err *err = DM_TAKE(r->last);

	finish_error(r, err != NULL ? err : dm_err_deadline());
}

static void
begin_cb(void *arg)
{
	begin(arg);
}

/* Takes err: this attempt failed, another is allowed. */
static void
again(struct request *r, struct dm_err *err)
{
	struct dm_etcd *e = r->e;
	int64_t left = dm_mono_diff_ms(r->deadline, dm_mono_now());

	/* A last attempt cut short by the deadline hides the real reason. */
	if (r->last != NULL && r->t->rc == CURLE_OPERATION_TIMEDOUT) {
		dm_err_free(err);
	} else {
		dm_err_free(r->last);
		r->last = err;
	}
	dm_etcd_next_endpoint(e, r->t->endpoint);
	dm_etcd_transfer_free(DM_TAKE(r->t));
	if (++r->tried < e->endpoints->len) {
		begin(r);
		return;
	}
	r->tried = 0;
	if (r->retry == DM_ETCD_ROUND || left <= r->pause_ms) {
		finish_late(r);
		return;
	}
	dm_etcd_timer_set(e, &r->timer, r->pause_ms, begin_cb, r);
	r->pause_ms = MIN(2 * r->pause_ms, MAX_PAUSE_MS);
}

static struct dm_err *
parse_answer(const struct dm_etcd_transfer *t, json_t **root)
{
	json_error_t je;

	*root = json_loadb(t->in->str, t->in->len, 0, &je);
	if (*root != NULL)
		return NULL;
	if (t->status >= 400)
		return dm_err_plain(
		    "etcd answered HTTP %ld: %.200s", t->status, t->in->str);
	return dm_err_plain(
	    "etcd's answer is not JSON: %s at byte %d", je.text, je.position);
}

struct dm_err *
dm_etcd_answer_error(const json_t *root, int *grpc_code)
{
	const json_t *error = json_object_get(root, "error");
	const json_t *code = json_object_get(root, "code");
	const char *text;

	if (error == NULL)
		return NULL;
	if (json_is_object(error)) {
		code = json_object_get(error, "grpc_code");
		error = json_object_get(error, "message");
	}
	text = json_string_value(error);
	*grpc_code = json_is_integer(code) ? (int)json_integer_value(code) : 2;
	return dm_err_plain("%.*s", MAX_ERROR_TEXT,
	    text != NULL ? text : "an error without a message");
}

static void
handle_answer(struct request *r)
{
	json_t *root = NULL;
	int code = -1;
	struct dm_err *err = parse_answer(r->t, &root);

	if (err == NULL)
		err = dm_etcd_answer_error(root, &code);
	if (err == NULL && r->t->status >= 300)
		err = dm_err_plain("etcd answered HTTP %ld", r->t->status);
	if (err == NULL) {
		finish(r, NULL, root, -1);
		return;
	}
	json_decref(root);
	if (!r->is_auth && !r->reauthed && dm_etcd_token_refused(r->e, err)) {
		/* It was refused before it did anything. */
		r->reauthed = true;
		dm_err_free(err);
		dm_etcd_transfer_free(DM_TAKE(r->t));
		begin(r);
		return;
	}
	if (r->t->status >= 500 &&
	    (r->retry != DM_ETCD_ONCE || strcmp(err->message, NO_LEADER) == 0))
		again(r, err);
	else
		finish(r, err, NULL, code);
}

static void
on_end(struct dm_etcd_transfer *t, void *arg)
{
	struct request *r = arg;
	struct dm_err *err;

	if (t->rc == CURLE_OK) {
		handle_answer(r);
		return;
	}
	err = dm_etcd_transfer_error(t);
	if (!t->too_large && (r->retry != DM_ETCD_ONCE || t->sent == 0)) {
		again(r, err);
		return;
	}
	/* The next request shall not meet the same trouble. */
	dm_etcd_next_endpoint(r->e, t->endpoint);
	finish(r, err, NULL, t->too_large ? DM_ETCD_TOO_LARGE : -1);
}

static void
on_token(struct dm_err *err, void *arg)
{
	if (err != NULL)
		finish_error(arg, err);
	else
		begin(arg);
}

/* How long one attempt may take: with other endpoints to go to, an idempotent
 * request does not spend all its time on one that hangs. */
static int64_t
attempt_ms(const struct request *r, int64_t left)
{
	if (r->retry == DM_ETCD_ONCE || r->e->endpoints->len == 1)
		return left;
	return MIN(left, MAX(left / 2, MIN_ATTEMPT_MS));
}

static void
begin(struct request *r)
{
	int64_t left = dm_mono_diff_ms(r->deadline, dm_mono_now());
	struct dm_etcd_transfer_opts o = {
		.path = r->path,
		.body = r->body,
		.body_len = r->body_len,
		.resend = r->retry != DM_ETCD_ONCE,
		.no_token = r->is_auth,
		.any_member = r->any_member,
		.timeout_ms = attempt_ms(r, left),
		.on_end = on_end,
		.arg = r,
	};

	if (r->e->ended) {
		finish_error(r, dm_err_canceled());
		return;
	}
	if (left <= 0) {
		finish_late(r);
		return;
	}
	if (!r->is_auth && !dm_etcd_token_ready(r->e, &r->token))
		return;
	r->t = dm_etcd_transfer_start(r->e, &o);
}

static void
enter(void *arg)
{
	struct request *r = arg;

	g_queue_push_tail_link(&r->e->requests, &r->link);
	begin(r);
}

void
dm_etcd_call_start(struct dm_etcd *e, const struct dm_etcd_call *c,
    dm_etcd_answer_fn *done, void *arg)
{
	struct request *r = g_new0(struct request, 1);
	int64_t ms = c->timeout_ms > 0 ? c->timeout_ms : e->timeout_ms;

	r->e = e;
	r->path = c->path;
	if (c->body != NULL) {
		r->body = json_dumps(c->body, JSON_COMPACT);
		dm_assert(r->body != NULL);
		json_decref(c->body);
		r->body_len = strlen(r->body);
	}
	r->retry = c->retry;
	r->is_auth = c->is_auth;
	r->any_member = c->any_member;
	r->deadline = dm_mono_add_ms(dm_mono_now(), ms);
	r->pause_ms = FIRST_PAUSE_MS;
	r->token.fn = on_token;
	r->token.arg = r;
	r->done = done;
	r->arg = arg;
	r->link.data = r;
	dm_etcd_post(e, enter, r);
}

void
dm_etcd_requests_cancel(struct dm_etcd *e)
{
	struct request *r;

	while ((r = g_queue_peek_head(&e->requests)) != NULL)
		finish_error(r, dm_err_canceled());
}

/* ---- the synchronous form ---- */

struct sync_wait {
	struct dm_mutex mu; /* guards the rest */
	pthread_cond_t cond;
	bool done;
	struct dm_err *err;
	json_t *body;
	int grpc_code;
};

static void
wake_waiter(struct dm_err *err, const struct dm_etcd_answer *a, void *arg)
{
	struct sync_wait *w = arg;

	dm_mutex_lock(&w->mu);
	w->err = err;
	w->body = a->body;
	w->grpc_code = a->grpc_code;
	w->done = true;
	pthread_cond_signal(&w->cond);
	dm_mutex_unlock(&w->mu);
}

struct dm_err *
dm_etcd_call(struct dm_etcd *e, const struct dm_etcd_call *c, json_t **body,
    int *grpc_code)
{
	struct sync_wait w = { .grpc_code = -1 };

	/* It would wait for itself. */
	dm_assert(!dm_etcd_on_thread(e));
	dm_mutex_init(&w.mu, RANK_WAIT);
	dm_cond_init(&w.cond);
	dm_etcd_call_start(e, c, wake_waiter, &w);
	dm_mutex_lock(&w.mu);
	while (!w.done)
		dm_cond_wait(&w.cond, &w.mu);
	dm_mutex_unlock(&w.mu);
	pthread_cond_destroy(&w.cond);
	dm_mutex_fini(&w.mu);
	if (grpc_code != NULL)
		*grpc_code = w.grpc_code;
	if (w.err == NULL && body != NULL)
		*body = w.body;
	else
		json_decref(w.body);
	return w.err;
}
