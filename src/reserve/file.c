// SPDX-License-Identifier: MIT
// The file of reserved functions: text, so that it can be read and mended in an editor; one
// function a line, so that a line that was damaged costs that function and no other; a number in
// the first line, so that an older helper in an old initramfs leaves alone what it does not know.
//
//	passthru-devices 1
//	# address ids subsystem class slot serial twins driver
//	0000:41:00.0 10de:2204 1043:87d5 030000 0000:40/01.1/00.0 - 0 vfio-pci
//
// "-" stands for a slot or a serial that is not known. The last line ends in a newline as well: one
// without was cut off.

#include "reserve/reserve.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define COLUMNS "# address ids subsystem class slot serial twins driver\n"
#define FIELDS 8
#define TWINS_MAX 9999

bool reserve_is_driver(const char *name)
{
	static const char *const suffixes[] = { "vfio-pci", "vfio_pci" };
	size_t n = strlen(name), n_suffix = strlen(suffixes[0]);

	if (n < n_suffix || n >= RESERVE_DRIVER_MAX ||
	    name[strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_-")] || *name == '-')
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(suffixes); i++) {
		if (strcmp(name + n - n_suffix, suffixes[i]) == 0)
			return true;
	}
	return false;
}

/* ---- reading ---- */

/* @n digits, and then @end. */
static bool parse_hex(const char *text, size_t n, char end, uint64_t *ret)
{
	uint64_t value = 0;

	for (size_t i = 0; i < n; i++) {
		const char *digits = "0123456789abcdef";
		const char *digit = text[i] ? strchr(digits, text[i]) : NULL;

		if (!digit)
			return false;
		value = value << 4 | (uint64_t)(digit - digits);
	}
	*ret = value;
	return text[n] == end;
}

static bool parse_pair(const char *text, uint16_t *ret_vendor, uint16_t *ret_device)
{
	uint64_t vendor, device;

	if (!parse_hex(text, 4, ':', &vendor) || !parse_hex(text + 5, 4, '\0', &device))
		return false;
	*ret_vendor = (uint16_t)vendor;
	*ret_device = (uint16_t)device;
	return true;
}

static bool parse_class(const char *text, struct reserve_ids *ret)
{
	uint64_t value;

	if (!parse_hex(text, 6, '\0', &value))
		return false;
	ret->class_code = (uint32_t)value;
	return true;
}

static bool parse_slot(const char *text, struct reserve_function *ret)
{
	if (strcmp(text, "-") == 0)
		return true;
	if (!reserve_is_slot(text))
		return false;
	memcpy(ret->slot, text, strlen(text) + 1);
	return true;
}

static bool parse_serial(const char *text, struct reserve_function *ret)
{
	if (strcmp(text, "-") == 0)
		return true;
	ret->has_serial = parse_hex(text, 16, '\0', &ret->serial);
	return ret->has_serial;
}

static bool parse_twins(const char *text, unsigned *ret)
{
	size_t n = strspn(text, "0123456789");

	*ret = 0;
	for (size_t i = 0; i < n && *ret <= TWINS_MAX; i++)
		*ret = *ret * 10 + (unsigned)(text[i] - '0');
	return n && !text[n] && *ret <= TWINS_MAX && (n == 1 || *text != '0');
}

/* Cuts @line into fields; how many, FIELDS + 1 when there are more. */
static size_t split(char *line, char *ret[FIELDS + 1])
{
	size_t n = 0;

	for (char *at = line; n <= FIELDS;) {
		at += strspn(at, " \t");
		if (!*at)
			break;
		ret[n++] = at;
		at += strcspn(at, " \t");
		if (*at)
			*at++ = '\0';
	}
	return n;
}

/* What is wrong with it, NULL: nothing. */
static const char *parse_record(char *line, struct reserve_record *ret)
{
	char *field[FIELDS + 1];
	struct reserve_function *f = &ret->function;
	struct reserve_ids *ids = &f->ids;

	*ret = (struct reserve_record){ 0 };
	if (split(line, field) != FIELDS)
		return "it does not have 8 fields";
	if (!reserve_is_address(field[0]))
		return "the address is damaged";
	memcpy(f->address, field[0], strlen(field[0]) + 1);
	if (!parse_pair(field[1], &ids->vendor, &ids->device))
		return "the ids are damaged";
	if (!parse_pair(field[2], &ids->subsystem_vendor, &ids->subsystem_device))
		return "the ids of the subsystem are damaged";
	if (!parse_class(field[3], ids))
		return "the class is damaged";
	if (!parse_slot(field[4], f))
		return "the slot is damaged";
	if (!parse_serial(field[5], f))
		return "the serial number is damaged";
	if (!parse_twins(field[6], &ret->twins))
		return "the number of twins is damaged";
	if (!reserve_is_driver(field[7]))
		return "the driver is none for VFIO";
	memcpy(ret->driver, field[7], strlen(field[7]) + 1);
	return NULL;
}

static bool same_place(const struct reserve_function *a, const struct reserve_function *b)
{
	return strcmp(a->address, b->address) == 0 || (*a->slot && strcmp(a->slot, b->slot) == 0);
}

static const char *add(struct reserve_file *file, const struct reserve_record *record)
{
	for (size_t i = 0; i < file->n_records; i++) {
		if (same_place(&file->records[i].function, &record->function))
			return "an earlier line has the same place";
	}
	if (file->n_records == RESERVE_MAX)
		return "there are too many functions";
	file->records[file->n_records++] = *record;
	return NULL;
}

/* @line without its newline */
static const char *parse_line(const char *line, size_t n, unsigned number,
			      struct reserve_file *file)
{
	char copy[RESERVE_LINE_MAX];
	struct reserve_record record;

	if (n >= sizeof(copy))
		return "it is too long";
	memcpy(copy, line, n);
	copy[n] = '\0';
	if (strlen(copy) != n)
		return "it is no text";
	if (copy[strspn(copy, " \t")] == '\0' || copy[strspn(copy, " \t")] == '#')
		return NULL;
	const char *problem = parse_record(copy, &record);
	record.line = number;
	return problem ? problem : add(file, &record);
}

int reserve_parse(const char *text, size_t n, struct reserve_file *ret)
{
	size_t n_header = strlen(RESERVE_HEADER), at = n_header;

	ret->n_records = ret->n_problems = 0;
	if (n < n_header || memcmp(text, RESERVE_HEADER, n_header) != 0)
		return -EPROTONOSUPPORT;
	for (unsigned number = 2; at < n; number++) {
		const char *end = memchr(text + at, '\n', n - at);
		size_t length = end ? (size_t)(end - text) - at : n - at;
		const char *problem =
			end ? parse_line(text + at, length, number, ret) : "it is cut off";

		if (problem && ret->n_problems < ret->max_problems)
			ret->problems[ret->n_problems++] =
				(struct reserve_problem){ .line = number, .what = problem };
		at += length + 1;
	}
	return 0;
}

/* ---- writing ---- */

int reserve_format(const struct reserve_record *record, char line[RESERVE_LINE_MAX])
{
	const struct reserve_function *f = &record->function;
	const struct reserve_ids *ids = &f->ids;
	char serial[17] = "-";

	if (!reserve_is_address(f->address) || (*f->slot && !reserve_is_slot(f->slot)) ||
	    !reserve_is_driver(record->driver) || ids->class_code > 0xffffff ||
	    record->twins > TWINS_MAX)
		return -EINVAL;
	if (f->has_serial)
		snprintf(serial, sizeof(serial), "%016llx", (unsigned long long)f->serial);
	return snprintf(line, RESERVE_LINE_MAX, "%s %04x:%04x %04x:%04x %06x %s %s %u %s\n",
			f->address, ids->vendor, ids->device, ids->subsystem_vendor,
			ids->subsystem_device, ids->class_code, *f->slot ? f->slot : "-", serial,
			record->twins, record->driver);
}

long reserve_write(const struct reserve_record *records, size_t n, char *text, size_t size)
{
	const char *head = RESERVE_HEADER COLUMNS;
	size_t at = strlen(head);
	char line[RESERVE_LINE_MAX];

	if (n > RESERVE_MAX || at > size)
		return -ENOSPC;
	memcpy(text, head, at);
	for (size_t i = 0; i < n; i++) {
		for (size_t k = 0; k < i; k++) {
			if (same_place(&records[k].function, &records[i].function))
				return -EINVAL;
		}
		int length = reserve_format(&records[i], line);
		if (length < 0)
			return length;
		if ((size_t)length > size - at)
			return -ENOSPC;
		memcpy(text + at, line, (size_t)length);
		at += (size_t)length;
	}
	return (long)at;
}
