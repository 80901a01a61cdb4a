// SPDX-License-Identifier: MIT
// A host that is started from unified images is set up, tried, confirmed and taken back: images
// that kernel-install has ukify make of an initramfs image in /boot (Debian), of one that is made
// for that alone (Fedora), and images that dracut makes itself. The programs are stand-ins that
// make such files; what they leave out is what nobody reads.

#include "tests/setup/unified.h"

#include <errno.h>

#define IMAGE "boot/EFI/Linux/token-" OLD ".efi"
#define OTHER "boot/EFI/Linux/token-" NEW ".efi"
#define LATER "6.1.0-11"
#define OWN_ENTRY "boot/loader/entries/passthru-trial.conf"
#define PLAIN_ENTRY "boot/loader/entries/passthru-without.conf"

enum kind {
	DEBIAN,         /* initramfs-tools, ukify */
	FEDORA,         /* dracut for ukify, run by kernel-install */
	DRACUT_INSTALL, /* dracut alone, run by kernel-install */
};

/* ---- the programs ---- */

static const char dracut_text[] =
	"uefi=no line= kernel=\n"
	"while [ $# -gt 2 ]; do\n"
	"\tcase $1 in\n"
	"\t--force) ;;\n"
	"\t--uefi) uefi=yes ;;\n"
	"\t--no-uefi) uefi=no ;;\n"
	"\t--kernel-image) kernel=$2; shift ;;\n"
	"\t--kernel-cmdline) line=$2; shift ;;\n"
	"\t*) echo \"what is $1\" >&2; exit 1 ;;\n"
	"\tesac\n"
	"\tshift\n"
	"done\n"
	"out=$root$1 release=$2 work=$(mktemp -d)\n"
	"modules=$work/lib/modules/$release\n"
	"mkdir -p \"$modules/kernel/vfio\"\n"
	"cp \"$root/usr/lib/modules/$release\"/modules.* \"$modules/\"\n"
	"cp \"$root/usr/lib/modules/$release/kernel/vfio\"/*.ko \"$modules/kernel/vfio/\"\n"
	"if [ -x \"$root/usr/lib/dracut/modules.d/02passthru/module-setup.sh\" ]; then\n"
	"\thooks=$work/usr/lib/dracut/hooks/pre-udev\n"
	"\tmkdir -p \"$work/etc/passthru\" \"$work/${helper%/*}\" \"$hooks\"\n"
	"\tcp \"$root/$helper\" \"$work/$helper\"\n"
	"\tcp \"$root/etc/passthru/devices\" \"$work/etc/passthru/devices\"\n"
	"\tcp \"$root/usr/lib/dracut/modules.d/02passthru/passthru.sh\" "
	"\"$hooks/02-passthru.sh\"\n"
	"fi\n"
	"(cd \"$work\" && find . | LC_ALL=C sort | cpio -o -H newc --quiet) >\"$work.cpio\"\n"
	"rm -r \"$work\"\n"
	"if [ $uefi = no ]; then mv \"$work.cpio\" \"$out\"; exit 0; fi\n"
	"kernel_cmdline=\n"
	"for file in \"$root\"/etc/dracut.conf.d/*.conf; do\n"
	"\t[ ! -e \"$file\" ] || eval \"$(sed "
	"'s/^kernel_cmdline+=\"/kernel_cmdline=\"$kernel_cmdline /' \"$file\")\"\n"
	"done\n"
	"kernel_cmdline=\"$kernel_cmdline $line\"\n"
	"[ \"$kernel_cmdline\" != ' ' ] || kernel_cmdline='" COMMAND_LINE "'\n"
	"mkdir -p \"$root/tmp\"\n"
	"mv \"$work.cpio\" \"$root/tmp/initrd\"\n"
	"ukify build --linux=\"$kernel\" --initrd=/tmp/initrd --uname=\"$release\" "
	"--cmdline=\"$kernel_cmdline\" --output=\"$1\"\n"
	"rm -r \"$root/tmp\"\n";

static void ukify_mode(struct machine *m, const char *mode)
{
	if (mode)
		temporary_file(&m->programs, "ukify-mode", mode);
	else
		(void)unlink(temporary_path(&m->programs, "ukify-mode"));
}

/* ---- the host ---- */

/* What kernel-install does for a kernel, or dracut as the generator of kernel-install. */
static void install(struct machine *m, enum kind kind, const char *release, const char *line)
{
	const char *bin = m->programs.path;

	if (kind == DRACUT_INSTALL) {
		unified_run(m,
			    "%s/dracut --force --uefi --kernel-image /boot/vmlinuz-%s "
			    "/boot/EFI/Linux/token-%s.efi %s",
			    bin, release, release, release);
		return;
	}
	unified_run(m,
		    kind == DEBIAN ? "%s/mkinitramfs -o /boot/initrd.img-%s %s"
				   : "%s/dracut --force --no-uefi /boot/initrd.img-%s %s",
		    bin, release, release);
	unified_run(
		m,
		"%s/ukify build --linux=/boot/vmlinuz-%s --initrd=/boot/initrd.img-%s --uname=%s "
		"--config=/etc/kernel/uki.conf --cmdline='%s' "
		"--output=/boot/EFI/Linux/token-%s.efi",
		bin, release, release, release, line, release);
	if (kind == FEDORA)
		unified_run(m, "rm %s/boot/initrd.img-%s", m->t.path, release);
}

static void unify(struct machine *m, enum kind kind)
{
	static const char *const releases[] = { OLD, NEW };
	char name[256];

	unified_program(m);
	machine_program(m, "dracut", dracut_text);
	for (size_t i = 0; i < ARRAY_SIZE(releases); i++) {
		snprintf(name, sizeof(name), "boot/loader/entries/debian-%s.conf", releases[i]);
		unified_gone(m, name);
		snprintf(name, sizeof(name), "boot/initrd.img-%s", releases[i]);
		unified_gone(m, name);
	}
	unified_gone(m, "boot/loader/loader.conf");
	unified_selected(m, "token-" OLD ".efi");
	temporary_file(&m->t, "etc/kernel/entry-token", "token\n");
	temporary_file(&m->t, "etc/kernel/install.conf",
		       kind == DRACUT_INSTALL ? "layout=uki\nuki_generator=dracut\n"
					      : "layout=uki\nuki_generator=ukify\n");
	temporary_file(&m->t, "etc/kernel/uki.conf", "[UKI]\nCmdline=never read\n");
	temporary_file(&m->t, "usr/lib/kernel/install.d/60-ukify.install", "");
	temporary_file(&m->t, "usr/bin/ukify", "");
	if (kind != DEBIAN) {
		unified_gone(m, "usr/sbin/update-initramfs");
		unified_gone(m, "etc/kernel/postinst.d/initramfs-tools");
		temporary_file(&m->t, "usr/bin/dracut", "");
		temporary_file(&m->t, "usr/lib/kernel/install.d/50-dracut.install", "");
		temporary_directories(&m->t, "usr/lib/dracut/modules.d/x");
		temporary_directories(&m->t, "etc/dracut.conf.d/x");
	}
	temporary_directories(&m->t, "boot/EFI/Linux/x");
	for (size_t i = 0; i < ARRAY_SIZE(releases); i++)
		install(m, kind, releases[i], COMMAND_LINE);
	machine_disk_is_now(m);
}

/* ---- the whole way ---- */

static void tried(struct machine *m, enum kind kind)
{
	unify(m, kind);
	machine_ok(m, machine_setup(m));
	assert_int_equal(m->plan.phase, SETUP_TRIAL);
	assert_string_equal(m->plan.boot->chosen->loader->name, "uki");
	assert_true(machine_exists(m, ONE_SHOT));
	unified_line_is(m, IMAGE, COMMAND_LINE);
	unified_line_is(m, IMAGE ".passthru", COMMAND_LINE " " TRIAL_WORDS);
	assert_true(unified_has_helper(m, IMAGE ".passthru"));
	assert_false(unified_has_helper(m, IMAGE));
	machine_holds(m, OWN_ENTRY, "efi /EFI/Linux/token-" OLD ".efi.passthru\n", true);
	machine_holds(m, OWN_ENTRY, "options", false);
	machine_plan_is_empty(m);
	unified_boot(m, TRIAL_WORDS, "passthru-trial.conf");
	machine_plan_is_empty(m);
}

static void confirmed(struct machine *m, enum kind kind)
{
	struct setup_arrivals arrivals;

	tried(m, kind);
	machine_ok(m, machine_confirm(m, &arrivals));
	assert_true(arrivals.all);
	unified_line_is(m, IMAGE, COMMAND_LINE " passthru.boot=1");
	unified_line_is(m, OTHER, COMMAND_LINE " passthru.boot=1");
	unified_line_is(m, IMAGE ".passthru-old", COMMAND_LINE);
	assert_true(unified_has_helper(m, IMAGE));
	assert_true(unified_has_helper(m, OTHER));
	assert_false(unified_has_helper(m, IMAGE ".passthru-old"));
	assert_false(machine_exists(m, IMAGE ".passthru"));
	assert_false(machine_exists(m, OWN_ENTRY));
	machine_holds(m, PLAIN_ENTRY, "efi /EFI/Linux/token-" OLD ".efi.passthru-old\n", true);
	unified_boot(m, "passthru.boot=1", "token-" OLD ".efi");
	machine_plan_is_empty(m);
}

static void cycle(struct machine *m, enum kind kind)
{
	struct setup_undone undone;

	confirmed(m, kind);
	machine_ok(m, machine_undo(m, &undone));
	assert_int_equal(undone.n, 2);
	assert_int_equal(undone.also.n, 0);
	machine_is_as_before(m);
}

static void test_debian(void **state)
{
	cycle(*state, DEBIAN);
}

static void test_fedora(void **state)
{
	cycle(*state, FEDORA);
}

static void test_dracut(void **state)
{
	cycle(*state, DRACUT_INSTALL);
}

/* ---- what others do meanwhile ---- */

/* The images were made anew by an update, and a kernel was installed. */
static void updated(struct machine *m, enum kind kind)
{
	struct setup_undone undone;
	const char *with = COMMAND_LINE " passthru.boot=1",
		   *later = "boot/EFI/Linux/token-" LATER ".efi";

	confirmed(m, kind);
	/* the file that later kernels take it from */
	if (kind != DRACUT_INSTALL)
		machine_holds(m, "etc/kernel/cmdline", with, true);
	machine_kernel(m, LATER);
	unified_gone(m, "boot/loader/entries/debian-" LATER ".conf");
	unified_gone(m, "boot/initrd.img-" LATER);
	install(m, kind, OLD, with);
	install(m, kind, LATER, with);
	unified_line_is(m, later, with);
	assert_true(unified_has_helper(m, later));
	machine_ok(m, machine_undo(m, &undone));
	unified_line_is(m, IMAGE, COMMAND_LINE);
	unified_line_is(m, later, COMMAND_LINE);
	assert_false(unified_has_helper(m, IMAGE));
	assert_false(unified_has_helper(m, later));
	if (kind == DEBIAN)
		assert_false(unified_has_helper(m, "boot/initrd.img-" LATER));
	assert_false(machine_exists(m, "etc/kernel/cmdline"));
	assert_false(machine_exists(m, PLAIN_ENTRY));
	/* nothing is left to do */
	machine_says(m, machine_undo(m, &undone), "no change to undo");
}

static void test_updated_debian(void **state)
{
	updated(*state, DEBIAN);
}

static void test_updated_fedora(void **state)
{
	updated(*state, FEDORA);
}

static void test_updated_dracut(void **state)
{
	updated(*state, DRACUT_INSTALL);
}

/* ---- other ways ---- */

static void test_no_trial(void **state)
{
	struct machine *m = *state;
	struct setup_undone undone;

	unify(m, FEDORA);
	/* a word that the user has himself stays when the others go */
	temporary_file(&m->t, "etc/kernel/cmdline", COMMAND_LINE " iommu=pt\n");
	install(m, FEDORA, OLD, COMMAND_LINE " iommu=pt");
	install(m, FEDORA, NEW, COMMAND_LINE " iommu=pt");
	machine_disk_is_now(m);
	m->wish.no_trial = true;
	m->wish.iommu_pt = true;
	machine_ok(m, machine_setup(m));
	unified_line_is(m, IMAGE, COMMAND_LINE " iommu=pt passthru.boot=1");
	machine_holds(m, "etc/kernel/cmdline", COMMAND_LINE " iommu=pt passthru.boot=1\n", true);
	machine_plan_is_empty(m);
	machine_ok(m, machine_undo(m, &undone));
	machine_is_as_before(m);
}

/* dracut is configured with a command line: ours is added to it. */
static void test_dracut_configured(void **state)
{
	struct machine *m = *state;
	struct setup_undone undone;

	unify(m, DRACUT_INSTALL);
	temporary_file(&m->t, "etc/dracut.conf.d/10.conf", "kernel_cmdline=\"root=LABEL=x ro\"\n");
	install(m, DRACUT_INSTALL, OLD, NULL);
	install(m, DRACUT_INSTALL, NEW, NULL);
	unified_line_is(m, IMAGE, "root=LABEL=x ro");
	machine_disk_is_now(m);
	machine_ok(m, machine_setup(m));
	unified_line_is(m, IMAGE ".passthru", "root=LABEL=x ro " TRIAL_WORDS);
	assert_false(machine_exists(m, "etc/dracut.conf.d/zz-passthru.conf"));
	machine_ok(m, machine_undo(m, &undone));
	machine_is_as_before(m);
	m->wish.no_trial = true;
	machine_ok(m, machine_setup(m));
	unified_line_is(m, IMAGE, "root=LABEL=x ro passthru.boot=1");
	machine_holds(m, "etc/dracut.conf.d/zz-passthru.conf",
		      "kernel_cmdline+=\" passthru.boot=1 \"\n", true);
	machine_plan_is_empty(m);
	machine_ok(m, machine_undo(m, &undone));
	machine_is_as_before(m);
}

/* Without one an image that is made in the trial's boot must not get the trial's words. */
static void test_dracut_kept(void **state)
{
	struct machine *m = *state;

	tried(m, DRACUT_INSTALL);
	machine_holds(m, "etc/dracut.conf.d/zz-passthru.conf",
		      "kernel_cmdline=\" " COMMAND_LINE " \"\n", true);
}

/* Secure Boot, and a key to sign with: the words are in images that are signed. */
static void test_signed(void **state)
{
	static const unsigned char on[] = { 6, 0, 0, 0, 1 };
	struct machine *m = *state;
	struct setup_undone undone;

	unify(m, DEBIAN);
	temporary_bytes(&m->t, SECURE_BOOT, on, sizeof(on));
	temporary_file(&m->t, "etc/kernel/uki.conf", "[UKI]\nSecureBootPrivateKey=/k\n");
	install(m, DEBIAN, OLD, COMMAND_LINE);
	install(m, DEBIAN, NEW, COMMAND_LINE);
	machine_disk_is_now(m);
	machine_ok(m, machine_setup(m));
	unified_line_is(m, IMAGE ".passthru", COMMAND_LINE " " TRIAL_WORDS);
	machine_ok(m, machine_undo(m, &undone));
	machine_is_as_before(m);
	/* it does not sign what it should */
	ukify_mode(m, "unsigned");
	machine_says(m, machine_setup(m), "is not signed, and the image of before is");
	machine_is_as_before(m);
	ukify_mode(m, NULL);
	temporary_file(&m->t, "etc/kernel/uki.conf", "[UKI]\n#SecureBootPrivateKey=/k\n");
	machine_says(m, machine_setup(m), "etc/kernel/uki.conf names no key");
}

/* ---- what comes out wrong ---- */

static void test_trouble(void **state)
{
	struct machine *m = *state;

	unify(m, FEDORA);
	ukify_mode(m, "section");
	machine_says(m, machine_setup(m), "has no section .uname");
	machine_is_as_before(m);
	ukify_mode(m, "fail");
	machine_says(m, machine_setup(m), "ukify ended with status");
	machine_is_as_before(m);
	assert_false(machine_exists(m, CHANGE_STAGED OLD));
	ukify_mode(m, NULL);
	/* the initramfs image fails */
	machine_program(m, "dracut", "echo 'no module' >&2\nexit 1\n");
	machine_says(m, machine_setup(m), "no module");
	machine_is_as_before(m);
}

/* A hook of the host's gives dracut other words than its configuration. */
static void test_other_line(void **state)
{
	struct machine *m = *state;

	unify(m, DRACUT_INSTALL);
	temporary_file(&m->t, "etc/dracut.conf.d/10.conf", "kernel_cmdline=\"root=LABEL=x\"\n");
	machine_disk_is_now(m);
	machine_says(m, machine_setup(m), "is \"root=LABEL=x passthru.boot=1");
	machine_is_as_before(m);
}

static void refused(struct machine *m, const char *says)
{
	machine_says(m, machine_setup(m), says);
	assert_int_equal(m->e.kind, ERR_REFUSED);
	assert_int_equal(m->number, 0);
}

static void test_refused(void **state)
{
	struct machine *m = *state;

	unify(m, DEBIAN);
	temporary_file(&m->t, IMAGE ".extra.d/x.addon.efi", "");
	refused(m, "has x.addon.efi, which goes to an image of just that name");
	unified_gone(m, IMAGE ".extra.d/x.addon.efi");
	temporary_file(&m->t, "etc/kernel/tries", "3\n");
	refused(m, "boots are counted (etc/kernel/tries)");
	unified_gone(m, "etc/kernel/tries");
	temporary_file(&m->t, "etc/kernel/devicetree", "x.dtb\n");
	refused(m, "etc/kernel/devicetree puts a device tree into unified images");
	unified_gone(m, "etc/kernel/devicetree");
	temporary_file(&m->t, "etc/kernel/install.conf", "layout=uki\nuki_generator=mine\n");
	refused(m, "what makes the unified images of kernel-install is not known "
		   "(uki_generator=mine)");
	temporary_file(&m->t, "etc/kernel/install.conf", "layout=uki\n");
	unified_run(m, "echo more >>%s/boot/initrd.img-" OLD, m->t.path);
	refused(m, "is not boot/initrd.img-" OLD " alone");
	install(m, DEBIAN, OLD, "");
	refused(m, "has no command line in it");
	ukify_mode(m, "profile");
	install(m, DEBIAN, OLD, COMMAND_LINE);
	refused(m, "has several profiles");
	ukify_mode(m, NULL);
	install(m, DEBIAN, OLD, COMMAND_LINE);
	machine_ok(m, machine_setup(m));
}

/* ---- */

#define UKI_TEST(test) cmocka_unit_test_setup_teardown(test, machine_start, machine_stop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		UKI_TEST(test_debian),         UKI_TEST(test_fedora),
		UKI_TEST(test_dracut),         UKI_TEST(test_updated_debian),
		UKI_TEST(test_updated_fedora), UKI_TEST(test_updated_dracut),
		UKI_TEST(test_no_trial),       UKI_TEST(test_dracut_configured),
		UKI_TEST(test_dracut_kept),    UKI_TEST(test_signed),
		UKI_TEST(test_trouble),        UKI_TEST(test_other_line),
		UKI_TEST(test_refused),
	};

	if (!getenv("PASSTHRU_TEST_UKIFY"))
		return 99;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
