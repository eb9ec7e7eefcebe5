/* SPDX-License-Identifier: Apache-2.0 */
/* "Did you mean": the known name nearest to a mistyped one. Threads: any. */
#ifndef DM_LIB_CONFIG_SUGGEST_H
#define DM_LIB_CONFIG_SUGGEST_H

#include "lib/base/base.h"

/* The nearest of n names, borrowed; NULL when none is near (at most 2 edits,
 * and fewer than half of the letters). */
const char *dm_suggest(const char *typed, const char *const *names, size_t n);

#endif
