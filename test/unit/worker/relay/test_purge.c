/* SPDX-License-Identifier: Apache-2.0 */
/* The suite of worker/relay/purge.c: which files go, by strategy, by who reads
 * and by what is written; who may purge when. */
#include "test/unit/worker/relay/files.h"

#include "worker/relay/purge.h"

#include <utime.h>

#define OLD_S 1000000

/* Two servers, with files 1 to 3 each; written is file 3 of the second. */
static void
log_of_two(struct log *l)
{
	static const char *const dirs[] = { "a.000001", "b.000002" };

	log_begin(l);
	log_index(l, "a.000001\nb.000002");
	for (size_t d = 0; d < 2; d++) {
		for (unsigned i = 1; i <= 3; i++) {
			g_autofree char *name = g_strdup_printf("bin.%06u", i);

			log_put(l, dirs[d], name, "x", 1);
		}
		log_put(l, dirs[d], "relay.meta", "", 0);
	}
	log_publish(l, 2, "bin.000003", 100);
}

/* "1/2 1/3 2/1": the files that are there. */
static char *
files_of(const struct log *l)
{
	g_autoptr(GString) text = g_string_new(NULL);
	g_autoptr(GPtrArray) dirs = NULL;

	must(relay_dirs_load(l->root, &dirs));
	for (guint i = 0; i < dirs->len; i++) {
		const struct relay_dir *d = g_ptr_array_index(dirs, i);
		g_autoptr(GPtrArray) names = NULL;

		must(relay_dir_files(d, &names));
		for (guint k = 0; k < names->len; k++)
			g_string_append_printf(text, "%s%u/%c",
			    text->len > 0 ? " " : "", d->suffix,
			    ((char *)g_ptr_array_index(names, k))[9]);
	}
	return g_string_free(g_steal_pointer(&text), FALSE);
}

static void
hold(struct log *l, const char *task, unsigned suffix, const char *name)
{
	struct relay_place at = { suffix, dm_pos_make(name, 4) };

	must(relay_hub_hold(l->hub, task, &at));
}

static void
make_old(struct log *l, const char *dir, const char *name)
{
	g_autofree char *path = g_build_filename(l->root, dir, name, NULL);
	struct utimbuf t = { OLD_S, OLD_S };

	ck_assert_int_eq(utime(path, &t), 0);
}

static const struct {
	enum relay_purge_by by;
	const char *filename, *sub_dir;
	unsigned held;         /* sub directory that a task reads; 0: none */
	const char *held_name; /* its file */
	const char *left;
} rows[] = {
	{ RELAY_PURGE_INACTIVE, NULL, NULL, 0, NULL, "2/3" },
	{ RELAY_PURGE_SPACE, NULL, NULL, 2, "bin.000002", "2/2 2/3" },
	{ RELAY_PURGE_INACTIVE, NULL, NULL, 1, "bin.000003",
	    "1/3 2/1 2/2 2/3" },
	{ RELAY_PURGE_INACTIVE, NULL, NULL, 1, "bin.000001",
	    "1/1 1/2 1/3 2/1 2/2 2/3" },
	{ RELAY_PURGE_FILENAME, "bin.000002", "", 0, NULL, "2/2 2/3" },
	{ RELAY_PURGE_FILENAME, "bin.000002", "a.000001", 0, NULL,
	    "1/2 1/3 2/1 2/2 2/3" },
	{ RELAY_PURGE_FILENAME, "bin.000009", "", 0, NULL, "2/3" },
	{ RELAY_PURGE_FILENAME, "bin.000009", "a.000001", 0, NULL,
	    "2/1 2/2 2/3" },
	{ RELAY_PURGE_FILENAME, "bin.000002", "", 1, "bin.000002",
	    "1/2 1/3 2/1 2/2 2/3" },
	/* 1/1, 1/2 and 2/1 are old; what is behind one that is not stays. */
	{ RELAY_PURGE_TIME, NULL, NULL, 0, NULL, "1/3 2/1 2/2 2/3" },
};

START_TEST(what_is_not_needed_goes)
{
	struct relay_purge p = { .by = rows[_i].by,
		.before = OLD_S + 1,
		.filename = rows[_i].filename,
		.sub_dir = rows[_i].sub_dir };
	g_autofree char *left = NULL;
	struct log l;
	unsigned removed;

	log_of_two(&l);
	make_old(&l, "a.000001", "bin.000001");
	make_old(&l, "a.000001", "bin.000002");
	make_old(&l, "b.000002", "bin.000001");
	if (rows[_i].held > 0)
		hold(&l, "t", rows[_i].held, rows[_i].held_name);
	hold(&l, "later", 2, "bin.000003");
	must(relay_purge_run(l.hub, &p, &removed));
	left = files_of(&l);
	ck_assert_str_eq(left, rows[_i].left);
	ck_assert_uint_eq(removed, 6 - (strlen(left) + 1) / 4);
	log_end(&l);
}
END_TEST

START_TEST(nothing_is_written_yet)
{
	struct relay_purge p = { .by = RELAY_PURGE_INACTIVE };
	DM_AUTO(dm_err) err = NULL;
	struct log l;
	unsigned removed;

	log_begin(&l);
	err = relay_purge_run(l.hub, &p, &removed);
	ck_assert(dm_err_is(err, RELAY_NO_ACTIVE_RELAY_LOG));
	log_end(&l);
}
END_TEST

START_TEST(a_sub_directory_that_is_not_there)
{
	struct relay_purge p = { .by = RELAY_PURGE_FILENAME,
		.filename = "bin.000002",
		.sub_dir = "c.000003" };
	DM_AUTO(dm_err) err = NULL;
	g_autofree char *left = NULL;
	struct log l;
	unsigned removed;

	log_of_two(&l);
	err = relay_purge_run(l.hub, &p, &removed);
	ck_assert(dm_err_is(err, RELAY_PURGE_REQUEST_NOT_VALID));
	left = files_of(&l);
	ck_assert_str_eq(left, "1/1 1/2 1/3 2/1 2/2 2/3");
	log_end(&l);
}
END_TEST

/* A folder in the place of a file. */
START_TEST(what_cannot_be_removed_is_told)
{
	struct relay_purge p = { .by = RELAY_PURGE_INACTIVE };
	g_autofree char *path = NULL;
	DM_AUTO(dm_err) err = NULL;
	struct log l;
	unsigned removed;

	log_of_two(&l);
	path = g_build_filename(l.root, "a.000001", "bin.000000", NULL);
	ck_assert_int_eq(g_mkdir(path, 0700), 0);
	err = relay_purge_run(l.hub, &p, &removed);
	ck_assert(dm_err_is(err, RELAY_REMOVE_FILE_FAIL));
	ck_assert_ptr_nonnull(strstr(err->message, path));
	/* The next one is not kept out by the failure. */
	hold(&l, "t", 2, "bin.000003");
	log_end(&l);
}
END_TEST

/* ---- commands ---- */

struct answer {
	bool given, result;
	char *text;
	pthread_mutex_t mu;
};

static void
on_reply(uint64_t request, bool result, const char *text, void *arg)
{
	struct answer *a = arg;

	(void)request;
	pthread_mutex_lock(&a->mu);
	a->given = true;
	a->result = result;
	a->text = g_strdup(text);
	pthread_mutex_unlock(&a->mu);
}

static bool
is_given(struct answer *a)
{
	bool given;

	pthread_mutex_lock(&a->mu);
	given = a->given;
	pthread_mutex_unlock(&a->mu);
	return given;
}

static void
order(struct relay_purger *p, struct answer *a, const char *filename)
{
	Dm__V1__Command msg;
	Pb__PurgeRelayRequest req;

	*a = (struct answer){ .mu = PTHREAD_MUTEX_INITIALIZER };
	dm__v1__command__init(&msg);
	pb__purge_relay_request__init(&req);
	req.filename = (char *)(uintptr_t)filename;
	msg.c_case = DM__V1__COMMAND__C_PURGE_RELAY;
	msg.purgerelay = &req;
	relay_purger_order(p, command_new(&msg, on_reply, a));
	while (!is_given(a))
		g_usleep(1000);
}

START_TEST(a_command_purges)
{
	struct dm_source_cfg cfg = { .purge_interval = 3600 };
	DM_AUTO(relay_purger) p = NULL;
	g_autofree char *left = NULL;
	struct answer a;
	struct log l;

	log_of_two(&l);
	p = relay_purger_start(l.hub, &cfg);
	relay_purger_forbid(p, "subtask t is in stage Paused");
	order(p, &a, "bin.000002");
	ck_assert(!a.result);
	ck_assert_ptr_nonnull(strstr(a.text, "code=30037"));
	ck_assert_ptr_nonnull(strstr(a.text, "subtask t is in stage Paused"));
	g_free(a.text);
	relay_purger_forbid(p, NULL);
	order(p, &a, "");
	ck_assert_ptr_nonnull(strstr(a.text, "code=30039"));
	g_free(a.text);
	order(p, &a, "bin.000002");
	ck_assert(a.result);
	g_free(a.text);
	left = files_of(&l);
	ck_assert_str_eq(left, "2/2 2/3");
	relay_purger_free(DM_TAKE(p));
	log_end(&l);
}
END_TEST

/* The second of two that come at once, before the thread takes the first. */
START_TEST(one_purge_at_a_time)
{
	struct dm_source_cfg cfg = { 0 };
	Dm__V1__Command msg;
	Pb__PurgeRelayRequest req;
	DM_AUTO(relay_purger) p = NULL;
	struct answer a[64];
	unsigned refused = 0;
	struct log l;

	log_of_two(&l);
	p = relay_purger_start(l.hub, &cfg);
	dm__v1__command__init(&msg);
	pb__purge_relay_request__init(&req);
	req.inactive = true;
	msg.c_case = DM__V1__COMMAND__C_PURGE_RELAY;
	msg.purgerelay = &req;
	for (size_t i = 0; i < DM_ARRAY_SIZE(a); i++) {
		a[i] = (struct answer){ .mu = PTHREAD_MUTEX_INITIALIZER };
		relay_purger_order(p, command_new(&msg, on_reply, &a[i]));
	}
	for (size_t i = 0; i < DM_ARRAY_SIZE(a); i++) {
		while (!is_given(&a[i]))
			g_usleep(1000);
		refused += strstr(a[i].text, "code=30036") != NULL;
		ck_assert(
		    a[i].result || strstr(a[i].text, "code=30036") != NULL);
		g_free(a[i].text);
	}
	ck_assert_uint_gt(refused, 0);
	relay_purger_free(DM_TAKE(p));
	log_end(&l);
}
END_TEST

START_TEST(what_expired_goes_by_itself)
{
	struct dm_source_cfg cfg = { .purge_interval = 1, .purge_expires = 1 };
	DM_AUTO(relay_purger) p = NULL;
	struct log l;

	log_of_two(&l);
	make_old(&l, "a.000001", "bin.000001");
	p = relay_purger_start(l.hub, &cfg);
	for (int i = 0; i < 2000; i++) {
		g_autofree char *left = files_of(&l);

		if (strcmp(left, "1/2 1/3 2/1 2/2 2/3") == 0)
			break;
		ck_assert_str_eq(left, "1/1 1/2 1/3 2/1 2/2 2/3");
		ck_assert_int_lt(i, 1999);
		g_usleep(5000);
	}
	relay_purger_free(DM_TAKE(p));
	log_end(&l);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("worker/relay/purge");
	TCase *tc = tcase_create("purge");

	tcase_set_timeout(tc, 60);
	tcase_add_loop_test(
	    tc, what_is_not_needed_goes, 0, (int)DM_ARRAY_SIZE(rows));
	tcase_add_test(tc, nothing_is_written_yet);
	tcase_add_test(tc, a_sub_directory_that_is_not_there);
	tcase_add_test(tc, what_cannot_be_removed_is_told);
	tcase_add_test(tc, a_command_purges);
	tcase_add_test(tc, one_purge_at_a_time);
	tcase_add_test(tc, what_expired_goes_by_itself);
	suite_add_tcase(s, tc);
	return run_suite(s);
}
