/* SPDX-License-Identifier: MIT */
/*
 * What the parts of the transaction engine share: a change, and each file that it touches.
 *
 * Of a path only two states count, whatever number of steps touch it: what was there before the
 * first, and what is there behind the last. So everything is saved before anything is done, and
 * whether a step was done never has to be recorded: it is seen.
 */
#pragma once

#include "base/root_tree.h"
#include "change/step.h"

#include <jansson.h>

#define CHANGE_HOME "var/lib/passthru"
#define CHANGE_DIRECTORY CHANGE_HOME "/changes"
/* Of a text that was left, a copy is kept up to this size, so that differences can be shown. */
#define CHANGE_TEXT_MAX ((size_t)256 * 1024)

struct entry_state {
	struct root_node node;
	char sum[SHA256_TEXT]; /* of a file */
};

enum entry_saved {
	SAVED_NONE, /* nothing was there, or a link */
	SAVED_NAME, /* the file itself has a second name */
	SAVED_COPY,
};

/* A file, or a directory made for one. */
struct entry {
	const char *path; /* without links */
	bool directory;
	bool mounted;   /* on another file system than the root */
	bool generated; /* a command makes it */
	bool in_place;  /* and may write into what is there */
	bool scratch; /* what a command makes on its way to another file, and files of ours alone */
	bool may_go;  /* removed by others, it stays removed */
	bool text;    /* what was left is kept */
	bool kept;    /* undo leaves it as somebody else has made it */
	struct entry_state before, after;
	bool after_known;
	enum entry_saved saved;
	const char *const *regenerate;
	const char *trace;
	const struct step_variable *variable; /* in GRUB's environment block, which this is */
	/* of what is renamed over: what @regenerate writes, and where the old file stays */
	const char *output, *old;
	/* what is to become it is in the journal, as @after, before it does: what is neither that
	 * nor as before is the work of others */
	bool noted;
	/* what runs before that, and the file that it makes for it */
	const char *const *first;
	const char *staged;
	/* others had changed it before a command came to write it: what was kept is older than that
	 */
	bool foreign;
	/* Of a change on its way, and not in the journal: whether a step has begun with it, what
	 * the last one found, and what that one leaves. */
	bool begun, left_known;
	struct entry_state found, left;
};

/* Replaced files of a boot loader, held open until what replaced them is in its place on the disk.
 */
struct held {
	int fd[64];
	size_t n;
	bool dirty; /* a boot loader may see the latest changes in any order */
};

struct change {
	struct host *host;
	unsigned number;
	const char *directory; /* where it is kept */
	enum change_state state;
	const char *title;
	unsigned continues; /* the change that it goes on with; 0: none */
	int64_t time_s;     /* of its beginning */
	int64_t command_s;  /* when its last command began; 0: none has */
	const char *boot;   /* the kernel's name for the boot it was made in; "" when not known */
	struct names whys;
	bool looked; /* for what others have changed of what its commands write in place */
	struct held *held;
	struct entry *entries; /* in the order of the last step that touches them */
	size_t n, room;
	const char *const **backs; /* takes_back of its commands, in their order, each once */
	size_t n_backs, backs_room;
};

/* A plan on its way. */
struct work {
	struct change_session *session;
	struct change change;
	const struct step *steps;
	size_t n;
	bool settled;
	const char **targets; /* of each step that is about one file: its path without links */
};

/* ---- touch.c: the entries of a plan ---- */

/* The path of a file that may be changed, without links; with @last at its end, too. */
MUST_CHECK int touch_resolve(struct host *host, const char *path, bool last, const char **ret,
			     struct err *e);
/* Fills in the targets, and the change's whys and entries. */
MUST_CHECK int touch_all(struct work *work, struct err *e);

/* ---- journal.c ---- */

const char *journal_directory(struct host *host, unsigned number);
MUST_CHECK int journal_save(const struct change *change, struct err *e);
/* -EBADMSG with a sentence when it is none, or not ours. */
MUST_CHECK int journal_load(struct host *host, unsigned number, struct change *ret, struct err *e);
/* A path as a step may name one: relative, plain, not where changes are kept. */
bool journal_path_valid(const char *path);
/* A path as a step may name its staged file. */
bool journal_staged_valid(const char *path);

/* ---- journal_state.c: one state of a file as JSON ---- */

json_t *journal_state_to_json(const struct entry_state *state);
MUST_CHECK int journal_state_from_json(struct arena *a, const json_t *object,
				       struct entry_state *ret);

/* ---- tree.c: one entry ---- */

/* NULL: there is none with that path. */
struct entry *entry_find(const struct change *change, const char *path);
/* Its number in the change's directory. */
const char *entry_copy(const struct change *change, const struct entry *entry, const char *suffix);
/* What is there now; the sum of a file only where it could equal one of the recorded. */
MUST_CHECK int entry_look(const struct change *change, const struct entry *entry,
			  struct entry_state *ret, struct err *e);
bool entry_is(const struct entry_state *a, const struct entry_state *b);
/* Of a file with this content. */
void entry_sum(struct bytes content, char ret[SHA256_TEXT]);
/* Reads what is there and keeps it. */
MUST_CHECK int entry_save(const struct change *change, struct entry *entry, struct err *e);
/* Before entry->output becomes it: its content goes into the journal. */
MUST_CHECK int entry_note(const struct change *change, struct entry *entry, struct err *e);
/* Reads what a command left, and keeps it where it is a text. */
MUST_CHECK int entry_left(const struct change *change, struct entry *entry, struct err *e);
/* Keeps a text for differences to be shown. */
MUST_CHECK int entry_keep_text(const struct change *change, struct entry *entry, struct bytes text,
			       struct err *e);
/* What a command wrote is on the disk after this, and so is its name. */
MUST_CHECK int entry_flush(struct host *host, const char *path, struct err *e);
/* Whether what was kept is whole. */
MUST_CHECK int entry_check(const struct change *change, const struct entry *entry, struct err *e);
/* Puts back what was there before. @now: as entry_look() says. */
MUST_CHECK int entry_restore(const struct change *change, const struct entry *entry,
			     const struct entry_state *now, struct err *e);
/*
 * The names under which a new file is made beside it, and under which it waits for its rename;
 * without the directory.
 */
const char *entry_temporary(const struct change *change, const struct entry *entry);
const char *entry_ready(const struct change *change, const struct entry *entry);
/* A name in the directory of @entry. */
const char *entry_beside(const struct change *change, const struct entry *entry, const char *name);
/* root_place() of what is to be the entry, so that a boot loader sees the old or the new file. */
MUST_CHECK int entry_place(const struct change *change, const struct entry *entry,
			   const struct root_place *place, struct err *e);
MUST_CHECK int entry_unlink(const struct change *change, const struct entry *entry, struct err *e);
MUST_CHECK int entry_check_writable(struct host *host, const char *path, struct err *e);
/* Refused where chattr(1) has made it immutable, or append-only. */
MUST_CHECK int entry_check_unlocked(const char *path, const struct root_node *node, struct err *e);
/* Whether the path is on another file system than the root. */
MUST_CHECK int entry_is_mounted(struct host *host, const char *path, bool *ret, struct err *e);

/* ---- found.c: what others do meanwhile ---- */

/*
 * Before a step replaces or removes @entry: -EBUSY when it is neither what was kept nor what our
 * last step left. @leaves: what is there after the step; NULL: that is not known.
 */
MUST_CHECK int found_check(const struct change *change, struct entry *entry,
			   const struct entry_state *leaves, struct err *e);
/* Whether others have changed what a step is about to make from what is there: entry->foreign. */
MUST_CHECK int found_look(const struct change *change, struct entry *entry, struct err *e);
/*
 * Before the first command that writes in place: notes which of all such files others have changed.
 * Later it could not be told from what that command has done, to more files than its own.
 */
MUST_CHECK int found_before_writing(struct change *change, const struct step *step, struct err *e);
/* Whether what is there now is what the steps up to here have left, as far as can be told. */
bool found_is_ours(const struct entry *entry, const struct entry_state *now);

/* ---- become.c: a file that a command makes beside the one that it is to be ---- */

/* Runs @argv, after what has to run before it, and looks whether it has made entry->output. */
MUST_CHECK int become_run(const struct change *change, const struct entry *entry,
			  const char *const *argv, int lock_fd, struct err *e);
/* Flushes and dresses it, and renames it over @entry; what was there stays as entry->old when
 * @keep. */
MUST_CHECK int become_end(const struct change *change, const struct entry *entry, bool keep,
			  struct err *e);

/* ---- block.c: GRUB's environment block ---- */

/*
 * What is there now, without what the change has set in it; *@ret_changed: whether that is another
 * content. -EOPNOTSUPP: it is no block that can be edited.
 */
MUST_CHECK int block_taken_back(const struct change *change, const struct entry *entry,
				struct bytes *ret, bool *ret_changed, struct err *e);
/* Makes it that. @now: as entry_look() says. */
MUST_CHECK int block_restore(const struct change *change, const struct entry *entry,
			     const struct entry_state *now, struct err *e);

/* ---- back.c: taking a change back ---- */

/* @argv is run when all files are back. */
void back_add(struct change *change, const char *const *argv);

enum way {
	WAY_NONE,       /* it is as before */
	WAY_RESTORE,    /* from what was kept */
	WAY_REGENERATE, /* by its command */
	WAY_EDIT,       /* what is ours is taken out of it */
	WAY_KEEP,       /* as somebody else left it */
	WAY_REFUSE,
};

struct way_back {
	enum way *ways;
	struct entry_state *now; /* each by entry */
};

/*
 * What has to be done with each entry. @own: this process has applied it just now, so that what is
 * not its own work is somebody else's. Changes nothing.
 */
MUST_CHECK int back_decide(const struct change *change, bool own, bool keep_changed,
			   struct way_back *ret, struct err *e);
/* A refusal when there is an entry that cannot go back, or what it needs is not whole. */
MUST_CHECK int back_check(const struct change *change, const struct way_back *way, struct err *e);
MUST_CHECK int back_go(const struct change *change, const struct way_back *way,
		       const struct change_undo_how *how, int lock_fd, struct err *e);

/* ---- settle.c: what a boot loader sees that replays no journal ---- */

/* Whether a boot loader may read it. For other files the functions below do nothing. */
bool settle_wanted(const struct entry *entry);
/*
 * Before @entry is replaced or removed: what was done before is where a boot loader reads it, and
 * what is there now stays on the disk until the next one.
 */
MUST_CHECK int settle_hold(const struct change *change, const struct entry *entry, struct err *e);
/* What was done is where a boot loader reads it; lets go of what is held, also after an error. */
MUST_CHECK int settle_all(const struct change *change, struct err *e);
void settle_let_go(const struct change *change);

/* ---- store.c: the folder of all changes ---- */

/* The numbers that are used, sorted. */
MUST_CHECK int store_numbers(struct host *host, unsigned **ret, size_t *ret_n, struct err *e);
MUST_CHECK int store_make(struct host *host, struct err *e);
/* A change that was never begun, or is to be no more: all files of its folder, and itself. */
MUST_CHECK int store_drop(struct change *change, struct err *e);
/* What is left of those that were to be no more. */
MUST_CHECK int store_sweep(struct host *host, struct err *e);
/* Copies are of no use any more. */
MUST_CHECK int store_empty(const struct change *change, struct err *e);

/* ---- generator.c ---- */

/*
 * Runs it in a process group of its own, so that no key of the terminal ends it, and with the lock,
 * so that nobody begins while it is still at work when we are not. -EIO: it failed.
 */
MUST_CHECK int generator_run(const char *const *argv, int lock_fd, struct err *e);
/* Whether somebody wants us to end. */
bool generator_interrupted(void);
void generator_hold_signals(sigset_t *ret_before);

/* ---- time ---- */

int64_t journal_now_s(void);
const char *journal_boot(struct host *host);
/* When this boot began, since 1970; 0 when that is not known. */
int64_t journal_boot_began_s(struct host *host);
