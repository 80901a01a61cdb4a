// SPDX-License-Identifier: MIT
// systemd-boot with entries in files, those that kernel-install makes and those written by hand.
//
// Such an entry is used once by LoaderEntryOneShot: systemd-boot reads the variable, deletes it and
// takes the entry of that name; a name that no entry has is passed over (config_load_defaults(),
// config_entry_find() and config_default_entry_select() in src/boot/efi/boot.c of v252, the same in
// later ones). It does not become the one that "@saved" means (save_selected_entry()). So a boot
// that goes wrong is followed by the usual one, and a variable left behind by undo does nothing.
// Entries of kernel-install get the words in place and etc/kernel/cmdline has them for the next
// ones (90-loaderentry.install); those written by hand get a line "options" of our own.
//
// CachyOS and Manjaro have sdboot-manage, which a hook of pacman runs with each kernel ("autogen"):
// it removes all entries, ours too, and makes new ones with what LINUX_OPTIONS of its configuration
// says (generate_entries() of systemd-boot-manager). No entry of ours would stay, so what to do is
// said, not done.

#include "bootloader/systemd_boot.h"
#include "base/root_tree.h"
#include "base/text.h"
#include "bootloader/menu.h"
#include "host/host.h"

#include <errno.h>
#include <fnmatch.h>
#include <strings.h>

#define EFI_VARIABLES "sys/firmware/efi/efivars"
#define MANAGER_CONFIG "etc/sdboot-manage.conf"
#define FEATURE_ONE_SHOT (UINT64_C(1) << 3) /* EFI_LOADER_FEATURE_ENTRY_ONESHOT */
#define LOADER_FEATURES "LoaderFeatures-4a67b082-0a4c-41cf-b6c7-440b29bb8c4f"

/* ---- what is there ---- */

static const char *find_binary(const struct boot_facts *facts)
{
	const char *directory = facts->esp ? boot_any_case(facts, facts->esp, "EFI/systemd") : NULL;
	struct names paths;

	if (!directory || boot_entries(facts, directory, ".efi", &paths, NULL) < 0)
		return NULL;
	for (size_t i = 0; i < paths.n; i++) {
		if (str_starts(text_last_part(paths.name[i]), "systemd-boot"))
			return paths.name[i];
	}
	return NULL;
}

/* One key of loader.conf, as systemd-boot reads it: the last line counts. */
static const char *loader_setting(const struct boot_facts *facts, const char *key)
{
	const char *path = arena_printf(facts->arena, "%s/loader/loader.conf", facts->esp);
	struct bls_entry file = { 0 };
	const char *value = NULL;

	if (boot_read(facts, path, &file.text, NULL) < 0)
		return NULL;
	bls_parse(facts->arena, BLS_SYSTEMD, &file);
	for (size_t i = 0; i < file.n_pairs; i++) {
		if (str_eq(file.pairs[i].key, key))
			value = file.pairs[i].value;
	}
	return value;
}

/* The pattern of the entry that is started when nothing else is said; NULL: the first one. */
static const char *usual_entry(const struct boot_facts *facts)
{
	const char *pattern = boot_efi_text(facts, "LoaderEntryDefault");

	if (!pattern && facts->esp)
		pattern = loader_setting(facts, "default");
	if (pattern && str_eq(pattern, "@saved"))
		pattern = boot_efi_text(facts, "LoaderEntryLastBooted");
	return pattern;
}

int systemd_boot_read(const struct boot_facts *facts, struct bls_list *ret, struct err *e)
{
	*ret = (struct bls_list){ .reader = BLS_SYSTEMD };
	if (!facts->boot)
		return 0;
	int error = bls_read(facts, facts->boot, ret, e);
	if (error == 0 && facts->esp && !str_eq(facts->esp, facts->boot))
		error = bls_read(facts, facts->esp, ret, e);
	ret->usual = usual_entry(facts);
	return error;
}

bool systemd_boot_is_there(const struct boot_facts *facts, struct bootloader_candidate *ret)
{
	const char *binary = find_binary(facts);

	ret->seen = boot_loader_is(facts, "systemd-boot");
	if (ret->seen)
		boot_evidence(facts, ret, "LoaderInfo is \"%s\"", facts->loader);
	if (binary)
		boot_evidence(facts, ret, "%s exists", binary);
	/* started by another program, it may be what is left of an attempt */
	return ret->seen || (binary && !facts->loader);
}

/* What makes the entries anew with each kernel; NULL: nothing does. */
static const char *find_manager(const struct boot_facts *facts)
{
	const char *program = boot_program(facts, "sdboot-manage");
	const char *never =
		program ? boot_setting(facts, MANAGER_CONFIG, "NO_AUTOGEN", NULL) : NULL;

	return never && str_eq(never, "yes") ? NULL : program;
}

static void detect(const struct boot_facts *facts, struct bootloader_candidate *ret)
{
	struct bls_list *list = arena_alloc(facts->arena, sizeof(*list));
	bool there = systemd_boot_is_there(facts, ret);
	const char *selected = boot_efi_text(facts, "LoaderEntrySelected");
	struct err e = { 0 };
	size_t n = 0;

	if (ret->evidence.n == 0)
		return;
	if (systemd_boot_read(facts, list, &e) < 0) {
		boot_evidence(facts, ret, "its entries are not known: %s", e.text);
		return;
	}
	for (size_t i = 0; i < list->n; i++) {
		const struct bls_entry *entry = &list->entries[i];
		bool is_selected = selected && strcasecmp(entry->file, selected) == 0;

		n += bls_is_normal(facts, entry);
		/* an entry for a unified image, which is another's */
		ret->seen = ret->seen && !(is_selected && entry->efi);
	}
	/* so is the file of such an image */
	size_t length = selected ? strlen(selected) : 0;
	if (length > 4 && strcasecmp(selected + length - 4, ".efi") == 0)
		ret->seen = false;
	if (n > 0)
		boot_evidence(facts, ret, "%s/loader/entries has %s of this system", facts->boot,
			      text_count(facts->arena, n, "entry", "entries"));
	ret->counts = there && n > 0;
	const char *manager = ret->counts ? find_manager(facts) : NULL;
	if (manager)
		boot_evidence(facts, ret, "%s is installed", manager);
	ret->data = list;
}

/* ---- the variable ---- */

static int check_features(const struct boot_facts *facts, struct err *e)
{
	struct bytes value;
	uint64_t features = 0;

	/* an old one does not say */
	if (root_read(facts->host->root, facts->arena, EFI_VARIABLES "/" LOADER_FEATURES, &value) <
		    0 ||
	    value.n != 4 + sizeof(features))
		return 0;
	for (size_t i = 0; i < sizeof(features); i++)
		features |= (uint64_t)(unsigned char)value.data[4 + i] << (8 * i);
	return features & FEATURE_ONE_SHOT
		       ? 0
		       : boot_unsupported(e,
					  "this %s has no entry for one boot only "
					  "(LoaderFeatures): update it with bootctl update",
					  facts->loader);
}

/* Of a system that is not running a plan can be shown; whether it works is seen on it. */
static int check_variables(const struct boot_facts *facts, struct err *e)
{
	bool read_only = false;

	if (!facts->live)
		return 0;
	if (!facts->loader)
		return boot_unsupported(e,
					"the variables of the firmware cannot be read (%s), so "
					"no entry can be chosen for one boot: mount efivarfs there",
					EFI_VARIABLES);
	if (!boot_loader_is(facts, "systemd-boot"))
		return boot_unsupported(e,
					"this boot was started by \"%s\", which would not heed "
					"the choice of systemd-boot's next entry",
					facts->loader);
	int error = root_is_read_only(facts->host->root, facts->arena, EFI_VARIABLES, &read_only);
	if (error < 0)
		return err_io(e, error, "reading %s", EFI_VARIABLES);
	if (read_only)
		return boot_unsupported(e,
					"%s is mounted read-only, so no entry can be chosen for "
					"one boot: mount it writable",
					EFI_VARIABLES);
	if (!boot_program(facts, "bootctl"))
		return boot_unsupported(e, "bootctl is not installed, which chooses the entry for "
					   "one boot: install systemd-boot's tools");
	return check_features(facts, e);
}

/* The data of the step is the entry's file name. */
static int one_shot_proof(struct host *host, const struct step *step, const char *path,
			  struct err *e)
{
	const struct boot_facts facts = { .host = host, .arena = &host->arena };
	const char *next = boot_efi_text(&facts, "LoaderEntryOneShot"), *wanted = step->data;

	(void)path;
	if (next && strcasecmp(next, wanted) == 0)
		return 0;
	return err_fail(e, -EIO, "the entry for the next boot is %s, not %s",
			next ? next : "not set", wanted);
}

void systemd_boot_once(const struct boot_facts *facts, struct plan *plan, const char *file)
{
	struct arena *a = facts->arena;
	struct step *step = plan_step(a, plan, STEP_COMMAND, "that entry for the next boot only");

	step->argv = text_list(a, "bootctl", "set-oneshot", file, NULL);
	step->proof = one_shot_proof;
	step->data = file;
	plan_note(a, plan, NOTE_NEXT_BOOT,
		  arena_printf(a,
			       "systemd-boot forgets %s (LoaderEntryOneShot) before it starts it: "
			       "the boot after the next one is the usual one",
			       file));
}

/* The configured default must mean the same entry as before. */
static int check_default(const struct boot_facts *facts, const struct bls_list *list,
			 const char *file, struct err *e)
{
	if (!list->usual || fnmatch(list->usual, file, FNM_CASEFOLD) != 0)
		return 0;
	for (size_t i = 0; i < list->n; i++) {
		const struct bls_entry *entry = &list->entries[i];

		if (!bls_is_own(entry) && fnmatch(list->usual, entry->file, FNM_CASEFOLD) == 0)
			return 0;
	}
	for (size_t i = 0; i < list->unified.n; i++) {
		if (fnmatch(list->usual, list->unified.name[i], FNM_CASEFOLD) == 0)
			return 0;
	}
	return boot_unsupported(e,
				"the default of %s/loader/loader.conf, or LoaderEntryDefault, is "
				"\"%s\", which fits no entry but the one this program would make: "
				"name another one there",
				facts->esp ? facts->esp : facts->boot, list->usual);
}

int systemd_boot_ready(const struct boot_facts *facts, const struct bls_list *list, struct err *e)
{
	int error = check_variables(facts, e);

	for (size_t i = 0; error == 0 && i < 2; i++) {
		const char *const *names =
			bls_own_names(facts->arena, BLS_SYSTEMD,
				      i ? BOOTLOADER_PLAIN_ENTRY : BOOTLOADER_TRIAL_ENTRY);

		for (; error == 0 && *names; names++)
			error = check_default(facts, list,
					      arena_concat(facts->arena, *names, ".conf"), e);
	}
	return error;
}

/* ---- the steps ---- */

/* What makes entries for kernels that come later takes their words from one file. */
static bool has_installed(const struct boot_facts *facts, const struct bls_list *list)
{
	if (!boot_program(facts, "kernel-install"))
		return false;
	for (size_t i = 0; i < list->n; i++) {
		if (bls_is_normal(facts, &list->entries[i]) && bls_is_installed(&list->entries[i]))
			return true;
	}
	return false;
}

static int check_manager(const struct boot_facts *facts, struct err *e)
{
	const char *manager = find_manager(facts);

	return manager ? boot_unsupported(
				 e,
				 "%s makes all entries anew with each kernel, and would take "
				 "those of this program away",
				 manager)
		       : 0;
}

static int trial(const struct boot_setup *boot, const struct boot_change *change, struct plan *plan,
		 struct err *e)
{
	const struct boot_facts *facts = &boot->facts;
	const struct bls_list *list = boot->chosen->data;
	const char *file;
	int error = check_manager(facts, e);

	if (error == 0)
		error = systemd_boot_ready(facts, list, e);
	if (error == 0 && has_installed(facts, list))
		error = bls_keep_usual(facts, list, &change->words, plan, e);
	if (error == 0)
		error = bls_trial(facts, list, change, plan, &file, e);
	if (error == 0)
		systemd_boot_once(facts, plan, file);
	return error;
}

static int permanent(const struct boot_setup *boot, const struct boot_change *change,
		     struct plan *plan, struct err *e)
{
	const struct boot_facts *facts = &boot->facts;
	const struct bls_list *list = boot->chosen->data;
	size_t n = 0;
	int error = check_manager(facts, e);

	if (error == 0)
		error = bls_plain(facts, list, change, plan, e);
	if (error == 0)
		error = bls_copy_rebuilt(facts, list, change, plan, e);
	if (error == 0 && has_installed(facts, list))
		error = bls_kernel_cmdline(facts, list, &change->words, plan, e);
	if (error == 0)
		error = bls_edit_all(facts, plan, list, &change->words, &n, e);
	if (error == 0 && n == 0)
		error = boot_unsupported(e, "%s/loader/entries has no entry of this system",
					 facts->boot);
	if (error == 0)
		bls_drop_trial(facts, list, change, plan);
	return error;
}

static int leave(const struct boot_setup *boot, const struct names *words, struct plan *plan,
		 struct err *e)
{
	return bls_leave(&boot->facts, boot->chosen->data, words, plan, e);
}

static const char *by_hand(const struct boot_setup *boot, const struct boot_change *change)
{
	struct arena *a = boot->facts.arena;

	if (!find_manager(&boot->facts))
		return NULL;
	return arena_printf(
		a,
		"sdboot-manage makes the entries anew with each kernel. Put the words into\n"
		"LINUX_OPTIONS in /" MANAGER_CONFIG ", behind those that stand there,\n"
		"  %s\n"
		"and have the entries made:\n"
		"  sdboot-manage gen\n"
		"Entries of fallback images, where there are any, have LINUX_FALLBACK_OPTIONS\n"
		"instead and stay without the words. To start once without them: e in the menu.\n"
		"To take it back, take the words out of that line again, and run it again.\n"
		"%s",
		menu_words_by_hand(a, change), menu_devices_by_hand(a, change));
}

const struct bootloader bootloader_systemd_boot = {
	.name = "systemd-boot",
	.title = "systemd-boot with entries in files",
	.detect = detect,
	.trial = trial,
	.permanent = permanent,
	.leave = leave,
	.by_hand = by_hand,
};
