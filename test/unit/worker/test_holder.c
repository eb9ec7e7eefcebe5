/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The suite of worker/holder.c: what it reports after what it was told. All
 * subtasks are expected Paused, so that none connects to a database.
 */
#include "worker/holder.h"

#include "lib/base/clock.h"
#include "lib/thread/mutex.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#define WAIT_MS 60000

#define SOURCE                                                                 \
	"source-id: s\nfrom: {host: h, port: 3306, user: u, password: p}\n"
#define TASK                                                                   \
	"name: t\ntask-mode: all\ntarget-database:\n"                          \
	"  {host: h, port: 4000, user: u, password: p}\n"                      \
	"mysql-instances:\n- source-id: s\n"

static struct {
	struct holder *h;
	struct dm_mutex mu; /* rank 1000; guards what follows */
	pthread_cond_t changed;
	Dm__V1__Report *last;
	unsigned reports;
} f;

static void
on_report(const Dm__V1__Report *r, void *arg)
{
	size_t n = dm__v1__report__get_packed_size(r);
	g_autofree uint8_t *buf = g_malloc(n);

	(void)arg;
	dm__v1__report__pack(r, buf);
	dm_mutex_lock(&f.mu);
	if (f.last != NULL)
		dm__v1__report__free_unpacked(f.last, NULL);
	f.last = dm__v1__report__unpack(NULL, n, buf);
	f.reports++;
	pthread_cond_broadcast(&f.changed);
	dm_mutex_unlock(&f.mu);
}

static void
setup(void)
{
	struct holder_opts o = {
		.worker = "w", .lease_ttl_s = 60, .report = on_report
	};

	memset(&f, 0, sizeof(f));
	dm_mutex_init(&f.mu, 1000);
	dm_cond_init(&f.changed);
	f.h = holder_start(&o);
}

static void
teardown(void)
{
	holder_stop(f.h);
	holder_free(f.h);
	if (f.last != NULL)
		dm__v1__report__free_unpacked(f.last, NULL);
	pthread_cond_destroy(&f.changed);
	dm_mutex_fini(&f.mu);
}

/* "s@5: t Paused, u Paused; r@6: " */
static char *
text_of(const Dm__V1__Report *r)
{
	GString *s = g_string_new(NULL);

	for (size_t i = 0; i < r->n_sources; i++) {
		const Dm__V1__SourceReport *src = r->sources[i];

		g_string_append_printf(s, "%s%s@%d:", i == 0 ? "" : "; ",
		    src->source, (int)src->epoch);
		for (size_t k = 0; k < src->n_subtasks; k++)
			g_string_append_printf(s, " %s=%d",
			    src->subtasks[k]->name, src->subtasks[k]->stage);
	}
	return g_string_free(s, FALSE);
}

/* Wait until the newest report says so. */
static void
reports(const char *want)
{
	struct dm_mono until = dm_mono_add_ms(dm_mono_now(), WAIT_MS);
	g_autofree char *got = NULL;

	dm_mutex_lock(&f.mu);
	for (;;) {
		int64_t left = dm_mono_diff_ms(until, dm_mono_now());

		g_free(got);
		got = f.last == NULL ? g_strdup("nothing") : text_of(f.last);
		if (strcmp(got, want) == 0 || left <= 0)
			break;
		(void)dm_cond_wait_ms(&f.changed, &f.mu, left);
	}
	dm_mutex_unlock(&f.mu);
	ck_assert_str_eq(got, want);
}

/* Wait until the newest report is such. */
static void
reports_what(bool (*such)(const Dm__V1__Report *r))
{
	bool in_time = true;

	dm_mutex_lock(&f.mu);
	while (in_time && (f.last == NULL || !such(f.last)))
		in_time = dm_cond_wait_ms(&f.changed, &f.mu, WAIT_MS);
	dm_mutex_unlock(&f.mu);
	ck_assert(in_time);
}

/* Two reports more: what came in between had its effect, if any. */
static void
settle(void)
{
	dm_mutex_lock(&f.mu);
	for (unsigned from = f.reports; f.reports < from + 2;)
		dm_cond_wait(&f.changed, &f.mu);
	dm_mutex_unlock(&f.mu);
}

struct want {
	const char *source;
	int epoch;
	const char *yaml; /* of its task t; NULL: no task */
};

static void
desire(int64_t revision, const struct want *wants, size_t n)
{
	Dm__V1__Desired d;
	Dm__V1__SourceAssignment src[4], *srcs[4];
	Dm__V1__SubTaskAssignment st[4], *sts[4];
	char texts[4][3][512];

	dm__v1__desired__init(&d);
	d.revision = revision;
	d.sources = srcs;
	d.n_sources = n;
	for (size_t i = 0; i < n; i++) {
		dm__v1__source_assignment__init(&src[i]);
		dm__v1__sub_task_assignment__init(&st[i]);
		srcs[i] = &src[i];
		sts[i] = &st[i];
		g_strlcpy(texts[i][0], wants[i].source, 512);
		g_strlcpy(texts[i][1], SOURCE, 512);
		src[i].source = texts[i][0];
		src[i].config = texts[i][1];
		src[i].epoch = (uint64_t)wants[i].epoch;
		if (wants[i].yaml == NULL)
			continue;
		g_strlcpy(texts[i][2], wants[i].yaml, 512);
		st[i].task = g_strdup("t");
		st[i].config = texts[i][2];
		st[i].stage = PB__STAGE__Paused;
		st[i].revision = 7;
		src[i].subtasks = &sts[i];
		src[i].n_subtasks = 1;
	}
	holder_desire(f.h, &d, NULL);
	for (size_t i = 0; i < n; i++)
		if (wants[i].yaml != NULL)
			g_free(st[i].task);
}

static struct dm_cancel *
begin_lease(void)
{
	struct dm_cancel *hard = dm_cancel_new(NULL);

	holder_lease_begins(f.h, hard);
	return hard;
}

static bool
has_both(const Dm__V1__Report *r)
{
	return r->n_sources == 2 && r->revision == 12;
}

START_TEST(several_sources_run_at_once)
{
	const struct want both[] = { { "s", 5, TASK }, { "r", 6, NULL } };
	g_autoptr(GArray) held = NULL;

	begin_lease();
	desire(10, both, 1);
	reports("s@5: t=3");
	desire(11, both + 1, 1);
	reports("r@6:");
	held = holder_holding(f.h);
	ck_assert_uint_eq(held->len, 1);
	ck_assert_str_eq(g_array_index(held, struct held, 0).source, "r");
	desire(12, both, 2);
	reports_what(has_both);
}
END_TEST

START_TEST(without_a_lease_nothing_runs)
{
	const struct want s = { "s", 5, TASK };
	struct dm_cancel *hard;

	desire(10, &s, 1);
	settle();
	reports("");
	hard = begin_lease();
	reports("s@5: t=3");
	dm_cancel_now(hard);
	holder_lease_ends(f.h);
	reports("");
	/* What was wanted under the old lease may be another's by now. */
	begin_lease();
	settle();
	reports("");
	desire(11, &s, 1);
	reports("s@5: t=3");
}
END_TEST

START_TEST(what_an_older_master_wants_is_ignored)
{
	const struct want now = { "s", 5, NULL }, old = { "r", 4, NULL };

	begin_lease();
	desire(10, &now, 1);
	reports("s@5:");
	desire(9, &old, 1);
	settle();
	reports("s@5:");
}
END_TEST

START_TEST(a_new_epoch_begins_anew)
{
	const struct want five = { "s", 5, TASK }, six = { "s", 6, TASK };

	begin_lease();
	desire(10, &five, 1);
	reports("s@5: t=3");
	desire(11, &six, 1);
	reports("s@6: t=3");
}
END_TEST

static bool
is_another(const Dm__V1__Report *r)
{
	const Pb__ProcessResult *result;

	if (r->n_sources != 1 || r->sources[0]->n_subtasks != 1)
		return false;
	result = r->sources[0]->subtasks[0]->result;
	return result != NULL && result->n_errors == 0 && result->iscanceled;
}

START_TEST(another_configuration_makes_another_subtask)
{
	const struct want was = { "s", 5, "name: [" }, is = { "s", 5, TASK };

	begin_lease();
	desire(10, &was, 1);
	reports("s@5: t=3");
	dm_mutex_lock(&f.mu);
	ck_assert_uint_eq(f.last->sources[0]->subtasks[0]->result->n_errors, 1);
	dm_mutex_unlock(&f.mu);
	desire(11, &is, 1);
	reports_what(is_another);
	reports("s@5: t=3");
}
END_TEST

/* ---- commands ---- */

static struct {
	unsigned answers;
	char text[512];
} answer; /* under f.mu */

static void
on_answer(uint64_t request, bool result, const char *text, void *arg)
{
	(void)request;
	(void)arg;
	ck_assert(!result);
	dm_mutex_lock(&f.mu);
	answer.answers++;
	g_strlcpy(answer.text, text, sizeof(answer.text));
	pthread_cond_broadcast(&f.changed);
	dm_mutex_unlock(&f.mu);
}

/* A skip, or a list of schemas, for task of source: the answer's text has
 * `want`. */
static void
command_gives(
    bool schema, const char *source, const char *task, const char *want)
{
	Pb__HandleWorkerErrorRequest he;
	Pb__OperateWorkerSchemaRequest os;
	Dm__V1__Command msg;
	g_autofree char *s = g_strdup(source), *t = g_strdup(task);

	pb__handle_worker_error_request__init(&he);
	pb__operate_worker_schema_request__init(&os);
	dm__v1__command__init(&msg);
	msg.source = s;
	he.op = PB__ERROR_OP__Skip;
	he.task = os.task = t;
	os.op = PB__SCHEMA_OP__ListSchema;
	if (schema) {
		msg.c_case = DM__V1__COMMAND__C_OPERATE_SCHEMA;
		msg.operateschema = &os;
	} else {
		msg.c_case = DM__V1__COMMAND__C_HANDLE_ERROR;
		msg.handleerror = &he;
	}
	dm_mutex_lock(&f.mu);
	answer.answers = 0;
	dm_mutex_unlock(&f.mu);
	holder_command(f.h, command_new(&msg, on_answer, NULL));
	dm_mutex_lock(&f.mu);
	while (answer.answers == 0)
		dm_cond_wait(&f.changed, &f.mu);
	ck_assert_msg(strstr(answer.text, want) != NULL, "%s", answer.text);
	dm_mutex_unlock(&f.mu);
}

START_TEST(a_command_for_another_source_is_40072)
{
	command_gives(false, "s", "t", "[code=40072:");
}
END_TEST

START_TEST(a_command_for_an_unknown_task_is_40054)
{
	const struct want s = { "s", 5, TASK };

	begin_lease();
	desire(10, &s, 1);
	reports("s@5: t=3");
	command_gives(false, "s", "u", "sub task with name u not found");
	command_gives(true, "r", "t", "[code=40072:");
}
END_TEST

START_TEST(a_task_that_copies_takes_no_commands)
{
	const struct want s = { "s", 5, TASK };

	begin_lease();
	desire(10, &s, 1);
	reports("s@5: t=3");
	command_gives(false, "s", "t",
	    "such operation is only available for syncer, but syncer is not "
	    "running. current unit is");
	command_gives(true, "s", "t", "[code=40056:");
}
END_TEST

START_TEST(a_task_that_cannot_be_read_tells_why)
{
	const struct want s = { "s", 5, "name: [" };

	begin_lease();
	desire(10, &s, 1);
	reports("s@5: t=3");
	command_gives(false, "s", "t", "[code=");
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("worker/holder");
	TCase *tc = tcase_create("holder");
	SRunner *sr = srunner_create(s);
	int failed;

	tcase_set_timeout(tc, 60);
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, several_sources_run_at_once);
	tcase_add_test(tc, without_a_lease_nothing_runs);
	tcase_add_test(tc, what_an_older_master_wants_is_ignored);
	tcase_add_test(tc, a_new_epoch_begins_anew);
	tcase_add_test(tc, another_configuration_makes_another_subtask);
	tcase_add_test(tc, a_command_for_another_source_is_40072);
	tcase_add_test(tc, a_command_for_an_unknown_task_is_40054);
	tcase_add_test(tc, a_task_that_copies_takes_no_commands);
	tcase_add_test(tc, a_task_that_cannot_be_read_tells_why);
	suite_add_tcase(s, tc);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
