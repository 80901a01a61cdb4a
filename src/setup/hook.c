// SPDX-License-Identifier: MIT
// How the early helper gets into images, and how it is called there before drivers are looked for:
// files of our own that a generator reads, one row for each. Where each of them looks, and what an
// image has that calls its scripts, is from the sources: mkinitramfs and hook-functions of
// initramfs-tools 0.142 (ORDER), dracut 059 (modules.d below usr/lib alone; inst_hook()),
// mkinitcpio 36 to 39 (EARLYHOOKS in the image's config). booster runs no script of others and has
// no image of ours: there, and where no image is, a unit of systemd calls the helper.

#include "base/text.h"
#include "host/host.h"
#include "setup/internal.h"

#include <errno.h>
#include <string.h>

#define IMAGE_TEXT_MAX ((size_t)256 * 1024)

#define MKINITFS_CONFIG "etc/mkinitfs/mkinitfs.conf"
#define MKINITFS_SCRIPT "etc/mkinitfs/passthru-early"
#define MKINITFS_OWN "etc/mkinitfs/passthru.conf"

/* ---- what an image has ---- */

/* A text of the image; NULL when it is not there. */
static const char *image_text(struct initramfs_image *image, struct arena *a, const char *path)
{
	struct initramfs_file file = { .path = path, .max_bytes = IMAGE_TEXT_MAX };

	if (initramfs_read(image, a, &file, 1, NULL) < 0 || file.error)
		return NULL;
	return file.content.data;
}

static int called_by_initramfs_tools(struct initramfs_image *image, struct arena *a, struct err *e)
{
	const char *order = image_text(image, a, "scripts/init-top/ORDER");
	const char *own = order ? strstr(order, "/scripts/init-top/passthru ") : NULL;
	const char *udev = order ? strstr(order, "/scripts/init-top/udev ") : NULL;

	if (!initramfs_find(image, "scripts/init-top/passthru"))
		return err_fail(e, -ENOENT, "it has no scripts/init-top/passthru");
	if (!own)
		return err_fail(e, -ENOENT, "its scripts/init-top/ORDER does not name passthru");
	if (udev && udev < own)
		return err_fail(e, -EINVAL,
				"its scripts/init-top/ORDER names udev before passthru");
	return 0;
}

static int called_by_dracut(struct initramfs_image *image, struct arena *a, struct err *e)
{
	/* lib is no link where the host's is none: Leap 15 */
	static const char *const places[] = { "usr/lib/dracut/hooks/pre-udev/02-passthru.sh",
					      "lib/dracut/hooks/pre-udev/02-passthru.sh",
					      "var/lib/dracut/hooks/pre-udev/02-passthru.sh" };
	bool has_hook = false;

	(void)a;
	for (size_t i = 0; i < ARRAY_SIZE(places); i++)
		has_hook = has_hook || initramfs_find(image, places[i]);
	if (!has_hook)
		return err_fail(e, -ENOENT, "it has no %s", places[0]);
	if (initramfs_find(image, "usr/lib/systemd/systemd") &&
	    !initramfs_find(image, "usr/lib/systemd/system/dracut-pre-udev.service"))
		return err_fail(e, -ENOENT,
				"systemd starts it, and it has no dracut-pre-udev.service");
	return 0;
}

static int called_by_mkinitcpio(struct initramfs_image *image, struct arena *a, struct err *e)
{
	const char *config = image_text(image, a, "config"), *line;
	size_t n;

	if (initramfs_find(image,
			   "usr/lib/systemd/system/sysinit.target.wants/passthru-early.service"))
		return 0;
	if (!initramfs_find(image, "hooks/passthru"))
		return err_fail(e, -ENOENT,
				"it has neither hooks/passthru nor passthru-early.service");
	while (config && text_next_line(&config, &line, &n)) {
		if (str_starts(line, "EARLYHOOKS=") &&
		    memmem(line, n, "passthru", strlen("passthru")))
			return 0;
	}
	return err_fail(e, -ENOENT, "the EARLYHOOKS of its config do not name passthru");
}

static int called_by_mkinitfs(struct initramfs_image *image, struct arena *a, struct err *e)
{
	const char *init = image_text(image, a, "init");

	if (!initramfs_find(image, MKINITFS_SCRIPT))
		return err_fail(e, -ENOENT, "it has no " MKINITFS_SCRIPT);
	if (!init || !str_starts(init, "#!/bin/sh\n[ ! -r /" MKINITFS_SCRIPT " ] || /bin/sh "
				       "/" MKINITFS_SCRIPT "\n"))
		return err_fail(e, -ENOENT, "its init does not begin with " MKINITFS_SCRIPT);
	return 0;
}

/* ---- the files ---- */

static const struct hook_file initramfs_tools_files[] = {
	{ "etc/initramfs-tools/hooks/passthru", "initramfs-tools-hook", 0755 },
	{ "etc/initramfs-tools/scripts/init-top/passthru", "initramfs-tools-init-top", 0755 },
};
static const struct hook_file dracut_files[] = {
	{ "usr/lib/dracut/modules.d/02passthru/module-setup.sh", "dracut-module-setup.sh", 0755 },
	{ "usr/lib/dracut/modules.d/02passthru/passthru.sh", "dracut-pre-udev.sh", 0755 },
};
static const struct hook_file mkinitcpio_files[] = {
	{ "etc/initcpio/install/passthru", "mkinitcpio-install", 0644 },
	{ "etc/initcpio/hooks/passthru", "mkinitcpio-hook", 0644 },
};
static const struct hook_file mkinitfs_files[] = {
	{ MKINITFS_OWN, "mkinitfs-conf", 0644 },
	{ MKINITFS_SCRIPT, "mkinitfs-early", 0755 },
	{ "etc/mkinitfs/features.d/passthru.files", "mkinitfs-files", 0644 },
};
static const struct hook_file unit_files[] = {
	{ "etc/systemd/system/passthru-early.service", "passthru-early.service", 0644 },
};

const char *hook_text(const char *name)
{
	for (const struct setup_text *t = setup_texts; t->name; t++) {
		if (str_eq(t->name, name))
			return t->text;
	}
	abort(); /* a row of the tables above names a file that was not built in */
}

static bool program_says(const struct setup_work *work, const char *words)
{
	struct bytes text;
	const char *program = work->initramfs->chosen->program;

	return root_read_max(work->host->root, work->arena, program, (size_t)1024 * 1024, &text) ==
		       0 &&
	       memmem(text.data, text.n, words, strlen(words));
}

/* ---- mkinitcpio's list of hooks ---- */

static int edit_hooks(const struct setup_work *work, const char *path, struct plan *plan,
		      struct err *e)
{
	static const char *name[] = { "passthru" };
	const struct names words = { name, 1 };
	const struct edit_place place = { .format = EDIT_BASH, .name = "HOOKS", .names = true };
	struct bytes text;
	struct edit edit;
	int error = root_read(work->host->root, work->arena, path, &text);

	if (error < 0)
		return err_io(e, error, "reading %s", path);
	error = edit_add(work->arena, text, &place, &words, &edit, e);
	if (error < 0)
		return err_wrap(e, error, "%s", path);
	plan_file(work->arena, plan, "mkinitcpio takes the early helper into its images", path,
		  edit.text, 0);
	return 0;
}

static int mkinitcpio_steps(const struct setup_work *work, struct plan *plan, struct err *e)
{
	static const char *name[] = { "passthru" };
	const struct names words = { name, 1 };
	const char *edited = NULL;
	struct bytes text;
	bool common = false;
	int error = 0;

	for (size_t i = 0; error == 0 && i < work->initramfs->n_kernels; i++) {
		const char *config = work->initramfs->kernels[i].preset_config;

		common = common || !config;
		if (config && !(edited && str_eq(edited, config)))
			error = edit_hooks(work, config, plan, e);
		edited = config ? config : edited;
	}
	if (error < 0 || !common)
		return error;
	/* version 41 makes it of its file's name */
	if (!program_says(work, "mkinitcpio.conf.d") && !program_says(work, "${_f_config}.d"))
		return edit_hooks(work, "etc/mkinitcpio.conf", plan, e);
	error = edit_dropin_text(work->arena, EDIT_DROPIN_ARRAY, "HOOKS", &words, &text, e);
	if (error == 0)
		plan_file(work->arena, plan, "mkinitcpio takes the early helper into its images",
			  "etc/mkinitcpio.conf.d/zz-passthru.conf", text, 0);
	return error;
}

/* ---- mkinitfs's settings ---- */

/* '-' and '_' are the same in a module's name, not in that of its file; variants have folders. */
static struct bytes mkinitfs_modules(const struct setup_work *work)
{
	const char *text = "# mkinitfs: the modules for the reserved functions.\n";

	for (size_t i = 0; i < work->target.n_records; i++) {
		const char *driver = work->target.records[i].driver, *name = "";

		if (!record_driver_is_first(&work->target, i))
			continue;
		for (const char *c = driver; *c; c++)
			name = *c == '-' || *c == '_' ? arena_concat(work->arena, name, "[-_]")
						      : arena_printf(work->arena, "%s%c", name, *c);
		text = arena_printf(work->arena,
				    "%skernel/drivers/vfio/pci/%s.ko*\n"
				    "kernel/drivers/vfio/pci/*/%s.ko*\n",
				    text, name, name);
	}
	return (struct bytes){ text, strlen(text) };
}

/* Its settings are a shell's, so they may read more; without the file they go on. */
static int mkinitfs_steps(const struct setup_work *work, struct plan *plan, struct err *e)
{
	static const char line[] =
		"\n[ ! -r /" MKINITFS_OWN " ] || . /" MKINITFS_OWN " # added by passthru\n";
	struct bytes text;
	int error = root_read(work->host->root, work->arena, MKINITFS_CONFIG, &text);

	if (error < 0)
		return err_io(e, error, "reading %s", MKINITFS_CONFIG);
	if (strlen(text.data) != text.n)
		return err_fail(e, -EBADMSG, "%s is no text", MKINITFS_CONFIG);
	plan_file(work->arena, plan, "the modules for it",
		  "etc/mkinitfs/features.d/passthru.modules", mkinitfs_modules(work), 0);
	if (strstr(text.data, line))
		return 0;
	bool ends = text.n > 0 && text.data[text.n - 1] == '\n';
	const char *now = arena_concat(work->arena, text.data, line + (ends ? 1 : 0));
	plan_file(work->arena, plan, "mkinitfs takes the early helper into its images",
		  MKINITFS_CONFIG, (struct bytes){ now, strlen(now) }, 0);
	return 0;
}

/* ---- choosing ---- */

static const struct hook hooks[] = {
	{ "initramfs-tools", initramfs_tools_files, ARRAY_SIZE(initramfs_tools_files),
	  called_by_initramfs_tools, NULL },
	{ "dracut", dracut_files, ARRAY_SIZE(dracut_files), called_by_dracut, NULL },
	{ "mkinitcpio", mkinitcpio_files, ARRAY_SIZE(mkinitcpio_files), called_by_mkinitcpio,
	  mkinitcpio_steps },
	{ "mkinitfs", mkinitfs_files, ARRAY_SIZE(mkinitfs_files), called_by_mkinitfs,
	  mkinitfs_steps },
};
static const struct hook hook_unit = { NULL, unit_files, ARRAY_SIZE(unit_files), NULL, NULL };

/*
 * Before 0.132 update-initramfs compared each image with a checksum of its own, in
 * var/lib/initramfs-tools, and left one alone for ever that was made by other means; Ubuntu's came
 * with that turned off. Later ones write the checksum and never read it; from 0.138 on there is
 * none.
 */
static int check_version(const struct setup_work *work, const struct hook *hook, struct err *e)
{
	if (hook->called != called_by_initramfs_tools || !program_says(work, "altered_check") ||
	    program_says(work, "\ntakeover=1\n"))
		return 0;
	(void)err_refuse(
		e,
		"this %s compares images with checksums that it keeps, and would never "
		"again update one that this program has made: upgrade initramfs-tools to 0.132 "
		"or later, which Debian 10 has",
		work->initramfs->chosen->program);
	return -EOPNOTSUPP;
}

int hook_choose(const struct setup_work *work, const struct hook **ret, struct err *e)
{
	const struct initramfs_setup *images = work->initramfs;
	const char *generator = images->chosen ? images->chosen->generator->name : NULL;

	for (size_t i = 0; generator && i < ARRAY_SIZE(hooks); i++) {
		if (!str_eq(hooks[i].generator, generator))
			continue;
		*ret = &hooks[i];
		return check_version(work, *ret, e);
	}
	*ret = &hook_unit;
	if (!generator && images->n_candidates > 0) {
		(void)err_refuse(e, "%s", images->refusal);
		return -EOPNOTSUPP;
	}
	if (unit_possible(work->host) && (!generator || str_eq(generator, "booster")))
		return 0;
	(void)err_refuse(e,
			 "%s%s, and %s: nothing here can run the early helper before drivers are "
			 "looked for",
			 generator ? generator : "no generator of initramfs images was found",
			 generator ? " makes the images of this host" : "",
			 unit_possible(work->host) ? "its images run no script of others"
						   : "this host is not started by systemd");
	return -EOPNOTSUPP;
}

/* ---- steps ---- */

int hook_steps(const struct setup_work *work, struct plan *plan, struct err *e)
{
	const struct hook *hook = work->hook;

	for (size_t i = 0; i < hook->n_files; i++) {
		const char *text = hook_text(hook->files[i].text);
		const char *why =
			hook->generator ? arena_printf(work->arena,
						       "%s takes the early helper into its images",
						       hook->generator)
					: "systemd starts the early helper before udev";

		plan_file(work->arena, plan, why, hook->files[i].path,
			  (struct bytes){ text, strlen(text) }, hook->files[i].mode);
	}
	if (!hook->generator)
		plan_file(work->arena, plan, "systemd starts the early helper before udev",
			  "etc/systemd/system/sysinit.target.d/passthru.conf",
			  (struct bytes){ "[Unit]\nWants=passthru-early.service\n", 36 }, 0);
	return hook->steps ? hook->steps(work, plan, e) : 0;
}
