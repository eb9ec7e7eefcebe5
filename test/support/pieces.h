/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes that a dm_dump_read gets in pieces: for tests of reading dumps. */
#ifndef DM_TEST_SUPPORT_PIECES_H
#define DM_TEST_SUPPORT_PIECES_H

#include "lib/err/err.h"

#include <string.h>

struct pieces {
	const void *p;     /* borrowed */
	size_t left, step; /* at most step bytes at a time */
};

static inline struct dm_err *
pieces_read(void *arg, void *buf, size_t size, size_t *got)
{
	struct pieces *s = arg;

	*got = MIN(MIN(size, s->step), s->left);
	if (*got > 0)
		memcpy(buf, s->p, *got);
	s->p = (const char *)s->p + *got;
	s->left -= *got;
	return NULL;
}

#endif
