// SPDX-License-Identifier: MIT
// The checks of what the host loses with a device: in use is a failure with the use named, data and
// dark monitors are worth a warning, and what could not be looked at is unknown.

#include "tests/unit/check_device.h"

static void test_disk(void **state)
{
	struct uses *u = *state;

	expect_skip(u, "disk-in-use", NIC);
	expect(u, "disk-in-use", NVME, VERDICT_PASS, "no disk behind it", NVME, "nothing");
	uses_block(u, uses_path(u, NVME, "/nvme/nvme0/nvme0n1"), "259:0", "ext4");
	expect(u, "disk-in-use", NVME, VERDICT_WARN, "nvme0n1 holds data (ext4)",
	       "run/udev/data/b259:0", "ID_FS_TYPE=ext4");
	fake_file(&u->k->tree, "proc/self/mountinfo",
		  "29 1 259:0 / /home rw - ext4 /dev/nvme0n1 rw\n");
	expect(u, "disk-in-use", NVME, VERDICT_FAIL, "/home is mounted from nvme0n1",
	       "proc/self/mountinfo", "259:0 /home");
	assert_string_equal(verdict.command, "umount /home");
	fake_file(&u->k->tree, "proc/self/mountinfo", "29 1 259:0 / / rw - ext4 /dev/nvme0n1 rw\n");
	expect(u, "disk-in-use", NVME, VERDICT_FAIL, "/ is mounted from nvme0n1",
	       "proc/self/mountinfo", "259:0 /");
	assert_null(verdict.command);
	assert_non_null(strstr(verdict.fix, "stays with the host"));
	fake_error(&u->k->tree, "proc/self/mountinfo", -EACCES);
	expect(u, "disk-in-use", NVME, VERDICT_UNKNOWN, "permission denied", "mountinfo", "");
}

static void test_network(void **state)
{
	struct uses *u = *state;

	expect(u, "network-in-use", NIC, VERDICT_PASS, "no interface of it", NIC, "nothing");
	uses_class(u, "net", uses_path(u, NIC, "/net/eth0"));
	uses_file(u, NIC, "/net/eth0/operstate", "up\n");
	expect(u, "network-in-use", NIC, VERDICT_PASS, "eth0 is up, without a route", "operstate",
	       "up");
	fake_file(&u->k->tree, "proc/net/route",
		  "eth0\t00000000\t0101A8C0\t0003\t0\t0\t100\t00000000\t0\t0\t0\n"
		  "eth0\t0001A8C0\t00000000\t0001\t0\t0\t100\t00FFFFFF\t0\t0\t0\n");
	expect(u, "network-in-use", NIC, VERDICT_FAIL, "eth0 has the default route, and 1 more",
	       "proc/net/route", "0001A8C0");
	fake_error(&u->k->tree, "proc/net/route", -ENODATA);
	expect(u, "network-in-use", NIC, VERDICT_UNKNOWN, "not recorded", "proc/net/route", "");
	expect_skip(u, "network-in-use", NVME);
}

static void test_display(void **state)
{
	struct uses *u = *state;

	uses_file(u, GPU, "/resource",
		  "0x00000000e0000000 0x00000000efffffff 0x000000000014220c\n");
	expect(u, "display-in-use", GPU, VERDICT_PASS, "shows nothing on it", GPU, "nothing");
	uses_class(u, "drm", uses_path(u, GPU, "/drm/card1"));
	uses_class(u, "drm", uses_path(u, GPU, "/drm/card1/card1-DP-1"));
	uses_file(u, GPU, "/drm/card1/card1-DP-1/status", "connected\n");
	uses_file(u, GPU, "/drm/card1/card1-DP-1/enabled", "disabled\n");
	expect(u, "display-in-use", GPU, VERDICT_WARN, "connected and dark", "DP-1/status",
	       "connected, disabled");
	fake_open(u->k, "900", "ollama", "/dev/dri/card1");
	fake_file(&u->k->tree, "proc/900/cgroup", "0::/system.slice/ollama.service\n");
	expect(u, "display-in-use", GPU, VERDICT_FAIL, "ollama (pid 900) has dev/dri/card1 open",
	       "proc/900/fd", "dev/dri/card1");
	assert_string_equal(verdict.command, "systemctl stop ollama.service");
	fake_remove(&u->k->tree, "proc/900");
	fake_error(&u->k->tree, "proc/1/fd", -EACCES);
	expect(u, "display-in-use", GPU, VERDICT_UNKNOWN, "needs root", "proc/1/fd", "denied");
	assert_non_null(verdict.fix);
	expect_skip(u, "display-in-use", NVME);
}

static void test_firmware_framebuffer(void **state)
{
	struct uses *u = *state;
	struct fake_tree *tree = &u->k->tree;

	uses_file(u, GPU, "/resource",
		  "0x00000000e0000000 0x00000000efffffff 0x000000000014220c\n");
	expect(u, "firmware-framebuffer", GPU, VERDICT_PASS, "no framebuffer", "proc/iomem",
	       "none");
	fake_file(tree, "proc/iomem", "e0000000-e07e8fff : efifb\n");
	set_release(u, "6.12.9\n");
	expect(u, "firmware-framebuffer", GPU, VERDICT_WARN, "vfio-pci takes it away", "proc/iomem",
	       "e0000000-e07e8fff : efifb");
	set_release(u, "5.10.0-28-amd64\n");
	expect(u, "firmware-framebuffer", GPU, VERDICT_FAIL, "kernels before 6.0", "proc/iomem",
	       "efifb");
	fake_file(tree, "proc/iomem", "00000000-00000000 : efifb\n");
	expect(u, "firmware-framebuffer", GPU, VERDICT_UNKNOWN, "needs root", "proc/iomem", "");
	/* what else was denied before does not hide it */
	uses_class(u, "drm", uses_path(u, GPU, "/drm/card1"));
	fake_error(tree, "proc/1/fd", -EACCES);
	expect(u, "firmware-framebuffer", GPU, VERDICT_UNKNOWN, "proc/iomem", "proc/iomem", "");
	expect_skip(u, "firmware-framebuffer", NIC);
}

static void test_sound(void **state)
{
	struct uses *u = *state;

	expect_skip(u, "sound-in-use", GPU);
	uses_class(u, "sound", uses_path(u, AUDIO, "/sound/card1"));
	uses_file(u, AUDIO, "/sound/card1/id", "NVidia\n");
	uses_class(u, "sound", uses_path(u, AUDIO, "/sound/card1/pcmC1D3p"));
	expect(u, "sound-in-use", AUDIO, VERDICT_PASS, "the sound card NVidia", "id", "NVidia");
	fake_open(u->k, "701", "pipewire", "/dev/snd/pcmC1D3p");
	expect(u, "sound-in-use", AUDIO, VERDICT_FAIL, "pipewire (pid 701)", "proc/701/fd", "pcm");
}

#define KEYBOARD_BITS "1000000000007 ff9f207ac14057ff febeffdfffefffff fffffffffffffffe\n"

static void put_keyboard(struct uses *u, const char *function, const char *input)
{
	char path[512], file[600];

	snprintf(path, sizeof(path), "%s/usb1/1-1/input/%s", fake_directory_of(u->k, function),
		 input);
	uses_class(u, "input", path);
	snprintf(file, sizeof(file), "%s/capabilities/key", path);
	fake_file(&u->k->tree, file, KEYBOARD_BITS);
}

static void test_keyboard(void **state)
{
	struct uses *u = *state;

	expect_skip(u, "last-keyboard", NVME);
	expect(u, "last-keyboard", USB, VERDICT_PASS, "no keyboard", USB, "nothing");
	put_keyboard(u, USB, "input4");
	expect(u, "last-keyboard", USB, VERDICT_FAIL, "there is no other", "capabilities/key",
	       "1 of 1");
	put_keyboard(u, USB2, "input5");
	expect(u, "last-keyboard", USB, VERDICT_PASS, "there are others", "capabilities/key",
	       "1 of 2");
	fake_error(&u->k->tree, "sys/class/input/input5", -EACCES);
	expect_skip(u, "last-keyboard", NVME);
	fake_remove(&u->k->tree, "sys/class/input/input4");
	expect(u, "last-keyboard", USB, VERDICT_UNKNOWN, "permission denied", "input5", "");
}

static void test_guest(void **state)
{
	struct uses *u = *state;

	expect(u, "guest-has-it", GPU, VERDICT_PASS, "no process has it open", GPU, "nothing");
	fake_open(u->k, "1200", "qemu-system-x86", "/dev/vfio/5");
	expect(u, "guest-has-it", GPU, VERDICT_WARN, "qemu-system-x86 (pid 1200)", "proc/1200/fd",
	       "dev/vfio/5");
	fake_error(&u->k->tree, "proc/1/fd", -EACCES);
	expect(u, "guest-has-it", NIC, VERDICT_UNKNOWN, "needs root", "proc/1/fd", "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		USES_TEST(disk),    USES_TEST(network),
		USES_TEST(display), USES_TEST(firmware_framebuffer),
		USES_TEST(sound),   USES_TEST(keyboard),
		USES_TEST(guest),
	};

	return cmocka_run_group_tests_name("check_device_uses", tests, NULL, NULL);
}
