/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Patterns. DESIGN: what follows the first wildcard becomes a list of byte
 * classes, matched in one pass, since '*' stands only at the end. Regular
 * expressions are PCRE2's with a limit on the work of one match; one that
 * exceeds it does not match.
 */
#include "lib/filter/pattern.h"

#include <string.h>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#define PATTERN_MAX ((size_t)4096)
/* Steps and KiB of one match: far more than a name of 64 characters needs. */
#define MATCH_LIMIT 1000000
#define HEAP_LIMIT  20000

struct byte_class {
	uint8_t bits[32];
};

struct dm_pattern {
	char *text;
	/* Of wildcards: so many bytes of text as they are, then the classes. */
	size_t plain;
	GArray *classes; /* struct byte_class */
	bool open_end;
	/* Of a regular expression. */
	pcre2_code *code;
	pcre2_match_context *limits;
};

static void
set_bit(struct byte_class *c, unsigned byte)
{
	c->bits[byte / 8] = (uint8_t)(c->bits[byte / 8] | 1u << byte % 8);
}

static bool
has_bit(const struct byte_class *c, unsigned byte)
{
	return (c->bits[byte / 8] >> byte % 8 & 1) != 0;
}

/* The class from behind '[' to `end`, its ']'. */
static struct byte_class
parse_class(const char *from, const char *end)
{
	struct byte_class c = { 0 };
	bool negated = *from == '!' && end - from > 1;

	if (negated)
		from++;
	while (from < end) {
		unsigned first = (unsigned char)*from, last = first;

		if (end - from > 2 && from[1] == '-') {
			last = (unsigned char)from[2];
			from += 2;
		}
		from++;
		for (unsigned b = first; b <= last; b++)
			set_bit(&c, b);
	}
	for (size_t i = 0; negated && i < sizeof(c.bits); i++)
		c.bits[i] = (uint8_t)~c.bits[i];
	return c;
}

static struct dm_err *
parse_wildcards(struct dm_pattern *p)
{
	p->plain = strcspn(p->text, "*?[");
	for (const char *s = p->text + p->plain; *s != '\0'; s++) {
		struct byte_class c = { 0 };
		const char *end;

		if (*s == '*') {
			if (s[1] != '\0')
				return dm_err_plain("pattern '%s': '*' may "
						    "only be the last "
						    "character",
				    p->text);
			p->open_end = true;
			break;
		}
		end = *s == '[' ? strchr(s, ']') : NULL;
		if (*s == '?') {
			memset(c.bits, 0xff, sizeof(c.bits));
		} else if (end != NULL && end > s + 1) {
			c = parse_class(s + 1, end);
			s = end;
		} else {
			set_bit(&c, (unsigned char)*s);
		}
		g_array_append_val(p->classes, c);
	}
	return NULL;
}

static struct dm_err *
parse_regex(struct dm_pattern *p, const char *regex, bool case_sensitive)
{
	uint32_t options =
	    PCRE2_UTF | PCRE2_MATCH_INVALID_UTF | PCRE2_DOLLAR_ENDONLY;
	PCRE2_SIZE at;
	int code;

	if (!case_sensitive)
		options |= PCRE2_CASELESS;
	p->code = pcre2_compile((PCRE2_SPTR)regex, PCRE2_ZERO_TERMINATED,
	    options, &code, &at, NULL);
	if (p->code == NULL) {
		PCRE2_UCHAR why[128];

		pcre2_get_error_message(code, why, sizeof(why));
		return dm_err_plain(
		    "pattern '%s': %s", p->text, (const char *)why);
	}
	p->limits = pcre2_match_context_create(NULL);
	dm_assert(p->limits != NULL);
	pcre2_set_match_limit(p->limits, MATCH_LIMIT);
	pcre2_set_depth_limit(p->limits, MATCH_LIMIT);
	pcre2_set_heap_limit(p->limits, HEAP_LIMIT);
	return NULL;
}

struct dm_err *
dm_pattern_new(const char *text, bool case_sensitive, struct dm_pattern **out)
{
	DM_AUTO(dm_pattern) p = g_new0(struct dm_pattern, 1);
	struct dm_err *err;

	if (text == NULL || text[0] == '\0')
		return dm_err_plain("a pattern is empty");
	if (strlen(text) > PATTERN_MAX)
		return dm_err_plain(
		    "a pattern is longer than %zu bytes", PATTERN_MAX);
	if (text[0] == '~') {
		p->text = g_strdup(text);
		err = parse_regex(p, text + 1, case_sensitive);
	} else {
		p->text = dm_pattern_fold(text, case_sensitive);
		p->classes =
		    g_array_new(FALSE, FALSE, sizeof(struct byte_class));
		err = parse_wildcards(p);
	}
	if (err == NULL)
		*out = DM_TAKE(p);
	return err;
}

void
dm_pattern_free(struct dm_pattern *p)
{
	if (p == NULL)
		return;
	g_free(p->text);
	if (p->classes != NULL)
		g_array_free(p->classes, TRUE);
	pcre2_code_free(p->code);
	pcre2_match_context_free(p->limits);
	g_free(p);
}

/* PCRE2's answer: negative when it does not match or could not tell. */
static int
match_regex(const struct dm_pattern *p, const char *folded)
{
	pcre2_match_data *data = pcre2_match_data_create(1, NULL);
	int rc;

	dm_assert(data != NULL);
	rc = pcre2_match(
	    p->code, (PCRE2_SPTR)folded, strlen(folded), 0, 0, data, p->limits);
	pcre2_match_data_free(data);
	return rc;
}

bool
dm_pattern_matches(const struct dm_pattern *p, const char *folded)
{
	if (p->code != NULL)
		return match_regex(p, folded) >= 0;
	if (strncmp(p->text, folded, p->plain) != 0)
		return false;
	folded += p->plain;
	for (guint i = 0; i < p->classes->len; i++, folded++) {
		if (*folded == '\0' ||
		    !has_bit(&g_array_index(p->classes, struct byte_class, i),
			(unsigned char)*folded))
			return false;
	}
	return p->open_end || *folded == '\0';
}

struct dm_err *
dm_pattern_search(const struct dm_pattern *p, const char *text, bool *yes)
{
	PCRE2_UCHAR why[128];
	int rc = 0;

	if (p->code == NULL)
		*yes = dm_pattern_matches(p, text);
	else
		*yes = (rc = match_regex(p, text)) >= 0;
	if (*yes || p->code == NULL || rc == PCRE2_ERROR_NOMATCH)
		return NULL;
	pcre2_get_error_message(rc, why, sizeof(why));
	return dm_err_plain("pattern '%s': %s", p->text, (const char *)why);
}

char *
dm_pattern_pair(const struct dm_pattern *schema, const struct dm_pattern *table)
{
	size_t n = strlen(schema->text);

	if (table == NULL)
		return g_strdup_printf("%zu.%s", n, schema->text);
	return g_strdup_printf("%zu.%s.%s", n, schema->text, table->text);
}

char *
dm_pattern_fold(const char *name, bool case_sensitive)
{
	if (case_sensitive)
		return g_strdup(name);
	if (g_utf8_validate(name, -1, NULL))
		return g_utf8_strdown(name, -1);
	return g_ascii_strdown(name, -1);
}
