// SPDX-License-Identifier: MIT
// Other programs that hand devices over, and leftovers of scripts. Two that write the same
// driver_override undo each other's work; new_id takes twins along and works once; virsh in a hook
// waits for the daemon that waits for the hook (libvirt's documentation of hooks forbids it).

#include "base/text.h"
#include "check/internal.h"

#include <errno.h>

static const struct {
	enum verdict_kind kind;
	const char *what;
	const char *fix;
} rows[] = {
	[TRACE_DRIVERCTL] = { VERDICT_WARN, "driverctl binds this device at every boot",
			      "Let one program handle the device: driverctl unset-override takes "
			      "it back." },
	[TRACE_PROXMOX] = { VERDICT_WARN, "a guest of Proxmox VE has a device",
			    "Leave the devices of that guest to Proxmox VE." },
	[TRACE_PROXMOX_HOST] = { VERDICT_PASS, "this is a host of Proxmox VE", NULL },
	[TRACE_QUICKPASSTHROUGH] = { VERDICT_WARN, "quickpassthrough has set this host up",
				     "Take its changes back before another program makes them." },
	[TRACE_VFIO_SCRIPT] = { VERDICT_WARN, "vfio.sh has set this host up",
				"Take its changes back (vfio.sh --reset) before another program "
				"makes them." },
	[TRACE_OVERRIDE_SCRIPT] = { VERDICT_WARN, "a script of a guide binds devices at boot",
				    "Remove the script and the install line that calls it." },
	[TRACE_NEW_ID] = { VERDICT_WARN,
			   "something writes ids to new_id, which takes every device with them",
			   "Bind by address, with driver_override, instead." },
	[TRACE_HOOK_VIRSH] = { VERDICT_WARN, "a libvirt hook calls virsh, which can block libvirtd",
			       "Do without virsh in the hook." },
};

static void add(struct verdict *v, enum trace_kind kind, const char *where, const char *text)
{
	verdict_evidence(v, where, "%s", text);
	if (rows[kind].kind > v->kind && rows[kind].fix)
		verdict_fix(v, NULL, "%s", rows[kind].fix);
	verdict_raise(v, rows[kind].kind, "%s: %s", where, rows[kind].what);
}

static void judge(struct host *host, struct pci_function *f, struct verdict *v)
{
	const struct traces_facts *traces = &host->facts->traces;
	const struct modprobe_line *line = NULL;

	(void)f;
	for (size_t i = 0; i < traces->n_traces; i++) {
		const struct trace *trace = &traces->traces[i];
		const char *where = trace->path;
		if (trace->number)
			where = arena_printf(v->arena, "%s:%u", trace->path, trace->number);
		add(v, trace->kind, where, trace->text);
	}
	while ((line = modprobe_next(&host->facts->modprobe, MODPROBE_INSTALL, "vfio_pci", line)))
		add(v, TRACE_OVERRIDE_SCRIPT, modprobe_place(v->arena, line),
		    arena_printf(v->arena, "install %s %s", line->module, line->rest));
	if (traces->error) {
		verdict_evidence(v, traces->error_path, "%s", verdict_reason(traces->error));
		verdict_raise(v, VERDICT_UNKNOWN, "%s: %s", traces->error_path,
			      verdict_reason(traces->error));
		if (v->kind == VERDICT_UNKNOWN &&
		    (traces->error == -EACCES || traces->error == -EPERM))
			verdict_fix(v, NULL, "Run the check as root.");
	}
	if (v->n_evidence == 0)
		verdict_evidence(v, "etc",
				 "nothing of driverctl, Proxmox VE, a script of a guide, "
				 "or a hook");
	verdict_raise(v, VERDICT_PASS, "no other program hands devices over here");
}

const struct check check_other_tools = {
	.id = "other-tools",
	.title = "Other programs",
	.area = "configuration",
	.scope = CHECK_HOST,
	.judge = judge,
};
