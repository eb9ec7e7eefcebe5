/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TableInfo as CREATE TABLE, which our own reader then reads: so that it is
 * completed and checked like any other.
 * FORMAT: TiDB, pkg/meta/model (TableInfo, ColumnInfo, IndexInfo) and
 * pkg/parser/mysql (types and flags of columns).
 */
#include "lib/schema/table_info.h"

#include "lib/schema/tracker.h"

#include <jansson.h>
#include <string.h>

/* Flags of a column. */
#define FLAG_NOT_NULL       (1 << 0)
#define FLAG_PRIMARY        (1 << 1)
#define FLAG_UNSIGNED       (1 << 5)
#define FLAG_ZEROFILL       (1 << 6)
#define FLAG_AUTO_INCREMENT (1 << 9)
#define FLAG_ON_UPDATE_NOW  (1 << 13)
/* Of a column or index: any other is one that a DDL is at work with. */
#define STATE_PUBLIC 5
#define NO_LENGTH    (-1)

enum shape {
	SHAPE_BARE,    /* date */
	SHAPE_INTEGER, /* int(11) */
	SHAPE_FLOAT,   /* double(10,2), or double */
	SHAPE_DECIMAL, /* decimal(10,2) */
	SHAPE_LENGTH,  /* bit(8) */
	SHAPE_TIME,    /* datetime(6) */
	SHAPE_TEXT,    /* text, or blob */
	SHAPE_CHAR,    /* char(10), or binary(10) */
	SHAPE_LIST     /* enum('a','b') */
};

static const struct type {
	int number;
	enum shape shape;
	const char *name, *binary; /* binary: with that charset */
} types[] = {
	{ 1, SHAPE_INTEGER, "tinyint", NULL },
	{ 2, SHAPE_INTEGER, "smallint", NULL },
	{ 3, SHAPE_INTEGER, "int", NULL },
	{ 4, SHAPE_FLOAT, "float", NULL },
	{ 5, SHAPE_FLOAT, "double", NULL },
	{ 7, SHAPE_TIME, "timestamp", NULL },
	{ 8, SHAPE_INTEGER, "bigint", NULL },
	{ 9, SHAPE_INTEGER, "mediumint", NULL },
	{ 10, SHAPE_BARE, "date", NULL },
	{ 11, SHAPE_TIME, "time", NULL },
	{ 12, SHAPE_TIME, "datetime", NULL },
	{ 13, SHAPE_BARE, "year", NULL },
	{ 14, SHAPE_BARE, "date", NULL },
	{ 15, SHAPE_CHAR, "varchar", "varbinary" },
	{ 16, SHAPE_LENGTH, "bit", NULL },
	{ 245, SHAPE_BARE, "json", NULL },
	{ 246, SHAPE_DECIMAL, "decimal", NULL },
	{ 247, SHAPE_LIST, "enum", NULL },
	{ 248, SHAPE_LIST, "set", NULL },
	{ 249, SHAPE_TEXT, "tinytext", "tinyblob" },
	{ 250, SHAPE_TEXT, "mediumtext", "mediumblob" },
	{ 251, SHAPE_TEXT, "longtext", "longblob" },
	{ 252, SHAPE_TEXT, "text", "blob" },
	{ 253, SHAPE_CHAR, "varchar", "varbinary" },
	{ 254, SHAPE_CHAR, "char", "binary" },
};

/* ---- pieces of the JSON ---- */

static const char *
text_of(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text == NULL ? "" : text;
}

static json_int_t
number_of(const json_t *object, const char *key)
{
	return json_integer_value(json_object_get(object, key));
}

static bool
is_true(const json_t *object, const char *key)
{
	return json_is_true(json_object_get(object, key));
}

/* Names are pairs of the original spelling and the lower case. */
static const char *
name_of(const json_t *object, const char *key)
{
	return text_of(json_object_get(object, key), "O");
}

static bool
is_public(const json_t *object)
{
	return number_of(object, "state") == STATE_PUBLIC;
}

/* ---- columns ---- */

static void
print_length(GString *s, json_int_t length)
{
	if (length >= 0)
		g_string_append_printf(s, "(%" JSON_INTEGER_FORMAT ")", length);
}

static void
print_elements(GString *s, const json_t *list)
{
	g_string_append_c(s, '(');
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *e = json_array_get(list, i);

		if (i > 0)
			g_string_append_c(s, ',');
		dm_sqltext_string(s,
		    json_is_string(e) ? json_string_value(e) : "",
		    json_string_length(e));
	}
	g_string_append_c(s, ')');
}

static void
print_charset(GString *s, const json_t *type)
{
	const char *charset = text_of(type, "Charset");
	const char *collate = text_of(type, "Collate");

	if (charset[0] != '\0')
		g_string_append_printf(s, " CHARACTER SET %s", charset);
	if (collate[0] != '\0')
		g_string_append_printf(s, " COLLATE %s", collate);
}

static void
print_numbers(GString *s, const json_t *type, enum shape shape)
{
	json_int_t length = number_of(type, "Flen");
	json_int_t decimals = number_of(type, "Decimal");
	json_int_t flags = number_of(type, "Flag");

	if (shape == SHAPE_INTEGER)
		print_length(s, length);
	else if (length >= 0 && decimals >= 0)
		g_string_append_printf(s,
		    "(%" JSON_INTEGER_FORMAT ",%" JSON_INTEGER_FORMAT ")",
		    length, decimals);
	if (flags & FLAG_UNSIGNED)
		g_string_append(s, " unsigned");
	if (flags & FLAG_ZEROFILL)
		g_string_append(s, " zerofill");
}

static void
print_type(GString *s, const json_t *type, const struct type *t)
{
	bool binary = t->binary != NULL &&
		      strcmp(text_of(type, "Charset"), "binary") == 0;
	json_int_t length = number_of(type, "Flen");

	g_string_append(s, binary ? t->binary : t->name);
	switch (t->shape) {
	case SHAPE_INTEGER:
	case SHAPE_FLOAT:
	case SHAPE_DECIMAL:
		print_numbers(s, type, t->shape);
		break;
	case SHAPE_LENGTH:
		print_length(s, length);
		break;
	case SHAPE_TIME:
		if (number_of(type, "Decimal") > 0)
			print_length(s, number_of(type, "Decimal"));
		break;
	case SHAPE_CHAR:
		print_length(s, length == NO_LENGTH ? 1 : length);
		break;
	case SHAPE_LIST:
		print_elements(s, json_object_get(type, "Elems"));
		break;
	case SHAPE_BARE:
	case SHAPE_TEXT:
	default:
		break;
	}
	if (!binary && (t->binary != NULL || t->shape == SHAPE_LIST))
		print_charset(s, type);
}

static void
print_now(GString *s, const char *keyword, const json_t *type)
{
	g_string_append_printf(s, " %s CURRENT_TIMESTAMP", keyword);
	if (number_of(type, "Decimal") > 0)
		print_length(s, number_of(type, "Decimal"));
}

static void
print_default(GString *s, const json_t *column, const struct type *t)
{
	const json_t *type = json_object_get(column, "type");
	const json_t *value = json_object_get(column, "default");
	const char *text;

	/* That of BIT is kept as bytes. Nothing here depends on it. */
	if (!json_is_string(value) || t->shape == SHAPE_LENGTH)
		return;
	text = json_string_value(value);
	if (is_true(column, "default_is_expr")) {
		g_string_append_printf(s, " DEFAULT (%s)", text);
	} else if (t->shape == SHAPE_TIME &&
		   g_ascii_strncasecmp(text, "CURRENT_TIMESTAMP", 17) == 0) {
		print_now(s, "DEFAULT", type);
	} else {
		g_string_append(s, " DEFAULT ");
		dm_sqltext_string(s, text, json_string_length(value));
	}
}

static const struct type *
find_type(const json_t *type)
{
	json_int_t number = number_of(type, "Tp");

	for (size_t i = 0; i < DM_ARRAY_SIZE(types); i++)
		if (types[i].number == number)
			return &types[i];
	return NULL;
}

static struct dm_err *
print_column(GString *s, const json_t *column)
{
	const json_t *type = json_object_get(column, "type");
	const struct type *t = find_type(type);
	json_int_t flags = number_of(type, "Flag");
	const char *expression = text_of(column, "generated_expr_string");

	if (t == NULL)
		return dm_err_plain("column %s has a type that is not known: "
				    "%" JSON_INTEGER_FORMAT,
		    name_of(column, "name"), number_of(type, "Tp"));
	dm_sqltext_name(s, name_of(column, "name"));
	g_string_append_c(s, ' ');
	print_type(s, type, t);
	if (expression[0] != '\0')
		g_string_append_printf(s, " GENERATED ALWAYS AS (%s) %s",
		    expression,
		    is_true(column, "generated_stored") ? "STORED" : "VIRTUAL");
	g_string_append(s, flags & FLAG_NOT_NULL ? " NOT NULL" : " NULL");
	if (flags & FLAG_AUTO_INCREMENT)
		g_string_append(s, " AUTO_INCREMENT");
	else if (expression[0] == '\0')
		print_default(s, column, t);
	if (flags & FLAG_ON_UPDATE_NOW)
		print_now(s, "ON UPDATE", type);
	return NULL;
}

/* ---- keys ---- */

static const json_t *
find_column(const json_t *columns, const char *name)
{
	for (size_t i = 0; i < json_array_size(columns); i++) {
		const json_t *c = json_array_get(columns, i);

		if (g_ascii_strcasecmp(name_of(c, "name"), name) == 0)
			return c;
	}
	return NULL;
}

/* A hidden column stands for an expression in a key. */
static void
print_part(GString *s, const json_t *part, const json_t *columns)
{
	const char *name = name_of(part, "name");
	const json_t *c = find_column(columns, name);

	if (c != NULL && is_true(c, "hidden")) {
		g_string_append_printf(
		    s, "(%s)", text_of(c, "generated_expr_string"));
		return;
	}
	dm_sqltext_name(s, name);
	if (number_of(part, "length") > 0)
		print_length(s, number_of(part, "length"));
}

static void
print_index(GString *s, const json_t *index, const json_t *columns)
{
	const json_t *parts = json_object_get(index, "idx_cols");

	if (is_true(index, "is_primary")) {
		g_string_append(s, ", PRIMARY KEY (");
	} else {
		g_string_append(s,
		    is_true(index, "is_unique") ? ", UNIQUE KEY " : ", KEY ");
		dm_sqltext_name(s, name_of(index, "idx_name"));
		g_string_append(s, " (");
	}
	for (size_t i = 0; i < json_array_size(parts); i++) {
		if (i > 0)
			g_string_append_c(s, ',');
		print_part(s, json_array_get(parts, i), columns);
	}
	g_string_append_c(s, ')');
}

/* A primary key of one integer may be no index of its own. */
static void
print_handle(GString *s, const json_t *columns)
{
	for (size_t i = 0; i < json_array_size(columns); i++) {
		const json_t *c = json_array_get(columns, i);

		if (number_of(json_object_get(c, "type"), "Flag") &
		    FLAG_PRIMARY) {
			g_string_append(s, ", PRIMARY KEY (");
			dm_sqltext_name(s, name_of(c, "name"));
			g_string_append_c(s, ')');
			return;
		}
	}
}

static void
print_names(GString *s, const json_t *names)
{
	g_string_append_c(s, '(');
	for (size_t i = 0; i < json_array_size(names); i++) {
		if (i > 0)
			g_string_append_c(s, ',');
		dm_sqltext_name(s, text_of(json_array_get(names, i), "O"));
	}
	g_string_append_c(s, ')');
}

static void
print_foreign_key(GString *s, const json_t *key)
{
	static const char *const actions[] = { NULL, "RESTRICT", "CASCADE",
		"SET NULL", "NO ACTION", "SET DEFAULT" };
	const struct {
		const char *key, *keyword;
	} on[] = { { "on_delete", "DELETE" }, { "on_update", "UPDATE" } };

	g_string_append(s, ", CONSTRAINT ");
	dm_sqltext_name(s, name_of(key, "fk_name"));
	g_string_append(s, " FOREIGN KEY ");
	print_names(s, json_object_get(key, "cols"));
	g_string_append(s, " REFERENCES ");
	if (name_of(key, "ref_schema")[0] != '\0') {
		dm_sqltext_name(s, name_of(key, "ref_schema"));
		g_string_append_c(s, '.');
	}
	dm_sqltext_name(s, name_of(key, "ref_table"));
	g_string_append_c(s, ' ');
	print_names(s, json_object_get(key, "ref_cols"));
	for (size_t i = 0; i < DM_ARRAY_SIZE(on); i++) {
		json_int_t n = number_of(key, on[i].key);

		if (n > 0 && (size_t)n < DM_ARRAY_SIZE(actions))
			g_string_append_printf(
			    s, " ON %s %s", on[i].keyword, actions[n]);
	}
}

static void
print_keys(GString *s, const json_t *info)
{
	const json_t *columns = json_object_get(info, "cols");
	const json_t *indexes = json_object_get(info, "index_info");
	const json_t *foreign = json_object_get(info, "fk_info");
	const json_t *checks = json_object_get(info, "constraint_info");

	if (is_true(info, "pk_is_handle"))
		print_handle(s, columns);
	for (size_t i = 0; i < json_array_size(indexes); i++) {
		const json_t *x = json_array_get(indexes, i);

		if (is_public(x))
			print_index(s, x, columns);
	}
	for (size_t i = 0; i < json_array_size(foreign); i++)
		print_foreign_key(s, json_array_get(foreign, i));
	for (size_t i = 0; i < json_array_size(checks); i++) {
		const json_t *x = json_array_get(checks, i);

		g_string_append(s, ", CONSTRAINT ");
		dm_sqltext_name(s, name_of(x, "constraint_name"));
		g_string_append_printf(
		    s, " CHECK (%s)", text_of(x, "expr_string"));
	}
}

/* ---- the table ---- */

static struct dm_err *
print_table(GString *s, const json_t *info, const char *name)
{
	const json_t *columns = json_object_get(info, "cols");
	bool any = false;

	g_string_append(s, "CREATE TABLE ");
	dm_sqltext_name(s, name);
	g_string_append(s, " (");
	for (size_t i = 0; i < json_array_size(columns); i++) {
		const json_t *c = json_array_get(columns, i);
		struct dm_err *err;

		if (is_true(c, "hidden") || !is_public(c))
			continue;
		g_string_append(s, any ? ", " : "");
		err = print_column(s, c);
		if (err != NULL)
			return err;
		any = true;
	}
	if (!any)
		return dm_err_plain("it has no columns");
	print_keys(s, info);
	g_string_append_c(s, ')');
	if (text_of(info, "charset")[0] != '\0')
		g_string_append_printf(
		    s, " DEFAULT CHARSET=%s", text_of(info, "charset"));
	if (text_of(info, "collate")[0] != '\0')
		g_string_append_printf(
		    s, " COLLATE=%s", text_of(info, "collate"));
	return NULL;
}

struct dm_err *
dm_table_info_parse(
    const char *json, const char *schema, const char *name, struct dm_table **t)
{
	json_error_t where;
	json_t *info =
	    json_loads(json, JSON_DECODE_ANY | JSON_ALLOW_NUL, &where);
	g_autoptr(GString) sql = g_string_new(NULL);
	struct dm_err *err = NULL;

	*t = NULL;
	if (info == NULL)
		return dm_err_plain("it is no JSON: %s", where.text);
	if (json_is_null(info) ||
	    json_is_object(json_object_get(info, "view")) ||
	    json_is_object(json_object_get(info, "sequence"))) {
		json_decref(info);
		return NULL;
	}
	err = print_table(sql, info, name);
	json_decref(info);
	return err != NULL
		   ? err
		   : dm_schema_parse_create(sql->str, 0, schema, NULL, t);
}
