// SPDX-License-Identifier: MIT
// Which device a user means, and what belongs to it.

#include "base/text.h"
#include "host/host.h"
#include "host/internal.h"

#include <errno.h>
#include <string.h>

/* The words for classes of devices, by class code and how many of its 24 bits count. */
static const struct class_word {
	const char *word;
	uint32_t class_code;
	uint32_t mask;
} class_words[] = {
	{ "gpu", 0x030000, 0xff0000 },
	{ "nvme", 0x010800, 0xffff00 },
	{ "nic", 0x020000, 0xff0000 },
	{ "usb", 0x0c0300, 0xffff00 },
};

static bool has_class(const struct pci_function *f, const struct class_word *word)
{
	return f->error == 0 && (f->class_code & word->mask) == word->class_code;
}

const char *select_word(struct host *host, const struct pci_function *f)
{
	for (size_t w = 0; w < ARRAY_SIZE(class_words); w++) {
		size_t index = 0;

		if (!has_class(f, &class_words[w]))
			continue;
		for (const struct pci_function *other = host->functions; other < f; other++)
			index += has_class(other, &class_words[w]);
		return arena_printf(&host->arena, "%s:%zu", class_words[w].word, index);
	}
	return NULL;
}

/* ---- the parts of a selector ---- */

enum selector_kind { SELECT_FUNCTION, SELECT_SLOT, SELECT_IDS, SELECT_CLASS };

struct selector {
	enum selector_kind kind;
	struct pci_address address; /* FUNCTION, SLOT */
	uint16_t vendor, device;    /* IDS */
	const struct class_word *word;
	bool has_index;
	uint64_t index;
};

static bool parse_class_word(const char *text, struct selector *ret)
{
	for (size_t w = 0; w < ARRAY_SIZE(class_words); w++) {
		size_t n = strlen(class_words[w].word);

		if (strncmp(text, class_words[w].word, n) != 0)
			continue;
		if (text[n] == ':' && text_number(text + n + 1, 10, UINT32_MAX, &ret->index) == 0)
			ret->has_index = true;
		else if (text[n] != '\0')
			continue;
		ret->kind = SELECT_CLASS;
		ret->word = &class_words[w];
		return true;
	}
	return false;
}

/* "41:00.0", "0000:41:00.0", "41:00", "0000:41:00", "10de:1c82" */
static bool parse_numbers(const char *text, struct selector *ret)
{
	uint64_t part[3] = { 0 }, function = 0;
	size_t digits[3] = { 0 }, n = 0;

	do {
		digits[n] = text_hex_prefix(text, 8, &part[n]);
		if (digits[n] == 0)
			return false;
		text += digits[n];
		n++;
	} while (n < 3 && *text == ':' && text++);

	ret->kind = SELECT_SLOT;
	if (*text == '.') {
		if (text_hex_prefix(++text, 1, &function) == 0 || function > 7)
			return false;
		text++;
		ret->kind = SELECT_FUNCTION;
	}
	if (*text || n < 2)
		return false;
	if (n == 2 && digits[0] == 4 && digits[1] == 4 && ret->kind == SELECT_SLOT) {
		ret->kind = SELECT_IDS;
		ret->vendor = (uint16_t)part[0];
		ret->device = (uint16_t)part[1];
		return true;
	}
	const uint64_t *bus = &part[n - 2];
	if (bus[0] > 0xff || digits[n - 2] > 2 || bus[1] > 0x1f || digits[n - 1] > 2)
		return false;
	ret->address = (struct pci_address){ n == 3 ? (uint32_t)part[0] : 0, (uint8_t)bus[0],
					     (uint8_t)bus[1], (uint8_t)function };
	return true;
}

static bool fits(const struct pci_function *f, const struct selector *s)
{
	switch (s->kind) {
	case SELECT_FUNCTION:
		return pci_address_compare(f->address, s->address) == 0;
	case SELECT_SLOT:
		return pci_same_slot(f->address, s->address);
	case SELECT_IDS:
		return f->error == 0 && f->vendor == s->vendor && f->device == s->device;
	case SELECT_CLASS:
		return has_class(f, s->word);
	}
	return false;
}

/* ---- selection ---- */

static int ambiguous(struct host *host, const char *text, const struct selection *found,
		     struct err *e)
{
	const char **names = arena_array(&host->arena, found->n, sizeof(*names));

	for (size_t i = 0; i < found->n; i++)
		names[i] = found->function[i]->name;
	return err_usage(e, "%s fits %zu devices (%s): name one by its address", text, found->n,
			 text_join(&host->arena, names, found->n, ", "));
}

static void put_display_first(struct selection *selection)
{
	for (size_t i = 1; i < selection->n; i++) {
		struct pci_function *display = selection->function[i];

		if (!pci_is_display(display) || pci_is_display(selection->function[0]))
			continue;
		memmove(&selection->function[1], &selection->function[0],
			i * sizeof(selection->function[0]));
		selection->function[0] = display;
	}
}

int select_device(struct host *host, const char *text, struct selection *ret, struct err *e)
{
	struct selector selector = { 0 };

	if (!parse_class_word(text, &selector) && !parse_numbers(text, &selector))
		return err_usage(e,
				 "%s is no device: give an address (41:00.0), a slot (41:00), ids "
				 "(10de:1c82) or gpu, nvme, nic, usb with an index (gpu:0)",
				 text);
	*ret = (struct selection){
		.function = arena_array(&host->arena, host->n_functions, sizeof(*ret->function)),
	};
	for (size_t i = 0; i < host->n_functions; i++) {
		if (fits(&host->functions[i], &selector))
			ret->function[ret->n++] = &host->functions[i];
	}
	if (selector.has_index && selector.index < ret->n)
		*ret = (struct selection){ &ret->function[selector.index], 1 };
	else if (selector.has_index)
		ret->n = 0;
	if (ret->n == 0)
		return err_fail(e, -ENODEV,
				"no device fits %s: `passthru list` shows what is there", text);
	if (ret->n > 1 && selector.kind != SELECT_SLOT)
		return ambiguous(host, text, ret, e);
	put_display_first(ret);
	return 0;
}

/* ---- what belongs together ---- */

bool host_is_virtual(struct host *host, struct pci_function *f)
{
	const char *target;

	if (!f->has_physical) {
		f->is_virtual = root_link(host->root, &host->arena, host_path(host, f, "/physfn"),
					  &target) == 0;
		f->has_physical = true;
	}
	return f->is_virtual;
}

/*
 * A card's display, audio, USB-C and UCSI functions have one vendor. An APU's slot also holds the
 * USB controllers and the security processor of the board, which have another.
 */
static bool is_companion(const struct pci_function *f, const struct pci_function *other,
			 bool with_display)
{
	if (f->iommu_group.error == 0 && other->iommu_group.error == 0 &&
	    f->iommu_group.value == other->iommu_group.value)
		return true;
	return with_display && f->error == 0 && other->error == 0 && f->vendor == other->vendor;
}

void host_companions(struct host *host, struct pci_function *f, struct selection *ret)
{
	struct pci_function *mates[7]; /* a slot has eight functions */
	bool with_display = pci_is_display(f);
	size_t n = 0;

	for (size_t i = 0; i < host->n_functions && n < ARRAY_SIZE(mates); i++) {
		struct pci_function *mate = &host->functions[i];

		/* one of class 06 goes to a guest only when it is named itself */
		if (mate == f || !pci_same_slot(mate->address, f->address) ||
		    pci_base_class(mate) == 0x06)
			continue;
		mates[n++] = mate;
		with_display |= pci_is_display(mate) && mate->vendor == f->vendor;
	}
	ret->function = arena_array(&host->arena, n + 1, sizeof(*ret->function));
	ret->function[0] = f;
	ret->n = 1;
	if (n == 0 || pci_is_bridge(f) || host_is_virtual(host, f))
		return;
	for (size_t i = 0; i < n; i++) {
		if (is_companion(f, mates[i], with_display) && !host_is_virtual(host, mates[i]))
			ret->function[ret->n++] = mates[i];
	}
}
