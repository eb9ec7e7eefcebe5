/* SPDX-License-Identifier: Apache-2.0 */
/* Checks of the patterns that routes and lists use (data-plane 1.9.1). */
#ifndef DM_LIB_CONFIG_PATTERN_H
#define DM_LIB_CONFIG_PATTERN_H

#include "lib/base/base.h"

/*
 * NULL when the pattern is good, else why not: new string.
 *   with_regex  "~..." is a regular expression, not a literal ~.
 */
char *dm_pattern_problem(const char *pattern, bool with_regex);

#endif
