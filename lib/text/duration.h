/* SPDX-License-Identifier: Apache-2.0 */
/* Durations in Go's spelling: "1h2m3s", "300ms", "5m0s". Threads: any. */
#ifndef DM_LIB_TEXT_DURATION_H
#define DM_LIB_TEXT_DURATION_H

#include "lib/err/err.h"

/* *ns: nanoseconds, may be negative. Errors: plain, in Go's words. */
struct dm_err *dm_duration_parse(const char *text, int64_t *ns) DM_MUST_CHECK;
/* "5m0s", "1.5s", "300ms", "0s": as Go prints it. New string. */
char *dm_duration_text(int64_t ns);

#endif
