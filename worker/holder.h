/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The holder: all sources this worker has, and their subtasks. One thread owns
 * them; others post messages. It makes what runs equal to what the master
 * wants, and reports what runs.
 */
#ifndef DM_WORKER_HOLDER_H
#define DM_WORKER_HOLDER_H

#include "dmsession.pb-c.h"
#include "lib/crypt/crypt.h"
#include "lib/thread/cancel.h"
#include "worker/command.h"

struct holder;

struct holder_opts {
	const char *worker; /* name, borrowed */
	int64_t lease_ttl_s;
	const char *relay_dir; /* of the worker; NULL or "": none; borrowed */
	bool many_sources;     /* it takes more than one at once */
	/* Called on the holder's thread with the newest state; about every
	 * second and after each change. Borrowed message. */
	void (*report)(const Dm__V1__Report *report, void *arg);
	void *arg;
};

struct holder *holder_start(const struct holder_opts *o);
/* The worker has its lease: desired states are acted on. Takes hard: it is
 * fired when the lease is lost, by whoever watches it. */
void holder_lease_begins(struct holder *h, struct dm_cancel *hard);
/* `hard` was fired: everything has stopped or is about to; forget it. */
void holder_lease_ends(struct holder *h);
/* Copies desired. An older revision than the newest seen is ignored. Takes
 * keys: those of the passwords in it; NULL: they are plain. */
void holder_desire(
    struct holder *h, const Dm__V1__Desired *desired, struct dm_keys *keys);
/* A command of the master. Takes c: it is answered, sooner or later. */
void holder_command(struct holder *h, struct command *c);
/* A source that runs here. */
struct held {
	char source[64]; /* ids have at most 32 bytes */
	uint64_t epoch;
};
/* What runs now, for Hello: new array of struct held. Any thread. */
GArray *holder_holding(struct holder *h);
/* Calls fn with what was reported last (NULL: nothing yet), which is not to be
 * kept; meanwhile the holder may wait. Any thread. */
void holder_with_report(struct holder *h,
    void (*fn)(const Dm__V1__Report *report, void *arg), void *arg);
/* A relay log that was ordered for this worker by its name is written. Any
 * thread. */
bool holder_relays_by_name(struct holder *h);
/* Ends every subtask in order (a unit takes at most some seconds to settle),
 * then the thread. Messages may still be posted; nobody reads them. */
void holder_stop(struct holder *h);
/* After holder_stop. */
void holder_free(struct holder *h);

#endif
