/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Decoders of events: byte 0 is the event type, then the body without
 * checksum (which would keep changed bytes out). The same bytes are also
 * taken for a raw event.
 */
#include "lib/binlog/rows.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
decode_format(const uint8_t *body, size_t len)
{
	g_autofree uint8_t *raw = g_malloc0(DM_EVENT_HEADER_SIZE + len);
	struct dm_binlog_format f;

	memcpy(raw + DM_EVENT_HEADER_SIZE, body, len);
	dm_err_free(
	    dm_format_description_decode(raw, DM_EVENT_HEADER_SIZE + len, &f));
}

static struct dm_err *
decode_set(uint8_t type, const uint8_t *body, size_t len)
{
	DM_AUTO(dm_gtid_set) set = dm_gtid_set_new(DM_FLAVOR_ANY);
	g_autofree char *text = NULL;
	struct dm_err *err;

	err = type == DM_EV_PREVIOUS_GTIDS
		  ? dm_previous_gtids_decode(body, len, set)
		  : dm_mariadb_gtid_list_decode(body, len, set);
	text = dm_gtid_set_text(set);
	return err;
}

static struct dm_err *
decode_payload(const uint8_t *body, size_t len)
{
	DM_AUTO(dm_payload) p = NULL;
	struct dm_err *err = dm_payload_open(body, len, &p);
	bool more = true;

	while (err == NULL && more) {
		struct dm_event_header h;
		const uint8_t *inner;
		size_t n;

		err = dm_payload_next(p, &h, &inner, &n, &more);
	}
	return err;
}

static struct dm_err *
decode(uint8_t type, const uint8_t *body, size_t len, struct dm_arena *a)
{
	DM_AUTO(dm_table_map) map = NULL;
	struct dm_binlog_format f;
	struct dm_ev_rotate rotate;
	struct dm_ev_query query;
	struct dm_ev_mariadb_gtid mariadb;
	struct dm_ev_mysql_gtid mysql;

	dm_binlog_format_default(&f);
	switch (type) {
	case DM_EV_ROTATE:
		return dm_rotate_decode(&f, body, len, a, &rotate);
	case DM_EV_QUERY:
	case DM_EV_MARIADB_QUERY_COMPRESSED:
		return dm_query_decode(
		    &f, body, len, type != DM_EV_QUERY, a, &query);
	case DM_EV_MARIADB_GTID:
		return dm_mariadb_gtid_decode(body, len, &mariadb);
	case DM_EV_GTID:
	case DM_EV_GTID_TAGGED:
		return dm_mysql_gtid_decode(type, body, len, &mysql);
	case DM_EV_PREVIOUS_GTIDS:
	case DM_EV_MARIADB_GTID_LIST:
		return decode_set(type, body, len);
	case DM_EV_TRANSACTION_PAYLOAD:
		return decode_payload(body, len);
	case DM_EV_TABLE_MAP:
		return dm_table_map_decode(&f, body, len, &map);
	case DM_EV_FORMAT_DESCRIPTION:
		decode_format(body, len);
		return NULL;
	default:
		return NULL;
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct dm_arena a = { 0 };
	struct dm_event_header h;
	struct dm_binlog_format f;
	const uint8_t *body;
	size_t n;

	if (size == 0)
		return 0;
	dm_err_free(decode(data[0], data + 1, size - 1, &a));
	dm_binlog_format_default(&f);
	dm_err_free(dm_event_split(&f, data, size, &h, &body, &n));
	dm_arena_fini(&a);
	return 0;
}
