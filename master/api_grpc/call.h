/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of this folder share: one running call, its helpers. */
#ifndef DM_MASTER_API_GRPC_CALL_H
#define DM_MASTER_API_GRPC_CALL_H

#include "master/api_grpc/api.h"
#include "master/pb.h"
#include "master/sched/sched_status.h"

struct api_call {
	const struct api_env *env;
	const ProtobufCMethodDescriptor *method;
	const ProtobufCMessage *req;
	struct dm_cancel *cancel;
};

/* Returns the answer: a new message of the method's type. */
typedef ProtobufCMessage *api_fn(const struct api_call *c);

/* A new answer with its `result` and `msg`. */
void *api_answer(const struct api_call *c, bool result, const char *msg);
/* result=false and the text of err, which is freed; NULL: result=true. */
void *api_answer_err(const struct api_call *c, struct dm_err *err);

/*
 * Wait until each source has reached the goal, at most 10 s; the entries,
 * sorted by source, are appended to list. workers: see sched_judge, parallel to
 * sources; NULL: "" for each.
 */
void api_wait(const struct api_call *c, const struct sched_want *want,
    const GPtrArray *sources, const GPtrArray *workers,
    Pb__CommonWorkerResponse ***list, size_t *n);
/* Entries by source. */
void api_sort_entries(Pb__CommonWorkerResponse **list, size_t n);
/* New array of borrowed strings. */
GPtrArray *api_strings(char *const *names, size_t n);

/* api_task.c */
api_fn api_start_task, api_operate_task, api_update_task, api_check_task;
/* api_source.c */
api_fn api_operate_source, api_transfer_source;
/* api_member.c */
api_fn api_register_worker, api_offline_member, api_list_member,
    api_operate_leader;
/* api_encrypt.c */
api_fn api_encrypt;
/* api_config.c */
api_fn api_get_sub_task_cfg, api_get_cfg, api_get_master_cfg,
    api_list_task_configs, api_list_source_configs;
/* api_binlog.c */
api_fn api_handle_error, api_operate_schema;
/* api_relay.c */
api_fn api_operate_relay, api_operate_worker_relay_task, api_purge_worker_relay;
/* api_status.c */
api_fn api_query_status, api_show_ddl_locks, api_unlock_ddl_lock,
    api_not_available;

#endif
