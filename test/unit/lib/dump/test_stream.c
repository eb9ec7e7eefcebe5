/* SPDX-License-Identifier: Apache-2.0 */
/* The suite of lib/dump/stream.c. */
#include "lib/dump/stream.h"

#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char dir[] = "/tmp/dm-stream-XXXXXX";
static char *path;

static void
setup(void)
{
	memset(dir + sizeof(dir) - 7, 'X', 6);
	ck_assert_ptr_nonnull(mkdtemp(dir));
	path = g_build_filename(dir, "f", NULL);
}

static void
teardown(void)
{
	(void)unlink(path);
	(void)rmdir(dir);
	g_free(path);
}

static GString *
text_of(size_t n)
{
	GString *s = g_string_new(NULL);

	for (unsigned i = 0; s->len < n; i++)
		g_string_append_printf(s, "row %u, %x\n", i, i * 2654435761u);
	g_string_truncate(s, n);
	return s;
}

static void
write_all(enum dm_dump_compress c, const GString *s, size_t step)
{
	DM_AUTO(dm_dump_output) out = NULL;
	struct dm_err *err = dm_dump_output_open(path, c, &out);

	ck_assert_ptr_null(err);
	for (size_t at = 0; at < s->len; at += step) {
		err = dm_dump_output_write(
		    out, s->str + at, MIN(step, s->len - at));
		ck_assert_ptr_null(err);
	}
	ck_assert_uint_eq(dm_dump_output_bytes(out), s->len);
	err = dm_dump_output_finish(out);
	ck_assert_ptr_null(err);
}

static struct dm_err *
read_all(enum dm_dump_compress c, GString *s)
{
	DM_AUTO(dm_dump_input) in = NULL;
	struct dm_err *err = dm_dump_input_open(path, c, &in);
	size_t got = 1;

	while (err == NULL && got > 0) {
		char buf[1000];

		err = dm_dump_input_read(in, buf, sizeof(buf), &got);
		if (err == NULL)
			g_string_append_len(s, buf, (gssize)got);
	}
	return err;
}

/* _i: the compression */
START_TEST(what_is_written_is_read)
{
	static const size_t sizes[] = { 0, 1, 999, 1000, 5000000 };

	for (size_t i = 0; i < DM_ARRAY_SIZE(sizes); i++) {
		g_autoptr(GString) s = text_of(sizes[i]);
		g_autoptr(GString) got = g_string_new(NULL);
		DM_AUTO(dm_err) err = NULL;

		write_all((enum dm_dump_compress)_i, s, 70001);
		err = read_all((enum dm_dump_compress)_i, got);
		ck_assert_ptr_null(err);
		ck_assert(g_string_equal(s, got));
		unlink(path);
	}
}
END_TEST

START_TEST(compressed_files_that_are_cut_off_are_errors)
{
	enum dm_dump_compress c = (enum dm_dump_compress)_i;
	g_autoptr(GString) s = text_of(100000);
	g_autofree char *file = NULL;
	size_t len;

	write_all(c, s, 1000);
	ck_assert(g_file_get_contents(path, &file, &len, NULL));
	ck_assert_uint_lt(len, s->len);
	for (size_t n = 1; n < len; n += len / 20) {
		g_autoptr(GString) got = g_string_new(NULL);
		DM_AUTO(dm_err) err = NULL;

		ck_assert(truncate(path, (off_t)(len - n)) == 0);
		err = read_all(c, got);
		ck_assert(dm_err_is(err, LOAD_LIGHTNING_RUNTIME));
		ck_assert(strstr(err->message, path) != NULL);
		ck_assert(got->len <= s->len);
		ck_assert(memcmp(got->str, s->str, got->len) == 0);
	}
}
END_TEST

START_TEST(damaged_files_are_errors)
{
	enum dm_dump_compress c = (enum dm_dump_compress)_i;
	g_autoptr(GString) got = g_string_new(NULL);
	DM_AUTO(dm_err) err = NULL;

	ck_assert(g_file_set_contents(path, "no compressed data", -1, NULL));
	err = read_all(c, got);
	ck_assert(dm_err_is(err, LOAD_LIGHTNING_RUNTIME));
	ck_assert(strstr(err->message, "damaged") != NULL);
}
END_TEST

START_TEST(files_one_behind_the_other_are_one)
{
	enum dm_dump_compress c = (enum dm_dump_compress)_i;
	g_autoptr(GString) s = text_of(5000);
	g_autoptr(GString) got = g_string_new(NULL);
	g_autofree char *file = NULL, *twice = NULL;
	DM_AUTO(dm_err) err = NULL;
	size_t len;

	write_all(c, s, 1000);
	ck_assert(g_file_get_contents(path, &file, &len, NULL));
	twice = g_malloc(2 * len);
	memcpy(twice, file, len);
	memcpy(twice + len, file, len);
	ck_assert(g_file_set_contents(path, twice, (gssize)(2 * len), NULL));
	err = read_all(c, got);
	ck_assert_ptr_null(err);
	ck_assert_uint_eq(got->len, 2 * s->len);
}
END_TEST

START_TEST(a_missing_file_is_named)
{
	DM_AUTO(dm_dump_input) in = NULL;
	DM_AUTO(dm_err)
	err = dm_dump_input_open("/nowhere/f", DM_DUMP_PLAIN, &in);

	ck_assert(dm_err_is(err, LOAD_LIGHTNING_RUNTIME));
	ck_assert(strstr(err->message, "/nowhere/f: No such") != NULL);
}
END_TEST

START_TEST(no_file_is_written_over)
{
	DM_AUTO(dm_dump_output) out = NULL;
	DM_AUTO(dm_err) err = NULL;

	ck_assert(g_file_set_contents(path, "precious", -1, NULL));
	err = dm_dump_output_open(path, DM_DUMP_PLAIN, &out);
	ck_assert(dm_err_is(err, DUMP_UNIT_RUNTIME));
	ck_assert_ptr_null(out);
}
END_TEST

START_TEST(a_full_disk_is_told_with_its_remedy)
{
	DM_AUTO(dm_err) err = dm_dump_write_error("write", "/d/f", ENOSPC);
	DM_AUTO(dm_err) right = dm_dump_write_error("write", "/d/f", EACCES);

	ck_assert(dm_err_is(err, DUMP_UNIT_RUNTIME));
	ck_assert_str_eq(err->cause, "/d/f: No space left on device");
	ck_assert(strstr(err->workaround, "make room") != NULL);
	ck_assert(strstr(right->workaround, "let the user") != NULL);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("lib/dump/stream");
	TCase *tc = tcase_create("all");
	SRunner *sr = srunner_create(s);
	int failed;

	tcase_set_timeout(tc, 60); /* for a disk that is busy with others */
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, what_is_written_is_read, 0, 3);
	tcase_add_loop_test(
	    tc, compressed_files_that_are_cut_off_are_errors, 1, 3);
	tcase_add_loop_test(tc, damaged_files_are_errors, 1, 3);
	tcase_add_loop_test(tc, files_one_behind_the_other_are_one, 1, 3);
	tcase_add_test(tc, a_missing_file_is_named);
	tcase_add_test(tc, no_file_is_written_over);
	tcase_add_test(tc, a_full_disk_is_told_with_its_remedy);
	suite_add_tcase(s, tc);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
