/* SPDX-License-Identifier: Apache-2.0 */
/* host:port as the daemons' settings spell it. */
#include "lib/config/daemon_items.h"

#include <string.h>

char *
dm_addr_strip_scheme(const char *addr)
{
	const char *at = strstr(addr, "://");

	return g_strdup(at != NULL ? at + 3 : addr);
}

bool
dm_addr_split(const char *addr, char **host, unsigned *port)
{
	const char *colon = strrchr(addr, ':');
	guint64 value;
	size_t len;

	if (colon == NULL ||
	    !g_ascii_string_to_unsigned(colon + 1, 10, 0, 65535, &value, NULL))
		return false;
	len = (size_t)(colon - addr);
	if (len >= 2 && addr[0] == '[' && addr[len - 1] == ']') {
		addr++;
		len -= 2;
	} else if (memchr(addr, ':', len) != NULL) {
		return false; /* IPv6 without brackets */
	}
	if (memchr(addr, '/', len) != NULL || memchr(addr, ' ', len) != NULL)
		return false;
	*host = g_strndup(addr, len);
	*port = (unsigned)value;
	return true;
}

bool
dm_addr_is_reachable(const char *addr)
{
	g_autofree char *host = NULL;
	unsigned port;

	return dm_addr_split(addr, &host, &port) && host[0] != '\0' &&
	       strcmp(host, "0.0.0.0") != 0 && strcmp(host, "::") != 0;
}
