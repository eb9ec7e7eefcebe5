/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rows as LOAD DATA text and as tuples of INSERT.
 *
 * The LOAD form is pulled by the client library: the encoder fetches source
 * rows as it needs them and stops anywhere, also in the middle of a value, so
 * a row of any size passes through a small buffer.
 * FORMAT: values apart by TAB, rows ended by LF, NULL is \N; TAB, LF and
 * backslash within a value are \t, \n, \\; all other bytes as they are.
 */
#include "worker/copy/encode.h"

#include "lib/base/defect.h"

#include <string.h>

/* The longest thing written in one piece: separator and \N. */
#define PIECE_MAX 4

/* Fetch the next row if there is none. */
static struct dm_err *
need_row(struct copy_encoder *e)
{
	struct dm_err *err;
	bool more = false;

	if (e->in_row || e->ended)
		return NULL;
	err = e->next(e->arg, &e->row, &more);
	if (err != NULL)
		return err;
	if (!more) {
		e->ended = true;
		return NULL;
	}
	e->in_row = true;
	e->cell = 0;
	e->offset = 0;
	e->head_done = false;
	e->rows++;
	for (unsigned i = 0; i < e->shape->n_columns && i < e->row.n; i++) {
		const char *cell = e->row.cells[i];

		if (cell == NULL)
			continue;
		e->bytes += e->row.lengths[i];
		if (e->shape->columns[i].is_enum && strcmp(cell, "0") == 0)
			e->enum_zeros++;
	}
	return NULL;
}

static char
escape_of(char c)
{
	switch (c) {
	case '\t':
		return 't';
	case '\n':
		return 'n';
	case '\\':
		return '\\';
	default:
		return 0;
	}
}

/* Bytes of one value; returns how many were written. */
static size_t
put_value(struct copy_encoder *e, char *out, size_t size)
{
	const char *cell = e->row.cells[e->cell];
	size_t len = e->row.lengths[e->cell], from = e->offset, n = 0;

	while (from < len && n + 2 <= size) {
		char esc = escape_of(cell[from]);

		if (esc != 0) {
			out[n++] = '\\';
			out[n++] = esc;
		} else {
			out[n++] = cell[from];
		}
		if (DM_DEFECT_IS(ONE_BYTE_COPY) && from == 200)
			out[n - 1] ^= 1;
		from++;
	}
	e->offset = from;
	return n;
}

/* A part of the current row; the row is done when e->in_row is false. */
static size_t
put_row(struct copy_encoder *e, char *out, size_t size)
{
	size_t n = 0;

	while (size - n >= PIECE_MAX) {
		if (e->cell >= e->row.n) {
			out[n++] = '\n';
			e->in_row = false;
			return n;
		}
		if (!e->head_done) {
			if (e->cell > 0)
				out[n++] = '\t';
			e->head_done = true;
			e->offset = 0;
			if (e->row.cells[e->cell] == NULL) {
				out[n++] = '\\';
				out[n++] = 'N';
			}
		}
		if (e->row.cells[e->cell] != NULL) {
			n += put_value(e, out + n, size - n);
			if (e->offset < e->row.lengths[e->cell])
				return n;
		}
		e->cell++;
		e->head_done = false;
	}
	return n;
}

ssize_t
copy_encode_load(void *encoder, char *buf, size_t size, struct dm_err **err)
{
	struct copy_encoder *e = encoder;
	size_t n = 0;

	dm_assert(size >= 4 * PIECE_MAX);
	while (size - n >= PIECE_MAX) {
		*err = need_row(e);
		if (*err != NULL)
			return -1;
		if (e->ended)
			break;
		n += put_row(e, buf + n, size - n);
		/* A row that did not fit goes on in the next buffer. */
		if (e->in_row)
			break;
	}
	return (ssize_t)n;
}

struct dm_err *
copy_encode_tuple(struct copy_encoder *e, GString *sql, bool *more)
{
	struct dm_err *err = need_row(e);

	if (err != NULL)
		return err;
	*more = !e->ended;
	if (e->ended)
		return NULL;
	g_string_append_c(sql, '(');
	for (unsigned i = 0; i < e->shape->n_columns && i < e->row.n; i++) {
		const char *cell = e->row.cells[i];
		enum copy_carry carry = e->shape->columns[i].carry;

		if (i > 0)
			g_string_append_c(sql, ',');
		if (cell == NULL) {
			g_string_append(sql, "NULL");
			continue;
		}
		if (carry == COPY_NUMBER || carry == COPY_UINT) {
			g_string_append_len(
			    sql, cell, (gssize)e->row.lengths[i]);
			continue;
		}
		if (carry == COPY_UTF8)
			g_string_append(sql, "_utf8mb4");
		dm_sql_append_string(sql, cell, e->row.lengths[i]);
	}
	g_string_append_c(sql, ')');
	e->in_row = false;
	return NULL;
}
