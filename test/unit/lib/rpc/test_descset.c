/* SPDX-License-Identifier: Apache-2.0 */
/* The suite of lib/rpc/descset.c. */
#include "lib/rpc/descset.h"

#include "google/protobuf/descriptor.pb-c.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

typedef Google__Protobuf__FileDescriptorProto file_proto;

static struct dm_descset *set;

static void
setup(void)
{
	set = dm_descset_own();
}

static void
teardown(void)
{
	dm_descset_free(set);
}

/* The names of packed files, separated by blanks. */
static char *
names_of(const GPtrArray *files)
{
	GString *s = g_string_new(NULL);

	for (guint i = 0; i < files->len; i++) {
		size_t n;
		const uint8_t *data =
		    g_bytes_get_data(g_ptr_array_index(files, i), &n);
		file_proto *f = google__protobuf__file_descriptor_proto__unpack(
		    NULL, n, data);

		ck_assert_ptr_nonnull(f);
		g_string_append_printf(s, "%s%s", i > 0 ? " " : "", f->name);
		google__protobuf__file_descriptor_proto__free_unpacked(f, NULL);
	}
	return g_string_free(s, FALSE);
}

static void
symbol_is_in(const char *symbol, const char *want)
{
	g_autoptr(GPtrArray) files = dm_descset_by_symbol(set, symbol);
	g_autofree char *names = NULL;

	ck_assert_msg(files != NULL, "%s", symbol);
	names = names_of(files);
	ck_assert_msg(g_str_has_prefix(names, want), "%s: %s", symbol, names);
}

START_TEST(a_file_comes_first_with_its_imports_once)
{
	g_autoptr(GPtrArray) files = dm_descset_by_file(set, "dmmaster.proto");
	g_autofree char *names = names_of(files);

	ck_assert_str_eq(
	    names, "dmmaster.proto dmworker.proto google/protobuf/empty.proto");
}
END_TEST

START_TEST(a_file_without_imports_comes_alone)
{
	g_autoptr(GPtrArray) files = dm_descset_by_file(set, "health.proto");
	g_autofree char *names = names_of(files);

	ck_assert_str_eq(names, "health.proto");
}
END_TEST

START_TEST(every_kind_of_symbol_is_found)
{
	symbol_is_in("pb.Master", "dmmaster.proto ");
	symbol_is_in("pb.Master.StartTask", "dmmaster.proto ");
	symbol_is_in("pb.StartTaskRequest", "dmmaster.proto ");
	symbol_is_in("pb.StartTaskRequest.task", "dmmaster.proto ");
	symbol_is_in("pb.TaskOp", "dmworker.proto");
	symbol_is_in("pb.Pause", "dmworker.proto"); /* a value of TaskOp */
	symbol_is_in("dm.v1.WorkerMessage.m", "dmsession.proto");
	symbol_is_in(
	    "grpc.health.v1.HealthCheckResponse.SERVING", "health.proto");
	symbol_is_in(
	    "grpc.health.v1.HealthCheckResponse.ServingStatus", "health.proto");
	symbol_is_in("grpc.reflection.v1.ServerReflection", "reflection.proto");
	symbol_is_in("grpc.reflection.v1alpha.ServerReflection",
	    "reflection_v1alpha.proto");
	symbol_is_in("google.protobuf.Empty", "google/protobuf/empty.proto");
	symbol_is_in(".pb.Master", "dmmaster.proto ");
}
END_TEST

START_TEST(what_is_unknown_is_not_found)
{
	static const char *const none[] = { "", ".", "pb", "pb.", "pb.master",
		"Master", "pb.Master.", "..pb.Master",
		"pb.StartTaskRequest.task.x" };

	for (size_t i = 0; i < DM_ARRAY_SIZE(none); i++)
		ck_assert_msg(
		    dm_descset_by_symbol(set, none[i]) == NULL, "%s", none[i]);
	ck_assert_ptr_null(dm_descset_by_file(set, ""));
	ck_assert_ptr_null(dm_descset_by_file(set, "/etc/passwd"));
	ck_assert_ptr_null(dm_descset_by_file(set, "../proto/health.proto"));
}
END_TEST

START_TEST(messages_are_told_from_others)
{
	ck_assert(dm_descset_is_message(set, "pb.StartTaskRequest"));
	ck_assert(dm_descset_is_message(set, ".pb.StartTaskRequest"));
	ck_assert(!dm_descset_is_message(set, "pb.Master"));
	ck_assert(!dm_descset_is_message(set, "pb.TaskOp"));
	ck_assert(!dm_descset_is_message(set, "pb.StartTaskRequest.task"));
}
END_TEST

static void
is_refused(const uint8_t *data, size_t size, const char *text)
{
	struct dm_descset *s = NULL;
	DM_AUTO(dm_err) err = dm_descset_new(data, size, &s);

	ck_assert_ptr_nonnull(err);
	ck_assert_ptr_null(s);
	ck_assert_msg(strstr(err->message, text) != NULL, "%s", err->message);
}

START_TEST(malformed_sets_are_refused)
{
	/* file { name: "a" dependency: "b" } */
	static const uint8_t no_import[] = { 0x0a, 6, 0x0a, 1, 'a', 0x1a, 1,
		'b' };
	/* file { name: "a" dependency: "a" } */
	static const uint8_t self[] = { 0x0a, 6, 0x0a, 1, 'a', 0x1a, 1, 'a' };
	static const uint8_t no_name[] = { 0x0a, 0 };
	static const uint8_t cut[] = { 0x0a, 9, 0x0a };

	is_refused(no_import, sizeof(no_import), "a imports b");
	is_refused(self, sizeof(self), "a imports a");
	is_refused(no_name, sizeof(no_name), "no name");
	is_refused(cut, sizeof(cut), "malformed");
}
END_TEST

START_TEST(a_package_may_be_missing)
{
	/* file { name: "a" message_type { name: "M" } } */
	static const uint8_t data[] = { 0x0a, 8, 0x0a, 1, 'a', 0x22, 3, 0x0a, 1,
		'M' };
	DM_AUTO(dm_descset) s = NULL;

	ck_assert_ptr_null(dm_descset_new(data, sizeof(data), &s));
	ck_assert(dm_descset_is_message(s, "M"));
	g_ptr_array_unref(dm_descset_by_symbol(s, ".M"));
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("lib/rpc/descset");
	TCase *tc = tcase_create("descset");
	SRunner *sr = srunner_create(s);
	int failed;

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, a_file_comes_first_with_its_imports_once);
	tcase_add_test(tc, a_file_without_imports_comes_alone);
	tcase_add_test(tc, every_kind_of_symbol_is_found);
	tcase_add_test(tc, what_is_unknown_is_not_found);
	tcase_add_test(tc, messages_are_told_from_others);
	tcase_add_test(tc, malformed_sets_are_refused);
	tcase_add_test(tc, a_package_may_be_missing);
	suite_add_tcase(s, tc);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
