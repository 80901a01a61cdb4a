// SPDX-License-Identifier: MIT
// Plans are built by appending: who makes one does not know beforehand how many steps it will have.

#include "change/edit.h"

#include <string.h>

struct step *plan_step(struct arena *a, struct plan *plan, enum step_kind kind, const char *why)
{
	plan->steps =
		edit_grown(a, plan->steps, plan->n_steps, &plan->steps_room, sizeof(*plan->steps));
	struct step *step = &plan->steps[plan->n_steps++];

	memset(step, 0, sizeof(*step));
	step->kind = kind;
	step->why = why;
	return step;
}

void plan_file(struct arena *a, struct plan *plan, const char *why, const char *path,
	       struct bytes content, mode_t mode)
{
	struct step *step = plan_step(a, plan, STEP_FILE, why);

	step->path = path;
	step->content = content;
	step->mode = mode;
}

void plan_absent(struct arena *a, struct plan *plan, const char *why, const char *path)
{
	struct step *step = plan_step(a, plan, STEP_FILE, why);

	step->path = path;
	step->absent = true;
}

void plan_note(struct arena *a, struct plan *plan, enum note_kind kind, const char *text)
{
	plan->notes =
		edit_grown(a, plan->notes, plan->n_notes, &plan->notes_room, sizeof(*plan->notes));
	plan->notes[plan->n_notes++] = (struct note){ kind, text };
}
