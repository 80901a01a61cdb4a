// SPDX-License-Identifier: MIT
// Registers of a device: its regions through the descriptor and through a mapping, and the command
// register. vfio-pci enables the device when it is opened (vfio_pci_core_enable() in
// drivers/vfio/pci/vfio_pci_core.c) and clears bus mastering before; whether memory decoding is on
// then is the business of the firmware, so whoever reads BARs switches it on, as a guest would.
// Configuration space is partly the kernel's copy (vfio_pci_config.c): BARs and the memory bit of a
// virtual function.

#include "vfio/internal.h"

#include <endian.h>
#include <errno.h>
#include <linux/pci_regs.h>
#include <string.h>
#include <sys/mman.h>

int vfio_pread(struct vfio_device *d, const struct vfio_region *region, uint64_t offset, void *data,
	       size_t n)
{
	struct vfio_kernel *k = d->v->kernel;

	if (offset > region->size_bytes || n > region->size_bytes - offset)
		return -ENXIO;
	for (size_t have = 0; have < n;) {
		ssize_t done = k->pread(k, d->fd, (char *)data + have, n - have,
					region->offset + offset + have);

		if (done < 0)
			return (int)done;
		if (done == 0 || (size_t)done > n - have)
			return -EIO;
		have += (size_t)done;
	}
	return 0;
}

int vfio_read(struct vfio_device *d, const struct vfio_region *region, uint64_t offset, void *data,
	      size_t n, struct err *e)
{
	int error = vfio_pread(d, region, offset, data, n);

	if (error < 0)
		return vfio_fail(d->v, VFIO_STEP_REGION_READ, error,
				 arena_printf(d->v->arena, "%s %s", d->name, region->name), e);
	return 0;
}

/* Maps one page at @offset of the region, loads its first word, and unmaps it. */
static int load_mapped(struct vfio_device *d, const struct vfio_region *region, uint64_t offset,
		       uint32_t *ret)
{
	struct vfio_kernel *k = d->v->kernel;
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	void *address;

	if ((region->offset + offset) % page != 0)
		return -EINVAL;
	int error =
		k->mmap(k, d->fd, page, PROT_READ, MAP_SHARED, region->offset + offset, &address);
	if (error < 0)
		return error;
	error = vfio_load32(address, ret);
	*ret = le32toh(*ret);
	int unmapped = k->munmap(k, address, page);
	return error < 0 ? error : unmapped;
}

void vfio_read_bar(struct vfio_device *d, const struct vfio_region *region, struct vfio_bar *ret)
{
	uint32_t word = 0;

	*ret = (struct vfio_bar){ .map_error = -ENODEV };
	if (region->mappable && region->n_areas > 0 &&
	    region->areas[0].size_bytes >= sizeof(uint32_t)) {
		ret->offset = region->areas[0].offset;
		ret->map_error = load_mapped(d, region, ret->offset, &ret->mapped);
	}
	ret->read_error = vfio_pread(d, region, ret->offset, &word, sizeof(word));
	ret->read = le32toh(word);
	/* vfio_pci_bar_rw() fills what it leaves out with ones */
	bool hidden = region->msix_mappable && ret->read == UINT32_MAX;
	ret->differ =
		ret->map_error == 0 && ret->read_error == 0 && ret->mapped != ret->read && !hidden;
}

static int config_region(struct vfio_device *d, struct err *e)
{
	if (d->config_known)
		return 0;
	int error = vfio_read_region(d, VFIO_REGION_CONFIG, &d->config);
	if (error < 0)
		return vfio_fail(d->v, VFIO_STEP_REGION_INFO, error, d->name, e);
	d->config_known = true;
	return 0;
}

int vfio_read_config(struct vfio_device *d, struct bytes *ret, struct err *e)
{
	int error = config_region(d, e);

	if (error < 0)
		return error;
	/* PCI_CFG_SPACE_EXP_SIZE; more would be no configuration space */
	size_t n = d->config.size_bytes < 4096 ? (size_t)d->config.size_bytes : 4096;
	char *data = arena_alloc(d->v->arena, n + 1);
	error = vfio_read(d, &d->config, 0, data, n, e);
	if (error < 0)
		return error;
	*ret = (struct bytes){ data, n };
	return 0;
}

int vfio_read_rom(struct vfio_device *d, size_t max_bytes, struct bytes *ret, struct err *e)
{
	struct vfio_region rom;
	int error = vfio_read_region(d, VFIO_REGION_ROM, &rom);

	if (error < 0)
		return vfio_fail(d->v, VFIO_STEP_REGION_INFO, error, d->name, e);
	if (rom.size_bytes == 0 || !rom.readable)
		return vfio_fail(d->v, VFIO_STEP_REGION_READ, -ENOENT, d->name, e);
	size_t n = rom.size_bytes < max_bytes ? (size_t)rom.size_bytes : max_bytes;
	char *data = arena_alloc(d->v->arena, n + 1);
	error = vfio_read(d, &rom, 0, data, n, e);
	if (error < 0)
		return error;
	*ret = (struct bytes){ data, n };
	return 0;
}

int vfio_command_read(struct vfio_device *d, uint16_t *ret, struct err *e)
{
	uint16_t command;
	int error = config_region(d, e);

	if (error == 0)
		error = vfio_read(d, &d->config, PCI_COMMAND, &command, sizeof(command), e);
	if (error == 0)
		*ret = le16toh(command);
	return error;
}

static int write_command(struct vfio_device *d, enum vfio_step step, uint16_t command,
			 struct err *e)
{
	struct vfio_kernel *k = d->v->kernel;
	uint16_t raw = htole16(command), now;
	ssize_t done = k->pwrite(k, d->fd, &raw, sizeof(raw), d->config.offset + PCI_COMMAND);

	if (done != (ssize_t)sizeof(raw))
		return vfio_fail(d->v, step, done < 0 ? (int)done : -EIO, d->name, e);
	int error = vfio_command_read(d, &now, e);
	if (error == 0 && now != command)
		error = vfio_fail(d->v, step, -EIO, d->name, e);
	return error;
}

int vfio_command_set(struct vfio_device *d, uint16_t set, uint16_t clear, struct err *e)
{
	uint16_t now;
	int error = vfio_command_read(d, &now, e);

	if (error < 0)
		return error;
	if (!d->command_changed) {
		d->command = now;
		d->command_changed = true;
	}
	uint16_t wanted = (uint16_t)((now | set) & ~clear);
	return wanted == now ? 0 : write_command(d, VFIO_STEP_REGION_WRITE, wanted, e);
}

int vfio_command_restore(struct vfio_device *d, struct err *e)
{
	uint16_t now;

	if (!d->command_changed)
		return 0;
	d->command_changed = false;
	int error = vfio_command_read(d, &now, e);
	if (error < 0 || now == d->command)
		return error;
	return write_command(d, VFIO_STEP_RESTORE, d->command, e);
}
