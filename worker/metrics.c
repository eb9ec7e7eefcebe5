/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Metrics of a worker: see metrics.h.
 *
 * DESIGN: all values of tasks are those of the last report, put in anew each
 * time somebody asks. So they cost nothing in between, agree with
 * query-status, and go with their task.
 */
#include "worker/metrics.h"

#include "lib/metrics/cpu.h"
#include "lib/metrics/metrics.h"
#include "lib/thread/mutex.h"
#include "worker/holder.h"
#include "worker/subtask_edges.h"

#include <string.h>

#define RANK_METRICS 140
#define STAGES       9

enum family {
	SUBTASKS,
	TASK_STATE,
	CPU_USAGE,
	SYNCER_FILE,
	SYNCER_POS,
	SYNCER_LAG,
	SYNCER_JOBS,
	SYNCER_TXNS,
	SYNCER_ERRORS,
	LOADER_ERRORS,
	DUMP_ERRORS,
	DUMP_ROWS,
	DUMP_BYTES,
	DUMP_ESTIMATE,
	COPY_ROWS,
	COPY_BYTES,
	COPY_ESTIMATE,
	UNEXPECTED,
	SKIPPED,
	RELAY_FILE,
	RELAY_POS,
	RELAY_STATE,
	FAMILIES
};

#define GAUGE      DM_METRIC_GAUGE
#define COUNTER    DM_METRIC_COUNTER
#define LABELS_MAX 5

static const struct {
	enum dm_metric_kind kind;
	const char *name, *help;
	const char *labels[LABELS_MAX + 1];
} families[FAMILIES] = {
	[SUBTASKS] = { GAUGE, "dm_worker_subtasks", "subtasks by stage",
	    { "stage" } },
	[TASK_STATE] = { GAUGE, "dm_worker_task_state",
	    "stage of the subtask, as its number in pb.Stage",
	    { "task", "source_id", "worker" } },
	[CPU_USAGE] = { GAUGE, "dm_worker_cpu_usage", "the cpu usage of worker",
	    { NULL } },
	[SYNCER_FILE] = { GAUGE, "dm_syncer_binlog_file",
	    "number of the current binlog file",
	    { "node", "task", "source_id" } },
	[SYNCER_POS] = { GAUGE, "dm_syncer_binlog_pos",
	    "position in the current binlog file",
	    { "node", "task", "source_id" } },
	[SYNCER_LAG] = { GAUGE, "dm_syncer_replication_lag_gauge",
	    "seconds that the target is behind the source",
	    { "task", "source_id", "worker" } },
	[SYNCER_JOBS] = { COUNTER, "dm_syncer_finished_jobs_total",
	    "changes done at the target: rows, and statements (ddl)",
	    { "type", "task", "source_id", "worker" } },
	[SYNCER_TXNS] = { COUNTER, "dm_syncer_finished_transaction_total",
	    "transactions of the source that were read to their end",
	    { "task", "worker", "source_id" } },
	[SYNCER_ERRORS] = { COUNTER, "dm_syncer_exit_with_error_count",
	    "errors that ended replication",
	    { "task", "source_id", "resumable_err" } },
	[LOADER_ERRORS] = { COUNTER, "dm_loader_exit_with_error_count",
	    "errors that ended the full copy, or its load",
	    { "task", "source_id", "resumable_err" } },
	[DUMP_ERRORS] = { COUNTER, "dm_dumpling_exit_with_error_count",
	    "errors that ended the dump",
	    { "task", "source_id", "resumable_err" } },
	[DUMP_ROWS] = { GAUGE, "dumpling_dump_finished_rows", "rows dumped",
	    { "task", "source_id" } },
	[DUMP_BYTES] = { GAUGE, "dumpling_dump_finished_size", "bytes dumped",
	    { "task", "source_id" } },
	[DUMP_ESTIMATE] = { GAUGE, "dumpling_dump_estimate_total_rows",
	    "rows to dump, estimated", { "task", "source_id" } },
	[COPY_ROWS] = { GAUGE, "dm_loader_finished_rows",
	    "rows loaded or copied", { "task", "source_id" } },
	[COPY_BYTES] = { GAUGE, "dm_loader_finished_bytes",
	    "bytes loaded or copied", { "task", "source_id" } },
	[COPY_ESTIMATE] = { GAUGE, "dm_loader_estimate_total_rows",
	    "rows to load or copy, estimated", { "task", "source_id" } },
	[UNEXPECTED] = { COUNTER, "dm_syncer_unexpected_rows_total",
	    "statements that matched another number of rows than the source's",
	    { "task", "source_id" } },
	[SKIPPED] = { COUNTER, "dm_syncer_skipped_events_total",
	    "events and rows left out by rule", { "task", "source_id" } },
	[RELAY_FILE] = { GAUGE, "dm_relay_binlog_file",
	    "number of the current binlog file", { "node", "source_id" } },
	[RELAY_POS] = { GAUGE, "dm_relay_binlog_pos",
	    "position in the current binlog file", { "node", "source_id" } },
	[RELAY_STATE] = { GAUGE, "dm_relay_state",
	    "stage of the relay log, as its number in pb.Stage",
	    { "source_id" } },
};

struct worker_metrics {
	struct dm_mutex mu; /* rank 140; one text at a time */
	struct dm_metrics *all;
	struct dm_metric *of[FAMILIES];
	struct dm_cpu cpu;
	char *worker;
};

struct worker_metrics *
worker_metrics_new(const char *worker)
{
	struct worker_metrics *m = g_new0(struct worker_metrics, 1);

	dm_mutex_init(&m->mu, RANK_METRICS);
	m->all = dm_metrics_new();
	m->worker = g_strdup(worker);
	dm_cpu_init(&m->cpu);
	for (size_t i = 0; i < FAMILIES; i++)
		m->of[i] = dm_metric_new(m->all, families[i].kind,
		    families[i].name, families[i].help,
		    families[i].labels[0] != NULL ? families[i].labels : NULL);
	return m;
}

void
worker_metrics_free(struct worker_metrics *m)
{
	if (m == NULL)
		return;
	dm_metrics_free(m->all);
	dm_mutex_fini(&m->mu);
	g_free(m->worker);
	g_free(m);
}

/* ---- one subtask ---- */

struct subject {
	struct worker_metrics *m;
	const char *task, *source;
};

/* "(mysql-bin.000003, 1234)", as query-status shows it. */
static bool
read_place(const char *text, double *file, double *pos)
{
	const char *comma = text != NULL ? strrchr(text, ',') : NULL;
	const char *dot;

	if (comma == NULL)
		return false;
	dot = comma;
	while (dot > text && *dot != '.')
		dot--;
	*file = (double)g_ascii_strtoull(dot + 1, NULL, 10);
	*pos = (double)g_ascii_strtoull(comma + 2, NULL, 10);
	return true;
}

static void
set(const struct subject *s, enum family f, double v)
{
	const char *const labels[] = { s->task, s->source, s->m->worker };

	dm_metric_set(s->m->of[f], labels, v);
}

static void
set_syncer_place(const struct subject *s, const char *node, const char *text)
{
	const char *const labels[] = { node, s->task, s->source };
	double file, pos;

	if (!read_place(text, &file, &pos))
		return;
	dm_metric_set(s->m->of[SYNCER_FILE], labels, file);
	dm_metric_set(s->m->of[SYNCER_POS], labels, pos);
}

static void
set_jobs(const struct subject *s, const char *type, int64_t n)
{
	const char *const labels[] = { type, s->task, s->source, s->m->worker };

	dm_metric_set(s->m->of[SYNCER_JOBS], labels, (double)n);
}

static void
set_errors(const struct subject *s, enum family f, const Pb__SubTaskStatus *st)
{
	const char *const resumed[] = { s->task, s->source, "true" };
	const char *const fatal[] = { s->task, s->source, "false" };

	dm_metric_set(s->m->of[f], resumed, (double)st->resumederrors);
	dm_metric_set(s->m->of[f], fatal, (double)st->fatalerrors);
}

static void
set_sync(const struct subject *s, const Pb__SyncStatus *y)
{
	const char *const txns[] = { s->task, s->m->worker, s->source };

	set_syncer_place(s, "master", y->masterbinlog);
	set_syncer_place(s, "syncer", y->syncerbinlog);
	set(s, SYNCER_LAG, (double)y->secondsbehindmaster);
	set_jobs(s, "insert", y->insertedrows);
	set_jobs(s, "update", y->updatedrows);
	set_jobs(s, "delete", y->deletedrows);
	set_jobs(s, "ddl", y->totalddls);
	dm_metric_set(
	    s->m->of[SYNCER_TXNS], txns, (double)y->totaltransactions);
	set(s, UNEXPECTED, (double)y->unexpectedrows);
	set(s, SKIPPED, (double)y->skippedevents);
}

static void
set_subtask(const struct subject *s, const Pb__SubTaskStatus *st)
{
	set(s, TASK_STATE, (double)st->stage);
	switch (st->status_case) {
	case PB__SUB_TASK_STATUS__STATUS_SYNC:
		set_sync(s, st->sync);
		set_errors(s, SYNCER_ERRORS, st);
		break;
	case PB__SUB_TASK_STATUS__STATUS_DUMP:
		set(s, DUMP_ROWS, st->dump->finishedrows);
		set(s, DUMP_BYTES, st->dump->finishedbytes);
		set(s, DUMP_ESTIMATE, st->dump->estimatetotalrows);
		set_errors(s, DUMP_ERRORS, st);
		break;
	case PB__SUB_TASK_STATUS__STATUS_LOAD:
		set(s, COPY_ROWS, (double)st->load->finishedrows);
		set(s, COPY_BYTES, (double)st->load->finishedbytes);
		set(s, COPY_ESTIMATE, (double)st->load->totalrows);
		set_errors(s, LOADER_ERRORS, st);
		break;
	case PB__SUB_TASK_STATUS__STATUS__NOT_SET:
	case PB__SUB_TASK_STATUS__STATUS_MSG:
	case PB__SUB_TASK_STATUS__STATUS_CHECK:
	default:
		break;
	}
}

/* ---- relay logs ---- */

static void
set_relay_place(struct worker_metrics *m, const char *node, const char *source,
    const char *text)
{
	const char *const labels[] = { node, source };
	double file, pos;

	if (!read_place(text, &file, &pos))
		return;
	dm_metric_set(m->of[RELAY_FILE], labels, file);
	dm_metric_set(m->of[RELAY_POS], labels, pos);
}

static void
set_relay(
    struct worker_metrics *m, const char *source, const Pb__RelayStatus *relay)
{
	set_relay_place(m, "master", source, relay->masterbinlog);
	set_relay_place(m, "relay", source, relay->relaybinlog);
	dm_metric_set(m->of[RELAY_STATE], &source, (double)relay->stage);
}

/* ---- all ---- */

static void
set_stages(struct worker_metrics *m, const unsigned *stages)
{
	for (unsigned i = 1; i < STAGES; i++) {
		const char *const label = subtask_stage_name((Pb__Stage)i);

		dm_metric_set(m->of[SUBTASKS], &label, stages[i]);
	}
}

static void
fill(const Dm__V1__Report *report, void *arg)
{
	struct worker_metrics *m = arg;
	unsigned stages[STAGES] = { 0 };

	for (size_t i = 0; report != NULL && i < report->n_sources; i++) {
		const Dm__V1__SourceReport *r = report->sources[i];

		if (r->status != NULL && r->status->relaystatus != NULL)
			set_relay(m, r->source, r->status->relaystatus);
		for (size_t k = 0; k < r->n_subtasks; k++) {
			const Pb__SubTaskStatus *st = r->subtasks[k];
			struct subject s = { m, st->name, r->source };

			set_subtask(&s, st);
			if ((unsigned)st->stage < STAGES)
				stages[st->stage]++;
		}
	}
	set_stages(m, stages);
}

static char *
text_of(struct worker_metrics *m, struct holder *holder,
    const Dm__V1__Report *report)
{
	char *text;

	dm_mutex_lock(&m->mu);
	for (size_t i = 0; i < FAMILIES; i++) {
		if (families[i].labels[0] != NULL)
			dm_metric_reset(m->of[i]);
	}
	dm_metric_set(m->of[CPU_USAGE], NULL, dm_cpu_percent(&m->cpu));
	if (holder != NULL)
		holder_with_report(holder, fill, m);
	else
		fill(report, m);
	text = dm_metrics_text(m->all);
	dm_mutex_unlock(&m->mu);
	return text;
}

char *
worker_metrics_text(struct worker_metrics *m, struct holder *holder)
{
	return text_of(m, holder, NULL);
}

char *
worker_metrics_report_text(
    struct worker_metrics *m, const Dm__V1__Report *report)
{
	return text_of(m, NULL, report);
}
