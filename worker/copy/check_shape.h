/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How rows of the target are read so that equal values have the same text as
 * in the source, whatever the two columns are. Immutable after building;
 * threads: any.
 */
#ifndef DM_WORKER_COPY_CHECK_SHAPE_H
#define DM_WORKER_COPY_CHECK_SHAPE_H

#include "worker/copy/shape.h"

struct copy_check {
	char *reads;  /* one expression for each column of the shape */
	char *from;   /* "`db`.`t` FORCE INDEX (..)" */
	bool ordered; /* a range of keys is the same rows at both ends */
	bool by_key;  /* the shape has keys, all among its columns */
	char *why;    /* NULL; or the column whose values have no common text */
};

/*
 * source, target: the structures; s: how their rows are copied. same_kind: a
 * collation that neither names is the same one.
 */
struct copy_check *copy_check_new(const struct dm_table *source,
    const struct dm_table *target, const struct copy_shape *s, bool same_kind);
void copy_check_free(struct copy_check *c);
DM_DEFINE_AUTO(copy_check)

#endif
