/* SPDX-License-Identifier: Apache-2.0 */
/* Files of a bucket, whole: see s3.h. */
#include "lib/s3/s3.h"

#include "lib/s3/internal.h"

#include <string.h>

static int
by_name(const void *a, const void *b)
{
	const struct dm_s3_file *const *x = a, *const *y = b;

	return strcmp((*x)->name, (*y)->name);
}

/* The query's parameters stand in the order that their signature wants. */
static char *
list_query(const struct dm_s3 *s, const char *next)
{
	GString *t = g_string_new(NULL);

	if (next != NULL) {
		g_string_append(t, "continuation-token=");
		g_string_append_uri_escaped(t, next, NULL, FALSE);
		g_string_append_c(t, '&');
	}
	g_string_append(t, "delimiter=%2F&encoding-type=url&list-type=2");
	g_string_append(t, "&prefix=");
	if (s->url->prefix[0] != '\0') {
		g_string_append_uri_escaped(t, s->url->prefix, NULL, FALSE);
		g_string_append(t, "%2F");
	}
	return g_string_free(t, FALSE);
}

static struct dm_err *
list_page(struct dm_s3 *s, GPtrArray *files, char **next)
{
	g_autofree char *query = list_query(s, *next);
	struct s3_request q = { .method = "GET", .query = query };
	struct dm_err *err = s3_perform(s, &q);

	g_clear_pointer(next, g_free);
	if (err == NULL && !s3_xml_list(q.answer, s->url->prefix, files, next))
		err =
		    s3_odd_answer(s, &q, "the S3 storage answers with no list");
	s3_request_clear(&q);
	return err;
}

struct dm_err *
dm_s3_list(struct dm_s3 *s, GPtrArray **out)
{
	g_autoptr(GPtrArray) files =
	    g_ptr_array_new_with_free_func(dm_s3_file_free);
	g_autofree char *next = NULL;
	struct dm_err *err;

	do
		err = list_page(s, files, &next);
	while (err == NULL && next != NULL);
	if (err != NULL)
		return err;
	g_ptr_array_sort(files, by_name);
	*out = g_steal_pointer(&files);
	return NULL;
}

struct dm_err *
dm_s3_get(struct dm_s3 *s, const char *name, char **text, size_t *len)
{
	struct s3_request q = {
		.method = "GET", .name = name, .may_miss = true
	};
	struct dm_err *err = s3_perform(s, &q);

	*text = NULL;
	if (err == NULL && q.status == 200) {
		if (len != NULL)
			*len = q.answer->len;
		*text = g_string_free(DM_TAKE(q.answer), FALSE);
	}
	s3_request_clear(&q);
	return err;
}

/* ---- writing ---- */

/* The headers that the URL asks for; new strings. */
static GPtrArray *
new_file_headers(const struct dm_s3_url *u)
{
	const struct {
		const char *name, *value;
	} all[] = { { "x-amz-acl", u->acl },
		{ "x-amz-server-side-encryption", u->sse },
		{ "x-amz-server-side-encryption-aws-kms-key-id",
		    u->sse_kms_key_id },
		{ "x-amz-storage-class", u->storage_class } };
	GPtrArray *headers = g_ptr_array_new_with_free_func(g_free);

	for (size_t i = 0; i < DM_ARRAY_SIZE(all); i++)
		if (all[i].value[0] != '\0')
			g_ptr_array_add(
			    headers, g_strdup_printf(
					 "%s: %s", all[i].name, all[i].value));
	g_ptr_array_add(headers, NULL);
	return headers;
}

static struct dm_err *
put(struct dm_s3 *s, const char *name, const void *bytes, size_t len,
    char **etag)
{
	g_autoptr(GPtrArray) headers = new_file_headers(s->url);
	struct s3_request q = { .method = "PUT",
		.name = name,
		.headers = (const char *const *)headers->pdata,
		.body = len > 0 ? bytes : "",
		.len = len };
	struct dm_err *err = s3_perform(s, &q);

	if (err == NULL && etag != NULL)
		*etag = q.etag != NULL ? DM_TAKE(q.etag) : g_strdup("");
	s3_request_clear(&q);
	return err;
}

struct dm_err *
dm_s3_put(struct dm_s3 *s, const char *name, const void *bytes, size_t len)
{
	return put(s, name, bytes, len, NULL);
}

struct dm_err *
dm_s3_remove(struct dm_s3 *s, const char *name)
{
	struct s3_request q = {
		.method = "DELETE", .name = name, .may_miss = true
	};
	struct dm_err *err = s3_perform(s, &q);

	s3_request_clear(&q);
	return err;
}

/* ---- files in parts ---- */

#define PART_BYTES ((size_t)8 << 20)
/* Parts have numbers up to 10,000: they grow on the way. */
#define PARTS_PER_SIZE 2000U

struct dm_s3_writer {
	struct dm_s3 *s;
	char *name;
	GString *part;
	char *upload;     /* id; NULL: not begun */
	GPtrArray *etags; /* of the parts sent */
	bool finished;
};

struct dm_s3_writer *
dm_s3_writer_new(struct dm_s3 *s, const char *name)
{
	struct dm_s3_writer *w = g_new0(struct dm_s3_writer, 1);

	w->s = s;
	w->name = g_strdup(name);
	w->part = g_string_new(NULL);
	w->etags = g_ptr_array_new_with_free_func(g_free);
	return w;
}

static struct dm_err *
begin_upload(struct dm_s3_writer *w)
{
	g_autoptr(GPtrArray) headers = new_file_headers(w->s->url);
	struct s3_request q = { .method = "POST",
		.name = w->name,
		.query = "uploads=",
		.headers = (const char *const *)headers->pdata,
		.body = "" };
	struct dm_err *err = s3_perform(w->s, &q);

	if (err == NULL)
		w->upload = s3_xml_value(q.answer, "UploadId");
	if (err == NULL && w->upload == NULL)
		err =
		    s3_odd_answer(w->s, &q, "the S3 storage begins no upload");
	s3_request_clear(&q);
	return err;
}

static struct dm_err *
send_part(struct dm_s3_writer *w)
{
	g_autofree char *id = NULL, *query = NULL;
	struct s3_request q = { .method = "PUT",
		.name = w->name,
		.body = w->part->str,
		.len = w->part->len };
	struct dm_err *err = w->upload == NULL ? begin_upload(w) : NULL;

	if (err != NULL)
		return err;
	id = g_uri_escape_string(w->upload, NULL, FALSE);
	query =
	    g_strdup_printf("partNumber=%u&uploadId=%s", w->etags->len + 1, id);
	q.query = query;
	err = s3_perform(w->s, &q);
	if (err == NULL && q.etag == NULL)
		err = s3_error(
		    w->s, &q, "the S3 storage names no part", "no ETag");
	if (err == NULL)
		g_ptr_array_add(w->etags, DM_TAKE(q.etag));
	s3_request_clear(&q);
	g_string_truncate(w->part, 0);
	return err;
}

struct dm_err *
dm_s3_write(struct dm_s3_writer *w, const void *bytes, size_t len)
{
	const char *p = bytes;
	struct dm_err *err = NULL;

	dm_assert(!w->finished);
	while (err == NULL && len > 0) {
		size_t full = PART_BYTES << (w->etags->len / PARTS_PER_SIZE);
		size_t n = MIN(len, full - w->part->len);

		g_string_append_len(w->part, p, (gssize)n);
		p += n;
		len -= n;
		if (w->part->len == full)
			err = send_part(w);
	}
	return err;
}

/* The answer has status 200 also where it tells of an error. */
static struct dm_err *
complete_upload(struct dm_s3_writer *w, char **etag)
{
	g_autoptr(GString) xml = g_string_new("<CompleteMultipartUpload>");
	g_autofree char *id = g_uri_escape_string(w->upload, NULL, FALSE);
	g_autofree char *query = g_strdup_printf("uploadId=%s", id);
	g_autofree char *name = NULL;
	struct s3_request q = {
		.method = "POST", .name = w->name, .query = query
	};
	struct dm_err *err;

	for (guint i = 0; i < w->etags->len; i++)
		g_string_append_printf(xml,
		    "<Part><PartNumber>%u</PartNumber><ETag>\"%s\"</ETag>"
		    "</Part>",
		    i + 1, (const char *)w->etags->pdata[i]);
	g_string_append(xml, "</CompleteMultipartUpload>");
	q.body = xml->str;
	q.len = xml->len;
	err = s3_perform(w->s, &q);
	if (err == NULL)
		name = s3_xml_value(q.answer, "ETag");
	if (err == NULL && name == NULL)
		err = s3_odd_answer(
		    w->s, &q, "the S3 storage does not end an upload");
	if (err == NULL && etag != NULL)
		*etag = s3_unquote(name);
	s3_request_clear(&q);
	return err;
}

struct dm_err *
dm_s3_writer_finish(struct dm_s3_writer *w, char **etag)
{
	struct dm_err *err = NULL;

	if (w->upload == NULL) {
		err = put(w->s, w->name, w->part->str, w->part->len, etag);
	} else {
		if (w->part->len > 0)
			err = send_part(w);
		if (err == NULL)
			err = complete_upload(w, etag);
	}
	w->finished = err == NULL;
	return err;
}

void
dm_s3_writer_free(struct dm_s3_writer *w)
{
	if (w == NULL)
		return;
	/* Parts that nobody asks for cost money. */
	if (w->upload != NULL && !w->finished) {
		g_autofree char *id =
		    g_uri_escape_string(w->upload, NULL, FALSE);
		g_autofree char *query = g_strdup_printf("uploadId=%s", id);
		struct s3_request q = { .method = "DELETE",
			.name = w->name,
			.query = query,
			.may_miss = true,
			.last_will = true };

		dm_err_free(s3_perform(w->s, &q));
		s3_request_clear(&q);
	}
	g_string_free(w->part, TRUE);
	g_ptr_array_unref(w->etags);
	g_free(w->upload);
	g_free(w->name);
	g_free(w);
}
