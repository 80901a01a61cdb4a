// SPDX-License-Identifier: MIT
// What a user writes for a device, and the addresses of PCI functions.

#include "base/text.h"
#include "host/host.h"
#include "tests/fuzz/target.h"

#include <errno.h>

/* clang-format off */
static struct pci_function functions[] = {
	{ .address = { 0, 0, 1, 0 }, .name = "0000:00:01.0", .vendor = 0x8086, .device = 0x1901,
	  .class_code = 0x060400 },
	{ .address = { 0, 1, 0, 0 }, .name = "0000:01:00.0", .vendor = 0x10de, .device = 0x0fb9,
	  .class_code = 0x040300 },
	{ .address = { 0, 1, 0, 1 }, .name = "0000:01:00.1", .vendor = 0x10de, .device = 0x1c82,
	  .class_code = 0x030000 },
	{ .address = { 0, 2, 0, 0 }, .name = "0000:02:00.0", .vendor = 0x10de, .device = 0x1c82,
	  .class_code = 0x030200 },
	{ .address = { 0, 3, 0x1f, 7 }, .name = "0000:03:1f.7", .error = -EACCES },
	{ .address = { 0x10000, 0xe1, 0, 0 }, .name = "10000:e1:00.0", .vendor = 0x144d,
	  .device = 0xa808, .class_code = 0x010802 },
};
/* clang-format on */

static void check_address(const char *text)
{
	struct pci_address address, again;
	char formatted[PCI_ADDRESS_MAX];

	if (!pci_address_parse(text, &address))
		return;
	pci_address_format(address, formatted);
	HOLDS(pci_address_parse(formatted, &again));
	HOLDS(pci_address_compare(address, again) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct host host = { .functions = functions, .n_functions = ARRAY_SIZE(functions) };
	struct selection selection = { 0 };
	struct err e = { 0 };
	const char *text = arena_memdup(&host.arena, data, n);
	int error = select_device(&host, text, &selection, &e);

	if (error) {
		HOLDS(error == -EINVAL || error == -ENODEV);
		HOLDS(*e.text);
	} else {
		HOLDS(selection.n >= 1 && selection.n <= ARRAY_SIZE(functions));
		for (size_t i = 0; i < selection.n; i++)
			HOLDS(selection.function[i] >= functions &&
			      selection.function[i] < functions + ARRAY_SIZE(functions));
	}
	check_address(text);
	arena_free(&host.arena);
	return 0;
}
