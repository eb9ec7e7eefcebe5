/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Gives a fuzz target every file of a corpus, once, without a fuzzer:
 *
 *   REPLAY DIRECTORY
 *
 * Prints how many inputs there were; one that is not taken ends the program, as
 * it would end the fuzzer, behind a line with its name.
 */
#include "lib/base/base.h"

#include <glib.h>
#include <stdio.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
main(int argc, char **argv)
{
	g_autoptr(GDir) dir = argc == 2 ? g_dir_open(argv[1], 0, NULL) : NULL;
	const char *name;
	unsigned n = 0;

	if (dir == NULL) {
		(void)fprintf(stderr, "usage: %s DIRECTORY\n", argv[0]);
		return 2;
	}
	while ((name = g_dir_read_name(dir)) != NULL) {
		g_autofree char *path = g_build_filename(argv[1], name, NULL);
		g_autofree char *data = NULL;
		gsize len = 0;

		(void)fprintf(stderr, "%s\n", path);
		if (!g_file_get_contents(path, &data, &len, NULL))
			return 1;
		(void)LLVMFuzzerTestOneInput((const uint8_t *)data, len);
		n++;
	}
	(void)printf("%u\n", n);
	return n > 0 ? 0 : 1;
}
