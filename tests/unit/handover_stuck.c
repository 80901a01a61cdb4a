// SPDX-License-Identifier: MIT
// Writes that the kernel does not come back from, at every step of a handover: what is said, that
// nothing more is done to that function, that the others are as before, who may do what meanwhile,
// and that the next bind or release puts right what the write did when it came back after all.

#include "handover/internal.h"
#include "tests/unit/machine.h"

#include <errno.h>

static const struct fake_function two_cards[] = {
	MACHINE_PORT("01", 1),
	MACHINE_PORT("02", 2),
	MACHINE_CARD("01", 3, NULL),
	MACHINE_CARD("02", 4, NULL),
};

static void start_here(struct machine *m)
{
	machine_start(m, two_cards, ARRAY_SIZE(two_cards));
}

static unsigned changes_of(machine_verb *first, machine_verb *verb)
{
	struct machine m;

	start_here(&m);
	if (first)
		assert_int_equal(machine_do(&m, first, "01:00.0", (struct fake_trouble){ 0 }), 0);
	assert_int_equal(machine_do(&m, verb, "01:00.0", (struct fake_trouble){ 0 }), 0);
	unsigned n = m.k->changes;
	machine_stop(&m);
	return n;
}

static struct handover_function *waiting(struct machine *m)
{
	struct handover_function *found = NULL;

	for (size_t i = 0; i < m->handover.n; i++) {
		struct handover_function *f = &m->handover.functions[i];
		if (!f->wait)
			continue;
		assert_int_equal(f->state, HANDOVER_STUCK);
		assert_null(found);
		found = f;
	}
	return found;
}

/* Another process of the same machine; the first one is still there. */
static void another(struct machine *m, struct machine *other)
{
	*other = (struct machine){ .k = m->k, .before = m->before };
}

static int check_free(struct host *host, struct handover *handover, struct err *e)
{
	return handover_check_free(host, handover, e);
}

static void assert_locked(struct machine *m, const char *words)
{
	struct machine other;

	another(m, &other);
	assert_int_equal(machine_bind(&other, "01:00.0"), -EPERM);
	assert_int_equal(other.e.kind, ERR_REFUSED);
	assert_says(&other, words);
	assert_int_equal(machine_release(&other, "01:00.1"), -EPERM);
	assert_says(&other, words);
	assert_int_equal(machine_do(&other, check_free, "01:00.0", (struct fake_trouble){ 0 }),
			 -EPERM);
	assert_says(&other, words);
	assert_int_equal(machine_do(&other, check_free, "02:00.0", (struct fake_trouble){ 0 }), 0);
	assert_int_equal(other.k->changes, 0);
	host_done(&other.host);
}

/* What holds while a write has not come back. */
static void while_stuck(struct machine *m, bool other_is_back)
{
	struct handover_function *f = waiting(m);
	const char *other = f && strcmp(f->function->name, GPU) == 0 ? AUDIO : GPU;
	struct machine twin;

	assert_non_null(f);
	assert_says(m, "has not come back from");
	assert_says(m, f->function->name);
	assert_non_null(f->wait->file);
	assert_string_equal(f->wait->writer_state.value, "D (disk sleep)");
	assert_non_null(strstr(f->wait->kernel_stack.value, "unbind_store"));
	assert_non_null(f->wait->advice);
	if (other_is_back) {
		assert_string_equal(fake_driver_of(m->k, other),
				    strcmp(other, GPU) == 0 ? "nvidia" : "snd_hda_intel");
		assert_string_equal(fake_override_of(m->k, other), "(null)");
		assert_false(machine_has_record(m, other));
	}
	assert_locked(m, "0000:01:00.");
	/* another device is not disturbed */
	another(m, &twin);
	assert_int_equal(machine_bind(&twin, "02:00.0"), 0);
	assert_int_equal(machine_release(&twin, "02:00.0"), 0);
	host_done(&twin.host);
	assert_int_equal(m->k->touched_stuck, 0);
	/* also when the program has ended */
	host_done(&m->host);
	m->host = (struct host){ 0 };
	assert_locked(m, "which has ended");
}

static void afterwards(struct machine *m, bool with_bind)
{
	fake_complete(m->k);
	if (with_bind) {
		assert_int_equal(machine_bind(m, "01:00.0"), 0);
		assert_string_equal(fake_driver_of(m->k, GPU), "vfio-pci");
		assert_string_equal(fake_driver_of(m->k, AUDIO), "vfio-pci");
	}
	assert_int_equal(machine_release(m, "01:00.0"), 0);
	assert_as_before(m);
}

static unsigned hang_at(machine_verb *first, machine_verb *verb, unsigned at, bool with_bind)
{
	struct machine m;
	unsigned hung = 0;

	start_here(&m);
	if (first)
		assert_int_equal(machine_do(&m, first, "01:00.0", (struct fake_trouble){ 0 }), 0);
	int error = machine_do(&m, verb, "01:00.0", (struct fake_trouble){ .hang_at = { at } });
	if (m.k->n_stuck == 0) {
		assert_int_equal(error, 0); /* it was no write of sysfs */
	} else {
		assert_int_equal(error, -ETIMEDOUT);
		assert_int_equal(m.e.kind, ERR_FAILED);
		while_stuck(&m, verb == handover_bind);
		hung = 1;
	}
	afterwards(&m, with_bind);
	machine_stop(&m);
	return hung;
}

static void test_bind_hangs(void **state)
{
	unsigned n = changes_of(NULL, handover_bind), hung = 0;

	(void)state;
	for (unsigned i = 0; i < 2 * n; i++)
		hung += hang_at(NULL, handover_bind, i / 2 + 1, i % 2);
	assert_int_equal(hung, 2 * 6); /* override, unbind and probe of two functions */
}

static void test_release_hangs(void **state)
{
	unsigned n = changes_of(handover_bind, handover_release), hung = 0;

	(void)state;
	for (unsigned i = 0; i < 2 * n; i++)
		hung += hang_at(handover_bind, handover_release, i / 2 + 1, i % 2);
	/* there and back: two overrides, unbind, probe, power/control, of two functions */
	assert_int_equal(hung, 2 * 10);
}

/* The way back hangs too: then two functions are stuck. */
static void test_bind_hangs_twice(void **state)
{
	unsigned n = changes_of(NULL, handover_bind);
	struct machine m;

	(void)state;
	for (unsigned first = 1; first <= n; first++) {
		for (unsigned second = first + 1; second <= first + 12; second++) {
			start_here(&m);
			int error =
				machine_do(&m, handover_bind, "01:00.0",
					   (struct fake_trouble){ .hang_at = { first, second } });
			assert_true(error == 0 || error == -ETIMEDOUT);
			assert_int_equal(m.k->touched_stuck, 0);
			host_done(&m.host);
			m.host = (struct host){ 0 };
			afterwards(&m, false);
			machine_stop(&m);
		}
	}
}

/* The program itself is killed while it waits. */
static void test_killed_while_stuck(void **state)
{
	unsigned n = changes_of(NULL, handover_bind);
	struct machine m;

	(void)state;
	for (unsigned i = 1; i <= n; i++) {
		start_here(&m);
		(void)machine_do(&m, handover_bind, "01:00.0",
				 (struct fake_trouble){ .hang_at = { i }, .kill_at = i + 1 });
		host_done(&m.host);
		m.host = (struct host){ 0 };
		afterwards(&m, false);
		machine_stop(&m);
	}
}

/* A guest that opens the device after it was looked for, or that nobody can see. */
static void test_guest_unseen(void **state)
{
	struct machine m;

	(void)state;
	start_here(&m);
	assert_int_equal(machine_bind(&m, "01:00.0"), 0);
	fake_hold(m.k, GPU, true);
	assert_int_equal(machine_release(&m, "01:00.0"), -ETIMEDOUT);
	struct handover_function *f = waiting(&m);
	assert_string_equal(f->function->name, GPU);
	assert_string_equal(f->wait->file, "sys/bus/pci/drivers/vfio-pci/unbind");
	assert_string_equal(f->wait->value, GPU);
	assert_int_equal(f->wait->n_users, 0);
	assert_non_null(strstr(f->wait->advice, "No process is seen"));
	assert_string_equal(fake_driver_of(m.k, AUDIO), "snd_hda_intel");
	assert_string_equal(fake_driver_of(m.k, GPU), "vfio-pci");

	/* whatever would still be done to it is not */
	struct sysfs s = { &m.host, 20 };
	const char *override;
	struct sysfs_way way = { .probes = true };
	assert_int_equal(sysfs_move(&s, f, &way, &m.e), -ETIMEDOUT);
	assert_int_equal(sysfs_set_override(&s, f, NULL, &m.e), -ETIMEDOUT);
	assert_int_equal(sysfs_override(&s, f, &override, &m.e), -ETIMEDOUT);
	assert_says(&m, "nothing more is done to " GPU);
	assert_int_equal(m.k->touched_stuck, 0);
	host_done(&m.host);
	m.host = (struct host){ 0 };

	fake_hold(m.k, GPU, false);
	fake_complete(m.k);
	assert_string_equal(fake_driver_of(m.k, GPU), "");
	assert_int_equal(machine_release(&m, "01:00.0"), 0);
	assert_as_before(&m);
	machine_stop(&m);
}

/* What is said of the driver's module and of who has nodes open. */
static void test_described(void **state)
{
	struct machine m;
	char path[FAKE_PATH_MAX];

	(void)state;
	start_here(&m);
	snprintf(path, sizeof(path), "%s/nvidia0", "/dev");
	fake_open(m.k, "812", "Xorg", path);
	fake_open(m.k, "813", "other", "/dev/vfio/33");
	fake_link(&m.k->tree, "sys/bus/pci/drivers/nvidia/module", "../../../../module/nvidia");
	fake_file(&m.k->tree, "sys/module/nvidia/refcnt", "3\n");
	fake_directory(&m.k->tree, "sys/module/nvidia/holders/nvidia_modeset");
	free(m.before);
	m.before = fake_dump(&m.k->tree, "sys");
	/* lock and what is left of a record for two, two records, two overrides */
	unsigned n = changes_of(NULL, handover_bind);
	for (unsigned i = 1; i <= n; i++) {
		(void)machine_do(&m, handover_bind, "01:00.0",
				 (struct fake_trouble){ .hang_at = { i } });
		struct handover_function *f = waiting(&m);
		if (f && strstr(f->wait->file, "nvidia/unbind")) {
			assert_int_equal(f->wait->n_users, 1);
			assert_string_equal(f->wait->user[0].process, "Xorg (pid 812)");
			assert_string_equal(f->wait->user[0].node, "dev/nvidia0");
			assert_false(f->wait->user[0].certain);
			assert_string_equal(f->wait->module, "nvidia");
			assert_string_equal(f->wait->module_references.value, "3");
			assert_int_equal(f->wait->n_module_holders, 1);
			assert_string_equal(f->wait->module_holder[0], "nvidia_modeset");
			assert_non_null(strstr(f->wait->advice, "End Xorg (pid 812)"));
			machine_stop(&m);
			return;
		}
		host_done(&m.host);
		m.host = (struct host){ 0 };
		afterwards(&m, false);
	}
	fail_msg("no write unbinds nvidia");
}

static void test_lock(void **state)
{
	struct machine machine, *m = &machine;

	int lock;

	(void)state;
	start_here(m);
	struct root *other = fake_process(m->k);

	assert_int_equal(root_mkdir(other, "run/passthru", 0755), 0);
	assert_int_equal(root_lock(other, "run/passthru/" AUDIO ".lock", "{\"pid\":\"1\"}", &lock),
			 0);
	assert_int_equal(machine_bind(m, "01:00.0"), -EPERM);
	root_unlock(other, "run/passthru/" AUDIO ".lock", lock);
	assert_as_before(m);

	/* the lowest address first, whichever was named: two handovers cannot hold what the other
	 * wants */
	assert_int_equal(root_lock(other, "run/passthru/" GPU ".lock", "", &lock), 0);
	assert_int_equal(machine_bind(m, "01:00.1"), -EPERM);
	assert_says(m, GPU " is being handed over by another process");
	assert_int_equal(m->k->changes, 1);
	root_unlock(other, "run/passthru/" GPU ".lock", lock);
	assert_as_before(m);
	assert_int_equal(machine_bind(m, "01:00.0"), 0);
	root_close(other);
	machine_stop(m);
}

/* Who only looks meanwhile is told so, and leaves no more than one child for each look. */
static void test_readers_do_not_wait(void **state)
{
	struct machine m, other;
	struct pci_address address;
	struct pci_detail detail;
	struct function_state first, then;

	(void)state;
	for (unsigned at = 1;; at++) {
		start_here(&m);
		(void)machine_do(&m, handover_bind, "01:00.0",
				 (struct fake_trouble){ .hang_at = { at } });
		if (m.k->n_stuck)
			break;
		machine_stop(&m);
	}
	assert_true(pci_address_parse(waiting(&m)->function->name, &address));
	another(&m, &other);
	assert_int_equal(machine_read(&other), 0);
	struct pci_function *f = host_find(&other.host, address);
	assert_true(host_is_locked(&other.host, f));
	host_read_detail(&other.host, f, &detail);
	assert_int_equal(detail.driver_override.error, PCI_BUSY);
	assert_non_null(strstr(fact_reason(PCI_BUSY), "handed over"));
	assert_int_equal(m.k->n_stuck, 2);
	assert_int_equal(host_read_state(&other.host, f, &first), 0);
	assert_int_equal(m.k->n_stuck, 3);
	assert_int_equal(host_poll_state(&other.host, f, &first, &then), 0);
	assert_int_equal(then.fact[STATE_OVERRIDE].error, PCI_BUSY);
	assert_int_equal(m.k->n_stuck, 3);
	/* the others are read as ever */
	assert_true(pci_address_parse(TWIN, &address));
	f = host_find(&other.host, address);
	assert_false(host_is_locked(&other.host, f));
	host_read_detail(&other.host, f, &detail);
	assert_int_equal(detail.driver_override.error, -ENOENT);
	assert_int_equal(m.k->touched_stuck, 0);
	host_done(&other.host);
	machine_stop(&m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bind_hangs),
		cmocka_unit_test(test_release_hangs),
		cmocka_unit_test(test_bind_hangs_twice),
		cmocka_unit_test(test_killed_while_stuck),
		cmocka_unit_test(test_guest_unseen),
		cmocka_unit_test(test_described),
		cmocka_unit_test(test_lock),
		cmocka_unit_test(test_readers_do_not_wait),
	};

	return cmocka_run_group_tests_name("handover_stuck", tests, NULL, NULL);
}
