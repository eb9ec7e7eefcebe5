/* SPDX-License-Identifier: Apache-2.0 */
/* The suite of lib/config/secret.c. */
#include "lib/config/secret.h"

#include "lib/config/source.h"
#include "lib/config/task.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PLAIN "a plain password"

static struct dm_db_cfg
endpoint(const char *password)
{
	return (struct dm_db_cfg){ .password = g_strdup(password) };
}

START_TEST(a_plain_password_is_stored_encrypted)
{
	DM_AUTO(dm_keys) k = dm_keys_random();
	struct dm_db_cfg c = endpoint(PLAIN);
	g_autofree char *once = NULL;

	ck_assert_ptr_null(dm_db_cfg_protect(&c, "from", k));
	ck_assert(dm_is_encrypted(c.password));
	once = g_strdup(c.password);
	ck_assert_ptr_null(dm_db_cfg_protect(&c, "from", k));
	ck_assert_str_eq(c.password, once); /* already is */
	ck_assert_ptr_null(dm_db_cfg_decrypt(&c, "from", k));
	ck_assert_str_eq(c.password, PLAIN);
	dm_db_cfg_fini(&c);
}
END_TEST

START_TEST(one_password_of_one_endpoint_has_one_text)
{
	DM_AUTO(dm_keys) k = dm_keys_random();
	g_autofree char *given = dm_encrypt(k, PLAIN);
	struct dm_db_cfg a = endpoint(PLAIN), b = endpoint(given);
	struct dm_db_cfg other = endpoint(PLAIN);

	other.port = 1;
	ck_assert_ptr_null(dm_db_cfg_protect(&a, "from", k));
	ck_assert_ptr_null(dm_db_cfg_protect(&b, "from", k));
	ck_assert_ptr_null(dm_db_cfg_protect(&other, "from", k));
	ck_assert_str_eq(a.password, b.password);
	ck_assert_str_ne(a.password, other.password);
	dm_db_cfg_fini(&a);
	dm_db_cfg_fini(&b);
	dm_db_cfg_fini(&other);
}
END_TEST

static const char *const kept[] = { "", "${ENV:DM_TEST_X}", "${FILE:/x}" };

START_TEST(empty_ones_and_references_are_stored_as_they_are)
{
	DM_AUTO(dm_keys) k = dm_keys_random();
	struct dm_db_cfg c = endpoint(kept[_i]);

	ck_assert_ptr_null(dm_db_cfg_protect(&c, "from", k));
	ck_assert_str_eq(c.password, kept[_i]);
	dm_db_cfg_fini(&c);
}
END_TEST

START_TEST(without_a_key_everything_stays)
{
	struct dm_db_cfg c = endpoint("8PHy8/T19vf4+fr7/P3+/0A=");

	ck_assert_ptr_null(dm_db_cfg_protect(&c, "from", NULL));
	ck_assert_ptr_null(dm_db_cfg_decrypt(&c, "from", NULL));
	ck_assert_str_eq(c.password, "8PHy8/T19vf4+fr7/P3+/0A=");
	dm_db_cfg_fini(&c);
}
END_TEST

START_TEST(an_older_key_is_replaced)
{
	DM_AUTO(dm_keys) old = dm_keys_random();
	DM_AUTO(dm_keys) both = dm_keys_random();
	DM_AUTO(dm_keys) first = dm_keys_of(both->key[0]);
	struct dm_db_cfg c = endpoint(PLAIN " that is long enough");

	memcpy(both->key[both->n++], old->key[0], DM_KEY_BYTES);
	ck_assert_ptr_null(dm_db_cfg_protect(&c, "from", old));
	ck_assert_ptr_null(dm_db_cfg_protect(&c, "from", both));
	ck_assert_ptr_null(dm_db_cfg_decrypt(&c, "from", first));
	ck_assert_str_eq(c.password, PLAIN " that is long enough");
	dm_db_cfg_fini(&c);
}
END_TEST

START_TEST(a_wrong_key_is_an_error)
{
	DM_AUTO(dm_keys) a = dm_keys_random();
	DM_AUTO(dm_keys) b = dm_keys_random();
	struct dm_db_cfg c = endpoint(PLAIN " that is long enough");
	DM_AUTO(dm_err) protect = NULL;
	DM_AUTO(dm_err) decrypt = NULL;

	ck_assert_ptr_null(dm_db_cfg_protect(&c, "from", a));
	protect = dm_db_cfg_protect(&c, "from", b);
	decrypt = dm_db_cfg_decrypt(&c, "target-database", b);
	ck_assert(dm_err_is(protect, CONFIG_DECRYPT_DB_PASSWORD));
	ck_assert(dm_err_is(decrypt, CONFIG_DECRYPT_DB_PASSWORD));
	ck_assert_ptr_nonnull(strstr(decrypt->message, "target-database"));
	dm_db_cfg_fini(&c);
}
END_TEST

static const char *const unfit[] = { "tab\tinside", "line\n", "\x7f" };

START_TEST(what_could_not_be_told_from_a_wrong_key_is_refused)
{
	DM_AUTO(dm_keys) k = dm_keys_random();
	struct dm_db_cfg c = endpoint(unfit[_i]);
	DM_AUTO(dm_err) with = dm_db_cfg_protect(&c, "from", k);
	DM_AUTO(dm_err) without = dm_db_cfg_protect(&c, "from", NULL);

	ck_assert(dm_err_is(with, CONFIG_YAML_TRANSFORM));
	ck_assert(dm_err_is(without, CONFIG_YAML_TRANSFORM));
	ck_assert_ptr_null(strstr(with->message, unfit[_i]));
	dm_db_cfg_fini(&c);
}
END_TEST

START_TEST(a_variable_is_read)
{
	struct dm_db_cfg c = endpoint("${ENV:DM_TEST_PASSWORD}");

	setenv("DM_TEST_PASSWORD", "from the ${ENV:HOME}", 1);
	ck_assert_ptr_null(dm_db_cfg_resolve(&c, "from"));
	ck_assert_str_eq(c.password, "from the ${ENV:HOME}");
	/* What was read is a password, whatever it looks like. */
	ck_assert_ptr_null(dm_db_cfg_resolve(&c, "from"));
	ck_assert_str_eq(c.password, "from the ${ENV:HOME}");
	dm_db_cfg_fini(&c);
}
END_TEST

START_TEST(a_decrypted_text_is_no_reference)
{
	DM_AUTO(dm_keys) k = dm_keys_random();
	g_autofree char *text = dm_encrypt(k, "${ENV:HOME}");
	struct dm_db_cfg c = endpoint(text);

	ck_assert_ptr_null(dm_db_cfg_decrypt(&c, "from", k));
	ck_assert_ptr_null(dm_db_cfg_resolve(&c, "from"));
	ck_assert_str_eq(c.password, "${ENV:HOME}");
	ck_assert_ptr_null(dm_db_cfg_protect(&c, "from", k));
	ck_assert(dm_is_encrypted(c.password));
	dm_db_cfg_fini(&c);
}
END_TEST

static const struct {
	const char *content, *password;
} files[] = {
	{ "secret", "secret" },
	{ "secret\n", "secret" },
	{ "secret\r\nmore\n", "secret" },
	{ " with blanks ", " with blanks " },
	{ "", "" },
};

START_TEST(the_first_line_of_a_file_is_read)
{
	char path[] = "/tmp/dm-secret-XXXXXX";
	size_t n = strlen(files[_i].content);
	int fd = mkstemp(path);
	g_autofree char *text = g_strdup_printf("${FILE:%s}", path);
	struct dm_db_cfg c = endpoint(text);

	ck_assert_int_eq(write(fd, files[_i].content, n), (ssize_t)n);
	close(fd);
	ck_assert_ptr_null(dm_db_cfg_resolve(&c, "from"));
	unlink(path);
	ck_assert_str_eq(c.password, files[_i].password);
	dm_db_cfg_fini(&c);
}
END_TEST

static const struct {
	const char *password, *named;
} broken[] = {
	{ "${ENV:DM_TEST_NOT_SET}", "DM_TEST_NOT_SET" },
	{ "${FILE:/nonexistent/x}", "/nonexistent/x" },
	{ "${FILE:/tmp}", "/tmp" },
	{ "${FILE:/dev/zero}", "/dev/zero" },
	{ "${FILE:relative}", "relative" },
	{ "${ENV:}", "${ENV:" },
	{ "${FILE:}", "${FILE:" },
	{ "${ENV:X", "${ENV:" },
};

START_TEST(what_is_missing_is_told_with_field_and_name)
{
	struct dm_db_cfg c = endpoint(broken[_i].password);
	DM_AUTO(dm_err) err = dm_db_cfg_resolve(&c, "target-database");

	ck_assert_ptr_nonnull(err);
	ck_assert_ptr_nonnull(
	    strstr(err->message, "target-database.password: "));
	ck_assert_ptr_nonnull(strstr(err->message, broken[_i].named));
	ck_assert_str_eq(c.password, broken[_i].password);
	dm_db_cfg_fini(&c);
}
END_TEST

START_TEST(texts_keep_all_but_the_password)
{
	static const char yaml[] =
	    "source-id: s\nserver-id: 7\nfrom: {host: h, "
	    "port: 1, user: u, password: \"" PLAIN "\"}\n# old: \"" PLAIN
	    "\"\n";
	DM_AUTO(dm_keys) k = dm_keys_random();
	DM_AUTO(dm_source_cfg) c = NULL;
	g_autofree char *out = NULL, *again = NULL;

	ck_assert_ptr_null(dm_source_text_protect(yaml, k, &out));
	ck_assert_ptr_null(strstr(out, PLAIN)); /* not in comments either */
	ck_assert_ptr_null(dm_source_cfg_parse("", out, &c));
	ck_assert_str_eq(c->from.host, "h");
	ck_assert_uint_eq(c->server_id, 7);
	ck_assert(dm_is_encrypted(c->from.password));
	ck_assert_ptr_null(dm_source_text_protect(out, k, &again));
	ck_assert_str_eq(again, out);
}
END_TEST

START_TEST(a_task_keeps_all_but_the_password)
{
	static const char yaml[] =
	    "name: t\ntask-mode: all\ntarget-database: {host: h, port: 1, "
	    "user: u, password: \"" PLAIN "\"}\nmysql-instances:\n"
	    "- source-id: s\n  route-rules: [r]\n"
	    "routes: {r: {schema-pattern: a, target-schema: b}}\n";
	DM_AUTO(dm_keys) k = dm_keys_random();
	DM_AUTO(dm_task_cfg) before = NULL;
	DM_AUTO(dm_task_cfg) after = NULL;
	g_autofree char *out = NULL, *a = NULL, *b = NULL;

	ck_assert_ptr_null(dm_task_text_protect(yaml, k, &out));
	ck_assert_ptr_null(strstr(out, PLAIN));
	ck_assert_ptr_null(dm_task_cfg_parse("", yaml, &before));
	ck_assert_ptr_null(dm_task_cfg_parse("", out, &after));
	a = dm_task_cfg_yaml(before, NULL, true);
	b = dm_task_cfg_yaml(after, NULL, true);
	ck_assert_str_eq(a, b);
}
END_TEST

#define TASK                                                                   \
	"name: t\ntask-mode: all\n"                                            \
	"target-database: {host: h, port: 1, user: u, password: ''}\n"         \
	"mysql-instances: [{source-id: a, loader: {dir: '"                     \
	"s3://b/p?access-key=AK&secret-access-key=top%2Fsecret"                \
	"&session-token=${ENV:DM_TEST_TOKEN}'}}]\n"

/* As the master stores it, the worker gets and uses it, and people see it. */
START_TEST(secrets_of_a_storage_are_treated_as_passwords)
{
	DM_AUTO(dm_keys) k = dm_keys_random();
	DM_AUTO(dm_task_cfg) cfg = NULL;
	DM_AUTO(dm_s3_url) url = NULL;
	DM_AUTO(dm_err) missing = NULL;
	g_autofree char *stored = NULL, *masked = NULL;
	const struct dm_instance_cfg *inst;

	ck_assert_ptr_null(dm_task_text_protect(TASK, k, &stored));
	ck_assert_ptr_null(strstr(stored, "secret%2F"));
	ck_assert_ptr_null(strstr(stored, "top"));
	ck_assert_ptr_nonnull(
	    strstr(stored, "session-token=${ENV:DM_TEST_TOKEN}"));
	ck_assert_ptr_null(dm_task_cfg_parse("", stored, &cfg));
	masked = dm_task_cfg_yaml(cfg, NULL, true);
	ck_assert_ptr_nonnull(
	    strstr(masked, "s3://b/p?access-key=AK&secret-access-key=******"
			   "&session-token=******"));
	ck_assert_ptr_null(dm_task_cfg_decrypt(cfg, k));
	inst = cfg->instances->pdata[0];
	missing = dm_storage_resolve(&inst->loader, &url);
	ck_assert(dm_err_is(missing, CONFIG_YAML_TRANSFORM));
	ck_assert_ptr_nonnull(strstr(missing->message,
	    "loaders.dir.password: the environment variable DM_TEST_TOKEN"));
	setenv("DM_TEST_TOKEN", "tok", 1);
	ck_assert_ptr_null(dm_storage_resolve(&inst->loader, &url));
	ck_assert_str_eq(url->secret_key, "top/secret");
	ck_assert_str_eq(url->session_token, "tok");
	ck_assert_str_eq(
	    inst->loader.s3->session_token, "${ENV:DM_TEST_TOKEN}");
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("lib/config/secret");
	TCase *tc = tcase_create("secret");
	SRunner *sr = srunner_create(s);
	int failed;

	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, a_plain_password_is_stored_encrypted);
	tcase_add_test(tc, one_password_of_one_endpoint_has_one_text);
	tcase_add_loop_test(tc,
	    empty_ones_and_references_are_stored_as_they_are, 0,
	    (int)DM_ARRAY_SIZE(kept));
	tcase_add_test(tc, without_a_key_everything_stays);
	tcase_add_test(tc, an_older_key_is_replaced);
	tcase_add_test(tc, a_wrong_key_is_an_error);
	tcase_add_loop_test(tc,
	    what_could_not_be_told_from_a_wrong_key_is_refused, 0,
	    (int)DM_ARRAY_SIZE(unfit));
	tcase_add_test(tc, a_variable_is_read);
	tcase_add_test(tc, a_decrypted_text_is_no_reference);
	tcase_add_loop_test(
	    tc, the_first_line_of_a_file_is_read, 0, (int)DM_ARRAY_SIZE(files));
	tcase_add_loop_test(tc, what_is_missing_is_told_with_field_and_name, 0,
	    (int)DM_ARRAY_SIZE(broken));
	tcase_add_test(tc, texts_keep_all_but_the_password);
	tcase_add_test(tc, a_task_keeps_all_but_the_password);
	tcase_add_test(tc, secrets_of_a_storage_are_treated_as_passwords);
	suite_add_tcase(s, tc);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
