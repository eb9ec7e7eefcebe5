/* SPDX-License-Identifier: Apache-2.0 */
/* ALTER TABLE: one struct dm_alter for each action. */
#include "lib/ddl/parser.h"

#include <string.h>

/* Partition actions stand alone; they take the rest of the statement. */
static const char *const partition_actions[] = { "ADD PARTITION",
	"DROP PARTITION", "TRUNCATE PARTITION", "COALESCE PARTITION",
	"REORGANIZE PARTITION", "ANALYZE PARTITION", "CHECK PARTITION",
	"OPTIMIZE PARTITION", "REBUILD PARTITION", "REPAIR PARTITION",
	"DISCARD PARTITION", "IMPORT PARTITION", "UPGRADE PARTITIONING" };

/* Actions of fixed words. */
static const char *const word_actions[] = { "FORCE", "DISABLE KEYS",
	"ENABLE KEYS", "DISCARD TABLESPACE", "IMPORT TABLESPACE",
	"WITH VALIDATION", "WITHOUT VALIDATION", "ADD SYSTEM VERSIONING",
	"DROP SYSTEM VERSIONING", "SECONDARY_LOAD", "SECONDARY_UNLOAD" };

struct dm_alter *
dm_alter_new(struct dm_ddl *d, enum dm_alter_kind kind)
{
	struct dm_alter *a = g_new0(struct dm_alter, 1);

	a->kind = kind;
	g_ptr_array_add(d->alters, a);
	return a;
}

static char *
append_rest(struct dm_parser *p, const char *words)
{
	g_autofree char *rest = dm_run_rest_text(p);

	return rest[0] == '\0' ? g_strdup(words)
			       : g_strdup_printf("%s %s", words, rest);
}

/* EXCHANGE and CONVERT name another table in the middle. */
static bool
parse_partition_table(struct dm_parser *p, struct dm_ddl *d)
{
	bool exchange = dm_parser_is(p, "EXCHANGE PARTITION");
	GString *text;
	struct dm_run run = { 0 };
	struct dm_alter *a;

	if (dm_parser_accept(p, "CONVERT TABLE")) {
		a = dm_alter_new(d, DM_ALTER_PARTITION);
		a->text = g_strdup("CONVERT TABLE");
		a->rename_to = dm_parser_table_name(p);
		a->text_after = dm_run_rest_text(p);
		return true;
	}
	if (!exchange && !dm_parser_is(p, "CONVERT PARTITION"))
		return false;
	(void)dm_parser_take(p);
	(void)dm_parser_take(p);
	a = dm_alter_new(d, DM_ALTER_PARTITION);
	text = g_string_new(
	    exchange ? "EXCHANGE PARTITION " : "CONVERT PARTITION ");
	run.out = text;
	dm_run_token(p, &run);
	dm_parser_expect(p, exchange ? "WITH TABLE" : "TO TABLE");
	g_string_append(text, exchange ? " WITH TABLE" : " TO TABLE");
	a->text = g_string_free(text, FALSE);
	a->rename_to = dm_parser_table_name(p);
	a->text_after = dm_run_rest_text(p);
	return true;
}

static bool
parse_partition(struct dm_parser *p, struct dm_ddl *d)
{
	struct dm_alter *a;

	for (size_t i = 0; i < DM_ARRAY_SIZE(partition_actions); i++) {
		if (!dm_parser_accept(p, partition_actions[i]))
			continue;
		a = dm_alter_new(d, DM_ALTER_PARTITION);
		a->text = append_rest(p, partition_actions[i]);
		return true;
	}
	if (dm_parser_is(p, "PARTITION BY")) {
		a = dm_alter_new(d, DM_ALTER_PARTITION);
		a->text = dm_parse_partition_by(p);
		return true;
	}
	if (dm_parser_accept(p, "REMOVE PARTITIONING")) {
		a = dm_alter_new(d, DM_ALTER_PARTITION);
		a->text = g_strdup("REMOVE PARTITIONING");
		return true;
	}
	return parse_partition_table(p, d);
}

static void
parse_position(struct dm_parser *p, struct dm_alter *a)
{
	if (dm_parser_accept(p, "FIRST"))
		a->first = true;
	else if (dm_parser_accept(p, "AFTER"))
		a->after = dm_parser_name(p);
}

static void
set_index(struct dm_alter *a, enum dm_index_kind kind, const char *column)
{
	a->index =
	    dm_index_new(kind, kind == DM_INDEX_PRIMARY ? "PRIMARY" : NULL);
	dm_index_add_column(a->index, column);
}

/* The definition, its keys and its place. */
static void
column_action(struct dm_parser *p, struct dm_ddl *d, struct dm_alter *a)
{
	struct dm_column_extra extra;
	struct dm_column *c = dm_parse_column(p, &extra);

	if (c == NULL)
		return;
	a->column = c;
	a->foreign_key = DM_TAKE(extra.reference);
	if (a->name == NULL)
		a->name = g_strdup(c->name);
	parse_position(p, a);
	if (extra.primary)
		set_index(a, DM_INDEX_PRIMARY, c->name);
	if (!extra.unique)
		return;
	/* Both keys in one definition: the second one is its own action. */
	if (extra.primary)
		a = dm_alter_new(d, DM_ALTER_ADD_INDEX);
	set_index(a, DM_INDEX_UNIQUE, c->name);
}

static bool
add_element(struct dm_parser *p, struct dm_ddl *d)
{
	struct dm_element e;
	struct dm_alter *a;

	if (!dm_parse_element(p, &e))
		return false;
	if (e.index != NULL) {
		a = dm_alter_new(d, DM_ALTER_ADD_INDEX);
		a->index = e.index;
	} else if (e.foreign_key != NULL) {
		a = dm_alter_new(d, DM_ALTER_ADD_FOREIGN_KEY);
		a->foreign_key = e.foreign_key;
	} else {
		a = dm_alter_new(d, DM_ALTER_ADD_CHECK);
		a->text = e.check;
	}
	a->if_not_exists = e.if_not_exists;
	return true;
}

static void
add_columns(struct dm_parser *p, struct dm_ddl *d, bool if_not_exists)
{
	struct dm_alter *a;

	do {
		if (add_element(p, d))
			continue;
		a = dm_alter_new(d, DM_ALTER_ADD_COLUMN);
		a->if_not_exists = if_not_exists;
		column_action(p, d, a);
	} while (dm_parser_accept(p, ","));
	dm_parser_expect(p, ")");
}

static void
parse_add(struct dm_parser *p, struct dm_ddl *d)
{
	bool column, if_not_exists;
	struct dm_alter *a;

	(void)dm_parser_take(p);
	column = dm_parser_accept(p, "COLUMN");
	if (!column && add_element(p, d))
		return;
	if_not_exists = dm_parser_accept(p, "IF NOT EXISTS");
	if (dm_parser_accept(p, "(")) {
		add_columns(p, d, if_not_exists);
		return;
	}
	a = dm_alter_new(d, DM_ALTER_ADD_COLUMN);
	a->if_not_exists = if_not_exists;
	column_action(p, d, a);
}

static void
parse_drop(struct dm_parser *p, struct dm_ddl *d)
{
	enum dm_alter_kind kind = DM_ALTER_DROP_COLUMN;
	struct dm_alter *a;

	(void)dm_parser_take(p);
	if (dm_parser_accept(p, "PRIMARY KEY")) {
		a = dm_alter_new(d, DM_ALTER_DROP_INDEX);
		a->name = g_strdup("PRIMARY");
		return;
	}
	if (dm_parser_is(p, "PERIOD FOR")) {
		a = dm_alter_new(d, DM_ALTER_OPTIONS);
		(void)dm_parser_take(p);
		(void)dm_parser_take(p);
		a->text = append_rest(p, "DROP PERIOD FOR");
		return;
	}
	if (dm_parser_accept(p, "INDEX") || dm_parser_accept(p, "KEY"))
		kind = DM_ALTER_DROP_INDEX;
	else if (dm_parser_accept(p, "FOREIGN KEY"))
		kind = DM_ALTER_DROP_FOREIGN_KEY;
	else if (dm_parser_accept(p, "CONSTRAINT") ||
		 dm_parser_accept(p, "CHECK"))
		kind = DM_ALTER_DROP_CONSTRAINT;
	else
		(void)dm_parser_accept(p, "COLUMN");
	a = dm_alter_new(d, kind);
	a->if_exists = dm_parser_accept(p, "IF EXISTS");
	a->name = dm_parser_name(p);
	if (kind == DM_ALTER_DROP_COLUMN && !dm_parser_accept(p, "RESTRICT"))
		(void)dm_parser_accept(p, "CASCADE");
}

static void
parse_change(struct dm_parser *p, struct dm_ddl *d, bool change)
{
	struct dm_alter *a = dm_alter_new(
	    d, change ? DM_ALTER_CHANGE_COLUMN : DM_ALTER_MODIFY_COLUMN);

	(void)dm_parser_accept(p, "COLUMN");
	a->if_exists = dm_parser_accept(p, "IF EXISTS");
	if (change)
		a->name = dm_parser_name(p);
	column_action(p, d, a);
}

static void
parse_rename(struct dm_parser *p, struct dm_ddl *d)
{
	bool column = dm_parser_accept(p, "COLUMN");
	struct dm_alter *a;

	if (column || dm_parser_accept(p, "INDEX") ||
	    dm_parser_accept(p, "KEY")) {
		a = dm_alter_new(
		    d, column ? DM_ALTER_RENAME_COLUMN : DM_ALTER_RENAME_INDEX);
		a->if_exists = dm_parser_accept(p, "IF EXISTS");
		a->name = dm_parser_name(p);
		dm_parser_expect(p, "TO");
		a->new_name = dm_parser_name(p);
		return;
	}
	a = dm_alter_new(d, DM_ALTER_RENAME_TABLE);
	if (!dm_parser_accept(p, "TO") && !dm_parser_accept(p, "AS"))
		(void)dm_parser_accept(p, "=");
	a->rename_to = dm_parser_table_name(p);
}

/* "ALTER INDEX `i` INVISIBLE", "ALTER CHECK `c` NOT ENFORCED". */
static void
alter_named(struct dm_parser *p, struct dm_ddl *d, const char *object)
{
	static const char *const states[] = { "VISIBLE", "INVISIBLE", "IGNORED",
		"NOT IGNORED", "ENFORCED", "NOT ENFORCED" };
	struct dm_alter *a = dm_alter_new(d, DM_ALTER_OPTIONS);
	GString *out = g_string_new("ALTER ");
	g_autofree char *name = NULL;

	g_string_append_printf(out, "%s ", object);
	if (dm_parser_accept(p, "IF EXISTS"))
		g_string_append(out, "IF EXISTS ");
	name = dm_parser_name(p);
	if (name != NULL)
		dm_sqltext_name(out, name);
	for (size_t i = 0; i < DM_ARRAY_SIZE(states); i++) {
		if (dm_parser_accept(p, states[i])) {
			g_string_append_printf(out, " %s", states[i]);
			a->text = g_string_free(out, FALSE);
			return;
		}
	}
	dm_parser_fail(p, "a state");
	g_string_free(out, TRUE);
}

static void
alter_column(struct dm_parser *p, struct dm_ddl *d)
{
	struct dm_alter *a = dm_alter_new(d, DM_ALTER_COLUMN_DEFAULT);
	GString *out;

	(void)dm_parser_accept(p, "COLUMN");
	a->if_exists = dm_parser_accept(p, "IF EXISTS");
	a->name = dm_parser_name(p);
	if (dm_parser_accept(p, "DROP DEFAULT"))
		return;
	dm_parser_expect(p, "SET");
	if (!dm_parser_is(p, "VISIBLE") && !dm_parser_is(p, "INVISIBLE")) {
		dm_parser_expect(p, "DEFAULT");
		a->value = dm_parse_default(p);
		return;
	}
	a->kind = DM_ALTER_OPTIONS;
	out = g_string_new("ALTER COLUMN ");
	if (a->name != NULL)
		dm_sqltext_name(out, a->name);
	g_string_append(out,
	    dm_parser_is(p, "VISIBLE") ? " SET VISIBLE" : " SET INVISIBLE");
	(void)dm_parser_take(p);
	a->text = g_string_free(out, FALSE);
}

static void
parse_alter_word(struct dm_parser *p, struct dm_ddl *d)
{
	if (dm_parser_accept(p, "INDEX") || dm_parser_accept(p, "KEY"))
		alter_named(p, d, "INDEX");
	else if (dm_parser_accept(p, "CHECK") ||
		 dm_parser_accept(p, "CONSTRAINT"))
		alter_named(p, d, "CHECK");
	else
		alter_column(p, d);
}

static void
parse_convert(struct dm_parser *p, struct dm_ddl *d)
{
	struct dm_alter *a = dm_alter_new(d, DM_ALTER_CONVERT_CHARSET);

	if (!dm_parser_accept_charset(p))
		dm_parser_fail(p, "CHARACTER SET");
	(void)dm_parser_accept(p, "=");
	a->charset = dm_parser_charset(p);
	if (dm_parser_accept(p, "COLLATE")) {
		(void)dm_parser_accept(p, "=");
		a->collation = dm_parser_charset(p);
	}
}

static bool
parse_words(struct dm_parser *p, struct dm_ddl *d)
{
	static const char *const valued[] = { "ALGORITHM", "LOCK" };

	for (size_t i = 0; i < DM_ARRAY_SIZE(word_actions); i++) {
		if (dm_parser_accept(p, word_actions[i])) {
			dm_alter_new(d, DM_ALTER_OPTIONS)->text =
			    g_strdup(word_actions[i]);
			return true;
		}
	}
	for (size_t i = 0; i < DM_ARRAY_SIZE(valued); i++) {
		g_autofree char *value = NULL;

		if (!dm_parser_accept(p, valued[i]))
			continue;
		(void)dm_parser_accept(p, "=");
		value = g_ascii_strup(dm_parser_peek(p, 0)->text, -1);
		if (dm_parser_take(p).kind != DM_TOK_WORD)
			dm_parser_fail(p, "a word");
		dm_alter_new(d, DM_ALTER_OPTIONS)->text =
		    g_strdup_printf("%s=%s", valued[i], value);
		return true;
	}
	if (dm_parser_accept(p, "ORDER BY")) {
		dm_alter_new(d, DM_ALTER_OPTIONS)->text =
		    append_rest(p, "ORDER BY");
		return true;
	}
	return false;
}

/* Options that follow one another without commas are one action. */
static bool
parse_options(struct dm_parser *p, struct dm_ddl *d)
{
	g_autofree char *charset = NULL, *collation = NULL;
	GString *text = g_string_new(NULL);
	struct dm_alter *a;
	bool any = false;

	while (dm_parse_table_option(p, text, &charset, &collation))
		any = true;
	if (!any) {
		g_string_free(text, TRUE);
		return false;
	}
	a = dm_alter_new(d, DM_ALTER_OPTIONS);
	if (charset != NULL)
		g_string_append_printf(text, "%sDEFAULT CHARSET=%s",
		    text->len > 0 ? " " : "", charset);
	if (collation != NULL)
		g_string_append_printf(
		    text, "%sCOLLATE=%s", text->len > 0 ? " " : "", collation);
	a->charset = DM_TAKE(charset);
	a->collation = DM_TAKE(collation);
	a->text = g_string_free(text, FALSE);
	return true;
}

static void
parse_action(struct dm_parser *p, struct dm_ddl *d)
{
	if (parse_partition(p, d) || parse_words(p, d))
		return;
	if (dm_parser_is(p, "ADD"))
		parse_add(p, d);
	else if (dm_parser_is(p, "DROP"))
		parse_drop(p, d);
	else if (dm_parser_accept(p, "MODIFY"))
		parse_change(p, d, false);
	else if (dm_parser_accept(p, "CHANGE"))
		parse_change(p, d, true);
	else if (dm_parser_accept(p, "RENAME"))
		parse_rename(p, d);
	else if (dm_parser_accept(p, "ALTER"))
		parse_alter_word(p, d);
	else if (dm_parser_accept(p, "CONVERT TO"))
		parse_convert(p, d);
	else if (!parse_options(p, d))
		dm_parser_fail(p, "an action of ALTER TABLE");
}

void
dm_parse_alter_table(struct dm_parser *p, struct dm_ddl *d)
{
	d->if_exists = dm_parser_accept(p, "IF EXISTS");
	dm_parse_add_table(p, d);
	dm_parse_wait(p);
	if (dm_parser_at_end(p) || dm_parser_is(p, ";"))
		return;
	for (;;) {
		parse_action(p, d);
		if (dm_parser_accept(p, ","))
			continue;
		/* These may follow without a comma. */
		if (!dm_parser_is(p, "PARTITION BY") &&
		    !dm_parser_is(p, "REMOVE PARTITIONING"))
			break;
	}
}
