/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Going on with a plan under a new snapshot.
 *
 * Called by the subtask's thread when the meta says that a copy was begun.
 * DESIGN: what is committed stays. A table of which nothing is committed moves
 * to the new snapshot as a whole; one that is copied in part is cut by two
 * snapshots: replication replays it with REPLACE from the lower to the higher.
 * A table whose structure changed in between is copied anew. A table that is
 * gone counts as copied: the log from its lower position on holds its end.
 * Replication still starts where the first snapshot was.
 */
#include "lib/log/log.h"
#include "worker/copy/copy_internal.h"

#include <string.h>

static void
table_gone(struct copy_run *r, struct copy_table *t)
{
	t->meta->state = META_TABLE_DONE;
	t->meta->snap_hi = r->pos_hi;
	dm_info("table is gone from the source: left to replication",
	    dm_kstr("schema", t->meta->db), dm_kstr("table", t->meta->tbl));
}

static void
move_to_snapshot(struct copy_run *r, struct copy_table *t)
{
	t->meta->snap_lo = r->pos;
	t->meta->snap_hi = r->pos_hi;
}

/* Whether the structures differ in what rows depend on. */
static struct dm_err *
is_changed(const struct copy_table *t, const char *now, bool *changed)
{
	DM_AUTO(dm_table) a = NULL;
	DM_AUTO(dm_table) b = NULL;
	g_autofree char *diff = NULL;
	struct dm_err *err;

	*changed = false;
	if (strcmp(t->meta->structure, now) == 0)
		return NULL;
	err = dm_schema_parse_create(
	    t->meta->structure, 0, t->meta->db, NULL, &a);
	if (err == NULL)
		err = dm_schema_parse_create(now, 0, t->meta->db, NULL, &b);
	if (err != NULL)
		return err;
	diff = dm_table_diff(a, b);
	*changed = diff != NULL;
	if (*changed)
		dm_info("structure changed during the copy: copied anew",
		    dm_kstr("schema", t->meta->db),
		    dm_kstr("table", t->meta->tbl),
		    dm_kstr("difference", diff));
	return NULL;
}

/*
 * Forget what is copied of t. The stored structure is the old one until the
 * plan is saved, so a break in between leads here again.
 */
static struct dm_err *
start_anew(struct copy_run *r, struct copy_table *t)
{
	struct copy_chunk *k;
	struct dm_err *err = copy_target_drop(r, t);

	if (err == NULL)
		err = copy_chunks_delete(r, r->dst, t);
	if (err != NULL)
		return err;
	while ((k = g_queue_pop_head(&t->ready)) != NULL ||
	       (k = g_queue_pop_head(&t->copied)) != NULL)
		copy_chunk_free(k);
	t->earlier = false;
	t->open = 0;
	t->next_chunk = 0;
	t->cut_done = false;
	g_clear_pointer(&t->last_hi, g_free);
	t->meta->rows = 0;
	t->meta->bytes = 0;
	t->meta->state = META_TABLE_PLANNED;
	return NULL;
}

/* now: the structure at the new snapshot. */
static struct dm_err *
resume_table(struct copy_run *r, struct copy_table *t, const char *now)
{
	bool changed = false, in_part;
	struct dm_err *err;

	err = is_changed(t, now, &changed);
	if (err == NULL && t->cut_done && t->open == 0) {
		/* All is committed, perhaps not compared: nothing of it comes
		 * from the new snapshot, and replication knows of the DDL. */
		t->changed = changed;
		return NULL;
	}
	if (err == NULL && changed)
		err = start_anew(r, t);
	if (err != NULL)
		return err;
	in_part = t->next_chunk > (int)t->open;
	if (!in_part) {
		move_to_snapshot(r, t);
		g_free(t->meta->structure);
		t->meta->structure = g_strdup(now);
		return NULL;
	}
	if (dm_pos_cmp(&t->meta->snap_hi, &r->pos_hi) < 0)
		t->meta->snap_hi = r->pos_hi;
	t->replace = true;
	return NULL;
}

/* The listed tables, by name. */
static GHashTable *
index_tables(const GPtrArray *tables)
{
	GHashTable *by_name =
	    g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);

	for (guint i = 0; i < tables->len; i++) {
		struct copy_table *t = tables->pdata[i];

		g_hash_table_insert(by_name,
		    g_strconcat(t->meta->db, "\001", t->meta->tbl, NULL), t);
	}
	return by_name;
}

/* The plan's tables in place of those listed now; what is new at the source
 * is left to replication, which meets its CREATE TABLE. Takes the rows of
 * saved. unfinished: gets the tables (borrowed) that were not done. */
static void
adopt_plan(struct copy_run *r, GPtrArray *saved, GHashTable *listed,
    GPtrArray *unfinished)
{
	r->tables = copy_table_array();
	for (guint i = 0; i < saved->len; i++) {
		struct meta_table *m = saved->pdata[i];
		struct copy_table *t = copy_table_new(m), *now;
		g_autofree char *name =
		    g_strconcat(m->db, "\001", m->tbl, NULL);

		g_ptr_array_add(r->tables, t);
		now = g_hash_table_lookup(listed, name);
		t->to_db = g_strdup(now == NULL ? m->db : now->to_db);
		t->to_table = g_strdup(now == NULL ? m->tbl : now->to_table);
		if (m->state == META_TABLE_DONE)
			continue;
		g_ptr_array_add(unfinished, t);
		m->rows = 0; /* summed up from the chunks again */
		m->bytes = 0;
		if (now == NULL) {
			table_gone(r, t);
			continue;
		}
		t->transactional = now->transactional;
		m->est_bytes = MAX(m->est_bytes, now->meta->est_bytes);
		m->est_rows = MAX(m->est_rows, now->meta->est_rows);
	}
	g_ptr_array_set_free_func(saved, NULL);
}

/* Tables that count as copied but were not compared, now that it is wanted. */
static struct dm_err *
take_back_unverified(struct copy_run *r, GPtrArray *saved)
{
	g_autoptr(GHashTable) names = NULL;
	struct dm_err *err;

	if (!r->env->task->copy.verify)
		return NULL;
	err = copy_check_unfinished(r, &names);
	for (guint i = 0; err == NULL && i < saved->len; i++) {
		struct meta_table *m = saved->pdata[i];
		g_autofree char *name =
		    g_strconcat(m->db, "\001", m->tbl, NULL);

		if (m->state == META_TABLE_DONE &&
		    g_hash_table_contains(names, name))
			m->state = META_TABLE_COPYING;
	}
	return err;
}

struct dm_err *
copy_plan_resume(struct copy_run *r)
{
	g_autoptr(GPtrArray) saved = NULL;
	g_autoptr(GPtrArray) unfinished = g_ptr_array_new();
	g_autoptr(GPtrArray) list = NULL; /* as it is now */
	g_autoptr(GHashTable) listed = index_tables(r->tables);
	g_autoptr(GHashTable) by_name = NULL;
	struct dm_err *err = meta_load_tables(r->meta, r->dst, &saved);

	if (err == NULL)
		err = take_back_unverified(r, saved);
	if (err != NULL)
		return err;
	atomic_store(&r->unit->rows_equal, 0);
	list = DM_TAKE(r->tables);
	adopt_plan(r, saved, listed, unfinished);
	by_name = index_tables(r->tables);
	err = copy_chunks_load(r, by_name);
	for (guint i = 0; err == NULL && i < unfinished->len; i++) {
		struct copy_table *t = unfinished->pdata[i];
		g_autofree char *name =
		    g_strconcat(t->meta->db, "\001", t->meta->tbl, NULL);
		const struct copy_table *now =
		    g_hash_table_lookup(listed, name);

		if (now != NULL)
			err = resume_table(r, t, now->meta->structure);
	}
	if (err == NULL)
		err = copy_plan_save(r, unfinished, NULL);
	if (err != NULL)
		return err;
	dm_info("full copy goes on", dm_kstr("task", r->env->task->name),
	    dm_kstr("source", r->env->source->source_id),
	    dm_kint("tables-left", unfinished->len),
	    dm_kstr("binlog-file", r->pos.name),
	    dm_kint("binlog-pos", r->pos.pos));
	return NULL;
}
