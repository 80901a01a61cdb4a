/* SPDX-License-Identifier: MIT */
/*
 * How dmar.c and ivrs.c read a table: by offset, bounded, little endian, on any host. A part is
 * given out only when it lies inside of what holds it, so that a parser that stays within
 * the length it asked for cannot leave the table.
 */
#pragma once

#include "host/acpi.h"

/* Bytes of a table that were checked to be there. */
struct acpi_part {
	const unsigned char *data;
	size_t n;
	size_t offset;         /* of data in the table */
	const char *signature; /* of the table, for sentences */
};

#define ACPI_HEADER_BYTES 36

/*
 * The table in @file: its signature and length hold, and it has @fixed_bytes at least, header
 * included. -EBADMSG with a sentence otherwise.
 */
MUST_CHECK int acpi_take_table(struct bytes file, const char *signature, size_t fixed_bytes,
			       struct acpi_header *ret, struct acpi_part *ret_table, struct err *e);
/*
 * The @length bytes at @at of @holder, which call themselves @what and need @fixed_bytes at least.
 * -EBADMSG with a sentence when they are not there.
 */
MUST_CHECK int acpi_take(const struct acpi_part *holder, size_t at, size_t length,
			 size_t fixed_bytes, const char *what, struct acpi_part *ret,
			 struct err *e);

/* @size <= 8 bytes at @at as a number; 0 for what is not inside of @p. */
uint64_t acpi_number(const struct acpi_part *p, size_t at, size_t size);
/* @n bytes at @at, as far as they are inside of @p, and a NUL. */
void acpi_text(const struct acpi_part *p, size_t at, size_t n, char *ret);

static inline uint8_t acpi_u8(const struct acpi_part *p, size_t at)
{
	return (uint8_t)acpi_number(p, at, 1);
}

static inline uint16_t acpi_u16(const struct acpi_part *p, size_t at)
{
	return (uint16_t)acpi_number(p, at, 2);
}

static inline uint32_t acpi_u32(const struct acpi_part *p, size_t at)
{
	return (uint32_t)acpi_number(p, at, 4);
}

static inline uint64_t acpi_u64(const struct acpi_part *p, size_t at)
{
	return acpi_number(p, at, 8);
}

static inline struct acpi_place acpi_place(const struct acpi_part *p)
{
	return (struct acpi_place){ (uint32_t)p->offset, (uint32_t)p->n };
}
