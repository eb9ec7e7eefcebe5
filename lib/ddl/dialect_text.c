/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Collations and expressions of MySQL as MariaDB writes them: see dialect.h,
 * dialect_int.h. Verified against MariaDB 10.11.
 */
#include "lib/ddl/dialect_int.h"
#include "lib/ddl/parser.h"

#include <string.h>

#define UTF8MB4  "utf8mb4_"
#define UCA_0900 "0900_"

/* Languages. What has no counterpart takes the nearest one, or the root: the
 * order of letters differs then, but no two texts become one. */
static const struct {
	const char *mysql, *mariadb;
} languages[] = {
	{ "bs", "croatian" },
	{ "cs", "czech" },
	{ "da", "danish" },
	{ "de_pb", "german2" },
	{ "eo", "esperanto" },
	{ "es", "spanish" },
	{ "es_trad", "spanish2" },
	{ "et", "estonian" },
	{ "gl", "spanish" },
	{ "hr", "croatian" },
	{ "hu", "hungarian" },
	{ "is", "icelandic" },
	{ "la", "roman" },
	{ "lt", "lithuanian" },
	{ "lv", "latvian" },
	{ "nb", "danish" },
	{ "nn", "danish" },
	{ "pl", "polish" },
	{ "ro", "romanian" },
	{ "sk", "slovak" },
	{ "sl", "slovenian" },
	{ "sr_latn", "croatian" },
	{ "sv", "swedish" },
	{ "tr", "turkish" },
	{ "vi", "vietnamese" },
};

static const char *
language_of(const char *name, size_t len)
{
	for (size_t i = 0; i < DM_ARRAY_SIZE(languages); i++) {
		if (strlen(languages[i].mysql) == len &&
		    strncmp(languages[i].mysql, name, len) == 0)
			return languages[i].mariadb;
	}
	return NULL;
}

char *
dm_dialect_collation(const struct dm_dialect *d, const char *collation)
{
	const char *rest, *mark, *language = NULL, *weights;

	if (!d->active || !g_str_has_prefix(collation, UTF8MB4))
		return g_strdup(collation);
	rest = collation + strlen(UTF8MB4);
	mark = strstr(rest, UCA_0900);
	if (mark == NULL)
		return g_strdup(collation);
	weights = mark + strlen(UCA_0900);
	if (strcmp(weights, "bin") == 0)
		return g_strdup(UTF8MB4 "nopad_bin");
	if (d->version < DM_DIALECT_UCA1400)
		return g_strdup(UTF8MB4 "unicode_520_nopad_ci");
	if (strcmp(weights, "as_cs_ks") == 0)
		weights = "as_cs";
	if (mark > rest)
		language = language_of(rest, (size_t)(mark - rest) - 1);
	return g_strdup_printf(UTF8MB4 "uca1400_%s%snopad_%s",
	    language != NULL ? language : "", language != NULL ? "_" : "",
	    weights);
}

/* ---- expressions ---- */

struct rewriting {
	const struct dm_dialect *d;
	const char *text;
	GString *out;
	size_t copied; /* of text */
	gssize name;   /* where in out the column before us begins; -1: none */
};

static void
copy_to(struct rewriting *w, size_t end)
{
	g_string_append_len(
	    w->out, w->text + w->copied, (gssize)(end - w->copied));
	w->copied = end;
}

/* name -> 'path' is json_extract(name, 'path'); ->> also takes the quotes
 * away. */
static void
rewrite_arrow(struct rewriting *w, struct dm_parser *p)
{
	bool unquote = dm_parser_is(p, "->>");
	const struct dm_token *path = dm_parser_peek(p, 1);

	if (w->name < 0 || path->kind != DM_TOK_STRING) {
		w->name = -1;
		(void)dm_parser_take(p);
		return;
	}
	g_string_insert(w->out, w->name,
	    unquote ? "json_unquote(json_extract(" : "json_extract(");
	while (w->out->str[w->out->len - 1] == ' ')
		g_string_truncate(w->out, w->out->len - 1);
	g_string_append(w->out, ", ");
	dm_sqltext_string(w->out, path->text, path->len);
	g_string_append(w->out, unquote ? "))" : ")");
	(void)dm_parser_take(p);
	w->copied = dm_parser_take(p).end;
	w->name = -1;
}

static void
rewrite_token(struct rewriting *w, struct dm_parser *p)
{
	const struct dm_token *t = dm_parser_peek(p, 0);
	bool is_name = t->kind == DM_TOK_QUOTED ||
		       (t->kind == DM_TOK_WORD && !t->reserved);
	bool dotted = w->out->len > 0 && w->copied < t->offset + 1 &&
		      t->offset > 0 && w->text[t->offset - 1] == '.';

	copy_to(w, t->offset);
	if (dm_parser_is(p, "->") || dm_parser_is(p, "->>")) {
		rewrite_arrow(w, p);
		return;
	}
	if (dm_parser_is(p, ".") && w->name >= 0) {
		(void)dm_parser_take(p);
		return; /* `t`.`c` is one name */
	}
	if (is_name && !(dotted && w->name >= 0))
		w->name = (gssize)w->out->len;
	else if (!is_name)
		w->name = -1;
	if (t->kind == DM_TOK_WORD && g_str_has_prefix(t->text, UTF8MB4)) {
		g_autofree char *new = dm_dialect_collation(w->d, t->text);

		g_string_append(w->out, new);
		w->copied = t->end;
	}
	(void)dm_parser_take(p);
}

char *
dm_dialect_expression_(const struct dm_dialect *d, const char *text)
{
	struct rewriting w = {
		.d = d, .text = text, .out = g_string_new(NULL), .name = -1
	};
	struct dm_parser p;
	bool failed;

	dm_parser_init(&p, text, strlen(text), 0);
	while (!dm_parser_at_end(&p))
		rewrite_token(&w, &p);
	failed = dm_parser_failed(&p);
	dm_parser_fini(&p);
	if (failed) { /* the target will say what it thinks of it */
		g_string_free(w.out, TRUE);
		return g_strdup(text);
	}
	copy_to(&w, strlen(text));
	return g_string_free(w.out, FALSE);
}
