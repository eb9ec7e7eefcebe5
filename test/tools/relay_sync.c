/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Replication out of a relay log, without a cluster: the sync unit of one task,
 * and a writer that copies a server's binlog files as they grow. A script says
 * on the standard input what happens, one command a line, and reads one line
 * for each:
 *
 *   follow SUFFIX DATADIR BASE [FILE-NUMBER OFFSET]
 *                                copy <DATADIR>/<BASE>.<n> into that sub
 *                                directory, of the index in RELAY-DIR; no
 *                                further than to that place
 *   rest                         copy no more; the log is not written
 *   quiet                        copy no more; the log is "live"
 *   purge on|off                 as a purge tells readers
 *   earliest                     the place that is held: SUFFIX FILE
 *   run, stop                    the units of all tasks
 *   status [N]                   SYNCERBINLOG;TYPE;SYNCED;GTIDS;over or runs,
 *                                of the N-th task, from 0 on
 *
 *   relay_sync TASK-FILE[,TASK-FILE] SOURCE-FILE RELAY-DIR EPOCH [CLI-ARGS]
 */
#include "lib/config/task.h"
#include "lib/log/log.h"
#include "lib/sql/sql.h"
#include "worker/relay/dirs.h"
#include "worker/unit.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define POLL_US 5000

struct writer {
	struct relay_hub *hub;
	const char *root;
	pthread_t thread;
	bool running;
	_Atomic bool stop;
	char datadir[512], base[64], dir[600];
	unsigned suffix, last; /* last: number of the last file; 0: none */
	unsigned long limit;   /* of that file */
};

static void
die(const char *what, struct dm_err *err)
{
	g_autofree char *text = err != NULL ? dm_err_text(err) : g_strdup("");

	fprintf(stderr, "%s %s\n", what, text);
	exit(1);
}

/* ---- the writer ---- */

/* How many bytes of whole events there are from `at` on. */
static size_t
whole_events(const char *bytes, size_t n, size_t at)
{
	while (at + 19 <= n) {
		uint32_t size;

		memcpy(&size, bytes + at + 9, sizeof(size));
		if (size < 19 || at + size > n)
			break;
		at += size;
	}
	return at;
}

/* Copies what is new in a file. Returns false when there is no such file. */
static bool
copy_file(struct writer *w, const char *name, size_t *at)
{
	g_autofree char *from = g_build_filename(w->datadir, name, NULL);
	g_autofree char *to = g_build_filename(w->dir, name, NULL);
	g_autofree char *bytes = NULL;
	struct relay_place end = { w->suffix, dm_pos_make(name, 0) };
	gsize n;
	FILE *f;

	if (!g_file_get_contents(from, &bytes, &n, NULL) || n < 4)
		return false;
	if (w->last > 0 && strtoul(strrchr(name, '.') + 1, NULL, 10) == w->last)
		n = MIN(n, (gsize)w->limit);
	end.pos.pos = whole_events(bytes, n, MAX(*at, (size_t)4));
	if (end.pos.pos == *at)
		return true;
	f = fopen(to, *at == 0 ? "wb" : "ab");
	if (f == NULL ||
	    fwrite(bytes + *at, 1, end.pos.pos - *at, f) != end.pos.pos - *at)
		die(to, NULL);
	fclose(f);
	*at = end.pos.pos;
	relay_hub_publish(w->hub, &end);
	return true;
}

/* The first file there is, or the last one copied. */
static unsigned
first_number(const struct writer *w, const char *dir, bool last)
{
	struct relay_dir d = { .path = (char *)(uintptr_t)dir };
	g_autoptr(GPtrArray) names = NULL;
	unsigned found = 0;

	if (relay_dir_files(&d, &names) != NULL)
		return 0;
	for (guint i = 0; i < names->len; i++) {
		const char *name = g_ptr_array_index(names, i);

		if (!g_str_has_prefix(name, w->base) ||
		    name[strlen(w->base)] != '.')
			continue;
		if (found == 0 || last)
			found = (unsigned)g_ascii_strtoull(
			    name + strlen(w->base) + 1, NULL, 10);
	}
	return found;
}

static void *
writer_main(void *arg)
{
	struct writer *w = arg;
	unsigned n = first_number(w, w->dir, true);
	size_t at = 0;

	while (!atomic_load(&w->stop)) {
		g_autofree char *name = NULL, *next = NULL;
		size_t none = 0;

		if (n == 0)
			n = first_number(w, w->datadir, false);
		name = g_strdup_printf("%s.%06u", w->base, n);
		next = g_strdup_printf("%s.%06u", w->base, n + 1);
		if (at == 0) { /* goes on with what is there */
			g_autofree char *path =
			    g_build_filename(w->dir, name, NULL);
			g_autofree char *bytes = NULL;
			gsize size = 0;

			if (g_file_get_contents(path, &bytes, &size, NULL)) {
				struct relay_place end = { w->suffix,
					dm_pos_make(name, size) };

				at = size;
				relay_hub_publish(w->hub, &end);
			}
		}
		if (!copy_file(w, name, &at)) {
			g_usleep(POLL_US);
			continue;
		}
		/* Once more, since it may have grown before that one came. */
		if (!atomic_load(&w->stop) && n != w->last &&
		    copy_file(w, name, &at) && copy_file(w, next, &none)) {
			n++;
			at = none;
		}
		g_usleep(POLL_US);
	}
	return NULL;
}

static void
writer_rest(struct writer *w)
{
	atomic_store(&w->stop, true);
	if (w->running)
		pthread_join(w->thread, NULL);
	w->running = false;
}

static void
writer_follow(struct writer *w, const char *args)
{
	g_autoptr(GPtrArray) dirs = NULL;
	const struct relay_dir *d;
	struct dm_err *err;

	writer_rest(w);
	w->last = 0;
	w->limit = 0;
	if (sscanf(args, "%u %511s %63s %u %lu", &w->suffix, w->datadir,
		w->base, &w->last, &w->limit) < 3)
		die("follow SUFFIX DATADIR BASE", NULL);
	err = relay_dirs_load(w->root, &dirs);
	d = err == NULL ? relay_dirs_at(dirs, w->suffix) : NULL;
	if (d == NULL)
		die("no such sub directory", err);
	g_strlcpy(w->dir, d->path, sizeof(w->dir));
	if (g_mkdir_with_parents(w->dir, 0700) != 0)
		die(w->dir, NULL);
	atomic_store(&w->stop, false);
	relay_hub_set_live(w->hub, true);
	w->running = true;
	w->thread = dm_thread_start("writer", writer_main, w);
}

/* ---- the unit ---- */

#define TASKS_MAX 4

struct runner {
	struct unit_env env;
	struct dm_task_cfg *task;
	struct unit *unit;
	struct dm_cancel *c; /* of the run; NULL: none */
	pthread_t thread;
	struct dm_err *err;
	_Atomic bool over;
};

static void *
run_main(void *arg)
{
	struct runner *r = arg;

	r->err = r->unit->ops->run(r->unit, r->c);
	atomic_store(&r->over, true);
	return NULL;
}

static void
runner_start(struct runner *r)
{
	r->c = dm_cancel_new(NULL);
	atomic_store(&r->over, false);
	r->thread = dm_thread_start("unit", run_main, r);
}

/* Says how it ended. */
static void
runner_stop(struct runner *r)
{
	g_autofree char *text = NULL;

	if (r->c == NULL)
		return;
	dm_cancel_now(r->c);
	pthread_join(r->thread, NULL);
	text = r->err == NULL ? g_strdup("done") : dm_err_text(r->err);
	printf("%s\n", g_strdelimit(text, "\n", ' '));
	dm_err_free(DM_TAKE(r->err));
	dm_cancel_free(DM_TAKE(r->c));
}

static void
print_status(struct runner *r)
{
	Pb__SubTaskStatus st;

	pb__sub_task_status__init(&st);
	r->unit->ops->status(r->unit, &st);
	printf("%s;%s;%s;%s;%s\n", st.sync->syncerbinlog, st.sync->binlogtype,
	    st.sync->synced ? "synced" : "behind", st.sync->syncerbinloggtid,
	    atomic_load(&r->over) ? "over" : "runs");
	pb__sync_status__free_unpacked(st.sync, NULL);
}

static void
nothing(void *arg)
{
	(void)arg;
}

static struct command *
no_command(void *arg)
{
	(void)arg;
	return NULL;
}

static void
run_command(struct runner *rs, size_t n, const char *line)
{
	size_t which = 0;

	for (size_t i = 0; i < n && strcmp(line, "run") == 0; i++)
		runner_start(&rs[i]);
	for (size_t i = 0; i < n && strcmp(line, "stop") == 0; i++)
		runner_stop(&rs[i]);
	if (sscanf(line, "status %zu", &which) == 1 ||
	    strcmp(line, "status") == 0)
		print_status(&rs[MIN(which, n - 1)]);
	else if (strcmp(line, "run") == 0)
		printf("ok\n");
}

/* False: it is none of the writer's and the hub's. */
static bool
log_command(struct writer *w, const char *line)
{
	struct relay_place p = { 0 };

	if (g_str_has_prefix(line, "follow "))
		writer_follow(w, line + 7);
	else if (strcmp(line, "rest") == 0 || strcmp(line, "quiet") == 0)
		writer_rest(w);
	else if (g_str_has_prefix(line, "purge "))
		relay_hub_set_purging(w->hub, strcmp(line, "purge on") == 0);
	else if (strcmp(line, "earliest") != 0)
		return false;
	if (strcmp(line, "rest") == 0)
		relay_hub_set_live(w->hub, false);
	if (strcmp(line, "earliest") == 0 && relay_hub_earliest(w->hub, &p))
		printf("%u %s\n", p.suffix, p.pos.name);
	else
		printf("ok\n");
	return true;
}

static struct dm_source_cfg *
read_source(const char *file)
{
	struct dm_source_cfg *source = NULL;
	g_autofree char *text = NULL;
	struct dm_err *err;

	if (!g_file_get_contents(file, &text, NULL, NULL))
		die(file, NULL);
	err = dm_source_cfg_parse(file, text, &source);
	if (err != NULL)
		die(file, err);
	return source;
}

static void
make_unit(struct runner *r, const struct unit_env *env, const char *file)
{
	g_autofree char *text = NULL;
	struct dm_err *err;

	if (!g_file_get_contents(file, &text, NULL, NULL))
		die(file, NULL);
	err = dm_task_cfg_parse(file, text, &r->task);
	if (err != NULL)
		die(file, err);
	r->env = *env;
	r->env.task = r->task;
	r->env.inst = dm_task_cfg_instance(r->task, env->source->source_id);
	r->unit = sync_unit_new(&r->env);
}

int
main(int argc, char **argv)
{
	DM_AUTO(dm_cancel) hard = dm_cancel_new(NULL);
	struct dm_source_cfg *source;
	struct writer w = { 0 };
	struct runner rs[TASKS_MAX] = { 0 };
	struct unit_env env = { .worker = "tool",
		.cli_args = argc == 6 ? argv[5] : "",
		.cluster_id = 1,
		.lease_ttl_s = 60,
		.hard = hard,
		.changed = nothing,
		.next_command = no_command };
	g_auto(GStrv) files = NULL;
	char line[1024];
	size_t n = 0;

	if (argc < 5 || argc > 6)
		die("relay_sync TASK-FILE[,TASK-FILE] SOURCE-FILE RELAY-DIR "
		    "EPOCH [CLI-ARGS]",
		    NULL);
	env.source = source = read_source(argv[2]);
	w.root = argv[3];
	env.relay = w.hub = relay_hub_new(argv[3]);
	env.epoch = g_ascii_strtoull(argv[4], NULL, 10);
	files = g_strsplit(argv[1], ",", TASKS_MAX);
	for (; files[n] != NULL; n++)
		make_unit(&rs[n], &env, files[n]);
	while (fgets(line, sizeof(line), stdin) != NULL) {
		if (!log_command(&w, g_strchomp(line)))
			run_command(rs, n, line);
		fflush(stdout);
	}
	writer_rest(&w);
	for (size_t i = 0; i < n; i++) {
		runner_stop(&rs[i]);
		rs[i].unit->ops->free(rs[i].unit);
		dm_task_cfg_free(rs[i].task);
	}
	relay_hub_free(w.hub);
	dm_source_cfg_free(source);
	return 0;
}
