// SPDX-License-Identifier: MIT
// The units of a trial boot: one that confirms it, and a timer that restarts it when nobody has.
// Files alone: what wants them is a drop-in of a target, so that taking it back is taking files
// back. They do nothing in any boot but that of a trial.
//
// The timer is wanted by what every boot begins with and waits for nothing, so that it runs too
// where a file system does not come up and systemd stops in its emergency mode.

#include "base/run.h"
#include "host/host.h"
#include "setup/internal.h"

#include <errno.h>
#include <string.h>

#define DIRECTORY "etc/systemd/system/"
#define CONFIRM "passthru-confirm.service"
#define RESTART "passthru-restart"
#define LIMIT_MS 20000u

static const char confirm_wants[] = DIRECTORY "multi-user.target.d/passthru.conf";
static const char restart_wants[] = DIRECTORY "sysinit.target.d/passthru-restart.conf";
static const char confirm_unit[] = DIRECTORY CONFIRM;
static const char restart_unit[] = DIRECTORY RESTART ".service";
static const char restart_timer[] = DIRECTORY RESTART ".timer";

/* What a host has that systemd starts; proc/1 is that of whoever looks. */
bool unit_possible(struct host *host)
{
	return work_has(host, "usr/lib/systemd/systemd") || work_has(host, "lib/systemd/systemd");
}

int unit_check(struct host *host, const struct setup_record *record, struct err *e)
{
	if (unit_possible(host))
		return 0;
	if (record->confirm_auto)
		return err_refuse(e, "--confirm auto needs systemd, which would start the "
				     "confirmation, and this host is not started by it: leave it "
				     "out, and run 'passthru confirm' in the trial boot");
	if (record->limit_s)
		return err_refuse(e, "--for needs systemd, which would restart the trial boot, and "
				     "this host is not started by it: leave it out");
	return 0;
}

/* ---- files ---- */

static void add(struct arena *a, struct plan *plan, const char *why, const char *path,
		const char *text)
{
	plan_file(a, plan, why, path, (struct bytes){ text, strlen(text) }, 0);
}

static void confirm_steps(struct arena *a, struct plan *plan)
{
	static const char why[] =
		"the trial boot is confirmed by itself when it comes up as planned";

	add(a, plan, why, confirm_unit,
	    arena_printf(a,
			 "# Makes what 'passthru setup' has tried in this boot permanent, when it "
			 "came up as planned.\n"
			 "[Unit]\n"
			 "Description=Confirm the trial boot of passthru\n"
			 "Documentation=man:passthru-confirm(8)\n"
			 "ConditionKernelCommandLine=" BOOTLOADER_TRIAL_WORD "\n"
			 /* a host that does not get this far has not come up */
			 "After=multi-user.target\n"
			 "\n"
			 "[Service]\n"
			 "Type=oneshot\n"
			 /* the images of all kernels are made meanwhile */
			 "TimeoutStartSec=infinity\n"
			 "ExecStart=/%s confirm --auto\n",
			 setup_program));
	add(a, plan, why, confirm_wants, "[Unit]\nWants=" CONFIRM "\n");
}

static void restart_steps(struct arena *a, unsigned limit_s, struct plan *plan)
{
	static const char why[] =
		"the trial boot restarts by itself unless it is confirmed in time";

	add(a, plan, why, restart_unit,
	    "# Ends a trial boot of passthru that nobody has confirmed: the next one is the old "
	    "one.\n"
	    "[Unit]\n"
	    "Description=Restart, as nobody has confirmed the trial boot of passthru\n"
	    "Documentation=man:passthru-setup(8)\n"
	    "DefaultDependencies=no\n"
	    "ConditionKernelCommandLine=" BOOTLOADER_TRIAL_WORD "\n"
	    /* what is confirmed, or taken back, has no such file any more */
	    "ConditionPathExists=/etc/systemd/system/" RESTART ".timer\n"
	    "\n"
	    "[Service]\n"
	    "Type=oneshot\n"
	    /* `systemctl reboot` would ask logind, which may not run, or wait for somebody */
	    "ExecStart=/bin/sh -c 'exec systemctl --no-block --job-mode=replace-irreversibly "
	    "start reboot.target'\n");
	add(a, plan, why, restart_timer,
	    arena_printf(a,
			 "# How long a trial boot of passthru may go without being confirmed, from "
			 "the start of its kernel on.\n"
			 "[Unit]\n"
			 "Description=Wait for the trial boot of passthru to be confirmed\n"
			 "Documentation=man:passthru-setup(8)\n"
			 "DefaultDependencies=no\n"
			 "Conflicts=shutdown.target\n"
			 "Before=shutdown.target\n"
			 "ConditionKernelCommandLine=" BOOTLOADER_TRIAL_WORD "\n"
			 "\n"
			 "[Timer]\n"
			 "OnBootSec=%u\n"
			 "AccuracySec=1\n",
			 limit_s));
	add(a, plan, why, restart_wants, "[Unit]\nWants=" RESTART ".timer\n");
}

static void leave_restart(struct arena *a, const char *why, struct plan *plan)
{
	plan_absent(a, plan, why, restart_wants);
	plan_absent(a, plan, why, restart_timer);
	plan_absent(a, plan, why, restart_unit);
}

void unit_trial_steps(const struct setup_work *work, struct plan *plan)
{
	const struct setup_record *wanted = &work->target.record, *before = &work->record;
	struct arena *a = work->arena;

	if (wanted->confirm_auto) {
		confirm_steps(a, plan);
	} else if (before->confirm_auto) { /* it was asked for when this was set up */
		plan_absent(a, plan, "the trial boot is to be confirmed by hand", confirm_unit);
		plan_absent(a, plan, "the trial boot is to be confirmed by hand", confirm_wants);
	}
	if (wanted->limit_s)
		restart_steps(a, wanted->limit_s, plan);
	else if (before->limit_s)
		leave_restart(a, "the trial boot is to go on until somebody ends it", plan);
}

void unit_permanent_steps(const struct setup_work *work, struct plan *plan)
{
	if (work->target.record.limit_s)
		leave_restart(work->arena, "the trial is over", plan);
}

/* ---- the boot that runs ---- */

static void ignore(void *closure, const char *data, size_t n)
{
	(void)closure, (void)data, (void)n;
}

static int tell(const char *verb, struct err *e)
{
	const char *argv[] = {
		"systemctl", "--no-ask-password", verb, "--", RESTART ".timer", NULL
	};

	return run_read_within(argv, LIMIT_MS, ignore, NULL, e);
}

int unit_hold_restart(struct host *host, bool *ret_held, struct err *e)
{
	*ret_held = false;
	if (!root_is_live(host->root) || !work_has(host, "run/systemd/system") ||
	    tell("is-active", NULL) < 0)
		return 0;
	int error = tell("stop", e);
	if (error < 0)
		return err_wrap(e, error, "holding back the restart of this trial boot");
	*ret_held = true;
	return 0;
}

void unit_let_restart(bool held)
{
	/* the failure of what it was held for is what the user has to hear */
	if (held)
		(void)!tell("start", NULL);
}
