// SPDX-License-Identifier: MIT
// Proxmox: proxmox-boot-tool keeps several EFI system partitions alike, none of them mounted, and
// makes their menus from etc/kernel/cmdline (systemd-boot) or etc/default/grub (GRUB). Which of the
// two starts a partition, it decides for each; so the words go into both.
//
// zz-proxmox-boot of proxmox-kernel-helper skips a partition that it cannot use and exits 0 all the
// same. The directory that it was to be mounted on stays behind then, and that is looked at.
//
// There is no trial: `kernel pin --next-boot` pins a kernel and not a command line, and it is
// proxmox-boot-cleanup.service that takes it off, in a boot that has come up. A trial that does not
// come up would be tried again for ever.

#include "base/text.h"
#include "bootloader/internal.h"
#include "host/host.h"

#include <errno.h>
#include <string.h>

#define LIST "etc/kernel/proxmox-boot-uuids"
#define HOOK "etc/kernel/postinst.d/zz-proxmox-boot"
#define CMDLINE "etc/kernel/cmdline"
#define DROPIN "etc/default/grub.d/zz-passthru.cfg"
#define MOUNTS "var/tmp/espmounts"
#define WHY "the EFI system partitions get kernels, images and menus anew"

/* Before 2.12 it leaves no LoaderInfo, but the kernel has a word that systemd-boot does not add. */
static bool is_grub(const struct boot_facts *facts)
{
	return boot_loader_is(facts, "GRUB") || (!facts->loader && boot_word(facts, "BOOT_IMAGE"));
}

static void detect(const struct boot_facts *facts, struct bootloader_candidate *ret)
{
	const char *tool = boot_program(facts, "proxmox-boot-tool");

	if (!boot_has(facts, LIST))
		return;
	ret->manages = true;
	boot_evidence(facts, ret, LIST " exists");
	if (!boot_line(facts, LIST)) {
		boot_evidence(facts, ret, "it names no partition");
		return;
	}
	if (!tool || !boot_has(facts, HOOK)) {
		boot_evidence(facts, ret, "%s is not there", tool ? HOOK : "proxmox-boot-tool");
		return;
	}
	boot_evidence(facts, ret, "%s is installed", tool);
	ret->counts = true;
	ret->seen = !facts->efi || boot_loader_is(facts, "systemd-boot") || is_grub(facts);
}

static int list_partitions(const struct boot_facts *facts, struct names *ret, struct err *e)
{
	const char *rest, *line;
	struct bytes text;
	size_t n;
	int error = boot_read(facts, LIST, &text, e);

	*ret = (struct names){ 0 };
	rest = error < 0 ? "" : text.data;
	while (text_next_line(&rest, &line, &n)) {
		const char *uuid = text_trimmed(facts->arena, (struct bytes){ line, n });

		if (*uuid && !strchr(uuid, '/'))
			boot_name_add(facts->arena, ret, uuid);
	}
	return error;
}

/* A partition that is not there would be skipped, and keep the menu that it has. */
static int check_partitions(const struct boot_facts *facts, const struct names *list, struct err *e)
{
	for (size_t i = 0; facts->live && i < list->n; i++) {
		const char *path = arena_concat(facts->arena, "dev/disk/by-uuid/", list->name[i]);

		if (!boot_has(facts, path))
			return boot_unsupported(e,
						"the partition %s of " LIST
						" is not there: plug it "
						"in, or take it out with proxmox-boot-tool clean",
						list->name[i]);
	}
	return 0;
}

static int is_refreshed(struct host *host, const struct step *step, const char *path, struct err *e)
{
	const struct names *list = step->data;
	struct names left;
	int error = root_list(host->root, &host->arena, MOUNTS, &left);

	(void)path;
	if (error < 0)
		return error == -ENOENT ? 0 : err_io(e, error, "listing " MOUNTS);
	for (size_t i = 0; i < list->n; i++) {
		for (size_t k = 0; k < left.n; k++) {
			if (str_eq(left.name[k], list->name[i]))
				return err_fail(e, -EIO,
						"the partition %s was skipped (" MOUNTS "/%s was "
						"left)",
						list->name[i], list->name[i]);
		}
	}
	return 0;
}

/* systemd-boot: entries are made from the first line of the file. */
static int plan_cmdline(const struct boot_facts *facts, const struct boot_change *change,
			struct plan *plan, struct err *e)
{
	static const struct edit_place place = { .format = EDIT_CMDLINE_FIRST };

	if (!facts->efi)
		return 0;
	if (boot_has(facts, CMDLINE))
		return boot_edit_in(facts, plan, "the command line of systemd-boot's entries",
				    CMDLINE, &place, &change->words, e);
	if (is_grub(facts))
		return 0;
	return boot_unsupported(e, CMDLINE
				" does not exist, so that the menu is made from the command line "
				"of whatever kernel runs: write it first, with root=");
}

static int plan_grub(const struct boot_facts *facts, const struct boot_change *change,
		     struct plan *plan, struct err *e)
{
	const char *mkconfig = boot_program(facts, "grub-mkconfig");
	struct bytes text;

	if (!mkconfig || !boot_mentions(facts, mkconfig, "default/grub.d")) {
		if (facts->efi && boot_loader_is(facts, "systemd-boot"))
			return 0;
		return boot_unsupported(e, "grub-mkconfig does not read etc/default/grub.d");
	}
	int error = edit_dropin_text(facts->arena, EDIT_DROPIN_SHELL, "GRUB_CMDLINE_LINUX_DEFAULT",
				     &change->words, &text, e);
	if (error == 0)
		plan_file(facts->arena, plan, "the command line of GRUB's entries", DROPIN, text,
			  0);
	return error;
}

static int permanent(const struct boot_setup *boot, const struct boot_change *change,
		     struct plan *plan, struct err *e)
{
	const struct boot_facts *facts = &boot->facts;
	const char *tool = boot_program(facts, "proxmox-boot-tool");
	struct arena *a = facts->arena;
	struct names *list = arena_alloc(a, sizeof(*list));
	int error = list_partitions(facts, list, e);

	if (error == 0 && !(tool && boot_mentions(facts, tool, "--hook")))
		error = boot_unsupported(e, "this proxmox-boot-tool has no refresh --hook: update "
					    "it first");
	if (error == 0)
		error = check_partitions(facts, list, e);
	if (error == 0)
		error = plan_cmdline(facts, change, plan, e);
	if (error == 0)
		error = plan_grub(facts, change, plan, e);
	if (error < 0)
		return error;
	struct step *step = plan_step(a, plan, STEP_COMMAND, WHY);
	step->argv =
		text_list(a, "proxmox-boot-tool", "refresh", "--hook", "zz-proxmox-boot", NULL);
	/* set_grub_default() and disable_systemd_boot_hook(); all else is on the partitions */
	step->writes = text_list(a, "etc/default/grub.d/proxmox-kernel-pin.cfg",
				 "etc/initramfs/post-update.d/systemd-boot",
				 "etc/kernel/postinst.d/zz-systemd-boot",
				 "etc/kernel/postrm.d/zz-systemd-boot", NULL);
	step->regenerate = step->argv;
	step->takes_back = step->argv;
	step->proof = is_refreshed;
	step->data = list;
	plan_note(a, plan, NOTE_NEXT_BOOT,
		  "every entry of the menu has the words; to start without them, press e in the "
		  "menu and take passthru.boot=1 away");
	return 0;
}

static int trial(const struct boot_setup *boot, const struct boot_change *change, struct plan *plan,
		 struct err *e)
{
	(void)boot, (void)change, (void)plan;
	return boot_unsupported(e, "proxmox-boot-tool can pin a kernel for the next boot, but no "
				   "command line, and the pin stays when that boot fails");
}

const struct bootloader bootloader_proxmox = {
	.name = "proxmox",
	.title = "Proxmox (proxmox-boot-tool)",
	.detect = detect,
	.trial = trial,
	.permanent = permanent,
};
