/* SPDX-License-Identifier: Apache-2.0 */
/* The file `metadata` of a dump: see metadata.h. */
#include "lib/dump/metadata.h"

#include <inttypes.h>
#include <string.h>

#define AFTER_MARK "/* AFTER CONNECTION POOL ESTABLISHED */"

/* Our own block. Other readers pass over it. */
#define LOOSE_HEAD "TABLES WITHOUT TRANSACTIONS, AS OF:"

/* What the lines that follow belong to. */
struct parser {
	struct dm_dump_location *to; /* NULL: of no interest */
	bool in_gtid;                /* lines go on with it */
	GString *gtid;
	GHashTable *tables;     /* as `to` is; NULL: of no interest */
	bool started, finished; /* what a tool writes first and last */
};

void
dm_dump_metadata_clear(struct dm_dump_metadata *m)
{
	g_clear_pointer(&m->at.gtid, g_free);
	g_clear_pointer(&m->after.gtid, g_free);
	g_clear_pointer(&m->loose.gtid, g_free);
	g_clear_pointer(&m->loose_tables, g_hash_table_unref);
}

/* The value behind key and sep in line, without blanks and quotes; new string,
 * NULL: another key. */
static char *
value_of(const char *line, const char *key, char sep)
{
	size_t n = strlen(key);
	char *v;

	if (g_ascii_strncasecmp(line, key, n) != 0)
		return NULL;
	line += n;
	line += strspn(line, " \t");
	if (*line != sep)
		return NULL;
	v = g_strstrip(g_strdup(line + 1));
	n = strlen(v);
	if (n >= 2 && (v[0] == '"' || v[0] == '\'') && v[n - 1] == v[0]) {
		memmove(v, v + 1, n - 2);
		v[n - 2] = '\0';
	}
	return v;
}

static void
end_gtid(struct parser *p)
{
	if (p->to != NULL && p->in_gtid) {
		g_free(p->to->gtid);
		p->to->gtid = g_strdup(p->gtid->str);
	}
	p->in_gtid = false;
	g_string_truncate(p->gtid, 0);
}

/* A head of a block; false: it is none. */
static bool
take_head(struct parser *p, const char *line, struct dm_dump_metadata *m)
{
	GHashTable *tables = p->tables;

	p->tables = NULL;
	if (strcmp(line, LOOSE_HEAD) == 0) {
		p->to = &m->loose;
		if (m->loose_tables == NULL)
			m->loose_tables = g_hash_table_new_full(
			    g_str_hash, g_str_equal, g_free, NULL);
		p->tables = m->loose_tables;
		return true;
	}
	if (g_str_has_prefix(line, "SHOW MASTER STATUS:") ||
	    g_str_has_prefix(line, "SHOW BINARY LOG STATUS:")) {
		p->to = strstr(line, AFTER_MARK) != NULL ? &m->after : &m->at;
		return true;
	}
	if (strcmp(line, "[master]") == 0 || strcmp(line, "[source]") == 0) {
		p->to = &m->at;
		return true;
	}
	if (line[0] == '[' || g_str_has_prefix(line, "SHOW ")) {
		p->to = NULL; /* of a replica, of a table */
		return true;
	}
	p->tables = tables;
	return false;
}

/* The first and the last line, in the words of all tools. */
static bool
take_time(struct parser *p, const char *line)
{
	line += strspn(line, "# ");
	if (g_str_has_prefix(line, "Started dump at"))
		p->started = true;
	else if (g_str_has_prefix(line, "Finished dump at"))
		p->finished = true;
	else
		return false;
	return true;
}

static bool
take_pos(struct dm_dump_location *to, const char *text)
{
	guint64 n;

	if (!g_ascii_string_to_unsigned(text, 10, 0, INT64_MAX, &n, NULL))
		return false;
	to->pos.pos = n;
	to->has_pos = true;
	return true;
}

/* Within a block. False: the value is not one. */
static bool
take_line(struct parser *p, const char *line)
{
	static const struct {
		const char *key;
		char sep, what;
	} keys[] = { { "Log", ':', 'f' }, { "Pos", ':', 'p' },
		{ "GTID", ':', 'g' }, { "File", '=', 'f' },
		{ "Position", '=', 'p' }, { "Executed_Gtid_Set", '=', 'g' } };
	struct dm_dump_location *to = p->to;
	char *table = p->tables == NULL ? NULL : value_of(line, "Table", ':');

	if (table != NULL) {
		g_hash_table_add(p->tables, table);
		return true;
	}
	for (size_t i = 0; i < DM_ARRAY_SIZE(keys); i++) {
		g_autofree char *v = value_of(line, keys[i].key, keys[i].sep);

		if (v == NULL)
			continue;
		if (keys[i].what == 'g') {
			g_string_assign(p->gtid, v);
			p->in_gtid = true;
			return true;
		}
		if (keys[i].what == 'p')
			return take_pos(to, v);
		if (strlen(v) > DM_BINLOG_NAME_MAX)
			return false;
		to->pos = dm_pos_make(v, to->pos.pos);
		to->there = v[0] != '\0';
		return true;
	}
	return true;
}

static struct dm_err *
bad_line(const char *path, const char *line)
{
	g_autofree char *shown = g_utf8_make_valid(line, -1);

	return dm_err_new(
	    PARSE_MYDUMPER_META, "not a binlog location", path, shown);
}

static struct dm_err *
parse_lines(const char *path, char *const *lines, struct parser *p,
    struct dm_dump_metadata *m)
{
	for (size_t i = 0; lines[i] != NULL; i++) {
		char *line = g_strstrip(lines[i]);

		if (line[0] == '\0') {
			end_gtid(p);
			continue;
		}
		/* Sets of several servers are on several lines. */
		if (p->in_gtid && p->gtid->len > 0 &&
		    p->gtid->str[p->gtid->len - 1] == ',') {
			g_string_append(p->gtid, line);
			continue;
		}
		end_gtid(p);
		if (take_time(p, line) || take_head(p, line, m) ||
		    p->to == NULL)
			continue;
		if (!take_line(p, line))
			return bad_line(path, line);
	}
	end_gtid(p);
	return NULL;
}

/* A tool that is killed, or a disk that is full, leaves the first lines. */
static struct dm_err *
check_whole(
    const char *path, const struct parser *p, const struct dm_dump_metadata *m)
{
	const struct dm_dump_location *const all[] = { &m->at, &m->after,
		&m->loose };
	bool whole = p->finished || !p->started;

	for (size_t i = 0; i < DM_ARRAY_SIZE(all); i++)
		whole = whole && (!all[i]->there || all[i]->has_pos);
	if (whole)
		return NULL;
	return dm_err_set_workaround(
	    dm_err_new(PARSE_MYDUMPER_META, "it is cut off", path, ""),
	    "the dump did not come to its end, or the file was not copied "
	    "whole: let the dump tool finish and copy the folder again, or "
	    "dump anew; then `resume-task`");
}

struct dm_err *
dm_dump_metadata_parse(
    const char *path, const char *text, size_t len, struct dm_dump_metadata *m)
{
	g_autofree char *copy = g_strndup(text, len);
	g_auto(GStrv) lines = g_strsplit(copy, "\n", -1);
	struct parser p = { .gtid = g_string_new(NULL) };
	struct dm_err *err;

	*m = (struct dm_dump_metadata){ 0 };
	err = strlen(copy) == len ? parse_lines(path, lines, &p, m)
				  : bad_line(path, "a NUL byte");
	if (err == NULL)
		err = check_whole(path, &p, m);
	g_string_free(p.gtid, TRUE);
	if (err != NULL)
		dm_dump_metadata_clear(m);
	return err;
}

static void
append_loose(GString *s, const struct dm_dump_metadata *m)
{
	g_autoptr(GList) names = NULL;

	if (!m->loose.there || m->loose_tables == NULL)
		return;
	g_string_append_printf(s,
	    LOOSE_HEAD "\n\tLog: %s\n\tPos: %" PRIu64 "\n", m->loose.pos.name,
	    m->loose.pos.pos);
	names = g_list_sort(
	    g_hash_table_get_keys(m->loose_tables), (GCompareFunc)strcmp);
	for (const GList *n = names; n != NULL; n = n->next)
		g_string_append_printf(
		    s, "\tTable: %s\n", (const char *)n->data);
	g_string_append_c(s, '\n');
}

static void
append_location(GString *s, const char *status, const char *mark,
    const struct dm_dump_location *l)
{
	if (!l->there)
		return;
	g_string_append_printf(s,
	    "%s:%s\n\tLog: %s\n\tPos: %" PRIu64 "\n\tGTID:%s\n\n", status, mark,
	    l->pos.name, l->pos.pos, l->gtid == NULL ? "" : l->gtid);
}

char *
dm_dump_metadata_text(const struct dm_dump_metadata *m, const char *status,
    const char *started, const char *finished)
{
	GString *s = g_string_new(NULL);

	g_string_append_printf(s, "Started dump at: %s\n", started);
	append_location(s, status, "", &m->at);
	append_location(s, status, " " AFTER_MARK, &m->after);
	append_loose(s, m);
	g_string_append_printf(s, "Finished dump at: %s\n", finished);
	return g_string_free(s, FALSE);
}
