/* SPDX-License-Identifier: Apache-2.0 */
/* Cutting the texts of a message: see shorten.h. */
#include "worker/agent/shorten.h"

#include "lib/base/base.h"

#include <glib.h>
#include <string.h>

#define CUT_FIRST ((size_t)64 << 10)
#define CUT_LAST  ((size_t)128)
#define MARK      "..."

static void
cut_text(char *text, size_t max)
{
	size_t n = max - strlen(MARK);

	if (strlen(text) <= max)
		return;
	while (n > 0 && (text[n] & 0xc0) == 0x80) /* inside a character */
		n--;
	memcpy(text + n, MARK, sizeof(MARK));
}

static void cut_texts(ProtobufCMessage *m, size_t max);

static void
cut_value(ProtobufCType type, void *value, size_t max)
{
	if (type == PROTOBUF_C_TYPE_STRING)
		cut_text(value, max);
	else
		cut_texts(value, max);
}

static void
cut_field(ProtobufCMessage *m, const ProtobufCFieldDescriptor *f, size_t max)
{
	char *at = (char *)m + f->offset;
	size_t n = 1;
	void **values;

	if (f->type != PROTOBUF_C_TYPE_STRING &&
	    f->type != PROTOBUF_C_TYPE_MESSAGE)
		return;
	if (strcmp(f->name, "name") == 0 || strcmp(f->name, "source") == 0)
		return; /* the master looks things up by them */
	if ((f->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) != 0 &&
	    *(uint32_t *)(void *)((char *)m + f->quantifier_offset) != f->id)
		return;
	values = (void **)(void *)at;
	if (f->label == PROTOBUF_C_LABEL_REPEATED) {
		n = *(size_t *)(void *)((char *)m + f->quantifier_offset);
		values = *(void ***)(void *)at;
	}
	for (size_t i = 0; i < n; i++)
		/* Without a value: NULL, or the static default. */
		if (values[i] != NULL && values[i] != f->default_value)
			cut_value(f->type, values[i], max);
}

static void
cut_texts(ProtobufCMessage *m, size_t max)
{
	for (unsigned i = 0; i < m->descriptor->n_fields; i++)
		cut_field(m, &m->descriptor->fields[i], max);
}

static Dm__V1__Report *
copy_of(const Dm__V1__Report *r, size_t len)
{
	g_autofree uint8_t *buf = g_malloc(len);
	Dm__V1__Report *copy;

	dm__v1__report__pack(r, buf);
	copy = dm__v1__report__unpack(NULL, len, buf);
	dm_assert(copy != NULL);
	return copy;
}

Dm__V1__Report *
report_shortened(const Dm__V1__Report *r, size_t max)
{
	size_t len = dm__v1__report__get_packed_size(r);
	Dm__V1__Report *copy;

	if (len <= max)
		return NULL;
	copy = copy_of(r, len);
	for (size_t cut = CUT_FIRST; cut >= CUT_LAST; cut /= 2) {
		cut_texts(&copy->base, cut);
		if (dm__v1__report__get_packed_size(copy) <= max)
			break;
	}
	return copy;
}
