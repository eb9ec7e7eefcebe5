/* SPDX-License-Identifier: Apache-2.0 */
/*
 * YAML text as a tree with places: a thin layer over libfyaml. Anchors are
 * resolved (aliases share nodes), merge keys (<<) are merged. Threads: one
 * owner; a tree that nobody changes may be read by many.
 */
#ifndef DM_LIB_TEXT_YAML_H
#define DM_LIB_TEXT_YAML_H

#include "lib/err/err.h"

/* Larger texts, deeper trees, and more nodes or merged keys are refused. */
#define DM_YAML_MAX_BYTES (4 * 1024 * 1024)
#define DM_YAML_MAX_DEPTH 32
#define DM_YAML_MAX_NODES 1000000

enum dm_yaml_kind { DM_YAML_SCALAR, DM_YAML_SEQ, DM_YAML_MAP };

struct dm_yaml {
	enum dm_yaml_kind kind;
	int line, col;    /* from 1 */
	char *text;       /* SCALAR; never NULL, has no NUL inside */
	bool plain;       /* SCALAR without quotes: may be null, number, ... */
	GPtrArray *items; /* SEQ: struct dm_yaml*, borrowed of the document */
	GArray *pairs;    /* MAP: struct dm_yaml_pair */
};

struct dm_yaml_pair {
	char *key;
	int line, col;
	/* 0, or the line on which the same key stands already: readers must
	 * refuse such a pair. */
	int first_line;
	struct dm_yaml *value; /* borrowed of the document */
};

struct dm_yaml_doc {
	struct dm_yaml *root; /* an empty text: a null scalar */
	GPtrArray *nodes;     /* all of them, owned */
};

/*
 * Parse one document.
 *   *line, *col  where the error is, set on error only.
 * Errors: CONFIG_YAML_TRANSFORM with the reason alone (syntax, a second
 * document, limits, unknown alias or tag, a key that is not a scalar).
 */
struct dm_err *dm_yaml_parse(const char *text, size_t len, int *line, int *col,
    struct dm_yaml_doc **doc) DM_MUST_CHECK;
void dm_yaml_doc_free(struct dm_yaml_doc *doc);
DM_DEFINE_AUTO(dm_yaml_doc)

/* The pair of this key, or NULL (also when node is no map). */
const struct dm_yaml_pair *dm_yaml_find(
    const struct dm_yaml *node, const char *key);
/* Plain empty text, ~, null. */
bool dm_yaml_is_null(const struct dm_yaml *node);

/* The text as a YAML scalar that reads back as this very string: plain where
 * that is safe, else quoted. */
void dm_yaml_append_string(GString *s, const char *text);

#endif
