/* SPDX-License-Identifier: Apache-2.0 */
/* The suite of lib/metrics/metrics.c. */
#include "lib/metrics/metrics.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

START_TEST(families_are_printed_with_their_values)
{
	DM_AUTO(dm_metrics) m = dm_metrics_new();
	const char *names[] = { "worker", NULL };
	struct dm_metric *g =
	    dm_metric_new(m, DM_METRIC_GAUGE, "state", "State.", names);
	struct dm_metric *c =
	    dm_metric_new(m, DM_METRIC_COUNTER, "starts", "Starts.", NULL);
	g_autofree char *text = NULL;

	dm_metric_set(g, (const char *[]){ "w2" }, 1.5);
	dm_metric_set(g, (const char *[]){ "w\"1\n" }, 2);
	dm_metric_set(g, (const char *[]){ "gone" }, 2);
	dm_metric_remove(g, (const char *[]){ "gone" });
	dm_metric_add(c, NULL, 2);
	dm_metric_add(c, NULL, 1);
	text = dm_metrics_text(m);
	ck_assert_msg(g_str_has_prefix(text,
			  "# HELP state State.\n# TYPE state gauge\n"
			  "state{worker=\"w2\"} 1.5\n"
			  "state{worker=\"w\\\"1\\n\"} 2\n"
			  "# HELP starts Starts.\n# TYPE starts counter\n"
			  "starts 3\n# HELP process_cpu"),
	    "%s", text);
}
END_TEST

START_TEST(a_reset_family_is_not_printed)
{
	DM_AUTO(dm_metrics) m = dm_metrics_new();
	const char *names[] = { "worker", NULL };
	struct dm_metric *g =
	    dm_metric_new(m, DM_METRIC_GAUGE, "state", "State.", names);
	g_autofree char *text = NULL;

	dm_metric_set(g, (const char *[]){ "w" }, 1);
	dm_metric_reset(g);
	text = dm_metrics_text(m);
	ck_assert_ptr_null(strstr(text, "state{"));
	ck_assert_ptr_null(strstr(text, "# HELP state"));
}
END_TEST

START_TEST(help_keeps_quotes_and_loses_no_line)
{
	DM_AUTO(dm_metrics) m = dm_metrics_new();
	g_autofree char *text = NULL;

	(void)dm_metric_new(m, DM_METRIC_GAUGE, "g", "a \"b\"\\\nc", NULL);
	text = dm_metrics_text(m);
	ck_assert_msg(g_str_has_prefix(text, "# HELP g a \"b\"\\\\\\nc\n"
					     "# TYPE g gauge\ng 0\n"),
	    "%s", text);
}
END_TEST

START_TEST(the_process_is_described)
{
	static const char *const names[] = { "process_cpu_seconds_total",
		"process_open_fds", "process_max_fds",
		"process_virtual_memory_bytes", "process_resident_memory_bytes",
		"process_start_time_seconds" };
	DM_AUTO(dm_metrics) m = dm_metrics_new();
	g_autofree char *text = dm_metrics_text(m);

	for (size_t i = 0; i < DM_ARRAY_SIZE(names); i++) {
		g_autofree char *start = g_strdup_printf("\n%s ", names[i]);
		const char *at = strstr(text, start);

		ck_assert_msg(at != NULL, "no %s", names[i]);
		ck_assert(g_ascii_strtod(at + strlen(start), NULL) > 0);
	}
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("lib/metrics/metrics");
	TCase *tc = tcase_create("metrics");
	SRunner *sr = srunner_create(s);
	int failed;

	tcase_add_test(tc, families_are_printed_with_their_values);
	tcase_add_test(tc, a_reset_family_is_not_printed);
	tcase_add_test(tc, help_keeps_quotes_and_loses_no_line);
	tcase_add_test(tc, the_process_is_described);
	suite_add_tcase(s, tc);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
