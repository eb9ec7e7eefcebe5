/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Collations: see collate.h.
 *
 * DESIGN: a text becomes a stream of weights. Of _general_ci each character
 * has one: its base letter in upper case. Of the UCA ones a character has none
 * (an accent, a control character) or several (the two letters of a ligature).
 * Weights of ASCII are in the order of the collation; of other characters in
 * UCA only whether they are the same is known, not which comes first.
 */
#include "lib/expr/collate.h"

#include <string.h>

#define WEIGHTS_MAX 8
/* Weights of UCA from here on have no known order. */
#define UNORDERED 1000
#define END       UINT32_MAX

/* ---- names ---- */

static bool
has_prefix_of_utf8(const char *name)
{
	return g_str_has_prefix(name, "utf8mb4_") ||
	       g_str_has_prefix(name, "utf8mb3_") ||
	       g_str_has_prefix(name, "utf8_") ||
	       g_str_has_prefix(name, "uca1400_");
}

/* What follows the charset. */
static bool
find_utf8(const char *name, struct ex_coll *out)
{
	static const struct {
		const char *tail;
		struct ex_coll coll;
	} known[] = {
		{ "_general_ci", { EX_FAMILY_GENERAL, true, true } },
		{ "_general_nopad_ci", { EX_FAMILY_GENERAL, false, true } },
		{ "_unicode_520_ci", { EX_FAMILY_UCA_NEW, true, false } },
		{ "_unicode_520_nopad_ci",
		    { EX_FAMILY_UCA_NEW, false, false } },
		{ "_unicode_ci", { EX_FAMILY_UCA, true, true } },
		{ "_unicode_nopad_ci", { EX_FAMILY_UCA, false, true } },
		{ "_0900_ai_ci", { EX_FAMILY_UCA_NEW, false, false } },
		{ "uca1400_ai_ci", { EX_FAMILY_UCA_NEW, true, false } },
		{ "uca1400_nopad_ai_ci", { EX_FAMILY_UCA_NEW, false, false } },
	};

	for (size_t i = 0; i < DM_ARRAY_SIZE(known); i++) {
		if (!g_str_has_suffix(name, known[i].tail))
			continue;
		*out = known[i].coll;
		return true;
	}
	return false;
}

bool
ex_coll_find(const char *name, struct ex_coll *out)
{
	*out = (struct ex_coll){ EX_FAMILY_BINARY, false, false };
	if (strcmp(name, "binary") == 0)
		return true;
	out->family = EX_FAMILY_BIN;
	if (g_str_has_suffix(name, "_nopad_bin") ||
	    strcmp(name, "utf8mb4_0900_bin") == 0)
		return true;
	out->pad = true;
	if (g_str_has_suffix(name, "_bin"))
		return true;
	out->family = EX_FAMILY_GENERAL;
	if (strcmp(name, "ascii_general_ci") == 0)
		return true;
	out->family = EX_FAMILY_SWEDISH;
	if (strcmp(name, "latin1_swedish_ci") == 0)
		return true;
	return has_prefix_of_utf8(name) && find_utf8(name, out);
}

bool
ex_coll_same(const struct ex_coll *a, const struct ex_coll *b)
{
	return a->family == b->family && a->pad == b->pad &&
	       a->astral_one == b->astral_one;
}

bool
ex_coll_folds(const struct ex_coll *c)
{
	return c->family >= EX_FAMILY_GENERAL;
}

/* ---- characters ---- */

gunichar
ex_char_next(const struct ex_coll *c, const char *p, size_t len, size_t *bytes)
{
	gunichar ch;

	*bytes = 1;
	if (len == 0)
		return 0;
	if (c->family == EX_FAMILY_BINARY || (unsigned char)*p < 0x80)
		return (unsigned char)*p;
	ch = g_utf8_get_char_validated(p, (gssize)len);
	if (ch >= (gunichar)-2)
		return (unsigned char)*p; /* a byte that is no character */
	*bytes = (size_t)g_utf8_skip[(unsigned char)*p];
	return ch;
}

/* The base letter in upper case, if that is one character. */
static gunichar
base_letter(gunichar c)
{
	gunichar parts[G_UNICHAR_MAX_DECOMPOSITION_LENGTH];

	/* Not of Cyrillic's short I, nor of Japanese, Korean and the rest. */
	if (c != 0x419 && c != 0x439 && c < 0x2000) {
		(void)g_unichar_fully_decompose(
		    c, FALSE, parts, DM_ARRAY_SIZE(parts));
		c = parts[0];
	}
	c = g_unichar_toupper(c);
	if (c != 0x419 && c < 0x2000) {
		(void)g_unichar_fully_decompose(
		    c, FALSE, parts, DM_ARRAY_SIZE(parts));
		c = parts[0];
	}
	return c;
}

static gunichar
weight_general(const struct ex_coll *coll, gunichar c)
{
	if (c < 0x80)
		return (gunichar)g_ascii_toupper((char)c);
	if (c == 0xdf)
		return 'S';
	if (c > 0xffff && coll->astral_one)
		return 0xfffd;
	return base_letter(c);
}

/* What Latin1 has from 0x80 to 0x9f. */
static const gunichar high[] = { 0x20ac, 0x81, 0x201a, 0x192, 0x201e, 0x2026,
	0x2020, 0x2021, 0x2c6, 0x2030, 0x160, 0x2039, 0x152, 0x8d, 0x17d, 0x8f,
	0x90, 0x2018, 0x2019, 0x201c, 0x201d, 0x2022, 0x2013, 0x2014, 0x2dc,
	0x2122, 0x161, 0x203a, 0x153, 0x9d, 0x17e, 0x178 };

gunichar
ex_latin1_char(unsigned char byte)
{
	return byte >= 0x80 && byte < 0xa0 ? high[byte - 0x80] : byte;
}

/* By Latin1's bytes; of its letters some are letters of their own in Swedish,
 * at the end of the alphabet. */
static gunichar
weight_swedish(gunichar c)
{
	if (c > 0xff) {
		for (gunichar i = 0; i < DM_ARRAY_SIZE(high); i++) {
			if (high[i] == c)
				return 0x80 + i;
		}
		return c;
	}
	switch (c) {
	case 0xdf: /* sharp s, y with diaeresis: no letters there */
	case 0xff:
	case 0xd7:
	case 0xf7:
		return c;
	case 0xc4:
	case 0xe4:
	case 0xc6:
	case 0xe6:
		return 0x5c;
	case 0xc5:
	case 0xe5:
		return 0x5b;
	case 0xd6:
	case 0xf6:
		return 0x5d;
	case 0xdc:
	case 0xfc:
		return 'Y';
	case 0xd0:
	case 0xf0:
		return 'D';
	case 0xd8:
	case 0xf8:
		return 0xd8;
	case 0xde:
	case 0xfe:
		return 0xde;
	default:
		return c < 0xc0
			   ? (c < 0x80 ? (gunichar)g_ascii_toupper((char)c) : c)
			   : base_letter(c);
	}
}

/* ---- UCA ---- */

static gunichar
weight_of_ascii(const struct ex_coll *coll, gunichar c)
{
	/* What stands before the letters, in order. */
	static const char old[] =
	    "\t\n\v\f\r `^_-,;:!?.'\"()[]{}@*/\\&#%+<=>|~$"
	    "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ";
	static const char now[] =
	    "\t\n\v\f\r _-,;:!?.'\"()[]{}@*/\\&#%`^+<=>|~$"
	    "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ";
	/* `^ moved between versions 5.2 and 6; nobody orders by them, and so
	 * _unicode_520_ci need not be told from _0900_ai_ci. */
	const char *order = coll->family == EX_FAMILY_UCA ? old : now;
	const char *at =
	    c == 0 ? NULL : strchr(order, g_ascii_toupper((char)c));

	return at == NULL ? 0 : (gunichar)(at - order) + 1;
}

/* Letters that Unicode does not take apart, but the servers do. */
static const char *
ligature(const struct ex_coll *coll, gunichar c)
{
	bool now = coll->family == EX_FAMILY_UCA_NEW;

	switch (c) {
	case 0xdf:
	case 0x1e9e:
		return "SS";
	case 0x152:
		return "OE";
	case 0xc6:
		return now ? "AE" : NULL;
	case 0xd0:
	case 0x110:
		return now ? "D" : NULL;
	case 0x126:
		return now ? "H" : NULL;
	case 0x13f:
	case 0x141:
		return now ? "L" : NULL;
	case 0xd8:
		return now ? "O" : NULL;
	default:
		return NULL;
	}
}

/* Characters that decompose in Unicode and are letters of their own here. */
static bool
stands_alone(const struct ex_coll *coll, gunichar c)
{
	static const gunichar apart[] = { 0x400, 0x401, 0x40d, 0x4c1, 0x4e2,
		0x4ee };

	if (c == 0x419 || c == 0xa8 || c == 0xaf || c == 0xb4 || c == 0xb8)
		return true;
	if (c < 0x400 || c > 0x4ff || coll->family == EX_FAMILY_UCA_NEW)
		return false;
	for (size_t i = 0; i < DM_ARRAY_SIZE(apart); i++) {
		if (apart[i] == c)
			return false;
	}
	return true;
}

/* Weights of one character; their number. */
static unsigned
weights_uca(const struct ex_coll *coll, gunichar c, gunichar *w)
{
	gunichar parts[G_UNICHAR_MAX_DECOMPOSITION_LENGTH];
	const char *letters;
	unsigned n = 0;
	gsize k;

	if (c < 0x80) {
		w[0] = weight_of_ascii(coll, c);
		return w[0] == 0 ? 0 : 1;
	}
	if (c > 0xffff && coll->astral_one)
		c = 0xfffd;
	if (c != 0x131)
		c = g_unichar_toupper(c);
	if (c == 0x490)
		c = 0x413;
	letters = ligature(coll, c);
	for (; letters != NULL && letters[n] != '\0'; n++)
		w[n] = weight_of_ascii(coll, (gunichar)letters[n]);
	if (letters != NULL)
		return n;
	parts[0] = c;
	k = stands_alone(coll, c) ? 1
				  : g_unichar_fully_decompose(
					c, TRUE, parts, DM_ARRAY_SIZE(parts));
	for (gsize i = 0; i < k && n < WEIGHTS_MAX; i++) {
		gunichar u = g_unichar_toupper(parts[i]);

		if (g_unichar_ismark(u))
			continue;
		w[n] = u < 0x80 ? weight_of_ascii(coll, u) : UNORDERED + u;
		n += w[n] != 0 ? 1 : 0;
	}
	return n;
}

/* ---- streams of weights ---- */

struct stream {
	const struct ex_coll *coll;
	const char *p;
	size_t len;
	gunichar pending[WEIGHTS_MAX];
	unsigned n, at;
};

static unsigned
weights(const struct ex_coll *coll, gunichar c, gunichar *w)
{
	switch (coll->family) {
	case EX_FAMILY_BINARY:
	case EX_FAMILY_BIN:
		w[0] = c;
		return 1;
	case EX_FAMILY_GENERAL:
		w[0] = weight_general(coll, c);
		return 1;
	case EX_FAMILY_SWEDISH:
		w[0] = weight_swedish(c);
		return 1;
	case EX_FAMILY_UCA:
	case EX_FAMILY_UCA_NEW:
	case EX_FAMILY_UNKNOWN: /* refused while binding */
		break;
	}
	return weights_uca(coll, c, w);
}

static gunichar
next(struct stream *s)
{
	while (s->at == s->n) {
		size_t bytes;
		gunichar c;

		if (s->len == 0)
			return END;
		c = ex_char_next(s->coll, s->p, s->len, &bytes);
		s->p += bytes;
		s->len -= bytes;
		s->n = weights(s->coll, c, s->pending);
		s->at = 0;
	}
	return s->pending[s->at++];
}

int
ex_coll_cmp(const struct ex_coll *c, const char *a, size_t a_len, const char *b,
    size_t b_len, bool *sure)
{
	struct stream x = { .coll = c, .p = a, .len = a_len };
	struct stream y = { .coll = c, .p = b, .len = b_len };
	gunichar space = 0, u, v;

	*sure = true;
	(void)weights(c, ' ', &space);
	for (;;) {
		u = next(&x);
		v = next(&y);
		if (u == END && v == END)
			return 0;
		if (u == END && c->pad)
			u = space;
		if (v == END && c->pad)
			v = space;
		if (u != v)
			break;
	}
	if (u == END || v == END)
		return u == END ? -1 : 1;
	*sure = c->family < EX_FAMILY_UCA || (u < UNORDERED && v < UNORDERED);
	return u < v ? -1 : 1;
}

/* ---- patterns ---- */

static bool
same_char(const struct ex_coll *coll, gunichar a, gunichar b)
{
	gunichar x[WEIGHTS_MAX], y[WEIGHTS_MAX];
	unsigned n;

	if (a == b)
		return true;
	n = weights(coll, a, x);
	return n == weights(coll, b, y) && memcmp(x, y, n * sizeof(*x)) == 0;
}

/* Backtracks to the last % only, which is enough: what stands before it
 * matched already. */
bool
ex_coll_like(const struct ex_coll *c, const char *p, size_t len,
    const char *pattern, size_t pattern_len, gunichar escape)
{
	size_t at = 0, pos = 0, n, k;
	size_t star = SIZE_MAX, star_pos = 0;

	for (;;) {
		gunichar want =
		    ex_char_next(c, pattern + at, pattern_len - at, &k);
		bool literal = false, matched = false;

		if (at < pattern_len && want == '%') {
			star = at += k;
			star_pos = pos;
			continue;
		}
		if (at == pattern_len && pos == len)
			return true;
		if (at < pattern_len && want == escape && escape != 0 &&
		    at + k < pattern_len) {
			size_t skipped = k;

			want = ex_char_next(c, pattern + at + skipped,
			    pattern_len - at - skipped, &k);
			k += skipped;
			literal = true;
		}
		if (pos < len && at < pattern_len) {
			gunichar got = ex_char_next(c, p + pos, len - pos, &n);

			matched = (want == '_' && !literal) ||
				  same_char(c, got, want);
		}
		if (matched) {
			at += k;
			pos += n;
			continue;
		}
		if (star == SIZE_MAX || star_pos >= len)
			return false;
		(void)ex_char_next(c, p + star_pos, len - star_pos, &n);
		star_pos += n;
		pos = star_pos;
		at = star;
	}
}

/* As the servers do: pieces with as many bytes as the needle has. */
gssize
ex_coll_find_text(const struct ex_coll *c, const char *p, size_t len,
    size_t from, const char *needle, size_t needle_len)
{
	struct ex_coll exact = *c;
	size_t n;
	bool sure;

	exact.pad = false;
	while (from + needle_len <= len) {
		if (ex_coll_cmp(&exact, p + from, needle_len, needle,
			needle_len, &sure) == 0)
			return (gssize)from;
		if (from == len)
			break;
		(void)ex_char_next(c, p + from, len - from, &n);
		from += n;
	}
	return -1;
}
