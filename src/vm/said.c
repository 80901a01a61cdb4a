// SPDX-License-Identifier: MIT
// What to tell of the things QEMU prints. Its errors begin with the name of the program; hints
// follow on lines of their own ("Please ensure all devices within the iommu_group are bound ..."),
// so the last line alone would often be the hint without the error. Warnings are printed at every
// start and would be blamed for an end they have nothing to do with.

#include "base/text.h"
#include "vm/internal.h"

static void message_append(struct said *s, const char *text)
{
	size_t used = strlen(s->message);
	size_t n = strnlen(text, sizeof(s->message) - used - 1);

	memcpy(s->message + used, text, n);
	s->message[used + n] = '\0';
}

/* What follows "<program>: "; NULL when the line does not begin so. */
static const char *without_program(const struct said *s, const char *line)
{
	size_t n = strlen(s->program);

	if (strncmp(line, s->program, n) != 0 || !str_starts(line + n, ": "))
		return NULL;
	return line + n + 2;
}

void said_end(struct said *s)
{
	s->line[s->n] = '\0';
	s->n = 0;
	if (s->line[strspn(s->line, " ")] == '\0')
		return;
	const char *text = without_program(s, s->line);
	if (text && (str_starts(text, "warning: ") || str_starts(text, "info: ")))
		return;
	if (!text && s->ours) {
		message_append(s, " ");
		message_append(s, s->line);
		return;
	}
	s->ours = text != NULL;
	s->message[0] = '\0';
	message_append(s, text ? text : s->line);
}

void said_add(struct said *s, const char *data, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		unsigned char c = (unsigned char)data[i];
		if (c == '\n')
			said_end(s);
		else if (s->n + 1 < sizeof(s->line) && c != '\r')
			s->line[s->n++] = (char)(c < ' ' || c == 0x7f ? ' ' : c);
	}
}
