/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The relay logs of this worker, one per source that has one. They outlive
 * epochs, and whether the source's tasks run here; they end with the lease, or
 * when the source has no relay here any more. Files stay.
 * Owner: the holder's thread.
 */
#ifndef DM_WORKER_RELAYS_H
#define DM_WORKER_RELAYS_H

#include "dmsession.pb-c.h"
#include "lib/crypt/crypt.h"
#include "lib/thread/cancel.h"
#include "worker/command.h"

struct relay_hub;
struct relays;

struct relays_opts {
	const char *worker; /* name; borrowed */
	/* relay-dir of the worker: above those of its sources; "" or NULL:
	 * each has the one of its configuration. Borrowed. */
	const char *dir;
	bool many; /* the worker takes several sources: a folder for each */
	void (*changed)(void *arg); /* any thread; short */
	void *arg;
};
struct relays *relays_new(const struct relays_opts *o);
/* After relays_follow with nothing, until relays_are_busy is false; else it
 * waits for them. */
void relays_free(struct relays *r);
DM_DEFINE_AUTO(relays)

/* Makes what runs what d wants (NULL: nothing), again and again. hard is
 * borrowed until no relay is busy. keys: of d's passwords. */
void relays_follow(struct relays *r, const Dm__V1__Desired *d,
    const struct dm_keys *keys, struct dm_cancel *hard);
/* Some are on their way out. */
bool relays_are_busy(struct relays *r);

/* For the tasks of a source: borrowed while the source is assigned; NULL: it
 * is not, or has no valid configuration. */
struct relay_hub *relays_hub(struct relays *r, const char *source);
/* New message, malloc'd; NULL: the source has no relay here. */
Pb__RelayStatus *relays_status(struct relays *r, const char *source);
/* The source has a relay here, but is not bound; calls each with its id. */
void relays_each_unbound(
    struct relays *r, void (*fn)(const char *source, void *arg), void *arg);
/* One was ordered for this worker by its name, and is written. */
bool relays_by_name(struct relays *r);
/* purgeRelay. Takes c. */
void relays_purge(struct relays *r, struct command *c);
/* Why no purge of it may run now; NULL: it may. */
void relays_forbid_purge(struct relays *r, const char *source, const char *why);

#endif
