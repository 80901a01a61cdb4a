// SPDX-License-Identifier: MIT
// Prints what src/host makes of an expansion ROM, as JSON, for tests/rom/compare.py to hold against
// romheaders: rom-dump FILE
//
// Deliberately plain: one key per field of host/rom.h, and no judgement.

#include "host/host.h"

#include <jansson.h>
#include <stdio.h>

static json_t *image_of(const struct rom_image *i)
{
	json_t *devices = json_array();

	for (size_t k = 0; k < i->n_devices; k++)
		json_array_append_new(devices, json_integer(i->devices[k]));
	return json_pack("{s:I, s:I, s:b, s:b, s:i, s:i, s:i, s:i, s:i, s:i, s:b, s:o, s:b, s:b, "
			 "s:i, s:i, s:i, s:i}",
			 "offset", (json_int_t)i->offset, "size", (json_int_t)i->size_bytes, "cut",
			 i->cut, "has_data", i->has_data, "vendor", i->vendor, "device", i->device,
			 "data_revision", i->data_revision, "class", (int)i->class_code,
			 "code_revision", i->code_revision, "code", i->code, "last", i->last,
			 "devices", devices, "checksum_ok", i->checksum_ok, "efi", i->efi.valid,
			 "subsystem", i->efi.subsystem, "machine", i->efi.machine, "compression",
			 i->efi.compression, "driver_offset", i->efi.driver_offset);
}

int main(int argc, char **argv)
{
	static char data[1 << 24];
	struct arena a = { 0 };
	struct rom rom;

	FILE *file = argc == 2 ? fopen(argv[1], "rb") : NULL;
	if (!file)
		return 2;
	size_t n = fread(data, 1, sizeof(data), file);
	fclose(file);
	rom_parse(&a, data, n, &rom);
	json_t *images = json_array();
	for (size_t i = 0; i < rom.n; i++)
		json_array_append_new(images, image_of(&rom.images[i]));
	json_t *all = json_pack("{s:i, s:s?, s:I, s:b, s:o}", "error", rom.error, "problem",
				rom.problem, "size", (json_int_t)rom.size_bytes, "unterminated",
				rom.unterminated, "images", images);
	json_dumpf(all, stdout, JSON_INDENT(1));
	json_decref(all);
	arena_free(&a);
	return 0;
}
