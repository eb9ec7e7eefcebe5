/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Places in a binlog: see position.h.
 * SOURCE: dm/pkg/binlog/pos.go, position.go.
 */
#include "lib/binlog/position.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#define SUFFIX_SIGN "|"

struct dm_pos
dm_pos_make(const char *name, uint64_t pos)
{
	struct dm_pos p = { .pos = pos };

	/* Names of files come checked from the decoders; what a user wrote
	 * and is too long names no file either way. */
	g_strlcpy(p.name, name, sizeof(p.name));
	return p;
}

/* ---- suffixes ---- */

/* Where "|000002" begins in a name, and its number; NULL: nowhere. */
static const char *
find_suffix(const char *name, unsigned *number)
{
	const char *dot = strrchr(name, '.');
	const char *bar =
	    dot == NULL ? NULL : g_strrstr_len(name, dot - name, SUFFIX_SIGN);
	char *end;
	guint64 n;

	if (bar == NULL || !g_ascii_isdigit(bar[1]))
		return NULL;
	n = g_ascii_strtoull(bar + 1, &end, 10);
	if (end != dot || n == 0 || n > UINT_MAX)
		return NULL;
	*number = (unsigned)n;
	return bar;
}

unsigned
dm_pos_suffix(const struct dm_pos *p)
{
	unsigned n = 0;

	(void)find_suffix(p->name, &n);
	return n;
}

struct dm_pos
dm_pos_plain(const struct dm_pos *p)
{
	struct dm_pos plain = *p;
	unsigned n;
	const char *bar = find_suffix(p->name, &n);

	if (bar != NULL)
		g_strlcpy(plain.name + (bar - p->name), strrchr(p->name, '.'),
		    sizeof(plain.name) - (size_t)(bar - p->name));
	return plain;
}

struct dm_pos
dm_pos_with_suffix(const struct dm_pos *p, unsigned suffix)
{
	struct dm_pos plain = dm_pos_plain(p), with = plain;
	const char *dot = strrchr(plain.name, '.');
	int n;

	if (suffix == 0 || dot == NULL)
		return plain;
	n = snprintf(with.name, sizeof(with.name), "%.*s" SUFFIX_SIGN "%06u%s",
	    (int)(dot - plain.name), plain.name, suffix, dot);
	return (size_t)n < sizeof(with.name) ? with : plain;
}

/* ---- order ---- */

/* The number behind the last dot; -1 when there is none. */
static int64_t
file_number(const char *name)
{
	const char *dot = strrchr(name, '.');
	char *end;
	guint64 n;

	if (dot == NULL || !g_ascii_isdigit(dot[1]))
		return -1;
	n = g_ascii_strtoull(dot + 1, &end, 10);
	return *end == '\0' && n <= G_MAXINT64 ? (int64_t)n : -1;
}

static int
compare_names(const char *a, const char *b)
{
	unsigned sa, sb;
	int64_t na, nb;

	if (strcmp(a, b) == 0)
		return 0;
	if (a[0] == '\0' || b[0] == '\0')
		return a[0] == '\0' ? -1 : 1;
	if (find_suffix(a, &sa) != NULL && find_suffix(b, &sb) != NULL &&
	    sa != sb)
		return sa < sb ? -1 : 1;
	na = file_number(a);
	nb = file_number(b);
	if (na != nb)
		return na < nb ? -1 : 1;
	/* The same number under another base name, or none at all. */
	return na >= 0 ? 0 : strcmp(a, b);
}

int
dm_pos_cmp(const struct dm_pos *a, const struct dm_pos *b)
{
	int c = compare_names(a->name, b->name);

	if (c != 0)
		return c;
	return a->pos < b->pos ? -1 : a->pos > b->pos;
}

bool
dm_pos_is_zero(const struct dm_pos *p)
{
	return p->name[0] == '\0' && p->pos == 0;
}

char *
dm_pos_text(const struct dm_pos *p)
{
	if (p->name[0] == '\0')
		return g_strdup("");
	return g_strdup_printf("(%s, %" PRIu64 ")", p->name, p->pos);
}

struct dm_err *
dm_pos_parse(const char *text, struct dm_pos *p)
{
	const char *colon = strrchr(text, ':');
	size_t n = colon != NULL ? (size_t)(colon - text) : 0;
	char *end;
	guint64 pos;

	if (n == 0 || n > DM_BINLOG_NAME_MAX || strchr(text, ':') != colon ||
	    !g_ascii_isdigit(colon[1]))
		return dm_err_new(INVALID_BINLOG_POS_STR, text);
	errno = 0;
	pos = g_ascii_strtoull(colon + 1, &end, 10);
	if (*end != '\0' || errno != 0)
		return dm_err_new(INVALID_BINLOG_POS_STR, text);
	*p = (struct dm_pos){ .pos = pos };
	memcpy(p->name, text, n);
	return NULL;
}
