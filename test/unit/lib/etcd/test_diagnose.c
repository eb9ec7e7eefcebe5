/* SPDX-License-Identifier: Apache-2.0 */
/* The suite of lib/etcd/diagnose.c: lines as etcd 3.4 writes them. */
#include "lib/etcd/diagnose.h"

#include "lib/base/base.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

static const struct {
	const char *line, *says;
	bool final;
} lines[] = {
	{ "{\"msg\":\"failed to create WAL\",\"error\":\"no space left on "
	  "device\"}",
	    "disk of data-dir is full", false },
	{ "{\"error\":\"listen tcp 127.0.0.1:8291: bind: address already in "
	  "use\"}",
	    "in use by another process", false },
	{ "{\"error\":\"listen tcp 10.9.9.9:8291: bind: cannot assign "
	  "requested address\"}",
	    "not one of this machine", true },
	{ "{\"msg\":\"failed to verify flags\",\"error\":\"expected IP in "
	  "URL for binding (http://foo:8291)\"}",
	    "peer-urls has a host name", true },
	{ "{\"msg\":\"the member has been permanently removed from the "
	  "cluster\"}",
	    "taken out of the cluster", true },
	{ "{\"error\":\"member 8e9e05c52164694d has already been "
	  "bootstrapped\"}",
	    "none of its data", true },
	{ "{\"error\":\"--initial-cluster has a=http://127.0.0.1:31997 but "
	  "missing from --initial-advertise-peer-urls=http://127.0.0.1:1\"}",
	    "two dm-masters may have one name", true },
	{ "{\"error\":\"couldn't find local name \\\"a\\\" in the initial "
	  "cluster configuration\"}",
	    "does not name this dm-master", true },
	{ "{\"error\":\"walpb: crc mismatch\"}", "data-dir are damaged", true },
	{ "{\"msg\":\"failed to open database\",\"error\":\"invalid "
	  "database\"}",
	    "data-dir are damaged", true },
	{ "{\"error\":\"proto: illegal wireType 7\"}", "data-dir are damaged",
	    true },
	{ "{\"error\":\"wal: max entry size limit exceeded\"}",
	    "data-dir are damaged", true },
};

START_TEST(a_fault_is_told_from_its_line)
{
	const struct dm_etcd_fault *f = dm_etcd_diagnose(lines[_i].line);

	ck_assert_ptr_nonnull(f);
	ck_assert_ptr_nonnull(strstr(f->what, lines[_i].says));
	ck_assert(f->final == lines[_i].final);
	ck_assert_str_ne(f->remedy, "");
}
END_TEST

START_TEST(the_newest_fault_counts)
{
	g_autofree char *log =
	    g_strconcat(lines[0].line, "\n{\"msg\":\"something else\"}\n",
		lines[1].line, "\n{\"msg\":\"exiting\"}", NULL);
	const struct dm_etcd_fault *f = dm_etcd_diagnose(log);

	ck_assert_ptr_nonnull(strstr(f->what, lines[1].says));
}
END_TEST

START_TEST(a_log_without_a_known_fault_tells_none)
{
	ck_assert_ptr_null(dm_etcd_diagnose(""));
	ck_assert_ptr_null(dm_etcd_diagnose("{\"level\":\"info\",\"msg\":"
					    "\"ready to serve\"}\n"));
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("diagnose");
	TCase *tc = tcase_create("core");
	SRunner *sr;
	int failed;

	tcase_add_loop_test(
	    tc, a_fault_is_told_from_its_line, 0, DM_ARRAY_SIZE(lines));
	tcase_add_test(tc, the_newest_fault_counts);
	tcase_add_test(tc, a_log_without_a_known_fault_tells_none);
	suite_add_tcase(s, tc);
	sr = srunner_create(s);
	srunner_run_all(sr, CK_ENV);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
