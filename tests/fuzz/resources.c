// SPDX-License-Identifier: MIT
// The resource file of a PCI function.

#include "base/text.h"
#include "host/internal.h"
#include "tests/fuzz/target.h"

#include <errno.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct arena a = { 0 };
	struct pci_detail d = { 0 };
	const struct bytes text = { arena_memdup(&a, data, n), n };
	int error = pci_parse_resources(&a, text, &d);

	HOLDS(error == 0 || error == -EBADMSG);
	for (size_t i = 0; i < d.n_resources; i++) {
		const struct pci_resource *r = &d.resources[i];

		HOLDS(i == 0 || r->index > d.resources[i - 1].index);
		HOLDS(r->kind == PCI_RESOURCE_IO || r->kind == PCI_RESOURCE_MEMORY);
		/* 0 is all of 64 bits */
		HOLDS(r->size_bytes == 0 || r->start + (r->size_bytes - 1) >= r->start);
	}
	arena_free(&a);
	return 0;
}
