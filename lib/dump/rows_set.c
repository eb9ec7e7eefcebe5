/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a dump's SET statements say about the rows behind them: the charset and
 * time zone of their texts, and whether a backslash escapes.
 *
 * FORMAT: SET [SESSION] name = value [, ...], also as @@session.name, in a
 * conditional comment or not; SET NAMES charset. Other names are of no
 * interest.
 */
#include "lib/dump/rows_int.h"

#include <string.h>
#include <strings.h>

#define WORD_MAX 63

/* Letters of a name or zone at text; new string, NULL: none. */
static char *
plain_value(const char *text)
{
	size_t n = 0;

	text += strspn(text, "'\" =");
	while (g_ascii_isalnum(text[n]) ||
	       (text[n] != '\0' && strchr("_+-:/", text[n])))
		n++;
	return n == 0 || n > WORD_MAX ? NULL : g_strndup(text, n);
}

/* Takes a value unless it is a user's variable: what a dump puts back at its
 * end is what the session had before it. */
static void
take_plain(char **to, const char *value)
{
	char *plain = value[0] == '@' ? NULL : plain_value(value);

	if (plain == NULL)
		return;
	g_free(*to);
	*to = plain;
}

static void
take_mode(struct dm_dump_rows *r, const char *value, size_t len)
{
	g_autofree char *mode = g_ascii_strup(value, (gssize)len);

	if (strstr(mode, "NO_BACKSLASH_ESCAPES") != NULL)
		r->no_escapes = true;
	else if (mode[0] == '\'' || mode[0] == '"')
		r->no_escapes = false;
}

/* Up to a comma that stands outside of quotes and parentheses. */
static size_t
value_length(const char *text)
{
	char quote = '\0';
	int depth = 0;
	size_t n;

	for (n = 0; text[n] != '\0'; n++) {
		char c = text[n];

		if (quote != '\0')
			quote = c == quote ? '\0' : quote;
		else if (c == '\'' || c == '"')
			quote = c;
		else if (c == '(' || c == ')')
			depth += c == '(' ? 1 : -1;
		else if (c == ',' && depth <= 0)
			break;
	}
	return n;
}

static const char *
behind_scope(const char *text)
{
	static const char *const scopes[] = { "SESSION ", "LOCAL ",
		"@@SESSION.", "@@LOCAL.", "@@" };

	for (size_t i = 0; i < DM_ARRAY_SIZE(scopes); i++) {
		size_t n = strlen(scopes[i]);

		if (strncasecmp(text, scopes[i], n) == 0)
			return text + n;
	}
	return text;
}

/* "a = 1, b = 2"; what is of no interest is passed over. */
static void
take_assignments(struct dm_dump_rows *r, const char *text)
{
	static const char blank[] = " \t\r\n";

	while (*text != '\0') {
		const char *name, *value;
		size_t n;

		text += strspn(text, " \t\r\n,");
		name = behind_scope(text);
		for (n = 0; rows_is_word(name[n]) || name[n] == '@'; n++)
			;
		value = name + n + strspn(name + n, " \t\r\n:=");
		if (n == strlen("NAMES") && strncasecmp(name, "NAMES", n) == 0)
			take_plain(&r->charset, value);
		text = value + value_length(value);
		if (!memchr(name + n, '=', (size_t)(value - name) - n))
			continue;
		value += strspn(value, blank);
		if (n == strlen("TIME_ZONE") &&
		    strncasecmp(name, "TIME_ZONE", n) == 0)
			take_plain(&r->time_zone, value);
		if (n == strlen("SQL_MODE") &&
		    strncasecmp(name, "SQL_MODE", n) == 0)
			take_mode(r, value, (size_t)(text - value));
	}
}

bool
rows_note_set(struct dm_dump_rows *r, const char *text)
{
	text += strspn(text, "/*!0123456789 \t\r\n");
	if (strncasecmp(text, "SET ", 4) != 0)
		return false;
	take_assignments(r, text + 4);
	return true;
}
