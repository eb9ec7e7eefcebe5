/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The suite of the commands: a line goes in; the requests that it sends, what
 * it prints and its error are compared with test/golden/ctl/run/<name>.txt.
 * The master is a table of answers. DM_GOLDEN_UPDATE=1 writes the files anew.
 */
#include "ctl/common.h"
#include "ctl/run.h"
#include "ctl/shell.h"
#include "dmmaster.pb-c.h"
#include "lib/text/pbjson.h"

#include <check.h>
#include <glib/gstdio.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define GOLDEN  "test/golden/ctl/run"
#define ANSWERS 3

struct answer {
	const char *method;
	const char *json; /* NULL: the call fails */
};

struct run_case {
	const char *name, *line;
	struct answer answers[ANSWERS];
};

#define OK       "{\"result\":true,\"msg\":\"\"}"
#define ENTRY(s) "{\"result\":true,\"source\":\"" s "\",\"worker\":\"w\"}"
#define CHECKED                                                                \
	"\"fail to check synchronization configuration with type: check was "  \
	"failed, please see detail\\n detail: {\\n\\t\\t\\\"results\\\": ["    \
	"<a>]\\n\\t}\""
/* One source with one subtask. */
#define STATUS(name, stage, more)                                              \
	"{\"result\":true,\"sourceStatus\":{\"source\":\"s-" stage "\"" more   \
	"},\"subTaskStatus\":[{\"name\":\"" name "\",\"stage\":\"" stage       \
	"\",\"unit\":\"Sync\"}]}"
#define FAILED_SUBTASK                                                         \
	"{\"result\":true,\"sourceStatus\":{\"source\":\"s3\"},"               \
	"\"subTaskStatus\":[{\"name\":\"bad\",\"stage\":\"Paused\",\"unit\":"  \
	"\"Load\",\"result\":{\"errors\":[{\"Message\":\"m\"}]}}]}"

/* @T: test/golden/ctl/in/task.yaml, @S: source.yaml, @B: broken.yaml, @C:
 * conflict.yaml there, @X: table.sql */
/* clang-format off: a table */
static const struct run_case cases[] = {
	{ "start-task", "start-task @T --remove-meta -s a,b --start-time x",
	    { { "StartTask",
		"{\"result\":true,\"sources\":[" ENTRY("a") "]}" } } },
	{ "start-task-check", "start-task @T",
	    { { "StartTask", "{\"checkResult\":" CHECKED "}" } } },
	{ "start-task-no-file", "start-task /nonexistent/t.yaml", { { 0 } } },
	{ "start-task-broken", "start-task @B", { { 0 } } },
	{ "start-task-duplicate", "start-task @D", { { 0 } } },
	{ "start-task-conflict", "start-task @C", { { 0 } } },
	{ "start-task-usage", "start-task", { { 0 } } },
	{ "check-task", "check-task @T -e 3 -w -1",
	    { { "CheckTask", "{\"msg\":" CHECKED "}" } } },
	{ "check-task-passed", "check-task @T",
	    { { "CheckTask",
		"{\"result\":true,\"msg\":\"pre-check is passed. \"}" } } },
	{ "stop-task", "stop-task @T -s a",
	    { { "OperateTask",
		"{\"op\":\"Delete\",\"result\":true,\"sources\":[" ENTRY(
		    "a") "]}" } } },
	{ "stop-task-fails", "stop-task t", { { "OperateTask", NULL } } },
	{ "pause-task-usage", "pause-task a b", { { 0 } } },
	{ "pause-task-no-source", "pause-task", { { 0 } } },
	{ "pause-task-two-sources", "pause-task -s a,b", { { 0 } } },
	{ "pause-task-batch", "pause-task -s a --batch-size 1",
	    { { "QueryStatus",
		  "{\"result\":true,\"sources\":[{\"result\":true,"
		  "\"subTaskStatus\":[{\"name\":\"t2\"},{\"name\":\"t1\"}]}"
		  "]}" },
		{ "OperateTask",
		    "{\"result\":true,\"msg\":\"\",\"sources\":[" ENTRY(
			"a") ",{\"msg\":\"no\",\"source\":\"b\"}]}" } } },
	{ "resume-task-batch-fails", "resume-task -s a",
	    { { "QueryStatus", "{\"result\":true,\"sources\":[{\"result\":true,"
			       "\"subTaskStatus\":[{\"name\":\"t1\"}]}]}" },
		{ "OperateTask", NULL } } },
	{ "stop-task-batch-refused", "stop-task -s a",
	    { { "QueryStatus",
		"{\"msg\":\"sources [a] haven't been added\"}" } } },
	{ "query-status-empty", "query-status", { { "QueryStatus", OK } } },
	{ "query-status-summary", "query-status",
	    { { "QueryStatus",
		"{\"result\":true,\"sources\":[" STATUS(
		    "t", "Running", "") "," STATUS("t", "Paused",
		    "") "," STATUS("u", "Finished", "") "," STATUS("u",
		    "Running", "") "," STATUS("r", "Running",
		    ",\"relayStatus\":{\"stage\":"
		    "\"Paused\"}") "," FAILED_SUBTASK "]}" } } },
	{ "query-status-one-false", "query-status",
	    { { "QueryStatus",
		"{\"result\":true,\"sources\":[{\"msg\":\"gone\"}]}" } } },
	{ "query-status-more", "query-status t --more",
	    { { "QueryStatus",
		"{\"result\":true,\"sources\":[{\"result\":true,"
		"\"subTaskStatus\":[{\"name\":\"t\",\"load\":{}}]}]}" } } },
	{ "query-status-fails", "query-status t -s a,b",
	    { { "QueryStatus", NULL } } },
	{ "operate-source-create", "operate-source create @S -w w1",
	    { { "OperateSource", OK } } },
	{ "operate-source-two", "operate-source create @S @S -w w1",
	    { { "OperateSource", OK } } },
	{ "operate-source-stop", "operate-source stop @S id1 -s id2",
	    { { "OperateSource", OK } } },
	{ "operate-source-stop-bare", "operate-source stop -s id2", { { 0 } } },
	{ "operate-source-show", "operate-source show",
	    { { "OperateSource", OK } } },
	{ "operate-source-update", "operate-source update @S",
	    { { "OperateSource", "{\"msg\":\"not supported\"}" } } },
	{ "operate-source-word", "operate-source drop @S", { { 0 } } },
	{ "transfer-source", "transfer-source s w",
	    { { "TransferSource", OK } } },
	{ "list-member", "list-member -l -n a,b",
	    { { "ListMember", "{\"result\":true,\"members\":[{\"leader\":{"
			      "\"name\":\"m\"}},"
			      "{\"master\":{\"masters\":[{\"name\":\"m\","
			      "\"memberID\":\"5\","
			      "\"alive\":true,\"peerURLs\":[\"http://"
			      "p\"]}]}},{\"worker\":"
			      "{}}]}" } } },
	{ "list-member-usage", "list-member x", { { 0 } } },
	{ "list-member-table", "list-member --output table",
	    { { "ListMember",
		"{\"result\":true,\"members\":[{\"leader\":{\"name\":\"m\","
		"\"addr\":\"a:1\"}},{\"master\":{\"masters\":[{\"name\":"
		"\"m\",\"alive\":true,\"clientURLs\":[\"http://a:1\"]},{"
		"\"name\":\"m2\"}]}},{\"worker\":{\"workers\":[{\"name\":"
		"\"w1\",\"addr\":\"a:2\",\"stage\":\"bound\",\"source\":"
		"\"s1\"},{\"name\":\"worker-2\",\"stage\":\"offline\"}]}}]"
		"}" } } },
	{ "list-member-table-refused", "list-member --output=table",
	    { { "ListMember", "{\"msg\":\"no leader\"}" } } },
	{ "list-member-output", "list-member --output xml", { { 0 } } },
	{ "query-status-table", "query-status t --output table",
	    { { "QueryStatus",
		"{\"result\":true,\"sources\":[{\"result\":true,"
		"\"sourceStatus\":{\"source\":\"s1\",\"worker\":\"w1\"},"
		"\"subTaskStatus\":[{\"name\":\"t\",\"stage\":\"Running\","
		"\"unit\":\"Sync\",\"sync\":{\"syncerBinlog\":"
		"\"(b.1, 4)\",\"synced\":true,\"secondsBehindMaster\":"
		"\"3\"}},{\"name\":\"t\",\"stage\":\"Running\",\"unit\":"
		"\"Load\",\"load\":{\"progress\":\"50 %\"}},{\"name\":"
		"\"t\",\"stage\":\"Stopped\",\"unit\":\"Dump\",\"dump\":{"
		"\"progress\":\"1/2\"}}]}," FAILED_SUBTASK
		",{\"msg\":\"lost\\nit\"}]}" } } },
	{ "query-status-summary-table", "query-status --output table",
	    { { "QueryStatus",
		"{\"result\":true,\"sources\":[" STATUS("t", "Running",
		    "") "," STATUS("t", "Paused", "") "]}" } } },
	{ "query-status-table-strange", "query-status t --output table",
	    { { "QueryStatus",
		"{\"result\":true,\"sources\":[{\"subTaskStatus\":[{"
		"\"name\":\"\\u4e2d\\u001b[2J\",\"msg\":\"m\"}]}]}" } } },
	{ "operate-source-table", "operate-source show --output table",
	    { { "OperateSource", "{\"result\":true,\"sources\":[" ENTRY(
				     "a") ",{\"msg\":\"no\",\"source\":"
					  "\"b\"}]}" } } },
	{ "check-task-table", "check-task @T --output table",
	    { { "CheckTask",
		"{\"msg\":\"fail to check synchronization configuration with "
		"type: check was failed, please see detail\\n detail: {"
		"\\\"results\\\":[{\\\"id\\\":1,\\\"name\\\":\\\"n1\\\","
		"\\\"state\\\":\\\"fail\\\",\\\"errors\\\":[{"
		"\\\"severity\\\":\\\"fail\\\",\\\"short_error\\\":"
		"\\\"e1\\\",\\\"instruction\\\":\\\"do it\\\"},{"
		"\\\"short_error\\\":\\\"e2\\\"}],\\\"instruction\\\":"
		"\\\"all\\\"},{\\\"name\\\":\\\"n2\\\",\\\"state\\\":"
		"\\\"warn\\\"}],\\\"summary\\\":{\\\"total\\\":5,"
		"\\\"successful\\\":3,\\\"failed\\\":1,\\\"warning\\\":1}"
		"}\"}" } } },
	{ "check-task-table-passed", "check-task @T --output table",
	    { { "CheckTask",
		"{\"result\":true,\"msg\":\"pre-check is passed. \"}" } } },
	{ "check-task-table-broken", "check-task @T --output table",
	    { { "CheckTask", "{\"msg\":" CHECKED "}" } } },
	{ "config-source-table", "config source s --output table",
	    { { "GetCfg", "{\"result\":true,\"cfg\":\"a: 1\\nb: 2\"}" } } },
	{ "shard-ddl-lock-table", "shard-ddl-lock --output table",
	    { { "ShowDDLLocks",
		"{\"result\":true,\"locks\":[{\"ID\":\"t-`d`.`t`\",\"task\":"
		"\"t\",\"mode\":\"pessimistic\",\"owner\":\"s1\",\"DDLs\":["
		"\"A\",\"B\"],\"synced\":[\"s1\"],\"unsynced\":[\"s2\","
		"\"s3\"]}]}" } } },
	{ "validation-status-table", "validation status t --output table",
	    { { "GetValidationStatus",
		"{\"result\":true,\"validators\":[{\"task\":\"t\",\"source\":"
		"\"s\",\"mode\":\"full\",\"stage\":\"Running\","
		"\"processedRowsStatus\":\"1/2/3\"}],\"tableStatuses\":[{"
		"\"source\":\"s\",\"srcTable\":\"a.b\",\"dstTable\":\"c.d\","
		"\"stage\":\"Stopped\",\"message\":\"no key\"}]}" } } },
	{ "validation-errors-table", "validation show-error t --output table",
	    { { "GetValidationError",
		"{\"result\":true,\"error\":[{\"id\":\"1\",\"source\":\"s\","
		"\"status\":\"NewErr\",\"errorType\":\"Deleted\"}]}" } } },
	{ "operate-leader-table", "operate-leader evict --output table",
	    { { "OperateLeader", OK } } },
	{ "resume-task-batch-table", "resume-task -s a --output table",
	    { { "QueryStatus", "{\"result\":true,\"sources\":[{\"result\":true,"
			       "\"subTaskStatus\":[{\"name\":\"t1\"}]}]}" },
		{ "OperateTask",
		    "{\"result\":true,\"sources\":[" ENTRY("a") "]}" } } },
	{ "stop-task-batch-table", "stop-task -s a --output table",
	    { { "QueryStatus", "{\"msg\":\"none\"}" } } },
	{ "start-task-adopt", "start-task @T --adopt",
	    { { "StartTask", OK } } },
	{ "config-task-update", "config task update @T -s a",
	    { { "CheckTask", OK },
		{ "OperateTask",
		    "{\"result\":true,\"sources\":[" ENTRY("a") "]}" },
		{ "StartTask",
		    "{\"result\":true,\"sources\":[" ENTRY("a") "]}" } } },
	{ "config-task-update-check", "config task update @T",
	    { { "CheckTask", "{\"msg\":" CHECKED "}" } } },
	{ "config-task-update-stop", "config task update @T",
	    { { "CheckTask", OK },
		{ "OperateTask",
		    "{\"result\":true,\"sources\":[{\"msg\":\"no\"}]}" } } },
	{ "config-task-update-start", "config task update @T",
	    { { "CheckTask", OK }, { "OperateTask", OK },
		{ "StartTask", "{\"msg\":\"no\"}" } } },
	{ "config-task-update-lost", "config task update @T",
	    { { "CheckTask", OK }, { "OperateTask", OK },
		{ "StartTask", NULL } } },
	{ "config-task-update-no-name", "config task update @S", { { 0 } } },
	{ "config-task-update-broken", "config task update @B", { { 0 } } },
	{ "config-task-update-usage", "config task update", { { 0 } } },
	{ "completion-bash", "completion bash", { { 0 } } },
	{ "completion-zsh", "completion zsh", { { 0 } } },
	{ "completion-fish", "completion fish", { { 0 } } },
	{ "completion-usage", "completion", { { 0 } } },
	{ "explain-internal", "explain 11002", { { 0 } } },
	{ "explain-text", "explain '[code=46003:class=scheduler]'", { { 0 } } },
	{ "explain-ours", "explain 36901", { { 0 } } },
	{ "offline-member", "offline-member --worker -n w1",
	    { { "OfflineMember", OK } } },
	{ "offline-member-refused", "offline-member --master -n w1",
	    { { "OfflineMember", "{\"msg\":\"unknown\"}" } } },
	{ "offline-member-both", "offline-member --master -w", { { 0 } } },
	{ "offline-member-no-name", "offline-member -w", { { 0 } } },
	{ "operate-leader", "operate-leader evict",
	    { { "OperateLeader", OK } } },
	{ "operate-leader-word", "operate-leader x", { { 0 } } },
	{ "start-relay", "start-relay -s a", { { "OperateRelay", OK } } },
	{ "start-relay-worker", "start-relay -s a w1 w2",
	    { { "OperateRelay", OK } } },
	{ "stop-relay-two", "stop-relay -s a,b", { { 0 } } },
	{ "pause-relay", "pause-relay -s a,b",
	    { { "OperateWorkerRelayTask", OK } } },
	{ "resume-relay-none", "resume-relay", { { 0 } } },
	{ "purge-relay", "purge-relay -s a -f 'mysql-bin.000006'",
	    { { "PurgeWorkerRelay", OK } } },
	{ "purge-relay-dir",
	    "purge-relay -s a -f \"'mysql-bin.000006'\" --sub-dir u.000001",
	    { { "PurgeWorkerRelay", OK } } },
	{ "purge-relay-no-file", "purge-relay -s a", { { 0 } } },
	{ "purge-relay-two", "purge-relay -s a,b -f x", { { 0 } } },
	{ "shard-ddl-lock", "shard-ddl-lock @T -s a",
	    { { "ShowDDLLocks", "{\"result\":true,\"locks\":[{\"ID\":\"t-`"
				"a`.`b`\"}]}" } } },
	{ "shard-ddl-lock-unlock",
	    "shard-ddl-lock unlock id -a exec -d d -t t -s a -f -o b",
	    { { "UnlockDDLLock", OK } } },
	{ "unlock-ddl-lock-action", "unlock-ddl-lock id --action drop",
	    { { 0 } } },
	{ "binlog-skip", "binlog skip @T -b mysql-bin.000001:4 -s a",
	    { { "HandleError", OK } } },
	{ "binlog-skip-pos", "binlog skip t -b mysql-bin:x", { { 0 } } },
	{ "binlog-revert", "binlog revert t more", { { "HandleError", OK } } },
	{ "binlog-list-help", "binlog list", { { 0 } } },
	{ "binlog-replace",
	    "binlog replace t \"ALTER TABLE a.b ADD c INT; ALTER TABLE a.b "
	    "ADD d INT;\"",
	    { { "HandleError", OK } } },
	{ "binlog-inject", "binlog inject t ALTER TABLE a.b ADD c INT",
	    { { "HandleError", OK } } },
	{ "binlog-replace-none", "binlog replace t ;", { { 0 } } },
	{ "binlog-inject-bad", "binlog inject t \"garbage out\"", { { 0 } } },
	{ "handle-error",
	    "handle-error t replace \"ALTER TABLE a.b ADD c "
	    "INT\"",
	    { { "HandleError", OK } } },
	{ "handle-error-skip", "handle-error t skip -b f:4",
	    { { "HandleError", OK } } },
	{ "handle-error-sql", "handle-error t skip x", { { 0 } } },
	{ "handle-error-no-sql", "handle-error t replace", { { 0 } } },
	{ "handle-error-word", "handle-error t drop", { { 0 } } },
	{ "binlog-schema-list", "binlog-schema list t d tb -s a",
	    { { "OperateSchema", OK } } },
	{ "binlog-schema-delete", "binlog-schema delete t d tb",
	    { { "OperateSchema", OK } } },
	{ "binlog-schema-update", "binlog-schema update t d tb @X --sync=false",
	    { { "OperateSchema", OK } } },
	{ "binlog-schema-update-source",
	    "binlog-schema update t d tb --from-source",
	    { { "OperateSchema", OK } } },
	{ "binlog-schema-update-both",
	    "binlog-schema update t d tb --from-source --from-target",
	    { { 0 } } },
	{ "binlog-schema-update-file",
	    "binlog-schema update t d tb @X --from-target", { { 0 } } },
	{ "operate-schema", "operate-schema set -s a t @X -d d -t tb",
	    { { "OperateSchema", OK } } },
	{ "operate-schema-get", "operate-schema get -s a t @X -d d -t tb",
	    { { "OperateSchema", OK } } },
	{ "operate-schema-no-file", "operate-schema set -s a t -d d -t tb",
	    { { 0 } } },
	{ "operate-schema-no-table", "operate-schema get -s a t -d d",
	    { { 0 } } },
	{ "config-task", "config task @T",
	    { { "GetCfg", "{\"result\":true,\"cfg\":\"name: t\\n\"}" } } },
	{ "config-worker-fails", "config worker w", { { "GetCfg", NULL } } },
	{ "get-config", "get-config master m1", { { "GetCfg", OK } } },
	{ "get-config-type", "get-config relay m1", { { 0 } } },
	{ "config-import-none", "config import -p /nonexistent/x", { { 0 } } },
	{ "validation-start", "validation start t --mode fast -s a",
	    { { "StartValidation",
		"{\"result\":true,\"msg\":\"success\"}" } } },
	{ "validation-start-all",
	    "validation start --all-task --start-time '2021-10-21 "
	    "00:01:00'",
	    { { "StartValidation", OK } } },
	{ "validation-start-neither", "validation start", { { 0 } } },
	{ "validation-start-mode", "validation start t --mode slow",
	    { { 0 } } },
	{ "validation-start-time", "validation start t --start-time now",
	    { { 0 } } },
	{ "validation-stop-many", "validation stop a b", { { 0 } } },
	{ "validation-status", "validation status t --table-stage stopped",
	    { { "GetValidationStatus", OK } } },
	{ "validation-status-stage", "validation status t --table-stage x",
	    { { 0 } } },
	{ "validation-show-error", "validation show-error t",
	    { { "GetValidationError", OK } } },
	{ "validation-show-error-none", "validation show-error", { { 0 } } },
	{ "validation-ignore-error", "validation ignore-error t 7",
	    { { "OperateValidationError", OK } } },
	{ "validation-clear-error-all", "validation clear-error t --all",
	    { { "OperateValidationError", OK } } },
	{ "validation-resolve-error-id", "validation resolve-error t x",
	    { { 0 } } },
	{ "validation-resolve-error-both", "validation resolve-error t",
	    { { 0 } } },
	{ "validation-update",
	    "validation update t --cutover-binlog-pos '(mysql-bin.000001, "
	    "4)'",
	    { { "UpdateValidation", OK } } },
	{ "validation-update-both",
	    "validation update t --cutover-binlog-pos x "
	    "--cutover-binlog-gtid y",
	    { { 0 } } },
	{ "validation-update-pos",
	    "validation update t --cutover-binlog-pos '(mysql-bin.000001, "
	    "x)'",
	    { { 0 } } },
	{ "encrypt", "encrypt 123456",
	    { { "Encrypt", "{\"result\":true,\"ciphertext\":\"abc==\"}" } } },
	{ "encrypt-refused", "encrypt 123456",
	    { { "Encrypt", "{\"msg\":\"secret key not initialized\"}" } } },
	{ "help-command", "help binlog skip", { { 0 } } },
	{ "help-unknown", "help nope", { { 0 } } },
	{ "explain", "explain code=10006", { { 0 } } },
	{ "explain-unknown", "explain 7", { { 0 } } },
};
/* clang-format on */

/* ---- the master ---- */

struct master {
	const struct run_case *c;
	FILE *out;
	pthread_mutex_t mu; /* batches call from several threads */
};

static void
record(FILE *out, const char *method, const ProtobufCMessage *req)
{
	g_autofree char *text =
	    dm_pbjson_print(req, &(struct dm_pbjson_opts){ 0, true });

	fprintf(out, "-> %s %s", method, text);
}

static struct dm_err *
answer(void *self, const char *method, const ProtobufCMessage *req,
    int64_t timeout_ms, ProtobufCMessage **resp)
{
	struct master *m = self;
	const ProtobufCMethodDescriptor *d =
	    protobuf_c_service_descriptor_get_method_by_name(
		&pb__master__descriptor, method);

	(void)timeout_ms;
	ck_assert_ptr_nonnull(d);
	ck_assert_ptr_eq(req->descriptor, d->input);
	pthread_mutex_lock(&m->mu);
	record(m->out, method, req);
	pthread_mutex_unlock(&m->mu);
	for (size_t i = 0; i < ANSWERS; i++) {
		const struct answer *a = &m->c->answers[i];

		if (a->method == NULL || strcmp(a->method, method) != 0)
			continue;
		if (a->json == NULL)
			return dm_err_plain(
			    "rpc error: code = Unknown desc = no");
		return dm_pbjson_parse(
		    d->output, a->json, strlen(a->json), resp);
	}
	ck_abort_msg("%s: unexpected call of %s", m->c->name, method);
	return NULL;
}

/* ---- running ---- */

static char *
expand(const char *line)
{
	static const struct {
		const char *mark, *file;
	} files[] = { { "@T", "task.yaml" }, { "@S", "source.yaml" },
		{ "@B", "broken.yaml" }, { "@C", "conflict.yaml" },
		{ "@D", "duplicate.yaml" }, { "@X", "table.sql" } };
	g_autoptr(GString) s = g_string_new(line);

	for (size_t i = 0; i < DM_ARRAY_SIZE(files); i++) {
		g_autofree char *path =
		    g_strconcat("test/golden/ctl/in/", files[i].file, NULL);

		g_string_replace(s, files[i].mark, path, 0);
	}
	return g_strdup(s->str);
}

static char *
run_line(const struct run_case *c, const char *line, bool *refused)
{
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);
	struct master m = { c, out, PTHREAD_MUTEX_INITIALIZER };
	struct ctl_transport t = { answer, &m };
	struct ctl_env env = { .transport = &t, .out = out };
	struct ctl_inv inv = { .env = &env };
	g_auto(GStrv) words = ctl_split(line);
	struct dm_err *err = ctl_parse(
	    &ctl_root, g_strv_length(words), (const char *const *)words, &inv);

	if (err == NULL)
		err = ctl_dispatch(&inv);
	if (err != NULL)
		ctl_report(out, &inv, err);
	dm_err_free(err);
	ctl_inv_fini(&inv);
	fclose(out);
	if (refused != NULL)
		*refused = env.refused;
	return text;
}

START_TEST(a_command_does_what_the_golden_file_says)
{
	const struct run_case *c = &cases[_i];
	g_autofree char *path = g_strdup_printf(GOLDEN "/%s.txt", c->name);
	g_autofree char *line = expand(c->line), *want = NULL, *got = NULL;
	char *out = run_line(c, line, NULL);

	got = g_strdup_printf("$ dmctl %s\n%s", line, out);
	free(out);
	if (g_getenv("DM_GOLDEN_UPDATE") != NULL)
		ck_assert(g_file_set_contents(path, got, -1, NULL));
	ck_assert_msg(g_file_get_contents(path, &want, NULL, NULL),
	    "no golden file %s", path);
	ck_assert_str_eq(got, want);
}
END_TEST

/* ---- what golden files cannot say ---- */

static const struct {
	const char *json;
	bool refused;
} refusals[] = {
	{ OK, false },
	{ "{\"result\":false}", true },
	{ "{\"result\":true,\"sources\":[" ENTRY("a") "]}", false },
	{ "{\"result\":true,\"sources\":[" ENTRY("a") ",{\"msg\":\"x\"}]}",
	    true },
};

START_TEST(a_result_of_false_is_noticed_for_strict)
{
	struct run_case c = { "refused", "query-status t",
		{ { "QueryStatus", refusals[_i].json } } };
	bool refused;

	free(run_line(&c, c.line, &refused));
	ck_assert(refused == refusals[_i].refused);
}
END_TEST

static char *
read_in(const char *dir, const char *name)
{
	g_autofree char *path = g_build_filename(dir, name, NULL);
	char *text = NULL;

	ck_assert_msg(g_file_get_contents(path, &text, NULL, NULL), "%s", path);
	return text;
}

static void
remove_tree(const char *dir)
{
	static const char *const names[] = { "sources/s1.yaml",
		"sources/s2.yaml", "sources", "tasks/t1.yaml", "tasks",
		"relay_workers.json", "cfg.yaml", "" };

	for (size_t i = 0; i < DM_ARRAY_SIZE(names); i++) {
		g_autofree char *path = g_build_filename(dir, names[i], NULL);

		g_remove(path);
	}
}

START_TEST(what_is_exported_can_be_imported)
{
	g_autofree char *dir = g_dir_make_tmp("dmctl-XXXXXX", NULL);
	g_autofree char *export = g_strdup_printf("config export -p %s", dir);
	g_autofree char *import = g_strdup_printf("config import -d %s", dir);
	g_autofree char *s1 = NULL, *t1 = NULL, *relay = NULL;
	struct run_case ex = { "export", export,
		{ { "ListSourceConfigs",
		      "{\"result\":true,\"sourceConfigs\":{\"s1\":\"source-id:"
		      " s1\\n\",\"s2\":\"enable-relay: true\\n\"}}" },
		    { "ListTaskConfigs",
			"{\"result\":true,\"taskConfigs\":{\"t1\":\"name: "
			"t1\\n\"}}" },
		    { "QueryStatus",
			"{\"result\":true,\"sources\":[{\"sourceStatus\":{"
			"\"source\":\"s1\",\"worker\":\"w2\",\"relayStatus\":"
			"{}}},{\"sourceStatus\":{\"source\":\"s1\","
			"\"worker\":\"w1\",\"relayStatus\":{}}},{"
			"\"sourceStatus\":{\"source\":\"s2\",\"worker\":"
			"\"w3\",\"relayStatus\":{}}}]}" } } };
	struct run_case im = { "import", import,
		{ { "OperateSource", "{\"msg\":\"s already exists\"}" },
		    { "StartTask", "{\"msg\":\"no worker\"}" } } };
	char *out = run_line(&ex, export, NULL);

	ck_assert_ptr_nonnull(strstr(out, "` succeed\n"));
	free(out);
	s1 = read_in(dir, "sources/s1.yaml");
	t1 = read_in(dir, "tasks/t1.yaml");
	relay = read_in(dir, "relay_workers.json");
	ck_assert_str_eq(s1, "source-id: s1\n");
	ck_assert_str_eq(t1, "name: t1\n");
	ck_assert_str_eq(relay, "{\"s1\":[\"w1\",\"w2\"]}");

	out = run_line(&im, import, NULL);
	ck_assert_ptr_nonnull(strstr(out, "start creating sources\n"));
	ck_assert_ptr_nonnull(strstr(out, "enable-relay: true"));
	/* The answer names lines of a file: here is which. */
	ck_assert_ptr_nonnull(strstr(out, "Error: fail to create tasks: "));
	ck_assert(g_str_has_suffix(out, "/tasks/t1.yaml\n"));
	free(out);
	im.answers[1].json = OK;
	out = run_line(&im, import, NULL);
	ck_assert_ptr_nonnull(strstr(out,
	    "/relay_workers.json`.\nCurrently DM doesn't support recover relay "
	    "workers. You may need"));
	free(out);
	remove_tree(dir);
}
END_TEST

/* `succeed` would be wrong of what could not be looked into. */
START_TEST(an_import_of_what_is_no_directory_fails)
{
	g_autofree char *dir = g_dir_make_tmp("dmctl-XXXXXX", NULL);
	g_autofree char *line = g_strdup_printf("config import -p %s", dir);
	g_autofree char *path = g_build_filename(dir, "sources", NULL);
	struct run_case c = { "import", line, { { 0 } } };
	char *out;

	ck_assert(g_file_set_contents(path, "", 0, NULL));
	out = run_line(&c, line, NULL);
	ck_assert_ptr_nonnull(strstr(out, "Error: "));
	ck_assert_ptr_nonnull(strstr(out, path));
	ck_assert_ptr_null(strstr(out, "succeed"));
	free(out);
	remove_tree(dir);
}
END_TEST

START_TEST(names_from_the_network_stay_inside_the_directory)
{
	g_autofree char *dir = g_dir_make_tmp("dmctl-XXXXXX", NULL);
	g_autofree char *line = g_strdup_printf("config export -p %s", dir);
	struct run_case c = { "export", line,
		{ { "ListSourceConfigs",
		      "{\"result\":true,\"sourceConfigs\":{\"../x\":\"\"}}" },
		    { "ListTaskConfigs", OK } } };
	char *out = run_line(&c, line, NULL);

	ck_assert_ptr_nonnull(
	    strstr(out, "Error: \"../x\" cannot be the name of a file"));
	free(out);
	remove_tree(dir);
}
END_TEST

START_TEST(a_configuration_goes_to_a_private_file)
{
	g_autofree char *dir = g_dir_make_tmp("dmctl-XXXXXX", NULL);
	g_autofree char *line =
	    g_strdup_printf("config source s -p %s/cfg.yaml", dir);
	g_autofree char *path = g_build_filename(dir, "cfg.yaml", NULL);
	g_autofree char *text = NULL;
	struct run_case c = { "config", line,
		{ { "GetCfg", "{\"result\":true,\"cfg\":\"a: 1\\n\"}" } } };
	char *out = run_line(&c, line, NULL);
	GStatBuf st;

	ck_assert_ptr_nonnull(strstr(out, "cfg.yaml succeed\""));
	ck_assert_ptr_nonnull(strstr(out, "\"cfg\": \"\""));
	free(out);
	text = read_in(dir, "cfg.yaml");
	ck_assert_str_eq(text, "a: 1\n");
	ck_assert_int_eq(g_stat(path, &st), 0);
	ck_assert_int_eq(st.st_mode & 0777, 0600);
	remove_tree(dir);
}
END_TEST

START_TEST(the_prompt_prints_errors_and_goes_on)
{
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);
	struct ctl_env env = { .out = out };

	ctl_shell_line(&env, "update-task 'a b'");
	ctl_shell_line(&env, "# nothing");
	fclose(out);
	ck_assert_ptr_eq(
	    strstr(text,
		"fail to run: [update-task a b]\n"
		"Error: unknown command \"update-task\" for \"dmctl\"\n"
		"Run 'dmctl --help' for usage.\n"),
	    text);
	free(text);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("ctl/commands");
	TCase *tc = tcase_create("commands");
	SRunner *sr = srunner_create(s);
	int failed;

	tcase_add_loop_test(tc, a_command_does_what_the_golden_file_says, 0,
	    DM_ARRAY_SIZE(cases));
	tcase_add_loop_test(tc, a_result_of_false_is_noticed_for_strict, 0,
	    DM_ARRAY_SIZE(refusals));
	tcase_add_test(tc, what_is_exported_can_be_imported);
	tcase_add_test(tc, an_import_of_what_is_no_directory_fails);
	tcase_add_test(tc, names_from_the_network_stay_inside_the_directory);
	tcase_add_test(tc, a_configuration_goes_to_a_private_file);
	tcase_add_test(tc, the_prompt_prints_errors_and_goes_on);
	suite_add_tcase(s, tc);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
