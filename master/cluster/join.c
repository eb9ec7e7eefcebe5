/* SPDX-License-Identifier: Apache-2.0 */
#include "master/cluster/join.h"

#include "etcdcluster.pb-c.h"
#include "lib/base/clock.h"
#include "lib/rpc/rpc.h"
#include "master/pb.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define FILE_NAME  "join"
#define CONNECT_MS 3000
#define CALL_MS    10000
#define ADD_MS     20000 /* etcd wants members connected for 5 s */
#define ADD_STEP_S 1

/* What the child writes to its parent; then the text. */
#define WORD_MEMBERS 'M'
#define WORD_ERROR   'E'

struct join {
	const struct dm_master_cfg *cfg;
	struct dm_tls *tls; /* NULL: in clear */
	char **urls;        /* our peer URLs */
	char **addrs;       /* of the masters to ask; not our own */
	char *members;      /* the result */
};

/* ---- in the child ---- */

static struct dm_err *
call(const char *addr, const char *method, const ProtobufCMessage *req,
    ProtobufCMessage **resp)
{
	DM_AUTO(dm_rpc_channel) ch = dm_rpc_channel_new(addr, NULL);
	struct dm_err *err;

	if (!dm_rpc_channel_wait(ch, CONNECT_MS))
		return dm_err_plain("no dm-master answers at %s", addr);
	err = dm_rpc_unary(ch, &etcdserverpb__cluster__descriptor, method, req,
	    CALL_MS, NULL, resp, NULL);
	return err == NULL ? NULL
			   : dm_err_annotate(err, "dm-master at %s", addr);
}

static bool
is_ours(const struct join *j, const Etcdserverpb__Member *m)
{
	for (size_t i = 0; i < m->n_peerurls; i++)
		if (g_strv_contains(
			(const char *const *)j->urls, m->peerurls[i]))
			return true;
	return false;
}

/* *added: we are a member that was never up. */
static struct dm_err *
check_members(const struct join *j, Etcdserverpb__Member *const *list, size_t n,
    bool *added)
{
	*added = false;
	for (size_t i = 0; i < n; i++) {
		const Etcdserverpb__Member *m = list[i];
		const char *url = m->n_peerurls > 0 ? m->peerurls[0] : "?";

		if (strcmp(m->name, j->cfg->name) == 0)
			return dm_err_plain("missing data or joining a "
					    "duplicate member %s",
			    m->name);
		if (m->name[0] != '\0' && is_ours(j, m))
			return dm_err_plain("the peer URL %s is that of the "
					    "dm-master %s",
			    url, m->name);
		if (m->name[0] != '\0')
			continue;
		if (!is_ours(j, m))
			return dm_err_plain(
			    "there is a member that has not joined "
			    "successfully, continue the join or remove it: "
			    "offline-member --master --name %s",
			    url);
		*added = true;
	}
	return NULL;
}

static char *
to_initial_cluster(
    const struct join *j, Etcdserverpb__Member *const *list, size_t n)
{
	g_autoptr(GString) out = g_string_new(NULL);

	for (size_t i = 0; i < n; i++) {
		const char *name =
		    is_ours(j, list[i]) ? j->cfg->name : list[i]->name;

		for (size_t k = 0; k < list[i]->n_peerurls; k++)
			g_string_append_printf(out, "%s%s=%s",
			    out->len > 0 ? "," : "", name,
			    list[i]->peerurls[k]);
	}
	return g_strdup(out->str);
}

/* A member was started, or another one joins, just now: it passes. */
static bool
will_pass(const struct dm_err *err)
{
	return strstr(err->message, "unhealthy cluster") != NULL ||
	       strstr(err->message, "too many learner members") != NULL;
}

static struct dm_err *
add_us(struct join *j, const char *addr)
{
	struct dm_mono until = dm_mono_add_ms(dm_mono_now(), ADD_MS);
	Etcdserverpb__MemberAddRequest req;
	Etcdserverpb__MemberAddResponse *r;
	ProtobufCMessage *resp = NULL;
	struct dm_err *err;

	etcdserverpb__member_add_request__init(&req);
	req.peerurls = j->urls;
	req.n_peerurls = g_strv_length(j->urls);
	req.islearner = true;
	while ((err = call(addr, "MemberAdd", &req.base, &resp)) != NULL) {
		if (!will_pass(err) ||
		    dm_mono_diff_ms(until, dm_mono_now()) <= 0)
			return err;
		dm_err_free(err);
		sleep(ADD_STEP_S);
	}
	dm_assert(resp != NULL);
	r = (Etcdserverpb__MemberAddResponse *)resp;
	j->members = to_initial_cluster(j, r->members, r->n_members);
	pb_free(resp);
	return NULL;
}

/* *reached: the error came from the cluster, not from the way there. */
static struct dm_err *
join_at(struct join *j, const char *addr, bool *reached)
{
	Etcdserverpb__MemberListRequest req;
	Etcdserverpb__MemberListResponse *r;
	ProtobufCMessage *resp = NULL;
	struct dm_err *err;
	bool added = false;

	etcdserverpb__member_list_request__init(&req);
	err = call(addr, "MemberList", &req.base, &resp);
	*reached = err == NULL;
	if (err != NULL)
		return err;
	dm_assert(resp != NULL);
	r = (Etcdserverpb__MemberListResponse *)resp;
	err = check_members(j, r->members, r->n_members, &added);
	if (err == NULL && added)
		j->members = to_initial_cluster(j, r->members, r->n_members);
	else if (err == NULL)
		err = add_us(j, addr);
	pb_free(resp);
	return err;
}

/* Any of the addresses will do. */
static struct dm_err *
join_any(struct join *j)
{
	struct dm_err *err = NULL;
	bool reached = false;

	for (char **p = j->addrs; *p != NULL && !reached; p++) {
		dm_err_free(err);
		err = join_at(j, *p, &reached);
	}
	return err;
}

static void
write_all(int fd, char word, const char *text)
{
	size_t n = strlen(text);

	(void)!write(fd, &word, 1);
	while (n > 0) {
		ssize_t done = write(fd, text, n);

		if (done <= 0)
			return;
		text += done;
		n -= (size_t)done;
	}
}

static _Noreturn void
run_child(struct join *j, int fd)
{
	struct dm_err *err;

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	dm_rpc_init();
	dm_rpc_use_tls(j->tls);
	err = join_any(j);
	if (err == NULL) {
		dm_assert(j->members != NULL);
		write_all(fd, WORD_MEMBERS, j->members);
	} else {
		g_autofree char *text = dm_err_message(err);

		write_all(fd, WORD_ERROR, text);
	}
	_exit(0);
}

/* ---- in the parent ---- */

static struct dm_err *
failed(const char *text)
{
	return dm_err_new(MASTER_JOIN_EMBED_ETCD_FAIL, text);
}

/* Takes all that the child says. New string, "" when it died. */
static char *
read_all(int fd)
{
	g_autoptr(GString) s = g_string_new(NULL);
	char buf[4096];
	ssize_t n;

	while (
	    (n = read(fd, buf, sizeof(buf))) > 0 || (n < 0 && errno == EINTR))
		if (n > 0)
			g_string_append_len(s, buf, n);
	return g_strdup(s->str);
}

static struct dm_err *
ask_cluster(struct join *j)
{
	g_autofree char *said = NULL;
	int fd[2];
	pid_t pid;

	if (pipe(fd) < 0)
		return failed(g_strerror(errno));
	pid = fork();
	if (pid == 0) {
		close(fd[0]);
		run_child(j, fd[1]);
	}
	close(fd[1]);
	said = pid > 0 ? read_all(fd[0]) : g_strdup("");
	close(fd[0]);
	if (pid > 0)
		(void)waitpid(pid, NULL, 0);
	if (said[0] == WORD_MEMBERS) {
		j->members = g_strdup(said + 1);
		return NULL;
	}
	return failed(
	    said[0] == WORD_ERROR ? said + 1 : "the process that joins died");
}

/* As DM leaves it: the members, for a start when no address of `join` answers
 * but etcd may yet reach its peers. */
static struct dm_err *
keep_members(const char *path, const char *members)
{
	g_autoptr(GError) e = NULL;

	if (!g_file_set_contents_full(path, members, -1,
		G_FILE_SET_CONTENTS_CONSISTENT | G_FILE_SET_CONTENTS_DURABLE,
		0600, &e))
		return failed(e->message);
	return NULL;
}

static struct dm_err *
prepare(struct join *j, const char *path)
{
	struct dm_err *err = ask_cluster(j);

	if (err == NULL)
		return keep_members(path, j->members);
	if (strstr(err->message, "no dm-master answers") != NULL &&
	    g_file_get_contents(path, &j->members, NULL, NULL)) {
		dm_err_free(err);
		return NULL;
	}
	return err;
}

/* `join` without this master: one list may be given to all of them. */
static char **
others(const struct dm_master_cfg *cfg)
{
	g_auto(GStrv) all = g_strsplit(cfg->join, ",", -1);
	g_autoptr(GStrvBuilder) out = g_strv_builder_new();

	for (char **p = all; *p != NULL; p++) {
		const char *scheme = strstr(g_strstrip(*p), "://");
		const char *addr = scheme != NULL ? scheme + 3 : *p;

		if (*addr != '\0' && strcmp(addr, cfg->advertise_addr) != 0)
			g_strv_builder_add(out, addr);
	}
	return g_strv_builder_end(out);
}

struct dm_err *
join_prepare(
    const struct dm_master_cfg *cfg, struct dm_tls *tls, char **initial_cluster)
{
	g_autofree char *wal =
	    g_build_filename(cfg->data_dir, "member", "wal", NULL);
	g_autofree char *path =
	    g_build_filename(cfg->data_dir, FILE_NAME, NULL);
	g_auto(GStrv) addrs = others(cfg);
	struct join j = { .cfg = cfg, .tls = tls, .addrs = addrs };
	struct dm_err *err;

	*initial_cluster = NULL;
	if (access(wal, F_OK) == 0)
		return NULL;
	if (addrs[0] == NULL) {
		g_autofree char *text = g_strdup_printf(
		    "join self %s is forbidden", cfg->advertise_addr);

		return failed(text);
	}
	if (g_mkdir_with_parents(cfg->data_dir, 0700) < 0)
		return failed(g_strerror(errno));
	j.urls = g_strsplit(cfg->advertise_peer_urls, ",", -1);
	err = prepare(&j, path);
	g_strfreev(j.urls);
	*initial_cluster = j.members;
	return err;
}
