/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Changes of JSON values, as PARTIAL_UPDATE_ROWS holds them: see value.h.
 *
 * FORMAT. Changes follow each other: u8 what (0 replace, 1 insert, 2 remove);
 * lenenc length and path; unless removed, lenenc length and the new value in
 * binary form. A path is "$", then ".name", ".\"name\"" (a JSON string) or
 * "[number]".
 * Source: MySQL's documentation of Json_diff.
 *
 * DESIGN: the document is taken apart only along the paths; all else is
 * printed from its bytes. Keys of an object stay in the server's order (by
 * length, then by bytes), so that the text is what the server would print.
 */
#include "lib/binlog/json_int.h"

#include <string.h>

enum diff_kind { DIFF_REPLACE = 0, DIFF_INSERT = 1, DIFF_REMOVE = 2 };

struct item;

struct node {
	uint8_t type;
	struct dm_cursor bytes; /* unless it is open */
	bool open;              /* taken apart: items count */
	bool object;            /* of an open one */
	struct item *items;     /* arena */
	size_t n, room;
};

struct item {
	const char *key;
	size_t key_len;
	struct node value;
};

/* One step of a path. */
struct leg {
	bool member;
	const char *key; /* arena or the event */
	size_t key_len;
	size_t index;
};

/* ---- paths ---- */

/* \uXXXX, of which a path needs those of control characters. */
static bool
unescape_unicode(const char **s, const char *end, GString *out)
{
	gunichar c = 0;

	if (end - *s < 4)
		return false;
	for (int i = 0; i < 4; i++) {
		int digit = g_ascii_xdigit_value(*(*s)++);

		if (digit < 0)
			return false;
		c = c << 4 | (gunichar)digit;
	}
	if (c >= 0xd800 && c <= 0xdfff)
		return false; /* written as itself, never escaped */
	g_string_append_unichar(out, c);
	return true;
}

static bool
unescape(const char **s, const char *end, GString *out)
{
	static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
	char c = *(*s)++;
	const char *at = strchr(from, c);

	if (c == 'u')
		return unescape_unicode(s, end, out);
	if (c == '\0' || at == NULL)
		return false;
	g_string_append_c(out, to[at - from]);
	return true;
}

/* "\"name\"": *s is behind the first quote, and then behind the last. */
static bool
read_quoted(
    const char **s, const char *end, struct dm_arena *a, struct leg *leg)
{
	g_autoptr(GString) out = g_string_new(NULL);

	while (*s < end && **s != '"') {
		if (**s != '\\') {
			g_string_append_c(out, *(*s)++);
			continue;
		}
		(*s)++;
		if (*s == end || !unescape(s, end, out))
			return false;
	}
	if (*s == end)
		return false;
	(*s)++;
	leg->key = dm_arena_strndup(a, out->str, out->len);
	leg->key_len = out->len;
	return true;
}

static bool
read_index(const char **s, const char *end, struct leg *leg)
{
	uint64_t n = 0;
	const char *from = *s;

	for (; *s < end && g_ascii_isdigit(**s); (*s)++) {
		n = n * 10 + (uint64_t)(**s - '0');
		if (n > UINT32_MAX)
			return false;
	}
	leg->index = (size_t)n;
	return *s > from && *s < end && *(*s)++ == ']';
}

/* The next leg; *s is moved behind it. */
static bool
read_leg(const char **s, const char *end, struct dm_arena *a, struct leg *leg)
{
	char c = *(*s)++;

	*leg = (struct leg){ .member = c == '.' };
	if (c == '[')
		return read_index(s, end, leg);
	if (c != '.' || *s == end)
		return false;
	if (**s == '"') {
		(*s)++;
		return read_quoted(s, end, a, leg);
	}
	leg->key = *s;
	while (*s < end && **s != '.' && **s != '[')
		(*s)++;
	leg->key_len = (size_t)(*s - leg->key);
	return leg->key_len > 0;
}

/* ---- the document ---- */

static void
make_room(struct node *k, struct dm_arena *a, size_t n)
{
	struct item *items;

	if (n <= k->room)
		return;
	k->room = MAX(n, k->room * 2);
	items = dm_arena_alloc(a, k->room * sizeof(*items));
	if (k->n > 0)
		memcpy(items, k->items, k->n * sizeof(*items));
	k->items = items;
}

static bool
open_node(struct node *k, struct dm_arena *a)
{
	struct dm_json_container c;

	if (k->open)
		return true;
	if (k->type > JSON_LARGE_ARRAY || !dm_json_open_(k->type, k->bytes, &c))
		return false;
	/* Each element takes more bytes than this; so n is no lie. */
	if (c.n > dm_cursor_left(&c.all))
		return false;
	make_room(k, a, c.n + 1);
	dm_assert(k->items != NULL);
	for (k->n = 0; k->n < c.n; k->n++) {
		struct dm_json_element e;

		if (!dm_json_element_(&c, &e))
			return false;
		k->items[k->n] = (struct item){ .key = e.key,
			.key_len = e.key_len,
			.value = { .type = e.type, .bytes = e.value } };
	}
	k->object = c.object;
	k->open = true;
	return true;
}

static int
compare_keys(const struct item *x, const struct leg *leg)
{
	if (x->key_len != leg->key_len)
		return x->key_len < leg->key_len ? -1 : 1;
	return leg->key_len == 0 ? 0 : memcmp(x->key, leg->key, leg->key_len);
}

/* Where the leg's element is, or would be inserted; *found tells which. */
static size_t
find_item(const struct node *k, const struct leg *leg, bool *found)
{
	size_t i = 0;
	int cmp = 1;

	*found = false;
	if (!leg->member) {
		*found = leg->index < k->n;
		return MIN(leg->index, k->n);
	}
	while (i < k->n && (cmp = compare_keys(&k->items[i], leg)) < 0)
		i++;
	*found = i < k->n && cmp == 0;
	return i;
}

static bool
change_item(struct node *k, const struct leg *leg, enum diff_kind kind,
    const struct node *value, struct dm_arena *a)
{
	bool found;
	size_t i = find_item(k, leg, &found);

	if (kind == DIFF_INSERT) {
		if (leg->member && found)
			return false;
		make_room(k, a, k->n + 1);
		memmove(&k->items[i + 1], &k->items[i],
		    (k->n - i) * sizeof(k->items[0]));
		k->n++;
		k->items[i] = (struct item){ .key = leg->key,
			.key_len = leg->key_len,
			.value = *value };
		return true;
	}
	if (!found)
		return false;
	if (kind == DIFF_REPLACE) {
		k->items[i].value = *value;
		return true;
	}
	k->n--;
	memmove(
	    &k->items[i], &k->items[i + 1], (k->n - i) * sizeof(k->items[0]));
	return true;
}

static bool
apply(struct node *doc, const char *path, size_t len, enum diff_kind kind,
    const struct node *value, struct dm_arena *a)
{
	const char *s = path, *end = path + len;
	struct node *k = doc;

	if (s == end || *s++ != '$')
		return false;
	if (s == end && kind == DIFF_REPLACE) {
		*doc = *value;
		return true;
	}
	while (s < end) {
		struct leg leg;
		bool found;
		size_t i;

		if (!read_leg(&s, end, a, &leg) || !open_node(k, a) ||
		    k->object != leg.member)
			return false;
		if (s == end)
			return change_item(k, &leg, kind, value, a);
		i = find_item(k, &leg, &found);
		if (!found)
			return false;
		k = &k->items[i].value;
	}
	return false;
}

/* ---- printing ---- */

static void
put_node(struct dm_json_out *o, const struct node *k, unsigned depth)
{
	if (!k->open) {
		dm_json_put_value_(o, k->type, k->bytes, depth);
		return;
	}
	if (depth > DM_JSON_DEPTH_MAX)
		o->failed = true;
	dm_json_put_(o, k->object ? "{" : "[", 1);
	for (size_t i = 0; i < k->n && !o->failed; i++) {
		const struct item *x = &k->items[i];

		if (i > 0)
			dm_json_put_(o, ", ", 2);
		if (k->object) {
			dm_json_put_string_(o, x->key, x->key_len);
			dm_json_put_(o, ": ", 2);
		}
		put_node(o, &x->value, depth + 1);
	}
	dm_json_put_(o, k->object ? "}" : "]", 1);
}

/* A length and so many bytes. */
static const uint8_t *
read_part(struct dm_cursor *c, size_t *n)
{
	*n = (size_t)dm_cursor_lenenc(c);
	return c->failed ? NULL : dm_cursor_bytes(c, *n);
}

bool
dm_json_patch_(const uint8_t *p, size_t n, struct dm_cursor diffs,
    struct dm_arena *a, const char **text, size_t *len)
{
	struct dm_json_out o = dm_json_out_(a, n + dm_cursor_left(&diffs));
	struct node doc = { .bytes = dm_cursor_of(p, n) };

	if (n == 0)
		return false;
	doc.type = dm_cursor_u8(&doc.bytes);
	while (dm_cursor_left(&diffs) > 0) {
		uint8_t kind = dm_cursor_u8(&diffs);
		struct node value = { 0 };
		size_t path_len, size;
		const uint8_t *path = read_part(&diffs, &path_len);

		if (path == NULL || kind > DIFF_REMOVE)
			return false;
		if (kind != DIFF_REMOVE) {
			const uint8_t *bytes = read_part(&diffs, &size);

			if (bytes == NULL || size == 0)
				return false;
			value.bytes = dm_cursor_of(bytes, size);
			value.type = dm_cursor_u8(&value.bytes);
		}
		if (!apply(&doc, (const char *)path, path_len,
			(enum diff_kind)kind, &value, a))
			return false;
	}
	put_node(&o, &doc, 1);
	return dm_json_end_(&o, text, len);
}
