/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A batch: the row changes that a lane applies in one transaction.
 *
 * Changes of a table whose rows are found by a key alone (tbl.h, mergeable) are
 * merged: the batch keeps for each row only what becomes of it. Their order is
 * not kept, and need not be. Changes of all other tables stay in source order.
 * The two never stand in one batch for the same table.
 *
 * A change is kept as text in the batch. Owner: first the dispatcher, then the
 * lane; no locks.
 */
#ifndef DM_WORKER_SYNC_BATCH_H
#define DM_WORKER_SYNC_BATCH_H

#include "worker/sync/rowsql.h"

/* Of one transaction, whatever its rows' number; less where the target's
 * max_allowed_packet is small (target_info.batch_bytes). Rows larger than this
 * pass one at a time. */
#define BATCH_TEXT_MAX ((size_t)1 << 20)

/* What the source did with a row. */
enum row_op { OP_INSERT, OP_UPDATE, OP_DELETE, ROW_OPS };

struct change {
	const struct tbl *t; /* borrowed: tables live until all lanes drained */
	size_t off, len;     /* in the batch's text */
	size_t key_off;      /* merged: text "`k`=v AND .."; */
	uint32_t key_len;    /* its length; 0: not merged */
	uint32_t raw;        /* row changes of the source in it */
	uint64_t before;     /* merged: hash of the row before the batch */
	uint64_t after;      /* and of the row now */
	uint8_t kind;        /* enum change_kind */
	uint8_t flags;       /* CHANGE_* */
};

/*
 * What a lane has: every change of transactions that ended at or before
 * `done`, and of the transaction that began at `cut` the rows with an ordinal
 * up to cut_row (ordinals count all raw rows of the transaction, before any
 * filter).
 */
struct lane_mark {
	struct dm_pos done;
	struct dm_pos cut; /* "" when no transaction is cut */
	uint64_t cut_row;
};

struct batch {
	GArray *changes; /* struct change */
	GString *text;
	uint32_t *slots;       /* hash table of merged rows: index + 1 */
	uint32_t n_slots;      /* a power of two; 0: none made yet */
	uint32_t merged;       /* changes that are merged ones */
	uint32_t ordered;      /* changes of mergeable tables that are not */
	struct lane_mark mark; /* after this batch */
	uint64_t seq;          /* changes of its lane up to here */
	size_t bytes;          /* of text when it was given away */
	uint32_t ops[ROW_OPS]; /* row changes of the source */
	uint32_t first_ts;     /* source's time of the first change; 0: none */
};

/* One change of a row as the binlog has it; an image is NULL if there is none.
 * idempotent: the target may have it already. */
struct row_change {
	const struct tbl *t;
	const struct dm_value *before, *after;
	unsigned flags; /* CHANGE_NO_FK */
	bool idempotent;
	bool partial; /* columns are DM_VAL_ABSENT: row_image.h */
};

struct batch *batch_new(void);
void batch_free(void *b);
/* False, and nothing done: the change can only go into another batch. Never
 * for an empty batch. */
bool batch_add(struct batch *b, const struct row_change *rc);
/* Number of changes in it. */
guint batch_rows(const struct batch *b);
/* It should be given away. limit, bytes: changes and text of one transaction.
 */
bool batch_is_full(const struct batch *b, unsigned limit, size_t bytes);

#endif
