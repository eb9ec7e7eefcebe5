/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JSON objects into protobuf messages: the input of the HTTP gateway.
 *
 * DESIGN: jansson checks syntax, UTF-8 and depth; we walk the descriptor. All
 * memory comes from malloc, so that protobuf_c_message_free_unpacked with the
 * standard allocator frees it. A message is never seen half-built: the first
 * error frees it.
 * SOURCE: gogo/protobuf jsonpb with AllowUnknownFields.
 */
#include "lib/text/pbjson.h"

#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Deeper than any message of ours; jansson has a limit of its own. */
#define MAX_DEPTH 32

static struct dm_err *parse_message(const ProtobufCMessageDescriptor *d,
    const json_t *j, unsigned depth, ProtobufCMessage **msg);

static struct dm_err *
bad_value(const ProtobufCFieldDescriptor *f, const char *want)
{
	return dm_err_plain("field %s: not %s", f->name, want);
}

/* ---- scalars ---- */

/* A whole number, as a JSON number or in a string. */
static struct dm_err *
parse_signed(const ProtobufCFieldDescriptor *f, const json_t *j, int64_t min,
    int64_t max, int64_t *v)
{
	const char *text = json_string_value(j);
	char *end;

	if (json_is_integer(j)) {
		*v = json_integer_value(j);
	} else if (json_is_real(j) && json_real_value(j) >= -0x1p53 &&
		   json_real_value(j) <= 0x1p53 &&
		   trunc(json_real_value(j)) == json_real_value(j)) {
		*v = (int64_t)json_real_value(j);
	} else if (text != NULL && (g_ascii_isdigit(*text) || *text == '-')) {
		errno = 0;
		*v = g_ascii_strtoll(text, &end, 10);
		if (errno != 0 || *end != '\0' || end == text)
			return bad_value(f, "a whole number in range");
	} else {
		return bad_value(f, "a whole number");
	}
	if (*v < min || *v > max)
		return bad_value(f, "a whole number in range");
	return NULL;
}

static struct dm_err *
parse_unsigned(const ProtobufCFieldDescriptor *f, const json_t *j, uint64_t *v)
{
	const char *text = json_string_value(j);
	int64_t i = 0;
	char *end;
	struct dm_err *err;

	if (text != NULL && g_ascii_isdigit(*text)) {
		errno = 0;
		*v = g_ascii_strtoull(text, &end, 10);
		if (errno != 0 || *end != '\0')
			return bad_value(f, "a whole number in range");
		return NULL;
	}
	err = parse_signed(f, j, 0, INT64_MAX, &i);
	if (err == NULL)
		*v = (uint64_t)i;
	return err;
}

static struct dm_err *
parse_double(const ProtobufCFieldDescriptor *f, const json_t *j, double *v)
{
	const char *text = json_string_value(j);
	char *end;

	if (json_is_number(j)) {
		*v = json_number_value(j);
		return NULL;
	}
	if (text == NULL || *text == '\0')
		return bad_value(f, "a number");
	*v = g_ascii_strtod(text, &end);
	return *end == '\0' ? NULL : bad_value(f, "a number");
}

static struct dm_err *
parse_enum(const ProtobufCFieldDescriptor *f, const json_t *j, int *v)
{
	const ProtobufCEnumDescriptor *d = f->descriptor;
	int64_t number = 0;
	struct dm_err *err;

	if (json_is_string(j)) {
		const ProtobufCEnumValue *e =
		    protobuf_c_enum_descriptor_get_value_by_name(
			d, json_string_value(j));

		if (e == NULL)
			return dm_err_plain("field %s: unknown value \"%s\" "
					    "of enum %s",
			    f->name, json_string_value(j), d->name);
		*v = e->value;
		return NULL;
	}
	err = parse_signed(f, j, INT32_MIN, INT32_MAX, &number);
	if (err == NULL)
		*v = (int)number;
	return err;
}

static struct dm_err *
parse_bytes(
    const ProtobufCFieldDescriptor *f, const json_t *j, ProtobufCBinaryData *b)
{
	const char *text = json_string_value(j);
	size_t n;

	if (text == NULL ||
	    strspn(text,
		"ABCDEFGHIJKLMNOPQRSTUVWXYZ"
		"abcdefghijklmnopqrstuvwxyz0123456789+/=") != strlen(text) ||
	    strlen(text) % 4 != 0)
		return bad_value(f, "base64 text");
	b->data = *text != '\0' ? g_base64_decode(text, &n) : NULL;
	b->len = b->data != NULL ? n : 0;
	return NULL;
}

static struct dm_err *
parse_string(const ProtobufCFieldDescriptor *f, const json_t *j, char **s)
{
	if (!json_is_string(j))
		return bad_value(f, "a string");
	if (strlen(json_string_value(j)) != json_string_length(j))
		return bad_value(f, "a string without a zero byte");
	*s = g_strdup(json_string_value(j));
	return NULL;
}

/* Numbers that have 32 bits. */
static struct dm_err *
parse_32(const ProtobufCFieldDescriptor *f, const json_t *j, void *at)
{
	bool is_unsigned = f->type == PROTOBUF_C_TYPE_UINT32 ||
			   f->type == PROTOBUF_C_TYPE_FIXED32;
	int64_t v = 0;
	struct dm_err *err = parse_signed(f, j, is_unsigned ? 0 : INT32_MIN,
	    is_unsigned ? UINT32_MAX : INT32_MAX, &v);

	if (err == NULL)
		*(uint32_t *)at = (uint32_t)v;
	return err;
}

/* at: zeroed, or holding a default that nobody owns. */
static struct dm_err *
parse_value(const ProtobufCFieldDescriptor *f, const json_t *j, unsigned depth,
    void *at)
{
	double real = 0;
	struct dm_err *err;

	switch (f->type) {
	case PROTOBUF_C_TYPE_SINT32:
	case PROTOBUF_C_TYPE_INT32:
	case PROTOBUF_C_TYPE_SFIXED32:
	case PROTOBUF_C_TYPE_UINT32:
	case PROTOBUF_C_TYPE_FIXED32:
		return parse_32(f, j, at);
	case PROTOBUF_C_TYPE_SINT64:
	case PROTOBUF_C_TYPE_INT64:
	case PROTOBUF_C_TYPE_SFIXED64:
		return parse_signed(f, j, INT64_MIN, INT64_MAX, at);
	case PROTOBUF_C_TYPE_UINT64:
	case PROTOBUF_C_TYPE_FIXED64:
		return parse_unsigned(f, j, at);
	case PROTOBUF_C_TYPE_FLOAT:
		err = parse_double(f, j, &real);
		*(float *)at = (float)real;
		return err;
	case PROTOBUF_C_TYPE_DOUBLE:
		return parse_double(f, j, at);
	case PROTOBUF_C_TYPE_BOOL:
		if (!json_is_boolean(j))
			return bad_value(f, "true or false");
		*(protobuf_c_boolean *)at = json_is_true(j);
		return NULL;
	case PROTOBUF_C_TYPE_ENUM:
		return parse_enum(f, j, at);
	case PROTOBUF_C_TYPE_STRING:
		return parse_string(f, j, at);
	case PROTOBUF_C_TYPE_BYTES:
		return parse_bytes(f, j, at);
	case PROTOBUF_C_TYPE_MESSAGE:
		return parse_message(f->descriptor, j, depth + 1, at);
	}
	return bad_value(f, "of a known type");
}

/* ---- lists and maps ---- */

static struct dm_err *
parse_list(const ProtobufCFieldDescriptor *f, const json_t *j, unsigned depth,
    size_t *count, void **items)
{
	size_t size = dm_pbjson_element_size(f->type);
	size_t n = json_array_size(j);

	if (!json_is_array(j))
		return bad_value(f, "a list");
	if (n == 0)
		return NULL;
	*items = g_malloc0_n(n, size);
	for (size_t i = 0; i < n; i++) {
		struct dm_err *err = parse_value(
		    f, json_array_get(j, i), depth, (char *)*items + i * size);

		if (err != NULL)
			return err;
		/* Counted one by one: an error frees what is there. */
		*count = i + 1;
	}
	return NULL;
}

static struct dm_err *
parse_entry(const ProtobufCMessageDescriptor *d, const char *key,
    const json_t *value, unsigned depth, ProtobufCMessage **entry)
{
	json_t *pair = json_object();
	struct dm_err *err;

	json_object_set_new(pair, "key", json_string(key));
	json_object_set_new(pair, "value", json_deep_copy(value));
	err = parse_message(d, pair, depth + 1, entry);
	json_decref(pair);
	return err;
}

static struct dm_err *
parse_map(const ProtobufCFieldDescriptor *f, const json_t *j, unsigned depth,
    size_t *count, void **items)
{
	void *it;

	if (!json_is_object(j))
		return bad_value(f, "an object");
	if (json_object_size(j) == 0)
		return NULL;
	*items = g_malloc0_n(json_object_size(j), sizeof(void *));
	/* jansson's iterators take no const, but change nothing. */
	json_t *object = (json_t *)(uintptr_t)j;
	for (it = json_object_iter(object); it != NULL;
	     it = json_object_iter_next(object, it)) {
		struct dm_err *err = parse_entry(f->descriptor,
		    json_object_iter_key(it), json_object_iter_value(it), depth,
		    (ProtobufCMessage **)*items + *count);

		if (err != NULL)
			return err;
		++*count;
	}
	return NULL;
}

/* ---- messages ---- */

/* "start_time_value" -> "startTimeValue" */
static char *
lower_camel(const char *name)
{
	GString *s = g_string_new(NULL);
	bool up = false;

	for (; *name != '\0'; name++) {
		if (*name == '_') {
			up = true;
			continue;
		}
		g_string_append_c(s, up ? g_ascii_toupper(*name) : *name);
		up = false;
	}
	return g_string_free(s, FALSE);
}

static const json_t *
find_value(const json_t *j, const ProtobufCFieldDescriptor *f)
{
	const json_t *v = json_object_get(j, f->name);
	g_autofree char *camel = NULL;

	if (v == NULL) {
		camel = lower_camel(f->name);
		v = json_object_get(j, camel);
	}
	return v == NULL || json_is_null(v) ? NULL : v;
}

static struct dm_err *
parse_field(ProtobufCMessage *m, const ProtobufCFieldDescriptor *f,
    const json_t *v, unsigned depth)
{
	char *base = (char *)m;
	void *at = base + f->offset;
	void *quantifier = base + f->quantifier_offset;
	struct dm_err *err;

	if (f->label == PROTOBUF_C_LABEL_REPEATED)
		return dm_pbjson_is_map(f)
			   ? parse_map(f, v, depth, quantifier, at)
			   : parse_list(f, v, depth, quantifier, at);
	if ((f->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) == 0)
		return parse_value(f, v, depth, at);
	if (*(uint32_t *)quantifier != 0)
		return dm_err_plain(
		    "field %s: another member of its oneof is set", f->name);
	err = parse_value(f, v, depth, at);
	if (err == NULL)
		*(uint32_t *)quantifier = f->id;
	return err;
}

static struct dm_err *
parse_message(const ProtobufCMessageDescriptor *d, const json_t *j,
    unsigned depth, ProtobufCMessage **msg)
{
	ProtobufCMessage *m;

	if (depth > MAX_DEPTH)
		return dm_err_plain("JSON is nested too deeply");
	if (!json_is_object(j))
		return dm_err_plain("%s: not a JSON object", d->short_name);
	m = g_malloc0(d->sizeof_message);
	protobuf_c_message_init(d, m);
	for (unsigned i = 0; i < d->n_fields; i++) {
		const ProtobufCFieldDescriptor *f = &d->fields[i];
		const json_t *v = find_value(j, f);
		struct dm_err *err;

		if (v == NULL)
			continue;
		err = parse_field(m, f, v, depth);
		if (err != NULL) {
			protobuf_c_message_free_unpacked(m, NULL);
			return err;
		}
	}
	*msg = m;
	return NULL;
}

/* ---- single fields, as URLs carry them ---- */

const ProtobufCFieldDescriptor *
dm_pbjson_field(const ProtobufCMessageDescriptor *d, const char *name)
{
	for (unsigned i = 0; i < d->n_fields; i++) {
		g_autofree char *camel = lower_camel(d->fields[i].name);

		if (strcmp(name, d->fields[i].name) == 0 ||
		    strcmp(name, camel) == 0)
			return &d->fields[i];
	}
	return NULL;
}

/* What Go takes for a truth value. */
static struct dm_err *
bool_of_text(const ProtobufCFieldDescriptor *f, const char *text, json_t **j)
{
	static const char *const yes[] = { "1", "t", "T", "true", "TRUE",
		"True" };
	static const char *const no[] = { "0", "f", "F", "false", "FALSE",
		"False" };

	for (size_t i = 0; i < DM_ARRAY_SIZE(yes); i++) {
		if (strcmp(text, yes[i]) == 0 || strcmp(text, no[i]) == 0) {
			*j = json_boolean(strcmp(text, yes[i]) == 0);
			return NULL;
		}
	}
	return bad_value(f, "true or false");
}

/* The value as JSON, which parse_value reads. */
static struct dm_err *
json_of_text(const ProtobufCFieldDescriptor *f, const char *text, json_t **j)
{
	const ProtobufCEnumDescriptor *e = f->descriptor;
	char *end;
	long number;

	if (f->type == PROTOBUF_C_TYPE_MESSAGE)
		return bad_value(f, "of a type that fits into an URL");
	if (f->type == PROTOBUF_C_TYPE_BOOL)
		return bool_of_text(f, text, j);
	*j = json_string(text);
	if (*j == NULL)
		return bad_value(f, "valid UTF-8");
	if (f->type != PROTOBUF_C_TYPE_ENUM ||
	    protobuf_c_enum_descriptor_get_value_by_name(e, text) != NULL)
		return NULL;
	number = strtol(text, &end, 10);
	if (end != text && *end == '\0') {
		json_decref(*j);
		*j = json_integer(number);
	}
	return NULL;
}

static void
drop_text(const ProtobufCFieldDescriptor *f, void *at)
{
	char **text = at;

	if (f->type == PROTOBUF_C_TYPE_STRING && *text != f->default_value)
		g_free(*text);
	if (f->type == PROTOBUF_C_TYPE_BYTES)
		g_free(((ProtobufCBinaryData *)at)->data);
}

static struct dm_err *
append_value(
    ProtobufCMessage *m, const ProtobufCFieldDescriptor *f, const json_t *j)
{
	size_t size = dm_pbjson_element_size(f->type);
	size_t *n = (size_t *)(void *)((char *)m + f->quantifier_offset);
	char **items = (char **)(void *)((char *)m + f->offset);
	struct dm_err *err;

	*items = g_realloc_n(*items, *n + 1, size);
	memset(*items + *n * size, 0, size);
	err = parse_value(f, j, 0, *items + *n * size);
	if (err == NULL)
		++*n;
	return err;
}

struct dm_err *
dm_pbjson_set(
    ProtobufCMessage *msg, const ProtobufCFieldDescriptor *f, const char *text)
{
	uint64_t value[2] = { 0 }; /* holds every type that is no message */
	char *at = (char *)msg + f->offset;
	json_t *j = NULL;
	struct dm_err *err = json_of_text(f, text, &j);

	if (err == NULL && (f->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) != 0)
		err = bad_value(f, "of a type that fits into an URL");
	if (err == NULL && f->label == PROTOBUF_C_LABEL_REPEATED) {
		err = append_value(msg, f, j);
	} else if (err == NULL) {
		err = parse_value(f, j, 0, value);
		if (err == NULL) {
			drop_text(f, at);
			memcpy(at, value, dm_pbjson_element_size(f->type));
		}
	}
	json_decref(j);
	return err;
}

struct dm_err *
dm_pbjson_parse(const ProtobufCMessageDescriptor *d, const char *json,
    size_t len, ProtobufCMessage **msg)
{
	json_error_t why;
	json_t *j;
	struct dm_err *err;

	if (len > DM_PBJSON_MAX_INPUT)
		return dm_err_plain("JSON of %zu bytes, at most %zu are "
				    "accepted",
		    len, DM_PBJSON_MAX_INPUT);
	j = json_loadb(json, len, JSON_ALLOW_NUL, &why);
	if (j == NULL)
		return dm_err_plain("invalid JSON at line %d, column %d: %s",
		    why.line, why.column, why.text);
	err = parse_message(d, j, 0, msg);
	json_decref(j);
	return err;
}
