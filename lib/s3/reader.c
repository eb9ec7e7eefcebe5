/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A file of a bucket as a stream of bytes.
 *
 * DESIGN: the transfer goes on only while somebody reads; what curl brings
 * meanwhile waits in a bounded buffer. A storage may close a connection on
 * which nobody reads, so a broken one goes on behind the last byte.
 */
#include "lib/s3/internal.h"

#include "lib/log/log.h"

#include <string.h>

#define BUFFER_MAX          ((size_t)1 << 20)
#define STATUS_OK           200
#define STATUS_PARTIAL      206
#define STATUS_PRECONDITION 412
#define STATUS_RANGE        416

struct dm_s3_reader {
	struct dm_s3 *s;
	char *name;
	char *etag;   /* of what is read; NULL: not known yet */
	uint64_t got; /* bytes that have come */
	bool eof;
	unsigned failures; /* since bytes came */

	struct s3_io *io; /* NULL: no request runs */
	struct s3_request q;
	char *range, *match; /* its headers */
	const char *headers[3];
	GString *buf;
	size_t used; /* of buf */
	bool paused;
};

struct dm_s3_reader *
dm_s3_reader_new(struct dm_s3 *s, const char *name, const char *etag)
{
	struct dm_s3_reader *r = g_new0(struct dm_s3_reader, 1);

	r->s = s;
	r->name = g_strdup(name);
	r->etag = g_strdup(etag);
	r->buf = g_string_new(NULL);
	return r;
}

/* Bytes of an error's text are the answer, not the file. */
static size_t
take_bytes(char *data, size_t size, size_t n, void *arg)
{
	struct dm_s3_reader *r = arg;
	size_t len = size * n;
	long status = 0;

	curl_easy_getinfo(r->io->easy, CURLINFO_RESPONSE_CODE, &status);
	if (status != STATUS_OK && status != STATUS_PARTIAL) {
		if (r->q.answer->len < BUFFER_MAX)
			g_string_append_len(r->q.answer, data, (gssize)len);
		return len;
	}
	if (r->range != NULL && status != STATUS_PARTIAL)
		return 0; /* it would begin anew: curl calls it an error */
	if (r->buf->len - r->used >= BUFFER_MAX) {
		r->paused = true;
		return CURL_WRITEFUNC_PAUSE;
	}
	g_string_erase(r->buf, 0, (gssize)r->used);
	r->used = 0;
	g_string_append_len(r->buf, data, (gssize)len);
	r->got += len;
	r->failures = 0;
	return len;
}

static void
end_request(struct dm_s3_reader *r, bool broken)
{
	if (r->io == NULL)
		return;
	s3_end(r->io, &r->q);
	s3_io_give(r->s, DM_TAKE(r->io), broken);
	g_clear_pointer(&r->range, g_free);
	g_clear_pointer(&r->match, g_free);
	r->paused = false;
}

static void
begin_request(struct dm_s3_reader *r)
{
	size_t n = 0;

	if (r->got > 0)
		r->headers[n++] = r->range = g_strdup_printf(
		    "Range: bytes=%" G_GUINT64_FORMAT "-", r->got);
	if (r->etag != NULL && r->etag[0] != '\0')
		r->headers[n++] = r->match =
		    g_strdup_printf("If-Match: \"%s\"", r->etag);
	r->headers[n] = NULL;
	r->io = s3_io_take(r->s);
	r->q.method = "GET";
	r->q.name = r->name;
	r->q.headers = r->headers;
	r->q.take = take_bytes;
	r->q.take_arg = r;
	s3_begin(r->s, r->io, &r->q);
}

static struct dm_err *
other_content(const struct dm_s3_reader *r)
{
	struct dm_err *err =
	    dm_s3_error(r->s, "a file in the S3 storage was replaced");

	dm_err_set_cause(err, "%s/%s is not the one with ETag %s any more",
	    r->s->name, r->name, r->etag);
	return dm_err_set_workaround(err,
	    "see that nobody else writes to that prefix, then dump anew with "
	    "`start-task --remove-meta`");
}

/* A request is over. */
static struct dm_err *
settle(struct dm_s3_reader *r, CURLcode outcome)
{
	struct dm_err *err;
	bool again;

	curl_easy_getinfo(r->io->easy, CURLINFO_RESPONSE_CODE, &r->q.status);
	if (r->etag == NULL && r->q.etag != NULL)
		r->etag = g_strdup(r->q.etag);
	end_request(r, outcome != CURLE_OK);
	if (r->q.status == STATUS_PRECONDITION)
		return other_content(r);
	/* The connection broke behind the last byte. */
	r->eof = r->got > 0 && r->q.status == STATUS_RANGE;
	if (r->eof)
		return NULL;
	err = s3_judge(r->s, &r->q, outcome, &again);
	r->eof = err == NULL;
	if (err == NULL || !again || ++r->failures == S3_TRIES)
		return err;
	dm_debug("reading a file in the S3 storage goes on", dm_kerr(err),
	    dm_kstr("file", r->name), dm_kint("offset", r->got));
	dm_err_free(err);
	return s3_pause(r->s, r->failures);
}

struct dm_err *
dm_s3_read(struct dm_s3_reader *r, void *buf, size_t size, size_t *got)
{
	struct dm_err *err = NULL;

	*got = 0;
	while (err == NULL && r->buf->len == r->used && !r->eof) {
		CURLcode outcome = CURLE_OK;

		if (r->io == NULL)
			begin_request(r);
		if (r->paused) {
			r->paused = false;
			curl_easy_pause(r->io->easy, CURLPAUSE_CONT);
		}
		/* What came is given away before more is waited for. */
		if (s3_go_on(r->io, &outcome))
			err = settle(r, outcome);
		else if (r->buf->len == r->used)
			err = s3_wait(r->io, r->s->c);
	}
	if (err != NULL) {
		end_request(r, true);
		return err;
	}
	*got = MIN(size, r->buf->len - r->used);
	memcpy(buf, r->buf->str + r->used, *got);
	r->used += *got;
	return NULL;
}

void
dm_s3_reader_free(struct dm_s3_reader *r)
{
	if (r == NULL)
		return;
	end_request(r, true);
	s3_request_clear(&r->q);
	g_string_free(r->buf, TRUE);
	g_free(r->name);
	g_free(r->etag);
	g_free(r);
}
