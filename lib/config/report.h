/* SPDX-License-Identifier: Apache-2.0 */
/*
 * All problems of one configuration at once, each with file:line:col, field,
 * reason and remedy. Not thread-safe.
 */
#ifndef DM_LIB_CONFIG_REPORT_H
#define DM_LIB_CONFIG_REPORT_H

#include "lib/err/err.h"

struct dm_report;

struct dm_report *dm_report_new(const char *file);
void dm_report_free(struct dm_report *r);
DM_DEFINE_AUTO(dm_report)
/* line 0: the place is not known. code: one of DM's (DM_ERR_...). */
void dm_report_add(struct dm_report *r, int code, int line, int col,
    const char *field, const char *remedy, const char *reason_fmt, ...)
    DM_PRINTF(7, 8);
bool dm_report_is_empty(const struct dm_report *r);
/* NULL when empty. Else one error with the code of the first problem; its
 * message lists all of them, a line each:
 *   task.yaml:12:3: target-database.port: must be 1 to 65535; remedy */
struct dm_err *dm_report_error(const struct dm_report *r) DM_MUST_CHECK;

#endif
