/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Relay logs of this worker: see relays.h.
 *
 * DESIGN: an entry per assigned source. Its hub stays while the source is
 * assigned, so that tasks have it whether or not a relay runs; writer and
 * purger come and go. A writer that must end is told so, and the next one
 * starts when it has: two would not get the directory's lock.
 */
#include "worker/relays.h"

#include "lib/config/secret.h"
#include "lib/log/log.h"
#include "worker/relay/purge.h"
#include "worker/relay/writer.h"
#include "worker/relay_needs.h"

#include <string.h>

#define RANK_RELAYS 205 /* below those of writers */

struct entry {
	struct relays *owner;
	char *id;
	char *given; /* the configuration's text, as it came; NULL: none */
	char *text;  /* the same in clear, to compare */
	struct dm_source_cfg *cfg; /* NULL: not valid */
	struct relay_hub *hub;     /* NULL as long as cfg is */
	struct relay_writer *writer;
	struct relay_purger *purger; /* while there is a writer */
	bool leaving;                /* the writer ends */
	bool bound, by_name;
	int64_t revision; /* of the assignment below */

	struct dm_mutex mu; /* rank 205; guards what the writer asks for */
	Dm__V1__SourceAssignment *assigned;
	struct dm_keys *keys;
};

struct relays {
	char *worker, *dir;
	bool many;
	void (*changed)(void *arg);
	void *arg;
	GHashTable *entries; /* id -> struct entry*, owned */
};

static void
stop_writer(struct entry *e)
{
	g_clear_pointer(&e->purger, relay_purger_free);
	if (e->writer != NULL && !e->leaving)
		relay_writer_close(e->writer);
	e->leaving = e->writer != NULL;
}

static void
entry_free(gpointer p)
{
	struct entry *e = p;

	stop_writer(e);
	relay_writer_free(e->writer);
	relay_hub_free(e->hub);
	dm_source_cfg_free(e->cfg);
	if (e->assigned != NULL)
		dm__v1__source_assignment__free_unpacked(e->assigned, NULL);
	dm_keys_free(e->keys);
	dm_mutex_fini(&e->mu);
	dm_wipe(e->text);
	g_free(e->given);
	g_free(e->id);
	g_free(e);
}

struct relays *
relays_new(const struct relays_opts *o)
{
	struct relays *r = g_new0(struct relays, 1);

	r->worker = g_strdup(o->worker);
	r->dir = g_strdup(o->dir != NULL ? o->dir : "");
	r->many = o->many;
	r->changed = o->changed;
	r->arg = o->arg;
	r->entries =
	    g_hash_table_new_full(g_str_hash, g_str_equal, NULL, entry_free);
	return r;
}

void
relays_free(struct relays *r)
{
	if (r == NULL)
		return;
	g_hash_table_unref(r->entries);
	g_free(r->worker);
	g_free(r->dir);
	g_free(r);
}

/* ---- what the writer asks for ---- */

static Dm__V1__SourceAssignment *
copy_assignment(const Dm__V1__SourceAssignment *a)
{
	size_t n = dm__v1__source_assignment__get_packed_size(a);
	g_autofree uint8_t *buf = g_malloc(n);

	dm__v1__source_assignment__pack(a, buf);
	return dm__v1__source_assignment__unpack(NULL, n, buf);
}

static bool
add_needs(GPtrArray *needs, struct dm_cancel *c, void *arg)
{
	struct entry *e = arg;
	Dm__V1__SourceAssignment *a;
	DM_AUTO(dm_keys) keys = NULL;
	bool all;

	dm_mutex_lock(&e->mu);
	a = copy_assignment(e->assigned);
	if (e->keys != NULL)
		keys = dm_keys_of(e->keys->key[0]);
	dm_mutex_unlock(&e->mu);
	/* cfg changes only once the writer is gone. */
	all = relay_needs_add(needs, a, keys, e->cfg, c);
	dm__v1__source_assignment__free_unpacked(a, NULL);
	return all;
}

static void
on_changed(void *arg)
{
	struct entry *e = arg;

	e->owner->changed(e->owner->arg);
}

/* ---- making it so ---- */

/* Names may have anything in them but must not lead elsewhere. */
static char *
dir_of(const struct relays *r, const struct dm_source_cfg *cfg)
{
	g_autofree char *worker = g_uri_escape_string(r->worker, NULL, TRUE);
	g_autofree char *source =
	    g_uri_escape_string(cfg->source_id, NULL, TRUE);

	return g_build_filename(r->dir[0] != '\0' ? r->dir : cfg->relay_dir,
	    r->dir[0] != '\0' ? worker : (r->many ? source : NULL),
	    r->many && r->dir[0] != '\0' ? source : NULL, NULL);
}

/* Takes over the configuration that came, once no writer uses the old one. */
static void
take_config(struct entry *e, const Dm__V1__SourceAssignment *a,
    const struct dm_keys *keys)
{
	struct dm_source_cfg *cfg = NULL;
	g_autofree char *dir = NULL;
	struct dm_err *err;

	if (g_strcmp0(e->given, a->config) == 0)
		return;
	err = dm_source_cfg_parse("", a->config, &cfg);
	if (err == NULL)
		err = dm_db_cfg_decrypt(&cfg->from, "from", keys);
	if (err == NULL) {
		char *text = dm_source_cfg_yaml(cfg, false);

		if (g_strcmp0(text, e->text) != 0 && e->writer != NULL) {
			stop_writer(e); /* and come again */
			dm_wipe(text);
			dm_source_cfg_free(cfg);
			return;
		}
		dm_wipe(e->text);
		e->text = text;
	}
	g_free(e->given);
	e->given = g_strdup(a->config);
	if (err != NULL) { /* the source's report tells it */
		dm_err_free(err);
		dm_source_cfg_free(cfg);
		return;
	}
	if (e->writer != NULL) { /* nothing but how it is encrypted */
		dm_source_cfg_free(cfg);
		return;
	}
	dm_source_cfg_free(e->cfg);
	e->cfg = cfg;
	dir = dir_of(e->owner, cfg);
	if (e->hub == NULL || strcmp(relay_hub_dir(e->hub), dir) != 0) {
		relay_hub_free(e->hub);
		e->hub = relay_hub_new(dir);
	}
}

static void
follow_entry(struct entry *e, const Dm__V1__SourceAssignment *a,
    int64_t revision, const struct dm_keys *keys, struct dm_cancel *hard)
{
	bool wanted = a->relaystage == PB__STAGE__Running ||
		      a->relaystage == PB__STAGE__Paused;

	e->bound = a->epoch != 0;
	e->by_name = a->relaybyworker;
	if (e->revision != revision) {
		Dm__V1__SourceAssignment *copy = copy_assignment(a), *old;
		struct dm_keys *new_keys = keys != NULL
					       ? dm_keys_of(keys->key[0])
					       : NULL,
			       *old_keys;

		e->revision = revision;
		dm_mutex_lock(&e->mu);
		old = e->assigned;
		e->assigned = copy;
		old_keys = e->keys;
		e->keys = new_keys;
		dm_mutex_unlock(&e->mu);
		if (old != NULL)
			dm__v1__source_assignment__free_unpacked(old, NULL);
		dm_keys_free(old_keys);
	}
	take_config(e, a, keys);
	if (!wanted)
		stop_writer(e);
	if (wanted && e->writer == NULL && e->cfg != NULL) {
		struct relay_writer_opts o = { .source = e->cfg,
			.hub = e->hub,
			.hard = hard,
			.needs = add_needs,
			.changed = on_changed,
			.arg = e };

		e->writer = relay_writer_new(&o);
		e->purger = relay_purger_start(e->hub, e->cfg);
	}
	if (wanted && e->writer != NULL && !e->leaving)
		relay_writer_expect(
		    e->writer, a->relaystage, MAX(a->relayrevision, 1));
}

static const Dm__V1__SourceAssignment *
find(const Dm__V1__Desired *d, const char *id)
{
	for (size_t i = 0; d != NULL && i < d->n_sources; i++) {
		if (strcmp(d->sources[i]->source, id) == 0)
			return d->sources[i];
	}
	return NULL;
}

/* Frees writers that have ended, and what is not assigned any more. */
static void
reap(struct relays *r, const Dm__V1__Desired *d)
{
	GHashTableIter it;
	gpointer p;

	g_hash_table_iter_init(&it, r->entries);
	while (g_hash_table_iter_next(&it, NULL, &p)) {
		struct entry *e = p;
		bool assigned = find(d, e->id) != NULL;

		if (!assigned)
			stop_writer(e);
		if (e->leaving && relay_writer_is_over(e->writer)) {
			relay_writer_free(DM_TAKE(e->writer));
			e->leaving = false;
		}
		if (!assigned && e->writer == NULL)
			g_hash_table_iter_remove(&it);
	}
}

void
relays_follow(struct relays *r, const Dm__V1__Desired *d,
    const struct dm_keys *keys, struct dm_cancel *hard)
{
	reap(r, d);
	for (size_t i = 0; d != NULL && i < d->n_sources; i++) {
		const Dm__V1__SourceAssignment *a = d->sources[i];
		struct entry *e = g_hash_table_lookup(r->entries, a->source);

		if (e == NULL) {
			e = g_new0(struct entry, 1);
			e->owner = r;
			e->id = g_strdup(a->source);
			e->revision = -1;
			dm_mutex_init(&e->mu, RANK_RELAYS);
			g_hash_table_insert(r->entries, e->id, e);
		}
		follow_entry(e, a, d->revision, keys, hard);
	}
}

bool
relays_are_busy(struct relays *r)
{
	GHashTableIter it;
	gpointer p;

	g_hash_table_iter_init(&it, r->entries);
	while (g_hash_table_iter_next(&it, NULL, &p)) {
		if (((struct entry *)p)->leaving)
			return true;
	}
	return false;
}

/* ---- what others want to know ---- */

struct relay_hub *
relays_hub(struct relays *r, const char *source)
{
	struct entry *e = g_hash_table_lookup(r->entries, source);

	return e != NULL ? e->hub : NULL;
}

Pb__RelayStatus *
relays_status(struct relays *r, const char *source)
{
	struct entry *e = g_hash_table_lookup(r->entries, source);

	if (e == NULL || e->writer == NULL || e->leaving)
		return NULL;
	return relay_writer_status(e->writer);
}

void
relays_each_unbound(
    struct relays *r, void (*fn)(const char *source, void *arg), void *arg)
{
	GHashTableIter it;
	gpointer p;

	g_hash_table_iter_init(&it, r->entries);
	while (g_hash_table_iter_next(&it, NULL, &p)) {
		struct entry *e = p;

		if (!e->bound && e->writer != NULL && !e->leaving)
			fn(e->id, arg);
	}
}

bool
relays_by_name(struct relays *r)
{
	GHashTableIter it;
	gpointer p;

	g_hash_table_iter_init(&it, r->entries);
	while (g_hash_table_iter_next(&it, NULL, &p)) {
		struct entry *e = p;

		if (e->by_name && e->writer != NULL && !e->leaving)
			return true;
	}
	return false;
}

void
relays_forbid_purge(struct relays *r, const char *source, const char *why)
{
	struct entry *e = g_hash_table_lookup(r->entries, source);

	if (e != NULL && e->purger != NULL)
		relay_purger_forbid(e->purger, why);
}

void
relays_purge(struct relays *r, struct command *c)
{
	struct entry *e =
	    g_hash_table_lookup(r->entries, command_msg(c)->source);

	if (e != NULL && e->purger != NULL)
		relay_purger_order(e->purger, c);
	else /* as DM: there is nothing to be done */
		command_answer(c, NULL, NULL);
}
