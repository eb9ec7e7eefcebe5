/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files on the machine of dmctl: task and source configurations.
 * SOURCE: dm/ctl/common/util.go GetFileContent, GetTaskNameFromArgOrFile.
 * Differs: certificates that a file names are not read here and sent along;
 * their paths are those of the machines that run the workers.
 */
#include "ctl/common.h"

#include <errno.h>
#include <fcntl.h>
#include <libfyaml.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

G_DEFINE_AUTOPTR_CLEANUP_FUNC(FILE, fclose)

/* The system's words as the original prints them: in lower case. */
static char *
system_text(int error)
{
	char *text = g_strdup(g_strerror(error));

	text[0] = g_ascii_tolower(text[0]);
	return text;
}

static struct dm_err *
file_error(const char *path, const char *op, int error)
{
	g_autofree char *why = system_text(error);

	return dm_err_plain(
	    "error in get file content: %s %s: %s", op, path, why);
}

struct dm_err *
ctl_read_file(const char *path, char **text)
{
	g_autoptr(FILE) f = fopen(path, "re");
	g_autoptr(GString) s = g_string_new(NULL);
	char buf[8192];
	size_t n;

	if (f == NULL)
		return file_error(path, "open", errno);
	while ((n = fread(buf, 1, sizeof(buf), f)) > 0) {
		g_string_append_len(s, buf, (gssize)n);
		if (s->len > CTL_MAX_FILE_BYTES)
			return dm_err_plain("error in get file content: %s is "
					    "larger than %zu bytes",
			    path, (size_t)CTL_MAX_FILE_BYTES);
	}
	if (ferror(f))
		return file_error(path, "read", errno);
	if (memchr(s->str, '\0', s->len) != NULL)
		return dm_err_plain("error in get file content: %s is not a "
				    "text file (it holds a zero byte)",
		    path);
	*text = g_strdup(s->str);
	return NULL;
}

struct dm_err *
ctl_write_file(const char *path, const char *text)
{
	GError *why = NULL;
	struct dm_err *err;

	if (g_file_set_contents_full(path, text, -1,
		G_FILE_SET_CONTENTS_CONSISTENT, 0600, &why))
		return NULL;
	err = dm_err_plain("%s", why->message);
	g_error_free(why);
	return err;
}

/* ---- YAML ---- */

static void
fy_free(struct fy_document **fyd)
{
	if (*fyd != NULL)
		fy_document_destroy(*fyd);
}
#define AUTO_FY __attribute__((cleanup(fy_free))) struct fy_document

static void
diag_free(struct fy_diag **diag)
{
	if (*diag != NULL)
		fy_diag_destroy(*diag);
}

/* NULL on a syntax error, which diag has collected. Duplicate keys are one. */
static struct fy_document *
parse(const char *text, struct fy_diag *diag)
{
	struct fy_parse_cfg cfg = {
		.flags = FYPCF_QUIET | FYPCF_RESOLVE_DOCUMENT |
		    FYPCF_DISABLE_MMAP_OPT,
		.diag = diag,
	};

	return fy_document_build_from_string(&cfg, text, strlen(text));
}

static struct fy_diag *
new_diag(void)
{
	struct fy_diag_cfg cfg;
	struct fy_diag *diag;

	fy_diag_cfg_default(&cfg);
	cfg.fp = NULL;
	diag = fy_diag_create(&cfg);
	fy_diag_set_collect_errors(diag, true);
	return diag;
}

static struct dm_err *
yaml_error(const char *path, struct fy_diag *diag)
{
	void *it = NULL;
	const struct fy_diag_error *e = fy_diag_errors_iterate(diag, &it);

	if (e == NULL)
		return dm_err_new(CONFIG_YAML_TRANSFORM, path);
	return dm_err_make_(DM_ERR_CONFIG_YAML_TRANSFORM, "%s:%d:%d: %s", path,
	    e->line, e->column, e->msg);
}

struct dm_err *
ctl_check_yaml(const char *path, const char *text)
{
	__attribute__((cleanup(diag_free))) struct fy_diag *diag = new_diag();
	AUTO_FY *fyd = parse(text, diag);
	const struct fy_node *root;

	if (fyd == NULL)
		return yaml_error(path, diag);
	root = fy_document_root(fyd);
	if (root == NULL)
		return dm_err_make_(DM_ERR_CONFIG_YAML_TRANSFORM,
		    "%s: the file is empty", path);
	if (!fy_node_is_mapping(fy_document_root(fyd)))
		return dm_err_make_(DM_ERR_CONFIG_YAML_TRANSFORM,
		    "%s:1:1: the file is not a list of `key: value`", path);
	return NULL;
}

char *
ctl_yaml_scalar(const char *text, const char *path)
{
	__attribute__((cleanup(diag_free))) struct fy_diag *diag = new_diag();
	AUTO_FY *fyd = parse(text, diag);
	struct fy_node *root = fyd != NULL ? fy_document_root(fyd) : NULL;
	struct fy_node *node;
	const char *v;
	size_t n;

	if (root == NULL)
		return NULL;
	node = fy_node_by_path(root, path, (size_t)-1, FYNWF_DONT_FOLLOW);
	if (node == NULL || !fy_node_is_scalar(node))
		return NULL;
	v = fy_node_get_scalar(node, &n);
	return v != NULL ? g_strndup(v, n) : NULL;
}

char *
ctl_task_name(const char *arg)
{
	g_autofree char *text = NULL;
	char *name;

	if (!g_str_has_suffix(arg, ".yaml") && !g_str_has_suffix(arg, ".yml"))
		return g_strdup(arg);
	DM_AUTO(dm_err) err = ctl_read_file(arg, &text);
	/* Not a file that can be read: then it is the name itself. */
	if (err != NULL)
		return g_strdup(arg);
	name = ctl_yaml_scalar(text, "/name");
	return name != NULL ? name : g_strdup(arg);
}
