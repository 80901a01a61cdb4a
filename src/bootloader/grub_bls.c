// SPDX-License-Identifier: MIT
// GRUB with entries of the Boot Loader Specification: Fedora, RHEL 8 and later.
//
// The words stand in three places, which are changed together: in each entry, in
// etc/kernel/cmdline, from which kernel-install makes entries of kernels that come later, and in
// etc/default/grub, from which Fedora's grub2-mkconfig writes all entries anew and the others do so
// with --update-bls-cmdline (update_bls_cmdline() in util/grub.d/10_linux.in of Red Hat's grub2).
// The same function overwrites etc/kernel/cmdline when it is older than etc/default/grub, so it
// must not be. On RHEL 8 the entries have "$kernelopts", a variable of the environment block, but
// for those in which grubby has written it out.
//
// Without grubby: it knows words by their name alone, so that hugepagesz=1G hugepages=4
// hugepagesz=2M hugepages=512 cannot be said to it, and what it takes away is not what it added.

#include "base/root_tree.h"
#include "base/text.h"
#include "bootloader/bls.h"
#include "bootloader/grub.h"
#include "host/host.h"

#include <errno.h>
#include <string.h>

#define CMDLINE "etc/kernel/cmdline"
#define KERNELOPTS "kernelopts"

struct grub_bls {
	struct grub grub;
	struct bls_list list;
	const char *kernelopts; /* what the entries' variable is; NULL: they are literal */
	bool has_kernelopts;    /* entries use it, not always all of them */
};

/* ---- what is there ---- */

static const char *without_links(const struct boot_facts *facts, const char *path)
{
	const char *resolved;

	return root_resolve(facts->host->root, facts->arena, path, true, &resolved) == 0 ? resolved
											 : path;
}

/*
 * The menu that reads the entries: that of the firmware's partition has a few lines which lead to
 * the other, but on RHEL 8.
 */
static const char *find_config(const struct boot_facts *facts)
{
	static const char *const places[] = { "boot/grub2/grub.cfg", "boot/grub/grub.cfg",
					      "etc/grub2-efi.cfg", "boot/efi/EFI/redhat/grub.cfg",
					      "boot/efi/EFI/centos/grub.cfg" };
	const char *found = NULL;

	for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
		if (!boot_mentions(facts, places[i], "\nblscfg"))
			continue;
		if (!found || (facts->efi && i > 1))
			found = without_links(facts, places[i]);
	}
	return found;
}

static void find_grub(const struct boot_facts *facts, struct grub *ret)
{
	struct arena *a = facts->arena;
	const char *config = find_config(facts);

	*ret = (struct grub){ .config = config };
	if (!config)
		return;
	size_t n = (size_t)(text_last_part(config) - config);
	ret->env = without_links(facts, arena_printf(a, "%.*sgrubenv", (int)n, config));
	ret->editenv = boot_program(facts, "grub2-editenv");
	if (!ret->editenv)
		ret->editenv = boot_program(facts, "grub-editenv");
}

static const char *environment(const struct boot_facts *facts, const struct grub *grub,
			       const char *name)
{
	struct bytes text, without;
	const char *value;

	if (boot_read(facts, grub->env, &text, NULL) < 0 ||
	    edit_grubenv_set(facts->arena, text, name, NULL, &without, &value, NULL) < 0)
		return NULL;
	return value;
}

/* GRUB's path of the running kernel: "(hd0,gpt2)/vmlinuz-5.14.0". */
static void judge_seen(const struct boot_facts *facts, const struct bls_list *list,
		       struct bootloader_candidate *c)
{
	const char *image = boot_word(facts, "BOOT_IMAGE");

	if (boot_loader_is(facts, "GRUB")) {
		boot_evidence(facts, c, "LoaderInfo is \"%s\"", facts->loader);
		c->seen = true;
	}
	for (size_t i = 0; image && i < list->n; i++) {
		size_t n = strlen(image),
		       m = list->entries[i].kernel ? strlen(list->entries[i].kernel) : 0;

		if (m == 0 || n < m || !str_eq(image + n - m, list->entries[i].kernel))
			continue;
		boot_evidence(facts, c, "the kernel's command line has BOOT_IMAGE=%s, as %s has",
			      image, list->entries[i].path);
		c->seen = true;
		return;
	}
}

static bool uses_kernelopts(const struct bls_entry *entry)
{
	return entry->options && strstr(entry->options, "$" KERNELOPTS);
}

static void detect(const struct boot_facts *facts, struct bootloader_candidate *ret)
{
	struct grub_bls *bls = arena_alloc(facts->arena, sizeof(*bls));
	struct err e = { 0 };
	size_t n = 0;

	find_grub(facts, &bls->grub);
	if (!bls->grub.config)
		return;
	boot_evidence(facts, ret, "%s reads entries with blscfg", bls->grub.config);
	bls->list = (struct bls_list){ .reader = BLS_GRUB };
	if (bls_read(facts, "boot", &bls->list, &e) < 0) {
		boot_evidence(facts, ret, "its entries are not known: %s", e.text);
		return;
	}
	judge_seen(facts, &bls->list, ret);
	for (size_t i = 0; i < bls->list.n; i++) {
		const struct bls_entry *entry = &bls->list.entries[i];

		if (!bls_is_normal(facts, entry))
			continue;
		n++;
		bls->has_kernelopts |= uses_kernelopts(entry);
	}
	if (n == 0) {
		boot_evidence(facts, ret, "but boot/loader/entries has no entry of this system");
		return;
	}
	boot_evidence(facts, ret, "boot/loader/entries has %s of this system",
		      text_count(facts->arena, n, "entry", "entries"));
	grub_judge_stub(facts, ret);
	bls->kernelopts = environment(facts, &bls->grub, KERNELOPTS);
	bls->list.usual = environment(facts, &bls->grub, "saved_entry");
	if (bls->list.usual)
		bls->list.usual = arena_concat(facts->arena, bls->list.usual, ".conf");
	ret->counts = true;
	ret->data = bls;
}

/* ---- the trial ---- */

static int trial(const struct boot_setup *boot, const struct boot_change *change, struct plan *plan,
		 struct err *e)
{
	const struct boot_facts *facts = &boot->facts;
	const struct grub_bls *bls = boot->chosen->data;
	const char *file;
	int error = grub_once_check(facts, &bls->grub, e);

	if (error == 0 && !bls->has_kernelopts)
		error = bls_keep_usual(facts, &bls->list, &change->words, plan, e);
	if (error == 0)
		error = bls_trial(facts, &bls->list, change, plan, &file, e);
	if (error < 0)
		return error;
	const char *id = arena_strndup(facts->arena, file, strlen(file) - strlen(".conf"));
	return grub_once_step(facts, &bls->grub, id, plan, e);
}

/* ---- the words ---- */

static const struct edit_place in_variable = { .format = EDIT_GRUBENV, .name = KERNELOPTS };

/* grub-boot-success.timer writes the block minutes after somebody has logged in. */
static int add_again(struct host *host, const struct step *step, struct bytes *ret, struct err *e)
{
	struct bytes text;
	struct edit edit;
	int error = root_read(host->root, &host->arena, step->path, &text);

	if (error < 0)
		return err_io(e, error, "reading it");
	error = edit_add(&host->arena, text, &in_variable, &step->variable->words, &edit, e);
	*ret = edit.text;
	return error;
}

/* RHEL 8: the variable has them, for all entries and those of kernels that come later. */
static int edit_kernelopts(const struct boot_facts *facts, const struct grub_bls *bls,
			   const struct boot_change *change, struct plan *plan, struct err *e)
{
	struct arena *a = facts->arena;
	const char *env = bls->grub.env;
	struct bytes text;
	struct edit edit;
	int error = boot_planned(facts, plan, env, &text, e);

	if (error < 0)
		return error;
	error = edit_add(a, text, &in_variable, &change->words, &edit, e);
	if (error < 0)
		return err_wrap(e, error, "%s", env);
	plan_file(a, plan, "the words for all entries, which have $" KERNELOPTS, env, edit.text, 0);
	if (edit.added.n == 0)
		return 0;
	struct step *step = &plan->steps[plan->n_steps - 1];
	step->writes = text_list(a, env, NULL);
	struct step_variable *variable = arena_alloc(a, sizeof(*variable));
	*variable = (struct step_variable){ .name = KERNELOPTS, .words = edit.added };
	step->variable = variable;
	step->remake = add_again;
	return 0;
}

/* A plain assignment begins a line; which of the two it is does not matter to entries. */
static const char *variable_of(const struct boot_facts *facts)
{
	return !boot_mentions(facts, GRUB_DEFAULTS, "\nGRUB_CMDLINE_LINUX=") &&
			       boot_mentions(facts, GRUB_DEFAULTS, "\n" GRUB_VARIABLE "=")
		       ? GRUB_VARIABLE
		       : "GRUB_CMDLINE_LINUX";
}

static int edit_defaults(const struct boot_facts *facts, const struct boot_change *change,
			 struct plan *plan, struct err *e)
{
	const struct edit_place place = { .format = EDIT_SHELL,
					  .name = variable_of(facts),
					  .create = true };
	int error = boot_look(facts, GRUB_DEFAULTS);

	if (error == -ENOENT)
		return 0;
	if (error < 0)
		return err_io(e, error, "reading %s", GRUB_DEFAULTS);
	return boot_edit_in(facts, plan, "the words for a menu that grub2-mkconfig makes anew",
			    GRUB_DEFAULTS, &place, &change->words, e);
}

/* grub2-mkconfig takes an older one for outdated. */
static int prove_newer(struct host *host, const struct step *step, const char *path, struct err *e)
{
	struct root_node cmdline, defaults;
	int error = root_node(host->root, &host->arena, CMDLINE, &cmdline);

	(void)path, (void)step;
	if (error == 0)
		error = root_node(host->root, &host->arena, GRUB_DEFAULTS, &defaults);
	if (error < 0)
		return err_io(e, error, "reading %s", CMDLINE);
	if (cmdline.kind == ROOT_ABSENT || defaults.kind == ROOT_ABSENT ||
	    cmdline.mtime.tv_sec > defaults.mtime.tv_sec ||
	    (cmdline.mtime.tv_sec == defaults.mtime.tv_sec &&
	     cmdline.mtime.tv_nsec >= defaults.mtime.tv_nsec))
		return 0;
	return err_fail(e, -EIO, "%s is older than %s", CMDLINE, GRUB_DEFAULTS);
}

static void keep_newer(const struct boot_facts *facts, struct plan *plan)
{
	struct arena *a = facts->arena;
	struct step *step = plan_step(
		a, plan, STEP_COMMAND,
		"grub2-mkconfig overwrites this file when it is older than " GRUB_DEFAULTS);

	step->argv = text_list(a, "touch", "--no-create", boot_absolute(a, CMDLINE), NULL);
	step->writes = text_list(a, CMDLINE, NULL);
	step->proof = prove_newer;
}

static int edit_literal(const struct boot_facts *facts, const struct grub_bls *bls,
			const struct boot_change *change, struct plan *plan, struct err *e)
{
	size_t n;
	int error = edit_defaults(facts, change, plan, e);

	if (error == 0)
		error = bls_kernel_cmdline(facts, &bls->list, &change->words, plan, e);
	if (error < 0)
		return error;
	keep_newer(facts, plan);
	return bls_edit_all(facts, plan, &bls->list, &change->words, &n, e);
}

/* grubby writes the variable out in an entry that alone gets a word. */
static int edit_variable(const struct boot_facts *facts, const struct grub_bls *bls,
			 const struct boot_change *change, struct plan *plan, struct err *e)
{
	struct bls_list literal = bls->list;
	size_t n;
	int error = edit_kernelopts(facts, bls, change, plan, e);

	if (error == 0)
		error = edit_defaults(facts, change, plan, e);
	if (error < 0)
		return error;
	literal.entries = arena_array(facts->arena, bls->list.n, sizeof(*literal.entries));
	literal.n = 0;
	for (size_t i = 0; i < bls->list.n; i++) {
		if (!uses_kernelopts(&bls->list.entries[i]))
			literal.entries[literal.n++] = bls->list.entries[i];
	}
	return bls_edit_all(facts, plan, &literal, &change->words, &n, e);
}

/* ---- permanent ---- */

/* As it is now, so that the entry without our words does not get them with the variable. */
static int expand(const struct boot_facts *facts, const struct grub_bls *bls, struct bls_list *ret,
		  struct err *e)
{
	struct arena *a = facts->arena;

	*ret = bls->list;
	if (!bls->has_kernelopts)
		return 0;
	if (!bls->kernelopts)
		return boot_unsupported(e,
					"the entries have $" KERNELOPTS ", and %s does not set it",
					bls->grub.env);
	ret->entries = arena_array(a, ret->n, sizeof(*ret->entries));
	for (size_t i = 0; i < ret->n; i++) {
		struct bls_entry *entry = &ret->entries[i];

		*entry = bls->list.entries[i];
		const char *at = entry->options ? strstr(entry->options, "$" KERNELOPTS) : NULL;
		if (at)
			entry->options = arena_printf(a, "%.*s%s%s", (int)(at - entry->options),
						      entry->options, bls->kernelopts,
						      at + strlen("$" KERNELOPTS));
	}
	return 0;
}

static int permanent(const struct boot_setup *boot, const struct boot_change *change,
		     struct plan *plan, struct err *e)
{
	const struct boot_facts *facts = &boot->facts;
	const struct grub_bls *bls = boot->chosen->data;
	struct bls_list expanded;
	int error = expand(facts, bls, &expanded, e);

	if (error == 0)
		error = bls_plain(facts, &expanded, change, plan, e);
	if (error == 0)
		error = bls->has_kernelopts ? edit_variable(facts, bls, change, plan, e)
					    : edit_literal(facts, bls, change, plan, e);
	if (error == 0)
		bls_drop_trial(facts, &bls->list, change, plan);
	return error;
}

static int leave(const struct boot_setup *boot, const struct names *words, struct plan *plan,
		 struct err *e)
{
	const struct grub_bls *bls = boot->chosen->data;

	return bls_leave(&boot->facts, &bls->list, words, plan, e);
}

const struct bootloader bootloader_grub_bls = {
	.name = "grub-bls",
	.title = "GRUB with entries in boot/loader/entries",
	.detect = detect,
	.trial = trial,
	.permanent = permanent,
	.leave = leave,
};
