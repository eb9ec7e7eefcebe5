/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The packet of one lane transaction: BEGIN, the fenced progress row, the
 * changes of one or several batches, COMMIT unless the answers are to be looked
 * at first; and what the answers must say.
 * Owner: the lane's thread.
 */
#ifndef DM_WORKER_SYNC_PACKET_H
#define DM_WORKER_SYNC_PACKET_H

#include "worker/sync/batch.h"
#include "worker/sync/target.h"

/* A statement of the packet, and what it should match. */
struct statement {
	size_t off, len;
	int64_t expected; /* -1: not counted */
	uint64_t rows;    /* row changes of the source it stands for */
};

struct packet {
	GString *text;
	GArray *statements; /* struct statement */
	uint64_t silent;    /* row changes that need no statement */
	bool open;          /* to be built without COMMIT */
};

void packet_init(struct packet *p);
void packet_fini(struct packet *p);
/*
 * Build it anew; batches: struct batch *, in order. The lane's mark becomes
 * that of the last one. Takes the batches' texts, so that a large row is not
 * in memory twice.
 */
void packet_build(struct packet *p, const struct meta *meta,
    const struct target_info *info, unsigned lane, GPtrArray *batches);

/* For a message that a statement matched `got` rows: its first bytes, made
 * UTF-8, which a statement need not be. New string. */
char *packet_sample(
    const struct packet *p, const struct statement *st, uint64_t got);

#endif
