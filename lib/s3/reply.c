/* SPDX-License-Identifier: Apache-2.0 */
/* The XML answers of an S3-compatible storage. */
#include "lib/s3/internal.h"

#include <string.h>

/* Elements that an answer's texts stand in: no deeper than this. */
#define DEPTH_MAX 16

struct reading {
	const char *path[DEPTH_MAX]; /* GMarkup's, while they are open */
	unsigned depth;
	GString *text; /* of the innermost element */
	/* s3_xml_value */
	const char *wanted;
	char *found;
	/* s3_xml_list */
	const char *prefix;
	GPtrArray *files;
	struct dm_s3_file *file; /* being read */
	bool is_list, truncated;
	char *next;
};

void
dm_s3_file_free(void *p)
{
	struct dm_s3_file *f = p;

	if (f == NULL)
		return;
	g_free(f->name);
	g_free(f->etag);
	g_free(f);
}

static void
on_text(GMarkupParseContext *ctx G_GNUC_UNUSED, const char *text, gsize len,
    gpointer arg, GError **error G_GNUC_UNUSED)
{
	struct reading *r = arg;

	g_string_append_len(r->text, text, (gssize)len);
}

static void
on_start(GMarkupParseContext *ctx G_GNUC_UNUSED, const char *name,
    const char **attributes G_GNUC_UNUSED, const char **values G_GNUC_UNUSED,
    gpointer arg, GError **error)
{
	struct reading *r = arg;

	if (r->depth == DEPTH_MAX) {
		g_set_error_literal(error, G_MARKUP_ERROR,
		    G_MARKUP_ERROR_INVALID_CONTENT, "too deep");
		return;
	}
	r->path[r->depth++] = name;
	g_string_truncate(r->text, 0);
	if (r->depth == 1)
		r->is_list = strcmp(name, "ListBucketResult") == 0;
	if (r->depth == 2 && r->is_list && strcmp(name, "Contents") == 0)
		r->file = g_new0(struct dm_s3_file, 1);
}

/* The name below the prefix; NULL: it is not there, or deeper. */
static char *
name_below(const char *prefix, const char *key)
{
	size_t n = strlen(prefix);
	g_autofree char *plain = g_uri_unescape_string(key, NULL);
	const char *name = plain;

	if (plain == NULL || strncmp(plain, prefix, n) != 0)
		return NULL;
	name += n;
	if (n > 0 && *name++ != '/')
		return NULL;
	return name[0] == '\0' || strchr(name, '/') != NULL ? NULL
							    : g_strdup(name);
}

char *
s3_unquote(const char *text)
{
	size_t n = strlen(text);

	return n >= 2 && text[0] == '"' && text[n - 1] == '"'
		   ? g_strndup(text + 1, n - 2)
		   : g_strdup(text);
}

static void
take_file_value(struct reading *r, const char *name)
{
	struct dm_s3_file *f = r->file;

	if (strcmp(name, "Key") == 0) {
		g_free(f->name);
		f->name = name_below(r->prefix, r->text->str);
	} else if (strcmp(name, "Size") == 0) {
		f->size = g_ascii_strtoull(r->text->str, NULL, 10);
	} else if (strcmp(name, "ETag") == 0) {
		g_free(f->etag);
		f->etag = s3_unquote(r->text->str);
	}
}

static void
end_file(struct reading *r)
{
	struct dm_s3_file *f = DM_TAKE(r->file);

	if (f->name == NULL || f->etag == NULL)
		dm_s3_file_free(f);
	else
		g_ptr_array_add(r->files, f);
}

static void
on_end(GMarkupParseContext *ctx G_GNUC_UNUSED, const char *name, gpointer arg,
    GError **error G_GNUC_UNUSED)
{
	struct reading *r = arg;

	if (r->wanted != NULL && r->found == NULL &&
	    strcmp(name, r->wanted) == 0)
		r->found = g_strdup(r->text->str);
	if (r->is_list && r->depth == 3 && r->file != NULL)
		take_file_value(r, name);
	else if (r->is_list && r->depth == 2 && r->file != NULL)
		end_file(r);
	else if (r->is_list && r->depth == 2 &&
		 strcmp(name, "IsTruncated") == 0)
		r->truncated = strcmp(r->text->str, "true") == 0;
	else if (r->is_list && r->depth == 2 &&
		 strcmp(name, "NextContinuationToken") == 0) {
		g_free(r->next);
		r->next = g_strdup(r->text->str);
	}
	r->depth--;
	g_string_truncate(r->text, 0);
}

/* False: it is no XML. */
static bool
read_xml(struct reading *r, const GString *xml)
{
	static const GMarkupParser parser = { .start_element = on_start,
		.end_element = on_end,
		.text = on_text };
	GMarkupParseContext *ctx =
	    g_markup_parse_context_new(&parser, (GMarkupParseFlags)0, r, NULL);
	bool ok;

	r->text = g_string_new(NULL);
	ok = g_markup_parse_context_parse(
		 ctx, xml->str, (gssize)xml->len, NULL) &&
	     g_markup_parse_context_end_parse(ctx, NULL);
	g_markup_parse_context_free(ctx);
	g_string_free(r->text, TRUE);
	dm_s3_file_free(r->file);
	return ok;
}

char *
s3_xml_value(const GString *xml, const char *name)
{
	struct reading r = { .wanted = name };

	if (read_xml(&r, xml))
		return r.found;
	g_free(r.found);
	return NULL;
}

bool
s3_xml_list(
    const GString *xml, const char *prefix, GPtrArray *files, char **next)
{
	struct reading r = { .prefix = prefix, .files = files };
	bool ok =
	    read_xml(&r, xml) && r.is_list && (!r.truncated || r.next != NULL);

	*next = NULL;
	if (ok && r.truncated)
		*next = DM_TAKE(r.next);
	g_free(r.next);
	return ok;
}
