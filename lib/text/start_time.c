/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The formats of a start time. FORMAT: date, blank or T, time, and then
 * nothing, Z, +08:00 or +0800. SOURCE: dm/pkg/utils/time.go ParseTimeZone and
 * ParseStartTime.
 */
#include "lib/text/start_time.h"

#include <glib.h>

#include <string.h>

const char dm_start_time_hints[] =
    "'2006-01-02 15:04:05', '2006-01-02T15:04:05', "
    "'2006-01-02 15:04:05+08:00', '2006-01-02T15:04:05+08:00', "
    "'2006-01-02 15:04:05+0800', or '2006-01-02T15:04:05+0800'";

/* Moves *p over two digits of at most max. */
static bool
two_digits(const char **p, int max)
{
	if (!g_ascii_isdigit((*p)[0]) || !g_ascii_isdigit((*p)[1]))
		return false;
	if (((*p)[0] - '0') * 10 + (*p)[1] - '0' > max)
		return false;
	*p += 2;
	return true;
}

static bool
zone_ok(const char *p)
{
	if (*p == '\0' || strcmp(p, "Z") == 0)
		return true;
	if (*p != '+' && *p != '-')
		return false;
	p++;
	if (!two_digits(&p, 23))
		return false;
	if (*p == ':')
		p++;
	return two_digits(&p, 59) && *p == '\0';
}

bool
dm_start_time_ok(const char *text)
{
	static const char shape[] = "dddd-dd-dd_dd:dd:dd";
	const char *p = text;
	unsigned month, day, year;

	for (size_t i = 0; shape[i] != '\0'; i++) {
		bool ok = shape[i] == 'd'   ? g_ascii_isdigit(text[i])
			  : shape[i] == '_' ? text[i] == ' ' || text[i] == 'T'
					    : text[i] == shape[i];

		if (!ok)
			return false;
	}
	year = (unsigned)g_ascii_strtoull(text, NULL, 10);
	month = (unsigned)g_ascii_strtoull(text + 5, NULL, 10);
	day = (unsigned)g_ascii_strtoull(text + 8, NULL, 10);
	if (year == 0 || month < 1 || month > 12 || day < 1 ||
	    day > g_date_get_days_in_month((GDateMonth)month, (GDateYear)year))
		return false;
	p += strlen("dddd-dd-dd_");
	if (!two_digits(&p, 23) || *p++ != ':' || !two_digits(&p, 59) ||
	    *p++ != ':' || !two_digits(&p, 59))
		return false;
	return zone_ok(p);
}

bool
dm_start_time_unix(const char *text, int64_t *unix_s)
{
	/* Without a zone of its own, and none given, it is refused. */
	g_autoptr(GDateTime) t = g_date_time_new_from_iso8601(text, NULL);

	if (t == NULL)
		return false;
	*unix_s = g_date_time_to_unix(t);
	return true;
}
