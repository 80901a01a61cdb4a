// SPDX-License-Identifier: MIT
// Boot configuration that is no shell file. The first byte says which; the rest is the file.

#include "tests/fuzz/edit_trip.h"

static void loader(struct arena *a, struct bytes text)
{
	struct err e = { 0 };
	const char *before, *again;
	struct bytes set, back;

	if (edit_loader_set(a, text, "default", "x", &set, &before, &e) < 0)
		return;
	if (edit_loader_set(a, set, "default", before, &back, &again, &e) < 0)
		return;
	HOLDS(strcmp(again, "x") == 0);
	same_bytes(back, text);
}

/* The bytes as the lines of a block of the size that is needed. */
static struct bytes block(struct arena *a, struct bytes text)
{
	static const char signature[] = "# GRUB Environment Block\n";
	char *data = arena_alloc(a, 1025);
	size_t n = strlen(signature);

	memset(data, '#', 1024);
	memcpy(data, signature, n);
	if (text.n)
		memcpy(data + n, text.data, text.n < 900 ? text.n : 900);
	return (struct bytes){ data, 1024 };
}

static void grubenv(struct arena *a, struct bytes text)
{
	struct err e = { 0 };
	const char *before, *again;
	struct bytes set;

	if (edit_grubenv_set(a, text, "next_entry", "a\\b\n", &set, &before, &e) < 0)
		return;
	HOLDS(set.n == 1024);
	HOLDS(edit_grubenv_set(a, set, "next_entry", before, &set, &again, &e) == 0);
	HOLDS(strcmp(again, "a\\b\n") == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static const char *names[] = { "iommu=pt", "hugepagesz=1G", "hugepages=4", "a" };
	const struct names words = { names, 4 };
	struct arena a = { 0 };

	if (n == 0)
		return 0;
	enum edit_format format = EDIT_CMDLINE + data[0] % (EDIT_BOOSTER - EDIT_CMDLINE + 1);
	struct edit_place place = { format, NULL, false, data[0] & 0x80 };
	struct bytes text = { (const char *)data + 1, n - 1 };

	if (format == EDIT_GRUBENV || format == EDIT_BOOSTER)
		place.name = "kernelopts";
	else if (data[0] & 0x40)
		place.name = "a";
	if (format == EDIT_GRUBENV) {
		text = block(&a, text);
		grubenv(&a, text);
	}
	edit_round_trip(&a, text, &place, &words);
	loader(&a, text);
	arena_free(&a);
	return 0;
}
