/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A key for one reader: see crypt.h.
 *
 * FORMAT: 32 bytes, the sender's public key, made for this one message; the
 * key in AES-256-GCM; 16 bytes, its tag. The cipher's key is SHA-256 of a
 * label, the shared secret of X25519 and both public keys; since it is used
 * once, the nonce is zero.
 */
#include "lib/crypt/crypt.h"

#include <openssl/evp.h>
#include <string.h>

#define TAG_BYTES    16
#define SEALED_BYTES (DM_SEAL_PUBLIC_BYTES + DM_KEY_BYTES + TAG_BYTES)

struct dm_receiver {
	EVP_PKEY *pair;
};

struct dm_receiver *
dm_receiver_new(void)
{
	struct dm_receiver *r = g_new0(struct dm_receiver, 1);

	r->pair = EVP_PKEY_Q_keygen(NULL, NULL, "X25519");
	dm_assert(r->pair != NULL);
	return r;
}

void
dm_receiver_free(struct dm_receiver *r)
{
	if (r == NULL)
		return;
	EVP_PKEY_free(r->pair);
	g_free(r);
}

static void
public_of(EVP_PKEY *pair, uint8_t *out)
{
	size_t n = DM_SEAL_PUBLIC_BYTES;

	dm_assert(EVP_PKEY_get_raw_public_key(pair, out, &n) == 1 &&
		  n == DM_SEAL_PUBLIC_BYTES);
}

void
dm_receiver_public(
    const struct dm_receiver *r, uint8_t out[DM_SEAL_PUBLIC_BYTES])
{
	public_of(r->pair, out);
}

/* False: the other key is none. */
static bool
agree(EVP_PKEY *ours, const uint8_t *theirs, uint8_t secret[DM_KEY_BYTES])
{
	EVP_PKEY *peer = EVP_PKEY_new_raw_public_key(
	    EVP_PKEY_X25519, NULL, theirs, DM_SEAL_PUBLIC_BYTES);
	EVP_PKEY_CTX *c = EVP_PKEY_CTX_new(ours, NULL);
	size_t n = DM_KEY_BYTES;
	bool ok;

	/* The last step refuses points that make the secret zero. */
	ok = peer != NULL && c != NULL && EVP_PKEY_derive_init(c) == 1 &&
	     EVP_PKEY_derive_set_peer(c, peer) == 1 &&
	     EVP_PKEY_derive(c, secret, &n) == 1 && n == DM_KEY_BYTES;
	EVP_PKEY_CTX_free(c);
	EVP_PKEY_free(peer);
	return ok;
}

static void
cipher_key(const uint8_t *secret, const uint8_t *sender, const uint8_t *reader,
    uint8_t out[DM_KEY_BYTES])
{
	static const char label[] = "dm sealed key 1";
	uint8_t in[sizeof(label) + DM_KEY_BYTES + 2 * DM_SEAL_PUBLIC_BYTES];
	uint8_t *p = in;
	size_t n = 0;

	memcpy(p, label, sizeof(label));
	p += sizeof(label);
	memcpy(p, secret, DM_KEY_BYTES);
	p += DM_KEY_BYTES;
	memcpy(p, sender, DM_SEAL_PUBLIC_BYTES);
	memcpy(p + DM_SEAL_PUBLIC_BYTES, reader, DM_SEAL_PUBLIC_BYTES);
	dm_assert(
	    EVP_Q_digest(NULL, "SHA256", NULL, in, sizeof(in), out, &n) == 1 &&
	    n == DM_KEY_BYTES);
	explicit_bzero(in, sizeof(in));
}

static EVP_CIPHER_CTX *
cipher_new(const uint8_t *key, int encrypt)
{
	static const uint8_t nonce[12];
	EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();

	dm_assert(c != NULL && EVP_CipherInit_ex(c, EVP_aes_256_gcm(), NULL,
				   key, nonce, encrypt) == 1);
	return c;
}

GBytes *
dm_seal_key(
    const uint8_t to[DM_SEAL_PUBLIC_BYTES], const uint8_t key[DM_KEY_BYTES])
{
	DM_AUTO(dm_receiver) once = dm_receiver_new();
	uint8_t secret[DM_KEY_BYTES], under[DM_KEY_BYTES];
	uint8_t out[SEALED_BYTES];
	uint8_t *body = out + DM_SEAL_PUBLIC_BYTES;
	EVP_CIPHER_CTX *c;
	int n = 0, rest = 0;

	if (!agree(once->pair, to, secret))
		return NULL;
	dm_receiver_public(once, out);
	cipher_key(secret, out, to, under);
	c = cipher_new(under, 1);
	dm_assert(EVP_CipherUpdate(c, body, &n, key, DM_KEY_BYTES) == 1 &&
		  EVP_CipherFinal_ex(c, body + n, &rest) == 1 &&
		  EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_AEAD_GET_TAG, TAG_BYTES,
		      body + DM_KEY_BYTES) == 1);
	EVP_CIPHER_CTX_free(c);
	explicit_bzero(secret, sizeof(secret));
	explicit_bzero(under, sizeof(under));
	return g_bytes_new(out, sizeof(out));
}

struct dm_err *
dm_unseal_key(const struct dm_receiver *r, const uint8_t *sealed, size_t len,
    uint8_t key[DM_KEY_BYTES])
{
	uint8_t secret[DM_KEY_BYTES], under[DM_KEY_BYTES];
	uint8_t ours[DM_SEAL_PUBLIC_BYTES], tag[TAG_BYTES];
	uint8_t opened[DM_KEY_BYTES];
	EVP_CIPHER_CTX *c;
	int n = 0, rest = 0;
	bool ok;

	if (len != SEALED_BYTES || !agree(r->pair, sealed, secret))
		return dm_err_plain("a sealed key has not the right form");
	dm_receiver_public(r, ours);
	cipher_key(secret, sealed, ours, under);
	memcpy(tag, sealed + len - TAG_BYTES, TAG_BYTES);
	c = cipher_new(under, 0);
	ok = EVP_CipherUpdate(c, opened, &n, sealed + DM_SEAL_PUBLIC_BYTES,
		 DM_KEY_BYTES) == 1 &&
	     EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_AEAD_SET_TAG, TAG_BYTES, tag) ==
		 1 &&
	     EVP_CipherFinal_ex(c, opened + n, &rest) == 1;
	EVP_CIPHER_CTX_free(c);
	if (ok)
		memcpy(key, opened, DM_KEY_BYTES);
	explicit_bzero(opened, sizeof(opened));
	explicit_bzero(secret, sizeof(secret));
	explicit_bzero(under, sizeof(under));
	return ok ? NULL
		  : dm_err_plain("a sealed key is not for us, or was changed");
}
