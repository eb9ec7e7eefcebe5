/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The lexer. DESIGN: the content of version comments (of MySQL, MariaDB and
 * TiDB) is read as if it stood outside: their servers print what they need to
 * restore a table into them. All other comments are blanks.
 */
#include "lib/ddl/lexer.h"

#include "lib/ddl/ddl.h"
#include "lib/sql/sql.h"

#include <stdlib.h>
#include <string.h>

/* Words that MySQL 5.7 and later and MariaDB all reserve; in order of lower
 * case. Words that only one of them reserves are known by their place. */
static const char *const reserved_words[] = { "ACCESSIBLE", "ADD", "ALL",
	"ALTER", "ANALYZE", "AND", "AS", "ASC", "ASENSITIVE", "BEFORE",
	"BETWEEN", "BIGINT", "BINARY", "BLOB", "BOTH", "BY", "CALL", "CASCADE",
	"CASE", "CHANGE", "CHAR", "CHARACTER", "CHECK", "COLLATE", "COLUMN",
	"CONDITION", "CONSTRAINT", "CONTINUE", "CONVERT", "CREATE", "CROSS",
	"CURRENT_DATE", "CURRENT_TIME", "CURRENT_TIMESTAMP", "CURRENT_USER",
	"CURSOR", "DATABASE", "DATABASES", "DAY_HOUR", "DAY_MICROSECOND",
	"DAY_MINUTE", "DAY_SECOND", "DEC", "DECIMAL", "DECLARE", "DEFAULT",
	"DELAYED", "DELETE", "DESC", "DESCRIBE", "DETERMINISTIC", "DISTINCT",
	"DISTINCTROW", "DIV", "DOUBLE", "DROP", "DUAL", "EACH", "ELSE",
	"ELSEIF", "ENCLOSED", "ESCAPED", "EXISTS", "EXIT", "EXPLAIN", "FALSE",
	"FETCH", "FLOAT", "FLOAT4", "FLOAT8", "FOR", "FORCE", "FOREIGN", "FROM",
	"FULLTEXT", "GRANT", "GROUP", "HAVING", "HIGH_PRIORITY",
	"HOUR_MICROSECOND", "HOUR_MINUTE", "HOUR_SECOND", "IF", "IGNORE", "IN",
	"INDEX", "INFILE", "INNER", "INOUT", "INSENSITIVE", "INSERT", "INT",
	"INT1", "INT2", "INT3", "INT4", "INT8", "INTEGER", "INTERVAL", "INTO",
	"IS", "ITERATE", "JOIN", "KEY", "KEYS", "KILL", "LEADING", "LEAVE",
	"LEFT", "LIKE", "LIMIT", "LINEAR", "LINES", "LOAD", "LOCALTIME",
	"LOCALTIMESTAMP", "LOCK", "LONG", "LONGBLOB", "LONGTEXT", "LOOP",
	"LOW_PRIORITY", "MATCH", "MAXVALUE", "MEDIUMBLOB", "MEDIUMINT",
	"MEDIUMTEXT", "MIDDLEINT", "MINUTE_MICROSECOND", "MINUTE_SECOND", "MOD",
	"MODIFIES", "NATURAL", "NO_WRITE_TO_BINLOG", "NOT", "NULL", "NUMERIC",
	"ON", "OPTIMIZE", "OPTION", "OPTIONALLY", "OR", "ORDER", "OUT", "OUTER",
	"OUTFILE", "PARTITION", "PRECISION", "PRIMARY", "PROCEDURE", "PURGE",
	"RANGE", "READ", "READ_WRITE", "READS", "REAL", "REFERENCES", "REGEXP",
	"RELEASE", "RENAME", "REPEAT", "REPLACE", "REQUIRE", "RESIGNAL",
	"RESTRICT", "RETURN", "REVOKE", "RIGHT", "RLIKE", "SCHEMA", "SCHEMAS",
	"SECOND_MICROSECOND", "SELECT", "SENSITIVE", "SEPARATOR", "SET", "SHOW",
	"SIGNAL", "SMALLINT", "SPATIAL", "SPECIFIC", "SQL", "SQL_BIG_RESULT",
	"SQL_CALC_FOUND_ROWS", "SQL_SMALL_RESULT", "SQLEXCEPTION", "SQLSTATE",
	"SQLWARNING", "SSL", "STARTING", "STRAIGHT_JOIN", "TABLE", "TERMINATED",
	"THEN", "TINYBLOB", "TINYINT", "TINYTEXT", "TO", "TRAILING", "TRIGGER",
	"TRUE", "UNDO", "UNION", "UNIQUE", "UNLOCK", "UNSIGNED", "UPDATE",
	"USAGE", "USE", "USING", "UTC_DATE", "UTC_TIME", "UTC_TIMESTAMP",
	"VALUES", "VARBINARY", "VARCHAR", "VARCHARACTER", "VARYING", "WHEN",
	"WHERE", "WHILE", "WITH", "WRITE", "XOR", "YEAR_MONTH", "ZEROFILL" };

static int
compare_words(const void *a, const void *b)
{
	return g_ascii_strcasecmp(a, *(const char *const *)b);
}

bool
dm_lexer_is_reserved(const char *word)
{
	return bsearch(word, reserved_words, DM_ARRAY_SIZE(reserved_words),
		   sizeof(reserved_words[0]), compare_words) != NULL;
}

void
dm_lexer_init(struct dm_lexer *l, const char *sql, size_t len,
    uint64_t sql_mode, struct dm_arena *arena)
{
	*l = (struct dm_lexer){
		.sql = sql,
		.len = len,
		.sql_mode = sql_mode,
		.arena = arena,
	};
}

/* The byte at pos + n; NUL behind the end. */
static char
at(const struct dm_lexer *l, size_t n)
{
	return l->len - l->pos > n ? l->sql[l->pos + n] : '\0';
}

static bool
is_blank(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

static bool
is_name_char(char c)
{
	return g_ascii_isalnum(c) || c == '_' || c == '$' ||
	       ((unsigned char)c & 0x80) != 0;
}

static void
skip_line(struct dm_lexer *l)
{
	while (l->pos < l->len && l->sql[l->pos] != '\n')
		l->pos++;
}

/* Behind the opening of a version comment: its number or features. */
static void
skip_version(struct dm_lexer *l)
{
	const char *end;

	while (g_ascii_isdigit(at(l, 0)))
		l->pos++;
	if (at(l, 0) != '[')
		return;
	end = memchr(l->sql + l->pos, ']', l->len - l->pos);
	if (end != NULL)
		l->pos = (size_t)(end - l->sql) + 1;
}

/* False: the comment has no end. */
static bool
skip_comment(struct dm_lexer *l)
{
	const char *end;

	if (at(l, 2) == '!') {
		l->pos += 3;
	} else if ((at(l, 2) == 'M' || at(l, 2) == 'T') && at(l, 3) == '!') {
		l->pos += 4;
	} else {
		l->pos += 2;
		end = memmem(l->sql + l->pos, l->len - l->pos, "*/", 2);
		if (end == NULL)
			return false;
		l->pos = (size_t)(end - l->sql) + 2;
		return true;
	}
	skip_version(l);
	l->version_comments++;
	return true;
}

/* False: a comment has no end. */
static bool
skip_blanks(struct dm_lexer *l)
{
	while (l->pos < l->len) {
		char c = at(l, 0), d = at(l, 1);

		if (is_blank(c)) {
			l->pos++;
		} else if (c == '#') {
			skip_line(l);
		} else if (c == '-' && d == '-' &&
			   (l->len - l->pos == 2 ||
			       (unsigned char)at(l, 2) <= ' ')) {
			skip_line(l);
		} else if (c == '/' && d == '*') {
			if (!skip_comment(l))
				return false;
		} else if (c == '*' && d == '/' && l->version_comments > 0) {
			l->version_comments--;
			l->pos += 2;
		} else {
			return true;
		}
	}
	return l->version_comments == 0;
}

static void
set_text(struct dm_lexer *l, struct dm_token *t, size_t from, size_t to)
{
	t->len = to - from;
	t->text = dm_arena_strndup(l->arena, l->sql + from, t->len);
}

static void
set_error(struct dm_token *t, const char *why)
{
	t->kind = DM_TOK_ERROR;
	t->text = why;
	t->len = strlen(why);
}

/* Reads from the opening quote to behind the closing one. */
static void
lex_quoted(struct dm_lexer *l, struct dm_token *t, bool escapes)
{
	char quote = at(l, 0);
	size_t start = ++l->pos, n = 0;
	const char *end;
	char *buf;

	/* The closing quote cannot be nearer than the first one. */
	end = memchr(l->sql + start, quote, l->len - start);
	if (end == NULL) {
		set_error(t, "a quote is not closed");
		return;
	}
	for (size_t i = start; i < l->len; i++) {
		if (escapes && l->sql[i] == '\\') {
			i++;
		} else if (l->sql[i] == quote) {
			if (i + 1 >= l->len || l->sql[i + 1] != quote) {
				end = l->sql + i;
				break;
			}
			i++;
		}
		if (i + 1 >= l->len) {
			set_error(t, "a quote is not closed");
			return;
		}
	}
	buf = dm_arena_alloc(l->arena, (size_t)(end - l->sql) - start + 1);
	for (size_t i = start; l->sql + i < end; i++) {
		char c = l->sql[i];

		if (c == quote) {
			i++;
		} else if (escapes && c == '\\') {
			c = l->sql[++i];
			if (c == '%' || c == '_')
				buf[n++] = '\\';
			c = dm_sql_unescape(c);
		}
		buf[n++] = c;
	}
	buf[n] = '\0';
	l->pos = (size_t)(end - l->sql) + 1;
	t->text = buf;
	t->len = n;
}

static void
lex_string(struct dm_lexer *l, struct dm_token *t)
{
	t->kind = DM_TOK_STRING;
	lex_quoted(l, t, (l->sql_mode & DM_SQLMODE_NO_BACKSLASH_ESCAPES) == 0);
}

static void
lex_name(struct dm_lexer *l, struct dm_token *t)
{
	t->kind = DM_TOK_QUOTED;
	lex_quoted(l, t, false);
	if (t->kind == DM_TOK_QUOTED && memchr(t->text, '\0', t->len) != NULL)
		set_error(t, "a name holds a NUL");
}

/* x'1f' and b'01'. False: it is something else. */
static bool
lex_bytes(struct dm_lexer *l, struct dm_token *t)
{
	char c = (char)(at(l, 0) | 0x20);
	size_t i = l->pos + 2;

	if ((c != 'x' && c != 'b') || at(l, 1) != '\'')
		return false;
	while (i < l->len && (c == 'x' ? g_ascii_isxdigit(l->sql[i])
				       : l->sql[i] == '0' || l->sql[i] == '1'))
		i++;
	if (i >= l->len || l->sql[i] != '\'') {
		set_error(t, "a hexadecimal or bit literal is not valid");
		return true;
	}
	t->kind = DM_TOK_BYTES;
	t->text = dm_arena_printf(l->arena, "%c'%.*s'", c,
	    (int)MIN(i - l->pos - 2, (size_t)INT_MAX), l->sql + l->pos + 2);
	t->len = strlen(t->text);
	l->pos = i + 1;
	return true;
}

/* The length of a number at pos; 0: none. A name may begin with digits. */
static size_t
number_len(const struct dm_lexer *l)
{
	size_t n = 0, e;

	while (g_ascii_isdigit(at(l, n)))
		n++;
	if (at(l, n) == '.') {
		n++;
		while (g_ascii_isdigit(at(l, n)))
			n++;
	} else if (is_name_char(at(l, n)) && (at(l, n) | 0x20) != 'e') {
		return 0;
	}
	if ((at(l, n) | 0x20) == 'e') {
		e = n + 1;
		if (at(l, e) == '+' || at(l, e) == '-')
			e++;
		if (!g_ascii_isdigit(at(l, e)))
			return memchr(l->sql + l->pos, '.', n) != NULL ? n : 0;
		while (g_ascii_isdigit(at(l, e)))
			e++;
		n = e;
	}
	return n;
}

static size_t
name_len(const struct dm_lexer *l)
{
	size_t n = 0;

	while (is_name_char(at(l, n)))
		n++;
	return n;
}

/* 0x1f and 0b01 are literals only if all of the word is. */
static bool
is_prefixed(const struct dm_lexer *l, size_t n)
{
	if (n < 3 || at(l, 0) != '0' || (at(l, 1) != 'x' && at(l, 1) != 'b'))
		return false;
	for (size_t i = 2; i < n; i++) {
		if (at(l, 1) == 'x' ? !g_ascii_isxdigit(at(l, i))
				    : at(l, i) != '0' && at(l, i) != '1')
			return false;
	}
	return true;
}

static void
lex_word(struct dm_lexer *l, struct dm_token *t)
{
	size_t n;

	if (lex_bytes(l, t))
		return;
	if ((at(l, 0) | 0x20) == 'n' && at(l, 1) == '\'') {
		l->pos++;
		t->national = true;
		lex_string(l, t);
		return;
	}
	n = name_len(l);
	t->kind = is_prefixed(l, n) ? DM_TOK_BYTES : DM_TOK_WORD;
	set_text(l, t, l->pos, l->pos + n);
	l->pos += n;
	t->reserved = t->kind == DM_TOK_WORD && dm_lexer_is_reserved(t->text);
}

static void
lex_variable(struct dm_lexer *l, struct dm_token *t)
{
	size_t start = l->pos;
	struct dm_token quoted = { .kind = DM_TOK_END };

	t->kind = DM_TOK_VARIABLE;
	l->pos += at(l, 1) == '@' ? 2 : 1;
	if (at(l, 0) == '`' || at(l, 0) == '\'' || at(l, 0) == '"') {
		lex_quoted(l, &quoted, at(l, 0) != '`');
		if (quoted.kind == DM_TOK_ERROR) {
			*t = quoted;
			return;
		}
	} else {
		while (is_name_char(at(l, 0)) || at(l, 0) == '.')
			l->pos++;
	}
	set_text(l, t, start, l->pos);
	if (memchr(t->text, '\0', t->len) != NULL)
		set_error(t, "a name holds a NUL");
}

static void
lex_punct(struct dm_lexer *l, struct dm_token *t)
{
	static const char *const longer[] = { "<=>", "->>", "->",
		"<=", ">=", "<>", "!=", "||", "&&", "<<", ">>", ":=" };
	size_t n = 1;

	for (size_t i = 0; i < DM_ARRAY_SIZE(longer); i++) {
		size_t k = strlen(longer[i]);

		if (l->len - l->pos >= k &&
		    memcmp(l->sql + l->pos, longer[i], k) == 0) {
			n = k;
			break;
		}
	}
	t->kind = DM_TOK_PUNCT;
	if ((unsigned char)at(l, 0) < ' ' || at(l, 0) == 0x7f)
		set_error(t, "a control character");
	else
		set_text(l, t, l->pos, l->pos + n);
	l->pos += n;
}

static void
lex_token(struct dm_lexer *l, struct dm_token *t)
{
	char c = at(l, 0);
	size_t n = 0;

	if (g_ascii_isdigit(c) || (c == '.' && g_ascii_isdigit(at(l, 1)) &&
				      (!l->after_name || t->space)))
		n = number_len(l);
	if (n > 0) {
		t->kind = DM_TOK_NUMBER;
		set_text(l, t, l->pos, l->pos + n);
		l->pos += n;
	} else if (is_name_char(c)) {
		lex_word(l, t);
	} else if (c == '`' ||
		   (c == '"' && (l->sql_mode & DM_SQLMODE_ANSI_QUOTES) != 0)) {
		lex_name(l, t);
	} else if (c == '\'' || c == '"') {
		lex_string(l, t);
	} else if (c == '@') {
		lex_variable(l, t);
	} else {
		lex_punct(l, t);
	}
}

struct dm_token
dm_lexer_next(struct dm_lexer *l)
{
	size_t before = l->pos;
	bool closed = skip_blanks(l);
	struct dm_token t = {
		.kind = DM_TOK_END,
		.text = "",
		.offset = l->pos,
		.space = l->pos > before,
	};

	if (!closed) {
		set_error(&t, "a comment is not closed");
		l->pos = l->len;
		l->version_comments = 0;
	} else if (l->pos < l->len) {
		lex_token(l, &t);
	}
	t.end = l->pos;
	l->after_name = t.kind == DM_TOK_WORD || t.kind == DM_TOK_QUOTED;
	return t;
}
