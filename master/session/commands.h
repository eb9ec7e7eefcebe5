/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Commands to workers, over their sessions: sent here, answered by a Reply
 * with the same number. A session that ends, or a worker that is silent for
 * too long, ends the wait. Threads: any.
 */
#ifndef DM_MASTER_SESSION_COMMANDS_H
#define DM_MASTER_SESSION_COMMANDS_H

#include "dmsession.pb-c.h"
#include "lib/err/err.h"
#include "lib/thread/cancel.h"

/* How long a worker may take. It drops what it could not begin with in less
 * (worker/command.c). */
#define COMMANDS_WAIT_MS 10000

/* One command and what became of it. */
struct command_call {
	uint64_t session;     /* of the worker; 0: it has none now */
	Dm__V1__Command *msg; /* the caller's; its number is set here */
	/* Set when the wait is over: */
	bool result;
	char *text;         /* the worker's; new string; NULL: no answer */
	struct dm_err *err; /* why there is none; owned by the caller */
};

struct commands;

struct commands *commands_new(void);
/* Nobody waits any more. Accepts NULL. */
void commands_free(struct commands *cs);

/* Sends msg to a session; false: there is no such session. */
typedef bool commands_send_fn(
    uint64_t session, Dm__V1__Command *msg, void *arg);
/*
 * Send all of calls at once and wait until each is answered or given up, at
 * most wait_ms. c: of who waits; cancelled, it gives all up.
 * Errors, in the calls: MASTER_GRPC_REQUEST_ERROR with what happened.
 */
void commands_run(struct commands *cs, struct command_call *calls, size_t n,
    int64_t wait_ms, struct dm_cancel *c, commands_send_fn *send, void *arg);

/* The worker of this session has answered; what nobody waits for is dropped.*/
void commands_reply(
    struct commands *cs, uint64_t session, const Dm__V1__Reply *reply);
/* The session is over. */
void commands_lost(struct commands *cs, uint64_t session);

#endif
