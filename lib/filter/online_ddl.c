/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names of tables of online schema change tools. SOURCE: reference/data-plane
 * 7: the first rule that matches decides, shadow rules before trash rules; a
 * rule holds for the whole name.
 */
#include "lib/filter/online_ddl.h"

#include "lib/text/capture.h"

#include <string.h>

struct dm_online_rules {
	GPtrArray *shadow, *trash; /* struct dm_capture* */
};

static void
free_rule(gpointer p)
{
	dm_capture_free(p);
}

static struct dm_err *
invalid(const char *list, const char *rule, const char *why)
{
	return dm_err_new(CONFIG_ONLINE_DDL_INVALID_REGEX, list, rule, why);
}

static struct dm_err *
add_rule(GPtrArray *to, const char *list, const char *rule)
{
	g_autofree char *whole = NULL;
	struct dm_capture *c;
	struct dm_err *why, *err;

	/* Like DM: what is not anchored is meant for the whole name. */
	whole =
	    g_strdup_printf("%s%s%s", g_str_has_prefix(rule, "^") ? "" : "^",
		rule, g_str_has_suffix(rule, "$") ? "" : "$");
	why = dm_capture_new(whole, &c);
	if (why != NULL) {
		err = invalid(list, rule, why->message);
		dm_err_free(why); /* told by err */
		return err;
	}
	g_ptr_array_add(to, c);
	if (dm_capture_groups(c) == 1)
		return NULL;
	return invalid(list, rule,
	    "it must have exactly one capture group, for the name of the real "
	    "table");
}

static struct dm_err *
add_rules(
    GPtrArray *to, const char *list, char *const *rules, const char *fallback)
{
	struct dm_err *err = NULL;

	if (rules == NULL || rules[0] == NULL)
		return add_rule(to, list, fallback);
	for (size_t i = 0; err == NULL && rules[i] != NULL; i++)
		err = add_rule(to, list, rules[i]);
	return err;
}

struct dm_err *
dm_online_rules_new(
    char *const *shadow, char *const *trash, struct dm_online_rules **out)
{
	DM_AUTO(dm_online_rules) r = g_new0(struct dm_online_rules, 1);
	struct dm_err *err;

	r->shadow = g_ptr_array_new_with_free_func(free_rule);
	r->trash = g_ptr_array_new_with_free_func(free_rule);
	err = add_rules(
	    r->shadow, "shadow-table-rules", shadow, DM_ONLINE_SHADOW_RULE);
	if (err == NULL)
		err = add_rules(
		    r->trash, "trash-table-rules", trash, DM_ONLINE_TRASH_RULE);
	if (err == NULL)
		*out = DM_TAKE(r);
	return err;
}

void
dm_online_rules_free(struct dm_online_rules *r)
{
	if (r == NULL)
		return;
	g_ptr_array_unref(r->shadow);
	g_ptr_array_unref(r->trash);
	g_free(r);
}

/* The real name by the first rule that matches. New string; NULL: none does. */
static char *
find(const GPtrArray *rules, const char *table)
{
	for (guint i = 0; i < rules->len; i++) {
		g_autofree char *real =
		    dm_capture_find(g_ptr_array_index(rules, i), table);

		if (real != NULL && real[0] != '\0')
			return g_steal_pointer(&real);
	}
	return NULL;
}

enum dm_online_kind
dm_online_kind_of(
    const struct dm_online_rules *r, const char *table, char **real)
{
	enum dm_online_kind kind = DM_ONLINE_REAL;
	g_autofree char *name = NULL;

	if (table != NULL && table[0] != '\0') {
		name = find(r->shadow, table);
		kind = name != NULL ? DM_ONLINE_GHOST : DM_ONLINE_TRASH;
		if (name == NULL)
			name = find(r->trash, table);
	}
	if (name == NULL) {
		kind = DM_ONLINE_REAL;
		name = g_strdup(table);
	}
	if (real != NULL)
		*real = DM_TAKE(name);
	return kind;
}
