/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Removing files of a relay log that nobody reads any more
 * (reference/data-plane 4.7): always from the oldest on, and never the file
 * that is written, nor one that a task needs, nor one behind these.
 */
#ifndef DM_WORKER_RELAY_PURGE_H
#define DM_WORKER_RELAY_PURGE_H

#include "lib/config/source.h"
#include "worker/command.h"
#include "worker/relay/dirs.h"

enum relay_purge_by {
	RELAY_PURGE_INACTIVE, /* all that may go */
	RELAY_PURGE_TIME,     /* not written since `before` */
	RELAY_PURGE_FILENAME, /* before that file */
	RELAY_PURGE_SPACE     /* as inactive */
};

struct relay_purge {
	enum relay_purge_by by;
	int64_t before;       /* seconds since 1970 */
	const char *filename; /* borrowed */
	const char *sub_dir;  /* its folder; "": the newest one */
};

/* What a command asks for; borrows from it. Errors:
 * RELAY_PURGE_REQUEST_NOT_VALID. */
struct dm_err *relay_purge_parse(
    const Pb__PurgeRelayRequest *req, struct relay_purge *p) DM_MUST_CHECK;
/* Errors: RELAY_NO_ACTIVE_RELAY_LOG, RELAY_PURGE_REQUEST_NOT_VALID,
 * RELAY_REMOVE_FILE_FAIL, RELAY_UPDATE_INDEX_FILE. *removed: files. */
struct dm_err *relay_purge_run(struct relay_hub *hub,
    const struct relay_purge *p, unsigned *removed) DM_MUST_CHECK;

/* A thread that purges one relay log: by commands, and by itself as the
 * source's configuration says. Threads: any. */
struct relay_purger;
struct relay_purger *relay_purger_start(
    struct relay_hub *hub, const struct dm_source_cfg *source);
/* Why no purge may run now; NULL: it may. */
void relay_purger_forbid(struct relay_purger *p, const char *why);
/* Takes c: it is answered with what came of it. */
void relay_purger_order(struct relay_purger *p, struct command *c);
/* Waits for a purge that runs. */
void relay_purger_free(struct relay_purger *p);
DM_DEFINE_AUTO(relay_purger)

#endif
