// SPDX-License-Identifier: MIT
// From states to changes. Drivers come from the kernel's messages alone, each of which says what
// happened, in order; a file says how it is now, which in a burst of messages is later than the one
// that is looked at. What was read after a message settles the rest.

#include "base/text.h"
#include "cmd/watch.h"

#include <errno.h>
#include <string.h>

static const struct fact_text none = { .error = -ENOENT };

static bool is_same(struct fact_text a, struct fact_text b)
{
	if (a.error || b.error)
		return a.error == b.error;
	return str_eq(a.value, b.value);
}

/* Not said now; what was said last still counts. */
static bool is_silent(enum state_fact which, struct fact_text fact)
{
	switch (which) {
	case STATE_POWER:
		/* the kernel forgets it when a driver lets go: pci_device_remove() */
		return fact.error == -ENOENT;
	case STATE_SPEED:
	case STATE_WIDTH:
		return fact.error == PCI_ASLEEP;
	default:
		return false;
	}
}

static struct watch_change *grow(struct watch_changes *changes)
{
	if (changes->n == changes->size) {
		size_t size = changes->size ? changes->size * 2 : 8;
		struct watch_change *larger = arena_array(changes->arena, size, sizeof(*larger));

		if (changes->n)
			memcpy(larger, changes->change, changes->n * sizeof(*larger));
		changes->change = larger;
		changes->size = size;
	}
	return &changes->change[changes->n++];
}

void watch_add(struct watch_changes *changes, enum watch_event event,
	       const struct watch_function *f)
{
	*grow(changes) = (struct watch_change){
		.event = event,
		.function = f,
		.from = none,
		.to = none,
	};
	if (event == WATCH_STATE || event == WATCH_ADD)
		changes->change[changes->n - 1].state = f->state;
}

static enum watch_event driver_event(struct fact_text from, struct fact_text to)
{
	if (from.error == -ENOENT && !to.error)
		return WATCH_BIND;
	if (to.error == -ENOENT && !from.error)
		return WATCH_UNBIND;
	return WATCH_DRIVER;
}

static void set_fact(struct watch_changes *changes, struct watch_function *f, enum state_fact which,
		     struct fact_text to)
{
	static const enum watch_event events[] = {
		[STATE_OVERRIDE] = WATCH_OVERRIDE, [STATE_GROUP] = WATCH_GROUP,
		[STATE_RUNTIME] = WATCH_RUNTIME,   [STATE_POWER] = WATCH_POWER,
		[STATE_SPEED] = WATCH_SPEED,       [STATE_WIDTH] = WATCH_WIDTH,
	};
	struct fact_text from = f->state.fact[which];

	if (is_silent(which, to) || is_same(from, to))
		return;
	f->state.fact[which] = to;
	if (is_silent(which, from))
		return;
	*grow(changes) = (struct watch_change){
		.event = which == STATE_DRIVER ? driver_event(from, to) : events[which],
		.function = f,
		.from = from,
		.to = to,
	};
}

/* Those for which no message comes. */
static void set_rest(struct watch_changes *changes, struct watch_function *f,
		     const struct function_state *now)
{
	set_fact(changes, f, STATE_GROUP, now->fact[STATE_GROUP]);
	set_fact(changes, f, STATE_RUNTIME, now->fact[STATE_RUNTIME]);
	set_fact(changes, f, STATE_POWER, now->fact[STATE_POWER]);
	set_fact(changes, f, STATE_SPEED, now->fact[STATE_SPEED]);
	set_fact(changes, f, STATE_WIDTH, now->fact[STATE_WIDTH]);
	f->state.has_link = now->has_link;
}

static void appear(struct watch_changes *changes, struct watch_function *f, struct fact_text driver,
		   const struct function_state *now)
{
	struct fact_text group = now ? now->fact[STATE_GROUP] : none;

	if (now)
		f->state = *now;
	else
		for (size_t i = 0; i < STATE_FACTS; i++)
			f->state.fact[i] = none;
	f->is_there = true;
	f->state.fact[STATE_DRIVER] = f->state.fact[STATE_GROUP] = none;
	watch_add(changes, WATCH_ADD, f);
	set_fact(changes, f, STATE_GROUP, group);
	set_fact(changes, f, STATE_DRIVER, driver);
}

static void disappear(struct watch_changes *changes, struct watch_function *f)
{
	set_fact(changes, f, STATE_DRIVER, none);
	set_fact(changes, f, STATE_GROUP, none);
	watch_add(changes, WATCH_REMOVE, f);
	f->is_there = false;
}

void watch_compare(struct watch_changes *changes, struct watch_function *f,
		   const struct function_state *now)
{
	if (!now) {
		if (f->is_there)
			disappear(changes, f);
		return;
	}
	if (!f->is_there) {
		appear(changes, f, now->fact[STATE_DRIVER], now);
		return;
	}
	set_fact(changes, f, STATE_OVERRIDE, now->fact[STATE_OVERRIDE]);
	set_fact(changes, f, STATE_DRIVER, now->fact[STATE_DRIVER]);
	set_rest(changes, f, now);
}

static void recover(struct watch_changes *changes, struct watch_function *f, const char *what)
{
	*grow(changes) = (struct watch_change){
		.event = WATCH_RECOVERY,
		.function = f,
		.from = none,
		.to = { .value = what },
	};
}

void watch_message(struct watch_changes *changes, struct watch_function *f,
		   const struct uevent *event, const struct function_state *now)
{
	bool bound = str_eq(event->action, "bind");

	if (event->asked_for)
		return;
	if (str_eq(event->action, "remove")) {
		watch_compare(changes, f, NULL);
		return;
	}
	if (!f->is_there) {
		appear(changes, f, event->function.driver, now);
		return;
	}
	if (now)
		set_fact(changes, f, STATE_OVERRIDE, now->fact[STATE_OVERRIDE]);
	if (bound || str_eq(event->action, "unbind"))
		set_fact(changes, f, STATE_DRIVER, bound ? event->function.driver : none);
	if (event->recovery)
		recover(changes, f, event->recovery);
	if (now)
		set_rest(changes, f, now);
}
