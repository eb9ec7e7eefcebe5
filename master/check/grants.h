/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What SHOW GRANTS says, for the privileges we need (data-plane 2.5).
 * Not thread-safe.
 */
#ifndef DM_MASTER_CHECK_GRANTS_H
#define DM_MASTER_CHECK_GRANTS_H

#include "lib/base/base.h"

enum priv {
	PRIV_SELECT,
	PRIV_INSERT,
	PRIV_UPDATE,
	PRIV_DELETE,
	PRIV_CREATE,
	PRIV_DROP,
	PRIV_ALTER,
	PRIV_INDEX,
	PRIV_RELOAD,
	PRIV_FLUSH_TABLES,
	PRIV_LOCK_TABLES,
	PRIV_REPLICATION_SLAVE,
	PRIV_REPLICATION_CLIENT,
	PRIV_SUPER,
	PRIV_PROCESS,
	PRIV_NR
};
const char *priv_name(enum priv p); /* "REPLICATION SLAVE" */

struct grants;

struct grants *grants_new(void);
void grants_free(struct grants *g);
DM_DEFINE_AUTO(grants)
/* One line of SHOW GRANTS. Lines of another form grant nothing. */
void grants_add(struct grants *g, const char *line);
/* Roles granted (`r`@`%`), as SHOW GRANTS ... USING wants them, joined by
 * commas; NULL: none. Borrowed. */
const char *grants_roles(const struct grants *g);
/* On *.*, and not taken back for some schema. */
bool grants_global(const struct grants *g, enum priv p);
/* For all tables of a schema. */
bool grants_schema(const struct grants *g, enum priv p, const char *schema);
bool grants_table(
    const struct grants *g, enum priv p, const char *schema, const char *table);

#endif
