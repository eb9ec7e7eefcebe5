/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mydumpers, loaders, syncers: defaults, reading, checks of one entry.
 * SOURCE: reference/data-plane 1.11 to 1.13. Differs: `strict` of syncers is
 * ours; 0 where DM would run nothing means the default.
 */
#include "lib/config/task_parse.h"

#include "lib/text/duration.h"

#include <string.h>

/* Of safe mode after a restart in DM. */
#define DEFAULT_SAFE_MODE_NS INT64_C(60000000000)
#define MAX_THREADS          4096
#define MAX_COUNT            1000000

static void at_key(struct dm_report *r, int code, const struct dm_yaml *node,
    const char *path, const char *key, const char *remedy, const char *fmt, ...)
    DM_PRINTF(7, 8);

/* Report at the key's value. */
static void
at_key(struct dm_report *r, int code, const struct dm_yaml *node,
    const char *path, const char *key, const char *remedy, const char *fmt, ...)
{
	const struct dm_yaml_pair *p = dm_yaml_find(node, key);
	const struct dm_yaml *at = p != NULL ? p->value : node;
	g_autofree char *full = dm_bind_path(path, key);
	g_autofree char *reason = NULL;
	va_list ap;

	va_start(ap, fmt);
	reason = g_strdup_vprintf(fmt, ap);
	va_end(ap);
	dm_report_add(r, code, at->line, at->col, full, remedy, "%s", reason);
}

/* ---- mydumpers ---- */

void
task_mydumper_default(struct dm_mydumper_cfg *m)
{
	*m = (struct dm_mydumper_cfg){ .threads = 4,
		.chunk_filesize = g_strdup("64"),
		.statement_size = g_strdup(""),
		.where = g_strdup(""),
		.compress = g_strdup(""),
		.extra_args = g_strdup("") };
}

void
task_mydumper_fini(struct dm_mydumper_cfg *m)
{
	g_free(m->chunk_filesize);
	g_free(m->statement_size);
	g_free(m->where);
	g_free(m->extra_args);
	g_free(m->compress);
	g_clear_pointer(&m->tables, g_ptr_array_unref);
}

/* What a size's unit stands for; 0: there is no such unit. */
static uint64_t
unit_of(const char *text, uint64_t none)
{
	static const struct {
		const char *name;
		int shift;
	} units[] = { { "b", 0 }, { "k", 10 }, { "kb", 10 }, { "kib", 10 },
		{ "m", 20 }, { "mb", 20 }, { "mib", 20 }, { "g", 30 },
		{ "gb", 30 }, { "gib", 30 }, { "t", 40 }, { "tb", 40 },
		{ "tib", 40 } };

	if (text[0] == '\0')
		return none;
	for (size_t i = 0; i < DM_ARRAY_SIZE(units); i++)
		if (g_ascii_strcasecmp(text, units[i].name) == 0)
			return (uint64_t)1 << units[i].shift;
	return 0;
}

uint64_t
dm_mydumper_size(const char *text, uint64_t unit_bytes)
{
	size_t digits = strspn(text, "0123456789.");
	double n = g_ascii_strtod(text, NULL);
	uint64_t unit;

	text += digits;
	text += strspn(text, " ");
	unit = unit_of(text, unit_bytes);
	n *= (double)unit;
	return n >= 1e18 ? (uint64_t)1e18 : (uint64_t)n;
}

/* "64", "256MB", "1.5GiB", "". */
static bool
is_size(const char *text)
{
	size_t digits = strspn(text, "0123456789.");

	if (text[0] == '\0')
		return true;
	if (digits == 0 || text[0] == '.')
		return false;
	text += digits;
	text += strspn(text, " ");
	return unit_of(text, 1) != 0;
}

void
task_mydumper_read(struct dm_report *r, const char *path,
    const struct dm_yaml *node, struct dm_mydumper_cfg *m)
{
	static const struct bind_key keys[] = {
		BIND_DROP("mydumper-path"),
		BIND_RANGE(
		    "threads", UINT, dm_mydumper_cfg, threads, 0, MAX_THREADS),
		BIND("chunk-filesize", STR, dm_mydumper_cfg, chunk_filesize),
		BIND("statement-size", STR, dm_mydumper_cfg, statement_size),
		BIND_RANGE("rows", INT, dm_mydumper_cfg, rows, 0, INT64_MAX),
		BIND("where", STR, dm_mydumper_cfg, where),
		BIND_DROP("skip-tz-utc"),
		BIND("extra-args", STR, dm_mydumper_cfg, extra_args),
	};

	dm_bind_map(r, path, node, keys, DM_ARRAY_SIZE(keys), m);
	if (m->extra_args[0] != '\0')
		task_extra_args_read(r, path, node, m);
	if (m->threads == 0)
		m->threads = 4;
	if (!is_size(m->chunk_filesize))
		at_key(r, DM_ERR_CONFIG_INVALID_CHUNK_FILE_SIZE, node, path,
		    "chunk-filesize", "write a number of MiB, or 64MiB, 1GiB",
		    DM_ERRFMT_CONFIG_INVALID_CHUNK_FILE_SIZE,
		    m->chunk_filesize);
	if (!is_size(m->statement_size))
		at_key(r, DM_ERR_CONFIG_YAML_TRANSFORM, node, path,
		    "statement-size", "write a number of bytes, or 1MiB",
		    "not a size: %s", m->statement_size);
}

/* ---- loaders ---- */

void
task_loader_default(struct dm_loader_cfg *l)
{
	*l = (struct dm_loader_cfg){ .pool_size = 16,
		.dir = g_strdup("./dumped_data"),
		.import_mode = g_strdup("logical"),
		.on_duplicate_logical = g_strdup("replace") };
}

void
task_loader_fini(struct dm_loader_cfg *l)
{
	g_free(l->dir);
	dm_s3_url_free(l->s3);
	g_free(l->import_mode);
	g_free(l->on_duplicate_logical);
}

/* Whether the key's value, in lower case, is empty or one of the words. */
static bool
is_one_of(const struct dm_yaml *node, const char *key, const char *const *words,
    const char **value)
{
	const struct dm_yaml_pair *p = dm_yaml_find(node, key);

	*value = "";
	if (p == NULL || p->value->kind != DM_YAML_SCALAR ||
	    dm_yaml_is_null(p->value) || p->value->text[0] == '\0')
		return true;
	*value = p->value->text;
	for (size_t i = 0; words[i] != NULL; i++)
		if (g_ascii_strcasecmp(*value, words[i]) == 0)
			return true;
	return false;
}

static void
check_duplicates(
    struct dm_report *r, const char *path, const struct dm_yaml *node)
{
	static const char *const ways[] = { "replace", "error", "ignore",
		NULL };
	static const char *const physical[] = { "none", "manual", NULL };
	static const char *const levels[] = { "required", "optional", "off",
		NULL };
	const char *v;

	if (!is_one_of(node, "on-duplicate-logical", ways, &v))
		at_key(r, DM_ERR_CONFIG_INVALID_DUPLICATE_RESOLUTION, node,
		    path, "on-duplicate-logical",
		    "write replace, error or ignore",
		    DM_ERRFMT_CONFIG_INVALID_DUPLICATE_RESOLUTION, v);
	if (!is_one_of(node, "on-duplicate", ways, &v))
		at_key(r, DM_ERR_CONFIG_INVALID_DUPLICATE_RESOLUTION, node,
		    path, "on-duplicate", "remove it",
		    DM_ERRFMT_CONFIG_INVALID_DUPLICATE_RESOLUTION, v);
	if (!is_one_of(node, "on-duplicate-physical", physical, &v))
		at_key(r, DM_ERR_CONFIG_INVALID_PHYSICAL_DUPLICATE_RESOLUTION,
		    node, path, "on-duplicate-physical", "write none or manual",
		    DM_ERRFMT_CONFIG_INVALID_PHYSICAL_DUPLICATE_RESOLUTION, v);
	if (!is_one_of(node, "checksum-physical", levels, &v))
		at_key(r, DM_ERR_CONFIG_INVALID_PHYSICAL_CHECKSUM, node, path,
		    "checksum-physical", "write required, optional or off",
		    DM_ERRFMT_CONFIG_INVALID_PHYSICAL_CHECKSUM, v);
	if (!is_one_of(node, "analyze", levels, &v))
		at_key(r, DM_ERR_CONFIG_INVALID_LOAD_ANALYZE, node, path,
		    "analyze", "write required, optional or off",
		    DM_ERRFMT_CONFIG_INVALID_LOAD_ANALYZE, v);
}

static void
check_import_mode(
    struct dm_report *r, const char *path, const struct dm_yaml *node)
{
	static const char *const logical[] = { "logical", "sql", "loader",
		NULL };
	static const char *const others[] = { "physical", "import-into", NULL };
	const char *v;

	if (is_one_of(node, "import-mode", logical, &v))
		return;
	if (is_one_of(node, "import-mode", others, &v))
		at_key(r, DM_ERR_CONFIG_INVALID_LOAD_MODE, node, path,
		    "import-mode", "write logical",
		    DM_ERRFMT_CONFIG_INVALID_LOAD_MODE
		    ": rows are only loaded by SQL statements here, which "
		    "every target takes",
		    v);
	else
		at_key(r, DM_ERR_CONFIG_INVALID_LOAD_MODE, node, path,
		    "import-mode", "write logical",
		    DM_ERRFMT_CONFIG_INVALID_LOAD_MODE, v);
}

/* A folder, or an S3 storage. What is wrong with a URL is told without the
 * URL: it may have secrets in it. */
static void
read_dir(struct dm_report *r, const char *path, const struct dm_yaml *node,
    struct dm_loader_cfg *l)
{
	g_autofree char *why = NULL;

	if (dm_s3_is_url(l->dir))
		l->s3 = dm_s3_url_parse(l->dir, &why);
	else if (strstr(l->dir, "://") != NULL)
		why = g_strdup("of the storages only S3 is known here");
	if (why != NULL)
		at_key(r, DM_ERR_CONFIG_YAML_TRANSFORM, node, path, "dir",
		    "write a local path or s3://bucket/prefix?endpoint=..",
		    "not a place for files: %s", why);
}

void
task_loader_read(struct dm_report *r, const char *path,
    const struct dm_yaml *node, struct dm_loader_cfg *l)
{
	static const struct bind_key keys[] = {
		BIND_RANGE("pool-size", UINT, dm_loader_cfg, pool_size, 0,
		    MAX_THREADS),
		BIND("dir", STR, dm_loader_cfg, dir),
		BIND_DROP("sorting-dir-physical"),
		BIND_DROP("import-mode"),
		BIND_DROP("on-duplicate"),
		BIND("on-duplicate-logical", STR, dm_loader_cfg,
		    on_duplicate_logical),
		BIND_DROP("on-duplicate-physical"),
		BIND_DROP("disk-quota-physical"),
		BIND_DROP("checksum-physical"),
		BIND_DROP("analyze"),
		BIND_DROP("range-concurrency"),
		BIND_DROP("compress-kv-pairs"),
		BIND_DROP("pd-addr"),
	};
	char *lower;

	dm_bind_map(r, path, node, keys, DM_ARRAY_SIZE(keys), l);
	check_import_mode(r, path, node);
	check_duplicates(r, path, node);
	if (l->pool_size == 0)
		l->pool_size = 16;
	lower = g_ascii_strdown(l->on_duplicate_logical[0] != '\0'
				    ? l->on_duplicate_logical
				    : "replace",
	    -1);
	g_free(l->on_duplicate_logical);
	l->on_duplicate_logical = lower;
	read_dir(r, path, node, l);
}

/* ---- syncers ---- */

void
task_syncer_default(struct dm_syncer_cfg *s)
{
	*s = (struct dm_syncer_cfg){ .worker_count = 16,
		.batch = 100,
		.queue_size = 1024,
		.checkpoint_flush_interval_s = 30,
		.safe_mode_duration = g_strdup("") };
}

void
task_syncer_fini(struct dm_syncer_cfg *s)
{
	g_free(s->safe_mode_duration);
}

static void
check_safe_mode(struct dm_report *r, const char *path,
    const struct dm_yaml *node, struct dm_syncer_cfg *s)
{
	DM_AUTO(dm_err) err = NULL;
	int64_t ns = DEFAULT_SAFE_MODE_NS;

	if (s->safe_mode_duration[0] != '\0')
		err = dm_duration_parse(s->safe_mode_duration, &ns);
	if (err != NULL)
		at_key(r, DM_ERR_CONFIG_INVALID_SAFE_MODE_DURATION, node, path,
		    "safe-mode-duration", "write for instance 60s",
		    DM_ERRFMT_CONFIG_INVALID_SAFE_MODE_DURATION,
		    s->safe_mode_duration, err->message);
	else if (s->safe_mode && ns == 0)
		at_key(r,
		    DM_ERR_CONFIG_CONFICT_SAFE_MODE_DURATION_AND_SAFE_MODE,
		    node, path, "safe-mode-duration",
		    "set safe-mode false or a non-zero safe-mode-duration",
		    DM_ERRFMT_CONFIG_CONFICT_SAFE_MODE_DURATION_AND_SAFE_MODE);
	else if (ns < 0)
		at_key(r, DM_ERR_CONFIG_INVALID_SAFE_MODE_DURATION, node, path,
		    "safe-mode-duration", "write for instance 60s",
		    "it must not be negative");
	else if (s->safe_mode_duration[0] != '\0')
		s->safe_mode_ms = ns / 1000000;
}

static void
zero_is_default(unsigned *value, unsigned fallback)
{
	if (*value == 0)
		*value = fallback;
}

void
task_syncer_read(struct dm_report *r, const char *path,
    const struct dm_yaml *node, struct dm_syncer_cfg *s)
{
	static const struct bind_key keys[] = {
		BIND_DROP("meta-file"),
		BIND_RANGE("worker-count", UINT, dm_syncer_cfg, worker_count, 0,
		    MAX_THREADS),
		BIND_RANGE("batch", UINT, dm_syncer_cfg, batch, 0, MAX_COUNT),
		BIND_RANGE("queue-size", UINT, dm_syncer_cfg, queue_size, 0,
		    MAX_COUNT),
		BIND_RANGE("checkpoint-flush-interval", UINT, dm_syncer_cfg,
		    checkpoint_flush_interval_s, 0, MAX_COUNT),
		BIND("compact", BOOL, dm_syncer_cfg, compact),
		BIND("multiple-rows", BOOL, dm_syncer_cfg, multiple_rows),
		BIND_DROP("max-retry"),
		BIND_DROP("auto-fix-gtid"),
		BIND_DROP("enable-gtid"),
		BIND_DROP("disable-detect"),
		BIND("safe-mode", BOOL, dm_syncer_cfg, safe_mode),
		BIND("safe-mode-duration", STR, dm_syncer_cfg,
		    safe_mode_duration),
		BIND_DROP("enable-ansi-quotes"),
		BIND("strict", BOOL, dm_syncer_cfg, strict),
	};

	dm_bind_map(r, path, node, keys, DM_ARRAY_SIZE(keys), s);
	zero_is_default(&s->worker_count, 16);
	zero_is_default(&s->batch, 100);
	zero_is_default(&s->queue_size, 1024);
	zero_is_default(&s->checkpoint_flush_interval_s, 30);
	check_safe_mode(r, path, node, s);
}
