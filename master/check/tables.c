/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which tables of a source take part, where they go, and what of their
 * structure the checks look at: read from information_schema in a few queries,
 * and one SHOW CREATE TABLE each for the foreign keys.
 */
#include "master/check/check_int.h"

#include <string.h>

/* A query whose rows are handed on one by one. */
typedef void row_fn(struct check_src *s, const struct dm_sql_row *row);

static void
table_destroy(gpointer p)
{
	struct check_table *t = p;

	g_free(t->schema);
	g_free(t->table);
	g_free(t->to_schema);
	g_free(t->to_table);
	if (t->cascades != NULL)
		g_ptr_array_unref(t->cascades);
	g_ptr_array_unref(t->columns);
	g_free(t);
}

static int
compare(const char *schema, const char *table, const struct check_table *t)
{
	int c = strcmp(schema, t->schema);

	return c != 0 ? c : strcmp(table, t->table);
}

static gint
by_name(gconstpointer a, gconstpointer b)
{
	const struct check_table *x = *(struct check_table *const *)a;

	return compare(x->schema, x->table, *(struct check_table *const *)b);
}

/* NULL: it does not take part. */
static struct check_table *
table_find(struct check_src *s, const char *schema, const char *table)
{
	guint low = 0, high = s->tables->len;

	while (low < high) {
		guint mid = low + (high - low) / 2;
		int c = compare(schema, table, s->tables->pdata[mid]);

		if (c == 0)
			return s->tables->pdata[mid];
		if (c < 0)
			high = mid;
		else
			low = mid + 1;
	}
	return NULL;
}

static struct check_table *
row_table(struct check_src *s, const struct dm_sql_row *row)
{
	if (row->n < 3 || row->cells[0] == NULL || row->cells[1] == NULL)
		return NULL;
	return table_find(s, row->cells[0], row->cells[1]);
}

static void
on_column(struct check_src *s, const struct dm_sql_row *row)
{
	struct check_table *t = row_table(s, row);

	if (t != NULL && row->cells[2] != NULL)
		g_ptr_array_add(t->columns, g_strdup(row->cells[2]));
}

static void
on_key(struct check_src *s, const struct dm_sql_row *row)
{
	struct check_table *t = row_table(s, row);

	if (t != NULL)
		t->has_key = true;
}

/* Past `name`, quotes doubled; *name: new string. False: no name here. */
static bool
take_quoted(const char **p, char **name)
{
	g_autoptr(GString) s = g_string_new(NULL);
	const char *c = *p;

	if (*c++ != '`')
		return false;
	for (; *c != '\0' && (*c != '`' || c[1] == '`'); c++) {
		if (*c == '`')
			c++;
		g_string_append_c(s, *c);
	}
	if (*c == '\0')
		return false;
	*p = c + 1;
	*name = g_strdup(s->str);
	return true;
}

static bool
has_action(const char *rest)
{
	static const char *const actions[] = { " CASCADE", " SET NULL",
		" SET DEFAULT" };

	/* Behind the columns: "ON DELETE CASCADE ON UPDATE NO ACTION". */
	rest = strrchr(rest, ')');
	for (size_t i = 0; rest != NULL && i < DM_ARRAY_SIZE(actions); i++)
		if (strstr(rest, actions[i]) != NULL)
			return true;
	return false;
}

void
check_foreign_keys_find(struct check_table *t, const char *create)
{
	static const char head[] = "  CONSTRAINT ";
	static const char kind[] = " FOREIGN KEY (";
	g_auto(GStrv) lines = g_strsplit(create, "\n", -1);

	for (char **line = lines; *line != NULL; line++) {
		const char *p = *line + strlen(head);
		g_autofree char *name = NULL;

		if (!g_str_has_prefix(*line, head) || !take_quoted(&p, &name) ||
		    !g_str_has_prefix(p, kind))
			continue;
		t->has_foreign_key = true;
		if (!has_action(p))
			continue;
		if (t->cascades == NULL)
			t->cascades = g_ptr_array_new_with_free_func(g_free);
		g_ptr_array_add(t->cascades, g_steal_pointer(&name));
	}
}

/* information_schema shows foreign keys only to users who may write. */
static struct dm_err *
foreign_keys_read(struct check_src *s)
{
	for (guint i = 0; i < s->tables->len; i++) {
		struct check_table *t = s->tables->pdata[i];
		g_autofree char *name = dm_sql_quote_table(t->schema, t->table);
		DM_AUTO(dm_sql_result) res = NULL;
		struct dm_sql_row row;
		struct dm_err *err;
		bool more = false;

		err =
		    dm_sql_queryf(s->conn, &res, "SHOW CREATE TABLE %s", name);
		if (err == NULL)
			err = dm_sql_next(res, &row, &more);
		if (err != NULL && dm_err_is(err, DB_BAD_CONN))
			return err;
		/* Dropped meanwhile, or not allowed: dump_privilege tells. */
		dm_err_free(err);
		if (more && row.n > 1 && row.cells[1] != NULL)
			check_foreign_keys_find(t, row.cells[1]);
	}
	return NULL;
}

static struct dm_err *
each_row(struct check_src *s, const char *sql, row_fn *fn)
{
	DM_AUTO(dm_sql_result) res = NULL;
	struct dm_sql_row row;
	struct dm_err *err;
	bool more;

	err = dm_sql_query(s->conn, sql, strlen(sql), false, &res);
	while (err == NULL) {
		err = dm_sql_next(res, &row, &more);
		if (err != NULL || !more)
			break;
		fn(s, &row);
	}
	return err;
}

/* Everything that is a table. */
static struct dm_err *
names_read(struct check_src *s, const struct dm_block_allow *list)
{
	static const char sql[] =
	    "SELECT TABLE_SCHEMA, TABLE_NAME, TABLE_TYPE FROM "
	    "information_schema.TABLES WHERE TABLE_TYPE IN ('BASE TABLE', "
	    "'SYSTEM VERSIONED')";
	DM_AUTO(dm_sql_result) res = NULL;
	struct dm_sql_row row;
	struct dm_err *err;
	bool more;

	err = dm_sql_query(s->conn, sql, strlen(sql), true, &res);
	while (err == NULL) {
		struct check_table *t;

		err = dm_sql_next(res, &row, &more);
		if (err != NULL || !more)
			break;
		g_hash_table_insert(s->all_names,
		    dm_sql_quote_table(row.cells[0], row.cells[1]),
		    g_strconcat(row.cells[0], "\n", row.cells[1], NULL));
		if (dm_block_allow_skips(list, row.cells[0], row.cells[1]))
			continue;
		t = g_new0(struct check_table, 1);
		t->schema = g_strdup(row.cells[0]);
		t->table = g_strdup(row.cells[1]);
		t->versioned = row.cells[2] != NULL &&
			       strcmp(row.cells[2], "SYSTEM VERSIONED") == 0;
		t->columns = g_ptr_array_new_with_free_func(g_free);
		g_ptr_array_add(s->tables, t);
	}
	return err;
}

static struct dm_err *
routes_apply(struct check_src *s, bool case_sensitive)
{
	g_autofree struct dm_route_rule *rules = NULL;
	DM_AUTO(dm_router) router = NULL;
	struct dm_err *err;
	size_t n;

	rules = dm_instance_routes(s->task, s->inst, &n);
	err = dm_router_new(rules, n, case_sensitive, &router);
	for (guint i = 0; err == NULL && i < s->tables->len; i++) {
		struct check_table *t = s->tables->pdata[i];

		err = dm_route(
		    router, t->schema, t->table, &t->to_schema, &t->to_table);
	}
	return err;
}

/* " IN ('a', 'b')" of the schemas that take part; NULL: there are none. */
static char *
schemas_in(const struct check_src *s)
{
	GString *in = g_string_new(" IN (");
	const char *last = NULL;

	for (guint i = 0; i < s->tables->len; i++) {
		const struct check_table *t = s->tables->pdata[i];

		if (last != NULL && strcmp(last, t->schema) == 0)
			continue;
		if (last != NULL)
			g_string_append(in, ", ");
		last = t->schema;
		dm_sql_append_string(in, last, strlen(last));
	}
	g_string_append_c(in, ')');
	return g_string_free(in, last == NULL);
}

static struct dm_err *
structure_read(struct check_src *s)
{
	static const struct {
		const char *head;
		row_fn *fn;
	} queries[] = {
		{ "SELECT TABLE_SCHEMA, TABLE_NAME, COLUMN_NAME FROM "
		  "information_schema.COLUMNS WHERE TABLE_SCHEMA",
		    on_column },
		{ "SELECT DISTINCT TABLE_SCHEMA, TABLE_NAME, INDEX_NAME FROM "
		  "information_schema.STATISTICS WHERE NON_UNIQUE = 0 AND "
		  "TABLE_SCHEMA",
		    on_key },
	};
	g_autofree char *in = schemas_in(s);
	struct dm_err *err = NULL;

	for (size_t i = 0;
	     in != NULL && err == NULL && i < DM_ARRAY_SIZE(queries); i++) {
		g_autofree char *sql = g_strconcat(queries[i].head, in, NULL);

		err = each_row(s, sql, queries[i].fn);
	}
	return err;
}

struct dm_err *
check_tables_read(struct check_src *s)
{
	bool case_sensitive = s->task->case_sensitive || s->cfg->case_sensitive;
	DM_AUTO(dm_block_allow) list = NULL;
	struct dm_err *err;

	s->tables = g_ptr_array_new_with_free_func(table_destroy);
	s->all_names =
	    g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
	err = dm_block_allow_new(s->inst->block_allow, case_sensitive, &list);
	if (err == NULL)
		err = names_read(s, list);
	if (err != NULL)
		return err;
	g_ptr_array_sort(s->tables, by_name);
	err = routes_apply(s, case_sensitive);
	if (err == NULL)
		err = structure_read(s);
	if (err == NULL && check_wants(s->task, "table_schema"))
		err = foreign_keys_read(s);
	return err;
}
