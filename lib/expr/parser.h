/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Text to tree. Private to lib/expr. Threads: any.
 */
#ifndef DM_LIB_EXPR_PARSER_H
#define DM_LIB_EXPR_PARSER_H

#include "lib/expr/node.h"

/* The tree is in the arena. Errors: plain, with the place in the text. */
struct dm_err *ex_parse(const char *text, struct dm_arena *arena,
    struct ex_node **out) DM_MUST_CHECK;

/* ---- parser_call.c: what has a syntax of its own ---- */

struct ex_parser;

/* A call whose name was read and whose "(" is next. */
struct ex_node *ex_parse_call(struct ex_parser *p, const char *name);
/* CASE was read. */
struct ex_node *ex_parse_case(struct ex_parser *p);
/* INTERVAL was read: `n unit`; the node adds it to base, or takes it away. */
struct ex_node *ex_parse_interval(
    struct ex_parser *p, struct ex_node *base, bool minus);
/* DATE '2024-01-31' and the like; NULL: the word is not such a type. */
struct ex_node *ex_parse_typed(struct ex_parser *p, const char *type);

/* ---- for parser_call.c ---- */

#include "lib/expr/lexer.h"

#define EX_ARGS_MAX 1000

struct ex_parser {
	struct ex_lexer lexer;
	struct ex_token t; /* the next one */
	struct dm_arena *arena;
	int depth;
	char *error; /* the first one; owned */
};

struct ex_node *ex_parse_expr(struct ex_parser *p);
void ex_parse_fail(struct ex_parser *p, const char *fmt, ...) DM_PRINTF(2, 3);
void ex_parse_advance(struct ex_parser *p);
/* Takes the token if it is this keyword or punctuation. */
bool ex_parse_take(struct ex_parser *p, const char *word);
bool ex_parse_is(const struct ex_parser *p, const char *word);
/* Takes it, or fails. */
void ex_parse_want(struct ex_parser *p, const char *word);
/* A call of a function that exists; args are copied. */
struct ex_node *ex_node_call(struct ex_parser *p, const char *name,
    struct ex_node *const *args, unsigned n);
struct ex_node *ex_node_literal(struct ex_parser *p, enum ex_kind kind);

#endif
