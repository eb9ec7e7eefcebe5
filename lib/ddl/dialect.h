/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a MariaDB target is told where MySQL was the source: the same tables in
 * words that MariaDB knows. Structures and statements are changed in place; the
 * rows that they can hold stay the same. Where both servers are of one kind,
 * nothing is changed. Threads: any.
 *
 * Changed: collations (dm_dialect_collation); types VECTOR (bytes, before
 * MariaDB 11.7); operators -> and ->> of JSON; INVISIBLE of indexes (IGNORED).
 * Left out, since no row depends on it: SRID of columns, NULL and NOT NULL of
 * generated columns, storage attributes, options of engine, encryption and
 * tablespace, ALGORITHM and LOCK, parsers of full-text keys, constraints that
 * are not enforced, INVISIBLE of columns that MariaDB wants a default for, keys
 * over expressions (MariaDB has none: a unique one is then only kept by the
 * source).
 */
#ifndef DM_LIB_DDL_DIALECT_H
#define DM_LIB_DDL_DIALECT_H

#include "lib/ddl/ddl.h"

struct dm_dialect {
	bool active;         /* from MySQL to MariaDB */
	unsigned version;    /* of the target: major * 100 + minor */
	const char *utf8mb4; /* static: the collation that the source gives
				utf8mb4 where none is written */
};

/* source, target: version texts of the servers ("9.7.4", "10.11.6-MariaDB"). */
struct dm_dialect dm_dialect_of(const char *source, const char *target);
/* utf8mb4_0900_* and its languages become uca1400_*_nopad_* (10.10 and later;
 * before that utf8mb4_unicode_520_nopad_ci), 0900_bin becomes nopad_bin; others
 * exist in both. New string. */
char *dm_dialect_collation(const struct dm_dialect *d, const char *collation);
/* left_out: names of keys and the like are appended, for people; may be NULL.
 */
void dm_dialect_table(
    const struct dm_dialect *d, struct dm_table *t, GString *left_out);
/* was: the table in the source before the statement; NULL if not known. False
 * when nothing is left that the target has to do. */
bool dm_dialect_ddl(const struct dm_dialect *d, struct dm_ddl *ddl,
    const struct dm_table *was, GString *left_out);

#endif
