/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Certificates in use and their renewal: see tls.h.
 *
 * DESIGN: files are read outside the lock. One thread at a time reads; others
 * that come meanwhile go on with the set there is. What a file looked like
 * (`stamp`) is noted before it is read, so a change in between is seen the
 * next time.
 * The watch thread, if there is one, waits on `cond` and ends when dm_tls_free
 * or dm_tls_unwatch sets `closing`.
 */
#include "lib/crypt/tls.h"

#include "lib/crypt/tls_internal.h"
#include "lib/thread/mutex.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Callers may hold locks of their own, below those of dm_cancel and log. */
#define RANK_TLS 830
/* A bundle of all public authorities has 200 kB. */
#define MAX_FILE_BYTES ((size_t)4 << 20)
#define FILES          3

/* What tells one state of a file from another. */
struct stamp {
	dev_t dev;
	ino_t ino;
	off_t size;
	struct timespec mtime, ctime;
};

struct dm_tls {
	char *path[FILES];    /* NULL: not read from a file */
	char *inline_[FILES]; /* NULL: not given */
	char **allowed_cn;    /* NULL: every name */
	dm_tls_changed_fn *changed;
	void *arg;
	pthread_t watch;
	bool watched;
	unsigned interval_ms;

	struct dm_mutex mu; /* guards the fields below */
	pthread_cond_t cond;
	struct dm_tls_set *set;
	struct stamp seen[FILES];
	bool reading, closing;
};

static const char *const file_error[FILES] = { "could not read ca certificate",
	"could not load client key pair", "could not load client key pair" };

static bool
is_given(const char *s)
{
	return s != NULL && s[0] != '\0';
}

/* ---- reading ---- */

/* Zeros for a file that is not there. */
static void
take_stamps(const struct dm_tls *t, struct stamp out[FILES])
{
	struct stat st;

	memset(out, 0, sizeof(*out) * FILES);
	for (size_t i = 0; i < FILES; i++) {
		if (t->path[i] == NULL || stat(t->path[i], &st) != 0)
			continue;
		out[i].dev = st.st_dev;
		out[i].ino = st.st_ino;
		out[i].size = st.st_size;
		out[i].mtime = st.st_mtim;
		out[i].ctime = st.st_ctim;
	}
}

static bool
same_time(struct timespec a, struct timespec b)
{
	return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec;
}

static bool
same_stamps(const struct stamp a[FILES], const struct stamp b[FILES])
{
	for (size_t i = 0; i < FILES; i++)
		if (a[i].dev != b[i].dev || a[i].ino != b[i].ino ||
		    a[i].size != b[i].size ||
		    !same_time(a[i].mtime, b[i].mtime) ||
		    !same_time(a[i].ctime, b[i].ctime))
			return false;
	return true;
}

/* NULL: errno says why. A new string. */
static char *
read_text(int fd)
{
	g_autoptr(GString) text = g_string_new(NULL);
	char buf[4096];
	ssize_t n;

	while ((n = read(fd, buf, sizeof(buf))) != 0) {
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return NULL;
		if ((size_t)n > MAX_FILE_BYTES - text->len) {
			errno = EFBIG;
			return NULL;
		}
		g_string_append_len(text, buf, n);
	}
	explicit_bzero(buf, sizeof(buf));
	return g_strdup(text->str);
}

static struct dm_err *
read_file(const struct dm_tls *t, size_t i, char **out)
{
	int fd = open(t->path[i], O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	int e;

	*out = fd >= 0 ? read_text(fd) : NULL;
	e = errno;
	if (fd >= 0)
		close(fd);
	if (*out != NULL)
		return NULL;
	return dm_err_plain("%s: %s %s: %s", file_error[i],
	    fd >= 0 ? "read" : "open", t->path[i], g_strerror(e));
}

static struct dm_err *
read_set(struct dm_tls *t, struct dm_tls_set **set)
{
	const struct dm_tls_places at = {
		.ca = t->path[0] ? t->path[0] : "ssl-ca-base64",
		.cert = t->path[1] ? t->path[1] : "ssl-cert-base64",
		.key = t->path[2] ? t->path[2] : "ssl-key-base64",
	};
	struct dm_tls_pem pem = { 0 };
	char **to[FILES] = { &pem.ca, &pem.cert, &pem.key };
	struct dm_err *err = NULL;

	for (size_t i = 0; i < FILES && err == NULL; i++) {
		if (t->inline_[i] != NULL)
			*to[i] = g_strdup(t->inline_[i]);
		else if (t->path[i] != NULL)
			err = read_file(t, i, to[i]);
	}
	if (err != NULL) {
		dm_tls_pem_clear(&pem);
		return err;
	}
	return dm_tls_set_new(pem, &at, t, set);
}

/* ---- renewal ---- */

static bool
same_pem(const struct dm_tls_pem *a, const struct dm_tls_pem *b)
{
	return strcmp(a->ca, b->ca) == 0 && g_strcmp0(a->cert, b->cert) == 0 &&
	       g_strcmp0(a->key, b->key) == 0;
}

/* Put set, a reference or NULL, in the place of the one in use. */
static void
finish_reading(struct dm_tls *t, struct dm_tls_set *set, struct dm_err *err)
{
	struct dm_tls_set *old = NULL;
	bool changed = false, ca_changed = false;

	dm_mutex_lock(&t->mu);
	if (set != NULL) {
		changed = !same_pem(&set->pem, &t->set->pem);
		ca_changed = strcmp(set->pem.ca, t->set->pem.ca) != 0;
		old = t->set;
		t->set = set;
	}
	dm_mutex_unlock(&t->mu);
	dm_tls_set_unref(old);
	if (t->changed != NULL && (changed || err != NULL))
		t->changed(err, ca_changed, t->arg);
	/* Last: the next change is told after this one. */
	dm_mutex_lock(&t->mu);
	t->reading = false;
	pthread_cond_broadcast(&t->cond);
	dm_mutex_unlock(&t->mu);
}

void
dm_tls_refresh(struct dm_tls *t)
{
	DM_AUTO(dm_err) err = NULL;
	struct dm_tls_set *set = NULL;
	struct stamp now[FILES];
	bool read_them;

	take_stamps(t, now);
	dm_mutex_lock(&t->mu);
	read_them = !t->reading && !same_stamps(now, t->seen);
	if (read_them) {
		t->reading = true;
		memcpy(t->seen, now, sizeof(now));
	}
	dm_mutex_unlock(&t->mu);
	if (!read_them)
		return;
	err = read_set(t, &set);
	finish_reading(t, set, err);
}

static void *
watch_main(void *arg)
{
	struct dm_tls *t = arg;

	dm_mutex_lock(&t->mu);
	while (!t->closing) {
		(void)dm_cond_wait_ms(&t->cond, &t->mu, t->interval_ms);
		if (t->closing)
			break;
		dm_mutex_unlock(&t->mu);
		dm_tls_refresh(t);
		dm_mutex_lock(&t->mu);
	}
	dm_mutex_unlock(&t->mu);
	return NULL;
}

void
dm_tls_watch(struct dm_tls *t, unsigned interval_ms)
{
	dm_assert(!t->watched && interval_ms > 0);
	t->interval_ms = interval_ms;
	t->watched = true;
	t->watch = dm_thread_start("tls", watch_main, t);
}

void
dm_tls_unwatch(struct dm_tls *t)
{
	if (t == NULL || !t->watched)
		return;
	dm_mutex_lock(&t->mu);
	t->closing = true;
	pthread_cond_broadcast(&t->cond);
	dm_mutex_unlock(&t->mu);
	pthread_join(t->watch, NULL);
	t->watched = false;
}

/* ---- making ---- */

static struct dm_err *
check_opts(const struct dm_tls *t)
{
	bool have[FILES];

	for (size_t i = 0; i < FILES; i++)
		have[i] = t->path[i] != NULL || t->inline_[i] != NULL;
	if (!have[0])
		return dm_err_plain(
		    "ssl-ca is not set, but other settings of TLS are");
	if (have[1] != have[2])
		return dm_err_plain("ssl-cert and ssl-key belong together: "
				    "only one of them is set");
	return NULL;
}

struct dm_err *
dm_tls_new(const struct dm_tls_opts *o, struct dm_tls **out)
{
	const char *const paths[FILES] = { o->ca, o->cert, o->key };
	const char *const texts[FILES] = { o->ca_pem, o->cert_pem, o->key_pem };
	DM_AUTO(dm_tls) t = g_new0(struct dm_tls, 1);
	struct dm_err *err;

	dm_mutex_init(&t->mu, RANK_TLS);
	dm_cond_init(&t->cond);
	t->changed = o->changed;
	t->arg = o->arg;
	for (size_t i = 0; i < FILES; i++) {
		if (is_given(texts[i]))
			t->inline_[i] = g_strdup(texts[i]);
		else if (is_given(paths[i]))
			t->path[i] = g_strdup(paths[i]);
	}
	if (o->allowed_cn != NULL && o->allowed_cn[0] != NULL)
		/* The function copies, but does not say so by its type. */
		t->allowed_cn = g_strdupv((char **)(uintptr_t)o->allowed_cn);
	err = check_opts(t);
	if (err != NULL)
		return err;
	take_stamps(t, t->seen);
	err = read_set(t, &t->set);
	if (err == NULL)
		*out = DM_TAKE(t);
	return err;
}

void
dm_tls_free(struct dm_tls *t)
{
	if (t == NULL)
		return;
	dm_tls_unwatch(t);
	dm_tls_set_unref(t->set);
	if (t->inline_[2] != NULL)
		explicit_bzero(t->inline_[2], strlen(t->inline_[2]));
	for (size_t i = 0; i < FILES; i++) {
		g_free(t->path[i]);
		g_free(t->inline_[i]);
	}
	g_strfreev(t->allowed_cn);
	pthread_cond_destroy(&t->cond);
	dm_mutex_fini(&t->mu);
	g_free(t);
}

/* ---- use ---- */

/* A new reference. */
static struct dm_tls_set *
current_set(struct dm_tls *t)
{
	struct dm_tls_set *s;

	dm_tls_refresh(t);
	dm_mutex_lock(&t->mu);
	s = t->set;
	atomic_fetch_add(&s->refs, 1);
	dm_mutex_unlock(&t->mu);
	return s;
}

const struct dm_tls_pem *
dm_tls_pem_get(struct dm_tls *t)
{
	return &current_set(t)->pem;
}

void
dm_tls_pem_unref(const struct dm_tls_pem *pem)
{
	/* The first member of its set; const for those who use it. */
	dm_tls_set_unref((struct dm_tls_set *)(uintptr_t)pem);
}

bool
dm_tls_has_names(const struct dm_tls *t)
{
	return t->allowed_cn != NULL;
}

bool
dm_tls_lists(const struct dm_tls *t, const char *common_name)
{
	return g_strv_contains((const char *const *)t->allowed_cn, common_name);
}

/* ctx may be NULL. */
static SSL *
connection_new(SSL_CTX *ctx, int fd)
{
	BIO *bio = dm_tls_bio(fd);
	SSL *ssl = ctx != NULL && bio != NULL ? SSL_new(ctx) : NULL;

	if (ssl == NULL) {
		BIO_free(bio);
		ERR_clear_error();
		return NULL;
	}
	SSL_set_bio(ssl, bio, bio);
	return ssl;
}

SSL *
dm_tls_accept(struct dm_tls *t, int fd)
{
	struct dm_tls_set *s = current_set(t);
	SSL *ssl = connection_new(s->server, fd);

	dm_tls_set_unref(s); /* the connection keeps its context */
	if (ssl != NULL)
		SSL_set_accept_state(ssl);
	return ssl;
}

SSL *
dm_tls_connect(struct dm_tls *t, int fd, const char *host)
{
	struct dm_tls_set *s = current_set(t);
	SSL *ssl = connection_new(s->client, fd);

	dm_tls_set_unref(s);
	if (ssl == NULL)
		return NULL;
	SSL_set_connect_state(ssl);
	if (!dm_tls_has_names(t))
		return ssl;
	if (X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), host) != 1) {
		ERR_clear_error();
		(void)SSL_set1_host(ssl, host);
	}
	return ssl;
}
