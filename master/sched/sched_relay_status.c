/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether an operation on relay logs has had its effect at a worker.
 * Source: control-plane reference 1.8.
 */
#include "master/pb.h"
#include "master/sched/sched_status.h"

static Pb__CommonWorkerResponse *
entry(bool result, struct dm_err *err, const char *source, const char *worker)
{
	g_autofree char *text = err == NULL ? NULL : pb_error_text(err);

	return pb_worker_response(
	    result, text == NULL ? "" : text, source, worker);
}

static Pb__CommonWorkerResponse *
disabled(const char *source, const char *worker)
{
	return entry(false,
	    dm_err_set_workaround(dm_err_new(MASTER_OPER_RESP_NOT_SUCCESS,
				      "relay is disabled for this source"),
		"`start-relay` begins it"),
	    source, worker);
}

/* What a worker reported last of a source. */
struct seen {
	const Dm__V1__SourceReport *report; /* NULL: nothing */
	int64_t revision;
	struct dm_mono at;
};

static struct seen
look(const struct sched_source *src, const struct sched_worker *w)
{
	const struct sched_relay *r = sched_relay_get(src, w);

	if (src->worker == w)
		return (struct seen){ src->report, src->report_revision,
			src->report_at };
	if (r == NULL)
		return (struct seen){ 0 };
	return (struct seen){ r->report, r->report_revision, r->report_at };
}

static const Pb__RelayStatus *
relay_of(const struct seen *s)
{
	return s->report == NULL || s->report->status == NULL
		   ? NULL
		   : s->report->status->relaystatus;
}

static Pb__CommonWorkerResponse *
judge_stopped(const struct sched_want *want, const struct sched_source *src,
    const struct sched_worker *w)
{
	struct seen s = look(src, w);

	if (src->worker != w && sched_still_reports(w, src->id))
		return NULL;
	if (src->worker == w && (s.report == NULL || relay_of(&s) != NULL ||
				    !sched_is_fresh(want, s.revision, s.at)))
		return NULL;
	return entry(true, NULL, src->id, w->name);
}

static Pb__CommonWorkerResponse *
judge_stage(const struct sched_want *want, const struct sched_source *src,
    const struct sched_worker *w)
{
	Pb__Stage stage = want->goal == SCHED_GOAL_RELAY_PAUSE
			      ? PB__STAGE__Paused
			      : PB__STAGE__Running;
	struct seen s = look(src, w);
	const Pb__RelayStatus *relay = relay_of(&s);
	bool fresh = s.report != NULL && sched_is_fresh(want, s.revision, s.at);
	g_autofree char *list = NULL;
	bool reached, failed;

	if (!fresh)
		return NULL;
	if (relay == NULL)
		return want->goal == SCHED_GOAL_RELAY_START
			   ? NULL
			   : disabled(src->id, w->name);
	reached = relay->stage == stage;
	failed = relay->result != NULL && relay->result->n_errors > 0;
	if (!reached && !failed)
		return NULL;
	if (!failed)
		return entry(true, NULL, src->id, w->name);
	list = pb_errors_text(relay->result->errors, relay->result->n_errors);
	return entry(reached, dm_err_new(MASTER_OPER_RESP_NOT_SUCCESS, list),
	    src->id, w->name);
}

Pb__CommonWorkerResponse *
sched_judge_relay(const struct sched_core *c, const struct sched_want *want,
    const char *source, const char *worker)
{
	const struct sched_source *src = sched_source_get(c, source);
	const struct sched_worker *w = sched_worker_get(c, worker);
	g_autofree char *text = NULL;

	if (src == NULL || w == NULL || w->stage == SCHED_OFFLINE) {
		text = g_strdup_printf(
		    "%s relevant worker-client not found", source);
		return pb_worker_response(false, text, source, worker);
	}
	if (want->goal == SCHED_GOAL_RELAY_STOP)
		return judge_stopped(want, src, w);
	if (src->relay_stage == PB__STAGE__InvalidStage)
		return disabled(source, worker);
	return judge_stage(want, src, w);
}
