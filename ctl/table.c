/* SPDX-License-Identifier: Apache-2.0 */
/* Text tables: see table.h. */
#include "ctl/table.h"

#include <string.h>

#define GAP 2 /* blanks between columns */

struct ctl_table {
	size_t n;        /* columns */
	size_t *widths;  /* of each, in columns of a terminal */
	GPtrArray *rows; /* char**, NULL-terminated; the first is the head */
};

static void
free_row(void *p)
{
	g_strfreev(p);
}

size_t
ctl_table_width(const char *text)
{
	size_t n = 0;

	for (const char *p = text; *p != '\0'; p = g_utf8_next_char(p)) {
		gunichar c = g_utf8_get_char(p);

		if (g_unichar_iszerowidth(c))
			continue;
		n += g_unichar_iswide(c) ? 2 : 1;
	}
	return n;
}

/* New string: valid UTF-8 on one line. */
static char *
clean(const char *text)
{
	g_autofree char *valid = NULL;
	GString *s = g_string_new(NULL);

	if (text == NULL || text[0] == '\0')
		text = "-";
	valid = g_utf8_make_valid(text, -1);
	for (const char *p = valid; *p != '\0'; p = g_utf8_next_char(p)) {
		gunichar c = g_utf8_get_char(p);

		g_string_append_unichar(s, g_unichar_iscntrl(c) ? ' ' : c);
	}
	return g_string_free(s, FALSE);
}

static void
add(struct ctl_table *t, char **row)
{
	for (size_t i = 0; i < t->n; i++)
		t->widths[i] = MAX(t->widths[i], ctl_table_width(row[i]));
	g_ptr_array_add(t->rows, row);
}

void
ctl_table_row(struct ctl_table *t, const char *const *cells)
{
	char **row = g_new0(char *, t->n + 1);

	for (size_t i = 0; i < t->n; i++)
		row[i] = clean(cells[i]);
	add(t, row);
}

struct ctl_table *
ctl_table_new(const char *const *heads)
{
	struct ctl_table *t = g_new0(struct ctl_table, 1);

	while (heads[t->n] != NULL)
		t->n++;
	t->widths = g_new0(size_t, t->n);
	t->rows = g_ptr_array_new_with_free_func(free_row);
	ctl_table_row(t, heads);
	return t;
}

void
ctl_table_free(struct ctl_table *t)
{
	if (t == NULL)
		return;
	g_ptr_array_unref(t->rows);
	g_free(t->widths);
	g_free(t);
}

void
ctl_table_print(const struct ctl_table *t, FILE *f)
{
	for (guint i = 0; i < t->rows->len; i++) {
		char **row = g_ptr_array_index(t->rows, i);

		for (size_t k = 0; k < t->n; k++) {
			size_t pad =
			    t->widths[k] - ctl_table_width(row[k]) + GAP;

			fputs(row[k], f);
			if (k + 1 < t->n)
				fprintf(f, "%*s", (int)pad, "");
		}
		fputc('\n', f);
	}
}
