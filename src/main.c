// SPDX-License-Identifier: MIT
// The program: options, root, command, answer, exit status. The only place that prints, but for the
// console of a guest. Options are described by rows (cmd.h); popt parses them, help comes from
// them.

#include "base/text.h"
#include "cmd/cmd.h"

#include <errno.h>
#include <fcntl.h>
#include <locale.h>
#include <popt.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/ioctl.h>

#define HELP_COLUMNS 80
#define HELP_INDENT 27 /* of what an option does */

enum exit_status { EXIT_USAGE = 2, EXIT_FAILED = 3 };

/* ---- help ---- */

/* Filled to the width of a page, whatever the terminal; @column is where the first word goes. */
static void print_filled(const char *text, size_t column, size_t indent)
{
	const char *gap = "";

	while (*text) {
		size_t n = strcspn(text, " ");

		if (*gap && column + 1 + n > HELP_COLUMNS) {
			printf("\n%*s", (int)indent, "");
			column = indent;
			gap = "";
		}
		column += (size_t)printf("%s%.*s", gap, (int)n, text);
		gap = " ";
		text += n;
		text += strspn(text, " ");
	}
	putchar('\n');
}

static void print_rows(const char *title, const struct option_row *rows, size_t n)
{
	char name[64];
	size_t column;

	if (n == 0)
		return;
	printf("\n%s:\n", title);
	for (size_t i = 0; i < n; i++) {
		snprintf(name, sizeof(name), "--%s%s%s", rows[i].name, rows[i].argument ? " " : "",
			 rows[i].argument ? rows[i].argument : "");
		if (rows[i].letter)
			column = (size_t)printf("  -%c, %-20s", rows[i].letter, name);
		else
			column = (size_t)printf("      %-20s", name);
		if (column >= HELP_INDENT)
			putchar('\n');
		printf("%*s", HELP_INDENT - (column < HELP_INDENT ? (int)column : 0), "");
		print_filled(rows[i].help, HELP_INDENT, HELP_INDENT);
	}
}

static void print_paragraph(const char *text)
{
	print_filled(text, 0, 0);
}

static void print_command_help(const struct command *command)
{
	printf("passthru %s%s%s%s\n\n", command->name, command->n_options ? " [OPTION...]" : "",
	       command->arguments ? " " : "", command->arguments ? command->arguments : "");
	print_paragraph(command->help);
	print_rows("Options", command->options, command->n_options);
}

static void print_program_help(void)
{
	printf("passthru [COMMAND [ARGUMENT...]]\n\n");
	print_paragraph("Hands devices of this host to virtual machines with VFIO, and takes them "
			"back. Without a command: where this host stands.");
	printf("\nCommands:\n");
	for (const struct command *const *c = commands; *c; c++)
		printf("  %-10s %s\n", (*c)->name, (*c)->summary);
	putchar('\n');
	print_paragraph("`passthru COMMAND --help` explains one.");
}

static void print_help(const struct command *command)
{
	if (command)
		print_command_help(command);
	else
		print_program_help();
	print_rows("Options of every command", global_rows, n_global_rows);
	putchar('\n');
	print_paragraph("DEVICE is an address (0000:41:00.0, 41:00.0), a slot (41:00), ids "
			"(10de:1c82) or a word with an index (gpu:0, nvme:1, nic:0, usb:2).");
	print_paragraph("Exit status: 0 done, 1 the answer is no, 2 wrong usage, 3 failed or could "
			"not find out, 4 done in part.");
}

/* ---- options ---- */

static void set_option(struct arena *arena, const struct option_row *row, void *options,
		       const char *value)
{
	void *member = (char *)options + row->offset;

	switch (row->kind) {
	case OPTION_FLAG:
		*(bool *)member = true;
		break;
	case OPTION_STRING:
		*(const char **)member = arena_strdup(arena, value);
		break;
	case OPTION_LIST: {
		struct option_list *list = member;
		const char **values = arena_array(arena, list->n + 1, sizeof(*values));
		for (size_t i = 0; i < list->n; i++)
			values[i] = list->value[i];
		values[list->n] = arena_strdup(arena, value);
		*list = (struct option_list){ values, list->n + 1 };
		break;
	}
	}
}

static void fill_table(struct poptOption *table, const struct option_row *rows, size_t n,
		       int first_value)
{
	for (size_t i = 0; i < n; i++)
		table[i] = (struct poptOption){
			.longName = rows[i].name,
			.shortName = rows[i].letter,
			.argInfo = rows[i].kind == OPTION_FLAG ? POPT_ARG_NONE : POPT_ARG_STRING,
			.val = first_value + (int)i,
		};
}

struct invocation {
	struct arena arena;
	struct global_options global;
	const struct command *command; /* NULL: none named */
	void *options;
	const char **argument;
	size_t n_arguments;
};

/*
 * One pass over @argv (argv[0] is not looked at). Without a command only the global options are
 * known and the first word ends the pass; *@ret_rest is where it stands.
 */
static int parse_pass(struct invocation *in, int argc, const char **argv, const char ***ret_rest,
		      struct err *e)
{
	size_t n_own = in->command ? in->command->n_options : 0, n_global = n_global_rows;
	struct poptOption *table = arena_array(&in->arena, n_own + n_global + 1, sizeof(*table));
	const char *empty = NULL; /* most often the variable of a script that was never set */
	int value;

	fill_table(table, global_rows, n_global, 1);
	if (n_own)
		fill_table(table + n_global, in->command->options, n_own, 1 + (int)n_global);
	poptContext context = poptGetContext("passthru", argc, argv, table,
					     in->command ? 0 : POPT_CONTEXT_POSIXMEHARDER);
	while ((value = poptGetNextOpt(context)) > 0) {
		size_t index = (size_t)value - 1;
		const struct option_row *row = index < n_global
						       ? &global_rows[index]
						       : &in->command->options[index - n_global];
		CLEANUP_FREE char *text = poptGetOptArg(context);

		if (text && !*text)
			empty = row->name;
		set_option(&in->arena, row, index < n_global ? &in->global : in->options, text);
	}
	int error = 0;
	if (value < -1)
		error = err_usage(e, "%s: %s; `passthru%s%s --help` lists the options",
				  poptBadOption(context, POPT_BADOPTION_NOALIAS),
				  poptStrerror(value), in->command ? " " : "",
				  in->command ? in->command->name : "");
	else if (empty)
		error = err_usage(e, "the value of --%s is empty", empty);
	const char **rest = poptGetArgs(context);
	size_t n = 0;
	while (rest && rest[n])
		n++;
	in->argument = arena_array(&in->arena, n + 1, sizeof(*in->argument));
	for (size_t i = 0; i < n; i++)
		in->argument[i] = arena_strdup(&in->arena, rest[i]);
	in->n_arguments = n;
	*ret_rest = in->argument;
	poptFreeContext(context);
	return error;
}

static const struct command *find_command(const char *name)
{
	for (const struct command *const *c = commands; *c; c++) {
		if (str_eq((*c)->name, name))
			return *c;
	}
	return NULL;
}

static int parse(struct invocation *in, int argc, char **argv, struct err *e)
{
	const char **rest, **words = arena_array(&in->arena, (size_t)argc + 1, sizeof(*words));

	for (int i = 0; i < argc; i++)
		words[i] = argv[i];
	int error = parse_pass(in, argc, words, &rest, e);
	if (error < 0)
		return error;
	if (in->n_arguments == 0) {
		in->command = in->global.help ? NULL : find_command("status");
		return 0;
	}
	const char *name = rest[0];
	in->command = find_command(name);
	if (!*name)
		return err_usage(e, "the name of the command is empty; `passthru --help` lists "
				    "the commands");
	if (!in->command)
		return err_usage(e, "there is no command %s; `passthru --help` lists them", name);
	in->options = arena_alloc(&in->arena, in->command->options_size);
	/* the word of the command takes the place of argv[0] */
	error = parse_pass(in, (int)in->n_arguments, rest, &rest, e);
	if (error < 0 || in->global.help)
		return error;
	for (size_t i = 0; i < in->n_arguments; i++) {
		if (!*in->argument[i])
			return err_usage(e, "argument %zu of %s is empty", i + 1, name);
	}
	if (in->n_arguments < in->command->min_arguments)
		return err_usage(e, "%s needs %s; `passthru %s --help` explains it", name,
				 in->command->arguments, name);
	if (in->n_arguments > in->command->max_arguments)
		return err_usage(e, "%s does not take %s; `passthru %s --help` explains it", name,
				 in->argument[in->command->max_arguments], name);
	return 0;
}

/* ---- answer ---- */

static int render(struct doc *doc, bool json, struct err *e)
{
	struct doc_style style = { 0 };
	struct winsize size;

	if (isatty(STDOUT_FILENO)) {
		style.colour = true;
		if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0)
			style.columns = size.ws_col;
	}
	int error = json ? doc_render_json(doc, stdout) : doc_render_text(doc, &style, stdout);
	return error < 0 ? err_io(e, error, "writing the answer") : 0;
}

static int emit_text(struct doc *doc, struct err *e)
{
	int error = doc_render_line(doc, stdout);

	return error < 0 ? err_io(e, error, "writing the answer") : 0;
}

static int emit_json(struct doc *doc, struct err *e)
{
	int error = doc_render_json_line(doc, stdout);

	return error < 0 ? err_io(e, error, "writing the answer") : 0;
}

static int open_root(const struct invocation *in, struct root **ret, struct err *e)
{
	unsigned flags = in->command->flags;

	if (in->command->only_looks && in->command->only_looks(in->options))
		flags = 0;
	if (in->global.root && flags & (COMMAND_NEEDS_LIVE | COMMAND_CHANGES_HOST))
		return err_usage(e, "%s works on the running host only, not with --root",
				 in->command->name);
	if (flags & (COMMAND_CHANGES_HOST | COMMAND_CHANGES_ROOT) && geteuid() != 0)
		return err_fail(e, -EACCES, "%s needs root: it changes %s", in->command->name,
				in->global.root ? in->global.root : "this host");
	if (!in->global.root)
		return root_open_live(ret, e);
	int error = root_open(in->global.root, ret, e);
	if (error == 0 && flags & COMMAND_CHANGES_ROOT && !(*ret)->ops->replace) {
		root_close(*ret);
		error = err_usage(
			e,
			"%s works on the running host or a mounted system: %s is a record "
			"of a host",
			in->command->name, in->global.root);
	}
	return error;
}

static int execute(const struct invocation *in, struct err *e)
{
	struct root *root;
	struct host host;
	int error = open_root(in, &root, e);

	if (error < 0)
		return error;
	host_init(&host, root);
	const char *schema = arena_printf(&host.arena, "passthru.%s/1", in->command->name);
	struct request request = {
		.host = &host,
		.argument = in->argument,
		.n_arguments = in->n_arguments,
		.options = in->options,
		.numeric = in->global.numeric,
		.doc = doc_new(&host.arena, schema),
		.schema = schema,
		.emit = in->global.json ? emit_json : emit_text,
		.answer_fd = STDOUT_FILENO,
	};
	int answer = in->command->run(&request, e);
	if ((answer >= 0 || request.answers_with_error) && !doc_is_empty(request.doc)) {
		/* what the command has to say of its failure comes before a full disk */
		error = render(request.doc, in->global.json, answer < 0 ? NULL : e);
		if (error < 0 && answer >= 0)
			answer = error;
	}
	host_done(&host);
	return answer;
}

static int exit_status(int answer, const struct err *e)
{
	if (answer >= 0)
		return answer;
	switch (e->kind) {
	case ERR_USAGE:
		return EXIT_USAGE;
	case ERR_REFUSED:
		return ANSWER_NO;
	default:
		return EXIT_FAILED;
	}
}

/*
 * A file opened as descriptor 2 would receive the error messages. One that is closed stays of no
 * use: what stands there for it cannot be written to, so that an answer that nobody gets is a
 * failure, as on a full disk.
 */
static void open_standard_descriptors(void)
{
	int fd;

	do
		fd = open("/dev/null", O_RDONLY);
	while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd >= 0)
		close(fd);
}

/* A page of help too may meet a full disk. */
static int end_output(struct err *e)
{
	bool failed = ferror(stdout);

	if (fflush(stdout) != 0 || failed)
		return err_io(e, failed || !errno ? -EIO : -errno, "writing the answer");
	return 0;
}

int main(int argc, char **argv)
{
	struct invocation in = { 0 };
	struct err e = { 0 };

	open_standard_descriptors();
	setlocale(LC_CTYPE, "");
	int answer = parse(&in, argc, argv, &e);
	if (answer >= 0 && in.global.version) {
		printf("passthru %s\n", PASSTHRU_VERSION);
		answer = end_output(&e);
	} else if (answer >= 0 && (in.global.help || !in.command)) {
		print_help(in.command);
		answer = end_output(&e);
	} else if (answer >= 0) {
		answer = execute(&in, &e);
	}
	if (answer < 0)
		fprintf(stderr, "passthru: %s\n", doc_plain(&in.arena, e.text));
	arena_free(&in.arena);
	return exit_status(answer, &e);
}
