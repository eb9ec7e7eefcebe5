/* SPDX-License-Identifier: Apache-2.0 */
/* Where the masters are and how to reach them. Main thread only. */
#ifndef DM_CTL_SETTINGS_H
#define DM_CTL_SETTINGS_H

#include "ctl/ctl.h"

struct dm_tls;

struct ctl_settings {
	char *master_addr; /* as given: "127.0.0.1:8261,..." */
	char **masters;    /* "host:port", without scheme */
	int64_t rpc_timeout_ms;
	struct dm_tls *tls; /* NULL: in clear */
};

/*
 * From the options of a one-shot command line, the environment variable
 * DM_MASTER_ADDR and the file that --config names; the first that has a value
 * counts.
 * Certificates are loaded from --ssl-ca, --ssl-cert, --ssl-key, and from the
 * file also in the forms ssl-*-base64 and ssl-*-bytes; cert-allowed-cn is in
 * the file only.
 * Errors: plain; CTL_INVALID_TLS_CFG.
 */
struct dm_err *ctl_settings_load(
    const struct ctl_inv *inv, struct ctl_settings **set) DM_MUST_CHECK;
void ctl_settings_free(struct ctl_settings *set);
DM_DEFINE_AUTO(ctl_settings)

#endif
