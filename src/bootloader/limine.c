// SPDX-License-Identifier: MIT
// Limine. Its menu is limine.conf (limine.cfg up to version 7), looked for on the partition that
// Limine was started from, at the places of init_config_disk() in its common/lib/config.c. Written
// by hand it is edited: each entry has a command line. Where limine-entry-tool makes it, it would
// be lost at the next kernel; which files that tool writes is not known here for sure, so what to
// do is said, not done.
//
// A checksum of the menu may be enrolled in the loader (limine enroll-config), which then refuses
// to start with a menu that was changed: it stands behind a mark in the program. The menu may have
// checksums of files in turn, BLAKE2b behind '#' of a path ("URIs" in CONFIG.md).

#include "base/text.h"
#include "bootloader/menu.h"
#include "host/host.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

#define MARK "++CONFIG_B2SUM_SIGNATURE++"
#define CHECKSUM_DIGITS 128
#define TOOL_DROPIN "etc/limine-entry-tool.d/zz-passthru.conf"

struct limine {
	const char *menu;
	const char *program; /* the loader with the mark */
	const char *tool;    /* limine-entry-tool; NULL: none */
	bool enrolled;
	size_t menus; /* how many there are */
};

/* ---- detecting ---- */

static void find_menus(const struct boot_facts *facts, const char *top, struct limine *ret)
{
	static const char *const folders[] = { "",          "limine/",    "boot/", "boot/limine/",
					       "EFI/BOOT/", "EFI/limine/" };
	static const char *const names[] = { "limine.conf", "limine.cfg" };

	for (size_t i = 0; i < ARRAY_SIZE(folders); i++) {
		for (size_t k = 0; k < ARRAY_SIZE(names); k++) {
			const char *path = boot_any_case(
				facts, top, arena_concat(facts->arena, folders[i], names[k]));

			if (!path || str_same(path, ret->menu))
				continue;
			ret->menu = ret->menu ? ret->menu : path;
			ret->menus++;
		}
	}
}

/* Whether the file is Limine, and whether a checksum is enrolled in it. */
static void look_at_program(const struct boot_facts *facts, const char *path, struct limine *ret)
{
	struct bytes program;

	if (boot_read(facts, path, &program, NULL) < 0)
		return;
	const char *mark = memmem(program.data, program.n, MARK, strlen(MARK));
	size_t left = mark ? program.n - (size_t)(mark - program.data) - strlen(MARK) : 0;
	if (left < CHECKSUM_DIGITS)
		return;
	ret->program = path;
	ret->enrolled |= strspn(mark + strlen(MARK), "0") < CHECKSUM_DIGITS;
}

static void find_programs(const struct boot_facts *facts, struct limine *ret)
{
	static const char *const stages[] = { "boot/limine-bios.sys", "boot/limine/limine-bios.sys",
					      "limine-bios.sys", "boot/limine.sys" };
	struct names vendors = { 0 }, files;
	const char *top = facts->esp ? boot_any_case(facts, facts->esp, "EFI") : NULL;

	for (size_t i = 0; i < ARRAY_SIZE(stages); i++)
		look_at_program(facts, stages[i], ret);
	if (top && boot_entries(facts, top, "", &vendors, NULL) < 0)
		return;
	for (size_t i = 0; i < vendors.n; i++) {
		if (boot_entries(facts, vendors.name[i], "", &files, NULL) < 0)
			continue;
		for (size_t k = 0; k < files.n; k++) {
			size_t n = strlen(files.name[k]);

			if (n > 4 && strcasecmp(files.name[k] + n - 4, ".efi") == 0)
				look_at_program(facts, files.name[k], ret);
		}
	}
}

static void detect(const struct boot_facts *facts, struct bootloader_candidate *ret)
{
	struct limine *found = arena_alloc(facts->arena, sizeof(*found));

	if (facts->esp)
		find_menus(facts, facts->esp, found);
	if (!facts->esp || !str_eq(facts->esp, "boot"))
		find_menus(facts, "boot", found);
	if (!found->menu)
		return;
	boot_evidence(facts, ret, "%s exists", found->menu);
	find_programs(facts, found);
	boot_evidence(facts, ret, found->program ? "%s is Limine" : "no loader of Limine is there",
		      found->program);
	found->tool = boot_program(facts, "limine-entry-tool");
	if (!found->tool)
		found->tool = boot_program(facts, "limine-update");
	if (found->tool)
		boot_evidence(facts, ret, "%s is installed", found->tool);
	ret->counts = found->program != NULL;
	ret->seen = boot_loader_is(facts, "Limine");
	/* entries of kernel-install or systemd-boot that lie beside are not read */
	ret->manages = false;
	ret->data = found;
}

/* ---- the steps ---- */

/* Limine stops at a file whose checksum is not the one behind '#' in its path. */
static int check_sums(const struct boot_facts *facts, const char *path,
		      const struct boot_change *change, struct err *e)
{
	const char *rest, *line;
	struct bytes text;
	size_t n;
	int error = boot_read(facts, path, &text, e);

	rest = error < 0 ? "" : text.data;
	while (text_next_line(&rest, &line, &n)) {
		const char *copy = text_trimmed(facts->arena, (struct bytes){ line, n });

		copy += strspn(copy, " \t");
		for (size_t i = 0; *copy != '#' && i < change->n_rebuilt; i++) {
			const char *name = text_last_part(change->rebuilt[i]->image);

			if (strcasestr(copy, arena_printf(facts->arena, "/%s#", name)))
				return boot_unsupported(e,
							"%s has a checksum of %s, which is made "
							"anew: take it out first, with its '#'",
							path, name);
		}
	}
	return error;
}

static int permanent(const struct boot_setup *boot, const struct boot_change *change,
		     struct plan *plan, struct err *e)
{
	const struct limine *found = boot->chosen->data;
	const struct menu_change menu = { .path = found->menu,
					  .format = EDIT_LIMINE,
					  .change = change };

	if (found->tool)
		return boot_unsupported(e,
					"limine-entry-tool makes %s, and which files it writes "
					"is not known for sure",
					found->menu);
	if (found->menus > 1)
		return boot_unsupported(e,
					"there are several menus of Limine, %s and others: leave "
					"the one that is used",
					found->menu);
	if (found->enrolled)
		return boot_unsupported(e,
					"a checksum of %s is enrolled in %s, which would not "
					"start with another menu: take it out first (limine "
					"enroll-config --reset)",
					found->menu, found->program);
	int error = check_sums(&boot->facts, found->menu, change, e);
	return error < 0 ? error : menu_plan(&boot->facts, &menu, plan, NULL, e);
}

static int trial(const struct boot_setup *boot, const struct boot_change *change, struct plan *plan,
		 struct err *e)
{
	(void)boot, (void)change, (void)plan;
	return boot_unsupported(e, "no entry of Limine is used for one boot only");
}

static const char *by_hand(const struct boot_setup *boot, const struct boot_change *change)
{
	const struct limine *found = boot->chosen->data;
	struct arena *a = boot->facts.arena;

	if (!found->tool)
		return NULL;
	return arena_printf(
		a,
		"limine-entry-tool makes the menu. Put the words where it takes them from, the\n"
		"blank behind the quote included, and have it made:\n"
		"  echo 'KERNEL_CMDLINE[default]+=\" %s\"' > /" TOOL_DROPIN "\n"
		"  limine-update\n"
		"Where /etc/default/limine has a line that begins with KERNEL_CMDLINE[default]= ,\n"
		"which replaces what drop-ins add, put it behind that line instead. Look whether\n"
		"the words stand in every entry that is to have them:\n"
		"  grep cmdline /%s\n"
		"Unified images (ENABLE_UKI=yes) hold them inside. To take it back:\n"
		"  rm /" TOOL_DROPIN "\n"
		"  limine-update\n"
		"The entry of a snapshot, where there is one, stays without the words.\n"
		"%s",
		menu_words_by_hand(a, change), found->menu, menu_devices_by_hand(a, change));
}

const struct bootloader bootloader_limine = {
	.name = "limine",
	.title = "Limine",
	.detect = detect,
	.trial = trial,
	.permanent = permanent,
	.by_hand = by_hand,
};
