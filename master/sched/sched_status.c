/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Status from the workers' newest reports.
 * Differs from DM: nothing is asked of a worker; what it reported last (about a
 * second ago) is the answer, so that one that hangs delays nobody. A report
 * that is older than STALE_MS is no answer any more: the entry fails, and its
 * text says how old the last known state is.
 */
#include "master/sched/sched_status.h"

#include "master/pb.h"

#include <string.h>

/* A worker that does not say which order its report reflects: how old an
 * operation must be before a state is taken for its outcome. */
#define SETTLE_MS 2000
/* Reports come every second. */
#define STALE_MS 3500

/* ---- query-status ---- */

static Pb__SourceStatus *
source_status(const struct sched_source *src)
{
	Pb__SourceStatus *s;

	if (src->report != NULL && src->report->status != NULL)
		s = (Pb__SourceStatus *)pb_copy(&src->report->status->base);
	else
		s = PB_NEW(Pb__SourceStatus, pb__source_status__init);
	if (*s->source == '\0')
		s->source = g_strdup(src->id);
	if (*s->worker == '\0' && src->worker != NULL)
		s->worker = g_strdup(src->worker->name);
	return s;
}

static Pb__SubTaskStatus *
new_subtask(const char *name, Pb__Stage stage)
{
	Pb__SubTaskStatus *s =
	    PB_NEW(Pb__SubTaskStatus, pb__sub_task_status__init);

	s->name = g_strdup(name);
	s->stage = stage;
	return s;
}

static void
append_subtask(Pb__QueryStatusResponse *r, Pb__SubTaskStatus *s)
{
	PB_APPEND(r->subtaskstatus, r->n_subtaskstatus, s);
}

static int
subtask_by_name(const void *a, const void *b)
{
	const Pb__SubTaskStatus *const *x = a, *const *y = b;

	return strcmp((*x)->name, (*y)->name);
}

/* What is expected, as reported, else New; and what is reported though no
 * longer expected: it is being stopped. */
static void
append_subtasks(Pb__QueryStatusResponse *r, const struct sched_source *src,
    const char *task)
{
	g_autoptr(GPtrArray) tasks = sched_subtasks_sorted(src);
	size_t n = src->report == NULL ? 0 : src->report->n_subtasks;

	for (guint i = 0; i < tasks->len; i++) {
		const struct sched_subtask *st = g_ptr_array_index(tasks, i);
		const Pb__SubTaskStatus *s = sched_reported(src, st->task);

		if (*task != '\0' && strcmp(task, st->task) != 0)
			continue;
		append_subtask(r, s == NULL
				      ? new_subtask(st->task, PB__STAGE__New)
				      : (Pb__SubTaskStatus *)pb_copy(&s->base));
	}
	for (size_t i = 0; i < n; i++) {
		const Pb__SubTaskStatus *s = src->report->subtasks[i];

		if (sched_subtask_get(src, s->name) == NULL &&
		    (*task == '\0' || strcmp(task, s->name) == 0))
			append_subtask(
			    r, (Pb__SubTaskStatus *)pb_copy(&s->base));
	}
	if (r->n_subtaskstatus > 1)
		qsort(r->subtaskstatus, r->n_subtaskstatus,
		    sizeof(*r->subtaskstatus), subtask_by_name);
}

static struct dm_err *
no_worker(const char *source)
{
	g_autofree char *text =
	    g_strdup_printf("%s relevant worker-client not found", source);

	return dm_err_new(MASTER_WORKER_ARGS_EXTRACTOR, text);
}

/* "t1 Running, t2 Paused", as it was reported last. */
static char *
known_stages(const Dm__V1__SourceReport *r)
{
	GString *s = g_string_new(NULL);

	for (size_t i = 0; r != NULL && i < r->n_subtasks; i++) {
		const Pb__SubTaskStatus *st = r->subtasks[i];
		const ProtobufCEnumValue *v =
		    protobuf_c_enum_descriptor_get_value(
			&pb__stage__descriptor, (int)st->stage);

		g_string_append_printf(s, "%s%s %s", i == 0 ? "" : ", ",
		    st->name, v == NULL ? "?" : v->name);
	}
	if (s->len == 0)
		g_string_assign(s, "nothing");
	return g_string_free(s, FALSE);
}

/* NULL when what the worker has reported is how things stand. */
static struct dm_err *
silence(const struct sched_core *c, const struct sched_worker *w,
    const Dm__V1__SourceReport *report)
{
	int64_t ms = dm_mono_diff_ms(c->ops.now(c->arg), w->heard_at);
	g_autofree char *known = NULL;

	if (w->session != 0 && ms < STALE_MS)
		return NULL;
	known = known_stages(report);
	if (w->session == 0)
		return dm_err_set_cause(dm_err_new(MASTER_GRPC_REQUEST_ERROR),
		    "dm-worker %s is not connected at the moment; last known "
		    "state: %s",
		    w->name, known);
	return dm_err_set_cause(dm_err_new(MASTER_GRPC_REQUEST_ERROR),
	    "dm-worker %s has not reported for %" G_GINT64_FORMAT
	    " s; last known state: %s",
	    w->name, ms / 1000, known);
}

static Pb__QueryStatusResponse *
query_source(const struct sched_core *c, const struct sched_source *src,
    const char *task)
{
	Pb__QueryStatusResponse *r =
	    PB_NEW(Pb__QueryStatusResponse, pb__query_status_response__init);
	Pb__SubTaskStatus *s;
	struct dm_err *err;

	r->sourcestatus = source_status(src);
	if (src->worker == NULL) {
		r->msg = pb_error_text(no_worker(src->id));
		return r;
	}
	err = silence(c, src->worker, src->report);
	if (err != NULL) {
		r->msg = pb_error_text(err);
		return r;
	}
	r->result = true;
	append_subtasks(r, src, task);
	if (r->n_subtaskstatus > 0)
		return r;
	if (*task == '\0' || g_hash_table_size(src->subtasks) == 0) {
		r->msg = g_strdup("no sub task started");
		return r;
	}
	s = new_subtask(task, PB__STAGE__InvalidStage);
	s->status_case = PB__SUB_TASK_STATUS__STATUS_MSG;
	s->msg = g_strdup_printf("no sub task with name %s has started", task);
	append_subtask(r, s);
	return r;
}

/* Of a worker that writes the source's relay log only. */
static Pb__QueryStatusResponse *
query_relay(const struct sched_core *c, const struct sched_source *src,
    const struct sched_relay *relay)
{
	Pb__QueryStatusResponse *r =
	    PB_NEW(Pb__QueryStatusResponse, pb__query_status_response__init);
	const Dm__V1__SourceReport *report = relay->report;
	struct dm_err *err = silence(c, relay->worker, report);

	r->sourcestatus =
	    report != NULL && report->status != NULL
		? (Pb__SourceStatus *)pb_copy(&report->status->base)
		: PB_NEW(Pb__SourceStatus, pb__source_status__init);
	if (*r->sourcestatus->source == '\0')
		r->sourcestatus->source = g_strdup(src->id);
	if (*r->sourcestatus->worker == '\0')
		r->sourcestatus->worker = g_strdup(relay->worker->name);
	r->result = err == NULL;
	r->msg =
	    err == NULL ? g_strdup("no sub task started") : pb_error_text(err);
	return r;
}

/* One entry for each worker of a source that was asked for by its name. */
static void
query_workers(const struct sched_core *c, const struct sched_source *src,
    const char *task, Pb__QueryStatusListResponse *resp)
{
	bool none = src->worker == NULL;

	if (!none)
		PB_APPEND(
		    resp->sources, resp->n_sources, query_source(c, src, task));
	for (guint i = 0; i < src->relays->len; i++) {
		const struct sched_relay *r = src->relays->pdata[i];

		if (r->worker == src->worker ||
		    r->worker->stage == SCHED_OFFLINE)
			continue;
		PB_APPEND(
		    resp->sources, resp->n_sources, query_relay(c, src, r));
		none = false;
	}
	if (none)
		PB_APPEND(
		    resp->sources, resp->n_sources, query_source(c, src, task));
}

/* A source with subtasks and no worker, in a query for everything. */
static Pb__QueryStatusResponse *
query_unbound(const struct sched_source *src)
{
	Pb__QueryStatusResponse *r =
	    PB_NEW(Pb__QueryStatusResponse, pb__query_status_response__init);
	g_autoptr(GPtrArray) tasks = sched_subtasks_sorted(src);

	r->sourcestatus = PB_NEW(Pb__SourceStatus, pb__source_status__init);
	r->sourcestatus->source = g_strdup(src->id);
	r->sourcestatus->worker = g_strdup("source not bound");
	for (guint i = 0; i < tasks->len; i++) {
		const struct sched_subtask *st = g_ptr_array_index(tasks, i);

		append_subtask(
		    r, new_subtask(st->task, PB__STAGE__InvalidStage));
	}
	r->msg = g_strdup_printf("can't find task=%s from dm-worker for "
				 "source=%s, please use dmctl list-member to "
				 "check if worker is offline.",
	    r->subtaskstatus[0]->name, src->id);
	return r;
}

static GPtrArray *
named_sources(
    const struct sched_core *c, char *const *names, size_t n, char **msg)
{
	g_autoptr(GPtrArray) missing = g_ptr_array_new();
	GPtrArray *all = sched_sources_sorted(c);

	for (size_t i = 0; i < n; i++)
		if (sched_source_get(c, names[i]) == NULL)
			g_ptr_array_add(missing, names[i]);
	if (missing->len > 0) {
		g_autofree char *text = sched_list_text(missing);

		*msg = g_strdup_printf("sources %s haven't been added", text);
	}
	for (guint i = all->len; i-- > 0;) {
		const struct sched_source *src = g_ptr_array_index(all, i);
		bool wanted = false;

		for (size_t j = 0; j < n && !wanted; j++)
			wanted = strcmp(names[j], src->id) == 0;
		if (!wanted)
			g_ptr_array_remove_index(all, i);
	}
	return all;
}

Pb__QueryStatusListResponse *
sched_query_status(
    const struct sched_core *c, const Pb__QueryStatusListRequest *req)
{
	Pb__QueryStatusListResponse *resp = PB_NEW(
	    Pb__QueryStatusListResponse, pb__query_status_list_response__init);
	bool all = req->n_sources == 0 && *req->name == '\0';
	g_autoptr(GPtrArray) sources = NULL;
	char *msg = NULL;

	if (req->n_sources > 0)
		sources = named_sources(c, req->sources, req->n_sources, &msg);
	else if (*req->name != '\0')
		sources = sched_task_sources(c, req->name);
	else
		sources = sched_sources_sorted(c);
	if (msg == NULL && !all && sources->len == 0)
		msg = g_strdup_printf(
		    "task %s has no source or not exist", req->name);
	if (msg != NULL) {
		resp->msg = msg;
		return resp;
	}
	resp->result = true;
	for (guint i = 0; i < sources->len; i++) {
		const struct sched_source *src = g_ptr_array_index(sources, i);

		if (req->n_sources > 0)
			query_workers(c, src, req->name, resp);
		else if (!all || src->worker != NULL)
			PB_APPEND(resp->sources, resp->n_sources,
			    query_source(c, src, req->name));
		else if (g_hash_table_size(src->subtasks) > 0)
			PB_APPEND(
			    resp->sources, resp->n_sources, query_unbound(src));
	}
	return resp;
}

/* "s1, s2"; protobuf-c's empty string when there is none. */
static char *
source_list(const struct sched_worker *w)
{
	GString *s;

	if (w->sources->len == 0)
		return (char *)(uintptr_t)protobuf_c_empty_string;
	s = g_string_new(NULL);
	for (guint i = 0; i < w->sources->len; i++) {
		const struct sched_source *src =
		    g_ptr_array_index(w->sources, i);

		g_string_append_printf(s, "%s%s", i == 0 ? "" : ", ", src->id);
	}
	return g_string_free(s, FALSE);
}

Pb__ListWorkerMember *
sched_list_workers(
    const struct sched_core *c, char *const *names, size_t n_names)
{
	Pb__ListWorkerMember *m =
	    PB_NEW(Pb__ListWorkerMember, pb__list_worker_member__init);
	g_autoptr(GPtrArray) workers = sched_workers_sorted(c);

	for (guint i = 0; i < workers->len; i++) {
		const struct sched_worker *w = g_ptr_array_index(workers, i);
		bool wanted = n_names == 0;
		Pb__WorkerInfo *info;

		for (size_t j = 0; j < n_names && !wanted; j++)
			wanted = strcmp(names[j], w->name) == 0;
		if (!wanted)
			continue;
		info = PB_NEW(Pb__WorkerInfo, pb__worker_info__init);
		info->name = g_strdup(w->name);
		info->addr = g_strdup(w->addr);
		info->stage = g_strdup(sched_stage_name(w->stage));
		info->source = source_list(w);
		PB_APPEND(m->workers, m->n_workers, info);
	}
	return m;
}

/* ---- outcomes ---- */

bool
sched_is_fresh(
    const struct sched_want *want, int64_t revision, struct dm_mono at)
{
	if (revision > 0)
		return revision >= want->revision;
	return dm_mono_diff_ms(at, want->since) >= SETTLE_MS;
}

bool
sched_still_reports(const struct sched_worker *w, const char *source)
{
	return w->reported != NULL &&
	       g_strv_contains((const char *const *)w->reported, source);
}

static Pb__CommonWorkerResponse *
judge_gone(const struct sched_core *c, const char *source, const char *worker)
{
	const struct sched_worker *w = sched_worker_get(c, worker);

	if (w != NULL && w->session != 0 && sched_still_reports(w, source))
		return NULL;
	return pb_worker_response(true, "", source, worker);
}

static bool
reaches(enum sched_goal goal, Pb__Stage stage)
{
	if (goal == SCHED_GOAL_PAUSE)
		return stage == PB__STAGE__Paused;
	return goal == SCHED_GOAL_RUN &&
	       (stage == PB__STAGE__Running || stage == PB__STAGE__Finished);
}

/* Another command came in between: this one will never be seen done. */
static Pb__CommonWorkerResponse *
judge_overtaken(const struct sched_want *want, const struct sched_source *src)
{
	const struct sched_subtask *st = sched_subtask_get(src, want->task);
	bool wants_none = want->goal == SCHED_GOAL_DELETE;
	Pb__Stage stage = want->goal == SCHED_GOAL_PAUSE ? PB__STAGE__Paused
							 : PB__STAGE__Running;
	struct dm_err *err;
	g_autofree char *text = NULL;

	if (wants_none ? st == NULL || st->revision <= want->revision
		       : st != NULL && st->stage == stage)
		return NULL;
	err = dm_err_set_cause(dm_err_new(MASTER_FAIL_TO_GET_EXPECT_RESULT),
	    "another command has %s task %s of source %s meanwhile",
	    st == NULL   ? "stopped"
	    : wants_none ? "started"
			 : "changed the stage of",
	    want->task, src->id);
	text = pb_error_text(err);
	return pb_worker_response(false, text, src->id, src->worker->name);
}

static Pb__CommonWorkerResponse *
judge_subtask(const struct sched_want *want, const struct sched_source *src)
{
	Pb__CommonWorkerResponse *overtaken = judge_overtaken(want, src);
	const Pb__SubTaskStatus *s = sched_reported(src, want->task);
	bool fresh = src->report != NULL &&
		     sched_is_fresh(want, src->report_revision, src->report_at);
	/* A report that tells its revision is believed only when it is new
	 * enough; one that does not is believed at once when it fits. */
	bool usable = fresh || src->report_revision == 0;
	g_autofree char *text = NULL;
	bool has_errors, reached;

	if (overtaken != NULL || src->report == NULL)
		return overtaken;
	if (want->goal == SCHED_GOAL_DELETE)
		return usable && s == NULL ? pb_worker_response(true, "",
						 src->id, src->worker->name)
					   : NULL;
	if (s == NULL || !usable)
		return NULL;
	has_errors = s->result != NULL && s->result->n_errors > 0;
	reached = reaches(want->goal, s->stage);
	if (!reached && !(has_errors && fresh))
		return NULL;
	if (has_errors) {
		g_autofree char *list =
		    pb_errors_text(s->result->errors, s->result->n_errors);

		text = pb_error_text(
		    dm_err_new(MASTER_OPER_RESP_NOT_SUCCESS, list));
	}
	return pb_worker_response(
	    reached, text == NULL ? "" : text, src->id, src->worker->name);
}

Pb__CommonWorkerResponse *
sched_judge(const struct sched_core *c, const struct sched_want *want,
    const char *source, const char *worker)
{
	const struct sched_source *src = sched_source_get(c, source);
	g_autofree char *text = NULL;

	if (want->goal >= SCHED_GOAL_RELAY_START)
		return sched_judge_relay(c, want, source, worker);
	if (want->goal == SCHED_GOAL_SOURCE_GONE)
		return judge_gone(c, source, worker);
	if (src == NULL || src->worker == NULL) {
		text = g_strdup_printf(
		    "%s relevant worker-client not found", source);
		return pb_worker_response(false, text, source, "");
	}
	if (want->goal != SCHED_GOAL_SOURCE)
		return judge_subtask(want, src);
	if (src->report == NULL)
		return NULL;
	if (src->report->status != NULL &&
	    src->report->status->result != NULL &&
	    src->report->status->result->n_errors > 0) {
		g_autofree char *list =
		    pb_errors_text(src->report->status->result->errors,
			src->report->status->result->n_errors);

		text = pb_error_text(
		    dm_err_new(MASTER_OPER_RESP_NOT_SUCCESS, list));
	}
	return pb_worker_response(
	    true, text == NULL ? "" : text, source, src->worker->name);
}

Pb__CommonWorkerResponse *
sched_judge_late(
    const struct sched_core *c, const char *source, const char *worker)
{
	const struct sched_source *src = sched_source_get(c, source);
	g_autofree char *text =
	    pb_error_text(dm_err_new(MASTER_FAIL_TO_GET_EXPECT_RESULT));

	if (*worker == '\0' && src != NULL && src->worker != NULL)
		worker = src->worker->name;
	return pb_worker_response(false, text, source, worker);
}
