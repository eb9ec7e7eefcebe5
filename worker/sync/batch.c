/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Batches: see batch.h.
 *
 * DESIGN: merging is exact because a mergeable table has one unique key on both
 * sides and nothing in the target acts on single changes (no trigger, foreign
 * key or further column): its rows then do not touch each other, and of one
 * row only the last state can be seen after the commit. A change that the
 * table `next_kind` has no entry for cannot come from a consistent source; it
 * goes into a batch of its own, where the target will refuse or count it as it
 * would without merging.
 */
#include "worker/sync/batch.h"

#include "lib/base/defect.h"
#include "lib/base/hash.h"
#include "worker/sync/literal.h"

#include <string.h>

#define SLOTS_MIN 64U
/* A row is written whole unless the changed part is a small part of it. */
#define WHOLE_ROW_BYTES 512U
#define WHOLE_ROW_RATIO 4U

struct batch *
batch_new(void)
{
	struct batch *b = g_new0(struct batch, 1);

	b->changes = g_array_new(FALSE, FALSE, sizeof(struct change));
	b->text = g_string_new(NULL);
	return b;
}

void
batch_free(void *p)
{
	struct batch *b = p;

	if (b == NULL)
		return;
	g_array_unref(b->changes);
	g_string_free(b->text, TRUE);
	g_free(b->slots);
	g_free(b);
}

guint
batch_rows(const struct batch *b)
{
	return b->changes->len;
}

bool
batch_is_full(const struct batch *b, unsigned limit, size_t bytes)
{
	return b->changes->len >= limit || b->text->len >= bytes;
}

/* ---- in source order ---- */

static void
append(struct batch *b, enum change_kind kind, const struct row_change *rc,
    bool counts)
{
	struct change ch = { .t = rc->t, .off = b->text->len };
	unsigned flags = rc->flags;

	switch (kind) {
	case CHANGE_INSERT:
	case CHANGE_UPSERT:
	case CHANGE_REPLACE:
		flags |= rowsql_insert(b->text, rc->t, rc->after);
		break;
	case CHANGE_UPDATE:
		flags |= rowsql_update(b->text, rc->t, rc->before, rc->after);
		break;
	case CHANGE_DELETE:
	case CHANGE_DELETE_ANY:
		rowsql_where(b->text, rc->t, rc->before);
		break;
	case CHANGE_NONE:
		break;
	}
	ch.len = b->text->len - ch.off;
	ch.kind = (uint8_t)kind;
	ch.flags = (uint8_t)flags;
	ch.raw = counts;
	g_array_append_val(b->changes, ch);
	if (rc->t->mergeable)
		b->ordered++;
}

static void
add_ordered(struct batch *b, const struct row_change *rc)
{
	if (!rc->idempotent && rc->before == NULL)
		append(b, CHANGE_INSERT, rc, true);
	else if (!rc->idempotent && rc->after == NULL)
		append(b, CHANGE_DELETE, rc, true);
	else if (!rc->idempotent)
		append(b, CHANGE_UPDATE, rc, true);
	if (rc->idempotent && rc->before != NULL)
		append(b, CHANGE_DELETE_ANY, rc, rc->after == NULL);
	if (rc->idempotent && rc->after != NULL)
		append(b, CHANGE_REPLACE, rc, true);
}

/* ---- merged ---- */

#define IMPOSSIBLE 0xff

/* What a row's change becomes when the source changes the row once more. */
static const uint8_t next_kind[][3] = {
	[CHANGE_NONE] = { CHANGE_INSERT, IMPOSSIBLE, IMPOSSIBLE },
	[CHANGE_INSERT] = { IMPOSSIBLE, CHANGE_INSERT, CHANGE_NONE },
	[CHANGE_UPSERT] = { IMPOSSIBLE, CHANGE_UPSERT, CHANGE_DELETE },
	[CHANGE_REPLACE] = { IMPOSSIBLE, IMPOSSIBLE, IMPOSSIBLE },
	[CHANGE_UPDATE] = { IMPOSSIBLE, CHANGE_UPSERT, CHANGE_DELETE },
	[CHANGE_DELETE] = { CHANGE_UPSERT, IMPOSSIBLE, IMPOSSIBLE },
	[CHANGE_DELETE_ANY] = { IMPOSSIBLE, IMPOSSIBLE, IMPOSSIBLE },
};

/* One step of a row: `row` is the image that has its key. */
struct step {
	enum row_op op;
	const struct dm_value *row;
	size_t key_off; /* text of the key, at the end of the batch's text */
	size_t key_len;
	uint64_t hash;
	struct change *ch; /* of the same row; NULL: its first */
};

static uint64_t
hash_key(const struct tbl *t, const char *p, size_t len)
{
	return dm_hash64(t->key.id, p, len);
}

static bool
is_row(const struct batch *b, const struct change *ch, const struct tbl *t,
    const struct step *s)
{
	return ch->key_len == s->key_len &&
	       memcmp(b->text->str + ch->key_off, b->text->str + s->key_off,
		   s->key_len) == 0 &&
	       (ch->t == t || strcmp(ch->t->to_ident, t->to_ident) == 0);
}

/* The slot of the row, or the free one where it belongs. */
static uint32_t *
find_slot(struct batch *b, const struct tbl *t, const struct step *s)
{
	uint32_t i = (uint32_t)s->hash & (b->n_slots - 1);

	for (;; i = (i + 1) & (b->n_slots - 1)) {
		uint32_t at = b->slots[i];

		if (at == 0 ||
		    is_row(b, &g_array_index(b->changes, struct change, at - 1),
			t, s))
			return &b->slots[i];
	}
}

static void
grow_slots(struct batch *b)
{
	if (b->n_slots >= 2 * (b->merged + 2))
		return;
	b->n_slots = MAX(SLOTS_MIN, b->n_slots * 2);
	g_free(b->slots);
	b->slots = g_new0(uint32_t, b->n_slots);
	for (guint i = 0; i < b->changes->len; i++) {
		const struct change *ch =
		    &g_array_index(b->changes, struct change, i);
		struct step s = { .key_off = ch->key_off,
			.key_len = ch->key_len };

		if (ch->key_len == 0)
			continue;
		s.hash = hash_key(ch->t, b->text->str + s.key_off, s.key_len);
		*find_slot(b, ch->t, &s) = i + 1;
	}
}

/* Find the row of a step, and leave the text of its key at the end of the
 * batch's text. False, and no text: the step cannot follow what is there. */
static bool
look_up(struct batch *b, const struct tbl *t, struct step *s)
{
	uint32_t at;

	s->key_off = b->text->len;
	rowsql_where(b->text, t, s->row);
	s->key_len = b->text->len - s->key_off;
	s->hash = hash_key(t, b->text->str + s->key_off, s->key_len);
	at = *find_slot(b, t, s);
	s->ch =
	    at == 0 ? NULL : &g_array_index(b->changes, struct change, at - 1);
	if (s->ch == NULL || next_kind[s->ch->kind][s->op] != IMPOSSIBLE)
		return true;
	g_string_truncate(b->text, s->key_off);
	return false;
}

/* A change of the row that the step is of, made if it is the row's first. */
static struct change *
change_of(struct batch *b, const struct row_change *rc, struct step *s)
{
	static const uint8_t first[] = { [OP_INSERT] = CHANGE_INSERT,
		[OP_UPDATE] = CHANGE_UPSERT,
		[OP_DELETE] = CHANGE_DELETE };
	struct change ch = { .t = rc->t,
		.key_off = s->key_off,
		.key_len = (uint32_t)s->key_len,
		.kind = first[s->op] };

	if (s->ch != NULL) {
		g_string_truncate(b->text, s->key_off); /* it has its own */
		s->ch->t = rc->t;
		s->ch->kind = next_kind[s->ch->kind][s->op];
		return s->ch;
	}
	if (s->op != OP_INSERT)
		ch.before = tbl_row_hash(rc->t, rc->before);
	g_array_append_val(b->changes, ch);
	b->merged++;
	*find_slot(b, rc->t, s) = b->changes->len;
	return &g_array_index(b->changes, struct change, b->changes->len - 1);
}

static bool
has_bytes(const struct dm_value *v)
{
	return v->kind == DM_VAL_TEXT || v->kind == DM_VAL_BYTES ||
	       v->kind == DM_VAL_JSON;
}

/* True when an UPDATE of the changed columns is far shorter than the row. */
static bool
is_small_part(const struct row_change *rc)
{
	size_t all = 0, changed = 0;

	for (unsigned i = 0; i < rc->t->n_cols; i++) {
		size_t n = 8;

		if (!rc->t->written[i])
			continue;
		if (has_bytes(&rc->after[i]))
			n += rc->after[i].bytes.len;
		all += n;
		if (!literal_same(&rc->before[i], &rc->after[i]))
			changed += n;
	}
	return all > WHOLE_ROW_BYTES && changed < all / WHOLE_ROW_RATIO;
}

static struct change *
take_step(struct batch *b, const struct row_change *rc, struct step *s)
{
	bool first = s->ch == NULL;
	struct change *ch = change_of(b, rc, s);
	unsigned flags = rc->flags;

	if (!first && s->op == OP_UPDATE && DM_DEFECT_IS(MERGE_FIRST))
		return ch;
	if (s->op == OP_DELETE) {
		ch->off = ch->key_off;
		ch->len = ch->key_len;
	} else {
		ch->off = b->text->len;
		if (first && s->op == OP_UPDATE && is_small_part(rc)) {
			ch->kind = CHANGE_UPDATE;
			flags |= rowsql_update(
			    b->text, rc->t, rc->before, rc->after);
		} else {
			flags |= rowsql_insert(b->text, rc->t, rc->after);
		}
		ch->len = b->text->len - ch->off;
		ch->after = tbl_row_hash(rc->t, rc->after);
	}
	ch->flags = (uint8_t)flags;
	return ch;
}

/* A row that moves to another key is two rows: one goes, one comes. */
static bool
add_moved(struct batch *b, const struct row_change *rc)
{
	struct step from = { .op = OP_DELETE, .row = rc->before };
	struct step to = { .op = OP_INSERT, .row = rc->after };

	/* Both steps must fit before the first is taken. */
	if (!look_up(b, rc->t, &to))
		return false;
	g_string_truncate(b->text, to.key_off);
	if (!look_up(b, rc->t, &from))
		return false;
	take_step(b, rc, &from);
	(void)look_up(b, rc->t, &to); /* again: the changes may have moved */
	take_step(b, rc, &to)->raw++;
	return true;
}

static bool
add_merged(struct batch *b, const struct row_change *rc)
{
	struct step s = { .op = OP_UPDATE, .row = rc->after };

	grow_slots(b);
	if (rc->before == NULL)
		s.op = OP_INSERT;
	else if (rc->after == NULL)
		s = (struct step){ .op = OP_DELETE, .row = rc->before };
	else if (tbl_key_moved(&rc->t->key, rc->before, rc->after))
		return add_moved(b, rc);
	if (!look_up(b, rc->t, &s))
		return false;
	take_step(b, rc, &s)->raw++;
	return true;
}

bool
batch_add(struct batch *b, const struct row_change *rc)
{
	bool merge = rc->t->mergeable && !rc->idempotent && !rc->partial;

	/* Merged changes are applied out of order: they must not meet others
	 * of their table. */
	if (rc->t->mergeable && (merge ? b->ordered : b->merged) > 0)
		return false;
	if (merge && !add_merged(b, rc))
		return false;
	if (!merge)
		add_ordered(b, rc);
	b->ops[rc->before == NULL  ? OP_INSERT
	       : rc->after == NULL ? OP_DELETE
				   : OP_UPDATE]++;
	return true;
}
