/* SPDX-License-Identifier: Apache-2.0 */
/* What the decoders of lib/binlog share; not for others. */
#ifndef DM_LIB_BINLOG_WIRE_H
#define DM_LIB_BINLOG_WIRE_H

#include "lib/base/arena.h"
#include "lib/base/cursor.h"
#include "lib/binlog/event.h"

#include <inttypes.h>

/* No server writes an event or value beyond max_allowed_packet's maximum. */
#define DM_BINLOG_SIZE_MAX ((size_t)1 << 30)

/* SYNCER_GET_EVENT. */
struct dm_err *dm_ev_error_(const char *fmt, ...) DM_PRINTF(1, 2) DM_MUST_CHECK;

/* Length of the post-header of a type, `least` where the format is silent. */
size_t dm_post_header_(
    const struct dm_binlog_format *f, uint8_t type, size_t least);

/* Bytes of the table id in TABLE_MAP and rows events. */
size_t dm_rows_id_size_(const struct dm_binlog_format *f, uint8_t type);

/*
 * MariaDB's compressed parts of events.
 * FORMAT: 0x80 | algorithm << 4 | n; then the length as n big-endian bytes;
 * then zlib (algorithm 0).
 */
struct dm_err *dm_inflate_event_(
    const uint8_t *p, size_t len, GBytes **out) DM_MUST_CHECK;
/*
 * MariaDB's compressed columns.
 * FORMAT: method << 4 | no-zlib-header << 3 | n; method 0: plain bytes
 * follow; 8: the length as n big-endian bytes, then deflate.
 * The bytes are in the arena or in p. False when they are broken.
 */
bool dm_inflate_column_(const uint8_t *p, size_t len, struct dm_arena *a,
    const char **out, size_t *out_len);

#endif
