// SPDX-License-Identifier: MIT
// All facts about one function. The reader behind it is kept in the host: configuration spaces that
// the reasons of groups need are read once, and so is the kernel's list of aliases. Which variant
// driver fits best is decided as the kernel's documentation of the vfio_pci: aliases asks of user
// space: the one with the fewest wildcards.

#include "host/device.h"
#include "base/text.h"
#include "host/host.h"

#include <errno.h>
#include <fnmatch.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ALIASES_MAX_BYTES ((size_t)16 << 20)
#define ROM_RESOURCE 6

/* pci_fixup_video() in arch/x86/pci/fixup.c */
#define SHADOW_START 0xc0000u
#define SHADOW_BYTES 0x20000u

struct host_devices {
	struct isolation_reader *isolation; /* NULL: not asked for yet */
	bool has_aliases;                   /* the rest is known: */
	int aliases_error;
	const char *aliases_path;
	struct variant_driver *aliases; /* all vfio_pci: lines but that of vfio-pci */
	size_t n_aliases;
};

/* ---- variant drivers ---- */

/* "alias vfio_pci:v000015B3d0000101Esv*sd*bc*sc*i* mlx5_vfio_pci" */
static void parse_aliases(struct arena *a, struct bytes text, struct host_devices *devices)
{
	static const char key[] = "alias vfio_pci:";
	size_t n, size = 0;

	/* a few lines of some twenty thousand: looked for, not gone through */
	for (const char *line = text.data; (line = strstr(line, key)); line += n) {
		n = strcspn(line, "\n");
		if (line > text.data && line[-1] != '\n')
			continue;
		const char *pattern =
			arena_strndup(a, line + strlen("alias "), n - strlen("alias "));
		size_t length = strcspn(pattern, " ");
		if (!pattern[length] || str_eq(pattern + length + 1, "vfio_pci"))
			continue;
		if (devices->n_aliases == size) {
			size = size ? size * 2 : 32;
			struct variant_driver *grown = arena_array(a, size, sizeof(*grown));
			if (devices->n_aliases)
				memcpy(grown, devices->aliases,
				       devices->n_aliases * sizeof(*grown));
			devices->aliases = grown;
		}
		devices->aliases[devices->n_aliases++] = (struct variant_driver){
			.module = pattern + length + 1,
			.alias = arena_strndup(a, pattern, length),
		};
	}
}

static void read_aliases(struct host *host, struct host_devices *devices)
{
	static const char *const places[] = { "usr/lib/modules", "lib/modules" };
	struct arena *a = &host->arena;
	struct bytes release, text;

	devices->aliases_path = "proc/sys/kernel/osrelease";
	devices->aliases_error = root_read(host->root, a, devices->aliases_path, &release);
	if (devices->aliases_error)
		return;
	for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
		devices->aliases_path =
			arena_printf(a, "%s/%s/modules.alias", places[i], text_trimmed(a, release));
		devices->aliases_error = root_read_max(host->root, a, devices->aliases_path,
						       ALIASES_MAX_BYTES, &text);
		if (devices->aliases_error == 0)
			parse_aliases(a, text, devices);
		if (devices->aliases_error != -ENOENT)
			return;
	}
}

static size_t wildcards(const char *pattern)
{
	size_t n = 0;

	for (; *pattern; pattern++)
		n += *pattern == '*';
	return n;
}

static int by_wildcards(const void *a, const void *b)
{
	const struct variant_driver *left = a, *right = b;
	size_t n_left = wildcards(left->alias), n_right = wildcards(right->alias);

	if (n_left != n_right)
		return n_left < n_right ? -1 : 1;
	return strcmp(left->module, right->module);
}

static struct host_devices *devices_of(struct host *host)
{
	if (!host->devices)
		host->devices = arena_alloc(&host->arena, sizeof(*host->devices));
	return host->devices;
}

void host_read_variants(struct host *host, const struct pci_function *f,
			struct device_variants *ret)
{
	struct host_devices *devices = devices_of(host);
	char modalias[80];

	if (!devices->has_aliases)
		read_aliases(host, devices);
	devices->has_aliases = true;
	*ret = (struct device_variants){
		.error = devices->aliases_error,
		.path = devices->aliases_path,
		.driver = arena_array(&host->arena, devices->n_aliases, sizeof(*ret->driver)),
	};
	snprintf(modalias, sizeof(modalias), "vfio_pci:v%08Xd%08Xsv%08Xsd%08Xbc%02Xsc%02Xi%02X",
		 f->vendor, f->device, f->subsystem_vendor, f->subsystem_device,
		 f->class_code >> 16 & 0xff, f->class_code >> 8 & 0xff, f->class_code & 0xff);
	for (size_t i = 0; f->error == 0 && i < devices->n_aliases; i++) {
		if (fnmatch(devices->aliases[i].alias, modalias, 0) == 0)
			ret->driver[ret->n++] = devices->aliases[i];
	}
	if (ret->n > 1)
		qsort(ret->driver, ret->n, sizeof(*ret->driver), by_wildcards);
}

/* ---- reserved regions ---- */

int device_parse_regions(struct arena *a, struct bytes text, struct reserved_region **ret,
			 size_t *ret_n)
{
	const char *rest = text.data, *start;
	uint64_t first, last;
	size_t n;

	/* a line is at least "0x0 0x0 x\n" */
	*ret = arena_array(a, text.n / 10 + 1, sizeof(**ret));
	*ret_n = 0;
	while (text_next_line(&rest, &start, &n)) {
		char *line = arena_strndup(a, start, n);
		const char *at = line;

		for (int i = 0; i < 2; i++) {
			if (at[0] != '0' || at[1] != 'x')
				return -EBADMSG;
			size_t digits = text_hex_prefix(at + 2, 16, i ? &last : &first);
			if (digits == 0 || at[2 + digits] != ' ')
				return -EBADMSG;
			at += 2 + digits + 1;
		}
		if (!*at)
			return -EBADMSG;
		(*ret)[(*ret_n)++] = (struct reserved_region){
			.start = first,
			.end = last,
			.type = at,
			.text = line,
		};
	}
	return 0;
}

static void read_regions(struct host *host, const struct pci_function *f,
			 struct device_facts *facts)
{
	struct bytes text;

	facts->regions_error = f->iommu_group.error;
	if (f->iommu_group.error)
		return;
	facts->regions_path =
		arena_printf(&host->arena, "sys/kernel/iommu_groups/%" PRIu64 "/reserved_regions",
			     f->iommu_group.value);
	facts->regions_error = root_read(host->root, &host->arena, facts->regions_path, &text);
	if (facts->regions_error == 0)
		facts->regions_error = device_parse_regions(&host->arena, text, &facts->regions,
							    &facts->n_regions);
}

/* ---- all of it ---- */

static struct fact_text driver_module(struct host *host, const struct pci_function *f)
{
	struct fact_text module = { .error = f->driver.error };

	if (module.error)
		return module;
	module.error = root_link(
		host->root, &host->arena,
		arena_printf(&host->arena, "sys/bus/pci/drivers/%s/module", f->driver.value),
		&module.value);
	if (module.error == 0)
		module.value = text_last_part(module.value);
	return module;
}

static struct device_rom rom_of(const struct pci_detail *detail)
{
	struct device_rom rom = { .error = detail->rom_error };

	for (size_t i = 0; rom.error == 0 && i < detail->n_resources; i++) {
		const struct pci_resource *resource = &detail->resources[i];

		if (resource->index != ROM_RESOURCE)
			continue;
		rom.size_bytes = resource->size_bytes;
		rom.is_shadow =
			resource->start == SHADOW_START && resource->size_bytes == SHADOW_BYTES;
	}
	return rom;
}

static void read_variants(struct host *host, const struct pci_function *f,
			  struct device_facts *facts)
{
	struct device_variants variants;

	host_read_variants(host, f, &variants);
	facts->variants_error = variants.error;
	facts->variants_path = variants.path;
	facts->variants = variants.driver;
	facts->n_variants = variants.n;
}

const struct device_facts *host_read_device(struct host *host, struct pci_function *f)
{
	struct host_devices *devices = devices_of(host);

	if (f->facts)
		return f->facts;
	if (!devices->isolation)
		devices->isolation = isolation_open(host);
	struct device_facts *facts = arena_alloc(&host->arena, sizeof(*facts));
	struct pci_config *config = arena_alloc(&host->arena, sizeof(*config));
	struct isolation *isolation = arena_alloc(&host->arena, sizeof(*isolation));
	host_read_detail(host, f, &facts->detail);
	(void)host_read_config(host, f, config); /* its error is in it */
	pci_config_set_sizes(config, &facts->detail);
	facts->config = config;
	host_companions(host, f, &facts->together);
	facts->group_error = host_group_of(host, f, &facts->group);
	isolation_explain(devices->isolation, f, isolation);
	facts->isolation = isolation;
	facts->uses = *host_read_uses(host, f);
	facts->rom = rom_of(&facts->detail);
	facts->driver_module = driver_module(host, f);
	read_regions(host, f, facts);
	read_variants(host, f, facts);
	f->facts = facts;
	return facts;
}
