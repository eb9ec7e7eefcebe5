/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Column values as SQL literals that the target stores without any change, and
 * their folded form for hashing. The session must have SET NAMES utf8mb4 and
 * time_zone '+00:00'. Threads: any.
 */
#ifndef DM_WORKER_SYNC_LITERAL_H
#define DM_WORKER_SYNC_LITERAL_H

#include "lib/binlog/rows.h"
#include "lib/schema/table.h"

/*
 * Append v, a value of column c, as a literal. Never fails: kinds that a
 * column cannot have were refused by the row decoder.
 */
void literal_append(
    GString *s, const struct dm_column *c, const struct dm_value *v);

/*
 * The same for the right side of a comparison with the column. The server
 * widens a FLOAT column to double, so exactly that double is given; servers
 * differ in what they compare a DECIMAL and a text as, so it is no text.
 */
void literal_append_compared(
    GString *s, const struct dm_column *c, const struct dm_value *v);

/*
 * Append a condition that is true for exactly the rows whose column (quoted
 * name `ident`) holds v, byte for byte, also for NULL.
 */
void literal_append_match(GString *s, const char *ident,
    const struct dm_column *c, const struct dm_value *v);

/* In strict mode the target refuses this value although the source holds it:
 * the error value '' (index 0) of an ENUM. */
bool literal_needs_lax_mode(
    const struct dm_column *c, const struct dm_value *v);

/* Values that the target calls equal can be told equal by us: numbers, times,
 * bytes and text with a binary collation. */
bool literal_is_foldable(const struct dm_column *c);
/* Mix the folded value into a hash; foldable columns only. */
uint64_t literal_fold(
    uint64_t hash, const struct dm_column *c, const struct dm_value *v);

/* Mix every byte of v into a hash. */
uint64_t literal_hash(uint64_t hash, const struct dm_value *v);

/* Equal in every byte. */
bool literal_same(const struct dm_value *a, const struct dm_value *b);

#endif
