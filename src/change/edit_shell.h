/* SPDX-License-Identifier: MIT */
/*
 * What a shell would do with a file, as far as one variable is concerned. The file is read as the
 * shell's own grammar (POSIX, XCU 2.10, and what bash adds), never run. Whatever may set
 * the variable, read it, or end the file before its end becomes an event, in the order of the file.
 */
#pragma once

#include "change/edit.h"

enum shell_what {
	SHELL_SET,      /* the variable is set here, on every way through the file */
	SHELL_UNSURE,   /* it may be set here */
	SHELL_READ,     /* something is made from it */
	SHELL_BINDS,    /* what is said here lasts, and changes what setting it does */
	SHELL_LEAVE,    /* the file may end here */
	SHELL_ANY,      /* a command that may do anything: eval, an include */
	SHELL_CALL,     /* a command that is a program, or a function from elsewhere */
	SHELL_FUNCTION, /* a function is defined */
};

struct shell_event {
	enum shell_what what;
	size_t at, value_at, end; /* of an assignment; a call and a function: the name */
	bool array, append;
	const char *why;
};

#define SHELL_DEPTH_MAX 64

struct shell {
	struct edit_file *f;
	bool bash;
	const char *name; /* of the variable, without the key of an element */
	size_t n_name;
	struct shell_event *events;
	size_t n_events, room;
	bool quiet; /* skipping again, events are known */
	int error;
	unsigned depth; /* of expansions in expansions */
};

enum shell_command_kind {
	SHELL_PROGRAM, /* or a function, or a builtin that matters as little */
	SHELL_DECLARES,
	SHELL_TAKES_NAMES,
	SHELL_COMPOUND, /* the end of one */
};

/* A simple command while it is read. */
struct shell_command {
	size_t n_assigned, n_redirected, n_words, first_event;
	size_t at, end; /* its name */
	enum shell_command_kind kind;
	bool options;
};

/* Reads the whole file; a negative errno when it cannot be read with certainty. */
int shell_read(struct shell *s) MUST_CHECK;

/* ---- simple commands, edit_shell_command.c ---- */

bool shell_is_one_of(const struct shell *s, size_t at, size_t end, const char *const *words);
/* What the command has set so far is not certain. */
void shell_doubt(struct shell *s, const struct shell_command *c, const char *why);
/* An assignment, if it is one to the variable. */
void shell_set_variable(struct shell *s, size_t at, size_t end);
void shell_name_command(struct shell *s, struct shell_command *c, size_t at, size_t end);
void shell_take_argument(struct shell *s, struct shell_command *c, size_t at, size_t end);

/* ---- words, edit_shell_word.c: each gives the offset behind what begins at @at ---- */

size_t shell_skip_word(struct shell *s, size_t at);
size_t shell_skip_single(struct shell *s, size_t at);
size_t shell_skip_dollar(struct shell *s, size_t at, bool in_double);
size_t shell_skip_backquote(struct shell *s, size_t at);
/* Blanks and continued lines. */
size_t shell_skip_blanks(const struct shell *s, size_t at);
size_t shell_skip_comment(const struct shell *s, size_t at);
/* The name at @at: its end, or @at. */
size_t shell_name_end(const struct shell *s, size_t at);
/* "name=", "name+=" or "name[key]=": the offset behind it, or 0. */
size_t shell_assigned(const struct shell *s, size_t at, size_t end, size_t *ret_name_end,
		      bool *ret_append);
/* Whether something is said there, quoted or not, about the variable. */
bool shell_mentions(const struct shell *s, size_t at, size_t end);
bool shell_is_name(const struct shell *s, size_t at, size_t end);
void shell_note(struct shell *s, struct shell_event event);
/* Not read with certainty; returns the end of the file. */
size_t shell_fail(struct shell *s, size_t at, const char *why);
