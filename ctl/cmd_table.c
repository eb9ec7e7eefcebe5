/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The root of the commands and the options that all of them know. Children
 * stand sorted by name, as help prints them.
 */
#include "ctl/ctl.h"
#include "ctl/shell.h"

const struct ctl_opt ctl_opt_config = {
	.name = "config",
	.kind = CTL_STRING,
	.help = "Path of a configuration file (TOML) for dmctl.",
};
const struct ctl_opt ctl_opt_master_addr = {
	.name = "master-addr",
	.kind = CTL_STRING,
	.help = "Addresses of dm-masters as host:port, separated by commas. "
		"Also taken from the environment variable DM_MASTER_ADDR.",
};
const struct ctl_opt ctl_opt_output = {
	.name = "output",
	.kind = CTL_STRING,
	.def = "json",
	.help = "Form of the answer: json or table.",
	.ours = true,
	.completes = "json|table",
};
const struct ctl_opt ctl_opt_rpc_timeout = {
	.name = "rpc-timeout",
	.kind = CTL_STRING,
	.def = "10m",
	.help = "How long to wait for an answer of dm-master.",
};
const struct ctl_opt ctl_opt_source = {
	.name = "source",
	.letter = 's',
	.kind = CTL_LIST,
	.help = "MySQL Source ID.",
	.completes = "@source",
};
const struct ctl_opt ctl_opt_ssl_ca = {
	.name = "ssl-ca",
	.kind = CTL_STRING,
	.help = "Path of the certificate authority's PEM file.",
};
const struct ctl_opt ctl_opt_ssl_cert = {
	.name = "ssl-cert",
	.kind = CTL_STRING,
	.help = "Path of the certificate's PEM file.",
};
const struct ctl_opt ctl_opt_ssl_key = {
	.name = "ssl-key",
	.kind = CTL_STRING,
	.help = "Path of the private key's PEM file.",
};
const struct ctl_opt ctl_opt_strict = {
	.name = "strict",
	.kind = CTL_BOOL,
	.help = "Exit with 1 when an answer holds a result of false. Also by "
		"the environment variable DMCTL_STRICT=1.",
	.ours = true,
};
const struct ctl_opt ctl_opt_version = {
	.name = "version",
	.letter = 'V',
	.kind = CTL_BOOL,
	.help = "Print the version and exit.",
};

static const struct ctl_opt *const root_opts[] = { &ctl_opt_config,
	&ctl_opt_master_addr, &ctl_opt_output, &ctl_opt_rpc_timeout,
	&ctl_opt_source, &ctl_opt_ssl_ca, &ctl_opt_ssl_cert, &ctl_opt_ssl_key,
	&ctl_opt_strict, &ctl_opt_version, NULL };
static const struct ctl_opt *const shell_opts[] = { &ctl_opt_output,
	&ctl_opt_source, NULL };

static const struct ctl_cmd *const children[] = {
	&ctl_cmd_complete,
	&ctl_cmd_binlog,
	&ctl_cmd_binlog_schema,
	&ctl_cmd_check_task,
	&ctl_cmd_completion,
	&ctl_cmd_config,
	&ctl_cmd_encrypt,
	&ctl_cmd_explain,
	&ctl_cmd_get_config,
	&ctl_cmd_get_task_config,
	&ctl_cmd_handle_error,
	&ctl_cmd_help,
	&ctl_cmd_list_member,
	&ctl_cmd_offline_member,
	&ctl_cmd_operate_leader,
	&ctl_cmd_operate_schema,
	&ctl_cmd_operate_source,
	&ctl_cmd_pause_relay,
	&ctl_cmd_pause_task,
	&ctl_cmd_purge_relay,
	&ctl_cmd_query_status,
	&ctl_cmd_resume_relay,
	&ctl_cmd_resume_task,
	&ctl_cmd_shard_ddl_lock,
	&ctl_cmd_show_ddl_locks,
	&ctl_cmd_start_relay,
	&ctl_cmd_start_task,
	&ctl_cmd_stop_relay,
	&ctl_cmd_stop_task,
	&ctl_cmd_transfer_source,
	&ctl_cmd_unlock_ddl_lock,
	&ctl_cmd_validation,
	NULL,
};

const struct ctl_cmd ctl_root = {
	.name = "dmctl",
	.brief = "DM control",
	.shared = root_opts,
	.children = children,
	.run = ctl_shell,
};

const struct ctl_cmd ctl_shell_root = {
	.name = "dmctl",
	.brief = "DM control",
	.shared = shell_opts,
	.children = children,
};
