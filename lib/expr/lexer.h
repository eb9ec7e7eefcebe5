/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tokens of an expression, in the default sql_mode: "x" is a text, || is OR.
 * Private to lib/expr. Threads: one owner.
 */
#ifndef DM_LIB_EXPR_LEXER_H
#define DM_LIB_EXPR_LEXER_H

#include "lib/base/arena.h"

enum ex_token_kind {
	EX_TOK_END,
	EX_TOK_ERROR,  /* text says what is wrong */
	EX_TOK_WORD,   /* a name or keyword */
	EX_TOK_QUOTED, /* `name` */
	EX_TOK_STRING, /* value, with escapes resolved */
	EX_TOK_NUMBER, /* as written */
	EX_TOK_BYTES,  /* value of 0x41, x'41', 0b1, b'1' */
	EX_TOK_PUNCT
};

struct ex_token {
	enum ex_token_kind kind;
	const char *text; /* in the arena or static, NUL behind it */
	size_t len;
	size_t at;  /* of its first byte */
	bool space; /* a blank or comment stands behind it */
};

struct ex_lexer {
	const char *sql; /* borrowed, ends with NUL */
	size_t pos;
	struct dm_arena *arena; /* borrowed */
};

struct ex_token ex_lexer_next(struct ex_lexer *l);

#endif
