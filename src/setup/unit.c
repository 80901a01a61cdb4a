// SPDX-License-Identifier: MIT
// The unit that confirms a trial boot by itself. Files alone: what wants it is a drop-in of the
// target, so that taking it back is taking files back. It runs in no boot but that of a trial.

#include "host/host.h"
#include "setup/internal.h"

#include <string.h>

#define UNIT "etc/systemd/system/passthru-confirm.service"
#define WANTS "etc/systemd/system/multi-user.target.d/passthru.conf"

/* What a host has that systemd starts; proc/1 is that of whoever looks. */
bool unit_possible(struct host *host)
{
	return work_has(host, "usr/lib/systemd/systemd") || work_has(host, "lib/systemd/systemd");
}

int unit_check(struct host *host, bool confirm_auto, struct err *e)
{
	if (!confirm_auto || unit_possible(host))
		return 0;
	return err_refuse(e, "--confirm auto needs systemd, which would start the confirmation, "
			     "and this host is not started by it: leave it out, and run "
			     "'passthru confirm' in the trial boot");
}

static void add(struct arena *a, struct plan *plan, const char *path, const char *text)
{
	plan_file(a, plan, "the trial boot is confirmed by itself when it comes up as planned",
		  path, (struct bytes){ text, strlen(text) }, 0);
}

static void leave(struct arena *a, struct plan *plan)
{
	static const char *const paths[] = { UNIT, WANTS };

	for (size_t i = 0; i < ARRAY_SIZE(paths); i++)
		plan_absent(a, plan, "the trial boot is to be confirmed by hand", paths[i]);
}

void unit_confirm_steps(const struct setup_work *work, struct plan *plan)
{
	struct arena *a = work->arena;

	if (!work->target.record.confirm_auto) {
		/* it was asked for when this was set up */
		if (work->record.confirm_auto)
			leave(a, plan);
		return;
	}
	add(a, plan, UNIT,
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
	add(a, plan, WANTS, "[Unit]\nWants=passthru-confirm.service\n");
}
