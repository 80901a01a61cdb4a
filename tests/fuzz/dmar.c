// SPDX-License-Identifier: MIT
// The ACPI table DMAR, and the questions about devices. Signature and length are not waited for
// but written, so that every input gets past the header.

#include "host/acpi.h"
#include "tests/fuzz/target.h"

#include <errno.h>
#include <string.h>

static void devices_lie_within(const struct dmar_devices *d, const struct acpi_place *place)
{
	for (size_t i = 0; i < d->n_scopes; i++) {
		const struct dmar_scope *s = &d->scopes[i];

		HOLDS(s->place.offset > place->offset);
		HOLDS(s->place.offset + s->place.length <= place->offset + place->length);
		HOLDS(s->n_path > 0 && s->place.length == 6 + 2 * s->n_path);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct pci_function port = { .address = { 0, 0, 0x1c, 0 } };
	struct pci_function below = { .address = { 0, 3, 0, 0 }, .parent = &port };
	const struct dmar_rmrr *rmrr = NULL;
	struct arena a = { 0 };
	struct err e = { 0 };
	struct dmar t;

	if (n < 8 || n > ROOT_READ_MAX)
		return 0;
	/* not in the arena: there a read beyond the end would not be seen */
	char *table = malloc(n);
	memcpy(table, data, n);
	memcpy(table, "DMAR", 4);
	for (size_t i = 0; i < 4; i++)
		table[4 + i] = (char)(n >> 8 * i);
	int error = dmar_parse(&a, (struct bytes){ table, n }, &t, &e);
	free(table);
	HOLDS(error == 0 || error == -EBADMSG);
	HOLDS((error == 0) == (e.text[0] == '\0'));
	if (error == 0) {
		(void)dmar_drhd_of(&t, &below);
		while ((rmrr = dmar_next_rmrr(&t, &below, rmrr)))
			HOLDS(rmrr->place.offset + rmrr->place.length <= n);
		for (size_t i = 0; i < t.n_drhds; i++)
			devices_lie_within(&t.drhds[i].devices, &t.drhds[i].place);
		for (size_t i = 0; i < t.n_sidps; i++)
			devices_lie_within(&t.sidps[i].devices, &t.sidps[i].place);
		for (size_t i = 0; i < t.n_andds; i++)
			HOLDS(strlen(t.andds[i].acpi_object_name) + 9 <= t.andds[i].place.length);
	}
	arena_free(&a);
	return 0;
}
