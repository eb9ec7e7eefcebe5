/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Mistakes in patterns, told where the file has them. Matching itself is
 * lib/filter's and lib/route's.
 */
#include "lib/config/pattern.h"

#include <string.h>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

static char *
regex_problem(const char *regex)
{
	PCRE2_UCHAR message[128];
	PCRE2_SIZE offset;
	pcre2_code *code;
	int number;

	code = pcre2_compile((PCRE2_SPTR)regex, PCRE2_ZERO_TERMINATED,
	    PCRE2_UTF, &number, &offset, NULL);
	if (code != NULL) {
		pcre2_code_free(code);
		return NULL;
	}
	pcre2_get_error_message(number, message, sizeof(message));
	return g_strdup_printf("bad regular expression: %s at offset %zu",
	    (const char *)message, offset);
}

char *
dm_pattern_problem(const char *pattern, bool with_regex)
{
	const char *star;

	if (pattern[0] == '\0')
		return g_strdup("the pattern is empty");
	if (with_regex && pattern[0] == '~')
		return regex_problem(pattern + 1);
	star = strchr(pattern, '*');
	if (star != NULL && star[1] != '\0')
		return g_strdup("* may stand at the end only");
	return NULL;
}
