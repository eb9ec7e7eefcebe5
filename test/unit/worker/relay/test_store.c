/* SPDX-License-Identifier: Apache-2.0 */
/* The suites of worker/relay/store.c and out.c: a server's file comes as a
 * stream, whole, twice, with holes, cut at any byte by a crash, or on a disk
 * that takes no more. */
#include "test/unit/worker/relay/files.h"

#include "worker/relay/meta.h"
#include "worker/relay/out.h"
#include "worker/relay/store.h"

#include <unistd.h>

#define DIR1   "0-1.000001"
#define FILE1  "bin.000001"
#define FILE2  "bin.000002"
#define SERVER 1u

static const char *const captured[] = { "mariadb-10.11.binlog",
	"mysql-9.7.binlog" };
static const enum dm_flavor flavors[] = { DM_FLAVOR_MARIADB, DM_FLAVOR_MYSQL };

/* ---- a source ---- */

/* As a server begins a stream: in which file it is. */
static void
send_rotate(
    struct relay_store *s, uint32_t server, const char *name, uint64_t pos)
{
	uint8_t ev[DM_EVENT_HEADER_SIZE + 8 + 32] = { 0 };
	size_t len = DM_EVENT_HEADER_SIZE + 8 + strlen(name);
	bool whole;

	ev[4] = DM_EV_ROTATE;
	memcpy(ev + 5, &server, 4);
	ev[9] = (uint8_t)len;
	memcpy(ev + 19, &pos, 8);
	memcpy(ev + 27, name, strlen(name));
	must(relay_store_take(s, ev, len, &whole));
}

/* The events of a file from `from` on, one after the other. */
static struct dm_err *
send_bytes(struct relay_store *s, const uint8_t *bytes, size_t n, size_t from)
{
	struct dm_err *err = NULL;
	bool whole;

	while (err == NULL && from + DM_EVENT_HEADER_SIZE <= n) {
		uint32_t size;

		memcpy(&size, bytes + from + 9, 4);
		err = relay_store_take(s, bytes + from, size, &whole);
		from += size;
	}
	return err;
}

/* A server whose format the stream must know first, as it sends it then. */
static void
send_format(struct relay_store *s, const uint8_t *bytes)
{
	g_autofree uint8_t *ev = NULL;
	uint32_t size, sum;
	bool whole;

	memcpy(&size, bytes + 4 + 9, 4);
	ev = g_memdup2(bytes + 4, size);
	memset(ev + 13, 0, 4); /* in no file */
	ev[17] &= 0xfe;
	sum = libdeflate_crc32(0, ev, size - 4);
	memcpy(ev + size - 4, &sum, 4);
	must(relay_store_take(s, ev, size, &whole));
}

static const struct relay_dir *
first_dir(struct log *l, GPtrArray **dirs)
{
	must(relay_dirs_load(l->root, dirs));
	return g_ptr_array_index(*dirs, 0);
}

static struct relay_store *
begin(struct log *l, enum dm_flavor flavor)
{
	g_autoptr(GPtrArray) dirs = NULL;
	struct relay_store *s = NULL;

	must(relay_store_begin(
	    l->hub, first_dir(l, &dirs), FILE1, dm_gtid_set_new(flavor), &s));
	return s;
}

static struct relay_store *
recover(struct log *l, enum dm_flavor flavor)
{
	g_autoptr(GPtrArray) dirs = NULL;
	struct relay_store *s = NULL;

	must(relay_store_recover(l->hub, first_dir(l, &dirs), flavor, &s));
	ck_assert_ptr_nonnull(s);
	return s;
}

static void
expect_file(struct log *l, const char *name, const void *bytes, size_t n)
{
	g_autofree char *path = g_build_filename(l->root, DIR1, name, NULL);
	g_autofree char *got = NULL;
	gsize len;

	ck_assert(g_file_get_contents(path, &got, &len, NULL));
	ck_assert_uint_eq(len, n);
	ck_assert_mem_eq(got, bytes, n);
}

static uint32_t
server_of(const struct fixture *f)
{
	uint32_t id;

	memcpy(&id, (const uint8_t *)f->bytes + 4 + 5, 4);
	return id;
}

/* ---- the suite ---- */

START_TEST(a_file_is_copied_byte_for_byte)
{
	struct relay_place end;
	struct relay_store *s;
	struct fixture f;
	struct log l;

	fixture_open(&f, captured[_i]);
	log_begin(&l);
	log_index(&l, DIR1);
	s = begin(&l, flavors[_i]);
	relay_store_stream(s, server_of(&f), 4);
	send_rotate(s, server_of(&f), FILE1, 4);
	must(send_bytes(s, (const uint8_t *)f.bytes, f.size, 4));
	must(relay_store_flush(s));
	ck_assert(relay_hub_end(l.hub, &end));
	ck_assert_uint_eq(end.suffix, 1);
	ck_assert_uint_eq(end.pos.pos, 4); /* its last event leads on */
	expect_file(&l, FILE1, f.bytes, f.size);
	relay_store_free(s);
	fixture_close(&f);
	log_end(&l);
}
END_TEST

/* MariaDB's file of three transactions; where each ends. */
static struct made
three(uint64_t ends[4])
{
	struct made m = made_begin(SERVER, 0);

	ends[0] = m.b->len;
	for (uint64_t i = 1; i <= 3; i++)
		ends[i] = made_txn(&m, SERVER, i);
	return m;
}

/* Whatever byte a crash cut the file at, and all that had come again: the file
 * is the same, and so are its GTIDs. */
START_TEST(a_file_cut_at_any_byte_goes_on)
{
	uint64_t ends[4];
	struct made m = three(ends);

	for (size_t cut = 0; cut <= m.b->len; cut++) {
		g_autofree char *gtids = NULL;
		struct relay_meta meta = { dm_pos_make(FILE1, 4), NULL };
		g_autoptr(GPtrArray) dirs = NULL;
		struct relay_store *s;
		struct relay_place end;
		uint64_t from = 4;
		struct log l;

		log_begin(&l);
		log_index(&l, DIR1);
		log_put(&l, DIR1, FILE1, m.b->data, cut);
		must(relay_meta_save(first_dir(&l, &dirs), &meta));
		for (size_t i = 0; i < 4; i++) {
			if (cut >= ends[i])
				from = ends[i];
		}
		s = recover(&l, DM_FLAVOR_MARIADB);
		if (cut >= ends[0]) /* the list of GTIDs is no group */
			ck_assert_uint_eq(relay_store_pos(s).pos, from);
		ck_assert(relay_hub_end(l.hub, &end));
		ck_assert_uint_eq(end.pos.pos, relay_store_pos(s).pos);
		from = relay_store_pos(s).pos;
		relay_store_stream(s, SERVER, from);
		send_rotate(s, SERVER, FILE1, from);
		if (from > 4)
			send_format(s, m.b->data);
		must(send_bytes(s, m.b->data, m.b->len, from));
		must(relay_store_sync(s));
		expect_file(&l, FILE1, m.b->data, m.b->len);
		gtids = dm_gtid_set_text(relay_store_gtids(s));
		ck_assert_str_eq(gtids, "0-1-3");
		relay_store_free(s);
		log_end(&l);
	}
	g_byte_array_unref(m.b);
}
END_TEST

START_TEST(what_comes_twice_is_dropped)
{
	uint64_t ends[4];
	struct made m = three(ends);
	struct relay_store *s;
	struct log l;

	log_begin(&l);
	log_index(&l, DIR1);
	s = begin(&l, DM_FLAVOR_MARIADB);
	relay_store_stream(s, SERVER, 4);
	send_rotate(s, SERVER, FILE1, 4);
	must(send_bytes(s, m.b->data, ends[2], 4));
	relay_store_stream(s, SERVER, 4);
	send_rotate(s, SERVER, FILE1, 4);
	must(send_bytes(s, m.b->data, m.b->len, 4));
	must(relay_store_sync(s));
	expect_file(&l, FILE1, m.b->data, m.b->len);
	relay_store_free(s);
	log_end(&l);
	g_byte_array_unref(m.b);
}
END_TEST

START_TEST(another_event_of_the_same_place_is_an_error)
{
	uint64_t ends[4];
	struct made m = three(ends), other = made_begin(SERVER, 0);
	DM_AUTO(dm_err) err = NULL;
	struct relay_store *s;
	struct log l;

	made_txn(&other, SERVER, 9);
	log_begin(&l);
	log_index(&l, DIR1);
	s = begin(&l, DM_FLAVOR_MARIADB);
	relay_store_stream(s, SERVER, 4);
	send_rotate(s, SERVER, FILE1, 4);
	must(send_bytes(s, m.b->data, m.b->len, 4));
	relay_store_stream(s, SERVER, 4);
	send_rotate(s, SERVER, FILE1, 4);
	err = send_bytes(s, other.b->data, other.b->len, 4);
	ck_assert(dm_err_is(err, RELAY_CHECK_IS_DUPLICATE_EVENT));
	relay_store_free(s);
	log_end(&l);
	g_byte_array_unref(m.b);
	g_byte_array_unref(other.b);
}
END_TEST

/* The source leaves the second transaction out: a reader goes over that. */
START_TEST(a_hole_is_filled)
{
	uint64_t ends[4];
	struct made m = three(ends);
	struct relay_reader *r;
	struct relay_store *s;
	struct log l;

	log_begin(&l);
	log_index(&l, DIR1);
	s = begin(&l, DM_FLAVOR_MARIADB);
	relay_store_stream(s, SERVER, 4);
	send_rotate(s, SERVER, FILE1, 4);
	must(send_bytes(s, m.b->data, ends[1], 4));
	must(send_bytes(s, m.b->data, m.b->len, ends[2]));
	must(relay_store_sync(s));
	ck_assert_uint_eq(relay_store_pos(s).pos, m.b->len);
	r = reader_at(&l, 1, FILE1, 4);
	expect(r, FILE1 ":4");
	expect_end(r, DM_EV_FORMAT_DESCRIPTION, 256);
	expect_end(r, DM_EV_MARIADB_GTID_LIST, ends[0]);
	expect_end(r, DM_EV_MARIADB_GTID, ends[1] - 31);
	expect_end(r, DM_EV_XID, ends[1]);
	expect_end(r, DM_EV_IGNORABLE, ends[2]);
	expect_end(r, DM_EV_MARIADB_GTID, ends[3] - 31);
	expect_end(r, DM_EV_XID, ends[3]);
	relay_reader_free(r);
	relay_store_free(s);
	log_end(&l);
	g_byte_array_unref(m.b);
}
END_TEST

START_TEST(a_rotate_leads_to_the_next_file)
{
	struct made m = made_begin(SERVER, 0), n;
	g_autoptr(GPtrArray) dirs = NULL;
	struct relay_meta meta;
	struct relay_place end;
	struct relay_store *s;
	struct log l;
	bool there;

	made_txn(&m, SERVER, 1);
	made_rotate(&m, SERVER, FILE2);
	n = made_begin(SERVER, 1);
	made_txn(&n, SERVER, 2);
	log_begin(&l);
	log_index(&l, DIR1);
	s = begin(&l, DM_FLAVOR_MARIADB);
	relay_store_stream(s, SERVER, 4);
	send_rotate(s, SERVER, FILE1, 4);
	must(send_bytes(s, m.b->data, m.b->len, 4));
	must(relay_meta_load(first_dir(&l, &dirs), &meta, &there));
	ck_assert_str_eq(meta.pos.name, FILE2);
	ck_assert_uint_eq(meta.pos.pos, 4);
	ck_assert_str_eq(meta.gtid, "0-1-1");
	relay_meta_fini(&meta);
	send_rotate(s, SERVER, FILE2, 4);
	must(send_bytes(s, n.b->data, n.b->len, 4));
	must(relay_store_flush(s));
	expect_file(&l, FILE1, m.b->data, m.b->len);
	expect_file(&l, FILE2, n.b->data, n.b->len);
	ck_assert(relay_hub_end(l.hub, &end));
	ck_assert_str_eq(end.pos.name, FILE2);
	ck_assert_uint_eq(end.pos.pos, n.b->len);
	relay_store_free(s);
	log_end(&l);
	g_byte_array_unref(m.b);
	g_byte_array_unref(n.b);
}
END_TEST

/* Made up rotates of another server, and into files that cannot follow. */
START_TEST(a_source_that_is_not_what_it_was)
{
	static const struct {
		uint32_t server;
		const char *name;
		int code;
	} rows[] = {
		{ 2, FILE1, DM_ERR_ROTATE_EVENT_WITH_DIFFERENT_SERVER_ID },
		{ SERVER, "bin.000000", DM_ERR_SYNCER_GET_EVENT },
		{ SERVER, "../bin.000007", DM_ERR_SYNCER_GET_EVENT },
		{ SERVER, "relay.meta", DM_ERR_SYNCER_GET_EVENT },
	};
	uint8_t ev[DM_EVENT_HEADER_SIZE + 8 + 32] = { 0 };
	size_t len = DM_EVENT_HEADER_SIZE + 8 + strlen(rows[_i].name);
	DM_AUTO(dm_err) err = NULL;
	struct relay_store *s;
	struct log l;
	bool whole;

	log_begin(&l);
	log_index(&l, DIR1);
	s = begin(&l, DM_FLAVOR_MARIADB);
	relay_store_stream(s, SERVER, 4);
	ev[4] = DM_EV_ROTATE;
	memcpy(ev + 5, &rows[_i].server, 4);
	ev[9] = (uint8_t)len;
	ev[19] = 4;
	memcpy(ev + 27, rows[_i].name, strlen(rows[_i].name));
	err = relay_store_take(s, ev, len, &whole);
	ck_assert_ptr_nonnull(err);
	ck_assert_int_eq(err->code, rows[_i].code);
	relay_store_free(s);
	log_end(&l);
}
END_TEST

START_TEST(damage_is_found_by_its_checksum)
{
	uint64_t ends[4];
	struct made m = three(ends);
	DM_AUTO(dm_err) err = NULL;
	struct relay_store *s;
	struct log l;

	log_begin(&l);
	log_index(&l, DIR1);
	s = begin(&l, DM_FLAVOR_MARIADB);
	relay_store_stream(s, SERVER, 4);
	send_rotate(s, SERVER, FILE1, 4);
	m.b->data[ends[1] + 25] ^= 1;
	err = send_bytes(s, m.b->data, m.b->len, 4);
	ck_assert(dm_err_is(err, SYNCER_GET_EVENT));
	must(relay_store_sync(s));
	expect_file(&l, FILE1, m.b->data, ends[1]);
	relay_store_free(s);
	log_end(&l);
	g_byte_array_unref(m.b);
}
END_TEST

START_TEST(a_file_that_cannot_be_made)
{
	uint64_t ends[4];
	struct made m = three(ends);
	g_autofree char *path = NULL;
	DM_AUTO(dm_err) err = NULL;
	struct relay_store *s;
	struct log l;

	log_begin(&l);
	log_index(&l, DIR1);
	s = begin(&l, DM_FLAVOR_MARIADB);
	path = g_build_filename(l.root, DIR1, FILE1, NULL);
	ck_assert_int_eq(g_mkdir(path, 0700), 0);
	relay_store_stream(s, SERVER, 4);
	send_rotate(s, SERVER, FILE1, 4);
	err = send_bytes(s, m.b->data, m.b->len, 4);
	ck_assert(dm_err_is(err, RELAY_WRITER_FILE_OPERATE));
	ck_assert_ptr_nonnull(strstr(err->message, path));
	relay_store_free(s);
	log_end(&l);
	g_byte_array_unref(m.b);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("worker/relay/store");
	TCase *tc = tcase_create("store");

	tcase_set_timeout(tc, 120);
	tcase_add_loop_test(tc, a_file_is_copied_byte_for_byte, 0, 2);
	tcase_add_test(tc, a_file_cut_at_any_byte_goes_on);
	tcase_add_test(tc, what_comes_twice_is_dropped);
	tcase_add_test(tc, another_event_of_the_same_place_is_an_error);
	tcase_add_test(tc, a_hole_is_filled);
	tcase_add_test(tc, a_rotate_leads_to_the_next_file);
	tcase_add_loop_test(tc, a_source_that_is_not_what_it_was, 0, 4);
	tcase_add_test(tc, damage_is_found_by_its_checksum);
	tcase_add_test(tc, a_file_that_cannot_be_made);
	suite_add_tcase(s, tc);
	return run_suite(s);
}
