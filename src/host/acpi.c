// SPDX-License-Identifier: MIT
// What the ACPI tables have in common: the header, its checksum, and parts of a table by offset.
//
// Tables are read byte by byte instead of through packed structures: no alignment, byte order or
// length is taken for granted, and there is one place that could read outside. The header is the
// DESCRIPTION_HEADER of the ACPI specification, section 5.2.6.

#include "host/acpi_read.h"

#include <errno.h>
#include <string.h>

uint64_t acpi_number(const struct acpi_part *p, size_t at, size_t size)
{
	uint64_t value = 0;

	if (at > p->n || size > p->n - at)
		return 0;
	while (size-- > 0)
		value = value << 8 | p->data[at + size];
	return value;
}

void acpi_text(const struct acpi_part *p, size_t at, size_t n, char *ret)
{
	for (size_t i = 0; i < n; i++)
		ret[i] = (char)acpi_u8(p, at + i);
	ret[n] = '\0';
}

int acpi_take(const struct acpi_part *holder, size_t at, size_t length, size_t fixed_bytes,
	      const char *what, struct acpi_part *ret, struct err *e)
{
	size_t left = at < holder->n ? holder->n - at : 0;

	if (length < fixed_bytes)
		return err_fail(e, -EBADMSG,
				"%s table: the %s at offset 0x%zx has the length %zu, which is "
				"less than the %zu bytes that every one has",
				holder->signature, what, holder->offset + at, length, fixed_bytes);
	if (length > left)
		return err_fail(e, -EBADMSG,
				"%s table: the %s at offset 0x%zx has the length %zu, but only %zu "
				"bytes are left in what holds it",
				holder->signature, what, holder->offset + at, length, left);
	*ret = (struct acpi_part){ holder->data + at, length, holder->offset + at,
				   holder->signature };
	return 0;
}

static uint8_t sum(const struct acpi_part *p)
{
	uint8_t value = 0;

	for (size_t i = 0; i < p->n; i++)
		value = (uint8_t)(value + p->data[i]);
	return value;
}

int acpi_take_table(struct bytes file, const char *signature, size_t fixed_bytes,
		    struct acpi_header *ret, struct acpi_part *ret_table, struct err *e)
{
	struct acpi_part table = { (const unsigned char *)file.data, file.n, 0, signature };

	if (file.n < strlen(signature) || memcmp(file.data, signature, strlen(signature)) != 0)
		return err_fail(e, -EBADMSG,
				"%s table: the bytes at offset 0x0 are not its signature",
				signature);
	if (file.n < fixed_bytes)
		return err_fail(
			e, -EBADMSG,
			"%s table: it ends at offset 0x%zx, within the %zu bytes of its header",
			signature, file.n, fixed_bytes);

	*ret = (struct acpi_header){
		.length = acpi_u32(&table, 4),
		.revision = acpi_u8(&table, 8),
		.checksum = acpi_u8(&table, 9),
		.oem_revision = acpi_u32(&table, 24),
		.creator_revision = acpi_u32(&table, 32),
	};
	acpi_text(&table, 0, 4, ret->signature);
	acpi_text(&table, 10, 6, ret->oem_id);
	acpi_text(&table, 16, 8, ret->oem_table_id);
	acpi_text(&table, 28, 4, ret->creator_id);
	if (ret->length < fixed_bytes)
		return err_fail(e, -EBADMSG,
				"%s table: the length at offset 0x4 is %u, which is less than the "
				"%zu bytes of its header",
				signature, ret->length, fixed_bytes);
	if (ret->length > file.n)
		return err_fail(e, -EBADMSG,
				"%s table: the length at offset 0x4 is %u, but there are only %zu "
				"bytes",
				signature, ret->length, file.n);
	table.n = ret->length;
	ret->checksum_ok = sum(&table) == 0;
	*ret_table = table;
	return 0;
}
