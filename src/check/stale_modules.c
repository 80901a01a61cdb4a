// SPDX-License-Identifier: MIT
// vfio_virqfd was a module of its own until Linux 6.1; since 6.2 it is a part of vfio. A list that
// still names it makes dracut, mkinitcpio and systemd-modules-load report an error at best. What
// the installed kernels have decides, their version only where their lists cannot be read.

#include "base/text.h"
#include "check/internal.h"

#include <errno.h>

#define GONE "vfio_virqfd"

/* Whether one of the kernels has it. */
static const struct kernel *owner(const struct kernel_facts *facts)
{
	for (size_t i = 0; i < facts->n_kernels; i++) {
		const struct kernel *kernel = &facts->kernels[i];
		enum kernel_module module = kernel_module(kernel, GONE, NULL);

		if (module == KERNEL_MODULE_LOADABLE || module == KERNEL_MODULE_BUILTIN ||
		    (module == KERNEL_MODULE_UNKNOWN && !kernel_at_least(kernel->release, 6, 2)))
			return kernel;
	}
	return NULL;
}

static void judge(struct host *host, struct pci_function *f, struct verdict *v)
{
	const struct traces_facts *traces = &host->facts->traces;
	const struct kernel *kernel = owner(&host->facts->kernel);
	const struct module_mention *first = NULL;
	size_t n = 0;

	(void)f;
	for (size_t i = 0; i < traces->n_mentions; i++) {
		const struct module_mention *mention = &traces->mentions[i];
		if (!kernel_same_name(mention->module, GONE))
			continue;
		if (n++ == 0)
			first = mention;
		verdict_evidence(v, arena_printf(v->arena, "%s:%u", mention->path, mention->number),
				 "%s", mention->module);
	}
	if (n > 0 && kernel) {
		verdict_evidence(v, kernel->path, "a kernel that has " GONE);
		verdict_set(v, VERDICT_PASS, GONE " is named, and the kernel %s has it",
			    kernel->release);
		return;
	}
	if (n > 0 && host->facts->kernel.n_kernels > 0) {
		verdict_set(v, VERDICT_WARN, "%s:%u names " GONE ", which no installed kernel has",
			    first->path, first->number);
		verdict_fix(v, NULL, "Remove the word " GONE " there, and rebuild the initramfs.");
		return;
	}
	if (traces->mention_error) {
		verdict_unknown(v, traces->mention_error_path, traces->mention_error);
		return;
	}
	for (size_t i = 0; i < traces->n_mentions; i++) {
		const struct module_mention *mention = &traces->mentions[i];
		verdict_evidence(v, arena_printf(v->arena, "%s:%u", mention->path, mention->number),
				 "%s", mention->module);
	}
	if (traces->n_mentions > 0)
		verdict_set(v, VERDICT_PASS, "the lists of modules name none that is gone");
}

const struct check check_stale_modules = {
	.id = "stale-modules",
	.title = "Modules that are gone",
	.area = "configuration",
	.scope = CHECK_HOST,
	.judge = judge,
};
