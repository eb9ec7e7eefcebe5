/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A report that fits into one message of the session: errors and statements
 * may be of any length, and there may be many of them. Threads: any.
 */
#ifndef DM_WORKER_AGENT_SHORTEN_H
#define DM_WORKER_AGENT_SHORTEN_H

#include "dmsession.pb-c.h"

#include <stddef.h>

/* NULL: the report has at most max bytes as it is. Else a new one, in which
 * long texts are cut, the longest first; max is kept unless there are too many
 * short ones. Free it with dm__v1__report__free_unpacked. */
Dm__V1__Report *report_shortened(const Dm__V1__Report *r, size_t max);

#endif
