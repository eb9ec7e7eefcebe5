/* SPDX-License-Identifier: Apache-2.0 */
/* Dates and times: see temporal.h. */
#include "lib/expr/temporal.h"

#include <string.h>

#define MICROS     INT64_C(1000000)
#define DAY_S      INT64_C(86400)
#define TIME_MAX_H 838

int
ex_month_days(int year, int month)
{
	static const int days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30,
		31 };
	bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);

	if (month < 1 || month > 12)
		return 31;
	return days[month - 1] + (month == 2 && leap ? 1 : 0);
}

bool
ex_date_is_real(const struct ex_time *t)
{
	return t->month > 0 && t->day > 0;
}

static bool
is_in_range(const struct ex_time *t)
{
	return t->month <= 12 && t->hour < 24 && t->minute < 60 &&
	       t->second < 60 && t->day <= ex_month_days(t->year, t->month);
}

/* ---- reading ---- */

/* Numbers of a text, with the marks between them. */
struct reader {
	const char *p, *end;
	int digits; /* of the last number */
};

/* Up to `most` digits; -1: none. */
static int
number(struct reader *r, int most)
{
	int v = 0;

	r->digits = 0;
	while (r->p < r->end && r->digits < most && g_ascii_isdigit(*r->p)) {
		v = v * 10 + (*r->p++ - '0');
		r->digits++;
	}
	return r->digits == 0 ? -1 : v;
}

static bool
at_mark(const struct reader *r)
{
	return r->p < r->end && g_ascii_ispunct(*r->p);
}

/* ".123": -1 when there is more than that; rounding is left to the servers,
 * which do not agree on it. */
static int
fraction(struct reader *r)
{
	int v;

	if (r->p == r->end)
		return 0;
	if (*r->p != '.')
		return -1;
	r->p++;
	v = number(r, 6);
	for (int i = r->digits; v >= 0 && i < 6; i++)
		v *= 10;
	return r->p == r->end ? MAX(v, 0) : -1;
}

static int
full_year(int year, int digits)
{
	if (digits > 2)
		return year;
	return year < 70 ? 2000 + year : 1900 + year;
}

static enum ex_read
finish(struct reader *r, struct ex_time *t)
{
	t->micro = fraction(r);
	if (t->micro < 0)
		return EX_READ_UNSURE;
	return is_in_range(t) ? EX_READ_OK : EX_READ_NOT;
}

/* Behind the date: nothing, or " hh:mm:ss". */
static enum ex_read
read_clock(struct reader *r, struct ex_time *t, bool *has_time)
{
	if (r->p == r->end)
		return is_in_range(t) ? EX_READ_OK : EX_READ_NOT;
	if (*r->p != ' ' && *r->p != 'T')
		return EX_READ_UNSURE;
	r->p++;
	*has_time = true;
	t->hour = number(r, 2);
	if (t->hour < 0 || r->p == r->end || *r->p != ':')
		return EX_READ_UNSURE;
	r->p++;
	t->minute = number(r, 2);
	if (t->minute >= 0 && r->p == r->end)
		return is_in_range(t) ? EX_READ_OK : EX_READ_NOT;
	if (t->minute < 0 || *r->p != ':')
		return EX_READ_UNSURE;
	r->p++;
	t->second = number(r, 2);
	return t->second < 0 ? EX_READ_UNSURE : finish(r, t);
}

/* All digits: YYYYMMDD or YYYYMMDDhhmmss. */
static enum ex_read
read_packed(struct reader *r, size_t n, struct ex_time *t, bool *has_time)
{
	if (n != 8 && n != 14)
		return EX_READ_UNSURE;
	t->year = number(r, 4);
	t->month = number(r, 2);
	t->day = number(r, 2);
	if (n == 14) {
		*has_time = true;
		t->hour = number(r, 2);
		t->minute = number(r, 2);
		t->second = number(r, 2);
	}
	return finish(r, t);
}

static struct reader
reader_of(const char *p, size_t len)
{
	struct reader r = { .p = p, .end = p + len };

	while (r.p < r.end && *r.p == ' ')
		r.p++;
	while (r.end > r.p && r.end[-1] == ' ')
		r.end--;
	return r;
}

enum ex_read
ex_datetime_read(const char *p, size_t len, struct ex_time *t, bool *has_time)
{
	struct reader r = reader_of(p, len);
	size_t n = 0;

	*t = (struct ex_time){ 0 };
	*has_time = false;
	while (r.p + n < r.end && g_ascii_isdigit(r.p[n]))
		n++;
	if (n == 0)
		return EX_READ_NOT;
	if (r.p + n == r.end || n > 4)
		return read_packed(&r, n, t, has_time);
	t->year = number(&r, 4);
	if (!at_mark(&r) || (r.digits != 2 && r.digits != 4))
		return EX_READ_UNSURE;
	t->year = full_year(t->year, r.digits);
	r.p++;
	t->month = number(&r, 2);
	if (t->month < 0 || !at_mark(&r))
		return EX_READ_UNSURE;
	r.p++;
	t->day = number(&r, 2);
	if (t->day < 0)
		return EX_READ_UNSURE;
	return read_clock(&r, t, has_time);
}

enum ex_read
ex_time_read(const char *p, size_t len, struct ex_time *t)
{
	struct reader r = reader_of(p, len);
	int *const parts[] = { &t->hour, &t->minute, &t->second };

	*t = (struct ex_time){ 0 };
	if (r.p < r.end && *r.p == '-') {
		t->neg = true;
		r.p++;
	}
	for (size_t i = 0; i < DM_ARRAY_SIZE(parts); i++) {
		*parts[i] = number(&r, i == 0 ? 3 : 2);
		if (*parts[i] < 0)
			return EX_READ_UNSURE;
		if (i == 2 || (i == 1 && r.p == r.end))
			break;
		if (r.p == r.end || *r.p != ':')
			return EX_READ_UNSURE;
		r.p++;
	}
	t->micro = fraction(&r);
	if (t->micro < 0 || t->hour > TIME_MAX_H)
		return EX_READ_UNSURE;
	return t->minute < 60 && t->second < 60 ? EX_READ_OK : EX_READ_NOT;
}

/* ---- the calendar ---- */

int64_t
ex_days(const struct ex_time *t)
{
	int64_t year = t->year, leaps;

	if (t->year == 0 && t->month == 0)
		return 0;
	leaps = t->month <= 2 ? year - 1 : year;
	if (leaps < 0)
		leaps = 0;
	return 365 * year + ex_year_day(t) -
	       (t->month > 2 && ex_month_days(t->year, 2) == 29 ? 1 : 0) +
	       leaps / 4 - leaps / 100 + leaps / 400;
}

int
ex_year_day(const struct ex_time *t)
{
	int days = t->day;

	for (int m = 1; m < t->month; m++)
		days += ex_month_days(t->year, m);
	return days;
}

int
ex_weekday(const struct ex_time *t)
{
	return (int)((ex_days(t) + 6) % 7);
}

/* The date of a count of days. */
static bool
set_days(struct ex_time *t, int64_t days)
{
	struct ex_time at = { .month = 1, .day = 1 };

	if (days < 1)
		return false;
	at.year = (int)MIN(days / 366, 10000);
	while (at.year < 10000) {
		struct ex_time next = {
			.year = at.year + 1, .month = 1, .day = 1
		};

		if (ex_days(&next) > days)
			break;
		at.year++;
	}
	if (at.year > 9999)
		return false;
	days -= ex_days(&at);
	while (days >= ex_month_days(at.year, at.month))
		days -= ex_month_days(at.year, at.month++);
	t->year = at.year;
	t->month = at.month;
	t->day = (int)days + 1;
	return true;
}

bool
ex_add_seconds(struct ex_time *t, int64_t seconds, int64_t micros)
{
	int64_t days = ex_days(t), left;

	micros += t->micro;
	left = micros % MICROS;
	if (left < 0)
		left += MICROS;
	if (__builtin_add_overflow(
		seconds, (micros - left) / MICROS, &seconds) ||
	    seconds > 10000 * 366 * DAY_S || seconds < -10000 * 366 * DAY_S)
		return false;
	seconds += t->hour * 3600 + t->minute * 60 + t->second;
	days += seconds / DAY_S;
	seconds %= DAY_S;
	if (seconds < 0) {
		seconds += DAY_S;
		days--;
	}
	t->micro = (int)left;
	t->hour = (int)(seconds / 3600);
	t->minute = (int)(seconds / 60 % 60);
	t->second = (int)(seconds % 60);
	return set_days(t, days);
}

bool
ex_add_months(struct ex_time *t, int64_t months)
{
	int64_t all;

	if (months > 120000 || months < -120000)
		return false;
	all = (int64_t)t->year * 12 + t->month - 1 + months;
	if (all < 0 || all >= 120000)
		return false;
	t->year = (int)(all / 12);
	t->month = (int)(all % 12) + 1;
	t->day = MIN(t->day, ex_month_days(t->year, t->month));
	return true;
}

int
ex_time_cmp(const struct ex_time *a, const struct ex_time *b)
{
	const int x[] = { a->year, a->month, a->day, a->hour, a->minute,
		a->second, a->micro };
	const int y[] = { b->year, b->month, b->day, b->hour, b->minute,
		b->second, b->micro };

	if (a->neg != b->neg) {
		/* -00:00:00 is 00:00:00 */
		bool zero = true;

		for (size_t i = 0; i < DM_ARRAY_SIZE(x); i++)
			zero = zero && x[i] == 0 && y[i] == 0;
		return zero ? 0 : a->neg ? -1 : 1;
	}
	for (size_t i = 0; i < DM_ARRAY_SIZE(x); i++) {
		if (x[i] != y[i])
			return (x[i] < y[i]) != a->neg ? -1 : 1;
	}
	return 0;
}

/* ---- writing ---- */

static void
fraction_text(int micro, int digits, GString *out)
{
	if (digits <= 0)
		return;
	for (int i = digits; i < 6; i++)
		micro /= 10;
	g_string_append_printf(out, ".%0*d", digits, micro);
}

void
ex_date_text(const struct ex_time *t, GString *out)
{
	g_string_append_printf(
	    out, "%04d-%02d-%02d", t->year, t->month, t->day);
}

void
ex_datetime_text(const struct ex_time *t, int digits, GString *out)
{
	ex_date_text(t, out);
	g_string_append_printf(
	    out, " %02d:%02d:%02d", t->hour, t->minute, t->second);
	fraction_text(t->micro, digits, out);
}

void
ex_time_text(const struct ex_time *t, int digits, GString *out)
{
	g_string_append_printf(out, "%s%02d:%02d:%02d", t->neg ? "-" : "",
	    t->hour, t->minute, t->second);
	fraction_text(t->micro, digits, out);
}

static int64_t
round_micros(int micro, int digits)
{
	int64_t unit = 1;

	for (int i = digits; i < 6; i++)
		unit *= 10;
	return (micro + unit / 2) / unit * unit;
}

bool
ex_datetime_round(struct ex_time *t, int digits)
{
	int64_t micros = round_micros(t->micro, digits);

	t->micro = 0;
	if (micros < MICROS) {
		t->micro = (int)micros;
		return true;
	}
	return ex_date_is_real(t) && ex_add_seconds(t, 0, micros);
}

bool
ex_duration_round(struct ex_time *t, int digits)
{
	int64_t micros = round_micros(t->micro, digits);
	int seconds = t->hour * 3600 + t->minute * 60 + t->second +
		      (int)(micros / MICROS);

	t->micro = (int)(micros % MICROS);
	t->hour = seconds / 3600;
	t->minute = seconds / 60 % 60;
	t->second = seconds % 60;
	return t->hour <= TIME_MAX_H;
}
