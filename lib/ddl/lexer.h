/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tokens of SQL text, one at a time. Private to lib/ddl. A lexer is plain data:
 * copying the struct remembers a place, and copying it back returns there.
 * Threads: one owner.
 */
#ifndef DM_LIB_DDL_LEXER_H
#define DM_LIB_DDL_LEXER_H

#include "lib/base/arena.h"

enum dm_token_kind {
	DM_TOK_END,
	DM_TOK_ERROR,    /* text says what is wrong */
	DM_TOK_WORD,     /* unquoted identifier or keyword */
	DM_TOK_QUOTED,   /* `identifier` */
	DM_TOK_STRING,   /* 'text', value with escapes resolved */
	DM_TOK_NUMBER,   /* digits, dot, exponent as written */
	DM_TOK_BYTES,    /* 0x1f, x'1f', 0b01, b'01', canonical */
	DM_TOK_VARIABLE, /* @x, @@global.x as written, host of a user */
	DM_TOK_PUNCT     /* operators of up to three characters */
};

struct dm_token {
	enum dm_token_kind kind;
	const char *text; /* in the arena or static, NUL behind it */
	size_t len;
	size_t offset; /* of its first byte in the statement */
	size_t end;    /* of the byte behind it */
	bool space;    /* blank or comment before it */
	bool national; /* N'text' */
	bool reserved; /* a WORD that cannot be a name unquoted */
};

struct dm_lexer {
	const char *sql; /* borrowed */
	size_t len, pos;
	uint64_t sql_mode;
	unsigned version_comments; /* open ones whose content we read */
	bool after_name;           /* the last token could be a name */
	struct dm_arena *arena;    /* of token texts; borrowed */
};

void dm_lexer_init(struct dm_lexer *l, const char *sql, size_t len,
    uint64_t sql_mode, struct dm_arena *arena);
struct dm_token dm_lexer_next(struct dm_lexer *l);
/* Reserved in MySQL and MariaDB alike: any case. */
bool dm_lexer_is_reserved(const char *word);

#endif
