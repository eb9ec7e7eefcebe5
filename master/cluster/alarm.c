/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See alarm.h.
 *
 * SOURCE: etcd 3.4: NOSPACE is raised by the first write beyond
 * quota-backend-bytes, CORRUPT when members are found to differ. Both stay,
 * over restarts too, until they are disarmed by hand.
 */
#include "master/cluster/alarm.h"

#include <inttypes.h>
#include <string.h>

#define MIB ((uint64_t)1 << 20)

/* "m1 (127.0.0.1:8261)"; by its number where the name is not known. */
static char *
member_text(const GPtrArray *members, uint64_t id)
{
	for (guint i = 0; members != NULL && i < members->len; i++) {
		const struct dm_etcd_member *m = g_ptr_array_index(members, i);

		if (m->id == id)
			return g_strdup_printf("%s (%s)", m->name,
			    m->client_urls[0] != NULL ? m->client_urls[0]
						      : "no client URL");
	}
	return g_strdup_printf("%" PRIx64, id);
}

/* How etcdctl reaches it. New string. */
static char *
endpoints_text(const struct dm_master_cfg *cfg, const char *own)
{
	return own != NULL ? g_strdup(own)
			   : g_strjoinv(",", cfg->etcd_endpoints);
}

static struct dm_err *
with_advice(const struct dm_master_cfg *cfg, const char *own, const char *alarm,
    struct dm_err *err)
{
	g_autofree char *eps = endpoints_text(cfg, own);

	if (strcmp(alarm, "NOSPACE") == 0)
		return dm_err_set_workaround(err,
		    "with ETCDCTL_API=3 and etcdctl --endpoints %s: `compact` "
		    "to the revision that `endpoint status` shows, `defrag` at "
		    "every member, then `alarm disarm`; if the database is "
		    "still too large, give %s a larger quota-backend-bytes "
		    "first. dm-master goes on by itself then",
		    eps, own == NULL ? "that etcd" : "every dm-master");
	return dm_err_set_workaround(err,
	    "take that member out and let it join again without its data%s, "
	    "then etcdctl --endpoints %s `alarm disarm`",
	    own == NULL ? "" : " (`offline-member --master --name`, `join`)",
	    eps);
}

static struct dm_err *
describe(const struct dm_master_cfg *cfg, const char *own, struct dm_etcd *e,
    const GPtrArray *alarms, uint64_t db_bytes)
{
	const struct dm_etcd_alarm *first = g_ptr_array_index(alarms, 0);
	g_autoptr(GPtrArray) members = NULL;
	g_autoptr(GString) text = g_string_new(NULL);

	dm_err_free(dm_etcd_member_list(e, &members)); /* numbers will do */
	for (guint i = 0; i < alarms->len; i++) {
		const struct dm_etcd_alarm *a = g_ptr_array_index(alarms, i);
		g_autofree char *who = member_text(members, a->member);

		g_string_append_printf(
		    text, "%s%s at member %s", i > 0 ? ", " : "", a->name, who);
	}
	return with_advice(cfg, own, first->name,
	    dm_err_set_cause(
		dm_err_new(HA_FAIL_TXN_OPERATION, "etcd takes no writes"),
		"etcd has raised an alarm: %s; its database has %" PRIu64
		" MiB",
		text->str, (db_bytes + MIB - 1) / MIB));
}

struct dm_err *
alarm_look(const struct dm_master_cfg *cfg, const char *own, struct dm_etcd *e,
    int64_t timeout_ms, struct dm_err **alarm)
{
	g_autoptr(GPtrArray) alarms = NULL;
	uint64_t db_bytes;
	struct dm_err *err = dm_etcd_alarms(e, timeout_ms, &alarms, &db_bytes);

	*alarm = NULL;
	if (err == NULL && alarms->len > 0)
		*alarm = describe(cfg, own, e, alarms, db_bytes);
	return err;
}

bool
alarm_refused(const struct dm_err *err)
{
	g_autofree char *text = dm_err_message(err);

	return strstr(text, "database space exceeded") != NULL ||
	       strstr(text, "corrupt cluster") != NULL;
}

struct dm_err *
alarm_advise(const char *own, struct dm_err *err)
{
	g_autofree char *text = dm_err_message(err);

	if (strstr(text, "request is too large") == NULL &&
	    strstr(text, "larger than max") == NULL)
		return err;
	return dm_err_set_workaround(err,
	    "the configuration is larger than etcd takes: raise "
	    "`max-request-bytes` of %s, or make it shorter: patterns instead "
	    "of lists of tables",
	    own != NULL ? "every dm-master" : "that etcd and every dm-master");
}
