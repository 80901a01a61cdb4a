// SPDX-License-Identifier: MIT
// watch without a kernel: from changes to lines. With the argument "lines" it prints one JSON line
// of each kind, for watch_schema.py.

#include "tests/unit/watch_fixture.h"

static const char *line(struct fixture *f, struct doc *doc, int (*render)(struct doc *, FILE *))
{
	char *buffer = NULL;
	size_t n;
	FILE *out = open_memstream(&buffer, &n);

	assert_int_equal(render(doc, out), 0);
	fclose(out);
	char *copy = arena_strndup(&f->round.arena, buffer, n);
	free(buffer);
	return copy;
}

static const char *after(const char *text_line, const char *what)
{
	const char *at = strstr(text_line, what);

	assert_non_null(at);
	return at;
}

static void test_text(void **state)
{
	struct fixture *f = *state;
	struct watch_change change = { .event = WATCH_BIND, .from = NONE, .to = text("vfio-pci") };

	begin(f, CARD);
	change.function = f->watched.function[0];
	assert_string_equal(
		after(line(f, watch_answer(&f->request, &f->round, &change), doc_render_line),
		      CARD),
		CARD "  bind             none -> vfio-pci  10de:1c82\n");
	watch_add(&f->changes, WATCH_STATE, change.function);
	assert_string_equal(
		after(line(f, watch_answer(&f->request, &f->round, &f->changes.change[0]),
			   doc_render_line),
		      CARD),
		CARD "  state            driver nvidia, group 2, active, D0, "
		     "8.0 GT/s PCIe x16  10de:1c82\n");
	change = (struct watch_change){ .event = WATCH_OVERRIDE,
					.function = change.function,
					.from = text("a\nb\033[2J"),
					.to = NONE };
	const char *hostile =
		line(f, watch_answer(&f->request, &f->round, &change), doc_render_line);
	assert_non_null(strstr(hostile, "a\\x0ab\\x1b[2J -> none"));
}

static void test_json(void **state)
{
	struct fixture *f = *state;
	struct watch_change change = { .event = WATCH_GROUP, .from = NONE, .to = text("12") };

	begin(f, CARD);
	change.function = f->watched.function[0];
	const char *json =
		line(f, watch_answer(&f->request, &f->round, &change), doc_render_json_line);
	assert_ptr_equal(strchr(json, '\n'), json + strlen(json) - 1);
	assert_string_equal(after(json, "\"address\""),
			    "\"address\":\"" CARD "\",\"vendor\":\"10de\",\"device\":\"1c82\","
			    "\"name\":null,\"from\":null,\"to\":12,\"state\":null,"
			    "\"record\":null}\n");
}

/* One line of each kind on standard output, and of each kind of value. */
static int print_lines(void)
{
	static const struct fact_text values[] = { { .value = "5" },
						   { .error = -ENOENT },
						   { .error = -EACCES } };
	void *state;

	start(&state);
	struct fixture *f = state;
	begin(f, CARD);
	fake_file(&f->k->tree, "run/passthru/" CARD, "{\"version\":1,\"driver\":\"nvidia\"}");
	for (int event = WATCH_STATE; event <= WATCH_LOST; event++) {
		for (size_t i = 0; i < ARRAY_SIZE(values); i++) {
			const struct watch_function *card = f->watched.function[0];
			struct watch_change change = {
				.event = (enum watch_event)event,
				.function = event == WATCH_LOST ? NULL : card,
				.from = values[i],
				.to = values[(i + 1) % ARRAY_SIZE(values)],
				.state = card->state,
			};
			if (event == WATCH_ADD || event == WATCH_REMOVE || event == WATCH_LOST ||
			    event == WATCH_STATE)
				change.from = change.to = NONE;
			if (event == WATCH_RECOVERY)
				change.from = NONE, change.to = text("FAILED_RECOVERY");
			printf("%s", line(f, watch_answer(&f->request, &f->round, &change),
					  doc_render_json_line));
		}
	}
	stop(&state);
	return 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		TEST(test_text),
		TEST(test_json),
	};

	if (argc > 1 && str_eq(argv[1], "lines"))
		return print_lines();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
