/* SPDX-License-Identifier: Apache-2.0 */
/*
 * binlog-schema: what the task knows of the source's tables, to be seen and
 * set right by hand. It stands in dm_table, which a unit reads when it starts.
 * See commands.h.
 * SOURCE: data-plane reference 5.15. Differs: delete forgets the structure, so
 * that the table's next event takes that of the target (DM accepts the command
 * and does nothing); a file is read without the source's sql_mode.
 */
#include "worker/sync/commands.h"

#include "lib/log/log.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

/* ---- what is known ---- */

static bool
has_name(const struct command_env *e, const struct meta_table *t,
    const char *db, const char *name)
{
	if (e->env->source->case_sensitive)
		return strcmp(t->db, db) == 0 && strcmp(t->tbl, name) == 0;
	return g_ascii_strcasecmp(t->db, db) == 0 &&
	       g_ascii_strcasecmp(t->tbl, name) == 0;
}

/* Borrowed of list; NULL: nothing is known of it. */
static struct meta_table *
find(const struct command_env *e, const GPtrArray *list, const char *db,
    const char *name)
{
	for (guint i = 0; i < list->len; i++) {
		struct meta_table *t = g_ptr_array_index(list, i);

		if (has_name(e, t, db, name))
			return t;
	}
	return NULL;
}

/* *rules: what the router needs as long as it lives. */
static struct dm_err *
new_router(const struct command_env *e, struct dm_route_rule **rules,
    struct dm_router **router)
{
	size_t n;

	*rules = dm_instance_routes(e->env->task, e->env->inst, &n);
	return dm_router_new(*rules, n, unit_case_sensitive(e->env), router);
}

/* What a source table is by the table in the target that it goes to: under its
 * own name, without the columns that a route fills. *t is NULL when there is no
 * such target. *to: the target's quoted name. */
static struct dm_err *
target_of(const struct command_env *e, const char *db, const char *name,
    struct dm_table **t, char **to)
{
	g_autofree char *to_db = NULL, *to_name = NULL;
	g_autofree struct dm_route_rule *rules = NULL;
	g_autoptr(GArray) extracted = NULL;
	DM_AUTO(dm_table) target = NULL;
	struct dm_router *router = NULL;
	struct dm_err *err;

	*t = NULL;
	*to = NULL;
	err = new_router(e, &rules, &router);
	if (err == NULL)
		err = dm_route(router, db, name, &to_db, &to_name);
	if (err == NULL)
		extracted = dm_route_extract(
		    router, db, name, e->env->source->source_id);
	dm_router_free(router);
	if (err != NULL)
		return err;
	*to = dm_sql_quote_table(to_db, to_name);
	err = tables_target_structure(e->target, to_db, to_name, &target);
	return err != NULL || target == NULL
		   ? err
		   : tbl_guess_source(target, db, name, extracted, t);
}

static struct dm_err *
source_of(const struct command_env *e, const char *db, const char *name,
    struct dm_table **t)
{
	struct dm_sql_params p =
	    dm_db_cfg_params(&e->env->source->from, DM_SCOPE_UPSTREAM);
	g_autofree char *ident = dm_sql_quote_table(db, name);
	g_autofree char *sql = g_strconcat("SHOW CREATE TABLE ", ident, NULL);
	DM_AUTO(dm_sql_conn) conn = NULL;
	DM_AUTO(dm_sql_result) res = NULL;
	struct dm_sql_row row;
	struct dm_err *err;
	bool more = false;

	err = dm_sql_connect(&p, false, e->c, &conn);
	if (err != NULL)
		return dm_err_annotate(
		    err, "connect to source %s", e->env->source->source_id);
	err = dm_sql_query(conn, sql, strlen(sql), true, &res);
	if (err == NULL)
		err = dm_sql_next(res, &row, &more);
	if (err != NULL)
		return err;
	if (!more || row.n < 2)
		return dm_err_plain("%s gave no answer", sql);
	return dm_schema_parse_create(row.cells[1], 0, db, NULL, t);
}

/* The structure goes by the source's names. */
static void
rename_to(struct dm_table *t, const char *db, const char *name)
{
	g_free(t->schema);
	g_free(t->name);
	t->schema = g_strdup(db);
	t->name = g_strdup(name);
}

/* ---- get ---- */

/* As SHOW CREATE TABLE has it, on one line. */
static char *
shown(struct dm_table *t)
{
	g_clear_pointer(&t->schema, g_free);
	return dm_table_create_sql(t, NULL, NULL);
}

static struct dm_err *
get_from_target(const struct command_env *e, const char *db, const char *name,
    struct dm_table **t)
{
	g_autofree char *to = NULL, *from = dm_sql_quote_table(db, name);
	struct dm_err *err = target_of(e, db, name, t, &to);

	if (err != NULL)
		return err;
	if (*t == NULL)
		return dm_err_new(
		    SCHEMA_TRACKER_CANNOT_FETCH_DOWNSTREAM_TABLE, to, from);
	return NULL;
}

static struct dm_err *
get(const struct command_env *e, const GPtrArray *list,
    const Pb__OperateWorkerSchemaRequest *req, char **text)
{
	const struct meta_table *mt = find(e, list, req->database, req->table);
	DM_AUTO(dm_table) t = NULL;
	struct dm_err *err;

	if (mt != NULL && mt->structure[0] != '\0')
		err =
		    dm_schema_parse_create(mt->structure, 0, mt->db, NULL, &t);
	else
		err = get_from_target(e, req->database, req->table, &t);
	if (err != NULL)
		return err;
	dm_assert(t != NULL);
	*text = shown(t);
	return NULL;
}

/* ---- set, remove ---- */

/* The structure that the request gives, or tells where to find. */
static struct dm_err *
wanted(const struct command_env *e, const Pb__OperateWorkerSchemaRequest *req,
    struct dm_table **t)
{
	g_autofree char *to = NULL, *sql = NULL;
	struct dm_err *err;

	if (req->fromsource)
		return source_of(e, req->database, req->table, t);
	if (req->fromtarget) {
		err = target_of(e, req->database, req->table, t, &to);
		if (err == NULL && *t == NULL)
			err = dm_err_new(SYNCER_DOWNSTREAM_TABLE_NOT_FOUND, to);
		return err;
	}
	sql = g_strdup(req->schema);
	return dm_schema_parse_create(
	    g_strstrip(sql), 0, req->database, NULL, t);
}

/* The row as it is, or the first one of the table, with another structure;
 * snapshots stay, so that no row is applied twice. "": forgotten. */
static struct dm_err *
save(const struct command_env *e, const GPtrArray *list,
    const Pb__OperateWorkerSchemaRequest *req, char *structure)
{
	const struct meta_table *known =
	    find(e, list, req->database, req->table);
	struct meta_table mt = {
		.db = req->database, .tbl = req->table, .state = META_TABLE_DONE
	};

	if (known == NULL && structure[0] == '\0')
		return NULL;
	if (known != NULL)
		mt = *known;
	mt.structure = structure;
	return meta_save_table(e->meta, e->target, &mt);
}

static struct dm_err *
set(const struct command_env *e, const GPtrArray *list,
    const Pb__OperateWorkerSchemaRequest *req)
{
	g_autofree char *structure = NULL;
	DM_AUTO(dm_table) t = NULL;
	struct dm_err *err = wanted(e, req, &t);

	if (err != NULL)
		return err;
	dm_assert(t != NULL);
	rename_to(t, req->database, req->table);
	structure = dm_table_create_sql(t, NULL, NULL);
	err = save(e, list, req, structure);
	if (err != NULL)
		return err;
	dm_info("a table's structure was set",
	    dm_kstr("task", e->env->task->name),
	    dm_kstr("source", e->env->source->source_id),
	    dm_kstr("structure", structure));
	if (req->sync)
		dm_debug("ignore --sync flag: shards are not merged here");
	return NULL;
}

static struct dm_err *
forget(const struct command_env *e, const GPtrArray *list,
    const Pb__OperateWorkerSchemaRequest *req)
{
	char nothing[] = "";
	struct dm_err *err = save(e, list, req, nothing);

	if (err == NULL)
		dm_info("a table's structure was forgotten",
		    dm_kstr("task", e->env->task->name),
		    dm_kstr("source", e->env->source->source_id),
		    dm_kstr("database", req->database),
		    dm_kstr("table", req->table));
	return err;
}

/* ---- lists ---- */

/* Takes all. New string. */
static char *
json_text(json_t *all)
{
	char *text = json_dumps(all, JSON_COMPACT);
	char *copy = g_strdup(text != NULL ? text : "[]");

	free(text);
	json_decref(all);
	return copy;
}

static char *
schemas_text(const GPtrArray *list)
{
	json_t *all = json_array();
	const char *last = NULL;

	/* They come ordered by database. */
	for (guint i = 0; i < list->len; i++) {
		const struct meta_table *t = g_ptr_array_index(list, i);

		if (g_strcmp0(last, t->db) != 0)
			json_array_append_new(all, json_string(t->db));
		last = t->db;
	}
	return json_text(all);
}

static char *
tables_text(const GPtrArray *list, const char *db)
{
	json_t *all = json_array();

	for (guint i = 0; i < list->len; i++) {
		const struct meta_table *t = g_ptr_array_index(list, i);

		if (strcmp(t->db, db) == 0)
			json_array_append_new(all, json_string(t->tbl));
	}
	return json_text(all);
}

/* "": fits everything. */
static struct dm_err *
new_pattern(const char *text, GRegex **out)
{
	GError *bad = NULL;
	struct dm_err *err = NULL;

	*out = NULL;
	if (text[0] == '\0')
		return NULL;
	*out = g_regex_new(text, 0, 0, &bad);
	if (*out == NULL)
		err = dm_err_plain("%s", bad->message);
	g_clear_error(&bad);
	return err;
}

static bool
fits(const GRegex *pattern, const char *name)
{
	return pattern == NULL || g_regex_match(pattern, name, 0, NULL);
}

static struct dm_err *
append_target(struct dm_router *router, const struct meta_table *t, json_t *all)
{
	g_autofree char *to_db = NULL, *to_name = NULL;
	struct dm_err *err = dm_route(router, t->db, t->tbl, &to_db, &to_name);

	if (err == NULL)
		json_array_append_new(
		    all, json_pack("{ssssssss}", "source_schema", t->db,
			     "source_table", t->tbl, "target_schema", to_db,
			     "target_table", to_name));
	return err;
}

static struct dm_err *
targets(const struct command_env *e, const GPtrArray *list,
    const Pb__OperateWorkerSchemaRequest *req, char **text)
{
	g_autoptr(GRegex) schemas = NULL;
	g_autoptr(GRegex) tables = NULL;
	g_autofree struct dm_route_rule *rules = NULL;
	struct dm_router *router = NULL;
	json_t *all = json_array();
	struct dm_err *err;

	err = new_pattern(req->schema, &schemas);
	if (err == NULL)
		err = new_pattern(req->table, &tables);
	if (err == NULL)
		err = new_router(e, &rules, &router);
	for (guint i = 0; err == NULL && i < list->len; i++) {
		const struct meta_table *t = g_ptr_array_index(list, i);

		if (fits(schemas, t->db) && fits(tables, t->tbl))
			err = append_target(router, t, all);
	}
	dm_router_free(router);
	if (err == NULL)
		*text = json_text(all);
	else
		json_decref(all);
	return err;
}

struct dm_err *
operate_schema_run(const struct command_env *e,
    const Pb__OperateWorkerSchemaRequest *req, char **text)
{
	g_autoptr(GPtrArray) list = NULL;
	struct dm_err *err = meta_load_tables(e->meta, e->target, &list);

	if (err != NULL)
		return err;
	switch (req->op) {
	case PB__SCHEMA_OP__GetSchema:
		return get(e, list, req, text);
	case PB__SCHEMA_OP__SetSchema:
		return set(e, list, req);
	case PB__SCHEMA_OP__RemoveSchema:
		return forget(e, list, req);
	case PB__SCHEMA_OP__ListSchema:
		*text = schemas_text(list);
		return NULL;
	case PB__SCHEMA_OP__ListTable:
		*text = tables_text(list, req->database);
		return NULL;
	case PB__SCHEMA_OP__ListMigrateTargets:
		return targets(e, list, req, text);
	default:
		return dm_err_plain("the operation is none of get, set, remove "
				    "and the lists");
	}
}
