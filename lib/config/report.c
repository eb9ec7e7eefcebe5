/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Collects the problems of one configuration and makes one error of them.
 *
 * The parsers of lib/config own one for the time of a parse. DESIGN: problems
 * are listed in the order of the file, whatever the order of the checks; the
 * first line decides the code. Control characters of the file's text are
 * replaced, since these lines end on terminals and in logs.
 */
#include "lib/config/report.h"

#include <string.h>

/* More problems than this are counted, not listed. */
#define REPORT_MAX_LINES 100

struct problem {
	int code;
	int line, col;
	char *text;
};

struct dm_report {
	char *file;
	GPtrArray *problems; /* struct problem*, owned */
};

static void
problem_destroy(gpointer p)
{
	struct problem *q = p;

	g_free(q->text);
	g_free(q);
}

struct dm_report *
dm_report_new(const char *file)
{
	struct dm_report *r = g_new0(struct dm_report, 1);

	r->file = g_strdup(file);
	r->problems = g_ptr_array_new_with_free_func(problem_destroy);
	return r;
}

void
dm_report_free(struct dm_report *r)
{
	if (r == NULL)
		return;
	g_free(r->file);
	g_ptr_array_unref(r->problems);
	g_free(r);
}

static void
mask_controls(char *text)
{
	for (char *p = text; *p != '\0'; p++)
		if ((unsigned char)*p < 0x20 || *p == 0x7f)
			*p = *p == '\n' || *p == '\t' ? ' ' : '?';
}

void
dm_report_add(struct dm_report *r, int code, int line, int col,
    const char *field, const char *remedy, const char *reason_fmt, ...)
{
	g_autoptr(GString) s = g_string_new(NULL);
	struct problem *q = g_new0(struct problem, 1);
	va_list ap;

	dm_assert(dm_err_lookup(code) != NULL);
	if (field != NULL && field[0] != '\0')
		g_string_append_printf(s, "%s: ", field);
	va_start(ap, reason_fmt);
	g_string_append_vprintf(s, reason_fmt, ap);
	va_end(ap);
	if (remedy != NULL && remedy[0] != '\0')
		g_string_append_printf(s, "; %s", remedy);
	q->code = code;
	q->line = line;
	q->col = col;
	q->text = g_utf8_make_valid(s->str, -1);
	mask_controls(q->text);
	g_ptr_array_add(r->problems, q);
}

bool
dm_report_is_empty(const struct dm_report *r)
{
	return r->problems->len == 0;
}

static gint
by_place(gconstpointer a, gconstpointer b)
{
	const struct problem *x = *(const struct problem *const *)a;
	const struct problem *y = *(const struct problem *const *)b;

	if (x->line != y->line)
		return x->line < y->line ? -1 : 1;
	return x->col < y->col ? -1 : x->col > y->col;
}

static void
append_problem(GString *s, const char *file, const struct problem *q)
{
	if (s->len > 0)
		g_string_append_c(s, '\n');
	g_string_append(s, file);
	if (q->line > 0)
		g_string_append_printf(s, ":%d:%d", q->line, q->col);
	g_string_append_printf(s, ": %s", q->text);
}

struct dm_err *
dm_report_error(const struct dm_report *r)
{
	g_autoptr(GPtrArray) sorted = NULL;
	g_autoptr(GString) s = g_string_new(NULL);
	const struct problem *first;
	struct dm_err *err;

	if (r->problems->len == 0)
		return NULL;
	sorted = g_ptr_array_new();
	for (guint i = 0; i < r->problems->len; i++)
		g_ptr_array_add(sorted, r->problems->pdata[i]);
	g_ptr_array_sort(sorted, by_place); /* keeps the order of equals */
	first = sorted->pdata[0];
	for (guint i = 0; i < sorted->len && i < REPORT_MAX_LINES; i++)
		append_problem(s, r->file, sorted->pdata[i]);
	if (sorted->len > REPORT_MAX_LINES)
		g_string_append_printf(s, "\n%s: and %u more", r->file,
		    sorted->len - REPORT_MAX_LINES);
	err = dm_err_make_(first->code, "%s", s->str);
	if (sorted->len > 1)
		err = dm_err_set_workaround(
		    err, "correct each line of the message and try again");
	return err;
}
