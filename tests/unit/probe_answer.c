// SPDX-License-Identifier: MIT
// The answer of a probe: exit status, what people read, and, with the argument "json", one document
// for each of several devices, good ones and bad ones, a line each, for probe_schema.py.

#include "cmd/probe.h"
#include "tests/unit/probe_machine.h"

#include <unistd.h>

static void no_remapping(struct probe_bench *b)
{
	b->vfio.no_remapping = true;
}

static void no_rights(struct probe_bench *b)
{
	b->options.backends = 1u << VFIO_GROUP;
	b->vfio.fail_kind = FAKE_VFIO_CONTAINER;
	b->vfio.fail_node = "dev/vfio/vfio";
	b->vfio.fail_with = -EACCES;
}

static void no_reset(struct probe_bench *b)
{
	b->vfio.devices[2].resets = false;
	b->vfio.no_slot_reset = true;
}

static void with_rom(struct probe_bench *b)
{
	/* for ISA: two sectors without a data structure, whose sum is not 0 */
	static const uint8_t rom[] = { 0x55, 0xaa, 2 };

	assert_int_equal(pwrite(b->vfio.memory, rom, sizeof(rom), (off_t)6 << 20), sizeof(rom));
}

static void well(struct probe_bench *b)
{
	b->methods = "flr bus";
}

static const struct {
	const char *device;
	void (*prepare)(struct probe_bench *b);
	int status;
	const char *says;
} cases[] = {
	{ OTHER, well, 0, OTHER "  -       yes" },
	{ CARD, with_rom, 0, "ROM                  group     no" },
	{ OTHER, no_remapping, 1, OTHER ": a guest cannot use it: open, group: " },
	{ OTHER, no_rights, 3, OTHER ": could not find out: back end, group: " },
	{ OTHER, no_reset, 4, OTHER ": a guest can use it, but: reset, group: " },
};

/* Probes and fills the document, which lives with the host of @b. */
static struct doc *answer(struct probe_bench *b, size_t i, int *ret_status)
{
	probe_bench_start(b);
	cases[i].prepare(b);
	assert_int_equal(probe_bench_run_one(b, cases[i].device), 0);
	struct request request = {
		.host = &b->host,
		.numeric = true,
		.doc = doc_new(&b->host.arena, "passthru.probe/1"),
	};
	probe_answer(&request, &b->probe, false);
	*ret_status = probe_exit(&b->probe);
	return request.doc;
}

static void test_answers(void **state)
{
	struct doc_style plain = { 0 };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct probe_bench b;
		char *text = NULL;
		size_t n;
		int status;

		struct doc *doc = answer(&b, i, &status);
		FILE *out = open_memstream(&text, &n);
		assert_non_null(out);
		assert_int_equal(doc_render_text(doc, &plain, out), 0);
		fclose(out);
		assert_int_equal(status, cases[i].status);
		if (!strstr(text, cases[i].says))
			fail_msg("\"%s\" is not in: %s", cases[i].says, text);
		/* for those who ask for all */
		assert_null(strstr(text, "Regions"));
		free(text);
		probe_bench_stop(&b);
	}
}

/* One that works and one that does not. */
static void test_mixed(void **state)
{
	struct probe_function functions[2] = { { .answer = PROBE_YES }, { .answer = PROBE_NO } };
	struct probe p = { .functions = functions, .n = 2 };

	(void)state;
	assert_int_equal(probe_exit(&p), 4);
	functions[0].answer = PROBE_UNKNOWN;
	assert_int_equal(probe_exit(&p), 1);
	functions[1].answer = PROBE_YES;
	assert_int_equal(probe_exit(&p), 3);
	functions[0].answer = PROBE_YES;
	assert_int_equal(probe_exit(&p), 0);
	functions[0].limited = true;
	assert_int_equal(probe_exit(&p), 4);
}

static int print_documents(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct probe_bench b;
		int status;

		struct doc *doc = answer(&b, i, &status);
		if (doc_render_json(doc, stdout) < 0)
			return 1;
		putchar('\f');
		probe_bench_stop(&b);
	}
	return 0;
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_answers),
		cmocka_unit_test(test_mixed),
	};

	if (argc > 1 && str_eq(argv[1], "json"))
		return print_documents();
	return cmocka_run_group_tests_name("probe_answer", tests, NULL, NULL);
}
