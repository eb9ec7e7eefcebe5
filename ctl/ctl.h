/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dmctl's commands as data: what a command is called, which options it takes,
 * what it does. Parser and help read the same const tables; nothing in them is
 * written at run time. Threads: the main thread, but for ctl_transport.
 * SOURCE: dm/ctl, and the parts of cobra and pflag that users see.
 */
#ifndef DM_CTL_CTL_H
#define DM_CTL_CTL_H

#include "lib/err/err.h"
#include <protobuf-c/protobuf-c.h>
#include <stdio.h>

/* dmctl > binlog > skip, and one to spare. */
#define CTL_MAX_DEPTH 4

enum ctl_opt_kind { CTL_BOOL, CTL_STRING, CTL_LIST, CTL_INT };

struct ctl_opt {
	const char *name;
	char letter; /* 0: none */
	enum ctl_opt_kind kind;
	const char *def;       /* as text; NULL: false, "", empty, 0 */
	const char *help;      /* a word in `backquotes` names the value */
	const char *completes; /* its value: see complete.h; may be NULL */
	bool hidden;           /* from help */
	bool ours;             /* not in the original: see help.c */
};

struct ctl_inv;
typedef struct dm_err *ctl_run_fn(struct ctl_inv *inv);

struct ctl_cmd {
	const char *name;
	const char *args;  /* behind the name in the usage line; may be NULL */
	const char *alias; /* NULL: none */
	const char *brief;
	const char *text;                  /* long help; NULL: brief */
	const char *examples;              /* lines without "dmctl " */
	const char *completes;             /* arguments: see complete.h */
	bool hidden;                       /* old name: not offered at all */
	bool ours;                         /* not in the original: see help.c */
	bool offline;                      /* runs without a master */
	const struct ctl_opt *const *opts; /* NULL-terminated, may be NULL */
	const struct ctl_opt *const *shared; /* also the children's */
	const struct ctl_cmd *const *children;
	ctl_run_fn *run; /* NULL: a group; alone it prints its help */
};

/*
 * How commands reach a master. call: method of pb.Master; blocks; timeout_ms
 * -1: none; *resp as dm_rpc_unary. Threads: any.
 */
struct ctl_transport {
	struct dm_err *(*call)(void *self, const char *method,
	    const ProtobufCMessage *req, int64_t timeout_ms,
	    ProtobufCMessage **resp);
	void *self;
};

/* What all commands of one run of the program share. */
struct ctl_env {
	const struct ctl_transport *transport; /* NULL until connected */
	FILE *out;                             /* results */
	int64_t rpc_timeout_ms; /* for the calls that --rpc-timeout bounds */
	bool at_terminal;       /* a person reads `out` */
	bool table;             /* --output table */
	bool own_fields;        /* print also what DM has no field for */
	bool refused;           /* an answer said result: false */
};

/* One parsed command line. */
struct ctl_inv {
	struct ctl_env *env;
	const struct ctl_cmd *path[CTL_MAX_DEPTH]; /* root first */
	size_t depth;
	GPtrArray *args;      /* char*, owned */
	GHashTable *values;   /* struct ctl_opt* -> GPtrArray of char*, given */
	bool unknown_command; /* why parsing failed */
};

/* ---- args.c ---- */

/*
 * Parse a command line against the tree of root.
 *   words   without the program's name; borrowed.
 *   inv     memory of the caller; env is kept. Filled also on error, as far as
 *           it was understood; ctl_inv_fini in both cases.
 * Errors: plain, in cobra's and pflag's words.
 */
struct dm_err *ctl_parse(const struct ctl_cmd *root, size_t n_words,
    const char *const *words, struct ctl_inv *inv) DM_MUST_CHECK;
void ctl_inv_fini(struct ctl_inv *inv);
/* The child of that name or alias; NULL: none. */
const struct ctl_cmd *ctl_find_child(const struct ctl_cmd *c, const char *word);
const struct ctl_cmd *ctl_inv_cmd(const struct ctl_inv *inv);
/* "dmctl binlog skip". New string. */
char *ctl_path(const struct ctl_inv *inv);
/* NULL when i is beyond the arguments. Borrowed. */
const char *ctl_arg(const struct ctl_inv *inv, size_t i);
size_t ctl_n_args(const struct ctl_inv *inv);

bool ctl_given(const struct ctl_inv *inv, const struct ctl_opt *o);
bool ctl_bool(const struct ctl_inv *inv, const struct ctl_opt *o);
const char *ctl_string(const struct ctl_inv *inv, const struct ctl_opt *o);
int64_t ctl_int(const struct ctl_inv *inv, const struct ctl_opt *o);
/* *n strings, borrowed; the array fits a repeated field of a request. */
char **ctl_list(const struct ctl_inv *inv, const struct ctl_opt *o, size_t *n);

/* Options that a command understands: its own, then those of its parents;
 * NULL behind the last. Used by parser, help and completion. */
const struct ctl_opt *ctl_cmd_opt(
    const struct ctl_inv *inv, const char *name, char letter);
extern const struct ctl_opt ctl_opt_help;

/* ---- help.c ---- */

/* Usage lines, options, children; ends in a newline. New string. */
char *ctl_usage_text(const struct ctl_inv *inv);
/* The long help, the usage, and examples. New string. */
char *ctl_help_text(const struct ctl_inv *inv);
/* Is c offered to users: a child in a help text, a guess, a completion? */
bool ctl_is_offered(const struct ctl_cmd *c);

/* ---- guess.c ---- */

/* Children of c that word may have been meant for:
 * "\n\nDid you mean this?\n\tpause-task\n", or "". New string. */
char *ctl_suggestions(const struct ctl_cmd *c, const char *word);
/* The same for a long option that inv's command does not know; name without
 * dashes. New string. */
char *ctl_flag_suggestions(const struct ctl_inv *inv, const char *name);

/* ---- cmd_table.c ---- */

extern const struct ctl_cmd ctl_root;       /* one command per process */
extern const struct ctl_cmd ctl_shell_root; /* the same, between prompts */
extern const struct ctl_opt ctl_opt_config, ctl_opt_master_addr, ctl_opt_output,
    ctl_opt_rpc_timeout, ctl_opt_source, ctl_opt_ssl_ca, ctl_opt_ssl_cert,
    ctl_opt_ssl_key, ctl_opt_strict, ctl_opt_version;

/* The commands, by the file that has them. */
extern const struct ctl_cmd ctl_cmd_binlog, ctl_cmd_handle_error;
extern const struct ctl_cmd ctl_cmd_binlog_schema, ctl_cmd_operate_schema;
extern const struct ctl_cmd ctl_cmd_check_task, ctl_cmd_start_task;
extern const struct ctl_cmd ctl_cmd_complete, ctl_cmd_completion;
extern const struct ctl_cmd ctl_cmd_pause_task, ctl_cmd_resume_task,
    ctl_cmd_stop_task;
extern const struct ctl_cmd ctl_cmd_config, ctl_cmd_get_config,
    ctl_cmd_get_task_config;
extern const struct ctl_cmd ctl_cmd_config_export, ctl_cmd_config_import,
    ctl_cmd_config_source_update, ctl_cmd_config_task_update;
extern const struct ctl_cmd ctl_cmd_encrypt, ctl_cmd_explain, ctl_cmd_help;
extern const struct ctl_cmd ctl_cmd_list_member, ctl_cmd_offline_member,
    ctl_cmd_operate_leader;
extern const struct ctl_cmd ctl_cmd_operate_source, ctl_cmd_transfer_source;
extern const struct ctl_cmd ctl_cmd_start_relay, ctl_cmd_stop_relay,
    ctl_cmd_pause_relay, ctl_cmd_resume_relay, ctl_cmd_purge_relay;
extern const struct ctl_cmd ctl_cmd_query_status;
extern const struct ctl_cmd ctl_cmd_shard_ddl_lock, ctl_cmd_show_ddl_locks,
    ctl_cmd_unlock_ddl_lock;
extern const struct ctl_cmd ctl_cmd_validation;

#endif
