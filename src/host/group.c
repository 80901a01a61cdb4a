// SPDX-License-Identifier: MIT
// IOMMU groups: the smallest set of devices that can be handed to a guest. Their numbers are good
// until the next boot and are never stored. Documentation/ABI/testing/sysfs-kernel-iommu_groups.

#include "base/text.h"
#include "host/host.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define GROUPS "sys/kernel/iommu_groups"

bool host_is_vfio_driver(const char *driver)
{
	static const char suffix[] = "vfio-pci";

	if (!driver || strlen(driver) < sizeof(suffix) - 1)
		return false;
	const char *end = driver + strlen(driver) - (sizeof(suffix) - 1);
	return str_eq(end, suffix) || str_eq(end, "vfio_pci");
}

bool host_driver_permits_vfio(const struct fact_text *driver)
{
	if (driver->error)
		return driver->error == -ENOENT;
	return host_is_vfio_driver(driver->value) || str_eq(driver->value, "pcieport") ||
	       str_eq(driver->value, "pci-stub");
}

struct fact_text host_group_type(struct host *host, uint64_t number)
{
	struct bytes data;
	const char *path = arena_printf(&host->arena, GROUPS "/%" PRIu64 "/type", number);
	int error = root_read(host->root, &host->arena, path, &data);

	if (error < 0)
		return (struct fact_text){ .error = error };
	return (struct fact_text){ .value = text_trimmed(&host->arena, data) };
}

static int by_group(const void *a, const void *b)
{
	const struct pci_function *left = *(struct pci_function *const *)a;
	const struct pci_function *right = *(struct pci_function *const *)b;

	if (left->iommu_group.value != right->iommu_group.value)
		return left->iommu_group.value < right->iommu_group.value ? -1 : 1;
	return pci_address_compare(left->address, right->address);
}

void host_groups(struct host *host, struct iommu_group **ret, size_t *ret_n)
{
	struct pci_function **member =
		arena_array(&host->arena, host->n_functions, sizeof(*member));
	struct iommu_group *groups = arena_array(&host->arena, host->n_functions, sizeof(*groups));
	size_t n_members = 0, n = 0;

	for (size_t i = 0; i < host->n_functions; i++) {
		if (host->functions[i].iommu_group.error == 0)
			member[n_members++] = &host->functions[i];
	}
	if (n_members > 1)
		qsort(member, n_members, sizeof(*member), by_group);
	for (size_t i = 0; i < n_members; i++) {
		uint64_t number = member[i]->iommu_group.value;

		if (n == 0 || groups[n - 1].number != number)
			groups[n++] =
				(struct iommu_group){ .number = number, .members = &member[i] };
		groups[n - 1].n_members++;
	}
	for (size_t i = 0; i < n; i++)
		groups[i].type = host_group_type(host, groups[i].number);
	*ret = groups;
	*ret_n = n;
}

/* A group that was read: all functions of a slot ask for the same one. */
struct known_group {
	struct iommu_group group;
	struct known_group *next;
};

static int read_group(struct host *host, uint64_t number, struct iommu_group *ret)
{
	struct pci_address address;
	struct names names;
	const char *path = arena_printf(&host->arena, GROUPS "/%" PRIu64 "/devices", number);
	int error = root_list(host->root, &host->arena, path, &names);

	if (error < 0)
		return error;
	*ret = (struct iommu_group){
		.number = number,
		.type = host_group_type(host, number),
		.members = arena_array(&host->arena, names.n, sizeof(*ret->members)),
		.others = arena_array(&host->arena, names.n, sizeof(*ret->others)),
	};
	for (size_t i = 0; i < names.n; i++) {
		struct pci_function *member = pci_address_parse(names.name[i], &address)
						      ? host_find(host, address)
						      : NULL;
		if (member)
			ret->members[ret->n_members++] = member;
		else
			ret->others[ret->n_others++] = names.name[i];
	}
	return 0;
}

int host_group_of(struct host *host, const struct pci_function *f, struct iommu_group *ret)
{
	if (f->iommu_group.error)
		return f->iommu_group.error;
	for (const struct known_group *known = host->groups; known; known = known->next) {
		if (known->group.number != f->iommu_group.value)
			continue;
		*ret = known->group;
		return 0;
	}
	int error = read_group(host, f->iommu_group.value, ret);
	if (error < 0)
		return error;
	struct known_group *known = arena_alloc(&host->arena, sizeof(*known));
	*known = (struct known_group){ .group = *ret, .next = host->groups };
	host->groups = known;
	return 0;
}
