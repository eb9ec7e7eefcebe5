/* SPDX-License-Identifier: Apache-2.0 */
/* Certificates for tests, as files in a temporary folder. */
#ifndef DM_TEST_SUPPORT_PKI_H
#define DM_TEST_SUPPORT_PKI_H

#include "lib/base/base.h"

struct pki {
	char *dir;
};

/* A new folder. */
void pki_init(struct pki *p);
/* Removes it. */
void pki_fini(struct pki *p);
/* Authority NAME: <dir>/NAME.pem, NAME.key; replaces what is there. */
void pki_ca(const struct pki *p, const char *name);
/*
 * Certificate NAME, signed by authority ca, for 127.0.0.1 and localhost.
 * cn NULL: none. Valid from a year ago, for `days` from now on (negative:
 * expired).
 */
void pki_cert(const struct pki *p, const char *name, const char *ca,
    const char *cn, int days);
/* <dir>/<name>.<ext>, a new string. */
char *pki_path(const struct pki *p, const char *name, const char *ext);
/* The content of that file, a new string. */
char *pki_text(const struct pki *p, const char *name, const char *ext);
/* Put text there. */
void pki_write(
    const struct pki *p, const char *name, const char *ext, const char *text);

#endif
