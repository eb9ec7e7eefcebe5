/* SPDX-License-Identifier: Apache-2.0 */
#include "master/cluster/evict.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#define FILE_NAME "evicted"

static char *
file_path(const struct dm_master_cfg *cfg)
{
	return g_build_filename(cfg->data_dir, FILE_NAME, NULL);
}

bool
evict_is_set(const struct dm_master_cfg *cfg)
{
	g_autofree char *path = file_path(cfg);

	return access(path, F_OK) == 0;
}

/* Its name is durable when the folder is. */
static bool
sync_dir(const char *dir)
{
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	bool ok = fd >= 0 && fsync(fd) == 0;

	if (fd >= 0)
		close(fd);
	return ok;
}

struct dm_err *
evict_set(const struct dm_master_cfg *cfg, bool evicted)
{
	g_autofree char *path = file_path(cfg);
	bool ok;
	int fd;

	if (evicted) {
		(void)g_mkdir_with_parents(cfg->data_dir, 0700);
		fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
		ok = fd >= 0;
		if (ok)
			close(fd);
	} else {
		ok = unlink(path) == 0 || errno == ENOENT;
	}
	if (ok && (evicted || access(cfg->data_dir, F_OK) == 0))
		ok = sync_dir(cfg->data_dir);
	if (!ok)
		return dm_err_plain("%s: %s", path, g_strerror(errno));
	return NULL;
}
