/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Errors as DM prints them: code, class, scope, level, message, raw cause,
 * workaround. A function that can fail returns `struct dm_err *`; NULL is
 * success; the caller owns the error. Threads: any, one owner at a time.
 *
 * Every error with a code stands in errors.list; the build makes
 * build/gen/dm_errors.h from it (enum, table, format strings).
 * SOURCE: DM's dm/pkg/terror.
 */
#ifndef DM_LIB_ERR_ERR_H
#define DM_LIB_ERR_ERR_H

#include "dm_errors.h"
#include "lib/base/base.h"

enum dm_err_scope {
	DM_SCOPE_NOT_SET,
	DM_SCOPE_UPSTREAM,
	DM_SCOPE_DOWNSTREAM,
	DM_SCOPE_INTERNAL
};

struct dm_err {
	int code;              /* DM's number; 50000 for a plain error */
	const char *err_class; /* static */
	const char *scope;     /* static */
	const char *level;     /* static */
	char *message;         /* owned, never NULL */
	char *cause;           /* owned, NULL when there is none */
	char *workaround;      /* owned, "" when there is none */
	bool canceled;
};

/* A row of errors.list. */
struct dm_err_info {
	int code;
	const char *name; /* DB_EXECUTE_FAILED */
	const char *err_class;
	const char *scope;
	const char *level;
	const char *format;
	const char *workaround;
};

/* A code of DM's that is not raised here: internal to DM, or obsolete. */
struct dm_err_internal {
	int code;
	const char *name; /* as DM has it: ParseMydumperMeta */
	const char *err_class;
};

/* dm_err_new(WORKER_NOT_RUNNING_STAGE, "New"): a new error. */
#define dm_err_new(name, ...)                                                  \
	dm_err_make_(DM_ERR_##name, DM_ERRFMT_##name, ##__VA_ARGS__)

/*
 * Takes err. A new error `name` whose raw cause is err's own cause if it has
 * one, else err's message (DM's Delegate: the inner message is then lost).
 */
#define dm_err_wrap(err, name, ...)                                            \
	dm_err_wrap_((err), DM_ERR_##name, DM_ERRFMT_##name, ##__VA_ARGS__)

struct dm_err *dm_err_make_(int code, const char *fmt, ...)
    DM_PRINTF(2, 3) DM_MUST_CHECK;
struct dm_err *dm_err_wrap_(struct dm_err *err, int code, const char *fmt, ...)
    DM_PRINTF(3, 4) DM_MUST_CHECK;

/* An error for which DM has no code: 50000, class not-set. */
struct dm_err *dm_err_plain(const char *fmt, ...) DM_PRINTF(1, 2) DM_MUST_CHECK;
/* Takes err; puts "text: " in front of its message, code unchanged. */
struct dm_err *dm_err_annotate(struct dm_err *err, const char *fmt, ...)
    DM_PRINTF(2, 3) DM_MUST_CHECK;
/* Sets the raw cause (copied); for errors of other libraries. */
struct dm_err *dm_err_set_cause(struct dm_err *err, const char *fmt, ...)
    DM_PRINTF(2, 3);
/* Replaces the workaround by one that fits this place better (copied). */
struct dm_err *dm_err_set_workaround(struct dm_err *err, const char *fmt, ...)
    DM_PRINTF(2, 3);
struct dm_err *dm_err_set_scope(struct dm_err *err, enum dm_err_scope scope);
/* "dm-master" where configuration errors are raised inside the master. */
struct dm_err *dm_err_set_class(struct dm_err *err, const char *static_class);

/* "context canceled": the caller asked for it; DM filters on this text. */
struct dm_err *dm_err_canceled(void) DM_MUST_CHECK;
/* "context deadline exceeded". */
struct dm_err *dm_err_deadline(void) DM_MUST_CHECK;

bool dm_err_is_(const struct dm_err *err, int code);
#define dm_err_is(err, name) dm_err_is_((err), DM_ERR_##name)
bool dm_err_is_canceled(const struct dm_err *err);

struct dm_err *dm_err_copy(const struct dm_err *err) DM_MUST_CHECK;
void dm_err_free(struct dm_err *err);
DM_DEFINE_AUTO(dm_err)

/*
 * The printed form (control-plane reference 5.2):
 *   [code=..:class=..:scope=..:level=..], Message: .., RawCause: ..,
 *   Workaround: ..
 * A plain error prints its message alone. New string, g_free it.
 */
char *dm_err_text(const struct dm_err *err);
/* Message and raw cause, without the bracket: what daemons print at start. */
char *dm_err_message(const struct dm_err *err);

/* All rows, ascending by code; *n rows. */
const struct dm_err_info *dm_err_table(size_t *n);
/* The row of a code, or NULL. */
const struct dm_err_info *dm_err_lookup(int code);
/* What is known of a code that has no row; NULL: DM has no such code. */
const struct dm_err_internal *dm_err_lookup_internal(int code);

#endif
