/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Subtasks: see subtask.h.
 *
 * DESIGN: one thread per subtask. It waits while the stage is not Running,
 * runs the current unit while it is, and turns the unit's return into an
 * event. Other threads only post events; the unit is told to return by
 * cancelling `run`. After an error the same thread waits for the back-off and
 * resumes. It stops on subtask_close.
 * SOURCE: dm/worker/subtask.go. Differs: units are initialised by running
 * them, so a subtask whose databases cannot be reached is Running first and
 * Paused with the error a moment later.
 */
#include "worker/subtask.h"

#include "lib/config/secret.h"
#include "lib/log/log.h"
#include "worker/auto_resume.h"
#include "worker/relay/hub.h"
#include "worker/subtask_edges.h"

#include <stdlib.h>
#include <string.h>

#define RANK_SUBTASK 200
#define UNITS_MAX    3
/* People give them one by one. */
#define COMMANDS_MAX 16

struct subtask {
	struct dm_mutex mu; /* rank 200; guards all fields marked (mu) */
	pthread_cond_t wake;
	pthread_t thread;

	char *name, *worker, *cli_args, *yaml, *digest;
	struct dm_task_cfg *task;     /* NULL: did not parse */
	struct dm_source_cfg *source; /* a copy of our own */
	/* Passwords as they were given; those in task and source are to connect
	 * with while a unit runs. Owner: the thread. */
	struct dm_db_cfg given_target, given_from;
	struct unit_env env;
	struct unit *units[UNITS_MAX];
	unsigned n_units;
	void (*changed)(void *arg);
	void *arg;

	Pb__Stage stage;            /* (mu) */
	Pb__Stage expected;         /* (mu) */
	int64_t revision;           /* (mu) of expected */
	unsigned current;           /* (mu) unit */
	struct dm_err *error;       /* (mu) why it is Paused */
	bool was_canceled;          /* (mu) paused by request */
	struct dm_cancel *run;      /* (mu) of the running unit; NULL: none */
	bool closing, over;         /* (mu) */
	GQueue commands;            /* (mu) struct command*, owned */
	struct dm_cancel *command;  /* (mu) of the one being carried out while
				       the unit rests; NULL: none */
	struct auto_resume backoff; /* (mu) */
	int64_t resume_in_ms;       /* (mu) -1: not by itself */
	int64_t failures[2];        /* (mu) of the unit; [1]: tried again */
};

/* ---- stage ---- */

/* Take an edge. Returns false when the event means nothing in this stage. */
static bool
move_locked(struct subtask *st, enum subtask_event on)
{
	const struct subtask_edge *e = subtask_edge_find(st->stage, on);

	dm_mutex_assert_held(&st->mu);
	if (e == NULL)
		return false;
	dm_info("subtask changes stage", dm_kstr("task", st->name),
	    dm_kstr("source", st->env.source->source_id),
	    dm_kstr("from", subtask_stage_name(e->from)),
	    dm_kstr("to", subtask_stage_name(e->to)), dm_kstr("why", e->why));
	st->stage = e->to;
	switch (e->action) {
	case ACT_NONE:
	case ACT_KEEP_ERROR: /* the caller has set it */
		break;
	case ACT_CANCEL_UNIT:
		break; /* after unlocking: see cancel_unit */
	case ACT_NEXT_UNIT:
		st->current++;
		dm_assert(st->current < st->n_units);
		break;
	}
	pthread_cond_broadcast(&st->wake);
	return true;
}

static void
clear_error_locked(struct subtask *st)
{
	dm_err_free(DM_TAKE(st->error));
	st->was_canceled = false;
	st->resume_in_ms = -1;
}

/* Make the stage follow what is expected. */
static void
follow_locked(struct subtask *st)
{
	if (st->closing) {
		(void)move_locked(st, EV_STOP);
		return;
	}
	switch (st->expected) {
	case PB__STAGE__Running:
		if (move_locked(st, EV_RUN))
			clear_error_locked(st);
		break;
	case PB__STAGE__Paused:
	case PB__STAGE__Stopped:
		if (st->stage == PB__STAGE__Paused)
			st->resume_in_ms = -1;
		else if (move_locked(st, EV_PAUSE) &&
			 st->stage == PB__STAGE__Paused)
			st->was_canceled = true;
		break;
	default:
		break;
	}
}

/*
 * The lock is held while the watchers of `run` are called, so that the
 * subtask's thread cannot free it meanwhile. They only wake waiters and shut
 * sockets down, and take locks of higher ranks.
 */
static void
cancel_unit(struct subtask *st)
{
	dm_mutex_lock(&st->mu);
	if (st->run != NULL && (st->stage == PB__STAGE__Pausing ||
				   st->stage == PB__STAGE__Stopping))
		dm_cancel_now(st->run);
	dm_mutex_unlock(&st->mu);
}

void
subtask_expect(struct subtask *st, Pb__Stage expected, int64_t revision)
{
	bool newer;

	dm_mutex_lock(&st->mu);
	newer = revision > st->revision && st->n_units > 0;
	if (newer) {
		st->revision = revision;
		st->expected = expected;
		follow_locked(st);
	}
	dm_mutex_unlock(&st->mu);
	if (!newer)
		return;
	cancel_unit(st);
	st->changed(st->arg);
}

void
subtask_close(struct subtask *st)
{
	dm_mutex_lock(&st->mu);
	st->closing = true;
	if (st->command != NULL)
		dm_cancel_now(st->command);
	follow_locked(st);
	pthread_cond_broadcast(&st->wake);
	dm_mutex_unlock(&st->mu);
	cancel_unit(st);
}

bool
subtask_is_over(struct subtask *st)
{
	bool over;

	dm_mutex_lock(&st->mu);
	over = st->over;
	dm_mutex_unlock(&st->mu);
	return over;
}

/* ---- commands ---- */

static const char *
unit_name(const struct unit *u)
{
	const ProtobufCEnumValue *v = protobuf_c_enum_descriptor_get_value(
	    &pb__unit_type__descriptor, (int)u->ops->type);

	return v != NULL ? v->name : "?";
}

/* NULL when the subtask, as it is now, can carry the command out. */
static struct dm_err *
refusal_locked(struct subtask *st, const Dm__V1__Command *msg)
{
	bool schema = msg->c_case == DM__V1__COMMAND__C_OPERATE_SCHEMA;
	bool reads = schema && msg->operateschema->op ==
				   PB__SCHEMA_OP__ListMigrateTargets;
	const struct unit *u;

	dm_mutex_assert_held(&st->mu);
	if (st->n_units == 0)
		return dm_err_copy(st->error);
	if (schema && st->stage != PB__STAGE__Paused &&
	    !(reads && st->stage == PB__STAGE__Running))
		return dm_err_new(
		    WORKER_NOT_PAUSED_STAGE, subtask_stage_name(st->stage));
	u = st->units[st->current];
	if (u->ops->command == NULL)
		return dm_err_new(WORKER_OPER_SYNC_UNIT_ONLY, unit_name(u));
	if (st->closing)
		return dm_err_plain("task %s is being stopped", st->name);
	if (g_queue_get_length(&st->commands) >= COMMANDS_MAX)
		return dm_err_plain(
		    "too many commands wait for task %s", st->name);
	return NULL;
}

void
subtask_command(struct subtask *st, struct command *c)
{
	struct dm_err *err;

	dm_mutex_lock(&st->mu);
	err = refusal_locked(st, command_msg(c));
	if (err == NULL) {
		g_queue_push_tail(&st->commands, c);
		pthread_cond_broadcast(&st->wake);
	}
	dm_mutex_unlock(&st->mu);
	if (err != NULL)
		command_answer(c, err, NULL);
}

/* Of struct unit_env, for the unit that runs. */
static struct command *
next_command(void *arg)
{
	struct subtask *st = arg;
	struct command *c;

	for (;;) {
		struct dm_err *err = NULL;

		dm_mutex_lock(&st->mu);
		c = g_queue_pop_head(&st->commands);
		if (c != NULL)
			err = refusal_locked(st, command_msg(c));
		dm_mutex_unlock(&st->mu);
		if (c == NULL)
			return NULL;
		if (err == NULL && command_is_late(c, dm_mono_now()))
			err = dm_err_deadline();
		if (err == NULL)
			return c;
		command_answer(c, err, NULL);
	}
}

/* ---- the thread ---- */

static struct dm_err *resolve_passwords(struct subtask *st);

/* The unit rests, and the next command is for it. */
static void
carry_out(struct subtask *st)
{
	struct command *c = next_command(st);
	struct dm_cancel *cancel;
	struct dm_err *err;
	char *text = NULL;
	struct unit *u;

	if (c == NULL)
		return;
	dm_mutex_lock(&st->mu);
	cancel = st->command = dm_cancel_new(st->env.hard);
	u = st->units[st->current];
	dm_mutex_unlock(&st->mu);
	err = resolve_passwords(st);
	if (err == NULL)
		err = u->ops->command(u, command_msg(c), cancel, &text);
	dm_mutex_lock(&st->mu);
	st->command = NULL;
	if (err == NULL && command_resumes(command_msg(c)) &&
	    move_locked(st, EV_HANDLED))
		clear_error_locked(st);
	dm_mutex_unlock(&st->mu);
	dm_cancel_free(cancel);
	command_answer(c, err, text);
	g_free(text);
	st->changed(st->arg);
}

static bool
has_command_locked(struct subtask *st)
{
	dm_mutex_assert_held(&st->mu);
	return !g_queue_is_empty(&st->commands);
}

/* Wait until there is something to run. False: the subtask is closing. */
static bool
wait_for_work(struct subtask *st)
{
	bool go;

	dm_mutex_lock(&st->mu);
	for (;;) {
		if (move_locked(st, EV_THREAD_READY))
			continue;
		if (st->closing || st->stage == PB__STAGE__Running)
			break;
		if (has_command_locked(st)) {
			dm_mutex_unlock(&st->mu);
			carry_out(st);
			dm_mutex_lock(&st->mu);
			continue;
		}
		if (st->stage == PB__STAGE__Paused && st->resume_in_ms >= 0) {
			int64_t ms = st->resume_in_ms;

			if (!dm_cond_wait_ms(&st->wake, &st->mu, ms) &&
			    st->resume_in_ms == ms && !has_command_locked(st) &&
			    move_locked(st, EV_AUTO_RESUME))
				clear_error_locked(st);
		} else {
			dm_cond_wait(&st->wake, &st->mu);
		}
	}
	go = !st->closing && st->stage == PB__STAGE__Running;
	if (go)
		st->run = dm_cancel_new(st->env.hard);
	dm_mutex_unlock(&st->mu);
	return go;
}

/* Keep the error that pauses the subtask, and say when to try again. */
static void
keep_error_locked(struct subtask *st, struct dm_err *err)
{
	bool may = st->env.source->check_enable && auto_resume_may(err);

	clear_error_locked(st);
	st->error = err;
	if (may)
		st->resume_in_ms = auto_resume_wait_ms(
		    &st->backoff, dm_mono_now(), g_random_double());
	st->failures[may ? 1 : 0]++;
	dm_error("subtask unit failed", dm_kstr("task", st->name),
	    dm_kstr("source", st->env.source->source_id), dm_kerr(err),
	    dm_kint("resume-in-ms", st->resume_in_ms));
}

static void
unit_returned(struct subtask *st, struct dm_err *err)
{
	struct dm_cancel *run;

	dm_mutex_lock(&st->mu);
	run = DM_TAKE(st->run);
	if (err == NULL) {
		clear_error_locked(st);
		memset(st->failures, 0, sizeof(st->failures));
		(void)move_locked(st, st->current + 1 < st->n_units
					  ? EV_UNIT_NEXT
					  : EV_UNIT_LAST);
	} else if (dm_err_is_canceled(err)) {
		dm_err_free(err); /* asked for: not an error to show */
		clear_error_locked(st);
		st->was_canceled = true;
		(void)move_locked(st, EV_UNIT_CANCELED);
	} else {
		keep_error_locked(st, err);
		(void)move_locked(st, EV_UNIT_ERROR);
	}
	/* What is expected may have changed while the unit was returning. */
	if (st->stage == PB__STAGE__Paused && st->was_canceled)
		follow_locked(st);
	dm_mutex_unlock(&st->mu);
	dm_cancel_free(run);
}

/* References are read anew for each run: a resume takes a new password. */
static struct dm_err *
resolve(struct dm_db_cfg *c, const struct dm_db_cfg *given, const char *field)
{
	/* Only the password: others may look at the rest. */
	dm_wipe(c->password);
	c->password = g_strdup(given->password);
	c->literal = given->literal;
	return dm_db_cfg_resolve(c, field);
}

static struct dm_err *
resolve_passwords(struct subtask *st)
{
	struct dm_err *err =
	    resolve(&st->source->from, &st->given_from, "from");

	if (err != NULL)
		return dm_err_set_scope(
		    dm_err_annotate(err, "source %s", st->source->source_id),
		    DM_SCOPE_UPSTREAM);
	err = resolve(&st->task->target, &st->given_target, "target-database");
	if (err != NULL)
		return dm_err_set_scope(
		    dm_err_annotate(err, "task %s", st->name),
		    DM_SCOPE_DOWNSTREAM);
	return NULL;
}

static struct dm_err *
run_unit(struct subtask *st, struct unit *u)
{
	struct dm_err *err = resolve_passwords(st);

	return err != NULL ? err : u->ops->run(u, st->run);
}

static void *
subtask_main(void *arg)
{
	struct subtask *st = arg;

	while (wait_for_work(st)) {
		struct unit *u = st->units[st->current];

		st->changed(st->arg);
		unit_returned(st, run_unit(st, u));
		st->changed(st->arg);
	}
	dm_mutex_lock(&st->mu);
	st->over = true;
	dm_mutex_unlock(&st->mu);
	st->changed(st->arg);
	return NULL;
}

/* ---- making and freeing ---- */

static void
add_unit(struct subtask *st, struct unit *u)
{
	dm_assert(st->n_units < UNITS_MAX);
	st->units[st->n_units++] = u;
}

/* In the order in which they run. */
static void
list_units(struct subtask *st)
{
	enum dm_task_mode mode = st->task->mode;
	bool copies = mode == DM_MODE_ALL || mode == DM_MODE_FULL;
	bool files = copies && st->task->files;

	if (copies && !files)
		add_unit(st, copy_unit_new(&st->env));
	if (files || mode == DM_MODE_DUMP)
		add_unit(st, dump_unit_new(&st->env));
	if (files || mode == DM_MODE_LOAD || mode == DM_MODE_LOAD_SYNC)
		add_unit(st, load_unit_new(&st->env));
	if (mode == DM_MODE_ALL || mode == DM_MODE_LOAD_SYNC ||
	    mode == DM_MODE_INCREMENTAL)
		add_unit(st, sync_unit_new(&st->env));
}

static struct dm_err *
make_units(struct subtask *st, const char *yaml, const struct dm_keys *keys)
{
	struct dm_err *err = dm_task_cfg_parse("", yaml, &st->task);

	if (err == NULL)
		err = dm_task_cfg_decrypt(st->task, keys);
	if (err != NULL)
		return err;
	dm_db_cfg_copy(&st->given_target, &st->task->target);
	dm_db_cfg_copy(&st->given_from, &st->source->from);
	st->env.task = st->task;
	st->env.inst =
	    dm_task_cfg_instance(st->task, st->env.source->source_id);
	if (st->env.inst == NULL)
		return dm_err_new(
		    CONFIG_SOURCE_ID_NOT_FOUND, st->env.source->source_id);
	list_units(st);
	return NULL;
}

/* Of all that the text says, its password in clear; NULL: it cannot be read.
 * Each master may encrypt with a key of its own. */
static char *
digest_of(const char *yaml, const struct dm_keys *keys)
{
	DM_AUTO(dm_task_cfg) cfg = NULL;
	struct dm_err *err = dm_task_cfg_parse("", yaml, &cfg);
	char *text, *digest;

	if (err == NULL)
		err = dm_task_cfg_decrypt(cfg, keys);
	if (err != NULL) {
		dm_err_free(err); /* what is made of this text tells it */
		return NULL;
	}
	text = dm_task_cfg_yaml(cfg, NULL, false);
	digest = g_compute_checksum_for_string(G_CHECKSUM_SHA256, text, -1);
	dm_wipe(text);
	return digest;
}

struct subtask *
subtask_new(const char *name, const struct subtask_opts *o)
{
	struct subtask *st = g_new0(struct subtask, 1);

	dm_mutex_init(&st->mu, RANK_SUBTASK);
	dm_cond_init(&st->wake);
	st->name = g_strdup(name);
	st->worker = g_strdup(o->worker);
	st->cli_args = g_strdup(o->cli_args);
	st->yaml = g_strdup(o->task_yaml);
	st->digest = digest_of(o->task_yaml, o->keys);
	st->changed = o->changed;
	st->arg = o->arg;
	st->stage = PB__STAGE__New;
	st->resume_in_ms = -1;
	st->source = dm_source_cfg_copy(o->source);
	st->env = (struct unit_env){ .source = st->source,
		.worker = st->worker,
		.cli_args = st->cli_args,
		.cluster_id = o->cluster_id,
		.epoch = o->epoch,
		.lease_ttl_s = o->lease_ttl_s,
		.relay = o->relay != NULL ? relay_hub_ref(o->relay) : NULL,
		.hard = o->hard,
		.changed = o->changed,
		.changed_arg = o->arg,
		.next_command = next_command,
		.command_arg = st };
	g_queue_init(&st->commands);
	auto_resume_init(&st->backoff, o->source->backoff_max_ms,
	    o->source->backoff_rollback_ms);
	st->error = make_units(st, o->task_yaml, o->keys);
	if (st->error != NULL) {
		/* Nothing can run: it stays so until it is replaced. */
		st->stage = PB__STAGE__Paused;
		st->over = true;
		return st;
	}
	st->current = MIN(o->first_unit, st->n_units - 1);
	st->thread = dm_thread_start("subtask", subtask_main, st);
	return st;
}

bool
subtask_has_config(
    struct subtask *st, const char *task_yaml, const struct dm_keys *keys)
{
	g_autofree char *digest = NULL;

	if (strcmp(st->yaml, task_yaml) == 0)
		return true;
	digest = digest_of(task_yaml, keys);
	if (digest == NULL || g_strcmp0(digest, st->digest) != 0)
		return false;
	g_free(st->yaml);
	st->yaml = g_strdup(task_yaml); /* found equal at once from now on */
	return true;
}

unsigned
subtask_unit(struct subtask *st)
{
	unsigned unit;

	dm_mutex_lock(&st->mu);
	unit = st->current;
	dm_mutex_unlock(&st->mu);
	return unit;
}

Pb__Stage
subtask_stage(struct subtask *st)
{
	Pb__Stage stage;

	dm_mutex_lock(&st->mu);
	stage = st->stage;
	dm_mutex_unlock(&st->mu);
	return stage;
}

char *
subtask_name(struct subtask *st)
{
	return st->name;
}

void
subtask_free(struct subtask *st)
{
	if (st == NULL)
		return;
	if (st->n_units > 0) {
		subtask_close(st);
		pthread_join(st->thread, NULL);
	}
	g_queue_clear_full(&st->commands, command_drop);
	for (unsigned i = 0; i < st->n_units; i++)
		st->units[i]->ops->free(st->units[i]);
	relay_hub_free(st->env.relay);
	dm_task_cfg_free(st->task);
	dm_source_cfg_free(st->source);
	dm_db_cfg_fini(&st->given_target);
	dm_db_cfg_fini(&st->given_from);
	dm_err_free(st->error);
	g_free(st->name);
	g_free(st->worker);
	g_free(st->cli_args);
	g_free(st->yaml);
	g_free(st->digest);
	pthread_cond_destroy(&st->wake);
	dm_mutex_fini(&st->mu);
	g_free(st);
}

/* ---- status ---- */

static char *
dup_text(const char *s)
{
	return strdup(s != NULL ? s : "");
}

/* A statement of the source may be in any character set; a message that is not
 * UTF-8 would end the session. */
static char *
dup_valid(const char *text)
{
	g_autofree char *valid =
	    text != NULL ? g_utf8_make_valid(text, -1) : NULL;

	return dup_text(valid);
}

Pb__ProcessResult *
process_result_new(const struct dm_err *err, bool canceled)
{
	Pb__ProcessResult *r = malloc(sizeof(*r));
	Pb__ProcessError *e;

	dm_assert(r != NULL);
	pb__process_result__init(r);
	r->iscanceled = canceled;
	if (err == NULL)
		return r;
	e = malloc(sizeof(*e));
	r->errors = malloc(sizeof(*r->errors));
	dm_assert(e != NULL && r->errors != NULL);
	pb__process_error__init(e);
	e->errcode = err->code;
	e->errclass = dup_text(err->err_class);
	e->errscope = dup_text(err->scope);
	e->errlevel = dup_text(err->level);
	e->message = dup_valid(err->message);
	e->rawcause = dup_valid(err->cause);
	e->workaround = dup_valid(err->workaround);
	r->errors[0] = e;
	r->n_errors = 1;
	return r;
}

Pb__SubTaskStatus *
subtask_status(struct subtask *st)
{
	Pb__SubTaskStatus *out = malloc(sizeof(*out));
	struct unit *u;

	dm_assert(out != NULL);
	pb__sub_task_status__init(out);
	out->name = dup_text(st->name);
	out->unresolvedddllockid = dup_text("");
	dm_mutex_lock(&st->mu);
	out->stage = st->stage;
	out->fatalerrors = st->failures[0];
	out->resumederrors = st->failures[1];
	u = st->n_units > 0 ? st->units[st->current] : NULL;
	if (st->stage == PB__STAGE__Paused || st->stage == PB__STAGE__Stopped)
		out->result = process_result_new(st->error, st->was_canceled);
	dm_mutex_unlock(&st->mu);
	if (u != NULL) {
		out->unit = u->ops->type;
		u->ops->status(u, out);
	}
	return out;
}
