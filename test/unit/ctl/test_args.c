/* SPDX-License-Identifier: Apache-2.0 */
/* The suite of ctl/args.c, ctl/split.c, ctl/sql.c, lib/text/start_time.c. */
#include "ctl/client.h"
#include "ctl/common.h"
#include "ctl/shell.h"
#include "ctl/sql.h"
#include "lib/text/start_time.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

/* ---- command lines ---- */

/* What a line means: "path|args|option=value ..." or "!error". */
static const struct {
	const char *line, *meaning;
} lines[] = {
	{ "start-task a.yaml", "dmctl start-task|a.yaml|" },
	{ "--master-addr x:1 start-task a.yaml",
	    "dmctl start-task|a.yaml|master-addr=x:1" },
	{ "start-task --master-addr=x:1 a.yaml --remove-meta",
	    "dmctl start-task|a.yaml|master-addr=x:1 remove-meta=true" },
	{ "start-task --remove-meta=false a.yaml",
	    "dmctl start-task|a.yaml|remove-meta=false" },
	{ "query-status -s a,b -s c t",
	    "dmctl query-status|t|source=a source=b source=c" },
	{ "query-status -sa -- -s", "dmctl query-status|-s|source=a" },
	{ "query-status -s=a -", "dmctl query-status|-|source=a" },
	{ "binlog -b f:4 skip t", "dmctl binlog skip|t|binlog-pos=f:4" },
	{ "binlog skip t -b f:4", "dmctl binlog skip|t|binlog-pos=f:4" },
	{ "binlog nonsense t",
	    "!unknown command \"nonsense\" for \"dmctl binlog\"" },
	{ "list-member -lmw", "dmctl list-member||leader=true master=true "
			      "worker=true" },
	{ "list-member -lna,b", "dmctl list-member||leader=true name=a "
				"name=b" },
	{ "check-task t -e -1", "dmctl check-task|t|error=-1" },
	{ "-h", "dmctl||help=true" },
	{ "config source update --help", "dmctl config source update||"
					 "help=true" },
	{ "shard-ddl-lock lock", "dmctl shard-ddl-lock|lock|" },
	{ "--nope query-status", "!unknown flag: --nope" },
	{ "query-status --nope", "!unknown flag: --nope" },
	{ "query-status --=x", "!bad flag syntax: --=x" },
	{ "query-status -x", "!unknown shorthand flag: 'x' in -x" },
	{ "query-status -s", "!flag needs an argument: 's' in -s" },
	{ "validation start t --mode", "!flag needs an argument: --mode" },
	{ "check-task t --error many",
	    "!invalid argument \"many\" for \"-e, --error\" flag: "
	    "strconv.ParseInt: parsing \"many\": invalid syntax" },
	{ "check-task t -e 99999999999999999999",
	    "!invalid argument \"99999999999999999999\" for \"-e, --error\" "
	    "flag: strconv.ParseInt: parsing \"99999999999999999999\": value "
	    "out of range" },
	{ "query-status --more=maybe",
	    "!invalid argument \"maybe\" for \"--more\" flag: "
	    "strconv.ParseBool: parsing \"maybe\": invalid syntax" },
	{ "update-task t", "!unknown command \"update-task\" for \"dmctl\"" },
	{ "pase-task t", "!unknown command \"pase-task\" for \"dmctl\"\n\n"
			 "Did you mean this?\n\tpause-task\n" },
	{ "transfer", "!unknown command \"transfer\" for \"dmctl\"\n\n"
		      "Did you mean this?\n\ttransfer-source\n" },
};

static gint
by_text(gconstpointer a, gconstpointer b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static char *
given_options(const struct ctl_inv *inv)
{
	g_autoptr(GPtrArray) all = g_ptr_array_new_with_free_func(g_free);
	GHashTableIter it;
	void *opt, *values;

	g_hash_table_iter_init(&it, inv->values);
	while (g_hash_table_iter_next(&it, &opt, &values)) {
		const GPtrArray *v = values;

		for (guint i = 0; i < v->len; i++)
			g_ptr_array_add(
			    all, g_strdup_printf("%s=%s",
				     ((const struct ctl_opt *)opt)->name,
				     (const char *)g_ptr_array_index(v, i)));
	}
	g_ptr_array_sort(all, by_text);
	g_ptr_array_add(all, NULL);
	return g_strjoinv(" ", (char **)all->pdata);
}

static char *
meaning(const char *line)
{
	g_auto(GStrv) words = ctl_split(line);
	struct ctl_inv inv = { 0 };
	DM_AUTO(dm_err)
	err = ctl_parse(
	    &ctl_root, g_strv_length(words), (const char *const *)words, &inv);
	GString *s = g_string_new(NULL);

	if (err != NULL) {
		g_string_printf(s, "!%s", err->message);
	} else {
		g_autofree char *opts = given_options(&inv);

		for (size_t i = 0; i < inv.depth; i++)
			g_string_append_printf(
			    s, "%s%s", i > 0 ? " " : "", inv.path[i]->name);
		for (size_t i = 0; i < ctl_n_args(&inv); i++)
			g_string_append_printf(
			    s, "%c%s", i > 0 ? ' ' : '|', ctl_arg(&inv, i));
		g_string_append_printf(
		    s, "%s|%s", ctl_n_args(&inv) == 0 ? "|" : "", opts);
	}
	ctl_inv_fini(&inv);
	return g_string_free(s, FALSE);
}

START_TEST(a_line_means_what_the_original_takes_it_for)
{
	g_autofree char *got = meaning(lines[_i].line);

	ck_assert_str_eq(got, lines[_i].meaning);
}
END_TEST

START_TEST(values_have_defaults)
{
	const char *const words[] = { "check-task", "t", "-w", "3" };
	struct ctl_inv inv = { 0 };
	const struct ctl_opt *e, *w;
	size_t n;

	ck_assert_ptr_null(ctl_parse(&ctl_root, 4, words, &inv));
	e = ctl_cmd_opt(&inv, "error", 0);
	w = ctl_cmd_opt(&inv, NULL, 'w');
	ck_assert_int_eq(ctl_int(&inv, e), 10);
	ck_assert_int_eq(ctl_int(&inv, w), 3);
	ck_assert(!ctl_given(&inv, e) && ctl_given(&inv, w));
	ck_assert_ptr_null(ctl_list(&inv, &ctl_opt_source, &n));
	ck_assert_uint_eq(n, 0);
	ck_assert_str_eq(ctl_string(&inv, &ctl_opt_rpc_timeout), "10m");
	ctl_inv_fini(&inv);
}
END_TEST

START_TEST(the_prompt_knows_only_the_source_option)
{
	const char *const words[] = { "query-status", "--master-addr", "x" };
	struct ctl_inv inv = { 0 };
	DM_AUTO(dm_err) err = ctl_parse(&ctl_shell_root, 3, words, &inv);

	ck_assert_str_eq(err->message, "unknown flag: --master-addr");
	ctl_inv_fini(&inv);
}
END_TEST

/* ---- splitting ---- */

static const struct {
	const char *line, *words; /* words: joined by | */
} splits[] = {
	{ "", "" },
	{ "  a  b\tc ", "a|b|c" },
	{ "a 'b c' \"d 'e'\"", "a|b c|d 'e'" },
	{ "a\\ b \"c\\\"d\" 'e\\f'", "a b|c\"d|e\\f" },
	{ "a ''", "a|" },
	{ "a # comment", "a" },
	{ "a b#c", "a|b#c" },
	{ "binlog replace t \"ALTER TABLE `a`.`b` ADD c INT\"",
	    "binlog|replace|t|ALTER TABLE `a`.`b` ADD c INT" },
	{ "a 'open", "a 'open" },
	{ "a \\", "a \\" },
};

START_TEST(lines_are_split_like_a_shell_does)
{
	g_auto(GStrv) words = ctl_split(splits[_i].line);
	g_autofree char *got = g_strjoinv("|", words);

	ck_assert_str_eq(got, splits[_i].words);
}
END_TEST

static const struct {
	const char *text, *statements; /* joined by | */
} sqls[] = {
	{ "", "" },
	{ " ; ;", "" },
	{ "a;b", "a|b" },
	{ "a ';' ; b \";\" ; c `;`", "a ';'|b \";\"|c `;`" },
	{ "a '\\';' ; b '';'x'", "a '\\';'|b ''|'x'" },
	{ "a /* ; */ b; c -- ;\n d; # ;\n e", "a /* ; */ b|c -- ;\n d|"
					      "# ;\n e" },
	{ "a-- ; b", "a-- ; b" },
	{ "a--;b", "a--|b" },
	{ "a 'open ; b", "a 'open ; b" },
	{ "a /* open ; b", "a /* open ; b" },
};

START_TEST(statements_are_split_outside_of_quotes_and_comments)
{
	g_autoptr(GPtrArray) list = ctl_sql_split(sqls[_i].text);
	g_autofree char *got = NULL;

	g_ptr_array_add(list, NULL);
	got = g_strjoinv("|", (char **)list->pdata);
	ck_assert_str_eq(got, sqls[_i].statements);
}
END_TEST

START_TEST(a_binlog_position_is_file_and_number)
{
	static const char *const good[] = { "", "mysql-bin.000001:4" };
	static const char *const bad[] = { "mysql-bin.000001", "a:b", "a:1:2",
		"a:", "a:-1" };
	g_autofree char *text = NULL;
	struct dm_err *err;

	for (size_t i = 0; i < DM_ARRAY_SIZE(good); i++)
		ck_assert_ptr_null(ctl_check_binlog_pos(good[i]));
	for (size_t i = 0; i < DM_ARRAY_SIZE(bad); i++) {
		err = ctl_check_binlog_pos(bad[i]);
		ck_assert(dm_err_is(err, VERIFY_HANDLE_ERROR_ARGS));
		dm_err_free(err);
	}
	err = ctl_check_binlog_pos("f:x");
	text = dm_err_text(err);
	dm_err_free(err);
	ck_assert_ptr_nonnull(strstr(text,
	    "], Message: invalid --binlog-pos f:x in handle-error operation: "
	    "the pos should be digital"));
}
END_TEST

START_TEST(start_times_have_six_formats)
{
	static const char *const good[] = { "2006-01-02 15:04:05",
		"2006-01-02T15:04:05", "2006-01-02T15:04:05Z",
		"2006-01-02 15:04:05+08:00", "2006-01-02T15:04:05-0800",
		"2024-02-29 00:00:00" };
	static const char *const bad[] = { "", "2006-01-02", "now",
		"2006-13-02 15:04:05", "2023-02-29 00:00:00",
		"2006-01-02 24:04:05", "2006-01-02 15:60:05",
		"2006-01-02 15:04:05 ", "2006-01-02 15:04:05+8",
		"2006-01-02_15:04:05", "2006-01-02 15:04:05+25:00" };

	for (size_t i = 0; i < DM_ARRAY_SIZE(good); i++)
		ck_assert_msg(dm_start_time_ok(good[i]), "%s", good[i]);
	for (size_t i = 0; i < DM_ARRAY_SIZE(bad); i++)
		ck_assert_msg(!dm_start_time_ok(bad[i]), "%s", bad[i]);
}
END_TEST

START_TEST(the_size_of_a_large_answer_is_read_from_the_text)
{
	ck_assert_uint_eq(
	    ctl_client_wanted_bytes("rpc error: code = ResourceExhausted desc "
				    "= grpc: received message larger than max "
				    "(5000000 vs. 4194304)"),
	    5000000);
	ck_assert_uint_eq(
	    ctl_client_wanted_bytes("CLIENT: Received message larger than max "
				    "(17 vs. 16)"),
	    17);
	ck_assert_uint_eq(ctl_client_wanted_bytes("too large"), 0);
	ck_assert_uint_eq(
	    ctl_client_wanted_bytes(
		"received message larger than max (99999999999 vs. 4)"),
	    0);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("ctl/args");
	TCase *tc = tcase_create("args");
	SRunner *sr = srunner_create(s);
	int failed;

	tcase_add_loop_test(tc, a_line_means_what_the_original_takes_it_for, 0,
	    DM_ARRAY_SIZE(lines));
	tcase_add_test(tc, values_have_defaults);
	tcase_add_test(tc, the_prompt_knows_only_the_source_option);
	tcase_add_loop_test(
	    tc, lines_are_split_like_a_shell_does, 0, DM_ARRAY_SIZE(splits));
	tcase_add_loop_test(tc,
	    statements_are_split_outside_of_quotes_and_comments, 0,
	    DM_ARRAY_SIZE(sqls));
	tcase_add_test(tc, a_binlog_position_is_file_and_number);
	tcase_add_test(tc, start_times_have_six_formats);
	tcase_add_test(tc, the_size_of_a_large_answer_is_read_from_the_text);
	suite_add_tcase(s, tc);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
