/* SPDX-License-Identifier: Apache-2.0 */
/* XA transactions in the binlog: see xa.h. */
#include "lib/binlog/xa.h"

#include "lib/base/cursor.h"
#include "lib/binlog/wire.h"

#include <glib.h>
#include <string.h>

static void
append_hex(GString *s, const uint8_t *p, size_t n)
{
	g_string_append(s, "X'");
	for (size_t i = 0; i < n; i++)
		g_string_append_printf(s, "%02x", p[i]);
	g_string_append_c(s, '\'');
}

static void
set_text(struct dm_xid *xid, const uint8_t *gtrid, size_t gtrid_len,
    const uint8_t *bqual, size_t bqual_len, uint32_t format)
{
	g_autoptr(GString) s = g_string_new(NULL);

	append_hex(s, gtrid, gtrid_len);
	g_string_append_c(s, ',');
	append_hex(s, bqual, bqual_len);
	g_string_append_printf(s, ",%u", format);
	g_strlcpy(xid->text, s->str, sizeof(xid->text));
}

struct dm_err *
dm_xa_prepare_decode(
    const uint8_t *body, size_t len, bool *one_phase, struct dm_xid *xid)
{
	struct dm_cursor c = dm_cursor_of(body, len);
	uint8_t one = dm_cursor_u8(&c);
	uint32_t format = dm_cursor_u32(&c);
	uint32_t gtrid_len = dm_cursor_u32(&c);
	uint32_t bqual_len = dm_cursor_u32(&c);
	const uint8_t *gtrid, *bqual;

	if (gtrid_len > DM_XID_PART_MAX || bqual_len > DM_XID_PART_MAX)
		return dm_ev_error_("the id of an XA transaction is too long");
	gtrid = dm_cursor_bytes(&c, gtrid_len);
	bqual = dm_cursor_bytes(&c, bqual_len);
	if (c.failed)
		return dm_ev_error_("XA prepare event is cut short");
	*one_phase = one != 0;
	set_text(xid, gtrid, gtrid_len, bqual, bqual_len, format);
	return NULL;
}

/* ---- statements ---- */

static void
skip_blanks(const char **p)
{
	while (**p == ' ')
		(*p)++;
}

static bool
accept(const char **p, const char *word)
{
	size_t n = strlen(word);

	skip_blanks(p);
	if (g_ascii_strncasecmp(*p, word, n) != 0)
		return false;
	*p += n;
	return true;
}

/* X'..' into at most DM_XID_PART_MAX bytes. */
static bool
take_hex(const char **p, uint8_t *out, size_t *n)
{
	if (!accept(p, "X'"))
		return false;
	for (*n = 0; **p != '\''; (*n)++) {
		int hi = g_ascii_xdigit_value((*p)[0]), lo;

		if (hi < 0 || *n >= DM_XID_PART_MAX)
			return false;
		lo = g_ascii_xdigit_value((*p)[1]);
		if (lo < 0)
			return false;
		out[*n] = (uint8_t)(hi * 16 + lo);
		*p += 2;
	}
	(*p)++;
	return true;
}

static bool
take_number(const char **p, uint32_t *value)
{
	uint64_t v = 0;

	skip_blanks(p);
	if (!g_ascii_isdigit(**p))
		return false;
	for (; g_ascii_isdigit(**p); (*p)++) {
		v = v * 10 + (uint64_t)(**p - '0');
		if (v > UINT32_MAX)
			return false;
	}
	*value = (uint32_t)v;
	return true;
}

static bool
take_verb(const char **p, enum dm_xa_verb *verb)
{
	static const struct {
		const char *word;
		enum dm_xa_verb verb;
	} words[] = {
		{ "START ", DM_XA_START },
		{ "BEGIN ", DM_XA_START },
		{ "END ", DM_XA_END },
		{ "COMMIT ", DM_XA_COMMIT },
		{ "ROLLBACK ", DM_XA_ROLLBACK },
	};

	for (size_t i = 0; i < DM_ARRAY_SIZE(words); i++) {
		if (accept(p, words[i].word)) {
			*verb = words[i].verb;
			return true;
		}
	}
	return false;
}

struct dm_err *
dm_xa_parse(const char *sql, enum dm_xa_verb *verb, struct dm_xid *xid)
{
	uint8_t gtrid[DM_XID_PART_MAX], bqual[DM_XID_PART_MAX];
	size_t gtrid_len = 0, bqual_len = 0;
	uint32_t format = 1; /* the servers' default */
	const char *p = sql;
	bool ok = accept(&p, "XA ") && take_verb(&p, verb) &&
		  take_hex(&p, gtrid, &gtrid_len);

	if (ok && accept(&p, ","))
		ok = take_hex(&p, bqual, &bqual_len);
	if (ok && accept(&p, ","))
		ok = take_number(&p, &format);
	skip_blanks(&p);
	if (!ok || *p != '\0')
		return dm_ev_error_("an XA statement that cannot be read");
	set_text(xid, gtrid, gtrid_len, bqual, bqual_len, format);
	return NULL;
}
