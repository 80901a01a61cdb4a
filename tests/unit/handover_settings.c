// SPDX-License-Identifier: MIT
// What a handover records besides the driver, and that a release restores it: settings that
// vfio-pci changes by itself, settings that were changed meanwhile, settings that cannot be
// restored. And what may lie in run/passthru: locks and halves of records of processes that are no
// more.

#include "tests/unit/machine.h"

#include <errno.h>
#include <jansson.h>

static const struct fake_function card[] = {
	MACHINE_PORT("01", 1),
	MACHINE_CARD("01", 2, NULL),
};

static void start_here(struct machine *m)
{
	machine_start(m, card, ARRAY_SIZE(card));
}

static struct fake_node *setting(struct machine *m, const char *name)
{
	char path[FAKE_PATH_MAX];

	snprintf(path, sizeof(path), "%s/%s", fake_directory_of(m->k, GPU), name);
	return fake_find(&m->k->tree, path);
}

static void set(struct machine *m, const char *name, const char *text)
{
	char path[FAKE_PATH_MAX];

	snprintf(path, sizeof(path), "%s/%s", fake_directory_of(m->k, GPU), name);
	fake_file(&m->k->tree, path, text);
}

static void test_restored(void **state)
{
	struct machine m;

	(void)state;
	start_here(&m);
	assert_int_equal(machine_bind(&m, "01:00.0"), 0);
	set(&m, "d3cold_allowed", "0\n");
	set(&m, "reset_method", "bus\n");
	assert_int_equal(machine_release(&m, "01:00.0"), 0);
	assert_as_before(&m);
	machine_stop(&m);
}

/* No reset method at all was how it was found. */
static void test_restored_empty(void **state)
{
	struct machine m;

	(void)state;
	start_here(&m);
	set(&m, "reset_method", "\n");
	assert_int_equal(machine_bind(&m, "01:00.0"), 0);
	set(&m, "reset_method", "flr bus\n");
	assert_int_equal(machine_release(&m, "01:00.0"), 0);
	assert_string_equal(setting(&m, "reset_method")->data, "\n");
	machine_stop(&m);
}

/* A function need not have them all. */
static void test_missing(void **state)
{
	struct machine m;
	char path[FAKE_PATH_MAX];

	(void)state;
	start_here(&m);
	snprintf(path, sizeof(path), "%s/reset_method", fake_directory_of(m.k, GPU));
	fake_remove(&m.k->tree, path);
	free(m.before);
	m.before = fake_dump(&m.k->tree, "sys");
	assert_int_equal(machine_bind(&m, "01:00.0"), 0);
	assert_int_equal(machine_release(&m, "01:00.0"), 0);
	assert_as_before(&m);
	machine_stop(&m);
}

/* Said, and tried again by the next release. */
static void test_not_restored(void **state)
{
	struct machine m;

	(void)state;
	start_here(&m);
	assert_int_equal(machine_bind(&m, "01:00.0"), 0);
	set(&m, "d3cold_allowed", "0\n");
	setting(&m, "d3cold_allowed")->error = -EACCES;
	/* only writing it is refused */
	for (int i = 0; i < 2; i++) {
		assert_int_equal(machine_release(&m, "01:00.0"), 0);
		const struct handover_function *f = &m.handover.functions[0];
		size_t lost = 0;
		for (size_t k = 0; k < f->n_settings; k++) {
			if (!f->settings[k].now)
				continue;
			lost++;
			assert_string_equal(f->settings[k].name, "d3cold_allowed");
			assert_string_equal(f->settings[k].before, "1");
			assert_int_equal(f->settings[k].error, -EACCES);
		}
		assert_int_equal(lost, 1);
		assert_string_equal(f->driver_after, "nvidia");
		assert_true(machine_has_record(&m, GPU));
		assert_false(machine_has_record(&m, AUDIO));
	}
	setting(&m, "d3cold_allowed")->error = 0;
	assert_int_equal(machine_release(&m, "01:00.0"), 0);
	assert_as_before(&m);
	machine_stop(&m);
}

/* A bind that fails puts them back too. */
static void test_bind_fails(void **state)
{
	struct machine m;

	(void)state;
	start_here(&m);
	fake_driver(m.k, "snd_hda_intel", 0);
	for (unsigned i = 12; i < 20; i++) {
		int error =
			machine_do(&m, handover_bind, "01:00.0",
				   (struct fake_trouble){ .fail_at = { i }, .fail_with = -EIO });
		if (error == 0)
			assert_int_equal(machine_release(&m, "01:00.0"), 0);
		assert_as_before(&m);
	}
	machine_stop(&m);
}

static void test_record(void **state)
{
	struct handover_past past;
	struct machine m;

	(void)state;
	start_here(&m);
	assert_int_equal(machine_bind(&m, "01:00.0"), 0);
	const struct fake_node *node = fake_find(&m.k->tree, "run/passthru/" GPU);
	json_t *record = json_loads(node->data, 0, NULL);
	assert_non_null(record);
	assert_int_equal(json_integer_value(json_object_get(record, "version")), 2);
	json_t *settings = json_object_get(record, "settings");
	assert_string_equal(json_string_value(json_object_get(settings, "power/control")), "auto");
	assert_string_equal(json_string_value(json_object_get(settings, "d3cold_allowed")), "1");
	assert_string_equal(json_string_value(json_object_get(settings, "reset_method")),
			    "flr bus");
	json_t *owner = json_object_get(record, "owner");
	assert_string_equal(json_string_value(json_object_get(owner, "command")),
			    "passthru bind 01:00");
	assert_true(json_is_string(json_object_get(owner, "started")));
	json_decref(record);

	assert_int_equal(machine_read(&m), 0);
	handover_past(&m.host, host_find(&m.host, (struct pci_address){ 0, 1, 0, 0 }), &past);
	assert_true(past.recorded);
	assert_string_equal(past.driver, "nvidia");
	assert_null(past.override);
	assert_string_equal(past.command, "passthru bind 01:00");
	handover_past(&m.host, host_find(&m.host, (struct pci_address){ 0, 0, 1, 0 }), &past);
	assert_false(past.recorded);
	machine_stop(&m);
}

/* Files of processes that are no more: a lock that nobody holds, half of a record. */
static void test_litter(void **state)
{
	struct machine m;

	(void)state;
	start_here(&m);
	fake_file(&m.k->tree, "run/passthru/" GPU ".lock", "{\"pid\":\"1\",\"started\":\"5\"}");
	fake_file(&m.k->tree, "run/passthru/." AUDIO ".new", "{\"versi");
	assert_int_equal(machine_bind(&m, "01:00.0"), 0);
	assert_null(fake_find(&m.k->tree, "run/passthru/" GPU ".lock"));
	assert_null(fake_find(&m.k->tree, "run/passthru/." AUDIO ".new"));
	assert_int_equal(machine_release(&m, "01:00.0"), 0);
	assert_as_before(&m);
	machine_stop(&m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_restored),   cmocka_unit_test(test_restored_empty),
		cmocka_unit_test(test_missing),    cmocka_unit_test(test_not_restored),
		cmocka_unit_test(test_bind_fails), cmocka_unit_test(test_record),
		cmocka_unit_test(test_litter),
	};

	return cmocka_run_group_tests_name("handover_settings", tests, NULL, NULL);
}
