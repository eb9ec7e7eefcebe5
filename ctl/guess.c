/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Guesses at mistyped commands and options. SOURCE: cobra's suggestions: two
 * edits away, or the beginning of a name. Differs: options are guessed, too.
 */
#include "ctl/ctl.h"

#include <string.h>

/* A word may be this many edits away from a name it is taken for. */
#define MAX_EDITS 2

/* Edits (insert, delete, change a letter) from a to b, ignoring case. */
static size_t
distance(const char *a, const char *b)
{
	size_t n = strlen(b);
	g_autofree size_t *row = g_new(size_t, n + 1);

	for (size_t j = 0; j <= n; j++)
		row[j] = j;
	for (size_t i = 1; a[i - 1] != '\0'; i++) {
		size_t diagonal = row[0];

		row[0] = i;
		for (size_t j = 1; j <= n; j++) {
			size_t above = row[j];
			bool same = g_ascii_tolower(a[i - 1]) ==
				    g_ascii_tolower(b[j - 1]);

			row[j] = MIN(MIN(above, row[j - 1]) + 1,
			    diagonal + (same ? 0 : 1));
			diagonal = above;
		}
	}
	return row[n];
}

static bool
is_near(const char *word, const char *name)
{
	return distance(word, name) <= MAX_EDITS ||
	       g_ascii_strncasecmp(name, word, strlen(word)) == 0;
}

/* One more guess, "dash" in front of it. */
static void
add(GString *s, const char *dash, const char *name)
{
	if (s->len == 0)
		g_string_append(s, "\n\nDid you mean this?\n");
	g_string_append_printf(s, "\t%s%s\n", dash, name);
}

char *
ctl_suggestions(const struct ctl_cmd *c, const char *word)
{
	GString *s = g_string_new(NULL);
	const struct ctl_cmd *const *p;

	for (p = c->children; p != NULL && *p != NULL; p++) {
		if (ctl_is_offered(*p) && is_near(word, (*p)->name))
			add(s, "", (*p)->name);
	}
	return g_string_free(s, FALSE);
}

static void
add_flags(GString *s, const struct ctl_opt *const *opts, const char *name)
{
	for (; opts != NULL && *opts != NULL; opts++) {
		/* Options are short: two edits alone make --more of --nope. */
		if (!(*opts)->hidden && (*opts)->name[0] == name[0] &&
		    is_near(name, (*opts)->name))
			add(s, "--", (*opts)->name);
	}
}

char *
ctl_flag_suggestions(const struct ctl_inv *inv, const char *name)
{
	GString *s = g_string_new(NULL);

	add_flags(s, ctl_inv_cmd(inv)->opts, name);
	for (size_t i = inv->depth; i > 0; i--)
		add_flags(s, inv->path[i - 1]->shared, name);
	return g_string_free(s, FALSE);
}
