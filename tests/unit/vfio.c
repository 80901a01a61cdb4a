// SPDX-License-Identifier: MIT
// Sessions from opening to closing on the fake VFIO: every call that can fail fails once, in both
// back ends, and what was opened and mapped until then is closed again; what the kernel's refusals
// are told as.

#include "tests/unit/vfio_session.h"

/* Everything a VMM and `probe` do with a card, in their order, up to the first error. */
static int use_all(struct session *s, enum vfio_backend backend)
{
	struct vfio_offer offers[3];
	struct vfio_device *d[3] = { NULL };
	struct vfio_iommu iommu;
	struct vfio_facts facts;
	struct vfio_hardware hardware;
	struct vfio_feature *features;
	struct vfio_memory *memory = NULL;
	struct vfio_bar bar;
	struct bytes bytes;
	uint64_t ns, signals;
	size_t n;
	int error = vfio_open(s->v, backend, &s->e);

	for (size_t i = 0; error == 0 && i < 3; i++) {
		offers[i] = fake_vfio_offer(&s->fake, i);
		error = vfio_attach(s->v, &offers[i], &d[i], &s->e);
	}
	if (error == 0)
		error = vfio_read_iommu(s->v, &iommu, &s->e);
	if (error == 0)
		error = vfio_read_device(d[0], &facts, &s->e);
	if (error < 0)
		return error;
	vfio_read_hardware(d[0], &hardware);
	vfio_read_features(d[0], &features, &n);
	error = vfio_command_set(d[0], PCI_COMMAND_MEMORY, 0, &s->e);
	if (error < 0)
		return error;
	vfio_read_bar(d[0], &facts.regions[0], &bar);
	error = vfio_read_config(d[0], &bytes, &s->e);
	if (error == 0)
		error = vfio_read_rom(d[0], 4096, &bytes, &s->e);
	if (error == 0)
		error = vfio_try_irq(d[0], VFIO_IRQ_MSI, &signals, &s->e);
	if (error == 0)
		error = vfio_reset(d[0], &ns, &s->e);
	if (error == 0)
		error = vfio_hot_reset(d[0], &ns, &s->e);
	if (error == 0)
		error = vfio_memory_get(s->v, 1 << 20, 0, &memory, &s->e);
	if (error == 0)
		error = vfio_dma_map(s->v, memory, 0x100000, &ns, &s->e);
	if (error == 0)
		error = vfio_dma_unmap(s->v, memory, &ns, &s->e);
	if (error == 0)
		error = vfio_dma_map(s->v, memory, 0x200000, &ns, &s->e);
	return error;
}

struct expected {
	enum fake_vfio_kind kind;
	unsigned long request;
	enum vfio_step step, other; /* other: the same call in another place */
	bool fact;                  /* its failure is a fact beside others, and no reason to stop */
};

static const struct expected expected[] = {
	{ FAKE_VFIO_CONTAINER, 0, VFIO_STEP_OPEN_CONTAINER },
	{ FAKE_VFIO_CONTAINER, VFIO_GET_API_VERSION, VFIO_STEP_API_VERSION },
	{ FAKE_VFIO_CONTAINER, VFIO_CHECK_EXTENSION, VFIO_STEP_EXTENSION, 0, true },
	{ FAKE_VFIO_GROUP, 0, VFIO_STEP_OPEN_GROUP },
	{ FAKE_VFIO_GROUP, VFIO_GROUP_GET_STATUS, VFIO_STEP_GROUP_STATUS },
	{ FAKE_VFIO_GROUP, VFIO_GROUP_SET_CONTAINER, VFIO_STEP_SET_CONTAINER },
	{ FAKE_VFIO_CONTAINER, VFIO_SET_IOMMU, VFIO_STEP_SET_IOMMU },
	{ FAKE_VFIO_GROUP, VFIO_GROUP_GET_DEVICE_FD, VFIO_STEP_DEVICE_FD },
	{ FAKE_VFIO_CONTAINER, VFIO_IOMMU_GET_INFO, VFIO_STEP_IOMMU_INFO },
	{ FAKE_VFIO_CONTAINER, VFIO_IOMMU_MAP_DMA, VFIO_STEP_MAP_DMA },
	{ FAKE_VFIO_CONTAINER, VFIO_IOMMU_UNMAP_DMA, VFIO_STEP_UNMAP_DMA },
	{ FAKE_VFIO_IOMMUFD, 0, VFIO_STEP_OPEN_IOMMUFD },
	{ FAKE_VFIO_IOMMUFD, IOMMU_IOAS_ALLOC, VFIO_STEP_IOAS_ALLOC },
	{ FAKE_VFIO_IOMMUFD, IOMMU_IOAS_IOVA_RANGES, VFIO_STEP_IOVA_RANGES },
	{ FAKE_VFIO_IOMMUFD, IOMMU_GET_HW_INFO, VFIO_STEP_HW_INFO, 0, true },
	{ FAKE_VFIO_IOMMUFD, IOMMU_IOAS_MAP, VFIO_STEP_MAP_DMA },
	{ FAKE_VFIO_IOMMUFD, IOMMU_IOAS_UNMAP, VFIO_STEP_UNMAP_DMA },
	{ FAKE_VFIO_DEVICE, 0, VFIO_STEP_OPEN_DEVICE },
	{ FAKE_VFIO_DEVICE, VFIO_DEVICE_BIND_IOMMUFD, VFIO_STEP_BIND_IOMMUFD },
	{ FAKE_VFIO_DEVICE, VFIO_DEVICE_ATTACH_IOMMUFD_PT, VFIO_STEP_ATTACH_IOAS },
	{ FAKE_VFIO_DEVICE, VFIO_DEVICE_GET_INFO, VFIO_STEP_DEVICE_INFO },
	{ FAKE_VFIO_DEVICE, VFIO_DEVICE_GET_REGION_INFO, VFIO_STEP_REGION_INFO, 0, true },
	{ FAKE_VFIO_DEVICE, VFIO_DEVICE_GET_IRQ_INFO, VFIO_STEP_IRQ_INFO, 0, true },
	{ FAKE_VFIO_DEVICE, VFIO_DEVICE_FEATURE, VFIO_STEP_FEATURE, 0, true },
	{ FAKE_VFIO_DEVICE, 1, 0, 0, true },                     /* mmap of a BAR */
	{ FAKE_VFIO_DEVICE, 3, VFIO_STEP_REGION_READ, 0, true }, /* pread */
	{ FAKE_VFIO_DEVICE, 4, VFIO_STEP_REGION_WRITE, VFIO_STEP_RESTORE },
	{ FAKE_VFIO_EVENTFD, 0, VFIO_STEP_EVENTFD },
	{ FAKE_VFIO_EVENTFD, 1, VFIO_STEP_SET_IRQS },
	{ FAKE_VFIO_DEVICE, VFIO_DEVICE_SET_IRQS, VFIO_STEP_SET_IRQS },
	{ FAKE_VFIO_DEVICE, VFIO_DEVICE_RESET, VFIO_STEP_RESET_DEVICE },
	{ FAKE_VFIO_DEVICE, VFIO_DEVICE_GET_PCI_HOT_RESET_INFO, VFIO_STEP_HOT_RESET_INFO },
	{ FAKE_VFIO_DEVICE, VFIO_DEVICE_PCI_HOT_RESET, VFIO_STEP_HOT_RESET },
	{ FAKE_VFIO_CLOSED, 1, VFIO_STEP_MEMORY },
	{ FAKE_VFIO_CLOSED, 2, VFIO_STEP_MEMORY, 0, true }, /* munmap: of memory, or of a BAR */
	{ FAKE_VFIO_CLOSED, 0, VFIO_STEP_CLOSE, 0, true },  /* of an eventfd it does not matter */
};

static const struct expected *expected_of(const struct fake_vfio *f)
{
	for (size_t i = 0; i < ARRAY_SIZE(expected); i++) {
		if (expected[i].kind == f->failed_kind && expected[i].request == f->failed_request)
			return &expected[i];
	}
	fail_msg("a call that the table does not know: %d, 0x%lx", (int)f->failed_kind,
		 f->failed_request);
	return NULL;
}

/* True when there was no such call any more. */
static bool fail_call(enum vfio_backend backend, unsigned at, bool *stopped)
{
	struct session s;

	session_begin(&s);
	s.fake.fail_at = at;
	s.fake.fail_with = -EUCLEAN;
	int error = use_all(&s, backend);
	int closed = vfio_close(s.v, error < 0 ? NULL : &s.e);
	if (error == 0)
		error = closed;
	assert_int_equal(fake_vfio_left(&s.fake), 0);
	assert_int_equal(s.fake.n_mappings, 0);
	assert_int_equal(s.fake.n_maps, 0);
	assert_int_equal(s.fake.wrong_order, 0);
	bool end = s.fake.failed_call == 0;
	if (end) {
		assert_int_equal(error, 0);
		assert_int_equal(s.fake.devices[0].config[PCI_COMMAND], 0);
	} else {
		const struct expected *x = expected_of(&s.fake);
		enum vfio_step step = vfio_failed(s.v)->step;

		if (error == 0 && !x->fact)
			fail_msg("%s failed, and nobody said so", vfio_step_name(x->step));
		if (error < 0) {
			stopped[x - expected] = true;
			assert_int_equal(error, -EUCLEAN);
			assert_int_equal(vfio_failed(s.v)->error, -EUCLEAN);
			assert_true(step == x->step || (x->other && step == x->other));
			assert_non_null(strstr(s.e.text, vfio_step_name(step)));
			assert_int_equal(s.e.kind, ERR_FAILED);
		}
	}
	fake_vfio_close(&s.fake);
	arena_free(&s.arena);
	return end;
}

static void every_call_fails_once(void **state)
{
	bool stopped[ARRAY_SIZE(expected)] = { false };

	(void)state;
	for (enum vfio_backend backend = 0; backend < VFIO_BACKENDS; backend++) {
		for (unsigned n = 1; !fail_call(backend, n, stopped);)
			n++;
	}
	for (size_t i = 0; i < ARRAY_SIZE(expected); i++) {
		if (!stopped[i] && !expected[i].fact)
			fail_msg("%s never failed", vfio_step_name(expected[i].step));
	}
}

/* vfio_attach() of device 0 fails so, and the next one, of another group, does not. */
static void assert_refused(struct session *s, enum vfio_backend backend, enum vfio_step step,
			   int error, enum err_kind kind, const char *words)
{
	struct vfio_offer offer = fake_vfio_offer(&s->fake, 0);
	struct vfio_offer other = fake_vfio_offer(&s->fake, 2);

	if (vfio_open(s->v, backend, &s->e) == 0) {
		assert_int_equal(vfio_attach(s->v, &offer, &s->device, &s->e), error);
		assert_failed(s, step, error, words);
		assert_int_equal(s->e.kind, kind);
		if (!s->fake.no_remapping)
			assert_int_equal(vfio_attach(s->v, &other, &s->device, &s->e), 0);
	} else {
		assert_failed(s, step, error, words);
		assert_int_equal(s->e.kind, kind);
	}
	session_end(s);
}

static void group_not_viable(void **state)
{
	struct session s;

	(void)state;
	session_begin(&s);
	s.fake.devices[1].host_driver = true;
	assert_refused(&s, VFIO_GROUP, VFIO_STEP_GROUP_STATUS, -EINVAL, ERR_REFUSED,
		       "0000:01:00.0: VFIO_GROUP_GET_STATUS (EINVAL): the group is not viable");
}

static void interrupts_not_remapped(void **state)
{
	struct session s;

	(void)state;
	session_begin(&s);
	s.fake.no_remapping = true;
	assert_refused(&s, VFIO_GROUP, VFIO_STEP_SET_IOMMU, -EPERM, ERR_REFUSED,
		       "VFIO_SET_IOMMU (EPERM): the platform does not remap interrupts");
	session_begin(&s);
	s.fake.no_remapping = true;
	assert_refused(&s, VFIO_IOMMUFD, VFIO_STEP_BIND_IOMMUFD, -EPERM, ERR_REFUSED,
		       "the platform does not remap interrupts");
}

/* Another program: a second session on the same kernel. */
static void another_has_it(void **state)
{
	struct session s;
	struct vfio *other;
	struct vfio_offer offer;
	struct vfio_device *d;

	(void)state;
	session_begin(&s);
	session_attach(&s, VFIO_GROUP, 0);
	offer = fake_vfio_offer(&s.fake, 1);
	other = vfio_new(&s.fake.kernel, &s.arena);
	assert_int_equal(vfio_open(other, VFIO_GROUP, &s.e), 0);
	assert_int_equal(vfio_attach(other, &offer, &d, &s.e), -EBUSY);
	assert_int_equal(vfio_failed(other)->step, VFIO_STEP_OPEN_GROUP);
	assert_string_equal(vfio_failed(other)->what, "dev/vfio/7");
	assert_int_equal(s.e.kind, ERR_REFUSED);
	assert_int_equal(vfio_close(other, &s.e), 0);
	session_end(&s);
	session_begin(&s);
	session_attach(&s, VFIO_IOMMUFD, 0);
	offer = fake_vfio_offer(&s.fake, 0);
	other = vfio_new(&s.fake.kernel, &s.arena);
	assert_int_equal(vfio_open(other, VFIO_IOMMUFD, &s.e), 0);
	assert_int_equal(vfio_attach(other, &offer, &d, &s.e), -EINVAL);
	assert_int_equal(vfio_failed(other)->step, VFIO_STEP_BIND_IOMMUFD);
	assert_non_null(strstr(s.e.text, "another program has it"));
	assert_int_equal(vfio_close(other, &s.e), 0);
	session_end(&s);
}

static void not_with_vfio(void **state)
{
	struct session s;

	(void)state;
	session_begin(&s);
	s.fake.devices[0].host_driver = s.fake.devices[1].host_driver = true;
	assert_refused(&s, VFIO_GROUP, VFIO_STEP_OPEN_GROUP, -ENOENT, ERR_REFUSED, "bind it");
	session_begin(&s);
	s.fake.devices[0].host_driver = true;
	assert_refused(&s, VFIO_IOMMUFD, VFIO_STEP_OPEN_DEVICE, -ENOENT, ERR_REFUSED,
		       "not with a VFIO driver");
}

static void kernel_lacks_it(void **state)
{
	struct session s;

	(void)state;
	session_begin(&s);
	s.fake.no_container = true;
	assert_refused(&s, VFIO_GROUP, VFIO_STEP_OPEN_CONTAINER, -ENOENT, ERR_REFUSED,
		       "dev/vfio/vfio");
	session_begin(&s);
	s.fake.no_iommufd = true;
	assert_refused(&s, VFIO_IOMMUFD, VFIO_STEP_OPEN_IOMMUFD, -ENOENT, ERR_REFUSED,
		       "the module iommufd");
	session_begin(&s);
	s.fake.version = 1;
	assert_refused(&s, VFIO_GROUP, VFIO_STEP_API_VERSION, -EPROTO, ERR_REFUSED,
		       "another version");
	session_begin(&s);
	s.fake.no_type1v2 = true;
	assert_refused(&s, VFIO_GROUP, VFIO_STEP_EXTENSION, -ENOTSUP, ERR_REFUSED,
		       "vfio_iommu_type1");
}

/* The offer says that the group has no IOMMU: refused before anything is opened. */
static void no_iommu_is_refused(void **state)
{
	struct session s;
	struct vfio_offer offer;

	(void)state;
	session_begin(&s);
	offer = fake_vfio_offer(&s.fake, 0);
	offer.way[VFIO_GROUP].error = -EPERM;
	assert_int_equal(vfio_open(s.v, VFIO_GROUP, &s.e), 0);
	unsigned calls = s.fake.calls;
	assert_int_equal(vfio_attach(s.v, &offer, &s.device, &s.e), -EPERM);
	assert_int_equal(s.fake.calls, calls);
	assert_failed(&s, VFIO_STEP_OPEN_GROUP, -EPERM, "has no IOMMU");
	assert_int_equal(s.e.kind, ERR_REFUSED);
	session_end(&s);
}

/* A failed attach leaves nothing behind: the same group can be attached by another session. */
static void failed_attach_is_undone(void **state)
{
	struct session s;
	struct vfio_offer offer;

	(void)state;
	session_begin(&s);
	offer = fake_vfio_offer(&s.fake, 0);
	assert_int_equal(vfio_open(s.v, VFIO_GROUP, &s.e), 0);
	s.fake.fail_kind = FAKE_VFIO_GROUP;
	s.fake.fail_request = VFIO_GROUP_GET_DEVICE_FD;
	s.fake.fail_with = -ENODEV;
	assert_int_equal(vfio_attach(s.v, &offer, &s.device, &s.e), -ENODEV);
	assert_int_equal(fake_vfio_left(&s.fake), 1);
	/* the container has lost its IOMMU with the group: it must be set again */
	assert_int_equal(vfio_attach(s.v, &offer, &s.device, &s.e), 0);
	session_end(&s);
}

static void wrong_use(void **state)
{
	struct session s;
	struct vfio_iommu iommu;
	struct vfio_offer offer;

	(void)state;
	session_begin(&s);
	offer = fake_vfio_offer(&s.fake, 0);
	assert_int_equal(vfio_attach(s.v, &offer, &s.device, &s.e), -EBADF);
	assert_int_equal(vfio_read_iommu(s.v, &iommu, &s.e), -EBADF);
	assert_int_equal(vfio_open(s.v, VFIO_GROUP, &s.e), 0);
	assert_int_equal(vfio_open(s.v, VFIO_GROUP, &s.e), -EALREADY);
	assert_int_equal(vfio_failed(s.v)->step, VFIO_STEP_NONE);
	session_end(&s);
}

/* Against the kernel's include/uapi/linux/vfio.h and iommufd.h: _IO(';', n) is 0x3b00 + n. */
static void uapi_numbers(void **state)
{
	(void)state;
	assert_int_equal(VFIO_DEVICE_BIND_IOMMUFD, 0x3b76);
	assert_int_equal(VFIO_DEVICE_ATTACH_IOMMUFD_PT, 0x3b77);
	assert_int_equal(IOMMU_IOAS_ALLOC, 0x3b81);
	assert_int_equal(IOMMU_IOAS_IOVA_RANGES, 0x3b84);
	assert_int_equal(IOMMU_IOAS_MAP, 0x3b85);
	assert_int_equal(IOMMU_IOAS_UNMAP, 0x3b86);
	assert_int_equal(IOMMU_GET_HW_INFO, 0x3b8a);
	assert_int_equal(sizeof(struct iommu_ioas_alloc), 12);
	assert_int_equal(sizeof(struct iommu_iova_range), 16);
	assert_int_equal(sizeof(struct iommu_ioas_iova_ranges), 32);
	assert_int_equal(offsetof(struct iommu_ioas_iova_ranges, allowed_iovas), 16);
	assert_int_equal(sizeof(struct iommu_ioas_map), 40);
	assert_int_equal(offsetof(struct iommu_ioas_map, user_va), 16);
	assert_int_equal(sizeof(struct iommu_ioas_unmap), 24);
	assert_int_equal(sizeof(struct iommu_hw_info), 40);
	assert_int_equal(offsetof(struct iommu_hw_info, out_capabilities), 32);
	assert_int_equal(offsetof(struct vfio_device_bind_iommufd, out_devid), 12);
	assert_int_equal(offsetof(struct vfio_device_attach_iommufd_pt, pt_id), 8);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(uapi_numbers),
		cmocka_unit_test(every_call_fails_once),
		cmocka_unit_test(group_not_viable),
		cmocka_unit_test(interrupts_not_remapped),
		cmocka_unit_test(another_has_it),
		cmocka_unit_test(not_with_vfio),
		cmocka_unit_test(kernel_lacks_it),
		cmocka_unit_test(no_iommu_is_refused),
		cmocka_unit_test(failed_attach_is_undone),
		cmocka_unit_test(wrong_use),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
