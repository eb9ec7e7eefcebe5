/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of master/check share; private to them. */
#ifndef DM_MASTER_CHECK_CHECK_INT_H
#define DM_MASTER_CHECK_CHECK_INT_H

#include "master/check/check.h"
#include "master/check/grants.h"
#include "master/check/result.h"

/* A table that takes part, as the source has it. */
struct check_table {
	char *schema, *table;       /* at the source */
	char *to_schema, *to_table; /* routed */
	bool has_key, versioned;
	bool has_foreign_key;
	GPtrArray *cascades; /* names of keys with actions, owned; NULL: none */
	GPtrArray *columns;  /* names, owned */
};

/* The check of one source; belongs to one thread while it runs. */
struct check_src {
	const struct dm_task_cfg *task;
	const struct dm_source_cfg *cfg;
	const struct dm_instance_cfg *inst;
	struct dm_cancel *cancel;
	struct dm_sql_conn *conn; /* NULL: could not connect */
	struct result_list *list; /* its results */
	GPtrArray *tables;        /* struct check_table*, owned; sorted */
	GHashTable *all_names;    /* of every table at the source: `s`.`t` ->
				     schema and table, a line each */
	bool tables_known;        /* else why not stands in list */
	bool goes_on;             /* the task has replicated before: statements
				     of the source may be still to come */
	GHashTable *variables;    /* global variables by name */
	struct grants *grants;
	struct dm_err *grants_err; /* why grants is NULL */
};

/* What is switched on: not ignored, and of use in the task's mode. */
bool check_wants(const struct dm_task_cfg *t, const char *item);
bool check_copies(const struct dm_task_cfg *t); /* full, all, dump */
bool check_syncs(const struct dm_task_cfg *t); /* incremental, all, load&sync */

/* "10.11.6-MariaDB" -> 10, 11, 6; false: no version. */
bool check_version_parse(const char *text, unsigned v[3]);
/* NULL: a version we know; else what is the matter: new string. */
char *check_version_problem(const char *text);

/* ---- query.c ---- */

/* *pairs: first column -> second column of all rows. */
struct dm_err *check_query_map(struct dm_sql_conn *conn, const char *sql,
    GHashTable **pairs) DM_MUST_CHECK;
/* Privileges of the connected user, with its roles. */
struct dm_err *check_query_grants(
    struct dm_sql_conn *conn, struct grants **out) DM_MUST_CHECK;

/* ---- source_items.c, tables.c, target.c, structure.c ---- */

/* All items of one source but the structure of tables; fills tables. */
void check_src_run(struct check_src *s);
void check_src_fini(struct check_src *s);
/* Fill s->tables and s->all_names. */
struct dm_err *check_tables_read(struct check_src *s) DM_MUST_CHECK;
/* The foreign keys in the text of SHOW CREATE TABLE, added to t. */
void check_foreign_keys_find(struct check_table *t, const char *create);
/* Items that need the target, and the structure of tables. */
void check_target_run(const struct dm_task_cfg *task,
    const struct check_opts *o, struct check_src *all, size_t n,
    struct dm_cancel *cancel, struct result_list *list);
/* The item table_schema. columns: "`s`.`t`" in lower case -> set of column
 * names in lower case; NULL: target not known. */
void check_structure(const struct dm_task_cfg *task, struct check_src *all,
    size_t n, GHashTable *columns, struct result_list *list);
/* 26001: routed names that differ in case only; NULL: none. */
struct dm_err *check_name_clash(
    const struct check_src *all, size_t n) DM_MUST_CHECK;

#endif
