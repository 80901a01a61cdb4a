// SPDX-License-Identifier: MIT
// Commands of a shell file: lists, pipelines, compound commands, functions, redirections and
// here-documents, as far as it takes to know which assignments are made on every way through the
// file. See POSIX, XCU 2.9 and 2.10. A file that a shell would call wrong is refused as well.

#include "base/text.h"
#include "change/edit_shell.h"

#define HEREDOCS_MAX 8

enum expect {
	NOTHING,
	CASE_SUBJECT,
	CASE_IN,
	CASE_PATTERN,
	FOR_NAME,
	FOR_IN,
	FOR_WORDS,
	FUNCTION_NAME,
	FUNCTION_BODY
};

enum list_operator { OP_END, OP_AND_OR, OP_PIPE, OP_BACKGROUND };

struct reader {
	struct shell *s;
	size_t at;
	char open[SHELL_DEPTH_MAX]; /* i(f l(oop c(ase { ( */
	size_t n_open;
	enum expect expect;
	bool redirected;  /* a redirection waits for its word */
	bool conditional; /* behind && or || */
	bool piped;
	bool dangling;                /* an operator waits for its command */
	struct shell_command command; /* so far */
	/* here-documents whose text begins in the next line */
	struct {
		size_t at;
		const char *until;
		bool tabs;
	} heredocs[HEREDOCS_MAX];
	size_t n_heredocs;
	bool heredoc_word;
	bool heredoc_tabs;
};

static void fail(struct reader *r, size_t at, const char *why)
{
	r->at = shell_fail(r->s, at, why);
}

static void note(struct reader *r, enum shell_what what, size_t at, const char *why)
{
	shell_note(r->s, (struct shell_event){ .what = what, .at = at, .why = why });
}

static bool is(const struct reader *r, size_t at, size_t end, const char *word)
{
	return edit_text_is(r->s->f, at, end, word);
}

static char top(const struct reader *r)
{
	return r->n_open ? r->open[r->n_open - 1] : '\0';
}

static bool is_empty(const struct reader *r)
{
	return r->command.n_words + r->command.n_assigned + r->command.n_redirected == 0;
}

static void push(struct reader *r, char c)
{
	if (r->n_open == SHELL_DEPTH_MAX)
		fail(r, r->at, "conditions and loops are nested too deeply");
	else
		r->open[r->n_open++] = c;
}

static void pop(struct reader *r, char c, size_t at)
{
	if (top(r) != c) {
		fail(r, at, "this ends something that was not begun");
		return;
	}
	r->n_open--;
	r->command.n_words++;
	r->command.kind = SHELL_COMPOUND;
}

/* ---- the end of a command ---- */

static void end_command(struct reader *r, enum list_operator op)
{
	bool empty = is_empty(r);

	if (r->redirected)
		fail(r, r->at, "a redirection leads nowhere");
	if (empty && op != OP_END)
		fail(r, r->at, "there is no command in front of this operator");
	if (r->piped || op == OP_PIPE || op == OP_BACKGROUND)
		shell_doubt(r->s, &r->command, "it is set in a pipeline or in the background");
	if (r->command.n_words > 0 && r->command.n_assigned > 0)
		shell_doubt(r->s, &r->command, "it is set for one command");
	if (r->n_open > 0)
		shell_doubt(r->s, &r->command,
			    "it is set inside of a condition, a loop or a function");
	if (r->conditional)
		shell_doubt(r->s, &r->command, "it is set on a condition");
	if (!empty || op != OP_END) {
		if (op != OP_PIPE)
			r->conditional = op == OP_AND_OR;
		r->piped = op == OP_PIPE;
		r->dangling = op == OP_AND_OR || op == OP_PIPE;
	}
	r->command.n_words = r->command.n_assigned = r->command.n_redirected = 0;
	r->command.first_event = r->s->n_events;
	r->command.kind = SHELL_PROGRAM;
	r->command.options = false;
	if (r->expect == FOR_IN || r->expect == FOR_WORDS)
		r->expect = NOTHING;
	else if (r->expect == FOR_NAME || r->expect == FUNCTION_NAME)
		fail(r, r->at, "a name is missing");
}

/* ---- here-documents ---- */

static void add_heredoc(struct reader *r, size_t at, size_t end)
{
	const char *text = r->s->f->text;
	char *until = arena_alloc(r->s->f->a, end - at + 1), *to = until;

	r->heredoc_word = false;
	if (r->n_heredocs == HEREDOCS_MAX || memchr(text + at, '$', end - at) ||
	    memchr(text + at, '`', end - at)) {
		fail(r, at, "this here-document is not read: write it in a simpler way");
		return;
	}
	for (size_t i = at; i < end; i++) {
		if (!strchr("'\"\\", text[i]))
			*to++ = text[i];
	}
	r->heredocs[r->n_heredocs].at = at;
	r->heredocs[r->n_heredocs].tabs = r->heredoc_tabs;
	r->heredocs[r->n_heredocs++].until = until;
}

static void skip_heredocs(struct reader *r)
{
	struct edit_file *f = r->s->f;

	for (size_t i = 0; i < r->n_heredocs && r->s->error == 0; i++) {
		struct edit_line line;
		bool found = false;
		while (!found && edit_line_at(f, r->at, true, &line)) {
			size_t at = line.at;
			while (r->heredocs[i].tabs && at < line.end && f->text[at] == '\t')
				at++;
			found = is(r, at, line.end, r->heredocs[i].until);
			if (shell_mentions(r->s, line.at, line.end))
				note(r, SHELL_READ, line.at, NULL);
			r->at = line.next;
		}
		if (!found)
			fail(r, r->heredocs[i].at, "this here-document does not end");
	}
	r->n_heredocs = 0;
}

/* ---- words ---- */

/* [[ is a grammar of its own; nothing in it sets a variable but an expansion */
static void skip_test(struct reader *r, size_t open)
{
	struct shell *s = r->s;

	while (r->at < s->f->n && s->error == 0) {
		size_t at = r->at;
		if (strchr(" \t\n;&|<>()", s->f->text[at])) {
			r->at++;
			continue;
		}
		r->at = shell_skip_word(s, at);
		if (is(r, at, r->at, "]]")) {
			r->command.n_words++;
			r->command.kind = SHELL_COMPOUND;
			return;
		}
	}
	fail(r, open, "[[ is not closed");
}

/* Whether the word at the place of a command is one of the grammar. */
static bool take_reserved(struct reader *r, size_t at, size_t end)
{
	static const char *const goes_on[] = { "then", "else", "elif", "do", "!", NULL };
	static const char *const loops[] = { "while", "until", NULL };

	if (is(r, at, end, "if"))
		push(r, 'i');
	else if (shell_is_one_of(r->s, at, end, loops))
		push(r, 'l');
	else if (is(r, at, end, "{"))
		push(r, '{');
	else if (is(r, at, end, "fi"))
		pop(r, 'i', at);
	else if (is(r, at, end, "done"))
		pop(r, 'l', at);
	else if (is(r, at, end, "esac"))
		pop(r, 'c', at);
	else if (is(r, at, end, "}"))
		pop(r, '{', at);
	else if (is(r, at, end, "[["))
		skip_test(r, at);
	else if (is(r, at, end, "case")) {
		push(r, 'c');
		r->expect = CASE_SUBJECT;
	} else if (is(r, at, end, "for") || is(r, at, end, "select")) {
		push(r, 'l');
		r->expect = FOR_NAME;
	} else if (is(r, at, end, "function")) {
		r->expect = FUNCTION_NAME;
	} else if (is(r, at, end, "]]")) {
		fail(r, at, "this ends something that was not begun");
	} else if (shell_is_one_of(r->s, at, end, goes_on)) {
		if (top(r) != 'i' && top(r) != 'l' && !is(r, at, end, "!"))
			fail(r, at, "this belongs to a condition or loop that was not begun");
	} else {
		return false;
	}
	r->dangling = false;
	return true;
}

/* Its name was taken for a command. */
static void define_function(struct reader *r, size_t at)
{
	struct shell *s = r->s;
	struct shell_event *event = s->n_events ? &s->events[s->n_events - 1] : NULL;

	if (event && event->what == SHELL_CALL && event->at == r->command.at &&
	    shell_name_end(s, event->at) == event->end)
		event->what = SHELL_FUNCTION;
	else
		fail(r, at, "a function stands in for a command of the shell: name it otherwise");
	r->expect = FUNCTION_BODY;
}

static void take_expected(struct reader *r, size_t at, size_t end)
{
	switch (r->expect) {
	case CASE_SUBJECT:
		r->expect = CASE_IN;
		break;
	case CASE_IN:
		if (!is(r, at, end, "in"))
			fail(r, at, "the in of a case is missing");
		r->expect = CASE_PATTERN;
		break;
	case CASE_PATTERN:
		if (is(r, at, end, "esac")) {
			r->expect = NOTHING;
			pop(r, 'c', at);
		}
		break;
	case FOR_NAME:
		if (shell_is_name(r->s, at, end))
			note(r, SHELL_UNSURE, at, "a loop sets it");
		r->expect = FOR_IN;
		break;
	case FOR_IN:
		r->expect = is(r, at, end, "in") ? FOR_WORDS : NOTHING;
		if (r->expect == NOTHING && !is(r, at, end, "do"))
			fail(r, at, "the in of a loop is missing");
		break;
	case FUNCTION_NAME:
		shell_name_command(r->s, &r->command, at, end);
		define_function(r, at);
		break;
	case FUNCTION_BODY:
		r->expect = NOTHING;
		if (is(r, at, end, "{"))
			push(r, '{');
		else
			fail(r, at, "the body of a function has to stand in braces");
		break;
	case FOR_WORDS:
	case NOTHING:
		break;
	}
}

/* "2>": the number belongs to the redirection */
static bool is_descriptor(const struct reader *r, size_t at)
{
	const char *t = r->s->f->text;

	return strspn(t + at, "0123456789") == r->at - at && (t[r->at] == '<' || t[r->at] == '>');
}

static void take_word(struct reader *r)
{
	size_t at = r->at, name_end;
	bool append;

	r->at = shell_skip_word(r->s, at);
	if (r->s->error < 0 || is_descriptor(r, at))
		return;
	if (r->heredoc_word)
		add_heredoc(r, at, r->at);
	if (r->redirected)
		r->redirected = false;
	else if (r->expect != NOTHING)
		take_expected(r, at, r->at);
	else if (r->command.n_words > 0)
		shell_take_argument(r->s, &r->command, at, r->at), r->command.n_words++;
	else if (shell_assigned(r->s, at, r->at, &name_end, &append) && (r->s->bash || !append)) {
		shell_set_variable(r->s, at, r->at);
		r->command.n_assigned++;
	} else if (r->command.n_assigned + r->command.n_redirected > 0 ||
		   !take_reserved(r, at, r->at)) {
		if (append && shell_is_name(r->s, at, shell_name_end(r->s, at)))
			note(r, SHELL_UNSURE, at, "+= is understood by some shells only");
		shell_name_command(r->s, &r->command, at, r->at);
		r->command.n_words++;
	}
}

/* ---- operators ---- */

static void take_open(struct reader *r)
{
	const char *t = r->s->f->text;
	size_t at = r->at;

	if (r->expect == CASE_PATTERN) {
		r->at++;
	} else if (is_empty(r) && r->expect == NOTHING && !r->redirected) {
		if (t[at + 1] == '(')
			fail(r, at, "(( is read by bash only: use $((");
		if (t[shell_skip_blanks(r->s, at + 1)] == ')')
			fail(r, at, "there is nothing in the parentheses");
		push(r, '(');
		r->at++;
	} else {
		/* name ( ) */
		size_t close = shell_skip_blanks(r->s, at + 1);
		bool is_function = r->command.n_words == 1 &&
				   r->command.n_assigned + r->command.n_redirected == 0 &&
				   r->command.kind != SHELL_COMPOUND;
		if (t[close] != ')' || r->expect != NOTHING || !is_function) {
			fail(r, at, "a list in parentheses is read by bash only, and not here");
			return;
		}
		r->at = close + 1;
		r->command.n_words = 0;
		define_function(r, at);
	}
}

static void take_close(struct reader *r)
{
	size_t at = r->at++;

	if (r->expect == CASE_PATTERN) {
		r->expect = NOTHING;
		return;
	}
	end_command(r, OP_END);
	pop(r, '(', at);
}

static void take_semicolon(struct reader *r)
{
	const char *t = r->s->f->text;
	bool empty = is_empty(r);

	if (empty && r->expect == NOTHING && t[r->at + 1] != ';')
		fail(r, r->at, "there is no command in front of this operator");
	end_command(r, OP_END);
	r->at++;
	if (r->s->error < 0)
		return;
	if (t[r->at] == '&')
		fail(r, r->at, ";& is read by bash only");
	if (t[r->at] != ';')
		return;
	r->at++;
	if (top(r) != 'c')
		fail(r, r->at, ";; belongs into a case");
	r->expect = CASE_PATTERN;
}

static void take_redirection(struct reader *r)
{
	const char *t = r->s->f->text;
	char first = t[r->at];

	if (r->redirected)
		fail(r, r->at, "a redirection leads nowhere");
	r->redirected = true;
	r->command.n_redirected++;
	r->at++;
	if (t[r->at] == '(') {
		fail(r, r->at, "a process substitution is read by bash only");
	} else if (first == '<' && t[r->at] == '<') {
		r->at++;
		if (t[r->at] == '<') {
			r->at++; /* bash: a word instead of a document */
			return;
		}
		r->heredoc_word = true;
		r->heredoc_tabs = t[r->at] == '-';
		r->at += r->heredoc_tabs;
	} else if (t[r->at] && strchr("<>&|", t[r->at])) {
		r->at++;
	}
}

static void take_operator(struct reader *r, char c)
{
	const char *t = r->s->f->text;

	if (c == '\n') {
		if (r->expect != CASE_PATTERN && r->expect != CASE_IN)
			end_command(r, OP_END);
		r->at++;
		skip_heredocs(r);
	} else if (c == '#') {
		r->at = shell_skip_comment(r->s, r->at);
	} else if (c == '|' && r->expect == CASE_PATTERN) {
		r->at++;
	} else if (c == '&' || c == '|') {
		bool twice = t[r->at + 1] == c;
		end_command(r, twice ? OP_AND_OR : c == '|' ? OP_PIPE : OP_BACKGROUND);
		r->at += 1 + (size_t)twice;
		if (!twice && (t[r->at] == '&' || (c == '&' && t[r->at] == '>')))
			fail(r, r->at, "this operator is read by bash only");
	} else if (c == ';') {
		take_semicolon(r);
	} else if (c == '(') {
		take_open(r);
	} else if (c == ')') {
		take_close(r);
	} else {
		take_redirection(r);
	}
}

int shell_read(struct shell *s)
{
	struct reader r = { .s = s };

	while (s->error == 0) {
		r.at = shell_skip_blanks(s, r.at);
		if (r.at >= s->f->n)
			break;
		char c = s->f->text[r.at];
		if (strchr("\n;&|()<>#", c))
			take_operator(&r, c);
		else
			take_word(&r);
	}
	if (s->error == 0)
		end_command(&r, OP_END);
	if (s->error == 0 &&
	    (r.n_open > 0 || r.dangling || r.n_heredocs > 0 || r.expect != NOTHING))
		fail(&r, s->f->n, "the file ends in the middle of a command");
	return s->error;
}
