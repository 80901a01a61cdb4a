// SPDX-License-Identifier: MIT
// The steps that make unified images anew. What setup has in its plan for a kernel's initramfs
// image makes the unified one too where nothing else holds that image; else ukify gets a step of
// its own.
//
// An image of ukify or dracut has to come out with exactly the command line that it was to get: the
// one of before with our words. So whatever their configuration does besides is found before the
// old image is gone, and the trial's image, which has its words in it, needs no options of a boot
// loader, which systemd-stub passes over when Secure Boot is on.

#include "base/text.h"
#include "bootloader/uki.h"
#include "host/host.h"

#include <errno.h>
#include <string.h>

/* ---- what an image has to have ---- */

/* What is looked at besides what the step did already. */
struct image_proof {
	int (*proof)(struct host *host, const struct step *step, const char *path, struct err *e);
	const void *data;
	const char *line;   /* that it has to be; NULL: @words have to be in it */
	struct names words; /* of the change */
	struct uki old;
};

static bool same_line(struct arena *a, const char *one, const char *other)
{
	for (;;) {
		const char *left = text_next_word(a, &one), *right = text_next_word(a, &other);

		if (!left || !right)
			return left == right;
		if (!str_eq(left, right))
			return false;
	}
}

/* What the image of before has, root= first of all, nobody wanted to lose. */
static int check_old_words(struct arena *a, const struct image_proof *proof, const char *path,
			   const char *line, struct err *e)
{
	struct kernel_parameter *old;
	size_t n;

	kernel_parse_command_line(a, proof->old.now.line, &old, &n);
	for (size_t i = 0; i < n; i++) {
		if (boot_count_word(a, line, old[i].text) == 0)
			return err_fail(e, -EIO,
					"the command line in %s lacks %s, which that of before "
					"has; when this is meant, run mkinitcpio -P first",
					path, old[i].text);
	}
	return 0;
}

static int check_line(struct arena *a, const struct image_proof *proof, const char *path,
		      const char *line, struct err *e)
{
	if (proof->line && !same_line(a, proof->line, line))
		return err_fail(e, -EIO, "the command line in %s is \"%s\", and not \"%s\"", path,
				line, proof->line);
	const struct names missing = boot_missing(a, line, &proof->words);
	if (missing.n > 0)
		return err_fail(e, -EIO, "the command line in %s lacks %s", path, missing.name[0]);
	return proof->line ? 0 : check_old_words(a, proof, path, line, e);
}

/* Those of the stub change with its version. */
static bool is_payload(const char *name)
{
	static const char *const names[] = { ".linux", ".osrel",  ".initrd",  ".ucode",  ".splash",
					     ".dtb",   ".uname",  ".dtbauto", ".hwids",  ".efifw",
					     ".sbat",  ".pcrsig", ".pcrpkey", ".cmdline" };

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		if (str_eq(name, names[i]))
			return true;
	}
	return false;
}

static int check_sections(const struct image_proof *proof, const char *path,
			  const struct names *now, struct err *e)
{
	const struct names *old = &proof->old.now.sections;

	for (size_t i = 0; proof->old.maker == UKI_UKIFY && i < old->n; i++) {
		bool found = !is_payload(old->name[i]);

		for (size_t k = 0; !found && k < now->n; k++)
			found = str_eq(old->name[i], now->name[k]);
		if (!found)
			return err_fail(e, -EIO,
					"%s has no section %s, and the image of before has: "
					"something else took part in making that",
					path, old->name[i]);
	}
	return 0;
}

static int prove_image(struct host *host, const struct step *step, const char *path, struct err *e)
{
	const struct image_proof *proof = step->data;
	struct initramfs_unified now;
	struct step inner = *step;
	int error = 0;

	inner.data = proof->data;
	if (proof->proof)
		error = proof->proof(host, &inner, path, e);
	if (error == 0)
		error = uki_read(host, path, &now, e);
	if (error == 0)
		error = check_line(&host->arena, proof, path, now.line, e);
	if (error == 0 && proof->old.now.is_signed && !now.is_signed)
		error = err_fail(e, -EIO, "%s is not signed, and the image of before is", path);
	return error < 0 ? error : check_sections(proof, path, &now.sections, e);
}

/* ---- steps ---- */

static struct step *find_step(struct plan *plan, const char *becomes)
{
	for (size_t i = 0; i < plan->n_steps; i++) {
		if (str_same(plan->steps[i].becomes, becomes))
			return &plan->steps[i];
	}
	return NULL;
}

static struct step *image_step(const struct boot_facts *facts, const struct uki *uki,
			       const char *becomes, const char *why, struct plan *plan)
{
	struct step *step = find_step(plan, becomes);

	if (step)
		return step;
	step = plan_step(facts->arena, plan, STEP_COMMAND, why);
	step->output = arena_concat(facts->arena, becomes, ".new");
	step->becomes = becomes;
	bootloader_runs(step,
			initramfs_build(facts->initramfs, facts->arena, uki->kernel, step->output));
	step->may_go = true;
	return step;
}

static void add_proof(const struct boot_facts *facts, const struct uki *uki, const char *line,
		      const struct names *words, struct step *step)
{
	struct image_proof *proof = arena_alloc(facts->arena, sizeof(*proof));

	*proof = (struct image_proof){
		.proof = step->proof, .data = step->data, .line = line, .words = *words, .old = *uki
	};
	step->proof = prove_image;
	step->data = proof;
}

/* The file that ukify takes the initramfs image from; NULL: it is made with the unified one. */
static const char *initrd_of(const struct uki *uki, const char *image)
{
	return uki->kernel->unified_alone ? NULL : image;
}

int uki_trial_image(const struct boot_facts *facts, const struct boot_change *change,
		    const struct uki *uki, struct plan *plan, const char **ret_path, struct err *e)
{
	struct arena *a = facts->arena;
	const struct names all = boot_trial_words(a, change);
	const char *line = bls_with_words(facts, uki->now.line, &all, e), *argument = line;
	struct names missing;

	if (!line)
		return err_wrap(e, -EOPNOTSUPP, "%s", uki->path);
	*ret_path = arena_concat(a, uki->path, ".passthru");
	/* what it is configured with comes before that */
	if (uki->maker == UKI_DRACUT && uki_dracut_has_line(facts, true)) {
		missing = boot_missing(a, uki->now.line, &all);
		argument = text_join(a, missing.name, missing.n, " ");
	}
	struct step *step =
		image_step(facts, uki, *ret_path,
			   arena_printf(a,
					"a unified image of its own for the trial of %s; "
					"the usual one stays as it is",
					uki->kernel->release),
			   plan);
	const char *image = change->trial_image ? change->trial_image : uki->kernel->image;
	bootloader_runs(step,
			initramfs_build_unified(facts->initramfs, a, uki->kernel,
						initrd_of(uki, image), argument, step->output));
	step->own = true;
	add_proof(facts, uki, line, &all, step);
	return 0;
}

/* What it is to be made with once our words are gone; what runs before that is the same. */
static const char *const *anew(const struct boot_facts *facts, const struct uki *uki,
			       const struct names *words, const char *output)
{
	const char *line = uki->now.line;

	if (uki->maker == UKI_DRACUT)
		return initramfs_build_unified(facts->initramfs, facts->arena, uki->kernel, NULL,
					       NULL, output)
			.argv;
	if (words->n > 0 && boot_count_word(facts->arena, line, words->name[0]) > 0)
		line = bls_without_words(facts, line, words, NULL);
	return initramfs_build_unified(facts->initramfs, facts->arena, uki->kernel,
				       initrd_of(uki, uki->kernel->image),
				       line ? line : uki->now.line, output)
		.argv;
}

/* The old image as the way back; not over one that is there, and not one with the words. */
static const char *keep_old(const struct boot_facts *facts, const struct boot_change *change,
			    const struct uki *uki, struct step *step)
{
	const char *kept = arena_concat(facts->arena, uki->path, ".passthru-old");
	bool is_old = change->words.n == 0 ||
		      boot_count_word(facts->arena, uki->now.line, change->words.name[0]) == 0;

	if (step->keep)
		return step->keep;
	if (boot_has(facts, kept))
		return kept;
	if (!is_old)
		return NULL;
	step->keep = kept;
	return kept;
}

int uki_image(const struct boot_facts *facts, const struct boot_change *change,
	      const struct uki *uki, struct plan *plan, const char **ret_kept, struct err *e)
{
	struct arena *a = facts->arena;
	const char *line = NULL;

	struct step *step = image_step(
		facts, uki, uki->path,
		arena_printf(a, "the unified image of %s gets the words", uki->kernel->release),
		plan);
	if (uki->maker == UKI_MKINITCPIO) {
		step->regenerate = step->argv;
		*ret_kept = change->plain_image;
		add_proof(facts, uki, NULL, &change->words, step);
		return 0;
	}
	line = bls_with_words(facts, uki->now.line, &change->words, e);
	if (!line)
		return err_wrap(e, -EOPNOTSUPP, "%s", uki->path);
	bootloader_runs(step, initramfs_build_unified(facts->initramfs, a, uki->kernel,
						      initrd_of(uki, uki->kernel->image),
						      uki->maker == UKI_DRACUT ? NULL : line,
						      step->output));
	step->regenerate = anew(facts, uki, &change->words, step->output);
	*ret_kept = uki->kernel == change->kernel ? keep_old(facts, change, uki, step) : NULL;
	add_proof(facts, uki, line, &change->words, step);
	return 0;
}

/* ---- images of kernels that were installed since ---- */

/* Those that the image of before has are the user's. */
static struct names ours(const struct boot_facts *facts, const struct names *words)
{
	const struct initramfs_setup *setup = facts->initramfs;
	struct initramfs_unified old = { 0 };
	struct uki uki;

	for (size_t i = 0; !old.line && i < setup->n_kernels; i++) {
		const char *kept = uki_of(&setup->kernels[i], &uki)
					   ? arena_concat(facts->arena, uki.path, ".passthru-old")
					   : NULL;
		if (kept && boot_has(facts, kept) && uki_read(facts->host, kept, &old, NULL) < 0)
			old.line = NULL;
	}
	return boot_missing(facts->arena, old.line ? old.line : "", words);
}

int uki_leave(const struct boot_facts *facts, const struct uki *uki, const struct names *words,
	      struct plan *plan, struct err *e)
{
	struct arena *a = facts->arena;
	const struct names mine = ours(facts, words), none = { 0 };
	struct uki now = *uki;

	int error = initramfs_read_unified(facts->host->root, a, uki->path, &now.now, e);
	if (error < 0 || !now.now.line || mine.n == 0 ||
	    boot_count_word(a, now.now.line, mine.name[0]) == 0)
		return error;
	const char *line = bls_without_words(facts, now.now.line, &mine, e);
	if (!line)
		return err_wrap(e, -EOPNOTSUPP, "%s", uki->path);
	struct step *step =
		plan_step(a, plan, STEP_COMMAND,
			  arena_printf(a, "the unified image of %s was made with our words",
				       uki->kernel->release));
	step->output = arena_concat(a, uki->path, ".new");
	step->becomes = uki->path;
	bootloader_runs(step, initramfs_build_unified(facts->initramfs, a, uki->kernel,
						      initrd_of(uki, uki->kernel->image), line,
						      step->output));
	add_proof(facts, &now, line, &none, step);
	return 0;
}
