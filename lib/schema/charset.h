/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the structure of a table needs to know about character sets. Names are
 * lower case. Threads: any.
 */
#ifndef DM_LIB_SCHEMA_CHARSET_H
#define DM_LIB_SCHEMA_CHARSET_H

#include "lib/base/base.h"

/* Bytes of the longest character; 4 for a charset we do not know. */
int dm_charset_max_bytes(const char *charset);
/* The charset of a collation. New string; NULL: the name does not tell. */
char *dm_charset_of_collation(const char *collation);
/* utf8 and utf8mb3 are the same. NULL, not known, is the same as any. */
bool dm_charset_same(const char *a, const char *b);
/* The same, or one is NULL and the other a default of the charset in some
 * server. */
bool dm_collation_same(const char *charset, const char *a, const char *b);

#endif
