/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rows as text of a dump: see shape.h.
 *
 * SOURCE: reference/data-plane 3.5. Differs: FLOAT is read as DOUBLE, since its
 * own text has six digits only; UUID and INET of MariaDB name their charset.
 */
#include "worker/dump/shape.h"

#include "lib/schema/tracker.h"

#include <string.h>

static enum dump_form
form_of(enum dm_type type)
{
	switch (type) {
	case DM_T_TINYINT:
	case DM_T_SMALLINT:
	case DM_T_MEDIUMINT:
	case DM_T_INT:
	case DM_T_BIGINT:
	case DM_T_DECIMAL:
	case DM_T_FLOAT:
	case DM_T_DOUBLE:
		return DUMP_NUMBER;
	case DM_T_BIT:
	case DM_T_BINARY:
	case DM_T_VARBINARY:
	case DM_T_TINYBLOB:
	case DM_T_BLOB:
	case DM_T_MEDIUMBLOB:
	case DM_T_LONGBLOB:
	case DM_T_GEOMETRY:
	case DM_T_VECTOR:
		return DUMP_HEX;
	case DM_T_UUID:
	case DM_T_INET4:
	case DM_T_INET6:
		return DUMP_UTF8;
	case DM_T_UNKNOWN:
	case DM_T_YEAR:
	case DM_T_DATE:
	case DM_T_TIME:
	case DM_T_DATETIME:
	case DM_T_TIMESTAMP:
	case DM_T_CHAR:
	case DM_T_VARCHAR:
	case DM_T_TINYTEXT:
	case DM_T_TEXT:
	case DM_T_MEDIUMTEXT:
	case DM_T_LONGTEXT:
	case DM_T_ENUM:
	case DM_T_SET:
	case DM_T_JSON:
		return DUMP_TEXT;
	}
	return DUMP_TEXT;
}

static void
append_read(GString *sql, const struct dm_column *c, const char *name)
{
	if (copy_prints_short(c))
		g_string_append_printf(sql, "CAST(%s AS DOUBLE)", name);
	else
		g_string_append(sql, name);
}

/* Where a backslash is itself. */
static void
append_doubled(GString *out, char quote, const char *text, size_t len)
{
	g_string_append_c(out, quote);
	for (size_t i = 0; i < len; i++) {
		if (text[i] == quote)
			g_string_append_c(out, quote);
		g_string_append_c(out, text[i]);
	}
	g_string_append_c(out, quote);
}

static void
append_text(GString *out, bool no_escapes, const char *text, size_t len)
{
	if (no_escapes)
		append_doubled(out, '\'', text, len);
	else
		dm_sql_append_string(out, text, len);
}

static void
append_csv_text(GString *out, bool no_escapes, const char *text, size_t len)
{
	if (no_escapes) {
		append_doubled(out, '"', text, len);
		return;
	}
	g_string_append_c(out, '"');
	for (size_t i = 0; i < len; i++) {
		switch (text[i]) {
		case '\0':
			g_string_append(out, "\\0");
			break;
		case '\n':
			g_string_append(out, "\\n");
			break;
		case '\r':
			g_string_append(out, "\\r");
			break;
		case '\\':
		case '"':
			g_string_append_c(out, '\\');
			g_string_append_c(out, text[i]);
			break;
		default:
			g_string_append_c(out, text[i]);
			break;
		}
	}
	g_string_append_c(out, '"');
}

static void
add_columns(struct dump_shape *s, const struct dm_table *t)
{
	g_autoptr(GString) reads = g_string_new(NULL);
	g_autoptr(GString) names = g_string_new(NULL);
	g_autoptr(GString) csv = g_string_new(NULL);
	g_autoptr(GString) insert = g_string_new("INSERT INTO ");

	s->forms = g_new0(enum dump_form, t->columns->len + 1);
	for (guint i = 0; i < t->columns->len; i++) {
		const struct dm_column *c = t->columns->pdata[i];
		g_autoptr(GString) name = g_string_new(NULL);

		if (c->generated)
			continue;
		dm_sql_append_ident(name, c->name);
		g_string_append(reads, s->n == 0 ? "" : ",");
		append_read(reads, c, name->str);
		g_string_append_printf(
		    names, "%s%s", s->n == 0 ? "" : ",", name->str);
		g_string_append(csv, s->n == 0 ? "" : ",");
		append_csv_text(csv, s->no_escapes, c->name, strlen(c->name));
		s->forms[s->n++] = form_of(c->type);
	}
	g_string_append(csv, "\r\n");
	dm_sql_append_ident(insert, t->name);
	g_string_append_printf(insert, " (%s) VALUES\n", names->str);
	s->select = g_strdup_printf(
	    "SELECT %s FROM %s", s->n == 0 ? "''" : reads->str, s->cut->from);
	s->insert = g_strdup(insert->str);
	s->csv = g_strdup(csv->str);
}

struct dm_err *
dump_shape_new(const char *structure, const char *db, bool no_escapes,
    struct dump_shape **out)
{
	DM_AUTO(dump_shape) s = g_new0(struct dump_shape, 1);
	DM_AUTO(dm_table) t = NULL;
	struct dm_err *err = dm_schema_parse_create(structure, 0, db, NULL, &t);

	if (err == NULL)
		err =
		    copy_shape_new(t, NULL, t->schema, t->name, NULL, &s->cut);
	if (err != NULL)
		return err;
	s->no_escapes = no_escapes;
	add_columns(s, t);
	*out = DM_TAKE(s);
	return NULL;
}

void
dump_shape_free(struct dump_shape *s)
{
	if (s == NULL)
		return;
	copy_shape_free(s->cut);
	g_free(s->forms);
	g_free(s->select);
	g_free(s->insert);
	g_free(s->csv);
	g_free(s);
}

void
dump_append_tuple(
    GString *out, const struct dump_shape *s, const struct dm_sql_row *row)
{
	g_string_append_c(out, '(');
	for (unsigned i = 0; i < s->n && i < row->n; i++) {
		const char *cell = row->cells[i];

		if (i > 0)
			g_string_append_c(out, ',');
		if (cell == NULL) {
			g_string_append(out, "NULL");
			continue;
		}
		switch (s->forms[i]) {
		case DUMP_NUMBER:
			g_string_append_len(out, cell, (gssize)row->lengths[i]);
			break;
		case DUMP_HEX:
			dm_sql_append_hex(out, cell, row->lengths[i]);
			break;
		case DUMP_UTF8:
			g_string_append(out, "_utf8mb4");
			append_text(out, s->no_escapes, cell, row->lengths[i]);
			break;
		case DUMP_TEXT:
			append_text(out, s->no_escapes, cell, row->lengths[i]);
			break;
		}
	}
	g_string_append_c(out, ')');
}

void
dump_append_csv(
    GString *out, const struct dump_shape *s, const struct dm_sql_row *row)
{
	for (unsigned i = 0; i < s->n && i < row->n; i++) {
		const char *cell = row->cells[i];

		if (i > 0)
			g_string_append_c(out, ',');
		if (cell == NULL)
			g_string_append(out, "\\N");
		else if (s->forms[i] == DUMP_NUMBER)
			g_string_append_len(out, cell, (gssize)row->lengths[i]);
		else
			append_csv_text(
			    out, s->no_escapes, cell, row->lengths[i]);
	}
	g_string_append(out, "\r\n");
}
