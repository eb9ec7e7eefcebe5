/* SPDX-License-Identifier: Apache-2.0 */
/* A command line from its words to an exit status. Main thread only. */
#ifndef DM_CTL_RUN_H
#define DM_CTL_RUN_H

#include "ctl/ctl.h"

/*
 * Run one command line, or the prompt when it names no command.
 *   words  without the program's name.
 * Returns the exit status (control-plane 2.1).
 */
int ctl_main(size_t n_words, const char *const *words);

/* Help, or the command itself. The master must be connected unless the command
 * is offline. */
struct dm_err *ctl_dispatch(struct ctl_inv *inv) DM_MUST_CHECK;
/* Does this line end in help, or in a command that runs without a master? */
bool ctl_is_offline(const struct ctl_inv *inv);
/* "Error: <text>", and how to get help if the command is unknown. */
void ctl_report(FILE *f, const struct ctl_inv *inv, const struct dm_err *err);

#endif
