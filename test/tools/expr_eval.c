/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Evaluates expressions over one row and compares with what a server gave.
 *
 *   expr_eval COLUMNS ROW EXPRESSIONS RESULTS
 *
 * FORMAT, all with tabs between fields:
 *   COLUMNS      name, SQL type, type as in `types`, collation, digits behind
 *                the point, values of row 1, 2, ...; 'x' a text, NULL
 *   EXPRESSIONS  one in each line
 *   RESULTS      number of the line, the server's value; no line for one that
 *                is an error there
 * Prints each difference, and a summary: `N same, N refused, N differ`. What
 * is refused is printed when V is in the environment.
 */
#include "lib/expr/parser.h"
#include "lib/expr/value.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <math.h>
#include <pcre2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const types[] = { "int", "uint", "bit", "year", "decimal",
	"float", "double", "date", "time", "datetime", "timestamp", "text",
	"binary", "enum", "set", "opaque", NULL };

struct table {
	struct dm_expr_column *columns;
	struct dm_expr_value *values;
	unsigned n;
	GPtrArray *kept; /* string vectors that columns point into */
};

static unsigned same, refused, differ;

static void
free_code(gpointer p)
{
	pcre2_code_free(p);
}

static char **
lines_of(const char *path)
{
	char *text = NULL;
	char **lines;

	if (!g_file_get_contents(path, &text, NULL, NULL)) {
		(void)fprintf(stderr, "cannot read %s\n", path);
		exit(2);
	}
	lines = g_strsplit(text, "\n", -1);
	g_free(text);
	return lines;
}

static void
set_value(struct dm_expr_value *v, enum dm_expr_type type, char *text)
{
	*v = (struct dm_expr_value){ .kind = DM_EXPR_V_NULL };
	if (strcmp(text, "NULL") == 0)
		return;
	switch (type) {
	case DM_EXPR_INT:
		v->kind = DM_EXPR_V_INT;
		v->i = g_ascii_strtoll(text, NULL, 10);
		break;
	case DM_EXPR_UINT:
	case DM_EXPR_BIT:
	case DM_EXPR_YEAR:
	case DM_EXPR_ENUM:
	case DM_EXPR_SET:
		v->kind = DM_EXPR_V_UINT;
		v->u = g_ascii_strtoull(text, NULL, 10);
		break;
	case DM_EXPR_FLOAT:
	case DM_EXPR_DOUBLE:
		v->kind = DM_EXPR_V_DOUBLE;
		v->d = g_ascii_strtod(text, NULL);
		if (type == DM_EXPR_FLOAT)
			v->d = (double)(float)v->d;
		break;
	default:
		v->kind = DM_EXPR_V_BYTES;
		if (text[0] == '\'') {
			text++;
			text[strlen(text) - 1] = '\0';
		}
		v->p = text;
		v->len = strlen(text);
		break;
	}
}

static void
read_columns(struct table *t, const char *path, unsigned row)
{
	char **lines = lines_of(path);
	unsigned n = g_strv_length(lines);

	t->kept = g_ptr_array_new_with_free_func((GDestroyNotify)g_strfreev);
	g_ptr_array_add(t->kept, lines);
	t->columns = g_new0(struct dm_expr_column, n);
	t->values = g_new0(struct dm_expr_value, n);
	for (unsigned i = 0; i < n && lines[i][0] != '\0'; i++) {
		char **f = g_strsplit(lines[i], "\t", -1);
		struct dm_expr_column *c = &t->columns[t->n];
		char **parts = g_strsplit(f[2], ":", 2);
		char **elements;

		g_ptr_array_add(t->kept, f);
		g_ptr_array_add(t->kept, parts);

		for (unsigned k = 0; types[k] != NULL; k++) {
			if (strcmp(types[k], parts[0]) == 0)
				c->type = (enum dm_expr_type)k;
		}
		elements =
		    g_strsplit(parts[1] != NULL ? parts[1] : "", ",", -1);
		g_ptr_array_add(t->kept, elements);
		c->elements = (const char *const *)elements;
		c->name = f[0];
		c->collation = f[3];
		c->charset = "utf8mb4";
		c->decimals = (int)strtol(f[4], NULL, 10);
		set_value(&t->values[t->n++], c->type, f[4 + row]);
	}
}

static void
get(void *arg, unsigned column, struct dm_expr_value *v)
{
	*v = ((struct table *)arg)->values[column];
}

/* What mariadb --batch prints of a text. */
static char *
escaped(const struct ex_str *s)
{
	GString *out = g_string_new(NULL);

	for (size_t i = 0; i < s->len; i++) {
		char c = s->p[i];

		if (c == '\0')
			g_string_append(out, "\\0");
		else if (c == '\n')
			g_string_append(out, "\\n");
		else if (c == '\t')
			g_string_append(out, "\\t");
		else if (c == '\\')
			g_string_append(out, "\\\\");
		else
			g_string_append_c(out, c);
	}
	return g_string_free(out, FALSE);
}

/* New string; NULL: an error, told by *why. */
static char *
evaluate(struct table *t, const char *text, bool *is_double, char **why)
{
	struct dm_arena arena = { 0 };
	GPtrArray *regexes = g_ptr_array_new_with_free_func(free_code);
	struct ex_bind b = { .arena = &arena,
		.columns = t->columns,
		.n_columns = t->n,
		.regexes = regexes };
	struct ex_run r = { .arena = &arena, .get = get, .arg = t };
	struct ex_node *root = NULL;
	struct dm_err *err = ex_parse(text, &arena, &root);
	char *out = NULL;
	struct ex_val v;

	if (err != NULL)
		b.error = g_strdup(err->message);
	else
		ex_bind_node(&b, root);
	if (b.unknown != NULL && b.error == NULL)
		b.error = g_strdup_printf("no column %s", b.unknown);
	if (b.error == NULL && root->no_text && root->kind != EX_DBL)
		b.error = g_strdup("no text of it is exact");
	if (b.error == NULL) {
		*is_double = root->kind == EX_DBL;
		v = *is_double ? ex_eval(&r, root) : ex_string(&r, root);
		if (r.error == NULL && v.kind == EX_NULL)
			out = g_strdup("NULL");
		else if (r.error == NULL && *is_double)
			out = g_strdup_printf("%.17g", v.d);
		else if (r.error == NULL)
			out = escaped(&v.s);
	}
	*why = b.error != NULL ? b.error : r.error;
	dm_err_free(err);
	g_ptr_array_unref(regexes);
	dm_arena_fini(&arena);
	return out;
}

static bool
is_same(const char *a, const char *b, bool is_double)
{
	double x, y, shown = 0;

	if (strcmp(a, b) == 0)
		return true;
	if (!is_double || strcmp(a, "NULL") == 0 || strcmp(b, "NULL") == 0)
		return false;
	x = g_ascii_strtod(a, NULL);
	y = g_ascii_strtod(b, NULL);
	/* The server shows some with few digits. */
	if (strchr(b, '.') != NULL && strpbrk(b, "eE") == NULL)
		shown = 0.5000001 / pow(10, (double)strlen(strchr(b, '.') + 1));
	return fabs(x - y) <= 1e-14 * fmax(fabs(x), fabs(y)) + shown;
}

static void
compare(struct table *t, const char *text, const char *server)
{
	bool is_double = false;
	char *why = NULL, *ours = evaluate(t, text, &is_double, &why);

	if (ours == NULL) {
		refused++;
		if (getenv("V") != NULL)
			printf("refused: %s: %s\n", text, why);
	} else if (server != NULL && is_same(ours, server, is_double)) {
		same++;
	} else {
		differ++;
		printf("differs: %s: %s, the server says %s\n", text, ours,
		    server != NULL ? server : "(error)");
	}
	g_free(ours);
	g_free(why);
}

int
main(int argc, char **argv)
{
	struct table t = { 0 };
	char **expressions, **results, **at;

	if (argc != 5)
		return 2;
	read_columns(&t, argv[1], (unsigned)strtoul(argv[2], NULL, 10));
	expressions = lines_of(argv[3]);
	at = results = lines_of(argv[4]);
	for (unsigned i = 0; expressions[i] != NULL; i++) {
		const char *server = NULL;
		char *end = *at;

		if (expressions[i][0] == '\0')
			continue;
		if (*at != NULL && (*at)[0] != '\0' &&
		    strtoul(*at, &end, 10) == i + 1) {
			server = end + 1;
			at++;
		}
		compare(&t, expressions[i], server);
	}
	printf("%u same, %u refused, %u differ\n", same, refused, differ);
	g_strfreev(expressions);
	g_strfreev(results);
	g_ptr_array_unref(t.kept);
	g_free(t.columns);
	g_free(t.values);
	return differ > 0;
}
