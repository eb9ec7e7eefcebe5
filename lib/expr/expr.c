/* SPDX-License-Identifier: Apache-2.0 */
/* Expressions: see expr.h and node.h. */
#include "lib/expr/expr.h"

#include "lib/expr/func.h"
#include "lib/expr/parser.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <string.h>

struct dm_expr {
	struct dm_arena arena; /* of the tree */
	struct dm_arena texts; /* of one evaluation */
	struct dm_expr_column *columns;
	GPtrArray *regexes;
	struct ex_node *root;
	int tz_offset_s;
};

const struct ex_func *
ex_func_find(const char *name)
{
	static const struct ex_func *const lists[] = { ex_logic_funcs,
		ex_flow_funcs, ex_number_funcs, ex_round_funcs, ex_text_funcs,
		ex_edit_funcs, ex_time_funcs, ex_cast_funcs };

	for (size_t i = 0; i < DM_ARRAY_SIZE(lists); i++) {
		for (const struct ex_func *f = lists[i]; f->name != NULL; f++) {
			if (strcmp(f->name, name) == 0)
				return f;
		}
	}
	return NULL;
}

struct dm_err *
dm_expr_check(const char *text)
{
	struct dm_arena arena = { 0 };
	struct ex_node *root;
	struct dm_err *err = ex_parse(text, &arena, &root);

	dm_arena_fini(&arena);
	return err;
}

static void
free_regex(gpointer p)
{
	pcre2_code_free(p);
}

/* The columns' names live as long as the expression. */
static void
copy_columns(
    struct dm_expr *e, const struct dm_expr_column *columns, unsigned n)
{
	e->columns = dm_arena_alloc(&e->arena, (n + 1) * sizeof(*e->columns));
	for (unsigned i = 0; i < n; i++) {
		const char *name = columns[i].name;

		e->columns[i] = columns[i];
		e->columns[i].name =
		    dm_arena_strndup(&e->arena, name, strlen(name));
	}
}

static struct dm_err *
bind(struct dm_expr *e, unsigned n_columns, char **unknown)
{
	struct ex_bind b = { .arena = &e->arena,
		.columns = e->columns,
		.n_columns = n_columns,
		.regexes = e->regexes };
	struct dm_err *err = NULL;

	ex_bind_node(&b, e->root);
	if (b.error == NULL && b.unknown == NULL && e->root->kind != EX_INT &&
	    e->root->kind != EX_UINT && e->root->kind != EX_NULL)
		ex_refuse(&b, "it is not a condition: write a comparison");
	if (b.error != NULL)
		err = dm_err_plain("%s", b.error);
	else
		*unknown = DM_TAKE(b.unknown);
	g_free(b.error);
	g_free(b.unknown);
	return err;
}

struct dm_err *
dm_expr_new(const char *text, const struct dm_expr_column *columns,
    unsigned n_columns, int tz_offset_s, struct dm_expr **out, char **unknown)
{
	DM_AUTO(dm_expr) e = g_new0(struct dm_expr, 1);
	struct dm_err *err;

	*out = NULL;
	*unknown = NULL;
	e->regexes = g_ptr_array_new_with_free_func(free_regex);
	e->tz_offset_s = tz_offset_s;
	copy_columns(e, columns, n_columns);
	err = ex_parse(text, &e->arena, &e->root);
	if (err == NULL)
		err = bind(e, n_columns, unknown);
	if (err == NULL && *unknown == NULL)
		*out = DM_TAKE(e);
	return err;
}

void
dm_expr_free(struct dm_expr *e)
{
	if (e == NULL)
		return;
	dm_arena_fini(&e->arena);
	dm_arena_fini(&e->texts);
	g_ptr_array_unref(e->regexes);
	g_free(e);
}

struct dm_err *
dm_expr_test(struct dm_expr *e, dm_expr_get_fn *get, void *arg, bool *is_true)
{
	struct ex_run r = { .arena = &e->texts,
		.get = get,
		.arg = arg,
		.tz_offset_s = e->tz_offset_s };
	struct dm_err *err = NULL;
	struct ex_val v;

	dm_arena_reset(&e->texts);
	v = ex_eval(&r, e->root);
	*is_true = (v.kind == EX_INT || v.kind == EX_UINT) && v.u == 1;
	if (r.error != NULL)
		err = dm_err_plain("%s", r.error);
	g_free(r.error);
	return err;
}
