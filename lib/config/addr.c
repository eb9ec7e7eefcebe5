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

void
dm_cfg_replace(char **to, char *value)
{
	g_free(*to);
	*to = value;
}

/* The formats of these codes have one %s, for the address. */
static struct dm_err *
bad_addr(int code, const char *addr)
{
	g_auto(GStrv) parts = g_strsplit(dm_err_lookup(code)->format, "%s", 2);
	g_autofree char *text = g_strjoinv(addr, parts);

	return dm_err_make_(code, "%s", text);
}

struct dm_err *
dm_addr_adjust(const struct dm_addr_pair *p)
{
	g_autofree char *host = NULL;
	unsigned port;

	dm_cfg_replace(p->own, dm_addr_strip_scheme(*p->own));
	dm_cfg_replace(p->advertise, dm_addr_strip_scheme(*p->advertise));
	if (!dm_addr_split(*p->own, &host, &port))
		return bad_addr(p->bad_own, *p->own);
	if ((*p->advertise)[0] != '\0')
		return dm_addr_is_reachable(*p->advertise)
			   ? NULL
			   : bad_addr(p->bad_advertise, *p->advertise);
	if (!dm_addr_is_reachable(*p->own))
		return dm_err_make_(p->bad_own,
		    "%s (%s) must include the 'host' part (should not be "
		    "'0.0.0.0') when advertise-addr is not set",
		    p->key, *p->own);
	dm_cfg_replace(p->advertise, g_strdup(*p->own));
	return NULL;
}
