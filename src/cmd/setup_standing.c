// SPDX-License-Identifier: MIT
// Where a setup stands. Whether a trial was tried cannot be asked of the boot loader, which forgets
// an entry that is used once; but when this boot began after the last change of the setup and is
// not the trial, then the trial was used up: the kernel panicked, the boot did not come to its end,
// or somebody chose another entry. btime of proc/stat: Documentation/filesystems/proc.rst.

#include "base/text.h"
#include "cmd/setup_answer.h"

#define STAT "proc/stat"
#define STAT_MAX ((size_t)1024 * 1024) /* a line for each processor, one for all interrupts */
/* of a clock that is set after the boot */
#define SLACK_S 5

/* Of this boot, in seconds since 1970; negative errno when it is not known. */
static int64_t boot_time_s(struct host *host)
{
	struct bytes text;
	const char *rest, *line;
	uint64_t seconds;
	size_t n;
	int error = root_read_max(host->root, &host->arena, STAT, STAT_MAX, &text);

	if (error < 0)
		return error;
	rest = text.data;
	while (text_next_line(&rest, &line, &n)) {
		const char *at = arena_strndup(&host->arena, line, n);
		const char *key = text_next_word(&host->arena, &at);
		const char *value = text_next_word(&host->arena, &at);

		if (key && value && str_eq(key, "btime") &&
		    text_number(value, 10, INT64_MAX, &seconds) == 0)
			return (int64_t)seconds;
	}
	return -ENOENT;
}

/* When the trial was set up, or armed again. */
static int64_t last_change_s(struct host *host, const struct setup_state *state)
{
	struct change_list changes;
	int64_t last_s = -1;

	/* what cannot be read there is said by `passthru history` */
	if (change_history(host, &changes, NULL) < 0)
		return -1;
	for (size_t i = 0; i < changes.n; i++) {
		const struct change_info *change = &changes.changes[i];

		if (change->number >= state->trial && change->state == CHANGE_APPLIED)
			last_s = change->time_s;
	}
	return last_s;
}

static struct fact_number was_tried(struct host *host, const struct setup_state *state)
{
	int64_t booted_s = boot_time_s(host), changed_s = last_change_s(host, state);

	if (booted_s < 0 || changed_s < 0)
		return (struct fact_number){ .error = -ENODATA };
	return (struct fact_number){ .value = booted_s > changed_s + SLACK_S };
}

/* Of a record too, whose kernel does not run here. */
static struct fact_number is_booted(struct host *host, const struct setup_state *state)
{
	if (root_is_live(host->root))
		return (struct fact_number){ .value = state->booted };
	return host->facts->reserved.asked;
}

const char *setup_standing(struct host *host, const struct setup_state *state,
			   const char **ret_word, const char **ret_next)
{
	struct fact_number booted = is_booted(host, state);

	*ret_next = NULL;
	if (state->phase == SETUP_NONE) {
		*ret_word = "none";
		return "none";
	}
	if (state->phase == SETUP_PERMANENT && (booted.error || booted.value)) {
		*ret_word = "permanent";
		return "permanent";
	}
	if (state->phase == SETUP_PERMANENT) {
		*ret_word = "without";
		return "permanent, and not in force: this boot is without passthru.boot=1";
	}
	if (state->booted_trial) {
		*ret_word = "trial";
		*ret_next = "passthru confirm";
		return "in its trial boot; the next one is as before unless confirmed";
	}
	struct fact_number tried = was_tried(host, state);
	if (!tried.error && tried.value) {
		*ret_word = "failed";
		*ret_next = "journalctl -b -1; then passthru undo, or passthru setup again";
		return "the trial was used up and not confirmed; this boot is as before";
	}
	if (!tried.error && setup_trial_is_replaced(host, state)) {
		*ret_word = "replaced";
		*ret_next = "passthru setup again, with the same devices";
		return arena_printf(&host->arena,
				    "waits for its trial boot, and that would fail: an update has "
				    "replaced or removed its kernel %s",
				    state->kernel);
	}
	*ret_word = "waiting";
	*ret_next = "reboot";
	return tried.error ? "waits for its trial boot, or that was used up (root can tell)"
			   : "waits for its trial boot, which is the next one";
}
