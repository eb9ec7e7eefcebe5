/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who may stay connected: see conns.h.
 *
 * DESIGN: dropping is shutdown(2), so the connection's own thread finds the end
 * and cleans up; the descriptor stays open until it was removed here. That is
 * done under the mutex, as it does not wait. Times are looked at only when a
 * new connection comes: until then a slow one harms nobody, and the server's
 * own time limit ends those that are silent.
 */
#include "lib/http/conns.h"

#include "lib/base/clock.h"
#include "lib/thread/mutex.h"

#include <sys/socket.h>

#define RANK 800

struct dm_http_conn {
	int fd;
	bool busy;
	struct dm_mono since; /* waits for its peer, unless busy */
	GList link;
};

struct dm_http_conns {
	size_t max;
	int64_t limit_ms;
	struct dm_mutex mu; /* guards live, and all that is in it */
	GQueue live;        /* of struct dm_http_conn, intrusive, not dropped */
};

struct dm_http_conns *
dm_http_conns_new(size_t max, int64_t limit_ms)
{
	struct dm_http_conns *c = g_new0(struct dm_http_conns, 1);

	c->max = max;
	c->limit_ms = limit_ms;
	dm_mutex_init(&c->mu, RANK);
	g_queue_init(&c->live);
	return c;
}

void
dm_http_conns_free(struct dm_http_conns *c)
{
	if (c == NULL)
		return;
	dm_assert(c->live.length == 0);
	dm_mutex_fini(&c->mu);
	g_free(c);
}

static bool
is_live(const struct dm_http_conn *conn)
{
	return conn->link.data != NULL;
}

static void
drop_locked(struct dm_http_conns *c, struct dm_http_conn *conn)
{
	dm_mutex_assert_held(&c->mu);
	(void)shutdown(conn->fd, SHUT_RDWR);
	g_queue_unlink(&c->live, &conn->link);
	conn->link.data = NULL;
}

/* NULL: all are busy. */
static struct dm_http_conn *
longest_waiting_locked(const struct dm_http_conns *c)
{
	struct dm_http_conn *found = NULL;

	for (GList *l = c->live.head; l != NULL; l = l->next) {
		struct dm_http_conn *conn = l->data;

		if (!conn->busy &&
		    (found == NULL || conn->since.ns < found->since.ns))
			found = conn;
	}
	return found;
}

bool
dm_http_conns_admit(struct dm_http_conns *c)
{
	struct dm_mono now = dm_mono_now();
	struct dm_http_conn *conn;
	bool room;

	dm_mutex_lock(&c->mu);
	while ((conn = longest_waiting_locked(c)) != NULL &&
	       (c->live.length >= c->max ||
		   dm_mono_diff_ms(now, conn->since) >= c->limit_ms))
		drop_locked(c, conn);
	room = c->live.length < c->max;
	dm_mutex_unlock(&c->mu);
	return room;
}

struct dm_http_conn *
dm_http_conns_add(struct dm_http_conns *c, int fd)
{
	struct dm_http_conn *conn = g_new0(struct dm_http_conn, 1);

	conn->fd = fd;
	conn->since = dm_mono_now();
	conn->link.data = conn;
	dm_mutex_lock(&c->mu);
	g_queue_push_tail_link(&c->live, &conn->link);
	dm_mutex_unlock(&c->mu);
	return conn;
}

void
dm_http_conns_remove(struct dm_http_conns *c, struct dm_http_conn *conn)
{
	dm_mutex_lock(&c->mu);
	if (is_live(conn))
		g_queue_unlink(&c->live, &conn->link);
	dm_mutex_unlock(&c->mu);
	g_free(conn);
}

void
dm_http_conn_set_busy(
    struct dm_http_conns *c, struct dm_http_conn *conn, bool busy)
{
	dm_mutex_lock(&c->mu);
	conn->busy = busy;
	conn->since = dm_mono_now();
	dm_mutex_unlock(&c->mu);
}

size_t
dm_http_conns_count(struct dm_http_conns *c)
{
	size_t n;

	dm_mutex_lock(&c->mu);
	n = c->live.length;
	dm_mutex_unlock(&c->mu);
	return n;
}
