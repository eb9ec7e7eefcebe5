/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A database endpoint as source.yaml (`from`) and task.yaml
 * (`target-database`) spell it. Owned plain data.
 */
#ifndef DM_LIB_CONFIG_DB_H
#define DM_LIB_CONFIG_DB_H

#include "lib/sql/sql.h"

struct dm_db_cfg {
	char *host;
	unsigned port;
	char *user, *password;
	bool literal;   /* password is no reference and not encrypted, whatever
			   it looks like (secret.h) */
	char **session; /* "name=value", names in lower case; NULL-terminated */
	char *ssl_ca, *ssl_cert, *ssl_key;             /* paths, or "" */
	char *ssl_ca_pem, *ssl_cert_pem, *ssl_key_pem; /* texts, or NULL */
	char **cert_allowed_cn; /* NULL-terminated or NULL */
};
void dm_db_cfg_fini(struct dm_db_cfg *c);
void dm_db_cfg_copy(struct dm_db_cfg *to, const struct dm_db_cfg *from);
/* Borrows from c. */
struct dm_sql_params dm_db_cfg_params(
    const struct dm_db_cfg *c, enum dm_err_scope scope);
/* Value of a session variable, or NULL; borrowed. */
const char *dm_db_cfg_session(const struct dm_db_cfg *c, const char *name);

#endif
