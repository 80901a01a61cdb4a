// SPDX-License-Identifier: MIT
// The ids that vfio-pci is told to take. They are one string of the module, read by
// vfio_pci_fill_ids() in drivers/vfio/pci/vfio_pci.c: a later one replaces an earlier one
// (param_set_copystring() in kernel/params.c), kmod hands over those of modprobe.d in the order of
// the files and those of the command line last, and every device with an id is taken, twins too.

#include "base/text.h"
#include "check/internal.h"

#include <errno.h>
#include <stdio.h>

#define IDS_MAX 1023 /* char ids[1024] */

struct id_source {
	const char *where;
	const char *ids;
	bool from_command_line;
};

struct id {
	uint64_t field[6]; /* vendor, device, their subsystem, class, mask of the class */
	unsigned n;
};

/* The value of each ids= among the options of one line. */
static void add_options(struct arena *a, const struct modprobe_line *line,
			struct id_source *sources, size_t *n, size_t most)
{
	const char *rest = line->rest;

	while (*(rest += strspn(rest, " \t")) && *n < most) {
		size_t length = strcspn(rest, " \t");
		if (str_starts(rest, "ids="))
			sources[(*n)++] = (struct id_source){
				modprobe_place(a, line),
				arena_strndup(a, rest + 4, length - 4),
				false,
			};
		rest += length;
	}
}

#define SOURCES_MAX 64

static size_t find_sources(struct arena *a, const struct host_facts *facts,
			   struct id_source sources[SOURCES_MAX])
{
	const struct modprobe_line *line = NULL;
	const struct kernel_parameter *p = NULL;
	size_t n = 0;

	while ((line = modprobe_next(&facts->modprobe, MODPROBE_OPTIONS, "vfio_pci", line)))
		add_options(a, line, sources, &n, SOURCES_MAX);
	while (n < SOURCES_MAX && (p = kernel_parameter_next(&facts->kernel, "vfio_pci.ids", p)))
		sources[n++] =
			(struct id_source){ KERNEL_COMMAND_LINE, p->value ? p->value : "", true };
	return n;
}

/* "10de:1c82:ffffffff:ffffffff:030000:ff0000", as sscanf(3) with %x reads it */
static bool parse_id(const char *text, struct id *ret)
{
	*ret = (struct id){ .field = { 0, 0, UINT32_MAX, UINT32_MAX, 0, 0 } };
	for (;;) {
		if (str_starts(text, "0x"))
			text += 2;
		size_t digits = text_hex_prefix(text, 8, &ret->field[ret->n]);
		if (digits == 0)
			return false;
		ret->n++;
		text += digits;
		if (!*text)
			return ret->n >= 2;
		if (*text++ != ':' || ret->n == 6)
			return false;
	}
}

static bool matches(const struct id *id, const struct pci_function *f)
{
	return f->error == 0 && id->field[0] == f->vendor && id->field[1] == f->device &&
	       (id->field[2] == UINT32_MAX || id->field[2] == f->subsystem_vendor) &&
	       (id->field[3] == UINT32_MAX || id->field[3] == f->subsystem_device) &&
	       ((id->field[4] ^ f->class_code) & id->field[5]) == 0;
}

static bool is_only_display(const struct host *host, const struct pci_function *f)
{
	for (size_t i = 0; i < host->n_functions; i++) {
		if (&host->functions[i] != f && pci_is_display(&host->functions[i]))
			return false;
	}
	return true;
}

static void judge_display(struct host *host, struct verdict *v, const struct id_source *source,
			  const char *item, const struct pci_function *f)
{
	struct fact_number boot = { .error = -ENOENT };

	if (pci_is_display(f))
		boot = host_boot_vga(host, f);
	if (boot.error || boot.value != 1)
		return;
	verdict_evidence(v, source->where, "%s is %s, the display of the firmware", item, f->name);
	verdict_fix(v, NULL, "Take %s out of the ids, or make another card the firmware's display.",
		    item);
	if (is_only_display(host, f))
		verdict_raise(v, VERDICT_FAIL,
			      "%s is the only display of this host: it stays black", f->name);
	else
		verdict_raise(v, VERDICT_WARN,
			      "%s shows the boot messages: there will be none after vfio-pci "
			      "takes it",
			      f->name);
}

static void judge_matches(struct host *host, struct verdict *v, const struct id_source *source,
			  const char *item, const struct id *id)
{
	const struct pci_function *first = NULL, *twin = NULL;

	for (size_t i = 0; i < host->n_functions; i++) {
		const struct pci_function *f = &host->functions[i];
		if (!matches(id, f) || pci_is_bridge(f))
			continue;
		judge_display(host, v, source, item, f);
		if (first && !pci_same_slot(first->address, f->address))
			twin = f;
		if (!first)
			first = f;
	}
	if (!first) {
		verdict_evidence(v, source->where, "%s: no device has it", item);
		verdict_raise(v, VERDICT_WARN, "no device of this host has the id %s", item);
		if (!v->fix)
			verdict_fix(v, "passthru list", "Correct or remove %s.", item);
	} else if (twin) {
		verdict_evidence(v, source->where, "%s: %s and %s", item, first->name, twin->name);
		verdict_raise(v, VERDICT_WARN, "%s takes more than one device: %s and %s", item,
			      first->name, twin->name);
		verdict_fix(v, arena_printf(v->arena, "passthru bind %s", first->name),
			    "Reserve one of them by its address instead of its id.");
	} else {
		verdict_evidence(v, source->where, "%s: %s", item, first->name);
	}
}

static void judge_source(struct host *host, struct verdict *v, const struct id_source *source)
{
	const char *rest = source->ids, *item;
	struct id id;

	if (strlen(source->ids) > IDS_MAX) {
		verdict_evidence(v, source->where, "%zu characters", strlen(source->ids));
		verdict_raise(v, VERDICT_FAIL,
			      "the ids are longer than %d characters: vfio-pci does not load",
			      IDS_MAX);
		verdict_fix(v, NULL, "Name each id once.");
	}
	if (!*source->ids) {
		verdict_evidence(v, source->where, "ids= is empty");
		verdict_raise(v, VERDICT_WARN, "the ids of vfio-pci are empty");
	}
	while ((item = next_item(v->arena, &rest))) {
		if (parse_id(item, &id)) {
			judge_matches(host, v, source, item, &id);
			continue;
		}
		verdict_evidence(v, source->where, "%s: malformed", item);
		verdict_raise(v, VERDICT_FAIL,
			      "%s is no id for vfio-pci: it must be vendor:device in hex", item);
		verdict_fix(v, "passthru list", "Write the ids that the list shows.");
	}
}

bool check_ids_take(struct host *host, const struct pci_function *f)
{
	const struct kernel *kernel = kernel_running(&host->facts->kernel);
	struct id_source sources[SOURCES_MAX];
	size_t n = find_sources(&host->arena, host->facts, sources);
	const char *list, *rest, *item;
	struct id id;

	if (n == 0 || (!sources[n - 1].from_command_line && kernel &&
		       kernel_module(kernel, "vfio_pci", &list) == KERNEL_MODULE_BUILTIN))
		return false;
	rest = sources[n - 1].ids;
	while ((item = next_item(&host->arena, &rest))) {
		if (parse_id(item, &id) && matches(&id, f))
			return true;
	}
	return false;
}

/* Of several sources the last one holds; a driver that is built in hears the command line only. */
static const struct id_source *find_effective(const struct host_facts *facts, struct verdict *v,
					      const struct id_source *sources, size_t n)
{
	const struct kernel *kernel = kernel_running(&facts->kernel);
	const struct id_source *last = &sources[n - 1];
	const char *list;

	if (kernel && kernel_module(kernel, "vfio_pci", &list) == KERNEL_MODULE_BUILTIN &&
	    !sources[0].from_command_line) {
		verdict_evidence(v, list, "vfio-pci is built in");
		verdict_evidence(v, sources[0].where, "ids=%s: has no effect", sources[0].ids);
		verdict_raise(v, last->from_command_line ? VERDICT_WARN : VERDICT_FAIL,
			      "vfio-pci is built into the kernel: its options in modprobe.d have "
			      "no effect");
		verdict_fix(v, NULL, "Move the ids to the kernel command line: vfio-pci.ids=%s.",
			    sources[0].ids);
		return last->from_command_line ? last : NULL;
	}
	for (size_t i = 0; i + 1 < n; i++) {
		verdict_evidence(v, sources[i].where, "ids=%s: replaced by a later one",
				 sources[i].ids);
		verdict_raise(v, VERDICT_WARN,
			      "ids of vfio-pci stand in several places, and only the last one "
			      "counts: %s",
			      last->where);
		verdict_fix(v, NULL, "Write all ids into one place.");
	}
	return last;
}

static void judge(struct host *host, struct pci_function *f, struct verdict *v)
{
	const struct host_facts *facts = host->facts;
	struct id_source sources[SOURCES_MAX];
	size_t n = find_sources(v->arena, facts, sources);

	(void)f;
	if (n > 0) {
		const struct id_source *effective = find_effective(facts, v, sources, n);
		if (effective)
			judge_source(host, v, effective);
		verdict_raise(v, VERDICT_PASS, "every id of vfio-pci names one device");
	}
	if (facts->kernel.command_line.error && facts->kernel.command_line.error != -ENOENT)
		verdict_raise(v, VERDICT_UNKNOWN, KERNEL_COMMAND_LINE ": %s",
			      verdict_reason(facts->kernel.command_line.error));
	if (facts->modprobe.error)
		verdict_raise(v, VERDICT_UNKNOWN, "%s: %s", facts->modprobe.error_path,
			      verdict_reason(facts->modprobe.error));
}

const struct check check_vfio_ids = {
	.id = "vfio-ids",
	.title = "Ids of vfio-pci",
	.area = "configuration",
	.scope = CHECK_HOST,
	.judge = judge,
};
