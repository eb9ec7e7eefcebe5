/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests to an S3-compatible storage.
 *
 * DESIGN: each request runs on a multi handle of its own, so that a cancelled
 * run ends it at once and a stream can be read as slowly as its reader wants.
 * Handles are kept with their connections for the next request.
 */
#include "lib/s3/internal.h"

#include "lib/log/log.h"

#include <openssl/sha.h>
#include <string.h>

#define RANK_S3 620
/* Of an answer that is no stream. */
#define ANSWER_MAX ((size_t)64 << 20)
/* Of one that is not understood. */
#define TOLD_BYTES        200
#define CONNECT_MS        10000L
#define STALL_S           30L
#define LAST_WILL_MS      3000L
#define STEP_MS           1000
#define PAUSE_FIRST_MS    200
#define PAUSE_MAX_MS      20000
#define RECEIVE_BYTES     (256L << 10)
#define STATUS_NO_CONTENT 204
#define STATUS_PARTIAL    206
#define STATUS_NOT_FOUND  404
#define STATUS_TOO_MANY   429

static pthread_once_t once = PTHREAD_ONCE_INIT;

static void
init_curl(void)
{
	dm_assert(curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK);
}

static void
io_free(void *p)
{
	struct s3_io *io = p;

	curl_easy_cleanup(io->easy);
	curl_multi_cleanup(io->multi);
	g_free(io);
}

struct dm_s3 *
dm_s3_new(const struct dm_s3_url *u, enum dm_s3_use use, struct dm_cancel *c)
{
	struct dm_s3 *s = g_new0(struct dm_s3, 1);

	pthread_once(&once, init_curl);
	s->url = dm_s3_url_copy(u);
	dm_s3_url_complete(s->url);
	s->name = dm_s3_url_name(u);
	s->use = use;
	s->c = c;
	dm_mutex_init(&s->mu, RANK_S3);
	s->idle = g_ptr_array_new_with_free_func(io_free);
	return s;
}

void
dm_s3_free(struct dm_s3 *s)
{
	if (s == NULL)
		return;
	g_ptr_array_unref(s->idle);
	dm_mutex_fini(&s->mu);
	dm_s3_url_free(s->url);
	g_free(s->name);
	g_free(s);
}

const char *
dm_s3_name(const struct dm_s3 *s)
{
	return s->name;
}

struct dm_err *
dm_s3_error(const struct dm_s3 *s, const char *what)
{
	return s->use == DM_S3_FOR_DUMP
		   ? dm_err_new(DUMP_UNIT_RUNTIME, what)
		   : dm_err_new(LOAD_LIGHTNING_RUNTIME, what);
}

struct dm_err *
s3_error(const struct dm_s3 *s, const struct s3_request *q, const char *what,
    const char *said)
{
	bool file = q->name != NULL;

	return dm_err_set_cause(dm_s3_error(s, what), "%s %s%s%s at %s: %s",
	    q->method, s->name, file ? "/" : "", file ? q->name : "",
	    s->url->endpoint, said);
}

struct dm_err *
s3_odd_answer(
    const struct dm_s3 *s, const struct s3_request *q, const char *what)
{
	g_autofree char *said = g_strndup(q->answer->str, TOLD_BYTES);

	return s3_error(s, q, what, said);
}

void
s3_request_clear(struct s3_request *q)
{
	if (q->answer != NULL)
		g_string_free(q->answer, TRUE);
	q->answer = NULL;
	g_clear_pointer(&q->etag, g_free);
}

/* ---- connections ---- */

struct s3_io *
s3_io_take(struct dm_s3 *s)
{
	struct s3_io *io = NULL;

	dm_mutex_lock(&s->mu);
	if (s->idle->len > 0)
		io = g_ptr_array_steal_index_fast(s->idle, s->idle->len - 1);
	dm_mutex_unlock(&s->mu);
	if (io != NULL)
		return io;
	io = g_new0(struct s3_io, 1);
	io->easy = curl_easy_init();
	io->multi = curl_multi_init();
	dm_assert(io->easy != NULL && io->multi != NULL);
	return io;
}

void
s3_io_give(struct dm_s3 *s, struct s3_io *io, bool broken)
{
	if (broken) {
		io_free(io);
		return;
	}
	dm_mutex_lock(&s->mu);
	g_ptr_array_add(s->idle, io);
	dm_mutex_unlock(&s->mu);
}

/* ---- one try ---- */

static char *
request_url(const struct dm_s3 *s, const struct s3_request *q)
{
	const struct dm_s3_url *u = s->url;
	const char *host = strstr(u->endpoint, "://") + strlen("://");
	GString *t = g_string_new(NULL);

	if (u->virtual_host) {
		g_string_append_len(t, u->endpoint, host - u->endpoint);
		g_string_append_printf(t, "%s.%s/", u->bucket, host);
	} else {
		g_string_append_printf(t, "%s/%s%s", u->endpoint, u->bucket,
		    q->name != NULL ? "/" : "");
	}
	if (q->name != NULL && u->prefix[0] != '\0') {
		g_string_append_uri_escaped(t, u->prefix, "/", FALSE);
		g_string_append_c(t, '/');
	}
	if (q->name != NULL)
		g_string_append_uri_escaped(t, q->name, "/", FALSE);
	if (q->query != NULL)
		g_string_append_printf(t, "?%s", q->query);
	return g_string_free(t, FALSE);
}

static size_t
take_answer(char *data, size_t size, size_t n, void *arg)
{
	struct s3_request *q = arg;
	size_t len = size * n;

	if (len > ANSWER_MAX - q->answer->len)
		return 0;
	g_string_append_len(q->answer, data, (gssize)len);
	return len;
}

static size_t
take_header(char *data, size_t size, size_t n, void *arg)
{
	static const char name[] = "etag:";
	struct s3_request *q = arg;
	size_t len = size * n, skip = sizeof(name) - 1;

	if (len > skip && g_ascii_strncasecmp(data, name, skip) == 0) {
		g_autofree char *value = g_strndup(data + skip, len - skip);

		g_free(q->etag);
		q->etag = s3_unquote(g_strstrip(value));
	}
	return len;
}

static void
add_header(struct s3_request *q, const char *text)
{
	q->sent = curl_slist_append(q->sent, text);
	dm_assert(q->sent != NULL);
}

static void
set_body(CURL *e, const struct s3_request *q)
{
	if (q->body != NULL) {
		curl_easy_setopt(e, CURLOPT_POSTFIELDS, q->body);
		curl_easy_setopt(
		    e, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)q->len);
	}
	curl_easy_setopt(e, CURLOPT_CUSTOMREQUEST, q->method);
}

/* Part of what is signed: the storage checks what it got. */
static void
add_body_hash(struct s3_request *q)
{
	uint8_t hash[SHA256_DIGEST_LENGTH];
	GString *t = g_string_new("x-amz-content-sha256: ");

	SHA256(q->body != NULL ? q->body : "", q->len, hash);
	for (size_t i = 0; i < sizeof(hash); i++)
		g_string_append_printf(t, "%02x", hash[i]);
	add_header(q, t->str);
	g_string_free(t, TRUE);
}

static void
set_signature(CURL *e, const struct dm_s3 *s, struct s3_request *q)
{
	const struct dm_s3_url *u = s->url;
	g_autofree char *how = g_strdup_printf("aws:amz:%s:s3", u->region);

	if (u->access_key[0] == '\0')
		return; /* a bucket that anybody may use */
	add_body_hash(q);
	curl_easy_setopt(e, CURLOPT_AWS_SIGV4, how);
	curl_easy_setopt(e, CURLOPT_USERNAME, u->access_key);
	curl_easy_setopt(e, CURLOPT_PASSWORD, u->secret_key);
	if (u->session_token[0] != '\0') {
		g_autofree char *token = g_strdup_printf(
		    "x-amz-security-token: %s", u->session_token);

		add_header(q, token);
	}
}

void
s3_begin(struct dm_s3 *s, struct s3_io *io, struct s3_request *q)
{
	g_autofree char *url = request_url(s, q);
	CURL *e = io->easy;

	s3_request_clear(q);
	q->answer = g_string_new(NULL);
	q->status = 0;
	q->error[0] = '\0';
	q->sent = NULL;
	curl_easy_reset(e);
	curl_easy_setopt(e, CURLOPT_URL, url);
	curl_easy_setopt(e, CURLOPT_PATH_AS_IS, 1L);
	curl_easy_setopt(e, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(e, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(e, CURLOPT_CONNECTTIMEOUT_MS, CONNECT_MS);
	if (q->last_will)
		curl_easy_setopt(e, CURLOPT_TIMEOUT_MS, LAST_WILL_MS);
	curl_easy_setopt(e, CURLOPT_LOW_SPEED_LIMIT, 1L);
	curl_easy_setopt(e, CURLOPT_LOW_SPEED_TIME, STALL_S);
	curl_easy_setopt(e, CURLOPT_BUFFERSIZE, RECEIVE_BYTES);
	curl_easy_setopt(e, CURLOPT_ERRORBUFFER, q->error);
	curl_easy_setopt(e, CURLOPT_HEADERFUNCTION, take_header);
	curl_easy_setopt(e, CURLOPT_HEADERDATA, q);
	curl_easy_setopt(
	    e, CURLOPT_WRITEFUNCTION, q->take != NULL ? q->take : take_answer);
	curl_easy_setopt(
	    e, CURLOPT_WRITEDATA, q->take != NULL ? q->take_arg : q);
	set_body(e, q);
	if (q->body != NULL)
		add_header(q, "Content-Type: application/octet-stream");
	for (size_t i = 0; q->headers != NULL && q->headers[i] != NULL; i++)
		add_header(q, q->headers[i]);
	set_signature(e, s, q);
	curl_easy_setopt(e, CURLOPT_HTTPHEADER, q->sent);
	dm_assert(curl_multi_add_handle(io->multi, e) == CURLM_OK);
}

void
s3_end(struct s3_io *io, struct s3_request *q)
{
	curl_multi_remove_handle(io->multi, io->easy);
	/* Nothing of ours stays in it, no secret and no buffer. */
	curl_easy_reset(io->easy);
	curl_slist_free_all(q->sent);
	q->sent = NULL;
}

static void
wake(void *arg)
{
	struct s3_io *io = arg;

	curl_multi_wakeup(io->multi);
}

bool
s3_go_on(struct s3_io *io, CURLcode *outcome)
{
	const CURLMsg *m;
	bool done = false;
	int running, left;

	curl_multi_perform(io->multi, &running);
	while ((m = curl_multi_info_read(io->multi, &left)) != NULL)
		if (m->msg == CURLMSG_DONE) {
			done = true;
			*outcome = m->data.result;
		}
	return done;
}

struct dm_err *
s3_wait(struct s3_io *io, struct dm_cancel *c)
{
	struct dm_cancel_watch watch = { 0 };

	dm_cancel_watch(c, &watch, wake, io);
	if (!dm_canceled(c))
		curl_multi_poll(io->multi, NULL, 0, STEP_MS, NULL);
	dm_cancel_unwatch(c, &watch);
	return dm_cancel_check(c);
}

/* ---- what came of it ---- */

/* What a person does about it, by the storage's own code. */
static const struct remedy {
	const char *codes, *text;
} remedies[] = {
	{ "InvalidAccessKeyId SignatureDoesNotMatch ExpiredToken InvalidToken "
	  "AuthorizationHeaderMalformed",
	    "correct access-key, secret-access-key and region in `dir` of "
	    "`loaders` (task file), or AWS_ACCESS_KEY_ID, "
	    "AWS_SECRET_ACCESS_KEY and AWS_REGION of the dm-worker, then "
	    "`resume-task`" },
	{ "AccessDenied AllAccessDisabled AccountProblem",
	    "give the key the rights to list the bucket and to get, put and "
	    "delete files under the prefix, then `resume-task`" },
	{ "NoSuchBucket InvalidBucketName",
	    "create the bucket, or correct `dir` of `loaders` (task file), "
	    "then `resume-task`" },
	{ "PermanentRedirect TemporaryRedirect IllegalLocationConstraint",
	    "the bucket is in another region: add region=.. (and its "
	    "endpoint=..) to `dir` of `loaders` (task file)" },
	{ "RequestTimeTooSkewed",
	    "set the clock of the dm-worker's machine, then `resume-task`" },
	{ "QuotaExceeded XMinioStorageFull InsufficientCapacity",
	    "make room in the storage, then `resume-task`" },
};

static const char *
remedy_for(const char *code)
{
	for (size_t i = 0; i < DM_ARRAY_SIZE(remedies); i++)
		if (code[0] != '\0' && strstr(remedies[i].codes, code) != NULL)
			return remedies[i].text;
	return "read RawCause; see that the storage can be reached from the "
	       "dm-worker's machine (`endpoint` in `dir` of `loaders`, task "
	       "file), then `resume-task`";
}

static struct dm_err *
make_error(const struct dm_s3 *s, const struct s3_request *q, const char *code,
    const char *said)
{
	g_autofree char *text = code[0] != '\0'
				    ? g_strconcat(code, ": ", said, NULL)
				    : g_strdup(said);

	return dm_err_set_workaround(
	    s3_error(s, q, "the S3 storage refuses", text), "%s",
	    remedy_for(code));
}

static bool
is_passing(CURLcode rc)
{
	switch (rc) {
	case CURLE_COULDNT_RESOLVE_HOST:
	case CURLE_COULDNT_CONNECT:
	case CURLE_OPERATION_TIMEDOUT:
	case CURLE_PARTIAL_FILE:
	case CURLE_GOT_NOTHING:
	case CURLE_SEND_ERROR:
	case CURLE_RECV_ERROR:
	case CURLE_SSL_CONNECT_ERROR:
	case CURLE_WEIRD_SERVER_REPLY:
		return true;
	default:
		return false;
	}
}

struct dm_err *
s3_judge(
    const struct dm_s3 *s, struct s3_request *q, CURLcode outcome, bool *again)
{
	g_autofree char *code = NULL, *said = NULL;

	*again = false;
	if (outcome != CURLE_OK) {
		*again = is_passing(outcome);
		return make_error(s, q, "",
		    q->error[0] != '\0' ? q->error
					: curl_easy_strerror(outcome));
	}
	if (q->status == 200 || q->status == STATUS_NO_CONTENT ||
	    q->status == STATUS_PARTIAL ||
	    (q->status == STATUS_NOT_FOUND && q->may_miss))
		return NULL;
	code = s3_xml_value(q->answer, "Code");
	said = s3_xml_value(q->answer, "Message");
	if (q->status == STATUS_NOT_FOUND && code != NULL &&
	    strcmp(code, "NoSuchBucket") != 0)
		g_clear_pointer(&code, g_free); /* the file: said by its name */
	*again = q->status >= 500 || q->status == STATUS_TOO_MANY ||
		 (code != NULL && strcmp(code, "RequestTimeout") == 0);
	if (said == NULL)
		said = g_strdup_printf("HTTP status %ld", q->status);
	return make_error(s, q, code != NULL ? code : "", said);
}

struct dm_err *
s3_pause(struct dm_s3 *s, unsigned n)
{
	int ms = MIN(PAUSE_FIRST_MS << n, PAUSE_MAX_MS);

	/* Not all at the same time. */
	return dm_cancel_sleep_ms(s->c, g_random_int_range(ms / 2, ms));
}

static struct dm_err *
try_once(struct dm_s3 *s, struct s3_request *q, bool *again)
{
	struct s3_io *io = s3_io_take(s);
	CURLcode outcome = CURLE_OK;
	struct dm_err *err = NULL;

	*again = false;
	s3_begin(s, io, q);
	while (err == NULL && !s3_go_on(io, &outcome))
		err = s3_wait(io, q->last_will ? NULL : s->c);
	if (err == NULL)
		curl_easy_getinfo(io->easy, CURLINFO_RESPONSE_CODE, &q->status);
	s3_end(io, q);
	s3_io_give(s, io, err != NULL || outcome != CURLE_OK);
	return err != NULL ? err : s3_judge(s, q, outcome, again);
}

struct dm_err *
s3_perform(struct dm_s3 *s, struct s3_request *q)
{
	struct dm_err *err, *canceled;
	bool again;

	for (unsigned i = 0;; i++) {
		err = try_once(s, q, &again);
		if (err == NULL || !again || i + 1 == S3_TRIES || q->last_will)
			return err;
		dm_debug(
		    "a request to the S3 storage is tried again", dm_kerr(err));
		dm_err_free(err);
		canceled = s3_pause(s, i);
		if (canceled != NULL)
			return canceled;
	}
}
