// SPDX-License-Identifier: MIT
// ZFSBootMenu starts the kernel of a boot environment with kexec; the command line is a property of
// its dataset, org.zfsbootmenu:commandline (read_kcl_prop() in its zfsbootmenu-kcl.sh). A property
// is no file: what it was, and whether it was inherited, would have to be kept and compared before
// it is put back, which the transactions of this program do for files only. So what to do is said,
// not done.

#include "base/text.h"
#include "bootloader/menu.h"
#include "host/host.h"

#include <string.h>
#include <strings.h>

#define PROPERTY "org.zfsbootmenu:commandline"

/* An image of ZFSBootMenu: EFI/zbm/vmlinuz.EFI, EFI/ZBM/VMLINUZ.EFI, zfsbootmenu.EFI. */
static const char *find_image(const struct boot_facts *facts)
{
	static const char *const folders[] = { "EFI/zbm", "EFI/zfsbootmenu" };
	const char *found;

	for (size_t i = 0; facts->esp && i < ARRAY_SIZE(folders); i++) {
		if ((found = boot_any_case(facts, facts->esp, folders[i])))
			return found;
	}
	return boot_has(facts, "etc/zfsbootmenu/config.yaml") ? "etc/zfsbootmenu/config.yaml"
							      : NULL;
}

static const char *root_dataset(const struct boot_facts *facts)
{
	const struct boot_mount *m;
	struct boot_mounts mounts;

	boot_mounts_read(facts, &mounts);
	m = boot_mount_of(&mounts, "");
	return m && str_eq(m->type, "zfs") ? m->source : NULL;
}

static void detect(const struct boot_facts *facts, struct bootloader_candidate *ret)
{
	const char *image = find_image(facts), *dataset = root_dataset(facts);
	const char *stub = boot_by_stub(facts);

	if (!image)
		return;
	boot_evidence(facts, ret, "%s exists", image);
	boot_evidence(facts, ret, dataset ? "the root is the dataset %s" : "the root is not on ZFS",
		      dataset);
	/* kexec hands over root= and the property alone (kexec_kernel() in its
	 * zfsbootmenu-core.sh); other loaders add a word of their own */
	if (stub)
		boot_evidence(facts, ret, "but %s", stub);
	ret->counts = dataset && !stub && !boot_word(facts, "BOOT_IMAGE");
	ret->manages = ret->counts;
	ret->seen = ret->counts && facts->live;
	ret->data = dataset;
}

static const char *by_hand(const struct boot_setup *boot, const struct boot_change *change)
{
	const char *dataset = boot->chosen->data;
	struct arena *a = boot->facts.arena;
	const char *words = menu_words_by_hand(a, change);

	return arena_printf(
		a,
		"ZFSBootMenu takes the command line from a property. Look at it first:\n"
		"  zfs get -H -o value,source " PROPERTY " %s\n"
		"When its source begins with \"inherited\", or there is none:\n"
		"  zfs set " PROPERTY "=\"%%{parent} %s\" %s\n"
		"and to take it back:\n"
		"  zfs inherit " PROPERTY " %s\n"
		"When its source is \"local\", note the value, set it anew with the words behind\n"
		"it, and set the noted value again to take it back. A file <kernel>.kcl beside a\n"
		"kernel, which newer versions read, replaces the property for that kernel.\n"
		"To start once without them: Ctrl+E in the menu of ZFSBootMenu.\n"
		"%s",
		dataset, words, dataset, dataset, menu_devices_by_hand(a, change));
}

const struct bootloader bootloader_zfsbootmenu = {
	.name = "zfsbootmenu",
	.title = "ZFSBootMenu",
	.detect = detect,
	.by_hand = by_hand,
};
