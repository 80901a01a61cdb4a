// SPDX-License-Identifier: MIT
// What stands against a handover because the host uses the device: judged by what is really in use,
// not by the class of the device. Every use refuses until the user allows its kind, one word of
// --allow each; that another guest has the device nobody can allow. What could not be looked at is
// not "nobody uses it" and refuses too. A function that is with VFIO already can only have a guest.

#include "base/text.h"
#include "handover/internal.h"

#include <errno.h>
#include <string.h>

/* Room for the refusals of one handover while they are collected. */
struct collection {
	struct host *host;
	struct handover_refusals *found;
	unsigned allowed;
	size_t size;
};

static const struct {
	const char *word;
	unsigned bit;
} words[] = {
	{ "disk", HANDOVER_ALLOW_DISK },       { "network", HANDOVER_ALLOW_NETWORK },
	{ "display", HANDOVER_ALLOW_DISPLAY }, { "input", HANDOVER_ALLOW_INPUT },
	{ "open", HANDOVER_ALLOW_OPEN },
};

int handover_allow(const char *word, unsigned *allowed, struct err *e)
{
	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		if (!str_eq(words[i].word, word))
			continue;
		*allowed |= words[i].bit;
		return 0;
	}
	return err_usage(e, "--allow knows disk, network, display, input and open, not %s", word);
}

static const char *word_of(unsigned bit)
{
	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		if (words[i].bit == bit)
			return words[i].word;
	}
	return NULL;
}

/* What lifts a refusal for a use of that kind; 0: nothing does. */
static unsigned bit_of(enum use_kind kind, bool held)
{
	switch (kind) {
	case USE_DISK:
		return HANDOVER_ALLOW_DISK; /* a process that writes to a disk is as good as a mount
					     */
	case USE_NETWORK:
		return HANDOVER_ALLOW_NETWORK;
	case USE_DISPLAY:
		return held ? HANDOVER_ALLOW_OPEN : HANDOVER_ALLOW_DISPLAY;
	case USE_INPUT:
		return HANDOVER_ALLOW_INPUT;
	case USE_SOUND:
	case USE_NODE:
		return HANDOVER_ALLOW_OPEN;
	case USE_GUEST:
		break;
	}
	return 0;
}

static bool is_with_vfio(const struct pci_function *f)
{
	return f->driver.error == 0 && host_is_vfio_driver(f->driver.value);
}

/* One process that holds the group's node stands in the way of all its functions, once. */
static bool is_known(const struct handover_refusals *found, const struct handover_refusal *refusal)
{
	for (size_t i = 0; i < found->n; i++) {
		const struct handover_refusal *other = &found->refusal[i];

		if (str_eq(other->what, refusal->what) &&
		    (other->where && refusal->where ? str_eq(other->where, refusal->where)
						    : other->where == refusal->where))
			return true;
	}
	return false;
}

static void add(struct collection *c, struct handover_refusal refusal)
{
	struct handover_refusals *found = c->found;

	if (is_known(found, &refusal))
		return;
	if (found->n == c->size) {
		c->size = c->size ? 2 * c->size : 8;
		struct handover_refusal *grown =
			arena_array(&c->host->arena, c->size, sizeof(*grown));
		if (found->n)
			memcpy(grown, found->refusal, found->n * sizeof(*grown));
		found->refusal = grown;
	}
	found->refusal[found->n++] = refusal;
}

/* Of a node of graphics: what may follow when it is taken from the process all the same. */
static const char *warning_of(const struct device_use *use)
{
	return use->held && use->value && str_starts(use->value, "dev/dri/")
		       ? "the kernel may crash when that process ends"
		       : NULL;
}

static void add_use(struct collection *c, const struct pci_function *f,
		    const struct device_use *use)
{
	unsigned bit = bit_of(use->kind, use->held);

	if (!(use->active || use->only) || c->allowed & bit)
		return;
	add(c, (struct handover_refusal){
		       .function = f,
		       .what = use->what,
		       .used = use->active,
		       .where = use->where,
		       .value = use->value,
		       .stop = use->stop,
		       .unit = use->unit,
		       .allow = word_of(bit),
		       .warning = warning_of(use),
	       });
}

static void add_gap(struct collection *c, const struct pci_function *f, const struct use_gap *gap)
{
	unsigned bit = bit_of(gap->kind, gap->held);

	if (c->allowed & bit)
		return;
	add(c, (struct handover_refusal){
		       .function = f,
		       .what = arena_printf(&c->host->arena,
					    "what uses it cannot be told: %s could not be read, %s",
					    gap->where, fact_reason(gap->error)),
		       .where = gap->where,
		       .allow = word_of(bit),
	       });
}

static void add_function(struct collection *c, struct pci_function *f)
{
	const struct device_uses *uses = host_read_uses(c->host, f);
	bool only_guests = is_with_vfio(f);

	for (size_t i = 0; i < uses->n; i++) {
		if (!only_guests || uses->use[i].kind == USE_GUEST)
			add_use(c, f, &uses->use[i]);
	}
	for (size_t i = 0; i < uses->n_gaps; i++) {
		if (!only_guests || uses->gap[i].kind == USE_GUEST)
			add_gap(c, f, &uses->gap[i]);
	}
}

static const struct pci_function *taken_with(const struct handover *handover, const char *path)
{
	for (size_t i = 0; i < handover->n; i++) {
		const struct pci_function *f = handover->functions[i].function;
		size_t n = strlen(f->path);

		if (!is_with_vfio(f) && strncmp(path, f->path, n) == 0 && path[n] == '/')
			return f;
	}
	return NULL;
}

/* Each controller alone leaves a keyboard, all of them together do not. */
static void add_last_keyboards(struct collection *c, const struct handover *handover)
{
	const struct use_facts *use = host_use(c->host);
	const struct pci_function *first = NULL, *last = NULL;

	for (size_t i = 0; i < use->n_keyboards; i++) {
		last = taken_with(handover, use->keyboard[i].path);
		if (!last)
			return;
		first = first ? first : last;
	}
	if (first == last || c->allowed & HANDOVER_ALLOW_INPUT)
		return;
	add(c, (struct handover_refusal){
		       .function = first,
		       .what = arena_printf(&c->host->arena,
					    "the keyboards of this host are plugged into it and "
					    "%s, and there is no other",
					    last->name),
		       .where = use->keyboard[0].where,
		       .allow = word_of(HANDOVER_ALLOW_INPUT),
	       });
}

static void add_last_displays(struct collection *c, const struct handover *handover)
{
	const struct pci_function *first = NULL;
	size_t n = 0, n_taken = 0;

	for (size_t i = 0; i < c->host->n_functions; i++)
		n += host_can_show(c->host, &c->host->functions[i]);
	for (size_t i = 0; i < handover->n; i++) {
		const struct pci_function *f = handover->functions[i].function;

		if (!host_can_show(c->host, f))
			continue;
		n_taken++;
		first = first ? first : f;
	}
	if (n_taken < 2 || n_taken < n || c->allowed & HANDOVER_ALLOW_DISPLAY)
		return;
	add(c, (struct handover_refusal){
		       .function = first,
		       .what = "with the others that are named it leaves this host no display",
		       .where = "sys/bus/pci/devices",
		       .allow = word_of(HANDOVER_ALLOW_DISPLAY),
	       });
}

void refuse_uses(struct host *host, const struct handover *handover, unsigned allowed,
		 struct handover_refusals *ret)
{
	struct collection c = { .host = host, .found = ret, .allowed = allowed, .size = ret->n };

	for (size_t i = 0; i < handover->n; i++)
		add_function(&c, handover->functions[i].function);
	add_last_keyboards(&c, handover);
	add_last_displays(&c, handover);
}

const char *handover_refusal_text(struct host *host, const struct handover_refusal *refusal)
{
	struct arena *a = &host->arena;
	const char *text = refusal->what;

	if (!refusal->where)
		return text; /* a rule of the kernel, a sentence by itself */
	text = arena_printf(a, "%s%s: %s", refusal->function->name,
			    refusal->used ? " is in use" : "", text);
	if (refusal->stop)
		text = arena_printf(a, "%s; to stop that: %s", text, refusal->stop);
	else if (!refusal->allow)
		text = arena_printf(a, "%s; end that guest first", text);
	if (refusal->allow)
		text = arena_printf(a, "%s; --allow %s takes it all the same%s%s", text,
				    refusal->allow, refusal->warning ? ", though " : "",
				    refusal->warning ? refusal->warning : "");
	return text;
}

int handover_refuse(struct host *host, const struct handover_refusals *refusals, struct err *e)
{
	if (refusals->n == 0)
		return 0;
	const char *first = handover_refusal_text(host, &refusals->refusal[0]);
	if (refusals->n == 1)
		return err_refuse(e, "%s", first);
	return err_refuse(e, "%s; and %zu more: --dry-run lists them", first, refusals->n - 1);
}

int handover_check_uses(struct host *host, const struct handover *handover, unsigned allowed,
			struct err *e)
{
	struct handover_refusals refusals = { 0 };

	refuse_uses(host, handover, allowed, &refusals);
	return handover_refuse(host, &refusals, e);
}

int handover_refusals(struct host *host, const struct handover *handover,
		      struct handover_refusals *ret, struct err *e)
{
	*ret = (struct handover_refusals){ 0 };
	int error = refuse_rules(host, handover, ret, e);
	if (error < 0)
		return error;
	refuse_uses(host, handover, handover->allowed, ret);
	return 0;
}
