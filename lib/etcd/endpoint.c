/* SPDX-License-Identifier: Apache-2.0 */
/* Addresses of etcd: see endpoint.h. */
#include "lib/etcd/endpoint.h"

#include <fcntl.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

#define UNIX_SCHEME     "unix://"
#define UNIX_TLS_SCHEME "unixs://"

static size_t
max_socket_path(void)
{
	return sizeof(((struct sockaddr_un *)NULL)->sun_path) - 1;
}

static struct dm_err *
parse_unix(const char *path, struct dm_etcd_endpoint *ep)
{
	const char *name = strrchr(path, '/');

	if (path[0] != '/' || name[1] == '\0')
		return dm_err_plain("etcd endpoint %s: a Unix socket needs an "
				    "absolute path: unix:///dir/c.sock",
		    ep->text);
	/* "/proc/self/fd/" and a number take at most 25 bytes. */
	if (strlen(path) > max_socket_path() &&
	    strlen(name) + 25 > max_socket_path())
		return dm_err_plain(
		    "etcd endpoint %s: the name of the socket is too long",
		    ep->text);
	ep->base = g_strdup(ep->tls ? "https://localhost" : "http://localhost");
	ep->socket = g_strdup(path);
	return NULL;
}

static struct dm_err *
parse_http(const char *text, struct dm_etcd_endpoint *ep)
{
	g_autofree char *url = g_strdup(text);
	const char *host = strstr(url, "://") + 3;
	size_t n = strlen(url);

	while (n > 0 && url[n - 1] == '/')
		url[--n] = '\0';
	if (host >= url + n || strpbrk(host, "/?#@ \t\r\n") != NULL)
		return dm_err_plain(
		    "etcd endpoint %s: expected http://host:port, "
		    "https://host:port or unix:///dir/c.sock",
		    text);
	ep->base = g_steal_pointer(&url);
	return NULL;
}

struct dm_err *
dm_etcd_endpoint_parse(const char *text, struct dm_etcd_endpoint **out)
{
	struct dm_etcd_endpoint *ep = g_new0(struct dm_etcd_endpoint, 1);
	struct dm_err *err;

	ep->dir_fd = -1;
	ep->text = g_strdup(text);
	ep->tls = g_str_has_prefix(text, "https://") ||
		  g_str_has_prefix(text, UNIX_TLS_SCHEME);
	if (g_str_has_prefix(text, UNIX_SCHEME))
		err = parse_unix(text + strlen(UNIX_SCHEME), ep);
	else if (g_str_has_prefix(text, UNIX_TLS_SCHEME))
		err = parse_unix(text + strlen(UNIX_TLS_SCHEME), ep);
	else if (ep->tls || g_str_has_prefix(text, "http://"))
		err = parse_http(text, ep);
	else
		err = dm_err_plain("etcd endpoint \"%s\": expected "
				   "http://, https:// or unix://",
		    text);
	if (err != NULL) {
		dm_etcd_endpoint_free(ep);
		return err;
	}
	*out = ep;
	return NULL;
}

void
dm_etcd_endpoint_free(struct dm_etcd_endpoint *ep)
{
	if (ep == NULL)
		return;
	if (ep->dir_fd >= 0)
		close(ep->dir_fd);
	g_free(ep->text);
	g_free(ep->base);
	g_free(ep->socket);
	g_free(ep->short_socket);
	g_free(ep);
}

const char *
dm_etcd_endpoint_socket(struct dm_etcd_endpoint *ep)
{
	g_autofree char *dir = NULL;

	if (ep->socket == NULL || strlen(ep->socket) <= max_socket_path())
		return ep->socket;
	if (ep->short_socket != NULL)
		return ep->short_socket;
	dir = g_path_get_dirname(ep->socket);
	ep->dir_fd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (ep->dir_fd < 0)
		return ep->socket;
	ep->short_socket = g_strdup_printf(
	    "/proc/self/fd/%d%s", ep->dir_fd, strrchr(ep->socket, '/'));
	return ep->short_socket;
}
