/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the upstream itself has to say about its source.yaml.
 * SOURCE: dm/config/source_config.go, Adjust and AdjustFlavor to
 * AdjustServerID.
 */
#include "lib/log/log.h"
#include "master/check/check_int.h"

#include <inttypes.h>
#include <string.h>

#define READ_TIMEOUT_S   30
#define SERVER_ID_BASE   429496729u
#define SERVER_ID_RANGE  100000
#define SERVER_ID_TRIES  5
#define ER_NO_PRIVILEGE  1227u
#define ER_ACCESS_DENIED 1045u

static void
fill_flavor(struct dm_source_cfg *cfg, struct dm_sql_conn *conn)
{
	if (cfg->flavor[0] != '\0')
		return;
	g_free(cfg->flavor);
	cfg->flavor = g_strdup(dm_sql_is_mariadb(conn) ? "mariadb" : "mysql");
}

static struct dm_err *
fill_case(struct dm_source_cfg *cfg, struct dm_sql_conn *conn)
{
	g_autofree char *value = NULL;
	struct dm_err *err = dm_sql_query_string(
	    conn, &value, "SELECT @@GLOBAL.lower_case_table_names");

	if (err == NULL)
		cfg->case_sensitive = g_strcmp0(value, "0") == 0;
	return err;
}

static struct dm_err *
check_gtid(const struct dm_source_cfg *cfg, struct dm_sql_conn *conn)
{
	g_autofree char *mode = NULL;
	struct dm_err *err;

	if (!cfg->enable_gtid || strcmp(cfg->flavor, "mysql") != 0)
		return NULL;
	err = dm_sql_query_string(conn, &mode, "SELECT @@GLOBAL.gtid_mode");
	if (err != NULL)
		return err;
	if (mode == NULL || g_ascii_strcasecmp(mode, "ON") != 0)
		return dm_err_new(SOURCE_CHECK_GTID, cfg->source_id,
		    mode != NULL ? mode : "");
	return NULL;
}

static const char *
replicas_sql(struct dm_sql_conn *conn)
{
	unsigned v[3];

	return !dm_sql_is_mariadb(conn) &&
		       check_version_parse(dm_sql_server_version(conn), v) &&
		       (v[0] > 8 || (v[0] == 8 && v[1] >= 4))
		   ? "SHOW REPLICAS"
		   : "SHOW SLAVE HOSTS";
}

/* *used: ids as text: the server's own and those of its replicas. */
static struct dm_err *
read_ids(struct dm_sql_conn *conn, GHashTable **used)
{
	g_autoptr(GHashTable) ids = NULL;
	g_autofree char *own = NULL;
	struct dm_err *err =
	    dm_sql_query_string(conn, &own, "SELECT @@GLOBAL.server_id");
	unsigned no;

	if (err != NULL)
		return err;
	err = check_query_map(conn, replicas_sql(conn), &ids);
	no = dm_sql_last_errno(conn);
	if (err != NULL && no != ER_NO_PRIVILEGE && no != ER_ACCESS_DENIED)
		return err;
	if (err != NULL) {
		dm_info("replicas of the source cannot be listed, their "
			"server ids are not known",
		    dm_kerr(err));
		dm_err_free(err); /* told; the range makes a clash unlikely */
		ids = g_hash_table_new_full(
		    g_str_hash, g_str_equal, g_free, g_free);
	}
	g_hash_table_replace(
	    ids, g_strdup(own != NULL ? own : ""), g_strdup(""));
	*used = g_steal_pointer(&ids);
	return NULL;
}

static struct dm_err *
fill_server_id(struct dm_source_cfg *cfg, struct dm_sql_conn *conn)
{
	g_autoptr(GHashTable) used = NULL;
	struct dm_err *err;

	if (cfg->server_id != 0)
		return NULL;
	err = read_ids(conn, &used);
	if (err != NULL)
		return err;
	for (int i = 0; i < SERVER_ID_TRIES; i++) {
		uint32_t id = SERVER_ID_BASE +
			      (uint32_t)g_random_int_range(0, SERVER_ID_RANGE);
		g_autofree char *text = g_strdup_printf("%" PRIu32, id);

		if (!g_hash_table_contains(used, text)) {
			cfg->server_id = id;
			return NULL;
		}
	}
	return dm_err_plain("no free server-id found for source %s: set "
			    "`server-id` in the source file",
	    cfg->source_id);
}

/* What a file may ask for but this version cannot do. */
static struct dm_err *
refuse(const struct dm_source_cfg *cfg, const char *field, const char *why)
{
	g_autofree char *text =
	    g_strdup_printf("source %s: %s: %s", cfg->source_id, field, why);

	return dm_err_set_class(
	    dm_err_set_workaround(dm_err_new(CONFIG_YAML_TRANSFORM, text),
		"correct the source file"),
	    "dm-master");
}

static struct dm_err *
check_available(const struct dm_source_cfg *cfg)
{
	if (dm_db_cfg_session(&cfg->from, "time_zone") != NULL)
		return refuse(cfg, "from.session.time_zone",
		    "it is not available in this version; remove it: times "
		    "are always read in UTC");
	return NULL;
}

/* What is read differently must be what it says: a flavor that was written
 * down wrongly would be met at the first event only. */
static struct dm_err *
check_flavor(const struct dm_source_cfg *cfg, struct dm_sql_conn *conn)
{
	bool mariadb = dm_sql_is_mariadb(conn);

	if (dm_sql_is_tidb(conn))
		return refuse(cfg, "from", "TiDB is not supported as a source");
	if (strcmp(cfg->flavor, mariadb ? "mariadb" : "mysql") == 0)
		return NULL;
	return refuse(cfg, "flavor",
	    mariadb ? "the server is MariaDB; write mariadb, or remove it"
		    : "the server is MySQL; write mysql, or remove it");
}

struct dm_err *
check_source(struct dm_source_cfg *cfg, struct dm_cancel *c)
{
	struct dm_sql_params p =
	    dm_db_cfg_params(&cfg->from, DM_SCOPE_UPSTREAM);
	struct dm_cancel_watch watch = { 0 };
	struct dm_sql_conn *conn;
	struct dm_err *err;

	err = check_available(cfg);
	if (err != NULL)
		return err;
	p.read_timeout_s = READ_TIMEOUT_S;
	err = dm_sql_connect(&p, false, c, &conn);
	if (err != NULL)
		return err;
	dm_cancel_watch(c, &watch, dm_sql_interrupt, conn);
	fill_flavor(cfg, conn);
	err = check_flavor(cfg, conn);
	if (err == NULL)
		err = check_gtid(cfg, conn);
	if (err == NULL)
		err = fill_case(cfg, conn);
	if (err == NULL)
		err = fill_server_id(cfg, conn);
	dm_cancel_unwatch(c, &watch);
	dm_sql_conn_free(conn);
	return err;
}
