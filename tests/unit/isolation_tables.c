// SPDX-License-Identifier: MIT
// The tables about devices as a whole. Their ids were compared with drivers/pci/quirks.c of Linux
// 6.1.192 by a program that reads both; the sums here hold them to what was compared then. Whoever
// changes a table compares it anew.

#include "host/isolation_internal.h"
#include "tests/unit/isolation_host.h"

#define ENDPOINT PCI_EXP_TYPE_ENDPOINT
#define ROOT PCI_EXP_TYPE_ROOT_PORT

static uint64_t mix(uint64_t sum, uint64_t value)
{
	return (sum ^ value) * UINT64_C(0x100000001b3);
}

/*
 * Every id of every vendor that has rows, on a port that could be any of them. The ids were
 * compared with drivers/pci/quirks.c of Linux 6.1.192 by a program that reads both; the sum holds
 * the table to what was compared then.
 */
static void the_table_of_quirks(void **state)
{
	static const uint16_t vendors[] = { 0x0014, 0x1002, 0x1022, 0x10df, 0x10e8, 0x14e4,
					    0x177d, 0x17cb, 0x1924, 0x1957, 0x19a2, 0x1c36,
					    0x1d17, 0x1dbf, 0x1def, 0x8086, 0x8088 };
	static const struct function functions[] = {
		{ .name = "0000:00:01.0",
		  .type = ROOT,
		  .acs_supported = GOOD_ACS,
		  .multifunction = 1 },
	};
	size_t yes = 0, no = 0, by_register = 0;
	uint64_t sum = 0;
	struct machine m;

	(void)state;
	machine_build(&m, functions, ARRAY_SIZE(functions));
	fake_file(&m.k->tree, "sys/firmware/acpi/tables/IVRS", "not a table");
	machine_read(&m);
	struct pci_function *f = &m.host.functions[0];
	for (size_t i = 0; i < ARRAY_SIZE(vendors); i++) {
		f->vendor = vendors[i];
		for (uint32_t device = 0; device <= 0xffff; device++) {
			struct isolation_step step = { .function = f };

			f->device = (uint16_t)device;
			if (!isolation_quirk(m.reader, f, &step))
				continue;
			yes += step.reason == ISOLATION_QUIRK_YES;
			no += step.reason == ISOLATION_QUIRK_NO;
			by_register += step.reason == ISOLATION_ACS_OFF;
			if (step.reason != ISOLATION_QUIRK_NO)
				sum = mix(mix(sum, f->vendor), device);
		}
	}
	machine_free(&m);
	assert_int_equal(yes, 2380);
	assert_int_equal(by_register, 56);
	/* all others of Zhaoxin and Wangxun */
	assert_int_equal(no, 2 * 0x10000 - 67 - 24);
	assert_int_equal(sum, UINT64_C(0xdc1b95d46f14e1e0));
}

/* The same for requester ids: which of six other functions each device uses. */
static void the_table_of_aliases(void **state)
{
	static const uint16_t vendors[] = { 0x10b5, 0x1103, 0x1180, 0x197b, 0x1b4b,
					    0x1c28, 0x6766, 0x8086, 0x9005 };
	static const struct function functions[] = {
		{ .name = "0000:00:03.2", .type = ENDPOINT },
		{ .name = "0000:00:03.0", .type = ENDPOINT },
		{ .name = "0000:00:03.1", .type = ENDPOINT },
		{ .name = "0000:00:10.0", .type = ENDPOINT },
		{ .name = "0000:00:11.0", .type = ENDPOINT },
		{ .name = "0000:00:12.3", .type = ENDPOINT },
		{ .name = "0000:00:01.0", .type = ENDPOINT },
	};
	uint64_t sum = 0;
	struct machine m;
	size_t n = 0;

	(void)state;
	MACHINE(&m, functions);
	struct pci_function *f = machine_find(&m, functions[0].name);
	for (size_t i = 0; i < 2 * ARRAY_SIZE(vendors); i++) {
		f->vendor = f->subsystem_vendor = vendors[i / 2];
		f->subsystem_device = i % 2 ? 0x02bb : 0x02bc;
		for (uint32_t device = 0; device <= 0xffff; device++) {
			f->device = (uint16_t)device;
			for (size_t j = 0; j < m.host.n_functions; j++) {
				if (&m.host.functions[j] == f ||
				    !isolation_is_alias(m.reader, f, &m.host.functions[j]))
					continue;
				n++;
				sum = mix(mix(mix(sum, f->vendor), device), j);
			}
		}
	}
	machine_free(&m);
	/* 4 function 0, 19 function 1, 2 * 3 Xeon Phi, 6 * 6 VCA, 2 * 6 PLX; 1 Adaptec each */
	assert_int_equal(n, 2 * (4 + 19 + 6 + 36 + 12 + 1));
	assert_int_equal(sum, UINT64_C(0x6ccea110ba5a3592));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_table_of_quirks),
		cmocka_unit_test(the_table_of_aliases),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
