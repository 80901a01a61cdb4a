// SPDX-License-Identifier: MIT
// A trial boot becomes permanent only while it runs, and only when every function and every word
// came up as planned: what this boot has shown to work is what all later ones get.

#include "base/text.h"
#include "host/host.h"
#include "setup/internal.h"

#include <errno.h>

static int check_boot(const struct setup_state *state, struct err *e)
{
	if (state->booted_trial)
		return 0;
	if (state->armed_in_this_boot == 1)
		return err_refuse(e, "this boot is not the trial, which is the next one: reboot "
				     "into it first");
	if (state->booted)
		return err_refuse(e, "this boot has passthru.boot=1, and is not the trial: "
				     "'passthru setup' arms the trial again");
	return err_refuse(e, "this boot is not the trial: reboot into it first; when it was tried, "
			     "and this is the boot after it, it did not come up: 'passthru setup' "
			     "arms it again, 'passthru undo' takes it back");
}

static int check_arrivals(const struct setup_arrivals *arrivals, struct err *e)
{
	for (size_t i = 0; i < arrivals->n; i++) {
		const struct setup_arrival *arrival = &arrivals->list[i];

		if (!arrival->arrived)
			return err_refuse(e, "the trial did not come up as planned: %s: %.800s",
					  arrival->record->function.address, arrival->why);
	}
	if (arrivals->missing.n > 0)
		return err_refuse(e,
				  "the trial did not come up as planned: %s is not on the kernel's "
				  "command line",
				  arrivals->missing.name[0]);
	return 0;
}

static int make_permanent(struct change_session *session, const struct setup_state *state,
			  unsigned *ret_number, struct err *e)
{
	struct setup_work work;
	struct plan plan = { .continues = state->trial };
	int error = work_read(session->host, &work, e);

	if (error == 0)
		error = work_check(&work, state->kernel, e);
	if (error < 0)
		return error;
	work_aim_at_state(&work);
	work_look_at_image(&work);
	error = work_plan_permanent(&work, false, &plan, e);
	if (error == 0)
		error = image_check_room(&work, &plan, e);
	return error < 0 ? error
			 : change_apply(session, &plan, work_title(&work, "reserve for good"),
					ret_number, e);
}

/* Also what a confirmation that was killed behind its change has left to say. */
static int mark(struct change_session *session, unsigned trial, unsigned permanent, struct err *e)
{
	int error = trial ? change_confirm(session, trial, e) : 0;

	return error == 0 && permanent ? change_confirm(session, permanent, e) : error;
}

static int confirm(struct change_session *session, struct setup_arrivals *ret_arrivals,
		   unsigned *ret_number, struct err *e)
{
	struct setup_state state;
	bool held = false;
	int error = setup_read(session->host, &state, e);

	if (error == 0 && state.phase == SETUP_NONE)
		error = err_refuse(e, "nothing is set up on this host: 'passthru setup' does that");
	if (error < 0)
		return error;
	if (state.phase == SETUP_PERMANENT)
		return mark(session, state.trial, state.permanent, e);
	error = check_boot(&state, e);
	if (error == 0)
		error = setup_arrived(session->host, &state, ret_arrivals, e);
	if (error == 0)
		error = check_arrivals(ret_arrivals, e);
	if (error == 0)
		error = unit_hold_restart(session->host, &held, e);
	if (error == 0)
		error = make_permanent(session, &state, ret_number, e);
	if (error < 0)
		unit_let_restart(held);
	return error < 0 ? error : mark(session, state.trial, *ret_number, e);
}

int setup_confirm(struct host *host, struct setup_arrivals *ret_arrivals, unsigned *ret_number,
		  struct err *e)
{
	struct change_session session;

	*ret_arrivals = (struct setup_arrivals){ 0 };
	*ret_number = 0;
	int error = change_open(host, &undo_how, &session, e);
	if (error == 0)
		error = confirm(&session, ret_arrivals, ret_number, e);
	change_close(&session);
	return error;
}

int setup_recover(struct host *host, struct names *ret, struct err *e)
{
	struct change_session session;
	struct setup_state state;

	*ret = (struct names){ 0 };
	if (setup_read(host, &state, NULL) == 0)
		return 0;
	int error = change_open(host, &undo_how, &session, e);
	*ret = session.recovered;
	change_close(&session);
	return error;
}
