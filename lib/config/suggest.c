/* SPDX-License-Identifier: Apache-2.0 */
/* Levenshtein distance over short names. */
#include "lib/config/suggest.h"

#include <string.h>

#define SUGGEST_MAX_LEN 64

/* '-' and '_' are the same letter here, as is the case. */
static char
fold(char c)
{
	return c == '_' ? '-' : g_ascii_tolower(c);
}

static size_t
distance(const char *a, size_t na, const char *b, size_t nb)
{
	size_t row[SUGGEST_MAX_LEN + 1];

	for (size_t j = 0; j <= nb; j++)
		row[j] = j;
	for (size_t i = 1; i <= na; i++) {
		size_t diagonal = row[0];

		row[0] = i;
		for (size_t j = 1; j <= nb; j++) {
			size_t up = row[j];
			size_t best =
			    diagonal + (fold(a[i - 1]) != fold(b[j - 1]));

			best = MIN(best, up + 1);
			row[j] = MIN(best, row[j - 1] + 1);
			diagonal = up;
		}
	}
	return row[nb];
}

const char *
dm_suggest(const char *typed, const char *const *names, size_t n)
{
	size_t len = strlen(typed);
	size_t best = 3;
	const char *near = NULL;

	if (len == 0 || len > SUGGEST_MAX_LEN)
		return NULL;
	for (size_t i = 0; i < n; i++) {
		size_t nb = strlen(names[i]);
		size_t d;

		if (nb > SUGGEST_MAX_LEN)
			continue;
		d = distance(typed, len, names[i], nb);
		if (d < best && d * 2 < MIN(len, nb)) {
			best = d;
			near = names[i];
		}
	}
	return near;
}
