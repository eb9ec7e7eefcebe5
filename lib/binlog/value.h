/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Single values of row images; not for others than lib/binlog. Each function
 * reads from the cursor and leaves it failed when bytes are missing.
 */
#ifndef DM_LIB_BINLOG_VALUE_H
#define DM_LIB_BINLOG_VALUE_H

#include "lib/binlog/rows.h"
#include "lib/binlog/wire.h"

#define DM_DECIMAL_PRECISION_MAX 65
#define DM_DECIMAL_TEXT_MAX      72
#define DM_TEMPORAL_TEXT_MAX     40

/* A non-NULL value of a column. False: the bytes are not a value of the type;
 * *known is false when it is the type that is not known. */
bool dm_value_read_(struct dm_cursor *c, enum dm_wire_type type, uint16_t meta,
    struct dm_arena *a, struct dm_value *v, bool *known);

/* ---- decimal.c ---- */
/* Bytes of a packed decimal; 0 when there is no such type. */
size_t dm_decimal_size_(unsigned precision, unsigned scale);
/* Text with all digits of the scale; its length, 0 when the bytes are none. */
size_t dm_decimal_text_(const uint8_t *p, unsigned precision, unsigned scale,
    char out[DM_DECIMAL_TEXT_MAX]);

/* ---- temporal.c: texts; their length, 0 when the bytes are none ---- */
size_t dm_date_text_(uint32_t packed, char out[DM_TEMPORAL_TEXT_MAX]);
size_t dm_time_old_text_(int32_t hhmmss, char out[DM_TEMPORAL_TEXT_MAX]);
size_t dm_datetime_old_text_(uint64_t number, char out[DM_TEMPORAL_TEXT_MAX]);
size_t dm_timestamp_text_(uint32_t seconds, uint32_t micros, unsigned digits,
    char out[DM_TEMPORAL_TEXT_MAX]);
/* MySQL's packed form in memory: integer part << 24 + microseconds. */
size_t dm_datetime_packed_text_(
    int64_t packed, unsigned digits, char out[DM_TEMPORAL_TEXT_MAX]);
size_t dm_time_packed_text_(
    int64_t packed, unsigned digits, char out[DM_TEMPORAL_TEXT_MAX]);
/* The fraction bytes behind TIMESTAMP2, DATETIME2: microseconds. */
uint32_t dm_fraction_(struct dm_cursor *c, unsigned digits);
/* DATETIME2, TIME2 from the row to the packed form. */
int64_t dm_datetime2_packed_(struct dm_cursor *c, unsigned digits);
int64_t dm_time2_packed_(struct dm_cursor *c, unsigned digits);

/* ---- json.c ---- */
/* MySQL's binary JSON as text in the arena. */
bool dm_json_text_(const uint8_t *p, size_t n, struct dm_arena *a,
    const char **text, size_t *len);

/* ---- json_diff.c ---- */
/* Text of the document p, n after the changes of PARTIAL_UPDATE_ROWS. False:
 * the changes are none, or do not fit the document. */
bool dm_json_patch_(const uint8_t *p, size_t n, struct dm_cursor diffs,
    struct dm_arena *a, const char **text, size_t *len);

#endif
