/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What commands ask for and this version does not have: one table, from which
 * the answers come. README lists the same; a unit test compares them.
 */
#ifndef DM_MASTER_API_GRPC_MISSING_H
#define DM_MASTER_API_GRPC_MISSING_H

#include <stddef.h>

struct api_missing {
	/* Method of pb.Master; "Method.field" where only that is missing. */
	const char *what;
	const char *commands; /* of dmctl, as README lists them */
	const char *text;     /* the answer: what is missing, what helps */
};

/* All rows; *n of them. */
const struct api_missing *api_missing_table(size_t *n);
/* The answer to `what`; NULL: it is not missing. */
const char *api_missing_text(const char *what);

#endif
