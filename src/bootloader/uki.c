// SPDX-License-Identifier: MIT
// Unified kernel images that mkinitcpio makes by its presets, started by systemd-boot. The image
// and the command line in it are one file, so the words have to be where mkinitcpio takes them from
// before it makes the images: etc/kernel/cmdline, and since version 36 etc/cmdline.d as well, which
// the installed program is asked for.
//
// The trial is an entry in a file with the line "efi": it stands behind all unified images in the
// menu, which have a sort-key of their os-release. Its options take the place of the command line
// in the image as long as Secure Boot is off (use_load_options() of systemd's
// src/boot/efi/stub.c), so with Secure Boot there is no trial.
//
// Those of ukify and dracut are seen, and refused. mkinitcpio is not packaged by Debian: what is
// said of it here is what its script does (version 41).

#include "bootloader/uki.h"
#include "base/text.h"
#include "host/host.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

#define DROPIN "etc/cmdline.d/zz-passthru.conf"
#define CMDLINE "etc/kernel/cmdline"
#define VENDOR_CMDLINE "usr/lib/kernel/cmdline"

/* ---- what is there ---- */

static bool has_ending(const char *text, const char *ending)
{
	size_t n = strlen(text), m = strlen(ending);

	return n > m && strcasecmp(text + n - m, ending) == 0;
}

static bool is_unified(const struct initramfs_kernel *kernel)
{
	return kernel->image && kernel->preset && has_ending(kernel->image, ".efi");
}

/* The boot partition that the file is on; NULL: none that a boot loader reads. */
static const char *base_of(const struct boot_facts *facts, const char *path)
{
	const char *bases[] = { facts->boot, facts->esp };

	for (size_t i = 0; i < ARRAY_SIZE(bases); i++) {
		size_t n = bases[i] ? strlen(bases[i]) : 0;
		if (n > 0 && strncmp(path, bases[i], n) == 0 && path[n] == '/')
			return bases[i];
	}
	return NULL;
}

/* The running kernel came out of a unified image, or by the trial's entry for one. */
static bool was_started(const struct boot_facts *facts, const struct bls_list *list)
{
	const char *selected = boot_efi_text(facts, "LoaderEntrySelected");

	for (size_t i = 0; selected && i < list->n; i++) {
		if (strcasecmp(list->entries[i].file, selected) == 0)
			return bls_is_own(&list->entries[i]) && list->entries[i].efi;
	}
	return selected ? has_ending(selected, ".efi") : facts->stub != NULL;
}

static void detect(const struct boot_facts *facts, struct bootloader_candidate *ret)
{
	struct bls_list *list = arena_alloc(facts->arena, sizeof(*list));
	const struct initramfs_setup *setup = facts->initramfs;
	struct bootloader_candidate loader = { 0 };
	size_t n = 0;

	if (!facts->boot || systemd_boot_read(facts, list, NULL) < 0 || list->unified.n == 0)
		return;
	for (size_t i = 0; setup && i < setup->n_kernels; i++) {
		const struct initramfs_kernel *kernel = &setup->kernels[i];

		if (!is_unified(kernel) || !kernel->image_exists || !base_of(facts, kernel->image))
			continue;
		boot_evidence(facts, ret, "the preset %s makes %s", kernel->preset, kernel->image);
		n++;
	}
	bool there = systemd_boot_is_there(facts, &loader);
	ret->seen = loader.seen && was_started(facts, list);
	if (n == 0)
		boot_evidence(facts, ret,
			      "EFI/Linux has %s, but no preset of mkinitcpio makes it, and others "
			      "are not supported",
			      list->unified.name[0]);
	for (size_t i = 0; i < loader.evidence.n; i++)
		boot_name_add(facts->arena, &ret->evidence, loader.evidence.name[i]);
	if (!there)
		boot_evidence(facts, ret, "but systemd-boot is not what starts it");
	ret->counts = there && n > 0;
	ret->data = list;
}

/* ---- the command line ---- */

/* Without the lines that mkinitcpio leaves out, as one. */
static const char *joined(struct arena *a, const char *text)
{
	const char *rest = text, *line, *all = "";
	size_t n;

	while (text_next_line(&rest, &line, &n)) {
		const char *trimmed = text_trimmed(a, (struct bytes){ line, n });
		if (*trimmed && *trimmed != '#')
			all = arena_printf(a, "%s%s%s", all, *all ? " " : "", trimmed);
	}
	return all;
}

static const char *base_line(const struct boot_facts *facts)
{
	const char *line = boot_line(facts, CMDLINE);

	if (!line)
		line = boot_line(facts, VENDOR_CMDLINE);
	return line ? joined(facts->arena, line) : NULL;
}

/* All that mkinitcpio puts into an image but what is ours. */
static const char *others_line(const struct boot_facts *facts, const char *base)
{
	struct names files;

	if (boot_entries(facts, "etc/cmdline.d", ".conf", &files, NULL) < 0)
		return base;
	for (size_t i = 0; i < files.n; i++) {
		const char *line = boot_line(facts, files.name[i]);
		if (line && !str_eq(files.name[i], DROPIN))
			base = arena_printf(facts->arena, "%s %s", base,
					    joined(facts->arena, line));
	}
	return base;
}

static int plan_dropin(const struct boot_facts *facts, const char *base, const struct names *words,
		       struct plan *plan, struct err *e)
{
	const struct edit_place whole = { .format = EDIT_CMDLINE };
	const char *line = others_line(facts, base);
	struct bytes text;
	struct edit edit;
	int error = edit_add(facts->arena, (struct bytes){ line, strlen(line) }, &whole, words,
			     &edit, e);

	if (error < 0 || edit.added.n == 0)
		return error;
	error = edit_dropin_text(facts->arena, EDIT_DROPIN_CMDLINE, NULL, &edit.added, &text, e);
	if (error == 0)
		plan_file(facts->arena, plan,
			  "the words for all unified images that mkinitcpio makes", DROPIN, text,
			  0);
	return error;
}

/* @now is what the image has that starts the host. */
static int plan_words(const struct boot_facts *facts, const char *now, const struct names *words,
		      struct plan *plan, struct err *e)
{
	static const char why[] = "the words for all unified images that mkinitcpio makes";
	const struct edit_place place = { .format = EDIT_CMDLINE };
	const char *program = boot_program(facts, "mkinitcpio"), *base = base_line(facts);

	if (base && *base && program && boot_mentions(facts, program, "cmdline.d"))
		return plan_dropin(facts, base, words, plan, e);
	if (base && boot_has(facts, CMDLINE))
		return boot_edit_in(facts, plan, why, CMDLINE, &place, words, e);
	/* the running kernel's line has been taken: a file with our words alone would not boot */
	const char *line = bls_without_words(facts, base ? base : now, words, e);
	line = line ? bls_with_words(facts, line, words, e) : NULL;
	if (!line)
		return err_wrap(e, -EOPNOTSUPP, "%s", CMDLINE);
	line = arena_concat(facts->arena, line, "\n");
	plan_file(facts->arena, plan, why, CMDLINE, (struct bytes){ line, strlen(line) }, 0);
	return 0;
}

/* A command line that the preset names is the only one that mkinitcpio reads. */
static int check_preset(const struct boot_facts *facts, const struct initramfs_kernel *kernel,
			struct err *e)
{
	const char *path = arena_printf(facts->arena, "etc/mkinitcpio.d/%s.preset", kernel->preset);

	if (!boot_mentions(facts, path, "_cmdline=") &&
	    !(kernel->preset_options && strstr(kernel->preset_options, "--cmdline")))
		return 0;
	return boot_unsupported(e,
				"%s names a command line of its own, so no other is read: take "
				"it out, and write it to " CMDLINE,
				path);
}

/* ---- entries ---- */

static const char *value_on(struct arena *a, const char *base, const char *path)
{
	return arena_concat(a, "/", path + strlen(base) + 1);
}

/* One entry for an image; *@ret_file is its file's name. */
static int plan_entry(const struct boot_facts *facts, const struct bls_list *list,
		      const char *wanted, const struct bls_own *own, const char *image,
		      const char *why, struct plan *plan, const char **ret_file, struct err *e)
{
	struct arena *a = facts->arena;
	const char *base = base_of(facts, image), *name;
	struct bls_own entry = *own;

	if (!base)
		return boot_unsupported(e, "%s is not where systemd-boot can read it", image);
	int error = bls_own_name(facts, list, wanted, &name, e);
	if (error < 0)
		return error;
	entry.efi = value_on(a, base, image);
	*ret_file = arena_concat(a, name, ".conf");
	plan_file(a, plan, why, arena_printf(a, "%s/loader/entries/%s", base, *ret_file),
		  bls_make(a, BLS_SYSTEMD, &entry), 0);
	return 0;
}

static int check_kernel(const struct boot_facts *facts, const struct initramfs_kernel *kernel,
			const char **ret_line, struct err *e)
{
	if (!is_unified(kernel))
		return boot_unsupported(e,
					"no preset of mkinitcpio makes a unified image of the "
					"kernel %s",
					kernel->release);
	int error = check_preset(facts, kernel, e);
	return error < 0 ? error : uki_command_line(facts->host, kernel->image, ret_line, e);
}

static struct bls_entry title_of(const struct initramfs_kernel *kernel)
{
	return (struct bls_entry){ .title = text_last_part(kernel->image) };
}

static int trial(const struct boot_setup *boot, const struct boot_change *change, struct plan *plan,
		 struct err *e)
{
	const struct boot_facts *facts = &boot->facts;
	const struct bls_list *list = boot->chosen->data;
	struct names words = boot_trial_words(facts->arena, change);
	const struct bls_entry from = title_of(change->kernel);
	struct bls_own own = { .from = &from, .title = "trial of passthru" };
	const char *line, *file;
	int error = systemd_boot_ready(facts, list, e);

	if (error == 0)
		error = check_kernel(facts, change->kernel, &line, e);
	if (error < 0)
		return error;
	if (facts->kernels->secure_boot.error == 0 && facts->kernels->secure_boot.value)
		return boot_unsupported(e, "Secure Boot is on, and then a unified image takes no "
					   "command line but its own: there is no trial of it");
	own.options = bls_with_words(facts, line, &words, e);
	if (!own.options)
		return err_wrap(e, -EOPNOTSUPP, "%s", change->kernel->image);
	error = bls_keep_cmdline(facts, line, plan, e);
	if (error < 0)
		return error;
	error = plan_entry(facts, list, BOOTLOADER_TRIAL_ENTRY, &own,
			   change->trial_image ? change->trial_image : change->kernel->image,
			   "the entry that is used for one boot only, the last one of the menu",
			   plan, &file, e);
	if (error == 0)
		systemd_boot_once(facts, plan, file);
	return error;
}

/* ---- permanent ---- */

/* What is looked at in an image besides what its step does. */
struct line_proof {
	int (*proof)(struct host *host, const struct step *step, const char *path, struct err *e);
	const void *data;
	const struct names *words;
};

static int prove_line(struct host *host, const struct step *step, const char *path, struct err *e)
{
	const struct line_proof *both = step->data;
	struct step inner = *step;
	const char *line = NULL;
	int error = 0;

	inner.data = both->data;
	if (both->proof)
		error = both->proof(host, &inner, path, e);
	if (error == 0)
		error = uki_command_line(host, path, &line, e);
	for (size_t i = 0; error == 0 && i < both->words->n; i++) {
		unsigned n = boot_count_word(&host->arena, line, both->words->name[i]);
		if (n == 0)
			error = err_fail(e, -EIO, "the command line in %s lacks %s", path,
					 both->words->name[i]);
	}
	return error;
}

/* The images that the plan makes get the words; one that it does not make is made here. */
static void prove_images(const struct boot_facts *facts, const struct boot_change *change,
			 struct plan *plan)
{
	struct arena *a = facts->arena;
	struct names *words = arena_alloc(a, sizeof(*words));

	*words = change->words;
	for (size_t i = 0; i < change->n_rebuilt; i++) {
		const struct initramfs_kernel *kernel = change->rebuilt[i];
		struct step *step = NULL;

		if (!is_unified(kernel))
			continue;
		for (size_t k = 0; k < plan->n_steps; k++) {
			if (str_same(plan->steps[k].becomes, kernel->image))
				step = &plan->steps[k];
		}
		if (!step) {
			step = plan_step(a, plan, STEP_COMMAND,
					 arena_printf(a, "the unified image of %s gets the words",
						      kernel->release));
			step->output = arena_concat(a, kernel->image, ".new");
			step->becomes = kernel->image;
			step->argv = initramfs_build(facts->initramfs, a, kernel, step->output);
			step->regenerate = step->argv;
			step->may_go = true;
		}
		struct line_proof *proof = arena_alloc(a, sizeof(*proof));
		*proof = (struct line_proof){ step->proof, step->data, words };
		step->proof = prove_line;
		step->data = proof;
	}
}

/* The steps behind @n go in front of the first command: it reads what they write. */
static void move_before_commands(struct arena *a, struct plan *plan, size_t n)
{
	size_t first = 0, moved = plan->n_steps - n;
	struct step *copy = arena_array(a, moved, sizeof(*copy));

	while (first < n && plan->steps[first].kind == STEP_FILE)
		first++;
	for (size_t i = 0; i < moved; i++)
		copy[i] = plan->steps[n + i];
	memmove(&plan->steps[first + moved], &plan->steps[first], (n - first) * sizeof(*copy));
	for (size_t i = 0; i < moved; i++)
		plan->steps[first + i] = copy[i];
}

static int plan_plain(const struct boot_facts *facts, const struct bls_list *list,
		      const struct boot_change *change, const char *line, struct plan *plan,
		      struct err *e)
{
	const struct bls_entry from = title_of(change->kernel);
	struct bls_own own = { .from = &from, .title = "without passthru" };
	const char *file;

	if (bls_own_whole(facts, list, BOOTLOADER_PLAIN_ENTRY))
		return 0;
	/* the kept image has its own command line still */
	if (!change->plain_image) {
		own.options = bls_without_words(facts, line, &change->words, e);
		if (!own.options)
			return err_wrap(e, -EOPNOTSUPP, "%s", change->kernel->image);
	}
	return plan_entry(facts, list, BOOTLOADER_PLAIN_ENTRY, &own,
			  change->plain_image ? change->plain_image : change->kernel->image,
			  "an entry that starts the host as it was, the last one of the menu", plan,
			  &file, e);
}

static int permanent(const struct boot_setup *boot, const struct boot_change *change,
		     struct plan *plan, struct err *e)
{
	const struct boot_facts *facts = &boot->facts;
	const struct bls_list *list = boot->chosen->data;
	size_t before = plan->n_steps;
	const char *line;
	int error = check_kernel(facts, change->kernel, &line, e);

	for (size_t i = 0; error == 0 && i < change->n_rebuilt; i++)
		error = is_unified(change->rebuilt[i]) ? check_preset(facts, change->rebuilt[i], e)
						       : 0;
	if (error == 0)
		error = plan_words(facts, line, &change->words, plan, e);
	if (error < 0)
		return error;
	move_before_commands(facts->arena, plan, before);
	prove_images(facts, change, plan);
	error = plan_plain(facts, list, change, line, plan, e);
	for (size_t i = 0; error == 0 && i < list->n; i++) {
		if (strstr(list->entries[i].name, BOOTLOADER_TRIAL_ENTRY))
			plan_absent(facts->arena, plan, "the trial is over: its entry goes",
				    list->entries[i].path);
	}
	return error;
}

const struct bootloader bootloader_uki = {
	.name = "uki",
	.title = "unified images of mkinitcpio, started by systemd-boot",
	.detect = detect,
	.trial = trial,
	.permanent = permanent,
};
