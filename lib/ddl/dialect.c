/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Structures and statements of MySQL as MariaDB takes them: see dialect.h.
 * Verified against MySQL 9.7 and MariaDB 10.11.
 */
#include "lib/ddl/dialect.h"

#include "lib/ddl/column_text.h"
#include "lib/ddl/dialect_int.h"
#include "lib/ddl/parser.h"

#include <string.h>

#define NOT_ENFORCED   "NOT ENFORCED"
#define VECTOR_DEFAULT 2048
#define VARBINARY_MAX  16000 /* longer ones leave the row too little */

static unsigned
version_number(const char *text)
{
	char *end;
	guint64 major, minor = 0;

	if (g_str_has_prefix(text, "5.5.5-"))
		text += strlen("5.5.5-");
	major = g_ascii_strtoull(text, &end, 10);
	if (*end == '.')
		minor = g_ascii_strtoull(end + 1, NULL, 10);
	return (unsigned)(MIN(major, 1000) * 100 + MIN(minor, 99));
}

static bool
is_mariadb(const char *version)
{
	return strstr(version, "MariaDB") != NULL ||
	       strstr(version, "mariadb") != NULL;
}

struct dm_dialect
dm_dialect_of(const char *source, const char *target)
{
	return (struct dm_dialect){
		.active = !is_mariadb(source) && is_mariadb(target),
		.version = version_number(target),
		.utf8mb4 = version_number(source) >= 800 ? "utf8mb4_0900_ai_ci"
							 : "utf8mb4_general_ci",
	};
}

static void
set(char **to, char *text)
{
	g_free(*to);
	*to = text;
}

static void
leave_out(GString *left_out, const char *what, const char *name)
{
	if (left_out == NULL)
		return;
	g_string_append_printf(left_out, "%s%s %s",
	    left_out->len > 0 ? ", " : "", what, name != NULL ? name : "");
}

/* A charset without a collation means another one in each server. */
static void
adapt_charset(const struct dm_dialect *d, char **charset, char **collation)
{
	if (*collation != NULL && strcmp(*collation, "_bin") != 0)
		set(collation, dm_dialect_collation(d, *collation));
	else if (*collation == NULL && g_strcmp0(*charset, "utf8mb4") == 0)
		*collation = dm_dialect_collation(d, d->utf8mb4);
}

static void
adapt_expression(const struct dm_dialect *d, char **text)
{
	if (*text != NULL && (*text)[0] != '\0')
		set(text, dm_dialect_expression_(d, *text));
}

/* ---- columns ---- */

static void
adapt_attributes(struct dm_attributes *a, const void *arg)
{
	const struct dm_dialect *d = arg;

	set(&a->srid, NULL);
	adapt_expression(d, &a->generated);
	adapt_expression(d, &a->value);
	if (a->generated != NULL)
		a->not_null = a->null = false;
	/* COLUMN_FORMAT and STORAGE; MySQL has no others. */
	g_string_truncate(a->storage, 0);
	if (strstr(a->checks->str, NOT_ENFORCED) != NULL) {
		g_string_truncate(a->checks, 0);
	} else if (a->checks->len > 0) {
		g_autofree char *text =
		    dm_dialect_expression_(d, a->checks->str);

		g_string_assign(a->checks, text);
	}
	if (a->invisible && a->not_null && a->value == NULL &&
	    !a->auto_increment)
		a->invisible = false;
}

static void
adapt_vector(const struct dm_dialect *d, struct dm_column *c)
{
	int bytes = 4 * (c->length > 0 ? c->length : VECTOR_DEFAULT);

	if (c->type != DM_T_VECTOR || d->version >= DM_DIALECT_VECTOR)
		return;
	if (bytes > VARBINARY_MAX) {
		c->type = DM_T_MEDIUMBLOB;
		c->length = -1;
		set(&c->type_text, g_strdup("mediumblob"));
		return;
	}
	c->type = DM_T_VARBINARY;
	c->length = bytes;
	set(&c->type_text, g_strdup_printf("varbinary(%d)", bytes));
}

static void
adapt_column(const struct dm_dialect *d, struct dm_column *c)
{
	adapt_vector(d, c);
	if (dm_type_is_text(c->type) || c->charset != NULL ||
	    c->collation != NULL)
		adapt_charset(d, &c->charset, &c->collation);
	dm_column_change_attributes(c, adapt_attributes, d);
}

/* ---- keys ---- */

static bool
has_expression(const struct dm_index *x)
{
	for (guint i = 0; i < x->parts->len; i++) {
		if (g_array_index(x->parts, struct dm_index_part, i).column ==
		    NULL)
			return true;
	}
	return false;
}

/* Options in MariaDB's words: without what only MySQL has. */
static void
adapt_index(struct dm_index *x)
{
	static const struct {
		const char *mysql, *mariadb;
	} words[] = {
		{ "INVISIBLE", "IGNORED" },
		{ "VISIBLE", "" },
		{ "WITH PARSER ngram", "" },
		{ "WITH PARSER mecab", "" },
	};

	for (size_t i = 0; i < DM_ARRAY_SIZE(words); i++) {
		const char *at = strstr(x->options, words[i].mysql);
		size_t n = strlen(words[i].mysql);

		/* Not within a comment: then the target may refuse it. */
		if (at == NULL || strchr(x->options, '\'') != NULL)
			continue;
		set(&x->options, g_strstrip(g_strdup_printf("%.*s%s%s",
				     (int)(at - x->options), x->options,
				     words[i].mariadb, at + n)));
	}
}

/* ---- options ---- */

static bool
is_foreign_option(const char *text)
{
	static const char *const names[] = { "ENCRYPTION", "COMPRESSION",
		"AUTOEXTEND_SIZE", "ENGINE_ATTRIBUTE", "SECONDARY_ENGINE",
		"SECONDARY_ENGINE_ATTRIBUTE", "TABLESPACE", "DATA DIRECTORY",
		"INDEX DIRECTORY", "STORAGE DISK", "STORAGE MEMORY" };
	size_t n = strcspn(text, "=");

	for (size_t i = 0; i < DM_ARRAY_SIZE(names); i++) {
		if (strlen(names[i]) == n &&
		    g_ascii_strncasecmp(names[i], text, n) == 0)
			return true;
	}
	return false;
}

/* A list of options without those that MariaDB lacks; charsets are taken out
 * of it. NULL: it is no such list. New string. */
static char *
filter_options(const char *text, char **charset, char **collation)
{
	g_autoptr(GString) out = g_string_new(NULL);
	struct dm_parser p;
	bool ok;

	dm_parser_init(&p, text, strlen(text), 0);
	for (;;) {
		g_autoptr(GString) one = g_string_new(NULL);

		if (dm_parser_accept(&p, "READ ONLY")) {
			(void)dm_parser_accept(&p, "=");
			(void)dm_parser_take(&p);
			continue;
		}
		if (!dm_parse_table_option(&p, one, charset, collation))
			break;
		if (one->len > 0 && !is_foreign_option(one->str))
			g_string_append_printf(
			    out, "%s%s", out->len > 0 ? " " : "", one->str);
	}
	ok = !dm_parser_failed(&p) && dm_parser_at_end(&p);
	dm_parser_fini(&p);
	return ok ? g_string_free(g_steal_pointer(&out), FALSE) : NULL;
}

static void
append_charset(GString *out, const char *charset, const char *collation)
{
	if (charset != NULL)
		g_string_append_printf(out, "%sCHARACTER SET=%s",
		    out->len > 0 ? " " : "", charset);
	if (collation != NULL)
		g_string_append_printf(
		    out, "%sCOLLATE=%s", out->len > 0 ? " " : "", collation);
}

/* A list with its charsets, all in MariaDB's words. NULL: it is no list. */
static char *
adapt_options(const struct dm_dialect *d, const char *text)
{
	g_autofree char *charset = NULL, *collation = NULL;
	g_autofree char *kept = filter_options(text, &charset, &collation);
	GString *out;

	if (kept == NULL)
		return NULL;
	adapt_charset(d, &charset, &collation);
	out = g_string_new(kept);
	append_charset(out, charset, collation);
	return g_string_free(out, FALSE);
}

/* ---- tables ---- */

void
dm_dialect_table(
    const struct dm_dialect *d, struct dm_table *t, GString *left_out)
{
	char *options;

	if (!d->active)
		return;
	adapt_charset(d, &t->charset, &t->collation);
	for (guint i = 0; i < t->columns->len; i++)
		adapt_column(d, t->columns->pdata[i]);
	for (guint i = t->indexes->len; i-- > 0;) {
		struct dm_index *x = t->indexes->pdata[i];

		adapt_index(x);
		if (!has_expression(x))
			continue;
		leave_out(left_out, "key", x->name);
		g_ptr_array_remove_index(t->indexes, i);
	}
	for (guint i = t->checks->len; i-- > 0;) {
		char *check = t->checks->pdata[i];

		if (strstr(check, NOT_ENFORCED) != NULL) {
			g_ptr_array_remove_index(t->checks, i);
			continue;
		}
		t->checks->pdata[i] = dm_dialect_expression_(d, check);
		g_free(check);
	}
	options = filter_options(t->options, &t->charset, &t->collation);
	if (options != NULL)
		set(&t->options, options);
	adapt_expression(d, &t->partition);
}

/* ---- statements ---- */

/* Actions that only say how, or that MariaDB says otherwise. False: nothing is
 * left of it. */
static bool
adapt_words(const struct dm_dialect *d, struct dm_alter *a, GString *left_out)
{
	static const char *const how[] = { "ALGORITHM", "LOCK",
		"WITHOUT VALIDATION", "WITH VALIDATION" };
	const char *state = strrchr(a->text, '`');
	char *list;

	for (size_t i = 0; i < DM_ARRAY_SIZE(how); i++) {
		if (g_str_has_prefix(a->text, how[i]))
			return false;
	}
	if (g_str_has_prefix(a->text, "ALTER INDEX ") && state != NULL &&
	    strstr(state, "VISIBLE") != NULL) {
		bool hidden = strstr(state, " INVISIBLE") != NULL;

		set(&a->text,
		    g_strdup_printf("%.*s %s", (int)(state + 1 - a->text),
			a->text, hidden ? "IGNORED" : "NOT IGNORED"));
		return true;
	}
	if (g_str_has_prefix(a->text, "ALTER COLUMN ")) {
		leave_out(left_out, "visibility of", a->name);
		return false;
	}
	if (g_str_has_prefix(a->text, "ALTER CHECK ") && state != NULL) {
		const char *name = a->text + strlen("ALTER CHECK ");

		if (strstr(state, NOT_ENFORCED) == NULL) {
			leave_out(left_out, "enforcing of", name);
			return false;
		}
		set(&a->text, g_strdup_printf("DROP CONSTRAINT IF EXISTS %.*s",
				  (int)(state + 1 - name), name));
		return true;
	}
	list = adapt_options(d, a->text);
	if (list == NULL)
		return true; /* ORDER BY, FORCE, ..: the same in both */
	set(&a->text, list);
	return list[0] != '\0';
}

/* The key that the action names was left out before. */
static bool
names_left_out(const struct dm_alter *a, const struct dm_table *was)
{
	const struct dm_index *x = was == NULL || a->name == NULL
				       ? NULL
				       : dm_table_index(was, a->name);

	return x != NULL && has_expression(x);
}

static bool
adapt_alter(const struct dm_dialect *d, struct dm_alter *a,
    const struct dm_table *was, GString *left_out)
{
	switch (a->kind) {
	case DM_ALTER_ADD_COLUMN:
	case DM_ALTER_MODIFY_COLUMN:
	case DM_ALTER_CHANGE_COLUMN:
		adapt_column(d, a->column);
		return true;
	case DM_ALTER_COLUMN_DEFAULT:
		adapt_expression(d, &a->value);
		return true;
	case DM_ALTER_ADD_INDEX:
		adapt_index(a->index);
		if (!has_expression(a->index))
			return true;
		leave_out(left_out, "key", a->index->name);
		return false;
	case DM_ALTER_DROP_INDEX:
	case DM_ALTER_RENAME_INDEX:
		return !names_left_out(a, was);
	case DM_ALTER_ADD_CHECK:
		if (strstr(a->text, NOT_ENFORCED) != NULL)
			return false;
		adapt_expression(d, &a->text);
		return true;
	case DM_ALTER_DROP_CONSTRAINT:
		a->if_exists = true; /* one not enforced was left out */
		return true;
	case DM_ALTER_CONVERT_CHARSET:
		adapt_charset(d, &a->charset, &a->collation);
		return true;
	case DM_ALTER_OPTIONS:
		return adapt_words(d, a, left_out);
	case DM_ALTER_PARTITION:
		adapt_expression(d, &a->text);
		return true;
	case DM_ALTER_DROP_COLUMN:
	case DM_ALTER_RENAME_COLUMN:
	case DM_ALTER_ADD_FOREIGN_KEY:
	case DM_ALTER_DROP_FOREIGN_KEY:
	case DM_ALTER_RENAME_TABLE:
		return true;
	}
	return true;
}

static bool
adapt_alters(const struct dm_dialect *d, struct dm_ddl *ddl,
    const struct dm_table *was, GString *left_out)
{
	guint before = ddl->alters->len;

	for (guint i = before; i-- > 0;) {
		if (!adapt_alter(d, ddl->alters->pdata[i], was, left_out))
			g_ptr_array_remove_index(ddl->alters, i);
	}
	return ddl->alters->len > 0 || before == 0;
}

/* A database whose charset is not written has the server's: that of the
 * target may be another one. */
static bool
adapt_database(const struct dm_dialect *d, struct dm_ddl *ddl)
{
	char *rest = adapt_options(d, ddl->rest);

	if (rest != NULL)
		set(&ddl->rest, rest);
	return ddl->kind == DM_DDL_CREATE_DATABASE || ddl->rest[0] != '\0';
}

bool
dm_dialect_ddl(const struct dm_dialect *d, struct dm_ddl *ddl,
    const struct dm_table *was, GString *left_out)
{
	if (!d->active)
		return true;
	switch (ddl->kind) {
	case DM_DDL_CREATE_DATABASE:
	case DM_DDL_ALTER_DATABASE:
		return adapt_database(d, ddl);
	case DM_DDL_CREATE_TABLE:
		if (ddl->create != NULL)
			dm_dialect_table(d, ddl->create, left_out);
		return true;
	case DM_DDL_ALTER_TABLE:
		return adapt_alters(d, ddl, was, left_out);
	case DM_DDL_CREATE_INDEX:
	case DM_DDL_DROP_INDEX:
		set(&ddl->rest, g_strdup("")); /* ALGORITHM, LOCK */
		return adapt_alters(d, ddl, was, left_out);
	case DM_DDL_DROP_DATABASE:
	case DM_DDL_CREATE_TABLE_LIKE:
	case DM_DDL_DROP_TABLE:
	case DM_DDL_TRUNCATE_TABLE:
	case DM_DDL_RENAME_TABLE:
	case DM_DDL_CREATE_SEQUENCE:
	case DM_DDL_ALTER_SEQUENCE:
	case DM_DDL_DROP_SEQUENCE:
	case DM_DDL_SKIPPED:
	case DM_DDL_TRANSACTION:
	case DM_DDL_DML:
		return true;
	}
	return true;
}
