/* SPDX-License-Identifier: Apache-2.0 */
/* Dates and times. */
#include "lib/expr/func.h"

#include <string.h>

/* The order of `units` in parser_call.c. */
enum {
	U_MICRO,
	U_SECOND,
	U_MINUTE,
	U_HOUR,
	U_DAY,
	U_WEEK,
	U_MONTH,
	U_QUARTER,
	U_YEAR
};

void
ex_want_date(struct ex_bind *b, const struct ex_node *n, unsigned arg)
{
	enum ex_kind k = n->args[arg]->kind;

	if (k != EX_DATE && k != EX_DATETIME && k != EX_STR && k != EX_NULL)
		ex_refuse(b, "%s needs a date as argument %u", n->func->name,
		    arg + 1);
}

bool
ex_date_arg(
    struct ex_run *r, const struct ex_node *n, unsigned arg, struct ex_time *t)
{
	struct ex_val v = ex_eval(r, n->args[arg]);
	enum ex_read read;
	bool has_time;

	if (v.kind == EX_DATE || v.kind == EX_DATETIME) {
		*t = v.t;
		return true;
	}
	if (v.kind != EX_STR)
		return false;
	read = ex_datetime_read(v.s.p, v.s.len, t, &has_time);
	/* What sql_mode says of such dates is not known. */
	if (read == EX_READ_OK && !ex_date_is_real(t))
		read = EX_READ_UNSURE;
	if (read == EX_READ_UNSURE)
		(void)ex_fail(r,
		    "'%.*s' cannot be read as a date by %s exactly",
		    (int)MIN(v.s.len, 100), v.s.p, n->func->name);
	return read == EX_READ_OK;
}

/* ---- parts ---- */

enum { YEAR, MONTH, DAY, WEEKDAY, DAYOFWEEK, DAYOFYEAR, QUARTER, TO_DAYS };

static void
bind_date_part(struct ex_bind *b, struct ex_node *n)
{
	for (unsigned i = 0; i < n->n_args; i++)
		ex_want_date(b, n, i);
	n->kind = EX_INT;
}

static struct ex_val
eval_date_part(struct ex_run *r, const struct ex_node *n)
{
	struct ex_time t;

	if (!ex_date_arg(r, n, 0, &t))
		return ex_null();
	if (n->func->number >= WEEKDAY && n->func->number != QUARTER &&
	    !ex_date_is_real(&t))
		return ex_null();
	switch (n->func->number) {
	case YEAR:
		return ex_int(t.year);
	case MONTH:
		return ex_int(t.month);
	case DAY:
		return ex_int(t.day);
	case WEEKDAY:
		return ex_int((ex_weekday(&t) + 6) % 7);
	case DAYOFWEEK:
		return ex_int(ex_weekday(&t) + 1);
	case DAYOFYEAR:
		return ex_int(ex_year_day(&t));
	case QUARTER:
		return ex_int((t.month + 2) / 3);
	default:
		return ex_int(ex_days(&t));
	}
}

static struct ex_val
eval_datediff(struct ex_run *r, const struct ex_node *n)
{
	struct ex_time a, b;

	if (!ex_date_arg(r, n, 0, &a) || !ex_date_arg(r, n, 1, &b) ||
	    !ex_date_is_real(&a) || !ex_date_is_real(&b))
		return ex_null();
	return ex_int(ex_days(&a) - ex_days(&b));
}

static void
bind_time_part(struct ex_bind *b, struct ex_node *n)
{
	enum ex_kind k = n->args[0]->kind;

	if (!ex_is_temporal(k) && k != EX_NULL)
		ex_refuse(b, "%s needs a time: add CAST", n->func->name);
	n->kind = EX_INT;
}

static struct ex_val
eval_time_part(struct ex_run *r, const struct ex_node *n)
{
	struct ex_val v = ex_eval(r, n->args[0]);

	if (v.kind == EX_NULL)
		return v;
	switch (n->func->number) {
	case U_HOUR:
		return ex_int(v.t.hour);
	case U_MINUTE:
		return ex_int(v.t.minute);
	case U_SECOND:
		return ex_int(v.t.second);
	default:
		return ex_int(v.t.micro);
	}
}

static void
bind_time(struct ex_bind *b, struct ex_node *n)
{
	bind_time_part(b, n);
	n->kind = EX_TIME;
	n->scale = n->args[0]->scale;
}

static struct ex_val
eval_time(struct ex_run *r, const struct ex_node *n)
{
	struct ex_val v = ex_eval(r, n->args[0]);

	if (v.kind == EX_NULL)
		return v;
	v.kind = EX_TIME;
	v.t.year = v.t.month = v.t.day = 0;
	return v;
}

/* DATE 0, LAST_DAY 1 */
static void
bind_date(struct ex_bind *b, struct ex_node *n)
{
	ex_want_date(b, n, 0);
	n->kind = EX_DATE;
}

static struct ex_val
eval_date(struct ex_run *r, const struct ex_node *n)
{
	struct ex_val v = { .kind = EX_DATE };
	struct ex_time t;

	if (!ex_date_arg(r, n, 0, &t))
		return ex_null();
	v.t =
	    (struct ex_time){ .year = t.year, .month = t.month, .day = t.day };
	if (n->func->number == 0)
		return v;
	if (!ex_date_is_real(&t))
		return ex_null();
	v.t.day = ex_month_days(t.year, t.month);
	return v;
}

/* ---- DATE_ADD 1, DATE_SUB -1 ---- */

/* A text is written for a date here; which of both kinds, it tells itself. */
static void
read_literal(struct ex_bind *b, struct ex_node *a)
{
	struct ex_time t;
	bool has_time;

	if (ex_datetime_read(a->lit.s.p, a->lit.s.len, &t, &has_time) !=
		EX_READ_OK ||
	    !ex_date_is_real(&t))
		ex_refuse(b, "'%s' is not a date", a->lit.s.p);
	a->kind = a->lit.kind = has_time ? EX_DATETIME : EX_DATE;
	a->scale = t.micro != 0 ? 6 : 0;
	a->lit.t = t;
}

static void
bind_add(struct ex_bind *b, struct ex_node *n)
{
	struct ex_node *a = n->args[0];

	if (a->leaf == EX_LITERAL && a->kind == EX_STR && !a->is_hex)
		read_literal(b, a);
	if (a->kind != EX_DATE && a->kind != EX_DATETIME && a->kind != EX_NULL)
		ex_refuse(b, "%s needs a date: add CAST", n->func->name);
	ex_want_int(b, n, 1);
	n->scale = n->number == U_MICRO ? 6 : a->scale;
	n->kind = a->kind;
	if (n->kind == EX_DATE && n->number < U_DAY)
		n->kind = EX_DATETIME;
}

static struct ex_val
eval_add(struct ex_run *r, const struct ex_node *n)
{
	static const int64_t seconds[] = { 0, 1, 60, 3600, 86400, 7 * 86400 };
	static const int64_t months[] = { 1, 3, 12 };
	struct ex_val v = ex_eval(r, n->args[0]);
	int64_t count, all;
	bool fits;

	if (!ex_int_arg(r, n, 1, &count) || v.kind == EX_NULL ||
	    !ex_date_is_real(&v.t))
		return ex_null();
	v.kind = n->kind;
	if (__builtin_mul_overflow(count, (int64_t)n->func->number, &count))
		return ex_null();
	if (n->number == U_MICRO)
		fits = ex_add_seconds(&v.t, count / 1000000, count % 1000000);
	else if (n->number >= U_MONTH)
		fits = !__builtin_mul_overflow(
			   count, months[n->number - U_MONTH], &all) &&
		       ex_add_months(&v.t, all);
	else
		fits =
		    !__builtin_mul_overflow(count, seconds[n->number], &all) &&
		    ex_add_seconds(&v.t, all, 0);
	return fits ? v : ex_null();
}

/* ---- UNIX_TIMESTAMP ---- */

static void
bind_unix(struct ex_bind *b, struct ex_node *n)
{
	const struct ex_node *a = n->args[0];

	if (a->kind != EX_DATE && a->kind != EX_DATETIME && a->kind != EX_NULL)
		ex_refuse(b, "UNIX_TIMESTAMP needs a date: add CAST");
	n->scale = a->kind == EX_DATETIME ? a->scale : 0;
	n->kind = n->scale > 0 ? EX_DEC : EX_INT;
}

static struct ex_val
eval_unix(struct ex_run *r, const struct ex_node *n)
{
	static const struct ex_time epoch = {
		.year = 1970, .month = 1, .day = 1
	};
	struct ex_val v = ex_eval(r, n->args[0]);
	struct ex_dec d, fraction;
	int64_t s;
	g_autofree char *text = NULL;
	bool fits;

	if (v.kind == EX_NULL)
		return v;
	s = (ex_days(&v.t) - ex_days(&epoch)) * 86400 + v.t.hour * 3600 +
	    v.t.minute * 60 + v.t.second - r->tz_offset_s;
	/* Zero before the epoch; where it ends the servers do not agree. */
	if (!ex_date_is_real(&v.t) || s < 0)
		s = v.t.micro = 0;
	if (s > INT32_MAX)
		return ex_fail(r, "UNIX_TIMESTAMP of a time after 2038");
	if (n->kind == EX_INT)
		return ex_int(s);
	text = g_strdup_printf("0.%06d", v.t.micro);
	(void)ex_dec_parse(text, strlen(text), &fraction, &fits);
	d = ex_dec_of_i64(s);
	(void)ex_dec_add(&d, &fraction, &d);
	return ex_dec(&d);
}

/* ---- DATE_FORMAT ---- */

static const char specifiers[] = "YymcdejHkhIlisSfprTWwaMb%";

static void
bind_format(struct ex_bind *b, struct ex_node *n)
{
	const struct ex_node *f = n->args[1];

	ex_want_date(b, n, 0);
	n->kind = EX_STR;
	n->coll = (struct ex_coll){ EX_FAMILY_BIN, true, false };
	n->strength = EX_BY_LITERAL;
	if (f->leaf != EX_LITERAL || f->kind != EX_STR || f->is_hex) {
		ex_refuse(b, "DATE_FORMAT needs a text literal as its format");
		return;
	}
	for (size_t i = 0; i < f->lit.s.len; i++) {
		if (f->lit.s.p[i] != '%')
			continue;
		i++;
		if (i == f->lit.s.len ||
		    strchr(specifiers, f->lit.s.p[i]) == NULL)
			ex_refuse(b, "DATE_FORMAT with %%%c is not supported",
			    i == f->lit.s.len ? ' ' : f->lit.s.p[i]);
	}
}

static const char *const month_names[] = { "January", "February", "March",
	"April", "May", "June", "July", "August", "September", "October",
	"November", "December" };
static const char *const day_names[] = { "Sunday", "Monday", "Tuesday",
	"Wednesday", "Thursday", "Friday", "Saturday" };

/* Numbers of a format: what, and with how many digits. */
static bool
format_number(GString *s, char c, const struct ex_time *t)
{
	int hour12 = (t->hour + 11) % 12 + 1;
	const struct {
		char c;
		int value, digits;
	} numbers[] = {
		{ 'Y', t->year, 4 },
		{ 'y', t->year % 100, 2 },
		{ 'm', t->month, 2 },
		{ 'c', t->month, 1 },
		{ 'd', t->day, 2 },
		{ 'e', t->day, 1 },
		{ 'H', t->hour, 2 },
		{ 'k', t->hour, 1 },
		{ 'h', hour12, 2 },
		{ 'I', hour12, 2 },
		{ 'l', hour12, 1 },
		{ 'i', t->minute, 2 },
		{ 's', t->second, 2 },
		{ 'S', t->second, 2 },
		{ 'f', t->micro, 6 },
	};

	for (size_t i = 0; i < DM_ARRAY_SIZE(numbers); i++) {
		if (numbers[i].c != c)
			continue;
		g_string_append_printf(
		    s, "%0*d", numbers[i].digits, numbers[i].value);
		return true;
	}
	return false;
}

/* The rest; false: the date has zeros, and none of these. */
static bool
format_name(GString *s, char c, const struct ex_time *t)
{
	int hour12 = (t->hour + 11) % 12 + 1;
	const char *half = t->hour < 12 ? "AM" : "PM";

	switch (c) {
	case 'p':
		g_string_append(s, half);
		return true;
	case 'r':
		g_string_append_printf(
		    s, "%02d:%02d:%02d %s", hour12, t->minute, t->second, half);
		return true;
	case 'T':
		ex_time_text(&(struct ex_time){ .hour = t->hour,
				 .minute = t->minute,
				 .second = t->second },
		    0, s);
		return true;
	case '%':
		g_string_append_c(s, '%');
		return true;
	default:
		break;
	}
	if (!ex_date_is_real(t))
		return false;
	if (c == 'j')
		g_string_append_printf(s, "%03d", ex_year_day(t));
	else if (c == 'w')
		g_string_append_printf(s, "%d", ex_weekday(t));
	else if (c == 'W' || c == 'a')
		g_string_append_len(
		    s, day_names[ex_weekday(t)], c == 'a' ? 3 : -1);
	else
		g_string_append_len(
		    s, month_names[t->month - 1], c == 'b' ? 3 : -1);
	return true;
}

static struct ex_val
eval_format(struct ex_run *r, const struct ex_node *n)
{
	const struct ex_str *f = &n->args[1]->lit.s;
	struct ex_time t;
	GString *s;

	if (!ex_date_arg(r, n, 0, &t))
		return ex_null();
	s = g_string_new(NULL);
	for (size_t i = 0; i < f->len; i++) {
		if (f->p[i] != '%') {
			g_string_append_c(s, f->p[i]);
		} else if (!format_number(s, f->p[++i], &t) &&
			   !format_name(s, f->p[i], &t)) {
			g_string_free(s, TRUE);
			return ex_null();
		}
	}
	return ex_text_take(r, s);
}

const struct ex_func ex_time_funcs[] = {
	{ "YEAR", 1, 1, bind_date_part, eval_date_part, YEAR },
	{ "MONTH", 1, 1, bind_date_part, eval_date_part, MONTH },
	{ "DAY", 1, 1, bind_date_part, eval_date_part, DAY },
	{ "DAYOFMONTH", 1, 1, bind_date_part, eval_date_part, DAY },
	{ "WEEKDAY", 1, 1, bind_date_part, eval_date_part, WEEKDAY },
	{ "DAYOFWEEK", 1, 1, bind_date_part, eval_date_part, DAYOFWEEK },
	{ "DAYOFYEAR", 1, 1, bind_date_part, eval_date_part, DAYOFYEAR },
	{ "QUARTER", 1, 1, bind_date_part, eval_date_part, QUARTER },
	{ "TO_DAYS", 1, 1, bind_date_part, eval_date_part, TO_DAYS },
	{ "DATEDIFF", 2, 2, bind_date_part, eval_datediff, 0 },
	{ "HOUR", 1, 1, bind_time_part, eval_time_part, U_HOUR },
	{ "MINUTE", 1, 1, bind_time_part, eval_time_part, U_MINUTE },
	{ "SECOND", 1, 1, bind_time_part, eval_time_part, U_SECOND },
	{ "MICROSECOND", 1, 1, bind_time_part, eval_time_part, U_MICRO },
	{ "TIME", 1, 1, bind_time, eval_time, 0 },
	{ "DATE", 1, 1, bind_date, eval_date, 0 },
	{ "LAST_DAY", 1, 1, bind_date, eval_date, 1 },
	{ "DATE_ADD", 2, 2, bind_add, eval_add, 1 },
	{ "DATE_SUB", 2, 2, bind_add, eval_add, -1 },
	{ "UNIX_TIMESTAMP", 1, 1, bind_unix, eval_unix, 0 },
	{ "DATE_FORMAT", 2, 2, bind_format, eval_format, 0 },
	{ NULL, 0, 0, NULL, NULL, 0 },
};
