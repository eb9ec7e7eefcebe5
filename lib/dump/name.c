/* SPDX-License-Identifier: Apache-2.0 */
/* The names of a dump's files: see name.h. */
#include "lib/dump/name.h"

#include <string.h>
#include <strings.h>

static const char schema_word[] = "-schema";

static const struct {
	const char *end;
	enum dm_dump_kind kind;
} endings[] = {
	/* Longer ones first: the last two end many others. */
	{ "-schema-create.sql", DM_DUMP_DATABASE },
	{ "-schema-view.sql", DM_DUMP_VIEW },
	{ "-schema-triggers.sql", DM_DUMP_OTHER },
	{ "-schema-post.sql", DM_DUMP_OTHER },
	{ "-schema-sequence.sql", DM_DUMP_SEQUENCE },
	{ "-schema.sql", DM_DUMP_TABLE },
	{ ".sql", DM_DUMP_ROWS_SQL },
	{ ".csv", DM_DUMP_ROWS_CSV },
};

const char *
dm_dump_suffix(enum dm_dump_compress c)
{
	switch (c) {
	case DM_DUMP_PLAIN:
		return "";
	case DM_DUMP_GZIP:
		return ".gz";
	case DM_DUMP_ZSTD:
		return ".zst";
	}
	return "";
}

static bool
must_escape(const char *at)
{
	if ((unsigned char)*at < 0x20 || strchr("%\"*./:<>?\\|", *at) != NULL)
		return true;
	return strncasecmp(at, schema_word, sizeof(schema_word) - 1) == 0;
}

char *
dm_dump_name_escape(const char *name)
{
	GString *s = g_string_new(NULL);

	for (; *name != '\0'; name++) {
		if (must_escape(name))
			g_string_append_printf(
			    s, "%%%02X", (unsigned)(unsigned char)*name);
		else
			g_string_append_c(s, *name);
	}
	return g_string_free(s, FALSE);
}

/* A '%' that is not followed by two digits stands for itself: mydumper writes
 * names as they are. */
static char *
unescape(const char *text, size_t len)
{
	GString *s = g_string_new(NULL);

	for (size_t i = 0; i < len; i++) {
		if (text[i] == '%' && i + 2 < len &&
		    g_ascii_isxdigit(text[i + 1]) &&
		    g_ascii_isxdigit(text[i + 2])) {
			int c = g_ascii_xdigit_value(text[i + 1]) * 16 +
				g_ascii_xdigit_value(text[i + 2]);

			if (c != 0) {
				g_string_append_c(s, (char)c);
				i += 2;
				continue;
			}
		}
		g_string_append_c(s, text[i]);
	}
	return g_string_free(s, FALSE);
}

/* Cuts ".gz" or ".zst". */
static size_t
cut_compression(const char *file, enum dm_dump_compress *c)
{
	static const enum dm_dump_compress all[] = { DM_DUMP_GZIP,
		DM_DUMP_ZSTD };

	for (size_t i = 0; i < DM_ARRAY_SIZE(all); i++) {
		if (!g_str_has_suffix(file, dm_dump_suffix(all[i])))
			continue;
		*c = all[i];
		return strlen(file) - strlen(dm_dump_suffix(all[i]));
	}
	*c = DM_DUMP_PLAIN;
	return strlen(file);
}

/* "db.table" or, for rows, "db.table.index". */
static bool
split_table(const char *text, size_t len, struct dm_dump_name *out)
{
	const char *dot = memchr(text, '.', len), *table;
	size_t n;

	if (dot == NULL || dot == text || dot + 1 == text + len)
		return false;
	table = dot + 1;
	n = len - (size_t)(table - text);
	if (out->kind == DM_DUMP_ROWS_SQL || out->kind == DM_DUMP_ROWS_CSV) {
		const char *index = memrchr(table, '.', n);
		size_t digits =
		    index == NULL ? 0 : n - (size_t)(index + 1 - table);

		if (index != NULL && index > table && digits > 0 &&
		    strspn(index + 1, "0123456789") >= digits)
			n = (size_t)(index - table);
	}
	out->db = unescape(text, (size_t)(dot - text));
	out->table = unescape(table, n);
	return true;
}

bool
dm_dump_name_parse(const char *file, struct dm_dump_name *out)
{
	size_t len;

	*out = (struct dm_dump_name){ 0 };
	if (strcmp(file, "metadata") == 0) {
		out->kind = DM_DUMP_METADATA;
		return true;
	}
	len = cut_compression(file, &out->compress);
	for (size_t i = 0; i < DM_ARRAY_SIZE(endings); i++) {
		size_t n = strlen(endings[i].end);

		if (len <= n || memcmp(file + len - n, endings[i].end, n) != 0)
			continue;
		out->kind = endings[i].kind;
		if (out->kind == DM_DUMP_DATABASE)
			out->db = unescape(file, len - n);
		else if (out->kind == DM_DUMP_OTHER ||
			 !split_table(file, len - n, out))
			out->kind = DM_DUMP_OTHER;
		break;
	}
	return out->kind != DM_DUMP_OTHER;
}

void
dm_dump_name_clear(struct dm_dump_name *n)
{
	g_clear_pointer(&n->db, g_free);
	g_clear_pointer(&n->table, g_free);
}

bool
dm_dump_name_is_ours(const char *file)
{
	static const char *const others[] = { "metadata.tmp",
		"metadata.partial", "tidb_lightning_checkpoint.pb" };
	struct dm_dump_name n;
	bool ours = dm_dump_name_parse(file, &n);

	dm_dump_name_clear(&n);
	for (size_t i = 0; !ours && i < DM_ARRAY_SIZE(others); i++)
		ours = strcmp(file, others[i]) == 0;
	return ours || g_str_has_suffix(file, "-schema-triggers.sql") ||
	       g_str_has_suffix(file, "-schema-post.sql") ||
	       g_str_has_suffix(file, "-metadata");
}
