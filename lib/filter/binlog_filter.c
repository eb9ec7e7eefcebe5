/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Binlog event filters. SOURCE: reference/data-plane 1.7. Differs: a rule that
 * cannot be understood is refused, where DM goes on without it; a statement may
 * be several events, and one that matches is enough.
 */
#include "lib/filter/binlog_filter.h"

#include "lib/filter/pattern.h"

#include <string.h>

enum class {
	CLASS_DML = 1,
	CLASS_DDL = 2,
	CLASS_INCOMPATIBLE = 4,
	CLASS_UNTOLD = 8 /* an event of DM that is not told apart here */
};

struct event {
	const char *name;
	unsigned classes;
	const char *same_as; /* the other name; of an untold one: what covers
				it */
};

#define DDL(name)                                                              \
	{                                                                      \
		name, CLASS_DDL, NULL                                          \
	}
#define INCOMPATIBLE(name)                                                     \
	{                                                                      \
		name, CLASS_INCOMPATIBLE, NULL                                 \
	}
#define UNTOLD(name, instead)                                                  \
	{                                                                      \
		name, CLASS_UNTOLD, instead                                    \
	}

/* clang-format off */
static const struct event events[] = {
	{ "insert", CLASS_DML, NULL },
	{ "update", CLASS_DML, NULL },
	{ "delete", CLASS_DML, NULL },
	DDL("create database"),
	{ "create schema", CLASS_DDL, "create database" },
	DDL("alter database"),
	{ "alter schema", CLASS_DDL, "alter database" },
	DDL("create table"),
	DDL("create index"),
	DDL("create view"),
	DDL("drop view"),
	DDL("alter table"),
	DDL("add table partition"),
	INCOMPATIBLE("drop database"),
	{ "drop schema", CLASS_INCOMPATIBLE, "drop database" },
	INCOMPATIBLE("drop table"),
	INCOMPATIBLE("drop index"),
	INCOMPATIBLE("rename table"),
	INCOMPATIBLE("truncate table"),
	INCOMPATIBLE("drop table partition"),
	INCOMPATIBLE("truncate table partition"),
	INCOMPATIBLE("modify column"),
	INCOMPATIBLE("rename column"),
	INCOMPATIBLE("rename index"),
	INCOMPATIBLE("drop column"),
	INCOMPATIBLE("drop primary key"),
	INCOMPATIBLE("modify default value"),
	INCOMPATIBLE("modify columns order"),
	INCOMPATIBLE("modify storage engine"),
	INCOMPATIBLE("reorganize table partition"),
	INCOMPATIBLE("rebuild table partition"),
	INCOMPATIBLE("coalesce table partition"),
	INCOMPATIBLE("exchange table partition"),
	INCOMPATIBLE("add foreign key"),
	INCOMPATIBLE("drop foreign key"),
	INCOMPATIBLE("modify schema charset and collate"),
	INCOMPATIBLE("modify table charset and collate"),
	INCOMPATIBLE("modify table comment"),
	INCOMPATIBLE("alter table partitioning"),
	INCOMPATIBLE("remove table partitioning"),
	INCOMPATIBLE("add column"),
	INCOMPATIBLE("set default value"),
	INCOMPATIBLE("add primary key"),
	INCOMPATIBLE("multi schema change"),
	UNTOLD("value range decrease", "modify column"),
	UNTOLD("precision decrease", "modify column"),
	UNTOLD("modify charset", "modify column"),
	UNTOLD("modify collation", "modify column"),
	UNTOLD("remove auto increment", "modify column"),
	UNTOLD("drop unique key", "drop index"),
	UNTOLD("modify constraint", "alter table"),
	UNTOLD("rebase auto id", "alter table"),
	UNTOLD("alter index visibility", "alter table"),
	UNTOLD("split table partition", "alter table"),
	UNTOLD("alter ttl info", "alter table"),
	UNTOLD("alter ttl remove", "alter table"),
	UNTOLD("recover table", "create table"),
};

/* Names that cover classes; those of `none` end the search of a rule. */
static const struct group {
	const char *name;
	unsigned classes;
	bool none;
} groups[] = {
	{ "all", CLASS_DML | CLASS_DDL | CLASS_INCOMPATIBLE, false },
	{ "all dml", CLASS_DML, false },
	{ "all ddl", CLASS_DDL | CLASS_INCOMPATIBLE, false },
	{ "incompatible ddl changes", CLASS_INCOMPATIBLE, false },
	{ "none", CLASS_DML | CLASS_DDL | CLASS_INCOMPATIBLE, true },
	{ "none dml", CLASS_DML, true },
	{ "none ddl", CLASS_DDL | CLASS_INCOMPATIBLE, true },
};
/* clang-format on */

/* One of the two is set. */
struct item {
	const struct event *event;
	const struct group *group;
};

struct rule {
	struct dm_pattern *schema, *table; /* table NULL: of the schema */
	GArray *items;                     /* struct item */
	GPtrArray *sql;                    /* struct dm_pattern* */
	enum dm_filter_action action;
};

struct dm_binlog_filter {
	bool case_sensitive;
	GPtrArray *rules; /* struct rule* */
};

static void
rule_free(gpointer p)
{
	struct rule *r = p;

	dm_pattern_free(r->schema);
	dm_pattern_free(r->table);
	g_array_unref(r->items);
	g_ptr_array_unref(r->sql);
	g_free(r);
}

static void
pattern_free(gpointer p)
{
	dm_pattern_free(p);
}

static const struct event *
event_find(const char *name)
{
	for (size_t i = 0; i < DM_ARRAY_SIZE(events); i++) {
		if (strcmp(events[i].name, name) == 0)
			return &events[i];
	}
	return NULL;
}

/* ---- building ---- */

/* Wildcards; a leading '~', which would make a regular expression, as a class
 * of one. */
static struct dm_err *
wildcards_new(const char *text, bool case_sensitive, struct dm_pattern **p)
{
	g_autofree char *escaped = NULL;

	if (text[0] == '~')
		escaped = g_strconcat("[~]", text + 1, NULL);
	return dm_pattern_new(
	    escaped != NULL ? escaped : text, case_sensitive, p);
}

static struct dm_err *
add_event(struct rule *r, const char *given)
{
	g_autofree char *name = g_ascii_strdown(given, -1);
	struct item it = { 0 };

	g_strstrip(name);
	for (size_t i = 0; i < DM_ARRAY_SIZE(groups); i++) {
		if (strcmp(groups[i].name, name) == 0)
			it.group = &groups[i];
	}
	it.event = it.group == NULL ? event_find(name) : NULL;
	if (it.group == NULL && it.event == NULL)
		return dm_err_plain("events: unknown event '%s'", given);
	if (it.event != NULL && it.event->classes == CLASS_UNTOLD)
		return dm_err_plain("events: '%s' is not available in this "
				    "version, but '%s' is, which covers it",
		    given, it.event->same_as);
	if (it.event != NULL && it.event->same_as != NULL)
		it.event = event_find(it.event->same_as);
	g_array_append_val(r->items, it);
	return NULL;
}

static struct dm_err *
add_sql(struct rule *r, const char *regex)
{
	g_autofree char *text = g_strconcat("~", regex, NULL);
	struct dm_pattern *p = NULL;
	struct dm_err *err = dm_pattern_new(text, false, &p);

	if (err != NULL)
		return dm_err_annotate(err, "sql-pattern");
	g_ptr_array_add(r->sql, p);
	return NULL;
}

static struct dm_err *
set_action(struct rule *r, const char *given)
{
	if (g_ascii_strcasecmp(given, "ignore") == 0)
		r->action = DM_FILTER_IGNORE;
	else if (g_ascii_strcasecmp(given, "error") == 0)
		r->action = DM_FILTER_ERROR;
	else if (given[0] == '\0' || g_ascii_strcasecmp(given, "do") == 0)
		r->action = DM_FILTER_DO;
	else
		return dm_err_plain(
		    "action: '%s' is none of Ignore, Do, Error", given);
	return NULL;
}

static struct dm_err *
rule_fill(struct rule *r, const struct dm_filter_rule *from, bool cs)
{
	struct dm_err *err = set_action(r, from->action);

	if (err != NULL)
		return err;
	if (from->schema_pattern[0] == '\0')
		return dm_err_plain("schema-pattern is missing");
	err = wildcards_new(from->schema_pattern, cs, &r->schema);
	if (err != NULL)
		return dm_err_annotate(err, "schema-pattern");
	if (from->table_pattern[0] != '\0')
		err = wildcards_new(from->table_pattern, cs, &r->table);
	if (err != NULL)
		return dm_err_annotate(err, "table-pattern");
	for (char **p = from->events; err == NULL && *p != NULL; p++)
		err = add_event(r, *p);
	for (char **p = from->sql_patterns; err == NULL && *p != NULL; p++)
		err = add_sql(r, *p);
	return err;
}

struct dm_err *
dm_binlog_filter_new(const struct dm_filter_rule *const *rules, size_t n,
    bool case_sensitive, struct dm_binlog_filter **out)
{
	DM_AUTO(dm_binlog_filter) f = g_new0(struct dm_binlog_filter, 1);

	f->case_sensitive = case_sensitive;
	f->rules = g_ptr_array_new_with_free_func(rule_free);
	for (size_t i = 0; i < n; i++) {
		struct rule *r = g_new0(struct rule, 1);
		struct dm_err *err;

		r->items = g_array_new(FALSE, TRUE, sizeof(struct item));
		r->sql = g_ptr_array_new_with_free_func(pattern_free);
		g_ptr_array_add(f->rules, r);
		err = rule_fill(r, rules[i], case_sensitive);
		if (err != NULL)
			return dm_err_wrap(
			    dm_err_annotate(err, "rule '%s'", rules[i]->name),
			    CONFIG_BINLOG_EVENT_FILTER);
	}
	*out = DM_TAKE(f);
	return NULL;
}

void
dm_binlog_filter_free(struct dm_binlog_filter *f)
{
	if (f == NULL)
		return;
	g_ptr_array_unref(f->rules);
	g_free(f);
}

/* ---- asking ---- */

static bool
event_matches(const struct rule *r, const struct event *e)
{
	for (guint i = 0; i < r->items->len; i++) {
		const struct item *it =
		    &g_array_index(r->items, struct item, i);

		if (it->event == e)
			return true;
		if (it->group != NULL && (it->group->classes & e->classes) != 0)
			return !it->group->none;
	}
	return false;
}

static bool
any_event_matches(const struct rule *r, const char *const *names)
{
	for (; *names != NULL; names++) {
		const struct event *e = event_find(*names);

		dm_assert(e != NULL);
		if (event_matches(r, e))
			return true;
	}
	return false;
}

static struct dm_err *
any_sql_matches(const struct rule *r, const char *sql, bool *yes)
{
	struct dm_err *err = NULL;

	*yes = false;
	for (guint i = 0; err == NULL && !*yes && i < r->sql->len; i++)
		err = dm_pattern_search(g_ptr_array_index(r->sql, i), sql, yes);
	return err;
}

/* What a rule says of something that it names or not. */
static enum dm_filter_action
verdict(const struct rule *r, bool matched)
{
	if (r->action == DM_FILTER_DO)
		return matched ? DM_FILTER_DO : DM_FILTER_IGNORE;
	return matched ? r->action : DM_FILTER_DO;
}

static bool
rule_applies(const struct rule *r, const char *schema, const char *table)
{
	if (!dm_pattern_matches(r->schema, schema))
		return false;
	return r->table == NULL ||
	       (table[0] != '\0' && dm_pattern_matches(r->table, table));
}

struct dm_err *
dm_binlog_filter_decide(const struct dm_binlog_filter *f, const char *schema,
    const char *table, const char *const *names, const char *sql,
    enum dm_filter_action *action)
{
	g_autofree char *s = dm_pattern_fold(schema, f->case_sensitive);
	g_autofree char *t =
	    dm_pattern_fold(table != NULL ? table : "", f->case_sensitive);
	struct dm_err *err;

	*action = DM_FILTER_DO;
	for (guint i = 0; i < f->rules->len && *action == DM_FILTER_DO; i++) {
		const struct rule *r = g_ptr_array_index(f->rules, i);
		bool matched;

		if (!rule_applies(r, s, t))
			continue;
		if (names != NULL && names[0] != NULL)
			*action = verdict(r, any_event_matches(r, names));
		if (*action != DM_FILTER_DO || sql[0] == '\0' ||
		    r->sql->len == 0)
			continue;
		err = any_sql_matches(r, sql, &matched);
		if (err != NULL)
			return err;
		*action = verdict(r, matched);
	}
	return NULL;
}
