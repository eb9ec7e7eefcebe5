/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Passwords of endpoints: see secret.h.
 *
 * Called by the master when a configuration comes in or is tested, and by the
 * worker before it connects. SOURCE: dm/config/dbconfig. Differs: DM stores
 * passwords in clear, and has no references.
 */
#include "lib/config/secret.h"

#include "lib/config/source.h"
#include "lib/config/task.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define ENV_HEAD  "${ENV:"
#define FILE_HEAD "${FILE:"

/* Takes the new password. */
static void
replace(struct dm_db_cfg *c, char *password, bool literal)
{
	dm_wipe(c->password);
	c->password = password;
	c->literal = literal;
}

static struct dm_err *invalid(const char *field, const char *remedy,
    const char *fmt, ...) DM_PRINTF(3, 4);

static struct dm_err *
invalid(const char *field, const char *remedy, const char *fmt, ...)
{
	g_autofree char *why = NULL, *text = NULL;
	va_list ap;

	va_start(ap, fmt);
	why = g_strdup_vprintf(fmt, ap);
	va_end(ap);
	text = g_strdup_printf("%s.password: %s", field, why);
	return dm_err_set_workaround(
	    dm_err_new(CONFIG_YAML_TRANSFORM, text), "%s", remedy);
}

/* ---- references ---- */

/* What stands between head and '}', in a new string; NULL: no such reference,
 * or *err: a broken one. */
static char *
name_of(
    const char *text, const char *head, const char *field, struct dm_err **err)
{
	size_t len = strlen(text), skip = strlen(head);

	if (!g_str_has_prefix(text, head))
		return NULL;
	if (len <= skip + 1 || text[len - 1] != '}') {
		*err = invalid(field,
		    "write ${ENV:NAME} or ${FILE:/path}; a password that "
		    "begins like this must be encrypted",
		    "a reference that begins with %s must name something and "
		    "end with }",
		    head);
		return NULL;
	}
	return g_strndup(text + skip, len - skip - 1);
}

static struct dm_err *
from_env(const char *name, const char *field, char **out)
{
	const char *value = getenv(name);

	if (value == NULL)
		return invalid(field,
		    "set it for the process named in the message and start "
		    "that again; dm-worker needs it to work, dm-master to test "
		    "connections",
		    "the environment variable %s is not set for %s", name,
		    g_get_prgname() != NULL ? g_get_prgname() : "this process");
	*out = g_strdup(value);
	return NULL;
}

/* The file's first line; what follows is not looked at. */
static struct dm_err *
read_line(const char *path, char **out)
{
	char text[DM_PASSWORD_MAX_BYTES + 1];
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct stat st;
	ssize_t n;

	if (fd < 0 || fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)) {
		const char *why =
		    fd < 0 ? g_strerror(errno) : "it is no regular file";

		if (fd >= 0)
			close(fd);
		return dm_err_plain("%s", why);
	}
	n = read(fd, text, sizeof(text));
	close(fd);
	if (n < 0 || n > DM_PASSWORD_MAX_BYTES)
		return dm_err_plain("%s",
		    n < 0 ? g_strerror(errno) : "it is longer than 4096 bytes");
	text[n] = '\0';
	text[strcspn(text, "\r\n")] = '\0';
	*out = g_strdup(text);
	explicit_bzero(text, sizeof(text));
	return NULL;
}

static struct dm_err *
from_file(const char *path, const char *field, char **out)
{
	static const char remedy[] =
	    "put the file there, readable for the process named in the "
	    "message; dm-worker needs it to work, dm-master to test "
	    "connections";
	g_autofree char *why = NULL;
	struct dm_err *err;

	if (path[0] != '/')
		return invalid(field, "write ${FILE:/path}",
		    "the path of ${FILE:%s} must begin with /", path);
	err = read_line(path, out);
	if (err == NULL)
		return NULL;
	why = dm_err_message(err);
	dm_err_free(err); /* told in the next one */
	return invalid(field, remedy, "the file %s cannot be read by %s: %s",
	    path, g_get_prgname() != NULL ? g_get_prgname() : "this process",
	    why);
}

/* The names of a reference, at most one of them set. */
static struct dm_err *
parse_reference(
    const char *text, const char *field, char **variable, char **path)
{
	struct dm_err *err = NULL;

	*variable = name_of(text, ENV_HEAD, field, &err);
	*path = NULL;
	if (err == NULL && *variable == NULL)
		*path = name_of(text, FILE_HEAD, field, &err);
	return err;
}

struct dm_err *
dm_db_cfg_resolve(struct dm_db_cfg *c, const char *field)
{
	g_autofree char *variable = NULL, *path = NULL;
	char *value = NULL;
	struct dm_err *err;

	if (c->literal || c->password == NULL)
		return NULL;
	err = parse_reference(c->password, field, &variable, &path);
	if (err == NULL && variable != NULL)
		err = from_env(variable, field, &value);
	if (err == NULL && path != NULL)
		err = from_file(path, field, &value);
	if (err == NULL && value != NULL)
		replace(c, value, true);
	return err;
}

/* ---- encryption ---- */

struct dm_err *
dm_db_cfg_decrypt(
    struct dm_db_cfg *c, const char *field, const struct dm_keys *keys)
{
	char *plain;
	struct dm_err *err;

	if (keys == NULL || c->literal || c->password == NULL ||
	    !dm_is_encrypted(c->password))
		return NULL;
	err = dm_decrypt(keys, field, c->password, &plain, NULL);
	if (err == NULL)
		replace(c, plain, true);
	return err;
}

static char *
encrypt_for(
    const struct dm_db_cfg *c, const struct dm_keys *keys, const char *plain)
{
	g_autofree char *context =
	    g_strdup_printf("%s@%s:%u", c->user != NULL ? c->user : "",
		c->host != NULL ? c->host : "", c->port);

	return dm_encrypt_stable(keys, context, plain);
}

struct dm_err *
dm_db_cfg_protect(
    struct dm_db_cfg *c, const char *field, const struct dm_keys *keys)
{
	g_autofree char *variable = NULL, *path = NULL;
	struct dm_err *err = NULL;
	char *plain = NULL;

	if (c->password == NULL || c->password[0] == '\0')
		return NULL;
	if (!dm_is_password(c->password))
		return invalid(field, "use another password, or ${FILE:/path}",
		    "it has control characters or more than 4096 bytes");
	if (!c->literal)
		err = parse_reference(c->password, field, &variable, &path);
	if (err != NULL || variable != NULL || path != NULL || keys == NULL)
		return err;
	if (!c->literal && dm_is_encrypted(c->password))
		err = dm_decrypt(keys, field, c->password, &plain, NULL);
	if (err != NULL)
		return err;
	/* Also what is encrypted already: equal passwords get equal texts. */
	replace(c, encrypt_for(c, keys, plain != NULL ? plain : c->password),
	    false);
	dm_wipe(plain);
	return NULL;
}

/* ---- storages ---- */

typedef struct dm_err *secret_fn(
    struct dm_db_cfg *c, const char *field, const struct dm_keys *keys);

/* What can be done with a password can be done with a secret of a URL. */
static struct dm_err *
with_secret(struct dm_s3_url *u, char **secret, const char *field,
    secret_fn *fn, const struct dm_keys *keys)
{
	struct dm_db_cfg c = {
		.user = u->access_key, .host = u->bucket, .password = *secret
	};
	struct dm_err *err = fn(&c, field, keys);

	*secret = c.password;
	return err;
}

static struct dm_err *
with_url(struct dm_s3_url *u, secret_fn *fn, const struct dm_keys *keys)
{
	struct dm_err *err =
	    with_secret(u, &u->secret_key, "loaders.dir", fn, keys);

	return err != NULL
		   ? err
		   : with_secret(u, &u->session_token, "loaders.dir", fn, keys);
}

static struct dm_err *
with_storages(struct dm_task_cfg *c, secret_fn *fn, const struct dm_keys *keys)
{
	struct dm_err *err = NULL;

	for (guint i = 0; err == NULL && i < c->instances->len; i++) {
		struct dm_instance_cfg *inst = c->instances->pdata[i];

		if (inst->loader.s3 != NULL)
			err = with_url(inst->loader.s3, fn, keys);
	}
	return err;
}

static struct dm_err *
resolve_secret(struct dm_db_cfg *c, const char *field,
    const struct dm_keys *keys G_GNUC_UNUSED)
{
	return dm_db_cfg_resolve(c, field);
}

struct dm_err *
dm_storage_resolve(const struct dm_loader_cfg *l, struct dm_s3_url **url)
{
	DM_AUTO(dm_s3_url) u = dm_s3_url_copy(l->s3);
	struct dm_err *err = with_url(u, resolve_secret, NULL);

	if (err == NULL)
		*url = DM_TAKE(u);
	return err;
}

/* ---- whole files ---- */

struct dm_err *
dm_task_cfg_protect(struct dm_task_cfg *c, const struct dm_keys *keys)
{
	struct dm_err *err =
	    dm_db_cfg_protect(&c->target, "target-database", keys);

	return err != NULL ? err : with_storages(c, dm_db_cfg_protect, keys);
}

struct dm_err *
dm_task_cfg_decrypt(struct dm_task_cfg *c, const struct dm_keys *keys)
{
	struct dm_err *err =
	    dm_db_cfg_decrypt(&c->target, "target-database", keys);

	return err != NULL ? err : with_storages(c, dm_db_cfg_decrypt, keys);
}

struct dm_err *
dm_source_text_protect(const char *yaml, const struct dm_keys *keys, char **out)
{
	DM_AUTO(dm_source_cfg) cfg = NULL;
	struct dm_err *err = dm_source_cfg_parse("source.yaml", yaml, &cfg);

	if (err == NULL)
		err = dm_db_cfg_protect(&cfg->from, "from", keys);
	if (err == NULL)
		*out = dm_source_cfg_yaml(cfg, false);
	return err;
}

struct dm_err *
dm_task_text_protect(const char *yaml, const struct dm_keys *keys, char **out)
{
	DM_AUTO(dm_task_cfg) cfg = NULL;
	struct dm_err *err = dm_task_cfg_parse("task.yaml", yaml, &cfg);

	if (err == NULL)
		err = dm_task_cfg_protect(cfg, keys);
	if (err == NULL)
		*out = dm_task_cfg_yaml(cfg, NULL, false);
	return err;
}
