/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The suite of ctl/help.c, ctl/guess.c and of the command tables: the help of
 * every command against test/golden/ctl/help. DM_GOLDEN_UPDATE=1 writes the
 * files anew.
 */
#include "ctl/ctl.h"
#include "ctl/shell.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#define GOLDEN "test/golden/ctl/help"

typedef void visit_fn(const struct ctl_inv *inv);

/* Calls fn for inv's command and all below it. */
static void
walk(struct ctl_inv *inv, visit_fn *fn)
{
	const struct ctl_cmd *const *p = ctl_inv_cmd(inv)->children;

	fn(inv);
	for (; p != NULL && *p != NULL; p++) {
		ck_assert_uint_lt(inv->depth, CTL_MAX_DEPTH);
		inv->path[inv->depth++] = *p;
		walk(inv, fn);
		inv->depth--;
	}
}

static void
walk_all(visit_fn *fn)
{
	struct ctl_inv inv = { .path = { &ctl_root }, .depth = 1 };

	walk(&inv, fn);
}

static void
compare_help(const struct ctl_inv *inv)
{
	g_autoptr(GString) path = g_string_new(GOLDEN "/");
	g_autofree char *got = ctl_help_text(inv), *want = NULL;

	for (size_t i = 0; i < inv->depth; i++)
		g_string_append_printf(
		    path, "%s%s", i > 0 ? "_" : "", inv->path[i]->name);
	g_string_append(path, ".txt");
	if (g_getenv("DM_GOLDEN_UPDATE") != NULL)
		ck_assert(g_file_set_contents(path->str, got, -1, NULL));
	ck_assert_msg(g_file_get_contents(path->str, &want, NULL, NULL),
	    "no golden file %s", path->str);
	ck_assert_str_eq(got, want);
}

START_TEST(every_help_is_as_the_golden_files_say)
{
	walk_all(compare_help);
}
END_TEST

START_TEST(root_help_has_43_lines)
{
	struct ctl_inv inv = { .path = { &ctl_root }, .depth = 1 };
	g_autofree char *text = ctl_help_text(&inv);
	size_t n = 0;

	for (const char *p = text; *p != '\0'; p++)
		n += *p == '\n' ? 1 : 0;
	ck_assert_uint_eq(n, 43);
}
END_TEST

START_TEST(usage_lines_that_tests_of_the_original_look_for)
{
	static const struct {
		const char *word, *line;
	} usages[] = {
		{ "transfer-source",
		    "  dmctl transfer-source <source-id> <worker-id> [flags]" },
		{ "pause-task",
		    "  dmctl pause-task [-s source ...] [task-name | "
		    "task-file] [flags]" },
		{ "stop-task", "  dmctl stop-task [-s source ...] [task-name | "
			       "task-file] [flags]" },
		{ "resume-task",
		    "  dmctl resume-task [-s source ...] [task-name | "
		    "task-file] [flags]" },
		{ "get-config",
		    "  dmctl get-config <task | master | worker | source> "
		    "<name> [--file filename] [flags]" },
	};

	for (size_t i = 0; i < DM_ARRAY_SIZE(usages); i++) {
		struct ctl_inv inv = { 0 };
		g_autofree char *text = NULL;

		ck_assert_ptr_null(
		    ctl_parse(&ctl_root, 1, &usages[i].word, &inv));
		text = ctl_usage_text(&inv);
		ck_assert_msg(strstr(text, usages[i].line) != NULL, "%s", text);
		ctl_inv_fini(&inv);
	}
}
END_TEST

static void
check_table(const struct ctl_inv *inv)
{
	const struct ctl_cmd *c = ctl_inv_cmd(inv);
	const struct ctl_cmd *const *p;
	const struct ctl_opt *const *o;

	ck_assert_msg(c->brief != NULL && c->brief[0] != '\0', "%s", c->name);
	ck_assert_msg(c->run != NULL || c->children != NULL, "%s", c->name);
	for (p = c->children; p != NULL && *p != NULL && p[1] != NULL; p++)
		ck_assert_msg(strcmp(p[0]->name, p[1]->name) < 0,
		    "%s is not behind %s", p[1]->name, p[0]->name);
	for (o = c->opts; o != NULL && *o != NULL; o++) {
		/* A name or letter means one thing along the whole path. */
		ck_assert_ptr_eq(ctl_cmd_opt(inv, (*o)->name, 0), *o);
		if ((*o)->letter != 0)
			ck_assert_ptr_eq(
			    ctl_cmd_opt(inv, NULL, (*o)->letter), *o);
		for (size_t i = 0; i < inv->depth; i++) {
			const struct ctl_opt *const *s = inv->path[i]->shared;

			for (; s != NULL && *s != NULL; s++)
				ck_assert_msg(
				    strcmp((*s)->name, (*o)->name) != 0 &&
					((*o)->letter == 0 ||
					    (*s)->letter != (*o)->letter),
				    "%s: --%s and --%s", c->name, (*o)->name,
				    (*s)->name);
		}
	}
}

START_TEST(the_tables_are_sorted_and_without_collisions)
{
	walk_all(check_table);
}
END_TEST

static void
check_examples(const struct ctl_inv *inv)
{
	const struct ctl_cmd *c = ctl_inv_cmd(inv);
	g_auto(GStrv) lines = NULL;

	ck_assert_msg(c->examples != NULL, "%s has no example", c->name);
	lines = g_strsplit(c->examples, "\n", -1);
	for (size_t i = 0; lines[i] != NULL; i++) {
		g_auto(GStrv) words = ctl_split(lines[i]);
		struct ctl_inv of = { 0 };
		struct dm_err *err = ctl_parse(&ctl_root, g_strv_length(words),
		    (const char *const *)words, &of);

		ck_assert_msg(err == NULL, "%s: %s", lines[i],
		    err != NULL ? err->message : "");
		ck_assert_msg(
		    of.depth >= inv->depth && of.path[inv->depth - 1] == c,
		    "%s is no example of %s", lines[i], c->name);
		ctl_inv_fini(&of);
	}
}

START_TEST(every_command_has_examples_that_parse)
{
	walk_all(check_examples);
}
END_TEST

START_TEST(examples_are_part_of_help_and_not_of_usage)
{
	static const char *const word = "start-task";
	struct ctl_inv inv = { 0 };
	g_autofree char *help = NULL, *usage = NULL;

	ck_assert_ptr_null(ctl_parse(&ctl_root, 1, &word, &inv));
	help = ctl_help_text(&inv);
	usage = ctl_usage_text(&inv);
	ck_assert_ptr_nonnull(
	    strstr(help, "\nExamples:\n  dmctl start-task task.yaml\n"));
	ck_assert_ptr_null(strstr(usage, "Examples:"));
	ctl_inv_fini(&inv);
}
END_TEST

/* What is ours stands in every help but the root's. */
START_TEST(root_help_is_the_originals_and_the_others_have_ours_too)
{
	struct ctl_inv inv = { .path = { &ctl_root }, .depth = 1 };
	g_autofree char *root = ctl_help_text(&inv), *sub = NULL;

	inv.path[inv.depth++] = &ctl_cmd_list_member;
	sub = ctl_help_text(&inv);
	ck_assert_ptr_null(strstr(root, "--output"));
	ck_assert_ptr_null(strstr(root, "explain"));
	ck_assert_ptr_nonnull(strstr(sub, "--output"));
	ck_assert_ptr_nonnull(strstr(sub, "--strict"));
}
END_TEST

START_TEST(a_person_at_a_terminal_sees_ours_in_root_help_too)
{
	struct ctl_env env = { .at_terminal = true };
	struct ctl_inv inv = { .env = &env, .path = { &ctl_root }, .depth = 1 };
	g_autofree char *root = ctl_help_text(&inv);
	g_autofree char *usage = ctl_usage_text(&inv);

	ck_assert_ptr_nonnull(strstr(root, "\n  explain "));
	ck_assert_ptr_nonnull(strstr(root, "\n  completion "));
	ck_assert_ptr_nonnull(strstr(root, "--strict"));
	ck_assert_ptr_nonnull(
	    strstr(root, "\nExamples:\n  dmctl --master-addr "));
	ck_assert_ptr_null(strstr(usage, "Examples:"));
	env.at_terminal = false;
	g_free(root);
	root = ctl_help_text(&inv);
	ck_assert_ptr_null(strstr(root, "Examples:"));
}
END_TEST

static const struct {
	const char *line, *error;
} mistakes[] = {
	{ "binlog skp", "unknown command \"skp\" for \"dmctl binlog\"\n\n"
			"Did you mean this?\n\tskip\n" },
	{ "validation frob",
	    "unknown command \"frob\" for \"dmctl validation\"" },
	{ "config tsk t", "unknown command \"tsk\" for \"dmctl config\"\n\n"
			  "Did you mean this?\n\ttask\n" },
	{ "query-status --moer", "unknown flag: --moer\n\n"
				 "Did you mean this?\n\t--more\n" },
	{ "start-task --remov", "unknown flag: --remov\n\n"
				"Did you mean this?\n\t--remove-meta\n" },
	{ "list-member --sorce=a", "unknown flag: --sorce\n\n"
				   "Did you mean this?\n\t--source\n" },
	{ "list-member --zzzzzzzz", "unknown flag: --zzzzzzzz" },
	{ "completon", "unknown command \"completon\" for \"dmctl\"\n\n"
		       "Did you mean this?\n\tcompletion\n" },
};

START_TEST(a_mistake_is_answered_with_what_may_have_been_meant)
{
	g_auto(GStrv) words = ctl_split(mistakes[_i].line);
	struct ctl_inv inv = { 0 };
	DM_AUTO(dm_err)
	err = ctl_parse(
	    &ctl_root, g_strv_length(words), (const char *const *)words, &inv);

	ck_assert_ptr_nonnull(err);
	ck_assert_str_eq(err->message, mistakes[_i].error);
	ctl_inv_fini(&inv);
}
END_TEST

START_TEST(near_misses_are_guessed)
{
	g_autofree char *a = ctl_suggestions(&ctl_root, "stop-tsk");
	g_autofree char *b = ctl_suggestions(&ctl_root, "PAUSE-relay");
	g_autofree char *c = ctl_suggestions(&ctl_root, "shard");
	g_autofree char *none = ctl_suggestions(&ctl_root, "frobnicate");
	g_autofree char *hidden = ctl_suggestions(&ctl_root, "get-config");

	ck_assert_str_eq(a, "\n\nDid you mean this?\n\tstop-task\n");
	ck_assert_str_eq(b, "\n\nDid you mean this?\n\tpause-relay\n");
	ck_assert_str_eq(c, "\n\nDid you mean this?\n\tshard-ddl-lock\n");
	ck_assert_str_eq(none, "");
	ck_assert_str_eq(hidden, "");
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("ctl/help");
	TCase *tc = tcase_create("help");
	SRunner *sr = srunner_create(s);
	int failed;

	tcase_add_test(tc, every_help_is_as_the_golden_files_say);
	tcase_add_test(tc, root_help_has_43_lines);
	tcase_add_test(tc, usage_lines_that_tests_of_the_original_look_for);
	tcase_add_test(tc, the_tables_are_sorted_and_without_collisions);
	tcase_add_test(tc, near_misses_are_guessed);
	tcase_add_test(tc, every_command_has_examples_that_parse);
	tcase_add_test(tc, examples_are_part_of_help_and_not_of_usage);
	tcase_add_test(
	    tc, root_help_is_the_originals_and_the_others_have_ours_too);
	tcase_add_test(tc, a_person_at_a_terminal_sees_ours_in_root_help_too);
	tcase_add_loop_test(tc,
	    a_mistake_is_answered_with_what_may_have_been_meant, 0,
	    DM_ARRAY_SIZE(mistakes));
	suite_add_tcase(s, tc);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
