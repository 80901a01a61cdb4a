// SPDX-License-Identifier: MIT
// Keyboards, and whether a device takes the last one with it. A keyboard is what udev calls one: an
// input device with all keys of the first rows, KEY_ESC to KEY_D (linux/input-event-codes.h). Those
// that a program made, and with them Bluetooth ones, are left out: they do not say that the host
// can be typed at.

#include "base/text.h"
#include "host/use_internal.h"

#include <errno.h>
#include <string.h>

#define INPUT "sys/class/input"

/* KEY_RESERVED is bit 0 */
#define KEYBOARD_KEYS UINT64_C(0xfffffffe)

/* "1000000000007 ff9f207ac14057ff febeffdfffefffff fffffffffffffffe": the last word is the lowest
 */
static bool is_keyboard(const char *bitmap)
{
	const char *last = strrchr(bitmap, ' ');
	uint64_t keys;

	last = last ? last + 1 : bitmap;
	return text_hex_prefix(last, 16, &keys) > 0 && (keys & KEYBOARD_KEYS) == KEYBOARD_KEYS;
}

static int read_input(struct host *host, struct use_facts *ret, size_t *size, const char *name)
{
	struct arena *a = &host->arena;
	struct bytes data;
	const char *path, *where;
	int error = root_follow(host->root, a, arena_concat(a, INPUT "/", name), &path);

	if (error < 0 || str_starts(path, "sys/devices/virtual/"))
		return error;
	where = arena_concat(a, path, "/capabilities/key");
	error = root_read(host->root, a, where, &data);
	if (error < 0 || !is_keyboard(text_trimmed(a, data)))
		return error;
	ret->keyboard = use_grown(a, ret->keyboard, ret->n_keyboards, size, sizeof(*ret->keyboard));
	struct keyboard *keyboard = &ret->keyboard[ret->n_keyboards++];
	*keyboard = (struct keyboard){ .name = name, .path = path, .where = where };
	if (root_read(host->root, a, arena_concat(a, path, "/name"), &data) == 0)
		keyboard->name = text_trimmed(a, data);
	return 0;
}

void use_read_keyboards(struct host *host, struct use_facts *ret)
{
	struct names names;
	size_t size = 0;
	int error = root_list(host->root, &host->arena, INPUT, &names);

	if (error < 0) {
		ret->keyboard_error = error == -ENOENT ? 0 : error;
		ret->keyboard_where = INPUT;
		return;
	}
	for (size_t i = 0; i < names.n; i++) {
		if (!str_starts(names.name[i], "input"))
			continue;
		error = read_input(host, ret, &size, names.name[i]);
		/* -ENOENT: unplugged meanwhile, or it has no keys */
		if (error == 0 || error == -ENOENT || ret->keyboard_error)
			continue;
		ret->keyboard_error = error;
		ret->keyboard_where = arena_concat(&host->arena, INPUT "/", names.name[i]);
	}
}

void use_find_input(struct use_search *search)
{
	struct arena *a = &search->host->arena;
	const struct use_facts *facts = search->facts;
	size_t below = 0;

	for (size_t i = 0; i < facts->n_keyboards; i++)
		below += use_is_below(search, facts->keyboard[i].path);
	for (size_t i = 0; i < facts->n_keyboards; i++) {
		const struct keyboard *keyboard = &facts->keyboard[i];

		if (!use_is_below(search, keyboard->path))
			continue;
		use_add(search,
			(struct device_use){
				.kind = USE_INPUT,
				.active = below == facts->n_keyboards,
				.what = arena_printf(
					a, "the keyboard \"%s\" is plugged into it, %s",
					keyboard->name,
					below == facts->n_keyboards ? "and there is no other"
								    : "and there are others"),
				.where = keyboard->where,
				.value = arena_printf(a, "%zu of %zu keyboards", below,
						      facts->n_keyboards),
			});
	}
	use_unknown(search, facts->keyboard_where, facts->keyboard_error);
}
