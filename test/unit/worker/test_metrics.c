/* SPDX-License-Identifier: Apache-2.0 */
/* The suite of worker/metrics.c. */
#include "worker/metrics.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/base.h"

static char *
copy(const char *s)
{
	return (char *)(uintptr_t)s;
}

static void
has(const char *text, const char *line)
{
	g_autofree char *whole = g_strconcat("\n", line, "\n", NULL);

	ck_assert_msg(
	    strstr(text, whole) != NULL, "%s is not in\n%s", line, text);
}

START_TEST(a_subtask_that_replicates)
{
	struct worker_metrics *m = worker_metrics_new("w1");
	Pb__SyncStatus sync;
	Pb__SubTaskStatus st;
	Pb__SubTaskStatus *subtasks[] = { &st };
	Pb__RelayStatus relay;
	Pb__SourceStatus status;
	Dm__V1__SourceReport source;
	Dm__V1__SourceReport *sources[] = { &source };
	Dm__V1__Report report;
	g_autofree char *text = NULL, *gone = NULL;

	pb__sync_status__init(&sync);
	pb__sub_task_status__init(&st);
	pb__relay_status__init(&relay);
	pb__source_status__init(&status);
	dm__v1__source_report__init(&source);
	dm__v1__report__init(&report);
	sync.masterbinlog = copy("(mysql-bin.000012, 4711)");
	sync.syncerbinlog = copy("(mysql-bin|000001.000011, 99)");
	sync.secondsbehindmaster = 3;
	sync.insertedrows = 5;
	sync.updatedrows = 6;
	sync.deletedrows = 7;
	sync.totalddls = 8;
	sync.totaltransactions = 9;
	st.name = copy("t");
	st.stage = PB__STAGE__Running;
	st.status_case = PB__SUB_TASK_STATUS__STATUS_SYNC;
	st.sync = &sync;
	st.resumederrors = 2;
	st.fatalerrors = 1;
	relay.masterbinlog = copy("(mysql-bin.000012, 4711)");
	relay.relaybinlog = copy("");
	relay.stage = PB__STAGE__Running;
	status.relaystatus = &relay;
	source.source = copy("s\"1");
	source.status = &status;
	source.subtasks = subtasks;
	source.n_subtasks = 1;
	report.sources = sources;
	report.n_sources = 1;
	text = worker_metrics_report_text(m, &report);
	has(text, "dm_worker_subtasks{stage=\"Running\"} 1");
	has(text, "dm_worker_task_state{task=\"t\",source_id=\"s\\\"1\",worker="
		  "\"w1\"} 2");
	has(text, "dm_syncer_binlog_file{node=\"master\",task=\"t\",source_id="
		  "\"s\\\"1\"} 12");
	has(text, "dm_syncer_binlog_file{node=\"syncer\",task=\"t\",source_id="
		  "\"s\\\"1\"} 11");
	has(text, "dm_syncer_binlog_pos{node=\"syncer\",task=\"t\",source_id="
		  "\"s\\\"1\"} 99");
	has(text, "dm_syncer_replication_lag_gauge{task=\"t\",source_id="
		  "\"s\\\"1\",worker=\"w1\"} 3");
	has(text, "dm_syncer_finished_jobs_total{type=\"update\",task=\"t\","
		  "source_id=\"s\\\"1\",worker=\"w1\"} 6");
	has(text, "dm_syncer_finished_jobs_total{type=\"ddl\",task=\"t\","
		  "source_id=\"s\\\"1\",worker=\"w1\"} 8");
	has(text, "dm_syncer_finished_transaction_total{task=\"t\",worker="
		  "\"w1\",source_id=\"s\\\"1\"} 9");
	has(text, "dm_syncer_exit_with_error_count{task=\"t\",source_id="
		  "\"s\\\"1\",resumable_err=\"false\"} 1");
	has(text, "dm_syncer_exit_with_error_count{task=\"t\",source_id="
		  "\"s\\\"1\",resumable_err=\"true\"} 2");
	has(text,
	    "dm_relay_binlog_pos{node=\"master\",source_id=\"s\\\"1\"} 4711");
	ck_assert_ptr_null(strstr(text, "node=\"relay\""));
	/* It goes with its task. */
	gone = worker_metrics_report_text(m, NULL);
	ck_assert_ptr_null(strstr(gone, "task=\"t\""));
	has(gone, "dm_worker_subtasks{stage=\"Running\"} 0");
	worker_metrics_free(m);
}
END_TEST

START_TEST(a_subtask_that_copies)
{
	struct worker_metrics *m = worker_metrics_new("w1");
	Pb__LoadStatus load;
	Pb__DumpStatus dump;
	Pb__SubTaskStatus a;
	Pb__SubTaskStatus b;
	Pb__SubTaskStatus *subtasks[] = { &a, &b };
	Dm__V1__SourceReport source;
	Dm__V1__SourceReport *sources[] = { &source };
	Dm__V1__Report report;
	g_autofree char *text = NULL;

	pb__load_status__init(&load);
	pb__dump_status__init(&dump);
	pb__sub_task_status__init(&a);
	pb__sub_task_status__init(&b);
	dm__v1__source_report__init(&source);
	dm__v1__report__init(&report);
	load.finishedrows = 10;
	load.totalrows = 20;
	a.name = copy("a");
	a.status_case = PB__SUB_TASK_STATUS__STATUS_LOAD;
	a.load = &load;
	a.fatalerrors = 1;
	dump.finishedrows = 30;
	b.name = copy("b");
	b.status_case = PB__SUB_TASK_STATUS__STATUS_DUMP;
	b.dump = &dump;
	source.source = copy("s");
	source.subtasks = subtasks;
	source.n_subtasks = 2;
	report.sources = sources;
	report.n_sources = 1;
	text = worker_metrics_report_text(m, &report);
	has(text, "dm_loader_finished_rows{task=\"a\",source_id=\"s\"} 10");
	has(text,
	    "dm_loader_estimate_total_rows{task=\"a\",source_id=\"s\"} 20");
	has(text, "dm_loader_exit_with_error_count{task=\"a\",source_id=\"s\","
		  "resumable_err=\"false\"} 1");
	has(text, "dumpling_dump_finished_rows{task=\"b\",source_id=\"s\"} 30");
	has(text, "dm_dumpling_exit_with_error_count{task=\"b\",source_id="
		  "\"s\",resumable_err=\"true\"} 0");
	ck_assert_ptr_null(strstr(text, "dm_syncer_binlog_pos{"));
	worker_metrics_free(m);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("worker/metrics");
	TCase *tc = tcase_create("metrics");
	SRunner *sr = srunner_create(s);
	int failed;

	tcase_add_test(tc, a_subtask_that_replicates);
	tcase_add_test(tc, a_subtask_that_copies);
	suite_add_tcase(s, tc);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
