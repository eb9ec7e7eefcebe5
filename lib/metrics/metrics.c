/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Metrics in the Prometheus text form.
 * FORMAT: # HELP and # TYPE per family, then name{label="value"} number.
 */
#include "lib/metrics/metrics.h"

#include "lib/thread/mutex.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

struct dm_metrics {
	struct dm_mutex mu;  /* rank 900; guards all values */
	GPtrArray *families; /* struct dm_metric*, owned */
	double start_time;
};

struct dm_metric {
	struct dm_metrics *of;
	enum dm_metric_kind kind;
	char *name, *help;
	char **labels;
	GHashTable *values; /* printed labels -> double*, owned */
};

static void
family_free(gpointer p)
{
	struct dm_metric *f = p;

	g_free(f->name);
	g_free(f->help);
	g_strfreev(f->labels);
	g_hash_table_unref(f->values);
	g_free(f);
}

struct dm_metrics *
dm_metrics_new(void)
{
	struct dm_metrics *m = g_new0(struct dm_metrics, 1);

	dm_mutex_init(&m->mu, 900);
	m->families = g_ptr_array_new_with_free_func(family_free);
	m->start_time = (double)time(NULL);
	return m;
}

void
dm_metrics_free(struct dm_metrics *m)
{
	if (m == NULL)
		return;
	g_ptr_array_unref(m->families);
	dm_mutex_fini(&m->mu);
	g_free(m);
}

static void
append_escaped(GString *s, const char *text)
{
	for (; *text != '\0'; text++) {
		if (*text == '\n')
			g_string_append(s, "\\n");
		else if (*text == '"' || *text == '\\')
			g_string_append_printf(s, "\\%c", *text);
		else
			g_string_append_c(s, *text);
	}
}

/* {a="x",b="y"}; "" without labels. */
static char *
print_labels(const struct dm_metric *f, const char *const *values)
{
	GString *s = g_string_new(NULL);

	for (size_t i = 0; f->labels != NULL && f->labels[i] != NULL; i++) {
		g_string_append_printf(
		    s, "%c%s=\"", i == 0 ? '{' : ',', f->labels[i]);
		append_escaped(s, values[i]);
		g_string_append_c(s, '"');
	}
	if (s->len > 0)
		g_string_append_c(s, '}');
	return g_string_free(s, FALSE);
}

/* The value of these labels, 0 when it is new. */
static double *
value_locked(struct dm_metric *f, const char *const *values)
{
	char *key = print_labels(f, values);
	double *v = g_hash_table_lookup(f->values, key);

	dm_mutex_assert_held(&f->of->mu);
	if (v != NULL) {
		g_free(key);
		return v;
	}
	v = g_new0(double, 1);
	g_hash_table_insert(f->values, key, v);
	return v;
}

struct dm_metric *
dm_metric_new(struct dm_metrics *m, enum dm_metric_kind kind, const char *name,
    const char *help, const char *const *labels)
{
	struct dm_metric *f = g_new0(struct dm_metric, 1);

	f->of = m;
	f->kind = kind;
	f->name = g_strdup(name);
	f->help = g_strdup(help);
	if (labels != NULL)
		f->labels = g_strdupv((char **)(uintptr_t)labels);
	f->values =
	    g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
	dm_mutex_lock(&m->mu);
	g_ptr_array_add(m->families, f);
	if (labels == NULL)
		value_locked(f, NULL);
	dm_mutex_unlock(&m->mu);
	return f;
}

void
dm_metric_set(struct dm_metric *f, const char *const *values, double v)
{
	dm_mutex_lock(&f->of->mu);
	*value_locked(f, values) = v;
	dm_mutex_unlock(&f->of->mu);
}

void
dm_metric_add(struct dm_metric *f, const char *const *values, double v)
{
	dm_mutex_lock(&f->of->mu);
	*value_locked(f, values) += v;
	dm_mutex_unlock(&f->of->mu);
}

void
dm_metric_remove(struct dm_metric *f, const char *const *values)
{
	g_autofree char *key = print_labels(f, values);

	dm_mutex_lock(&f->of->mu);
	g_hash_table_remove(f->values, key);
	dm_mutex_unlock(&f->of->mu);
}

void
dm_metric_reset(struct dm_metric *f)
{
	dm_mutex_lock(&f->of->mu);
	g_hash_table_remove_all(f->values);
	dm_mutex_unlock(&f->of->mu);
}

/* ---- text ---- */

static int
by_text(gconstpointer a, gconstpointer b)
{
	const char *const *x = a, *const *y = b;

	return strcmp(*x, *y);
}

/* Quotes stay as they are here, other than in labels. */
static void
append_help(GString *s, const char *text)
{
	for (; *text != '\0'; text++) {
		if (*text == '\n')
			g_string_append(s, "\\n");
		else if (*text == '\\')
			g_string_append(s, "\\\\");
		else
			g_string_append_c(s, *text);
	}
}

static void
head(GString *s, const char *name, const char *help, const char *type)
{
	g_string_append_printf(s, "# HELP %s ", name);
	append_help(s, help);
	g_string_append_printf(s, "\n# TYPE %s %s\n", name, type);
}

static void
sample(GString *s, const char *name, const char *labels, double v)
{
	char num[G_ASCII_DTOSTR_BUF_SIZE];

	g_string_append_printf(
	    s, "%s%s %s\n", name, labels, g_ascii_dtostr(num, sizeof(num), v));
}

static void
print_family(GString *s, struct dm_metric *f)
{
	g_autoptr(GPtrArray) keys = g_ptr_array_new();
	GHashTableIter it;
	gpointer k;

	if (g_hash_table_size(f->values) == 0)
		return;
	head(s, f->name, f->help,
	    f->kind == DM_METRIC_GAUGE ? "gauge" : "counter");
	g_hash_table_iter_init(&it, f->values);
	while (g_hash_table_iter_next(&it, &k, NULL))
		g_ptr_array_add(keys, k);
	g_ptr_array_sort(keys, by_text);
	for (guint i = 0; i < keys->len; i++) {
		const char *key = g_ptr_array_index(keys, i);

		sample(s, f->name, key,
		    *(double *)g_hash_table_lookup(f->values, key));
	}
}

/* ---- the process, by the names of Prometheus' own clients ---- */

static void
print_gauge(GString *s, const char *name, const char *help, double v)
{
	head(s, name, help, "gauge");
	sample(s, name, "", v);
}

/* The one that reads them included; negative: cannot be read. */
static double
open_fds(void)
{
	GDir *dir = g_dir_open("/proc/self/fd", 0, NULL);
	double n = 0;

	if (dir == NULL)
		return -1;
	while (g_dir_read_name(dir) != NULL)
		n++;
	g_dir_close(dir);
	return n;
}

static void
print_memory(GString *s)
{
	double page = (double)sysconf(_SC_PAGESIZE);
	g_autofree char *statm = NULL;
	char *rest;
	double size;

	/* size resident ..., in pages */
	if (!g_file_get_contents("/proc/self/statm", &statm, NULL, NULL))
		return;
	size = g_ascii_strtod(statm, &rest);
	print_gauge(s, "process_virtual_memory_bytes",
	    "Virtual memory size in bytes.", size * page);
	print_gauge(s, "process_resident_memory_bytes",
	    "Resident memory size in bytes.",
	    g_ascii_strtod(rest, NULL) * page);
}

static void
print_process(GString *s, double start_time)
{
	struct timespec cpu = { 0 };
	struct rlimit files = { 0 };
	double fds = open_fds();

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &cpu);
	head(s, "process_cpu_seconds_total",
	    "Total user and system CPU time spent in seconds.", "counter");
	sample(s, "process_cpu_seconds_total", "",
	    (double)cpu.tv_sec + (double)cpu.tv_nsec / 1e9);
	if (fds >= 0)
		print_gauge(s, "process_open_fds",
		    "Number of open file descriptors.", fds);
	if (getrlimit(RLIMIT_NOFILE, &files) == 0)
		print_gauge(s, "process_max_fds",
		    "Maximum number of open file descriptors.",
		    (double)files.rlim_cur);
	print_memory(s);
	print_gauge(s, "process_start_time_seconds",
	    "Start time of the process since unix epoch in seconds.",
	    start_time);
}

char *
dm_metrics_text(struct dm_metrics *m)
{
	GString *s = g_string_new(NULL);

	dm_mutex_lock(&m->mu);
	for (guint i = 0; i < m->families->len; i++)
		print_family(s, g_ptr_array_index(m->families, i));
	dm_mutex_unlock(&m->mu);
	print_process(s, m->start_time);
	return g_string_free(s, FALSE);
}
