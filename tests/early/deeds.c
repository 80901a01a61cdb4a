// SPDX-License-Identifier: MIT
// What the early helper does to drivers, on a tree whose files a small kernel answers for: unbind
// takes the link of the driver away, drivers_probe gives the function to the driver that its
// override names, or to the one that the kernel has for it. It can also refuse, lie and hang.

#include "early/early.h"
#include "tests/unit/temporary.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <time.h>

#define DEVICES "sys/bus/pci/devices/"
#define GPU "0000:41:00.0"
#define DISK "0000:42:00.0"
#define HEAD "passthru-devices 1\n"
#define GPU_LINE GPU " 10de:2204 1043:87d5 030000 0000:40/01.1/00.0 - 0 vfio-pci\n"
#define DISK_LINE DISK " 144d:a808 144d:a801 010802 0000:40/01.2/00.0 - 0 vfio-pci\n"

static struct temporary tree;
static int root;
static pid_t test; /* this process, not the children that it makes */

/* What the kernel does wrong, for the function with this address. */
static struct {
	const char *address;
	bool hangs, keeps, rejects, forgets, dies;
} trouble;

/* ---- the kernel ---- */

static bool in_trouble(const char *path, const char *text)
{
	return trouble.address && (strstr(path, trouble.address) || strstr(text, trouble.address));
}

static void put(const char *path, const char *text)
{
	int fd = openat(root, path, O_WRONLY | O_TRUNC | O_CREAT, 0644);

	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		abort();
	close(fd);
}

static void bind_to(const char *address, const char *driver)
{
	char path[256], target[256];

	snprintf(path, sizeof(path), DEVICES "%s/driver", address);
	snprintf(target, sizeof(target), "../../drivers/%s", driver);
	if (symlinkat(target, root, path) < 0 && errno != EEXIST)
		abort();
}

static int probe(const char *address)
{
	char path[256], override[64], native[64];
	struct stat st;

	snprintf(path, sizeof(path), DEVICES "%s/driver", address);
	if (fstatat(root, path, &st, AT_SYMLINK_NOFOLLOW) == 0)
		return 0;
	snprintf(path, sizeof(path), DEVICES "%s/driver_override", address);
	if (early_read(root, path, override, sizeof(override)) < 0)
		return -ENODEV;
	override[strcspn(override, "\n")] = '\0';
	if (strcmp(override, "(null)") != 0) {
		snprintf(path, sizeof(path), "sys/bus/pci/drivers/%s", override);
		if (fstatat(root, path, &st, 0) < 0)
			return 0;
		if (in_trouble("", address) && trouble.rejects)
			return 0;
		bind_to(address, override);
		return 0;
	}
	snprintf(path, sizeof(path), "native-%s", address);
	if (early_read(root, path, native, sizeof(native)) > 0)
		bind_to(address, native);
	return 0;
}

static int kernel_write(int at, const char *path, const char *text)
{
	const char *name = strrchr(path, '/') + 1;

	(void)at;
	if (in_trouble(path, text) && trouble.dies)
		raise(SIGKILL);
	if (strcmp(name, "drivers_probe") == 0)
		return probe(text);
	if (strcmp(name, "unbind") == 0) {
		char link[256];

		/* until the test is over */
		while (in_trouble(path, text) && trouble.hangs) {
			const struct timespec pause = { .tv_nsec = 20000000 };
			if (getppid() != test)
				_exit(0);
			nanosleep(&pause, NULL);
		}
		if (in_trouble(path, text) && trouble.keeps)
			return -EBUSY;
		snprintf(link, sizeof(link), "%.*s", (int)(name - 1 - path), path);
		return unlinkat(root, link, 0) < 0 ? -errno : 0;
	}
	if (faccessat(root, path, W_OK, 0) < 0)
		return -errno;
	if (strcmp(name, "driver_override") == 0 && !(in_trouble(path, text) && trouble.forgets))
		put(path, *text == '\n' ? "(null)\n" : text);
	return 0;
}

static const struct early_kernel kernel = { .write = kernel_write };

/* ---- the tree ---- */

static void add(const char *address, const char *port, const char *alias, const char *driver)
{
	char path[256], target[256];

	snprintf(path, sizeof(path), "sys/devices/pci0000:40/0000:40:%s/%s/modalias", port,
		 address);
	temporary_file(&tree, path, alias);
	snprintf(path, sizeof(path), "sys/devices/pci0000:40/0000:40:%s/%s/driver_override", port,
		 address);
	temporary_file(&tree, path, "(null)\n");
	snprintf(path, sizeof(path), "sys/devices/pci0000:40/0000:40:%s/%s/iommu_group", port,
		 address);
	temporary_link(&tree, path, "../../../../kernel/iommu_groups/7");
	snprintf(path, sizeof(path), DEVICES "%s", address);
	snprintf(target, sizeof(target), "../../../devices/pci0000:40/0000:40:%s/%s", port,
		 address);
	temporary_link(&tree, path, target);
	if (driver) {
		bind_to(address, driver);
		snprintf(path, sizeof(path), "native-%s", address);
		temporary_file(&tree, path, driver);
	}
}

static int setup(void **state)
{
	(void)state;
	trouble.address = NULL;
	if (temporary_make(&tree) < 0)
		return -1;
	root = open(tree.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	temporary_file(&tree, "proc/cmdline", "quiet passthru.boot=1\n");
	temporary_file(&tree, "dev/kmsg", "");
	temporary_file(&tree, "run/modules", "");
	temporary_file(&tree, "sys/bus/pci/drivers/vfio-pci/new_id", "");
	add(GPU, "01.1", "pci:v000010DEd00002204sv00001043sd000087D5bc03sc00i00\n", NULL);
	add(DISK, "01.2", "pci:v0000144Dd0000A808sv0000144Dsd0000A801bc01sc08i02\n", "nvme");
	temporary_file(&tree, RESERVE_FILE, HEAD GPU_LINE DISK_LINE);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	close(root);
	return temporary_remove(&tree);
}

/* ---- what is asked of it ---- */

static char answer[8192];

static const char *content(const char *path)
{
	return early_read(root, path, answer, sizeof(answer)) < 0 ? "(absent)" : answer;
}

static void run(void)
{
	int modules = openat(root, "run/modules", O_WRONLY | O_TRUNC);

	put("dev/kmsg", "");
	early_run(root, &kernel, (struct early_limits){ .one_ms = 2000, .all_ms = 5000 }, modules);
	close(modules);
}

static void says(const char *path, const char *text)
{
	if (!strstr(content(path), text))
		fail_msg("%s does not say \"%s\" but: %s", path, text, content(path));
}

static void is_with(const char *address, const char *driver)
{
	char path[256], link[256];

	snprintf(path, sizeof(path), DEVICES "%s/driver", address);
	ssize_t n = readlinkat(root, path, link, sizeof(link) - 1);
	link[n > 0 ? n : 0] = '\0';
	assert_string_equal(*link ? strrchr(link, '/') + 1 : "", driver);
}

static void has_override(const char *address, const char *override)
{
	char path[256];

	snprintf(path, sizeof(path), DEVICES "%s/driver_override", address);
	assert_string_equal(content(path), override);
}

static void with_a_built_in_vfio_driver(void **state)
{
	(void)state;
	run();
	is_with(GPU, "vfio-pci");
	is_with(DISK, "vfio-pci");
	has_override(GPU, "vfio-pci");
	has_override(DISK, "vfio-pci");
	assert_string_equal(content("run/modules"), "");
	says(EARLY_REPORT, "passthru-early 1\n" GPU " " GPU " bound vfio-pci given to vfio-pci\n");
	says(EARLY_REPORT, DISK " " DISK " bound vfio-pci taken from nvme, given to vfio-pci\n");
	says("run/passthru/" GPU, "\"version\":2");
	says("run/passthru/" GPU, "\"driver\":null,\"driver_override\":null");
	says("run/passthru/" DISK, "\"driver\":\"nvme\"");
	says("run/passthru/" DISK, "\"command\":\"passthru-early\"");
	says("dev/kmsg", "<5>passthru: " DISK ": taken from nvme, given to vfio-pci\n");
	says("dev/kmsg", "<5>passthru: 2 of 2 reserved functions are for guests");
}

static void again(void **state)
{
	char before[1024];

	(void)state;
	run();
	strcpy(before, content("run/passthru/" DISK));
	run();
	says(EARLY_REPORT, DISK " " DISK " kept vfio-pci");
	assert_string_equal(content("run/passthru/" DISK), before);
	is_with(DISK, "vfio-pci");
}

static void without_vfio_pci(void)
{
	assert_int_equal(unlinkat(root, "sys/bus/pci/drivers/vfio-pci/new_id", 0), 0);
	assert_int_equal(unlinkat(root, "sys/bus/pci/drivers/vfio-pci", AT_REMOVEDIR), 0);
}

static void with_a_module_to_come(void **state)
{
	(void)state;
	without_vfio_pci();
	run();
	is_with(GPU, "");
	is_with(DISK, "");
	has_override(DISK, "vfio-pci");
	/* once, for two */
	assert_string_equal(content("run/modules"), "vfio-pci\n");
	says(EARLY_REPORT, DISK " " DISK " reserved vfio-pci");
	/* a second run knows what the first one found */
	run();
	says("run/passthru/" DISK, "\"driver\":\"nvme\"");
}

static void without_iommu_groups(void)
{
	assert_int_equal(unlinkat(root, DEVICES GPU "/iommu_group", 0), 0);
	assert_int_equal(unlinkat(root, DEVICES DISK "/iommu_group", 0), 0);
}

/* The firmware was reset or updated: VT-d is off. The module would come and take nothing. */
static void without_an_iommu(void **state)
{
	(void)state;
	without_vfio_pci();
	without_iommu_groups();
	/* Linux 6.9 makes a tree for itself */
	temporary_file(&tree, "sys/firmware/devicetree/base/name", "");
	temporary_file(&tree, "sys/module/vfio/parameters/enable_unsafe_noiommu_mode", "N\n");
	temporary_file(&tree, "etc/modprobe.d/kvm.conf", "options kvm ignore_msrs=1\n");
	run();
	is_with(DISK, "nvme");
	has_override(DISK, "(null)\n");
	has_override(GPU, "(null)\n");
	assert_string_equal(content("run/modules"), "");
	assert_string_equal(content("run/passthru/" DISK), "(absent)");
	says(EARLY_REPORT, DISK " " DISK " refused vfio-pci left alone: it is in no IOMMU group");
	says("dev/kmsg", "<4>passthru: " DISK ": left alone: it is in no IOMMU group, so VFIO "
			 "cannot take it");
	says("dev/kmsg", "<5>passthru: 0 of 2 reserved functions are for guests");
	/* VFIO has it all the same: nothing is in doubt */
	temporary_file(&tree, "sys/bus/pci/drivers/vfio-pci/new_id", "");
	assert_int_equal(unlinkat(root, DEVICES DISK "/driver", 0), 0);
	bind_to(DISK, "vfio-pci");
	run();
	says(EARLY_REPORT, DISK " " DISK " kept vfio-pci");
}

/* The driver of the IOMMU is a module, or vfio makes groups without one. */
static void with_groups_to_come(void **state)
{
	static const char *const signs[][2] = {
		{ "sys/firmware/acpi/tables/IORT", "IORT" },
		{ "sys/firmware/acpi/tables/VIOT", "VIOT" },
		{ "sys/firmware/devicetree/base/compatible", "linux,dummy-virt" },
		{ "sys/module/vfio/parameters/enable_unsafe_noiommu_mode", "Y\n" },
		{ "etc/modprobe.d/vfio.conf", "options vfio enable_unsafe_noiommu_mode=1\n" },
		{ "usr/lib/modprobe.d/vfio.conf", "options vfio enable_unsafe_noiommu_mode=1\n" },
		{ "conf/modules", "vfio enable_unsafe_noiommu_mode=1\n" },
		{ "proc/cmdline", "passthru.boot=1 vfio.enable_unsafe_noiommu_mode=1\n" },
	};

	(void)state;
	without_vfio_pci();
	without_iommu_groups();
	for (size_t i = 0; i < ARRAY_SIZE(signs); i++) {
		temporary_file(&tree, signs[i][0], signs[i][1]);
		run();
		says(EARLY_REPORT, GPU " " GPU " reserved vfio-pci");
		assert_int_equal(unlinkat(root, signs[i][0], 0), 0);
		temporary_file(&tree, "proc/cmdline", "passthru.boot=1\n");
	}
	run();
	says(EARLY_REPORT, GPU " " GPU " refused vfio-pci");
}

static void a_driver_that_does_not_let_go(void **state)
{
	(void)state;
	trouble.address = DISK;
	trouble.keeps = true;
	run();
	trouble.keeps = false;
	is_with(DISK, "nvme");
	has_override(DISK, "(null)\n");
	assert_string_equal(content("run/passthru/" DISK), "(absent)");
	says(EARLY_REPORT, DISK " " DISK " failed vfio-pci its driver does not let go of it");
	says(EARLY_REPORT, "it is as it was\n");
	is_with(GPU, "vfio-pci");
}

static void a_vfio_driver_that_does_not_take_it(void **state)
{
	(void)state;
	trouble.address = DISK;
	trouble.rejects = true;
	run();
	trouble.rejects = false;
	is_with(DISK, "nvme");
	has_override(DISK, "(null)\n");
	assert_string_equal(content("run/passthru/" DISK), "(absent)");
	says(EARLY_REPORT, "its VFIO driver does not take it");
	says("dev/kmsg", "<4>passthru: " DISK);
}

static void a_driver_that_hangs(void **state)
{
	struct timespec before, after;

	(void)state;
	trouble.address = GPU;
	bind_to(GPU, "nouveau");
	trouble.hangs = true;
	clock_gettime(CLOCK_MONOTONIC, &before);
	run();
	clock_gettime(CLOCK_MONOTONIC, &after);
	trouble.hangs = false;
	assert_true(after.tv_sec - before.tv_sec < 20);
	says(EARLY_REPORT, GPU " " GPU " stuck vfio-pci");
	/* the next one has its turn */
	is_with(DISK, "vfio-pci");
}

static void a_child_that_is_killed(void **state)
{
	(void)state;
	trouble.address = GPU;
	trouble.dies = true;
	run();
	trouble.dies = false;
	says(EARLY_REPORT, GPU " " GPU " failed vfio-pci the process that was at work on it");
	is_with(DISK, "vfio-pci");
}

static void an_override_that_does_not_hold(void **state)
{
	(void)state;
	trouble.address = DISK;
	trouble.forgets = true;
	run();
	trouble.forgets = false;
	is_with(DISK, "nvme");
	says(EARLY_REPORT, "its driver override cannot be set");
	assert_string_equal(content("run/passthru/" DISK), "(absent)");
}

static void an_override_of_something_else(void **state)
{
	(void)state;
	put(DEVICES DISK "/driver_override", "uio_pci_generic\n");
	run();
	is_with(DISK, "nvme");
	has_override(DISK, "uio_pci_generic\n");
	says(EARLY_REPORT, DISK " " DISK " refused vfio-pci");
}

/* The reserved drive died; the one that is left is the host's. */
static void a_disk_that_may_be_the_hosts(void **state)
{
	(void)state;
	temporary_file(&tree, RESERVE_FILE,
		       HEAD "0000:43:00.0 144d:a808 144d:a801 010802 0000:40/01.3/00.0 - 0 "
			    "vfio-pci\n");
	run();
	is_with(DISK, "nvme");
	has_override(DISK, "(null)\n");
	says(EARLY_REPORT, "0000:43:00.0 - ambiguous vfio-pci not at its place; one of its kind is "
			   "at " DISK ", but no serial number tells");
	says("dev/kmsg", "<4>passthru: 0000:43:00.0: not at its place; one of its kind");
	says("dev/kmsg", "not taken; if it is, undo and set up again\n");
}

static void a_bridge(void **state)
{
	(void)state;
	put(DEVICES DISK "/modalias", "pci:v0000144Dd0000A808sv0000144Dsd0000A801bc06sc04i00\n");
	temporary_file(&tree, RESERVE_FILE,
		       HEAD DISK " 144d:a808 144d:a801 060400 0000:40/01.2/00.0 - 0 vfio-pci\n");
	run();
	is_with(DISK, "nvme");
	has_override(DISK, "(null)\n");
	says(EARLY_REPORT, "refused vfio-pci left alone: it is a bridge\n");
}

/* An NVSwitch calls itself a bridge, and has the header of an endpoint. */
static void an_other_bridge(void **state)
{
	uint8_t config[64] = { 0 };

	(void)state;
	put(DEVICES DISK "/modalias", "pci:v000010DEd000022A3sv000010DEsd00001796bc06sc80i00\n");
	temporary_file(&tree, RESERVE_FILE,
		       HEAD DISK " 10de:22a3 10de:1796 068000 0000:40/01.2/00.0 - 0 vfio-pci\n");
	config[0x0e] = 0x81;
	temporary_bytes(&tree, DEVICES DISK "/config", config, sizeof(config));
	run();
	is_with(DISK, "nvme");
	says(EARLY_REPORT, "refused vfio-pci left alone: it is a bridge\n");
	config[0x0e] = 0x80;
	temporary_bytes(&tree, DEVICES DISK "/config", config, sizeof(config));
	run();
	is_with(DISK, "vfio-pci");
}

static void no_place_for_the_record(void **state)
{
	(void)state;
	temporary_file(&tree, "run/passthru", "a file");
	run();
	is_with(DISK, "nvme");
	is_with(GPU, "");
	has_override(GPU, "(null)\n");
	says("dev/kmsg", "<4>passthru: " GPU ": left alone: what it was cannot be recorded");
}

static void a_name_that_is_no_text(void **state)
{
	(void)state;
	assert_int_equal(unlinkat(root, DEVICES DISK "/driver", 0), 0);
	bind_to(DISK, "a\"b\n");
	run();
	is_with(DISK, "a\"b\n");
	has_override(DISK, "(null)\n");
	says(EARLY_REPORT, DISK " " DISK " failed vfio-pci left alone");
}

#define DEED(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		DEED(with_a_built_in_vfio_driver),
		DEED(again),
		DEED(with_a_module_to_come),
		DEED(without_an_iommu),
		DEED(with_groups_to_come),
		DEED(a_driver_that_does_not_let_go),
		DEED(a_vfio_driver_that_does_not_take_it),
		DEED(a_driver_that_hangs),
		DEED(a_child_that_is_killed),
		DEED(an_override_that_does_not_hold),
		DEED(an_override_of_something_else),
		DEED(a_disk_that_may_be_the_hosts),
		DEED(a_bridge),
		DEED(an_other_bridge),
		DEED(no_place_for_the_record),
		DEED(a_name_that_is_no_text),
	};

	test = getpid();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
