/* SPDX-License-Identifier: Apache-2.0 */
/* Resuming after errors: see auto_resume.h. */
#include "worker/auto_resume.h"

#include <string.h>

#define BACKOFF_MIN_MS 1000
#define BACKOFF_FACTOR 2

static const int codes[] = { DM_ERR_SYNCER_CANCELLED_DDL,
	DM_ERR_DUMP_UNIT_RUNTIME, DM_ERR_DUMP_UNIT_GLOBAL_LOCK,
	DM_ERR_SYNC_UNIT_DDL_WRONG_SEQUENCE,
	DM_ERR_SYNCER_UNIT_DML_COLUMN_NOT_MATCH, DM_ERR_META_ADOPT,
	DM_ERR_META_FENCED, DM_ERR_META_FORMAT, DM_ERR_VERIFY_MISMATCH,
	DM_ERR_BINLOG_BEHIND, DM_ERR_XA_PURGED, DM_ERR_ROWS_DIFFER,
	DM_ERR_SYNCER_EVENT, DM_ERR_SYNCER_PARSE_DDL,
	DM_ERR_SYNCER_REPROCESS_WITH_SAFE_MODE_FAIL, DM_ERR_PARSE_MYDUMPER_META,
	DM_ERR_METADATA_NO_BINLOG_LOC, DM_ERR_LOAD_UNIT_DUMP_DIR_NOT_FOUND,
	DM_ERR_LOAD_LIGHTNING_RUNTIME, DM_ERR_SYNC_UNIT_DML_STATEMENT_FOUND,
	DM_ERR_SYNCER_UNSUPPORTED_STMT, DM_ERR_SYNC_UNIT_EVENT_FILTERED,
	DM_ERR_RELAY_UUID_SUFFIX_NOT_VALID,
	DM_ERR_RELAY_UUID_SUFFIX_LESS_THAN_PREV,
	DM_ERR_RELAY_BINLOG_NAME_NOT_VALID };

/* Searched in the raw cause, without regard to case. */
static const char *const texts[] = { "can't drop column with index",
	"with tidb_enable_change_multi_schema is disable",
	"unsupported add column", "unsupported modify column",
	"unsupported modify charset", "unsupported modify collate",
	"unsupported drop integer primary key", "unsupported collation",
	"invalid default value for", "unsupported drop primary key",
	"error 1059", "error 1117", "error 1069", "error 1062", "error 1406",
	"error 1366", "error 8025",
	"could not find first log file name in binary log index file",
	"purged binary logs containing gtids that the slave requires",
	"binlog checksum mismatch, data may be corrupted" };

void
auto_resume_init(struct auto_resume *a, int64_t max_ms, int64_t rollback_ms)
{
	*a = (struct auto_resume){ .min_ms = BACKOFF_MIN_MS,
		.max_ms = MAX(max_ms, (int64_t)BACKOFF_MIN_MS),
		.rollback_ms = rollback_ms,
		.next_ms = BACKOFF_MIN_MS };
}

bool
auto_resume_may(const struct dm_err *err)
{
	g_autofree char *cause = NULL;

	for (size_t i = 0; i < DM_ARRAY_SIZE(codes); i++) {
		if (err->code == codes[i])
			return false;
	}
	if (err->cause == NULL)
		return true;
	cause = g_ascii_strdown(err->cause, -1);
	for (size_t i = 0; i < DM_ARRAY_SIZE(texts); i++) {
		if (strstr(cause, texts[i]) != NULL)
			return false;
	}
	return true;
}

int64_t
auto_resume_wait_ms(struct auto_resume *a, struct dm_mono now, double random)
{
	int64_t healthy_ms, wait;

	/* One step back for each rollback time without an error. */
	healthy_ms = a->changed.ns == 0 ? 0 : dm_mono_diff_ms(now, a->changed);
	while (a->rollback_ms > 0 && healthy_ms >= a->rollback_ms &&
	       a->next_ms > a->min_ms) {
		a->next_ms = MAX(a->next_ms / BACKOFF_FACTOR, a->min_ms);
		healthy_ms -= a->rollback_ms;
	}
	a->changed = now;
	wait = a->next_ms / 2 + (int64_t)((double)a->next_ms / 2 * random);
	a->next_ms = MIN(a->next_ms * BACKOFF_FACTOR, a->max_ms);
	return wait;
}
