/* SPDX-License-Identifier: Apache-2.0 */
/* Building protobuf-c messages. Threads: any. */
#ifndef DM_MASTER_PB_H
#define DM_MASTER_PB_H

#include "dmmaster.pb-c.h"
#include "lib/err/err.h"

/* New, initialised message: free it with pb_free. */
#define PB_NEW(type, init)                                                     \
	({                                                                     \
		type *new_ = g_new(type, 1);                                   \
		init(new_);                                                    \
		new_;                                                          \
	})

/* A deep copy. */
ProtobufCMessage *pb_copy(const ProtobufCMessage *m);
/* Accepts NULL. */
void pb_free(ProtobufCMessage *m);

/* Append to a repeated field that is an array of pointers; takes item. */
#define PB_APPEND(array, count, item)                                          \
	do {                                                                   \
		(array) = g_renew(__typeof__(*(array)), (array), (count) + 1); \
		(array)[(count)++] = (item);                                   \
	} while (0)

/* An entry of an answer; strings are copied. */
Pb__CommonWorkerResponse *pb_worker_response(
    bool result, const char *msg, const char *source, const char *worker);
/* The text of err, which is freed. */
char *pb_error_text(struct dm_err *err);
/* Like protobuf's text form: `ErrCode:36027 ErrClass:"sync-unit" ... `, joined
 * by ", ". New string. */
char *pb_errors_text(Pb__ProcessError *const *errors, size_t n);

#endif
