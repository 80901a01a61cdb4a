/* SPDX-License-Identifier: MIT */
/*
 * The images of an expansion ROM: for the firmware of a PC, for UEFI, for Open Firmware, one behind
 * the other, each with a header and a data structure.
 *
 * Bytes only: how they were read is the caller's matter. They come from a device and are not
 * trusted.
 *
 * Sources: PCI Firmware Specification 3.3, chapter 5 (headers, "PCIR"), UEFI Specification, 14.4.2
 * (EFI header), pci_get_rom_size() in drivers/pci/rom.c of Linux, and for what NVIDIA's cards do
 * differently ("NPDS", "NPDE") drivers/gpu/drm/nouveau/nvkm/subdev/bios/{image,pcir,npde}.c.
 */
#pragma once

#include "base/arena.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What an image is for; others are the number alone. */
enum rom_code {
	ROM_CODE_X86 = 0x00,
	ROM_CODE_OPEN_FIRMWARE = 0x01,
	ROM_CODE_PA_RISC = 0x02,
	ROM_CODE_EFI = 0x03,
	ROM_CODE_NVIDIA = 0x70, /* data of the card, behind all others */
};

/* IMAGE_FILE_MACHINE_*: for which processors the driver in an EFI image is. */
#define ROM_MACHINE_X86 0x014c
#define ROM_MACHINE_X86_64 0x8664
#define ROM_MACHINE_ARM_64 0xaa64
#define ROM_MACHINE_BYTE_CODE 0x0ebc

struct rom_efi {
	bool valid; /* signature 0x0ef1 */
	uint16_t subsystem, machine;
	uint16_t compression;   /* 0: none, 1: that of UEFI */
	uint16_t driver_offset; /* in the image */
};

struct rom_image {
	uint64_t offset, size_bytes;
	bool cut; /* it says that it is longer; size_bytes is what there is of it */
	/* false: a header without data structure, as ROMs for ISA have it; then only the size and
	 * the checksum are known */
	bool has_data;
	uint16_t vendor, device;
	uint8_t data_revision; /* 3: PCI Firmware Specification 3 */
	uint32_t class_code;
	uint16_t code_revision;
	uint8_t code; /* enum rom_code */
	bool last;
	/* further devices that it is for */
	const uint16_t *devices;
	size_t n_devices;
	/* of a PC's image: the sum of its bytes is 0, as firmware demands. Not looked at in others
	 */
	bool checksum_ok;
	struct rom_efi efi; /* of ROM_CODE_EFI */
};

struct rom {
	/*
	 * 0         the chain is whole, or ends with an image that does not say it is the last
	 * -ENOENT   no bytes, or not the signature of a ROM at the beginning
	 * -EBADMSG  an image that makes no sense; those before it are given
	 */
	int error;
	const char *problem; /* why, "image 2 at 0x12600: ..."; NULL without error */
	struct rom_image *images;
	size_t n;
	uint64_t size_bytes; /* up to the end of the last image */
	bool unterminated;   /* nothing behind the last image, which does not say that it is that */
};

/* Never fails: what is wrong is in *@ret, and everything before it too. */
void rom_parse(struct arena *a, const void *data, size_t n, struct rom *ret);

/* Whether the image is for this device. */
bool rom_image_is_for(const struct rom_image *image, uint16_t vendor, uint16_t device);

/* An image for UEFI that a guest with these processors can start; NULL: none. */
const struct rom_image *rom_efi_image(const struct rom *rom, uint16_t machine);

/* "x86", "EFI", ...; NULL: not known. Live forever. */
const char *rom_code_name(uint8_t code);
const char *rom_machine_name(uint16_t machine);
