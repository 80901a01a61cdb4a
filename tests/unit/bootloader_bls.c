// SPDX-License-Identifier: MIT
// Entries of the Boot Loader Specification: what each boot loader reads of the same file, in which
// order it shows them, and that an entry of ours is always the last.

#include "base/text.h"
#include "bootloader/bls.h"
#include "tests/unit/facts.h"

static struct boot_facts facts;

static int start(void **state)
{
	machine_setup(state);
	facts = (struct boot_facts){ .host = &host, .arena = &host.arena, .boot = "efi" };
	return 0;
}

#define BLS_TEST(test) cmocka_unit_test_setup_teardown(test, start, machine_teardown)

static struct bls_entry parsed(enum bls_reader reader, const char *text)
{
	struct bls_entry entry = { .text = { text, strlen(text) } };

	bls_parse(&host.arena, reader, &entry);
	return entry;
}

/* ---- the same file, read by two ---- */

static void test_systemd_reads(void **state)
{
	(void)state;
	struct bls_entry entry = parsed(BLS_SYSTEMD, "# comment\n"
						     "\n"
						     "title\t\"Debian GNU/Linux\"  \n"
						     "  version   6.1.0\r\n"
						     "lonely\n"
						     "linux /a\n"
						     "linux /b\n"
						     "initrd /ucode.img\n"
						     "initrd /initrd.img\n"
						     "options root=UUID=1 ro\n"
						     "options quiet  ");

	assert_string_equal(entry.title, "Debian GNU/Linux");
	assert_string_equal(entry.version, "6.1.0");
	assert_string_equal(entry.kernel, "/b");
	assert_string_equal(entry.options, "root=UUID=1 ro quiet");
	assert_int_equal(entry.initrds.n, 2);
	assert_string_equal(entry.initrds.name[1], "/initrd.img");
	assert_null(entry.sort_key);
}

static void test_grub_reads(void **state)
{
	(void)state;
	struct bls_entry entry = parsed(BLS_GRUB, "# comment\n"
						  "title \"Fedora\"\n"
						  "linux /a\n"
						  "linux /b\n"
						  "options root=UUID=1 ro\n"
						  "options quiet\n"
						  "version\t6.1.0\n"
						  "devicetree\t/a b\n"
						  "\n"
						  "initrd /behind-the-empty-line\n");

	assert_string_equal(entry.title, "\"Fedora\"");
	assert_string_equal(entry.kernel, "/a");
	assert_string_equal(entry.options, "root=UUID=1 ro");
	assert_string_equal(entry.version, "6.1.0");
	/* the blank is in front of the tab for GRUB */
	assert_string_equal(entry.pairs[entry.n_pairs - 1].key, "devicetree\t/a");
	assert_int_equal(entry.initrds.n, 0);
}

/* ---- names and the menu ---- */

static void entry(const char *name, const char *text)
{
	has(arena_printf(&host.arena, "efi/loader/entries/%s", name), text);
}

static const char *menu(enum bls_reader reader)
{
	struct bls_list list = { .reader = reader };
	const char *text = "";

	assert_int_equal(bls_read(&facts, "efi", &list, NULL), 0);
	for (size_t i = 0; i < list.n; i++)
		text = arena_printf(&host.arena, "%s%s%s", text, i ? " " : "",
				    list.entries[i].file);
	return text;
}

static void test_counters(void **state)
{
	(void)state;
	struct bls_list list = { .reader = BLS_SYSTEMD };

	entry("a+3-1.conf", "linux /a\n");
	entry("b+0.conf", "linux /a\n");
	entry("c+x.conf", "linux /a\n");
	entry("d+1+2.conf", "linux /a\n");
	entry(".hidden.conf", "linux /a\n");
	entry("auto-x.conf", "linux /a\n");
	entry("nothing.conf", "title no kernel\n");
	assert_int_equal(bls_read(&facts, "efi", &list, NULL), 0);
	assert_int_equal(list.n, 4);
	/* the one without tries is the last, the others downwards */
	assert_string_equal(list.entries[0].name, "d+1");
	assert_int_equal(list.entries[0].tries_left, 2);
	assert_string_equal(list.entries[1].name, "c+x");
	assert_int_equal(list.entries[1].tries_left, -1);
	assert_string_equal(list.entries[2].name, "a");
	assert_int_equal(list.entries[2].tries_left, 3);
	assert_string_equal(list.entries[3].name, "b");
	assert_int_equal(list.entries[3].tries_left, 0);
}

static void test_systemd_order(void **state)
{
	(void)state;
	entry("old.conf", "linux /a\n");
	entry("zold.conf", "linux /a\n");
	entry("m1.conf", "linux /a\nsort-key debian\nmachine-id 2\nversion 6.9\n");
	entry("m2.conf", "linux /a\nsort-key debian\nmachine-id 1\nversion 6.9\n");
	entry("m3.conf", "linux /a\nsort-key debian\nmachine-id 1\nversion 6.10\n");
	entry("m4.conf", "linux /a\nsort-key debian\nmachine-id 1\nversion 6.10~rc1\n");
	entry("m5.conf", "linux /a\nsort-key arch\nmachine-id 9\nversion 1\n");
	assert_string_equal(menu(BLS_SYSTEMD),
			    "m5.conf m3.conf m4.conf m2.conf m1.conf zold.conf old.conf");
}

static void test_grub_order(void **state)
{
	(void)state;
	entry("0ab1-5.14.0-70.el9.x86_64.conf", "linux /a\n");
	entry("0ab1-5.14.0-362.el9.x86_64.conf", "linux /a\n");
	entry("0ab1-0-rescue.conf", "linux /a\n");
	entry("fedora-6.10.3-1.fc40.conf", "linux /a\nsort-key a\n");
	entry("~x-1.conf", "linux /a\n");
	assert_string_equal(menu(BLS_GRUB),
			    "0ab1-5.14.0-362.el9.x86_64.conf 0ab1-5.14.0-70.el9.x86_64.conf "
			    "0ab1-0-rescue.conf fedora-6.10.3-1.fc40.conf ~x-1.conf");
}

static const char *last_name(enum bls_reader reader)
{
	struct bls_list list = { .reader = reader };

	assert_int_equal(bls_read(&facts, "efi", &list, NULL), 0);
	return bls_last_name(&host.arena, &list, BOOTLOADER_TRIAL_ENTRY);
}

static void test_last_behind_sort_keys(void **state)
{
	(void)state;
	entry("zzz-6.1.conf", "linux /a\nsort-key zzz\n");
	entry("aaa-6.1.conf", "linux /a\nsort-key aaa\n");
	assert_string_equal(last_name(BLS_SYSTEMD), "passthru-trial");
	/* one that is there already is no reason for another name */
	entry("passthru-trial.conf", "linux /a\n");
	assert_string_equal(last_name(BLS_SYSTEMD), "passthru-trial");
}

/* Without sort-keys the name decides, and "arch" is below "passthru". */
static void test_last_among_names(void **state)
{
	(void)state;
	entry("arch.conf", "linux /a\n");
	assert_string_equal(last_name(BLS_SYSTEMD), "_-passthru-trial");
	entry("_-passthru-trial.conf", "linux /a\n");
	assert_string_equal(menu(BLS_SYSTEMD), "arch.conf _-passthru-trial.conf");
}

static void test_last_for_unified(void **state)
{
	(void)state;
	entry("zzz-6.1.conf", "linux /a\nsort-key zzz\n");
	has("efi/EFI/Linux/arch.efi", "");
	assert_string_equal(last_name(BLS_SYSTEMD), "_-passthru-trial");
}

static void test_none_is_last(void **state)
{
	(void)state;
	entry("--x.conf", "linux /a\n");
	assert_null(last_name(BLS_SYSTEMD));
}

static void test_last_for_grub(void **state)
{
	(void)state;
	/* digits are newer than letters, letters of a machine-id are not */
	entry("3fb1-5.14.0-70.el9.x86_64.conf", "linux /a\nsort-key a\n");
	assert_string_equal(last_name(BLS_GRUB), "passthru-trial");
	entry("ffb1-5.14.0-70.el9.x86_64.conf", "linux /a\n");
	assert_string_equal(last_name(BLS_GRUB), "~passthru-trial");
	entry("~passthru-trial.conf", "linux /a\n");
	assert_string_equal(menu(BLS_GRUB), "3fb1-5.14.0-70.el9.x86_64.conf "
					    "ffb1-5.14.0-70.el9.x86_64.conf ~passthru-trial.conf");
}

/* ---- our own ---- */

static void test_make(void **state)
{
	(void)state;
	struct bls_entry from = parsed(BLS_SYSTEMD, "# by hand\n"
						    "title  Arch\n"
						    "sort-key arch\n"
						    "grub_hotkey a\n"
						    "linux  /vmlinuz-linux\n"
						    "initrd /intel-ucode.img\n"
						    "initrd /initramfs-linux.img\n"
						    "\n"
						    "architecture x64\n"
						    "options root=/dev/sda2 rw\n"
						    "options quiet\n");
	struct bls_own own = { .from = &from,
			       .title = "trial",
			       .options = "root=/dev/sda2 rw quiet x.y=1",
			       .instead = "/initramfs-linux.img",
			       .initrd = "/ours.img" };

	assert_string_equal(bls_make(&host.arena, BLS_SYSTEMD, &own).data,
			    "title Arch (trial)\n"
			    "linux /vmlinuz-linux\n"
			    "initrd /intel-ucode.img\n"
			    "initrd /ours.img\n"
			    "architecture x64\n"
			    " options root=/dev/sda2 rw quiet x.y=1\n");
	own = (struct bls_own){ .from = &from, .title = "trial", .efi = "/EFI/p.efi" };
	assert_string_equal(bls_make(&host.arena, BLS_SYSTEMD, &own).data,
			    "title Arch (trial)\narchitecture x64\nefi /EFI/p.efi\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		BLS_TEST(test_systemd_reads),
		BLS_TEST(test_grub_reads),
		BLS_TEST(test_counters),
		BLS_TEST(test_systemd_order),
		BLS_TEST(test_grub_order),
		BLS_TEST(test_last_behind_sort_keys),
		BLS_TEST(test_last_among_names),
		BLS_TEST(test_last_for_unified),
		BLS_TEST(test_none_is_last),
		BLS_TEST(test_last_for_grub),
		BLS_TEST(test_make),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
