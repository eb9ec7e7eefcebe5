/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The suite of master/check for servers that are not there or do not answer as
 * they should: each has its code in the text of the precheck.
 */
#include "master/check/check.h"
#include "test/support/fake_sql.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#define VERSION "5.5.5-10.11.6-MariaDB-log"

static char *
precheck(unsigned source_port, unsigned target_port)
{
	g_autofree char *source = g_strdup_printf(
	    "source-id: s1\nfrom: {host: 127.0.0.1, port: %u, user: u}\n",
	    source_port);
	g_autofree char *task = g_strdup_printf(
	    "name: t\ntask-mode: all\ntarget-database: {host: 127.0.0.1, "
	    "port: %u, user: u}\nmysql-instances: [{source-id: s1}]\n",
	    target_port);
	g_autoptr(GPtrArray) sources = g_ptr_array_new();
	struct check_opts o = { -1, -1, false };
	DM_AUTO(dm_cancel) c = dm_cancel_new(NULL);
	DM_AUTO(dm_source_cfg) src = NULL;
	DM_AUTO(dm_task_cfg) cfg = NULL;
	bool passed = true;
	char *text = NULL;

	ck_assert_ptr_null(dm_source_cfg_parse("s.yaml", source, &src));
	ck_assert_ptr_null(dm_task_cfg_parse("t.yaml", task, &cfg));
	g_ptr_array_add(sources, src);
	ck_assert_ptr_null(check_task(cfg, sources, &o, c, &passed, &text));
	ck_assert(!passed);
	ck_assert_ptr_nonnull(text);
	return text;
}

static const char *const short_row[] = { "mysql-bin.000001", "4", "" };

static const struct {
	struct fake_sql_answer table[2];
	const char *code;
} answers[] = {
	/* The binlog is off, or the user may not see where it stands. */
	{ { { "SHOW MASTER STATUS", 4, 0, NULL, 0, 0 }, { 0 } },
	    "[code=11125:" },
	{ { { "SHOW MASTER STATUS", 3, 1, short_row, 0, 0 }, { 0 } },
	    "[code=11130:" },
	{ { { "SHOW MASTER STATUS", 0, 0, NULL, 1227, 0 }, { 0 } },
	    "[code=10005:" },
};

START_TEST(an_odd_place_of_the_binlog_has_its_code)
{
	struct fake_sql *f = fake_sql_start(VERSION, answers[_i].table);
	g_autofree char *text = precheck(fake_sql_port(f), 1);

	fake_sql_stop(f);
	ck_assert_msg(strstr(text, answers[_i].code) != NULL, "%s", text);
}
END_TEST

static const char *const gtid_off[] = { "OFF_PERMISSIVE" };
static const char *const gtid_on[] = { "on" };

static const struct {
	struct fake_sql_answer table[2];
	const char *version, *flavor;
	bool refused;
} gtid_modes[] = {
	{ { { "SELECT @@GLOBAL.gtid_mode", 1, 1, gtid_off, 0, 0 }, { 0 } },
	    "8.0.36", "mysql", true },
	{ { { "SELECT @@GLOBAL.gtid_mode", 1, 1, gtid_on, 0, 0 }, { 0 } },
	    "8.0.36", "mysql", false },
	/* MariaDB has GTIDs always, and no such variable. */
	{ { { "SELECT @@GLOBAL.gtid_mode", 0, 0, NULL, 1193, 0 }, { 0 } },
	    VERSION, "mariadb", false },
};

START_TEST(enable_gtid_needs_a_source_that_writes_gtids)
{
	struct fake_sql *f =
	    fake_sql_start(gtid_modes[_i].version, gtid_modes[_i].table);
	g_autofree char *text = g_strdup_printf(
	    "source-id: s1\nflavor: %s\nserver-id: 7\nenable-gtid: true\n"
	    "case-sensitive: true\n"
	    "from: {host: 127.0.0.1, port: %u, user: u}\n",
	    gtid_modes[_i].flavor, fake_sql_port(f));
	DM_AUTO(dm_cancel) c = dm_cancel_new(NULL);
	DM_AUTO(dm_source_cfg) src = NULL;
	DM_AUTO(dm_err) err = NULL;

	ck_assert_ptr_null(dm_source_cfg_parse("s.yaml", text, &src));
	err = check_source(src, c);
	fake_sql_stop(f);
	ck_assert_msg(
	    dm_err_is(err, SOURCE_CHECK_GTID) == gtid_modes[_i].refused, "%s",
	    err != NULL ? err->message : "no error");
	if (gtid_modes[_i].refused)
		ck_assert_str_eq(err->message,
		    "s1 has GTID_MODE = OFF_PERMISSIVE instead of ON");
}
END_TEST

START_TEST(servers_that_are_not_there_are_26002_on_both_sides)
{
	g_autofree char *text = precheck(1, 1);

	ck_assert_ptr_nonnull(
	    strstr(text, "[code=26002:class=task-check:scope=upstream:"));
	ck_assert_ptr_nonnull(
	    strstr(text, "[code=26002:class=task-check:scope=downstream:"));
	ck_assert_ptr_nonnull(strstr(text, "failed to open DSN u:***@"));
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("master/check/servers");
	TCase *tc = tcase_create("servers");
	SRunner *sr = srunner_create(s);
	int failed;

	tcase_set_timeout(tc, 60);
	tcase_add_loop_test(tc, an_odd_place_of_the_binlog_has_its_code, 0,
	    DM_ARRAY_SIZE(answers));
	tcase_add_loop_test(tc, enable_gtid_needs_a_source_that_writes_gtids, 0,
	    DM_ARRAY_SIZE(gtid_modes));
	tcase_add_test(tc, servers_that_are_not_there_are_26002_on_both_sides);
	suite_add_tcase(s, tc);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
