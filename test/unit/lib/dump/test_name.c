/* SPDX-License-Identifier: Apache-2.0 */
/* The suite of lib/dump/name.c. */
#include "lib/dump/name.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

static const struct {
	const char *file;
	enum dm_dump_kind kind;
	enum dm_dump_compress compress;
	const char *db, *table;
} names[] = {
	{ "metadata", DM_DUMP_METADATA, DM_DUMP_PLAIN, NULL, NULL },
	{ "db-schema-create.sql", DM_DUMP_DATABASE, DM_DUMP_PLAIN, "db", NULL },
	{ "a.b-schema.sql", DM_DUMP_TABLE, DM_DUMP_PLAIN, "a", "b" },
	{ "a.b-schema.sql.gz", DM_DUMP_TABLE, DM_DUMP_GZIP, "a", "b" },
	{ "a.b-schema-view.sql", DM_DUMP_VIEW, DM_DUMP_PLAIN, "a", "b" },
	/* dumpling's index, mydumper's, none */
	{ "a.b.0000000000000.sql", DM_DUMP_ROWS_SQL, DM_DUMP_PLAIN, "a", "b" },
	{ "a.b.00001.sql.zst", DM_DUMP_ROWS_SQL, DM_DUMP_ZSTD, "a", "b" },
	{ "a.b.sql", DM_DUMP_ROWS_SQL, DM_DUMP_PLAIN, "a", "b" },
	{ "a.b.000000001.csv", DM_DUMP_ROWS_CSV, DM_DUMP_PLAIN, "a", "b" },
	/* a table whose name is a number; one that ends like an index */
	{ "a.7.sql", DM_DUMP_ROWS_SQL, DM_DUMP_PLAIN, "a", "7" },
	{ "a.b.c.sql", DM_DUMP_ROWS_SQL, DM_DUMP_PLAIN, "a", "b.c" },
	/* escaped; a '%' that escapes nothing; an escaped NUL is none */
	{ "a%2Eb.c%2Dschema.0.sql", DM_DUMP_ROWS_SQL, DM_DUMP_PLAIN, "a.b",
	    "c-schema" },
	{ "50%.1%zz.sql", DM_DUMP_ROWS_SQL, DM_DUMP_PLAIN, "50%", "1%zz" },
	{ "a.b%00.sql", DM_DUMP_ROWS_SQL, DM_DUMP_PLAIN, "a", "b%00" },
	{ "a.b%4.sql", DM_DUMP_ROWS_SQL, DM_DUMP_PLAIN, "a", "b%4" },
	{ "a.b-schema-sequence.sql", DM_DUMP_SEQUENCE, DM_DUMP_PLAIN, "a",
	    "b" },
	{ "a.b%2E-schema-sequence.sql.gz", DM_DUMP_SEQUENCE, DM_DUMP_GZIP, "a",
	    "b." },
	{ "a.b-schema-triggers.sql", DM_DUMP_OTHER, DM_DUMP_PLAIN, NULL, NULL },
	{ "nodot.sql", DM_DUMP_OTHER, DM_DUMP_PLAIN, NULL, NULL },
	{ ".b.sql", DM_DUMP_OTHER, DM_DUMP_PLAIN, NULL, NULL },
	{ "a..sql", DM_DUMP_OTHER, DM_DUMP_PLAIN, NULL, NULL },
	{ ".sql", DM_DUMP_OTHER, DM_DUMP_PLAIN, NULL, NULL },
	{ "-schema-create.sql", DM_DUMP_OTHER, DM_DUMP_PLAIN, NULL, NULL },
	{ "diary.txt", DM_DUMP_OTHER, DM_DUMP_PLAIN, NULL, NULL },
	{ "", DM_DUMP_OTHER, DM_DUMP_PLAIN, NULL, NULL },
};

START_TEST(names_say_what_files_hold)
{
	struct dm_dump_name n;
	bool known = dm_dump_name_parse(names[_i].file, &n);

	ck_assert_msg(n.kind == names[_i].kind, "%s", names[_i].file);
	ck_assert(known == (n.kind != DM_DUMP_OTHER));
	if (known) {
		ck_assert(n.compress == names[_i].compress);
		ck_assert_pstr_eq(n.db, names[_i].db);
		ck_assert_pstr_eq(n.table, names[_i].table);
	}
	dm_dump_name_clear(&n);
}
END_TEST

static const char *const odd[] = { "plain", "a.b", "-schema", "x-SCHEMA-y",
	"%41", "a/b\\c", "\x01\x1f", "\"*:<>?|", "größe", "..", "a-schem" };

START_TEST(every_name_comes_back)
{
	g_autofree char *fn = dm_dump_name_escape(odd[_i]);
	g_autofree char *file = g_strdup_printf("%s.%s.00001.sql", fn, fn);
	struct dm_dump_name n;

	ck_assert(strpbrk(fn, "/.*\\\x01") == NULL);
	ck_assert(dm_dump_name_parse(file, &n));
	ck_assert_str_eq(n.db, odd[_i]);
	ck_assert_str_eq(n.table, odd[_i]);
	dm_dump_name_clear(&n);
	g_free(file);
	file = g_strdup_printf("%s.%s-schema.sql", fn, fn);
	ck_assert(dm_dump_name_parse(file, &n));
	ck_assert(n.kind == DM_DUMP_TABLE);
	ck_assert_str_eq(n.table, odd[_i]);
	dm_dump_name_clear(&n);
}
END_TEST

START_TEST(only_files_of_dumps_may_be_removed)
{
	ck_assert(dm_dump_name_is_ours("a.b.0001.sql.gz"));
	ck_assert(dm_dump_name_is_ours("metadata"));
	ck_assert(dm_dump_name_is_ours("metadata.tmp"));
	ck_assert(dm_dump_name_is_ours("a.b-schema-triggers.sql"));
	ck_assert(dm_dump_name_is_ours("a.b-schema-sequence.sql"));
	ck_assert(dm_dump_name_is_ours("a.b-metadata"));
	ck_assert(!dm_dump_name_is_ours("diary.txt"));
	ck_assert(!dm_dump_name_is_ours("backup.sql"));
	ck_assert(!dm_dump_name_is_ours(".ssh"));
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("lib/dump/name");
	TCase *tc = tcase_create("all");
	SRunner *sr = srunner_create(s);
	int failed;

	tcase_add_loop_test(
	    tc, names_say_what_files_hold, 0, (int)DM_ARRAY_SIZE(names));
	tcase_add_loop_test(
	    tc, every_name_comes_back, 0, (int)DM_ARRAY_SIZE(odd));
	tcase_add_test(tc, only_files_of_dumps_may_be_removed);
	suite_add_tcase(s, tc);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
