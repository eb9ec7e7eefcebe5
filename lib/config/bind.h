/* SPDX-License-Identifier: Apache-2.0 */
/*
 * YAML nodes -> struct fields, strictly: unknown and repeated keys and wrong
 * types are reported with their place. Private to lib/config. One owner.
 */
#ifndef DM_LIB_CONFIG_BIND_H
#define DM_LIB_CONFIG_BIND_H

#include "lib/config/report.h"
#include "lib/text/yaml.h"

/* Where the obj of a map gets the value of a key. */
enum bind_kind {
	BIND_STR,  /* char *, replaced; null: "" */
	BIND_BOOL, /* bool */
	BIND_UINT, /* unsigned, within min..max */
	BIND_INT,  /* int64_t, within min..max */
	BIND_STRV, /* char **, replaced */
	BIND_DUR,  /* int64_t milliseconds, of a Go duration */
	BIND_ANY   /* accepted, whatever it is, and not kept */
};

struct bind_key {
	const char *name;
	enum bind_kind kind;
	size_t offset;
	int64_t min, max;
};

#define BIND(name, kind, type, field)                                          \
	{                                                                      \
		name, BIND_##kind, offsetof(struct type, field), 0, 0          \
	}
#define BIND_RANGE(name, kind, type, field, min, max)                          \
	{                                                                      \
		name, BIND_##kind, offsetof(struct type, field), min, max      \
	}
#define BIND_DROP(name)                                                        \
	{                                                                      \
		name, BIND_ANY, 0, 0, 0                                        \
	}

/* Fill obj from a map (null: nothing to do). path: "" or "target-database". */
void dm_bind_map(struct dm_report *r, const char *path,
    const struct dm_yaml *node, const struct bind_key *keys, size_t n,
    void *obj);

/* One value each; false: reported, *out untouched. */
bool dm_bind_str(struct dm_report *r, const char *path,
    const struct dm_yaml *node, char **out);
bool dm_bind_bool(struct dm_report *r, const char *path,
    const struct dm_yaml *node, bool *out);
bool dm_bind_int(struct dm_report *r, const char *path,
    const struct dm_yaml *node, int64_t min, int64_t max, int64_t *out);
bool dm_bind_strv(struct dm_report *r, const char *path,
    const struct dm_yaml *node, char ***out);

/* Report at the node's place with the general code. */
void dm_bind_fail(struct dm_report *r, const char *path,
    const struct dm_yaml *node, const char *remedy, const char *fmt, ...)
    DM_PRINTF(5, 6);
/* Null or an empty list or map. NULL counts as empty. */
bool dm_bind_is_empty(const struct dm_yaml *node);
/* "path.key"; "key" when path is "". New string. */
char *dm_bind_path(const char *path, const char *key);

/* ---- writing (emit.c): DM's YAML style, two blanks a level ---- */

void dm_emit_key(GString *s, int indent, const char *key);
void dm_emit_str(GString *s, int indent, const char *key, const char *value);
void dm_emit_raw(GString *s, int indent, const char *key, const char *value);
void dm_emit_bool(GString *s, int indent, const char *key, bool value);
void dm_emit_int(GString *s, int indent, const char *key, int64_t value);
/* "[]" when empty. */
void dm_emit_strv(GString *s, int indent, const char *key, char *const *values);
struct dm_db_cfg;
/* The body of `from` and `target-database`. */
void dm_emit_db(GString *s, int indent, const struct dm_db_cfg *db, bool mask);

/* ---- db.c ---- */

/* Read `from` or `target-database`; reports what is missing, too. */
void dm_bind_db(struct dm_report *r, const char *path,
    const struct dm_yaml *node, struct dm_db_cfg *db);

#endif
