/* SPDX-License-Identifier: Apache-2.0 */
/* The end of the process when an invariant is broken. */
#include "lib/base/base.h"

#include <stdio.h>
#include <stdlib.h>

void
dm_assert_failed(const char *cond, const char *file, int line)
{
	fprintf(stderr, "%s:%d: assertion failed: %s\n", file, line, cond);
	fflush(stderr);
	abort();
}
