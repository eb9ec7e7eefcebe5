/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Random DDL on a server, followed by our tracker.
 *
 *   ddl_fuzz SOCKET SEED COUNT
 *
 * Statements go to database `fa`. Of each that the server takes:
 * - our structure of every table is that of the server's SHOW CREATE TABLE, and
 *   its columns are those of information_schema, which is not read by our
 *   parser;
 * - our printing of it, with other names, makes of database `fb` what the
 *   server made of `fa`, compared as the server's own texts.
 * Prints the first difference with all statements up to it, or a summary:
 * `N taken, N refused by the server, N kinds`.
 */
#include "lib/ddl/ddl.h"
#include "lib/schema/tracker.h"
#include "lib/sql/sql.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ER_ERROR_ON_RENAME 1025
#define ER_NO_SUCH_KEY     1176
#define ER_DROP_INDEX_FK   1553

struct fuzz {
	struct dm_sql_conn *conn;
	struct dm_tracker *tracker;
	bool mariadb;
	bool foreign; /* with foreign keys */
	uint64_t random;
	unsigned taken, refused;
	unsigned kinds[64];   /* how often the server took each action */
	GArray *chosen;       /* unsigned: actions of the statement at hand */
	GHashTable *touched;  /* columns that they are about */
	GPtrArray *history;   /* char*: statements */
	const char *database; /* charset of both databases */
};

/* ---- chance ---- */

static unsigned
pick(struct fuzz *f, unsigned n)
{
	f->random ^= f->random << 13;
	f->random ^= f->random >> 7;
	f->random ^= f->random << 17;
	return (unsigned)((f->random >> 11) % n);
}

static bool
chance(struct fuzz *f, unsigned percent)
{
	return pick(f, 100) < percent;
}

#define PICK(f, array) ((array)[pick((f), DM_ARRAY_SIZE(array))])

/* Not with a space: ALTER .. RENAME TO leaves the old table, too, in MariaDB
 * 10.11 where its file has another name than the table. */
static const char *const table_names[] = { "t1", "t2", "`table`" };
static const char *const new_names[] = { "a", "b", "c", "d", "`e f`", "`g``h`",
	"`order`", "Z", "`\xc3\xa9t\xc3\xa9`", "i9" };
static const char *const key_names[] = { "k1", "k2", "k3", "`key 4`" };

static const char *const types_any[] = { "INT", "INT UNSIGNED", "TINYINT(1)",
	"SMALLINT", "MEDIUMINT UNSIGNED", "BIGINT", "BIGINT(20) UNSIGNED",
	"BOOL", "DECIMAL(10,2)", "NUMERIC(5)", "DEC", "FLOAT", "FLOAT(7,3)",
	"DOUBLE PRECISION", "REAL", "BIT", "BIT(13)", "YEAR", "DATE", "TIME",
	"TIME(3)", "DATETIME", "DATETIME(6)", "TIMESTAMP NULL", "CHAR",
	"CHAR(7)", "VARCHAR(20)", "VARCHAR(70) CHARACTER SET latin1",
	"CHAR(9) CHARSET utf8mb4 COLLATE utf8mb4_bin", "NVARCHAR(9)",
	"VARCHAR(30) COLLATE latin1_swedish_ci", "CHAR(5) BINARY", "BINARY(5)",
	"VARBINARY(33)", "CHARACTER VARYING(8)", "TINYTEXT", "TEXT",
	"TEXT(200)", "TEXT CHARACTER SET latin1", "MEDIUMTEXT", "LONGTEXT",
	"TINYBLOB", "BLOB", "BLOB(70000)", "LONGBLOB", "LONG VARCHAR",
	"ENUM('x','y z','it''s')", "SET('a','b','c')", "JSON", "POINT",
	"GEOMETRY", "INT(5) ZEROFILL", "ENUM('q') CHARACTER SET latin1",
	"VARCHAR(12) CHARACTER SET binary", "INT1", "INT8", "FIXED(8,3)",
	"CHAR(3) ASCII", "VARCHAR(7) CHARACTER SET ucs2", "NATIONAL CHAR(4)" };
static const char *const charsets[] = { "utf8mb4", "latin1", "utf8mb3",
	"utf8mb4 COLLATE utf8mb4_unicode_ci", "latin1 COLLATE latin1_bin",
	"cp1251", "binary" };

/* ---- what there is ---- */

static char *
quoted(const char *name)
{
	GString *s = g_string_new(NULL);

	dm_sql_append_ident(s, name);
	return g_string_free(s, FALSE);
}

/* A table of ours, or NULL. */
static const struct dm_table *
some_table(struct fuzz *f)
{
	g_autoptr(GPtrArray) all = dm_tracker_tables(f->tracker);

	return all->len == 0 ? NULL : g_ptr_array_index(all, pick(f, all->len));
}

/* Of a column once in a statement: what servers make of contradictions is
 * theirs. NULL: none was found. New string. */
static char *
untouched_column(struct fuzz *f, const struct dm_table *t)
{
	for (unsigned i = 0; i < 5; i++) {
		const struct dm_column *c =
		    g_ptr_array_index(t->columns, pick(f, t->columns->len));

		if (g_hash_table_add(f->touched, g_strdup(c->name)))
			return quoted(c->name);
	}
	return NULL;
}

/* New string: mostly a column that the table has. */
static char *
some_column(struct fuzz *f, const struct dm_table *t)
{
	const struct dm_column *c;

	if (chance(f, 4))
		return g_strdup(PICK(f, new_names));
	c = g_ptr_array_index(t->columns, pick(f, t->columns->len));
	return quoted(c->name);
}

static char *
some_index(struct fuzz *f, const struct dm_table *t)
{
	const struct dm_index *x;

	if (t->indexes->len == 0 || chance(f, 4))
		return g_strdup(PICK(f, key_names));
	x = g_ptr_array_index(t->indexes, pick(f, t->indexes->len));
	return quoted(x->name);
}

/* ---- pieces of statements ---- */

/* A default that fits many of the types; the server refuses the others. */
static void
add_default(struct fuzz *f, GString *s, const char *type)
{
	static const char *const numbers[] = { "0", "-1", "'7'", "1.5", "NULL",
		"TRUE", "+3", "1e2", "b'101'", "x'31'", "(1 + 2)" };
	static const char *const texts[] = { "''", "'abc'", "NULL",
		"'it''s \\\\ \\n'", "_utf8mb4'x'", "'a' 'b'", "N'n'",
		"(CONCAT('a', 'b'))" };
	static const char *const times[] = { "NULL", "'2001-02-03 04:05:06'",
		"CURRENT_TIMESTAMP", "NOW()", "CURRENT_TIMESTAMP(3)",
		"CURRENT_TIMESTAMP(6)", "CURRENT_TIMESTAMP(6) ON UPDATE NOW(6)",
		"LOCALTIME ON UPDATE CURRENT_TIMESTAMP" };

	if (g_str_has_prefix(type, "POINT") || g_str_has_prefix(type, "GEOM"))
		return; /* MariaDB 10.11 refuses such an ALTER too late */
	g_string_append(s, " DEFAULT ");
	if (g_str_has_prefix(type, "DATE") || g_str_has_prefix(type, "TIME") ||
	    chance(f, 4))
		g_string_append(s, PICK(f, times));
	else if (strstr(type, "CHAR") != NULL || strstr(type, "TEXT") != NULL ||
		 strstr(type, "BINARY") != NULL)
		g_string_append(s, PICK(f, texts));
	else if (g_str_has_prefix(type, "ENUM"))
		g_string_append(s, chance(f, 50) ? "'y z'" : "NULL");
	else
		g_string_append(s, PICK(f, numbers));
}

/* A generated column needs another one, which is there or made beside it. */
static void
add_generated(struct fuzz *f, GString *s, const struct dm_table *t)
{
	g_autofree char *of = some_column(f, t);
	/* Before and behind the column's name. */
	static const char *const forms[][2] = { { "(LENGTH(", ") + 1)" },
		{ "(", ")" }, { "(COALESCE(", ", 0))" },
		{ "(CONCAT(", ", '`x`'))" }, { "(IF(", " IS NULL, 1, -2))" } };
	unsigned form;

	g_string_append(s, chance(f, 50) ? " AS " : " GENERATED ALWAYS AS ");
	form = pick(f, DM_ARRAY_SIZE(forms));
	g_string_append_printf(s, "%s%s%s", forms[form][0], of, forms[form][1]);
	if (chance(f, 60))
		g_string_append(s, chance(f, 50) ? " STORED" : " VIRTUAL");
}

/* "INT UNSIGNED NOT NULL DEFAULT 0 COMMENT 'x'" */
static void
add_definition(struct fuzz *f, GString *s, const struct dm_table *t)
{
	const char *type = chance(f, 15) ? "INT" : PICK(f, types_any);

	g_string_append(s, type);
	if (chance(f, 8)) {
		add_generated(f, s, t);
	} else {
		if (chance(f, 35))
			g_string_append(s, " NOT NULL");
		else if (chance(f, 20))
			g_string_append(s, " NULL");
		if (chance(f, 40))
			add_default(f, s, type);
		else if (chance(f, 5))
			g_string_append(s, " AUTO_INCREMENT");
	}
	if (chance(f, 5))
		g_string_append(s, " INVISIBLE");
	if (chance(f, 6))
		g_string_append(s, " UNIQUE");
	else if (chance(f, 4))
		g_string_append(s, " PRIMARY KEY");
	else if (chance(f, 2))
		g_string_append(s, " KEY");
	if (chance(f, 12))
		g_string_append(s, " COMMENT 'a, (b) ''c'' `d`'");
	/* In MySQL it is the table's, and goes with any column. */
	if (f->mariadb && chance(f, 3))
		g_string_append(s, " CHECK (1 < 2)");
}

static void
add_place(struct fuzz *f, GString *s, const struct dm_table *t)
{
	g_autofree char *c = some_column(f, t);

	if (chance(f, 15))
		g_string_append(s, " FIRST");
	else if (chance(f, 30))
		g_string_append_printf(s, " AFTER %s", c);
}

/* "(a, b(3) DESC)" */
static void
add_parts(struct fuzz *f, GString *s, const struct dm_table *t)
{
	unsigned n = 1 + pick(f, 3);

	g_string_append(s, " (");
	for (unsigned i = 0; i < n; i++) {
		g_autofree char *c = some_column(f, t);

		g_string_append_printf(s, "%s%s", i > 0 ? ", " : "", c);
		if (chance(f, 25))
			g_string_append_printf(s, "(%u)", 1 + pick(f, 12));
		if (chance(f, 15))
			g_string_append(s, chance(f, 60) ? " DESC" : " ASC");
	}
	g_string_append_c(s, ')');
	if (chance(f, 8))
		g_string_append(s, " USING BTREE");
	if (chance(f, 6))
		g_string_append(s, " COMMENT 'of key'");
}

static void
add_index(struct fuzz *f, GString *s, const struct dm_table *t)
{
	static const char *const kinds[] = { "INDEX", "KEY", "UNIQUE",
		"UNIQUE KEY", "UNIQUE INDEX", "FULLTEXT KEY", "SPATIAL INDEX" };

	if (chance(f, 15)) {
		g_string_append(s, chance(f, 20) ? "CONSTRAINT pk PRIMARY KEY"
						 : "PRIMARY KEY");
	} else {
		g_string_append(s, PICK(f, kinds));
		if (chance(f, 70))
			g_string_append_printf(s, " %s", PICK(f, key_names));
	}
	add_parts(f, s, t);
}

/* The first column that a foreign key may be of; else any. */
static char *
some_reference(struct fuzz *f, const struct dm_table *t)
{
	for (guint i = pick(f, t->columns->len); i < t->columns->len; i++) {
		const struct dm_column *c = g_ptr_array_index(t->columns, i);

		if (c->type == DM_T_INT && !c->is_unsigned)
			return quoted(c->name);
	}
	return some_column(f, t);
}

/* To `parent`, which has a key on (id). */
static void
add_foreign_key(struct fuzz *f, GString *s, const struct dm_table *t)
{
	static const char *const actions[] = { "", " ON DELETE CASCADE",
		" ON DELETE SET NULL ON UPDATE RESTRICT",
		" ON UPDATE NO ACTION" };
	g_autofree char *c = some_reference(f, t);

	if (chance(f, 50))
		g_string_append_printf(s, "CONSTRAINT f%u ", pick(f, 3));
	g_string_append(s, "FOREIGN KEY ");
	if (chance(f, 30))
		g_string_append(s, PICK(f, key_names));
	g_string_append_printf(
	    s, " (%s) REFERENCES parent (id)%s", c, PICK(f, actions));
}

static void
add_check(struct fuzz *f, GString *s, const struct dm_table *t)
{
	g_autofree char *c = some_column(f, t);

	if (chance(f, 60))
		g_string_append_printf(s, "CONSTRAINT ck%u ", pick(f, 3));
	g_string_append_printf(s, "CHECK (%s IS NOT NULL OR 1 = 1)", c);
}

static void
add_options(struct fuzz *f, GString *s)
{
	static const char *const options[] = { "COMMENT='t ''c'''",
		"ENGINE=InnoDB", "AUTO_INCREMENT=77", "ROW_FORMAT=DYNAMIC",
		"STATS_PERSISTENT=1", "ENGINE = INNODB COMMENT 'two'",
		"MAX_ROWS=1000", "KEY_BLOCK_SIZE=0" };

	g_string_append(s, PICK(f, options));
}

/* ---- actions of ALTER TABLE ---- */

enum action {
	ADD_COLUMN,
	ADD_COLUMNS,
	DROP_COLUMN,
	MODIFY,
	CHANGE,
	RENAME_COLUMN,
	SET_DEFAULT,
	DROP_DEFAULT,
	ADD_INDEX,
	DROP_INDEX,
	DROP_PRIMARY,
	RENAME_INDEX,
	ADD_FOREIGN,
	DROP_FOREIGN,
	ADD_CHECK,
	DROP_CONSTRAINT,
	CONVERT,
	DEFAULT_CHARSET,
	OPTIONS,
	RENAME_TO,
	ORDER_OR_FORCE,
	INDEX_HIDDEN,
	ACTIONS, /* of ALTER; behind it the other statements */
	CREATE = ACTIONS,
	CREATE_LIKE,
	DROP,
	TRUNCATE,
	RENAME,
	CREATE_INDEX,
	DROP_INDEX_ON,
	KINDS
};

static bool
is_keyed(const struct dm_table *t, const char *quoted_column)
{
	for (guint i = 0; i < t->indexes->len; i++) {
		const struct dm_index *x = g_ptr_array_index(t->indexes, i);

		for (guint k = 0; k < x->parts->len; k++) {
			g_autofree char *name = quoted(
			    g_array_index(x->parts, struct dm_index_part, k)
				.column);

			if (strcmp(name, quoted_column) == 0)
				return true;
		}
	}
	return false;
}

/* The column of a name that may be quoted, or NULL. */
static const struct dm_column *
find_column(const struct dm_table *t, const char *name)
{
	for (guint i = 0; i < t->columns->len; i++) {
		const struct dm_column *c = g_ptr_array_index(t->columns, i);
		g_autofree char *quoted_name = quoted(c->name);

		if (strcmp(quoted_name, name) == 0 ||
		    g_ascii_strcasecmp(c->name, name) == 0)
			return c;
	}
	return NULL;
}

static bool
is_geometry(const struct dm_table *t, const char *column)
{
	const struct dm_column *c = find_column(t, column);

	return c != NULL && c->type == DM_T_GEOMETRY;
}

/* Of a key's column the old definition: what MariaDB makes of the key's prefix
 * where the type changes depends on the length in bytes of the old one. */
static void
add_new_definition(
    struct fuzz *f, GString *s, const struct dm_table *t, const char *column)
{
	const struct dm_column *c = find_column(t, column);
	g_autofree char *name = NULL;
	gsize from = s->len;

	if (c == NULL || !is_keyed(t, column)) {
		add_definition(f, s, t);
		return;
	}
	name = quoted(c->name);
	dm_column_print(s, c);
	g_string_erase(s, (gssize)from, (gssize)strlen(name) + 1);
}

/* A name for a column to come: together with other actions one that was not
 * there, for those tell the old from the new in ways of their own. */
static const char *
new_column(struct fuzz *f, const GString *s, const struct dm_table *t)
{
	const char *name = PICK(f, new_names);

	for (unsigned i = 0; i < 20; i++) {
		if (strstr(s->str, ", ") == NULL ||
		    find_column(t, name) == NULL)
			break;
		name = PICK(f, new_names);
	}
	return name;
}

static void
add_column_action(
    struct fuzz *f, GString *s, const struct dm_table *t, enum action kind)
{
	g_autofree char *c = untouched_column(f, t);
	const char *new_name = new_column(f, s, t);

	if (c == NULL) {
		g_string_append(s, "FORCE");
		return;
	}
	switch (kind) {
	case ADD_COLUMN:
		/* A key in such a definition is made in ways of their own
		 * where the column is there. */
		if (f->mariadb && chance(f, 15)) {
			g_string_append_printf(
			    s, "ADD COLUMN IF NOT EXISTS %s INT", new_name);
			break;
		}
		g_string_append_printf(
		    s, "ADD %s%s ", chance(f, 50) ? "COLUMN " : "", new_name);
		add_definition(f, s, t);
		add_place(f, s, t);
		break;
	case ADD_COLUMNS:
		g_string_append_printf(s, "ADD COLUMN (%s ", new_name);
		add_definition(f, s, t);
		g_string_append_printf(s, ", %s ", PICK(f, new_names));
		add_definition(f, s, t);
		g_string_append_c(s, ')');
		break;
	case DROP_COLUMN:
		/* It may come again in the same statement. */
		if (is_keyed(t, c) && strstr(s->str, ", ") != NULL) {
			g_string_append(s, "FORCE");
			break;
		}
		g_string_append_printf(s, "DROP %s%s%s",
		    chance(f, 50) ? "COLUMN " : "",
		    f->mariadb && chance(f, 15) ? "IF EXISTS " : "", c);
		break;
	case MODIFY:
		g_string_append_printf(s, "MODIFY %s%s ",
		    f->mariadb && chance(f, 10) ? "IF EXISTS " : "", c);
		add_new_definition(f, s, t, c);
		add_place(f, s, t);
		break;
	case CHANGE:
		g_string_append_printf(
		    s, "CHANGE %s %s ", c, chance(f, 40) ? c : new_name);
		add_new_definition(f, s, t, c);
		add_place(f, s, t);
		break;
	case RENAME_COLUMN:
		g_string_append_printf(
		    s, "RENAME COLUMN %s TO %s", c, new_name);
		break;
	case SET_DEFAULT:
		if (is_geometry(t, c)) {
			g_string_append(s, "FORCE"); /* as in add_default */
			break;
		}
		g_string_append_printf(s, "ALTER %s SET", c);
		add_default(f, s, chance(f, 50) ? "INT" : "CHAR");
		break;
	default:
		g_string_append_printf(s, "ALTER COLUMN %s DROP DEFAULT", c);
		break;
	}
}

static void
add_key_action(
    struct fuzz *f, GString *s, const struct dm_table *t, enum action kind)
{
	g_autofree char *x = some_index(f, t);
	const struct dm_foreign_key *fk;

	switch (kind) {
	case ADD_INDEX:
		g_string_append(s, "ADD ");
		add_index(f, s, t);
		break;
	case DROP_INDEX:
		g_string_append_printf(
		    s, "DROP %s %s", chance(f, 50) ? "INDEX" : "KEY", x);
		break;
	case DROP_PRIMARY:
		g_string_append(s, "DROP PRIMARY KEY");
		break;
	case RENAME_INDEX:
		g_string_append_printf(s, "RENAME %s %s TO %s",
		    chance(f, 50) ? "INDEX" : "KEY", x, PICK(f, key_names));
		break;
	case ADD_FOREIGN:
		if (!f->foreign) {
			g_string_append(s, "FORCE");
			break;
		}
		g_string_append(s, "ADD ");
		add_foreign_key(f, s, t);
		break;
	case DROP_FOREIGN:
		if (t->foreign_keys->len == 0) {
			g_string_append(s, "DROP FOREIGN KEY f1");
			break;
		}
		fk = g_ptr_array_index(
		    t->foreign_keys, pick(f, t->foreign_keys->len));
		g_string_append_printf(s, "DROP FOREIGN KEY %s", fk->name);
		break;
	case ADD_CHECK:
		g_string_append(s, "ADD ");
		add_check(f, s, t);
		break;
	case DROP_CONSTRAINT:
		g_string_append_printf(s, "DROP CONSTRAINT ck%u", pick(f, 3));
		break;
	default: /* INDEX_HIDDEN */
		g_string_append_printf(s, "ALTER INDEX %s %s", x,
		    f->mariadb      ? chance(f, 50) ? "IGNORED" : "NOT IGNORED"
		    : chance(f, 50) ? "INVISIBLE"
				    : "VISIBLE");
		break;
	}
}

/* MariaDB's JSON, a text of its own, becomes LONGBLOB then; our tracker keeps
 * JSON, which only a MariaDB source tells apart. */
static const char *
some_charset(struct fuzz *f, const struct dm_table *t)
{
	for (guint i = 0; i < t->columns->len; i++) {
		const struct dm_column *c = g_ptr_array_index(t->columns, i);

		if (c->type == DM_T_JSON)
			return "utf8mb4";
	}
	return PICK(f, charsets);
}

static void
add_table_action(
    struct fuzz *f, GString *s, const struct dm_table *t, enum action kind)
{
	g_autofree char *c = NULL;

	switch (kind) {
	case CONVERT:
	case DEFAULT_CHARSET:
		if (strchr(s->str, ',') != NULL)
			g_string_append(s, "FORCE"); /* see add_action */
		else if (kind == CONVERT)
			g_string_append_printf(s, "CONVERT TO CHARACTER SET %s",
			    some_charset(f, t));
		else
			g_string_append_printf(s, "%sCHARACTER SET %s",
			    chance(f, 50) ? "DEFAULT " : "", PICK(f, charsets));
		break;
	case OPTIONS:
		add_options(f, s);
		break;
	case RENAME_TO:
		/* Where MariaDB 10.11 copies the table, its foreign keys are
		 * lost on the way. */
		if (t->foreign_keys->len > 0) {
			g_string_append(s, "FORCE");
			break;
		}
		g_string_append_printf(s, "RENAME TO %s", PICK(f, table_names));
		break;
	default: /* ORDER_OR_FORCE */
		c = some_column(f, t);
		if (chance(f, 50))
			g_string_append(s, "FORCE");
		else
			g_string_append_printf(s, "ORDER BY %s", c);
		break;
	}
}

static void
add_action(struct fuzz *f, GString *s, const struct dm_table *t)
{
	/* Columns come first, and more often. */
	unsigned kind = chance(f, 50) ? pick(f, ADD_INDEX) : pick(f, ACTIONS);

	/* What CONVERT makes of other charsets in the same statement is the
	 * server's own. */
	if (strstr(s->str, "CONVERT TO") != NULL)
		kind = ORDER_OR_FORCE;
	g_array_append_val(f->chosen, kind);
	if (kind < ADD_INDEX)
		add_column_action(f, s, t, kind);
	else if (kind < CONVERT || kind == INDEX_HIDDEN)
		add_key_action(f, s, t, kind);
	else
		add_table_action(f, s, t, kind);
}

/* ---- statements ---- */

static void
make_create(struct fuzz *f, GString *s)
{
	unsigned n = 1 + pick(f, 6);
	DM_AUTO(dm_table) made = dm_table_new("fa", "x");

	g_string_append_printf(s, "CREATE TABLE %s%s (",
	    chance(f, 20) ? "IF NOT EXISTS " : "", PICK(f, table_names));
	for (unsigned i = 0; i < n; i++) {
		const char *name =
		    new_names[(pick(f, 3) + 3 * i) % DM_ARRAY_SIZE(new_names)];
		struct dm_column *c = dm_column_new();

		g_string_append_printf(s, "%s%s ", i > 0 ? ", " : "", name);
		/* Keys and expressions may name it: bare names only. */
		c->name = g_strdup(name[0] == '`' ? "a" : name);
		g_ptr_array_add(made->columns, c);
		add_definition(f, s, made);
	}
	for (unsigned i = pick(f, 3); i > 0; i--) {
		g_string_append(s, ", ");
		if (chance(f, 75))
			add_index(f, s, made);
		else if (f->foreign && chance(f, 50))
			add_foreign_key(f, s, made);
		else
			add_check(f, s, made);
	}
	g_string_append_c(s, ')');
	if (chance(f, 30))
		g_string_append_printf(
		    s, " DEFAULT CHARSET=%s", PICK(f, charsets));
	if (chance(f, 20)) {
		g_string_append_c(s, ' ');
		add_options(f, s);
	}
}

static void
make_alter(struct fuzz *f, GString *s, const struct dm_table *t)
{
	g_autofree char *name = quoted(t->name);
	unsigned n = chance(f, 60) ? 1 : 2 + pick(f, 3);

	g_string_append_printf(s, "ALTER TABLE %s ", name);
	for (unsigned i = 0; i < n; i++) {
		if (i > 0)
			g_string_append(s, ", ");
		add_action(f, s, t);
	}
	if (chance(f, 4))
		g_string_append(s, ", ALGORITHM=COPY");
}

static void
make_other(
    struct fuzz *f, GString *s, const struct dm_table *t, enum action kind)
{
	g_autofree char *name = quoted(t->name), *x = some_index(f, t);
	const char *other = PICK(f, table_names);

	switch (kind) {
	case CREATE_LIKE:
		g_string_append_printf(
		    s, "CREATE TABLE %s LIKE %s", other, name);
		break;
	case DROP:
		g_string_append_printf(s, "DROP TABLE %s%s",
		    chance(f, 30) ? "IF EXISTS " : "", name);
		break;
	case TRUNCATE:
		g_string_append_printf(s, "TRUNCATE %s", name);
		break;
	case RENAME:
		g_string_append_printf(s, "RENAME TABLE %s TO %s", name, other);
		break;
	case CREATE_INDEX:
		g_string_append_printf(s, "CREATE %sINDEX %s ON %s",
		    chance(f, 30) ? "UNIQUE " : "", PICK(f, key_names), name);
		add_parts(f, s, t);
		break;
	default: /* DROP_INDEX_ON */
		g_string_append_printf(s, "DROP INDEX %s ON %s", x, name);
		break;
	}
}

/* New string. */
static char *
make_statement(struct fuzz *f)
{
	const struct dm_table *t = some_table(f);
	GString *s = g_string_new(NULL);
	unsigned kind = CREATE;

	g_array_set_size(f->chosen, 0);
	g_hash_table_remove_all(f->touched);
	if (t != NULL && chance(f, 80)) {
		make_alter(f, s, t);
		return g_string_free(s, FALSE);
	}
	if (t != NULL && chance(f, 60))
		kind = CREATE_LIKE + pick(f, KINDS - CREATE_LIKE);
	g_array_append_val(f->chosen, kind);
	if (kind == CREATE)
		make_create(f, s);
	else
		make_other(f, s, t, kind);
	return g_string_free(s, FALSE);
}

/* ---- looking at the server ---- */

static _Noreturn void
fail(struct fuzz *f, const char *what, const char *detail)
{
	(void)printf("-- history:\n");
	for (guint i = 0; i < f->history->len; i++)
		(void)printf(
		    "%s;\n", (const char *)g_ptr_array_index(f->history, i));
	(void)printf("-- %s: %s\n", what, detail);
	exit(1);
}

static void
must(struct fuzz *f, const char *what, struct dm_err *err)
{
	g_autofree char *text = err == NULL ? NULL : dm_err_text(err);

	if (err != NULL)
		fail(f, what, text);
}

/* Cells of column `column` of a query. New array of new strings. */
static GPtrArray *
cells(struct fuzz *f, unsigned column, const char *query)
{
	GPtrArray *all = g_ptr_array_new_with_free_func(g_free);
	DM_AUTO(dm_sql_result) res = NULL;
	struct dm_sql_row row;
	bool more = true;

	must(f, query, dm_sql_query(f->conn, query, strlen(query), true, &res));
	while (must(f, query, dm_sql_next(res, &row, &more)), more)
		g_ptr_array_add(all, g_strdup(row.cells[column]));
	return all;
}

static char *
show_create(struct fuzz *f, const char *schema, const char *table)
{
	g_autofree char *name = dm_sql_quote_table(schema, table);
	g_autofree char *query = g_strconcat("SHOW CREATE TABLE ", name, NULL);
	g_autoptr(GPtrArray) got = cells(f, 1, query);

	return g_strdup(g_ptr_array_index(got, 0));
}

/* As information_schema tells it. */
static const char *
charset_of(const struct fuzz *f, const struct dm_column *c)
{
	if (c->type == DM_T_JSON)
		return !f->mariadb          ? "-"
		       : c->charset == NULL ? "utf8mb4"
					    : c->charset;
	/* An ENUM of bytes has a charset, or none. */
	if (!dm_type_is_text(c->type) ||
	    (!f->mariadb && g_strcmp0(c->charset, "binary") == 0))
		return "-";
	return g_strcmp0(c->charset, "utf8") == 0 ? "utf8mb3" : c->charset;
}

/* Columns as information_schema has them against our structure. */
static void
check_columns(struct fuzz *f, const struct dm_table *t)
{
	GString *query = g_string_new(
	    "SELECT CONCAT_WS(' ',column_name,is_nullable,"
	    "IFNULL(character_set_name,'-'),"
	    "IF(extra LIKE '%auto_increment%','auto','-'),"
	    "IF(generation_expression IS NULL OR generation_expression='',"
	    "'-','generated')) FROM information_schema.columns "
	    "WHERE table_schema='fa' AND table_name=");
	GString *ours = g_string_new(NULL), *theirs = g_string_new(NULL);
	GPtrArray *got;

	dm_sql_append_string(query, t->name, strlen(t->name));
	g_string_append(query, " ORDER BY ordinal_position");
	got = cells(f, 0, query->str);
	for (guint i = 0; i < got->len; i++)
		g_string_append_printf(
		    theirs, "%s\n", (const char *)g_ptr_array_index(got, i));
	for (guint i = 0; i < t->columns->len; i++) {
		const struct dm_column *c = g_ptr_array_index(t->columns, i);

		g_string_append_printf(ours, "%s %s %s %s %s\n", c->name,
		    c->not_null ? "NO" : "YES", charset_of(f, c),
		    c->auto_increment ? "auto" : "-",
		    c->generated ? "generated" : "-");
	}
	if (strcmp(ours->str, theirs->str) != 0) {
		g_string_append_printf(
		    ours, "where information_schema has\n%s", theirs->str);
		fail(f, t->name, ours->str);
	}
	g_ptr_array_unref(got);
	g_string_free(query, TRUE);
	g_string_free(ours, TRUE);
	g_string_free(theirs, TRUE);
}

/* Prefixes are compared by the servers' texts: what becomes of one where the
 * column's type changes depends on the bytes of the old one. MariaDB forgets
 * the direction of a geometry with the next copy of the table. */
static void
prepare_keys(struct dm_table *t, bool forget_plain)
{
	for (guint i = t->indexes->len; i > 0; i--) {
		const struct dm_index *x = g_ptr_array_index(t->indexes, i - 1);

		for (guint k = 0; k < x->parts->len; k++) {
			struct dm_index_part *part =
			    &g_array_index(x->parts, struct dm_index_part, k);

			part->prefix = -1;
			if (part->column != NULL &&
			    is_geometry(t, part->column))
				part->descending = false;
		}
		if (forget_plain && x->kind >= DM_INDEX_PLAIN)
			g_ptr_array_remove_index(t->indexes, i - 1);
	}
}

/* Which of the keys that MariaDB made for foreign keys it keeps is not always
 * the same: where there are any, plain keys do not count. New string or NULL.
 */
static char *
difference(struct fuzz *f, const struct dm_table *a, const struct dm_table *b)
{
	DM_AUTO(dm_table) one = dm_table_copy(a);
	DM_AUTO(dm_table) other = dm_table_copy(b);

	/* MySQL drops checks with columns that they do not name. */
	if (!f->mariadb) {
		g_ptr_array_set_size(one->checks, 0);
		g_ptr_array_set_size(other->checks, 0);
	}
	prepare_keys(one, f->foreign);
	prepare_keys(other, f->foreign);
	return dm_table_diff(one, other);
}

/* Of two tables at the server. */
static bool
same_text(struct fuzz *f, const char *a, const char *b)
{
	DM_AUTO(dm_table) one = NULL;
	DM_AUTO(dm_table) other = NULL;
	g_autofree char *diff = NULL;

	if (!f->foreign)
		return strcmp(a, b) == 0;
	must(f, a, dm_schema_parse_create(a, 0, "fa", f->database, &one));
	must(f, b, dm_schema_parse_create(b, 0, "fa", f->database, &other));
	diff = difference(f, one, other);
	return diff == NULL;
}

static void
check_table(struct fuzz *f, const char *name)
{
	g_autofree char *text = show_create(f, "fa", name);
	g_autofree char *routed = show_create(f, "fb", name);
	const struct dm_table *ours = dm_tracker_get(f->tracker, "fa", name);
	DM_AUTO(dm_table) theirs = NULL;
	g_autofree char *diff = NULL, *printed = NULL;

	if (ours == NULL)
		fail(f, name, "is at the server, not with us");
	must(f, text,
	    dm_schema_parse_create(text, 0, "fa", f->database, &theirs));
	diff = difference(f, ours, theirs);
	printed = dm_table_create_sql(ours, NULL, NULL);
	if (diff != NULL) {
		(void)printf("-- server: %s\n-- ours: %s\n", text, printed);
		fail(f, name, diff);
	}
	check_columns(f, ours);
	if (!same_text(f, text, routed)) {
		(void)printf("-- in fa: %s\n-- in fb: %s\n", text, routed);
		fail(f, name, "printed, the statement does something else");
	}
}

static void
check_all(struct fuzz *f)
{
	g_autoptr(GPtrArray) theirs = cells(
	    f, 0, "SHOW FULL TABLES FROM fa WHERE Tables_in_fa <> 'parent'");
	g_autoptr(GPtrArray) routed = cells(
	    f, 0, "SHOW FULL TABLES FROM fb WHERE Tables_in_fb <> 'parent'");
	g_autoptr(GPtrArray) ours = dm_tracker_tables(f->tracker);

	if (theirs->len != ours->len || theirs->len != routed->len) {
		g_autofree char *n = g_strdup_printf("%u at the server, %u "
						     "routed, %u with us",
		    theirs->len, routed->len, ours->len);

		fail(f, "number of tables", n);
	}
	for (guint i = 0; i < theirs->len; i++)
		check_table(f, g_ptr_array_index(theirs, i));
}

/* ---- one statement ---- */

static void
to_b(const char *schema, const char *table DM_UNUSED, char **new_schema,
    char **new_table DM_UNUSED, void *arg DM_UNUSED)
{
	if (strcmp(schema, "fa") == 0)
		*new_schema = g_strdup("fb");
}

/* The other database's answer: NULL or the server's error. */
static struct dm_err *
follow(struct fuzz *f, const char *sql)
{
	struct dm_table_name missing = { 0 };
	DM_AUTO(dm_ddl) d = NULL;
	g_autofree char *printed = NULL, *again = NULL;
	DM_AUTO(dm_ddl) second = NULL;

	must(f, "parsing", dm_ddl_parse(sql, strlen(sql), 0, &d));
	printed = dm_ddl_restore(d, "fa", true, to_b, NULL);
	must(f, printed, dm_ddl_parse(printed, strlen(printed), 0, &second));
	again = dm_ddl_restore(second, "fa", true, NULL, NULL);
	if (strcmp(printed, again) != 0) {
		(void)printf("-- once: %s\n-- twice: %s\n", printed, again);
		fail(f, "printing", "is not stable");
	}
	must(f, "tracker",
	    dm_tracker_apply(f->tracker, d, "fa", &missing, NULL));
	return dm_sql_exec(f->conn, printed, strlen(printed), NULL);
}

/* A new beginning, so that a history stays short. */
static void
begin(struct fuzz *f)
{
	static const char *const statements[] = {
		"DROP DATABASE IF EXISTS fa",
		"DROP DATABASE IF EXISTS fb",
		"CREATE DATABASE fa CHARACTER SET %s",
		"CREATE DATABASE fb CHARACTER SET %s",
		"CREATE TABLE fa.parent (id INT PRIMARY KEY)",
		"CREATE TABLE fb.parent (id INT PRIMARY KEY)",
		"USE fa",
	};

	f->database = chance(f, 50) ? "utf8mb4" : "latin1";
	for (size_t i = 0; i < DM_ARRAY_SIZE(statements); i++) {
		char **half = g_strsplit(statements[i], "%s", 2);
		g_autofree char *sql = g_strjoinv(f->database, half);

		g_strfreev(half);
		must(f, sql, dm_sql_exec(f->conn, sql, strlen(sql), NULL));
	}
	dm_tracker_free(f->tracker);
	f->tracker = dm_tracker_new(true);
	dm_tracker_set_database(f->tracker, "fa", f->database, NULL);
	g_ptr_array_set_size(f->history, 0);
	g_ptr_array_add(
	    f->history, g_strdup_printf("-- database: %s", f->database));
}

static void
step(struct fuzz *f)
{
	g_autofree char *sql = make_statement(f);
	struct dm_err *err = dm_sql_exec(f->conn, sql, strlen(sql), NULL);

	if (err != NULL) {
		if (dm_sql_last_errno(f->conn) >= 2000 &&
		    dm_sql_last_errno(f->conn) < 3000)
			must(f, sql, err);
		g_ptr_array_add(f->history,
		    g_strdup_printf("-- refused: %s: %s", sql, err->cause));
		f->refused++;
		/* MariaDB 10.11 loses foreign keys then. */
		if (dm_sql_last_errno(f->conn) == ER_ERROR_ON_RENAME)
			begin(f);
		dm_err_free(err);
		return;
	}
	f->taken++;
	g_ptr_array_add(f->history, g_strdup(sql));
	for (guint i = 0; i < f->chosen->len; i++)
		f->kinds[g_array_index(f->chosen, unsigned, i)]++;
	err = follow(f, sql);
	/* The two databases may have kept other keys for a foreign key: see
	 * difference(). */
	if (f->foreign && err != NULL &&
	    (dm_sql_last_errno(f->conn) == ER_DROP_INDEX_FK ||
		dm_sql_last_errno(f->conn) == ER_NO_SUCH_KEY)) {
		dm_err_free(err);
		begin(f);
		return;
	}
	must(f, sql, err);
	check_all(f);
}

int
main(int argc, char **argv)
{
	struct dm_sql_params p = { .user = "root", .password = "" };
	struct fuzz f = { 0 };
	unsigned met = 0;

	if (argc != 4) {
		(void)fprintf(stderr, "usage: ddl_fuzz SOCKET SEED COUNT\n");
		return 2;
	}
	f.random =
	    g_ascii_strtoull(argv[2], NULL, 10) * UINT64_C(0x9e3779b97f4a7c15) +
	    1;
	f.chosen = g_array_new(FALSE, FALSE, sizeof(unsigned));
	f.touched =
	    g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	f.history = g_ptr_array_new_with_free_func(g_free);
	p.host = argv[1];
	must(&f, "connecting", dm_sql_connect(&p, false, NULL, &f.conn));
	/* Every fourth seed. */
	f.foreign = g_ascii_strtoull(argv[2], NULL, 10) % 4 == 0;
	f.mariadb = dm_sql_is_mariadb(f.conn);
	for (uint64_t i = 0, n = g_ascii_strtoull(argv[3], NULL, 10); i < n;
	     i++) {
		if (i % 200 == 0)
			begin(&f);
		step(&f);
	}
	for (unsigned i = 0; i < KINDS; i++)
		met += f.kinds[i] > 0;
	(void)printf("%u taken, %u refused by the server, %u of %d kinds\n",
	    f.taken, f.refused, met, KINDS);
	for (unsigned i = 0; i < KINDS; i++) {
		if (f.kinds[i] == 0)
			(void)printf("kind %u was not met\n", i);
	}
	dm_tracker_free(f.tracker);
	dm_sql_conn_free(f.conn);
	g_array_unref(f.chosen);
	g_hash_table_unref(f.touched);
	g_ptr_array_unref(f.history);
	return 0;
}
