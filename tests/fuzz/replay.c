// SPDX-License-Identifier: MIT
// A main for fuzz targets without a fuzzer: runs every file of the folders that it is given, so
// that the corpus is tested in every build, with or without sanitizers.

#include "tests/fuzz/target.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

static int is_file(const struct dirent *entry)
{
	return entry->d_name[0] != '.';
}

static void run_file(const char *folder, const char *name, int number)
{
	char path[4096];
	long size = -1;
	uint8_t *data = NULL;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	FILE *stream = fopen(path, "rb");
	if (stream && fseek(stream, 0, SEEK_END) == 0)
		size = ftell(stream);
	if (size >= 0) {
		rewind(stream);
		/* of exactly that size, so that a read beyond its end is seen */
		data = malloc(size ? (size_t)size : 1);
	}
	if (data && fread(data, 1, (size_t)size, stream) == (size_t)size) {
		LLVMFuzzerTestOneInput(data, (size_t)size);
		printf("ok %d - %s\n", number, name);
	} else {
		printf("not ok %d - %s: not readable\n", number, name);
	}
	/* a crash in the next one shall not take this line with it */
	fflush(stdout);
	if (stream)
		fclose(stream);
	free(data);
}

int main(int argc, char **argv)
{
	int number = 0;

	for (int i = 1; i < argc; i++) {
		struct dirent **entries;
		int n = scandir(argv[i], &entries, is_file, alphasort);

		if (n <= 0) {
			printf("not ok %d - %s: no corpus\n", ++number, argv[i]);
			continue;
		}
		for (int k = 0; k < n; k++) {
			run_file(argv[i], entries[k]->d_name, ++number);
			free(entries[k]);
		}
		free(entries);
	}
	printf("1..%d\n", number);
	return 0;
}
