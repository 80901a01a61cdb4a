// SPDX-License-Identifier: MIT
// What bind, or a guest that runs, has given to VFIO: a setup is judged by what the host is after a
// reboot.

#include "tests/setup/machine.h"

static int plan_of(struct machine *m, const char *name)
{
	machine_wish(m, name, NULL);
	return machine_plan(m);
}

static bool has_note(const struct machine *m, const char *text)
{
	for (size_t i = 0; i < m->plan.now.n_notes; i++) {
		const struct note *note = &m->plan.now.notes[i];

		if (note->kind == NOTE_LOSS && strstr(note->text, text))
			return true;
	}
	return false;
}

static void hand_over(struct machine *m, const char *name, const char *class_code)
{
	char text[256];

	machine_driver(m, name, "vfio-pci");
	snprintf(text, sizeof(text),
		 "DRIVER=vfio-pci\nPCI_CLASS=%s\nPCI_ID=8086:15B8\nPCI_SUBSYS_ID=1043:8694\n"
		 "PCI_SLOT_NAME=%s\n",
		 class_code, name);
	machine_file(m, text, "sys/devices/pci0000:00/%s/%s/uevent", BRIDGE, name);
}

/* What VFIO has shows no disks, and a boot waits for them all the same. */
static void test_disk(void **state)
{
	static const char *allowed[] = { "disk" };
	struct machine *m = *state;

	/* the disk of another controller */
	temporary_link(&m->t, "sys/class/block/sda", "../../devices/platform/x/block/sda");
	machine_file(m, "8:0\n", "sys/devices/platform/x/block/sda/dev");
	hand_over(m, DISK, "10802");
	hand_over(m, NIC, "20000");
	machine_ok(m, plan_of(m, DISK));
	temporary_file(&m->t, "etc/fstab", "UUID=1b2c /data ext4 defaults 0 2\nx:/y /z nfs\n");
	machine_says(m, plan_of(m, DISK),
		     "it may hold /data (etc/fstab), and dev/disk/by-uuid/1b2c, which is to be "
		     "mounted there at boot, is not there now; --allow disk");
	machine_ok(m, plan_of(m, NIC));
	m->wish.allowed = (struct names){ allowed, 1 };
	machine_ok(m, plan_of(m, DISK));
	assert_true(has_note(m, DISK ": it may hold /data (etc/fstab)"));
	m->wish.allowed = (struct names){ 0 };
	temporary_file(&m->t, "etc/fstab", "UUID=1b2c none swap sw 0 0\n/dev/x /y ext4 nofail\n");
	machine_ok(m, plan_of(m, DISK));
}

/* VFIO has a mate of the group, and it is asked who has it after a reboot. */
static void test_mate(void **state)
{
	struct machine *m = *state;

	temporary_link(&m->t, "sys/kernel/iommu_groups/4/devices/" AUDIO,
		       "../../../../../sys/devices/pci0000:00/" BRIDGE "/" AUDIO);
	machine_says(m, plan_of(m, DISK), "which driver snd_hda_intel holds");
	hand_over(m, AUDIO, "40300");
	machine_says(m, plan_of(m, DISK),
		     DISK " shares IOMMU group 4 with " AUDIO ", which vfio-pci "
			  "has until the next boot only");
	temporary_file(&m->t, "etc/modprobe.d/vfio.conf", "options vfio-pci ids=8086:15b8\n");
	machine_ok(m, plan_of(m, DISK));
	temporary_file(&m->t, "etc/modprobe.d/vfio.conf", "options vfio-pci ids=8086:15b9\n");
	machine_says(m, plan_of(m, DISK), "until the next boot only");
	temporary_file(&m->t, "etc/driverctl.d/pci-" AUDIO, "vfio-pci\n");
	machine_ok(m, plan_of(m, DISK));
	temporary_file(&m->t, "etc/driverctl.d/pci-" AUDIO, "e1000e\n");
	machine_says(m, plan_of(m, DISK), "until the next boot only");
}

static void test_display(void **state)
{
	static const char *allowed[] = { "display" };
	struct machine *m = *state;

	hand_over(m, GPU, "30000");
	hand_over(m, AUDIO, "40300");
	machine_wish(m, GPU, AUDIO, NULL);
	machine_ok(m, machine_plan(m));
	assert_true(has_note(m, GPU ": what is plugged into this card shows nothing"));
	hand_over(m, TWIN, "30200");
	machine_wish(m, GPU, AUDIO, NULL);
	machine_says(m, machine_plan(m),
		     GPU " cannot be reserved: this host has no other display (sys/bus/pci/"
			 "devices), and nobody sees what it shows then; --allow display");
	m->wish.allowed = (struct names){ allowed, 1 };
	machine_ok(m, machine_plan(m));
	m->wish.allowed = (struct names){ 0 };
	/* after a reboot the host has that one again */
	hand_over(m, TWIN, "30000");
	machine_wish(m, GPU, AUDIO, NULL);
	machine_ok(m, machine_plan(m));
}

static void test_keyboard(void **state)
{
	static const char bitmap[] = "1000000000007 ff9f207ac14057ff febeffdfffefffff "
				     "fffffffffffffffe\n";
	struct machine *m = *state;

	hand_over(m, NIC, "c0330");
	machine_says(m, plan_of(m, NIC),
		     "a keyboard may be plugged into it (sys/class/input), and the host shows no "
		     "other now; --allow input");
	machine_file(m, bitmap, "sys/devices/platform/i8042/serio0/input/input3/capabilities/key");
	temporary_link(&m->t, "sys/class/input/input3",
		       "../../devices/platform/i8042/serio0/input/input3");
	machine_ok(m, plan_of(m, NIC));
}

/* What the setup itself has given to VFIO was judged when it was set up. */
static void test_reserved(void **state)
{
	struct machine *m = *state;

	machine_ok(m, machine_setup(m));
	machine_boot(m, TRIAL_WORDS, true);
	hand_over(m, TWIN, "30200");
	machine_wish(m, GPU, AUDIO, NULL);
	machine_ok(m, machine_plan(m));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_disk, machine_start, machine_stop),
		cmocka_unit_test_setup_teardown(test_mate, machine_start, machine_stop),
		cmocka_unit_test_setup_teardown(test_display, machine_start, machine_stop),
		cmocka_unit_test_setup_teardown(test_keyboard, machine_start, machine_stop),
		cmocka_unit_test_setup_teardown(test_reserved, machine_start, machine_stop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
