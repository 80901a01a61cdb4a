// SPDX-License-Identifier: MIT
// Which device a user means: all forms, what fits several, what fits none and what is no selector;
// and which functions go to a guest together.

#include "base/text.h"
#include "host/host.h"
#include "tests/fake/kernel.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>

/* Two identical cards, one of them with its audio as function 0; an APU; a multi-function bridge.
 */
static const struct fake_function functions[] = {
	{ "0000:00:01.0", 0x8086, 0x1901, 0x060400, 1, "pcieport", NULL, NULL },
	{ "0000:00:01.1", 0x8086, 0x1902, 0x060400, 1, "pcieport", NULL, NULL },
	{ "0000:01:00.0", 0x10de, 0x1c82, 0x030000, 2, "nvidia", "0000:00:01.0", NULL },
	{ "0000:01:00.1", 0x10de, 0x0fb9, 0x040300, 2, "snd_hda_intel", "0000:00:01.0", NULL },
	{ "0000:02:00.0", 0x10de, 0x0fb9, 0x040300, 3, "snd_hda_intel", "0000:00:01.1", NULL },
	{ "0000:02:00.1", 0x10de, 0x1c82, 0x030200, 4, "nvidia", "0000:00:01.1", NULL },
	{ "0000:08:00.0", 0x1002, 0x1636, 0x030000, 8, "amdgpu", NULL, NULL },
	{ "0000:08:00.1", 0x1002, 0x1637, 0x040300, 9, "snd_hda_intel", NULL, NULL },
	{ "0000:08:00.2", 0x1022, 0x15df, 0x108000, 10, "ccp", NULL, NULL },
	{ "0000:08:00.3", 0x1022, 0x1639, 0x0c0330, 11, "xhci_hcd", NULL, NULL },
	{ "0000:09:00.0", 0x8086, 0x1521, 0x020000, 12, "igb", NULL, NULL },
	{ "0000:09:00.1", 0x8086, 0x1521, 0x020000, 12, "igb", NULL, NULL },
	{ "0000:09:00.2", 0x8086, 0x1521, 0x020000, 13, "igb", NULL, NULL },
	{ "0001:41:1f.7", 0x144d, 0xa804, 0x010802, 14, "nvme", NULL, NULL },
	{ "0002:07:00.0", 0x10de, 0x22a3, 0x068000, 15, NULL, NULL, NULL },
	{ "0002:08:00.0", 0x8086, 0x7111, 0x010180, 16, "ata_piix", NULL, NULL },
	{ "0002:08:00.1", 0x8086, 0x7110, 0x060100, 16, NULL, NULL, NULL },
	{ "0002:08:00.3", 0x8086, 0x7113, 0x068000, 16, NULL, NULL, NULL },
	{ "10000:e1:00.0", 0x144d, 0xa808, 0x010802, FAKE_NO_GROUP, "nvme", NULL, NULL },
};

struct fixture {
	struct fake_kernel *k;
	struct host host;
	struct err e;
};

static int start(void **state)
{
	static struct fixture f;

	f = (struct fixture){ .k = fake_kernel_new(functions, ARRAY_SIZE(functions)) };
	host_init(&f.host, fake_process(f.k));
	*state = &f;
	return host_read_pci(&f.host, &f.e);
}

static int stop(void **state)
{
	struct fixture *f = *state;

	host_done(&f->host);
	fake_kernel_free(f->k);
	return 0;
}

/* The names of a selection, with blanks between them. */
static const char *names_of(struct fixture *f, const struct selection *s)
{
	const char **names = arena_array(&f->host.arena, s->n, sizeof(*names));

	for (size_t i = 0; i < s->n; i++)
		names[i] = s->function[i]->name;
	return text_join(&f->host.arena, names, s->n, " ");
}

static const struct {
	const char *text, *names;
} forms[] = {
	{ "0000:01:00.0", "0000:01:00.0" },
	{ "01:00.0", "0000:01:00.0" },
	{ "1:0.0", "0000:01:00.0" },
	{ "01:00.1", "0000:01:00.1" },
	{ "0001:41:1f.7", "0001:41:1f.7" },
	{ "1:41:1f.7", "0001:41:1f.7" },
	{ "10000:e1:00.0", "10000:e1:00.0" },
	{ "10000:E1:00.0", "10000:e1:00.0" },
	{ "01:00", "0000:01:00.0 0000:01:00.1" },
	{ "0000:01:00", "0000:01:00.0 0000:01:00.1" },
	/* the display controller first */
	{ "02:00", "0000:02:00.1 0000:02:00.0" },
	{ "10000:e1:00", "10000:e1:00.0" },
	{ "1002:1636", "0000:08:00.0" },
	{ "144D:A804", "0001:41:1f.7" },
	{ "gpu:0", "0000:01:00.0" },
	{ "gpu:1", "0000:02:00.1" },
	{ "gpu:2", "0000:08:00.0" },
	{ "usb", "0000:08:00.3" },
	{ "usb:0", "0000:08:00.3" },
	{ "nvme:1", "10000:e1:00.0" },
	{ "nic:2", "0000:09:00.2" },
};

static void test_forms(void **state)
{
	struct fixture *f = *state;
	struct selection s;

	for (size_t i = 0; i < ARRAY_SIZE(forms); i++) {
		if (select_device(&f->host, forms[i].text, &s, &f->e) < 0)
			fail_msg("%s: %s", forms[i].text, f->e.text);
		assert_string_equal(names_of(f, &s), forms[i].names);
	}
}

static void test_ambiguous(void **state)
{
	static const struct {
		const char *text, *sentence;
	} several[] = {
		{ "gpu", "gpu fits 3 devices (0000:01:00.0, 0000:02:00.1, 0000:08:00.0): name one "
			 "by its address" },
		{ "10de:1c82", "10de:1c82 fits 2 devices (0000:01:00.0, 0000:02:00.1): name one by "
			       "its address" },
		{ "nvme", "nvme fits 2 devices (0001:41:1f.7, 10000:e1:00.0): name one by its "
			  "address" },
	};
	struct fixture *f = *state;
	struct selection s;

	for (size_t i = 0; i < ARRAY_SIZE(several); i++) {
		assert_int_equal(select_device(&f->host, several[i].text, &s, &f->e), -EINVAL);
		assert_int_equal(f->e.kind, ERR_USAGE);
		assert_string_equal(f->e.text, several[i].sentence);
	}
}

static void test_nothing_fits(void **state)
{
	static const char *const none[] = { "ff:00.0",  "01:00.7",        "0000:77:00",
					    "01:00:00", "dead:beef",      "gpu:3",
					    "usb:1",    "nic:4294967295", "ffffffff:ff:1f.7",
					    "0000:0000" };
	struct fixture *f = *state;
	struct selection s;

	for (size_t i = 0; i < ARRAY_SIZE(none); i++) {
		assert_int_equal(select_device(&f->host, none[i], &s, &f->e), -ENODEV);
		assert_int_equal(f->e.kind, ERR_FAILED);
		assert_non_null(strstr(f->e.text, none[i]));
	}
}

static void test_malformed(void **state)
{
	static const char *const wrong[] = {
		"",
		":",
		"::",
		"a",
		"01",
		"01:",
		"01:00.",
		"01:00.8",
		"01:00.00",
		"01:00.0 ",
		" 01:00.0",
		"01:20.0",
		"100:00.0",

		"gpu:",
		"gpu:x",
		"gpu:-1",
		"gpu:+1",
		"gpux",
		"GPU",
		"gpu:4294967296",
		"gp",
		"usb0",
		"10de:",
		"10de:1c8",
		"0de:1c82",
		"10de:1c82:0",
		"10de:1c82.0",
		"*",
		"01:00.0\n",
		"0000:01:00.0.0",
		"000000000:01:00.0",
		"1ffffffff:01:00.0",
		"0x01:00.0",
		"41;00.0",
		"\xff",
		"01:00.0/../x",
		".0",
		"01:.0",
		"-1:00.0",
	};
	struct fixture *f = *state;
	struct selection s;

	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
		if (select_device(&f->host, wrong[i], &s, &f->e) != -EINVAL)
			fail_msg("\"%s\" is taken for a selector", wrong[i]);
		assert_int_equal(f->e.kind, ERR_USAGE);
	}
}

/* The word that is shown selects the function that it is shown for. */
static void test_words(void **state)
{
	struct fixture *f = *state;
	struct selection s;

	for (size_t i = 0; i < f->host.n_functions; i++) {
		const char *word = select_word(&f->host, &f->host.functions[i]);

		if (!word)
			continue;
		assert_int_equal(select_device(&f->host, word, &s, &f->e), 0);
		assert_int_equal(s.n, 1);
		assert_ptr_equal(s.function[0], &f->host.functions[i]);
	}
	assert_null(select_word(&f->host, &f->host.functions[0]));
	assert_string_equal(select_word(&f->host, &f->host.functions[2]), "gpu:0");
}

static void assert_companions(struct fixture *f, const char *text, const char *names)
{
	struct selection s;

	assert_int_equal(select_device(&f->host, text, &s, &f->e), 0);
	host_companions(&f->host, s.function[0], &s);
	assert_string_equal(names_of(f, &s), names);
}

static void test_companions(void **state)
{
	struct fixture *f = *state;

	assert_companions(f, "01:00.0", "0000:01:00.0 0000:01:00.1");
	assert_companions(f, "01:00.1", "0000:01:00.1 0000:01:00.0");
	/* groups of their own: the vendor of the card decides */
	assert_companions(f, "02:00.0", "0000:02:00.0 0000:02:00.1");
	/* an APU: its audio, but neither the security processor nor the USB of the board */
	assert_companions(f, "08:00.0", "0000:08:00.0 0000:08:00.1");
	assert_companions(f, "08:00.3", "0000:08:00.3");
	/* ports of one card: those of the same group only */
	assert_companions(f, "09:00.0", "0000:09:00.0 0000:09:00.1");
	assert_companions(f, "09:00.2", "0000:09:00.2");
	assert_companions(f, "00:01.0", "0000:00:01.0");
	assert_companions(f, "nvme:1", "10000:e1:00.0");
}

/* An NVSwitch has the class of a bridge, and may go; what else has that class, not unasked. */
static void test_other_bridges(void **state)
{
	struct fixture *f = *state;
	const struct pci_address at = { .domain = 2, .bus = 7 }, isa = { 2, 8, 0, 1 };
	char path[FAKE_PATH_MAX];
	uint8_t config[64] = { 0xde, 0x10, 0xa3, 0x22 };

	assert_false(pci_is_bridge(host_find(&f->host, at)));
	assert_true(pci_is_bridge(host_find(&f->host, isa)));
	assert_companions(f, "0002:08:00.0", "0002:08:00.0");
	snprintf(path, sizeof(path), "%s/config", fake_directory_of(f->k, "0002:07:00.0"));
	config[0x0e] = 0x80;
	fake_bytes(&f->k->tree, path, config, sizeof(config));
	assert_int_equal(host_read_pci(&f->host, &f->e), 0);
	assert_false(pci_is_bridge(host_find(&f->host, at)));
	config[0x0e] = 0x01;
	fake_bytes(&f->k->tree, path, config, sizeof(config));
	assert_int_equal(host_read_pci(&f->host, &f->e), 0);
	assert_true(pci_is_bridge(host_find(&f->host, at)));
}

static void test_companions_virtual(void **state)
{
	struct fixture *f = *state;
	char path[FAKE_PATH_MAX];

	snprintf(path, sizeof(path), "%s/physfn", fake_directory_of(f->k, "0000:09:00.1"));
	fake_link(&f->k->tree, path, "../0000:09:00.0");
	assert_companions(f, "09:00.0", "0000:09:00.0");
	assert_companions(f, "09:00.1", "0000:09:00.1");
}

/* What is not known of a function takes nothing with it. */
static void test_companions_unknown(void **state)
{
	struct fixture *f = *state;
	char path[FAKE_PATH_MAX];
	struct host again;
	struct selection s;

	snprintf(path, sizeof(path), "%s/uevent", fake_directory_of(f->k, "0000:02:00.1"));
	fake_error(&f->k->tree, path, -EACCES);
	host_init(&again, fake_process(f->k));
	assert_int_equal(host_read_pci(&again, &f->e), 0);
	assert_int_equal(select_device(&again, "02:00.1", &s, &f->e), 0);
	host_companions(&again, s.function[0], &s);
	assert_int_equal(s.n, 1);
	assert_int_equal(select_device(&again, "gpu:1", &s, &f->e), 0);
	assert_string_equal(s.function[0]->name, "0000:08:00.0");
	host_done(&again);
}

static void test_empty_host(void **state)
{
	struct host empty = { 0 };
	struct selection s;
	struct err e;

	(void)state;
	assert_int_equal(select_device(&empty, "01:00.0", &s, &e), -ENODEV);
	assert_int_equal(select_device(&empty, "gpu:0", &s, &e), -ENODEV);
	assert_int_equal(select_device(&empty, "gpu", &s, &e), -ENODEV);
	arena_free(&empty.arena);
}

#define TEST(name) cmocka_unit_test_setup_teardown(test_##name, start, stop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(forms),
		TEST(ambiguous),
		TEST(nothing_fits),
		TEST(malformed),
		TEST(words),
		TEST(companions),
		TEST(other_bridges),
		TEST(companions_virtual),
		TEST(companions_unknown),
		TEST(empty_host),
	};

	return cmocka_run_group_tests_name("select", tests, NULL, NULL);
}
