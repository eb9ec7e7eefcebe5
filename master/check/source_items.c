/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The checks that ask one source alone.
 *
 * Each source has a thread of its own (check.c), so that one that does not
 * answer takes no other's results away. An item whose query fails is a failed
 * item with the error's text.
 * SOURCE: pkg/checker/{privilege,binlog,conn_checker}.go,
 * reference/data-plane 2.3. Differs: MariaDB 10.5 to 11.8 is a success, not
 * experimental, and so is MySQL up to 9.x; RELOAD is a wish only where a copy
 * can do without.
 */
#include "master/check/check_int.h"

#include "lib/filter/online_ddl.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define READ_TIMEOUT_S 30

static const char version_advice[] =
    "use a server between MySQL 5.6 and 9.x, or MariaDB 10.5 and 11.8";

bool
check_wants(const struct dm_task_cfg *t, const char *item)
{
	const char *const *ignored =
	    (const char *const *)t->ignore_checking_items;

	return !g_strv_contains(ignored, "all") &&
	       !g_strv_contains(ignored, item);
}

bool
check_copies(const struct dm_task_cfg *t)
{
	return t->mode == DM_MODE_ALL || t->mode == DM_MODE_FULL ||
	       t->mode == DM_MODE_DUMP;
}

bool
check_syncs(const struct dm_task_cfg *t)
{
	return t->mode == DM_MODE_ALL || t->mode == DM_MODE_INCREMENTAL ||
	       t->mode == DM_MODE_LOAD_SYNC;
}

bool
check_version_parse(const char *text, unsigned v[3])
{
	const char *p = text;

	/* MariaDB puts this before its number for old replicas. */
	if (g_str_has_prefix(p, "5.5.5-"))
		p += strlen("5.5.5-");
	for (int i = 0; i < 3; i++) {
		char *end;
		unsigned long n;

		if (!g_ascii_isdigit(*p))
			return false;
		n = strtoul(p, &end, 10);
		if (n > 100000)
			return false;
		v[i] = (unsigned)n;
		p = end;
		if (i < 2 && *p++ != '.')
			return false;
	}
	return true;
}

static bool
is_below(const unsigned v[3], unsigned major, unsigned minor)
{
	return v[0] < major || (v[0] == major && v[1] < minor);
}

char *
check_version_problem(const char *text)
{
	g_autofree char *lower = g_ascii_strdown(text, -1);
	bool mariadb = strstr(lower, "mariadb") != NULL;
	unsigned v[3];

	if (strstr(lower, "tidb") != NULL)
		return g_strdup_printf(
		    "TiDB is not supported as a source: %s", text);
	if (!check_version_parse(text, v))
		return g_strdup_printf("unknown version %s", text);
	if (is_below(v, mariadb ? 10 : 5, mariadb ? 5 : 6))
		return g_strdup_printf(
		    "version suggested at least %s but got %u.%u.%u",
		    mariadb ? "10.5.0" : "5.6.0", v[0], v[1], v[2]);
	if (!is_below(v, mariadb ? 11 : 10, mariadb ? 9 : 0))
		return g_strdup_printf(
		    "version suggested less than %s but got %u.%u.%u",
		    mariadb ? "11.9.0" : "10.0.0", v[0], v[1], v[2]);
	return NULL;
}

static void
set_place(struct check_item *i, const struct check_src *s)
{
	g_free(i->extra);
	i->extra = g_strdup_printf("address of db instance - %s:%u",
	    s->cfg->from.host, s->cfg->from.port);
}

static struct check_item *
item_new(struct check_src *s, const char *name, const char *desc)
{
	struct check_item *i = check_item_add(s->list, name, desc);

	set_place(i, s);
	return i;
}

/* A global variable; "" when the server has none of this name. */
static const char *
variable(const struct check_src *s, const char *name)
{
	const char *v = g_hash_table_lookup(s->variables, name);

	return v != NULL ? v : "";
}

static void
check_version(struct check_src *s)
{
	struct check_item *i = item_new(
	    s, "mysql_version", "check whether mysql version is satisfied");
	g_autofree char *problem =
	    check_version_problem(variable(s, "version"));

	if (problem != NULL)
		(void)check_item_error(
		    i, CHECK_WARN, version_advice, "%s", problem);
}

static void
check_server_id(struct check_src *s)
{
	struct check_item *i = item_new(s, "mysql_server_id",
	    "check whether mysql server_id has been greater than 0");

	if (strcmp(variable(s, "server_id"), "0") == 0)
		(void)check_item_error(i, CHECK_WARN,
		    "set server_id to a number that no other server of the "
		    "replication has",
		    "server_id is 0");
}

/* An item that wants one value of one variable. */
static void
check_value(struct check_src *s, const char *name, const char *desc,
    const char *var, const char *wanted, const char *advice)
{
	struct check_item *i = item_new(s, name, desc);
	const char *value = variable(s, var);

	if (g_ascii_strcasecmp(value, wanted) != 0)
		(void)check_item_error(i, CHECK_FAIL, advice,
		    "%s is %s, and should be %s", var,
		    value[0] != '\0' ? value : "not known", wanted);
}

static void
check_binlog(struct check_src *s)
{
	if (check_wants(s->task, "binlog_enable"))
		check_value(s, "mysql_binlog_enable",
		    "check whether mysql binlog is enabled", "log_bin", "ON",
		    "set log_bin in the server's configuration and restart "
		    "it");
	if (check_wants(s->task, "binlog_format"))
		check_value(s, "mysql_binlog_format",
		    "check whether mysql binlog_format is ROW", "binlog_format",
		    "ROW",
		    "SET GLOBAL binlog_format = ROW, also in the server's "
		    "configuration; connect its clients anew");
	if (check_wants(s->task, "binlog_row_image"))
		check_value(s, "mysql_binlog_row_image",
		    "check whether mysql binlog_row_image is FULL",
		    "binlog_row_image", "FULL",
		    "SET GLOBAL binlog_row_image = FULL, also in the "
		    "server's configuration; connect its clients anew");
}

/* ---- privileges ---- */

/* False: it has no grants to look at; told. */
static bool
have_grants(struct check_src *s, struct check_item *i)
{
	if (s->grants != NULL)
		return true;
	check_item_fail(i, dm_err_copy(s->grants_err));
	return false;
}

static void
lack_global(struct check_src *s, struct check_item *i, enum priv p,
    enum check_state severity)
{
	g_autofree char *advice = g_strdup_printf(
	    "GRANT %s ON *.* TO '%s'@'%%';", priv_name(p), s->cfg->from.user);

	(void)check_item_error(i, severity, advice,
	    "lack of %s global (*.*) privilege; ", priv_name(p));
}

static void
check_dump_privilege(struct check_src *s)
{
	struct check_item *i = item_new(s, "source db dump privilege checker",
	    "check dump privileges of source DB");
	bool mariadb = dm_sql_is_mariadb(s->conn);
	g_autoptr(GString) lacking = g_string_new(NULL);

	if (!have_grants(s, i))
		return;
	/* Without it MariaDB's copy may have to read with one connection, and
	 * MySQL's with GTIDs cannot have tables without a key. */
	if (!grants_global(s->grants, PRIV_RELOAD) &&
	    (mariadb || !grants_global(s->grants, PRIV_FLUSH_TABLES)))
		lack_global(s, i, PRIV_RELOAD,
		    mariadb || g_ascii_strcasecmp(
				   variable(s, "gtid_mode"), "ON") == 0
			? CHECK_WARN
			: CHECK_FAIL);
	for (guint k = 0; k < s->tables->len; k++) {
		const struct check_table *t = s->tables->pdata[k];

		if (grants_table(s->grants, PRIV_SELECT, t->schema, t->table))
			continue;
		if (lacking->len > 0)
			g_string_append(lacking, ", ");
		dm_sql_append_table(lacking, t->schema, t->table);
	}
	if (lacking->len > 0) {
		g_autofree char *advice =
		    g_strdup_printf("GRANT SELECT ON *.* TO '%s'@'%%'; or on "
				    "each of these tables",
			s->cfg->from.user);

		(void)check_item_error(i, CHECK_FAIL, advice,
		    "lack of SELECT privilege: {%s}; ", lacking->str);
	}
}

static void
check_replication_privilege(struct check_src *s)
{
	struct check_item *i =
	    item_new(s, "source db replication privilege checker",
		"check replication privileges of source DB");

	if (!have_grants(s, i))
		return;
	if (!grants_global(s->grants, PRIV_REPLICATION_SLAVE))
		lack_global(s, i, PRIV_REPLICATION_SLAVE, CHECK_FAIL);
	if (!grants_global(s->grants, PRIV_REPLICATION_CLIENT) &&
	    !grants_global(s->grants, PRIV_SUPER))
		lack_global(s, i, PRIV_REPLICATION_CLIENT, CHECK_FAIL);
}

/* ---- what the binlog has ---- */

static bool
lists(const char *names, const char *schema)
{
	g_auto(GStrv) parts = g_strsplit(names, ",", -1);

	for (char **p = parts; *p != NULL; p++)
		if (g_ascii_strcasecmp(g_strstrip(*p), schema) == 0)
			return true;
	return false;
}

/* MySQL has a new word since 8.4. */
static const char *
master_status_sql(struct dm_sql_conn *conn)
{
	unsigned v[3];

	return !dm_sql_is_mariadb(conn) &&
		       check_version_parse(dm_sql_server_version(conn), v) &&
		       !is_below(v, 8, 4)
		   ? "SHOW BINARY LOG STATUS"
		   : "SHOW MASTER STATUS";
}

/* New strings; "" when the server logs everything. */
static struct dm_err *
read_logged(struct check_src *s, char **only, char **ignored)
{
	const char *sql = master_status_sql(s->conn);
	DM_AUTO(dm_sql_result) res = NULL;
	struct dm_sql_row row;
	struct dm_err *err;
	bool more;

	err = dm_sql_query(s->conn, sql, strlen(sql), true, &res);
	if (err == NULL)
		err = dm_sql_next(res, &row, &more);
	if (err != NULL)
		return err;
	if (!more)
		return dm_err_new(NO_MASTER_STATUS);
	if (row.n < 4)
		return dm_err_new(INCORRECT_RETURN_COLUMNS_NUM);
	*only = g_strdup(row.cells[2] != NULL ? row.cells[2] : "");
	*ignored = g_strdup(row.cells[3] != NULL ? row.cells[3] : "");
	return NULL;
}

static void
check_binlog_db(struct check_src *s)
{
	struct check_item *i =
	    item_new(s, "binlog_do_db/binlog_ignore_db check",
		"check migrated dbs are in binlog_do_db/binlog_ignore_db");
	g_autofree char *only = NULL;
	g_autofree char *ignored = NULL;
	const char *last = "";
	struct dm_err *err = read_logged(s, &only, &ignored);

	if (err != NULL) {
		check_item_fail(i, err);
		return;
	}
	dm_assert(only != NULL && ignored != NULL);
	for (guint k = 0; k < s->tables->len; k++) {
		const struct check_table *t = s->tables->pdata[k];

		if (strcmp(t->schema, last) == 0)
			continue; /* tables are sorted */
		last = t->schema;
		if ((only[0] == '\0' || lists(only, t->schema)) &&
		    !lists(ignored, t->schema))
			continue;
		(void)check_item_error(i, CHECK_WARN,
		    "correct binlog_do_db and binlog_ignore_db of the source, "
		    "or leave the schema out with `block-allow-list`",
		    "the schema %s is not in the binlog", t->schema);
		i->state = CHECK_FAIL;
	}
}

static void
check_meta_position(struct check_src *s)
{
	struct check_item *i = item_new(
	    s, "meta position check", "check whether meta position is valid");
	const struct dm_meta_cfg *m = &s->inst->meta;
	g_autoptr(GHashTable) files = NULL;
	const char *size;
	struct dm_err *err;

	if (m->binlog_name[0] == '\0')
		return; /* by GTID: the server judges when we connect */
	err = check_query_map(s->conn, "SHOW BINARY LOGS", &files);
	if (err != NULL) {
		check_item_fail(i, err);
		return;
	}
	size = g_hash_table_lookup(files, m->binlog_name);
	if (size == NULL)
		(void)check_item_error(i, CHECK_FAIL,
		    "correct `meta` of the instance; SHOW BINARY LOGS lists "
		    "what the source has",
		    "the source has no binlog file %s", m->binlog_name);
	else if (m->binlog_pos > g_ascii_strtoull(size, NULL, 10))
		(void)check_item_error(i, CHECK_FAIL,
		    "correct `meta` of the instance",
		    "position %" PRIu64 " lies behind the end of %s (%s)",
		    m->binlog_pos, m->binlog_name, size);
}

/* ---- connections ---- */

static void
check_dump_connections(struct check_src *s)
{
	struct check_item *i = item_new(s, "dumper_conn_number_checker",
	    "check if connetion concurrency exceeds database's maximum "
	    "connection limit");
	int64_t max = g_ascii_strtoll(variable(s, "max_connections"), NULL, 10);
	int64_t needed = (int64_t)s->inst->mydumper.threads + 2;
	g_autoptr(GHashTable) status = NULL;
	const char *used;
	struct dm_err *err;

	err = check_query_map(
	    s->conn, "SHOW GLOBAL STATUS LIKE 'Threads_connected'", &status);
	if (err != NULL) {
		check_item_fail(i, err);
		return;
	}
	used = g_hash_table_lookup(status, "Threads_connected");
	if (max == 0 || used == NULL)
		return;
	if (max - g_ascii_strtoll(used, NULL, 10) < needed)
		(void)check_item_error(i, CHECK_FAIL,
		    "set larger max_connections at the source, or smaller "
		    "`threads` of the mydumper",
		    "database's max_connections: %" PRId64 ", used: %s, is "
		    "less than the amount dumper needs: %" PRId64,
		    max, used, needed);
}

/* ---- online schema changes ---- */

/* Quoted name of a table -> that of the ghost which is to replace it. */
static GHashTable *
ghosts_of(struct check_src *s, const struct dm_online_rules *rules)
{
	GHashTable *ghosts =
	    g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	GHashTableIter it;
	gpointer quoted, plain;

	g_hash_table_iter_init(&it, s->all_names);
	while (g_hash_table_iter_next(&it, &quoted, &plain)) {
		g_auto(GStrv) name = g_strsplit(plain, "\n", 2);
		g_autofree char *real = NULL;

		if (dm_online_kind_of(rules, name[1], &real) == DM_ONLINE_GHOST)
			g_hash_table_insert(
			    ghosts, dm_sql_quote_table(name[0], real), quoted);
	}
	return ghosts;
}

static void
check_online_ddl(struct check_src *s)
{
	struct check_item *i =
	    item_new(s, "online ddl checker", "check if in online ddl phase");
	g_autoptr(GHashTable) ghosts = NULL;
	DM_AUTO(dm_online_rules) rules = NULL;
	/* The task file was read with them: they are right. */
	DM_AUTO(dm_err)
	err = dm_online_rules_new(
	    s->task->shadow_rules, s->task->trash_rules, &rules);

	if (err != NULL)
		return;
	ghosts = ghosts_of(s, rules);
	for (guint k = 0; k < s->tables->len; k++) {
		const struct check_table *t = s->tables->pdata[k];
		g_autofree char *name = dm_sql_quote_table(t->schema, t->table);
		const char *ghost = g_hash_table_lookup(ghosts, name);

		if (ghost != NULL)
			(void)check_item_error(i, CHECK_FAIL,
			    "wait for the schema change to end, or drop the "
			    "table that it left behind",
			    "online ddl of %s is in progress: %s exists",
			    t->table, ghost);
	}
}

/* ---- all of a source ---- */

static struct dm_err *
source_read(struct check_src *s)
{
	struct dm_err *err;

	err = check_query_map(s->conn,
	    "SHOW GLOBAL VARIABLES WHERE Variable_name IN ('version', "
	    "'server_id', 'log_bin', 'binlog_format', 'binlog_row_image', "
	    "'max_connections', 'gtid_mode')",
	    &s->variables);
	if (err != NULL)
		return err;
	s->grants_err = check_query_grants(s->conn, &s->grants);
	err = check_tables_read(s);
	s->tables_known = err == NULL;
	return err;
}

static void
sync_items(struct check_src *s)
{
	const struct dm_task_cfg *t = s->task;

	if (check_wants(t, "server_id"))
		check_server_id(s);
	check_binlog(s);
	if (check_wants(t, "replication_privilege"))
		check_replication_privilege(s);
	if (check_wants(t, "online_ddl") && t->online_ddl)
		check_online_ddl(s);
	if (check_wants(t, "binlog_db"))
		check_binlog_db(s);
	if (check_wants(t, "meta_position") && t->mode == DM_MODE_INCREMENTAL &&
	    s->inst->has_meta && !s->cfg->enable_relay)
		check_meta_position(s);
}

static void
source_items(struct check_src *s)
{
	struct dm_err *err = source_read(s);

	if (err != NULL) {
		check_item_fail(item_new(s, "source connection checker",
				    "check whether the source can be read"),
		    err);
		return;
	}
	if (check_wants(s->task, "version"))
		check_version(s);
	if (check_copies(s->task) && check_wants(s->task, "dump_privilege"))
		check_dump_privilege(s);
	if (check_syncs(s->task))
		sync_items(s);
	if (check_copies(s->task) && check_wants(s->task, "conn_number"))
		check_dump_connections(s);
}

void
check_src_run(struct check_src *s)
{
	struct dm_sql_params p =
	    dm_db_cfg_params(&s->cfg->from, DM_SCOPE_UPSTREAM);
	struct dm_cancel_watch watch = { 0 };
	struct dm_err *err;

	p.read_timeout_s = READ_TIMEOUT_S;
	err = dm_sql_connect(&p, false, s->cancel, &s->conn);
	if (err != NULL) {
		err = dm_err_wrap(err, TASK_CHECK_FAILED_OPEN_DB,
		    s->cfg->from.user, s->cfg->from.host, s->cfg->from.port);
		err = dm_err_set_scope(err, DM_SCOPE_UPSTREAM);
		check_item_fail(item_new(s, "source connection checker",
				    "check whether the source can be read"),
		    err);
		return;
	}
	dm_cancel_watch(s->cancel, &watch, dm_sql_interrupt, s->conn);
	source_items(s);
	dm_cancel_unwatch(s->cancel, &watch);
	g_clear_pointer(&s->conn, dm_sql_conn_free);
}

void
check_src_fini(struct check_src *s)
{
	result_list_free(s->list);
	dm_sql_conn_free(s->conn);
	if (s->tables != NULL)
		g_ptr_array_unref(s->tables);
	if (s->all_names != NULL)
		g_hash_table_unref(s->all_names);
	if (s->variables != NULL)
		g_hash_table_unref(s->variables);
	grants_free(s->grants);
	dm_err_free(s->grants_err);
}
