// SPDX-License-Identifier: MIT
// Drives: how queues and interrupts are shared out, the reset that frees them, and that nothing of
// it happens while something stands on the disk.

#include "tests/unit/sriov_machine.h"

static void assert_controller(struct vfs_machine *m, unsigned i, unsigned queues, unsigned vectors,
			      bool online)
{
	assert_int_equal(m->f->controller[i].queues, queues);
	assert_int_equal(m->f->controller[i].vectors, vectors);
	assert_int_equal(m->f->controller[i].online, online);
}

/* As after a start of the machine with what the primary controller needs no more. */
static void let_go(struct vfs_machine *m)
{
	m->f->queues.primary = m->f->next_queues = 0;
	m->f->vectors.primary = m->f->next_vectors = 0;
}

static void test_shows(void **state)
{
	struct vfs_machine m;

	(void)state;
	vfs_start(&m, FAKE_DRIVE);
	let_go(&m);
	assert_int_equal(vfs_count(&m, 2), 0);
	assert_int_equal(vfs_read(&m, FAKE_PF), 0);
	assert_string_equal(m.s.nvme.controller, "nvme0");
	assert_int_equal(m.s.nvme.error, 0);
	assert_true(m.s.nvme.queues.flexible);
	assert_int_equal(m.s.nvme.queues.total, 16);
	assert_int_equal(m.s.nvme.queues.assigned, 16);
	assert_int_equal(m.s.nvme.queues.private, 10);
	assert_int_equal(m.s.nvme.vectors.max, 4);
	assert_int_equal(m.s.nvme.n, 4);
	assert_int_equal(m.s.vf[1].secondary->id, 2);
	assert_true(m.s.vf[1].secondary->online);
	assert_int_equal(m.s.vf[1].secondary->queues, 8);
	vfs_stop(&m);
}

static void test_fair_shares(void **state)
{
	static const struct {
		unsigned count, granularity, queues, vectors;
	} table[] = { { 1, 0, 8, 4 }, { 2, 0, 8, 4 }, { 3, 0, 5, 2 },
		      { 4, 0, 4, 2 }, { 3, 4, 4, 2 }, { 3, 8, 5, 2 } };
	struct vfs_machine m;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		vfs_start(&m, FAKE_DRIVE);
		let_go(&m);
		m.f->queues.granularity = (uint16_t)table[i].granularity;
		assert_int_equal(vfs_count(&m, table[i].count), 0);
		for (unsigned k = 0; k < 4; k++) {
			bool there = k < table[i].count;
			assert_controller(&m, k, there ? table[i].queues : 0,
					  there ? table[i].vectors : 0, there);
		}
		assert_int_equal(m.f->resets, 0);
		assert_string_equal(fake_driver_of(m.f->k, fake_vf(0)), "nvme");
		vfs_stop(&m);
	}
}

/* What they had before does not count against them. */
static void test_again(void **state)
{
	struct sriov_request request = { .count = 2, .queues = 3, .vectors = 2 };
	struct vfs_machine m;

	(void)state;
	vfs_start(&m, FAKE_DRIVE);
	let_go(&m);
	assert_int_equal(vfs_count(&m, 2), 0);
	assert_controller(&m, 1, 8, 4, true);
	assert_int_equal(vfs_change(&m, &request), 0);
	assert_controller(&m, 0, 3, 2, true);
	assert_controller(&m, 1, 3, 2, true);
	assert_int_equal(vfs_count(&m, 4), 0);
	assert_controller(&m, 0, 4, 2, true);
	assert_controller(&m, 3, 4, 2, true);
	assert_int_equal(vfs_count(&m, 1), 0);
	assert_controller(&m, 0, 8, 4, true);
	assert_controller(&m, 3, 0, 0, false);
	vfs_stop(&m);
}

static void test_too_much(void **state)
{
	static const struct {
		struct sriov_request request;
		const char *words;
	} table[] = {
		{ { .count = 2, .queues = 9 }, "takes 2 to 8 queues, not 9" },
		{ { .count = 2, .queues = 1 }, "takes 2 to 8 queues, not 1" },
		{ { .count = 2, .vectors = 5 }, "takes 1 to 4 interrupts, not 5" },
		{ { .count = 4, .queues = 5 }, "16 queues to share: not enough for 4" },
		{ { .count = 0, .queues = 5 }, "--queues" },
	};
	struct vfs_machine m;

	(void)state;
	vfs_start(&m, FAKE_DRIVE);
	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		assert_int_equal(vfs_change(&m, &table[i].request), -EINVAL);
		assert_e_says(&m, ERR_USAGE, table[i].words);
		assert_vfs_as_before(&m);
	}
	assert_int_equal(m.f->resets, 0);
	vfs_stop(&m);
}

static void test_reset_frees_them(void **state)
{
	struct vfs_machine m;

	(void)state;
	vfs_start(&m, FAKE_DRIVE);
	assert_int_equal(vfs_count(&m, 4), 0);
	assert_int_equal(m.f->resets, 1);
	assert_int_equal(m.f->queues.primary, 0);
	assert_controller(&m, 3, 4, 2, true);
	assert_int_equal(vfs_count(&m, 3), 0);
	assert_int_equal(m.f->resets, 1);
	vfs_stop(&m);
}

/* The drive itself has to go on working. */
static void test_reset_leaves_the_least(void **state)
{
	struct vfs_machine m;

	(void)state;
	vfs_start(&m, FAKE_DRIVE);
	m.f->queues.private = 1;
	m.f->vectors.private = 0;
	assert_int_equal(vfs_count(&m, 4), 0);
	assert_int_equal(m.f->queues.primary, 1);
	assert_int_equal(m.f->vectors.primary, 1);
	assert_controller(&m, 3, 3, 1, true);
	vfs_stop(&m);
}

static void test_no_reset_while_mounted(void **state)
{
	static const char *const mounts[] = {
		"36 1 259:1 / /srv rw - ext4 /dev/nvme0n1p1 rw\n",
		"36 1 259:0 / /srv rw - ext4 /dev/nvme0n1 rw\n",
	};
	struct vfs_machine m;
	char path[FAKE_PATH_MAX];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(mounts); i++) {
		vfs_start(&m, FAKE_DRIVE);
		/* several controllers: the disk itself stands elsewhere */
		snprintf(path, sizeof(path), "%s/nvme/nvme0/nvme0c0n1/size",
			 fake_directory_of(m.f->k, FAKE_PF));
		fake_file(&m.f->k->tree, path, "131072\n");
		fake_file(&m.f->k->tree, "proc/self/mountinfo", mounts[i]);
		fake_open(m.f->k, "1", "init", "/dev/null");
		assert_int_equal(vfs_count(&m, 4), -EPERM);
		assert_e_says(&m, ERR_REFUSED, "takes a reset of the drive");
		assert_e_says(&m, ERR_REFUSED, "nvme0n1 of " FAKE_PF " is in use: /srv is mounted");
		assert_int_equal(m.f->resets, 0);
		assert_int_equal(m.f->n, 0);
		/* with enough to share it needs none */
		let_go(&m);
		assert_int_equal(vfs_count(&m, 4), 0);
		assert_int_equal(m.f->resets, 0);
		vfs_stop(&m);
	}
}

static void test_reset_fails(void **state)
{
	struct vfs_machine m;

	(void)state;
	vfs_start(&m, FAKE_DRIVE);
	m.f->cannot_reset = true;
	assert_int_equal(vfs_count(&m, 4), -ENOTTY);
	assert_e_says(&m, ERR_FAILED, "resetting " FAKE_PF);
	assert_vfs_as_before(&m);
	vfs_stop(&m);
}

static void test_every_command_fails(void **state)
{
	struct vfs_machine m;

	(void)state;
	for (int status = -EIO; status <= 0x122; status += 0x122 + EIO) {
		bool reached = true;

		for (unsigned call = 1; reached; call++) {
			assert_true(call < 200);
			vfs_start(&m, FAKE_DRIVE);
			let_go(&m);
			assert_int_equal(vfs_read(&m, FAKE_PF), 0);
			m.f->fail_call = call;
			m.f->fail_call_with = status;
			const struct sriov_request request = { .count = 3 };
			int error = sriov_change(&m.s, &request, &m.steps, &m.e);
			reached = m.f->calls >= call;
			if (error) {
				assert_int_equal(m.e.kind, ERR_FAILED);
				assert_vfs_as_before(&m);
			} else {
				/* only what is shown at the end was not to be had */
				assert_int_equal(m.f->n, 3);
				assert_controller(&m, 2, 5, 2, true);
			}
			vfs_stop(&m);
		}
	}
}

static void test_status_in_words(void **state)
{
	static const struct {
		int status;
		const char *words;
	} table[] = {
		{ 0x4001, "does not know this command" },
		{ 0x411f, "no such controller" },
		{ 0x120, "wrong state" },
		{ 0x121, "more than one controller" },
		{ 0x122, "has not that many left" },
		{ 0x17f, "status 0x17f" },
	};
	struct vfs_machine m;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		struct err e = { 0 };

		vfs_start(&m, FAKE_DRIVE);
		let_go(&m);
		unsigned call = 0;
		/* the first call whose status is told: the ones before it ask what there is */
		do {
			vfs_stop(&m);
			vfs_start(&m, FAKE_DRIVE);
			let_go(&m);
			assert_int_equal(vfs_read(&m, FAKE_PF), 0);
			m.f->fail_call = ++call;
			m.f->fail_call_with = table[i].status;
			const struct sriov_request request = { .count = 1 };
			(void)!sriov_change(&m.s, &request, &m.steps, &e);
		} while (!strstr(e.text, table[i].words) && call < 30);
		assert_non_null(strstr(e.text, table[i].words));
		assert_non_null(strstr(e.text, "nvme0: giving controller 1"));
		vfs_stop(&m);
	}
}

static void test_guests(void **state)
{
	const struct sriov_request request = { .count = 2, .guests = true };
	struct vfs_machine m;

	(void)state;
	vfs_start(&m, FAKE_DRIVE);
	let_go(&m);
	assert_int_equal(vfs_change(&m, &request), 0);
	assert_string_equal(vfs_drivers(&m), "vfio-pci vfio-pci");
	assert_controller(&m, 1, 8, 4, true);
	assert_int_equal(vfs_count(&m, 0), 0);
	assert_vfs_as_before(&m);
	vfs_stop(&m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_shows),
		cmocka_unit_test(test_fair_shares),
		cmocka_unit_test(test_again),
		cmocka_unit_test(test_too_much),
		cmocka_unit_test(test_reset_frees_them),
		cmocka_unit_test(test_reset_leaves_the_least),
		cmocka_unit_test(test_no_reset_while_mounted),
		cmocka_unit_test(test_reset_fails),
		cmocka_unit_test(test_every_command_fails),
		cmocka_unit_test(test_status_in_words),
		cmocka_unit_test(test_guests),
	};

	return cmocka_run_group_tests_name("sriov_nvme", tests, NULL, NULL);
}
