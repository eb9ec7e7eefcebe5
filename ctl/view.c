/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Answers of the master as tables.
 *
 * DESIGN: one function per type of answer, chosen by the message's descriptor,
 * so that commands print without knowing the form. Columns are for people: a
 * program reads the JSON.
 */
#include "ctl/view.h"
#include "ctl/table.h"
#include "dmmaster.pb-c.h"

#include <inttypes.h>
#include <string.h>

#define HEADS(...) ((const char *const[]){ __VA_ARGS__, NULL })

static const char *
enum_name(const ProtobufCEnumDescriptor *d, int value)
{
	const ProtobufCEnumValue *v =
	    protobuf_c_enum_descriptor_get_value(d, value);

	return v != NULL ? v->name : "?";
}

static const char *
yes_no(bool b)
{
	return b ? "yes" : "no";
}

static void
finish(struct ctl_table *t, FILE *f)
{
	ctl_table_print(t, f);
	ctl_table_free(t);
}

/* New string. */
static char *
joined(char *const *list, size_t n, const char *by)
{
	GString *s = g_string_new(NULL);

	for (size_t i = 0; i < n; i++)
		g_string_append_printf(s, "%s%s", i > 0 ? by : "", list[i]);
	return g_string_free(s, FALSE);
}

/* ---- query-status ---- */

/* The first error; "" if there is none. New string. */
static char *
first_error(const Pb__ProcessResult *r)
{
	const Pb__ProcessError *e;

	if (r == NULL || r->n_errors == 0)
		return g_strdup("");
	e = r->errors[0];
	return g_strdup_printf("%d: %s%s%s", e->errcode, e->message,
	    e->rawcause[0] != '\0' ? ": " : "", e->rawcause);
}

/* How far a subtask is. New string. */
static char *
progress(const Pb__SubTaskStatus *st)
{
	switch (st->status_case) {
	case PB__SUB_TASK_STATUS__STATUS_DUMP:
		return g_strdup(st->dump->progress);
	case PB__SUB_TASK_STATUS__STATUS_LOAD:
		return g_strdup(st->load->progress);
	case PB__SUB_TASK_STATUS__STATUS_SYNC:
		return g_strdup(st->sync->syncerbinlog);
	case PB__SUB_TASK_STATUS__STATUS_MSG:
		return g_strdup(st->msg);
	case PB__SUB_TASK_STATUS__STATUS_CHECK:
	case PB__SUB_TASK_STATUS__STATUS__NOT_SET:
	case _PB__SUB_TASK_STATUS__STATUS__CASE_IS_INT_SIZE:
		break;
	}
	return g_strdup("");
}

static void
row_of_subtask(struct ctl_table *t, const Pb__QueryStatusResponse *e,
    const Pb__SubTaskStatus *st)
{
	const Pb__SourceStatus *src = e->sourcestatus;
	const Pb__SyncStatus *sync =
	    st->status_case == PB__SUB_TASK_STATUS__STATUS_SYNC ? st->sync
								: NULL;
	g_autofree char *error = first_error(st->result);
	g_autofree char *done = progress(st);
	g_autofree char *lag = sync == NULL ? NULL
					    : g_strdup_printf("%" PRId64 " s",
						  sync->secondsbehindmaster);
	const char *cells[] = { st->name, src != NULL ? src->source : "",
		src != NULL ? src->worker : "",
		enum_name(&pb__stage__descriptor, (int)st->stage),
		enum_name(&pb__unit_type__descriptor, (int)st->unit), done, lag,
		sync != NULL ? yes_no(sync->synced) : "", error };

	ctl_table_row(t, cells);
}

static void
view_status(FILE *f, const ProtobufCMessage *msg)
{
	const Pb__QueryStatusListResponse *r =
	    (const Pb__QueryStatusListResponse *)msg;
	struct ctl_table *t = ctl_table_new(HEADS("TASK", "SOURCE", "WORKER",
	    "STAGE", "UNIT", "PROGRESS", "LAG", "SYNCED", "ERROR"));

	for (size_t i = 0; i < r->n_sources; i++) {
		const Pb__QueryStatusResponse *e = r->sources[i];
		const Pb__SourceStatus *src = e->sourcestatus;
		const char *bare[] = { "", src != NULL ? src->source : "",
			src != NULL ? src->worker : "", "", "", "", "", "",
			e->msg };

		for (size_t k = 0; k < e->n_subtaskstatus; k++)
			row_of_subtask(t, e, e->subtaskstatus[k]);
		if (e->n_subtaskstatus == 0)
			ctl_table_row(t, bare);
	}
	finish(t, f);
}

/* ---- list-member ---- */

static void
rows_of_masters(struct ctl_table *t, const Pb__ListMasterMember *m)
{
	for (size_t i = 0; i < m->n_masters; i++) {
		const Pb__MasterInfo *info = m->masters[i];
		g_autofree char *urls =
		    joined(info->clienturls, info->n_clienturls, ",");
		const char *cells[] = { "master", info->name, urls,
			info->alive ? "alive" : "dead", "" };

		ctl_table_row(t, cells);
	}
}

static void
rows_of_workers(struct ctl_table *t, const Pb__ListWorkerMember *m)
{
	for (size_t i = 0; i < m->n_workers; i++) {
		const Pb__WorkerInfo *info = m->workers[i];
		const char *cells[] = { "worker", info->name, info->addr,
			info->stage, info->source };

		ctl_table_row(t, cells);
	}
}

static void
view_members(FILE *f, const ProtobufCMessage *msg)
{
	const Pb__ListMemberResponse *r = (const Pb__ListMemberResponse *)msg;
	struct ctl_table *t =
	    ctl_table_new(HEADS("KIND", "NAME", "ADDRESS", "STATE", "SOURCE"));

	for (size_t i = 0; i < r->n_members; i++) {
		const Pb__Members *m = r->members[i];
		const char *leader[] = { "leader", NULL, NULL, "", "" };

		switch (m->member_case) {
		case PB__MEMBERS__MEMBER_LEADER:
			leader[1] = m->leader->name;
			leader[2] = m->leader->addr;
			/* Filtered out: it stays present with an empty name. */
			if (m->leader->name[0] != '\0')
				ctl_table_row(t, leader);
			break;
		case PB__MEMBERS__MEMBER_MASTER:
			rows_of_masters(t, m->master);
			break;
		case PB__MEMBERS__MEMBER_WORKER:
			rows_of_workers(t, m->worker);
			break;
		case PB__MEMBERS__MEMBER__NOT_SET:
		case _PB__MEMBERS__MEMBER__CASE_IS_INT_SIZE:
			break;
		}
	}
	finish(t, f);
}

/* ---- shard-ddl-lock ---- */

static void
view_locks(FILE *f, const ProtobufCMessage *msg)
{
	const Pb__ShowDDLLocksResponse *r =
	    (const Pb__ShowDDLLocksResponse *)msg;
	struct ctl_table *t = ctl_table_new(HEADS("LOCK", "TASK", "MODE",
	    "OWNER", "SYNCED", "UNSYNCED", "STATEMENTS"));

	for (size_t i = 0; i < r->n_locks; i++) {
		const Pb__DDLLock *l = r->locks[i];
		g_autofree char *synced = joined(l->synced, l->n_synced, ",");
		g_autofree char *open = joined(l->unsynced, l->n_unsynced, ",");
		g_autofree char *ddls = joined(l->ddls, l->n_ddls, "; ");
		const char *cells[] = { l->id, l->task, l->mode, l->owner,
			synced, open, ddls };

		ctl_table_row(t, cells);
	}
	finish(t, f);
}

/* ---- validation ---- */

static void
view_validation(FILE *f, const ProtobufCMessage *msg)
{
	const Pb__GetValidationStatusResponse *r =
	    (const Pb__GetValidationStatusResponse *)msg;
	struct ctl_table *t = ctl_table_new(HEADS("TASK", "SOURCE", "MODE",
	    "STAGE", "POSITION", "PROCESSED", "PENDING", "ERRORS", "PROBLEM"));

	for (size_t i = 0; i < r->n_validators; i++) {
		const Pb__ValidationStatus *v = r->validators[i];
		g_autofree char *error = first_error(v->result);
		const char *cells[] = { v->task, v->source, v->mode,
			enum_name(&pb__stage__descriptor, (int)v->stage),
			v->validatorbinlog, v->processedrowsstatus,
			v->pendingrowsstatus, v->errorrowsstatus, error };

		ctl_table_row(t, cells);
	}
	finish(t, f);
	if (r->n_tablestatuses == 0)
		return;
	fputc('\n', f);
	t = ctl_table_new(HEADS(
	    "SOURCE", "SOURCE TABLE", "TARGET TABLE", "STAGE", "MESSAGE"));
	for (size_t i = 0; i < r->n_tablestatuses; i++) {
		const Pb__ValidationTableStatus *s = r->tablestatuses[i];
		const char *cells[] = { s->source, s->srctable, s->dsttable,
			enum_name(&pb__stage__descriptor, (int)s->stage),
			s->message };

		ctl_table_row(t, cells);
	}
	finish(t, f);
}

static void
view_row_errors(FILE *f, const ProtobufCMessage *msg)
{
	const Pb__GetValidationErrorResponse *r =
	    (const Pb__GetValidationErrorResponse *)msg;
	struct ctl_table *t =
	    ctl_table_new(HEADS("ID", "SOURCE", "TYPE", "STATE", "SOURCE TABLE",
		"SOURCE ROW", "TARGET TABLE", "TARGET ROW", "MESSAGE"));

	for (size_t i = 0; i < r->n_error; i++) {
		const Pb__ValidationError *e = r->error[i];
		const char *cells[] = { e->id, e->source, e->errortype,
			enum_name(&pb__validate_error_state__descriptor,
			    (int)e->status),
			e->srctable, e->srcdata, e->dsttable, e->dstdata,
			e->message };

		ctl_table_row(t, cells);
	}
	finish(t, f);
}

/* ---- configurations, and all others ---- */

static void
view_config(FILE *f, const ProtobufCMessage *msg)
{
	const Pb__GetCfgResponse *r = (const Pb__GetCfgResponse *)msg;
	size_t n = strlen(r->cfg);

	fputs(r->cfg, f);
	if (n > 0 && r->cfg[n - 1] != '\n')
		fputc('\n', f);
}

/* The field of that name and type at the top of msg; NULL: it has none. */
static const void *
field(const ProtobufCMessage *msg, const char *name, ProtobufCType type,
    const ProtobufCFieldDescriptor **f)
{
	*f = protobuf_c_message_descriptor_get_field_by_name(
	    msg->descriptor, name);
	if (*f == NULL || (*f)->type != type)
		return NULL;
	return (const char *)msg + (*f)->offset;
}

/* False: the message has no entries to show. */
static bool
view_any(FILE *f, const ProtobufCMessage *msg)
{
	const ProtobufCFieldDescriptor *fd;
	const void *at = field(msg, "sources", PROTOBUF_C_TYPE_MESSAGE, &fd);
	Pb__CommonWorkerResponse *const *entries;
	struct ctl_table *t;
	size_t n;

	if (at == NULL ||
	    fd->descriptor != &pb__common_worker_response__descriptor)
		return false;
	entries = *(Pb__CommonWorkerResponse *const *const *)at;
	n = *(const size_t *)((const char *)msg + fd->quantifier_offset);
	t = ctl_table_new(HEADS("SOURCE", "WORKER", "RESULT", "MESSAGE"));
	for (size_t i = 0; i < n; i++) {
		const char *cells[] = { entries[i]->source, entries[i]->worker,
			entries[i]->result ? "ok" : "failed", entries[i]->msg };

		ctl_table_row(t, cells);
	}
	finish(t, f);
	return true;
}

static const struct view {
	const ProtobufCMessageDescriptor *of;
	void (*show)(FILE *f, const ProtobufCMessage *msg);
} views[] = {
	{ &pb__query_status_list_response__descriptor, view_status },
	{ &pb__list_member_response__descriptor, view_members },
	{ &pb__show_ddllocks_response__descriptor, view_locks },
	{ &pb__get_validation_status_response__descriptor, view_validation },
	{ &pb__get_validation_error_response__descriptor, view_row_errors },
	{ &pb__get_cfg_response__descriptor, view_config },
};

/* "ok", or "failed", and what the answer says about it. */
static bool
head_line(FILE *f, const ProtobufCMessage *msg)
{
	const ProtobufCFieldDescriptor *fd;
	const protobuf_c_boolean *result =
	    field(msg, "result", PROTOBUF_C_TYPE_BOOL, &fd);
	char *const *text = field(msg, "msg", PROTOBUF_C_TYPE_STRING, &fd);
	bool ok = result == NULL || *result;
	bool says = text != NULL && (*text)[0] != '\0';

	if (!ok || says)
		fprintf(f, "%s%s%s\n", ok ? "ok" : "failed", says ? ": " : "",
		    says ? *text : "");
	return !ok || says;
}

void
ctl_view(FILE *f, const ProtobufCMessage *msg)
{
	bool said = head_line(f, msg);

	for (size_t i = 0; i < DM_ARRAY_SIZE(views); i++) {
		if (views[i].of == msg->descriptor) {
			views[i].show(f, msg);
			return;
		}
	}
	if (!view_any(f, msg) && !said)
		fputs("ok\n", f);
}
