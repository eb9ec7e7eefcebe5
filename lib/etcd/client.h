/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The engine under etcd.h, private to lib/etcd: the client's thread with its
 * commands and timers, single HTTP transfers, and requests that retry.
 *
 * Except where "any thread" is said, everything runs on the client's thread
 * and its fields are touched there only.
 */
#ifndef DM_LIB_ETCD_CLIENT_H
#define DM_LIB_ETCD_CLIENT_H

#include "lib/base/clock.h"
#include "lib/etcd/endpoint.h"
#include "lib/etcd/etcd.h"
#include "lib/thread/mutex.h"
#include <curl/curl.h>
#include <jansson.h>
#include <pthread.h>

/* An answer, or one line of a watch, must stay below this. */
#define DM_ETCD_MAX_ANSWER_BYTES ((size_t)64 << 20)
#define DM_ETCD_CONNECT_MS       3000

typedef void dm_etcd_fn(void *arg);

/* Memory of its user, zeroed; armed at most once at a time. */
struct dm_etcd_timer {
	struct dm_mono at;
	dm_etcd_fn *fn;
	void *arg;
	bool armed;
	GList link;
};

/* One who waits for a token. fn gets an error (owned by it) or NULL. */
struct dm_etcd_token_wait {
	void (*fn)(struct dm_err *err, void *arg);
	void *arg;
	bool queued;
	unsigned round; /* the authentication it waits for */
	GList link;
};

struct dm_etcd {
	CURLM *multi;
	GPtrArray *endpoints;  /* of struct dm_etcd_endpoint*; never empty */
	struct dm_tls *tls;    /* NULL: none given; borrowed */
	char *user, *password; /* NULL: no authentication */
	int64_t timeout_ms;
	pthread_t thread;

	struct dm_mutex mu;  /* guards inbox and closing */
	pthread_cond_t cond; /* a posted command has run */
	GQueue inbox;        /* of struct command*, see client.c */
	bool closing;

	size_t current; /* the endpoint in use */
	char *token;    /* NULL: none yet; "": etcd wants none */
	bool authenticating;
	unsigned auth_round; /* counts authentications */
	bool ended;          /* the loop is over: nothing new may start */
	GQueue token_waits;  /* of struct dm_etcd_token_wait, intrusive */
	GQueue timers;       /* of struct dm_etcd_timer, intrusive */
	GQueue streams;      /* of struct dm_etcd_transfer, intrusive */
	GQueue requests;     /* of struct request, see request.c, intrusive */
	size_t watches;
};

/* ---- client.c: the thread ---- */

/* Run fn(arg) on the client's thread, soon. Any thread. */
void dm_etcd_post(struct dm_etcd *e, dm_etcd_fn *fn, void *arg);
/* The same, and wait until it has run; at once on the client's thread. */
void dm_etcd_post_wait(struct dm_etcd *e, dm_etcd_fn *fn, void *arg);
/* Any thread. */
bool dm_etcd_on_thread(struct dm_etcd *e);
void dm_etcd_timer_set(struct dm_etcd *e, struct dm_etcd_timer *t,
    int64_t in_ms, dm_etcd_fn *fn, void *arg);
void dm_etcd_timer_clear(struct dm_etcd *e, struct dm_etcd_timer *t);
/* Use the next endpoint, unless `was` is not the one in use any more. */
void dm_etcd_next_endpoint(struct dm_etcd *e, size_t was);

/* ---- transfer.c: one POST ---- */

struct dm_etcd_transfer;

struct dm_etcd_transfer_opts {
	const char *path; /* "/v3/kv/range" */
	const char *body; /* borrowed until the transfer is freed; NULL: GET */
	size_t body_len;
	bool stream;        /* no time limit; on_data is called */
	bool resend;        /* curl may send the body again by itself */
	bool no_token;      /* for the request that fetches the token */
	bool any_member;    /* also a member that sees no etcd leader answers */
	int64_t timeout_ms; /* not of a stream */
	/* Stream: data has come. May free t. */
	void (*on_data)(struct dm_etcd_transfer *t, void *arg);
	/* The transfer is over, t->rc and t->status say how. May free t. */
	void (*on_end)(struct dm_etcd_transfer *t, void *arg);
	void *arg;
};

struct dm_etcd_transfer {
	struct dm_etcd *e;
	struct dm_etcd_transfer_opts o;
	size_t endpoint; /* its number */
	CURL *easy;
	struct curl_slist *headers;
	size_t sent; /* bytes of the body given to curl: 0 = etcd saw nothing */
	GString *in; /* what came; a stream's user takes bytes off its front */
	bool too_large;
	bool fresh; /* data came that on_data has not seen */
	CURLcode rc;
	long status;
	char errbuf[CURL_ERROR_SIZE];
	GList link; /* in e->streams */
};

struct dm_etcd_transfer *dm_etcd_transfer_start(
    struct dm_etcd *e, const struct dm_etcd_transfer_opts *o);
void dm_etcd_transfer_free(struct dm_etcd_transfer *t);
/* Why the transfer failed below HTTP. Only when rc is not CURLE_OK. */
struct dm_err *dm_etcd_transfer_error(struct dm_etcd_transfer *t) DM_MUST_CHECK;
/* For the loop: give new data to streams; end transfers. */
void dm_etcd_transfers_deliver(struct dm_etcd *e);

/* ---- request.c: a POST with one answer ---- */

/* As a grpc_code: see DM_ETCD_MAX_ANSWER_BYTES. */
#define DM_ETCD_TOO_LARGE (-2)

enum dm_etcd_retry {
	DM_ETCD_ONCE,   /* again only if etcd cannot have seen it */
	DM_ETCD_ALWAYS, /* idempotent: until the time is over */
	DM_ETCD_ROUND   /* idempotent, each endpoint once */
};

struct dm_etcd_answer {
	json_t *body; /* NULL on error */
	/* Of an error that etcd gave, DM_ETCD_TOO_LARGE; -1: other errors. */
	int grpc_code;
};

/* err and a->body are its own. */
typedef void dm_etcd_answer_fn(
    struct dm_err *err, const struct dm_etcd_answer *a, void *arg);

struct dm_etcd_call {
	const char *path; /* static */
	json_t *body;     /* taken; NULL: a GET */
	enum dm_etcd_retry retry;
	int64_t timeout_ms; /* 0: the client's */
	bool is_auth;       /* carries the password: no token, wiped after */
	bool any_member;    /* see struct dm_etcd_transfer_opts */
};

/* Any thread. done runs on the client's thread. */
void dm_etcd_call_start(struct dm_etcd *e, const struct dm_etcd_call *c,
    dm_etcd_answer_fn *done, void *arg);
/* Any thread but the client's. *body: new reference; NULL: not wanted.
 * *grpc_code may be NULL, is always set. */
struct dm_err *dm_etcd_call(struct dm_etcd *e, const struct dm_etcd_call *c,
    json_t **body, int *grpc_code) DM_MUST_CHECK;
/* For the end of the client: every request ends with "context canceled". */
void dm_etcd_requests_cancel(struct dm_etcd *e);
/*
 * The error inside an answer: {"error": "..."} or {"error": {"message": ..}};
 * NULL when there is none. *grpc_code is set with it.
 */
struct dm_err *dm_etcd_answer_error(
    const json_t *root, int *grpc_code) DM_MUST_CHECK;

/* ---- auth.c ---- */

/* True when transfers can start now; else w->fn is called later. */
bool dm_etcd_token_ready(struct dm_etcd *e, struct dm_etcd_token_wait *w);
void dm_etcd_token_unwait(struct dm_etcd *e, struct dm_etcd_token_wait *w);
/* Does this error of etcd's mean that our token is no good? Then it is
 * dropped, and a new one is fetched when next needed. */
bool dm_etcd_token_refused(struct dm_etcd *e, const struct dm_err *err);
void dm_etcd_token_drop(struct dm_etcd *e);

/* ---- kv.c: forms with a time limit of their own, for election.c;
 * 0: the client's. Any thread but the client's. ---- */

struct dm_err *dm_etcd_range_in(struct dm_etcd *e, const char *key, bool prefix,
    int64_t timeout_ms, struct dm_etcd_kvs **out) DM_MUST_CHECK;
struct dm_err *dm_etcd_txn_run_in(struct dm_etcd *e, struct dm_etcd_txn *t,
    int64_t timeout_ms, struct dm_etcd_txn_result *out) DM_MUST_CHECK;

#endif
