/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Named moments at which a test freezes or ends the process, so that it can
 * look at what others make of that. Only `make failpoints` compiles them in
 * (dm-worker-failpoints); in every other build DM_FAILPOINT() is nothing.
 *
 * The environment's DM_FAILPOINT names a file, which the test writes when the
 * moment may come: "NAME:stop" (SIGSTOP) or "NAME:kill" (SIGKILL). The first
 * thread of any process that reaches NAME removes the file and acts.
 * Threads: any.
 */
#ifndef DM_LIB_BASE_FAILPOINT_H
#define DM_LIB_BASE_FAILPOINT_H

#ifdef DM_FAILPOINTS
void dm_failpoint_reach(const char *name);
#define DM_FAILPOINT(name) dm_failpoint_reach(name)
#else
#define DM_FAILPOINT(name) ((void)0)
#endif

#endif
