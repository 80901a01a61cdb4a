// SPDX-License-Identifier: MIT
// Answers that no kernel should give: chains that loop or leave the answer, counts and sizes beyond
// all reason. Nothing may crash, hang or be read outside of the answer (the sanitizers look), and
// what is left out is told.

#include "tests/unit/vfio_session.h"

/* Which answer is changed, and how. */
static unsigned variant;

static void put32(void *info, size_t at, uint32_t value)
{
	memcpy((uint8_t *)info + at, &value, sizeof(value));
}

static void mangle_region(struct fake_vfio *f, enum fake_vfio_kind kind, unsigned long request,
			  void *argument)
{
	struct vfio_region_info *info = argument;

	(void)f;
	if (kind != FAKE_VFIO_DEVICE || request != VFIO_DEVICE_GET_REGION_INFO ||
	    info->index != 1 || info->cap_offset == 0)
		return;
	switch (variant) {
	case 0: /* a loop to itself */
		put32(info, info->cap_offset + 4, info->cap_offset);
		break;
	case 1: /* back into the fixed part */
		put32(info, info->cap_offset + 4, 8);
		break;
	case 2: /* behind the end */
		put32(info, info->cap_offset + 4, 0xfffffff0);
		break;
	case 3: /* the last bytes, too few for a header */
		put32(info, info->cap_offset + 4, info->argsz - 4);
		break;
	case 4: /* the first is outside */
		info->cap_offset = info->argsz;
		break;
	case 5: /* more areas than there is room for */
		put32(info, info->cap_offset + 8, 0xffffffff);
		break;
	case 6: /* an area that wraps around */
		put32(info, info->cap_offset + 16 + 12, 0xffffffff);
		break;
	case 7: /* an area beyond the region */
		put32(info, info->cap_offset + 16 + 4, 1);
		break;
	}
}

static void damaged_chains(void **state)
{
	struct session s;
	struct vfio_region region;

	(void)state;
	for (variant = 0; variant < 8; variant++) {
		session_begin(&s);
		s.fake.mangle = mangle_region;
		session_attach(&s, VFIO_GROUP, 0);
		assert_int_equal(vfio_read_region(s.device, 1, &region), 0);
		assert_true(region.damaged);
		/* a chain that breaks behind it does not take the list with it */
		assert_int_equal(region.n_areas, variant < 5);
		session_end(&s);
	}
}

static void mangle_size(struct fake_vfio *f, enum fake_vfio_kind kind, unsigned long request,
			void *argument)
{
	struct vfio_region_info *info = argument;
	static const uint64_t sizes[] = { UINT64_MAX, (uint64_t)1 << 63, INT64_MAX };

	(void)f;
	if (kind == FAKE_VFIO_DEVICE && request == VFIO_DEVICE_GET_REGION_INFO)
		info->size = sizes[variant];
	if (kind == FAKE_VFIO_DEVICE && request == VFIO_DEVICE_GET_REGION_INFO && variant == 2)
		info->offset = 1;
}

static void impossible_sizes(void **state)
{
	struct session s;
	struct vfio_region region;
	struct vfio_bar bar;
	struct bytes bytes;
	char byte;

	(void)state;
	for (variant = 0; variant < 3; variant++) {
		session_begin(&s);
		s.fake.mangle = mangle_size;
		session_attach(&s, VFIO_GROUP, 0);
		assert_int_equal(vfio_read_region(s.device, 0, &region), 0);
		assert_true(region.damaged);
		assert_int_equal(region.size_bytes, 0);
		vfio_read_bar(s.device, &region, &bar);
		assert_int_equal(bar.map_error, -ENODEV);
		assert_int_equal(bar.read_error, -ENXIO);
		assert_int_equal(vfio_read(s.device, &region, 0, &byte, 1, &s.e), -ENXIO);
		assert_int_equal(vfio_read_rom(s.device, 4096, &bytes, &s.e), -ENOENT);
		session_end(&s);
	}
}

static void mangle_counts(struct fake_vfio *f, enum fake_vfio_kind kind, unsigned long request,
			  void *argument)
{
	struct vfio_device_info *info = argument;

	(void)f;
	if (kind != FAKE_VFIO_DEVICE || request != VFIO_DEVICE_GET_INFO)
		return;
	info->num_regions = UINT32_MAX;
	info->num_irqs = UINT32_MAX;
}

static void impossible_counts(void **state)
{
	struct session s;
	struct vfio_facts facts;

	(void)state;
	session_begin(&s);
	s.fake.mangle = mangle_counts;
	session_attach(&s, VFIO_GROUP, 0);
	assert_int_equal(vfio_read_device(s.device, &facts, &s.e), 0);
	assert_true(facts.damaged);
	assert_int_equal(facts.n_regions, VFIO_REGIONS_MAX);
	assert_int_equal(facts.regions[255].error, -EINVAL);
	assert_string_equal(facts.regions[255].name, "region 255");
	session_end(&s);
}

/* Always wants a little more, or very much at once. */
static void mangle_room(struct fake_vfio *f, enum fake_vfio_kind kind, unsigned long request,
			void *argument)
{
	uint32_t *argsz = argument;

	(void)f;
	if ((kind == FAKE_VFIO_DEVICE && request == VFIO_DEVICE_GET_INFO) ||
	    (kind == FAKE_VFIO_CONTAINER && request == VFIO_IOMMU_GET_INFO))
		*argsz = variant ? UINT32_MAX : *argsz + 8;
}

static void never_enough_room(void **state)
{
	struct session s;
	struct vfio_facts facts;
	struct vfio_iommu iommu;

	(void)state;
	for (variant = 0; variant < 2; variant++) {
		session_begin(&s);
		s.fake.mangle = mangle_room;
		session_attach(&s, VFIO_GROUP, 0);
		assert_int_equal(vfio_read_device(s.device, &facts, &s.e), -EMSGSIZE);
		assert_failed(&s, VFIO_STEP_DEVICE_INFO, -EMSGSIZE, "VFIO_DEVICE_GET_INFO");
		assert_int_equal(vfio_read_iommu(s.v, &iommu, &s.e), -EMSGSIZE);
		session_end(&s);
	}
}

static void mangle_ranges(struct fake_vfio *f, enum fake_vfio_kind kind, unsigned long request,
			  void *argument)
{
	struct vfio_iommu_type1_info *info = argument;

	(void)f;
	if (kind == FAKE_VFIO_IOMMUFD && request == IOMMU_IOAS_IOVA_RANGES)
		((struct iommu_ioas_iova_ranges *)argument)->num_iovas =
			variant ? UINT32_MAX : VFIO_RANGES_MAX;
	if (kind != FAKE_VFIO_CONTAINER || request != VFIO_IOMMU_GET_INFO || !info->cap_offset)
		return;
	for (uint32_t at = info->cap_offset; at;) {
		struct vfio_info_cap_header header;

		memcpy(&header, (uint8_t *)argument + at, sizeof(header));
		if (header.id == VFIO_IOMMU_TYPE1_INFO_CAP_IOVA_RANGE)
			put32(argument, at + 8, variant ? UINT32_MAX : 3);
		at = header.next;
	}
}

static void too_many_ranges(void **state)
{
	struct session s;
	struct vfio_iommu iommu;
	uint64_t iova;

	(void)state;
	for (variant = 0; variant < 2; variant++) {
		session_begin(&s);
		s.fake.mangle = mangle_ranges;
		session_attach(&s, VFIO_GROUP, 0);
		assert_int_equal(vfio_read_iommu(s.v, &iommu, &s.e), 0);
		assert_int_equal(iommu.ranges_error, -EBADMSG);
		assert_int_equal(vfio_iova_find(&iommu, 4096, 4096, &iova), -EBADMSG);
		session_end(&s);
	}
	variant = 1;
	session_begin(&s);
	s.fake.mangle = mangle_ranges;
	session_attach(&s, VFIO_IOMMUFD, 0);
	assert_int_equal(vfio_read_iommu(s.v, &iommu, &s.e), -EMSGSIZE);
	session_end(&s);
}

static void mangle_affected(struct fake_vfio *f, enum fake_vfio_kind kind, unsigned long request,
			    void *argument)
{
	struct vfio_pci_hot_reset_info *info = argument;

	(void)f;
	if (kind == FAKE_VFIO_DEVICE && request == VFIO_DEVICE_GET_PCI_HOT_RESET_INFO)
		info->count = variant ? UINT32_MAX : (info->argsz - sizeof(*info)) / 8 + 1;
}

static void more_affected_than_fit(void **state)
{
	struct session s;
	struct vfio_hot_reset reset;

	(void)state;
	for (variant = 0; variant < 2; variant++) {
		session_begin(&s);
		s.fake.mangle = mangle_affected;
		session_attach(&s, VFIO_GROUP, 0);
		int error = vfio_read_hot_reset(s.device, &reset, &s.e);
		assert_int_equal(error, variant ? -EMSGSIZE : -EAGAIN);
		assert_false(reset.owned);
		session_end(&s);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(damaged_chains),    cmocka_unit_test(impossible_sizes),
		cmocka_unit_test(impossible_counts), cmocka_unit_test(never_enough_room),
		cmocka_unit_test(too_many_ranges),   cmocka_unit_test(more_affected_than_fit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
