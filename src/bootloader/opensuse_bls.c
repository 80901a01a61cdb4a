// SPDX-License-Identifier: MIT
// openSUSE's sdbootutil, which makes the entries of systemd-boot or of GRUB on the firmware's
// partition (LOADER_TYPE in etc/sysconfig/bootloader).
//
// The words go to etc/kernel/cmdline, from which it writes options (create_boot_options()), and
// into the entries of the running snapshot; those of other snapshots are ways back. Later versions
// read etc/kernel/cmdline.d too, but on a root without snapshots twice, as both of its patterns are
// the same directory then, so the file that all of them read is used. Where a disk is unlocked by
// predicted measurements of the boot, a changed command line is not what was predicted: refused.
//
// sdbootutil is not packaged by Debian; what is said of it is what its script does (2026), and the
// tests have entries of the form that it writes. GRUB there is not known to take a choice for one
// boot back: a trial needs systemd-boot.

#include "base/text.h"
#include "bootloader/systemd_boot.h"
#include "host/host.h"

#include <string.h>

#define SYSCONFIG "etc/sysconfig/bootloader"

struct opensuse {
	struct bls_list list;
	bool is_systemd;
};

/* ---- what is there ---- */

/* The system's root is in that snapshot: "rootflags=subvol=@/.snapshots/1/snapshot". */
static bool is_running_snapshot(const struct boot_facts *facts, const struct bls_entry *entry)
{
	const char *running = boot_word(facts, "rootflags");

	if (!running || !entry->options || !strstr(entry->options, "rootflags="))
		return true;
	return boot_count_word(facts->arena, entry->options,
			       arena_concat(facts->arena, "rootflags=", running)) > 0;
}

/* Of snapshots that do not run no entry is looked at, but for its place in the menu. */
static int read_entries(const struct boot_facts *facts, struct opensuse *ret, size_t *ret_n,
			struct err *e)
{
	struct bls_list *list = &ret->list;

	*list = (struct bls_list){ .reader = ret->is_systemd ? BLS_SYSTEMD : BLS_GRUB };
	int error = ret->is_systemd ? systemd_boot_read(facts, list, e)
				    : bls_read(facts, facts->boot, list, e);
	*ret_n = 0;
	for (size_t i = 0; error == 0 && i < list->n; i++) {
		struct bls_entry *entry = &list->entries[i];

		if (!is_running_snapshot(facts, entry))
			entry->kernel = NULL;
		*ret_n += bls_is_normal(facts, entry);
	}
	return error;
}

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
	struct opensuse *found = arena_alloc(facts->arena, sizeof(*found));
	struct err e = { 0 };
	size_t n;

	if (!program || !type || (!str_eq(type, "systemd-boot") && !str_eq(type, "grub2-bls")))
		return;
	found->is_systemd = str_eq(type, "systemd-boot");
	boot_evidence(facts, ret, SYSCONFIG " has LOADER_TYPE=%s", type);
	boot_evidence(facts, ret, "%s is there", program);
	/* what it writes looks like entries of the boot loader alone */
	ret->manages = true;
	ret->seen = boot_loader_is(facts, found->is_systemd ? "systemd-boot" : "GRUB");
	if (!facts->boot) {
		boot_evidence(facts, ret, "but the firmware's partition is not mounted");
		return;
	}
	if (read_entries(facts, found, &n, &e) < 0) {
		boot_evidence(facts, ret, "its entries are not known: %s", e.text);
		return;
	}
	boot_evidence(facts, ret, "%s/loader/entries has %s of the running snapshot", facts->boot,
		      text_count(facts->arena, n, "entry", "entries"));
	if (is_transactional(facts))
		boot_evidence(facts, ret,
			      "but the root is read-only, and transactional-update changes it");
	else
		ret->counts = n > 0;
	ret->data = found;
}

/* ---- the steps ---- */

static int check_predictions(const struct boot_facts *facts, struct err *e)
{
	static const char *const places[] = { "var/lib/systemd/pcrlock.json", "var/lib/pcrlock.d",
					      NULL };
	const char *found = boot_first(facts, places);

	return found ? boot_unsupported(e,
					"a disk is unlocked by what the boot was predicted to be "
					"(%s), and other words are not that: take the TPM2 token "
					"out with 'sdbootutil unenroll' first",
					found)
		     : 0;
}

static int trial(const struct boot_setup *boot, const struct boot_change *change, struct plan *plan,
		 struct err *e)
{
	const struct boot_facts *facts = &boot->facts;
	const struct opensuse *found = boot->chosen->data;
	const char *file;

	if (!found->is_systemd)
		return boot_unsupported(e, "GRUB with entries of sdbootutil is not known to take a "
					   "choice for one boot back");
	int error = check_predictions(facts, e);
	if (error == 0)
		error = systemd_boot_ready(facts, &found->list, e);
	if (error == 0)
		error = bls_keep_usual(facts, &found->list, &change->words, plan, e);
	if (error == 0)
		error = bls_trial(facts, &found->list, change, plan, &file, e);
	if (error == 0)
		systemd_boot_once(facts, plan, file);
	return error;
}

static int permanent(const struct boot_setup *boot, const struct boot_change *change,
		     struct plan *plan, struct err *e)
{
	const struct boot_facts *facts = &boot->facts;
	const struct opensuse *found = boot->chosen->data;
	const struct bls_list *list = &found->list;
	size_t n;
	int error = check_predictions(facts, e);

	if (error == 0)
		error = bls_plain(facts, list, change, plan, e);
	if (error == 0)
		error = bls_copy_rebuilt(facts, list, change, plan, e);
	if (error == 0)
		error = bls_kernel_cmdline(facts, list, &change->words, plan, e);
	if (error == 0)
		error = bls_edit_all(facts, plan, list, &change->words, &n, e);
	if (error == 0)
		bls_drop_trial(facts, list, change, plan);
	return error;
}

static int leave(const struct boot_setup *boot, const struct names *words, struct plan *plan,
		 struct err *e)
{
	const struct opensuse *found = boot->chosen->data;

	return bls_leave(&boot->facts, &found->list, words, plan, e);
}

const struct bootloader bootloader_opensuse_bls = {
	.name = "sdbootutil",
	.title = "openSUSE's sdbootutil",
	.detect = detect,
	.trial = trial,
	.permanent = permanent,
	.leave = leave,
};
