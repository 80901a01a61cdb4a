// SPDX-License-Identifier: MIT
// Values of IOMMU parameters that no kernel knows. The kernel prints "Unknown option" at most and
// goes on, so that what was meant does not happen. Items are compared by their beginning; lists:
// intel_iommu_setup(), parse_amd_iommu_options(), iommu_setup() and gart_parse_options(), of all
// versions since 5.4. iommu=1 is read as the size of the aperture of the old AGP GART.

#include "base/text.h"
#include "check/internal.h"

#include <errno.h>

static const char *const intel_items[] = {
	"on",     "off",   "igfx_off", "intgpu_off", "forcedac",      "strict",
	"sp_off", "sm_on", "sm_off",   "nobounce",   "tboot_noforce", NULL,
};
static const char *const amd_items[] = {
	"off",      "fullflush",   "force_enable", "force_isolation", "pgtbl_v1",
	"pgtbl_v2", "irtcachedis", "nohugepages",  "v2_pgsizes_only", NULL,
};
static const char *const iommu_items[] = {
	"off",   "force",   "noforce",    "biomerge",  "panic", "nopanic",
	"merge", "nomerge", "forcesac",   "allowdac",  "nodac", "usedac",
	"soft",  "pt",      "nopt",       "fullflush", "noagp", "nofullflush",
	"leak",  "memaper", "noaperture", "nobypass",  NULL,
};

struct known_parameter {
	const char *name;
	const char *const *items;
	const char *meaning; /* of the values that people try */
};

static const struct known_parameter known[] = {
	{ "intel_iommu", intel_items, "on and off are the values that turn it on and off" },
	{ "amd_iommu", amd_items, "AMD's IOMMU is on unless it is turned off, so the word can go" },
	{ "iommu", iommu_items, "it does not turn an IOMMU on, so the word can go" },
};

static void judge_value(struct verdict *v, const struct known_parameter *row,
			const struct kernel_parameter *p)
{
	const char *rest = p->value ? p->value : "", *item;

	if (!p->value) {
		verdict_evidence(v, KERNEL_COMMAND_LINE, "%s: has no value", p->text);
		verdict_raise(v, VERDICT_WARN, "%s without a value does nothing", p->name);
	}
	while ((item = next_item(v->arena, &rest))) {
		if (is_known_item(item, row->items))
			continue;
		verdict_evidence(v, KERNEL_COMMAND_LINE, "%s: %s is no value of it", p->text, item);
		verdict_raise(v, VERDICT_WARN, "%s does nothing: %s is no value of %s", p->text,
			      item, p->name);
	}
	if (v->kind == VERDICT_WARN && !v->fix)
		verdict_fix(v, NULL, "Correct %s on the kernel command line: %s.", p->text,
			    row->meaning);
}

/* A parameter of the other vendor's IOMMU. */
static void judge_vendor(struct verdict *v, const struct host_facts *facts,
			 const struct kernel_parameter *p)
{
	bool for_intel = kernel_same_name(p->name, "intel_iommu");
	bool for_amd = kernel_same_name(p->name, "amd_iommu");

	if (!(for_intel && is_amd(facts) && iommu_is_amd(facts)) &&
	    !(for_amd && is_intel(facts) && iommu_is_intel(facts)))
		return;
	verdict_evidence(v, KERNEL_COMMAND_LINE, "%s: not for %s", p->text,
			 facts->platform.vendor.value);
	verdict_raise(v, VERDICT_WARN, "%s does nothing on a processor of %s", p->text,
		      facts->platform.vendor.value);
	if (!v->fix)
		verdict_fix(v, NULL, "Remove %s from the kernel command line.", p->text);
}

/* As kstrtobool() in lib/kstrtox.c. */
static bool is_bool(const char *value)
{
	static const char *const words[] = { "on", "oN", "On", "ON", "of", "oF", "Of", "OF", NULL };

	return (*value && strchr("yYtT1nNfF0", *value)) || is_known_item(value, words);
}

static void judge_bool(struct verdict *v, const struct kernel_facts *facts, const char *name)
{
	const struct kernel_parameter *p = NULL;

	while ((p = kernel_parameter_next(facts, name, p))) {
		if (p->value && is_bool(p->value))
			continue;
		verdict_evidence(v, KERNEL_COMMAND_LINE, "%s: neither 0 nor 1", p->text);
		verdict_raise(v, VERDICT_WARN, "%s does nothing: its value must be 0 or 1",
			      p->text);
		if (!v->fix)
			verdict_fix(v, NULL, "Write %s=0 or %s=1 on the kernel command line.", name,
				    name);
	}
}

static void judge(struct host *host, struct pci_function *f, struct verdict *v)
{
	const struct kernel_facts *facts = &host->facts->kernel;
	const struct kernel_parameter *p;

	(void)f;
	if (facts->command_line.error == -ENOENT)
		return;
	if (facts->command_line.error) {
		verdict_unknown(v, KERNEL_COMMAND_LINE, facts->command_line.error);
		return;
	}
	for (size_t i = 0; i < ARRAY_SIZE(known); i++) {
		for (p = NULL; (p = kernel_parameter_next(facts, known[i].name, p));) {
			judge_value(v, &known[i], p);
			judge_vendor(v, host->facts, p);
		}
	}
	judge_bool(v, facts, "iommu.passthrough");
	judge_bool(v, facts, "iommu.strict");
	if (v->kind != VERDICT_SKIP)
		return;
	verdict_evidence(v, KERNEL_COMMAND_LINE, "%s", facts->command_line.value);
	verdict_set(v, VERDICT_PASS, "the IOMMU parameters have values that the kernel knows");
}

const struct check check_iommu_parameters = {
	.id = "iommu-parameters",
	.title = "IOMMU parameters",
	.area = "configuration",
	.scope = CHECK_HOST,
	.judge = judge,
};
