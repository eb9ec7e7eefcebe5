/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A place by its time: see start_time.h. SOURCE: data-plane 5.2: the file is
 * found by the times at which files begin, then it is read.
 */
#include "worker/sync/start_time.h"

#include "lib/binlog/group.h"
#include "lib/binlog/stream.h"
#include "lib/log/log.h"
#include "lib/text/start_time.h"
#include "worker/sync/feed.h"
#include "worker/sync/origin.h"

#include <glib/gstdio.h>
#include <jansson.h>
#include <string.h>

#define FILE_BEGIN 4

char *
start_time_given(const struct unit_env *env)
{
	json_t *args =
	    json_loads(env->cli_args == NULL ? "" : env->cli_args, 0, NULL);
	const char *text =
	    json_string_value(json_object_get(args, "start_time"));
	char *copy = text == NULL || text[0] == '\0' ? NULL : g_strdup(text);

	json_decref(args);
	return copy;
}

/* ---- the time ---- */

static struct dm_err *
unix_time(struct dm_sql_conn *source, const char *text, int64_t *when)
{
	g_autofree char *s = NULL, *zone = NULL;
	g_autoptr(GString) sql = g_string_new("SELECT UNIX_TIMESTAMP(");
	struct dm_err *err, *again;

	if (dm_start_time_unix(text, when))
		return NULL;
	if (!dm_start_time_ok(text))
		return dm_err_plain("start-time should be in the format like "
				    "%s",
		    dm_start_time_hints);
	dm_sql_append_string(sql, text, strlen(text));
	g_string_append_c(sql, ')');
	err = dm_sql_query_string(source, &zone, "SELECT @@session.time_zone");
	if (err == NULL)
		err = dm_sql_execf(source, "SET time_zone=@@global.time_zone");
	if (err != NULL)
		return err;
	err = dm_sql_query_string(source, &s, "%s", sql->str);
	again = dm_sql_execf(source, "SET time_zone='%s'", zone);
	if (err != NULL)
		dm_err_free(again); /* the first one tells the story */
	else
		err = again;
	if (err == NULL)
		*when = s != NULL ? g_ascii_strtoll(s, NULL, 10) : 0;
	return err;
}

/* ---- reading one file ---- */

struct scan {
	const struct unit_env *env;
	struct dm_cancel *c;
	struct dm_binlog_format format;
	const char *name;
	uint64_t size; /* as far as it is looked at */
	int64_t when;
	unsigned suffix; /* the relay log has it there; 0: the source */
	bool head_only;  /* only for the time at which the file begins */
	int64_t begins;  /* that time; 0: not met yet */
	uint64_t txn;    /* where the transaction in work begins; 0: none */
	uint64_t found;  /* 0: not yet */
	uint64_t end;    /* of what was read */
	bool done;
};

/* Between transactions: what began before it has ended, by whatever event. */
static bool
is_of_no_txn(uint8_t type)
{
	return type == DM_EV_ROTATE || type == DM_EV_STOP ||
	       type == DM_EV_MARIADB_BINLOG_CHECKPOINT ||
	       type == DM_EV_MARIADB_GTID_LIST;
}

static struct dm_err *
scan_event(struct scan *s, const uint8_t *raw, size_t len)
{
	struct dm_event_header h;
	const uint8_t *body;
	struct dm_err *err;
	uint64_t start;
	size_t n;

	err = dm_event_split(&s->format, raw, len, &h, &body, &n);
	if (err != NULL)
		return err;
	if (h.type == DM_EV_FORMAT_DESCRIPTION)
		err = dm_format_description_decode(raw, len, &s->format);
	if (h.type == DM_EV_HEARTBEAT || h.type == DM_EV_HEARTBEAT_V2)
		s->done = true; /* there is no more */
	s->end = dm_event_end(&h, s->end);
	if (err != NULL || h.timestamp == 0 || !dm_event_has_place(&h) ||
	    s->end < h.size)
		return err;
	start = s->end - h.size;
	if (s->begins == 0)
		s->begins = h.timestamp;
	if (dm_event_is_gtid(h.type))
		s->txn = start;
	if (is_of_no_txn(h.type))
		s->txn = 0;
	if (h.timestamp >= s->when)
		s->found = s->txn != 0 ? s->txn : start;
	if (h.type == DM_EV_XID)
		s->txn = 0;
	s->done |= s->found != 0 || s->head_only || s->end >= s->size ||
		   h.type == DM_EV_ROTATE;
	return NULL;
}

static struct dm_err *
scan_file(struct scan *s)
{
	struct feed_start start = { .pos = dm_pos_make(s->name, FILE_BEGIN),
		.suffix = s->suffix };
	DM_AUTO(feed) f = NULL;
	struct dm_err *err = feed_open(s->env, s->c, &start, &f);

	dm_binlog_format_default(&s->format);
	while (err == NULL && !s->done) {
		enum feed_part part;
		const uint8_t *raw;
		size_t len;

		err = feed_next(f, &raw, &len, &part);
		if (err == NULL)
			err = scan_event(s, raw, len);
	}
	return err == NULL ? NULL
			   : dm_err_annotate(
				 err, "look for the start time in %s", s->name);
}

/* ---- all files ---- */

/* The files there are, by number. */
struct files {
	GPtrArray *names;
	GArray *sizes;    /* uint64_t */
	GArray *suffixes; /* unsigned: of the relay log, 0: the source's */
};

static void
files_fini(struct files *fs)
{
	if (fs->names != NULL)
		g_ptr_array_unref(fs->names);
	if (fs->sizes != NULL)
		g_array_unref(fs->sizes);
	if (fs->suffixes != NULL)
		g_array_unref(fs->suffixes);
}

/* Those that the source has purged, in front. */
static struct dm_err *
add_purged(struct files *fs, const struct relay_dir *d)
{
	g_autoptr(GPtrArray) names = NULL;
	struct dm_err *err = relay_dir_files(d, &names);
	guint at = 0;

	for (guint i = 0; err == NULL && i < names->len; i++) {
		struct dm_pos p = dm_pos_make(g_ptr_array_index(names, i), 0);
		g_autofree char *path = g_build_filename(d->path, p.name, NULL);
		struct dm_pos first;
		uint64_t size;
		GStatBuf st;

		if (fs->names->len == at)
			break;
		first = dm_pos_make(g_ptr_array_index(fs->names, at), 0);
		if (dm_pos_cmp(&p, &first) >= 0)
			break;
		if (g_stat(path, &st) != 0)
			continue; /* purged here, too, just now */
		size = (uint64_t)st.st_size;
		g_ptr_array_insert(fs->names, (gint)at, g_strdup(p.name));
		g_array_insert_val(fs->sizes, at, size);
		g_array_insert_val(fs->suffixes, at, d->suffix);
		at++;
	}
	return err;
}

/* What the relay log has of the source's files, it is read there. */
static struct dm_err *
look_in_relay(struct files *fs, struct relay_hub *hub, const char *server)
{
	g_autoptr(GPtrArray) dirs = NULL;
	const struct relay_dir *d;
	struct relay_place end;
	struct dm_err *err;

	if (hub == NULL || !relay_hub_end(hub, &end))
		return NULL;
	err = relay_dirs_load(relay_hub_dir(hub), &dirs);
	if (err != NULL)
		return err;
	d = relay_dirs_at(dirs, end.suffix);
	if (d == NULL || !origin_is_same(d->uuid, server))
		return NULL;
	for (guint i = 0; err == NULL && i < fs->names->len; i++) {
		struct dm_pos at = dm_pos_make(g_ptr_array_index(fs->names, i),
		    g_array_index(fs->sizes, uint64_t, i));

		if (dm_pos_cmp(&at, &end.pos) <= 0)
			err = origin_find(hub, server, &at,
			    &g_array_index(fs->suffixes, unsigned, i));
	}
	return err == NULL ? add_purged(fs, d) : err;
}

static struct dm_err *
list_files(
    const struct unit_env *env, struct dm_sql_conn *source, struct files *fs)
{
	g_autofree char *server = NULL;
	struct dm_err *err = dm_binlog_list(source, &fs->names, &fs->sizes);

	if (err != NULL)
		return err;
	fs->suffixes = g_array_new(FALSE, TRUE, sizeof(unsigned));
	g_array_set_size(fs->suffixes, fs->names->len);
	err = origin_ask(source, &server);
	return err == NULL ? look_in_relay(fs, env->relay, server) : err;
}

static struct scan
scan_of(const struct scan *model, const struct files *fs, guint i)
{
	struct scan s = *model;

	s.name = g_ptr_array_index(fs->names, i);
	s.size = g_array_index(fs->sizes, uint64_t, i);
	s.suffix = g_array_index(fs->suffixes, unsigned, i);
	return s;
}

/* The last file that begins before the time; the first one if none does. */
static struct dm_err *
find_file(const struct scan *model, const struct files *fs, guint *file)
{
	guint low = 0, high = fs->names->len;
	struct dm_err *err;

	while (high - low > 1) {
		guint mid = low + (high - low) / 2;
		struct scan s = scan_of(model, fs, mid);

		s.head_only = true;
		err = scan_file(&s);
		if (err != NULL)
			return err;
		if (s.begins >= model->when)
			high = mid;
		else
			low = mid;
	}
	*file = low;
	return NULL;
}

static struct dm_err *
find_in(const struct scan *model, const struct files *fs, const char *text,
    struct dm_pos *at)
{
	struct dm_err *err = NULL;
	guint file = 0;

	if (fs->names->len > 0)
		err = find_file(model, fs, &file);
	/* Of a file that ends before the time the next one is the place. */
	for (; err == NULL && file < fs->names->len; file++) {
		struct scan s = scan_of(model, fs, file);

		err = scan_file(&s);
		if (err != NULL || s.found == 0)
			continue;
		*at = dm_pos_make(s.name, s.found);
		dm_info("the start time was found in the binlog",
		    dm_kstr("start-time", text), dm_kstr("binlog", at->name),
		    dm_kint("position", at->pos),
		    dm_kint("relay-sub-dir", s.suffix));
		return NULL;
	}
	return err != NULL ? err : dm_err_new(CONFIG_START_TIME_TOO_LATE, text);
}

struct dm_err *
start_time_find(const struct unit_env *env, struct dm_sql_conn *source,
    struct dm_cancel *c, const char *text, struct dm_pos *at)
{
	struct scan model = { .env = env, .c = c };
	struct files fs = { 0 };
	struct dm_err *err;

	err = unix_time(source, text, &model.when);
	if (err == NULL)
		err = list_files(env, source, &fs);
	if (err == NULL)
		err = find_in(&model, &fs, text, at);
	files_fini(&fs);
	return err;
}
