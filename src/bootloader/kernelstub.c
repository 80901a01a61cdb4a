// SPDX-License-Identifier: MIT
// Pop!_OS on UEFI: kernelstub copies the newest two kernels to the ESP, always under the same
// names, and writes systemd-boot's entries from the list user.kernel_options of its configuration
// (application.py, installer.py, config.py). That list is edited by ourselves and kernelstub run
// without options: its own -d puts all options into another order.
//
// The entry without our words names the same copies, so that it goes with kernel updates. The image
// is the one with the early helper, which does nothing without its word.

#include "base/root_tree.h"
#include "base/text.h"
#include "bootloader/menu.h"
#include "bootloader/systemd_boot.h"
#include "host/host.h"

#include <errno.h>
#include <jansson.h>
#include <string.h>

#define CONFIGURATION "etc/kernelstub/configuration"

/* What the files of the ESP are called. */
struct stub {
	const char *esp;
	const char *name;    /* "Pop_OS" */
	const char *current; /* its entry */
	const char *folder;  /* of the kernels: "boot/efi/EFI/Pop_OS-<uuid>" */
};

/* ---- detecting ---- */

/* The entry that kernelstub writes: loader/entries/<name>-current.conf, and what it names. */
static bool find_entry(const struct boot_facts *facts, const char *esp, struct stub *ret)
{
	static const char ending[] = "-current.conf";
	const char *directory = arena_concat(facts->arena, esp, "/loader/entries");
	struct bytes text;
	struct names found;

	if (boot_entries(facts, directory, ending, &found, NULL) < 0 || found.n != 1 ||
	    boot_read(facts, found.name[0], &text, NULL) < 0)
		return false;
	const char *linux_line = strstr(text.data, "\nlinux ");
	if (!linux_line)
		return false;
	const char *path = linux_line + strlen("\nlinux ");
	path += strspn(path, " \t/");
	const char *end = strchr(path, '\n'), *slash = NULL;
	for (const char *at = path; *at && at != end; at++)
		slash = *at == '/' ? at : slash;
	if (!slash)
		return false;
	const char *file = text_last_part(found.name[0]);
	*ret = (struct stub){
		.esp = esp,
		.name = arena_strndup(facts->arena, file, strlen(file) - strlen(ending)),
		.current = found.name[0],
		.folder = arena_printf(facts->arena, "%s/%.*s", esp, (int)(slash - path), path),
	};
	return true;
}

/* "/boot/efi" */
static const char *esp_of(struct arena *a, const json_t *user)
{
	const char *path = json_string_value(json_object_get(user, "esp_path"));
	size_t n;

	if (!path || *path != '/')
		return NULL;
	path += strspn(path, "/");
	n = strlen(path);
	while (n > 0 && path[n - 1] == '/')
		n--;
	return n > 0 ? arena_strndup(a, path, n) : NULL;
}

static const char *judge(const struct boot_facts *facts, const json_t *user, struct stub *stub)
{
	const char *esp = esp_of(facts->arena, user);

	if (!json_is_array(json_object_get(user, "kernel_options")))
		return "it has no list user.kernel_options";
	/* without it the options stand in a variable of the firmware */
	if (!json_is_true(json_object_get(user, "manage_mode")) ||
	    !json_is_true(json_object_get(user, "setup_loader")))
		return "it does not write entries for systemd-boot (manage_mode, setup_loader)";
	if (json_is_true(json_object_get(user, "live_mode")))
		return "it is that of a live medium (live_mode)";
	if (!esp || !find_entry(facts, esp, stub))
		return "its ESP has no entry <name>-current.conf";
	return NULL;
}

static void detect(const struct boot_facts *facts, struct bootloader_candidate *ret)
{
	const char *program = boot_program(facts, "kernelstub");
	struct stub *stub = arena_alloc(facts->arena, sizeof(*stub));
	struct bytes text;

	if (!boot_has(facts, CONFIGURATION))
		return;
	boot_evidence(facts, ret, CONFIGURATION " exists");
	ret->manages = program != NULL;
	if (!program) {
		boot_evidence(facts, ret, "kernelstub is not installed");
		return;
	}
	boot_evidence(facts, ret, "%s is installed", program);
	json_t *root = boot_read(facts, CONFIGURATION, &text, NULL) == 0
			       ? json_loadb(text.data, text.n, JSON_REJECT_DUPLICATES, NULL)
			       : NULL;
	const char *missing = root ? judge(facts, json_object_get(root, "user"), stub)
				   : "it is not JSON that could be read";
	json_decref(root);
	if (missing) {
		boot_evidence(facts, ret, "%s", missing);
		return;
	}
	boot_evidence(facts, ret, "%s is its entry", stub->current);
	ret->counts = true;
	ret->seen = boot_loader_is(facts, "systemd-boot");
	ret->data = stub;
}

/* ---- planning ---- */

struct wanted {
	const struct stub *stub;
	struct names words;
};

static const char *options_of(struct arena *a, const char *text)
{
	const char *rest = text, *line;
	size_t n;

	while (text_next_line(&rest, &line, &n)) {
		if (n > 8 && strncmp(line, "options ", 8) == 0)
			return arena_strndup(a, line + 8, n - 8);
	}
	return "";
}

/* kernelstub writes the entry of the newest kernel, and of the one before where there is one. */
static int is_written(struct host *host, const struct step *step, const char *path, struct err *e)
{
	const struct wanted *wanted = step->data;
	struct arena *a = &host->arena;
	const char *old = arena_printf(a, "%s/loader/entries/%s-oldkern.conf", wanted->stub->esp,
				       wanted->stub->name);
	const char *const entries[] = { wanted->stub->current, old };

	(void)path;
	for (size_t i = 0; i < ARRAY_SIZE(entries); i++) {
		struct bytes text;
		int error = root_read(host->root, a, entries[i], &text);

		if (error == -ENOENT && i > 0)
			continue;
		if (error < 0)
			return err_io(e, error, "reading %s", entries[i]);
		if (!menu_has_words(a, options_of(a, text.data), &wanted->words))
			return err_fail(e, -EIO, "%s is without the words", entries[i]);
	}
	return 0;
}

static const char *const *written_texts(const struct boot_facts *facts, const struct stub *stub)
{
	struct arena *a = facts->arena;
	const char *entries = arena_printf(a, "%s/loader/entries/%s", stub->esp, stub->name);

	return text_list(a, CONFIGURATION, stub->current, arena_concat(a, entries, "-oldkern.conf"),
			 arena_concat(a, stub->esp, "/loader/loader.conf"), NULL);
}

/* Kernels, images, and a copy of the running kernel's command line, which may have the words. */
static const char *const *written_copies(const struct boot_facts *facts, const struct stub *stub)
{
	struct arena *a = facts->arena;

	return text_list(a, arena_concat(a, stub->folder, "/vmlinuz.efi"),
			 arena_concat(a, stub->folder, "/initrd.img"),
			 arena_concat(a, stub->folder, "/vmlinuz-previous.efi"),
			 arena_concat(a, stub->folder, "/initrd.img-previous"),
			 arena_concat(a, stub->folder, "/cmdline"), NULL);
}

/* ---- entries of our own ---- */

static int read_entries(const struct boot_facts *facts, const struct stub *stub,
			struct bls_list *list, struct bls_entry **ret_current, struct err *e)
{
	int error = systemd_boot_read(facts, list, e);

	*ret_current = NULL;
	for (size_t i = 0; error == 0 && i < list->n; i++) {
		if (str_eq(list->entries[i].path, stub->current))
			*ret_current = &list->entries[i];
	}
	if (error == 0 && !*ret_current)
		error = boot_unsupported(e, "systemd-boot does not read %s", stub->current);
	return error;
}

/* It goes on naming what kernelstub copies, so that it starts kernels that come later too. */
static int plan_plain(const struct boot_facts *facts, const struct stub *stub,
		      const struct boot_change *change, struct plan *plan, struct err *e)
{
	struct bls_own own = { .title = "without passthru" };
	struct bls_entry *current;
	struct bls_list list;
	int error = read_entries(facts, stub, &list, &current, e);

	if (error < 0)
		return error;
	bls_drop_trial(facts, &list, change, plan);
	for (size_t i = 0; i < list.n; i++) {
		if (strstr(list.entries[i].name, BOOTLOADER_PLAIN_ENTRY))
			return 0;
	}
	const char *name = bls_last_name(facts->arena, &list, BOOTLOADER_PLAIN_ENTRY);
	if (!name)
		return boot_unsupported(e, "an entry of this program would not stand behind all "
					   "others in the menu, and might be started by itself");
	own.from = current;
	own.options = bls_without_words(facts, current->options ? current->options : "",
					&change->words, e);
	if (!own.options)
		return err_wrap(e, -EOPNOTSUPP, "%s", current->path);
	plan_file(facts->arena, plan, "an entry without the words, the last one of the menu",
		  arena_printf(facts->arena, "%s/loader/entries/%s.conf", stub->esp, name),
		  bls_make(facts->arena, BLS_SYSTEMD, &own), 0);
	return 0;
}

/*
 * The names on the ESP do not say which kernel it is: the bytes do. The trial's image must not
 * meet another kernel.
 */
static int trial(const struct boot_setup *boot, const struct boot_change *change, struct plan *plan,
		 struct err *e)
{
	const struct boot_facts *facts = &boot->facts;
	struct root *root = facts->host->root;
	char installed[SHA256_TEXT], copied[SHA256_TEXT];
	struct bls_entry *current;
	struct bls_list list;
	const char *file;
	int error = read_entries(facts, boot->chosen->data, &list, &current, e);

	if (error == 0)
		error = systemd_boot_ready(facts, &list, e);
	if (error < 0)
		return error;
	if (!change->kernel->vmlinuz || !current->kernel ||
	    root_digest(root, change->kernel->vmlinuz, installed) < 0 ||
	    root_digest(root, bls_file(facts, current, current->kernel), copied) < 0 ||
	    !str_eq(installed, copied))
		return boot_unsupported(e,
					"%s does not start the kernel %s: restart into the newest "
					"kernel first",
					current->path, change->kernel->release);
	current->version = change->kernel->release;
	error = bls_trial(facts, &list, change, plan, &file, e);
	if (error == 0)
		systemd_boot_once(facts, plan, file);
	return error;
}

static int permanent(const struct boot_setup *boot, const struct boot_change *change,
		     struct plan *plan, struct err *e)
{
	static const struct edit_place place = { .format = EDIT_KERNELSTUB };
	const struct boot_facts *facts = &boot->facts;
	const struct stub *stub = boot->chosen->data;
	struct arena *a = facts->arena;
	struct wanted *wanted = arena_alloc(a, sizeof(*wanted));
	int error = plan_plain(facts, stub, change, plan, e);

	if (error == 0)
		error = boot_edit_in(facts, plan, "kernelstub's options", CONFIGURATION, &place,
				     &change->words, e);
	if (error < 0)
		return error;
	*wanted = (struct wanted){ .stub = stub, .words = change->words };
	struct step *step =
		plan_step(a, plan, STEP_COMMAND, "kernelstub copies the images and writes entries");
	step->argv = text_list(a, "kernelstub", NULL);
	step->writes = written_texts(facts, stub);
	step->regenerate = step->argv;
	step->trace = change->words.n > 0 ? change->words.name[0] : NULL;
	step->proof = is_written;
	step->data = wanted;
	/* the same once more, because words are not looked for in its copies when they are made
	 * anew */
	step = plan_step(a, plan, STEP_COMMAND, "what it copies is the same again");
	step->argv = text_list(a, "kernelstub", NULL);
	step->writes = written_copies(facts, stub);
	step->regenerate = step->argv;
	return 0;
}

const struct bootloader bootloader_kernelstub = {
	.name = "kernelstub",
	.title = "Pop!_OS (kernelstub)",
	.detect = detect,
	.trial = trial,
	.permanent = permanent,
};
