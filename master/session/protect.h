/* SPDX-License-Identifier: Apache-2.0 */
/* Passwords of what goes to a worker. Threads: any. */
#ifndef DM_MASTER_SESSION_PROTECT_H
#define DM_MASTER_SESSION_PROTECT_H

#include "dmsession.pb-c.h"
#include "lib/crypt/crypt.h"

/* A copy of d in which those that are plain are encrypted. */
Dm__V1__Desired *protect_desired(
    const Dm__V1__Desired *d, const struct dm_keys *keys);

#endif
