// SPDX-License-Identifier: MIT
// The machine of the fake VFIO: two functions of one card in a group, and one elsewhere. Config
// space has what the program looks at: ids, command register, class and a PCI Express capability.

#include "tests/fake/vfio.h"

#include <linux/pci_regs.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define BAR_BYTES ((uint64_t)1 << 20)
#define READ_WRITE (VFIO_REGION_INFO_FLAG_READ | VFIO_REGION_INFO_FLAG_WRITE)
#define MAPPABLE (READ_WRITE | VFIO_REGION_INFO_FLAG_MMAP)

uint32_t fake_vfio_word(size_t index, uint32_t bar)
{
	return 0x10de0000u + (uint32_t)index * 0x100 + bar;
}

struct vfio_offer fake_vfio_offer(const struct fake_vfio *f, size_t index)
{
	static const char *const groups[] = { [7] = "dev/vfio/7", [8] = "dev/vfio/8" };
	const struct fake_vfio_device *d = &f->devices[index];

	return (struct vfio_offer){
		.function = d->name,
		.group = { .value = d->group },
		.way = { { .node = groups[d->group] }, { .node = d->node } },
	};
}

static void put16(uint8_t *at, uint16_t value)
{
	at[0] = (uint8_t)value;
	at[1] = (uint8_t)(value >> 8);
}

static void make_config(struct fake_vfio_device *d, uint16_t device, uint32_t class_code)
{
	put16(d->config + PCI_VENDOR_ID, 0x10de);
	put16(d->config + PCI_DEVICE_ID, device);
	put16(d->config + PCI_STATUS, PCI_STATUS_CAP_LIST);
	d->config[PCI_CLASS_PROG] = (uint8_t)class_code;
	put16(d->config + PCI_CLASS_DEVICE, (uint16_t)(class_code >> 8));
	d->config[PCI_CAPABILITY_LIST] = 0x40;
	d->config[0x40] = PCI_CAP_ID_EXP;
	put16(d->config + 0x40 + PCI_EXP_FLAGS, 2);
	d->config_bytes = 256;
	d->regions[VFIO_PCI_CONFIG_REGION_INDEX] =
		(struct fake_vfio_region){ .size = 256, .flags = READ_WRITE };
	d->n_regions = VFIO_PCI_NUM_REGIONS;
	d->irqs[VFIO_PCI_INTX_IRQ_INDEX] = 1;
	d->irqs[VFIO_PCI_MSI_IRQ_INDEX] = 4;
	d->irqs[VFIO_PCI_ERR_IRQ_INDEX] = 1;
	d->irqs[VFIO_PCI_REQ_IRQ_INDEX] = 1;
	d->irq_enabled = -1;
	d->resets = true;
	d->features = 1u << VFIO_DEVICE_FEATURE_LOW_POWER_ENTRY |
		      1u << VFIO_DEVICE_FEATURE_LOW_POWER_ENTRY_WITH_WAKEUP;
	d->atomics = 3;
}

static void make_display(struct fake_vfio_device *d)
{
	*d = (struct fake_vfio_device){
		.name = "0000:01:00.0",
		.node = "dev/vfio/devices/vfio0",
		.group = 7,
		.bus = 1,
	};
	make_config(d, 0x1c82, 0x030000);
	d->regions[0] = (struct fake_vfio_region){ .size = 0x10000, .flags = MAPPABLE };
	/* the table of MSI-X at 0x1000: the kernel before 4.15 left it out of the mapping */
	d->regions[1] = (struct fake_vfio_region){
		.size = 0x4000,
		.flags = MAPPABLE,
		.sparse = true,
		.areas = { { 0x2000, 0x2000 } },
		.n_areas = 1,
	};
	d->regions[2] = (struct fake_vfio_region){ .size = 0x80, .flags = READ_WRITE };
	d->regions[3] =
		(struct fake_vfio_region){ .size = 0x4000, .flags = MAPPABLE, .msix = true };
	d->regions[VFIO_PCI_ROM_REGION_INDEX] =
		(struct fake_vfio_region){ .size = 0x1000, .flags = VFIO_REGION_INFO_FLAG_READ };
	d->irqs[VFIO_PCI_MSIX_IRQ_INDEX] = 16;
	d->regions[9] = (struct fake_vfio_region){
		.size = 0x2000,
		.flags = VFIO_REGION_INFO_FLAG_READ,
		.typed = true,
		.type = 0x80008086,
		.subtype = 1,
	};
	d->n_regions = 10;
}

static void make_other(struct fake_vfio_device *d, const char *name, const char *node,
		       uint64_t group)
{
	*d = (struct fake_vfio_device){ .name = name, .node = node, .group = group };
	make_config(d, 0x0fb9, 0x040300);
	d->bus = group == 7 ? 1 : 2;
	d->regions[0] = (struct fake_vfio_region){ .size = 0x4000, .flags = MAPPABLE };
}

static void fill_bars(const struct fake_vfio *f)
{
	for (size_t i = 0; i < f->n_devices; i++) {
		for (uint32_t bar = 0; bar <= VFIO_PCI_ROM_REGION_INDEX; bar++) {
			uint32_t word = fake_vfio_word(i, bar);
			off_t at = (off_t)((i * 16 + bar) * BAR_BYTES);

			/* where its first area that may be mapped begins, and at its start */
			(void)!pwrite(f->memory, &word, sizeof(word), at);
			(void)!pwrite(f->memory, &word, sizeof(word), at + 0x2000);
		}
	}
}

void fake_vfio_open(struct fake_vfio *f)
{
	*f = (struct fake_vfio){
		.kernel = fake_vfio_kernel,
		.page_sizes = 0x40201000,
		.ranges = { { 0, 0xfedfffff }, { 0xfef00000, 0x7fffffffff } },
		.n_ranges = 2,
		.maps_left = 65535,
		.lock_bytes = UINT64_MAX,
		.n_devices = 3,
	};
	make_display(&f->devices[0]);
	make_other(&f->devices[1], "0000:01:00.1", "dev/vfio/devices/vfio1", 7);
	make_other(&f->devices[2], "0000:02:00.0", "dev/vfio/devices/vfio2", 8);
	f->memory = memfd_create("bars", MFD_CLOEXEC);
	f->nothing = memfd_create("nothing", MFD_CLOEXEC);
	(void)!ftruncate(f->memory, (off_t)(FAKE_VFIO_DEVICES * 16 * BAR_BYTES));
	fill_bars(f);
}

void fake_vfio_close(struct fake_vfio *f)
{
	close(f->memory);
	close(f->nothing);
}
