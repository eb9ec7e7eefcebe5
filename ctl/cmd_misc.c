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
	.examples = "encrypt 'my password'",
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
	.examples = "help\n"
		    "help start-task\n"
		    "help binlog skip",
	.offline = true,
	.run = run_help,
};

/* ---- explain ---- */

/* The number in "10006", "code=10006" or a whole "[code=10006:class=...]", as
 * they stand in an error's text; 0: there is none. */
static int
parse_code(const char *text)
{
	const char *p = strstr(text, "code=");
	size_t n;

	p = p != NULL ? p + strlen("code=") : text;
	n = strspn(p, "0123456789");
	if (n != 5 || (p == text && p[n] != '\0'))
		return 0;
	return (int)g_ascii_strtoll(p, NULL, 10);
}

static struct dm_err *
explain_internal(struct ctl_inv *inv, int code)
{
	const struct dm_err_internal *i = dm_err_lookup_internal(code);

	if (i == NULL)
		return dm_err_plain(
		    "no error of DM has the code %s", ctl_arg(inv, 0));
	ctl_line(inv, "code:       %d", i->code);
	ctl_line(inv, "name:       %s", i->name);
	ctl_line(inv, "class:      %s", i->err_class);
	ctl_line(inv, "message:    (internal to the original DM, or obsolete)");
	ctl_line(inv,
	    "workaround: this program never raises %d; if another one did, "
	    "look there",
	    i->code);
	return NULL;
}

static struct dm_err *
run_explain(struct ctl_inv *inv)
{
	const struct dm_err_info *e;
	int code;

	if (ctl_n_args(inv) != 1)
		return ctl_usage(inv);
	code = parse_code(ctl_arg(inv, 0));
	e = dm_err_lookup(code);
	if (e == NULL)
		return explain_internal(inv, code);
	ctl_line(inv, "code:       %d", e->code);
	ctl_line(inv, "name:       %s", e->name);
	ctl_line(inv, "class:      %s", e->err_class);
	ctl_line(inv, "scope:      %s", e->scope);
	ctl_line(inv, "level:      %s", e->level);
	ctl_line(inv, "message:    %s", e->format);
	ctl_line(inv, "workaround: %s", e->workaround);
	return NULL;
}

const struct ctl_cmd ctl_cmd_explain = {
	.name = "explain",
	.args = "<error-code>",
	.brief = "Explain an error code, and what to do about it",
	.examples = "explain 36027\nexplain code=10006",
	.ours = true,
	.offline = true,
	.run = run_explain,
};
