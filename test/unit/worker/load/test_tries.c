/* SPDX-License-Identifier: Apache-2.0 */
/* The suite of worker/load/tries.c. */
#include "worker/load/tries.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

/*
 * A target as a text, one letter for each call that is made:
 *   o  once: commits and says so      r  fails before COMMIT
 *   l  COMMIT happens, answer lost    n  COMMIT does not happen, answer lost
 *   s  settle: says what happened     x  settle: cannot be asked
 * Any other call than the one that comes next is a failure.
 */
struct script {
	const char *at;
	int committed; /* how often the transaction happened */
	int failures;  /* what after_failure saw */
	int give_up;   /* it gives the error back then; 0: never */
};

static struct dm_err *
lost(void)
{
	return dm_err_new(DB_BAD_CONN);
}

static struct dm_err *
once(void *arg, bool *committing)
{
	struct script *s = arg;
	char c = *s->at++;

	ck_assert_msg(c != '\0' && strchr("orln", c) != NULL,
	    "sent again where '%c' was to come", c);
	*committing = c != 'r';
	if (c == 'o' || c == 'l')
		s->committed++;
	if (c == 'r')
		return dm_err_plain("deadlock");
	return c == 'o' ? NULL : lost();
}

static struct dm_err *
settle(void *arg, bool *committed)
{
	struct script *s = arg;
	char c = *s->at++;

	ck_assert_msg(c == 's' || c == 'x', "asked where '%c' was to come", c);
	*committed = c == 's' && s->committed > 0;
	return c == 's' ? NULL : lost();
}

static struct dm_err *
after_failure(void *arg, int tries, struct dm_err *err)
{
	struct script *s = arg;

	ck_assert_int_ge(tries, s->failures);
	s->failures++;
	if (s->failures == s->give_up)
		return err;
	dm_err_free(err);
	return NULL;
}

static const struct {
	const char *script;
	int failures;
} good[] = {
	{ "o", 0 },
	{ "ro", 1 },
	{ "rro", 2 },
	{ "ls", 0 },
	{ "nso", 0 },
	/* settling fails, too: nothing is sent before it is known */
	{ "lxs", 1 },
	{ "lxxxs", 3 },
	{ "nxso", 1 },
	{ "nxsls", 1 },
	{ "rnxsro", 3 },
};

START_TEST(a_transaction_happens_once)
{
	struct script s = { .at = good[_i].script };
	const struct load_tries t = { &s, once, settle, after_failure };
	DM_AUTO(dm_err) err = load_try(&t, "file x");

	ck_assert_ptr_null(err);
	ck_assert_str_eq(s.at, "");
	ck_assert_int_eq(s.committed, 1);
	ck_assert_int_eq(s.failures, good[_i].failures);
}
END_TEST

START_TEST(an_error_that_is_no_use_to_try_again_comes_back)
{
	struct script s = { .at = "rx", .give_up = 1 };
	const struct load_tries t = { &s, once, settle, after_failure };
	DM_AUTO(dm_err) err = load_try(&t, "file x");

	ck_assert_ptr_nonnull(err);
	ck_assert_str_eq(err->message, "deadlock");
	ck_assert_str_eq(s.at, "x");
}
END_TEST

START_TEST(tries_come_to_an_end)
{
	char text[LOAD_TRIES + 2];
	struct script s = { .at = text };
	const struct load_tries t = { &s, once, settle, after_failure };
	DM_AUTO(dm_err) err = NULL;

	memset(text, 'x', sizeof(text));
	text[0] = 'n';
	text[LOAD_TRIES + 1] = '\0';
	/* The first try sends and asks. */
	err = load_try(&t, "file x");
	ck_assert_ptr_nonnull(err);
	ck_assert(strstr(err->message, "file x") != NULL);
	ck_assert_int_eq(s.failures, LOAD_TRIES);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("worker/load/tries");
	TCase *tc = tcase_create("all");
	SRunner *sr = srunner_create(s);
	int failed;

	tcase_add_loop_test(
	    tc, a_transaction_happens_once, 0, (int)DM_ARRAY_SIZE(good));
	tcase_add_test(tc, an_error_that_is_no_use_to_try_again_comes_back);
	tcase_add_test(tc, tries_come_to_an_end);
	suite_add_tcase(s, tc);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
