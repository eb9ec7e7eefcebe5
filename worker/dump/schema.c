/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Schema files of a dump. Called by the subtask's thread, after the snapshot
 * was taken and before rows are read.
 * SOURCE: reference/data-plane 3.4.
 */
#include "worker/dump/dump_internal.h"
#include "worker/meta_internal.h"

#include <string.h>

/* The time zone is that of our session: texts of TIMESTAMP are in UTC. */
#define HEAD                                                                   \
	"/*!40101 SET NAMES binary*/;\n"                                       \
	"/*!40103 SET TIME_ZONE='+00:00'*/;\n"

const char *
dump_sql_head(const struct dump_run *d, bool rows)
{
	if (!d->no_escapes)
		return HEAD;
	/* Readers that ask the source for its mode need not be told, but those
	 * that do not; and our session's mode is not the source's. */
	return rows ? HEAD "/*!40101 SET SQL_MODE='NO_AUTO_VALUE_ON_ZERO,"
			   "NO_BACKSLASH_ESCAPES'*/;\n"
		    : HEAD "/*!40101 SET SQL_MODE='NO_AUTO_VALUE_ON_ZERO'*/;\n";
}

/* fn(db)[.fn(table)]ending */
static struct dm_err *
write_schema(struct dump_run *d, const char *db, const char *table,
    const char *ending, const char *sql)
{
	g_autofree char *a = dm_dump_name_escape(db);
	g_autofree char *b = table == NULL ? NULL : dm_dump_name_escape(table);
	g_autofree char *name = g_strconcat(
	    a, b == NULL ? "" : ".", b == NULL ? "" : b, ending, NULL);
	g_autofree char *text =
	    g_strconcat(dump_sql_head(d, false), sql, ";\n", NULL);

	return dump_write_file(d, name, text, strlen(text));
}

/* The answer's column 1; NULL: it is gone. */
static struct dm_err *
show_create(struct dump_run *d, const char *kind, const char *name, char **sql)
{
	DM_AUTO(dm_sql_result) res = NULL;
	struct dm_sql_row row;
	bool more = false;
	struct dm_err *err =
	    dm_sql_queryf(d->r.src, &res, "SHOW CREATE %s %s", kind, name);

	if (err == NULL)
		err = dm_sql_next(res, &row, &more);
	if (err == NULL)
		*sql = more && row.n > 1 ? g_strdup(row.cells[1]) : NULL;
	return err;
}

static struct dm_err *
write_database(struct dump_run *d, const struct copy_database *db)
{
	g_autoptr(GString) name = g_string_new(NULL);
	g_autofree char *sql = NULL;
	struct dm_err *err;

	dm_sql_append_ident(name, db->name);
	err = show_create(d, "DATABASE", name->str, &sql);
	if (err != NULL || sql == NULL)
		return err;
	return write_schema(d, db->name, NULL, "-schema-create.sql", sql);
}

/* Names of a view's columns, as a table that stands for it until all tables
 * are there. */
static struct dm_err *
placeholder(struct dump_run *d, const struct copy_object *o, GString *sql)
{
	g_autofree char *name = dm_sql_quote_table(o->db, o->name);
	DM_AUTO(dm_sql_result) res = NULL;
	struct dm_err *err =
	    dm_sql_queryf(d->r.src, &res, "SHOW COLUMNS FROM %s", name);

	g_string_append(sql, "CREATE TABLE ");
	dm_sql_append_ident(sql, o->name);
	g_string_append(sql, "(\n");
	for (unsigned n = 0; err == NULL; n++) {
		struct dm_sql_row row;
		bool more;

		err = dm_sql_next(res, &row, &more);
		if (err != NULL || !more)
			break;
		g_string_append(sql, n == 0 ? "" : ",\n");
		dm_sql_append_ident(sql, meta_cell(&row, 0));
		g_string_append(sql, " int");
	}
	g_string_append(sql, "\n)ENGINE=MyISAM");
	return err;
}

static struct dm_err *
write_view(struct dump_run *d, const struct copy_object *o)
{
	g_autofree char *name = dm_sql_quote_table(o->db, o->name);
	g_autoptr(GString) table = g_string_new(NULL);
	g_autoptr(GString) view = g_string_new("DROP TABLE IF EXISTS ");
	g_autofree char *sql = NULL;
	struct dm_err *err = show_create(d, "VIEW", name, &sql);

	if (err != NULL || sql == NULL)
		return err;
	err = placeholder(d, o, table);
	if (err == NULL)
		err =
		    write_schema(d, o->db, o->name, "-schema.sql", table->str);
	if (err != NULL)
		return err;
	dm_sql_append_ident(view, o->name);
	g_string_append(view, ";\nDROP VIEW IF EXISTS ");
	dm_sql_append_ident(view, o->name);
	g_string_append_printf(view,
	    ";\nSET @PREV_CHARACTER_SET_CLIENT=@@CHARACTER_SET_CLIENT;\n"
	    "SET @PREV_CHARACTER_SET_RESULTS=@@CHARACTER_SET_RESULTS;\n"
	    "SET @PREV_COLLATION_CONNECTION=@@COLLATION_CONNECTION;\n"
	    "SET character_set_client = utf8mb4;\n"
	    "SET character_set_results = utf8mb4;\n"
	    "SET collation_connection = utf8mb4_general_ci;\n"
	    "%s;\n"
	    "SET character_set_client = @PREV_CHARACTER_SET_CLIENT;\n"
	    "SET character_set_results = @PREV_CHARACTER_SET_RESULTS;\n"
	    "SET collation_connection = @PREV_COLLATION_CONNECTION",
	    sql);
	return write_schema(d, o->db, o->name, "-schema-view.sql", view->str);
}

/* As it is now: no snapshot holds it still. */
static struct dm_err *
write_sequence(struct dump_run *d, const struct copy_object *o)
{
	g_autofree char *name = dm_sql_quote_table(o->db, o->name);
	g_autofree char *sql = NULL, *next = NULL;
	g_autoptr(GString) text = NULL;
	struct dm_err *err = show_create(d, "SEQUENCE", name, &sql);

	if (err == NULL && sql != NULL)
		err = copy_sequence_next(&d->r, o, &next);
	if (err != NULL || sql == NULL)
		return err;
	text = g_string_new(sql);
	if (next != NULL) {
		g_string_append(text, ";\nSELECT SETVAL(");
		dm_sql_append_ident(text, o->name);
		g_string_append_printf(text, ", %s)", next);
	}
	return write_schema(
	    d, o->db, o->name, "-schema-sequence.sql", text->str);
}

struct dm_err *
dump_schema_files(struct dump_run *d)
{
	const struct copy_run *r = &d->r;
	g_autoptr(GHashTable) done = g_hash_table_new(g_str_hash, g_str_equal);
	struct dm_err *err = NULL;

	for (guint i = 0; err == NULL && i < r->databases->len; i++) {
		const struct copy_database *db = r->databases->pdata[i];

		/* One that several routes lead to is listed for each. */
		if (g_hash_table_add(done, db->name))
			err = write_database(d, db);
	}
	for (guint i = 0; err == NULL && i < r->tables->len; i++) {
		const struct meta_table *m =
		    ((const struct copy_table *)r->tables->pdata[i])->meta;

		err =
		    write_schema(d, m->db, m->tbl, "-schema.sql", m->structure);
	}
	for (guint i = 0; err == NULL && i < r->objects->len; i++) {
		const struct copy_object *o = r->objects->pdata[i];

		if (o->sequence)
			err = write_sequence(d, o);
		else if (d->views)
			err = write_view(d, o);
	}
	return err;
}
