/* SPDX-License-Identifier: MIT */
/*
 * A host that has every file which an editor is for, and a plan that changes them all as setup
 * does: own files and drop-ins, entries of each boot loader, images that are made beside the old
 * ones, a menu that a generator makes, and a block that one writes in place.
 */
#pragma once

#include "tests/change/kills.h"

#define BOTH "passthru.boot=1", "iommu=pt"

struct format {
	const char *path, *text;
	struct edit_place place;
	const char *words[3];
};

static const struct format formats[] = {
	{ "etc/default/grub",
	  "# with a comment\nGRUB_DEFAULT=0\nGRUB_CMDLINE_LINUX_DEFAULT=\"quiet splash\" # mine\n"
	  "GRUB_CMDLINE_LINUX='root=\"a b\"'\n",
	  { EDIT_SHELL, "GRUB_CMDLINE_LINUX_DEFAULT" },
	  { BOTH } },
	{ "etc/mkinitcpio.conf",
	  "MODULES=()\nHOOKS=(base udev autodetect block filesystems)\n",
	  { EDIT_BASH, "HOOKS", .names = true },
	  { "passthru" } },
	{ "etc/dracut.conf",
	  "hostonly=yes\n",
	  { EDIT_BASH, "add_dracutmodules", .names = true, .create = true },
	  { "passthru" } },
	{ "etc/kernel/cmdline", "root=UUID=1-2 ro quiet\n", { EDIT_CMDLINE }, { BOTH } },
	{ "etc/kernel/proxmox",
	  "root=ZFS=rpool/ROOT/pve-1 boot=zfs",
	  { EDIT_CMDLINE_FIRST },
	  { BOTH } },
	{ "boot/loader/entries/old-6.1.conf",
	  "title Old\nlinux /vmlinuz-6.1\ninitrd /initrd-6.1\noptions root=UUID=1-2 ro\n",
	  { EDIT_BLS },
	  { BOTH } },
	{ "boot/loader/entries/old-6.12.conf",
	  "title New\nlinux /vmlinuz-6.12\noptions root=UUID=1-2\noptions ro",
	  { EDIT_BLS_OWN_LINE },
	  { BOTH } },
	{ "boot/refind_linux.conf",
	  "\"Boot with standard options\"  \"root=/dev/sda1 ro\"\n\"Rescue\" \"single\"\n",
	  { EDIT_REFIND, "Boot with standard options" },
	  { BOTH } },
	{ "boot/extlinux/extlinux.conf",
	  "DEFAULT lts\nLABEL lts\n  LINUX vmlinuz\n  APPEND root=/dev/sda1 ro\nLABEL virt\n  "
	  "LINUX v\n  APPEND x\n",
	  { EDIT_EXTLINUX, "lts" },
	  { BOTH } },
	{ "boot/limine.conf",
	  "timeout: 5\n/Linux\n    protocol: linux\n    cmdline: root=/dev/sda1 rw\n",
	  { EDIT_LIMINE, "Linux" },
	  { BOTH } },
	{ "etc/kernelstub/configuration",
	  "{\n  \"user\": {\n    \"kernel_options\": [\n      \"quiet\"\n    ],\n    \"x\": 1\n  "
	  "}\n}\n",
	  { EDIT_KERNELSTUB },
	  { BOTH } },
	{ "etc/initramfs-tools/modules", "# one a line\nloop\n", { EDIT_MODULES }, { "vfio_pci" } },
	{ "etc/booster.yaml",
	  "universal: false\nmodules_force_load: ext4\n",
	  { EDIT_BOOSTER, "modules_force_load" },
	  { "vfio_pci" } },
};

/* "image NAME" and "menu" write what they make in two pieces, so that a kill leaves a half one. */
#define FORMATS_SCRIPT                                                                             \
	"set -eu\n"                                                                                \
	"cd \"$2\"\n"                                                                              \
	"put() { printf 'begin %s\\n' \"$2\" >\"$1\"; if [ -e half ]; then exit 0; fi; "           \
	"printf 'end\\n' >>\"$1\"; chmod 0600 \"$1\"; }\n"                                         \
	"[ ! -e slow ] || sleep 0.2\n"                                                             \
	"if [ -e fail ]; then echo 'no module vfio-pci' >&2; exit 9; fi\n"                         \
	"if [ -e idle ]; then exit 0; fi\n"                                                        \
	"case $1 in\n"                                                                             \
	"image) put boot/initrd-$3.new \"image $(cat etc/passthru/devices 2>/dev/null || :) "      \
	"$(cat etc/initramfs-tools/modules)\" ;;\n"                                                \
	"menu) put boot/grub/grub.cfg.new \"menu $(cat etc/default/grub etc/default/grub.d/*)\" "  \
	";;\n"                                                                                     \
	"once) printf 'next_entry=passthru-trial\\n' >boot/grub/once ;;\n"                         \
	"esac\n"

static inline int formats_proof(struct host *host, const struct step *step, const char *path,
				struct err *e)
{
	const char *wanted = str_eq(step->argv[2], "image") ? "vfio_pci" : "passthru";

	if (!path)
		path = "boot/grub/once";
	if (!machine_holds(host, path, wanted))
		return err_fail(e, -EIO, "there is no %s in %s", wanted, path);
	return path[strlen(path) - 1] == 'e' || machine_holds(host, path, "\nend\n")
		       ? 0
		       : err_fail(e, -EIO, "%s is not whole", path);
}

static inline const char *const *formats_command(struct machine *m, const char *what,
						 const char *name)
{
	const char **argv = arena_array(&m->host.arena, 6, sizeof(*argv));

	argv[0] = "sh";
	argv[1] = m->script;
	argv[2] = what;
	argv[3] = m->top;
	argv[4] = name;
	return argv;
}

static inline void formats_files(struct machine *m)
{
	for (size_t i = 0; i < ARRAY_SIZE(formats); i++)
		temporary_file(&m->t, formats[i].path, formats[i].text);
	temporary_file(&m->t, "etc/default/grub.d/50-other.cfg", "GRUB_TIMEOUT=1\n");
	temporary_file(&m->t, "boot/loader/loader.conf", "timeout 3\ndefault old-*\n");
	temporary_file(&m->t, "boot/grub/grub.cfg", "begin menu of before\nend\n");
	temporary_file(&m->t, "boot/grub/once", "next_entry=\n");
	temporary_file(&m->t, "boot/initrd-6.1", "begin image of before\nend\n");
	temporary_file(&m->t, "boot/initrd-6.12", "begin image of before, 6.12\nend\n");
	temporary_file(&m->t, "etc/modprobe.d/old-vfio.conf", "options vfio-pci ids=1:2\n");
	temporary_file(&m->t, "script", FORMATS_SCRIPT);
	temporary_directories(&m->t, "var/lib/x");
	char block[1024];
	memset(block, '#', sizeof(block));
	const char *env = "# GRUB Environment Block\nkernelopts=root=/dev/sda1 ro\n";
	memcpy(block, env, strlen(env));
	temporary_bytes(&m->t, "boot/grub/grubenv", block, sizeof(block));
	for (size_t i = 0; i < ARRAY_SIZE(formats); i++)
		tree_age(&m->t, formats[i].path, 1000000000 + (long)i);
	tree_age(&m->t, "boot/grub/grub.cfg", 1000000100);
	tree_age(&m->t, "boot/initrd-6.1", 1000000200);
	assert_int_equal(chmod(temporary_path(&m->t, "boot/initrd-6.1"), 0640), 0);
	assert_int_equal(chmod(temporary_path(&m->t, "etc/default/grub"), 0600), 0);
}

static inline void formats_edited(struct machine *m, const char *path,
				  const struct edit_place *place, const char *const *words)
{
	const char **copy = arena_array(&m->host.arena, 3, sizeof(*copy));
	struct names names = { .name = copy };
	struct bytes text;
	struct edit edit;

	for (; words[names.n]; names.n++)
		copy[names.n] = words[names.n];
	assert_int_equal(root_read(m->host.root, &m->host.arena, path, &text), 0);
	int error = edit_add(&m->host.arena, text, place, &names, &edit, &m->e);
	if (error < 0)
		fail_msg("%s: %s", path, m->e.text);
	assert_int_equal(edit.added.n, names.n);
	plan_file(&m->host.arena, &m->plan, "words", path, edit.text, 0);
}

static inline void formats_image(struct machine *m, const char *name, const char *becomes,
				 const char *keep)
{
	struct arena *a = &m->host.arena;
	struct step *step = plan_step(a, &m->plan, STEP_COMMAND, "the image");

	step->argv = formats_command(m, "image", name);
	step->output = arena_printf(a, "boot/initrd-%s.new", name);
	step->becomes = becomes;
	step->keep = keep;
	step->proof = formats_proof;
}

/* In the order of a setup without a trial: files, images, then what the boot loader reads. */
static inline void formats_plan(struct machine *m)
{
	static const char *const once[] = { "boot/grub/once", NULL };
	static const char *const kernelopts[] = { BOTH, NULL };
	const struct edit_place block = { EDIT_GRUBENV, "kernelopts" };
	const char *words[] = { BOTH }, *before;
	const struct names both = { words, 2 };
	struct arena *a = &m->host.arena;
	struct bytes text;

	m->plan = (struct plan){ 0 };
	plan_file(a, &m->plan, "identities", "etc/passthru/devices",
		  MACHINE_BYTES("0000:01:00.0\n"), 0);
	plan_file(a, &m->plan, "a hook", "etc/initramfs-tools/hooks/passthru",
		  MACHINE_BYTES("#!/bin/sh\n"), 0755);
	plan_absent(a, &m->plan, "an old guide's", "etc/modprobe.d/old-vfio.conf");
	for (size_t i = 0; i < ARRAY_SIZE(formats); i++) {
		if (str_eq(text_last_part(formats[i].path), "modules"))
			formats_edited(m, formats[i].path, &formats[i].place, formats[i].words);
	}
	formats_image(m, "6.12", "boot/initrd-6.12", NULL);
	formats_image(m, "6.1", "boot/initrd-6.1", "boot/initrd-6.1.passthru-old");
	formats_image(m, "6.1t", "boot/initrd-6.1.passthru", NULL);
	for (size_t i = 0; i < ARRAY_SIZE(formats); i++) {
		if (!str_eq(text_last_part(formats[i].path), "modules"))
			formats_edited(m, formats[i].path, &formats[i].place, formats[i].words);
	}
	formats_edited(m, "boot/grub/grubenv", &block, kernelopts);
	assert_int_equal(edit_dropin_text(a, EDIT_DROPIN_SHELL, "GRUB_CMDLINE_LINUX_DEFAULT", &both,
					  &text, &m->e),
			 0);
	plan_file(a, &m->plan, "words", "etc/default/grub.d/zz-passthru.cfg", text, 0);
	plan_file(a, &m->plan, "the trial", "boot/loader/entries/passthru-trial.conf",
		  MACHINE_BYTES("title trial\noptions passthru.trial=1\n"), 0);
	assert_int_equal(root_read(m->host.root, a, "boot/loader/loader.conf", &text), 0);
	assert_int_equal(edit_loader_set(a, text, "timeout", "10", &text, &before, &m->e), 0);
	plan_file(a, &m->plan, "a menu", "boot/loader/loader.conf", text, 0);
	struct step *menu = plan_step(a, &m->plan, STEP_COMMAND, "the menu");
	menu->argv = menu->regenerate = formats_command(m, "menu", NULL);
	menu->output = "boot/grub/grub.cfg.new";
	menu->becomes = "boot/grub/grub.cfg";
	menu->trace = "passthru";
	menu->proof = formats_proof;
	struct step *next = plan_step(a, &m->plan, STEP_COMMAND, "the next boot");
	next->argv = formats_command(m, "once", NULL);
	next->writes = once;
	next->proof = formats_proof;
}

/* Until the change @number has begun, in another process. */
static inline void formats_wait(struct machine *m, unsigned number)
{
	char name[64];
	struct stat st;

	snprintf(name, sizeof(name), "var/lib/passthru/changes/%u", number);
	while (stat(temporary_path(&m->t, name), &st) < 0)
		usleep(1000); /* alarm() ends this */
}

static inline void formats_make(struct machine *m)
{
	*m = (struct machine){ 0 };
	assert_int_equal(temporary_make(&m->t), 0);
	snprintf(m->script, sizeof(m->script), "%s/script", m->t.path);
	snprintf(m->top, sizeof(m->top), "%s", m->t.path);
	formats_files(m);
	machine_open(m);
	formats_plan(m);
}
