// SPDX-License-Identifier: MIT
// Handovers with a deadline: what is armed, by whom, that confirming and releasing disarm it, and
// the process that does it where systemd is not the init, which really runs here.

#include "tests/unit/systemd.h"

#include "base/later.h"
#include "base/run.h"

#include <signal.h>
#include <time.h>

static void read_timed(struct systemd *s, struct handover *ret)
{
	struct fake_tree *tree = &s->uses->k->tree;

	fake_file(tree, "proc/uptime", "1000.37 3900.00\n");
	fake_link(tree, "proc/self/exe", "/usr/bin/passthru (deleted)");
	systemd_read(s, NIC, ret);
	ret->deadline_s = 1800;
}

static bool record_says(struct systemd *s, const char *words)
{
	const struct fake_node *node = fake_find(&s->uses->k->tree, "run/passthru/" NIC);

	return node && strstr(node->data, words);
}

#define UNIT "passthru-release-" NIC "-2800"

static void test_systemd(void **state)
{
	struct systemd *s = *state;
	struct handover handover;
	struct err e = { 0 };

	read_timed(s, &handover);
	assert_int_equal(handover_bind(&s->uses->host, &handover, &e), 0);
	const char *log = systemd_log(s);
	assert_non_null(strstr(log, "systemd-run "));
	assert_non_null(strstr(log, " --unit=" UNIT " "));
	assert_non_null(strstr(log, " --on-active=1800 "));
	assert_non_null(strstr(log, " --timer-property=AccuracySec=1s "));
	assert_non_null(strstr(log, " -- /usr/bin/passthru release --due\n"));
	assert_true(record_says(s, "systemd " UNIT " 2800"));
}

/* Nothing is changed when it cannot be armed: without it nobody would give the card back. */
static void test_not_armed(void **state)
{
	struct systemd *s = *state;
	struct handover handover;
	struct err e = { 0 };

	temporary_file(&s->directory, "broken", "");
	read_timed(s, &handover);
	assert_int_equal(handover_bind(&s->uses->host, &handover, &e), -EIO);
	assert_non_null(strstr(e.text, "arming the timer that gives back"));
	assert_string_equal(fake_driver_of(s->uses->k, NIC), "e1000e");
	assert_string_equal(fake_override_of(s->uses->k, NIC), "(null)");
	assert_false(record_says(s, ""));
	remove(temporary_path(&s->directory, "broken"));
	fake_remove(&s->uses->k->tree, "proc/self/exe");
	systemd_read(s, NIC, &handover);
	handover.deadline_s = 5;
	assert_int_equal(handover_bind(&s->uses->host, &handover, &e), -ENOENT);
	assert_non_null(strstr(e.text, "finding this program"));
}

/* Whatever a run that was killed has changed, the timer was armed before. */
static void test_order(void **state)
{
	struct systemd *s = *state;
	struct fake_kernel *k = s->uses->k;
	struct handover handover;
	struct err e = { 0 };
	unsigned n_changed = 0;

	for (unsigned kill_at = 1; kill_at < 12; kill_at++) {
		read_timed(s, &handover);
		k->trouble = (struct fake_trouble){ .kill_at = kill_at };
		int error = handover_bind(&s->uses->host, &handover, &e);
		k->trouble = (struct fake_trouble){ 0 };
		bool armed = strstr(systemd_log(s), "systemd-run ");
		bool changed = strcmp(fake_driver_of(k, NIC), "e1000e") != 0 ||
			       strcmp(fake_override_of(k, NIC), "(null)") != 0;
		assert_true(armed || !changed);
		n_changed += changed;
		/* the release that the timer would run */
		systemd_read(s, NIC, &handover);
		assert_int_equal(handover_release(&s->uses->host, &handover, &e), 0);
		assert_string_equal(fake_driver_of(k, NIC), "e1000e");
		assert_string_equal(fake_override_of(k, NIC), "(null)");
		(void)systemd_log(s);
		if (error == 0)
			break;
	}
	assert_true(n_changed > 2);
}

/* At the deadline that is given back which was handed over with it, whatever else is there. */
static void test_due(void **state)
{
	struct systemd *s = *state;
	struct host *host = &s->uses->host;
	struct handover handover, due;
	struct err e = { 0 };

	read_timed(s, &handover);
	assert_int_equal(handover_bind(host, &handover, &e), 0);
	/* one of another handover, which is gone */
	fake_file(&s->uses->k->tree, "run/passthru/0000:77:00.0",
		  fake_find(&s->uses->k->tree, "run/passthru/" NIC)->data);
	assert_int_equal(handover_due(host, &due, &e), 0);
	assert_int_equal(due.n, 0);
	fake_file(&s->uses->k->tree, "proc/uptime", "2800.00 3900.00\n");
	assert_int_equal(handover_due(host, &due, &e), 0);
	assert_int_equal(due.n, 1);
	assert_int_equal(handover_release_each(host, &due, &e), 0);
	assert_int_equal(due.functions[0].state, HANDOVER_DONE);
	assert_string_equal(fake_driver_of(s->uses->k, NIC), "e1000e");
	assert_int_equal(handover_due(host, &due, &e), 0);
	assert_int_equal(due.n, 0);
}

static void test_confirm(void **state)
{
	struct systemd *s = *state;
	struct host *host = &s->uses->host;
	struct handover_waiting *waiting;
	struct handover handover;
	struct err e = { 0 };
	size_t n;

	read_timed(s, &handover);
	assert_int_equal(handover_bind(host, &handover, &e), 0);
	fake_file(&s->uses->k->tree, "proc/uptime", "1600.00 3900.00\n");
	systemd_read(s, NIC, &handover);
	assert_int_equal(handover_waiting(host, &waiting, &n, &e), 0);
	assert_int_equal(n, 1);
	assert_string_equal(waiting[0].function->name, NIC);
	assert_int_equal(waiting[0].left_s, 1200);
	assert_string_equal(waiting[0].by, UNIT ".timer");
	(void)systemd_log(s);
	assert_int_equal(handover_confirm(host, &handover, &e), 0);
	assert_int_equal(handover.functions[0].state, HANDOVER_DONE);
	assert_string_equal(systemd_log(s), "stop " UNIT ".timer\nstop " UNIT ".service\n");
	assert_true(record_says(s, "e1000e"));
	assert_false(record_says(s, UNIT));
	assert_int_equal(handover_waiting(host, &waiting, &n, &e), 0);
	assert_int_equal(n, 0);
	/* a second time there is nothing to confirm */
	assert_int_equal(handover_confirm(host, &handover, &e), -EPERM);
	assert_int_equal(e.kind, ERR_REFUSED);
	assert_string_equal(systemd_log(s), "");
	assert_string_equal(fake_driver_of(s->uses->k, NIC), "vfio-pci");
}

static void test_release(void **state)
{
	struct systemd *s = *state;
	struct host *host = &s->uses->host;
	struct handover handover;
	struct err e = { 0 };

	read_timed(s, &handover);
	assert_int_equal(handover_bind(host, &handover, &e), 0);
	(void)systemd_log(s);
	systemd_read(s, NIC, &handover);
	assert_int_equal(handover_release(host, &handover, &e), 0);
	assert_string_equal(systemd_log(s), "stop " UNIT ".timer\nstop " UNIT ".service\n");
	/* at the deadline the release is that service, and must not stop itself */
	read_timed(s, &handover);
	assert_int_equal(handover_bind(host, &handover, &e), 0);
	(void)systemd_log(s);
	fake_file(&s->uses->k->tree, "proc/self/cgroup", "0::/system.slice/" UNIT ".service\n");
	systemd_read(s, NIC, &handover);
	assert_int_equal(handover_release(host, &handover, &e), 0);
	assert_string_equal(systemd_log(s), "stop " UNIT ".timer\n");
}

/* ---- without systemd ---- */

/* A process that has ended may wait for somebody to ask how. */
static bool is_alive(pid_t pid)
{
	char path[64], text[512] = "";

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	FILE *stream = fopen(path, "r");
	if (!stream)
		return false;
	const char *line = fgets(text, sizeof(text), stream), *end = strrchr(text, ')');
	fclose(stream);
	return line && end && end[2] != 'Z' && end[2] != 'X';
}

static bool ends(pid_t pid)
{
	for (int i = 0; i < 500 && is_alive(pid); i++)
		usleep(10000);
	return !is_alive(pid);
}

static bool wait_for_file(const char *path, unsigned ms)
{
	static const struct timespec pause = { .tv_nsec = 10000000 };

	for (unsigned waited = 0; waited < ms; waited += 10) {
		if (access(path, F_OK) == 0)
			return true;
		nanosleep(&pause, NULL);
	}
	return false;
}

/* How many descriptors of @pid are of @file: a lock is held as long as one is open. */
static unsigned count_open(pid_t pid, const char *file)
{
	char path[64], target[1024];
	unsigned n = 0;

	for (int fd = 0; fd < 256; fd++) {
		snprintf(path, sizeof(path), "/proc/%d/fd/%d", (int)pid, fd);
		ssize_t length = readlink(path, target, sizeof(target) - 1);
		if (length < 0)
			continue;
		target[length] = '\0';
		n += strstr(target, file) != NULL;
	}
	return n;
}

/* Runs it after the time, again until it succeeds, with no descriptor of ours. */
static void test_later(void **state)
{
	struct systemd *s = *state;
	char script[4096], done[1024];
	struct err e = { 0 };
	pid_t pid;

	snprintf(done, sizeof(done), "%s", temporary_path(&s->directory, "done"));
	snprintf(script, sizeof(script),
		 "cd '%s'; [ -e once ] || { touch once; exit 1; }; touch done", s->directory.path);
	const char *argv[] = { "/bin/sh", "-c", script, NULL };
	int lock = open(temporary_path(&s->directory, "lock"), O_RDWR | O_CREAT, 0600);
	assert_true(lock > 2);
	assert_int_equal(dup3(lock, 200, O_CLOEXEC), 200);
	assert_int_equal(later_run(argv, 1, 1, &pid, &e), 0);
	assert_int_not_equal(getsid(pid), getsid(0));
	assert_int_equal(count_open(getpid(), "/lock"), 2);
	assert_int_equal(count_open(pid, "/lock"), 0);
	close(200);
	assert_false(wait_for_file(done, 500));
	assert_true(wait_for_file(done, 10000));
	close(lock);
	assert_true(ends(pid));
}

static void test_later_ended(void **state)
{
	struct systemd *s = *state;
	char script[2048], done[1024];
	struct err e = { 0 };
	pid_t pid;

	snprintf(done, sizeof(done), "%s", temporary_path(&s->directory, "done"));
	snprintf(script, sizeof(script), "touch '%s'", done);
	const char *argv[] = { "/bin/sh", "-c", script, NULL };
	assert_int_equal(later_run(argv, 1, 1, &pid, &e), 0);
	assert_int_equal(kill(pid, SIGTERM), 0);
	assert_false(wait_for_file(done, 1500));
}

/* The record names the process and when it started: another one of its number is left alone. */
static void test_process(void **state)
{
	struct systemd *s = *state;
	struct host *host = &s->uses->host;
	struct fake_tree *tree = &s->uses->k->tree;
	struct handover handover;
	struct err e = { 0 };
	char timer[64], path[64];
	const char *armed;
	pid_t pid;

	fake_remove(tree, "run/systemd");
	read_timed(s, &handover);
	fake_link(tree, "proc/self/exe", "/bin/true");
	assert_int_equal(timer_arm(host, &handover, &armed, &e), 0);
	assert_int_equal(sscanf(armed, "process %d 0 2800", &pid), 1);
	assert_true(is_alive(pid));
	snprintf(timer, sizeof(timer), "process %d 555 2800", (int)pid);
	snprintf(path, sizeof(path), "proc/%d/stat", (int)pid);
	fake_file(tree, path,
		  "7 (pass ) thru) S 1 7 7 0 -1 4194560 1 0 0 0 0 0 0 0 20 0 1 0 556 1 1\n");
	timer_disarm(host, timer);
	usleep(100000);
	assert_true(is_alive(pid));
	fake_file(tree, path,
		  "7 (pass ) thru) S 1 7 7 0 -1 4194560 1 0 0 0 0 0 0 0 20 0 1 0 555 1 1\n");
	timer_disarm(host, timer);
	assert_true(ends(pid));
}

/* ---- commands that may not come to an end ---- */

static void take_nothing(void *closure, const char *data, size_t n)
{
	(void)closure, (void)data, (void)n;
}

static void test_limit(void **state)
{
	const char *slow[] = { "sleep", "600", NULL }, *quick[] = { "true", NULL };
	const char *closed[] = { "sh", "-c", "exec >&-; exec sleep 600", NULL };
	struct err e = { 0 };

	(void)state;
	assert_int_equal(run_read_within(quick, 10000, take_nothing, NULL, &e), 0);
	assert_int_equal(run_read_within(slow, 200, take_nothing, NULL, &e), -ETIMEDOUT);
	assert_non_null(strstr(e.text, "sleep has not come to an end"));
	assert_int_equal(run_read_within(closed, 200, take_nothing, NULL, &e), -ETIMEDOUT);
}

#define TEST(name) cmocka_unit_test_setup_teardown(test_##name, systemd_start, systemd_stop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(systemd), TEST(not_armed),
		TEST(order),   TEST(due),
		TEST(confirm), TEST(release),
		TEST(later),   TEST(later_ended),
		TEST(process), cmocka_unit_test(test_limit),
	};

	return cmocka_run_group_tests_name("timer", tests, NULL, NULL);
}
