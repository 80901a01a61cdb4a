// SPDX-License-Identifier: MIT
// The generated menu, grub.cfg: a GRUB script, of which the generator writes one command a line
// (util/grub.d/10_linux.in and 00_header.in of GRUB). Here are the entries with their commands;
// what its conditions come to is not asked, so of an entry with two kernels both are kept.

#include "base/text.h"
#include "bootloader/grub.h"

#include <string.h>

#define ID_OPTION "$menuentry_id_option '"
#define SUBMENUS_MAX 8

struct reader {
	struct arena *a;
	struct grub_menu *menu;
	size_t room;
	unsigned line, depth; /* of blocks that are open */
	struct grub_entry *open;
	unsigned open_depth;
	unsigned submenu_depths[SUBMENUS_MAX]; /* of blocks that were open before each */
	unsigned submenus;
	bool in_header, header_seen, loads_env, clears_once;
};

/* ---- words ---- */

static bool command_is(const char *line, const char *command)
{
	size_t n = strlen(command);

	return str_starts(line, command) && (line[n] == ' ' || line[n] == '\t');
}

/* What stands behind any of the commands; NULL: it is none. */
static const char *after_command(const char *line, const char *const *commands)
{
	for (; *commands; commands++) {
		if (command_is(line, *commands))
			return line + strlen(*commands) + 1 +
			       strspn(line + strlen(*commands) + 1, " \t");
	}
	return NULL;
}

/* What stands between the quotes that begin at @text, whose own are '\''. Returns what is behind.
 */
static const char *quoted(struct arena *a, const char *text, const char **ret)
{
	const char *from = text + 1, *to = from;

	while (*to && !(to[0] == '\'' && strncmp(to, "'\\''", 4) != 0))
		to += *to == '\'' ? 4 : 1;
	*ret = arena_strndup(a, from, (size_t)(to - from));
	return *to ? to + 1 : to;
}

static const char *quoted_title(struct arena *a, const char *text, const char **ret)
{
	text += strspn(text, " \t");
	if (*text == '\'')
		return quoted(a, text, ret);
	if (*text == '"') {
		size_t n = strcspn(text + 1, "\"");

		*ret = arena_strndup(a, text + 1, n);
		return text + 1 + n + (text[1 + n] == '"');
	}
	size_t n = strcspn(text, " \t{");
	*ret = arena_strndup(a, text, n);
	return text + n;
}

static const char *id_of(struct arena *a, const char *text)
{
	static const char *const options[] = { ID_OPTION, "--id '" };
	const char *id = "";

	for (size_t i = 0; i < ARRAY_SIZE(options); i++) {
		const char *at = strstr(text, options[i]);

		if (at) {
			quoted(a, at + strlen(options[i]) - 1, &id);
			return id;
		}
	}
	return id;
}

/* ---- blocks that end on the line they begin on ---- */

/* The first of @wanted that no quote protects, or the end. */
static const char *find_unquoted(const char *text, const char *wanted)
{
	char quote = '\0';

	for (; *text; text++) {
		if (*text == '\\' && quote != '\'' && text[1])
			text++;
		else if (quote)
			quote = *text == quote ? '\0' : quote;
		else if (*text == '\'' || *text == '"')
			quote = *text;
		else if (strchr(wanted, *text))
			break;
	}
	return text;
}

/* What stands between its braces; NULL: it goes on behind the line, which begins with a command. */
static const char *block_of(struct arena *a, const char *line)
{
	const char *from = NULL;
	unsigned depth = 0;

	for (const char *at = line; *(at = find_unquoted(at, "{}")); at++) {
		if (*at == '{') {
			from = depth == 0 && at[-1] != '$' ? at + 1 : from;
			depth++;
		} else if (depth > 0 && --depth == 0 && from) {
			return arena_strndup(a, from, (size_t)(at - from));
		}
	}
	return NULL;
}

/* ---- lines ---- */

static void open_entry(struct reader *r, const char *header)
{
	struct grub_menu *menu = r->menu;

	if (menu->n == r->room) {
		size_t room = r->room ? 2 * r->room : 32;
		struct grub_entry *more = arena_array(r->a, room, sizeof(*more));

		if (menu->n > 0)
			memcpy(more, menu->entries, menu->n * sizeof(*more));
		menu->entries = more;
		r->room = room;
	}
	r->open = &menu->entries[menu->n++];
	*r->open =
		(struct grub_entry){ .depth = r->submenus, .place = menu->n_top, .line = r->line };
	const char *rest = quoted_title(r->a, header, &r->open->title);
	r->open->id = id_of(r->a, rest);
	r->open_depth = r->depth;
	menu->n_top += r->submenus == 0;
}

/* set default="x", not that of next_entry */
static void look_at_default(struct reader *r, const char *value)
{
	size_t quote = *value == '"' || *value == '\'';
	const char *text = arena_strndup(r->a, value + quote, strcspn(value + quote, "\"'"));

	if (r->in_header && !str_eq(text, "${next_entry}"))
		r->menu->default_entry = text;
	else if (!r->in_header && r->header_seen && r->depth == 0)
		r->menu->later_default = text;
}

static void read_inside(struct reader *r, const char *line)
{
	static const char *const kernels[] = { "linux", "linux16", "linuxefi", NULL };
	static const char *const images[] = { "initrd", "initrd16", "initrdefi", NULL };
	const char *behind;

	if ((behind = after_command(line, kernels)))
		boot_name_add(r->a, &r->open->linux_lines, behind);
	else if ((behind = after_command(line, images)))
		boot_name_add(r->a, &r->open->initrd_lines, behind);
}

/* Of the entry that is open, which has no more. */
static void read_block(struct reader *r, const char *block)
{
	while (*(block += strspn(block, " \t;"))) {
		const char *end = find_unquoted(block, ";");

		read_inside(r, text_trimmed(r->a, (struct bytes){ block, (size_t)(end - block) }));
		block = end;
	}
	r->open = NULL;
}

static void read_outside(struct reader *r, const char *line)
{
	if (str_starts(line, "### BEGIN "))
		r->in_header = strstr(line, "/00_header ") != NULL;
	else if (str_starts(line, "### END "))
		r->in_header = false;
	r->header_seen = r->header_seen || r->in_header;
	if (r->in_header && (str_eq(line, "load_env") || command_is(line, "load_env")))
		r->loads_env = true;
	if (r->in_header && str_starts(line, "save_env next_entry"))
		r->clears_once = true;
	if (str_starts(line, "set default="))
		look_at_default(r, line + strlen("set default="));
	if (command_is(line, "menuentry")) {
		const char *block = block_of(r->a, line);

		open_entry(r, line + strlen("menuentry"));
		if (block)
			read_block(r, block);
	} else if (command_is(line, "submenu")) {
		r->menu->n_top += r->submenus == 0;
		if (r->submenus < SUBMENUS_MAX && !block_of(r->a, line))
			r->submenu_depths[r->submenus++] = r->depth;
	}
}

static void read_line(struct reader *r, const char *line)
{
	size_t n = strlen(line);

	if (str_eq(line, "}")) {
		r->depth -= r->depth > 0;
		if (r->open && r->depth == r->open_depth)
			r->open = NULL;
		else if (!r->open && r->submenus > 0 &&
			 r->depth == r->submenu_depths[r->submenus - 1])
			r->submenus--;
		return;
	}
	if (r->open)
		read_inside(r, line);
	else
		read_outside(r, line);
	r->depth += n > 0 && line[n - 1] == '{' && *line != '#';
}

void grub_menu_read(struct arena *a, struct bytes text, struct grub_menu *ret)
{
	struct reader r = { .a = a, .menu = ret };
	const char *rest = text.data, *line;
	size_t n;

	*ret = (struct grub_menu){ 0 };
	while (text_next_line(&rest, &line, &n)) {
		r.line++;
		for (; n > 0 && (*line == ' ' || *line == '\t'); line++)
			n--;
		for (; n > 0 && strchr(" \t\r", line[n - 1]); n--)
			;
		read_line(&r, arena_strndup(a, line, n));
	}
	ret->once = r.loads_env && r.clears_once;
}

const struct grub_entry *grub_menu_find(const struct grub_menu *menu, const char *id)
{
	for (size_t i = 0; i < menu->n; i++) {
		if (menu->entries[i].depth == 0 && str_eq(menu->entries[i].id, id))
			return &menu->entries[i];
	}
	return NULL;
}

bool grub_entry_is_normal(const struct grub_entry *entry)
{
	return str_starts(entry->id, "gnulinux-") && entry->linux_lines.n > 0 &&
	       !strstr(entry->id, "-recovery-");
}
