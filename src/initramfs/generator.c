// SPDX-License-Identifier: MIT
// Which generator makes the images of this host. Each is judged by itself; one that counts is
// taken, and with two the answer is left to whoever installed both.

#include "initramfs/generator.h"
#include "base/root_tree.h"
#include "base/text.h"
#include "host/host.h"
#include "initramfs/config.h"

#include <errno.h>
#include <string.h>

/* clang-format off */
#define INITRAMFS(name) extern const struct initramfs_generator initramfs_##name;
#include "initramfs/generators.h"
#undef INITRAMFS

#define INITRAMFS(name) &initramfs_##name,
static const struct initramfs_generator *const generators[] = {
#include "initramfs/generators.h"
};
#undef INITRAMFS
/* clang-format on */

#define PACKAGE_MAX ((size_t)1024 * 1024)

/* ---- evidence ---- */

/* Whether a line of the package's list is the path, with a slash before it. */
static bool package_has(struct root *r, struct arena *a, const char *package, const char *path)
{
	struct bytes text;
	const char *rest, *line;
	size_t n;
	const char *list = arena_printf(a, "var/lib/dpkg/info/%s.list", package);

	if (root_read_max(r, a, list, PACKAGE_MAX, &text) < 0)
		return false;
	rest = text.data;
	while (text_next_line(&rest, &line, &n)) {
		if (n == strlen(path) + 1 && strncmp(line + 1, path, n - 1) == 0)
			return true;
	}
	return false;
}

static void judge_owner(struct root *r, struct arena *a, struct initramfs_candidate *c)
{
	struct names names;

	if (!c->program || !c->generator->packages ||
	    root_list(r, a, "var/lib/dpkg/info", &names) < 0 || names.n == 0)
		return;
	for (const char *const *package = c->generator->packages; *package; package++) {
		if (package_has(r, a, *package, c->program)) {
			c->package = *package;
			return;
		}
	}
	c->foreign = true;
}

/* A file of that name in a directory that goes before: a link to the null device, or empty. */
bool hook_is_masked(struct root *r, struct arena *a, const char *hook)
{
	static const struct {
		const char *of, *in;
	} places[] = {
		{ "usr/lib/kernel/install.d/", "etc/kernel/install.d/" }, /* kernel-install(8) */
		{ "usr/share/libalpm/hooks/", "etc/pacman.d/hooks/" },    /* alpm-hooks(5) */
	};
	const char *target;
	struct bytes text;

	for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
		if (!str_starts(hook, places[i].of))
			continue;
		const char *mask = arena_concat(a, places[i].in, hook + strlen(places[i].of));
		if (root_link(r, a, mask, &target) == 0)
			return str_eq(text_last_part(target), "null");
		return root_read(r, a, mask, &text) == 0 && text.n == 0;
	}
	return false;
}

static void judge_hooks(struct root *r, struct arena *a, struct initramfs_candidate *c)
{
	for (const char *const *hook = c->generator->hooks; *hook; hook++) {
		if (root_look(r, a, *hook) != 0)
			continue;
		if (hook_is_masked(r, a, *hook))
			c->masked = *hook;
		else if (!c->hook)
			c->hook = *hook;
	}
}

static struct initramfs_candidate judge(struct root *r, struct arena *a,
					const struct initramfs_generator *generator)
{
	struct initramfs_candidate c = { .generator = generator };

	c.program = path_first(r, a, generator->programs);
	judge_owner(r, a, &c);
	judge_hooks(r, a, &c);
	c.counts = c.program && c.hook && !c.foreign;
	return c;
}

/* ---- choosing ---- */

/* kernel-install(8) asks the one that its configuration names. */
static bool is_named(const struct initramfs_config *install, const struct initramfs_candidate *c)
{
	const struct initramfs_setting *named = initramfs_setting(install, "initrd_generator");

	return named && str_eq(named->value, c->generator->name) &&
	       str_starts(c->hook, "usr/lib/kernel/install.d/");
}

/* One of several whose hooks are all those of kernel-install; else NULL. */
static const struct initramfs_candidate *choose_named(struct root *r, struct arena *a,
						      const struct initramfs_setup *setup)
{
	struct initramfs_config install = { 0 };
	const struct initramfs_candidate *chosen = NULL;

	config_read_file(r, a, &install, "usr/lib/kernel/install.conf", '=');
	config_read_file(r, a, &install, "etc/kernel/install.conf", '=');
	for (size_t i = 0; i < setup->n_candidates; i++) {
		const struct initramfs_candidate *c = &setup->candidates[i];
		if (!c->counts)
			continue;
		if (!str_starts(c->hook, "usr/lib/kernel/install.d/"))
			return NULL;
		if (is_named(&install, c))
			chosen = c;
	}
	return chosen;
}

static const char *why_not(struct arena *a, const struct initramfs_candidate *c)
{
	if (!c->program)
		return arena_printf(a, "%s has the hook %s but no program", c->generator->name,
				    c->hook ? c->hook : c->masked);
	if (c->foreign)
		return arena_printf(a, "%s is not of the package %s", c->program,
				    c->generator->packages[0]);
	if (c->masked)
		return arena_printf(a, "the hook %s of %s is switched off", c->masked,
				    c->generator->name);
	return arena_printf(a, "nothing runs %s when a kernel is installed", c->program);
}

static const char *refuse_none(struct arena *a, const struct initramfs_setup *setup)
{
	const char **reasons = arena_array(a, setup->n_candidates, sizeof(*reasons));

	if (setup->n_candidates == 0)
		return "no generator of initramfs images was found";
	for (size_t i = 0; i < setup->n_candidates; i++)
		reasons[i] = why_not(a, &setup->candidates[i]);
	return arena_printf(a, "no generator of initramfs images is in charge: %s",
			    text_join(a, reasons, setup->n_candidates, "; "));
}

static const char *refuse_several(struct arena *a, const struct initramfs_setup *setup)
{
	const char **found = arena_array(a, setup->n_candidates, sizeof(*found));
	size_t n = 0;

	for (size_t i = 0; i < setup->n_candidates; i++) {
		const struct initramfs_candidate *c = &setup->candidates[i];
		if (c->counts)
			found[n++] = arena_printf(a, "%s (%s)", c->generator->name, c->hook);
	}
	return arena_printf(a,
			    "more than one generator of initramfs images is in charge: %s; "
			    "remove the packages of those that are not wanted",
			    text_join(a, found, n, ", "));
}

static void choose(struct root *r, struct arena *a, struct initramfs_setup *setup)
{
	size_t n = 0;

	for (size_t i = 0; i < setup->n_candidates; i++) {
		if (!setup->candidates[i].counts)
			continue;
		setup->chosen = &setup->candidates[i];
		n++;
	}
	if (n > 1)
		setup->chosen = choose_named(r, a, setup);
	/* there the images come with the system, and what is made here is lost */
	if (root_look(r, a, "run/ostree-booted") == 0 || root_look(r, a, "ostree/repo") == 0) {
		setup->chosen = NULL;
		setup->refusal = "this system is managed by ostree, which makes its initramfs "
				 "images itself";
	} else if (!setup->chosen) {
		setup->refusal = n > 1 ? refuse_several(a, setup) : refuse_none(a, setup);
	}
}

/* ---- kernels ---- */

static void read_kernels(struct root *r, struct arena *a, const struct kernel_facts *kernels,
			 struct initramfs_setup *setup)
{
	setup->kernels = arena_array(a, kernels->n_kernels, sizeof(*setup->kernels));
	for (size_t i = 0; i < kernels->n_kernels; i++) {
		struct initramfs_kernel *kernel = &setup->kernels[setup->n_kernels++];
		kernel->release = kernels->kernels[i].release;
		kernel->directory = kernels->kernels[i].path;
		setup->chosen->generator->locate(r, a, setup, kernel);
	}
	kernel_tell_apart(r, a, kernels, setup);
}

void initramfs_read_setup(struct root *r, struct arena *a, const struct kernel_facts *kernels,
			  struct initramfs_setup *ret)
{
	*ret = (struct initramfs_setup){ 0 };
	ret->candidates = arena_array(a, ARRAY_SIZE(generators), sizeof(*ret->candidates));
	for (size_t i = 0; i < ARRAY_SIZE(generators); i++) {
		struct initramfs_candidate c = judge(r, a, generators[i]);
		if (c.program || c.hook || c.masked)
			ret->candidates[ret->n_candidates++] = c;
	}
	choose(r, a, ret);
	if (!ret->chosen)
		return;
	ret->chosen->generator->read_config(r, a, &ret->config);
	read_kernels(r, a, kernels, ret);
	unified_read(r, a, ret);
}

struct initramfs_commands initramfs_build(const struct initramfs_setup *setup, struct arena *a,
					  const struct initramfs_kernel *kernel, const char *output)
{
	/* see initramfs_use_unified(); dracut has its words in its configuration */
	if (kernel->unified_alone && str_same(kernel->image, kernel->unified))
		return initramfs_build_unified(
			setup, a, kernel, NULL,
			kernel->maker == INITRAMFS_MAKER_UKIFY ? kernel->unified_line : NULL,
			output);
	return (struct initramfs_commands){
		.argv = setup->chosen->generator->build(a, kernel, path_absolute(a, output)),
	};
}

static bool is_file(struct root *r, struct arena *a, const char *name, const char *path)
{
	const char *real;

	return name && root_resolve(r, a, name, true, &real) == 0 && str_eq(real, path);
}

const char *const *initramfs_anew(struct root *r, struct arena *a,
				  const struct initramfs_setup *setup, const char *path,
				  const char *output, const char *const *recorded)
{
	for (size_t i = 0; setup->chosen && i < setup->n_kernels; i++) {
		const struct initramfs_kernel *kernel = &setup->kernels[i];

		if (is_file(r, a, kernel->image, path) || is_file(r, a, kernel->other_image, path))
			return initramfs_build(setup, a, kernel, output).argv;
		if (!is_file(r, a, kernel->unified, path))
			continue;
		/* others are named by their release, and have a command line of their own */
		return kernel->maker == INITRAMFS_MAKER_PRESET
			       ? initramfs_build_unified(setup, a, kernel, NULL, NULL, output).argv
			       : recorded;
	}
	for (size_t i = 0; setup->chosen && i < ARRAY_SIZE(generators); i++) {
		if (str_eq(generators[i]->command, recorded[0]))
			return NULL;
	}
	return recorded;
}
