// SPDX-License-Identifier: MIT
// VFIO pins all memory of a guest, and counts it against RLIMIT_MEMLOCK of the process that maps
// it, unless that has CAP_IPC_LOCK (vfio_lock_acct() in drivers/vfio/vfio_iommu_type1.c). libvirt
// raises the limit for its guests by itself; a QEMU that a user starts has what is measured here.

#include "base/text.h"
#include "check/internal.h"

#include <errno.h>

/* Less than this no guest of use has. */
#define SMALL_GUEST_BYTES (UINT64_C(1) << 30)

static const char *limit_text(struct arena *a, uint64_t bytes)
{
	return bytes == MEMORY_UNLIMITED ? "unlimited" : text_size(a, bytes);
}

static void judge(struct host *host, struct pci_function *f, struct verdict *v)
{
	const struct memory_facts *memory = &host->facts->memory;
	const struct fact_number *soft = &memory->lock_soft_bytes, *hard = &memory->lock_hard_bytes;

	(void)f;
	if (soft->error || hard->error) {
		/* a root that is not running has no processes */
		if (soft->error != -ENOENT)
			verdict_unknown(v, MEMORY_LIMITS, soft->error ? soft->error : hard->error);
		return;
	}
	verdict_evidence(v, MEMORY_LIMITS, "Max locked memory: %s, at most %s",
			 limit_text(v->arena, soft->value), limit_text(v->arena, hard->value));
	if (soft->value == MEMORY_UNLIMITED) {
		verdict_set(v, VERDICT_PASS, "a process may lock any amount of memory");
		return;
	}
	if (soft->value >= SMALL_GUEST_BYTES) {
		verdict_set(v, VERDICT_PASS, "a guest that a user starts may have up to %s",
			    text_size(v->arena, soft->value));
		return;
	}
	verdict_set(v, VERDICT_WARN,
		    "a user may lock %s: a guest with devices starts only as root or by libvirt",
		    text_size(v->arena, soft->value));
	verdict_fix(v, NULL,
		    "For guests that a user starts, raise the limit: memlock in "
		    "etc/security/limits.d, LimitMEMLOCK= for units of systemd.");
}

const struct check check_memory_lock = {
	.id = "memory-lock",
	.title = "Locked memory",
	.area = "resources",
	.scope = CHECK_HOST,
	.judge = judge,
};
