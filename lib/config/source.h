/* SPDX-License-Identifier: Apache-2.0 */
/* source.yaml. Source: reference/data-plane 1.1, 1.2. */
#ifndef DM_LIB_CONFIG_SOURCE_H
#define DM_LIB_CONFIG_SOURCE_H

#include "lib/config/db.h"

struct dm_source_cfg {
	char *source_id;
	bool enable, enable_gtid, enable_relay;
	char *relay_dir, *relay_binlog_name, *relay_binlog_gtid;
	char *flavor; /* "mysql", "mariadb", "" until detected */
	struct dm_db_cfg from;
	int64_t purge_interval, purge_expires, purge_remain_space;
	bool check_enable;
	int64_t backoff_rollback_ms, backoff_max_ms;
	uint32_t server_id;
	bool case_sensitive;
};

/* Parse and check source.yaml; file is for messages. All problems in one
 * error (CONFIG_YAML_TRANSFORM, or the code of the first). */
struct dm_err *dm_source_cfg_parse(const char *file, const char *yaml,
    struct dm_source_cfg **cfg) DM_MUST_CHECK;
struct dm_source_cfg *dm_source_cfg_copy(const struct dm_source_cfg *c);
void dm_source_cfg_free(struct dm_source_cfg *c);
DM_DEFINE_AUTO(dm_source_cfg)
/* YAML in DM's key order (control-plane 2.8); mask: passwords as '******'. */
char *dm_source_cfg_yaml(const struct dm_source_cfg *c, bool mask);
const char *dm_source_cfg_sample(void);

#endif
