// SPDX-License-Identifier: MIT
// The registry, generated from the list in meson.build, and the options of every command.

#include "cmd/cmd.h"

#include <stddef.h>

#define COMMAND(name) extern const struct command command_##name;
#include "cmd/commands.h"
#undef COMMAND

#define COMMAND(name) &command_##name,
const struct command *const commands[] = {
#include "cmd/commands.h"
	NULL,
};

#define OPTION(member) offsetof(struct global_options, member)

const struct option_row global_rows[] = {
	{ "root", 0, OPTION_STRING, "PATH",
	  "read a snapshot or a mounted system instead of this host", OPTION(root) },
	{ "json", 0, OPTION_FLAG, NULL, "answer as JSON", OPTION(json) },
	{ "numeric", 'n', OPTION_FLAG, NULL, "no names from the hardware database",
	  OPTION(numeric) },
	{ "help", 'h', OPTION_FLAG, NULL, "show this help", OPTION(help) },
	{ "version", 0, OPTION_FLAG, NULL, "show the version", OPTION(version) },
};

const size_t n_global_rows = ARRAY_SIZE(global_rows);
