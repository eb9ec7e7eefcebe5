/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A place in a source's binlog: file name and offset of an event's end (which
 * is the next event's start). Threads: any.
 *
 * A name that was read from a relay log may carry the number of the sub
 * directory it is in, as DM writes it: "mysql-bin|000002.000003" is
 * "mysql-bin.000003" in "<uuid>.000002". What is computed and stored for our
 * own use has no such suffix; people and DM's tools are shown it.
 */
#ifndef DM_LIB_BINLOG_POSITION_H
#define DM_LIB_BINLOG_POSITION_H

#include "lib/err/err.h"

#define DM_BINLOG_NAME_MAX 127

struct dm_pos {
	char name[DM_BINLOG_NAME_MAX + 1]; /* "" is before everything */
	uint64_t pos;
};

struct dm_pos dm_pos_make(const char *name, uint64_t pos);
/* By the suffix, if both have one; by the number behind the last dot; then by
 * offset. <0, 0, >0. */
int dm_pos_cmp(const struct dm_pos *a, const struct dm_pos *b);
bool dm_pos_is_zero(const struct dm_pos *p);
/* The number of the relay log's sub directory in the name; 0: none. */
unsigned dm_pos_suffix(const struct dm_pos *p);
/* The same place as the source names it. */
struct dm_pos dm_pos_plain(const struct dm_pos *p);
/* With this suffix in place of one that it may have; 0: none. A name without
 * a number, or too long for one more part, is left without. */
struct dm_pos dm_pos_with_suffix(const struct dm_pos *p, unsigned suffix);
/* "(mysql-bin.000001, 1234)"; new string. "" file gives "". */
char *dm_pos_text(const struct dm_pos *p);
/* "mysql-bin.000001:1234". Errors: INVALID_BINLOG_POS_STR. */
struct dm_err *dm_pos_parse(const char *text, struct dm_pos *p) DM_MUST_CHECK;

#endif
