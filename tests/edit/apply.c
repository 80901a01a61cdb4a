// SPDX-License-Identifier: MIT
// Runs the editors for compare.py: one JSON request a line on standard input, one answer a line on
// standard output. Texts are hex, because a file may hold any byte.
//
// request: {"do": "add"|"remove"|"dropin"|"grubenv"|"loader", "format": N, "name": S, "names": B,
//           "create": B, "text": HEX, "words": [S...], "value": S}
// answer:  {"result": N, "text": HEX, "added": [S...], "before": S, "error": S}

#include "change/change.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

struct answer {
	int result;
	struct edit edit;
	const char *before;
	struct err e;
};

static unsigned char digit(char c)
{
	return (unsigned char)(c <= '9' ? c - '0' : c - 'a' + 10);
}

static struct bytes from_hex(struct arena *a, const char *hex)
{
	size_t n = strlen(hex) / 2;
	char *data = arena_alloc(a, n + 1);

	for (size_t i = 0; i < n; i++)
		data[i] = (char)(digit(hex[2 * i]) << 4 | digit(hex[2 * i + 1]));
	return (struct bytes){ data, n };
}

static const char *to_hex(struct arena *a, struct bytes bytes)
{
	static const char digits[] = "0123456789abcdef";
	char *text = arena_alloc(a, bytes.n * 2 + 1);

	for (size_t i = 0; i < bytes.n; i++) {
		text[2 * i] = digits[(unsigned char)bytes.data[i] >> 4];
		text[2 * i + 1] = digits[bytes.data[i] & 0xf];
	}
	return text;
}

static void run(struct arena *a, const json_t *request, struct answer *ret)
{
	const char *what = json_string_value(json_object_get(request, "do"));
	const char *value = json_string_value(json_object_get(request, "value"));
	const json_t *list = json_object_get(request, "words");
	struct bytes text = from_hex(a, json_string_value(json_object_get(request, "text")));
	int number = (int)json_integer_value(json_object_get(request, "format"));
	struct names words = { arena_array(a, json_array_size(list), sizeof(char *)),
			       json_array_size(list) };
	struct edit_place place = { (enum edit_format)number,
				    json_string_value(json_object_get(request, "name")),
				    json_is_true(json_object_get(request, "names")),
				    json_is_true(json_object_get(request, "create")) };

	for (size_t i = 0; i < words.n; i++)
		words.name[i] = json_string_value(json_array_get(list, i));
	if (strcmp(what, "add") == 0)
		ret->result = edit_add(a, text, &place, &words, &ret->edit, &ret->e);
	else if (strcmp(what, "remove") == 0)
		ret->result = edit_remove(a, text, &place, &words, &ret->edit.text, &ret->e);
	else if (strcmp(what, "dropin") == 0)
		ret->result = edit_dropin_text(a, (enum edit_dropin)number, place.name, &words,
					       &ret->edit.text, &ret->e);
	else if (strcmp(what, "grubenv") == 0)
		ret->result = edit_grubenv_set(a, text, place.name, value, &ret->edit.text,
					       &ret->before, &ret->e);
	else
		ret->result = edit_loader_set(a, text, place.name, value, &ret->edit.text,
					      &ret->before, &ret->e);
}

int main(void)
{
	static char line[1024 * 1024];

	while (fgets(line, sizeof(line), stdin)) {
		struct arena arena CLEANUP_ARENA = { 0 };
		struct answer answer = { 0 };
		json_t *request = json_loads(line, 0, NULL), *added = json_array();

		if (!request)
			return 2;
		run(&arena, request, &answer);
		for (size_t i = 0; i < answer.edit.added.n; i++)
			json_array_append_new(added, json_string(answer.edit.added.name[i]));
		json_t *said = json_pack("{s:i, s:s, s:o, s:s?, s:s}", "result", answer.result,
					 "text", to_hex(&arena, answer.edit.text), "added", added,
					 "before", answer.before, "error", answer.e.text);
		json_dumpf(said, stdout, JSON_COMPACT);
		putchar('\n');
		fflush(stdout);
		json_decref(said);
		json_decref(request);
	}
	return 0;
}
