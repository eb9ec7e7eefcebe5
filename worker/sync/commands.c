/* SPDX-License-Identifier: Apache-2.0 */
/* Commands for replication: see commands.h. */
#include "worker/sync/commands.h"

#include "worker/sync/target.h"

struct dm_err *
commands_run_one(
    const struct command_env *e, const Dm__V1__Command *msg, char **text)
{
	if (msg->c_case == DM__V1__COMMAND__C_HANDLE_ERROR)
		return handle_error_run(e, msg->handleerror, text);
	return operate_schema_run(e, msg->operateschema, text);
}

/* Where the lowest lane stands; zero when there are none yet. */
static struct dm_err *
find_passed(struct command_env *e)
{
	g_autoptr(GArray) marks = NULL;
	g_autofree char *map = NULL;
	struct dm_err *err = lane_meta_load(e->meta, e->target, &marks, &map);

	for (guint i = 0; err == NULL && i < marks->len; i++) {
		const struct lane_mark *m =
		    &g_array_index(marks, struct lane_mark, i);

		if (i == 0 || dm_pos_cmp(&m->done, &e->passed) < 0)
			e->passed = m->done;
	}
	return err;
}

struct dm_err *
commands_run_resting(const struct unit_env *env,
    const struct dispatch_failure *failure, const Dm__V1__Command *msg,
    struct dm_cancel *c, char **text)
{
	struct command_env e = { .env = env, .c = c, .failure = *failure };
	struct dm_cancel_watch watch = { 0 };
	struct dm_err *err;

	e.meta = meta_new(env);
	err = target_connect(env, c, &e.target);
	if (err == NULL) {
		dm_cancel_watch(c, &watch, dm_sql_interrupt, e.target);
		err = meta_ensure_tables(e.meta, e.target);
		if (err == NULL)
			err = meta_take_over(e.meta, e.target, c);
		if (err == NULL)
			err = meta_record_conn(e.meta, e.target);
		if (err == NULL)
			err = find_passed(&e);
		if (err == NULL)
			err = commands_run_one(&e, msg, text);
		dm_cancel_unwatch(c, &watch);
	}
	dm_sql_conn_free(e.target);
	meta_free(e.meta);
	return err;
}
