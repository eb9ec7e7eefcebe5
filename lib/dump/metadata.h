/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The file `metadata` of a dump: where in the binlog its rows stand. Written
 * last, so a dump that has it is complete. Read in the forms of dumpling, of
 * mydumper up to 0.11 (the same) and of later ones (sections of key = value).
 * Threads: any. Source: reference/data-plane 3.6.
 */
#ifndef DM_LIB_DUMP_METADATA_H
#define DM_LIB_DUMP_METADATA_H

#include "lib/binlog/position.h"

/* A file beyond this is no metadata. */
#define DM_DUMP_METADATA_MAX ((size_t)16 << 20)

struct dm_dump_location {
	bool there;
	struct dm_pos pos;
	char *gtid;   /* owned; NULL or "": none */
	bool has_pos; /* read: there was a line with it, too */
};

struct dm_dump_metadata {
	struct dm_dump_location at;
	/* Of a dump without locks: what is behind `at` may be in it, what is
	 * behind this is not. */
	struct dm_dump_location after;
	/* Tables that no snapshot holds still, since their engine has no
	 * transactions: what is behind this is not in them. In a block of ours;
	 * other tools do not tell. "fn(db).fn(table)" -> itself; NULL: none. */
	struct dm_dump_location loose;
	GHashTable *loose_tables;
};

void dm_dump_metadata_clear(struct dm_dump_metadata *m);

/*
 * Read text. *m is filled; without a location m->at.there is false.
 *   path  for messages.
 * Errors: PARSE_MYDUMPER_META, also of a file that is cut off.
 */
struct dm_err *dm_dump_metadata_parse(const char *path, const char *text,
    size_t len, struct dm_dump_metadata *m) DM_MUST_CHECK;
/* The file's text; new string. status: "SHOW MASTER STATUS" or what newer
 * servers call it; started, finished: times as text. */
char *dm_dump_metadata_text(const struct dm_dump_metadata *m,
    const char *status, const char *started, const char *finished);

#endif
