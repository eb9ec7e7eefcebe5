/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where the masters are: what a master told last, then `join`. The one of
 * `join` stay in the list, since members may be told under addresses that are
 * not reachable from here. Threads: any.
 */
#ifndef DM_WORKER_AGENT_MASTERS_H
#define DM_WORKER_AGENT_MASTERS_H

#include "lib/base/base.h"

struct masters;

/* join: "host:port", NULL-terminated, not empty; copied. */
struct masters *masters_new(const char *const *join);
void masters_free(struct masters *m);
DM_DEFINE_AUTO(masters)

/* The next one to try, round and round. New string. */
char *masters_next(struct masters *m);
/* The next call of masters_next gives the same one once more. */
void masters_stay(struct masters *m);
/* The members as a master tells them; empty: it does not know. True when the
 * list is another one now. The round goes on behind the one given last. */
bool masters_learn(struct masters *m, char *const *addrs, size_t n);

#endif
