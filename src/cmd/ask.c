// SPDX-License-Identifier: MIT
// Asking on the controlling terminal, tty(4), so that an answer that is redirected does not hide
// the question. Standard input must be a terminal too: what a script or a pipe feeds in is no
// consent, and a script must not wait for somebody who is not there.

#include "cmd/ask.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/ioctl.h>

#define TERMINAL "/dev/tty"

static void close_stream(FILE **stream)
{
	if (*stream)
		fclose(*stream);
}

static int refuse_without_terminal(struct request *request, struct err *e)
{
	request->answers_with_error = true;
	return err_refuse(e, "there is no terminal to ask on: --yes consents beforehand, --dry-run "
			     "only shows what would be done");
}

static bool says_yes(FILE *terminal)
{
	char line[16];

	if (!fgets(line, sizeof(line), terminal))
		return false;
	/* the rest of a line that is too long must not be taken for an answer to the next question
	 */
	for (int c = strchr(line, '\n') ? '\n' : 0; c != '\n' && c != EOF;)
		c = fgetc(terminal);
	return strcasecmp(line, "y\n") == 0 || strcasecmp(line, "yes\n") == 0;
}

int ask_consent(struct request *request, const char *question, struct err *e)
{
	struct doc_style style = { .colour = true };
	struct winsize size;

	if (!isatty(STDIN_FILENO))
		return refuse_without_terminal(request, e);
	CLEANUP(close_stream) FILE *terminal = fopen(TERMINAL, "r+e");
	if (!terminal)
		return refuse_without_terminal(request, e);
	if (ioctl(fileno(terminal), TIOCGWINSZ, &size) == 0)
		style.columns = size.ws_col;
	int error = doc_render_text(request->doc, &style, terminal);
	if (error < 0)
		return err_io(e, error, "writing to the terminal");
	fprintf(terminal, "\n%s [y/N] ", question);
	if (fflush(terminal) != 0)
		return err_io(e, -errno, "writing to the terminal");
	bool yes = says_yes(terminal);
	request->doc = doc_new(&request->host->arena, request->schema);
	return yes ? 0 : err_refuse(e, "nothing was changed: the answer was not yes");
}
