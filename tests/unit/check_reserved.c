// SPDX-License-Identifier: MIT
// Who won the functions that are reserved from the boot on, and why: each reason, by what the
// machine shows of it.

#include "tests/unit/check_host.h"

#define GPU "0000:01:00.0 10de:1c82 1043:8694 030000 - - 0 vfio-pci\n"
#define DISK "0000:02:00.0 144d:a804 1043:8694 010802 - - 0 vfio-pci\n"
#define REPORT "passthru-early 1\n"
#define ASKED "intel_iommu=on passthru.boot=1"

static void reserves(const char *lines)
{
	char text[2048];

	snprintf(text, sizeof(text), RESERVE_HEADER "%s", lines);
	has(RESERVE_FILE, text);
}

/* What the helper said of the one function that is reserved. */
static void said(const char *result, const char *sentence)
{
	char text[512];

	snprintf(text, sizeof(text), REPORT "0000:01:00.0 0000:01:00.0 %s vfio-pci %s\n", result,
		 sentence);
	has(RESERVED_REPORT, text);
}

static void held_by(const char *driver)
{
	function("0000:01:00.0", "10de:1c82", "030000", driver, 1);
}

static void ready_to_boot(void)
{
	ready();
	command_line(ASKED);
	reserves(GPU);
	held_by("nouveau");
}

static void nothing_is_reserved(void **state)
{
	(void)state;
	ready();
	expect("reserved", VERDICT_SKIP, "", NULL, NULL);
	reserves("");
	expect("reserved", VERDICT_SKIP, "", NULL, NULL);
	reserves(GPU);
	fake_remove(&machine.tree, "proc/cmdline");
	expect("reserved", VERDICT_SKIP, "", NULL, NULL);
}

static void held(void **state)
{
	(void)state;
	ready_to_boot();
	held_by("vfio-pci");
	said("bound", "given to vfio-pci");
	expect("reserved", VERDICT_PASS, "1 function is with VFIO", RESERVED_REPORT,
	       "given to vfio-pci");
	expect("reserved", VERDICT_PASS, "", RESERVE_FILE ":2", "10de:1c82");
	/* whoever gave it */
	fake_remove(&machine.tree, RESERVED_REPORT);
	command_line("");
	expect("reserved", VERDICT_PASS, "", "0000:01:00.0", "vfio-pci has it");
}

static void moved(void **state)
{
	(void)state;
	ready_to_boot();
	held_by("vfio-pci");
	reserves("0000:05:00.0 10de:1c82 1043:8694 030000 0000:00/1c.0/00.0 - 0 vfio-pci\n");
	expect("reserved", VERDICT_PASS, "", "0000:05:00.0", "it was moved to 0000:01:00.0");
}

static void without_switch(void **state)
{
	(void)state;
	ready_to_boot();
	command_line("intel_iommu=on");
	expect("reserved", VERDICT_WARN, "without passthru.boot=1", "proc/cmdline", "no passthru");
	/* the last one counts */
	command_line(ASKED " passthru.boot=0");
	expect("reserved", VERDICT_WARN, "without passthru.boot=1", NULL, NULL);
	fake_error(&machine.tree, "proc/cmdline", -EACCES);
	expect("reserved", VERDICT_UNKNOWN, "permission denied", NULL, NULL);
}

static void without_helper(void **state)
{
	(void)state;
	ready_to_boot();
	expect("reserved", VERDICT_FAIL, "did not reserve anything in this boot", RESERVED_REPORT,
	       "not there");
	has(RESERVED_REPORT, "passthru-early 2\n");
	expect("reserved", VERDICT_UNKNOWN, "nouveau has it", NULL, NULL);
	has(RESERVED_REPORT, REPORT);
	expect("reserved", VERDICT_FAIL, "knew nothing of it", RESERVED_REPORT, "nothing of it");
	fake_error(&machine.tree, RESERVED_REPORT, -EACCES);
	expect("reserved", VERDICT_UNKNOWN, "permission denied", NULL, NULL);
}

static void builtin_driver(void **state)
{
	(void)state;
	ready_to_boot();
	held_by("ahci");
	said("stuck", "its driver does not let go of it");
	expect("reserved", VERDICT_FAIL,
	       "its driver does not let go of it (ahci is built into the "
	       "kernel)",
	       MODULES "/modules.builtin", "ahci");
}

static void module_not_loaded(void **state)
{
	(void)state;
	ready_to_boot();
	held_by(NULL);
	said("reserved", "reserved for vfio-pci");
	expect("reserved", VERDICT_FAIL, "is in the kernel and does not take it", NULL, NULL);
	has("proc/modules", "");
	expect("reserved", VERDICT_FAIL, "vfio-pci was not loaded", MODULES "/modules.dep",
	       "vfio-pci");
	assert_string_equal(verdict.command, "modprobe vfio-pci");
	has(MODULES "/modules.dep", "kernel/drivers/vfio/vfio.ko:\n");
	expect("reserved", VERDICT_FAIL, "the running kernel has no module vfio-pci", NULL, NULL);
}

static void released_since(void **state)
{
	static const char *const results[] = { "bound", "kept", "reserved" };

	(void)state;
	ready_to_boot();
	for (size_t i = 0; i < ARRAY_SIZE(results); i++) {
		said(results[i], "given to vfio-pci");
		expect("reserved", VERDICT_WARN, "released since", NULL, NULL);
		assert_string_equal(verdict.command, "passthru bind 0000:01:00.0");
	}
}

static void came_late(void **state)
{
	(void)state;
	ready_to_boot();
	said("absent", "not on this host");
	expect("reserved", VERDICT_FAIL, "not there yet when the early helper ran", NULL, NULL);
}

static void another_device(void **state)
{
	(void)state;
	ready_to_boot();
	reserves("0000:01:00.0 10de:1c81 1043:8694 030000 - - 0 vfio-pci\n");
	expect("reserved", VERDICT_FAIL, "another device, 10de:1c82 and not 10de:1c81",
	       "0000:01:00.0", "10de:1c82");
	reserves("0000:01:00.0 10de:1c82 1043:8695 030000 - - 0 vfio-pci\n");
	expect("reserved", VERDICT_FAIL, "another subsystem, 1043:8694 and not 1043:8695", NULL,
	       NULL);
	reserves("0000:01:00.0 10de:1c82 1043:8694 120000 - - 0 vfio-pci\n");
	expect("reserved", VERDICT_FAIL, "another class, 030000 and not 120000", NULL, NULL);
	reserves("0000:01:00.0 10de:1c82 1043:8694 038000 - - 0 vfio-pci\n");
	expect("reserved", VERDICT_FAIL, "nouveau has it", NULL, NULL);
	/* the same model in its place, and the record knows the number of the one that is gone */
	reserves("0000:01:00.0 10de:1c82 1043:8694 030000 0000:00/1c.0/00.0 0000000000000001 0 "
		 "vfio-pci\n");
	has("sys/bus/pci/devices/0000:01:00.0/config", "");
	expect("reserved", VERDICT_UNKNOWN, "its serial number", NULL, NULL);
	reserves("0000:05:00.0 10de:ffff 1043:8694 030000 - - 0 vfio-pci\n");
	expect("reserved", VERDICT_FAIL, "it is not on this host", NULL, NULL);
}

static void ambiguous(void **state)
{
	(void)state;
	ready_to_boot();
	function("0000:03:00.0", "10de:1c82", "030000", NULL, 3);
	reserves("0000:05:00.0 10de:1c82 1043:8694 030000 0000:00/1c.0/00.0 - 0 vfio-pci\n");
	expect("reserved", VERDICT_FAIL, "2 of its kind are elsewhere", NULL, NULL);
}

/* The host may have been given it later, and have its root file system on it. */
static void perhaps_the_hosts(void **state)
{
	(void)state;
	ready_to_boot();
	reserves("0000:05:00.0 144d:a804 1043:8694 010802 0000:00/1c.0/00.0 - 0 vfio-pci\n");
	expect("reserved", VERDICT_FAIL,
	       "one of its kind is at 0000:02:00.0, but no serial number tells", NULL, NULL);
	assert_string_equal(verdict.command, "passthru undo");
}

static void several(void **state)
{
	(void)state;
	ready_to_boot();
	held_by("vfio-pci");
	reserves(GPU DISK);
	has(RESERVED_REPORT,
	    REPORT "0000:01:00.0 0000:01:00.0 bound vfio-pci given to vfio-pci\n"
		   "0000:02:00.0 0000:02:00.0 failed vfio-pci its VFIO driver does not take it\n");
	expect("reserved", VERDICT_FAIL,
	       "1 of 2 reserved functions are with VFIO; 0000:02:00.0: "
	       "nvme has it; the early helper: its VFIO driver does not "
	       "take it",
	       RESERVED_REPORT, "0000:02:00.0 failed");
	/* what is lost comes first, and all that passes is there too */
	assert_string_equal(verdict.evidence[0].where, "0000:02:00.0");
	assert_true(has_evidence("0000:01:00.0", "vfio-pci has it"));
}

static void damaged(void **state)
{
	(void)state;
	ready_to_boot();
	held_by("vfio-pci");
	reserves(GPU "0000:02:00.0 144d\n");
	expect("reserved", VERDICT_FAIL, RESERVE_FILE ":3 is left out", RESERVE_FILE ":3", "");
	has(RESERVE_FILE, "passthru-devices 9\n" GPU);
	expect("reserved", VERDICT_FAIL, "another version", RESERVE_FILE, "another version");
	fake_error(&machine.tree, RESERVE_FILE, -EACCES);
	expect("reserved", VERDICT_UNKNOWN, "permission denied", NULL, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		MACHINE_TEST(nothing_is_reserved),
		MACHINE_TEST(held),
		MACHINE_TEST(moved),
		MACHINE_TEST(without_switch),
		MACHINE_TEST(without_helper),
		MACHINE_TEST(builtin_driver),
		MACHINE_TEST(module_not_loaded),
		MACHINE_TEST(released_since),
		MACHINE_TEST(came_late),
		MACHINE_TEST(another_device),
		MACHINE_TEST(ambiguous),
		MACHINE_TEST(perhaps_the_hosts),
		MACHINE_TEST(several),
		MACHINE_TEST(damaged),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
