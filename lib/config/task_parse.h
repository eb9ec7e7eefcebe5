/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The parts of reading task.yaml. Private to lib/config; one thread.
 */
#ifndef DM_LIB_CONFIG_TASK_PARSE_H
#define DM_LIB_CONFIG_TASK_PARSE_H

#include "lib/config/bind.h"
#include "lib/config/task.h"

/* Maps of named rules that instances refer to. */
enum task_section {
	SECTION_ROUTES,
	SECTION_FILTERS,
	SECTION_EXPRESSIONS,
	SECTION_BLOCK_ALLOW,
	SECTION_MYDUMPERS,
	SECTION_LOADERS,
	SECTION_SYNCERS,
	SECTION_VALIDATORS,
	SECTION_NR
};

struct task_entry {
	const char *name; /* borrowed of the YAML tree, as all here */
	int line, col;
	const struct dm_yaml *value;
	bool used;
	char *path; /* "routes.r1", owned */
};

struct task_parse {
	struct dm_report *r;
	struct dm_task_cfg *c;
	const struct dm_yaml *root;
	GArray *sections[SECTION_NR]; /* struct task_entry, sorted by name */
};

/* The value of a top-level key; NULL when missing or null. */
const struct dm_yaml *task_node(const struct task_parse *t, const char *key);

/* ---- task_sections.c ---- */

/* Lists the entries of all sections and reads routes, filters and
 * block-allow-lists into t->c. */
void task_sections_read(struct task_parse *t);
void task_sections_free(struct task_parse *t);
/* Index within section of the name, marked as used; -1: there is none. */
int task_section_use(
    struct task_parse *t, enum task_section section, const char *name);
/* 20038 for entries that nobody used. */
void task_sections_check_used(struct task_parse *t);
bool task_has_extractors(const struct dm_route_rule *r);
struct dm_block_allow_rule *task_block_allow_new(void);
void task_block_allow_free(struct dm_block_allow_rule *rule);

/* ---- task_expression.c ---- */

/* An entry of expression-filter into t->c. */
void task_expression_read(struct task_parse *t, const struct task_entry *e);
/* Clears a struct dm_expr_filter. */
void task_expression_clear(gpointer p);

/* ---- task_units.c ---- */

void task_mydumper_default(struct dm_mydumper_cfg *m);
void task_mydumper_fini(struct dm_mydumper_cfg *m);
void task_mydumper_read(struct dm_report *r, const char *path,
    const struct dm_yaml *node, struct dm_mydumper_cfg *m);
void task_loader_default(struct dm_loader_cfg *l);
void task_loader_fini(struct dm_loader_cfg *l);
void task_loader_read(struct dm_report *r, const char *path,
    const struct dm_yaml *node, struct dm_loader_cfg *l);
void task_syncer_default(struct dm_syncer_cfg *s);
void task_syncer_fini(struct dm_syncer_cfg *s);
void task_syncer_read(struct dm_report *r, const char *path,
    const struct dm_yaml *node, struct dm_syncer_cfg *s);

/* ---- extra_args.c ---- */

/* Apply mydumper's extra-args to m; what is not supported is reported. */
void task_extra_args_read(struct dm_report *r, const char *path,
    const struct dm_yaml *node, struct dm_mydumper_cfg *m);

/* ---- task_instances.c ---- */

void task_instances_read(struct task_parse *t);
void task_instance_free(struct dm_instance_cfg *i);

#endif
