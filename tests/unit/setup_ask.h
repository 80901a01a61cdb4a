/* SPDX-License-Identifier: MIT */
/* A machine that can be set up, asked as main asks commands; what they say, and on a terminal. */
#pragma once

#include "tests/setup/machine.h"

#include "cmd/cmd.h"

#include <errno.h>
#include <pty.h>
#include <stdio.h>
#include <sys/wait.h>

#define WORDS_MAX 8

static bool as_json;
static bool from_rescue; /* the system is mounted by another one */

static struct {
	int status;
	char *text; /* of the answer, "" for none */
} said;

/* ---- asking ---- */

static inline const struct command *find(const char *name)
{
	for (const struct command *const *c = commands; *c; c++) {
		if (str_eq((*c)->name, name))
			return *c;
	}
	fail_msg("there is no command %s", name);
	return NULL;
}

/* "--name" or "--name=value"; false: it is an argument. */
static inline bool set_option(struct machine *m, const struct command *command, void *options,
			      const char *word)
{
	size_t n = strcspn(word, "=");

	for (size_t i = 0; str_starts(word, "--") && i < command->n_options; i++) {
		const struct option_row *row = &command->options[i];
		void *member = (char *)options + row->offset;

		if (strlen(row->name) != n - 2 || strncmp(word + 2, row->name, n - 2) != 0)
			continue;
		if (row->kind == OPTION_FLAG) {
			*(bool *)member = true;
		} else if (row->kind == OPTION_STRING) {
			*(const char **)member = word + n + 1;
		} else {
			struct option_list *list = member;
			const char **values =
				arena_array(&m->host.arena, WORDS_MAX, sizeof(*values));
			for (size_t k = 0; k < list->n; k++)
				values[k] = list->value[k];
			values[list->n++] = word + n + 1;
			list->value = values;
		}
		return true;
	}
	if (str_starts(word, "--"))
		fail_msg("%s has no option %s", command->name, word);
	return false;
}

static inline void render(struct request *request, bool has_answer)
{
	const struct doc_style terminal = { .columns = 80 };
	size_t n;
	FILE *out = open_memstream(&said.text, &n);

	if (has_answer && !doc_is_empty(request->doc))
		assert_int_equal(as_json ? doc_render_json(request->doc, out)
					 : doc_render_text(request->doc, &terminal, out),
				 0);
	fclose(out);
	if (as_json && *said.text)
		printf("%s\f", said.text);
}

/* As a process of its own; the words end with NULL. */
static inline void ask(struct machine *m, const char *name, ...)
{
	const struct command *command = find(name);
	const char *arguments[WORDS_MAX];
	va_list words;

	machine_open(m);
	m->host.root->live = !from_rescue;
	m->host.n_functions = 0;
	void *options = arena_alloc(&m->host.arena, command->options_size);
	const char *schema = arena_printf(&m->host.arena, "passthru.%s/1", name);
	struct request request = {
		.host = &m->host,
		.argument = arguments,
		.options = options,
		.numeric = true,
		.doc = doc_new(&m->host.arena, schema),
		.schema = schema,
	};
	va_start(words, name);
	for (const char *word; (word = va_arg(words, const char *));) {
		if (!set_option(m, command, options, word))
			arguments[request.n_arguments++] = word;
	}
	va_end(words);
	free(said.text);
	said.status = command->run(&request, &m->e);
	render(&request, said.status >= 0 || request.answers_with_error);
}

/* An answer is longer than what fail_msg() prints. */
static inline void complain(const struct machine *m, const char *text)
{
	fprintf(stderr, "%s\n", said.text);
	fail_msg("%d \"%s\": \"%s\" is not in it", said.status, m->e.text, text);
}

static inline void says(const struct machine *m, int status, const char *text)
{
	if (said.status != status || (!as_json && !strstr(said.text, text)))
		complain(m, text);
}

/* Refused, with the sentence for standard error. */
static inline void refuses(const struct machine *m, const char *sentence)
{
	if (said.status >= 0 || m->e.kind != ERR_REFUSED || !strstr(m->e.text, sentence))
		complain(m, sentence);
}

/* In a text nothing but diffs and what is copied is wider than the page. */
static inline void is_narrow(void)
{
	for (const char *line = said.text; !as_json && *line;) {
		size_t n = strcspn(line, "\n");

		if (n > 80)
			fail_msg("%zu columns: %.*s", n, (int)n, line);
		line += n + (line[n] == '\n');
	}
}

/* What is shown on a terminal where @typed is the answer; the exit status of the child, 9: refused.
 */
static inline char *on_terminal(struct machine *m, const char *command, const char *typed,
				int *ret_status)
{
	static char shown[65536];
	size_t n = 0;
	int terminal, status;
	pid_t child = forkpty(&terminal, NULL, NULL, NULL);

	if (child == 0) {
		ask(m, command, str_eq(command, "setup") ? GPU : NULL, NULL);
		_exit(said.status >= 0 ? said.status : m->e.kind == ERR_REFUSED ? 9 : 8);
	}
	assert_true(child > 0);
	assert_int_equal(write(terminal, typed, strlen(typed)), strlen(typed));
	for (ssize_t got = 1; got > 0; n += got > 0 ? (size_t)got : 0)
		got = read(terminal, shown + n, sizeof(shown) - 1 - n);
	shown[n] = '\0';
	assert_int_equal(waitpid(child, &status, 0), child);
	*ret_status = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
	close(terminal);
	return shown;
}
