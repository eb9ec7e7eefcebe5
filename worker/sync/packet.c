/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The packet of a lane: see packet.h.
 *
 * DESIGN: everything travels in one packet, so the fence must be an error: the
 * first statement fails with "out of range" when the epoch is not ours, and
 * the second one when the lane's row is gone; it asks for the epoch again,
 * since a new owner's row may have come in between. (DO would not do: MariaDB
 * makes no error of what goes wrong in it.)
 */
#include "worker/sync/packet.h"

#include "lib/base/defect.h"
#include "worker/meta_internal.h"

#include <string.h>

#define KEEP_BYTES      ((size_t)2 << 20) /* of a packet that grew beyond */
#define ROWS_PER_DELETE 200U
#define SAMPLE_BYTES    ((size_t)300)

void
packet_init(struct packet *p)
{
	*p = (struct packet){ .text = g_string_sized_new(64 << 10),
		.statements =
		    g_array_new(FALSE, FALSE, sizeof(struct statement)) };
}

void
packet_fini(struct packet *p)
{
	g_string_free(p->text, TRUE);
	g_array_unref(p->statements);
}

/* Where the packet is being built. */
struct builder {
	struct packet *p;
	const struct target_info *info;
	unsigned flags; /* CHANGE_* that the session is set to */
};

static void
end_statement(struct packet *p, size_t off, int64_t expected, uint64_t rows)
{
	struct statement st = { .off = off,
		.len = p->text->len - off,
		.expected = expected,
		.rows = rows };

	g_array_append_val(p->statements, st);
	g_string_append_c(p->text, ';');
}

static void
add_text(struct packet *p, const char *text)
{
	size_t off = p->text->len;

	g_string_append(p->text, text);
	end_statement(p, off, -1, 0);
}

static void
add_progress(struct packet *p, const struct meta *meta, unsigned lane,
    const struct lane_mark *m)
{
	g_autofree char *table = meta_table_name(meta, "dm_lane");
	g_autofree char *fence = meta_fence_expr(meta);
	size_t off = p->text->len;

	g_string_append_printf(p->text,
	    "UPDATE %s SET %s,binlog_name='%s',binlog_pos=%" G_GUINT64_FORMAT
	    ",cut_name='%s',cut_pos=%" G_GUINT64_FORMAT
	    ",cut_row=%" G_GUINT64_FORMAT " WHERE %s AND lane=%u",
	    table, fence, m->done.name, m->done.pos, m->cut.name, m->cut.pos,
	    m->cut_row, meta->key, lane);
	end_statement(p, off, 1, 0);
	off = p->text->len;
	g_string_append(p->text, "SET @dm_ours = ");
	meta_append_ours(p->text, meta, "dm_lane");
	g_string_append_printf(p->text, " AND lane=%u)", lane);
	end_statement(p, off, -1, 0);
}

static void
switch_session(struct builder *bu, unsigned to)
{
	const struct target_info *info = bu->info;
	unsigned differ = bu->flags ^ to;

	bu->flags = to;
	if (differ & CHANGE_NO_FK && info->foreign_key_checks)
		add_text(bu->p, to & CHANGE_NO_FK ? "SET foreign_key_checks=0"
						  : "SET foreign_key_checks=1");
	if (differ & CHANGE_LAX) {
		g_autofree char *sql = g_strdup_printf("SET sql_mode='%s'",
		    to & CHANGE_LAX ? "NO_AUTO_VALUE_ON_ZERO,"
				      "ALLOW_INVALID_DATES"
				    : info->sql_mode);

		add_text(bu->p, sql);
	}
}

/* ---- statements of several changes ---- */

static bool
is_delete(const struct change *ch)
{
	return ch->kind == CHANGE_DELETE || ch->kind == CHANGE_DELETE_ANY;
}

/* WHERE `k` IN (..) serves a key of one column, and is shorter than OR. */
static bool
is_in_list(const struct change *ch)
{
	return is_delete(ch) && !ch->t->keyless && ch->t->key.n == 1;
}

/* `n` of a's kind stand in one statement: b, too? */
static bool
can_join(const struct change *a, const struct change *b, uint64_t n)
{
	if (a->t != b->t || a->kind != b->kind || a->flags != b->flags)
		return false;
	if (is_delete(a))
		return !a->t->keyless && n < ROWS_PER_DELETE;
	return a->kind != CHANGE_UPDATE;
}

static void
append_head(GString *s, const struct change *ch)
{
	const struct tbl *t = ch->t;

	switch ((enum change_kind)ch->kind) {
	case CHANGE_NONE:
		break;
	case CHANGE_INSERT:
	case CHANGE_UPSERT:
		g_string_append(s, t->insert_head);
		break;
	case CHANGE_REPLACE:
		g_string_append(s, t->replace_head);
		break;
	case CHANGE_UPDATE:
		g_string_append(s, "UPDATE ");
		g_string_append(s, t->to_ident);
		g_string_append(s, " SET ");
		break;
	case CHANGE_DELETE:
	case CHANGE_DELETE_ANY:
		g_string_append(s, "DELETE FROM ");
		g_string_append(s, t->to_ident);
		g_string_append(s, " WHERE ");
		if (is_in_list(ch)) {
			g_string_append(s, t->idents[t->key.cols[0]]);
			g_string_append(s, " IN (");
		}
		break;
	}
}

static void
append_change(GString *s, const struct batch *b, const struct change *ch)
{
	size_t skip = 0;

	if (is_in_list(ch)) /* the value behind "`k`=" */
		skip = strlen(ch->t->idents[ch->t->key.cols[0]]) + 1;
	g_string_append_len(
	    s, b->text->str + ch->off + skip, (gssize)(ch->len - skip));
}

static void
append_tail(GString *s, const struct change *ch)
{
	if (is_in_list(ch))
		g_string_append_c(s, ')');
	else if (ch->kind == CHANGE_UPSERT)
		g_string_append(s, ch->t->upsert_tail);
}

/* Rows that the statement must match on account of this change; the session
 * counts found rows, and an upsert twice if it changes the row. */
static int64_t
expected_of(const struct change *ch)
{
	switch ((enum change_kind)ch->kind) {
	case CHANGE_INSERT:
	case CHANGE_UPDATE:
	case CHANGE_DELETE:
		return 1;
	case CHANGE_UPSERT:
		return ch->before == ch->after ? 1 : 2;
	case CHANGE_NONE:
	case CHANGE_REPLACE:
	case CHANGE_DELETE_ANY:
		break;
	}
	return 0;
}

/* One statement of changes[0..]; returns how many it took. */
static guint
add_statement(struct builder *bu, const struct batch *b,
    const struct change *const *changes, guint n)
{
	const struct change *first = changes[0];
	GString *s = bu->p->text;
	int64_t expected = 0;
	uint64_t rows = 0;
	size_t off;
	guint i = 0;

	switch_session(bu, first->flags);
	off = s->len;
	append_head(s, first);
	for (; i < n && (i == 0 || can_join(first, changes[i], i)); i++) {
		if (i > 0)
			g_string_append(
			    s, is_delete(first) && !is_in_list(first) ? " OR "
								      : ",");
		append_change(s, b, changes[i]);
		expected += expected_of(changes[i]);
		rows += changes[i]->raw;
	}
	append_tail(s, first);
	if (first->kind == CHANGE_REPLACE || first->kind == CHANGE_DELETE_ANY)
		expected = -1;
	end_statement(bu->p, off, expected, rows);
	return i;
}

/* Merged changes that make one statement stand together, deletes first: a row
 * may have been deleted to make room for one whose key the target calls
 * equal. The others keep their order, and come first or last as they may. */
static int
compare(const void *va, const void *vb)
{
	const struct change *a = *(const struct change *const *)va;
	const struct change *b = *(const struct change *const *)vb;
	int target = 0;

	if ((a->key_len > 0) != (b->key_len > 0))
		return a->key_len > 0 ? 1 : -1;
	/* Source tables of one target table stand together, too. */
	if (a->key_len > 0 && a->t != b->t)
		target = strcmp(a->t->to_ident, b->t->to_ident);
	if (target != 0)
		return target;
	if (a->key_len > 0 && is_delete(a) != is_delete(b))
		return is_delete(a) ? -1 : 1;
	if (a->key_len > 0 && a->t != b->t)
		return (uintptr_t)a->t < (uintptr_t)b->t ? -1 : 1;
	if (a->key_len > 0 && a->kind != b->kind)
		return a->kind < b->kind ? -1 : 1;
	if (a->key_len > 0 && a->flags != b->flags)
		return a->flags < b->flags ? -1 : 1;
	return a < b ? -1 : a > b; /* one array: its order */
}

static void
add_batch(struct builder *bu, struct batch *b)
{
	g_autofree const struct change **list =
	    g_new(const struct change *, b->changes->len + 1);
	guint n = 0;

	for (guint i = 0; i < b->changes->len; i++) {
		const struct change *ch =
		    &g_array_index(b->changes, struct change, i);

		if (ch->kind != CHANGE_NONE)
			list[n++] = ch;
		else
			bu->p->silent += ch->raw;
	}
	if (b->merged > 0)
		qsort(list, n, sizeof(*list), compare);
	for (guint i = 0; i < n;)
		i += add_statement(bu, b, list + i, n - i);
	if (b->text->len > BATCH_TEXT_MAX) {
		g_string_free(b->text, TRUE);
		b->text = g_string_new(NULL);
	}
}

void
packet_build(struct packet *p, const struct meta *meta,
    const struct target_info *info, unsigned lane, GPtrArray *batches)
{
	const struct batch *last = g_ptr_array_index(batches, batches->len - 1);
	struct builder bu = { .p = p, .info = info };

	if (p->text->allocated_len > KEEP_BYTES) {
		g_string_free(p->text, TRUE);
		p->text = g_string_sized_new(64 << 10);
	}
	g_string_truncate(p->text, 0);
	g_array_set_size(p->statements, 0);
	p->silent = 0;
	add_text(p, "BEGIN");
	if (!DM_DEFECT_IS(NO_LANE_ROW))
		add_progress(p, meta, lane, &last->mark);
	for (guint i = 0; i < batches->len; i++)
		add_batch(&bu, g_ptr_array_index(batches, i));
	switch_session(&bu, 0);
	if (!p->open)
		add_text(p, "COMMIT");
}

char *
packet_sample(const struct packet *p, const struct statement *st, uint64_t got)
{
	g_autofree char *sql = g_utf8_make_valid(
	    p->text->str + st->off, (gssize)MIN(st->len, SAMPLE_BYTES));

	return g_strdup_printf("matched %" G_GUINT64_FORMAT
			       " rows instead of %" G_GINT64_FORMAT ": %s",
	    got, st->expected, sql);
}
