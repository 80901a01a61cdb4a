// SPDX-License-Identifier: MIT
// The bytes of a configuration space. Input that is too short for a header is laid behind one with
// both chains of capabilities, so that their decoding is reached from few bytes.

#include "host/host.h"
#include "tests/fuzz/target.h"

#include <errno.h>
#include <linux/pci_regs.h>
#include <string.h>

static void list_is_sound(const struct pci_config *c, const struct pci_capabilities *list,
			  size_t first, size_t end)
{
	bool seen[PCI_CONFIG_EXTENDED_BYTES] = { false };

	for (size_t i = 0; i < list->n; i++) {
		size_t offset = list->list[i].offset;

		HOLDS(offset >= first && offset < end && offset < c->n_bytes);
		HOLDS(!seen[offset]);
		seen[offset] = true;
	}
	HOLDS(list->error <= 0);
}

static void decode(const uint8_t *data, size_t n)
{
	struct arena a = { 0 };
	struct pci_config c;

	pci_decode_config(&a, data, n, &c);
	HOLDS(c.error <= 0 && c.n_bytes == n);
	if (c.error == 0) {
		list_is_sound(&c, &c.standard, PCI_STD_HEADER_SIZEOF, PCI_CONFIG_BYTES);
		list_is_sound(&c, &c.extended, PCI_CONFIG_BYTES, PCI_CONFIG_EXTENDED_BYTES);
		HOLDS(c.rebar.n_bars <= 6 && c.vf_rebar.n_bars <= 6);
		HOLDS(c.acs.error || c.acs.offset + 8u <= n);
		HOLDS(c.sriov.error || c.sriov.offset + 0x40u <= n);
		HOLDS(c.express.link.error || c.express.offset + 0x14u <= n);
	} else {
		HOLDS(c.standard.n == 0 && c.extended.n == 0 && c.express.error == c.error);
	}
	arena_free(&a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	uint8_t whole[PCI_CONFIG_EXTENDED_BYTES] = { 0x86, 0x80 };
	uint8_t *exact = malloc(n ? n : 1);

	memcpy(exact, data, n);
	if (n <= PCI_CONFIG_EXTENDED_BYTES)
		decode(exact, n);
	/* the first half behind the header, the second into the extended space */
	size_t half = n / 2 < 0xc0 ? n / 2 : 0xc0;
	size_t rest = n - half < 0xf00 ? n - half : 0xf00;
	whole[PCI_STATUS] = PCI_STATUS_CAP_LIST;
	whole[PCI_CAPABILITY_LIST] = 0x40;
	memcpy(whole + 0x40, exact, half);
	memcpy(whole + 0x100, exact + half, rest);
	decode(whole, sizeof(whole));
	free(exact);
	return 0;
}
