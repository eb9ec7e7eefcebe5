/* SPDX-License-Identifier: Apache-2.0 */
/* The suite of worker/copy/target.c: what needs no server. */
#include "worker/copy/copy_internal.h"

#include <check.h>
#include <stdlib.h>

static const struct {
	const char *sql, *own; /* NULL: it names no definer */
} cases[] = {
	{ "CREATE ALGORITHM=UNDEFINED DEFINER=`a`@`b` SQL SECURITY DEFINER "
	  "VIEW `d`.`v` AS select 1",
	    "CREATE ALGORITHM=UNDEFINED SQL SECURITY DEFINER VIEW `d`.`v` AS "
	    "select 1" },
	{ "CREATE ALGORITHM=MERGE DEFINER=`a``@`@`%` SQL SECURITY INVOKER "
	  "VIEW `v` AS select 1",
	    "CREATE ALGORITHM=MERGE SQL SECURITY INVOKER VIEW `v` AS "
	    "select 1" },
	{ "CREATE ALGORITHM=MERGE DEFINER=`role` SQL SECURITY INVOKER VIEW "
	  "`v` AS select 1",
	    "CREATE ALGORITHM=MERGE SQL SECURITY INVOKER VIEW `v` AS "
	    "select 1" },
	{ "CREATE VIEW `v` AS select ' DEFINER=`a`@`b`'", NULL },
	{ "CREATE DEFINER=`a", NULL },
};

START_TEST(a_definer_is_left_out_and_nothing_else)
{
	g_autofree char *own = copy_view_without_definer(cases[_i].sql);

	if (cases[_i].own == NULL)
		ck_assert_ptr_null(own);
	else
		ck_assert_str_eq(own, cases[_i].own);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("worker/copy/target");
	TCase *tc = tcase_create("target");
	SRunner *sr = srunner_create(s);
	int failed;

	tcase_add_loop_test(tc, a_definer_is_left_out_and_nothing_else, 0,
	    (int)DM_ARRAY_SIZE(cases));
	suite_add_tcase(s, tc);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
