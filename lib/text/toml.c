/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A reader of the daemons' TOML files.
 *
 * Called at start, by the main thread. DESIGN: recursive descent over the
 * text, which is checked to be UTF-8 without NUL first; the result is a flat
 * list of full key paths, since the programs know every key by its path.
 * SOURCE: https://toml.io/en/v1.0.0; what is left out is named in the header.
 */
#include "lib/text/toml.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct toml_parser {
	const char *file;
	const char *p, *end;
	const char *line_start;
	int line;
	char *table; /* prefix of the current [table], "" at the top; owned */
	struct dm_toml *doc;
	/* Path -> kind + 1; a table made by a dotted key alone: -1. */
	GHashTable *seen;
};

static int
column(const struct toml_parser *t, const char *at)
{
	return (int)g_utf8_strlen(t->line_start, at - t->line_start) + 1;
}

static struct dm_err *fail(const struct toml_parser *t, const char *at,
    const char *fmt, ...) DM_PRINTF(3, 4) DM_MUST_CHECK;

static struct dm_err *
fail(const struct toml_parser *t, const char *at, const char *fmt, ...)
{
	g_autofree char *what = NULL;
	g_autofree char *text = NULL;
	va_list ap;

	va_start(ap, fmt);
	what = g_strdup_vprintf(fmt, ap);
	va_end(ap);
	text = g_strdup_printf(
	    "%s:%d:%d: %s", t->file, t->line, column(t, at), what);
	return dm_err_new(CONFIG_TOML_TRANSFORM, text);
}

const char *
dm_toml_kind_name(enum dm_toml_kind k)
{
	static const char *const names[] = { "a string", "an integer",
		"a float", "a boolean", "an array", "a table" };

	return names[k];
}

void
dm_toml_value_free(struct dm_toml_value *v)
{
	if (v == NULL)
		return;
	g_free(v->s);
	if (v->items != NULL)
		g_ptr_array_unref(v->items);
	g_free(v);
}

static void
value_destroy(gpointer p)
{
	dm_toml_value_free((struct dm_toml_value *)p);
}

static void
entry_destroy(gpointer p)
{
	struct dm_toml_entry *e = p;

	g_free(e->key);
	dm_toml_value_free(e->value);
	g_free(e);
}

void
dm_toml_free(struct dm_toml *doc)
{
	if (doc == NULL)
		return;
	g_ptr_array_unref(doc->entries);
	g_free(doc);
}

static void
skip_blanks(struct toml_parser *t)
{
	while (t->p < t->end && (*t->p == ' ' || *t->p == '\t'))
		t->p++;
}

static void
next_line(struct toml_parser *t)
{
	t->p++; /* the line feed */
	t->line++;
	t->line_start = t->p;
}

static bool
at_line_end(const struct toml_parser *t)
{
	return t->p == t->end || *t->p == '\n' ||
	       (*t->p == '\r' && t->p + 1 < t->end && t->p[1] == '\n');
}

static void
skip_comment(struct toml_parser *t)
{
	skip_blanks(t);
	if (t->p < t->end && *t->p == '#')
		while (!at_line_end(t))
			t->p++;
}

/* Blanks, comments and line ends, as between the items of an array. */
static void
skip_space(struct toml_parser *t)
{
	for (;;) {
		skip_comment(t);
		if (t->p < t->end && *t->p == '\r' && at_line_end(t))
			t->p++;
		if (t->p == t->end || *t->p != '\n')
			return;
		next_line(t);
	}
}

/* \uXXXX and \UXXXXXXXX; p stands behind the letter. */
static struct dm_err *
unicode_parse(struct toml_parser *t, int digits, GString *s)
{
	const char *at = t->p - 2;
	gunichar c = 0;

	for (int i = 0; i < digits; i++, t->p++) {
		if (t->p == t->end || !g_ascii_isxdigit(*t->p))
			return fail(t, at, "bad \\u escape");
		c = c << 4 | (gunichar)g_ascii_xdigit_value(*t->p);
	}
	if (c == 0 || !g_unichar_validate(c))
		return fail(t, at, "\\u escape is not a character");
	g_string_append_unichar(s, c);
	return NULL;
}

/* p stands at the backslash. */
static struct dm_err *
escape_parse(struct toml_parser *t, GString *s)
{
	static const char from[] = "btnfr\"\\";
	static const char to[] = "\b\t\n\f\r\"\\";
	const char *hit;
	char c;

	if (t->end - t->p < 2)
		return fail(t, t->p, "string has no end");
	c = t->p[1];
	t->p += 2;
	if (c == 'u' || c == 'U')
		return unicode_parse(t, c == 'u' ? 4 : 8, s);
	hit = strchr(from, c);
	if (hit == NULL)
		return fail(t, t->p - 2,
		    "unknown escape \\%c; write a "
		    "backslash as \\\\",
		    c);
	g_string_append_c(s, to[hit - from]);
	return NULL;
}

static struct dm_err *
string_parse(struct toml_parser *t, char **out)
{
	g_autoptr(GString) s = g_string_new(NULL);
	const char *at = t->p;
	char quote = *t->p++;

	if (t->end - t->p >= 2 && t->p[0] == quote && t->p[1] == quote)
		return fail(t, at, "multi-line strings are not supported");
	while (t->p < t->end && *t->p != quote) {
		struct dm_err *err;

		if ((unsigned char)*t->p < 0x20 && *t->p != '\t')
			return fail(t, at, "string has no end on its line");
		if (quote == '\'' || *t->p != '\\') {
			g_string_append_c(s, *t->p++);
			continue;
		}
		err = escape_parse(t, s);
		if (err != NULL)
			return err;
	}
	if (t->p == t->end)
		return fail(t, at, "string has no end");
	t->p++;
	*out = g_strdup(s->str);
	return NULL;
}

/* Digits in `digits` of the word, each '_' between two of them dropped. NULL:
 * not so. */
static char *
plain_digits(const char *word, const char *digits)
{
	g_autoptr(GString) s = g_string_new(NULL);

	for (const char *p = word; *p != '\0'; p++) {
		if (*p != '_') {
			if (strchr(digits, *p) == NULL)
				return NULL;
			g_string_append_c(s, *p);
		} else if (p == word || !g_ascii_isxdigit(p[-1]) ||
			   !g_ascii_isxdigit(p[1])) {
			return NULL;
		}
	}
	return s->len == 0 ? NULL : g_strdup(s->str);
}

static bool
int_of(const char *word, int64_t *i)
{
	const char *p = word + (*word == '+' || *word == '-');
	const char *digits = "0123456789";
	g_autofree char *clean = NULL;
	g_autofree char *text = NULL;
	int base = 10;
	char *end;

	if (p == word && p[0] == '0' && p[1] != '\0') {
		base = p[1] == 'x' ? 16 : p[1] == 'o' ? 8 : p[1] == 'b' ? 2 : 0;
		digits = base == 16  ? "0123456789abcdefABCDEF"
			 : base == 8 ? "01234567"
				     : "01";
		p += 2;
	} else if (p[0] == '0' && p[1] != '\0') {
		return false;
	}
	if (base == 0)
		return false;
	clean = plain_digits(p, digits);
	if (clean == NULL)
		return false;
	text = g_strconcat(*word == '-' ? "-" : "", clean, NULL);
	errno = 0;
	*i = g_ascii_strtoll(text, &end, (guint)base);
	return errno == 0 && *end == '\0';
}

static bool
float_of(const char *word, double *d)
{
	g_autofree char *clean = plain_digits(word, "0123456789+-.eE");
	char *end;

	/* A digit on both sides of the point, as TOML asks. */
	if (clean == NULL || strpbrk(clean, ".eE") == NULL ||
	    !g_ascii_isdigit(clean[strlen(clean) - 1]))
		return false;
	for (const char *p = clean; *p != '\0'; p++)
		if (*p == '.' && (p == clean || !g_ascii_isdigit(p[-1]) ||
				     !g_ascii_isdigit(p[1])))
			return false;
	errno = 0;
	*d = g_ascii_strtod(clean, &end);
	return errno == 0 && *end == '\0';
}

/* true, false, numbers. */
static struct dm_err *
word_parse(struct toml_parser *t, struct dm_toml_value *v)
{
	const char *at = t->p;
	g_autofree char *word = NULL;

	while (t->p < t->end && strchr(" \t\r\n,]#=", *t->p) == NULL)
		t->p++;
	word = g_strndup(at, (size_t)(t->p - at));
	if (word[0] == '\0')
		return fail(t, at, "a value is missing");
	if (word[0] == '{')
		return fail(t, at,
		    "inline tables are not supported; write a "
		    "[table]");
	v->b = strcmp(word, "true") == 0;
	if (v->b || strcmp(word, "false") == 0)
		v->kind = DM_TOML_BOOL;
	else if (int_of(word, &v->i))
		v->kind = DM_TOML_INT;
	else if (float_of(word, &v->d))
		v->kind = DM_TOML_FLOAT;
	else
		return fail(t, at,
		    "not a value: %s; strings need quotes, dates "
		    "are not supported",
		    word);
	return NULL;
}

static struct dm_err *value_parse(
    struct toml_parser *t, int depth, struct dm_toml_value **out);

static struct dm_err *
array_parse(struct toml_parser *t, int depth, struct dm_toml_value *v)
{
	const char *at = t->p++;

	v->kind = DM_TOML_ARRAY;
	v->items = g_ptr_array_new_with_free_func(value_destroy);
	if (depth >= DM_TOML_MAX_DEPTH)
		return fail(t, at, "arrays nested too deeply");
	for (;;) {
		struct dm_toml_value *item = NULL;
		struct dm_err *err;

		skip_space(t);
		if (t->p < t->end && *t->p == ']')
			break;
		if (t->p == t->end)
			return fail(
			    t, t->p, "an array has no end: ] is missing");
		err = value_parse(t, depth + 1, &item);
		if (err != NULL)
			return err;
		g_ptr_array_add(v->items, item);
		skip_space(t);
		if (t->p < t->end && *t->p == ',')
			t->p++;
		else if (t->p == t->end || *t->p != ']')
			return fail(t, t->p, "expected , or ] in an array");
	}
	t->p++;
	return NULL;
}

static struct dm_err *
value_parse(struct toml_parser *t, int depth, struct dm_toml_value **out)
{
	DM_AUTO(dm_toml_value) v = g_new0(struct dm_toml_value, 1);
	struct dm_err *err;

	skip_blanks(t);
	if (t->p < t->end && (*t->p == '"' || *t->p == '\'')) {
		v->kind = DM_TOML_STRING;
		err = string_parse(t, &v->s);
	} else if (t->p < t->end && *t->p == '[') {
		err = array_parse(t, depth, v);
	} else {
		err = word_parse(t, v);
	}
	if (err == NULL)
		*out = DM_TAKE(v);
	return err;
}

/* One or more parts joined by dots. *path: new string, without the table. */
static struct dm_err *
key_parse(struct toml_parser *t, char **path)
{
	g_autoptr(GString) s = g_string_new(NULL);

	for (;;) {
		const char *at;
		char quote = '\0';

		skip_blanks(t);
		if (t->p < t->end && (*t->p == '"' || *t->p == '\''))
			quote = *t->p++;
		at = t->p;
		while (t->p < t->end &&
		       (g_ascii_isalnum(*t->p) || *t->p == '_' || *t->p == '-'))
			t->p++;
		if (t->p == at)
			return fail(t, at,
			    "a key is missing (letters, digits, "
			    "- and _)");
		g_string_append_len(s, at, t->p - at);
		if (quote != '\0' && (t->p == t->end || *t->p++ != quote))
			return fail(t, at,
			    "quoted keys may have letters, "
			    "digits, - and _ only");
		skip_blanks(t);
		if (t->p == t->end || *t->p != '.')
			break;
		t->p++;
		g_string_append_c(s, '.');
	}
	*path = g_strdup(s->str);
	return NULL;
}

/* Book the path; its prefixes become tables. */
static struct dm_err *
path_claim(
    struct toml_parser *t, const char *at, const char *path, bool is_table)
{
	int was = GPOINTER_TO_INT(g_hash_table_lookup(t->seen, path));

	dm_assert(path != NULL);
	for (const char *dot = strchr(path, '.'); dot != NULL;
	     dot = strchr(dot + 1, '.')) {
		char *head = g_strndup(path, (size_t)(dot - path));
		int kind = GPOINTER_TO_INT(g_hash_table_lookup(t->seen, head));

		if (kind > 0 && kind != DM_TOML_TABLE + 1) {
			struct dm_err *err =
			    fail(t, at, "%s is a value, not a table", head);
			g_free(head);
			return err;
		}
		if (kind == 0)
			g_hash_table_insert(t->seen, head, GINT_TO_POINTER(-1));
		else
			g_free(head);
	}
	if (was > 0 || (was < 0 && !is_table))
		return fail(t, at, "%s is given twice", path);
	g_hash_table_insert(t->seen, g_strdup(path),
	    GINT_TO_POINTER(is_table ? DM_TOML_TABLE + 1 : 1));
	return NULL;
}

static struct dm_toml_entry *
entry_add(struct toml_parser *t, const char *at, const char *path)
{
	struct dm_toml_entry *e = g_new0(struct dm_toml_entry, 1);

	e->key = g_strdup(path);
	e->line = t->line;
	e->col = column(t, at);
	g_ptr_array_add(t->doc->entries, e);
	return e;
}

static struct dm_err *
header_parse(struct toml_parser *t)
{
	const char *at = t->p++;
	g_autofree char *path = NULL;
	struct dm_toml_entry *e;
	struct dm_err *err;

	if (t->p < t->end && *t->p == '[')
		return fail(t, at, "arrays of tables are not supported");
	err = key_parse(t, &path);
	if (err != NULL)
		return err;
	if (t->p == t->end || *t->p != ']')
		return fail(t, t->p, "expected ] after the table's name");
	t->p++;
	err = path_claim(t, at, path, true);
	if (err != NULL)
		return err;
	e = entry_add(t, at, path);
	e->value = g_new0(struct dm_toml_value, 1);
	e->value->kind = DM_TOML_TABLE;
	g_free(t->table);
	t->table = g_strconcat(path, ".", NULL);
	return NULL;
}

static struct dm_err *
pair_parse(struct toml_parser *t)
{
	const char *at = t->p;
	g_autofree char *key = NULL;
	g_autofree char *path = NULL;
	struct dm_toml_entry *e;
	struct dm_err *err;

	err = key_parse(t, &key);
	if (err != NULL)
		return err;
	path = g_strconcat(t->table, key, NULL);
	if (t->p == t->end || *t->p != '=')
		return fail(t, t->p, "expected = after the key %s", path);
	err = path_claim(t, at, path, false);
	if (err != NULL)
		return err;
	e = entry_add(t, at, path);
	t->p++;
	return value_parse(t, 0, &e->value);
}

static struct dm_err *
lines_parse(struct toml_parser *t)
{
	for (;;) {
		struct dm_err *err;

		skip_space(t);
		if (t->p == t->end)
			return NULL;
		err = *t->p == '[' ? header_parse(t) : pair_parse(t);
		if (err != NULL)
			return err;
		skip_comment(t);
		if (!at_line_end(t))
			return fail(t, t->p, "unexpected text after the value");
	}
}

struct dm_err *
dm_toml_parse(
    const char *file, const char *text, size_t len, struct dm_toml **doc)
{
	struct toml_parser t = { .file = file, .line = 1 };
	const char *bad;
	struct dm_err *err;

	t.p = t.line_start = text;
	t.end = text + len;
	if (len > DM_TOML_MAX_BYTES)
		return fail(&t, t.p, "longer than %d bytes", DM_TOML_MAX_BYTES);
	if (!g_utf8_validate(text, (gssize)len, &bad)) {
		for (const char *p = text; p < bad; p++)
			if (*p == '\n') {
				t.line++;
				t.line_start = p + 1;
			}
		return fail(&t, bad, "not UTF-8");
	}
	if (len >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0)
		t.p = t.line_start = text + 3;
	t.table = g_strdup("");
	t.doc = g_new0(struct dm_toml, 1);
	t.doc->entries = g_ptr_array_new_with_free_func(entry_destroy);
	t.seen = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	err = lines_parse(&t);
	g_hash_table_unref(t.seen);
	g_free(t.table);
	if (err != NULL)
		dm_toml_free(t.doc);
	else
		*doc = t.doc;
	return err;
}

void
dm_toml_append_string(GString *s, const char *text)
{
	g_string_append_c(s, '"');
	for (const char *p = text; *p != '\0'; p++) {
		if (*p == '"' || *p == '\\')
			g_string_append_printf(s, "\\%c", *p);
		else if ((unsigned char)*p < 0x20 || *p == 0x7f)
			g_string_append_printf(
			    s, "\\u%04X", (unsigned)(unsigned char)*p);
		else
			g_string_append_c(s, *p);
	}
	g_string_append_c(s, '"');
}
