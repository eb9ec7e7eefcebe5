/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where files are kept in an S3-compatible storage, as users of DM write it:
 *   s3://bucket/prefix?name=value&..
 * SOURCE: "URI Formats of External Storage Services" of TiDB's manual; its
 * names, both with '-' and with '_': endpoint, region, access-key,
 * secret-access-key, session-token, force-path-style, storage-class, sse,
 * sse-kms-key-id, acl. What is not given is looked for in the environment of
 * the process that connects (AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY,
 * AWS_SESSION_TOKEN, AWS_REGION). Threads: any.
 */
#ifndef DM_LIB_S3_URL_H
#define DM_LIB_S3_URL_H

#include "lib/base/base.h"

#include <glib.h>

struct dm_s3_url {
	char *bucket;
	char *prefix;   /* without '/' at either end; "": none */
	char *endpoint; /* "http://host:port"; "": Amazon's of the region */
	char *region;   /* "": us-east-1 */
	char *access_key, *secret_key, *session_token; /* "": not given */
	char *storage_class, *sse, *sse_kms_key_id, *acl;
	bool virtual_host; /* the bucket stands in the host's name */
};

bool dm_s3_is_url(const char *text);
/* NULL: no good, and *why says what is wrong with it (new string). */
struct dm_s3_url *dm_s3_url_parse(const char *text, char **why);
struct dm_s3_url *dm_s3_url_copy(const struct dm_s3_url *u);
void dm_s3_url_free(struct dm_s3_url *u);
DM_DEFINE_AUTO(dm_s3_url)
/* The URL again, in one form for equal ones. mask: secrets are "******". */
char *dm_s3_url_text(const struct dm_s3_url *u, bool mask);
/* "s3://bucket/prefix", for messages; new string. */
char *dm_s3_url_name(const struct dm_s3_url *u);
/* The same place one folder further down. */
void dm_s3_url_descend(struct dm_s3_url *u, const char *folder);
/* Fill what is not given from the environment. */
void dm_s3_url_complete(struct dm_s3_url *u);

#endif
