// SPDX-License-Identifier: MIT
// Where a function is plugged in, in words that survive a new numbering of buses: firmware counts
// buses through, so that one more card changes the numbers of all behind it, while root bus, device
// and function of each bridge are wires of the board. The way through sysfs names them all
// (pci_setup_device() in drivers/pci/probe.c: the parent of a function is the bridge above it).

#include "reserve/reserve.h"

#include <string.h>

static size_t hex_digits(const char *text)
{
	return strspn(text, "0123456789abcdef");
}

/* "0000:41", the domain in four digits, or more without a leading zero; the length, 0: it is not */
static size_t bus_length(const char *text)
{
	size_t domain = hex_digits(text);

	if (domain < 4 || domain > 8 || (domain > 4 && *text == '0') || text[domain] != ':')
		return 0;
	return hex_digits(text + domain + 1) >= 2 ? domain + 3 : 0;
}

/* "1f.7" */
static bool is_device(const char *text)
{
	return (text[0] == '0' || text[0] == '1') && hex_digits(text + 1) >= 1 && text[2] == '.' &&
	       text[3] >= '0' && text[3] <= '7';
}

bool reserve_is_address(const char *text)
{
	size_t n = bus_length(text);

	return n && text[n] == ':' && is_device(text + n + 1) && !text[n + 5];
}

/* What one directory adds: "pci0000:40" its bus, "0000:40:01.1" its device, others nothing. */
static const char *part_of(const char *name)
{
	if (strncmp(name, "pci", 3) == 0 && name[3] && bus_length(name + 3) == strlen(name + 3))
		return name + 3;
	return reserve_is_address(name) ? name + bus_length(name) + 1 : NULL;
}

bool reserve_slot(const char *path, char ret[RESERVE_SLOT_MAX])
{
	size_t n = 0;
	char name[64];

	*ret = '\0';
	while (*path) {
		size_t length = strcspn(path, "/");
		bool fits = length < sizeof(name);

		memcpy(name, path, fits ? length : 0);
		name[fits ? length : 0] = '\0';
		path += length + (path[length] == '/');
		const char *part = part_of(name);
		/* without a root bus above it a device has no place */
		if (!part || (!n && part != name + 3))
			continue;
		size_t n_part = strlen(part);
		if (n + 1 + n_part >= RESERVE_SLOT_MAX) {
			*ret = '\0';
			return false;
		}
		if (n)
			ret[n++] = '/';
		memcpy(ret + n, part, n_part + 1);
		n += n_part;
	}
	/* a root bus alone is no function */
	if (n && is_device(ret + n - 4))
		return true;
	*ret = '\0';
	return false;
}

bool reserve_is_slot(const char *text)
{
	size_t n = bus_length(text);
	const char *last = text;

	if (!n || strlen(text) >= RESERVE_SLOT_MAX)
		return false;
	while (text[n]) {
		if (text[n] != '/')
			return false;
		last = text + n + 1;
		size_t bus = bus_length(last);
		if (!bus && !is_device(last))
			return false;
		n = (size_t)(last - text) + (bus ? bus : 4);
	}
	return is_device(last);
}
