// SPDX-License-Identifier: MIT
// The ACPI table IVRS, and the questions about devices. Signature and length are not waited for
// but written, so that every input gets past the header.

#include "host/acpi.h"
#include "tests/fuzz/target.h"

#include <errno.h>
#include <string.h>

static void ask(const struct ivrs *t, struct pci_address address, size_t n)
{
	const struct ivhd *ivhd = ivrs_ivhd_of(t, address);
	const struct ivhd_entry *entry = NULL;
	const struct ivmd *ivmd = NULL;

	HOLDS(!ivhd || ivhd_next_entry(ivhd, address, NULL));
	while (ivhd && (entry = ivhd_next_entry(ivhd, address, entry)))
		HOLDS(entry->place.offset + entry->place.length <= n);
	while ((ivmd = ivrs_next_ivmd(t, address, ivmd)))
		HOLDS(ivmd->place.offset + ivmd->place.length <= n);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct arena a = { 0 };
	struct err e = { 0 };
	struct ivrs t;

	if (n < 8 || n > ROOT_READ_MAX)
		return 0;
	/* not in the arena: there a read beyond the end would not be seen */
	char *table = malloc(n);
	memcpy(table, data, n);
	memcpy(table, "IVRS", 4);
	for (size_t i = 0; i < 4; i++)
		table[4 + i] = (char)(n >> 8 * i);
	int error = ivrs_parse(&a, (struct bytes){ table, n }, &t, &e);
	free(table);
	HOLDS(error == 0 || error == -EBADMSG);
	HOLDS((error == 0) == (e.text[0] == '\0'));
	if (error == 0) {
		ask(&t, (struct pci_address){ 0, 0, 0, 0 }, n);
		ask(&t, (struct pci_address){ 0, 0xff, 0x1f, 7 }, n);
		for (size_t i = 0; i < t.n_ivhds; i++)
			for (size_t k = 0; k < t.ivhds[i].n_entries; k++)
				HOLDS(t.ivhds[i].entries[k].uid.n <= 255);
	}
	arena_free(&a);
	return 0;
}
