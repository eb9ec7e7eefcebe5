/* SPDX-License-Identifier: Apache-2.0 */
/*
 * protobuf messages as JSON, the way DM prints them (control-plane 2.3, P1):
 * defaults emitted, declaration order, int64 as strings, enums by name, unset
 * messages null, Go's HTML escapes. Threads: any.
 */
#ifndef DM_LIB_TEXT_PBJSON_H
#define DM_LIB_TEXT_PBJSON_H

#include "lib/err/err.h"
#include <protobuf-c/protobuf-c.h>

struct dm_pbjson_opts {
	unsigned indent;  /* 4 for dmctl, 2 for the gateway; 0: one line */
	bool own_fields;  /* also fields numbered 100 and above (ours) */
};

/* New string, with one trailing newline. */
char *dm_pbjson_print(
    const ProtobufCMessage *msg, const struct dm_pbjson_opts *o);
/* Go's encoding/json string escaping, with quotes. */
void dm_json_append_string(GString *s, const char *text);
/* JSON object -> message (the gateway's input): proto names or lowerCamel,
 * unknown fields ignored, enums by name or number. New message. */
struct dm_err *dm_pbjson_parse(const ProtobufCMessageDescriptor *d,
    const char *json, size_t len, ProtobufCMessage **msg) DM_MUST_CHECK;

#endif
