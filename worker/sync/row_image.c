/* SPDX-License-Identifier: Apache-2.0 */
/* Row images that lack columns: see row_image.h. */
#include "worker/sync/row_image.h"

#include <string.h>

/* The first column that is written and not there; n_cols: none. */
static unsigned
first_missing(const struct tbl *t, const struct dm_value *row)
{
	unsigned i = 0;

	while (row != NULL && i < t->n_cols &&
	       (row[i].kind != DM_VAL_ABSENT || !t->written[i]))
		i++;
	return row != NULL ? i : t->n_cols;
}

static struct dm_err *
not_logged(const struct tbl *t, unsigned i)
{
	return dm_err_set_cause(dm_err_new(BINLOG_NOT_LOG_COLUMN),
	    "column %s of `%s`.`%s` is not in the row image", t->idents[i],
	    t->db, t->name);
}

/* Of a text that dm_column has as "NULL INVISIBLE DEFAULT .. ". */
static bool
default_is_null(const struct dm_column *c)
{
	static const char *const before[] = { "NULL ", "INVISIBLE " };
	static const char null[] = "DEFAULT NULL";
	const char *a = c->attributes;

	if (!c->has_default || a == NULL)
		return !c->has_default;
	for (size_t i = 0; i < DM_ARRAY_SIZE(before); i++) {
		if (g_str_has_prefix(a, before[i]))
			a += strlen(before[i]);
	}
	return g_str_has_prefix(a, null) &&
	       (a[sizeof(null) - 1] == '\0' || a[sizeof(null) - 1] == ' ');
}

/* What was not given to an INSERT has its default. */
static void
fill_nulls(const struct tbl *t, struct dm_value *after)
{
	for (unsigned i = 0; i < t->n_cols; i++) {
		const struct dm_column *c =
		    g_ptr_array_index(t->src->columns, i);

		if (after[i].kind == DM_VAL_ABSENT && !c->not_null &&
		    default_is_null(c))
			after[i] = (struct dm_value){ .kind = DM_VAL_NULL };
	}
}

static void
fill_unchanged(
    const struct tbl *t, const struct dm_value *before, struct dm_value *after)
{
	for (unsigned i = 0; i < t->n_cols; i++) {
		if (after[i].kind == DM_VAL_ABSENT)
			after[i] = before[i];
	}
}

/* Nothing of the row's key is missing. */
static bool
has_key(const struct tbl *t, const struct dm_value *row)
{
	for (unsigned i = 0; i < t->key.n; i++) {
		if (row[t->key.cols[i]].kind == DM_VAL_ABSENT)
			return false;
	}
	return !t->keyless;
}

struct dm_err *
row_image_take(struct row_change *rc, struct dm_value *after)
{
	const struct tbl *t = rc->t;
	unsigned before_at = first_missing(t, rc->before), after_at;

	rc->partial = false;
	if (before_at == t->n_cols && first_missing(t, rc->after) == t->n_cols)
		return NULL;
	if (rc->before == NULL)
		fill_nulls(t, after);
	else if (rc->after != NULL)
		fill_unchanged(t, rc->before, after);
	after_at = first_missing(t, rc->after);
	if (before_at == t->n_cols && after_at == t->n_cols)
		return NULL;
	rc->partial = true;
	if (rc->before == NULL)
		return not_logged(t, after_at);
	if (!has_key(t, rc->before) || (rc->idempotent && rc->after != NULL))
		return not_logged(
		    t, before_at < t->n_cols ? before_at : after_at);
	return NULL;
}
