// SPDX-License-Identifier: MIT
// Whole logs: the forms in which they come, what is counted, and logs made to hurt.

#include "tests/unit/explain_fixture.h"

/* ---- the forms of logs ---- */

static void prefixes_are_cut(void **state)
{
	static const char *const prefixes[] = {
		"",
		"<6>",
		"[    0.361089] ",
		"[    0.361089][    T1] ",
		"<4>[    0.361089] ",
		"[Fri Sep 30 10:38:28 2022] ",
		"[  +0.001779] ",
		"2024-06-12T10:00:00,123456+02:00 ",
		"kern  :err   : [    0.361089] ",
		"Jun 12 11:14:41 host kernel: ",
		"Jun  2 11:14:41 host kernel: [    0.361089] ",
		"Jun 12 11:14:41.123456 host kernel: ",
		"2024-06-12T10:00:00+0200 host kernel: ",
		"2024-06-12 10:00:00 host kernel: ",
		"[    0.361089] host kernel: ",
		"Jun 04 07:25:13 pve1 QEMU[3989106]: ",
		"2024-01-01 10:00:00.000+0000: 1234: error : virPCIGetHeaderType:3296 : ",
		"2024-01-01 10:00:00.000+0000: 1234: error : ",
		"2022-07-02T19:41:18.784519Z ",
		"Jun 12 11:14:41 h libvirtd[8]: 2024-01-01 10:00:00.000+0000: 8: error : f:1 : ",
		"kernel: ",
		"  \t",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(prefixes); i++) {
		char *line = arena_printf(&arena, "%sgroup 7 is not viable\r\n", prefixes[i]);
		const struct explain_finding *f = only_finding(line);
		if (!str_eq(f->line, "group 7 is not viable") &&
		    !(str_starts(prefixes[i], "[    0.361089] host") &&
		      str_eq(f->line, "host kernel: group 7 is not viable")))
			fail_msg("\"%s\" leaves \"%s\"", prefixes[i], f->line);
	}
}

static void messages_are_left_whole(void **state)
{
	static const char *const lines[] = {
		"kvm: -device vfio-pci,host=01:00.0: vfio 0000:01:00.0: group 1 is not viable",
		"[drm] group 1 is not viable",
		"vfio-pci 0000:01:00.0: group 1 is not viable",
		"[iommufd=3] group 1 is not viable",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(lines); i++)
		assert_string_equal(only_finding(lines[i])->line, lines[i]);
}

static void repeated_lines_are_counted(void **state)
{
	static const char log[] = "x\n"
				  "[1.0] vfio 0000:01:00.0: group 1 is not viable\n"
				  "[2.0] vfio 0000:02:00.0: group 2 is not viable\n"
				  "y\n"
				  "[3.0] vfio 0000:01:00.0: group 1 is not viable\n"
				  "[0.1] DMAR: IOMMU enabled\n"
				  "[4.0] vfio 0000:01:00.0: group 1 is not viable";
	struct explain_result r = explain(log, strlen(log));

	(void)state;
	assert_int_equal(r.n_lines, 7);
	assert_int_equal(r.n_explained, 5);
	assert_int_equal(r.n, 3);
	assert_int_equal(r.findings[0]->count, 3);
	assert_int_equal(r.findings[0]->first_line, 2);
	assert_int_equal(r.findings[0]->last_line, 7);
	assert_string_equal(r.findings[0]->address, "0000:01:00.0");
	assert_string_equal(r.findings[0]->captures[0].name, "group");
	assert_string_equal(r.findings[0]->captures[0].value, "1");
	assert_int_equal(r.findings[1]->count, 1);
	assert_int_equal(r.findings[1]->first_line, 3);
	/* what is no problem comes last, wherever it stands */
	assert_string_equal(r.findings[2]->entry->id, "iommu-intel-option-read");
}

static void a_general_entry_gives_way(void **state)
{
	const char *line = "error: internal error: qemu unexpectedly closed the monitor: qemu: "
			   "group 2 is not viable";

	(void)state;
	assert_string_equal(only_finding(line)->entry->id, "qemu-group-not-viable");
	line = "error: internal error: qemu unexpectedly closed the monitor: anything else";
	assert_string_equal(only_finding(line)->entry->id, "libvirt-qemu-ended");
}

/* ---- logs made to hurt ---- */

static void pieces_make_no_difference(void **state)
{
	struct bytes log = fixture("lines.txt");
	struct explain_result whole = explain(log.data, log.n), parts;

	(void)state;
	for (size_t step = 1; step < 200; step = step * 3 + 1) {
		struct explain_log *l = explain_log_new(&arena);
		for (size_t at = 0; at < log.n; at += step) {
			/* of exactly that size, so that a look beyond it is seen */
			size_t n = log.n - at < step ? log.n - at : step;
			char *piece = malloc(n);
			memcpy(piece, log.data + at, n);
			explain_log_feed(l, piece, n);
			free(piece);
		}
		explain_log_end(l, &parts);
		assert_int_equal(parts.n, whole.n);
		assert_int_equal(parts.n_lines, whole.n_lines);
		assert_int_equal(parts.n_explained, whole.n_explained);
		for (size_t i = 0; i < whole.n; i++)
			assert_string_equal(parts.findings[i]->line, whole.findings[i]->line);
	}
}

static void long_lines_are_cut(void **state)
{
	struct explain_log *log = explain_log_new(&arena);
	struct explain_result r;
	char *filler = arena_alloc(&arena, 100000);

	(void)state;
	memset(filler, 'a', 100000);
	explain_log_feed(log, "group 1 is not viable ", 22);
	for (int i = 0; i < 100; i++)
		explain_log_feed(log, filler, 100000);
	explain_log_feed(log, " group 2 is not viable\ngroup 3 is not viable\n", 45);
	explain_log_end(log, &r);
	assert_int_equal(r.n_cut, 1);
	assert_int_equal(r.n_lines, 2);
	assert_int_equal(r.n, 2);
	assert_string_equal(r.findings[0]->captures[0].value, "1");
	assert_int_equal(strlen(r.findings[0]->line), 400);
	assert_string_equal(r.findings[1]->captures[0].value, "3");
}

static void too_many_devices_are_counted(void **state)
{
	struct explain_log *log = explain_log_new(&arena);
	struct explain_result r;

	(void)state;
	for (int i = 0; i < 1000; i++) {
		char line[64];
		int n = snprintf(line, sizeof(line), "group %d is not viable\n", i);
		explain_log_feed(log, line, (size_t)n);
	}
	explain_log_end(log, &r);
	assert_int_equal(r.n, 64);
	assert_int_equal(r.findings[0]->n_others, 1000 - 64);
	assert_int_equal(r.n_explained, 1000);
}

static void bytes_are_bytes(void **state)
{
	static const char log[] = "\0\xff\xfe group 1 is not viable\0\x1b[2J\n\n\r\n\0\n";
	struct explain_result r = explain(log, sizeof(log) - 1);

	(void)state;
	assert_int_equal(r.n_lines, 4);
	assert_int_equal(r.n, 1);
	assert_string_equal(r.findings[0]->line, " \xff\xfe group 1 is not viable \x1b[2J");
	r = explain("", 0);
	assert_int_equal(r.n_lines, 0);
	assert_int_equal(r.n, 0);
}

/* All literals of all patterns in every line: the most that a line can ask of the matcher. */
static void crowded_lines_are_read(void **state)
{
	struct explain_log *log = explain_log_new(&arena);
	struct explain_result r;
	struct record *list;
	size_t n = records("lines.txt", 3, &list);

	(void)state;
	for (int round = 0; round < 20; round++) {
		for (size_t i = 0; i < n; i++) {
			explain_log_feed(log, list[i].field[2], strlen(list[i].field[2]));
			if (i % 40 == 39)
				explain_log_feed(log, "\n", 1);
		}
	}
	explain_log_end(log, &r);
	assert_true(r.n > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(prefixes_are_cut, free_arena),
		cmocka_unit_test_teardown(messages_are_left_whole, free_arena),
		cmocka_unit_test_teardown(repeated_lines_are_counted, free_arena),
		cmocka_unit_test_teardown(a_general_entry_gives_way, free_arena),
		cmocka_unit_test_teardown(pieces_make_no_difference, free_arena),
		cmocka_unit_test_teardown(long_lines_are_cut, free_arena),
		cmocka_unit_test_teardown(too_many_devices_are_counted, free_arena),
		cmocka_unit_test_teardown(bytes_are_bytes, free_arena),
		cmocka_unit_test_teardown(crowded_lines_are_read, free_arena),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
