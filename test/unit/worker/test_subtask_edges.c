/* SPDX-License-Identifier: Apache-2.0 */
/* The suite of worker/subtask_edges.c: every (stage, event) pair. */
#include "worker/subtask_edges.h"

#include <check.h>
#include <stdlib.h>

#define STAGES 9

/* What the original refuses or ignores, stage by stage: one letter an event in
 * the order of enum subtask_event; '.' nothing happens, 'x' an edge. */
static const char *const wanted[STAGES] = {
	/* run pause stop auto handled ready next last canceled error */
	[PB__STAGE__InvalidStage] = "..........",
	[PB__STAGE__New] = "xxx.......",
	[PB__STAGE__Running] = ".xx...xxxx",
	[PB__STAGE__Paused] = "x.xxx.....",
	[PB__STAGE__Stopped] = "..........",
	[PB__STAGE__Finished] = "..x.......",
	[PB__STAGE__Pausing] = "..x...xxxx",
	[PB__STAGE__Resuming] = ".xx..x....",
	[PB__STAGE__Stopping] = "......xxxx",
};

START_TEST(every_pair_is_decided)
{
	Pb__Stage from = (Pb__Stage)(_i / EV_NR);
	enum subtask_event on = (enum subtask_event)(_i % EV_NR);

	ck_assert_msg(
	    (subtask_edge_find(from, on) != NULL) == (wanted[from][on] == 'x'),
	    "%s + %d is not as wanted", subtask_stage_name(from), (int)on);
}
END_TEST

START_TEST(no_edge_is_listed_twice)
{
	for (size_t i = 0; i < subtask_edges_len; i++)
		ck_assert_ptr_eq(subtask_edge_find(subtask_edges[i].from,
				     subtask_edges[i].on),
		    &subtask_edges[i]);
}
END_TEST

START_TEST(a_unit_that_returns_always_leaves_a_transient_stage)
{
	static const Pb__Stage transient[] = { PB__STAGE__Pausing,
		PB__STAGE__Stopping };

	for (size_t i = 0; i < DM_ARRAY_SIZE(transient); i++) {
		for (int on = EV_UNIT_NEXT; on <= EV_UNIT_ERROR; on++) {
			const struct subtask_edge *e = subtask_edge_find(
			    transient[i], (enum subtask_event)on);

			ck_assert_ptr_nonnull(e);
			ck_assert_int_ne(e->to, transient[i]);
		}
	}
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("worker/subtask_edges");
	TCase *tc = tcase_create("edges");
	SRunner *sr = srunner_create(s);
	int failed;

	tcase_add_loop_test(tc, every_pair_is_decided, 0, STAGES * EV_NR);
	tcase_add_test(tc, no_edge_is_listed_twice);
	tcase_add_test(tc, a_unit_that_returns_always_leaves_a_transient_stage);
	suite_add_tcase(s, tc);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
