// SPDX-License-Identifier: MIT
// The file of reserved functions: what is read, what is left alone, what is written.

#include "reserve/reserve.h"
#include "tests/unit/temporary.h"

#include <errno.h>

#define GPU "0000:41:00.0 10de:2204 1043:87d5 030000 0000:40/01.1/00.0 - 0 vfio-pci\n"
#define AUDIO                                                                                      \
	"0000:41:00.1 10de:1aef 1043:87d5 040300 0000:40/01.1/00.1 00e04c680000a1b2 3 "            \
	"nv_vfio_pci\n"

static struct reserve_record records[RESERVE_MAX];
static struct reserve_problem problems[4];
static struct reserve_file file;

static int parse(const char *text)
{
	file = (struct reserve_file){ .records = records, .problems = problems, .max_problems = 4 };
	return reserve_parse(text, strlen(text), &file);
}

static void reads(void **state)
{
	(void)state;
	assert_int_equal(parse(RESERVE_HEADER "# a comment\n\n  # another\n" GPU AUDIO), 0);
	assert_int_equal(file.n_problems, 0);
	assert_int_equal(file.n_records, 2);
	const struct reserve_record *gpu = &records[0], *audio = &records[1];
	assert_string_equal(gpu->function.address, "0000:41:00.0");
	assert_int_equal(gpu->function.ids.vendor, 0x10de);
	assert_int_equal(gpu->function.ids.device, 0x2204);
	assert_int_equal(gpu->function.ids.subsystem_vendor, 0x1043);
	assert_int_equal(gpu->function.ids.subsystem_device, 0x87d5);
	assert_int_equal(gpu->function.ids.class_code, 0x030000);
	assert_string_equal(gpu->function.slot, "0000:40/01.1/00.0");
	assert_false(gpu->function.has_serial);
	assert_int_equal(gpu->twins, 0);
	assert_string_equal(gpu->driver, "vfio-pci");
	assert_int_equal(gpu->line, 5);
	assert_true(audio->function.has_serial);
	assert_true(audio->function.serial == 0x00e04c680000a1b2);
	assert_int_equal(audio->twins, 3);
	assert_string_equal(audio->driver, "nv_vfio_pci");
}

static void knows_its_version(void **state)
{
	static const char *const others[] = {
		"",
		"\n",
		GPU,
		"passthru-devices 2\n" GPU,
		"passthru-devices 1",
		"passthru-devices 11\n" GPU,
		"# passthru-devices 1\n" GPU,
		"passthru-devices 1\r\n" GPU,
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(others); i++) {
		assert_int_equal(parse(others[i]), -EPROTONOSUPPORT);
		assert_int_equal(file.n_records, 0);
	}
}

/* A line with one part of GPU replaced: left out, while its neighbour is read. */
static void leaves_damaged_lines_alone(void **state)
{
	static const struct {
		const char *line, *what;
	} lines[] = {
		{ "0000:41:00.8 10de:2204 1043:87d5 030000 - - 0 vfio-pci\n", "address" },
		{ "41:00.0 10de:2204 1043:87d5 030000 - - 0 vfio-pci\n", "address" },
		{ "0000:41:20.0 10de:2204 1043:87d5 030000 - - 0 vfio-pci\n", "address" },
		{ "00000:41:00.0 10de:2204 1043:87d5 030000 - - 0 vfio-pci\n", "address" },
		{ "0000:4A:00.0 10de:2204 1043:87d5 030000 - - 0 vfio-pci\n", "address" },
		{ "0000:42:00.0 10de:220 1043:87d5 030000 - - 0 vfio-pci\n", "the ids are" },
		{ "0000:42:00.0 10de-2204 1043:87d5 030000 - - 0 vfio-pci\n", "the ids are" },
		{ "0000:42:00.0 10de:2204 1043:87d5f 030000 - - 0 vfio-pci\n", "subsystem" },
		{ "0000:42:00.0 10de:2204 1043:87d5 0x0300 - - 0 vfio-pci\n", "class" },
		{ "0000:42:00.0 10de:2204 1043:87d5 030000 0000:40 - 0 vfio-pci\n", "slot" },
		{ "0000:42:00.0 10de:2204 1043:87d5 030000 0000:40/ - 0 vfio-pci\n", "slot" },
		{ "0000:42:00.0 10de:2204 1043:87d5 030000 01.1/00.0 - 0 vfio-pci\n", "slot" },
		{ "0000:42:00.0 10de:2204 1043:87d5 030000 0000:40/1.1 - 0 vfio-pci\n", "slot" },
		{ "0000:42:00.0 10de:2204 1043:87d5 030000 - 12 0 vfio-pci\n", "serial" },
		{ "0000:42:00.0 10de:2204 1043:87d5 030000 - - -1 vfio-pci\n", "twins" },
		{ "0000:42:00.0 10de:2204 1043:87d5 030000 - - 99999 vfio-pci\n", "twins" },
		{ "0000:42:00.0 10de:2204 1043:87d5 030000 - - 0 nvidia\n", "driver" },
		{ "0000:42:00.0 10de:2204 1043:87d5 030000 - - 0 vfio-p\n", "driver" },
		{ "0000:42:00.0 10de:2204 1043:87d5 030000 - - 0 ../vfio-pci\n", "driver" },
		{ "0000:42:00.0 10de:2204 1043:87d5 030000 - - 0 vfio-pci\r\n", "driver" },
		{ "0000:42:00.0 10de:2204 1043:87d5 030000 - - 0 vfio-pci more\n", "8 fields" },
		{ "0000:42:00.0 10de:2204 1043:87d5 030000 - - 0\n", "8 fields" },
		{ "0000:42:00.0 10de:2204 1043:87d5 030000 - - 0 vfio-pci", "cut off" },
		{ "0000:41:00.0 10de:2204 1043:87d5 030000 - - 0 vfio-pci\n", "earlier" },
		{ "0000:43:00.0 10de:2204 1043:87d5 030000 0000:40/01.1/00.0 - 0 vfio-pci\n",
		  "earlier" },
	};
	char text[1024];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
		snprintf(text, sizeof(text), RESERVE_HEADER GPU "%s", lines[i].line);
		assert_int_equal(parse(text), 0);
		assert_int_equal(file.n_records, 1);
		assert_int_equal(file.n_problems, 1);
		assert_int_equal(problems[0].line, 3);
		if (!strstr(problems[0].what, lines[i].what))
			fail_msg("%s: %s", lines[i].line, problems[0].what);
	}
}

static void counts_on_after_damage(void **state)
{
	char text[4096], line[600];

	(void)state;
	memset(line, 'x', sizeof(line) - 1);
	line[sizeof(line) - 1] = '\0';
	snprintf(text, sizeof(text), RESERVE_HEADER "%s\n" GPU "?\n" AUDIO, line);
	assert_int_equal(parse(text), 0);
	assert_int_equal(file.n_records, 2);
	assert_int_equal(file.n_problems, 2);
	assert_int_equal(problems[0].line, 2);
	assert_int_equal(problems[1].line, 4);
	/* a NUL is no end */
	memcpy(text, RESERVE_HEADER "# \0 x\n" GPU, sizeof(RESERVE_HEADER "# \0 x\n" GPU));
	file = (struct reserve_file){ .records = records, .problems = problems, .max_problems = 4 };
	assert_int_equal(reserve_parse(text, sizeof(RESERVE_HEADER "# \0 x\n" GPU) - 1, &file), 0);
	assert_int_equal(file.n_records, 1);
	assert_int_equal(file.n_problems, 1);
}

static void holds_so_many(void **state)
{
	static char text[RESERVE_BYTES_MAX];
	size_t n = (size_t)snprintf(text, sizeof(text), RESERVE_HEADER);

	(void)state;
	for (unsigned i = 0; i < RESERVE_MAX + 2; i++)
		n += (size_t)snprintf(text + n, sizeof(text) - n,
				      "%04x:00:00.0 10de:2204 1043:87d5 030000 - - 0 vfio-pci\n",
				      i);
	assert_int_equal(parse(text), 0);
	assert_int_equal(file.n_records, RESERVE_MAX);
	assert_int_equal(file.n_problems, 2);
}

static void writes_what_it_reads(void **state)
{
	char text[4096];

	(void)state;
	assert_int_equal(parse(RESERVE_HEADER GPU AUDIO), 0);
	struct reserve_record before[2] = { records[0], records[1] };
	long n = reserve_write(before, 2, text, sizeof(text));
	assert_true(n > 0);
	assert_non_null(strstr(text, "\n" GPU AUDIO));
	text[n] = '\0';
	assert_int_equal(parse(text), 0);
	assert_int_equal(file.n_records, 2);
	for (size_t i = 0; i < 2; i++) {
		before[i].line = records[i].line;
		assert_memory_equal(&before[i], &records[i], sizeof(before[i]));
	}
	assert_int_equal(reserve_write(before, 2, text, (size_t)n - 1), -ENOSPC);
	assert_int_equal(reserve_write(before, 2, text, (size_t)n), n);
}

static void writes_nothing_that_it_would_not_read(void **state)
{
	char line[RESERVE_LINE_MAX], text[4096];
	struct reserve_record bad[2];

	(void)state;
	assert_int_equal(parse(RESERVE_HEADER GPU AUDIO), 0);
	bad[0] = records[0];
	strcpy(bad[0].driver, "nouveau");
	assert_int_equal(reserve_format(&bad[0], line), -EINVAL);
	bad[0] = records[0];
	strcpy(bad[0].function.address, "41:00.0");
	assert_int_equal(reserve_format(&bad[0], line), -EINVAL);
	bad[0] = records[0];
	strcpy(bad[0].function.slot, "a b");
	assert_int_equal(reserve_format(&bad[0], line), -EINVAL);
	bad[0] = bad[1] = records[0];
	assert_int_equal(reserve_write(bad, 2, text, sizeof(text)), -EINVAL);
}

static void slots(void **state)
{
	static const struct {
		const char *path, *slot;
	} cases[] = {
		{ "../../../devices/pci0000:40/0000:40:01.1/0000:41:00.0", "0000:40/01.1/00.0" },
		{ "sys/devices/pci0000:00/0000:00:1f.3", "0000:00/1f.3" },
		{ "../../../devices/platform/40000000.pcie/pci0000:00/0000:00:02.0",
		  "0000:00/02.0" },
		{ "../../../devices/pci0000:00/0000:00:0e.0/pci10000:e0/10000:e0:06.0/"
		  "10000:e1:00.0",
		  "0000:00/0e.0/10000:e0/06.0/00.0" },
		{ "../../../devices/pci0000:40", "" },
		{ "../../../devices/0000:41:00.0", "" },
		{ "pci0000:4/0000:41:00.0", "" },
		{ "pci0000:40/0000:40:01.1/pci/0000:41:00.0", "0000:40/01.1/00.0" },
		{ "", "" },
		{ "///", "" },
	};
	char slot[RESERVE_SLOT_MAX], deep[2048] = "pci0000:00";

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		assert_int_equal(reserve_slot(cases[i].path, slot), *cases[i].slot != '\0');
		assert_string_equal(slot, cases[i].slot);
		assert_int_equal(reserve_is_slot(slot), *slot != '\0');
	}
	for (int i = 0; i < 24; i++)
		strcat(deep, "/0000:01:00.0");
	assert_true(reserve_slot(deep, slot));
	assert_true(reserve_is_slot(slot));
	strcat(deep, "/0000:01:00.0");
	assert_false(reserve_slot(deep, slot));
	assert_string_equal(slot, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads),
		cmocka_unit_test(knows_its_version),
		cmocka_unit_test(leaves_damaged_lines_alone),
		cmocka_unit_test(counts_on_after_damage),
		cmocka_unit_test(holds_so_many),
		cmocka_unit_test(writes_what_it_reads),
		cmocka_unit_test(writes_nothing_that_it_would_not_read),
		cmocka_unit_test(slots),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
