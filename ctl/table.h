/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Text tables: a head, rows, columns as wide as their widest cell. Threads:
 * the main thread.
 */
#ifndef DM_CTL_TABLE_H
#define DM_CTL_TABLE_H

#include "lib/base/base.h"
#include <stdio.h>

struct ctl_table;

/* heads: NULL-terminated, borrowed for the call. */
struct ctl_table *ctl_table_new(const char *const *heads);
/* Accepts NULL. */
void ctl_table_free(struct ctl_table *t);
/*
 * One more row: as many cells as there are heads, copied. NULL and "" are
 * shown as "-"; line breaks and other control characters as blanks, since what
 * a server or a file says must not be able to steer a terminal.
 */
void ctl_table_row(struct ctl_table *t, const char *const *cells);
/* Without rows only the head. No blanks at the ends of lines. */
void ctl_table_print(const struct ctl_table *t, FILE *f);

/* How many columns of a terminal a UTF-8 text takes. */
size_t ctl_table_width(const char *text);

DM_DEFINE_AUTO(ctl_table)

#endif
