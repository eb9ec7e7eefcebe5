/* SPDX-License-Identifier: Apache-2.0 */
/* The suite of lib/net/reach.c. */
#include "lib/net/reach.h"

#include "lib/base/base.h"
#include "lib/base/clock.h"

#include <check.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define LONG_MS 20000

/* A socket bound to a port of its own. *addr: "127.0.0.1:port", new. */
static int
bound(char **addr)
{
	struct sockaddr_in a = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(a);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	ck_assert_int_eq(bind(fd, (struct sockaddr *)&a, sizeof(a)), 0);
	ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&a, &len), 0);
	*addr = g_strdup_printf("127.0.0.1:%d", ntohs(a.sin_port));
	return fd;
}

START_TEST(a_port_that_is_listened_on_is_open)
{
	g_autofree char *addr = NULL;
	int fd = bound(&addr);

	ck_assert_int_eq(listen(fd, 1), 0);
	ck_assert_int_eq(dm_net_reach(addr, LONG_MS), DM_NET_OPEN);
	close(fd);
}
END_TEST

START_TEST(a_closed_port_is_known_at_once)
{
	g_autofree char *addr = NULL;
	struct dm_mono begun = dm_mono_now();
	int fd = bound(&addr);

	ck_assert_int_eq(dm_net_reach(addr, LONG_MS), DM_NET_CLOSED);
	ck_assert_int_lt(dm_mono_diff_ms(dm_mono_now(), begun), LONG_MS);
	close(fd);
}
END_TEST

START_TEST(what_is_no_address_is_silent)
{
	ck_assert_int_eq(dm_net_reach("", 100), DM_NET_SILENT);
	ck_assert_int_eq(dm_net_reach("nothing", 100), DM_NET_SILENT);
	ck_assert_int_eq(
	    dm_net_reach("no.such.host.invalid:1", 100), DM_NET_SILENT);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("probe");
	TCase *tc = tcase_create("core");
	SRunner *sr;
	int failed;

	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, a_port_that_is_listened_on_is_open);
	tcase_add_test(tc, a_closed_port_is_known_at_once);
	tcase_add_test(tc, what_is_no_address_is_silent);
	suite_add_tcase(s, tc);
	sr = srunner_create(s);
	srunner_run_all(sr, CK_ENV);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
