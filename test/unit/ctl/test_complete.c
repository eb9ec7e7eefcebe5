/* SPDX-License-Identifier: Apache-2.0 */
/* The suite of ctl/complete.c and ctl/table.c, and of what the prompt keeps. */
#include "ctl/complete.h"
#include "ctl/shell.h"
#include "ctl/table.h"
#include "dmmaster.pb-c.h"
#include "lib/text/pbjson.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

/* ---- candidates ---- */

static void
fake_names(const char *kind, GPtrArray *out, void *arg)
{
	(void)arg;
	if (strcmp(kind, "@task") == 0) {
		g_ptr_array_add(out, g_strdup("task1"));
		g_ptr_array_add(out, g_strdup("task2"));
		g_ptr_array_add(out, g_strdup("bad\033[2J"));
	}
	if (strcmp(kind, "@source") == 0) {
		g_ptr_array_add(out, g_strdup("src-b"));
		g_ptr_array_add(out, g_strdup("src-a"));
		g_ptr_array_add(out, g_strdup("src-a"));
	}
	if (strcmp(kind, "@worker") == 0)
		g_ptr_array_add(out, g_strdup("w1"));
	if (strcmp(kind, "@member") == 0)
		g_ptr_array_add(out, g_strdup("m1"));
}

static char *
complete(const struct ctl_cmd *root, const char *line, ctl_names_fn *names)
{
	g_autofree char *typed = NULL;
	g_autoptr(GPtrArray) found =
	    ctl_complete(root, line, names, NULL, &typed);
	GString *s = g_string_new(NULL);

	for (guint i = 0; i < found->len; i++)
		g_string_append_printf(s, "%s%s", i > 0 ? " " : "",
		    (const char *)g_ptr_array_index(found, i));
	return g_string_free(s, FALSE);
}

static const struct {
	const char *line, *found;
} lines[] = {
	{ "pause-", "pause-relay pause-task" },
	{ "-s x pause-t", "pause-task" },
	{ "--source=x pause-t", "pause-task" },
	{ "get-con", "" }, /* old names are not offered */
	{ "__", "" },
	{ "expl", "explain" },
	{ "binlog ", "inject list replace revert skip" },
	{ "config ta", "task task-template" },
	{ "pause-task ", "task1 task2" },
	{ "pause-task task1 ", "" },
	{ "pause-task -s ", "src-a src-b" },
	{ "pause-task -s src-a,s", "src-a,src-a src-a,src-b" },
	{ "pause-task --source=src-b", "--source=src-b" },
	{ "pause-task --source src-b ", "task1 task2" },
	{ "pause-task --batch-size ", "" },
	{ "pause-task --ba", "--batch-size" },
	{ "list-member --wo", "--worker" },
	{ "list-member --worker ", "" },
	{ "list-member --name ", "m1" },
	{ "transfer-source ", "src-a src-b" },
	{ "transfer-source src-a ", "w1" },
	{ "transfer-source src-a w1 ", "" },
	{ "operate-leader ", "cancel-evict evict" },
	{ "operate-source c", "create" },
	{ "operate-source stop f.yaml s", "src-a src-b" },
	{ "validation start --mode ", "fast full" },
	{ "validation start --mode=fu", "--mode=full" },
	{ "shard-ddl-lock ", "task1 task2 unlock" },
	{ "shard-ddl-lock unlock -a s", "skip" },
	{ "query-status --output ta", "table" },
	{ "query-status 'ta", "" },
	{ "query-status -- -", "" },
	{ "query-status --no-such ", "task1 task2" },
	{ "config task upd", "update" },
	{ "nonsense pause-", "" },
};

START_TEST(a_line_has_these_candidates)
{
	g_autofree char *found =
	    complete(&ctl_shell_root, lines[_i].line, fake_names);

	ck_assert_str_eq(found, lines[_i].found);
}
END_TEST

START_TEST(without_a_cluster_commands_and_options_are_completed)
{
	g_autofree char *cmd = complete(&ctl_root, "stop-t", NULL);
	g_autofree char *opt = complete(&ctl_root, "--mas", NULL);
	g_autofree char *name = complete(&ctl_root, "stop-task ", NULL);

	ck_assert_str_eq(cmd, "stop-task");
	ck_assert_str_eq(opt, "--master-addr");
	ck_assert_str_eq(name, "");
}
END_TEST

START_TEST(every_candidate_begins_with_what_was_typed)
{
	for (size_t i = 0; i < DM_ARRAY_SIZE(lines); i++) {
		g_autofree char *typed = NULL;
		g_autoptr(GPtrArray) found = ctl_complete(
		    &ctl_shell_root, lines[i].line, fake_names, NULL, &typed);

		for (guint k = 0; k < found->len; k++)
			ck_assert(g_str_has_prefix(
			    g_ptr_array_index(found, k), typed));
	}
}
END_TEST

/* ---- names of the cluster ---- */

static struct dm_err *
answer(void *self, const char *method, const ProtobufCMessage *req,
    int64_t timeout_ms, ProtobufCMessage **resp)
{
	static const struct {
		const char *method, *json;
	} answers[] = {
		{ "ListTaskConfigs", "{\"result\":true,\"taskConfigs\":{\"t1\":"
				     "\"\",\"t2\":\"\"}}" },
		{ "ListSourceConfigs",
		    "{\"result\":true,\"sourceConfigs\":{\"s1\":\"\"}}" },
		{ "ListMember",
		    "{\"result\":true,\"members\":[{\"leader\":{\"name\":"
		    "\"m1\"}},"
		    "{\"master\":{\"masters\":[{\"name\":\"m1\"}]}},"
		    "{\"worker\":{\"workers\":[{\"name\":\"w1\"}]}}]}" },
		{ "ShowDDLLocks",
		    "{\"result\":true,\"locks\":[{\"ID\":\"t-`a`.`b`\"}]}" },
	};
	const bool *fail = self;
	const ProtobufCMethodDescriptor *d =
	    protobuf_c_service_descriptor_get_method_by_name(
		&pb__master__descriptor, method);

	(void)req;
	ck_assert_int_gt(timeout_ms, 0);
	if (*fail)
		return dm_err_deadline();
	for (size_t i = 0; i < DM_ARRAY_SIZE(answers); i++) {
		if (strcmp(answers[i].method, method) == 0)
			return dm_pbjson_parse(d->output, answers[i].json,
			    strlen(answers[i].json), resp);
	}
	ck_abort_msg("unexpected call of %s", method);
	return NULL;
}

static char *
live(const char *kind, bool fail)
{
	struct ctl_transport t = { answer, &fail };
	struct ctl_env env = { .transport = &t };
	g_autoptr(GPtrArray) out = g_ptr_array_new_with_free_func(g_free);

	ctl_live_names(kind, out, &env);
	g_ptr_array_add(out, NULL);
	return g_strjoinv(" ", (char **)out->pdata);
}

static const struct {
	const char *kind, *names;
} kinds[] = {
	{ "@task", "t1 t2" },
	{ "@source", "s1" },
	{ "@worker", "m1 w1" }, /* the fake filters nothing */
	{ "@master", "m1 w1" },
	{ "@lock", "t-`a`.`b`" },
	{ "@file", "" },
};

START_TEST(names_come_from_the_master)
{
	g_autofree char *names = live(kinds[_i].kind, false);
	g_autofree char *none = live(kinds[_i].kind, true);

	ck_assert_str_eq(names, kinds[_i].names);
	ck_assert_str_eq(none, "");
}
END_TEST

START_TEST(without_a_connection_there_are_no_names)
{
	struct ctl_env env = { 0 };
	g_autoptr(GPtrArray) out = g_ptr_array_new_with_free_func(g_free);

	ctl_live_names("@task", out, &env);
	ck_assert_uint_eq(out->len, 0);
}
END_TEST

/* ---- the prompt's history ---- */

static const struct {
	const char *line;
	bool secret;
} secrets[] = {
	{ "encrypt abc", true },
	{ "-s x encrypt abc", true },
	{ "encr\"yp\"t abc", true },
	{ "decrypt abc", true },
	{ "encrypt 'open quote", true },
	{ "binlog replace t \"CREATE USER u IDENTIFIED BY 'x'\"", true },
	{ "binlog replace t \"SET PASSWORD = 'x'\"", true },
	{ "query-status t", false },
	{ "start-task task.yaml", false },
	{ "help", false },
};

START_TEST(no_line_that_may_hold_a_password_is_kept)
{
	ck_assert(ctl_shell_is_secret(secrets[_i].line) == secrets[_i].secret);
}
END_TEST

/* ---- tables ---- */

static char *
table(const char *const *heads, const char *const *row)
{
	char *text = NULL;
	size_t size = 0;
	FILE *f = open_memstream(&text, &size);
	struct ctl_table *t = ctl_table_new(heads);

	if (row != NULL)
		ctl_table_row(t, row);
	ctl_table_print(t, f);
	ctl_table_free(t);
	fclose(f);
	return text;
}

START_TEST(columns_are_as_wide_as_their_widest_cell)
{
	static const char *const heads[] = { "A", "BBB", "C", NULL };
	static const char *const row[] = { "xxxx", "y", "z" };
	char *text = table(heads, row);

	ck_assert_str_eq(text, "A     BBB  C\nxxxx  y    z\n");
	free(text);
}
END_TEST

START_TEST(empty_cells_are_dashes_and_an_empty_table_is_its_head)
{
	static const char *const heads[] = { "A", "B", NULL };
	static const char *const row[] = { NULL, "" };
	char *some = table(heads, row), *none = table(heads, NULL);

	ck_assert_str_eq(some, "A  B\n-  -\n");
	ck_assert_str_eq(none, "A  B\n");
	free(some);
	free(none);
}
END_TEST

START_TEST(a_cell_cannot_steer_the_terminal)
{
	static const char *const heads[] = { "A", "B", NULL };
	static const char *const row[] = { "a\033[2Jb\nc", "\xff\xc2\x9b" };
	char *text = table(heads, row);

	ck_assert_ptr_null(strchr(text, '\033'));
	ck_assert_ptr_nonnull(strstr(text, "a [2Jb c"));
	ck_assert(g_utf8_validate(text, -1, NULL));
	ck_assert_ptr_null(strstr(text, "\xc2\x9b"));
	free(text);
}
END_TEST

START_TEST(widths_are_those_of_a_terminal)
{
	ck_assert_uint_eq(ctl_table_width("abc"), 3);
	ck_assert_uint_eq(ctl_table_width("\u4e2d\u6587"), 4);
	ck_assert_uint_eq(ctl_table_width("e\u0301"), 1);
	ck_assert_uint_eq(ctl_table_width(""), 0);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("ctl/complete");
	TCase *tc = tcase_create("complete");
	SRunner *sr = srunner_create(s);
	int failed;

	tcase_add_loop_test(
	    tc, a_line_has_these_candidates, 0, DM_ARRAY_SIZE(lines));
	tcase_add_test(
	    tc, without_a_cluster_commands_and_options_are_completed);
	tcase_add_test(tc, every_candidate_begins_with_what_was_typed);
	tcase_add_loop_test(
	    tc, names_come_from_the_master, 0, DM_ARRAY_SIZE(kinds));
	tcase_add_test(tc, without_a_connection_there_are_no_names);
	tcase_add_loop_test(tc, no_line_that_may_hold_a_password_is_kept, 0,
	    DM_ARRAY_SIZE(secrets));
	tcase_add_test(tc, columns_are_as_wide_as_their_widest_cell);
	tcase_add_test(
	    tc, empty_cells_are_dashes_and_an_empty_table_is_its_head);
	tcase_add_test(tc, a_cell_cannot_steer_the_terminal);
	tcase_add_test(tc, widths_are_those_of_a_terminal);
	suite_add_tcase(s, tc);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
