// SPDX-License-Identifier: MIT
// Systems that are deployed whole: rpm-ostree and bootc. Their entries look like those of the Boot
// Loader Specification and belong to the deployments; the one before stays in the menu as the way
// back. GRUB's own scripts tell them by the same two files (10_linux of Fedora's grub2).
//
// Words are kernel arguments of the next deployment: `rpm-ostree kargs` makes one without a change
// of the system (rpmostree-builtin-kargs.cxx). Undo deletes exactly those that were not there
// before. That is no going back byte for byte, it is a third deployment, and is said.
//
// The initramfs is part of the image that is deployed, so the early helper is in it only when who
// built the image has put it there, or its dracut module is in the deployment and the host makes
// its own (rpm-ostree initramfs --enable). It is opened: without the helper the words would reserve
// nothing, and are not set.

#include "base/run.h"
#include "base/text.h"
#include "bootloader/menu.h"
#include "host/host.h"
#include "reserve/reserve.h"

#include <errno.h>
#include <string.h>

#define ENTRIES "boot/loader/entries"
#define ANSWER_MAX ((size_t)64 * 1024)
#define ANSWER_LIMIT_MS 60000

/* ---- detecting ---- */

static void detect(const struct boot_facts *facts, struct bootloader_candidate *ret)
{
	static const char *const signs[] = { "run/ostree-booted", "ostree/repo", NULL };
	const char *sign = boot_first(facts, signs), *tool = boot_program(facts, "rpm-ostree");

	if (!sign)
		return;
	boot_evidence(facts, ret, "%s exists", sign);
	if (!tool)
		tool = boot_program(facts, "bootc");
	if (tool)
		boot_evidence(facts, ret, "%s is installed", tool);
	ret->manages = true;
	/* without either tool nothing can be said of how its deployments are made */
	ret->counts = tool != NULL;
	ret->seen = true;
	ret->data = tool;
}

static bool is_rpm_ostree(const struct boot_setup *boot)
{
	const char *tool = boot->chosen->data;

	return tool && str_eq(text_last_part(tool), "rpm-ostree");
}

/* ---- the image that the next boot gets ---- */

static const char *entry_value(struct arena *a, struct bytes text, const char *key)
{
	const char *rest = text.data, *line;
	size_t n, length = strlen(key);

	while (text_next_line(&rest, &line, &n)) {
		if (n > length && strncmp(line, key, length) == 0 && strchr(" \t", line[length])) {
			line += length;
			return arena_strndup(a, line + strspn(line, " \t"),
					     n - length - strspn(line, " \t"));
		}
	}
	return NULL;
}

/* Of the entries the one with the highest version is the default (ostree-bootconfig). */
static const char *default_image(const struct boot_facts *facts)
{
	struct arena *a = facts->arena;
	const char *found = NULL;
	uint64_t highest = 0;
	struct names entries;

	if (boot_entries(facts, ENTRIES, ".conf", &entries, NULL) < 0)
		return NULL;
	for (size_t i = 0; i < entries.n; i++) {
		struct bytes text;
		uint64_t version;

		if (!str_starts(text_last_part(entries.name[i]), "ostree") ||
		    boot_read(facts, entries.name[i], &text, NULL) < 0)
			continue;
		const char *number = entry_value(a, text, "version");
		const char *initrd = entry_value(a, text, "initrd");
		if (!number || !initrd || text_number(number, 10, UINT32_MAX, &version) < 0 ||
		    version < highest)
			continue;
		highest = version;
		initrd += strspn(initrd, "/");
		const char *below = arena_concat(a, "boot/", initrd);
		found = boot_has(facts, below) ? below : initrd;
	}
	return found;
}

/* Whether the helper's list is in it; with @wanted, with exactly these bytes. */
static int check_image(const struct boot_facts *facts, const struct bytes *wanted, struct err *e)
{
	const char *path = default_image(facts);
	CLEANUP_INITRAMFS struct initramfs_image *image = NULL;

	if (!path)
		return boot_unsupported(e,
					"no entry of " ENTRIES " names the initramfs of the next "
					"deployment");
	int error = initramfs_open(facts->host->root, path, &image, e);
	if (error < 0)
		return error;
	if (!initramfs_find(image, RESERVE_FILE))
		return boot_unsupported(e, "%s is without the early helper", path);
	if (!wanted)
		return 0;
	struct initramfs_expected expected = { .path = RESERVE_FILE, .content = *wanted };
	error = initramfs_compare(image, &expected, 1, e);
	if (error == 0 && expected.same != INITRAMFS_SAME)
		error = boot_unsupported(e, "%s has another " RESERVE_FILE " in it", path);
	return error;
}

/* ---- arguments ---- */

struct answer {
	char text[ANSWER_MAX];
	size_t n;
};

static void take(void *closure, const char *data, size_t n)
{
	struct answer *answer = closure;

	/* longer than any command line: the rest is not looked at */
	if (n > sizeof(answer->text) - 1 - answer->n)
		n = sizeof(answer->text) - 1 - answer->n;
	memcpy(answer->text + answer->n, data, n);
	answer->n += n;
}

/* Of the deployment that boots next. */
static int read_arguments(struct arena *a, const char **ret, struct err *e)
{
	static const char *const argv[] = { "rpm-ostree", "kargs", NULL };
	struct answer *answer = arena_alloc(a, sizeof(*answer));

	*ret = answer->text;
	return run_read_within(argv, ANSWER_LIMIT_MS, take, answer, e);
}

static int has_arguments(struct host *host, const struct step *step, const char *path,
			 struct err *e)
{
	const struct names *words = step->data;
	const char *line;
	int error = read_arguments(&host->arena, &line, e);

	(void)path;
	for (size_t i = 0; error == 0 && i < words->n; i++) {
		if (boot_count_word(&host->arena, line, words->name[i]) == 0)
			error = err_fail(e, -EIO, "the next deployment is without %s",
					 words->name[i]);
	}
	return error;
}

/* A pair of the same word twice cannot be said to a tool that adds what is missing. */
static int refuse_twice(const char *word, struct err *e)
{
	return boot_unsupported(e, "rpm-ostree cannot set %s twice", word);
}

static int check_words(const struct names *words, struct err *e)
{
	for (size_t i = 0; i < words->n; i++) {
		for (size_t k = 0; k < i; k++) {
			if (str_eq(words->name[i], words->name[k]))
				return refuse_twice(words->name[i], e);
		}
	}
	return 0;
}

static const char *const *command(struct arena *a, const char *option, const struct names *words)
{
	const char **argv = arena_array(a, words->n + 3, sizeof(*argv));

	argv[0] = "rpm-ostree";
	argv[1] = "kargs";
	for (size_t i = 0; i < words->n; i++)
		argv[i + 2] = arena_concat(a, option, words->name[i]);
	return argv;
}

static int permanent(const struct boot_setup *boot, const struct boot_change *change,
		     struct plan *plan, struct err *e)
{
	const struct boot_facts *facts = &boot->facts;
	struct arena *a = facts->arena;
	struct names *missing = arena_alloc(a, sizeof(*missing));
	struct bytes devices;
	const char *line = "";

	if (!facts->live || !is_rpm_ostree(boot))
		return boot_unsupported(e, "the arguments of a deployment are set by rpm-ostree on "
					   "the running system");
	int error = check_words(&change->words, e);
	if (error == 0)
		error = boot_planned(facts, plan, RESERVE_FILE, &devices, e);
	if (error == 0)
		error = check_image(facts, &devices, e);
	if (error == 0)
		error = read_arguments(a, &line, e);
	if (error < 0)
		return error;
	*missing = boot_missing(a, line, &change->words);
	/* one that stands there in another pair */
	for (size_t i = 0; i < missing->n; i++) {
		if (boot_count_word(a, line, missing->name[i]) > 0)
			return refuse_twice(missing->name[i], e);
	}
	if (missing->n == 0)
		return 0;
	struct step *step = plan_step(a, plan, STEP_COMMAND,
				      "a deployment with the words, for the next boot on");
	step->argv = command(a, "--append-if-missing=", missing);
	step->takes_back = command(a, "--delete-if-present=", missing);
	step->proof = has_arguments;
	step->data = missing;
	plan_note(a, plan, NOTE_NEXT_BOOT,
		  "the deployment before stays in the boot menu, without the words; undo makes a "
		  "new one without them");
	return 0;
}

static int trial(const struct boot_setup *boot, const struct boot_change *change, struct plan *plan,
		 struct err *e)
{
	(void)boot, (void)change, (void)plan;
	return boot_unsupported(e, "a deployment is not used for one boot only: the one before is "
				   "chosen in the boot menu, or by rpm-ostree rollback");
}

/* Each word between @before and @behind. */
static const char *quoted(struct arena *a, const char *words, const char *before,
			  const char *behind)
{
	const char *text = "", *word;

	while ((word = text_next_word(a, &words)))
		text = arena_printf(a, "%s%s%s%s", text, before, word, behind);
	return text;
}

static const char *by_hand(const struct boot_setup *boot, const struct boot_change *change)
{
	struct arena *a = boot->facts.arena;
	const char *words = menu_words_by_hand(a, change);
	struct err why = { 0 };

	if (!is_rpm_ostree(boot))
		return arena_printf(
			a,
			"bootc has no arguments of a single machine: they belong to the image that "
			"is\n"
			"deployed. Its /usr/lib/bootc/kargs.d/50-passthru.toml would be:\n"
			"  kargs = [%s ]\n"
			"To go back to the deployment before:\n"
			"  bootc rollback\n"
			"%s",
			quoted(a, words, " \"", "\","), menu_devices_by_hand(a, change));
	if (check_image(&boot->facts, NULL, &why) == 0)
		return NULL;
	return arena_printf(
		a,
		"The initramfs comes with the deployed image, and nothing reserves devices before\n"
		"their drivers in it:\n"
		"  %s\n"
		"Set the words for the next deployment:\n"
		"  rpm-ostree kargs%s\n"
		"and to take them back:\n"
		"  rpm-ostree kargs%s\n"
		"Leave out those that rpm-ostree kargs shows already. The deployment before stays\n"
		"in the boot menu; rpm-ostree rollback goes back to it. For ids (below), the word\n"
		"rd.driver.pre=vfio_pci is needed too, and takes effect where the image has the\n"
		"module (lsinitrd shows it). An image with the helper inside is made by who\n"
		"builds it, or by rpm-ostree initramfs --enable where its dracut module is part\n"
		"of the deployment; then passthru setup sets the words itself.\n"
		"%s",
		why.text, quoted(a, words, " --append-if-missing=", ""),
		quoted(a, words, " --delete-if-present=", ""), menu_devices_by_hand(a, change));
}

const struct bootloader bootloader_ostree = {
	.name = "ostree",
	.title = "rpm-ostree or bootc",
	.detect = detect,
	.trial = trial,
	.permanent = permanent,
	.by_hand = by_hand,
};
