/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Options of tables. Names that servers print are known; others are taken where
 * an equals sign follows, which is how storage engines define their own.
 */
#include "lib/ddl/column_text.h"
#include "lib/ddl/parser.h"

#include <string.h>

/* NAME [=] value. */
static const char *const valued[] = { "ENGINE", "TYPE", "AUTO_INCREMENT",
	"AVG_ROW_LENGTH", "CHECKSUM", "TABLE_CHECKSUM", "PAGE_CHECKSUM",
	"COMMENT", "COMPRESSION", "CONNECTION", "DATA DIRECTORY",
	"INDEX DIRECTORY", "DELAY_KEY_WRITE", "ENCRYPTION", "ENCRYPTED",
	"ENCRYPTION_KEY_ID", "IETF_QUOTES", "INSERT_METHOD", "KEY_BLOCK_SIZE",
	"MAX_ROWS", "MIN_ROWS", "PACK_KEYS", "PASSWORD", "ROW_FORMAT",
	"SEQUENCE", "STATS_AUTO_RECALC", "STATS_PERSISTENT",
	"STATS_SAMPLE_PAGES", "TABLESPACE", "TRANSACTIONAL", "AUTOEXTEND_SIZE",
	"ENGINE_ATTRIBUTE", "SECONDARY_ENGINE", "SECONDARY_ENGINE_ATTRIBUTE" };

/* TiDB's, printed in its comments. */
static const char *const tidb[] = { "SHARD_ROW_ID_BITS", "PRE_SPLIT_REGIONS",
	"AUTO_ID_CACHE", "AUTO_RANDOM_BASE", "TTL_ENABLE", "TTL_JOB_INTERVAL",
	"PLACEMENT POLICY", "FORCE AUTO_INCREMENT" };

static void
start(GString *out, const char *text)
{
	if (out->len > 0)
		g_string_append_c(out, ' ');
	g_string_append(out, text);
}

static void
append_value(struct dm_parser *p, GString *out)
{
	struct dm_run run = { .out = out };
	const struct dm_token *t;

	(void)dm_parser_accept(p, "=");
	t = dm_parser_peek(p, 0);
	if (t->kind == DM_TOK_PUNCT || t->kind == DM_TOK_END)
		dm_parser_fail(p, "the value of an option");
	g_string_append_c(out, '=');
	dm_run_token(p, &run);
}

static bool
parse_charset(struct dm_parser *p, char **charset, char **collation)
{
	bool with_default = dm_parser_is(p, "DEFAULT CHARACTER") ||
			    dm_parser_is(p, "DEFAULT CHARSET") ||
			    dm_parser_is(p, "DEFAULT CHAR") ||
			    dm_parser_is(p, "DEFAULT COLLATE");

	if (with_default)
		(void)dm_parser_take(p);
	if (dm_parser_accept_charset(p)) {
		(void)dm_parser_accept(p, "=");
		g_free(*charset);
		*charset = dm_parser_charset(p);
	} else if (dm_parser_accept(p, "COLLATE")) {
		(void)dm_parser_accept(p, "=");
		g_free(*collation);
		*collation = dm_parser_charset(p);
	} else {
		if (with_default)
			dm_parser_fail(p, "a character set");
		return false;
	}
	return true;
}

static bool
parse_words(struct dm_parser *p, GString *out)
{
	static const char *const words[] = { "WITH SYSTEM VERSIONING",
		"WITHOUT SYSTEM VERSIONING", "STORAGE DISK", "STORAGE MEMORY" };

	/* MySQL logs CREATE .. SELECT with this mark; the rows follow in the
	 * same transaction. */
	if (dm_parser_accept(p, "START TRANSACTION"))
		return true;
	for (size_t i = 0; i < DM_ARRAY_SIZE(words); i++) {
		if (dm_parser_accept(p, words[i])) {
			start(out, words[i]);
			return true;
		}
	}
	return false;
}

static bool
parse_tidb(struct dm_parser *p, GString *out)
{
	struct dm_run run = { .out = out };

	for (size_t i = 0; i < DM_ARRAY_SIZE(tidb); i++) {
		if (!dm_parser_accept(p, tidb[i]))
			continue;
		start(out, "/*T! ");
		g_string_append(out, tidb[i]);
		append_value(p, out);
		g_string_append(out, " */");
		return true;
	}
	/* TTL = `column` + INTERVAL n unit */
	if (!dm_parser_is(p, "TTL ="))
		return false;
	start(out, "/*T![ttl] ");
	for (int i = 0; i < 7; i++) {
		bool operator= i == 1 || i == 3;

		if (dm_parser_at_end(p) ||
		    (dm_parser_peek(p, 0)->kind == DM_TOK_PUNCT) != operator)
			dm_parser_fail(p, "column + INTERVAL n unit");
		dm_run_token(p, &run);
	}
	g_string_append(out, " */");
	return true;
}

static bool
parse_named(struct dm_parser *p, GString *out)
{
	for (size_t i = 0; i < DM_ARRAY_SIZE(valued); i++) {
		if (!dm_parser_accept(p, valued[i]))
			continue;
		start(
		    out, strcmp(valued[i], "TYPE") == 0 ? "ENGINE" : valued[i]);
		append_value(p, out);
		return true;
	}
	return false;
}

/* One that a storage engine defined. */
static bool
parse_foreign(struct dm_parser *p, GString *out)
{
	const struct dm_token *t = dm_parser_peek(p, 0);
	struct dm_run run = { .out = out };

	if ((t->kind != DM_TOK_QUOTED &&
		(t->kind != DM_TOK_WORD || t->reserved)) ||
	    strcmp(dm_parser_peek(p, 1)->text, "=") != 0)
		return false;
	start(out, "");
	dm_run_token(p, &run);
	append_value(p, out);
	return true;
}

bool
dm_parse_table_option(
    struct dm_parser *p, GString *out, char **charset, char **collation)
{
	if (dm_parser_is(p, "UNION =") || dm_parser_is(p, "UNION (")) {
		dm_parser_fail(p, "no MERGE table: it is not supported");
		return false;
	}
	return parse_charset(p, charset, collation) || parse_words(p, out) ||
	       parse_named(p, out) || parse_tidb(p, out) ||
	       parse_foreign(p, out);
}

/* ---- merging ---- */

/* Texts of single options of a canonical list. */
static GPtrArray *
split_options(const char *options)
{
	GPtrArray *list = g_ptr_array_new_with_free_func(g_free);
	g_autofree char *charset = NULL, *collation = NULL;
	struct dm_parser p;

	dm_parser_init(&p, options, strlen(options), 0);
	for (;;) {
		GString *one = g_string_new(NULL);
		bool more =
		    dm_parse_table_option(&p, one, &charset, &collation);

		if (more && one->len > 0)
			g_ptr_array_add(list, g_string_free(one, FALSE));
		else
			g_string_free(one, TRUE);
		if (!more)
			break;
	}
	dm_parser_fini(&p);
	return list;
}

static bool
same_option(const char *a, const char *b)
{
	size_t n = strcspn(a, "=");

	if (strstr(a, "SYSTEM VERSIONING") != NULL)
		return strstr(b, "SYSTEM VERSIONING") != NULL;
	return n == strcspn(b, "=") && g_ascii_strncasecmp(a, b, n) == 0;
}

char *
dm_options_merge(const char *options, const char *change)
{
	g_autoptr(GPtrArray) old = split_options(options);
	g_autoptr(GPtrArray) new = split_options(change);
	GString *out = g_string_new(NULL);

	for (guint i = 0; i < old->len; i++) {
		bool replaced = false;

		for (guint k = 0; k < new->len && !replaced; k++)
			replaced = same_option(g_ptr_array_index(old, i),
			    g_ptr_array_index(new, k));
		if (!replaced)
			start(out, g_ptr_array_index(old, i));
	}
	for (guint k = 0; k < new->len; k++)
		start(out, g_ptr_array_index(new, k));
	return g_string_free(out, FALSE);
}
