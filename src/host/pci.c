// SPDX-License-Identifier: MIT
// The PCI functions of a host.
//
// `uevent` has driver, class, ids and subsystem in one file that costs the kernel no access to the
// device; the link in sys/bus/pci/devices gives the real path and with it the bridges above; the
// link iommu_group gives the group. Nothing else is read for a listing, but for "other bridges" the
// header of their configuration space, which tells bridges from endpoints. The keys of uevent are
// those of pci_uevent() in drivers/pci/pci-driver.c.

#include "base/text.h"
#include "host/config.h"
#include "host/host.h"
#include "host/internal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DEVICES "sys/bus/pci/devices"

void host_init(struct host *host, struct root *root)
{
	*host = (struct host){ .root = root };
}

void host_done(struct host *host)
{
	host_names_close(host->names);
	root_close(host->root);
	arena_free(&host->arena);
	*host = (struct host){ 0 };
}

int pci_address_compare(struct pci_address a, struct pci_address b)
{
	if (a.domain != b.domain)
		return a.domain < b.domain ? -1 : 1;
	if (a.bus != b.bus)
		return a.bus < b.bus ? -1 : 1;
	if (a.device != b.device)
		return a.device < b.device ? -1 : 1;
	return (a.function > b.function) - (a.function < b.function);
}

bool pci_same_slot(struct pci_address a, struct pci_address b)
{
	a.function = b.function = 0;
	return pci_address_compare(a, b) == 0;
}

void pci_address_format(struct pci_address address, char text[PCI_ADDRESS_MAX])
{
	snprintf(text, PCI_ADDRESS_MAX, "%04x:%02x:%02x.%x", address.domain, address.bus,
		 address.device & 0x1fu, address.function & 7u);
}

bool pci_address_parse(const char *text, struct pci_address *ret)
{
	uint64_t domain, bus, device, function;
	size_t n = text_hex_prefix(text, 8, &domain);

	if (n < 4 || text[n] != ':')
		return false;
	text += n + 1;
	if (text_hex_prefix(text, 2, &bus) != 2 || text[2] != ':')
		return false;
	text += 3;
	if (text_hex_prefix(text, 2, &device) != 2 || text[2] != '.' || device > 0x1f)
		return false;
	text += 3;
	if (text_hex_prefix(text, 1, &function) != 1 || text[1] != '\0' || function > 7)
		return false;
	*ret = (struct pci_address){ (uint32_t)domain, (uint8_t)bus, (uint8_t)device,
				     (uint8_t)function };
	return true;
}

bool pci_is_display(const struct pci_function *f)
{
	return f->error == 0 && pci_base_class(f) == 0x03;
}

static bool is_other_bridge(const struct pci_function *f)
{
	return f->class_code >> 8 == 0x0680;
}

bool pci_is_bridge(const struct pci_function *f)
{
	return f->error == 0 && pci_base_class(f) == 0x06 &&
	       (!is_other_bridge(f) || f->has_bridge_header);
}

/* ---- uevent ---- */

/* "10DE:1C82" */
static bool parse_pair(const char *text, size_t n, uint16_t *ret_first, uint16_t *ret_second)
{
	uint64_t first, second;

	if (n != 9 || text_hex_prefix(text, 4, &first) != 4 || text[4] != ':' ||
	    text_hex_prefix(text + 5, 4, &second) != 4)
		return false;
	*ret_first = (uint16_t)first;
	*ret_second = (uint16_t)second;
	return true;
}

/* "30000" */
static bool parse_class(const char *text, size_t n, uint32_t *ret)
{
	uint64_t class_code;

	if (n == 0 || n > 6 || text_hex_prefix(text, n, &class_code) != n)
		return false;
	*ret = (uint32_t)class_code;
	return true;
}

/* Steps over "<key>=" at the start of a line. */
static bool take_key(const char **line, size_t *n, const char *key)
{
	size_t n_key = strlen(key);

	if (*n <= n_key || strncmp(*line, key, n_key) != 0 || (*line)[n_key] != '=')
		return false;
	*line += n_key + 1;
	*n -= n_key + 1;
	return true;
}

int pci_parse_uevent(struct arena *a, struct bytes uevent, struct pci_function *f)
{
	const char *rest = uevent.data, *line;
	bool has_class = false, has_id = false;
	size_t n;

	f->driver = (struct fact_text){ .error = -ENOENT };
	while (text_next_line(&rest, &line, &n)) {
		if (take_key(&line, &n, "DRIVER")) {
			if (n > 0)
				f->driver =
					(struct fact_text){ .value = arena_strndup(a, line, n) };
		} else if (take_key(&line, &n, "PCI_CLASS")) {
			has_class = parse_class(line, n, &f->class_code);
		} else if (take_key(&line, &n, "PCI_ID")) {
			has_id = parse_pair(line, n, &f->vendor, &f->device);
		} else if (take_key(&line, &n, "PCI_SUBSYS_ID")) {
			if (!parse_pair(line, n, &f->subsystem_vendor, &f->subsystem_device))
				return -EBADMSG;
		}
	}
	return has_class && has_id ? 0 : -EBADMSG;
}

/* Steps over @prefix and @digits hex digits. */
static bool take_hex(const char **text, const char *prefix, size_t digits, uint64_t *ret)
{
	size_t n = strlen(prefix);

	if (strncmp(*text, prefix, n) != 0 || text_hex_prefix(*text + n, digits, ret) != digits)
		return false;
	*text += n + digits;
	return true;
}

/* "pci:v00008086d000010D3sv00001AF4sd00001100bc02sc00i00" (modalias_show() in pci-sysfs.c) */
static bool parse_modalias(const char *text, struct pci_function *f)
{
	uint64_t vendor, device, sub_vendor, sub_device, base, sub, interface;

	if (!take_hex(&text, "pci:v", 8, &vendor) || !take_hex(&text, "d", 8, &device) ||
	    !take_hex(&text, "sv", 8, &sub_vendor) || !take_hex(&text, "sd", 8, &sub_device) ||
	    !take_hex(&text, "bc", 2, &base) || !take_hex(&text, "sc", 2, &sub) ||
	    !take_hex(&text, "i", 2, &interface))
		return false;
	f->vendor = (uint16_t)vendor;
	f->device = (uint16_t)device;
	f->subsystem_vendor = (uint16_t)sub_vendor;
	f->subsystem_device = (uint16_t)sub_device;
	f->class_code = (uint32_t)(base << 16 | sub << 8 | interface);
	return true;
}

/*
 * What uevent says, from two files that never wait. uevent does in kernels where uevent_show() of
 * drivers/base/core.c takes the lock of the device (some of the long-term ones, Debian 12 among
 * them): while an unbind of one function does not come back, whoever reads its uevent waits with
 * it.
 */
static int read_without_waiting(struct host *host, struct pci_function *f)
{
	struct bytes modalias;
	const char *target;
	int error = root_read(host->root, &host->arena, host_path(host, f, "/modalias"), &modalias);

	if (error < 0)
		return error;
	if (!parse_modalias(modalias.data, f))
		return -EBADMSG;
	error = root_link(host->root, &host->arena, host_path(host, f, "/driver"), &target);
	f->driver = (struct fact_text){ .error = error };
	if (error == 0)
		f->driver.value = text_last_part(target);
	return 0;
}

static void read_identity(struct host *host, struct pci_function *f)
{
	struct bytes uevent;
	int error = read_without_waiting(host, f);

	if (error == 0)
		return;
	/* a record made by an earlier version has no modalias */
	error = root_read(host->root, &host->arena, host_path(host, f, "/uevent"), &uevent);
	if (error == 0)
		error = pci_parse_uevent(&host->arena, uevent, f);
	if (error == 0)
		return;
	/* absent here is no answer: every function has one, and "no driver" must not follow from it
	 */
	f->error = error == -ENOENT ? PCI_MISSING : error;
	error = f->error;
	f->driver = (struct fact_text){ .error = error };
	f->vendor = f->device = f->subsystem_vendor = f->subsystem_device = 0;
	f->class_code = 0;
}

static void read_group(struct host *host, struct pci_function *f)
{
	const char *target;
	struct fact_number *group = &f->iommu_group;

	group->error =
		root_link(host->root, &host->arena, host_path(host, f, "/iommu_group"), &target);
	if (group->error == -ENOENT && f->error == PCI_MISSING)
		group->error = PCI_MISSING;
	if (group->error)
		return;
	if (text_number(text_last_part(target), 10, INT32_MAX, &group->value) < 0)
		group->error = -EBADMSG;
}

/* One that is not known is taken for an endpoint's: vfio-pci looks at it again. */
static void read_header(struct host *host, struct pci_function *f)
{
	struct pci_config config;

	f->has_bridge_header =
		host_read_config(host, f, &config) == 0 && config.header != PCI_HEADER_FUNCTION;
}

/* ---- the list ---- */

/* Whether @f disappeared after its directory was listed: its link is gone as well. */
static bool has_vanished(struct host *host, const char *link)
{
	const char *target;

	return root_link(host->root, &host->arena, link, &target) == -ENOENT;
}

static const char *link_of(struct host *host, const char *name)
{
	return arena_concat(&host->arena, DEVICES "/", name);
}

/* Where it is. False when there is no such function (any more). */
static bool place_function(struct host *host, const char *name, struct pci_function *f)
{
	*f = (struct pci_function){ .name = name };
	if (!pci_address_parse(name, &f->address))
		return false;
	int error = root_follow(host->root, &host->arena, link_of(host, name), &f->path);
	/* not knowing its real path costs only the bridges above it */
	if (error < 0)
		f->path = link_of(host, name);
	return error != -ENOENT;
}

/* What it is. False when it is not there any more. */
static bool read_function(struct host *host, struct pci_function *f)
{
	read_identity(host, f);
	if (f->error && has_vanished(host, link_of(host, f->name)))
		return false;
	read_group(host, f);
	if (!f->error && is_other_bridge(f))
		read_header(host, f);
	return true;
}

static int by_address(const void *a, const void *b)
{
	return pci_address_compare(((const struct pci_function *)a)->address,
				   ((const struct pci_function *)b)->address);
}

/*
 * The parent is the directory above, when that is a function too. Its path is a prefix of ours, so
 * following parents ends, whatever links a tree of unknown origin has.
 */
static void find_parent(struct host *host, struct pci_function *f)
{
	const char *end = strrchr(f->path, '/'), *start = end;
	struct pci_address address;

	if (!end)
		return;
	while (start > f->path && start[-1] != '/')
		start--;
	const char *name = arena_strndup(&host->arena, start, (size_t)(end - start));
	if (!pci_address_parse(name, &address))
		return;
	struct pci_function *parent = host_find(host, address);
	if (parent && strncmp(parent->path, f->path, (size_t)(end - f->path)) == 0 &&
	    parent->path[end - f->path] == '\0')
		f->parent = parent;
}

int host_read_pci(struct host *host, struct err *e)
{
	struct names names;
	int error = root_list(host->root, &host->arena, DEVICES, &names);

	if (error == -ENOENT)
		return err_fail(e, error, "no %s here: not the root of a Linux host, or no PCI bus",
				DEVICES);
	if (error < 0)
		return err_io(e, error, "listing %s", DEVICES);
	host->functions = arena_array(&host->arena, names.n, sizeof(*host->functions));
	host->groups = NULL;
	/* all links, then all directories: a root remembers the directory that it looked into last
	 */
	size_t placed = 0;
	for (size_t i = 0; i < names.n; i++)
		placed += place_function(host, names.name[i], &host->functions[placed]);
	host->n_functions = 0;
	for (size_t i = 0; i < placed; i++) {
		if (read_function(host, &host->functions[i]))
			host->functions[host->n_functions++] = host->functions[i];
	}
	if (host->n_functions > 1)
		qsort(host->functions, host->n_functions, sizeof(*host->functions), by_address);
	for (size_t i = 0; i < host->n_functions; i++)
		find_parent(host, &host->functions[i]);
	return 0;
}

struct pci_function *host_find(const struct host *host, struct pci_address address)
{
	const struct pci_function key = { .address = address };

	if (host->n_functions == 0)
		return NULL;
	return bsearch(&key, host->functions, host->n_functions, sizeof(key), by_address);
}
