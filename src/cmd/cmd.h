/* SPDX-License-Identifier: MIT */
/*
 * A command turns a request into a document. It is one file, cmd/<name>.c, that
 * ends in a `const struct command command_<name>`; its name in the list of
 * cmd/meson.build registers it. main parses the options from its rows, enforces
 * its flags, renders its document and maps its result to the exit status.
 *
 * Commands do not print.
 */
#pragma once

#include "base/err.h"
#include "host/host.h"
#include "show/show.h"

enum command_flags {
	COMMAND_NEEDS_LIVE = 1 << 0,   /* refuses --root */
	COMMAND_CHANGES_HOST = 1 << 1, /* refuses --root, and ordinary users */
	COMMAND_CHANGES_ROOT = 1 << 2, /* takes a mounted system as --root, no record of one;
					* refuses ordinary users */
};

enum option_kind {
	OPTION_FLAG,   /* bool */
	OPTION_STRING, /* const char * */
	OPTION_LIST,   /* struct option_list: may be given more than once */
};

struct option_list {
	const char *const *value;
	size_t n;
};

struct option_row {
	const char *name; /* "memory" */
	char letter;      /* 'm', or 0 */
	enum option_kind kind;
	const char *argument; /* "SIZE"; NULL for a flag */
	const char *help;
	size_t offset; /* of the member in the options of the command */
};

struct request {
	struct host *host; /* its root is open, nothing is read yet */
	const char *const *argument;
	size_t n_arguments;
	const void *options; /* what the rows filled, zeroed otherwise */
	bool numeric;        /* no names from the hardware database */
	struct doc *doc;
	const char *schema; /* of the document, for doc_new() */
	/* one answer of several, at once, in the format asked for, to answer_fd (watch) */
	int (*emit)(struct doc *doc, struct err *e);
	int answer_fd;
	bool answers_with_error; /* set by run(): the document is an answer though it fails */
};

/* What a command answers: the exit status. Negative: an errno, with the sentence in err. */
enum answer {
	ANSWER_YES = 0,
	ANSWER_NO = 1,
	ANSWER_UNKNOWN = 3, /* could not find out, and the document says what */
	ANSWER_PARTLY = 4,
};

struct command {
	const char *name;
	const char *arguments; /* "DEVICE..." for the synopsis, or NULL */
	const char *summary;   /* one line, for the list of commands */
	const char *help;      /* a paragraph */
	size_t min_arguments;
	size_t max_arguments; /* SIZE_MAX: any number */
	unsigned flags;
	const struct option_row *options;
	size_t n_options;
	size_t options_size;
	int (*run)(struct request *request, struct err *e);
	/* Whether a request with these options changes nothing, so that the flags do not hold;
	 * NULL: never. */
	bool (*only_looks)(const void *options);
	/*
	 * Reads everything that any request to this command could ask of the host, for `snapshot`;
	 * NULL for a command that does not work on one. host_read_pci() has been called.
	 */
	void (*read_all)(struct host *host);
};

/* All commands, in the order of the help; NULL ends it. */
extern const struct command *const commands[];

/* The options that every command takes. */
struct global_options {
	const char *root;
	bool json, numeric, help, version;
};

extern const struct option_row global_rows[];
extern const size_t n_global_rows;
