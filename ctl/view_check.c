/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The outcome of a precheck as a table. FORMAT: JSON behind "detail: " in the
 * text of the answer (control-plane 2.7).
 */
#include "ctl/table.h"
#include "ctl/view.h"

#include <jansson.h>
#include <string.h>

#define DETAIL "detail: {"

static const char *
text_of(const json_t *j, const char *key)
{
	const char *s = json_string_value(json_object_get(j, key));

	return s != NULL ? s : "";
}

static void
add_row(struct ctl_table *t, const json_t *item, const json_t *error)
{
	const char *cells[] = { text_of(item, "state"), text_of(item, "name"),
		text_of(error, "short_error"), text_of(error, "self"),
		text_of(error, "instruction") };

	/* An instruction stands at the error or at its item. */
	if (cells[4][0] == '\0')
		cells[4] = text_of(item, "instruction");
	ctl_table_row(t, cells);
}

static void
print_summary(FILE *f, const json_t *sum)
{
	fprintf(f,
	    "%" JSON_INTEGER_FORMAT " checks: %" JSON_INTEGER_FORMAT
	    " passed, %" JSON_INTEGER_FORMAT " failed, %" JSON_INTEGER_FORMAT
	    " with warnings\n",
	    json_integer_value(json_object_get(sum, "total")),
	    json_integer_value(json_object_get(sum, "successful")),
	    json_integer_value(json_object_get(sum, "failed")),
	    json_integer_value(json_object_get(sum, "warning")));
}

static void
print_results(FILE *f, const json_t *results)
{
	static const char *const heads[] = { "STATE", "CHECK", "PROBLEM",
		"WHERE", "WHAT TO DO", NULL };
	struct ctl_table *t = ctl_table_new(heads);

	for (size_t i = 0; i < json_array_size(results); i++) {
		const json_t *item = json_array_get(results, i);
		const json_t *errors = json_object_get(item, "errors");

		for (size_t k = 0; k < json_array_size(errors); k++)
			add_row(t, item, json_array_get(errors, k));
		if (json_array_size(errors) == 0)
			add_row(t, item, NULL);
	}
	ctl_table_print(t, f);
	ctl_table_free(t);
}

bool
ctl_view_check(FILE *f, const char *text)
{
	const char *detail = strstr(text, DETAIL);
	const json_t *results;
	bool found;
	json_t *j;

	if (detail == NULL)
		return false;
	j = json_loads(
	    detail + strlen(DETAIL) - 1, JSON_DISABLE_EOF_CHECK, NULL);
	results = json_object_get(j, "results");
	found = json_is_array(results);
	if (found) {
		print_summary(f, json_object_get(j, "summary"));
		print_results(f, results);
	}
	json_decref(j);
	return found;
}
