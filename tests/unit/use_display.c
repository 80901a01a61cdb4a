// SPDX-License-Identifier: MIT
// Displays, sound, keyboards and guests: what is shown, who has nodes open, and what a person at
// the machine would lose.

#include "tests/unit/uses.h"

static void put_bar(struct uses *u)
{
	uses_file(u, GPU, "/resource",
		  "0x00000000f6000000 0x00000000f6ffffff 0x0000000000040200\n"
		  "0x00000000e0000000 0x00000000efffffff 0x000000000014220c\n");
}

static void put_connector(struct uses *u, const char *name, const char *status, const char *enabled)
{
	char path[128];

	uses_class(u, "drm", uses_path(u, GPU, "/drm/card1"));
	snprintf(path, sizeof(path), "/drm/card1/%s", name);
	uses_class(u, "drm", uses_path(u, GPU, path));
	snprintf(path, sizeof(path), "/drm/card1/%s/status", name);
	uses_file(u, GPU, path, status);
	snprintf(path, sizeof(path), "/drm/card1/%s/enabled", name);
	uses_file(u, GPU, path, enabled);
}

static void put_console(struct uses *u, const char *name, const char *text, const char *bind)
{
	char path[128];

	snprintf(path, sizeof(path), "sys/devices/virtual/vtconsole/%s", name);
	uses_class(u, "vtconsole", path);
	snprintf(path, sizeof(path), "sys/devices/virtual/vtconsole/%s/name", name);
	fake_file(&u->k->tree, path, text);
	snprintf(path, sizeof(path), "sys/devices/virtual/vtconsole/%s/bind", name);
	fake_file(&u->k->tree, path, bind);
}

static void put_framebuffer(struct uses *u, const char *function, const char *name)
{
	char path[128];

	snprintf(path, sizeof(path), "/graphics/%s", name);
	uses_class(u, "graphics", uses_path(u, function, path));
	snprintf(path, sizeof(path), "/graphics/%s/name", name);
	uses_file(u, function, path, "nouveaudrmfb\n");
}

static void test_nothing(void **state)
{
	struct uses *u = *state;

	put_bar(u);
	assert_no_use(u, GPU, USE_DISPLAY);
	assert_no_use(u, AUDIO, USE_SOUND);
	assert_no_use(u, NIC, USE_DISPLAY);
}

static void test_connectors(void **state)
{
	struct uses *u = *state;

	put_bar(u);
	fake_file(&u->k->tree, "sys/class/drm/version", "drm 1.1.0\n");
	put_connector(u, "card1-DP-1", "disconnected\n", "disabled\n");
	assert_no_use(u, GPU, USE_DISPLAY);
	put_connector(u, "card1-HDMI-A-1", "connected\n", "enabled\n");
	assert_use(u, GPU, USE_DISPLAY, true, "a monitor at card1-HDMI-A-1 shows its picture");
	put_connector(u, "card1-HDMI-A-1", "connected\n", "disabled\n");
	assert_use(u, GPU, USE_DISPLAY, false, "card1-HDMI-A-1 is connected and dark");
	assert_no_use(u, AUDIO, USE_DISPLAY);
}

static void test_console(void **state)
{
	struct uses *u = *state;

	put_bar(u);
	put_framebuffer(u, GPU, "fb0");
	assert_use(u, GPU, USE_DISPLAY, false, "fb0 is a framebuffer of it");
	put_console(u, "vtcon0", "(S) dummy device\n", "0\n");
	put_console(u, "vtcon1", "(M) frame buffer device\n", "1\n");
	assert_use(u, GPU, USE_DISPLAY, true, "the text console is on its framebuffer fb0");
	assert_string_equal(uses_find(&u->found, USE_DISPLAY, "console")->where,
			    "sys/class/vtconsole/vtcon1/bind");
	put_console(u, "vtcon1", "(M) frame buffer device\n", "0\n");
	assert_use(u, GPU, USE_DISPLAY, false, "fb0 is a framebuffer of it");
	/* another card has the first one */
	fake_remove(&u->k->tree, "sys/class/graphics/fb0");
	put_console(u, "vtcon1", "(M) frame buffer device\n", "1\n");
	put_framebuffer(u, IGPU, "fb0");
	put_framebuffer(u, GPU, "fb10");
	assert_use(u, GPU, USE_DISPLAY, false, "the text console can be on its framebuffer fb10");
}

static void test_firmware_framebuffer(void **state)
{
	struct uses *u = *state;
	struct fake_tree *tree = &u->k->tree;

	put_bar(u);
	fake_file(tree, "proc/iomem",
		  "00001000-0009ffff : System RAM\n"
		  "e0000000-f70fffff : PCI Bus 0000:01\n"
		  "  e0000000-efffffff : 0000:03:00.0\n"
		  "    e0000000-e07e8fff : BOOTFB\n");
	assert_use(u, GPU, USE_DISPLAY, false, "the framebuffer of the firmware (BOOTFB)");
	fake_file(tree, "proc/iomem",
		  "00001000-0009ffff : System RAM\n"
		  "e0000000-e07e8fff : efifb\n");
	assert_use(u, GPU, USE_DISPLAY, true, "(efifb) lies in BAR 1");
	/* beside the BAR */
	fake_file(tree, "proc/iomem", "d0000000-d07e8fff : simple-framebuffer\n");
	assert_no_use(u, GPU, USE_DISPLAY);
	/* as an ordinary user sees it */
	fake_file(tree, "proc/iomem",
		  "00000000-00000000 : System RAM\n00000000-00000000 : BOOTFB\n");
	assert_gap(u, GPU, USE_DISPLAY, -EACCES);
	assert_int_equal(u->found.n, 0);
	fake_remove(tree, "proc/iomem");
	assert_gap(u, GPU, USE_DISPLAY, -ENODATA);
}

static void test_boot_display(void **state)
{
	struct uses *u = *state;

	put_bar(u);
	uses_file(u, GPU, "/boot_vga", "1\n");
	assert_use(u, GPU, USE_DISPLAY, false, "firmware and boot loader show");
	fake_unplug(u->k, IGPU);
	assert_use(u, GPU, USE_DISPLAY, false, "the only display controller");
}

static void test_processes(void **state)
{
	struct uses *u = *state;

	put_bar(u);
	put_connector(u, "card1-DP-1", "disconnected\n", "disabled\n");
	uses_class(u, "drm", uses_path(u, GPU, "/drm/renderD129"));
	fake_open(u->k, "800", "Xorg", "/dev/dri/card0");
	assert_no_use(u, GPU, USE_DISPLAY);
	fake_open(u->k, "812", "gnome-shell", "/dev/dri/card1");
	fake_file(&u->k->tree, "proc/812/cgroup", "0::/user.slice/user-1000.slice/x.scope\n");
	fake_open(u->k, "900", "ollama", "/dev/dri/renderD129");
	fake_file(&u->k->tree, "proc/900/cgroup", "0::/system.slice/ollama.service\n");
	assert_use(u, GPU, USE_DISPLAY, true, "gnome-shell (pid 812) has dev/dri/card1 open");
	assert_null(uses_find(&u->found, USE_DISPLAY, "gnome")->stop);
	assert_use(u, GPU, USE_DISPLAY, true, "ollama (pid 900) has dev/dri/renderD129 open");
	assert_string_equal(uses_find(&u->found, USE_DISPLAY, "ollama")->stop,
			    "systemctl stop ollama.service");
	/* NVIDIA's nodes have numbers of their own */
	fake_open(u->k, "950", "python3", "/dev/nvidia2");
	fake_open(u->k, "951", "python3", "/dev/nvidiactl");
	fake_file(&u->k->tree, "proc/driver/nvidia/gpus/0000:03:00.0/information",
		  "Model: \t\t NVIDIA GeForce GTX 1050 Ti\nDevice Minor: \t 2\n");
	assert_use(u, GPU, USE_DISPLAY, true, "python3 (pid 950) has dev/nvidia2 open");
	assert_int_equal(uses_count(u, GPU, USE_DISPLAY), 3);
}

static void test_sound(void **state)
{
	struct uses *u = *state;

	uses_class(u, "sound", uses_path(u, AUDIO, "/sound/card1"));
	uses_file(u, AUDIO, "/sound/card1/id", "NVidia\n");
	uses_class(u, "sound", uses_path(u, AUDIO, "/sound/card1/controlC1"));
	uses_class(u, "sound", uses_path(u, AUDIO, "/sound/card1/pcmC1D3p"));
	assert_use(u, AUDIO, USE_SOUND, false, "it is the sound card NVidia");
	fake_open(u->k, "700", "wireplumber", "/dev/snd/controlC1");
	assert_use(u, AUDIO, USE_SOUND, false, "wireplumber (pid 700) has dev/snd/controlC1");
	fake_open(u->k, "701", "pipewire", "/dev/snd/pcmC1D3p");
	assert_use(u, AUDIO, USE_SOUND, true, "pipewire (pid 701) has dev/snd/pcmC1D3p open");
	assert_int_equal(uses_count(u, AUDIO, USE_SOUND), 3);
}

#define KEYBOARD_BITS "1000000000007 ff9f207ac14057ff febeffdfffefffff fffffffffffffffe\n"

static void put_input(struct uses *u, const char *path, const char *keys, const char *name)
{
	char file[1024];

	uses_class(u, "input", path);
	snprintf(file, sizeof(file), "%s/capabilities/key", path);
	fake_file(&u->k->tree, file, keys);
	snprintf(file, sizeof(file), "%s/name", path);
	fake_file(&u->k->tree, file, name);
}

static void test_keyboards(void **state)
{
	struct uses *u = *state;
	char path[1024];

	snprintf(path, sizeof(path), "%s",
		 uses_path(u, USB, "/usb1/1-3/1-3:1.0/0003:046D:C31C.0001/input/input5"));
	put_input(u, path, KEYBOARD_BITS, "Logitech K120\n");
	/* a mouse, a power button, and a keyboard that a program made */
	put_input(u, uses_path(u, USB2, "/usb3/3-1/3-1:1.0/input/input6"), "ff0000 0 0 0 0\n",
		  "Mouse\n");
	put_input(u, "sys/devices/LNXSYSTM:00/LNXPWRBN:00/input/input0", "10000000000000 0\n",
		  "Power Button\n");
	put_input(u, "sys/devices/virtual/input/input9", KEYBOARD_BITS, "uinput\n");
	assert_use(u, USB, USE_INPUT, true,
		   "\"Logitech K120\" is plugged into it, and there is no");
	assert_string_equal(uses_find(&u->found, USE_INPUT, "K120")->value, "1 of 1 keyboards");
	assert_no_use(u, USB2, USE_INPUT);
	put_input(u, uses_path(u, USB2, "/usb3/3-2/3-2:1.0/input/input7"), KEYBOARD_BITS,
		  "Spare\n");
	assert_use(u, USB, USE_INPUT, false, "and there are others");
	assert_use(u, USB2, USE_INPUT, false, "\"Spare\"");
	snprintf(path + strlen(path), sizeof(path) - strlen(path), "/capabilities/key");
	fake_error(&u->k->tree, path, -EACCES);
	assert_gap(u, USB2, USE_INPUT, -EACCES);
}

static void test_guest(void **state)
{
	struct uses *u = *state;

	assert_no_use(u, GPU, USE_GUEST);
	fake_open(u->k, "1200", "qemu-system-x86", "/dev/vfio/5");
	fake_file(&u->k->tree, "proc/1200/cgroup",
		  "0::/machine.slice/machine-qemu.scope/libvirt/emulator\n");
	assert_use(u, GPU, USE_GUEST, true, "qemu-system-x86 (pid 1200) has dev/vfio/5 open");
	assert_use(u, AUDIO, USE_GUEST, true, "dev/vfio/5");
	assert_no_use(u, NIC, USE_GUEST);
	fake_directory(&u->k->tree, uses_path(u, NIC, "/vfio-dev/vfio3"));
	fake_open(u->k, "1201", "crosvm", "/dev/vfio/devices/vfio3");
	assert_use(u, NIC, USE_GUEST, true, "crosvm (pid 1201) has dev/vfio/devices/vfio3 open");
	assert_string_equal(
		host_vfio_user(&u->host, host_find(&u->host, (struct pci_address){ 0, 2, 0, 0 })),
		"crosvm (pid 1201)");
}

/* Descriptors of others: an ordinary user cannot say that nobody uses it. */
static void test_gaps(void **state)
{
	struct uses *u = *state;

	put_bar(u);
	put_connector(u, "card1-DP-1", "disconnected\n", "disabled\n");
	fake_error(&u->k->tree, "proc/1/fd", -EACCES);
	assert_gap(u, GPU, USE_DISPLAY, -EACCES);
	assert_string_equal(device_uses_gap(&u->found, USE_DISPLAY)->where, "proc/1/fd");
	assert_gap(u, NIC, USE_GUEST, -EACCES);
	/* a root that does not run */
	fake_remove(&u->k->tree, "proc/1");
	assert_gap(u, NIC, USE_GUEST, -ENODATA);
}

/* The last display: what is with VFIO shows nothing, and neither does a 3D controller. */
static void test_only_display(void **state)
{
	struct uses *u = *state;

	put_bar(u);
	assert_null(uses_find(uses_of(u, GPU), USE_DISPLAY, "display"));
	fake_driver_unload(u->k, "i915");
	assert_null(uses_find(uses_of(u, GPU), USE_DISPLAY, "display"));
	fake_unplug(u->k, IGPU);
	assert_use(u, GPU, USE_DISPLAY, false, "the only display controller of this host");
	assert_true(uses_find(&u->found, USE_DISPLAY, "only")->only);
}

/* Nodes of other kinds, found from the node up to the device. */
static void test_nodes(void **state)
{
	struct uses *u = *state;
	struct fake_tree *tree = &u->k->tree;
	char target[1024];

	uses_class(u, "tty", uses_path(u, USB, "/usb1/1-2/1-2:1.0/ttyUSB0/tty/ttyUSB0"));
	uses_class(u, "input", uses_path(u, USB, "/usb1/1-3/1-3:1.0/input/input5/event5"));
	fake_directory(tree, uses_path(u, USB2, "/usb3/3-4"));
	snprintf(target, sizeof(target), "../../../%s", uses_path(u, USB2, "/usb3/3-4"));
	fake_link(tree, "sys/dev/char/189:260", target);
	assert_no_use(u, USB, USE_NODE);
	fake_open(u->k, "600", "openhab", "/dev/ttyUSB0");
	fake_open(u->k, "601", "Xorg", "/dev/input/event5");
	fake_open(u->k, "602", "upsd", "/dev/bus/usb/003/005");
	assert_use(u, USB, USE_NODE, true, "openhab (pid 600) has dev/ttyUSB0 open");
	assert_use(u, USB, USE_NODE, false, "Xorg (pid 601) has dev/input/event5 open");
	assert_int_equal(uses_count(u, USB, USE_NODE), 2);
	assert_use(u, USB2, USE_NODE, true, "upsd (pid 602) has dev/bus/usb/003/005 open");
	assert_int_equal(uses_count(u, USB2, USE_NODE), 1);
	assert_no_use(u, GPU, USE_NODE);
}

/* The unit below slices; what a user or a guest runs is not the system's to stop. */
static void test_unit_of(void **state)
{
	struct uses *u = *state;
	static const struct {
		const char *cgroup, *unit;
	} cases[] = {
		{ "0::/system.slice/ollama.service\n", "ollama.service" },
		{ "0::/system.slice/system-x.slice/x@1.service/payload\n", "x@1.service" },
		{ "12:pids:/\n1:name=systemd:/db.slice/pg.service\n0::/db.slice/pg.service\n",
		  "pg.service" },
		{ "0::/system.slice/docker-1234.scope\n", "docker-1234.scope" },
		{ "0::/user.slice/user-1000.slice/user@1000.service/app.slice/x.service\n", NULL },
		{ "0::/machine.slice/machine-qemu.scope/libvirt\n", NULL },
		{ "0::/system.slice/systemd-logind.service\n", NULL },
		{ "0::/system.slice\n", NULL },
	};

	put_bar(u);
	uses_class(u, "drm", uses_path(u, GPU, "/drm/renderD129"));
	fake_open(u->k, "900", "ollama", "/dev/dri/renderD129");
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		fake_file(&u->k->tree, "proc/900/cgroup", cases[i].cgroup);
		const struct device_use *use =
			uses_find(uses_of(u, GPU), USE_DISPLAY, "renderD129");

		assert_non_null(use);
		if (cases[i].unit)
			assert_string_equal(use->unit, cases[i].unit);
		else
			assert_null(use->unit);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		USES_TEST(nothing),      USES_TEST(connectors),
		USES_TEST(console),      USES_TEST(firmware_framebuffer),
		USES_TEST(boot_display), USES_TEST(processes),
		USES_TEST(sound),        USES_TEST(keyboards),
		USES_TEST(guest),        USES_TEST(gaps),
		USES_TEST(only_display), USES_TEST(nodes),
		USES_TEST(unit_of),
	};

	return cmocka_run_group_tests_name("use_display", tests, NULL, NULL);
}
