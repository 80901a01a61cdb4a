// SPDX-License-Identifier: MIT
// Names from the hardware database of udev. A lookup matches a modalias against thousands of
// patterns, so answers are kept per distinct device; a machine has few of those. Names are for
// people to read: a handover, --numeric and --version do without libudev, and pay nothing for it.

#include "host/host.h"
#include "host/internal.h"

#include "base/dl.h"
#include "base/text.h"

#include <libudev.h>
#include <locale.h>
#include <search.h>
#include <string.h>

#define LIBRARY "libudev.so.1"

/* clang-format off */
#define SYMBOLS(X) \
	X(udev_hwdb_get_properties_list_entry) \
	X(udev_hwdb_new) \
	X(udev_hwdb_unref) \
	X(udev_list_entry_get_name) \
	X(udev_list_entry_get_next) \
	X(udev_list_entry_get_value) \
	X(udev_new) \
	X(udev_unref)

static struct {
	SYMBOLS(DL_POINTER)
} lu;

#define ROW(symbol) DL_ROW(lu, symbol)
static const struct dl_symbol symbols[] = { SYMBOLS(ROW) };
/* clang-format on */

struct known {
	uint64_t ids;
	uint64_t subsystem_and_class;
	const char *vendor, *device, *class_name;
};

struct host_names {
	locale_t bytes; /* patterns are matched by bytes: in a UTF-8 locale fnmatch(3) decodes them
			 */
	struct udev *udev;
	struct udev_hwdb *hwdb; /* NULL: no database on this machine */
	void *known;            /* of tsearch(3) */
};

static int by_ids(const void *a, const void *b)
{
	const struct known *left = a, *right = b;

	if (left->ids != right->ids)
		return left->ids < right->ids ? -1 : 1;
	return (left->subsystem_and_class > right->subsystem_and_class) -
	       (left->subsystem_and_class < right->subsystem_and_class);
}

static struct host_names *names_of(struct host *host)
{
	if (!host->names) {
		host->names = arena_alloc(&host->arena, sizeof(*host->names));
		host->names->bytes = newlocale(LC_ALL_MASK, "C", (locale_t)0);
		/* without the library there are no names, as without its database */
		if (dl_load(LIBRARY, symbols, ARRAY_SIZE(symbols), NULL) == 0)
			host->names->udev = lu.udev_new();
		if (host->names->udev)
			host->names->hwdb = lu.udev_hwdb_new(host->names->udev);
	}
	return host->names;
}

static void keep(void *known)
{
	(void)known; /* lives in the arena */
}

void host_names_close(struct host_names *names)
{
	if (!names)
		return;
	if (names->hwdb)
		lu.udev_hwdb_unref(names->hwdb);
	if (names->udev)
		lu.udev_unref(names->udev);
	if (names->bytes)
		freelocale(names->bytes);
	tdestroy(names->known, keep);
}

static void look_up(struct host *host, const struct pci_function *f, struct known *ret)
{
	struct udev_list_entry *entry;
	const char *class_name = NULL, *sub_class = NULL;
	const char *modalias =
		arena_printf(&host->arena, "pci:v%08Xd%08Xsv%08Xsd%08Xbc%02Xsc%02Xi%02X", f->vendor,
			     f->device, f->subsystem_vendor, f->subsystem_device,
			     f->class_code >> 16, f->class_code >> 8 & 0xff, f->class_code & 0xff);

	if (!host->names->hwdb)
		return;
	for (entry = lu.udev_hwdb_get_properties_list_entry(host->names->hwdb, modalias, 0); entry;
	     entry = lu.udev_list_entry_get_next(entry)) {
		const char *name = lu.udev_list_entry_get_name(entry);
		const char *value = lu.udev_list_entry_get_value(entry);

		if (str_eq(name, "ID_VENDOR_FROM_DATABASE"))
			ret->vendor = arena_strdup(&host->arena, value);
		else if (str_eq(name, "ID_MODEL_FROM_DATABASE"))
			ret->device = arena_strdup(&host->arena, value);
		else if (str_eq(name, "ID_PCI_CLASS_FROM_DATABASE"))
			class_name = arena_strdup(&host->arena, value);
		else if (str_eq(name, "ID_PCI_SUBCLASS_FROM_DATABASE"))
			sub_class = arena_strdup(&host->arena, value);
	}
	ret->class_name = sub_class ? sub_class : class_name;
}

static const struct known *name_of(struct host *host, const struct pci_function *f)
{
	struct host_names *names = names_of(host);
	const struct known key = {
		.ids = (uint64_t)f->vendor << 16 | f->device,
		.subsystem_and_class = (uint64_t)f->subsystem_vendor << 48 |
				       (uint64_t)f->subsystem_device << 32 | f->class_code,
	};
	static const struct known unnamed;

	if (f->error)
		return &unnamed;
	void *node = tfind(&key, &names->known, by_ids);
	if (node)
		return *(struct known **)node;
	struct known *known = arena_memdup(&host->arena, &key, sizeof(key));
	locale_t before = uselocale(names->bytes);
	look_up(host, f, known);
	uselocale(before);
	tsearch(known, &names->known, by_ids); /* out of memory: looked up again next time */
	return known;
}

const char *host_device_name(struct host *host, const struct pci_function *f)
{
	return name_of(host, f)->device;
}

const char *host_vendor_name(struct host *host, const struct pci_function *f)
{
	return name_of(host, f)->vendor;
}

const char *host_class_name(struct host *host, const struct pci_function *f)
{
	return name_of(host, f)->class_name;
}
