/* SPDX-License-Identifier: Apache-2.0 */
/* Character sets and collations by name. */
#include "lib/schema/charset.h"

#include <string.h>

struct charset {
	const char *name;
	int max_bytes;
	/* Default collations of MySQL 5.7 and MariaDB, of MySQL 8. */
	const char *collations[2];
};

static const struct charset charsets[] = {
	{ "armscii8", 1, { "armscii8_general_ci" } },
	{ "ascii", 1, { "ascii_general_ci" } },
	{ "big5", 2, { "big5_chinese_ci" } },
	{ "binary", 1, { "binary" } },
	{ "cp1250", 1, { "cp1250_general_ci" } },
	{ "cp1251", 1, { "cp1251_general_ci" } },
	{ "cp1256", 1, { "cp1256_general_ci" } },
	{ "cp1257", 1, { "cp1257_general_ci" } },
	{ "cp850", 1, { "cp850_general_ci" } },
	{ "cp852", 1, { "cp852_general_ci" } },
	{ "cp866", 1, { "cp866_general_ci" } },
	{ "cp932", 2, { "cp932_japanese_ci" } },
	{ "dec8", 1, { "dec8_swedish_ci" } },
	{ "eucjpms", 3, { "eucjpms_japanese_ci" } },
	{ "euckr", 2, { "euckr_korean_ci" } },
	{ "gb18030", 4, { "gb18030_chinese_ci" } },
	{ "gb2312", 2, { "gb2312_chinese_ci" } },
	{ "gbk", 2, { "gbk_chinese_ci" } },
	{ "geostd8", 1, { "geostd8_general_ci" } },
	{ "greek", 1, { "greek_general_ci" } },
	{ "hebrew", 1, { "hebrew_general_ci" } },
	{ "hp8", 1, { "hp8_english_ci" } },
	{ "keybcs2", 1, { "keybcs2_general_ci" } },
	{ "koi8r", 1, { "koi8r_general_ci" } },
	{ "koi8u", 1, { "koi8u_general_ci" } },
	{ "latin1", 1, { "latin1_swedish_ci" } },
	{ "latin2", 1, { "latin2_general_ci" } },
	{ "latin5", 1, { "latin5_turkish_ci" } },
	{ "latin7", 1, { "latin7_general_ci" } },
	{ "macce", 1, { "macce_general_ci" } },
	{ "macroman", 1, { "macroman_general_ci" } },
	{ "sjis", 2, { "sjis_japanese_ci" } },
	{ "swe7", 1, { "swe7_swedish_ci" } },
	{ "tis620", 1, { "tis620_thai_ci" } },
	{ "ucs2", 2, { "ucs2_general_ci", "ucs2_uca1400_ai_ci" } },
	{ "ujis", 3, { "ujis_japanese_ci" } },
	{ "utf16", 4, { "utf16_general_ci", "utf16_uca1400_ai_ci" } },
	{ "utf16le", 4, { "utf16le_general_ci" } },
	{ "utf32", 4, { "utf32_general_ci", "utf32_uca1400_ai_ci" } },
	{ "utf8", 3, { "utf8_general_ci", "utf8_uca1400_ai_ci" } },
	{ "utf8mb4", 4, { "utf8mb4_general_ci", "utf8mb4_0900_ai_ci" } },
};

/* MariaDB's since 11.5, and TiDB's. */
static const char *const utf8mb4_defaults[] = { "utf8mb4_uca1400_ai_ci",
	"utf8mb4_bin" };

static const char *
short_name(const char *charset)
{
	return strcmp(charset, "utf8mb3") == 0 ? "utf8" : charset;
}

static const struct charset *
find(const char *name)
{
	for (size_t i = 0; i < DM_ARRAY_SIZE(charsets); i++) {
		if (strcmp(charsets[i].name, short_name(name)) == 0)
			return &charsets[i];
	}
	return NULL;
}

int
dm_charset_max_bytes(const char *charset)
{
	const struct charset *c = find(charset);

	return c == NULL ? 4 : c->max_bytes;
}

char *
dm_charset_of_collation(const char *collation)
{
	const char *end = strchr(collation, '_');
	g_autofree char *name = NULL;

	if (strcmp(collation, "binary") == 0)
		return g_strdup("binary");
	if (end == NULL)
		return NULL;
	name = g_strndup(collation, (gsize)(end - collation));
	return find(name) == NULL ? NULL : DM_TAKE(name);
}

bool
dm_charset_same(const char *a, const char *b)
{
	if (a == NULL || b == NULL)
		return true;
	return strcmp(short_name(a), short_name(b)) == 0;
}

static const char *
skip_charset(const char *collation)
{
	if (g_str_has_prefix(collation, "utf8mb3_"))
		return collation + strlen("utf8mb3");
	if (g_str_has_prefix(collation, "utf8_"))
		return collation + strlen("utf8");
	return collation;
}

static bool
is_default(const char *charset, const char *collation)
{
	const struct charset *c = charset == NULL ? NULL : find(charset);

	if (c == NULL)
		return true;
	for (size_t i = 0; i < DM_ARRAY_SIZE(c->collations); i++) {
		if (c->collations[i] != NULL &&
		    strcmp(skip_charset(c->collations[i]),
			skip_charset(collation)) == 0)
			return true;
	}
	for (size_t i = 0; i < DM_ARRAY_SIZE(utf8mb4_defaults); i++) {
		if (strcmp(utf8mb4_defaults[i], collation) == 0)
			return true;
	}
	return false;
}

bool
dm_collation_same(const char *charset, const char *a, const char *b)
{
	if (a == NULL && b == NULL)
		return true;
	if (a == NULL || b == NULL)
		return is_default(charset, a == NULL ? b : a);
	return strcmp(skip_charset(a), skip_charset(b)) == 0;
}
