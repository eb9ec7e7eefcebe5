/* SPDX-License-Identifier: Apache-2.0 */
/*
 * DDLs of online schema change tools: see online.h.
 *
 * DESIGN: each change of what is remembered is a barrier. It is stored in the
 * transaction that moves all lanes past its event, so that a restart neither
 * forgets nor repeats one. Of the statements that a swap runs, each takes
 * itself from the row in the transaction that finishes it.
 */
#include "worker/sync/online.h"

#include "lib/log/log.h"
#include "worker/sync/ddl_event.h"
#include "worker/sync/ddl_job.h"

#include <string.h>

/* One table, or a pair of a RENAME, as the rules see it. */
struct side {
	const char *schema, *table;
	char *real; /* the real table's name; owned */
	enum dm_online_kind kind;
};

/* A statement on its way through this file. */
struct event {
	struct dispatch *d;
	const struct dm_ev_query *q;
	const struct dm_ddl *ddl;
	const struct dm_pos *start; /* of the event */
};

/* ---- names ---- */

static void
side_clear(struct side *s)
{
	g_free(s->real);
}
typedef struct side side;
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(side, side_clear)

static const char *
schema_of(const struct event *e, const struct dm_table_name *n)
{
	return n->schema != NULL ? n->schema : e->q->schema;
}

static struct side
side_of(const struct event *e, const struct dm_table_name *n)
{
	struct side s = { .schema = schema_of(e, n), .table = n->table };

	s.kind = dm_online_kind_of(e->d->tables->online, n->table, &s.real);
	return s;
}

static const struct dm_table_name *
name_at(const struct dm_ddl *ddl, guint i)
{
	return &g_array_index(ddl->tables, struct dm_table_name, i);
}

static bool
is_tools(const struct dispatch *d, const struct dm_table_name *n)
{
	return dm_online_kind_of(d->tables->online, n->table, NULL) !=
	       DM_ONLINE_REAL;
}

/* ALTER TABLE .. RENAME and nothing else, which some tools swap with. */
static const struct dm_table_name *
renamed_by_alter(const struct dm_ddl *ddl)
{
	const struct dm_alter *a;

	if (ddl->kind != DM_DDL_ALTER_TABLE || ddl->alters->len != 1)
		return NULL;
	a = g_ptr_array_index(ddl->alters, 0);
	return a->kind == DM_ALTER_RENAME_TABLE ? &a->rename_to : NULL;
}

bool
online_concerns(const struct dispatch *d, const struct dm_ddl *ddl)
{
	const struct dm_table_name *to = renamed_by_alter(ddl);
	guint n = ddl->tables->len;

	if (d->tables->online == NULL || n == 0 ||
	    ddl->kind > DM_DDL_DROP_INDEX)
		return false;
	if (ddl->kind != DM_DDL_RENAME_TABLE && ddl->kind != DM_DDL_DROP_TABLE)
		n = 1; /* CREATE .. LIKE is about the first one */
	for (guint i = 0; i < n; i++) {
		if (is_tools(d, name_at(ddl, i)))
			return true;
	}
	return to != NULL && is_tools(d, to);
}

/* ---- what is remembered ---- */

static bool
same_name(const struct dispatch *d, const char *a, const char *b)
{
	return d->env->source->case_sensitive ? strcmp(a, b) == 0
					      : g_ascii_strcasecmp(a, b) == 0;
}

static struct online_ddl *
find(const struct dispatch *d, const char *schema, const char *table)
{
	for (guint i = 0; i < d->ghosts->len; i++) {
		struct online_ddl *o = g_ptr_array_index(d->ghosts, i);

		if (same_name(d, o->schema, schema) &&
		    same_name(d, o->table, table))
			return o;
	}
	return NULL;
}

struct dm_err *
online_load(struct dispatch *d)
{
	if (d->tables->online == NULL)
		return NULL;
	dm_assert(d->ghosts == NULL);
	return online_meta_load(d->meta, d->ddl, &d->ghosts);
}

void
online_saved(struct dispatch *d, const struct online_ddl *o)
{
	struct online_ddl *old = find(d, o->schema, o->table);

	if (old != NULL)
		g_ptr_array_remove(d->ghosts, old);
	if (o->ddls->len > 0)
		g_ptr_array_add(d->ghosts, online_ddl_copy(o, 0));
}

/* ---- steps ---- */

static struct dm_err *
pass_over(const struct event *e)
{
	atomic_fetch_add(&e->d->counters->skipped, 1);
	return NULL;
}

static struct job
job_of(const struct event *e, const struct online_ddl *o)
{
	const struct dispatch *d = e->d;

	return (struct job){ .d = e->d,
		.q = e->q,
		.ddl = e->ddl,
		.start = d->has_next_gtid ? d->txn_start : *e->start,
		.online = o };
}

/* The event is done with once o is remembered. */
static struct dm_err *
note(const struct event *e, const struct online_ddl *o)
{
	struct job j = job_of(e, o);
	struct dm_err *err = ddl_job_note(&j);

	ddl_job_fini(&j);
	return err;
}

static struct dm_err *
forget(const struct event *e, const struct side *s)
{
	const struct online_ddl *old = find(e->d, s->schema, s->table);
	DM_AUTO(online_ddl) none = NULL;

	if (old == NULL)
		return pass_over(e);
	none = online_ddl_copy(old, old->ddls->len);
	return note(e, none);
}

static bool
is_blocked(const struct event *e, const struct side *s)
{
	return dm_block_allow_skips(e->d->tables->filter, s->schema, s->real);
}

/* The event filters are asked with the real table's name. */
static struct dm_err *
ask_filters(const struct event *e, const struct side *s, bool *skip)
{
	g_autoptr(GPtrArray) events = ddl_events(e->ddl);
	const char *const *names = (const char *const *)events->pdata;
	enum dm_filter_action action;
	struct dm_err *err;

	err = dm_binlog_filter_decide(e->d->tables->events, s->schema, s->real,
	    names, e->q->sql, &action);
	if (err == NULL && action == DM_FILTER_ERROR)
		err = dm_err_set_cause(
		    dm_err_new(SYNC_UNIT_EVENT_FILTERED,
			names[0] != NULL ? names[0] : e->ddl->keyword,
			s->schema, s->real),
		    "%.200s", e->q->sql);
	*skip = err == NULL && action == DM_FILTER_IGNORE;
	return err;
}

/* ---- a change of the ghost ---- */

static struct dm_err *
remember(const struct event *e, const struct side *s)
{
	const struct online_ddl *old = find(e->d, s->schema, s->table);
	g_autofree char *sql = NULL;
	DM_AUTO(online_ddl) new = NULL;
	struct dm_err *err;
	bool skip;

	err = ask_filters(e, s, &skip);
	if (err != NULL)
		return err;
	/* What is left out is remembered as nothing: the swap then knows that
	 * it has seen all of the change. */
	sql = skip ? g_strdup("")
		   : dm_ddl_restore(e->ddl, e->q->schema, true, NULL, NULL);
	new = old != NULL
		  ? online_ddl_copy(old, 0)
		  : online_ddl_new(s->schema, s->table, s->schema, s->real);
	if (new->ddls->len > 0 &&
	    strcmp(g_ptr_array_index(new->ddls, new->ddls->len - 1), sql) == 0)
		return pass_over(e);
	g_ptr_array_add(new->ddls, g_strdup(sql));
	err = note(e, new);
	if (err == NULL)
		dm_info("a ddl of an online schema change waits for its rename",
		    dm_kstr("statement", e->q->sql));
	return err;
}

/* Any statement over one table. */
static struct dm_err *
handle_one(const struct event *e)
{
	g_auto(side) s = side_of(e, name_at(e->ddl, 0));

	if (is_blocked(e, &s) || s.kind == DM_ONLINE_TRASH)
		return pass_over(e);
	switch (e->ddl->kind) {
	case DM_DDL_CREATE_TABLE:
	case DM_DDL_CREATE_TABLE_LIKE:
		return forget(e, &s); /* of a change that broke off */
	case DM_DDL_TRUNCATE_TABLE:
		return pass_over(e); /* its rows are not followed */
	default:
		return remember(e, &s);
	}
}

/* ---- statements over several tables ---- */

/* Runs what the statement does to tables that are no tool's: `step` names for
 * each, of which keep says those that stay. */
static struct dm_err *
run_rest(const struct event *e, const bool *keep, guint step)
{
	const struct dm_ev_query *q = e->q;
	DM_AUTO(dm_ddl) rest = NULL;
	struct dm_err *err;

	err = dm_ddl_parse(
	    q->sql, q->sql_len, q->has_sql_mode ? q->sql_mode : 0, &rest);
	if (err != NULL)
		return err;
	for (guint i = rest->tables->len / step; i-- > 0;) {
		if (!keep[i])
			g_array_remove_range(rest->tables, i * step, step);
	}
	return ddl_handle_plain(e->d, q, rest, e->start);
}

static struct dm_err *
handle_drop(const struct event *e)
{
	guint n = e->ddl->tables->len, rest = 0;
	g_autofree bool *keep = g_new0(bool, n);
	struct dm_err *err = NULL;

	for (guint i = 0; i < n; i++) {
		keep[i] = !is_tools(e->d, name_at(e->ddl, i));
		rest += keep[i] ? 1 : 0;
	}
	if (rest > 0)
		err = run_rest(e, keep, 1);
	for (guint i = 0; err == NULL && i < n; i++) {
		g_auto(side) s = side_of(e, name_at(e->ddl, i));

		if (s.kind == DM_ONLINE_GHOST)
			err = forget(e, &s);
		else if (s.kind == DM_ONLINE_TRASH)
			err = pass_over(e);
	}
	return err;
}

/* ---- the swap ---- */

struct swap {
	const struct online_ddl *ghost;
	const struct side *to;
};

static void
map_ghost(const char *schema, const char *table, char **new_schema,
    char **new_table, void *arg)
{
	const struct swap *w = arg;

	if (table == NULL || g_ascii_strcasecmp(table, w->ghost->table) != 0 ||
	    g_ascii_strcasecmp(schema, w->ghost->schema) != 0)
		return;
	*new_schema = g_strdup(w->to->schema);
	*new_table = g_strdup(w->to->table);
}

/* One remembered statement, over the real table. left: what is remembered once
 * it is done; without any the event is done, too. */
static struct dm_err *
run_one(const struct event *e, const struct swap *w, const char *text,
    const struct online_ddl *left)
{
	union {
		const struct swap *w;
		void *p;
	} arg = { .w = w };
	g_autofree char *sql = NULL;
	DM_AUTO(dm_ddl) ghost = NULL;
	DM_AUTO(dm_ddl) ddl = NULL;
	struct dm_ev_query q = *e->q;
	struct job j = job_of(e, left);
	struct dm_err *err;
	bool skip = false;

	err = dm_ddl_parse(text, strlen(text), 0, &ghost);
	if (err != NULL)
		return dm_err_wrap(err, SYNCER_PARSE_DDL, text);
	sql = dm_ddl_restore(ghost, w->ghost->schema, true, map_ghost, arg.p);
	err = dm_ddl_parse(sql, strlen(sql), 0, &ddl);
	if (err != NULL)
		return dm_err_wrap(err, SYNCER_PARSE_DDL, sql);
	q.sql = sql;
	q.sql_len = strlen(sql);
	j.q = &q;
	j.ddl = ddl;
	j.stay = left->ddls->len > 0;
	err = ddl_job_ask(&j, &skip);
	if (err == NULL)
		err = skip ? ddl_job_leave_out(&j, false) : ddl_job_run(&j);
	ddl_job_fini(&j);
	return err;
}

static struct dm_err *
run_remembered(
    const struct event *e, const struct online_ddl *g, const struct side *to)
{
	/* A copy: with each statement g is replaced. */
	DM_AUTO(online_ddl) all = online_ddl_copy(g, 0);
	struct swap w = { .ghost = all, .to = to };
	guint n = all->ddls->len;
	struct dm_err *err = NULL;

	dm_info("an online schema change is swapped in",
	    dm_kstr("statement", e->q->sql), dm_kint("remembered", n));
	for (guint i = 0; err == NULL && i < n; i++) {
		const char *text = g_ptr_array_index(all->ddls, i);
		DM_AUTO(online_ddl) left = online_ddl_copy(all, i + 1);

		if (text[0] != '\0')
			err = run_one(e, &w, text, left);
		else if (i + 1 == n)
			err = note(e, left);
	}
	return err == NULL && n == 0 ? note(e, all) : err;
}

static struct dm_err *
swap(const struct event *e, const struct side *ghost, const struct side *to)
{
	const struct online_ddl *g = find(e->d, ghost->schema, ghost->table);
	struct job j = job_of(e, NULL);

	if (tables_snapshot_has(e->d->tables, to->schema, to->table, &j.start))
		return forget(e, ghost); /* the copy read the new table */
	if (g == NULL)
		return dm_err_new(SYNCER_UNIT_GHOST_ONLINE_DDL_ON_GHOST_TBL,
		    ghost->schema, ghost->table);
	return run_remembered(e, g, to);
}

/* ---- RENAME ---- */

struct pair {
	struct side from, to;
};

static void
pair_clear(gpointer p)
{
	struct pair *x = p;

	side_clear(&x->from);
	side_clear(&x->to);
}

/* New array of struct pair. */
static GArray *
pairs_of(const struct event *e)
{
	const struct dm_table_name *to = renamed_by_alter(e->ddl);
	GArray *pairs = g_array_new(FALSE, TRUE, sizeof(struct pair));

	g_array_set_clear_func(pairs, pair_clear);
	for (guint i = 0; to == NULL && i + 1 < e->ddl->tables->len; i += 2) {
		struct pair p = { side_of(e, name_at(e->ddl, i)),
			side_of(e, name_at(e->ddl, i + 1)) };

		g_array_append_val(pairs, p);
	}
	if (to != NULL) {
		struct pair p = { side_of(e, name_at(e->ddl, 0)),
			side_of(e, to) };

		g_array_append_val(pairs, p);
	}
	return pairs;
}

static const struct pair *
pair_at(const GArray *pairs, guint i)
{
	return &g_array_index(pairs, struct pair, i);
}

static bool
is_kinds(const struct pair *p, enum dm_online_kind from, enum dm_online_kind to)
{
	return p->from.kind == from && p->to.kind == to;
}

/* "t to _t_old, _t_new to t" is what tools do: if the rules of the task meet
 * only one half of it, then they do not fit the tool. */
static struct dm_err *
check_rules(const struct event *e, const GArray *pairs)
{
	bool trash, ghost;

	if (pairs->len != 2)
		return NULL;
	trash = is_kinds(pair_at(pairs, 0), DM_ONLINE_REAL, DM_ONLINE_TRASH);
	ghost = is_kinds(pair_at(pairs, 1), DM_ONLINE_GHOST, DM_ONLINE_REAL);
	if (trash && !ghost)
		return dm_err_new(CONFIG_ONLINE_DDL_MISTAKE_REGEX, e->q->sql,
		    pair_at(pairs, 1)->from.table, "shadow");
	if (ghost && !trash)
		return dm_err_new(CONFIG_ONLINE_DDL_MISTAKE_REGEX, e->q->sql,
		    pair_at(pairs, 0)->to.table, "trash");
	return NULL;
}

enum part { PART_NOTHING, PART_REST, PART_SWAP, PART_FORGET };

static struct dm_err *
judge_pair(const struct event *e, const struct pair *p, enum part *part)
{
	struct dm_err *err;
	bool skip = false;

	*part = PART_NOTHING;
	if (is_kinds(p, DM_ONLINE_REAL, DM_ONLINE_REAL)) {
		*part = PART_REST; /* the usual way asks the filters */
		return NULL;
	}
	if (is_blocked(e, &p->from) || is_blocked(e, &p->to))
		return NULL;
	err = ask_filters(e, &p->from, &skip);
	if (err == NULL && !skip)
		err = ask_filters(e, &p->to, &skip);
	if (err != NULL || skip)
		return err;
	if (p->to.kind == DM_ONLINE_GHOST && p->from.kind == DM_ONLINE_REAL)
		return dm_err_new(
		    SYNCER_UNIT_GHOST_RENAME_TO_GHOST_TABLE, e->q->sql);
	if (p->to.kind == DM_ONLINE_GHOST)
		return dm_err_new(
		    SYNCER_UNIT_GHOST_RENAME_GHOST_TBL_TO_OTHER, e->q->sql);
	if (p->from.kind == DM_ONLINE_GHOST)
		*part = p->to.kind == DM_ONLINE_REAL ? PART_SWAP : PART_FORGET;
	return NULL;
}

/* Swaps come first: what they run ends the event. */
static struct dm_err *
carry_out(const struct event *e, const GArray *pairs, const enum part *parts)
{
	guint n = pairs->len, rest = 0, swaps = 0;
	g_autofree bool *keep = g_new0(bool, n);
	struct dm_err *err = NULL;

	for (guint i = 0; i < n; i++) {
		keep[i] = parts[i] == PART_REST;
		rest += keep[i] ? 1 : 0;
		swaps += parts[i] == PART_SWAP ? 1 : 0;
	}
	if (swaps > 1 || (swaps == 1 && rest > 0))
		return dm_err_new(
		    SYNCER_UNIT_ONLINE_DDL_ON_MULTIPLE_TABLE, e->q->sql);
	if (rest > 0)
		err = run_rest(e, keep, 2);
	for (guint i = 0; err == NULL && i < n; i++) {
		const struct pair *p = pair_at(pairs, i);

		if (parts[i] == PART_SWAP)
			err = swap(e, &p->from, &p->to);
	}
	for (guint i = 0; err == NULL && i < n; i++) {
		if (parts[i] == PART_FORGET)
			err = forget(e, &pair_at(pairs, i)->from);
	}
	return err != NULL ? err : pass_over(e);
}

static struct dm_err *
handle_rename(const struct event *e)
{
	g_autoptr(GArray) pairs = pairs_of(e);
	g_autofree enum part *parts = g_new0(enum part, pairs->len);
	bool all_blocked = true;
	struct dm_err *err = NULL;

	for (guint i = 0; i < pairs->len; i++)
		all_blocked =
		    all_blocked && (is_blocked(e, &pair_at(pairs, i)->from) ||
				       is_blocked(e, &pair_at(pairs, i)->to));
	if (all_blocked)
		return pass_over(e);
	err = check_rules(e, pairs);
	for (guint i = 0; err == NULL && i < pairs->len; i++)
		err = judge_pair(e, pair_at(pairs, i), &parts[i]);
	return err != NULL ? err : carry_out(e, pairs, parts);
}

struct dm_err *
online_handle(struct dispatch *d, const struct dm_ev_query *q,
    const struct dm_ddl *ddl, const struct dm_pos *start)
{
	struct event e = { .d = d, .q = q, .ddl = ddl, .start = start };

	if (ddl->kind == DM_DDL_RENAME_TABLE || renamed_by_alter(ddl) != NULL)
		return handle_rename(&e);
	return ddl->kind == DM_DDL_DROP_TABLE ? handle_drop(&e)
					      : handle_one(&e);
}
