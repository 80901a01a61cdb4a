// SPDX-License-Identifier: MIT
// Which boot loader starts this host. Each is judged by itself. Of those that count, what manages
// the others wins, then what was seen to start the running kernel; with two left the answer is
// with whoever installed both, and nothing is changed.

#include "bootloader/bootloader.h"
#include "base/text.h"
#include "bootloader/internal.h"
#include "host/host.h"

#include <errno.h>

/* clang-format off */
#define BOOTLOADER(name) extern const struct bootloader bootloader_##name;
#include "bootloader/loaders.h"
#undef BOOTLOADER

/* the last one ends the list: a build may have no loaders yet */
#define BOOTLOADER(name) &bootloader_##name,
static const struct bootloader *const loaders[] = {
#include "bootloader/loaders.h"
	NULL,
};
#undef BOOTLOADER
/* clang-format on */

/* ---- choosing ---- */

static bool in_force(const struct bootloader_candidate *c)
{
	return c->counts && !c->contradicted;
}

static bool is_manager(const struct bootloader_candidate *c)
{
	return in_force(c) && c->manages;
}

static bool was_seen(const struct bootloader_candidate *c)
{
	return in_force(c) && c->seen;
}

static bool is_seen_manager(const struct bootloader_candidate *c)
{
	return is_manager(c) && c->seen;
}

/* How many are so; *@ret is the last of them. */
static size_t pick(const struct boot_setup *boot, bool (*is)(const struct bootloader_candidate *),
		   const struct bootloader_candidate **ret)
{
	size_t n = 0;

	*ret = NULL;
	for (size_t i = 0; i < boot->n_candidates; i++) {
		if (!is(&boot->candidates[i]))
			continue;
		*ret = &boot->candidates[i];
		n++;
	}
	return n;
}

static const char *told(struct arena *a, const struct bootloader_candidate *c)
{
	return arena_printf(a, "%s (%s)", c->loader->title,
			    text_join(a, c->evidence.name, c->evidence.n, "; "));
}

static const char *refuse_none(struct arena *a, const struct boot_setup *boot)
{
	const char **found = arena_array(a, boot->n_candidates, sizeof(*found));

	if (boot->n_candidates == 0)
		return "no boot loader was found whose configuration this program can change";
	for (size_t i = 0; i < boot->n_candidates; i++)
		found[i] = told(a, &boot->candidates[i]);
	return arena_printf(a, "no boot loader has all that starting this host by it needs: %s",
			    text_join(a, found, boot->n_candidates, ", "));
}

static const char *refuse_several(struct arena *a, const struct boot_setup *boot,
				  bool (*is)(const struct bootloader_candidate *))
{
	const char **found = arena_array(a, boot->n_candidates, sizeof(*found));
	size_t n = 0;

	for (size_t i = 0; i < boot->n_candidates; i++) {
		if (is(&boot->candidates[i]))
			found[n++] = told(a, &boot->candidates[i]);
	}
	return arena_printf(a,
			    "more than one boot loader may start this host, and nothing says which "
			    "does: %s; remove what is left of those that do not",
			    text_join(a, found, n, ", "));
}

/* Its files look like those of the loader that it manages, which must not be taken for that one. */
static const struct bootloader_candidate *broken_manager(const struct boot_setup *boot)
{
	for (size_t i = 0; i < boot->n_candidates; i++) {
		if (boot->candidates[i].manages && !boot->candidates[i].counts)
			return &boot->candidates[i];
	}
	return NULL;
}

/* The running kernel was started by something that none of the candidates is. */
static const char *refuse_other(struct arena *a, const struct boot_setup *boot)
{
	const char **found = arena_array(a, boot->n_candidates, sizeof(*found));
	const char *loader = boot->facts.loader;
	size_t n = 0;

	for (size_t i = 0; i < boot->n_candidates; i++) {
		if (boot->candidates[i].counts)
			found[n++] = told(a, &boot->candidates[i]);
	}
	if (n == 0)
		return refuse_none(a, boot);
	return arena_printf(a,
			    "the running kernel was started by %s, but only the files of %s are "
			    "complete",
			    loader ? arena_printf(a, "\"%s\" (LoaderInfo)", loader)
				   : "something that is not known",
			    text_join(a, found, n, ", "));
}

static void choose(struct boot_setup *boot)
{
	struct arena *a = boot->facts.arena;
	const struct bootloader_candidate *one;
	bool (*of)(const struct bootloader_candidate *) = in_force;
	size_t n = pick(boot, in_force, &one);
	const struct bootloader_candidate *broken = broken_manager(boot);

	if (broken && pick(boot, is_manager, &one) == 0) {
		boot->refusal =
			arena_printf(a, "%s manages what starts this host, and is not complete",
				     told(a, broken));
		return;
	}
	if (n == 0) {
		boot->refusal = refuse_other(a, boot);
		return;
	}
	pick(boot, in_force, &one);
	if (n > 1 && pick(boot, is_manager, &one) > 0) {
		of = is_manager;
		n = pick(boot, of, &one);
		if (n > 1 && pick(boot, is_seen_manager, &one) == 1)
			n = 1;
	} else if (n > 1 && pick(boot, was_seen, &one) > 0) {
		of = was_seen;
		n = pick(boot, of, &one);
	}
	if (n > 1)
		boot->refusal = refuse_several(a, boot, of);
	else if (boot->facts.loader && !one->seen && !one->manages)
		boot->refusal = refuse_other(a, boot);
	else
		boot->chosen = one;
}

void bootloader_read(struct host *host, const struct kernel_facts *kernels,
		     const struct initramfs_setup *initramfs, struct boot_setup *ret)
{
	*ret = (struct boot_setup){ 0 };
	boot_facts_read(host, kernels, initramfs, &ret->facts);
	ret->candidates = arena_array(&host->arena, ARRAY_SIZE(loaders), sizeof(*ret->candidates));
	for (size_t i = 0; loaders[i]; i++) {
		struct bootloader_candidate *c = &ret->candidates[ret->n_candidates];

		*c = (struct bootloader_candidate){ 0 };
		loaders[i]->detect(&ret->facts, c);
		c->loader = loaders[i];
		ret->n_candidates += c->evidence.n > 0;
	}
	choose(ret);
}

/* ---- the steps of the chosen one ---- */

static int need_chosen(const struct boot_setup *boot, struct err *e)
{
	return boot->chosen ? 0 : boot_unsupported(e, "%s", boot->refusal);
}

int bootloader_trial(const struct boot_setup *boot, const struct boot_change *change,
		     struct plan *plan, struct err *e)
{
	int error = need_chosen(boot, e);

	if (error < 0)
		return error;
	if (!boot->chosen->loader->trial)
		return boot_unsupported(e, "%s has no entry that is used for one boot only",
					boot->chosen->loader->title);
	return boot->chosen->loader->trial(boot, change, plan, e);
}

int bootloader_permanent(const struct boot_setup *boot, const struct boot_change *change,
			 struct plan *plan, struct err *e)
{
	int error = need_chosen(boot, e);

	if (error < 0)
		return error;
	if (!boot->chosen->loader->permanent)
		return boot_unsupported(e, "the configuration of %s can only be changed by hand",
					boot->chosen->loader->title);
	return boot->chosen->loader->permanent(boot, change, plan, e);
}

static int leave_one(const struct boot_setup *boot, const struct bootloader_candidate *candidate,
		     const struct names *words, struct plan *plan, struct err *e)
{
	struct boot_setup one = *boot;

	if (!candidate->loader->leave)
		return 0;
	one.chosen = candidate;
	return candidate->loader->leave(&one, words, plan, e);
}

int bootloader_leave(const struct boot_setup *boot, const struct names *words, struct plan *plan,
		     struct err *e)
{
	int error = 0;

	if (boot->chosen)
		return leave_one(boot, boot->chosen, words, plan, e);
	for (size_t i = 0; error == 0 && i < boot->n_candidates; i++) {
		if (boot->candidates[i].counts)
			error = leave_one(boot, &boot->candidates[i], words, plan, e);
	}
	return error;
}

const char *bootloader_by_hand(const struct boot_setup *boot, const struct boot_change *change)
{
	if (!boot->chosen || !boot->chosen->loader->by_hand)
		return NULL;
	return boot->chosen->loader->by_hand(boot, change);
}
