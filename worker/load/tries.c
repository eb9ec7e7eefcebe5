/* SPDX-License-Identifier: Apache-2.0 */
/* The tries to commit one transaction: see tries.h. Called by the lanes. */
#include "worker/load/tries.h"

struct dm_err *
load_try(const struct load_tries *t, const char *what)
{
	bool unsure = false; /* a COMMIT may have happened */

	for (int tries = 0; tries < LOAD_TRIES; tries++) {
		bool committing = false, committed = false;
		struct dm_err *err = NULL;

		if (!unsure) {
			err = t->once(t->arg, &committing);
			committed = err == NULL;
			unsure = committing && dm_err_is(err, DB_BAD_CONN);
		}
		if (unsure) {
			dm_err_free(err); /* what the target says counts */
			err = t->settle(t->arg, &committed);
			unsure = err != NULL;
		}
		if (err == NULL && committed)
			return NULL;
		if (err != NULL)
			err = t->after_failure(t->arg, tries, err);
		if (err != NULL)
			return err;
	}
	return dm_err_plain("%s: no try to load rows came to an end", what);
}
