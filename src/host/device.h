/* SPDX-License-Identifier: MIT */
/*
 * All facts about one function, read together at the first question: what checks about devices and
 * `show` need beyond a listing. Nothing in here wakes a device or reads its ROM.
 *
 * Sources: Documentation/ABI/testing/sysfs-kernel-iommu_groups (reserved_regions),
 * Documentation/driver-api/vfio.rst and scripts/mod/file2alias.c (vfio_pci: aliases).
 */
#pragma once

#include "host/host.h"
#include "host/use.h"

struct pci_config; /* config.h and isolation.h include this one by way of host.h */
struct isolation;

/* A range of I/O addresses that the group must not use, or must see untranslated. */
struct reserved_region {
	uint64_t start, end; /* end: of its last byte */
	const char *type;    /* "direct", "direct-relaxable", "reserved", "msi" */
	const char *text;    /* the line */
};

struct device_rom {
	int error;      /* 0: there is one; -ENOENT: none */
	bool is_shadow; /* what the kernel shows is the copy that the firmware left in memory */
	uint64_t size_bytes;
};

/* A driver of VFIO made for this device. */
struct variant_driver {
	const char *module;
	const char *alias; /* the line's pattern */
};

/* Those of the running kernel that fit a function. */
struct device_variants {
	int error; /* -ENOENT: the running kernel has no list of aliases */
	const char *path;
	struct variant_driver *driver; /* the most specific first; never vfio-pci itself */
	size_t n;
};

struct device_facts {
	struct pci_detail detail;
	const struct pci_config *config; /* with its own errors */
	struct selection together;       /* host_companions() */

	int group_error; /* -ENOENT: in no group */
	struct iommu_group group;
	const struct isolation *isolation;

	struct device_uses uses; /* those of host_read_uses() */
	struct device_rom rom;
	struct fact_text driver_module; /* of its driver; -ENOENT: none, or built into the kernel */

	int regions_error; /* -ENOENT: in no group, or a kernel before 4.12 */
	const char *regions_path;
	struct reserved_region *regions;
	size_t n_regions;

	int variants_error; /* as in struct device_variants */
	const char *variants_path;
	struct variant_driver *variants;
	size_t n_variants;
};

/*
 * Fills f->facts at the first call and returns it; never fails, for every part keeps its errno. The
 * facts live in the host's arena.
 */
const struct device_facts *host_read_device(struct host *host, struct pci_function *f);

/* One part of them alone: the list of aliases is read once, and nothing of the device. */
void host_read_variants(struct host *host, const struct pci_function *f,
			struct device_variants *ret);

/* ---- for tests ---- */

/* The lines of reserved_regions. -EBADMSG when one is not of that form. */
MUST_CHECK int device_parse_regions(struct arena *a, struct bytes text,
				    struct reserved_region **ret, size_t *ret_n);
