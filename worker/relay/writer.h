/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The writer of one source's relay log: a thread that reads the binlog as a
 * replica and copies its files. Its hub is live while it is Running, also while
 * the source is away. Threads: any; nothing here blocks but free.
 */
#ifndef DM_WORKER_RELAY_WRITER_H
#define DM_WORKER_RELAY_WRITER_H

#include "dmworker.pb-c.h"
#include "worker/relay/start.h"

struct relay_writer;

struct relay_writer_opts {
	/* Copied. Its password may be a reference (lib/config/secret.h). */
	const struct dm_source_cfg *source;
	struct relay_hub *hub;  /* a reference is kept */
	struct dm_cancel *hard; /* borrowed until freed */
	/*
	 * Where the source's tasks stand, for a relay log that begins: adds
	 * struct relay_need*. On the writer's thread; false: not all could be
	 * found out.
	 */
	bool (*needs)(GPtrArray *needs, struct dm_cancel *c, void *arg);
	void (*changed)(void *arg); /* after each change of stage; short */
	void *arg;
};

/* Paused until the first relay_writer_expect. */
struct relay_writer *relay_writer_new(const struct relay_writer_opts *o);
/* Running or Paused, as of `revision`: the same or an older one is ignored, a
 * newer one acts again. */
void relay_writer_expect(
    struct relay_writer *w, Pb__Stage expected, int64_t revision);
/* True while it writes, or waits for its source. */
bool relay_writer_is_running(struct relay_writer *w);
/* New message, for protobuf_c_message_free_unpacked. */
Pb__RelayStatus *relay_writer_status(struct relay_writer *w);
/* Begin to end it. */
void relay_writer_close(struct relay_writer *w);
/* After that: the thread has ended, free does not wait. */
bool relay_writer_is_over(struct relay_writer *w);
/* Closes, waits, frees. */
void relay_writer_free(struct relay_writer *w);
DM_DEFINE_AUTO(relay_writer)

#endif
