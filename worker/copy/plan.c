/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What takes part in the copy, and a new plan of it.
 *
 * Called by the subtask's thread. DESIGN: structures are not part of a
 * snapshot, and some changes of a table leave older snapshots readable. All
 * are read before and after the snapshots are opened; if any differs, new
 * snapshots are opened. So each is the one at the snapshot's position.
 */
#include "lib/filter/block_allow.h"
#include "lib/filter/table_filter.h"
#include "lib/log/log.h"
#include "lib/route/route.h"
#include "worker/copy/copy_internal.h"
#include "worker/meta_internal.h"

#include <string.h>
#include <strings.h>

struct copy_table *
copy_table_new(struct meta_table *meta)
{
	struct copy_table *t = g_new0(struct copy_table, 1);

	t->meta = meta;
	t->transactional = true;
	g_queue_init(&t->ready);
	g_queue_init(&t->copied);
	return t;
}

void
copy_table_free(struct copy_table *t)
{
	struct copy_chunk *k;

	if (t == NULL)
		return;
	while ((k = g_queue_pop_head(&t->ready)) != NULL)
		copy_chunk_free(k);
	while ((k = g_queue_pop_head(&t->copied)) != NULL)
		copy_chunk_free(k);
	meta_table_free(t->meta);
	copy_shape_free(t->shape);
	copy_check_free(t->check);
	g_free(t->to_db);
	g_free(t->to_table);
	g_free(t->last_hi);
	g_free(t);
}

static void
free_table(void *p)
{
	copy_table_free((struct copy_table *)p);
}

GPtrArray *
copy_table_array(void)
{
	return g_ptr_array_new_with_free_func(free_table);
}

/* ---- listing ---- */

bool
copy_skips(const struct copy_run *r, const char *db, const char *table)
{
	if (r->only == NULL)
		return dm_block_allow_skips(r->filter, db, table);
	/* Of databases only those with a table that takes part. */
	return table == NULL || dm_is_system_schema(db) ||
	       !dm_table_filter_has(r->only, db, table);
}

static struct dm_err *
list_databases(struct copy_run *r)
{
	DM_AUTO(dm_sql_result) res = NULL;
	struct dm_err *err;

	err = dm_sql_queryf(r->src, &res,
	    "SELECT SCHEMA_NAME, DEFAULT_CHARACTER_SET_NAME, "
	    "DEFAULT_COLLATION_NAME FROM information_schema.SCHEMATA "
	    "ORDER BY SCHEMA_NAME");
	while (err == NULL) {
		struct copy_database *d;
		struct dm_sql_row row;
		bool more;

		err = dm_sql_next(res, &row, &more);
		if (err != NULL || !more)
			break;
		if (dm_is_system_schema(meta_cell(&row, 0)))
			continue;
		d = g_new0(struct copy_database, 1);
		g_ptr_array_add(r->databases, d);
		d->name = g_strdup(meta_cell(&row, 0));
		d->charset = g_strdup(row.cells[1]);
		d->collation = g_strdup(row.cells[2]);
	}
	return err;
}

/* Engines whose rows a snapshot holds still. */
static struct dm_err *
list_engines(struct copy_run *r, GHashTable *engines)
{
	DM_AUTO(dm_sql_result) res = NULL;
	struct dm_err *err;

	err = dm_sql_queryf(r->src, &res,
	    "SELECT ENGINE FROM information_schema.ENGINES "
	    "WHERE TRANSACTIONS = 'YES'");
	while (err == NULL) {
		struct dm_sql_row row;
		bool more;

		err = dm_sql_next(res, &row, &more);
		if (err != NULL || !more)
			break;
		g_hash_table_add(
		    engines, g_ascii_strdown(meta_cell(&row, 0), -1));
	}
	return err;
}

struct dm_err *
copy_route_table(struct copy_run *r, struct copy_table *t)
{
	const struct meta_table *m = t->meta;
	struct dm_err *err =
	    dm_route(r->router, m->db, m->tbl, &t->to_db, &t->to_table);

	if (err == NULL &&
	    (strcmp(m->db, t->to_db) != 0 || strcmp(m->tbl, t->to_table) != 0))
		r->any_renamed = true;
	return err;
}

/* row: name, type, rows, bytes, engine */
static struct dm_err *
add_table(struct copy_run *r, const char *db, const struct dm_sql_row *row,
    GHashTable *engines)
{
	g_autofree char *engine = g_ascii_strdown(meta_cell(row, 4), -1);
	struct meta_table *m = g_new0(struct meta_table, 1);
	struct copy_table *t = copy_table_new(m);

	g_ptr_array_add(r->tables, t);
	m->db = g_strdup(db);
	m->tbl = g_strdup(meta_cell(row, 0));
	m->est_rows = meta_cell_u64(row, 2);
	m->est_bytes = meta_cell_u64(row, 3);
	t->transactional = g_hash_table_contains(engines, engine);
	return copy_route_table(r, t);
}

static struct dm_err *
add_object(struct copy_run *r, const char *db, const char *name, bool sequence)
{
	struct copy_object *o = g_new0(struct copy_object, 1);

	g_ptr_array_add(r->objects, o);
	o->db = g_strdup(db);
	o->name = g_strdup(name);
	o->sequence = sequence;
	return dm_route(r->router, db, name, &o->to_db, &o->to_name);
}

static struct dm_err *
list_tables(struct copy_run *r, const char *db, GHashTable *engines)
{
	g_autoptr(GString) sql = g_string_new(
	    "SELECT TABLE_NAME, TABLE_TYPE, TABLE_ROWS, DATA_LENGTH, ENGINE "
	    "FROM information_schema.TABLES WHERE TABLE_SCHEMA = ");
	DM_AUTO(dm_sql_result) res = NULL;
	struct dm_err *err;

	dm_sql_append_string(sql, db, strlen(db));
	g_string_append(sql, " ORDER BY TABLE_NAME");
	err = dm_sql_query(r->src, sql->str, sql->len, true, &res);
	while (err == NULL) {
		struct dm_sql_row row;
		const char *type;
		bool more;

		err = dm_sql_next(res, &row, &more);
		if (err != NULL || !more)
			break;
		type = meta_cell(&row, 1);
		if (copy_skips(r, db, meta_cell(&row, 0)))
			continue;
		if (strcmp(type, "BASE TABLE") == 0 ||
		    strcmp(type, "SYSTEM VERSIONED") == 0)
			err = add_table(r, db, &row, engines);
		else if (strcmp(type, "VIEW") == 0 ||
			 strcmp(type, "SEQUENCE") == 0)
			err = add_object(r, db, meta_cell(&row, 0),
			    strcmp(type, "SEQUENCE") == 0);
	}
	return err;
}

struct dm_err *
copy_check_targets(const struct copy_run *r)
{
	g_autoptr(GHashTable) seen =
	    g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);

	for (guint i = 0; i < r->tables->len; i++) {
		const struct copy_table *t = r->tables->pdata[i];
		char *to = g_strconcat(t->to_db, "\001", t->to_table, NULL);
		const struct copy_table *u = g_hash_table_lookup(seen, to);

		if (u == NULL) {
			g_hash_table_insert(seen, to, (gpointer)(uintptr_t)t);
			continue;
		}
		g_free(to);
		return dm_err_set_workaround(
		    dm_err_plain("tables `%s`.`%s` and `%s`.`%s` of one source "
				 "are routed to one target table `%s`.`%s`, "
				 "which the full copy does not support",
			u->meta->db, u->meta->tbl, t->meta->db, t->meta->tbl,
			t->to_db, t->to_table),
		    "correct `routes` (task file), or leave one of them out "
		    "with `block-allow-list`");
	}
	return NULL;
}

/* Where each database goes; one that takes no part is removed. */
static struct dm_err *
route_databases(struct copy_run *r)
{
	g_autoptr(GHashTable) used = g_hash_table_new(g_str_hash, g_str_equal);
	struct dm_err *err = NULL;
	guint kept = r->databases->len;
	char *none; /* a database has no table name */

	for (guint i = 0; i < r->tables->len; i++) {
		const struct copy_table *t = r->tables->pdata[i];

		g_hash_table_add(used, t->meta->db);
	}
	for (guint i = 0; err == NULL && i < kept; i++) {
		struct copy_database *d = r->databases->pdata[i];

		if (copy_skips(r, d->name, NULL) &&
		    !g_hash_table_contains(used, d->name)) {
			g_ptr_array_remove_index(r->databases, i--);
			kept--;
			continue;
		}
		err = dm_route(r->router, d->name, NULL, &d->to, &none);
	}
	return err;
}

void
copy_database_free(void *p)
{
	struct copy_database *d = p;

	g_free(d->name);
	g_free(d->charset);
	g_free(d->collation);
	g_free(d->to);
	g_free(d);
}

void
copy_add_target_databases(struct copy_run *r)
{
	guint n = r->databases->len;

	for (guint i = 0; i < r->tables->len; i++) {
		const struct copy_table *t = r->tables->pdata[i];
		const struct copy_database *from = NULL;
		struct copy_database *d;

		if (i > 0 && strcmp(t->to_db,
				 ((struct copy_table *)r->tables->pdata[i - 1])
				     ->to_db) == 0)
			continue; /* they come database by database */
		for (guint j = 0; j < n && from == NULL; j++) {
			d = r->databases->pdata[j];
			if (strcmp(d->name, t->meta->db) == 0)
				from = d;
		}
		d = g_new0(struct copy_database, 1);
		d->name = g_strdup(t->meta->db);
		d->to = g_strdup(t->to_db);
		d->charset = g_strdup(from == NULL ? NULL : from->charset);
		d->collation = g_strdup(from == NULL ? NULL : from->collation);
		g_ptr_array_add(r->databases, d);
	}
}

void
copy_object_free(void *p)
{
	struct copy_object *o = p;

	g_free(o->db);
	g_free(o->name);
	g_free(o->to_db);
	g_free(o->to_name);
	g_free(o->sql);
	g_free(o->next);
	g_free(o);
}

/* ---- structures ---- */

/* The text without the counter, which rows move on. */
static void
digest_structure(GChecksum *sum, const char *text)
{
	static const char counter[] = " AUTO_INCREMENT=";
	const char *end = g_strrstr(text, "\n) ");
	const char *at = end == NULL ? NULL : strstr(end, counter);

	if (at == NULL) {
		g_checksum_update(sum, (const guchar *)text, -1);
		return;
	}
	g_checksum_update(sum, (const guchar *)text, at - text);
	at += sizeof(counter) - 1;
	at += strspn(at, "0123456789");
	g_checksum_update(sum, (const guchar *)at, -1);
}

/* Every table's structure; *digest: of all names and structures. */
static struct dm_err *
read_structures(struct copy_run *r, char **digest)
{
	GChecksum *sum = g_checksum_new(G_CHECKSUM_SHA256);
	struct dm_err *err = NULL;

	for (guint i = 0; err == NULL && i < r->tables->len; i++) {
		struct meta_table *m =
		    ((struct copy_table *)r->tables->pdata[i])->meta;

		err = copy_source_structure(r, m->db, m->tbl, &m->structure);
		if (err == NULL && m->structure == NULL) {
			g_ptr_array_remove_index(r->tables, i--);
			continue; /* dropped since it was listed */
		}
		if (err != NULL)
			break;
		g_checksum_update(sum, (const guchar *)m->db, -1);
		g_checksum_update(sum, (const guchar *)"\001", 1);
		g_checksum_update(sum, (const guchar *)m->tbl, -1);
		digest_structure(sum, m->structure);
		err = dm_cancel_check(r->cancel);
	}
	if (err == NULL)
		*digest = g_strdup(g_checksum_get_string(sum));
	g_checksum_free(sum);
	return err;
}

static void
forget_list(struct copy_run *r)
{
	g_clear_pointer(&r->databases, g_ptr_array_unref);
	g_clear_pointer(&r->objects, g_ptr_array_unref);
	g_clear_pointer(&r->tables, g_ptr_array_unref);
}

struct dm_err *
copy_plan_list(struct copy_run *r, char **digest)
{
	g_autoptr(GHashTable) engines =
	    g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	struct dm_err *err;

	forget_list(r);
	r->databases = g_ptr_array_new_with_free_func(copy_database_free);
	r->objects = g_ptr_array_new_with_free_func(copy_object_free);
	r->tables = copy_table_array();
	err = list_databases(r);
	if (err == NULL)
		err = list_engines(r, engines);
	for (guint i = 0; err == NULL && i < r->databases->len; i++) {
		const struct copy_database *d = r->databases->pdata[i];

		err = list_tables(r, d->name, engines);
	}
	if (err == NULL && !r->to_files)
		err = copy_check_targets(r);
	if (err == NULL)
		err = route_databases(r);
	if (err != NULL)
		return err;
	copy_add_target_databases(r);
	return read_structures(r, digest);
}

/* ---- saving ---- */

struct dm_err *
copy_plan_save_rows(struct copy_run *r, GPtrArray *tables)
{
	g_autoptr(GPtrArray) rows = g_ptr_array_new();

	for (guint i = 0; i < tables->len; i++) {
		const struct copy_table *t = tables->pdata[i];

		g_ptr_array_add(rows, t->meta);
	}
	return meta_save_tables(r->meta, r->dst,
	    (const struct meta_table *const *)rows->pdata, rows->len);
}

struct dm_err *
copy_plan_save(
    struct copy_run *r, GPtrArray *tables, const struct dm_pos *sync_from)
{
	struct dm_err *err = dm_sql_execf(r->dst, "BEGIN");

	if (err == NULL)
		err = meta_check_fence(r->meta, r->dst);
	if (err == NULL)
		err = copy_plan_save_rows(r, tables);
	if (err == NULL && sync_from != NULL)
		err = meta_save_phase(
		    r->meta, r->dst, r->phase, sync_from, r->gtid);
	if (err == NULL)
		return dm_sql_execf(r->dst, "COMMIT");
	if (!dm_err_is(err, DB_BAD_CONN))
		dm_err_free(dm_sql_execf(r->dst, "ROLLBACK")); /* err counts */
	return err;
}

/* ---- a new plan ---- */

struct dm_err *
copy_plan_new(struct copy_run *r)
{
	g_autoptr(GHashTable) there = NULL;
	struct dm_err *err = copy_target_list(r, &there);

	for (guint i = 0; err == NULL && i < r->tables->len; i++) {
		struct copy_table *t = r->tables->pdata[i];
		g_autofree char *to =
		    g_strconcat(t->to_db, "\001", t->to_table, NULL);

		t->meta->created = !g_hash_table_contains(there, to);
		t->meta->snap_lo = r->pos;
		t->meta->snap_hi = r->pos_hi;
	}
	if (err == NULL)
		err = copy_plan_save(r, r->tables, &r->pos);
	if (err != NULL)
		return err;
	dm_info("full copy planned", dm_kstr("task", r->env->task->name),
	    dm_kstr("source", r->env->source->source_id),
	    dm_kint("tables", r->tables->len),
	    dm_kstr("binlog-file", r->pos.name),
	    dm_kint("binlog-pos", r->pos.pos));
	return NULL;
}
