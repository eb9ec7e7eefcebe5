/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Expressions as trees, and the values they give. Private to lib/expr.
 *
 * DESIGN: a tree has literals, columns and calls; operators are calls, too.
 * parser.c makes it, binding finds the type of every node from the leaves up
 * and refuses what is not known to be exact, and evaluating only converts
 * between types that binding has chosen.
 */
#ifndef DM_LIB_EXPR_NODE_H
#define DM_LIB_EXPR_NODE_H

#include "lib/base/arena.h"
#include "lib/expr/collate.h"
#include "lib/expr/decimal.h"
#include "lib/expr/expr.h"
#include "lib/expr/temporal.h"

enum ex_kind {
	EX_NULL, /* a literal NULL, as a type */
	EX_INT,
	EX_UINT,
	EX_DEC,
	EX_DBL,
	EX_STR,
	EX_DATE,
	EX_DATETIME,
	EX_TIME,
	EX_OPAQUE /* a type only: of columns that have no value here */
};

struct ex_str {
	const char
	    *p; /* UTF-8, or bytes where the node's collation is binary */
	size_t len;
};

struct ex_val {
	enum ex_kind kind;
	uint64_t index; /* of an ENUM or SET whose text is in s */
	union {
		int64_t i; /* EX_INT */
		uint64_t u;
		double d;
		struct ex_dec dec;
		struct ex_str s;
		struct ex_time t; /* of all three temporal kinds */
	};
};

enum ex_leaf { EX_LITERAL, EX_COLUMN, EX_CALL };

/* How two values are compared. */
enum ex_cmp {
	EX_CMP_INT,
	EX_CMP_DEC,
	EX_CMP_DBL,
	EX_CMP_STR,
	EX_CMP_TIME /* both temporal, of kinds that compare */
};

/* Who wins when texts of two collations meet: the lower one. */
enum ex_strength { EX_BY_WORD, EX_BY_MIX, EX_BY_COLUMN, EX_BY_LITERAL };

struct ex_func;

struct ex_node {
	enum ex_leaf leaf;
	const struct ex_func *func; /* EX_CALL */
	struct ex_node **args;
	unsigned n_args;
	const char *text; /* EX_COLUMN: the name */
	struct ex_val lit;
	bool is_hex; /* 0x41: text, but a number among numbers */

	/* Found by binding. */
	enum ex_kind kind;
	int scale; /* EX_DEC, temporal: digits behind the point */
	unsigned column;
	const struct dm_expr_column *def; /* EX_COLUMN */
	struct ex_coll coll;              /* EX_STR */
	enum ex_strength strength;        /* EX_STR */
	bool by_index;       /* EX_STR of an ENUM or SET: also a number */
	bool no_text;        /* cannot be made a text exactly: BIT, FLOAT */
	bool recoded;        /* its bytes are not those of the column */
	enum ex_cmp cmps[2]; /* of comparisons; BETWEEN has two */
	enum ex_cmp *each;   /* of IN and CASE: for each arm */
	int number;          /* a parameter that the function keeps */
	void *regex;         /* pcre2_code, freed by binding's owner */
};

/* ---- binding ---- */

struct ex_bind {
	struct dm_arena *arena;
	const struct dm_expr_column *columns;
	unsigned n_columns;
	GPtrArray *regexes; /* pcre2_code, freed with it */
	char *error;        /* the first one; owned */
	char *unknown;      /* a column that is not there; owned */
};

/* Remembers the first error. */
void ex_refuse(struct ex_bind *b, const char *fmt, ...) DM_PRINTF(2, 3);

/* ---- evaluating ---- */

struct ex_run {
	struct dm_arena *arena; /* of texts made */
	dm_expr_get_fn *get;
	void *arg;
	int tz_offset_s;
	char *error; /* the first one; owned. Results do not count then. */
};

/* Remembers the first error; gives NULL. */
struct ex_val ex_fail(struct ex_run *r, const char *fmt, ...) DM_PRINTF(2, 3);

/* ---- functions and operators ---- */

struct ex_func {
	const char *name; /* upper case; operators: as in functions.c */
	int min, max;     /* arguments; max -1: any number */
	void (*bind)(struct ex_bind *b, struct ex_node *n);
	struct ex_val (*eval)(struct ex_run *r, const struct ex_node *n);
	int number; /* tells variants that share code from each other */
};

/* NULL: there is none. */
const struct ex_func *ex_func_find(const char *name);

/* Types of the whole tree. */
void ex_bind_node(struct ex_bind *b, struct ex_node *n);
struct ex_val ex_eval(struct ex_run *r, const struct ex_node *n);

#endif
