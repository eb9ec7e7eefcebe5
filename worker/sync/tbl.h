/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One source table as replication sees it: names on both sides, structure,
 * how its rows are found in the target and which lane a row belongs to.
 * Immutable after tbl_new; made anew after each DDL. Threads: any may read.
 */
#ifndef DM_WORKER_SYNC_TBL_H
#define DM_WORKER_SYNC_TBL_H

#include "lib/binlog/position.h"
#include "lib/binlog/rows.h"
#include "lib/filter/binlog_filter.h"
#include "lib/route/route.h"
#include "lib/schema/table.h"

/* Columns of a unique index, as numbers of source columns. */
struct tbl_key {
	unsigned *cols;
	unsigned n;
	uint64_t id; /* hash of table and index name: separates equal values */
};

/*
 * What several source tables that go into one target table share. Tables that
 * have one rule (key, kind of lane, merging) keep the order of a row's changes
 * by themselves, since it is in one lane for all of them. Owner: the
 * dispatcher's thread.
 */
struct tbl_use {
	const struct tbl *last; /* whose rows came last; NULL: none came */
	uint64_t rule;          /* of the first table */
	bool known;             /* there is one */
	bool mixed;             /* their rules differ */
};

struct row_filter;

struct tbl {
	struct tbl_use *use;   /* of its target; borrowed; NULL: of no other */
	char *db, *name;       /* source */
	char *to_db, *to_name; /* target */
	char *to_ident;        /* quoted target */
	struct dm_table *src;  /* owned; columns in binlog order */
	unsigned n_cols;
	/* The last ones of them, so many, are not in the binlog: a route fills
	 * them with constants, the values `extra`. */
	unsigned n_extra;
	struct dm_value *extra;
	char **idents;    /* quoted column names, n_cols */
	bool *written;    /* not generated: part of INSERT and SET */
	bool *always_set; /* may have ON UPDATE: set even if unchanged */

	char *insert_head;  /* "INSERT INTO `d`.`t` (`a`,`b`) VALUES " */
	char *replace_head; /* "REPLACE INTO ..." */

	bool keyless;
	struct tbl_key key;     /* empty if keyless */
	struct tbl_key *claims; /* other unique indexes of either side */
	unsigned n_claims;

	/* Its changes of one row may be merged, and rows written in any order:
	 * see batch.c. */
	bool mergeable;
	char *upsert_tail; /* " ON DUPLICATE KEY UPDATE .."; if mergeable */

	bool one_lane;      /* all rows in the lane of lane_hash */
	uint64_t lane_hash; /* of the table, or of its foreign key group */

	/* What the event filters say of its rows, by enum dm_rows_kind. */
	enum dm_filter_action rows[3];

	/* Leaves out rows by their values; owned; NULL: none. It is no part of
	 * what other threads may read. */
	struct row_filter *filter;

	/* The copy's snapshots: events before lo are in the table already,
	 * those from lo to before hi are in parts of it. */
	struct dm_pos snap_lo, snap_hi;
};

struct tbl_input {
	const struct dm_table *src;
	const struct dm_table *target; /* structure there */
	const char *to_db, *to_name;
	const char *group; /* foreign key group whose tables share a lane; NULL:
			      none */
	bool acts; /* the target does more on a change: triggers, checks of
		      foreign keys */
	struct dm_pos snap_lo, snap_hi;
	enum dm_filter_action rows[3];
	const GArray *extracted; /* struct dm_extracted; NULL: none */
};

/* Errors: SYNCER_UNIT_DML_COLUMN_NOT_MATCH when the target lacks a column of
 * the source or of a route, or the source has one of a route's. */
struct dm_err *tbl_new(
    const struct tbl_input *in, struct tbl **out) DM_MUST_CHECK;
void tbl_free(struct tbl *t);
/* What a source table that nothing is known of looks like: the target's, under
 * its own name and without the columns that a route fills. extracted as in
 * tbl_input. *src: new. */
struct dm_err *tbl_guess_source(const struct dm_table *target, const char *db,
    const char *name, const GArray *extracted,
    struct dm_table **src) DM_MUST_CHECK;
/* Puts the constants behind the values of a row that was read. */
void tbl_fill_extra(const struct tbl *t, struct dm_value *values);
/* t's target is used as `use` says, by t too from now on. */
void tbl_share(struct tbl *t, struct tbl_use *use);

/* values: n_cols of them. */
uint64_t tbl_lane_hash(const struct tbl *t, const struct dm_value *values);
/* Hash of key `k` over the values; false when a part is NULL: then the index
 * does not bind the row. */
bool tbl_key_hash(const struct tbl *t, const struct tbl_key *k,
    const struct dm_value *values, uint64_t *hash);
/* Hash of every byte that is written of the row. */
uint64_t tbl_row_hash(const struct tbl *t, const struct dm_value *values);
/* Any column of k differs. */
bool tbl_key_moved(const struct tbl_key *k, const struct dm_value *before,
    const struct dm_value *after);

#endif
