/* SPDX-License-Identifier: Apache-2.0 */
/* The suite of event.c, event_info.c, compress.c and gtid_event.c. */
#include "test/unit/lib/binlog/fixture.h"

#include <zlib.h>

START_TEST(every_type_has_a_decision_and_a_reason)
{
	const struct dm_event_info *info = dm_event_info((uint8_t)_i, 0);
	const struct dm_event_info *lax =
	    dm_event_info((uint8_t)_i, DM_EVF_IGNORABLE);

	ck_assert_uint_gt(strlen(info->name), 0);
	ck_assert_uint_gt(strlen(info->why), 0);
	if ((int)info->type == _i) {
		/* The mark of the writer does not overrule the table. */
		ck_assert_ptr_eq(info, lax);
	} else {
		ck_assert_int_eq(info->type, DM_EV_UNKNOWN);
		ck_assert_int_eq(info->policy, DM_EVP_STOP);
		ck_assert_int_eq(lax->policy, DM_EVP_IGNORE);
	}
}
END_TEST

START_TEST(what_changes_data_is_never_ignored)
{
	static const uint8_t stop[] = { DM_EV_INTVAR, DM_EV_RAND,
		DM_EV_USER_VAR, DM_EV_BEGIN_LOAD_QUERY,
		DM_EV_EXECUTE_LOAD_QUERY, DM_EV_INCIDENT, 9, 20, 200 };
	static const uint8_t handle[] = { DM_EV_QUERY, DM_EV_ROTATE, DM_EV_XID,
		DM_EV_TABLE_MAP, DM_EV_WRITE_ROWS_V1, DM_EV_UPDATE_ROWS_V2,
		DM_EV_TRANSACTION_PAYLOAD, DM_EV_MARIADB_GTID,
		DM_EV_PARTIAL_UPDATE_ROWS, DM_EV_GTID_TAGGED, DM_EV_XA_PREPARE,
		DM_EV_MARIADB_DELETE_ROWS_COMPRESSED_V1 };

	for (size_t i = 0; i < sizeof(stop); i++)
		ck_assert_int_eq(
		    dm_event_info(stop[i], 0)->policy, DM_EVP_STOP);
	for (size_t i = 0; i < sizeof(handle); i++)
		ck_assert_int_eq(
		    dm_event_info(handle[i], 0)->policy, DM_EVP_HANDLE);
}
END_TEST

START_TEST(the_format_tells_server_and_checksum)
{
	struct fixture f;

	fixture_open(&f, _i == 0 ? "mariadb-10.11.binlog" : "mysql-9.7.binlog");
	ck_assert(fixture_next(&f));
	ck_assert_uint_eq(f.h.type, DM_EV_FORMAT_DESCRIPTION);
	ck_assert(f.format.checksum);
	ck_assert_str_eq(f.format.server_version,
	    _i == 0 ? "10.11.19-MariaDB-0+deb12u1-log" : "9.7.4-2");
	ck_assert_uint_eq(f.format.n_types, _i == 0 ? 171 : 42);
	ck_assert_uint_eq(f.format.post_header_len[DM_EV_TABLE_MAP - 1], 8);
	ck_assert_uint_eq(f.format.post_header_len[DM_EV_QUERY - 1], 13);
	fixture_close(&f);
}
END_TEST

#define GIB (UINT64_C(1) << 30)

/* One transaction may make a file of any size. */
static const struct {
	uint64_t before;
	uint8_t type;
	uint16_t flags;
	uint32_t log_pos;
	uint64_t end;
} ends[] = {
	{ 0, DM_EV_FORMAT_DESCRIPTION, 0, 256, 256 },
	{ 256, DM_EV_GTID, 0, 321, 321 },
	{ 4 * GIB - 100, DM_EV_WRITE_ROWS_V2, 0, 8000, 4 * GIB + 8000 },
	{ 4 * GIB + 8000, DM_EV_XID, 0, 8031, 4 * GIB + 8031 },
	{ 8 * GIB - 1, DM_EV_XID, 0, 30, 8 * GIB + 30 },
	{ 9 * GIB, DM_EV_ROTATE, DM_EVF_ARTIFICIAL, 4, 9 * GIB },
	{ 9 * GIB, DM_EV_ROTATE, 0, 0, 9 * GIB },
	{ 9 * GIB, DM_EV_HEARTBEAT, 0, 77, 9 * GIB },
	/* Seen before, as after a reconnection: not back. */
	{ 4 * GIB + 8000, DM_EV_XID, 0, 7000, 4 * GIB + 8000 },
};

START_TEST(an_end_goes_on_beyond_32_bits)
{
	struct dm_event_header h = { .type = ends[_i].type,
		.flags = ends[_i].flags,
		.log_pos = ends[_i].log_pos };

	ck_assert_uint_eq(dm_event_end(&h, ends[_i].before), ends[_i].end);
}
END_TEST

START_TEST(a_changed_byte_breaks_the_checksum)
{
	struct dm_event_header h;
	const uint8_t *body;
	size_t n;
	struct fixture f;

	fixture_open(&f, "mariadb-10.11.binlog");
	fixture_find(&f, DM_EV_QUERY);
	for (size_t i = 4; i < f.h.size; i++) {
		g_autofree uint8_t *raw = g_memdup2(f.raw, f.h.size);
		DM_AUTO(dm_err) err = NULL;

		raw[i] ^= 0x10;
		err = dm_event_split(&f.format, raw, f.h.size, &h, &body, &n);
		ck_assert(dm_err_is(err, SYNCER_GET_EVENT));
		/* The size is looked at first; a format looks itself. */
		if (i < 9 || i > 12)
			ck_assert_ptr_nonnull(strstr(err->message,
			    "binlog checksum mismatch, data may be "
			    "corrupted"));
	}
	fixture_close(&f);
}
END_TEST

START_TEST(an_open_files_format_has_a_right_checksum)
{
	struct dm_binlog_format format;
	struct fixture f;
	uint8_t *raw;
	DM_AUTO(dm_err) err = NULL;

	fixture_open(&f, "mysql-9.7.binlog");
	ck_assert(fixture_next(&f));
	raw = g_memdup2(f.raw, f.h.size);
	raw[17] |= 1; /* in use: set after the checksum was made */
	must(dm_format_description_decode(raw, f.h.size, &format));
	raw[20] ^= 1;
	raw[60] ^= 1;
	err = dm_format_description_decode(raw, f.h.size, &format);
	ck_assert_ptr_nonnull(err);
	g_free(raw);
	fixture_close(&f);
}
END_TEST

/* What a server sends first, before any format. */
static const uint8_t fake_rotate[] = { 0, 0, 0, 0, 4, 7, 0, 0, 0, 47, 0, 0, 0,
	0, 0, 0, 0, 0x20, 0, 4, 0, 0, 0, 0, 0, 0, 0, 'm', 'y', 's', 'q', 'l',
	'-', 'b', 'i', 'n', '.', '0', '0', '0', '0', '0', '2', 0, 0, 0, 0 };

START_TEST(the_first_rotate_is_read_with_and_without_checksum)
{
	uint8_t raw[sizeof(fake_rotate)];
	size_t len = _i == 0 ? sizeof(raw) : sizeof(raw) - 4;
	struct dm_binlog_format format;
	struct dm_arena a = { 0 };
	struct dm_ev_rotate ev;
	struct dm_event_header h;
	const uint8_t *body;
	size_t n;

	memcpy(raw, fake_rotate, sizeof(raw));
	raw[9] = (uint8_t)len;
	if (_i == 0) {
		uint32_t crc = (uint32_t)crc32(0, raw, 43);

		memcpy(raw + 43, &crc, 4);
	}
	dm_binlog_format_default(&format);
	must(dm_event_split(&format, raw, len, &h, &body, &n));
	must(dm_rotate_decode(&format, body, n, &a, &ev));
	ck_assert_str_eq(ev.next_name, "mysql-bin.000002");
	ck_assert_uint_eq(ev.pos, 4);
	ck_assert_uint_eq(h.flags, DM_EVF_ARTIFICIAL);
	dm_arena_fini(&a);
}
END_TEST

START_TEST(a_real_rotate_names_the_next_file)
{
	struct dm_ev_rotate ev;
	struct fixture f;

	fixture_open(&f, "mariadb-10.11.binlog");
	fixture_find(&f, DM_EV_ROTATE);
	must(dm_rotate_decode(&f.format, f.body, f.body_len, &f.arena, &ev));
	ck_assert_str_eq(ev.next_name, "mysql-bin.000003");
	ck_assert_uint_eq(ev.pos, 4);
	ck_assert(!fixture_next(&f));
	fixture_close(&f);
}
END_TEST

START_TEST(a_query_keeps_its_session)
{
	struct dm_ev_query ev;
	struct fixture f;

	fixture_open(&f, "mariadb-10.11.binlog");
	fixture_find(&f, DM_EV_QUERY);
	must(dm_query_decode(
	    &f.format, f.body, f.body_len, false, &f.arena, &ev));
	ck_assert_str_eq(ev.schema, "fx");
	ck_assert_str_eq(
	    ev.sql, "CREATE OR REPLACE DATABASE fx CHARACTER SET utf8mb4");
	ck_assert_uint_eq(ev.sql_len, strlen(ev.sql));
	ck_assert(ev.has_sql_mode);
	ck_assert_uint_eq(ev.sql_mode, 0);
	ck_assert(ev.has_charset);
	ck_assert_uint_eq(ev.client_charset, 45); /* utf8mb4_general_ci */
	ck_assert_uint_eq(ev.server_collation, 8);
	ck_assert(!ev.foreign_key_checks_off);
	do {
		fixture_find(&f, DM_EV_QUERY);
		must(dm_query_decode(
		    &f.format, f.body, f.body_len, false, &f.arena, &ev));
	} while (strstr(ev.sql, "DROP TABLE") == NULL);
	ck_assert(ev.foreign_key_checks_off);
	ck_assert(ev.unique_checks_off);
	fixture_close(&f);
}
END_TEST

START_TEST(a_time_zone_is_read_where_it_was_logged)
{
	struct dm_ev_query ev = { 0 };
	struct fixture f;

	fixture_open(&f, "mysql-9.7.binlog");
	do {
		fixture_find(&f, DM_EV_QUERY);
		must(dm_query_decode(
		    &f.format, f.body, f.body_len, false, &f.arena, &ev));
	} while (ev.time_zone == NULL);
	ck_assert_str_eq(ev.time_zone, "+00:00");
	ck_assert_str_eq(ev.sql, "BEGIN");
	fixture_close(&f);
}
END_TEST

START_TEST(a_compressed_query_is_inflated)
{
	struct dm_ev_query ev;
	struct fixture f;

	fixture_open(&f, "mariadb-10.11.binlog");
	fixture_find(&f, DM_EV_MARIADB_QUERY_COMPRESSED);
	must(dm_query_decode(
	    &f.format, f.body, f.body_len, true, &f.arena, &ev));
	ck_assert_str_eq(ev.schema, "fx");
	ck_assert_ptr_nonnull(strstr(ev.sql, "CREATE TABLE q (note"));
	ck_assert_uint_eq(ev.sql_len, strlen(ev.sql));
	fixture_close(&f);
}
END_TEST

START_TEST(a_cut_query_is_an_error_or_a_shorter_text)
{
	bool compressed = _i == 1;
	struct dm_ev_query ev;
	struct fixture f;

	fixture_open(&f, "mariadb-10.11.binlog");
	fixture_find(
	    &f, compressed ? DM_EV_MARIADB_QUERY_COMPRESSED : DM_EV_QUERY);
	for (size_t n = 0; n < f.body_len; n++) {
		uint8_t *cut = g_memdup2(f.body, n);
		DM_AUTO(dm_err)
		err = dm_query_decode(
		    &f.format, cut, n, compressed, &f.arena, &ev);

		if (compressed)
			ck_assert_ptr_nonnull(err);
		g_free(cut);
	}
	fixture_close(&f);
}
END_TEST

START_TEST(mariadb_transactions_are_named)
{
	DM_AUTO(dm_gtid_set) before = dm_gtid_set_new(DM_FLAVOR_MARIADB);
	g_autofree char *text = NULL;
	struct dm_ev_mariadb_gtid ev;
	struct fixture f;

	fixture_open(&f, "mariadb-10.11.binlog");
	fixture_find(&f, DM_EV_MARIADB_GTID_LIST);
	must(dm_mariadb_gtid_list_decode(f.body, f.body_len, before));
	text = dm_gtid_set_text(before);
	ck_assert_str_eq(text, "0-7-4");
	fixture_find(&f, DM_EV_MARIADB_GTID);
	must(dm_mariadb_gtid_decode(f.body, f.body_len, &ev));
	ck_assert_uint_eq(ev.domain, 0);
	ck_assert_uint_eq(f.h.server_id, 7);
	ck_assert_uint_eq(ev.seq, 5);
	ck_assert(ev.standalone);
	ck_assert(ev.ddl);
	fixture_find(&f, DM_EV_MARIADB_GTID);
	fixture_find(&f, DM_EV_MARIADB_GTID);
	must(dm_mariadb_gtid_decode(f.body, f.body_len, &ev));
	ck_assert_uint_eq(ev.seq, 7);
	ck_assert(!ev.standalone);
	ck_assert(!ev.ddl && !ev.prepared_xa && !ev.completed_xa);
	fixture_close(&f);
}
END_TEST

START_TEST(tagged_transactions_are_named)
{
	struct dm_ev_mysql_gtid ev;
	struct fixture f;

	fixture_open(&f, "mysql-9.7.binlog");
	fixture_find(&f, DM_EV_GTID);
	must(dm_mysql_gtid_decode(f.h.type, f.body, f.body_len, &ev));
	ck_assert_int_eq(ev.gno, 1);
	ck_assert_str_eq(ev.tag, "");
	fixture_find(&f, DM_EV_GTID_TAGGED);
	must(dm_mysql_gtid_decode(f.h.type, f.body, f.body_len, &ev));
	ck_assert_int_eq(ev.gno, 1);
	ck_assert_str_eq(ev.tag, "tag_a");
	fixture_find(&f, DM_EV_GTID_TAGGED);
	must(dm_mysql_gtid_decode(f.h.type, f.body, f.body_len, &ev));
	ck_assert_int_eq(ev.gno, 7);
	ck_assert_str_eq(ev.tag, "other");
	ck_assert_uint_eq(ev.uuid[0], 0xaa);
	ck_assert_uint_eq(ev.uuid[4], 0xbb);
	ck_assert_uint_eq(ev.uuid[15], 0xff);
	for (size_t n = 0; n < 30; n++) {
		DM_AUTO(dm_err)
		err = dm_mysql_gtid_decode(f.h.type, f.body, n, &ev);

		ck_assert_ptr_nonnull(err);
	}
	fixture_close(&f);
}
END_TEST

/* All inner events of a payload. */
static struct dm_err *
read_payload(const uint8_t *p, size_t n, GByteArray *types)
{
	DM_AUTO(dm_payload) payload = NULL;
	struct dm_err *err = dm_payload_open(p, n, &payload);
	bool more = true;

	while (err == NULL && more) {
		struct dm_event_header h;
		const uint8_t *body;
		size_t len;

		err = dm_payload_next(payload, &h, &body, &len, &more);
		if (err == NULL && more)
			g_byte_array_append(types, &h.type, 1);
	}
	return err;
}

START_TEST(a_payload_holds_its_events)
{
	static const uint8_t types[] = { DM_EV_QUERY, DM_EV_TABLE_MAP,
		DM_EV_WRITE_ROWS_V2, DM_EV_XID };
	g_autoptr(GByteArray) got = g_byte_array_new();
	struct fixture f;

	fixture_open(&f, "mysql-9.7.binlog");
	fixture_find(&f, DM_EV_TRANSACTION_PAYLOAD);
	must(read_payload(f.body, f.body_len, got));
	ck_assert_mem_eq(got->data, types, sizeof(types));
	ck_assert_uint_eq(got->len, sizeof(types));
	fixture_close(&f);
}
END_TEST

START_TEST(a_payload_may_be_stored_without_compression)
{
	/* type none, then the size, then one event without a body */
	uint8_t bytes[] = { 2, 3, 252, 255, 0, 1, 1, 19, 0, 0, 0, 0, 0,
		DM_EV_XID, 0, 0, 0, 0, 19, 0, 0, 0, 0, 0, 0, 0, 0, 0 };
	g_autoptr(GByteArray) got = g_byte_array_new();
	DM_AUTO(dm_err) err = NULL;

	must(read_payload(bytes, sizeof(bytes), got));
	ck_assert_uint_eq(got->len, 1);
	bytes[18] = 20; /* an event that is longer than the payload */
	err = read_payload(bytes, sizeof(bytes), got);
	ck_assert_ptr_nonnull(err);
}
END_TEST

START_TEST(a_cut_payload_is_an_error)
{
	struct fixture f;

	fixture_open(&f, "mysql-9.7.binlog");
	fixture_find(&f, DM_EV_TRANSACTION_PAYLOAD);
	for (size_t n = 0; n < f.body_len; n++) {
		g_autoptr(GByteArray) got = g_byte_array_new();
		g_autofree uint8_t *cut = g_memdup2(f.body, n);
		DM_AUTO(dm_err) err = read_payload(cut, n, got);

		ck_assert_ptr_nonnull(err);
	}
	fixture_close(&f);
}
END_TEST

START_TEST(a_changed_payload_is_an_error_or_other_events)
{
	struct fixture f;

	fixture_open(&f, "mysql-9.7.binlog");
	fixture_find(&f, DM_EV_TRANSACTION_PAYLOAD);
	for (size_t n = 0; n < f.body_len; n++) {
		g_autoptr(GByteArray) got = g_byte_array_new();
		g_autofree uint8_t *bytes = g_memdup2(f.body, f.body_len);

		bytes[n] ^= 0x41;
		dm_err_free(read_payload(bytes, f.body_len, got));
	}
	fixture_close(&f);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("lib/binlog/event");
	TCase *tc = tcase_create("event");

	tcase_add_loop_test(tc, every_type_has_a_decision_and_a_reason, 0, 256);
	tcase_add_test(tc, what_changes_data_is_never_ignored);
	tcase_add_loop_test(tc, the_format_tells_server_and_checksum, 0, 2);
	tcase_add_loop_test(
	    tc, an_end_goes_on_beyond_32_bits, 0, DM_ARRAY_SIZE(ends));
	tcase_add_test(tc, a_changed_byte_breaks_the_checksum);
	tcase_add_test(tc, an_open_files_format_has_a_right_checksum);
	tcase_add_loop_test(
	    tc, the_first_rotate_is_read_with_and_without_checksum, 0, 2);
	tcase_add_test(tc, a_real_rotate_names_the_next_file);
	tcase_add_test(tc, a_query_keeps_its_session);
	tcase_add_test(tc, a_time_zone_is_read_where_it_was_logged);
	tcase_add_test(tc, a_compressed_query_is_inflated);
	tcase_add_loop_test(
	    tc, a_cut_query_is_an_error_or_a_shorter_text, 0, 2);
	tcase_add_test(tc, mariadb_transactions_are_named);
	tcase_add_test(tc, tagged_transactions_are_named);
	tcase_add_test(tc, a_payload_holds_its_events);
	tcase_add_test(tc, a_cut_payload_is_an_error);
	tcase_add_test(tc, a_payload_may_be_stored_without_compression);
	tcase_add_test(tc, a_changed_payload_is_an_error_or_other_events);
	suite_add_tcase(s, tc);
	return run_suite(s);
}
