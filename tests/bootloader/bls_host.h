/* SPDX-License-Identifier: MIT */
/* A running host in a directory, for boot loaders that have entries: files, firmware variables,
 * and what a plan does to them. */
#pragma once

#include "base/root_dir.h"
#include "base/text.h"
#include "bootloader/bls.h"
#include "host/host.h"
#include "tests/unit/temporary.h"

#define VARIABLES "sys/firmware/efi/efivars/"
#define VENDOR "-4a67b082-0a4c-41cf-b6c7-440b29bb8c4f"

static struct temporary top;
static struct host host;
static struct kernel_facts kernels;
static struct initramfs_setup generator;
static struct boot_setup boot;
static struct boot_change change;
static struct plan plan;
static struct err e;

static inline int bls_start(void **state)
{
	struct root *root;

	(void)state;
	assert_int_equal(temporary_make(&top), 0);
	assert_int_equal(root_dir_open(top.path, true, &root, &e), 0);
	host_init(&host, root);
	generator = (struct initramfs_setup){ 0 };
	change = (struct boot_change){ 0 };
	plan = (struct plan){ 0 };
	return 0;
}

static inline int bls_stop(void **state)
{
	(void)state;
	host_done(&host);
	return temporary_remove(&top);
}

#define BLS_TEST(test) cmocka_unit_test_setup_teardown(test, bls_start, bls_stop)

static inline void has(const char *path, const char *text)
{
	temporary_file(&top, path, text);
}

static inline void has_variable(const char *name, const char *text)
{
	char data[256] = { 7 };
	size_t n = strlen(text);

	for (size_t i = 0; i < n; i++)
		data[4 + 2 * i] = text[i];
	temporary_bytes(&top, arena_printf(&host.arena, VARIABLES "%s" VENDOR, name), data,
			4 + 2 * (n + 1));
}

static inline void gone(const char *path)
{
	assert_int_equal(remove(temporary_path(&top, path)), 0);
}

static inline const char *text_of(const char *path)
{
	struct bytes text;
	int error = root_read_max(host.root, &host.arena, path, (size_t)1 << 20, &text);

	return error < 0 ? NULL : text.data;
}

/* Adds an installed kernel; its image and vmlinuz are made. */
static inline struct initramfs_kernel *has_kernel(const char *release, const char *vmlinuz,
						  const char *image)
{
	struct initramfs_kernel *more =
		arena_array(&host.arena, generator.n_kernels + 1, sizeof(*more));

	if (generator.n_kernels > 0)
		memcpy(more, generator.kernels, generator.n_kernels * sizeof(*more));
	more[generator.n_kernels] = (struct initramfs_kernel){
		.release = release, .vmlinuz = vmlinuz, .image = image, .image_exists = true
	};
	has(vmlinuz, "kernel");
	has(image, arena_printf(&host.arena, "image of %s", release));
	generator.kernels = more;
	return &more[generator.n_kernels++];
}

static inline void read_boot(void)
{
	host_read_kernel(&host, &kernels);
	bootloader_read(&host, &kernels, &generator, &boot);
}

static inline void chosen(const char *name)
{
	read_boot();
	if (!boot.chosen)
		fail_msg("%s", boot.refusal);
	assert_string_equal(boot.chosen->loader->name, name);
}

static inline struct names words_of(const char *text)
{
	struct names words = { 0 };
	const char *word;

	while ((word = text_next_word(&host.arena, &text)))
		boot_name_add(&host.arena, &words, word);
	return words;
}

static inline const char *line_of(const char *const *argv)
{
	size_t n = 0;

	while (argv && argv[n])
		n++;
	return text_join(&host.arena, argv, n, " ");
}

/* The step that makes or removes the file, or makes it by a command. */
static inline const struct step *step_for(const char *path)
{
	for (size_t i = plan.n_steps; i-- > 0;) {
		if (str_same(plan.steps[i].path, path) || str_same(plan.steps[i].becomes, path))
			return &plan.steps[i];
	}
	return NULL;
}

static inline const char *planned(const char *path)
{
	const struct step *step = step_for(path);

	assert_non_null(step);
	assert_int_equal(step->kind, STEP_FILE);
	assert_false(step->absent);
	return step->content.data;
}

/* The plan is done here as the engine and the commands would do it; *@ret_done steps had to be. */
static inline void done(size_t *ret_done)
{
	size_t n = 0;

	for (size_t i = 0; i < plan.n_steps; i++) {
		const struct step *step = &plan.steps[i];
		const char *before = step->path ? text_of(step->path) : NULL;

		if (step->kind == STEP_COMMAND && step->proof &&
		    step->proof(&host, step, step->becomes, &e) == 0)
			continue;
		if (step->kind == STEP_COMMAND && step->becomes)
			has(step->becomes, text_of(step->data));
		else if (step->kind == STEP_COMMAND)
			has_variable("LoaderEntryOneShot", step->argv[2]);
		else if (step->absent && before)
			gone(step->path);
		else if (!step->absent && !str_same(before, step->content.data))
			has(step->path, step->content.data);
		else
			continue;
		n++;
	}
	plan = (struct plan){ 0 };
	if (ret_done)
		*ret_done = n;
}

static inline void trial_planned(void)
{
	int error = bootloader_trial(&boot, &change, &plan, &e);

	if (error < 0)
		fail_msg("%s", e.text);
}

/* All images were made anew in their places, and the old one of the trial's kernel was kept. */
static inline void rebuilt(void)
{
	const struct initramfs_kernel **list =
		arena_array(&host.arena, generator.n_kernels, sizeof(struct initramfs_kernel *));

	change.plain_image = arena_concat(&host.arena, change.kernel->image, ".passthru-old");
	has(change.plain_image, "image of before");
	for (size_t i = 0; i < generator.n_kernels; i++) {
		list[i] = &generator.kernels[i];
		has(generator.kernels[i].image, "rebuilt");
	}
	change.rebuilt = list;
	change.n_rebuilt = generator.n_kernels;
}

static inline void permanent_planned(void)
{
	int error = bootloader_permanent(&boot, &change, &plan, &e);

	if (error < 0)
		fail_msg("%s", e.text);
}

static inline void trial_refused(const char *says)
{
	read_boot();
	assert_non_null(boot.chosen);
	assert_int_equal(bootloader_trial(&boot, &change, &plan, &e), -EOPNOTSUPP);
	assert_int_equal(e.kind, ERR_REFUSED);
	if (!strstr(e.text, says))
		fail_msg("%s", e.text);
}

/* Each word stands once in what the boot loader reads of the file. */
static inline void has_words_once(enum bls_reader reader, const char *path,
				  const struct names *words)
{
	const char *text = text_of(path);
	assert_non_null(text);
	struct bls_entry entry = { .text = { text, strlen(text) } };

	bls_parse(&host.arena, reader, &entry);
	for (size_t i = 0; i < words->n; i++)
		assert_int_equal(boot_count_word(&host.arena, entry.options, words->name[i]), 1);
}
