/* SPDX-License-Identifier: Apache-2.0 */
/* Connections to the target: see target.h. */
#include "worker/sync/target.h"

#include "worker/sync/batch.h"

#include <stdlib.h>
#include <string.h>

/* A packet has the fence, too, and one row that goes beyond. */
#define PACKET_PARTS 4

#define SQL_MODE "STRICT_ALL_TABLES,NO_AUTO_VALUE_ON_ZERO,ALLOW_INVALID_DATES"
/* The server keeps the locks of a frozen client for this long at most. */
#define WAIT_TIMEOUT_MAX_S 60

void
target_info_fini(struct target_info *info)
{
	g_free(info->sql_mode);
	*info = (struct target_info){ 0 };
}

static bool
is_true(const char *value)
{
	return value != NULL && (strcmp(value, "1") == 0 ||
				    g_ascii_strcasecmp(value, "on") == 0 ||
				    g_ascii_strcasecmp(value, "true") == 0);
}

/* Ours first, then the user's: the last assignment counts. */
static GPtrArray *
session_pairs(const struct unit_env *env)
{
	GPtrArray *pairs = g_ptr_array_new_with_free_func(g_free);
	const struct dm_db_cfg *to = &env->task->target;
	int64_t wait = CLAMP(env->lease_ttl_s, 1, WAIT_TIMEOUT_MAX_S);

	if (dm_db_cfg_session(to, "sql_mode") == NULL)
		g_ptr_array_add(pairs, g_strdup("sql_mode=" SQL_MODE));
	if (dm_db_cfg_session(to, "foreign_key_checks") == NULL)
		g_ptr_array_add(pairs, g_strdup("foreign_key_checks=0"));
	for (char **p = to->session; p != NULL && *p != NULL; p++) {
		if (!g_str_has_prefix(*p, "time_zone="))
			g_ptr_array_add(pairs, g_strdup(*p));
	}
	g_ptr_array_add(pairs, g_strdup("time_zone=+00:00"));
	g_ptr_array_add(
	    pairs, g_strdup_printf("wait_timeout=%" G_GINT64_FORMAT, wait));
	g_ptr_array_add(pairs, NULL);
	return pairs;
}

struct dm_err *
target_connect(
    const struct unit_env *env, struct dm_cancel *c, struct dm_sql_conn **conn)
{
	struct dm_sql_params p =
	    dm_db_cfg_params(&env->task->target, DM_SCOPE_DOWNSTREAM);
	g_autoptr(GPtrArray) pairs = session_pairs(env);
	struct dm_err *err;

	p.session = (const char *const *)pairs->pdata;
	p.multi_statements = true;
	p.found_rows = true;
	err = dm_sql_connect(&p, false, c, conn);
	return err == NULL ? NULL
			   : dm_err_annotate(err, "connect to the target");
}

struct dm_err *
target_read_info(const struct unit_env *env, struct dm_sql_conn *conn,
    struct target_info *info)
{
	g_autofree char *packet = NULL, *statement_format = NULL;
	struct dm_err *err;

	err = dm_sql_query_string(
	    conn, &packet, "SELECT @@global.max_allowed_packet");
	if (err == NULL)
		err = dm_sql_query_string(
		    conn, &info->sql_mode, "SELECT @@session.sql_mode");
	if (err == NULL)
		err = dm_sql_query_string(conn, &statement_format,
		    "SELECT @@global.log_bin = 1 AND "
		    "@@session.binlog_format = 'STATEMENT'");
	if (err != NULL)
		return err;
	info->max_allowed_packet = g_ascii_strtoull(packet, NULL, 10);
	info->batch_bytes =
	    MIN(BATCH_TEXT_MAX, info->max_allowed_packet / PACKET_PARTS);
	info->read_committed = strcmp(statement_format, "1") != 0;
	info->foreign_key_checks = is_true(
	    dm_db_cfg_session(&env->task->target, "foreign_key_checks"));
	return NULL;
}
