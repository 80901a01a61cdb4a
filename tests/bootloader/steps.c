// SPDX-License-Identifier: MIT
// What the program would do with the boot loader of a tree, as JSON, for tests that do it with the
// real generators.
//
// usage: steps ROOT detect
//        steps ROOT trial|permanent RELEASE IMAGE|- WORD... [-- TRIAL-WORD...]
//        steps / apply-trial|apply-permanent ...    does it, by the engine, where it runs
//        steps / undo                               takes the last change back
// answer: {"chosen": S|null, "refusal": S|null, "candidates": [{name, counts, seen, evidence}],
//          "error": S, "result": N, "steps": [{...}], "notes": [S...]}
// IMAGE is that of the trial, or that of the entry without the words. Each step that is a command
// says what its proof says of the file that is there ("holds") and of its output ("made").

#include "bootloader/bootloader.h"
#include "host/host.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

static json_t *list_of(const char *const *strings)
{
	json_t *list = json_array();

	for (; strings && *strings; strings++)
		json_array_append_new(list, json_string(*strings));
	return list;
}

static json_t *names_of(const struct names *names)
{
	json_t *list = json_array();

	for (size_t i = 0; i < names->n; i++)
		json_array_append_new(list, json_string(names->name[i]));
	return list;
}

static void set_text(json_t *to, const char *key, const char *text)
{
	json_object_set_new(to, key, text ? json_string(text) : json_null());
}

static const char *proved(struct host *host, const struct step *step, const char *path)
{
	struct err e = { 0 };
	int error = step->proof(host, step, path, &e);

	return error < 0 ? arena_strdup(&host->arena, e.text) : "yes";
}

static json_t *step_of(struct host *host, const struct step *step)
{
	json_t *to = json_object();

	set_text(to, "why", step->why);
	if (step->kind == STEP_FILE) {
		set_text(to, "path", step->path);
		json_object_set_new(to, "absent", json_boolean(step->absent));
		json_object_set_new(to, "mode", json_integer(step->mode));
		if (!step->absent)
			json_object_set_new(to, "content",
					    json_stringn(step->content.data, step->content.n));
		return to;
	}
	json_object_set_new(to, "argv", list_of(step->argv));
	json_object_set_new(to, "writes", list_of(step->writes));
	json_object_set_new(to, "regenerate", list_of(step->regenerate));
	set_text(to, "trace", step->trace);
	set_text(to, "output", step->output);
	set_text(to, "becomes", step->becomes);
	if (step->proof) {
		set_text(to, "holds", proved(host, step, step->becomes));
		set_text(to, "made", step->output ? proved(host, step, step->output) : NULL);
	}
	return to;
}

static void describe(json_t *answer, const struct boot_setup *boot)
{
	json_t *list = json_array();

	set_text(answer, "chosen", boot->chosen ? boot->chosen->loader->name : NULL);
	set_text(answer, "refusal", boot->refusal);
	for (size_t i = 0; i < boot->n_candidates; i++) {
		const struct bootloader_candidate *c = &boot->candidates[i];
		json_t *one = json_object();

		set_text(one, "name", c->loader->name);
		json_object_set_new(one, "counts", json_boolean(c->counts));
		json_object_set_new(one, "seen", json_boolean(c->seen));
		json_object_set_new(one, "evidence", names_of(&c->evidence));
		json_array_append_new(list, one);
	}
	json_object_set_new(answer, "candidates", list);
}

/* Of a host without a generator, as the setup makes one up. */
static const struct initramfs_kernel *
find_kernel(struct arena *a, const struct initramfs_setup *setup, const char *release)
{
	struct initramfs_kernel *plain = arena_alloc(a, sizeof(*plain));

	for (size_t i = 0; i < setup->n_kernels; i++) {
		if (strcmp(setup->kernels[i].release, release) == 0)
			return &setup->kernels[i];
	}
	plain->release = release;
	plain->vmlinuz = arena_concat(a, "boot/vmlinuz-", release);
	return plain;
}

/* Does the plan, or takes back what was done last. */
static void do_or_undo(json_t *answer, struct host *host, const struct plan *steps)
{
	struct change_session session;
	struct err e = { 0 };
	unsigned number = 0;
	int result = change_open(host, NULL, &session, &e);

	if (result == 0 && steps)
		result = change_apply(&session, steps, "a test", &number, &e);
	else if (result == 0)
		result = change_undo(&session, 0, NULL, &number, &e);
	change_close(&session);
	json_object_set_new(answer, "result", json_integer(result));
	json_object_set_new(answer, "number", json_integer(number));
	set_text(answer, "error", result < 0 ? e.text : NULL);
}

static void plan(json_t *answer, const struct boot_setup *boot, char **args, bool apply)
{
	struct host *host = boot->facts.host;
	struct boot_change change = { 0 };
	struct plan steps = { 0 };
	struct err e = { 0 };
	bool trial = strcmp(args[0], "trial") == 0, behind = false;
	const char *image = strcmp(args[2], "-") == 0 ? NULL : args[2];

	change.kernel = find_kernel(&host->arena, boot->facts.initramfs, args[1]);
	*(trial ? &change.trial_image : &change.plain_image) = image;
	change.words.name = arena_array(&host->arena, 64, sizeof(char *));
	change.trial_words.name = arena_array(&host->arena, 64, sizeof(char *));
	for (char **word = args + 3; *word; word++) {
		struct names *to = behind ? &change.trial_words : &change.words;

		if (strcmp(*word, "--") == 0)
			behind = true;
		else if (to->n < 64)
			to->name[to->n++] = *word;
	}
	int result = trial ? bootloader_trial(boot, &change, &steps, &e)
			   : bootloader_permanent(boot, &change, &steps, &e);
	json_object_set_new(answer, "result", json_integer(result));
	set_text(answer, "error", result < 0 ? e.text : NULL);
	json_t *list = json_array(), *notes = json_array();
	for (size_t i = 0; result == 0 && i < steps.n_steps; i++)
		json_array_append_new(list, step_of(host, &steps.steps[i]));
	for (size_t i = 0; i < steps.n_notes; i++)
		json_array_append_new(notes, json_string(steps.notes[i].text));
	json_object_set_new(answer, "steps", list);
	json_object_set_new(answer, "notes", notes);
	if (result == 0 && apply)
		do_or_undo(answer, host, &steps);
}

int main(int argc, char **argv)
{
	struct kernel_facts kernels;
	struct initramfs_setup initramfs;
	struct boot_setup boot;
	struct host host;
	struct root *root;
	struct err e = { 0 };

	if (argc < 3) {
		fprintf(stderr, "usage: steps ROOT detect|trial|permanent|undo ...\n");
		return 2;
	}
	bool apply = strncmp(argv[2], "apply-", 6) == 0, undo = strcmp(argv[2], "undo") == 0;
	argv[2] += apply ? 6 : 0;
	if ((apply || undo ? root_open_live(&root, &e) : root_open(argv[1], &root, &e)) < 0) {
		fprintf(stderr, "%s\n", e.text);
		return 2;
	}
	host_init(&host, root);
	host_read_kernel(&host, &kernels);
	initramfs_read_setup(host.root, &host.arena, &kernels, &initramfs);
	bootloader_read(&host, &kernels, &initramfs, &boot);
	json_t *answer = json_object();
	describe(answer, &boot);
	if (undo)
		do_or_undo(answer, &host, NULL);
	else if (argc > 4)
		plan(answer, &boot, argv + 2, apply);
	json_dumpf(answer, stdout, JSON_INDENT(1) | JSON_SORT_KEYS);
	putchar('\n');
	json_decref(answer);
	host_done(&host);
	return 0;
}
