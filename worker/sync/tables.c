/* SPDX-License-Identifier: Apache-2.0 */
/* Tables by name: see tables.h. */
#include "worker/sync/tables.h"

#include <string.h>

static char *
key_of(const char *db, const char *name)
{
	return g_strconcat(db, "\n", name, NULL);
}

static void
free_tbl(gpointer p)
{
	tbl_free(p);
}

static void
free_snap(gpointer p)
{
	meta_table_free(p);
}

/* ---- opening ---- */

static struct dm_err *
load_charsets(struct tables *ts, struct dm_sql_conn *source)
{
	DM_AUTO(dm_sql_result) res = NULL;
	struct dm_sql_row row;
	struct dm_err *err;
	bool more;

	err = dm_sql_queryf(source, &res,
	    "SELECT SCHEMA_NAME,DEFAULT_CHARACTER_SET_NAME,"
	    "DEFAULT_COLLATION_NAME FROM information_schema.SCHEMATA");
	if (err != NULL)
		return err;
	for (;;) {
		err = dm_sql_next(res, &row, &more);
		if (err != NULL || !more)
			return err;
		dm_tracker_set_database(
		    ts->tracker, row.cells[0], row.cells[1], row.cells[2]);
	}
}

/* MySQL's events name collations by numbers, which mean others elsewhere. */
static struct dm_err *
load_collations(struct tables *ts, struct dm_sql_conn *source)
{
	DM_AUTO(dm_sql_result) res = NULL;
	struct dm_sql_row row;
	struct dm_err *err;
	bool more;

	if (!ts->dialect.active)
		return NULL;
	err = dm_sql_queryf(source, &res,
	    "SELECT ID,COLLATION_NAME FROM information_schema.COLLATIONS");
	while (err == NULL) {
		err = dm_sql_next(res, &row, &more);
		if (err != NULL || !more)
			break;
		g_hash_table_insert(ts->collations,
		    GUINT_TO_POINTER(
			(guint)g_ascii_strtoull(row.cells[0], NULL, 10)),
		    g_strdup(row.cells[1]));
	}
	return err;
}

char *
tables_collation(const struct tables *ts, unsigned number)
{
	const char *name =
	    g_hash_table_lookup(ts->collations, GUINT_TO_POINTER(number));

	return name != NULL ? dm_dialect_collation(&ts->dialect, name) : NULL;
}

static struct dm_err *
load_structures(struct tables *ts)
{
	g_autoptr(GPtrArray) list = NULL;
	struct dm_err *err = meta_load_tables(ts->meta, ts->conn, &list);

	if (err != NULL)
		return err;
	g_ptr_array_set_free_func(list, NULL); /* the hash takes them */
	for (guint i = 0; i < list->len; i++) {
		struct meta_table *mt = g_ptr_array_index(list, i);
		struct dm_table *t = NULL;

		g_hash_table_replace(ts->snaps, key_of(mt->db, mt->tbl), mt);
		if (err != NULL || mt->structure[0] == '\0')
			continue; /* forgotten, by a command */
		err =
		    dm_schema_parse_create(mt->structure, 0, mt->db, NULL, &t);
		if (err != NULL) {
			err = dm_err_annotate(err,
			    "stored structure of `%s`.`%s`", mt->db, mt->tbl);
			continue;
		}
		g_free(t->name);
		t->name = g_strdup(mt->tbl);
		dm_tracker_put(ts->tracker, t);
	}
	return err;
}

/* ---- foreign key groups ---- */

static const char *
group_root(GHashTable *parent, const char *name)
{
	const char *up;

	while ((up = g_hash_table_lookup(parent, name)) != NULL &&
	       strcmp(up, name) != 0)
		name = up;
	return name;
}

static void
group_join(GHashTable *parent, const char *a, const char *b)
{
	const char *ra, *rb;

	if (g_hash_table_lookup(parent, a) == NULL)
		g_hash_table_insert(parent, g_strdup(a), g_strdup(a));
	if (g_hash_table_lookup(parent, b) == NULL)
		g_hash_table_insert(parent, g_strdup(b), g_strdup(b));
	ra = group_root(parent, a);
	rb = group_root(parent, b);
	if (strcmp(ra, rb) == 0)
		return;
	/* The smaller name leads, so that a group's lane does not depend on
	 * the order in which the server lists the keys. */
	if (strcmp(ra, rb) < 0)
		g_hash_table_insert(parent, g_strdup(rb), g_strdup(ra));
	else
		g_hash_table_insert(parent, g_strdup(ra), g_strdup(rb));
}

static struct dm_err *
load_groups(struct tables *ts)
{
	DM_AUTO(dm_sql_result) res = NULL;
	struct dm_sql_row row;
	struct dm_err *err;
	bool more = true;

	g_hash_table_remove_all(ts->groups);
	if (!ts->foreign_keys)
		return NULL;
	err = dm_sql_queryf(ts->conn, &res,
	    "SELECT DISTINCT CONCAT(TABLE_SCHEMA,'.',TABLE_NAME),"
	    "CONCAT(REFERENCED_TABLE_SCHEMA,'.',REFERENCED_TABLE_NAME) "
	    "FROM information_schema.KEY_COLUMN_USAGE "
	    "WHERE REFERENCED_TABLE_NAME IS NOT NULL");
	while (err == NULL && more) {
		err = dm_sql_next(res, &row, &more);
		if (err == NULL && more)
			group_join(ts->groups, row.cells[0], row.cells[1]);
	}
	return err;
}

/* Tables of the target with triggers, which see each single change. */
static struct dm_err *
load_triggers(struct tables *ts)
{
	DM_AUTO(dm_sql_result) res = NULL;
	struct dm_sql_row row;
	struct dm_err *err;
	bool more = true;

	g_hash_table_remove_all(ts->triggers);
	err = dm_sql_queryf(ts->conn, &res,
	    "SELECT DISTINCT CONCAT(EVENT_OBJECT_SCHEMA,'.',"
	    "EVENT_OBJECT_TABLE) FROM information_schema.TRIGGERS");
	while (err == NULL && more) {
		err = dm_sql_next(res, &row, &more);
		if (err == NULL && more)
			g_hash_table_add(ts->triggers, g_strdup(row.cells[0]));
	}
	return err;
}

/* What the target does by itself when a row changes. */
static struct dm_err *
load_acts(struct tables *ts)
{
	struct dm_err *err = load_groups(ts);

	return err != NULL ? err : load_triggers(ts);
}

struct dm_err *
tables_open(struct tables *ts, const struct unit_env *env, struct meta *meta,
    struct dm_sql_conn *target, struct dm_sql_conn *source, bool foreign_keys)
{
	bool cs = unit_case_sensitive(env);
	struct dm_err *err;
	size_t n;

	*ts = (struct tables){ .env = env,
		.meta = meta,
		.conn = target,
		.foreign_keys = foreign_keys };
	ts->tracker = dm_tracker_new(env->source->case_sensitive);
	ts->snaps =
	    g_hash_table_new_full(g_str_hash, g_str_equal, g_free, free_snap);
	ts->tbls =
	    g_hash_table_new_full(g_str_hash, g_str_equal, g_free, free_tbl);
	ts->uses =
	    g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
	ts->groups =
	    g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
	ts->collations = g_hash_table_new_full(NULL, NULL, NULL, g_free);
	ts->dialect = dm_dialect_of(
	    dm_sql_server_version(source), dm_sql_server_version(target));
	ts->triggers =
	    g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	ts->rules = dm_instance_routes(env->task, env->inst, &n);
	err = dm_router_new(ts->rules, n, cs, &ts->router);
	if (err == NULL)
		err =
		    dm_block_allow_new(env->inst->block_allow, cs, &ts->filter);
	if (err == NULL)
		err = dm_instance_filter(env->task, env->inst, cs, &ts->events);
	if (err == NULL && env->task->online_ddl)
		err = dm_online_rules_new(env->task->shadow_rules,
		    env->task->trash_rules, &ts->online);
	if (err == NULL)
		err = load_charsets(ts, source);
	if (err == NULL)
		err = load_collations(ts, source);
	if (err == NULL)
		err = row_filter_env_load(&ts->expressions, env, source);
	if (err == NULL)
		err = load_structures(ts);
	if (err == NULL)
		err = load_acts(ts);
	return err;
}

void
tables_close(struct tables *ts)
{
	if (ts->tracker == NULL)
		return;
	g_hash_table_unref(ts->tbls);
	g_hash_table_unref(ts->uses);
	g_hash_table_unref(ts->snaps);
	g_hash_table_unref(ts->groups);
	g_hash_table_unref(ts->collations);
	g_hash_table_unref(ts->triggers);
	dm_tracker_free(ts->tracker);
	row_filter_env_fini(&ts->expressions);
	dm_block_allow_free(ts->filter);
	dm_binlog_filter_free(ts->events);
	dm_online_rules_free(ts->online);
	dm_router_free(ts->router);
	g_free(ts->rules);
	*ts = (struct tables){ 0 };
}

/* ---- use ---- */

struct dm_err *
tables_target_structure(struct dm_sql_conn *conn, const char *db,
    const char *name, struct dm_table **t)
{
	g_autofree char *ident = dm_sql_quote_table(db, name);
	g_autofree char *sql = g_strconcat("SHOW CREATE TABLE ", ident, NULL);
	DM_AUTO(dm_sql_result) res = NULL;
	struct dm_sql_row row;
	struct dm_err *err;
	bool more = false;

	*t = NULL;
	err = dm_sql_query(conn, sql, strlen(sql), true, &res);
	if (err != NULL) {
		unsigned code = dm_sql_last_errno(conn);

		if (!dm_sql_is_missing(code))
			return err;
		dm_err_free(err); /* it does not exist: that is the answer */
		return NULL;
	}
	err = dm_sql_next(res, &row, &more);
	if (err != NULL || !more || row.n < 2)
		return err;
	return dm_schema_parse_create(row.cells[1], 0, db, NULL, t);
}

static struct dm_err *
source_structure(struct tables *ts, const char *db, const char *name,
    const struct dm_table *target, const GArray *extracted)
{
	struct dm_table *t = NULL;
	struct dm_err *err;

	if (dm_tracker_get(ts->tracker, db, name) != NULL)
		return NULL;
	/* As DM does: before its first DDL, a table that nothing is known of
	 * looks like the one in the target. */
	err = tbl_guess_source(target, db, name, extracted, &t);
	if (err == NULL)
		dm_tracker_put(ts->tracker, t);
	return err;
}

static struct dm_err *
rows_actions(struct tables *ts, const char *db, const char *name,
    enum dm_filter_action *rows)
{
	static const char *const names[][2] = {
		[DM_ROWS_INSERT] = { "insert", NULL },
		[DM_ROWS_UPDATE] = { "update", NULL },
		[DM_ROWS_DELETE] = { "delete", NULL },
	};
	struct dm_err *err = NULL;

	for (size_t i = 0; err == NULL && i < DM_ARRAY_SIZE(names); i++)
		err = dm_binlog_filter_decide(
		    ts->events, db, name, names[i], "", &rows[i]);
	return err;
}

/* No row of the table is wanted, so the target need not be able to take them:
 * its CREATE TABLE may have been filtered, too. */
static bool
is_unwanted(const enum dm_filter_action *rows, const struct dm_err *err)
{
	for (size_t i = 0; i < 3; i++) {
		if (rows[i] != DM_FILTER_IGNORE)
			return false;
	}
	return dm_err_is(err, SYNCER_DOWNSTREAM_TABLE_NOT_FOUND) ||
	       dm_err_is(err, SYNCER_UNIT_DML_COLUMN_NOT_MATCH);
}

/* Other tables may go into the same one. */
static void
share_target(struct tables *ts, struct tbl *t)
{
	struct tbl_use *use = g_hash_table_lookup(ts->uses, t->to_ident);

	if (use == NULL) {
		use = g_new0(struct tbl_use, 1);
		g_hash_table_insert(ts->uses, g_strdup(t->to_ident), use);
	}
	tbl_share(t, use);
}

static struct dm_err *
build(struct tables *ts, const char *db, const char *name, const char *key,
    const enum dm_filter_action *rows, struct tbl **out)
{
	g_autofree char *to_db = NULL, *to_name = NULL, *group_key = NULL;
	const struct meta_table *snap = g_hash_table_lookup(ts->snaps, key);
	DM_AUTO(dm_table) target = NULL;
	g_autoptr(GArray) extracted =
	    dm_route_extract(ts->router, db, name, ts->env->source->source_id);
	struct tbl_input in = { .extracted = extracted };
	struct tbl *t = NULL;
	struct dm_err *err;

	err = dm_route(ts->router, db, name, &to_db, &to_name);
	if (err == NULL)
		err =
		    tables_target_structure(ts->conn, to_db, to_name, &target);
	if (err != NULL)
		return err;
	if (target == NULL) {
		g_autofree char *ident = dm_sql_quote_table(to_db, to_name);

		return dm_err_new(SYNCER_DOWNSTREAM_TABLE_NOT_FOUND, ident);
	}
	err = source_structure(ts, db, name, target, extracted);
	if (err != NULL)
		return err;
	group_key = g_strconcat(to_db, ".", to_name, NULL);
	in.src = dm_tracker_get(ts->tracker, db, name);
	in.target = target;
	in.to_db = to_db;
	in.to_name = to_name;
	if (g_hash_table_lookup(ts->groups, group_key) != NULL)
		in.group = group_root(ts->groups, group_key);
	in.acts = g_hash_table_contains(ts->triggers, group_key);
	if (snap != NULL) {
		in.snap_lo = snap->snap_lo;
		in.snap_hi = snap->snap_hi;
	}
	memcpy(in.rows, rows, sizeof(in.rows));
	err = tbl_new(&in, &t);
	if (err == NULL)
		err = row_filter_new(&ts->expressions, t->src, &t->filter);
	if (err != NULL) {
		tbl_free(t);
		return err;
	}
	share_target(ts, t);
	*out = t;
	return NULL;
}

/* Rows of an online schema change tool's tables are those of the real table
 * once more, or its notes. */
static bool
takes_part(const struct tables *ts, const char *db, const char *name)
{
	return !dm_block_allow_skips(ts->filter, db, name) &&
	       (ts->online == NULL ||
		   dm_online_kind_of(ts->online, name, NULL) == DM_ONLINE_REAL);
}

struct dm_err *
tables_get(struct tables *ts, const char *db, const char *name, struct tbl **t)
{
	g_autofree char *key = key_of(db, name);
	gpointer found;
	struct dm_err *err;

	*t = NULL;
	if (g_hash_table_lookup_extended(ts->tbls, key, NULL, &found)) {
		*t = found;
		return NULL;
	}
	if (takes_part(ts, db, name)) {
		enum dm_filter_action rows[3];

		err = rows_actions(ts, db, name, rows);
		if (err == NULL)
			err = build(ts, db, name, key, rows, t);
		if (err != NULL && !is_unwanted(rows, err))
			return err;
		dm_err_free(err);
	}
	g_hash_table_insert(ts->tbls, DM_TAKE(key), *t);
	return NULL;
}

struct dm_err *
tables_forget(struct tables *ts)
{
	g_hash_table_remove_all(ts->tbls);
	g_hash_table_remove_all(ts->uses);
	return load_acts(ts);
}

bool
tables_snapshot_has(struct tables *ts, const char *db, const char *name,
    const struct dm_pos *at)
{
	g_autofree char *key = key_of(db, name != NULL ? name : "");
	const struct meta_table *snap = g_hash_table_lookup(ts->snaps, key);

	return snap != NULL && dm_pos_cmp(at, &snap->snap_lo) < 0;
}
