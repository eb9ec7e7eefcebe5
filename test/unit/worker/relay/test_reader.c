/* SPDX-License-Identifier: Apache-2.0 */
/* The suite of worker/relay/reader.c: files of real servers, files that grow,
 * end too early, are damaged, or are followed by others. */
#include "test/unit/worker/relay/files.h"

#include "lib/base/clock.h"
#include "lib/thread/mutex.h"

#define DIR1  "0-1.000001"
#define DIR2  "0-2.000002"
#define FILE1 "bin.000001"
#define FILE2 "bin.000002"
#define GTID  DM_EV_MARIADB_GTID
#define LIST  DM_EV_MARIADB_GTID_LIST
#define XID   DM_EV_XID
#define FDE   DM_EV_FORMAT_DESCRIPTION

static const char *const captured[] = { "mariadb-10.11.binlog",
	"mysql-9.7.binlog" };

static bool
is_head(uint8_t type)
{
	return type == GTID || type == DM_EV_GTID ||
	       type == DM_EV_GTID_TAGGED || type == DM_EV_ANONYMOUS_GTID ||
	       type == DM_EV_ROTATE;
}

START_TEST(a_file_comes_as_it_is)
{
	struct relay_reader *r;
	struct fixture f;
	struct log l;

	fixture_open(&f, captured[_i]);
	log_begin(&l);
	log_index(&l, DIR1 "\n");
	log_put(&l, DIR1, FILE1, f.bytes, f.size);
	log_publish(&l, 1, FILE1, f.size);
	r = reader_at(&l, 1, FILE1, 4);
	expect(r, FILE1 ":4");
	while (fixture_next(&f)) {
		const uint8_t *raw;
		size_t len;

		must(relay_reader_next(r, &raw, &len));
		ck_assert_uint_eq(len, f.h.size);
		ck_assert_mem_eq(raw, f.raw, len);
	}
	expect(r, "-");
	ck_assert_int_eq(relay_reader_suffix(r), 1);
	relay_reader_free(r);
	fixture_close(&f);
	log_end(&l);
}
END_TEST

/* How far a reader gets when the file is whole up to `limit`. */
static uint64_t
handed_out(struct log *l, uint64_t limit)
{
	struct relay_reader *r;
	uint64_t end = 4;

	log_publish(l, 1, FILE1, limit);
	r = reader_at(l, 1, FILE1, 4);
	if (relay_reader_wait(r, 0))
		expect(r, FILE1 ":4");
	while (relay_reader_wait(r, 0)) {
		const uint8_t *raw;
		size_t len;

		must(relay_reader_next(r, &raw, &len));
		end += len;
	}
	relay_reader_free(r);
	return end;
}

/* Of a transaction all or nothing is handed out, wherever the file ends: up to
 * the last place at which one begins, or all if what ends there is whole. */
START_TEST(only_whole_groups_are_handed_out)
{
	g_autoptr(GArray) ends = g_array_new(FALSE, FALSE, sizeof(uint64_t));
	g_autoptr(GByteArray) heads = g_byte_array_new();
	uint64_t last_head = 4;
	struct fixture f;
	struct log l;

	fixture_open(&f, captured[_i]);
	while (fixture_next(&f)) {
		uint64_t end = f.at;
		uint8_t head = is_head(f.h.type);

		g_array_append_val(ends, end);
		g_byte_array_append(heads, &head, 1);
	}
	log_begin(&l);
	log_index(&l, DIR1 "\n");
	log_put(&l, DIR1, FILE1, f.bytes, f.size);
	for (guint i = 2; i + 1 < ends->len; i++) {
		uint64_t end = g_array_index(ends, uint64_t, i);
		uint64_t start = g_array_index(ends, uint64_t, i - 1);
		bool whole = heads->data[i + 1]; /* another follows */

		if (heads->data[i])
			last_head = start;
		if (!whole && last_head == 4)
			continue; /* what heads the file */
		ck_assert_uint_eq(handed_out(&l, end), whole ? end : last_head);
		ck_assert_uint_le(handed_out(&l, end - 1), start);
	}
	fixture_close(&f);
	log_end(&l);
}
END_TEST

START_TEST(reading_begins_in_the_middle)
{
	struct made m = made_begin(1, 0);
	struct relay_reader *r;
	uint64_t first, second;
	struct log l;

	first = made_txn(&m, 1, 1);
	second = made_txn(&m, 1, 2);
	log_begin(&l);
	log_index(&l, DIR1 "\n");
	made_put(&m, &l, DIR1, FILE1);
	log_publish(&l, 1, FILE1, second);
	r = reader_at(&l, 1, FILE1, first);
	{
		g_autofree char *rotate =
		    g_strdup_printf(FILE1 ":%u", (unsigned)first);

		expect(r, rotate);
	}
	expect(r, "F");
	expect_end(r, GTID, second - 31);
	expect_end(r, XID, second);
	expect(r, "-");
	relay_reader_free(r);
	log_end(&l);
}
END_TEST

/* Two files; of the second the first `second` transactions. */
static uint64_t
two_files(struct log *l, bool rotate, uint64_t listed)
{
	struct made m = made_begin(1, 0);
	uint64_t end;

	log_begin(l);
	log_index(l, DIR1 "\n");
	made_txn(&m, 1, 1);
	end = m.b->len;
	if (rotate)
		made_rotate(&m, 1, FILE2);
	else
		made_gtid(&m, 1, 2, 0); /* and no more */
	made_put(&m, l, DIR1, FILE1);
	m = made_begin(1, listed);
	made_txn(&m, 1, 3);
	log_publish(l, 1, FILE2, made_put(&m, l, DIR1, FILE2));
	return end;
}

START_TEST(the_next_file_follows)
{
	struct relay_reader *r;
	struct log l;
	uint64_t end = two_files(&l, true, 2);

	r = reader_at(&l, 1, FILE1, end - 31);
	g_free(next_text(r));
	expect(r, "F");
	expect_end(r, XID, end);
	g_free(next_text(r)); /* the rotate event of the file */
	expect(r, FILE2 ":4");
	for (int i = 0; i < 2; i++)
		g_free(next_text(r));
	ck_assert(relay_reader_wait(r, 0));
	g_free(next_text(r));
	g_free(next_text(r));
	ck_assert(!relay_reader_wait(r, 0));
	relay_reader_free(r);
	log_end(&l);
}
END_TEST

/* The source crashed while it sent a transaction, and has it not any more. */
START_TEST(a_transaction_that_was_cut_off_is_passed_over)
{
	struct relay_reader *r;
	struct log l;
	uint64_t end = two_files(&l, false, 1);

	r = reader_at(&l, 1, FILE1, end - 31);
	g_free(next_text(r));
	expect(r, "F");
	expect_end(r, XID, end);
	expect(r, FILE2 ":4");
	relay_reader_free(r);
	log_end(&l);
}
END_TEST

/* The source says that it has it: so the relay log lacks a part. */
START_TEST(a_transaction_that_lacks_its_end_is_an_error)
{
	struct relay_reader *r;
	struct log l;
	uint64_t end = two_files(&l, false, 2);
	const uint8_t *raw;
	size_t len;

	r = reader_at(&l, 1, FILE1, end - 31);
	for (int i = 0; i < 3; i++)
		g_free(next_text(r));
	{
		DM_AUTO(dm_err) err = relay_reader_next(r, &raw, &len);

		ck_assert(dm_err_is(err, PARSER_PARSE_RELAY_LOG));
		ck_assert_ptr_nonnull(strstr(err->message, FILE1));
		ck_assert_ptr_nonnull(
		    strstr(err->cause, "that the source has"));
	}
	relay_reader_free(r);
	log_end(&l);
}
END_TEST

/* ---- damage ---- */

static void
set_byte(uint8_t *b, size_t n, size_t at, uint8_t value)
{
	ck_assert_uint_lt(at, n);
	b[at] = value;
}

static const struct {
	const char *name;
	int at; /* from the end, where negative */
	uint8_t value;
	int cut; /* bytes of the end that are not there */
	const char *cause;
	bool next; /* there is a file behind it */
} damage[] = {
	{ "magic", 0, 'x', 0, "begin like a binlog file", true },
	{ "first event", 8, DM_EV_XID, 0, "describe the format", true },
	{ "checksum", -1, 'x', 0, "checksum mismatch", true },
	{ "body", -10, 'x', 0, "checksum mismatch", true },
	{ "size 0", -22, 0, 0, "impossible size", true },
	{ "size beyond the end", -21, 0x10, 0, "inside of an event", true },
	{ "tail", -1, 'x', 5, "inside of an event", true },
};

START_TEST(damage_is_an_error_with_file_and_offset)
{
	struct made m = made_begin(1, 0);
	uint64_t end = made_txn(&m, 1, 1), size;
	g_autofree char *offset = NULL;
	struct relay_place at = { 1, dm_pos_make(FILE1, 4) };
	DM_AUTO(relay_reader) r = NULL;
	DM_AUTO(dm_err) err = NULL;
	const uint8_t *raw;
	struct log l;
	size_t len;

	set_byte(m.b->data, m.b->len,
	    damage[_i].at < 0 ? (size_t)((int)end + damage[_i].at)
			      : (size_t)damage[_i].at,
	    damage[_i].value);
	size = end - (uint64_t)damage[_i].cut;
	g_byte_array_set_size(m.b, (guint)size);
	log_begin(&l);
	log_index(&l, DIR1 "\n");
	made_put(&m, &l, DIR1, FILE1);
	m = made_begin(1, 0);
	log_publish(&l, 1, FILE2, made_put(&m, &l, DIR1, FILE2));
	err = relay_reader_open(l.hub, &at, 20, &r);
	for (int i = 0; err == NULL && i < 8; i++)
		err = relay_reader_next(r, &raw, &len);
	ck_assert_msg(err != NULL, "%s", damage[_i].name);
	ck_assert(dm_err_is(err, PARSER_PARSE_RELAY_LOG));
	ck_assert_ptr_nonnull(strstr(err->message, FILE1));
	ck_assert_ptr_nonnull(strstr(err->message, DIR1));
	ck_assert_msg(strstr(err->cause, damage[_i].cause) != NULL, "%s: %s",
	    damage[_i].name, err->cause);
	if (damage[_i].at < 0) {
		offset = g_strdup_printf("offset %u", (unsigned)end - 31);
		ck_assert_msg(strstr(err->message, offset) != NULL, "%s: %s",
		    damage[_i].name, err->message);
	}
	log_end(&l);
}
END_TEST

START_TEST(a_place_that_never_comes_is_an_error)
{
	static const struct {
		unsigned suffix;
		const char *name;
		uint64_t pos;
	} at[] = { { 2, FILE1, 4 }, { 1, "bin.000000", 4 },
		{ 1, FILE1, 100000 } };
	struct relay_place place = { at[_i].suffix,
		dm_pos_make(at[_i].name, at[_i].pos) };
	struct relay_reader *r = NULL;
	struct log l;

	two_files(&l, true, 2);
	{
		DM_AUTO(dm_err) err = relay_reader_open(l.hub, &place, 20, &r);

		ck_assert_ptr_null(r);
		ck_assert(dm_err_is(err, PARSER_PARSE_RELAY_LOG));
	}
	log_end(&l);
}
END_TEST

/* ---- what is missing ---- */

START_TEST(a_gap_is_an_error)
{
	g_autofree char *second = NULL;
	struct relay_reader *r;
	DM_AUTO(dm_err) err = NULL;
	const uint8_t *raw;
	struct made m;
	struct log l;
	size_t len;

	two_files(&l, true, 2);
	second = g_build_filename(l.root, DIR1, FILE2, NULL);
	g_remove(second);
	if (_i == 1) {
		m = made_begin(1, 2);
		made_put(&m, &l, DIR1, "bin.000003");
	}
	log_publish(&l, 1, "bin.000003", 4);
	r = reader_at(&l, 1, FILE1, 4);
	for (int i = 0; err == NULL && i < 10; i++)
		err = relay_reader_next(r, &raw, &len);
	ck_assert(dm_err_is(err, PARSER_PARSE_RELAY_LOG));
	ck_assert_ptr_nonnull(strstr(err->cause, "the file behind it is"));
	relay_reader_free(r);
	log_end(&l);
}
END_TEST

/* ---- files that come, grow and end ---- */

START_TEST(a_file_that_is_still_to_come_is_waited_for)
{
	struct made m = made_begin(1, 1);
	struct relay_reader *r;
	struct log l;
	uint64_t end;

	two_files(&l, true, 2);
	r = reader_at(&l, 1, "bin.000003", 4);
	relay_hub_set_live(l.hub, true);
	expect(r, "-");
	ck_assert_int_eq(relay_reader_state(r), RELAY_READER_MORE);
	end = made_txn(&m, 1, 4);
	made_put(&m, &l, DIR1, "bin.000003");
	log_publish(&l, 1, "bin.000003", end);
	ck_assert(relay_reader_wait(r, 5000));
	expect(r, "bin.000003:4");
	relay_reader_free(r);
	log_end(&l);
}
END_TEST

START_TEST(a_log_that_is_not_written_is_told)
{
	struct relay_reader *r;
	struct log l;

	two_files(&l, true, 2);
	r = reader_at(&l, 1, FILE2, 4);
	for (int i = 0; i < 5; i++)
		g_free(next_text(r));
	expect(r, "-");
	ck_assert_int_eq(relay_reader_state(r), RELAY_READER_STOPPED);
	relay_hub_set_live(l.hub, true);
	expect(r, "-");
	ck_assert_int_eq(relay_reader_state(r), RELAY_READER_MORE);
	relay_reader_free(r);
	log_end(&l);
}
END_TEST

/* All that is whole of the former server comes, then it is told that there is
 * another one; what was cut off was never seen. */
START_TEST(a_sub_directory_that_was_left_is_told)
{
	struct made m;
	struct relay_reader *r;
	struct dm_mono before;
	struct log l;
	uint64_t end = two_files(&l, true, 2), size;

	m = made_begin(1, 2);
	end = made_txn(&m, 1, 3);
	made_gtid(&m, 1, 4, 0);
	if (_i == 1) /* the worker was killed, too */
		g_byte_array_set_size(m.b, m.b->len - 5);
	size = made_put(&m, &l, DIR1, FILE2);
	log_publish(&l, 1, FILE2, size);
	r = reader_at(&l, 1, FILE2, end - 31);
	relay_hub_set_live(l.hub, true);
	g_free(next_text(r));
	expect(r, "F");
	expect_end(r, XID, end);
	expect(r, "-");
	ck_assert_int_eq(relay_reader_state(r), RELAY_READER_MORE);
	log_index(&l, DIR1 "\n" DIR2 "\n");
	m = made_begin(2, 2);
	log_publish(&l, 2, FILE1, made_put(&m, &l, DIR2, FILE1));
	expect(r, "-");
	ck_assert_int_eq(relay_reader_state(r), RELAY_READER_LEFT);
	/* Nobody is kept busy with that. */
	before = dm_mono_now();
	expect(r, "-");
	ck_assert_int_ge(dm_mono_diff_ms(dm_mono_now(), before), 15);
	ck_assert_int_eq(relay_reader_state(r), RELAY_READER_LEFT);
	relay_reader_free(r);
	log_end(&l);
}
END_TEST

struct writer {
	struct log *l;
	const struct fixture *f;
	char *path;
};

/* In pieces of odd sizes; says so only now and then. */
static void *
write_slowly(void *arg)
{
	struct writer *w = arg;
	FILE *file = fopen(w->path, "wb");
	size_t at = 0, told = 0;

	ck_assert_ptr_nonnull(file);
	while (at < w->f->size) {
		size_t n = MIN((size_t)997, w->f->size - at);

		ck_assert_uint_eq(fwrite(w->f->bytes + at, 1, n, file), n);
		at += n;
		fflush(file);
		/* "In whole events": here the reader must look itself. */
		if (at - told > 2500 || at == w->f->size)
			log_publish(w->l, 1, FILE1, told = at);
		g_usleep(200);
	}
	fclose(file);
	return NULL;
}

START_TEST(a_file_that_grows_is_read_as_it_comes)
{
	struct relay_reader *r;
	struct writer w;
	struct fixture f;
	pthread_t t;
	struct log l;

	fixture_open(&f, captured[_i]);
	log_begin(&l);
	log_index(&l, DIR1 "\n");
	relay_hub_set_live(l.hub, true);
	log_publish(&l, 1, FILE1, 0);
	r = reader_at(&l, 1, FILE1, 4);
	w = (struct writer){ &l, &f,
		g_build_filename(l.root, DIR1, FILE1, NULL) };
	t = dm_thread_start("writer", write_slowly, &w);
	while (f.at < f.size) {
		const uint8_t *raw;
		size_t len;

		must(relay_reader_next(r, &raw, &len));
		if (raw[4] == DM_EV_HEARTBEAT ||
		    (raw[4] == DM_EV_ROTATE && raw[0] == 0))
			continue;
		ck_assert(fixture_next(&f));
		ck_assert_mem_eq(raw, f.raw, len);
	}
	pthread_join(t, NULL);
	relay_reader_free(r);
	g_free(w.path);
	fixture_close(&f);
	log_end(&l);
}
END_TEST

static void *
interrupt_soon(void *arg)
{
	g_usleep(50000);
	relay_reader_interrupt(arg);
	return NULL;
}

START_TEST(an_interrupt_ends_a_wait)
{
	struct relay_place at = { 1, dm_pos_make(FILE2, 4) };
	struct relay_reader *r = NULL;
	DM_AUTO(dm_err) err = NULL;
	const uint8_t *raw;
	struct log l;
	pthread_t t;
	size_t len;

	two_files(&l, true, 2);
	relay_hub_set_live(l.hub, true);
	must(relay_reader_open(l.hub, &at, 60000, &r));
	t = dm_thread_start("interrupt", interrupt_soon, r);
	while (err == NULL)
		err = relay_reader_next(r, &raw, &len);
	ck_assert(dm_err_is_canceled(err));
	pthread_join(t, NULL);
	relay_reader_free(r);
	log_end(&l);
}
END_TEST

/* ---- GTIDs ---- */

static void
three_servers(struct log *l)
{
	struct made m;

	log_begin(l);
	log_index(l, DIR1 "\n" DIR2 "\n");
	m = made_begin(1, 0);
	made_txn(&m, 1, 1);
	made_put(&m, l, DIR1, FILE1);
	m = made_begin(1, 1);
	made_txn(&m, 1, 2);
	made_txn(&m, 1, 3);
	made_put(&m, l, DIR1, FILE2);
	m = made_begin(1, 2);
	made_txn(&m, 1, 3);
	made_txn(&m, 2, 4);
	made_put(&m, l, DIR2, "log.000007");
	m = made_begin(2, 4);
	log_publish(l, 2, "log.000008", made_put(&m, l, DIR2, "log.000008"));
}

static const struct {
	const char *set;
	unsigned after;
	unsigned suffix; /* 0: none */
	const char *name;
} finds[] = {
	{ "0-1-0", 0, 1, FILE1 },
	{ "0-1-1", 0, 1, FILE2 },
	{ "0-1-2", 0, 2, "log.000007" },
	{ "0-1-3", 0, 2, "log.000007" },
	{ "0-2-4", 0, 2, "log.000008" },
	{ "0-1-1", 1, 0, "" },
	{ "0-1-3", 1, 2, "log.000007" },
	{ "0-1-3", 2, 0, "" },
	{ "1-1-3", 0, 1, FILE1 },
};

START_TEST(the_file_of_a_gtid_set_is_found)
{
	DM_AUTO(dm_gtid_set) set = NULL;
	struct relay_place at = { 0 };
	struct log l;
	bool found;

	three_servers(&l);
	must(dm_gtid_set_parse(DM_FLAVOR_MARIADB, finds[_i].set, &set));
	must(relay_find_gtid(l.hub, finds[_i].after, set, &at, &found));
	ck_assert_int_eq(found, finds[_i].suffix > 0);
	ck_assert_uint_eq(at.suffix, finds[_i].suffix);
	ck_assert_str_eq(at.pos.name, finds[_i].name);
	log_end(&l);
}
END_TEST

START_TEST(the_gtids_before_a_place_are_collected)
{
	DM_AUTO(dm_gtid_set) set = dm_gtid_set_new(DM_FLAVOR_MARIADB);
	DM_AUTO(dm_gtid_set) none = dm_gtid_set_new(DM_FLAVOR_MARIADB);
	struct made m = made_begin(1, 1);
	struct relay_place at = { 1, dm_pos_make(FILE2, 0) };
	g_autofree char *text = NULL;
	struct log l;

	at.pos.pos = made_txn(&m, 1, 2);
	g_byte_array_unref(m.b);
	three_servers(&l);
	must(relay_gtids_before(l.hub, &at, set));
	text = dm_gtid_set_text(set);
	ck_assert_str_eq(text, "0-1-2");
	at.pos.pos = 1000000;
	{
		DM_AUTO(dm_err) err = relay_gtids_before(l.hub, &at, none);

		ck_assert(dm_err_is(err, PARSER_PARSE_RELAY_LOG));
	}
	log_end(&l);
}
END_TEST

START_TEST(an_index_that_is_none_is_refused)
{
	static const char *const lines[] = { "0-1\n", "0-1.x\n", ".000001\n",
		"0-1.000000\n", "../0-1.000001\n" };
	g_autoptr(GPtrArray) dirs = NULL;
	DM_AUTO(dm_err) err = NULL;
	struct log l;

	log_begin(&l);
	must(relay_dirs_load(l.root, &dirs));
	ck_assert_uint_eq(dirs->len, 0);
	g_clear_pointer(&dirs, g_ptr_array_unref);
	log_index(&l, lines[_i]);
	err = relay_dirs_load(l.root, &dirs);
	ck_assert(dm_err_is(err, PARSER_PARSE_RELAY_LOG));
	log_end(&l);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("worker/relay/reader");
	TCase *tc = tcase_create("reader");

	tcase_set_timeout(tc, 60);
	tcase_add_loop_test(tc, a_file_comes_as_it_is, 0, 2);
	tcase_add_loop_test(tc, only_whole_groups_are_handed_out, 0, 2);
	tcase_add_test(tc, reading_begins_in_the_middle);
	tcase_add_test(tc, the_next_file_follows);
	tcase_add_test(tc, a_transaction_that_was_cut_off_is_passed_over);
	tcase_add_test(tc, a_transaction_that_lacks_its_end_is_an_error);
	tcase_add_loop_test(tc, damage_is_an_error_with_file_and_offset, 0,
	    (int)DM_ARRAY_SIZE(damage));
	tcase_add_loop_test(tc, a_place_that_never_comes_is_an_error, 0, 3);
	tcase_add_loop_test(tc, a_gap_is_an_error, 0, 2);
	tcase_add_test(tc, a_file_that_is_still_to_come_is_waited_for);
	tcase_add_test(tc, a_log_that_is_not_written_is_told);
	tcase_add_loop_test(tc, a_sub_directory_that_was_left_is_told, 0, 2);
	tcase_add_loop_test(tc, a_file_that_grows_is_read_as_it_comes, 0, 2);
	tcase_add_test(tc, an_interrupt_ends_a_wait);
	tcase_add_loop_test(
	    tc, the_file_of_a_gtid_set_is_found, 0, (int)DM_ARRAY_SIZE(finds));
	tcase_add_test(tc, the_gtids_before_a_place_are_collected);
	tcase_add_loop_test(tc, an_index_that_is_none_is_refused, 0, 5);
	suite_add_tcase(s, tc);
	return run_suite(s);
}
