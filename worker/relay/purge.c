/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Purging a relay log: see purge.h.
 *
 * DESIGN: while a purge runs the hub lets no new reader in; what is held then
 * is asked once, after that. A thread of its own, since removing a large file
 * takes time. It stops on relay_purger_free.
 */
#include "worker/relay/purge.h"

#include "lib/base/clock.h"
#include "lib/log/log.h"
#include "worker/relay/meta.h"
#include "worker/relay/out.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define RANK_PURGER 220
#define GIB         ((uint64_t)1 << 30)
#define HOUR_S      3600

static const char *const names[] = { "inactive", "time", "filename", "space" };

struct dm_err *
relay_purge_parse(const Pb__PurgeRelayRequest *req, struct relay_purge *p)
{
	int given = (req->inactive ? 1 : 0) + (req->time > 0 ? 1 : 0) +
		    (req->filename[0] != '\0' ? 1 : 0);

	*p = (struct relay_purge){ .before = req->time,
		.filename = req->filename,
		.sub_dir = req->subdir };
	if (req->inactive)
		p->by = RELAY_PURGE_INACTIVE;
	else
		p->by = req->time > 0 ? RELAY_PURGE_TIME : RELAY_PURGE_FILENAME;
	if (given == 1 &&
	    (p->by != RELAY_PURGE_FILENAME || relay_out_is_name(p->filename)))
		return NULL;
	return dm_err_new(RELAY_PURGE_REQUEST_NOT_VALID,
	    given == 1 ? p->filename : "with none or several strategies");
}

static int
place_cmp(const struct relay_place *a, const struct relay_place *b)
{
	struct dm_pos x = dm_pos_make(a->pos.name, 0);
	struct dm_pos y = dm_pos_make(b->pos.name, 0);

	if (a->suffix != b->suffix)
		return a->suffix < b->suffix ? -1 : 1;
	return dm_pos_cmp(&x, &y);
}

/* The first file that stays. */
static struct dm_err *
find_limit(struct relay_hub *hub, const struct relay_purge *p,
    const GPtrArray *dirs, struct relay_place *limit)
{
	struct relay_place held, given = { 0 };

	if (!relay_hub_end(hub, limit))
		return dm_err_new(RELAY_NO_ACTIVE_RELAY_LOG);
	if (relay_hub_earliest(hub, &held) && place_cmp(&held, limit) < 0)
		*limit = held;
	if (p->by != RELAY_PURGE_FILENAME)
		return NULL;
	given.pos = dm_pos_make(p->filename, 0);
	for (guint i = 0; i < dirs->len; i++) {
		const struct relay_dir *d = g_ptr_array_index(dirs, i);

		if (p->sub_dir[0] == '\0' ||
		    strcmp(strrchr(d->path, '/') + 1, p->sub_dir) == 0)
			given.suffix = d->suffix;
	}
	if (given.suffix == 0)
		return dm_err_new(RELAY_PURGE_REQUEST_NOT_VALID, p->sub_dir);
	if (place_cmp(&given, limit) < 0)
		*limit = given;
	return NULL;
}

/* *stays: from here on nothing is removed. */
static struct dm_err *
purge_file(const struct relay_purge *p, const char *path, bool *stays)
{
	struct stat st;

	if (p->by == RELAY_PURGE_TIME && stat(path, &st) == 0 &&
	    st.st_mtime >= p->before) {
		*stays = true;
		return NULL;
	}
	if (unlink(path) == 0 || errno == ENOENT)
		return NULL;
	return dm_err_set_cause(
	    dm_err_new(RELAY_REMOVE_FILE_FAIL, "file", path), "%s",
	    g_strerror(errno));
}

static struct dm_err *
purge_dir(const struct relay_purge *p, const struct relay_dir *d,
    const struct relay_place *limit, unsigned *removed, bool *stays)
{
	g_autoptr(GPtrArray) files = NULL;
	struct dm_err *err = relay_dir_files(d, &files);

	for (guint i = 0; err == NULL && !*stays && i < files->len; i++) {
		const char *name = g_ptr_array_index(files, i);
		g_autofree char *path = g_build_filename(d->path, name, NULL);
		struct relay_place at = { d->suffix, dm_pos_make(name, 0) };

		*stays = place_cmp(&at, limit) >= 0;
		if (*stays)
			break;
		err = purge_file(p, path, stays);
		if (err == NULL && !*stays)
			++*removed;
	}
	return err;
}

static struct dm_err *
purge_all(struct relay_hub *hub, const struct relay_purge *p, unsigned *removed)
{
	g_autoptr(GPtrArray) dirs = NULL;
	struct relay_place limit;
	bool stays = false;
	unsigned keep = 0;
	struct dm_err *err = relay_dirs_load(relay_hub_dir(hub), &dirs);

	if (err == NULL)
		err = find_limit(hub, p, dirs, &limit);
	for (guint i = 0; err == NULL && !stays && i < dirs->len; i++) {
		const struct relay_dir *d = g_ptr_array_index(dirs, i);

		/* The one that the limit is in stays in any case. */
		stays = d->suffix > limit.suffix;
		if (stays)
			break;
		err = purge_dir(p, d, &limit, removed, &stays);
		stays |= d->suffix == limit.suffix;
		keep = stays ? d->suffix : d->suffix + 1;
	}
	if (err == NULL && dirs->len > 0 && keep > 0 &&
	    keep > ((struct relay_dir *)g_ptr_array_index(dirs, 0))->suffix)
		err = relay_index_drop(relay_hub_dir(hub), dirs, keep);
	return err;
}

struct dm_err *
relay_purge_run(
    struct relay_hub *hub, const struct relay_purge *p, unsigned *removed)
{
	struct dm_err *err;

	*removed = 0;
	relay_hub_set_purging(hub, true);
	err = purge_all(hub, p, removed);
	relay_hub_set_purging(hub, false);
	if (err == NULL && *removed > 0)
		dm_info("relay log files were purged",
		    dm_kstr("dir", relay_hub_dir(hub)),
		    dm_kstr("strategy", names[p->by]),
		    dm_kint("files", *removed));
	return err;
}

/* ---- the thread ---- */

struct relay_purger {
	struct relay_hub *hub;                     /* a reference */
	int64_t interval_ms, expires_h, remain_gb; /* of the configuration */
	pthread_t thread;

	struct dm_mutex mu; /* rank 220; guards what follows */
	pthread_cond_t wake;
	char *forbidden;       /* owned; NULL: it may purge */
	struct command *order; /* owned; NULL: none waits */
	const char *running;   /* the strategy; NULL: none runs */
	bool closing;
};

static struct dm_err *
check_locked(const struct relay_purger *p)
{
	if (p->running != NULL)
		return dm_err_new(RELAY_OTHER_STRATEGY_IS_PURGING, p->running);
	if (p->forbidden != NULL)
		return dm_err_new(RELAY_PURGE_IS_FORBIDDEN, p->forbidden);
	return NULL;
}

static struct dm_err *
purge(struct relay_purger *p, const struct relay_purge *what, unsigned *removed)
{
	struct dm_err *err;

	dm_mutex_lock(&p->mu);
	err = check_locked(p);
	if (err == NULL)
		p->running = names[what->by];
	dm_mutex_unlock(&p->mu);
	if (err != NULL)
		return err;
	err = relay_purge_run(p->hub, what, removed);
	dm_mutex_lock(&p->mu);
	p->running = NULL;
	dm_mutex_unlock(&p->mu);
	return err;
}

static void
by_command(struct relay_purger *p, struct command *c)
{
	struct relay_purge what;
	unsigned removed = 0;
	struct dm_err *err =
	    relay_purge_parse(command_msg(c)->purgerelay, &what);

	if (err == NULL)
		err = purge(p, &what, &removed);
	command_answer(c, err, NULL);
}

static bool
is_space_short(const struct relay_purger *p)
{
	struct statvfs fs;

	return p->remain_gb > 0 && statvfs(relay_hub_dir(p->hub), &fs) == 0 &&
	       (uint64_t)fs.f_bavail * fs.f_frsize <
		   (uint64_t)p->remain_gb * GIB;
}

static void
by_itself(struct relay_purger *p)
{
	struct relay_purge what = { .by = RELAY_PURGE_SPACE };
	struct relay_place end;
	unsigned removed = 0;
	struct dm_err *err;

	if (!relay_hub_end(p->hub, &end))
		return; /* nothing is written yet */
	if (!is_space_short(p)) {
		if (p->expires_h <= 0)
			return;
		what.by = RELAY_PURGE_TIME;
		what.before =
		    dm_wall_now().ns / 1000000000 - p->expires_h * HOUR_S;
	}
	err = purge(p, &what, &removed);
	if (err != NULL)
		dm_warn("the relay log is not purged",
		    dm_kstr("dir", relay_hub_dir(p->hub)), dm_kerr(err));
	dm_err_free(err);
}

static void *
purger_main(void *arg)
{
	struct relay_purger *p = arg;
	bool by_time =
	    p->interval_ms > 0 && (p->expires_h > 0 || p->remain_gb > 0);

	dm_mutex_lock(&p->mu);
	while (!p->closing) {
		struct command *c = DM_TAKE(p->order);
		bool woken = true;

		if (c == NULL && by_time)
			woken =
			    dm_cond_wait_ms(&p->wake, &p->mu, p->interval_ms);
		else if (c == NULL)
			dm_cond_wait(&p->wake, &p->mu);
		if (c == NULL && woken)
			continue;
		dm_mutex_unlock(&p->mu);
		if (c != NULL)
			by_command(p, c);
		else
			by_itself(p);
		dm_mutex_lock(&p->mu);
	}
	dm_mutex_unlock(&p->mu);
	return NULL;
}

struct relay_purger *
relay_purger_start(struct relay_hub *hub, const struct dm_source_cfg *source)
{
	struct relay_purger *p = g_new0(struct relay_purger, 1);

	p->hub = relay_hub_ref(hub);
	p->interval_ms = source->purge_interval * 1000;
	p->expires_h = source->purge_expires;
	p->remain_gb = source->purge_remain_space;
	dm_mutex_init(&p->mu, RANK_PURGER);
	dm_cond_init(&p->wake);
	p->thread = dm_thread_start("relay-purge", purger_main, p);
	return p;
}

void
relay_purger_forbid(struct relay_purger *p, const char *why)
{
	dm_mutex_lock(&p->mu);
	if (g_strcmp0(p->forbidden, why) != 0) {
		g_free(p->forbidden);
		p->forbidden = g_strdup(why);
	}
	dm_mutex_unlock(&p->mu);
}

void
relay_purger_order(struct relay_purger *p, struct command *c)
{
	struct dm_err *err;

	dm_mutex_lock(&p->mu);
	err = check_locked(p);
	if (err == NULL && p->order != NULL)
		err = dm_err_new(RELAY_OTHER_STRATEGY_IS_PURGING, "filename");
	if (err == NULL) {
		p->order = c;
		pthread_cond_broadcast(&p->wake);
	}
	dm_mutex_unlock(&p->mu);
	if (err != NULL)
		command_answer(c, err, NULL);
}

void
relay_purger_free(struct relay_purger *p)
{
	if (p == NULL)
		return;
	dm_mutex_lock(&p->mu);
	p->closing = true;
	pthread_cond_broadcast(&p->wake);
	dm_mutex_unlock(&p->mu);
	pthread_join(p->thread, NULL);
	command_drop(p->order);
	relay_hub_free(p->hub);
	pthread_cond_destroy(&p->wake);
	dm_mutex_fini(&p->mu);
	g_free(p->forbidden);
	g_free(p);
}
