/* SPDX-License-Identifier: Apache-2.0 */
/* The suite of worker/auto_resume.c. */
#include "worker/auto_resume.h"

#include <check.h>
#include <stdlib.h>

static struct dm_mono
at(int64_t s)
{
	return (struct dm_mono){ .ns = (s + 1000) * INT64_C(1000000000) };
}

START_TEST(waits_double_up_to_the_limit)
{
	struct auto_resume a;

	auto_resume_init(&a, 5000, 300000);
	ck_assert_int_eq(auto_resume_wait_ms(&a, at(0), 1.0), 1000);
	ck_assert_int_eq(auto_resume_wait_ms(&a, at(1), 1.0), 2000);
	ck_assert_int_eq(auto_resume_wait_ms(&a, at(2), 1.0), 4000);
	ck_assert_int_eq(auto_resume_wait_ms(&a, at(3), 1.0), 5000);
	ck_assert_int_eq(auto_resume_wait_ms(&a, at(4), 0.0), 2500);
}
END_TEST

START_TEST(a_healthy_time_steps_back)
{
	struct auto_resume a;

	auto_resume_init(&a, 60000, 300000);
	for (int i = 0; i < 4; i++)
		(void)auto_resume_wait_ms(&a, at(i), 1.0);
	/* The next would be 16 s; two rollback times make it 4 s. */
	ck_assert_int_eq(auto_resume_wait_ms(&a, at(3 + 601), 1.0), 4000);
}
END_TEST

static struct dm_err *
with_cause(const char *cause)
{
	return dm_err_set_cause(
	    dm_err_new(DB_EXECUTE_FAILED, "x"), "%s", cause);
}

START_TEST(a_duplicate_key_waits_for_a_person)
{
	DM_AUTO(dm_err) dup = with_cause("Error 1062 (23000): Duplicate entry");
	DM_AUTO(dm_err) gone = with_cause("Error 2013: Lost connection");
	DM_AUTO(dm_err) fenced = dm_err_new(META_FENCED, "t", "s", "2", "1");
	DM_AUTO(dm_err)
	purged = with_cause(
	    "Error 1236 (HY000): Could not find first log file name in binary "
	    "log index file");

	ck_assert(!auto_resume_may(dup));
	ck_assert(auto_resume_may(gone));
	ck_assert(!auto_resume_may(fenced));
	ck_assert(!auto_resume_may(purged));
}
END_TEST

/* Errors that time does not mend. */
static const struct {
	int code;
	bool may;
} kinds[] = {
	{ DM_ERR_LOAD_LIGHTNING_RUNTIME, false },
	{ DM_ERR_LOAD_UNIT_DUMP_DIR_NOT_FOUND, false },
	{ DM_ERR_PARSE_MYDUMPER_META, false },
	{ DM_ERR_SYNCER_CANCELLED_DDL, false },
	{ DM_ERR_DUMP_UNIT_RUNTIME, false },
	{ DM_ERR_DUMP_UNIT_GLOBAL_LOCK, false },
	{ DM_ERR_SYNC_UNIT_DDL_WRONG_SEQUENCE, false },
	{ DM_ERR_SYNCER_UNIT_DML_COLUMN_NOT_MATCH, false },
	{ DM_ERR_META_ADOPT, false },
	{ DM_ERR_META_FENCED, false },
	{ DM_ERR_VERIFY_MISMATCH, false },
	{ DM_ERR_META_FORMAT, false },
	{ DM_ERR_BINLOG_BEHIND, false },
	{ DM_ERR_XA_PURGED, false },
	{ DM_ERR_SYNCER_EVENT, false },
	{ DM_ERR_SYNCER_PARSE_DDL, false },
	{ DM_ERR_SYNC_UNIT_DML_STATEMENT_FOUND, false },
	{ DM_ERR_SYNCER_UNSUPPORTED_STMT, false },
	{ DM_ERR_SYNC_UNIT_EVENT_FILTERED, false },
	{ DM_ERR_SYNCER_DOWNSTREAM_TABLE_NOT_FOUND, true },
	{ DM_ERR_SYNCER_GET_EVENT, true },
	{ DM_ERR_DB_BAD_CONN, true },
	{ DM_ERR_NOT_SET, true },
};

START_TEST(a_code_waits_for_a_person_or_for_time)
{
	DM_AUTO(dm_err) err = dm_err_make_(kinds[_i].code, "x");

	ck_assert(auto_resume_may(err) == kinds[_i].may);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("worker/auto_resume");
	TCase *tc = tcase_create("auto_resume");
	SRunner *sr = srunner_create(s);
	int failed;

	tcase_add_test(tc, waits_double_up_to_the_limit);
	tcase_add_test(tc, a_healthy_time_steps_back);
	tcase_add_test(tc, a_duplicate_key_waits_for_a_person);
	tcase_add_loop_test(
	    tc, a_code_waits_for_a_person_or_for_time, 0, DM_ARRAY_SIZE(kinds));
	suite_add_tcase(s, tc);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
