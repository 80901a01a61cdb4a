// SPDX-License-Identifier: MIT
// kernelstub's configuration: {"user": {"kernel_options": ["quiet", ...]}}. jansson says whether
// the text is JSON and what is in it; where the list stands is found in the text itself, because
// writing JSON anew would change the layout of all of it. kernelstub's own -d sorts
// the options anew (kernelstub/application.py), so it is not used.

#include "base/text.h"
#include "change/edit.h"

#include <jansson.h>

static size_t skip_space(const struct edit_file *f, size_t at)
{
	while (at < f->n && strchr(" \t\r\n", f->text[at]))
		at++;
	return at;
}

static size_t string_end(const struct edit_file *f, size_t at)
{
	for (at++; at < f->n && f->text[at] != '"';)
		at += f->text[at] == '\\' ? 2 : 1;
	return at + 1;
}

/* The text is known to be JSON: a value ends where its brackets do. */
static size_t value_end(const struct edit_file *f, size_t at)
{
	size_t level = 0;

	do {
		char c = f->text[at];
		if (c == '"') {
			at = string_end(f, at);
		} else {
			level += c == '{' || c == '[';
			level -= level > 0 && (c == '}' || c == ']');
			at++;
		}
	} while (at < f->n && (level > 0 || !strchr(",]} \t\r\n", f->text[at])));
	return at;
}

/* The value of the key of the object at @at; 0 when the key is not written plainly. */
static size_t member(const struct edit_file *f, size_t at, const char *key)
{
	at = skip_space(f, at + 1);
	while (at < f->n && f->text[at] == '"') {
		size_t end = string_end(f, at);
		size_t value = skip_space(f, skip_space(f, end) + 1);
		if (edit_text_is(f, at + 1, end - 1, key))
			return value;
		at = skip_space(f, skip_space(f, value_end(f, value)) + 1);
	}
	return 0;
}

/* One cooked word for each string; what stands between two is one blank. */
static void cook_list(struct edit_file *f, size_t list)
{
	struct edit_value *v = edit_value_new(f, EDIT_KERNEL);
	size_t at = skip_space(f, list + 1), before = list + 1;

	v->empty_at = list + 1;
	v->empty_context = EDIT_JSON;
	v->line_at = list;
	v->separator = ", ";
	while (f->text[at] == '"') {
		size_t end = string_end(f, at), first;
		if (v->n > 0)
			edit_cook(f, v, ' ', before, at, EDIT_JSON);
		first = v->n;
		/* the layout of the list goes on */
		const char *gap = arena_strndup(f->a, f->text + before, at - before);
		v->separator = strchr(gap, ',') ? gap : arena_concat(f->a, ",", *gap ? gap : " ");
		for (size_t i = at + 1; i + 1 < end; i++) {
			bool plain = f->text[i] != '\\' && f->text[i] != ' ';
			edit_cook(f, v, plain ? f->text[i] : EDIT_OPAQUE, i, i + 1, EDIT_JSON);
		}
		if (v->n == first)
			edit_cook(f, v, EDIT_OPAQUE, at, end, EDIT_JSON);
		v->from[first] = at;
		v->to[v->n - 1] = end;
		before = end;
		at = skip_space(f, end);
		if (f->text[at] == ',')
			at = skip_space(f, at + 1);
	}
	f->target = v;
}

static bool is_list_of_strings(const json_t *list)
{
	for (size_t i = 0; i < json_array_size(list); i++) {
		if (!json_is_string(json_array_get(list, i)))
			return false;
	}
	return json_is_array(list);
}

int edit_find_kernelstub(struct edit_file *f)
{
	json_error_t error;
	json_t *root = json_loadb(f->text, f->n, JSON_REJECT_DUPLICATES, &error);
	bool usable = is_list_of_strings(
		json_object_get(json_object_get(root, "user"), "kernel_options"));
	size_t object = skip_space(f, 0), list = 0;

	json_decref(root);
	if (!root)
		return edit_refused(f, error.position > 0 ? (size_t)error.position - 1 : 0,
				    arena_printf(f->a, "this is not JSON (%s)", error.text));
	if (!usable)
		return edit_absent(f, "list user.kernel_options");
	object = member(f, object, "user");
	if (object)
		list = member(f, object, "kernel_options");
	if (!list)
		return edit_refused(f, 0, "the keys are written with escapes: write them plainly");
	cook_list(f, list);
	return 0;
}
