/* SPDX-License-Identifier: Apache-2.0 */
/*
 * config export and config import: the cluster's sources and tasks as files.
 *
 * FORMAT: <dir>/sources/<source>.yaml, <dir>/tasks/<task>.yaml, and
 * <dir>/relay_workers.json, {"source":["worker",...]}, if there are any.
 * SOURCE: dm/ctl/master/config.go. Differs: relay workers are found by asking
 * the sources for their status, since our etcd is not reachable from outside;
 * a source with enable-relay is left out, as its file says it already.
 */
#include "ctl/common.h"
#include "dmmaster.pb-c.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <string.h>

#define DEFAULT_DIR "configs"
#define RELAY_FILE  "relay_workers.json"

static const struct ctl_opt opt_dir = {
	.name = "dir",
	.letter = 'd',
	.kind = CTL_STRING,
	.help = "Old name of --path.",
	.hidden = true,
};

/* -p, which the parent `config` has, or -d. */
static const char *
directory(struct ctl_inv *inv)
{
	const struct ctl_opt *path = ctl_cmd_opt(inv, "path", 0);

	if (path != NULL && ctl_given(inv, path))
		return ctl_string(inv, path);
	if (ctl_given(inv, &opt_dir))
		return ctl_string(inv, &opt_dir);
	return DEFAULT_DIR;
}

/* ---- export ---- */

static struct dm_err *
make_dir(const char *dir)
{
	if (g_mkdir_with_parents(dir, 0700) == 0)
		return NULL;
	return dm_err_plain("mkdir %s: %s", dir, g_strerror(errno));
}

/* The name comes from the network and must stay inside of dir. */
static struct dm_err *
write_config(const char *dir, const char *name, const char *text)
{
	g_autofree char *path = NULL;

	if (name[0] == '\0' || name[0] == '.' || strchr(name, '/') != NULL)
		return dm_err_plain(
		    "\"%s\" cannot be the name of a file, not exported", name);
	path = g_strdup_printf("%s/%s.yaml", dir, name);
	return ctl_write_file(path, text);
}

static struct dm_err *
export_sources(const char *dir, const Pb__ListSourceConfigsResponse *resp)
{
	g_autofree char *sub = g_build_filename(dir, "sources", NULL);
	struct dm_err *err = make_dir(sub);

	for (size_t i = 0; err == NULL && i < resp->n_sourceconfigs; i++)
		err = write_config(sub, resp->sourceconfigs[i]->key,
		    resp->sourceconfigs[i]->value);
	return err;
}

static struct dm_err *
export_tasks(const char *dir, const Pb__ListTaskConfigsResponse *resp)
{
	g_autofree char *sub = g_build_filename(dir, "tasks", NULL);
	struct dm_err *err = make_dir(sub);

	for (size_t i = 0; err == NULL && i < resp->n_taskconfigs; i++)
		err = write_config(sub, resp->taskconfigs[i]->key,
		    resp->taskconfigs[i]->value);
	return err;
}

static bool
relay_is_in_file(const Pb__ListSourceConfigsResponse *configs, const char *id)
{
	for (size_t i = 0; i < configs->n_sourceconfigs; i++) {
		g_autofree char *v = NULL;

		if (strcmp(configs->sourceconfigs[i]->key, id) != 0)
			continue;
		v = ctl_yaml_scalar(
		    configs->sourceconfigs[i]->value, "enable-relay");
		return g_strcmp0(v, "true") == 0;
	}
	return false;
}

static int
by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* {"source":["worker",...]}, both sorted. New reference. */
static json_t *
relay_workers(const Pb__ListSourceConfigsResponse *configs,
    const Pb__QueryStatusListResponse *status)
{
	g_autoptr(GPtrArray) pairs = g_ptr_array_new_with_free_func(g_free);
	json_t *j = json_object();

	for (size_t i = 0; i < status->n_sources; i++) {
		const Pb__SourceStatus *s = status->sources[i]->sourcestatus;

		if (s != NULL && s->relaystatus != NULL &&
		    !relay_is_in_file(configs, s->source))
			g_ptr_array_add(pairs,
			    g_strconcat(s->source, "\n", s->worker, NULL));
	}
	if (pairs->len > 0)
		qsort(pairs->pdata, pairs->len, sizeof(void *), by_name);
	for (guint i = 0; i < pairs->len; i++) {
		g_auto(GStrv) p =
		    g_strsplit(g_ptr_array_index(pairs, i), "\n", 2);
		json_t *list = json_object_get(j, p[0]);

		if (list == NULL) {
			list = json_array();
			json_object_set_new(j, p[0], list);
		}
		json_array_append_new(list, ctl_json_string(p[1]));
	}
	return j;
}

static struct dm_err *
export_relay_workers(struct ctl_inv *inv, const char *dir,
    const Pb__ListSourceConfigsResponse *configs)
{
	g_autofree char *path = g_build_filename(dir, RELAY_FILE, NULL);
	g_autoptr(GPtrArray) ids = g_ptr_array_new();
	CTL_AUTO_MESSAGE ProtobufCMessage *m = NULL;
	Pb__QueryStatusListRequest req;
	struct dm_err *err;
	json_t *j;

	if (configs->n_sourceconfigs == 0)
		return NULL;
	for (size_t i = 0; i < configs->n_sourceconfigs; i++)
		g_ptr_array_add(ids, configs->sourceconfigs[i]->key);
	pb__query_status_list_request__init(&req);
	req.n_sources = ids->len;
	req.sources = (char **)ids->pdata;
	err = ctl_call_timed(inv->env, "QueryStatus", &req.base, &m);
	if (err != NULL) {
		ctl_line(inv, "can not get relay workers");
		return err;
	}
	j = relay_workers(configs, (Pb__QueryStatusListResponse *)m);
	if (json_object_size(j) > 0) {
		char *text = json_dumps(j, JSON_COMPACT | JSON_SORT_KEYS);

		err = ctl_write_file(path, text);
		free(text);
	}
	json_decref(j);
	return err;
}

static struct dm_err *
run_export(struct ctl_inv *inv)
{
	const char *dir = directory(inv);
	CTL_AUTO_MESSAGE ProtobufCMessage *sources = NULL, *tasks = NULL;
	const Pb__ListSourceConfigsResponse *s;
	const Pb__ListTaskConfigsResponse *t;
	Google__Protobuf__Empty req;
	struct dm_err *err;

	if (ctl_n_args(inv) > 0)
		return ctl_help(inv);
	google__protobuf__empty__init(&req);
	err = ctl_call(inv->env, "ListSourceConfigs", &req.base, &sources);
	if (err == NULL)
		err = ctl_call(inv->env, "ListTaskConfigs", &req.base, &tasks);
	if (err != NULL)
		return err;
	s = (Pb__ListSourceConfigsResponse *)sources;
	t = (Pb__ListTaskConfigsResponse *)tasks;
	if (!s->result)
		return ctl_fail(inv, "can not get source configs: %s", s->msg);
	if (!t->result)
		return ctl_fail(inv, "can not get task configs: %s", t->msg);
	err = export_sources(dir, s);
	if (err == NULL)
		err = export_tasks(dir, t);
	if (err == NULL)
		err = export_relay_workers(inv, dir, s);
	if (err == NULL)
		ctl_line(inv, "export configs to directory `%s` succeed", dir);
	return err;
}

const struct ctl_cmd ctl_cmd_config_export = {
	.name = "export",
	.args = "[--path directory]",
	.brief = "Write the configurations of sources and tasks to files",
	.examples = "config export\n"
		    "config export -p backup",
	.opts = (const struct ctl_opt *const[]){ &opt_dir, NULL },
	.run = run_export,
};

/* ---- import ---- */

/* Adds the paths of the YAML files in dir/sub, by name; none if it does not
 * exist. */
static struct dm_err *
list_files(const char *dir, const char *sub, GPtrArray *files)
{
	g_autofree char *path = g_build_filename(dir, sub, NULL);
	g_autoptr(GError) why = NULL;
	GDir *d = g_dir_open(path, 0, &why);
	const char *name;

	if (d == NULL &&
	    !g_error_matches(why, G_FILE_ERROR, G_FILE_ERROR_NOENT))
		return dm_err_plain("%s", why->message);
	while (d != NULL && (name = g_dir_read_name(d)) != NULL) {
		if (g_str_has_suffix(name, ".yaml") ||
		    g_str_has_suffix(name, ".yml"))
			g_ptr_array_add(
			    files, g_build_filename(path, name, NULL));
	}
	if (d != NULL)
		g_dir_close(d);
	if (files->len > 0)
		qsort(files->pdata, files->len, sizeof(void *), by_name);
	return NULL;
}

/* What is there already is not created again, and no failure. The answer knows
 * lines of the file, but not its name. */
static struct dm_err *
create_outcome(struct ctl_inv *inv, const ProtobufCMessage *m, bool result,
    const char *msg, const char *what, const char *path)
{
	if (result || strstr(msg, "already exist") != NULL)
		return NULL;
	ctl_print(inv, m);
	return dm_err_plain("fail to create %s: %s", what, path);
}

static struct dm_err *
create_source(struct ctl_inv *inv, const char *path)
{
	CTL_AUTO_MESSAGE ProtobufCMessage *m = NULL;
	const Pb__OperateSourceResponse *resp;
	g_autofree char *text = NULL;
	Pb__OperateSourceRequest req;
	struct dm_err *err = ctl_read_file(path, &text);

	if (err != NULL)
		return err;
	pb__operate_source_request__init(&req);
	req.op = PB__SOURCE_OP__StartSource;
	req.n_config = 1;
	req.config = &text;
	err = ctl_call(inv->env, "OperateSource", &req.base, &m);
	if (err != NULL)
		return err;
	resp = (Pb__OperateSourceResponse *)m;
	return create_outcome(inv, m, resp->result, resp->msg, "sources", path);
}

static struct dm_err *
create_task(struct ctl_inv *inv, const char *path)
{
	CTL_AUTO_MESSAGE ProtobufCMessage *m = NULL;
	const Pb__StartTaskResponse *resp;
	g_autofree char *text = NULL;
	Pb__StartTaskRequest req;
	struct dm_err *err = ctl_read_file(path, &text);

	if (err != NULL)
		return err;
	pb__start_task_request__init(&req);
	req.task = text;
	err = ctl_call(inv->env, "StartTask", &req.base, &m);
	if (err != NULL)
		return err;
	resp = (Pb__StartTaskResponse *)m;
	return create_outcome(inv, m, resp->result, resp->msg, "tasks", path);
}

static struct dm_err *
create_all(struct ctl_inv *inv, const char *sub, const char *what,
    struct dm_err *(*create)(struct ctl_inv *, const char *))
{
	g_autoptr(GPtrArray) files = g_ptr_array_new_with_free_func(g_free);
	struct dm_err *err = list_files(directory(inv), sub, files);

	if (files->len > 0)
		ctl_line(inv, "start creating %s", what);
	for (guint i = 0; err == NULL && i < files->len; i++)
		err = create(inv, g_ptr_array_index(files, i));
	return err;
}

/* Relay workers are not restored; say where they are written down. */
static void
mention_relay_workers(struct ctl_inv *inv)
{
	g_autofree char *path =
	    g_build_filename(directory(inv), RELAY_FILE, NULL);
	GStatBuf st;

	if (g_stat(path, &st) != 0 || st.st_size == 0)
		return;
	ctl_line(inv, "The original relay workers have been exported to `%s`.",
	    path);
	ctl_line(inv,
	    "Currently DM doesn't support recover relay workers. You may need "
	    "to execute `transfer-source` and `start-relay` command "
	    "manually.");
}

static struct dm_err *
run_import(struct ctl_inv *inv)
{
	const char *dir = directory(inv);
	struct dm_err *err;

	if (ctl_n_args(inv) > 0)
		return ctl_help(inv);
	if (!g_file_test(dir, G_FILE_TEST_IS_DIR))
		return dm_err_plain("config directory `%s` not exists", dir);
	err = create_all(inv, "sources", "sources", create_source);
	if (err == NULL)
		err = create_all(inv, "tasks", "tasks", create_task);
	if (err != NULL)
		return err;
	mention_relay_workers(inv);
	ctl_line(inv, "import configs from directory `%s` succeed", dir);
	return NULL;
}

const struct ctl_cmd ctl_cmd_config_import = {
	.name = "import",
	.args = "[--path directory]",
	.brief = "Create sources and tasks from exported files",
	.examples = "config import\n"
		    "config import -p backup",
	.opts = (const struct ctl_opt *const[]){ &opt_dir, NULL },
	.run = run_import,
};
