/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A gate for what thousands of sessions want from etcd at the same moment: so
 * many requests are under way at once, the others wait in line. Without it they
 * would all stand before the leader's own renewals and writes, and the leader
 * would lose its place over the comeback of its workers. Threads: any.
 */
#ifndef DM_MASTER_SESSION_GATE_H
#define DM_MASTER_SESSION_GATE_H

#include "lib/base/base.h"

struct gate;

struct gate *gate_new(unsigned limit);
/* Nothing is under way or waits any more. Accepts NULL. */
void gate_free(struct gate *g);
/* Calls start(arg), now or when it is its turn; what it starts ends with one
 * gate_leave. */
void gate_enter(struct gate *g, void (*start)(void *arg), void *arg);
/* Calls the start of who is next, if any. */
void gate_leave(struct gate *g);

#endif
