/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The unit that dumps tables into files.
 *
 * The subtask calls run() on a thread of its own; status() comes from any.
 * DESIGN: a dump is of one snapshot, so one that was interrupted begins anew in
 * an emptied folder. The file `metadata` is written last: without it there is
 * no dump. In a task that also loads, the target's meta says whether loading
 * has begun; then there is nothing to dump any more.
 * SOURCE: reference/data-plane 3.1 to 3.7. Differs: snapshots are taken as for
 * the streamed copy, so `consistency` says nothing; files of others are never
 * removed; a lost connection is resumed by itself.
 */
#include "lib/binlog/stream.h"
#include "lib/dump/metadata.h"
#include "lib/filter/table_filter.h"
#include "lib/log/log.h"
#include "worker/dump/dump_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* DM's defaults. */
#define CHUNK_ROWS      200000
#define STATEMENT_BYTES 1000000
#define MIB             ((uint64_t)1 << 20)
/* `SHOW MASTER STATUS` is gone from there on. */
#define RENAMED_MAJOR 8
#define RENAMED_MINOR 4

static void
free_table(void *p)
{
	struct dump_table *t = p;

	dump_shape_free(t->shape);
	g_free(t->lo);
	g_free(t);
}

static void
close_run(struct dump_run *d)
{
	g_clear_pointer(&d->tables, g_ptr_array_unref);
	dump_dir_close(&d->dir);
	copy_close_run(&d->r);
}

struct dm_err *
dump_write_file(
    struct dump_run *d, const char *name, const char *text, size_t len)
{
	g_autofree char *full =
	    g_strconcat(name, dm_dump_suffix(d->compress), NULL);
	DM_AUTO(dm_dump_output) out = NULL;
	struct dm_err *err = dump_dir_create(&d->dir, full, d->compress, &out);

	if (err == NULL)
		err = dm_dump_output_write(out, text, len);
	return err != NULL ? err : dm_dump_output_finish(out);
}

/* ---- metadata ---- */

static char *
now_text(void)
{
	g_autoptr(GDateTime) now = g_date_time_new_now_local();

	return g_date_time_format(now, "%Y-%m-%d %H:%M:%S");
}

static const char *
status_words(struct dm_sql_conn *conn)
{
	unsigned major = 0, minor = 0;

	if (dm_sql_is_mariadb(conn) ||
	    sscanf(dm_sql_server_version(conn), "%u.%u", &major, &minor) != 2)
		return "SHOW MASTER STATUS";
	return major > RENAMED_MAJOR ||
		       (major == RENAMED_MAJOR && minor >= RENAMED_MINOR)
		   ? "SHOW BINARY LOG STATUS"
		   : "SHOW MASTER STATUS";
}

/* Tables without transactions: they may hold changes up to now. */
static struct dm_err *
note_loose_tables(struct dump_run *d, struct dm_dump_metadata *m)
{
	for (guint i = 0; i < d->r.tables->len; i++) {
		const struct copy_table *t = d->r.tables->pdata[i];
		g_autofree char *db = dm_dump_name_escape(t->meta->db);
		g_autofree char *table = dm_dump_name_escape(t->meta->tbl);

		if (!t->transactional)
			g_hash_table_add(
			    m->loose_tables, g_strconcat(db, ".", table, NULL));
	}
	if (g_hash_table_size(m->loose_tables) == 0)
		return NULL;
	m->loose.there = true;
	/* The control connection was idle for as long as rows were read. */
	return dm_binlog_master_status(
	    d->r.readers->pdata[0], &m->loose.pos, NULL);
}

static struct dm_err *
finish(struct dump_run *d, const char *started)
{
	const struct copy_run *r = &d->r;
	g_autofree char *finished = now_text();
	g_autofree char *text = NULL;
	g_autoptr(GHashTable) loose =
	    g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	struct dm_dump_metadata m = {
		.at = { .there = true, .pos = r->pos, .gtid = r->gtid },
		.loose_tables = loose,
	};
	struct dm_err *err = note_loose_tables(d, &m);

	if (err != NULL)
		return err;
	if (dm_pos_cmp(&r->pos, &r->pos_hi) != 0)
		m.after = (struct dm_dump_location){ .there = true,
			.pos = r->pos_hi };
	text =
	    dm_dump_metadata_text(&m, status_words(r->src), started, finished);
	return dump_dir_publish(&d->dir, text);
}

/* ---- one run ---- */

static void
read_settings(struct dump_run *d)
{
	const struct dm_mydumper_cfg *m = &d->r.env->inst->mydumper;

	d->csv = m->csv;
	d->views = m->views;
	d->compress = strcmp(m->compress, "gzip") == 0   ? DM_DUMP_GZIP
		      : strcmp(m->compress, "zstd") == 0 ? DM_DUMP_ZSTD
							 : DM_DUMP_PLAIN;
	d->rows_per_chunk = m->rows > 0 ? (uint64_t)m->rows : CHUNK_ROWS;
	d->file_bytes = dm_mydumper_size(m->chunk_filesize, MIB);
	d->statement_bytes = dm_mydumper_size(m->statement_size, 1);
	if (d->statement_bytes == 0)
		d->statement_bytes = STATEMENT_BYTES;
}

/* Whether the target's meta says that loading has begun. */
static struct dm_err *
ask_target(struct dump_run *d, bool *loading)
{
	g_autofree char *gtid = NULL;
	struct copy_run *r = &d->r;
	enum meta_phase phase;
	struct dm_pos from;
	struct dm_err *err;

	*loading = false;
	if (r->env->task->mode == DM_MODE_DUMP)
		return NULL;
	err = copy_target_control(r);
	if (err == NULL)
		err = meta_ensure_tables(r->meta, r->dst);
	if (err == NULL)
		err = meta_take_over(r->meta, r->dst, r->cancel);
	if (err == NULL)
		err = meta_load_phase(r->meta, r->dst, &phase, &from, &gtid);
	if (err == NULL)
		err = copy_check_phase(r, phase);
	if (err == NULL)
		*loading = phase != META_PHASE_NONE;
	/* A dump may take longer than an idle session lives. */
	dm_cancel_unwatch(r->cancel, &r->dst_watch);
	g_clear_pointer(&r->dst, dm_sql_conn_free);
	return err;
}

static void
list_tables(struct dump_run *d)
{
	d->tables = g_ptr_array_new_with_free_func(free_table);
	for (guint i = 0; i < d->r.tables->len; i++) {
		struct dump_table *t = g_new0(struct dump_table, 1);

		t->t = d->r.tables->pdata[i];
		g_ptr_array_add(d->tables, t);
	}
}

/* Rows of a table without transactions are not held still by a snapshot. Who
 * follows the binlog puts them right, if they can be told apart. */
static struct dm_err *
check_engines(struct dump_run *d)
{
	struct dm_err *err = NULL;

	for (guint i = 0; err == NULL && i < d->r.tables->len; i++) {
		const struct copy_table *t = d->r.tables->pdata[i];
		const struct meta_table *m = t->meta;
		DM_AUTO(dump_shape) s = NULL;

		if (t->transactional)
			continue;
		err = dump_shape_new(m->structure, m->db, d->no_escapes, &s);
		if (err == NULL)
			err = copy_check_engine(t, s->cut);
		if (err == NULL)
			dm_warn("a table's engine has no transactions: what is "
				"written to it during the dump may be in it",
			    dm_kstr("schema", m->db), dm_kstr("table", m->tbl));
	}
	return err;
}

static struct dm_err *
run_lanes(struct dump_run *d)
{
	struct dm_err *err;

	copy_throttle_start(&d->r, true, false);
	err = dump_lanes_run(d);
	copy_throttle_stop(&d->r);
	return err;
}

static struct dm_err *
dump_all(struct dump_run *d)
{
	struct copy_run *r = &d->r;
	g_autofree char *started = now_text();
	struct dm_err *err =
	    dump_dir_open(&d->dir, r->env, DUMP_DIR_DUMP, r->cancel);

	if (err == NULL)
		err = dump_dir_empty(&d->dir);
	if (err == NULL)
		err = copy_open_snapshot(r);
	if (err == NULL)
		err = copy_source_no_escapes(r, &d->no_escapes);
	if (err == NULL)
		err = check_engines(d);
	if (err != NULL)
		return err;
	copy_set_position(r, &r->pos, r->gtid);
	copy_set_totals(r);
	list_tables(d);
	copy_note(r, "dumping with %u readers", r->readers->len);
	err = dump_schema_files(d);
	if (err == NULL)
		err = run_lanes(d);
	if (err == NULL)
		err = dm_cancel_check(r->cancel);
	if (err == NULL)
		err = finish(d, started);
	if (err == NULL) {
		copy_note(r, "%s", "");
		copy_set_done(r);
		dm_info("dump finished", dm_kstr("task", r->env->task->name),
		    dm_kstr("dir", d->dir.path),
		    dm_kint("tables", r->tables->len),
		    dm_kint("rows", atomic_load(&r->unit->rows)));
	}
	return err;
}

/* DM's code for whatever ends a dump, but for what is resumed by itself and for
 * what the user wrote, which says what to do. */
static struct dm_err *
name_error(struct dm_err *err)
{
	g_autofree char *message = NULL;

	if (err == NULL || dm_err_is_canceled(err) ||
	    dm_err_is(err, DUMP_UNIT_RUNTIME) || dm_err_is(err, DB_BAD_CONN) ||
	    dm_err_is(err, CONFIG_YAML_TRANSFORM))
		return err;
	message = g_strdup(err->message);
	return dm_err_wrap(err, DUMP_UNIT_RUNTIME, message);
}

static struct dm_err *
dump_run(struct unit *unit, struct dm_cancel *c)
{
	struct copy_unit *u = (struct copy_unit *)unit;
	struct dump_run d = { .dir = { .fd = -1 } };
	bool loading = false;
	struct dm_err *err;

	copy_init_run(&d.r, u, META_PHASE_LOAD, c);
	d.r.to_files = true;
	read_settings(&d);
	err = copy_open_rules(&d.r);
	if (err == NULL && u->env->inst->mydumper.tables != NULL)
		err = dm_table_filter_new(u->env->inst->mydumper.tables,
		    unit_case_sensitive(u->env), &d.r.only);
	if (err == NULL)
		err = ask_target(&d, &loading);
	if (err == NULL && loading)
		copy_set_done(&d.r);
	else if (err == NULL)
		err = name_error(dump_all(&d));
	close_run(&d);
	return copy_outcome(err, c);
}

/* ---- status ---- */

static void
dump_status(struct unit *unit, Pb__SubTaskStatus *st)
{
	struct copy_unit *u = (struct copy_unit *)unit;
	Pb__DumpStatus *s = malloc(sizeof(*s));
	uint64_t bytes = atomic_load(&u->bytes), rows = atomic_load(&u->rows);
	double part;
	char text[32];

	dm_assert(s != NULL);
	pb__dump_status__init(s);
	dm_mutex_lock(&u->mu);
	copy_sample_locked(u, bytes, rows);
	s->totaltables = (int64_t)u->tables;
	s->completedtables = (double)u->tables_done;
	s->finishedbytes = (double)bytes;
	s->finishedrows = (double)rows;
	s->estimatetotalrows = (double)(u->done ? rows : u->total_rows);
	if (!u->done)
		s->bps = copy_per_second(bytes, u->older.bytes,
		    dm_mono_diff_ms(dm_mono_now(), u->older.at));
	part = s->estimatetotalrows <= 0
		   ? 0.0
		   : MIN(100.0 * s->finishedrows / s->estimatetotalrows, 100.0);
	if (u->done)
		part = 100.0;
	s->throttle = strdup(u->throttle == NULL ? "" : u->throttle);
	dm_mutex_unlock(&u->mu);
	s->ratelimit = u->env->task->copy.rate_limit;
	snprintf(text, sizeof(text), "%.2f %%", part);
	s->progress = strdup(text);
	st->status_case = PB__SUB_TASK_STATUS__STATUS_DUMP;
	st->dump = s;
}

static const struct unit_ops dump_ops = {
	.type = PB__UNIT_TYPE__Dump,
	.run = dump_run,
	.status = dump_status,
	.free = copy_free_unit,
};

struct unit *
dump_unit_new(const struct unit_env *env)
{
	struct copy_unit *u = g_new0(struct copy_unit, 1);

	copy_init_unit(u, &dump_ops, env);
	return &u->unit;
}
