// SPDX-License-Identifier: MIT
// Asking, on a terminal of its own: what counts as yes, what is shown, and that nobody is asked who
// is not there.

#include "cmd/ask.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <pty.h>
#include <string.h>
#include <sys/wait.h>

/* 0 yes, 1 refused, 2 refused with the document as answer, 3 anything else. */
static int ask(void)
{
	struct host host = { 0 };
	struct request request = { .host = &host, .schema = "passthru.test/1" };
	struct err e = { 0 };

	request.doc = doc_new(&host.arena, request.schema);
	doc_note(doc_root(request.doc), "What would be done.");
	int error = ask_consent(&request, "Do it?", &e);
	bool is_empty = doc_is_empty(request.doc);
	arena_free(&host.arena);
	if (error == 0 && is_empty && !request.answers_with_error)
		return 0;
	if (error != -EPERM || e.kind != ERR_REFUSED)
		return 3;
	return request.answers_with_error ? (is_empty ? 3 : 2) : (is_empty ? 1 : 3);
}

/* What the child says on its terminal, to its end; *@ret_status: what ask() gave. */
static const char *on_terminal(const char *typed, int *ret_status)
{
	static char shown[4096];
	size_t n = 0;
	int terminal, status;
	pid_t child = forkpty(&terminal, NULL, NULL, NULL);

	if (child == 0)
		_exit(ask());
	assert_true(child > 0);
	assert_int_equal(write(terminal, typed, strlen(typed)), strlen(typed));
	for (;;) {
		ssize_t got = read(terminal, shown + n, sizeof(shown) - 1 - n);
		if (got <= 0)
			break;
		n += (size_t)got;
	}
	shown[n] = '\0';
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	*ret_status = WEXITSTATUS(status);
	close(terminal);
	return shown;
}

static void test_answers(void **state)
{
	static const struct {
		const char *typed;
		int status;
	} cases[] = {
		{ "y\n", 0 },   { "yes\n", 0 }, { "Y\n", 0 },
		{ "YES\n", 0 }, { "n\n", 1 },   { "\n", 1 },
		{ "yy\n", 1 },  { "no\n", 1 },  { "yes, but not now\n", 1 },
		{ "\004", 1 },
	};
	int status;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const char *shown = on_terminal(cases[i].typed, &status);

		if (status != cases[i].status)
			fail_msg("\"%s\" gave %d", cases[i].typed, status);
		assert_non_null(strstr(shown, "What would be done."));
		assert_non_null(strstr(shown, "Do it? [y/N] "));
	}
}

/* A terminal that controls the process, but nobody's answer on standard input; none at all. */
static void test_nobody(void **state)
{
	int terminal, status;

	(void)state;
	for (int with_terminal = 0; with_terminal < 2; with_terminal++) {
		pid_t child = forkpty(&terminal, NULL, NULL, NULL);
		if (child == 0) {
			int fd = open("/dev/null", O_RDWR);
			dup2(fd, STDIN_FILENO);
			if (!with_terminal && setsid() < 0)
				dup2(fd, STDOUT_FILENO);
			_exit(ask());
		}
		assert_true(child > 0);
		assert_int_equal(waitpid(child, &status, 0), child);
		assert_int_equal(WEXITSTATUS(status), 2);
		close(terminal);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_answers),
		cmocka_unit_test(test_nobody),
	};

	return cmocka_run_group_tests_name("ask", tests, NULL, NULL);
}
