// SPDX-License-Identifier: MIT
// The two chains of capabilities. Both are followed with a bound and a mark at every place that was
// seen, because a device that answers nonsense makes endless ones. Where the kernel would stop
// (pci_find_next_cap_ttl(), pci_find_next_ext_capability() of drivers/pci) this stops too, and says
// that the list is not whole.

#include "host/config_bytes.h"

#include <linux/pci_regs.h>

/* entries are aligned to four bytes */
#define PLACES (PCI_CONFIG_EXTENDED_BYTES / 4)
#define CLASS_HOST_BRIDGE 0x0600u

struct walk {
	struct pci_capability *entry;
	size_t n;
	bool seen[PLACES];
};

static bool is_new(struct walk *w, uint16_t offset)
{
	bool seen = w->seen[offset / 4];

	w->seen[offset / 4] = true;
	return !seen;
}

/* Stops before the first entry that cannot be believed or was not given. */
static int walk_standard(const struct pci_config *c, uint8_t offset, struct walk *w)
{
	while (offset) {
		int error = config_bounds(c, offset, 2, PCI_CONFIG_BYTES);

		if (offset < PCI_STD_HEADER_SIZEOF || !is_new(w, offset))
			return -EBADMSG;
		if (error)
			return error;
		uint8_t id = config_byte(c, offset + PCI_CAP_LIST_ID);
		if (id == 0xff)
			return -EBADMSG;
		struct pci_capability *entry = &w->entry[w->n++];
		*entry = (struct pci_capability){ .id = id, .offset = offset };
		if (id == PCI_CAP_ID_VNDR && offset + 2u < c->n_bytes)
			entry->length_bytes = config_byte(c, offset + 2u);
		offset = config_byte(c, offset + PCI_CAP_LIST_NEXT) & 0xfc;
	}
	return 0;
}

/* The headers of vendor-specific entries, as far as they were given. */
static void describe_vendor(const struct pci_config *c, struct pci_capability *entry)
{
	bool dvsec = entry->id == PCI_EXT_CAP_ID_DVSEC;
	size_t n = dvsec ? PCI_DVSEC_HEADER2 + 2 : PCI_VNDR_HEADER + 4;

	if ((!dvsec && entry->id != PCI_EXT_CAP_ID_VNDR) ||
	    config_bounds(c, entry->offset, n, PCI_CONFIG_EXTENDED_BYTES))
		return;
	uint32_t header = config_long(c, entry->offset + 4u);
	entry->length_bytes = (uint16_t)PCI_VNDR_HEADER_LEN(header);
	if (dvsec) {
		entry->vendor = (uint16_t)PCI_DVSEC_HEADER1_VID(header);
		entry->vendor_id = config_word(c, entry->offset + (size_t)PCI_DVSEC_HEADER2);
	} else {
		entry->vendor_id = (uint16_t)PCI_VNDR_HEADER_ID(header);
	}
}

static int walk_extended(const struct pci_config *c, struct walk *w)
{
	uint16_t offset = PCI_CONFIG_BYTES;

	while (offset) {
		int error = config_bounds(c, offset, 4, PCI_CONFIG_EXTENDED_BYTES);

		if (offset < PCI_CONFIG_BYTES || !is_new(w, offset))
			return -EBADMSG;
		if (error)
			return error;
		uint32_t header = config_long(c, offset);
		if (header == 0)
			return 0;
		/* at the start: no access to this space; later: a chain that leads nowhere */
		if (header == UINT32_MAX)
			return offset == PCI_CONFIG_BYTES ? -ENODATA : -EBADMSG;
		struct pci_capability *entry = &w->entry[w->n++];
		*entry = (struct pci_capability){
			.id = (uint16_t)PCI_EXT_CAP_ID(header),
			.offset = offset,
			.version = PCI_EXT_CAP_VER(header),
		};
		describe_vendor(c, entry);
		offset = (uint16_t)PCI_EXT_CAP_NEXT(header);
	}
	return 0;
}

static void keep(struct arena *a, const struct walk *w, struct pci_capabilities *ret)
{
	ret->list = arena_memdup(a, w->entry, w->n * sizeof(*w->entry));
	ret->n = w->n;
}

/*
 * Who has an extended space: pci_cfg_space_size() of drivers/pci/probe.c. A file of 256 bytes says
 * that the kernel knows of none, which for PCI Express means that it has no way to reach it.
 */
static int extended_error(const struct pci_config *c)
{
	const struct pci_capability *capability;
	int express = pci_find_capability(&c->standard, PCI_CAP_ID_EXP, &capability);
	int pcix = pci_find_capability(&c->standard, PCI_CAP_ID_PCIX, &capability);

	if (c->n_bytes > PCI_CONFIG_BYTES)
		return 0;
	if (express == 0)
		return config_short_error(c);
	if (c->n_bytes == PCI_CONFIG_BYTES)
		return c->standard.error ? c->standard.error : -ENOENT;
	if (pcix == 0 || c->standard.error || c->class_code >> 8 == CLASS_HOST_BRIDGE)
		return config_short_error(c);
	return -ENOENT;
}

void config_read_lists(struct arena *a, struct pci_config *c)
{
	struct pci_capability entries[PLACES];
	struct walk w = { .entry = entries };

	c->standard.error = 0;
	if (c->header == PCI_HEADER_UNKNOWN)
		c->standard.error = -EBADMSG;
	else if (c->status & PCI_STATUS_CAP_LIST)
		c->standard.error = walk_standard(c,
						  config_byte(c, c->header == PCI_HEADER_CARDBUS
									 ? PCI_CB_CAPABILITY_LIST
									 : PCI_CAPABILITY_LIST) &
							  0xfc,
						  &w);
	keep(a, &w, &c->standard);

	w = (struct walk){ .entry = entries };
	c->extended.error = extended_error(c);
	if (c->extended.error == 0)
		c->extended.error = walk_extended(c, &w);
	else if (c->extended.error == -ENOENT)
		c->extended.error = 0; /* the list is known, and empty */
	keep(a, &w, &c->extended);
}

int pci_find_capability(const struct pci_capabilities *list, uint16_t id,
			const struct pci_capability **ret)
{
	for (size_t i = 0; i < list->n; i++) {
		if (list->list[i].id == id) {
			*ret = &list->list[i];
			return 0;
		}
	}
	return list->error ? list->error : -ENOENT;
}

static int find(const struct pci_config *c, const struct pci_capabilities *list, uint16_t id,
		size_t n, size_t space, uint16_t *ret_offset)
{
	const struct pci_capability *capability;
	int error = pci_find_capability(list, id, &capability);

	if (error)
		return error;
	*ret_offset = capability->offset;
	return config_bounds(c, capability->offset, n, space);
}

int config_standard(const struct pci_config *c, uint16_t id, size_t n, uint16_t *ret_offset)
{
	return find(c, &c->standard, id, n, PCI_CONFIG_BYTES, ret_offset);
}

int config_extended(const struct pci_config *c, uint16_t id, size_t n, uint16_t *ret_offset)
{
	return find(c, &c->extended, id, n, PCI_CONFIG_EXTENDED_BYTES, ret_offset);
}
