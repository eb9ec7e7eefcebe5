/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Checksums of sets of rows: see checksum.h.
 *
 * DESIGN: 16 bytes are folded by one multiplication of 64 by 64 bits, so that a
 * sum costs far less than the row's way through the network. A row's hash goes
 * into two sums, once as it is and once folded again: what cancels out in one
 * does not in the other.
 */
#include "worker/copy/checksum.h"

#include <string.h>

/* Odd numbers without a pattern (the fractions of square roots). */
#define K0 UINT64_C(0x6a09e667f3bcc909)
#define K1 UINT64_C(0xbb67ae8584caa73b)
#define K2 UINT64_C(0x3c6ef372fe94f82b)
#define K3 UINT64_C(0xa54ff53a5f1d36f1)

__extension__ typedef unsigned __int128 wide;

static inline uint64_t
fold(uint64_t x, uint64_t y)
{
	wide p = (wide)x * y;

	return (uint64_t)p ^ (uint64_t)(p >> 64);
}

/* Little-endian on every machine: sums outlive the process. */
static inline uint64_t
word(const uint8_t *p)
{
	uint64_t v;

	memcpy(&v, p, sizeof(v));
	return GUINT64_FROM_LE(v);
}

static uint64_t
hash_bytes(uint64_t h, const char *text, size_t len)
{
	const uint8_t *p = (const uint8_t *)text;
	uint8_t tail[16] = { 0 };
	size_t left = len;

	for (; left >= 16; left -= 16, p += 16)
		h = fold(word(p) ^ K1, word(p + 8) ^ h);
	if (left > 0)
		memcpy(tail, p, left);
	h = fold(word(tail) ^ K2, word(tail + 8) ^ h);
	/* The length tells the padding from zero bytes. */
	return fold(h ^ K3, (uint64_t)len ^ K0);
}

uint64_t
copy_row_hash(const struct dm_sql_row *row)
{
	uint64_t h = K0 ^ row->n;

	for (unsigned i = 0; i < row->n; i++) {
		if (row->cells[i] == NULL)
			h = fold(h ^ K1, K3);
		else
			h = hash_bytes(h, row->cells[i], row->lengths[i]);
	}
	return h;
}

void
copy_sum_hash(struct copy_sum *s, uint64_t hash)
{
	s->rows++;
	s->a += hash;
	s->b += fold(hash ^ K2, hash ^ K1);
}

bool
copy_sum_equal(const struct copy_sum *x, const struct copy_sum *y)
{
	return x->rows == y->rows && x->a == y->a && x->b == y->b;
}
