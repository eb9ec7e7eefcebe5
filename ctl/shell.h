/* SPDX-License-Identifier: Apache-2.0 */
/* The prompt: commands line by line over one connection. */
#ifndef DM_CTL_SHELL_H
#define DM_CTL_SHELL_H

#include "ctl/ctl.h"

/*
 * Reads commands from stdin until `exit`, ^C or its end. Line editing, history
 * and completion when stdin is a terminal; plain lines when it is not. Errors
 * of commands are printed; the loop goes on. Main thread only.
 */
ctl_run_fn ctl_shell;

/* One line of the prompt: split, parsed, run; errors go to env->out. */
void ctl_shell_line(struct ctl_env *env, const char *line);

/*
 * Shell-like splitting: quotes, backslash, # comments. A line with an open
 * quote or escape becomes one word. New, NULL-terminated.
 */
char **ctl_split(const char *line);

/* May a line hold a password, so that no history may keep it? Rather once too
 * often: a line of any command counts that speaks of one. */
bool ctl_shell_is_secret(const char *line);

/* Is a prompt waiting for input, so that ^C means to leave it? Async-signal
 * and thread safe. */
bool ctl_shell_at_prompt(void);
/* Put the terminal back as it was found. Thread safe. */
void ctl_shell_restore_terminal(void);

#endif
