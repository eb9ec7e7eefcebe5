/* SPDX-License-Identifier: Apache-2.0 */
/* Statements and binlog positions given on the command line. */
#ifndef DM_CTL_SQL_H
#define DM_CTL_SQL_H

#include "lib/err/err.h"

/*
 * Split at the semicolons that are outside of quotes and comments; blanks
 * around a statement and empty statements are dropped. New array of new
 * strings.
 */
GPtrArray *ctl_sql_split(const char *text);
/*
 * The statements of words [from, n): joined by blanks, without the quotes
 * around all of it, each one checked to be a DDL that we can parse.
 *   *sqls  new array of new strings, at least one.
 * Errors: plain.
 */
struct dm_err *ctl_sql_from_args(
    const GPtrArray *words, size_t from, GPtrArray **sqls) DM_MUST_CHECK;
/* Is pos "file:number"? "" is: it means the position of the current error.
 * Errors: VERIFY_HANDLE_ERROR_ARGS. */
struct dm_err *ctl_check_binlog_pos(const char *pos) DM_MUST_CHECK;
/* Without quotes of one kind around it; new string. */
char *ctl_unquote(const char *text);

#endif
