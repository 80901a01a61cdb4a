// SPDX-License-Identifier: MIT
// The reserved functions of a wish: who they are, so that the early helper finds just them again,
// and whether they may be reserved. What the host uses of them is judged in loss.c: at boot, before
// anybody uses anything, other rules hold than for a handover.

#include "base/text.h"
#include "check/check.h"
#include "handover/handover.h"
#include "host/host.h"
#include "setup/internal.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* ---- whether ---- */

static void handover_of(struct arena *a, const struct setup_wish *wish, struct handover *ret)
{
	*ret = (struct handover){
		.functions = arena_array(a, wish->n_functions, sizeof(*ret->functions)),
		.n = wish->n_functions,
	};
	for (size_t i = 0; i < wish->n_functions; i++)
		ret->functions[i].function = wish->functions[i];
}

static int check_one(const struct setup_work *work, struct pci_function *f, struct err *e)
{
	if (f->error)
		return err_io(e, f->error == PCI_MISSING ? -ENOENT : f->error, "reading what %s is",
			      f->name);
	if (pci_is_bridge(f))
		return err_refuse(e, "%s is a bridge: bridges stay with the host", f->name);
	if (host_is_virtual(work->host, f))
		return err_refuse(e,
				  "%s is a virtual function, which is not there when the host "
				  "starts: 'passthru vfs' makes it and keeps it for guests",
				  f->name);
	return 0;
}

/* What driverctl gives to VFIO at each boot: "etc/driverctl.d/pci-0000:01:00.0". */
static bool is_of_driverctl(const struct traces_facts *traces, const struct pci_function *f)
{
	for (size_t i = 0; i < traces->n_traces; i++) {
		const struct trace *trace = &traces->traces[i];
		const char *file = text_last_part(trace->path);

		if (trace->kind == TRACE_DRIVERCTL && str_starts(file, "pci-") &&
		    str_eq(file + strlen("pci-"), f->name))
			return host_is_vfio_driver(trace->text);
	}
	return false;
}

bool device_comes_back(const struct setup_work *work, const struct pci_function *f)
{
	return f->driver.error == 0 && host_is_vfio_driver(f->driver.value) &&
	       !host_is_reserved(&work->facts->reserved, f) && !check_ids_take(work->host, f) &&
	       !is_of_driverctl(&work->facts->traces, f);
}

bool device_is_wished(const struct setup_wish *wish, const struct pci_function *f)
{
	for (size_t i = 0; i < wish->n_functions; i++) {
		if (wish->functions[i] == f)
			return true;
	}
	return false;
}

/* A group is judged as it is after a reboot: what bind or a guest holds now is not in the way now.
 */
static int check_mates(const struct setup_work *work, const struct setup_wish *wish,
		       const struct pci_function *f, struct err *e)
{
	struct iommu_group group;
	int error = host_group_of(work->host, f, &group);

	if (error < 0)
		return err_io(e, error, "listing IOMMU group %" PRIu64, f->iommu_group.value);
	for (size_t i = 0; i < group.n_members; i++) {
		struct pci_function *mate = group.members[i];

		if (!device_is_wished(wish, mate) && device_comes_back(work, mate) &&
		    !host_is_virtual(work->host, mate))
			return err_refuse(e,
					  "%s shares IOMMU group %" PRIu64
					  " with %s, which %s has until the next boot only: no "
					  "guest could have one without the other then; name both "
					  "to reserve both",
					  f->name, group.number, mate->name, mate->driver.value);
	}
	return 0;
}

int device_check(const struct setup_work *work, const struct setup_wish *wish, struct err *e)
{
	struct handover handover;
	int error = 0;

	if (wish->n_functions == 0)
		return err_usage(e, "no device is named");
	if (wish->n_functions > RESERVE_MAX)
		return err_usage(e, "%zu functions are too many: %d can be reserved",
				 wish->n_functions, RESERVE_MAX);
	for (size_t i = 0; error == 0 && i < wish->n_functions; i++)
		error = check_one(work, wish->functions[i], e);
	/* the groups come with the IOMMU, which the words may turn on only */
	if (error < 0 || work->facts->platform.n_units == 0)
		return error;
	handover_of(work->arena, wish, &handover);
	error = handover_check(work->host, &handover, e);
	for (size_t i = 0; error == 0 && i < wish->n_functions; i++)
		error = check_mates(work, wish, wish->functions[i], e);
	return error;
}

/* ---- which driver ---- */

/* The variant that is made for it, where the kernel of the trial has that too; else vfio-pci. */
static int choose_driver(const struct setup_work *work, const struct handover_function *f,
			 const char **ret, struct err *e)
{
	static const char vfio_pci[] = "vfio-pci";
	const struct kernel *kernel = work_kernel(work, work->kernel->release);
	const char *path = NULL;

	*ret = f->driver_wanted && reserve_is_driver(f->driver_wanted) ? f->driver_wanted
								       : vfio_pci;
	if (!kernel || kernel_module(kernel, *ret, &path) != KERNEL_MODULE_ABSENT)
		return 0;
	*ret = vfio_pci;
	if (kernel_module(kernel, vfio_pci, &path) != KERNEL_MODULE_ABSENT)
		return 0;
	return err_refuse(e,
			  "the kernel %s has no module vfio-pci (%s): install the package with all "
			  "of its modules (linux-modules-extra-%s on Ubuntu, kernel-modules on "
			  "Fedora, kernel-default on openSUSE)",
			  kernel->release, path ? path : kernel->path, kernel->release);
}

/* ---- records ---- */

static int make_text(struct arena *a, struct setup_target *target, struct err *e)
{
	size_t size = (target->n_records + 2) * RESERVE_LINE_MAX;
	char *text = arena_alloc(a, size);
	long n = reserve_write(target->records, target->n_records, text, size);

	if (n < 0)
		return err_io(e, (int)n, "writing the reserved functions as a text");
	target->devices = (struct bytes){ text, (size_t)n };
	return 0;
}

int device_records(const struct setup_work *work, const struct setup_wish *wish,
		   struct setup_target *ret, struct err *e)
{
	struct host *host = work->host;
	struct handover handover;
	const char *driver;

	handover_of(work->arena, wish, &handover);
	int error = handover_choose_drivers(host, &handover, NULL, e);
	ret->n_records = wish->n_functions;
	ret->records = arena_array(work->arena, ret->n_records, sizeof(*ret->records));
	for (size_t i = 0; error == 0 && i < ret->n_records; i++) {
		struct reserve_record *record = &ret->records[i];

		error = choose_driver(work, &handover.functions[i], &driver, e);
		if (error < 0)
			return error;
		host_reserve_function(host, wish->functions[i], &record->function);
		record->twins = host_count_twins(host, wish->functions[i], wish->functions,
						 wish->n_functions);
		snprintf(record->driver, sizeof(record->driver), "%s", driver);
	}
	return error < 0 ? error : make_text(work->arena, ret, e);
}

bool device_same(const struct setup_work *work, const struct setup_wish *wish)
{
	const struct reserved_facts *reserved = &work->facts->reserved;

	if (reserved->n != wish->n_functions || reserved->n != work->state.n_records)
		return false;
	for (size_t i = 0; i < reserved->n; i++) {
		if (!device_is_wished(wish, reserved->functions[i].function))
			return false;
	}
	return true;
}
