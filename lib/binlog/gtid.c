/* SPDX-License-Identifier: Apache-2.0 */
/*
 * GTID sets as values: see gtid.h. Text is in gtid_text.c, the forms inside
 * events in gtid_event.c.
 */
#include "lib/binlog/gtid.h"

#include "lib/binlog/gtid_int.h"

#include <string.h>

struct dm_gtid_set *
dm_gtid_set_new(enum dm_flavor flavor)
{
	struct dm_gtid_set *s = g_new0(struct dm_gtid_set, 1);

	s->flavor = flavor;
	s->sids = g_array_new(FALSE, FALSE, sizeof(struct dm_gtid_sid));
	s->domains = g_array_new(FALSE, FALSE, sizeof(struct dm_gtid_domain));
	return s;
}

static struct dm_gtid_sid *
sid_at(const struct dm_gtid_set *s, unsigned i)
{
	return &g_array_index(s->sids, struct dm_gtid_sid, i);
}

static struct dm_gtid_domain *
domain_at(const struct dm_gtid_set *s, unsigned i)
{
	return &g_array_index(s->domains, struct dm_gtid_domain, i);
}

static struct dm_gtid_range *
range_at(const struct dm_gtid_sid *sid, unsigned i)
{
	return &g_array_index(sid->ranges, struct dm_gtid_range, i);
}

void
dm_gtid_set_free(struct dm_gtid_set *s)
{
	if (s == NULL)
		return;
	for (unsigned i = 0; i < s->sids->len; i++)
		g_array_free(sid_at(s, i)->ranges, TRUE);
	g_array_free(s->sids, TRUE);
	g_array_free(s->domains, TRUE);
	g_free(s);
}

struct dm_gtid_set *
dm_gtid_set_copy(const struct dm_gtid_set *s)
{
	struct dm_gtid_set *copy = dm_gtid_set_new(s->flavor);

	for (unsigned i = 0; i < s->sids->len; i++) {
		struct dm_gtid_sid sid = *sid_at(s, i);

		sid.ranges = g_array_copy(sid.ranges);
		g_array_append_val(copy->sids, sid);
	}
	if (s->domains->len > 0)
		g_array_append_vals(
		    copy->domains, s->domains->data, s->domains->len);
	return copy;
}

bool
dm_gtid_set_is_empty(const struct dm_gtid_set *s)
{
	return s->sids->len == 0 && s->domains->len == 0;
}

enum dm_flavor
dm_gtid_set_flavor(const struct dm_gtid_set *s)
{
	return s->flavor;
}

static int
compare_sid(
    const struct dm_gtid_sid *sid, const uint8_t uuid[16], const char *tag)
{
	int c = memcmp(sid->uuid, uuid, 16);

	return c != 0 ? c : strcmp(sid->tag, tag);
}

/* Where the source stands, or should be put. */
static unsigned
find_sid(const struct dm_gtid_set *s, const uint8_t uuid[16], const char *tag,
    bool *found)
{
	unsigned lo = 0, hi = s->sids->len;

	*found = false;
	while (lo < hi) {
		unsigned mid = (lo + hi) / 2;
		int c = compare_sid(sid_at(s, mid), uuid, tag);

		if (c == 0) {
			*found = true;
			return mid;
		}
		if (c < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

/* The first range that ends at or behind `first`. */
static unsigned
find_range(const struct dm_gtid_sid *sid, int64_t first)
{
	unsigned lo = 0, hi = sid->ranges->len;

	while (lo < hi) {
		unsigned mid = (lo + hi) / 2;

		if (range_at(sid, mid)->end < first)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

static void
add_range(struct dm_gtid_sid *sid, struct dm_gtid_range r)
{
	unsigned at = find_range(sid, r.first), n = 0;

	/* Swallow all ranges that overlap or touch the new one. */
	while (at + n < sid->ranges->len &&
	       range_at(sid, at + n)->first <= r.end) {
		r.first = MIN(r.first, range_at(sid, at + n)->first);
		r.end = MAX(r.end, range_at(sid, at + n)->end);
		n++;
	}
	if (n == 0) {
		g_array_insert_val(sid->ranges, at, r);
		return;
	}
	*range_at(sid, at) = r;
	if (n > 1)
		g_array_remove_range(sid->ranges, at + 1, n - 1);
}

void
dm_gtid_add_range_(struct dm_gtid_set *s, const uint8_t uuid[16],
    const char *tag, struct dm_gtid_range r)
{
	bool found;
	unsigned i = find_sid(s, uuid, tag, &found);

	dm_assert(r.first < r.end);
	if (!found) {
		struct dm_gtid_sid sid = { 0 };

		memcpy(sid.uuid, uuid, 16);
		g_strlcpy(sid.tag, tag, sizeof(sid.tag));
		sid.ranges =
		    g_array_new(FALSE, FALSE, sizeof(struct dm_gtid_range));
		g_array_insert_val(s->sids, i, sid);
	}
	if (s->flavor == DM_FLAVOR_ANY)
		s->flavor = DM_FLAVOR_MYSQL;
	add_range(sid_at(s, i), r);
}

void
dm_gtid_set_add_mysql(
    struct dm_gtid_set *s, const uint8_t uuid[16], const char *tag, int64_t gno)
{
	/* 0 is an anonymous transaction. */
	if (gno > 0 && gno < DM_GNO_END)
		dm_gtid_add_range_(
		    s, uuid, tag, (struct dm_gtid_range){ gno, gno + 1 });
}

static unsigned
find_domain(const struct dm_gtid_set *s, uint32_t domain, bool *found)
{
	unsigned i = 0;

	while (i < s->domains->len && domain_at(s, i)->domain < domain)
		i++;
	*found = i < s->domains->len && domain_at(s, i)->domain == domain;
	return i;
}

void
dm_gtid_set_add_mariadb(
    struct dm_gtid_set *s, uint32_t domain, uint32_t server, uint64_t seq)
{
	struct dm_gtid_domain d = { domain, server, seq };
	bool found;
	unsigned i = find_domain(s, domain, &found);

	if (found)
		*domain_at(s, i) = d;
	else
		g_array_insert_val(s->domains, i, d);
	if (s->flavor == DM_FLAVOR_ANY)
		s->flavor = DM_FLAVOR_MARIADB;
}

static bool
sid_contains(const struct dm_gtid_sid *a, const struct dm_gtid_sid *b)
{
	for (unsigned i = 0; i < b->ranges->len; i++) {
		const struct dm_gtid_range *r = range_at(b, i);
		/* Ranges stand apart, so one alone must hold all of r. */
		unsigned at = find_range(a, r->first + 1);

		if (at == a->ranges->len || range_at(a, at)->first > r->first ||
		    range_at(a, at)->end < r->end)
			return false;
	}
	return true;
}

bool
dm_gtid_set_contains(const struct dm_gtid_set *a, const struct dm_gtid_set *b)
{
	bool found;
	unsigned at;

	for (unsigned i = 0; i < b->sids->len; i++) {
		const struct dm_gtid_sid *sid = sid_at(b, i);

		at = find_sid(a, sid->uuid, sid->tag, &found);
		if (!found || !sid_contains(sid_at(a, at), sid))
			return false;
	}
	for (unsigned i = 0; i < b->domains->len; i++) {
		at = find_domain(a, domain_at(b, i)->domain, &found);
		if (!found || domain_at(a, at)->seq < domain_at(b, i)->seq)
			return false;
	}
	return true;
}

bool
dm_gtid_set_equal(const struct dm_gtid_set *a, const struct dm_gtid_set *b)
{
	return dm_gtid_set_contains(a, b) && dm_gtid_set_contains(b, a);
}

void
dm_gtid_set_union(struct dm_gtid_set *a, const struct dm_gtid_set *b)
{
	if (a == b)
		return;
	for (unsigned i = 0; i < b->sids->len; i++) {
		const struct dm_gtid_sid *sid = sid_at(b, i);

		for (unsigned k = 0; k < sid->ranges->len; k++)
			dm_gtid_add_range_(
			    a, sid->uuid, sid->tag, *range_at(sid, k));
	}
	for (unsigned i = 0; i < b->domains->len; i++) {
		const struct dm_gtid_domain *d = domain_at(b, i);
		bool found;
		unsigned at = find_domain(a, d->domain, &found);

		if (!found || domain_at(a, at)->seq < d->seq)
			dm_gtid_set_add_mariadb(
			    a, d->domain, d->server, d->seq);
	}
}
