/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A fast 64-bit hash for tables in memory: its values differ between machines
 * of other byte order and may change, so they are never stored.
 */
#ifndef DM_LIB_BASE_HASH_H
#define DM_LIB_BASE_HASH_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Spread all bits over all others (splitmix64's finish). */
static inline uint64_t
dm_hash_spread(uint64_t h)
{
	h = (h ^ h >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	h = (h ^ h >> 27) * UINT64_C(0x94d049bb133111eb);
	return h ^ h >> 31;
}

static inline uint64_t
dm_hash64(uint64_t seed, const void *bytes, size_t len)
{
	const uint8_t *p = bytes;
	uint64_t h = seed ^ len * UINT64_C(0x9e3779b97f4a7c15), w;

	for (; len >= sizeof(w); len -= sizeof(w), p += sizeof(w)) {
		memcpy(&w, p, sizeof(w));
		h = (h ^ w) * UINT64_C(0x9e3779b97f4a7c15);
		h ^= h >> 32;
	}
	w = 0;
	for (size_t i = 0; i < len; i++)
		w |= (uint64_t)p[i] << 8 * i;
	return dm_hash_spread(h ^ w);
}

#endif
