/* SPDX-License-Identifier: Apache-2.0 */
/* What a fail point does: see lib/base/failpoint.h. */
#define DM_FAILPOINTS
#include "lib/base/failpoint.h"

#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The file's text, "" when there is none. */
static void
read_order(const char *path, char *text, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? 0 : read(fd, text, size - 1);

	text[n > 0 ? n : 0] = '\0';
	if (fd >= 0)
		close(fd);
}

void
dm_failpoint_reach(const char *name)
{
	const char *path = getenv("DM_FAILPOINT");
	size_t len = strlen(name);
	char order[64];

	if (path == NULL)
		return;
	read_order(path, order, sizeof(order));
	if (strncmp(order, name, len) != 0 || order[len] != ':')
		return;
	if (unlink(path) != 0)
		return; /* another one was first */
	/* raise: this very thread gets no further. */
	if (strncmp(order + len + 1, "stop", 4) == 0)
		raise(SIGSTOP);
	else
		raise(SIGKILL);
}
