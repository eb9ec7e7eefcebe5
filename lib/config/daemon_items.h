/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What dm-master and dm-worker share in reading flags and TOML: one table of
 * items per program drives flags, file, help text and TOML output. Private to
 * lib/config. Main thread only.
 */
#ifndef DM_LIB_CONFIG_DAEMON_ITEMS_H
#define DM_LIB_CONFIG_DAEMON_ITEMS_H

#include "lib/config/daemon.h"

enum item_kind {
	ITEM_STR,
	ITEM_SECRET, /* a string, printed as ****** */
	ITEM_BOOL,
	ITEM_UINT,
	ITEM_INT64,
	ITEM_DOUBLE,
	ITEM_DUR_MS,  /* Go duration, kept as int64_t milliseconds */
	ITEM_STRV,    /* list: comma-separated flag, TOML array or string */
	ITEM_IGNORED, /* TOML key that DM accepts and nobody reads */
	ITEM_REFUSED, /* TOML key of DM that must be empty here */
	ITEM_ACTION   /* flag that asks for something else than running */
};

struct daemon_item {
	const char *flag; /* NULL: not a flag */
	const char *key;  /* TOML; NULL: not in files */
	enum item_kind kind;
	size_t offset;                /* of the field in the program's struct */
	enum dm_daemon_action action; /* ITEM_ACTION */
	const char *fallback;         /* default as text; NULL: none */
	const char *help;
};

struct daemon_spec {
	const char *program;
	const struct daemon_item *items;
	size_t n;
	size_t config_file; /* offset of its char* */
	/* DM's codes for the kinds of mistakes. */
	int bad_flag, stray_argument, bad_file, unknown_key;
	/* DM's "master config contained", "worker config contains". */
	const char *short_name, *contains;
};

/*
 * Defaults, then the file of -config, then flags again. cfg is zeroed memory
 * of the program's struct. *action other than RUN: cfg has defaults only.
 */
struct dm_err *dm_daemon_load(const struct daemon_spec *s, int argc,
    char *const *argv, enum dm_daemon_action *action, void *cfg) DM_MUST_CHECK;
void dm_daemon_fini(const struct daemon_spec *s, void *cfg);
/* "Usage of x:" and every flag with its default. New string. */
char *dm_daemon_help(const struct daemon_spec *s);
/* key = value, of the item with this key. The keys that DM shows only when
 * they are set (cert-allowed-cn, ssl-*-bytes) are left out otherwise. */
void dm_daemon_append_toml(GString *out, const struct daemon_spec *s,
    const void *cfg, const char *key);

/* ---- addresses ---- */

/* addr without "http://" and the like; new string. */
char *dm_addr_strip_scheme(const char *addr);
/* Split host:port, [v6]:port; false when it is not that. *host may be "". */
bool dm_addr_split(const char *addr, char **host, unsigned *port);
/* Host neither empty nor 0.0.0.0, and a port. */
bool dm_addr_is_reachable(const char *addr);

/* Where a program listens and what it tells others, and DM's codes for what
 * may be wrong with them. */
struct dm_addr_pair {
	char **own, **advertise;
	const char *key; /* of own: "master-addr" */
	int bad_own, bad_advertise;
};
/* Strips schemes; an empty advertise becomes a copy of own. */
struct dm_err *dm_addr_adjust(const struct dm_addr_pair *p) DM_MUST_CHECK;

/* Frees *to; takes value. */
void dm_cfg_replace(char **to, char *value);

#endif
