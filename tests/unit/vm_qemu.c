// SPDX-License-Identifier: MIT
// The real QEMU: that it takes the arguments, puts the devices where they belong, and that vm_run()
// runs a guest on it to its end. The guest is a boot sector; the devices are virtio-rng, since
// vfio-pci needs a host that has something to give. Skipped where there is no QEMU.

#include "tests/unit/vm_guest.h"

#include "base/text.h"

#define MIB ((uint64_t)1024 * 1024)
#define LONG_MS (2 * PATIENCE_MS)

/*
 * Prints "guest up", then echoes what it receives. Ends the machine on the power button and on 'q',
 * resets it on 'r'. I/O ports: COM1 0x3f8; ACPI PM1 status 0x600, enable 0x602, control 0x604 (the
 * firmware of q35 puts them there); reset control 0xcf9.
 */
static const unsigned char boot_sector[] = {
	0xfa,             /*       cli */
	0x31, 0xc0,       /*       xor %ax,%ax */
	0x8e, 0xd8,       /*       mov %ax,%ds */
	0xbe, 0x47, 0x7c, /*       mov $text,%si */
	0xba, 0xf8, 0x03, /*       mov $0x3f8,%dx */
	0xac,             /* next: lods %ds:(%si),%al */
	0x84, 0xc0,       /*       test %al,%al */
	0x74, 0x03,       /*       je button */
	0xee,             /*       out %al,(%dx) */
	0xeb, 0xf8,       /*       jmp next */
	0xba, 0x02, 0x06, /* button: mov $0x602,%dx */
	0xb8, 0x00, 0x01, /*       mov $0x100,%ax */
	0xef,             /*       out %ax,(%dx) */
	0xba, 0x00, 0x06, /* wait: mov $0x600,%dx */
	0xed,             /*       in (%dx),%ax */
	0xf6, 0xc4, 0x01, /*       test $1,%ah */
	0x75, 0x1c,       /*       jne off */
	0xba, 0xfd, 0x03, /*       mov $0x3fd,%dx */
	0xec,             /*       in (%dx),%al */
	0xa8, 0x01,       /*       test $1,%al */
	0x74, 0xef,       /*       je wait */
	0xba, 0xf8, 0x03, /*       mov $0x3f8,%dx */
	0xec,             /*       in (%dx),%al */
	0xee,             /*       out %al,(%dx) */
	0x3c, 'q',        /*       cmp $'q',%al */
	0x74, 0x0b,       /*       je off */
	0x3c, 'r',        /*       cmp $'r',%al */
	0x75, 0xe2,       /*       jne wait */
	0xba, 0xf9, 0x0c, /*       mov $0xcf9,%dx */
	0xb0, 0x06,       /*       mov $6,%al */
	0xee,             /*       out %al,(%dx) */
	0xf4,             /*       hlt */
	0xba, 0x04, 0x06, /* off:  mov $0x604,%dx */
	0xb8, 0x00, 0x20, /*       mov $0x2000,%ax */
	0xef,             /*       out %ax,(%dx) */
	0xf4,             /*       hlt */
	'g',  'u',  'e',  's', 't', ' ', 'u', 'p', '\r', '\n', 0,
};

static const char disk[] = "a,b \"c\" disk.img";

static int disk_create(void **state)
{
	static char directory[] = "/tmp/unit-vm-qemu-XXXXXX";
	unsigned char sector[512] = { 0 };

	source_top();
	memcpy(sector, boot_sector, sizeof(boot_sector));
	sector[510] = 0x55;
	sector[511] = 0xaa;
	if (!mkdtemp(directory) || chdir(directory) < 0)
		return -1;
	CLEANUP_CLOSE int fd = open(disk, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0 || write(fd, sector, sizeof(sector)) != sizeof(sector) || ftruncate(fd, MIB) < 0)
		return -1;
	*state = directory;
	return 0;
}

static int disk_remove(void **state)
{
	unlink(disk);
	return chdir("/") < 0 ? -1 : rmdir(*state);
}

static void need_qemu(void)
{
	if (system("qemu-system-x86_64 -version >/dev/null 2>&1") != 0)
		skip();
}

static struct vm_command command_for(struct arena *a, const struct vm_function *functions, size_t n)
{
	static const char *const disks[] = { disk };
	const struct vm_config config = { .memory_bytes = 64 * MIB + 8192,
					  .cpus = 2,
					  .disks = disks,
					  .n_disks = 1,
					  .functions = functions,
					  .n_functions = n };
	struct vm_command command;
	struct err e;

	if (vm_command(a, &config, &command, &e) < 0)
		fail_msg("%s", e.text);
	return command;
}

static void start_guest(struct arena *a, struct vm_guest *g)
{
	need_qemu();
	guest_start(g, command_for(a, NULL, 0).argv, false, LONG_MS, LONG_MS);
	guest_expect(g, "guest up\r\n");
}

static void check_end(struct vm_guest *g)
{
	if (guest_end(g) != 0)
		fail_msg("%s", g->outcome->e.text);
	assert_int_equal(g->outcome->status, 0);
	guest_free(g);
}

static void guest_talks_and_powers_off(void **state)
{
	struct arena a CLEANUP_ARENA = { 0 };
	struct vm_guest g;

	(void)state;
	start_guest(&a, &g);
	guest_type(&g, "abc");
	guest_expect(&g, "abc");
	guest_type(&g, "q");
	check_end(&g);
}

static void guest_that_reboots_ends(void **state)
{
	struct arena a CLEANUP_ARENA = { 0 };
	struct vm_guest g;

	(void)state;
	start_guest(&a, &g);
	guest_type(&g, "r");
	check_end(&g);
}

static void interrupt_is_the_power_button(void **state)
{
	struct arena a CLEANUP_ARENA = { 0 };
	struct vm_guest g;

	(void)state;
	start_guest(&a, &g);
	/* the text comes before the button is enabled, an echo after it */
	guest_type(&g, "x");
	guest_expect(&g, "x");
	kill(g.pid, SIGINT);
	check_end(&g);
}

static void refusal_of_qemu_is_told(void **state)
{
	/* the last function of the last bus: no host has it */
	const struct vm_function function = { "ffff:ff:1f.7", "ffff:ff:1f", 7 };
	struct arena a CLEANUP_ARENA = { 0 };
	struct vm_guest g;

	(void)state;
	need_qemu();
	guest_start(&g, command_for(&a, &function, 1).argv, false, LONG_MS, LONG_MS);
	assert_int_equal(guest_end(&g), -EIO);
	assert_says(g.outcome->e.text, "qemu-system-x86_64 did not start the guest: ");
	assert_says(g.outcome->e.text, "ffff:ff:1f.7");
	guest_free(&g);
}

/* Replaces what no build machine has and keeps id, bus, address and multifunction. */
static void devices_replace(struct arena *a, struct vm_command *command)
{
	for (size_t i = 0; i < command->n; i++) {
		if (!strstr(command->argv[i], "\"vfio-pci\""))
			continue;
		json_t *device = json_loads(command->argv[i], 0, NULL);
		assert_non_null(device);
		json_object_set_new(device, "driver", json_string("virtio-rng-pci"));
		json_object_del(device, "host");
		char *text = json_dumps(device, JSON_COMPACT);
		command->argv[i] = arena_strdup(a, text);
		free(text);
		json_decref(device);
	}
}

/* One exchange on the monitor; the reply. */
static json_t *ask(int fd, FILE *from, const char *command)
{
	static char line[QMP_MESSAGE_MAX];

	dprintf(fd, "{\"execute\": \"%s\"}\r\n", command);
	for (;;) {
		if (!fgets(line, sizeof(line), from))
			fail_msg("no answer to %s", command);
		json_t *message = json_loads(line, 0, NULL);
		assert_non_null(message);
		if (json_object_get(message, "return"))
			return message;
		if (json_object_get(message, "error"))
			fail_msg("%s: %s", command, line);
		json_decref(message);
	}
}

static json_int_t number(const json_t *object, const char *name)
{
	assert_true(json_is_integer(json_object_get(object, name)));
	return json_integer_value(json_object_get(object, name));
}

/* Every device behind a port as "port's slot.function: id@slot.function ...", one port a line. */
static const char *placement(struct arena *a, json_t *reply)
{
	json_t *buses = json_object_get(reply, "return"), *port, *device;
	char *text = arena_strdup(a, "");
	size_t i, j;

	json_array_foreach(json_object_get(json_array_get(buses, 0), "devices"), i, port)
	{
		const json_t *bridge = json_object_get(port, "pci_bridge");
		if (!bridge)
			continue;
		text = arena_printf(a, "%s%d.%d:", text, (int)number(port, "slot"),
				    (int)number(port, "function"));
		json_array_foreach(json_object_get(bridge, "devices"), j, device) text =
			arena_printf(a, "%s %s@%d.%d", text,
				     json_string_value(json_object_get(device, "qdev_id")),
				     (int)number(device, "slot"), (int)number(device, "function"));
		text = arena_printf(a, "%s\n", text);
	}
	return text;
}

/* Reads the console until the guest is there: then the firmware has numbered the buses. */
static void wait_for_guest(int console)
{
	char text[4096];
	size_t n = 0;

	while (!memmem(text, n, "guest up", 8)) {
		wait_readable(console, "the guest");
		ssize_t got = read(console, text + n, sizeof(text) - n);
		if (got <= 0)
			fail_msg("the guest ended: \"%.*s\"", (int)n, text);
		n += (size_t)got;
	}
}

/* Starts QEMU and asks it where everything is. */
static const char *ask_placement(struct arena *a, const struct vm_function *functions, size_t n)
{
	struct vm_command command = command_for(a, functions, n);
	struct vm_process p;
	sigset_t none;
	struct err e;

	devices_replace(a, &command);
	sigemptyset(&none);
	if (vm_spawn(command.argv, &none, &p, &e) < 0)
		fail_msg("%s", e.text);
	const struct timeval patience = { .tv_sec = PATIENCE_MS / 1000 };
	setsockopt(p.qmp, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	FILE *from = fdopen(dup(p.qmp), "r");
	json_decref(ask(p.qmp, from, "qmp_capabilities"));
	wait_for_guest(p.console);
	json_t *reply = ask(p.qmp, from, "query-pci");
	const char *text = placement(a, reply);
	json_decref(reply);
	json_decref(ask(p.qmp, from, "quit"));
	wait_readable(p.pidfd, "the end of QEMU");
	assert_int_equal(waitpid(p.pid, NULL, 0), p.pid);
	fclose(from);
	vm_process_close(&p);
	return text;
}

static void functions_stand_where_they_belong(void **state)
{
	const struct vm_function functions[] = {
		{ "0000:01:00.1", "0000:01:00", 1 }, { "0000:01:00.0", "0000:01:00", 0 },
		{ "0000:01:00.3", "0000:01:00", 3 }, { "0000:02:00.4", "0000:02:00", 4 },
		{ "0000:02:00.6", "0000:02:00", 6 }, { "0000:03:00.0", "0000:03:00", 0 },
	};
	struct arena a CLEANUP_ARENA = { 0 };

	(void)state;
	need_qemu();
	assert_string_equal(ask_placement(&a, functions, ARRAY_SIZE(functions)),
			    "1.0: host1-0@0.0 host1-1@0.1 host1-3@0.3\n"
			    "1.1: host2-0@0.0 host2-1@0.1\n"
			    "1.2: host3-0@0.0\n"
			    "1.3: disk1-device@0.0\n");
}

static void seventy_slots(void **state)
{
	struct arena a CLEANUP_ARENA = { 0 };
	struct vm_function *f = arena_array(&a, 70, sizeof(*f));

	(void)state;
	need_qemu();
	for (size_t i = 0; i < 70; i++) {
		const char *slot = arena_printf(&a, "0000:%02zx:00", i);
		f[i] = (struct vm_function){ arena_printf(&a, "%s.0", slot), slot, 0 };
	}
	const char *text = ask_placement(&a, f, 70);
	assert_says(text, "1.0: host1-0@0.0\n");
	assert_says(text, "8.7: host64-0@0.0\n");
	assert_says(text, "9.5: host70-0@0.0\n9.6: disk1-device@0.0\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(guest_talks_and_powers_off),
		cmocka_unit_test(guest_that_reboots_ends),
		cmocka_unit_test(interrupt_is_the_power_button),
		cmocka_unit_test(refusal_of_qemu_is_told),
		cmocka_unit_test(functions_stand_where_they_belong),
		cmocka_unit_test(seventy_slots),
	};

	return cmocka_run_group_tests(tests, disk_create, disk_remove);
}
