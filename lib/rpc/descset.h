/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The .proto files that this program was built from, as descriptors: which
 * file has a name, which one declares a symbol, what it imports.
 * Const once made. Threads: any.
 */
#ifndef DM_LIB_RPC_DESCSET_H
#define DM_LIB_RPC_DESCSET_H

#include "lib/err/err.h"

struct dm_descset;

/*
 * data: a packed google.protobuf.FileDescriptorSet, in which every import
 * stands before what imports it (protoc --include_imports). Copied.
 * Errors: plain, when the bytes are malformed or an import is missing.
 */
struct dm_err *dm_descset_new(
    const uint8_t *data, size_t size, struct dm_descset **set) DM_MUST_CHECK;
/* The files in proto/ and those they import. */
struct dm_descset *dm_descset_own(void);
void dm_descset_free(struct dm_descset *s);
DM_DEFINE_AUTO(dm_descset)

/*
 * The file "dmmaster.proto" and all that it imports, each once and the file
 * itself first: of GBytes, packed FileDescriptorProtos, borrowed from s. NULL:
 * no such file. New array.
 */
GPtrArray *dm_descset_by_file(const struct dm_descset *s, const char *name);
/* The same for the file that declares a service, method, message, field, oneof,
 * enum, enum value or extension: "pb.Master.StartTask". A leading dot is
 * allowed. */
GPtrArray *dm_descset_by_symbol(const struct dm_descset *s, const char *symbol);
/* Is it a message? Reflection tells unknown types from those without
 * extensions. */
bool dm_descset_is_message(const struct dm_descset *s, const char *symbol);

#endif
