/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rows under any table map: u16 length of the table map's body, that body, the
 * rows event's type, its body.
 */
#include "lib/binlog/rows.h"

#define COLUMNS_MAX 4096

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct dm_value before[COLUMNS_MAX], after[COLUMNS_MAX];

/* Read every byte that a value names. */
static void
touch(const struct dm_value *v, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		if (v[i].kind != DM_VAL_TEXT && v[i].kind != DM_VAL_BYTES &&
		    v[i].kind != DM_VAL_JSON)
			continue;
		for (size_t k = 0; k < v[i].bytes.len; k++)
			(void)*(const volatile char *)&v[i].bytes.p[k];
	}
}

static struct dm_err *
read_rows(const struct dm_table_map *map, uint8_t type, const uint8_t *p,
    size_t n, struct dm_arena *a)
{
	struct dm_binlog_format f;
	struct dm_rows r;
	bool more = true;
	struct dm_err *err;

	dm_binlog_format_default(&f);
	err = dm_rows_begin(&f, type, p, n, map, &r);
	if (err != NULL)
		return err;
	while (err == NULL && more) {
		err = dm_rows_next(&r, map, a, before, after, &more);
		if (err != NULL || !more)
			break;
		if (r.before_bits != NULL)
			touch(before, map->n_columns);
		if (r.after_bits != NULL)
			touch(after, map->n_columns);
		dm_arena_reset(a);
	}
	dm_rows_end(&r);
	return err;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	DM_AUTO(dm_table_map) map = NULL;
	struct dm_arena a = { 0 };
	struct dm_binlog_format f;
	size_t n;

	if (size < 3)
		return 0;
	n = (size_t)data[0] | (size_t)data[1] << 8;
	if (n + 3 > size)
		return 0;
	dm_binlog_format_default(&f);
	dm_err_free(dm_table_map_decode(&f, data + 2, n, &map));
	if (map != NULL)
		dm_err_free(read_rows(
		    map, data[n + 2], data + n + 3, size - n - 3, &a));
	dm_arena_fini(&a);
	return 0;
}
