/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Relay logs for tests: folders with files of real servers (the fixtures of
 * lib/binlog), or files made of a real server's format and events that are made
 * here, with right end positions and checksums.
 */
#ifndef DM_TEST_UNIT_WORKER_RELAY_FILES_H
#define DM_TEST_UNIT_WORKER_RELAY_FILES_H

#include "test/unit/lib/binlog/fixture.h"
#include "worker/relay/reader.h"

#include <glib/gstdio.h>
#include <libdeflate.h>

struct log {
	char *root;
	struct relay_hub *hub;
};

static inline void
log_begin(struct log *l)
{
	l->root = g_dir_make_tmp("relay-XXXXXX", NULL);
	ck_assert_ptr_nonnull(l->root);
	l->hub = relay_hub_new(l->root);
}

static inline void
remove_tree(const char *path)
{
	GDir *d = g_dir_open(path, 0, NULL);
	const char *name;

	while (d != NULL && (name = g_dir_read_name(d)) != NULL) {
		g_autofree char *inner = g_build_filename(path, name, NULL);

		remove_tree(inner);
	}
	if (d != NULL)
		g_dir_close(d);
	g_remove(path);
}

static inline void
log_end(struct log *l)
{
	relay_hub_free(l->hub);
	remove_tree(l->root);
	g_free(l->root);
}

static inline void
log_index(struct log *l, const char *lines)
{
	g_autofree char *path =
	    g_build_filename(l->root, "server-uuid.index", NULL);
	g_auto(GStrv) dirs = g_strsplit(lines, "\n", -1);

	ck_assert(g_file_set_contents(path, lines, -1, NULL));
	for (char **d = dirs; *d != NULL; d++) {
		g_autofree char *sub = g_build_filename(l->root, *d, NULL);

		g_mkdir(sub, 0700);
	}
}

static inline void
log_put(struct log *l, const char *dir, const char *name, const void *bytes,
    size_t n)
{
	g_autofree char *path = g_build_filename(l->root, dir, name, NULL);

	ck_assert(g_file_set_contents(path, bytes, (gssize)n, NULL));
}

static inline void
log_publish(struct log *l, unsigned suffix, const char *name, uint64_t pos)
{
	struct relay_place end = { suffix, dm_pos_make(name, pos) };

	relay_hub_publish(l->hub, &end);
}

/* ---- files that are made ---- */

struct made {
	GByteArray *b;
};

static inline void
made_seal(struct made *m, size_t from)
{
	uint32_t size = m->b->len - (guint)from + 4, end = m->b->len + 4, sum;

	memcpy(m->b->data + from + 9, &size, 4); /* tests run where we do */
	memcpy(m->b->data + from + 13, &end, 4);
	sum = libdeflate_crc32(0, m->b->data + from, m->b->len - from);
	g_byte_array_append(m->b, (const uint8_t *)&sum, 4);
}

/* One event; its end is returned. */
static inline uint64_t
made_add(
    struct made *m, uint8_t type, uint32_t server, const void *body, size_t n)
{
	uint8_t head[DM_EVENT_HEADER_SIZE] = { 1, 0, 0, 0, type };
	size_t from = m->b->len;

	memcpy(head + 5, &server, 4);
	g_byte_array_append(m->b, head, sizeof(head));
	g_byte_array_append(m->b, body, (guint)n);
	made_seal(m, from);
	return m->b->len;
}

/* The magic, MariaDB's format, and the GTIDs of earlier files: domain 0. */
static inline struct made
made_begin(uint32_t server, uint64_t seq)
{
	struct made m = { g_byte_array_new() };
	struct fixture f;
	uint8_t list[4 + 16] = { 0 };
	uint32_t zero = 0;

	fixture_open(&f, "mariadb-10.11.binlog");
	ck_assert(fixture_next(&f));
	g_byte_array_append(m.b, (const uint8_t *)f.bytes, (guint)f.at);
	fixture_close(&f);
	list[0] = seq > 0;
	memcpy(list + 4, &zero, 4);
	memcpy(list + 8, &server, 4);
	memcpy(list + 12, &seq, 8);
	made_add(&m, DM_EV_MARIADB_GTID_LIST, server, list, seq > 0 ? 20 : 4);
	return m;
}

static inline uint64_t
made_gtid(struct made *m, uint32_t server, uint64_t seq, uint32_t domain)
{
	uint8_t body[19] = { 0 };

	memcpy(body, &seq, 8);
	memcpy(body + 8, &domain, 4);
	return made_add(m, DM_EV_MARIADB_GTID, server, body, sizeof(body));
}

static inline uint64_t
made_xid(struct made *m, uint32_t server)
{
	uint64_t xid = 7;

	return made_add(m, DM_EV_XID, server, &xid, sizeof(xid));
}

/* A transaction without rows; where it ends. */
static inline uint64_t
made_txn(struct made *m, uint32_t server, uint64_t seq)
{
	made_gtid(m, server, seq, 0);
	return made_xid(m, server);
}

static inline void
made_rotate(struct made *m, uint32_t server, const char *next)
{
	g_autoptr(GByteArray) body = g_byte_array_new();
	uint64_t four = 4;

	g_byte_array_append(body, (const uint8_t *)&four, 8);
	g_byte_array_append(body, (const uint8_t *)next, (guint)strlen(next));
	made_add(m, DM_EV_ROTATE, server, body->data, body->len);
}

/* Writes it and forgets it. Returns its size. */
static inline uint64_t
made_put(struct made *m, struct log *l, const char *dir, const char *name)
{
	uint64_t n = m->b->len;

	log_put(l, dir, name, m->b->data, m->b->len);
	g_byte_array_unref(m->b);
	m->b = NULL;
	return n;
}

/* ---- reading ---- */

static inline struct relay_reader *
reader_at(struct log *l, unsigned suffix, const char *name, uint64_t pos)
{
	struct relay_place at = { suffix, dm_pos_make(name, pos) };
	struct relay_reader *r = NULL;

	must(relay_reader_open(l->hub, &at, 20, &r));
	return r;
}

/* The next event as "type@end"; a heartbeat is "-", a made up rotate
 * "name:pos", a made up format "F". */
static inline char *
next_text(struct relay_reader *r)
{
	static struct dm_binlog_format format;
	struct dm_event_header h;
	const uint8_t *raw, *body;
	size_t len, n;

	must(relay_reader_next(r, &raw, &len));
	must(dm_event_split(&format, raw, len, &h, &body, &n));
	if (h.type == DM_EV_FORMAT_DESCRIPTION)
		must(dm_format_description_decode(raw, len, &format));
	if (h.type == DM_EV_FORMAT_DESCRIPTION && h.log_pos == 0)
		return g_strdup("F");
	if (h.type == DM_EV_HEARTBEAT)
		return g_strdup("-");
	if (h.type == DM_EV_ROTATE && h.timestamp == 0)
		return g_strdup_printf("%.*s:%u", (int)(n - 8), body + 8,
		    body[0] | (unsigned)body[1] << 8);
	return g_strdup_printf("%u@%u", h.type, h.log_pos);
}

static inline void
expect(struct relay_reader *r, const char *text)
{
	g_autofree char *got = next_text(r);

	ck_assert_str_eq(got, text);
}

static inline void
expect_end(struct relay_reader *r, uint8_t type, uint64_t end)
{
	g_autofree char *text = g_strdup_printf("%u@%u", type, (unsigned)end);

	expect(r, text);
}

#endif
