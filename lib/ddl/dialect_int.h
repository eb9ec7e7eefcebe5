/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the dialect share; not for others. */
#ifndef DM_LIB_DDL_DIALECT_INT_H
#define DM_LIB_DDL_DIALECT_INT_H

#include "lib/ddl/dialect.h"

/* MariaDB versions, as in dm_dialect.version. */
#define DM_DIALECT_UCA1400 1010
#define DM_DIALECT_VECTOR  1107

/* Canonical text of an expression, with MariaDB's collations and without the
 * operators -> and ->>. New string. */
char *dm_dialect_expression_(const struct dm_dialect *d, const char *text);

#endif
