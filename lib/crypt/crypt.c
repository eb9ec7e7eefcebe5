/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keys and encrypted passwords: see crypt.h.
 *
 * SOURCE: dm/pkg/encrypt, dm/pkg/encrypt/aes. Differs: several keys; what does
 * not decrypt to text is an error instead of a plain password.
 */
#include "lib/crypt/crypt.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>
#include <string.h>
#include <unistd.h>

#define IV_BYTES       16
#define HEAD_BYTES     (IV_BYTES + 1)
#define SEPARATOR      '@'
#define FILE_MAX_BYTES ((size_t)DM_KEYS_MAX * 256)

void
dm_wipe(char *secret)
{
	if (secret == NULL)
		return;
	explicit_bzero(secret, strlen(secret));
	g_free(secret);
}

/* ---- keys ---- */

void
dm_keys_free(struct dm_keys *k)
{
	if (k == NULL)
		return;
	explicit_bzero(k, sizeof(*k));
	g_free(k);
}

static struct dm_err *
invalid_keys(const char *why)
{
	return dm_err_set_workaround(dm_err_new(CONFIG_SECRET_KEY_PATH, why),
	    "write 64 hex digits into the file of secret-key-path, for "
	    "instance with `openssl rand -hex 32`; the file must be readable "
	    "for dm-master, and should be for nobody else");
}

/* One key from text[0..len). */
static bool
parse_key(const char *text, size_t len, uint8_t *key)
{
	if (len != 2 * (size_t)DM_KEY_BYTES)
		return false;
	for (size_t i = 0; i < DM_KEY_BYTES; i++) {
		int hi = g_ascii_xdigit_value(text[2 * i]);
		int lo = g_ascii_xdigit_value(text[2 * i + 1]);

		if (hi < 0 || lo < 0)
			return false;
		key[i] = (uint8_t)(hi * 16 + lo);
	}
	return true;
}

struct dm_err *
dm_keys_parse(const char *text, struct dm_keys **keys)
{
	DM_AUTO(dm_keys) k = g_new0(struct dm_keys, 1);
	static const char blanks[] = " \t\r\n\v\f";

	for (const char *p = text + strspn(text, blanks); *p != '\0';) {
		size_t len = strcspn(p, blanks);

		if (k->n == DM_KEYS_MAX)
			return invalid_keys("more than 8 keys");
		if (!parse_key(p, len, k->key[k->n]))
			return invalid_keys("the secret key must be a hex "
					    "AES-256 key of length 64");
		k->n++;
		p += len;
		p += strspn(p, blanks);
	}
	if (k->n == 0)
		return invalid_keys("the file is empty, the secret key must be "
				    "a hex AES-256 key of length 64");
	*keys = DM_TAKE(k);
	return NULL;
}

struct dm_err *
dm_keys_load(const char *path, struct dm_keys **keys)
{
	char text[FILE_MAX_BYTES + 1];
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct dm_err *err;
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text));
	int number = errno;

	if (fd >= 0)
		close(fd);
	if (n < 0) {
		g_autofree char *why =
		    g_strdup_printf("open %s: %s", path, g_strerror(number));

		return invalid_keys(why);
	}
	if (n == (ssize_t)sizeof(text) || memchr(text, '\0', (size_t)n)) {
		err = invalid_keys("the file is too long or no text");
	} else {
		text[n] = '\0';
		err = dm_keys_parse(text, keys);
	}
	explicit_bzero(text, sizeof(text));
	return err;
}

struct dm_keys *
dm_keys_random(void)
{
	struct dm_keys *k = g_new0(struct dm_keys, 1);

	k->n = 1;
	dm_assert(RAND_bytes(k->key[0], DM_KEY_BYTES) == 1);
	return k;
}

struct dm_keys *
dm_keys_of(const uint8_t *key)
{
	struct dm_keys *k = g_new0(struct dm_keys, 1);

	k->n = 1;
	memcpy(k->key[0], key, DM_KEY_BYTES);
	return k;
}

void
dm_key_id(const uint8_t *key, char id[DM_KEY_ID_SIZE])
{
	static const uint8_t text[] = "name of a secret key";
	uint8_t mac[EVP_MAX_MD_SIZE];
	unsigned len = 0;

	dm_assert(HMAC(EVP_sha256(), key, DM_KEY_BYTES, text, sizeof(text) - 1,
		      mac, &len) != NULL &&
		  len >= (DM_KEY_ID_SIZE - 1) / 2);
	for (size_t i = 0; i < (DM_KEY_ID_SIZE - 1) / 2; i++)
		g_snprintf(id + 2 * i, 3, "%02x", (unsigned)mac[i]);
}

bool
dm_keys_equal(const struct dm_keys *a, const struct dm_keys *b)
{
	return a->n == b->n &&
	       CRYPTO_memcmp(a->key, b->key, a->n * DM_KEY_BYTES) == 0;
}

/* ---- passwords ---- */

/* CFB turns n bytes into n bytes, both ways. */
static void
cfb(const uint8_t *key, const uint8_t *iv, bool encrypt, const uint8_t *in,
    size_t n, uint8_t *out)
{
	EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
	int len = 0, rest = 0;

	dm_assert(c != NULL && n <= INT32_MAX);
	dm_assert(EVP_CipherInit_ex(c, EVP_aes_256_cfb128(), NULL, key, iv,
		      encrypt ? 1 : 0) == 1);
	dm_assert(EVP_CipherUpdate(c, out, &len, in, (int)n) == 1);
	dm_assert(EVP_CipherFinal_ex(c, out + len, &rest) == 1);
	dm_assert((size_t)(len + rest) == n);
	EVP_CIPHER_CTX_free(c);
}

static char *
encrypt(const struct dm_keys *k, const uint8_t *iv, const char *plain)
{
	size_t n = strlen(plain);
	g_autofree uint8_t *raw = g_malloc(HEAD_BYTES + n);

	dm_assert(k->n > 0);
	memcpy(raw, iv, IV_BYTES);
	raw[IV_BYTES] = SEPARATOR;
	cfb(k->key[0], raw, true, (const uint8_t *)plain, n, raw + HEAD_BYTES);
	return g_base64_encode(raw, HEAD_BYTES + n);
}

char *
dm_encrypt(const struct dm_keys *k, const char *plain)
{
	uint8_t iv[IV_BYTES];

	dm_assert(RAND_bytes(iv, sizeof(iv)) == 1);
	return encrypt(k, iv, plain);
}

char *
dm_encrypt_stable(
    const struct dm_keys *k, const char *context, const char *plain)
{
	/* The lengths keep "a", "bc" apart from "ab", "c". */
	char *text = g_strdup_printf("iv of a password %zu:%s%zu:%s",
	    strlen(context), context, strlen(plain), plain);
	uint8_t mac[EVP_MAX_MD_SIZE];
	unsigned len = 0;

	dm_assert(HMAC(EVP_sha256(), k->key[0], DM_KEY_BYTES,
		      (const uint8_t *)text, strlen(text), mac, &len) != NULL &&
		  len >= IV_BYTES);
	dm_wipe(text);
	return encrypt(k, mac, plain);
}

/* Strictly: GLib's decoder skips what is no base64. NULL: it is none. */
static uint8_t *
decode(const char *text, size_t *n)
{
	size_t len = strlen(text), pad = 0;
	uint8_t *raw;

	if (len == 0 || len % 4 != 0 || len > 2 * (size_t)DM_PASSWORD_MAX_BYTES)
		return NULL;
	while (pad < 2 && text[len - 1 - pad] == '=')
		pad++;
	for (size_t i = 0; i < len - pad; i++) {
		if (!g_ascii_isalnum(text[i]) && text[i] != '+' &&
		    text[i] != '/')
			return NULL;
	}
	raw = g_base64_decode(text, n);
	if (*n < HEAD_BYTES || raw[IV_BYTES] != SEPARATOR) {
		g_free(raw);
		return NULL;
	}
	return raw;
}

bool
dm_is_encrypted(const char *text)
{
	size_t n;
	g_autofree uint8_t *raw = decode(text, &n);

	return raw != NULL;
}

/* Of n bytes; n is looked at before what may be no text at all. */
static bool
is_password(const char *text, size_t n)
{
	if (n > DM_PASSWORD_MAX_BYTES ||
	    !g_utf8_validate(text, (gssize)n, NULL))
		return false; /* also for a NUL */
	for (size_t i = 0; i < n; i++) {
		if (g_ascii_iscntrl(text[i]))
			return false;
	}
	return true;
}

bool
dm_is_password(const char *text)
{
	return is_password(text, strlen(text));
}

struct dm_err *
dm_decrypt(const struct dm_keys *k, const char *field, const char *text,
    char **plain, size_t *with)
{
	size_t n = 0;
	g_autofree uint8_t *raw = decode(text, &n);

	for (size_t i = 0; raw != NULL && i < k->n; i++) {
		size_t len = n - HEAD_BYTES;
		char *out = g_malloc(len + 1);

		cfb(k->key[i], raw, false, raw + HEAD_BYTES, len,
		    (uint8_t *)out);
		out[len] = '\0';
		if (is_password(out, len)) {
			*plain = out;
			if (with != NULL)
				*with = i;
			return NULL;
		}
		explicit_bzero(out, len);
		g_free(out);
	}
	return dm_err_new(CONFIG_DECRYPT_DB_PASSWORD, field);
}
