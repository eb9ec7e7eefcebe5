/* SPDX-License-Identifier: Apache-2.0 */
/* The embedded etcd's certificates: see member_tls.h. */
#include "lib/etcd/member_tls.h"

#include "lib/crypt/tls.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define TLS_DIR "tls"

static const char *const names[] = { "ca.pem", "cert.pem", "key.pem" };

static char *
path_of(const char *data_dir, const char *name)
{
	return g_build_filename(data_dir, TLS_DIR, name, NULL);
}

/* False: errno. */
static bool
write_all(int fd, const char *text)
{
	size_t len = strlen(text), done = 0;

	while (done < len) {
		ssize_t n = write(fd, text + done, len - done);

		if (n < 0 && errno != EINTR)
			return false;
		done += (size_t)MAX(n, 0);
	}
	return fsync(fd) == 0;
}

static struct dm_err *
write_file(const char *path, const char *text)
{
	g_autofree char *fresh = g_strconcat(path, ".new", NULL);
	int fd, e;
	bool ok;

	fd = open(
	    fresh, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	ok = fd >= 0 && write_all(fd, text);
	e = errno;
	if (fd >= 0)
		close(fd);
	if (ok && rename(fresh, path) == 0)
		return NULL;
	if (ok)
		e = errno;
	return dm_err_plain("write %s: %s", path, g_strerror(e));
}

struct dm_err *
dm_etcd_member_tls_write(const char *data_dir, struct dm_tls *tls)
{
	g_autofree char *dir = g_build_filename(data_dir, TLS_DIR, NULL);
	const struct dm_tls_pem *pem = dm_tls_pem_get(tls);
	const char *const texts[] = { pem->ca, pem->cert, pem->key };
	struct dm_err *err = NULL;

	if (mkdir(dir, 0700) != 0 && errno != EEXIST)
		err = dm_err_plain("create %s: %s", dir, g_strerror(errno));
	for (size_t i = 0; i < DM_ARRAY_SIZE(names) && err == NULL; i++) {
		g_autofree char *path = path_of(data_dir, names[i]);

		err = write_file(path, texts[i]);
	}
	dm_tls_pem_unref(pem);
	return err;
}

void
dm_etcd_member_tls_flags(
    GPtrArray *argv, const char *data_dir, const char *peer_cn)
{
	static const struct {
		const char *flag;
		size_t name;
	} flags[] = {
		{ "trusted-ca-file", 0 },
		{ "cert-file", 1 },
		{ "key-file", 2 },
		{ "peer-trusted-ca-file", 0 },
		{ "peer-cert-file", 1 },
		{ "peer-key-file", 2 },
	};

	for (size_t i = 0; i < DM_ARRAY_SIZE(flags); i++) {
		g_autofree char *path = path_of(data_dir, names[flags[i].name]);

		g_ptr_array_add(
		    argv, g_strdup_printf("--%s=%s", flags[i].flag, path));
	}
	g_ptr_array_add(argv, g_strdup("--client-cert-auth=true"));
	g_ptr_array_add(argv, g_strdup("--peer-client-cert-auth=true"));
	if (peer_cn != NULL)
		g_ptr_array_add(argv,
		    g_strdup_printf("--peer-cert-allowed-cn=%s", peer_cn));
}
