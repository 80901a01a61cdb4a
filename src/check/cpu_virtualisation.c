// SPDX-License-Identifier: MIT
// Whether the processor can run guests: the flag vmx or svm of proc/cpuinfo. It says nothing about
// an IOMMU. The kernel clears vmx where the firmware has locked it off (init_ia32_feat_ctl() in
// arch/x86/kernel/cpu/feat_ctl.c, since 5.6); an svm that the firmware turned off shows in
// kvm-device.

#include "check/internal.h"

#include <errno.h>

#define CPUINFO "proc/cpuinfo"

static void judge(struct host *host, struct pci_function *f, struct verdict *v)
{
	const struct platform_facts *p = &host->facts->platform;

	(void)f;
	if (p->vendor.error == -ENOENT)
		return;
	if (p->vendor.error) {
		verdict_unknown(v, CPUINFO, p->vendor.error);
		return;
	}
	if (p->has_vmx || p->has_svm) {
		verdict_evidence(v, CPUINFO, "flags: %s", p->has_vmx ? "vmx" : "svm");
		verdict_set(v, VERDICT_PASS, "the processor can run guests (%s)",
			    p->has_vmx ? "VT-x" : "AMD-V");
		return;
	}
	verdict_evidence(v, CPUINFO, "flags: neither vmx nor svm");
	if (p->in_guest) {
		verdict_set(v, VERDICT_FAIL,
			    "this is a virtual machine that may not run guests of its own");
		verdict_fix(v, NULL, "Turn nested virtualisation on in its hypervisor.");
		return;
	}
	verdict_set(v, VERDICT_FAIL, "the processor's virtualisation is off, or missing");
	verdict_fix(v, NULL, "Turn %s on in the firmware setup.",
		    is_amd(host->facts) ? "SVM (AMD-V)" : "VT-x (Intel Virtualization Technology)");
}

const struct check check_cpu_virtualisation = {
	.id = "cpu-virtualisation",
	.title = "Processor virtualisation",
	.area = "platform",
	.scope = CHECK_HOST,
	.judge = judge,
};
