/* SPDX-License-Identifier: MIT */
/*
 * The configuration of modprobe: modprobe.d of all directories, as kmod merges it.
 *
 * Sources: modprobe.d(5) and libkmod/libkmod-config.c of kmod.
 */
#pragma once

#include "base/root.h"
#include "host/fact.h"

#include <stdbool.h>
#include <stddef.h>

struct host;

enum modprobe_command {
	MODPROBE_OPTIONS,
	MODPROBE_BLACKLIST,
	MODPROBE_SOFTDEP,
	MODPROBE_INSTALL,
	MODPROBE_REMOVE,
	MODPROBE_ALIAS,
	MODPROBE_OTHER, /* weakdep, or what kmod does not know either */
};

struct modprobe_line {
	enum modprobe_command command;
	const char *path;
	unsigned number;    /* of its first line, from 1 */
	const char *module; /* or the alias; as written */
	const char *rest;   /* what follows the name, without blanks around it */
};

struct modprobe_file {
	const char *path;
	int error;             /* of reading it */
	const char *masked_by; /* a file of the same name in a directory before; NULL: it counts */
};

struct modprobe_facts {
	struct modprobe_file *files; /* in the order in which they are read */
	size_t n_files;
	struct modprobe_line *lines; /* of the files that count, in order */
	size_t n_lines;
	int error; /* a directory, or a file that counts, could not be read: there may be more */
	const char *error_path;
};

void host_read_modprobe(struct host *host, struct modprobe_facts *ret);

/*
 * The next line of that command about @module behind @after (NULL: of all); NULL when there is no
 * more. @module NULL: about any.
 */
const struct modprobe_line *modprobe_next(const struct modprobe_facts *facts,
					  enum modprobe_command command, const char *module,
					  const struct modprobe_line *after);
/* "etc/modprobe.d/vfio.conf:3" */
const char *modprobe_place(struct arena *a, const struct modprobe_line *line);
