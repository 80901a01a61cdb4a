// SPDX-License-Identifier: MIT
// Probes of the fake VFIO's devices where all is well, what is refused before anything is opened,
// and what a probe leaves alone. The ways in which a device turns out not to be usable:
// probe_trouble.c

#include "tests/unit/probe_machine.h"

#include <errno.h>
#include <unistd.h>

/* What reset_method is while the function is reset. */
static void note_method(struct fake_vfio *f, enum fake_vfio_kind kind, unsigned long request,
			void *argument)
{
	struct probe_bench *b = probe_bench;

	(void)f;
	(void)argument;
	if (kind == FAKE_VFIO_DEVICE && request == VFIO_DEVICE_RESET)
		strncat(b->seen, probe_bench_methods(b, OTHER),
			sizeof(b->seen) - strlen(b->seen) - 1);
}

static void test_all_well(void **state)
{
	struct probe_bench *b = *state;

	b->methods = "flr bus";
	b->vfio.mangle = note_method;
	assert_int_equal(probe_bench_run_one(b, OTHER), 0);
	const struct probe_function *f = probe_bench_function(b, OTHER);
	assert_int_equal(f->answer, PROBE_YES);
	assert_false(f->limited);
	assert_null(f->because);
	assert_int_equal(probe_bench_step(&f->steps, "open", "group")->answer, PROBE_YES);
	assert_int_equal(probe_bench_step(&f->steps, "open", "iommufd")->answer, PROBE_YES);
	assert_step(&f->steps, "BAR 0", PROBE_YES);
	assert_step(&f->steps, "MSI", PROBE_YES);
	assert_step(&f->steps, "INTx", PROBE_YES);
	assert_step(&f->steps, "hot reset", PROBE_YES);
	assert_step(&b->probe.steps, "DMA, 4 KiB", PROBE_YES);
	assert_step(&b->probe.steps, "DMA, 32 MiB", PROBE_YES);
	/* each method alone, in their order, and then the list as it was */
	assert_string_equal(b->seen, "flr\nbus\n");
	assert_string_equal(probe_bench_methods(b, OTHER), "flr bus\n");
	assert_int_equal(b->vfio.devices[2].n_resets, 2);
	assert_int_equal(b->vfio.devices[2].n_hot_resets, 1);
	/* bus mastering stayed off, and decoding is as before */
	assert_int_equal(b->vfio.devices[2].config[PCI_COMMAND], 0);
	assert_int_equal(b->vfio.devices[0].n_hot_resets, 0);
	/* what a guest of 16 GiB needs follows from what was measured */
	assert_int_equal(b->probe.n_paces, 1);
	const struct probe_pace *pace = &b->probe.paces[0];
	assert_int_equal(pace->tried_bytes, 32 << 20);
	assert_true(pace->guest_ns / 512 - pace->map_ns <= 1);
}

static void test_card(void **state)
{
	struct probe_bench *b = *state;

	assert_int_equal(probe_bench_run_one(b, CARD), 0);
	assert_int_equal(b->probe.n, 2);
	for (size_t i = 0; i < 2; i++) {
		const struct probe_function *f = &b->probe.functions[i];

		assert_int_equal(f->answer, PROBE_YES);
		assert_false(f->limited);
		assert_int_equal(f->affected.n, 2);
		assert_step(&f->steps, "reset", PROBE_YES);
		assert_step(&f->steps, "hot reset", PROBE_YES);
	}
	/* one reset of the bus for both, asked of the first */
	assert_int_equal(b->vfio.devices[0].n_hot_resets + b->vfio.devices[1].n_hot_resets, 1);
	assert_int_equal(b->vfio.devices[2].n_resets, 0);
}

static void test_gentle(void **state)
{
	struct probe_bench *b = *state;

	b->methods = "flr bus";
	b->options.gentle = true;
	assert_int_equal(probe_bench_run_one(b, OTHER), 0);
	const struct probe_function *f = probe_bench_function(b, OTHER);
	assert_int_equal(f->answer, PROBE_YES);
	assert_step(&f->steps, "MSI", PROBE_YES);
	for (size_t i = 0; i < f->steps.n; i++)
		assert_null(strstr(f->steps.step[i].name, "reset"));
	assert_int_equal(b->vfio.devices[2].n_resets + b->vfio.devices[2].n_hot_resets, 0);
	assert_int_equal(b->n_methods_set, 0);
	assert_int_equal(f->affected.n, 1); /* what a reset would reach is told all the same */
}

static void test_one_method(void **state)
{
	struct probe_bench *b = *state;

	b->methods = "flr";
	assert_int_equal(probe_bench_run_one(b, OTHER), 0);
	assert_step(&probe_bench_function(b, OTHER)->steps, "reset: flr", PROBE_YES);
	assert_int_equal(b->n_methods_set, 0);
}

static void test_one_backend(void **state)
{
	struct probe_bench *b = *state;

	b->options.backends = 1u << VFIO_IOMMUFD;
	assert_int_equal(probe_bench_run_one(b, OTHER), 0);
	const struct probe_function *f = probe_bench_function(b, OTHER);
	assert_int_equal(f->answer, PROBE_YES);
	for (size_t i = 0; i < f->steps.n; i++)
		assert_string_equal(f->steps.step[i].backend, "iommufd");
	/* it is the first that opens it: tried in full */
	assert_step(&f->steps, "BAR 0", PROBE_YES);
	assert_step(&f->steps, "hot reset", PROBE_YES);
}

static void test_backend_missing(void **state)
{
	struct probe_bench *b = *state;
	char path[256];

	snprintf(path, sizeof(path), "%s/vfio-dev", fake_directory_of(b->k, OTHER));
	fake_remove(&b->k->tree, path);
	assert_int_equal(probe_bench_run_one(b, OTHER), 0);
	const struct probe_function *f = probe_bench_function(b, OTHER);
	assert_int_equal(f->answer, PROBE_YES);
	assert_false(f->limited);
	assert_int_equal(probe_bench_step(&b->probe.steps, "back end", "iommufd")->answer,
			 PROBE_NOT_TRIED);
	fake_remove(&b->k->tree, "sys/class/vfio/8");
	assert_int_equal(probe_bench_run_one(b, OTHER), 0);
	f = probe_bench_function(b, OTHER);
	assert_int_equal(f->answer, PROBE_NO);
	assert_string_equal(f->because, "the kernel offers no way to open it");
}

static void test_bus_master(void **state)
{
	struct probe_bench *b = *state;

	b->options.bus_master = true;
	assert_int_equal(probe_bench_run_one(b, OTHER), 0);
	assert_step(&probe_bench_function(b, OTHER)->steps, "bus master", PROBE_YES);
	assert_int_equal(b->vfio.devices[2].config[PCI_COMMAND], 0);
	b->vfio.devices[2].command_stuck = PCI_COMMAND_MASTER;
	assert_int_equal(probe_bench_run_one(b, OTHER), 0);
	assert_step(&probe_bench_function(b, OTHER)->steps, "bus master", PROBE_NO);
}

static void put(uint8_t *at, uint32_t value, size_t n)
{
	for (size_t i = 0; i < n; i++)
		at[i] = (uint8_t)(value >> 8 * i);
}

/* An image for UEFI of one sector, for the card. */
static void test_rom(void **state)
{
	struct probe_bench *b = *state;
	uint8_t rom[512] = { 0x55, 0xaa, 1 };
	off_t at = (off_t)6 << 20; /* of BAR 6 of the first device in the file of the fake */

	put(rom + 4, 0x0ef1, 4);
	put(rom + 0x0a, ROM_MACHINE_X86_64, 2);
	put(rom + 0x18, 0x1c, 2);
	memcpy(rom + 0x1c, "PCIR", 4);
	put(rom + 0x20, 0x10de, 2);
	put(rom + 0x22, 0x1c82, 2);
	put(rom + 0x26, 0x18, 2);
	put(rom + 0x2c, 1, 2);
	rom[0x30] = ROM_CODE_EFI;
	rom[0x31] = 0x80;
	assert_int_equal(pwrite(b->vfio.memory, rom, sizeof(rom), at), sizeof(rom));
	assert_int_equal(probe_bench_run_one(b, CARD), 0);
	const struct probe_function *f = probe_bench_function(b, CARD);
	assert_step(&f->steps, "ROM", PROBE_YES);
	assert_step_says(&f->steps, "ROM", "EFI (x86-64): a guest with UEFI shows a picture");
	assert_int_equal(f->rom.n, 1);

	put(rom + 0x22, 0x1c83, 2);
	assert_int_equal(pwrite(b->vfio.memory, rom, sizeof(rom), at), sizeof(rom));
	assert_int_equal(probe_bench_run_one(b, CARD), 0);
	f = probe_bench_function(b, CARD);
	assert_step(&f->steps, "ROM", PROBE_NO);
	assert_step_says(&f->steps, "ROM", "image 1 is for 10de:1c83");
	assert_false(f->limited);
}

/* ---- refused ---- */

static void test_not_with_vfio(void **state)
{
	struct probe_bench *b = *state;

	assert_int_equal(
		fake_store(b->k, "sys/bus/pci/drivers/vfio-pci/unbind", OTHER, strlen(OTHER)), 0);
	assert_int_equal(probe_bench_run_one(b, OTHER), -EPERM);
	assert_int_equal(b->e.kind, ERR_REFUSED);
	assert_non_null(strstr(b->e.text, "`passthru bind " OTHER "`"));
	assert_int_equal(b->vfio.calls, 0);
}

static void test_guest_has_it(void **state)
{
	struct probe_bench *b = *state;

	b->methods = "flr bus";
	fake_open(b->k, "812", "qemu-system-x86", "/dev/vfio/8");
	b->vfio.fail_kind = FAKE_VFIO_GROUP;
	b->vfio.fail_node = "dev/vfio/8";
	b->vfio.fail_with = -EBUSY;
	assert_int_equal(probe_bench_run_one(b, OTHER), -EPERM);
	assert_int_equal(b->e.kind, ERR_REFUSED);
	assert_non_null(strstr(b->e.text, "qemu-system-x86 (pid 812)"));
	assert_int_equal(b->n_methods_set, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_all_well, probe_bench_setup,
						probe_bench_teardown),
		cmocka_unit_test_setup_teardown(test_card, probe_bench_setup, probe_bench_teardown),
		cmocka_unit_test_setup_teardown(test_gentle, probe_bench_setup,
						probe_bench_teardown),
		cmocka_unit_test_setup_teardown(test_one_method, probe_bench_setup,
						probe_bench_teardown),
		cmocka_unit_test_setup_teardown(test_one_backend, probe_bench_setup,
						probe_bench_teardown),
		cmocka_unit_test_setup_teardown(test_backend_missing, probe_bench_setup,
						probe_bench_teardown),
		cmocka_unit_test_setup_teardown(test_bus_master, probe_bench_setup,
						probe_bench_teardown),
		cmocka_unit_test_setup_teardown(test_rom, probe_bench_setup, probe_bench_teardown),
		cmocka_unit_test_setup_teardown(test_not_with_vfio, probe_bench_setup,
						probe_bench_teardown),
		cmocka_unit_test_setup_teardown(test_guest_has_it, probe_bench_setup,
						probe_bench_teardown),
	};

	return cmocka_run_group_tests_name("probe", tests, NULL, NULL);
}
