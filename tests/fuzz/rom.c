// SPDX-License-Identifier: MIT
// The bytes of an expansion ROM, as a device gives them.

#include "host/host.h"
#include "tests/fuzz/target.h"

#include <errno.h>
#include <string.h>

static void image_is_sound(const struct rom_image *image, uint64_t offset, size_t n)
{
	HOLDS(image->offset == offset);
	HOLDS(image->size_bytes > 0 && offset + image->size_bytes <= n);
	for (size_t i = 0; i < image->n_devices; i++) {
		HOLDS(image->devices[i] != 0);
		HOLDS(rom_image_is_for(image, image->vendor, image->devices[i]));
	}
	HOLDS(!image->efi.valid || image->code == ROM_CODE_EFI);
	(void)rom_code_name(image->code);
	(void)rom_machine_name(image->efi.machine);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct arena a = { 0 };
	uint64_t offset = 0;
	struct rom rom;

	rom_parse(&a, data, n, &rom);
	HOLDS(rom.error == 0 || rom.error == -ENOENT || rom.error == -EBADMSG);
	HOLDS(!rom.error == !rom.problem);
	HOLDS(rom.error != -ENOENT || rom.n == 0);
	HOLDS(rom.error || rom.n > 0);
	for (size_t i = 0; i < rom.n; i++) {
		image_is_sound(&rom.images[i], offset, n);
		HOLDS(!rom.images[i].last || i + 1 == rom.n);
		offset += rom.images[i].size_bytes;
	}
	HOLDS(rom.size_bytes == offset);
	const struct rom_image *efi = rom_efi_image(&rom, ROM_MACHINE_X86_64);
	HOLDS(!efi || efi->efi.valid);
	arena_free(&a);
	return 0;
}
