// SPDX-License-Identifier: MIT
// The images of the host: one of its own for the trial, beside the others, and then those of all
// kernels. Each is made under a name of its own, opened as the kernel will unpack it, and only then
// renamed to where it belongs. The default entry finds a whole image at every moment, and one with
// the helper before it gets the words that make the helper act.

#include "base/text.h"
#include "host/host.h"
#include "setup/internal.h"

#include <errno.h>
#include <string.h>

#define HELPER_MAX ((size_t)16 * 1024 * 1024)
#define DEPENDENCIES_MAX 64
/* what the helper and modules add to an image at most, and blocks that are not full */
#define GROWTH_BYTES ((uint64_t)4 * 1024 * 1024)

/* ---- what has to be in an image ---- */

struct image_proof {
	const struct hook *hook;
	const char *release;
	struct bytes devices;
	const char **modules; /* the drivers, and what they depend on */
	size_t n_modules;
};

static int check_files(struct host *host, const struct image_proof *proof,
		       struct initramfs_image *image, struct err *e)
{
	struct initramfs_expected files[] = { { .path = setup_helper },
					      { .path = RESERVE_FILE, .content = proof->devices } };
	static const char *const what[] = { "the early helper", "the reserved functions" };
	int error = root_read_max(host->root, &host->arena, setup_helper, HELPER_MAX,
				  &files[0].content);

	if (error < 0)
		return err_io(e, error, "reading %s", setup_helper);
	error = initramfs_compare(image, files, ARRAY_SIZE(files), e);
	for (size_t i = 0; error == 0 && i < ARRAY_SIZE(files); i++) {
		if (files[i].same == INITRAMFS_ABSENT)
			error = err_fail(e, -ENOENT, "%s is not in it (%s)", what[i],
					 files[i].path);
		else if (files[i].same == INITRAMFS_DIFFERENT)
			error = err_fail(e, -ESTALE, "%s in it is not that of this host (%s)",
					 what[i], files[i].path);
	}
	return error;
}

static int check_modules(struct host *host, const struct image_proof *proof,
			 struct initramfs_image *image, struct err *e)
{
	struct initramfs_modules wanted = {
		.modules = arena_array(&host->arena, proof->n_modules, sizeof(*wanted.modules)),
		.n = proof->n_modules,
	};

	for (size_t i = 0; i < wanted.n; i++)
		wanted.modules[i].name = proof->modules[i];
	int error = initramfs_find_modules(image, &host->arena, proof->release, &wanted, e);
	for (size_t i = 0; error == 0 && i < wanted.n; i++) {
		const struct initramfs_module *module = &wanted.modules[i];

		if (module->state == INITRAMFS_MODULE_ABSENT)
			error = err_fail(e, -ENOENT, "the module %s of %s is not in it",
					 module->name, proof->release);
		else if (module->state == INITRAMFS_MODULE_LOADABLE && !module->in_dep)
			error = err_fail(e, -ENOENT, "its modules.dep does not name the module %s",
					 module->name);
	}
	return error;
}

static int prove(struct host *host, const struct step *step, const char *path, struct err *e)
{
	const struct image_proof *proof = step->data;
	CLEANUP_INITRAMFS struct initramfs_image *image = NULL;
	int error = initramfs_open(host->root, path, &image, e);

	if (error == 0)
		error = check_files(host, proof, image, e);
	if (error == 0)
		error = proof->hook->called(image, &host->arena, e);
	if (error == 0 && proof->n_modules > 0)
		error = check_modules(host, proof, image, e);
	return error < 0 ? err_wrap(e, error, "%s", path) : 0;
}

/* ---- modules ---- */

/* "kernel/drivers/vfio/vfio.ko.xz": "vfio" */
static const char *module_name(struct arena *a, const char *path, size_t n)
{
	const char *copy = arena_strndup(a, path, n), *name = text_last_part(copy);
	const char *end = strstr(name, ".ko");

	return end ? arena_strndup(a, name, (size_t)(end - name)) : name;
}

static void add_module(struct image_proof *proof, const char *name)
{
	for (size_t i = 0; i < proof->n_modules; i++) {
		if (kernel_same_name(proof->modules[i], name))
			return;
	}
	if (proof->n_modules < DEPENDENCIES_MAX)
		proof->modules[proof->n_modules++] = name;
}

/* The driver with what stands behind it in modules.dep. */
static void add_driver(struct arena *a, const struct kernel *kernel, const char *driver,
		       struct image_proof *proof)
{
	const char *rest = kernel->modules.error ? "" : kernel->modules.text.data, *line;
	size_t n;

	add_module(proof, driver);
	while (text_next_line(&rest, &line, &n)) {
		const char *colon = memchr(line, ':', n);

		if (!colon ||
		    !kernel_same_name(module_name(a, line, (size_t)(colon - line)), driver))
			continue;
		const char *at = arena_strndup(a, colon + 1, n - (size_t)(colon + 1 - line));
		for (const char *word; (word = text_next_word(a, &at));)
			add_module(proof, module_name(a, word, strlen(word)));
		return;
	}
}

/* A kernel without the driver boots without it: nothing of the host depends on that. */
static struct image_proof *proof_of(const struct setup_work *work, const char *release)
{
	struct image_proof *proof = arena_alloc(work->arena, sizeof(*proof));
	const struct kernel *kernel = work_kernel(work, release);
	const char *path;

	*proof = (struct image_proof){
		.hook = work->hook,
		.release = release,
		.devices = work->target.devices,
		.modules = arena_array(work->arena, DEPENDENCIES_MAX, sizeof(*proof->modules)),
	};
	for (size_t i = 0; kernel && i < work->target.n_records; i++) {
		const char *driver = work->target.records[i].driver;

		if (kernel_module(kernel, driver, &path) != KERNEL_MODULE_ABSENT)
			add_driver(work->arena, kernel, driver, proof);
	}
	return proof;
}

/* ---- kernels ---- */

static bool can_boot(const struct setup_work *work, const struct initramfs_kernel *kernel)
{
	return kernel->vmlinuz &&
	       (!work->hook->generator || (kernel->image && kernel->image_exists));
}

void image_plain_kernels(struct host *host, const struct kernel_facts *facts,
			 struct initramfs_setup *images)
{
	struct arena *a = &host->arena;

	images->kernels = arena_array(a, facts->n_kernels, sizeof(*images->kernels));
	images->n_kernels = 0;
	for (size_t i = 0; i < facts->n_kernels; i++) {
		const struct kernel *kernel = &facts->kernels[i];
		const char *const places[] = {
			arena_concat(a, "boot/vmlinuz-", kernel->release),
			arena_concat(a, "boot/kernel-", kernel->release),
			arena_concat(a, kernel->path, "/vmlinuz"),
		};
		struct initramfs_kernel *found = &images->kernels[images->n_kernels++];

		*found = (struct initramfs_kernel){ .release = kernel->release,
						    .directory = kernel->path };
		for (size_t k = 0; !found->vmlinuz && k < ARRAY_SIZE(places); k++) {
			if (work_has(host, places[k]))
				found->vmlinuz = places[k];
		}
	}
}

void image_use_boot(struct host *host, const struct boot_setup *boot,
		    struct initramfs_setup *images)
{
	if (boot->chosen && str_eq(boot->chosen->loader->name, "uki"))
		initramfs_use_unified(host->root, &host->arena, images);
}

bool image_is_unified(const char *path)
{
	return strstr(path, "/EFI/Linux/");
}

int image_check_kernels(const struct setup_work *work, struct err *e)
{
	/* words for all kernels would be of no use to one whose image stays without the helper */
	for (size_t i = 0; i < work->initramfs->n_kernels; i++) {
		if (work->initramfs->kernels[i].refusal)
			return err_refuse(e, "%s", work->initramfs->kernels[i].refusal);
	}
	return 0;
}

int image_choose_kernel(const struct setup_work *work, const char *release,
			const struct initramfs_kernel **ret, struct err *e)
{
	const struct kernel *running = kernel_running(&work->facts->kernel);
	const struct initramfs_kernel *newest = NULL;

	for (int turn = 0; turn < 2; turn++) {
		const char *wanted = turn == 0 ? release : running ? running->release : NULL;

		for (size_t i = 0; wanted && i < work->initramfs->n_kernels; i++) {
			*ret = &work->initramfs->kernels[i];
			if (str_eq((*ret)->release, wanted) && can_boot(work, *ret))
				return 0;
		}
	}
	for (size_t i = 0; i < work->initramfs->n_kernels; i++) {
		const struct initramfs_kernel *kernel = &work->initramfs->kernels[i];

		if (can_boot(work, kernel) &&
		    (!newest || strverscmp(kernel->release, newest->release) > 0))
			newest = kernel;
	}
	*ret = newest;
	return newest ? 0
		      : err_refuse(e,
				   "no kernel was found that this host can boot: none of those "
				   "below usr/lib/modules has its file in boot%s",
				   work->hook->generator ? " and an initramfs image" : "");
}

void image_kernels(const struct setup_work *work, const struct initramfs_kernel *const **ret,
		   size_t *ret_n)
{
	const struct initramfs_setup *images = work->initramfs;
	const struct initramfs_kernel **list =
		arena_array(work->arena, images->n_kernels, sizeof(*list));
	size_t n = 0;

	for (size_t i = 0; work->hook->generator && i < images->n_kernels; i++) {
		if (&images->kernels[i] != work->kernel && can_boot(work, &images->kernels[i]))
			list[n++] = &images->kernels[i];
	}
	if (work->hook->generator)
		list[n++] = work->kernel;
	*ret = list;
	*ret_n = n;
}

/* ---- steps ---- */

const char *image_trial_path(struct arena *a, const struct initramfs_kernel *kernel)
{
	return kernel->image ? arena_concat(a, kernel->image, ".passthru") : NULL;
}

const char *image_kept_path(struct arena *a, const struct initramfs_kernel *kernel)
{
	return kernel->image ? arena_concat(a, kernel->image, ".passthru-old") : NULL;
}

static struct step *add_build(const struct setup_work *work, const struct initramfs_kernel *kernel,
			      const char *becomes, const char *why, struct plan *plan)
{
	struct step *step = plan_step(work->arena, plan, STEP_COMMAND, why);

	step->output = arena_concat(work->arena, becomes, ".new");
	step->becomes = becomes;
	bootloader_runs(step, initramfs_build(work->initramfs, work->arena, kernel, step->output));
	return step;
}

void image_trial_step(const struct setup_work *work, struct plan *plan)
{
	if (!work->hook->generator)
		return;
	struct step *step = add_build(
		work, work->kernel, image_trial_path(work->arena, work->kernel),
		arena_printf(work->arena,
			     "an image of its own for the trial of %s; the usual one stays "
			     "as it is",
			     work->kernel->release),
		plan);
	step->may_go = true;
	step->own = true;
	step->proof = prove;
	step->data = proof_of(work, work->kernel->release);
}

bool image_has_helper(const struct setup_work *work, const struct initramfs_kernel *kernel)
{
	const struct step step = { .data = proof_of(work, kernel->release) };

	return work->hook->generator && kernel->image &&
	       prove(work->host, &step, kernel->image, NULL) == 0;
}

void image_steps(const struct setup_work *work, bool keep, struct plan *plan)
{
	const struct initramfs_kernel *const *kernels;
	size_t n;

	image_kernels(work, &kernels, &n);
	for (size_t i = 0; i < n; i++) {
		struct step *step =
			add_build(work, kernels[i], kernels[i]->image,
				  arena_printf(work->arena, "the image of %s gets the early helper",
					       kernels[i]->release),
				  plan);

		step->may_go = true;
		step->proof = prove;
		step->data = proof_of(work, kernels[i]->release);
		step->regenerate = step->argv;
		if (keep && kernels[i] == work->kernel)
			step->keep = image_kept_path(work->arena, kernels[i]);
	}
}

/* ---- images that a kernel has got while this was set up ---- */

static int prove_gone(struct host *host, const struct step *step, const char *path, struct err *e)
{
	CLEANUP_INITRAMFS struct initramfs_image *image = NULL;
	int error = initramfs_open(host->root, path, &image, e);

	(void)step;
	if (error == 0 && initramfs_find(image, setup_helper))
		error = err_fail(e, -EEXIST, "%s still has the early helper in it", path);
	return error;
}

/* The unified image that was made of it; its command line is as it should be by now. */
static void leave_unified(const struct setup_work *work, const struct initramfs_kernel *kernel,
			  struct plan *plan)
{
	struct step *step = plan_step(
		work->arena, plan, STEP_COMMAND,
		arena_printf(work->arena,
			     "the unified image of %s was made with the early helper in it",
			     kernel->release));

	step->output = arena_concat(work->arena, kernel->unified, ".new");
	step->becomes = kernel->unified;
	bootloader_runs(step,
			initramfs_build_unified(work->initramfs, work->arena, kernel, kernel->image,
						kernel->unified_line, step->output));
	step->proof = prove_gone;
}

void image_leave_steps(const struct setup_work *work, struct plan *plan)
{
	const struct initramfs_setup *images = work->initramfs;

	for (size_t i = 0; images->chosen && i < images->n_kernels; i++) {
		const struct initramfs_kernel *kernel = &images->kernels[i];
		struct err problem = { 0 };

		if (!kernel->image || !kernel->image_exists)
			continue;
		/* one that cannot be opened is none of ours */
		if (prove_gone(work->host, NULL, kernel->image, &problem) != -EEXIST)
			continue;
		struct step *step =
			add_build(work, kernel, kernel->image,
				  arena_printf(work->arena,
					       "the image of %s was made with the early "
					       "helper in it",
					       kernel->release),
				  plan);
		step->proof = prove_gone;
		if (kernel->unified && !str_eq(kernel->unified, kernel->image))
			leave_unified(work, kernel, plan);
	}
}

/* ---- room ---- */

struct room {
	const char *directory;
	uint64_t device, needed, peak;
};

static uint64_t bytes_of(const struct setup_work *work, const char *path)
{
	struct root_node node;

	return path && root_node(work->host->root, work->arena, path, &node) == 0 &&
			       node.kind == ROOT_FILE
		       ? node.n_bytes
		       : 0;
}

static struct room *room_of(const struct setup_work *work, struct room *rooms, const char *path)
{
	const char *slash = strrchr(path, '/');
	const char *directory =
		arena_strndup(work->arena, path, slash ? (size_t)(slash - path) : 0);
	struct root_node node = { 0 };

	while (*directory && (root_node(work->host->root, work->arena, directory, &node) < 0 ||
			      node.kind == ROOT_ABSENT)) {
		slash = strrchr(directory, '/');
		directory = arena_strndup(work->arena, directory,
					  slash ? (size_t)(slash - directory) : 0);
	}
	for (; rooms->directory; rooms++) {
		if (rooms->device == node.device)
			return rooms;
	}
	rooms->directory = directory;
	rooms->device = node.device;
	return rooms;
}

/* What one image takes where it is made, and where the engine keeps its copy of the one before,
 * and what the image is made of. */
static void count(const struct setup_work *work, struct room *rooms, const struct step *step,
		  uint64_t usual)
{
	uint64_t before = bytes_of(work, step->becomes);
	uint64_t after = (before ? before : usual) + GROWTH_BYTES;
	struct room *room = room_of(work, rooms, step->becomes);

	if (!before || step->keep) {
		room->needed += after;
	} else {
		room->needed += GROWTH_BYTES;
		room->peak = after > room->peak ? after : room->peak;
	}
	room = room_of(work, rooms, "var/lib/passthru/changes");
	room->needed += before;
	if (step->staged && after > room->peak)
		room->peak = after;
}

/* Boot loaders add to what is looked at in a unified image, and make some themselves. */
static bool makes_image(const struct step *step)
{
	return step->kind == STEP_COMMAND &&
	       (step->proof == prove || (step->becomes && image_is_unified(step->becomes)));
}

int image_check_room(const struct setup_work *work, const struct plan *plan, struct err *e)
{
	struct room *rooms = arena_array(work->arena, plan->n_steps + 2, sizeof(*rooms));
	const struct initramfs_kernel *kernel = work->kernel;

	for (size_t i = 0; i < plan->n_steps; i++) {
		const struct step *step = &plan->steps[i];

		if (makes_image(step))
			count(work, rooms, step,
			      bytes_of(work, step->proof != prove && kernel->unified
						     ? kernel->unified
						     : kernel->image));
	}
	for (const struct room *room = rooms; room->directory; room++) {
		uint64_t free_bytes, needed = room->needed + room->peak;
		int error = root_free_space(work->host->root, room->directory, &free_bytes);

		if (error < 0)
			return err_io(e, error, "reading how much room %s has", room->directory);
		if (free_bytes < needed)
			return err_refuse(e,
					  "%s has room for %s, and images and copies for the way "
					  "back may need %s: make room there first, old kernels "
					  "take most of it",
					  *room->directory ? room->directory : "the root",
					  text_size(work->arena, free_bytes),
					  text_size(work->arena, needed));
	}
	return 0;
}
