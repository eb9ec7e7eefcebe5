/* SPDX-License-Identifier: Apache-2.0 */
/* Certificates for tests: see pki.h. */
#include "test/support/pki.h"

#include <glib/gstdio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>

#define DAY_S (24L * 3600)

void
pki_init(struct pki *p)
{
	p->dir = g_dir_make_tmp("dm-pki-XXXXXX", NULL);
	dm_assert(p->dir != NULL);
}

void
pki_fini(struct pki *p)
{
	g_autoptr(GDir) dir = g_dir_open(p->dir, 0, NULL);
	const char *name;

	while (dir != NULL && (name = g_dir_read_name(dir)) != NULL) {
		g_autofree char *path = g_build_filename(p->dir, name, NULL);

		(void)g_unlink(path);
	}
	(void)g_rmdir(p->dir);
	g_clear_pointer(&p->dir, g_free);
}

char *
pki_path(const struct pki *p, const char *name, const char *ext)
{
	return g_strdup_printf("%s/%s.%s", p->dir, name, ext);
}

char *
pki_text(const struct pki *p, const char *name, const char *ext)
{
	g_autofree char *path = pki_path(p, name, ext);
	char *text = NULL;

	dm_assert(g_file_get_contents(path, &text, NULL, NULL));
	return text;
}

void
pki_write(
    const struct pki *p, const char *name, const char *ext, const char *text)
{
	g_autofree char *path = pki_path(p, name, ext);

	dm_assert(g_file_set_contents(path, text, -1, NULL));
}

/* ---- making ---- */

static X509 *
cert_new(EVP_PKEY *key, const char *cn, int days)
{
	X509 *x = X509_new();
	uint64_t serial = 0;

	dm_assert(x != NULL && RAND_bytes((unsigned char *)&serial, 7) == 1);
	X509_set_version(x, 2);
	ASN1_INTEGER_set_uint64(X509_get_serialNumber(x), serial);
	X509_gmtime_adj(X509_getm_notBefore(x), -365 * DAY_S);
	X509_gmtime_adj(X509_getm_notAfter(x), days * DAY_S);
	X509_set_pubkey(x, key);
	if (cn != NULL)
		X509_NAME_add_entry_by_txt(X509_get_subject_name(x), "CN",
		    MBSTRING_UTF8, (const unsigned char *)cn, -1, -1, 0);
	return x;
}

static void
extend(X509 *x, X509 *issuer, int nid, const char *value)
{
	X509V3_CTX ctx;
	X509_EXTENSION *e;

	X509V3_set_ctx_nodb(&ctx);
	X509V3_set_ctx(&ctx, issuer, x, NULL, NULL, 0);
	e = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
	dm_assert(e != NULL && X509_add_ext(x, e, -1) == 1);
	X509_EXTENSION_free(e);
}

static void
write_pair(const struct pki *p, const char *name, X509 *x, EVP_PKEY *key)
{
	g_autofree char *cert_path = pki_path(p, name, "pem");
	g_autofree char *key_path = pki_path(p, name, "key");
	FILE *f = fopen(cert_path, "we");

	dm_assert(f != NULL && PEM_write_X509(f, x) == 1);
	fclose(f);
	f = fopen(key_path, "we");
	dm_assert(f != NULL &&
		  PEM_write_PrivateKey(f, key, NULL, NULL, 0, NULL, NULL) == 1);
	fclose(f);
}

void
pki_ca(const struct pki *p, const char *name)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *x = cert_new(key, name, 30);

	X509_set_issuer_name(x, X509_get_subject_name(x));
	extend(x, x, NID_basic_constraints, "critical,CA:TRUE");
	dm_assert(X509_sign(x, key, EVP_sha256()) > 0);
	write_pair(p, name, x, key);
	X509_free(x);
	EVP_PKEY_free(key);
}

void
pki_cert(const struct pki *p, const char *name, const char *ca, const char *cn,
    int days)
{
	g_autofree char *ca_pem = pki_text(p, ca, "pem");
	g_autofree char *ca_key = pki_text(p, ca, "key");
	BIO *cert_bio = BIO_new_mem_buf(ca_pem, -1);
	BIO *key_bio = BIO_new_mem_buf(ca_key, -1);
	X509 *issuer = PEM_read_bio_X509(cert_bio, NULL, NULL, NULL);
	EVP_PKEY *issuer_key =
	    PEM_read_bio_PrivateKey(key_bio, NULL, NULL, NULL);
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *x = cert_new(key, cn, days);

	X509_set_issuer_name(x, X509_get_subject_name(issuer));
	extend(x, issuer, NID_subject_alt_name, "IP:127.0.0.1,DNS:localhost");
	dm_assert(X509_sign(x, issuer_key, EVP_sha256()) > 0);
	write_pair(p, name, x, key);
	X509_free(x);
	EVP_PKEY_free(key);
	X509_free(issuer);
	EVP_PKEY_free(issuer_key);
	BIO_free(cert_bio);
	BIO_free(key_bio);
}
