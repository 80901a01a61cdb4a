// SPDX-License-Identifier: MIT
// Facts as values. What is absent, what was denied and what was not recorded stay different here.

#include "cmd/facts.h"
#include "base/text.h"

#include <errno.h>
#include <string.h>

struct doc_value fact_text(struct fact_text fact)
{
	if (fact.error == -ENOENT)
		return doc_none();
	return fact.error ? doc_unknown(fact_reason(fact.error)) : doc_string(fact.value);
}

struct doc_value fact_number(struct fact_number fact)
{
	if (fact.error == -ENOENT)
		return doc_none();
	if (fact.error)
		return doc_unknown(fact_reason(fact.error));
	return doc_number((int64_t)fact.value);
}

struct doc_value fact_bool(struct fact_number fact)
{
	struct doc_value value = fact_number(fact);

	return value.kind == DOC_NUMBER ? doc_bool(fact.value != 0) : value;
}

struct doc_value fact_words(struct arena *a, struct fact_text fact)
{
	size_t n = 0;

	if (fact.error)
		return fact_text(fact);
	const char **words = arena_array(a, strlen(fact.value) / 2 + 1, sizeof(*words));
	for (const char *at = fact.value; *at;) {
		size_t length = strcspn(at, " ");
		if (length)
			words[n++] = arena_strndup(a, at, length);
		at += length + (at[length] == ' ');
	}
	return doc_list(words, n);
}

/* printf takes its time, and a listing has many of these. */
static char *put_hex(char *end, uint32_t value, int digits)
{
	for (int shift = (digits - 1) * 4; shift >= 0; shift -= 4)
		*end++ = "0123456789abcdef"[value >> shift & 0xf];
	return end;
}

struct doc_value function_id(struct request *request, const struct pci_function *f, uint32_t id,
			     int digits)
{
	if (f->error)
		return doc_unknown(fact_reason(f->error));
	char *text = arena_alloc(&request->host->arena, (size_t)digits + 1);
	put_hex(text, id, digits);
	return doc_string(text);
}

struct doc_value function_ids(struct request *request, const struct pci_function *f)
{
	struct doc_value vendor = function_id(request, f, f->vendor, 4);

	if (f->error)
		return vendor;
	char *both = arena_alloc(&request->host->arena, sizeof("10de:1c82"));
	char *colon = put_hex(both, f->vendor, 4);
	*colon = ':';
	put_hex(colon + 1, f->device, 4);
	return doc_as(vendor, both);
}

struct doc_value function_class(struct request *request, const struct pci_function *f)
{
	struct doc_value code = function_id(request, f, f->class_code, 6);
	const char *name = request->numeric ? NULL : host_class_name(request->host, f);

	return name && !f->error ? doc_as(code, name) : code;
}

struct doc_value function_name(struct request *request, const struct pci_function *f)
{
	if (request->numeric)
		return doc_none();
	const char *vendor = host_vendor_name(request->host, f);
	const char *device = host_device_name(request->host, f);
	if (vendor && device)
		return doc_string(arena_printf(&request->host->arena, "%s %s", vendor, device));
	return doc_string(vendor ? vendor : device);
}

struct doc_column *function_columns(struct request *request, const struct doc_column *columns,
				    size_t n)
{
	struct doc_column *copy = arena_array(&request->host->arena, n, sizeof(*copy));

	memcpy(copy, columns, n * sizeof(*copy));
	for (size_t i = 0; i < n; i++) {
		if (request->numeric && str_eq(copy[i].key, "name"))
			copy[i].label = NULL;
	}
	return copy;
}

struct doc_value function_selector(struct request *request, const struct pci_function *f)
{
	if (f->error)
		return doc_unknown(fact_reason(f->error));
	return doc_string(select_word(request->host, f));
}

void function_cells(struct request *request, struct doc_row *row, const struct pci_function *f)
{
	doc_cell(row, doc_string(f->name));
	doc_cell(row, function_ids(request, f));
	doc_cell(row, function_id(request, f, f->device, 4));
	doc_cell(row, function_id(request, f, f->subsystem_vendor, 4));
	doc_cell(row, function_id(request, f, f->subsystem_device, 4));
	doc_cell(row, function_class(request, f));
	doc_cell(row, fact_text(f->driver));
}

void use_cells(struct doc_row *row, const struct device_use *use)
{
	doc_cell(row, doc_string(use_kind_word(use->kind)));
	doc_cell(row, doc_bool(use->active));
	doc_cell(row, doc_string(use->what));
	doc_cell(row, doc_string(use->where));
	doc_cell(row, doc_string(use->value));
	doc_cell(row, doc_string(use->stop));
}
