/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A look at the bytes of a protobuf message before they are unpacked or sent.
 * Threads: any.
 */
#ifndef DM_LIB_RPC_WIRE_H
#define DM_LIB_RPC_WIRE_H

#include "lib/err/err.h"
#include <protobuf-c/protobuf-c.h>

/*
 * Check a packed message of type d, with all messages inside it:
 *   - every string is UTF-8 without NUL (C strings would lose the rest);
 *   - nesting, the number of fields and the repetition of single messages are
 *     within limits, so that unpacking costs memory and time in proportion to
 *     the bytes.
 * Passing is not yet well-formedness: wrong wire types are left to the
 * unpacker. Errors: plain, naming the field as "pb.StartTaskRequest.task".
 */
struct dm_err *dm_rpc_wire_check(const ProtobufCMessageDescriptor *d,
    const uint8_t *data, size_t size) DM_MUST_CHECK;

#endif
