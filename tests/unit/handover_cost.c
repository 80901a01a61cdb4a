// SPDX-License-Identifier: MIT
// What a handover asks of the kernel, counted at the root: each function costs what is written here
// and no more, and what the whole host is asked once is not asked again for each function. How long
// that takes on a real kernel is what tests/bench/handover.py measures.

#include "tests/unit/machine.h"

#include "base/text.h"

#define FUNCTIONS 8

/* A card of @n functions in one group. */
static void start_card(struct machine *m, size_t n)
{
	static struct fake_function card[FUNCTIONS + 1];
	static char name[FUNCTIONS][16];

	card[0] = (struct fake_function)MACHINE_PORT("01", 1);
	for (size_t i = 0; i < n; i++) {
		snprintf(name[i], sizeof(name[i]), "0000:01:00.%zu", i);
		card[i + 1] = (struct fake_function){
			.name = name[i],
			.vendor = 0x1af4,
			.device = 0x1041,
			.class_code = 0x020000,
			.group = 2,
			.driver = "virtio-pci",
			.parent = "0000:00:01.0",
		};
	}
	machine_start(m, card, n + 1);
}

/* ---- a root that counts what the one of the machine is asked ---- */

struct counting {
	struct root root;
	struct root *inner;
	unsigned asked; /* reads, links and listings */
	unsigned per_path[4];
	unsigned series; /* questions to the child */
};

/* Of these each has to be read once for a function, or for its group. */
static const char *const counted[] = {
	"/config",
	"/power/runtime_status",
	"/reserved_regions",
	"proc/self/mountinfo",
};

static struct counting *of(struct root *r)
{
	return (struct counting *)r;
}

static struct root *count(struct root *r, const char *path)
{
	of(r)->asked++;
	for (size_t i = 0; i < ARRAY_SIZE(counted); i++) {
		size_t n = strlen(path), n_end = strlen(counted[i]);
		if (n >= n_end && str_eq(path + n - n_end, counted[i]))
			of(r)->per_path[i]++;
	}
	return of(r)->inner;
}

static int op_read(struct root *r, struct arena *a, const char *path, size_t max_bytes,
		   struct bytes *ret)
{
	struct root *inner = count(r, path);

	return inner->ops->read(inner, a, path, max_bytes, ret);
}

static int op_link(struct root *r, struct arena *a, const char *path, const char **ret)
{
	struct root *inner = count(r, path);

	return inner->ops->link(inner, a, path, ret);
}

static int op_list(struct root *r, struct arena *a, const char *path, struct names *ret)
{
	struct root *inner = count(r, path);

	return inner->ops->list(inner, a, path, ret);
}

static int op_replace(struct root *r, const char *path, const void *data, size_t n, mode_t mode)
{
	return of(r)->inner->ops->replace(of(r)->inner, path, data, n, mode);
}

static int op_remove(struct root *r, const char *path)
{
	return of(r)->inner->ops->remove(of(r)->inner, path);
}

static int op_mkdir(struct root *r, const char *path, mode_t mode)
{
	return of(r)->inner->ops->mkdir(of(r)->inner, path, mode);
}

static int op_lock(struct root *r, const char *path, const char *text, int *ret_fd)
{
	return of(r)->inner->ops->lock(of(r)->inner, path, text, ret_fd);
}

static void op_unlock(struct root *r, const char *path, int fd)
{
	of(r)->inner->ops->unlock(of(r)->inner, path, fd);
}

static int op_watched(struct root *r, struct arena *a, struct root_step *steps, size_t n,
		      unsigned limit_ms, pid_t *ret_child)
{
	of(r)->series++;
	return root_watched(of(r)->inner, a, steps, n, limit_ms, ret_child);
}

static int op_write_watched(struct root *r, const char *path, const void *data, size_t n,
			    unsigned limit_ms, pid_t *ret_child)
{
	of(r)->series++;
	return of(r)->inner->ops->write_watched(of(r)->inner, path, data, n, limit_ms, ret_child);
}

static int op_read_watched(struct root *r, struct arena *a, const char *path, unsigned limit_ms,
			   struct bytes *ret, pid_t *ret_child)
{
	of(r)->series++;
	return of(r)->inner->ops->read_watched(of(r)->inner, a, path, limit_ms, ret, ret_child);
}

static void op_close(struct root *r)
{
	root_close(of(r)->inner);
}

static const struct root_ops ops = {
	.read = op_read,
	.link = op_link,
	.list = op_list,
	.replace = op_replace,
	.remove = op_remove,
	.mkdir = op_mkdir,
	.lock = op_lock,
	.unlock = op_unlock,
	.watched = op_watched,
	.write_watched = op_write_watched,
	.read_watched = op_read_watched,
	.close = op_close,
};

/* ---- a bind and a release as the commands do them ---- */

static struct counting run_bind(struct machine *m)
{
	static const char *const device[] = { "01:00" };
	struct counting c = { .root = { .ops = &ops }, .inner = fake_process(m->k) };
	struct handover_refusals refusals;
	struct handover handover;
	struct host host;
	struct err e;

	host_init(&host, &c.root);
	assert_int_equal(host_read_pci(&host, &e), 0);
	assert_int_equal(handover_select(&host, device, 1, &handover, &e), 0);
	assert_int_equal(handover_check_free(&host, &handover, &e), 0);
	assert_int_equal(handover_choose_drivers(&host, &handover, NULL, &e), 0);
	assert_int_equal(handover_refusals(&host, &handover, &refusals, &e), 0);
	assert_int_equal(refusals.n, 0);
	assert_int_equal(handover_bind(&host, &handover, &e), 0);
	for (size_t i = 0; i < handover.n; i++)
		assert_string_equal(handover.functions[i].driver_after, "vfio-pci");
	host_done(&host);
	return c;
}

static struct counting run_release(struct machine *m)
{
	static const char *const device[] = { "01:00" };
	struct counting c = { .root = { .ops = &ops }, .inner = fake_process(m->k) };
	struct handover handover;
	struct host host;
	struct err e;

	host_init(&host, &c.root);
	assert_int_equal(host_read_pci(&host, &e), 0);
	assert_int_equal(handover_select(&host, device, 1, &handover, &e), 0);
	assert_int_equal(handover_release(&host, &handover, &e), 0);
	for (size_t i = 0; i < handover.n; i++)
		assert_string_equal(handover.functions[i].driver_after, "virtio-pci");
	host_done(&host);
	return c;
}

static void measure(size_t n, struct counting *ret_bind, struct counting *ret_release)
{
	struct machine m;

	start_card(&m, n);
	/* a disk of a function would need it, and none has one */
	fake_file(&m.k->tree, "proc/self/mountinfo", "");
	*ret_bind = run_bind(&m);
	*ret_release = run_release(&m);
	assert_as_before(&m);
	machine_stop(&m);
}

/* ---- the tests ---- */

/* The child is asked once for all that may be done without looking in between. */
static void test_questions(void **state)
{
	struct counting bind, release;

	(void)state;
	measure(1, &bind, &release);
	assert_int_equal(bind.series, 3); /* the overrides before; the new ones; away and there */
	/* the overrides before; all the way back; power/control, which vfio-pci has changed */
	assert_int_equal(release.series, 3);
	measure(FUNCTIONS, &bind, &release);
	assert_int_equal(bind.series, 2 + FUNCTIONS);
	assert_int_equal(release.series, 1 + 2 * FUNCTIONS);
}

static void test_reads(void **state)
{
	struct counting bind[2], release[2];

	(void)state;
	measure(1, &bind[0], &release[0]);
	measure(FUNCTIONS, &bind[1], &release[1]);
	for (size_t i = 0; i < ARRAY_SIZE(counted); i++) {
		for (size_t k = 0; k < 2; k++) {
			assert_int_equal(bind[k].per_path[i], 0);
			assert_int_equal(release[k].per_path[i], 0);
		}
	}
	/* per function, above what the host costs whatever is handed over */
	unsigned per_bind = (bind[1].asked - bind[0].asked) / (FUNCTIONS - 1);
	unsigned per_release = (release[1].asked - release[0].asked) / (FUNCTIONS - 1);
	/* what a listing reads is a fourth of it; the rest is drivers, locks, settings, records */
	assert_in_range(per_bind, 1, 20);
	assert_in_range(per_release, 1, 16);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_questions),
		cmocka_unit_test(test_reads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
