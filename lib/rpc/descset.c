/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lookup of descriptors: see descset.h.
 *
 * DESIGN: the set is unpacked once; every full name it declares goes into one
 * table, with the file that declares it. Files are kept packed, as they are
 * sent.
 */
#include "lib/rpc/descset.h"

#include "dm_descriptors.h"
#include "google/protobuf/descriptor.pb-c.h"

typedef Google__Protobuf__FileDescriptorSet file_set;
typedef Google__Protobuf__FileDescriptorProto file_proto;
typedef Google__Protobuf__DescriptorProto message_proto;
typedef Google__Protobuf__EnumDescriptorProto enum_proto;
typedef Google__Protobuf__ServiceDescriptorProto service_proto;

struct file {
	GBytes *packed;
	GPtrArray *imports; /* of struct file*, borrowed */
};

struct dm_descset {
	GHashTable *files;    /* name -> struct file, owned */
	GHashTable *symbols;  /* full name -> struct file, borrowed */
	GHashTable *messages; /* full names of those that are messages */
};

static void
file_free(gpointer p)
{
	struct file *f = p;

	g_bytes_unref(f->packed);
	g_ptr_array_unref(f->imports);
	g_free(f);
}

/* ---- names ---- */

/* "scope.name", entered as declared in f; the table keeps it. */
static const char *
add(struct dm_descset *s, const char *scope, const char *name, struct file *f)
{
	char *full = *scope == '\0' ? g_strdup(name)
				    : g_strdup_printf("%s.%s", scope, name);

	g_hash_table_replace(s->symbols, full, f);
	return full;
}

/* The values of an enum belong to the scope around it. */
static void
add_enum(struct dm_descset *s, const char *scope, const enum_proto *e,
    struct file *f)
{
	(void)add(s, scope, e->name, f);
	for (size_t i = 0; i < e->n_value; i++)
		(void)add(s, scope, e->value[i]->name, f);
}

/* Recursion ends: unpacking limits the depth. */
static void
add_message(struct dm_descset *s, const char *scope, const message_proto *m,
    struct file *f)
{
	const char *full = add(s, scope, m->name, f);

	g_hash_table_add(s->messages, g_strdup(full));
	for (size_t i = 0; i < m->n_field; i++)
		(void)add(s, full, m->field[i]->name, f);
	for (size_t i = 0; i < m->n_extension; i++)
		(void)add(s, full, m->extension[i]->name, f);
	for (size_t i = 0; i < m->n_oneof_decl; i++)
		(void)add(s, full, m->oneof_decl[i]->name, f);
	for (size_t i = 0; i < m->n_enum_type; i++)
		add_enum(s, full, m->enum_type[i], f);
	for (size_t i = 0; i < m->n_nested_type; i++)
		add_message(s, full, m->nested_type[i], f);
}

static void
add_service(struct dm_descset *s, const char *scope, const service_proto *p,
    struct file *f)
{
	const char *full = add(s, scope, p->name, f);

	for (size_t i = 0; i < p->n_method; i++)
		(void)add(s, full, p->method[i]->name, f);
}

static void
add_symbols(struct dm_descset *s, const file_proto *p, struct file *f)
{
	const char *scope = p->package != NULL ? p->package : "";

	for (size_t i = 0; i < p->n_message_type; i++)
		add_message(s, scope, p->message_type[i], f);
	for (size_t i = 0; i < p->n_enum_type; i++)
		add_enum(s, scope, p->enum_type[i], f);
	for (size_t i = 0; i < p->n_extension; i++)
		(void)add(s, scope, p->extension[i]->name, f);
	for (size_t i = 0; i < p->n_service; i++)
		add_service(s, scope, p->service[i], f);
}

/* ---- files ---- */

static GBytes *
pack(const file_proto *p)
{
	size_t n = protobuf_c_message_get_packed_size(&p->base);
	uint8_t *data = g_malloc(n + 1);

	(void)protobuf_c_message_pack(&p->base, data);
	return g_bytes_new_take(data, n);
}

static struct dm_err *
add_file(struct dm_descset *s, const file_proto *p)
{
	struct file *f;

	if (p->name == NULL)
		return dm_err_plain("a file descriptor has no name");
	f = g_new0(struct file, 1);
	f->packed = pack(p);
	f->imports = g_ptr_array_new();
	g_hash_table_replace(s->files, g_strdup(p->name), f);
	for (size_t i = 0; i < p->n_dependency; i++) {
		struct file *import =
		    g_hash_table_lookup(s->files, p->dependency[i]);

		/* Standing before, it cannot import this one: no circles. */
		if (import == NULL || import == f)
			return dm_err_plain("%s imports %s, which is missing",
			    p->name, p->dependency[i]);
		g_ptr_array_add(f->imports, import);
	}
	add_symbols(s, p, f);
	return NULL;
}

struct dm_err *
dm_descset_new(const uint8_t *data, size_t size, struct dm_descset **set)
{
	DM_AUTO(dm_descset) s = g_new0(struct dm_descset, 1);
	file_set *in =
	    google__protobuf__file_descriptor_set__unpack(NULL, size, data);
	struct dm_err *err = NULL;

	s->files =
	    g_hash_table_new_full(g_str_hash, g_str_equal, g_free, file_free);
	s->symbols =
	    g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	s->messages =
	    g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	if (in == NULL)
		return dm_err_plain("malformed file descriptors");
	for (size_t i = 0; i < in->n_file && err == NULL; i++)
		err = add_file(s, in->file[i]);
	google__protobuf__file_descriptor_set__free_unpacked(in, NULL);
	if (err == NULL)
		*set = DM_TAKE(s);
	return err;
}

struct dm_descset *
dm_descset_own(void)
{
	struct dm_descset *s = NULL;
	struct dm_err *err =
	    dm_descset_new(dm_descriptors, sizeof(dm_descriptors), &s);

	dm_assert(err == NULL); /* the build made them */
	return s;
}

void
dm_descset_free(struct dm_descset *s)
{
	if (s == NULL)
		return;
	g_hash_table_destroy(s->messages);
	g_hash_table_destroy(s->symbols);
	g_hash_table_destroy(s->files);
	g_free(s);
}

/* ---- lookup ---- */

static void
collect(const struct file *f, GPtrArray *out)
{
	if (g_ptr_array_find(out, f->packed, NULL))
		return;
	g_ptr_array_add(out, f->packed);
	for (guint i = 0; i < f->imports->len; i++)
		collect(g_ptr_array_index(f->imports, i), out);
}

static GPtrArray *
with_imports(const struct file *f)
{
	GPtrArray *out;

	if (f == NULL)
		return NULL;
	out = g_ptr_array_new();
	collect(f, out);
	return out;
}

GPtrArray *
dm_descset_by_file(const struct dm_descset *s, const char *name)
{
	return with_imports(g_hash_table_lookup(s->files, name));
}

static const char *
undotted(const char *symbol)
{
	return *symbol == '.' ? symbol + 1 : symbol;
}

GPtrArray *
dm_descset_by_symbol(const struct dm_descset *s, const char *symbol)
{
	return with_imports(g_hash_table_lookup(s->symbols, undotted(symbol)));
}

bool
dm_descset_is_message(const struct dm_descset *s, const char *symbol)
{
	return g_hash_table_contains(s->messages, undotted(symbol));
}
