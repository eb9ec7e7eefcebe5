/* SPDX-License-Identifier: Apache-2.0 */
/* The suite of worker/command.c. */
#include "worker/command.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

static struct {
	unsigned answers;
	uint64_t request;
	bool result;
	char text[512];
} got;

static void
on_reply(uint64_t request, bool result, const char *text, void *arg)
{
	ck_assert_ptr_eq(arg, &got);
	got.answers++;
	got.request = request;
	got.result = result;
	g_strlcpy(got.text, text, sizeof(got.text));
}

static struct command *
handle_error(Pb__ErrorOp op)
{
	char task[] = "t", source[] = "s";
	Pb__HandleWorkerErrorRequest inner;
	Dm__V1__Command msg;

	memset(&got, 0, sizeof(got));
	pb__handle_worker_error_request__init(&inner);
	dm__v1__command__init(&msg);
	inner.op = op;
	inner.task = task;
	msg.request = 17;
	msg.source = source;
	msg.c_case = DM__V1__COMMAND__C_HANDLE_ERROR;
	msg.handleerror = &inner;
	return command_new(&msg, on_reply, &got);
}

START_TEST(a_command_is_a_copy)
{
	struct command *c = handle_error(PB__ERROR_OP__Skip);

	ck_assert_str_eq(command_msg(c)->source, "s");
	ck_assert_str_eq(command_task(c), "t");
	ck_assert_uint_eq(got.answers, 0);
	command_answer(c, NULL, "done");
	ck_assert_uint_eq(got.answers, 1);
	ck_assert_uint_eq(got.request, 17);
	ck_assert(got.result);
	ck_assert_str_eq(got.text, "done");
}
END_TEST

START_TEST(an_error_is_the_answer)
{
	struct command *c = handle_error(PB__ERROR_OP__Skip);

	command_answer(c, dm_err_plain("no"), "not shown");
	ck_assert(!got.result);
	ck_assert_str_eq(got.text, "no");
}
END_TEST

START_TEST(success_needs_no_text)
{
	command_answer(handle_error(PB__ERROR_OP__Skip), NULL, NULL);
	ck_assert(got.result);
	ck_assert_str_eq(got.text, "");
}
END_TEST

START_TEST(what_is_dropped_is_answered)
{
	command_drop(NULL);
	command_drop(handle_error(PB__ERROR_OP__Skip));
	ck_assert_uint_eq(got.answers, 1);
	ck_assert(!got.result);
	ck_assert_ptr_nonnull(strstr(got.text, "the task ends"));
}
END_TEST

START_TEST(what_waited_too_long_is_late)
{
	struct command *c = handle_error(PB__ERROR_OP__Skip);
	struct dm_mono now = dm_mono_now();

	ck_assert(!command_is_late(c, now));
	ck_assert(!command_is_late(c, dm_mono_add_ms(now, 7000)));
	ck_assert(command_is_late(c, dm_mono_add_ms(now, 9000)));
	command_drop(c);
}
END_TEST

START_TEST(all_but_a_list_resume)
{
	static const Pb__ErrorOp ops[] = { PB__ERROR_OP__Skip,
		PB__ERROR_OP__Replace, PB__ERROR_OP__Revert,
		PB__ERROR_OP__Inject, PB__ERROR_OP__List };

	for (size_t i = 0; i < DM_ARRAY_SIZE(ops); i++) {
		struct command *c = handle_error(ops[i]);

		ck_assert(command_resumes(command_msg(c)) ==
			  (ops[i] != PB__ERROR_OP__List));
		command_drop(c);
	}
}
END_TEST

START_TEST(a_structure_does_not_resume)
{
	char task[] = "u";
	Pb__OperateWorkerSchemaRequest inner;
	Dm__V1__Command msg;
	struct command *c;

	pb__operate_worker_schema_request__init(&inner);
	dm__v1__command__init(&msg);
	inner.task = task;
	msg.c_case = DM__V1__COMMAND__C_OPERATE_SCHEMA;
	msg.operateschema = &inner;
	c = command_new(&msg, on_reply, &got);
	ck_assert_str_eq(command_task(c), "u");
	ck_assert(!command_resumes(command_msg(c)));
	command_drop(c);
}
END_TEST

START_TEST(another_kind_has_no_task)
{
	Dm__V1__Command msg;
	struct command *c;

	dm__v1__command__init(&msg);
	c = command_new(&msg, on_reply, &got);
	ck_assert_str_eq(command_task(c), "");
	command_drop(c);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("worker/command");
	TCase *tc = tcase_create("command");
	SRunner *sr = srunner_create(s);
	int failed;

	tcase_add_test(tc, a_command_is_a_copy);
	tcase_add_test(tc, an_error_is_the_answer);
	tcase_add_test(tc, success_needs_no_text);
	tcase_add_test(tc, what_is_dropped_is_answered);
	tcase_add_test(tc, what_waited_too_long_is_late);
	tcase_add_test(tc, all_but_a_list_resume);
	tcase_add_test(tc, a_structure_does_not_resume);
	tcase_add_test(tc, another_kind_has_no_task);
	suite_add_tcase(s, tc);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
