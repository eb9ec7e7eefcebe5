/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory that dies together: one event, one DDL, one request. Nothing in an
 * arena has a destructor and nothing outside keeps a pointer into it.
 * Threads: one owner at a time.
 */
#ifndef DM_LIB_BASE_ARENA_H
#define DM_LIB_BASE_ARENA_H

#include "lib/base/base.h"

struct dm_arena_block;

struct dm_arena {
	struct dm_arena_block *head; /* newest first, owned */
	size_t used;                 /* of head */
	size_t total_bytes;          /* of all blocks */
};

/* A zeroed struct is a valid empty arena. */
void dm_arena_init(struct dm_arena *a);
/* Frees everything. Accepts NULL. */
void dm_arena_fini(struct dm_arena *a);
/* Forgets the content, keeps one block of at most 1 MiB for the next use. */
void dm_arena_reset(struct dm_arena *a);
/* 16-byte aligned, not zeroed. Never NULL: memory that ends aborts. */
void *dm_arena_alloc(struct dm_arena *a, size_t size);
/* Copies n bytes of s and ends them with NUL. */
char *dm_arena_strndup(struct dm_arena *a, const char *s, size_t n);
char *dm_arena_printf(struct dm_arena *a, const char *fmt, ...) DM_PRINTF(2, 3);

#endif
