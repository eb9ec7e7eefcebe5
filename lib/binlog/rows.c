/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rows events: see rows.h.
 *
 * FORMAT: table id (6 bytes; 4 where the post-header has 6), u16 flags; in V2
 * u16 length of extra data, itself included, and these; lenenc number of
 * columns; bits of the columns present, for an update twice: before, after.
 * Then per row image: bits of NULLs, one per present column; values. In
 * MariaDB's compressed forms all row images are one compressed part.
 * FORMAT of PARTIAL_UPDATE_ROWS: as V2; but before each after image come lenenc
 * options and, if bit 0 of them is set, one bit for each JSON column of the
 * table: where it is set, u32 length and changes (json_diff.c) stand in place
 * of the value.
 */
#include "lib/binlog/rows.h"

#include "lib/binlog/value.h"

struct rows_type {
	uint8_t type;
	enum dm_rows_kind kind;
	bool v2, compressed, partial;
};

#define OPTION_PARTIAL_JSON 1u

static const struct rows_type rows_types[] = {
	{ DM_EV_WRITE_ROWS_V1, DM_ROWS_INSERT, false, false, false },
	{ DM_EV_UPDATE_ROWS_V1, DM_ROWS_UPDATE, false, false, false },
	{ DM_EV_DELETE_ROWS_V1, DM_ROWS_DELETE, false, false, false },
	{ DM_EV_WRITE_ROWS_V2, DM_ROWS_INSERT, true, false, false },
	{ DM_EV_UPDATE_ROWS_V2, DM_ROWS_UPDATE, true, false, false },
	{ DM_EV_DELETE_ROWS_V2, DM_ROWS_DELETE, true, false, false },
	{ DM_EV_PARTIAL_UPDATE_ROWS, DM_ROWS_UPDATE, true, false, true },
	{ DM_EV_MARIADB_WRITE_ROWS_COMPRESSED_V1, DM_ROWS_INSERT, false, true,
	    false },
	{ DM_EV_MARIADB_UPDATE_ROWS_COMPRESSED_V1, DM_ROWS_UPDATE, false, true,
	    false },
	{ DM_EV_MARIADB_DELETE_ROWS_COMPRESSED_V1, DM_ROWS_DELETE, false, true,
	    false },
};

static const struct rows_type *
find_type(uint8_t type)
{
	for (size_t i = 0; i < DM_ARRAY_SIZE(rows_types); i++) {
		if (rows_types[i].type == type)
			return &rows_types[i];
	}
	return NULL;
}

struct dm_err *
dm_rows_table_id(const struct dm_binlog_format *f, uint8_t type,
    const uint8_t *body, size_t len, uint64_t *table_id)
{
	struct dm_cursor c = dm_cursor_of(body, len);
	uint64_t id = dm_cursor_le(&c, dm_rows_id_size_(f, type));

	if (c.failed)
		return dm_ev_error_("rows event is cut short");
	*table_id = id;
	return NULL;
}

static unsigned
count_present(const uint8_t *bits, unsigned n_columns)
{
	unsigned n = 0, rest = n_columns % 8;

	for (unsigned i = 0; i < n_columns / 8; i++)
		n += (unsigned)__builtin_popcount(bits[i]);
	/* Bits behind the last column may be set or not. */
	if (rest > 0)
		n += (unsigned)__builtin_popcount(
		    bits[n_columns / 8] & ((1u << rest) - 1));
	return n;
}

static void
read_post_header(struct dm_cursor *c, const struct dm_binlog_format *f,
    const struct rows_type *t, struct dm_rows *r)
{
	size_t id_size = dm_rows_id_size_(f, t->type);
	size_t fixed = id_size + (t->v2 ? 4 : 2);
	size_t extra = 2;

	r->table_id = dm_cursor_le(c, id_size);
	r->flags = dm_cursor_u16(c);
	if (t->v2)
		extra = dm_cursor_u16(c);
	dm_cursor_skip(c, dm_post_header_(f, t->type, fixed) - fixed);
	if (extra < 2)
		c->failed = true;
	else
		dm_cursor_skip(c, extra - 2);
}

/* A bitmap of columns. One without any would make rows of no length, and no
 * telling how many. */
static struct dm_err *
read_bits(
    struct dm_cursor *c, const struct dm_table_map *map, const uint8_t **bits)
{
	const uint8_t *p = dm_cursor_bytes(c, (map->n_columns + 7) / 8);

	if (p == NULL)
		return dm_ev_error_("rows event of `%s`.`%s` is cut short",
		    map->schema, map->table);
	if (count_present(p, map->n_columns) == 0)
		return dm_err_set_cause(dm_err_new(BINLOG_NOT_LOG_COLUMN),
		    "a row image of `%s`.`%s` has no columns", map->schema,
		    map->table);
	*bits = p;
	return NULL;
}

static struct dm_err *
inflate_rows(struct dm_rows *r)
{
	gsize n;
	struct dm_err *err;

	err = dm_inflate_event_(r->p, (size_t)(r->end - r->p), &r->inflated);
	if (err != NULL)
		return err;
	r->p = g_bytes_get_data(r->inflated, &n);
	r->end = r->p + n;
	return NULL;
}

struct dm_err *
dm_rows_begin(const struct dm_binlog_format *f, uint8_t type,
    const uint8_t *body, size_t len, const struct dm_table_map *map,
    struct dm_rows *out)
{
	const struct rows_type *t = find_type(type);
	struct dm_cursor c = dm_cursor_of(body, len);
	struct dm_rows r = { 0 };
	uint64_t n;
	struct dm_err *err = NULL;

	if (t == NULL)
		return dm_ev_error_("rows events of the type %s are not "
				    "supported",
		    dm_event_info(type, 0)->name);
	r.kind = t->kind;
	read_post_header(&c, f, t, &r);
	n = dm_cursor_lenenc(&c);
	if (!c.failed && n != map->n_columns)
		return dm_ev_error_("rows of %" PRIu64
				    " columns for `%s`.`%s`, "
				    "whose map has %u",
		    n, map->schema, map->table, map->n_columns);
	r.n_columns = map->n_columns;
	if (t->kind != DM_ROWS_INSERT)
		err = read_bits(&c, map, &r.before_bits);
	if (err == NULL && t->kind != DM_ROWS_DELETE)
		err = read_bits(&c, map, &r.after_bits);
	r.p = c.p;
	r.end = c.end;
	if (err == NULL && t->compressed)
		err = inflate_rows(&r);
	if (err == NULL && t->partial)
		r.json_before = g_new0(struct dm_cursor, r.n_columns);
	if (err == NULL)
		*out = r;
	return err;
}

static struct dm_err *
value_error(const struct dm_table_map *map, unsigned column, bool known)
{
	return dm_ev_error_("column %u of `%s`.`%s` %s (type %u, metadata %u)",
	    column + 1, map->schema, map->table,
	    known ? "holds bytes that are no value of its type"
		  : "has a type that is not supported",
	    map->types[column], map->meta[column]);
}

static bool
bit(const uint8_t *bits, unsigned i)
{
	return (bits[i / 8] >> (i % 8) & 1) != 0;
}

/* Changes of a JSON value that the before image has. */
static bool
read_json_changes(struct dm_cursor *c, const struct dm_cursor *before,
    struct dm_arena *a, struct dm_value *v)
{
	size_t n = dm_cursor_u32(c);
	const uint8_t *p = dm_cursor_bytes(c, n);

	v->kind = DM_VAL_JSON;
	return p != NULL && before->p != NULL &&
	       dm_json_patch_(before->p, dm_cursor_left(before),
		   dm_cursor_of(p, n), a, &v->bytes.p, &v->bytes.len);
}

/* The options of an after image: *partial has a bit for each JSON column. */
static bool
read_options(struct dm_cursor *c, const struct dm_table_map *map,
    const uint8_t **partial)
{
	uint64_t options = dm_cursor_lenenc(c);
	size_t n = 0;

	*partial = NULL;
	if (c->failed || (options & ~(uint64_t)OPTION_PARTIAL_JSON) != 0)
		return false;
	if (options == 0)
		return true;
	for (unsigned i = 0; i < map->n_columns; i++)
		n += map->types[i] == DM_WT_JSON ? 1 : 0;
	*partial = dm_cursor_bytes(c, (n + 7) / 8);
	return *partial != NULL;
}

/* An image being read. */
struct image {
	struct dm_rows *r;
	const uint8_t *present, *nulls;
	const uint8_t *partial; /* NULL: none of its values is a change */
	unsigned nth, nth_json; /* columns so far: present; of type JSON */
};

static struct dm_err *
read_column(struct image *im, struct dm_cursor *c,
    const struct dm_table_map *map, unsigned i, struct dm_arena *a,
    struct dm_value *v)
{
	struct dm_cursor *json = im->r->json_before;
	bool is_json = map->types[i] == DM_WT_JSON;
	bool changes =
	    im->partial != NULL && is_json && bit(im->partial, im->nth_json);
	const uint8_t *from = c->p;
	bool ok, known = true;

	im->nth_json += is_json ? 1 : 0;
	if (json != NULL && im->partial == NULL)
		json[i].p = NULL;
	if (!bit(im->present, i)) {
		v->kind = DM_VAL_ABSENT;
		return NULL;
	}
	if (bit(im->nulls, im->nth++)) {
		v->kind = DM_VAL_NULL;
		return NULL;
	}
	if (changes)
		ok = read_json_changes(c, &json[i], a, v);
	else
		ok = dm_value_read_(
		    c, map->types[i], map->meta[i], a, v, &known);
	if (!ok || c->failed)
		return value_error(map, i, known);
	if (json != NULL && is_json && im->partial == NULL)
		json[i] = dm_cursor_of(
		    from + map->meta[i], (size_t)(c->p - from) - map->meta[i]);
	return NULL;
}

static struct dm_err *
read_image(struct dm_rows *r, struct dm_cursor *c,
    const struct dm_table_map *map, bool after, struct dm_arena *a,
    struct dm_value *values)
{
	struct image im = { .r = r,
		.present = after ? r->after_bits : r->before_bits };
	unsigned n_present = count_present(im.present, map->n_columns);
	struct dm_err *err = NULL;

	if (after && r->json_before != NULL &&
	    !read_options(c, map, &im.partial))
		return dm_ev_error_(
		    "row of `%s`.`%s` has options that are not known",
		    map->schema, map->table);
	im.nulls = dm_cursor_bytes(c, (n_present + 7) / 8);
	if (im.nulls == NULL)
		return dm_ev_error_(
		    "row of `%s`.`%s` is cut short", map->schema, map->table);
	for (unsigned i = 0; err == NULL && i < map->n_columns; i++)
		err = read_column(&im, c, map, i, a, &values[i]);
	return err;
}

struct dm_err *
dm_rows_next(struct dm_rows *r, const struct dm_table_map *map,
    struct dm_arena *a, struct dm_value *before, struct dm_value *after,
    bool *more)
{
	struct dm_cursor c = dm_cursor_of(r->p, (size_t)(r->end - r->p));
	struct dm_err *err = NULL;

	if (r->p == r->end) {
		*more = false;
		return NULL;
	}
	if (r->before_bits != NULL)
		err = read_image(r, &c, map, false, a, before);
	if (err == NULL && r->after_bits != NULL)
		err = read_image(r, &c, map, true, a, after);
	if (err != NULL)
		return err;
	r->p = c.p;
	*more = true;
	return NULL;
}

void
dm_rows_end(struct dm_rows *r)
{
	if (r == NULL)
		return;
	if (r->inflated != NULL)
		g_bytes_unref(r->inflated);
	g_free(r->json_before);
	*r = (struct dm_rows){ 0 };
}
