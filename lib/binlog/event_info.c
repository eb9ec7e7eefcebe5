/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The one table of event types: what is done with each, and why. A type that
 * is not here stops the task, unless its writer marked it as ignorable.
 */
#include "lib/binlog/event.h"

#define H         DM_EVP_HANDLE
#define I         DM_EVP_IGNORE
#define S         DM_EVP_STOP
#define STATEMENT "belongs to a statement-format change, which is not applied"
#define OLD_LOAD  "LOAD DATA as servers before 5.0 logged it is not applied"
#define OLD_ROWS  "a row format of 5.1 test releases is not decoded"
#define NEVER     "no known server writes it"
#define BY_ROWS                                                                \
	"set `binlog_format=ROW` at the source, for running sessions too; "    \
	"then copy the task anew from a place after that"
#define UPGRADE                                                                \
	"begin a new binlog at the source with a newer version of the "        \
	"server, then copy the task anew"

/* clang-format off */
/* Ascending by type. */
static const struct dm_event_info infos[] = {
	{ DM_EV_UNKNOWN, "UNKNOWN_EVENT", S, "its meaning is not known", NULL },
	{ DM_EV_START_V3, "START_EVENT_V3", S, "binlogs before 5.0 are not read", UPGRADE },
	{ DM_EV_QUERY, "QUERY_EVENT", H, "DDL, BEGIN, COMMIT", NULL },
	{ DM_EV_STOP, "STOP_EVENT", I, "the server was shut down; a new file follows", NULL },
	{ DM_EV_ROTATE, "ROTATE_EVENT", H, "the next file", NULL },
	{ DM_EV_INTVAR, "INTVAR_EVENT", S, STATEMENT, BY_ROWS },
	{ (enum dm_event_type)6, "LOAD_EVENT", S, OLD_LOAD, UPGRADE },
	{ (enum dm_event_type)7, "SLAVE_EVENT", S, NEVER, NULL },
	{ (enum dm_event_type)8, "CREATE_FILE_EVENT", S, OLD_LOAD, UPGRADE },
	{ (enum dm_event_type)9, "APPEND_BLOCK_EVENT", S, STATEMENT, BY_ROWS },
	{ (enum dm_event_type)10, "EXEC_LOAD_EVENT", S, OLD_LOAD, UPGRADE },
	{ (enum dm_event_type)11, "DELETE_FILE_EVENT", S, STATEMENT, BY_ROWS },
	{ (enum dm_event_type)12, "NEW_LOAD_EVENT", S, OLD_LOAD, UPGRADE },
	{ DM_EV_RAND, "RAND_EVENT", S, STATEMENT, BY_ROWS },
	{ DM_EV_USER_VAR, "USER_VAR_EVENT", S, STATEMENT, BY_ROWS },
	{ DM_EV_FORMAT_DESCRIPTION, "FORMAT_DESCRIPTION_EVENT", H, "how the next events are laid out", NULL },
	{ DM_EV_XID, "XID_EVENT", H, "commit", NULL },
	{ DM_EV_BEGIN_LOAD_QUERY, "BEGIN_LOAD_QUERY_EVENT", S, STATEMENT, BY_ROWS },
	{ DM_EV_EXECUTE_LOAD_QUERY, "EXECUTE_LOAD_QUERY_EVENT", S, STATEMENT, BY_ROWS },
	{ DM_EV_TABLE_MAP, "TABLE_MAP_EVENT", H, "columns of the rows that follow", NULL },
	{ (enum dm_event_type)20, "PRE_GA_WRITE_ROWS_EVENT", S, OLD_ROWS, UPGRADE },
	{ (enum dm_event_type)21, "PRE_GA_UPDATE_ROWS_EVENT", S, OLD_ROWS, UPGRADE },
	{ (enum dm_event_type)22, "PRE_GA_DELETE_ROWS_EVENT", S, OLD_ROWS, UPGRADE },
	{ DM_EV_WRITE_ROWS_V1, "WRITE_ROWS_EVENT_V1", H, "rows", NULL },
	{ DM_EV_UPDATE_ROWS_V1, "UPDATE_ROWS_EVENT_V1", H, "rows", NULL },
	{ DM_EV_DELETE_ROWS_V1, "DELETE_ROWS_EVENT_V1", H, "rows", NULL },
	{ DM_EV_INCIDENT, "INCIDENT_EVENT", S, "the server says that its binlog lacks changes", "copy the task anew" },
	{ DM_EV_HEARTBEAT, "HEARTBEAT_LOG_EVENT", H, "the connection lives, there is nothing new", NULL },
	{ DM_EV_IGNORABLE, "IGNORABLE_LOG_EVENT", I, "made to be ignored", NULL },
	{ DM_EV_ROWS_QUERY, "ROWS_QUERY_LOG_EVENT", I, "text of the statement, for people", NULL },
	{ DM_EV_WRITE_ROWS_V2, "WRITE_ROWS_EVENT", H, "rows", NULL },
	{ DM_EV_UPDATE_ROWS_V2, "UPDATE_ROWS_EVENT", H, "rows", NULL },
	{ DM_EV_DELETE_ROWS_V2, "DELETE_ROWS_EVENT", H, "rows", NULL },
	{ DM_EV_GTID, "GTID_LOG_EVENT", H, "name of the transaction that follows", NULL },
	{ DM_EV_ANONYMOUS_GTID, "ANONYMOUS_GTID_LOG_EVENT", H, "a transaction without a name follows", NULL },
	{ DM_EV_PREVIOUS_GTIDS, "PREVIOUS_GTIDS_LOG_EVENT", H, "transactions of all earlier files", NULL },
	{ DM_EV_TRANSACTION_CONTEXT, "TRANSACTION_CONTEXT_EVENT", I, "group replication's conflict check, done by the source", NULL },
	{ DM_EV_VIEW_CHANGE, "VIEW_CHANGE_EVENT", I, "group replication's membership", NULL },
	{ DM_EV_XA_PREPARE, "XA_PREPARE_LOG_EVENT", H, "rows that come only with XA COMMIT", NULL },
	{ DM_EV_PARTIAL_UPDATE_ROWS, "PARTIAL_UPDATE_ROWS_EVENT", H, "rows, with changes of JSON values", NULL },
	{ DM_EV_TRANSACTION_PAYLOAD, "TRANSACTION_PAYLOAD_EVENT", H, "a compressed transaction", NULL },
	{ DM_EV_HEARTBEAT_V2, "HEARTBEAT_LOG_EVENT_V2", H, "the connection lives, there is nothing new", NULL },
	{ DM_EV_GTID_TAGGED, "GTID_TAGGED_LOG_EVENT", H, "name of the transaction that follows", NULL },
	{ DM_EV_MARIADB_ANNOTATE_ROWS, "ANNOTATE_ROWS_EVENT", I, "text of the statement, for people", NULL },
	{ DM_EV_MARIADB_BINLOG_CHECKPOINT, "BINLOG_CHECKPOINT_EVENT", I, "for the server's own crash recovery", NULL },
	{ DM_EV_MARIADB_GTID, "GTID_EVENT", H, "begin and name of a transaction", NULL },
	{ DM_EV_MARIADB_GTID_LIST, "GTID_LIST_EVENT", H, "transactions of all earlier files", NULL },
	{ DM_EV_MARIADB_START_ENCRYPTION, "START_ENCRYPTION_EVENT", I, "concerns the file; servers send its events decrypted", NULL },
	{ DM_EV_MARIADB_QUERY_COMPRESSED, "QUERY_COMPRESSED_EVENT", H, "DDL, BEGIN, COMMIT", NULL },
	{ DM_EV_MARIADB_WRITE_ROWS_COMPRESSED_V1, "WRITE_ROWS_COMPRESSED_EVENT_V1", H, "rows", NULL },
	{ DM_EV_MARIADB_UPDATE_ROWS_COMPRESSED_V1, "UPDATE_ROWS_COMPRESSED_EVENT_V1", H, "rows", NULL },
	{ DM_EV_MARIADB_DELETE_ROWS_COMPRESSED_V1, "DELETE_ROWS_COMPRESSED_EVENT_V1", H, "rows", NULL },
	{ (enum dm_event_type)169, "WRITE_ROWS_COMPRESSED_EVENT", S, NEVER, NULL },
	{ (enum dm_event_type)170, "UPDATE_ROWS_COMPRESSED_EVENT", S, NEVER, NULL },
	{ (enum dm_event_type)171, "DELETE_ROWS_COMPRESSED_EVENT", S, NEVER, NULL },
};
/* clang-format on */

static const struct dm_event_info unknown_ignorable = { DM_EV_UNKNOWN,
	"UNKNOWN_EVENT", I, "not known, and marked as ignorable by its writer",
	NULL };

const struct dm_event_info *
dm_event_info(uint8_t type, uint16_t flags)
{
	size_t lo = 0, hi = DM_ARRAY_SIZE(infos);

	while (lo < hi) {
		size_t mid = (lo + hi) / 2;

		if ((unsigned)infos[mid].type == type)
			return &infos[mid];
		if ((unsigned)infos[mid].type < type)
			lo = mid + 1;
		else
			hi = mid;
	}
	return (flags & DM_EVF_IGNORABLE) != 0 ? &unknown_ignorable : &infos[0];
}
