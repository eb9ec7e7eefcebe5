/* SPDX-License-Identifier: Apache-2.0 */
/* The suite of lib/binlog/group.c. */
#include "lib/binlog/group.h"

#include "test/unit/lib/binlog/fixture.h"

/* Events as words: "m" and "s" are MariaDB's GTID events, of a transaction and
 * of a statement alone; "g", "a", "t" MySQL's; "r" rows, "x" XID, "p"
 * XA_PREPARE, "z" a payload, "i" an incident, "f" a rotate, "u" a filler;
 * others are queries. After each, what it is: head H, body B, end E, none N. */
static const char *const groups[] = {
	"m H|r B|x E|f N",
	"m H|r B|COMMIT E",
	"m H|r B|SAVEPOINT a B|r B|ROLLBACK TO a B|x E",
	"m H|CREATE TABLE t (a INT) B|r B|x E",
	"m H|r B|XA END X'31',X'',1 B|p E",
	"m H|r B|ROLLBACK E",
	"s H|XA COMMIT X'31',X'',1 E",
	"s H|DROP TABLE t E|s H|CREATE TABLE begin_x (a INT) E",
	"m H|r B|m H|r B|x E",
	"m H|r B|f N|m H|x E",
	"g H|BEGIN B|r B|x E",
	"g H|BEGIN B|CREATE TABLE t (a INT) START TRANSACTION B|r B|x E",
	"g H|ALTER TABLE t ADD b INT E",
	"g H|CREATE TABLE committed (a INT) E",
	"g H|XA START X'31',X'',1 B|r B|XA END X'31',X'',1 B|p E",
	"g H|XA ROLLBACK X'31',X'',1 E",
	"g H|z E",
	"a H|BEGIN B|r B|COMMIT E",
	"t H|BEGIN B|r B|rollback E",
	"BEGIN H|r B|x E|DROP TABLE t E",
	"r B|r B|x E",
	"BEGIN H|r B|BEGIN H|r B|x E",
	"i E",
	"m H|u B|r B|x E|u N|m H|x E",
	"u N|BEGIN H|u B|r B|x E",
};

static GByteArray *
query_body(const char *sql)
{
	GByteArray *b = g_byte_array_new();
	uint8_t head[14] = { 0 };

	g_byte_array_append(b, head, sizeof(head));
	g_byte_array_append(b, (const uint8_t *)sql, (guint)strlen(sql));
	return b;
}

static uint8_t
type_of(const char *word)
{
	static const struct {
		char sign;
		uint8_t type;
	} types[] = { { 'm', DM_EV_MARIADB_GTID }, { 's', DM_EV_MARIADB_GTID },
		{ 'g', DM_EV_GTID }, { 'a', DM_EV_ANONYMOUS_GTID },
		{ 't', DM_EV_GTID_TAGGED }, { 'r', DM_EV_WRITE_ROWS_V1 },
		{ 'x', DM_EV_XID }, { 'p', DM_EV_XA_PREPARE },
		{ 'z', DM_EV_TRANSACTION_PAYLOAD }, { 'i', DM_EV_INCIDENT },
		{ 'f', DM_EV_ROTATE }, { 'u', DM_EV_USER_VAR } };

	for (size_t i = 0; word[1] == '\0' && i < DM_ARRAY_SIZE(types); i++) {
		if (types[i].sign == word[0])
			return types[i].type;
	}
	return DM_EV_QUERY;
}

static char
take(struct dm_group *g, const char *word)
{
	struct dm_binlog_format format = { 0 };
	struct dm_event_header h = { .type = type_of(word),
		.server_id = word[0] == 'u' ? 0 : 1 };
	g_autoptr(GByteArray) body = NULL;

	if (h.type == DM_EV_MARIADB_GTID) {
		uint8_t gtid[19] = { 1 };

		gtid[12] = word[0] == 's'; /* FL_STANDALONE */
		body = g_byte_array_new();
		g_byte_array_append(body, gtid, sizeof(gtid));
	} else {
		body = query_body(word);
	}
	return "NHBE"[dm_group_take(g, &format, &h, body->data, body->len)];
}

START_TEST(groups_begin_and_end)
{
	g_auto(GStrv) words = g_strsplit(groups[_i], "|", -1);
	struct dm_group g = { 0 };

	for (char **w = words; *w != NULL; w++) {
		char *is = strrchr(*w, ' ') + 1;

		is[-1] = '\0';
		ck_assert_msg(
		    take(&g, *w) == *is, "%s: %s in %s", *w, is, groups[_i]);
		ck_assert_int_eq(g.open, *is == 'H' || *is == 'B');
	}
}
END_TEST

START_TEST(what_events_say_of_gtids_is_added)
{
	DM_AUTO(dm_gtid_set)
	set = dm_gtid_set_new(_i == 0 ? DM_FLAVOR_MARIADB : DM_FLAVOR_MYSQL);
	g_autofree char *text = NULL;
	struct fixture f;
	unsigned events = 0;

	fixture_open(&f, _i == 0 ? "mariadb-10.11.binlog" : "mysql-9.7.binlog");
	while (fixture_next(&f)) {
		must(dm_gtid_set_add_event(set, &f.h, f.body, f.body_len));
		events += dm_event_is_gtid(f.h.type);
	}
	fixture_close(&f);
	ck_assert_uint_gt(events, 0);
	text = dm_gtid_set_text(set);
	ck_assert_msg(
	    g_regex_match_simple(
		_i == 0 ? "^0-[0-9]+-[0-9]+$" : "^[0-9a-f-]{36}:", text, 0, 0),
	    "%s", text);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("lib/binlog/group");
	TCase *tc = tcase_create("group");

	tcase_add_loop_test(
	    tc, groups_begin_and_end, 0, (int)DM_ARRAY_SIZE(groups));
	tcase_add_loop_test(tc, what_events_say_of_gtids_is_added, 0, 2);
	suite_add_tcase(s, tc);
	return run_suite(s);
}
