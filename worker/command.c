/* SPDX-License-Identifier: Apache-2.0 */
/* Commands under way: see command.h. */
#include "worker/command.h"

/* Less than the master waits (master/session/commands.h), so that what it
 * calls not answered was not begun, either. */
#define LATE_MS 8000

struct command {
	Dm__V1__Command *msg;
	struct dm_mono arrived;
	command_reply_fn *reply;
	void *arg;
};

struct command *
command_new(const Dm__V1__Command *msg, command_reply_fn *reply, void *arg)
{
	size_t n = dm__v1__command__get_packed_size(msg);
	g_autofree uint8_t *buf = g_malloc(n);
	struct command *c = g_new0(struct command, 1);

	dm__v1__command__pack(msg, buf);
	c->msg = dm__v1__command__unpack(NULL, n, buf);
	dm_assert(c->msg != NULL);
	c->arrived = dm_mono_now();
	c->reply = reply;
	c->arg = arg;
	return c;
}

const Dm__V1__Command *
command_msg(const struct command *c)
{
	return c->msg;
}

const char *
command_task(const struct command *c)
{
	switch (c->msg->c_case) {
	case DM__V1__COMMAND__C_OPERATE_SCHEMA:
		return c->msg->operateschema->task;
	case DM__V1__COMMAND__C_HANDLE_ERROR:
		return c->msg->handleerror->task;
	default:
		return "";
	}
}

bool
command_is_late(const struct command *c, struct dm_mono now)
{
	return dm_mono_diff_ms(now, c->arrived) >= LATE_MS;
}

void
command_answer(struct command *c, struct dm_err *err, const char *text)
{
	g_autofree char *why = err != NULL ? dm_err_text(err) : NULL;

	if (why != NULL)
		text = why;
	c->reply(
	    c->msg->request, err == NULL, text != NULL ? text : "", c->arg);
	dm_err_free(err);
	dm__v1__command__free_unpacked(c->msg, NULL);
	g_free(c);
}

void
command_drop(void *c)
{
	if (c != NULL)
		command_answer(c,
		    dm_err_plain("the task ends on this dm-worker: ask again "
				 "when `query-status` shows it"),
		    NULL);
}

bool
command_resumes(const Dm__V1__Command *msg)
{
	return msg->c_case == DM__V1__COMMAND__C_HANDLE_ERROR &&
	       msg->handleerror->op != PB__ERROR_OP__List;
}
