/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Claims: which lane changed a unique value last. A change in another lane
 * that meets a claim waits until that lane has committed it. Owner: the
 * dispatcher's thread.
 */
#ifndef DM_WORKER_SYNC_CLAIMS_H
#define DM_WORKER_SYNC_CLAIMS_H

#include "lib/base/base.h"

struct claims;

struct claim {
	uint64_t seq; /* number of the change in its lane */
	unsigned lane;
};

struct claims *claims_new(void);
void claims_free(struct claims *c);
/* NULL when nobody holds the value; borrowed until the next claims_put. */
const struct claim *claims_get(const struct claims *c, uint64_t hash);
void claims_put(struct claims *c, uint64_t hash, unsigned lane, uint64_t seq);
size_t claims_count(const struct claims *c);
/* Drop the claims that are committed: seq <= committed[lane]. */
void claims_sweep(struct claims *c, const uint64_t *committed);
void claims_clear(struct claims *c);

#endif
