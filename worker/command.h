/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A command of the master for one subtask, on its way to the thread that
 * carries it out: session -> holder -> subtask -> its unit. Whoever has it
 * passes it on or answers it; it is answered exactly once. Threads: any, one
 * owner at a time.
 */
#ifndef DM_WORKER_COMMAND_H
#define DM_WORKER_COMMAND_H

#include "dmsession.pb-c.h"
#include "lib/base/clock.h"
#include "lib/err/err.h"

struct command;

/* Called once for each command, on the thread that answers it; arg is its own
 * from then on. Strings are borrowed for the call. */
typedef void command_reply_fn(
    uint64_t request, bool result, const char *text, void *arg);

/* Copies msg. */
struct command *command_new(
    const Dm__V1__Command *msg, command_reply_fn *reply, void *arg);
/* Borrowed, as long as the command is not answered. */
const Dm__V1__Command *command_msg(const struct command *c);
const char *command_task(const struct command *c);
/* It waited for so long that the master has given it up: what nobody expects
 * any more is not done. */
bool command_is_late(const struct command *c, struct dm_mono now);
/* Done, or why not (takes err; NULL: done). Takes c. text may be NULL. */
void command_answer(struct command *c, struct dm_err *err, const char *text);
/* For GDestroyNotify: answered that the task ends. Accepts NULL. */
void command_drop(void *c);

/* What it asks for, by kind: a stage that a handle-error resumes. */
bool command_resumes(const Dm__V1__Command *msg);

#endif
