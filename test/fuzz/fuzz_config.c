/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Configuration texts: byte 0 says which (t: task, s: source, o: TOML, d:
 * duration), then text. What parses must come back the same from its own text.
 */
#include "lib/config/source.h"
#include "lib/config/task.h"
#include "lib/text/duration.h"
#include "lib/text/toml.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
fuzz_task(const char *text)
{
	DM_AUTO(dm_task_cfg) c = NULL;
	DM_AUTO(dm_task_cfg) again = NULL;
	g_autofree char *a = NULL;
	g_autofree char *b = NULL;
	DM_AUTO(dm_err) err = dm_task_cfg_parse("", text, &c);

	if (err != NULL)
		return;
	a = dm_task_cfg_yaml(c, NULL, false);
	dm_assert(dm_task_cfg_parse("", a, &again) == NULL);
	b = dm_task_cfg_yaml(again, NULL, false);
	dm_assert(strcmp(a, b) == 0);
}

static void
fuzz_source(const char *text)
{
	DM_AUTO(dm_source_cfg) c = NULL;
	DM_AUTO(dm_source_cfg) again = NULL;
	g_autofree char *a = NULL;
	g_autofree char *b = NULL;
	DM_AUTO(dm_err) err = dm_source_cfg_parse("", text, &c);

	if (err != NULL)
		return;
	a = dm_source_cfg_yaml(c, false);
	dm_assert(dm_source_cfg_parse("", a, &again) == NULL);
	b = dm_source_cfg_yaml(again, false);
	dm_assert(strcmp(a, b) == 0);
}

static void
fuzz_toml(const char *text, size_t len)
{
	DM_AUTO(dm_toml) doc = NULL;
	DM_AUTO(dm_err) err = dm_toml_parse("f", text, len, &doc);

	dm_assert((err == NULL) == (doc != NULL));
}

static void
fuzz_duration(const char *text)
{
	int64_t ns = 0, again = 0;
	g_autofree char *printed = NULL;
	DM_AUTO(dm_err) err = dm_duration_parse(text, &ns);

	if (err != NULL)
		return;
	printed = dm_duration_text(ns);
	dm_assert(dm_duration_parse(printed, &again) == NULL);
	/* Fractions of seconds go through floating point, as in Go. */
	dm_assert(
	    again / 1000000 == ns / 1000000 || ABS(again / 2 - ns / 2) < 1000);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	g_autofree char *text = NULL;

	if (size == 0)
		return 0;
	text = g_strndup((const char *)data + 1, size - 1);
	switch (data[0]) {
	case 't':
		fuzz_task(text);
		break;
	case 's':
		fuzz_source(text);
		break;
	case 'o':
		fuzz_toml((const char *)data + 1, size - 1);
		break;
	case 'd':
		fuzz_duration(text);
		break;
	default:
		break;
	}
	return 0;
}
