// SPDX-License-Identifier: MIT
// The one word of the command line that makes the early helper do anything.

#include "early/early.h"
#include "tests/unit/temporary.h"

static void the_word(void **state)
{
	static const struct {
		const char *line;
		bool is;
	} lines[] = {
		{ "passthru.boot=1", true },
		{ "quiet passthru.boot=1 splash\n", true },
		{ "\tpassthru.boot=1\n", true },
		{ "passthru.boot=\"1\"", true },
		{ "\"passthru.boot=1\" quiet", true },
		{ "a=\"b c\" passthru.boot=1", true },
		{ "a=\"b\"c passthru.boot=1", true },
		{ "passthru.boot=0 passthru.boot=1", true },
		{ "", false },
		{ "passthru.boot", false },
		{ "passthru.boot=", false },
		{ "passthru.boot=11", false },
		{ "passthru.boot=0", false },
		{ "passthru.boot=1 passthru.boot=0", false },
		{ "xpassthru.boot=1", false },
		{ "passthru.boots=1", false },
		{ "dyndbg=\"a passthru.boot=1 b\"", false },
		{ "a=\"passthru.boot=1", false },
		{ "quiet -- passthru.boot=1", false },
		{ "quiet --x passthru.boot=1", true },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
		if (early_is_asked(lines[i].line, strlen(lines[i].line)) != lines[i].is)
			fail_msg("%s", lines[i].line);
	}
	assert_false(early_is_asked("a\0 passthru.boot=1", 18));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_word),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
