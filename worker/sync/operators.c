/* SPDX-License-Identifier: Apache-2.0 */
/* Operators in the target: see operators.h. */
#include "worker/sync/operators.h"

#include "worker/meta_internal.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

struct binlog_op *
binlog_op_new(
    const struct dm_pos *pos, Pb__ErrorOp op, char *const *sqls, size_t n)
{
	struct binlog_op *o = g_new0(struct binlog_op, 1);

	o->pos = *pos;
	o->op = op;
	o->sqls = g_ptr_array_new_with_free_func(g_free);
	for (size_t i = 0; i < n; i++)
		g_ptr_array_add(o->sqls, g_strdup(sqls[i]));
	return o;
}

void
binlog_op_free(struct binlog_op *o)
{
	if (o == NULL)
		return;
	g_ptr_array_unref(o->sqls);
	g_free(o);
}

static void
free_op(gpointer p)
{
	binlog_op_free(p);
}

const char *
binlog_op_name(Pb__ErrorOp op)
{
	switch (op) {
	case PB__ERROR_OP__Skip:
		return "skip";
	case PB__ERROR_OP__Replace:
		return "replace";
	case PB__ERROR_OP__Inject:
		return "inject";
	default:
		return "?";
	}
}

/* ---- rows ---- */

static json_t *
sqls_json(const struct binlog_op *o)
{
	json_t *a = json_array();

	for (guint i = 0; i < o->sqls->len; i++)
		json_array_append_new(a, json_string(o->sqls->pdata[i]));
	return a;
}

/* What is no array of strings has none; the row was not written by us. */
static void
read_sqls(struct binlog_op *o, const char *text)
{
	json_t *a = json_loads(text, 0, NULL), *s;
	size_t i;

	json_array_foreach(a, i, s)
	{
		if (json_is_string(s))
			g_ptr_array_add(
			    o->sqls, g_strdup(json_string_value(s)));
	}
	json_decref(a);
}

/* There is something left to do, and it is known how: a row that somebody
 * else wrote, or damaged, is left alone. */
static bool
is_usable(const struct binlog_op *o)
{
	if (o->op == PB__ERROR_OP__Skip)
		return true;
	return (o->op == PB__ERROR_OP__Replace ||
		   o->op == PB__ERROR_OP__Inject) &&
	       o->done < o->sqls->len;
}

static int
by_position(gconstpointer a, gconstpointer b)
{
	const struct binlog_op *const *x = a, *const *y = b;

	return dm_pos_cmp(&(*x)->pos, &(*y)->pos);
}

struct dm_err *
operators_load(struct meta *m, struct dm_sql_conn *conn, GPtrArray **list)
{
	g_autofree char *name = meta_table_name(m, "dm_operator");
	g_autoptr(GPtrArray) all = g_ptr_array_new_with_free_func(free_op);
	DM_AUTO(dm_sql_result) res = NULL;
	bool more = true;
	struct dm_err *err;

	err = dm_sql_queryf(conn, &res,
	    "SELECT binlog_name, binlog_pos, op, sqls, done FROM %s WHERE %s",
	    name, m->key);
	while (err == NULL) {
		struct dm_sql_row row;
		struct dm_pos pos;
		struct binlog_op *o;

		err = dm_sql_next(res, &row, &more);
		if (err != NULL || !more)
			break;
		pos = meta_cell_pos(&row, 0);
		o = binlog_op_new(
		    &pos, (Pb__ErrorOp)meta_cell_u64(&row, 2), NULL, 0);
		read_sqls(o, meta_cell(&row, 3));
		o->done = (unsigned)meta_cell_u64(&row, 4);
		if (is_usable(o))
			g_ptr_array_add(all, o);
		else
			binlog_op_free(o);
	}
	if (err != NULL)
		return err;
	g_ptr_array_sort(all, by_position);
	*list = DM_TAKE(all);
	return NULL;
}

struct dm_err *
operators_put(
    struct meta *m, struct dm_sql_conn *conn, const struct binlog_op *o)
{
	g_autoptr(GString) sql = g_string_new("REPLACE INTO ");
	const char *const texts[] = { m->task, m->source, o->pos.name };
	json_t *sqls = sqls_json(o);
	char *text = json_dumps(sqls, JSON_COMPACT);

	meta_append_name(sql, m, "dm_operator");
	g_string_append(sql, " (task, source, binlog_name, binlog_pos, op, "
			     "done, sqls) VALUES (");
	for (size_t i = 0; i < DM_ARRAY_SIZE(texts); i++) {
		meta_append_text(sql, texts[i]);
		g_string_append(sql, ", ");
	}
	g_string_append_printf(
	    sql, "%" PRIu64 ", %d, %u, ", o->pos.pos, (int)o->op, o->done);
	meta_append_text(sql, text != NULL ? text : "[]");
	g_string_append_c(sql, ')');
	free(text);
	json_decref(sqls);
	return dm_sql_exec(conn, sql->str, sql->len, NULL);
}

/* " WHERE (this operator's row)" */
static void
append_key(GString *sql, const struct meta *m, const struct binlog_op *o)
{
	g_string_append_printf(sql, " WHERE %s AND binlog_name=", m->key);
	meta_append_text(sql, o->pos.name);
	g_string_append_printf(sql, " AND binlog_pos=%" PRIu64, o->pos.pos);
}

struct dm_err *
operators_put_done(struct meta *m, struct dm_sql_conn *conn,
    const struct binlog_op *o, unsigned done)
{
	g_autoptr(GString) sql = g_string_new("UPDATE ");

	meta_append_name(sql, m, "dm_operator");
	g_string_append_printf(sql, " SET done=%u", done);
	append_key(sql, m, o);
	return dm_sql_exec(conn, sql->str, sql->len, NULL);
}

struct dm_err *
operators_delete(
    struct meta *m, struct dm_sql_conn *conn, const struct binlog_op *o)
{
	g_autoptr(GString) sql = g_string_new("DELETE FROM ");

	meta_append_name(sql, m, "dm_operator");
	append_key(sql, m, o);
	return dm_sql_exec(conn, sql->str, sql->len, NULL);
}

/* ---- the list ---- */

static struct binlog_op *
nth(const GPtrArray *list, guint i)
{
	return g_ptr_array_index(list, i);
}

struct binlog_op *
operators_at(const GPtrArray *list, const struct dm_pos *pos)
{
	for (guint i = 0; i < list->len; i++) {
		if (dm_pos_cmp(&nth(list, i)->pos, pos) == 0)
			return nth(list, i);
	}
	return NULL;
}

struct binlog_op *
operators_between(
    const GPtrArray *list, const struct dm_pos *from, const struct dm_pos *to)
{
	for (guint i = list->len; i > 0; i--) {
		struct binlog_op *o = nth(list, i - 1);

		if (o->op != PB__ERROR_OP__Inject &&
		    dm_pos_cmp(&o->pos, from) >= 0 &&
		    dm_pos_cmp(&o->pos, to) <= 0)
			return o;
	}
	return NULL;
}

struct binlog_op *
operators_inject(const GPtrArray *list, const struct dm_pos *pos)
{
	for (guint i = 0; i < list->len; i++) {
		struct binlog_op *o = nth(list, i);

		if (o->op == PB__ERROR_OP__Inject &&
		    dm_pos_cmp(&o->pos, pos) <= 0)
			return o;
	}
	return NULL;
}

struct binlog_op *
operators_missed(const GPtrArray *list, const struct dm_pos *pos)
{
	for (guint i = 0; i < list->len; i++) {
		struct binlog_op *o = nth(list, i);

		if (o->op != PB__ERROR_OP__Inject &&
		    dm_pos_cmp(&o->pos, pos) < 0)
			return o;
	}
	return NULL;
}

char *
operators_json(
    const GPtrArray *list, const char *task, const struct dm_pos *from)
{
	json_t *all = json_array();
	g_autofree char *copy = NULL;
	char *text;

	for (guint i = 0; i < list->len; i++) {
		const struct binlog_op *o = nth(list, i);
		g_autofree char *pos = dm_pos_text(&o->pos);
		json_t *one;

		if (dm_pos_cmp(&o->pos, from) < 0)
			continue;
		one = json_object();
		json_object_set_new(one, "op", json_integer(o->op));
		json_object_set_new(one, "task", json_string(task));
		json_object_set_new(one, "binlogPos", json_string(pos));
		if (o->sqls->len > 0)
			json_object_set_new(one, "sqls", sqls_json(o));
		json_array_append_new(all, one);
	}
	text = json_dumps(all, JSON_COMPACT);
	copy = g_strdup(text);
	free(text);
	json_decref(all);
	return DM_TAKE(copy);
}
