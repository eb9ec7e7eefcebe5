/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What may come next on a command line: commands, options, words, and names
 * that the cluster knows. The prompt and the scripts of `dmctl completion` use
 * it. Main thread only.
 *
 * FORMAT of `completes` in the command tables: one token for each argument,
 * separated by blanks; "..." at the end of the last one repeats it. A token is
 * a list of alternatives separated by '|': plain words, or
 *   @task @source @worker @master @member @lock   names of the cluster
 *   @file                                         left to the caller's shell
 */
#ifndef DM_CTL_COMPLETE_H
#define DM_CTL_COMPLETE_H

#include "ctl/ctl.h"

/* Names of one kind ("@task"), new strings, into out; none on any error. */
typedef void ctl_names_fn(const char *kind, GPtrArray *out, void *arg);

/*
 * Candidates for the last word of a line.
 *   line     what stands before the cursor, without the program's name.
 *   names    may be NULL: no names of the cluster.
 *   *typed   new string: that last word as typed so far, unquoted.
 * Returns whole words, sorted, each once; owned strings. Words with control
 * characters are left out: they come from the network.
 */
GPtrArray *ctl_complete(const struct ctl_cmd *root, const char *line,
    ctl_names_fn *names, void *arg, char **typed);

/* Asks the master through env (a struct ctl_env*), whose transport may be
 * NULL; waits 2 s at most. */
ctl_names_fn ctl_live_names;

#endif
