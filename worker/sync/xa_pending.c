/* SPDX-License-Identifier: Apache-2.0 */
/*
 * XA transactions whose decision does not come: see xa_pending.h.
 *
 * DESIGN: that one never comes cannot be known: as long as it is prepared at
 * the source, it may be committed there years later, and its rows are needed
 * then. So only what cannot go well any more is an error; the rest is told.
 */
#include "worker/sync/xa_pending.h"

#include "lib/log/log.h"

/* Whether its XA COMMIT came, or still comes, a person has to find out. */
static struct dm_err *
purged(const struct undecided_row *row, const struct unit_env *env,
    const char *oldest)
{
	g_autofree char *at = dm_pos_text(&row->start);

	return dm_err_set_workaround(
	    dm_err_new(XA_PURGED, row->xid.text, at, oldest),
	    "look for it with `XA RECOVER FORMAT='SQL'` (MySQL: `XA RECOVER "
	    "CONVERT XID`) at the source. If it is listed and not needed, roll "
	    "it back there. If it is, or was, rolled back: `binlog skip %s "
	    "--binlog-pos %s:%" G_GUINT64_FORMAT "` lets the task go on "
	    "without it. If it was committed, its rows cannot be read any "
	    "more: copy anew with `start-task --remove-meta`",
	    env->task->name, row->start.name, row->start.pos);
}

struct dm_err *
xa_pending_check(const struct undecided *u, const struct unit_env *env,
    const GPtrArray *names)
{
	const struct undecided_row *first = undecided_first(u);
	struct dm_pos oldest;

	if (first == NULL || names->len == 0)
		return NULL;
	oldest = dm_pos_make(g_ptr_array_index(names, 0), 0);
	return dm_pos_cmp(&first->start, &oldest) < 0
		   ? purged(first, env, oldest.name)
		   : NULL;
}

void
xa_pending_tell(struct undecided *u, const struct unit_env *env)
{
	uint32_t now = (uint32_t)(g_get_real_time() / G_USEC_PER_SEC);
	const struct undecided_row *row;

	while ((row = undecided_overdue(u, now - XA_OVERDUE_S)) != NULL) {
		g_autofree char *at = dm_pos_text(&row->start);

		dm_warn("an XA transaction is prepared at the source and not "
			"decided: each restart reads the binlog from there on; "
			"if it is forgotten, decide it (XA RECOVER)",
		    dm_kstr("task", env->task->name),
		    dm_kstr("source", env->source->source_id),
		    dm_kstr("xid", row->xid.text), dm_kstr("position", at),
		    dm_kint("age_s", now - row->prepared_at));
	}
}
