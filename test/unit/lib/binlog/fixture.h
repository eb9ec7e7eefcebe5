/* SPDX-License-Identifier: Apache-2.0 */
/* Reading a captured binlog file, event by event, and showing its rows. */
#ifndef DM_TEST_UNIT_LIB_BINLOG_FIXTURE_H
#define DM_TEST_UNIT_LIB_BINLOG_FIXTURE_H

#include "lib/binlog/rows.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#define FIXTURES    "test/unit/lib/binlog/fixtures/"
#define MAX_COLUMNS 64

struct fixture {
	gchar *bytes;
	gsize size, at;
	struct dm_binlog_format format;
	struct dm_arena arena;
	/* The event that fixture_next read. */
	struct dm_event_header h;
	const uint8_t *raw, *body;
	size_t body_len;
};

static inline void
fixture_open(struct fixture *f, const char *name)
{
	g_autofree char *path = g_strconcat(FIXTURES, name, NULL);

	memset(f, 0, sizeof(*f));
	ck_assert_msg(g_file_get_contents(path, &f->bytes, &f->size, NULL),
	    "%s: run from the root of the project", path);
	f->at = 4; /* behind the file's magic */
	dm_binlog_format_default(&f->format);
}

static inline void
fixture_close(struct fixture *f)
{
	g_free(f->bytes);
	dm_arena_fini(&f->arena);
}

static inline void
must(struct dm_err *err)
{
	g_autofree char *text = err != NULL ? dm_err_text(err) : NULL;

	ck_assert_msg(err == NULL, "%s", text);
}

/* The next event; false at the end. */
static inline bool
fixture_next(struct fixture *f)
{
	const uint8_t *p = (const uint8_t *)f->bytes + f->at;
	size_t size;

	if (f->at == f->size)
		return false;
	ck_assert_uint_ge(f->size - f->at, DM_EVENT_HEADER_SIZE);
	size = (size_t)p[9] | (size_t)p[10] << 8 | (size_t)p[11] << 16;
	ck_assert_uint_ge(f->size - f->at, size);
	f->raw = p;
	f->at += size;
	must(
	    dm_event_split(&f->format, p, size, &f->h, &f->body, &f->body_len));
	if (f->h.type == DM_EV_FORMAT_DESCRIPTION)
		must(dm_format_description_decode(p, size, &f->format));
	return true;
}

/* The next event of a type. */
static inline void
fixture_find(struct fixture *f, uint8_t type)
{
	do
		ck_assert_msg(fixture_next(f), "no event of type %u", type);
	while (f->h.type != type);
}

/* The map of the next rows of a table, whose event is then the current. */
static inline struct dm_table_map *
fixture_find_rows(struct fixture *f, const char *table)
{
	struct dm_table_map *map = NULL;

	for (;;) {
		dm_table_map_free(map);
		fixture_find(f, DM_EV_TABLE_MAP);
		must(dm_table_map_decode(
		    &f->format, f->body, f->body_len, &map));
		if (strcmp(map->table, table) == 0)
			break;
	}
	ck_assert(fixture_next(f));
	return map;
}

static inline void
append_value(GString *s, const struct dm_value *v)
{
	switch (v->kind) {
	case DM_VAL_ABSENT:
		g_string_append_c(s, '-');
		break;
	case DM_VAL_NULL:
		g_string_append(s, "NULL");
		break;
	case DM_VAL_INT:
		g_string_append_printf(s, "%" G_GINT64_FORMAT, v->i);
		break;
	case DM_VAL_UINT:
		g_string_append_printf(s, "%" G_GUINT64_FORMAT, v->u);
		break;
	case DM_VAL_FLOAT:
		g_string_append_printf(s, "%.9g", (double)v->f);
		break;
	case DM_VAL_DOUBLE:
		g_string_append_printf(s, "%.17g", v->d);
		break;
	case DM_VAL_TEXT:
	case DM_VAL_JSON:
		g_string_append_len(s, v->bytes.p, (gssize)v->bytes.len);
		break;
	case DM_VAL_BYTES:
		/* Long ones are compared apart; special bytes as \xx. */
		if (v->bytes.len > 64) {
			g_string_append_printf(s, "<%zu>", v->bytes.len);
			break;
		}
		for (size_t i = 0; i < v->bytes.len; i++) {
			unsigned char c = (unsigned char)v->bytes.p[i];

			if (c >= ' ' && c < 0x7f)
				g_string_append_c(s, (char)c);
			else
				g_string_append_printf(s, "\\%02x", c);
		}
		break;
	}
}

/* "1|-128|NULL"; for an update "before => after". */
static inline char *
row_text(const struct dm_rows *r, const struct dm_table_map *map,
    const struct dm_value *before, const struct dm_value *after)
{
	GString *s = g_string_new(NULL);

	for (unsigned i = 0; r->before_bits != NULL && i < map->n_columns;
	     i++) {
		g_string_append(s, i > 0 ? "|" : "");
		append_value(s, &before[i]);
	}
	if (r->kind == DM_ROWS_UPDATE)
		g_string_append(s, " => ");
	for (unsigned i = 0; r->after_bits != NULL && i < map->n_columns; i++) {
		g_string_append(s, i > 0 ? "|" : "");
		append_value(s, &after[i]);
	}
	return g_string_free(s, FALSE);
}

/* All rows of the current event must be the lines of `expected`. */
static inline void
check_rows(struct fixture *f, const struct dm_table_map *map,
    const char *const *expected)
{
	struct dm_value before[MAX_COLUMNS], after[MAX_COLUMNS];
	struct dm_rows r;
	uint64_t id;
	bool more;

	must(
	    dm_rows_table_id(&f->format, f->h.type, f->body, f->body_len, &id));
	ck_assert_uint_eq(id, map->table_id);
	ck_assert_uint_le(map->n_columns, MAX_COLUMNS);
	must(dm_rows_begin(
	    &f->format, f->h.type, f->body, f->body_len, map, &r));
	for (;;) {
		g_autofree char *text = NULL;

		must(dm_rows_next(&r, map, &f->arena, before, after, &more));
		if (!more)
			break;
		text = row_text(&r, map, before, after);
		ck_assert_ptr_nonnull(*expected);
		ck_assert_str_eq(text, *expected++);
	}
	ck_assert_ptr_null(*expected);
	dm_rows_end(&r);
}

static inline void
check_next_rows(
    struct fixture *f, const char *table, const char *const *expected)
{
	struct dm_table_map *map = fixture_find_rows(f, table);

	check_rows(f, map, expected);
	dm_table_map_free(map);
}

static inline int
run_suite(Suite *s)
{
	SRunner *sr = srunner_create(s);
	int failed;

	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

#endif
