/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is to be loaded: from the files' names and the schema files, or from the
 * meta when loading goes on. Called by the subtask's thread.
 */
#include "lib/log/log.h"
#include "lib/route/route.h"
#include "worker/load/load_internal.h"
#include "worker/meta_internal.h"

#include <string.h>
#include <strings.h>

static char *
table_name(const char *db, const char *table)
{
	return g_strconcat(db, "\001", table, NULL);
}

static struct dm_err *
bad_file(const char *name, const char *what, const char *remedy)
{
	g_autofree char *text = g_strdup_printf("file %s: %s", name, what);

	return dm_err_set_workaround(
	    dm_err_new(LOAD_LIGHTNING_RUNTIME, text), "%s", remedy);
}

/* The first statement of a schema file that begins with CREATE; new string. */
static struct dm_err *
read_create(struct load_run *d, const char *name, char **sql)
{
	g_autofree char *text = NULL;
	g_autoptr(GPtrArray) all = NULL;
	size_t len = 0;
	struct dm_err *err = load_read_file(d, name, &text, &len);

	if (err == NULL)
		err = dm_dump_statements(name, text, len, &all);
	if (err != NULL)
		return err;
	for (guint i = 0; i < all->len; i++) {
		if (strncasecmp(all->pdata[i], "CREATE ", 7) != 0)
			continue;
		*sql = g_strdup(all->pdata[i]);
		return NULL;
	}
	return bad_file(name, "it has no CREATE statement",
	    "put the file there as the dump tool wrote it, then `resume-task`");
}

/* ---- databases ---- */

/* The word behind key in a CREATE DATABASE; NULL: none. */
static char *
word_behind(const char *sql, const char *key)
{
	const char *at = strcasestr(sql, key);
	size_t n;

	if (at == NULL)
		return NULL;
	at += strlen(key);
	at += strspn(at, " =");
	n = strspn(at, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
		       "0123456789_");
	return n == 0 ? NULL : g_strndup(at, n);
}

static struct dm_err *
add_database(struct load_run *d, const struct dm_dump_name *n, const char *file)
{
	struct copy_run *r = &d->r;
	struct copy_database *db;
	g_autofree char *sql = NULL;
	const char *options;
	struct dm_err *err;
	char *none; /* a database has no table name */

	/* A list of tables says nothing about databases: the dump has those
	 * that it needs. */
	if (r->only == NULL && copy_skips(r, n->db, NULL))
		return NULL;
	err = read_create(d, file, &sql);
	if (err != NULL)
		return err;
	db = g_new0(struct copy_database, 1);
	g_ptr_array_add(r->databases, db);
	db->name = g_strdup(n->db);
	dm_assert(sql != NULL);
	/* Its options stand behind the quoted name. */
	options = strrchr(sql, '`');
	options = options == NULL ? sql : options + 1;
	db->charset = word_behind(options, "CHARACTER SET");
	db->collation = word_behind(options, "COLLATE");
	return dm_route(r->router, db->name, NULL, &db->to, &none);
}

/* ---- tables ---- */

static struct load_table *
find_table(struct load_run *d, const char *db, const char *table)
{
	for (guint i = d->tables->len; i-- > 0;) {
		struct load_table *t = d->tables->pdata[i];

		if (strcmp(t->t->meta->db, db) == 0 &&
		    strcmp(t->t->meta->tbl, table) == 0)
			return t;
	}
	return NULL;
}

static struct load_table *
add_load_table(struct load_run *d, struct copy_table *t)
{
	struct load_table *l = g_new0(struct load_table, 1);

	l->t = t;
	l->told = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	g_ptr_array_add(d->tables, l);
	return l;
}

/* The table that a file belongs to, made when it is met first. */
static struct dm_err *
need_table(
    struct load_run *d, const struct dm_dump_name *n, struct load_table **out)
{
	struct meta_table *m;
	struct copy_table *t;

	*out = find_table(d, n->db, n->table);
	if (*out != NULL)
		return NULL;
	m = g_new0(struct meta_table, 1);
	m->db = g_strdup(n->db);
	m->tbl = g_strdup(n->table);
	t = copy_table_new(m);
	g_ptr_array_add(d->r.tables, t);
	*out = add_load_table(d, t);
	return copy_route_table(&d->r, t);
}

static struct dm_err *
add_structure(
    struct load_run *d, const struct dm_dump_name *n, const char *file)
{
	DM_AUTO(dm_table) parsed = NULL;
	struct load_table *t;
	struct dm_err *err = need_table(d, n, &t);

	if (err == NULL)
		err = read_create(d, file, &t->t->meta->structure);
	if (err == NULL)
		err = dm_schema_parse_create(
		    t->t->meta->structure, 0, n->db, NULL, &parsed);
	return err == NULL ? NULL : dm_err_annotate(err, "file %s", file);
}

static struct dm_err *
file_size(struct load_run *d, const char *name, uint64_t *size, char **mtime)
{
	if (!dump_dir_stat(&d->dir, name, size, mtime))
		return bad_file(name,
		    "it is not there any more, though rows "
		    "of it are not loaded yet",
		    "put the file back, then `resume-task`; or dump anew and "
		    "begin with `start-task --remove-meta`");
	return NULL;
}

static struct dm_err *
add_rows(struct load_run *d, const struct dm_dump_name *n, const char *file)
{
	struct load_file *f;
	struct load_table *t;
	struct dm_err *err = need_table(d, n, &t);

	if (err != NULL)
		return err;
	f = g_new0(struct load_file, 1);
	g_ptr_array_add(d->files, f);
	f->table = t;
	f->name = g_strdup(file);
	f->csv = n->kind == DM_DUMP_ROWS_CSV;
	f->compress = n->compress;
	f->id = t->open++;
	g_ptr_array_add(d->rows, g_strdup(file));
	err = file_size(d, file, &f->size, &f->mtime);
	t->t->meta->est_bytes += f->size;
	return err;
}

/* ---- views, sequences ---- */

/* "SELECT SETVAL(`s`, 17, 0, 0)", as dumpling "SELECT SETVAL(`s`,17)", or with
 * DO: what stands behind the name. NULL: not that. New string. */
static char *
setval_args(const char *sql)
{
	static const char do_it[] = "DO SETVAL(", head[] = "SELECT SETVAL(";
	const char *comma, *end;
	size_t n;

	if (strncasecmp(sql, head, sizeof(head) - 1) != 0 &&
	    strncasecmp(sql, do_it, sizeof(do_it) - 1) != 0)
		return NULL;
	/* Behind the name: it may have commas itself. */
	comma = strrchr(sql, '`');
	comma = comma == NULL ? NULL : strchr(comma, ',');
	if (comma == NULL)
		return NULL;
	n = strspn(comma + 1, "-0123456789, ");
	end = comma + 1 + n;
	return n > 0 && strcmp(end, ")") == 0 ? g_strndup(comma + 1, n) : NULL;
}

static struct dm_err *
read_next(struct load_run *d, const char *name, char **next)
{
	g_autofree char *text = NULL;
	g_autoptr(GPtrArray) all = NULL;
	size_t len = 0;
	struct dm_err *err = load_read_file(d, name, &text, &len);

	if (err == NULL)
		err = dm_dump_statements(name, text, len, &all);
	for (guint i = 0; err == NULL && *next == NULL && i < all->len; i++)
		*next = setval_args(all->pdata[i]);
	return err;
}

/* A view or sequence. */
static struct dm_err *
add_object(struct load_run *d, const struct dm_dump_name *n, const char *file)
{
	struct copy_object *o = g_new0(struct copy_object, 1);
	struct dm_err *err;

	dm_assert(n->db != NULL && n->table != NULL);

	g_ptr_array_add(d->r.objects, o);
	o->db = g_strdup(n->db);
	o->name = g_strdup(n->table);
	o->sequence = n->kind == DM_DUMP_SEQUENCE;
	err = dm_route(d->r.router, o->db, o->name, &o->to_db, &o->to_name);
	if (err == NULL)
		err = read_create(d, file, &o->sql);
	if (err == NULL && o->sequence)
		err = read_next(d, file, &o->next);
	return err;
}

/* A view has a file like a table's, too: what stands for it until its own. */
static bool
is_view(const struct load_run *d, const struct dm_dump_name *n)
{
	for (guint i = 0; i < d->r.objects->len; i++) {
		const struct copy_object *o = d->r.objects->pdata[i];

		if (strcmp(o->db, n->db) == 0 && strcmp(o->name, n->table) == 0)
			return true;
	}
	return false;
}

/* ---- the folder ---- */

static struct dm_err *
scan_file(struct load_run *d, const struct dm_dump_name *n, const char *file,
    bool new)
{
	/* A table's file has both names, as its kind says. */
	dm_assert(n->kind < DM_DUMP_TABLE || n->table != NULL);
	switch (n->kind) {
	case DM_DUMP_OTHER:
		dm_info("a file that is not loaded", dm_kstr("file", file));
		return NULL;
	case DM_DUMP_METADATA:
	case DM_DUMP_VIEW:
	case DM_DUMP_SEQUENCE:
		return NULL;
	case DM_DUMP_DATABASE:
		return add_database(d, n, file);
	case DM_DUMP_TABLE:
		return new && !is_view(d, n) ? add_structure(d, n, file) : NULL;
	case DM_DUMP_ROWS_SQL:
	case DM_DUMP_ROWS_CSV:
		return new ? add_rows(d, n, file) : NULL;
	}
	return NULL;
}

static struct dm_err *
scan_objects(struct load_run *d)
{
	struct dm_err *err = NULL;

	for (guint i = 0; err == NULL && i < d->names->len; i++) {
		const char *file = d->names->pdata[i];
		struct dm_dump_name n;

		(void)dm_dump_name_parse(file, &n);
		if ((n.kind == DM_DUMP_VIEW || n.kind == DM_DUMP_SEQUENCE) &&
		    !copy_skips(&d->r, n.db, n.table))
			err = add_object(d, &n, file);
		dm_dump_name_clear(&n);
	}
	return err;
}

struct dm_err *
load_plan_scan(struct load_run *d, bool new)
{
	struct copy_run *r = &d->r;
	struct dm_err *err;

	r->databases = g_ptr_array_new_with_free_func(copy_database_free);
	r->objects = g_ptr_array_new_with_free_func(copy_object_free);
	r->tables = copy_table_array();
	err = scan_objects(d);
	for (guint i = 0; err == NULL && i < d->names->len; i++) {
		const char *file = d->names->pdata[i];
		struct dm_dump_name n;

		(void)dm_dump_name_parse(file, &n);
		if (n.table == NULL || !copy_skips(r, n.db, n.table))
			err = scan_file(d, &n, file, new);
		dm_dump_name_clear(&n);
	}
	if (err == NULL && new)
		err = copy_check_targets(r);
	return err;
}

/* ---- a new plan ---- */

/* Of a table without a schema file: that of the target. */
static struct dm_err *
borrow_structure(struct load_run *d, struct copy_table *t)
{
	struct meta_table *m = t->meta;
	g_autofree char *name = dm_sql_quote_table(t->to_db, t->to_table);
	g_autofree char *what = NULL, *file = NULL;
	DM_AUTO(dm_sql_result) res = NULL;
	struct dm_sql_row row;
	bool more = false;
	struct dm_err *err =
	    dm_sql_queryf(d->r.dst, &res, "SHOW CREATE TABLE %s", name);

	if (err == NULL)
		err = dm_sql_next(res, &row, &more);
	if (err == NULL && more && row.n > 1) {
		m->structure = g_strdup(row.cells[1]);
		return NULL;
	}
	if (err != NULL && dm_sql_last_errno(d->r.dst) != ER_NO_SUCH_TABLE_ &&
	    dm_sql_last_errno(d->r.dst) != ER_BAD_DB_)
		return err;
	dm_err_free(err); /* the table is not there */
	file = g_strdup_printf("%s.%s-schema.sql", m->db, m->tbl);
	what = g_strdup_printf(
	    "it is missing, and the target has no table %s either", name);
	return bad_file(file, what,
	    "put the table's schema file there, or create the target table, "
	    "then `resume-task`");
}

/* Up to where the dump's rows may reach. */
static const struct dm_pos *
reaches(const struct dm_dump_metadata *m, const struct meta_table *t)
{
	const struct dm_pos *hi = m->after.there ? &m->after.pos : &m->at.pos;
	g_autofree char *db = dm_dump_name_escape(t->db);
	g_autofree char *table = dm_dump_name_escape(t->tbl);
	g_autofree char *name = g_strconcat(db, ".", table, NULL);

	if (m->loose.there && m->loose_tables != NULL &&
	    g_hash_table_contains(m->loose_tables, name) &&
	    dm_pos_cmp(hi, &m->loose.pos) < 0)
		return &m->loose.pos;
	return hi;
}

static struct dm_err *
complete_tables(struct load_run *d, const struct dm_dump_metadata *m)
{
	struct copy_run *r = &d->r;
	g_autoptr(GHashTable) there = NULL;
	struct dm_err *err = copy_target_list(r, &there);

	for (guint i = 0; err == NULL && i < r->tables->len; i++) {
		struct copy_table *t = r->tables->pdata[i];
		g_autofree char *to = table_name(t->to_db, t->to_table);

		t->meta->created = !g_hash_table_contains(there, to);
		t->meta->snap_lo = m->at.pos;
		t->meta->snap_hi = *reaches(m, t->meta);
		if (t->meta->structure == NULL)
			err = borrow_structure(d, t);
	}
	return err;
}

struct dm_err *
load_plan_new(struct load_run *d, const struct dm_dump_metadata *m)
{
	struct copy_run *r = &d->r;
	struct dm_err *err = complete_tables(d, m);

	if (err == NULL)
		err = dm_sql_execf(r->dst, "BEGIN");
	if (err != NULL)
		return err;
	err = meta_check_fence(r->meta, r->dst);
	if (err == NULL)
		err = copy_plan_save_rows(r, r->tables);
	if (err == NULL)
		err = load_progress_add(d, d->files);
	if (err == NULL)
		err = meta_save_phase(
		    r->meta, r->dst, META_PHASE_LOAD, &m->at.pos, m->at.gtid);
	if (err == NULL)
		return dm_sql_execf(r->dst, "COMMIT");
	if (!dm_err_is(err, DB_BAD_CONN))
		dm_err_free(dm_sql_execf(r->dst, "ROLLBACK")); /* err counts */
	return err;
}

/* ---- an old one ---- */

/* A file that changed cannot be gone on with. */
static struct dm_err *
check_file(struct load_run *d, const struct load_file *f)
{
	g_autofree char *mtime = NULL;
	uint64_t size = 0;
	struct dm_err *err;

	if (f->done)
		return NULL;
	err = file_size(d, f->name, &size, &mtime);
	if (err != NULL)
		return err;
	if (size != f->size)
		return bad_file(f->name,
		    "its size is not the one it had when loading began",
		    "put back the file as it was, then `resume-task`; or begin "
		    "anew with `start-task --remove-meta` and empty target "
		    "tables");
	dm_assert(mtime != NULL);
	if (f->mtime[0] == '\0' || strcmp(mtime, f->mtime) == 0)
		return NULL;
	return bad_file(f->name,
	    "it was written again since loading began (its time is another)",
	    "put back the file as it was, with its time (`cp -p`, `rsync -a`), "
	    "then `resume-task`; or begin anew with `start-task "
	    "--remove-meta` and empty target tables");
}

struct dm_err *
load_plan_resume(struct load_run *d)
{
	struct copy_run *r = &d->r;
	g_autoptr(GHashTable) by_name =
	    g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	g_autoptr(GPtrArray) saved = NULL;
	struct dm_err *err = meta_load_tables(r->meta, r->dst, &saved);

	if (err != NULL)
		return err;
	g_ptr_array_set_free_func(saved, NULL); /* now of r->tables */
	for (guint i = 0; i < saved->len; i++) {
		struct meta_table *m = saved->pdata[i];
		struct copy_table *t = copy_table_new(m);

		if (m->state != META_TABLE_DONE)
			m->rows = m->bytes = 0; /* summed up again */
		g_ptr_array_add(r->tables, t);
		g_hash_table_insert(
		    by_name, table_name(m->db, m->tbl), add_load_table(d, t));
		if (err == NULL)
			err = copy_route_table(r, t);
	}
	if (err == NULL)
		err = load_progress_read(d, by_name);
	for (guint i = 0; err == NULL && i < d->files->len; i++)
		err = check_file(d, d->files->pdata[i]);
	return err;
}

/* ---- for the lanes ---- */

static struct dm_err *
read_target(struct load_run *d, struct load_table *t)
{
	const struct meta_table *m = t->t->meta;
	g_autofree char *name = dm_sql_quote_table(t->t->to_db, t->t->to_table);
	DM_AUTO(dm_sql_result) res = NULL;
	struct dm_sql_row row;
	struct dm_err *err;
	bool more = false;

	err = dm_schema_parse_create(m->structure, 0, m->db, NULL, &t->source);
	if (err == NULL)
		err =
		    dm_sql_queryf(d->r.dst, &res, "SHOW CREATE TABLE %s", name);
	if (err == NULL)
		err = dm_sql_next(res, &row, &more);
	if (err == NULL && more && row.n > 1 && row.cells[1] != NULL)
		err = dm_schema_parse_create(
		    row.cells[1], 0, t->t->to_db, NULL, &t->target);
	return err;
}

struct dm_err *
load_plan_tables(struct load_run *d)
{
	struct dm_err *err = NULL;

	for (guint i = 0; err == NULL && i < d->tables->len; i++) {
		struct load_table *t = d->tables->pdata[i];

		if (t->t->meta->state != META_TABLE_DONE)
			err = read_target(d, t);
	}
	return err;
}
