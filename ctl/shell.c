/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The prompt.
 *
 * DESIGN: ^C is a signal, taken by main.c's signal thread, which ends the
 * process; while the prompt waits it does so quietly. That thread puts the
 * terminal back, whose state is therefore kept here.
 * SOURCE: dm/ctl/ctl.go. Differs: the history is private to the user and keeps
 * no line that may hold a password.
 */
#include "ctl/shell.h"
#include "ctl/common.h"
#include "ctl/complete.h"
#include "ctl/run.h"

#include <fcntl.h>
#include <histedit.h>
#include <langinfo.h>
#include <locale.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#define HISTORY_LINES 1000

static atomic_bool at_prompt;
static atomic_bool terminal_known;
static struct termios terminal; /* as found; valid when terminal_known */

bool
ctl_shell_at_prompt(void)
{
	return atomic_load(&at_prompt);
}

void
ctl_shell_restore_terminal(void)
{
	if (atomic_load(&terminal_known))
		tcsetattr(STDIN_FILENO, TCSADRAIN, &terminal);
}

/* ---- one line ---- */

static void
print_failure(struct ctl_inv *inv, char *const *words, const struct dm_err *err)
{
	g_autofree char *line = g_strjoinv(" ", (char **)(uintptr_t)words);

	fprintf(inv->env->out, "fail to run: [%s]\n", line);
	ctl_report(inv->env->out, inv, err);
}

void
ctl_shell_line(struct ctl_env *env, const char *line)
{
	g_auto(GStrv) words = ctl_split(line);
	struct ctl_inv inv = { .env = env };
	DM_AUTO(dm_err)
	err = ctl_parse(&ctl_shell_root, g_strv_length(words),
	    (const char *const *)words, &inv);

	if (err == NULL)
		err = ctl_dispatch(&inv);
	if (err != NULL)
		print_failure(&inv, words, err);
	fflush(env->out);
	ctl_inv_fini(&inv);
}

/* False: leave. */
static bool
handle(struct ctl_env *env, const char *typed)
{
	g_autofree char *line = g_strstrip(g_strdup(typed));

	if (strcmp(line, "exit") == 0)
		return false;
	if (line[0] != '\0')
		ctl_shell_line(env, line);
	return true;
}

/* ---- without a terminal ---- */

static void
read_plain(struct ctl_env *env)
{
	char *line = NULL;
	size_t size = 0;

	while (getline(&line, &size, stdin) >= 0 && handle(env, line))
		;
	free(line);
}

/* ---- history ---- */

/* The file, whose folder exists then; NULL: there is none. New string. */
static char *
history_path(void)
{
	const char *state = g_getenv("XDG_STATE_HOME");
	const char *home = g_getenv("HOME");
	g_autofree char *dir = NULL;

	if (state != NULL && state[0] == '/')
		dir = g_build_filename(state, "dm", NULL);
	else if (home != NULL && home[0] == '/')
		dir = g_build_filename(home, ".local", "state", "dm", NULL);
	if (dir == NULL || g_mkdir_with_parents(dir, 0700) != 0)
		return NULL;
	return g_build_filename(dir, "dmctl_history", NULL);
}

bool
ctl_shell_is_secret(const char *line)
{
	static const char *const marks[] = { "password", "identified",
		"secret" };
	g_autofree char *small = g_ascii_strdown(line, -1);
	g_auto(GStrv) words = ctl_split(line);

	for (size_t i = 0; i < DM_ARRAY_SIZE(marks); i++) {
		if (strstr(small, marks[i]) != NULL)
			return true;
	}
	/* Options may stand before the command. A line that cannot be split
	 * is one word. */
	for (size_t i = 0; words[i] != NULL; i++) {
		if (strstr(words[i], "encrypt") != NULL ||
		    strstr(words[i], "decrypt") != NULL)
			return true;
	}
	return false;
}

/* The file's lines; *path: NULL afterwards if the file is not ours. */
static void
load_history(History *h, char **path)
{
	HistEvent ev;
	int fd;

	history(h, &ev, H_SETSIZE, HISTORY_LINES);
	history(h, &ev, H_SETUNIQUE, 1);
	if (*path == NULL)
		return;
	/* Made by us, so that it is private from the first byte on; and made
	 * private if it was not. */
	fd = open(*path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0 || fchmod(fd, 0600) != 0)
		g_clear_pointer(path, g_free);
	if (fd >= 0)
		close(fd);
	if (*path != NULL)
		history(h, &ev, H_LOAD, *path);
}

static void
remember(History *h, const char *path, const char *typed)
{
	g_autofree char *line = g_strstrip(g_strdup(typed));
	HistEvent ev;

	if (line[0] == '\0' || ctl_shell_is_secret(line))
		return;
	history(h, &ev, H_ENTER, typed);
	if (path != NULL)
		history(h, &ev, H_SAVE, path);
}

/* ---- completion ---- */

static void
list_names(const GPtrArray *names)
{
	printf("\n");
	for (guint i = 0; i < names->len; i++)
		printf("%s%s", i > 0 ? "  " : "",
		    (const char *)g_ptr_array_index(names, i));
	printf("\n");
	fflush(stdout);
}

/* How many characters all names have in common. */
static size_t
common_length(const GPtrArray *names)
{
	const char *first = g_ptr_array_index(names, 0);
	size_t n = strlen(first);

	for (guint i = 1; i < names->len; i++) {
		const char *name = g_ptr_array_index(names, i);
		size_t k = 0;

		while (k < n && name[k] == first[k])
			k++;
		n = k;
	}
	/* Not into the middle of a character. */
	while (((unsigned char)first[n] & 0xC0) == 0x80)
		n--;
	return n;
}

/* text with a backslash before what the prompt would not take as it is. New
 * string. */
static char *
escaped(const char *text)
{
	GString *s = g_string_new(NULL);

	for (; *text != '\0'; text++) {
		if (strchr(" '\"\\#", *text) != NULL)
			g_string_append_c(s, '\\');
		g_string_append_c(s, *text);
	}
	return g_string_free(s, FALSE);
}

static unsigned char
complete(EditLine *el, int ch)
{
	const LineInfo *li = el_line(el);
	struct ctl_env *env = NULL;
	g_autofree char *text =
	    g_strndup(li->buffer, (gsize)(li->cursor - li->buffer));
	g_autofree char *typed = NULL, *more = NULL, *quoted = NULL;
	g_autoptr(GPtrArray) names = NULL;
	size_t common;

	(void)ch;
	el_get(el, EL_CLIENTDATA, &env);
	names =
	    ctl_complete(&ctl_shell_root, text, ctl_live_names, env, &typed);
	if (names->len == 0)
		return CC_ERROR;
	common = common_length(names);
	dm_assert(common >= strlen(typed));
	more = g_strndup((char *)g_ptr_array_index(names, 0) + strlen(typed),
	    common - strlen(typed));
	if (names->len > 1 && more[0] == '\0') {
		list_names(names);
		return CC_REDISPLAY;
	}
	quoted = escaped(more);
	el_insertstr(el, quoted);
	if (names->len == 1)
		el_insertstr(el, " ");
	return CC_REFRESH;
}

/* ---- with a terminal ---- */

/* The bytes between \1 take no room on the line. */
static char *
prompt(EditLine *el)
{
	static char utf8[] = "\1\033[31m\1\302\273\1\033[0m\1 ";
	static char ascii[] = "\1\033[31m\1>\1\033[0m\1 ";

	(void)el;
	return strcmp(nl_langinfo(CODESET), "UTF-8") == 0 ? utf8 : ascii;
}

static EditLine *
new_editor(struct ctl_env *env, History *h)
{
	EditLine *el = el_init("dmctl", stdin, stdout, stderr);

	if (el == NULL)
		return NULL;
	el_set(el, EL_PROMPT_ESC, prompt, '\1');
	el_set(el, EL_EDITOR, "emacs");
	el_set(el, EL_HIST, history, h);
	el_set(el, EL_CLIENTDATA, env);
	/* The narrow form leaks copies of the texts. */
	el_wset(el, EL_ADDFN, L"dm-complete", L"Complete a command", complete);
	el_set(el, EL_BIND, "^I", "dm-complete", NULL);
	return el;
}

static void
read_edited(struct ctl_env *env, EditLine *el, History *h)
{
	g_autofree char *path = history_path();
	const char *line;
	int n;

	load_history(h, &path);
	for (;;) {
		atomic_store(&at_prompt, true);
		line = el_gets(el, &n);
		atomic_store(&at_prompt, false);
		if (line == NULL || n <= 0)
			break;
		remember(h, path, line);
		if (!handle(env, line))
			break;
	}
}

static void
read_terminal(struct ctl_env *env)
{
	History *h = history_init();
	EditLine *el = new_editor(env, h);

	if (el != NULL) {
		read_edited(env, el, h);
		el_end(el);
	} else {
		read_plain(env);
	}
	history_end(h);
}

struct dm_err *
ctl_shell(struct ctl_inv *inv)
{
	if (!isatty(STDIN_FILENO)) {
		read_plain(inv->env);
		return NULL;
	}
	/* Only how characters look: numbers must stay as JSON wants them. */
	setlocale(LC_CTYPE, "");
	if (tcgetattr(STDIN_FILENO, &terminal) == 0)
		atomic_store(&terminal_known, true);
	read_terminal(inv->env);
	return NULL;
}
