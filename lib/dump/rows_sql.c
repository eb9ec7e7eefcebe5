/* SPDX-License-Identifier: Apache-2.0 */
/*
 * INSERT statements of a data file.
 *
 * FORMAT: comments; SET and conditional comments with SET, of which NAMES,
 * TIME_ZONE and NO_BACKSLASH_ESCAPES are read; INSERT or REPLACE [IGNORE] INTO
 * name [(columns)] VALUES tuples; each ended by a semicolon. A value is NULL, a
 * number, a text in ' or " with backslash escapes, x'', 0x, b'', one of these
 * behind a charset's name, or CONVERT(text USING charset).
 */
#include "lib/dump/rows_int.h"

#include <string.h>
#include <strings.h>

#define CUT      "the file ends within a statement: it is cut off"
#define WORD_MAX 63
/* Of CONVERT(CONVERT(.. */
#define NESTING_MAX 4

/* What the missing byte means. */
static bool
unexpected(struct dm_dump_rows *r, const char *what)
{
	return rows_fail(r, rows_peek(r) < 0 ? CUT : what);
}

static bool
take(struct dm_dump_rows *r, int c, const char *what)
{
	if (rows_peek(r) != c)
		return unexpected(r, what);
	r->at++;
	return true;
}

/* At least n bytes from `at` on. */
static bool
have(struct dm_dump_rows *r, size_t n)
{
	while (r->len - r->at < n)
		if (!rows_more(r))
			return false;
	return true;
}

static bool
starts(struct dm_dump_rows *r, const char *text)
{
	size_t n = strlen(text);

	return have(r, n) && memcmp(r->buf + r->at, text, n) == 0;
}

/* Behind the next `end`. */
static bool
skip_past(struct dm_dump_rows *r, const char *end)
{
	while (!starts(r, end)) {
		if (rows_peek(r) < 0)
			return rows_fail(r, CUT);
		r->at++;
	}
	r->at += strlen(end);
	return true;
}

/* Blanks and plain comments; a line comment may end with the file. */
static bool
skip_blank(struct dm_dump_rows *r)
{
	for (;;) {
		int c = rows_peek(r);

		if (c == ' ' || c == '\t' || c == '\r' || c == '\n') {
			r->at++;
		} else if (c == '#' || (c == '-' && starts(r, "-- ")) ||
			   (c == '-' && starts(r, "--\n"))) {
			while ((c = rows_peek(r)) >= 0 && c != '\n')
				r->at++;
		} else if (c == '/' && starts(r, "/*") && !starts(r, "/*!")) {
			if (!skip_past(r, "*/"))
				return false;
		} else {
			return r->err == NULL && !r->large;
		}
	}
}

/* The next word in upper case; "" when there is none. */
static bool
read_word(struct dm_dump_rows *r, char word[WORD_MAX + 1])
{
	size_t n = 0;

	while (rows_is_word(rows_peek(r))) {
		if (n == WORD_MAX)
			return rows_fail(r, "a word that is too long");
		word[n++] = g_ascii_toupper(r->buf[r->at++]);
	}
	word[n] = '\0';
	return true;
}

/* Behind the closing quote; `at` is on the opening one. */
static bool
skip_quoted(struct dm_dump_rows *r, bool escapes)
{
	char quote = r->buf[r->at++];

	for (;;) {
		char c;

		if (r->at >= r->len && !rows_more(r))
			return rows_fail(r, CUT);
		c = r->buf[r->at++];
		if (c == '\\' && escapes) {
			if (rows_peek(r) < 0)
				return rows_fail(r, CUT);
			r->at++;
		} else if (c == quote) {
			if (rows_peek(r) != quote)
				return r->err == NULL && !r->large;
			r->at++;
		}
	}
}

/* ---- SET ---- */

static bool
take_set(struct dm_dump_rows *r, const char *text)
{
	const char *words = text + strspn(text, "/*!0123456789 \t\r\n");

	/* DISABLE KEYS: only about speed */
	return rows_note_set(r, text) ||
	       strncasecmp(words, "ALTER TABLE ", 12) == 0 ||
	       rows_fail(r, "a conditional comment of a form that is not "
			    "known");
}

/* What stands between mark and `at`. */
static bool
take_set_here(struct dm_dump_rows *r)
{
	g_autofree char *text = g_strndup(r->buf + r->mark, r->at - r->mark);

	return take_set(r, text);
}

/* To the semicolon, which is taken. */
static bool
skip_statement(struct dm_dump_rows *r)
{
	for (;;) {
		int c = rows_peek(r);

		if (c < 0)
			return rows_fail(r, CUT);
		if (c == '\'' || c == '"' || c == '`') {
			if (!skip_quoted(r, c != '`' && !r->no_escapes))
				return false;
			continue;
		}
		r->at++;
		if (c == ';')
			return true;
	}
}

/* ---- INSERT ---- */

/* A name, quoted or not; *name: new string. */
static bool
read_name(struct dm_dump_rows *r, char **name)
{
	g_autofree char *inner = NULL;
	g_auto(GStrv) parts = NULL;
	size_t start;

	if (!skip_blank(r))
		return false;
	start = r->at - r->mark;
	if (rows_peek(r) == '`') {
		if (!skip_quoted(r, false))
			return false;
		inner = g_strndup(
		    r->buf + r->mark + start + 1, r->at - r->mark - start - 2);
		parts = g_strsplit(inner, "``", -1);
		*name = g_strjoinv("`", parts);
		return true;
	}
	while (rows_is_word(rows_peek(r)))
		r->at++;
	if (r->at - r->mark == start)
		return unexpected(r, "a name is missing");
	*name = g_strndup(r->buf + r->mark + start, r->at - r->mark - start);
	return true;
}

static void
set_columns(struct dm_dump_rows *r, char **columns)
{
	if (columns != NULL && r->columns != NULL &&
	    g_strv_equal((const char *const *)columns,
		(const char *const *)r->columns)) {
		g_strfreev(columns);
		return; /* the pointer stays */
	}
	g_strfreev(r->columns);
	r->columns = columns;
}

static bool
read_columns(struct dm_dump_rows *r)
{
	g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
	int c;

	r->at++; /* the parenthesis */
	do {
		char *name = NULL;

		if (!skip_blank(r))
			return false;
		if (names->len == 0 && rows_peek(r) == ')')
			break; /* all columns are generated */
		if (!read_name(r, &name))
			return false;
		g_ptr_array_add(names, name);
		if (!skip_blank(r))
			return false;
		c = rows_peek(r);
		if (c == ',')
			r->at++;
	} while (c == ',');
	if (!take(r, ')', "the list of columns is not one"))
		return false;
	g_ptr_array_add(names, NULL);
	set_columns(r, (char **)g_ptr_array_steal(names, NULL));
	return true;
}

static bool
expect_word(struct dm_dump_rows *r, const char *want, char got[WORD_MAX + 1])
{
	if (!skip_blank(r) || !read_word(r, got))
		return false;
	return strcmp(got, want) == 0 ||
	       unexpected(r, "not an INSERT of a form that is known");
}

static bool
other_table(struct dm_dump_rows *r, const char *db, const char *table)
{
	g_autofree char *what = g_strdup_printf(
	    "its rows are for table %s%s%s, but its name says that they are "
	    "of %s.%s",
	    db == NULL ? "" : db, db == NULL ? "" : ".", table, r->want_db,
	    r->want_table);

	return rows_fail(r, what);
}

/* [db.]table; behind it and its blanks. */
static bool
read_table(struct dm_dump_rows *r)
{
	g_autofree char *table = NULL, *db = NULL;

	if (!read_name(r, &table) || !skip_blank(r))
		return false;
	if (rows_peek(r) == '.') {
		r->at++;
		db = DM_TAKE(table);
		if (!read_name(r, &table) || !skip_blank(r))
			return false;
	}
	if (r->want_table == NULL)
		return true;
	dm_assert(table != NULL);
	return (strcmp(table, r->want_table) == 0 &&
		   (db == NULL || strcmp(db, r->want_db) == 0)) ||
	       other_table(r, db, table);
}

/* Behind INSERT or REPLACE, up to the first tuple. */
static bool
read_insert(struct dm_dump_rows *r)
{
	char word[WORD_MAX + 1];
	bool listed = false;

	if (!skip_blank(r) || !read_word(r, word))
		return false;
	if (strcmp(word, "IGNORE") == 0 && !expect_word(r, "INTO", word))
		return false;
	if (strcmp(word, "INTO") != 0)
		return unexpected(r, "not an INSERT of a form that is known");
	if (!read_table(r))
		return false;
	if (rows_peek(r) == '(') {
		listed = true;
		if (!read_columns(r))
			return false;
	}
	if (!listed)
		set_columns(r, NULL);
	return expect_word(r, "VALUES", word);
}

/* ---- values ---- */

static bool read_value(
    struct dm_dump_rows *r, enum dm_dump_value *kind, int depth);

static bool
read_number(struct dm_dump_rows *r)
{
	size_t start = r->at - r->mark;
	bool digit = false;

	for (;;) {
		int c = rows_peek(r);
		bool sign = c == '-' || c == '+';
		size_t here = r->at - r->mark;
		char before = here > start ? r->buf[r->at - 1] : 'e';

		if (sign && before != 'e' && before != 'E')
			break;
		if (!sign && c != '.' && c != 'e' && c != 'E' && c != 'x' &&
		    !(c >= 0 && g_ascii_isxdigit((char)c)))
			break;
		digit = digit || (c >= '0' && c <= '9');
		r->at++;
	}
	return digit || unexpected(r, "a value that is not one");
}

/* CONVERT(text USING charset) */
static bool
read_convert(struct dm_dump_rows *r, int depth)
{
	char word[WORD_MAX + 1];
	enum dm_dump_value kind;

	if (depth >= NESTING_MAX)
		return rows_fail(r, "CONVERT within CONVERT");
	return skip_blank(r) && take(r, '(', "CONVERT without a value") &&
	       skip_blank(r) && read_value(r, &kind, depth + 1) &&
	       expect_word(r, "USING", word) && skip_blank(r) &&
	       read_word(r, word) && skip_blank(r) &&
	       take(r, ')', "CONVERT of a form that is not known");
}

/* A value that begins with a letter. */
static bool
read_named(struct dm_dump_rows *r, enum dm_dump_value *kind, int depth)
{
	char word[WORD_MAX + 1];
	int c;

	if (!read_word(r, word))
		return false;
	*kind = DM_DUMP_RAW;
	if (strcmp(word, "NULL") == 0) {
		*kind = DM_DUMP_NULL;
		return true;
	}
	if (strcmp(word, "TRUE") == 0 || strcmp(word, "FALSE") == 0)
		return true;
	if (strcmp(word, "CONVERT") == 0)
		return read_convert(r, depth);
	c = rows_peek(r);
	if ((strcmp(word, "X") == 0 || strcmp(word, "B") == 0) && c == '\'')
		return skip_quoted(r, false);
	if (word[0] != '_' || !skip_blank(r))
		return unexpected(r, "a value of a form that is not known");
	/* A charset's name in front of a text. */
	return read_value(r, kind, NESTING_MAX) &&
	       (*kind == DM_DUMP_NULL
		       ? rows_fail(r, "a charset in front of NULL")
		       : (*kind = DM_DUMP_RAW, true));
}

static bool
read_value(struct dm_dump_rows *r, enum dm_dump_value *kind, int depth)
{
	int c = rows_peek(r);

	if (c == '\'' || c == '"') {
		*kind = DM_DUMP_TEXT;
		return skip_quoted(r, !r->no_escapes);
	}
	if (c == '-' || c == '+' || c == '.' ||
	    (c >= 0 && g_ascii_isdigit((char)c))) {
		*kind = DM_DUMP_RAW;
		return read_number(r);
	}
	if (!rows_is_word(c))
		return unexpected(r, "a value that is not one");
	return read_named(r, kind, depth);
}

/* "(..)": its pieces are counted from mark, where it begins. */
static bool
read_tuple(struct dm_dump_rows *r)
{
	int c;

	g_array_set_size(r->pieces, 0);
	if (!take(r, '(', "a row is missing") || !skip_blank(r))
		return false;
	if (rows_peek(r) == ')') {
		r->at++;
		return true;
	}
	do {
		enum dm_dump_value kind = DM_DUMP_RAW;
		size_t start;

		if (!skip_blank(r))
			return false;
		start = r->at - r->mark;
		if (!read_value(r, &kind, 0))
			return false;
		rows_add_piece(r, kind, start, r->at - r->mark);
		if (!skip_blank(r))
			return false;
		c = rows_peek(r);
		if (c == ',')
			r->at++;
	} while (c == ',');
	return take(r, ')', "a row has something behind a value");
}

/* ---- the file ---- */

/* One thing between INSERTs. */
static bool
read_top(struct dm_dump_rows *r)
{
	char word[WORD_MAX + 1];
	int c = rows_peek(r);

	if (c == ';') {
		r->at++;
		return true;
	}
	if (c == '/') {
		return skip_past(r, "*/") && take_set_here(r);
	}
	if (!read_word(r, word))
		return false;
	if (strcmp(word, "INSERT") == 0 || strcmp(word, "REPLACE") == 0) {
		if (!read_insert(r))
			return false;
		r->state = ROWS_TUPLE;
		return true;
	}
	if (strcmp(word, "SET") == 0)
		return skip_statement(r) && take_set_here(r);
	if (strcmp(word, "COMMIT") == 0 || strcmp(word, "BEGIN") == 0 ||
	    strcmp(word, "START") == 0 || strcmp(word, "LOCK") == 0 ||
	    strcmp(word, "UNLOCK") == 0)
		return skip_statement(r);
	return unexpected(r, "a statement that is not an INSERT");
}

bool
rows_sql_next(struct dm_dump_rows *r, bool *found)
{
	*found = false;
	for (;;) {
		int c;

		r->mark = r->at;
		if (!skip_blank(r))
			return false;
		r->mark = r->at;
		c = rows_peek(r);
		if (r->err != NULL || r->large)
			return false;
		if (c < 0)
			return r->state == ROWS_TOP || rows_fail(r, CUT);
		if (r->state == ROWS_TUPLE) {
			if (!read_tuple(r))
				return false;
			r->state = ROWS_BEHIND;
			*found = true;
			return true;
		}
		if (r->state == ROWS_TOP) {
			if (!read_top(r))
				return false;
		} else if (c == ',' || c == ';') {
			r->at++;
			r->state = c == ',' ? ROWS_TUPLE : ROWS_TOP;
		} else {
			return rows_fail(r, "neither a comma nor a semicolon "
					    "behind a row");
		}
	}
}

/* ---- statements of schema files ---- */

static struct dm_err *
read_nothing(void *arg, void *buf, size_t size, size_t *got)
{
	(void)arg;
	(void)buf;
	(void)size;
	*got = 0;
	return NULL;
}

void
dm_dump_append_escaped(GString *out, const char *sql, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (sql[i] == '\\')
			g_string_append_c(out, '\\');
		g_string_append_c(out, sql[i]);
	}
}

/* One statement; `at` is behind its semicolon or at the end. */
static bool
one_statement(struct dm_dump_rows *r, GString *out)
{
	for (;;) {
		size_t from = r->at;
		int c;

		if (!skip_blank(r))
			return false;
		if (r->at > from && out->len > 0)
			g_string_append_c(out, ' ');
		c = rows_peek(r);
		if (c < 0)
			return true;
		from = r->at;
		if (c == '\'' || c == '"' || c == '`') {
			if (!skip_quoted(r, c != '`'))
				return false;
		} else {
			r->at++;
			if (c == ';')
				return true;
		}
		g_string_append_len(out, r->buf + from, (gssize)(r->at - from));
	}
}

struct dm_err *
dm_dump_statements(
    const char *path, const char *text, size_t len, GPtrArray **out)
{
	g_autoptr(GPtrArray) list = g_ptr_array_new_with_free_func(g_free);
	DM_AUTO(dm_dump_rows)
	r = dm_dump_rows_new(false, path, read_nothing, NULL);
	bool ok = true;

	g_free(r->buf);
	r->buf = g_strndup(text, len);
	r->cap = len + 1;
	r->len = len;
	r->eof = true;
	if (memchr(text, '\0', len) != NULL)
		ok = rows_fail(r, "a NUL byte");
	while (ok && r->at < r->len) {
		g_autoptr(GString) s = g_string_new(NULL);

		ok = one_statement(r, s);
		g_strstrip(s->str);
		if (ok && s->str[0] != '\0')
			g_ptr_array_add(list, g_strdup(s->str));
	}
	if (!ok)
		return dm_err_copy(r->err);
	*out = g_steal_pointer(&list);
	return NULL;
}
