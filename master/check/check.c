/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Prechecks of a task: one thread per source, then the target.
 *
 * Called on request threads of the master. DESIGN: every source fills a list
 * of its own, which are joined in the order of the task file; what cannot be
 * reached is a failed item. The threads end by themselves (time limits of
 * connections) or by the caller's cancel.
 * SOURCE: dm/checker/checker.go.
 */
#include "master/check/check.h"

#include "master/check/check_int.h"

#include <pthread.h>

/* Sources that are asked at a time. */
#define CHECK_THREADS 16

static void *
source_thread(void *arg)
{
	check_src_run(arg);
	return NULL;
}

static void
sources_run(struct check_src *all, size_t n)
{
	for (size_t from = 0; from < n; from += CHECK_THREADS) {
		pthread_t threads[CHECK_THREADS];
		size_t count = MIN(n - from, CHECK_THREADS);

		for (size_t k = 0; k < count; k++)
			threads[k] = dm_thread_start(
			    "precheck", source_thread, &all[from + k]);
		for (size_t k = 0; k < count; k++)
			pthread_join(threads[k], NULL);
	}
}

/* Whether anything at all is to be checked. */
static bool
wants_any(const struct dm_task_cfg *task)
{
	static const char *const items[] = { "version", "dump_privilege",
		"replication_privilege", "server_id", "binlog_enable",
		"binlog_format", "binlog_row_image", "binlog_db", "online_ddl",
		"meta_position", "conn_number", "target_privilege",
		"table_schema" };

	for (size_t i = 0; i < DM_ARRAY_SIZE(items); i++)
		if (check_wants(task, items[i]))
			return true;
	return false;
}

static struct dm_err *
run(const struct dm_task_cfg *task, const struct check_opts *o,
    struct check_src *all, size_t n, struct dm_cancel *c,
    struct result_list *list)
{
	struct dm_err *err;

	sources_run(all, n);
	for (size_t k = 0; k < n; k++)
		result_list_move(list, all[k].list);
	err = dm_cancel_check(c);
	if (err != NULL)
		return err;
	err = check_name_clash(all, n);
	if (err != NULL)
		check_item_fail(
		    check_item_add(list, "table structure compatibility check",
			"check compatibility of table structure"),
		    err);
	check_target_run(task, o, all, n, c, list);
	return dm_cancel_check(c);
}

struct dm_err *
check_task(const struct dm_task_cfg *task, const GPtrArray *sources,
    const struct check_opts *o, struct dm_cancel *c, bool *passed, char **text)
{
	size_t n = sources->len;
	struct result_list *list;
	struct check_src *all;
	struct dm_err *err = NULL;

	if (!wants_any(task)) {
		*passed = true;
		*text = g_strdup("");
		return NULL;
	}
	list = result_list_new();
	all = g_new0(struct check_src, n);
	for (size_t k = 0; k < n; k++) {
		all[k].task = task;
		all[k].cfg = sources->pdata[k];
		all[k].inst = dm_task_cfg_instance(task, all[k].cfg->source_id);
		all[k].cancel = c;
		all[k].list = result_list_new();
		if (all[k].inst == NULL && err == NULL)
			err = dm_err_new(
			    CONFIG_SOURCE_ID_NOT_FOUND, all[k].cfg->source_id);
	}
	if (err == NULL)
		err = run(task, o, all, n, c, list);
	if (err == NULL)
		*text = result_list_text(list, o, passed);
	for (size_t k = 0; k < n; k++)
		check_src_fini(&all[k]);
	g_free(all);
	result_list_free(list);
	return err;
}
