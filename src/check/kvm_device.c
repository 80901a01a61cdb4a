// SPDX-License-Identifier: MIT
// Whether KVM runs: its device is registered (kvm_init() in virt/kvm/kvm_main.c) only after the
// module of this processor has found virtualisation usable.

#include "base/text.h"
#include "check/internal.h"

#include <errno.h>

#define KVM "sys/class/misc/kvm"
#define MODULES "proc/modules"

static void judge(struct host *host, struct pci_function *f, struct verdict *v)
{
	const struct host_facts *facts = host->facts;
	const struct kernel *kernel = kernel_running(&facts->kernel);
	const char *module = is_amd(facts) ? "kvm_amd" : "kvm_intel", *list;

	(void)f;
	if (facts->platform.kvm.error == 0) {
		verdict_set(v, VERDICT_PASS, "KVM is ready");
		verdict_evidence(v, facts->platform.kvm.value, "there");
		return;
	}
	/* a root that is not running */
	if (facts->platform.kvm.error == -ENOENT && facts->kernel.release.error == -ENOENT)
		return;
	if (facts->platform.kvm.error != -ENOENT) {
		verdict_unknown(v, KVM, facts->platform.kvm.error);
		return;
	}
	verdict_evidence(v, KVM, "not there");
	verdict_set(v, VERDICT_FAIL, "KVM is not running");
	if (facts->platform.vendor.error || !(facts->platform.has_vmx || facts->platform.has_svm)) {
		verdict_fix(v, NULL, "See cpu-virtualisation.");
		return;
	}
	if (kernel && kernel_module(kernel, module, &list) == KERNEL_MODULE_ABSENT) {
		verdict_evidence(v, list, "no %s", module);
		verdict_fix(v, NULL, "Boot a kernel that has the module %s.", module);
		return;
	}
	if (facts->kernel.loaded_error == 0 && !kernel_module_loaded(&facts->kernel, module))
		verdict_evidence(v, MODULES, "no %s", module);
	verdict_fix(v, arena_printf(v->arena, "modprobe %s", module),
		    "Load %s; when it refuses, turn virtualisation on in the firmware setup.",
		    module);
}

const struct check check_kvm_device = {
	.id = "kvm-device",
	.title = "KVM",
	.area = "platform",
	.scope = CHECK_HOST,
	.judge = judge,
};
