// SPDX-License-Identifier: MIT
// The argument vector of a guest, against recorded ones (tests/golden/vm, one argument per line),
// and the parsers beside it. After a change that is meant: PASSTHRU_GOLDEN=write
// build/tests/unit/unit-vm, then read the diff.

#include "tests/unit/vm_guest.h"

#include "base/text.h"

#define GIB ((uint64_t)1024 * 1024 * 1024)
#define QUOTED_DISK "a,b \"c\" 'd' \\.img"

/* The files that configurations name, relative to the directory that the tests run in. */
static int files_create(void **state)
{
	static const struct {
		const char *name, *content;
	} files[] = {
		{ "vmlinuz", "kernel" },          { "initrd,1.img", "initrd" },
		{ "plain.img", "no image" },      { QUOTED_DISK, "no image" },
		{ "system.qcow2", "QFI\xfb..." }, { "evil.img", "QFI\xfb..." },
		{ "plain.qcow2", "no image" },    { "tiny.qcow2", "QF" },
		{ "bad\xff.img", "no image" },
	};
	static char directory[] = "/tmp/unit-vm-XXXXXX";

	source_top();
	if (!mkdtemp(directory) || chdir(directory) < 0 || mkfifo("fifo", 0600) < 0)
		return -1;
	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		FILE *f = fopen(files[i].name, "w");
		if (!f)
			return -1;
		fputs(files[i].content, f);
		fclose(f);
	}
	*state = directory;
	return 0;
}

static int files_remove(void **state)
{
	static const char *const names[] = {
		"vmlinuz",  "initrd,1.img", "plain.img",  QUOTED_DISK,   "system.qcow2",
		"evil.img", "plain.qcow2",  "tiny.qcow2", "bad\xff.img", "fifo",
	};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		unlink(names[i]);
	return chdir("/") < 0 ? -1 : rmdir(*state);
}

static const char *golden_read(struct arena *a, const char *path)
{
	static char text[65536];
	FILE *f = fopen(path, "r");

	if (!f)
		fail_msg("%s: %s", path, strerror(errno));
	text[fread(text, 1, sizeof(text) - 1, f)] = '\0';
	fclose(f);
	return arena_strdup(a, text);
}

static void golden_check(const char *name, const struct vm_config *config)
{
	struct arena a CLEANUP_ARENA = { 0 };
	struct vm_command command;
	struct err e = { 0 };

	if (vm_command(&a, config, &command, &e) < 0)
		fail_msg("%s: %s", name, e.text);
	assert_null(command.argv[command.n]);
	const char *got = arena_printf(
		&a, "%s\n", text_join(&a, (const char *const *)command.argv, command.n, "\n"));
	const char *path = arena_printf(&a, "%s/tests/golden/vm/%s.args", source_top(), name);
	const char *wish = getenv("PASSTHRU_GOLDEN");
	if (wish && str_eq(wish, "write")) {
		FILE *f = fopen(path, "w");
		assert_non_null(f);
		fputs(got, f);
		fclose(f);
	}
	assert_string_equal(got, golden_read(&a, path));
}

static void plain(void **state)
{
	const char *const disks[] = { "plain.img" };
	const struct vm_config config = {
		.memory_bytes = 512 * 1024 * 1024, .cpus = 1, .disks = disks, .n_disks = 1
	};

	(void)state;
	golden_check("plain", &config);
}

static void gpu_with_kvm(void **state)
{
	const char *const disks[] = { "system.qcow2", QUOTED_DISK };
	/* given in another order than the guest needs */
	const struct vm_function functions[] = {
		{ "0000:01:00.1", "0000:01:00", 1 },
		{ "0000:03:00.0", "0000:03:00", 0 },
		{ "0000:01:00.0", "0000:01:00", 0 },
		{ "0000:01:00.3", "0000:01:00", 3 },
	};
	const struct vm_config config = {
		.qemu = "/opt/qemu/bin/qemu-system-x86_64",
		.kvm = true,
		.memory_bytes = 8 * GIB,
		.cpus = 6,
		.disks = disks,
		.n_disks = 2,
		.functions = functions,
		.n_functions = ARRAY_SIZE(functions),
	};

	(void)state;
	golden_check("gpu", &config);
}

static void functions_without_their_first(void **state)
{
	const struct vm_function functions[] = {
		{ "0000:41:00.6", "0000:41:00", 6 },
		{ "0000:41:00.2", "0000:41:00", 2 },
		{ "0000:42:00.5", "0000:42:00", 5 },
	};
	const struct vm_config config = { .memory_bytes = GIB,
					  .cpus = 2,
					  .functions = functions,
					  .n_functions = ARRAY_SIZE(functions) };

	(void)state;
	golden_check("renumbered", &config);
}

static void kernel_with_names_that_need_quoting(void **state)
{
	const struct vm_config config = {
		.memory_bytes = GIB + 8192,
		.cpus = 2,
		.kernel = "vmlinuz",
		.initrd = "initrd,1.img",
		.append = "console=ttyS0 root=\"a, b\" quiet",
	};

	(void)state;
	golden_check("kernel", &config);
}

/* @n functions, each in a slot of its own. */
static struct vm_function *many_functions(struct arena *a, size_t n)
{
	struct vm_function *f = arena_array(a, n, sizeof(*f));

	for (size_t i = 0; i < n; i++) {
		const char *slot = arena_printf(a, "0000:%02zx:%02zx", i / 32, i % 32);
		f[i] = (struct vm_function){ arena_printf(a, "%s.0", slot), slot, 0 };
	}
	return f;
}

static void seventeen_slots(void **state)
{
	struct arena a CLEANUP_ARENA = { 0 };
	const struct vm_config config = { .memory_bytes = GIB,
					  .cpus = 2,
					  .functions = many_functions(&a, 17),
					  .n_functions = 17 };

	(void)state;
	golden_check("slots", &config);
}

static void check_refused(const struct vm_config *config, const char *sentence)
{
	struct arena a CLEANUP_ARENA = { 0 };
	struct vm_command command;
	struct err e = { 0 };

	assert_int_equal(vm_command(&a, config, &command, &e), -EINVAL);
	assert_int_equal(e.kind, ERR_USAGE);
	assert_says(e.text, sentence);
}

static void too_many_slots(void **state)
{
	struct arena a CLEANUP_ARENA = { 0 };
	struct vm_config config = { .memory_bytes = GIB,
				    .cpus = 2,
				    .functions = many_functions(&a, 241),
				    .n_functions = 241 };
	struct vm_command command;
	struct err e;

	(void)state;
	check_refused(&config, "241 devices and disks are more than the 240");
	config.n_functions = 240;
	assert_int_equal(vm_command(&a, &config, &command, &e), 0);
}

static void contradictions_are_refused(void **state)
{
	const struct vm_config sane = { .memory_bytes = GIB, .cpus = 1 };
	struct vm_config c;

	(void)state;
	c = sane;
	c.memory_bytes = 0;
	check_refused(&c, "memory");
	c = sane;
	c.cpus = 0;
	check_refused(&c, "processor");
	c = sane;
	c.kernel = "nothing";
	check_refused(&c, "kernel nothing does not exist");
	c = sane;
	c.append = "quiet";
	check_refused(&c, "need a kernel");
	c = sane;
	c.kernel = "vmlinuz";
	c.initrd = ".";
	check_refused(&c, "initrd . is not a regular file");
}

static void disks_that_are_refused(void **state)
{
	static const struct {
		const char *name, *sentence;
	} cases[] = {
		{ "nothing.img", "disk nothing.img does not exist" },
		{ "evil.img", "disk evil.img begins like a qcow2 image" },
		{ "plain.qcow2", "disk plain.qcow2 is named like a qcow2 image and is none" },
		{ "tiny.qcow2", "disk tiny.qcow2 is named like a qcow2 image and is none" },
		{ "fifo", "disk fifo is neither a file nor a block device" },
		{ ".", "disk . is neither a file nor a block device" },
		{ "bad\xff.img", "its name is not UTF-8" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const struct vm_config config = {
			.memory_bytes = GIB, .cpus = 1, .disks = &cases[i].name, .n_disks = 1
		};
		check_refused(&config, cases[i].sentence);
	}
}

static void functions_that_are_refused(void **state)
{
	const struct vm_function twice[] = { { "0000:01:00.0", "a", 0 },
					     { "0000:01:00.0", "a", 0 } };
	const struct vm_function same[] = { { "0000:01:00.1", "a", 1 },
					    { "0000:02:00.1", "a", 1 } };
	const struct vm_function eight[] = { { "0000:01:00.8", "a", 8 } };
	struct vm_config c = {
		.memory_bytes = GIB, .cpus = 1, .functions = twice, .n_functions = 2
	};

	(void)state;
	check_refused(&c, "0000:01:00.0 is given twice");
	c.functions = same;
	check_refused(&c, "0000:01:00.1 and 0000:02:00.1 cannot both be function 1");
	c.functions = eight;
	c.n_functions = 1;
	check_refused(&c, "0000:01:00.8: a slot has no function 8");
}

static void command_as_text(void **state)
{
	char *argv[] = { "qemu",  "-nodefaults",     "-m",      "1G",     "-append",   "-S it's",
			 "-name", "{\"a\":\"b,c\"}", "-append", "-name2", "-no-reboot" };
	const struct vm_command command = { argv, ARRAY_SIZE(argv) };
	struct arena a CLEANUP_ARENA = { 0 };

	(void)state;
	assert_string_equal(vm_command_text(&a, &command), "qemu \\\n"
							   "\t-nodefaults \\\n"
							   "\t-m 1G \\\n"
							   "\t-append '-S it'\\''s' \\\n"
							   "\t-name '{\"a\":\"b,c\"}' \\\n"
							   "\t-append -name2 \\\n"
							   "\t-no-reboot\n");
}

static void memory(void **state)
{
	static const struct {
		const char *text;
		uint64_t bytes;
	} good[] = {
		{ "512", 512ull << 20 },    { "512M", 512ull << 20 },
		{ "512m", 512ull << 20 },   { "512MiB", 512ull << 20 },
		{ "4G", 4ull << 30 },       { "4GiB", 4ull << 30 },
		{ "4gib", 4ull << 30 },     { "2T", 2ull << 40 },
		{ "64K", 64ull << 10 },     { "1048576", 1ull << 40 },
		{ "1048576B", 1ull << 20 }, { "16777215T", 16777215ull << 40 },
	};
	static const char *const bad[] = {
		"",          "M",
		"0",         "0G",
		"4GB",       "4Gi",
		"4GiBs",     "1.5G",
		"-1",        "+1",
		" 1G",       "1 G",
		"0x10M",     "4BiB",
		"16777216T", "99999999999999999999",
		"4@",        "999999999999999999999999999999999999",
		"4\x02",
	};
	uint64_t bytes;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		if (vm_parse_memory(good[i].text, &bytes) < 0)
			fail_msg("\"%s\" is refused", good[i].text);
		assert_int_equal(bytes, good[i].bytes);
	}
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		if (vm_parse_memory(bad[i], &bytes) != -EINVAL)
			fail_msg("\"%s\" is accepted", bad[i]);
}

static void last_message(void **state)
{
	static const struct {
		const char *said, *message;
	} cases[] = {
		{ "", "" },
		{ "one\ntwo\n", "two" },
		{ "one\ntwo", "two" },
		{ "q: one\nhint\n\n", "one hint" },
		{ "hint\nq: one\r\nq: warning: w\nq: info: i\n", "one" },
		{ "q: warning: w\n", "" },
		{ "q: one\nq: two\n", "two" },
		{ "q:one\n", "q:one" },
		{ "a\x1b[31mb\tc\n", "a [31mb c" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct said s = { .program = "q" };
		/* in two pieces, as pipes do */
		size_t n = strlen(cases[i].said), half = n / 2;
		said_add(&s, cases[i].said, half);
		said_add(&s, cases[i].said + half, n - half);
		said_end(&s);
		assert_string_equal(s.message, cases[i].message);
	}
}

static void endless_messages_are_cut(void **state)
{
	struct said s = { .program = "q" };

	(void)state;
	said_add(&s, "q: ", 3);
	for (int i = 0; i < 2000; i++)
		said_add(&s, i % 300 ? "x" : "x\n", i % 300 ? 1 : 2);
	said_end(&s);
	assert_int_equal(strlen(s.message), SAID_MAX - 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(plain),
		cmocka_unit_test(gpu_with_kvm),
		cmocka_unit_test(functions_without_their_first),
		cmocka_unit_test(kernel_with_names_that_need_quoting),
		cmocka_unit_test(seventeen_slots),
		cmocka_unit_test(too_many_slots),
		cmocka_unit_test(contradictions_are_refused),
		cmocka_unit_test(disks_that_are_refused),
		cmocka_unit_test(functions_that_are_refused),
		cmocka_unit_test(command_as_text),
		cmocka_unit_test(memory),
		cmocka_unit_test(last_message),
		cmocka_unit_test(endless_messages_are_cut),
	};

	return cmocka_run_group_tests(tests, files_create, files_remove);
}
