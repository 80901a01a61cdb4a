// SPDX-License-Identifier: MIT
// Which file of EFI/Linux is whose image, and who makes it: what kernel-install and dracut are
// configured with, and what lies there besides.

#include "base/text.h"
#include "change/step.h"
#include "initramfs/initramfs.h"
#include "tests/unit/facts.h"

#define OLD "6.1.0-9"
#define ID "aabbccddeeff00112233445566778899"
#define PLUGIN "usr/lib/kernel/install.d/60-ukify.install"

static struct initramfs_setup setup;
static struct kernel_facts kernels;

static void has_dracut(const char *hook)
{
	has("usr/lib/modules/" OLD "/modules.builtin", "");
	has("boot/vmlinuz-" OLD, "");
	has("usr/bin/dracut", "");
	has(hook, "");
	has("etc/machine-id", ID "\n");
}

static void has_install(const char *config)
{
	has_dracut("usr/lib/kernel/install.d/50-dracut.install");
	has("etc/kernel/install.conf", config);
	has(PLUGIN, "");
	has("usr/bin/ukify", "");
	has("boot/EFI/Linux/" ID "-" OLD ".efi", "");
}

static const struct initramfs_kernel *read_kernel(void)
{
	host_read_kernel(&host, &kernels);
	initramfs_read_setup(host.root, &host.arena, &kernels, &setup);
	assert_non_null(setup.chosen);
	assert_int_equal(setup.n_kernels, 1);
	return &setup.kernels[0];
}

static void assert_none(const char *refusal)
{
	assert_null(read_kernel()->unified);
	if (!refusal)
		assert_null(setup.unified_refusal);
	else if (!setup.unified_refusal || !strstr(setup.unified_refusal, refusal))
		fail_msg("%s", setup.unified_refusal);
}

/* What runs first, and then, one in a line. */
static const char *build(void)
{
	struct arena *a = &host.arena;

	initramfs_use_unified(host.root, a, &setup);
	const struct initramfs_commands commands =
		initramfs_build(&setup, a, &setup.kernels[0], "boot/new");
	assert_int_equal(commands.first != NULL, commands.staged != NULL);
	return commands.first ? arena_printf(a, "%s\n%s", argv_line(commands.first),
					     argv_line(commands.argv))
			      : argv_line(commands.argv);
}

/* ---- kernel-install ---- */

static void by_ukify(void **state)
{
	(void)state;
	has_install("layout=uki\n");
	const struct initramfs_kernel *kernel = read_kernel();
	assert_string_equal(kernel->unified, "boot/EFI/Linux/" ID "-" OLD ".efi");
	assert_int_equal(kernel->maker, INITRAMFS_MAKER_UKIFY);
	assert_true(kernel->unified_alone);
	/* of another loader it would be none */
	assert_null(kernel->image);
	assert_string_equal(build(),
			    "dracut --force --no-uefi /" CHANGE_STAGED OLD " " OLD "\n"
			    "ukify build --linux=/boot/vmlinuz-" OLD " --initrd=/" CHANGE_STAGED OLD
			    " --uname=" OLD " --output=/boot/new");
	assert_string_equal(kernel->image, kernel->unified);
	assert_true(kernel->image_exists);
}

/* The initramfs image has a file of its own, which goes on being the kernel's. */
static void by_ukify_of_debian(void **state)
{
	(void)state;
	has_install("layout=uki\nuki_generator=ukify\n");
	has("etc/kernel/postinst.d/dracut", "");
	has("boot/initrd.img-" OLD, "");
	const struct initramfs_kernel *kernel = read_kernel();
	assert_int_equal(kernel->maker, INITRAMFS_MAKER_UKIFY);
	assert_false(kernel->unified_alone);
	assert_string_equal(build(), "dracut --force /boot/new " OLD);
	assert_string_equal(kernel->image, "boot/initrd.img-" OLD);
}

static void by_dracut(void **state)
{
	(void)state;
	has_install("layout=uki\nuki_generator=dracut\n");
	const struct initramfs_kernel *kernel = read_kernel();
	assert_int_equal(kernel->maker, INITRAMFS_MAKER_DRACUT);
	assert_true(kernel->unified_alone);
	assert_string_equal(build(), "dracut --force --uefi --kernel-image /boot/vmlinuz-" OLD
				     " /boot/new " OLD);
}

/* The first install.conf counts, and drop-ins behind it; then what an old version left. */
static void configured(void **state)
{
	(void)state;
	has_install("layout=bls\n");
	has("usr/lib/kernel/install.conf", "layout=uki\n");
	assert_none(NULL);
	has("usr/lib/kernel/install.conf.d/10.conf", "layout=uki\n");
	assert_non_null(read_kernel()->unified);
	has("usr/lib/kernel/install.conf.d/10.conf", "");
	has("etc/kernel/install.conf", "");
	assert_none(NULL);
	has("etc/machine-info", "KERNEL_INSTALL_LAYOUT=uki\n");
	assert_non_null(read_kernel()->unified);
	has("etc/kernel/entry-token", "token\n");
	assert_none(NULL);
	has("boot/EFI/Linux/token-" OLD ".efi", "");
	assert_string_equal(read_kernel()->unified, "boot/EFI/Linux/token-" OLD ".efi");
}

static void not_known(void **state)
{
	(void)state;
	has_install("layout=uki\n");
	/* not as if one of them were the right one */
	has("efi/EFI/Linux/" ID "-" OLD ".efi", "");
	assert_none("are both images of the kernel " OLD);
	fake_remove(&machine.tree, "efi/EFI/Linux/" ID "-" OLD ".efi");
	fake_remove(&machine.tree, "usr/bin/ukify");
	assert_none("60-ukify.install is there, but no ukify");
	has("usr/lib/systemd/ukify", "");
	assert_non_null(read_kernel()->unified);
	assert_string_equal(setup.ukify, "/usr/lib/systemd/ukify");
	has("etc/kernel/install.d/60-ukify.install", "");
	assert_none("(uki_generator=)");
	has("etc/kernel/install.conf", "layout=uki\nuki_generator=ukify\n");
	assert_none("but 60-ukify.install is not there");
	has("etc/kernel/install.conf", "layout=uki\nuki_generator=mkinitcpio\n");
	assert_none("(uki_generator=mkinitcpio)");
}

/* ---- dracut alone ---- */

static void dracuts_own(void **state)
{
	(void)state;
	has_dracut("usr/share/libalpm/hooks/90-dracut-install.hook");
	has("etc/dracut.conf.d/uefi.conf", "uefi=\"yes\"\n");
	/* of another kernel, and of another system */
	has("efi/EFI/Linux/linux-" OLD "0-" ID ".efi", "");
	has("efi/EFI/Linux/linux-" OLD "-lts-" ID ".efi", "");
	has("efi/EFI/Linux/linux-" OLD "-00112233445566778899aabbccddeeff.efi", "");
	assert_none(NULL);
	has("efi/EFI/Linux/linux-" OLD "-" ID "-rolling.efi", "");
	const struct initramfs_kernel *kernel = read_kernel();
	assert_string_equal(kernel->unified, "efi/EFI/Linux/linux-" OLD "-" ID "-rolling.efi");
	assert_int_equal(kernel->maker, INITRAMFS_MAKER_DRACUT);
	assert_true(kernel->unified_alone);
	has("efi/EFI/Linux/linux-" OLD ".efi", "");
	assert_none("are both images of the kernel " OLD);
	fake_remove(&machine.tree, "efi/EFI/Linux/linux-" OLD ".efi");
	has("etc/dracut.conf.d/zz.conf", "uefi=no\n");
	assert_none(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		MACHINE_TEST(by_ukify),  MACHINE_TEST(by_ukify_of_debian),
		MACHINE_TEST(by_dracut), MACHINE_TEST(configured),
		MACHINE_TEST(not_known), MACHINE_TEST(dracuts_own),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
