// SPDX-License-Identifier: MIT
// The uevent file of a PCI function.

#include "base/text.h"
#include "host/internal.h"
#include "tests/fuzz/target.h"

#include <errno.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct arena a = { 0 };
	struct pci_function f = { 0 };
	const struct bytes uevent = { arena_memdup(&a, data, n), n };
	int error = pci_parse_uevent(&a, uevent, &f);

	HOLDS(error == 0 || error == -EBADMSG);
	HOLDS(f.class_code <= 0xffffff);
	HOLDS(f.driver.error == -ENOENT || (f.driver.error == 0 && *f.driver.value));
	if (f.driver.error == 0)
		HOLDS(!strchr(f.driver.value, '\n') && strlen(f.driver.value) < n);
	arena_free(&a);
	return 0;
}
