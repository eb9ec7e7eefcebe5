/* SPDX-License-Identifier: Apache-2.0 */
/*
 * protobuf messages as JSON, the way DM prints them (control-plane 2.3, P1):
 * defaults emitted, declaration order, int64 as strings, enums by name, unset
 * messages null, Go's HTML escapes. Map fields (protobuf-c: repeated messages
 * named ...Entry with key = 1 and value = 2) are objects sorted by key.
 * Threads: any.
 */
#ifndef DM_LIB_TEXT_PBJSON_H
#define DM_LIB_TEXT_PBJSON_H

#include "lib/err/err.h"
#include <protobuf-c/protobuf-c.h>

/* The first number of the fields that are ours and not DM's. */
#define DM_PBJSON_OWN_FIELDS 100
/* Longest JSON text that dm_pbjson_parse looks at. */
#define DM_PBJSON_MAX_INPUT ((size_t)16 << 20)

struct dm_pbjson_opts {
	unsigned indent; /* 4 for dmctl, 2 for the gateway; 0: one line */
	bool own_fields; /* also fields numbered 100 and above (ours) */
};

/* New string, with one trailing newline. */
char *dm_pbjson_print(
    const ProtobufCMessage *msg, const struct dm_pbjson_opts *o);
/* Go's encoding/json string escaping, with quotes. */
void dm_json_append_string(GString *s, const char *text);
/* JSON object -> message (the gateway's input): proto names or lowerCamel,
 * unknown fields ignored, enums by name or number. New message, free with
 * protobuf_c_message_free_unpacked(msg, NULL). */
struct dm_err *dm_pbjson_parse(const ProtobufCMessageDescriptor *d,
    const char *json, size_t len, ProtobufCMessage **msg) DM_MUST_CHECK;

/* The field of this name, as in .proto or lowerCamel; NULL: none. */
const ProtobufCFieldDescriptor *dm_pbjson_field(
    const ProtobufCMessageDescriptor *d, const char *name);
/*
 * Give field f of msg the value that an URL has as text: enums by name or
 * number, truth values as Go reads them, bytes in base64. A repeated field gets
 * one more, any other loses what it had. Errors: plain; msg is unchanged.
 */
struct dm_err *dm_pbjson_set(ProtobufCMessage *msg,
    const ProtobufCFieldDescriptor *f, const char *text) DM_MUST_CHECK;

/* Is f a map<,>? */
bool dm_pbjson_is_map(const ProtobufCFieldDescriptor *f);
/* Size of one element of a repeated field in memory. */
size_t dm_pbjson_element_size(ProtobufCType type);

#endif
