/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Dates and times. Private to lib/expr. Threads: any.
 */
#ifndef DM_LIB_EXPR_TEMPORAL_H
#define DM_LIB_EXPR_TEMPORAL_H

#include "lib/base/base.h"

/* A date has zeros in its time, a TIME in its date; hours of a TIME go to 838.
 * Dates may be zero, or have zeros in month and day, as in the servers. */
struct ex_time {
	bool neg;
	int year, month, day, hour, minute, second, micro;
};

enum ex_read {
	EX_READ_OK,
	EX_READ_NOT,   /* it is not a time for any server: NULL */
	EX_READ_UNSURE /* servers and settings differ on it */
};

/* "2024-01-31 10:11:12.5", also without the time (*has_time tells), with other
 * marks between the numbers, or "20240131", "20240131101112". */
enum ex_read ex_datetime_read(
    const char *p, size_t len, struct ex_time *t, bool *has_time);
/* "-11:12:13.5" */
enum ex_read ex_time_read(const char *p, size_t len, struct ex_time *t);

/* < 0, 0, > 0 */
int ex_time_cmp(const struct ex_time *a, const struct ex_time *b);
/* Of the calendar: no zeros in it. */
bool ex_date_is_real(const struct ex_time *t);
int ex_month_days(int year, int month);
/* Days since year 0, as TO_DAYS gives them. */
int64_t ex_days(const struct ex_time *t);
/* 0: Sunday */
int ex_weekday(const struct ex_time *t);
int ex_year_day(const struct ex_time *t);
/* False: beyond the years 0 to 9999. */
bool ex_add_seconds(struct ex_time *t, int64_t seconds, int64_t micros);
bool ex_add_months(struct ex_time *t, int64_t months);

/* Digits of the fraction as given. */
void ex_date_text(const struct ex_time *t, GString *out);
void ex_datetime_text(const struct ex_time *t, int digits, GString *out);
void ex_time_text(const struct ex_time *t, int digits, GString *out);
/* Rounds to so many digits of the fraction; of a date and time. */
bool ex_datetime_round(struct ex_time *t, int digits);
bool ex_duration_round(struct ex_time *t, int digits);

#endif
