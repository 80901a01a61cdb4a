// SPDX-License-Identifier: MIT
// What is learned about a device on the fake VFIO: the same in both back ends, with room asked for
// twice, and from answers that no kernel should give.

#include "tests/unit/vfio_session.h"

#include <signal.h>

struct all {
	struct vfio_facts facts;
	struct vfio_bar bars[VFIO_REGION_BARS];
	struct bytes config, rom;
	struct vfio_feature *features;
	size_t n_features;
	struct vfio_iommu iommu;
	uint64_t signals;
};

static void read_everything(struct session *s, struct all *all)
{
	struct vfio_device *d = s->device;

	assert_int_equal(vfio_read_device(d, &all->facts, &s->e), 0);
	assert_int_equal(vfio_command_set(d, PCI_COMMAND_MEMORY, 0, &s->e), 0);
	for (uint32_t i = 0; i < VFIO_REGION_BARS; i++)
		vfio_read_bar(d, &all->facts.regions[i], &all->bars[i]);
	assert_int_equal(vfio_read_config(d, &all->config, &s->e), 0);
	assert_int_equal(vfio_read_rom(d, 4096, &all->rom, &s->e), 0);
	vfio_read_features(d, &all->features, &all->n_features);
	assert_int_equal(vfio_read_iommu(s->v, &all->iommu, &s->e), 0);
	assert_int_equal(vfio_try_irq(d, VFIO_IRQ_MSIX, &all->signals, &s->e), 0);
}

static void assert_same_region(const struct vfio_region *a, const struct vfio_region *b)
{
	assert_string_equal(a->name, b->name);
	assert_int_equal(a->error, b->error);
	assert_int_equal(a->size_bytes, b->size_bytes);
	assert_int_equal(a->mappable, b->mappable);
	assert_int_equal(a->msix_mappable, b->msix_mappable);
	assert_int_equal(a->n_areas, b->n_areas);
	assert_int_equal(a->type, b->type);
	for (size_t i = 0; i < a->n_areas; i++)
		assert_memory_equal(&a->areas[i], &b->areas[i], sizeof(a->areas[i]));
}

static void both_back_ends_agree(void **state)
{
	struct session s[VFIO_BACKENDS];
	struct all all[VFIO_BACKENDS];

	(void)state;
	for (enum vfio_backend i = 0; i < VFIO_BACKENDS; i++) {
		session_begin(&s[i]);
		session_attach(&s[i], i, 0);
		read_everything(&s[i], &all[i]);
	}
	const struct all *a = &all[0], *b = &all[1];
	assert_int_equal(a->facts.n_regions, b->facts.n_regions);
	for (size_t i = 0; i < a->facts.n_regions; i++)
		assert_same_region(&a->facts.regions[i], &b->facts.regions[i]);
	assert_int_equal(a->facts.n_irqs, b->facts.n_irqs);
	for (size_t i = 0; i < a->facts.n_irqs; i++)
		assert_memory_equal(&a->facts.irqs[i], &b->facts.irqs[i], sizeof(struct vfio_irq));
	assert_memory_equal(a->bars, b->bars, sizeof(a->bars));
	assert_int_equal(a->config.n, b->config.n);
	assert_memory_equal(a->config.data, b->config.data, a->config.n);
	assert_memory_equal(a->rom.data, b->rom.data, a->rom.n);
	assert_int_equal(a->n_features, b->n_features);
	for (size_t i = 0; i < a->n_features; i++)
		assert_int_equal(a->features[i].error, b->features[i].error);
	assert_int_equal(a->iommu.n_ranges, b->iommu.n_ranges);
	assert_memory_equal(a->iommu.ranges, b->iommu.ranges,
			    a->iommu.n_ranges * sizeof(a->iommu.ranges[0]));
	assert_int_equal(a->iommu.alignment_bytes.value, b->iommu.alignment_bytes.value);
	assert_int_equal(a->signals, 1);
	assert_int_equal(b->signals, 1);
	for (enum vfio_backend i = 0; i < VFIO_BACKENDS; i++)
		session_end(&s[i]);
}

/* The card of the fake, as vfio.h tells it: each fact once. */
static void facts_of_a_card(void **state)
{
	struct session s;
	struct all all;

	(void)state;
	session_begin(&s);
	session_attach(&s, VFIO_GROUP, 0);
	read_everything(&s, &all);
	const struct vfio_facts *f = &all.facts;
	assert_true(f->is_pci && f->can_reset && !f->damaged);
	assert_int_equal(f->atomics.error, 0);
	assert_int_equal(f->atomics.value, 3);
	assert_int_equal(f->n_regions, 10);
	assert_true(f->regions[0].mappable && f->regions[0].n_areas == 1 && !f->regions[0].sparse);
	assert_int_equal(f->regions[0].areas[0].size_bytes, 0x10000);
	assert_true(f->regions[1].sparse);
	assert_int_equal(f->regions[1].n_areas, 1);
	assert_int_equal(f->regions[1].areas[0].offset, 0x2000);
	assert_false(f->regions[2].mappable);
	assert_true(f->regions[3].msix_mappable);
	assert_null(vfio_region_find(f, 4));
	assert_int_equal(f->regions[VFIO_REGION_VGA].error, -EINVAL);
	assert_null(vfio_region_find(f, VFIO_REGION_VGA));
	assert_null(vfio_region_find(f, 10));
	assert_non_null(vfio_region_find(f, VFIO_REGION_ROM));
	assert_true(f->regions[9].typed);
	assert_int_equal(f->regions[9].type, 0x80008086);
	assert_string_equal(f->regions[9].name, "region 9");
	assert_int_equal(f->irqs[VFIO_IRQ_MSIX].count, 16);
	assert_true(f->irqs[VFIO_IRQ_MSIX].noresize && !f->irqs[VFIO_IRQ_MSIX].maskable);
	assert_true(f->irqs[VFIO_IRQ_INTX].maskable && f->irqs[VFIO_IRQ_INTX].automasked);
	for (uint32_t i = 0; i < 4; i++) {
		assert_int_equal(all.bars[i].read_error, 0);
		assert_int_equal(all.bars[i].read, fake_vfio_word(0, i));
		assert_int_equal(all.bars[i].map_error, i == 2 ? -ENODEV : 0);
		assert_int_equal(all.bars[i].mapped, i == 2 ? 0 : fake_vfio_word(0, i));
	}
	assert_int_equal(all.bars[1].offset, 0x2000);
	assert_int_equal(all.config.n, 256);
	assert_memory_equal(all.config.data, s.fake.devices[0].config, 256);
	assert_int_equal(all.rom.n, 4096);
	assert_int_equal(all.iommu.page_sizes.value, 0x40201000);
	assert_int_equal(all.iommu.alignment_bytes.value, 4096);
	assert_int_equal(all.iommu.maps_left.value, 65535);
	assert_int_equal(all.iommu.dirty_page_sizes.value, 0x1000);
	assert_int_equal(all.iommu.coherent.value, 1);
	assert_int_equal(all.iommu.n_ranges, 2);
	assert_int_equal(all.iommu.ranges[1].last, 0x7fffffffff);
	for (size_t i = 0; i < all.n_features; i++)
		assert_int_equal(all.features[i].error,
				 strncmp(all.features[i].name, "low power", 9) == 0 ? 0 : -ENOTTY);
	session_end(&s);
	assert_int_equal(s.fake.devices[0].config[PCI_COMMAND], 0);
}

static void hardware_by_iommufd_only(void **state)
{
	struct vfio_hardware hardware;
	struct session s;

	(void)state;
	session_begin(&s);
	session_attach(&s, VFIO_IOMMUFD, 0);
	vfio_read_hardware(s.device, &hardware);
	assert_int_equal(hardware.type.error, 0);
	assert_int_equal(hardware.type.value, 1);
	s.fake.no_hw_info = true;
	vfio_read_hardware(s.device, &hardware);
	assert_int_equal(hardware.type.error, -ENOTTY);
	session_end(&s);
	session_begin(&s);
	session_attach(&s, VFIO_GROUP, 0);
	vfio_read_hardware(s.device, &hardware);
	assert_int_equal(hardware.type.error, -ENODATA);
	session_end(&s);
}

/* More ranges than either back end asks for at first. */
static void many_ranges(void **state)
{
	struct vfio_iommu iommu;
	struct session s;

	(void)state;
	for (enum vfio_backend backend = 0; backend < VFIO_BACKENDS; backend++) {
		session_begin(&s);
		s.fake.n_ranges = 24;
		for (uint64_t i = 0; i < 24; i++)
			s.fake.ranges[i] = (struct vfio_range){ i << 32, (i << 32) + 0xfffff };
		session_attach(&s, backend, 0);
		assert_int_equal(vfio_read_iommu(s.v, &iommu, &s.e), 0);
		assert_int_equal(iommu.ranges_error, 0);
		assert_int_equal(iommu.n_ranges, 24);
		assert_int_equal(iommu.ranges[23].first, (uint64_t)23 << 32);
		session_end(&s);
	}
	session_begin(&s);
	s.fake.no_ranges = true;
	session_attach(&s, VFIO_GROUP, 0);
	assert_int_equal(vfio_read_iommu(s.v, &iommu, &s.e), 0);
	assert_int_equal(iommu.ranges_error, -ENODATA);
	session_end(&s);
}

/* What pread(2) gives instead of the table of MSI-X is no difference, anything else is. */
static void both_ways_compared(void **state)
{
	const uint32_t ones = UINT32_MAX;
	struct vfio_region region;
	struct vfio_bar bar;
	struct session s;

	(void)state;
	session_begin(&s);
	session_attach(&s, VFIO_GROUP, 0);
	assert_int_equal(vfio_command_set(s.device, PCI_COMMAND_MEMORY, 0, &s.e), 0);
	assert_int_equal(vfio_read_region(s.device, 3, &region), 0);
	vfio_read_bar(s.device, &region, &bar);
	assert_false(bar.differ);
	s.fake.reads_as = &ones;
	vfio_read_bar(s.device, &region, &bar);
	assert_int_equal(bar.mapped, fake_vfio_word(0, 3));
	assert_int_equal(bar.read, ones);
	assert_false(bar.differ);
	region.msix_mappable = false;
	vfio_read_bar(s.device, &region, &bar);
	assert_true(bar.differ);
	session_end(&s);
}

static volatile sig_atomic_t bus_errors;

static void count_bus_error(int signal_number)
{
	(void)signal_number;
	bus_errors = bus_errors + 1;
}

/* A load that raises SIGBUS is an error of that BAR, and leaves the program's handler in place. */
static void load_raises_sigbus(void **state)
{
	struct sigaction mine = { .sa_handler = count_bus_error }, now;
	struct vfio_region region;
	struct vfio_bar bar;
	struct session s;

	(void)state;
	session_begin(&s);
	session_attach(&s, VFIO_GROUP, 0);
	sigaction(SIGBUS, &mine, NULL);
	assert_int_equal(vfio_read_region(s.device, 0, &region), 0);
	for (int i = 0; i < 2; i++) {
		/* first with memory decoding off, then with a device that is gone */
		vfio_read_bar(s.device, &region, &bar);
		assert_int_equal(bar.map_error, -EFAULT);
		assert_int_equal(bar.read_error, -EIO);
		assert_int_equal(vfio_command_set(s.device, PCI_COMMAND_MEMORY, 0, &s.e), 0);
		s.fake.devices[0].absent = true;
	}
	s.fake.devices[0].absent = false;
	vfio_read_bar(s.device, &region, &bar);
	assert_int_equal(bar.map_error, 0);
	assert_int_equal(bar.mapped, fake_vfio_word(0, 0));
	assert_int_equal(bus_errors, 0);
	sigaction(SIGBUS, NULL, &now);
	assert_ptr_equal(now.sa_handler, count_bus_error);
	raise(SIGBUS);
	assert_int_equal(bus_errors, 1);
	signal(SIGBUS, SIG_DFL);
	session_end(&s);
}

static void command_register(void **state)
{
	struct session s;
	uint16_t command;

	(void)state;
	session_begin(&s);
	s.fake.devices[0].config[PCI_COMMAND] = PCI_COMMAND_IO;
	session_attach(&s, VFIO_GROUP, 0);
	assert_int_equal(vfio_command_set(s.device, PCI_COMMAND_MEMORY, 0, &s.e), 0);
	assert_int_equal(vfio_command_set(s.device, PCI_COMMAND_MASTER, PCI_COMMAND_IO, &s.e), 0);
	assert_int_equal(vfio_command_read(s.device, &command, &s.e), 0);
	assert_int_equal(command, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
	assert_int_equal(vfio_command_restore(s.device, &s.e), 0);
	assert_int_equal(s.fake.devices[0].config[PCI_COMMAND], PCI_COMMAND_IO);
	s.fake.devices[0].command_stuck = PCI_COMMAND_MASTER;
	assert_int_equal(vfio_command_set(s.device, PCI_COMMAND_MASTER, 0, &s.e), -EIO);
	assert_failed(&s, VFIO_STEP_REGION_WRITE, -EIO, "did not stay");
	s.fake.devices[0].command_stuck = 0;
	assert_int_equal(vfio_command_set(s.device, PCI_COMMAND_MASTER, 0, &s.e), 0);
	session_end(&s);
	assert_int_equal(s.fake.devices[0].config[PCI_COMMAND], PCI_COMMAND_IO);
	/* what cannot be restored is told, and everything is closed all the same */
	session_begin(&s);
	session_attach(&s, VFIO_GROUP, 0);
	assert_int_equal(vfio_command_set(s.device, PCI_COMMAND_MASTER, 0, &s.e), 0);
	s.fake.devices[0].command_stuck = PCI_COMMAND_MASTER;
	assert_int_equal(vfio_close(s.v, &s.e), -EIO);
	assert_failed(&s, VFIO_STEP_RESTORE, -EIO, "restore the command register");
	session_end(&s);
}

static void regions_have_bounds(void **state)
{
	struct vfio_region region;
	struct session s;
	uint32_t word;

	(void)state;
	session_begin(&s);
	session_attach(&s, VFIO_GROUP, 0);
	assert_int_equal(vfio_command_set(s.device, PCI_COMMAND_MEMORY, 0, &s.e), 0);
	assert_int_equal(vfio_read_region(s.device, 2, &region), 0);
	assert_int_equal(vfio_read(s.device, &region, 0x7c, &word, 4, &s.e), 0);
	unsigned calls = s.fake.calls;
	assert_int_equal(vfio_read(s.device, &region, 0x7d, &word, 4, &s.e), -ENXIO);
	assert_int_equal(vfio_read(s.device, &region, UINT64_MAX, &word, 4, &s.e), -ENXIO);
	assert_int_equal(s.fake.calls, calls);
	assert_failed(&s, VFIO_STEP_REGION_READ, -ENXIO, "0000:01:00.0 BAR 2");
	s.fake.devices[0].regions[VFIO_REGION_ROM].size = 0;
	struct bytes rom;
	assert_int_equal(vfio_read_rom(s.device, 4096, &rom, &s.e), -ENOENT);
	assert_int_equal(s.e.kind, ERR_REFUSED);
	session_end(&s);
}

static void interrupts(void **state)
{
	struct session s;
	uint64_t signals = 0;

	(void)state;
	session_begin(&s);
	session_attach(&s, VFIO_GROUP, 0);
	for (uint32_t i = VFIO_IRQ_INTX; i <= VFIO_IRQ_REQUEST; i++) {
		assert_int_equal(vfio_try_irq(s.device, i, &signals, &s.e), 0);
		assert_int_equal(signals, 1);
		assert_int_equal(s.fake.devices[0].irq_enabled, -1);
	}
	s.fake.devices[0].irqs[VFIO_IRQ_MSI] = 0;
	assert_int_equal(vfio_try_irq(s.device, VFIO_IRQ_MSI, &signals, &s.e), -EINVAL);
	s.fake.fail_kind = FAKE_VFIO_DEVICE;
	s.fake.fail_request = VFIO_DEVICE_SET_IRQS;
	s.fake.fail_with = -EBUSY;
	assert_int_equal(vfio_try_irq(s.device, VFIO_IRQ_INTX, &signals, &s.e), -EBUSY);
	assert_failed(&s, VFIO_STEP_SET_IRQS, -EBUSY, "shared with another device");
	session_end(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(both_back_ends_agree),
		cmocka_unit_test(facts_of_a_card),
		cmocka_unit_test(hardware_by_iommufd_only),
		cmocka_unit_test(many_ranges),
		cmocka_unit_test(both_ways_compared),
		cmocka_unit_test(load_raises_sigbus),
		cmocka_unit_test(command_register),
		cmocka_unit_test(regions_have_bounds),
		cmocka_unit_test(interrupts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
