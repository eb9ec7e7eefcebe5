/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The list of masters: see members.h.
 *
 * A member that has not started yet has no address and is left out. While etcd
 * does not answer the list stays as it is.
 */
#include "master/session/members.h"

#include "lib/log/log.h"
#include "lib/thread/mutex.h"
#include "master/cluster/peers.h"

#include <string.h>

#define ASK_MS       3000
#define RANK_MEMBERS 45

struct members {
	const struct dm_master_cfg *cfg;
	struct dm_etcd *etcd;
	void (*changed)(void *arg);
	void *arg;
	pthread_t thread;

	struct dm_mutex mu; /* rank 45; guards the fields below */
	pthread_cond_t wake;
	char **list;
	bool stopping;
};

static int
by_text(gconstpointer a, gconstpointer b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static struct dm_err *
ask(const struct members *m, char ***list)
{
	g_autoptr(GPtrArray) peers = NULL;
	GPtrArray *out;
	struct dm_err *err = peers_list(m->cfg, m->etcd, &peers);

	if (err != NULL)
		return err;
	out = g_ptr_array_new();
	for (guint i = 0; i < peers->len; i++) {
		const struct peer *p = g_ptr_array_index(peers, i);

		if (p->addr[0] != '\0')
			g_ptr_array_add(out, g_strdup(p->addr));
	}
	g_ptr_array_sort(out, by_text);
	g_ptr_array_add(out, NULL);
	*list = (char **)g_ptr_array_free(out, FALSE);
	return NULL;
}

/* Takes list. */
static void
take(struct members *m, char **list)
{
	bool other;

	dm_mutex_lock(&m->mu);
	other = !g_strv_equal(
	    (const char *const *)list, (const char *const *)m->list);
	if (other) {
		char **old = m->list;

		m->list = list;
		list = old;
	}
	dm_mutex_unlock(&m->mu);
	g_strfreev(list);
	if (other)
		m->changed(m->arg);
}

static bool
pause_between(struct members *m)
{
	bool go;

	dm_mutex_lock(&m->mu);
	if (!m->stopping)
		(void)dm_cond_wait_ms(&m->wake, &m->mu, ASK_MS);
	go = !m->stopping;
	dm_mutex_unlock(&m->mu);
	return go;
}

static void *
members_main(void *arg)
{
	struct members *m = arg;

	do {
		char **list;
		struct dm_err *err = ask(m, &list);

		if (err == NULL)
			take(m, list);
		else
			dm_debug("members are not known", dm_kerr(err));
		dm_err_free(err);
	} while (pause_between(m));
	return NULL;
}

struct members *
members_start(const struct dm_master_cfg *cfg, struct dm_etcd *etcd,
    void (*changed)(void *arg), void *arg)
{
	struct members *m = g_new0(struct members, 1);

	m->cfg = cfg;
	m->etcd = etcd;
	m->changed = changed;
	m->arg = arg;
	m->list = g_new0(char *, 1);
	dm_mutex_init(&m->mu, RANK_MEMBERS);
	dm_cond_init(&m->wake);
	m->thread = dm_thread_start("members", members_main, m);
	return m;
}

void
members_stop(struct members *m)
{
	if (m == NULL)
		return;
	dm_mutex_lock(&m->mu);
	m->stopping = true;
	pthread_cond_broadcast(&m->wake);
	dm_mutex_unlock(&m->mu);
	pthread_join(m->thread, NULL);
}

void
members_free(struct members *m)
{
	if (m == NULL)
		return;
	pthread_cond_destroy(&m->wake);
	dm_mutex_fini(&m->mu);
	g_strfreev(m->list);
	g_free(m);
}

char **
members_list(struct members *m)
{
	char **copy;

	if (m == NULL)
		return g_new0(char *, 1);
	dm_mutex_lock(&m->mu);
	copy = g_strdupv(m->list);
	dm_mutex_unlock(&m->mu);
	return copy;
}
