/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The connection to one of the masters.
 *
 * DESIGN: calls may run on several threads while one of them reconnects, so a
 * channel that was replaced stays open until the client is freed. There are
 * few: one for each lost connection or raised limit.
 * SOURCE: dm/ctl/common/util.go CtlClient, SendRequest.
 */
#include "ctl/client.h"
#include "dmmaster.pb-c.h"
#include "lib/log/log.h"
#include "lib/net/probe.h"
#include "lib/net/reach.h"
#include "lib/rpc/rpc.h"
#include "lib/thread/mutex.h"

#include <string.h>

#define CONNECT_MS 3000
#define PROBE_MS   1000
/* Answers beyond this are not fetched, whatever the master wants to send. */
#define MAX_ANSWER_BYTES ((size_t)1 << 30)
#define MUTEX_RANK       10

struct ctl_client {
	const struct ctl_settings *set;
	struct ctl_transport transport;
	struct dm_mutex mu;    /* guards the fields below */
	GPtrArray *channels;   /* struct dm_rpc_channel*, owned; last: in use */
	size_t max_recv_bytes; /* 0: the default */
};

static struct dm_err *call(void *self, const char *method,
    const ProtobufCMessage *req, int64_t timeout_ms, ProtobufCMessage **resp);

static void
free_channel(void *p)
{
	dm_rpc_channel_free(p);
}

struct ctl_client *
ctl_client_new(const struct ctl_settings *set)
{
	struct ctl_client *c = g_new0(struct ctl_client, 1);

	c->set = set;
	c->transport.call = call;
	c->transport.self = c;
	c->channels = g_ptr_array_new_with_free_func(free_channel);
	dm_mutex_init(&c->mu, MUTEX_RANK);
	dm_rpc_use_tls(set->tls);
	return c;
}

void
ctl_client_free(struct ctl_client *c)
{
	if (c == NULL)
		return;
	g_ptr_array_unref(c->channels);
	dm_mutex_fini(&c->mu);
	g_free(c);
}

const struct ctl_transport *
ctl_client_transport(struct ctl_client *c)
{
	return &c->transport;
}

/* ---- connecting ---- */

static struct dm_rpc_channel *
current(struct ctl_client *c)
{
	struct dm_rpc_channel *ch;

	dm_mutex_lock(&c->mu);
	dm_assert(c->channels->len > 0);
	ch = g_ptr_array_index(c->channels, c->channels->len - 1);
	dm_mutex_unlock(&c->mu);
	return ch;
}

/* Of several masters one that is down must not cost the time in which a
 * channel would wait for it. */
static bool
is_down(const struct ctl_client *c, const char *master)
{
	return c->set->masters[1] != NULL &&
	       dm_net_reach(master, PROBE_MS) != DM_NET_OPEN;
}

/* DM's cause, then what a connection by hand meets at each master. */
static struct dm_err *
unreachable(const struct ctl_settings *set)
{
	g_autoptr(GString) why = g_string_new("context deadline exceeded");

	for (char **m = set->masters; *m != NULL; m++) {
		DM_AUTO(dm_err) err = dm_net_probe(*m, set->tls, PROBE_MS);

		if (err != NULL)
			g_string_append_printf(why, "%s%s",
			    m == set->masters ? ": " : "; ", err->message);
	}
	return dm_err_set_cause(
	    dm_err_new(CTL_GRPC_CREATE_CONN, set->master_addr), "%s", why->str);
}

struct dm_err *
ctl_client_connect(struct ctl_client *c)
{
	struct dm_rpc_channel_opts o = { 0 };

	dm_mutex_lock(&c->mu);
	o.max_recv_bytes = c->max_recv_bytes;
	dm_mutex_unlock(&c->mu);
	for (char **m = c->set->masters; *m != NULL; m++) {
		struct dm_rpc_channel *ch;

		if (is_down(c, *m))
			continue;
		ch = dm_rpc_channel_new(*m, &o);
		if (dm_rpc_channel_wait(ch, CONNECT_MS)) {
			dm_info(
			    "connected to dm-master", dm_kstr("address", *m));
			dm_mutex_lock(&c->mu);
			g_ptr_array_add(c->channels, ch);
			dm_mutex_unlock(&c->mu);
			return NULL;
		}
		dm_warn("can not connect to dm-master", dm_kstr("address", *m));
		dm_rpc_channel_free(ch);
	}
	return unreachable(c->set);
}

/* ---- calling ---- */

size_t
ctl_client_wanted_bytes(const char *text)
{
	/* gRPC's libraries begin the phrase with a small or a capital r. */
	static const char phrase[] = "eceived message larger than max (";
	const char *hit = strstr(text, phrase);
	guint64 n;
	char *end;

	if (hit == NULL)
		return 0;
	n = g_ascii_strtoull(hit + strlen(phrase), &end, 10);
	if (!g_str_has_prefix(end, " vs. ") || n > MAX_ANSWER_BYTES)
		return 0;
	return (size_t)n;
}

/* Is it worth a second try on a new connection? Raises the limit if that was
 * in the way. */
static bool
can_retry(
    struct ctl_client *c, const struct dm_err *err, enum dm_rpc_status status)
{
	size_t wanted;

	if (status == DM_RPC_UNAVAILABLE)
		return true;
	if (status != DM_RPC_RESOURCE_EXHAUSTED)
		return false;
	wanted = ctl_client_wanted_bytes(err->message);
	if (wanted == 0)
		return false;
	dm_mutex_lock(&c->mu);
	c->max_recv_bytes = MAX(c->max_recv_bytes, wanted);
	dm_mutex_unlock(&c->mu);
	return true;
}

static struct dm_err *
call(void *self, const char *method, const ProtobufCMessage *req,
    int64_t timeout_ms, ProtobufCMessage **resp)
{
	struct ctl_client *c = self;
	enum dm_rpc_status status;
	struct dm_err *err;

	err = dm_rpc_unary(current(c), &pb__master__descriptor, method, req,
	    timeout_ms, NULL, resp, &status);
	if (err == NULL || !can_retry(c, err, status))
		return err;
	dm_info(
	    "send a request again", dm_kstr("method", method), dm_kerr(err));
	dm_err_free(err);
	err = ctl_client_connect(c);
	if (err != NULL)
		return err;
	return dm_rpc_unary(current(c), &pb__master__descriptor, method, req,
	    timeout_ms, NULL, resp, &status);
}
