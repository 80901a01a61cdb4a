// SPDX-License-Identifier: MIT
// extlinux and syslinux, and U-Boot, which reads the same files. Three ways to one menu: Alpine's
// update-extlinux makes boot/extlinux.conf from etc/update-extlinux.conf and appends what lies in
// etc/update-extlinux.d; Debian's u-boot-update makes boot/extlinux/extlinux.conf, all entries from
// the same parameters, so that none can stay without the words and it is left to its owner; else
// the file is written by hand.
//
// There is no trial. extlinux --once writes into ldlinux.sys, whose blocks the boot sector knows by
// number: it is never among the files that are saved, because putting it back would move it.
// U-Boot has nothing of the kind.

#include "base/text.h"
#include "bootloader/menu.h"
#include "host/host.h"

#include <errno.h>
#include <string.h>

#define ALPINE "etc/update-extlinux.conf"
#define ALPINE_MENU "boot/extlinux.conf"
#define ALPINE_PROGRAM "update-extlinux"
#define ALPINE_OWN "etc/update-extlinux.d/passthru"
#define DEBIAN_MENU "boot/extlinux/extlinux.conf"

struct extlinux {
	const char *menu;
	const char *program; /* that makes it; NULL: nobody does */
	bool alpine;
};

/* ---- detecting ---- */

static const char *find_menu(const struct boot_facts *facts)
{
	static const char *const menus[] = { ALPINE_MENU, DEBIAN_MENU, "boot/syslinux/syslinux.cfg",
					     "boot/syslinux/extlinux.conf", NULL };

	return boot_first(facts, menus);
}

/* syslinux for BIOS has its second stage beside the menu, or above; U-Boot has a device tree. */
static const char *find_loader(const struct boot_facts *facts, const char *menu)
{
	static const char *const others[] = { "boot/ldlinux.sys",
					      "sys/firmware/devicetree/base/model", NULL };
	const char *beside = arena_printf(facts->arena, "%.*sldlinux.sys",
					  (int)(text_last_part(menu) - menu), menu);

	return boot_has(facts, beside) ? beside : boot_first(facts, others);
}

/* syslinux gives the kernel its own name and, with initrd, that of the image. */
static bool was_seen(const struct boot_facts *facts, const char *path)
{
	const char *kernel = boot_word(facts, "BOOT_IMAGE");
	struct bytes text;
	struct menu menu;

	if (!kernel || !boot_word(facts, "initrd") || boot_read(facts, path, &text, NULL) < 0)
		return false;
	menu_read(facts->arena, text, EDIT_EXTLINUX, &menu);
	for (size_t i = 0; i < menu.n; i++) {
		if (str_same(menu.entries[i].kernel, kernel))
			return true;
	}
	return false;
}

static void detect(const struct boot_facts *facts, struct bootloader_candidate *ret)
{
	struct extlinux *found = arena_alloc(facts->arena, sizeof(*found));
	const char *menu = find_menu(facts), *loader;

	if (!menu)
		return;
	boot_evidence(facts, ret, "%s exists", menu);
	*found = (struct extlinux){ .menu = menu };
	if (str_eq(menu, ALPINE_MENU) && boot_has(facts, ALPINE)) {
		found->program = boot_program(facts, ALPINE_PROGRAM);
		found->alpine = true;
	} else if (str_eq(menu, DEBIAN_MENU)) {
		found->program = boot_program(facts, "u-boot-update");
	}
	if (found->program)
		boot_evidence(facts, ret, "%s makes it", found->program);
	loader = find_loader(facts, menu);
	boot_evidence(facts, ret, loader ? "%s exists" : "no boot loader that reads %s is there",
		      loader ? loader : menu);
	/* the packages of Alpine leave the configuration behind without the program */
	ret->counts = loader && (!found->alpine || found->program);
	ret->seen = was_seen(facts, menu);
	ret->data = found;
}

/* ---- a menu that is made ---- */

struct wanted {
	const char *menu;
	struct names words;
};

static int is_made(struct host *host, const struct step *step, const char *path, struct err *e)
{
	const struct wanted *wanted = step->data;

	(void)path;
	return menu_check(host, wanted->menu, EDIT_EXTLINUX, &wanted->words, e);
}

static void plan_command(const struct boot_facts *facts, const struct boot_change *change,
			 struct plan *plan, const struct extlinux *found, const char *const *writes)
{
	struct arena *a = facts->arena;
	struct wanted *wanted = arena_alloc(a, sizeof(*wanted));
	struct step *step = plan_step(a, plan, STEP_COMMAND, "the menu is made anew");

	*wanted = (struct wanted){ .menu = found->menu, .words = change->words };
	step->argv = text_list(a, text_last_part(found->program), NULL);
	step->writes = writes;
	step->regenerate = step->argv;
	step->trace = change->words.n > 0 ? change->words.name[0] : NULL;
	step->proof = is_made;
	step->data = wanted;
}

/* The entry without words, from the menu as it is; the steps on the menu itself are not ours. */
static int plain_entry(const struct boot_facts *facts, const struct boot_change *change,
		       const struct extlinux *found, struct bytes *ret, struct err *e)
{
	const struct menu_change menu = {
		.path = found->menu, .format = EDIT_EXTLINUX, .change = change, .own_menu = true
	};
	struct plan unused = { 0 };

	return menu_plan(facts, &menu, &unused, ret, e);
}

static int plan_alpine(const struct boot_facts *facts, const struct boot_change *change,
		       const struct extlinux *found, struct plan *plan, struct err *e)
{
	static const struct edit_place place = { .format = EDIT_SHELL,
						 .name = "default_kernel_opts",
						 .create = true };
	const char *overwrite = boot_setting(facts, ALPINE, "overwrite", NULL);
	struct bytes plain;

	if (!overwrite || !str_eq(overwrite, "1"))
		return boot_unsupported(e, ALPINE " does not say overwrite=1, so that the menu is "
						  "not put in its place: set it first");
	int error = plain_entry(facts, change, found, &plain, e);
	if (error == 0)
		error = boot_edit_in(facts, plan, "the options of all kernels", ALPINE, &place,
				     &change->words, e);
	if (error < 0)
		return error;
	plan_file(facts->arena, plan, "an entry without the words", ALPINE_OWN, plain, 0);
	plan_command(facts, change, plan, found,
		     text_list(facts->arena, ALPINE_MENU, ALPINE_MENU ".new", "boot/libutil.c32",
			       "boot/libcom32.c32", "boot/mboot.c32", "boot/menu.c32",
			       "boot/vesamenu.c32", NULL));
	/* it keeps the menu of before, in which the words may stand for good: no trace is looked
	 * for there */
	struct step *step = plan_step(facts->arena, plan, STEP_COMMAND,
				      "the menu of before, kept by " ALPINE_PROGRAM);
	step->argv = text_list(facts->arena, ALPINE_PROGRAM, NULL);
	step->writes = text_list(facts->arena, ALPINE_MENU ".old", NULL);
	step->regenerate = step->argv;
	return 0;
}

/* ---- the steps ---- */

static int permanent(const struct boot_setup *boot, const struct boot_change *change,
		     struct plan *plan, struct err *e)
{
	const struct extlinux *found = boot->chosen->data;
	const struct menu_change menu = { .path = found->menu,
					  .format = EDIT_EXTLINUX,
					  .change = change };

	if (found->alpine)
		return plan_alpine(&boot->facts, change, found, plan, e);
	if (found->program)
		return boot_unsupported(e,
					"u-boot-update makes all entries of %s alike: none would "
					"stay without the words",
					found->menu);
	return menu_plan(&boot->facts, &menu, plan, NULL, e);
}

static int trial(const struct boot_setup *boot, const struct boot_change *change, struct plan *plan,
		 struct err *e)
{
	const struct extlinux *found = boot->chosen->data;

	(void)change, (void)plan;
	return boot_unsupported(e,
				"%s has no entry that is used for one boot only and could be "
				"taken back exactly",
				found->menu);
}

static const char *by_hand(const struct boot_setup *boot, const struct boot_change *change)
{
	const struct extlinux *found = boot->chosen->data;
	struct arena *a = boot->facts.arena;

	if (found->alpine || !found->program)
		return NULL;
	return arena_printf(
		a,
		"u-boot-update makes all entries of its menu from the same parameters, so that\n"
		"none would stay without the words. To add them nevertheless, keep a copy of the\n"
		"menu and a way to U-Boot's console:\n"
		"  cp -p /%s /root/\n"
		"Append these words to U_BOOT_PARAMETERS in /etc/default/u-boot (\"ro quiet\" "
		"when\n"
		"it is not set and there is no /etc/kernel/cmdline):\n"
		"  %s\n"
		"Then have the menu made:\n"
		"  u-boot-update\n"
		"To take it back, take them out and run that again.\n"
		"%s",
		found->menu, menu_words_by_hand(a, change), menu_devices_by_hand(a, change));
}

const struct bootloader bootloader_extlinux = {
	.name = "extlinux",
	.title = "extlinux, syslinux or U-Boot",
	.detect = detect,
	.trial = trial,
	.permanent = permanent,
	.by_hand = by_hand,
};
