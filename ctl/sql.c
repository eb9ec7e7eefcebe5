/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Statements and binlog positions given on the command line.
 * SOURCE: dm/ctl/common/util.go ExtractSQLsFromArgs, dm/pkg/utils
 * TrimQuoteMark, dm/pkg/binlog PositionFromPosStr. Differs: statements are sent
 * without their semicolon.
 */
#include "ctl/sql.h"
#include "lib/ddl/ddl.h"

#include <string.h>

char *
ctl_unquote(const char *text)
{
	size_t n = strlen(text);

	if (n >= 2 && text[0] == text[n - 1] &&
	    (text[0] == '"' || text[0] == '\''))
		return g_strndup(text + 1, n - 2);
	return g_strdup(text);
}

/* Behind the quoted text that begins at p; at the end if it is open. */
static const char *
skip_quoted(const char *p)
{
	char quote = *p++;

	while (*p != '\0' && *p != quote) {
		if (*p == '\\' && quote != '`' && p[1] != '\0')
			p++;
		p++;
	}
	return *p != '\0' ? p + 1 : p;
}

/* Behind the comment that begins at p, or p itself when none does. */
static const char *
skip_comment(const char *p)
{
	const char *end;

	if (p[0] == '/' && p[1] == '*') {
		end = strstr(p + 2, "*/");
		return end != NULL ? end + 2 : p + strlen(p);
	}
	if (p[0] == '#' || (p[0] == '-' && p[1] == '-' &&
			       (p[2] == '\0' || g_ascii_isspace(p[2]))))
		return p + strcspn(p, "\n");
	return p;
}

static void
add_statement(GPtrArray *out, const char *from, const char *to)
{
	char *s = g_strstrip(g_strndup(from, (gsize)(to - from)));

	if (s[0] != '\0')
		g_ptr_array_add(out, s);
	else
		g_free(s);
}

GPtrArray *
ctl_sql_split(const char *text)
{
	GPtrArray *out = g_ptr_array_new_with_free_func(g_free);
	const char *from = text, *p = text;

	while (*p != '\0') {
		const char *behind = skip_comment(p);

		if (behind != p) {
			p = behind;
		} else if (strchr("'\"`", *p) != NULL) {
			p = skip_quoted(p);
		} else if (*p == ';') {
			add_statement(out, from, p);
			from = ++p;
		} else {
			p++;
		}
	}
	add_statement(out, from, p);
	return out;
}

static char *
join(const GPtrArray *words, size_t from)
{
	g_autoptr(GString) s = g_string_new(NULL);

	for (size_t i = from; i < words->len; i++)
		g_string_append_printf(s, "%s%s", i > from ? " " : "",
		    (const char *)g_ptr_array_index(words, i));
	return ctl_unquote(g_strstrip(s->str));
}

struct dm_err *
ctl_sql_from_args(const GPtrArray *words, size_t from, GPtrArray **sqls)
{
	g_autofree char *text = join(words, from);
	g_autoptr(GPtrArray) out = ctl_sql_split(text);

	for (guint i = 0; i < out->len; i++) {
		const char *sql = g_ptr_array_index(out, i);
		DM_AUTO(dm_ddl) ddl = NULL;
		DM_AUTO(dm_err) err = dm_ddl_parse(sql, strlen(sql), 0, &ddl);

		if (err != NULL) {
			g_autofree char *why = dm_err_message(err);

			return dm_err_plain("invalid sql '%s': %s", text, why);
		}
	}
	if (out->len == 0)
		return dm_err_plain("no valid SQLs");
	*sqls = g_steal_pointer(&out);
	return NULL;
}

struct dm_err *
ctl_check_binlog_pos(const char *pos)
{
	const char *colon = strchr(pos, ':');
	const char *why = NULL;

	if (pos[0] == '\0')
		return NULL;
	if (colon == NULL || strchr(colon + 1, ':') != NULL)
		why = "the format should be filename:pos";
	else if (colon[1] == '\0' ||
		 strspn(colon + 1, "0123456789") != strlen(colon + 1))
		why = "the pos should be digital";
	if (why == NULL)
		return NULL;
	return dm_err_make_(DM_ERR_VERIFY_HANDLE_ERROR_ARGS,
	    "invalid --binlog-pos %s in handle-error operation: %s", pos, why);
}
