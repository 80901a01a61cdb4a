// SPDX-License-Identifier: MIT
// Where a setup stands. Whether a trial was tried cannot be asked of the boot loader, which forgets
// an entry that is used once; but when this boot began after the last change of the setup and is
// not the trial, then the trial was used up: the kernel panicked, the boot did not come to its end,
// or somebody chose another entry.

#include "base/text.h"
#include "cmd/setup_answer.h"

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
		return state->limit_s
			       ? arena_printf(&host->arena,
					      "in its trial boot, which ends %s after its start "
					      "unless confirmed; the next one is as before then",
					      text_time(&host->arena, state->limit_s))
			       : "in its trial boot; the next one is as before unless confirmed";
	}
	if (state->armed_in_this_boot == 0) {
		*ret_word = "failed";
		*ret_next = "journalctl -b -1; then passthru undo, or passthru setup again";
		return "the trial was used up and not confirmed; this boot is as before";
	}
	if (state->armed_in_this_boot == 1 && setup_trial_is_replaced(host, state)) {
		*ret_word = "replaced";
		*ret_next = "passthru setup again, with the same devices";
		return arena_printf(&host->arena,
				    "waits for its trial boot, and that would fail: an update has "
				    "replaced or removed its kernel %s",
				    state->kernel);
	}
	*ret_word = "waiting";
	*ret_next = "reboot";
	return state->armed_in_this_boot < 0
		       ? "waits for its trial boot, or that was used up (root can tell)"
		       : "waits for its trial boot, which is the next one";
}
