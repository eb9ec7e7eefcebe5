/* SPDX-License-Identifier: Apache-2.0 */
/*
 * encrypt, help, and explain, which is ours: a row of the error table.
 * SOURCE: dm/ctl/master/encrypt.go; cobra's help command. Differs: help needs
 * no master.
 */
#include "ctl/common.h"
#include "dmmaster.pb-c.h"

#include <string.h>

static struct dm_err *
run_encrypt(struct ctl_inv *inv)
{
	CTL_AUTO_MESSAGE ProtobufCMessage *m = NULL;
	const Pb__EncryptResponse *resp;
	Pb__EncryptRequest req;
	struct dm_err *err;

	if (ctl_n_args(inv) != 1)
		return ctl_help(inv);
	pb__encrypt_request__init(&req);
	req.plaintext = ctl_pb(ctl_arg(inv, 0));
	err = ctl_call(inv->env, "Encrypt", &req.base, &m);
	if (err != NULL)
		return err;
	resp = (Pb__EncryptResponse *)m;
	if (!resp->result)
		return dm_err_plain("%s", resp->msg);
	ctl_line(inv, "%s", resp->ciphertext);
	return NULL;
}

const struct ctl_cmd ctl_cmd_encrypt = {
	.name = "encrypt",
	.args = "<plain-text>",
	.brief = "Encrypt a password with the key of dm-master",
	.run = run_encrypt,
};

/* ---- help ---- */

static struct dm_err *
run_help(struct ctl_inv *inv)
{
	g_autoptr(GString) topic = g_string_new(NULL);
	struct ctl_inv of = { .env = inv->env };
	struct dm_err *err;
	size_t n = ctl_n_args(inv);

	err = ctl_parse(
	    inv->path[0], n, (const char *const *)inv->args->pdata, &of);
	if (err == NULL && ctl_n_args(&of) == 0) {
		err = ctl_help(&of);
	} else {
		dm_err_free(err);
		for (size_t i = 0; i < n; i++)
			g_string_append_printf(
			    topic, "%s`%s`", i > 0 ? " " : "", ctl_arg(inv, i));
		ctl_line(inv, "Unknown help topic [%s]", topic->str);
		of.depth = 1;
		dm_err_free(ctl_usage(&of));
		err = NULL;
	}
	ctl_inv_fini(&of);
	return err;
}

const struct ctl_cmd ctl_cmd_help = {
	.name = "help",
	.args = "[command]",
	.brief = "Show the help of a command",
	.offline = true,
	.run = run_help,
};

/* ---- explain ---- */

static struct dm_err *
run_explain(struct ctl_inv *inv)
{
	const struct dm_err_info *e = NULL;
	const char *code = ctl_arg(inv, 0);
	char *end;

	if (ctl_n_args(inv) != 1)
		return ctl_usage(inv);
	/* "code=10006" as it stands in an error's text is fine, too. */
	if (g_str_has_prefix(code, "code="))
		code += strlen("code=");
	if (g_ascii_isdigit(code[0]) && strlen(code) <= 5) {
		int number = (int)g_ascii_strtoll(code, &end, 10);

		e = *end == '\0' ? dm_err_lookup(number) : NULL;
	}
	if (e == NULL)
		return dm_err_plain(
		    "no error of DM has the code %s", ctl_arg(inv, 0));
	ctl_line(inv, "code:       %d", e->code);
	ctl_line(inv, "name:       %s", e->name);
	ctl_line(inv, "class:      %s", e->err_class);
	ctl_line(inv, "scope:      %s", e->scope);
	ctl_line(inv, "level:      %s", e->level);
	ctl_line(inv, "message:    %s", e->format);
	ctl_line(inv, "workaround: %s", e->workaround);
	return NULL;
}

/* Hidden: root help has the original's number of lines, which its tests
 * count. */
const struct ctl_cmd ctl_cmd_explain = {
	.name = "explain",
	.args = "<error-code>",
	.brief = "Explain an error code, and what to do about it",
	.hidden = true,
	.offline = true,
	.run = run_explain,
};
