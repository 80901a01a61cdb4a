// SPDX-License-Identifier: MIT
// What stands against a handover because the host uses the device: every kind of use refuses by its
// name, its own word of --allow lifts it and no other does, and nothing lifts another guest.

#include "handover/handover.h"
#include "tests/unit/uses.h"

struct asked {
	struct handover handover;
	struct handover_refusals refusals;
	struct err e;
};

/* Reads the machine anew and asks about these devices. */
static struct asked *ask(struct uses *u, unsigned allowed, const char *const *devices, size_t n)
{
	static struct asked asked;

	asked = (struct asked){ 0 };
	(void)uses_of(u, GPU);
	assert_int_equal(handover_select(&u->host, devices, n, &asked.handover, &asked.e), 0);
	asked.handover.allowed = allowed;
	assert_int_equal(handover_refusals(&u->host, &asked.handover, &asked.refusals, &asked.e),
			 0);
	return &asked;
}

static struct asked *ask_one(struct uses *u, unsigned allowed, const char *device)
{
	return ask(u, allowed, &device, 1);
}

static const struct handover_refusal *find(const struct asked *asked, const char *words)
{
	for (size_t i = 0; i < asked->refusals.n; i++) {
		if (strstr(asked->refusals.refusal[i].what, words))
			return &asked->refusals.refusal[i];
	}
	for (size_t i = 0; i < asked->refusals.n; i++)
		print_message("# has: %s\n", asked->refusals.refusal[i].what);
	return NULL;
}

static const unsigned all_bits[] = {
	HANDOVER_ALLOW_DISK,  HANDOVER_ALLOW_NETWORK, HANDOVER_ALLOW_DISPLAY,
	HANDOVER_ALLOW_INPUT, HANDOVER_ALLOW_OPEN,
};

/* One refusal, that says @words and is lifted by @word alone. */
static void assert_lifted_by(struct uses *u, const char *device, const char *words,
			     const char *word)
{
	unsigned bit = 0;
	struct asked *asked = ask_one(u, 0, device);
	const struct handover_refusal *refusal = find(asked, words);

	assert_non_null(refusal);
	assert_int_equal(asked->refusals.n, 1);
	assert_string_equal(refusal->allow, word);
	assert_non_null(strstr(handover_refusal_text(&u->host, refusal), word));
	assert_int_equal(handover_refuse(&u->host, &asked->refusals, &asked->e), -EPERM);
	assert_int_equal(asked->e.kind, ERR_REFUSED);
	assert_int_equal(handover_allow(word, &bit, &asked->e), 0);
	for (size_t i = 0; i < ARRAY_SIZE(all_bits); i++) {
		asked = ask_one(u, all_bits[i], device);
		assert_int_equal(asked->refusals.n, all_bits[i] == bit ? 0 : 1);
	}
}

static void put_bar(struct uses *u)
{
	uses_file(u, GPU, "/resource",
		  "0x00000000f6000000 0x00000000f6ffffff 0x0000000000040200\n");
	uses_file(u, IGPU, "/resource",
		  "0x00000000f7000000 0x00000000f7ffffff 0x0000000000040200\n");
}

static void put_card(struct uses *u, const char *function, const char *name)
{
	char path[128];

	put_bar(u);
	snprintf(path, sizeof(path), "/drm/%s", name);
	uses_class(u, "drm", uses_path(u, function, path));
}

static void test_idle(void **state)
{
	struct uses *u = *state;
	static const char *const devices[] = { NVME, NIC, GPU, USB2, SATA };

	put_bar(u);
	for (size_t i = 0; i < ARRAY_SIZE(devices); i++) {
		struct asked *asked = ask_one(u, 0, devices[i]);

		if (asked->refusals.n)
			fail_msg("%s", asked->refusals.refusal[0].what);
		assert_int_equal(handover_refuse(&u->host, &asked->refusals, &asked->e), 0);
	}
}

static void test_disk(void **state)
{
	struct uses *u = *state;

	uses_block(u, uses_path(u, NVME, "/nvme/nvme0/nvme0n1"), "259:0", NULL);
	fake_file(&u->k->tree, "proc/self/mountinfo",
		  "29 1 259:0 / /srv rw - ext4 /dev/nvme0n1 rw\n");
	assert_lifted_by(u, NVME, "/srv is mounted from nvme0n1", "disk");
	fake_file(&u->k->tree, "proc/self/mountinfo", "22 1 0:21 / /proc rw - proc proc rw\n");
	fake_file(&u->k->tree, "proc/swaps",
		  "Filename Type Size Used Priority\n/dev/nvme0n1 partition 8 0 -2\n");
	assert_lifted_by(u, NVME, "nvme0n1 is swap space", "disk");
	fake_remove(&u->k->tree, "proc/swaps");
	/* a process that writes to it is as good as a mount */
	fake_open(u->k, "812", "postgres", "/dev/nvme0n1");
	assert_lifted_by(u, NVME, "postgres (pid 812) has dev/nvme0n1 open", "disk");
}

static void test_network(void **state)
{
	struct uses *u = *state;

	uses_class(u, "net", uses_path(u, NIC, "/net/eth0"));
	fake_file(&u->k->tree, "proc/net/route",
		  "Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\n"
		  "eth0\t00000000\t0101A8C0\t0003\t0\t0\t100\t00000000\t0\t0\t0\n");
	assert_lifted_by(u, NIC, "eth0 has the default route", "network");
}

static void test_display(void **state)
{
	struct uses *u = *state;

	put_card(u, GPU, "card1");
	uses_class(u, "drm", uses_path(u, GPU, "/drm/card1/card1-DP-1"));
	uses_file(u, GPU, "/drm/card1/card1-DP-1/status", "connected\n");
	uses_file(u, GPU, "/drm/card1/card1-DP-1/enabled", "enabled\n");
	assert_lifted_by(u, GPU, "a monitor at card1-DP-1 shows its picture", "display");
}

static void test_only_display(void **state)
{
	struct uses *u = *state;

	put_bar(u);
	fake_unplug(u->k, IGPU);
	assert_lifted_by(u, GPU, "the only display controller of this host", "display");
}

/* Neither of two cards is the only one, both together are all there is. */
static void test_last_displays(void **state)
{
	struct uses *u = *state;
	const char *both[] = { GPU, IGPU };

	put_bar(u);
	assert_int_equal(ask_one(u, 0, GPU)->refusals.n, 0);
	assert_int_equal(ask_one(u, 0, IGPU)->refusals.n, 0);
	assert_non_null(find(ask(u, 0, both, 2), "leaves this host no display"));
	assert_int_equal(ask(u, HANDOVER_ALLOW_DISPLAY, both, 2)->refusals.n, 0);
}

static void test_open(void **state)
{
	struct uses *u = *state;

	put_card(u, GPU, "card1");
	fake_open(u->k, "700", "Xorg", "/dev/dri/card1");
	assert_lifted_by(u, GPU, "Xorg (pid 700) has dev/dri/card1 open", "open");
	struct asked *asked = ask_one(u, 0, GPU);
	assert_int_equal(handover_refuse(&u->host, &asked->refusals, &asked->e), -EPERM);
	assert_non_null(strstr(asked->e.text, "though the kernel may crash"));
	fake_remove(&u->k->tree, "proc/700");
	uses_class(u, "sound", uses_path(u, AUDIO, "/sound/card1"));
	uses_class(u, "sound", uses_path(u, AUDIO, "/sound/card1/pcmC1D3p"));
	fake_open(u->k, "701", "pipewire", "/dev/snd/pcmC1D3p");
	assert_lifted_by(u, GPU, "pipewire (pid 701) has dev/snd/pcmC1D3p open", "open");
	fake_remove(&u->k->tree, "proc/701");
	uses_class(u, "tty", uses_path(u, USB2, "/usb3/3-2/3-2:1.0/ttyUSB0/tty/ttyUSB0"));
	fake_open(u->k, "702", "openhab", "/dev/ttyUSB0");
	assert_lifted_by(u, USB2, "openhab (pid 702) has dev/ttyUSB0 open", "open");
}

#define KEYBOARD_BITS "1000000000007 ff9f207ac14057ff febeffdfffefffff fffffffffffffffe\n"

static void put_keyboard(struct uses *u, const char *function, const char *rest)
{
	char file[1024], path[512];

	snprintf(path, sizeof(path), "%s", uses_path(u, function, rest));
	uses_class(u, "input", path);
	snprintf(file, sizeof(file), "%s/capabilities/key", path);
	fake_file(&u->k->tree, file, KEYBOARD_BITS);
	snprintf(file, sizeof(file), "%s/name", path);
	fake_file(&u->k->tree, file, "K120\n");
}

static void test_keyboards(void **state)
{
	struct uses *u = *state;
	const char *both[] = { USB, USB2 };

	put_keyboard(u, USB, "/usb1/1-3/1-3:1.0/input/input5");
	assert_lifted_by(u, USB, "the keyboard \"K120\" is plugged into it", "input");
	put_keyboard(u, USB2, "/usb3/3-3/3-3:1.0/input/input6");
	assert_int_equal(ask_one(u, 0, USB)->refusals.n, 0);
	assert_int_equal(ask_one(u, 0, USB2)->refusals.n, 0);
	assert_non_null(find(ask(u, 0, both, 2), "the keyboards of this host"));
	assert_int_equal(ask(u, HANDOVER_ALLOW_INPUT, both, 2)->refusals.n, 0);
	put_keyboard(u, SATA, "/input/input7");
	assert_int_equal(ask(u, 0, both, 2)->refusals.n, 0);
}

/* Another guest, whatever is allowed; also when the device is with VFIO already. */
static void test_guest(void **state)
{
	struct uses *u = *state;
	unsigned all = 0;

	for (size_t i = 0; i < ARRAY_SIZE(all_bits); i++)
		all |= all_bits[i];
	fake_open(u->k, "1200", "qemu-system-x86", "/dev/vfio/4");
	struct asked *asked = ask_one(u, all, NIC);
	assert_int_equal(asked->refusals.n, 1);
	assert_null(asked->refusals.refusal[0].allow);
	assert_int_equal(handover_refuse(&u->host, &asked->refusals, &asked->e), -EPERM);
	assert_non_null(strstr(asked->e.text, "qemu-system-x86 (pid 1200) has dev/vfio/4 open"));
	assert_non_null(strstr(asked->e.text, "end that guest first"));
	fake_remove(&u->k->tree, "proc/1200");
	assert_int_equal(ask_one(u, 0, NIC)->refusals.n, 0);
	/* one process that holds the group of two functions is one refusal */
	put_bar(u);
	fake_open(u->k, "1201", "qemu-system-x86", "/dev/vfio/5");
	asked = ask_one(u, all, GPU);
	assert_int_equal(asked->handover.n, 2);
	assert_int_equal(asked->refusals.n, 1);
}

/* With VFIO already: what the host had on it is gone, a guest may be there. */
static void test_with_vfio(void **state)
{
	static const struct fake_function reserved[] = {
		{ NVME, 0x144d, 0xa804, 0x010802, 3, NULL, NULL, NULL },
		{ GPU, 0x10de, 0x1c82, 0x030000, 5, NULL, NULL, "vfio-pci" },
	};
	struct uses u = { .k = fake_kernel_new(reserved, ARRAY_SIZE(reserved)) };

	(void)state;
	fake_store(u.k, "sys/bus/pci/drivers_probe", GPU, strlen(GPU));
	assert_string_equal(fake_driver_of(u.k, GPU), "vfio-pci");
	fake_directory(&u.k->tree, "proc/1/fd");
	assert_int_equal(ask_one(&u, 0, GPU)->refusals.n, 0);
	fake_open(u.k, "1200", "qemu-system-x86", "/dev/vfio/5");
	assert_int_equal(ask_one(&u, 0, GPU)->refusals.n, 1);
	host_done(&u.host);
	fake_kernel_free(u.k);
}

/* What could not be looked at refuses, by the kind that it belongs to. */
static void test_gaps(void **state)
{
	struct uses *u = *state;

	uses_block(u, uses_path(u, NVME, "/nvme/nvme0/nvme0n1"), "259:0", NULL);
	fake_file(&u->k->tree, "proc/swaps", "");
	fake_error(&u->k->tree, "proc/swaps", -EACCES);
	assert_lifted_by(u, NVME, "cannot be told: proc/swaps could not be read", "disk");
	fake_error(&u->k->tree, "proc/swaps", 0);
	put_card(u, GPU, "card1");
	fake_error(&u->k->tree, "proc/1/fd", -EACCES);
	struct asked *asked = ask_one(u, HANDOVER_ALLOW_OPEN, GPU);
	/* whether a guest has it cannot be told either, and that nothing lifts */
	assert_int_equal(asked->refusals.n, 1);
	assert_null(asked->refusals.refusal[0].allow);
}

/* The line on standard error is one: the first, and how many more there are. */
static void test_several(void **state)
{
	struct uses *u = *state;
	struct asked *asked;

	uses_block(u, uses_path(u, NVME, "/nvme/nvme0/nvme0n1"), "259:0", NULL);
	fake_file(&u->k->tree, "proc/self/mountinfo",
		  "29 1 259:0 / /srv rw - ext4 /dev/nvme0n1 rw\n"
		  "30 1 259:0 / /home rw - ext4 /dev/nvme0n1 rw\n");
	fake_file(&u->k->tree, "proc/swaps",
		  "Filename Type Size Used Priority\n/dev/nvme0n1 partition 8 0 -2\n");
	asked = ask_one(u, 0, NVME);
	assert_int_equal(asked->refusals.n, 3);
	assert_int_equal(handover_refuse(&u->host, &asked->refusals, &asked->e), -EPERM);
	assert_non_null(strstr(asked->e.text, "/srv is mounted"));
	assert_non_null(strstr(asked->e.text, "umount /srv"));
	assert_non_null(strstr(asked->e.text, "and 2 more: --dry-run lists them"));
	assert_null(strchr(asked->e.text, '\n'));
}

/* Rules of the kernel stand in the same list, each function with its own. */
static void test_rules(void **state)
{
	struct uses *u = *state;
	const char *two[] = { PORT, NVME };
	struct asked *asked;

	uses_block(u, uses_path(u, NVME, "/nvme/nvme0/nvme0n1"), "259:0", NULL);
	fake_file(&u->k->tree, "proc/self/mountinfo",
		  "29 1 259:0 / /srv rw - ext4 /dev/nvme0n1 rw\n");
	asked = ask(u, HANDOVER_ALLOW_NETWORK, two, 2);
	assert_int_equal(asked->refusals.n, 2);
	assert_non_null(find(asked, "is a bridge"));
	assert_null(find(asked, "is a bridge")->allow);
	assert_non_null(find(asked, "/srv is mounted"));
}

static void test_words(void **state)
{
	struct err e = { 0 };
	unsigned allowed = 0;

	(void)state;
	assert_int_equal(handover_allow("all", &allowed, &e), -EINVAL);
	assert_int_equal(e.kind, ERR_USAGE);
	assert_int_equal(handover_allow("guest", &allowed, &e), -EINVAL);
	assert_int_equal(allowed, 0);
	assert_int_equal(handover_allow("disk", &allowed, &e), 0);
	assert_int_equal(handover_allow("open", &allowed, &e), 0);
	assert_int_equal(allowed, HANDOVER_ALLOW_DISK | HANDOVER_ALLOW_OPEN);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		USES_TEST(idle),         USES_TEST(disk),
		USES_TEST(network),      USES_TEST(display),
		USES_TEST(only_display), USES_TEST(last_displays),
		USES_TEST(open),         USES_TEST(keyboards),
		USES_TEST(guest),        cmocka_unit_test(test_with_vfio),
		USES_TEST(gaps),         USES_TEST(several),
		USES_TEST(rules),        cmocka_unit_test(test_words),
	};

	return cmocka_run_group_tests_name("refuse", tests, NULL, NULL);
}
