/* SPDX-License-Identifier: Apache-2.0 */
/* The suite of master/sched/sched_relay.c and sched_relay_status.c. */
#include "master/sched/sched_status.h"
#include "test/unit/master/sched/fixture.h"

#define YAML                                                                   \
	"source-id: %s\nfrom:\n  host: 127.0.0.1\n  port: 3306\n"              \
	"  user: root\n%s"

static struct dm_err *
add_source(const char *id, bool relay)
{
	g_autofree char *yaml =
	    g_strdup_printf(YAML, id, relay ? "enable-relay: true\n" : "");

	return sched_source_add(f.c, id, yaml, "");
}

static struct dm_err *
relay_start(const char *source, const char *a, const char *b)
{
	g_autoptr(GPtrArray) l = list(a, b);

	return sched_relay_start(f.c, source, l);
}

static struct dm_err *
relay_stop(const char *source, const char *a, const char *b)
{
	g_autoptr(GPtrArray) l = list(a, b);

	return sched_relay_stop(f.c, source, l);
}

static struct dm_err *
relay_stage(const char *source, Pb__Stage stage)
{
	g_autoptr(GPtrArray) l = list(source, NULL);

	return sched_relay_stage(f.c, l, stage);
}

/* The error's code and text; frees it. */
static void
says(struct dm_err *err, int code, const char *text)
{
	ck_assert_ptr_nonnull(err);
	ck_assert_int_eq(err->code, code);
	ck_assert_msg(strstr(err->message, text) != NULL, "%s", err->message);
	dm_err_free(err);
}

static const char *
stage_of(const char *worker)
{
	return sched_stage_name(sched_worker_get(f.c, worker)->stage);
}

static bool
is_stored(enum dm_ha_kind kind, const char *first, const char *second)
{
	g_autofree char *key = dm_ha_key(kind, first, second);

	return g_hash_table_contains(f.store, key);
}

static const Dm__V1__SourceAssignment *
told(uint64_t session, size_t i)
{
	ck_assert_uint_gt(f.desired[session]->n_sources, i);
	return f.desired[session]->sources[i];
}

/* w1 has s1; w2 is free. */
static void
two_workers(void)
{
	hello("w1", 1, NULL, 0);
	ok(add_source("s1", false));
	hello("w2", 2, NULL, 0);
	ck_assert_str_eq(bound("s1"), "w1");
}

START_TEST(workers_relay_by_name)
{
	two_workers();
	ok(start("t", "s1", NULL));
	ok(relay_start("s1", "w1", "w2"));
	ck_assert_str_eq(stage_of("w1"), "bound");
	ck_assert_str_eq(stage_of("w2"), "relay");
	ck_assert(is_stored(DM_HA_RELAY_WORKER, "w1", "s1"));
	ck_assert(is_stored(DM_HA_RELAY_WORKER, "w2", "s1"));
	ck_assert_uint_eq(told(2, 0)->epoch, 0);
	ck_assert_int_eq(told(2, 0)->relaystage, PB__STAGE__Running);
	ck_assert(told(2, 0)->relaybyworker);
	ck_assert_int_gt(told(2, 0)->relayrevision, 0);
	ck_assert_int_eq(assigned(2, 0)->stage, PB__STAGE__Stopped);
	ck_assert_int_eq(assigned(1, 0)->stage, PB__STAGE__Running);
	ck_assert_uint_eq(told(1, 0)->epoch, (uint64_t)epoch("s1"));
	ck_assert(told(1, 0)->relaybyworker);
	/* A change of a task reaches those that only relay. */
	ok(start("t2", "s1", NULL));
	ck_assert_uint_eq(told(2, 0)->n_subtasks, 2);
	ok(relay_stop("s1", "w2", NULL));
	ck_assert_str_eq(stage_of("w2"), "free");
	ck_assert_uint_eq(f.desired[2]->n_sources, 0);
	ck_assert(is_stored(DM_HA_RELAY_STAGE, "s1", NULL));
	ok(relay_stop("s1", "w1", "w2")); /* w2 does not any more: no error */
	ck_assert(!is_stored(DM_HA_RELAY_STAGE, "s1", NULL));
	ck_assert_int_eq(told(1, 0)->relaystage, PB__STAGE__InvalidStage);
	ck_assert(!told(1, 0)->relaybyworker);
}
END_TEST

START_TEST(the_bound_worker_relays_by_source)
{
	two_workers();
	ok(relay_start("s1", NULL, NULL));
	ok(relay_start("s1", NULL, NULL)); /* already: no error */
	ck_assert_int_eq(told(1, 0)->relaystage, PB__STAGE__Running);
	ck_assert(!told(1, 0)->relaybyworker);
	ck_assert_ptr_nonnull(strstr(told(1, 0)->config, "enable-relay: true"));
	expire("w1");
	ck_assert_str_eq(bound("s1"), "w2");
	ck_assert_int_eq(told(2, 0)->relaystage, PB__STAGE__Running);
	restart();
	ck_assert(sched_source_get(f.c, "s1")->by_source);
	ok(relay_stop("s1", NULL, NULL));
	ok(relay_stop("s1", NULL, NULL));
	ck_assert(!is_stored(DM_HA_RELAY_STAGE, "s1", NULL));
	ck_assert(!sched_source_get(f.c, "s1")->by_source);
}
END_TEST

START_TEST(a_source_may_come_with_enable_relay)
{
	hello("w1", 1, NULL, 0);
	ok(add_source("s1", true));
	ck_assert_int_eq(told(1, 0)->relaystage, PB__STAGE__Running);
	ck_assert_int_gt(told(1, 0)->relayrevision, 0);
	ck_assert(is_stored(DM_HA_RELAY_STAGE, "s1", NULL));
	says(relay_start("s1", "w1", NULL), 46030, "automatically");
	says(relay_stop("s1", "w1", NULL), 46031, "automatically");
	fails(sched_source_update(f.c, "s1", "x"), 46025);
	bool was_bound;
	ok(sched_source_remove(f.c, "s1", &was_bound));
	ck_assert(!is_stored(DM_HA_RELAY_STAGE, "s1", NULL));
}
END_TEST

START_TEST(what_does_not_fit_is_refused)
{
	bool was_bound;

	two_workers();
	ok(add_source("s2", false)); /* w2 has it */
	hello("w3", 3, NULL, 0);
	says(relay_start("nope", "w1", NULL), 46008, "nope");
	says(relay_start("s1", "w9", NULL), 46004, "w9 not exists");
	says(relay_start("s1", "w8", "w9"), 46004, "[w8 w9]");
	says(relay_start("s1", "w2", "w3"), 46021,
	    "[w2] have bound for "
	    "another sources [s2]");
	ck_assert_str_eq(stage_of("w3"), "free"); /* nothing was done */
	ok(relay_start("s2", "w3", NULL));
	says(relay_start("s1", "w3", NULL), 46020,
	    "[w3] have started relay "
	    "for sources [s2]");
	says(relay_stop("s1", "w3", NULL), 46022,
	    "[w3] have started relay "
	    "for another sources [s2]");
	says(relay_start("s2", NULL, NULL), 46028, "[w3]");
	says(relay_stop("s2", NULL, NULL), 46029, "[w3]");
	says(sched_source_remove(f.c, "s2", &was_bound), 46023, "[w3]");
	fails(sched_source_update(f.c, "s2", "x"), 46025);
	says(sched_transfer(f.c, "s1", "w3"), 46027,
	    "[w3] to be bound to source [s1], but it has started relay for "
	    "source [s2]");
	says(relay_stage("nope", PB__STAGE__Paused), 46012, "[nope]");
}
END_TEST

START_TEST(failover_goes_to_who_relays)
{
	two_workers();
	hello("w3", 3, NULL, 0);
	ok(relay_start("s1", "w1", "w3"));
	expire("w1"); /* w2 is free, w3 relays */
	ck_assert_str_eq(bound("s1"), "w3");
	ck_assert_str_eq(stage_of("w3"), "bound");
	ck_assert(told(3, 0)->relaybyworker);
	ck_assert_uint_eq(told(3, 0)->epoch, (uint64_t)epoch("s1"));
	/* Back again, it writes the relay log only: s1 is bound. */
	hello("w1", 4, NULL, 0);
	ck_assert_str_eq(stage_of("w1"), "relay");
	ck_assert_uint_eq(told(4, 0)->epoch, 0);
	/* Unbound by a transfer, w3 goes on relaying. */
	ok(sched_transfer(f.c, "s1", "w1"));
	ck_assert_str_eq(stage_of("w3"), "relay");
	ck_assert_uint_eq(told(3, 0)->epoch, 0);
}
END_TEST

START_TEST(a_relay_worker_takes_no_other_source)
{
	two_workers();
	ok(relay_start("s1", "w2", NULL));
	ok(add_source("s2", false));
	ck_assert_str_eq(bound("s2"), "");
	ok(relay_stop("s1", "w2", NULL));
	ck_assert_str_eq(bound("s2"), "w2");
}
END_TEST

START_TEST(one_with_room_relays_and_has_others)
{
	hello_max = 2;
	hello("w1", 1, NULL, 0);
	ok(add_source("s1", false));
	hello("w2", 2, NULL, 0);
	ok(relay_start("s1", "w2", NULL));
	ok(add_source("s2", false));
	ok(add_source("s3", false));
	ck_assert_str_eq(bound("s3"), "w1");
	ck_assert_str_eq(bound("s2"), "w2");
	ck_assert_uint_eq(f.desired[2]->n_sources, 2);
	says(relay_start("s3", "w2", NULL), 46021, "[s2]");
	ok(add_source("s4", false));
	ck_assert_str_eq(bound("s4"), ""); /* w2 is full */
}
END_TEST

START_TEST(a_stage_stays_over_failover_and_restart)
{
	int64_t revision;

	two_workers();
	ok(relay_start("s1", "w1", NULL));
	ok(relay_stage("s1", PB__STAGE__Paused));
	ck_assert_int_eq(told(1, 0)->relaystage, PB__STAGE__Paused);
	ok(relay_start("s1", "w2", NULL));
	ck_assert_int_eq(told(2, 0)->relaystage, PB__STAGE__Paused);
	restart();
	hello("w2", 3, NULL, 0);
	ck_assert_str_eq(stage_of("w2"), "relay");
	ck_assert_int_eq(told(3, 0)->relaystage, PB__STAGE__Paused);
	revision = told(3, 0)->relayrevision;
	ok(relay_stage("s1", PB__STAGE__Running));
	ck_assert_int_gt(told(3, 0)->relayrevision, revision);
	revision = told(3, 0)->relayrevision;
	ok(relay_stage("s1", PB__STAGE__Running)); /* acts again */
	ck_assert_int_gt(told(3, 0)->relayrevision, revision);
}
END_TEST

START_TEST(pause_of_a_source_without_relay_writes_nothing)
{
	int64_t before;

	two_workers();
	before = f.revision;
	ok(relay_stage("s1", PB__STAGE__Paused));
	ck_assert_int_eq(f.revision, before);
}
END_TEST

static void
store(enum dm_ha_kind kind, const char *first, const char *second, int64_t n)
{
	DM_AUTO(dm_ha_batch) b = dm_ha_batch_new();
	g_autofree char *one = g_strdup(first), *two = g_strdup(second);
	struct dm_ha_item i = {
		.kind = kind, .first = one, .second = two, .number = n
	};
	int64_t revision;

	dm_ha_batch_put(b, &i);
	ok(fake_commit(b, &revision, NULL));
}

START_TEST(a_load_drops_records_that_say_nothing)
{
	hello("w1", 1, NULL, 0);
	ok(add_source("s1", true));
	ok(add_source("s2", false));
	store(DM_HA_RELAY_WORKER, "w1", "s1", 0); /* enable-relay */
	store(DM_HA_RELAY_WORKER, "w1", "gone", 0);
	store(DM_HA_RELAY_WORKER, "gone", "s2", 0);
	store(DM_HA_RELAY_STAGE, "gone", NULL, PB__STAGE__Running);
	store(DM_HA_RELAY_STAGE, "s2", NULL, PB__STAGE__Running);
	restart();
	ck_assert(!is_stored(DM_HA_RELAY_WORKER, "w1", "s1"));
	ck_assert(!is_stored(DM_HA_RELAY_WORKER, "w1", "gone"));
	ck_assert(!is_stored(DM_HA_RELAY_WORKER, "gone", "s2"));
	ck_assert(!is_stored(DM_HA_RELAY_STAGE, "gone", NULL));
	ck_assert(!is_stored(DM_HA_RELAY_STAGE, "s2", NULL));
	ck_assert(is_stored(DM_HA_RELAY_STAGE, "s1", NULL));
}
END_TEST

START_TEST(offline_member_forgets_the_relay_worker)
{
	two_workers();
	ok(relay_start("s1", "w2", NULL));
	fails(sched_unregister(f.c, "w2"), 46005);
	expire("w2");
	ck_assert_str_eq(stage_of("w2"), "offline");
	ck_assert(is_stored(DM_HA_RELAY_WORKER, "w2", "s1"));
	ok(sched_unregister(f.c, "w2"));
	ck_assert(!is_stored(DM_HA_RELAY_WORKER, "w2", "s1"));
	ck_assert(!is_stored(DM_HA_RELAY_STAGE, "s1", NULL));
	ok(relay_start("s1", NULL, NULL)); /* nobody is named any more */
}
END_TEST

START_TEST(an_offline_worker_can_be_named)
{
	two_workers();
	expire("w2");
	ok(relay_start("s1", "w2", NULL));
	ck_assert_str_eq(stage_of("w2"), "offline");
	hello("w2", 3, NULL, 0);
	ck_assert_str_eq(stage_of("w2"), "relay");
	ck_assert_uint_eq(told(3, 0)->epoch, 0);
}
END_TEST

/* ---- status ---- */

/* Session `session` reports the source: its relay log in a stage, with an error
 * if there is one; InvalidStage: none. */
static void
report_relay(uint64_t session, const char *source, int64_t ep, Pb__Stage stage,
    const char *error)
{
	Dm__V1__Report *r = g_new(Dm__V1__Report, 1);
	Dm__V1__SourceReport *s = g_new(Dm__V1__SourceReport, 1);
	Pb__RelayStatus *relay = NULL;

	dm__v1__report__init(r);
	dm__v1__source_report__init(s);
	s->source = g_strdup(source);
	s->epoch = (uint64_t)ep;
	s->status = g_new(Pb__SourceStatus, 1);
	pb__source_status__init(s->status);
	if (stage != PB__STAGE__InvalidStage) {
		relay = g_new(Pb__RelayStatus, 1);
		pb__relay_status__init(relay);
		relay->stage = stage;
	}
	s->status->relaystatus = relay;
	if (error != NULL) {
		Pb__ProcessError *e = g_new(Pb__ProcessError, 1);

		pb__process_error__init(e);
		e->message = g_strdup(error);
		relay->result = g_new(Pb__ProcessResult, 1);
		pb__process_result__init(relay->result);
		relay->result->errors = g_new(Pb__ProcessError *, 1);
		relay->result->errors[0] = e;
		relay->result->n_errors = 1;
	}
	r->revision = f.revision;
	r->sources = g_new(Dm__V1__SourceReport *, 1);
	r->sources[0] = s;
	r->n_sources = 1;
	sched_report(f.c, session, r);
	dm__v1__report__free_unpacked(r, NULL);
}

/* "wait", "ok" or "fail: <text>". Static. */
static const char *
judged(enum sched_goal goal, const char *source, const char *worker)
{
	static char text[512];
	struct sched_want want = {
		.goal = goal, .task = "", .revision = f.revision
	};
	Pb__CommonWorkerResponse *r = sched_judge(f.c, &want, source, worker);

	if (r == NULL)
		return "wait";
	g_snprintf(text, sizeof(text), "%s%s%s", r->result ? "ok" : "fail",
	    *r->msg == '\0' ? "" : ": ", r->msg);
	pb__common_worker_response__free_unpacked(r, NULL);
	return text;
}

START_TEST(operations_are_waited_for)
{
	two_workers();
	ok(relay_start("s1", "w2", NULL));
	ck_assert_str_eq(judged(SCHED_GOAL_RELAY_START, "s1", "w2"), "wait");
	report_relay(2, "s1", 0, PB__STAGE__Paused, NULL);
	ck_assert_str_eq(judged(SCHED_GOAL_RELAY_START, "s1", "w2"), "wait");
	report_relay(2, "s1", 0, PB__STAGE__Running, NULL);
	ck_assert_str_eq(judged(SCHED_GOAL_RELAY_START, "s1", "w2"), "ok");
	ok(relay_stage("s1", PB__STAGE__Paused)); /* the report is older */
	ck_assert_str_eq(judged(SCHED_GOAL_RELAY_PAUSE, "s1", "w2"), "wait");
	report_relay(2, "s1", 0, PB__STAGE__Paused, NULL);
	ck_assert_str_eq(judged(SCHED_GOAL_RELAY_PAUSE, "s1", "w2"), "ok");
	ok(relay_stage("s1", PB__STAGE__Running));
	report_relay(2, "s1", 0, PB__STAGE__Paused, "disk full");
	ck_assert_ptr_nonnull(
	    strstr(judged(SCHED_GOAL_RELAY_RESUME, "s1", "w2"), "disk full"));
	ok(relay_stop("s1", "w2", NULL));
	ck_assert_str_eq(judged(SCHED_GOAL_RELAY_STOP, "s1", "w2"), "wait");
	report(2, "other", 0, f.revision);
	ck_assert_str_eq(judged(SCHED_GOAL_RELAY_STOP, "s1", "w2"), "ok");
	ck_assert_ptr_nonnull(strstr(judged(SCHED_GOAL_RELAY_PAUSE, "s1", "w1"),
	    "relay is disabled for this source"));
	ck_assert_ptr_nonnull(strstr(judged(SCHED_GOAL_RELAY_PAUSE, "s1", ""),
	    "s1 relevant worker-client not found"));
}
END_TEST

START_TEST(the_bound_worker_s_relay_is_waited_for)
{
	two_workers();
	ok(relay_start("s1", "w1", NULL));
	report_relay(1, "s1", epoch("s1"), PB__STAGE__InvalidStage, NULL);
	ck_assert_str_eq(judged(SCHED_GOAL_RELAY_START, "s1", "w1"), "wait");
	ck_assert_ptr_nonnull(
	    strstr(judged(SCHED_GOAL_RELAY_RESUME, "s1", "w1"), "disabled"));
	report_relay(1, "s1", epoch("s1"), PB__STAGE__Running, NULL);
	ck_assert_str_eq(judged(SCHED_GOAL_RELAY_START, "s1", "w1"), "ok");
	ok(relay_stop("s1", "w1", NULL));
	ck_assert_str_eq(judged(SCHED_GOAL_RELAY_STOP, "s1", "w1"), "wait");
	report_relay(1, "s1", epoch("s1"), PB__STAGE__InvalidStage, NULL);
	ck_assert_str_eq(judged(SCHED_GOAL_RELAY_STOP, "s1", "w1"), "ok");
}
END_TEST

/* "w1:s1 w2:s1 ", of query-status with or without -s. */
static char *
queried(char *source)
{
	Pb__QueryStatusListRequest req;
	Pb__QueryStatusListResponse *r;
	GString *s = g_string_new(NULL);

	pb__query_status_list_request__init(&req);
	req.sources = &source;
	req.n_sources = source == NULL ? 0 : 1;
	r = sched_query_status(f.c, &req);
	for (size_t i = 0; i < r->n_sources; i++)
		g_string_append_printf(s, "%s:%s%s ",
		    r->sources[i]->sourcestatus->worker,
		    r->sources[i]->sourcestatus->source,
		    r->sources[i]->result ? "" : "!");
	pb__query_status_list_response__free_unpacked(r, NULL);
	return g_string_free(s, FALSE);
}

START_TEST(query_status_of_a_source_asks_its_relay_workers)
{
	char source[] = "s1";
	g_autofree char *named = NULL, *all = NULL, *alone = NULL;

	two_workers();
	ok(relay_start("s1", "w1", "w2"));
	report_relay(2, "s1", 0, PB__STAGE__Running, NULL);
	named = queried(source);
	ck_assert_str_eq(named, "w1:s1 w2:s1 ");
	all = queried(NULL);
	ck_assert_str_eq(all, "w1:s1 ");
	expire("w2");
	alone = queried(source);
	ck_assert_str_eq(alone, "w1:s1 ");
}
END_TEST

/* ---- leases ---- */

static int64_t
ttl_of(const char *worker)
{
	const gint64 *ms = g_hash_table_lookup(f.ttls, worker);

	return ms == NULL ? 0 : *ms;
}

START_TEST(the_time_of_a_lease_is_stored)
{
	hello("w1", 1, NULL, 0);
	ck_assert_int_eq(ttl_of("w1"), 60000);
	ok(sched_lease_ttl(f.c, "w1", 1800000));
	ck_assert_int_eq(ttl_of("w1"), 1800000);
	g_hash_table_remove_all(f.ttls);
	restart(); /* the next leader */
	ck_assert_int_eq(ttl_of("w1"), 1800000);
	/* A session that begins says what it counts from its own begin; what
	 * was acknowledged before lasts longer. */
	hello("w1", 2, NULL, 0);
	restart();
	ck_assert_int_eq(ttl_of("w1"), 1800000);
	ok(sched_lease_ttl(f.c, "w1", 60000));
	restart();
	ck_assert_int_eq(ttl_of("w1"), 60000);
	ok(sched_lease_ttl(f.c, "w1", 1800000));
	expire("w1");
	g_hash_table_remove_all(f.ttls);
	ok(sched_lease_ttl(f.c, "w1", 1800000)); /* offline: it has none */
	ck_assert_int_eq(ttl_of("w1"), 0);
	hello("w1", 3, NULL, 0);
	ck_assert_int_eq(ttl_of("w1"), 60000);
}
END_TEST

START_TEST(a_write_that_fails_leaves_nothing_half)
{
	two_workers();
	f.fail_commits = 1;
	fails(relay_start("s1", "w2", NULL), 42501);
	fails(relay_start("s1", "w2", NULL), 46001); /* to be loaded again */
	reload();
	ck_assert_str_eq(stage_of("w2"), "free");
	ok(relay_start("s1", "w2", NULL));
	f.fail_commits = 1;
	fails(sched_lease_ttl(f.c, "w2", 1800000), 42501);
	reload();
	ck_assert_int_eq(ttl_of("w2"), 60000);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("master/sched/relay");
	TCase *tc = tcase_create("relay");
	SRunner *r;
	int failed;

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, workers_relay_by_name);
	tcase_add_test(tc, the_bound_worker_relays_by_source);
	tcase_add_test(tc, a_source_may_come_with_enable_relay);
	tcase_add_test(tc, what_does_not_fit_is_refused);
	tcase_add_test(tc, failover_goes_to_who_relays);
	tcase_add_test(tc, a_relay_worker_takes_no_other_source);
	tcase_add_test(tc, one_with_room_relays_and_has_others);
	tcase_add_test(tc, a_stage_stays_over_failover_and_restart);
	tcase_add_test(tc, pause_of_a_source_without_relay_writes_nothing);
	tcase_add_test(tc, a_load_drops_records_that_say_nothing);
	tcase_add_test(tc, offline_member_forgets_the_relay_worker);
	tcase_add_test(tc, an_offline_worker_can_be_named);
	tcase_add_test(tc, operations_are_waited_for);
	tcase_add_test(tc, the_bound_worker_s_relay_is_waited_for);
	tcase_add_test(tc, query_status_of_a_source_asks_its_relay_workers);
	tcase_add_test(tc, the_time_of_a_lease_is_stored);
	tcase_add_test(tc, a_write_that_fails_leaves_nothing_half);
	suite_add_tcase(s, tc);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
