/* SPDX-License-Identifier: Apache-2.0 */
/*
 * completion bash, completion zsh: scripts that a shell reads once; and
 * __complete, which those scripts call for each candidate list. Both are ours.
 */
#include "ctl/client.h"
#include "ctl/common.h"
#include "ctl/complete.h"
#include "ctl/settings.h"
#include "ctl/shell.h"

#include <string.h>

/*
 * bash replaces only what follows the last of its word breaks, ':' and '=' for
 * instance, so the candidates lose the part of the word before it.
 */
static const char bash_script[] =
    "# bash completion for dmctl. Use: source <(dmctl completion bash)\n"
    "_dmctl() {\n"
    "\tlocal line=${COMP_LINE:0:COMP_POINT} found\n"
    "\tlocal cur=${COMP_WORDS[COMP_CWORD]} word=${line##*[[:space:]]}\n"
    "\tcase $cur in\n"
    "\t: | =) cur= ;;\n"
    "\tesac\n"
    "\tlocal head=${word%\"$cur\"}\n"
    "\tCOMPREPLY=()\n"
    "\twhile IFS= read -r found; do\n"
    "\t\tfound=${found#\"$head\"}\n"
    "\t\tCOMPREPLY+=(\"$(printf '%q' \"$found\")\")\n"
    "\tdone < <(command \"${COMP_WORDS[0]}\" __complete -- \"$line\" "
    "2>/dev/null)\n"
    "}\n"
    "complete -o default -o bashdefault -F _dmctl dmctl\n";

static const char zsh_script[] =
    "#compdef dmctl\n"
    "# zsh completion for dmctl. Use: source <(dmctl completion zsh)\n"
    "_dmctl() {\n"
    "\tlocal -a found\n"
    "\tlocal line=\"${(j: :)words[1,CURRENT]}\"\n"
    "\tfound=(\"${(@f)$(command \"${words[1]}\" __complete -- \"$line\" "
    "2>/dev/null)}\")\n"
    "\tif [[ -n \"${found[*]}\" ]]; then\n"
    "\t\tcompadd -a -- found\n"
    "\telse\n"
    "\t\t_files\n"
    "\tfi\n"
    "}\n"
    "compdef _dmctl dmctl\n";

static struct dm_err *
run_completion(struct ctl_inv *inv)
{
	const char *shell = ctl_arg(inv, 0);

	if (ctl_n_args(inv) != 1)
		return ctl_usage(inv);
	if (strcmp(shell, "bash") == 0)
		fputs(bash_script, inv->env->out);
	else if (strcmp(shell, "zsh") == 0)
		fputs(zsh_script, inv->env->out);
	else
		return dm_err_plain(
		    "no completion for `%s`, only for bash and zsh", shell);
	return NULL;
}

const struct ctl_cmd ctl_cmd_completion = {
	.name = "completion",
	.args = "<bash | zsh>",
	.brief = "Print a completion script for a shell",
	.text = "Print a script that completes commands, options, and the "
		"names of tasks, sources\nand workers of the cluster that "
		"DM_MASTER_ADDR or --master-addr names.",
	.examples = "completion bash >/etc/bash_completion.d/dmctl\n"
		    "completion zsh >\"${fpath[1]}/_dmctl\"",
	.completes = "bash|zsh",
	.ours = true,
	.offline = true,
	.run = run_completion,
};

/* ---- __complete ---- */

/* A connection, made when the first name is asked for. */
struct lazy {
	struct ctl_inv line; /* the options of the line being typed */
	struct ctl_env env;
	struct ctl_settings *set;
	struct ctl_client *client;
	bool tried;
};

static void
connect_once(struct lazy *l)
{
	struct dm_err *err;

	if (l->tried)
		return;
	l->tried = true;
	err = ctl_settings_load(&l->line, &l->set);
	if (err == NULL) {
		l->client = ctl_client_new(l->set);
		err = ctl_client_connect(l->client);
	}
	if (err == NULL)
		l->env.transport = ctl_client_transport(l->client);
	/* No master, no names: a completion is not the place to complain. */
	dm_err_free(err);
}

static void
lazy_names(const char *kind, GPtrArray *out, void *arg)
{
	struct lazy *l = arg;

	if (strcmp(kind, "@file") == 0)
		return;
	connect_once(l);
	ctl_live_names(kind, out, &l->env);
}

/* Behind the program's name, which environment settings may precede. */
static const char *
behind_program(const char *line)
{
	const char *p = line;

	for (;;) {
		size_t blanks = strspn(p, " \t");
		size_t len = strcspn(p + blanks, " \t");
		g_autofree char *word = g_strndup(p + blanks, len);
		g_autofree char *base = g_path_get_basename(word);

		if (len == 0)
			return p + blanks;
		p += blanks + len;
		if (strcmp(base, "dmctl") == 0 || strchr(word, '=') == NULL)
			return p;
	}
}

static struct dm_err *
run_complete(struct ctl_inv *inv)
{
	struct lazy l = { .line = { .env = &l.env } };
	g_autoptr(GPtrArray) found = NULL;
	g_autofree char *typed = NULL;
	g_auto(GStrv) words = NULL;
	const char *line;

	if (ctl_n_args(inv) != 1)
		return ctl_usage(inv);
	line = behind_program(ctl_arg(inv, 0));
	words = ctl_split(line);
	/* An unfinished line need not parse: what was understood counts. */
	dm_err_free(ctl_parse(inv->path[0], g_strv_length(words),
	    (const char *const *)words, &l.line));
	found = ctl_complete(inv->path[0], line, lazy_names, &l, &typed);
	for (guint i = 0; i < found->len; i++)
		ctl_line(inv, "%s", (const char *)g_ptr_array_index(found, i));
	ctl_inv_fini(&l.line);
	ctl_client_free(l.client);
	ctl_settings_free(l.set);
	return NULL;
}

const struct ctl_cmd ctl_cmd_complete = {
	.name = "__complete",
	.args = "<line>",
	.brief = "What may come next on a line; for completion scripts",
	.examples = "__complete 'dmctl pause-'",
	.hidden = true,
	.offline = true,
	.run = run_complete,
};
