/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Printing protobuf messages as JSON.
 *
 * DESIGN: one walk over the descriptor; a value is printed at a column, its
 * children one indent deeper. An empty list or message takes two lines, as
 * DM's printer does it.
 * SOURCE: gogo/protobuf jsonpb as dmctl sets it up (EmitDefaults, Indent), and
 * Go's encoding/json for strings and numbers.
 */
#include "lib/text/pbjson.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct printer {
	GString *out;
	unsigned indent;
	bool own_fields;
};

static void print_message(
    struct printer *p, const ProtobufCMessage *msg, unsigned depth);

/* ---- strings ---- */

/* Bytes of one control character or of what HTML gives a meaning. */
static bool
append_ascii_escape(GString *s, unsigned char c)
{
	static const char from[] = "\"\\\b\f\n\r\t";
	static const char to[] = "\"\\bfnrt";
	const char *hit = c != 0 ? strchr(from, c) : NULL;

	if (hit != NULL) {
		g_string_append_c(s, '\\');
		g_string_append_c(s, to[hit - from]);
		return true;
	}
	if (c < 0x20 || c == '<' || c == '>' || c == '&') {
		g_string_append_printf(s, "\\u%04x", c);
		return true;
	}
	return false;
}

void
dm_json_append_string(GString *s, const char *text)
{
	g_string_append_c(s, '"');
	while (*text != '\0') {
		unsigned char c = (unsigned char)*text;
		gunichar u;

		if (c < 0x80) {
			if (!append_ascii_escape(s, c))
				g_string_append_c(s, (char)c);
			text++;
			continue;
		}
		u = g_utf8_get_char_validated(text, -1);
		if (u == (gunichar)-1 || u == (gunichar)-2) {
			g_string_append(s, "\\ufffd");
			text++;
			continue;
		}
		if (u == 0x2028 || u == 0x2029)
			g_string_append_printf(s, "\\u%04x", u);
		else
			g_string_append_unichar(s, u);
		text += g_unichar_to_utf8(u, NULL);
	}
	g_string_append_c(s, '"');
}

/* ---- numbers ---- */

/* The fewest digits that read back as the same number; "%.*e" form. */
static int
shortest(double v, bool is_float, char *buf, size_t size)
{
	for (int digits = 1; digits <= 17; digits++) {
		snprintf(buf, size, "%.*e", digits - 1, v);
		if (is_float ? strtof(buf, NULL) == (float)v
			     : strtod(buf, NULL) == v)
			return digits;
	}
	return 17;
}

static void
append_double(GString *s, double v, bool is_float)
{
	char buf[64];
	double abs = fabs(v);
	int digits;

	if (isnan(v)) {
		g_string_append(s, "\"NaN\"");
		return;
	}
	if (isinf(v)) {
		g_string_append(s, v > 0 ? "\"Infinity\"" : "\"-Infinity\"");
		return;
	}
	digits = shortest(v, is_float, buf, sizeof(buf));
	if (abs == 0 || (abs >= 1e-6 && abs < 1e21)) {
		const char *e = strchr(buf, 'e');
		int exp = e != NULL ? (int)strtol(e + 1, NULL, 10) : 0;

		g_string_append_printf(s, "%.*f", MAX(0, digits - 1 - exp), v);
	} else {
		size_t n = strlen(buf);

		/* Go writes e-9, C e-09. */
		if (n >= 4 && buf[n - 4] == 'e' && buf[n - 3] == '-' &&
		    buf[n - 2] == '0') {
			buf[n - 2] = buf[n - 1];
			buf[n - 1] = '\0';
		}
		g_string_append(s, buf);
	}
}

static void
append_enum(GString *s, const ProtobufCFieldDescriptor *f, int value)
{
	const ProtobufCEnumDescriptor *d = f->descriptor;
	const ProtobufCEnumValue *v =
	    protobuf_c_enum_descriptor_get_value(d, value);

	if (v != NULL)
		dm_json_append_string(s, v->name);
	else
		g_string_append_printf(s, "%d", value);
}

static void
append_bytes(GString *s, const ProtobufCBinaryData *b)
{
	g_autofree char *text = NULL;

	if (b->data == NULL || b->len == 0) {
		g_string_append(s, "null");
		return;
	}
	text = g_base64_encode(b->data, b->len);
	g_string_append_printf(s, "\"%s\"", text);
}

/* ---- values ---- */

static void
newline(struct printer *p, unsigned depth)
{
	if (p->indent == 0)
		return;
	g_string_append_c(p->out, '\n');
	for (unsigned i = 0; i < depth * p->indent; i++)
		g_string_append_c(p->out, ' ');
}

size_t
dm_pbjson_element_size(ProtobufCType type)
{
	switch (type) {
	case PROTOBUF_C_TYPE_SINT32:
	case PROTOBUF_C_TYPE_INT32:
	case PROTOBUF_C_TYPE_UINT32:
	case PROTOBUF_C_TYPE_SFIXED32:
	case PROTOBUF_C_TYPE_FIXED32:
	case PROTOBUF_C_TYPE_FLOAT:
	case PROTOBUF_C_TYPE_ENUM:
		return 4;
	case PROTOBUF_C_TYPE_SINT64:
	case PROTOBUF_C_TYPE_INT64:
	case PROTOBUF_C_TYPE_UINT64:
	case PROTOBUF_C_TYPE_SFIXED64:
	case PROTOBUF_C_TYPE_FIXED64:
	case PROTOBUF_C_TYPE_DOUBLE:
		return 8;
	case PROTOBUF_C_TYPE_BOOL:
		return sizeof(protobuf_c_boolean);
	case PROTOBUF_C_TYPE_STRING:
	case PROTOBUF_C_TYPE_MESSAGE:
		return sizeof(void *);
	case PROTOBUF_C_TYPE_BYTES:
		return sizeof(ProtobufCBinaryData);
	}
	return 0;
}

static void
print_value(struct printer *p, const ProtobufCFieldDescriptor *f,
    const void *at, unsigned depth)
{
	const ProtobufCMessage *sub;
	const char *text;

	switch (f->type) {
	case PROTOBUF_C_TYPE_SINT32:
	case PROTOBUF_C_TYPE_INT32:
	case PROTOBUF_C_TYPE_SFIXED32:
		g_string_append_printf(
		    p->out, "%" PRId32, *(const int32_t *)at);
		return;
	case PROTOBUF_C_TYPE_UINT32:
	case PROTOBUF_C_TYPE_FIXED32:
		g_string_append_printf(
		    p->out, "%" PRIu32, *(const uint32_t *)at);
		return;
	case PROTOBUF_C_TYPE_SINT64:
	case PROTOBUF_C_TYPE_INT64:
	case PROTOBUF_C_TYPE_SFIXED64:
		g_string_append_printf(
		    p->out, "\"%" PRId64 "\"", *(const int64_t *)at);
		return;
	case PROTOBUF_C_TYPE_UINT64:
	case PROTOBUF_C_TYPE_FIXED64:
		g_string_append_printf(
		    p->out, "\"%" PRIu64 "\"", *(const uint64_t *)at);
		return;
	case PROTOBUF_C_TYPE_FLOAT:
		append_double(p->out, (double)*(const float *)at, true);
		return;
	case PROTOBUF_C_TYPE_DOUBLE:
		append_double(p->out, *(const double *)at, false);
		return;
	case PROTOBUF_C_TYPE_BOOL:
		g_string_append(
		    p->out, *(const protobuf_c_boolean *)at ? "true" : "false");
		return;
	case PROTOBUF_C_TYPE_ENUM:
		append_enum(p->out, f, *(const int *)at);
		return;
	case PROTOBUF_C_TYPE_STRING:
		text = *(char *const *)at;
		dm_json_append_string(p->out, text != NULL ? text : "");
		return;
	case PROTOBUF_C_TYPE_BYTES:
		append_bytes(p->out, at);
		return;
	case PROTOBUF_C_TYPE_MESSAGE:
		sub = *(const ProtobufCMessage *const *)at;
		if (sub == NULL)
			g_string_append(p->out, "null");
		else
			print_message(p, sub, depth);
		return;
	}
}

static const char *
colon(const struct printer *p)
{
	return p->indent > 0 ? ": " : ":";
}

/* ---- lists and maps ---- */

bool
dm_pbjson_is_map(const ProtobufCFieldDescriptor *f)
{
	const ProtobufCMessageDescriptor *d = f->descriptor;

	return f->label == PROTOBUF_C_LABEL_REPEATED &&
	       f->type == PROTOBUF_C_TYPE_MESSAGE &&
	       g_str_has_suffix(d->short_name, "Entry") && d->n_fields == 2 &&
	       d->fields[0].id == 1 && strcmp(d->fields[0].name, "key") == 0 &&
	       d->fields[1].id == 2 && strcmp(d->fields[1].name, "value") == 0;
}

static const void *
field_at(const ProtobufCMessage *msg, size_t offset)
{
	return (const char *)msg + offset;
}

/* The key of a map entry as an object's name: numbers are quoted too. */
static char *
map_key(const ProtobufCMessage *entry)
{
	struct printer p = { g_string_new(NULL), 0, false };
	const ProtobufCFieldDescriptor *f = &entry->descriptor->fields[0];

	print_value(&p, f, field_at(entry, f->offset), 0);
	if (p.out->str[0] != '"') {
		g_string_prepend_c(p.out, '"');
		g_string_append_c(p.out, '"');
	}
	return g_string_free(p.out, FALSE);
}

static gint
by_key(gconstpointer a, gconstpointer b)
{
	g_autofree char *x = map_key(*(ProtobufCMessage *const *)a);
	g_autofree char *y = map_key(*(ProtobufCMessage *const *)b);

	return strcmp(x, y);
}

static void
print_map(struct printer *p, ProtobufCMessage *const *entries, size_t n,
    unsigned depth)
{
	g_autoptr(GPtrArray) sorted = g_ptr_array_new();

	for (size_t i = 0; i < n; i++)
		g_ptr_array_add(sorted, entries[i]);
	g_ptr_array_sort(sorted, by_key);

	g_string_append_c(p->out, '{');
	for (guint i = 0; i < sorted->len; i++) {
		const ProtobufCMessage *e = g_ptr_array_index(sorted, i);
		const ProtobufCFieldDescriptor *f = &e->descriptor->fields[1];
		g_autofree char *key = map_key(e);

		if (i > 0)
			g_string_append_c(p->out, ',');
		newline(p, depth + 1);
		g_string_append(p->out, key);
		g_string_append(p->out, colon(p));
		print_value(p, f, field_at(e, f->offset), depth + 1);
	}
	newline(p, depth);
	g_string_append_c(p->out, '}');
}

static void
print_list(struct printer *p, const ProtobufCFieldDescriptor *f,
    const char *items, size_t n, unsigned depth)
{
	g_string_append_c(p->out, '[');
	for (size_t i = 0; i < n; i++) {
		if (i > 0)
			g_string_append_c(p->out, ',');
		newline(p, depth + 1);
		print_value(p, f, items + i * dm_pbjson_element_size(f->type),
		    depth + 1);
	}
	newline(p, depth);
	g_string_append_c(p->out, ']');
}

/* ---- messages ---- */

static bool
is_printed(const struct printer *p, const ProtobufCMessage *msg,
    const ProtobufCFieldDescriptor *f)
{
	if (f->id >= DM_PBJSON_OWN_FIELDS && !p->own_fields)
		return false;
	/* A oneof prints the member that is set, and no other. */
	if ((f->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) != 0)
		return *(const uint32_t *)field_at(msg, f->quantifier_offset) ==
		       f->id;
	return true;
}

static void
print_field(struct printer *p, const ProtobufCMessage *msg,
    const ProtobufCFieldDescriptor *f, unsigned depth)
{
	const void *at = field_at(msg, f->offset);
	size_t n;

	dm_json_append_string(p->out, f->name);
	g_string_append(p->out, colon(p));
	if (f->label != PROTOBUF_C_LABEL_REPEATED) {
		print_value(p, f, at, depth);
		return;
	}
	n = *(const size_t *)field_at(msg, f->quantifier_offset);
	if (dm_pbjson_is_map(f))
		print_map(p, *(ProtobufCMessage *const *const *)at, n, depth);
	else
		print_list(p, f, *(const char *const *)at, n, depth);
}

static void
print_message(struct printer *p, const ProtobufCMessage *msg, unsigned depth)
{
	const ProtobufCMessageDescriptor *d = msg->descriptor;
	bool first = true;

	g_string_append_c(p->out, '{');
	/* protobuf-c keeps fields by number, which is the order in which our
	 * .proto files declare them. */
	for (unsigned i = 0; i < d->n_fields; i++) {
		if (!is_printed(p, msg, &d->fields[i]))
			continue;
		if (!first)
			g_string_append_c(p->out, ',');
		first = false;
		newline(p, depth + 1);
		print_field(p, msg, &d->fields[i], depth + 1);
	}
	newline(p, depth);
	g_string_append_c(p->out, '}');
}

char *
dm_pbjson_print(const ProtobufCMessage *msg, const struct dm_pbjson_opts *o)
{
	struct printer p = { g_string_new(NULL), o->indent, o->own_fields };

	print_message(&p, msg, 0);
	g_string_append_c(p.out, '\n');
	return g_string_free(p.out, FALSE);
}
