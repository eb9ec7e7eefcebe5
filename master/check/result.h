/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Results of prechecks and the text made of them (control-plane 2.7).
 * One owner; a list is filled by one thread at a time.
 */
#ifndef DM_MASTER_CHECK_RESULT_H
#define DM_MASTER_CHECK_RESULT_H

#include "master/check/check.h"

enum check_state { CHECK_SUCCESS, CHECK_WARN, CHECK_FAIL };

struct check_error {
	enum check_state severity;
	char *text, *self, *other, *instruction; /* "" when not given */
};

struct check_item {
	const char *name, *desc; /* static */
	enum check_state state;
	GPtrArray *errors; /* struct check_error*, owned */
	char *instruction, *extra;
};

struct result_list {
	GPtrArray *items; /* struct check_item*, owned; order gives the ids */
};

struct result_list *result_list_new(void);
void result_list_free(struct result_list *l);
/* Moves all items of from behind those of to; from is left empty. */
void result_list_move(struct result_list *to, struct result_list *from);

/* A new item, so far a success. Borrowed of the list. */
struct check_item *check_item_add(
    struct result_list *l, const char *name, const char *desc);
/* One finding; the item's state becomes at least its severity. */
struct check_error *check_item_error(struct check_item *i,
    enum check_state severity, const char *instruction, const char *fmt, ...)
    DM_PRINTF(4, 5);
/* An error that kept the item from being checked. Takes err. */
void check_item_fail(struct check_item *i, struct dm_err *err);

/* New text; *passed: nothing failed. */
char *result_list_text(
    const struct result_list *l, const struct check_opts *o, bool *passed);

#endif
