// SPDX-License-Identifier: MIT
// Boot loaders that a vendor's program manages: what it is given, what it makes of that, on
// partitions that are no files of the root too, and the way back.

#include "tests/unit/bootloader_vendors.h"

#define WORDS "passthru.boot=1 iommu=pt hugepagesz=2M hugepages=64"

/* ---- kernelstub ---- */

#define POP "boot/efi/EFI/Pop_OS-1234"
#define POP_ENTRY "boot/efi/loader/entries/Pop_OS-current.conf"

/* As kernelstub does without options: application.py, installer.py. */
#define KERNELSTUB                                                                                 \
	"#!/usr/bin/python3\n"                                                                     \
	"import json, os, shutil\n"                                                                \
	"os.chdir(os.environ['ROOT'])\n"                                                           \
	"if os.path.exists(os.environ['OUTSIDE'] + '/idle'): raise SystemExit(0)\n"                \
	"conf = 'etc/kernelstub/configuration'\n"                                                  \
	"config = json.load(open(conf))\n"                                                         \
	"if config['user']['live_mode']: raise SystemExit(0)\n"                                    \
	"shutil.copy('boot/vmlinuz-" RELEASE "', '" POP "/vmlinuz.efi')\n"                         \
	"shutil.copy('boot/initrd.img-" RELEASE "', '" POP "/initrd.img')\n"                       \
	"with open('" POP_ENTRY "', 'w') as entry:\n"                                              \
	"    entry.write('title Pop!_OS\\n')\n"                                                    \
	"    entry.write('linux /EFI/Pop_OS-1234/vmlinuz.efi\\n')\n"                               \
	"    entry.write('initrd /EFI/Pop_OS-1234/initrd.img\\n')\n"                               \
	"    entry.write('options root=UUID=1 ro %s\\n' % "                                        \
	"' '.join(config['user']['kernel_options']))\n"                                            \
	"shutil.copy('proc/cmdline', '" POP "')\n"                                                 \
	"with open(conf, 'w') as out:\n"                                                           \
	"    json.dump(config, out, indent=2)\n"

#define POP_USER(mode)                                                                             \
	"{\"default\": {\"kernel_options\": [\"quiet\", \"splash\"]}, \"user\": {"                 \
	"\"kernel_options\": [\"quiet\", \"loglevel=0\", \"splash\"], \"esp_path\": "              \
	"\"/boot/efi\", \"setup_loader\": true, \"manage_mode\": " mode                            \
	", \"force_update\": false, \"live_mode\": false, \"config_rev\": 3}}"

static void pop(void)
{
	efi("boot/efi", "systemd-boot 249.11");
	program("kernelstub", KERNELSTUB);
	file("etc/kernelstub/configuration", POP_USER("true"));
	file("boot/efi/EFI/systemd/systemd-bootx64.efi", "MZ");
	file("boot/efi/loader/loader.conf", "default Pop_OS-current\ntimeout 1\n");
	file(POP "/vmlinuz.efi", "");
	temporary_directories(&v.t, POP_ENTRY);
	assert_int_equal(system("kernelstub"), 0);
	tree_age(&v.t, "etc/kernelstub/configuration", 1000000000);
}

static void test_kernelstub(void **state)
{
	(void)state;
	pop();
	is_chosen("kernelstub");
	applied();
	assert_non_null(strstr(text_of(POP_ENTRY),
			       "options root=UUID=1 ro quiet loglevel=0 splash " WORDS "\n"));
	struct names entries;
	const char *plain = NULL;
	assert_int_equal(root_list(v.host.root, &v.host.arena, "boot/efi/loader/entries", &entries),
			 0);
	assert_int_equal(entries.n, 2);
	for (size_t i = 0; i < entries.n; i++) {
		if (strstr(entries.name[i], BOOTLOADER_PLAIN_ENTRY))
			plain = entries.name[i];
	}
	assert_non_null(plain);
	const char *text = text_of(arena_concat(&v.host.arena, "boot/efi/loader/entries/", plain));
	assert_non_null(strstr(text, "linux /EFI/Pop_OS-1234/vmlinuz.efi\n"));
	assert_non_null(strstr(text, "options root=UUID=1 ro quiet loglevel=0 splash\n"));
	undone();
}

/* The layout of the list is the user's: the program writes its own, undo gives it back. */
static void test_kernelstub_layout(void **state)
{
	(void)state;
	pop();
	file("etc/kernelstub/configuration", POP_USER("true"));
	applied();
	undone();
}

/*
 * A kernel came while the words were in force: the entries are made anew without them; the copy of
 * the running kernel's command line has them, and an image is longer than any text.
 */
static void test_kernelstub_new_kernel(void **state)
{
	static char image[17 * 1024 * 1024];

	(void)state;
	pop();
	applied();
	command_line("root=UUID=1 ro quiet " WORDS "\n");
	memset(image, 'x', sizeof(image));
	temporary_bytes(&v.t, "boot/initrd.img-" RELEASE, image, sizeof(image));
	assert_int_equal(system("kernelstub"), 0);
	ok(undo_it());
	assert_null(strstr(text_of(POP_ENTRY), "passthru"));
	assert_null(strstr(text_of("etc/kernelstub/configuration"), "passthru"));
}

static void test_kernelstub_trial(void **state)
{
	(void)state;
	pop();
	program("bootctl", "#!/bin/sh\n");
	file("boot/initrd.img-" RELEASE ".passthru", "trial\n");
	v.change.trial_image = "boot/initrd.img-" RELEASE ".passthru";
	look();
	v.plan = (struct plan){ 0 };
	ok(bootloader_trial(&v.boot, &v.change, &v.plan, &v.e));
	assert_int_equal(v.plan.n_steps, 3);
	assert_string_equal(v.plan.steps[0].becomes, POP "/initrd.img-" RELEASE ".passthru");
	assert_non_null(
		strstr(v.plan.steps[1].content.data, "linux /EFI/Pop_OS-1234/vmlinuz.efi\n"));
	assert_non_null(strstr(v.plan.steps[1].content.data,
			       "initrd /EFI/Pop_OS-1234/initrd.img-" RELEASE ".passthru\n"));
	assert_non_null(strstr(v.plan.steps[1].content.data, WORDS " passthru.trial=1\n"));
	assert_string_equal(v.plan.steps[2].argv[1], "set-oneshot");
	/* the trial's image is not for the kernel that lies there */
	file(POP "/vmlinuz.efi", "another kernel\n");
	trial_refused("does not start the kernel " RELEASE);
}

static void test_kernelstub_idle(void **state)
{
	(void)state;
	pop();
	temporary_file(&v.outside, "idle", "");
	remember();
	ok(plan_it());
	assert_int_equal(apply_it(), -EIO);
	assert_non_null(strstr(v.e.text, POP_ENTRY " is without the words; everything was put"));
	is_as_before();
}

static void test_kernelstub_refused(void **state)
{
	(void)state;
	pop();
	file("etc/kernelstub/configuration", POP_USER("false"));
	is_refused("manage_mode");
	file("etc/kernelstub/configuration", "{");
	is_refused("not JSON");
	file("etc/kernelstub/configuration", POP_USER("true"));
	file("boot/efi/loader/entries/Other-current.conf", "title x\nlinux /x/y\n");
	is_refused("no entry <name>-current.conf");
}

/* ---- Proxmox ---- */

/* The partition is $OUTSIDE/esp: zz-proxmox-boot mounts it where nobody else sees it. */
#define PROXMOX_BOOT_TOOL                                                                          \
	"#!/bin/sh\n"                                                                              \
	"# refresh --hook NAME\n"                                                                  \
	"set -e\n"                                                                                 \
	"[ \"$1 $2 $3\" = 'refresh --hook zz-proxmox-boot' ]\n"                                    \
	"echo refresh >>\"$OUTSIDE/calls\"\n"                                                      \
	"[ ! -e \"$OUTSIDE/fails\" ] || exit 1\n"                                                  \
	"cd \"$ROOT\"\n"                                                                           \
	"if [ -e \"$OUTSIDE/skips\" ]; then mkdir -p var/tmp/espmounts/1234-ABCD; exit 0; fi\n"    \
	"rm -rf \"$OUTSIDE/esp\"; mkdir -p \"$OUTSIDE/esp/loader/entries\"\n"                      \
	"cp boot/vmlinuz-* boot/initrd.img-" RELEASE " \"$OUTSIDE/esp\"\n"                         \
	"options=$(head -n 1 etc/kernel/cmdline)\n"                                                \
	"printf 'options  %s\\n' \"$options\" "                                                    \
	">\"$OUTSIDE/esp/loader/entries/proxmox-" RELEASE ".conf\"\n"                              \
	"rm -f etc/default/grub.d/proxmox-kernel-pin.cfg\n"

#define PROXMOX_ENTRY "esp/loader/entries/proxmox-" RELEASE ".conf"

static void proxmox(const char *loader)
{
	file("sys/firmware/efi/fw_platform_size", "64\n");
	efi("boot/efi", loader);
	file("proc/self/mountinfo", "20 1 8:2 / / rw - ext4 /dev/sda2 rw\n");
	program("proxmox-boot-tool", PROXMOX_BOOT_TOOL);
	program("grub-mkconfig", "for x in ${sysconfdir}/default/grub.d/*.cfg ; do\n");
	file("etc/kernel/postinst.d/zz-proxmox-boot", "#!/bin/sh\n");
	file("etc/kernel/proxmox-boot-uuids", "1234-ABCD\n");
	file("dev/disk/by-uuid/1234-ABCD", "");
	file("etc/kernel/cmdline", "root=ZFS=rpool/ROOT/pve-1 boot=zfs quiet\nsecond line\n");
	file("etc/default/grub", "GRUB_CMDLINE_LINUX_DEFAULT=quiet\n");
	temporary_directories(&v.t, "etc/default/grub.d/x");
	temporary_directories(&v.t, "var/tmp/x");
	assert_int_equal(system("proxmox-boot-tool refresh --hook zz-proxmox-boot"), 0);
}

static void test_proxmox(void **state)
{
	(void)state;
	proxmox("systemd-boot 252.12");
	is_chosen("proxmox");
	applied();
	assert_string_equal(text_of("etc/kernel/cmdline"),
			    "root=ZFS=rpool/ROOT/pve-1 boot=zfs quiet " WORDS "\nsecond line\n");
	assert_string_equal(text_in(&v.outside, PROXMOX_ENTRY),
			    "options  root=ZFS=rpool/ROOT/pve-1 boot=zfs quiet " WORDS "\n");
	assert_string_equal(text_of("etc/default/grub.d/zz-passthru.cfg"),
			    "GRUB_CMDLINE_LINUX_DEFAULT=\"$GRUB_CMDLINE_LINUX_DEFAULT " WORDS
			    "\"\n");
	/* the partition is no file of the root, and has to be made anew behind them */
	undone();
	assert_string_equal(text_in(&v.outside, PROXMOX_ENTRY),
			    "options  root=ZFS=rpool/ROOT/pve-1 boot=zfs quiet\n");
	trial_refused("the pin stays");
}

static void test_proxmox_trouble(void **state)
{
	(void)state;
	proxmox("systemd-boot 252.12");
	remember();
	temporary_file(&v.outside, "skips", "");
	ok(plan_it());
	assert_int_equal(apply_it(), -EIO);
	assert_non_null(strstr(v.e.text, "the partition 1234-ABCD was skipped"));
	assert_int_equal(unlink(temporary_path(&v.outside, "skips")), 0);
	assert_int_equal(system("rm -r \"$ROOT/var/tmp/espmounts\""), 0);
	is_as_before();
	/* what was put back is on the partition as soon as it can be */
	ok(plan_it());
	ok(apply_it());
	temporary_file(&v.outside, "fails", "");
	assert_int_equal(undo_it(), -EIO);
	assert_non_null(strstr(v.e.text, "undone in part"));
	assert_int_equal(times(text_in(&v.outside, PROXMOX_ENTRY), WORDS), 1);
	assert_int_equal(unlink(temporary_path(&v.outside, "fails")), 0);
	struct change_session session;
	ok(change_open(&v.host, NULL, &session, &v.e));
	change_close(&session);
	assert_int_equal(times(text_in(&v.outside, PROXMOX_ENTRY), WORDS), 0);
	is_as_before();
}

/* From a rescue system the partitions would stay as they are: not undone by half. */
static void test_proxmox_elsewhere(void **state)
{
	(void)state;
	proxmox("systemd-boot 252.12");
	applied();
	v.host.root->live = false;
	assert_int_equal(undo_it(), -EPERM);
	assert_non_null(strstr(v.e.text, "proxmox-boot-tool has to be run to take change 1 back"));
	assert_int_equal(times(text_of("etc/kernel/cmdline"), WORDS), 1);
	v.host.root->live = true;
	undone();
}

static void test_proxmox_refused(void **state)
{
	(void)state;
	proxmox("systemd-boot 252.12");
	assert_int_equal(unlink(temporary_path(&v.t, "dev/disk/by-uuid/1234-ABCD")), 0);
	permanent_refused("1234-ABCD of etc/kernel/proxmox-boot-uuids is not there");
	file("dev/disk/by-uuid/1234-ABCD", "");
	file("etc/kernel/cmdline", "quiet\nroot=ZFS=x\n");
	permanent_refused("only the first line counts");
	assert_int_equal(unlink(temporary_path(&v.t, "etc/kernel/cmdline")), 0);
	permanent_refused("etc/kernel/cmdline does not exist");
	program("proxmox-boot-tool", "refresh\n");
	permanent_refused("no refresh --hook");
	file("etc/kernel/proxmox-boot-uuids", "\n");
	is_refused("names no partition");
}

/* Secure Boot: GRUB although the firmware is UEFI; then its own file is enough. */
static void test_proxmox_grub(void **state)
{
	(void)state;
	proxmox("GRUB 2.06");
	file("etc/kernel/cmdline", "root=UUID=1\n");
	assert_int_equal(unlink(temporary_path(&v.t, "etc/kernel/cmdline")), 0);
	ok(plan_it());
	assert_int_equal(v.plan.n_steps, 2);
	assert_string_equal(v.plan.steps[0].path, "etc/default/grub.d/zz-passthru.cfg");
	program("grub-mkconfig", "no such loop\n");
	permanent_refused("does not read etc/default/grub.d");
}

/* Before 2.12 GRUB leaves no LoaderInfo, but a word that systemd-boot does not have. */
static void test_proxmox_old_grub(void **state)
{
	(void)state;
	proxmox(NULL);
	assert_int_equal(unlink(temporary_path(&v.t, LOADER_INFO)), 0);
	assert_int_equal(unlink(temporary_path(&v.t, "etc/kernel/cmdline")), 0);
	permanent_refused("etc/kernel/cmdline does not exist");
	command_line("BOOT_IMAGE=/vmlinuz-" RELEASE " root=/dev/mapper/pve-root ro quiet\n");
	ok(plan_it());
	assert_true(v.boot.chosen->seen);
	assert_int_equal(v.plan.n_steps, 2);
	assert_string_equal(v.plan.steps[0].path, "etc/default/grub.d/zz-passthru.cfg");
	/* the user's own word */
	efi("boot/efi", "systemd-boot 252.12");
	permanent_refused("etc/kernel/cmdline does not exist");
}

/* ---- rpm-ostree ---- */

#define DEPLOYED "boot/ostree/fedora-aa/initramfs-" RELEASE ".img"

/* The arguments of the next deployment are $OUTSIDE/kargs. */
#define RPM_OSTREE                                                                                 \
	"#!/bin/sh\n"                                                                              \
	"[ \"$1\" = kargs ] || exit 2\n"                                                           \
	"shift\n"                                                                                  \
	"kargs=\" $(cat \"$OUTSIDE/kargs\") \"\n"                                                  \
	"[ $# -gt 0 ] || { echo $kargs; exit 0; }\n"                                               \
	"for option; do\n"                                                                         \
	"\tword=${option#*=}\n"                                                                    \
	"\tcase $option in\n"                                                                      \
	"\t--append-if-missing=*) case $kargs in *\" $word \"*) ;; *) kargs=\"$kargs$word \" ;; "  \
	"esac ;;\n"                                                                                \
	"\t--delete-if-present=*) case $kargs in *\" $word \"*) kargs=\"${kargs%% $word *} "       \
	"${kargs#* $word }\" ;; esac ;;\n"                                                         \
	"\t*) exit 3 ;;\n"                                                                         \
	"\tesac\n"                                                                                 \
	"done\n"                                                                                   \
	"echo $kargs >\"$OUTSIDE/kargs\"\n"

static void add_member(char *into, size_t *n, const char *name, unsigned mode, const char *content)
{
	int size = sprintf(into + *n, "070701%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x",
			   (unsigned)*n + 1, mode, 0u, 0u, 1u, 0u, (unsigned)strlen(content), 8u,
			   1u, 0u, 0u, (unsigned)strlen(name) + 1, 0u);

	memcpy(into + *n + size, name, strlen(name) + 1);
	*n = (*n + (size_t)size + strlen(name) + 1 + 3) & ~(size_t)3;
	memcpy(into + *n, content, strlen(content));
	*n = (*n + strlen(content) + 3) & ~(size_t)3;
}

/* An image as a deployment has it, with the helper's list or without. */
static void deployed(const char *devices)
{
	static char image[4096];
	size_t n = 0;

	memset(image, 0, sizeof(image));
	add_member(image, &n, "etc", S_IFDIR | 0755, "");
	add_member(image, &n, "etc/passthru", S_IFDIR | 0755, "");
	if (devices)
		add_member(image, &n, "etc/passthru/devices", S_IFREG | 0644, devices);
	add_member(image, &n, "TRAILER!!!", 0, "");
	temporary_bytes(&v.t, DEPLOYED, image, n);
}

static void ostree(void)
{
	program("rpm-ostree", RPM_OSTREE);
	temporary_file(&v.outside, "kargs", "root=UUID=1 iommu=pt rhgb quiet\n");
	file("run/ostree-booted", "");
	file("boot/loader/entries/ostree-2-fedora.conf",
	     "title Fedora (old)\nversion 1\noptions root=UUID=1 rhgb quiet\n"
	     "linux /ostree/fedora-bb/vmlinuz\ninitrd /ostree/fedora-bb/initramfs.img\n");
	file("boot/loader/entries/ostree-1-fedora.conf",
	     "title Fedora\nversion 2\noptions root=UUID=1 rhgb quiet\n"
	     "linux /ostree/fedora-aa/vmlinuz\n"
	     "initrd /ostree/fedora-aa/initramfs-" RELEASE ".img\n");
	file("etc/passthru/devices", "passthru-devices 1\n");
}

static void test_ostree(void **state)
{
	(void)state;
	ostree();
	deployed("passthru-devices 1\n");
	is_chosen("ostree");
	assert_null(bootloader_by_hand(&v.boot, &v.change));
	applied();
	assert_string_equal(text_in(&v.outside, "kargs"),
			    "root=UUID=1 iommu=pt rhgb quiet passthru.boot=1 hugepagesz=2M "
			    "hugepages=64\n");
	/* what was there before stays */
	undone();
	assert_string_equal(text_in(&v.outside, "kargs"), "root=UUID=1 iommu=pt rhgb quiet\n");
	trial_refused("not used for one boot only");
}

static void test_ostree_without_helper(void **state)
{
	(void)state;
	ostree();
	deployed(NULL);
	is_chosen("ostree");
	const char *text = by_hand();
	assert_non_null(strstr(text, DEPLOYED " is without the early helper"));
	assert_non_null(strstr(text, "\n  rpm-ostree kargs --append-if-missing=iommu=pt "
				     "--append-if-missing=hugepagesz=2M "));
	assert_non_null(strstr(text, "\n  vfio-pci.ids=10de:1c82,10de:0fb9\n"));
	assert_non_null(strstr(text, "--delete-if-present=hugepages=64\n"));
	permanent_refused("is without the early helper");
	deployed("passthru-devices 1\nother\n");
	permanent_refused("has another etc/passthru/devices in it");
}

/* Of two sizes of huge pages with the same number the second would not be set. */
static void test_ostree_refused(void **state)
{
	static const char *words[] = { "passthru.boot=1", "hugepagesz=2M", "hugepages=4",
				       "hugepagesz=1G", "hugepages=4" };

	(void)state;
	ostree();
	deployed("passthru-devices 1\n");
	v.change.words = (struct names){ words, 5 };
	permanent_refused("cannot set hugepages=4 twice");
	/* the size is another one, so it is none of ours */
	temporary_file(&v.outside, "kargs", "root=UUID=1 hugepagesz=2M hugepages=4\n");
	v.change.words = (struct names){ words + 3, 2 };
	permanent_refused("cannot set hugepages=4 twice");
	v.host.root->live = false;
	permanent_refused("on the running system");
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		VENDOR_TEST(test_kernelstub),
		VENDOR_TEST(test_kernelstub_layout),
		VENDOR_TEST(test_kernelstub_new_kernel),
		VENDOR_TEST(test_kernelstub_trial),
		VENDOR_TEST(test_kernelstub_idle),
		VENDOR_TEST(test_kernelstub_refused),
		VENDOR_TEST(test_proxmox),
		VENDOR_TEST(test_proxmox_trouble),
		VENDOR_TEST(test_proxmox_elsewhere),
		VENDOR_TEST(test_proxmox_refused),
		VENDOR_TEST(test_proxmox_grub),
		VENDOR_TEST(test_proxmox_old_grub),
		VENDOR_TEST(test_ostree),
		VENDOR_TEST(test_ostree_without_helper),
		VENDOR_TEST(test_ostree_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
