/* SPDX-License-Identifier: Apache-2.0 */
/* The time from which a task or a validation is to begin. Threads: any. */
#ifndef DM_LIB_TEXT_START_TIME_H
#define DM_LIB_TEXT_START_TIME_H

#include <stdbool.h>
#include <stdint.h>

/* Is it in one of the formats that DM takes as start time? */
bool dm_start_time_ok(const char *text);
/* Those formats, for messages. */
extern const char dm_start_time_hints[];
/* Of a time in one of them: false if it names no zone, which is then that of
 * the source; else *unix_s: seconds since 1970. */
bool dm_start_time_unix(const char *text, int64_t *unix_s);

#endif
