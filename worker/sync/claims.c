/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Claims: see claims.h. DESIGN: an open-addressing table of 64-bit hashes; two
 * values with one hash only make a change wait that need not.
 */
#include "worker/sync/claims.h"

#include <string.h>

#define SLOTS_MIN ((size_t)1024)

struct slot {
	uint64_t hash; /* 0: free */
	struct claim claim;
};

struct claims {
	struct slot *slots;
	size_t n_slots; /* a power of two */
	size_t used;
};

struct claims *
claims_new(void)
{
	struct claims *c = g_new0(struct claims, 1);

	c->n_slots = SLOTS_MIN;
	c->slots = g_new0(struct slot, c->n_slots);
	return c;
}

void
claims_free(struct claims *c)
{
	if (c == NULL)
		return;
	g_free(c->slots);
	g_free(c);
}

static struct slot *
find(const struct claims *c, uint64_t hash)
{
	size_t i = hash & (c->n_slots - 1);

	while (c->slots[i].hash != 0 && c->slots[i].hash != hash)
		i = (i + 1) & (c->n_slots - 1);
	return &c->slots[i];
}

/* 0 marks a free slot. */
static uint64_t
usable(uint64_t hash)
{
	return hash == 0 ? 1 : hash;
}

const struct claim *
claims_get(const struct claims *c, uint64_t hash)
{
	const struct slot *s = find(c, usable(hash));

	return s->hash == 0 ? NULL : &s->claim;
}

/* Make the table anew with n slots and the claims that are not committed. */
static void
rebuild(struct claims *c, size_t n, const uint64_t *committed)
{
	struct slot *old = c->slots;
	size_t old_n = c->n_slots;

	c->slots = g_new0(struct slot, n);
	c->n_slots = n;
	c->used = 0;
	for (size_t i = 0; i < old_n; i++) {
		if (old[i].hash == 0)
			continue;
		if (committed != NULL &&
		    old[i].claim.seq <= committed[old[i].claim.lane])
			continue;
		*find(c, old[i].hash) = old[i];
		c->used++;
	}
	g_free(old);
}

void
claims_put(struct claims *c, uint64_t hash, unsigned lane, uint64_t seq)
{
	struct slot *s;

	if (c->used * 2 >= c->n_slots)
		rebuild(c, c->n_slots * 2, NULL);
	s = find(c, usable(hash));
	if (s->hash == 0)
		c->used++;
	*s = (struct slot){ .hash = usable(hash),
		.claim = { .seq = seq, .lane = lane } };
}

size_t
claims_count(const struct claims *c)
{
	return c->used;
}

void
claims_sweep(struct claims *c, const uint64_t *committed)
{
	rebuild(c, c->n_slots, committed);
}

void
claims_clear(struct claims *c)
{
	memset(c->slots, 0, c->n_slots * sizeof(*c->slots));
	c->used = 0;
}
