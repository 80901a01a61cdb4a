// SPDX-License-Identifier: MIT
// Running a guest: what vm_run() makes of a QEMU that ends, fails, is deaf or talks nonsense, of
// signals and of what stands at its standard input and output. QEMU is tests/fake/qemu.sh.

#include "tests/unit/vm_guest.h"

/* Long enough that a test which depends on it has failed. */
#define LONG_MS (2 * PATIENCE_MS)

static void start_with(struct vm_guest *g, const char *how, bool terminal, int powerdown_ms,
		       int quit_ms)
{
	char fake[PATH_MAX + 32], argument[32];
	char *argv[] = { fake, argument, NULL };

	snprintf(fake, sizeof(fake), "%s/tests/fake/qemu.sh", source_top());
	snprintf(argument, sizeof(argument), "%s", how);
	guest_start(g, argv, terminal, powerdown_ms, quit_ms);
}

static void start(struct vm_guest *g, const char *how)
{
	start_with(g, how, false, LONG_MS, LONG_MS);
}

/* Ends it, and holds the result and the sentence against what is wanted. */
static void check_end(struct vm_guest *g, int result, const char *sentence)
{
	int got = guest_end(g);

	if (got != result)
		fail_msg("returned %d (%s), wanted %d", got, g->outcome->e.text, result);
	if (result < 0)
		assert_string_equal(g->outcome->e.text, sentence);
	else
		assert_int_equal(g->outcome->status, 0);
	guest_free(g);
}

static void guest_ends_well(void **state)
{
	struct vm_guest g;

	(void)state;
	start(&g, "ends");
	guest_expect(&g, "the last words of the guest\n");
	check_end(&g, 0, NULL);
}

static void all_output_arrives_at_a_slow_reader(void **state)
{
	struct vm_guest g;
	size_t total = 0;

	(void)state;
	start(&g, "much");
	guest_expect(&g, "ready\n");
	total = g.n;
	for (;;) {
		char data[3000];
		wait_readable(g.out, "more output");
		ssize_t n = read(g.out, data, sizeof(data));
		if (n <= 0)
			break;
		total += (size_t)n;
		if (total < 30000)
			usleep(20000);
	}
	assert_int_equal(total, 300000);
	check_end(&g, 0, NULL);
}

static void failures_are_explained(void **state)
{
	static const struct {
		const char *how;
		int result;
		const char *sentence;
	} cases[] = {
		{ "refuses", -EIO,
		  "qemu.sh did not start the guest: -device vfio-pci: vfio 0000:01:00.0: group 2 "
		  "is "
		  "not viable Please ensure all devices are bound." },
		{ "mute", -EIO, "qemu.sh did not start the guest, and did not say why" },
		{ "fails", -EIO, "qemu.sh ended with status 3: something broke" },
		{ "crashes", -EIO, "qemu.sh was killed by signal 11 (Segmentation fault)" },
		{ "stops", -EIO,
		  "qemu.sh stopped the guest (internal-error): KVM internal error. Suberror: 1" },
		{ "garbage", -EPROTO, "the monitor of QEMU sent what is not QMP" },
		{ "flood", -EPROTO, "the monitor of QEMU sent what is not QMP" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct vm_guest g;
		start(&g, cases[i].how);
		check_end(&g, cases[i].result, cases[i].sentence);
	}
}

static void status_of_qemu_is_returned(void **state)
{
	struct vm_guest g;

	(void)state;
	start(&g, "fails");
	assert_int_equal(guest_end(&g), -EIO);
	assert_int_equal(g.outcome->status, 3);
	guest_free(&g);
}

static void qemu_that_is_not_there(void **state)
{
	char name[] = "no-such-qemu", path[] = "/nonexistent/qemu";
	char *by_name[] = { name, NULL }, *by_path[] = { path, NULL };
	struct vm_guest g;

	(void)state;
	guest_start(&g, by_name, false, LONG_MS, LONG_MS);
	check_end(&g, -ENOENT,
		  "no-such-qemu is not installed: no directory of PATH has it (Debian: package "
		  "qemu-system-x86)");
	guest_start(&g, by_path, false, LONG_MS, LONG_MS);
	check_end(&g, -ENOENT, "starting /nonexistent/qemu: No such file or directory");
}

static void signal_asks_for_powerdown(void **state)
{
	static const int signals[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(signals); i++) {
		struct vm_guest g;
		/* a guest that obeys may take longer to end than one that does not is given */
		start_with(&g, "obeys", false, 300, LONG_MS);
		guest_expect(&g, "ready\n");
		kill(g.pid, signals[i]);
		guest_expect(&g, "told system_powerdown\n");
		guest_expect(&g, "disks written\n");
		check_end(&g, 0, NULL);
	}
}

static void second_signal_quits(void **state)
{
	struct vm_guest g;

	(void)state;
	start(&g, "stubborn");
	guest_expect(&g, "ready\n");
	kill(g.pid, SIGINT);
	guest_expect(&g, "told system_powerdown\n");
	kill(g.pid, SIGINT);
	guest_expect(&g, "told quit\n");
	check_end(&g, 0, NULL);
}

static void end_of_the_session_is_one_request(void **state)
{
	struct vm_guest g;

	(void)state;
	start(&g, "stubborn");
	guest_expect(&g, "ready\n");
	kill(g.pid, SIGTERM);
	kill(g.pid, SIGHUP);
	guest_expect(&g, "told system_powerdown\n");
	struct pollfd nothing = { g.out, POLLIN, 0 };
	assert_int_equal(poll(&nothing, 1, 300), 0);
	kill(g.pid, SIGTERM);
	guest_expect(&g, "told quit\n");
	check_end(&g, 0, NULL);
}

static void time_ends_a_guest_that_does_not_listen(void **state)
{
	struct vm_guest g;

	(void)state;
	start_with(&g, "stubborn", false, 200, LONG_MS);
	guest_expect(&g, "ready\n");
	kill(g.pid, SIGINT);
	guest_expect(&g, "told quit\n");
	check_end(&g, 0, NULL);

	start_with(&g, "deaf", false, 200, 200);
	guest_expect(&g, "ready\n");
	kill(g.pid, SIGINT);
	guest_expect(&g, "told quit\n");
	check_end(&g, -ETIMEDOUT, "qemu.sh did not end and was killed");
}

static void signal_before_the_monitor_answers(void **state)
{
	struct vm_guest g;

	(void)state;
	start(&g, "silent");
	guest_expect(&g, "here\n");
	kill(g.pid, SIGINT);
	check_end(&g, -EINTR, "qemu.sh was ended before the guest ran");
}

static void console_goes_both_ways(void **state)
{
	struct vm_guest g;

	(void)state;
	start(&g, "echoes");
	guest_type(&g, "hello\n");
	guest_expect(&g, "heard hello\n");
	check_end(&g, 0, NULL);
}

static void end_of_input_is_not_the_end(void **state)
{
	struct vm_guest g;

	(void)state;
	start(&g, "waits");
	guest_close_in(&g);
	guest_expect(&g, "still here\n");
	check_end(&g, 0, NULL);
}

static void nobody_reading_ends_the_guest(void **state)
{
	struct vm_guest g;

	(void)state;
	start(&g, "obeys");
	guest_expect(&g, "ready\n");
	close(g.out);
	g.out = -1;
	check_end(&g, 0, NULL);
}

static void closed_descriptors(void **state)
{
	char fake[PATH_MAX + 32], how[] = "ends";
	char *argv[] = { fake, how, NULL };
	const struct vm_command command = { argv, 2 };
	CLEANUP_CLOSE int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
	struct vm_session session = { -1, -1, LONG_MS, LONG_MS };
	int status = 1;
	struct err e;

	(void)state;
	snprintf(fake, sizeof(fake), "%s/tests/fake/qemu.sh", source_top());
	assert_int_equal(vm_run_session(&command, &session, &status, &e), -EINVAL);
	assert_string_equal(e.text, "the console of a guest needs a standard output");
	session.out = null;
	assert_int_equal(vm_run_session(&command, &session, &status, &e), 0);
	assert_int_equal(status, 0);
}

/* Neither a pipe nor a terminal that nobody empties keeps it from its signals. */
static void stalled_reader_does_not_hold_it(void **state)
{
	(void)state;
	for (int terminal = 0; terminal < 2; terminal++) {
		struct vm_guest g;
		start_with(&g, "much", terminal, LONG_MS, 200);
		guest_expect(&g, "ready");
		usleep(200000);
		kill(g.pid, SIGINT);
		usleep(100000);
		kill(g.pid, SIGINT);
		check_end(&g, -ETIMEDOUT, "qemu.sh did not end and was killed");
	}
}

static void ignored_signals_stay_ignored(void **state)
{
	struct vm_guest g;

	(void)state;
	signal(SIGHUP, SIG_IGN);
	start(&g, "stubborn");
	signal(SIGHUP, SIG_DFL);
	guest_expect(&g, "ready\n");
	kill(g.pid, SIGHUP);
	struct pollfd nothing = { g.out, POLLIN, 0 };
	assert_int_equal(poll(&nothing, 1, 300), 0);
	kill(g.pid, SIGINT);
	guest_expect(&g, "told system_powerdown\n");
	kill(g.pid, SIGINT);
	check_end(&g, 0, NULL);
}

static void terminal_is_raw_and_restored(void **state)
{
	struct termios before, during;
	struct vm_guest g;

	(void)state;
	start_with(&g, "obeys", true, LONG_MS, LONG_MS);
	assert_int_equal(tcgetattr(g.terminal, &before), 0);
	assert_true(before.c_lflag & ICANON);
	guest_expect(&g, "ready\n");
	assert_int_equal(tcgetattr(g.terminal, &during), 0);
	assert_int_equal(during.c_lflag & (ICANON | ECHO | ISIG), ISIG);
	assert_int_equal(during.c_oflag & OPOST, 0);
	assert_int_equal(during.c_cc[VSUSP], _POSIX_VDISABLE);

	/* a shell gives the terminal its own modes while we are stopped */
	assert_int_equal(tcsetattr(g.terminal, TCSANOW, &before), 0);
	kill(g.pid, SIGCONT);
	for (int i = 0; i < 100 && (during.c_lflag & ICANON || i == 0); i++) {
		usleep(50000);
		assert_int_equal(tcgetattr(g.terminal, &during), 0);
	}
	assert_int_equal(during.c_lflag & (ICANON | ECHO | ISIG), ISIG);

	guest_type(&g, "\x03");
	guest_expect(&g, "told system_powerdown\n");
	check_end(&g, 0, NULL);
	assert_int_equal(before.c_iflag, g.modes.c_iflag);
	assert_int_equal(before.c_oflag, g.modes.c_oflag);
	assert_int_equal(before.c_cflag, g.modes.c_cflag);
	assert_int_equal(before.c_lflag, g.modes.c_lflag);
	assert_memory_equal(before.c_cc, g.modes.c_cc, sizeof(before.c_cc));
}

static void terminal_is_restored_after_a_failure(void **state)
{
	static const char *const hows[] = { "refuses", "crashes", "garbage" };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(hows); i++) {
		struct vm_guest g;
		start_with(&g, hows[i], true, LONG_MS, LONG_MS);
		assert_true(guest_end(&g) < 0);
		guest_free(&g);
		assert_int_equal(g.modes.c_lflag & (ICANON | ECHO | ISIG), ICANON | ECHO | ISIG);
	}
}

/* The number after "<name> " in what has been printed. */
static long number_of(const char *text, const char *name)
{
	const char *at = strstr(text, name);

	assert_non_null(at);
	return strtol(at + strlen(name), NULL, 10);
}

static void qemu_gets_a_clean_place_and_dies_with_us(void **state)
{
	struct vm_guest g;
	char text[sizeof(g.seen)];
	int how;

	(void)state;
	start(&g, "looks");
	guest_expect(&g, "ready\n");
	while (!memmem(g.seen, g.n, "looked\n", 7)) {
		wait_readable(g.out, "looked");
		ssize_t n = read(g.out, g.seen + g.n, sizeof(g.seen) - 1 - g.n);
		assert_true(n > 0);
		g.n += (size_t)n;
	}
	snprintf(text, sizeof(text), "%.*s", (int)g.n, g.seen);
	assert_says(text, "/dev/null\n0\n1\n2\n3\n4\n5\nSig");
	assert_says(text, "SigBlk:\t0000000000000000\n");
	/* 32 and 33 are the C library's own, which nobody can set back */
	const char *ignored = strstr(text, "SigIgn:\t");
	assert_non_null(ignored);
	assert_true((strtoull(ignored + strlen("SigIgn:\t"), NULL, 16) & ~(3ULL << 31)) == 0);
	pid_t qemu = (pid_t)number_of(text, "pid ");
	assert_int_equal(number_of(text, "group "), qemu);

	int pidfd = pidfd_open(qemu, 0);
	assert_true(pidfd >= 0);
	kill(g.pid, SIGKILL);
	wait_readable(pidfd, "the end of QEMU");
	close(pidfd);
	assert_int_equal(waitpid(g.pid, &how, 0), g.pid);
	close(g.in);
	close(g.out);
	guest_free(&g);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(guest_ends_well),
		cmocka_unit_test(all_output_arrives_at_a_slow_reader),
		cmocka_unit_test(failures_are_explained),
		cmocka_unit_test(status_of_qemu_is_returned),
		cmocka_unit_test(qemu_that_is_not_there),
		cmocka_unit_test(signal_asks_for_powerdown),
		cmocka_unit_test(second_signal_quits),
		cmocka_unit_test(end_of_the_session_is_one_request),
		cmocka_unit_test(time_ends_a_guest_that_does_not_listen),
		cmocka_unit_test(signal_before_the_monitor_answers),
		cmocka_unit_test(console_goes_both_ways),
		cmocka_unit_test(end_of_input_is_not_the_end),
		cmocka_unit_test(nobody_reading_ends_the_guest),
		cmocka_unit_test(closed_descriptors),
		cmocka_unit_test(stalled_reader_does_not_hold_it),
		cmocka_unit_test(ignored_signals_stay_ignored),
		cmocka_unit_test(terminal_is_raw_and_restored),
		cmocka_unit_test(terminal_is_restored_after_a_failure),
		cmocka_unit_test(qemu_gets_a_clean_place_and_dies_with_us),
	};

	/* a shell that starts jobs in the background has them ignore the keyboard */
	signal(SIGINT, SIG_DFL);
	signal(SIGQUIT, SIG_DFL);
	signal(SIGHUP, SIG_DFL);
	signal(SIGTERM, SIG_DFL);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
