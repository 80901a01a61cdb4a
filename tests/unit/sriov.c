// SPDX-License-Identifier: MIT
// Virtual functions: what is shown, what is done, and what is refused before anything is done.

#include "tests/unit/sriov_machine.h"

#define GUEST_GROUP "/dev/vfio/11"

/* ---- shown ---- */

static void test_shows(void **state)
{
	struct vfs_machine m;

	(void)state;
	vfs_start(&m, FAKE_CARD);
	assert_int_equal(vfs_read(&m, FAKE_PF), 0);
	assert_int_equal(m.s.total.value, 4);
	assert_int_equal(m.s.now.value, 0);
	assert_int_equal(m.s.offset.value, 128);
	assert_int_equal(m.s.autoprobe.value, 1);
	assert_string_equal(m.s.vf_device.value, "154c");
	assert_string_equal(m.s.interface, "eth0");
	assert_int_equal(m.s.n, 0);
	assert_int_equal(vfs_count(&m, 2), 0);
	assert_int_equal(vfs_read(&m, FAKE_PF), 0);
	assert_int_equal(m.s.n, 2);
	assert_string_equal(m.s.vf[1].name, fake_vf(1));
	assert_int_equal(m.s.vf[1].index, 1);
	assert_int_equal(m.s.vf[1].function->iommu_group.value, 11);
	assert_non_null(m.s.vf[1].link);
	vfs_stop(&m);
}

static void test_cannot_have_any(void **state)
{
	struct vfs_machine m;

	(void)state;
	vfs_start(&m, FAKE_CARD);
	assert_int_equal(vfs_read(&m, FAKE_PF_PORT), -EPERM);
	assert_e_says(&m, ERR_REFUSED, "no SR-IOV");
	assert_int_equal(vfs_count(&m, 1), 0);
	assert_int_equal(vfs_read(&m, fake_vf(0)), -EPERM);
	assert_e_says(&m, ERR_REFUSED, FAKE_PF);
	vfs_stop(&m);
}

/* ---- made, changed, removed ---- */

static void test_for_the_host(void **state)
{
	struct vfs_machine m;

	(void)state;
	vfs_start(&m, FAKE_CARD);
	assert_int_equal(vfs_count(&m, 4), 0);
	assert_string_equal(vfs_drivers(&m), "iavf iavf iavf iavf");
	assert_int_equal(m.s.n, 4);
	assert_int_equal(m.f->taken_early, 0);
	assert_true(m.f->autoprobe);
	assert_no_record(&m);
	/* the kernel wants 0 in between */
	assert_int_equal(vfs_count(&m, 2), 0);
	assert_string_equal(vfs_drivers(&m), "iavf iavf");
	assert_int_equal(vfs_count(&m, 0), 0);
	assert_vfs_as_before(&m);
	vfs_stop(&m);
}

static void test_no_driver_by_choice(void **state)
{
	struct vfs_machine m;

	(void)state;
	vfs_start(&m, FAKE_CARD);
	m.f->autoprobe = false;
	assert_int_equal(vfs_read(&m, FAKE_PF), 0);
	assert_int_equal(fake_sriov_store(m.f, "sriov_drivers_autoprobe", "0"), 0);
	assert_int_equal(vfs_count(&m, 2), 0);
	assert_string_equal(vfs_drivers(&m), "none none");
	assert_false(m.f->autoprobe);
	vfs_stop(&m);
}

static void test_for_guests(void **state)
{
	const struct sriov_request request = with_settings(2, true);
	struct vfs_machine m;

	(void)state;
	vfs_start(&m, FAKE_CARD);
	assert_int_equal(vfs_change(&m, &request), 0);
	assert_string_equal(vfs_drivers(&m), "vfio-pci vfio-pci");
	assert_int_equal(m.f->taken_early, 0);
	assert_int_equal(m.f->set_late, 0);
	assert_true(m.f->autoprobe);
	assert_memory_equal(m.f->links[1].setting[VF_MAC].mac, settings[1].mac, 6);
	assert_int_equal(m.f->links[1].setting[VF_VLAN].vlan.id, 100);
	assert_true(m.f->links[0].setting[VF_TRUST].on);
	/* once more: there is nothing to do */
	assert_int_equal(vfs_change(&m, &request), 0);
	assert_int_equal(m.steps.n, 0);
	/* what was handed over goes with its records */
	assert_int_equal(vfs_count(&m, 0), 0);
	assert_vfs_as_before(&m);
	vfs_stop(&m);
}

/* The driver of VFIO that is made for them, as bind takes it. */
static void test_for_guests_by_variant(void **state)
{
	struct vfs_machine m;

	(void)state;
	vfs_start(&m, FAKE_CARD);
	fake_driver(m.f->k, "iavf_vfio_pci", 0);
	fake_file(&m.f->k->tree, "proc/sys/kernel/osrelease", "6.1.0\n");
	fake_file(&m.f->k->tree, "lib/modules/6.1.0/modules.alias",
		  "alias vfio_pci:v*d*sv*sd*bc*sc*i* vfio_pci\n"
		  "alias vfio_pci:v00008086d0000154Csv*sd*bc*sc*i* iavf_vfio_pci\n");
	assert_int_equal(vfs_change(&m, &(struct sriov_request){ .count = 2, .guests = true }), 0);
	assert_string_equal(vfs_drivers(&m), "iavf_vfio_pci iavf_vfio_pci");
	vfs_stop(&m);
}

static void test_plan_changes_nothing(void **state)
{
	const struct sriov_request request = with_settings(2, true);
	struct vfs_machine m;

	(void)state;
	vfs_start(&m, FAKE_CARD);
	assert_int_equal(vfs_read(&m, FAKE_PF), 0);
	assert_int_equal(sriov_plan(&m.s, &request, &m.steps, &m.e), 0);
	assert_int_equal(m.f->k->changes, 0);
	assert_vfs_as_before(&m);
	assert_int_equal(m.steps.n, 8);
	assert_string_equal(m.steps.step[1], "create 2 virtual functions");
	assert_string_equal(m.steps.step[4], "virtual function 1: VLAN 100:3");
	vfs_stop(&m);
}

/* Functions that stay get settings, and guests, one by one. */
static void test_in_place(void **state)
{
	const struct sriov_request request = with_settings(2, true);
	struct vfs_machine m;

	(void)state;
	vfs_start(&m, FAKE_CARD);
	assert_int_equal(vfs_count(&m, 2), 0);
	assert_int_equal(vfs_change(&m, &request), 0);
	assert_string_equal(vfs_drivers(&m), "vfio-pci vfio-pci");
	assert_int_equal(m.f->links[1].setting[VF_VLAN].vlan.id, 100);
	/* they go without the driver that had them beginning to work with them once more */
	assert_int_equal(vfs_count(&m, 0), 0);
	assert_int_equal(m.f->driven, 0);
	assert_vfs_as_before(&m);
	vfs_stop(&m);
}

/* ---- refused ---- */

static void test_in_use_by_a_guest(void **state)
{
	const struct sriov_request request = with_settings(2, true);
	const struct sriov_request address = { .count = 2, .setting = settings, .n_settings = 2 };
	struct vf_setting other = settings[1];
	struct vfs_machine m;

	(void)state;
	vfs_start(&m, FAKE_CARD);
	assert_int_equal(vfs_change(&m, &request), 0);
	fake_open(m.f->k, "77", "qemu-system-x86", GUEST_GROUP);
	for (unsigned count = 0; count <= 4; count += 4) {
		assert_int_equal(vfs_count(&m, count), -EPERM);
		assert_e_says(&m, ERR_REFUSED, "virtual function 1 (0000:01:10.1) is in use");
		assert_e_says(&m, ERR_REFUSED, "qemu-system-x86 (pid 77)");
		assert_string_equal(vfs_drivers(&m), "vfio-pci vfio-pci");
	}
	/* an address under a guest */
	other.mac[5] = 9;
	assert_int_equal(vfs_change(&m, &(struct sriov_request){ .count = 2,
								 .setting = &other,
								 .n_settings = 1 }),
			 -EPERM);
	assert_e_says(&m, ERR_REFUSED, "would not see another MAC address");
	assert_int_equal(vfs_change(&m, &address), -EPERM);
	/* its VLAN is not the guest's business */
	struct vf_setting vlan = { 1, VF_VLAN, .vlan = { 200, 0, 0x8100 } };
	assert_int_equal(vfs_change(&m, &(struct sriov_request){ .count = 2,
								 .setting = &vlan,
								 .n_settings = 1 }),
			 0);
	assert_int_equal(m.f->links[1].setting[VF_VLAN].vlan.id, 200);
	vfs_stop(&m);
}

static void test_in_use_by_the_host(void **state)
{
	struct fake_tree *tree;
	struct vfs_machine m;
	char path[FAKE_PATH_MAX], target[FAKE_PATH_MAX + 16];

	(void)state;
	vfs_start(&m, FAKE_CARD);
	assert_int_equal(vfs_count(&m, 2), 0);
	tree = &m.f->k->tree;
	snprintf(path, sizeof(path), "%s/net/eth5", fake_directory_of(m.f->k, fake_vf(0)));
	fake_directory(tree, path);
	snprintf(target, sizeof(target), "../../../%s", path + strlen("sys/"));
	fake_link(tree, "sys/class/net/eth5", target + strlen("../"));
	fake_file(tree, "proc/net/route",
		  "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\n"
		  "eth5\t00000000\t0101A8C0\t0003\t0\t0\t100\t00000000\t0\t0\t0\n");
	assert_int_equal(vfs_count(&m, 0), -EPERM);
	assert_e_says(&m, ERR_REFUSED, "virtual function 0 (0000:01:10.0) is in use: eth5");
	assert_int_equal(m.f->n, 2);
	vfs_stop(&m);
}

static void test_wrong_requests(void **state)
{
	const struct sriov_request too_many = { .count = 5 };
	const struct sriov_request queues = { .count = 1, .queues = 2 };
	const struct sriov_request beyond = with_settings(1, false);
	const struct sriov_request set = with_settings(2, false);
	struct vfs_machine m;

	(void)state;
	vfs_start(&m, FAKE_CARD);
	assert_int_equal(vfs_change(&m, &too_many), -EINVAL);
	assert_e_says(&m, ERR_USAGE, "4 virtual functions at most, not 5");
	assert_int_equal(vfs_change(&m, &queues), -EINVAL);
	assert_e_says(&m, ERR_USAGE, "--queues");
	assert_int_equal(vfs_change(&m, &beyond), -EINVAL);
	assert_e_says(&m, ERR_USAGE, "no virtual function 1 of 1");
	assert_vfs_as_before(&m);
	vfs_stop(&m);
	vfs_start(&m, FAKE_DRIVE);
	assert_int_equal(vfs_change(&m, &set), -EINVAL);
	assert_e_says(&m, ERR_USAGE, "no network interface");
	assert_vfs_as_before(&m);
	vfs_stop(&m);
}

static void test_driver_cannot(void **state)
{
	static const char unbind[] = "sys/bus/pci/drivers/i40e/unbind";
	struct vfs_machine m;

	(void)state;
	vfs_start(&m, FAKE_CARD);
	m.f->cannot = true;
	assert_int_equal(vfs_count(&m, 2), -EPERM);
	assert_e_says(&m, ERR_REFUSED, "the driver i40e of " FAKE_PF " cannot make");
	assert_vfs_as_before(&m);
	m.f->cannot = false;
	assert_int_equal(fake_store(m.f->k, unbind, FAKE_PF, strlen(FAKE_PF)), 0);
	assert_int_equal(vfs_count(&m, 2), -EPERM);
	assert_e_says(&m, ERR_REFUSED, "has no driver");
	vfs_stop(&m);
}

static void test_with_vfio(void **state)
{
	const char *device = FAKE_PF;
	struct handover handover;
	struct vfs_machine m;

	(void)state;
	vfs_start(&m, FAKE_CARD);
	assert_int_equal(vfs_read(&m, FAKE_PF), 0);
	assert_int_equal(handover_select(&m.host, &device, 1, &handover, &m.e), 0);
	assert_int_equal(handover_bind(&m.host, &handover, &m.e), 0);
	fake_file(&m.f->k->tree, "sys/module/vfio_pci/parameters/enable_sriov", "N\n");
	assert_int_equal(vfs_count(&m, 2), -EPERM);
	assert_e_says(&m, ERR_REFUSED, "enable_sriov=1");
	assert_int_equal(m.f->n, 0);
	vfs_stop(&m);
}

static void test_no_iommu(void **state)
{
	const struct sriov_request request = { .count = 2, .guests = true };
	struct vfs_machine m;
	char path[FAKE_PATH_MAX];

	(void)state;
	vfs_start(&m, FAKE_CARD);
	snprintf(path, sizeof(path), "%s/iommu_group", fake_directory_of(m.f->k, FAKE_PF));
	fake_remove(&m.f->k->tree, path);
	assert_int_equal(vfs_change(&m, &request), -EPERM);
	assert_e_says(&m, ERR_REFUSED, "no IOMMU group");
	assert_int_equal(m.f->n, 0);
	vfs_stop(&m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_shows),
		cmocka_unit_test(test_cannot_have_any),
		cmocka_unit_test(test_for_the_host),
		cmocka_unit_test(test_no_driver_by_choice),
		cmocka_unit_test(test_for_guests),
		cmocka_unit_test(test_for_guests_by_variant),
		cmocka_unit_test(test_plan_changes_nothing),
		cmocka_unit_test(test_in_place),
		cmocka_unit_test(test_in_use_by_a_guest),
		cmocka_unit_test(test_in_use_by_the_host),
		cmocka_unit_test(test_wrong_requests),
		cmocka_unit_test(test_driver_cannot),
		cmocka_unit_test(test_with_vfio),
		cmocka_unit_test(test_no_iommu),
	};

	return cmocka_run_group_tests_name("sriov", tests, NULL, NULL);
}
