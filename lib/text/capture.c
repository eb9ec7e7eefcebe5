/* SPDX-License-Identifier: Apache-2.0 */
/* Capture groups: see capture.h. */
#include "lib/text/capture.h"

#include <string.h>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#define REGEX_MAX ((size_t)4096)
/* Steps and KiB of one match: far more than a name of 64 characters needs. */
#define MATCH_LIMIT 1000000
#define HEAP_LIMIT  20000

struct dm_capture {
	pcre2_code *code;
	pcre2_match_context *limits;
	uint32_t groups;
};

struct dm_err *
dm_capture_new(const char *regex, struct dm_capture **out)
{
	DM_AUTO(dm_capture) c = g_new0(struct dm_capture, 1);
	PCRE2_UCHAR why[128];
	PCRE2_SIZE at;
	int number;

	if (strlen(regex) > REGEX_MAX)
		return dm_err_plain(
		    "an expression is longer than %zu bytes", REGEX_MAX);
	c->code = pcre2_compile((PCRE2_SPTR)regex, PCRE2_ZERO_TERMINATED,
	    PCRE2_UTF | PCRE2_MATCH_INVALID_UTF | PCRE2_DOLLAR_ENDONLY, &number,
	    &at, NULL);
	if (c->code == NULL) {
		pcre2_get_error_message(number, why, sizeof(why));
		return dm_err_plain("%s", (const char *)why);
	}
	(void)pcre2_pattern_info(c->code, PCRE2_INFO_CAPTURECOUNT, &c->groups);
	c->limits = pcre2_match_context_create(NULL);
	dm_assert(c->limits != NULL);
	pcre2_set_match_limit(c->limits, MATCH_LIMIT);
	pcre2_set_depth_limit(c->limits, MATCH_LIMIT);
	pcre2_set_heap_limit(c->limits, HEAP_LIMIT);
	*out = DM_TAKE(c);
	return NULL;
}

void
dm_capture_free(struct dm_capture *c)
{
	if (c == NULL)
		return;
	pcre2_code_free(c->code);
	pcre2_match_context_free(c->limits);
	g_free(c);
}

unsigned
dm_capture_groups(const struct dm_capture *c)
{
	return c->groups;
}

char *
dm_capture_find(const struct dm_capture *c, const char *text)
{
	pcre2_match_data *m =
	    pcre2_match_data_create_from_pattern(c->code, NULL);
	GString *all = NULL;
	int n;

	dm_assert(m != NULL);
	n = pcre2_match(
	    c->code, (PCRE2_SPTR)text, strlen(text), 0, 0, m, c->limits);
	if (n > 0) {
		const PCRE2_SIZE *at = pcre2_get_ovector_pointer(m);

		all = g_string_new(NULL);
		for (size_t i = 1; i < (size_t)n; i++) {
			/* A group that took no part has none. */
			if (at[2 * i] != PCRE2_UNSET &&
			    at[2 * i + 1] > at[2 * i])
				g_string_append_len(all, text + at[2 * i],
				    (gssize)(at[2 * i + 1] - at[2 * i]));
		}
	}
	pcre2_match_data_free(m);
	return all == NULL ? NULL : g_string_free(all, FALSE);
}
