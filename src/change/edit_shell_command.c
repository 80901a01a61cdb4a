// SPDX-License-Identifier: MIT
// What a simple command of a shell file means for the variable: assignments, and the builtins of
// dash and bash that set variables, leave the file or run what is not seen here (POSIX, XCU 2.14;
// bash(1), SHELL BUILTIN COMMANDS). A word that is no builtin is a program or a function.

#include "base/text.h"
#include "change/edit_shell.h"

static void note(struct shell *s, enum shell_what what, size_t at, const char *why)
{
	shell_note(s, (struct shell_event){ .what = what, .at = at, .why = why });
}

bool shell_is_one_of(const struct shell *s, size_t at, size_t end, const char *const *words)
{
	for (; *words; words++) {
		if (edit_text_is(s->f, at, end, *words))
			return true;
	}
	return false;
}

static bool is_literal(const struct shell *s, size_t at, size_t end)
{
	for (; at < end; at++) {
		if (strchr("'\"\\$`", s->f->text[at]))
			return false;
	}
	return true;
}

void shell_doubt(struct shell *s, const struct shell_command *c, const char *why)
{
	for (size_t i = c->first_event; i < s->n_events; i++) {
		if (s->events[i].what != SHELL_SET)
			continue;
		s->events[i].what = SHELL_UNSURE;
		s->events[i].why = why;
	}
}

void shell_set_variable(struct shell *s, size_t at, size_t end)
{
	size_t name_end;
	bool append;
	size_t value = shell_assigned(s, at, end, &name_end, &append);
	size_t base_end = shell_name_end(s, at);
	struct shell_event event = { SHELL_SET, at, value, end, false, append, NULL };

	if (!shell_is_name(s, at, base_end))
		return;
	event.array = value < end && s->f->text[value] == '(';
	if (s->f->place->name[s->n_name] == '[' || name_end > base_end) {
		char *said = arena_strndup(s->f->a, s->f->text + at, name_end - at), *to = said;
		for (const char *from = said; *from; from++) {
			if (!strchr("'\"", *from))
				*to++ = *from;
		}
		*to = '\0';
		bool all_of_it = name_end == base_end;
		if (!all_of_it && s->f->place->name[s->n_name] == '[' &&
		    !str_eq(said, s->f->place->name))
			return; /* another element */
		if (!str_eq(said, s->f->place->name)) {
			event.what = SHELL_UNSURE;
			event.why = "it is set as a whole here and by element there";
		}
	}
	shell_note(s, event);
}

void shell_name_command(struct shell *s, struct shell_command *c, size_t at, size_t end)
{
	static const char *const harmless[] = { ":",     "true",     "false", "echo",
						"test",  "[",        "]",     "cd",
						"umask", "pwd",      "shift", "type",
						"break", "continue", "times", NULL };
	static const char *const leaves[] = { "return", "exit", "exec", "set", NULL };
	static const char *const runs_others[] = { "eval", "command", "builtin", NULL };
	static const char *const any[] = { ".",   "source",  "alias", "enable",
					   "let", "unalias", "shopt", NULL };
	static const char *const declares[] = { "export", "readonly", NULL };
	static const char *const declares_bash[] = { "declare", "typeset", NULL };
	static const char *const takes[] = { "unset",   "read",      "getopts", "local",
					     "mapfile", "readarray", "printf",  "declare",
					     "typeset", "wait",      NULL };

	c->at = at;
	c->end = end;
	c->kind = SHELL_PROGRAM;
	/* of an expansion that is empty the next word is the command */
	if (!is_literal(s, at, end) || shell_is_one_of(s, at, end, runs_others)) {
		note(s, SHELL_ANY, at, "this command may do anything");
		note(s, SHELL_LEAVE, at, NULL);
	} else if (shell_is_one_of(s, at, end, leaves)) {
		note(s, SHELL_LEAVE, at, NULL);
	} else if (shell_is_one_of(s, at, end, any)) {
		note(s, SHELL_ANY, at, "this command may do anything");
	} else if (edit_text_is(s->f, at, end, "trap")) {
		note(s, SHELL_BINDS, at, "commands are kept that run later on");
	} else if (shell_is_one_of(s, at, end, declares) ||
		   (s->bash && shell_is_one_of(s, at, end, declares_bash))) {
		c->kind = SHELL_DECLARES;
	} else if (shell_is_one_of(s, at, end, takes)) {
		c->kind = SHELL_TAKES_NAMES;
	} else if (!shell_is_one_of(s, at, end, harmless)) {
		shell_note(s, (struct shell_event){ .what = SHELL_CALL, .at = at, .end = end });
	}
}

/* What is said of the variable besides its value, and lasts. */
static void take_declaration(struct shell *s, const struct shell_command *c, size_t at,
			     size_t name_end)
{
	static const char *const declares[] = { "export",  "readonly", "declare",
						"typeset", "local",    NULL };

	if (!shell_is_one_of(s, c->at, c->end, declares) || !shell_mentions(s, at, name_end))
		return;
	if (c->options)
		note(s, SHELL_BINDS, at, "it is declared with options");
	/* setting it once more is an error, and the file ends there */
	if (edit_text_is(s->f, c->at, c->end, "readonly"))
		note(s, SHELL_LEAVE, name_end, NULL);
}

void shell_take_argument(struct shell *s, struct shell_command *c, size_t at, size_t end)
{
	size_t name_end;
	bool append;
	size_t assigned = shell_assigned(s, at, end, &name_end, &append);

	if (c->kind == SHELL_COMPOUND) {
		(void)shell_fail(s, at,
				 "this does not belong behind the end of a condition or loop");
	} else if (assigned && c->kind != SHELL_DECLARES && s->f->text[assigned] == '(') {
		(void)shell_fail(s, at, "a list in parentheses does not belong here");
	} else if (c->kind == SHELL_DECLARES && assigned) {
		shell_set_variable(s, at, end);
		take_declaration(s, c, at, name_end);
	} else if (assigned && shell_is_name(s, at, name_end) &&
		   edit_text_is(s->f, c->at, c->end, "time")) {
		note(s, SHELL_UNSURE, at, "some shells set it here, and some do not");
	} else if (c->kind == SHELL_DECLARES || c->kind == SHELL_TAKES_NAMES) {
		bool printf_ = edit_text_is(s->f, c->at, c->end, "printf");
		c->options |= s->f->text[at] == '-';
		take_declaration(s, c, at, assigned ? name_end : end);
		if (!printf_ && !is_literal(s, at, end))
			note(s, SHELL_ANY, at, "which variable this changes is not known");
		else if (printf_ && !is_literal(s, at, end) && c->options)
			note(s, SHELL_ANY, at, "which variable this changes is not known");
		else if (c->kind == SHELL_TAKES_NAMES && shell_mentions(s, at, end))
			note(s, SHELL_UNSURE, at, "a command changes it");
	}
}
