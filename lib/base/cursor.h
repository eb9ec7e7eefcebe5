/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bounds-checked reading of bytes that come from outside. A read past the end
 * sets `failed`, which sticks, and yields zeros (or NULL); the caller checks
 * it once, at the end. Threads: one owner.
 */
#ifndef DM_LIB_BASE_CURSOR_H
#define DM_LIB_BASE_CURSOR_H

#include "lib/base/base.h"

struct dm_cursor {
	const uint8_t *p;   /* next byte, borrowed */
	const uint8_t *end; /* one past the last byte */
	bool failed;
};

static inline struct dm_cursor
dm_cursor_of(const void *data, size_t size)
{
	const uint8_t *p = (const uint8_t *)data;

	return (struct dm_cursor){ .p = p, .end = p + size, .failed = false };
}

static inline size_t
dm_cursor_left(const struct dm_cursor *c)
{
	return (size_t)(c->end - c->p);
}

/* The next n bytes, or NULL. n = 0 is never a failure. */
static inline const uint8_t *
dm_cursor_bytes(struct dm_cursor *c, size_t n)
{
	const uint8_t *p = c->p;

	if (c->failed || dm_cursor_left(c) < n) {
		c->failed = true;
		return NULL;
	}
	c->p += n;
	return p;
}

static inline void
dm_cursor_skip(struct dm_cursor *c, size_t n)
{
	(void)dm_cursor_bytes(c, n);
}

/* Little-endian unsigned integer of n bytes, 1 to 8. */
static inline uint64_t
dm_cursor_le(struct dm_cursor *c, size_t n)
{
	const uint8_t *p = dm_cursor_bytes(c, n);
	uint64_t v = 0;

	if (p == NULL)
		return 0;
	for (size_t i = n; i > 0; i--)
		v = v << 8 | p[i - 1];
	return v;
}

/* Big-endian unsigned integer of n bytes, 1 to 8. */
static inline uint64_t
dm_cursor_be(struct dm_cursor *c, size_t n)
{
	const uint8_t *p = dm_cursor_bytes(c, n);
	uint64_t v = 0;

	if (p == NULL)
		return 0;
	for (size_t i = 0; i < n; i++)
		v = v << 8 | p[i];
	return v;
}

static inline uint8_t
dm_cursor_u8(struct dm_cursor *c)
{
	return (uint8_t)dm_cursor_le(c, 1);
}

static inline uint16_t
dm_cursor_u16(struct dm_cursor *c)
{
	return (uint16_t)dm_cursor_le(c, 2);
}

static inline uint32_t
dm_cursor_u32(struct dm_cursor *c)
{
	return (uint32_t)dm_cursor_le(c, 4);
}

static inline uint64_t
dm_cursor_u64(struct dm_cursor *c)
{
	return dm_cursor_le(c, 8);
}

/* MySQL's length-encoded integer; 0xfb and 0xff fail. */
uint64_t dm_cursor_lenenc(struct dm_cursor *c);

#endif
