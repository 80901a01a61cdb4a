// SPDX-License-Identifier: MIT
// Taking a setup back: what kernels installed since have got from it, the changes, the last first,
// and then the images that were made while the helper's hooks were there. The first and the third
// are not changes that could be undone: each can be begun again after any kill, and finds what is
// left to do by looking.

#include "base/text.h"
#include "host/host.h"
#include "setup/internal.h"

#include <errno.h>
#include <string.h>

#define UNDO_MAX 64

/* What is undone. */
struct chain {
	unsigned *numbers; /* the last first */
	const struct change_info **changes;
	size_t n;
	bool has_record; /* one of them has made what is set up */
};

static void add(struct chain *chain, const struct change_info *change)
{
	memmove(chain->numbers + 1, chain->numbers, chain->n * sizeof(*chain->numbers));
	chain->numbers[0] = change->number;
	chain->changes[chain->n++] = change;
	for (size_t i = 0; i < change->paths.n; i++)
		chain->has_record = chain->has_record || str_eq(change->paths.name[i], SETUP_FILE);
}

/* @first, and all that goes on with it; nothing when there is no such change. */
static void collect(struct arena *a, const struct change_list *list,
		    const struct change_info *first, struct chain *ret)
{
	*ret = (struct chain){ .numbers = arena_array(a, list->n, sizeof(*ret->numbers)),
			       .changes = arena_array(a, list->n, sizeof(*ret->changes)) };
	for (size_t i = 0; first && i < list->n; i++) {
		if (change_goes_with(list, &list->changes[i], first))
			add(ret, &list->changes[i]);
	}
}

/* ---- what others have got ---- */

static void also(struct arena *a, struct setup_undone *ret, const char *text)
{
	if (!ret->also.name)
		ret->also.name = arena_array(a, UNDO_MAX, sizeof(*ret->also.name));
	if (ret->also.n < UNDO_MAX)
		ret->also.name[ret->also.n++] = text;
}

/* Steps that stay done, each told by its sentence. */
static int do_for_good(struct change_session *session, struct plan *plan, const char *title,
		       struct setup_undone *ret, struct err *e)
{
	struct host *host = session->host;
	struct plan needed;
	unsigned number;

	plan->settled = true;
	int error = change_needed(host, plan, &needed, e);
	if (error == 0 && needed.n_steps > 0)
		error = change_apply(session, plan, title, &number, e);
	for (size_t i = 0; error == 0 && i < needed.n_steps; i++)
		also(&host->arena, ret, needed.steps[i].why);
	return error;
}

static bool touches(const struct chain *chain, const char *path)
{
	for (size_t i = 0; i < chain->n; i++) {
		const struct names *paths = &chain->changes[i]->paths;

		for (size_t k = 0; k < paths->n; k++) {
			if (str_eq(paths->name[k], path))
				return true;
		}
	}
	return false;
}

/* What the changes themselves put back is left to them. */
static void keep_others(struct plan *plan, const struct chain *chain)
{
	size_t n = 0;

	for (size_t i = 0; i < plan->n_steps; i++) {
		const struct step *step = &plan->steps[i];
		const char *path = step->kind == STEP_FILE ? step->path : step->becomes;

		if (!path || !touches(chain, path))
			plan->steps[n++] = *step;
	}
	plan->n_steps = n;
}

/* Nothing that others may have damaged is read besides. */
static struct boot_setup *read_boot(struct host *host, struct initramfs_setup *ret_images)
{
	struct kernel_facts *kernels = arena_alloc(&host->arena, sizeof(*kernels));
	struct boot_setup *boot = arena_alloc(&host->arena, sizeof(*boot));

	host_read_kernel(host, kernels);
	initramfs_read_setup(host->root, &host->arena, kernels, ret_images);
	if (ret_images->n_candidates == 0)
		image_plain_kernels(host, kernels, ret_images);
	bootloader_read(host, kernels, ret_images, boot);
	image_use_boot(host, boot, ret_images);
	return boot;
}

static int leave_entries(struct change_session *session, const struct chain *chain,
			 struct setup_undone *ret, struct err *e)
{
	struct host *host = session->host;
	struct setup_record record;
	struct initramfs_setup images;
	struct plan plan = { 0 };
	struct err damaged = { 0 };
	int error = setup_record_read(host, &record, &damaged);

	/* whoever keeps it as it is has been told that others have changed it */
	if (error < 0)
		also(&host->arena, ret,
		     arena_printf(&host->arena,
				  "entries and images of kernels that were installed since stay as "
				  "they are: %s",
				  damaged.text));
	if (error < 0 || record.phase == SETUP_NONE)
		return 0;
	error = bootloader_leave(read_boot(host, &images), &record.words, &plan, e);
	if (error == -EOPNOTSUPP) /* they come and go with files of ours */
		return 0;
	keep_others(&plan, chain);
	return error < 0 ? error : do_for_good(session, &plan, "entries of later kernels", ret, e);
}

/* mkinitcpio takes the words of the boot it runs in where no file has any. */
static void tell_words(struct host *host, const struct initramfs_setup *images,
		       struct setup_undone *ret)
{
	struct arena *a = &host->arena;

	for (size_t i = 0; i < images->n_kernels; i++) {
		const struct initramfs_kernel *kernel = &images->kernels[i];
		const char *path = kernel->unified ? kernel->unified : kernel->image;
		struct initramfs_unified now;

		if (!kernel->preset || !path || !image_is_unified(path) ||
		    initramfs_read_unified(host->root, a, path, &now, NULL) < 0 || !now.line ||
		    !strstr(now.line, SETUP_SWITCH))
			continue;
		also(a, ret,
		     arena_printf(a,
				  "%s was made anew with " SETUP_SWITCH " and what else this boot "
				  "has on its command line, as no file has any: write "
				  "etc/kernel/cmdline without the words of the setup, and run "
				  "mkinitcpio -P",
				  path));
	}
}

static int leave_images(struct change_session *session, struct setup_undone *ret, struct err *e)
{
	struct host *host = session->host;
	struct setup_work work = { .host = host, .arena = &host->arena };
	struct initramfs_setup images;
	struct plan plan = { 0 };

	(void)read_boot(host, &images);
	work.initramfs = &images;
	image_leave_steps(&work, &plan);
	if (root_is_live(host->root)) {
		int error = do_for_good(session, &plan, "images of later kernels", ret, e);

		if (error == 0)
			tell_words(host, &images, ret);
		return error;
	}
	for (size_t i = 0; i < plan.n_steps; i++) {
		const char *path = plan.steps[i].becomes;

		also(&host->arena, ret,
		     arena_printf(
			     &host->arena,
			     "%s still has the early helper in it, which %s; 'passthru undo' on "
			     "the system itself makes it anew",
			     path,
			     image_is_unified(path) ? "acts if that image has its words, too"
						    : "does nothing any more"));
	}
	return 0;
}

/* ---- undoing ---- */

/* An image that was made since is that of the kernel which has its name today. */
static const char *const *make_anew(struct host *host, const char *path, const char *output,
				    const char *const *recorded)
{
	struct kernel_facts kernels;
	struct initramfs_setup images;

	host_read_kernel(host, &kernels);
	initramfs_read_setup(host->root, &host->arena, &kernels, &images);
	return initramfs_anew(host->root, &host->arena, &images, path, output, recorded);
}

const struct change_undo_how undo_how = { .anew = make_anew };

static int undo_chain(struct change_session *session, const struct chain *chain,
		      const struct change_undo_how *how, struct setup_undone *ret, struct err *e)
{
	for (size_t i = 0; i < chain->n; i++) {
		int error = change_undo(session, chain->numbers[i], how, &ret->numbers[ret->n], e);

		if (error < 0)
			return error;
		ret->n++;
	}
	return 0;
}

/* Images are looked at when nothing is set up any more, as far as that can be read. */
static int leave_images_of_none(struct change_session *session, struct setup_undone *ret,
				struct err *e)
{
	struct setup_record record;

	if (setup_record_read(session->host, &record, NULL) < 0 || record.phase != SETUP_NONE)
		return 0;
	return leave_images(session, ret, e);
}

/* After an undo that was killed nothing but images may be left. */
static int undo_rest(struct change_session *session, struct setup_undone *ret, struct err *e)
{
	int error = leave_images_of_none(session, ret, e);

	if (error == 0 && ret->also.n == 0 && ret->recovered.n == 0)
		error = err_refuse(e, "there is no change to undo");
	return error;
}

static int undo(struct change_session *session, unsigned number, const struct change_undo_how *how,
		struct setup_undone *ret, struct err *e)
{
	struct host *host = session->host;
	struct change_list list;
	struct chain chain;
	bool held = false;
	int error = change_history(host, &list, e);

	if (error < 0)
		return error;
	const struct change_info *first =
		number ? change_find(&list, number) : change_first_of_last(&list);
	/* an undo, or a setup, of just that change was killed, and change_open() has ended it */
	bool is_gone = number && number == session->recovered_number &&
		       (!first || first->state == CHANGE_UNDONE);
	if (is_gone || (!first && number == 0))
		return undo_rest(session, ret, e);
	collect(&host->arena, &list, first, &chain);
	ret->numbers = arena_array(&host->arena, chain.n + 1, sizeof(*ret->numbers));
	/* one that is not there, or was undone before, is refused by the engine */
	if (chain.n == 0)
		return change_undo(session, number, how, &ret->numbers[0], e);
	error = change_undo_check(session, chain.numbers, chain.n, how, e);
	if (error == 0)
		error = unit_hold_restart(host, &held, e);
	if (error == 0 && chain.has_record)
		error = leave_entries(session, &chain, ret, e);
	if (error == 0)
		error = undo_chain(session, &chain, how, ret, e);
	if (error == 0 && chain.has_record)
		error = leave_images_of_none(session, ret, e);
	if (error < 0)
		unit_let_restart(held);
	return error;
}

int setup_undo(struct host *host, unsigned number, bool keep_changed, struct setup_undone *ret,
	       struct err *e)
{
	struct change_undo_how how = undo_how;
	struct change_session session;

	how.keep_changed = keep_changed;
	*ret = (struct setup_undone){ 0 };
	int error = change_open(host, &how, &session, e);
	ret->recovered = session.recovered;
	if (error == 0)
		error = undo(&session, number, &how, ret, e);
	change_close(&session);
	return error;
}
