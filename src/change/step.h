/* SPDX-License-Identifier: MIT */
/*
 * Changes to a host that are applied whole or not at all, and taken back byte for byte.
 *
 * A plan is a list of steps. All that they will touch is saved first, under
 * var/lib/passthru/changes/<N>; then each is done and looked at. When one fails, or the program is
 * told to end (SIGINT, SIGTERM, SIGHUP), everything is put back. When it is killed, the next
 * change_open() puts it back: whoever changes a host calls that first, and makes its plan after it.
 *
 *	struct change_session session;
 *	r = change_open(host, NULL, &session, e);
 *	... plan ...
 *	r = change_apply(&session, &plan, "reserve 0000:41:00.0", &number, e);
 *	change_close(&session);
 */
#pragma once

#include "host/host.h"

#include <signal.h>
#include <sys/types.h>

/*
 * How the path of a file begins that is there while a command runs, and no longer: of root alone,
 * and on no partition that other systems read, as an initramfs image may hold keys. What a killed
 * process left there goes with the next change_open().
 */
#define CHANGE_STAGED "var/lib/passthru/changes/staged-"

/* How long one command may take; then it is killed and everything is taken back. */
#define CHANGE_COMMAND_LIMIT_S 3600

enum step_kind {
	STEP_FILE,
	STEP_COMMAND,
};

/* What a step sets in GRUB's environment block: the value of a variable, or words in it. */
struct step_variable {
	const char *name;
	const char *value;  /* NULL: @words are added to the one that it has */
	const char *before; /* the value that @value takes the place of; NULL: it was not set */
	struct names words;
};

struct step {
	enum step_kind kind;
	const char *why; /* one sentence, for the plan and the history */

	/*
	 * STEP_FILE: @path is to hold @content, or to be no more. A link is written through to its
	 * target inside the root, and removed itself. A file that is there keeps owner, mode and
	 * attributes; a new one has @mode (0: 0644), and directories for it are made.
	 */
	const char *path;
	struct bytes content;
	bool absent;
	mode_t mode;
	/*
	 * Makes the content once more from what @path holds by now, when others have changed it
	 * since the plan was made: for a file that is written at any time (GRUB's environment
	 * block) and named by @writes, too. NULL: such a change is an error.
	 */
	int (*remake)(struct host *host, const struct step *step, struct bytes *ret, struct err *e);
	/*
	 * This file, or @becomes, goes when a kernel is removed: an undo that finds it gone leaves
	 * it gone, instead of refusing or making it anew.
	 */
	bool may_go;
	/*
	 * @becomes is a file of ours alone: undo takes it away whatever it holds by then, so that
	 * one that was damaged is in nobody's way.
	 */
	bool own;

	/*
	 * STEP_COMMAND: an argument vector, the program looked up in PATH. @writes are all files
	 * that it may create, write or remove, by their exact paths, those too that it makes on its
	 * way (grub.cfg.new): when it fails they are left. Of a link, its target is saved too. NULL
	 * for none.
	 */
	const char *const *argv;
	const char *const *writes;
	/*
	 * The command that makes the same files anew once our files are gone; undo runs it for
	 * those that are not what the step left any more (a kernel was installed since). NULL:
	 * undo refuses then.
	 */
	const char *const *regenerate;
	/*
	 * @writes is GRUB's environment block, which others write at any time: undo takes just this
	 * out of it, by itself, whatever else is there by then. One for a file in a plan. NULL: it
	 * is a file like others.
	 */
	const struct step_variable *variable;
	/* a text that these files have through us only: whether it is gone is looked at after that;
	 * NULL: nothing is */
	const char *trace;
	/*
	 * For what the command does where no file of the root tells of it: on a partition that is
	 * not mounted, in a deployment, in firmware. The command that takes this back, or makes it
	 * anew from the files as they were. It is run when all files are back, also after a kill,
	 * so it may find nothing to take back. Where commands cannot be run, undo refuses. NULL:
	 * the command has no such effect.
	 */
	const char *const *takes_back;
	/*
	 * A command that makes one file anew writes it as @output; when @proof has looked at that,
	 * it is flushed and renamed over @becomes, so that @becomes is never half written. What was
	 * there stays as @keep (NULL: it does not). All three count as written. @regenerate writes
	 * @output too. NULL: the command writes in place.
	 */
	const char *output, *becomes, *keep;
	/*
	 * What @argv and @regenerate take as their input, where @output is said: the command @first
	 * runs before them and makes the file @staged (CHANGE_STAGED), which goes when they have
	 * ended. NULL: there is none.
	 */
	const char *const *first;
	const char *staged;
	/*
	 * Whether the effect is there: 0, or a negative errno and what is missing. Called before,
	 * with @becomes, to see whether there is something to do, and after, with @output; NULL
	 * where the command writes in place. NULL: the command belongs to the steps before it, and
	 * is run when one of them had something to do.
	 */
	int (*proof)(struct host *host, const struct step *step, const char *path, struct err *e);
	const void *data; /* for @proof and @remake */
};

enum note_kind {
	NOTE_NEXT_BOOT, /* what happens when the host starts */
	NOTE_LOSS,      /* what it loses */
};

struct note {
	enum note_kind kind;
	const char *text;
};

struct plan {
	struct step *steps;
	size_t n_steps, steps_room;
	struct note *notes;
	size_t n_notes, notes_room;
	/* the change that this one goes on with; 0: none */
	unsigned continues;
	/* it completes an undo: once done there is nothing to take back, it counts as undone */
	bool settled;
};

/* ---- plan.c: plans are built by appending; what steps point to lives as long as the plan ---- */

/* A zeroed step, to be filled in. Good until the next call. */
struct step *plan_step(struct arena *a, struct plan *plan, enum step_kind kind, const char *why);
/* STEP_FILE with this content. @mode: of a new file, 0 for 0644. */
void plan_file(struct arena *a, struct plan *plan, const char *why, const char *path,
	       struct bytes content, mode_t mode);
/* STEP_FILE that is to be no more. */
void plan_absent(struct arena *a, struct plan *plan, const char *why, const char *path);
void plan_note(struct arena *a, struct plan *plan, enum note_kind kind, const char *text);

enum change_state {
	CHANGE_APPLYING, /* was killed, will be taken back */
	CHANGE_APPLIED,
	CHANGE_CONFIRMED, /* applied, and a boot has shown that it works */
	CHANGE_UNDOING,   /* was killed, will be completed */
	CHANGE_UNDONE,
	CHANGE_DAMAGED, /* its journal cannot be read */
};

/* One change, for history. */
struct change_info {
	unsigned number;
	enum change_state state;
	const char *title;
	int64_t time_s;      /* of its beginning, since 1970 */
	const char *boot;    /* id of the boot in which it was made; "" or NULL: not known */
	struct names whys;   /* of its steps */
	struct names paths;  /* what it touched */
	unsigned continues;  /* the change that it goes on with; 0: none */
	const char *problem; /* of a damaged one: a sentence */
};

struct change_list {
	struct change_info *changes; /* by number */
	size_t n;
};

/* A file that is not what the change left. */
struct change_difference {
	const char *path;
	const char *what; /* "was changed since", ... */
	const char *diff; /* the lines that differ, unified; NULL where there are none to show */
	bool regenerated; /* undo makes it anew, or takes out what is ours, instead of refusing */
};

struct change_differences {
	struct change_difference *list;
	size_t n;
};

struct change_session {
	struct host *host;
	int lock_fd;
	sigset_t signals; /* those that were blocked before */
	/* what was found half done and put right, sentences; for the answer */
	struct names recovered;
	unsigned recovered_number; /* the change that it was; 0: none */
};

struct change_undo_how {
	/* files that are not what the change left stay as they are, instead of a refusal */
	bool keep_changed;
	/*
	 * The command that makes the file @path anew today, as @output, where a step's regenerate
	 * says @recorded: what that names may be gone. NULL: nothing does, and it stays as it is.
	 * May be NULL itself: what was recorded is run.
	 */
	const char *const *(*anew)(struct host *host, const char *path, const char *output,
				   const char *const *recorded);
};

/*
 * Takes the one lock, holds signals back, and puts right what a killed process left, as @how, which
 * may be NULL, says. Refused while another process, or a command that a killed one started, is at
 * work.
 */
MUST_CHECK int change_open(struct host *host, const struct change_undo_how *how,
			   struct change_session *ret, struct err *e);
/* Also after change_open() failed. Signals held back are delivered now. */
void change_close(struct change_session *session);

/*
 * The steps of @plan that have something to do, in @ret->steps, with its notes. Reads only. A
 * command without proof counts when a step before it does.
 */
MUST_CHECK int change_needed(struct host *host, const struct plan *plan, struct plan *ret,
			     struct err *e);

/*
 * Does @plan. *@ret_number is the change's, or 0 when there was nothing to do. After an error all
 * is as it was; where even that did not work the sentence says so, and the next change_open() tries
 * again.
 */
MUST_CHECK int change_apply(struct change_session *session, const struct plan *plan,
			    const char *title, unsigned *ret_number, struct err *e);

/*
 * Takes back the change @number, 0 for the last one. Refused, with nothing changed, when a file is
 * not what it left (change_differs() shows the lines), or a later change touched the same files.
 * Commands are run on the live host only; elsewhere what they wrote comes back from its copy. @how
 * may be NULL.
 */
MUST_CHECK int change_undo(struct change_session *session, unsigned number,
			   const struct change_undo_how *how, unsigned *ret_number, struct err *e);
/*
 * Whether the changes @numbers can be taken back one behind the other, in that order: what
 * change_undo() would refuse of any of them is refused here, before the first is. Changes nothing.
 */
MUST_CHECK int change_undo_check(struct change_session *session, const unsigned *numbers, size_t n,
				 const struct change_undo_how *how, struct err *e);
/* An applied change is confirmed. */
MUST_CHECK int change_confirm(struct change_session *session, unsigned number, struct err *e);

/* All changes. Reads only, without the lock. */
MUST_CHECK int change_history(struct host *host, struct change_list *ret, struct err *e);
/* Whether it was made in the boot that runs: 1 or 0; -ENODATA where that is not known. Reads only.
 */
int change_of_this_boot(struct host *host, const struct change_info *change);
/* Applied, confirmed or not, and neither half done nor undone. */
bool change_in_place(const struct change_info *change);
/* NULL: there is none of that number. */
const struct change_info *change_find(const struct change_list *list, unsigned number);
/* Where those begin that the last one in place goes on with; NULL: nothing is in place. */
const struct change_info *change_first_of_last(const struct change_list *list);
/* Whether an undo of @first takes @change back too: it is @first, or in place and goes on with it.
 */
bool change_goes_with(const struct change_list *list, const struct change_info *change,
		      const struct change_info *first);
/* What others have changed since the change @number. Reads only. */
MUST_CHECK int change_differs(struct host *host, unsigned number, struct change_differences *ret,
			      struct err *e);
/* The same for @changes, which are to be undone in this order. Reads only. */
MUST_CHECK int change_all_differ(struct host *host, const struct change_info *const *changes,
				 size_t n, struct change_differences *ret, struct err *e);

/*
 * The lines that differ, in unified form with three lines around them. "" when there are none; NULL
 * when it is no text or too long for it.
 */
const char *change_diff(struct arena *a, const char *path, struct bytes before, struct bytes after);
