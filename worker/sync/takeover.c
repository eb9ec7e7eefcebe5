/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A task of the original becomes one of ours: its checkpoint becomes places of
 * ours. SOURCE: data-plane 5.2, 5.7, 5.8, 9.
 *
 * Called once in the life of a task, on the dispatcher's thread.
 * DESIGN: one transaction takes the structures and places of single tables over
 * and removes them there, since they would be wrong once a DDL is done here;
 * the row of the whole task stays and is kept up to date, as a way back. What
 * the original may have applied behind its checkpoint is known only up to a
 * point it noted when it ended; where it could not, up to the source's end. Up
 * to there rows are written over those that are there.
 */
#include "lib/binlog/stream.h"
#include "lib/log/log.h"
#include "lib/meta/dm_progress.h"
#include "lib/schema/table_info.h"
#include "worker/meta_internal.h"
#include "worker/sync/sync_internal.h"

#include <string.h>

struct takeover {
	struct run *r;
	struct dm_progress was;
	struct dm_pos stored;    /* its place, plain */
	struct dm_gtid_set *set; /* all that is done; NULL: by position */
	struct dm_pos at, safe_end;
	GPtrArray *tables; /* struct meta_table* */
};

static struct dm_pos
plain(const char *name, uint64_t pos)
{
	struct dm_pos p = dm_pos_make(name, pos);

	return dm_pos_plain(&p);
}

/* ---- places ---- */

/* Offsets mean nothing on another server, and which one they are of is not
 * told: with enable-gtid the set counts, as for the original. */
static struct dm_err *
find_place(struct takeover *w)
{
	const struct dm_progress_place *p = &w->was.global;
	struct run *r = w->r;
	struct dm_err *err;

	w->stored = w->at = plain(p->name, p->pos);
	if (p->gtid[0] == '\0' ||
	    (p->name[0] != '\0' && !r->u->env.source->enable_gtid))
		return NULL;
	err = dm_gtid_set_parse(sync_flavor(r), p->gtid, &w->set);
	return err == NULL ? sync_find_place(r, w->set, &w->at) : err;
}

/* Where the original noted that it ended; *clean: it had applied nothing that
 * is behind its checkpoint. */
static struct dm_err *
find_exit(struct takeover *w, struct dm_pos *end, bool *clean)
{
	const struct dm_progress_place *p = &w->was.exit;
	DM_AUTO(dm_gtid_set) set = NULL;
	struct dm_err *err;

	*end = (struct dm_pos){ 0 };
	*clean = false;
	if (w->set == NULL) {
		*end = plain(p->name, p->pos);
		*clean = p->name[0] != '\0' && dm_pos_cmp(end, &w->at) == 0;
		return NULL;
	}
	if (p->gtid[0] == '\0')
		return NULL;
	err = dm_gtid_set_parse(sync_flavor(w->r), p->gtid, &set);
	if (err != NULL)
		return err;
	*clean = dm_gtid_set_equal(set, w->set);
	return *clean ? NULL : sync_find_place(w->r, set, end);
}

static struct dm_err *
find_safe_end(struct takeover *w)
{
	const struct dm_syncer_cfg *cfg = &w->r->u->env.inst->syncer;
	bool never =
	    cfg->safe_mode_duration[0] != '\0' && cfg->safe_mode_ms == 0;
	struct dm_pos end;
	bool clean;
	struct dm_err *err = find_exit(w, &end, &clean);

	if (err != NULL || clean)
		return err;
	if (never)
		return dm_progress_is_zero(&w->was.exit)
			   ? NULL
			   : dm_err_new(SYNCER_REPROCESS_WITH_SAFE_MODE_FAIL);
	if (dm_pos_cmp(&end, &w->at) <= 0)
		err = dm_binlog_master_status(w->r->source, &end, NULL);
	if (err == NULL)
		w->safe_end = end;
	return err;
}

/* ---- tables ---- */

/* *lo: where the table is; zero: nowhere else than the whole task. */
static struct dm_err *
table_place(struct takeover *w, const struct dm_progress_place *p,
    const char *ident, struct dm_pos *lo)
{
	DM_AUTO(dm_gtid_set) set = NULL;
	struct dm_pos at = plain(p->name, p->pos);
	struct dm_err *err;

	*lo = (struct dm_pos){ 0 };
	if (w->set != NULL && p->gtid[0] != '\0') {
		err = dm_gtid_set_parse(sync_flavor(w->r), p->gtid, &set);
		if (err == NULL && !dm_gtid_set_contains(w->set, set))
			err = sync_find_place(w->r, set, lo);
		return err;
	}
	if (dm_pos_cmp(&at, &w->stored) <= 0)
		return NULL;
	if (dm_pos_cmp(&w->at, &w->stored) == 0) {
		*lo = at;
		return NULL;
	}
	return dm_err_set_workaround(
	    dm_err_plain("the checkpoint has a place of table %s that is ahead "
			 "of the task's and has no GTID set",
		ident),
	    "start the task once with `enable-gtid: false` (source file) if "
	    "the source is still the server that the place is of");
}

static struct dm_err *
table_structure(const struct dm_sql_row *row, const char *ident, char **text)
{
	DM_AUTO(dm_table) t = NULL;
	const char *json = meta_cell(row, 5);
	struct dm_err *err;

	*text = NULL;
	if (json[0] == '\0')
		return NULL;
	err =
	    dm_table_info_parse(json, meta_cell(row, 0), meta_cell(row, 1), &t);
	if (err == NULL && t != NULL)
		*text = dm_table_create_sql(t, NULL, NULL);
	return err == NULL
		   ? NULL
		   : dm_err_set_workaround(
			 dm_err_annotate(
			     err, "the structure (table_info) of %s", ident),
			 "if nobody changed the table's structure after the "
			 "checkpoint: set table_info to 'null' there; the "
			 "structure is then taken from the target");
}

static struct dm_err *
take_table(struct takeover *w, const struct dm_sql_row *row)
{
	const struct dm_progress_place p = { (char *)(uintptr_t)meta_cell(
						 row, 2),
		(char *)(uintptr_t)meta_cell(row, 4), meta_cell_u64(row, 3) };
	g_autofree char *ident =
	    dm_sql_quote_table(meta_cell(row, 0), meta_cell(row, 1));
	g_autofree char *structure = NULL;
	struct meta_table *t;
	struct dm_pos lo;
	struct dm_err *err;

	err = table_structure(row, ident, &structure);
	if (err == NULL)
		err = table_place(w, &p, ident, &lo);
	if (err != NULL || (structure == NULL && dm_pos_is_zero(&lo)))
		return err;
	t = g_new0(struct meta_table, 1);
	t->db = g_strdup(meta_cell(row, 0));
	t->tbl = g_strdup(meta_cell(row, 1));
	t->structure =
	    structure == NULL ? g_strdup("") : g_steal_pointer(&structure);
	t->state = META_TABLE_DONE;
	t->snap_lo = t->snap_hi = lo;
	g_ptr_array_add(w->tables, t);
	return NULL;
}

static struct dm_err *
take_tables(struct takeover *w)
{
	g_autofree char *name = meta_dm_checkpoint_name(w->r->meta);
	g_autoptr(GString) sql = g_string_new(NULL);
	DM_AUTO(dm_sql_result) res = NULL;
	struct dm_err *err;
	bool more = true;

	g_string_printf(sql,
	    "SELECT cp_schema, cp_table, binlog_name, binlog_pos, binlog_gtid, "
	    "table_info FROM %s WHERE cp_table<>'' AND id=",
	    name);
	meta_append_text(sql, w->r->meta->source);
	err = dm_sql_query(w->r->target, sql->str, sql->len, true, &res);
	while (err == NULL) {
		struct dm_sql_row row;

		err = dm_sql_next(res, &row, &more);
		if (err != NULL || !more)
			break;
		err = take_table(w, &row);
	}
	return err;
}

/* ---- storing ---- */

/* The set may lack what came before the original began with the source, unless
 * it went by it. */
static struct dm_err *
rewrite_checkpoint(struct takeover *w, const char *gtid)
{
	g_autofree char *name = meta_dm_checkpoint_name(w->r->meta);
	g_autoptr(GString) update = g_string_new(NULL);
	g_autoptr(GString) forget = g_string_new(NULL);
	struct dm_err *err;

	g_string_printf(update, "UPDATE %s SET binlog_name=", name);
	meta_append_text(update, w->at.name);
	g_string_append_printf(update,
	    ", binlog_pos=%" G_GUINT64_FORMAT ", binlog_gtid=", w->at.pos);
	meta_append_text(update, gtid);
	g_string_append(update, ", exit_safe_binlog_name=");
	meta_append_text(update, w->safe_end.name);
	g_string_append_printf(update,
	    ", exit_safe_binlog_pos=%" G_GUINT64_FORMAT
	    ", exit_safe_binlog_gtid='' WHERE cp_schema='' AND cp_table='' AND "
	    "id=",
	    w->safe_end.pos);
	meta_append_text(update, w->r->meta->source);
	g_string_printf(
	    forget, "DELETE FROM %s WHERE cp_table<>'' AND id=", name);
	meta_append_text(forget, w->r->meta->source);
	err = dm_sql_exec(w->r->target, update->str, update->len, NULL);
	return err != NULL
		   ? err
		   : dm_sql_exec(w->r->target, forget->str, forget->len, NULL);
}

static struct dm_err *
store(struct takeover *w, const char *gtid)
{
	struct run *r = w->r;
	struct origin o = { .server = r->source_server,
		.skip = w->set != NULL && sync_may_come_again(w->set)
			    ? (char *)(uintptr_t)gtid
			    : NULL };
	struct dm_err *err = dm_sql_execf(r->target, "BEGIN");

	if (err == NULL) /* with the fence */
		err = meta_save_phase(
		    r->meta, r->target, META_PHASE_SYNC, &w->at, gtid);
	if (err == NULL)
		err = meta_save_tables(r->meta, r->target,
		    (const struct meta_table *const *)w->tables->pdata,
		    w->tables->len);
	if (err == NULL)
		err = origin_save(r->meta, r->target, &o);
	if (err == NULL)
		err = rewrite_checkpoint(w, gtid);
	if (err == NULL)
		err = dm_sql_execf(r->target, "COMMIT");
	return err;
}

static void
free_table(void *t)
{
	meta_table_free((struct meta_table *)t);
}

struct dm_err *
sync_take_over_original(struct run *r)
{
	struct takeover w = { .r = r,
		.tables = g_ptr_array_new_with_free_func(free_table) };
	g_autofree char *gtid = NULL, *safe = NULL;
	struct dm_err *err;

	err = dm_progress_load(
	    r->target, r->meta->schema, r->meta->task, r->meta->source, &w.was);
	if (err == NULL)
		err = find_place(&w);
	if (err == NULL)
		err = find_safe_end(&w);
	if (err == NULL)
		err = take_tables(&w);
	gtid = w.set != NULL ? dm_gtid_set_text(w.set) : g_strdup("");
	if (err == NULL)
		err = store(&w, gtid);
	if (err == NULL) {
		safe = dm_pos_text(&w.safe_end);
		dm_info("the task goes on where the original was",
		    dm_kstr("task", r->meta->task),
		    dm_kstr("source", r->meta->source),
		    dm_kstr("binlog", w.at.name), dm_kint("position", w.at.pos),
		    dm_kstr("gtid", gtid), dm_kint("tables", w.tables->len),
		    dm_kstr("safe-mode-until", safe));
		r->from = w.at;
		r->d.safe_end = w.safe_end;
		r->known_gtid = w.set != NULL ? g_steal_pointer(&gtid) : NULL;
	}
	dm_gtid_set_free(w.set);
	g_ptr_array_unref(w.tables);
	dm_progress_fini(&w.was);
	return err == NULL ? NULL
			   : dm_err_annotate(
				 err, "take the task over from the original");
}
