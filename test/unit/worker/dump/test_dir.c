/* SPDX-License-Identifier: Apache-2.0 */
/* The suite of worker/dump/dir.c. */
#include "worker/dump/dir.h"

#include "lib/config/source.h"
#include "lib/config/task.h"

#include <check.h>
#include <glib/gstdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char *top; /* a folder of the test's own */

/* A subtask of mode, with `dir` at top/d. */
struct subtask {
	struct dm_task_cfg task;
	struct dm_instance_cfg inst;
	struct dm_source_cfg source;
	struct unit_env env;
	struct dump_dir dir;
};

static void
init(struct subtask *s, enum dm_task_mode mode, const char *task,
    const char *source)
{
	*s = (struct subtask){ .dir = { .fd = -1 } };
	s->task.mode = mode;
	s->task.name = g_strdup(task);
	s->inst.loader.dir = g_build_filename(top, "d", NULL);
	s->source.source_id = g_strdup(source);
	s->env = (struct unit_env){
		.task = &s->task, .inst = &s->inst, .source = &s->source
	};
}

static void
fini(struct subtask *s)
{
	dump_dir_close(&s->dir);
	g_free(s->task.name);
	g_free(s->inst.loader.dir);
	g_free(s->source.source_id);
}

static struct dm_err *
use_dir(enum dm_task_mode mode, const char *task, const char *source,
    enum dump_dir_use use)
{
	struct subtask s;
	struct dm_err *err;

	init(&s, mode, task, source);
	err = dump_dir_open(&s.dir, &s.env, use, NULL);
	fini(&s);
	return err;
}

static char *
at_top(const char *name)
{
	return g_build_filename(top, name, NULL);
}

static bool
there(const char *name)
{
	g_autofree char *path = at_top(name);

	return g_file_test(path, G_FILE_TEST_EXISTS);
}

static void
put(const char *name)
{
	g_autofree char *path = at_top(name);

	ck_assert(g_file_set_contents(path, "x", 1, NULL));
}

static void
make_dir(const char *name)
{
	g_autofree char *path = at_top(name);

	ck_assert_int_eq(g_mkdir(path, 0700), 0);
}

static void
setup(void)
{
	top = g_dir_make_tmp("dm-dir-XXXXXX", NULL);
	ck_assert_ptr_nonnull(top);
}

static void
remove_all(const char *path)
{
	GDir *dir = g_dir_open(path, 0, NULL);
	const char *name;

	while (dir != NULL && (name = g_dir_read_name(dir)) != NULL) {
		g_autofree char *sub = g_build_filename(path, name, NULL);

		remove_all(sub);
	}
	if (dir != NULL)
		g_dir_close(dir);
	(void)g_remove(path);
}

static void
teardown(void)
{
	remove_all(top);
	g_clear_pointer(&top, g_free);
}

static const struct {
	enum dm_task_mode mode;
	const char *path;
} paths[] = {
	{ DM_MODE_ALL, "d.t.s" },
	{ DM_MODE_FULL, "d.t.s" },
	{ DM_MODE_DUMP, "d" },
	{ DM_MODE_LOAD, "d" },
	{ DM_MODE_LOAD_SYNC, "d" },
};

START_TEST(names_of_task_and_source_stand_behind_its_own_dumps)
{
	struct subtask s;
	g_autofree char *want = at_top(paths[_i].path);
	g_autofree char *got = NULL;

	init(&s, paths[_i].mode, "t", "s");
	got = dump_dir_path(&s.env);
	ck_assert_str_eq(got, want);
	fini(&s);
}
END_TEST

START_TEST(one_folder_has_one_user_at_a_time)
{
	struct subtask s;
	DM_AUTO(dm_err) err = NULL;
	DM_AUTO(dm_err) busy = NULL;

	init(&s, DM_MODE_DUMP, "t", "s");
	err = dump_dir_open(&s.dir, &s.env, DUMP_DIR_DUMP, NULL);
	ck_assert_ptr_null(err);
	busy = use_dir(DM_MODE_LOAD, "u", "s", DUMP_DIR_LOAD);
	ck_assert(dm_err_is(busy, DUMP_UNIT_RUNTIME));
	ck_assert(strstr(busy->cause, "task 't' for source 's'") != NULL);
	fini(&s);
	err = use_dir(DM_MODE_LOAD, "u", "s", DUMP_DIR_LOAD);
	ck_assert_ptr_null(err);
}
END_TEST

START_TEST(another_sources_dump_is_not_touched)
{
	DM_AUTO(dm_err) err = use_dir(DM_MODE_DUMP, "t", "s", DUMP_DIR_DUMP);
	DM_AUTO(dm_err) dump = use_dir(DM_MODE_DUMP, "t", "z", DUMP_DIR_DUMP);
	DM_AUTO(dm_err) load = use_dir(DM_MODE_LOAD, "t", "z", DUMP_DIR_LOAD);
	g_autofree char *marker = at_top("d/" DUMP_DIR_OWNER);

	ck_assert_ptr_null(err);
	ck_assert(dm_err_is(dump, DUMP_UNIT_RUNTIME));
	ck_assert(dm_err_is(load, DUMP_UNIT_RUNTIME));
	ck_assert(strstr(load->workaround, DUMP_DIR_OWNER) != NULL);
	/* Another task of the same source may take it. */
	err = use_dir(DM_MODE_LOAD, "u", "s", DUMP_DIR_LOAD);
	ck_assert_ptr_null(err);
	/* The remedy helps. */
	ck_assert_int_eq(unlink(marker), 0);
	err = use_dir(DM_MODE_LOAD, "t", "z", DUMP_DIR_LOAD);
	ck_assert_ptr_null(err);
}
END_TEST

START_TEST(a_given_dump_belongs_to_who_loads_it_first)
{
	DM_AUTO(dm_err) err = NULL;
	DM_AUTO(dm_err) other = NULL;

	make_dir("d");
	put("d/metadata");
	err = use_dir(DM_MODE_LOAD_SYNC, "t", "s", DUMP_DIR_LOAD);
	ck_assert_ptr_null(err);
	other = use_dir(DM_MODE_LOAD_SYNC, "t", "z", DUMP_DIR_LOAD);
	ck_assert(dm_err_is(other, DUMP_UNIT_RUNTIME));
	ck_assert(there("d/metadata"));
}
END_TEST

START_TEST(a_load_that_began_goes_on_in_an_older_folder)
{
	DM_AUTO(dm_err) err = NULL;
	struct subtask s;
	g_autofree char *want = at_top("d.t");

	make_dir("d.t");
	err = use_dir(DM_MODE_ALL, "t", "s", DUMP_DIR_LOAD);
	ck_assert(dm_err_is(err, LOAD_UNIT_DUMP_DIR_NOT_FOUND));
	g_clear_pointer(&err, dm_err_free);
	init(&s, DM_MODE_ALL, "t", "s");
	err = dump_dir_open(&s.dir, &s.env, DUMP_DIR_RESUME, NULL);
	ck_assert_ptr_null(err);
	ck_assert_str_eq(s.dir.path, want);
	fini(&s);
	/* Which is then that source's. */
	err = use_dir(DM_MODE_ALL, "t", "z", DUMP_DIR_RESUME);
	ck_assert(dm_err_is(err, DUMP_UNIT_RUNTIME));
	g_clear_pointer(&err, dm_err_free);
	/* A mode that takes the folder as it is named has no older one. */
	err = use_dir(DM_MODE_LOAD, "t", "s", DUMP_DIR_RESUME);
	ck_assert(dm_err_is(err, LOAD_UNIT_DUMP_DIR_NOT_FOUND));
}
END_TEST

static void
open_dump(struct subtask *s)
{
	static const char *const files[] = { "d/metadata", "d/a.t-schema.sql",
		"d/a.t.000.sql", "d/a.t.001.sql", "d/diary.txt" };
	DM_AUTO(dm_err) err = NULL;

	init(s, DM_MODE_DUMP, "t", "s");
	err = dump_dir_open(&s->dir, &s->env, DUMP_DIR_DUMP, NULL);
	ck_assert_ptr_null(err);
	for (size_t i = 0; i < DM_ARRAY_SIZE(files); i++)
		put(files[i]);
}

START_TEST(what_is_cleaned_is_no_dump_any_more)
{
	struct subtask s;
	g_autoptr(GPtrArray) names = g_ptr_array_new();
	char rows[] = "a.t.000.sql", gone[] = "a.t.009.sql";

	open_dump(&s);
	g_ptr_array_add(names, gone);
	g_ptr_array_add(names, rows);
	dump_dir_clean(&s.dir, names, false);
	ck_assert(!there("d/metadata"));
	ck_assert(!there("d/a.t.000.sql"));
	ck_assert(!there("d/" DUMP_DIR_OWNER));
	/* Only what was named. */
	ck_assert(there("d/a.t.001.sql"));
	ck_assert(there("d/a.t-schema.sql"));
	ck_assert(there("d/diary.txt"));
	fini(&s);
}
END_TEST

/* Where the metadata cannot go, the rows stay: it would be a dump without. */
START_TEST(rows_outlive_the_metadata_never)
{
	struct subtask s;
	g_autoptr(GPtrArray) names = g_ptr_array_new();
	g_autofree char *metadata = NULL;
	char rows[] = "a.t.000.sql";

	open_dump(&s);
	metadata = at_top("d/metadata");
	ck_assert_int_eq(unlink(metadata), 0);
	make_dir("d/metadata");
	g_ptr_array_add(names, rows);
	dump_dir_clean(&s.dir, names, true);
	ck_assert(there("d/a.t.000.sql"));
	fini(&s);
}
END_TEST

START_TEST(a_cleaned_folder_goes_unless_something_is_in_it)
{
	struct subtask s;
	g_autoptr(GPtrArray) names = NULL;
	g_autofree char *diary = NULL;
	DM_AUTO(dm_err) err = NULL;

	open_dump(&s);
	diary = at_top("d/diary.txt");
	err = dump_dir_list(&s.dir, &names);
	ck_assert_ptr_null(err);
	ck_assert_uint_eq(names->len, 5); /* not the owner's file */
	dump_dir_clean(&s.dir, names, true);
	ck_assert(there("d/diary.txt"));
	ck_assert(!there("d/a.t-schema.sql"));
	ck_assert_int_eq(unlink(diary), 0);
	dump_dir_clean(&s.dir, names, true);
	ck_assert(!there("d"));
	fini(&s);
}
END_TEST

START_TEST(a_folder_with_files_of_others_is_not_emptied)
{
	struct subtask s;
	g_autofree char *diary = NULL;
	DM_AUTO(dm_err) err = NULL;

	open_dump(&s);
	diary = at_top("d/diary.txt");
	err = dump_dir_empty(&s.dir);
	ck_assert(dm_err_is(err, DUMP_UNIT_RUNTIME));
	ck_assert(there("d/metadata"));
	g_clear_pointer(&err, dm_err_free);
	ck_assert_int_eq(unlink(diary), 0);
	err = dump_dir_empty(&s.dir);
	ck_assert_ptr_null(err);
	ck_assert(!there("d/metadata") && !there("d/a.t.000.sql"));
	ck_assert(there("d/" DUMP_DIR_OWNER));
	fini(&s);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("worker/dump/dir");
	TCase *tc = tcase_create("all");
	SRunner *sr = srunner_create(s);
	int failed;

	tcase_set_timeout(tc, 60); /* for a disk that is busy with others */
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc,
	    names_of_task_and_source_stand_behind_its_own_dumps, 0,
	    (int)DM_ARRAY_SIZE(paths));
	tcase_add_test(tc, one_folder_has_one_user_at_a_time);
	tcase_add_test(tc, another_sources_dump_is_not_touched);
	tcase_add_test(tc, a_given_dump_belongs_to_who_loads_it_first);
	tcase_add_test(tc, a_load_that_began_goes_on_in_an_older_folder);
	tcase_add_test(tc, what_is_cleaned_is_no_dump_any_more);
	tcase_add_test(tc, rows_outlive_the_metadata_never);
	tcase_add_test(tc, a_cleaned_folder_goes_unless_something_is_in_it);
	tcase_add_test(tc, a_folder_with_files_of_others_is_not_emptied);
	suite_add_tcase(s, tc);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
