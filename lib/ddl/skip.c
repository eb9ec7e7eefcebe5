/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Statements that are recognised by their first words and not read further:
 * those that DM skips by its built-in list, transactions and DML.
 *
 * SOURCE: DM's built-in skip list. Differs: statements about the server, roles,
 * sessions and temporary tables are known, too, where DM depends on its parser
 * failing or on none of them being logged.
 */
#include "lib/ddl/parser.h"

#include <string.h>

/* Behind CREATE [OR REPLACE], ALTER, DROP. */
static const char *const objects[] = { "VIEW", "TRIGGER", "PROCEDURE",
	"FUNCTION", "EVENT", "PACKAGE", "USER", "ROLE", "SERVER", "TABLESPACE",
	"UNDO TABLESPACE", "LOGFILE GROUP", "RESOURCE GROUP",
	"SPATIAL REFERENCE SYSTEM", "TEMPORARY TABLE", "TEMPORARY TABLES",
	"TEMPORARY SEQUENCE", "LIBRARY", "INSTANCE", "PREPARE",
	"PLACEMENT POLICY", "BINDING", "GLOBAL BINDING", "SESSION BINDING",
	"STATISTICS" };

/* What stands before the object: then it is one of `defined`. */
static const char *const clauses[] = { "DEFINER", "ALGORITHM", "SQL SECURITY",
	"AGGREGATE" };
static const char *const defined[] = { "VIEW", "TRIGGER", "PROCEDURE",
	"FUNCTION", "EVENT", "PACKAGE" };

static const char *const skipped[] = { "SAVEPOINT", "RELEASE SAVEPOINT",
	"ROLLBACK TO", "ROLLBACK WORK TO", "FLUSH", "OPTIMIZE", "ANALYZE",
	"REPAIR", "CHECK", "CHECKSUM", "GRANT", "REVOKE", "RENAME USER",
	"SET PASSWORD", "SET", "KILL", "INSTALL", "UNINSTALL", "SHUTDOWN",
	"RESTART", "RESET", "PURGE", "CHANGE", "START SLAVE", "START ALL",
	"START REPLICA", "START GROUP_REPLICATION", "STOP", "CACHE INDEX",
	"LOAD INDEX", "LOCK", "UNLOCK", "USE", "SHOW", "DESCRIBE", "DESC",
	"EXPLAIN", "HELP", "PREPARE", "EXECUTE", "DEALLOCATE", "HANDLER",
	"CLONE", "IMPORT TABLE", "BACKUP" };

static const char *const transactions[] = { "START TRANSACTION", "COMMIT",
	"ROLLBACK" };

static const char *const dml[] = { "INSERT", "UPDATE", "DELETE", "REPLACE",
	"LOAD DATA", "LOAD XML", "CALL", "DO", "SELECT", "WITH", "( SELECT" };

static const char *
find(struct dm_parser *p, unsigned at, const char *const *list, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (dm_parser_is_at(p, at, list[i]))
			return list[i];
	}
	return NULL;
}

#define FIND(p, at, list) find((p), (at), (list), DM_ARRAY_SIZE(list))

static bool
set(struct dm_ddl *d, enum dm_ddl_kind kind, const char *keyword)
{
	if (keyword == NULL)
		return false;
	d->kind = kind;
	dm_parse_keyword(d, keyword);
	return true;
}

static void
skip_clause(struct dm_parser *p)
{
	if (dm_parser_accept(p, "DEFINER")) {
		(void)dm_parser_accept(p, "=");
		(void)dm_parser_take(p);
		if (dm_parser_peek(p, 0)->kind == DM_TOK_VARIABLE)
			(void)dm_parser_take(p);
		(void)dm_parser_accept(p, "( )");
	} else if (dm_parser_accept(p, "ALGORITHM")) {
		(void)dm_parser_accept(p, "=");
		(void)dm_parser_take(p);
	} else if (dm_parser_accept(p, "SQL SECURITY")) {
		(void)dm_parser_take(p);
	} else {
		dm_parser_expect(p, "AGGREGATE");
	}
}

/* The words behind CREATE, ALTER or DROP; `at` tokens are in front of them. */
static bool
skip_object(
    struct dm_parser *p, struct dm_ddl *d, const char *verb, unsigned at)
{
	const char *object = FIND(p, at, objects);
	g_autofree char *keyword = NULL;

	if (object == NULL) {
		if (FIND(p, at, clauses) == NULL)
			return false;
		for (unsigned i = 0; i < at; i++)
			(void)dm_parser_take(p);
		while (FIND(p, 0, clauses) != NULL)
			skip_clause(p);
		object = FIND(p, 0, defined);
		if (object == NULL) {
			dm_parser_fail(p, "an object with a definer");
			return true;
		}
	}
	keyword = g_strdup_printf("%s %s", verb, object);
	return set(d, DM_DDL_SKIPPED, keyword);
}

static bool
parse_begin(struct dm_parser *p, struct dm_ddl *d)
{
	const struct dm_token *next = dm_parser_peek(p, 1);

	if (!dm_parser_is(p, "BEGIN") ||
	    (next->kind != DM_TOK_END && !dm_parser_is_at(p, 1, "WORK") &&
		!dm_parser_is_at(p, 1, ";")))
		return false;
	return set(d, DM_DDL_TRANSACTION, "BEGIN");
}

static bool
parse_xa(struct dm_parser *p, struct dm_ddl *d)
{
	g_autofree char *upper = NULL, *keyword = NULL;

	if (!dm_parser_is(p, "XA"))
		return false;
	upper = g_ascii_strup(dm_parser_peek(p, 1)->text, -1);
	keyword = g_strdup_printf("XA %s", upper);
	return set(d, DM_DDL_TRANSACTION, keyword);
}

bool
dm_parse_skipped(struct dm_parser *p, struct dm_ddl *d)
{
	/* Nothing but comments. */
	if (dm_parser_at_end(p) && !dm_parser_failed(p))
		return set(d, DM_DDL_SKIPPED, "");
	if (dm_parser_is(p, "CREATE"))
		return skip_object(p, d, "CREATE",
		    dm_parser_is(p, "CREATE OR REPLACE") ? 3 : 1);
	if (dm_parser_is(p, "ALTER"))
		return skip_object(p, d, "ALTER", 1);
	if (dm_parser_is(p, "DROP"))
		return skip_object(p, d, "DROP", 1);
	return set(d, DM_DDL_SKIPPED, FIND(p, 0, skipped)) ||
	       set(d, DM_DDL_TRANSACTION, FIND(p, 0, transactions)) ||
	       set(d, DM_DDL_DML, FIND(p, 0, dml)) || parse_begin(p, d) ||
	       parse_xa(p, d);
}
