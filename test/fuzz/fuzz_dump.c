/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files of dumps. Whatever the bytes are, reading ends without a crash; rows
 * lie within the file, one behind the other; and what comes in small pieces is
 * read as what comes at once. FORMAT of the input: one byte says what kind of
 * file it is, the rest is it.
 */
#include "lib/dump/metadata.h"
#include "lib/dump/name.h"
#include "lib/dump/rows.h"
#include "test/support/pieces.h"

#include <string.h>

/* Beyond it nothing new is found, only slowly. */
#define INPUT_MAX 4096

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Everything that was read, as one text. */
static GString *
read_rows(bool csv, const uint8_t *data, size_t size, size_t step)
{
	struct pieces s = { data, size, step };
	DM_AUTO(dm_dump_rows)
	r = dm_dump_rows_new(csv, "f", pieces_read, &s);
	GString *out = g_string_new(NULL);
	uint64_t last = 0;

	if (size % 2 == 1)
		dm_dump_rows_no_escapes(r);
	if (size % 4 == 0)
		dm_dump_rows_expect(r, "d", "t");
	for (;;) {
		struct dm_dump_row row;
		enum dm_dump_next what;
		DM_AUTO(dm_err) err = dm_dump_rows_next(r, &row, &what);

		if (err != NULL) {
			g_string_append(out, err->message);
			break;
		}
		dm_assert(what != DM_DUMP_LARGE);
		if (what == DM_DUMP_END)
			break;
		dm_assert(row.start >= last && row.end > row.start);
		dm_assert(row.end <= size);
		last = row.end;
		for (size_t i = 0; i < row.n; i++)
			g_string_append_len(
			    out, row.cells[i].text, (gssize)row.cells[i].len);
		g_string_append_printf(out, "|%u\n", (unsigned)row.end);
	}
	return out;
}

static void
check_rows(bool csv, const uint8_t *data, size_t size)
{
	g_autoptr(GString) whole = read_rows(csv, data, size, size + 1);
	g_autoptr(GString) pieces = read_rows(csv, data, size, 3);

	dm_assert(g_string_equal(whole, pieces));
}

static void
check_metadata(const uint8_t *data, size_t size)
{
	struct dm_dump_metadata m;
	DM_AUTO(dm_err)
	err = dm_dump_metadata_parse("f", (const char *)data, size, &m);

	if (err == NULL)
		dm_dump_metadata_clear(&m);
}

static void
check_name(const uint8_t *data, size_t size)
{
	g_autofree char *file = g_strndup((const char *)data, size);
	g_autofree char *escaped = dm_dump_name_escape(file);
	g_autofree char *again = g_strconcat(escaped, ".t.sql", NULL);
	struct dm_dump_name n;

	(void)dm_dump_name_parse(file, &n);
	dm_dump_name_clear(&n);
	if (file[0] == '\0')
		return;
	dm_assert(dm_dump_name_parse(again, &n));
	dm_assert(strcmp(n.db, file) == 0);
	dm_dump_name_clear(&n);
}

static void
check_statements(const uint8_t *data, size_t size)
{
	g_autoptr(GPtrArray) all = NULL;
	DM_AUTO(dm_err)
	err = dm_dump_statements("f", (const char *)data, size, &all);

	dm_assert((err == NULL) == (all != NULL));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 1 || size > INPUT_MAX)
		return 0;
	switch (data[0] % 5) {
	case 0:
		check_rows(false, data + 1, size - 1);
		break;
	case 1:
		check_rows(true, data + 1, size - 1);
		break;
	case 2:
		check_metadata(data + 1, size - 1);
		break;
	case 3:
		check_name(data + 1, size - 1);
		break;
	default:
		check_statements(data + 1, size - 1);
		break;
	}
	return 0;
}
