/* SPDX-License-Identifier: Apache-2.0 */
/* Identifiers and literals as text of SQL: see sql.h. */
#include "lib/sql/sql.h"

#include <string.h>

void
dm_sql_append_ident(GString *s, const char *name)
{
	const char *quote;

	g_string_append_c(s, '`');
	while ((quote = strchr(name, '`')) != NULL) {
		g_string_append_len(s, name, quote - name);
		g_string_append_len(s, "``", 2);
		name = quote + 1;
	}
	g_string_append(s, name);
	g_string_append_c(s, '`');
}

void
dm_sql_append_table(GString *s, const char *db, const char *table)
{
	dm_sql_append_ident(s, db);
	g_string_append_c(s, '.');
	dm_sql_append_ident(s, table);
}

/* The letter behind the backslash; 0 for a byte that stands for itself. */
static char
escape_of(char c)
{
	switch (c) {
	case '\0':
		return '0';
	case '\n':
		return 'n';
	case '\r':
		return 'r';
	case '\x1a':
		return 'Z';
	case '\'':
	case '"':
	case '\\':
		return c;
	default:
		return 0;
	}
}

void
dm_sql_append_string(GString *s, const void *bytes, size_t len)
{
	const char *p = bytes, *end = p + len, *start = p;

	g_string_append_c(s, '\'');
	for (; p < end; p++) {
		char e = escape_of(*p);

		if (e == 0)
			continue;
		g_string_append_len(s, start, p - start);
		g_string_append_c(s, '\\');
		g_string_append_c(s, e);
		start = p + 1;
	}
	g_string_append_len(s, start, p - start);
	g_string_append_c(s, '\'');
}

void
dm_sql_append_hex(GString *s, const void *bytes, size_t len)
{
	static const char digits[] = "0123456789abcdef";
	const uint8_t *p = bytes;
	size_t at;

	g_string_append_len(s, "x'", 2);
	at = s->len;
	g_string_set_size(s, at + 2 * len);
	for (size_t i = 0; i < len; i++) {
		s->str[at++] = digits[p[i] >> 4];
		s->str[at++] = digits[p[i] & 15];
	}
	g_string_append_c(s, '\'');
}

char *
dm_sql_quote_table(const char *db, const char *table)
{
	GString *s = g_string_new(NULL);

	dm_sql_append_table(s, db, table);
	return g_string_free(s, FALSE);
}

char
dm_sql_unescape(char c)
{
	switch (c) {
	case '0':
		return '\0';
	case 'b':
		return '\b';
	case 'n':
		return '\n';
	case 'r':
		return '\r';
	case 't':
		return '\t';
	case 'Z':
		return '\x1a';
	default:
		return c;
	}
}
