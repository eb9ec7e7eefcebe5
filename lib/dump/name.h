/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The names of a dump's files, as dumpling writes and mydumper wrote them.
 * FORMAT: fn(db)-schema-create.sql, fn(db).fn(table)-schema.sql,
 * fn(db).fn(view)-schema-view.sql, fn(db).fn(name)-schema-sequence.sql,
 * fn(db).fn(table)[.index].sql or .csv, metadata; all but the last may end in
 * .gz or .zst. fn writes the bytes 00-1F and % " * . / : < > ? \ | and the '-'
 * of "-schema" as %HH. Threads: any. Source: reference/data-plane 3.4.
 */
#ifndef DM_LIB_DUMP_NAME_H
#define DM_LIB_DUMP_NAME_H

#include "lib/base/base.h"

enum dm_dump_kind {
	DM_DUMP_OTHER, /* not of a dump, or of a part that is not loaded */
	DM_DUMP_METADATA,
	DM_DUMP_DATABASE,
	DM_DUMP_TABLE,
	DM_DUMP_VIEW,
	DM_DUMP_SEQUENCE,
	DM_DUMP_ROWS_SQL,
	DM_DUMP_ROWS_CSV
};

enum dm_dump_compress { DM_DUMP_PLAIN, DM_DUMP_GZIP, DM_DUMP_ZSTD };

struct dm_dump_name {
	enum dm_dump_kind kind;
	enum dm_dump_compress compress;
	char *db, *table; /* owned; NULL where the kind has none */
};

/* *out is always filled; the caller clears it. False: DM_DUMP_OTHER, though it
 * may still be something that a dump tool wrote (triggers, checksums). */
bool dm_dump_name_parse(const char *file, struct dm_dump_name *out);
void dm_dump_name_clear(struct dm_dump_name *n);
/* Whether a dump tool may have written it: what a new dump may remove. */
bool dm_dump_name_is_ours(const char *file);

/* fn(name); new string. */
char *dm_dump_name_escape(const char *name);
/* "", ".gz", ".zst"; static. */
const char *dm_dump_suffix(enum dm_dump_compress c);

#endif
