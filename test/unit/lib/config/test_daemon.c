/* SPDX-License-Identifier: Apache-2.0 */
/* The suite of lib/config/{daemon_items,master_cfg,worker_cfg}.c. */
#include "lib/config/daemon.h"

#include <check.h>
#include <glib/gstdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char path[] = "/tmp/dm-test-XXXXXX";

static void
make_file(void)
{
	int fd = mkstemp(path);

	ck_assert_int_ge(fd, 0);
	close(fd);
}

static void
drop_file(void)
{
	g_unlink(path);
}

static void
write_file(const char *text)
{
	ck_assert(g_file_set_contents(path, text, -1, NULL));
}

static struct dm_err *
master(
    const char *line, enum dm_daemon_action *action, struct dm_master_cfg **cfg)
{
	g_autofree char *whole = g_strconcat("dm-master ", line, NULL);
	g_auto(GStrv) argv = g_strsplit(g_strstrip(whole), " ", -1);

	return dm_master_cfg_load((int)g_strv_length(argv), argv, action, cfg);
}

static struct dm_err *
worker(
    const char *line, enum dm_daemon_action *action, struct dm_worker_cfg **cfg)
{
	g_autofree char *whole = g_strconcat("dm-worker ", line, NULL);
	g_auto(GStrv) argv = g_strsplit(g_strstrip(whole), " ", -1);

	return dm_worker_cfg_load((int)g_strv_length(argv), argv, action, cfg);
}

static void
no_error(struct dm_err *err)
{
	ck_assert_msg(err == NULL, "%s", err != NULL ? err->message : "");
}

START_TEST(flags_win_over_the_file)
{
	g_autofree char *line = NULL;
	DM_AUTO(dm_master_cfg) c = NULL;
	enum dm_daemon_action action;

	write_file("name = \"a\"\nmaster-addr = \"http://127.0.0.1:1\"\n"
		   "rpc-rate-limit = 5\ncert-allowed-cn = [\"x\", \"y\"]\n"
		   "[experimental]\nopenapi = true\n");
	line = g_strdup_printf("-config=%s --name b -cert-allowed-cn z "
			       "-cert-allowed-cn=w,v",
	    path);
	no_error(master(line, &action, &c));
	ck_assert(action == DM_DAEMON_RUN);
	ck_assert_str_eq(c->name, "b");
	ck_assert_str_eq(c->data_dir, "default.b");
	ck_assert_str_eq(c->advertise_addr, "127.0.0.1:1");
	ck_assert_str_eq(c->initial_cluster, "b=http://127.0.0.1:8291");
	ck_assert(c->rpc_rate_limit > 4.9 && c->rpc_rate_limit < 5.1);
	ck_assert(c->openapi);
	ck_assert_str_eq(c->tls.cert_allowed_cn[0], "z");
	ck_assert_str_eq(c->tls.cert_allowed_cn[2], "v");
	ck_assert_ptr_null(c->tls.cert_allowed_cn[3]);
}
END_TEST

START_TEST(keys_inside_the_file_are_kept_and_not_shown)
{
	g_autofree char *line = NULL, *shown = NULL;
	DM_AUTO(dm_master_cfg) c = NULL;
	DM_AUTO(dm_tls) tls = NULL;
	DM_AUTO(dm_err) err = NULL;
	enum dm_daemon_action action;

	write_file("name = \"a\"\nmaster-addr = \"127.0.0.1:1\"\n"
		   "ssl-ca-base64 = \"Y2EgdGV4dA==\"\n"
		   "ssl-cert-base64 = \"Y2VydA==\"\n"
		   "ssl-key-base64 = \"c2VjcmV0\"\n"
		   "ssl-key-bytes = \"bytes win\"\n");
	line = g_strdup_printf("-config=%s", path);
	no_error(master(line, &action, &c));
	ck_assert_str_eq(c->tls.key_base64, "c2VjcmV0");
	/* TLS decides about the schemes of URLs. */
	ck_assert_str_eq(c->peer_urls, "https://127.0.0.1:8291");
	shown = dm_master_cfg_toml(c);
	ck_assert_ptr_nonnull(strstr(shown, "ssl-ca-base64 = \"Y2Eg"));
	ck_assert_ptr_nonnull(strstr(shown, "ssl-key-base64 = \"******\""));
	ck_assert_ptr_null(strstr(shown, "c2VjcmV0"));
	ck_assert_ptr_null(strstr(shown, "bytes win"));
	ck_assert_ptr_null(strstr(shown, "ssl-ca-bytes"));
	err = dm_tls_cfg_load(&c->tls, true, NULL, NULL, &tls);
	ck_assert_ptr_nonnull(err);
	ck_assert_ptr_nonnull(strstr(err->message, "ssl-ca-base64"));
	ck_assert_ptr_null(tls);
}
END_TEST

START_TEST(nothing_set_is_no_tls)
{
	char dm[] = "dm";
	char *empty = NULL, *names[] = { dm, NULL };
	struct dm_tls_cfg c = { .cert_allowed_cn = &empty };
	struct dm_tls *tls = NULL;
	DM_AUTO(dm_err) err = NULL;

	no_error(dm_tls_cfg_load(&c, true, NULL, NULL, &tls));
	ck_assert_ptr_null(tls);
	ck_assert(!dm_tls_cfg_is_on(&c));
	c.cert_allowed_cn = names;
	err = dm_tls_cfg_load(&c, true, NULL, NULL, &tls);
	ck_assert_ptr_nonnull(err);
	ck_assert_ptr_nonnull(strstr(err->message, "ssl-ca is not set"));
}
END_TEST

START_TEST(only_base64_is_taken_for_it)
{
	static const struct {
		const char *text, *pem; /* pem NULL: refused */
	} cases[] = {
		{ "cGVt", "pem" },
		{ " cGVt\n", "pem" },
		{ "cGVtcw==", "pems" },
		{ "cGV", NULL },
		{ "cG-t", NULL },
		{ "cGVt=x", NULL },
		{ "AAAA", NULL }, /* NUL bytes */
		{ "", NULL },
		{ "====", NULL },
	};
	g_autofree char *pem = NULL;
	DM_AUTO(dm_err) err = dm_pem_decode("k", cases[_i].text, &pem);

	ck_assert_msg(
	    (err == NULL) == (cases[_i].pem != NULL), "%s", cases[_i].text);
	if (cases[_i].pem != NULL)
		ck_assert_str_eq(pem, cases[_i].pem);
	else
		ck_assert(g_str_has_prefix(err->message, "k: "));
}
END_TEST

START_TEST(defaults_are_completed)
{
	DM_AUTO(dm_master_cfg) c = NULL;
	enum dm_daemon_action action;

	no_error(master("-master-addr=10.0.0.1:8261 -name m -ssl-ca=/ca "
			"-quota-backend-bytes 5 -join 10.0.0.2:8261,http://h:1",
	    &action, &c));
	ck_assert_str_eq(c->peer_urls, "https://127.0.0.1:8291");
	ck_assert_str_eq(c->initial_cluster, "m=https://127.0.0.1:8291");
	ck_assert_str_eq(c->join, "https://10.0.0.2:8261,https://h:1");
	ck_assert_int_eq(c->quota_backend_bytes, 524288000);
	ck_assert_int_eq(c->rpc_timeout_ms, 30000);
	ck_assert_uint_eq(c->max_txn_ops, 2048);
	ck_assert_str_eq(c->etcd_mode, "embedded");
}
END_TEST

static const struct {
	const char *line;
	int code;
	const char *text; /* within message and cause */
} bad_master[] = {
	{ "", 38035, "host:port '' not valid" },
	{ "-master-addr=x", 38035, "host:port 'x' not valid" },
	{ "-master-addr=:8261", 38035,
	    "master-addr (:8261) must include the 'host' part (should not be "
	    "'0.0.0.0') when advertise-addr is not set" },
	{ "-master-addr=:1 -advertise-addr=0.0.0.0:1", 38042,
	    "advertise address 0.0.0.0:1 not valid" },
	{ "-master-adr=:1", 38010,
	    "flag provided but not defined: -master-adr (did you mean "
	    "-master-addr?)" },
	{ "-name", 38010, "flag needs an argument: -name" },
	{ "-max-txn-ops=x", 38010, "not an integer" },
	{ "start", 38012, "'start' is an invalid flag" },
	{ "-master-addr=h:1 -etcd-mode=external", 38037, "etcd-endpoints" },
	{ "-master-addr=h:1 -etcd-mode=x", 38037, "neither embedded" },
	{ "-master-addr=h:1 -election-timeout=400", 38037, "at least 5 times" },
	{ "-master-addr=h:1 -heartbeat-interval=0", 38037, "at least 5 times" },
	{ "-master-addr=h:1 -election-timeout=60000", 38037, "at most 50000" },
	{ "-master-addr=h:1 -auto-compaction-mode=x", 38037,
	    "auto-compaction-mode for embed etcd: x is neither periodic" },
	{ "-master-addr=h:1 -auto-compaction-retention=1x", 38037,
	    "1x is neither a number" },
	{ "-master-addr=h:1 -auto-compaction-retention=-1h", 38037,
	    "-1h is neither a number" },
	{ "-master-addr=h:1 -max-txn-ops=0", 38037, "max-txn-ops" },
	{ "-master-addr=h:1 -max-request-bytes=0", 38037, "max-request-bytes" },
	{ "-master-addr=h:1 -peer-urls=foo", 38037,
	    "item peer-urls for embed etcd: http://foo is not a URL" },
	{ "-master-addr=h:1 -advertise-peer-urls=a:1,:2", 38037,
	    "item advertise-peer-urls for embed etcd: http://:2 is not" },
	{ "-master-addr=h:1 -initial-cluster=http://a:1", 38037,
	    "is not name=url" },
	{ "-master-addr=h:1 -initial-cluster=a=http://a", 38037,
	    "item initial-cluster for embed etcd: a=http://a is not a URL" },
};

START_TEST(master_mistakes_have_their_codes)
{
	struct dm_master_cfg *c = NULL;
	enum dm_daemon_action action;
	DM_AUTO(dm_err) err = master(bad_master[_i].line, &action, &c);
	g_autofree char *text = NULL;

	ck_assert_ptr_nonnull(err);
	ck_assert_int_eq(err->code, bad_master[_i].code);
	text = dm_err_message(err);
	ck_assert_msg(strstr(text, bad_master[_i].text) != NULL, "%s", text);
}
END_TEST

static const struct {
	const char *toml;
	int code;
	const char *text;
} bad_file[] = {
	{ "log-leve = \"x\"\n\nfoo = 1\n", 38011,
	    "unknown configuration options: log-leve (line 1, did you mean "
	    "log-level?),foo (line 3)" },
	{ "rpc-timeout = \"x\"", 38014,
	    ":1:1: rpc-timeout: not a duration like 30s: x" },
	{ "name = 5\nopenapi = \"x\"", 20002,
	    ":1:1: name: must be a string, not an integer" },
	{ "name = ", 20002, ":1:8: a value is missing" },
	{ "master-addr = \"h:1\"\ninitial-cluster-state = \"x\"", 38037,
	    "initial-cluster-state" },
};

START_TEST(mistakes_in_the_file_have_their_places)
{
	struct dm_master_cfg *c = NULL;
	enum dm_daemon_action action;
	DM_AUTO(dm_err) err = NULL;
	g_autofree char *line = g_strconcat("-config ", path, NULL);

	write_file(bad_file[_i].toml);
	err = master(line, &action, &c);
	ck_assert_ptr_nonnull(err);
	ck_assert_msg(strstr(err->message, bad_file[_i].text) != NULL, "%s",
	    err->message);
	ck_assert_int_eq(err->code, bad_file[_i].code);
}
END_TEST

START_TEST(actions_need_no_settings)
{
	struct dm_master_cfg *m = NULL;
	struct dm_worker_cfg *w = NULL;
	enum dm_daemon_action action;

	no_error(master("-V", &action, &m));
	ck_assert(action == DM_DAEMON_VERSION && m == NULL);
	no_error(master("--help", &action, &m));
	ck_assert(action == DM_DAEMON_HELP);
	no_error(worker("--print-sample-config", &action, &w));
	ck_assert(action == DM_DAEMON_SAMPLE && w == NULL);
	ck_assert_ptr_nonnull(strstr(dm_master_help(), "-master-addr value"));
	ck_assert_ptr_nonnull(strstr(dm_worker_help(), "(default \"1800\")"));
	ck_assert(g_str_has_prefix(dm_version_text(), "Release Version: v"));
}
END_TEST

START_TEST(a_worker_is_completed)
{
	DM_AUTO(dm_worker_cfg) c = NULL;
	enum dm_daemon_action action;

	no_error(worker("-worker-addr=:8262 -advertise-addr=h:8262 "
			"-join=http://a:1,b:2",
	    &action, &c));
	ck_assert_str_eq(c->name, "h:8262");
	ck_assert_str_eq(c->join[0], "a:1");
	ck_assert_str_eq(c->join[1], "b:2");
	ck_assert_int_eq(c->keepalive_ttl, 60);
	ck_assert_int_eq(c->max_sources, 1);
}
END_TEST

static const struct {
	const char *line;
	int code;
} bad_worker[] = {
	{ "", 40069 },
	{ "-worker-addr=:1 -join=a:1", 40069 },
	{ "-worker-addr=h:1", 50000 },
	{ "-worker-addr=h:1 -join=a", 40069 },
	{ "-worker-addr=h:1 -join=a:1 -max-sources=0", 50000 },
	{ "-worker-addr=h:1 -join=a:1 -max-sources=65", 50000 },
	{ "-worker-addr=h:1 -join=a:1 -keepalive-ttl=0", 50000 },
	{ "-worker-addr=h:1 -join=a:1 -keepalive-ttl=-1", 40001 },
	{ "-worker-addr=h:1 -join=a:1 -keepalive-ttl=1", 50000 },
	{ "-worker-addr=h:1 -join=a:1 -keepalive-ttl=86401", 50000 },
	{ "-worker-addr=h:1 -join=a:1 -relay-keepalive-ttl=1", 50000 },
	{ "-worker-addr=h:1 -join=a:1 -relay-keepalive-ttl=86401", 50000 },
	{ "-x", 40001 },
	{ "x", 40002 },
};

START_TEST(worker_mistakes_have_their_codes)
{
	struct dm_worker_cfg *c = NULL;
	enum dm_daemon_action action;
	DM_AUTO(dm_err) err = worker(bad_worker[_i].line, &action, &c);

	ck_assert_ptr_nonnull(err);
	ck_assert_int_eq(err->code, bad_worker[_i].code);
}
END_TEST

START_TEST(a_ttl_that_is_no_lease_s_is_named)
{
	struct dm_worker_cfg *c = NULL;
	enum dm_daemon_action action;
	DM_AUTO(dm_err)
	own =
	    worker("-worker-addr=h:1 -join=a:1 -keepalive-ttl=1", &action, &c);
	DM_AUTO(dm_err)
	relay = worker("-worker-addr=h:1 -join=a:1 -relay-keepalive-ttl=86401",
	    &action, &c);

	ck_assert_str_eq(
	    own->message, "keepalive-ttl must be 2 to 86400 seconds, not 1");
	ck_assert_str_eq(relay->message,
	    "relay-keepalive-ttl must be 2 to 86400 seconds, not 86401");
}
END_TEST

START_TEST(a_worker_file_has_its_own_codes)
{
	struct dm_worker_cfg *c = NULL;
	enum dm_daemon_action action;
	DM_AUTO(dm_err) err = NULL;
	DM_AUTO(dm_err) err2 = NULL;
	g_autofree char *line = g_strconcat("-config ", path, NULL);

	write_file("joint = \"x\"");
	err = worker(line, &action, &c);
	ck_assert_int_eq(err->code, 40004);
	ck_assert_ptr_nonnull(
	    strstr(err->message, "joint (line 1, did you mean join?)"));
	write_file("join = \"x");
	err2 = worker(line, &action, &c);
	ck_assert_int_eq(err2->code, 40003);
	ck_assert_ptr_nonnull(strstr(err2->cause, ":1:8: string has no end"));
}
END_TEST

START_TEST(toml_written_is_read_again)
{
	DM_AUTO(dm_master_cfg) m = NULL;
	DM_AUTO(dm_master_cfg) m2 = NULL;
	DM_AUTO(dm_worker_cfg) w = NULL;
	DM_AUTO(dm_worker_cfg) w2 = NULL;
	enum dm_daemon_action action;
	g_autofree char *line = g_strconcat("-config ", path, NULL);
	g_autofree char *a = NULL, *b = NULL, *c = NULL, *d = NULL;

	write_file("master-addr = \"h:1\"\nname = \"n\"");
	no_error(master(line, &action, &m));
	a = dm_master_cfg_toml(m);
	write_file(a);
	no_error(master(line, &action, &m2));
	b = dm_master_cfg_toml(m2);
	ck_assert_str_eq(a, b);
	ck_assert(g_str_has_prefix(a,
	    "log-level = \"info\"\nlog-file = \"\"\n"
	    "log-format = \"text\"\nlog-rotate = \"\"\n"
	    "rpc-timeout = \"30s\"\nrpc-rate-limit = 10.0\n"));
	write_file("worker-addr = \"h:1\"\njoin = \"m:1,n:1\"");
	no_error(worker(line, &action, &w));
	c = dm_worker_cfg_toml(w);
	write_file(c);
	no_error(worker(line, &action, &w2));
	d = dm_worker_cfg_toml(w2);
	ck_assert_str_eq(c, d);
}
END_TEST

static void
same_as_file(const char *file, const char *text)
{
	g_autofree char *content = NULL;

	ck_assert(g_file_get_contents(file, &content, NULL, NULL));
	ck_assert_str_eq(content, text);
}

START_TEST(samples_are_the_files_and_load)
{
	DM_AUTO(dm_master_cfg) m = NULL;
	DM_AUTO(dm_worker_cfg) w = NULL;
	enum dm_daemon_action action;

	same_as_file("deploy/conf/dm-master.toml", dm_master_sample());
	same_as_file("deploy/conf/dm-worker.toml", dm_worker_sample());
	no_error(master("-config deploy/conf/dm-master.toml", &action, &m));
	no_error(worker("-config deploy/conf/dm-worker.toml", &action, &w));
	ck_assert_str_eq(w->name, "worker1");
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("lib/config/daemon");
	TCase *tc = tcase_create("daemon");
	SRunner *sr = srunner_create(s);
	int failed;

	tcase_add_unchecked_fixture(tc, make_file, drop_file);
	tcase_add_test(tc, flags_win_over_the_file);
	tcase_add_test(tc, keys_inside_the_file_are_kept_and_not_shown);
	tcase_add_test(tc, nothing_set_is_no_tls);
	tcase_add_loop_test(tc, only_base64_is_taken_for_it, 0, 9);
	tcase_add_test(tc, defaults_are_completed);
	tcase_add_loop_test(tc, master_mistakes_have_their_codes, 0,
	    (int)DM_ARRAY_SIZE(bad_master));
	tcase_add_loop_test(tc, mistakes_in_the_file_have_their_places, 0,
	    (int)DM_ARRAY_SIZE(bad_file));
	tcase_add_test(tc, actions_need_no_settings);
	tcase_add_test(tc, a_worker_is_completed);
	tcase_add_loop_test(tc, worker_mistakes_have_their_codes, 0,
	    (int)DM_ARRAY_SIZE(bad_worker));
	tcase_add_test(tc, a_ttl_that_is_no_lease_s_is_named);
	tcase_add_test(tc, a_worker_file_has_its_own_codes);
	tcase_add_test(tc, toml_written_is_read_again);
	tcase_add_test(tc, samples_are_the_files_and_load);
	suite_add_tcase(s, tc);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
