// SPDX-License-Identifier: MIT
// What is done with a device: resets and what they leave, memory for DMA, and what the kernel
// offers for a function (on the fake kernel's sysfs).

#include "tests/unit/vfio_session.h"

#include "tests/fake/kernel.h"

static void reset_of_a_function(void **state)
{
	struct session s;
	uint64_t ns;

	(void)state;
	session_begin(&s);
	session_attach(&s, VFIO_GROUP, 0);
	assert_int_equal(vfio_reset(s.device, &ns, &s.e), 0);
	assert_int_equal(s.fake.devices[0].n_resets, 1);
	s.fake.devices[0].resets = false;
	assert_int_equal(vfio_reset(s.device, &ns, &s.e), -EINVAL);
	assert_failed(&s, VFIO_STEP_RESET_DEVICE, -EINVAL, "no method");
	assert_int_equal(s.e.kind, ERR_REFUSED);
	session_end(&s);
}

/* In one group: both functions go, with the group's descriptor as proof. */
static void hot_reset_with_groups(void **state)
{
	struct session s;
	struct vfio_hot_reset reset;
	uint64_t ns;

	(void)state;
	session_begin(&s);
	session_attach(&s, VFIO_GROUP, 0);
	assert_int_equal(vfio_read_hot_reset(s.device, &reset, &s.e), 0);
	assert_int_equal(reset.n, 2);
	assert_string_equal(reset.functions[1].name, "0000:01:00.1");
	assert_int_equal(reset.functions[1].group.value, 7);
	assert_int_equal(reset.functions[1].id.error, -ENODATA);
	assert_true(reset.functions[1].owned && reset.owned);
	assert_int_equal(vfio_hot_reset(s.device, &ns, &s.e), 0);
	assert_int_equal(s.fake.n_proof, 1);
	assert_non_null(fake_vfio_file(&s.fake, s.fake.proof[0], FAKE_VFIO_GROUP));
	/* the other function in a group of its own that this session has not */
	s.fake.devices[1].group = 8;
	assert_int_equal(vfio_read_hot_reset(s.device, &reset, &s.e), 0);
	assert_false(reset.functions[1].owned || reset.owned);
	assert_int_equal(vfio_hot_reset(s.device, &ns, &s.e), -EPERM);
	assert_failed(&s, VFIO_STEP_HOT_RESET, -EPERM, "not with this program");
	assert_int_equal(s.fake.devices[0].n_hot_resets, 1);
	struct vfio_device *other;
	struct vfio_offer offer = fake_vfio_offer(&s.fake, 1);
	assert_int_equal(vfio_attach(s.v, &offer, &other, &s.e), 0);
	assert_int_equal(vfio_hot_reset(s.device, &ns, &s.e), 0);
	assert_int_equal(s.fake.n_proof, 2);
	s.fake.no_slot_reset = true;
	assert_int_equal(vfio_hot_reset(s.device, &ns, &s.e), -ENODEV);
	assert_failed(&s, VFIO_STEP_HOT_RESET_INFO, -ENODEV, "neither its slot nor its bus");
	session_end(&s);
}

static void hot_reset_with_iommufd(void **state)
{
	struct session s;
	struct vfio_hot_reset reset;
	uint64_t ns;

	(void)state;
	session_begin(&s);
	session_attach(&s, VFIO_IOMMUFD, 0);
	assert_int_equal(vfio_read_hot_reset(s.device, &reset, &s.e), 0);
	assert_int_equal(reset.functions[0].id.value, 1);
	assert_int_equal(reset.functions[1].id.error, 0);
	assert_int_equal(reset.functions[1].id.value, VFIO_PCI_DEVID_OWNED);
	assert_int_equal(reset.functions[1].group.error, -ENODATA);
	assert_true(reset.owned);
	assert_int_equal(vfio_hot_reset(s.device, &ns, &s.e), 0);
	assert_int_equal(s.fake.n_proof, 0);
	s.fake.devices[1].host_driver = true;
	assert_int_equal(vfio_read_hot_reset(s.device, &reset, &s.e), 0);
	assert_int_equal(reset.functions[1].id.error, -ENODEV);
	assert_false(reset.functions[1].owned || reset.owned);
	assert_int_equal(vfio_hot_reset(s.device, &ns, &s.e), -EPERM);
	session_end(&s);
}

static void dma(void **state)
{
	struct session s;
	struct vfio_memory *memory, *second;
	uint64_t ns;

	(void)state;
	for (enum vfio_backend backend = 0; backend < VFIO_BACKENDS; backend++) {
		session_begin(&s);
		session_attach(&s, backend, 0);
		assert_int_equal(vfio_memory_get(s.v, 5000, 0, &memory, &s.e), 0);
		assert_int_equal(memory->size_bytes, 8192);
		memset(memory->address, 1, 8192);
		assert_int_equal(vfio_dma_map(s.v, memory, 0xfee00000, &ns, &s.e), -EINVAL);
		assert_failed(&s, VFIO_STEP_MAP_DMA, -EINVAL, "8192 bytes at 0xfee00000");
		assert_int_equal(vfio_dma_map(s.v, memory, 0x100000, &ns, &s.e), 0);
		assert_int_equal(s.fake.n_maps, 1);
		assert_int_equal(vfio_dma_map(s.v, memory, 0x200000, &ns, &s.e), -EBADF);
		assert_int_equal(vfio_memory_get(s.v, 4096, 0, &second, &s.e), 0);
		assert_int_equal(vfio_dma_map(s.v, second, 0x101000, &ns, &s.e), -EEXIST);
		assert_int_equal(vfio_dma_unmap(s.v, memory, &ns, &s.e), 0);
		assert_int_equal(vfio_dma_unmap(s.v, memory, &ns, &s.e), -EBADF);
		assert_int_equal(vfio_dma_map(s.v, second, 0x101000, &ns, &s.e), 0);
		assert_int_equal(vfio_memory_put(s.v, second, &s.e), 0);
		assert_int_equal(s.fake.n_maps, 0);
		assert_int_equal(s.fake.n_mappings, 1);
		session_end(&s);
	}
}

static void memory_runs_out(void **state)
{
	const uint64_t huge = 2 << 20;
	struct session s;
	struct vfio_memory *memory;
	uint64_t ns;

	(void)state;
	session_begin(&s);
	session_attach(&s, VFIO_GROUP, 0);
	assert_int_equal(vfio_memory_get(s.v, 100, huge, &memory, &s.e), -ENOMEM);
	assert_failed(&s, VFIO_STEP_MEMORY, -ENOMEM, "2097152 bytes in pages of 2097152");
	s.fake.huge_bytes = huge;
	assert_int_equal(vfio_memory_get(s.v, 100, huge, &memory, &s.e), 0);
	assert_int_equal(memory->page_bytes, huge);
	assert_int_equal(vfio_memory_get(s.v, 100, 3000, &memory, &s.e), -EINVAL);
	assert_int_equal(vfio_memory_get(s.v, UINT64_MAX, 0, &memory, &s.e), -EINVAL);
	s.fake.lock_bytes = 4096;
	assert_int_equal(vfio_dma_map(s.v, memory, 0, &ns, &s.e), -ENOMEM);
	assert_failed(&s, VFIO_STEP_MAP_DMA, -ENOMEM, "map memory for DMA");
	session_end(&s);
}

static void partly_unmapped(struct fake_vfio *f, enum fake_vfio_kind kind, unsigned long request,
			    void *argument)
{
	(void)f;
	if (kind == FAKE_VFIO_CONTAINER && request == VFIO_IOMMU_UNMAP_DMA)
		((struct vfio_iommu_type1_dma_unmap *)argument)->size = 4096;
}

static void unmapped_another_size(void **state)
{
	struct session s;
	struct vfio_memory *memory;
	uint64_t ns;

	(void)state;
	session_begin(&s);
	session_attach(&s, VFIO_GROUP, 0);
	assert_int_equal(vfio_memory_get(s.v, 8192, 0, &memory, &s.e), 0);
	assert_int_equal(vfio_dma_map(s.v, memory, 0, &ns, &s.e), 0);
	s.fake.mangle = partly_unmapped;
	assert_int_equal(vfio_dma_unmap(s.v, memory, &ns, &s.e), -EIO);
	assert_failed(&s, VFIO_STEP_UNMAP_DMA, -EIO, "another number of bytes");
	s.fake.mangle = NULL;
	assert_int_equal(vfio_close(s.v, &s.e), -EIO); /* nothing is there any more to unmap */
	session_end(&s);
}

static void iova_places(void **state)
{
	struct vfio_range ranges[] = { { 0x1000, 0x4fff },
				       { 0x200000, 0x7fffff },
				       { UINT64_MAX - 0xfff, UINT64_MAX } };
	struct vfio_iommu iommu = { .ranges = ranges, .n_ranges = 3 };
	uint64_t iova;

	(void)state;
	assert_int_equal(vfio_iova_find(&iommu, 0x4000, 0x1000, &iova), 0);
	assert_int_equal(iova, 0x1000);
	assert_int_equal(vfio_iova_find(&iommu, 0x4001, 0x1000, &iova), 0);
	assert_int_equal(iova, 0x200000);
	assert_int_equal(vfio_iova_find(&iommu, 0x1000, 0x400000, &iova), 0);
	assert_int_equal(iova, 0x400000);
	assert_int_equal(vfio_iova_find(&iommu, 0x600001, 1, &iova), -ENOSPC);
	assert_int_equal(vfio_iova_find(&iommu, 0, 0x1000, &iova), -EINVAL);
	assert_int_equal(vfio_iova_find(&iommu, 1, 3, &iova), -EINVAL);
	/* alignment beyond the end of the last range */
	iommu = (struct vfio_iommu){ .ranges = &ranges[2], .n_ranges = 1 };
	assert_int_equal(vfio_iova_find(&iommu, 0x1000, 0x1000, &iova), 0);
	assert_int_equal(vfio_iova_find(&iommu, 0x1000, 0x2000, &iova), -ENOSPC);
	iommu.ranges_error = -ENODATA;
	assert_int_equal(vfio_iova_find(&iommu, 0x1000, 0x1000, &iova), -ENODATA);
}

static void put16(char *config, size_t at, unsigned value)
{
	config[at] = (char)value;
	config[at + 1] = (char)(value >> 8);
}

static void changes_of_a_reset(void **state)
{
	struct session s;
	struct bytes before, after;
	struct vfio_change *changes;
	size_t n;

	(void)state;
	session_begin(&s);
	session_attach(&s, VFIO_GROUP, 0);
	assert_int_equal(vfio_read_config(s.device, &before, &s.e), 0);
	char *config = arena_memdup(&s.arena, before.data, before.n);
	after = (struct bytes){ config, before.n };
	vfio_config_compare(&s.arena, before, after, &changes, &n);
	assert_int_equal(n, 0);
	put16(config, PCI_STATUS, 0x2010);             /* a master abort was seen */
	put16(config, PCI_BASE_ADDRESS_0 + 2, 0xe000); /* the BAR went away */
	put16(config, 0x40 + PCI_EXP_DEVCTL, 0x0010);  /* error reporting is off */
	put16(config, 0x40 + PCI_EXP_DEVSTA, 0x0004);  /* a fatal error was seen */
	put16(config, 0x40 + PCI_EXP_LNKSTA, 0x1011);  /* the link trained */
	put16(config, 0x40 + PCI_EXP_SLTCAP, 0x0001);  /* no register that is restored */
	vfio_config_compare(&s.arena, before, after, &changes, &n);
	assert_int_equal(n, 5);
	assert_string_equal(changes[0].name, "command and status");
	assert_int_equal(changes[0].kind, VFIO_CHANGE_STATUS);
	assert_int_equal(changes[0].after, 0x20100000);
	assert_string_equal(changes[1].name, "BAR 0");
	assert_int_equal(changes[1].kind, VFIO_CHANGE_LOST);
	assert_string_equal(changes[2].name, "PCI Express");
	assert_int_equal(changes[2].offset, 0x40 + PCI_EXP_DEVCTL);
	assert_int_equal(changes[2].kind, VFIO_CHANGE_LOST);
	assert_int_equal(changes[3].kind, VFIO_CHANGE_STATUS);
	assert_int_equal(changes[4].kind, VFIO_CHANGE_DEFAULT);
	/* a copy that is shorter: what both have */
	after.n = PCI_COMMAND + 4;
	vfio_config_compare(&s.arena, before, after, &changes, &n);
	assert_int_equal(n, 1);
	session_end(&s);
}

/* Function 0 with VFIO, with and without device nodes, and without an IOMMU. */
static void offers(void **state)
{
	static const struct fake_function functions[] = {
		{ "0000:01:00.0", 0x10de, 0x1c82, 0x030000, 7, NULL, NULL, "vfio-pci" },
		{ "0000:02:00.0", 0x10de, 0x1c82, 0x030000, FAKE_NO_GROUP, NULL, NULL, NULL },
	};
	struct fake_kernel *k = fake_kernel_new(functions, ARRAY_SIZE(functions));
	struct vfio_offer offer;
	struct host host;
	struct err e;

	(void)state;
	host_init(&host, fake_process(k));
	assert_int_equal(host_read_pci(&host, &e), 0);
	const struct pci_function *f = &host.functions[0];
	vfio_offer_read(&host, f, &offer);
	assert_int_equal(offer.way[VFIO_GROUP].error, -ENOENT);
	assert_int_equal(offer.way[VFIO_IOMMUFD].error, -ENOENT);
	fake_link(&k->tree, "sys/class/vfio/7", "../../devices/virtual/vfio/7");
	fake_file(&k->tree, arena_concat(&host.arena, f->path, "/vfio-dev/vfio3/uevent"), "");
	vfio_offer_read(&host, f, &offer);
	assert_string_equal(offer.function, "0000:01:00.0");
	assert_int_equal(offer.way[VFIO_GROUP].error, 0);
	assert_string_equal(offer.way[VFIO_GROUP].node, "dev/vfio/7");
	assert_int_equal(offer.way[VFIO_IOMMUFD].error, -ENOENT); /* it has no number: 6.1 to 6.5 */
	fake_file(&k->tree, arena_concat(&host.arena, f->path, "/vfio-dev/vfio3/dev"), "511:3\n");
	vfio_offer_read(&host, f, &offer);
	assert_string_equal(offer.way[VFIO_IOMMUFD].node, "dev/vfio/devices/vfio3");
	fake_remove(&k->tree, "sys/class/vfio/7");
	fake_link(&k->tree, "sys/class/vfio/noiommu-7", "../../devices/virtual/vfio/noiommu-7");
	vfio_offer_read(&host, f, &offer);
	assert_int_equal(offer.way[VFIO_GROUP].error, -EPERM);
	assert_string_equal(offer.way[VFIO_GROUP].node, "dev/vfio/noiommu-7");
	assert_int_equal(offer.way[VFIO_IOMMUFD].error, -EPERM);
	vfio_offer_read(&host, &host.functions[1], &offer);
	assert_int_equal(offer.group.error, -ENOENT);
	assert_int_equal(offer.way[VFIO_GROUP].error, -ENOENT);
	host_done(&host);
	fake_kernel_free(k);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reset_of_a_function),
		cmocka_unit_test(hot_reset_with_groups),
		cmocka_unit_test(hot_reset_with_iommufd),
		cmocka_unit_test(dma),
		cmocka_unit_test(memory_runs_out),
		cmocka_unit_test(unmapped_another_size),
		cmocka_unit_test(iova_places),
		cmocka_unit_test(changes_of_a_reset),
		cmocka_unit_test(offers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
