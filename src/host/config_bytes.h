/* SPDX-License-Identifier: MIT */
/* Bounded access to the bytes of a configuration space, for the files that decode it. */
#pragma once

#include "host/config.h"

#include <errno.h>

/* Little endian, whatever the host is. Beyond the end: all ones, as from a bus without an answer.
 */
static inline uint8_t config_byte(const struct pci_config *c, size_t offset)
{
	return offset < c->n_bytes ? c->bytes[offset] : 0xff;
}

static inline uint16_t config_word(const struct pci_config *c, size_t offset)
{
	return (uint16_t)(config_byte(c, offset) | config_byte(c, offset + 1) << 8);
}

static inline uint32_t config_long(const struct pci_config *c, size_t offset)
{
	return config_word(c, offset) | (uint32_t)config_word(c, offset + 2) << 16;
}

/* Why bytes beyond the end are not known. */
static inline int config_short_error(const struct pci_config *c)
{
	return c->n_bytes < PCI_CONFIG_BYTES ? -EACCES : -ENODATA;
}

/* Whether @n bytes at @offset can be decoded: 0, or the error. @space is where their space ends. */
static inline int config_bounds(const struct pci_config *c, size_t offset, size_t n, size_t space)
{
	if (offset + n > space)
		return -EBADMSG;
	return offset + n > c->n_bytes ? config_short_error(c) : 0;
}

/* Where @id lies in the standard list with at least @n bytes of it: 0, or the error. */
int config_standard(const struct pci_config *c, uint16_t id, size_t n, uint16_t *ret_offset);
/* The same in the extended list. */
int config_extended(const struct pci_config *c, uint16_t id, size_t n, uint16_t *ret_offset);

/* Six BAR registers or fewer at @offset. */
void config_decode_bars(const struct pci_config *c, size_t offset, size_t n, bool has_io,
			struct pci_bar *bars);

void config_read_lists(struct arena *a, struct pci_config *c);
void config_decode_standard(struct pci_config *c);
void config_decode_extended(struct pci_config *c);
