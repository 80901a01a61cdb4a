// SPDX-License-Identifier: MIT
// The functions of a host, as fast and as harmlessly as can be: a driver may be at work on each of
// them. Ids and class stand together in `modalias`, which takes no lock (modalias_show() of
// drivers/pci/pci-sysfs.c), while `uevent` has waited for the driver's probe in some kernels.

#include "reserve/reserve.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/pci_regs.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define DEVICES "sys/bus/pci/devices"
#define CONFIG_BYTES 4096
#define CONFIG_EXTENDED 256

/* "pci:v000010DEd00002204sv00001043sd000087D5bc03sc00i00" */
static bool parse_modalias(const char *text, struct reserve_ids *ret)
{
	unsigned vendor, device, sub_vendor, sub_device, base, sub, interface;
	int n = 0;

	if (sscanf(text, "pci:v%8xd%8xsv%8xsd%8xbc%2xsc%2xi%2x%n", &vendor, &device, &sub_vendor,
		   &sub_device, &base, &sub, &interface, &n) != 7 ||
	    !n || vendor > 0xffff || device > 0xffff || sub_vendor > 0xffff || sub_device > 0xffff)
		return false;
	*ret = (struct reserve_ids){ .vendor = (uint16_t)vendor,
				     .device = (uint16_t)device,
				     .subsystem_vendor = (uint16_t)sub_vendor,
				     .subsystem_device = (uint16_t)sub_device,
				     .class_code = base << 16 | sub << 8 | interface };
	return true;
}

ssize_t reserve_read(int dir, const char *path, void *ret, size_t size)
{
	CLEANUP_CLOSE int fd = openat(dir, path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

	if (fd < 0)
		return -errno;
	size_t n = 0;
	while (n < size) {
		ssize_t got = read(fd, (char *)ret + n, size - n);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -errno;
		if (got == 0)
			break;
		n += (size_t)got;
	}
	return (ssize_t)n;
}

static bool read_function(int devices, const char *name, struct reserve_function *ret)
{
	char path[64], text[128], link[PATH_MAX];

	*ret = (struct reserve_function){ 0 };
	if (!reserve_is_address(name))
		return false;
	snprintf(ret->address, sizeof(ret->address), "%s", name);
	snprintf(path, sizeof(path), "%s/modalias", ret->address);
	ssize_t n = reserve_read(devices, path, text, sizeof(text) - 1);
	if (n < 0)
		return false;
	text[n] = '\0';
	if (!parse_modalias(text, &ret->ids))
		return false;
	n = readlinkat(devices, name, link, sizeof(link) - 1);
	if (n > 0) {
		link[n] = '\0';
		(void)reserve_slot(link, ret->slot); /* not known then */
	}
	return true;
}

long reserve_read_host(int root, struct reserve_function *ret, size_t max)
{
	int fd = openat(root, DEVICES, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *stream = fd < 0 ? NULL : fdopendir(fd);
	long n = 0;

	if (!stream) {
		int error = -errno;
		if (fd >= 0)
			close(fd);
		return error;
	}
	for (struct dirent *entry; (entry = readdir(stream));) {
		struct reserve_function f;

		if (!read_function(fd, entry->d_name, &f))
			continue;
		if ((size_t)n == max) {
			n = -E2BIG;
			break;
		}
		ret[n++] = f;
	}
	closedir(stream);
	return n;
}

/* ---- the serial number ---- */

static uint32_t dword(const uint8_t *config, size_t at)
{
	return (uint32_t)config[at] | (uint32_t)config[at + 1] << 8 |
	       (uint32_t)config[at + 2] << 16 | (uint32_t)config[at + 3] << 24;
}

bool reserve_is_serial(uint64_t serial)
{
	/* Realtek's chips have their vendor's code (00:e0:4c) turned round in it, and the same
	 * number in each of a model: 01-00-00-00-68-4c-e0-00 in all of RTL8168 */
	return serial != 0 && serial != UINT64_MAX && (serial & 0xffffff) != 0x4ce000;
}

bool reserve_serial(const uint8_t *config, size_t n, uint64_t *ret)
{
	size_t at = CONFIG_EXTENDED;

	/* the headers do not overlap: more than fit is a loop */
	for (size_t left = (CONFIG_BYTES - CONFIG_EXTENDED) / 8; left; left--) {
		if (at < CONFIG_EXTENDED || at + 12 > n)
			return false;
		uint32_t header = dword(config, at);
		/* a device that sleeps or is gone reads as ones */
		if (!header || header == UINT32_MAX)
			return false;
		if (PCI_EXT_CAP_ID(header) == PCI_EXT_CAP_ID_DSN) {
			*ret = (uint64_t)dword(config, at + 8) << 32 | dword(config, at + 4);
			return reserve_is_serial(*ret);
		}
		at = PCI_EXT_CAP_NEXT(header);
	}
	return false;
}

void reserve_read_serial(void *closure, struct reserve_function *f)
{
	uint8_t config[CONFIG_BYTES];
	char path[sizeof(DEVICES) + 32];

	snprintf(path, sizeof(path), DEVICES "/%s/config", f->address);
	ssize_t n = reserve_read(*(int *)closure, path, config, sizeof(config));
	f->has_serial = n > 0 && reserve_serial(config, (size_t)n, &f->serial);
}
