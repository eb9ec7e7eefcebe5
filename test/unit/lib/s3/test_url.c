/* SPDX-License-Identifier: Apache-2.0 */
/* The suite of lib/s3/url.c. */
#include "lib/s3/url.h"

#include <check.h>
#include <stdlib.h>

static struct dm_s3_url *
parse(const char *text)
{
	g_autofree char *why = NULL;
	struct dm_s3_url *u = dm_s3_url_parse(text, &why);

	ck_assert_msg(u != NULL, "%s: %s", text, why);
	ck_assert_ptr_null(why);
	return u;
}

START_TEST(bucket_prefix_and_parameters)
{
	DM_AUTO(dm_s3_url)
	u = parse("s3://data/a/b/?endpoint=http://127.0.0.1:9000/"
		  "&access_key=AK&secret-access-key=s%2Fe%26c&region=eu-west-1"
		  "&storage-class=STANDARD_IA&force-path-style=false");
	g_autofree char *name = dm_s3_url_name(u);

	ck_assert_str_eq(u->bucket, "data");
	ck_assert_str_eq(u->prefix, "a/b");
	ck_assert_str_eq(u->endpoint, "http://127.0.0.1:9000");
	ck_assert_str_eq(u->access_key, "AK");
	ck_assert_str_eq(u->secret_key, "s/e&c");
	ck_assert_str_eq(u->region, "eu-west-1");
	ck_assert_str_eq(u->storage_class, "STANDARD_IA");
	ck_assert(u->virtual_host);
	ck_assert_str_eq(name, "s3://data/a/b");
}
END_TEST

START_TEST(only_a_bucket)
{
	DM_AUTO(dm_s3_url) u = parse("S3://data");

	ck_assert_str_eq(u->prefix, "");
	ck_assert(!u->virtual_host);
	dm_s3_url_descend(u, "task.source");
	ck_assert_str_eq(u->prefix, "task.source");
	dm_s3_url_descend(u, "x");
	ck_assert_str_eq(u->prefix, "task.source/x");
}
END_TEST

START_TEST(it_prints_what_it_read)
{
	DM_AUTO(dm_s3_url)
	u = parse("s3://d/p?secret-access-key=%3F%26%3D+%25&access-key=AK"
		  "&session-token=${ENV:TOKEN}");
	g_autofree char *text = dm_s3_url_text(u, false),
			*masked = dm_s3_url_text(u, true), *again = NULL;
	DM_AUTO(dm_s3_url) v = parse(text);

	ck_assert_str_eq(v->secret_key, u->secret_key);
	again = dm_s3_url_text(v, false);
	ck_assert_str_eq(again, text);
	ck_assert_str_eq(masked, "s3://d/p?access-key=AK"
				 "&secret-access-key=******"
				 "&session-token=******");
	ck_assert_ptr_nonnull(strstr(text, "session-token=${ENV:TOKEN}"));
}
END_TEST

START_TEST(the_environment_fills_gaps)
{
	DM_AUTO(dm_s3_url) u = parse("s3://d");
	DM_AUTO(dm_s3_url) v = parse("s3://d?access-key=A&secret-access-key=B");

	g_setenv("AWS_ACCESS_KEY_ID", "EA", TRUE);
	g_setenv("AWS_SECRET_ACCESS_KEY", "ES", TRUE);
	g_setenv("AWS_SESSION_TOKEN", "ET", TRUE);
	g_setenv("AWS_REGION", "eu-north-1", TRUE);
	dm_s3_url_complete(u);
	dm_s3_url_complete(v);
	ck_assert_str_eq(u->access_key, "EA");
	ck_assert_str_eq(u->secret_key, "ES");
	ck_assert_str_eq(u->session_token, "ET");
	ck_assert_str_eq(u->endpoint, "https://s3.eu-north-1.amazonaws.com");
	/* Somebody else's token is not mixed with a key that was given. */
	ck_assert_str_eq(v->access_key, "A");
	ck_assert_str_eq(v->session_token, "");
	ck_assert_str_eq(v->region, "eu-north-1");
}
END_TEST

static const struct {
	const char *url, *why;
} bad[] = {
	{ "s3://", "a bucket must stand behind s3://" },
	{ "s3:///x", "a bucket must stand behind s3://" },
	{ "/tmp/x", "it does not begin with s3://" },
	{ "s3://b?acess-key=x", "the parameter acess-key is not known" },
	{ "s3://b?endpoint=ftp://x",
	    "endpoint must be like https://host:port, not ftp://x" },
	{ "s3://b?endpoint=http://u@x",
	    "endpoint must be like https://host:port, not http://u@x" },
	{ "s3://b?access-key=x",
	    "access-key and secret-access-key must be given both or not at "
	    "all" },
	{ "s3://b?force-path-style=maybe",
	    "force-path-style is true or false, not maybe" },
	{ "s3://b?region=%zz", "region is not percent-encoded" },
};

START_TEST(bad_ones_are_named)
{
	g_autofree char *why = NULL;

	ck_assert_ptr_null(dm_s3_url_parse(bad[_i].url, &why));
	ck_assert_str_eq(why, bad[_i].why);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("lib/s3/url");
	TCase *tc = tcase_create("url");
	SRunner *sr = srunner_create(s);
	int failed;

	tcase_add_test(tc, bucket_prefix_and_parameters);
	tcase_add_test(tc, only_a_bucket);
	tcase_add_test(tc, it_prints_what_it_read);
	tcase_add_test(tc, the_environment_fills_gaps);
	tcase_add_loop_test(tc, bad_ones_are_named, 0, DM_ARRAY_SIZE(bad));
	suite_add_tcase(s, tc);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
