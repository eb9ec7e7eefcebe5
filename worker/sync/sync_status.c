/* SPDX-License-Identifier: Apache-2.0 */
/* What the sync unit shows of itself, to any thread. */
#include "worker/sync/sync_internal.h"

#include <stdlib.h>
#include <string.h>

static char *
dup_text(const char *s)
{
	return strdup(s != NULL ? s : "");
}

static char *
pos_text(const struct dm_pos *p)
{
	g_autofree char *text = dm_pos_text(p);

	return strdup(text);
}

static int64_t
lag_seconds(const struct shown *s)
{
	int64_t now = dm_wall_now().ns / 1000000000;

	if (s->lanes.oldest_ts == 0)
		return 0;
	return MAX(now - (int64_t)s->lanes.oldest_ts, 0);
}

static void
fill_numbers(const struct sync_unit *u, Pb__SyncStatus *out)
{
	const struct shown *s = &u->shown;
	uint64_t rows = s->rows_before + s->lanes.rows;
	int64_t ms = dm_mono_diff_ms(dm_mono_now(), s->started);

	out->totalrows = out->totalevents = (int64_t)rows;
	if (s->running && ms > 0)
		out->totalrps = out->totaltps =
		    (int64_t)(s->lanes.rows * 1000 / (uint64_t)ms);
	out->recentrps = out->recenttps = (int64_t)s->rps_recent;
	out->secondsbehindmaster = lag_seconds(s);
	out->lagmilliseconds = out->secondsbehindmaster * 1000;
	out->unexpectedrows = (int64_t)s->lanes.unexpected;
	out->skippedevents = (int64_t)atomic_load(&u->counters.skipped);
	out->totalddls = (int64_t)atomic_load(&u->counters.ddls);
	out->lanecount = s->n_lanes;
	out->insertedrows =
	    (int64_t)(s->ops_before[OP_INSERT] + s->lanes.ops[OP_INSERT]);
	out->updatedrows =
	    (int64_t)(s->ops_before[OP_UPDATE] + s->lanes.ops[OP_UPDATE]);
	out->deletedrows =
	    (int64_t)(s->ops_before[OP_DELETE] + s->lanes.ops[OP_DELETE]);
	out->totaltransactions = (int64_t)atomic_load(&u->counters.txns);
}

void
sync_status(struct unit *unit, Pb__SubTaskStatus *st)
{
	struct sync_unit *u = (struct sync_unit *)unit;
	struct shown *s = &u->shown;
	Pb__SyncStatus *out = malloc(sizeof(*out));
	struct dm_pos flushed;

	dm_assert(out != NULL);
	pb__sync_status__init(out);
	dm_mutex_lock(&s->mu);
	fill_numbers(u, out);
	out->masterbinlog = pos_text(&s->master);
	out->masterbinloggtid = dup_text(s->master_gtid);
	flushed = dm_pos_with_suffix(&s->flushed, s->suffix);
	out->syncerbinlog = pos_text(&flushed);
	out->syncerbinloggtid = dup_text(s->flushed_gtid);
	out->synced = s->running && !s->other_server &&
		      !dm_pos_is_zero(&s->master) &&
		      dm_pos_cmp(&s->master, &s->flushed) == 0;
	out->unexpectedsample = dup_text(s->lanes.sample);
	out->binlogtype = strdup(s->suffix > 0 ? "local" : "remote");
	dm_mutex_unlock(&s->mu);
	out->blockddlowner = strdup("");
	out->conflictmsg = strdup("");
	st->status_case = PB__SUB_TASK_STATUS__STATUS_SYNC;
	st->sync = out;
}
