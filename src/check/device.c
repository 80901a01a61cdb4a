// SPDX-License-Identifier: MIT
// What the checks of devices share. All of them judge what host_read_device() has read.

#include "check/device.h"
#include "base/text.h"

#include <errno.h>

const char *device_path(struct verdict *v, const struct pci_function *f, const char *attribute)
{
	/* one whose place could not be read has its link alone */
	if (!*f->path)
		return arena_printf(v->arena, "sys/bus/pci/devices/%s/%s", f->name, attribute);
	return arena_printf(v->arena, "%s/%s", f->path, attribute);
}

bool device_is_together(const struct device_facts *facts, const struct pci_function *f)
{
	for (size_t i = 0; i < facts->together.n; i++) {
		if (facts->together.function[i] == f)
			return true;
	}
	return false;
}

const char *device_with_driver(struct verdict *v, const struct pci_function *f)
{
	if (f->driver.error)
		return f->name;
	return arena_printf(v->arena, "%s (%s)", f->name, f->driver.value);
}

bool device_kernel_at_least(const struct host *host, unsigned major, unsigned minor,
			    bool if_unknown)
{
	const struct fact_text *release = &host->facts->kernel.release;

	return release->error ? if_unknown : kernel_at_least(release->value, major, minor);
}

bool device_is_in_use(const struct pci_function *f)
{
	const struct device_uses *uses = &f->facts->uses;
	const struct fact_number *vfs = &f->facts->detail.vfs;

	for (size_t i = 0; i < uses->n; i++) {
		if (uses->use[i].active)
			return true;
	}
	return vfs->error == 0 && vfs->value > 0;
}

/* Those that are in use, or those that are not, as evidence; the first of them, and their number.
 */
static const struct device_use *list_uses(struct verdict *v, const struct device_uses *uses,
					  enum use_kind kind, bool active, size_t *ret_n)
{
	const struct device_use *first = NULL;

	*ret_n = 0;
	for (size_t i = 0; i < uses->n; i++) {
		const struct device_use *use = &uses->use[i];

		if (use->kind != kind || use->active != active)
			continue;
		verdict_evidence(v, use->where, "%s", use->value ? use->value : use->what);
		if (!first)
			first = use;
		++*ret_n;
	}
	return first;
}

static void say_use(struct verdict *v, enum verdict_kind kind, const struct device_use *first,
		    size_t n)
{
	if (n > 1)
		verdict_set(v, kind, "%s, and %zu more", first->what, n - 1);
	else
		verdict_set(v, kind, "%s", first->what);
}

void device_judge_uses(struct verdict *v, const struct pci_function *f,
		       const struct use_words *words)
{
	const struct device_uses *uses = &f->facts->uses;
	const struct use_gap *gap = device_uses_gap(uses, words->kind);
	size_t n;
	const struct device_use *use = list_uses(v, uses, words->kind, true, &n);

	if (use) {
		say_use(v, words->active, use, n);
		if (words->fix)
			verdict_fix(v, use->stop, "%s", words->fix);
		return;
	}
	if (gap) {
		verdict_unknown(v, gap->where, gap->error);
		return;
	}
	use = list_uses(v, uses, words->kind, false, &n);
	if (use) {
		say_use(v, words->idle, use, n);
		return;
	}
	if (!words->nobody)
		return;
	verdict_set(v, VERDICT_PASS, "%s", words->nobody);
	verdict_evidence(v, f->path, "nothing below it that is in use");
}
