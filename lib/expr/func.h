/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Functions and operators by group; each list ends with a NULL name. Private
 * to lib/expr.
 */
#ifndef DM_LIB_EXPR_FUNC_H
#define DM_LIB_EXPR_FUNC_H

#include "lib/expr/value.h"

extern const struct ex_func ex_logic_funcs[];  /* fn_logic.c */
extern const struct ex_func ex_flow_funcs[];   /* fn_flow.c */
extern const struct ex_func ex_number_funcs[]; /* fn_number.c */
extern const struct ex_func ex_round_funcs[];  /* fn_round.c */
extern const struct ex_func ex_text_funcs[];   /* fn_text.c */
extern const struct ex_func ex_edit_funcs[];   /* fn_edit.c */
extern const struct ex_func ex_time_funcs[];   /* fn_time.c */
extern const struct ex_func ex_cast_funcs[];   /* fn_cast.c */

/* Gives a truth value: for operators whose arguments need no more. */
void ex_bind_bool(struct ex_bind *b, struct ex_node *n);
/* args[arg] as a date or a date with time; false: NULL, or an error. */
bool ex_date_arg(
    struct ex_run *r, const struct ex_node *n, unsigned arg, struct ex_time *t);
/* It can be read as a date. */
void ex_want_date(struct ex_bind *b, const struct ex_node *n, unsigned arg);
/* args[arg], found to be a whole number; false: NULL. What is beyond the range
 * of int64_t becomes its end. */
bool ex_int_arg(
    struct ex_run *r, const struct ex_node *n, unsigned arg, int64_t *out);

#endif
