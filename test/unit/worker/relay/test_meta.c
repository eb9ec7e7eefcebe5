/* SPDX-License-Identifier: Apache-2.0 */
/* The suite of worker/relay/meta.c: index, sub directories, relay.meta. */
#include "test/unit/worker/relay/files.h"

#include "worker/relay/meta.h"

#include <unistd.h>

static GPtrArray *
load(const struct log *l)
{
	GPtrArray *dirs = NULL;

	must(relay_dirs_load(l->root, &dirs));
	return dirs;
}

/* Adds one, and gives the name of the last folder. */
static char *
add(const struct log *l, const char *uuid)
{
	g_autoptr(GPtrArray) before = load(l), after = NULL;
	const struct relay_dir *d;

	must(relay_index_add(l->root, before, uuid));
	after = load(l);
	ck_assert_uint_eq(after->len, before->len + 1);
	d = g_ptr_array_index(after, after->len - 1);
	ck_assert(g_file_test(d->path, G_FILE_TEST_IS_DIR));
	return g_path_get_basename(d->path);
}

START_TEST(sub_directories_count_up)
{
	g_autofree char *a = NULL, *b = NULL, *text = NULL, *path = NULL;
	g_autoptr(GPtrArray) dirs = NULL;
	struct log l;

	log_begin(&l);
	a = add(&l, "0-11");
	b = add(&l, "0-12");
	ck_assert_str_eq(a, "0-11.000001");
	ck_assert_str_eq(b, "0-12.000002");
	path = g_build_filename(l.root, "server-uuid.index", NULL);
	ck_assert(g_file_get_contents(path, &text, NULL, NULL));
	ck_assert_str_eq(text, "0-11.000001\n0-12.000002\n");
	dirs = load(&l);
	must(relay_index_check(dirs));
	log_end(&l);
}
END_TEST

/* A folder of a crash between mkdir and the index: what is in it is of no
 * file that anybody may read. */
START_TEST(a_folder_that_is_in_no_index_is_emptied)
{
	g_autofree char *left = NULL, *name = NULL;
	struct log l;

	log_begin(&l);
	left = g_build_filename(l.root, "0-11.000001", "bin.000001", NULL);
	log_index(&l, "0-11.000001");
	log_put(&l, "0-11.000001", "bin.000001", "old", 3);
	log_index(&l, "");
	name = add(&l, "0-11");
	ck_assert_str_eq(name, "0-11.000001");
	ck_assert(!g_file_test(left, G_FILE_TEST_EXISTS));
	log_end(&l);
}
END_TEST

START_TEST(an_edited_index_is_refused)
{
	static const struct {
		const char *lines;
		int code;
	} rows[] = {
		{ "a.000001\nb.000003\n", DM_ERR_RELAY_UUID_SUFFIX_NOT_VALID },
		{ "a.000002\nb.000001\n",
		    DM_ERR_RELAY_UUID_SUFFIX_LESS_THAN_PREV },
		{ "a.000002\nb.000002\n",
		    DM_ERR_RELAY_UUID_SUFFIX_LESS_THAN_PREV },
	};

	for (size_t i = 0; i < DM_ARRAY_SIZE(rows); i++) {
		g_autoptr(GPtrArray) dirs = NULL;
		DM_AUTO(dm_err) err = NULL;
		struct log l;

		log_begin(&l);
		log_index(&l, rows[i].lines);
		dirs = load(&l);
		err = relay_index_check(dirs);
		ck_assert_ptr_nonnull(err);
		ck_assert_int_eq(err->code, rows[i].code);
		log_end(&l);
	}
}
END_TEST

START_TEST(older_sub_directories_are_dropped)
{
	g_autofree char *a = NULL, *b = NULL, *c = NULL, *gone = NULL;
	g_autoptr(GPtrArray) dirs = NULL, left = NULL, none = NULL;
	struct log l;

	log_begin(&l);
	a = add(&l, "x");
	b = add(&l, "y");
	c = add(&l, "z");
	log_put(&l, a, "bin.000001", "1", 1);
	dirs = load(&l);
	must(relay_index_drop(l.root, dirs, 2));
	left = load(&l);
	ck_assert_uint_eq(left->len, 2);
	must(relay_index_check(left));
	gone = g_build_filename(l.root, a, NULL);
	ck_assert(!g_file_test(gone, G_FILE_TEST_EXISTS));
	must(relay_index_drop(l.root, left, 0));
	none = load(&l);
	ck_assert_uint_eq(none->len, 0);
	log_end(&l);
}
END_TEST

/* ---- relay.meta ---- */

START_TEST(meta_is_what_was_saved)
{
	struct relay_meta m = { dm_pos_make("bin.000007", 1234567890123),
		(char *)(uintptr_t) "0-1-5,1-1-7" };
	struct relay_meta got;
	g_autofree char *name = NULL, *path = NULL, *text = NULL;
	g_autoptr(GPtrArray) dirs = NULL;
	struct log l;
	bool there;

	log_begin(&l);
	name = add(&l, "0-1");
	dirs = load(&l);
	must(relay_meta_load(g_ptr_array_index(dirs, 0), &got, &there));
	ck_assert(!there);
	relay_meta_fini(&got);
	must(relay_meta_save(g_ptr_array_index(dirs, 0), &m));
	path = g_build_filename(l.root, name, "relay.meta", NULL);
	ck_assert(g_file_get_contents(path, &text, NULL, NULL));
	ck_assert_str_eq(text, "binlog-name = \"bin.000007\"\n"
			       "binlog-pos = 1234567890123\n"
			       "binlog-gtid = \"0-1-5,1-1-7\"\n");
	must(relay_meta_load(g_ptr_array_index(dirs, 0), &got, &there));
	ck_assert(there);
	ck_assert_str_eq(got.pos.name, m.pos.name);
	ck_assert_uint_eq(got.pos.pos, m.pos.pos);
	ck_assert_str_eq(got.gtid, m.gtid);
	relay_meta_fini(&got);
	log_end(&l);
}
END_TEST

START_TEST(a_broken_meta_is_told_with_its_path)
{
	static const char *const texts[] = { "binlog-name = 7\n",
		"binlog-pos = 4\n", "binlog-name = \"a.1\"\nbinlog-pos = -1\n",
		"binlog-name", "binlog-name = \"a.1\"\nbinlog-gtid = 1\n" };
	g_autofree char *name = NULL;
	g_autoptr(GPtrArray) dirs = NULL;
	struct log l;

	log_begin(&l);
	name = add(&l, "0-1");
	dirs = load(&l);
	for (size_t i = 0; i < DM_ARRAY_SIZE(texts); i++) {
		DM_AUTO(dm_err) err = NULL;
		struct relay_meta m;
		bool there;

		log_put(&l, name, "relay.meta", texts[i], strlen(texts[i]));
		err = relay_meta_load(g_ptr_array_index(dirs, 0), &m, &there);
		ck_assert(dm_err_is(err, RELAY_LOAD_META_DATA));
		ck_assert_ptr_nonnull(strstr(err->message, "/relay.meta"));
		relay_meta_fini(&m);
	}
	log_end(&l);
}
END_TEST

/* ---- what cannot be written ---- */

START_TEST(a_directory_that_is_a_file)
{
	struct relay_dir d = { 0 };
	struct relay_meta m = { dm_pos_make("bin.000001", 4), NULL };
	g_autoptr(GPtrArray) dirs = NULL;
	g_autofree char *file = NULL, *under = NULL;
	DM_AUTO(dm_err) lock = NULL;
	DM_AUTO(dm_err) meta = NULL;
	DM_AUTO(dm_err) index = NULL;
	struct log l;
	int fd;

	log_begin(&l);
	log_index(&l, "a.000001\n");
	log_put(&l, "a.000001", "file", "", 0);
	file = g_build_filename(l.root, "a.000001", "file", NULL);
	under = g_build_filename(file, "relay", NULL);
	lock = relay_lock(under, &fd);
	ck_assert(dm_err_is(lock, RELAY_MKDIR));
	ck_assert_ptr_nonnull(strstr(lock->message, under));
	d.path = file;
	meta = relay_meta_save(&d, &m);
	ck_assert(dm_err_is(meta, RELAY_FLUSH_LOCAL_META));
	dirs = load(&l);
	index = relay_index_drop(file, dirs, 1);
	ck_assert(dm_err_is(index, RELAY_UPDATE_INDEX_FILE));
	log_end(&l);
}
END_TEST

START_TEST(one_writer_per_directory)
{
	DM_AUTO(dm_err) err = NULL;
	struct log l;
	int first, second, third;

	log_begin(&l);
	must(relay_lock(l.root, &first));
	err = relay_lock(l.root, &second);
	ck_assert(dm_err_is(err, RELAY_MKDIR));
	ck_assert_ptr_nonnull(strstr(err->message, l.root));
	ck_assert_ptr_nonnull(strstr(err->cause, "relay.lock is locked"));
	ck_assert_int_eq(second, -1);
	close(first);
	must(relay_lock(l.root, &third));
	close(third);
	log_end(&l);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("worker/relay/meta");
	TCase *tc = tcase_create("meta");

	tcase_add_test(tc, sub_directories_count_up);
	tcase_add_test(tc, a_folder_that_is_in_no_index_is_emptied);
	tcase_add_test(tc, an_edited_index_is_refused);
	tcase_add_test(tc, older_sub_directories_are_dropped);
	tcase_add_test(tc, meta_is_what_was_saved);
	tcase_add_test(tc, a_broken_meta_is_told_with_its_path);
	tcase_add_test(tc, a_directory_that_is_a_file);
	tcase_add_test(tc, one_writer_per_directory);
	suite_add_tcase(s, tc);
	return run_suite(s);
}
