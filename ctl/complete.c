/* SPDX-License-Identifier: Apache-2.0 */
/* What may come next on a command line: see complete.h. */
#include "ctl/complete.h"
#include "ctl/common.h"
#include "ctl/shell.h"
#include "dmmaster.pb-c.h"

#include <string.h>

#define LIVE_MS 2000

/* The line up to the word that is being typed. */
struct place {
	struct ctl_inv inv;       /* path only */
	const struct ctl_opt *of; /* the word is its value; NULL: it is not */
	size_t n_args;            /* arguments before the word */
	bool only_args;           /* behind "--" */
	const char *word;         /* borrowed */
};

/* ---- where the cursor is ---- */

static const struct ctl_opt *
option_of(const struct place *p, const char *w)
{
	g_autofree char *name = NULL;

	if (w[1] != '-')
		return ctl_cmd_opt(&p->inv, NULL, w[1]);
	name = g_strndup(w + 2, strcspn(w + 2, "="));
	return ctl_cmd_opt(&p->inv, name, 0);
}

/* Is the value of o the next word? */
static bool
value_follows(const struct ctl_opt *o, const char *w)
{
	if (o == NULL || o->kind == CTL_BOOL || strchr(w, '=') != NULL)
		return false;
	return w[1] == '-' || w[2] == '\0';
}

static void
place_find(struct place *p, char **words, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		const char *w = words[i];
		const struct ctl_cmd *child;

		if (!p->only_args && strcmp(w, "--") == 0) {
			p->only_args = true;
		} else if (!p->only_args && w[0] == '-' && w[1] != '\0') {
			const struct ctl_opt *o = option_of(p, w);

			if (!value_follows(o, w))
				continue;
			if (++i >= n)
				p->of = o;
		} else {
			child = p->n_args == 0 && !p->only_args
				    ? ctl_find_child(ctl_inv_cmd(&p->inv), w)
				    : NULL;
			if (child != NULL)
				p->inv.path[p->inv.depth++] = child;
			else
				p->n_args++;
		}
	}
}

/* ---- candidates ---- */

struct search {
	ctl_names_fn *names;
	void *arg;
	const char *head; /* of each candidate: "--source=", "a,b," */
	const char *word; /* what follows it so far */
	GPtrArray *out;
};

static bool
is_printable(const char *s)
{
	if (!g_utf8_validate(s, -1, NULL) || s[0] == '\0')
		return false;
	for (; *s != '\0'; s = g_utf8_next_char(s)) {
		if (g_unichar_iscntrl(g_utf8_get_char(s)))
			return false;
	}
	return true;
}

static void
offer(struct search *s, const char *word)
{
	if (g_str_has_prefix(word, s->word) && is_printable(word))
		g_ptr_array_add(s->out, g_strconcat(s->head, word, NULL));
}

/* One token of a `completes`. */
static void
offer_token(struct search *s, const char *token)
{
	g_auto(GStrv) words = g_strsplit(token, "|", -1);

	for (size_t i = 0; words[i] != NULL; i++) {
		g_autoptr(GPtrArray) names =
		    g_ptr_array_new_with_free_func(g_free);

		if (words[i][0] != '@') {
			offer(s, words[i]);
			continue;
		}
		if (s->names != NULL)
			s->names(words[i], names, s->arg);
		for (guint k = 0; k < names->len; k++)
			offer(s, g_ptr_array_index(names, k));
	}
}

static void
offer_value(struct search *s, const struct ctl_opt *o)
{
	const char *comma = strrchr(s->word, ',');
	g_autofree char *head = NULL;
	const char *old = s->head;

	if (o->completes == NULL)
		return;
	if (o->kind == CTL_LIST && comma != NULL) {
		head = g_strdup_printf(
		    "%s%.*s", s->head, (int)(comma + 1 - s->word), s->word);
		s->head = head;
		s->word = comma + 1;
	}
	offer_token(s, o->completes);
	s->head = old;
}

/* Argument number i of a command. */
static void
offer_argument(struct search *s, const char *completes, size_t i)
{
	g_auto(GStrv) tokens = NULL;
	size_t n;

	if (completes == NULL)
		return;
	tokens = g_strsplit(completes, " ", -1);
	n = g_strv_length(tokens);
	if (i >= n && g_str_has_suffix(tokens[n - 1], "..."))
		i = n - 1;
	if (i >= n)
		return;
	if (g_str_has_suffix(tokens[i], "..."))
		tokens[i][strlen(tokens[i]) - strlen("...")] = '\0';
	offer_token(s, tokens[i]);
}

static void
offer_options(struct search *s, const struct ctl_opt *const *opts)
{
	for (; opts != NULL && *opts != NULL; opts++) {
		g_autofree char *name = g_strconcat("--", (*opts)->name, NULL);

		if (!(*opts)->hidden)
			offer(s, name);
	}
}

static void
offer_children(struct search *s, const struct ctl_cmd *c)
{
	const struct ctl_cmd *const *p;

	for (p = c->children; p != NULL && *p != NULL; p++) {
		if (ctl_is_offered(*p))
			offer(s, (*p)->name);
	}
}

static void
offer_all(struct search *s, const struct place *p)
{
	const struct ctl_cmd *c = ctl_inv_cmd(&p->inv);
	const char *eq = strchr(s->word, '=');
	const struct ctl_opt *o;

	if (p->of != NULL) {
		offer_value(s, p->of);
	} else if (p->only_args || s->word[0] != '-') {
		if (p->n_args == 0 && !p->only_args)
			offer_children(s, c);
		offer_argument(s, c->completes, p->n_args);
	} else if (g_str_has_prefix(s->word, "--") && eq != NULL) {
		g_autofree char *head =
		    g_strndup(s->word, (gsize)(eq + 1 - s->word));

		o = option_of(p, s->word);
		s->head = head;
		s->word = eq + 1;
		if (o != NULL)
			offer_value(s, o);
		s->head = "";
	} else {
		offer_options(s, c->opts);
		for (size_t i = p->inv.depth; i > 0; i--)
			offer_options(s, p->inv.path[i - 1]->shared);
		offer(s, "--help");
	}
}

static gint
by_text(gconstpointer a, gconstpointer b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static void
sort_once(GPtrArray *out)
{
	g_ptr_array_sort(out, by_text);
	for (guint i = out->len; i > 1; i--) {
		if (strcmp(g_ptr_array_index(out, i - 1),
			g_ptr_array_index(out, i - 2)) == 0)
			g_ptr_array_remove_index(out, i - 1);
	}
}

GPtrArray *
ctl_complete(const struct ctl_cmd *root, const char *line, ctl_names_fn *names,
    void *arg, char **typed)
{
	g_auto(GStrv) words = ctl_split(line);
	size_t n = g_strv_length(words), len = strlen(line);
	bool open = n > 0 && len > 0 && !g_ascii_isspace(line[len - 1]);
	struct place p = { .inv = { .path = { root }, .depth = 1 } };
	struct search s = { .names = names, .arg = arg, .head = "" };

	s.word = open ? words[n - 1] : "";
	s.out = g_ptr_array_new_with_free_func(g_free);
	*typed = g_strdup(s.word);
	place_find(&p, words, open ? n - 1 : n);
	offer_all(&s, &p);
	sort_once(s.out);
	return s.out;
}

/* ---- names of the cluster ---- */

static ProtobufCMessage *
ask(struct ctl_env *env, const char *method, const ProtobufCMessage *req)
{
	ProtobufCMessage *resp = NULL;

	/* Without an answer there are no candidates; nobody waits for the
	 * reason. */
	dm_err_free(env->transport->call(
	    env->transport->self, method, req, LIVE_MS, &resp));
	return resp;
}

static void
tasks_or_sources(struct ctl_env *env, bool tasks, GPtrArray *out)
{
	CTL_AUTO_MESSAGE ProtobufCMessage *m = NULL;
	Google__Protobuf__Empty req;

	google__protobuf__empty__init(&req);
	m = ask(
	    env, tasks ? "ListTaskConfigs" : "ListSourceConfigs", &req.base);
	if (m != NULL && tasks) {
		const Pb__ListTaskConfigsResponse *t =
		    (Pb__ListTaskConfigsResponse *)m;

		for (size_t i = 0; i < t->n_taskconfigs; i++)
			g_ptr_array_add(out, g_strdup(t->taskconfigs[i]->key));
	} else if (m != NULL) {
		const Pb__ListSourceConfigsResponse *s =
		    (Pb__ListSourceConfigsResponse *)m;

		for (size_t i = 0; i < s->n_sourceconfigs; i++)
			g_ptr_array_add(
			    out, g_strdup(s->sourceconfigs[i]->key));
	}
}

static void
members(struct ctl_env *env, bool masters, bool workers, GPtrArray *out)
{
	CTL_AUTO_MESSAGE ProtobufCMessage *m = NULL;
	const Pb__ListMemberResponse *r;
	Pb__ListMemberRequest req;

	pb__list_member_request__init(&req);
	req.master = masters;
	req.worker = workers;
	m = ask(env, "ListMember", &req.base);
	r = (Pb__ListMemberResponse *)m;
	for (size_t i = 0; r != NULL && i < r->n_members; i++) {
		const Pb__Members *e = r->members[i];

		if (e->member_case == PB__MEMBERS__MEMBER_MASTER)
			for (size_t k = 0; k < e->master->n_masters; k++)
				g_ptr_array_add(
				    out, g_strdup(e->master->masters[k]->name));
		if (e->member_case == PB__MEMBERS__MEMBER_WORKER)
			for (size_t k = 0; k < e->worker->n_workers; k++)
				g_ptr_array_add(
				    out, g_strdup(e->worker->workers[k]->name));
	}
}

static void
locks(struct ctl_env *env, GPtrArray *out)
{
	CTL_AUTO_MESSAGE ProtobufCMessage *m = NULL;
	const Pb__ShowDDLLocksResponse *r;
	Pb__ShowDDLLocksRequest req;

	pb__show_ddllocks_request__init(&req);
	m = ask(env, "ShowDDLLocks", &req.base);
	r = (Pb__ShowDDLLocksResponse *)m;
	for (size_t i = 0; r != NULL && i < r->n_locks; i++)
		g_ptr_array_add(out, g_strdup(r->locks[i]->id));
}

void
ctl_live_names(const char *kind, GPtrArray *out, void *arg)
{
	struct ctl_env *env = arg;

	if (env->transport == NULL)
		return;
	if (strcmp(kind, "@task") == 0)
		tasks_or_sources(env, true, out);
	else if (strcmp(kind, "@source") == 0)
		tasks_or_sources(env, false, out);
	else if (strcmp(kind, "@worker") == 0)
		members(env, false, true, out);
	else if (strcmp(kind, "@master") == 0)
		members(env, true, false, out);
	else if (strcmp(kind, "@member") == 0)
		members(env, true, true, out);
	else if (strcmp(kind, "@lock") == 0)
		locks(env, out);
}
