/* SPDX-License-Identifier: Apache-2.0 */
/* The suite of the parts of master/check that need no server. */
#include "master/check/check_int.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

/* ---- grants ---- */

static struct grants *
granted(const char *lines)
{
	struct grants *g = grants_new();
	g_auto(GStrv) list = g_strsplit(lines, "\n", -1);

	for (char **p = list; *p != NULL; p++)
		grants_add(g, *p);
	return g;
}

static const struct {
	const char *lines;
	enum priv priv;
	const char *schema, *table;
	bool global, on_schema, on_table;
} grant_cases[] = {
	{ "GRANT ALL PRIVILEGES ON *.* TO `root`@`localhost` IDENTIFIED BY "
	  "PASSWORD '*81F' WITH GRANT OPTION",
	    PRIV_RELOAD, "a", "t", true, true, true },
	{ "GRANT USAGE ON *.* TO `u`@`%`", PRIV_SELECT, "a", "t", false, false,
	    false },
	{ "GRANT SELECT, REPLICATION SLAVE, BINLOG MONITOR ON *.* TO "
	  "`u`@`%`",
	    PRIV_REPLICATION_CLIENT, "a", "t", true, true, true },
	{ "GRANT REPLICATION SLAVE, REPLICATION CLIENT ON *.* TO 'u'@'%'",
	    PRIV_REPLICATION_SLAVE, "a", "t", true, true, true },
	{ "GRANT SELECT ON `a\\_b`.* TO `u`@`%`", PRIV_SELECT, "a_b", "t",
	    false, true, true },
	{ "GRANT SELECT ON `a\\_b`.* TO `u`@`%`", PRIV_SELECT, "axb", "t",
	    false, false, false },
	{ "GRANT SELECT ON `a%`.* TO `u`@`%`", PRIV_SELECT, "abc", "t", false,
	    true, true },
	{ "GRANT SELECT ON `a`.`t` TO `u`@`%`", PRIV_SELECT, "a", "t", false,
	    false, true },
	{ "GRANT SELECT ON `a`.`t` TO `u`@`%`", PRIV_SELECT, "a", "x", false,
	    false, false },
	{ "GRANT SELECT (`c`, `d`), INSERT ON `a`.`t` TO `u`@`%`", PRIV_SELECT,
	    "a", "t", false, false, false },
	{ "GRANT SELECT (`c`, `d`), INSERT ON `a`.`t` TO `u`@`%`", PRIV_INSERT,
	    "a", "t", false, false, true },
	{ "GRANT SELECT ON *.* TO `u`@`%`\nREVOKE SELECT ON `a`.* FROM "
	  "`u`@`%`",
	    PRIV_SELECT, "a", "t", false, false, false },
	{ "GRANT SELECT ON *.* TO `u`@`%`\nREVOKE SELECT ON `a`.* FROM "
	  "`u`@`%`",
	    PRIV_SELECT, "b", "t", false, true, true },
	{ "GRANT PROXY ON ''@'%' TO 'root'@'localhost' WITH GRANT OPTION\n"
	  "GRANT BACKUP_ADMIN,FLUSH_TABLES,XA_RECOVER_ADMIN ON *.* TO "
	  "`root`@`%`",
	    PRIV_FLUSH_TABLES, "a", "t", true, true, true },
	{ "GRANT SELECT ON `a``b`.`t.x` TO `u`@`%`", PRIV_SELECT, "a`b", "t.x",
	    false, false, true },
	{ "GRANT\nGRANT \nGRANT SELECT\nGRANT SELECT ON\nGRANT SELECT ON `a\n"
	  "GRANT SELECT (\nREVOKE\nSET DEFAULT ROLE x\n\n",
	    PRIV_SELECT, "a", "t", false, false, false },
};

START_TEST(grants_are_understood)
{
	DM_AUTO(grants) g = granted(grant_cases[_i].lines);

	ck_assert_int_eq(
	    grants_global(g, grant_cases[_i].priv), grant_cases[_i].global);
	ck_assert_int_eq(
	    grants_schema(g, grant_cases[_i].priv, grant_cases[_i].schema),
	    grant_cases[_i].on_schema);
	ck_assert_int_eq(grants_table(g, grant_cases[_i].priv,
			     grant_cases[_i].schema, grant_cases[_i].table),
	    grant_cases[_i].on_table);
}
END_TEST

START_TEST(roles_are_collected)
{
	DM_AUTO(grants)
	g = granted("GRANT USAGE ON *.* TO `u`@`%`\n"
		    "GRANT `r1`@`%`,`r2`@`%` TO `u`@`%`\n"
		    "GRANT `r3` TO `u`@`%`");
	DM_AUTO(grants) none = granted("GRANT USAGE ON *.* TO `u`@`%`");

	ck_assert_str_eq(grants_roles(g), "`r1`@`%`,`r2`@`%`,`r3`");
	ck_assert_ptr_null(grants_roles(none));
}
END_TEST

/* ---- versions ---- */

static const struct {
	const char *version;
	const char *problem; /* NULL: none */
} versions[] = {
	{ "10.11.6-MariaDB-0+deb12u1-log", NULL },
	{ "5.5.5-10.5.1-MariaDB", NULL },
	{ "11.8.2-MariaDB", NULL },
	{ "10.4.34-MariaDB",
	    "version suggested at least 10.5.0 but got 10.4.34" },
	{ "12.0.1-MariaDB",
	    "version suggested less than 11.9.0 but got 12.0.1" },
	{ "5.7.44-log", NULL },
	{ "8.4.3", NULL },
	{ "9.7.4-2", NULL },
	{ "10.0.0", "version suggested less than 10.0.0 but got 10.0.0" },
	{ "5.5.62", "version suggested at least 5.6.0 but got 5.5.62" },
	{ "5.7.25-TiDB-v7.1.0",
	    "TiDB is not supported as a source: 5.7.25-TiDB-v7.1.0" },
	{ "x", "unknown version x" },
};

START_TEST(versions_are_judged)
{
	g_autofree char *problem = check_version_problem(versions[_i].version);

	ck_assert_pstr_eq(problem, versions[_i].problem);
}
END_TEST

/* ---- text ---- */

static void
free_list(struct result_list **l)
{
	result_list_free(*l);
}

START_TEST(all_passed_is_one_line)
{
	__attribute__((cleanup(free_list))) struct result_list *l =
	    result_list_new();
	const struct check_opts o = { 10, 10, false };
	g_autofree char *text = NULL;
	bool passed = false;

	(void)check_item_add(l, "mysql_version", "d");
	text = result_list_text(l, &o, &passed);
	ck_assert(passed);
	ck_assert_str_eq(text, "pre-check is passed. ");
}
END_TEST

START_TEST(failures_are_the_error_with_json)
{
	__attribute__((cleanup(free_list))) struct result_list *l =
	    result_list_new();
	const struct check_opts o = { 10, 10, false };
	g_autofree char *text = NULL;
	struct check_item *i;
	bool passed = true;

	(void)check_item_add(l, "a", "b");
	i = check_item_add(l, "mysql_version", "d");
	(void)check_item_error(i, CHECK_WARN, "", "say \"x\" & <y>");
	i = check_item_add(l, "n", "d2");
	(void)check_item_error(i, CHECK_FAIL, "do it", "bad");
	i->extra = (g_free(i->extra), g_strdup("address"));
	text = result_list_text(l, &o, &passed);
	ck_assert(!passed);
	ck_assert_str_eq(text,
	    "[code=26005:class=dm-master:scope=internal:level=medium], "
	    "Message: fail to check synchronization configuration with type: "
	    "check was failed, please see detail\n"
	    " detail: {\n"
	    "\t\t\"results\": [\n"
	    "\t\t\t{\n"
	    "\t\t\t\t\"id\": 1,\n"
	    "\t\t\t\t\"name\": \"mysql_version\",\n"
	    "\t\t\t\t\"desc\": \"d\",\n"
	    "\t\t\t\t\"state\": \"warn\",\n"
	    "\t\t\t\t\"errors\": [\n"
	    "\t\t\t\t\t{\n"
	    "\t\t\t\t\t\t\"severity\": \"warn\",\n"
	    "\t\t\t\t\t\t\"short_error\": \"say \\\"x\\\" \\u0026 "
	    "\\u003cy\\u003e\"\n"
	    "\t\t\t\t\t}\n"
	    "\t\t\t\t]\n"
	    "\t\t\t},\n"
	    "\t\t\t{\n"
	    "\t\t\t\t\"id\": 2,\n"
	    "\t\t\t\t\"name\": \"n\",\n"
	    "\t\t\t\t\"desc\": \"d2\",\n"
	    "\t\t\t\t\"state\": \"fail\",\n"
	    "\t\t\t\t\"errors\": [\n"
	    "\t\t\t\t\t{\n"
	    "\t\t\t\t\t\t\"severity\": \"fail\",\n"
	    "\t\t\t\t\t\t\"short_error\": \"bad\",\n"
	    "\t\t\t\t\t\t\"instruction\": \"do it\"\n"
	    "\t\t\t\t\t}\n"
	    "\t\t\t\t],\n"
	    "\t\t\t\t\"extra\": \"address\"\n"
	    "\t\t\t}\n"
	    "\t\t],\n"
	    "\t\t\"summary\": {\n"
	    "\t\t\t\"passed\": false,\n"
	    "\t\t\t\"total\": 3,\n"
	    "\t\t\t\"successful\": 1,\n"
	    "\t\t\t\"failed\": 1,\n"
	    "\t\t\t\"warning\": 1\n"
	    "\t\t}\n"
	    "\t}");
}
END_TEST

static unsigned
occurrences(const char *text, const char *word)
{
	unsigned n = 0;

	for (const char *p = text; (p = strstr(p, word)) != NULL; p++)
		n++;
	return n;
}

static const struct {
	struct check_opts opts;
	unsigned warnings, items;
} caps[] = {
	{ { -1, -1, false }, 5, 2 },
	{ { 10, 4, false }, 4, 2 },
	{ { 10, 3, false }, 3, 1 },
	{ { 10, 0, false }, 0, 0 },
};

START_TEST(warnings_are_capped_over_all_items)
{
	__attribute__((cleanup(free_list))) struct result_list *l =
	    result_list_new();
	g_autofree char *text = NULL;
	bool passed = false;

	for (int k = 0; k < 5; k++) {
		struct check_item *i = k == 0 || k == 3
					   ? check_item_add(l, "n", "d")
					   : l->items->pdata[l->items->len - 1];

		(void)check_item_error(i, CHECK_WARN, "", "w%d", k);
	}
	text = result_list_text(l, &caps[_i].opts, &passed);
	ck_assert(passed);
	ck_assert(g_str_has_prefix(text,
	    "fail to check synchronization configuration with type: no "
	    "errors but some warnings\n detail: {\n\t\t\"results\": ["));
	ck_assert_uint_eq(occurrences(text, "short_error"), caps[_i].warnings);
	ck_assert_uint_eq(occurrences(text, "\"id\""), caps[_i].items);
	ck_assert_ptr_nonnull(strstr(text, "\"warning\": 2\n"));
}
END_TEST

/* ---- structure ---- */

static struct check_table *
table(const char *name)
{
	struct check_table *t = g_new0(struct check_table, 1);

	t->schema = g_strdup("s");
	t->table = g_strdup(name);
	t->to_schema = g_strdup("s");
	t->to_table = g_strdup(name);
	t->columns = g_ptr_array_new_with_free_func(g_free);
	g_ptr_array_add(t->columns, g_strdup("Id"));
	g_ptr_array_add(t->columns, g_strdup("extra"));
	return t;
}

static void
table_free(gpointer p)
{
	struct check_table *t = p;

	g_free(t->schema);
	g_free(t->table);
	g_free(t->to_schema);
	g_free(t->to_table);
	g_ptr_array_unref(t->columns);
	if (t->cascades != NULL)
		g_ptr_array_unref(t->cascades);
	g_free(t);
}

static struct dm_task_cfg *
task_with(const char *session)
{
	g_autofree char *yaml = g_strdup_printf(
	    "name: t\ntask-mode: all\n"
	    "target-database: {host: h, port: 1, user: u, session: {%s}}\n"
	    "mysql-instances: [{source-id: s1}]\n",
	    session);
	struct dm_task_cfg *c = NULL;
	DM_AUTO(dm_err) err = dm_task_cfg_parse("", yaml, &c);

	ck_assert_ptr_null(err);
	return c;
}

static struct dm_source_cfg *
source(void)
{
	struct dm_source_cfg *c = NULL;
	DM_AUTO(dm_err)
	err = dm_source_cfg_parse(
	    "", "source-id: s1\nfrom: {host: h, port: 1, user: u}\n", &c);

	ck_assert_ptr_null(err);
	return c;
}

static void
unref_set(gpointer p)
{
	g_hash_table_unref(p);
}

/* The findings for one table, joined by '|'. */
static char *
findings(struct check_table *t, const char *session, GHashTable *columns,
    enum check_state *state)
{
	DM_AUTO(dm_task_cfg) task = task_with(session);
	DM_AUTO(dm_source_cfg) cfg = source();
	__attribute__((cleanup(free_list))) struct result_list *l =
	    result_list_new();
	struct check_src s = { .task = task, .cfg = cfg };
	g_autoptr(GString) all = g_string_new(NULL);
	const struct check_item *i;

	s.tables = g_ptr_array_new_with_free_func(table_free);
	s.tables_known = true;
	g_ptr_array_add(s.tables, t);
	check_structure(task, &s, 1, columns, l);
	i = l->items->pdata[0];
	*state = i->state;
	for (guint k = 0; k < i->errors->len; k++) {
		const struct check_error *e = i->errors->pdata[k];

		g_string_append_printf(all, "%s%s", k > 0 ? "|" : "", e->text);
		if (strstr(e->instruction, "foreign_key_checks: 1") != NULL)
			g_string_append(all, " (session)");
	}
	g_ptr_array_unref(s.tables);
	return g_strdup(all->str);
}

START_TEST(structure_findings_have_their_severity)
{
	g_autoptr(GHashTable) columns =
	    g_hash_table_new_full(g_str_hash, g_str_equal, g_free, unref_set);
	GHashTable *set = g_hash_table_new(g_str_hash, g_str_equal);
	struct check_table *t = table("Good");
	g_autofree char *none = NULL, *key = NULL, *few = NULL, *old = NULL;
	enum check_state state;

	t->has_key = true;
	none = findings(t, "", NULL, &state);
	ck_assert_str_eq(none, "");
	ck_assert(state == CHECK_SUCCESS);
	key = findings(table("t"), "", NULL, &state);
	ck_assert_str_eq(key, "table `s`.`t` has no primary or unique key");
	ck_assert(state == CHECK_WARN);
	g_hash_table_insert(set, (gpointer)(uintptr_t) "id", set);
	g_hash_table_insert(columns, g_strdup("`s`.`t`"), set);
	t = table("T");
	t->has_key = true;
	few = findings(t, "", columns, &state);
	ck_assert_str_eq(
	    few, "table `s`.`T`: column missing in the target: extra");
	ck_assert(state == CHECK_FAIL);
	t = table("v");
	t->has_key = t->versioned = true;
	old = findings(t, "", columns, &state);
	ck_assert_str_eq(old, "table `s`.`v` is system-versioned");
	ck_assert(state == CHECK_FAIL);
}
END_TEST

static struct check_table *
with_cascade(void)
{
	struct check_table *t = table("t");

	t->has_key = t->has_foreign_key = true;
	t->cascades = g_ptr_array_new_with_free_func(g_free);
	g_ptr_array_add(t->cascades, g_strdup("fk1"));
	g_ptr_array_add(t->cascades, g_strdup("fk2"));
	return t;
}

START_TEST(cascading_keys_need_the_session)
{
	enum check_state state;
	g_autofree char *without = findings(with_cascade(), "", NULL, &state);
	g_autofree char *with = NULL;

	ck_assert_str_eq(without, "table `s`.`t` has foreign keys with "
				  "actions: fk1, fk2 (session)");
	ck_assert(state == CHECK_WARN);
	with = findings(with_cascade(), "Foreign_Key_Checks: 1", NULL, &state);
	ck_assert_str_eq(with, "table `s`.`t` has foreign keys");
}
END_TEST

START_TEST(foreign_keys_are_found_in_show_create)
{
	struct check_table *t = table("t");
	g_autofree char *names = NULL;

	check_foreign_keys_find(t,
	    "CREATE TABLE `t` (\n"
	    "  `id` int(11) COMMENT 'CONSTRAINT `x` FOREIGN KEY ( CASCADE',\n"
	    "  CONSTRAINT `c` CHECK (`id` > 0)\n)");
	ck_assert(!t->has_foreign_key);
	check_foreign_keys_find(t,
	    "CREATE TABLE `t` (\n"
	    "  CONSTRAINT `plain` FOREIGN KEY (` CASCADE`) REFERENCES `u` "
	    "(`id`) ON DELETE NO ACTION,\n"
	    "  CONSTRAINT `a``b` FOREIGN KEY (`p`) REFERENCES `u` (`id`) ON "
	    "DELETE SET NULL ON UPDATE NO ACTION,\n"
	    "  CONSTRAINT `c` FOREIGN KEY (`p`) REFERENCES `u` (`id`) ON "
	    "UPDATE CASCADE\n)");
	ck_assert(t->has_foreign_key);
	g_ptr_array_add(t->cascades, NULL);
	names = g_strjoinv(" ", (char **)t->cascades->pdata);
	ck_assert_str_eq(names, "a`b c");
	table_free(t);
}
END_TEST

START_TEST(names_that_differ_in_case_clash)
{
	struct check_src s = { .tables_known = true };
	DM_AUTO(dm_err) err = NULL;

	s.tables = g_ptr_array_new_with_free_func(table_free);
	g_ptr_array_add(s.tables, table("a"));
	g_ptr_array_add(s.tables, table("a")); /* a merge is no clash */
	ck_assert_ptr_null(check_name_clash(&s, 1));
	g_ptr_array_add(s.tables, table("A"));
	err = check_name_clash(&s, 1);
	ck_assert(dm_err_is(err, TASK_CHECK_SAME_TABLE_NAME));
	ck_assert_str_eq(err->message,
	    "same table name in case-insensitive [`s`.`a` `s`.`A`]");
	g_ptr_array_unref(s.tables);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("master/check");
	TCase *tc = tcase_create("check");
	SRunner *sr = srunner_create(s);
	int failed;

	tcase_add_loop_test(
	    tc, grants_are_understood, 0, (int)DM_ARRAY_SIZE(grant_cases));
	tcase_add_test(tc, roles_are_collected);
	tcase_add_loop_test(
	    tc, versions_are_judged, 0, (int)DM_ARRAY_SIZE(versions));
	tcase_add_test(tc, all_passed_is_one_line);
	tcase_add_test(tc, failures_are_the_error_with_json);
	tcase_add_loop_test(tc, warnings_are_capped_over_all_items, 0,
	    (int)DM_ARRAY_SIZE(caps));
	tcase_add_test(tc, structure_findings_have_their_severity);
	tcase_add_test(tc, cascading_keys_need_the_session);
	tcase_add_test(tc, foreign_keys_are_found_in_show_create);
	tcase_add_test(tc, names_that_differ_in_case_clash);
	suite_add_tcase(s, tc);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
