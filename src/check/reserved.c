// SPDX-License-Identifier: MIT
// Functions that are reserved from the boot on: who won each of them, and why. What the early
// helper said in this boot (early/early.h) is the witness; where it said nothing, it is looked for
// why it did not: no switch on the command line, or no helper in the image. A function that is held
// by VFIO passes, whoever gave it.

#include "base/text.h"
#include "check/internal.h"
#include "check/reserved_image.h"

#define COMMAND_LINE "proc/cmdline"

/* What one function is judged with. */
struct judged {
	struct host *host;
	const struct reserved_facts *facts;
	const struct reserved_function *reserved;
	const struct pci_function *function; /* NULL: none that the record means */
	const char *driver;                  /* NULL: none */
	struct verdict *v;
};

static const char *ids_text(struct arena *a, const struct reserve_ids *ids)
{
	return arena_printf(a, "%04x:%04x", ids->vendor, ids->device);
}

static void evidence_record(struct judged *j)
{
	const struct reserve_record *record = j->reserved->record;

	verdict_evidence(j->v, arena_printf(j->v->arena, RESERVE_FILE ":%u", record->line),
			 "%s %s for %s", record->function.address,
			 ids_text(j->v->arena, &record->function.ids), record->driver);
}

static void evidence_report(struct judged *j)
{
	if (j->facts->report_error)
		verdict_evidence(j->v, RESERVED_REPORT, "%s",
				 verdict_reason(j->facts->report_error));
	else
		verdict_evidence(j->v, RESERVED_REPORT, "%s",
				 j->reserved->result
					 ? arena_printf(j->v->arena, "%s %s: %s",
							j->reserved->record->function.address,
							j->reserved->result, j->reserved->said)
					 : "nothing of it");
}

static void evidence_driver(struct judged *j)
{
	struct arena *a = j->v->arena;

	if (!j->function)
		return;
	verdict_evidence(j->v, arena_concat(a, j->function->path, "/driver"), "%s",
			 j->driver ? j->driver : "none");
}

/* "nouveau has it", "no driver has it" */
static const char *who(const struct judged *j)
{
	return j->driver ? arena_printf(j->v->arena, "%s has it", j->driver) : "no driver has it";
}

/* ---- which function the record means ---- */

static void judge_stranger(struct judged *j)
{
	struct arena *a = j->v->arena;
	const struct reserve_ids *was = &j->reserved->record->function.ids;
	const struct pci_function *f = j->reserved->stranger;

	verdict_evidence(j->v, f->path, "%04x:%04x", f->vendor, f->device);
	if (f->vendor != was->vendor || f->device != was->device) {
		verdict_set(j->v, VERDICT_FAIL,
			    "what has its address now is another device, %04x:%04x and not %s",
			    f->vendor, f->device, ids_text(a, was));
	} else if (f->subsystem_vendor != was->subsystem_vendor ||
		   f->subsystem_device != was->subsystem_device) {
		verdict_set(j->v, VERDICT_FAIL,
			    "what has its address now is of another subsystem, %04x:%04x and not "
			    "%04x:%04x",
			    f->subsystem_vendor, f->subsystem_device, was->subsystem_vendor,
			    was->subsystem_device);
	} else if (f->class_code != was->class_code) {
		verdict_set(j->v, VERDICT_FAIL,
			    "what has its address now is of another class, %06x and not %06x",
			    f->class_code, was->class_code);
	} else {
		verdict_set(j->v, VERDICT_FAIL,
			    "it is not at its place, and what has its address now is another one "
			    "of its kind");
	}
	verdict_fix(j->v, "passthru undo",
		    "Take the setup back, and set up the device that is meant now.");
}

static void judge_unfound(struct judged *j)
{
	const struct reserved_function *r = j->reserved;

	if (r->serial_error) {
		verdict_set(j->v, VERDICT_UNKNOWN,
			    "its serial number tells which one it is, and could not be read: %s",
			    verdict_reason(r->serial_error));
	} else if (r->candidate) {
		verdict_set(j->v, VERDICT_FAIL,
			    "it is not at its place; one of its kind is at %s, but no serial "
			    "number tells whether it is the same one: it is not taken",
			    r->candidate->name);
		verdict_fix(j->v, "passthru undo",
			    "Take the setup back, and set it up again when it is the one that is "
			    "meant.");
	} else if (r->found == RESERVE_AMBIGUOUS) {
		verdict_set(j->v, VERDICT_FAIL,
			    "it is not at its place, and %zu of its kind are elsewhere: none is "
			    "taken",
			    r->candidates);
		verdict_fix(j->v, "passthru undo",
			    "Put it back into its slot, or take the setup back and set up the one "
			    "that is meant.");
	} else if (r->stranger && !r->stranger->error) {
		judge_stranger(j);
	} else {
		verdict_set(j->v, VERDICT_FAIL, "it is not on this host");
		verdict_fix(j->v, "passthru undo",
			    "Plug it in again, or take the setup back and set up what is there.");
	}
}

/* ---- why the function that it means is not with VFIO ---- */

static void judge_without_switch(struct judged *j)
{
	verdict_set(j->v, VERDICT_WARN,
		    "%s: the kernel was started without passthru.boot=1, so nothing is reserved "
		    "in this boot",
		    who(j));
	verdict_evidence(j->v, COMMAND_LINE, "no passthru.boot=1");
	verdict_fix(j->v, NULL,
		    "Reboot, and leave the boot loader its default entry; `passthru` says whether "
		    "a trial boot is due.");
}

static void judge_without_report(struct judged *j)
{
	if (j->facts->report_error != -ENOENT) {
		verdict_set(j->v, VERDICT_UNKNOWN, "%s; what the early helper did: %s", who(j),
			    verdict_reason(j->facts->report_error));
		return;
	}
	verdict_set(j->v, VERDICT_FAIL,
		    "%s: the early helper did not reserve anything in this boot", who(j));
	if (!reserved_judge_image(j->host, j->reserved->record->driver, j->v))
		verdict_fix(j->v, NULL, FIX_AGAIN);
}

/* The module that is to take it has not been loaded, or does not take it. */
static void judge_module(struct judged *j)
{
	const struct kernel_facts *facts = &j->host->facts->kernel;
	const struct kernel *kernel = kernel_running(facts);
	const char *driver = j->reserved->record->driver, *path = NULL;
	enum kernel_module module =
		kernel ? kernel_module(kernel, driver, &path) : KERNEL_MODULE_UNKNOWN;

	if (module == KERNEL_MODULE_BUILTIN || kernel_module_loaded(facts, driver)) {
		verdict_set(j->v, VERDICT_FAIL, "%s: %s is in the kernel and does not take it",
			    who(j), driver);
		verdict_fix(j->v, "journalctl -k", "Look for what the kernel says of it.");
		return;
	}
	if (path)
		verdict_evidence(j->v, path, "%s",
				 module == KERNEL_MODULE_LOADABLE ? driver : "without it");
	if (module == KERNEL_MODULE_ABSENT) {
		verdict_set(j->v, VERDICT_FAIL, "%s: the running kernel has no module %s", who(j),
			    driver);
		verdict_fix(j->v, NULL, "Boot a kernel that has it.");
		return;
	}
	verdict_set(j->v, VERDICT_FAIL, "%s: %s was not loaded", who(j), driver);
	if (!reserved_judge_image(j->host, driver, j->v))
		verdict_fix(j->v, arena_concat(j->v->arena, "modprobe ", driver),
			    "Load it: the device is kept for it.");
}

static void judge_by_report(struct judged *j)
{
	const struct reserved_function *r = j->reserved;
	bool given = str_eq(r->result, "bound") || str_eq(r->result, "kept");

	if (str_eq(r->result, "reserved") && !j->driver) {
		judge_module(j);
	} else if (given || str_eq(r->result, "reserved")) {
		verdict_set(j->v, VERDICT_WARN,
			    "%s; the early helper gave it to %s, so it was released since", who(j),
			    r->record->driver);
		verdict_fix(j->v, arena_concat(j->v->arena, "passthru bind ", j->function->name),
			    "Hand it over again.");
	} else if (str_eq(r->result, "absent")) {
		verdict_set(j->v, VERDICT_FAIL,
			    "%s: it was not there yet when the early helper ran", who(j));
		verdict_fix(j->v, arena_concat(j->v->arena, "passthru bind ", j->function->name),
			    "Hand it over when the host has started.");
	} else {
		verdict_set(j->v, VERDICT_FAIL, "%s; the early helper: %s", who(j), r->said);
		verdict_fix(j->v, arena_concat(j->v->arena, "passthru check ", j->function->name),
			    "See what holds the device.");
	}
}

/* A built-in driver is there before any helper; it has to be taken from it. */
static void note_builtin(struct judged *j)
{
	const struct kernel *kernel = kernel_running(&j->host->facts->kernel);
	const char *path = NULL;

	if (!kernel || !j->driver ||
	    kernel_module(kernel, j->driver, &path) != KERNEL_MODULE_BUILTIN)
		return;
	verdict_evidence(j->v, path, "%s", j->driver);
	j->v->sentence = arena_printf(j->v->arena, "%s (%s is built into the kernel)",
				      j->v->sentence, j->driver);
}

static void judge_lost(struct judged *j)
{
	const struct reserved_facts *facts = j->facts;

	if (facts->asked.error) {
		verdict_set(j->v, VERDICT_UNKNOWN, "%s; whether this boot was to reserve it: %s",
			    who(j), verdict_reason(facts->asked.error));
		return;
	}
	if (!facts->asked.value) {
		judge_without_switch(j);
		return;
	}
	evidence_report(j);
	if (facts->report_error) {
		judge_without_report(j);
	} else if (!j->reserved->result) {
		verdict_set(j->v, VERDICT_FAIL,
			    "%s: the early helper knew nothing of it, so the image has an older "
			    "list than " RESERVE_FILE,
			    who(j));
		verdict_fix(j->v, NULL, FIX_AGAIN);
	} else {
		judge_by_report(j);
	}
	if (j->v->kind == VERDICT_FAIL)
		note_builtin(j);
}

static void judge_held(struct judged *j)
{
	const struct reserved_function *r = j->reserved;
	const char *was = r->record->function.address, *is = j->function->name;

	if (r->found == RESERVE_MOVED)
		verdict_set(j->v, VERDICT_PASS, "%s has it; it was moved to %s", j->driver, is);
	else if (!str_eq(was, is))
		verdict_set(j->v, VERDICT_PASS, "%s has it; its address is %s now", j->driver, is);
	else
		verdict_set(j->v, VERDICT_PASS, "%s has it", j->driver);
	if (!j->facts->asked.error && j->facts->asked.value)
		evidence_report(j);
}

void check_judge_reserved(struct host *host, const struct reserved_function *reserved,
			  struct verdict *ret)
{
	struct judged j = { .host = host,
			    .facts = &host->facts->reserved,
			    .reserved = reserved,
			    .function = reserved->function,
			    .v = ret };

	evidence_record(&j);
	if (!j.function) {
		judge_unfound(&j);
		return;
	}
	const struct fact_text *driver = &j.function->driver;
	if (driver->error && driver->error != -ENOENT) {
		verdict_unknown(ret, arena_concat(ret->arena, j.function->path, "/driver"),
				driver->error);
		return;
	}
	j.driver = driver->error ? NULL : driver->value;
	evidence_driver(&j);
	if (host_is_vfio_driver(j.driver))
		judge_held(&j);
	else
		judge_lost(&j);
}

/* ---- the check: all of them in one verdict ---- */

/* Evidence of those that are lost first: there may be more than fit. */
static void add(struct verdict *all, const struct verdict *one, const char *address)
{
	verdict_evidence(all, address, "%s", one->sentence);
	for (size_t i = 0; i < one->n_evidence; i++)
		verdict_evidence(all, one->evidence[i].where, "%s", one->evidence[i].what);
}

static void judge_lines(const struct reserved_facts *facts, struct verdict *v)
{
	for (size_t i = 0; i < facts->n_problems; i++) {
		const char *where =
			arena_printf(v->arena, RESERVE_FILE ":%u", facts->problems[i].line);

		verdict_evidence(v, where, "%s", facts->problems[i].what);
		verdict_raise(v, VERDICT_FAIL, "%s is left out: %s", where,
			      facts->problems[i].what);
		if (!v->fix)
			verdict_fix(v, "passthru history",
				    "The file is written by setup: undo that, and set up again.");
	}
}

static void judge_all(struct host *host, const struct reserved_facts *facts, struct verdict *v)
{
	static const enum verdict_kind order[] = { VERDICT_FAIL, VERDICT_UNKNOWN, VERDICT_WARN,
						   VERDICT_PASS };
	struct verdict *one = arena_array(v->arena, facts->n, sizeof(*one));
	const struct verdict *worst = NULL;
	size_t n_held = 0;

	for (size_t i = 0; i < facts->n; i++) {
		one[i].arena = v->arena;
		check_judge_reserved(host, &facts->functions[i], &one[i]);
		n_held += one[i].kind == VERDICT_PASS;
		if (!worst || one[i].kind > worst->kind)
			worst = &one[i];
	}
	for (size_t k = 0; k < ARRAY_SIZE(order); k++) {
		for (size_t i = 0; i < facts->n; i++) {
			if (one[i].kind == order[k])
				add(v, &one[i], facts->functions[i].record->function.address);
		}
	}
	if (n_held == facts->n) {
		verdict_set(v, VERDICT_PASS, "%s with VFIO, as reserved",
			    text_count(v->arena, n_held, "function is", "functions are"));
		return;
	}
	verdict_set(v, worst->kind, "%s: %s",
		    facts->functions[worst - one].record->function.address, worst->sentence);
	if (facts->n > 1)
		verdict_set(v, worst->kind, "%zu of %zu reserved functions are with VFIO; %s",
			    n_held, facts->n, v->sentence);
	v->fix = worst->fix;
	v->command = worst->command;
}

static void judge(struct host *host, struct pci_function *f, struct verdict *v)
{
	const struct reserved_facts *facts = &host->facts->reserved;

	(void)f;
	/* of a root that does not run there is no boot to judge */
	if (facts->file_error == -ENOENT || facts->asked.error == -ENOENT)
		return;
	if (facts->file_error == -EPROTONOSUPPORT) {
		verdict_set(v, VERDICT_FAIL, "its first line is that of another version");
		verdict_evidence(v, RESERVE_FILE, "another version");
		verdict_fix(v, NULL, "Use the version of this program that wrote it.");
		return;
	}
	if (facts->file_error) {
		verdict_unknown(v, RESERVE_FILE, facts->file_error);
		return;
	}
	if (facts->n > 0)
		judge_all(host, facts, v);
	judge_lines(facts, v);
}

const struct check check_reserved = {
	.id = "reserved",
	.title = "Devices reserved at boot",
	.area = "configuration",
	.scope = CHECK_HOST,
	.judge = judge,
};
