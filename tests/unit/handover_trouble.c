// SPDX-License-Identifier: MIT
// Handovers that go wrong. A handover is run again and again on a fresh machine, each time with the
// next of its operations failing, or with the process killed there; no step is left out. What has
// to hold is the promise of handover.h: all of it or nothing, and what a killed run left is put
// right by the next one.

#include "tests/unit/machine.h"

#include <errno.h>

static const int errnos[] = { -EBUSY, -ENODEV, -EACCES, -EIO };

/* Where a handover begins: the cards as they may be found. */
static const struct start {
	const char *name;
	struct fake_function functions[4];
	size_t n;
} starts[] = {
	{ "a card with its drivers", { MACHINE_PORT("01", 1), MACHINE_CARD("01", 2, NULL) }, 3 },
	{ "an override of somebody else",
	  { MACHINE_PORT("01", 1), MACHINE_CARD("01", 2, "nvidia") },
	  3 },
	{ "functions without a driver",
	  { { GPU, 0x10de, 0x1c82, 0x030000, 1, NULL, NULL, NULL },
	    { AUDIO, 0x10de, 0x0fb9, 0x040300, 1, NULL, NULL, NULL } },
	  2 },
	{ "half of it without a driver",
	  { { GPU, 0x10de, 0x1c82, 0x030000, 1, NULL, NULL, NULL },
	    { AUDIO, 0x10de, 0x0fb9, 0x040300, 1, "snd_hda_intel", NULL, NULL } },
	  2 },
};

static void start_at(struct machine *m, const struct start *start)
{
	machine_start(m, start->functions, start->n);
}

struct effort {
	unsigned changes, operations;
};

/* What @verb takes on such a machine when all goes well, after @first when it is not NULL. */
static struct effort effort_of(const struct start *start, machine_verb *first, machine_verb *verb)
{
	struct machine m;

	start_at(&m, start);
	if (first)
		assert_int_equal(machine_do(&m, first, "01:00.0", (struct fake_trouble){ 0 }), 0);
	assert_int_equal(machine_do(&m, verb, "01:00.0", (struct fake_trouble){ 0 }), 0);
	struct effort effort = { m.k->changes, m.k->operations };
	machine_stop(&m);
	assert_true(effort.changes >= 6);
	return effort;
}

static bool is_stuck(const struct machine *m)
{
	for (size_t i = 0; i < m->handover.n; i++) {
		if (m->handover.functions[i].state == HANDOVER_STUCK)
			return true;
	}
	return false;
}

static bool has_lost_setting(struct machine *m)
{
	for (size_t i = 0; i < m->handover.n; i++) {
		const struct handover_function *f = &m->handover.functions[i];

		for (size_t k = 0; k < f->n_settings; k++) {
			if (!f->settings[k].now)
				continue;
			assert_string_equal(f->settings[k].name, "power/control");
			assert_string_equal(f->settings[k].before, "auto");
			assert_string_equal(f->settings[k].now, "on");
			assert_int_not_equal(f->settings[k].error, 0);
			assert_true(machine_has_record(m, f->function->name));
			return true;
		}
	}
	return false;
}

static bool is_all_vfio(struct machine *m)
{
	return strcmp(fake_driver_of(m->k, GPU), "vfio-pci") == 0 &&
	       strcmp(fake_driver_of(m->k, AUDIO), "vfio-pci") == 0 &&
	       strcmp(fake_override_of(m->k, GPU), "vfio-pci") == 0 &&
	       strcmp(fake_override_of(m->k, AUDIO), "vfio-pci") == 0;
}

/* ---- failures ---- */

/* What failed did not matter: it is handed over, and goes back as always. */
static void after_needless(struct machine *m)
{
	assert_true(is_all_vfio(m));
	assert_int_equal(machine_release(m, "01:00.0"), 0);
	assert_as_before(m);
}

/* One operation fails, the way back works: everything is as before. */
static void test_bind_fails_once(void **state)
{
	struct machine m;

	(void)state;
	for (size_t s = 0; s < ARRAY_SIZE(starts); s++) {
		unsigned n = effort_of(&starts[s], NULL, handover_bind).changes;

		for (size_t i = 0; i < ARRAY_SIZE(errnos) * n; i++) {
			const struct fake_trouble trouble = {
				.fail_at = { (unsigned)(i % n) + 1 },
				.fail_with = errnos[i / n],
			};
			start_at(&m, &starts[s]);
			int error = machine_do(&m, handover_bind, "01:00.0", trouble);
			if (error == 0) { /* an operation that only cleans up */
				after_needless(&m);
				machine_stop(&m);
				continue;
			}
			assert_int_equal(error, trouble.fail_with);
			assert_int_equal(m.e.kind, ERR_FAILED);
			assert_as_before(&m);
			for (size_t k = 0; k < m.handover.n; k++) {
				enum handover_state now = m.handover.functions[k].state;
				assert_true(now == HANDOVER_UNTOUCHED || now == HANDOVER_RESTORED);
			}
			machine_stop(&m);
		}
	}
}

/* What has to hold after a bind with two failures or more; then a release puts it right. */
static void after_bind_with_failures(struct machine *m, int error, const char *start)
{
	if (error == 0)
		assert_true(is_all_vfio(m));
	else if (!machine_is_as_before(m) && !is_stuck(m))
		fail_msg("%s: changed, and nothing is said to be stuck: %s", start, m->e.text);
	for (size_t i = 0; error && is_stuck(m) && i < m->handover.n; i++) {
		const struct handover_function *f = &m->handover.functions[i];
		if (f->state != HANDOVER_STUCK)
			continue;
		assert_says(m, "could not be put back");
		assert_true(machine_has_record(m, f->function->name));
	}
	assert_int_equal(machine_release(m, "01:00.0"), 0);
	assert_as_before(m);
}

static void test_bind_fails_twice(void **state)
{
	struct machine m;

	(void)state;
	for (size_t s = 0; s < ARRAY_SIZE(starts); s++) {
		unsigned n = effort_of(&starts[s], NULL, handover_bind).changes;

		for (unsigned first = 1; first <= n; first++) {
			/* the way back can take as many operations as the way there */
			for (unsigned second = first + 1; second <= 2 * n + 2; second++) {
				start_at(&m, &starts[s]);
				int error = machine_do(
					&m, handover_bind, "01:00.0",
					(struct fake_trouble){ .fail_at = { first, second },
							       .fail_with = -EIO });
				assert_true(error == 0 || error == -EIO);
				after_bind_with_failures(&m, error, starts[s].name);
				machine_stop(&m);
			}
		}
	}
}

static void test_bind_fails_from(void **state)
{
	struct machine m;

	(void)state;
	for (size_t s = 0; s < ARRAY_SIZE(starts); s++) {
		unsigned n = effort_of(&starts[s], NULL, handover_bind).changes;

		for (unsigned from = 1; from <= n; from++) {
			start_at(&m, &starts[s]);
			int error = machine_do(
				&m, handover_bind, "01:00.0",
				(struct fake_trouble){ .fail_from = from, .fail_with = -EBUSY });
			assert_true(error == 0 || error == -EBUSY);
			after_bind_with_failures(&m, error, starts[s].name);
			machine_stop(&m);
		}
	}
}

static void test_release_fails(void **state)
{
	struct machine m;

	(void)state;
	for (size_t s = 0; s < ARRAY_SIZE(starts); s++) {
		unsigned n = effort_of(&starts[s], handover_bind, handover_release).changes;

		for (unsigned at = 1; at <= 2 * n; at++) {
			struct fake_trouble trouble = { .fail_with = -EBUSY };

			if (at <= n)
				trouble.fail_at[0] = at;
			else
				trouble.fail_from = at - n;
			start_at(&m, &starts[s]);
			assert_int_equal(machine_bind(&m, "01:00.0"), 0);
			int error = machine_do(&m, handover_release, "01:00.0", trouble);
			/* a record that cannot be removed is no reason to say that it failed */
			if (error)
				assert_int_equal(error, -EBUSY);
			else if (!has_lost_setting(&m))
				assert_true(machine_is_as_before(&m));
			if (error && !strstr(m.e.text, "locking"))
				assert_true(is_stuck(&m));
			assert_int_equal(machine_release(&m, "01:00.0"), 0);
			assert_as_before(&m);
			machine_stop(&m);
		}
	}
}

/* ---- a process that is killed ---- */

/* Both ways on from what a killed run left: giving back, and handing over and then giving back. */
static void after_kill(struct machine *m, bool with_bind)
{
	if (with_bind) {
		assert_int_equal(machine_bind(m, "01:00.0"), 0);
		assert_string_equal(fake_driver_of(m->k, GPU), "vfio-pci");
		assert_string_equal(fake_driver_of(m->k, AUDIO), "vfio-pci");
	}
	assert_int_equal(machine_release(m, "01:00.0"), 0);
	assert_as_before(m);
}

static void test_bind_killed(void **state)
{
	struct machine m;

	(void)state;
	for (size_t s = 0; s < ARRAY_SIZE(starts); s++) {
		unsigned n = effort_of(&starts[s], NULL, handover_bind).changes;

		for (unsigned i = 0; i < 2 * (n + 1); i++) {
			start_at(&m, &starts[s]);
			(void)machine_do(&m, handover_bind, "01:00.0",
					 (struct fake_trouble){ .kill_at = i / 2 + 1 });
			after_kill(&m, i % 2);
			machine_stop(&m);
		}
	}
}

static void test_release_killed(void **state)
{
	struct machine m;

	(void)state;
	for (size_t s = 0; s < ARRAY_SIZE(starts); s++) {
		unsigned n = effort_of(&starts[s], handover_bind, handover_release).changes;

		for (unsigned i = 0; i < 2 * (n + 1); i++) {
			start_at(&m, &starts[s]);
			assert_int_equal(machine_bind(&m, "01:00.0"), 0);
			(void)machine_do(&m, handover_release, "01:00.0",
					 (struct fake_trouble){ .kill_at = i / 2 + 1 });
			after_kill(&m, i % 2);
			machine_stop(&m);
		}
	}
}

/* Killed, then the next bind fails: back to what was there before the first one. */
static void test_bind_fails_after_kill(void **state)
{
	struct machine m;

	(void)state;
	for (size_t s = 0; s < ARRAY_SIZE(starts); s++) {
		unsigned n = effort_of(&starts[s], NULL, handover_bind).changes;

		for (unsigned i = 0; i < n * n; i++) {
			start_at(&m, &starts[s]);
			(void)machine_do(&m, handover_bind, "01:00.0",
					 (struct fake_trouble){ .kill_at = i / n + 1 });
			(void)machine_do(&m, handover_bind, "01:00.0",
					 (struct fake_trouble){ .fail_at = { i % n + 1 },
								.fail_with = -EBUSY });
			assert_false(is_stuck(&m));
			after_kill(&m, false);
			machine_stop(&m);
		}
	}
}

/* ---- a device that goes away ---- */

static void vanish_during(machine_verb *first, machine_verb *verb, const char *vanish,
			  const char *other)
{
	unsigned operations = effort_of(&starts[0], first, verb).operations;
	struct machine m;

	for (unsigned at = 1; at <= operations; at++) {
		start_at(&m, &starts[0]);
		const char *driver = fake_driver_of(m.k, other);
		if (first)
			assert_int_equal(machine_bind(&m, "01:00.0"), 0);
		int error = machine_do(&m, verb, "01:00.0",
				       (struct fake_trouble){ .vanish_at = at, .vanish = vanish });
		if (verb == handover_bind)
			assert_string_equal(fake_driver_of(m.k, other),
					    error ? driver : "vfio-pci");
		assert_false(is_stuck(&m));
		if (error)
			assert_false(machine_has_record(&m, vanish));
		/* what is left of it is given back */
		assert_int_equal(machine_release(&m, other), 0);
		assert_string_equal(fake_driver_of(m.k, other), driver);
		assert_string_equal(fake_override_of(m.k, other), "(null)");
		assert_false(machine_has_record(&m, other));
		machine_stop(&m);
	}
}

static void test_vanishes_during_bind(void **state)
{
	(void)state;
	vanish_during(NULL, handover_bind, AUDIO, GPU);
	vanish_during(NULL, handover_bind, GPU, AUDIO);
}

static void test_vanishes_during_release(void **state)
{
	(void)state;
	vanish_during(handover_bind, handover_release, AUDIO, GPU);
	vanish_during(handover_bind, handover_release, GPU, AUDIO);
}

static void test_vanishes_while_listed(void **state)
{
	struct machine m;
	unsigned operations;

	(void)state;
	start_at(&m, &starts[0]);
	assert_int_equal(machine_read(&m), 0);
	assert_int_equal(m.host.n_functions, 3);
	operations = m.k->operations;
	machine_stop(&m);

	/* from after the listing to the last question about it */
	for (unsigned at = 2; at <= operations; at++) {
		start_at(&m, &starts[0]);
		host_init(&m.host, fake_process(m.k));
		m.k->trouble = (struct fake_trouble){ .vanish_at = at, .vanish = GPU };
		assert_int_equal(host_read_pci(&m.host, &m.e), 0);
		const struct pci_function *f =
			host_find(&m.host, (struct pci_address){ 0, 1, 0, 0 });
		/* left out, or read whole before it went; its group may be what is missing */
		if (f) {
			assert_int_equal(f->error, 0);
			assert_int_equal(f->vendor, 0x10de);
		}
		assert_true(m.host.n_functions == 2 || f);
		assert_non_null(host_find(&m.host, (struct pci_address){ 0, 1, 0, 1 }));
		machine_stop(&m);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bind_fails_once),
		cmocka_unit_test(test_bind_fails_twice),
		cmocka_unit_test(test_bind_fails_from),
		cmocka_unit_test(test_release_fails),
		cmocka_unit_test(test_bind_killed),
		cmocka_unit_test(test_release_killed),
		cmocka_unit_test(test_bind_fails_after_kill),
		cmocka_unit_test(test_vanishes_during_bind),
		cmocka_unit_test(test_vanishes_during_release),
		cmocka_unit_test(test_vanishes_while_listed),
	};

	return cmocka_run_group_tests_name("handover_trouble", tests, NULL, NULL);
}
