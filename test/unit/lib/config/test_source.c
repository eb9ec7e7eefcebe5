/* SPDX-License-Identifier: Apache-2.0 */
/* The suite of lib/config/{source,db,bind,emit,report}.c. */
#include "lib/config/source.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#define FROM "from: {host: h, port: 1, user: u, password: 012}\n"

static struct dm_source_cfg *
good(const char *yaml)
{
	struct dm_source_cfg *c = NULL;
	DM_AUTO(dm_err) err = dm_source_cfg_parse("s.yaml", yaml, &c);

	ck_assert_msg(err == NULL, "%s", err != NULL ? err->message : "");
	return c;
}

START_TEST(certificates_inside_the_file_are_kept_and_not_shown)
{
	/* base64 of "ca text"; a list of numbers, as DM writes it; PEM. */
	static const char text[] =
	    "source-id: s\nfrom:\n  host: h\n  port: 1\n  user: u\n"
	    "  security:\n    ssl-ca-base64: Y2EgdGV4dA==\n"
	    "    ssl-cert-bytes: [99, 101, 114, 116]\n"
	    "    ssl-key-bytes: |\n      -----BEGIN KEY-----\n      x\n";
	DM_AUTO(dm_source_cfg) c = good(text);
	g_autofree char *shown = dm_source_cfg_yaml(c, true);
	g_autofree char *stored = dm_source_cfg_yaml(c, false);
	DM_AUTO(dm_source_cfg) again = good(stored);
	struct dm_sql_params p =
	    dm_db_cfg_params(&again->from, DM_SCOPE_UPSTREAM);

	ck_assert_str_eq(c->from.ssl_ca_pem, "ca text");
	ck_assert_str_eq(p.ssl_ca_pem, "ca text");
	ck_assert_str_eq(p.ssl_cert_pem, "cert");
	ck_assert_str_eq(p.ssl_key_pem, "-----BEGIN KEY-----\nx\n");
	ck_assert_ptr_null(strstr(shown, "base64"));
	ck_assert_ptr_null(strstr(shown, "BEGIN KEY"));
}
END_TEST

START_TEST(defaults_are_dms)
{
	DM_AUTO(dm_source_cfg) c = good("source-id: s1\n" FROM);

	ck_assert(c->enable && c->check_enable && !c->enable_gtid);
	ck_assert_str_eq(c->relay_dir, "relay-dir");
	ck_assert_int_eq(c->purge_interval, 3600);
	ck_assert_int_eq(c->backoff_max_ms, 300000);
	ck_assert_str_eq(c->from.password, "012");
	ck_assert_uint_eq(c->server_id, 0);
}
END_TEST

START_TEST(prints_dms_key_order)
{
	DM_AUTO(dm_source_cfg) c = good("source-id: s1\n" FROM);
	g_autofree char *text = dm_source_cfg_yaml(c, true);

	ck_assert_str_eq(text,
	    "enable: true\nenable-gtid: false\nauto-fix-gtid: false\n"
	    "relay-dir: relay-dir\nmeta-dir: \"\"\nflavor: \"\"\n"
	    "charset: \"\"\nenable-relay: false\nrelay-binlog-name: \"\"\n"
	    "relay-binlog-gtid: \"\"\nsource-id: s1\nfrom:\n  host: h\n"
	    "  port: 1\n  user: u\n  password: '******'\n"
	    "  max-allowed-packet: null\n  session: {}\n  security: null\n"
	    "purge:\n  interval: 3600\n  expires: 0\n  remain-space: 15\n"
	    "checker:\n  check-enable: true\n  backoff-rollback: 5m0s\n"
	    "  backoff-max: 5m0s\n  check-interval: 5s\n  backoff-min: 1s\n"
	    "  backoff-jitter: true\n  backoff-factor: 2\nserver-id: 0\n"
	    "tracer: {}\ncase-sensitive: false\nfilters: []\n");
}
END_TEST

START_TEST(what_is_written_is_read_again)
{
	DM_AUTO(dm_source_cfg)
	c = good("source-id: 's: 1'\n"
		 "enable: no\nenable-gtid: true\nrelay-dir: /a b\n"
		 "flavor: mariadb\nrelay-binlog-name: mysql-bin.000003\n"
		 "relay-binlog-gtid: 0-1-5\nserver-id: 4294967295\n"
		 "case-sensitive: true\nenable-relay: true\n"
		 "from:\n  host: h\n  port: 3306\n  user: u\n"
		 "  password: \"a'b\\\"c\\n#\"\n"
		 "  session: {SQL_Mode: 'A,B', max_statement_time: 0}\n"
		 "  security:\n    ssl-ca: /ca\n    ssl-cert: /c\n"
		 "    ssl-key: /k\n    cert-allowed-cn: [x, 'y z']\n"
		 "purge: {interval: 1, expires: 2, remain-space: 3}\n"
		 "checker: {check-enable: false, backoff-rollback: 90s, "
		 "backoff-max: 1h}\n");
	g_autofree char *a = dm_source_cfg_yaml(c, false);
	DM_AUTO(dm_source_cfg) d = good(a);
	g_autofree char *b = dm_source_cfg_yaml(d, false);

	ck_assert_str_eq(a, b);
	ck_assert_str_eq(d->from.password, "a'b\"c\n#");
	ck_assert_str_eq(dm_db_cfg_session(&d->from, "sql_mode"), "A,B");
	ck_assert_ptr_null(dm_db_cfg_session(&d->from, "sql"));
	ck_assert_str_eq(d->from.cert_allowed_cn[1], "y z");
	ck_assert_uint_eq(d->server_id, UINT32_MAX);
	ck_assert_str_eq(d->source_id, "s: 1");
	ck_assert(!d->enable && !d->check_enable && d->case_sensitive);
}
END_TEST

static const struct {
	const char *yaml;
	int code;
	const char *message;
} bad[] = {
	{ "", 20005,
	    "s.yaml:1:1: source-id: empty source-id not valid; add "
	    "`source-id: <name>`" },
	{ "- a", 20003,
	    "s.yaml:1:1: must be a map, not a list; write `key: "
	    "value` lines" },
	{ FROM "source-id: 123456789012345678901234567890123\n", 20006,
	    "s.yaml:2:12: source-id: too long source-id not valid; use at "
	    "most 32 bytes" },
	{ FROM "source-id: s\nenable_gtid: true\n", 20003,
	    "s.yaml:3:1: enable_gtid: unknown key; did you mean "
	    "`enable-gtid`?" },
	{ FROM "source-id: s\nsource-id: t\n", 20003,
	    "s.yaml:3:1: source-id: given twice, first on line 2; keep one "
	    "of them" },
	{ FROM "source-id: s\nenable-gtid: \"x\"\n", 20003,
	    "s.yaml:3:14: enable-gtid: must be true or false" },
	{ FROM "source-id: s\nserver-id: 4294967296\n", 20003,
	    "s.yaml:3:12: server-id: must be 0 to 4294967295" },
	{ FROM "source-id: s\nserver-id: 010\n", 20003,
	    "s.yaml:3:12: server-id: must be an integer" },
	{ FROM "source-id: s\nflavor: oracle\n", 11010,
	    "s.yaml:3:9: flavor: flavor oracle not supported; write mysql or "
	    "mariadb, or leave it out" },
	{ FROM "source-id: s\nchecker: {backoff-max: 1ms}\n", 20043,
	    "s.yaml:3:24: checker.backoff-max: `backoff-max` value 1ms is "
	    "less than `backoff-min` value 1s; Please increase "
	    "`backoff-max`" },
	{ FROM "source-id: s\nchecker: {backoff-max: 5}\n", 20003,
	    "s.yaml:3:24: checker.backoff-max: time: invalid duration \"5\"; "
	    "write for instance 30s or 5m" },
	{ "source-id: s\nfrom: {host: '', user: u}\n", 20003,
	    "s.yaml:2:7: from: host is missing; add `host: <name or "
	    "address>`\ns.yaml:2:7: from: port is missing; add `port: 3306`" },
	{ FROM "source-id: s\nfilters: [{schema-pattern: a}]\n", 20003,
	    "s.yaml:3:10: filters: filters of a source are not supported; "
	    "write the rules under `filters` of the task file and name them "
	    "in `filter-rules` of the instance" },
	{ FROM "source-id: s\nrelay-binlog-name: mysql-bin\n", 20003,
	    "s.yaml:3:20: relay-binlog-name: not the name of a binlog file: "
	    "mysql-bin; write for instance mysql-bin.000001" },
	{ "source-id: s\nfrom: {host: h, port: 1, user: u, security: "
	  "{ssl-ca-base64: abc}}\n",
	    11112,
	    "s.yaml:2:46: from.security: ssl-ca-base64: it is not base64; "
	    "give the certificate in PEM form, encoded by base64" },
	{ "source-id: s\nfrom: {host: h, port: 1, user: u, security: "
	  "{ssl-cert: /c, ssl-key-bytes: [1, x]}}\n",
	    11112,
	    "s.yaml:2:45: from.security: ssl-cert and ssl-key belong "
	    "together; give both or none\n"
	    "s.yaml:2:60: from.security: ssl-key-bytes: expected a PEM text, "
	    "or its base64; give the certificate in PEM form, encoded by "
	    "base64" },
	{ "source-id: s\nfrom: {host: h, port: 1, user: u, security: "
	  "{ssl-key-base64: a2V5}}\n",
	    11112,
	    "s.yaml:2:45: from.security: ssl-cert and ssl-key belong "
	    "together; give both or none" },
	{ "source-id: s\nfrom: {host: h, port: 1, user: u, session: "
	  "{a b: 1, X: 1, x: 2}}\n",
	    20003,
	    "s.yaml:2:50: from.session.a b: not the name of a session "
	    "variable\n"
	    "s.yaml:2:59: from.session.x: given twice; keep one of them" },
	{ FROM "source-id: s\nflavor: mysql\nrelay-binlog-gtid: 0-1-5\n", 11009,
	    "s.yaml:4:20: relay-binlog-gtid: parse GTID 0-1-5; write MySQL "
	    "GTIDs as `uuid:1-5`, MariaDB GTIDs as "
	    "`domain-server-sequence`" },
	{ "source-id: s\nfrom:\n", 20003,
	    "s.yaml:2:1: from: host is missing; add `host: <name or "
	    "address>`\n"
	    "s.yaml:2:1: from: port is missing; add `port: 3306`\n"
	    "s.yaml:2:1: from: user is missing; add `user: <name>`" },
	{ "a: [\n", 20003,
	    "s.yaml:2:1: flow sequence without a closing bracket" },
};

START_TEST(problems_have_place_reason_and_code)
{
	struct dm_source_cfg *c = NULL;
	DM_AUTO(dm_err) err = dm_source_cfg_parse("s.yaml", bad[_i].yaml, &c);

	ck_assert_ptr_nonnull(err);
	ck_assert_str_eq(err->message, bad[_i].message);
	ck_assert_int_eq(err->code, bad[_i].code);
}
END_TEST

START_TEST(all_problems_come_at_once_in_file_order)
{
	struct dm_source_cfg *c = NULL;
	DM_AUTO(dm_err)
	err = dm_source_cfg_parse("",
	    "flavour: mysql\nenable: 5\nfrom: {host: h, port: 1, user: u, "
	    "password: [secret]}\n",
	    &c);

	ck_assert_ptr_nonnull(err);
	ck_assert_str_eq(err->message,
	    "source config:1:1: flavour: unknown key; did you mean "
	    "`flavor`?\n"
	    "source config:1:1: source-id: empty source-id not valid; add "
	    "`source-id: <name>`\n"
	    "source config:2:9: enable: must be true or false\n"
	    "source config:3:45: from.password: must be a string, not a "
	    "list");
	ck_assert_ptr_null(strstr(err->message, "secret"));
}
END_TEST

START_TEST(the_sample_is_the_file_and_loads)
{
	DM_AUTO(dm_source_cfg) c = good(dm_source_cfg_sample());
	g_autofree char *content = NULL;

	ck_assert(g_file_get_contents(
	    "deploy/conf/source.yaml", &content, NULL, NULL));
	ck_assert_str_eq(content, dm_source_cfg_sample());
	ck_assert_str_eq(c->source_id, "mysql-replica-01");
}
END_TEST

START_TEST(a_copy_owns_its_strings)
{
	DM_AUTO(dm_source_cfg) c = good("source-id: s1\n" FROM);
	struct dm_db_cfg copy = { 0 };
	struct dm_sql_params p;

	dm_db_cfg_copy(&copy, &c->from);
	g_clear_pointer(&c, dm_source_cfg_free);
	p = dm_db_cfg_params(&copy, DM_SCOPE_UPSTREAM);
	ck_assert_str_eq(p.host, "h");
	ck_assert(p.scope == DM_SCOPE_UPSTREAM);
	dm_db_cfg_fini(&copy);
	dm_db_cfg_fini(&copy);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("lib/config/source");
	TCase *tc = tcase_create("source");
	SRunner *sr = srunner_create(s);
	int failed;

	tcase_add_test(tc, certificates_inside_the_file_are_kept_and_not_shown);
	tcase_add_test(tc, defaults_are_dms);
	tcase_add_test(tc, prints_dms_key_order);
	tcase_add_test(tc, what_is_written_is_read_again);
	tcase_add_loop_test(tc, problems_have_place_reason_and_code, 0,
	    (int)DM_ARRAY_SIZE(bad));
	tcase_add_test(tc, all_problems_come_at_once_in_file_order);
	tcase_add_test(tc, the_sample_is_the_file_and_loads);
	tcase_add_test(tc, a_copy_owns_its_strings);
	suite_add_tcase(s, tc);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
