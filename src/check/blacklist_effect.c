// SPDX-License-Identifier: MIT
// What a blacklist does, and does not: it only makes modprobe ignore a module's aliases, so the
// module is loaded all the same by its name, by a soft dependency, as a dependency, or because it
// is built in. "install X /bin/false" does more than meant: what depends on X fails as well.
// modprobe.d(5). Judged are drivers of this host's devices and those that people blacklist for
// guests; distributions blacklist hundreds more.

#include "base/text.h"
#include "check/internal.h"

#include <errno.h>

static const char *const common[] = {
	"nouveau",        "nvidia",   "nvidia_drm",    "nvidia_modeset",
	"nvidia_uvm",     "nvidiafb", "amdgpu",        "radeon",
	"i915",           "xe",       "snd_hda_intel", "snd_hda_codec_hdmi",
	"nvme",           "ahci",     "xhci_pci",      "xhci_hcd",
	"i2c_nvidia_gpu", "ucsi_ccg",
};

static bool matters(const struct host *host, const char *module)
{
	for (size_t i = 0; i < ARRAY_SIZE(common); i++) {
		if (kernel_same_name(module, common[i]))
			return true;
	}
	for (size_t i = 0; i < host->n_functions; i++) {
		const struct fact_text *driver = &host->functions[i].driver;
		if (driver->error == 0 && kernel_same_name(module, driver->value))
			return true;
	}
	return false;
}

/* A soft dependency that loads @module; the words pre: and post: are no modules. */
static const struct modprobe_line *softdep_on(struct arena *a, const struct modprobe_facts *facts,
					      const char *module)
{
	const struct modprobe_line *line = NULL;
	const char *word;

	while ((line = modprobe_next(facts, MODPROBE_SOFTDEP, NULL, line))) {
		const char *rest = line->rest;
		while ((word = text_next_word(a, &rest))) {
			if (kernel_same_name(word, module))
				return line;
		}
	}
	return NULL;
}

static void judge_blacklist(struct host *host, struct verdict *v, const char *module,
			    const char *where)
{
	const struct kernel *kernel = kernel_running(&host->facts->kernel);
	const struct modprobe_line *softdep;
	const char *list;

	if (!matters(host, module))
		return;
	verdict_evidence(v, where, "blacklist %s", module);
	if (kernel && kernel_module(kernel, module, &list) == KERNEL_MODULE_BUILTIN) {
		verdict_evidence(v, list, "%s is built in", module);
		verdict_raise(v, VERDICT_WARN,
			      "%s is built into the kernel: blacklisting it has no effect", module);
	}
	if ((softdep = softdep_on(v->arena, &host->facts->modprobe, module))) {
		verdict_evidence(v, modprobe_place(v->arena, softdep), "softdep %s %s",
				 softdep->module, softdep->rest);
		verdict_raise(
			v, VERDICT_WARN,
			"%s is blacklisted, and a soft dependency of %s loads it all the same",
			module, softdep->module);
	}
	if (kernel_module_loaded(&host->facts->kernel, module)) {
		verdict_evidence(v, "proc/modules", "%s is loaded", module);
		verdict_raise(v, VERDICT_WARN,
			      "%s is blacklisted and loaded all the same: by name, as a "
			      "dependency, or by an initramfs that was built before",
			      module);
	}
}

/* The modules whose line in modules.dep names @module behind the colon. */
static size_t dependents(struct arena *a, const struct kernel *kernel, const char *module,
			 const char *names[4])
{
	const char *rest = kernel->modules.text.data, *start;
	size_t n, found = 0;

	while (kernel->modules.error == 0 && found < 4 && text_next_line(&rest, &start, &n)) {
		const char *line = arena_strndup(a, start, n), *word;
		const char *colon = strchr(line, ':'), *at = colon ? colon + 1 : "";

		while ((word = text_next_word(a, &at))) {
			const char *base = text_last_part(word);
			base = arena_strndup(a, base, strcspn(base, "."));
			if (!kernel_same_name(base, module))
				continue;
			base = text_last_part(arena_strndup(a, line, (size_t)(colon - line)));
			names[found++] = arena_strndup(a, base, strcspn(base, "."));
			break;
		}
	}
	return found;
}

/* "/bin/false", "/usr/bin/true": wherever the program stands. */
static bool is_refusal(struct arena *a, const char *command)
{
	const char *program = text_next_word(a, &command);

	program = program ? text_last_part(program) : "";
	return str_eq(program, "false") || str_eq(program, "true");
}

static void judge_install(struct host *host, struct verdict *v, const struct modprobe_line *line)
{
	const struct kernel *kernel = kernel_running(&host->facts->kernel);
	const char *names[4];

	if (!is_refusal(v->arena, line->rest) || !kernel || !matters(host, line->module))
		return;
	verdict_evidence(v, modprobe_place(v->arena, line), "install %s %s", line->module,
			 line->rest);
	size_t n = dependents(v->arena, kernel, line->module, names);
	if (n == 0)
		return;
	const char *list = text_join(v->arena, names, n, ", ");
	verdict_evidence(v, kernel->modules.path, "need %s: %s", line->module, list);
	verdict_raise(v, VERDICT_WARN, "%s cannot be loaded, nor what needs it: %s", line->module,
		      list);
}

static void judge(struct host *host, struct pci_function *f, struct verdict *v)
{
	static const char *const parameters[] = { "modprobe.blacklist", "module_blacklist",
						  "rd.driver.blacklist" };
	const struct host_facts *facts = host->facts;
	const struct modprobe_line *line = NULL;
	const struct kernel_parameter *p;
	const char *item;

	(void)f;
	while ((line = modprobe_next(&facts->modprobe, MODPROBE_BLACKLIST, NULL, line)))
		judge_blacklist(host, v, line->module, modprobe_place(v->arena, line));
	for (size_t i = 0; i < ARRAY_SIZE(parameters); i++) {
		for (p = NULL; (p = kernel_parameter_next(&facts->kernel, parameters[i], p));) {
			const char *rest = p->value ? p->value : "";
			while ((item = next_item(v->arena, &rest)))
				judge_blacklist(host, v, item, KERNEL_COMMAND_LINE);
		}
	}
	for (line = NULL; (line = modprobe_next(&facts->modprobe, MODPROBE_INSTALL, NULL, line));)
		judge_install(host, v, line);
	if (v->kind == VERDICT_WARN)
		verdict_fix(v, NULL,
			    "Reserve the device by its address instead; then its driver "
			    "needs no blacklist.");
	if (facts->modprobe.error)
		verdict_raise(v, VERDICT_UNKNOWN, "%s: %s", facts->modprobe.error_path,
			      verdict_reason(facts->modprobe.error));
	if (v->n_evidence > 0)
		verdict_raise(v, VERDICT_PASS, "what is blacklisted is not loaded");
}

const struct check check_blacklist_effect = {
	.id = "blacklist-effect",
	.title = "Effect of blacklists",
	.area = "configuration",
	.scope = CHECK_HOST,
	.judge = judge,
};
