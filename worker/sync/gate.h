/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How many lanes may have a transaction at the target at once. More than the
 * target's processors can serve make it slower: their transactions wait for
 * each other's pages. Too few leave it idle when each one waits long, for a
 * disk or for the network. So the number is found by trying neighbours while
 * there is more to do than the target takes.
 *
 * Pure arithmetic over the times that it is given. Owner: who holds it, with a
 * lock of its own.
 */
#ifndef DM_WORKER_SYNC_GATE_H
#define DM_WORKER_SYNC_GATE_H

#include "lib/base/base.h"
#include "lib/base/clock.h"

struct gate {
	unsigned max;   /* lanes */
	unsigned limit; /* transactions at once, now */
	unsigned kept;  /* the limit that is not a trial */
	double rate;    /* rows a second with `kept`; 0: not known */
	bool down;      /* the next trial is of a lower limit */
	unsigned rest;  /* windows until the next trial */
	/* The window: */
	bool open;
	struct dm_mono since;
	uint64_t rows;
	unsigned ended; /* transactions */
};

void gate_init(struct gate *g, unsigned lanes);
/* A transaction of `rows` row changes has ended; full: up to then as many were
 * at the target as the limit allows. */
void gate_ended(struct gate *g, uint64_t rows, bool full, struct dm_mono now);
/* None has ended for long, and some wait for their turn: those at the target
 * may stand in a lock's queue. */
void gate_stalled(struct gate *g);

#endif
