/* SPDX-License-Identifier: Apache-2.0 */
/* Passwords of configurations: see protect.h. */
#include "master/session/protect.h"

#include "lib/config/secret.h"
#include "lib/log/log.h"
#include "master/pb.h"

typedef struct dm_err *protect_fn(
    const char *yaml, const struct dm_keys *keys, char **out);

/* In place. What cannot be read, and so not protected, is not sent. */
static void
protect_text(char **text, protect_fn *protect, const struct dm_keys *keys)
{
	char *out = NULL;
	struct dm_err *err;

	if (**text == '\0')
		return; /* not allocated */
	err = protect(*text, keys, &out);
	if (err != NULL)
		dm_error("a stored configuration cannot be sent", dm_kerr(err));
	dm_err_free(err);
	dm_wipe(*text);
	*text = out != NULL ? out : g_strdup("");
}

Dm__V1__Desired *
protect_desired(const Dm__V1__Desired *d, const struct dm_keys *keys)
{
	Dm__V1__Desired *copy = (Dm__V1__Desired *)pb_copy(&d->base);

	for (size_t i = 0; i < copy->n_sources; i++) {
		Dm__V1__SourceAssignment *src = copy->sources[i];

		protect_text(&src->config, dm_source_text_protect, keys);
		for (size_t k = 0; k < src->n_subtasks; k++)
			protect_text(&src->subtasks[k]->config,
			    dm_task_text_protect, keys);
	}
	return copy;
}
