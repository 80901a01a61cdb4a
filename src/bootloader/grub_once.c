// SPDX-License-Identifier: MIT
// The entry that GRUB starts once: next_entry in its environment block. The header of the menu
// takes it back before the kernel is loaded (next_entry= and save_env in util/grub.d/00_header.in),
// so a boot that does not come up is followed by the usual one.
//
// That holds only where GRUB can write. It writes the sectors of the block in place, found by
// reading it (check_blocklists() of grub-core/commands/loadenv.c), past the file system; what a
// mapping of several disks has no writing for (grub-core/disk/diskfilter.c), or what the file
// system moves, compresses or sums, it cannot. There a trial would be started for ever, so it is
// refused.

#include "base/text.h"
#include "bootloader/grub.h"
#include "host/host.h"

#include <errno.h>
#include <string.h>

#define NEXT_ENTRY "next_entry"

/* File systems whose blocks of data GRUB may write in place. */
static const char *const writable[] = { "ext2", "ext3", "ext4", "xfs", "vfat", "msdos" };

/* ---- where the block lies ---- */

/* The directory of a disk or partition: "sys/devices/virtual/block/dm-0"; NULL: not known. */
static const char *block_device(const struct boot_facts *facts, const struct boot_mount *m)
{
	const char *path;

	if (!m->device ||
	    root_follow(facts->host->root, facts->arena,
			arena_concat(facts->arena, "sys/dev/block/", m->device), &path) < 0)
		return NULL;
	return path;
}

/* Several paths to one disk, which GRUB's firmware shows as a disk. */
static bool is_multipath(const struct boot_facts *facts, const char *device)
{
	const char *uuid = boot_line(facts, arena_concat(facts->arena, device, "/dm/uuid"));

	return uuid && (str_starts(uuid, "mpath-") ||
			(str_starts(uuid, "part") && strstr(uuid, "-mpath-")));
}

static int check_device(const struct boot_facts *facts, const struct grub *grub,
			const struct boot_mount *m, struct err *e)
{
	const char *device = block_device(facts, m);

	if (!device)
		return boot_unsupported(
			e,
			"what %s lies on is not known (%s says %s), so GRUB may not be "
			"able to take back its choice for one boot",
			grub->env, m->where, m->source);
	if (strstr(device, "/virtual/block/") && !is_multipath(facts, device))
		return boot_unsupported(
			e,
			"%s lies on %s (%s), which GRUB does not write to, so it could not take "
			"back its choice for one boot",
			grub->env, m->source, text_last_part(device));
	return 0;
}

static int check_place(const struct boot_facts *facts, const struct grub *grub, struct err *e)
{
	struct boot_mounts mounts;

	boot_mounts_read(facts, &mounts);
	const struct boot_mount *m = boot_mount_of(&mounts, grub->env);
	if (mounts.error < 0 || !m)
		return boot_unsupported(
			e,
			"which file system %s lies on is not known (%s: %s), so GRUB "
			"may not be able to take back its choice for one boot",
			grub->env, mounts.where,
			mounts.error < 0 ? strerror(-mounts.error) : "not there");
	for (size_t i = 0; i < ARRAY_SIZE(writable); i++) {
		if (str_eq(m->type, writable[i]))
			return check_device(facts, grub, m, e);
	}
	return boot_unsupported(
		e,
		"%s lies on %s (%s), which GRUB does not write to, so it could not take "
		"back its choice for one boot",
		grub->env, m->type, m->where);
}

/* ---- what the menu does with it ---- */

/* Red Hat's 08_fallback_counting: it acts only where the block has a counter. */
static bool is_fallback(const struct boot_facts *facts, const struct grub *grub,
			const struct grub_menu *menu)
{
	return str_eq(menu->later_default, "1") &&
	       boot_mentions(facts, grub->config, "/08_fallback_counting ###") &&
	       !boot_mentions(facts, grub->env, "\nboot_counter=");
}

static int check_menu(const struct boot_facts *facts, const struct grub *grub, struct err *e)
{
	const char *custom =
		arena_printf(facts->arena, "%.*s/custom.cfg",
			     (int)(strrchr(grub->config, '/') - grub->config), grub->config);
	struct grub_menu menu;
	struct bytes text;
	int error = boot_read(facts, grub->config, &text, e);

	if (error < 0)
		return error;
	grub_menu_read(facts->arena, text, &menu);
	if (!menu.once)
		return boot_unsupported(e,
					"%s does not load an environment block and take " NEXT_ENTRY
					" back in it, so there is no choice for one boot",
					grub->config);
	if (menu.later_default && is_fallback(facts, grub, &menu))
		menu.later_default = NULL;
	if (menu.later_default || boot_mentions(facts, custom, "default="))
		return boot_unsupported(e, "%s sets its own default behind the choice for one boot",
					menu.later_default ? grub->config : custom);
	return 0;
}

/* The value that it has; NULL: it is not set. */
static int read_next(const struct boot_facts *facts, const struct grub *grub, const char **ret,
		     struct err *e)
{
	struct bytes text, unset;
	int error = boot_read(facts, grub->env, &text, e);

	if (error < 0)
		return error;
	error = edit_grubenv_set(facts->arena, text, NEXT_ENTRY, NULL, &unset, ret, e);
	return error < 0 ? err_wrap(e, error, "%s", grub->env) : 0;
}

int grub_once_check(const struct boot_facts *facts, const struct grub *grub, struct err *e)
{
	const char *chosen;

	/* the loader with entries of the specification is that of those who call it so */
	if (!grub->editenv)
		return boot_unsupported(
			e,
			"%s is not installed, which chooses GRUB's entry for one "
			"boot",
			grub->mkconfig && !str_starts(text_last_part(grub->mkconfig), "grub2-")
				? "grub-editenv"
				: "grub2-editenv");
	int error = check_menu(facts, grub, e);
	if (error == 0)
		error = check_place(facts, grub, e);
	if (error < 0)
		return error;
	error = read_next(facts, grub, &chosen, e);
	if (error == -ENOENT)
		return boot_unsupported(e,
					"%s is not there, which GRUB keeps its choice in; \"%s %s "
					"create\" makes it",
					grub->env, text_last_part(grub->editenv),
					boot_absolute(facts->arena, grub->env));
	if (error < 0)
		return error;
	if (chosen && *chosen && !strstr(chosen, BOOTLOADER_TRIAL_ENTRY))
		return boot_unsupported(
			e,
			"another entry was chosen for the next boot already: %s has " NEXT_ENTRY
			"=%s",
			grub->env, chosen);
	return 0;
}

/* ---- the step ---- */

struct once {
	const char *env, *id;
};

/* Whether GRUB will start it at the next boot. */
static int prove_next(struct host *host, const struct step *step, const char *path, struct err *e)
{
	const struct once *once = step->data;
	const struct boot_facts facts = { .host = host, .arena = &host->arena };
	const struct grub grub = { .env = once->env };
	const char *chosen;
	int error = read_next(&facts, &grub, &chosen, e);

	(void)path;
	if (error < 0)
		return error;
	if (!chosen || !str_eq(chosen, once->id))
		return err_fail(e, -ENODATA, "%s has no " NEXT_ENTRY "=%s", once->env, once->id);
	return 0;
}

int grub_once_step(const struct boot_facts *facts, const struct grub *grub, const char *id,
		   struct plan *plan, struct err *e)
{
	struct arena *a = facts->arena;
	const char *before;
	int error = read_next(facts, grub, &before, e);

	if (error < 0)
		return error;
	struct once *once = arena_alloc(a, sizeof(*once));
	*once = (struct once){ grub->env, id };
	struct step *step =
		plan_step(a, plan, STEP_COMMAND,
			  "GRUB starts the trial entry at the next boot, and only then");
	step->argv = text_list(a, boot_absolute(a, grub->editenv), boot_absolute(a, grub->env),
			       "set", arena_concat(a, NEXT_ENTRY "=", id), NULL);
	step->writes = text_list(a, grub->env, NULL);
	struct step_variable *variable = arena_alloc(a, sizeof(*variable));
	*variable = (struct step_variable){ .name = NEXT_ENTRY, .value = id };
	if (before && !str_eq(before, id))
		variable->before = before;
	step->variable = variable;
	step->proof = prove_next;
	step->data = once;
	return 0;
}
