/* SPDX-License-Identifier: Apache-2.0 */
/* The suite of lib/config/task*.c and extra_args.c. */
#include "lib/config/task.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

/* Lines 1 to 3 of most cases. */
#define HEAD                                                                   \
	"name: t\ntask-mode: all\n"                                            \
	"target-database: {host: h, port: 1, user: u}\n"
/* Line 4. */
#define ONE "mysql-instances: [{source-id: s1}]\n"

static struct dm_task_cfg *
good(const char *yaml)
{
	struct dm_task_cfg *c = NULL;
	DM_AUTO(dm_err) err = dm_task_cfg_parse("t.yaml", yaml, &c);

	ck_assert_msg(err == NULL, "%s", err != NULL ? err->message : "");
	return c;
}

START_TEST(defaults_are_dms)
{
	DM_AUTO(dm_task_cfg) c = good(HEAD ONE);
	const struct dm_instance_cfg *i = dm_task_cfg_instance(c, "s1");

	ck_assert_str_eq(c->meta_schema, "dm_meta");
	ck_assert(c->online_ddl && c->clean_dump_file && !c->case_sensitive);
	ck_assert_ptr_nonnull(i);
	ck_assert(!i->has_meta && i->block_allow == NULL);
	ck_assert_uint_eq(i->mydumper.threads, 4);
	ck_assert_uint_eq(i->loader.pool_size, 16);
	ck_assert_uint_eq(i->syncer.worker_count, 16);
	ck_assert_uint_eq(i->syncer.checkpoint_flush_interval_s, 30);
	ck_assert_str_eq(i->loader.on_duplicate_logical, "replace");
	ck_assert_ptr_null(dm_task_cfg_instance(c, "s2"));
}
END_TEST

static const char big[] =
    "name: 'my: task'\ntask-mode: incremental\nmeta-schema: m\n"
    "case-sensitive: true\nonline-ddl: no\n"
    "ignore-checking-items: [version, conn_number]\n"
    "clean-dump-file: false\n"
    "target-database:\n  host: 10.0.0.1\n  port: 4000\n  user: root\n"
    "  password: 'p#1'\n"
    "  session: {SQL_MODE: '', TiDB_txn_mode: optimistic}\n"
    "mysql-instances:\n"
    "- source-id: s2\n"
    "  meta: {binlog-name: mysql-bin.000001, binlog-pos: 4, "
    "binlog-gtid: '0-1-5'}\n"
    "  route-rules: [r2, r1]\n"
    "  filter-rules: [f1]\n"
    "  block-allow-list: b1\n"
    "  mydumper-config-name: d1\n"
    "  mydumper-thread: 9\n"
    "  syncer-config-name: y1\n"
    "- source-id: s1\n"
    "  black-white-list: b2\n"
    "  loader: {pool-size: 3, dir: /d, on-duplicate-logical: ERROR}\n"
    "  syncer-config-name: y1\n"
    "  syncer-thread: 2\n"
    "routes:\n"
    "  r2: {schema-pattern: a*, target-schema: x}\n"
    "  r1: {schema-pattern: '~^a', table-pattern: 't?', "
    "target-schema: x, target-table: y}\n"
    "filters:\n"
    "  f1: {schema-pattern: a, table-pattern: '', events: [insert, 'all "
    "ddl'], sql-pattern: ['^DROP\\s+', \"x\\ny\"], action: Ignore}\n"
    "block-allow-list:\n"
    "  b1: {do-dbs: [a, '~^b'], do-tables: [{db-name: a, tbl-name: '*'}]}\n"
    "  b2: {ignore-dbs: [c], ignore-tables: [{db-name: a, tbl-name: z}]}\n"
    "mydumpers:\n  d1: {threads: 2, chunk-filesize: 128, rows: 7, where: "
    "'id > 5', extra-args: '-F 32 --no-locks'}\n"
    "syncers:\n  y1: {batch: 5, queue-size: 6, compact: true, strict: "
    "true, multiple-rows: true, safe-mode: true, safe-mode-duration: 60s, "
    "checkpoint-flush-interval: 9}\n";

START_TEST(settings_of_the_copy_are_read_and_written)
{
	DM_AUTO(dm_task_cfg)
	c = good("name: t\ntask-mode: all\ncopy: {verify: true, rate-limit: "
		 "20, max-source-threads-running: 30, max-target-latency: "
		 "1.5s, indexes-first: true}\n"
		 "target-database: {host: h, port: 1, user: u}\n"
		 "mysql-instances:\n- source-id: a\n");
	DM_AUTO(dm_task_cfg)
	plain = good("name: t\ntask-mode: all\ncopy: {verify: false}\n"
		     "target-database: {host: h, port: 1, user: u}\n"
		     "mysql-instances:\n- source-id: a\n");
	g_autofree char *yaml = dm_task_cfg_yaml(c, NULL, false);
	g_autofree char *without = dm_task_cfg_yaml(plain, NULL, false);
	DM_AUTO(dm_task_cfg) again = good(yaml);

	ck_assert(c->copy.verify && again->copy.verify);
	ck_assert_uint_eq(again->copy.rate_limit, 20);
	ck_assert_uint_eq(again->copy.max_source_threads_running, 30);
	ck_assert_int_eq(again->copy.max_target_latency_ms, 1500);
	ck_assert(again->copy.indexes_first && !plain->copy.indexes_first);
	ck_assert(!plain->copy.verify);
	/* DM does not know it: it is written only where it says something. */
	ck_assert_ptr_null(strstr(without, "\ncopy:"));
}
END_TEST

/* DM 2.0 refuses keys that it does not know; nothing changes without them. */
START_TEST(an_export_has_only_what_older_versions_know)
{
	static const char *const later[] = { "strict-opt", "collation",
		"shadow", "trash", "expression", "valid", "experim", "async",
		"physical", "import", "on-dup", "analyze", "concurr",
		"compress", "pd-addr", "compact", "multiple", "duration" };
	static const char *const known[] = { "online-ddl: false\n",
		"route-rules:\n", "safe-mode: false\n",
		"clean-dump-file: true\n" };
	DM_AUTO(dm_task_cfg)
	c = good(HEAD "online-ddl: false\n"
		      "routes: {r: {schema-pattern: a, target-schema: b}}\n"
		      "mysql-instances:\n- source-id: a\n"
		      "  route-rules: [r]\n");
	DM_AUTO(dm_task_cfg)
	set = good(HEAD "mysql-instances:\n- source-id: a\n"
			"  loader: {on-duplicate-logical: error}\n"
			"  syncer: {safe-mode-duration: 5s, compact: true}\n");
	g_autofree char *whole = dm_task_cfg_yaml(c, NULL, false);
	g_autofree char *text = dm_task_yaml_for_older(whole);
	DM_AUTO(dm_task_cfg) again = good(text);
	g_autofree char *back = dm_task_cfg_yaml(again, NULL, false);
	g_autofree char *set_whole = dm_task_cfg_yaml(set, NULL, false);
	g_autofree char *set_text = dm_task_yaml_for_older(set_whole);

	ck_assert_str_eq(back, whole);
	for (size_t i = 0; i < DM_ARRAY_SIZE(known); i++)
		ck_assert_msg(strstr(text, known[i]) != NULL, "%s", known[i]);
	for (size_t i = 0; i < DM_ARRAY_SIZE(later); i++)
		ck_assert_msg(strstr(text, later[i]) == NULL, "%s", later[i]);
	ck_assert_ptr_nonnull(
	    strstr(set_text, "on-duplicate-logical: error\n"));
	ck_assert_ptr_nonnull(strstr(set_text, "safe-mode-duration: "));
	ck_assert_ptr_nonnull(strstr(set_text, "compact: true\n"));
}
END_TEST

START_TEST(settings_of_a_copy_through_files_are_read)
{
	DM_AUTO(dm_task_cfg)
	c = good("name: t\ntask-mode: all\ncopy-mode: files\n"
		 "target-database: {host: h, port: 1, user: u}\n"
		 "mysql-instances:\n- source-id: a\n"
		 "  loader: {on-duplicate-logical: IGNORE}\n"
		 "  mydumper: {extra-args: \"-c zstd --filetype=csv "
		 "--no-views=false -f 'a.*' -f '!a.b' -T c.d,c.e -B f,g "
		 "--where x>1 -s 5kb\"}\n");
	const struct dm_instance_cfg *i = dm_task_cfg_instance(c, "a");
	static const char *const want[] = { "a.*", "!a.b", "c.d", "c.e", "f.*",
		"g.*" };
	g_autofree char *yaml = dm_task_cfg_yaml(c, NULL, false);
	DM_AUTO(dm_task_cfg) again = good(yaml);

	ck_assert(c->files && again->files);
	ck_assert_str_eq(i->mydumper.compress, "zstd");
	ck_assert(i->mydumper.csv && i->mydumper.views);
	ck_assert_str_eq(i->mydumper.where, "x>1");
	ck_assert_uint_eq(
	    dm_mydumper_size(i->mydumper.statement_size, 1), 5120);
	ck_assert_uint_eq(i->mydumper.tables->len, DM_ARRAY_SIZE(want));
	for (guint k = 0; k < DM_ARRAY_SIZE(want); k++)
		ck_assert_str_eq(i->mydumper.tables->pdata[k], want[k]);
	ck_assert_str_eq(i->loader.on_duplicate_logical, "ignore");
}
END_TEST

static const struct {
	const char *text;
	uint64_t unit, bytes;
} sizes[] = { { "", 1, 0 }, { "64", UINT64_C(1) << 20, UINT64_C(64) << 20 },
	{ "200KiB", UINT64_C(1) << 20, 200 << 10 }, { "1.5k", 1, 1536 },
	{ "2 GB", 1, UINT64_C(2) << 30 }, { "1", 1, 1 }, { "7b", 1 << 20, 7 },
	{ "9999999999999t", 1, UINT64_C(1000000000000000000) } };

START_TEST(sizes_have_units)
{
	ck_assert_uint_eq(
	    dm_mydumper_size(sizes[_i].text, sizes[_i].unit), sizes[_i].bytes);
}
END_TEST

START_TEST(names_are_resolved)
{
	DM_AUTO(dm_task_cfg) c = good(big);
	const struct dm_instance_cfg *i = dm_task_cfg_instance(c, "s2");
	g_autofree struct dm_route_rule *routes = NULL;
	const struct dm_filter_rule *f;
	size_t n;

	ck_assert(c->mode == DM_MODE_INCREMENTAL);
	ck_assert(i->has_meta && i->meta.binlog_pos == 4);
	routes = dm_instance_routes(c, i, &n);
	ck_assert_uint_eq(n, 2);
	ck_assert_str_eq(routes[0].name, "r2");
	ck_assert_str_eq(routes[1].target_table, "y");
	ck_assert_uint_eq(i->block_allow->do_dbs->len, 2);
	ck_assert_uint_eq(i->mydumper.threads, 9);
	ck_assert_str_eq(i->mydumper.chunk_filesize, "32");
	ck_assert(i->syncer.strict && i->syncer.safe_mode);
	ck_assert_int_eq(i->syncer.safe_mode_ms, 60000);
	ck_assert_uint_eq(i->syncer.worker_count, 16);
	f = &g_array_index(c->filters, struct dm_filter_rule,
	    g_array_index(i->filter_rules, size_t, 0));
	ck_assert_str_eq(f->events[1], "all ddl");
	i = dm_task_cfg_instance(c, "s1");
	ck_assert_uint_eq(i->block_allow->ignore_tables->len, 1);
	ck_assert_str_eq(i->loader.on_duplicate_logical, "error");
	ck_assert_uint_eq(i->syncer.worker_count, 2);
	ck_assert_str_eq(
	    dm_db_cfg_session(&c->target, "tidb_txn_mode"), "optimistic");
}
END_TEST

START_TEST(expressions_are_written_and_read_again)
{
	DM_AUTO(dm_task_cfg)
	c = good(
	    HEAD "mysql-instances: [{source-id: s, expression-filters: [u, "
		 "i]}]\n"
		 "expression-filter:\n  i: {schema: a, table: b, "
		 "insert-value-expr: \"s = 'x: #' AND c > 1\"}\n"
		 "  u: {schema: a, table: b, update-new-value-expr: c = 1}\n");
	g_autofree char *a = dm_task_cfg_yaml(c, NULL, false);
	DM_AUTO(dm_task_cfg) d = good(a);
	const struct dm_instance_cfg *inst = dm_task_cfg_instance(d, "s");
	const struct dm_expr_filter *f =
	    &g_array_index(d->expr_filters, struct dm_expr_filter,
		g_array_index(inst->expr_filters, size_t, 1));

	ck_assert_uint_eq(inst->expr_filters->len, 2);
	ck_assert_str_eq(f->name, "i");
	ck_assert_str_eq(f->insert_expr, "s = 'x: #' AND c > 1");
	ck_assert_str_eq(f->update_new_expr, "");
	f = &g_array_index(d->expr_filters, struct dm_expr_filter, 1);
	ck_assert_str_eq(f->update_new_expr, "c = 1");
}
END_TEST

START_TEST(what_is_written_is_read_again)
{
	static const char *const only[] = { "s1", NULL };
	DM_AUTO(dm_task_cfg) c = good(big);
	g_autofree char *a = dm_task_cfg_yaml(c, NULL, false);
	DM_AUTO(dm_task_cfg) d = good(a);
	g_autofree char *b = dm_task_cfg_yaml(d, NULL, false);
	g_autofree char *part = dm_task_cfg_yaml(c, only, false);
	g_autofree char *masked = dm_task_cfg_yaml(c, NULL, true);
	DM_AUTO(dm_task_cfg) e = good(part);

	ck_assert_str_eq(a, b);
	ck_assert_str_eq(d->name, "my: task");
	ck_assert_str_eq(d->target.password, "p#1");
	ck_assert_str_eq(
	    dm_task_cfg_instance(d, "s2")->mydumper.where, "id > 5");
	ck_assert_uint_eq(e->instances->len, 1);
	ck_assert_uint_eq(e->routes->len, 0);
	ck_assert_uint_eq(g_hash_table_size(e->block_allow), 1);
	ck_assert_ptr_nonnull(strstr(masked, "password: '******'\n"));
	ck_assert_ptr_null(strstr(masked, "p#1"));
}
END_TEST

START_TEST(equal_settings_share_a_name)
{
	DM_AUTO(dm_task_cfg)
	c = good(HEAD
	    "mysql-instances: [{source-id: b}, {source-id: a}, {source-id: "
	    "c, syncer-thread: 1}]\n");
	g_autofree char *text = dm_task_cfg_yaml(c, NULL, true);

	ck_assert(g_str_has_prefix(text,
	    "name: t\ntask-mode: all\nis-sharding: false\n"
	    "shard-mode: \"\"\nstrict-optimistic-shard-mode: false\n"
	    "ignore-checking-items: []\nmeta-schema: dm_meta\n"
	    "enable-heartbeat: false\nheartbeat-update-interval: 1\n"
	    "heartbeat-report-interval: 10\ntimezone: \"\"\n"
	    "case-sensitive: false\ncollation_compatible: loose\n"
	    "target-database:\n  host: h\n  port: 1\n  user: u\n"
	    "  password: \"\"\n  max-allowed-packet: null\n"
	    "  session: {}\n  security: null\n"
	    "mysql-instances:\n- source-id: a\n  meta: null\n"
	    "  filter-rules: []\n"));
	ck_assert_ptr_nonnull(strstr(text, "syncer-config-name: sync-02"));
	ck_assert_ptr_null(strstr(text, "sync-03"));
	ck_assert_ptr_null(strstr(text, "dump-02"));
}
END_TEST

static const struct {
	const char *yaml;
	int code;
	const char *message;
} bad[] = {
	{ "", 20004,
	    "t.yaml:1:1: name: task name should not be empty; add "
	    "`name: <task>`" },
	{ "[1]", 20003,
	    "t.yaml:1:1: must be a map, not a list; write `key: "
	    "value` lines" },
	{ HEAD ONE "task_mode: x\n", 20003,
	    "t.yaml:5:1: task_mode: unknown key; did you mean "
	    "`task-mode`?" },
	{ HEAD, 20013,
	    "t.yaml:1:1: mysql-instances: must specify at least "
	    "one mysql-instances; add `mysql-instances: "
	    "[{source-id: ...}]`" },
	{ "name: t\ntask-mode: al\n" ONE, 20021,
	    "t.yaml:1:1: target-database: must specify target-database; add "
	    "`target-database: {host, port, user, password}`\n"
	    "t.yaml:2:12: task-mode: please specify right task-mode, support "
	    "`full`, `incremental`, `all`, `dump`, `load`; write full, "
	    "incremental, all, dump, load or load&sync" },
	{ HEAD "mysql-instances: [{source-id: a}, {source-id: a}]\n", 20014,
	    "t.yaml:4:47: mysql-instances[1].source-id: mysql-instance (0) "
	    "and (1) have same source-id (a); merge the two" },
	{ HEAD "mysql-instances: [{source-id: a, route-rules: [r]}]\n", 20023,
	    "t.yaml:4:47: mysql-instances[0].route-rules: "
	    "mysql-instance(0)'s route-rules r not exist in routes; define "
	    "it under `routes`" },
	{ HEAD "mysql-instances: [{source-id: a, filter-rules: [r, r]}]\n"
	       "filters: {r: {schema-pattern: a}}\n",
	    20032,
	    "t.yaml:4:48: mysql-instances[0].filter-rules: following mysql "
	    "configs have duplicate items, remove the duplicates: r; list it "
	    "once" },
	{ HEAD "mysql-instances: [{source-id: a, block-allow-list: b}]\n",
	    20026,
	    "t.yaml:4:52: mysql-instances[0].block-allow-list: "
	    "mysql-instance(0)'s list b not exist in block allow list; "
	    "define it under `block-allow-list`" },
	{ HEAD "mysql-instances: [{source-id: a, syncer-config-name: b}]\n",
	    20030,
	    "t.yaml:4:54: mysql-instances[0].syncer-config-name: "
	    "mysql-instance(0)'s syncer config b not exist in syncer; define "
	    "it there" },
	{ HEAD "mysql-instances: [{source-id: a, loader-config-name: b, "
	       "loader: {pool-size: 1}}]\nloaders: {b: {}}\n",
	    20016,
	    "t.yaml:4:65: mysql-instances[0].loader: loader-config-name and "
	    "loader should only specify one; remove one" },
	{ HEAD ONE "routes: {z: {schema-pattern: a, target-schema: b}}\n"
		   "syncers: {y: {}}\n",
	    20038,
	    "t.yaml:5:10: configurations [y z] are set in global "
	    "configuration but instances don't use them; name them in an "
	    "instance or remove them" },
	{ HEAD ONE "shard-mode: pessimistic\n", 20033,
	    "t.yaml:5:13: shard-mode: shard mode pessimistic not supported; "
	    "remove it: rows of several sources may go into one table as "
	    "long as its structure stays the same" },
	{ HEAD ONE "is-sharding: true\n", 20033,
	    "t.yaml:5:14: is-sharding: shard mode pessimistic not supported; "
	    "write false" },
	{ HEAD ONE "timezone: Local\n", 20008,
	    "t.yaml:5:11: timezone: invalid timezone string: Local; write "
	    "for instance +08:00 or Asia/Shanghai" },
	{ HEAD ONE "timezone: '+14:01'\n", 20008, NULL },
	{ HEAD ONE "timezone: ../UTC\n", 20008, NULL },
	{ HEAD ONE "ignore-checking-items: [al]\n", 20001, NULL },
	{ HEAD ONE "collation_compatible: strict\n", 20052, NULL },
	{ HEAD ONE "column-mappings: {a: {}}\n", 20064, NULL },
	{ HEAD "mysql-instances: [{source-id: s, expression-filters: [a]}]\n"
	       "expression-filter: {a: {schema: b}}\n",
	    20042,
	    "t.yaml:5:21: expression-filter.a: expression-filter a has empty "
	    "table; name one table" },
	{ HEAD
	    "mysql-instances: [{source-id: s, expression-filters: [a]}]\n"
	    "expression-filter: {a: {schema: b, table: c, "
	    "insert-value-expr: 'x >', delete-value-expr: 'LOAD_FILE(1)'}}\n",
	    20039,
	    "t.yaml:5:21: expression-filter.a: expression filter can only "
	    "specify one of (insert, update, delete), but a has specified "
	    "[insert: [x >] delete: [LOAD_FILE(1)]]; write a filter for each\n"
	    "t.yaml:5:65: expression-filter.a: expression-filter name(a) "
	    "SQL(x >) has wrong grammar: the expression ends too early at "
	    "character 4; write a condition over columns of the table\n"
	    "t.yaml:5:91: expression-filter.a: expression-filter name(a) "
	    "SQL(LOAD_FILE(1)) has wrong grammar: function LOAD_FILE is not "
	    "supported at character 12; write a condition over columns of the "
	    "table" },
	{ HEAD "mysql-instances: [{source-id: s, expression-filters: [a]}]\n",
	    20040,
	    "t.yaml:4:54: mysql-instances[0].expression-filters: "
	    "mysql-instance(0)'s expression-filters a not exist in "
	    "expression-filter; define it under `expression-filter`" },
	{ HEAD "mysql-instances: [{source-id: s, expression-filters: [a]}]\n"
	       "expression-filter: {a: {schema: b, table: c, "
	       "update-old-value-expr: x.y}}\n",
	    20041, NULL },
	{ HEAD ONE "expression-filter: {a: {schema: b, table: c}}\n", 20038,
	    NULL },
	{ HEAD "mysql-instances: [{source-id: s, expression-filters: [a]}]\n"
	       "expression-filter: {a: {schema: b, table: c, x: d}}\n",
	    20003, NULL },
	{ HEAD ONE "online-ddl-scheme: x\n", 20007, NULL },
	{ HEAD ONE "shadow-table-rules: ['^_.+_new$']\n", 20048, NULL },
	{ HEAD ONE "trash-table-rules: ['(a)', '(']\n", 20048, NULL },
	{ HEAD ONE "timezone: +08:00\n", 20003,
	    "t.yaml:5:11: timezone: it is not available in this version; "
	    "remove it: times arrive as they are in the source" },
	{ "name: t\ntask-mode: all\ntarget-database: {host: h, port: 1, "
	  "user: u, session: {Time_Zone: '+01:00'}}\n" ONE,
	    20003,
	    "t.yaml:3:18: target-database: session.time_zone is not "
	    "available in this version: times are always written in UTC; "
	    "remove it" },
	{ HEAD "mysql-instances: [{source-id: a, loader: "
	       "{on-duplicate-logical: Ignore}}]\n",
	    20054,
	    "t.yaml:4:18: mysql-instances: on-duplicate-logical: ignore of "
	    "the loader of a is not supported by a streamed copy; write "
	    "replace or error, or set `copy-mode: files`" },
	{ HEAD "copy: {verify: maybe}\n" ONE, 20003, NULL },
	{ HEAD "copy: {check: true}\n" ONE, 20003, NULL },
	{ HEAD "copy: {rate-limit: -1}\n" ONE, 20003, NULL },
	{ HEAD "copy: {rate-limit: 1000001}\n" ONE, 20003, NULL },
	{ HEAD "copy: {max-target-latency: 5}\n" ONE, 20003, NULL },
	{ HEAD "copy-mode: files\ncopy: {verify: true}\n" ONE, 20003,
	    "t.yaml:5:7: copy: verify: a copy through files is not compared "
	    "with its source; remove `verify`, or let the copy stream: "
	    "task-mode all or full without `copy-mode: files`" },
	{ HEAD "copy-mode: disk\n" ONE, 20003,
	    "t.yaml:4:12: copy-mode: invalid value disk; write stream or "
	    "files" },
	{ HEAD "mysql-instances: [{source-id: a, syncer: "
	       "{safe-mode-duration: -5s}}]\n",
	    20060,
	    "t.yaml:4:63: mysql-instances[0].syncer.safe-mode-duration: it "
	    "must not be negative; write for instance 60s" },
	{ HEAD "mysql-instances: [{source-id: a, filter-rules: [r]}]\n"
	       "filters: {r: {schema-pattern: a, events: [drop it]}}\n",
	    20037,
	    "t.yaml:5:11: filters.r: rule 'r': events: unknown event 'drop "
	    "it'; see `filters` in the sample" },
	{ HEAD ONE "strict-optimistic-shard-mode: true\n", 20066, NULL },
	{ HEAD ONE "trash-table-rules: ['^_x$']\n", 20048, NULL },
	{ HEAD "mysql-instances: [{source-id: a, meta: {binlog-pos: 4}}]\n",
	    20011, NULL },
	{ HEAD "mysql-instances: [{source-id: a, route-rules: [r]}]\n"
	       "routes:\n  r: {schema-pattern: 'a*b', target-table: x, "
	       "extract-table: {table-regexp: a}}\n",
	    20045,
	    "t.yaml:6:3: routes.r: target-table without table-pattern; add "
	    "`table-pattern`\n"
	    "t.yaml:6:3: routes.r: target-schema is missing; add "
	    "`target-schema`\n"
	    "t.yaml:6:6: routes.r: pattern 'a*b': '*' may only be the last "
	    "character; see `routes` in the sample" },
	{ HEAD "mysql-instances: [{source-id: a, route-rules: [r]}]\n"
	       "routes:\n  r: {schema-pattern: a, target-schema: x, "
	       "extract-table: {table-regexp: '(a)', target-column: c}}\n",
	    20045, NULL },
	{ HEAD "copy-mode: files\n"
	       "mysql-instances: [{source-id: a, route-rules: [r]}]\n"
	       "routes:\n  r: {schema-pattern: a, target-schema: x, "
	       "extract-schema: {schema-regexp: '(a)', target-column: c}}\n",
	    20045,
	    "t.yaml:7:3: routes: route rule 'r': extract-table, extract-schema "
	    "and extract-source are not supported by a load of files; remove "
	    "`copy-mode: files` and use a task-mode that streams, or remove "
	    "the extractors" },
	{ HEAD "mysql-instances: [{source-id: a, route-rules: [r]}]\n"
	       "routes:\n  r: {schema-pattern: a, target-schema: x, "
	       "extract-schema: {schema-regexp: '(a', target-column: c}}\n",
	    20045, NULL },
	{ HEAD "mysql-instances: [{source-id: a, route-rules: [r]}]\n"
	       "routes:\n  r: {schema-pattern: a, target-schema: x, "
	       "extract-source: {source-regexp: '(a)'}}\n",
	    20045, NULL },
	{ HEAD "mysql-instances: [{source-id: a, block-allow-list: r}]\n"
	       "block-allow-list: {r: {do-dbs: ['~(', '']}}\n",
	    20044, NULL },
	{ HEAD "mysql-instances: [{source-id: a, filter-rules: [r]}]\n"
	       "filters: {r: {action: x}}\n",
	    20037, NULL },
	{ HEAD "mysql-instances: [{source-id: a, validator-config-name: v}]\n"
	       "validators: {v: {mode: full}}\n",
	    20055, NULL },
	{ HEAD "mysql-instances: [{source-id: a, loader: {import-mode: "
	       "physical}}]\n",
	    20053,
	    "t.yaml:4:56: mysql-instances[0].loader.import-mode: invalid "
	    "load mode 'physical': rows are only loaded by SQL "
	    "statements here, which every target takes; write logical" },
	{ HEAD "mysql-instances: [{source-id: a, loader: "
	       "{on-duplicate-logical: x}}]\n",
	    20054, NULL },
	{ HEAD "mysql-instances: [{source-id: a, loader: {dir: 'gcs://a'}}]\n",
	    20003,
	    "t.yaml:4:48: mysql-instances[0].loader.dir: not a place for "
	    "files: of the storages only S3 is known here; write a local path "
	    "or s3://bucket/prefix?endpoint=.." },
	{ HEAD "mysql-instances: [{source-id: a, loader: {dir: "
	       "'s3://a?secret-access-key=hidden'}}]\n",
	    20003,
	    "t.yaml:4:48: mysql-instances[0].loader.dir: not a place for "
	    "files: access-key and secret-access-key must be given both or "
	    "not at all; write a local path or "
	    "s3://bucket/prefix?endpoint=.." },
	{ HEAD "mysql-instances: [{source-id: a, mydumper: {chunk-filesize: "
	       "x}}]\n",
	    20047, NULL },
	{ HEAD "mysql-instances: [{source-id: a, syncer: {safe-mode: true, "
	       "safe-mode-duration: 0s}}]\n",
	    20061, NULL },
	{ HEAD "mysql-instances: [{source-id: a, syncer: "
	       "{safe-mode-duration: 5}}]\n",
	    20060, NULL },
	{ HEAD "mysql-instances: [{source-id: a, mydumper: {extra-args: '-B "
	       "db'}}]\n",
	    20003,
	    "t.yaml:4:18: mysql-instances: extra-args of the mydumper of a: "
	    "-B, -T and -f are not supported by a streamed copy; use "
	    "`block-allow-list`, or set `copy-mode: files`" },
	{ HEAD "mysql-instances: [{source-id: a, mydumper-config-name: b, "
	       "mydumper: {threads: 1}}]\nmydumpers: {b: {}}\n",
	    20015, NULL },
	{ HEAD "mysql-instances: [{source-id: a, syncer-config-name: b, "
	       "syncer: {worker-count: 1}}]\nsyncers: {b: {}}\n",
	    20017, NULL },
	{ HEAD "mysql-instances: [{source-id: a, filter-rules: [r]}]\n", 20024,
	    "t.yaml:4:48: mysql-instances[0].filter-rules: "
	    "mysql-instance(0)'s filter-rules r not exist in filters; define "
	    "it under `filters`" },
	{ HEAD "mysql-instances: [{source-id: a, mydumper-config-name: b}]\n",
	    20027, NULL },
	{ HEAD "mysql-instances: [{source-id: a, loader-config-name: b}]\n",
	    20029, NULL },
	{ HEAD "mysql-instances: [{source-id: a, validator-config-name: v}]\n",
	    20056, NULL },
	{ HEAD "mysql-instances: [{source-id: a, loader: "
	       "{on-duplicate-physical: x}}]\n",
	    20062, NULL },
	{ HEAD "mysql-instances: [{source-id: a, loader: {checksum-physical: "
	       "x}}]\n",
	    20063, NULL },
	{ HEAD "mysql-instances: [{source-id: a, loader: {analyze: x}}]\n",
	    20065, NULL },
	{ "name: t\ntask-mode: all\ntarget-database: {host: h, port: 1, "
	  "user: u, session: {foreign_key_checks: 1}}\nmysql-instances: "
	  "[{source-id: a, syncer: {multiple-rows: true}}]\n",
	    20070, NULL },
	{ "name: t\ntask-mode: dumb\ntarget-database: {host: h, port: 1, "
	  "user: u, session: {Foreign_Key_Checks: 'ON'}}\nmysql-instances: "
	  "[{source-id: a, syncer: {compact: true}}]\n",
	    20020,
	    "t.yaml:2:12: task-mode: please specify right task-mode, support "
	    "`full`, `incremental`, `all`, `dump`, `load`; write full, "
	    "incremental, all, dump, load or load&sync\n"
	    "t.yaml:4:19: mysql-instances[0].syncer-config-name: `compact` "
	    "is not supported when foreign_key_checks=1; disable "
	    "foreign_key_checks or that syncer option" },
};

START_TEST(problems_have_place_reason_and_code)
{
	struct dm_task_cfg *c = NULL;
	DM_AUTO(dm_err) err = dm_task_cfg_parse("t.yaml", bad[_i].yaml, &c);

	ck_assert_msg(err != NULL, "accepted: %s", bad[_i].yaml);
	if (bad[_i].message == NULL)
		ck_assert(g_str_has_prefix(err->message, "t.yaml:"));
	else if (bad[_i].yaml[0] == '\0')
		ck_assert(g_str_has_prefix(err->message, bad[_i].message));
	else
		ck_assert_str_eq(err->message, bad[_i].message);
	ck_assert_msg(
	    err->code == bad[_i].code, "%d: %s", err->code, err->message);
}
END_TEST

START_TEST(deprecated_keys_are_accepted)
{
	DM_AUTO(dm_task_cfg)
	c = good(HEAD
	    "is-sharding: false\nenable-heartbeat: true\n"
	    "heartbeat-update-interval: 1\nheartbeat-report-interval: 1\n"
	    "ansi-quotes: true\nremove-meta: true\nonline-ddl: false\n"
	    "online-ddl-scheme: pt\n"
	    "experimental: {async-checkpoint-flush: "
	    "true}\nshadow-table-rules: ['^_(.+)_(?:new|gho)$']\n"
	    "column-mappings: {}\nexpression-filter:\nvalidators: {v: {mode: "
	    "none, worker-count: 4}}\n"
	    "black-white-list: {b: {do-dbs: [a]}}\n"
	    "mysql-instances:\n- source-id: a\n  black-white-list: b\n"
	    "  validator-config-name: v\n  column-mapping-rules: []\n"
	    "  syncer: {max-retry: 5, meta-file: x, auto-fix-gtid: true, "
	    "enable-gtid: true, disable-detect: true, enable-ansi-quotes: "
	    "true}\n"
	    "  mydumper: {mydumper-path: x, skip-tz-utc: true}\n"
	    "  loader: {import-mode: sql, on-duplicate: replace}\n");

	ck_assert(c->online_ddl); /* the scheme turns it on */
	ck_assert_str_eq(c->shadow_rules[0], "^_(.+)_(?:new|gho)$");
	ck_assert_str_eq(
	    dm_task_cfg_instance(c, "a")->loader.import_mode, "logical");
}
END_TEST

START_TEST(shared_blocks_by_anchor_work)
{
	DM_AUTO(dm_task_cfg)
	c = good(HEAD "mysql-instances:\n"
		      "- &one {source-id: a, syncer: {batch: 7}}\n"
		      "- {<<: *one, source-id: b}\n");

	ck_assert_uint_eq(dm_task_cfg_instance(c, "b")->syncer.batch, 7);
}
END_TEST

START_TEST(the_sample_loads)
{
	g_autofree char *text = NULL;
	DM_AUTO(dm_task_cfg) c = NULL;

	ck_assert(
	    g_file_get_contents("deploy/conf/task.yaml", &text, NULL, NULL));
	c = good(text);
	ck_assert_str_eq(c->name, "test");
	ck_assert_uint_eq(c->routes->len, 2);
}
END_TEST

START_TEST(a_text_without_file_is_called_task_config)
{
	struct dm_task_cfg *c = NULL;
	DM_AUTO(dm_err) err = dm_task_cfg_parse("", HEAD ONE "x: 1\n", &c);

	ck_assert_str_eq(
	    err->message, "task config:5:1: x: unknown key; remove it");
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("lib/config/task");
	TCase *tc = tcase_create("task");
	SRunner *sr = srunner_create(s);
	int failed;

	tcase_add_test(tc, defaults_are_dms);
	tcase_add_test(tc, names_are_resolved);
	tcase_add_test(tc, settings_of_the_copy_are_read_and_written);
	tcase_add_test(tc, an_export_has_only_what_older_versions_know);
	tcase_add_test(tc, settings_of_a_copy_through_files_are_read);
	tcase_add_loop_test(tc, sizes_have_units, 0, (int)DM_ARRAY_SIZE(sizes));
	tcase_add_test(tc, expressions_are_written_and_read_again);
	tcase_add_test(tc, what_is_written_is_read_again);
	tcase_add_test(tc, equal_settings_share_a_name);
	tcase_add_loop_test(tc, problems_have_place_reason_and_code, 0,
	    (int)DM_ARRAY_SIZE(bad));
	tcase_add_test(tc, deprecated_keys_are_accepted);
	tcase_add_test(tc, shared_blocks_by_anchor_work);
	tcase_add_test(tc, the_sample_loads);
	tcase_add_test(tc, a_text_without_file_is_called_task_config);
	suite_add_tcase(s, tc);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
