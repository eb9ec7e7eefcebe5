/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Dates and times as text. Zero dates, zero months and days, hours beyond a
 * day are kept as they are: what a server stored is what is printed.
 *
 * FORMAT. DATE: 3 bytes, year << 9 | month << 5 | day. DATETIME2: 5 bytes
 * big-endian, 2^39 + ((year * 13 + month) << 5 | day) << 17 | hour << 12 |
 * minute << 6 | second. TIME2: 3 bytes big-endian, 2^23 + hour << 12 | minute
 * << 6 | second; a negative time is the complement of all its bytes, fraction
 * included. Fractions: big-endian, a byte per two digits.
 * The old forms are decimal numbers: hhmmss, yyyymmddhhmmss.
 */
#include "lib/binlog/value.h"

#define PACKED_FRACTION_BITS 24
#define MICROS               1000000u
#define SECONDS_PER_DAY      86400u

static const uint32_t fraction_scale[] = { 1000000, 100000, 10000, 1000, 100,
	10, 1 };

struct moment {
	uint32_t year, month, day, hour, minute, second, micros;
};

static char *
put_digits(char *out, uint32_t v, unsigned n)
{
	for (unsigned i = n; i > 0; i--) {
		out[i - 1] = (char)('0' + v % 10);
		v /= 10;
	}
	return out + n;
}

static char *
put_fraction(char *out, uint32_t micros, unsigned digits)
{
	if (digits == 0)
		return out;
	*out++ = '.';
	return put_digits(out, micros / fraction_scale[digits], digits);
}

static char *
put_date(char *out, const struct moment *m)
{
	out = put_digits(out, m->year, 4);
	*out++ = '-';
	out = put_digits(out, m->month, 2);
	*out++ = '-';
	return put_digits(out, m->day, 2);
}

static char *
put_clock(char *out, const struct moment *m, unsigned digits)
{
	/* Hours of a TIME go up to 838. */
	out = put_digits(out, m->hour, m->hour > 99 ? 3 : 2);
	*out++ = ':';
	out = put_digits(out, m->minute, 2);
	*out++ = ':';
	out = put_digits(out, m->second, 2);
	return put_fraction(out, m->micros, digits);
}

static bool
is_sane(const struct moment *m, uint32_t max_hour)
{
	return m->year <= 9999 && m->month <= 12 && m->day <= 31 &&
	       m->hour <= max_hour && m->minute <= 59 && m->second <= 59 &&
	       m->micros < MICROS;
}

static size_t
end_text(char *out, char *end)
{
	*end = '\0';
	return (size_t)(end - out);
}

static size_t
datetime_text(
    const struct moment *m, unsigned digits, char out[DM_TEMPORAL_TEXT_MAX])
{
	char *p = out;

	if (!is_sane(m, 23))
		return 0;
	p = put_date(p, m);
	*p++ = ' ';
	return end_text(out, put_clock(p, m, digits));
}

size_t
dm_date_text_(uint32_t packed, char out[DM_TEMPORAL_TEXT_MAX])
{
	struct moment m = { .year = packed >> 9,
		.month = packed >> 5 & 15,
		.day = packed & 31 };

	if (!is_sane(&m, 0))
		return 0;
	return end_text(out, put_date(out, &m));
}

size_t
dm_time_old_text_(int32_t hhmmss, char out[DM_TEMPORAL_TEXT_MAX])
{
	uint32_t n = (uint32_t)(hhmmss < 0 ? -hhmmss : hhmmss);
	struct moment m = {
		.hour = n / 10000, .minute = n / 100 % 100, .second = n % 100
	};
	char *p = out;

	if (!is_sane(&m, 838))
		return 0;
	if (hhmmss < 0)
		*p++ = '-';
	return end_text(out, put_clock(p, &m, 0));
}

size_t
dm_datetime_old_text_(uint64_t number, char out[DM_TEMPORAL_TEXT_MAX])
{
	uint64_t date = number / 1000000;
	uint32_t clock = (uint32_t)(number % 1000000);
	struct moment m = { .hour = clock / 10000,
		.minute = clock / 100 % 100,
		.second = clock % 100 };

	if (date > 99991231)
		return 0;
	m.year = (uint32_t)date / 10000;
	m.month = (uint32_t)date / 100 % 100;
	m.day = (uint32_t)date % 100;
	return datetime_text(&m, 0, out);
}

/* Proleptic Gregorian date of a day since 1970-01-01, by 400-year eras that
 * begin in March, so that the leap day is the last of its year. */
static void
civil_date(uint32_t days, struct moment *m)
{
	uint32_t z = days + 719468;
	uint32_t era = z / 146097, doe = z % 146097;
	uint32_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
	uint32_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
	uint32_t mp = (5 * doy + 2) / 153;

	m->day = doy - (153 * mp + 2) / 5 + 1;
	m->month = mp < 10 ? mp + 3 : mp - 9;
	m->year = yoe + era * 400 + (m->month <= 2);
}

size_t
dm_timestamp_text_(uint32_t seconds, uint32_t micros, unsigned digits,
    char out[DM_TEMPORAL_TEXT_MAX])
{
	uint32_t rest = seconds % SECONDS_PER_DAY;
	struct moment m = { .micros = micros };

	/* Second 0 is the zero date. */
	if (seconds != 0 || micros != 0) {
		civil_date(seconds / SECONDS_PER_DAY, &m);
		m.hour = rest / 3600;
		m.minute = rest / 60 % 60;
		m.second = rest % 60;
	}
	return datetime_text(&m, digits, out);
}

size_t
dm_datetime_packed_text_(
    int64_t packed, unsigned digits, char out[DM_TEMPORAL_TEXT_MAX])
{
	uint64_t n = (uint64_t)packed, whole = n >> PACKED_FRACTION_BITS;
	uint64_t date = whole >> 17;
	uint64_t months = date >> 5;
	struct moment m = { .hour = whole >> 12 & 31,
		.minute = whole >> 6 & 63,
		.second = whole & 63,
		.day = date & 31,
		.micros = n & ((1u << PACKED_FRACTION_BITS) - 1) };

	if (packed < 0 || months / 13 > 9999)
		return 0;
	m.month = (uint32_t)(months % 13);
	m.year = (uint32_t)(months / 13);
	return datetime_text(&m, digits, out);
}

size_t
dm_time_packed_text_(
    int64_t packed, unsigned digits, char out[DM_TEMPORAL_TEXT_MAX])
{
	uint64_t n = packed < 0 ? 0 - (uint64_t)packed : (uint64_t)packed;
	uint64_t whole = n >> PACKED_FRACTION_BITS;
	struct moment m = { .hour = whole >> 12 & 1023,
		.minute = whole >> 6 & 63,
		.second = whole & 63,
		.micros = n & ((1u << PACKED_FRACTION_BITS) - 1) };
	char *p = out;

	if (whole >> 22 != 0 || !is_sane(&m, 838))
		return 0;
	if (packed < 0)
		*p++ = '-';
	return end_text(out, put_clock(p, &m, digits));
}

uint32_t
dm_fraction_(struct dm_cursor *c, unsigned digits)
{
	static const uint32_t unit[] = { 0, 10000, 100, 1 };
	unsigned bytes = (digits + 1) / 2;

	if (bytes == 0)
		return 0;
	return (uint32_t)dm_cursor_be(c, bytes) * unit[bytes];
}

int64_t
dm_datetime2_packed_(struct dm_cursor *c, unsigned digits)
{
	int64_t whole = (int64_t)dm_cursor_be(c, 5) - (INT64_C(1) << 39);

	return whole * (1 << PACKED_FRACTION_BITS) + dm_fraction_(c, digits);
}

int64_t
dm_time2_packed_(struct dm_cursor *c, unsigned digits)
{
	static const int64_t unit[] = { 0, 10000, 100, 1 };
	unsigned bytes = (digits + 1) / 2, bits = 8 * bytes;
	int64_t n = (int64_t)dm_cursor_be(c, 3 + bytes);
	int64_t magnitude, fraction, whole;

	dm_assert(bytes < DM_ARRAY_SIZE(unit));
	/* One number with the fraction below; its sign covers both. */
	n -= INT64_C(1) << (23 + bits);
	magnitude = n < 0 ? -n : n;
	whole = magnitude >> bits;
	fraction = (magnitude - (whole << bits)) * unit[bytes];
	magnitude = (whole << PACKED_FRACTION_BITS) + fraction;
	return n < 0 ? -magnitude : magnitude;
}
