/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One HTTP POST (or GET) on the client's multi handle: see client.h.
 *
 * DESIGN: the body is read by a callback, not set as POSTFIELDS. So we know
 * whether etcd can have seen a request, and curl cannot send it a second time
 * when a kept connection breaks before the answer: the rewind is refused.
 */
#include "lib/etcd/client.h"

#include <stdio.h>
#include <string.h>

static size_t
give_body(char *buf, size_t size, size_t n, void *arg)
{
	struct dm_etcd_transfer *t = arg;
	size_t give = MIN(size * n, t->o.body_len - t->sent);

	memcpy(buf, t->o.body + t->sent, give);
	t->sent += give;
	return give;
}

static int
rewind_body(void *arg, curl_off_t offset, int origin)
{
	struct dm_etcd_transfer *t = arg;

	if (offset != 0 || origin != SEEK_SET)
		return CURL_SEEKFUNC_FAIL;
	if (t->sent > 0 && !t->o.resend)
		return CURL_SEEKFUNC_FAIL;
	t->sent = 0;
	return CURL_SEEKFUNC_OK;
}

static size_t
take_answer(char *data, size_t size, size_t n, void *arg)
{
	struct dm_etcd_transfer *t = arg;
	size_t len = size * n;

	if (len > DM_ETCD_MAX_ANSWER_BYTES - t->in->len) {
		t->too_large = true;
		return 0;
	}
	g_string_append_len(t->in, data, (gssize)len);
	t->fresh = true;
	return len;
}

static void
add_header(struct dm_etcd_transfer *t, const char *text)
{
	struct curl_slist *l = curl_slist_append(t->headers, text);

	dm_assert(l != NULL);
	t->headers = l;
}

static void
set_headers(struct dm_etcd_transfer *t)
{
	const char *token = t->o.no_token ? NULL : t->e->token;

	add_header(t, "Content-Type: application/json");
	add_header(t, "Expect:"); /* no 100-continue round trip */
	/* A watch at a member that lost its leader shall end, not be silent. */
	if (t->o.stream)
		add_header(t, "Grpc-Metadata-Hasleader: true");
	if (token != NULL && token[0] != '\0') {
		g_autofree char *h =
		    g_strdup_printf("Authorization: %s", token);

		add_header(t, h);
	}
	curl_easy_setopt(t->easy, CURLOPT_HTTPHEADER, t->headers);
}

static void
set_where(struct dm_etcd_transfer *t)
{
	struct dm_etcd *e = t->e;
	struct dm_etcd_endpoint *ep =
	    g_ptr_array_index(e->endpoints, t->endpoint);
	g_autofree char *url = g_strconcat(ep->base, t->o.path, NULL);

	curl_easy_setopt(t->easy, CURLOPT_URL, url);
	curl_easy_setopt(t->easy, CURLOPT_PROXY, "");
	curl_easy_setopt(t->easy, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(
	    t->easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	if (ep->socket != NULL)
		curl_easy_setopt(t->easy, CURLOPT_UNIX_SOCKET_PATH,
		    dm_etcd_endpoint_socket(ep));
	if (!ep->tls)
		return;
	if (e->ssl_ca != NULL)
		curl_easy_setopt(t->easy, CURLOPT_CAINFO, e->ssl_ca);
	if (e->ssl_cert != NULL)
		curl_easy_setopt(t->easy, CURLOPT_SSLCERT, e->ssl_cert);
	if (e->ssl_key != NULL)
		curl_easy_setopt(t->easy, CURLOPT_SSLKEY, e->ssl_key);
}

static void
set_how(struct dm_etcd_transfer *t)
{
	CURL *c = t->easy;

	curl_easy_setopt(c, CURLOPT_PRIVATE, t);
	curl_easy_setopt(c, CURLOPT_ERRORBUFFER, t->errbuf);
	curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
	if (t->o.body != NULL) {
		curl_easy_setopt(c, CURLOPT_POST, 1L);
		curl_easy_setopt(
		    c, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)t->o.body_len);
	}
	curl_easy_setopt(c, CURLOPT_READFUNCTION, give_body);
	curl_easy_setopt(c, CURLOPT_READDATA, t);
	curl_easy_setopt(c, CURLOPT_SEEKFUNCTION, rewind_body);
	curl_easy_setopt(c, CURLOPT_SEEKDATA, t);
	curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, take_answer);
	curl_easy_setopt(c, CURLOPT_WRITEDATA, t);
	/* A peer that vanished is noticed after about 20 s. */
	curl_easy_setopt(c, CURLOPT_TCP_KEEPALIVE, 1L);
	curl_easy_setopt(c, CURLOPT_TCP_KEEPIDLE, 10L);
	curl_easy_setopt(c, CURLOPT_TCP_KEEPINTVL, 5L);
	curl_easy_setopt(
	    c, CURLOPT_CONNECTTIMEOUT_MS, (long)DM_ETCD_CONNECT_MS);
	if (!t->o.stream)
		curl_easy_setopt(
		    c, CURLOPT_TIMEOUT_MS, (long)MAX(t->o.timeout_ms, 1));
}

struct dm_etcd_transfer *
dm_etcd_transfer_start(struct dm_etcd *e, const struct dm_etcd_transfer_opts *o)
{
	struct dm_etcd_transfer *t = g_new0(struct dm_etcd_transfer, 1);

	t->e = e;
	t->o = *o;
	t->endpoint = e->current;
	t->in = g_string_new(NULL);
	t->easy = curl_easy_init();
	dm_assert(t->easy != NULL);
	set_how(t);
	set_where(t);
	set_headers(t);
	if (o->stream) {
		t->link.data = t;
		g_queue_push_tail_link(&e->streams, &t->link);
	}
	dm_assert(curl_multi_add_handle(e->multi, t->easy) == CURLM_OK);
	return t;
}

void
dm_etcd_transfer_free(struct dm_etcd_transfer *t)
{
	if (t == NULL)
		return;
	if (t->o.stream)
		g_queue_unlink(&t->e->streams, &t->link);
	curl_multi_remove_handle(t->e->multi, t->easy);
	curl_easy_cleanup(t->easy);
	curl_slist_free_all(t->headers);
	g_string_free(t->in, TRUE);
	g_free(t);
}

struct dm_err *
dm_etcd_transfer_error(struct dm_etcd_transfer *t)
{
	struct dm_etcd_endpoint *ep =
	    g_ptr_array_index(t->e->endpoints, t->endpoint);
	const char *why =
	    t->errbuf[0] != '\0' ? t->errbuf : curl_easy_strerror(t->rc);

	if (t->too_large)
		why = "the answer is larger than 64 MiB";
	return dm_err_plain("etcd %s: %s", ep->text, why);
}

/* Streams first: what came before the end of a stream is not lost. */
static void
deliver_data(struct dm_etcd *e)
{
	GList *l = e->streams.head;

	while (l != NULL) {
		struct dm_etcd_transfer *t = l->data;

		if (!t->fresh) {
			l = l->next;
			continue;
		}
		t->fresh = false;
		t->o.on_data(t, t->o.arg);
		/* It may have freed this and other streams: start again. */
		l = e->streams.head;
	}
}

void
dm_etcd_transfers_deliver(struct dm_etcd *e)
{
	struct dm_etcd_transfer *t;
	CURLMsg *m;
	int left;

	deliver_data(e);
	while ((m = curl_multi_info_read(e->multi, &left)) != NULL) {
		if (m->msg != CURLMSG_DONE)
			continue;
		curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, &t);
		t->rc = m->data.result;
		curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &t->status);
		t->o.on_end(t, t->o.arg);
	}
}
