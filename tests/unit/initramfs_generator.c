// SPDX-License-Identifier: MIT
// Which generator is in charge, how it is configured, which image is whose, and the commands: the
// files of distributions, and hosts on which they contradict each other.

#include "base/text.h"
#include "initramfs/initramfs.h"
#include "tests/unit/facts.h"

#define DPKG "var/lib/dpkg/info/"

static struct initramfs_setup setup;
static struct kernel_facts kernels;

static void kernel(const char *release)
{
	has(arena_printf(&host.arena, "usr/lib/modules/%s/modules.builtin", release), "");
}

static void read_setup(void)
{
	host_read_kernel(&host, &kernels);
	initramfs_read_setup(host.root, &host.arena, &kernels, &setup);
}

static void assert_chosen(const char *name)
{
	read_setup();
	if (!setup.chosen)
		fail_msg("%s", setup.refusal);
	assert_string_equal(setup.chosen->generator->name, name);
	assert_null(setup.refusal);
}

static void assert_refused(const char *sentence)
{
	read_setup();
	assert_null(setup.chosen);
	assert_string_equal(setup.refusal, sentence);
}

static const char *build(size_t i)
{
	return argv_line(
		initramfs_build(&setup, &host.arena, &setup.kernels[i], "boot/new.img").argv);
}

static void has_initramfs_tools(void)
{
	has("usr/sbin/update-initramfs", "");
	has("etc/kernel/postinst.d/initramfs-tools", "");
	has(DPKG "initramfs-tools.list", "/.\n/usr\n/usr/sbin/update-initramfs\n");
	has("etc/initramfs-tools/initramfs.conf", "# comment\nMODULES=most\nBUSYBOX=auto\n");
}

static void has_debian_dracut(void)
{
	has("usr/bin/dracut", "");
	has("etc/kernel/postinst.d/dracut", "");
	has(DPKG "dracut-core.list", "/usr/bin/dracut\n");
}

static void debian(void **state)
{
	(void)state;
	has_initramfs_tools();
	kernel("6.1.0-37-amd64");
	kernel("6.12.9-amd64");
	has("boot/vmlinuz-6.1.0-37-amd64", "");
	has("boot/initrd.img-6.1.0-37-amd64", "");
	assert_chosen("initramfs-tools");
	assert_string_equal(setup.chosen->package, "initramfs-tools");
	assert_int_equal(setup.config.scope, INITRAMFS_SCOPE_ALL);
	assert_int_equal(setup.config.scope_from->line, 2);
	assert_int_equal(setup.n_kernels, 2);
	assert_string_equal(setup.kernels[0].vmlinuz, "boot/vmlinuz-6.1.0-37-amd64");
	assert_string_equal(setup.kernels[0].image, "boot/initrd.img-6.1.0-37-amd64");
	assert_true(setup.kernels[0].image_exists);
	assert_null(setup.kernels[1].vmlinuz);
	assert_string_equal(setup.kernels[1].image, "boot/initrd.img-6.12.9-amd64");
	assert_false(setup.kernels[1].image_exists);
	assert_string_equal(build(0), "mkinitramfs -o /boot/new.img 6.1.0-37-amd64");
}

/* A drop-in of /etc hides that of /usr with the same name, and is read after all of those. */
static void debian_drop_ins(void **state)
{
	(void)state;
	has_initramfs_tools();
	has("usr/share/initramfs-tools/conf.d/zz", "MODULES=list\n");
	has("usr/share/initramfs-tools/conf.d/a", "MODULES=most\n");
	has("etc/initramfs-tools/conf.d/a", "COMPRESS=zstd\n");
	has("etc/initramfs-tools/conf.d/driver-policy", "MODULES=dep # small\n");
	assert_chosen("initramfs-tools");
	assert_int_equal(setup.config.files.n, 4);
	assert_string_equal(setup.config.files.name[1], "usr/share/initramfs-tools/conf.d/zz");
	assert_string_equal(setup.config.files.name[2], "etc/initramfs-tools/conf.d/a");
	assert_int_equal(setup.config.scope, INITRAMFS_SCOPE_HOST);
	assert_string_equal(setup.config.scope_from->path,
			    "etc/initramfs-tools/conf.d/driver-policy");
}

/* The configuration file of a removed package stays, and so does its hook. */
static void debian_dracut_after_initramfs_tools(void **state)
{
	(void)state;
	has("etc/kernel/postinst.d/initramfs-tools", "");
	has("etc/initramfs-tools/initramfs.conf", "MODULES=most\n");
	has_debian_dracut();
	has("etc/dracut.conf", "# nothing\n");
	kernel("6.1.0-37-amd64");
	assert_chosen("dracut");
	assert_int_equal(setup.n_candidates, 2);
	assert_int_equal(setup.config.scope, INITRAMFS_SCOPE_UNKNOWN);
	assert_string_equal(setup.kernels[0].image, "boot/initrd.img-6.1.0-37-amd64");
	assert_string_equal(build(0), "dracut --force /boot/new.img 6.1.0-37-amd64");
}

/* update-initramfs of another package, and the hook that a removed initramfs-tools left. */
static void ubuntu_dracut_with_shim(void **state)
{
	(void)state;
	has("usr/sbin/update-initramfs", "");
	has("etc/kernel/postinst.d/initramfs-tools", "");
	has_debian_dracut();
	has("usr/lib/dracut/dracut.conf.d/10-ubuntu.conf", "hostonly=\"no\"\n");
	assert_chosen("dracut");
	assert_true(setup.candidates[0].foreign);
	assert_int_equal(setup.config.scope, INITRAMFS_SCOPE_ALL);
}

static void two_in_charge(void **state)
{
	(void)state;
	has_initramfs_tools();
	has_debian_dracut();
	assert_refused("more than one generator of initramfs images is in charge: initramfs-tools "
		       "(etc/kernel/postinst.d/initramfs-tools), dracut "
		       "(etc/kernel/postinst.d/dracut); remove the packages of those that are not "
		       "wanted");
}

/* dracut-core alone, as a dependency of something else, has no hook. */
static void dracut_core_beside(void **state)
{
	(void)state;
	has_initramfs_tools();
	has("usr/bin/dracut", "");
	has(DPKG "dracut-core.list", "/usr/bin/dracut\n");
	assert_chosen("initramfs-tools");
	assert_int_equal(setup.n_candidates, 2);
}

static void none(void **state)
{
	(void)state;
	has("etc/hostname", "a\n");
	assert_refused("no generator of initramfs images was found");
}

static void none_in_charge(void **state)
{
	(void)state;
	has("usr/bin/dracut", "");
	has("etc/kernel/postinst.d/initramfs-tools", "");
	assert_refused(
		"no generator of initramfs images is in charge: initramfs-tools has the hook "
		"etc/kernel/postinst.d/initramfs-tools but no program; nothing runs "
		"usr/bin/dracut when a kernel is installed");
}

static void has_fedora(void)
{
	has("usr/bin/dracut", "");
	has("usr/lib/kernel/install.d/50-dracut.install", "");
	has("usr/lib/dracut/dracut.conf.d/01-dist.conf",
	    "hostonly=\"yes\"\nfilesystems+=\" xfs \"\n");
	kernel("6.9.5-200.fc40.x86_64");
	has("boot/vmlinuz-6.9.5-200.fc40.x86_64", "");
}

static void fedora(void **state)
{
	(void)state;
	has_fedora();
	has("boot/initramfs-6.9.5-200.fc40.x86_64.img", "");
	has("etc/dracut.conf.d/9-late.conf", "hostonly=no\n");
	has("etc/dracut.conf.d/10-later.conf", "hostonly=\"$(choose)\"\n");
	assert_chosen("dracut");
	/* numbers by value: 01, 9, 10 */
	assert_string_equal(setup.config.files.name[1], "etc/dracut.conf.d/9-late.conf");
	/* the last one only a shell knows */
	assert_int_equal(setup.config.scope, INITRAMFS_SCOPE_UNKNOWN);
	assert_string_equal(setup.kernels[0].image, "boot/initramfs-6.9.5-200.fc40.x86_64.img");
	assert_null(setup.kernels[0].other_image);
}

/* The file of /etc counts instead of that of /usr with the same name. */
static void fedora_overridden(void **state)
{
	(void)state;
	has_fedora();
	has("etc/dracut.conf.d/01-dist.conf", "hostonly='no'\n");
	assert_chosen("dracut");
	assert_int_equal(setup.config.files.n, 1);
	assert_int_equal(setup.config.scope, INITRAMFS_SCOPE_ALL);
	/* nothing there says where its image would be */
	assert_null(setup.kernels[0].image);
}

static void fedora_systemd_boot(void **state)
{
	(void)state;
	has_fedora();
	has("etc/machine-id", "0123\n");
	has("boot/0123/6.9.5-200.fc40.x86_64/initrd", "");
	has("boot/initramfs-6.9.5-200.fc40.x86_64.img", "");
	assert_chosen("dracut");
	assert_string_equal(setup.kernels[0].image, "boot/initramfs-6.9.5-200.fc40.x86_64.img");
	assert_string_equal(setup.kernels[0].other_image, "boot/0123/6.9.5-200.fc40.x86_64/initrd");
}

/* kernel-install with Gentoo's 90-compat.install: GRUB's menu has the file in boot, not its source.
 */
static void gentoo(void **state)
{
	(void)state;
	has("usr/bin/dracut", "");
	has("usr/lib/kernel/install.d/52-dracut.install", "");
	kernel("6.12.58-gentoo");
	has("usr/lib/modules/6.12.58-gentoo/vmlinuz", "");
	has("boot/kernel-6.12.58-gentoo", "");
	has("boot/initramfs-6.12.58-gentoo.img", "");
	assert_chosen("dracut");
	assert_string_equal(setup.kernels[0].vmlinuz, "boot/kernel-6.12.58-gentoo");
	assert_string_equal(setup.kernels[0].image, "boot/initramfs-6.12.58-gentoo.img");
}

static void ostree(void **state)
{
	(void)state;
	has_fedora();
	has("ostree/repo/config", "");
	assert_refused("this system is managed by ostree, which makes its initramfs images itself");
}

static void opensuse(void **state)
{
	(void)state;
	has("usr/bin/dracut", "");
	has("usr/lib/module-init-tools/regenerate-initrd-posttrans", "");
	has("usr/lib/kernel/install.d/50-dracut.install", "");
	kernel("6.11.8-1-default");
	has("boot/initrd-6.11.8-1-default", "");
	has("usr/lib/modules/6.11.8-1-default/vmlinuz", "");
	assert_chosen("dracut");
	assert_string_equal(setup.kernels[0].image, "boot/initrd-6.11.8-1-default");
	assert_string_equal(setup.kernels[0].vmlinuz, "usr/lib/modules/6.11.8-1-default/vmlinuz");
}

/* lib is a directory of its own there. */
static void opensuse_leap(void **state)
{
	(void)state;
	has("usr/bin/dracut", "");
	has("usr/lib/module-init-tools/regenerate-initrd-posttrans", "");
	has("usr/lib/kernel/install.d/50-dracut.install", "");
	has("lib/modules/6.4.0-150600.23-default/modules.builtin", "");
	has("boot/initrd-6.4.0-150600.23-default", "");
	has("boot/vmlinuz-6.4.0-150600.23-default", "");
	assert_chosen("dracut");
	assert_string_equal(setup.kernels[0].directory, "lib/modules/6.4.0-150600.23-default");
	assert_string_equal(setup.kernels[0].image, "boot/initrd-6.4.0-150600.23-default");
	assert_string_equal(setup.kernels[0].vmlinuz, "boot/vmlinuz-6.4.0-150600.23-default");
}

static void has_arch(void)
{
	has("usr/bin/mkinitcpio", "");
	has("usr/share/libalpm/hooks/90-mkinitcpio-install.hook", "");
	has("etc/mkinitcpio.conf", "MODULES=()\nHOOKS=(base udev autodetect modconf kms block)\n");
	kernel("6.9.3-arch1-1");
	has("usr/lib/modules/6.9.3-arch1-1/pkgbase", "linux\n");
	has("usr/lib/modules/6.9.3-arch1-1/vmlinuz", "");
	has("boot/vmlinuz-linux", "");
	has("boot/initramfs-linux.img", "");
}

static void arch(void **state)
{
	(void)state;
	has_arch();
	has("etc/mkinitcpio.d/linux.preset",
	    "ALL_kver=\"/boot/vmlinuz-linux\"\nPRESETS=('default' 'fallback')\n"
	    "default_image=\"/boot/initramfs-linux.img\"\nfallback_options=\"-S autodetect\"\n");
	assert_chosen("mkinitcpio");
	assert_int_equal(setup.config.scope, INITRAMFS_SCOPE_HOST);
	assert_string_equal(setup.kernels[0].vmlinuz, "boot/vmlinuz-linux");
	assert_string_equal(setup.kernels[0].image, "boot/initramfs-linux.img");
	assert_true(setup.kernels[0].image_exists);
	assert_string_equal(build(0), "mkinitcpio -k 6.9.3-arch1-1 -g /boot/new.img");
}

static void arch_unified(void **state)
{
	(void)state;
	has_arch();
	has("etc/mkinitcpio.conf.d/my.conf", "HOOKS=(systemd)\nHOOKS+=(sd-encrypt)\n");
	has("etc/mkinitcpio.d/linux.preset",
	    "ALL_config=\"/etc/my.conf\"\ndefault_uki=\"/efi/EFI/Linux/arch-linux.efi\"\n"
	    "default_options=\"--splash /usr/share/a.bmp -S plymouth\"\n");
	assert_chosen("mkinitcpio");
	assert_int_equal(setup.config.scope, INITRAMFS_SCOPE_ALL);
	assert_string_equal(setup.kernels[0].image, "efi/EFI/Linux/arch-linux.efi");
	assert_false(setup.kernels[0].image_exists);
	assert_string_equal(build(0),
			    "mkinitcpio -k 6.9.3-arch1-1 -c /etc/my.conf -U /boot/new.img "
			    "--splash /usr/share/a.bmp -S plymouth");
}

/* Both are made by one run; which of them boots is said by what the host is started from. */
static void arch_both_images(void **state)
{
	(void)state;
	has_arch();
	has("efi/EFI/Linux/arch-linux.efi", "");
	has("etc/mkinitcpio.d/linux.preset", "default_image=/boot/initramfs-linux.img\n"
					     "default_uki=\"/efi/EFI/Linux/arch-linux.efi\"\n");
	assert_chosen("mkinitcpio");
	assert_string_equal(setup.kernels[0].image, "boot/initramfs-linux.img");
	assert_string_equal(build(0), "mkinitcpio -k 6.9.3-arch1-1 -g /boot/new.img");
	initramfs_use_unified(host.root, &host.arena, &setup);
	assert_string_equal(setup.kernels[0].image, "efi/EFI/Linux/arch-linux.efi");
	assert_true(setup.kernels[0].image_exists);
	assert_string_equal(build(0), "mkinitcpio -k 6.9.3-arch1-1 -U /boot/new.img");
}

/* Since version 36 options may be an array. */
static void arch_options_in_an_array(void **state)
{
	(void)state;
	has_arch();
	has("etc/mkinitcpio.d/linux.preset",
	    "default_config='' # of all\nALL_config=/etc/all.conf\n"
	    "default_uki=/efi/EFI/Linux/a.efi\n"
	    "default_options=(\"--cmdline\" '/etc/kernel/cmdline-linux' -S \"it's\")\n");
	assert_chosen("mkinitcpio");
	assert_null(setup.kernels[0].refusal);
	assert_string_equal(build(0),
			    "mkinitcpio -k 6.9.3-arch1-1 -c /etc/all.conf "
			    "-U /boot/new.img --cmdline /etc/kernel/cmdline-linux -S it's");
}

/* What only a shell can read is not left out: the image would be another one. */
static void arch_preset_is_a_program(void **state)
{
	static const char *const texts[] = {
		"default_image=\"/boot/$name.img\"\n",
		"default_uki=\"/efi/$name.efi\"\n",
		"default_image=/boot/a.img\ndefault_options=(--cmdline \"/etc/a b\")\n",
		"default_image=/boot/a.img\ndefault_options=(-S \"\")\n",
		"default_image=/boot/a.img\ndefault_options=(\n--cmdline /etc/a)\n",
		"default_image=/boot/a.img\ndefault_options=-v\ndefault_options+=' -S a'\n",
		"default_image=/boot/a.img\nALL_config=$HOME/x\n",
	};

	(void)state;
	has_arch();
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		has("etc/mkinitcpio.d/linux.preset", texts[i]);
		assert_chosen("mkinitcpio");
		if (!setup.kernels[0].refusal)
			fail_msg("%s", texts[i]);
	}
	assert_string_equal(setup.kernels[0].refusal,
			    "etc/mkinitcpio.d/linux.preset sets ALL_config in a way that only a "
			    "shell can read: write it in one line, in plain words");
}

static void arch_two(void **state)
{
	(void)state;
	has_arch();
	has("usr/bin/booster", "");
	has("usr/share/libalpm/hooks/90-booster-install.hook", "");
	read_setup();
	assert_null(setup.chosen);
	assert_non_null(strstr(setup.refusal, "mkinitcpio"));
	assert_non_null(strstr(setup.refusal, "booster"));
}

/* The hook of the one that is not wanted is switched off, as alpm-hooks(5) tells. */
static void arch_booster(void **state)
{
	(void)state;
	has_arch();
	fake_link(&machine.tree, "etc/pacman.d/hooks/90-mkinitcpio-install.hook", "/dev/null");
	has("usr/bin/booster", "");
	has("usr/share/libalpm/hooks/90-booster-install.hook", "");
	has("etc/booster.yaml", "universal: true\nmodules: vfio_pci\n");
	has("boot/booster-linux.img", "");
	assert_chosen("booster");
	assert_int_equal(setup.config.scope, INITRAMFS_SCOPE_ALL);
	assert_string_equal(setup.kernels[0].image, "boot/booster-linux.img");
	assert_string_equal(build(0),
			    "booster build --force --kernel-version 6.9.3-arch1-1 /boot/new.img");
}

/* Both by kernel-install, which asks the one that its configuration names. */
static void named_by_kernel_install(void **state)
{
	(void)state;
	has("usr/bin/dracut", "");
	has("usr/lib/kernel/install.d/50-dracut.install", "");
	has("usr/bin/mkinitcpio", "");
	has("usr/lib/kernel/install.d/50-mkinitcpio.install", "");
	read_setup();
	assert_null(setup.chosen);
	has("etc/kernel/install.conf", "layout=bls\ninitrd_generator=mkinitcpio\n");
	assert_chosen("mkinitcpio");
}

static void alpine(void **state)
{
	(void)state;
	has("sbin/mkinitfs", "");
	has("etc/mkinitfs/mkinitfs.conf", "features=\"ata base ext4 nvme\"\n");
	has("lib/modules/6.6.32-0-lts/modules.builtin", "");
	has("boot/vmlinuz-lts", "");
	has("boot/initramfs-lts", "");
	assert_chosen("mkinitfs");
	assert_int_equal(setup.config.scope, INITRAMFS_SCOPE_LISTED);
	assert_string_equal(setup.kernels[0].vmlinuz, "boot/vmlinuz-lts");
	assert_string_equal(setup.kernels[0].image, "boot/initramfs-lts");
	assert_string_equal(build(0), "mkinitfs -o /boot/new.img 6.6.32-0-lts");
}

/* The running kernel was updated: the next one has its name, and its modules are gone. */
static void alpine_updated(void **state)
{
	(void)state;
	has("sbin/mkinitfs", "");
	has("etc/mkinitfs/mkinitfs.conf", "features=\"ata base ext4 nvme\"\n");
	has("proc/sys/kernel/osrelease", "6.6.31-0-lts\n");
	kernel("6.6.32-0-lts");
	kernel("6.6.30-0-virt");
	has("boot/vmlinuz-virt", "");
	has("boot/initramfs-virt", "");
	has("boot/vmlinuz-lts", "");
	has("boot/initramfs-lts", "");
	assert_chosen("mkinitfs");
	assert_string_equal(setup.kernels[0].image, "boot/initramfs-virt");
	assert_string_equal(setup.kernels[1].image, "boot/initramfs-lts");
	assert_string_equal(setup.kernels[2].release, "6.6.31-0-lts");
	assert_null(setup.kernels[2].vmlinuz);
	assert_null(setup.kernels[2].image);
}

/* Names with what our own templates are made of. */
static void strange_release(void **state)
{
	(void)state;
	has_initramfs_tools();
	kernel("%r-%d");
	assert_chosen("initramfs-tools");
	assert_string_equal(setup.kernels[0].image, "boot/initrd.img-%r-%d");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		MACHINE_TEST(debian),
		MACHINE_TEST(debian_drop_ins),
		MACHINE_TEST(debian_dracut_after_initramfs_tools),
		MACHINE_TEST(ubuntu_dracut_with_shim),
		MACHINE_TEST(two_in_charge),
		MACHINE_TEST(dracut_core_beside),
		MACHINE_TEST(none),
		MACHINE_TEST(none_in_charge),
		MACHINE_TEST(fedora),
		MACHINE_TEST(fedora_overridden),
		MACHINE_TEST(fedora_systemd_boot),
		MACHINE_TEST(gentoo),
		MACHINE_TEST(ostree),
		MACHINE_TEST(opensuse),
		MACHINE_TEST(opensuse_leap),
		MACHINE_TEST(arch),
		MACHINE_TEST(arch_unified),
		MACHINE_TEST(arch_both_images),
		MACHINE_TEST(arch_options_in_an_array),
		MACHINE_TEST(arch_preset_is_a_program),
		MACHINE_TEST(arch_two),
		MACHINE_TEST(arch_booster),
		MACHINE_TEST(named_by_kernel_install),
		MACHINE_TEST(alpine),
		MACHINE_TEST(alpine_updated),
		MACHINE_TEST(strange_release),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
