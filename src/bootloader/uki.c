// SPDX-License-Identifier: MIT
// Unified kernel images, started by systemd-boot: those of mkinitcpio's presets, of dracut, and of
// kernel-install with ukify or dracut. The image and the command line in it are one file, so the
// words have to be where its maker takes them from, and all images are made anew.
//
// The trial is an entry in a file with the line "efi": it stands behind all unified images in the
// menu, which have a sort-key of their os-release. For an image of a preset its options take the
// place of the command line in the image as long as Secure Boot is off (use_load_options() of
// systemd's src/boot/efi/stub.c), so with Secure Boot there is no trial; the others have an image
// with the trial's words in it. mkinitcpio is not packaged by Debian: what is said of it here is
// what its script does (version 41).

#include "bootloader/uki.h"
#include "base/text.h"
#include "host/host.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

/* ---- what is there ---- */

/* The running kernel came out of a unified image, or by the trial's entry for one. */
static bool was_started(const struct boot_facts *facts, const struct bls_list *list)
{
	const char *selected = boot_efi_text(facts, "LoaderEntrySelected");
	size_t n = selected ? strlen(selected) : 0;

	for (size_t i = 0; selected && i < list->n; i++) {
		if (strcasecmp(list->entries[i].file, selected) == 0)
			return bls_is_own(&list->entries[i]) && list->entries[i].efi;
	}
	return selected ? n > 4 && strcasecmp(selected + n - 4, ".efi") == 0 : facts->stub != NULL;
}

static void add_evidence(const struct boot_facts *facts, const struct uki *uki,
			 struct bootloader_candidate *ret)
{
	if (uki->maker == UKI_MKINITCPIO)
		boot_evidence(facts, ret, "the preset %s makes %s", uki->kernel->preset, uki->path);
	else
		boot_evidence(facts, ret, "%s makes %s",
			      uki->maker == UKI_DRACUT ? "dracut" : "kernel-install with ukify",
			      uki->path);
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
		struct uki uki;

		if (!uki_of(&setup->kernels[i], &uki) || !uki_base(facts, uki.path))
			continue;
		add_evidence(facts, &uki, ret);
		n++;
	}
	bool there = systemd_boot_is_there(facts, &loader);
	ret->seen = loader.seen && was_started(facts, list);
	if (n == 0 && setup && setup->unified_refusal)
		boot_evidence(facts, ret, "EFI/Linux has %s, but %s", list->unified.name[0],
			      setup->unified_refusal);
	else if (n == 0)
		boot_evidence(facts, ret,
			      "EFI/Linux has %s, but no preset of mkinitcpio makes it, and neither "
			      "kernel-install nor dracut",
			      list->unified.name[0]);
	for (size_t i = 0; i < loader.evidence.n; i++)
		boot_name_add(facts->arena, &ret->evidence, loader.evidence.name[i]);
	if (!there)
		boot_evidence(facts, ret, "but systemd-boot is not what starts it");
	ret->counts = there && n > 0;
	ret->data = list;
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
	const char *base = uki_base(facts, image), *name;
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

static struct bls_entry title_of(const struct uki *uki)
{
	return (struct bls_entry){ .title = text_last_part(uki->path) };
}

/* The image of a preset, with a command line of the entry's. */
static int trial_options(const struct boot_facts *facts, const struct boot_change *change,
			 const struct uki *uki, const char **ret_options, const char **ret_image,
			 struct err *e)
{
	struct names words = boot_trial_words(facts->arena, change);

	if (uki_secure_boot(facts))
		return boot_unsupported(e, "Secure Boot is on, and then a unified image takes no "
					   "command line but its own: there is no trial of it");
	*ret_image = change->trial_image ? change->trial_image : uki->path;
	*ret_options = bls_with_words(facts, uki->now.line, &words, e);
	return *ret_options ? 0 : err_wrap(e, -EOPNOTSUPP, "%s", uki->path);
}

static int trial(const struct boot_setup *boot, const struct boot_change *change, struct plan *plan,
		 struct err *e)
{
	const struct boot_facts *facts = &boot->facts;
	const struct bls_list *list = boot->chosen->data;
	const char *file, *image = NULL;
	struct bls_own own = { .title = "trial of passthru" };
	struct bls_entry from;
	struct uki uki;
	int error = systemd_boot_ready(facts, list, e);

	if (error == 0)
		error = uki_check(facts, change->kernel, &uki, e);
	if (error < 0)
		return error;
	from = title_of(&uki);
	own.from = &from;
	error = uki.maker == UKI_MKINITCPIO
			? trial_options(facts, change, &uki, &own.options, &image, e)
			: uki_trial_image(facts, change, &uki, plan, &image, e);
	if (error == 0)
		error = uki_keep_usual(facts, &uki, plan, e);
	if (error == 0)
		error = plan_entry(
			facts, list, BOOTLOADER_TRIAL_ENTRY, &own, image,
			"the entry that is used for one boot only, the last one of the menu", plan,
			&file, e);
	if (error == 0)
		systemd_boot_once(facts, plan, file);
	return error;
}

/* ---- permanent ---- */

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
		      const struct boot_change *change, const struct uki *uki, const char *kept,
		      struct plan *plan, struct err *e)
{
	const struct bls_entry from = title_of(uki);
	struct bls_own own = { .from = &from, .title = "without passthru" };
	const char *file;

	if (bls_own_whole(facts, list, BOOTLOADER_PLAIN_ENTRY))
		return 0;
	/* the kept image has its own command line still */
	if (!kept && uki_secure_boot(facts))
		return boot_unsupported(e,
					"Secure Boot is on, and %s has the words already: no entry "
					"without them could be made of it",
					uki->path);
	if (!kept) {
		own.options = bls_without_words(facts, uki->now.line, &change->words, e);
		if (!own.options)
			return err_wrap(e, -EOPNOTSUPP, "%s", uki->path);
	}
	return plan_entry(facts, list, BOOTLOADER_PLAIN_ENTRY, &own, kept ? kept : uki->path,
			  "an entry that starts the host as it was, the last one of the menu", plan,
			  &file, e);
}

/* The plan makes the initramfs image of the kernel anew. */
static bool is_rebuilt(const struct boot_change *change, const struct initramfs_kernel *kernel)
{
	for (size_t i = 0; i < change->n_rebuilt; i++) {
		if (change->rebuilt[i] == kernel)
			return true;
	}
	return false;
}

/* The images that get the words: of presets those that the plan makes, of others all; that of the
 * trial's kernel is the last. */
static int read_images(const struct boot_facts *facts, const struct boot_change *change,
		       struct uki **ret, size_t *ret_n, struct err *e)
{
	const struct initramfs_setup *setup = facts->initramfs;
	struct uki *list = arena_array(facts->arena, setup->n_kernels + 1, sizeof(*list)), uki;

	*ret = list;
	*ret_n = 0;
	for (size_t i = 0; i < setup->n_kernels; i++) {
		const struct initramfs_kernel *kernel = &setup->kernels[i];

		if (kernel == change->kernel || !(kernel->unified || is_rebuilt(change, kernel)) ||
		    !uki_of(kernel, &uki))
			continue;
		int error = uki_check(facts, kernel, &list[(*ret_n)++], e);
		if (error < 0)
			return error;
	}
	return uki_check(facts, change->kernel, &list[(*ret_n)++], e);
}

static int plan_all_words(const struct boot_facts *facts, const struct uki *list, size_t n,
			  const struct names *words, struct plan *plan, struct err *e)
{
	bool done[UKI_UKIFY + 1] = { false };
	int error = 0;

	/* the last one is of the kernel that is looked at first */
	for (size_t i = n; error == 0 && i-- > 0;) {
		if (!done[list[i].maker])
			error = uki_plan_words(facts, &list[i], words, plan, e);
		done[list[i].maker] = true;
	}
	return error;
}

static void drop_trial(const struct boot_facts *facts, const struct bls_list *list,
		       const struct uki *uki, struct plan *plan)
{
	const char *image = arena_concat(facts->arena, uki->path, ".passthru");

	for (size_t i = 0; i < list->n; i++) {
		if (strstr(list->entries[i].name, BOOTLOADER_TRIAL_ENTRY))
			plan_absent(facts->arena, plan, "the trial is over: its entry goes",
				    list->entries[i].path);
	}
	/* else it is the image that setup has made, and takes away */
	if (uki->maker == UKI_UKIFY && !uki->kernel->unified_alone && boot_has(facts, image))
		plan_absent(facts->arena, plan, "the trial is over: its image goes", image);
}

static int permanent(const struct boot_setup *boot, const struct boot_change *change,
		     struct plan *plan, struct err *e)
{
	const struct boot_facts *facts = &boot->facts;
	const struct bls_list *list = boot->chosen->data;
	size_t before = plan->n_steps, n;
	const char *kept = NULL;
	struct uki *images;
	int error = read_images(facts, change, &images, &n, e);

	if (error == 0)
		error = plan_all_words(facts, images, n, &change->words, plan, e);
	if (error < 0)
		return error;
	move_before_commands(facts->arena, plan, before);
	for (size_t i = 0; error == 0 && i < n; i++) {
		kept = change->plain_image;
		/* a preset's may stay as it is */
		if (images[i].maker != UKI_MKINITCPIO || is_rebuilt(change, images[i].kernel))
			error = uki_image(facts, change, &images[i], plan, &kept, e);
	}
	if (error == 0)
		error = plan_plain(facts, list, change, &images[n - 1], kept, plan, e);
	if (error == 0)
		drop_trial(facts, list, &images[n - 1], plan);
	return error;
}

/* Those of other makers are made anew when the early helper leaves them, with what is configured
 * then. */
static int leave(const struct boot_setup *boot, const struct names *words, struct plan *plan,
		 struct err *e)
{
	const struct initramfs_setup *setup = boot->facts.initramfs;
	struct uki uki;
	int error = 0;

	for (size_t i = 0; error == 0 && i < setup->n_kernels; i++) {
		if (uki_of(&setup->kernels[i], &uki) && uki.maker == UKI_UKIFY)
			error = uki_leave(&boot->facts, &uki, words, plan, e);
	}
	return error;
}

const struct bootloader bootloader_uki = {
	.name = "uki",
	.title = "unified kernel images, started by systemd-boot",
	.detect = detect,
	.trial = trial,
	.permanent = permanent,
	.leave = leave,
};
