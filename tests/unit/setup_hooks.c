// SPDX-License-Identifier: MIT
// The other generators, and hosts whose images run nothing of ours: which files are put in place,
// that an image is looked into as its generator makes it, and that all goes away again.

#include "tests/setup/generators.h"
#include "tests/unit/modules_index.h"

#include <errno.h>

static void remove_file(struct machine *m, const char *name)
{
	assert_int_equal(unlink(temporary_path(&m->t, name)), 0);
}

static int start(void **state)
{
	machine_start(state);
	remove_file(*state, "etc/kernel/postinst.d/initramfs-tools");
	remove_file(*state, "usr/sbin/update-initramfs");
	return 0;
}

static void fails(struct machine *m, const char *mode, const char *says)
{
	machine_mode(m, mode);
	machine_says(m, machine_setup(m), says);
	machine_mode(m, NULL);
}

static bool plans(const struct machine *m, const char *path)
{
	for (size_t i = 0; i < m->plan.now.n_steps; i++) {
		const struct step *step = &m->plan.now.steps[i];

		if (step->kind == STEP_FILE && strcmp(step->path, path) == 0)
			return true;
	}
	return false;
}

/* From nothing to confirmed and back; the disk was looked at before. */
static void cycle(struct machine *m)
{
	struct setup_arrivals arrivals;
	struct setup_undone undone;

	machine_ok(m, machine_setup(m));
	machine_boot(m, TRIAL_WORDS, true);
	machine_ok(m, machine_confirm(m, &arrivals));
	machine_boot(m, "passthru.boot=1", true);
	machine_plan_is_empty(m);
	machine_ok(m, machine_undo(m, &undone));
	assert_int_equal(undone.n, 2);
	machine_is_as_before(m);
}

static void test_dracut(void **state)
{
	struct machine *m = *state;

	temporary_file(&m->t, "usr/bin/dracut", "");
	temporary_file(&m->t, "etc/kernel/postinst.d/dracut", "");
	temporary_directories(&m->t, "usr/lib/dracut/modules.d/x");
	machine_program(m, "dracut", DRACUT);
	machine_disk_is_now(m);
	fails(m, "hook", "it has no usr/lib/dracut/hooks/pre-udev/02-passthru.sh");
	fails(m, "service", "it has no dracut-pre-udev.service");
	cycle(m);
	/* Leap 15: lib is no link to usr/lib, on the host and in its images */
	machine_boot(m, "", false);
	machine_mode(m, "unmerged");
	cycle(m);
}

static void arch(struct machine *m, const char *program)
{
	static const char *const releases[] = { OLD, NEW };
	char name[256], text[512];

	temporary_file(&m->t, "usr/bin/mkinitcpio", program);
	temporary_file(&m->t, "usr/share/libalpm/hooks/90-mkinitcpio-install.hook", "");
	temporary_file(&m->t, "etc/mkinitcpio.conf", "HOOKS='base udev autodetect'\n");
	temporary_directories(&m->t, "etc/initcpio/x");
	temporary_directories(&m->t, "etc/mkinitcpio.conf.d/x");
	machine_program(m, "mkinitcpio", MKINITCPIO);
	for (size_t i = 0; i < ARRAY_SIZE(releases); i++) {
		snprintf(name, sizeof(name), "boot/initrd.img-%s", releases[i]);
		remove_file(m, name);
		snprintf(name, sizeof(name), "boot/initramfs-%s.img", releases[i]);
		temporary_file(&m->t, name, "image");
		snprintf(name, sizeof(name), "usr/lib/modules/%s/modules.dep.bin", releases[i]);
		temporary_bytes(&m->t, name, modules_dep_bin, N_MODULES_DEP_BIN);
		snprintf(name, sizeof(name), "boot/loader/entries/debian-%s.conf", releases[i]);
		snprintf(text, sizeof(text),
			 "title Arch\nversion %s\nlinux /vmlinuz-%s\ninitrd /initramfs-%s.img\n"
			 "options " COMMAND_LINE "\n",
			 releases[i], releases[i], releases[i]);
		temporary_file(&m->t, name, text);
	}
	machine_disk_is_now(m);
}

static void test_mkinitcpio_dropin(void **state)
{
	struct machine *m = *state;

	/* version 41; before: _d_config=mkinitcpio.conf.d */
	arch(m, "_f_config=${MKINITCPIO_CONF:-'/etc/mkinitcpio.conf'}\n"
		"_d_config=\"${_f_config}.d\"\n");
	machine_wish(m, GPU, AUDIO, NULL);
	machine_ok(m, machine_plan(m));
	assert_true(plans(m, "etc/mkinitcpio.conf.d/zz-passthru.conf"));
	temporary_file(&m->t, "usr/bin/mkinitcpio", "_d_config=mkinitcpio.conf.d\n");
	machine_disk_is_now(m);
	fails(m, "early", "the EARLYHOOKS of its config do not name passthru");
	machine_wish(m, GPU, AUDIO, NULL);
	machine_ok(m, machine_plan(m));
	assert_true(plans(m, "etc/mkinitcpio.conf.d/zz-passthru.conf"));
	assert_false(plans(m, "etc/mkinitcpio.conf"));
	cycle(m);
}

static void test_mkinitcpio_edited(void **state)
{
	struct machine *m = *state;

	arch(m, "old\n");
	machine_wish(m, GPU, AUDIO, NULL);
	machine_ok(m, machine_plan(m));
	assert_true(plans(m, "etc/mkinitcpio.conf"));
	machine_mode(m, "systemd");
	cycle(m);
}

/* Not even where the kernel of the trial is another one. */
static void test_mkinitcpio_preset(void **state)
{
	struct machine *m = *state;

	arch(m, "old\n");
	temporary_file(&m->t, "usr/lib/modules/" NEW "/pkgbase", "linux\n");
	temporary_file(&m->t, "etc/mkinitcpio.d/linux.preset",
		       "default_image=/boot/initramfs-" NEW ".img\ndefault_options=$x\n");
	machine_says(m, machine_setup(m), "linux.preset sets default_options in a way that only a");
	assert_int_equal(m->e.kind, ERR_REFUSED);
}

static void alpine(struct machine *m)
{
	static const char *const releases[] = { OLD, NEW };
	char from[256], to[256], text[512];

	temporary_file(&m->t, "sbin/mkinitfs", "");
	temporary_file(&m->t, "etc/mkinitfs/mkinitfs.conf", "features=\"ata base ext4\"");
	temporary_directories(&m->t, "etc/mkinitfs/features.d/x");
	machine_program(m, "mkinitfs", MKINITFS);
	for (size_t i = 0; i < ARRAY_SIZE(releases); i++) {
		const char *flavour = strrchr(releases[i], '-') + 1;

		snprintf(from, sizeof(from), "boot/initrd.img-%s", releases[i]);
		remove_file(m, from);
		snprintf(to, sizeof(to), "boot/initramfs-%s", flavour);
		temporary_file(&m->t, to, "image");
		snprintf(from, sizeof(from), "boot/vmlinuz-%s", releases[i]);
		snprintf(to, sizeof(to), "boot/vmlinuz-%s", flavour);
		assert_int_equal(rename(temporary_path(&m->t, from), temporary_path(&m->t, to)), 0);
		snprintf(to, sizeof(to), "boot/loader/entries/debian-%s.conf", releases[i]);
		snprintf(text, sizeof(text),
			 "title Alpine\nversion %s\nlinux /vmlinuz-%s\ninitrd /initramfs-%s\n"
			 "options " COMMAND_LINE "\n",
			 releases[i], flavour, flavour);
		temporary_file(&m->t, to, text);
	}
	remove_file(m, "usr/lib/systemd/systemd");
	machine_disk_is_now(m);
}

static void test_mkinitfs(void **state)
{
	struct machine *m = *state;

	alpine(m);
	fails(m, "init", "its init does not begin with etc/mkinitfs/passthru-early");
	fails(m, "script", "it has no etc/mkinitfs/passthru-early");
	machine_is_as_before(m);
	machine_wish(m, GPU, AUDIO, NULL);
	machine_ok(m, machine_plan(m));
	assert_true(plans(m, "etc/mkinitfs/features.d/passthru.modules"));
	assert_true(plans(m, "etc/mkinitfs/mkinitfs.conf"));
	cycle(m);
	/* a line that was written without an end before ours stays a line */
	machine_ok(m, machine_setup(m));
	machine_holds(m, "etc/mkinitfs/mkinitfs.conf", "ext4\"\n[ ! -r ", true);
}

/* What would confirm by itself is a unit. */
static void test_mkinitfs_confirm_auto(void **state)
{
	struct machine *m = *state;

	alpine(m);
	m->wish.confirm_auto = true;
	machine_says(m, machine_setup(m), "--confirm auto needs systemd");
	assert_int_equal(m->e.kind, ERR_REFUSED);
	machine_is_as_before(m);
	/* without a trial there is nothing to confirm */
	m->wish.no_trial = true;
	machine_ok(m, machine_setup(m));
	assert_false(machine_exists(m, "etc/systemd/system/passthru-confirm.service"));
}

/* As Alpine's update-extlinux does. */
#define UPDATE_EXTLINUX                                                                            \
	"cd \"$root\"\n"                                                                           \
	". ./etc/update-extlinux.conf\n"                                                           \
	"{\n"                                                                                      \
	"\tfor kernel in boot/vmlinuz-*; do\n"                                                     \
	"\t\tprintf 'LABEL %s\\n  LINUX vmlinuz-%s\\n  INITRD initramfs-%s\\n  APPEND root=%s "    \
	"%s\\n\\n' "                                                                               \
	"${kernel#*-} ${kernel#*-} ${kernel#*-} \"UUID=1 ro\" \"$default_kernel_opts\"\n"          \
	"\tdone\n"                                                                                 \
	"\tcat etc/update-extlinux.d/* 2>/dev/null || true\n"                                      \
	"} >boot/extlinux.conf.new\n"                                                              \
	"if cmp -s boot/extlinux.conf.new boot/extlinux.conf; then rm boot/extlinux.conf.new; "    \
	"exit 0; fi\n"                                                                             \
	"[ ! -e boot/extlinux.conf ] || mv boot/extlinux.conf boot/extlinux.conf.old\n"            \
	"mv boot/extlinux.conf.new boot/extlinux.conf\n"

/* A whole Alpine: no systemd, no trial. */
static void test_alpine(void **state)
{
	struct machine *m = *state;
	struct setup_undone undone;

	remove_file(m, LOADER_INFO);
	remove_file(m, "usr/bin/bootctl");
	remove_file(m, "boot/EFI/systemd/systemd-bootx64.efi");
	alpine(m);
	machine_program(m, "update-extlinux", UPDATE_EXTLINUX);
	temporary_file(&m->t, "sbin/update-extlinux", "");
	temporary_file(&m->t, "boot/ldlinux.sys", "");
	temporary_directories(&m->t, "etc/update-extlinux.d/x");
	temporary_file(&m->t, "etc/update-extlinux.conf",
		       "overwrite=1\ndefault_kernel_opts=\"quiet\"\n");
	assert_int_equal(system("update-extlinux"), 0);
	machine_disk_is_now(m);
	machine_says(m, machine_setup(m), "--no-trial sets it up for every boot at once");
	m->wish.no_trial = true;
	machine_ok(m, machine_setup(m));
	machine_holds(m, "boot/extlinux.conf",
		      "  LINUX vmlinuz-9\n  INITRD initramfs-9\n  APPEND root=UUID=1 ro quiet "
		      "passthru.boot=1",
		      true);
	/* the next kernel of the package takes the place of this one, and an old image fits no more
	 */
	machine_holds(m, "boot/extlinux.conf",
		      "LABEL passthru-without\n  LINUX vmlinuz-9\n  INITRD initramfs-9\n"
		      "  APPEND root=UUID=1 ro quiet\n",
		      true);
	machine_boot(m, "passthru.boot=1", true);
	machine_plan_is_empty(m);
	machine_ok(m, machine_undo(m, &undone));
	machine_is_as_before(m);
}

/* --no-trial is advised only where it would help. */
static void test_neither(void **state)
{
	struct machine *m = *state;

	remove_file(m, LOADER_INFO);
	remove_file(m, "boot/EFI/systemd/systemd-bootx64.efi");
	temporary_file(&m->t, "boot/extlinux/extlinux.conf",
		       "label l0\n\tlinux /vmlinuz-" OLD "\n\tappend " COMMAND_LINE "\n"
		       "include more.conf\n");
	temporary_file(&m->t, "sys/firmware/devicetree/base/model", "board");
	machine_wish(m, GPU, AUDIO, NULL);
	machine_says(m, machine_setup(m), "used for one boot only and could be taken back");
	machine_says(m, machine_setup(m),
		     "for every boot at once it cannot be set up either: "
		     "boot/extlinux/extlinux.conf includes another file");
	if (strstr(m->e.text, "--no-trial"))
		fail_msg("%s", m->e.text);
}

static void test_booster(void **state)
{
	struct machine *m = *state;

	arch(m, "");
	remove_file(m, "usr/bin/mkinitcpio");
	remove_file(m, "usr/share/libalpm/hooks/90-mkinitcpio-install.hook");
	for (int i = 0; i < 2; i++) {
		char from[300], to[300];

		snprintf(from, sizeof(from), "boot/initramfs-%s.img", i ? OLD : NEW);
		snprintf(to, sizeof(to), "boot/booster-linux%d.img", i);
		assert_int_equal(rename(temporary_path(&m->t, from), temporary_path(&m->t, to)), 0);
		machine_file(m, i ? "linux1\n" : "linux0\n", "usr/lib/modules/%s/pkgbase",
			     i ? OLD : NEW);
	}
	temporary_file(&m->t, "usr/bin/booster", "");
	temporary_file(&m->t, "usr/lib/kernel/install.d/50-booster.install", "");
	machine_disk_is_now(m);
	machine_wish(m, GPU, AUDIO, NULL);
	m->wish.limit_s = 1800;
	machine_ok(m, machine_plan(m));
	assert_true(plans(m, "etc/systemd/system/passthru-early.service"));
	for (size_t i = 0; i < m->plan.now.n_steps; i++) {
		const struct step *step = &m->plan.now.steps[i];

		for (size_t k = 0; k < i && step->path; k++) {
			const struct step *other = &m->plan.now.steps[k];
			if (other->path && strcmp(other->path, step->path) == 0)
				fail_msg("%s is written twice", step->path);
		}
	}
	assert_true(plans(m, "etc/systemd/system/sysinit.target.d/passthru.conf"));
	bool told = false;
	for (size_t i = 0; i < m->plan.now.n_notes; i++)
		told = told || strstr(m->plan.now.notes[i].text, "booster run no script of others");
	assert_true(told);
}

/* What no program does is said of these very functions, each kind once. */
static void test_by_hand(void **state)
{
	struct machine *m = *state;

	remove_file(m, LOADER_INFO);
	remove_file(m, "boot/EFI/systemd/systemd-bootx64.efi");
	temporary_file(&m->t, "boot/extlinux/extlinux.conf",
		       "label l0\n\tlinux /vmlinuz-" OLD "\n\tappend " COMMAND_LINE "\n");
	temporary_file(&m->t, "sys/firmware/devicetree/base/model", "board");
	temporary_file(&m->t, "usr/sbin/u-boot-update", "");
	machine_wish(m, GPU, AUDIO, TWIN, NULL);
	machine_ok(m, machine_plan(m));
	assert_non_null(m->plan.by_hand);
	if (!strstr(m->plan.by_hand, "\n  vfio-pci.ids=10de:1c82,10de:0fb9\n"))
		fail_msg("%s", m->plan.by_hand);
}

/* No initramfs at all: systemd, or nobody. */
static void test_no_image(void **state)
{
	struct machine *m = *state;
	static const char *const releases[] = { OLD, NEW };

	for (size_t i = 0; i < ARRAY_SIZE(releases); i++) {
		char name[256], text[512];

		snprintf(name, sizeof(name), "boot/initrd.img-%s", releases[i]);
		remove_file(m, name);
		snprintf(name, sizeof(name), "boot/loader/entries/debian-%s.conf", releases[i]);
		snprintf(text, sizeof(text),
			 "title Own\nversion %s\nlinux /vmlinuz-%s\noptions " COMMAND_LINE "\n",
			 releases[i], releases[i]);
		temporary_file(&m->t, name, text);
	}
	machine_disk_is_now(m);
	cycle(m);
	remove_file(m, "usr/lib/systemd/systemd");
	machine_boot(m, "", false);
	machine_says(m, machine_setup(m), "this host is not started by systemd");
	assert_int_equal(m->e.kind, ERR_REFUSED);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_dracut, start, machine_stop),
		cmocka_unit_test_setup_teardown(test_mkinitcpio_dropin, start, machine_stop),
		cmocka_unit_test_setup_teardown(test_mkinitcpio_edited, start, machine_stop),
		cmocka_unit_test_setup_teardown(test_mkinitcpio_preset, start, machine_stop),
		cmocka_unit_test_setup_teardown(test_mkinitfs, start, machine_stop),
		cmocka_unit_test_setup_teardown(test_mkinitfs_confirm_auto, start, machine_stop),
		cmocka_unit_test_setup_teardown(test_alpine, start, machine_stop),
		cmocka_unit_test_setup_teardown(test_neither, start, machine_stop),
		cmocka_unit_test_setup_teardown(test_booster, start, machine_stop),
		cmocka_unit_test_setup_teardown(test_by_hand, start, machine_stop),
		cmocka_unit_test_setup_teardown(test_no_image, start, machine_stop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
