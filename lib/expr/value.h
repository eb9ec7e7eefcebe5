/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Converting and comparing values, and finding out while binding which of both
 * will be needed. Private to lib/expr.
 */
#ifndef DM_LIB_EXPR_VALUE_H
#define DM_LIB_EXPR_VALUE_H

#include "lib/expr/node.h"

struct ex_val ex_null(void);
struct ex_val ex_int(int64_t i);
struct ex_val ex_uint(uint64_t u);
struct ex_val ex_dbl(double d);
struct ex_val ex_dec(const struct ex_dec *d);
/* p lives as long as the run's arena. */
struct ex_val ex_text(const char *p, size_t len);
/* Takes s: its bytes go to the arena. */
struct ex_val ex_text_take(struct ex_run *r, GString *s);

/* ---- binding ---- */

bool ex_is_temporal(enum ex_kind k);
/* Text made of a result of arithmetic with n would not be exact. */
bool ex_spoils_text(const struct ex_node *n);
/* As a number: EX_INT, EX_UINT, EX_DEC, EX_DBL; EX_NULL for a literal NULL.
 * Refuses what is none. */
enum ex_kind ex_number_kind(struct ex_bind *b, const struct ex_node *n);
/* Refuse an argument that cannot be made such a value exactly. */
void ex_want_int(struct ex_bind *b, const struct ex_node *n, unsigned arg);
/* Of no argument is only NULL known: the servers differ on what kind of number
 * comes of it. */
void ex_want_typed(struct ex_bind *b, const struct ex_node *n);
void ex_want_text(struct ex_bind *b, const struct ex_node *n, unsigned arg);
/* The kind of several values brought together, by CASE and the like: into n's
 * kind, scale, collation; args from `from` on, each step-th. */
void ex_bind_together(
    struct ex_bind *b, struct ex_node *n, unsigned from, unsigned step);
/* n's kind is text, its collation that of its args from `from` to before `to`.
 */
void ex_bind_text(
    struct ex_bind *b, struct ex_node *n, unsigned from, unsigned to);
/* How to compare the two. A text that is written where a time or a number is
 * meant becomes one; not x if it is shared with other comparisons. */
enum ex_cmp ex_bind_cmp(
    struct ex_bind *b, struct ex_node *x, struct ex_node *y, bool shared);
/* x is shared by comparisons with all the others from `from` on, each step-th:
 * if it is a text among times, it becomes one. */
void ex_bind_shared(
    struct ex_bind *b, struct ex_node *n, unsigned from, unsigned step);
/* The stronger collation of two texts. False: they do not mix. */
bool ex_mix(const struct ex_node *x, const struct ex_node *y,
    struct ex_coll *coll, enum ex_strength *strength);

/* ---- evaluating ---- */

/* n's value as ex_number_kind told; or NULL. */
struct ex_val ex_number(struct ex_run *r, const struct ex_node *n);
/* n's value as a text; or NULL. */
struct ex_val ex_string(struct ex_run *r, const struct ex_node *n);
/* n's value, with the kind of what ex_bind_together made. */
struct ex_val ex_value_as(
    struct ex_run *r, const struct ex_node *n, const struct ex_node *as);
/* The number or text at hand, converted. Not of NULL. */
double ex_to_double(const struct ex_val *v);
struct ex_dec ex_to_dec(const struct ex_val *v);
/* 1, 0, or -1 for NULL. */
int ex_truth(struct ex_run *r, const struct ex_node *n);
/* n's value, as comparing wants it; or NULL. */
struct ex_val ex_operand(
    struct ex_run *r, enum ex_cmp how, const struct ex_node *n);
/* Of values that are not NULL. order: which is less is asked, too. */
int ex_compare(struct ex_run *r, enum ex_cmp how, const struct ex_node *x,
    const struct ex_val *a, const struct ex_node *y, const struct ex_val *b,
    bool order);

#endif
