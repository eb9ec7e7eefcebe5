/* SPDX-License-Identifier: Apache-2.0 */
/* The suite of worker/agent/shorten.c. */
#include "worker/agent/shorten.h"

#include <check.h>
#include <glib.h>
#include <stdlib.h>
#include <string.h>

/* A report of n subtasks with an error of `len` bytes each; every second
 * character has two. */
static Dm__V1__Report *
report_of(size_t n, size_t len)
{
	Dm__V1__Report *r = g_new(Dm__V1__Report, 1);
	Dm__V1__SourceReport *s = g_new(Dm__V1__SourceReport, 1);

	dm__v1__report__init(r);
	dm__v1__source_report__init(s);
	r->revision = 7;
	r->sources = g_new(Dm__V1__SourceReport *, 1);
	r->sources[0] = s;
	r->n_sources = 1;
	s->source = g_strnfill(300, 's');
	s->subtasks = g_new(Pb__SubTaskStatus *, n);
	s->n_subtasks = n;
	for (size_t i = 0; i < n; i++) {
		Pb__SubTaskStatus *st = g_new(Pb__SubTaskStatus, 1);
		Pb__ProcessError *e = g_new(Pb__ProcessError, 1);
		GString *text = g_string_new("");

		while (text->len + 3 <= len)
			g_string_append(text, "xä");
		pb__sub_task_status__init(st);
		pb__process_error__init(e);
		st->name = g_strdup_printf("task-%06zu", i);
		st->status_case = PB__SUB_TASK_STATUS__STATUS_MSG;
		st->msg = g_strdup(text->str);
		st->result = g_new(Pb__ProcessResult, 1);
		pb__process_result__init(st->result);
		st->result->errors = g_new(Pb__ProcessError *, 1);
		st->result->errors[0] = e;
		st->result->n_errors = 1;
		e->errcode = 36000;
		e->message = g_string_free(text, FALSE);
		s->subtasks[i] = st;
	}
	return r;
}

START_TEST(a_report_that_fits_is_left_alone)
{
	Dm__V1__Report *r = report_of(3, 1000);
	size_t len = dm__v1__report__get_packed_size(r);

	ck_assert_ptr_null(report_shortened(r, len));
	dm__v1__report__free_unpacked(r, NULL);
}
END_TEST

static const struct {
	size_t subtasks, text, max;
} sizes[] = {
	{ 1, 5000000, 4 << 20 },
	{ 1, 5000000, 1 << 20 },
	{ 100, 100000, 4 << 20 },
	{ 5000, 2000, 4 << 20 },
	{ 3, 1000, 2000 },
};

START_TEST(long_texts_are_cut_until_it_fits)
{
	Dm__V1__Report *r = report_of(sizes[_i].subtasks, sizes[_i].text);
	size_t before = dm__v1__report__get_packed_size(r);
	Dm__V1__Report *cut = report_shortened(r, sizes[_i].max);

	ck_assert_ptr_nonnull(cut);
	ck_assert_uint_le(dm__v1__report__get_packed_size(cut), sizes[_i].max);
	ck_assert_uint_eq(dm__v1__report__get_packed_size(r), before);
	ck_assert_int_eq(cut->revision, 7);
	ck_assert_str_eq(cut->sources[0]->source, r->sources[0]->source);
	ck_assert_uint_eq(cut->sources[0]->n_subtasks, sizes[_i].subtasks);
	for (size_t i = 0; i < sizes[_i].subtasks; i++) {
		const Pb__SubTaskStatus *st = cut->sources[0]->subtasks[i];
		const Pb__ProcessError *e = st->result->errors[0];

		ck_assert_str_eq(st->name, r->sources[0]->subtasks[i]->name);
		ck_assert_int_eq(e->errcode, 36000);
		ck_assert(g_str_has_prefix(e->message, "xäxä"));
		ck_assert(g_str_has_suffix(e->message, "..."));
		ck_assert(g_utf8_validate(e->message, -1, NULL));
		ck_assert(g_utf8_validate(st->msg, -1, NULL));
		ck_assert_str_eq(e->workaround, "");
	}
	dm__v1__report__free_unpacked(r, NULL);
	dm__v1__report__free_unpacked(cut, NULL);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("worker/agent/shorten");
	TCase *tc = tcase_create("shorten");
	SRunner *sr = srunner_create(s);
	int failed;

	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, a_report_that_fits_is_left_alone);
	tcase_add_loop_test(
	    tc, long_texts_are_cut_until_it_fits, 0, G_N_ELEMENTS(sizes));
	suite_add_tcase(s, tc);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
