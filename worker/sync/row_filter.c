/* SPDX-License-Identifier: Apache-2.0 */
/* Rows left out by their values: see row_filter.h. */
#include "worker/sync/row_filter.h"

#include "lib/expr/expr.h"
#include "lib/log/log.h"

#include <string.h>

/* One filter. What it does not ask is NULL. */
struct rule {
	const struct dm_expr_filter *cfg;
	enum dm_rows_kind kind;
	struct dm_expr *before, *after;
	bool never; /* has an unknown column */
};

struct row_filter {
	const struct dm_table *src;
	GArray *rules; /* struct rule */
};

/* A row as expressions ask for it. */
struct row {
	const struct dm_table *src;
	const struct dm_value *values;
};

/* ---- the source ---- */

static struct dm_err *
load_collations(struct row_filter_env *e, struct dm_sql_conn *source)
{
	DM_AUTO(dm_sql_result) res = NULL;
	struct dm_sql_row row;
	struct dm_err *err;
	bool more;

	e->collations =
	    g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
	err = dm_sql_queryf(source, &res,
	    "SELECT CHARACTER_SET_NAME,DEFAULT_COLLATE_NAME "
	    "FROM information_schema.CHARACTER_SETS");
	while (err == NULL) {
		err = dm_sql_next(res, &row, &more);
		if (err != NULL || !more)
			break;
		g_hash_table_insert(e->collations, g_strdup(row.cells[0]),
		    g_strdup(row.cells[1]));
	}
	return err;
}

/* As DM does, the offset of today is that of all times. Our session has UTC,
 * so that the server's own setting is asked. */
static struct dm_err *
load_time_zone(struct row_filter_env *e, struct dm_sql_conn *source)
{
	DM_AUTO(dm_sql_result) res = NULL;
	struct dm_sql_row row;
	struct dm_err *err;
	bool more = false;

	err = dm_sql_queryf(source, &res,
	    "SELECT TIMESTAMPDIFF(SECOND,UTC_TIMESTAMP(),"
	    "CONVERT_TZ(UTC_TIMESTAMP(),'+00:00',@@global.time_zone))");
	if (err == NULL)
		err = dm_sql_next(res, &row, &more);
	if (err != NULL)
		return err;
	if (!more || row.cells[0] == NULL)
		return dm_err_plain("the time zone of the source is not known");
	e->tz_offset_s = (int)g_ascii_strtoll(row.cells[0], NULL, 10);
	return NULL;
}

struct dm_err *
row_filter_env_load(struct row_filter_env *e, const struct unit_env *unit,
    struct dm_sql_conn *source)
{
	struct dm_err *err;

	*e = (struct row_filter_env){ .unit = unit };
	if (unit->inst->expr_filters->len == 0)
		return NULL;
	err = load_collations(e, source);
	return err != NULL ? err : load_time_zone(e, source);
}

void
row_filter_env_fini(struct row_filter_env *e)
{
	if (e->collations != NULL)
		g_hash_table_unref(e->collations);
	*e = (struct row_filter_env){ 0 };
}

/* ---- columns ---- */

static enum dm_expr_type
type_of(const struct dm_column *c)
{
	switch (c->type) {
	case DM_T_TINYINT:
	case DM_T_SMALLINT:
	case DM_T_MEDIUMINT:
	case DM_T_INT:
	case DM_T_BIGINT:
		return c->is_unsigned || c->zerofill ? DM_EXPR_UINT
						     : DM_EXPR_INT;
	case DM_T_DECIMAL:
		return DM_EXPR_DECIMAL;
	case DM_T_FLOAT:
		return DM_EXPR_FLOAT;
	case DM_T_DOUBLE:
		return DM_EXPR_DOUBLE;
	case DM_T_BIT:
		return DM_EXPR_BIT;
	case DM_T_YEAR:
		return DM_EXPR_YEAR;
	case DM_T_DATE:
		return DM_EXPR_DATE;
	case DM_T_TIME:
		return DM_EXPR_TIME;
	case DM_T_DATETIME:
		return DM_EXPR_DATETIME;
	case DM_T_TIMESTAMP:
		return DM_EXPR_TIMESTAMP;
	case DM_T_BINARY:
	case DM_T_VARBINARY:
	case DM_T_TINYBLOB:
	case DM_T_BLOB:
	case DM_T_MEDIUMBLOB:
	case DM_T_LONGBLOB:
		return DM_EXPR_BINARY;
	case DM_T_ENUM:
		return DM_EXPR_ENUM;
	case DM_T_SET:
		return DM_EXPR_SET;
	default:
		break;
	}
	if (!dm_type_is_text(c->type))
		return DM_EXPR_OPAQUE;
	return g_strcmp0(c->charset, "binary") == 0 ? DM_EXPR_BINARY
						    : DM_EXPR_TEXT;
}

/* New string; NULL: not known. */
static char *
collation_of(const struct row_filter_env *e, const struct dm_column *c)
{
	const char *found;

	if (c->charset == NULL)
		return NULL;
	if (c->collation != NULL && strcmp(c->collation, "_bin") == 0)
		return g_strconcat(c->charset, "_bin", NULL);
	if (c->collation != NULL)
		return g_strdup(c->collation);
	found = g_hash_table_lookup(e->collations, c->charset);
	/* utf8 is called utf8mb3 by newer servers. */
	if (found == NULL && strcmp(c->charset, "utf8") == 0)
		found = g_hash_table_lookup(e->collations, "utf8mb3");
	if (found == NULL && strcmp(c->charset, "utf8mb3") == 0)
		found = g_hash_table_lookup(e->collations, "utf8");
	return g_strdup(found);
}

/* collations: owns the names that the columns point to. */
static struct dm_expr_column *
columns_of(const struct row_filter_env *e, const struct dm_table *src,
    GPtrArray *collations)
{
	struct dm_expr_column *all =
	    g_new0(struct dm_expr_column, src->columns->len + 1);

	for (guint i = 0; i < src->columns->len; i++) {
		const struct dm_column *c = src->columns->pdata[i];
		struct dm_expr_column *x = &all[i];
		char *collation;
		bool is_time;

		x->name = c->name;
		x->type = type_of(c);
		x->charset = c->charset;
		collation = collation_of(e, c);
		g_ptr_array_add(collations, collation);
		x->collation = collation;
		is_time =
		    x->type >= DM_EXPR_DATE && x->type <= DM_EXPR_TIMESTAMP;
		x->decimals = MAX(is_time ? c->length : c->decimals, 0);
		if (c->type == DM_T_BINARY)
			x->fill = (size_t)MAX(c->length, 1);
		x->elements = (const char *const *)c->elements;
	}
	return all;
}

/* ---- building ---- */

static void
clear_rule(gpointer p)
{
	struct rule *r = p;

	dm_expr_free(r->before);
	dm_expr_free(r->after);
}

void
row_filter_free(struct row_filter *f)
{
	if (f == NULL)
		return;
	g_array_unref(f->rules);
	g_free(f);
}

/* One expression of a rule; "" is none. */
static struct dm_err *
add_expr(const struct row_filter_env *e, const struct dm_table *src,
    const struct dm_expr_column *columns, const char *text, struct rule *r,
    struct dm_expr **out)
{
	g_autofree char *unknown = NULL, *why = NULL;
	struct dm_err *err;

	if (text[0] == '\0')
		return NULL;
	err = dm_expr_new(
	    text, columns, src->columns->len, e->tz_offset_s, out, &unknown);
	if (err != NULL) {
		why = g_strdup(err->message);
		dm_err_free(err);
		err = dm_err_new(
		    CONFIG_EXPR_FILTER_WRONG_GRAMMAR, r->cfg->name, text, why);
		return dm_err_set_cause(
		    err, "table `%s`.`%s`", src->schema, src->name);
	}
	if (unknown != NULL) {
		r->never = true;
		dm_warn("an expression filter names a column that the table "
			"does not have: it leaves out no rows",
		    dm_kstr("filter", r->cfg->name),
		    dm_kstr("schema", src->schema), dm_kstr("table", src->name),
		    dm_kstr("column", unknown));
	}
	return NULL;
}

static struct dm_err *
add_rule(const struct row_filter_env *e, const struct dm_table *src,
    const struct dm_expr_column *columns, const struct dm_expr_filter *cfg,
    GArray *rules)
{
	struct rule r = { .cfg = cfg, .kind = DM_ROWS_UPDATE };
	struct dm_err *err;

	if (cfg->insert_expr[0] != '\0') {
		r.kind = DM_ROWS_INSERT;
		err = add_expr(e, src, columns, cfg->insert_expr, &r, &r.after);
	} else if (cfg->delete_expr[0] != '\0') {
		r.kind = DM_ROWS_DELETE;
		err =
		    add_expr(e, src, columns, cfg->delete_expr, &r, &r.before);
	} else {
		err = add_expr(
		    e, src, columns, cfg->update_old_expr, &r, &r.before);
		if (err == NULL)
			err = add_expr(e, src, columns, cfg->update_new_expr,
			    &r, &r.after);
	}
	if (err == NULL && !r.never && (r.before != NULL || r.after != NULL))
		g_array_append_val(rules, r);
	else
		clear_rule(&r);
	return err;
}

struct dm_err *
row_filter_new(const struct row_filter_env *e, const struct dm_table *src,
    struct row_filter **out)
{
	g_autoptr(GPtrArray) collations =
	    g_ptr_array_new_with_free_func(g_free);
	g_autofree struct dm_expr_column *columns = NULL;
	struct row_filter *f;
	struct dm_err *err = NULL;

	*out = NULL;
	if (e->collations == NULL)
		return NULL;
	columns = columns_of(e, src, collations);
	f = g_new0(struct row_filter, 1);
	f->src = src;
	f->rules = g_array_new(FALSE, TRUE, sizeof(struct rule));
	g_array_set_clear_func(f->rules, clear_rule);
	for (guint i = 0; err == NULL && i < e->unit->inst->expr_filters->len;
	     i++) {
		const struct dm_expr_filter *cfg = &g_array_index(
		    e->unit->task->expr_filters, struct dm_expr_filter,
		    g_array_index(e->unit->inst->expr_filters, size_t, i));

		if (strcmp(cfg->schema, src->schema) == 0 &&
		    strcmp(cfg->table, src->name) == 0)
			err = add_rule(e, src, columns, cfg, f->rules);
	}
	if (err == NULL && f->rules->len > 0)
		*out = f;
	else
		row_filter_free(f);
	return err;
}

/* ---- rows ---- */

static void
get_value(void *arg, unsigned column, struct dm_expr_value *out)
{
	const struct row *row = arg;
	const struct dm_column *c = row->src->columns->pdata[column];
	const struct dm_value *v = &row->values[column];

	switch (v->kind) {
	case DM_VAL_ABSENT:
		out->kind = DM_EXPR_V_ABSENT;
		break;
	case DM_VAL_NULL:
		out->kind = DM_EXPR_V_NULL;
		break;
	case DM_VAL_INT:
		if (c->is_unsigned || c->zerofill) {
			out->kind = DM_EXPR_V_UINT;
			out->u = dm_value_unsigned(v);
		} else {
			out->kind = DM_EXPR_V_INT;
			out->i = v->i;
		}
		break;
	case DM_VAL_UINT:
		out->kind = DM_EXPR_V_UINT;
		out->u = v->u;
		break;
	case DM_VAL_FLOAT:
	case DM_VAL_DOUBLE:
		out->kind = DM_EXPR_V_DOUBLE;
		out->d = v->kind == DM_VAL_FLOAT ? (double)v->f : v->d;
		break;
	case DM_VAL_TEXT:
	case DM_VAL_BYTES:
	case DM_VAL_JSON:
		out->kind = DM_EXPR_V_BYTES;
		out->p = v->bytes.p;
		out->len = v->bytes.len;
		break;
	}
}

/* An expression that is not there holds for every row. */
static struct dm_err *
test(const struct row_filter *f, const struct rule *r, struct dm_expr *e,
    const struct dm_value *values, bool *holds)
{
	struct row row = { .src = f->src, .values = values };
	struct dm_err *err;

	*holds = true;
	if (e == NULL)
		return NULL;
	err = dm_expr_test(e, get_value, &row, holds);
	if (err != NULL)
		err = dm_err_annotate(err, "expression-filter %s on `%s`.`%s`",
		    r->cfg->name, f->src->schema, f->src->name);
	return err;
}

struct dm_err *
row_filter_skips(struct row_filter *f, enum dm_rows_kind kind,
    const struct dm_value *before, const struct dm_value *after, bool *skips)
{
	*skips = false;
	for (guint i = 0; i < f->rules->len; i++) {
		const struct rule *r = &g_array_index(f->rules, struct rule, i);
		struct dm_err *err;
		bool holds;

		if (r->kind != kind)
			continue;
		err = test(f, r, r->before, before, &holds);
		if (err == NULL && holds)
			err = test(f, r, r->after, after, &holds);
		if (err != NULL)
			return err;
		if (holds) {
			*skips = true;
			return NULL;
		}
	}
	return NULL;
}
