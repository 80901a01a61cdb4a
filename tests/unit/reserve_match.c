// SPDX-License-Identifier: MIT
// Which function of a host a reserved one is: cards that moved, twins, strangers; and reading a
// host.

#include "reserve/reserve.h"
#include "tests/unit/temporary.h"

#include <errno.h>
#include <fcntl.h>

#define GPU                                                                                        \
	{                                                                                          \
		0x10de, 0x2204, 0x1043, 0x87d5, 0x030000                                           \
	}
#define DISK                                                                                       \
	{                                                                                          \
		0x144d, 0xa808, 0x144d, 0xa801, 0x010802                                           \
	}

static struct reserve_function there[8];
static struct reserve_record records[4];
static struct reserve_match matches[4];

static struct reserve_function function(const char *address, struct reserve_ids ids,
					const char *slot)
{
	struct reserve_function f = { .ids = ids };

	strcpy(f.address, address);
	strcpy(f.slot, slot);
	return f;
}

static void match(size_t n_records, size_t n_functions)
{
	struct reserve_host host = { .functions = there, .n = n_functions };

	reserve_match(records, n_records, &host, matches);
}

static const struct reserve_ids gpu = GPU, disk = DISK;
static const struct reserve_ids card_usb = { 0x10de, 0x1ad8, 0x1043, 0x87d5, 0x0c0330 };

/* One reserved card, at 41:00.0 behind the port 40:01.1. */
static void reserve_one(unsigned twins)
{
	memset(records, 0, sizeof(records));
	records[0].function = function("0000:41:00.0", gpu, "0000:40/01.1/00.0");
	records[0].twins = twins;
}

static void at_its_place(void **state)
{
	(void)state;
	reserve_one(1);
	there[0] = function("0000:81:00.0", gpu, "0000:80/01.1/00.0");
	there[1] = function("0000:41:00.0", gpu, "0000:40/01.1/00.0");
	match(1, 2);
	assert_int_equal(matches[0].found, RESERVE_HERE);
	assert_int_equal(matches[0].function, 1);
}

/* One more card in front: every number behind it is another, and its old number is its twin's. */
static void after_a_new_numbering(void **state)
{
	(void)state;
	reserve_one(1);
	there[0] = function("0000:41:00.0", gpu, "0000:40/01.0/00.0");
	there[1] = function("0000:42:00.0", gpu, "0000:40/01.1/00.0");
	match(1, 2);
	assert_int_equal(matches[0].found, RESERVE_HERE);
	assert_int_equal(matches[0].function, 1);
}

static void a_stranger_is_left_alone(void **state)
{
	struct reserve_ids other;

	(void)state;
	reserve_one(0);
	for (int i = 0; i < 5; i++) {
		other = gpu;
		other.vendor += i == 0;
		other.device += i == 1;
		other.subsystem_vendor += i == 2;
		other.subsystem_device += i == 3;
		other.class_code = i == 4 ? 0x040300 : other.class_code;
		there[0] = function("0000:41:00.0", other, "0000:40/01.1/00.0");
		match(1, 1);
		assert_int_equal(matches[0].found, RESERVE_ABSENT);
	}
}

/* The firmware's "primary display" was changed: the same chip is no VGA controller any more. */
static void a_display_of_another_class(void **state)
{
	(void)state;
	reserve_one(0);
	there[0] = function("0000:41:00.0", gpu, "0000:40/01.1/00.0");
	there[0].ids.class_code = 0x038000;
	match(1, 1);
	assert_int_equal(matches[0].found, RESERVE_HERE);
	there[0].ids.class_code = 0x040300;
	match(1, 1);
	assert_int_equal(matches[0].found, RESERVE_ABSENT);
	/* a controller for disks that became one for arrays has another content for the host */
	records[0].function.ids.class_code = 0x010601;
	there[0].ids.class_code = 0x010400;
	match(1, 1);
	assert_int_equal(matches[0].found, RESERVE_ABSENT);
}

static void moved(void **state)
{
	(void)state;
	reserve_one(0);
	there[0] = function("0000:41:00.0", disk, "0000:40/01.1/00.0");
	there[1] = function("0000:81:00.0", gpu, "0000:80/03.1/00.0");
	match(1, 2);
	assert_int_equal(matches[0].found, RESERVE_MOVED);
	assert_int_equal(matches[0].function, 1);
}

static void one_of_several_is_not_taken(void **state)
{
	(void)state;
	reserve_one(0);
	there[0] = function("0000:81:00.0", gpu, "0000:80/03.1/00.0");
	there[1] = function("0000:82:00.0", gpu, "0000:80/03.2/00.0");
	match(1, 2);
	assert_int_equal(matches[0].found, RESERVE_AMBIGUOUS);
	assert_int_equal(matches[0].candidates, 2);
}

/* The reserved one of two cards was taken out: the other one is the host's. */
static void the_twin_of_the_host_is_left_alone(void **state)
{
	(void)state;
	reserve_one(1);
	there[0] = function("0000:41:00.0", gpu, "0000:80/03.1/00.0");
	match(1, 1);
	assert_int_equal(matches[0].found, RESERVE_AMBIGUOUS);
}

/*
 * The reserved one was the only one, and died; the host was given another one of its kind
 * meanwhile, for its root file system or its network.
 */
static void what_came_later_is_the_hosts(void **state)
{
	static const struct {
		uint32_t class_code;
		enum reserve_found found;
	} kinds[] = {
		{ 0x010601, RESERVE_AMBIGUOUS }, { 0x010802, RESERVE_AMBIGUOUS },
		{ 0x020000, RESERVE_AMBIGUOUS }, { 0x028000, RESERVE_AMBIGUOUS },
		{ 0x0c0330, RESERVE_AMBIGUOUS }, { 0x0c0400, RESERVE_AMBIGUOUS },
		{ 0x080501, RESERVE_AMBIGUOUS }, { 0x070002, RESERVE_AMBIGUOUS },
		{ 0x000000, RESERVE_AMBIGUOUS }, { 0xff0000, RESERVE_AMBIGUOUS },
		{ 0x030000, RESERVE_MOVED },     { 0x040300, RESERVE_MOVED },
		{ 0x0b4000, RESERVE_MOVED },     { 0x120000, RESERVE_MOVED },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		reserve_one(0);
		records[0].function.ids.class_code = kinds[i].class_code;
		there[0] = function("0000:03:00.0", gpu, "0000:00/1c.0/00.0");
		there[1] = function("0000:02:00.0", records[0].function.ids, "0000:00/1d.4/00.0");
		there[0].ids.device++;
		match(1, 2);
		assert_int_equal(matches[0].found, kinds[i].found);
		assert_int_equal(matches[0].function, 1);
	}
	/* the number says which one it is, when it is one */
	reserve_one(0);
	records[0].function.ids = disk;
	records[0].function.has_serial = there[0].has_serial = true;
	there[0] = function("0000:02:00.0", disk, "0000:00/1d.4/00.0");
	there[0].has_serial = true;
	records[0].function.serial = there[0].serial = 0x0025385b71b0c0d0;
	match(1, 1);
	assert_int_equal(matches[0].found, RESERVE_MOVED);
	records[0].function.serial = there[0].serial = 0x01000000684ce000;
	match(1, 1);
	assert_int_equal(matches[0].found, RESERVE_AMBIGUOUS);
	assert_int_equal(matches[0].candidates, 1);
}

/* The USB controller of a graphics card goes where the card goes, one elsewhere is another one. */
static void a_card_moves_as_a_whole(void **state)
{
	(void)state;
	reserve_one(0);
	records[1].function = function("0000:41:00.2", card_usb, "0000:40/01.1/00.2");
	there[0] = function("0000:81:00.0", gpu, "0000:80/03.1/00.0");
	there[1] = function("0000:82:00.2", card_usb, "0000:80/03.2/00.2");
	there[2] = function("0000:81:00.2", card_usb, "0000:80/03.1/00.2");
	there[3] = function("0000:81:00.3", card_usb, "0000:80/03.1/00.3");
	match(2, 4);
	assert_int_equal(matches[0].found, RESERVE_MOVED);
	assert_int_equal(matches[1].found, RESERVE_MOVED);
	assert_int_equal(matches[1].function, 2);
	match(2, 2);
	assert_int_equal(matches[1].found, RESERVE_AMBIGUOUS);
	/* the display is at its place, so its card did not move */
	there[0] = function("0000:41:00.0", gpu, "0000:40/01.1/00.0");
	match(2, 3);
	assert_int_equal(matches[1].found, RESERVE_AMBIGUOUS);
}

/* All ports have the same ids and the same serial, which is that of the card. */
static void a_card_with_four_ports(void **state)
{
	static const char *const ports[] = { "0", "1", "2", "3" };
	struct reserve_ids nic = { 0x8086, 0x1521, 0x8086, 0x5001, 0x020000 };
	char address[RESERVE_ADDRESS_MAX], slot[RESERVE_SLOT_MAX];

	(void)state;
	memset(records, 0, sizeof(records));
	for (size_t i = 0; i < 4; i++) {
		snprintf(address, sizeof(address), "0000:41:00.%s", ports[i]);
		snprintf(slot, sizeof(slot), "0000:40/01.1/00.%s", ports[i]);
		records[i].function = function(address, nic, slot);
		snprintf(address, sizeof(address), "0000:61:00.%s", ports[i]);
		snprintf(slot, sizeof(slot), "0000:60/03.1/00.%s", ports[i]);
		/* in which order a directory is read is nobody's promise */
		there[3 - i] = function(address, nic, slot);
		records[i].function.has_serial = there[3 - i].has_serial = true;
		records[i].function.serial = there[3 - i].serial = 0xa0369fffff123456;
	}
	match(4, 4);
	for (size_t i = 0; i < 4; i++) {
		assert_int_equal(matches[i].found, RESERVE_MOVED);
		assert_int_equal(matches[i].function, 3 - i);
	}
	/* the host keeps the others */
	records[0] = records[2];
	records[0].twins = 3;
	match(1, 4);
	assert_int_equal(matches[0].found, RESERVE_MOVED);
	assert_int_equal(matches[0].function, 1);
	/* that port is switched off: its neighbours are still the host's */
	there[1] = there[0];
	match(1, 3);
	assert_int_equal(matches[0].found, RESERVE_ABSENT);
	/* a serial that another card has as well says nothing */
	there[1] = function("0000:71:00.2", nic, "0000:70/03.1/00.2");
	there[1].has_serial = true;
	there[1].serial = there[0].serial;
	match(1, 3);
	assert_int_equal(matches[0].found, RESERVE_AMBIGUOUS);
}

static void two_reserved_twins(void **state)
{
	(void)state;
	reserve_one(0);
	records[1].function = function("0000:81:00.0", gpu, "0000:80/03.1/00.0");
	there[0] = function("0000:42:00.0", gpu, "0000:40/02.1/00.0");
	there[1] = function("0000:81:00.0", gpu, "0000:80/03.1/00.0");
	match(2, 2);
	/* the second is at its place, so the first can only be the other one */
	assert_int_equal(matches[1].found, RESERVE_HERE);
	assert_int_equal(matches[1].function, 1);
	assert_int_equal(matches[0].found, RESERVE_MOVED);
	assert_int_equal(matches[0].function, 0);
	match(2, 1);
	/* never one for two */
	assert_int_equal(matches[0].found, RESERVE_MOVED);
	assert_int_equal(matches[1].found, RESERVE_ABSENT);
}

static void by_address_without_a_slot(void **state)
{
	(void)state;
	reserve_one(0);
	records[0].function.slot[0] = '\0';
	there[0] = function("0000:81:00.0", gpu, "");
	there[1] = function("0000:41:00.0", gpu, "");
	match(1, 2);
	assert_int_equal(matches[0].found, RESERVE_HERE);
	assert_int_equal(matches[0].function, 1);
}

static size_t asked;

static void serial_of(void *closure, struct reserve_function *f)
{
	(void)closure;
	asked++;
	/* the disk of the host has one as well: it is of another kind, and is never asked */
	assert_int_equal(f->ids.vendor, gpu.vendor);
	f->has_serial = strcmp(f->address, "0000:83:00.0") != 0;
	f->serial = f->address[6] - '0';
}

static void by_serial(void **state)
{
	struct reserve_host host = { .functions = there, .n = 4, .read_serial = serial_of };

	(void)state;
	reserve_one(2);
	records[0].function.has_serial = true;
	records[0].function.serial = 2;
	there[0] = function("0000:81:00.0", gpu, "0000:80/03.1/00.0");
	there[1] = function("0000:82:00.0", gpu, "0000:80/03.2/00.0");
	there[2] = function("0000:83:00.0", gpu, "0000:80/03.3/00.0");
	there[3] = function("0000:84:00.0", disk, "0000:80/03.4/00.0");
	reserve_match(records, 1, &host, matches);
	assert_int_equal(matches[0].found, RESERVE_MOVED);
	assert_int_equal(matches[0].function, 1);
	records[0].function.serial = 7;
	reserve_match(records, 1, &host, matches);
	assert_int_equal(matches[0].found, RESERVE_ABSENT);
	/* at its place it is not asked for: reading it may wake a card */
	there[0] = function("0000:41:00.0", gpu, "0000:40/01.1/00.0");
	asked = 0;
	reserve_match(records, 1, &host, matches);
	assert_int_equal(matches[0].found, RESERVE_HERE);
	assert_int_equal(asked, 0);
}

/* ---- reading a host ---- */

#define DEVICES "sys/devices/pci0000:40/0000:40:01.1/"

static void reads_a_host(void **state)
{
	struct temporary t;
	uint8_t config[4096] = { 0 };

	(void)state;
	assert_int_equal(temporary_make(&t), 0);
	temporary_file(&t, DEVICES "0000:41:00.0/modalias",
		       "pci:v000010DEd00002204sv00001043sd000087D5bc03sc00i00\n");
	temporary_link(&t, "sys/bus/pci/devices/0000:41:00.0",
		       "../../../devices/pci0000:40/0000:40:01.1/0000:41:00.0");
	/* garbage, a directory without anything, a name that is none, an id that does not fit */
	temporary_file(&t, "sys/bus/pci/devices/0000:42:00.0/modalias", "pci:v000010DE");
	temporary_file(&t, "sys/bus/pci/devices/0000:43:00.0/nothing", "");
	temporary_file(&t, "sys/bus/pci/devices/nonsense/modalias",
		       "pci:v000010DEd00002204sv00001043sd000087D5bc03sc00i00\n");
	temporary_file(&t, "sys/bus/pci/devices/0000:44:00.0/modalias",
		       "pci:v000110DEd00002204sv00001043sd000087D5bc03sc00i00\n");
	int root = open(t.path, O_RDONLY | O_DIRECTORY);
	assert_int_equal(reserve_read_host(root, there, ARRAY_SIZE(there)), 1);
	assert_string_equal(there[0].address, "0000:41:00.0");
	assert_memory_equal(&there[0].ids, &gpu, sizeof(gpu));
	assert_string_equal(there[0].slot, "0000:40/01.1/00.0");
	assert_int_equal(reserve_read_host(root, there, 0), -E2BIG);

	reserve_read_serial(&root, &there[0]);
	assert_false(there[0].has_serial);
	/* another capability first, then the serial number */
	memcpy(config + 0x100, "\x01\x00\x01\x15", 4);
	memcpy(config + 0x150, "\x03\x00\x01\x00\xb2\xa1\x00\x00\x68\x4c\xe0\x00", 12);
	temporary_bytes(&t, DEVICES "0000:41:00.0/config", config, sizeof(config));
	reserve_read_serial(&root, &there[0]);
	assert_true(there[0].has_serial);
	assert_true(there[0].serial == 0x00e04c680000a1b2);
	close(root);
	assert_int_equal(temporary_remove(&t), 0);
	root = open("/", O_RDONLY | O_DIRECTORY);
	close(root);
	assert_int_equal(reserve_read_host(root, there, 1), -EBADF);
}

static void serials_in_bad_configuration_space(void **state)
{
	uint8_t config[4096];
	uint64_t serial;

	(void)state;
	memset(config, 0xff, sizeof(config));
	assert_false(reserve_serial(config, sizeof(config), &serial));
	memset(config, 0, sizeof(config));
	assert_false(reserve_serial(config, sizeof(config), &serial));
	/* a capability that is followed by itself, and one that points below the first */
	memcpy(config + 0x100, "\x01\x00\x01\x10", 4);
	assert_false(reserve_serial(config, sizeof(config), &serial));
	memcpy(config + 0x100, "\x01\x00\x01\x08", 4);
	assert_false(reserve_serial(config, sizeof(config), &serial));
	/* at the very end, where there is no room for a number; without one; read as ones */
	memcpy(config + 0x100, "\x01\x00\xc1\xff", 4);
	memcpy(config + 0xffc, "\x03\x00\x01\x00", 4);
	assert_false(reserve_serial(config, sizeof(config), &serial));
	memcpy(config + 0x100, "\x03\x00\x01\x00", 4);
	assert_false(reserve_serial(config, sizeof(config), &serial));
	memset(config + 0x104, 0xff, 8);
	assert_false(reserve_serial(config, sizeof(config), &serial));
	/* the same in all chips of a model */
	memcpy(config + 0x104, "\x00\xe0\x4c\x68\x00\x00\x00\x01", 8);
	assert_false(reserve_serial(config, sizeof(config), &serial));
	config[0x105] = 0;
	assert_true(reserve_serial(config, sizeof(config), &serial));
	assert_false(reserve_serial(config, 0x100, &serial));
	assert_false(reserve_serial(config, 0x10b, &serial));
	assert_true(reserve_serial(config, 0x10c, &serial));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(at_its_place),
		cmocka_unit_test(after_a_new_numbering),
		cmocka_unit_test(a_stranger_is_left_alone),
		cmocka_unit_test(a_display_of_another_class),
		cmocka_unit_test(moved),
		cmocka_unit_test(one_of_several_is_not_taken),
		cmocka_unit_test(the_twin_of_the_host_is_left_alone),
		cmocka_unit_test(what_came_later_is_the_hosts),
		cmocka_unit_test(a_card_moves_as_a_whole),
		cmocka_unit_test(a_card_with_four_ports),
		cmocka_unit_test(two_reserved_twins),
		cmocka_unit_test(by_address_without_a_slot),
		cmocka_unit_test(by_serial),
		cmocka_unit_test(reads_a_host),
		cmocka_unit_test(serials_in_bad_configuration_space),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
