/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Arena: see arena.h. DESIGN: blocks double from 4 KiB to 1 MiB; a request
 * larger than that gets a block of its own size.
 */
#include "lib/base/arena.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define BLOCK_MIN ((size_t)4096)
#define BLOCK_MAX ((size_t)1 << 20)
#define ALIGNMENT ((size_t)16)

struct dm_arena_block {
	struct dm_arena_block *next;
	size_t size; /* of data */
	_Alignas(16) char data[];
};

void
dm_arena_init(struct dm_arena *a)
{
	*a = (struct dm_arena){ 0 };
}

void
dm_arena_fini(struct dm_arena *a)
{
	struct dm_arena_block *b;

	if (a == NULL)
		return;
	while ((b = a->head) != NULL) {
		a->head = b->next;
		g_free(b);
	}
	dm_arena_init(a);
}

void
dm_arena_reset(struct dm_arena *a)
{
	struct dm_arena_block *keep = a->head;

	if (keep == NULL)
		return;
	if (keep->size > BLOCK_MAX) {
		dm_arena_fini(a);
		return;
	}
	a->head = keep->next;
	dm_arena_fini(a);
	keep->next = NULL;
	a->head = keep;
	a->total_bytes = keep->size;
}

static void
add_block(struct dm_arena *a, size_t need)
{
	size_t size = a->head == NULL ? BLOCK_MIN : a->head->size * 2;
	struct dm_arena_block *b;

	if (size > BLOCK_MAX)
		size = BLOCK_MAX;
	if (size < need)
		size = need;
	b = g_malloc(sizeof(*b) + size);
	b->size = size;
	b->next = a->head;
	a->head = b;
	a->used = 0;
	a->total_bytes += size;
}

void *
dm_arena_alloc(struct dm_arena *a, size_t size)
{
	size_t need = (size + ALIGNMENT - 1) & ~(ALIGNMENT - 1);
	void *p;

	dm_assert(need >= size);
	if (a->head == NULL || a->head->size - a->used < need)
		add_block(a, need);
	p = a->head->data + a->used;
	a->used += need;
	return p;
}

char *
dm_arena_strndup(struct dm_arena *a, const char *s, size_t n)
{
	char *copy = dm_arena_alloc(a, n + 1);

	if (n > 0)
		memcpy(copy, s, n);
	copy[n] = '\0';
	return copy;
}

char *
dm_arena_printf(struct dm_arena *a, const char *fmt, ...)
{
	va_list ap, again;
	char *s;
	int n;

	va_start(ap, fmt);
	va_copy(again, ap);
	n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	dm_assert(n >= 0);
	s = dm_arena_alloc(a, (size_t)n + 1);
	vsnprintf(s, (size_t)n + 1, fmt, again);
	va_end(again);
	return s;
}
