/* SPDX-License-Identifier: Apache-2.0 */
/*
 * task.yaml, and the part of it that concerns one source.
 * Source: reference/data-plane 1.4 to 1.15.
 */
#ifndef DM_LIB_CONFIG_TASK_H
#define DM_LIB_CONFIG_TASK_H

#include "lib/config/db.h"
#include "lib/filter/binlog_filter.h"
#include "lib/filter/block_allow.h"
#include "lib/route/route.h"
#include "lib/s3/url.h"

enum dm_task_mode {
	DM_MODE_ALL,
	DM_MODE_FULL,
	DM_MODE_INCREMENTAL,
	DM_MODE_DUMP,
	DM_MODE_LOAD,
	DM_MODE_LOAD_SYNC
};
const char *dm_task_mode_name(enum dm_task_mode m);

struct dm_meta_cfg {
	char *binlog_name; /* "" when not given */
	uint64_t binlog_pos;
	char *binlog_gtid; /* "" when not given */
};

struct dm_mydumper_cfg {
	unsigned threads; /* 4 */
	char *chunk_filesize, *statement_size, *where, *extra_args;
	int64_t rows;
	/* Of extra-args, for dumps into files only. */
	char *compress; /* "", "gzip", "zstd" */
	bool csv, views;
	GPtrArray *tables; /* char*: patterns of -f, -T, -B; of all that match
			      a table the last one counts; NULL: the
			      block-allow-list */
};
/* Of a chunk-filesize (unit_bytes: 1 MiB) or statement-size (1). "": 0. */
uint64_t dm_mydumper_size(const char *text, uint64_t unit_bytes);
struct dm_loader_cfg {
	unsigned pool_size; /* 16 */
	char *dir, *import_mode, *on_duplicate_logical;
	struct dm_s3_url *s3; /* what dir says, if it is a URL; else NULL */
};
struct dm_syncer_cfg {
	unsigned worker_count;                /* 16: lanes */
	unsigned batch;                       /* 100 rows per transaction */
	unsigned queue_size;                  /* 1024 */
	unsigned checkpoint_flush_interval_s; /* 30 */
	bool compact, multiple_rows, safe_mode, strict;
	char *safe_mode_duration;
	int64_t safe_mode_ms; /* the same; not given: 0, since a restart
				 repeats nothing */
};

/* An entry of expression-filter; expressions that are not given are "". */
struct dm_expr_filter {
	char *name, *schema, *table;
	char *insert_expr;
	char *update_old_expr, *update_new_expr;
	char *delete_expr;
};

/* One entry of mysql-instances with every name resolved. */
struct dm_instance_cfg {
	char *source_id;
	bool has_meta;
	struct dm_meta_cfg meta;
	/* Indexes into the task's arrays. */
	GArray *route_rules, *filter_rules, *expr_filters; /* size_t */
	struct dm_block_allow_rule *block_allow; /* borrowed of the task; NULL:
						    everything */
	struct dm_mydumper_cfg mydumper;
	struct dm_loader_cfg loader;
	struct dm_syncer_cfg syncer;
};

/* `copy`, ours: how the full copy behaves. */
struct dm_copy_cfg {
	bool verify; /* compare source and target before replication begins */
	bool indexes_first; /* not after the rows */
	/* MB/s (of a million bytes) that are sent to the target, or written to
	 * the files of a dump; 0: no limit. */
	unsigned rate_limit;
	/* Above these no chunk is begun; 0: no limit. Threads but our own. */
	unsigned max_source_threads_running;
	int64_t max_target_latency_ms;
};

struct dm_task_cfg {
	char *name;
	enum dm_task_mode mode;
	char *shard_mode; /* "", "pessimistic", "optimistic" */
	char **ignore_checking_items;
	char *meta_schema; /* "dm_meta" */
	char *timezone;
	bool case_sensitive, online_ddl, clean_dump_file;
	/* Former place of `start-task --remove-meta`: of no effect but that the
	 * answer says so, and never stored. */
	bool remove_meta;
	/* Of tables of online schema change tools; empty: DM's own rules. */
	char **shadow_rules, **trash_rules;
	bool files; /* copy-mode: files: the full copy goes through files */
	struct dm_copy_cfg copy;
	char *collation_compatible;
	struct dm_db_cfg target;
	GArray *routes;       /* struct dm_route_rule, sorted by name */
	GArray *filters;      /* struct dm_filter_rule */
	GArray *expr_filters; /* struct dm_expr_filter */
	GHashTable
	    *block_allow;     /* name -> struct dm_block_allow_rule*, owned */
	GPtrArray *instances; /* struct dm_instance_cfg* */
};

/* Parse and check task.yaml; all problems in one error with file:line:col:
 * syntax, unknown keys, wrong types, dangling names, duplicate instances,
 * global rules that nobody uses (20038). */
struct dm_err *dm_task_cfg_parse(
    const char *file, const char *yaml, struct dm_task_cfg **cfg) DM_MUST_CHECK;
void dm_task_cfg_free(struct dm_task_cfg *c);
DM_DEFINE_AUTO(dm_task_cfg)
struct dm_instance_cfg *dm_task_cfg_instance(
    const struct dm_task_cfg *c, const char *source_id); /* NULL: none */
/* YAML in DM's form and key order (control-plane 2.8); mask: the target's
 * password as '******'. sources: only these instances; NULL: all. */
char *dm_task_cfg_yaml(
    const struct dm_task_cfg *c, const char *const *sources, bool mask);
/* What dm_task_cfg_yaml wrote, without keys that came after DM 2.0 and that say
 * what is so without them. New string. */
char *dm_task_yaml_for_older(const char *yaml);
/* The event filters of one instance, built. */
struct dm_err *dm_instance_filter(const struct dm_task_cfg *c,
    const struct dm_instance_cfg *i, bool case_sensitive,
    struct dm_binlog_filter **out) DM_MUST_CHECK;
/* Routes of one instance, contiguous, for dm_router_new; borrowed strings. New
 * array. */
struct dm_route_rule *dm_instance_routes(
    const struct dm_task_cfg *c, const struct dm_instance_cfg *i, size_t *n);

#endif
