// SPDX-License-Identifier: MIT
// GRUB: what is planned, what the proof of the menu sees, and where there is no entry for one boot.
// What the generators of distributions make of it is in tests/bootloader.

#include "base/text.h"
#include "bootloader/grub.h"
#include "tests/unit/grub_host.h"

static struct plan plan;
static struct err e;

static struct names words(const char *text)
{
	struct names names = { 0 };
	const char *word;

	while ((word = text_next_word(&host.arena, &text)))
		boot_name_add(&host.arena, &names, word);
	return names;
}

static struct boot_change wanted(void)
{
	static struct initramfs_kernel kernel;

	kernel =
		(struct initramfs_kernel){ .release = RELEASE, .vmlinuz = "boot/vmlinuz-" RELEASE };
	return (struct boot_change){ .words = words("passthru.boot=1 iommu=pt"),
				     .kernel = &kernel,
				     .trial_image = "boot/initrd.img-" RELEASE ".passthru",
				     .trial_words = words(BOOTLOADER_TRIAL_WORD " panic=30"),
				     .plain_image = "boot/initrd.img-" RELEASE ".passthru-old" };
}

static void has_disk(void)
{
	has("proc/self/mountinfo", "21 1 8:2 / / rw shared:1 - ext4 /dev/sda2 rw\n");
	has_partition();
}

static void has_all(void)
{
	has_debian_grub();
	has_disk();
	has_block("boot/grub/grubenv", "");
}

static int trial(void)
{
	struct boot_change change = wanted();

	return plan_anew(bootloader_trial, &change, &plan, &e);
}

static int permanent(void)
{
	struct boot_change change = wanted();

	return plan_anew(bootloader_permanent, &change, &plan, &e);
}

static void says(const char *sentence)
{
	if (!strstr(e.text, sentence))
		fail_msg("\"%s\" is not in: %s", sentence, e.text);
}

static void refuses_trial(const char *sentence)
{
	assert_int_equal(trial(), -EOPNOTSUPP);
	assert_int_equal(e.kind, ERR_REFUSED);
	assert_int_equal(plan.n_steps, 0);
	says(sentence);
}

static void has_line(struct bytes text, const char *wanted_line)
{
	if (!strstr(text.data, arena_printf(&host.arena, "\n%s\n", wanted_line)))
		fail_msg("no line %s in:\n%s", wanted_line, text.data);
}

#define OWN(id, extra, image)                                                                      \
	"menuentry 'Own' --class debian $menuentry_id_option '" id "' {\n"                         \
	"\tlinux\t/boot/vmlinuz-" RELEASE " root=UUID=1 ro quiet" extra                            \
	"\n\tinitrd\t/boot/early.cpio /boot/" image "\n}\n"
#define ALL " passthru.boot=1 iommu=pt"
#define TRIED ALL " passthru.trial=1 panic=30"
#define TRIAL_IMAGE "initrd.img-" RELEASE ".passthru"
#define OLD_IMAGE "initrd.img-" RELEASE ".passthru-old"
#define GOT(words)                                                                                 \
	"submenu 'Advanced' $menuentry_id_option 'gnulinux-advanced-uuid' {\n\tmenuentry 'Linux' " \
	"$menuentry_id_option 'gnulinux-" RELEASE                                                  \
	"-advanced-uuid' {\n\t\tlinux\t/boot/vmlinuz-" RELEASE " root=UUID=1 ro" words             \
	"\n\t}\n}\n"

static void proves(const char *menu, const char *sentence)
{
	const struct step *step = &plan.steps[plan.n_steps - 1];

	for (size_t i = 0; i < plan.n_steps; i++) {
		if (plan.steps[i].output)
			step = &plan.steps[i];
	}
	has("new.cfg", menu);
	e = (struct err){ 0 };
	int error = step->proof(&host, step, "new.cfg", &e);
	if (!sentence && error < 0)
		fail_msg("%s", e.text);
	if (sentence) {
		assert_true(error < 0);
		says(sentence);
	}
}

/* ---- the steps ---- */

static void trial_steps(void **state)
{
	(void)state;
	has_all();
	if (trial() < 0)
		fail_msg("%s", e.text);
	assert_int_equal(plan.n_steps, 3);
	assert_string_equal(plan.steps[0].path, "etc/grub.d/42_passthru");
	assert_int_equal(plan.steps[0].mode, 0755);
	has_line(plan.steps[0].content, "entry='passthru-trial'");
	has_line(plan.steps[0].content, "release='" RELEASE "'");
	has_line(plan.steps[0].content, "directory='/boot'");
	has_line(plan.steps[0].content, "image='initrd.img-" RELEASE ".passthru'");
	has_line(plan.steps[0].content, "add='passthru.boot=1 iommu=pt passthru.trial=1 panic=30'");
	has_line(plan.steps[0].content, "drop=''");
	assert_string_equal(argv_line(plan.steps[1].argv),
			    "/usr/sbin/grub-mkconfig -o /boot/grub/grub.cfg.passthru");
	assert_string_equal(argv_line(plan.steps[1].regenerate), argv_line(plan.steps[1].argv));
	assert_string_equal(plan.steps[1].output, "boot/grub/grub.cfg.passthru");
	assert_string_equal(plan.steps[1].becomes, "boot/grub/grub.cfg");
	assert_string_equal(argv_line(plan.steps[1].writes), "boot/grub/grub.cfg.passthru.new");
	assert_string_equal(plan.steps[1].trace, BOOTLOADER_TRIAL_ENTRY);
	assert_string_equal(argv_line(plan.steps[2].argv),
			    "/usr/bin/grub-editenv /boot/grub/grubenv "
			    "set next_entry=passthru-trial");
	assert_string_equal(argv_line(plan.steps[2].writes), "boot/grub/grubenv");
	assert_string_equal(plan.steps[2].variable->name, "next_entry");
	assert_string_equal(plan.steps[2].variable->value, "passthru-trial");
	assert_null(plan.steps[2].variable->before);
}

/* What GRUB left behind before us is there again after us. */
static void trial_before(void **state)
{
	(void)state;
	has_all();
	has_block("boot/grub/grubenv", "saved_entry=0\nnext_entry=\n");
	assert_int_equal(trial(), 0);
	assert_string_equal(plan.steps[2].variable->before, "");
	assert_int_equal(plan.steps[2].proof(&host, &plan.steps[2], NULL, &e), -ENODATA);
	has_block("boot/grub/grubenv", "next_entry=passthru-trial\n");
	assert_int_equal(plan.steps[2].proof(&host, &plan.steps[2], NULL, &e), 0);
	assert_int_equal(trial(), 0);
	assert_null(plan.steps[2].variable->before);
}

static void no_trial(void **state)
{
	(void)state;
	has_all();
	has_block("boot/grub/grubenv", "next_entry=mine\n");
	refuses_trial("another entry was chosen for the next boot already: boot/grub/grubenv has "
		      "next_entry=mine");
	fake_remove(&machine.tree, "boot/grub/grubenv");
	refuses_trial("boot/grub/grubenv is not there");
	has_block("boot/grub/grubenv", "");
	has("proc/self/mountinfo", "21 1 0:2 / / rw shared:1 - btrfs /dev/sda2 rw\n");
	refuses_trial("boot/grub/grubenv lies on btrfs (proc/self/mountinfo)");
	has("proc/self/mountinfo", "21 1 8:3 / / rw shared:1 - ext4 /dev/sda3 rw\n");
	refuses_trial("what boot/grub/grubenv lies on is not known");
	fake_directory(&machine.tree, "sys/devices/virtual/block/dm-1");
	fake_link(&machine.tree, "sys/dev/block/8:3", "../../devices/virtual/block/dm-1");
	refuses_trial("boot/grub/grubenv lies on /dev/sda3 (dm-1), which GRUB does not write to");
	has("sys/devices/virtual/block/dm-1/dm/uuid", "LVM-abc\n");
	refuses_trial("(dm-1)");
	has("sys/devices/virtual/block/dm-1/dm/uuid", "mpath-abc\n");
	assert_int_equal(trial(), 0);
	fake_remove(&machine.tree, "proc/self/mountinfo");
	refuses_trial("which file system boot/grub/grubenv lies on is not known");
	has_disk();
	fake_remove(&machine.tree, "usr/bin/grub-editenv");
	refuses_trial("grub-editenv is not installed");
}

/* On a mapping below another directory the root's disk does not matter. */
static void notes(void **state)
{
	(void)state;
	has_all();
	has("boot/grub/grub.cfg",
	    MENU(ENTRY(
		    RELEASE) "set timeout=-1\nmenuentry 'Mine' --id 'mine' {\n\tlinux /mine ro\n}\n"
			     "menuentry 'Windows' $menuentry_id_option 'osprober-efi-1' {\n}\n"));
	assert_int_equal(trial(), 0);
	assert_int_equal(plan.n_notes, 1);
	assert_non_null(strstr(plan.notes[0].text, "GRUB_TIMEOUT=-1"));
	assert_int_equal(permanent(), 0);
	assert_int_equal(plan.n_notes, 1);
	assert_non_null(strstr(plan.notes[0].text, "the entry \"Mine\" of boot/grub/grub.cfg"));
}

/* The menu was not made since something changed: the trial would bring that along. */
static void stale(void **state)
{
	(void)state;
	has_all();
	has("boot/grub/grub.cfg", MENU(GOT(" quiet")));
	assert_int_equal(trial(), 0);
	proves(MENU(GOT(" quiet") OWN("passthru-trial", TRIED, TRIAL_IMAGE)), NULL);
	proves(MENU(GOT(" splash") OWN("passthru-trial", TRIED, TRIAL_IMAGE)),
	       "boot/grub/grub.cfg is not what its generator makes now");
}

static void boot_partition(void **state)
{
	(void)state;
	has_all();
	has("proc/self/mountinfo", "21 1 253:0 / / rw - btrfs /dev/mapper/root rw\n"
				   "22 21 8:2 / /boot rw - ext2 /dev/sda2 rw\n");
	assert_int_equal(trial(), 0);
}

static void permanent_dropin(void **state)
{
	(void)state;
	has_all();
	has("etc/default/grub.d/zz-passthru.cfg", "iommu=pt\n");
	assert_int_equal(permanent(), 0);
	assert_int_equal(plan.n_steps, 3);
	assert_string_equal(plan.steps[0].path, "etc/default/grub.d/zz-passthru.cfg");
	has_line(plan.steps[0].content,
		 "GRUB_CMDLINE_LINUX_DEFAULT=\"$GRUB_CMDLINE_LINUX_DEFAULT passthru.boot=1 "
		 "iommu=pt\"");
	assert_string_equal(plan.steps[1].path, "etc/grub.d/42_passthru");
	has_line(plan.steps[1].content, "entry='passthru-without'");
	has_line(plan.steps[1].content, "image='initrd.img-" RELEASE ".passthru-old'");
	has_line(plan.steps[1].content, "add=''");
	has_line(plan.steps[1].content, "drop='passthru.boot=1 iommu=pt'");
	assert_string_equal(plan.steps[2].becomes, "boot/grub/grub.cfg");
}

/* A word of the user's is not ours to take out again. */
static void permanent_mentioned(void **state)
{
	(void)state;
	has_all();
	has("etc/default/grub.d/50-mine.cfg", "GRUB_CMDLINE_LINUX=\"iommu=pt\"\n");
	assert_int_equal(permanent(), 0);
	has_line(plan.steps[0].content, "*\" iommu=pt \"*) ;;");
	has_line(plan.steps[1].content, "drop='passthru.boot=1'");
}

/* Ubuntu's cloud images leave out the initramfs at the first try. */
static void permanent_with_initramfs(void **state)
{
	(void)state;
	has_all();
	has("etc/default/grub.d/40-force-partuuid.cfg", "GRUB_FORCE_PARTUUID=x\n");
	has("etc/grub.d/10_linux", "if [ \"$GRUB_FORCE_PARTUUID\" ]; then\n");
	assert_int_equal(permanent(), 0);
	assert_null(strstr(plan.steps[0].content.data, "GRUB_FORCE_PARTUUID"));
	has_initramfs_tools();
	assert_int_equal(permanent(), 0);
	has_line(plan.steps[0].content, "GRUB_FORCE_PARTUUID=");
}

static void permanent_in_place(void **state)
{
	(void)state;
	has_arch_grub();
	has("etc/default/grub", "GRUB_CMDLINE_LINUX=\"\"\nGRUB_CMDLINE_LINUX_DEFAULT=\"quiet "
				"iommu=pt\"\n");
	assert_int_equal(permanent(), 0);
	assert_string_equal(plan.steps[0].path, "etc/default/grub");
	assert_string_equal(plan.steps[0].content.data,
			    "GRUB_CMDLINE_LINUX=\"\"\nGRUB_CMDLINE_LINUX_DEFAULT=\"quiet iommu=pt "
			    "passthru.boot=1\"\n");
	has_line(plan.steps[1].content, "drop='passthru.boot=1'");
	/* the same again, from what that left: nothing else is planned */
	fake_bytes(&machine.tree, "etc/grub.d/42_passthru", plan.steps[1].content.data,
		   plan.steps[1].content.n);
	has("etc/default/grub", plan.steps[0].content.data);
	assert_int_equal(permanent(), 0);
	assert_string_equal(plan.steps[0].content.data,
			    "GRUB_CMDLINE_LINUX=\"\"\nGRUB_CMDLINE_LINUX_DEFAULT=\"quiet iommu=pt "
			    "passthru.boot=1\"\n");
	has_line(plan.steps[1].content, "drop='passthru.boot=1'");
	/* what cannot be edited is refused, with its file */
	has("etc/default/grub", "if true; then\nGRUB_CMDLINE_LINUX_DEFAULT=quiet\nfi\n");
	assert_int_equal(permanent(), -EOPNOTSUPP);
	says("etc/default/grub: ");
}

static void permanent_rhel7(void **state)
{
	(void)state;
	has_rhel7_grub();
	has("boot/grub2/grub.cfg", MENU(ENTRY(RELEASE)));
	assert_int_equal(permanent(), 0);
	assert_string_equal(plan.steps[0].path, "etc/default/grub");
	assert_string_equal(plan.steps[0].content.data,
			    "GRUB_CMDLINE_LINUX=\"crashkernel=auto rhgb quiet passthru.boot=1 "
			    "iommu=pt\"\n");
	assert_string_equal(argv_line(plan.steps[2].argv),
			    "/usr/sbin/grub2-mkconfig -o /boot/grub2/grub.cfg.passthru");
}

/* Nothing that a shell or GRUB could take for something gets into the script. */
static void unsafe(void **state)
{
	struct boot_change change = wanted();
	struct initramfs_kernel odd = { .release = "6'1", .vmlinuz = "boot/vmlinuz-6'1" };

	(void)state;
	has_all();
	read_all();
	change.kernel = &odd;
	assert_int_equal(bootloader_trial(&boot, &change, &plan, &e), -EOPNOTSUPP);
	says("the release \"6'1\" has characters");
	change = wanted();
	change.trial_words = words("a;b");
	assert_int_equal(bootloader_trial(&boot, &change, &plan, &e), -EOPNOTSUPP);
	says("the word \"a;b\" has characters");
	change = wanted();
	change.trial_image = "boot/efi/initrd";
	assert_int_equal(bootloader_trial(&boot, &change, &plan, &e), -EOPNOTSUPP);
	says("boot/efi/initrd does not lie beside boot/vmlinuz-" RELEASE);
	odd = (struct initramfs_kernel){ .release = RELEASE };
	change = wanted();
	change.kernel = &odd;
	assert_int_equal(bootloader_trial(&boot, &change, &plan, &e), -EOPNOTSUPP);
	says("the file of the kernel " RELEASE " was not found");
}

/* ---- the proof ---- */

static void trial_proof(void **state)
{
	(void)state;
	has_all();
	assert_int_equal(trial(), 0);
	proves(MENU(ENTRY(RELEASE) OWN("passthru-trial", TRIED, TRIAL_IMAGE)), NULL);
	proves(MENU(ENTRY(RELEASE)), "new.cfg has no entry \"passthru-trial\"");
	proves(MENU(ENTRY(RELEASE) OWN("passthru-trial", ALL " panic=30", TRIAL_IMAGE)),
	       "has no passthru.trial=1");
	proves(MENU(ENTRY(RELEASE) OWN("passthru-trial", TRIED, "initrd.img-" RELEASE)),
	       "not initrd.img-" RELEASE ".passthru");
	proves(MENU(OWN("passthru-trial", TRIED, TRIAL_IMAGE)), "has no entry of a kernel");
	proves(MENU(OWN("passthru-trial", TRIED, TRIAL_IMAGE) ENTRY(RELEASE)),
	       "has the default 0, a number");
	proves(MENU(ENTRY(RELEASE) OWN("passthru-trial", TRIED, TRIAL_IMAGE)
			    OWN("passthru-without", "", OLD_IMAGE)),
	       "has the entry \"passthru-without\" still");
	proves("", "has no entry of a kernel");
	fake_remove(&machine.tree, "new.cfg");
	assert_int_equal(plan.steps[1].proof(&host, &plan.steps[1], "new.cfg", &e), -ENOENT);
}

static void permanent_proof(void **state)
{
	(void)state;
	has_all();
	assert_int_equal(permanent(), 0);
	proves(MENU(GOT(ALL) OWN("passthru-without", "", OLD_IMAGE)), NULL);
	/* the kernel is gone, and another is without words: it has its own image */
	proves(MENU(GOT(ALL) "menuentry 'x' $menuentry_id_option 'passthru-without' {\n\tlinux "
			     "/boot/vmlinuz-9 ro\n\tinitrd /boot/initrd.img-9\n}\n"),
	       NULL);
	proves(MENU(GOT(ALL)), "new.cfg has no entry \"passthru-without\"");
	proves(MENU(GOT(" passthru.boot=1") OWN("passthru-without", "", OLD_IMAGE)),
	       "has no iommu=pt");
	proves(MENU(GOT(ALL) GOT("") OWN("passthru-without", "", OLD_IMAGE)),
	       "has no passthru.boot=1");
	proves(MENU(GOT(ALL " iommu=pt") OWN("passthru-without", "", OLD_IMAGE)),
	       "has iommu=pt 2 times");
	proves(MENU(GOT(" --" ALL) OWN("passthru-without", "", OLD_IMAGE)),
	       "has no passthru.boot=1");
	proves(MENU(GOT(ALL) OWN("passthru-without", " iommu=pt", OLD_IMAGE)), "has iommu=pt");
	proves(MENU(GOT(ALL) OWN("passthru-without", "", TRIAL_IMAGE)), NULL);
	has("boot/" OLD_IMAGE, "");
	proves(MENU(GOT(ALL) OWN("passthru-without", "", TRIAL_IMAGE)), "not " OLD_IMAGE);
	proves(MENU(GOT(ALL) OWN("passthru-without", "", OLD_IMAGE)
			    OWN("passthru-trial", TRIED, TRIAL_IMAGE)),
	       "has the entry \"passthru-trial\" still");
}

/* A second kernel line of an entry, as Ubuntu's first try without an initramfs has it, counts. */
static void both_lines(void **state)
{
	(void)state;
	has_all();
	assert_int_equal(permanent(), 0);
	proves(MENU("menuentry 'x' $menuentry_id_option 'gnulinux-simple-1' {\n"
		    "if [ \"${initrdfail}\" = 1 ]; then\n\tlinux /boot/vmlinuz-1 ro" ALL
		    "\n\tinitrd /boot/i\nelse\n\tlinux /boot/vmlinuz-1 ro panic=-1\nfi\n}\n" OWN(
			    "passthru-without", "", OLD_IMAGE)),
	       "has no passthru.boot=1");
}

/* ---- the menu ---- */

static void menu(void **state)
{
	static const char text[] =
		"function recordfail {\n  set recordfail=1\n}\n"
		"### BEGIN /etc/grub.d/00_header ###\n   set default=\"${next_entry}\"\n"
		"   set default=\"1>2\"\n### END /etc/grub.d/00_header ###\n"
		"menuentry 'It'\\''s {mine}' --class x $menuentry_id_option 'a-1' {\n"
		"\tlinux\t/vmlinuz-1 ro\n\tinitrd\t/i1 /i2\n}\n"
		"submenu 'More' $menuentry_id_option 'more' {\n"
		"\tmenuentry \"In\" --id 'b' {\n\t\tlinux16 /vmlinuz-2 ro\n\t\tinitrd16 /i\n\t}\n"
		"\tsubmenu 'Deeper' {\n\t\tmenuentry 'Deep' {\n\t\t\tlinuxefi /v ro\n\t\t}\n\t}\n"
		"\tmenuentry 'Last' {\n\t}\n"
		"}\n"
		"if [ \"$x\" ]; then\n\tset default=\"9\"\nfi\n"
		"menuentry 'Top' --id 'c' {\n\ttrue\n}\n";
	struct grub_menu m;

	(void)state;
	grub_menu_read(&host.arena, (struct bytes){ text, strlen(text) }, &m);
	assert_int_equal(m.n, 5);
	assert_int_equal(m.n_top, 3);
	assert_string_equal(m.default_entry, "1>2");
	assert_string_equal(m.later_default, "9");
	assert_false(m.once);
	assert_string_equal(m.entries[0].title, "It'\\''s {mine}");
	assert_string_equal(m.entries[0].id, "a-1");
	assert_string_equal(m.entries[0].linux_lines.name[0], "/vmlinuz-1 ro");
	assert_string_equal(m.entries[0].initrd_lines.name[0], "/i1 /i2");
	assert_int_equal(m.entries[0].line, 8);
	assert_string_equal(m.entries[1].id, "b");
	assert_int_equal(m.entries[1].depth, 1);
	assert_string_equal(m.entries[1].linux_lines.name[0], "/vmlinuz-2 ro");
	assert_int_equal(m.entries[2].depth, 2);
	assert_int_equal(m.entries[3].depth, 1);
	assert_int_equal(m.entries[4].depth, 0);
	assert_int_equal(m.entries[4].place, 2);
	assert_null(grub_menu_find(&m, "b"));
	assert_non_null(grub_menu_find(&m, "c"));
}

/* Blocks that end on the line they begin on: openSUSE's of snapshots, and those of 40_custom. */
static void menu_one_line(void **state)
{
	static const char text[] = "if [ -n \"$extra_cmdline\" ]; then\n"
				   "  submenu \"Bootable snapshot #$snapshot_num\" {\n"
				   "    menuentry \"If OK, run 'snapper rollback $snapshot_num' "
				   "and reboot.\" { true; }\n"
				   "  }\nfi\n"
				   "submenu 'None' { true }\n"
				   "menuentry \"Reboot }\" --class ${class} --id 'a' { reboot }\n"
				   "menuentry test { linux /vmlinux a='b;c' ro; initrd /i\t}\n"
				   "menuentry 'Last' --id 'l' {\n\tlinux /v ro\n}\n";
	struct grub_menu m;

	(void)state;
	grub_menu_read(&host.arena, (struct bytes){ text, strlen(text) }, &m);
	assert_int_equal(m.n, 4);
	assert_int_equal(m.n_top, 5);
	assert_int_equal(m.entries[0].depth, 1);
	assert_string_equal(m.entries[1].id, "a");
	assert_int_equal(m.entries[1].place, 2);
	assert_int_equal(m.entries[1].linux_lines.n, 0);
	assert_string_equal(m.entries[2].linux_lines.name[0], "/vmlinux a='b;c' ro");
	assert_string_equal(m.entries[2].initrd_lines.name[0], "/i");
	assert_string_equal(m.entries[3].id, "l");
	assert_int_equal(m.entries[3].place, 4);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		MACHINE_TEST(trial_steps),
		MACHINE_TEST(trial_before),
		MACHINE_TEST(no_trial),
		MACHINE_TEST(notes),
		MACHINE_TEST(stale),
		MACHINE_TEST(boot_partition),
		MACHINE_TEST(permanent_dropin),
		MACHINE_TEST(permanent_mentioned),
		MACHINE_TEST(permanent_with_initramfs),
		MACHINE_TEST(permanent_in_place),
		MACHINE_TEST(permanent_rhel7),
		MACHINE_TEST(unsafe),
		MACHINE_TEST(trial_proof),
		MACHINE_TEST(permanent_proof),
		MACHINE_TEST(both_lines),
		MACHINE_TEST(menu),
		MACHINE_TEST(menu_one_line),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
