/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Passwords under a secret key, in DM's form, and a key on its way to somebody
 * who has none.
 *
 * FORMAT of an encrypted password: standard base64 with padding of 16 bytes
 * (IV), '@', and the text in AES-256-CFB. It has no check of integrity:
 * what a wrong key makes of it is told from a password only by not being
 * text. Source: control-plane reference 7.3.
 * FORMAT of a key file: one key a line, 64 hex digits, blanks around them and
 * empty lines ignored. The first one encrypts; the others only decrypt what an
 * earlier key encrypted, while keys are being changed. Differs from DM, which
 * knows one.
 * Threads: any.
 */
#ifndef DM_LIB_CRYPT_CRYPT_H
#define DM_LIB_CRYPT_CRYPT_H

#include "lib/err/err.h"

#define DM_KEY_BYTES 32
#define DM_KEYS_MAX  8
/* Hex of dm_key_id, with its NUL. */
#define DM_KEY_ID_SIZE 17
/* Longer texts are no passwords. */
#define DM_PASSWORD_MAX_BYTES 4096

struct dm_keys {
	size_t n; /* at least 1 */
	uint8_t key[DM_KEYS_MAX][DM_KEY_BYTES];
};
/* Wipes. Accepts NULL. */
void dm_keys_free(struct dm_keys *k);
DM_DEFINE_AUTO(dm_keys)

/* The text of a key file. Errors: CONFIG_SECRET_KEY_PATH. */
struct dm_err *dm_keys_parse(
    const char *text, struct dm_keys **keys) DM_MUST_CHECK;
struct dm_err *dm_keys_load(
    const char *path, struct dm_keys **keys) DM_MUST_CHECK;
/* One random key. */
struct dm_keys *dm_keys_random(void);
/* One key, of these DM_KEY_BYTES. */
struct dm_keys *dm_keys_of(const uint8_t *key);
/* A name for a key, from which it cannot be found. */
void dm_key_id(const uint8_t *key, char id[DM_KEY_ID_SIZE]);
/* Equal, in a time that tells nothing about where they differ. */
bool dm_keys_equal(const struct dm_keys *a, const struct dm_keys *b);

/* What dm_decrypt can tell from the result of a wrong key: UTF-8 without
 * control characters, at most DM_PASSWORD_MAX_BYTES. */
bool dm_is_password(const char *text);
/* With the first key. New string, another one each time. */
char *dm_encrypt(const struct dm_keys *k, const char *plain);
/* The same text for the same key, context and password, so that configurations
 * can be compared without being decrypted. The context is what the password is
 * for: otherwise equal passwords would be seen to be equal. */
char *dm_encrypt_stable(
    const struct dm_keys *k, const char *context, const char *plain);
/* It has the form of an encrypted password; a plain one has it by chance only
 * (one of 256 of those that are base64 of at least 17 bytes). */
bool dm_is_encrypted(const char *text);
/*
 * The password in text, with the first key that makes one of it
 * (dm_is_password).
 *   field   whose password, for the message
 *   *plain  new string; dm_wipe it
 *   *with   index of the key; NULL: not asked for
 * Errors: CONFIG_DECRYPT_DB_PASSWORD, also for text that is not encrypted.
 */
struct dm_err *dm_decrypt(const struct dm_keys *k, const char *field,
    const char *text, char **plain, size_t *with) DM_MUST_CHECK;

/* Overwrites and frees a string. Accepts NULL. */
void dm_wipe(char *secret);

/* ---- seal.c: for one reader ---- */

/* Somebody who may receive: a pair of keys of X25519. */
#define DM_SEAL_PUBLIC_BYTES 32
struct dm_receiver;
struct dm_receiver *dm_receiver_new(void);
void dm_receiver_free(struct dm_receiver *r);
DM_DEFINE_AUTO(dm_receiver)
/* What the sender needs; no secret. */
void dm_receiver_public(
    const struct dm_receiver *r, uint8_t out[DM_SEAL_PUBLIC_BYTES]);

/* A key that only the owner of `to` can read. Who only listens learns nothing;
 * who can change what travels could put his own `to` in: that is what TLS is
 * for. NULL: `to` is no point of the curve. */
GBytes *dm_seal_key(
    const uint8_t to[DM_SEAL_PUBLIC_BYTES], const uint8_t key[DM_KEY_BYTES]);
/* Errors: plain; sealed for somebody else, or changed. */
struct dm_err *dm_unseal_key(const struct dm_receiver *r, const uint8_t *sealed,
    size_t len, uint8_t key[DM_KEY_BYTES]) DM_MUST_CHECK;

#endif
