/* SPDX-License-Identifier: Apache-2.0 */
/* The suite of worker/relays.c: which relay logs a worker writes, by what is
 * wanted of it. No server answers at the sources' port. */
#include "test/unit/worker/relay/files.h"

#include "worker/relays.h"

#define SOURCE_YAML                                                            \
	"source-id: %s\nflavor: mariadb\nrelay-dir: %s\nfrom:\n"               \
	"  host: 127.0.0.1\n  port: 1\n  user: u\n%s"

struct world {
	char *root;
	struct relays *r;
	struct dm_cancel *hard;
	Dm__V1__Desired want;
	Dm__V1__SourceAssignment one[2];
	Dm__V1__SourceAssignment *list[2];
	unsigned unbound; /* as counted last */
};

static void
nothing(void *arg)
{
	(void)arg;
}

static void
world_begin(struct world *w, const char *worker_dir, bool many)
{
	struct relays_opts o = {
		.worker = "w/1", .many = many, .changed = nothing
	};
	g_autofree char *dir = NULL;

	w->root = g_dir_make_tmp("relays-XXXXXX", NULL);
	dir = worker_dir != NULL ? g_build_filename(w->root, worker_dir, NULL)
				 : NULL;
	o.dir = dir;
	w->hard = dm_cancel_new(NULL);
	w->r = relays_new(&o);
	dm__v1__desired__init(&w->want);
	w->want.sources = w->list;
	w->want.revision = 1;
}

static Dm__V1__SourceAssignment *
assign(struct world *w, const char *id, const char *more)
{
	g_autofree char *dir = g_build_filename(w->root, "own", NULL);
	Dm__V1__SourceAssignment *a = &w->one[w->want.n_sources];

	dm__v1__source_assignment__init(a);
	a->source = (char *)(uintptr_t)id;
	a->epoch = 7;
	a->config = g_strdup_printf(SOURCE_YAML, id, dir, more);
	a->relaystage = PB__STAGE__Running;
	a->relayrevision = 1;
	w->list[w->want.n_sources++] = a;
	return a;
}

static void
follow(struct world *w)
{
	w->want.revision++;
	relays_follow(w->r, &w->want, NULL, w->hard);
	while (relays_are_busy(w->r)) {
		g_usleep(1000);
		relays_follow(w->r, &w->want, NULL, w->hard);
	}
}

static void
world_end(struct world *w)
{
	for (size_t i = 0; i < w->want.n_sources; i++)
		g_free(w->one[i].config);
	w->want.n_sources = 0;
	follow(w);
	relays_free(w->r);
	dm_cancel_free(w->hard);
	remove_tree(w->root);
	g_free(w->root);
}

/* -1: there is no relay. */
static int
stage_of(struct world *w, const char *id)
{
	Pb__RelayStatus *st = relays_status(w->r, id);
	int stage = st != NULL ? (int)st->stage : -1;

	if (st != NULL)
		protobuf_c_message_free_unpacked(&st->base, NULL);
	return stage;
}

static void
count(const char *source, void *arg)
{
	struct world *w = arg;

	ck_assert_str_eq(source, "s");
	w->unbound++;
}

static unsigned
unbound(struct world *w)
{
	w->unbound = 0;
	relays_each_unbound(w->r, count, w);
	return w->unbound;
}

START_TEST(a_relay_runs_while_it_is_wanted)
{
	Dm__V1__SourceAssignment *a;
	struct world w = { 0 };

	world_begin(&w, NULL, false);
	a = assign(&w, "s", "");
	follow(&w);
	/* Without its source it is Running, too. */
	ck_assert_int_eq(stage_of(&w, "s"), PB__STAGE__Running);
	ck_assert_ptr_nonnull(relays_hub(w.r, "s"));
	a->relaystage = PB__STAGE__Paused;
	follow(&w); /* of the same revision: it has been done */
	ck_assert_int_eq(stage_of(&w, "s"), PB__STAGE__Running);
	a->relayrevision = 2;
	follow(&w);
	for (int i = 0; stage_of(&w, "s") != PB__STAGE__Paused; i++) {
		ck_assert_int_lt(i, 5000);
		g_usleep(1000);
	}
	a->relaystage = PB__STAGE__Running;
	a->relayrevision = 3;
	follow(&w);
	ck_assert_int_eq(stage_of(&w, "s"), PB__STAGE__Running);
	a->relaystage = PB__STAGE__InvalidStage;
	follow(&w);
	ck_assert_int_eq(stage_of(&w, "s"), -1);
	ck_assert_ptr_nonnull(relays_hub(w.r, "s"));
	world_end(&w);
}
END_TEST

START_TEST(it_outlives_epochs_and_the_binding)
{
	Dm__V1__SourceAssignment *a;
	struct world w = { 0 };
	struct relay_hub *hub;

	world_begin(&w, NULL, false);
	a = assign(&w, "s", "");
	follow(&w);
	hub = relays_hub(w.r, "s");
	ck_assert_uint_eq(unbound(&w), 0);
	ck_assert(!relays_by_name(w.r));
	a->epoch = 0;
	a->relaybyworker = true;
	follow(&w);
	ck_assert_ptr_eq(relays_hub(w.r, "s"), hub);
	ck_assert_uint_eq(unbound(&w), 1);
	ck_assert(relays_by_name(w.r));
	a->epoch = 8;
	follow(&w);
	ck_assert_ptr_eq(relays_hub(w.r, "s"), hub);
	ck_assert_uint_eq(unbound(&w), 0);
	a->relaystage = PB__STAGE__InvalidStage;
	follow(&w);
	ck_assert_ptr_eq(relays_hub(w.r, "s"), hub);
	ck_assert(!relays_by_name(w.r));
	world_end(&w);
}
END_TEST

START_TEST(another_configuration_is_another_writer)
{
	Dm__V1__SourceAssignment *a;
	struct world w = { 0 };
	g_autofree char *before = NULL, *bad = NULL;

	world_begin(&w, NULL, false);
	a = assign(&w, "s", "");
	follow(&w);
	before = g_strdup(relay_hub_dir(relays_hub(w.r, "s")));
	ck_assert(g_str_has_suffix(before, "/own"));
	g_free(a->config);
	a->config = g_strdup_printf(SOURCE_YAML, "s", w.root, "");
	follow(&w);
	ck_assert_str_eq(relay_hub_dir(relays_hub(w.r, "s")), w.root);
	ck_assert_int_eq(stage_of(&w, "s"), PB__STAGE__Running);
	/* One that is not valid: the source's report tells it, the relay goes
	 * on as it was. */
	bad = a->config;
	a->config = g_strdup("source-id: [");
	follow(&w);
	ck_assert_int_eq(stage_of(&w, "s"), PB__STAGE__Running);
	world_end(&w);
}
END_TEST

static const struct {
	const char *worker_dir;
	bool many;
	const char *dir;
} dirs[] = {
	{ NULL, false, "/own" },
	{ NULL, true, "/own/s" },
	{ "all", false, "/all/w%2F1" }, /* names lead nowhere else */
	{ "all", true, "/all/w%2F1/s" },
};

START_TEST(where_it_is_written)
{
	struct world w = { 0 };
	g_autofree char *want = NULL;

	world_begin(&w, dirs[_i].worker_dir, dirs[_i].many);
	assign(&w, "s", "");
	follow(&w);
	want = g_strconcat(w.root, dirs[_i].dir, NULL);
	ck_assert_str_eq(relay_hub_dir(relays_hub(w.r, "s")), want);
	world_end(&w);
}
END_TEST

/* Both would write in one directory: the second one says so. */
START_TEST(two_sources_of_one_directory)
{
	struct world w = { 0 };
	int paused;

	world_begin(&w, NULL, false);
	assign(&w, "s", "");
	assign(&w, "s2", "");
	follow(&w);
	for (int i = 0;; i++) {
		paused = (stage_of(&w, "s") == PB__STAGE__Paused) +
			 (stage_of(&w, "s2") == PB__STAGE__Paused);
		if (paused == 1)
			break;
		ck_assert_int_lt(i, 5000);
		g_usleep(1000);
	}
	world_end(&w);
}
END_TEST

struct answer {
	bool given, result;
};

static void
on_reply(uint64_t request, bool result, const char *text, void *arg)
{
	(void)request;
	(void)text;
	*(struct answer *)arg = (struct answer){ true, result };
}

/* As DM: without a relay there is nothing to be purged. */
START_TEST(purging_without_a_relay)
{
	Dm__V1__Command msg;
	Pb__PurgeRelayRequest req;
	char source[] = "s";
	struct answer a = { 0 };
	struct world w = { 0 };

	world_begin(&w, NULL, false);
	dm__v1__command__init(&msg);
	pb__purge_relay_request__init(&req);
	msg.source = source;
	msg.c_case = DM__V1__COMMAND__C_PURGE_RELAY;
	msg.purgerelay = &req;
	relays_purge(w.r, command_new(&msg, on_reply, &a));
	ck_assert(a.given && a.result);
	world_end(&w);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("worker/relays");
	TCase *tc = tcase_create("relays");

	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, a_relay_runs_while_it_is_wanted);
	tcase_add_test(tc, it_outlives_epochs_and_the_binding);
	tcase_add_test(tc, another_configuration_is_another_writer);
	tcase_add_loop_test(
	    tc, where_it_is_written, 0, (int)DM_ARRAY_SIZE(dirs));
	tcase_add_test(tc, two_sources_of_one_directory);
	tcase_add_test(tc, purging_without_a_relay);
	suite_add_tcase(s, tc);
	return run_suite(s);
}
