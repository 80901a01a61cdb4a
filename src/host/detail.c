// SPDX-License-Identifier: MIT
// The rest about one function. `config` is not read, and what makes the kernel ask the device (its
// link) is left alone while the device sleeps. Attributes: Documentation/ABI/testing/sysfs-bus-pci;
// the flags of `resource`: include/linux/ioport.h.

#include "base/text.h"
#include "host/host.h"
#include "host/internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define IORESOURCE_IO 0x00000100u
#define IORESOURCE_MEM 0x00000200u
#define IORESOURCE_PREFETCH 0x00002000u
#define IORESOURCE_MEM_64 0x00100000u
#define IORESOURCE_UNSET 0x20000000u

#define ROM_RESOURCE 6

/* How long to wait for a handover by somebody else to let go of the device. */
#define BUSY_LIMIT_MS 1000

const char *host_path(struct host *host, const struct pci_function *f, const char *attribute)
{
	return arena_concat(&host->arena, f->path, attribute);
}

bool host_is_locked(struct host *host, const struct pci_function *f)
{
	const char *target, *lock = arena_printf(&host->arena, "run/passthru/%s.lock", f->name);

	/* asked like this it is one system call, of a file that is seldom there */
	return host->root->ops->read_watched &&
	       root_link(host->root, &host->arena, lock, &target) == -EINVAL;
}

int host_read_waiting(struct host *host, const struct pci_function *f, const char *attribute,
		      struct bytes *ret)
{
	const char *path = host_path(host, f, attribute);
	pid_t child;

	if (!host_is_locked(host, f))
		return root_read(host->root, &host->arena, path, ret);
	return root_read_watched(host->root, &host->arena, path, BUSY_LIMIT_MS, ret, &child);
}

/* Of a file that may wait; nothing is asked when another one has waited already, with @busy. */
static struct fact_text read_waiting(struct host *host, const struct pci_function *f,
				     const char *attribute, int busy)
{
	struct bytes data;
	int error = busy == PCI_BUSY ? busy : host_read_waiting(host, f, attribute, &data);

	if (error < 0)
		return (struct fact_text){ .error = error };
	return (struct fact_text){ .value = text_trimmed(&host->arena, data) };
}

static struct fact_text read_text(struct host *host, const struct pci_function *f,
				  const char *attribute)
{
	struct bytes data;
	int error = root_read(host->root, &host->arena, host_path(host, f, attribute), &data);

	if (error < 0)
		return (struct fact_text){ .error = error };
	return (struct fact_text){ .value = text_trimmed(&host->arena, data) };
}

static struct fact_number number_of(struct fact_text text)
{
	struct fact_number number = { .error = text.error };

	if (number.error == 0 && text_number(text.value, 0, UINT64_MAX, &number.value) < 0)
		number.error = -EBADMSG;
	return number;
}

static struct fact_number read_number(struct host *host, const struct pci_function *f,
				      const char *attribute)
{
	return number_of(read_text(host, f, attribute));
}

/* Empty or @none counts as not there. */
static struct fact_text unless(struct fact_text text, const char *none)
{
	if (text.error == 0 && (!*text.value || str_eq(text.value, none)))
		text = (struct fact_text){ .error = -ENOENT };
	return text;
}

/* As text, but empty or @none counts as not there. */
static struct fact_text read_unless(struct host *host, const struct pci_function *f,
				    const char *attribute, const char *none)
{
	return unless(read_text(host, f, attribute), none);
}

static struct fact_number read_numa_node(struct host *host, const struct pci_function *f)
{
	struct fact_text text = read_unless(host, f, "/numa_node", "-1");
	struct fact_number number = { .error = text.error };

	if (number.error == 0 && text_number(text.value, 10, 1 << 20, &number.value) < 0)
		number.error = -EBADMSG;
	return number;
}

static bool parse_resource(const char *line, uint64_t value[3])
{
	for (int i = 0; i < 3; i++) {
		if (line[0] != '0' || line[1] != 'x')
			return false;
		size_t n = text_hex_prefix(line + 2, 16, &value[i]);
		if (n == 0 || line[2 + n] != (i < 2 ? ' ' : '\0'))
			return false;
		line += 2 + n + (i < 2);
	}
	return true;
}

int pci_parse_resources(struct arena *a, struct bytes text, struct pci_detail *ret)
{
	const char *rest = text.data, *start;
	uint64_t value[3];
	unsigned index = 0;
	size_t n;

	/* a line is at least "0x0 0x0 0x0\n" */
	ret->resources = arena_array(a, text.n / 12 + 1, sizeof(*ret->resources));
	ret->n_resources = 0;
	for (; text_next_line(&rest, &start, &n); index++) {
		if (!parse_resource(arena_strndup(a, start, n), value))
			return -EBADMSG;
		uint64_t first = value[0], last = value[1], flags = value[2];
		if (!(flags & (IORESOURCE_IO | IORESOURCE_MEM)) || last < first)
			continue;
		struct pci_resource *resource = &ret->resources[ret->n_resources++];
		*resource = (struct pci_resource){
			.index = index,
			.kind = flags & IORESOURCE_IO ? PCI_RESOURCE_IO : PCI_RESOURCE_MEMORY,
			.is_64bit = flags & IORESOURCE_MEM_64,
			.prefetchable = flags & IORESOURCE_PREFETCH,
			.assigned = !(flags & IORESOURCE_UNSET),
			.start = first,
			.size_bytes = last - first + 1,
		};
	}
	return 0;
}

static void read_resources(struct host *host, const struct pci_function *f, struct pci_detail *ret)
{
	struct bytes text;

	ret->resource_error =
		root_read(host->root, &host->arena, host_path(host, f, "/resource"), &text);
	if (ret->resource_error == 0)
		ret->resource_error = pci_parse_resources(&host->arena, text, ret);
	ret->rom_error = ret->resource_error ? ret->resource_error : -ENOENT;
	for (size_t i = 0; i < ret->n_resources; i++) {
		if (ret->resources[i].index == ROM_RESOURCE && !pci_is_bridge(f))
			ret->rom_error = 0;
	}
}

/* Since Linux 6.17 the kernel wakes the device for these; before, a sleeping one gave wrong values.
 */
static void read_link(struct host *host, const struct pci_function *f, struct pci_detail *ret)
{
	if (ret->runtime_status.error == 0 && str_eq(ret->runtime_status.value, "suspended")) {
		const struct fact_text asleep = { .error = PCI_ASLEEP };
		ret->link_speed = ret->link_width = asleep;
		ret->link_speed_max = ret->link_width_max = asleep;
		return;
	}
	ret->link_speed_max = read_unless(host, f, "/max_link_speed", "Unknown");
	ret->link_width_max = read_unless(host, f, "/max_link_width", "255");
	ret->link_speed = read_unless(host, f, "/current_link_speed", "Unknown");
	ret->link_width = read_unless(host, f, "/current_link_width", "0");
}

struct fact_number host_boot_vga(struct host *host, const struct pci_function *f)
{
	struct fact_number fact = read_number(host, f, "/boot_vga");

	if (fact.error == 0 && fact.value > 1)
		fact.error = -EBADMSG;
	return fact;
}

void host_read_detail(struct host *host, const struct pci_function *f, struct pci_detail *ret)
{
	const char *physical;

	*ret = (struct pci_detail){
		.numa_node = read_numa_node(host, f),
		.boot_vga = host_boot_vga(host, f),
		.driver_override = unless(read_waiting(host, f, "/driver_override", 0), "(null)"),
		.reset_methods = read_unless(host, f, "/reset_method", ""),
		.power_state = read_unless(host, f, "/power_state", "unknown"),
		.runtime_status = read_text(host, f, "/power/runtime_status"),
		.d3cold_allowed = read_number(host, f, "/d3cold_allowed"),
		.vfs_max = read_number(host, f, "/sriov_totalvfs"),
	};
	int busy = ret->vfs_max.error ? 0 : ret->driver_override.error;
	ret->vfs = number_of(read_waiting(host, f, "/sriov_numvfs", busy));
	read_resources(host, f, ret);
	read_link(host, f, ret);
	ret->physical_function.error =
		root_link(host->root, &host->arena, host_path(host, f, "/physfn"), &physical);
	if (ret->physical_function.error == 0)
		ret->physical_function.value = text_last_part(physical);
}
