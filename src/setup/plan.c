// SPDX-License-Identifier: MIT
// From a wish to a plan: what is wished minus what is there. A wish that differs from what is set
// up is refused, because taking the one back and setting the other up are two changes, each of
// which can be seen and undone.

#include "base/text.h"
#include "host/host.h"
#include "setup/internal.h"

#include <errno.h>
#include <string.h>

/* ---- what is aimed at ---- */

static bool same_words(const struct names *a, const struct names *b)
{
	bool same = a->n == b->n;

	for (size_t i = 0; same && i < a->n; i++)
		same = str_eq(a->name[i], b->name[i]);
	return same;
}

static int refuse_other(const struct setup_work *work, bool same_devices, struct err *e)
{
	unsigned number = work->state.permanent ? work->state.permanent : work->state.trial;

	return err_refuse(e,
			  "another setup is in place (change %u): it has %s; take it back first, "
			  "with 'passthru undo'",
			  number,
			  same_devices
				  ? arena_concat(work->arena, "the words ",
						 text_join(work->arena, work->record.words.name,
							   work->record.words.n, " "))
				  : "other devices");
}

/* A file that nobody has set up is somebody's own. */
static int check_stray(const struct setup_work *work, struct err *e)
{
	const struct reserved_facts *reserved = &work->facts->reserved;

	if (reserved->file_error == -ENOENT || reserved->file_error == -ENODATA)
		return 0;
	return err_refuse(e,
			  "%s is there, and no setup has made it (%s is not there): move it away, "
			  "or put that back",
			  RESERVE_FILE, SETUP_FILE);
}

static int aim(struct setup_work *work, const struct setup_wish *wish, struct err *e)
{
	struct setup_record record = {
		.confirm_auto = wish->confirm_auto && !wish->no_trial,
		.limit_s = wish->no_trial ? 0 : wish->limit_s,
	};
	int error = wish_words(work, wish, &record, e);

	if (error == 0)
		error = unit_check(work->host, &record, e);
	if (error < 0)
		return error;
	if (work->record.phase == SETUP_NONE) {
		error = check_stray(work, e);
		work->target.record = record;
		return error < 0 ? error : device_records(work, wish, &work->target, e);
	}
	bool same = device_same(work, wish);
	if (!same || !same_words(&record.words, &work->record.words))
		return refuse_other(work, same, e);
	work_aim_at_state(work);
	if (work->record.phase == SETUP_TRIAL && !wish->no_trial) {
		work->target.record.confirm_auto = record.confirm_auto;
		work->target.record.limit_s = record.limit_s;
	}
	return 0;
}

/* ---- notes ---- */

static void note_boot(const struct setup_work *work, const char *text, struct plan *plan)
{
	plan_note(work->arena, plan, NOTE_NEXT_BOOT, text);
}

static void note_boots(const struct setup_work *work, bool trial, struct plan *plan)
{
	const char *release = work->kernel->release;
	struct arena *a = work->arena;

	if (trial && work->target.record.confirm_auto)
		note_boot(
			work,
			arena_printf(a,
				     "The next boot is a trial, with the kernel %s. When it comes "
				     "up as planned, it is made permanent by itself; when it does "
				     "not, the boot after it is the old one again.",
				     release),
			plan);
	else if (trial)
		note_boot(
			work,
			arena_printf(a,
				     "The next boot is a trial, with the kernel %s; the boot after "
				     "it is the old one again. 'passthru confirm', in the trial "
				     "boot, makes it permanent.",
				     release),
			plan);
	else
		note_boot(work,
			  "Every boot from the next one on reserves these functions. The entry "
			  "'" BOOTLOADER_PLAIN_ENTRY
			  "' of the boot loader starts this host without.",
			  plan);
	if (trial && work->target.record.limit_s)
		note_boot(work,
			  arena_printf(a,
				       "The trial restarts by itself, into the boot after it, when "
				       "it was not confirmed within %s of its start.",
				       text_time(a, work->target.record.limit_s)),
			  plan);
}

static void note_wish(const struct setup_work *work, const struct setup_wish *wish,
		      struct plan *plan)
{
	struct arena *a = work->arena;
	uint64_t bytes = 0;

	for (size_t i = 0; i < wish->n_pages; i++)
		bytes += wish->pages[i].size_bytes * wish->pages[i].count;
	if (bytes)
		plan_note(a, plan, NOTE_LOSS,
			  arena_printf(a,
				       "%s of memory are set aside for guests, whether one runs or "
				       "not",
				       text_size(a, bytes)));
	if (wish->isolated)
		plan_note(a, plan, NOTE_LOSS,
			  arena_printf(a,
				       "the processors %s take no work of the host that nobody "
				       "puts there",
				       wish->isolated));
	for (size_t i = 0; i < wish->blacklisted.n; i++)
		plan_note(a, plan, NOTE_LOSS,
			  arena_printf(a,
				       "no device gets the driver %s by itself any more, a second "
				       "card of the kind neither; reserving needs no such thing",
				       wish->blacklisted.name[i]));
}

/* "0000:41:00.0, 0000:41:00.1" */
static const char *functions_of(const struct setup_work *work, const char *driver)
{
	const struct setup_target *target = &work->target;
	const char **names = arena_array(work->arena, target->n_records, sizeof(*names));
	size_t n = 0;

	for (size_t i = 0; i < target->n_records; i++) {
		if (kernel_same_name(target->records[i].driver, driver))
			names[n++] = target->records[i].function.address;
	}
	return text_join(work->arena, names, n, ", ");
}

static void note_drivers(const struct setup_work *work, const struct kernel *kernel,
			 struct plan *plan)
{
	const char *path;

	for (size_t i = 0; i < work->target.n_records; i++) {
		const char *driver = work->target.records[i].driver;

		if (!record_driver_is_first(&work->target, i) ||
		    kernel_module(kernel, driver, &path) != KERNEL_MODULE_ABSENT)
			continue;
		note_boot(work,
			  arena_printf(work->arena,
				       "The kernel %s has no module %s: under it no driver has %s.",
				       kernel->release, driver, functions_of(work, driver)),
			  plan);
	}
}

static void note_kernels(const struct setup_work *work, struct plan *plan)
{
	struct arena *a = work->arena;

	for (size_t i = 0; i < work->facts->kernel.n_kernels; i++)
		note_drivers(work, &work->facts->kernel.kernels[i], plan);
	if (work->initramfs->chosen && !work->hook->generator)
		note_boot(work,
			  arena_printf(a,
				       "Images of %s run no script of others: the functions are "
				       "taken when the root file system is there, from the drivers "
				       "that are in the image.",
				       work->initramfs->chosen->generator->name),
			  plan);
}

/* ---- the plan ---- */

/* Records of a host cannot be compared with what is to be written. */
static int keep_needed(struct host *host, struct plan *plan, struct err *e)
{
	struct plan needed;

	if (!host->root->ops->open)
		return 0;
	int error = change_needed(host, plan, &needed, e);
	if (error == 0)
		*plan = needed;
	return error;
}

/* --no-trial is advised only where it would not be refused in turn. */
static int refuse_trial(const struct setup_work *work, const char *why, struct err *e)
{
	struct plan permanent = { 0 };
	struct err other = { 0 };

	if (work_plan_permanent(work, false, &permanent, &other) < 0)
		(void)err_refuse(e,
				 "no trial boot can be made here: %.450s; for every boot at once "
				 "it cannot be set up either: %.450s",
				 why, other.text);
	else
		(void)err_refuse(e,
				 "no trial boot can be made here: %.700s; --no-trial sets it up "
				 "for every boot at once, and an entry without it stays",
				 why);
	return -EOPNOTSUPP;
}

/* A trial that came up as planned waits for confirm; one that did not is put right and armed again.
 */
static int look_at_trial(const struct setup_work *work, struct setup_plan *ret, struct err *e)
{
	struct setup_arrivals arrivals;

	if (!work->state.booted_trial)
		return 0;
	int error = setup_arrived(work->host, &work->state, &arrivals, e);
	if (error < 0)
		return error;
	ret->under_way = arrivals.all;
	if (ret->under_way)
		ret->now.n_steps = 0;
	return 0;
}

static int plan_both(struct setup_work *work, const struct setup_wish *wish, struct setup_plan *ret,
		     struct err *e)
{
	struct err why = { 0 };
	struct plan trial = { 0 };
	bool no_trial = wish->no_trial || work->record.phase == SETUP_PERMANENT;
	int error = work->record.phase == SETUP_PERMANENT ? 0 : work_plan_trial(work, &trial, &why);

	if (error == -EOPNOTSUPP) {
		ret->no_trial_reason = arena_strdup(work->arena, why.text);
		if (!no_trial)
			return refuse_trial(work, why.text, e);
	} else if (error < 0) {
		return err_fail(e, error, "%s", why.text);
	}
	struct plan *permanent = no_trial ? &ret->now : &ret->later;
	ret->phase = no_trial ? SETUP_PERMANENT : SETUP_TRIAL;
	error = work_plan_permanent(work, !no_trial, permanent, e);
	if (error < 0 || no_trial)
		return error;
	trial.notes = ret->now.notes;
	trial.n_notes = ret->now.n_notes;
	trial.notes_room = ret->now.notes_room;
	ret->now = trial;
	return look_at_trial(work, ret, e);
}

static int make_plan(struct setup_work *work, const struct setup_wish *wish, struct setup_plan *ret,
		     struct err *e)
{
	work_look_at_image(work);
	ret->words = work->target.record.words;
	ret->trial_words = work->target.record.trial_words;
	note_boots(work, !wish->no_trial && work->record.phase != SETUP_PERMANENT, &ret->now);
	note_kernels(work, &ret->now);
	note_wish(work, wish, &ret->now);
	int error = loss_judge(work, wish, &ret->now, e);
	if (error < 0)
		return error;
	error = plan_both(work, wish, ret, e);
	if (error == 0)
		error = keep_needed(work->host, &ret->now, e);
	/* nothing is to come but what runs already */
	if (ret->now.n_steps == 0 && (ret->under_way || ret->phase == SETUP_PERMANENT))
		ret->now.n_notes = 0;
	ret->now.continues = work->state.permanent ? work->state.permanent : work->state.trial;
	ret->later.continues = work->state.trial;
	return error;
}

static int plan_steps(struct setup_work *work, const struct setup_wish *wish,
		      struct setup_plan *ret, struct err *e)
{
	int error = work_check(work, work->record.kernel, e);

	if (error == 0)
		error = aim(work, wish, e);
	return error < 0 ? error : make_plan(work, wish, ret, e);
}

/* Ours mean something to the early helper alone, which nobody puts in place by hand. */
static void leave_own_out(struct names *words)
{
	size_t n = 0;

	for (size_t i = 0; i < words->n; i++) {
		if (!str_starts(words->name[i], "passthru."))
			words->name[n++] = words->name[i];
	}
	words->n = n;
}

/* Functions of one kind have their ids in common. */
static void name_functions(const struct setup_work *work, const struct setup_wish *wish,
			   struct boot_change *ret)
{
	struct arena *a = work->arena;

	ret->addresses.name = arena_array(a, wish->n_functions, sizeof(*ret->addresses.name));
	ret->ids.name = arena_array(a, wish->n_functions, sizeof(*ret->ids.name));
	for (size_t i = 0; i < wish->n_functions; i++) {
		const struct pci_function *f = wish->functions[i];
		const char *ids = arena_printf(a, "%04x:%04x", f->vendor, f->device);
		bool is_new = true;

		for (size_t k = 0; k < ret->ids.n; k++)
			is_new = is_new && !str_eq(ret->ids.name[k], ids);
		ret->addresses.name[ret->addresses.n++] = f->name;
		if (is_new)
			ret->ids.name[ret->ids.n++] = ids;
	}
}

/* A system that lets no program do it is asked first: it may have no generator that we know. */
static int plan_by_hand(struct setup_work *work, const struct setup_wish *wish,
			struct setup_plan *ret, struct err *e)
{
	struct setup_record record = { 0 };
	struct boot_change change = { 0 };

	if (!work->boot->chosen || !work->boot->chosen->loader->by_hand)
		return 0;
	int error = wish_words(work, wish, &record, e);
	if (error < 0)
		return error;
	change.words = record.words;
	name_functions(work, wish, &change);
	ret->by_hand = bootloader_by_hand(work->boot, &change);
	if (!ret->by_hand)
		return 0;
	leave_own_out(&record.words);
	ret->words = record.words;
	note_wish(work, wish, &ret->now);
	return loss_judge(work, wish, &ret->now, e);
}

static int read_and_plan(struct host *host, const struct setup_wish *wish, struct setup_work *work,
			 struct setup_plan *ret, struct err *e)
{
	struct err refusal = { 0 };

	*ret = (struct setup_plan){ 0 };
	int error = work_read(host, work, e);
	if (error < 0)
		return error;
	ret->boot = work->boot;
	ret->initramfs = work->initramfs;
	/* a recorder is to see what a plan for another device reads */
	int refused = device_check(work, wish, &refusal);
	error = plan_by_hand(work, wish, ret, e);
	if (error == 0 && !ret->by_hand)
		error = plan_steps(work, wish, ret, e);
	if (refused < 0 && e)
		*e = refusal;
	return refused < 0 ? refused : error;
}

int setup_make_plan(struct host *host, const struct setup_wish *wish, struct setup_plan *ret,
		    struct err *e)
{
	struct setup_work work;

	return read_and_plan(host, wish, &work, ret, e);
}

static int apply(struct change_session *session, const struct setup_wish *wish,
		 unsigned *ret_number, struct err *e)
{
	struct setup_work work;
	struct setup_plan plan;
	bool held = false;
	int error = read_and_plan(session->host, wish, &work, &plan, e);

	if (error < 0)
		return error;
	if (plan.by_hand)
		return err_refuse(e, "no program may set up this host: 'passthru plan' says what "
				     "to put in place by hand");
	error = image_check_room(&work, &plan.now, e);
	if (error == 0)
		error = unit_hold_restart(session->host, &held, e);
	if (error == 0)
		error = change_apply(session, &plan.now, work_title(&work, "reserve"), ret_number,
				     e);
	if (error < 0)
		unit_let_restart(held);
	return error;
}

int setup_apply(struct host *host, const struct setup_wish *wish, const struct setup_plan *plan,
		unsigned *ret_number, struct names *ret_recovered, struct err *e)
{
	struct change_session session;

	*ret_number = 0;
	/* what is there may be another thing than when @plan was shown, so it is made again; but
	 * not when nothing was to be done then */
	if (plan->now.n_steps == 0 && !plan->by_hand)
		return 0;
	int error = change_open(host, &undo_how, &session, e);
	if (session.recovered.n > 0)
		*ret_recovered = session.recovered;
	if (error == 0)
		error = apply(&session, wish, ret_number, e);
	change_close(&session);
	return error;
}
