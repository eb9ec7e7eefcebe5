/* SPDX-License-Identifier: Apache-2.0 */
/* What json.c and json_diff.c share: reading and printing of parts of binary
 * JSON. Not for others. */
#ifndef DM_LIB_BINLOG_JSON_INT_H
#define DM_LIB_BINLOG_JSON_INT_H

#include "lib/binlog/value.h"

#define DM_JSON_DEPTH_MAX 100 /* as in the server */

enum json_type {
	JSON_SMALL_OBJECT = 0,
	JSON_LARGE_OBJECT = 1,
	JSON_SMALL_ARRAY = 2,
	JSON_LARGE_ARRAY = 3,
	JSON_LITERAL = 4,
	JSON_INT16 = 5,
	JSON_UINT16 = 6,
	JSON_INT32 = 7,
	JSON_UINT32 = 8,
	JSON_INT64 = 9,
	JSON_UINT64 = 10,
	JSON_DOUBLE = 11,
	JSON_STRING = 12,
	JSON_OPAQUE = 15
};

/* Text being made. Failure sticks. */
struct dm_json_out {
	struct dm_arena *arena;
	char *text;
	size_t len, room, limit;
	bool failed;
};
/* bytes: of the binary form, which limits the text. */
struct dm_json_out dm_json_out_(struct dm_arena *a, size_t bytes);
/* False when anything failed. */
bool dm_json_end_(struct dm_json_out *o, const char **text, size_t *len);
void dm_json_put_(struct dm_json_out *o, const char *s, size_t n);
/* Quoted and escaped. */
void dm_json_put_string_(struct dm_json_out *o, const char *s, size_t n);
/* depth: of this value; the document is 1. */
void dm_json_put_value_(
    struct dm_json_out *o, uint8_t type, struct dm_cursor c, unsigned depth);

/* An object or array being read; entries are within its bytes. */
struct dm_json_container {
	struct dm_cursor all; /* offsets count from its start */
	unsigned width;       /* 2 or 4: of numbers and offsets */
	bool object;
	size_t n;
	struct dm_cursor keys, values; /* entries to come */
};
struct dm_json_element {
	const char *key; /* of an object; into its bytes */
	size_t key_len;
	uint8_t type;
	struct dm_cursor value;
};
/* False: these bytes are none. */
bool dm_json_open_(
    uint8_t type, struct dm_cursor c, struct dm_json_container *k);
/* The next of n elements. */
bool dm_json_element_(struct dm_json_container *k, struct dm_json_element *e);

#endif
