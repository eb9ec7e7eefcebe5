/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading of SHOW GRANTS.
 *
 * FORMAT: GRANT p[, p] ON level TO user [...]; GRANT role[, role] TO user;
 * REVOKE p[, p] ON level FROM user (partial revokes of MySQL 8). A privilege
 * on columns only, `SELECT (a)`, does not count. Schema names of a level are
 * LIKE patterns.
 */
#include "master/check/grants.h"

#include <string.h>

struct grant {
	unsigned privs; /* bit per enum priv */
	bool revoke;
	char *schema, *table; /* NULL: all */
};

struct grants {
	GArray *list; /* struct grant */
	GString *roles;
};

static const struct {
	const char *name;
	enum priv priv;
} names[] = {
	{ "SELECT", PRIV_SELECT },
	{ "INSERT", PRIV_INSERT },
	{ "UPDATE", PRIV_UPDATE },
	{ "DELETE", PRIV_DELETE },
	{ "CREATE", PRIV_CREATE },
	{ "DROP", PRIV_DROP },
	{ "ALTER", PRIV_ALTER },
	{ "INDEX", PRIV_INDEX },
	{ "RELOAD", PRIV_RELOAD },
	{ "FLUSH_TABLES", PRIV_FLUSH_TABLES },
	{ "LOCK TABLES", PRIV_LOCK_TABLES },
	{ "REPLICATION SLAVE", PRIV_REPLICATION_SLAVE },
	{ "REPLICATION CLIENT", PRIV_REPLICATION_CLIENT },
	{ "SUPER", PRIV_SUPER },
	{ "PROCESS", PRIV_PROCESS },
	/* MariaDB's newer words for the same. */
	{ "REPLICATION REPLICA", PRIV_REPLICATION_SLAVE },
	{ "BINLOG MONITOR", PRIV_REPLICATION_CLIENT },
};

const char *
priv_name(enum priv p)
{
	for (size_t i = 0; i < DM_ARRAY_SIZE(names); i++)
		if (names[i].priv == p)
			return names[i].name;
	return "";
}

static void
grant_clear(gpointer p)
{
	struct grant *g = p;

	g_free(g->schema);
	g_free(g->table);
}

struct grants *
grants_new(void)
{
	struct grants *g = g_new0(struct grants, 1);

	g->list = g_array_new(FALSE, TRUE, sizeof(struct grant));
	g_array_set_clear_func(g->list, grant_clear);
	g->roles = g_string_new(NULL);
	return g;
}

void
grants_free(struct grants *g)
{
	if (g == NULL)
		return;
	g_array_unref(g->list);
	g_string_free(g->roles, TRUE);
	g_free(g);
}

const char *
grants_roles(const struct grants *g)
{
	return g->roles->len > 0 ? g->roles->str : NULL;
}

/* ---- words ---- */

static void
skip_blanks(const char **p)
{
	while (**p == ' ')
		(*p)++;
}

static bool
take_word(const char **p, const char *word)
{
	size_t n = strlen(word);

	if (g_ascii_strncasecmp(*p, word, n) != 0 || (*p)[n] != ' ')
		return false;
	*p += n;
	skip_blanks(p);
	return true;
}

/* `name`, 'name', "name" or a bare one; new string, NULL when there is none.
 * A bare * stands for all. */
static char *
take_name(const char **p)
{
	g_autoptr(GString) s = g_string_new(NULL);
	char quote = **p;
	const char *at;

	if (quote == '`' || quote == '\'' || quote == '"') {
		for (at = *p + 1; *at != '\0'; at++) {
			if (*at == quote && at[1] != quote)
				break;
			if (*at == quote)
				at++;
			g_string_append_c(s, *at);
		}
		if (*at == '\0')
			return NULL;
		*p = at + 1;
		return g_strdup(s->str);
	}
	for (at = *p; *at != '\0' && strchr(" .,@();", *at) == NULL; at++)
		g_string_append_c(s, *at);
	if (at == *p)
		return NULL;
	*p = at;
	return g_strdup(s->str);
}

/* One privilege up to , or ON. *bit: 0 for those we do not ask for. */
static bool
take_privilege(const char **p, unsigned *bit)
{
	const char *start = *p;
	g_autofree char *word = NULL;
	bool columns = false;

	*bit = 0;
	while (**p != '\0' && **p != ',' && **p != '(' &&
	       g_ascii_strncasecmp(*p, " ON ", 4) != 0)
		(*p)++;
	word = g_strstrip(g_strndup(start, (size_t)(*p - start)));
	if (**p == '(') {
		columns = true;
		while (**p != '\0' && **p != ')')
			(*p)++;
		if (**p == '\0')
			return false;
		(*p)++;
	}
	if (columns)
		return true;
	if (g_ascii_strcasecmp(word, "ALL PRIVILEGES") == 0 ||
	    g_ascii_strcasecmp(word, "ALL") == 0)
		*bit = (1u << PRIV_NR) - 1;
	for (size_t i = 0; i < DM_ARRAY_SIZE(names); i++)
		if (g_ascii_strcasecmp(word, names[i].name) == 0)
			*bit = 1u << names[i].priv;
	return true;
}

/* level: *.*, `db`.*, `db`.`t` */
static bool
take_level(const char **p, struct grant *g)
{
	g_autofree char *schema = NULL;
	g_autofree char *table = NULL;
	bool quoted_schema = **p == '`';
	bool quoted_table;

	schema = take_name(p);
	if (schema == NULL || **p != '.')
		return false;
	(*p)++;
	quoted_table = **p == '`';
	table = take_name(p);
	if (table == NULL || **p != ' ')
		return false;
	if (quoted_schema || strcmp(schema, "*") != 0)
		g->schema = g_steal_pointer(&schema);
	if (quoted_table || strcmp(table, "*") != 0)
		g->table = g_steal_pointer(&table);
	return true;
}

/* "`r`@`%`,`s`@`%` TO `u`@`%`": roles; p stands at the first. */
static void
roles_add(struct grants *g, const char *p)
{
	g_autoptr(GString) s = g_string_new(NULL);

	for (;;) {
		const char *start = p;
		g_autofree char *name = take_name(&p);
		g_autofree char *host = NULL;

		if (name != NULL && *p == '@') {
			p++;
			host = take_name(&p);
		}
		if (name == NULL)
			return;
		g_string_append_len(s, start, p - start);
		skip_blanks(&p);
		if (*p != ',')
			break;
		p++;
		skip_blanks(&p);
		g_string_append_c(s, ',');
	}
	if (!take_word(&p, "TO"))
		return;
	if (g->roles->len > 0)
		g_string_append_c(g->roles, ',');
	g_string_append(g->roles, s->str);
}

void
grants_add(struct grants *g, const char *line)
{
	struct grant one = { 0 };
	const char *p = line;

	one.revoke = take_word(&p, "REVOKE");
	if (!one.revoke && !take_word(&p, "GRANT"))
		return;
	if (*p == '`' || *p == '\'') {
		roles_add(g, p);
		return;
	}
	for (;;) {
		unsigned bit;

		if (!take_privilege(&p, &bit))
			return;
		one.privs |= bit;
		skip_blanks(&p);
		if (*p != ',')
			break;
		p++;
		skip_blanks(&p);
	}
	if (!take_word(&p, "ON") || !take_level(&p, &one)) {
		grant_clear(&one);
		return;
	}
	g_array_append_val(g->list, one);
}

/* ---- questions ---- */

/* MySQL's LIKE: % _ and backslash. Going back to the last % is enough. */
static bool
like(const char *pattern, const char *text)
{
	const char *after_percent = NULL, *retry = NULL;

	for (;;) {
		if (*pattern == '%') {
			after_percent = ++pattern;
			retry = text;
			continue;
		}
		if (*pattern == '\0' && *text == '\0')
			return true;
		if (*text != '\0' && *pattern == '_') {
			pattern++;
			text++;
			continue;
		}
		if (*text != '\0' && *pattern != '\0') {
			const char *c = pattern;

			if (*c == '\\' && c[1] != '\0')
				c++;
			if (*c == *text) {
				pattern = c + 1;
				text++;
				continue;
			}
		}
		if (after_percent == NULL || *retry == '\0')
			return false;
		pattern = after_percent;
		text = ++retry;
	}
}

/* Schema of a level; revokes are literal, table levels too. */
static bool
covers_schema(const struct grant *one, const char *schema)
{
	if (one->schema == NULL)
		return true;
	if (one->revoke || one->table != NULL)
		return strcmp(one->schema, schema) == 0;
	return like(one->schema, schema);
}

bool
grants_global(const struct grants *g, enum priv p)
{
	bool granted = false;

	for (guint i = 0; i < g->list->len; i++) {
		const struct grant *one =
		    &g_array_index(g->list, struct grant, i);

		if ((one->privs & 1u << p) == 0)
			continue;
		if (one->revoke)
			return false;
		granted |= one->schema == NULL;
	}
	return granted;
}

/* table NULL: all tables. */
static bool
covered(
    const struct grants *g, enum priv p, const char *schema, const char *table)
{
	bool global = false, revoked = false;

	for (guint i = 0; i < g->list->len; i++) {
		const struct grant *one =
		    &g_array_index(g->list, struct grant, i);

		if ((one->privs & 1u << p) == 0 || !covers_schema(one, schema))
			continue;
		if (one->revoke)
			revoked = true;
		else if (one->schema == NULL)
			global = true;
		else if (one->table == NULL ||
			 (table != NULL && strcmp(one->table, table) == 0))
			return true;
	}
	return global && !revoked;
}

bool
grants_schema(const struct grants *g, enum priv p, const char *schema)
{
	return covered(g, p, schema, NULL);
}

bool
grants_table(
    const struct grants *g, enum priv p, const char *schema, const char *table)
{
	return covered(g, p, schema, table);
}
