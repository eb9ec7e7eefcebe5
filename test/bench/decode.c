/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Speed of decoding: a binlog file to typed rows in one thread, checksums
 * verified, table maps and row events as the worker decodes them. The rows go
 * nowhere; a sum over their values keeps the work from being left out.
 *
 *   decode FILE       one line: MB EVENTS ROWS CPU-SECONDS MB/S SUM
 *
 * The file is in memory before the time begins. Compressed transactions and
 * events that carry no rows are only split from their neighbours.
 */
#include "lib/binlog/position.h"
#include "lib/binlog/rows.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct sink {
	struct dm_binlog_format format;
	GHashTable *maps; /* table id -> dm_table_map */
	struct dm_arena arena;
	struct dm_value before[4096], after[4096]; /* MySQL's most columns */
	uint64_t events, rows, sum;
};

static void
fail(struct dm_err *err, size_t at)
{
	g_autofree char *text = dm_err_text(err);

	fprintf(stderr, "decode: at %zu: %s\n", at, text);
	exit(1);
}

static void
add(struct sink *s, const struct dm_value *v, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		if (v[i].kind >= DM_VAL_TEXT)
			s->sum += v[i].bytes.len;
		else if (v[i].kind == DM_VAL_INT || v[i].kind == DM_VAL_UINT)
			s->sum += v[i].u;
		else
			s->sum += v[i].kind;
	}
}

static struct dm_err *
take_rows(struct sink *s, uint8_t type, const uint8_t *body, size_t len)
{
	const struct dm_table_map *map;
	struct dm_rows r = { 0 };
	uint64_t id = 0;
	bool more = true;
	struct dm_err *err = dm_rows_table_id(&s->format, type, body, len, &id);

	if (err != NULL)
		return err;
	map = g_hash_table_lookup(s->maps, &id);
	if (map == NULL)
		return dm_err_plain("rows of a table without a map");
	err = dm_rows_begin(&s->format, type, body, len, map, &r);
	while (err == NULL) {
		err = dm_rows_next(
		    &r, map, &s->arena, s->before, s->after, &more);
		if (err != NULL || !more)
			break;
		s->rows++;
		if (r.before_bits != NULL)
			add(s, s->before, map->n_columns);
		if (r.after_bits != NULL)
			add(s, s->after, map->n_columns);
	}
	dm_rows_end(&r);
	dm_arena_reset(&s->arena);
	return err;
}

static void
free_map(gpointer p)
{
	dm_table_map_free(p);
}

static struct dm_err *
take_map(struct sink *s, const uint8_t *body, size_t len)
{
	struct dm_table_map *map = NULL;
	struct dm_err *err = dm_table_map_decode(&s->format, body, len, &map);

	if (err == NULL)
		g_hash_table_replace(s->maps, &map->table_id, map);
	return err;
}

static struct dm_err *
take(struct sink *s, const uint8_t *raw, size_t len)
{
	struct dm_event_header h;
	const uint8_t *body;
	size_t n;
	struct dm_err *err =
	    dm_event_split(&s->format, raw, len, &h, &body, &n);

	if (err != NULL)
		return err;
	s->events++;
	switch (h.type) {
	case DM_EV_FORMAT_DESCRIPTION:
		return dm_format_description_decode(raw, len, &s->format);
	case DM_EV_TABLE_MAP:
		return take_map(s, body, n);
	case DM_EV_WRITE_ROWS_V1:
	case DM_EV_UPDATE_ROWS_V1:
	case DM_EV_DELETE_ROWS_V1:
	case DM_EV_WRITE_ROWS_V2:
	case DM_EV_UPDATE_ROWS_V2:
	case DM_EV_DELETE_ROWS_V2:
		return take_rows(s, h.type, body, n);
	default:
		return NULL;
	}
}

static double
cpu_s(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

int
main(int argc, char **argv)
{
	static struct sink s;
	g_autofree char *file = NULL;
	gsize size = 0;
	double begun, took;

	if (argc != 2 || !g_file_get_contents(argv[1], &file, &size, NULL) ||
	    size < 4 ||
	    memcmp(file,
		"\xfe"
		"bin",
		4) != 0) {
		fprintf(stderr, "usage: decode BINLOG-FILE\n");
		return 1;
	}
	dm_binlog_format_default(&s.format);
	dm_arena_init(&s.arena);
	s.maps =
	    g_hash_table_new_full(g_int64_hash, g_int64_equal, NULL, free_map);
	begun = cpu_s();
	for (size_t at = 4; at < size;) {
		const uint8_t *raw = (const uint8_t *)file + at;
		struct dm_cursor c = dm_cursor_of(raw, size - at);
		size_t len;
		struct dm_err *err;

		dm_cursor_skip(&c, 9);
		len = dm_cursor_u32(&c);
		if (c.failed || len < DM_EVENT_HEADER_SIZE || len > size - at)
			fail(dm_err_plain("the file is cut short"), at);
		err = take(&s, raw, len);
		if (err != NULL)
			fail(err, at);
		at += len;
	}
	took = cpu_s() - begun;
	printf("%.1f %" PRIu64 " %" PRIu64 " %.3f %.0f %" PRIu64 "\n",
	    (double)size / 1e6, s.events, s.rows, took,
	    (double)size / 1e6 / took, s.sum);
	g_hash_table_unref(s.maps);
	dm_arena_fini(&s.arena);
	return 0;
}
