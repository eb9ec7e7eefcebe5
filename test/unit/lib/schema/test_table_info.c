/* SPDX-License-Identifier: Apache-2.0 */
/* The suite of lib/schema/table_info.c. */
#include "lib/schema/table_info.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "lib/schema/tracker.h"

#define NAME(n) "{\"O\":\"" n "\",\"L\":\"" n "\"}"
#define TYPE(tp, flag, flen, dec, cs, coll, elems)                             \
	"\"type\":{\"Tp\":" #tp ",\"Flag\":" #flag ",\"Flen\":" #flen          \
	",\"Decimal\":" #dec ",\"Charset\":\"" cs "\",\"Collate\":\"" coll     \
	"\",\"Elems\":" elems ",\"ElemsIsBinaryLit\":null,\"Array\":false}"
#define REST(hidden)                                                           \
	"\"state\":5,\"comment\":\"\",\"hidden\":" hidden                      \
	",\"change_state_info\":null,\"version\":2}"
/* As TiDB prints a column: more is what tells it from others. */
#define COLUMN(n, more, type, hidden)                                          \
	"{\"id\":1,\"name\":" NAME(n) ",\"offset\":0,\"origin_default\":null," \
				      "\"origin_default_bit\":null," more      \
				      "\"dependences\":null," type             \
				      "," REST(hidden)
#define PLAIN                                                                  \
	"\"default\":null,\"default_bit\":null,\"default_is_expr\":false,"     \
	"\"generated_expr_string\":\"\",\"generated_stored\":false,"
#define DEFAULT(v)                                                             \
	"\"default\":\"" v "\",\"default_bit\":null,\"default_is_expr\":"      \
	"false,\"generated_expr_string\":\"\",\"generated_stored\":false,"
#define GENERATED(e, stored)                                                   \
	"\"default\":null,\"default_bit\":null,\"default_is_expr\":false,"     \
	"\"generated_expr_string\":\"" e "\",\"generated_stored\":" stored ","
#define NUMBER(tp, flag, flen, dec)                                            \
	TYPE(tp, flag, flen, dec, "binary", "binary", "null")
#define TEXT(tp, flag, flen)                                                   \
	TYPE(tp, flag, flen, 0, "utf8mb4", "utf8mb4_bin", "null")
#define TABLE(cols, indexes, foreign, handle)                                  \
	"{\"id\":45,\"name\":" NAME(                                           \
	    "old") ",\"charset\":\"utf8mb4\","                                 \
		   "\"collate\":\"utf8mb4_bin\","                              \
		   "\"cols\":[" cols "],\"index_info\":" indexes               \
		   ",\"constraint_info\":null,"                                \
		   "\"fk_info\":" foreign                                      \
		   ",\"state\":5,\"pk_is_handle\":" handle                     \
		   ",\"is_common_handle\":false,\"comment\":\"\","             \
		   "\"partition\":null,\"view\":null,\"sequence\":null,"       \
		   "\"version\":5}"
#define PART(n, len) "{\"name\":" NAME(n) ",\"offset\":0,\"length\":" #len "}"
#define INDEX(n, parts, unique, primary)                                       \
	"{\"id\":1,\"idx_name\":" NAME(n) ",\"tbl_name\":" NAME(               \
	    "") ",\"idx_cols\":[" parts "],\"state\":5,\"comment\":\"\","      \
		"\"index_type\":1,\"is_unique\":" unique                       \
		",\"is_primary\":" primary ",\"is_invisible\":false}"

static const struct {
	const char *json, *sql;
} cases[] = {
	{ TABLE(COLUMN("id", PLAIN, NUMBER(8, 4099, 20, 0), "false") "," COLUMN(
		    "v", PLAIN, NUMBER(3, 33, 10, 0), "false"),
	      "null", "null", "true"),
	    "CREATE TABLE `t` (`id` bigint(20) NOT NULL, `v` int(10) unsigned "
	    "NOT NULL, PRIMARY KEY (`id`)) DEFAULT CHARSET=utf8mb4 "
	    "COLLATE=utf8mb4_bin" },
	{ TABLE(COLUMN("a", PLAIN, NUMBER(1, 0, 4, 0), "false") "," COLUMN(
		    "b", PLAIN, NUMBER(246, 32, 20, 5), "false") "," COLUMN("c",
		    PLAIN, NUMBER(4, 0, 12, -1), "false") "," COLUMN("d", PLAIN,
		    NUMBER(5, 0, 10, 2), "false") "," COLUMN("e", PLAIN,
		    NUMBER(16, 32, 11, 0), "false") "," COLUMN("f",
		    DEFAULT("1901"), NUMBER(13, 96, 4, 0),
		    "false") "," COLUMN("g", DEFAULT("CURRENT_TIMESTAMP"),
		    NUMBER(12, 8321, 26, 6), "false") "," COLUMN("h", PLAIN,
		    NUMBER(11, 128, 14, 3), "false") "," COLUMN("i", PLAIN,
		    NUMBER(10, 128, 10, 0), "false") "," COLUMN("j", PLAIN,
		    NUMBER(245, 128, -1, 0), "false") "," COLUMN("k", PLAIN,
		    NUMBER(7, 128, 19, 0), "false"),
	      "null", "null", "false"),
	    "CREATE TABLE `t` (`a` tinyint(4), `b` decimal(20,5) unsigned, "
	    "`c` float, `d` double(10,2), `e` bit(11), `f` year DEFAULT "
	    "'1901', `g` datetime(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6) ON "
	    "UPDATE CURRENT_TIMESTAMP(6), `h` time(3), `i` date, `j` json, `k` "
	    "timestamp NULL) DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin" },
	{ TABLE(
	      COLUMN("a", DEFAULT("it's"), TEXT(15, 0, 40), "false") "," COLUMN(
		  "b", PLAIN, TYPE(254, 128, 16, 0, "binary", "binary", "null"),
		  "false") "," COLUMN("c", PLAIN,
		  TYPE(254, 0, 3, 0, "latin1", "latin1_bin", "null"),
		  "false") "," COLUMN("d", PLAIN, TEXT(252, 0, 65535),
		  "false") "," COLUMN("e", PLAIN,
		  TYPE(251, 128, 4294967295, 0, "binary", "binary", "null"),
		  "false") "," COLUMN("f", PLAIN,
		  TYPE(247, 256, 1, 0, "utf8mb4", "utf8mb4_general_ci",
		      "[\"x\",\"it's\"]"),
		  "false") "," COLUMN("g", PLAIN,
		  TYPE(248, 2048, 3, 0, "utf8mb4", "utf8mb4_bin",
		      "[\"p\",\"q\"]"),
		  "false"),
	      "null", "null", "false"),
	    "CREATE TABLE `t` (`a` varchar(40) DEFAULT 'it''s', `b` "
	    "binary(16), `c` char(3) CHARACTER SET latin1 COLLATE latin1_bin, "
	    "`d` text, `e` longblob, `f` enum('x','it''s') COLLATE "
	    "utf8mb4_general_ci, `g` set('p','q')) DEFAULT CHARSET=utf8mb4 "
	    "COLLATE=utf8mb4_bin" },
	{ TABLE(COLUMN("a", PLAIN, NUMBER(3, 515, 11, 0), "false") "," COLUMN(
		    "b", PLAIN, TEXT(15, 8, 40), "false") "," COLUMN("s",
		    GENERATED("`a` + 1", "true"), NUMBER(8, 0, 20, 0),
		    "false") "," COLUMN("_V$_e_0",
		    GENERATED("lower(`b`)", "false"), TEXT(15, 0, 40), "true"),
	      "[" INDEX("PRIMARY", PART("a", -1), "true", "true") "," INDEX("u",
		  PART("b", 10) "," PART("a", -1), "true",
		  "false") "," INDEX("e", PART("_V$_e_0", -1), "false",
		  "false") "]",
	      "[{\"id\":0,\"fk_name\":" NAME("f") ",\"ref_schema\":" NAME(
		  "o") ",\"ref_table\":" NAME("p") ",\"ref_cols\":"
						   "[" NAME(
						       "x") "],"
							    "\"cols\":"
							    "[" NAME(
								"a") "]"
								     ","
								     "\"on_"
								     "delete\":"
								     "2,\"on_"
								     "update\":"
								     "0,"
								     "\"state\""
								     ":5}]",
	      "false"),
	    "CREATE TABLE `t` (`a` int(11) NOT NULL AUTO_INCREMENT, `b` "
	    "varchar(40), `s` bigint(20) GENERATED ALWAYS AS (`a` + 1) STORED, "
	    "PRIMARY KEY (`a`), UNIQUE KEY `u` (`b`(10),`a`), KEY `e` "
	    "((lower(`b`))), CONSTRAINT `f` FOREIGN KEY (`a`) REFERENCES "
	    "`o`.`p` (`x`) ON DELETE CASCADE) DEFAULT CHARSET=utf8mb4 "
	    "COLLATE=utf8mb4_bin" },
};

START_TEST(is_what_the_statement_says)
{
	DM_AUTO(dm_table) got = NULL;
	DM_AUTO(dm_table) want = NULL;
	g_autofree char *diff = NULL, *text = NULL, *text_want = NULL;
	DM_AUTO(dm_err)
	err = dm_table_info_parse(cases[_i].json, "s", "t", &got);

	ck_assert_msg(err == NULL, "%s", err == NULL ? "" : err->message);
	ck_assert_ptr_nonnull(got);
	ck_assert_ptr_null(
	    dm_schema_parse_create(cases[_i].sql, 0, "s", NULL, &want));
	ck_assert_str_eq(got->schema, "s");
	diff = dm_table_diff(got, want);
	ck_assert_msg(diff == NULL, "%s", diff);
	text = dm_table_create_sql(got, NULL, NULL);
	text_want = dm_table_create_sql(want, NULL, NULL);
	ck_assert_int_eq(got->columns->len, want->columns->len);
	ck_assert_int_eq(got->foreign_keys->len, want->foreign_keys->len);
	for (guint i = 0; i < got->columns->len; i++) {
		const struct dm_column *a = got->columns->pdata[i];
		const struct dm_column *b = want->columns->pdata[i];

		ck_assert_msg(a->type == b->type && a->length == b->length &&
				  a->decimals == b->decimals &&
				  a->is_unsigned == b->is_unsigned &&
				  a->not_null == b->not_null &&
				  a->generated == b->generated &&
				  a->has_default == b->has_default &&
				  g_strcmp0(a->charset, b->charset) == 0,
		    "column %s: %s; wanted %s", b->name, text, text_want);
	}
}
END_TEST

START_TEST(nothing_and_views_are_no_tables)
{
	static const char *const none[] = { "null",
		"{\"name\":{\"O\":\"v\"},\"view\":{\"view_algorithm\":0}}",
		"{\"name\":{\"O\":\"s\"},\"sequence\":{\"start\":1}}" };

	for (size_t i = 0; i < DM_ARRAY_SIZE(none); i++) {
		DM_AUTO(dm_table) t = NULL;

		ck_assert_ptr_null(dm_table_info_parse(none[i], "s", "t", &t));
		ck_assert_ptr_null(t);
	}
}
END_TEST

static const struct {
	const char *json, *message;
} broken[] = {
	{ "{", "it is no JSON" },
	{ "{\"cols\":[]}", "it has no columns" },
	{ "[]", "it has no columns" },
	{ TABLE(COLUMN("g", PLAIN, NUMBER(255, 0, 0, 0), "false"), "null",
	      "null", "false"),
	    "column g has a type that is not known: 255" },
};

START_TEST(tells_what_is_wrong)
{
	DM_AUTO(dm_table) t = NULL;
	DM_AUTO(dm_err)
	err = dm_table_info_parse(broken[_i].json, "s", "t", &t);

	ck_assert_ptr_nonnull(err);
	ck_assert_msg(strstr(err->message, broken[_i].message) != NULL, "%s",
	    err->message);
	ck_assert_ptr_null(t);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("lib/schema/table_info");
	TCase *tc = tcase_create("table_info");
	SRunner *sr = srunner_create(s);
	int failed;

	tcase_add_loop_test(
	    tc, is_what_the_statement_says, 0, (int)DM_ARRAY_SIZE(cases));
	tcase_add_test(tc, nothing_and_views_are_no_tables);
	tcase_add_loop_test(
	    tc, tells_what_is_wrong, 0, (int)DM_ARRAY_SIZE(broken));
	suite_add_tcase(s, tc);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
