/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The token of a client with user and password: see client.h.
 *
 * DESIGN: fetched when it is first needed; who needs it meanwhile waits. A
 * server without authentication refuses with FailedPrecondition: then we go on
 * without a token. A refused token is dropped; the next request fetches one.
 */
#include "lib/etcd/client.h"

#include <string.h>

#define GRPC_FAILED_PRECONDITION 9

static void
drop_secret(char **p)
{
	if (*p != NULL)
		explicit_bzero(*p, strlen(*p));
	g_clear_pointer(p, g_free);
}

/* Takes err. Who comes to wait from now on waits for the next token. */
static void
release_waiters(struct dm_etcd *e, struct dm_err *err)
{
	unsigned round = e->auth_round++;

	while (e->token_waits.head != NULL) {
		struct dm_etcd_token_wait *w = e->token_waits.head->data;

		if (w->round != round)
			break;
		dm_etcd_token_unwait(e, w);
		w->fn(err != NULL ? dm_err_copy(err) : NULL, w->arg);
	}
	dm_err_free(err);
}

/* Takes err. With users on, etcd's HTTP side takes no client certificate with
 * a name, as it would not be the user; its own words leave one at a loss. */
static struct dm_err *
explain(struct dm_err *err)
{
	g_autofree char *text = dm_err_text(err);

	if (strstr(text, "CommonName") != NULL)
		err = dm_err_annotate(err,
		    "an etcd with users and TLS takes only client "
		    "certificates without a CN in their subject");
	return dm_err_annotate(err, "authenticate at etcd");
}

static void
on_token(struct dm_err *err, const struct dm_etcd_answer *a, void *arg)
{
	struct dm_etcd *e = arg;
	const char *token =
	    json_string_value(json_object_get(a->body, "token"));

	e->authenticating = false;
	if (err != NULL && a->grpc_code == GRPC_FAILED_PRECONDITION) {
		dm_err_free(DM_TAKE(err));
		token = "";
	} else if (err == NULL && token == NULL) {
		err = dm_err_plain("etcd's answer has no token");
	} else if (err == NULL && strpbrk(token, "\r\n") != NULL) {
		err = dm_err_plain("etcd's token is malformed");
	}
	if (err == NULL) {
		drop_secret(&e->token);
		e->token = g_strdup(token);
	} else {
		err = explain(err);
	}
	json_decref(a->body);
	release_waiters(e, err);
}

bool
dm_etcd_token_ready(struct dm_etcd *e, struct dm_etcd_token_wait *w)
{
	struct dm_etcd_call c = { .path = "/v3/auth/authenticate",
		.retry = DM_ETCD_ALWAYS,
		.is_auth = true };

	if (e->user == NULL || e->token != NULL)
		return true;
	w->queued = true;
	w->round = e->auth_round;
	w->link.data = w;
	g_queue_push_tail_link(&e->token_waits, &w->link);
	if (!e->authenticating) {
		e->authenticating = true;
		c.body = json_pack(
		    "{s:s, s:s}", "name", e->user, "password", e->password);
		dm_assert(c.body != NULL);
		dm_etcd_call_start(e, &c, on_token, e);
	}
	return false;
}

void
dm_etcd_token_unwait(struct dm_etcd *e, struct dm_etcd_token_wait *w)
{
	if (!w->queued)
		return;
	g_queue_unlink(&e->token_waits, &w->link);
	w->queued = false;
}

bool
dm_etcd_token_refused(struct dm_etcd *e, const struct dm_err *err)
{
	/* Tokens time out; a change of users makes them old; "user name is
	 * empty" comes when authentication was switched on just now. */
	static const char *const texts[] = { "invalid auth token",
		"auth store is old", "user name is empty" };

	if (e->user == NULL)
		return false;
	for (size_t i = 0; i < DM_ARRAY_SIZE(texts); i++) {
		if (strstr(err->message, texts[i]) != NULL) {
			dm_etcd_token_drop(e);
			return true;
		}
	}
	return false;
}

void
dm_etcd_token_drop(struct dm_etcd *e)
{
	if (e->user != NULL)
		drop_secret(&e->token);
}
