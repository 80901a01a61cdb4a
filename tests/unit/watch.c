// SPDX-License-Identifier: MIT
// watch without a kernel: from states and messages to changes, and which files are asked of a
// device that sleeps.

#include "tests/unit/watch_fixture.h"

static const char *word(struct fact_text fact)
{
	return fact.error == -ENOENT ? "none" : fact.error ? fact_reason(fact.error) : fact.value;
}

/* All changes so far in one string, and none are left. */
static const char *told(struct fixture *f)
{
	static const char *const names[] = { "state",  "add",      "remove",   "bind",    "unbind",
					     "driver", "override", "group",    "runtime", "power",
					     "speed",  "width",    "recovery", "lost" };
	const char *all = "";

	for (size_t i = 0; i < f->changes.n; i++) {
		const struct watch_change *c = &f->changes.change[i];

		all = arena_printf(&f->round.arena, "%s%s%s %s>%s", all, i ? "; " : "",
				   names[c->event], word(c->from), word(c->to));
	}
	f->changes.n = 0;
	return all;
}

static struct watch_function awake(void)
{
	return (struct watch_function){
		.function.name = CARD,
		.is_there = true,
		.state = { .fact = { [STATE_DRIVER] = text("nvidia"),
				     [STATE_OVERRIDE] = NONE,
				     [STATE_GROUP] = text("2"),
				     [STATE_RUNTIME] = text("active"),
				     [STATE_POWER] = text("D0"),
				     [STATE_SPEED] = text("8.0 GT/s"),
				     [STATE_WIDTH] = text("16") },
			   .has_link = true },
	};
}

static struct uevent message(const char *action, const char *driver)
{
	return (struct uevent){ .action = action,
				.number = 101,
				.function = { .address = { 0, 1, 0, 0 },
					      .name = CARD,
					      .driver = driver ? text(driver) : NONE } };
}

/* ---- states and messages ---- */

static void test_nothing(void **state)
{
	struct fixture *f = *state;
	struct watch_function card = awake();
	struct function_state now = card.state;

	watch_compare(&f->changes, &card, &now);
	assert_string_equal(told(f), "");
}

static void test_every_fact(void **state)
{
	struct fixture *f = *state;
	struct watch_function card = awake();
	struct function_state now = card.state;

	now.fact[STATE_DRIVER] = text("nouveau");
	now.fact[STATE_OVERRIDE] = text("nouveau");
	now.fact[STATE_GROUP] = text("3");
	now.fact[STATE_RUNTIME] = text("suspended");
	now.fact[STATE_POWER] = text("D3cold");
	now.fact[STATE_SPEED] = text("2.5 GT/s");
	now.fact[STATE_WIDTH] = text("8");
	watch_compare(&f->changes, &card, &now);
	assert_string_equal(told(f), "override none>nouveau; driver nvidia>nouveau; group 2>3; "
				     "runtime active>suspended; power D0>D3cold; "
				     "speed 8.0 GT/s>2.5 GT/s; width 16>8");
	watch_compare(&f->changes, &card, &now);
	assert_string_equal(told(f), "");
}

static void test_denied_is_no_none(void **state)
{
	struct fixture *f = *state;
	struct watch_function card = awake();
	struct function_state now = card.state;

	now.fact[STATE_OVERRIDE].error = -EACCES;
	watch_compare(&f->changes, &card, &now);
	assert_string_equal(told(f), "override none>permission denied");
}

static void test_sleep_is_silent_about_the_link(void **state)
{
	struct fixture *f = *state;
	struct watch_function card = awake();
	struct function_state now = card.state;

	now.fact[STATE_RUNTIME] = text("suspended");
	now.fact[STATE_SPEED] = now.fact[STATE_WIDTH] = ASLEEP;
	watch_compare(&f->changes, &card, &now);
	assert_string_equal(told(f), "runtime active>suspended");
	now = awake().state;
	now.fact[STATE_WIDTH] = text("4");
	watch_compare(&f->changes, &card, &now);
	assert_string_equal(told(f), "runtime suspended>active; width 16>4");
}

static void test_first_knowledge_is_no_change(void **state)
{
	struct fixture *f = *state;
	struct watch_function card = awake();
	struct function_state now = card.state;

	card.state.fact[STATE_POWER] = NONE;
	card.state.fact[STATE_SPEED] = card.state.fact[STATE_WIDTH] = ASLEEP;
	watch_compare(&f->changes, &card, &now);
	assert_string_equal(told(f), "");
	assert_string_equal(card.state.fact[STATE_POWER].value, "D0");
	assert_string_equal(card.state.fact[STATE_WIDTH].value, "16");
}

/* By the time that a message is looked at, the files say what came after it. */
static void test_messages_count_for_drivers(void **state)
{
	struct fixture *f = *state;
	struct watch_function card = awake();
	struct function_state now = card.state;
	struct uevent unbind = message("unbind", NULL), bind = message("bind", "vfio-pci");

	now.fact[STATE_DRIVER] = text("vfio-pci");
	now.fact[STATE_OVERRIDE] = text("vfio-pci");
	now.fact[STATE_RUNTIME] = text("suspended");
	watch_message(&f->changes, &card, &unbind, &now);
	assert_string_equal(told(f),
			    "override none>vfio-pci; unbind nvidia>none; runtime active>suspended");
	watch_message(&f->changes, &card, &bind, &now);
	assert_string_equal(told(f), "bind none>vfio-pci");
	watch_message(&f->changes, &card, &bind, &now);
	assert_string_equal(told(f), "");
}

static void test_a_driver_that_was_missed(void **state)
{
	struct fixture *f = *state;
	struct watch_function card = awake();
	struct uevent bind = message("bind", "vfio-pci");

	watch_message(&f->changes, &card, &bind, NULL);
	assert_string_equal(told(f), "driver nvidia>vfio-pci");
}

static void test_asked_for(void **state)
{
	struct fixture *f = *state;
	struct watch_function card = awake();
	struct uevent remove = message("remove", NULL);

	remove.asked_for = true;
	watch_message(&f->changes, &card, &remove, NULL);
	assert_string_equal(told(f), "");
	assert_true(card.is_there);
}

static void test_away_and_back(void **state)
{
	struct fixture *f = *state;
	struct watch_function card = awake();
	struct function_state now = card.state;
	struct uevent remove = message("remove", NULL), add = message("add", NULL);

	watch_message(&f->changes, &card, &remove, NULL);
	assert_string_equal(told(f), "unbind nvidia>none; group 2>none; remove none>none");
	assert_false(card.is_there);
	watch_message(&f->changes, &card, &remove, NULL);
	assert_string_equal(told(f), "");
	now.fact[STATE_GROUP] = text("7");
	watch_message(&f->changes, &card, &add, &now);
	assert_string_equal(told(f), "add none>none; group none>7");
	assert_string_equal(card.state.fact[STATE_POWER].value, "D0");
	watch_message(&f->changes, &card, &add, &now);
	assert_string_equal(told(f), "");
}

static void test_added_and_gone_before_it_was_read(void **state)
{
	struct fixture *f = *state;
	struct watch_function card = { .function.name = CARD };
	struct uevent add = message("add", NULL), remove = message("remove", NULL);

	watch_message(&f->changes, &card, &add, NULL);
	watch_message(&f->changes, &card, &remove, NULL);
	assert_string_equal(told(f), "add none>none; remove none>none");
}

static void test_recovery(void **state)
{
	struct fixture *f = *state;
	struct watch_function card = awake();
	struct uevent change = message("change", "nvidia");

	change.recovery = "BEGIN_RECOVERY";
	watch_message(&f->changes, &card, &change, &card.state);
	assert_string_equal(told(f), "recovery none>BEGIN_RECOVERY");
}

/* ---- reading ---- */

static void test_selection(void **state)
{
	struct fixture *f = *state;
	struct uevent other = message("remove", NULL);

	begin(f, "01:00.1");
	assert_int_equal(f->watched.n, 2);
	other.function.address.bus = 0;
	other.function.address.device = 1;
	watched_message(&f->watched, &f->round, &other, &f->changes);
	assert_string_equal(told(f), "");
}

static void test_old_messages_are_in_the_states(void **state)
{
	struct fixture *f = *state;
	struct uevent unbind = message("unbind", NULL);

	begin(f, NULL);
	assert_int_equal(f->watched.n, 3);
	unbind.number = 100;
	watched_message(&f->watched, &f->round, &unbind, &f->changes);
	assert_string_equal(told(f), "");
	unbind.number = 101;
	watched_message(&f->watched, &f->round, &unbind, &f->changes);
	assert_string_equal(told(f), "unbind nvidia>none");
}

static void test_all_again_after_a_loss(void **state)
{
	struct fixture *f = *state;

	begin(f, NULL);
	fake_remove(&f->k->tree, "sys/bus/pci/devices/0000:01:00.1");
	set(f, "driver_override", "vfio-pci\n");
	set(f, "uevent", "DRIVER=vfio-pci\nPCI_CLASS=30000\nPCI_ID=10DE:1C82\n");
	assert_int_equal(watched_read(&f->watched, &f->changes, &f->e), 0);
	assert_string_equal(told(f), "unbind snd>none; group 2>none; remove none>none; "
				     "override none>vfio-pci; driver nvidia>vfio-pci");
}

static void test_without_numbers_it_does_not_begin(void **state)
{
	struct fixture *f = *state;

	fake_remove(&f->k->tree, "sys/kernel/uevent_seqnum");
	assert_int_equal(watched_select(&f->request, &f->watched, &f->e), 0);
	assert_int_equal(watched_read(&f->watched, &f->changes, &f->e), -ENOENT);
	assert_non_null(strstr(f->e.text, "sys/kernel/uevent_seqnum"));
}

static void test_poll(void **state)
{
	struct fixture *f = *state;

	begin(f, NULL);
	set(f, "current_link_speed", "2.5 GT/s PCIe\n");
	set(f, "driver_override", "vfio-pci\n");
	watched_poll(&f->watched, &f->round, &f->changes);
	assert_string_equal(told(f), "override none>vfio-pci; speed 8.0 GT/s PCIe>2.5 GT/s PCIe");
	set(f, "current_link_speed", "Unknown\n");
	set(f, "current_link_width", "0\n");
	watched_poll(&f->watched, &f->round, &f->changes);
	assert_string_equal(told(f), "speed 2.5 GT/s PCIe>none; width 16>none");
	set(f, "current_link_width", "16\n");
	watched_poll(&f->watched, &f->round, &f->changes);
	assert_string_equal(told(f), "width none>16");
}

/* Asking a device in D3 would wake it; asking one that may sleep would keep it awake. */
static void test_links_that_are_not_asked(void **state)
{
	static const char *const sleeping[][2] = {
		{ "power/runtime_status", "suspended\n" },
		{ "power/runtime_status", "suspending\n" },
		{ "power_state", "D3hot\n" },
		{ "power_state", "D3cold\n" },
		{ "power/control", "auto\n" },
	};
	struct fixture *f = *state;

	begin(f, NULL);
	set(f, "current_link_width", "1\n");
	for (size_t i = 0; i < ARRAY_SIZE(sleeping); i++) {
		set(f, sleeping[i][0], sleeping[i][1]);
		watched_poll(&f->watched, &f->round, &f->changes);
		assert_null(strstr(told(f), "width"));
		set(f, "power/runtime_status", "active\n");
		set(f, "power_state", "D0\n");
	}
	set(f, "power/control", "on\n");
	watched_poll(&f->watched, &f->round, &f->changes);
	assert_non_null(strstr(told(f), "width 16>1"));
}

static void test_gone_between_two_looks(void **state)
{
	struct fixture *f = *state;

	begin(f, NULL);
	fake_remove(&f->k->tree, "sys/bus/pci/devices/" CARD);
	fake_remove(&f->k->tree, "sys/devices/pci0000:00/0000:00:01.0/" CARD);
	watched_poll(&f->watched, &f->round, &f->changes);
	assert_string_equal(told(f), "");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_nothing),
		TEST(test_every_fact),
		TEST(test_denied_is_no_none),
		TEST(test_sleep_is_silent_about_the_link),
		TEST(test_first_knowledge_is_no_change),
		TEST(test_messages_count_for_drivers),
		TEST(test_a_driver_that_was_missed),
		TEST(test_asked_for),
		TEST(test_away_and_back),
		TEST(test_added_and_gone_before_it_was_read),
		TEST(test_recovery),
		TEST(test_selection),
		TEST(test_old_messages_are_in_the_states),
		TEST(test_all_again_after_a_loss),
		TEST(test_without_numbers_it_does_not_begin),
		TEST(test_poll),
		TEST(test_links_that_are_not_asked),
		TEST(test_gone_between_two_looks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
