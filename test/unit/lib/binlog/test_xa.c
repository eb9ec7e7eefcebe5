/* SPDX-License-Identifier: Apache-2.0 */
/* The suite of xa.c. */
#include "test/unit/lib/binlog/fixture.h"

#include "lib/binlog/xa.h"

#include <stdlib.h>

/* XA_PREPARE_LOG_EVENT of MariaDB 10.11 and MySQL 9.7 alike, for
 * XA PREPARE 'x1','b',7. */
static const uint8_t prepared[] = { 0, 7, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 'x',
	'1', 'b' };

START_TEST(the_event_and_the_statements_name_one_id)
{
	static const struct {
		const char *sql;
		enum dm_xa_verb verb;
	} cases[] = {
		{ "XA START X'7831',X'62',7", DM_XA_START },
		{ "XA END X'7831',X'62',7", DM_XA_END },
		{ "XA COMMIT X'7831',X'62',7", DM_XA_COMMIT },
		{ "xa rollback  X'7831' , X'62' , 7 ", DM_XA_ROLLBACK },
	};
	struct dm_xid want, got;
	enum dm_xa_verb verb;
	bool one_phase = true;

	ck_assert_ptr_null(dm_xa_prepare_decode(
	    prepared, sizeof(prepared), &one_phase, &want));
	ck_assert(!one_phase);
	ck_assert_str_eq(want.text, "X'7831',X'62',7");
	for (size_t i = 0; i < DM_ARRAY_SIZE(cases); i++) {
		ck_assert_ptr_null(dm_xa_parse(cases[i].sql, &verb, &got));
		ck_assert_int_eq(verb, cases[i].verb);
		ck_assert_str_eq(got.text, want.text);
	}
}
END_TEST

START_TEST(one_phase_is_told)
{
	uint8_t body[sizeof(prepared)];
	bool one_phase = false;
	struct dm_xid xid;

	memcpy(body, prepared, sizeof(body));
	body[0] = 1;
	ck_assert_ptr_null(
	    dm_xa_prepare_decode(body, sizeof(body), &one_phase, &xid));
	ck_assert(one_phase);
}
END_TEST

START_TEST(the_longest_id_fits)
{
	g_autoptr(GString) sql = g_string_new("XA COMMIT X'");
	uint8_t body[13 + 2 * DM_XID_PART_MAX] = { 0, 0xff, 0xff, 0xff, 0xff,
		DM_XID_PART_MAX, 0, 0, 0, DM_XID_PART_MAX };
	enum dm_xa_verb verb;
	struct dm_xid a, b;
	bool one_phase;

	memset(body + 13, 0xab, sizeof(body) - 13);
	for (int i = 0; i < DM_XID_PART_MAX; i++)
		g_string_append(sql, "AB");
	g_string_append(sql, "',X'");
	for (int i = 0; i < DM_XID_PART_MAX; i++)
		g_string_append(sql, "ab");
	g_string_append(sql, "',4294967295");
	ck_assert_ptr_null(
	    dm_xa_prepare_decode(body, sizeof(body), &one_phase, &a));
	ck_assert_ptr_null(dm_xa_parse(sql->str, &verb, &b));
	ck_assert_str_eq(a.text, b.text);
}
END_TEST

START_TEST(a_short_event_is_an_error)
{
	bool one_phase;
	struct dm_xid xid;
	struct dm_err *err =
	    dm_xa_prepare_decode(prepared, (size_t)_i, &one_phase, &xid);

	ck_assert_ptr_nonnull(err);
	ck_assert(dm_err_is(err, SYNCER_GET_EVENT));
	dm_err_free(err);
}
END_TEST

START_TEST(an_id_that_is_too_long_is_an_error)
{
	uint8_t body[200] = { 0, 1, 0, 0, 0, DM_XID_PART_MAX + 1 };
	bool one_phase;
	struct dm_xid xid;
	struct dm_err *err =
	    dm_xa_prepare_decode(body, sizeof(body), &one_phase, &xid);

	ck_assert_ptr_nonnull(err);
	dm_err_free(err);
}
END_TEST

START_TEST(what_no_server_writes_is_an_error)
{
	static const char *const bad[] = { "", "XA", "XA RECOVER",
		"XA COMMIT 'x'", "XA COMMIT X'7", "XA COMMIT X'7'",
		"XA COMMIT X'7g'", "XA COMMIT X'78',7", "XA COMMIT X'78',X''x",
		"XA COMMIT X'78',X'',", "XA COMMIT X'78',X'',4294967296",
		"XA COMMIT X'78',X'',1 ONE PHASE", "COMMIT" };
	enum dm_xa_verb verb;
	struct dm_xid xid;

	for (size_t i = 0; i < DM_ARRAY_SIZE(bad); i++) {
		struct dm_err *err = dm_xa_parse(bad[i], &verb, &xid);

		ck_assert_msg(err != NULL, "%s", bad[i]);
		dm_err_free(err);
	}
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("xa");
	TCase *tc = tcase_create("ids");
	SRunner *sr;
	int failed;

	tcase_add_test(tc, the_event_and_the_statements_name_one_id);
	tcase_add_test(tc, one_phase_is_told);
	tcase_add_test(tc, the_longest_id_fits);
	tcase_add_loop_test(
	    tc, a_short_event_is_an_error, 0, (int)sizeof(prepared));
	tcase_add_test(tc, an_id_that_is_too_long_is_an_error);
	tcase_add_test(tc, what_no_server_writes_is_an_error);
	suite_add_tcase(s, tc);
	sr = srunner_create(s);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
