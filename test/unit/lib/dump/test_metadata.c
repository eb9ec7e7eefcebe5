/* SPDX-License-Identifier: Apache-2.0 */
/* The suite of lib/dump/metadata.c. */
#include "lib/dump/metadata.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

static struct dm_err *
parse(const char *text, struct dm_dump_metadata *m)
{
	return dm_dump_metadata_parse("d/metadata", text, strlen(text), m);
}

static const struct {
	const char *text;
	bool there;
	const char *name;
	uint64_t pos;
	const char *gtid;
} good[] = {
	{ "Started dump at: 2020-11-10 10:40:19\nSHOW MASTER STATUS:\n"
	  "\tLog: mysql-bin.000001\n\tPos: 2022\n"
	  "\tGTID:6ce40be3-e359-11e9-87e0-36933cb0ca5a:1-29\n\n"
	  "Finished dump at: 2020-11-10 10:40:20\n",
	    true, "mysql-bin.000001", 2022,
	    "6ce40be3-e359-11e9-87e0-36933cb0ca5a:1-29" },
	/* newer servers; a set of several lines; a replica's block behind */
	{ "SHOW BINARY LOG STATUS:\n\tLog: b.9\n\tPos: 4\n\tGTID:a:1-2,\n"
	  "b:1-3,\nc:1\n\nSHOW SLAVE STATUS:\n\tHost: h\n\tLog: other\n"
	  "\tPos: 77\n\tGTID:x\n\n",
	    true, "b.9", 4, "a:1-2,b:1-3,c:1" },
	/* a replica's block in front */
	{ "SHOW SLAVE STATUS:\n\tConnection name: x\n\tLog: other\n\tPos: 1\n"
	  "\n\nSHOW MASTER STATUS:\n\tLog: b\n\tPos: 5\n\tGTID:\n\n",
	    true, "b", 5, "" },
	/* sections of later mydumpers */
	{ "# Started dump at: 2024\n[config]\nquote-character = BACKTICK\n"
	  "[source]\nFile = binlog.000003\nPosition = 157\n"
	  "Executed_Gtid_Set = \"u:1-7\"\n\n[`db`.`t`]\nrows = 5\n"
	  "# Finished dump at: 2024\n",
	    true, "binlog.000003", 157, "u:1-7" },
	/* Windows line ends */
	{ "SHOW MASTER STATUS:\r\n\tLog: b\r\n\tPos: 5\r\n\tGTID:g\r\n\r\n",
	    true, "b", 5, "g" },
	{ "Started dump at: x\nFinished dump at: y\n", false, "", 0, NULL },
	{ "", false, "", 0, NULL },
};

START_TEST(forms_of_all_tools_are_read)
{
	struct dm_dump_metadata m;
	DM_AUTO(dm_err) err = parse(good[_i].text, &m);

	ck_assert_ptr_null(err);
	ck_assert(m.at.there == good[_i].there);
	ck_assert_str_eq(m.at.pos.name, good[_i].name);
	ck_assert_uint_eq(m.at.pos.pos, good[_i].pos);
	ck_assert_pstr_eq(m.at.gtid, good[_i].gtid);
	ck_assert(!m.after.there);
	dm_dump_metadata_clear(&m);
}
END_TEST

static const char *const bad[] = {
	"SHOW MASTER STATUS:\n\tLog: b\n\tPos: many\n",
	"SHOW MASTER STATUS:\n\tLog: b\n\tPos: -4\n",
	"SHOW MASTER STATUS:\n\tLog: b\n\tPos: 99999999999999999999\n",
	"SHOW MASTER STATUS:\n\tLog: "
	"0123456789012345678901234567890123456789012345678901234567890123456789"
	"0123456789012345678901234567890123456789012345678901234567890123456789"
	"\n",
	/* cut off */
	"SHOW MASTER STATUS:\n\tLog: b\n",
	"[source]\nFile = b.1\n",
	"Started dump at: x\nSHOW MASTER STATUS:\n\tLog: b\n\tPos: 12",
	"# Started dump at: x\n[source]\nFile = b.1\nPosition = 1\n",
	("SHOW MASTER STATUS:\n\tLog: b\n\tPos: 4\n\nSHOW MASTER STATUS: "
	 "/* AFTER CONNECTION POOL ESTABLISHED */\n\tLog: b\n"),
};

START_TEST(what_is_no_position_or_cut_off_is_an_error)
{
	struct dm_dump_metadata m;
	DM_AUTO(dm_err) err = parse(bad[_i], &m);

	ck_assert(dm_err_is(err, PARSE_MYDUMPER_META));
	ck_assert(strstr(err->message, "d/metadata") != NULL);
}
END_TEST

START_TEST(bytes_that_are_no_text_are_an_error)
{
	struct dm_dump_metadata m;
	DM_AUTO(dm_err) err = dm_dump_metadata_parse("x", "a\0b", 3, &m);

	ck_assert(dm_err_is(err, PARSE_MYDUMPER_META));
}
END_TEST

START_TEST(what_is_written_is_read)
{
	char gtid[] = "0-1-5";
	struct dm_dump_metadata m = {
		.at = { .there = true,
		    .pos = dm_pos_make("b.1", 7),
		    .gtid = gtid },
		.after = { .there = true, .pos = dm_pos_make("b.2", 9) },
	};
	g_autofree char *text =
	    dm_dump_metadata_text(&m, "SHOW MASTER STATUS", "then", "now");
	struct dm_dump_metadata got;
	DM_AUTO(dm_err) err = parse(text, &got);

	ck_assert_ptr_null(err);
	ck_assert_int_eq(dm_pos_cmp(&got.at.pos, &m.at.pos), 0);
	ck_assert_str_eq(got.at.gtid, gtid);
	ck_assert(got.after.there);
	ck_assert_int_eq(dm_pos_cmp(&got.after.pos, &m.after.pos), 0);
	ck_assert_str_eq(text,
	    "Started dump at: then\nSHOW MASTER STATUS:\n\tLog: b.1\n"
	    "\tPos: 7\n\tGTID:0-1-5\n\n"
	    "SHOW MASTER STATUS: /* AFTER CONNECTION POOL ESTABLISHED */\n"
	    "\tLog: b.2\n\tPos: 9\n\tGTID:\n\nFinished dump at: now\n");
	dm_dump_metadata_clear(&got);
}
END_TEST

START_TEST(tables_without_transactions_are_told)
{
	g_autoptr(GHashTable) names = g_hash_table_new(g_str_hash, g_str_equal);
	char a[] = "d.a", b[] = "d.b%2E";
	struct dm_dump_metadata got,
	    m = { .at = { .there = true, .pos = dm_pos_make("b.1", 7) },
		    .loose = { .there = true, .pos = dm_pos_make("b.2", 9) },
		    .loose_tables = names };
	g_autofree char *text = NULL;
	DM_AUTO(dm_err) err = NULL;

	g_hash_table_add(names, b);
	g_hash_table_add(names, a);
	text = dm_dump_metadata_text(&m, "SHOW MASTER STATUS", "x", "y");
	ck_assert(strstr(text, "AS OF:\n\tLog: b.2\n\tPos: 9\n\tTable: d.a\n"
			       "\tTable: d.b%2E\n\nFinished") != NULL);
	err = parse(text, &got);
	ck_assert_ptr_null(err);
	ck_assert_str_eq(got.at.pos.name, "b.1");
	ck_assert(!got.after.there);
	ck_assert_int_eq(dm_pos_cmp(&got.loose.pos, &m.loose.pos), 0);
	ck_assert_uint_eq(g_hash_table_size(got.loose_tables), 2);
	ck_assert(g_hash_table_contains(got.loose_tables, "d.b%2E"));
	dm_dump_metadata_clear(&got);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("lib/dump/metadata");
	TCase *tc = tcase_create("all");
	SRunner *sr = srunner_create(s);
	int failed;

	tcase_add_loop_test(
	    tc, forms_of_all_tools_are_read, 0, (int)DM_ARRAY_SIZE(good));
	tcase_add_loop_test(tc, what_is_no_position_or_cut_off_is_an_error, 0,
	    (int)DM_ARRAY_SIZE(bad));
	tcase_add_test(tc, bytes_that_are_no_text_are_an_error);
	tcase_add_test(tc, what_is_written_is_read);
	tcase_add_test(tc, tables_without_transactions_are_told);
	suite_add_tcase(s, tc);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
