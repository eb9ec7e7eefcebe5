/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Text of GTID sets: see gtid.h.
 *
 * FORMAT. MySQL: uuid[:tag]:range[:range][:tag:range]..., sources separated by
 * commas; a range is n or n-m; a tag holds for the ranges behind it. MariaDB:
 * domain-server-sequence, separated by commas.
 * SOURCE: dm/pkg/gtid/gtid.go.
 */
#include "lib/binlog/gtid_int.h"

#include <errno.h>
#include <string.h>

#define UUID_TEXT_LEN 36

bool
dm_gtid_tag_is_valid_(const char *tag, size_t len)
{
	if (len == 0 || len > DM_GTID_TAG_MAX || g_ascii_isdigit(tag[0]))
		return false;
	for (size_t i = 0; i < len; i++) {
		if (!g_ascii_isalnum(tag[i]) && tag[i] != '_')
			return false;
	}
	return true;
}

static bool
parse_uuid(const char *s, uint8_t uuid[16])
{
	unsigned n = 0;

	if (strlen(s) != UUID_TEXT_LEN)
		return false;
	while (n < 16) {
		int high, low;

		if (n == 4 || n == 6 || n == 8 || n == 10) {
			if (*s++ != '-')
				return false;
		}
		high = g_ascii_xdigit_value(s[0]);
		low = g_ascii_xdigit_value(s[1]);
		if (high < 0 || low < 0)
			return false;
		uuid[n++] = (uint8_t)(high << 4 | low);
		s += 2;
	}
	return true;
}

static bool
parse_number(const char **s, uint64_t max, uint64_t *n)
{
	char *end;

	if (!g_ascii_isdigit(**s))
		return false;
	errno = 0;
	*n = g_ascii_strtoull(*s, &end, 10);
	*s = end;
	return errno == 0 && *n <= max;
}

/* "n" or "n-m"; a range that begins at 0 is empty, as in DM. */
static bool
parse_range(const char *s, struct dm_gtid_range *r)
{
	uint64_t first, last;

	if (!parse_number(&s, DM_GNO_END - 1, &first))
		return false;
	last = first;
	if (*s == '-') {
		s++;
		if (!parse_number(&s, DM_GNO_END - 1, &last) || last < first)
			return false;
	}
	r->first = (int64_t)first;
	r->end = first == 0 ? 0 : (int64_t)last + 1;
	return *s == '\0';
}

static bool
parse_sid(struct dm_gtid_set *set, const char *text)
{
	g_auto(GStrv) parts = g_strsplit(text, ":", -1);
	g_autofree char *tag = g_strdup("");
	struct dm_gtid_range r;
	uint8_t uuid[16];
	bool ends_in_range = false;

	if (parts[0] == NULL || !parse_uuid(parts[0], uuid))
		return false;
	for (size_t i = 1; parts[i] != NULL; i++) {
		ends_in_range = parse_range(parts[i], &r);
		if (ends_in_range && r.first < r.end) {
			dm_gtid_add_range_(set, uuid, tag, r);
		} else if (!ends_in_range) {
			if (!dm_gtid_tag_is_valid_(parts[i], strlen(parts[i])))
				return false;
			g_free(tag);
			tag = g_ascii_strdown(parts[i], -1);
		}
	}
	return ends_in_range;
}

/* A domain that is named twice (with two servers, as in gtid_binlog_state)
 * stands at the higher number. */
static bool
parse_domain(struct dm_gtid_set *set, const char *s)
{
	DM_AUTO(dm_gtid_set) one = dm_gtid_set_new(DM_FLAVOR_MARIADB);
	uint64_t domain, server, seq;

	if (!parse_number(&s, UINT32_MAX, &domain) || *s++ != '-' ||
	    !parse_number(&s, UINT32_MAX, &server) || *s++ != '-' ||
	    !parse_number(&s, UINT64_MAX, &seq) || *s != '\0')
		return false;
	if (seq == 0) /* "0-0-0": nothing yet */
		return true;
	dm_gtid_set_add_mariadb(one, (uint32_t)domain, (uint32_t)server, seq);
	dm_gtid_set_union(set, one);
	return true;
}

static char *
without_blanks(const char *text)
{
	GString *s = g_string_new(NULL);

	for (; *text != '\0'; text++) {
		if (!g_ascii_isspace(*text))
			g_string_append_c(s, *text);
	}
	return g_string_free(s, FALSE);
}

static struct dm_gtid_set *
parse_as(enum dm_flavor flavor, const char *text)
{
	g_auto(GStrv) items = g_strsplit(text, ",", -1);
	DM_AUTO(dm_gtid_set) set = dm_gtid_set_new(flavor);

	for (size_t i = 0; items[i] != NULL; i++) {
		/* MySQL leaves empty items behind when it edits a set. */
		if (items[i][0] == '\0')
			continue;
		if (flavor == DM_FLAVOR_MYSQL ? !parse_sid(set, items[i])
					      : !parse_domain(set, items[i]))
			return NULL;
	}
	return DM_TAKE(set);
}

struct dm_err *
dm_gtid_set_parse(
    enum dm_flavor flavor, const char *text, struct dm_gtid_set **out)
{
	g_autofree char *dense = without_blanks(text);
	struct dm_gtid_set *set = NULL;

	if (flavor != DM_FLAVOR_MARIADB)
		set = parse_as(DM_FLAVOR_MYSQL, dense);
	if (set == NULL && flavor != DM_FLAVOR_MYSQL)
		set = parse_as(DM_FLAVOR_MARIADB, dense);
	if (set == NULL)
		return dm_err_new(PARSE_GTID, text);
	/* An empty text tells nothing of the flavor. */
	if (flavor == DM_FLAVOR_ANY && dense[0] == '\0')
		set->flavor = DM_FLAVOR_ANY;
	*out = set;
	return NULL;
}

static void
append_uuid(GString *s, const uint8_t uuid[16])
{
	for (unsigned i = 0; i < 16; i++) {
		if (i == 4 || i == 6 || i == 8 || i == 10)
			g_string_append_c(s, '-');
		g_string_append_printf(s, "%02x", uuid[i]);
	}
}

static void
append_ranges(GString *s, const struct dm_gtid_sid *sid)
{
	if (sid->tag[0] != '\0')
		g_string_append_printf(s, ":%s", sid->tag);
	for (unsigned i = 0; i < sid->ranges->len; i++) {
		const struct dm_gtid_range *r =
		    &g_array_index(sid->ranges, struct dm_gtid_range, i);

		g_string_append_printf(s, ":%" PRId64, r->first);
		if (r->end > r->first + 1)
			g_string_append_printf(s, "-%" PRId64, r->end - 1);
	}
}

char *
dm_gtid_set_text(const struct dm_gtid_set *set)
{
	GString *s = g_string_new(NULL);
	const struct dm_gtid_sid *last = NULL;

	for (unsigned i = 0; i < set->sids->len; i++) {
		const struct dm_gtid_sid *sid =
		    &g_array_index(set->sids, struct dm_gtid_sid, i);

		/* The tags of one server share its uuid. */
		if (last == NULL || memcmp(last->uuid, sid->uuid, 16) != 0) {
			if (s->len > 0)
				g_string_append_c(s, ',');
			append_uuid(s, sid->uuid);
		}
		append_ranges(s, sid);
		last = sid;
	}
	for (unsigned i = 0; i < set->domains->len; i++) {
		const struct dm_gtid_domain *d =
		    &g_array_index(set->domains, struct dm_gtid_domain, i);

		g_string_append_printf(s, "%s%u-%u-%" PRIu64,
		    s->len > 0 ? "," : "", d->domain, d->server, d->seq);
	}
	return g_string_free(s, FALSE);
}
