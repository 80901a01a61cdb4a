/* SPDX-License-Identifier: MIT */
/*
 * A host that can be set up: two kernels, initramfs-tools, systemd-boot, two identical cards, a
 * disk with the root file system and a network card. Its programs are stand-ins that make what the
 * real ones make: images with cpio, from the hooks that are there, and the firmware's variable.
 */
#pragma once

#include "base/root_dir.h"
#include "base/text.h"
#include "host/host.h"
#include "setup/internal.h"
#include "tests/change/tree.h"

#define GPU "0000:01:00.0"
#define AUDIO "0000:01:00.1"
#define TWIN "0000:02:00.0"
#define NIC "0000:03:00.0"
#define DISK "0000:04:00.0"
#define BRIDGE "0000:00:01.0"
#define OLD "6.1.0-9"
#define NEW "6.1.0-10"
#define ONE_SHOT "sys/firmware/efi/efivars/LoaderEntryOneShot-4a67b082-0a4c-41cf-b6c7-440b29bb8c4f"
#define LOADER_INFO "sys/firmware/efi/efivars/LoaderInfo-4a67b082-0a4c-41cf-b6c7-440b29bb8c4f"
#define COMMAND_LINE "root=UUID=1 ro quiet"
#define TRIAL_WORDS "passthru.boot=1 passthru.trial=1 panic=30 rd.shell=0 rd.emergency=reboot"
#define TRIAL_ENTRY "boot/loader/entries/_-passthru-trial.conf"

struct machine {
	struct temporary t, programs;
	struct host host;
	struct err e;
	char *path; /* as it was */
	char *disk; /* machine_text() of what it is to be again */
	struct pci_function *functions[4];
	struct setup_wish wish;
	struct setup_plan plan;
	unsigned number, n_boots;
};

/* ---- the programs ---- */

/* The first line names the root. What an image has comes from the hooks that are there. */
#define MACHINE_MKINITRAMFS                                                                        \
	"out=$root$2 release=$3\n"                                                                 \
	"mode=$(cat \"$programs/mode\" 2>/dev/null || true)\n"                                     \
	"[ \"$mode\" != fail ] || { echo 'no space left' >&2; exit 1; }\n"                         \
	"[ \"$mode\" != idle ] || exit 0\n"                                                        \
	"[ \"$mode\" != interrupt ] || kill -INT $PPID\n"                                          \
	"work=$(mktemp -d)\n"                                                                      \
	"init=$work/scripts/init-top\n"                                                            \
	"modules=$work/lib/modules/$release\n"                                                     \
	"mkdir -p \"$init\" \"$modules/kernel\"\n"                                                 \
	"cp \"$root/usr/lib/modules/$release/modules.dep\" \"$modules/\"\n"                        \
	"cp \"$root/usr/lib/modules/$release/modules.builtin\" \"$modules/\"\n"                    \
	"if [ -x \"$root/etc/initramfs-tools/hooks/passthru\" ]; then\n"                           \
	"\tmkdir -p \"$work/etc/passthru\" \"$work/${helper%/*}\"\n"                               \
	"\tcp \"$root/$helper\" \"$work/$helper\"\n"                                               \
	"\tcp \"$root/etc/passthru/devices\" \"$work/etc/passthru/devices\"\n"                     \
	"\t[ \"$mode\" != module ] || rm \"$modules/modules.dep\"\n"                               \
	"\tmkdir -p \"$modules/kernel/vfio\"\n"                                                    \
	"\tcp \"$root/usr/lib/modules/$release/kernel/vfio\"/*.ko \"$modules/kernel/vfio/\"\n"     \
	"\t[ \"$mode\" != dependency ] || rm \"$modules/kernel/vfio/vfio.ko\"\n"                   \
	"fi\n"                                                                                     \
	"script=$root/etc/initramfs-tools/scripts/init-top/passthru\n"                             \
	"own='/scripts/init-top/passthru \"$@\"' udev='/scripts/init-top/udev \"$@\"'\n"           \
	"[ \"$mode\" != order ] || { own=$udev; udev='/scripts/init-top/passthru \"$@\"'; }\n"     \
	"[ ! -x \"$script\" ] || { cp \"$script\" \"$init/\"; echo \"$own\" >\"$init/ORDER\"; }\n" \
	"echo \"$udev\" >>\"$init/ORDER\"\n"                                                       \
	"(cd \"$work\" && find . | LC_ALL=C sort | cpio -o -H newc --quiet) >\"$out\"\n"           \
	"rm -r \"$work\"\n"

/* Four bytes of attributes, then UTF-16. */
#define MACHINE_BOOTCTL                                                                            \
	"[ \"$1\" = set-oneshot ]\n"                                                               \
	"{ printf '\\7\\0\\0\\0'; printf %s \"$2\" | sed 's/./&\\n/g' | while read -r c; do "      \
	"printf '%s\\0' \"$c\"; done; printf '\\0\\0'; } >\"$root/" ONE_SHOT "\"\n"

static inline void machine_program(struct machine *m, const char *name, const char *text)
{
	char script[8192];

	snprintf(script, sizeof(script), "#!/bin/sh\nset -eu\nroot=%s\nprograms=%s\nhelper=%s\n%s",
		 m->t.path, m->programs.path, setup_helper, text);
	temporary_file(&m->programs, name, script);
	assert_int_equal(chmod(temporary_path(&m->programs, name), 0755), 0);
}

/* "fail", "idle", "module", ...: what the generator does wrong; NULL: nothing. */
static inline void machine_mode(struct machine *m, const char *mode)
{
	if (mode)
		temporary_file(&m->programs, "mode", mode);
	else
		(void)unlink(temporary_path(&m->programs, "mode"));
}

static inline void machine_programs(struct machine *m)
{
	char path[2048];

	machine_program(m, "mkinitramfs", MACHINE_MKINITRAMFS);
	machine_program(m, "bootctl", MACHINE_BOOTCTL);
	m->path = strdup(getenv("PATH"));
	snprintf(path, sizeof(path), "%s:%s", m->programs.path, m->path);
	assert_int_equal(setenv("PATH", path, 1), 0);
}

/* ---- the hardware ---- */

PRINTF_LIKE(3, 4)
static inline void machine_file(struct machine *m, const char *text, const char *format, ...)
{
	char name[512];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(name, sizeof(name), format, arguments);
	va_end(arguments);
	temporary_file(&m->t, name, text);
}

static inline void machine_function(struct machine *m, const char *below, const char *name,
				    const char *ids, const char *class_code, const char *driver,
				    int group)
{
	char directory[256], link[512], target[512], text[512];

	snprintf(directory, sizeof(directory), "sys/devices/pci0000:00%s/%s", below, name);
	snprintf(text, sizeof(text),
		 "%s%s%sPCI_CLASS=%s\nPCI_ID=%s\nPCI_SUBSYS_ID=1043:8694\n"
		 "PCI_SLOT_NAME=%s\n",
		 driver ? "DRIVER=" : "", driver ? driver : "", driver ? "\n" : "", class_code, ids,
		 name);
	machine_file(m, text, "%s/uevent", directory);
	machine_file(m, "", "%s/config", directory);
	snprintf(link, sizeof(link), "sys/bus/pci/devices/%s", name);
	snprintf(target, sizeof(target), "../../../../%s", directory);
	temporary_link(&m->t, link, target);
	snprintf(link, sizeof(link), "%s/iommu_group", directory);
	snprintf(target, sizeof(target), "%s../../../kernel/iommu_groups/%d", *below ? "../" : "",
		 group);
	temporary_link(&m->t, link, target);
	snprintf(link, sizeof(link), "sys/kernel/iommu_groups/%d/devices/%s", group, name);
	snprintf(target, sizeof(target), "../../../../../%s", directory);
	temporary_link(&m->t, link, target);
}

static inline void machine_driver(struct machine *m, const char *name, const char *driver)
{
	char link[512], target[512];

	snprintf(link, sizeof(link), "sys/devices/pci0000:00/%s/%s/driver", BRIDGE, name);
	snprintf(target, sizeof(target), "../../../../bus/pci/drivers/%s", driver);
	(void)unlink(temporary_path(&m->t, link));
	temporary_link(&m->t, link, target);
}

static inline void machine_card(struct machine *m, const char *name, const char *ids,
				const char *class_code, const char *driver, int group)
{
	machine_function(m, "/" BRIDGE, name, ids, class_code, driver, group);
	machine_driver(m, name, driver);
}

static inline void machine_hardware(struct machine *m)
{
	machine_function(m, "", BRIDGE, "8086:1901", "60400", NULL, 9);
	machine_card(m, GPU, "10DE:1C82", "30000", "nouveau", 1);
	machine_card(m, AUDIO, "10DE:0FB9", "40300", "snd_hda_intel", 1);
	machine_card(m, TWIN, "10DE:1C82", "30000", "nouveau", 2);
	machine_card(m, NIC, "8086:15B8", "20000", "e1000e", 3);
	machine_card(m, DISK, "144D:A804", "10802", "nvme", 4);
	machine_file(m, "1c0000c40660462\n", "sys/class/iommu/dmar0/intel-iommu/cap");
	machine_file(m, "0-7\n", "sys/devices/system/cpu/present");
	machine_file(m, "0\n", "sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages");
	machine_file(m, "vendor_id\t: GenuineIntel\nflags\t\t: fpu vmx\n", "proc/cpuinfo");
	machine_file(m, "MemTotal: 16000000 kB\nMemAvailable: 12000000 kB\n", "proc/meminfo");
	machine_file(m,
		     "22 1 8:2 / / rw - ext4 /dev/sda2 rw\n23 22 8:1 / /boot rw - vfat "
		     "/dev/sda1 rw\n",
		     "proc/self/mountinfo");
	machine_file(m, "Filename Type Size Used Priority\n", "proc/swaps");
	machine_file(m, "Iface\n", "proc/net/route");
	machine_file(m, "", "proc/modules");
	temporary_bytes(&m->t, LOADER_INFO,
			"\7\0\0\0s\0y\0s\0t\0e\0m\0d\0-\0b\0o\0o\0t\0 \0002\0005\0002\0\0\0", 38);
}

/* ---- the system ---- */

static inline void machine_kernel(struct machine *m, const char *release)
{
	static const char *const modules[] = { "vfio", "vfio-pci-core", "vfio-pci" };
	char text[512], name[800];

	machine_file(m, "kernel", "boot/vmlinuz-%s", release);
	for (size_t i = 0; i < ARRAY_SIZE(modules); i++)
		machine_file(m, modules[i], "usr/lib/modules/%s/kernel/vfio/%s.ko", release,
			     modules[i]);
	machine_file(m,
		     "kernel/vfio/vfio-pci.ko: kernel/vfio/vfio-pci-core.ko kernel/vfio/vfio.ko\n"
		     "kernel/vfio/vfio-pci-core.ko: kernel/vfio/vfio.ko\n"
		     "kernel/vfio/vfio.ko:\n",
		     "usr/lib/modules/%s/modules.dep", release);
	machine_file(m, "kernel/drivers/ata/ahci.ko\n", "usr/lib/modules/%s/modules.builtin",
		     release);
	snprintf(text, sizeof(text),
		 "title Debian\nversion %s\nlinux /vmlinuz-%s\ninitrd /initrd.img-%s\n"
		 "options " COMMAND_LINE "\n",
		 release, release, release);
	machine_file(m, text, "boot/loader/entries/debian-%s.conf", release);
	snprintf(name, sizeof(name), "%s/mkinitramfs -o /boot/initrd.img-%s %s", m->programs.path,
		 release, release);
	assert_int_equal(system(name), 0);
}

static inline void machine_system(struct machine *m)
{
	temporary_file(&m->t, "proc/cmdline", COMMAND_LINE "\n");
	temporary_file(&m->t, "proc/sys/kernel/osrelease", OLD "\n");
	temporary_file(&m->t, "proc/sys/kernel/random/boot_id", "a\n");
	machine_kernel(m, OLD);
	machine_kernel(m, NEW);
	temporary_file(&m->t, "boot/loader/loader.conf", "default debian-*\n");
	temporary_file(&m->t, "boot/EFI/systemd/systemd-bootx64.efi", "boot loader");
	temporary_file(&m->t, "usr/bin/bootctl", "");
	temporary_file(&m->t, "usr/sbin/update-initramfs", "");
	temporary_file(&m->t, "etc/kernel/postinst.d/initramfs-tools", "");
	temporary_file(&m->t, "etc/initramfs-tools/initramfs.conf", "MODULES=most\n");
	temporary_directories(&m->t, "etc/initramfs-tools/hooks/x");
	temporary_directories(&m->t, "etc/initramfs-tools/scripts/init-top/x");
	temporary_directories(&m->t, "etc/systemd/system/x");
	temporary_directories(&m->t, "var/lib/x");
	temporary_file(&m->t, "usr/lib/systemd/systemd", "");
	temporary_file(&m->t, setup_helper, "the early helper");
	assert_int_equal(chmod(temporary_path(&m->t, setup_helper), 0755), 0);
}

/* ---- its disk ---- */

/* Of the disk: what a boot changes is left out. */
static inline char *machine_text(struct machine *m)
{
	char *text = tree_text(m->t.path), *to = text;

	for (char *line = text, *next; *line; line = next) {
		size_t n = strcspn(line, "\n");

		next = line + n + (line[n] == '\n');
		if (strncmp(line, "sys/", 4) == 0 || strncmp(line, "proc/", 5) == 0 ||
		    strncmp(line, "run/", 4) == 0)
			continue;
		memmove(to, line, (size_t)(next - line));
		to += next - line;
	}
	*to = '\0';
	return text;
}

/* From here on the disk is to be what it is now. */
static inline void machine_disk_is_now(struct machine *m)
{
	free(m->disk);
	m->disk = machine_text(m);
}

static inline void machine_is_as_before(struct machine *m)
{
	char *now = machine_text(m);

	assert_string_equal(now, m->disk);
	free(now);
}

/* ---- a process that looks at it ---- */

static inline void machine_open(struct machine *m)
{
	struct root *root;

	if (m->host.root)
		host_done(&m->host);
	m->e = (struct err){ 0 };
	assert_int_equal(root_dir_open(m->t.path, true, &root, &m->e), 0);
	host_init(&m->host, root);
	/* from a rescue system there is none */
	if (access(temporary_path(&m->t, "sys"), F_OK) < 0)
		return;
	if (host_read_pci(&m->host, &m->e) < 0)
		fail_msg("%s", m->e.text);
}

/* Names the functions of the wish; the names end with NULL. */
static inline void machine_wish(struct machine *m, const char *name, ...)
{
	struct pci_address address;
	va_list names;

	machine_open(m);
	m->wish.functions = m->functions;
	m->wish.n_functions = 0;
	va_start(names, name);
	for (; name; name = va_arg(names, const char *)) {
		assert_true(pci_address_parse(name, &address));
		m->functions[m->wish.n_functions] = host_find(&m->host, address);
		assert_non_null(m->functions[m->wish.n_functions++]);
	}
	va_end(names);
}

static inline int machine_start(void **state)
{
	struct machine *m = calloc(1, sizeof(*m));

	alarm(300);
	*state = m;
	assert_int_equal(temporary_make(&m->t), 0);
	assert_int_equal(temporary_make(&m->programs), 0);
	machine_programs(m);
	machine_system(m);
	machine_hardware(m);
	machine_disk_is_now(m);
	return 0;
}

static inline int machine_stop(void **state)
{
	struct machine *m = *state;

	if (m->host.root)
		host_done(&m->host);
	assert_int_equal(setenv("PATH", m->path, 1), 0);
	temporary_remove(&m->t);
	temporary_remove(&m->programs);
	free(m->path);
	free(m->disk);
	free(m);
	return 0;
}

/* ---- what is done with it ---- */

static inline int machine_plan(struct machine *m)
{
	return setup_make_plan(&m->host, &m->wish, &m->plan, &m->e);
}

/* In a process of its own. */
static inline int machine_setup(struct machine *m)
{
	struct names recovered = { 0 };

	machine_wish(m, GPU, AUDIO, NULL);
	m->number = 0;
	int error = setup_recover(&m->host, &recovered, &m->e);
	if (error == 0)
		error = machine_plan(m);
	return error < 0 ? error
			 : setup_apply(&m->host, &m->wish, &m->plan, &m->number, &recovered, &m->e);
}

/* The kernel starts with these words, and the helper did its work or not. */
static inline void machine_boot(struct machine *m, const char *words, bool arrives)
{
	static const char *const names[] = { GPU, AUDIO };
	char text[1024];

	snprintf(text, sizeof(text), "%08x-0000-4000-8000-000000000000\n", ++m->n_boots);
	temporary_file(&m->t, "proc/sys/kernel/random/boot_id", text);

	(void)unlink(temporary_path(&m->t, ONE_SHOT));
	snprintf(text, sizeof(text), COMMAND_LINE "%s%s\n", *words ? " " : "", words);
	temporary_file(&m->t, "proc/cmdline", text);
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		char uevent[256];

		machine_driver(m, names[i], arrives ? "vfio-pci" : i ? "snd_hda_intel" : "nouveau");
		snprintf(text, sizeof(text),
			 "DRIVER=%s\nPCI_CLASS=%s\nPCI_ID=%s\n"
			 "PCI_SUBSYS_ID=1043:8694\nPCI_SLOT_NAME=%s\n",
			 arrives ? "vfio-pci"
			 : i     ? "snd_hda_intel"
				 : "nouveau",
			 i ? "40300" : "30000", i ? "10DE:0FB9" : "10DE:1C82", names[i]);
		snprintf(uevent, sizeof(uevent), "sys/devices/pci0000:00/%s/%s/uevent", BRIDGE,
			 names[i]);
		temporary_file(&m->t, uevent, text);
	}
}

static inline bool machine_exists(struct machine *m, const char *name)
{
	struct stat st;

	return lstat(temporary_path(&m->t, name), &st) == 0;
}

static inline void machine_holds(struct machine *m, const char *name, const char *text, bool holds)
{
	struct bytes data;

	assert_int_equal(root_read(m->host.root, &m->host.arena, name, &data), 0);
	if (holds != (strstr(data.data, text) != NULL))
		fail_msg("%s: %s", name, data.data);
}

static inline void machine_says(const struct machine *m, int error, const char *words)
{
	if (error >= 0 || !strstr(m->e.text, words))
		fail_msg("%d: \"%s\" does not say \"%s\"", error, m->e.text, words);
}

static inline void machine_ok(const struct machine *m, int error)
{
	if (error < 0)
		fail_msg("%s", m->e.text);
}

/* ---- each in a process of its own ---- */

static inline void machine_plan_is_empty(struct machine *m)
{
	machine_wish(m, GPU, AUDIO, NULL);
	machine_ok(m, machine_plan(m));
	for (size_t i = 0; i < m->plan.now.n_steps; i++)
		fail_msg("%s", m->plan.now.steps[i].why);
}

static inline int machine_confirm(struct machine *m, struct setup_arrivals *ret_arrivals)
{
	machine_open(m);
	return setup_confirm(&m->host, ret_arrivals, &m->number, &m->e);
}

static inline int machine_undo(struct machine *m, struct setup_undone *ret)
{
	machine_open(m);
	return setup_undo(&m->host, 0, false, ret, &m->e);
}
