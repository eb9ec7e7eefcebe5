/* SPDX-License-Identifier: Apache-2.0 */
/* The suite of worker/sync/feed.c and origin.c: what is passed over, and which
 * sub directory has a place. */
#include "test/unit/worker/relay/files.h"
#include "worker/sync/feed.h"
#include "worker/sync/origin.h"

#define FILE1 "bin.000001"

/* Two domains: 0-1-1, 1-1-1, 0-1-2, 1-1-2, 0-1-3. */
static void
two_domains(struct log *l)
{
	struct made m = made_begin(1, 0);

	log_begin(l);
	log_index(l, "0-1.000001\n");
	for (unsigned i = 0; i < 5; i++) {
		made_gtid(&m, 1, i / 2 + 1, i % 2);
		made_xid(&m, 1);
	}
	log_publish(l, 1, FILE1, made_put(&m, l, "0-1.000001", FILE1));
}

/* What comes from `f`: '+' an event of a transaction, '.' one that is passed
 * over, '|' the last of these; up to the first heartbeat. */
static char *
parts_of(struct feed *f, struct dm_err **err)
{
	GString *s = g_string_new(NULL);

	for (;;) {
		enum feed_part part;
		const uint8_t *raw;
		size_t len;

		*err = feed_next(f, &raw, &len, &part);
		if (*err != NULL || raw[4] == DM_EV_HEARTBEAT)
			return g_string_free(s, FALSE);
		if (raw[4] == DM_EV_MARIADB_GTID || raw[4] == DM_EV_XID)
			g_string_append_c(s, "+.|"[part]);
		else
			ck_assert_int_eq(part, FEED_EVENT);
	}
}

static const struct {
	const char *skip;
	bool by_gtid;
	const char *parts;
} skips[] = {
	{ NULL, false, "++++++++++" },
	{ "0-1-1", false, ".|++++++++" },
	{ "0-1-2", false, ".|++.|++++" },
	{ "0-1-2,1-1-1", true, ".|.|.|++++" },
	{ "0-1-3,1-1-2", false, ".|.|.|.|.|" },
	{ "2-1-3", true, "++++++++++" },
};

START_TEST(what_is_done_is_passed_over)
{
	DM_AUTO(dm_cancel) c = dm_cancel_new(NULL);
	DM_AUTO(dm_gtid_set) skip = NULL;
	struct feed_start s = { .pos = dm_pos_make(FILE1, 4), .suffix = 1 };
	struct unit_env env = { 0 };
	g_autofree char *parts = NULL;
	struct feed *f = NULL;
	struct dm_err *err;
	struct log l;

	two_domains(&l);
	env.relay = l.hub;
	if (skips[_i].skip != NULL)
		must(dm_gtid_set_parse(
		    DM_FLAVOR_MARIADB, skips[_i].skip, &skip));
	*(skips[_i].by_gtid ? &s.gtid : &s.skip) = skip;
	must(feed_open(&env, c, &s, &f));
	parts = parts_of(f, &err);
	must(err);
	ck_assert_str_eq(parts, skips[_i].parts);
	ck_assert(!feed_is_passing(f));
	feed_free(f);
	log_end(&l);
}
END_TEST

/* It was replaced in the middle of one that is passed over. */
START_TEST(passing_over_goes_on_in_another_feed)
{
	DM_AUTO(dm_cancel) c = dm_cancel_new(NULL);
	DM_AUTO(dm_gtid_set) skip = NULL;
	struct feed_start s = { .pos = dm_pos_make(FILE1, 0), .suffix = 1 };
	struct unit_env env = { 0 };
	g_autofree char *parts = NULL;
	struct feed *f = NULL;
	struct made m = made_begin(1, 0);
	struct dm_err *err;
	struct log l;

	s.pos.pos = made_gtid(&m, 1, 1, 0);
	g_byte_array_unref(m.b);
	two_domains(&l);
	env.relay = l.hub;
	must(dm_gtid_set_parse(DM_FLAVOR_MARIADB, "0-1-1", &skip));
	s.skip = skip;
	s.passing = true;
	must(feed_open(&env, c, &s, &f));
	parts = parts_of(f, &err);
	must(err);
	ck_assert_str_eq(parts, "|++++++++");
	feed_free(f);
	log_end(&l);
}
END_TEST

/* The same number by another server: it went another way. */
START_TEST(another_transaction_of_the_same_number_is_an_error)
{
	DM_AUTO(dm_cancel) c = dm_cancel_new(NULL);
	DM_AUTO(dm_gtid_set) skip = NULL;
	DM_AUTO(dm_err) err = NULL;
	struct feed_start s = { .pos = dm_pos_make(FILE1, 4), .suffix = 1 };
	struct unit_env env = { 0 };
	g_autofree char *parts = NULL;
	struct feed *f = NULL;
	struct log l;

	two_domains(&l);
	env.relay = l.hub;
	must(dm_gtid_set_parse(DM_FLAVOR_MARIADB, "0-2-3,1-1-1", &skip));
	s.skip = skip;
	must(feed_open(&env, c, &s, &f));
	parts = parts_of(f, &err);
	ck_assert_str_eq(parts, ".|.|.|++");
	ck_assert(dm_err_is(err, SYNCER_GET_EVENT));
	ck_assert_ptr_nonnull(strstr(err->message, "went another way"));
	feed_free(f);
	log_end(&l);
}
END_TEST

START_TEST(a_cancel_ends_a_wait)
{
	DM_AUTO(dm_cancel) c = dm_cancel_new(NULL);
	struct feed_start s = { .pos = dm_pos_make("bin.000009", 4),
		.suffix = 1 };
	struct unit_env env = { 0 };
	DM_AUTO(dm_err) err = NULL;
	enum feed_part part;
	const uint8_t *raw;
	struct feed *f = NULL;
	struct log l;
	size_t len;

	two_domains(&l);
	env.relay = l.hub;
	must(feed_open(&env, c, &s, &f));
	dm_cancel_now(c);
	err = feed_next(f, &raw, &len, &part);
	ck_assert(dm_err_is_canceled(err));
	feed_free(f);
	log_end(&l);
}
END_TEST

static const struct {
	const char *a, *b;
	bool same;
} servers[] = {
	{ "0-1", "0-1", true },
	{ "5-1", "0-1", true }, /* gtid_domain_id was changed */
	{ "0-1", "0-11", false },
	{ "1-0", "0-1", false },
	{ "00000000-0000-0000-0000-000000000001",
	    "00000000-0000-0000-0000-000000000002", false },
	{ "3e11fa47-71ca-11e1-9e33-c80aa9429562",
	    "3e11fa47-71ca-11e1-9e33-c80aa9429562", true },
	{ "0-1", "3e11fa47-71ca-11e1-9e33-c80aa9429562", false },
};

START_TEST(servers_are_told_apart)
{
	ck_assert_int_eq(
	    origin_is_same(servers[_i].a, servers[_i].b), servers[_i].same);
	ck_assert_int_eq(
	    origin_is_same(servers[_i].b, servers[_i].a), servers[_i].same);
}
END_TEST

static const struct {
	const char *server, *file;
	unsigned suffix;
} places[] = {
	{ "0-1", "bin.000002", 1 },
	{ "0-1", "bin.000004", 3 },
	{ "0-1", "bin.000009", 3 }, /* to come */
	{ "0-1", "bin.000001", 0 }, /* purged */
	{ "0-2", "bin.000002", 2 },
	{ "0-2", "bin.000003", 0 },
	{ "0-3", "bin.000002", 0 },
	{ "0-1", "", 0 },
};

START_TEST(the_sub_directory_of_a_place_is_found)
{
	struct dm_pos at = dm_pos_make(places[_i].file, 4);
	unsigned suffix = 7;
	struct log l;

	log_begin(&l);
	must(origin_find(l.hub, "0-1", &at, &suffix));
	ck_assert_uint_eq(suffix, 0); /* nothing is written yet */
	log_index(&l, "0-1.000001\n0-2.000002\n0-1.000003\n");
	log_put(&l, "0-1.000001", "bin.000002", "", 0);
	log_put(&l, "0-1.000001", "bin.000003", "", 0);
	log_put(&l, "0-1.000001", "relay.meta", "", 0);
	log_put(&l, "0-2.000002", "bin.000002", "", 0);
	log_put(&l, "0-1.000003", "bin.000003", "", 0);
	log_put(&l, "0-1.000003", "bin.000004", "", 0);
	log_publish(&l, 3, "bin.000004", 4);
	must(origin_find(l.hub, places[_i].server, &at, &suffix));
	ck_assert_uint_eq(suffix, places[_i].suffix);
	must(origin_find(NULL, "0-1", &at, &suffix));
	ck_assert_uint_eq(suffix, 0);
	log_end(&l);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("worker/sync/feed");
	TCase *tc = tcase_create("feed");

	tcase_set_timeout(tc, 60);
	tcase_add_loop_test(
	    tc, what_is_done_is_passed_over, 0, (int)DM_ARRAY_SIZE(skips));
	tcase_add_test(tc, passing_over_goes_on_in_another_feed);
	tcase_add_test(tc, another_transaction_of_the_same_number_is_an_error);
	tcase_add_test(tc, a_cancel_ends_a_wait);
	tcase_add_loop_test(
	    tc, servers_are_told_apart, 0, (int)DM_ARRAY_SIZE(servers));
	tcase_add_loop_test(tc, the_sub_directory_of_a_place_is_found, 0,
	    (int)DM_ARRAY_SIZE(places));
	suite_add_tcase(s, tc);
	return run_suite(s);
}
