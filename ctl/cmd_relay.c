/* SPDX-License-Identifier: Apache-2.0 */
/*
 * start-relay, stop-relay, pause-relay, resume-relay, purge-relay.
 * SOURCE: dm/ctl/master/start_stop_relay.go, operate_relay.go,
 * purge_relay.go.
 */
#include "ctl/common.h"
#include "dmmaster.pb-c.h"

#include <string.h>

#define NEED_SOURCE "must specify at least one source (`-s` / `--source`)"

/* ---- start-relay, stop-relay ---- */

static struct dm_err *
operate_v2(struct ctl_inv *inv, Pb__RelayOpV2 op)
{
	Pb__OperateRelayRequest req;
	size_t n;
	char **sources = ctl_list(inv, &ctl_opt_source, &n);

	if (n == 0 && ctl_n_args(inv) == 0)
		return ctl_usage(inv);
	if (n != 1)
		return ctl_fail(
		    inv, "must specify one source (`-s` / `--source`)");
	if (ctl_n_args(inv) > 0)
		ctl_line(inv,
		    "start-relay/stop-relay with worker name will be "
		    "deprecated soon. You can try stopping relay first and "
		    "use start-relay without worker name instead");
	pb__operate_relay_request__init(&req);
	req.op = op;
	req.source = sources[0];
	req.n_worker = ctl_n_args(inv);
	req.worker = (char **)inv->args->pdata;
	return ctl_call_print(inv, "OperateRelay", &req.base);
}

static struct dm_err *
run_start(struct ctl_inv *inv)
{
	return operate_v2(inv, PB__RELAY_OP_V2__StartRelayV2);
}

static struct dm_err *
run_stop(struct ctl_inv *inv)
{
	return operate_v2(inv, PB__RELAY_OP_V2__StopRelayV2);
}

const struct ctl_cmd ctl_cmd_start_relay = {
	.name = "start-relay",
	.args = "<-s source-id> [worker-name ...]",
	.brief = "Start pulling relay logs of a source",
	.examples = "start-relay -s source1",
	.completes = "@worker...",
	.run = run_start,
};

const struct ctl_cmd ctl_cmd_stop_relay = {
	.name = "stop-relay",
	.args = "<-s source-id> [worker-name ...]",
	.brief = "Stop pulling relay logs of a source",
	.examples = "stop-relay -s source1",
	.completes = "@worker...",
	.run = run_stop,
};

/* ---- pause-relay, resume-relay ---- */

static struct dm_err *
operate_v1(struct ctl_inv *inv, Pb__RelayOp op)
{
	Pb__OperateWorkerRelayRequest req;

	if (ctl_n_args(inv) > 0)
		return ctl_usage(inv);
	pb__operate_worker_relay_request__init(&req);
	req.op = op;
	req.sources = ctl_list(inv, &ctl_opt_source, &req.n_sources);
	if (req.n_sources == 0)
		return ctl_fail(inv, NEED_SOURCE);
	return ctl_call_print(inv, "OperateWorkerRelayTask", &req.base);
}

static struct dm_err *
run_pause(struct ctl_inv *inv)
{
	return operate_v1(inv, PB__RELAY_OP__PauseRelay);
}

static struct dm_err *
run_resume(struct ctl_inv *inv)
{
	return operate_v1(inv, PB__RELAY_OP__ResumeRelay);
}

const struct ctl_cmd ctl_cmd_pause_relay = {
	.name = "pause-relay",
	.args = "<-s source ...>",
	.brief = "Pause the relay unit of sources",
	.examples = "pause-relay -s source1,source2",
	.run = run_pause,
};

const struct ctl_cmd ctl_cmd_resume_relay = {
	.name = "resume-relay",
	.args = "<-s source ...>",
	.brief = "Resume the relay unit of sources",
	.examples = "resume-relay -s source1,source2",
	.run = run_resume,
};

/* ---- purge-relay ---- */

static const struct ctl_opt opt_filename = {
	.name = "filename",
	.letter = 'f',
	.kind = CTL_STRING,
	.help = "Remove relay log files before this one, "
		"e.g. mysql-bin.000006.",
};
static const struct ctl_opt opt_sub_dir = {
	.name = "sub-dir",
	.kind = CTL_STRING,
	.help = "Sub directory of that file; the latest one if not given.",
};

/* Without the quotes around it. New string. */
static char *
unquote(const char *text)
{
	size_t n = strlen(text);

	while (n > 0 && strchr("'\"", text[0]) != NULL) {
		text++;
		n--;
	}
	while (n > 0 && strchr("'\"", text[n - 1]) != NULL)
		n--;
	return g_strndup(text, n);
}

static struct dm_err *
run_purge(struct ctl_inv *inv)
{
	g_autofree char *file = unquote(ctl_string(inv, &opt_filename));
	g_autofree char *dir = unquote(ctl_string(inv, &opt_sub_dir));
	Pb__PurgeWorkerRelayRequest req;

	if (ctl_n_args(inv) > 0)
		return ctl_usage(inv);
	pb__purge_worker_relay_request__init(&req);
	req.sources = ctl_list(inv, &ctl_opt_source, &req.n_sources);
	if (req.n_sources == 0)
		return dm_err_plain(NEED_SOURCE);
	if (file[0] == '\0')
		return dm_err_plain(
		    "must specify the name of the terminal file before which "
		    "to purge relay log files. (`-f` / `--filename`)");
	if (req.n_sources > 1)
		return dm_err_plain("for --filename, can only specify one "
				    "source per time");
	if (dir[0] == '\0')
		ctl_line(inv, "[warn] no --sub-dir specify for --filename, "
			      "the latest one will be used");
	req.filename = file;
	req.subdir = dir;
	return ctl_call_print(inv, "PurgeWorkerRelay", &req.base);
}

const struct ctl_cmd ctl_cmd_purge_relay = {
	.name = "purge-relay",
	.args = "<-s source> <-f filename> [--sub-dir directory]",
	.brief = "Remove relay log files before a given one",
	.examples = "purge-relay -s source1 -f mysql-bin.000006",
	.opts = (const struct ctl_opt *const[]){ &opt_filename, &opt_sub_dir,
	    NULL },
	.run = run_purge,
};
