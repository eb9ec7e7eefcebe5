/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Text of GTID sets: byte 0 is the flavor, then text. What parses must come
 * back the same from its own text and from its binary form.
 */
#include "lib/binlog/event.h"
#include "lib/binlog/gtid.h"
#include "lib/binlog/position.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
same_after_binary(const struct dm_gtid_set *s)
{
	g_autoptr(GBytes) bytes = dm_gtid_set_encode_mysql(s);
	DM_AUTO(dm_gtid_set) back = dm_gtid_set_new(DM_FLAVOR_MYSQL);
	gsize n;
	const uint8_t *p = g_bytes_get_data(bytes, &n);

	dm_assert(dm_previous_gtids_decode(p, n, back) == NULL);
	dm_assert(dm_gtid_set_equal(s, back));
}

static void
same_after_text(const struct dm_gtid_set *s)
{
	g_autofree char *text = dm_gtid_set_text(s);
	DM_AUTO(dm_gtid_set) again = NULL;
	DM_AUTO(dm_gtid_set) sum = dm_gtid_set_copy(s);

	dm_assert(
	    dm_gtid_set_parse(dm_gtid_set_flavor(s), text, &again) == NULL);
	dm_assert(dm_gtid_set_equal(s, again));
	dm_gtid_set_union(sum, again);
	dm_assert(dm_gtid_set_equal(s, sum));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	DM_AUTO(dm_gtid_set) s = NULL;
	g_autofree char *text = NULL;
	struct dm_pos pos;
	struct dm_err *err;

	if (size == 0)
		return 0;
	text = g_strndup((const char *)data + 1, size - 1);
	err = dm_gtid_set_parse((enum dm_flavor)(data[0] % 3), text, &s);
	dm_err_free(err);
	if (s != NULL) {
		same_after_text(s);
		if (dm_gtid_set_flavor(s) == DM_FLAVOR_MYSQL)
			same_after_binary(s);
	}
	err = dm_pos_parse(text, &pos);
	dm_err_free(err);
	return 0;
}
