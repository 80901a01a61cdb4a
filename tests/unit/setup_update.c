// SPDX-License-Identifier: MIT
// A kernel is updated while it runs, where kernel and image are named by their package: the next
// release takes the place of the one before, whose modules are gone, or kept until the reboot.

#include "tests/setup/generators.h"
#include "tests/setup/unified.h"
#include "tests/unit/modules_index.h"

#define IMAGE "boot/initramfs-linux.img"
#define VMLINUZ "boot/vmlinuz-linux"
#define ENTRY "boot/loader/entries/debian.conf"

/* As a bzImage says which release it is. */
static void put_kernel(struct machine *m, const char *release)
{
	char data[0x400] = { 0 };

	memcpy(data + 0x202, "HdrS", 4);
	data[0x20e] = 0x40;
	snprintf(data + 0x240, sizeof(data) - 0x240, "%s (builder@host) #1 SMP", release);
	temporary_bytes(&m->t, VMLINUZ, data, sizeof(data));
}

static int start(void **state)
{
	machine_start(state);
	struct machine *m = *state;
	static const char *const releases[] = { OLD, NEW };

	machine_program(m, "mkinitcpio", MKINITCPIO);
	for (size_t i = 0; i < ARRAY_SIZE(releases); i++) {
		char name[256];

		machine_file(m, "linux\n", "usr/lib/modules/%s/pkgbase", releases[i]);
		snprintf(name, sizeof(name), "usr/lib/modules/%s/modules.dep.bin", releases[i]);
		temporary_bytes(&m->t, name, modules_dep_bin, N_MODULES_DEP_BIN);
	}
	unified_run(m,
		    "cd %s && rm boot/initrd.img-* boot/vmlinuz-* boot/loader/entries/* "
		    "usr/sbin/update-initramfs etc/kernel/postinst.d/initramfs-tools && "
		    "mv usr/lib/modules/" NEW " %s/",
		    m->t.path, m->programs.path);
	temporary_file(&m->t, "usr/bin/mkinitcpio", "/etc/mkinitcpio.conf.d\n");
	temporary_file(&m->t, "usr/share/libalpm/hooks/90-mkinitcpio-install.hook", "");
	temporary_file(&m->t, "etc/mkinitcpio.conf", "HOOKS='base udev autodetect'\n");
	temporary_file(&m->t, "etc/mkinitcpio.d/linux.preset", "default_image=/" IMAGE "\n");
	temporary_directories(&m->t, "etc/initcpio/x");
	temporary_directories(&m->t, "etc/mkinitcpio.conf.d/x");
	put_kernel(m, OLD);
	temporary_file(&m->t, ENTRY,
		       "title Arch\nlinux /vmlinuz-linux\ninitrd "
		       "/initramfs-linux.img\noptions " COMMAND_LINE "\n");
	unified_run(m, "%s/mkinitcpio -k " OLD " -g /" IMAGE, m->programs.path);
	machine_disk_is_now(m);
	return 0;
}

/* What the package manager and its hooks do; @kept: the modules of the running kernel stay. */
static void update(struct machine *m, bool kept)
{
	unified_run(m, "mv %s/" NEW " %s/usr/lib/modules/", m->programs.path, m->t.path);
	if (!kept)
		unified_run(m, "rm -r %s/usr/lib/modules/" OLD, m->t.path);
	put_kernel(m, NEW);
	unified_run(m, "%s/mkinitcpio -k " NEW " -g /" IMAGE, m->programs.path);
}

static void image_is_of(struct machine *m, const char *path, const char *release, bool has_helper)
{
	CLEANUP_INITRAMFS struct initramfs_image *image = NULL;

	machine_open(m);
	machine_ok(m, initramfs_open(m->host.root, path, &image, &m->e));
	assert_int_equal(initramfs_find(image, setup_helper) != NULL, has_helper);
	for (int i = 0; i < 2; i++) {
		const char *one = i ? NEW : OLD;
		const char *file =
			arena_printf(&m->host.arena, "lib/modules/%s/modules.dep.bin", one);

		assert_int_equal(initramfs_find(image, file) != NULL, strcmp(one, release) == 0);
	}
}

/* ---- before the setup ---- */

static void set_up_late(struct machine *m, bool kept)
{
	struct setup_undone undone;

	update(m, kept);
	machine_disk_is_now(m);
	machine_ok(m, machine_setup(m));
	image_is_of(m, IMAGE ".passthru", NEW, true);
	image_is_of(m, IMAGE, NEW, false);
	machine_ok(m, machine_undo(m, &undone));
	machine_is_as_before(m);
	m->wish.no_trial = true;
	machine_ok(m, machine_setup(m));
	image_is_of(m, IMAGE, NEW, true);
	machine_ok(m, machine_undo(m, &undone));
	machine_is_as_before(m);
}

static void test_setup_late(void **state)
{
	set_up_late(*state, false);
}

static void test_setup_late_kept(void **state)
{
	set_up_late(*state, true);
}

/* A kernel that does not say what it is, as on other architectures. */
static void test_unknown(void **state)
{
	struct machine *m = *state;

	update(m, true);
	temporary_file(&m->t, VMLINUZ, "kernel");
	machine_disk_is_now(m);
	machine_says(m, machine_setup(m),
		     "the kernels " NEW " and " OLD
		     " go by the same name, and which of them is in " VMLINUZ
		     " cannot be told: reboot");
	assert_int_equal(m->e.kind, ERR_REFUSED);
	unified_run(m, "rm -r %s/usr/lib/modules/" OLD, m->t.path);
	machine_disk_is_now(m);
	machine_ok(m, machine_setup(m));
	image_is_of(m, IMAGE ".passthru", NEW, true);
}

/* ---- before the trial ---- */

static bool is_replaced(struct machine *m)
{
	struct setup_state read;

	machine_open(m);
	host_read_facts(&m->host);
	machine_ok(m, setup_read(&m->host, &read, &m->e));
	return setup_trial_is_replaced(&m->host, &read);
}

/* The same setup again makes a trial that can come up. */
static void try_late(struct machine *m, bool kept)
{
	struct setup_undone undone;

	assert_false(is_replaced(m));
	machine_ok(m, machine_setup(m));
	image_is_of(m, IMAGE ".passthru", OLD, true);
	assert_false(is_replaced(m));
	update(m, kept);
	assert_true(is_replaced(m));
	machine_ok(m, machine_setup(m));
	assert_int_equal(m->number, 2);
	assert_true(machine_exists(m, ONE_SHOT));
	image_is_of(m, IMAGE ".passthru", NEW, true);
	machine_holds(m, SETUP_FILE, "kernel " NEW "\n", true);
	assert_false(is_replaced(m));
	machine_plan_is_empty(m);
	machine_ok(m, machine_undo(m, &undone));
	assert_int_equal(undone.n, 2);
	assert_false(machine_exists(m, IMAGE ".passthru"));
	image_is_of(m, IMAGE, NEW, false);
	assert_false(is_replaced(m));
}

static void test_trial_late(void **state)
{
	try_late(*state, false);
}

static void test_trial_late_kept(void **state)
{
	try_late(*state, true);
}

/* ---- before it is confirmed ---- */

static void confirm_late(struct machine *m, bool kept)
{
	struct setup_arrivals arrivals;

	machine_ok(m, machine_setup(m));
	machine_boot(m, TRIAL_WORDS, true);
	update(m, kept);
	machine_ok(m, machine_confirm(m, &arrivals));
	image_is_of(m, IMAGE, NEW, true);
	assert_false(machine_exists(m, IMAGE ".passthru"));
}

static void test_confirm_late(void **state)
{
	confirm_late(*state, false);
}

static void test_confirm_late_kept(void **state)
{
	confirm_late(*state, true);
}

/* ---- before it is taken back ---- */

static void nothing_is_left(struct machine *m)
{
	struct setup_undone undone;

	assert_false(machine_exists(m, SETUP_FILE));
	assert_false(machine_exists(m, IMAGE ".new"));
	machine_holds(m, ENTRY, "passthru", false);
	machine_says(m, machine_undo(m, &undone), "there is no change to undo");
}

static void undo_late(struct machine *m, bool kept)
{
	struct setup_undone undone;

	m->wish.no_trial = true;
	machine_ok(m, machine_setup(m));
	machine_boot(m, "passthru.boot=1", true);
	update(m, kept);
	image_is_of(m, IMAGE, NEW, true);
	machine_ok(m, machine_undo(m, &undone));
	assert_int_equal(undone.n, 1);
	image_is_of(m, IMAGE, NEW, false);
	nothing_is_left(m);
}

static void test_undo_late(void **state)
{
	undo_late(*state, false);
}

static void test_undo_late_kept(void **state)
{
	undo_late(*state, true);
}

/* The same when it began before the update, and was killed. */
static void test_undo_killed(void **state)
{
	static const char journal[] = "var/lib/passthru/changes/1/journal.json";
	struct machine *m = *state;
	struct setup_undone undone;
	char command[4096];

	m->wish.no_trial = true;
	machine_ok(m, machine_setup(m));
	machine_boot(m, "passthru.boot=1", true);
	snprintf(command, sizeof(command),
		 "sed -i 's/\"state\": \"applied\"/\"state\": \"undoing\"/' %s/%s", m->t.path,
		 journal);
	assert_int_equal(system(command), 0);
	update(m, false);
	machine_ok(m, machine_undo(m, &undone));
	assert_int_equal(undone.recovered.n, 1);
	image_is_of(m, IMAGE, NEW, false);
	nothing_is_left(m);
}

/* An image that is no kernel's any more is left as somebody else has made it. */
static void test_undo_removed(void **state)
{
	struct machine *m = *state;
	struct setup_undone undone;

	m->wish.no_trial = true;
	machine_ok(m, machine_setup(m));
	machine_boot(m, "passthru.boot=1", true);
	temporary_file(&m->t, IMAGE, "an image");
	unified_run(m, "rm -r %s/usr/lib/modules/" OLD " %s/" VMLINUZ, m->t.path, m->t.path);
	machine_ok(m, machine_undo(m, &undone));
	assert_int_equal(undone.n, 1);
	machine_holds(m, IMAGE, "an image", true);
	nothing_is_left(m);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_setup_late, start, machine_stop),
		cmocka_unit_test_setup_teardown(test_setup_late_kept, start, machine_stop),
		cmocka_unit_test_setup_teardown(test_unknown, start, machine_stop),
		cmocka_unit_test_setup_teardown(test_trial_late, start, machine_stop),
		cmocka_unit_test_setup_teardown(test_trial_late_kept, start, machine_stop),
		cmocka_unit_test_setup_teardown(test_confirm_late, start, machine_stop),
		cmocka_unit_test_setup_teardown(test_confirm_late_kept, start, machine_stop),
		cmocka_unit_test_setup_teardown(test_undo_late, start, machine_stop),
		cmocka_unit_test_setup_teardown(test_undo_late_kept, start, machine_stop),
		cmocka_unit_test_setup_teardown(test_undo_killed, start, machine_stop),
		cmocka_unit_test_setup_teardown(test_undo_removed, start, machine_stop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
