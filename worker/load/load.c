/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The unit that loads the files of a dump into the target.
 *
 * The subtask calls run() on a thread of its own; status() comes from any.
 * DESIGN: the plan - tables with their structures, files with their sizes - is
 * saved in the target's meta before rows move, and how far each file is loaded
 * with its rows. So every run begins by reading that, and any end of this
 * process, at any moment, neither doubles nor loses rows.
 * SOURCE: reference/data-plane 3.8 to 3.10. Differs: restarts repeat nothing;
 * warnings of the target are errors.
 */
#include "lib/base/failpoint.h"
#include "lib/filter/table_filter.h"
#include "lib/log/log.h"
#include "worker/load/load_internal.h"
#include "worker/meta_internal.h"

#include <inttypes.h>
#include <string.h>

/* Schema files and metadata are read as a whole. */
#define SMALL_FILE_MAX ((size_t)64 << 20)

static void
free_table(void *p)
{
	struct load_table *t = p;

	dm_table_free(t->source);
	dm_table_free(t->target);
	g_hash_table_unref(t->told);
	g_free(t);
}

static void
free_file(void *p)
{
	struct load_file *f = p;

	g_free(f->name);
	g_free(f->mtime);
	g_free(f);
}

static void
close_run(struct load_run *d)
{
	g_clear_pointer(&d->files, g_ptr_array_unref);
	g_clear_pointer(&d->tables, g_ptr_array_unref);
	g_clear_pointer(&d->names, g_ptr_array_unref);
	g_clear_pointer(&d->rows, g_ptr_array_unref);
	dump_dir_close(&d->dir);
	copy_close_run(&d->r);
}

struct dm_err *
load_read_file(struct load_run *d, const char *name, char **text, size_t *len)
{
	g_autoptr(GString) s = g_string_new(NULL);
	DM_AUTO(dm_dump_input) in = NULL;
	struct dm_dump_name n;
	struct dm_err *err;
	size_t got = 1;

	(void)dm_dump_name_parse(name, &n);
	err = dump_dir_read(&d->dir, name, n.compress, &in);
	dm_dump_name_clear(&n);
	while (err == NULL && got > 0 && s->len < SMALL_FILE_MAX) {
		char piece[4096];

		err = dm_dump_input_read(in, piece, sizeof(piece), &got);
		if (err == NULL)
			g_string_append_len(s, piece, (gssize)got);
	}
	if (err != NULL)
		return err;
	if (s->len >= SMALL_FILE_MAX) {
		g_autofree char *what =
		    g_strdup_printf("file %s: larger than 64 MiB", name);

		return dm_err_new(LOAD_LIGHTNING_RUNTIME, what);
	}
	*len = s->len;
	*text = g_string_free(g_steal_pointer(&s), FALSE);
	return NULL;
}

/* ---- where the dump stands ---- */

static bool
follows(const struct load_run *d)
{
	enum dm_task_mode mode = d->r.env->task->mode;

	return mode == DM_MODE_ALL || mode == DM_MODE_LOAD_SYNC;
}

static struct dm_err *
read_metadata(struct load_run *d, struct dm_dump_metadata *m)
{
	g_autofree char *path = dump_dir_file(&d->dir, "metadata");
	g_autofree char *text = NULL;
	struct dm_err *err;
	size_t len = 0;

	*m = (struct dm_dump_metadata){ 0 };
	if (!g_ptr_array_find_with_equal_func(
		d->names, "metadata", g_str_equal, NULL))
		return dm_err_set_workaround(
		    dm_err_new(
			PARSE_MYDUMPER_META, "there is no such file", path, ""),
		    "a dump without it is not complete, or is on the disk of "
		    "another dm-worker: let it finish, or dump anew");
	err = load_read_file(d, "metadata", &text, &len);
	if (err == NULL)
		err = dm_dump_metadata_parse(path, text, len, m);
	if (err == NULL && !m->at.there && follows(d))
		err = dm_err_new(METADATA_NO_BINLOG_LOC, path);
	return err;
}

/* Loading goes on: with the dump that it began with. */
static struct dm_err *
check_metadata(const struct load_run *d, const struct dm_dump_metadata *m,
    const struct dm_pos *from, const char *gtid)
{
	g_autofree char *text = NULL;

	if (dm_pos_cmp(&m->at.pos, from) == 0 &&
	    strcmp(m->at.gtid == NULL ? "" : m->at.gtid, gtid) == 0)
		return NULL;
	text = g_strdup_printf("folder %s: the dump in it is of (%s, %" PRIu64
			       "), but loading began with one of (%s, %" PRIu64
			       ")",
	    d->dir.path, m->at.pos.name, m->at.pos.pos, from->name, from->pos);
	return dm_err_set_workaround(dm_err_new(LOAD_LIGHTNING_RUNTIME, text),
	    "put back the dump that loading began with, then `resume-task`; or "
	    "begin anew with `start-task --remove-meta` and empty target "
	    "tables");
}

/* ---- one run ---- */

/* What MySQL's structures need at MariaDB, and how texts of the dump are
 * escaped. A task that only loads may be far from its source. */
static struct dm_err *
learn_dialect(struct load_run *d)
{
	struct copy_run *r = &d->r;
	struct dm_err *err = copy_source_connect(r);

	if (err == NULL)
		err = copy_source_no_escapes(r, &d->no_escapes);
	if (err != NULL && r->env->task->mode == DM_MODE_LOAD) {
		dm_warn("the source cannot be asked for its version and mode: "
			"the dump's structures are taken as they are, its "
			"backslashes as escapes",
		    dm_kstr("task", r->env->task->name), dm_kerr(err));
		dm_err_free(err); /* told above */
		return NULL;
	}
	if (err != NULL)
		return err;
	r->dialect = dm_dialect_of(
	    dm_sql_server_version(r->src), dm_sql_server_version(r->dst));
	dm_cancel_unwatch(r->cancel, &r->src_watch);
	g_clear_pointer(&r->src, dm_sql_conn_free);
	return NULL;
}

static void
choose_verb(struct load_run *d)
{
	const char *how = d->r.env->inst->loader.on_duplicate_logical;

	d->verb = "REPLACE";
	if (strcmp(how, "error") == 0)
		d->verb = "INSERT";
	d->ignore = strcmp(how, "ignore") == 0;
	if (d->ignore)
		d->verb = "INSERT IGNORE";
}

/* Tables that are done count with what their rows say. */
static void
correct_totals(struct load_run *d)
{
	struct copy_unit *u = d->r.unit;

	dm_mutex_lock(&u->mu);
	u->total_rows = 0; /* nobody knows before they are read */
	u->total_bytes = atomic_load(&u->bytes);
	for (guint i = 0; i < d->files->len; i++) {
		const struct load_file *f = d->files->pdata[i];

		if (!f->done)
			u->total_bytes += f->size - MIN(f->size, f->offset);
	}
	dm_mutex_unlock(&u->mu);
}

static struct dm_err *
plan(struct load_run *d, bool new, struct dm_pos *from, char **gtid)
{
	struct dm_dump_metadata m = { 0 };
	struct copy_run *r = &d->r;
	struct dm_err *err;

	copy_note(r, "reading the schema files in %s", d->dir.path);
	err = read_metadata(d, &m);
	if (err == NULL && !new)
		err = check_metadata(d, &m, from, *gtid);
	if (err == NULL)
		err = load_plan_scan(d, new);
	if (err == NULL) /* a storage may be slow, and it idled meanwhile */
		err = copy_target_control(r);
	if (err == NULL)
		err = new ? load_plan_new(d, &m) : load_plan_resume(d);
	if (err == NULL && new) {
		*from = m.at.pos;
		g_free(*gtid);
		*gtid = g_strdup(m.at.gtid == NULL ? "" : m.at.gtid);
	}
	dm_dump_metadata_clear(&m);
	if (err != NULL)
		return err;
	copy_add_target_databases(r);
	copy_set_position(r, from, *gtid);
	copy_set_totals(r);
	correct_totals(d);
	copy_note(r, "creating tables");
	err = copy_target_create(r);
	return err != NULL ? err : load_plan_tables(d);
}

/* Modes in which the task dumped itself. */
static bool
is_own_dump(const struct dm_task_cfg *task)
{
	return task->mode == DM_MODE_ALL || task->mode == DM_MODE_FULL;
}

/* The files of a dump that the task made, or was given, are not needed now. */
static void
clean(struct load_run *d)
{
	const struct dm_task_cfg *task = d->r.env->task;
	bool all = is_own_dump(task);

	if (task->clean_dump_file)
		dump_dir_clean(&d->dir, all ? d->names : d->rows, all);
}

/* What `-T` and `-f` of extra-args chose for the task's own dump is what is in
 * the folder; a dump that was given is taken by the block-allow-list alone. */
static struct dm_err *
choose_tables(struct load_run *d)
{
	const struct dm_task_cfg *task = d->r.env->task;
	const GPtrArray *tables = d->r.env->inst->mydumper.tables;

	if (!is_own_dump(task) || tables == NULL)
		return NULL;
	return dm_table_filter_new(
	    tables, unit_case_sensitive(d->r.env), &d->r.only);
}

static struct dm_err *
load_all(struct load_run *d, bool new, struct dm_pos *from, char **gtid)
{
	struct copy_run *r = &d->r;
	struct dm_err *err = dump_dir_open(
	    &d->dir, r->env, new ? DUMP_DIR_LOAD : DUMP_DIR_RESUME, r->cancel);

	if (err == NULL)
		err = dump_dir_list(&d->dir, &d->names);
	if (err == NULL)
		err = learn_dialect(d);
	if (err == NULL)
		err = plan(d, new, from, gtid);
	if (err != NULL)
		return err;
	dm_info("loading", dm_kstr("task", r->env->task->name),
	    dm_kstr("dir", d->dir.path), dm_kint("tables", r->tables->len),
	    dm_kint("files", d->files->len));
	copy_note(r, "loading %u files", d->files->len);
	copy_throttle_start(&d->r, false, true);
	err = load_lanes_run(d);
	copy_throttle_stop(&d->r);
	if (err == NULL)
		err = dm_cancel_check(r->cancel);
	if (err == NULL)
		copy_note(r, "%s", "");
	if (err == NULL)
		err = copy_target_control(r);
	if (err == NULL)
		err = copy_target_create_views(r);
	if (err == NULL)
		err = copy_target_control(r);
	if (err == NULL)
		err = meta_save_phase(
		    r->meta, r->dst, META_PHASE_SYNC, from, *gtid);
	if (err != NULL)
		return err;
	copy_set_done(r);
	DM_FAILPOINT("load-clean");
	clean(d);
	return NULL;
}

static struct dm_err *
run_phases(struct load_run *d)
{
	g_autofree char *gtid = NULL;
	struct copy_run *r = &d->r;
	struct dm_pos from;
	enum meta_phase phase = META_PHASE_NONE;
	struct dm_err *err = copy_open_rules(r);

	if (err == NULL)
		err = choose_tables(d);
	if (err == NULL)
		err = copy_target_control(r);
	if (err == NULL)
		err = copy_learn_binlog_format(r);
	if (err == NULL)
		err = meta_ensure_tables(r->meta, r->dst);
	if (err == NULL)
		err = meta_take_over(r->meta, r->dst, r->cancel);
	if (err == NULL) /* it creates tables: no fence holds that */
		err = meta_record_conn(r->meta, r->dst);
	if (err == NULL)
		err = meta_load_phase(r->meta, r->dst, &phase, &from, &gtid);
	if (err == NULL)
		err = copy_check_phase(r, phase);
	if (err == NULL && meta_phase_is_copied(phase)) {
		/* The run that loaded may have ended before it cleaned up. */
		if (is_own_dump(r->env->task) && r->env->task->clean_dump_file)
			dump_dir_clean_left(r->env, r->cancel);
		return copy_load_result(r, &from, gtid);
	}
	if (err == NULL)
		err = load_all(d, phase == META_PHASE_NONE, &from, &gtid);
	return err;
}

static struct dm_err *
load_run(struct unit *unit, struct dm_cancel *c)
{
	struct copy_unit *u = (struct copy_unit *)unit;
	struct load_run d = { .dir = { .fd = -1 } };
	struct dm_err *err;

	copy_init_run(&d.r, u, META_PHASE_LOAD, c);
	d.tables = g_ptr_array_new_with_free_func(free_table);
	d.files = g_ptr_array_new_with_free_func(free_file);
	d.rows = g_ptr_array_new_with_free_func(g_free);
	choose_verb(&d);
	err = run_phases(&d);
	close_run(&d);
	return copy_outcome(err, c);
}

static const struct unit_ops load_ops = {
	.type = PB__UNIT_TYPE__Load,
	.run = load_run,
	.status = copy_status,
	.free = copy_free_unit,
};

struct unit *
load_unit_new(const struct unit_env *env)
{
	struct copy_unit *u = g_new0(struct copy_unit, 1);

	copy_init_unit(u, &load_ops, env);
	return &u->unit;
}
