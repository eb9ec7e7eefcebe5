/* SPDX-License-Identifier: Apache-2.0 */
/* A statement and its canonical text, and the check that both hold. */
#ifndef DM_TEST_UNIT_LIB_DDL_DDL_CASE_H
#define DM_TEST_UNIT_LIB_DDL_DDL_CASE_H

#include "lib/ddl/ddl.h"

#include <check.h>
#include <string.h>

struct ddl_case {
	enum dm_ddl_kind kind;
	const char *sql;
	const char *canonical; /* with the default schema `db` */
};

static inline char *
canonical_of(const char *sql, uint64_t sql_mode, enum dm_ddl_kind *kind)
{
	DM_AUTO(dm_ddl) d = NULL;
	DM_AUTO(dm_err) err = dm_ddl_parse(sql, strlen(sql), sql_mode, &d);

	ck_assert_msg(
	    err == NULL, "%s: %s", sql, err == NULL ? "" : err->message);
	*kind = d->kind;
	return dm_ddl_restore(d, "db", false, NULL, NULL);
}

/* The text is what we expect, and reading it again yields it again. */
static inline void
check_case(const struct ddl_case *c)
{
	enum dm_ddl_kind kind, again;
	g_autofree char *text = canonical_of(c->sql, 0, &kind);
	g_autofree char *second = NULL;

	ck_assert_int_eq(kind, c->kind);
	ck_assert_str_eq(text, c->canonical);
	second = canonical_of(text, 0, &again);
	ck_assert_int_eq(again, kind);
	ck_assert_str_eq(second, text);
}

#endif
