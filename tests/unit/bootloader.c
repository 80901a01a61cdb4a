// SPDX-License-Identifier: MIT
// What all boot loaders look at, and which one is taken: hosts of a few files each. That none is
// guessed is the point, so most of these hosts have two.

#include "base/text.h"
#include "tests/unit/grub_host.h"

#define EFIVARS "sys/firmware/efi/efivars/"
#define LOADER "-4a67b082-0a4c-41cf-b6c7-440b29bb8c4f"

/* As the kernel shows a variable: attributes, then UTF-16LE with its NUL. */
static void has_variable(const char *name, const char *text)
{
	char value[256] = { 6, 0, 0, 0 };
	size_t n = 4;

	for (; *text; text++, n += 2)
		value[n] = *text;
	fake_bytes(&machine.tree, arena_printf(&host.arena, EFIVARS "%s" LOADER, name), value,
		   n + 2);
}

static void chosen(const char *name)
{
	read_all();
	if (!boot.chosen)
		fail_msg("%s", boot.refusal);
	assert_string_equal(boot.chosen->loader->name, name);
	assert_null(boot.refusal);
}

static void refused(const char *const *parts)
{
	read_all();
	assert_null(boot.chosen);
	for (; *parts; parts++) {
		if (!strstr(boot.refusal, *parts))
			fail_msg("\"%s\" is not in: %s", *parts, boot.refusal);
	}
}

#define REFUSED(...) refused((const char *const[]){ __VA_ARGS__, NULL })

static const struct bootloader_candidate *candidate(const char *name)
{
	for (size_t i = 0; i < boot.n_candidates; i++) {
		if (str_eq(boot.candidates[i].loader->name, name))
			return &boot.candidates[i];
	}
	fail_msg("no candidate %s", name);
	return NULL;
}

static void has_evidence(const char *name, const char *text)
{
	const struct bootloader_candidate *c = candidate(name);
	const char *all = text_join(&host.arena, c->evidence.name, c->evidence.n, "; ");

	if (!strstr(all, text))
		fail_msg("\"%s\" is not in: %s", text, all);
}

/* ---- GRUB ---- */

static void nothing(void **state)
{
	(void)state;
	REFUSED("no boot loader was found");
}

static void debian(void **state)
{
	(void)state;
	has_debian_grub();
	chosen("grub-dropin");
	assert_false(boot.chosen->seen);
	has_evidence("grub-dropin", "boot/grub/grub.cfg was made by it");
}

/* The directory alone says nothing: the generator must read it. */
static void arch(void **state)
{
	(void)state;
	has_arch_grub();
	has("etc/default/grub.d/mine.cfg", "");
	chosen("grub");
}

static void seen(void **state)
{
	(void)state;
	has_debian_grub();
	has("proc/cmdline", "BOOT_IMAGE=/boot/vmlinuz-" RELEASE " root=UUID=1 ro quiet\n");
	chosen("grub-dropin");
	assert_true(boot.chosen->seen);
	has("proc/cmdline",
	    "BOOT_IMAGE=(hd0,gpt2)/boot/vmlinuz-" RELEASE " root=UUID=1 ro quiet\n");
	chosen("grub-dropin");
	assert_true(boot.chosen->seen);
	/* SYSLINUX hands it over too */
	has("proc/cmdline", "BOOT_IMAGE=/vmlinuz-lts root=UUID=1\n");
	chosen("grub-dropin");
	assert_false(boot.chosen->seen);
	has_variable("LoaderInfo", "GRUB 2.12");
	chosen("grub-dropin");
	assert_true(boot.chosen->seen);
}

/* Its files are complete, and something else started the kernel. */
static void left_over(void **state)
{
	(void)state;
	has_debian_grub();
	has_variable("LoaderInfo", "Something 7");
	REFUSED("was started by \"Something 7\" (LoaderInfo)", "GRUB with etc/default/grub.d");
}

/* Text, not existence: GRUB 2.12 writes the variable too. */
static void variables(void **state)
{
	(void)state;
	has_variable("LoaderInfo", "systemd-boot 252.39-1");
	has_variable("StubInfo", "");
	read_all();
	assert_true(facts.efi);
	assert_string_equal(facts.loader, "systemd-boot 252.39-1");
	assert_null(facts.stub);
	assert_true(boot_loader_is(&facts, "systemd-boot"));
	assert_false(boot_loader_is(&facts, "systemd"));
	assert_false(boot_loader_is(&facts, "GRUB"));
	fake_bytes(&machine.tree, EFIVARS "LoaderInfo" LOADER, "\6\0\0", 3);
	read_all();
	assert_null(facts.loader);
}

static void not_generated(void **state)
{
	(void)state;
	has_debian_grub();
	has("boot/grub/grub.cfg", ENTRY(RELEASE));
	REFUSED("no boot loader has all that", "but boot/grub/grub.cfg was not made by it");
	has("boot/grub/grub.cfg", MENU(""));
	REFUSED("but boot/grub/grub.cfg has no entry of a kernel of this system");
	denied("boot/grub/grub.cfg");
	REFUSED("reading boot/grub/grub.cfg: Permission denied");
	fake_remove(&machine.tree, "boot/grub/grub.cfg");
	REFUSED("no boot loader was found");
}

/* Entries of the Boot Loader Specification are another loader's, whoever made the menu. */
static void bls(void **state)
{
	(void)state;
	has_arch_grub();
	has("etc/default/grub", "GRUB_ENABLE_BLSCFG=true\n");
	read_all();
	assert_false(candidate("grub")->counts);
	has_evidence("grub", "but etc/default/grub has GRUB_ENABLE_BLSCFG=true");
	has("etc/default/grub", "");
	has("boot/grub/grub.cfg", MENU(ENTRY(RELEASE) "insmod blscfg\nblscfg\n"));
	read_all();
	assert_false(candidate("grub")->counts);
	has_evidence("grub", "but boot/grub/grub.cfg reads entries with blscfg");
	has("boot/grub/grub.cfg", MENU(ENTRY(RELEASE)));
	has("etc/grub.d/10_linux", "blscfg\n");
	has("boot/loader/entries/x.conf", "title x\n");
	read_all();
	assert_false(candidate("grub")->counts);
	has_evidence("grub", "but boot/loader/entries/x.conf is there");
	has("etc/default/grub", "GRUB_ENABLE_BLSCFG=false\n");
	read_all();
	assert_true(candidate("grub")->counts);
}

static void suse(void **state)
{
	(void)state;
	has_rhel7_grub();
	has("boot/grub2/grub.cfg", MENU(ENTRY(RELEASE)));
	has("etc/sysconfig/bootloader", "LOADER_TYPE=\"grub2-efi\"\n");
	chosen("grub");
	has("etc/sysconfig/bootloader", "LOADER_TYPE=\"systemd-boot\"\n");
	read_all();
	assert_false(candidate("grub")->counts);
	has_evidence("grub", "but etc/sysconfig/bootloader has LOADER_TYPE=systemd-boot");
}

static void rhel7_bios(void **state)
{
	(void)state;
	has_rhel7_grub();
	has("boot/grub2/grub.cfg", MENU(ENTRY(RELEASE)));
	fake_link(&machine.tree, "etc/grub2.cfg", "../boot/grub2/grub.cfg");
	chosen("grub");
	has_evidence("grub", "boot/grub2/grub.cfg was made by it");
}

static void rhel7_efi(void **state)
{
	(void)state;
	has_rhel7_grub();
	fake_directory(&machine.tree, "sys/firmware/efi");
	has("boot/efi/EFI/redhat/grub.cfg", MENU(ENTRY(RELEASE)));
	fake_link(&machine.tree, "etc/grub2-efi.cfg", "../boot/efi/EFI/redhat/grub.cfg");
	chosen("grub");
	has_evidence("grub", "boot/efi/EFI/redhat/grub.cfg was made by it");
	/* both: what the firmware reads */
	has("boot/grub2/grub.cfg", MENU(ENTRY(RELEASE)));
	chosen("grub");
	has_evidence("grub", "boot/efi/EFI/redhat/grub.cfg was made by it");
	/* a mounted system does not say how it is started */
	fake_remove(&machine.tree, "sys");
	REFUSED("of which only the running host knows the right one");
	/* later releases have a few lines there that lead to the menu */
	has("boot/efi/EFI/redhat/grub.cfg", "configfile $prefix/grub.cfg\n");
	chosen("grub");
	has_evidence("grub", "boot/grub2/grub.cfg was made by it");
}

static void two_generators(void **state)
{
	(void)state;
	has_arch_grub();
	has_rhel7_grub();
	has("boot/grub2/grub.cfg", MENU(ENTRY(RELEASE)));
	REFUSED("but usr/sbin/grub2-mkconfig is there as well, with boot/grub2/grub.cfg");
	fake_remove(&machine.tree, "usr/bin/grub-mkconfig");
	has_debian_grub();
	REFUSED("more than one boot loader may start this host", "GRUB with etc/default/grub.d (",
		"GRUB with etc/default/grub (");
	/* what was seen decides */
	has("boot/grub2/grub.cfg", MENU(ENTRY("5.14.0")));
	has("proc/cmdline", "BOOT_IMAGE=/boot/vmlinuz-5.14.0 root=UUID=1\n");
	chosen("grub");
}

/* ---- partitions ---- */

#define ROOT_MOUNT "21 1 8:2 / / rw shared:1 - ext4 /dev/sda2 rw\n"

static void esp_of_bootctl(void **state)
{
	(void)state;
	has("proc/self/mountinfo", ROOT_MOUNT "30 21 8:1 / /boot/efi rw - vfat /dev/sda1 rw\n");
	fake_directory(&machine.tree, "boot/efi/efi/debian");
	read_all();
	assert_string_equal(facts.esp, "boot/efi");
	assert_string_equal(facts.boot, "boot/efi");
	assert_string_equal(boot_any_case(&facts, "boot/efi", "EFI/Debian"), "boot/efi/efi/debian");
	assert_null(boot_any_case(&facts, "boot/efi", "EFI/arch"));
	/* udev knows better */
	has("run/udev/data/b8:1", "E:ID_PART_ENTRY_TYPE=ebd0a0a2-b9e5-4433-87c0-68b6b72699c7\n");
	read_all();
	assert_null(facts.esp);
	has("run/udev/data/b8:1", "E:ID_PART_ENTRY_TYPE=" BOOT_TYPE_ESP "\n");
	read_all();
	assert_string_equal(facts.esp, "boot/efi");
}

static void xbootldr(void **state)
{
	(void)state;
	has("proc/self/mountinfo", ROOT_MOUNT "30 21 8:1 / /efi rw - vfat /dev/sda1 rw\n"
					      "31 21 8:3 / /boot rw - ext4 /dev/sda3 rw\n");
	fake_directory(&machine.tree, "efi/EFI");
	read_all();
	assert_string_equal(facts.esp, "efi");
	assert_string_equal(facts.boot, "efi");
	has("run/udev/data/b8:3", "S:x\nE:ID_PART_ENTRY_TYPE=" BOOT_TYPE_XBOOTLDR "\n");
	read_all();
	assert_string_equal(facts.boot, "boot");
}

static void offline(void **state)
{
	(void)state;
	has("etc/fstab",
	    "# comment\nUUID=1 / ext4 defaults 0 1\nUUID=2\t/boot/efi/\tvfat umask=0077 0 1\n"
	    "UUID=3 none swap sw 0 0\n");
	fake_directory(&machine.tree, "boot/efi/EFI");
	read_all();
	assert_string_equal(facts.esp, "boot/efi");
	assert_false(facts.efi);
}

static void mounts(void **state)
{
	struct boot_mounts list;

	(void)state;
	has("proc/self/mountinfo",
	    ROOT_MOUNT "30 21 8:1 / /boot rw,noatime shared:3 master:1 - ext4 /dev/sda1 rw\n"
		       "31 21 8:3 / /bo\\040ot rw - xfs /dev/mapper/a\\134b rw\n"
		       "32 30 8:4 / /boot ro - btrfs /dev/sda4 rw\n"
		       "damaged\n");
	read_all();
	boot_mounts_read(&facts, &list);
	assert_int_equal(list.n, 4);
	assert_string_equal(boot_mount_of(&list, "boot/grub/grubenv")->type, "btrfs");
	assert_string_equal(boot_mount_of(&list, "bo ot/x")->source, "/dev/mapper/a\\b");
	assert_string_equal(boot_mount_of(&list, "booting")->source, "/dev/sda2");
	assert_string_equal(boot_mount_of(&list, "etc")->device, "8:2");
}

/* ---- helpers ---- */

static void settings(void **state)
{
	unsigned line;

	(void)state;
	has("etc/x", "A=1\n  A='two words' # why\nexport B=\"c d\"\nC=$A\nD=a\\ b\nE=x y\nAA=no\n"
		     "F=$(id)\nG=\nH=a;b=c\n");
	read_all();
	assert_string_equal(boot_setting(&facts, "etc/x", "A", &line), "two words");
	assert_int_equal(line, 2);
	assert_string_equal(boot_setting(&facts, "etc/x", "B", NULL), "c d");
	assert_null(boot_setting(&facts, "etc/x", "C", &line));
	assert_int_equal(line, 4);
	assert_null(boot_setting(&facts, "etc/x", "D", NULL));
	assert_null(boot_setting(&facts, "etc/x", "E", NULL));
	assert_null(boot_setting(&facts, "etc/x", "F", NULL));
	assert_string_equal(boot_setting(&facts, "etc/x", "G", NULL), "");
	assert_string_equal(boot_setting(&facts, "etc/x", "H", NULL), "a");
	assert_null(boot_setting(&facts, "etc/x", "Z", &line));
	assert_int_equal(line, 0);
}

static void counted(void **state)
{
	struct arena *a = &host.arena;

	(void)state;
	assert_int_equal(boot_count_word(a, "ro a.b-c=1 a.b_c=1 a.b_c=2", "a.b_c=1"), 2);
	assert_int_equal(boot_count_word(a, "ro x=\"a iommu=pt b\"", "iommu=pt"), 0);
	assert_int_equal(boot_count_word(a, "ro -- iommu=pt", "iommu=pt"), 0);
	assert_int_equal(boot_count_word(a, "ro iommu=pt,nobypass", "iommu=pt"), 0);
	assert_int_equal(boot_count_word(a, "iommu=pt", "iommu=pt"), 1);
}

/* A step on a file goes on from what the step before it leaves. */
static void planned(void **state)
{
	const struct edit_place place = { .format = EDIT_SHELL, .name = "V" };
	struct names one = { (const char *[]){ "a" }, 1 }, two = { (const char *[]){ "b" }, 1 };
	struct plan plan = { 0 };
	struct err e = { 0 };
	struct bytes text;

	(void)state;
	has("etc/x", "V=\"q\"\n");
	read_all();
	assert_int_equal(boot_edit_in(&facts, &plan, "why", "etc/x", &place, &one, &e), 0);
	assert_int_equal(boot_edit_in(&facts, &plan, "why", "etc/x", &place, &two, &e), 0);
	assert_int_equal(boot_planned(&facts, &plan, "etc/x", &text, &e), 0);
	assert_string_equal(text.data, "V=\"q a b\"\n");
	assert_int_equal(boot_edit_out(&facts, &plan, "why", "etc/x", &place, &one, &e), 0);
	assert_int_equal(plan.n_steps, 3);
	assert_string_equal(plan.steps[2].content.data, "V=\"q b\"\n");
	assert_int_equal(boot_edit_out(&facts, &plan, "why", "etc/x", &place, &one, &e), 0);
	assert_int_equal(plan.n_steps, 3);
	plan_absent(&host.arena, &plan, "why", "etc/x");
	assert_int_equal(boot_planned(&facts, &plan, "etc/x", &text, &e), -ENOENT);
	assert_int_equal(boot_edit_in(&facts, &plan, "why", "etc/y", &place, &one, &e), -ENOENT);
	assert_string_equal(e.text, "reading etc/y: No such file or directory");
}

/* ---- the choice, with loaders of the test's own ---- */

static int add_note(const struct boot_setup *setup, const struct names *words, struct plan *plan,
		    struct err *e)
{
	(void)words, (void)e;
	plan_note(&host.arena, plan, NOTE_LOSS, setup->chosen->loader->name);
	return 0;
}

/* From a rescue system the words go out of all that may start the host. */
static void leave_all(void **state)
{
	static const struct bootloader one = { .name = "one", .leave = add_note },
				       two = { .name = "two" },
				       three = { .name = "three", .leave = add_note };
	struct bootloader_candidate candidates[] = { { .loader = &one, .counts = true },
						     { .loader = &two, .counts = true },
						     { .loader = &three } };
	struct names words = { 0 };
	struct plan plan = { 0 };
	struct err e = { 0 };

	(void)state;
	boot = (struct boot_setup){ .candidates = candidates,
				    .n_candidates = ARRAY_SIZE(candidates),
				    .refusal = "two of them" };
	assert_int_equal(bootloader_leave(&boot, &words, &plan, &e), 0);
	assert_int_equal(plan.n_notes, 1);
	assert_string_equal(plan.notes[0].text, "one");
	boot.chosen = &candidates[2];
	assert_int_equal(bootloader_leave(&boot, &words, &plan, &e), 0);
	assert_int_equal(plan.n_notes, 2);
	assert_string_equal(plan.notes[1].text, "three");
	boot.chosen = NULL;
	assert_int_equal(bootloader_trial(&boot, NULL, &plan, &e), -EOPNOTSUPP);
	assert_string_equal(e.text, "two of them");
	assert_int_equal(bootloader_permanent(&boot, NULL, &plan, &e), -EOPNOTSUPP);
	assert_null(bootloader_by_hand(&boot, NULL));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		MACHINE_TEST(nothing),        MACHINE_TEST(debian),    MACHINE_TEST(arch),
		MACHINE_TEST(seen),           MACHINE_TEST(left_over), MACHINE_TEST(variables),
		MACHINE_TEST(not_generated),  MACHINE_TEST(bls),       MACHINE_TEST(suse),
		MACHINE_TEST(rhel7_bios),     MACHINE_TEST(rhel7_efi), MACHINE_TEST(two_generators),
		MACHINE_TEST(esp_of_bootctl), MACHINE_TEST(xbootldr),  MACHINE_TEST(offline),
		MACHINE_TEST(mounts),         MACHINE_TEST(settings),  MACHINE_TEST(counted),
		MACHINE_TEST(planned),        MACHINE_TEST(leave_all),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
