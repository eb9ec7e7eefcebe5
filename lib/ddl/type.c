/* SPDX-License-Identifier: Apache-2.0 */
/* Data types of columns: every spelling of MySQL and MariaDB. */
#include "lib/ddl/parser.h"

#include <string.h>

/* What may follow the name of a type. */
#define T_LENGTH   1u /* (n) */
#define T_DECIMALS 2u /* (m[,d]) */
#define T_SIGN     4u /* UNSIGNED, SIGNED, ZEROFILL */
#define T_CHARSET  8u
#define T_ELEMENTS 16u /* ('a','b') */
#define T_NATIONAL 32u /* its charset is utf8 */

struct type_words {
	const char *words;
	enum dm_type type;
	const char *text; /* canonical */
	unsigned takes;
};

#define INTEGER (T_LENGTH | T_SIGN)
#define REALS   (T_DECIMALS | T_SIGN)
#define TEXTS   (T_LENGTH | T_CHARSET)

/* A phrase stands before its own beginnings. */
static const struct type_words type_table[] = {
	{ "TINYINT", DM_T_TINYINT, "tinyint", INTEGER },
	{ "INT1", DM_T_TINYINT, "tinyint", INTEGER },
	{ "BOOL", DM_T_TINYINT, "tinyint(1)", 0 },
	{ "BOOLEAN", DM_T_TINYINT, "tinyint(1)", 0 },
	{ "SMALLINT", DM_T_SMALLINT, "smallint", INTEGER },
	{ "INT2", DM_T_SMALLINT, "smallint", INTEGER },
	{ "MEDIUMINT", DM_T_MEDIUMINT, "mediumint", INTEGER },
	{ "MIDDLEINT", DM_T_MEDIUMINT, "mediumint", INTEGER },
	{ "INT3", DM_T_MEDIUMINT, "mediumint", INTEGER },
	{ "INT", DM_T_INT, "int", INTEGER },
	{ "INTEGER", DM_T_INT, "int", INTEGER },
	{ "INT4", DM_T_INT, "int", INTEGER },
	{ "BIGINT", DM_T_BIGINT, "bigint", INTEGER },
	{ "INT8", DM_T_BIGINT, "bigint", INTEGER },
	{ "DECIMAL", DM_T_DECIMAL, "decimal", REALS },
	{ "DEC", DM_T_DECIMAL, "decimal", REALS },
	{ "NUMERIC", DM_T_DECIMAL, "decimal", REALS },
	{ "FIXED", DM_T_DECIMAL, "decimal", REALS },
	{ "FLOAT", DM_T_FLOAT, "float", REALS },
	{ "FLOAT4", DM_T_FLOAT, "float", REALS },
	{ "DOUBLE PRECISION", DM_T_DOUBLE, "double", REALS },
	{ "DOUBLE", DM_T_DOUBLE, "double", REALS },
	{ "FLOAT8", DM_T_DOUBLE, "double", REALS },
	{ "REAL", DM_T_DOUBLE, "double", REALS },
	{ "BIT", DM_T_BIT, "bit", T_LENGTH },
	{ "YEAR", DM_T_YEAR, "year", T_LENGTH | T_SIGN },
	{ "DATE", DM_T_DATE, "date", 0 },
	{ "TIME", DM_T_TIME, "time", T_LENGTH },
	{ "DATETIME", DM_T_DATETIME, "datetime", T_LENGTH },
	{ "TIMESTAMP", DM_T_TIMESTAMP, "timestamp", T_LENGTH },
	{ "CHAR VARYING", DM_T_VARCHAR, "varchar", TEXTS },
	{ "CHARACTER VARYING", DM_T_VARCHAR, "varchar", TEXTS },
	{ "VARCHAR", DM_T_VARCHAR, "varchar", TEXTS },
	{ "VARCHARACTER", DM_T_VARCHAR, "varchar", TEXTS },
	{ "NATIONAL VARCHAR", DM_T_VARCHAR, "varchar", TEXTS | T_NATIONAL },
	{ "NATIONAL VARCHARACTER", DM_T_VARCHAR, "varchar",
	    TEXTS | T_NATIONAL },
	{ "NATIONAL CHAR VARYING", DM_T_VARCHAR, "varchar",
	    TEXTS | T_NATIONAL },
	{ "NATIONAL CHARACTER VARYING", DM_T_VARCHAR, "varchar",
	    TEXTS | T_NATIONAL },
	{ "NVARCHAR", DM_T_VARCHAR, "varchar", TEXTS | T_NATIONAL },
	{ "NCHAR VARCHAR", DM_T_VARCHAR, "varchar", TEXTS | T_NATIONAL },
	{ "NCHAR VARCHARACTER", DM_T_VARCHAR, "varchar", TEXTS | T_NATIONAL },
	{ "NCHAR VARYING", DM_T_VARCHAR, "varchar", TEXTS | T_NATIONAL },
	{ "NATIONAL CHAR", DM_T_CHAR, "char", TEXTS | T_NATIONAL },
	{ "NATIONAL CHARACTER", DM_T_CHAR, "char", TEXTS | T_NATIONAL },
	{ "NCHAR", DM_T_CHAR, "char", TEXTS | T_NATIONAL },
	{ "CHAR", DM_T_CHAR, "char", TEXTS },
	{ "CHARACTER", DM_T_CHAR, "char", TEXTS },
	{ "BINARY", DM_T_BINARY, "binary", T_LENGTH },
	{ "VARBINARY", DM_T_VARBINARY, "varbinary", T_LENGTH },
	{ "TINYTEXT", DM_T_TINYTEXT, "tinytext", TEXTS },
	{ "TEXT", DM_T_TEXT, "text", TEXTS },
	{ "MEDIUMTEXT", DM_T_MEDIUMTEXT, "mediumtext", TEXTS },
	{ "LONGTEXT", DM_T_LONGTEXT, "longtext", TEXTS },
	{ "LONG VARBINARY", DM_T_MEDIUMBLOB, "mediumblob", 0 },
	{ "LONG CHAR VARYING", DM_T_MEDIUMTEXT, "mediumtext", T_CHARSET },
	{ "LONG CHARACTER VARYING", DM_T_MEDIUMTEXT, "mediumtext", T_CHARSET },
	{ "LONG VARCHAR", DM_T_MEDIUMTEXT, "mediumtext", T_CHARSET },
	{ "LONG VARCHARACTER", DM_T_MEDIUMTEXT, "mediumtext", T_CHARSET },
	{ "LONG", DM_T_MEDIUMTEXT, "mediumtext", T_CHARSET },
	{ "TINYBLOB", DM_T_TINYBLOB, "tinyblob", T_LENGTH },
	{ "BLOB", DM_T_BLOB, "blob", T_LENGTH },
	{ "MEDIUMBLOB", DM_T_MEDIUMBLOB, "mediumblob", T_LENGTH },
	{ "LONGBLOB", DM_T_LONGBLOB, "longblob", T_LENGTH },
	{ "ENUM", DM_T_ENUM, "enum", T_ELEMENTS | T_CHARSET },
	{ "SET", DM_T_SET, "set", T_ELEMENTS | T_CHARSET },
	{ "JSON", DM_T_JSON, "json", T_CHARSET },
	{ "GEOMETRY", DM_T_GEOMETRY, "geometry", 0 },
	{ "POINT", DM_T_GEOMETRY, "point", 0 },
	{ "LINESTRING", DM_T_GEOMETRY, "linestring", 0 },
	{ "POLYGON", DM_T_GEOMETRY, "polygon", 0 },
	{ "MULTIPOINT", DM_T_GEOMETRY, "multipoint", 0 },
	{ "MULTILINESTRING", DM_T_GEOMETRY, "multilinestring", 0 },
	{ "MULTIPOLYGON", DM_T_GEOMETRY, "multipolygon", 0 },
	{ "GEOMETRYCOLLECTION", DM_T_GEOMETRY, "geometrycollection", 0 },
	{ "GEOMCOLLECTION", DM_T_GEOMETRY, "geometrycollection", 0 },
	{ "UUID", DM_T_UUID, "uuid", 0 },
	{ "INET4", DM_T_INET4, "inet4", 0 },
	{ "INET6", DM_T_INET6, "inet6", 0 },
	{ "VECTOR", DM_T_VECTOR, "vector", T_LENGTH },
};

static const struct type_words *
accept_type(struct dm_parser *p)
{
	for (size_t i = 0; i < DM_ARRAY_SIZE(type_table); i++) {
		if (dm_parser_accept(p, type_table[i].words))
			return &type_table[i];
	}
	dm_parser_fail(p, "a data type");
	return NULL;
}

static void
parse_sizes(
    struct dm_parser *p, struct dm_column *c, unsigned takes, GString *text)
{
	const struct dm_token *t;

	if ((takes & (T_LENGTH | T_DECIMALS)) == 0 || !dm_parser_is(p, "("))
		return;
	if ((takes & T_LENGTH) != 0) {
		c->length = dm_parser_length(p);
		g_string_append_printf(text, "(%d)", c->length);
		return;
	}
	(void)dm_parser_take(p);
	for (int n = 0; n < 2; n++) {
		t = dm_parser_peek(p, 0);
		if (t->kind != DM_TOK_NUMBER || t->len > 6 ||
		    strchr(t->text, '.') != NULL) {
			dm_parser_fail(p, "a length");
			return;
		}
		*(n == 0 ? &c->length : &c->decimals) =
		    (int)g_ascii_strtoull(dm_parser_take(p).text, NULL, 10);
		if (n == 1 || !dm_parser_accept(p, ","))
			break;
	}
	dm_parser_expect(p, ")");
	g_string_append_printf(text, "(%d", c->length);
	if (c->decimals >= 0)
		g_string_append_printf(text, ",%d", c->decimals);
	g_string_append_c(text, ')');
}

/* The servers cut blanks at the end of elements, too. */
static char *
element_text(const struct dm_token *t)
{
	return g_strchomp(g_strndup(t->text, t->len));
}

static void
parse_elements(struct dm_parser *p, struct dm_column *c, GString *text)
{
	GPtrArray *elements = g_ptr_array_new_with_free_func(g_free);

	dm_parser_expect(p, "(");
	g_string_append_c(text, '(');
	do {
		const struct dm_token *t = dm_parser_peek(p, 0);
		char *element;

		if (t->kind == DM_TOK_BYTES) {
			dm_parser_fail(p, "elements written as strings");
			break;
		}
		if (t->kind == DM_TOK_WORD && t->text[0] == '_') {
			(void)dm_parser_take(p);
			t = dm_parser_peek(p, 0);
		}
		if (t->kind != DM_TOK_STRING ||
		    memchr(t->text, '\0', t->len) != NULL) {
			dm_parser_fail(p, "an element");
			break;
		}
		element = element_text(t);
		(void)dm_parser_take(p);
		if (elements->len > 0)
			g_string_append_c(text, ',');
		dm_sqltext_string(text, element, strlen(element));
		g_ptr_array_add(elements, element);
	} while (dm_parser_accept(p, ","));
	dm_parser_expect(p, ")");
	g_string_append_c(text, ')');
	g_ptr_array_set_free_func(elements, NULL);
	g_ptr_array_add(elements, NULL);
	c->elements = (char **)g_ptr_array_free(elements, FALSE);
}

static void
parse_sign(struct dm_parser *p, struct dm_column *c, GString *text)
{
	for (;;) {
		if (dm_parser_accept(p, "UNSIGNED"))
			c->is_unsigned = true;
		else if (dm_parser_accept(p, "ZEROFILL"))
			c->zerofill = true;
		else if (!dm_parser_accept(p, "SIGNED"))
			break;
	}
	if (c->zerofill)
		c->is_unsigned = true;
	if (c->type == DM_T_YEAR) {
		c->is_unsigned = false;
		c->zerofill = false;
	}
	if (c->is_unsigned)
		g_string_append(text, " unsigned");
	if (c->zerofill)
		g_string_append(text, " zerofill");
}

static void
set_collation(struct dm_column *c, char *collation)
{
	g_free(c->collation);
	c->collation = collation;
}

bool
dm_parse_column_charset(struct dm_parser *p, struct dm_column *c)
{
	if (dm_parser_accept_charset(p)) {
		g_free(c->charset);
		c->charset = dm_parser_charset(p);
	} else if (dm_parser_accept(p, "COLLATE")) {
		set_collation(c, dm_parser_charset(p));
	} else if (dm_parser_accept(p, "ASCII")) {
		g_free(c->charset);
		c->charset = g_strdup("latin1");
	} else if (dm_parser_accept(p, "UNICODE")) {
		g_free(c->charset);
		c->charset = g_strdup("ucs2");
	} else if (dm_parser_accept(p, "BYTE")) {
		g_free(c->charset);
		c->charset = g_strdup("binary");
	} else if (dm_parser_accept(p, "BINARY")) {
		set_collation(c, g_strdup("_bin"));
	} else {
		return false;
	}
	return true;
}

/* FLOAT(p) only chooses between the two types. */
static void
choose_float(struct dm_column *c, GString *text)
{
	if (c->type != DM_T_FLOAT || c->length < 0 || c->decimals >= 0)
		return;
	c->type = c->length > 24 ? DM_T_DOUBLE : DM_T_FLOAT;
	g_string_assign(text, c->type == DM_T_DOUBLE ? "double" : "float");
	c->length = -1;
}

/* Lengths that say nothing: YEAR(4) is YEAR. */
static void
drop_length(struct dm_column *c, GString *text)
{
	if (c->type == DM_T_YEAR || c->length == INT32_MAX ||
	    ((c->type == DM_T_TIME || c->type == DM_T_DATETIME ||
		 c->type == DM_T_TIMESTAMP) &&
		c->length == 0)) {
		c->length = -1;
		g_string_truncate(text, strcspn(text->str, "("));
	}
}

bool
dm_parse_type(struct dm_parser *p, struct dm_column *c)
{
	const struct type_words *w;
	GString *text;

	if (dm_parser_accept(p, "SERIAL")) {
		c->type = DM_T_BIGINT;
		c->is_unsigned = true;
		c->type_text = g_strdup("bigint unsigned");
		return true;
	}
	w = accept_type(p);
	if (w == NULL)
		return false;
	text = g_string_new(w->text);
	c->type = w->type;
	if (w->type == DM_T_TINYINT && w->takes == 0)
		c->length = 1;
	parse_sizes(p, c, w->takes, text);
	choose_float(c, text);
	drop_length(c, text);
	if ((w->takes & T_ELEMENTS) != 0)
		parse_elements(p, c, text);
	if ((w->takes & T_SIGN) != 0)
		parse_sign(p, c, text);
	if ((w->takes & T_NATIONAL) != 0)
		c->charset = g_strdup("utf8");
	if ((w->takes & T_CHARSET) != 0) {
		while (dm_parse_column_charset(p, c))
			continue;
	}
	if (c->charset != NULL && g_strcmp0(c->collation, "_bin") == 0)
		set_collation(c, g_strdup_printf("%s_bin", c->charset));
	c->type_text = g_string_free(text, FALSE);
	return false;
}
