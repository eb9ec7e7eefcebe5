/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What servers add by themselves. Verified against MariaDB 10.11's SHOW CREATE
 * TABLE.
 */
#include "lib/schema/complete.h"

#include <string.h>

#include "lib/ddl/column_text.h"
#include "lib/schema/charset.h"

static void
set(char **to, char *text)
{
	g_free(*to);
	*to = text;
}

void
dm_complete_charset(
    struct dm_table *t, const char *charset, const char *collation)
{
	if (t->charset == NULL && t->collation != NULL)
		t->charset = dm_charset_of_collation(t->collation);
	if (t->charset != NULL)
		return;
	t->charset = g_strdup(charset);
	if (t->collation == NULL)
		t->collation = g_strdup(collation);
}

/* Text of the binary charset is another type. */
static void
make_binary(struct dm_column *c)
{
	static const struct {
		enum dm_type from, to;
		const char *old_name, *new_name;
	} types[] = {
		{ DM_T_CHAR, DM_T_BINARY, "char", "binary" },
		{ DM_T_VARCHAR, DM_T_VARBINARY, "varchar", "varbinary" },
		{ DM_T_TINYTEXT, DM_T_TINYBLOB, "tinytext", "tinyblob" },
		{ DM_T_TEXT, DM_T_BLOB, "text", "blob" },
		{ DM_T_MEDIUMTEXT, DM_T_MEDIUMBLOB, "mediumtext",
		    "mediumblob" },
		{ DM_T_LONGTEXT, DM_T_LONGBLOB, "longtext", "longblob" },
	};

	for (size_t i = 0; i < DM_ARRAY_SIZE(types); i++) {
		if (c->type != types[i].from)
			continue;
		c->type = types[i].to;
		set(&c->type_text,
		    g_strconcat(types[i].new_name,
			c->type_text + strlen(types[i].old_name), NULL));
		set(&c->charset, NULL);
		set(&c->collation, NULL);
		return;
	}
}

/* TEXT(n) and BLOB(n) become the smallest type that holds n characters. */
static void
choose_size(struct dm_column *c)
{
	static const char *const texts[] = { "tinytext", "text", "mediumtext",
		"longtext" };
	static const char *const blobs[] = { "tinyblob", "blob", "mediumblob",
		"longblob" };
	bool text = c->type == DM_T_TEXT;
	int64_t bytes = c->length;
	int n;

	if ((c->type != DM_T_TEXT && c->type != DM_T_BLOB) || c->length < 0)
		return;
	if (text)
		bytes *= dm_charset_max_bytes(
		    c->charset == NULL ? "utf8mb4" : c->charset);
	n = bytes < 256 ? 0 : bytes < 65536 ? 1 : bytes < 1 << 24 ? 2 : 3;
	c->type = (enum dm_type)(
	    (text ? DM_T_TINYTEXT : DM_T_TINYBLOB) + (unsigned)n);
	c->length = -1;
	set(&c->type_text, g_strdup(text ? texts[n] : blobs[n]));
}

void
dm_complete_column(const struct dm_table *t, struct dm_column *c)
{
	bool inherits = c->charset == NULL && c->collation == NULL;

	if (!dm_type_is_text(c->type)) {
		choose_size(c);
		return;
	}
	if (c->charset == NULL && c->collation != NULL)
		c->charset = dm_charset_of_collation(c->collation);
	if (c->charset == NULL)
		c->charset = g_strdup(t->charset);
	if (inherits)
		c->collation = g_strdup(t->collation);
	if (c->charset != NULL && g_strcmp0(c->collation, "_bin") == 0)
		set(&c->collation, g_strdup_printf("%s_bin", c->charset));
	choose_size(c);
	if (g_strcmp0(c->charset, "binary") == 0)
		make_binary(c);
}

/* The first column's name, then with _2, _3, .. behind it. */
void
dm_complete_index(const struct dm_table *t, struct dm_index *x)
{
	const struct dm_index_part *p;
	const char *base = "functional_index";

	if (x->name != NULL || x->parts->len == 0)
		return;
	p = &g_array_index(x->parts, struct dm_index_part, 0);
	if (p->column != NULL) {
		int n = dm_table_column(t, p->column);

		base = p->column;
		if (n >= 0) {
			const struct dm_column *c =
			    g_ptr_array_index(t->columns, (guint)n);

			base = c->name;
		}
	}
	if (dm_table_index(t, base) == NULL &&
	    g_ascii_strcasecmp(base, "PRIMARY") != 0) {
		x->name = g_strdup(base);
		return;
	}
	for (unsigned n = 2; x->name == NULL; n++) {
		g_autofree char *name = g_strdup_printf("%s_%u", base, n);

		if (dm_table_index(t, name) == NULL)
			x->name = DM_TAKE(name);
	}
}

bool
dm_column_is_long(const struct dm_column *c)
{
	return c->type == DM_T_GEOMETRY || c->type == DM_T_JSON ||
	       (c->type >= DM_T_TINYTEXT && c->type <= DM_T_LONGBLOB);
}

int
dm_complete_prefix(const struct dm_column *c, int prefix)
{
	int length = c->length < 0 ? 1 : c->length;

	if (prefix < 0 || dm_column_is_long(c))
		return prefix;
	if (c->type < DM_T_CHAR || c->type > DM_T_VARBINARY)
		return -1;
	return prefix >= length ? -1 : prefix;
}

void
dm_complete_prefixes(struct dm_table *t)
{
	for (guint i = 0; i < t->indexes->len; i++) {
		const struct dm_index *x = g_ptr_array_index(t->indexes, i);

		for (guint k = 0; k < x->parts->len; k++) {
			struct dm_index_part *p =
			    &g_array_index(x->parts, struct dm_index_part, k);
			int n = p->column == NULL
				    ? -1
				    : dm_table_column(t, p->column);

			if (n >= 0)
				p->prefix = dm_complete_prefix(
				    g_ptr_array_index(t->columns, (guint)n),
				    p->prefix);
		}
	}
}

static bool
covers(const struct dm_index *x, const GPtrArray *columns)
{
	if (x->kind == DM_INDEX_FULLTEXT || x->kind == DM_INDEX_SPATIAL ||
	    x->parts->len < columns->len)
		return false;
	for (guint i = 0; i < columns->len; i++) {
		const struct dm_index_part *p =
		    &g_array_index(x->parts, struct dm_index_part, i);

		if (p->column == NULL || p->prefix >= 0 ||
		    g_ascii_strcasecmp(
			p->column, g_ptr_array_index(columns, i)) != 0)
			return false;
	}
	return true;
}

/* Whether x begins with the columns of `of`. */
static bool
replaces(const struct dm_index *x, const struct dm_index *of)
{
	g_autoptr(GPtrArray) columns = g_ptr_array_new();

	for (guint i = 0; i < of->parts->len; i++)
		g_ptr_array_add(columns,
		    g_array_index(of->parts, struct dm_index_part, i).column);
	return covers(x, columns);
}

void
dm_complete_replace(struct dm_table *t, const struct dm_index *x)
{
	for (guint i = t->indexes->len; i > 0; i--) {
		const struct dm_index *old =
		    g_ptr_array_index(t->indexes, i - 1);

		if (old->generated && replaces(x, old))
			g_ptr_array_remove_index(t->indexes, i - 1);
	}
}

void
dm_complete_generated(struct dm_table *t)
{
	for (guint i = 0; i < t->indexes->len; i++) {
		const struct dm_index *x = g_ptr_array_index(t->indexes, i);

		if (x->generated)
			continue;
		dm_complete_replace(t, x);
		/* Those before it may have gone. */
		(void)g_ptr_array_find(t->indexes, x, &i);
	}
}

static void
name_foreign_key(const struct dm_table *t, struct dm_foreign_key *f)
{
	unsigned last = 0;

	if (f->name == NULL)
		f->name = g_strdup(f->index_name);
	if (f->name != NULL)
		return;
	for (guint i = 0; i < t->foreign_keys->len; i++) {
		const struct dm_foreign_key *o =
		    g_ptr_array_index(t->foreign_keys, i);
		const char *mark =
		    o->name == NULL ? NULL : strstr(o->name, "_ibfk_");

		if (mark != NULL)
			last =
			    MAX(last, (unsigned)g_ascii_strtoull(
					  mark + strlen("_ibfk_"), NULL, 10));
	}
	f->name = g_strdup_printf("%s_ibfk_%u", t->name, last + 1);
}

static bool
has_index_for(const struct dm_table *t, const struct dm_foreign_key *f)
{
	for (guint i = 0; i < t->indexes->len; i++) {
		const struct dm_index *x = g_ptr_array_index(t->indexes, i);

		if (!x->generated && covers(x, f->columns))
			return true;
	}
	return false;
}

struct dm_err *
dm_complete_foreign_key(struct dm_table *t, struct dm_foreign_key *f)
{
	/* The constraint's name goes first: the server's habit. */
	const char *name = f->name == NULL ? f->index_name : f->name;
	DM_AUTO(dm_index) x = NULL;
	struct dm_err *err;

	/* Some servers ignore these altogether. */
	if (f->inlined)
		return NULL;
	x = dm_index_new(DM_INDEX_PLAIN, name);
	for (guint i = 0; i < f->columns->len; i++)
		dm_index_add_column(x, g_ptr_array_index(f->columns, i));
	err = dm_complete_check_index(t, x);
	if (err != NULL)
		return err;
	if (!has_index_for(t, f)) {
		dm_complete_replace(t, x);
		if (name != NULL && dm_table_index(t, name) != NULL)
			return dm_err_plain("duplicate key name '%s'", name);
		dm_complete_index(t, x);
		x->generated = true;
		g_ptr_array_add(t->indexes, DM_TAKE(x));
	}
	name_foreign_key(t, f);
	return NULL;
}

static void
require_not_null(struct dm_table *t, const char *column)
{
	int n = dm_table_column(t, column);
	struct dm_column *c;

	if (n < 0)
		return;
	c = g_ptr_array_index(t->columns, (guint)n);
	if (!c->not_null)
		dm_column_set_not_null(c);
}

/* Columns of a period of the application; those of the system are not told. */
static void
complete_periods(struct dm_table *t)
{
	for (guint i = 0; i < t->checks->len; i++) {
		const char *text = g_ptr_array_index(t->checks, i);

		if (!g_str_has_prefix(text, "PERIOD FOR "))
			continue;
		for (guint k = 0; k < t->columns->len; k++) {
			struct dm_column *c = g_ptr_array_index(t->columns, k);

			if (!c->generated && !c->not_null &&
			    dm_check_names(text, c->name))
				dm_column_set_not_null(c);
		}
	}
}

void
dm_complete_not_null(struct dm_table *t)
{
	const struct dm_index *x = dm_table_primary(t);

	for (guint i = 0; x != NULL && i < x->parts->len; i++) {
		const struct dm_index_part *p =
		    &g_array_index(x->parts, struct dm_index_part, i);

		if (p->column != NULL)
			require_not_null(t, p->column);
	}
	for (guint i = 0; i < t->columns->len; i++) {
		struct dm_column *c = g_ptr_array_index(t->columns, i);

		if (c->auto_increment && !c->not_null)
			dm_column_set_not_null(c);
	}
	complete_periods(t);
}

struct dm_err *
dm_complete_check_index(const struct dm_table *t, const struct dm_index *x)
{
	for (guint i = 0; i < x->parts->len; i++) {
		const struct dm_index_part *p =
		    &g_array_index(x->parts, struct dm_index_part, i);

		if (p->column != NULL && dm_table_column(t, p->column) < 0)
			return dm_err_plain(
			    "key column '%s' does not exist in table '%s'",
			    p->column, t->name);
	}
	return NULL;
}

static struct dm_err *
check_columns(const struct dm_table *t)
{
	g_autoptr(GHashTable) seen =
	    g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);

	for (guint i = 0; i < t->columns->len; i++) {
		const struct dm_column *c = g_ptr_array_index(t->columns, i);
		char *key = g_ascii_strdown(c->name, -1);

		if (!g_hash_table_add(seen, key))
			return dm_err_plain(
			    "duplicate column name '%s'", c->name);
	}
	return NULL;
}

static void
free_index(void *p)
{
	dm_index_free(p);
}

/* Names in order of definition, as servers do; then a name that comes twice is
 * an error there, too. */
static struct dm_err *
complete_indexes(struct dm_table *t)
{
	g_autoptr(GPtrArray) all = g_steal_pointer(&t->indexes);
	struct dm_err *err = NULL;

	t->indexes = g_ptr_array_new_with_free_func(free_index);
	while (all->len > 0 && err == NULL) {
		struct dm_index *x = g_ptr_array_steal_index(all, 0);

		err = dm_complete_check_index(t, x);
		dm_complete_index(t, x);
		if (err == NULL && dm_table_index(t, x->name) != NULL)
			err = dm_err_plain("duplicate key name '%s'", x->name);
		g_ptr_array_add(t->indexes, x);
	}
	return err;
}

struct dm_err *
dm_complete_table(
    struct dm_table *t, const char *charset, const char *collation)
{
	struct dm_err *err = check_columns(t);

	if (err != NULL)
		return err;
	dm_complete_charset(t, charset, collation);
	for (guint i = 0; i < t->columns->len; i++)
		dm_complete_column(t, g_ptr_array_index(t->columns, i));
	err = complete_indexes(t);
	if (err != NULL)
		return err;
	for (guint i = 0; i < t->foreign_keys->len && err == NULL; i++)
		err = dm_complete_foreign_key(
		    t, g_ptr_array_index(t->foreign_keys, i));
	if (err != NULL)
		return err;
	dm_complete_not_null(t);
	dm_complete_prefixes(t);
	return NULL;
}
