// SPDX-License-Identifier: MIT
// Changes of virtual functions that go wrong. A change is run again and again with the next of its
// writes failing, or with the process killed there: all of it or nothing, and the next run puts
// right what a killed one left.

#include "tests/unit/sriov_machine.h"

/* ---- what the kernel says ---- */

static void test_errnos_in_words(void **state)
{
	static const struct {
		int error;
		const char *words;
	} table[] = {
		{ -ENOMEM, "pci=realloc" },
		{ -ENOMEM, "pci=assign-busses" },
		{ -EBUSY, "does not let its virtual functions go or come" },
		{ -EPERM, "a guest has one" },
		{ -EIO, "writing 2 to sriov_numvfs" },
	};
	struct vfs_machine m;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		vfs_start(&m, FAKE_CARD);
		/* lock, its folder, record and switch come before */
		unsigned at = 0;
		do {
			at++;
			vfs_stop(&m);
			vfs_start(&m, FAKE_CARD);
			assert_int_not_equal(
				vfs_do(&m, &(struct sriov_request){ .count = 2 },
				       (struct fake_trouble){ .fail_at = { at },
							      .fail_with = table[i].error }),
				0);
		} while (!strstr(m.e.text, table[i].words) && at < 8);
		assert_e_says(&m, ERR_FAILED, table[i].words);
		assert_e_says(&m, ERR_FAILED, "no virtual functions were left");
		assert_vfs_as_before(&m);
		vfs_stop(&m);
	}
}

static void test_fewer_than_asked(void **state)
{
	struct vfs_machine m;

	(void)state;
	vfs_start(&m, FAKE_CARD);
	m.f->makes_less = 1;
	assert_int_equal(vfs_count(&m, 4), -EIO);
	assert_e_says(&m, ERR_FAILED, "made 3 virtual functions instead of 4");
	assert_vfs_as_before(&m);
	vfs_stop(&m);
}

static void test_card_does_not_take_it(void **state)
{
	const struct sriov_request request = with_settings(2, true);
	struct vfs_machine m;

	(void)state;
	for (unsigned call = 1; call <= 30; call++) {
		vfs_start(&m, FAKE_CARD);
		assert_int_equal(vfs_read(&m, FAKE_PF), 0);
		m.f->fail_call = call;
		m.f->fail_call_with = -EOPNOTSUPP;
		int error = sriov_change(&m.s, &request, &m.steps, &m.e);
		bool reached = m.f->calls >= call;
		m.f->fail_call = 0;
		/* what cannot be asked before the settings are read back is no failure */
		if (error) {
			assert_vfs_as_before(&m);
		} else {
			assert_string_equal(vfs_drivers(&m), "vfio-pci vfio-pci");
		}
		vfs_stop(&m);
		if (!reached)
			return;
	}
	fail_msg("more than 30 calls");
}

static void test_card_ignores_it(void **state)
{
	const struct sriov_request request = with_settings(2, false);
	struct vfs_machine m;

	(void)state;
	vfs_start(&m, FAKE_CARD);
	m.f->ignores = true;
	assert_int_equal(vfs_change(&m, &request), -EIO);
	assert_e_says(&m, ERR_FAILED, "virtual function 0 has MAC address 00:00:00:00:00:00");
	assert_vfs_as_before(&m);
	vfs_stop(&m);
}

/* In place the earlier settings come back. */
static void test_set_back(void **state)
{
	const struct sriov_request first = with_settings(2, false);
	struct vf_setting other[] = {
		{ 0, VF_MAC, .mac = { 2, 0, 0, 0, 0, 7 } },
		{ 1, VF_VLAN, .vlan = { 5, 0, 0x8100 } },
	};
	const struct sriov_request second = { .count = 2, .setting = other, .n_settings = 2 };
	struct vfs_machine m;

	(void)state;
	for (unsigned call = 1; call <= 2; call++) {
		vfs_start(&m, FAKE_CARD);
		assert_int_equal(vfs_change(&m, &first), 0);
		assert_int_equal(vfs_read(&m, FAKE_PF), 0);
		m.f->fail_call = call;
		m.f->fail_call_with = -EBUSY;
		assert_int_equal(sriov_change(&m.s, &second, &m.steps, &m.e), -EBUSY);
		assert_e_says(&m, ERR_FAILED, "nothing was changed");
		assert_memory_equal(m.f->links[0].setting[VF_MAC].mac, settings[0].mac, 6);
		assert_int_equal(m.f->links[1].setting[VF_VLAN].vlan.id, 100);
		vfs_stop(&m);
	}
}

/* What a driver never takes is not set back either. */
static void test_set_back_but_for_what_failed(void **state)
{
	const struct sriov_request first = with_settings(2, false);
	struct vf_setting other[] = {
		{ 1, VF_VLAN, .vlan = { 5, 0, 0x8100 } },
		{ 0, VF_LINK, .link = VF_LINK_OFF },
	};
	const struct sriov_request second = { .count = 2, .setting = other, .n_settings = 2 };
	struct vfs_machine m;

	(void)state;
	vfs_start(&m, FAKE_CARD);
	assert_int_equal(vfs_change(&m, &first), 0);
	m.f->no_links = true;
	m.f->links[0].known |= 1u << VF_LINK;
	m.f->links[0].setting[VF_LINK] = (struct vf_setting){ 0, VF_LINK, .link = VF_LINK_AUTO };
	assert_int_equal(vfs_change(&m, &second), -EOPNOTSUPP);
	assert_e_says(&m, ERR_FAILED, "nothing was changed: link state off of virtual function 0");
	assert_int_equal(m.f->links[1].setting[VF_VLAN].vlan.id, 100);
	vfs_stop(&m);
}

/* ---- a write that fails, a process that is killed ---- */

static unsigned writes_of(unsigned before, const struct sriov_request *request)
{
	struct vfs_machine m;

	vfs_start(&m, FAKE_CARD);
	if (before)
		assert_int_equal(vfs_count(&m, before), 0);
	assert_int_equal(vfs_change(&m, request), 0);
	unsigned n = m.f->k->changes;
	vfs_stop(&m);
	return n;
}

static void test_every_write_fails(void **state)
{
	static const unsigned befores[] = { 0, 3 };
	const struct sriov_request request = with_settings(2, true);
	struct vfs_machine m;

	(void)state;
	for (size_t b = 0; b < ARRAY_SIZE(befores); b++) {
		unsigned n = writes_of(befores[b], &request);

		assert_true(n > 10);
		for (unsigned at = 1; at <= n; at++) {
			vfs_start(&m, FAKE_CARD);
			if (befores[b])
				assert_int_equal(vfs_count(&m, befores[b]), 0);
			char *drivers = strdup(vfs_drivers(&m));
			int error = vfs_do(
				&m, &request,
				(struct fake_trouble){ .fail_at = { at }, .fail_with = -EIO });
			if (error == 0) {
				/* a record or lock that cannot be removed is no failure */
				assert_string_equal(vfs_drivers(&m), "vfio-pci vfio-pci");
			} else {
				assert_int_equal(m.f->n, befores[b]);
				assert_string_equal(vfs_drivers(&m), drivers);
				assert_no_record(&m);
			}
			assert_true(m.f->autoprobe);
			free(drivers);
			assert_int_equal(vfs_count(&m, 0), 0);
			assert_vfs_as_before(&m);
			vfs_stop(&m);
		}
	}
}

/* Functions that were handed over and do not go are the host's again, whatever failed. */
static void test_they_do_not_go(void **state)
{
	struct vfs_machine m;
	unsigned stayed = 0;

	(void)state;
	for (unsigned at = 1;; at++) {
		vfs_start(&m, FAKE_CARD);
		assert_int_equal(vfs_count(&m, 2), 0);
		assert_int_equal(
			vfs_change(&m, &(struct sriov_request){ .count = 2, .guests = true }), 0);
		int error = vfs_do(&m, &(struct sriov_request){ .count = 0 },
				   (struct fake_trouble){ .fail_at = { at }, .fail_with = -EIO });
		bool reached = m.f->k->changes >= at;
		assert_true(m.f->autoprobe);
		if (error) {
			/* one that could not be taken from vfio-pci is still handed over */
			assert_null(strstr(vfs_drivers(&m), "none"));
			assert_int_equal(m.f->n, 2);
			stayed += strcmp(vfs_drivers(&m), "iavf iavf") == 0;
			assert_int_equal(vfs_count(&m, 0), 0);
			assert_vfs_as_before(&m);
		}
		assert_int_equal(m.f->n, 0);
		vfs_stop(&m);
		if (!reached)
			break;
	}
	assert_true(stayed > 0);
}

/* Another process hands one of them over: nothing was done, and nothing else is said. */
static void test_locked(void **state)
{
	struct vfs_machine m;
	int lock;

	(void)state;
	vfs_start(&m, FAKE_CARD);
	assert_int_equal(vfs_change(&m, &(struct sriov_request){ .count = 2, .guests = true }), 0);
	struct root *other = fake_sriov_process(m.f);
	assert_int_equal(root_lock(other, "run/passthru/0000:01:10.0.lock", "", &lock), 0);
	assert_int_equal(vfs_count(&m, 0), -EPERM);
	assert_e_says(&m, ERR_REFUSED, "the virtual functions stay as they are");
	assert_string_equal(vfs_drivers(&m), "vfio-pci vfio-pci");
	assert_true(m.f->autoprobe);
	root_unlock(other, "run/passthru/0000:01:10.0.lock", lock);
	root_close(other);
	assert_int_equal(vfs_count(&m, 0), 0);
	assert_vfs_as_before(&m);
	vfs_stop(&m);
}

/* A unit that was stopped for the handover of one would use what is about to go. */
static void test_units_stay_stopped(void **state)
{
	static const char record[] = "run/passthru/0000:01:10.0";
	struct vfs_machine m;
	char text[1024];

	(void)state;
	for (unsigned fails = 0; fails < 2; fails++) {
		vfs_start(&m, FAKE_CARD);
		assert_int_equal(
			vfs_change(&m, &(struct sriov_request){ .count = 2, .guests = true }), 0);
		const char *was = fake_find(&m.f->k->tree, record)->data;
		const char *units = strchr(strstr(was, "\"units\""), '[') + 1;
		snprintf(text, sizeof(text), "%.*s\"x-y.mount\"%s", (int)(units - was), was, units);
		fake_file(&m.f->k->tree, record, text);
		m.f->cannot = fails;
		assert_int_equal(vfs_count(&m, 0), fails ? -EPERM : 0);
		if (fails)
			assert_e_says(&m, ERR_REFUSED, "and not started again: x-y.mount");
		else
			assert_string_equal(m.steps.step[m.steps.n - 1],
					    "left stopped: what was stopped for the handover of "
					    "the old ones; to start it: systemctl start "
					    "x-y.mount");
		vfs_stop(&m);
	}
}

static void test_killed(void **state)
{
	static const unsigned befores[] = { 0, 3 };
	const struct sriov_request request = with_settings(2, true);
	struct vfs_machine m;

	(void)state;
	for (size_t b = 0; b < ARRAY_SIZE(befores); b++) {
		unsigned n = writes_of(befores[b], &request), unfinished = 0;

		for (unsigned i = 0; i < 2 * n; i++) {
			vfs_start(&m, FAKE_CARD);
			if (befores[b])
				assert_int_equal(vfs_count(&m, befores[b]), 0);
			(void)vfs_do(&m, &request, (struct fake_trouble){ .kill_at = i / 2 + 1 });
			assert_int_equal(vfs_read(&m, FAKE_PF), 0);
			/* whoever looks is told, unless nothing had happened or all had */
			if (!m.f->autoprobe)
				assert_true(m.s.unfinished);
			unfinished += m.s.unfinished;
			if (i % 2) {
				assert_int_equal(vfs_change(&m, &request), 0);
				assert_string_equal(vfs_drivers(&m), "vfio-pci vfio-pci");
				assert_true(m.f->autoprobe);
				assert_int_equal(m.f->links[1].setting[VF_VLAN].vlan.id, 100);
			}
			assert_int_equal(vfs_count(&m, 0), 0);
			assert_vfs_as_before(&m);
			vfs_stop(&m);
		}
		assert_true(unfinished > 8);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_errnos_in_words),
		cmocka_unit_test(test_fewer_than_asked),
		cmocka_unit_test(test_card_does_not_take_it),
		cmocka_unit_test(test_card_ignores_it),
		cmocka_unit_test(test_set_back),
		cmocka_unit_test(test_set_back_but_for_what_failed),
		cmocka_unit_test(test_every_write_fails),
		cmocka_unit_test(test_they_do_not_go),
		cmocka_unit_test(test_locked),
		cmocka_unit_test(test_units_stay_stopped),
		cmocka_unit_test(test_killed),
	};

	return cmocka_run_group_tests_name("sriov_trouble", tests, NULL, NULL);
}
