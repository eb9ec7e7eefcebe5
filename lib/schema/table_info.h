/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Structures that the original stored: the JSON text of TiDB's TableInfo, in
 * the column table_info of `<task>_syncer_checkpoint`. Threads: any.
 */
#ifndef DM_LIB_SCHEMA_TABLE_INFO_H
#define DM_LIB_SCHEMA_TABLE_INFO_H

#include "lib/schema/table.h"

/*
 * *t: what the text describes, named schema.name; NULL when it describes
 * nothing ("null"), or no table. What TiDB does not keep is not in it: engines,
 * partitions, comments. Errors: plain ones.
 */
struct dm_err *dm_table_info_parse(const char *json, const char *schema,
    const char *name, struct dm_table **t) DM_MUST_CHECK;

#endif
