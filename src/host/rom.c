// SPDX-License-Identifier: MIT
// Expansion ROMs, image by image, in the way of pci_get_rom_size() in drivers/pci/rom.c of Linux,
// but saying why the walk ends. Every offset is checked against the bytes there are before it is
// used.
//
// Tolerated, because cards do it: an image larger than the ROM (its size then ends with the bytes),
// a missing last mark, and NVIDIA's extended sizes (rom.h names the sources).

#include "host/rom.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#define SECTOR_BYTES 512u
#define HEADER_BYTES 0x1au
#define DATA_BYTES 0x18u
/* an image is a sector at least: no ROM of 16 MiB, the most a BAR for one can hold, has more */
#define IMAGES_MAX 32768u
#define EFI_SIGNATURE 0x0ef1u

struct part {
	const uint8_t *data;
	size_t n;
};

static uint16_t word(struct part p, size_t at)
{
	return at + 2 <= p.n ? (uint16_t)(p.data[at] | p.data[at + 1] << 8) : 0;
}

static uint32_t number(struct part p, size_t at)
{
	return word(p, at) | (uint32_t)word(p, at + 2) << 16;
}

static bool is_signed(struct part p, size_t at, const char signature[4])
{
	return at + 4 <= p.n && memcmp(p.data + at, signature, 4) == 0;
}

static const char *fault(struct arena *a, const struct rom *rom, uint64_t offset, const char *what)
{
	return arena_printf(a, "image %zu at 0x%" PRIx64 ": %s", rom->n + 1, offset, what);
}

static bool is_header(struct part p, bool first)
{
	uint16_t signature = word(p, 0);

	if (p.n < HEADER_BYTES)
		return false;
	/* NVIDIA's images behind the first may have a signature of their own */
	return signature == 0xaa55 || (!first && (signature == 0xbb77 || signature == 0x4e56));
}

/* The list is part of the image; 0 ends it, as does the end of the image. */
static void take_devices(struct arena *a, struct part p, size_t at, struct rom_image *image)
{
	uint16_t relative = word(p, at + 0x08);
	size_t first = at + relative, n = 0;

	if (image->data_revision < 3 || relative < DATA_BYTES)
		return;
	while (first + 2 * n + 2 <= p.n && word(p, first + 2 * n))
		n++;
	uint16_t *devices = arena_array(a, n, sizeof(*devices));
	for (size_t i = 0; i < n; i++)
		devices[i] = word(p, first + 2 * i);
	image->devices = devices;
	image->n_devices = n;
}

/* NVIDIA: size and last mark of an image stand behind its data structure when PCIR cannot say it.
 */
static void take_nvidia_extension(struct part p, size_t at, uint64_t *size_bytes, bool *last)
{
	size_t extension = (at + word(p, at + 0x0a) + 0xf) & ~(size_t)0xf;

	if (!is_signed(p, extension, "NPDE") || extension + 0xb > p.n)
		return;
	*size_bytes = (uint64_t)word(p, extension + 0x08) * SECTOR_BYTES;
	*last = p.data[extension + 0x0a] & 0x80;
}

static bool sums_to_zero(struct part p, uint64_t size_bytes)
{
	uint8_t sum = 0;

	if (size_bytes == 0 || size_bytes > p.n)
		return false;
	for (size_t i = 0; i < size_bytes; i++)
		sum = (uint8_t)(sum + p.data[i]);
	return sum == 0;
}

static void take_efi(struct part p, struct rom_efi *efi)
{
	*efi = (struct rom_efi){
		.valid = number(p, 0x04) == EFI_SIGNATURE,
		.subsystem = word(p, 0x08),
		.machine = word(p, 0x0a),
		.compression = word(p, 0x0c),
		.driver_offset = word(p, 0x16),
	};
}

/* No data structure: only the first image of a ROM can be like that, for no size leads on. */
static const char *take_bare(struct part p, struct rom_image *image)
{
	image->size_bytes = p.data[2] * (uint64_t)SECTOR_BYTES;
	image->code = ROM_CODE_X86;
	image->last = true;
	if (image->size_bytes == 0)
		return "it has neither a PCI data structure nor a size";
	image->checksum_ok = sums_to_zero(p, image->size_bytes);
	image->cut = image->size_bytes > p.n;
	if (image->cut)
		image->size_bytes = p.n;
	return NULL;
}

/* Fills @image from @p, which begins with it; NULL, or what is wrong. */
static const char *take_image(struct arena *a, struct part p, bool first, struct rom_image *image)
{
	size_t at = word(p, 0x18);

	if (at < HEADER_BYTES || at + DATA_BYTES > p.n ||
	    !(is_signed(p, at, "PCIR") || is_signed(p, at, "NPDS") || is_signed(p, at, "RGIS"))) {
		if (first)
			return take_bare(p, image);
		return "it has no PCI data structure";
	}
	image->has_data = true;
	image->vendor = word(p, at + 0x04);
	image->device = word(p, at + 0x06);
	image->data_revision = p.data[at + 0x0c];
	image->class_code = number(p, at + 0x0c) >> 8;
	image->size_bytes = (uint64_t)word(p, at + 0x10) * SECTOR_BYTES;
	image->code_revision = word(p, at + 0x12);
	image->code = p.data[at + 0x14];
	image->last = p.data[at + 0x15] & 0x80;
	if (image->code == ROM_CODE_NVIDIA)
		image->last = true;
	else
		take_nvidia_extension(p, at, &image->size_bytes, &image->last);
	if (image->size_bytes == 0)
		return "its size is 0";
	image->cut = image->size_bytes > p.n;
	if (image->cut)
		image->size_bytes = p.n;
	p.n = image->size_bytes;
	take_devices(a, p, at, image);
	if (image->code == ROM_CODE_X86)
		image->checksum_ok = sums_to_zero(p, p.data[2] * (uint64_t)SECTOR_BYTES);
	if (image->code == ROM_CODE_EFI)
		take_efi(p, &image->efi);
	return NULL;
}

static void append(struct arena *a, struct rom *rom, const struct rom_image *image)
{
	/* grown at powers of two */
	if ((rom->n & (rom->n - 1)) == 0) {
		struct rom_image *more = arena_array(a, rom->n ? rom->n * 2 : 1, sizeof(*more));

		if (rom->n)
			memcpy(more, rom->images, rom->n * sizeof(*more));
		rom->images = more;
	}
	rom->images[rom->n++] = *image;
}

void rom_parse(struct arena *a, const void *data, size_t n, struct rom *ret)
{
	struct rom_image image = { 0 };
	uint64_t offset = 0;

	*ret = (struct rom){ 0 };
	for (; !image.last && ret->n < IMAGES_MAX; offset += image.size_bytes) {
		struct part p = { (const uint8_t *)data + offset, n - offset };

		if (!is_header(p, offset == 0)) {
			ret->unterminated = ret->n > 0;
			ret->error = ret->n ? 0 : -ENOENT;
			break;
		}
		image = (struct rom_image){ .offset = offset };
		const char *problem = take_image(a, p, offset == 0, &image);
		if (problem) {
			ret->error = -EBADMSG;
			ret->problem = fault(a, ret, offset, problem);
			break;
		}
		append(a, ret, &image);
	}
	if (ret->error == -ENOENT)
		ret->problem = "it does not begin with 55 aa";
	ret->size_bytes = offset;
}

bool rom_image_is_for(const struct rom_image *image, uint16_t vendor, uint16_t device)
{
	if (!image->has_data || image->vendor != vendor)
		return false;
	if (image->device == device)
		return true;
	for (size_t i = 0; i < image->n_devices; i++) {
		if (image->devices[i] == device)
			return true;
	}
	return false;
}

const struct rom_image *rom_efi_image(const struct rom *rom, uint16_t machine)
{
	for (size_t i = 0; i < rom->n; i++) {
		const struct rom_efi *efi = &rom->images[i].efi;

		/* byte code runs everywhere */
		if (efi->valid &&
		    (efi->machine == machine || efi->machine == ROM_MACHINE_BYTE_CODE))
			return &rom->images[i];
	}
	return NULL;
}

const char *rom_code_name(uint8_t code)
{
	switch (code) {
	case ROM_CODE_X86:
		return "x86";
	case ROM_CODE_OPEN_FIRMWARE:
		return "Open Firmware";
	case ROM_CODE_PA_RISC:
		return "PA-RISC";
	case ROM_CODE_EFI:
		return "EFI";
	case ROM_CODE_NVIDIA:
		return "NVIDIA data";
	default:
		return NULL;
	}
}

const char *rom_machine_name(uint16_t machine)
{
	switch (machine) {
	case ROM_MACHINE_X86:
		return "x86";
	case ROM_MACHINE_X86_64:
		return "x86-64";
	case ROM_MACHINE_ARM_64:
		return "Arm 64";
	case ROM_MACHINE_BYTE_CODE:
		return "EFI byte code";
	default:
		return NULL;
	}
}
