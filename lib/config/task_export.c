/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tasks for `config export`: files that older versions of DM take, too, which
 * refuse every key that they do not know.
 * SOURCE: dm/config/task.go TaskConfigForDowngrade.
 */
#include "lib/config/task.h"

/* Lines of dm_task_cfg_yaml with keys that came after DM 2.0, saying what is so
 * without them. `online-ddl: false` is none of these. */
static const char *const later_defaults[] = {
	"strict-optimistic-shard-mode: false",
	"collation_compatible: loose",
	"shadow-table-rules: []",
	"trash-table-rules: []",
	"expression-filter: {}",
	"validators: {}",
	"experimental:",
	"  async-checkpoint-flush: false",
	"  expression-filters: []",
	"  validator-config-name: \"\"",
	"    sorting-dir-physical: \"\"",
	"    import-mode: logical",
	"    on-duplicate: \"\"",
	"    on-duplicate-logical: replace",
	"    on-duplicate-physical: none",
	"    disk-quota-physical: 0",
	"    checksum-physical: required",
	"    analyze: optional",
	"    range-concurrency: 0",
	"    compress-kv-pairs: \"\"",
	"    pd-addr: \"\"",
	"    compact: false",
	"    multiple-rows: false",
	"    safe-mode-duration: \"\"",
	NULL,
};

char *
dm_task_yaml_for_older(const char *yaml)
{
	g_auto(GStrv) lines = g_strsplit(yaml, "\n", -1);
	GString *s = g_string_new(NULL);

	for (size_t i = 0; lines[i] != NULL; i++) {
		if (lines[i][0] == '\0' ||
		    g_strv_contains(later_defaults, lines[i]))
			continue;
		g_string_append(s, lines[i]);
		g_string_append_c(s, '\n');
	}
	return g_string_free(s, FALSE);
}
