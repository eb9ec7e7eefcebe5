/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The tries to commit one transaction. Whether a COMMIT whose answer was lost
 * happened is found out before anything is sent again. Threads: the caller's.
 */
#ifndef DM_WORKER_LOAD_TRIES_H
#define DM_WORKER_LOAD_TRIES_H

#include "lib/err/err.h"

#define LOAD_TRIES 10

struct load_tries {
	void *arg; /* of the functions */
	/* Once through; *committing: COMMIT was sent. */
	struct dm_err *(*once)(void *arg, bool *committing);
	/* Asks the target whether it committed. */
	struct dm_err *(*settle)(void *arg, bool *committed);
	/* A failed try: waits. Takes err; gives it back when there is no use in
	 * trying. */
	struct dm_err *(*after_failure)(
	    void *arg, int tries, struct dm_err *err);
};

/* what: for a message, "file x". */
struct dm_err *load_try(
    const struct load_tries *t, const char *what) DM_MUST_CHECK;

#endif
