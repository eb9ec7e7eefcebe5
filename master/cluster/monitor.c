/* SPDX-License-Identifier: Apache-2.0 */
#include "master/cluster/monitor.h"

#include "lib/base/clock.h"
#include "lib/log/log.h"
#include "lib/thread/cancel.h"
#include "master/cluster/alarm.h"
#include "master/cluster/peers.h"

#include <string.h>

#define RANK_MONITOR 60
#define STEP_MS      250
#define PROBE_MS     1000
#define LOST_MS      3000 /* a restart of etcd takes less */
/* A leader is deposed when its port has been closed for so long, or when what
 * it was asked first, and all since, has been without an answer for so long:
 * three questions, as PROBE_MS is. With the time that a client takes to find
 * the next leader that stays below 6 s. */
#define GONE_MS      400
#define SILENT_MS    3000
#define MIN_PROBE_MS 250
#define PATIENCE_MAX 16
#define CALM_MS      60000 /* after so long patience is as at first */
#define PROMOTE_MS   1000
#define ALARM_MS     1000
#define MANY_EXITS   2

struct monitor {
	struct monitor_env env;
	struct dm_cancel *stop;
	pthread_t thread;

	struct dm_mutex mu;   /* guards lost and alarm */
	struct dm_err *lost;  /* NULL: etcd answers */
	struct dm_err *alarm; /* NULL: none is raised */

	/* The thread's own. */
	struct dm_mono last_ok, told, alarm_at;
	char *watched; /* address of the leader that is watched, or NULL */
	struct dm_mono bad_since, deposed_at;
	int bad; /* attempts that failed in a row */
	int64_t patience;
	struct dm_mono promoted_at;
	int exits;
	int exits_ok; /* when etcd was well */
};

/* ---- alarms of etcd ---- */

static const char *
own_endpoint(const struct monitor *m)
{
	return m->env.member == NULL ? NULL
				     : dm_etcd_member_endpoint(m->env.member);
}

/* NULL: the alarm is over. */
static void
set_alarm(struct monitor *m, const struct dm_err *err)
{
	struct dm_err *old;

	dm_mutex_lock(&m->mu);
	old = m->alarm;
	m->alarm = err != NULL ? dm_err_copy(err) : NULL;
	dm_mutex_unlock(&m->mu);
	if (old == NULL && err != NULL)
		dm_error("etcd has raised an alarm", dm_kerr(err));
	else if (old != NULL && err == NULL)
		dm_info("the alarm of etcd is over");
	dm_err_free(old);
}

/* NULL when none is raised, also when that is not known. */
static struct dm_err *
look_at_alarms(struct monitor *m)
{
	struct dm_err *alarm;
	struct dm_err *err = alarm_look(
	    m->env.cfg, own_endpoint(m), m->env.etcd, PROBE_MS, &alarm);

	if (err != NULL) {
		dm_err_free(err);
		return NULL;
	}
	set_alarm(m, alarm);
	return alarm;
}

/* ---- etcd ---- */

static const char *
state_word(enum peer_state s)
{
	switch (s) {
	case PEER_ANSWERS:
		return "up";
	case PEER_GONE:
		return "down";
	case PEER_SILENT:
	default:
		return "does not answer";
	}
}

/* "m1 up, m2 (10.0.0.2:8261) down": every master; counts. New string. */
static char *
roll_call(struct monitor *m, guint *up, guint *voters)
{
	g_autoptr(GPtrArray) peers = NULL;
	g_autoptr(GString) out = g_string_new(NULL);
	struct dm_err *err = peers_list(m->env.cfg, m->env.etcd, &peers);

	*up = *voters = 0;
	if (err != NULL) {
		dm_err_free(err);
		return NULL;
	}
	peers_probe(m->env.cfg, peers, PROBE_MS);
	for (guint i = 0; i < peers->len; i++) {
		const struct peer *p = g_ptr_array_index(peers, i);

		if (p->learner)
			continue;
		*voters += 1;
		*up += p->state == PEER_ANSWERS;
		g_string_append_printf(out, "%s%s (%s) %s",
		    out->len > 0 ? ", " : "",
		    p->name[0] != '\0' ? p->name : "not started yet",
		    p->addr[0] != '\0' ? p->addr : p->peer_urls[0],
		    state_word(p->state));
	}
	return g_strdup(out->str);
}

/* Its own etcd is down: only that is to be mended. */
static struct dm_err *
own_etcd_down(struct monitor *m)
{
	struct dm_err *why, *err;
	bool final;

	why = dm_etcd_member_why(m->env.member, &final);
	err = dm_err_set_cause(
	    dm_err_new(MASTER_REQUEST_IS_NOT_FORWARD_TO_LEADER),
	    "the etcd of dm-master %s does not run: %s", m->env.cfg->name,
	    why->cause);
	if (why->workaround[0] != '\0')
		err = dm_err_set_workaround(err, "%s", why->workaround);
	dm_err_free(why);
	return err;
}

/* Also in the moments between two ends. */
static bool
own_etcd_ends(const struct monitor *m)
{
	return dm_etcd_member_pid(m->env.member) == 0 ||
	       dm_etcd_member_exits(m->env.member) - m->exits_ok >= MANY_EXITS;
}

static struct dm_err *
external_down(struct monitor *m, struct dm_err *ill)
{
	g_autofree char *list = g_strjoinv(", ", m->env.cfg->etcd_endpoints);
	g_autofree char *why = dm_err_message(ill);

	return dm_err_set_workaround(
	    dm_err_set_cause(
		dm_err_new(MASTER_REQUEST_IS_NOT_FORWARD_TO_LEADER),
		"the external etcd (%s) takes no writes: %s", list, why),
	    "see that more than half of its members are up; dm-master goes on "
	    "by itself then");
}

static struct dm_err *
describe_loss(struct monitor *m, struct dm_err *ill)
{
	g_autofree char *who = NULL, *why = dm_err_message(ill);
	guint up, voters;
	struct dm_err *err;

	if (m->env.member != NULL && own_etcd_ends(m))
		return own_etcd_down(m);
	err = look_at_alarms(m);
	if (err != NULL)
		return err;
	if (m->env.member == NULL)
		return external_down(m, ill);
	who = roll_call(m, &up, &voters);
	err = dm_err_new(MASTER_REQUEST_IS_NOT_FORWARD_TO_LEADER);
	if (who == NULL)
		return dm_err_set_cause(err,
		    "the etcd of dm-master %s does not answer: %s",
		    m->env.cfg->name, why);
	if (up > voters / 2)
		return dm_err_set_workaround(
		    dm_err_set_cause(err,
			"etcd takes no writes (%s), although %u of %u "
			"dm-masters are up: %s",
			why, up, voters, who),
		    "see that the peer URLs of the dm-masters reach each "
		    "other, and the end of etcd.log in their data-dir");
	return dm_err_set_workaround(
	    dm_err_set_cause(err,
		"no quorum: %u of %u dm-masters are up, %u are needed: %s", up,
		voters, voters / 2 + 1, who),
	    "start the dm-masters that are down; the others go on by "
	    "themselves then, and tasks run on as long as the leases of their "
	    "dm-workers last");
}

/* Takes err. */
static void
set_lost(struct monitor *m, struct dm_err *err)
{
	struct dm_err *old;

	dm_mutex_lock(&m->mu);
	old = m->lost;
	m->lost = err;
	dm_mutex_unlock(&m->mu);
	if (old == NULL && err != NULL)
		dm_error("etcd takes no writes", dm_kerr(err));
	else if (old != NULL && err == NULL)
		dm_info("etcd takes writes again");
	dm_err_free(old);
}

static void
look_at_etcd(struct monitor *m)
{
	DM_AUTO(dm_err) ill = dm_etcd_health_in(m->env.etcd, PROBE_MS);
	struct dm_mono now = dm_mono_now();

	if (ill == NULL) {
		m->last_ok = now;
		if (m->env.member != NULL)
			m->exits_ok = dm_etcd_member_exits(m->env.member);
		set_lost(m, NULL);
		if (dm_mono_diff_ms(now, m->alarm_at) >= ALARM_MS) {
			dm_err_free(look_at_alarms(m));
			m->alarm_at = now;
		}
	} else if (dm_mono_diff_ms(now, m->last_ok) >= LOST_MS &&
		   dm_mono_diff_ms(now, m->told) >= PROBE_MS) {
		set_lost(m, describe_loss(m, ill));
		m->told = dm_mono_now();
	}
}

/* ---- our etcd process ---- */

static void
look_at_member(struct monitor *m)
{
	int exits = dm_etcd_member_exits(m->env.member);
	struct dm_err *why;
	bool final;

	if (exits == m->exits)
		return;
	m->exits = exits;
	why = dm_etcd_member_why(m->env.member, &final);
	if (final) {
		m->env.fatal(why, m->env.arg);
		return;
	}
	dm_error("etcd has ended and is started again", dm_kint("ends", exits),
	    dm_kerr(why));
	dm_err_free(why);
}

/* ---- the leader ---- */

static void
forget_leader(struct monitor *m)
{
	g_clear_pointer(&m->watched, g_free);
	m->bad = 0;
}

static void
depose(struct monitor *m, const char *name, const char *addr)
{
	struct dm_err *err = m->env.depose(name, addr, m->env.arg);

	if (err != NULL) {
		/* etcd may have lost its leader with ours: next time. */
		dm_err_free(err);
		return;
	}
	dm_warn("the leader is gone, its key was deleted",
	    dm_kstr("name", name), dm_kstr("addr", addr));
	m->deposed_at = dm_mono_now();
	m->patience = MIN(2 * m->patience, PATIENCE_MAX);
	forget_leader(m);
}

/* The last question does not outlast the leader's time. */
static int64_t
question_ms(const struct monitor *m, struct dm_mono now)
{
	int64_t left =
	    SILENT_MS * m->patience - dm_mono_diff_ms(now, m->bad_since);

	if (m->bad == 0)
		return PROBE_MS;
	return CLAMP(left, MIN_PROBE_MS, PROBE_MS);
}

static void
judge_leader(struct monitor *m, const char *name, const char *addr)
{
	struct dm_mono asked = dm_mono_now();
	enum peer_state s = peer_ask(addr, question_ms(m, asked));
	struct dm_mono now = dm_mono_now();
	int64_t limit = (s == PEER_GONE ? GONE_MS : SILENT_MS) * m->patience;

	if (s == PEER_ANSWERS) {
		m->bad = 0;
		if (dm_mono_diff_ms(now, m->deposed_at) >= CALM_MS)
			m->patience = 1;
		return;
	}
	if (m->bad++ == 0)
		m->bad_since = asked;
	if (m->bad >= 2 && dm_mono_diff_ms(now, m->bad_since) >= limit)
		depose(m, name, addr);
}

static void
look_at_leader(struct monitor *m)
{
	g_autofree char *name = NULL, *addr = NULL;

	if (!m->env.leader(&name, &addr, m->env.arg)) {
		forget_leader(m);
		return;
	}
	if (m->watched == NULL || strcmp(m->watched, addr) != 0) {
		forget_leader(m);
		m->watched = g_strdup(addr);
	}
	if (strcmp(name, m->env.cfg->name) != 0)
		judge_leader(m, name, addr);
}

/* ---- masters that join ---- */

static bool
leads(struct monitor *m)
{
	g_autofree char *name = NULL, *addr = NULL;

	return m->env.leader(&name, &addr, m->env.arg) &&
	       strcmp(name, m->env.cfg->name) == 0;
}

static void
promote_learners(struct monitor *m)
{
	g_autoptr(GPtrArray) peers = NULL;
	struct dm_mono now = dm_mono_now();
	struct dm_err *err;

	if (dm_mono_diff_ms(now, m->promoted_at) < PROMOTE_MS || !leads(m))
		return;
	m->promoted_at = now;
	err = peers_list(m->env.cfg, m->env.etcd, &peers);
	for (guint i = 0; err == NULL && i < peers->len; i++) {
		const struct peer *p = g_ptr_array_index(peers, i);

		/* Without a name it has never been up. */
		if (!p->learner || p->name[0] == '\0')
			continue;
		err = dm_etcd_member_promote(m->env.etcd, p->id);
		if (err == NULL)
			dm_info(
			    "a dm-master has joined", dm_kstr("name", p->name));
	}
	dm_err_free(err); /* not in sync yet: next time */
}

/* ---- the thread ---- */

static void *
monitor_main(void *arg)
{
	struct monitor *m = arg;
	struct dm_err *stop = NULL;

	while (stop == NULL) {
		look_at_etcd(m);
		look_at_leader(m);
		if (m->env.member != NULL) {
			look_at_member(m);
			promote_learners(m);
		}
		stop = dm_cancel_sleep_ms(m->stop, STEP_MS);
	}
	dm_err_free(stop);
	return NULL;
}

struct monitor *
monitor_start(const struct monitor_env *env)
{
	struct monitor *m = g_new0(struct monitor, 1);
	struct dm_mono now = dm_mono_now();

	m->env = *env;
	m->stop = dm_cancel_new(NULL);
	m->last_ok = m->promoted_at = now;
	m->deposed_at = m->told = dm_mono_add_ms(now, -CALM_MS);
	m->alarm_at = m->told;
	m->patience = 1;
	if (env->member != NULL)
		m->exits = dm_etcd_member_exits(env->member);
	dm_mutex_init(&m->mu, RANK_MONITOR);
	m->thread = dm_thread_start("monitor", monitor_main, m);
	return m;
}

void
monitor_stop(struct monitor *m)
{
	dm_cancel_now(m->stop);
	pthread_join(m->thread, NULL);
}

void
monitor_free(struct monitor *m)
{
	if (m == NULL)
		return;
	dm_cancel_free(m->stop);
	dm_err_free(m->lost);
	dm_err_free(m->alarm);
	dm_mutex_fini(&m->mu);
	g_free(m->watched);
	g_free(m);
}

struct dm_err *
monitor_check(struct monitor *m)
{
	struct dm_err *err = NULL;

	dm_mutex_lock(&m->mu);
	if (m->lost != NULL)
		err = dm_err_copy(m->lost);
	dm_mutex_unlock(&m->mu);
	return err;
}

struct dm_err *
monitor_check_writes(struct monitor *m)
{
	struct dm_err *err = monitor_check(m);

	if (err != NULL)
		return err;
	dm_mutex_lock(&m->mu);
	if (m->alarm != NULL)
		err = dm_err_copy(m->alarm);
	dm_mutex_unlock(&m->mu);
	return err;
}

struct dm_err *
monitor_explain(struct monitor *m, struct dm_err *err)
{
	struct dm_err *alarm;

	if (!alarm_refused(err))
		return alarm_advise(own_endpoint(m), err);
	alarm = look_at_alarms(m);
	if (alarm == NULL)
		return err;
	dm_err_free(err);
	return alarm;
}
