/* SPDX-License-Identifier: Apache-2.0 */
/* The list of masters: see masters.h. */
#include "worker/agent/masters.h"

#include "lib/thread/mutex.h"

#define RANK_MASTERS 110 /* above the agent's own */

struct masters {
	char **join;
	struct dm_mutex mu; /* rank 110; guards the fields below */
	GPtrArray *list;    /* strings; members first */
	guint next;         /* of list; its length: begin again */
};

static void
add_once(GPtrArray *list, const char *addr)
{
	if (!g_ptr_array_find_with_equal_func(list, addr, g_str_equal, NULL))
		g_ptr_array_add(list, g_strdup(addr));
}

static GPtrArray *
merge(char *const *members, size_t n, char *const *join)
{
	GPtrArray *list = g_ptr_array_new_with_free_func(g_free);

	for (size_t i = 0; i < n; i++)
		add_once(list, members[i]);
	for (; *join != NULL; join++)
		add_once(list, *join);
	return list;
}

struct masters *
masters_new(const char *const *join)
{
	struct masters *m = g_new0(struct masters, 1);
	g_autoptr(GStrvBuilder) copy = g_strv_builder_new();

	for (; *join != NULL; join++)
		g_strv_builder_add(copy, *join);
	m->join = g_strv_builder_end(copy);
	m->list = merge(NULL, 0, m->join);
	dm_assert(m->list->len > 0);
	dm_mutex_init(&m->mu, RANK_MASTERS);
	return m;
}

void
masters_free(struct masters *m)
{
	if (m == NULL)
		return;
	dm_mutex_fini(&m->mu);
	g_ptr_array_unref(m->list);
	g_strfreev(m->join);
	g_free(m);
}

char *
masters_next(struct masters *m)
{
	char *addr;

	dm_mutex_lock(&m->mu);
	if (m->next >= m->list->len)
		m->next = 0;
	addr = g_strdup(g_ptr_array_index(m->list, m->next));
	m->next++;
	dm_mutex_unlock(&m->mu);
	return addr;
}

void
masters_stay(struct masters *m)
{
	dm_mutex_lock(&m->mu);
	if (m->next > 0)
		m->next--;
	dm_mutex_unlock(&m->mu);
}

static bool
is_same(const GPtrArray *a, const GPtrArray *b)
{
	if (a->len != b->len)
		return false;
	for (guint i = 0; i < a->len; i++)
		if (!g_str_equal(a->pdata[i], b->pdata[i]))
			return false;
	return true;
}

/* Where the round goes on in the new list: behind the one given last, or at
 * the begin when that is gone. */
static guint
place_in(const struct masters *m, const GPtrArray *list)
{
	guint at;

	if (m->next == 0 || m->next > m->list->len ||
	    !g_ptr_array_find_with_equal_func((GPtrArray *)(uintptr_t)list,
		m->list->pdata[m->next - 1], g_str_equal, &at))
		return 0;
	return at + 1;
}

bool
masters_learn(struct masters *m, char *const *addrs, size_t n)
{
	g_autoptr(GPtrArray) list = NULL;
	bool changed;

	if (n == 0)
		return false;
	list = merge(addrs, n, m->join);
	dm_mutex_lock(&m->mu);
	changed = !is_same(list, m->list);
	if (changed) {
		GPtrArray *old = m->list;

		m->next = place_in(m, list);
		m->list = g_steal_pointer(&list);
		list = old; /* freed after unlocking */
	}
	dm_mutex_unlock(&m->mu);
	return changed;
}
