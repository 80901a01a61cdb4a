// SPDX-License-Identifier: MIT
// Parameters against the firmware's framebuffer. video=efifb:off is read by efifb only, which is
// not used where the kernel makes it a simple-framebuffer (CONFIG_SYSFB_SIMPLEFB) or has none; and
// since Linux 6.0 vfio-pci evicts the framebuffer from the card that it takes
// (vfio_pci_core_register_device() in drivers/vfio/pci/vfio_pci_core.c).

#include "base/text.h"
#include "check/internal.h"

#include <errno.h>

#define RELEASE "proc/sys/kernel/osrelease"

/* Why video=efifb:off does nothing, or NULL. */
static const char *why_dead(struct verdict *v, const struct kernel *kernel)
{
	const struct kernel_config *config = &kernel->config;

	if (kernel_symbol(config, "SYSFB_SIMPLEFB") == KERNEL_SYMBOL_ON) {
		verdict_evidence(v, config->path, "CONFIG_SYSFB_SIMPLEFB=y");
		return "the firmware's framebuffer is a simple-framebuffer here";
	}
	enum kernel_symbol efi = kernel_symbol(config, "FB_EFI");
	if (efi == KERNEL_SYMBOL_OFF || efi == KERNEL_SYMBOL_ABSENT) {
		verdict_evidence(v, config->path, "CONFIG_FB_EFI is not set");
		return "this kernel has no efifb";
	}
	return NULL;
}

static void judge_efifb(struct verdict *v, const struct kernel_facts *facts,
			const struct kernel_parameter *p)
{
	const struct kernel *kernel = kernel_running(facts);
	const char *why = kernel ? why_dead(v, kernel) : NULL;

	verdict_evidence(v, KERNEL_COMMAND_LINE, "%s", p->text);
	if (why) {
		verdict_raise(v, VERDICT_WARN, "%s does nothing: %s", p->text, why);
	} else if (facts->release.error == 0 && kernel_at_least(facts->release.value, 6, 0)) {
		verdict_evidence(v, RELEASE, "%s", facts->release.value);
		verdict_raise(v, VERDICT_WARN,
			      "%s is not needed: since Linux 6.0 vfio-pci takes the framebuffer "
			      "off the card itself",
			      p->text);
	}
	if (v->kind == VERDICT_WARN && !v->fix)
		verdict_fix(v, NULL, "Remove %s from the kernel command line.", p->text);
}

static void judge_video(struct verdict *v, const struct kernel_facts *facts)
{
	const struct kernel_parameter *p = NULL;

	while ((p = kernel_parameter_next(facts, "video", p))) {
		const char *value = p->value ? p->value : "";
		const char *second = strstr(value, ",efifb:off");

		/* one driver per video=: what follows the comma are options of the first */
		if (second && !str_starts(value, "efifb:")) {
			verdict_evidence(v, KERNEL_COMMAND_LINE, "%s", p->text);
			verdict_raise(v, VERDICT_WARN,
				      "%s says nothing to efifb: each driver needs a video= of "
				      "its own",
				      p->text);
			verdict_fix(v, NULL, "Remove %s from the kernel command line.", p->text);
		} else if (str_starts(value, "efifb:off")) {
			judge_efifb(v, facts, p);
		}
	}
}

static void judge_initcalls(struct verdict *v, const struct kernel_facts *facts)
{
	const struct kernel_parameter *p = NULL;
	const char *item;

	while ((p = kernel_parameter_next(facts, "initcall_blacklist", p))) {
		const char *rest = p->value ? p->value : "";
		while ((item = next_item(v->arena, &rest))) {
			if (!str_eq(item, "sysfb_init") &&
			    !str_eq(item, "simpledrm_platform_driver_init"))
				continue;
			verdict_evidence(v, KERNEL_COMMAND_LINE, "%s", p->text);
			verdict_raise(v, VERDICT_WARN,
				      "%s: no boot message and no rescue prompt can be seen "
				      "before a graphics driver is loaded",
				      p->text);
			if (!v->fix)
				verdict_fix(v, NULL,
					    "Remove %s from the kernel command line; vfio-pci "
					    "takes the framebuffer off the card since Linux 6.0.",
					    p->text);
		}
	}
}

static void judge(struct host *host, struct pci_function *f, struct verdict *v)
{
	const struct kernel_facts *facts = &host->facts->kernel;

	(void)f;
	if (facts->command_line.error == -ENOENT)
		return;
	if (facts->command_line.error) {
		verdict_unknown(v, KERNEL_COMMAND_LINE, facts->command_line.error);
		return;
	}
	judge_video(v, facts);
	judge_initcalls(v, facts);
	if (v->kind != VERDICT_SKIP)
		return;
	verdict_evidence(v, KERNEL_COMMAND_LINE, "%s", facts->command_line.value);
	verdict_set(v, VERDICT_PASS, "no parameter acts on the firmware's framebuffer in vain");
}

const struct check check_framebuffer_parameters = {
	.id = "framebuffer-parameters",
	.title = "Framebuffer parameters",
	.area = "configuration",
	.scope = CHECK_HOST,
	.judge = judge,
};
