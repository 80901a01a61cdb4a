// SPDX-License-Identifier: MIT
// What is set up, as it is kept: a text of one key and one value a line, the first line the
// version, as in the file of reserved functions. A line that is not understood is an error and not
// left out: words that are taken back have to be those that were given.

#include "base/text.h"
#include "host/host.h"
#include "setup/internal.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define HEADER "passthru-setup 1"
#define WORDS_MAX 64

/* ---- writing ---- */

struct bytes record_text(struct arena *a, const struct setup_record *record)
{
	const char *text = arena_printf(a, HEADER "\nphase %s\n",
					record->phase == SETUP_TRIAL ? "trial" : "permanent");

	if (record->kernel)
		text = arena_printf(a, "%skernel %s\n", text, record->kernel);
	text = arena_printf(a, "%sconfirm %s\n", text, record->confirm_auto ? "auto" : "ask");
	if (record->limit_s)
		text = arena_printf(a, "%slimit %u\n", text, record->limit_s);
	for (size_t i = 0; i < record->words.n; i++)
		text = arena_printf(a, "%sword %s\n", text, record->words.name[i]);
	for (size_t i = 0; i < record->trial_words.n; i++)
		text = arena_printf(a, "%strial-word %s\n", text, record->trial_words.name[i]);
	return (struct bytes){ text, strlen(text) };
}

/* ---- reading ---- */

static bool add_word(struct arena *a, struct names *words, const char *value)
{
	if (!words->name)
		words->name = arena_array(a, WORDS_MAX, sizeof(*words->name));
	if (words->n == WORDS_MAX)
		return false;
	words->name[words->n++] = value;
	return true;
}

static bool read_phase(const char *value, enum setup_phase *ret)
{
	*ret = str_eq(value, "trial") ? SETUP_TRIAL : SETUP_PERMANENT;
	return *ret == SETUP_TRIAL || str_eq(value, "permanent");
}

static bool read_limit(const char *value, unsigned *ret_s)
{
	uint64_t seconds;

	if (*ret_s || text_number(value, 10, UINT32_MAX, &seconds) < 0)
		return false;
	*ret_s = (unsigned)seconds;
	return seconds > 0;
}

/* Each key but those of words stands there once at most. */
static bool read_line(struct arena *a, const char *key, const char *value, struct setup_record *ret,
		      bool *ret_confirm)
{
	if (str_eq(key, "phase"))
		return ret->phase == SETUP_NONE && read_phase(value, &ret->phase);
	if (str_eq(key, "kernel") && !ret->kernel) {
		ret->kernel = value;
		return true;
	}
	if (str_eq(key, "confirm") && !*ret_confirm) {
		*ret_confirm = true;
		ret->confirm_auto = str_eq(value, "auto");
		return ret->confirm_auto || str_eq(value, "ask");
	}
	if (str_eq(key, "limit"))
		return read_limit(value, &ret->limit_s);
	if (str_eq(key, "word"))
		return add_word(a, &ret->words, value);
	if (str_eq(key, "trial-word"))
		return add_word(a, &ret->trial_words, value);
	return false;
}

static int parse(struct arena *a, const char *text, struct setup_record *ret, struct err *e)
{
	const char *rest = text, *line;
	bool has_confirm = false;
	size_t n, number = 1;

	if (!text_next_line(&rest, &line, &n) || n != strlen(HEADER) ||
	    memcmp(line, HEADER, n) != 0)
		return err_fail(e, -EPROTONOSUPPORT,
				"%s does not begin with '" HEADER "': it is of another version of "
				"this program, or damaged",
				SETUP_FILE);
	while (text_next_line(&rest, &line, &n)) {
		const char *copy = arena_strndup(a, line, n), *end = copy;
		const char *key = text_next_word(a, &end), *value = text_next_word(a, &end);

		number++;
		if (!key || !value || text_next_word(a, &end) || strlen(copy) != n ||
		    !read_line(a, key, value, ret, &has_confirm))
			return err_fail(e, -EBADMSG, "%s: line %zu is not understood: %.80s",
					SETUP_FILE, number, copy);
	}
	if (ret->phase == SETUP_NONE || !has_confirm || ret->words.n == 0)
		return err_fail(e, -EBADMSG, "%s is damaged: it has no %s", SETUP_FILE,
				ret->phase == SETUP_NONE ? "phase"
				: has_confirm            ? "words"
							 : "word on confirming");
	return 0;
}

int setup_record_read(struct host *host, struct setup_record *ret, struct err *e)
{
	struct bytes text;
	int error = root_read(host->root, &host->arena, SETUP_FILE, &text);

	*ret = (struct setup_record){ 0 };
	if (error == -ENOENT)
		return 0;
	if (error < 0)
		return err_io(e, error, "reading %s", SETUP_FILE);
	if (strlen(text.data) != text.n)
		return err_fail(e, -EBADMSG, "%s is damaged: it is no text", SETUP_FILE);
	return parse(&host->arena, text.data, ret, e);
}

bool record_driver_is_first(const struct setup_target *target, size_t i)
{
	for (size_t k = 0; k < i; k++) {
		if (kernel_same_name(target->records[k].driver, target->records[i].driver))
			return false;
	}
	return true;
}

/* ---- what is set up ---- */

static bool touches_record(const struct change_info *change)
{
	for (size_t i = 0; i < change->paths.n; i++) {
		if (str_eq(change->paths.name[i], SETUP_FILE))
			return true;
	}
	return false;
}

static int check_interrupted(const struct change_list *list, struct err *e)
{
	for (size_t i = 0; i < list->n; i++) {
		const struct change_info *change = &list->changes[i];

		if (change->state == CHANGE_APPLYING || change->state == CHANGE_UNDOING)
			return err_refuse(
				e,
				"change %u (%s) was interrupted, or is under way: "
				"'passthru undo' takes it back, and 'passthru setup' does "
				"so before it begins",
				change->number, change->title);
	}
	return 0;
}

/* The last of the changes of a trial is what the next boot is to be like. */
static int armed_in_this_boot(struct host *host, const struct change_list *list,
			      const struct change_info *trial)
{
	const struct change_info *last = trial;

	for (size_t i = 0; i < list->n; i++) {
		if (change_goes_with(list, &list->changes[i], trial))
			last = &list->changes[i];
	}
	return change_of_this_boot(host, last);
}

static int read_numbers(struct host *host, struct setup_state *ret, struct err *e)
{
	const struct change_info *last = NULL;
	struct change_list list;
	int error = change_history(host, &list, e);

	/* a record of a host has no journal in it, and ordinary users may not read it */
	if (error == -ENODATA || error == -EACCES)
		return 0;
	if (error == 0)
		error = check_interrupted(&list, e);
	for (size_t i = 0; error == 0 && i < list.n; i++) {
		const struct change_info *change = &list.changes[i];

		if ((change->state == CHANGE_APPLIED || change->state == CHANGE_CONFIRMED) &&
		    touches_record(change))
			last = change;
	}
	if (error < 0 || !last || ret->phase == SETUP_NONE)
		return error;
	if (ret->phase == SETUP_TRIAL) {
		ret->trial = last->number;
		ret->armed_in_this_boot = armed_in_this_boot(host, &list, last);
	} else {
		ret->permanent = last->number;
		ret->trial = last->continues;
	}
	return 0;
}

static int read_devices(struct host *host, struct setup_state *ret, struct err *e)
{
	struct reserve_file file = {
		.records = arena_array(&host->arena, RESERVE_MAX, sizeof(*file.records)),
		.problems = arena_array(&host->arena, 1, sizeof(*file.problems)),
		.max_problems = 1,
	};
	struct bytes text;
	int error = root_read_max(host->root, &host->arena, RESERVE_FILE, RESERVE_BYTES_MAX, &text);

	if (error == 0)
		error = reserve_parse(text.data, text.n, &file);
	if (error < 0)
		return err_io(e, error, "reading %s, which belongs to %s", RESERVE_FILE,
			      SETUP_FILE);
	if (file.n_problems > 0)
		return err_fail(e, -EBADMSG, "%s: line %u is not understood: %s", RESERVE_FILE,
				file.problems[0].line, file.problems[0].what);
	ret->records = file.records;
	ret->n_records = file.n_records;
	return 0;
}

static bool has_word(const struct kernel_facts *kernel, const char *word)
{
	const char *equals = strchr(word, '=');
	char name[64];

	snprintf(name, sizeof(name), "%.*s", (int)(equals - word), word);
	const struct kernel_parameter *last = kernel_parameter_last(kernel, name);
	return last && last->value && str_eq(last->value, equals + 1);
}

int setup_read(struct host *host, struct setup_state *ret, struct err *e)
{
	struct kernel_facts kernel;
	struct setup_record record;
	int error = setup_record_read(host, &record, e);

	*ret = (struct setup_state){ .phase = record.phase,
				     .words = record.words,
				     .kernel = record.phase == SETUP_TRIAL ? record.kernel : NULL,
				     .confirm_auto = record.confirm_auto,
				     .limit_s = record.limit_s,
				     .armed_in_this_boot = -ENODATA };
	if (error == 0)
		error = read_numbers(host, ret, e);
	host_read_kernel(host, &kernel);
	if (root_is_live(host->root) && kernel.command_line.error == 0) {
		ret->booted = has_word(&kernel, SETUP_SWITCH);
		ret->booted_trial = ret->booted && ret->phase == SETUP_TRIAL &&
				    ret->armed_in_this_boot != 1 &&
				    has_word(&kernel, BOOTLOADER_TRIAL_WORD);
	}
	if (error == 0 && record.phase != SETUP_NONE)
		error = read_devices(host, ret, e);
	return error;
}

bool setup_trial_is_replaced(struct host *host, const struct setup_state *state)
{
	const struct kernel_facts *kernels = &host->facts->kernel;
	struct initramfs_setup images;

	if (!state->kernel)
		return false;
	initramfs_read_setup(host->root, &host->arena, kernels, &images);
	if (images.n_candidates == 0)
		image_plain_kernels(host, kernels, &images);
	for (size_t i = 0; i < images.n_kernels; i++) {
		if (str_eq(images.kernels[i].release, state->kernel))
			return !images.kernels[i].vmlinuz;
	}
	return images.n_kernels > 0;
}
