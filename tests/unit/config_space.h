/* SPDX-License-Identifier: MIT */
/* Configuration spaces made by hand, byte by byte: for the tests of their decoding and of
 * isolation. */
#pragma once

#include "base/text.h"
#include "host/host.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <linux/pci_regs.h>
#include <string.h>

struct space {
	uint8_t bytes[PCI_CONFIG_EXTENDED_BYTES];
	size_t n;
	/* where the next capability goes, and where its place is to be written */
	uint16_t next, next_extended;
	uint16_t link, link_extended;
};

static inline void space_word(struct space *s, size_t offset, uint16_t value)
{
	s->bytes[offset] = (uint8_t)value;
	s->bytes[offset + 1] = (uint8_t)(value >> 8);
}

static inline void space_long(struct space *s, size_t offset, uint32_t value)
{
	space_word(s, offset, (uint16_t)value);
	space_word(s, offset + 2, (uint16_t)(value >> 16));
}

/* An empty header; 4096 bytes until a test says otherwise. */
static inline void space_start(struct space *s, uint16_t vendor, uint16_t device,
			       uint32_t class_code, uint8_t header)
{
	*s = (struct space){ .n = sizeof(s->bytes),
			     .next = 0x40,
			     .next_extended = 0x100,
			     .link = PCI_CAPABILITY_LIST };
	space_word(s, PCI_VENDOR_ID, vendor);
	space_word(s, PCI_DEVICE_ID, device);
	space_long(s, PCI_CLASS_REVISION, class_code << 8);
	s->bytes[PCI_HEADER_TYPE] = header;
}

/* Appends a standard capability of @n bytes; returns its offset. */
static inline uint16_t space_add(struct space *s, uint8_t id, uint16_t n)
{
	uint16_t offset = s->next;

	s->bytes[s->link] = (uint8_t)offset;
	s->bytes[offset] = id;
	s->link = (uint16_t)(offset + 1);
	s->next = (uint16_t)(offset + ((n + 3u) & ~3u));
	s->bytes[PCI_STATUS] |= PCI_STATUS_CAP_LIST;
	return offset;
}

/* Appends an extended capability of @n bytes; returns its offset. */
static inline uint16_t space_extend(struct space *s, uint16_t id, uint16_t n)
{
	uint16_t offset = s->next_extended;

	if (s->link_extended)
		space_word(s, s->link_extended + 2u,
			   (uint16_t)((offset << 4) | (s->bytes[s->link_extended + 2] & 0xf)));
	space_long(s, offset, id | 1u << 16);
	s->link_extended = offset;
	s->next_extended = (uint16_t)(offset + ((n + 3u) & ~3u));
	return offset;
}

/* A PCI Express capability of version 2. */
static inline uint16_t space_express(struct space *s, uint8_t type)
{
	uint16_t offset = space_add(s, PCI_CAP_ID_EXP, 0x3c);

	space_word(s, offset + 2u, (uint16_t)(2 | type << 4));
	return offset;
}

static inline uint16_t space_acs(struct space *s, uint16_t supported, uint16_t enabled)
{
	uint16_t offset = space_extend(s, PCI_EXT_CAP_ID_ACS, 8);

	space_word(s, offset + 4u, supported);
	space_word(s, offset + 6u, enabled);
	return offset;
}

/* A graphics card whose memory can be resized. */
static inline void space_start_gpu(struct space *s)
{
	uint16_t at;

	space_start(s, 0x10de, 0x2684, 0x030000, 0x80);
	space_long(s, PCI_BASE_ADDRESS_0, 0xf6000000);
	space_long(s, PCI_BASE_ADDRESS_0 + 4, 0x0000000c);
	space_long(s, PCI_BASE_ADDRESS_0 + 8, 0x00000060);
	space_long(s, PCI_BASE_ADDRESS_0 + 12, 0x0000000c);
	space_long(s, PCI_BASE_ADDRESS_0 + 16, 0x00000068);
	space_long(s, PCI_BASE_ADDRESS_0 + 20, 0x0000e001);
	space_long(s, PCI_ROM_ADDRESS, 0xf7000000);
	space_long(s, PCI_SUBSYSTEM_VENDOR_ID, 0x16f310de);
	at = space_add(s, PCI_CAP_ID_PM, 8);
	space_word(s, at + 2u, 0x4803);
	space_word(s, at + 4u, 0x0008);
	at = space_add(s, PCI_CAP_ID_MSI, 14);
	space_word(s, at + 2u, 0x0081);
	at = space_express(s, PCI_EXP_TYPE_LEG_END);
	space_long(s, at + (size_t)PCI_EXP_DEVCAP, 0x10008fe2);
	space_long(s, at + (size_t)PCI_EXP_LNKCAP, 0x00453d04);
	space_word(s, at + (size_t)PCI_EXP_LNKSTA, 0x1101);
	space_long(s, at + (size_t)PCI_EXP_LNKCAP2, 0x0000001e);
	at = space_extend(s, PCI_EXT_CAP_ID_REBAR, 12);
	space_long(s, at + 4u, 0x0007ffc0);
	space_long(s, at + 8u, 0x00000821);
	at = space_extend(s, PCI_EXT_CAP_ID_DSN, 12);
	space_long(s, at + 4u, 0x89abcdef);
	space_long(s, at + 8u, 0x01234567);
}

/* Decodes what was made, from memory of exactly that size. */
static inline void space_decode(struct arena *a, const struct space *s, struct pci_config *ret)
{
	uint8_t *exact = malloc(s->n ? s->n : 1);

	memcpy(exact, s->bytes, s->n);
	pci_decode_config(a, exact, s->n, ret);
	free(exact);
}
