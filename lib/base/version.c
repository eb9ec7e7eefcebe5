/* SPDX-License-Identifier: Apache-2.0 */
/* The version of this build, in the six lines that DM's tools read. */
#include "lib/base/version.h"

#ifndef DM_GIT_HASH
#define DM_GIT_HASH "None"
#endif
#ifndef DM_GIT_BRANCH
#define DM_GIT_BRANCH "None"
#endif
#ifndef DM_BUILD_TIME
#define DM_BUILD_TIME "None"
#endif
#ifdef DM_TEST_BUILD
#define DM_FAILPOINTS "true"
#else
#define DM_FAILPOINTS "false"
#endif
#ifdef __clang__
#define DM_COMPILER "clang " __clang_version__
#else
#define DM_COMPILER "gcc " __VERSION__
#endif

const char *
dm_version_release(void)
{
	return DM_VERSION_RELEASE;
}

const char *
dm_version_text(void)
{
	/* Not Go: the line stays, tools look for it. */
	return "Release Version: " DM_VERSION_RELEASE "\n"
	       "Git Commit Hash: " DM_GIT_HASH "\n"
	       "Git Branch: " DM_GIT_BRANCH "\n"
	       "UTC Build Time: " DM_BUILD_TIME "\n"
	       "Go Version: none, C11 (" DM_COMPILER ")\n"
	       "Failpoint Build: " DM_FAILPOINTS "\n";
}
