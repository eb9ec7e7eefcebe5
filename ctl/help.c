/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Help and usage texts from the command tables. FORMAT: the layout of cobra and
 * pflag, which users and the original's tests know line by line.
 */
#include "ctl/ctl.h"

#include <string.h>

/* Names of at least this width are padded to in a list of commands. */
#define MIN_NAME_WIDTH 11

bool
ctl_is_offered(const struct ctl_cmd *c)
{
	return !c->hidden && (c->run != NULL || c->children != NULL);
}

/* Root help has the original's number of lines, which its tests count: unless
 * it is for a person at a terminal it goes without examples and what is ours.
 * Each other help has them. */
static bool
is_originals(const struct ctl_inv *inv)
{
	return inv->depth == 1 && (inv->env == NULL || !inv->env->at_terminal);
}

static bool
is_listed(const struct ctl_inv *inv, bool ours)
{
	return !ours || !is_originals(inv);
}

static bool
has_offered_children(const struct ctl_cmd *c)
{
	const struct ctl_cmd *const *p;

	for (p = c->children; p != NULL && *p != NULL; p++) {
		if (ctl_is_offered(*p))
			return true;
	}
	return false;
}

/* ---- options ---- */

struct opt_line {
	const struct ctl_opt *opt;
	char *left; /* "  -s, --source strings" */
	char *help;
};

static void
opt_line_free(void *p)
{
	struct opt_line *l = p;

	g_free(l->left);
	g_free(l->help);
	g_free(l);
}

/* The name of the value, "" for a switch. Takes the backquotes out of text. */
static char *
value_name(const struct ctl_opt *o, GString *text)
{
	const char *open = strchr(text->str, '`');
	const char *close = open != NULL ? strchr(open + 1, '`') : NULL;

	if (close != NULL) {
		char *name = g_strndup(open + 1, (gsize)(close - open - 1));

		g_string_erase(text, close - text->str, 1);
		g_string_erase(text, open - text->str, 1);
		return name;
	}
	switch (o->kind) {
	case CTL_BOOL:
		return g_strdup("");
	case CTL_STRING:
		return g_strdup("string");
	case CTL_LIST:
		return g_strdup("strings");
	case CTL_INT:
		return g_strdup("int");
	}
	return NULL;
}

static struct opt_line *
opt_line_new(const struct ctl_inv *inv, const struct ctl_opt *o)
{
	GString *text = g_string_new(o->help);
	g_autofree char *name = value_name(o, text);
	struct opt_line *l = g_new0(struct opt_line, 1);
	GString *left = g_string_new(NULL);

	if (o == &ctl_opt_help)
		g_string_printf(text, "help for %s", ctl_inv_cmd(inv)->name);
	if (o->letter != 0)
		g_string_printf(left, "  -%c, --%s", o->letter, o->name);
	else
		g_string_printf(left, "      --%s", o->name);
	if (name[0] != '\0')
		g_string_append_printf(left, " %s", name);
	if (o->def != NULL && o->kind == CTL_STRING)
		g_string_append_printf(text, " (default \"%s\")", o->def);
	else if (o->def != NULL)
		g_string_append_printf(text, " (default %s)", o->def);
	l->opt = o;
	l->left = g_string_free(left, FALSE);
	l->help = g_string_free(text, FALSE);
	return l;
}

static gint
by_opt_name(gconstpointer a, gconstpointer b)
{
	const struct opt_line *x = *(struct opt_line *const *)a;
	const struct opt_line *y = *(struct opt_line *const *)b;

	return strcmp(x->opt->name, y->opt->name);
}

static void
collect(GPtrArray *lines, const struct ctl_inv *inv,
    const struct ctl_opt *const *opts)
{
	for (; opts != NULL && *opts != NULL; opts++) {
		if (!(*opts)->hidden && is_listed(inv, (*opts)->ours))
			g_ptr_array_add(lines, opt_line_new(inv, *opts));
	}
}

static void
append_options(GString *s, const char *title, GPtrArray *lines)
{
	size_t width = 0;

	if (lines->len == 0)
		return;
	g_ptr_array_sort(lines, by_opt_name);
	for (guint i = 0; i < lines->len; i++) {
		const struct opt_line *l = g_ptr_array_index(lines, i);

		width = MAX(width, strlen(l->left));
	}
	g_string_append_printf(s, "\n%s:\n", title);
	for (guint i = 0; i < lines->len; i++) {
		const struct opt_line *l = g_ptr_array_index(lines, i);

		g_string_append_printf(
		    s, "%-*s   %s\n", (int)width, l->left, l->help);
	}
}

static void
append_all_options(GString *s, const struct ctl_inv *inv)
{
	g_autoptr(GPtrArray) own =
	    g_ptr_array_new_with_free_func(opt_line_free);
	g_autoptr(GPtrArray) inherited =
	    g_ptr_array_new_with_free_func(opt_line_free);

	collect(own, inv, ctl_inv_cmd(inv)->opts);
	collect(own, inv, ctl_inv_cmd(inv)->shared);
	g_ptr_array_add(own, opt_line_new(inv, &ctl_opt_help));
	for (size_t i = 0; i + 1 < inv->depth; i++)
		collect(inherited, inv, inv->path[i]->shared);
	append_options(s, "Flags", own);
	append_options(s, "Global Flags", inherited);
}

/* ---- usage ---- */

static void
append_children(GString *s, const struct ctl_inv *inv)
{
	const struct ctl_cmd *c = ctl_inv_cmd(inv);
	size_t width = MIN_NAME_WIDTH;
	const struct ctl_cmd *const *p;

	for (p = c->children; *p != NULL; p++)
		width = MAX(width, strlen((*p)->name));
	g_string_append(s, "\nAvailable Commands:\n");
	for (p = c->children; *p != NULL; p++) {
		if (ctl_is_offered(*p) && is_listed(inv, (*p)->ours))
			g_string_append_printf(s, "  %-*s %s\n", (int)width,
			    (*p)->name, (*p)->brief);
	}
}

static void
append_examples(GString *s, const struct ctl_inv *inv)
{
	const char *text = ctl_inv_cmd(inv)->examples;
	g_auto(GStrv) lines = NULL;

	if (text == NULL || is_originals(inv))
		return;
	lines = g_strsplit(text, "\n", -1);
	g_string_append(s, "\nExamples:\n");
	for (size_t i = 0; lines[i] != NULL; i++)
		g_string_append_printf(
		    s, "  %s %s\n", inv->path[0]->name, lines[i]);
}

/* Examples belong to help only: usage is printed with errors, whose lines the
 * original's tests count. */
static char *
text_of(const struct ctl_inv *inv, bool examples)
{
	const struct ctl_cmd *c = ctl_inv_cmd(inv);
	g_autofree char *path = ctl_path(inv);
	GString *s = g_string_new("Usage:\n");

	if (c->run != NULL) {
		g_string_append_printf(s, "  %s", path);
		if (c->args != NULL)
			g_string_append_printf(s, " %s", c->args);
		if (c->args == NULL || strstr(c->args, "[flags]") == NULL)
			g_string_append(s, " [flags]");
		g_string_append_c(s, '\n');
	}
	if (has_offered_children(c))
		g_string_append_printf(s, "  %s [command]\n", path);
	if (c->alias != NULL)
		g_string_append_printf(
		    s, "\nAliases:\n  %s, %s\n", c->name, c->alias);
	if (examples)
		append_examples(s, inv);
	if (has_offered_children(c))
		append_children(s, inv);
	append_all_options(s, inv);
	if (has_offered_children(c))
		g_string_append_printf(s,
		    "\nUse \"%s [command] --help\" for more information "
		    "about a command.\n",
		    path);
	return g_string_free(s, FALSE);
}

char *
ctl_usage_text(const struct ctl_inv *inv)
{
	return text_of(inv, false);
}

char *
ctl_help_text(const struct ctl_inv *inv)
{
	const struct ctl_cmd *c = ctl_inv_cmd(inv);
	g_autofree char *usage = text_of(inv, true);

	return g_strdup_printf(
	    "%s\n\n%s", c->text != NULL ? c->text : c->brief, usage);
}
