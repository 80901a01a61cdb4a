// SPDX-License-Identifier: MIT
// openSUSE's sdbootutil, which makes the entries of systemd-boot or of GRUB on the firmware's
// partition (LOADER_TYPE in etc/sysconfig/bootloader).
//
// Its images are on that partition alone, and have the checksum of what is in them for a name
// (install_kernel()); entries of several snapshots name the same file (reuse_initrd()). So an image
// that is made anew in its place would be that of the ways back, too, and one under another name is
// what only sdbootutil makes, with all that hangs on it: room on the partition, predicted
// measurements, the file that no entry names any more. Which files that are is not known before, so
// undo could not promise to put them back: what to do is said, not done.
//
// What is said of it is what its script does (2026). It takes options from etc/kernel/cmdline,
// usr/lib/kernel/cmdline or proc/cmdline, the first that is there (create_boot_options()).

#include "base/text.h"
#include "bootloader/menu.h"
#include "host/host.h"

#include <string.h>

#define SYSCONFIG "etc/sysconfig/bootloader"
#define CMDLINE "etc/kernel/cmdline"

static bool is_transactional(const struct boot_facts *facts)
{
	struct boot_mounts mounts;

	if (!boot_program(facts, "transactional-update"))
		return false;
	boot_mounts_read(facts, &mounts);
	const struct boot_mount *m = boot_mount_of(&mounts, "");
	return m && (str_eq(m->options, "ro") || str_starts(m->options, "ro,"));
}

static void detect(const struct boot_facts *facts, struct bootloader_candidate *ret)
{
	const char *type = boot_setting(facts, SYSCONFIG, "LOADER_TYPE", NULL);
	const char *program = boot_program(facts, "sdbootutil");

	if (!program || !type || (!str_eq(type, "systemd-boot") && !str_eq(type, "grub2-bls")))
		return;
	boot_evidence(facts, ret, SYSCONFIG " has LOADER_TYPE=%s", type);
	boot_evidence(facts, ret, "%s is there", program);
	/* what it writes looks like entries of the boot loader alone */
	ret->manages = true;
	ret->seen = boot_loader_is(facts, str_eq(type, "grub2-bls") ? "GRUB" : "systemd-boot");
	ret->counts = !is_transactional(facts);
	if (!ret->counts)
		boot_evidence(facts, ret,
			      "but the root is read-only, and transactional-update changes it");
}

/* The words alone would be the whole line. */
static const char *whole_line_first(const struct boot_facts *facts)
{
	static const char *const places[] = { "usr/lib/kernel/cmdline", "proc/cmdline", NULL };
	const char *from = boot_first(facts, places);

	if (boot_has(facts, CMDLINE) || !from)
		return "";
	return arena_printf(facts->arena,
			    "/" CMDLINE " is not there. Make it of the line that is taken without\n"
			    "it, of which sdbootutil leaves out what the boot loader has put in:\n"
			    "  cat /%s > /" CMDLINE "\n",
			    from);
}

static const char *by_hand(const struct boot_setup *boot, const struct boot_change *change)
{
	struct arena *a = boot->facts.arena;

	return arena_printf(
		a,
		"sdbootutil makes the entries, and names images by what is in them: entries of\n"
		"snapshots share one, so none is made anew in its place.\n"
		"%s"
		"Put the words at the end of the line in /" CMDLINE ",\n"
		"  %s\n"
		"and have them written into the entries of the running snapshot:\n"
		"  sdbootutil update-all-entries\n"
		"After a change of what is in the images (/etc/dracut.conf.d) have them made, and\n"
		"the entries with them:\n"
		"  sdbootutil mkinitrd\n"
		"Entries of other snapshots keep their words and images: they are the ways back.\n"
		"To take it back, take the words out of that line again, take away what was put\n"
		"into /etc/dracut.conf.d, and run the same commands.\n"
		"%s",
		whole_line_first(&boot->facts), menu_words_by_hand(a, change),
		menu_devices_by_hand(a, change));
}

const struct bootloader bootloader_opensuse_bls = {
	.name = "sdbootutil",
	.title = "openSUSE's sdbootutil",
	.detect = detect,
	.by_hand = by_hand,
};
