/* SPDX-License-Identifier: Apache-2.0 */
/* GTIDs in a relay log: see reader.h. */
#include "worker/relay/file.h"
#include "worker/relay/reader.h"

#include <string.h>

/* As far as a file of the sub directory is whole. */
static struct dm_err *
limit_of(struct relay_hub *hub, const struct relay_dir *d,
    const struct relay_file *f, uint64_t *limit)
{
	struct relay_place end;

	if (relay_hub_end(hub, &end) && end.suffix == d->suffix &&
	    strcmp(end.pos.name, f->name) == 0) {
		*limit = end.pos.pos;
		return NULL;
	}
	return relay_file_size(f, limit);
}

/* *fits: the file `name` has all that is not in set. */
static struct dm_err *
look_at(struct relay_hub *hub, const struct relay_dir *d, const char *name,
    const struct dm_gtid_set *set, bool *fits)
{
	DM_AUTO(dm_gtid_set) before = dm_gtid_set_new(dm_gtid_set_flavor(set));
	DM_AUTO(relay_file) f = NULL;
	uint64_t limit = 0;
	bool there, known = false;
	struct dm_err *err;

	*fits = false;
	err = relay_file_open(d, name, &f, &there);
	if (err != NULL || !there)
		return err;
	err = limit_of(hub, d, f, &limit);
	if (err == NULL)
		err = relay_file_gtids(f, limit, limit, true, before, &known);
	*fits = err == NULL && known && dm_gtid_set_contains(set, before);
	return err;
}

struct dm_err *
relay_find_gtid(struct relay_hub *hub, unsigned after,
    const struct dm_gtid_set *set, struct relay_place *at, bool *found)
{
	g_autoptr(GPtrArray) dirs = NULL;
	struct dm_err *err = relay_dirs_load(relay_hub_dir(hub), &dirs);

	*found = false;
	for (guint i = err == NULL ? dirs->len : 0; err == NULL && i-- > 0;) {
		const struct relay_dir *d = g_ptr_array_index(dirs, i);
		g_autoptr(GPtrArray) names = NULL;

		if (d->suffix <= after)
			break;
		err = relay_dir_files(d, &names);
		for (guint k = err == NULL ? names->len : 0;
		     err == NULL && !*found && k-- > 0;) {
			const char *name = g_ptr_array_index(names, k);

			err = look_at(hub, d, name, set, found);
			if (*found)
				*at = (struct relay_place){ d->suffix,
					dm_pos_make(name, RELAY_FILE_BEGIN) };
		}
		if (*found)
			break;
	}
	return err;
}

struct dm_err *
relay_gtids_before(struct relay_hub *hub, const struct relay_place *at,
    struct dm_gtid_set *set)
{
	g_autoptr(GPtrArray) dirs = NULL;
	DM_AUTO(relay_file) f = NULL;
	const struct relay_dir *d;
	bool there = false, known;
	struct dm_err *err;

	err = relay_dirs_load(relay_hub_dir(hub), &dirs);
	if (err != NULL)
		return err;
	d = relay_dirs_at(dirs, at->suffix);
	if (d != NULL)
		err = relay_file_open(d, at->pos.name, &f, &there);
	if (err == NULL && !there)
		err = dm_err_set_cause(
		    dm_err_new(PARSER_PARSE_RELAY_LOG, at->pos.name,
			(long)at->pos.pos, relay_hub_dir(hub)),
		    "there is no such file");
	if (err == NULL)
		err = relay_file_gtids(
		    f, at->pos.pos, at->pos.pos, false, set, &known);
	return err;
}
