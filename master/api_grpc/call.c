/* SPDX-License-Identifier: Apache-2.0 */
/* Answers, and waiting for what an operation does at the workers. */
#include "master/api_grpc/call.h"

#include <stdlib.h>
#include <string.h>

#define WAIT_MS 10000
#define POLL_MS 1000

static void *
field(const ProtobufCMessage *m, const char *name)
{
	const ProtobufCFieldDescriptor *f =
	    protobuf_c_message_descriptor_get_field_by_name(
		m->descriptor, name);

	dm_assert(f != NULL);
	return (char *)(uintptr_t)m + f->offset;
}

void *
api_answer(const struct api_call *c, bool result, const char *msg)
{
	const ProtobufCMessageDescriptor *d = c->method->output;
	ProtobufCMessage *m = g_malloc0(d->sizeof_message);

	protobuf_c_message_init(d, m);
	*(protobuf_c_boolean *)field(m, "result") = result;
	if (*msg != '\0')
		*(char **)field(m, "msg") = g_strdup(msg);
	return m;
}

void *
api_answer_err(const struct api_call *c, struct dm_err *err)
{
	g_autofree char *text = err == NULL ? NULL : dm_err_text(err);
	void *m = api_answer(c, err == NULL, err == NULL ? "" : text);

	dm_err_free(err);
	return m;
}

GPtrArray *
api_strings(char *const *names, size_t n)
{
	GPtrArray *a = g_ptr_array_new();

	for (size_t i = 0; i < n; i++)
		g_ptr_array_add(a, names[i]);
	return a;
}

static int
entry_by_source(const void *a, const void *b)
{
	const Pb__CommonWorkerResponse *const *x = a, *const *y = b;

	return strcmp((*x)->source, (*y)->source);
}

void
api_sort_entries(Pb__CommonWorkerResponse **list, size_t n)
{
	if (n > 1)
		qsort(list, n, sizeof(*list), entry_by_source);
}

struct waiting {
	const struct sched_want *want;
	const GPtrArray *sources, *workers;
	Pb__CommonWorkerResponse **entries; /* NULL: not decided yet */
	bool late;
};

static struct dm_err *
judge_all(struct sched_core *core, void *arg)
{
	struct waiting *w = arg;

	for (guint i = 0; i < w->sources->len; i++) {
		const char *source = g_ptr_array_index(w->sources, i);
		const char *worker =
		    w->workers == NULL ? "" : g_ptr_array_index(w->workers, i);

		if (w->entries[i] == NULL)
			w->entries[i] =
			    sched_judge(core, w->want, source, worker);
		if (w->entries[i] == NULL && w->late)
			w->entries[i] = sched_judge_late(core, source, worker);
	}
	return NULL;
}

static bool
all_decided(const struct waiting *w)
{
	for (guint i = 0; i < w->sources->len; i++)
		if (w->entries[i] == NULL)
			return false;
	return true;
}

/* The scheduler gave no answer: the same text for all that is open. */
static void
fill_failed(struct waiting *w, struct dm_err *err)
{
	g_autofree char *text = pb_error_text(err);

	for (guint i = 0; i < w->sources->len; i++)
		if (w->entries[i] == NULL)
			w->entries[i] = pb_worker_response(
			    false, text, g_ptr_array_index(w->sources, i), "");
}

void
api_wait(const struct api_call *c, const struct sched_want *want,
    const GPtrArray *sources, const GPtrArray *workers,
    Pb__CommonWorkerResponse ***list, size_t *n)
{
	struct waiting w = {
		.want = want, .sources = sources, .workers = workers
	};
	struct dm_mono until = dm_mono_add_ms(dm_mono_now(), WAIT_MS);
	uint64_t seen = 0;

	w.entries = g_new0(Pb__CommonWorkerResponse *, sources->len + 1);
	while (!all_decided(&w)) {
		int64_t left = dm_mono_diff_ms(until, dm_mono_now());
		struct dm_err *err;

		w.late = left <= 0 || dm_canceled(c->cancel);
		err = sched_call(c->env->sched, judge_all, &w);
		if (err != NULL)
			fill_failed(&w, err);
		else if (!all_decided(&w))
			sched_wait_change(
			    c->env->sched, &seen, CLAMP(left, 1, POLL_MS));
	}
	for (guint i = 0; i < sources->len; i++)
		PB_APPEND(*list, *n, w.entries[i]);
	g_free(w.entries);
	api_sort_entries(*list, *n);
}
