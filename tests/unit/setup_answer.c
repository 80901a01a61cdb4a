// SPDX-License-Identifier: MIT
// What plan, setup, confirm, undo, history and the bare command say of a host from its plan to its
// undo, asked as main asks them. With the argument "json" every answer is printed, for
// setup_schema.py.

#include "tests/unit/setup_ask.h"

/* ---- the scenes ---- */

static int start(void **state)
{
	machine_start(state);
	struct machine *m = *state;

	temporary_file(&m->t, "proc/iomem", "00100000-1fffffff : System RAM\n");
	temporary_file(&m->t, "proc/uptime", "100.00 90.00\n");
	return 0;
}

static void planned(struct machine *m)
{
	ask(m, "plan", GPU, NULL);
	says(m, ANSWER_YES, "Boot loader:  systemd-boot");
	says(m, ANSWER_YES, "Initramfs:    initramfs-tools");
	says(m, ANSWER_YES, GPU "      1  nouveau        vfio-pci     named");
	says(m, ANSWER_YES, "passthru.boot=1      every boot");
	says(m, ANSWER_YES, "passthru.trial=1     the trial boot alone");
	says(m, ANSWER_YES, "--- " RESERVE_FILE "\n+++ " RESERVE_FILE "\n@@ -0,0 +1,");
	says(m, ANSWER_YES, "+passthru-devices 1\n");
	says(m, ANSWER_YES, "Writes:  " RESERVE_FILE ", a new file");
	says(m, ANSWER_YES, "Runs:  mkinitramfs -o ");
	says(m, ANSWER_YES, "Then:  looked at, and renamed to boot/initrd.img-" OLD ".passthru");
	says(m, ANSWER_YES, "It may write\n      boot/initrd.img-" OLD ".passthru.new\n");
	says(m, ANSWER_YES, "\nWhat happens at the next boots\n  The next boot is a trial");
	says(m, ANSWER_YES, "\nWhat `passthru confirm` does then\n  1. ");
	assert_null(strstr(said.text, "Refused"));
	ask(m, "plan", "--hugepages=2M=16", "--kvm=ignore_msrs=1", "--blacklist=nouveau", GPU,
	    NULL);
	says(m, ANSWER_YES, "hugepagesz=2M");
	says(m, ANSWER_YES, "kvm.ignore_msrs=1");
	says(m, ANSWER_YES, "modprobe.blacklist=nouveau");
	ask(m, "setup", "--dry-run", GPU, NULL);
	says(m, ANSWER_YES, "What happens at the next boots");
	ask(m, "status", NULL);
	says(m, ANSWER_YES, "Next step:");
	assert_null(strstr(said.text, "Setup:"));
	ask(m, "history", NULL);
	says(m, ANSWER_YES, "Nothing was changed.");
	ask(m, "undo", "--yes", NULL);
	refuses(m, "there is no change to undo");
	ask(m, "confirm", NULL);
	says(m, ANSWER_YES, "Nothing waits to be confirmed.");
	ask(m, "confirm", "--auto", NULL);
	says(m, ANSWER_YES, "nothing waits for its trial\n");
}

static void refused(struct machine *m)
{
	ask(m, "plan", BRIDGE, NULL);
	says(m, ANSWER_NO, "Refused: ");
	is_narrow();
	ask(m, "setup", "--yes", BRIDGE, NULL);
	refuses(m, "bridge");
	ask(m, "plan", "--hugepages=1T", GPU, NULL);
	assert_int_equal(m->e.kind, ERR_USAGE);
	temporary_file(&m->t, "sys/module/kvm/parameters/ignore_msrs", "N\n");
	temporary_file(&m->t, "sys/module/kvm_intel/parameters/nested", "Y\n");
	ask(m, "plan", "--kvm=nested=1", GPU, NULL);
	assert_int_equal(m->e.kind, ERR_USAGE);
	assert_string_equal(m->e.text, "kvm has no parameter nested, but kvm_intel has "
				       "(sys/module/kvm_intel/parameters): give --kvm "
				       "kvm_intel.nested=1");
	ask(m, "plan", "--kvm=kvm_intel.nested=1", GPU, NULL);
	says(m, ANSWER_YES, "kvm_intel.nested=1");
	ask(m, "plan", "--kvm=ignore-msrs=1", GPU, NULL);
	says(m, ANSWER_YES, "kvm.ignore-msrs=1");
	ask(m, "plan", "--kvm=not_in_sysfs=1", GPU, NULL);
	says(m, ANSWER_YES, "kvm.not_in_sysfs=1");
}

static void set_up(struct machine *m)
{
	ask(m, "setup", "--yes", GPU, NULL);
	says(m, ANSWER_YES, "Change:  1");
	says(m, ANSWER_YES, "that boot is the trial");
	ask(m, "plan", GPU, NULL);
	says(m, ANSWER_YES, "Nothing to do: all of it is there.");
	ask(m, "setup", "--yes", GPU, NULL);
	says(m, ANSWER_YES, "There was nothing to do");
	ask(m, "setup", "--yes", TWIN, NULL);
	refuses(m, "another setup is in place");
	ask(m, "status", NULL);
	says(m, ANSWER_YES, "waits for its trial boot");
	says(m, ANSWER_YES, "Next step:      reboot\n");
	ask(m, "history", NULL);
	says(m, ANSWER_YES, "  in place      -  reserve " GPU);
	ask(m, "history", "1", NULL);
	says(m, ANSWER_YES, "\nFiles\n");
	says(m, ANSWER_YES, "  " RESERVE_FILE "\n");
	ask(m, "history", "7", NULL);
	refuses(m, "there is no change 7");
	ask(m, "confirm", NULL);
	refuses(m, "this boot is not the trial");
}

/* The image of the trial, and what it lacks. */
static void image_is_looked_at(struct machine *m)
{
	static const char trial[] = "boot/initrd.img-" OLD ".passthru";
	struct bytes usual, own;

	ask(m, "check", NULL);
	says(m, ANSWER_NO, "did not reserve anything in this boot");
	says(m, ANSWER_NO, "initrd.img-" OLD ".passthru: has helper, list and module");
	machine_open(m);
	assert_int_equal(root_read_max(m->host.root, &m->host.arena, trial, 1 << 20, &own), 0);
	assert_int_equal(root_read_max(m->host.root, &m->host.arena, "boot/initrd.img-" OLD,
				       1 << 20, &usual),
			 0);
	char *kept = malloc(own.n);
	size_t n = own.n;
	memcpy(kept, own.data, n);
	temporary_bytes(&m->t, trial, usual.data, usual.n);
	ask(m, "check", NULL);
	says(m, ANSWER_NO, "the early helper is not in the image boot/initrd.img-" OLD ".passthru");
	temporary_bytes(&m->t, trial, "no image", 8);
	ask(m, "check", NULL);
	says(m, ANSWER_NO, "did not reserve anything in this boot");
	temporary_bytes(&m->t, trial, kept, n);
	free(kept);
}

static const char trial_words[] = "passthru.boot=1 passthru.trial=1 panic=30 rd.shell=0 "
				  "rd.emergency=reboot";

static void tried(struct machine *m)
{
	machine_boot(m, trial_words, false);
	ask(m, "confirm", NULL);
	refuses(m, "the trial did not come up as planned: " GPU ": nouveau has it");
	says(m, said.status, GPU "  " GPU "  nouveau        no");
	says(m, said.status, "\nWhy not\n  " GPU ": nouveau has it");
	is_narrow();
	image_is_looked_at(m);
	ask(m, "status", NULL);
	says(m, ANSWER_YES, "in its trial boot");
	says(m, ANSWER_YES, ", reserved\n");
	temporary_file(&m->t, "run/passthru/" TWIN,
		       "{\"version\":2,\"owner\":{\"pid\":null,\"started\":null,\"command\":\"x\"},"
		       "\"driver\":\"nouveau\",\"driver_override\":null,\"driver_wanted\":"
		       "\"vfio-pci\",\"settings\":{},\"units\":[],"
		       "\"timer\":\"systemd passthru-release-x 700\"}");
	ask(m, "confirm", NULL);
	refuses(m, "the trial did not come up as planned");
	says(m, said.status, TWIN "         10 min  passthru-release-x.timer");
	says(m, said.status, GPU "  " GPU "  nouveau        no");
	temporary_file(&m->t, "run/passthru/" TWIN, "");
	machine_boot(m, trial_words, true);
	ask(m, "plan", GPU, NULL);
	says(m, ANSWER_YES, "Nothing to do but `passthru confirm`: this boot is the trial");
	ask(m, "setup", "--yes", GPU, NULL);
	says(m, ANSWER_YES, "Next:  passthru confirm\n");
	says(m, ANSWER_YES, "There was nothing to do: this boot is the trial");
	/* a unit that was left must not do what nobody asked it for */
	ask(m, "confirm", "--auto", NULL);
	says(m, ANSWER_YES, "nothing waits for its trial\n");
	ask(m, "confirm", NULL);
	says(m, ANSWER_YES, "Permanent by change:  2");
	ask(m, "status", NULL);
	says(m, ANSWER_YES, "Setup:          permanent\n");
	ask(m, "history", NULL);
	says(m, ANSWER_YES, "  confirmed      1  reserve for good " GPU);
	ask(m, "confirm", NULL);
	says(m, ANSWER_YES, "Nothing waits to be confirmed.");
	machine_boot(m, "", false);
	ask(m, "status", NULL);
	says(m, ANSWER_YES, "permanent, and not in force");
}

static void taken_back(struct machine *m)
{
	struct bytes text;

	ask(m, "undo", "--dry-run", NULL);
	says(m, ANSWER_YES, "     2  reserve for good " GPU);
	says(m, ANSWER_YES, "     1  reserve " GPU);
	machine_open(m);
	assert_int_equal(root_read(m->host.root, &m->host.arena, "etc/passthru/setup", &text), 0);
	char *record = strdup(text.data);
	temporary_file(&m->t, "etc/passthru/setup", "passthru-setup 1\nof somebody else\n");
	ask(m, "history", "2", NULL);
	says(m, ANSWER_YES, "+of somebody else");
	ask(m, "undo", "--dry-run", NULL);
	says(m, ANSWER_NO, "etc/passthru/setup  was changed since  no");
	ask(m, "undo", "--dry-run", "--keep-changed", NULL);
	says(m, ANSWER_YES, "+of somebody else");
	temporary_file(&m->t, "etc/passthru/setup", record);
	free(record);
	ask(m, "undo", "--yes", NULL);
	says(m, ANSWER_YES, "Taken back:  2, 1\n");
}

static void walk(void **state)
{
	struct machine *m = *state;

	planned(m);
	refused(m);
	set_up(m);
	tried(m);
	taken_back(m);
}

/* ---- undo, by itself ---- */

static void undoes(void **state)
{
	struct machine *m = *state;
	char *disk = machine_text(m), *now;
	struct bytes devices;

	ask(m, "setup", "--yes", GPU, NULL);
	says(m, ANSWER_YES, "Change:  1");
	machine_open(m);
	assert_int_equal(root_read(m->host.root, &m->host.arena, RESERVE_FILE, &devices), 0);
	char *was = strdup(devices.data);
	temporary_file(&m->t, RESERVE_FILE, "passthru-devices 1\n# mine\n");
	ask(m, "undo", "--yes", NULL);
	refuses(m, "etc/passthru/devices");
	says(m, said.status, "+# mine\n");
	temporary_file(&m->t, RESERVE_FILE, was);
	free(was);
	ask(m, "undo", "--yes", "5", NULL);
	refuses(m, "there is no change 5");
	ask(m, "undo", "--yes", "x", NULL);
	assert_int_equal(m->e.kind, ERR_USAGE);
	ask(m, "undo", "--yes", NULL);
	says(m, ANSWER_YES, "Taken back:  1\n");
	says(m, ANSWER_YES, "until the next boot");
	ask(m, "undo", "--yes", "1", NULL);
	refuses(m, "was undone before");
	ask(m, "history", NULL);
	says(m, ANSWER_YES, "undone");
	machine_open(m);
	now = machine_text(m);
	assert_string_equal(now, disk);
	free(now);
	free(disk);
}

/* The host does not start, and is mounted by another system. */
static void rescued(void **state)
{
	struct machine *m = *state;
	char *disk = machine_text(m), *now;

	ask(m, "setup", "--yes", "--no-trial", GPU, NULL);
	says(m, ANSWER_YES, "Change:  1");
	says(m, ANSWER_YES, "Next:    reboot; `passthru undo 1` takes it back");
	from_rescue = true;
	ask(m, "history", NULL);
	says(m, ANSWER_YES, "  in place");
	/* only what is on its disk */
	static const char *const gone[] = { "sys", "proc" };
	for (size_t i = 0; i < ARRAY_SIZE(gone); i++)
		assert_int_equal(rename(temporary_path(&m->t, gone[i]),
					temporary_path(&m->programs, gone[i])),
				 0);
	ask(m, "status", NULL);
	says(m, ANSWER_YES, "PCI functions:  unknown");
	says(m, ANSWER_YES, "Setup:          permanent\n");
	for (size_t i = 0; i < ARRAY_SIZE(gone); i++)
		assert_int_equal(rename(temporary_path(&m->programs, gone[i]),
					temporary_path(&m->t, gone[i])),
				 0);
	ask(m, "undo", "--yes", NULL);
	from_rescue = false;
	says(m, ANSWER_YES, "Taken back:  1\n");
	assert_null(strstr(said.text, "The running kernel"));
	assert_false(machine_exists(m, RESERVE_FILE));
	assert_false(machine_exists(m, "boot/loader/entries/_-passthru-without.conf"));
	now = machine_text(m);
	assert_string_equal(now, disk);
	free(now);
	free(disk);
}

/* The journal says that a process was killed at it. */
static void interrupt(struct machine *m, const char *journal)
{
	struct bytes text;

	machine_open(m);
	assert_int_equal(root_read_max(m->host.root, &m->host.arena, journal, 1 << 20, &text), 0);
	char *state = strstr(text.data, "\"applied\"");
	assert_non_null(state);
	char *changed = arena_printf(&m->host.arena, "%.*s\"applying\"%s", (int)(state - text.data),
				     text.data, state + strlen("\"applied\""));
	temporary_file(&m->t, journal, changed);
}

static void interrupted(void **state)
{
	static const char journal[] = "var/lib/passthru/changes/1/journal.json";
	struct machine *m = *state;

	for (int i = 0; i < 2; i++) {
		ask(m, "setup", "--yes", GPU, NULL);
		says(m, ANSWER_YES, "Change:  1");
		interrupt(m, journal);
		ask(m, "history", NULL);
		says(m, ANSWER_YES, "Change 1 was interrupted");
		ask(m, "plan", GPU, NULL);
		says(m, ANSWER_NO, "was interrupted");
		ask(m, "status", NULL);
		says(m, ANSWER_YES, "was interrupted");
		ask(m, "undo", "--dry-run", NULL);
		says(m, ANSWER_YES, "A change was interrupted");
		/* whichever comes first */
		if (i == 0)
			ask(m, "confirm", NULL);
		else
			ask(m, "undo", "--yes", NULL);
		says(m, ANSWER_YES, "was interrupted, and is taken back");
		assert_false(machine_exists(m, RESERVE_FILE));
	}
	ask(m, "setup", "--yes", GPU, NULL);
	interrupt(m, journal);
	ask(m, "setup", "--yes", GPU, NULL);
	says(m, ANSWER_YES, "was interrupted, and is taken back");
	says(m, ANSWER_YES, "Change:  1");
	interrupt(m, journal);
	ask(m, "setup", "--yes", BRIDGE, NULL);
	refuses(m, "bridge");
	says(m, said.status, "was interrupted, and is taken back");
}

/* ---- asking ---- */

static void asks_once(void **state)
{
	struct machine *m = *state;
	char *disk = machine_text(m), *now, *shown;
	int status;

	shown = on_terminal(m, "setup", "n\n", &status);
	assert_int_equal(status, 9);
	assert_non_null(strstr(shown, "+passthru-devices 1"));
	assert_non_null(strstr(shown, "Do all this? [y/N] "));
	now = machine_text(m);
	assert_string_equal(now, disk);
	free(now);
	shown = on_terminal(m, "setup", "y\n", &status);
	assert_int_equal(status, ANSWER_YES);
	assert_true(machine_exists(m, RESERVE_FILE));
	/* there is nothing to ask about */
	shown = on_terminal(m, "setup", "n\n", &status);
	assert_int_equal(status, ANSWER_YES);
	assert_null(strstr(shown, "[y/N]"));
	shown = on_terminal(m, "undo", "n\n", &status);
	assert_int_equal(status, 9);
	assert_non_null(strstr(shown, "Take this back? [y/N] "));
	assert_true(machine_exists(m, RESERVE_FILE));
	shown = on_terminal(m, "undo", "y\n", &status);
	assert_int_equal(status, ANSWER_YES);
	assert_false(machine_exists(m, RESERVE_FILE));
	free(disk);
}

static void confirms_itself(void **state)
{
	struct machine *m = *state;

	ask(m, "setup", "--yes", "--confirm=auto", GPU, NULL);
	says(m, ANSWER_YES, "Change:  1");
	machine_boot(m, trial_words, true);
	ask(m, "confirm", "--auto", NULL);
	says(m, ANSWER_YES, GPU ": vfio-pci has it");
	says(m, ANSWER_YES, "Permanent by change:  2");
}

static void ends_itself(void **state)
{
	struct machine *m = *state;

	ask(m, "setup", "--yes", "--for=90s", GPU, NULL);
	assert_int_equal(m->e.kind, ERR_USAGE);
	assert_non_null(strstr(m->e.text, "--for 90s: it counts from the start of the kernel"));
	ask(m, "setup", "--yes", "--for=1h", "--no-trial", GPU, NULL);
	assert_int_equal(m->e.kind, ERR_USAGE);
	ask(m, "plan", "--for=30m", GPU, NULL);
	says(m, ANSWER_YES, "The trial restarts by itself");
	ask(m, "setup", "--yes", "--for=30m", GPU, NULL);
	says(m, ANSWER_YES, "Change:  1");
	machine_boot(m, trial_words, true);
	ask(m, "status", NULL);
	says(m, ANSWER_YES,
	     "in its trial boot, which ends 30 min after its start unless confirmed");
}

/* A boot that began behind the setup and is not the trial: it was used up. */
static void used_up(void **state)
{
	struct machine *m = *state;

	ask(m, "setup", "--yes", "--confirm=auto", GPU, NULL);
	says(m, ANSWER_YES, "Change:  1");
	ask(m, "status", NULL);
	says(m, ANSWER_YES, "waits for its trial boot, which is the next one");
	/* the kernel of the trial was removed */
	assert_int_equal(rename(temporary_path(&m->t, "boot/vmlinuz-" OLD),
				temporary_path(&m->programs, "vmlinuz")),
			 0);
	ask(m, "status", NULL);
	says(m, ANSWER_YES, "that would fail: an update has replaced or removed its kernel " OLD);
	says(m, ANSWER_YES, "Next step:      passthru setup again, with the same devices\n");
	temporary_file(&m->t, "boot/vmlinuz-" OLD, "kernel");
	machine_boot(m, "", false);
	ask(m, "status", NULL);
	says(m, ANSWER_YES, "the trial was used up and not confirmed");
	says(m, ANSWER_YES, "passthru undo");
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(walk, start, machine_stop),
		cmocka_unit_test_setup_teardown(undoes, start, machine_stop),
		cmocka_unit_test_setup_teardown(confirms_itself, start, machine_stop),
		cmocka_unit_test_setup_teardown(ends_itself, start, machine_stop),
		cmocka_unit_test_setup_teardown(used_up, start, machine_stop),
		cmocka_unit_test_setup_teardown(rescued, start, machine_stop),
		cmocka_unit_test_setup_teardown(interrupted, start, machine_stop),
		cmocka_unit_test_setup_teardown(asks_once, start, machine_stop),
	};

	as_json = argc > 1 && str_eq(argv[1], "json");
	int failed = cmocka_run_group_tests(tests, NULL, NULL);
	free(said.text);
	return failed;
}
