/* SPDX-License-Identifier: Apache-2.0 */
/* What a lane map depends on: see lane_map.h. */
#include "worker/sync/lane_map.h"

#include "lib/route/route.h"
#include "worker/sync/lane_meta.h"

/* Its column is part of the key of a row. */
static uint64_t
hash_extractor(uint64_t h, const struct dm_extractor *x)
{
	if (x->regexp[0] == '\0')
		return h;
	h = h * 31 + g_str_hash(x->regexp);
	return h * 31 + g_str_hash(x->target_column);
}

char *
lane_map_text(const struct unit_env *env, const struct target_info *target)
{
	uint64_t h = UINT64_C(0xcbf29ce484222325);
	g_autofree struct dm_route_rule *rules = NULL;
	size_t n;

	rules = dm_instance_routes(env->task, env->inst, &n);
	for (size_t i = 0; i < n; i++) {
		h = h * 31 + g_str_hash(rules[i].schema_pattern);
		h = h * 31 + g_str_hash(rules[i].target_schema);
		if (rules[i].table_pattern != NULL)
			h = h * 31 + g_str_hash(rules[i].table_pattern);
		if (rules[i].target_table != NULL)
			h = h * 31 + g_str_hash(rules[i].target_table);
		h = hash_extractor(h, &rules[i].extract_table);
		h = hash_extractor(h, &rules[i].extract_schema);
		h = hash_extractor(h, &rules[i].extract_source);
	}
	return g_strdup_printf(
	    "v%d lanes=%u fk=%d routes=%016" G_GINT64_MODIFIER "x",
	    LANE_HASH_VERSION, env->inst->syncer.worker_count,
	    target->foreign_key_checks, h);
}
