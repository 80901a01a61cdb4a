// SPDX-License-Identifier: MIT
// Fills the tables of the program into a man page: lines that are exactly @synopsis NAME@, @options
// NAME@,
// @options@ (of every command) or @commands@ are replaced, everything else is copied.

#include "base/text.h"
#include "cmd/cmd.h"

#include <stdio.h>

static const struct command *find(const char *name)
{
	for (const struct command *const *c = commands; *c; c++) {
		if (str_eq((*c)->name, name))
			return *c;
	}
	fprintf(stderr, "no command %s\n", name);
	exit(1);
}

static void synopsis(const struct command *command)
{
	printf("*passthru %s*%s", command->name, command->n_options ? " [_OPTION_...]" : "");
	if (command->arguments)
		printf(" %s", command->arguments);
	printf("\n\n%s\n", command->help);
}

static void options(const struct option_row *rows, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		printf("*--%s*", rows[i].name);
		if (rows[i].argument)
			printf(" _%s_", rows[i].argument);
		if (rows[i].letter)
			printf(", *-%c*", rows[i].letter);
		printf("\n\t%s.\n\n", rows[i].help);
	}
}

static void command_list(void)
{
	for (const struct command *const *c = commands; *c; c++)
		printf("*%s*\n\t%s. See *passthru-%s*(8).\n\n", (*c)->name, (*c)->summary,
		       (*c)->name);
}

int main(int argc, char **argv)
{
	char line[4096], name[64];
	FILE *template = argc == 2 ? fopen(argv[1], "re") : NULL;

	if (!template) {
		perror(argc == 2 ? argv[1] : "usage: page TEMPLATE");
		return 1;
	}
	while (fgets(line, sizeof(line), template)) {
		if (sscanf(line, "@synopsis %63[a-z]@", name) == 1)
			synopsis(find(name));
		else if (sscanf(line, "@options %63[a-z]@", name) == 1)
			options(find(name)->options, find(name)->n_options);
		else if (str_eq(line, "@options@\n"))
			options(global_rows, n_global_rows);
		else if (str_eq(line, "@commands@\n"))
			command_list();
		else
			fputs(line, stdout);
	}
	fclose(template);
	return ferror(stdout) || fflush(stdout) ? 1 : 0;
}
