/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The suite of ctl/client.c: commands against a pb.Master in this process,
 * over loopback.
 */
#include "ctl/client.h"
#include "ctl/common.h"
#include "ctl/run.h"
#include "ctl/shell.h"
#include "dmmaster.pb-c.h"
#include "lib/rpc/rpc.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#define BIG ((size_t)5 << 20)

/* ---- the master ---- */

static void
query_status(Pb__Master_Service *svc, const Pb__QueryStatusListRequest *in,
    Pb__QueryStatusListResponse_Closure closure, void *closure_data)
{
	Pb__QueryStatusListResponse resp;
	g_autofree char *msg = NULL;
	Pb__SubTaskStatus a, b;
	Pb__SubTaskStatus *sts[] = { &a, &b };
	Pb__QueryStatusResponse entry;
	Pb__QueryStatusResponse *entries[] = { &entry };

	(void)svc;
	pb__query_status_list_response__init(&resp);
	pb__query_status_response__init(&entry);
	pb__sub_task_status__init(&a);
	pb__sub_task_status__init(&b);
	a.name = ctl_pb("t1");
	b.name = ctl_pb("t2");
	entry.result = resp.result = true;
	entry.n_subtaskstatus = 2;
	entry.subtaskstatus = sts;
	resp.n_sources = 1;
	resp.sources = entries;
	if (strcmp(in->name, "big") == 0)
		resp.msg = msg = g_strnfill(BIG, 'm');
	closure(&resp, closure_data);
}

static void
operate_task(Pb__Master_Service *svc, const Pb__OperateTaskRequest *in,
    Pb__OperateTaskResponse_Closure closure, void *closure_data)
{
	Pb__OperateTaskResponse resp;

	(void)svc;
	if (strcmp(in->name, "fail") == 0) {
		dm_rpc_fail(closure_data, DM_RPC_UNKNOWN, "no leader");
		return;
	}
	pb__operate_task_response__init(&resp);
	resp.op = in->op;
	resp.result = true;
	resp.msg = in->name;
	closure(&resp, closure_data);
}

static Pb__Master_Service master = {
	.base = PB__MASTER__BASE_INIT,
	.query_status = query_status,
	.operate_task = operate_task,
};

static struct dm_rpc_server *
start_master(char **addr)
{
	struct dm_rpc_server *s = dm_rpc_server_new(NULL);
	int port = 0;

	dm_rpc_server_add_service(s, &master.base);
	ck_assert_ptr_null(dm_rpc_server_start(s, "127.0.0.1:0", &port));
	*addr = g_strdup_printf("127.0.0.1:%d", port);
	return s;
}

static void
stop_master(struct dm_rpc_server *s)
{
	dm_rpc_server_stop(s, 0);
	dm_rpc_server_free(s);
}

/* ---- the client ---- */

/* What `line` prints and fails with, over c. */
static char *
run_line(struct ctl_client *c, const char *line)
{
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);
	struct ctl_env env = { .transport = ctl_client_transport(c),
		.out = out,
		.rpc_timeout_ms = 10000 };
	struct ctl_inv inv = { .env = &env };
	g_auto(GStrv) words = ctl_split(line);
	struct dm_err *err = ctl_parse(
	    &ctl_root, g_strv_length(words), (const char *const *)words, &inv);

	if (err == NULL)
		err = ctl_dispatch(&inv);
	if (err != NULL)
		ctl_report(out, &inv, err);
	dm_err_free(err);
	ctl_inv_fini(&inv);
	fclose(out);
	return text;
}

static void
expect(struct ctl_client *c, const char *line, const char *part)
{
	char *out = run_line(c, line);

	ck_assert_msg(strstr(out, part) != NULL, "%s: %.2000s", line, out);
	free(out);
}

START_TEST(a_command_reaches_a_master)
{
	char *addr;
	struct dm_rpc_server *s = start_master(&addr);
	char *list[] = { addr, NULL };
	struct ctl_settings set = { .master_addr = addr, .masters = list };
	struct ctl_client *c = ctl_client_new(&set);

	ck_assert_ptr_null(ctl_client_connect(c));
	expect(c, "pause-task t",
	    "\"op\": \"Pause\",\n    \"result\": true,\n"
	    "    \"msg\": \"t\"");
	expect(c, "stop-task fail",
	    "can not delete task fail\nError: rpc error: code = Unknown desc "
	    "= no leader\n");
	expect(c, "list-member", "Error: rpc error: code = Unimplemented");
	expect(c, "resume-task -s a --batch-size 2",
	    "\"msg\": \"t2\",\n            \"sources\": null");
	ctl_client_free(c);
	stop_master(s);
	g_free(addr);
}
END_TEST

START_TEST(an_answer_above_the_limit_is_fetched_with_a_higher_one)
{
	char *addr;
	struct dm_rpc_server *s = start_master(&addr);
	char *list[] = { addr, NULL };
	struct ctl_settings set = { .master_addr = addr, .masters = list };
	struct ctl_client *c = ctl_client_new(&set);
	char *out;

	ck_assert_ptr_null(ctl_client_connect(c));
	out = run_line(c, "query-status big");
	ck_assert_msg(strlen(out) > BIG, "%.2000s", out);
	free(out);
	ctl_client_free(c);
	stop_master(s);
	g_free(addr);
}
END_TEST

START_TEST(another_master_answers_when_the_first_is_gone)
{
	char *addr[2];
	struct dm_rpc_server *s[2] = { start_master(&addr[0]),
		start_master(&addr[1]) };
	char *list[] = { addr[0], addr[1], NULL };
	struct ctl_settings set = { .master_addr = addr[0], .masters = list };
	struct ctl_client *c = ctl_client_new(&set);

	ck_assert_ptr_null(ctl_client_connect(c));
	expect(c, "pause-task t", "\"result\": true");
	stop_master(s[0]);
	expect(c, "pause-task t", "\"result\": true");
	ctl_client_free(c);
	stop_master(s[1]);
	g_free(addr[0]);
	g_free(addr[1]);
}
END_TEST

START_TEST(no_master_is_error_48001)
{
	char *addr;
	struct dm_rpc_server *s = start_master(&addr);
	char *list[] = { addr, NULL };
	struct ctl_settings set = { .master_addr = addr, .masters = list };
	struct ctl_client *c = ctl_client_new(&set);
	g_autofree char *text = NULL, *want = NULL;
	struct dm_err *err;

	/* Its port is free again, and nobody listens there. */
	stop_master(s);
	err = ctl_client_connect(c);
	ck_assert(dm_err_is(err, CTL_GRPC_CREATE_CONN));
	text = dm_err_text(err);
	want = g_strdup_printf("[code=48001:class=dmctl:scope=internal:"
			       "level=high], Message: can't connect to %s, "
			       "RawCause: context deadline exceeded: %s: "
			       "Connection refused, ",
	    addr, addr);
	ck_assert_ptr_eq(strstr(text, want), text);
	dm_err_free(err);
	ctl_client_free(c);
	g_free(addr);
}
END_TEST

/* ---- settings ---- */

static struct dm_err *
load(const char *line, struct ctl_settings **set)
{
	struct ctl_inv inv = { 0 };
	g_auto(GStrv) words = ctl_split(line);
	struct dm_err *err = ctl_parse(
	    &ctl_root, g_strv_length(words), (const char *const *)words, &inv);

	ck_assert_ptr_null(err);
	err = ctl_settings_load(&inv, set);
	ctl_inv_fini(&inv);
	return err;
}

START_TEST(an_address_comes_from_option_environment_or_file)
{
	static const char *const lines[] = {
		"encrypt x --master-addr http://a:1,https://b:2,[::1]:3",
		"encrypt x --master-addr= --config "
		"test/golden/ctl/in/dmctl.toml",
		"encrypt x --rpc-timeout 1m30s --config "
		"test/golden/ctl/in/dmctl.toml",
	};
	DM_AUTO(ctl_settings) a = NULL;
	DM_AUTO(ctl_settings) c = NULL;
	DM_AUTO(ctl_settings) d = NULL;
	struct ctl_settings *b = NULL;
	struct dm_err *err;

	g_setenv("DM_MASTER_ADDR", "env:1", TRUE);
	ck_assert_ptr_null(load(lines[0], &a));
	ck_assert_str_eq(a->masters[0], "a:1");
	ck_assert_str_eq(a->masters[1], "b:2");
	ck_assert_str_eq(a->masters[2], "[::1]:3");
	ck_assert_int_eq(a->rpc_timeout_ms, 600000);
	err = load(lines[1], &b);
	ck_assert_ptr_nonnull(
	    strstr(err->message, "--master-addr not provided"));
	dm_err_free(err);
	ck_assert_ptr_null(load("encrypt x", &c));
	ck_assert_str_eq(c->masters[0], "env:1");
	g_unsetenv("DM_MASTER_ADDR");
	ck_assert_ptr_null(load(lines[2], &d));
	ck_assert_str_eq(d->masters[0], "file:8261");
	ck_assert_int_eq(d->rpc_timeout_ms, 90000);
}
END_TEST

static const struct {
	const char *line, *why;
} bad_settings[] = {
	{ "encrypt x --master-addr a",
	    "specify master addr a: address a: missing port in address" },
	{ "encrypt x --master-addr a:1,b:2:3",
	    "specify master addr a:1,b:2:3: address b:2:3: too many colons" },
	{ "encrypt x --master-addr a:1 --rpc-timeout soon", "--rpc-timeout" },
	{ "encrypt x --master-addr a:1 --rpc-timeout 0s", "positive" },
	{ "encrypt x --master-addr a:1 --config /nonexistent/c.toml",
	    "the current command parameter: --config is invalid or used "
	    "incorrectly: " },
	{ "encrypt x --config test/golden/ctl/in/broken.yaml",
	    "--config is invalid or used incorrectly: " },
	{ "encrypt x --master-addr a:1 --ssl-ca /x", "invalid TLS config" },
};

START_TEST(bad_settings_are_refused)
{
	struct ctl_settings *set = NULL;
	struct dm_err *err = load(bad_settings[_i].line, &set);

	ck_assert_ptr_nonnull(err);
	ck_assert_msg(strstr(err->message, bad_settings[_i].why) != NULL, "%s",
	    err->message);
	dm_err_free(err);
}
END_TEST

static void
setup(void)
{
	dm_rpc_init();
}

static void
teardown(void)
{
	dm_rpc_shutdown();
}

int
main(void)
{
	Suite *s = suite_create("ctl/client");
	TCase *tc = tcase_create("client");
	TCase *plain = tcase_create("settings");
	SRunner *sr = srunner_create(s);
	int failed;

	tcase_set_timeout(tc, 60);
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, a_command_reaches_a_master);
	tcase_add_test(
	    tc, an_answer_above_the_limit_is_fetched_with_a_higher_one);
	tcase_add_test(tc, another_master_answers_when_the_first_is_gone);
	tcase_add_test(tc, no_master_is_error_48001);
	suite_add_tcase(s, tc);
	tcase_add_test(plain, an_address_comes_from_option_environment_or_file);
	tcase_add_loop_test(
	    plain, bad_settings_are_refused, 0, DM_ARRAY_SIZE(bad_settings));
	suite_add_tcase(s, plain);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
