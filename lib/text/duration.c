/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Durations in Go's spelling, read and written.
 * SOURCE: the documentation of Go's time.ParseDuration and Duration.String.
 */
#include "lib/text/duration.h"

#include <inttypes.h>
#include <string.h>

struct unit {
	const char *name;
	int64_t ns;
};

/* Longer names first where one begins another. */
static const struct unit units[] = {
	{ "ns", 1 },
	{ "us", 1000 },
	{ "\xc2\xb5s", 1000 }, /* micro sign */
	{ "\xce\xbcs", 1000 }, /* Greek mu */
	{ "ms", 1000000 },
	{ "s", 1000000000 },
	{ "m", 60 * INT64_C(1000000000) },
	{ "h", 3600 * INT64_C(1000000000) },
};

static const struct unit *
unit_at(const char **p)
{
	for (size_t i = 0; i < DM_ARRAY_SIZE(units); i++) {
		size_t n = strlen(units[i].name);

		if (strncmp(*p, units[i].name, n) == 0) {
			*p += n;
			return &units[i];
		}
	}
	return NULL;
}

/* One "12.5s" added to *sum; false: not such a thing, or too large. */
static bool
term_parse(const char **p, int64_t *sum)
{
	int64_t whole = 0, part = 0, add;
	double fraction = 0, scale = 1;
	bool digits = false;
	const struct unit *u;

	for (; g_ascii_isdigit(**p); (*p)++, digits = true)
		if (__builtin_mul_overflow(whole, 10, &whole) ||
		    __builtin_add_overflow(whole, **p - '0', &whole))
			return false;
	if (**p == '.') {
		for ((*p)++; g_ascii_isdigit(**p); (*p)++, digits = true) {
			fraction = fraction * 10 + (**p - '0');
			scale *= 10;
		}
	}
	if (!digits || scale > 1e18)
		return false;
	u = unit_at(p);
	if (u == NULL)
		return false;
	part = (int64_t)(fraction / scale * (double)u->ns);
	return !__builtin_mul_overflow(whole, u->ns, &add) &&
	       !__builtin_add_overflow(add, part, &add) &&
	       !__builtin_add_overflow(*sum, add, sum);
}

struct dm_err *
dm_duration_parse(const char *text, int64_t *ns)
{
	const char *p = text;
	bool negative = *p == '-';
	int64_t sum = 0;

	if (*p == '-' || *p == '+')
		p++;
	if (strcmp(p, "0") == 0) {
		*ns = 0;
		return NULL;
	}
	do {
		if (!term_parse(&p, &sum))
			return dm_err_plain(
			    "time: invalid duration \"%s\"", text);
	} while (*p != '\0');
	*ns = negative ? -sum : sum;
	return NULL;
}

/* "1.5" of value / scale, without zeros at the end. */
static void
append_fraction(GString *s, uint64_t value, uint64_t scale)
{
	uint64_t rest = value % scale;

	g_string_append_printf(s, "%" PRIu64, value / scale);
	if (rest == 0)
		return;
	g_string_append_c(s, '.');
	for (; rest > 0; rest = rest * 10 % scale)
		g_string_append_c(s, (char)('0' + rest * 10 / scale));
}

char *
dm_duration_text(int64_t ns)
{
	const uint64_t sec = 1000000000;
	GString *s = g_string_new(ns < 0 ? "-" : "");
	uint64_t u = ns < 0 ? 0 - (uint64_t)ns : (uint64_t)ns;

	if (u == 0) {
		g_string_append(s, "0s");
	} else if (u < 1000) {
		g_string_append_printf(s, "%" PRIu64 "ns", u);
	} else if (u < 1000000) {
		append_fraction(s, u, 1000);
		g_string_append(s, "\xc2\xb5s");
	} else if (u < sec) {
		append_fraction(s, u, 1000000);
		g_string_append(s, "ms");
	} else {
		if (u >= 3600 * sec)
			g_string_append_printf(
			    s, "%" PRIu64 "h", u / (3600 * sec));
		if (u >= 60 * sec)
			g_string_append_printf(
			    s, "%" PRIu64 "m", u / (60 * sec) % 60);
		append_fraction(s, u % (60 * sec), sec);
		g_string_append_c(s, 's');
	}
	return g_string_free(s, FALSE);
}
