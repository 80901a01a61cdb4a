// SPDX-License-Identifier: MIT
// Virtual functions. A physical function that has some stays with the host: its driver owns them,
// and they would go with it, under whatever guests have them.

#include "base/text.h"
#include "check/device.h"

#include <errno.h>
#include <inttypes.h>

static void judge(struct host *host, struct pci_function *f, struct verdict *v)
{
	const struct pci_detail *detail = &f->facts->detail;
	const char *path = device_path(v, f, "sriov_numvfs");

	(void)host;
	if (f->error || pci_is_bridge(f))
		return;
	if (detail->physical_function.error == 0) {
		verdict_set(v, VERDICT_PASS, "it is a virtual function of %s",
			    detail->physical_function.value);
		verdict_evidence(v, device_path(v, f, "physfn"), "%s",
				 detail->physical_function.value);
		return;
	}
	if (detail->vfs.error == -ENOENT)
		return;
	if (detail->vfs.error) {
		verdict_unknown(v, path, detail->vfs.error);
		return;
	}
	verdict_evidence(v, path, "%" PRIu64, detail->vfs.value);
	if (detail->vfs.value == 0) {
		verdict_set(v, VERDICT_PASS, "it has no virtual functions that would go with it");
		if (detail->vfs_max.error == 0)
			verdict_evidence(v, device_path(v, f, "sriov_totalvfs"), "%" PRIu64,
					 detail->vfs_max.value);
		return;
	}
	verdict_set(
		v, VERDICT_FAIL, "it has %s, which would go with it",
		text_count(v->arena, detail->vfs.value, "virtual function", "virtual functions"));
	verdict_fix(v, NULL,
		    "Hand over virtual functions instead of the whole card; or remove them first, "
		    "by writing 0 to %s.",
		    path);
}

const struct check check_sriov = {
	.id = "sriov",
	.title = "Virtual functions",
	.area = "device",
	.scope = CHECK_DEVICE,
	.judge = judge,
};
