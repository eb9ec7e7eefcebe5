/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Watches: see etcd.h. One streaming POST per watch.
 *
 * FORMAT: one JSON object a line: {"result": {"header", "created",
 * "canceled", "compact_revision", "events": [{"type", "kv"}]}} or {"error"}.
 *
 * DESIGN: `next` is the first revision not yet seen: that after the last
 * event's. The header's revision is no measure for it while etcd sends old
 * events (it is the store's, ahead of the batch); it is one where there are
 * no events: "created" of a watch from now, and progress notifications. A
 * stream that ends, or brings nothing for a time limit after it was opened,
 * is opened again at `next`, at the next endpoint.
 */
#include "lib/etcd/client.h"
#include "lib/etcd/codec.h"

#include <string.h>

#define FIRST_PAUSE_MS 100
#define MAX_PAUSE_MS   1000

struct dm_etcd_watch {
	struct dm_etcd *e;
	char *key;
	bool prefix;
	struct dm_etcd_watch_ops ops;
	void *arg;

	int64_t next;   /* 0: from now, until etcd told what now is */
	bool created;   /* on this stream */
	size_t scanned; /* bytes of the buffer known to have no line end */
	char *body;
	struct dm_etcd_transfer *t;
	struct dm_etcd_timer timer;
	struct dm_etcd_token_wait token;
	int64_t pause_ms;
	bool ended;    /* by compaction: nothing runs any more */
	bool stopped;  /* by its owner */
	unsigned busy; /* its callbacks on the stack: freed by the last */
};

static void open_stream(struct dm_etcd_watch *w);

static void
close_stream(struct dm_etcd_watch *w)
{
	dm_etcd_timer_clear(w->e, &w->timer);
	dm_etcd_token_unwait(w->e, &w->token);
	dm_etcd_transfer_free(DM_TAKE(w->t));
	g_clear_pointer(&w->body, g_free);
	w->scanned = 0;
	w->created = false;
}

static void
destroy(struct dm_etcd_watch *w)
{
	w->e->watches--;
	g_free(w->key);
	g_free(w);
}

/* Around every call of the user's: true when the watch may go on. */
static bool
leave_callback(struct dm_etcd_watch *w)
{
	w->busy--;
	if (!w->stopped)
		return true;
	if (w->busy == 0)
		destroy(w);
	return false;
}

static void
open_cb(void *arg)
{
	open_stream(arg);
}

/* Takes err. The stream is over: tell, then open it again. */
static void
retry(struct dm_etcd_watch *w, struct dm_err *err)
{
	if (w->t != NULL)
		dm_etcd_next_endpoint(w->e, w->t->endpoint);
	close_stream(w);
	dm_etcd_timer_set(w->e, &w->timer, w->pause_ms, open_cb, w);
	w->pause_ms = MIN(2 * w->pause_ms, MAX_PAUSE_MS);
	err = dm_err_wrap(err, HA_FAIL_WATCH_ETCD, w->key);
	w->busy++;
	if (w->ops.on_retry != NULL)
		w->ops.on_retry(err, w->arg);
	(void)leave_callback(w);
	dm_err_free(err);
}

static bool
parse_event(const json_t *j, struct dm_etcd_event *ev)
{
	const char *type = json_string_value(json_object_get(j, "type"));

	ev->deleted = type != NULL && strcmp(type, "DELETE") == 0;
	return dm_etcd_kv_parse(json_object_get(j, "kv"), &ev->kv);
}

static void
free_events(struct dm_etcd_event *ev, size_t n)
{
	for (size_t i = 0; i < n; i++)
		dm_etcd_kv_fini(&ev[i].kv);
	g_free(ev);
}

/* True: go on with the next line. */
static bool
take_events(struct dm_etcd_watch *w, const json_t *events)
{
	size_t n = json_array_size(events);
	struct dm_etcd_event *ev = g_new0(struct dm_etcd_event, n);
	int64_t rev = 0;
	bool ok = true;

	for (size_t i = 0; ok && i < n; i++) {
		ok = parse_event(json_array_get(events, i), &ev[i]);
		rev = MAX(rev, ev[i].kv.mod_revision);
	}
	if (!ok) {
		free_events(ev, n);
		retry(w, dm_err_plain("a malformed event"));
		return false;
	}
	w->next = MAX(w->next, rev + 1);
	w->pause_ms = FIRST_PAUSE_MS;
	w->busy++;
	w->ops.on_events(ev, n, rev, w->arg);
	ok = leave_callback(w);
	free_events(ev, n);
	return ok;
}

static bool
take_cancel(struct dm_etcd_watch *w, const json_t *result)
{
	const char *why =
	    json_string_value(json_object_get(result, "cancel_reason"));
	int64_t compacted;

	if (dm_etcd_get_i64(result, "compact_revision", &compacted) &&
	    compacted > 0) {
		close_stream(w);
		w->ended = true;
		w->busy++;
		w->ops.on_compacted(compacted, w->arg);
		(void)leave_callback(w);
		return false;
	}
	/* "permission denied" is what a watch gets for an old token. */
	dm_etcd_token_drop(w->e);
	retry(w, dm_err_plain("etcd canceled the watch: %.200s",
		     why != NULL ? why : "no reason given"));
	return false;
}

static bool
take_result(struct dm_etcd_watch *w, const json_t *result)
{
	const json_t *events = json_object_get(result, "events");
	int64_t rev = 0;

	if (json_is_true(json_object_get(result, "canceled")))
		return take_cancel(w, result);
	if (json_array_size(events) > 0)
		return take_events(w, events);
	if (!dm_etcd_get_revision(result, &rev)) {
		retry(w, dm_err_plain("a malformed header"));
		return false;
	}
	if (json_is_true(json_object_get(result, "created"))) {
		w->created = true;
		dm_etcd_timer_clear(w->e, &w->timer);
		if (w->next == 0)
			w->next = MAX(w->next, rev + 1);
	} else {
		w->next = MAX(w->next, rev + 1);
	}
	w->pause_ms = FIRST_PAUSE_MS;
	return true;
}

static bool
take_line(struct dm_etcd_watch *w, const char *line, size_t len)
{
	json_error_t je;
	json_t *root = json_loadb(line, len, 0, &je);
	json_t *result = json_object_get(root, "result");
	struct dm_err *err = NULL;
	int code;
	bool ok;

	if (root == NULL)
		err = dm_err_plain("a line that is not JSON: %s", je.text);
	else
		err = dm_etcd_answer_error(root, &code);
	if (err == NULL && !json_is_object(result))
		err = dm_err_plain("a line without a result");
	if (err != NULL) {
		(void)dm_etcd_token_refused(w->e, err);
		retry(w, err);
		ok = false;
	} else {
		ok = take_result(w, result);
	}
	json_decref(root);
	return ok;
}

static void
on_data(struct dm_etcd_transfer *t, void *arg)
{
	struct dm_etcd_watch *w = arg;
	size_t from = 0;
	const char *nl;

	/* An error page without a line end is left for on_end. */
	while ((nl = memchr(t->in->str + w->scanned, '\n',
		    t->in->len - w->scanned)) != NULL) {
		size_t end = (size_t)(nl - t->in->str);

		if (end > from && !take_line(w, t->in->str + from, end - from))
			return; /* t is gone */
		from = end + 1;
		w->scanned = from;
	}
	g_string_erase(t->in, 0, (gssize)from);
	w->scanned = t->in->len;
}

static struct dm_err *
end_reason(struct dm_etcd_transfer *t)
{
	DM_AUTO(dm_err) err = NULL;
	json_t *root;
	int code;

	if (t->rc != CURLE_OK)
		return dm_etcd_transfer_error(t);
	root = json_loadb(t->in->str, t->in->len, 0, NULL);
	if (root != NULL)
		err = dm_etcd_answer_error(root, &code);
	json_decref(root);
	if (err != NULL)
		return DM_TAKE(err);
	return dm_err_plain("etcd ended the watch, HTTP %ld", t->status);
}

static void
on_end(struct dm_etcd_transfer *t, void *arg)
{
	struct dm_etcd_watch *w = arg;
	struct dm_err *err = end_reason(t);

	(void)dm_etcd_token_refused(w->e, err);
	retry(w, err);
}

static void
on_silence(void *arg)
{
	retry(arg, dm_err_plain("etcd does not answer"));
}

static void
on_token(struct dm_err *err, void *arg)
{
	if (err != NULL)
		retry(arg, err);
	else
		open_stream(arg);
}

static char *
create_body(const struct dm_etcd_watch *w)
{
	json_t *create = dm_etcd_json_key(w->key, w->prefix);
	json_t *root;
	char *text;

	json_object_set_new(create, "progress_notify", json_true());
	if (w->next > 0)
		json_object_set_new(
		    create, "start_revision", dm_etcd_json_i64(w->next));
	root = json_pack("{s:o}", "create_request", create);
	text = json_dumps(root, JSON_COMPACT);
	dm_assert(text != NULL);
	json_decref(root);
	return text;
}

static void
open_stream(struct dm_etcd_watch *w)
{
	struct dm_etcd_transfer_opts o = {
		.path = "/v3/watch",
		.stream = true,
		.resend = true,
		.on_data = on_data,
		.on_end = on_end,
		.arg = w,
	};

	if (w->e->ended || !dm_etcd_token_ready(w->e, &w->token))
		return;
	w->body = create_body(w);
	o.body = w->body;
	o.body_len = strlen(w->body);
	w->t = dm_etcd_transfer_start(w->e, &o);
	dm_etcd_timer_set(w->e, &w->timer, w->e->timeout_ms, on_silence, w);
}

static void
enter(void *arg)
{
	struct dm_etcd_watch *w = arg;

	w->e->watches++;
	open_stream(w);
}

struct dm_etcd_watch *
dm_etcd_watch_start(struct dm_etcd *e, const char *key, bool prefix,
    int64_t from, const struct dm_etcd_watch_ops *ops, void *arg)
{
	struct dm_etcd_watch *w = g_new0(struct dm_etcd_watch, 1);

	dm_assert(key[0] != '\0' && ops->on_events && ops->on_compacted);
	w->e = e;
	w->key = g_strdup(key);
	w->prefix = prefix;
	w->next = from;
	w->ops = *ops;
	w->arg = arg;
	w->pause_ms = FIRST_PAUSE_MS;
	w->token.fn = on_token;
	w->token.arg = w;
	/* On the client's thread a stop may come before a posted start. */
	if (dm_etcd_on_thread(e))
		enter(w);
	else
		dm_etcd_post(e, enter, w);
	return w;
}

static void
stop(void *arg)
{
	struct dm_etcd_watch *w = arg;

	w->stopped = true;
	close_stream(w);
	if (w->busy == 0)
		destroy(w);
}

void
dm_etcd_watch_stop(struct dm_etcd_watch *w)
{
	if (w != NULL)
		dm_etcd_post_wait(w->e, stop, w);
}
