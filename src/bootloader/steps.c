// SPDX-License-Identifier: MIT
// The usual steps of a plan for a boot loader. What a file will hold is asked of the plan first: a
// step behind another one on the same file goes on from what that one leaves.

#include "base/text.h"
#include "bootloader/internal.h"
#include "host/host.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int boot_unsupported(struct err *e, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	if (e) {
		e->kind = ERR_REFUSED;
		vsnprintf(e->text, sizeof(e->text), format, args);
	}
	va_end(args);
	return -EOPNOTSUPP;
}

void bootloader_runs(struct step *step, struct initramfs_commands commands)
{
	step->argv = commands.argv;
	step->first = commands.first;
	step->staged = commands.staged;
}

int boot_planned(const struct boot_facts *facts, const struct plan *plan, const char *path,
		 struct bytes *ret, struct err *e)
{
	for (size_t i = plan->n_steps; i-- > 0;) {
		const struct step *step = &plan->steps[i];

		if (step->kind != STEP_FILE || !str_eq(step->path, path))
			continue;
		if (step->absent)
			return err_io(e, -ENOENT, "reading %s", path);
		*ret = step->content;
		return 0;
	}
	return boot_read(facts, path, ret, e);
}

int boot_edit_in(const struct boot_facts *facts, struct plan *plan, const char *why,
		 const char *path, const struct edit_place *place, const struct names *words,
		 struct err *e)
{
	struct bytes text;
	struct edit edit;
	int error = boot_planned(facts, plan, path, &text, e);

	if (error < 0)
		return error;
	error = edit_add(facts->arena, text, place, words, &edit, e);
	if (error < 0)
		return err_wrap(e, error, "%s", path);
	plan_file(facts->arena, plan, why, path, edit.text, 0);
	return 0;
}

int boot_edit_out(const struct boot_facts *facts, struct plan *plan, const char *why,
		  const char *path, const struct edit_place *place, const struct names *words,
		  struct err *e)
{
	struct bytes text, without;
	int error = boot_planned(facts, plan, path, &text, e);

	if (error < 0)
		return error;
	error = edit_remove(facts->arena, text, place, words, &without, e);
	if (error < 0)
		return err_wrap(e, error, "%s", path);
	if (without.n != text.n || memcmp(without.data, text.data, text.n) != 0)
		plan_file(facts->arena, plan, why, path, without, 0);
	return 0;
}

const char *boot_absolute(struct arena *a, const char *path)
{
	return arena_concat(a, "/", path);
}

struct names boot_trial_words(struct arena *a, const struct boot_change *change)
{
	size_t n = change->words.n, m = change->trial_words.n;
	struct names all = { arena_array(a, n + m, sizeof(*all.name)), n + m };

	if (n > 0)
		memcpy(all.name, change->words.name, n * sizeof(*all.name));
	if (m > 0)
		memcpy(all.name + n, change->trial_words.name, m * sizeof(*all.name));
	return all;
}

static char as_in_names(char c)
{
	return c == '-' ? '_' : c;
}

static bool same_word(const char *a, const char *b)
{
	bool in_name = true;

	for (; *a && *b; a++, b++) {
		in_name = in_name && *a != '=';
		if (in_name ? as_in_names(*a) != as_in_names(*b) : *a != *b)
			return false;
	}
	return *a == *b;
}

unsigned boot_count_word(struct arena *a, const char *line, const char *word)
{
	struct kernel_parameter *parameters;
	unsigned count = 0;
	size_t n;

	kernel_parse_command_line(a, line, &parameters, &n);
	for (size_t i = 0; i < n; i++)
		count += same_word(parameters[i].text, word);
	return count;
}

struct names boot_missing(struct arena *a, const char *line, const struct names *words)
{
	struct kernel_parameter *parameters;
	struct names missing = { 0 };
	size_t n;

	kernel_parse_command_line(a, line, &parameters, &n);
	for (size_t i = 0, unit; i < words->n; i += unit) {
		bool stands = false;

		unit = edit_is_pair(words, i) ? 2 : 1;
		for (size_t k = 0; !stands && k + unit <= n; k++)
			stands = same_word(parameters[k].text, words->name[i]) &&
				 (unit == 1 ||
				  same_word(parameters[k + 1].text, words->name[i + 1]));
		for (size_t k = 0; !stands && k < unit; k++)
			boot_name_add(a, &missing, words->name[i + k]);
	}
	return missing;
}
