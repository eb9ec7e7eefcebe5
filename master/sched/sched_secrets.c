/* SPDX-License-Identifier: Apache-2.0 */
/* The key of the cluster's passwords: see sched_secrets.h. Called on the
 * scheduler's thread, before a state is loaded. */
#include "master/sched/sched_secrets.h"

#include "lib/config/secret.h"
#include "lib/log/log.h"

#include <string.h>

/* Changes in one transaction; etcd takes 128 if it was not told otherwise. */
#define BATCH_OPS 64

static const char *
stored_id(const GPtrArray *items)
{
	for (guint i = 0; i < items->len; i++) {
		const struct dm_ha_item *it = g_ptr_array_index(items, i);

		if (it->kind == DM_HA_SECRET_KEY)
			return it->text;
	}
	return NULL;
}

/* NULL keys or one that is not known: why nothing can be done. */
static struct dm_err *
wrong_key(const char *id, const char *ours)
{
	g_autofree char *why = NULL;

	if (ours == NULL)
		why = g_strdup_printf(
		    "the passwords of this cluster are encrypted (key %s), but "
		    "this dm-master has no secret-key-path",
		    id);
	else
		why = g_strdup_printf(
		    "the passwords of this cluster are encrypted with another "
		    "key (%s; this dm-master has %s)",
		    id, ours);
	return dm_err_set_workaround(dm_err_new(CONFIG_SECRET_KEY_PATH, why),
	    "start every dm-master with the same secret-key-path; to change "
	    "the key, write the new one into the file and keep the old one on "
	    "a second line");
}

/* *text: new string, NULL when it stays. */
static struct dm_err *
protect(const struct dm_ha_item *it, const struct dm_keys *keys, char **text)
{
	struct dm_err *err;

	*text = NULL;
	if (it->kind == DM_HA_SOURCE)
		err = dm_source_text_protect(it->text, keys, text);
	else
		err = dm_task_text_protect(it->text, keys, text);
	if (err == NULL && strcmp(*text, it->text) == 0)
		g_clear_pointer(text, dm_wipe);
	return err;
}

static struct dm_err *
flush(struct dm_ha_batch *b, sched_commit_fn *commit, void *arg)
{
	struct dm_err *err;
	int64_t revision;

	if (b->ops->len == 0)
		return NULL;
	err = commit(b, &revision, arg);
	g_ptr_array_set_size(b->ops, 0);
	return err;
}

static struct dm_err *
protect_all(const struct dm_keys *keys, GPtrArray *items,
    sched_commit_fn *commit, void *arg)
{
	DM_AUTO(dm_ha_batch) b = dm_ha_batch_new();
	struct dm_err *err = NULL;

	for (guint i = 0; err == NULL && i < items->len; i++) {
		struct dm_ha_item *it = g_ptr_array_index(items, i);
		char *text;

		if (it->kind != DM_HA_SOURCE && it->kind != DM_HA_SUBTASK)
			continue;
		err = protect(it, keys, &text);
		if (err != NULL) {
			dm_error("a stored configuration keeps its password as "
				 "it is",
			    dm_kstr("source", it->first),
			    dm_kstr("task",
				it->kind == DM_HA_SUBTASK ? it->second : ""),
			    dm_kerr(err));
			dm_err_free(err); /* its worker will tell, too */
			err = NULL;
			continue;
		}
		if (text == NULL)
			continue;
		dm_wipe(it->text);
		it->text = text;
		dm_ha_batch_put(b, it);
		if (b->ops->len == BATCH_OPS)
			err = flush(b, commit, arg);
	}
	return err == NULL ? flush(b, commit, arg) : err;
}

static struct dm_err *
store_id(const char *id, sched_commit_fn *commit, void *arg)
{
	DM_AUTO(dm_ha_batch) b = dm_ha_batch_new();
	struct dm_ha_item item = { .kind = DM_HA_SECRET_KEY };
	struct dm_err *err;

	item.text = g_strdup(id);
	dm_ha_batch_put(b, &item);
	err = flush(b, commit, arg);
	g_free(item.text);
	return err;
}

/* Whether this is a key of the cluster. */
static struct dm_err *
compare(const struct dm_keys *keys, const char *stored)
{
	char first[DM_KEY_ID_SIZE], id[DM_KEY_ID_SIZE];

	if (stored == NULL)
		return NULL;
	if (keys == NULL)
		return wrong_key(stored, NULL);
	for (size_t i = 0; i < keys->n; i++) {
		dm_key_id(keys->key[i], id);
		if (strcmp(stored, id) == 0)
			return NULL;
	}
	dm_key_id(keys->key[0], first);
	return wrong_key(stored, first);
}

struct dm_err *
sched_secrets_check(const struct dm_keys *keys, GPtrArray *items,
    sched_commit_fn *commit, void *arg)
{
	const char *stored = stored_id(items);
	char first[DM_KEY_ID_SIZE];
	struct dm_err *err = compare(keys, stored);

	if (err != NULL || keys == NULL)
		return err;
	dm_key_id(keys->key[0], first);
	if (stored != NULL && strcmp(stored, first) == 0)
		return NULL;
	err = protect_all(keys, items, commit, arg);
	if (err == NULL)
		err = store_id(first, commit, arg);
	if (err == NULL)
		dm_info("stored passwords are encrypted with a new key",
		    dm_kstr("key", first),
		    dm_kstr("before", stored != NULL ? stored : "none"));
	return err;
}
