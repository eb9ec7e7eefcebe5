/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What commands do alike: call the master, print, read files. Threads: the
 * main thread, but for ctl_call.
 */
#ifndef DM_CTL_COMMON_H
#define DM_CTL_COMMON_H

#include "ctl/ctl.h"
#include <jansson.h>

/* No configuration file may be larger: gRPC would not carry it. */
#define CTL_MAX_FILE_BYTES ((gsize)4 << 20)

/* ---- print.c ---- */

/* A line on stdout. */
void ctl_line(struct ctl_inv *inv, const char *fmt, ...) DM_PRINTF(2, 3);
/* "please check output to see error": what went wrong was printed already. */
struct dm_err *ctl_see_output(void) DM_MUST_CHECK;
/* A line on stdout, then ctl_see_output. */
struct dm_err *ctl_fail(struct ctl_inv *inv, const char *fmt, ...)
    DM_PRINTF(2, 3) DM_MUST_CHECK;
/* The command's usage on stdout, then ctl_see_output. */
struct dm_err *ctl_usage(struct ctl_inv *inv) DM_MUST_CHECK;
/* The command's usage on stdout, then takes and returns err. */
struct dm_err *ctl_usage_err(
    struct ctl_inv *inv, struct dm_err *err) DM_MUST_CHECK;
/* The command's help on stdout; never an error. */
struct dm_err *ctl_help(struct ctl_inv *inv) DM_MUST_CHECK;

/* A response in form P1 (control-plane 2.3), or as a table where --output says
 * so; notes a result: false. */
void ctl_print(struct ctl_inv *inv, const ProtobufCMessage *msg);
/* Form P3: text is *field of msg, pasted unescaped when it is the outcome of a
 * precheck (control-plane 2.7). */
void ctl_print_check(
    struct ctl_inv *inv, const ProtobufCMessage *msg, char **field);
/* Form P2: as Go prints ordinary values. */
void ctl_print_json(struct ctl_inv *inv, const json_t *j);
/* An answer that is made here: as ctl_print_json, or its list as a table, with
 * a column for each of keys. Both arrays: NULL-terminated, of one length. */
void ctl_print_list(struct ctl_inv *inv, const json_t *answer, const char *list,
    const char *const *keys, const char *const *heads);
/* New reference; bytes that are no UTF-8 are replaced. */
json_t *ctl_json_string(const char *text);

/* ---- call.c ---- */

/* One call without a time limit. resp: see ctl_transport. */
struct dm_err *ctl_call(struct ctl_env *env, const char *method,
    const ProtobufCMessage *req, ProtobufCMessage **resp) DM_MUST_CHECK;
/* One call that --rpc-timeout bounds. */
struct dm_err *ctl_call_timed(struct ctl_env *env, const char *method,
    const ProtobufCMessage *req, ProtobufCMessage **resp) DM_MUST_CHECK;
/* protobuf-c has no const strings; a request's are only read. */
static inline char *
ctl_pb(const char *s)
{
	return (char *)(uintptr_t)s;
}
/* ctl_call, then ctl_print. */
struct dm_err *ctl_call_print(struct ctl_inv *inv, const char *method,
    const ProtobufCMessage *req) DM_MUST_CHECK;

/* DM_AUTO for responses: frees an unpacked message of any type. */
void ctl_message_free_(void *pp);
#define CTL_AUTO_MESSAGE __attribute__((cleanup(ctl_message_free_)))

/* ---- file.c ---- */

/* *text: new, the whole file. Errors: "error in get file content: open ..." */
struct dm_err *ctl_read_file(const char *path, char **text) DM_MUST_CHECK;
/* Write a file with mode 0600, replacing it. */
struct dm_err *ctl_write_file(const char *path, const char *text) DM_MUST_CHECK;
/* One YAML mapping without duplicate keys? Errors: CONFIG_YAML_TRANSFORM. */
struct dm_err *ctl_check_yaml(const char *path, const char *text) DM_MUST_CHECK;
/* The scalar of a key at the top of a YAML text; NULL: none, or the text cannot
 * be parsed. New string. */
char *ctl_yaml_scalar(const char *text, const char *key);
/* The task that <task-or-file> means; new string. */
char *ctl_task_name(const char *task_or_file);

#endif
