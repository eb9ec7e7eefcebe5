/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The state of one parse and the functions that read pieces of a statement.
 * Private to lib/ddl. Failure sticks: after the first problem every token is
 * the end, so that loops finish and the caller checks once. Threads: one owner.
 */
#ifndef DM_LIB_DDL_PARSER_H
#define DM_LIB_DDL_PARSER_H

#include "lib/ddl/ddl.h"
#include "lib/ddl/lexer.h"

/* The longest phrase we look at before taking it. */
#define DM_PARSER_LOOK 6

struct dm_parser {
	struct dm_lexer lex;
	struct dm_arena arena;
	struct dm_token look[DM_PARSER_LOOK];
	unsigned looked;
	char *problem; /* first one, owned; NULL: none */
};

void dm_parser_init(
    struct dm_parser *p, const char *sql, size_t len, uint64_t sql_mode);
void dm_parser_fini(struct dm_parser *p);
/* PARSE_SQL, or NULL when nothing failed. */
struct dm_err *dm_parser_error(struct dm_parser *p) DM_MUST_CHECK;

/* The token n places ahead; valid until the next take. */
const struct dm_token *dm_parser_peek(struct dm_parser *p, unsigned n);
struct dm_token dm_parser_take(struct dm_parser *p);
/* "expected .., got .. (offset ..)"; the first failure counts. */
void dm_parser_fail(struct dm_parser *p, const char *expected);
bool dm_parser_failed(const struct dm_parser *p);
/* phrase: upper-case words and punctuation with single blanks between. */
bool dm_parser_is(struct dm_parser *p, const char *phrase);
/* The same, n tokens ahead. */
bool dm_parser_is_at(struct dm_parser *p, unsigned n, const char *phrase);
bool dm_parser_accept(struct dm_parser *p, const char *phrase);
void dm_parser_expect(struct dm_parser *p, const char *phrase);
bool dm_parser_at_end(struct dm_parser *p);

/* A name, quoted or not reserved. New string; NULL on failure. */
char *dm_parser_name(struct dm_parser *p);
/* [schema.]table; both NULL on failure. */
struct dm_table_name dm_parser_table_name(struct dm_parser *p);
/* "(" number ")", or -1 where no parenthesis stands. */
int dm_parser_length(struct dm_parser *p);
/* A charset or collation: word, name or string. New, lower case. */
char *dm_parser_charset(struct dm_parser *p);
/* "CHARACTER SET", "CHARSET" or "CHAR SET" taken. */
bool dm_parser_accept_charset(struct dm_parser *p);

/* ---- canonical runs of tokens (run.c) ---- */

struct dm_run {
	GString *out;
	struct dm_token prev; /* END: nothing yet */
	bool sign;            /* prev is a sign, not an operator */
	bool glued;           /* prev is a dot behind a name */
};

/* Takes one token and appends it. */
void dm_run_token(struct dm_parser *p, struct dm_run *run);
/* Takes "(" to its ")". */
void dm_run_parens(struct dm_parser *p, struct dm_run *run);
/* "(...)" as a new string; NULL on failure. */
char *dm_run_parens_text(struct dm_parser *p);
/* All tokens up to the end of the statement, or to `stop` outside of
 * parentheses. */
void dm_run_rest(
    struct dm_parser *p, struct dm_run *run, bool (*stop)(struct dm_parser *p));
char *dm_run_rest_text(struct dm_parser *p);

/* ---- columns (type.c, column.c) ---- */

/* The attributes of a column in their canonical order; strings owned. */
struct dm_attributes {
	char *generated; /* "GENERATED ALWAYS AS (..) STORED" */
	bool stored;
	bool null, not_null;
	char *srid;
	bool invisible;
	char *versioning; /* "WITHOUT SYSTEM VERSIONING" */
	char *value;      /* of DEFAULT */
	char *on_update;
	bool auto_increment;
	GString *storage; /* COLUMN_FORMAT, STORAGE, ... */
	char *comment;    /* 'text' */
	GString *checks;
};

/* Reads the attributes of a column, has them changed, and prints them again. */
typedef void dm_attributes_fn(struct dm_attributes *a, const void *arg);
void dm_column_change_attributes(
    struct dm_column *c, dm_attributes_fn *change, const void *arg);

/* What a column's definition holds beside the column. */
struct dm_column_extra {
	bool primary, unique, plain; /* inline keys */
	struct dm_foreign_key *reference;
};

/* name type attributes. NULL on failure. */
struct dm_column *dm_parse_column(
    struct dm_parser *p, struct dm_column_extra *extra);
void dm_column_extra_clear(struct dm_column_extra *extra);
/* The type, its sign and charset. True when it was SERIAL. */
bool dm_parse_type(struct dm_parser *p, struct dm_column *c);
/* One clause of charset or collation, if one stands here. */
bool dm_parse_column_charset(struct dm_parser *p, struct dm_column *c);
/* A default's value. New string. */
char *dm_parse_default(struct dm_parser *p);

/* ---- keys (key.c) ---- */

struct dm_index *dm_parse_index(struct dm_parser *p, bool *if_not_exists);
void dm_parse_index_parts(struct dm_parser *p, struct dm_index *x);
void dm_parse_index_options(struct dm_parser *p, struct dm_index *x);
/* At "FOREIGN KEY" or "REFERENCES". */
struct dm_foreign_key *dm_parse_foreign_key(
    struct dm_parser *p, bool *if_not_exists);
void dm_parse_reference(struct dm_parser *p, struct dm_foreign_key *f);
/* At CHECK; "CHECK (..) [NOT ENFORCED]". New string. */
char *dm_parse_check(struct dm_parser *p);

/* What a table element or an ADD of ALTER may hold; one of them is set. */
struct dm_element {
	bool if_not_exists;
	struct dm_index *index;
	struct dm_foreign_key *foreign_key;
	char *check;
};
/* A key, a constraint or a period. False: it is none of them. */
bool dm_parse_element(struct dm_parser *p, struct dm_element *e);

/* ---- statements ---- */

/* Behind "CREATE .. TABLE" (create.c). */
void dm_parse_create_table(struct dm_parser *p, struct dm_ddl *d);
/* One table option or none; canonical text is appended to out. */
bool dm_parse_table_option(
    struct dm_parser *p, GString *out, char **charset, char **collation);
/* At PARTITION BY: text up to the end of the statement. */
char *dm_parse_partition_by(struct dm_parser *p);
/* Behind "ALTER .. TABLE" (alter.c). */
void dm_parse_alter_table(struct dm_parser *p, struct dm_ddl *d);
struct dm_alter *dm_alter_new(struct dm_ddl *d, enum dm_alter_kind kind);
/* Index statements, RENAME, DROP, TRUNCATE, databases, sequences
 * (statement.c). */
void dm_parse_statement(struct dm_parser *p, struct dm_ddl *d);
/* Statements that are not replicated as DDL (skip.c). False: not one. */
bool dm_parse_skipped(struct dm_parser *p, struct dm_ddl *d);
void dm_parse_wait(struct dm_parser *p);
void dm_parse_keyword(struct dm_ddl *d, const char *keyword);
void dm_parse_add_table(struct dm_parser *p, struct dm_ddl *d);

#endif
