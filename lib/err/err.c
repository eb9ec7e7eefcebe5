/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Errors with DM's codes: see err.h. FORMAT of the text: control-plane
 * reference 5.2. SOURCE: dm/pkg/terror/terror.go.
 */
#include "lib/err/err.h"

#include <stdarg.h>
#include <string.h>

static const struct dm_err_info table[] = { DM_ERR_TABLE };
static const struct dm_err_internal internal[] = { DM_ERR_INTERNAL_TABLE };

const struct dm_err_info *
dm_err_table(size_t *n)
{
	*n = DM_ARRAY_SIZE(table);
	return table;
}

const struct dm_err_info *
dm_err_lookup(int code)
{
	size_t lo = 0, hi = DM_ARRAY_SIZE(table);

	while (lo < hi) {
		size_t mid = (lo + hi) / 2;

		if (table[mid].code == code)
			return &table[mid];
		if (table[mid].code < code)
			lo = mid + 1;
		else
			hi = mid;
	}
	return NULL;
}

const struct dm_err_internal *
dm_err_lookup_internal(int code)
{
	for (size_t i = 0; i < DM_ARRAY_SIZE(internal); i++) {
		if (internal[i].code == code)
			return &internal[i];
	}
	return NULL;
}

static struct dm_err *
make(int code, char *message)
{
	const struct dm_err_info *info = dm_err_lookup(code);
	struct dm_err *err = g_new0(struct dm_err, 1);

	err->code = code;
	err->err_class = info != NULL ? info->err_class : "not-set";
	err->scope = info != NULL ? info->scope : "not-set";
	err->level = info != NULL ? info->level : "high";
	err->workaround = g_strdup(info != NULL ? info->workaround : "");
	err->message = message;
	return err;
}

struct dm_err *
dm_err_make_(int code, const char *fmt, ...)
{
	va_list ap;
	char *message;

	va_start(ap, fmt);
	message = g_strdup_vprintf(fmt, ap);
	va_end(ap);
	return make(code, message);
}

struct dm_err *
dm_err_wrap_(struct dm_err *err, int code, const char *fmt, ...)
{
	struct dm_err *outer;
	va_list ap;

	dm_assert(err != NULL);
	va_start(ap, fmt);
	outer = make(code, g_strdup_vprintf(fmt, ap));
	va_end(ap);
	outer->cause =
	    err->cause != NULL ? DM_TAKE(err->cause) : DM_TAKE(err->message);
	outer->canceled = err->canceled;
	dm_err_free(err);
	return outer;
}

struct dm_err *
dm_err_plain(const char *fmt, ...)
{
	va_list ap;
	char *message;

	va_start(ap, fmt);
	message = g_strdup_vprintf(fmt, ap);
	va_end(ap);
	return make(DM_ERR_NOT_SET, message);
}

struct dm_err *
dm_err_annotate(struct dm_err *err, const char *fmt, ...)
{
	va_list ap;
	char *prefix, *message;

	dm_assert(err != NULL);
	va_start(ap, fmt);
	prefix = g_strdup_vprintf(fmt, ap);
	va_end(ap);
	message = g_strconcat(prefix, ": ", err->message, NULL);
	g_free(prefix);
	g_free(err->message);
	err->message = message;
	return err;
}

struct dm_err *
dm_err_set_cause(struct dm_err *err, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	g_free(err->cause);
	err->cause = g_strdup_vprintf(fmt, ap);
	va_end(ap);
	return err;
}

struct dm_err *
dm_err_set_workaround(struct dm_err *err, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	g_free(err->workaround);
	err->workaround = g_strdup_vprintf(fmt, ap);
	va_end(ap);
	return err;
}

struct dm_err *
dm_err_set_scope(struct dm_err *err, enum dm_err_scope scope)
{
	static const char *const names[] = { "not-set", "upstream",
		"downstream", "internal" };

	err->scope = names[scope];
	return err;
}

struct dm_err *
dm_err_set_class(struct dm_err *err, const char *static_class)
{
	err->err_class = static_class;
	return err;
}

struct dm_err *
dm_err_canceled(void)
{
	struct dm_err *err = dm_err_plain("context canceled");

	err->canceled = true;
	return err;
}

struct dm_err *
dm_err_deadline(void)
{
	return dm_err_plain("context deadline exceeded");
}

bool
dm_err_is_(const struct dm_err *err, int code)
{
	return err != NULL && err->code == code;
}

bool
dm_err_is_canceled(const struct dm_err *err)
{
	return err != NULL && err->canceled;
}

struct dm_err *
dm_err_copy(const struct dm_err *err)
{
	struct dm_err *copy = g_new0(struct dm_err, 1);

	*copy = *err;
	copy->message = g_strdup(err->message);
	copy->cause = g_strdup(err->cause);
	copy->workaround = g_strdup(err->workaround);
	return copy;
}

void
dm_err_free(struct dm_err *err)
{
	if (err == NULL)
		return;
	g_free(err->message);
	g_free(err->cause);
	g_free(err->workaround);
	g_free(err);
}

static void
append_part(GString *s, const char *label, const char *text)
{
	if (text == NULL || text[0] == '\0')
		return;
	if (s->len > 0)
		g_string_append(s, ", ");
	g_string_append_printf(s, "%s: %s", label, text);
}

char *
dm_err_text(const struct dm_err *err)
{
	GString *s = g_string_new(NULL);

	if (err->code == DM_ERR_NOT_SET && err->cause == NULL)
		return g_string_free(g_string_append(s, err->message), FALSE);
	g_string_printf(s, "[code=%d:class=%s:scope=%s:level=%s]", err->code,
	    err->err_class, err->scope, err->level);
	append_part(s, "Message", err->message);
	append_part(s, "RawCause", err->cause);
	append_part(s, "Workaround", err->workaround);
	return g_string_free(s, FALSE);
}

char *
dm_err_message(const struct dm_err *err)
{
	if (err->cause == NULL || err->cause[0] == '\0')
		return g_strdup(err->message);
	return g_strconcat(err->message, ": ", err->cause, NULL);
}
