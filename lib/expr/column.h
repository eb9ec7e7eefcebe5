/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Columns in expressions. Private to lib/expr.
 */
#ifndef DM_LIB_EXPR_COLUMN_H
#define DM_LIB_EXPR_COLUMN_H

#include "lib/expr/node.h"

/* The type of a column whose `def` is found. */
void ex_column_bind(struct ex_bind *b, struct ex_node *n);
/* Its value in the row. */
struct ex_val ex_column_value(struct ex_run *r, const struct ex_node *n);

#endif
