/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Comparing texts as collations do. Private to lib/expr. Texts are UTF-8 but
 * for the binary collation. Threads: any.
 *
 * Weights were compared with those of the server for the letters of Latin,
 * Greek and Cyrillic; what is beyond is told by Unicode.
 */
#ifndef DM_LIB_EXPR_COLLATE_H
#define DM_LIB_EXPR_COLLATE_H

#include "lib/base/base.h"

enum ex_family {
	EX_FAMILY_BINARY,  /* bytes, which are no characters */
	EX_FAMILY_BIN,     /* _bin: code points */
	EX_FAMILY_GENERAL, /* _general_ci: one weight for each character */
	EX_FAMILY_SWEDISH, /* latin1_swedish_ci */
	EX_FAMILY_UCA,     /* _unicode_ci, _unicode_520_ci */
	EX_FAMILY_UCA_NEW, /* _0900_ai_ci, _uca1400_ai_ci */
	EX_FAMILY_UNKNOWN  /* of a column; its texts cannot be compared */
};

struct ex_coll {
	enum ex_family family;
	bool pad;        /* spaces at the end do not count */
	bool astral_one; /* all characters beyond U+FFFF are the same */
};

/* False: not one that is known here. name: lower case. */
bool ex_coll_find(const char *name, struct ex_coll *out);
bool ex_coll_same(const struct ex_coll *a, const struct ex_coll *b);
/* Letters of both cases are the same. */
bool ex_coll_folds(const struct ex_coll *c);

/* < 0, 0, > 0. *sure is false when only equal or not is known of the two: then
 * the sign does not count. */
int ex_coll_cmp(const struct ex_coll *c, const char *a, size_t a_len,
    const char *b, size_t b_len, bool *sure);

/* p LIKE pattern. escape: a code point; 0: none. */
bool ex_coll_like(const struct ex_coll *c, const char *p, size_t len,
    const char *pattern, size_t pattern_len, gunichar escape);

/* Where needle begins in p at or behind byte `from`; -1: nowhere. */
gssize ex_coll_find_text(const struct ex_coll *c, const char *p, size_t len,
    size_t from, const char *needle, size_t needle_len);

/* The character of a byte of latin1, as the servers have it. */
gunichar ex_latin1_char(unsigned char byte);

/* One character at p; bytes that are none count as one each. */
gunichar ex_char_next(
    const struct ex_coll *c, const char *p, size_t len, size_t *bytes);

#endif
