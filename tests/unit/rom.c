// SPDX-License-Identifier: MIT
// Expansion ROMs made by hand, image by image; real ones are in tests/rom.

#include "host/host.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#define SECTOR 512
#define DATA 0x1c /* where the data structure stands, unless a test puts it elsewhere */

struct bench {
	struct arena a;
	uint8_t bytes[16 * SECTOR];
	size_t n;
	struct rom rom;
};

static void put(uint8_t *at, uint32_t value, size_t n)
{
	for (size_t i = 0; i < n; i++)
		at[i] = (uint8_t)(value >> 8 * i);
}

/* Makes the sum of the first @n bytes 0, with the last of them. */
static void sign(uint8_t *at, size_t n)
{
	uint8_t sum = 0;

	for (size_t i = 0; i < n - 1; i++)
		sum = (uint8_t)(sum + at[i]);
	at[n - 1] = (uint8_t)-sum;
}

/* Appends an image of two sectors; returns where it begins. */
static uint8_t *add(struct bench *b, uint8_t code, bool last)
{
	uint8_t *at = b->bytes + b->n;

	b->n += 2 * SECTOR;
	put(at, 0xaa55, 2);
	at[2] = 2;
	put(at + 0x18, DATA, 2);
	memcpy(at + DATA, "PCIR", 4);
	put(at + DATA + 0x04, 0x10de, 2);
	put(at + DATA + 0x06, 0x1c82, 2);
	put(at + DATA + 0x0a, 0x1c, 2);
	at[DATA + 0x0c] = 3;
	put(at + DATA + 0x0d, 0x030000, 3);
	put(at + DATA + 0x10, 2, 2);
	at[DATA + 0x14] = code;
	at[DATA + 0x15] = last ? 0x80 : 0;
	if (code == ROM_CODE_EFI) {
		put(at + 4, 0x0ef1, 4);
		put(at + 0x08, 0x0b, 2);
		put(at + 0x0a, ROM_MACHINE_X86_64, 2);
		put(at + 0x0c, 1, 2);
		put(at + 0x16, 0x40, 2);
	}
	sign(at, 2 * SECTOR);
	return at;
}

/* Parses a copy of exactly that size, so that a sanitizer sees a read beyond it. */
static void parse_some(struct bench *b, size_t n)
{
	uint8_t *copy = malloc(n ? n : 1);

	assert_non_null(copy);
	memcpy(copy, b->bytes, n);
	rom_parse(&b->a, copy, n, &b->rom);
	free(copy);
}

static void parse(struct bench *b)
{
	parse_some(b, b->n);
}

static int start(void **state)
{
	*state = calloc(1, sizeof(struct bench));
	return *state ? 0 : -1;
}

static int stop(void **state)
{
	struct bench *b = *state;

	arena_free(&b->a);
	free(b);
	return 0;
}

static void test_chain(void **state)
{
	struct bench *b = *state;

	add(b, ROM_CODE_X86, false);
	add(b, ROM_CODE_EFI, true);
	b->n += SECTOR; /* what lies behind the last image is not looked at */
	parse(b);
	assert_int_equal(b->rom.error, 0);
	assert_int_equal(b->rom.n, 2);
	assert_int_equal(b->rom.size_bytes, 4 * SECTOR);
	assert_false(b->rom.unterminated);
	const struct rom_image *legacy = &b->rom.images[0], *efi = &b->rom.images[1];
	assert_int_equal(legacy->vendor, 0x10de);
	assert_int_equal(legacy->device, 0x1c82);
	assert_int_equal(legacy->class_code, 0x030000);
	assert_int_equal(legacy->code, ROM_CODE_X86);
	assert_true(legacy->checksum_ok);
	assert_false(legacy->last);
	assert_int_equal(efi->offset, 2 * SECTOR);
	assert_true(efi->last && efi->efi.valid);
	assert_int_equal(efi->efi.machine, ROM_MACHINE_X86_64);
	assert_int_equal(efi->efi.subsystem, 0x0b);
	assert_int_equal(efi->efi.compression, 1);
	assert_int_equal(efi->efi.driver_offset, 0x40);
	assert_ptr_equal(rom_efi_image(&b->rom, ROM_MACHINE_X86_64), efi);
	assert_null(rom_efi_image(&b->rom, ROM_MACHINE_ARM_64));
}

static void test_ids(void **state)
{
	struct bench *b = *state;
	uint8_t *at = add(b, ROM_CODE_X86, true);

	put(at + DATA + 0x08, 0x20, 2); /* the list of further devices */
	put(at + DATA + 0x20, 0x1c81, 2);
	put(at + DATA + 0x22, 0x1cb1, 2);
	put(at + DATA + 0x24, 0, 2);
	parse(b);
	const struct rom_image *image = &b->rom.images[0];
	assert_int_equal(image->n_devices, 2);
	assert_true(rom_image_is_for(image, 0x10de, 0x1c82));
	assert_true(rom_image_is_for(image, 0x10de, 0x1cb1));
	assert_false(rom_image_is_for(image, 0x10de, 0x1cb2));
	assert_false(rom_image_is_for(image, 0x1002, 0x1c82));

	/* before revision 3 the pointer was another one */
	at[DATA + 0x0c] = 0;
	parse(b);
	assert_int_equal(b->rom.images[0].n_devices, 0);

	/* a list that does not end ends with the image */
	at[DATA + 0x0c] = 3;
	memset(at + DATA + 0x20, 0x11, 2 * SECTOR - DATA - 0x20);
	parse(b);
	assert_int_equal(b->rom.images[0].n_devices, (2 * SECTOR - DATA - 0x20) / 2);
}

static void test_nothing_there(void **state)
{
	struct bench *b = *state;

	parse(b);
	assert_int_equal(b->rom.error, -ENOENT);
	b->n = 4 * SECTOR;
	parse(b);
	assert_int_equal(b->rom.error, -ENOENT);
	memset(b->bytes, 0xff, b->n);
	parse(b);
	assert_int_equal(b->rom.error, -ENOENT);
	assert_non_null(b->rom.problem);
	assert_int_equal(b->rom.n, 0);
}

static void test_unterminated(void **state)
{
	struct bench *b = *state;

	add(b, ROM_CODE_X86, false);
	parse(b);
	assert_int_equal(b->rom.error, 0);
	assert_true(b->rom.unterminated);
	b->n += SECTOR;
	memset(b->bytes + 2 * SECTOR, 0xff, SECTOR);
	parse(b);
	assert_true(b->rom.unterminated);
	assert_int_equal(b->rom.size_bytes, 2 * SECTOR);
}

static void test_damaged(void **state)
{
	struct bench *b = *state;
	uint8_t *first = add(b, ROM_CODE_X86, false), *second = add(b, ROM_CODE_EFI, true);

	first[100] ^= 1;
	parse(b);
	assert_int_equal(b->rom.error, 0);
	assert_false(b->rom.images[0].checksum_ok);

	put(second + 0x18, 0xfff0, 2);
	parse(b);
	assert_int_equal(b->rom.error, -EBADMSG);
	assert_int_equal(b->rom.n, 1);
	assert_string_equal(b->rom.problem, "image 2 at 0x400: it has no PCI data structure");

	put(second + 0x18, DATA, 2);
	put(second + DATA + 0x10, 0, 2);
	parse(b);
	assert_string_equal(b->rom.problem, "image 2 at 0x400: its size is 0");

	put(second + DATA + 0x10, 0xffff, 2);
	parse(b);
	assert_int_equal(b->rom.error, 0);
	assert_true(b->rom.images[1].cut);
	assert_int_equal(b->rom.images[1].size_bytes, 2 * SECTOR);

	put(second + 4, 0x0ef2, 4);
	parse(b);
	assert_false(b->rom.images[1].efi.valid);
	assert_null(rom_efi_image(&b->rom, ROM_MACHINE_X86_64));
}

/* As ROMs for ISA are: seabios' vgabios-isavga.bin. */
static void test_without_data(void **state)
{
	struct bench *b = *state;
	uint8_t *at = add(b, ROM_CODE_X86, true);

	put(at + 0x18, 0, 2);
	sign(at, 2 * SECTOR);
	parse(b);
	assert_int_equal(b->rom.error, 0);
	assert_int_equal(b->rom.n, 1);
	assert_false(b->rom.images[0].has_data);
	assert_true(b->rom.images[0].checksum_ok);
	assert_false(rom_image_is_for(&b->rom.images[0], 0, 0));
	parse_some(b, SECTOR);
	assert_true(b->rom.images[0].cut);
	assert_false(b->rom.images[0].checksum_ok);
	at[2] = 0;
	parse(b);
	assert_int_equal(b->rom.error, -EBADMSG);
}

/* NVIDIA's cards: PCIR calls the second image the last one, the extension behind it knows better.
 */
static void test_nvidia(void **state)
{
	struct bench *b = *state;

	add(b, ROM_CODE_X86, false);
	uint8_t *efi = add(b, ROM_CODE_EFI, true);
	memcpy(efi + 0x40, "NPDE", 4); /* DATA + 0x1c, at the next 16 bytes */
	put(efi + 0x48, 3, 2);
	efi[0x4a] = 0;
	b->n += SECTOR;
	uint8_t *own = add(b, ROM_CODE_NVIDIA, false);
	put(own, 0x4e56, 2);
	memcpy(own + DATA, "NPDS", 4);
	parse(b);
	assert_int_equal(b->rom.error, 0);
	assert_int_equal(b->rom.n, 3);
	assert_int_equal(b->rom.images[1].size_bytes, 3 * SECTOR);
	assert_false(b->rom.images[1].last);
	assert_true(b->rom.images[2].last);
	/* but the first image has the signature that all have */
	put(b->bytes, 0x4e56, 2);
	parse(b);
	assert_int_equal(b->rom.error, -ENOENT);
}

/* Cut anywhere it is read as far as it goes, and nothing beyond. */
static void test_truncated(void **state)
{
	struct bench *b = *state;

	add(b, ROM_CODE_X86, false);
	add(b, ROM_CODE_EFI, true);
	for (size_t n = 0; n < b->n; n++) {
		parse_some(b, n);
		assert_true(b->rom.size_bytes <= n);
		assert_true(b->rom.n < 2 || b->rom.images[1].cut);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_chain, start, stop),
		cmocka_unit_test_setup_teardown(test_ids, start, stop),
		cmocka_unit_test_setup_teardown(test_nothing_there, start, stop),
		cmocka_unit_test_setup_teardown(test_unterminated, start, stop),
		cmocka_unit_test_setup_teardown(test_damaged, start, stop),
		cmocka_unit_test_setup_teardown(test_without_data, start, stop),
		cmocka_unit_test_setup_teardown(test_nvidia, start, stop),
		cmocka_unit_test_setup_teardown(test_truncated, start, stop),
	};

	return cmocka_run_group_tests_name("rom", tests, NULL, NULL);
}
