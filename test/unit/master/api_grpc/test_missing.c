/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The suite of master/api_grpc/missing.c: every answer that says what this
 * version does not have, against test/golden/master/missing.txt, and README's
 * list against the same. DM_GOLDEN_UPDATE=1 writes the golden file anew.
 */
#include "dmmaster.pb-c.h"
#include "master/api_grpc/call.h"
#include "master/api_grpc/missing.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#define GOLDEN "test/golden/master/missing.txt"
#define BEGIN  "<!-- list: missing -->\n| command | answer |\n| --- | --- |\n"

/* As lines of README's table. New string. */
static char *
all_rows(void)
{
	GString *s = g_string_new(NULL);
	size_t n;
	const struct api_missing *t = api_missing_table(&n);

	for (size_t i = 0; i < n; i++)
		g_string_append_printf(
		    s, "| `%s` | %s |\n", t[i].commands, t[i].text);
	return g_string_free(s, FALSE);
}

static void
read_file(const char *path, char **text)
{
	ck_assert_msg(g_file_get_contents(path, text, NULL, NULL), "%s", path);
}

START_TEST(the_answers_are_as_the_golden_file_says)
{
	g_autofree char *got = all_rows(), *want = NULL;

	if (g_getenv("DM_GOLDEN_UPDATE") != NULL)
		ck_assert(g_file_set_contents(GOLDEN, got, -1, NULL));
	read_file(GOLDEN, &want);
	ck_assert_str_eq(got, want);
}
END_TEST

START_TEST(readme_lists_exactly_these)
{
	g_autofree char *want = all_rows();
	g_autofree char *readme = NULL, *list = NULL;
	const char *begin, *end;

	read_file("README.md", &readme);
	begin = strstr(readme, BEGIN);
	ck_assert_ptr_nonnull(begin);
	begin += strlen(BEGIN);
	end = strstr(begin, "\n\n");
	ck_assert_ptr_nonnull(end);
	list = g_strndup(begin, (gsize)(end + 1 - begin));
	ck_assert_str_eq(list, want);
}
END_TEST

/* Each row names a method of the service, or a field of its request. */
START_TEST(every_row_is_of_a_method)
{
	size_t n;
	const struct api_missing *t = api_missing_table(&n);

	for (size_t i = 0; i < n; i++) {
		g_auto(GStrv) parts = g_strsplit(t[i].what, ".", 2);
		const ProtobufCMethodDescriptor *m =
		    protobuf_c_service_descriptor_get_method_by_name(
			&pb__master__descriptor, parts[0]);

		ck_assert_msg(m != NULL, "%s", t[i].what);
		if (parts[1] != NULL)
			ck_assert_msg(
			    protobuf_c_message_descriptor_get_field_by_name(
				m->input, parts[1]) != NULL,
			    "%s", t[i].what);
		ck_assert_str_eq(api_missing_text(t[i].what), t[i].text);
	}
	ck_assert_ptr_null(api_missing_text("StartTask"));
}
END_TEST

START_TEST(a_missing_method_answers_false_and_its_text)
{
	size_t n;
	const struct api_missing *t = api_missing_table(&n);

	for (size_t i = 0; i < n; i++) {
		struct api_call c = { 0 };
		ProtobufCMessage *m;
		const Pb__OperateRelayResponse *resp;

		if (strchr(t[i].what, '.') != NULL)
			continue;
		c.method = protobuf_c_service_descriptor_get_method_by_name(
		    &pb__master__descriptor, t[i].what);
		m = api_not_available(&c);
		ck_assert_ptr_eq(m->descriptor, c.method->output);
		if (m->descriptor == &pb__operate_relay_response__descriptor) {
			resp = (Pb__OperateRelayResponse *)m;
			ck_assert(!resp->result);
			ck_assert_str_eq(resp->msg, t[i].text);
		}
		protobuf_c_message_free_unpacked(m, NULL);
	}
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("master/missing");
	TCase *tc = tcase_create("missing");
	SRunner *sr = srunner_create(s);
	int failed;

	tcase_add_test(tc, the_answers_are_as_the_golden_file_says);
	tcase_add_test(tc, readme_lists_exactly_these);
	tcase_add_test(tc, every_row_is_of_a_method);
	tcase_add_test(tc, a_missing_method_answers_false_and_its_text);
	suite_add_tcase(s, tc);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
