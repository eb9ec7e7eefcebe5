/* SPDX-License-Identifier: Apache-2.0 */
/* How many transactions at once: see gate.h. */
#include "worker/sync/gate.h"

#define LIMIT_MIN   2U /* one that waits for a lock must not stop all */
#define LIMIT_FIRST 4U
/* What is measured as one: long enough to even out single transactions. */
#define WINDOW_MS   250
#define WINDOW_ENDS 16U
/* After a trial that failed in either direction: windows without one. */
#define REST_WINDOWS 10U
/* Twice as many must bring much, half as many may cost a little:
 * fewer transactions wait less for each other. */
#define GAIN_UP   1.15
#define GAIN_DOWN 0.95

void
gate_init(struct gate *g, unsigned lanes)
{
	*g = (struct gate){ .max = lanes };
	g->limit = g->kept = MIN(LIMIT_FIRST, lanes);
}

/* The limit beside the one that is kept; itself: there is none. */
static unsigned
neighbour(const struct gate *g)
{
	if (!g->down)
		return MIN(g->kept * 2, g->max);
	return MAX(g->kept / 2, MIN(LIMIT_MIN, g->kept));
}

static void
begin_trial(struct gate *g)
{
	if (neighbour(g) == g->kept)
		g->down = !g->down;
	g->limit = neighbour(g);
}

/* A window with g->limit has shown this rate. */
static void
judge(struct gate *g, double rate)
{
	bool both;

	if (g->limit == g->kept) {
		g->rate = rate;
		if (g->rest > 0)
			g->rest--;
		else
			begin_trial(g);
		return;
	}
	if (rate >= g->rate * (g->down ? GAIN_DOWN : GAIN_UP)) {
		g->kept = g->limit;
		g->rate = rate;
		g->rest = 0;
		if (neighbour(g) != g->kept)
			begin_trial(g);
		return;
	}
	/* Back, and measure again before the other direction is tried. */
	g->limit = g->kept;
	both = g->down;
	g->down = !g->down;
	g->rest = both || neighbour(g) == g->kept ? REST_WINDOWS : 0;
}

void
gate_ended(struct gate *g, uint64_t rows, bool full, struct dm_mono now)
{
	int64_t ms;

	if (!full) {
		/* The limit did not bind: nothing to learn. */
		g->open = false;
		return;
	}
	if (!g->open) {
		g->open = true;
		g->since = now;
		g->rows = 0;
		g->ended = 0;
		return;
	}
	g->rows += rows;
	g->ended++;
	ms = dm_mono_diff_ms(now, g->since);
	if (ms < WINDOW_MS || g->ended < WINDOW_ENDS)
		return;
	g->open = false;
	judge(g, (double)g->rows * 1000 / (double)ms);
}

void
gate_stalled(struct gate *g)
{
	g->open = false;
	g->kept = g->limit = MIN(g->kept * 2, g->max);
}
