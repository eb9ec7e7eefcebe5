/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of lib/s3 share: one request, and connections. */
#ifndef DM_LIB_S3_INTERNAL_H
#define DM_LIB_S3_INTERNAL_H

#include "lib/s3/s3.h"

#include <curl/curl.h>

/* Connections of one thread at a time. */
struct s3_io {
	CURL *easy;
	CURLM *multi;
};

struct dm_s3 {
	struct dm_s3_url *url;
	char *name;
	enum dm_s3_use use;
	struct dm_cancel *c; /* borrowed; may be NULL */
	struct dm_mutex mu;  /* rank 620; guards idle */
	GPtrArray *idle;     /* struct s3_io*, owned */
};

struct s3_request {
	const char *method;
	const char *name;  /* of the file; NULL: the bucket */
	const char *query; /* sorted, percent-encoded; NULL: none */
	const char *const
	    *headers;     /* "Name: value", NULL-terminated; or NULL */
	const void *body; /* borrowed; NULL: none */
	size_t len;
	bool may_miss; /* 404 is an answer */
	/* To be sent also when the run is canceled; one short try then. */
	bool last_will;

	/* Of the answer. */
	long status;
	GString *answer; /* owned */
	char *etag;      /* owned, without quotes; NULL: none was sent */

	struct curl_slist *sent; /* headers, while it runs */
	char error[CURL_ERROR_SIZE];
	/* Where the answer's bytes go; NULL: into answer. */
	curl_write_callback take;
	void *take_arg;
};

/* A new dm_s3_error: what, and of the request what was said to it. */
struct dm_err *s3_error(const struct dm_s3 *s, const struct s3_request *q,
    const char *what, const char *said) DM_MUST_CHECK;
/* An answer that is none of those that there are: its begin is told. */
struct dm_err *s3_odd_answer(const struct dm_s3 *s, const struct s3_request *q,
    const char *what) DM_MUST_CHECK;
/* Frees what it owns. */
void s3_request_clear(struct s3_request *q);

struct s3_io *s3_io_take(struct dm_s3 *s);
/* broken: the connection is of no use any more. */
void s3_io_give(struct dm_s3 *s, struct s3_io *io, bool broken);
/* Prepares io->easy for q and adds it to the multi handle; s3_end removes. */
void s3_begin(struct dm_s3 *s, struct s3_io *io, struct s3_request *q);
void s3_end(struct s3_io *io, struct s3_request *q);
/* Lets it go on with what has come. True: it is over, *outcome is set. */
bool s3_go_on(struct s3_io *io, CURLcode *outcome);
/* Waits until there is something to go on with, or for some time. Errors:
 * canceled; c may be NULL. */
struct dm_err *s3_wait(struct s3_io *io, struct dm_cancel *c) DM_MUST_CHECK;
/* What came of it: NULL, or an error; *again: it may be tried again. */
struct dm_err *s3_judge(const struct dm_s3 *s, struct s3_request *q,
    CURLcode outcome, bool *again) DM_MUST_CHECK;
/* Before try number `n`, from 0 on; an error when canceled. */
struct dm_err *s3_pause(struct dm_s3 *s, unsigned n) DM_MUST_CHECK;
#define S3_TRIES 8U

/* The whole of it, tried again as often as it makes sense. */
struct dm_err *s3_perform(struct dm_s3 *s, struct s3_request *q) DM_MUST_CHECK;

/* An ETag without its quotes; new string. */
char *s3_unquote(const char *etag);
/* The text of the first element `name` in an XML answer; new string; NULL:
 * there is none. */
char *s3_xml_value(const GString *xml, const char *name);
/* A page of a bucket's files below prefix, whose names are appended. *next:
 * what to ask for the next page with, a new string; NULL: this was the last.
 * False: this is no such answer. */
bool s3_xml_list(
    const GString *xml, const char *prefix, GPtrArray *files, char **next);

#endif
