/* SPDX-License-Identifier: Apache-2.0 */
/* The suite of worker/copy/encode.c. */
#include "worker/copy/encode.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

struct fake_rows {
	const char *const (*cells)[2];
	size_t (*lengths)[2];
	unsigned n, at;
};

static struct dm_err *
next_row(void *arg, struct dm_sql_row *row, bool *more)
{
	struct fake_rows *f = arg;

	*more = f->at < f->n;
	if (!*more)
		return NULL;
	row->cells = f->cells[f->at];
	row->lengths = f->lengths[f->at];
	row->n = 2;
	f->at++;
	return NULL;
}

static struct copy_column columns[] = {
	{ .carry = COPY_RAW },
	{ .carry = COPY_UINT, .is_enum = true },
};
static const struct copy_shape shape = { .columns = columns, .n_columns = 2 };

static const char *const cells[][2] = {
	{ "a\tb\nc\\d", "0" },
	{ NULL, "3" },
	{ "\0\x1a\xff", NULL },
	{ "", "0" },
};
static size_t lengths[][2] = { { 7, 1 }, { 0, 1 }, { 3, 0 }, { 0, 1 } };
static const char loaded[] =
    "a\\tb\\nc\\\\d\t0\n\\N\t3\n\0\x1a\xff\t\\N\n\t0\n";

static struct copy_encoder
encoder_of(struct fake_rows *f)
{
	*f = (struct fake_rows){ .cells = cells, .lengths = lengths, .n = 4 };
	return (
	    struct copy_encoder){ .shape = &shape, .next = next_row, .arg = f };
}

/* _i: the buffer's size less 16 */
START_TEST(load_text_is_the_same_in_pieces_of_any_size)
{
	struct fake_rows f;
	struct copy_encoder e = encoder_of(&f);
	g_autoptr(GString) got = g_string_new(NULL);
	struct dm_err *err = NULL;
	char buf[128];

	for (;;) {
		ssize_t n = copy_encode_load(&e, buf, (size_t)_i + 16, &err);

		ck_assert_ptr_null(err);
		ck_assert_int_le(n, _i + 16);
		if (n == 0)
			break;
		g_string_append_len(got, buf, n);
	}
	ck_assert_uint_eq(got->len, sizeof(loaded) - 1);
	ck_assert_mem_eq(got->str, loaded, got->len);
	ck_assert_uint_eq(e.rows, 4);
	ck_assert_uint_eq(e.bytes, 7 + 1 + 1 + 3 + 1);
	ck_assert_uint_eq(e.enum_zeros, 2);
}
END_TEST

START_TEST(a_value_larger_than_the_buffer_passes_through)
{
	g_autofree char *big = g_malloc(100000);
	const char *row[][2] = { { big, "1" } };
	size_t len[][2] = { { 100000, 1 } };
	struct fake_rows f = {
		.cells = (const char *const(*)[2])row, .lengths = len, .n = 1
	};
	struct copy_encoder e = {
		.shape = &shape, .next = next_row, .arg = &f
	};
	struct dm_err *err = NULL;
	size_t total = 0;
	char buf[4096];
	ssize_t n;

	memset(big, '\n', 100000);
	while ((n = copy_encode_load(&e, buf, sizeof(buf), &err)) > 0)
		total += (size_t)n;
	ck_assert_int_eq(n, 0);
	ck_assert_uint_eq(total, 200000 + 3);
}
END_TEST

START_TEST(tuples_quote_text_and_leave_numbers_bare)
{
	struct fake_rows f;
	struct copy_encoder e = encoder_of(&f);
	g_autoptr(GString) sql = g_string_new(NULL);
	bool more = true;

	f.n = 2;
	while (more) {
		struct dm_err *err = copy_encode_tuple(&e, sql, &more);

		ck_assert_ptr_null(err);
	}
	ck_assert_ptr_nonnull(strstr(sql->str, "c\\\\d',0)(NULL,3)"));
	ck_assert_uint_eq(e.rows, 2);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("worker/copy/encode");
	TCase *tc = tcase_create("encode");
	SRunner *sr = srunner_create(s);
	int failed;

	tcase_add_loop_test(
	    tc, load_text_is_the_same_in_pieces_of_any_size, 0, 64);
	tcase_add_test(tc, a_value_larger_than_the_buffer_passes_through);
	tcase_add_test(tc, tuples_quote_text_and_leave_numbers_bare);
	suite_add_tcase(s, tc);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
