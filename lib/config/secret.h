/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The password of an endpoint in its forms. As a user writes it, one of:
 *   plain text
 *   encrypted         as `dmctl encrypt` prints it (lib/crypt/crypt.h)
 *   ${ENV:NAME}       a variable of the process that connects
 *   ${FILE:/a/path}   the first line of a file on the machine of that process
 * `field` names the endpoint in messages: "from", "target-database". Threads:
 * any.
 */
#ifndef DM_LIB_CONFIG_SECRET_H
#define DM_LIB_CONFIG_SECRET_H

#include "lib/config/task.h"
#include "lib/crypt/crypt.h"

/*
 * To the form that may be stored and sent: encrypted with the first key, and
 * always the same for one endpoint, password and key. Empty ones and references
 * stay. keys NULL: everything stays.
 * Errors: CONFIG_DECRYPT_DB_PASSWORD; CONFIG_YAML_TRANSFORM for a reference
 * that is none, and for what could not be told from the work of a wrong key
 * (dm_is_password).
 */
struct dm_err *dm_db_cfg_protect(struct dm_db_cfg *c, const char *field,
    const struct dm_keys *keys) DM_MUST_CHECK;
/* What is encrypted becomes plain; references stay. keys NULL: everything
 * stays. Errors: CONFIG_DECRYPT_DB_PASSWORD. */
struct dm_err *dm_db_cfg_decrypt(struct dm_db_cfg *c, const char *field,
    const struct dm_keys *keys) DM_MUST_CHECK;
/* References become what they refer to here and now. Reads files. Errors:
 * CONFIG_YAML_TRANSFORM with the field and the name that is missing. */
struct dm_err *dm_db_cfg_resolve(
    struct dm_db_cfg *c, const char *field) DM_MUST_CHECK;

/* The same for all that a task has: its target's password, and the secrets of
 * the storage that its loaders name. dm_task_cfg_protect changes nothing that
 * is needed to connect with until dm_task_cfg_decrypt. */
struct dm_err *dm_task_cfg_protect(
    struct dm_task_cfg *c, const struct dm_keys *keys) DM_MUST_CHECK;
struct dm_err *dm_task_cfg_decrypt(
    struct dm_task_cfg *c, const struct dm_keys *keys) DM_MUST_CHECK;
/* The storage of a loader (l->s3) with its references resolved: a new one. */
struct dm_err *dm_storage_resolve(
    const struct dm_loader_cfg *l, struct dm_s3_url **url) DM_MUST_CHECK;

/* The text of a source or task file with its password protected: new string,
 * in the form of dm_source_cfg_yaml, dm_task_cfg_yaml. */
struct dm_err *dm_source_text_protect(
    const char *yaml, const struct dm_keys *keys, char **out) DM_MUST_CHECK;
struct dm_err *dm_task_text_protect(
    const char *yaml, const struct dm_keys *keys, char **out) DM_MUST_CHECK;

#endif
