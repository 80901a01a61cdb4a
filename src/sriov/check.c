// SPDX-License-Identifier: MIT
// What stands in the way of a change, found before it: the kernel takes a virtual function from
// below a file system or a bridge without a word, and waits for a guest that has one for as long as
// the guest runs. What the kernel would refuse itself (sriov_numvfs_store() of drivers/pci/iov.c)
// is said in words here.

#include "base/text.h"
#include "sriov/internal.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

/* ---- the device ---- */

static bool is_off(struct sriov *s, const char *path)
{
	struct bytes text;

	return root_read(s->host->root, &s->host->arena, path, &text) == 0 &&
	       str_eq(text_trimmed(&s->host->arena, text), "N");
}

static int check_driver(struct sriov *s, struct err *e)
{
	const struct fact_text *driver = &s->pf->driver;

	if (driver->error == -ENOENT)
		return err_refuse(
			e,
			"%s has no driver, and only its driver can make virtual functions: "
			"load the driver of the host for it first",
			s->pf->name);
	if (driver->error)
		return err_io(e, driver->error, "reading the driver of %s", s->pf->name);
	if (str_eq(driver->value, "vfio-pci") &&
	    is_off(s, "sys/module/vfio_pci/parameters/enable_sriov"))
		return err_refuse(
			e,
			"%s is with vfio-pci, which makes virtual functions only when its "
			"module is loaded with enable_sriov=1: `passthru release %s` gives "
			"it to a driver that does",
			s->pf->name, s->pf->name);
	return 0;
}

static int check_count(struct sriov *s, unsigned count, struct err *e)
{
	if (s->total.error)
		return err_io(e, s->total.error, "reading sriov_totalvfs of %s", s->pf->name);
	if (s->now.error)
		return err_io(e, s->now.error, "reading sriov_numvfs of %s", s->pf->name);
	if (s->total.value == 0 && count > 0)
		return err_usage(e,
				 "%s offers no virtual functions now: its driver, or a setting in "
				 "its firmware, limits it to 0",
				 s->pf->name);
	if (count > s->total.value)
		return err_usage(e, "%s offers %" PRIu64 " virtual functions at most, not %u",
				 s->pf->name, s->total.value, count);
	return 0;
}

/* The host would let it happen to a guest: the address changes under it. */
static int check_settings(struct sriov *s, const struct sriov_request *request, struct err *e)
{
	if ((request->queues || request->vectors) && request->count == 0)
		return err_usage(
			e, "--queues and --vectors are for virtual functions that there will be");
	if ((request->queues || request->vectors) &&
	    (s->nvme.error == -ENOENT || s->nvme.error == -EOPNOTSUPP))
		return err_usage(e,
				 "--queues and --vectors are for NVMe drives with virtualization "
				 "management, which %s is not",
				 s->pf->name);
	if (request->n_settings && !s->interface)
		return err_usage(e,
				 "MAC address, VLAN and the like are for network cards: %s has no "
				 "network interface",
				 s->pf->name);
	if (request->n_settings && s->link_error)
		return err_fail(e, s->link_error,
				"what the virtual functions of %s are set to is not known: %s",
				s->interface, fact_reason(s->link_error));
	for (size_t i = 0; i < request->n_settings; i++) {
		const struct vf_setting *setting = &request->setting[i];
		const char *user;

		if (setting->vf >= request->count)
			return err_usage(e, "there will be no virtual function %u of %u",
					 setting->vf, request->count);
		if (setting->kind != VF_MAC || setting->vf >= s->n || !s->vf[setting->vf].function)
			continue;
		user = host_vfio_user(s->host, s->vf[setting->vf].function);
		if (user)
			return err_refuse(
				e,
				"virtual function %u (%s) is in use by %s, which would not "
				"see another MAC address: end that guest first",
				setting->vf, s->vf[setting->vf].name, user);
	}
	return 0;
}

int check_request(struct sriov *s, const struct sriov_request *request, struct err *e)
{
	int error = check_count(s, request->count, e);

	if (error == 0 && request->count != s->now.value)
		error = check_driver(s, e);
	return error == 0 ? check_settings(s, request, e) : error;
}

/* ---- disks with more than one way to them ---- */

/*
 * With several controllers in a drive the disk stands below the drive's own directory, nvme0n1, and
 * below the controller only the way to it, nvme0c1n1 (nvme_mpath_alloc_disk() of
 * drivers/nvme/host/multipath.c).
 */
static const char *disk_of_path(struct arena *a, const char *name)
{
	unsigned subsystem, controller, disk;
	int n = 0;

	if (sscanf(name, "nvme%uc%un%u%n", &subsystem, &controller, &disk, &n) != 3 || name[n])
		return NULL;
	return arena_printf(a, "nvme%un%u", subsystem, disk);
}

/* Whether @name is @disk or a partition of it. */
static bool is_part_of(const char *name, const char *disk)
{
	size_t n = strlen(disk);

	return strncmp(name, disk, n) == 0 && (!name[n] || name[n] == 'p');
}

static const char *user_of_disk(struct sriov *s, const char *disk)
{
	const struct use_facts *use = host_use_mounts(s->host);
	struct arena *a = &s->host->arena;
	struct names names;

	for (size_t i = 0; i < use->n_mounts; i++) {
		if (is_part_of(text_last_part(use->mount[i].source), disk))
			return arena_printf(a, "%s is mounted from it", use->mount[i].target);
	}
	for (size_t i = 0; i < use->n_swaps; i++) {
		if (is_part_of(text_last_part(use->swap[i]), disk))
			return "it is swap space";
	}
	for (size_t i = 0; i < use->n_devices; i++) {
		const struct class_device *d = &use->device[i];

		if (!str_eq(d->class_name, "block") || !is_part_of(d->name, disk))
			continue;
		const char *holders = arena_printf(a, "sys/class/block/%s/holders", d->name);
		if (root_list(s->host->root, a, holders, &names) == 0 && names.n)
			return arena_printf(a, "%s stands on it", names.name[0]);
	}
	return NULL;
}

/* Of the controller that @f is; NULL when it is none, or has no driver. */
static const char *nvme_directory(struct sriov *s, const struct pci_function *f)
{
	struct arena *a = &s->host->arena;
	const char *directory = arena_concat(a, f->path, "/nvme");
	struct names names;

	if (root_list(s->host->root, a, directory, &names) < 0 || names.n == 0)
		return NULL;
	return arena_printf(a, "%s/%s", directory, names.name[0]);
}

static bool has_way_to(struct sriov *s, const char *directory, const char *disk)
{
	struct names names;

	if (!directory || root_list(s->host->root, &s->host->arena, directory, &names) < 0)
		return false;
	for (size_t i = 0; i < names.n; i++) {
		const char *other = disk_of_path(&s->host->arena, names.name[i]);
		if (other && str_eq(other, disk))
			return true;
	}
	return false;
}

/* Every disk that this virtual function leads to can be reached through the device itself. */
static bool shares_all_disks(struct sriov *s, const struct sriov_vf *vf)
{
	const char *directory = nvme_directory(s, vf->function), *own = nvme_directory(s, s->pf);
	struct names names;
	size_t n = 0;

	if (!directory || root_list(s->host->root, &s->host->arena, directory, &names) < 0)
		return false;
	for (size_t i = 0; i < names.n; i++) {
		const char *disk = disk_of_path(&s->host->arena, names.name[i]);

		if (disk && !has_way_to(s, own, disk))
			return false;
		n += disk != NULL;
	}
	return n > 0;
}

/* A disk that only this virtual function leads to would be lost with it. */
static int check_own_disks(struct sriov *s, const struct sriov_vf *vf, struct err *e)
{
	const char *directory = nvme_directory(s, vf->function);
	struct names names;

	if (!directory)
		return 0;
	int error = root_list(s->host->root, &s->host->arena, directory, &names);
	if (error < 0)
		return err_io(e, error, "listing %s", directory);
	for (size_t i = 0; i < names.n; i++) {
		const char *disk = disk_of_path(&s->host->arena, names.name[i]);
		const char *user = disk ? user_of_disk(s, disk) : NULL;

		if (user && !has_way_to(s, nvme_directory(s, s->pf), disk))
			return err_refuse(e, "virtual function %u (%s) is in use: %s of it, %s",
					  vf->index, vf->name, disk, user);
	}
	return 0;
}

/* ---- who uses them ---- */

static int check_uses(struct sriov *s, const struct sriov_vf *vf, struct err *e)
{
	const struct device_uses *uses = host_read_uses(s->host, vf->function);

	for (size_t i = 0; i < uses->n; i++) {
		const struct device_use *use = &uses->use[i];

		/* the way through it goes, the disk stays */
		if (use->active && !(use->kind == USE_DISK && shares_all_disks(s, vf)))
			return err_refuse(e, "virtual function %u (%s) is in use: %s%s%s",
					  vf->index, vf->name, use->what,
					  use->stop ? "; to stop that: " : "",
					  use->stop ? use->stop : "");
	}
	if (uses->n_gaps)
		return err_io(
			e, uses->gap[0].error,
			"whether virtual function %u (%s) is in use cannot be told: reading %s",
			vf->index, vf->name, uses->gap[0].where);
	return 0;
}

int check_unused(struct sriov *s, struct err *e)
{
	for (size_t i = 0; i < s->n; i++) {
		const struct sriov_vf *vf = &s->vf[i];
		const char *user;

		if (!vf->function)
			continue;
		/* looked for now: the answer about other uses may be that of a moment ago */
		user = host_vfio_user(s->host, vf->function);
		if (user)
			return err_refuse(
				e,
				"virtual function %u (%s) is in use by %s: end that guest "
				"first",
				vf->index, vf->name, user);
		int error = check_uses(s, vf, e);
		if (error == 0)
			error = check_own_disks(s, vf, e);
		if (error < 0)
			return error;
	}
	return 0;
}

/* ---- the drive itself ---- */

int check_drive_unused(struct sriov *s, struct err *e)
{
	static const char why[] =
		"it takes a reset of the drive to free queues for virtual functions";
	const struct device_uses *uses = host_read_uses(s->host, s->pf);
	struct arena *a = &s->host->arena;
	struct names names;

	for (size_t i = 0; i < uses->n; i++) {
		if (uses->use[i].active)
			return err_refuse(e, "%s, and %s is in use: %s", why, s->pf->name,
					  uses->use[i].what);
	}
	if (uses->n_gaps)
		return err_io(e, uses->gap[0].error,
			      "%s, and whether %s is in use cannot be told: %s", why, s->pf->name,
			      uses->gap[0].where);
	const char *directory = nvme_directory(s, s->pf);
	int error = root_list(s->host->root, a, directory, &names);
	if (error < 0)
		return err_io(e, error, "listing %s", directory);
	for (size_t i = 0; i < names.n; i++) {
		const char *disk = disk_of_path(a, names.name[i]);
		const char *user = disk ? user_of_disk(s, disk) : NULL;

		if (user)
			return err_refuse(e, "%s, and %s of %s is in use: %s", why, disk,
					  s->pf->name, user);
	}
	return 0;
}
