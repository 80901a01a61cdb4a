// SPDX-License-Identifier: MIT
// The parts of a line that every log has: addresses of PCI functions, and what stands in front of
// the message itself.
//
// Messages are found wherever they stand in a line, so what is in front of them matters only for
// showing them. The forms are those of dmesg (-T, -x, --time-format iso), of journalctl (short,
// short-iso, short-precise, short-monotonic), of syslog, of QEMU with -msg timestamp=on and of
// libvirt (virLogFormatString() in its src/util/virlog.c).

#include "base/text.h"
#include "check/explain_internal.h"

#include <ctype.h>
#include <stdio.h>

#define STAMP_MAX 40

/* ---- addresses ---- */

/* At most @max hex digits, a 0x in front of them allowed; bytes used, 0 when there is none. */
static size_t hex(const char *text, size_t n, size_t max, unsigned *ret)
{
	size_t begin = n > 2 && text[0] == '0' && text[1] == 'x' ? 2 : 0, i = begin;

	*ret = 0;
	for (; i < n && i - begin < max && isxdigit((unsigned char)text[i]); i++) {
		int c = tolower((unsigned char)text[i]);
		*ret = *ret * 16 + (unsigned)(isdigit(c) ? c - '0' : c - 'a' + 10);
	}
	return i > begin ? i : 0;
}

size_t explain_address(const char *text, size_t n, char ret[EXPLAIN_ADDRESS_MAX])
{
	unsigned part[3] = { 0 };
	size_t parts = 0, i = 0;

	for (;;) {
		size_t used = hex(text + i, n - i, parts == 0 ? 8 : 4, &part[parts]);
		if (!used)
			return 0;
		i += used;
		parts++;
		if (i == n || text[i] != ':' || parts == 3)
			break;
		i++;
	}
	if (parts < 2 || i + 1 >= n || text[i] != '.' || text[i + 1] < '0' || text[i + 1] > '7')
		return 0;
	i += 2;
	unsigned domain = parts == 3 ? part[0] : 0, bus = part[parts - 2], slot = part[parts - 1];
	if (bus > 0xff || slot > 0x1f || (i < n && isalnum((unsigned char)text[i])))
		return 0;
	snprintf(ret, EXPLAIN_ADDRESS_MAX, "%04x:%02x:%02x.%c", domain, bus, slot, text[i - 1]);
	return i;
}

/* ---- what stands in front of a message ---- */

struct cursor {
	const char *text;
	size_t n;
};

static void skip(struct cursor *c, size_t n)
{
	c->text += n;
	c->n -= n;
}

static void skip_blanks(struct cursor *c)
{
	while (c->n && (*c->text == ' ' || *c->text == '\t'))
		skip(c, 1);
}

/* The length of a word, up to a blank. */
static size_t word(const struct cursor *c)
{
	size_t n = 0;

	while (n < c->n && c->text[n] > ' ')
		n++;
	return n;
}

/* Whether the text looks like @form, in which 0 stands for a digit and a for a letter. */
static bool looks_like(const struct cursor *c, const char *form)
{
	size_t i = 0;

	for (; form[i]; i++) {
		if (i == c->n)
			return false;
		char t = c->text[i];
		if (form[i] == '0'   ? !isdigit((unsigned char)t)
		    : form[i] == 'a' ? !isalpha((unsigned char)t)
				     : form[i] != t)
			return false;
	}
	return true;
}

/* "<6>", "[   12.345678]", "[Fri Sep 30 10:38:28 2022]", "[T1234]": a number in brackets. */
static bool skip_brackets(struct cursor *c)
{
	char close = c->n && *c->text == '<' ? '>' : ']';
	bool number = false;

	if (c->n == 0 || (*c->text != '<' && *c->text != '['))
		return false;
	for (size_t i = 1; i < c->n && i < STAMP_MAX; i++) {
		char t = c->text[i];
		if (t == close && number) {
			skip(c, i + 1);
			return true;
		}
		if (isdigit((unsigned char)t))
			number = true;
		else if (close == '>' || !(isalpha((unsigned char)t) || (t && strchr(" .:+,", t))))
			return false;
	}
	return false;
}

/* "host kernel: ", "host QEMU[1234]: " */
static void skip_host_and_process(struct cursor *c)
{
	struct cursor at = *c;
	size_t n = word(&at);

	if (n == 0 || n == at.n)
		return;
	if (at.text[n - 1] == ':')
		return; /* "qemu-system-x86_64:" belongs to the message */
	skip(&at, n);
	skip_blanks(&at);
	n = word(&at);
	if (n > 1 && at.text[n - 1] == ':') {
		skip(&at, n);
		*c = at;
	}
}

/* "1234: error : virPCIGetHeaderType:3296 : " */
static bool skip_libvirt(struct cursor *c)
{
	struct cursor at = *c;
	size_t n = 0;

	while (n < at.n && isdigit((unsigned char)at.text[n]))
		n++;
	if (n == 0 || n + 1 >= at.n || at.text[n] != ':' || at.text[n + 1] != ' ')
		return false;
	skip(&at, n + 2);
	for (int i = 0; i < 2; i++) {
		n = word(&at);
		if (at.n - n > 3 && memcmp(at.text + n, " : ", 3) == 0)
			skip(&at, n + 3);
	}
	*c = at;
	return true;
}

static bool skip_time(struct cursor *c)
{
	if (looks_like(c, "0000-00-00T00:00:00") || looks_like(c, "0000-00-00 00:00:00")) {
		skip(c, 19);
		skip(c, word(c));
	} else if (looks_like(c, "aaa 00 00:00:00 ") || looks_like(c, "aaa  0 00:00:00 ") ||
		   looks_like(c, "aaa 00 00:00:00.0")) {
		skip(c, 15);
		skip(c, word(c));
	} else {
		return false;
	}
	skip_blanks(c);
	if (!skip_libvirt(c))
		skip_host_and_process(c);
	return true;
}

/* "kern  :info  : " of dmesg -x, "kernel: " of what people cut from a journal. */
static bool skip_facility(struct cursor *c)
{
	static const char *const names[] = { "kern  :", "user  :", "daemon:", "kernel:" };

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		size_t n = strlen(names[i]);
		if (c->n <= n || memcmp(c->text, names[i], n) != 0)
			continue;
		skip(c, n);
		/* the level, padded to six */
		if (c->n > 7 && i < 3 && c->text[6] == ':')
			skip(c, 7);
		return true;
	}
	return false;
}

size_t explain_prefix(const char *line, size_t n)
{
	struct cursor c = { line, n };

	do
		skip_blanks(&c);
	while (skip_brackets(&c) || skip_time(&c) || skip_facility(&c));
	return n - c.n;
}
