/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Checksums of sets of rows: of the texts that a server gives for them, in
 * whatever order they come. Rows that occur more than once count each time, so
 * tables without a key have one, too. Not made against somebody who looks for
 * rows with equal sums on purpose.
 *
 * Sums are kept in the target (dm_check) and compared by later versions: what
 * is added up must not change without a new format there. Threads: any.
 */
#ifndef DM_WORKER_COPY_CHECKSUM_H
#define DM_WORKER_COPY_CHECKSUM_H

#include "lib/sql/sql.h"

struct copy_sum {
	uint64_t rows;
	uint64_t a, b; /* two sums over the rows' hashes, modulo 2^64 */
};

/* Of all cells with their lengths; NULL is no empty text. */
uint64_t copy_row_hash(const struct dm_sql_row *row);
void copy_sum_hash(struct copy_sum *s, uint64_t hash);
static inline void
copy_sum_row(struct copy_sum *s, const struct dm_sql_row *row)
{
	copy_sum_hash(s, copy_row_hash(row));
}
bool copy_sum_equal(const struct copy_sum *x, const struct copy_sum *y);

#endif
