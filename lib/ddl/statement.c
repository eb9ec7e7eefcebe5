/* SPDX-License-Identifier: Apache-2.0 */
/* The first words decide; simple statements are read here. */
#include "lib/ddl/parser.h"

#include <string.h>

void
dm_parse_keyword(struct dm_ddl *d, const char *keyword)
{
	g_free(d->keyword);
	d->keyword = g_strdup(keyword);
}

void
dm_parse_add_table(struct dm_parser *p, struct dm_ddl *d)
{
	struct dm_table_name n = dm_parser_table_name(p);

	g_array_append_val(d->tables, n);
}

void
dm_parse_wait(struct dm_parser *p)
{
	if (dm_parser_accept(p, "NOWAIT"))
		return;
	/* RENAME TABLE wait TO b: a number follows only the clause. */
	if (dm_parser_is(p, "WAIT") &&
	    dm_parser_peek(p, 1)->kind == DM_TOK_NUMBER) {
		(void)dm_parser_take(p);
		(void)dm_parser_take(p);
	}
}

static void
set_kind(struct dm_ddl *d, enum dm_ddl_kind kind, const char *keyword)
{
	d->kind = kind;
	dm_parse_keyword(d, keyword);
}

static void
append_word(GString *out, const char *word)
{
	if (out->len > 0)
		g_string_append_c(out, ' ');
	g_string_append(out, word);
}

/* Options of a database: charset into one action, all of them into rest. */
static void
database_options(struct dm_parser *p, struct dm_ddl *d)
{
	struct dm_alter *a = dm_alter_new(d, DM_ALTER_OPTIONS);
	GString *out = g_string_new(NULL);

	for (;;) {
		g_autofree char *cs = NULL, *co = NULL;

		if (dm_parser_accept(p, "READ ONLY")) {
			struct dm_run run = { .out = out };

			append_word(out, "READ ONLY ");
			(void)dm_parser_accept(p, "=");
			dm_run_token(p, &run);
			continue;
		}
		if (dm_parser_is(p, "DEFAULT ENCRYPTION"))
			(void)dm_parser_take(p);
		if (!dm_parse_table_option(p, out, &cs, &co))
			break;
		if (cs != NULL) {
			append_word(out, "CHARACTER SET=");
			g_string_append(out, cs);
			g_free(a->charset);
			a->charset = DM_TAKE(cs);
		}
		if (co != NULL) {
			append_word(out, "COLLATE=");
			g_string_append(out, co);
			g_free(a->collation);
			a->collation = DM_TAKE(co);
		}
	}
	if (dm_parser_accept(p, "UPGRADE DATA DIRECTORY NAME"))
		append_word(out, "UPGRADE DATA DIRECTORY NAME");
	a->text = g_strdup(out->str);
	g_free(d->rest);
	d->rest = g_string_free(out, FALSE);
}

static void
add_database(struct dm_parser *p, struct dm_ddl *d, bool optional)
{
	struct dm_table_name n = { 0 };
	const struct dm_token *t = dm_parser_peek(p, 0);

	if (!optional || t->kind == DM_TOK_QUOTED ||
	    (t->kind == DM_TOK_WORD && !t->reserved &&
		!dm_parser_is(p, "CHARSET") &&
		strcmp(dm_parser_peek(p, 1)->text, "=") != 0))
		n.schema = dm_parser_name(p);
	g_array_append_val(d->tables, n);
}

static bool
accept_database(struct dm_parser *p, const char *verb)
{
	g_autofree char *a = g_strdup_printf("%s DATABASE", verb);
	g_autofree char *b = g_strdup_printf("%s SCHEMA", verb);

	return dm_parser_accept(p, a) || dm_parser_accept(p, b);
}

static void
drop_tables(struct dm_parser *p, struct dm_ddl *d)
{
	d->if_exists = dm_parser_accept(p, "IF EXISTS");
	do {
		dm_parse_add_table(p, d);
	} while (dm_parser_accept(p, ","));
	dm_parse_wait(p);
	if (!dm_parser_accept(p, "RESTRICT"))
		(void)dm_parser_accept(p, "CASCADE");
}

static void
rename_tables(struct dm_parser *p, struct dm_ddl *d)
{
	d->if_exists = dm_parser_accept(p, "IF EXISTS");
	do {
		dm_parse_add_table(p, d);
		dm_parse_wait(p);
		dm_parser_expect(p, "TO");
		dm_parse_add_table(p, d);
	} while (dm_parser_accept(p, ","));
}

static void
take_rest(struct dm_parser *p, struct dm_ddl *d)
{
	g_free(d->rest);
	d->rest = dm_run_rest_text(p);
}

/* ALGORITHM and LOCK behind an index statement. */
static void
index_tail(struct dm_parser *p, struct dm_ddl *d)
{
	GString *out = g_string_new(NULL);

	while (dm_parser_is(p, "ALGORITHM") || dm_parser_is(p, "LOCK")) {
		g_autofree char *value = NULL;

		append_word(
		    out, dm_parser_is(p, "LOCK") ? "LOCK=" : "ALGORITHM=");
		(void)dm_parser_take(p);
		(void)dm_parser_accept(p, "=");
		if (dm_parser_peek(p, 0)->kind != DM_TOK_WORD)
			dm_parser_fail(p, "a word");
		value = g_ascii_strup(dm_parser_take(p).text, -1);
		g_string_append(out, value);
	}
	g_free(d->rest);
	d->rest = g_string_free(out, FALSE);
}

static void
create_index(struct dm_parser *p, struct dm_ddl *d, enum dm_index_kind kind)
{
	struct dm_alter *a = dm_alter_new(d, DM_ALTER_ADD_INDEX);
	struct dm_index *x = dm_index_new(kind, NULL);

	a->index = x;
	d->if_not_exists = dm_parser_accept(p, "IF NOT EXISTS");
	a->if_not_exists = d->if_not_exists;
	x->name = dm_parser_name(p);
	/* The type may stand before ON, where it is no option. */
	if (dm_parser_is(p, "USING") || dm_parser_is(p, "TYPE"))
		dm_parse_index_options(p, x);
	dm_parser_expect(p, "ON");
	dm_parse_add_table(p, d);
	dm_parse_wait(p);
	dm_parse_index_parts(p, x);
	while (!dm_parser_at_end(p) && !dm_parser_is(p, ";")) {
		size_t before = strlen(x->options);

		if (dm_parser_is(p, "ALGORITHM") || dm_parser_is(p, "LOCK"))
			break;
		dm_parse_index_options(p, x);
		if (strlen(x->options) == before)
			break;
	}
	index_tail(p, d);
}

static bool
parse_create_index(struct dm_parser *p, struct dm_ddl *d)
{
	static const struct {
		const char *words;
		enum dm_index_kind kind;
	} forms[] = {
		{ "INDEX", DM_INDEX_PLAIN },
		{ "UNIQUE INDEX", DM_INDEX_UNIQUE },
		{ "FULLTEXT INDEX", DM_INDEX_FULLTEXT },
		{ "SPATIAL INDEX", DM_INDEX_SPATIAL },
	};

	for (size_t i = 0; i < DM_ARRAY_SIZE(forms); i++) {
		if (dm_parser_accept(p, forms[i].words)) {
			set_kind(d, DM_DDL_CREATE_INDEX, "CREATE INDEX");
			create_index(p, d, forms[i].kind);
			return true;
		}
	}
	return false;
}

static void
parse_create(struct dm_parser *p, struct dm_ddl *d)
{
	(void)dm_parser_take(p);
	d->or_replace = dm_parser_accept(p, "OR REPLACE");
	if (dm_parser_accept(p, "DATABASE") || dm_parser_accept(p, "SCHEMA")) {
		set_kind(d, DM_DDL_CREATE_DATABASE, "CREATE DATABASE");
		d->if_not_exists = dm_parser_accept(p, "IF NOT EXISTS");
		add_database(p, d, false);
		database_options(p, d);
	} else if (dm_parser_accept(p, "TABLE")) {
		dm_parse_keyword(d, "CREATE TABLE");
		dm_parse_create_table(p, d);
	} else if (dm_parser_accept(p, "SEQUENCE")) {
		set_kind(d, DM_DDL_CREATE_SEQUENCE, "CREATE SEQUENCE");
		d->if_not_exists = dm_parser_accept(p, "IF NOT EXISTS");
		dm_parse_add_table(p, d);
		take_rest(p, d);
	} else if (!parse_create_index(p, d)) {
		dm_parser_fail(p, "an object to create");
	}
}

static void
parse_alter(struct dm_parser *p, struct dm_ddl *d)
{
	if (accept_database(p, "ALTER")) {
		set_kind(d, DM_DDL_ALTER_DATABASE, "ALTER DATABASE");
		add_database(p, d, true);
		database_options(p, d);
		return;
	}
	(void)dm_parser_take(p);
	if (dm_parser_accept(p, "SEQUENCE")) {
		set_kind(d, DM_DDL_ALTER_SEQUENCE, "ALTER SEQUENCE");
		d->if_exists = dm_parser_accept(p, "IF EXISTS");
		dm_parse_add_table(p, d);
		take_rest(p, d);
		return;
	}
	(void)dm_parser_accept(p, "ONLINE");
	d->ignore = dm_parser_accept(p, "IGNORE");
	(void)dm_parser_accept(p, "ONLINE");
	dm_parser_expect(p, "TABLE");
	set_kind(d, DM_DDL_ALTER_TABLE, "ALTER TABLE");
	dm_parse_alter_table(p, d);
}

static void
parse_drop(struct dm_parser *p, struct dm_ddl *d)
{
	if (accept_database(p, "DROP")) {
		set_kind(d, DM_DDL_DROP_DATABASE, "DROP DATABASE");
		d->if_exists = dm_parser_accept(p, "IF EXISTS");
		add_database(p, d, false);
	} else if (dm_parser_accept(p, "DROP TABLE") ||
		   dm_parser_accept(p, "DROP TABLES")) {
		set_kind(d, DM_DDL_DROP_TABLE, "DROP TABLE");
		drop_tables(p, d);
	} else if (dm_parser_accept(p, "DROP SEQUENCE")) {
		set_kind(d, DM_DDL_DROP_SEQUENCE, "DROP SEQUENCE");
		drop_tables(p, d);
	} else if (dm_parser_accept(p, "DROP INDEX")) {
		struct dm_alter *a = dm_alter_new(d, DM_ALTER_DROP_INDEX);

		set_kind(d, DM_DDL_DROP_INDEX, "DROP INDEX");
		d->if_exists = dm_parser_accept(p, "IF EXISTS");
		a->if_exists = d->if_exists;
		a->name = dm_parser_name(p);
		dm_parser_expect(p, "ON");
		dm_parse_add_table(p, d);
		dm_parse_wait(p);
		index_tail(p, d);
	} else {
		dm_parser_fail(p, "a statement we know");
	}
}

/* MariaDB: the settings hold for the statement behind FOR. */
static void
skip_set_statement(struct dm_parser *p)
{
	while (dm_parser_accept(p, "SET STATEMENT")) {
		while (!dm_parser_at_end(p) && !dm_parser_accept(p, "FOR")) {
			if (dm_parser_is(p, "sql_mode"))
				dm_parser_fail(p,
				    "no change of sql_mode for one statement");
			(void)dm_parser_take(p);
		}
	}
}

void
dm_parse_statement(struct dm_parser *p, struct dm_ddl *d)
{
	skip_set_statement(p);
	if (dm_parse_skipped(p, d))
		return;
	if (dm_parser_is(p, "CREATE")) {
		parse_create(p, d);
	} else if (dm_parser_is(p, "ALTER")) {
		parse_alter(p, d);
	} else if (dm_parser_is(p, "DROP")) {
		parse_drop(p, d);
	} else if (dm_parser_accept(p, "RENAME TABLE") ||
		   dm_parser_accept(p, "RENAME TABLES")) {
		set_kind(d, DM_DDL_RENAME_TABLE, "RENAME TABLE");
		rename_tables(p, d);
	} else if (dm_parser_accept(p, "TRUNCATE")) {
		(void)dm_parser_accept(p, "TABLE");
		set_kind(d, DM_DDL_TRUNCATE_TABLE, "TRUNCATE TABLE");
		dm_parse_add_table(p, d);
		dm_parse_wait(p);
	} else {
		dm_parser_fail(p, "a statement we know");
	}
	while (dm_parser_accept(p, ";"))
		continue;
	if (!dm_parser_at_end(p))
		dm_parser_fail(p, "the end of the statement");
}
