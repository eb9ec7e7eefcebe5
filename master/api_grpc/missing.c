/* SPDX-License-Identifier: Apache-2.0 */
/* What this version does not have: see missing.h. */
#include "master/api_grpc/missing.h"

#include "lib/base/base.h"

#include <string.h>

#define VALIDATION "continuous validation is not available in this version: "

static const struct api_missing table[] = {
	{ "StartValidation", "validation start",
	    VALIDATION "compare source and target when the task is synced" },
	{ "StopValidation", "validation stop", VALIDATION "nothing runs" },
	{ "GetValidationStatus", "validation status",
	    VALIDATION "no task is validated" },
	{ "GetValidationError", "validation show-error",
	    VALIDATION "query-status --more counts unexpectedRows" },
	{ "OperateValidationError",
	    "validation ignore-error, resolve-error, clear-error",
	    VALIDATION "there are no row errors" },
	{ "UpdateValidation", "validation update",
	    VALIDATION "there is no validator to tell about a cutover" },
};

const struct api_missing *
api_missing_table(size_t *n)
{
	*n = DM_ARRAY_SIZE(table);
	return table;
}

const char *
api_missing_text(const char *what)
{
	for (size_t i = 0; i < DM_ARRAY_SIZE(table); i++)
		if (strcmp(table[i].what, what) == 0)
			return table[i].text;
	return NULL;
}
