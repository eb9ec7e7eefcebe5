/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One run of dmctl: parse, connect, run, exit status.
 *
 * DESIGN: the order is the original's. Command lookup and option parsing come
 * first, then the connection, then the command's own checks of its arguments.
 * SOURCE: dm/ctl/ctl.go, cmd/dm-ctl/main.go. Differs: --strict, and
 * DMCTL_STRICT=1, turn a result of false into exit status 1.
 */
#include "ctl/run.h"
#include "ctl/client.h"
#include "ctl/common.h"
#include "ctl/settings.h"
#include "lib/base/version.h"
#include "lib/log/log.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LOG_FILE "dmctl.log"
#define EXIT_LOG 2

bool
ctl_is_offline(const struct ctl_inv *inv)
{
	const struct ctl_cmd *c = ctl_inv_cmd(inv);

	return ctl_bool(inv, &ctl_opt_help) || c->run == NULL || c->offline;
}

struct dm_err *
ctl_dispatch(struct ctl_inv *inv)
{
	const struct ctl_cmd *c = ctl_inv_cmd(inv);

	const char *form = ctl_string(inv, &ctl_opt_output);
	struct dm_err *err;

	if (ctl_bool(inv, &ctl_opt_help) || c->run == NULL)
		return ctl_help(inv);
	inv->env->table = strcmp(form, "table") == 0;
	if (!inv->env->table && strcmp(form, "json") != 0)
		return dm_err_plain(
		    "--output should be json or table, not `%s`", form);
	err = c->run(inv);
	inv->env->table = false;
	return err;
}

void
ctl_report(FILE *f, const struct ctl_inv *inv, const struct dm_err *err)
{
	g_autofree char *text = dm_err_text(err);

	fprintf(f, "Error: %s\n", text);
	if (inv->unknown_command) {
		g_autofree char *path = ctl_path(inv);

		fprintf(f, "Run '%s --help' for usage.\n", path);
	}
}

/* ---- old spellings ---- */

/* "-master-addr=x" -> "--master-addr=x". New string. */
static char *
modern(const char *word)
{
	static const char *const old[] = { "-version", "-config",
		"-master-addr", "-rpc-timeout", "-ssl-ca", "-ssl-cert",
		"-ssl-key" };

	for (size_t i = 0; i < DM_ARRAY_SIZE(old); i++) {
		size_t n = strlen(old[i]);

		if (strncmp(word, old[i], n) == 0 &&
		    (word[n] == '\0' || word[n] == '='))
			return g_strconcat("-", word, NULL);
	}
	return g_strdup(word);
}

static struct dm_err *
parse(size_t n, const char *const *words, struct ctl_inv *inv)
{
	g_auto(GStrv) all = g_new0(char *, n + 1);

	for (size_t i = 0; i < n; i++)
		all[i] = modern(words[i]);
	return ctl_parse(&ctl_root, n, (const char *const *)all, inv);
}

/* ---- running ---- */

static struct dm_err *
run_connected(struct ctl_inv *inv)
{
	DM_AUTO(ctl_settings) set = NULL;
	DM_AUTO(ctl_client) client = NULL;
	struct dm_err *err = ctl_settings_load(inv, &set);

	if (err != NULL)
		return err;
	client = ctl_client_new(set);
	err = ctl_client_connect(client);
	if (err != NULL)
		return err;
	inv->env->transport = ctl_client_transport(client);
	inv->env->rpc_timeout_ms = set->rpc_timeout_ms;
	err = ctl_dispatch(inv);
	inv->env->transport = NULL;
	return err;
}

static bool
is_strict(const struct ctl_inv *inv)
{
	return ctl_bool(inv, &ctl_opt_strict) ||
	       g_strcmp0(g_getenv("DMCTL_STRICT"), "1") == 0;
}

/* *status: set where no error says it. */
static struct dm_err *
run(struct ctl_inv *inv, int *status)
{
	struct dm_err *err;

	if (ctl_bool(inv, &ctl_opt_version)) {
		fprintf(stderr, "%s\n", dm_version_text());
		return NULL;
	}
	if (ctl_is_offline(inv))
		return ctl_dispatch(inv);
	DM_AUTO(dm_err) log_err = dm_log_init("info", LOG_FILE, "text");
	if (log_err != NULL) {
		g_autofree char *text = dm_err_text(log_err);

		printf("init logger error %s\n", text);
		*status = EXIT_LOG;
		return NULL;
	}
	err = run_connected(inv);
	if (err == NULL && inv->env->refused && is_strict(inv))
		*status = EXIT_FAILURE;
	return err;
}

int
ctl_main(size_t n_words, const char *const *words)
{
	struct ctl_env env = { .out = stdout,
		.at_terminal = isatty(STDOUT_FILENO) != 0 };
	struct ctl_inv inv = { .env = &env };
	int status = EXIT_SUCCESS;
	DM_AUTO(dm_err) err = parse(n_words, words, &inv);

	if (err == NULL)
		err = run(&inv, &status);
	if (err != NULL) {
		fflush(stdout);
		ctl_report(stderr, &inv, err);
		status = EXIT_FAILURE;
	}
	ctl_inv_fini(&inv);
	return status;
}
