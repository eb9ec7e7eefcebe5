/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Regular expressions of which the capture groups are wanted: PCRE2's, with a
 * limit on the work of one match. Immutable after building; threads: any.
 */
#ifndef DM_LIB_TEXT_CAPTURE_H
#define DM_LIB_TEXT_CAPTURE_H

#include "lib/err/err.h"

struct dm_capture;

/* Case counts. Errors: plain, what is wrong with the expression. */
struct dm_err *dm_capture_new(
    const char *regex, struct dm_capture **out) DM_MUST_CHECK;
void dm_capture_free(struct dm_capture *c);
DM_DEFINE_AUTO(dm_capture)
unsigned dm_capture_groups(const struct dm_capture *c);
/* What all groups hold in text, one behind the other: a new string. NULL: no
 * match, or one that takes too much work. */
char *dm_capture_find(const struct dm_capture *c, const char *text);

#endif
