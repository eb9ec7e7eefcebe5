/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The structure of a table as CREATE TABLE tells it: what row decoding, key
 * choice and DDL tracking need. Plain data, owned as a tree.
 */
#ifndef DM_LIB_SCHEMA_TABLE_H
#define DM_LIB_SCHEMA_TABLE_H

#include "lib/err/err.h"

/* The family of a type, whatever its spelling in DDL. */
enum dm_type {
	DM_T_UNKNOWN,
	DM_T_TINYINT, /* also BOOL */
	DM_T_SMALLINT,
	DM_T_MEDIUMINT,
	DM_T_INT,
	DM_T_BIGINT,
	DM_T_DECIMAL,
	DM_T_FLOAT,
	DM_T_DOUBLE,
	DM_T_BIT,
	DM_T_YEAR,
	DM_T_DATE,
	DM_T_TIME,
	DM_T_DATETIME,
	DM_T_TIMESTAMP,
	DM_T_CHAR,
	DM_T_VARCHAR,
	DM_T_BINARY,
	DM_T_VARBINARY,
	DM_T_TINYTEXT,
	DM_T_TEXT,
	DM_T_MEDIUMTEXT,
	DM_T_LONGTEXT,
	DM_T_TINYBLOB,
	DM_T_BLOB,
	DM_T_MEDIUMBLOB,
	DM_T_LONGBLOB,
	DM_T_ENUM,
	DM_T_SET,
	DM_T_JSON,     /* MariaDB: LONGTEXT with a check; see the server */
	DM_T_GEOMETRY, /* and all its subtypes */
	DM_T_UUID,
	DM_T_INET4,
	DM_T_INET6,
	DM_T_VECTOR
};

struct dm_column {
	char *name;
	enum dm_type type;
	char *type_text;  /* "int(10) unsigned", lower case, as written */
	char *charset;    /* of char types: effective, lower case; NULL: not
			     known (the server's default) */
	char *collation;  /* effective where given; NULL: charset's default;
			     "_bin": that of a charset not known yet */
	char *attributes; /* everything behind the type and charset, canonical:
			     "NOT NULL DEFAULT 0 COMMENT 'x'" */
	int length;       /* CHAR(n), DECIMAL(n,), BIT(n), TIME(n); -1: none */
	int decimals;     /* DECIMAL(,n), FLOAT(m,n); -1: none */
	bool is_unsigned;
	bool zerofill;
	bool not_null;
	bool auto_increment;
	bool generated; /* stored or virtual */
	bool stored;
	bool invisible;
	bool has_default;
	char **elements; /* ENUM, SET; NULL-terminated */
};

enum dm_index_kind {
	DM_INDEX_PRIMARY,
	DM_INDEX_UNIQUE,
	DM_INDEX_PLAIN,
	DM_INDEX_FULLTEXT,
	DM_INDEX_SPATIAL
};

struct dm_index_part {
	char *column; /* NULL: an expression */
	char *expression;
	int prefix; /* -1: whole column */
	bool descending;
};

struct dm_index {
	char *name; /* "PRIMARY" for the primary key; NULL only in a statement,
		       where the server is to find one */
	enum dm_index_kind kind;
	GArray *parts;  /* struct dm_index_part */
	char *options;  /* canonical rest: "USING BTREE COMMENT 'x'"; or "" */
	bool generated; /* made by the server for a foreign key: goes when
			   another one serves it; not known of a parsed one */
};

struct dm_foreign_key {
	char *name;
	GPtrArray *columns; /* char* */
	char *ref_schema;   /* NULL: the table's own */
	char *ref_table;
	GPtrArray *ref_columns;
	char *actions;    /* "ON DELETE CASCADE", or "" */
	char *index_name; /* FOREIGN KEY x (...); NULL: none */
	bool inlined;     /* written as REFERENCES behind its only column; some
			     servers ignore that */
};

struct dm_table {
	char *schema, *name;
	GPtrArray *columns;        /* struct dm_column* */
	GPtrArray *indexes;        /* struct dm_index* */
	GPtrArray *foreign_keys;   /* struct dm_foreign_key* */
	GPtrArray *checks;         /* char*: "CONSTRAINT `c` CHECK (...)"; also
				      "PERIOD FOR ..." */
	char *charset, *collation; /* NULL: the server's default */
	char *options;   /* canonical rest: "ENGINE=InnoDB COMMENT='x'" */
	char *partition; /* "PARTITION BY ...", or "" */
	bool temporary, versioned;
};

struct dm_table *dm_table_new(const char *schema, const char *name);
struct dm_table *dm_table_copy(const struct dm_table *t);
void dm_table_free(struct dm_table *t);
DM_DEFINE_AUTO(dm_table)

/* Zeroed but for length and decimals (-1). */
struct dm_column *dm_column_new(void);
struct dm_column *dm_column_copy(const struct dm_column *c);
void dm_column_free(struct dm_column *c);
DM_DEFINE_AUTO(dm_column)
/* name may be NULL. */
struct dm_index *dm_index_new(enum dm_index_kind kind, const char *name);
struct dm_index *dm_index_copy(const struct dm_index *i);
void dm_index_free(struct dm_index *i);
DM_DEFINE_AUTO(dm_index)
/* A whole column as the last part. */
void dm_index_add_column(struct dm_index *i, const char *column);
struct dm_foreign_key *dm_foreign_key_new(void);
struct dm_foreign_key *dm_foreign_key_copy(const struct dm_foreign_key *f);
void dm_foreign_key_free(struct dm_foreign_key *f);
DM_DEFINE_AUTO(dm_foreign_key)

/* Names compare without case, as in MySQL. -1: none. */
int dm_table_column(const struct dm_table *t, const char *name);
struct dm_index *dm_table_index(const struct dm_table *t, const char *name);
struct dm_index *dm_table_primary(const struct dm_table *t);
/* The key that identifies rows: primary, else the first unique index of which
 * every part is a whole or prefixed NOT NULL column; NULL: none. */
struct dm_index *dm_table_row_key(const struct dm_table *t);
/* "CREATE TABLE `s`.`t` (...)": parsing it again gives the same structure.
 * schema or name NULL: the table's own. New string. */
char *dm_table_create_sql(
    const struct dm_table *t, const char *schema, const char *name);
/* What differs, for a person; NULL when the same columns, types and keys. New
 * string. Comments, AUTO_INCREMENT and index options do not count. */
char *dm_table_diff(const struct dm_table *a, const struct dm_table *b);

/* ---- pieces of SQL, appended to out ---- */

/* `name`, backquotes doubled. */
void dm_sqltext_name(GString *out, const char *name);
/* 'text', escaped for the default sql_mode. */
void dm_sqltext_string(GString *out, const char *text, size_t len);
/* "`a` int(11) NOT NULL" */
void dm_column_print(GString *out, const struct dm_column *c);
/* "UNIQUE KEY `u` (`a`(10) DESC) USING BTREE" */
void dm_index_print(GString *out, const struct dm_index *i);
/* "(`a`(10) DESC)" */
void dm_index_print_parts(GString *out, const struct dm_index *i);
/* Prints the name of the table that f refers to. */
typedef void dm_table_ref_fn(
    GString *out, const struct dm_foreign_key *f, void *arg);
/* "REFERENCES .. (..) ON DELETE CASCADE" */
void dm_foreign_key_print_ref(GString *out, const struct dm_foreign_key *f,
    dm_table_ref_fn *ref, void *arg);
/* "CONSTRAINT `f` FOREIGN KEY (`a`) REFERENCES .." */
void dm_foreign_key_print(GString *out, const struct dm_foreign_key *f,
    dm_table_ref_fn *ref, void *arg);
/* " (columns, keys) options PARTITION BY ..": all behind the name. */
void dm_table_print_body(
    GString *out, const struct dm_table *t, dm_table_ref_fn *ref, void *arg);

bool dm_type_is_text(enum dm_type t);    /* has a charset */
bool dm_type_is_integer(enum dm_type t); /* TINYINT..BIGINT */

#endif
