/* SPDX-License-Identifier: Apache-2.0 */
/* Answers of the master as tables, for --output table. Main thread only. */
#ifndef DM_CTL_VIEW_H
#define DM_CTL_VIEW_H

#include "ctl/ctl.h"

/*
 * Print an answer as a table. Every answer has one: without a view of its own
 * it shows its result and the entries of its sources. What `msg` says comes
 * first, on a line of its own.
 */
void ctl_view(FILE *f, const ProtobufCMessage *msg);
/*
 * The outcome of a precheck as a table: text is the answer's field that holds
 * it (control-plane 2.7). False: it holds no results; nothing was printed.
 */
bool ctl_view_check(FILE *f, const char *text);

#endif
