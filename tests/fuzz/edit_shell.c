// SPDX-License-Identifier: MIT
// Files that a shell sources. The bits of the first byte say which shell, what the words are and
// whether a line may be appended; the rest is the file. The variable is V.

#include "tests/fuzz/edit_trip.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static const char *names[] = { "iommu=pt", "hugepagesz=1G", "hugepages=4", "a" };
	const struct names words = { names, 4 };
	struct arena a = { 0 };

	if (n == 0)
		return 0;
	struct edit_place place = { data[0] & 1 ? EDIT_BASH : EDIT_SHELL,
				    data[0] & 8 ? "V[x]" : "V", data[0] & 2, data[0] & 4 };

	edit_round_trip(&a, (struct bytes){ (const char *)data + 1, n - 1 }, &place, &words);
	arena_free(&a);
	return 0;
}
