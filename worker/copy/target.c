/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sessions at the target, and what is created there before rows move.
 *
 * Called by the subtask's thread; copy_target_connect and copy_target_shape by
 * the lanes too.
 * DESIGN: tables are created from the source's structure with routed names,
 * foreign keys without checks, so their order does not matter. A table that
 * was there before is used as it is if it has the source's columns.
 */
#include "lib/filter/block_allow.h"
#include "lib/log/log.h"
#include "lib/route/route.h"
#include "worker/copy/copy_internal.h"

#include <inttypes.h>
#include <string.h>

#define WAIT_TIMEOUT_MAX_S 60

static struct dm_err *
set_session(struct copy_run *r, struct dm_sql_conn *conn, bool binary)
{
	int64_t wait = r->env->lease_ttl_s;
	struct dm_err *err;

	/* A frozen client must not keep its locks beyond its lease. */
	if (wait <= 0 || wait > WAIT_TIMEOUT_MAX_S)
		wait = WAIT_TIMEOUT_MAX_S;
	err = dm_sql_execf(conn,
	    "SET SESSION time_zone = '+00:00', sql_mode = "
	    "'NO_AUTO_VALUE_ON_ZERO,ALLOW_INVALID_DATES', "
	    "foreign_key_checks = 0, wait_timeout = %" PRId64
	    ", net_read_timeout = %" PRId64,
	    wait, wait);
	if (err == NULL && !binary)
		err = dm_sql_execf(conn, "SET NAMES utf8mb4");
	if (err == NULL && binary && !r->statement_binlog)
		err = dm_sql_execf(conn, "SET SESSION TRANSACTION ISOLATION "
					 "LEVEL READ COMMITTED");
	return err;
}

struct dm_err *
copy_target_connect(struct copy_run *r, bool binary, struct dm_sql_conn **out)
{
	struct dm_sql_params p =
	    dm_db_cfg_params(&r->env->task->target, DM_SCOPE_DOWNSTREAM);
	DM_AUTO(dm_sql_conn) conn = NULL;
	struct dm_err *err;

	p.local_infile = binary;
	p.found_rows = true;
	err = dm_sql_connect(&p, binary, r->cancel, &conn);
	if (err == NULL)
		err = set_session(r, conn, binary);
	if (err == NULL && binary)
		err = meta_record_conn(r->meta, conn);
	if (err != NULL)
		return err;
	*out = DM_TAKE(conn);
	return NULL;
}

struct dm_err *
copy_target_control(struct copy_run *r)
{
	struct dm_err *err = NULL;

	if (r->dst != NULL) {
		err = dm_sql_execf(r->dst, "DO 0");
		if (err == NULL)
			return NULL;
		dm_err_free(err); /* closed while idle: a new one */
		dm_cancel_unwatch(r->cancel, &r->dst_watch);
		g_clear_pointer(&r->dst, dm_sql_conn_free);
	}
	err = copy_target_connect(r, false, &r->dst);
	if (err != NULL)
		return err;
	r->dst_watch = (struct dm_cancel_watch){ 0 };
	dm_cancel_watch(r->cancel, &r->dst_watch, dm_sql_interrupt, r->dst);
	return NULL;
}

/* ---- what is there ---- */

static void
append_in_list(GString *sql, const struct copy_run *r)
{
	g_string_append(sql, " IN (NULL");
	for (guint i = 0; i < r->tables->len; i++) {
		const struct copy_table *t = r->tables->pdata[i];
		const struct copy_table *before =
		    i == 0 ? NULL : r->tables->pdata[i - 1];

		/* Tables come database by database. */
		if (before != NULL && strcmp(before->to_db, t->to_db) == 0)
			continue;
		g_string_append_c(sql, ',');
		dm_sql_append_string(sql, t->to_db, strlen(t->to_db));
	}
	g_string_append_c(sql, ')');
}

struct dm_err *
copy_target_list(struct copy_run *r, GHashTable **out)
{
	g_autoptr(GHashTable) names =
	    g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	g_autoptr(GString) sql =
	    g_string_new("SELECT TABLE_SCHEMA, TABLE_NAME FROM "
			 "information_schema.TABLES WHERE TABLE_SCHEMA");
	DM_AUTO(dm_sql_result) res = NULL;
	struct dm_err *err;

	append_in_list(sql, r);
	err = dm_sql_query(r->dst, sql->str, sql->len, true, &res);
	while (err == NULL) {
		struct dm_sql_row row;
		bool more;

		err = dm_sql_next(res, &row, &more);
		if (err != NULL || !more)
			break;
		g_hash_table_add(names,
		    g_strconcat(row.cells[0], "\001", row.cells[1], NULL));
	}
	if (err != NULL)
		return err;
	*out = DM_TAKE(names);
	return NULL;
}

/* ---- tables ---- */

static struct dm_err *
parse_source(const struct copy_table *t, struct dm_table **table)
{
	struct dm_err *err = dm_schema_parse_create(
	    t->meta->structure, 0, t->meta->db, NULL, table);

	return err == NULL ? NULL
			   : dm_err_annotate(err, "table `%s`.`%s`",
				 t->meta->db, t->meta->tbl);
}

/* Foreign keys name their tables as the target calls them. */
static struct dm_err *
route_foreign_keys(struct copy_run *r, struct dm_table *t)
{
	struct dm_err *err = NULL;

	for (guint i = 0; err == NULL && i < t->foreign_keys->len; i++) {
		struct dm_foreign_key *k = t->foreign_keys->pdata[i];
		char *db, *table;

		err = dm_route(r->router,
		    k->ref_schema == NULL ? t->schema : k->ref_schema,
		    k->ref_table, &db, &table);
		if (err != NULL)
			break;
		g_free(k->ref_schema);
		g_free(k->ref_table);
		k->ref_schema = db;
		k->ref_table = table;
	}
	return err;
}

/* In any case: a server may fold the names of tables. */
static char *
fold_name(const char *db, const char *table)
{
	g_autofree char *name = g_strconcat(db, "\001", table, NULL);

	return g_utf8_strdown(name, -1);
}

bool
copy_is_referenced(const struct copy_run *r, const struct copy_table *t)
{
	g_autofree char *name = fold_name(t->to_db, t->to_table);

	return g_hash_table_contains(r->referenced, name);
}

/* The source's table, in which foreign keys name tables as the target does. */
static struct dm_err *
parse_routed(
    struct copy_run *r, const struct copy_table *t, struct dm_table **out)
{
	DM_AUTO(dm_table) table = NULL;
	struct dm_err *err = parse_source(t, &table);

	if (err == NULL)
		err = route_foreign_keys(r, table);
	if (err == NULL)
		*out = DM_TAKE(table);
	return err;
}

/* Fill r->referenced. */
static struct dm_err *
find_referenced(struct copy_run *r)
{
	struct dm_err *err = NULL;

	for (guint i = 0; err == NULL && i < r->tables->len; i++) {
		const struct copy_table *t = r->tables->pdata[i];
		DM_AUTO(dm_table) table = NULL;

		if (strcasestr(t->meta->structure, "REFERENCES") == NULL)
			continue;
		err = parse_routed(r, t, &table);
		for (guint k = 0; err == NULL && k < table->foreign_keys->len;
		     k++) {
			const struct dm_foreign_key *f =
			    table->foreign_keys->pdata[k];

			g_hash_table_add(r->referenced,
			    fold_name(f->ref_schema, f->ref_table));
		}
	}
	return err;
}

struct dm_err *
copy_target_table(struct copy_run *r, const struct copy_table *t,
    GString *left_out, struct dm_table **table)
{
	struct dm_err *err = parse_routed(r, t, table);

	if (err == NULL)
		dm_dialect_table(&r->dialect, *table, left_out);
	return err;
}

struct dm_err *
copy_target_look(struct dm_sql_conn *conn, const struct copy_table *t,
    struct dm_table **table)
{
	g_autofree char *name = dm_sql_quote_table(t->to_db, t->to_table);
	DM_AUTO(dm_sql_result) res = NULL;
	struct dm_sql_row row = { 0 };
	bool more = false;
	struct dm_err *err =
	    dm_sql_queryf(conn, &res, "SHOW CREATE TABLE %s", name);

	if (err == NULL)
		err = dm_sql_next(res, &row, &more);
	if (err != NULL || !more || row.n < 2 || row.cells[1] == NULL)
		return err;
	return dm_schema_parse_create(row.cells[1], 0, t->to_db, NULL, table);
}

static struct dm_err *
create_table(struct copy_run *r, const struct copy_table *t)
{
	static const char verb[] = "CREATE TABLE ";
	g_autoptr(GString) left_out = g_string_new(NULL);
	DM_AUTO(dm_table) table = NULL;
	g_autofree char *sql = NULL, *full = NULL;
	struct dm_err *err;

	err = copy_target_table(r, t, left_out, &table);
	if (err != NULL)
		return err;
	if (left_out->len > 0)
		dm_warn("the target has no such thing: left out there",
		    dm_kstr("schema", t->meta->db),
		    dm_kstr("table", t->meta->tbl),
		    dm_kstr("what", left_out->str));
	sql = dm_table_create_sql(table, t->to_db, t->to_table);
	dm_assert(g_str_has_prefix(sql, verb));
	full = g_strconcat(
	    "CREATE TABLE IF NOT EXISTS ", sql + sizeof(verb) - 1, NULL);
	err = dm_sql_exec(r->dst, full, strlen(full), NULL);
	if (err == NULL)
		err = copy_indexes_drop(r, t, table);
	return err == NULL ? NULL
			   : dm_err_annotate(err,
				 "create the target of table `%s`.`%s`",
				 t->meta->db, t->meta->tbl);
}

struct dm_err *
copy_target_shape(struct copy_run *r, struct dm_sql_conn *conn,
    const struct copy_table *t, struct copy_shape **shape)
{
	DM_AUTO(dm_table) source = NULL;
	DM_AUTO(dm_table) target = NULL;
	g_autoptr(GArray) extracted = NULL;
	struct dm_err *err;

	extracted = dm_route_extract(
	    r->router, t->meta->db, t->meta->tbl, r->env->source->source_id);
	err = parse_source(t, &source);
	if (err == NULL && !t->meta->created)
		err = copy_target_look(conn, t, &target);
	if (err == NULL)
		err = copy_shape_new(
		    source, target, t->to_db, t->to_table, extracted, shape);
	return err;
}

struct dm_err *
copy_target_drop(struct copy_run *r, const struct copy_table *t)
{
	g_autofree char *name = dm_sql_quote_table(t->to_db, t->to_table);
	g_autofree char *any = NULL;
	struct dm_err *err;

	if (t->meta->created)
		return dm_sql_execf(r->dst, "DROP TABLE IF EXISTS %s", name);
	/* Not ours to empty. */
	err =
	    dm_sql_query_string(r->dst, &any, "SELECT 1 FROM %s LIMIT 1", name);
	if (err != NULL || any == NULL)
		return err;
	return dm_err_set_workaround(
	    dm_err_plain("table `%s`.`%s` must be copied anew, since its "
			 "structure changed at the source while it was being "
			 "copied, but its target %s was there before the task "
			 "and has rows",
		t->meta->db, t->meta->tbl, name),
	    "empty the target table and give it the source's structure, then "
	    "`resume-task`");
}

/* ---- databases, sequences, views ---- */

static struct dm_err *
create_databases(struct copy_run *r)
{
	g_autoptr(GHashTable) made = g_hash_table_new(g_str_hash, g_str_equal);
	struct dm_err *err = NULL;

	for (guint i = 0; err == NULL && i < r->databases->len; i++) {
		const struct copy_database *d = r->databases->pdata[i];
		g_autoptr(GString) sql =
		    g_string_new("CREATE DATABASE IF NOT EXISTS ");
		g_autofree char *collation =
		    d->collation == NULL
			? NULL
			: dm_dialect_collation(&r->dialect, d->collation);

		if (!g_hash_table_add(made, d->to))
			continue;
		dm_sql_append_ident(sql, d->to);
		if (d->charset != NULL && collation != NULL)
			g_string_append_printf(sql,
			    " CHARACTER SET %s COLLATE %s", d->charset,
			    collation);
		err = dm_sql_exec(r->dst, sql->str, sql->len, NULL);
	}
	return err;
}

/* SHOW CREATE of a view or sequence; NULL when it is gone. */
static struct dm_err *
show_create(struct copy_run *r, const struct copy_object *o, char **sql)
{
	g_autofree char *name = dm_sql_quote_table(o->db, o->name);
	g_autoptr(GString) use = g_string_new("USE ");
	DM_AUTO(dm_sql_result) res = NULL;
	struct dm_sql_row row;
	struct dm_err *err;
	bool more = false;

	if (o->sql != NULL) {
		*sql = g_strdup(o->sql);
		/* A file does not say which database it means. */
		dm_sql_append_ident(use, o->to_db);
		return dm_sql_exec(r->dst, use->str, use->len, NULL);
	}
	err = dm_sql_queryf(r->src, &res, "SHOW CREATE %s %s",
	    o->sequence ? "SEQUENCE" : "VIEW", name);
	if (err == NULL)
		err = dm_sql_next(res, &row, &more);
	if (err != NULL)
		return err;
	*sql = more && row.n > 1 ? g_strdup(row.cells[1]) : NULL;
	return NULL;
}

struct dm_err *
copy_sequence_next(struct copy_run *r, const struct copy_object *o, char **args)
{
	g_autofree char *from = dm_sql_quote_table(o->db, o->name);
	g_autofree char *next = NULL;
	struct dm_err *err;

	if (o->sql != NULL) {
		*args = g_strdup(o->next);
		return NULL;
	}
	/* A lower value is only taken with a later round of a cycle. */
	err = dm_sql_query_string(r->src, &next,
	    "SELECT CONCAT(next_not_cached_value, ', 0, ', cycle_count) "
	    "FROM %s",
	    from);
	if (err == NULL)
		*args = DM_TAKE(next);
	return err;
}

/* "CREATE SEQUENCE `s` start with ..": created under the target's name and
 * set to where the source's stands. */
static struct dm_err *
create_sequence(struct copy_run *r, const struct copy_object *o)
{
	g_autofree char *from = dm_sql_quote_table(o->db, o->name);
	g_autofree char *to = dm_sql_quote_table(o->to_db, o->to_name);
	g_autofree char *sql = NULL, *next = NULL, *set = NULL;
	const char *rest;
	struct dm_err *err;

	err = show_create(r, o, &sql);
	if (err == NULL)
		err = copy_sequence_next(r, o, &next);
	if (err != NULL || sql == NULL)
		return err;
	rest = strstr(sql, "` start with ");
	if (rest == NULL)
		return dm_err_plain("sequence %s has a form that is not "
				    "known: %s",
		    from, sql);
	err = dm_sql_execf(
	    r->dst, "CREATE SEQUENCE IF NOT EXISTS %s%s", to, rest + 1);
	if (err == NULL && next != NULL)
		err = dm_sql_query_string(
		    r->dst, &set, "SELECT SETVAL(%s, %s)", to, next);
	return err;
}

static struct dm_err *
create_sequences(struct copy_run *r)
{
	struct dm_err *err = NULL;

	for (guint i = 0; err == NULL && i < r->objects->len; i++) {
		const struct copy_object *o = r->objects->pdata[i];

		if (o->sequence)
			err = create_sequence(r, o);
	}
	return err;
}

static struct dm_err *
check_columns(struct copy_run *r, const struct copy_table *t)
{
	DM_AUTO(copy_shape) shape = NULL;

	return copy_target_shape(r, r->dst, t, &shape);
}

struct dm_err *
copy_target_create(struct copy_run *r)
{
	struct dm_err *err = create_databases(r);

	if (err == NULL)
		err = create_sequences(r);
	if (err == NULL)
		err = find_referenced(r);
	for (guint i = 0; err == NULL && i < r->tables->len; i++) {
		const struct copy_table *t = r->tables->pdata[i];

		if (t->meta->state == META_TABLE_DONE)
			continue;
		err =
		    t->meta->created ? create_table(r, t) : check_columns(r, t);
		if (err == NULL)
			err = dm_cancel_check(r->cancel);
	}
	return err;
}

/* Whether text names a database that a route may rename. */
static bool
names_renamed(const struct copy_run *r, const char *text)
{
	for (guint i = 0; r->any_renamed && i < r->tables->len; i++) {
		const struct copy_table *t = r->tables->pdata[i];
		g_autoptr(GString) db = NULL;

		if (strcmp(t->meta->db, t->to_db) == 0 &&
		    strcmp(t->meta->tbl, t->to_table) == 0)
			continue;
		db = g_string_new(NULL);
		dm_sql_append_ident(db, t->meta->db);
		g_string_append_c(db, '.');
		if (strstr(text, db->str) != NULL)
			return true;
	}
	return false;
}

/* Behind a quoted name, or NULL. */
static const char *
skip_name(const char *s)
{
	if (*s++ != '`')
		return NULL;
	for (; *s != '\0'; s++) {
		if (s[0] == '`' && s[1] == '`')
			s++;
		else if (s[0] == '`')
			return s + 1;
	}
	return NULL;
}

/* "CREATE ALGORITHM=x DEFINER=`a`@`b` SQL SECURITY ..": without the definer,
 * so that the user of the target becomes it; NULL: it has none. */
char *
copy_view_without_definer(const char *sql)
{
	static const char key[] = " DEFINER=";
	const char *at = strstr(sql, key), *end;

	end = at != NULL ? skip_name(at + strlen(key)) : NULL;
	if (end != NULL && *end == '@')
		end = skip_name(end + 1);
	if (end == NULL || strchr(sql, '`') < at)
		return NULL; /* that was in a name or a text */
	return g_strdup_printf("%.*s%s", (int)(at - sql), sql, end);
}

/* As SHOW CREATE says, or with the target's user as its definer where that is
 * the only obstacle; then *changed. */
static struct dm_err *
run_create_view(
    struct copy_run *r, const char *sql, unsigned *no, bool *changed)
{
	g_autofree char *own = NULL;
	struct dm_err *err = dm_sql_exec(r->dst, sql, strlen(sql), NULL), *why;

	*no = err != NULL ? dm_sql_last_errno(r->dst) : 0;
	if (*no != ER_SPECIFIC_ACCESS_ && *no != ER_NO_SUCH_USER_)
		return err;
	own = copy_view_without_definer(sql);
	if (own == NULL)
		return err;
	why = err;
	err = dm_sql_exec(r->dst, own, strlen(own), NULL);
	*no = err != NULL ? dm_sql_last_errno(r->dst) : 0;
	*changed = err == NULL;
	if (*changed)
		dm_warn("a view gets the target's user as its definer",
		    dm_kstr("statement", own), dm_kerr(why));
	dm_err_free(why);
	return err;
}

/* One view; *made: it is there now. A view is no data: what cannot be made is
 * told and left out. */
static struct dm_err *
create_view(struct copy_run *r, const struct copy_object *o, bool *made,
    bool *changed, struct dm_err **why)
{
	g_autofree char *sql = NULL;
	struct dm_err *err = show_create(r, o, &sql);
	unsigned no = 0;

	if (err == NULL && sql != NULL && names_renamed(r, sql)) {
		err = dm_err_plain("it names a database that a route renames");
	} else if (err == NULL && sql != NULL) {
		err = run_create_view(r, sql, &no, changed);
	}
	if (err != NULL && dm_err_is(err, DB_BAD_CONN))
		return err;
	if (err != NULL && no == ER_TABLE_EXISTS_) {
		dm_err_free(err); /* made by an earlier try */
		err = NULL;
	}
	*made = err == NULL;
	dm_err_free(*why);
	*why = err;
	return NULL;
}

struct dm_err *
copy_target_create_views(struct copy_run *r)
{
	struct dm_err *err = NULL, *why = NULL;
	guint left = 0, before, changed = 0;

	/* A view may need one that comes later: go round while it helps. */
	do {
		before = left;
		left = 0;
		for (guint i = 0; err == NULL && i < r->objects->len; i++) {
			const struct copy_object *o = r->objects->pdata[i];
			bool made = true, own = false;

			if (!o->sequence)
				err = create_view(r, o, &made, &own, &why);
			left += made ? 0 : 1;
			changed += own ? 1 : 0;
			if (!made)
				dm_warn("view not created",
				    dm_kstr("schema", o->db),
				    dm_kstr("view", o->name), dm_kerr(why));
		}
	} while (err == NULL && left > 0 && left != before);
	if (err == NULL && left + changed > 0)
		copy_note(r,
		    "views: %u not created at the target, %u with the "
		    "target's user as definer instead of their own; see the "
		    "worker's log",
		    left, changed);
	dm_err_free(why); /* logged above */
	return err;
}
