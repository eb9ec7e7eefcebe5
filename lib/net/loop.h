/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A small epoll loop for the port: watched descriptors, items with one common
 * time limit, and a late end of memory. Private to lib/net. Threads: the
 * loop's; others only before it runs and after it ended.
 *
 * An item may be ended inside any callback, its own or another's. Its memory
 * is freed when the events that were fetched together are handled: none of
 * them meets memory that is gone. Callbacks of an ended item are not called.
 */
#ifndef DM_LIB_NET_LOOP_H
#define DM_LIB_NET_LOOP_H

#include "lib/base/base.h"
#include "lib/base/clock.h"

struct dm_loop {
	int epoll_fd;
	int64_t limit_ms; /* of every item that has a limit */
	GQueue timed;     /* of struct dm_loop_item, by deadline */
	GQueue items;     /* all that live */
	GQueue ended;     /* memory to free */
	bool stop;        /* dm_loop_run returns */
};

/* Embedded as the first member of what the loop keeps. */
struct dm_loop_item {
	struct dm_loop *loop;
	struct dm_mono deadline;
	GList *timed; /* in loop->timed; NULL: no limit */
	GList *link;  /* in loop->items, later in loop->ended */
	bool over;    /* ended */
	/* The limit has passed: usually ends the item. */
	void (*late)(struct dm_loop_item *it);
	/* Closes what the item owns. Once, when it ends. */
	void (*close)(struct dm_loop_item *it);
	/* Frees the memory. */
	void (*free)(struct dm_loop_item *it);
};

/* A descriptor of an item; item NULL: of the loop's owner. */
struct dm_loop_watch {
	int fd;
	uint32_t events; /* 0: not watched */
	struct dm_loop_item *item;
	void (*ready)(struct dm_loop_watch *w, uint32_t events);
};

#define dm_loop_owner_of(member_ptr, type, member)                             \
	((type *)(void *)((char *)(member_ptr)-offsetof(type, member)))

/* False: errno. */
bool dm_loop_init(struct dm_loop *l, int64_t limit_ms);
/* Ends and frees all items. */
void dm_loop_fini(struct dm_loop *l);
/* Handles events until `stop`, which a callback sets, at most for_ms (-1:
 * without a limit), and while_items: only as long as there are items. */
void dm_loop_run(struct dm_loop *l, int64_t for_ms, bool while_items);

/* The callbacks and the owner's fields are set. */
void dm_loop_add(struct dm_loop *l, struct dm_loop_item *it);
/* Idempotent. */
void dm_loop_end(struct dm_loop_item *it);
/* The limit counts from now. */
void dm_loop_limit(struct dm_loop_item *it);
void dm_loop_unlimit(struct dm_loop_item *it);
/* The item that has been waiting longest; NULL. */
struct dm_loop_item *dm_loop_oldest(struct dm_loop *l);

/* Watch for these events (EPOLLIN..); 0: do not. False: errno. */
bool dm_loop_watch(struct dm_loop *l, struct dm_loop_watch *w, uint32_t events);

#endif
