/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Expressions of a task file. Whatever the text is, it is refused or evaluated
 * without a crash, and twice over one row gives the same.
 * FORMAT of the input: one byte chooses the row, the rest is the text.
 */
#include "lib/expr/expr.h"

#include <string.h>

/* Beyond it nothing new is found, only slowly. */
#define INPUT_MAX 1024

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const elements[] = { "a", "b", NULL };

static const struct dm_expr_column columns[] = {
	{ .name = "i", .type = DM_EXPR_INT },
	{ .name = "u", .type = DM_EXPR_UINT },
	{ .name = "b", .type = DM_EXPR_BIT },
	{ .name = "y", .type = DM_EXPR_YEAR },
	{ .name = "d", .type = DM_EXPR_DECIMAL, .decimals = 3 },
	{ .name = "f", .type = DM_EXPR_DOUBLE },
	{ .name = "t", .type = DM_EXPR_DATETIME, .decimals = 6 },
	{ .name = "c", .type = DM_EXPR_TIME },
	{ .name = "s",
	    .type = DM_EXPR_TEXT,
	    .charset = "utf8mb4",
	    .collation = "utf8mb4_general_ci" },
	{ .name = "n",
	    .type = DM_EXPR_TEXT,
	    .charset = "utf8mb4",
	    .collation = "utf8mb4_unicode_ci" },
	{ .name = "l",
	    .type = DM_EXPR_TEXT,
	    .charset = "latin1",
	    .collation = "latin1_swedish_ci" },
	{ .name = "r", .type = DM_EXPR_BINARY, .fill = 5 },
	{ .name = "e",
	    .type = DM_EXPR_ENUM,
	    .charset = "utf8mb4",
	    .collation = "utf8mb4_bin",
	    .elements = elements },
	{ .name = "z",
	    .type = DM_EXPR_SET,
	    .charset = "utf8mb4",
	    .collation = "utf8mb4_bin",
	    .elements = elements },
};

static void
get(void *arg, unsigned column, struct dm_expr_value *v)
{
	static const char *const texts[] = { "-99999999999999999999.999",
		"9999-12-31 23:59:59.999999", "-838:59:59", "a\xff\xc3",
		"Str\xc3\xa9 \xf0\x9f\x98\x80", "\x80\xe9", "" };
	const uint8_t *row = arg;

	v->kind = DM_EXPR_V_NULL;
	if (*row % 4 == 3)
		return;
	v->kind = DM_EXPR_V_UINT;
	v->u = *row % 4 == 0 ? UINT64_MAX : *row;
	if (columns[column].type == DM_EXPR_INT) {
		v->kind = DM_EXPR_V_INT;
		v->i = *row % 4 == 0 ? INT64_MIN : *row;
	} else if (columns[column].type == DM_EXPR_DOUBLE) {
		v->kind = DM_EXPR_V_DOUBLE;
		v->d = *row % 4 == 0 ? -1.7e308 : *row / 7.0;
	} else if (column == 4 || (column >= 6 && column <= 11)) {
		v->kind = DM_EXPR_V_BYTES;
		v->p = texts[column == 4 ? 0 : column - 5];
		v->len = strlen(v->p);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	g_autofree char *text = NULL, *unknown = NULL;
	DM_AUTO(dm_expr) e = NULL;
	uint8_t row = size > 0 ? data[0] : 0;
	bool first = false, second = false;
	struct dm_err *err;

	if (size < 1 || size > INPUT_MAX)
		return 0;
	text = g_strndup((const char *)data + 1, size - 1);
	err = dm_expr_new(
	    text, columns, DM_ARRAY_SIZE(columns), 3600, &e, &unknown);
	dm_assert((err != NULL) + (e != NULL) + (unknown != NULL) == 1);
	dm_err_free(err);
	if (e == NULL)
		return 0;
	err = dm_expr_test(e, get, &row, &first);
	dm_err_free(err);
	err = dm_expr_test(e, get, &row, &second);
	dm_err_free(err);
	dm_assert(first == second);
	return 0;
}
