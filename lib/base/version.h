/* SPDX-License-Identifier: Apache-2.0 */
/* The version of this build. The build may set DM_GIT_HASH, DM_GIT_BRANCH and
 * DM_BUILD_TIME; unset ones are shown as None, as DM does. */
#ifndef DM_LIB_BASE_VERSION_H
#define DM_LIB_BASE_VERSION_H

#define DM_VERSION_RELEASE "v0.1.0"

/* "v0.1.0". Static. */
const char *dm_version_release(void);
/* Six lines, each with its line feed, as -V and /status print them. Static. */
const char *dm_version_text(void);

#endif
