// SPDX-License-Identifier: MIT
// Each way in which a device turns out not to be usable, or not in full: the kernel refuses, memory
// cannot be mapped, it does not answer, a reset goes wrong. And a probe that is killed.

#include "probe/internal.h"
#include "tests/unit/probe_machine.h"
#include "tests/unit/temporary.h"

#include <errno.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

static const struct probe_function *probe_other(struct probe_bench *b)
{
	assert_int_equal(probe_bench_run_one(b, OTHER), 0);
	return probe_bench_function(b, OTHER);
}

/* ---- the kernel refuses ---- */

static void test_no_remapping(void **state)
{
	struct probe_bench *b = *state;

	b->vfio.no_remapping = true;
	const struct probe_function *f = probe_other(b);
	assert_int_equal(f->answer, PROBE_NO);
	assert_int_equal(probe_bench_step(&f->steps, "open", "group")->answer, PROBE_NO);
	assert_int_equal(probe_bench_step(&f->steps, "open", "iommufd")->answer, PROBE_NO);
	assert_step_says(&f->steps, "open", "EPERM");
	assert_non_null(strstr(f->because, "interrupts"));
}

static void test_not_viable(void **state)
{
	struct probe_bench *b = *state;

	b->vfio.devices[1].host_driver = true;
	b->options.backends = 1u << VFIO_GROUP;
	assert_int_equal(probe_bench_run_one(b, CARD), 0);
	const struct probe_function *f = probe_bench_function(b, CARD);
	assert_int_equal(f->answer, PROBE_NO);
	assert_step_says(&f->steps, "open", "viable");
}

static void test_one_backend_refuses(void **state)
{
	struct probe_bench *b = *state;

	b->vfio.fail_kind = FAKE_VFIO_DEVICE;
	b->vfio.fail_request = VFIO_DEVICE_BIND_IOMMUFD;
	b->vfio.fail_with = -EINVAL;
	const struct probe_function *f = probe_other(b);
	assert_int_equal(f->answer, PROBE_YES);
	assert_true(f->limited);
	assert_non_null(strstr(f->because, "open, iommufd"));
}

static void test_no_rights(void **state)
{
	struct probe_bench *b = *state;

	b->options.backends = 1u << VFIO_GROUP;
	b->vfio.fail_kind = FAKE_VFIO_CONTAINER;
	b->vfio.fail_node = "dev/vfio/vfio";
	b->vfio.fail_with = -EACCES;
	assert_int_equal(probe_other(b)->answer, PROBE_UNKNOWN);
}

/* ---- memory ---- */

static void test_memory_refused(void **state)
{
	struct probe_bench *b = *state;

	b->vfio.lock_bytes = 1 << 20;
	const struct probe_function *f = probe_other(b);
	assert_int_equal(f->answer, PROBE_YES);
	assert_true(f->limited);
	assert_step(&b->probe.steps, "DMA, 4 KiB", PROBE_YES);
	assert_step(&b->probe.steps, "DMA, 2 MiB", PROBE_NO);
	assert_int_equal(b->probe.n_paces, 0);
	b->vfio.lock_bytes = 0;
	f = probe_other(b);
	assert_int_equal(f->answer, PROBE_NO);
	assert_non_null(strstr(f->because, "DMA, 4 KiB"));
}

static void test_little_memory(void **state)
{
	struct probe_bench *b = *state;

	fake_file(&b->k->tree, "proc/meminfo", "MemTotal: 100000 kB\nMemAvailable: 20000 kB\n");
	b->options.much_memory = true;
	const struct probe_function *f = probe_other(b);
	assert_int_equal(f->answer, PROBE_YES);
	assert_false(f->limited);
	assert_step(&b->probe.steps, "DMA, 2 MiB", PROBE_YES);
	assert_step(&b->probe.steps, "DMA, 1 GiB", PROBE_NOT_TRIED);
	assert_step_says(&b->probe.steps, "DMA, 1 GiB", "only 19.5 MiB");
}

static void test_huge_pages(void **state)
{
	struct probe_bench *b = *state;
	const char *pool = "sys/kernel/mm/hugepages/hugepages-2048kB/";
	char path[128];

	snprintf(path, sizeof(path), "%snr_hugepages", pool);
	fake_file(&b->k->tree, path, "20\n");
	snprintf(path, sizeof(path), "%sfree_hugepages", pool);
	fake_file(&b->k->tree, path, "20\n");
	snprintf(path, sizeof(path), "%sresv_hugepages", pool);
	fake_file(&b->k->tree, path, "19\n");
	b->vfio.huge_bytes = 40 << 20;
	(void)probe_other(b);
	/* but for one page all are promised to others */
	assert_step(&b->probe.steps, "DMA, 2 MiB in pages of 2 MiB", PROBE_YES);
	assert_int_equal(b->probe.n_paces, 2);
	assert_int_equal(b->probe.paces[1].page_bytes, 2 << 20);
	fake_file(&b->k->tree, path, "20\n");
	(void)probe_other(b);
	assert_int_equal(b->probe.n_paces, 1);
}

static void test_lock_limit(void **state)
{
	struct probe_bench *b = *state;
	const char *limits = "Max locked memory         8388608      8388608      bytes\n";

	fake_file(&b->k->tree, "proc/self/limits", limits);
	fake_file(&b->k->tree, "proc/self/status", "Name:\tx\nCapEff:\t0000000000004000\n");
	assert_false(probe_other(b)->limited); /* may lock what it likes */
	fake_file(&b->k->tree, "proc/self/status", "Name:\tx\nCapEff:\t0000000000002000\n");
	assert_true(probe_other(b)->limited);
	assert_step_says(&b->probe.steps, "locked memory", "8 MiB");
}

/* ---- the device does not answer ---- */

static void test_silent_bar(void **state)
{
	struct probe_bench *b = *state;
	uint32_t ones = UINT32_MAX;
	off_t at = (off_t)(2 * 16) << 20; /* BAR 0 of the third device in the file of the fake */

	assert_int_equal(pwrite(b->vfio.memory, &ones, sizeof(ones), at), sizeof(ones));
	const struct probe_function *f = probe_other(b);
	assert_step(&f->steps, "BAR 0", PROBE_NO);
	assert_step_says(&f->steps, "BAR 0", "all ones");
	assert_true(f->limited);
}

static void test_silent(void **state)
{
	struct probe_bench *b = *state;

	memset(b->vfio.devices[2].config, 0xff, sizeof(b->vfio.devices[2].config));
	assert_int_equal(probe_other(b)->answer, PROBE_NO);
}

/* ---- resets ---- */

static void silence(struct fake_vfio *f, enum fake_vfio_kind kind, unsigned long request,
		    void *argument)
{
	(void)argument;
	if (kind == FAKE_VFIO_DEVICE && request == VFIO_DEVICE_RESET)
		memset(f->devices[2].config, 0xff, sizeof(f->devices[2].config));
}

static void test_silent_after_reset(void **state)
{
	struct probe_bench *b = *state;

	b->methods = "flr";
	b->vfio.mangle = silence;
	const struct probe_function *f = probe_other(b);
	assert_step(&f->steps, "reset: flr", PROBE_NO);
	assert_step_says(&f->steps, "reset: flr", "does not answer");
	assert_int_equal(f->answer, PROBE_NO);
}

static void lose_bar(struct fake_vfio *f, enum fake_vfio_kind kind, unsigned long request,
		     void *argument)
{
	(void)argument;
	if (kind == FAKE_VFIO_DEVICE && request == VFIO_DEVICE_RESET)
		f->devices[2].config[PCI_BASE_ADDRESS_0 + 3] = 0xfd;
}

static void test_changed_by_reset(void **state)
{
	struct probe_bench *b = *state;

	b->methods = "flr";
	b->vfio.mangle = lose_bar;
	const struct probe_function *f = probe_other(b);
	assert_step(&f->steps, "reset: flr", PROBE_NO);
	assert_step_says(&f->steps, "reset: flr", "BAR 0 (0x10: 0x00000000 became 0xfd000000)");
	assert_true(f->limited);
	assert_non_null(strstr(f->because, "reset: flr"));
	assert_step(&f->steps, "as before", PROBE_NO);
}

static void stop_answering(struct fake_vfio *f, enum fake_vfio_kind kind, unsigned long request,
			   void *argument)
{
	uint32_t ones = UINT32_MAX;

	(void)argument;
	if (kind == FAKE_VFIO_DEVICE && request == VFIO_DEVICE_RESET)
		(void)!pwrite(f->memory, &ones, sizeof(ones), (off_t)(2 * 16) << 20);
}

static void test_bar_silent_after_reset(void **state)
{
	struct probe_bench *b = *state;

	b->methods = "flr";
	b->vfio.mangle = stop_answering;
	const struct probe_function *f = probe_other(b);
	assert_step(&f->steps, "reset: flr", PROBE_NO);
	assert_step_says(&f->steps, "reset: flr", "BAR 0 reads all ones");
	assert_true(f->limited);
}

static void test_reset_refused(void **state)
{
	struct probe_bench *b = *state;

	b->methods = "flr bus";
	b->vfio.fail_kind = FAKE_VFIO_DEVICE;
	b->vfio.fail_request = VFIO_DEVICE_RESET;
	b->vfio.fail_with = -ENOTTY;
	const struct probe_function *f = probe_other(b);
	assert_step(&f->steps, "reset: flr", PROBE_NO);
	assert_step(&f->steps, "reset: bus", PROBE_YES);
	assert_false(f->limited); /* the kernel takes what works */
	assert_string_equal(probe_bench_methods(b, OTHER), "flr bus\n");
}

static void test_no_reset(void **state)
{
	struct probe_bench *b = *state;

	b->vfio.devices[2].resets = false;
	const struct probe_function *f = probe_other(b);
	assert_step(&f->steps, "reset", PROBE_NO);
	assert_step(&f->steps, "hot reset", PROBE_YES);
	assert_false(f->limited); /* that of the bus does */
	b->vfio.no_slot_reset = true;
	f = probe_other(b);
	assert_step(&f->steps, "hot reset", PROBE_NOT_TRIED);
	assert_true(f->limited);
}

static void test_others_on_the_bus(void **state)
{
	struct probe_bench *b = *state;

	b->vfio.devices[0].bus = 2;
	const struct probe_function *f = probe_other(b);
	assert_step(&f->steps, "hot reset", PROBE_NOT_TRIED);
	assert_step_says(&f->steps, "hot reset", "it would reset too: ");
	assert_int_equal(b->vfio.devices[0].n_hot_resets, 0);
	assert_int_equal(b->vfio.devices[2].n_hot_resets, 0);
	/* nor by the function's own method of that name */
	b->methods = "bus";
	f = probe_other(b);
	assert_step(&f->steps, "reset: bus", PROBE_NOT_TRIED);
	assert_step_says(&f->steps, "reset: bus", "it would reset too: ");
}

static void test_methods_not_writable(void **state)
{
	struct probe_bench *b = *state;

	b->methods = "flr bus";
	b->methods_error = -EACCES;
	const struct probe_function *f = probe_other(b);
	assert_step(&f->steps, "reset: flr", PROBE_NOT_TRIED);
	assert_int_equal(b->vfio.devices[2].n_resets, 0);
	assert_string_equal(probe_bench_methods(b, OTHER), "flr bus\n");
}

/* ---- killed ---- */

struct killed {
	struct host host;
	struct pci_function function;
	struct probe_function probed;
	struct trial trial;
	struct session session;
	char file[512];
};

static void begin(struct killed *k, const char *directory)
{
	struct root *root;

	*k = (struct killed){ 0 };
	snprintf(k->file, sizeof(k->file), "%s/reset_method", directory);
	FILE *file = fopen(k->file, "w");
	assert_non_null(file);
	fputs("bus", file);
	fclose(file);
	assert_int_equal(root_open_live(&root, NULL), 0);
	host_init(&k->host, root);
	k->function.path = directory + 1; /* relative to the root */
	k->probed.function = &k->function;
	k->trial = (struct trial){ .probed = &k->probed, .methods = "flr bus" };
	k->session = (struct session){
		.host = &k->host, .a = &k->host.arena, .trials = &k->trial, .n = 1
	};
}

static bool reads(const struct killed *k, const char *wanted)
{
	char text[32] = "";
	FILE *file = fopen(k->file, "r");

	if (file) {
		(void)!fgets(text, sizeof(text), file);
		fclose(file);
	}
	return str_eq(text, wanted);
}

static void test_killed(void **state)
{
	char directory[] = "/tmp/probe.XXXXXX";
	struct guard guard;
	struct killed k;

	(void)state;
	assert_non_null(mkdtemp(directory));
	begin(&k, directory);
	pid_t child = fork();
	if (child == 0) {
		if (guard_start(&k.session, &guard, NULL) == 0)
			kill(getpid(), SIGKILL);
		_exit(1);
	}
	int status;
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFSIGNALED(status));
	for (int i = 0; i < 1000 && !reads(&k, "flr bus"); i++)
		usleep(10000);
	assert_true(reads(&k, "flr bus"));

	host_done(&k.host);

	/* one that ends well has restored it by itself, and nothing is written any more */
	begin(&k, directory);
	assert_int_equal(guard_start(&k.session, &guard, NULL), 0);
	assert_true(guard.pipe >= 0);
	guard_end(&guard);
	assert_true(reads(&k, "bus"));
	host_done(&k.host);
	unlink(k.file);
	rmdir(directory);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_no_remapping, probe_bench_setup,
						probe_bench_teardown),
		cmocka_unit_test_setup_teardown(test_not_viable, probe_bench_setup,
						probe_bench_teardown),
		cmocka_unit_test_setup_teardown(test_one_backend_refuses, probe_bench_setup,
						probe_bench_teardown),
		cmocka_unit_test_setup_teardown(test_no_rights, probe_bench_setup,
						probe_bench_teardown),
		cmocka_unit_test_setup_teardown(test_memory_refused, probe_bench_setup,
						probe_bench_teardown),
		cmocka_unit_test_setup_teardown(test_little_memory, probe_bench_setup,
						probe_bench_teardown),
		cmocka_unit_test_setup_teardown(test_huge_pages, probe_bench_setup,
						probe_bench_teardown),
		cmocka_unit_test_setup_teardown(test_lock_limit, probe_bench_setup,
						probe_bench_teardown),
		cmocka_unit_test_setup_teardown(test_silent_bar, probe_bench_setup,
						probe_bench_teardown),
		cmocka_unit_test_setup_teardown(test_silent, probe_bench_setup,
						probe_bench_teardown),
		cmocka_unit_test_setup_teardown(test_silent_after_reset, probe_bench_setup,
						probe_bench_teardown),
		cmocka_unit_test_setup_teardown(test_changed_by_reset, probe_bench_setup,
						probe_bench_teardown),
		cmocka_unit_test_setup_teardown(test_bar_silent_after_reset, probe_bench_setup,
						probe_bench_teardown),
		cmocka_unit_test_setup_teardown(test_reset_refused, probe_bench_setup,
						probe_bench_teardown),
		cmocka_unit_test_setup_teardown(test_no_reset, probe_bench_setup,
						probe_bench_teardown),
		cmocka_unit_test_setup_teardown(test_others_on_the_bus, probe_bench_setup,
						probe_bench_teardown),
		cmocka_unit_test_setup_teardown(test_methods_not_writable, probe_bench_setup,
						probe_bench_teardown),
		cmocka_unit_test(test_killed),
	};

	return cmocka_run_group_tests_name("probe_trouble", tests, NULL, NULL);
}
