/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rows of a dump's data file: the window on the file, and what comes out.
 *
 * DESIGN: the window moves behind each row and grows while a row does not fit.
 * Parsing of a row begins anew when it was found to be very large, so the state
 * changes only where a row is complete.
 */
#include "lib/dump/rows.h"

#include "lib/dump/rows_int.h"

#include <inttypes.h>
#include <string.h>

#define WINDOW_BYTES ((size_t)256 << 10)

static void
free_columns(gpointer columns)
{
	g_strfreev(columns);
}

struct dm_dump_rows *
dm_dump_rows_new(bool csv, const char *path, dm_dump_read_fn *read, void *arg)
{
	struct dm_dump_rows *r = g_new0(struct dm_dump_rows, 1);

	r->csv = csv;
	r->path = g_strdup(path);
	r->read = read;
	r->arg = arg;
	r->cap = WINDOW_BYTES;
	r->buf = g_malloc(r->cap);
	r->pieces = g_array_new(FALSE, FALSE, sizeof(struct rows_piece));
	r->cells = g_array_new(FALSE, FALSE, sizeof(struct dm_dump_cell));
	r->decoded = g_string_new(NULL);
	return r;
}

void
dm_dump_rows_free(struct dm_dump_rows *r)
{
	if (r == NULL)
		return;
	g_array_unref(r->pieces);
	g_array_unref(r->cells);
	g_string_free(r->decoded, TRUE);
	free_columns(r->columns);
	dm_err_free(r->err);
	g_free(r->charset);
	g_free(r->time_zone);
	g_free(r->want_db);
	g_free(r->want_table);
	g_free(r->path);
	g_free(r->buf);
	g_free(r);
}

void
dm_dump_rows_expect(struct dm_dump_rows *r, const char *db, const char *table)
{
	r->want_db = g_strdup(db);
	r->want_table = g_strdup(table);
}

void
dm_dump_rows_no_escapes(struct dm_dump_rows *r)
{
	r->no_escapes = true;
}

bool
rows_fail(struct dm_dump_rows *r, const char *what)
{
	g_autofree char *text = NULL;

	if (r->err != NULL || r->large)
		return false;
	text = g_strdup_printf(
	    "file %s, offset %" PRIu64 ": %s", r->path, r->base + r->at, what);
	r->err = dm_err_set_workaround(dm_err_new(LOAD_LIGHTNING_RUNTIME, text),
	    "the file was cut off or edited, or comes from a tool whose form "
	    "is not known: put the right file there, then `resume-task`, or "
	    "dump anew and begin with `start-task --remove-meta`");
	return false;
}

/* Room behind the window's bytes. */
static bool
make_room(struct dm_dump_rows *r)
{
	if (r->mark > 0) {
		memmove(r->buf, r->buf + r->mark, r->len - r->mark);
		r->base += r->mark;
		r->len -= r->mark;
		r->at -= r->mark;
		r->mark = 0;
	}
	if (r->len < r->cap)
		return true;
	if (r->cap >= DM_DUMP_LARGE_BYTES && !r->allow_large) {
		r->large = true;
		return false;
	}
	if (r->cap >= DM_DUMP_ROW_MAX)
		return rows_fail(r, "a row or statement of more than 1 GiB");
	r->cap *= 2;
	r->buf = g_realloc(r->buf, r->cap);
	return true;
}

bool
rows_more(struct dm_dump_rows *r)
{
	size_t got = 0, room;

	if (r->eof || r->err != NULL || r->large || !make_room(r))
		return false;
	/* Not far behind a large row: what follows may be one, too, and would
	 * be in the window without having been told of. */
	room = r->cap - r->len;
	if (r->cap > DM_DUMP_LARGE_BYTES)
		room = MIN(room, WINDOW_BYTES);
	r->err = r->read(r->arg, r->buf + r->len, room, &got);
	if (r->err != NULL)
		return false;
	r->len += got;
	r->eof = got == 0;
	return got > 0;
}

int
rows_peek(struct dm_dump_rows *r)
{
	if (r->at >= r->len && !rows_more(r))
		return -1;
	return (unsigned char)r->buf[r->at];
}

void
rows_add_piece(
    struct dm_dump_rows *r, enum dm_dump_value kind, size_t start, size_t end)
{
	struct rows_piece p = { kind, start, end };

	g_array_append_val(r->pieces, p);
}

static void
fill_row(struct dm_dump_rows *r, struct dm_dump_row *row)
{
	const char *from = r->csv ? r->decoded->str : r->buf + r->mark;

	g_array_set_size(r->cells, 0);
	for (guint i = 0; i < r->pieces->len; i++) {
		const struct rows_piece *p =
		    &g_array_index(r->pieces, struct rows_piece, i);
		struct dm_dump_cell c = { p->kind, from + p->start,
			p->end - p->start };

		g_array_append_val(r->cells, c);
	}
	*row = (struct dm_dump_row){
		.cells = (const struct dm_dump_cell *)(void *)r->cells->data,
		.n = r->cells->len,
		.tuple = r->csv ? NULL : r->buf + r->mark,
		.tuple_len = r->csv ? 0 : r->at - r->mark,
		.columns = r->columns,
		.charset = r->charset,
		.time_zone = r->time_zone,
		.no_escapes = r->no_escapes,
		.start = r->base + r->mark,
		.end = r->base + r->at
	};
}

struct dm_err *
dm_dump_rows_next(
    struct dm_dump_rows *r, struct dm_dump_row *row, enum dm_dump_next *what)
{
	bool found = false, ok;

	if (r->err != NULL)
		return dm_err_copy(r->err);
	ok = r->csv ? rows_csv_next(r, &found) : rows_sql_next(r, &found);
	if (ok && !found && r->base + r->len == 0)
		ok = rows_fail(r, "the file is empty, which no dump tool "
				  "writes: it is cut off");
	if (!ok && r->large) {
		r->large = false;
		r->at = r->mark;
		*what = DM_DUMP_LARGE;
		return NULL;
	}
	if (!ok)
		return dm_err_copy(r->err);
	*what = found ? DM_DUMP_ROW : DM_DUMP_END;
	if (found)
		fill_row(r, row);
	return NULL;
}

void
dm_dump_rows_allow_large(struct dm_dump_rows *r, bool allow)
{
	r->allow_large = allow;
	if (allow || r->cap <= DM_DUMP_LARGE_BYTES)
		return;
	r->mark = r->at;
	memmove(r->buf, r->buf + r->mark, r->len - r->mark);
	r->base += r->mark;
	r->len -= r->mark;
	r->at = r->mark = 0;
	r->cap = MAX(r->len, DM_DUMP_LARGE_BYTES);
	r->buf = g_realloc(r->buf, r->cap);
	g_string_free(r->decoded, TRUE);
	r->decoded = g_string_new(NULL);
}
