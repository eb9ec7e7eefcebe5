/* SPDX-License-Identifier: Apache-2.0 */
/* Shell-like splitting of a line typed at the prompt. */
#include "ctl/shell.h"

/* Reads one word's characters from *p into word; false when a quote or an
 * escape is open at the end of the line. */
static bool
read_word(const char **p, GString *word)
{
	char quote = 0;

	for (; **p != '\0'; ++*p) {
		char c = **p;

		if (c == '\\' && quote != '\'') {
			c = *++*p;
			if (c == '\0')
				return false;
			g_string_append_c(word, c);
		} else if (quote != 0 && c == quote) {
			quote = 0;
		} else if (quote == 0 && (c == '"' || c == '\'')) {
			quote = c;
		} else if (quote == 0 && g_ascii_isspace(c)) {
			return true;
		} else {
			g_string_append_c(word, c);
		}
	}
	return quote == 0;
}

char **
ctl_split(const char *line)
{
	g_autoptr(GPtrArray) words = g_ptr_array_new_with_free_func(g_free);
	const char *p = line;

	for (;;) {
		GString *word;
		bool ok;

		while (g_ascii_isspace(*p))
			p++;
		if (*p == '\0' || *p == '#')
			break;
		word = g_string_new(NULL);
		ok = read_word(&p, word);
		g_ptr_array_add(words, g_string_free(word, FALSE));
		if (!ok) {
			g_ptr_array_set_size(words, 0);
			g_ptr_array_add(words, g_strdup(line));
			break;
		}
	}
	g_ptr_array_add(words, NULL);
	return (char **)g_ptr_array_steal(words, NULL);
}
