/* SPDX-License-Identifier: Apache-2.0 */
/* The suite of lib/crypt/crypt.c and lib/crypt/seal.c. */
#include "lib/crypt/crypt.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define KEY   "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
#define OTHER "ff0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"

static struct dm_keys *
keys(const char *text)
{
	struct dm_keys *k = NULL;

	ck_assert_ptr_null(dm_keys_parse(text, &k));
	return k;
}

/* Made with `openssl enc -aes-256-cfb -K KEY -iv f0f1f2...ff`. */
static const struct {
	const char *plain, *text;
} vectors[] = {
	{ "", "8PHy8/T19vf4+fr7/P3+/0A=" },
	{ "123456", "8PHy8/T19vf4+fr7/P3+/0CjMv65FqA=" },
	{ "reader secret", "8PHy8/T19vf4+fr7/P3+/0DgZazpRuSguD8KlDE0" },
	{ "a longer password, of more than one block: \u00e4\u00f6\u00fc",
	    "8PHy8/T19vf4+fr7/P3+/0DzIKHiTfHluXoZhyczRQxm06cAxawsfboF0xjNSisE4"
	    "AFy2M0BGPHe6aOxYnA2Pbyk" },
};

START_TEST(known_ciphertexts_are_read)
{
	DM_AUTO(dm_keys) k = keys(KEY);
	char *plain = NULL;
	size_t with = 9;

	ck_assert(dm_is_encrypted(vectors[_i].text));
	ck_assert_ptr_null(
	    dm_decrypt(k, "from", vectors[_i].text, &plain, &with));
	ck_assert_str_eq(plain, vectors[_i].plain);
	ck_assert_uint_eq(with, 0);
	dm_wipe(plain);
}
END_TEST

START_TEST(what_is_encrypted_is_read_back)
{
	DM_AUTO(dm_keys) k = keys(KEY);
	const char *text = vectors[_i].plain;
	g_autofree char *a = dm_encrypt(k, text), *b = dm_encrypt(k, text);
	char *plain = NULL;

	ck_assert_str_ne(a, b); /* each time another IV */
	ck_assert(dm_is_encrypted(a));
	ck_assert_ptr_null(dm_decrypt(k, "from", a, &plain, NULL));
	ck_assert_str_eq(plain, text);
	dm_wipe(plain);
}
END_TEST

START_TEST(a_stable_text_depends_on_key_context_and_password)
{
	DM_AUTO(dm_keys) k = keys(KEY);
	DM_AUTO(dm_keys) other = keys(OTHER);
	g_autofree char *a = dm_encrypt_stable(k, "u@h", "p");
	g_autofree char *b = dm_encrypt_stable(k, "u@h", "p");
	g_autofree char *key = dm_encrypt_stable(other, "u@h", "p");
	g_autofree char *context = dm_encrypt_stable(k, "u@h2", "p");
	g_autofree char *shifted = dm_encrypt_stable(k, "u@", "hp");
	char *plain = NULL;

	ck_assert_str_eq(a, b);
	ck_assert_str_ne(a, key);
	ck_assert_str_ne(a, context);
	ck_assert(strncmp(a, shifted, 20) != 0); /* another IV */
	ck_assert_ptr_null(dm_decrypt(k, "from", a, &plain, NULL));
	ck_assert_str_eq(plain, "p");
	dm_wipe(plain);
}
END_TEST

static const char *const no_ciphertexts[] = {
	"", "123456", "${ENV:X}", "@",
	"====", "8PHy8/T19vf4+fr7/P3+/w==", /* 16 bytes */
	"8PHy8/T19vf4+fr7/P3+/0E=",         /* byte 16 is not '@' */
	"8PHy8/T19vf4+fr7/P3+/0A",          /* no padding */
	"8PHy8/T19vf4+fr7/P3+/0A= ",        /* a blank */
	"8PHy8/T19vf4\n+fr7/P3+/0A=\n",     /* lines */
	"8PHy8_T19vf4-fr7_P3-_0A=",         /* the other alphabet */
	"8PHy8/T1=vf4+fr7/P3+/0A=",         /* padding inside */
};

START_TEST(other_texts_are_plain)
{
	DM_AUTO(dm_keys) k = keys(KEY);
	char *plain = NULL;
	DM_AUTO(dm_err) err = NULL;

	ck_assert(!dm_is_encrypted(no_ciphertexts[_i]));
	err = dm_decrypt(k, "from", no_ciphertexts[_i], &plain, NULL);
	ck_assert(dm_err_is(err, CONFIG_DECRYPT_DB_PASSWORD));
	ck_assert_ptr_null(plain);
}
END_TEST

START_TEST(a_very_long_text_is_plain)
{
	g_autofree char *text = g_strnfill(1 << 20, 'A');

	ck_assert(!dm_is_encrypted(text));
}
END_TEST

START_TEST(a_wrong_key_is_told_with_the_field)
{
	DM_AUTO(dm_keys) k = keys(KEY);
	DM_AUTO(dm_keys) other = keys(OTHER);
	g_autofree char *text =
	    dm_encrypt(other, "long enough not to be text by chance");
	char *plain = NULL;
	DM_AUTO(dm_err) err = dm_decrypt(k, "from", text, &plain, NULL);

	ck_assert(dm_err_is(err, CONFIG_DECRYPT_DB_PASSWORD));
	ck_assert_int_eq(err->code, 20010);
	ck_assert_ptr_nonnull(strstr(err->message, "from"));
	ck_assert_ptr_null(strstr(err->message, text));
	ck_assert_ptr_null(plain);
}
END_TEST

START_TEST(an_older_key_still_decrypts)
{
	DM_AUTO(dm_keys) old = keys(OTHER);
	DM_AUTO(dm_keys) both = keys(KEY "\n" OTHER "\n");
	g_autofree char *text =
	    dm_encrypt(old, "long enough not to be text by chance");
	g_autofree char *now = dm_encrypt(both, "x");
	char *plain = NULL;
	size_t with = 0;

	ck_assert_ptr_null(dm_decrypt(both, "from", text, &plain, &with));
	ck_assert_str_eq(plain, "long enough not to be text by chance");
	ck_assert_uint_eq(with, 1);
	dm_wipe(plain);
	ck_assert_ptr_null(dm_decrypt(both, "from", now, &plain, &with));
	ck_assert_uint_eq(with, 0);
	dm_wipe(plain);
}
END_TEST

START_TEST(blanks_around_keys_are_ignored)
{
	DM_AUTO(dm_keys) a = keys(KEY);
	DM_AUTO(dm_keys) b = keys("\r\n \t" KEY " \n\n");
	DM_AUTO(dm_keys) c = keys(OTHER);

	ck_assert(dm_keys_equal(a, b));
	ck_assert(!dm_keys_equal(a, c));
}
END_TEST

static const char *const bad_keys[] = { "", " \n", "abc", KEY "0",
	"g00102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f",
	KEY KEY, KEY "\nabc",
	KEY " " KEY " " KEY " " KEY " " KEY " " KEY " " KEY " " KEY " " KEY };

START_TEST(a_bad_key_is_refused)
{
	struct dm_keys *k = NULL;
	DM_AUTO(dm_err) err = dm_keys_parse(bad_keys[_i], &k);

	ck_assert(dm_err_is(err, CONFIG_SECRET_KEY_PATH));
	ck_assert_int_eq(err->code, 20067);
	ck_assert_ptr_null(k);
}
END_TEST

START_TEST(a_file_that_is_not_there_is_named)
{
	struct dm_keys *k = NULL;
	DM_AUTO(dm_err) err = dm_keys_load("/nonexistent/secret.key", &k);

	ck_assert(dm_err_is(err, CONFIG_SECRET_KEY_PATH));
	ck_assert_ptr_nonnull(strstr(err->message, "/nonexistent/secret.key"));
}
END_TEST

START_TEST(a_file_is_read)
{
	char path[] = "/tmp/dm-key-XXXXXX";
	int fd = mkstemp(path);
	DM_AUTO(dm_keys) a = keys(KEY);
	DM_AUTO(dm_keys) b = NULL;

	ck_assert_int_eq(write(fd, KEY "\n", 65), 65);
	close(fd);
	ck_assert_ptr_null(dm_keys_load(path, &b));
	unlink(path);
	ck_assert(dm_keys_equal(a, b));
}
END_TEST

START_TEST(a_key_has_a_fixed_name)
{
	DM_AUTO(dm_keys) k = keys(KEY);
	char id[DM_KEY_ID_SIZE];

	dm_key_id(k->key[0], id);
	ck_assert_str_eq(id, "daa4948e24601768");
}
END_TEST

START_TEST(a_sealed_key_is_read_by_its_receiver_only)
{
	DM_AUTO(dm_keys) k = dm_keys_random();
	DM_AUTO(dm_receiver) r = dm_receiver_new();
	DM_AUTO(dm_receiver) thief = dm_receiver_new();
	uint8_t to[DM_SEAL_PUBLIC_BYTES], got[DM_KEY_BYTES] = { 0 };
	g_autoptr(GBytes) sealed = NULL;
	DM_AUTO(dm_err) err = NULL;
	const uint8_t *data;
	gsize n;

	dm_receiver_public(r, to);
	sealed = dm_seal_key(to, k->key[0]);
	data = g_bytes_get_data(sealed, &n);
	ck_assert_ptr_null(dm_unseal_key(r, data, n, got));
	ck_assert_mem_eq(got, k->key[0], DM_KEY_BYTES);
	memset(got, 0, sizeof(got));
	err = dm_unseal_key(thief, data, n, got);
	ck_assert_ptr_nonnull(err);
	ck_assert_mem_ne(got, k->key[0], DM_KEY_BYTES);
}
END_TEST

START_TEST(a_changed_or_cut_sealed_key_is_refused)
{
	DM_AUTO(dm_receiver) r = dm_receiver_new();
	DM_AUTO(dm_keys) k = dm_keys_random();
	uint8_t to[DM_SEAL_PUBLIC_BYTES], got[DM_KEY_BYTES];
	g_autoptr(GBytes) sealed = NULL;
	g_autofree uint8_t *copy = NULL;
	gsize n;

	dm_receiver_public(r, to);
	sealed = dm_seal_key(to, k->key[0]);
	copy =
	    g_memdup2(g_bytes_get_data(sealed, NULL), g_bytes_get_size(sealed));
	n = g_bytes_get_size(sealed);
	for (gsize i = 0; i < n; i++) {
		DM_AUTO(dm_err) changed = NULL;
		DM_AUTO(dm_err) cut = dm_unseal_key(r, copy, i, got);

		copy[i] ^= 1;
		changed = dm_unseal_key(r, copy, n, got);
		copy[i] ^= 1;
		ck_assert_ptr_nonnull(changed);
		ck_assert_ptr_nonnull(cut);
	}
}
END_TEST

START_TEST(nothing_is_sealed_for_a_point_of_no_use)
{
	static const uint8_t zero[DM_SEAL_PUBLIC_BYTES];
	DM_AUTO(dm_keys) k = dm_keys_random();

	ck_assert_ptr_null(dm_seal_key(zero, k->key[0]));
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("lib/crypt");
	TCase *tc = tcase_create("crypt");
	SRunner *sr = srunner_create(s);
	int failed;

	tcase_set_timeout(tc, 60);
	tcase_add_loop_test(
	    tc, known_ciphertexts_are_read, 0, (int)DM_ARRAY_SIZE(vectors));
	tcase_add_loop_test(
	    tc, what_is_encrypted_is_read_back, 0, (int)DM_ARRAY_SIZE(vectors));
	tcase_add_loop_test(
	    tc, other_texts_are_plain, 0, (int)DM_ARRAY_SIZE(no_ciphertexts));
	tcase_add_test(tc, a_stable_text_depends_on_key_context_and_password);
	tcase_add_test(tc, a_very_long_text_is_plain);
	tcase_add_test(tc, a_wrong_key_is_told_with_the_field);
	tcase_add_test(tc, an_older_key_still_decrypts);
	tcase_add_test(tc, blanks_around_keys_are_ignored);
	tcase_add_loop_test(
	    tc, a_bad_key_is_refused, 0, (int)DM_ARRAY_SIZE(bad_keys));
	tcase_add_test(tc, a_file_that_is_not_there_is_named);
	tcase_add_test(tc, a_file_is_read);
	tcase_add_test(tc, a_key_has_a_fixed_name);
	tcase_add_test(tc, a_sealed_key_is_read_by_its_receiver_only);
	tcase_add_test(tc, a_changed_or_cut_sealed_key_is_refused);
	tcase_add_test(tc, nothing_is_sealed_for_a_point_of_no_use);
	suite_add_tcase(s, tc);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
