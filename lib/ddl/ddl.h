/* SPDX-License-Identifier: Apache-2.0 */
/*
 * DDL: a lexer that knows sql_mode, comments and version comments, a parser of
 * the statements we replicate, and printing in canonical form with other names.
 * restore(parse(x)) is stable. Threads: any.
 */
#ifndef DM_LIB_DDL_DDL_H
#define DM_LIB_DDL_DDL_H

#include "lib/schema/table.h"

enum dm_ddl_kind {
	DM_DDL_CREATE_DATABASE,
	DM_DDL_ALTER_DATABASE,
	DM_DDL_DROP_DATABASE,
	DM_DDL_CREATE_TABLE,
	DM_DDL_CREATE_TABLE_LIKE,
	DM_DDL_DROP_TABLE,
	DM_DDL_TRUNCATE_TABLE,
	DM_DDL_RENAME_TABLE,
	DM_DDL_ALTER_TABLE,
	DM_DDL_CREATE_INDEX, /* one ADD INDEX action */
	DM_DDL_DROP_INDEX,   /* one DROP INDEX action */
	DM_DDL_CREATE_SEQUENCE,
	DM_DDL_ALTER_SEQUENCE,
	DM_DDL_DROP_SEQUENCE,
	/* Recognised, and skipped as DM documents (data-plane 5.9): views,
	 * triggers, routines, events, users, grants, FLUSH, ANALYZE,
	 * SAVEPOINT, DROP TEMPORARY TABLE, ... */
	DM_DDL_SKIPPED,
	/* BEGIN, COMMIT, ROLLBACK, XA ...: not DDL, see dm_ddl.keyword */
	DM_DDL_TRANSACTION,
	/* INSERT, UPDATE, DELETE, REPLACE, LOAD DATA as text: the source logs
	 * statements (36014) */
	DM_DDL_DML
};

enum dm_alter_kind {
	DM_ALTER_ADD_COLUMN,
	DM_ALTER_DROP_COLUMN,
	DM_ALTER_MODIFY_COLUMN,
	DM_ALTER_CHANGE_COLUMN,
	DM_ALTER_RENAME_COLUMN,
	DM_ALTER_COLUMN_DEFAULT, /* SET DEFAULT x / DROP DEFAULT */
	DM_ALTER_ADD_INDEX,      /* also PRIMARY, UNIQUE, FULLTEXT, SPATIAL */
	DM_ALTER_DROP_INDEX,     /* also DROP PRIMARY KEY: name "PRIMARY" */
	DM_ALTER_RENAME_INDEX,
	DM_ALTER_ADD_FOREIGN_KEY,
	DM_ALTER_DROP_FOREIGN_KEY,
	DM_ALTER_ADD_CHECK,
	DM_ALTER_DROP_CONSTRAINT,
	DM_ALTER_RENAME_TABLE,
	DM_ALTER_CONVERT_CHARSET,
	DM_ALTER_OPTIONS, /* ENGINE, COMMENT, AUTO_INCREMENT, charset, FORCE,
			     ALGORITHM, LOCK, ...: `text` holds it */
	DM_ALTER_PARTITION
};

struct dm_table_name {
	char *schema; /* NULL: the session's */
	char *table;  /* NULL for a database statement */
};

struct dm_alter {
	enum dm_alter_kind kind;
	bool if_exists, if_not_exists;
	char *name;     /* column, index, constraint: old name */
	char *new_name; /* RENAME COLUMN/INDEX */
	char *value;    /* COLUMN_DEFAULT: canonical; NULL: DROP DEFAULT */
	struct dm_column *column; /* ADD, MODIFY, CHANGE */
	bool first;               /* FIRST */
	char *after;              /* AFTER x */
	/* Of a column action: the key and the reference written in the
	 * column's definition. */
	struct dm_index *index;
	struct dm_foreign_key *foreign_key;
	/* RENAME; and the other table of EXCHANGE and CONVERT PARTITION, then
	 * text_after follows it. */
	struct dm_table_name rename_to;
	char *text_after;
	char *charset, *collation; /* CONVERT, OPTIONS */
	/* The action without table names: of OPTIONS, PARTITION, ADD_CHECK (as
	 * "CONSTRAINT `c` CHECK (..)"); NULL for the others. */
	char *text;
};

struct dm_ddl {
	enum dm_ddl_kind kind;
	char *keyword; /* first words, upper case: "CREATE VIEW" */
	bool if_exists, if_not_exists, or_replace, temporary;
	bool ignore; /* ALTER IGNORE TABLE: drops duplicates (MariaDB) */
	/* Tables in order of mention. RENAME: from, to, from, to, ...
	 * CREATE ... LIKE: new, old. Databases: one with table NULL. */
	GArray *tables;          /* struct dm_table_name */
	struct dm_table *create; /* CREATE TABLE; schema/name as written */
	/* struct dm_alter*. Databases: their charset as one OPTIONS action. */
	GPtrArray *alters;
	/* Canonical text behind the names: of databases, sequences, CREATE and
	 * DROP INDEX (ALGORITHM, LOCK), and "AS SELECT ..". "": none. */
	char *rest;
	bool create_select; /* CREATE TABLE ... SELECT */
};
void dm_ddl_free(struct dm_ddl *d);
DM_DEFINE_AUTO(dm_ddl)
void dm_alter_free(struct dm_alter *a);
void dm_table_name_clear(struct dm_table_name *n);

/* Bits of sql_mode that change parsing (MySQL's numbers). */
#define DM_SQLMODE_PIPES_AS_CONCAT      UINT64_C(0x2)
#define DM_SQLMODE_ANSI_QUOTES          UINT64_C(0x4)
#define DM_SQLMODE_IGNORE_SPACE         UINT64_C(0x8)
#define DM_SQLMODE_NO_BACKSLASH_ESCAPES UINT64_C(0x100000)

/* Errors: PARSE_SQL, with the place and what was met. A statement we do not
 * know is an error, never a guess. */
struct dm_err *dm_ddl_parse(const char *sql, size_t len, uint64_t sql_mode,
    struct dm_ddl **ddl) DM_MUST_CHECK;

/* Called for every table name of the statement; writes what to print, NULL
 * stays as it was. Names come with the schema filled in; table is NULL for a
 * database. Sequences named inside of expressions are not passed. */
typedef void dm_ddl_name_fn(const char *schema, const char *table,
    char **new_schema, char **new_table, void *arg);

/*
 * Canonical text: upper-case keywords, backquoted names. Every name carries its
 * schema (default_schema where it had none). map may be NULL. DM's additions
 * (CREATE DATABASE, TABLE IF NOT EXISTS, DROP DATABASE, TABLE IF EXISTS) where
 * `tolerant`; not for DROP INDEX, which MySQL does not have in that form. Of
 * SKIPPED, TRANSACTION and DML only the keyword is printed.
 */
char *dm_ddl_restore(const struct dm_ddl *d, const char *default_schema,
    bool tolerant, dm_ddl_name_fn *map, void *arg);

/*
 * DM's split into statements of one action: DROP TABLE by table, RENAME TABLE
 * by pair, ALTER TABLE by action, where those behind a RENAME use the new
 * name. Takes d. New array of struct dm_ddl, which it owns; one element where
 * there is nothing to split. Two columns that swap their names in one ALTER
 * cannot do so in two.
 */
GPtrArray *dm_ddl_split(struct dm_ddl *d);

#endif
