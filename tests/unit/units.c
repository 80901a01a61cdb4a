// SPDX-License-Identifier: MIT
// Units that use a device: which are stopped, in which order, what is left alone and why, and that
// they are started again.

#include "tests/unit/systemd.h"

#define DISK "/nvme/nvme0/nvme0n1"

static void put_disk(struct systemd *s)
{
	uses_block(s->uses, uses_path(s->uses, NVME, DISK), "259:0", NULL);
}

static void mount(struct systemd *s)
{
	fake_file(&s->uses->k->tree, "proc/self/mountinfo",
		  "29 1 259:0 / /srv rw - ext4 /dev/nvme0n1 rw\n");
}

static void hold(struct systemd *s, const char *cgroup)
{
	fake_open(s->uses->k, "812", "postgres", "/dev/nvme0n1");
	fake_file(&s->uses->k->tree, "proc/812/cgroup", cgroup);
}

/* What would be stopped for the NVMe drive, with commas between; what refuses it, or "". */
static void plan(struct systemd *s, struct handover *handover, const char *wanted_units,
		 const char *wanted_refusal)
{
	struct handover_refusals refusals;
	struct host *host = &s->uses->host;
	struct err e = { 0 };

	systemd_read(s, NVME, handover);
	assert_int_equal(handover_refusals(host, handover, &refusals, &e), 0);
	assert_int_not_equal(refusals.n, 0);
	handover_stop_units(host, handover, &refusals);
	assert_string_equal(text_join(&host->arena, handover->units, handover->n_units, ","),
			    wanted_units);
	if (*wanted_refusal) {
		assert_int_equal(refusals.n, 1);
		if (!strstr(refusals.refusal[0].what, wanted_refusal))
			fail_msg("\"%s\" does not say \"%s\"", refusals.refusal[0].what,
				 wanted_refusal);
	} else {
		assert_int_equal(refusals.n, 0);
	}
	assert_string_equal(systemd_log(s), ""); /* looking stops nothing */
}

static void test_mount(void **state)
{
	struct systemd *s = *state;
	struct handover handover;

	put_disk(s);
	mount(s);
	systemd_unit(s, "srv.mount", "");
	plan(s, &handover, "srv.mount", "");
	/* one that was mounted by hand could not be mounted again */
	temporary_file(&s->directory, "srv.mount",
		       "Id=srv.mount\nActiveState=active\nFragmentPath=\n"
		       "SourcePath=/proc/self/mountinfo\n");
	plan(s, &handover, "", "srv.mount has no file that it could be started again from");
}

static void test_service(void **state)
{
	struct systemd *s = *state;
	struct handover handover;

	put_disk(s);
	hold(s, "0::/system.slice/postgres.service\n");
	systemd_unit(s, "postgres.service", "");
	plan(s, &handover, "postgres.service", "");
	systemd_unit(s, "postgres.service", "Transient=yes\n");
	plan(s, &handover, "", "has no file");
	systemd_unit(s, "postgres.service", "RefuseManualStop=yes\n");
	plan(s, &handover, "", "refuses to be stopped by hand");
	temporary_file(&s->directory, "postgres.service", "ActiveState=inactive\n");
	plan(s, &handover, "", "is not active");
}

/* What requires it goes first, and so does what would start it again. */
static void test_others(void **state)
{
	struct systemd *s = *state;
	struct handover handover;

	put_disk(s);
	mount(s);
	systemd_unit(s, "srv.mount",
		     "RequiredBy=local-fs.target web.service idle.service\nBoundBy=web.service\n");
	systemd_unit(s, "web.service", "TriggeredBy=web.socket web.timer\nConsistsOf=srv.mount\n");
	systemd_unit(s, "web.socket", "");
	temporary_file(&s->directory, "idle.service", "Id=idle.service\nActiveState=inactive\n");
	plan(s, &handover, "web.socket,web.service,srv.mount", "");
	/* when one of them cannot be stopped, none is */
	systemd_unit(s, "web.socket", "RefuseManualStop=yes\n");
	plan(s, &handover, "", "would take web.service with it, which would take web.socket");
	systemd_unit(s, "web.service", "RefuseManualStop=yes\n");
	systemd_unit(s, "db.service", "");
	systemd_unit(s, "srv.mount", "RequiredBy=db.service web.service\n");
	plan(s, &handover, "", "would take web.service with it, which refuses to be stopped");
}

/* A swap device has several units, of which only one has a file. */
static void test_following(void **state)
{
	struct systemd *s = *state;
	struct handover handover;

	put_disk(s);
	fake_file(&s->uses->k->tree, "proc/swaps",
		  "Filename Type Size Used Priority\n/dev/nvme0n1 partition 8 0 -2\n");
	temporary_file(&s->directory, "dev-nvme0n1.swap",
		       "ActiveState=active\nFollowing=dev-disk-by\\x2duuid-1.swap\n");
	systemd_unit(s, "dev-disk-by\\x2duuid-1.swap", "");
	plan(s, &handover, "dev-disk-by\\x2duuid-1.swap", "");
}

static void test_left_alone(void **state)
{
	struct systemd *s = *state;
	struct handover handover;

	put_disk(s);
	hold(s, "0::/system.slice/docker-12.scope\n");
	plan(s, &handover, "", "docker-12.scope holds programs that systemd did not start");
	hold(s, "0::/system.slice/ssh.service\n");
	systemd_unit(s, "ssh.service", "");
	plan(s, &handover, "", "ssh.service is not stopped, because this host or session needs it");
	/* the unit that this program runs in */
	hold(s, "0::/system.slice/cockpit.service\n");
	systemd_unit(s, "cockpit.service", "");
	plan(s, &handover, "cockpit.service", "");
	fake_file(&s->uses->k->tree, "proc/self/cgroup", "0::/system.slice/cockpit.service\n");
	plan(s, &handover, "", "cockpit.service is not stopped");
	/* a session has no unit to stop at all */
	hold(s, "0::/user.slice/user-1000.slice/session-2.scope\n");
	plan(s, &handover, "", "postgres (pid 812) has dev/nvme0n1 open");
}

/* Stopped in that order, then looked at again: still in use refuses. */
static void test_stop(void **state)
{
	struct systemd *s = *state;
	struct host *host = &s->uses->host;
	struct handover handover;
	struct err e = { 0 };

	put_disk(s);
	mount(s);
	systemd_unit(s, "srv.mount", "RequiredBy=web.service\n");
	systemd_unit(s, "web.service", "TriggeredBy=web.socket\n");
	systemd_unit(s, "web.socket", "");
	plan(s, &handover, "web.socket,web.service,srv.mount", "");
	assert_int_equal(units_stop(host, &handover, &e), -EPERM);
	assert_int_equal(e.kind, ERR_REFUSED);
	assert_non_null(strstr(e.text, "after its units were stopped"));
	assert_non_null(strstr(e.text, "/srv is mounted"));
	assert_string_equal(systemd_log(s), "stop web.socket\nstop web.service\nstop srv.mount\n");
	/* what is mounted first, and a socket before its service */
	assert_int_equal(units_start(host, handover.units, handover.n_units, &e), 0);
	assert_string_equal(systemd_log(s),
			    "start srv.mount\nstart web.socket\nstart web.service\n");
	fake_file(&s->uses->k->tree, "proc/self/mountinfo",
		  "22 1 0:21 / /proc rw - proc proc rw\n");
	assert_int_equal(units_stop(host, &handover, &e), 0);
}

static void test_failures(void **state)
{
	struct systemd *s = *state;
	struct host *host = &s->uses->host;
	const char *units[] = { "a.service", "b.service", "c.service" };
	struct handover handover = { .units = units, .n_units = 3 };
	struct err e = { 0 };

	put_disk(s);
	systemd_read(s, NVME, &handover);
	handover.units = units;
	handover.n_units = 3;
	systemd_unit(s, "b.service", "Fails=stop\n");
	assert_int_equal(units_stop(host, &handover, &e), -EIO);
	assert_non_null(strstr(e.text, "stopping b.service: systemctl ended with status 1"));
	assert_string_equal(systemd_log(s), "stop a.service\nstop b.service\n");
	/* one that does not start does not keep the others */
	systemd_unit(s, "b.service", "Fails=start\n");
	assert_int_equal(units_start(host, units, 3, &e), -EIO);
	assert_non_null(strstr(e.text, "starting b.service again"));
	assert_string_equal(systemd_log(s), "start c.service\nstart b.service\nstart a.service\n");
}

/* The whole way: a handover that fails after its units were stopped starts them again. */
static void test_bind_fails(void **state)
{
	struct systemd *s = *state;
	struct handover handover;
	struct err e = { 0 };

	put_disk(s);
	mount(s);
	systemd_unit(s, "srv.mount", "");
	plan(s, &handover, "srv.mount", "");
	assert_int_equal(handover_bind(&s->uses->host, &handover, &e), -EPERM);
	assert_string_equal(systemd_log(s), "stop srv.mount\nstart srv.mount\n");
	assert_string_equal(fake_driver_of(s->uses->k, NVME), "nvme");
	assert_string_equal(fake_override_of(s->uses->k, NVME), "(null)");
}

/* ... and one that succeeds leaves them stopped until the release. */
static void test_bind_and_release(void **state)
{
	struct systemd *s = *state;
	struct host *host = &s->uses->host;
	struct handover handover;
	struct err e = { 0 };

	put_disk(s);
	mount(s);
	systemd_unit(s, "srv.mount", "");
	plan(s, &handover, "srv.mount", "");
	fake_file(&s->uses->k->tree, "proc/self/mountinfo",
		  "22 1 0:21 / /proc rw - proc proc rw\n");
	assert_int_equal(handover_bind(host, &handover, &e), 0);
	assert_string_equal(fake_driver_of(s->uses->k, NVME), "vfio-pci");
	assert_string_equal(systemd_log(s), "stop srv.mount\n");
	systemd_read(s, NVME, &handover);
	assert_int_equal(handover_release(host, &handover, &e), 0);
	assert_string_equal(fake_driver_of(s->uses->k, NVME), "nvme");
	assert_string_equal(systemd_log(s), "start srv.mount\n");
}

/* On a record nobody is asked. */
static void test_record(void **state)
{
	struct systemd *s = *state;
	struct host *host = &s->uses->host;
	struct handover_refusals refusals;
	struct handover handover;
	struct err e = { 0 };

	put_disk(s);
	mount(s);
	systemd_unit(s, "srv.mount", "RefuseManualStop=yes\n");
	systemd_read(s, NVME, &handover);
	host->root->live = false;
	assert_int_equal(handover_refusals(host, &handover, &refusals, &e), 0);
	handover_stop_units(host, &handover, &refusals);
	assert_int_equal(refusals.n, 0);
	assert_int_equal(handover.n_units, 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(test_##name, systemd_start, systemd_stop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(mount),     TEST(service),    TEST(others),
		TEST(following), TEST(left_alone), TEST(stop),
		TEST(failures),  TEST(bind_fails), TEST(bind_and_release),
		TEST(record),
	};

	return cmocka_run_group_tests_name("units", tests, NULL, NULL);
}
