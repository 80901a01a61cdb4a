// SPDX-License-Identifier: MIT
// What the host does without, once functions are reserved. A use ends with the reboot by itself, so
// most of what a handover refuses is a note here. Refused is what keeps the host from coming up or
// from being reached: a file system that it is told to mount (systemd.mount(5): without "nofail"
// the boot ends in the emergency shell), mounted now or not, swap of fstab that is on, and the
// interface of the default route.

#include "base/text.h"
#include "host/host.h"
#include "setup/internal.h"

#include <string.h>

/* linux/pci_ids.h of the kernel; the second byte is the sub class */
#define PCI_BASE_STORAGE 0x01
#define PCI_CLASS_3D 0x0302
#define PCI_CLASS_SD_HOST 0x0805
#define PCI_CLASS_FIREWIRE 0x0c00
#define PCI_CLASS_USB 0x0c03
#define PCI_CLASS_FIBRE_CHANNEL 0x0c04

static bool is_below(const char *path, const struct pci_function *f)
{
	size_t n = strlen(f->path);

	return strncmp(path, f->path, n) == 0 && path[n] == '/';
}

static bool is_allowed(const struct setup_wish *wish, enum use_kind kind)
{
	for (size_t i = 0; i < wish->allowed.n; i++) {
		if (str_eq(wish->allowed.name[i], use_kind_word(kind)))
			return true;
	}
	return false;
}

/* ---- disks ---- */

/* @target as a path of the root. */
static bool is_of_system(const char *target)
{
	static const char *const targets[] = { "", "boot", "efi", "usr", "var", "etc" };

	for (size_t i = 0; i < ARRAY_SIZE(targets); i++) {
		if (str_eq(target, targets[i]))
			return true;
	}
	return str_starts(target, "boot/");
}

/* @says when the boot waits for what is mounted at @target, or for any swap when that is NULL. */
static const char *why_fstab(const struct setup_work *work, const char *target, const char *says)
{
	const struct use_facts *facts = host_use_fstab(work->host);

	for (size_t i = 0; i < facts->n_fstab; i++) {
		const struct fstab_line *line = &facts->fstab[i];

		if (target ? str_eq(line->target, target) : str_eq(line->type, "swap"))
			return says;
	}
	return NULL;
}

static const char *mounted_at(struct arena *a, const struct device_use *use)
{
	const char *end = strstr(use->what, " is mounted from ");

	return end ? arena_strndup(a, use->what, (size_t)(end - use->what)) : NULL;
}

/* Why the host needs this disk when it starts; NULL: it does not, as far as is known. */
static const char *why_disk(const struct setup_work *work, const struct device_use *use)
{
	if (str_eq(use->where, "proc/swaps"))
		return why_fstab(work, NULL, USE_FSTAB " has it turned on at boot");
	const char *target = mounted_at(work->arena, use);
	/* what is mounted from its holder is a use of its own */
	if (!target && strstr(use->what, " is a part of "))
		return NULL;
	if (!target)
		return "whether the host needs that at its start cannot be told";
	if (is_of_system(target + (*target == '/')))
		return "the host does not start without it";
	return why_fstab(work, target, USE_FSTAB " has it mounted at boot");
}

/* ---- networks ---- */

static const char *why_network(const struct device_use *use)
{
	if (strstr(use->what, "default route"))
		return "the host may not be reached without it";
	if (str_starts(use->what, "/ is mounted over the network"))
		return "the host does not start without it";
	if (str_starts(use->what, "an SSH connection "))
		return "who administers the host is connected through it";
	return NULL;
}

/* ---- judging ---- */

static const char *why_needed(const struct setup_work *work, const struct device_use *use)
{
	if (!use->active || use->held)
		return NULL;
	if (use->kind == USE_DISK)
		return why_disk(work, use);
	return use->kind == USE_NETWORK ? why_network(use) : NULL;
}

/* A process that has a node open now is not there at the next boot. */
static bool is_lost(const struct device_use *use)
{
	return !use->held && use->kind != USE_GUEST;
}

/* @why the host needs it; NULL: it does not. */
static int judge(const struct setup_work *work, const struct setup_wish *wish,
		 const struct pci_function *f, const struct device_use *use, const char *why,
		 struct plan *plan, struct err *e)
{
	if (why && !is_allowed(wish, use->kind))
		return err_refuse(e,
				  "%s cannot be reserved: %s (%s), and %s; --allow %s reserves it "
				  "all the same",
				  f->name, use->what, use->where, why, use_kind_word(use->kind));
	if (is_lost(use))
		plan_note(work->arena, plan, NOTE_LOSS,
			  arena_printf(work->arena, "%s: %s (%s)%s%s", f->name, use->what,
				       use->where, why ? "; " : "", why ? why : ""));
	return 0;
}

/* As a rule, of a host that is not running nothing is refused that is not known. */
static int judge_gap(const struct setup_work *work, const struct setup_wish *wish,
		     const struct pci_function *f, const struct use_gap *gap, struct err *e)
{
	bool decides = !gap->held && (gap->kind == USE_DISK || gap->kind == USE_NETWORK);

	if (!decides || !root_is_live(work->host->root) || is_allowed(wish, gap->kind))
		return 0;
	return err_refuse(e,
			  "%s cannot be reserved: whether the host needs it cannot be told, %s "
			  "could not be read (%s); --allow %s reserves it all the same",
			  f->name, gap->where, strerror(-gap->error), use_kind_word(gap->kind));
}

/*
 * A controller of disks that no driver of the host has now, and one will have at boot: what is on
 * it cannot be seen. What is reserved already was judged when it was set up.
 */
static bool hides_disks(const struct setup_work *work, const struct pci_function *f)
{
	uint32_t kind = f->class_code >> 8;
	bool is_storage = kind >> 8 == PCI_BASE_STORAGE || kind == PCI_CLASS_SD_HOST ||
			  kind == PCI_CLASS_FIREWIRE || kind == PCI_CLASS_USB ||
			  kind == PCI_CLASS_FIBRE_CHANNEL;

	return is_storage && host_driver_permits_vfio(&f->driver) &&
	       !host_is_reserved(&work->facts->reserved, f);
}

static bool is_used(const struct setup_work *work, const struct device_uses *uses,
		    const struct fstab_line *line, const char *block)
{
	const char *swap = arena_concat(work->arena, block, " is swap space");

	for (size_t i = 0; i < uses->n; i++) {
		const char *target = mounted_at(work->arena, &uses->use[i]);

		if (target ? str_eq(target, line->target) : str_eq(uses->use[i].what, swap))
			return true;
	}
	return false;
}

/* What the boot looks for on its disks, and nothing has mounted or turned on now. */
static int judge_line(const struct setup_work *work, const struct setup_wish *wish,
		      const struct pci_function *f, const struct device_uses *uses,
		      const struct fstab_line *line, struct plan *plan, struct err *e)
{
	struct arena *a = work->arena;
	struct device_use use = { .kind = USE_DISK, .where = USE_FSTAB };
	const char *block = "it", *why;
	enum fstab_place place = host_fstab_place(work->host, uses, line, &block);

	if (place == FSTAB_NOWHERE ? !hides_disks(work, f)
				   : place == FSTAB_ELSEWHERE || is_used(work, uses, line, block))
		return 0;
	if (str_eq(line->type, "swap")) {
		/* swap.target fails, and sysinit.target only wants it */
		if (place == FSTAB_HERE)
			plan_note(a, plan, NOTE_LOSS,
				  arena_printf(a,
					       "%s: %s is turned on as swap at boot (%s), which "
					       "waits for it in vain, with systemd for 90 s, and "
					       "goes on",
					       f->name, block, USE_FSTAB));
		return 0;
	}
	use.what = arena_printf(a, place == FSTAB_HERE ? "%s holds %s" : "%s may hold %s", block,
				line->target);
	why = place == FSTAB_HERE
		      ? USE_FSTAB " has it mounted at boot"
		      : arena_printf(a,
				     "%s, which is to be mounted there at boot, is not there now",
				     line->source);
	return judge(work, wish, f, &use, why, plan, e);
}

static int judge_fstab(const struct setup_work *work, const struct setup_wish *wish,
		       const struct pci_function *f, const struct device_uses *uses,
		       struct plan *plan, struct err *e)
{
	const struct use_facts *facts = host_use_fstab(work->host);
	struct use_gap gap = { USE_DISK, false, USE_FSTAB, facts->fstab_error };
	int error = gap.error ? judge_gap(work, wish, f, &gap, e) : 0;

	if (gap.error && error == 0)
		plan_note(
			work->arena, plan, NOTE_LOSS,
			arena_printf(
				work->arena,
				"%s: whether the boot waits for its disks is not known: " USE_FSTAB
				" could not be read (%s)",
				f->name, strerror(-gap.error)));
	for (size_t i = 0; i < facts->n_fstab && error == 0; i++)
		error = judge_line(work, wish, f, uses, &facts->fstab[i], plan, e);
	return error;
}

/* ---- displays and keyboards ---- */

/* A 3D controller has no outputs; the others of class 03 show something once a driver has them. */
static bool may_show(const struct setup_work *work, const struct pci_function *f)
{
	return host_can_show(work->host, f) ||
	       (pci_is_display(f) && f->class_code >> 8 != PCI_CLASS_3D &&
		device_comes_back(work, f));
}

/* What a driver of the host has now is judged with its uses, as for bind. */
static int judge_display(const struct setup_work *work, const struct setup_wish *wish,
			 const struct pci_function *f, struct plan *plan, struct err *e)
{
	const struct device_use use = {
		.kind = USE_DISPLAY,
		.what = "this host has no other display",
		.where = "sys/bus/pci/devices",
	};
	const struct host *host = work->host;

	if (!may_show(work, f) || !device_comes_back(work, f))
		return 0;
	for (size_t i = 0; i < host->n_functions; i++) {
		if (!device_is_wished(wish, &host->functions[i]) &&
		    may_show(work, &host->functions[i]))
			return 0;
	}
	return judge(work, wish, f, &use, "nobody sees what it shows then", plan, e);
}

/* The USB connector of a card is where its display is plugged in. */
static bool is_of_card(const struct setup_wish *wish, const struct pci_function *f)
{
	for (size_t i = 0; i < wish->n_functions; i++) {
		const struct pci_function *other = wish->functions[i];

		if (pci_is_display(other) && pci_same_slot(other->address, f->address))
			return true;
	}
	return false;
}

/* Which keyboards are plugged into a controller that VFIO has cannot be seen. */
static int judge_keyboard(const struct setup_work *work, const struct setup_wish *wish,
			  const struct pci_function *f, struct plan *plan, struct err *e)
{
	const struct use_facts *facts = host_use(work->host);
	const struct device_use use = {
		.kind = USE_INPUT,
		.what = "a keyboard may be plugged into it",
		.where = "sys/class/input",
	};

	if (f->class_code >> 8 != PCI_CLASS_USB || is_of_card(wish, f) ||
	    !device_comes_back(work, f) || facts->keyboard_error)
		return 0;
	for (size_t i = 0; i < facts->n_keyboards; i++) {
		bool is_lost = false;

		for (size_t k = 0; k < wish->n_functions && !is_lost; k++)
			is_lost = is_below(facts->keyboard[i].path, wish->functions[k]);
		if (!is_lost)
			return 0;
	}
	return judge(work, wish, f, &use, "the host shows no other now", plan, e);
}

/* ---- all of it ---- */

static const char *interface_of(const struct setup_work *work, const struct pci_function *f)
{
	const struct use_facts *use = host_use(work->host);

	for (size_t i = 0; i < use->n_devices; i++) {
		const struct class_device *device = &use->device[i];

		if (str_eq(device->class_name, "net") && is_below(device->path, f))
			return device->name;
	}
	return NULL;
}

static void note_kind(const struct setup_work *work, const struct pci_function *f,
		      struct plan *plan)
{
	struct arena *a = work->arena;
	const char *interface = interface_of(work, f);

	if (interface)
		plan_note(a, plan, NOTE_LOSS,
			  arena_printf(a,
				       "%s: the host has no %s any more, and interfaces whose "
				       "names are counted (eth0) may get others",
				       f->name, interface));
	if (may_show(work, f))
		plan_note(a, plan, NOTE_LOSS,
			  arena_printf(a,
				       "%s: what is plugged into this card shows nothing of the "
				       "host any more, from its start on",
				       f->name));
}

int loss_judge(const struct setup_work *work, const struct setup_wish *wish, struct plan *plan,
	       struct err *e)
{
	for (size_t i = 0; i < wish->n_functions; i++) {
		struct pci_function *f = wish->functions[i];
		const struct device_uses *uses = &host_read_device(work->host, f)->uses;
		int error = 0;

		for (size_t k = 0; error == 0 && k < uses->n; k++)
			error = judge(work, wish, f, &uses->use[k], why_needed(work, &uses->use[k]),
				      plan, e);
		for (size_t k = 0; error == 0 && k < uses->n_gaps; k++)
			error = judge_gap(work, wish, f, &uses->gap[k], e);
		if (error == 0 && (uses->blocks.n > 0 || hides_disks(work, f)))
			error = judge_fstab(work, wish, f, uses, plan, e);
		if (error == 0)
			error = judge_display(work, wish, f, plan, e);
		if (error == 0)
			error = judge_keyboard(work, wish, f, plan, e);
		if (error < 0)
			return error;
		note_kind(work, f, plan);
	}
	return 0;
}
