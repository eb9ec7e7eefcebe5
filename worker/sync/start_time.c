/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A place by its time: see start_time.h. SOURCE: data-plane 5.2: the file is
 * found by the times at which files begin, then it is read.
 */
#include "worker/sync/start_time.h"

#include "lib/binlog/event.h"
#include "lib/binlog/stream.h"
#include "lib/log/log.h"
#include "lib/text/start_time.h"

#include <jansson.h>
#include <string.h>

#define HEARTBEAT_S 1
#define FILE_BEGIN  4

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
	bool head_only; /* only for the time at which the file begins */
	int64_t begins; /* that time; 0: not met yet */
	uint64_t txn;   /* where the transaction in work begins; 0: none */
	uint64_t found; /* 0: not yet */
	bool done;
};

static bool
is_gtid(uint8_t type)
{
	return type == DM_EV_MARIADB_GTID || type == DM_EV_GTID ||
	       type == DM_EV_GTID_TAGGED || type == DM_EV_ANONYMOUS_GTID;
}

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
	if (err != NULL || h.timestamp == 0 || h.log_pos < h.size ||
	    (h.flags & DM_EVF_ARTIFICIAL))
		return err;
	start = h.log_pos - h.size;
	if (s->begins == 0)
		s->begins = h.timestamp;
	if (is_gtid(h.type))
		s->txn = start;
	if (is_of_no_txn(h.type))
		s->txn = 0;
	if (h.timestamp >= s->when)
		s->found = s->txn != 0 ? s->txn : start;
	if (h.type == DM_EV_XID)
		s->txn = 0;
	s->done |= s->found != 0 || s->head_only || h.log_pos >= s->size ||
		   h.type == DM_EV_ROTATE;
	return NULL;
}

static struct dm_err *
scan_file(struct scan *s)
{
	struct dm_sql_params p =
	    dm_db_cfg_params(&s->env->source->from, DM_SCOPE_UPSTREAM);
	struct dm_binlog_start start = { .host_name = s->env->worker,
		.pos = dm_pos_make(s->name, FILE_BEGIN),
		.heartbeat_s = HEARTBEAT_S };
	DM_AUTO(dm_binlog_stream) st = NULL;
	struct dm_cancel_watch watch = { 0 };
	struct dm_sql_conn *conn = NULL;
	struct dm_err *err = dm_sql_connect(&p, false, s->c, &conn);

	if (err == NULL)
		err = dm_binlog_stream_open(conn, &start, &st);
	if (err != NULL)
		return err;
	dm_binlog_format_default(&s->format);
	dm_cancel_watch(s->c, &watch, dm_binlog_stream_interrupt, st);
	while (err == NULL && !s->done) {
		const uint8_t *raw;
		size_t len;

		err = dm_binlog_stream_next(st, &raw, &len);
		if (err == NULL)
			err = scan_event(s, raw, len);
	}
	dm_cancel_unwatch(s->c, &watch);
	return err == NULL ? NULL
			   : dm_err_annotate(
				 err, "look for the start time in %s", s->name);
}

/* ---- all files ---- */

static struct scan
scan_of(const struct scan *model, const GPtrArray *names, const GArray *sizes,
    guint i)
{
	struct scan s = *model;

	s.name = g_ptr_array_index(names, i);
	s.size = g_array_index(sizes, uint64_t, i);
	return s;
}

/* The last file that begins before the time; the first one if none does. */
static struct dm_err *
find_file(const struct scan *model, const GPtrArray *names, const GArray *sizes,
    guint *file)
{
	guint low = 0, high = names->len;
	struct dm_err *err;

	while (high - low > 1) {
		guint mid = low + (high - low) / 2;
		struct scan s = scan_of(model, names, sizes, mid);

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

struct dm_err *
start_time_find(const struct unit_env *env, struct dm_sql_conn *source,
    struct dm_cancel *c, const char *text, struct dm_pos *at)
{
	g_autoptr(GPtrArray) names = NULL;
	g_autoptr(GArray) sizes = NULL;
	struct scan model = { .env = env, .c = c };
	struct dm_err *err;
	guint file = 0;

	err = unix_time(source, text, &model.when);
	if (err == NULL)
		err = dm_binlog_list(source, &names, &sizes);
	if (err == NULL && names->len > 0)
		err = find_file(&model, names, sizes, &file);
	/* Of a file that ends before the time the next one is the place. */
	for (; err == NULL && file < names->len; file++) {
		struct scan s = scan_of(&model, names, sizes, file);

		err = scan_file(&s);
		if (err != NULL || s.found == 0)
			continue;
		*at = dm_pos_make(s.name, s.found);
		dm_info("the start time was found in the binlog",
		    dm_kstr("start-time", text), dm_kstr("binlog", at->name),
		    dm_kint("position", at->pos));
		return NULL;
	}
	return err != NULL ? err : dm_err_new(CONFIG_START_TIME_TOO_LATE, text);
}
