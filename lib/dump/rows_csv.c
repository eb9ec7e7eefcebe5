/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CSV files of a dump.
 *
 * FORMAT: a line of column names, then a line for each row, ended by CR LF or
 * LF; values apart by commas; a text in " with backslash escapes or with its
 * quotes doubled; \N without quotes is NULL. The last line has an end, too, so
 * that a file that was cut off is seen.
 */
#include "lib/dump/rows_int.h"
#include "lib/sql/sql.h"

#include <string.h>

#define CUT                                                                    \
	"the file ends within a row: it is cut off (or only its last line "    \
	"end is missing)"

static bool
cut_off(struct dm_dump_rows *r)
{
	return rows_fail(r, CUT);
}

/* Behind a backslash. */
static bool
read_escape(struct dm_dump_rows *r)
{
	int c = rows_peek(r);

	if (c < 0)
		return cut_off(r);
	r->at++;
	g_string_append_c(r->decoded, dm_sql_unescape((char)c));
	return true;
}

static bool
read_quoted(struct dm_dump_rows *r)
{
	r->at++;
	for (;;) {
		int c = rows_peek(r);

		if (c < 0)
			return cut_off(r);
		r->at++;
		if (c == '"') {
			if (rows_peek(r) != '"')
				return r->err == NULL && !r->large;
			r->at++;
			g_string_append_c(r->decoded, '"');
		} else if (c == '\\' && !r->no_escapes) {
			if (!read_escape(r))
				return false;
		} else {
			g_string_append_c(r->decoded, (char)c);
		}
	}
}

/* Without quotes; *null: it was \N. */
static bool
read_bare(struct dm_dump_rows *r, bool *null)
{
	size_t start = r->at - r->mark;

	for (;;) {
		int c = rows_peek(r);
		size_t n = r->at - r->mark - start;

		if (c < 0)
			return cut_off(r);
		if (c == ',' || c == '\n' || c == '\r') {
			*null = n == 2 &&
				memcmp(r->buf + r->mark + start, "\\N", 2) == 0;
			return true;
		}
		if (c == '"')
			return rows_fail(r, "a quote within a value that does "
					    "not begin with one");
		r->at++;
		if (c == '\\' && !r->no_escapes) {
			if (!read_escape(r))
				return false;
		} else {
			g_string_append_c(r->decoded, (char)c);
		}
	}
}

/* One line into pieces. */
static bool
read_line(struct dm_dump_rows *r)
{
	int c;

	g_array_set_size(r->pieces, 0);
	g_string_truncate(r->decoded, 0);
	do {
		size_t start = r->decoded->len;
		bool null = false, ok;

		ok = rows_peek(r) == '"' ? read_quoted(r) : read_bare(r, &null);
		if (!ok)
			return false;
		rows_add_piece(r, null ? DM_DUMP_NULL : DM_DUMP_TEXT, start,
		    r->decoded->len);
		c = rows_peek(r);
		if (c == ',')
			r->at++;
	} while (c == ',');
	if (c == '\r') {
		r->at++;
		c = rows_peek(r);
	}
	if (c < 0)
		return cut_off(r);
	if (c != '\n')
		return rows_fail(r, "something behind a value's last quote");
	r->at++;
	return true;
}

static void
take_head(struct dm_dump_rows *r)
{
	r->columns = g_new0(char *, r->pieces->len + 1);
	for (guint i = 0; i < r->pieces->len; i++) {
		const struct rows_piece *p =
		    &g_array_index(r->pieces, struct rows_piece, i);

		r->columns[i] =
		    g_strndup(r->decoded->str + p->start, p->end - p->start);
	}
	r->head_done = true;
}

bool
rows_csv_next(struct dm_dump_rows *r, bool *found)
{
	*found = false;
	r->mark = r->at;
	if (!r->head_done) {
		if (rows_peek(r) < 0)
			return r->err == NULL && !r->large;
		if (!read_line(r))
			return false;
		take_head(r);
		r->mark = r->at;
	}
	if (rows_peek(r) < 0)
		return r->err == NULL && !r->large;
	if (!read_line(r))
		return false;
	if (r->pieces->len != g_strv_length(r->columns)) {
		r->at = r->mark;
		return rows_fail(r, "a row that has not as many values as the "
				    "first line has names");
	}
	*found = true;
	return true;
}
