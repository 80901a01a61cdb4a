// SPDX-License-Identifier: MIT
// The two plans, made from what is aimed at. Their order is what a power cut needs: nothing uses an
// image before it is whole, no entry names an image before that is there, and the step that the
// next boot hangs on is the last.

#include "base/text.h"
#include "host/host.h"
#include "setup/internal.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

/* ---- reading ---- */

bool work_has(struct host *host, const char *path)
{
	return root_look(host->root, &host->arena, path) == 0;
}

const struct kernel *work_kernel(const struct setup_work *work, const char *release)
{
	const struct kernel_facts *kernels = &work->facts->kernel;

	for (size_t i = 0; i < kernels->n_kernels; i++) {
		if (str_eq(kernels->kernels[i].release, release))
			return &kernels->kernels[i];
	}
	return NULL;
}

int work_read(struct host *host, struct setup_work *ret, struct err *e)
{
	*ret = (struct setup_work){ .host = host, .arena = &host->arena };
	int error = setup_read(host, &ret->state, e);

	if (error == 0)
		error = setup_record_read(host, &ret->record, e);
	if (error < 0)
		return error;
	host_read_facts(host);
	ret->facts = host->facts;
	ret->initramfs = arena_alloc(&host->arena, sizeof(*ret->initramfs));
	initramfs_read_setup(host->root, &host->arena, &ret->facts->kernel, ret->initramfs);
	if (ret->initramfs->n_candidates == 0)
		image_plain_kernels(host, &ret->facts->kernel, ret->initramfs);
	ret->boot = arena_alloc(&host->arena, sizeof(*ret->boot));
	bootloader_read(host, &ret->facts->kernel, ret->initramfs, ret->boot);
	image_use_boot(host, ret->boot, ret->initramfs);
	return 0;
}

static int check_helper(const struct setup_work *work, struct err *e)
{
	struct root_node node;

	/* a record of a host says nothing of files that a reading command does not read */
	if (!work->host->root->ops->open)
		return 0;
	int error = root_node(work->host->root, work->arena, setup_helper, &node);
	if (error < 0)
		return err_io(e, error, "reading %s", setup_helper);
	if (node.kind != ROOT_FILE || !(node.mode & 0111))
		return err_refuse(e,
				  "the early helper is not installed: %s is not there, or no "
				  "program; install all of passthru",
				  setup_helper);
	return 0;
}

int work_check(struct setup_work *work, const char *release, struct err *e)
{
	int error = hook_choose(work, &work->hook, e);

	/* what stands against a kernel may hide the boot loader that starts it */
	if (error == 0)
		error = image_check_kernels(work, e);
	if (error == 0 && !work->boot->chosen) {
		(void)err_refuse(e, "%s", work->boot->refusal);
		error = -EOPNOTSUPP;
	}
	if (error == 0)
		error = check_helper(work, e);
	return error < 0 ? error : image_choose_kernel(work, release, &work->kernel, e);
}

void work_aim_at_state(struct setup_work *work)
{
	struct bytes devices = { 0 };

	work->target.record = work->record;
	work->target.records = work->state.records;
	work->target.n_records = work->state.n_records;
	/* setup_read() has read it just now */
	if (root_read_max(work->host->root, work->arena, RESERVE_FILE, RESERVE_BYTES_MAX,
			  &devices) == 0)
		work->target.devices = devices;
}

/* ---- what the boot loader is told ---- */

/*
 * Whether the image of before goes on fitting the kernel that its entry names. Where a kernel is
 * named by its package (vmlinuz-linux), the next one takes its place, and modules of the one before
 * are gone: a unified image of before, with its kernel in it, would find none. Under Secure Boot an
 * entry cannot leave the words of the next one out, so there it is better than nothing.
 */
static bool stays_with_kernel(const struct setup_work *work)
{
	const char *image = work->kernel->image;
	const struct fact_number *secure = &work->facts->kernel.secure_boot;
	size_t n = image ? strlen(image) : 0;

	return n > 0 && (strstr(image, work->kernel->release) ||
			 (n > 4 && strcasecmp(image + n - 4, ".efi") == 0 && secure->error == 0 &&
			  secure->value));
}

void work_look_at_image(struct setup_work *work)
{
	const char *kept = image_kept_path(work->arena, work->kernel);

	if (!stays_with_kernel(work))
		return;
	/* one that has the helper already is not made anew; without the words it does nothing */
	if (work->hook->generator &&
	    (work->record.phase == SETUP_PERMANENT ? work_has(work->host, kept)
						   : !image_has_helper(work, work->kernel)))
		work->kept_image = kept;
}

void work_boot_change(const struct setup_work *work, struct boot_change *ret)
{
	*ret = (struct boot_change){
		.words = work->target.record.words,
		.kernel = work->kernel,
		/* where a unit runs the helper the usual image is as good */
		.trial_image = work->hook->generator ? image_trial_path(work->arena, work->kernel)
						     : work->kernel->image,
		.trial_words = work->target.record.trial_words,
		.plain_image = work->kept_image,
	};
	image_kernels(work, &ret->rebuilt, &ret->n_rebuilt);
}

/* ---- plans ---- */

static void add_record(const struct setup_work *work, enum setup_phase phase, struct plan *plan)
{
	struct setup_record record = work->target.record;

	record.phase = phase;
	record.kernel = work->kernel->release;
	if (phase == SETUP_PERMANENT) {
		record.trial_words.n = 0;
		record.limit_s = 0;
	}
	plan_file(work->arena, plan, "what is set up, for what changes this host later", SETUP_FILE,
		  record_text(work->arena, &record), 0);
}

static int add_devices(const struct setup_work *work, struct plan *plan, struct err *e)
{
	plan_file(work->arena, plan,
		  "the functions for guests by their identity, for the early helper", RESERVE_FILE,
		  work->target.devices, 0);
	return hook_steps(work, plan, e);
}

int work_plan_trial(const struct setup_work *work, struct plan *plan, struct err *e)
{
	struct boot_change change;
	int error;

	add_record(work, SETUP_TRIAL, plan);
	error = add_devices(work, plan, e);
	if (error < 0)
		return error;
	image_trial_step(work, plan);
	unit_trial_steps(work, plan);
	work_boot_change(work, &change);
	return bootloader_trial(work->boot, &change, plan, e);
}

int work_plan_permanent(const struct setup_work *work, bool after_trial, struct plan *plan,
			struct err *e)
{
	struct boot_change change;
	int error = after_trial ? 0 : add_devices(work, plan, e);

	if (error < 0)
		return error;
	work_boot_change(work, &change);
	image_steps(work, work->record.phase != SETUP_PERMANENT && work->kept_image, plan);
	error = bootloader_permanent(work->boot, &change, plan, e);
	if (error < 0)
		return error;
	if (work->hook->generator && work->target.record.trial_words.n > 0)
		plan_absent(work->arena, plan, "the trial is over",
			    image_trial_path(work->arena, work->kernel));
	unit_permanent_steps(work, plan);
	/* the last, so that a kill before it leaves a trial as far as anybody can see */
	add_record(work, SETUP_PERMANENT, plan);
	return 0;
}

const char *work_title(const struct setup_work *work, const char *verb)
{
	const char **names = arena_array(work->arena, work->target.n_records, sizeof(*names));

	for (size_t i = 0; i < work->target.n_records; i++)
		names[i] = work->target.records[i].function.address;
	return arena_printf(work->arena, "%s %s", verb,
			    text_join(work->arena, names, work->target.n_records, ", "));
}
