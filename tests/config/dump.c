// SPDX-License-Identifier: MIT
// Prints what src/host makes of the configuration spaces of a tree, as JSON, for
// tests/config/compare.py to hold against lspci and against the kernel's groups: dump TREE
//
// Deliberately plain: one key per field of host/config.h, in its order, and no judgement.

#include "base/text.h"
#include "host/host.h"

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

static const char *error_word(int error)
{
	switch (error) {
	case 0:
		return "present";
	case -ENOENT:
		return "absent";
	case -EACCES:
		return "denied";
	case -ENODATA:
		return "not recorded";
	case -EBADMSG:
		return "broken";
	case PCI_SILENT:
		return "silent";
	case PCI_ASLEEP:
		return "asleep";
	default:
		return strerror(-error);
	}
}

/* An object with nothing but the state of a part. */
static json_t *part(int error)
{
	return json_pack("{s:s}", "state", error_word(error));
}

static void put(json_t *object, const char *key, uint64_t value)
{
	json_object_set_new(object, key, json_integer((json_int_t)value));
}

static void put_bool(json_t *object, const char *key, bool value)
{
	json_object_set_new(object, key, json_boolean(value));
}

static json_t *bars(const struct pci_bar *bar, size_t n)
{
	json_t *list = json_array();

	for (size_t i = 0; i < n; i++) {
		if (!bar[i].decoded && !bar[i].size_bytes)
			continue;
		json_array_append_new(
			list, json_pack("{s:i, s:b, s:s, s:b, s:b, s:I, s:I}", "index", (int)i,
					"decoded", bar[i].decoded, "kind",
					bar[i].kind == PCI_RESOURCE_IO ? "io" : "memory", "64bit",
					bar[i].is_64bit, "prefetchable", bar[i].prefetchable,
					"address", (json_int_t)bar[i].address, "size",
					(json_int_t)bar[i].size_bytes));
	}
	return list;
}

static json_t *window(const struct pci_window *w)
{
	return json_pack("{s:b, s:b, s:I, s:I}", "open", w->open, "wide", w->wide, "base",
			 (json_int_t)w->base, "limit", (json_int_t)w->limit);
}

static json_t *bridge(const struct pci_bridge *b)
{
	json_t *o = part(b->error);

	if (b->error)
		return o;
	put(o, "primary", b->primary);
	put(o, "secondary", b->secondary);
	put(o, "subordinate", b->subordinate);
	put(o, "control", b->control);
	json_object_set_new(o, "io", window(&b->io));
	json_object_set_new(o, "memory", window(&b->memory));
	json_object_set_new(o, "prefetchable", window(&b->prefetchable));
	return o;
}

static json_t *capabilities(const struct pci_capabilities *c)
{
	json_t *list = json_array();

	for (size_t i = 0; i < c->n; i++) {
		const struct pci_capability *entry = &c->list[i];
		json_array_append_new(list,
				      json_pack("[i, i, i, i, i, i]", entry->id, entry->offset,
						entry->version, entry->length_bytes, entry->vendor,
						entry->vendor_id));
	}
	return json_pack("{s:s, s:o}", "state", error_word(c->error), "list", list);
}

static json_t *power(const struct pci_power *p)
{
	json_t *o = part(p->error);

	if (p->error)
		return o;
	put(o, "version", p->version);
	put(o, "state_number", p->state);
	put_bool(o, "d1", p->d1);
	put_bool(o, "d2", p->d2);
	put(o, "pme_states", p->pme_states);
	put_bool(o, "no_soft_reset", p->no_soft_reset);
	put_bool(o, "pme_enabled", p->pme_enabled);
	return o;
}

static json_t *msi(const struct pci_msi *m)
{
	json_t *o = part(m->error);

	if (m->error)
		return o;
	put_bool(o, "enabled", m->enabled);
	put(o, "vectors", m->vectors);
	put(o, "vectors_max", m->vectors_max);
	put_bool(o, "64bit", m->is_64bit);
	put_bool(o, "maskable", m->maskable);
	return o;
}

static json_t *msix(const struct pci_msix *m)
{
	json_t *o = part(m->error);

	if (m->error)
		return o;
	put_bool(o, "enabled", m->enabled);
	put_bool(o, "masked", m->masked);
	put(o, "vectors", m->vectors);
	put(o, "table_bar", m->table_bar);
	put(o, "table_offset", m->table_offset);
	put(o, "pending_bar", m->pending_bar);
	put(o, "pending_offset", m->pending_offset);
	return o;
}

static json_t *express_link(const struct pci_link *l)
{
	json_t *o = part(l->error);

	if (l->error)
		return o;
	put(o, "speed_max", l->speed_max);
	put(o, "speed", l->speed);
	put(o, "width_max", l->width_max);
	put(o, "width", l->width);
	put(o, "aspm_supported", l->aspm_supported);
	put(o, "aspm_enabled", l->aspm_enabled);
	put(o, "port", l->port);
	put_bool(o, "active", l->active);
	put_bool(o, "reports_active", l->reports_active);
	put_bool(o, "training", l->training);
	put_bool(o, "clock_pm", l->clock_pm);
	if (l->second_error == 0) {
		put(o, "speeds", l->speeds);
		put(o, "speed_target", l->speed_target);
	}
	return o;
}

static json_t *express_slot(const struct pci_slot *s)
{
	json_t *o = part(s->error);

	if (s->error)
		return o;
	put(o, "number", s->number);
	put_bool(o, "hotplug", s->hotplug);
	put_bool(o, "surprise", s->surprise);
	put_bool(o, "power_controller", s->power_controller);
	put_bool(o, "attention_button", s->attention_button);
	put_bool(o, "occupied", s->occupied);
	put_bool(o, "power_off", s->power_off);
	return o;
}

static json_t *express(const struct pci_express *e)
{
	json_t *o = part(e->error);

	if (e->error)
		return o;
	put(o, "version", e->version);
	put(o, "type", e->type);
	put(o, "payload_max", e->payload_max_bytes);
	put(o, "payload", e->payload_bytes);
	put(o, "read_request", e->read_request_bytes);
	put_bool(o, "flr", e->flr);
	put_bool(o, "extended_tag", e->extended_tag);
	put_bool(o, "transactions_pending", e->transactions_pending);
	json_object_set_new(o, "link", express_link(&e->link));
	json_object_set_new(o, "slot", express_slot(&e->slot));
	if (e->second_error)
		return o;
	put_bool(o, "ari_forwarding", e->ari_forwarding);
	put_bool(o, "ari_forwarding_enabled", e->ari_forwarding_enabled);
	put_bool(o, "atomic_routing", e->atomic_routing);
	put_bool(o, "atomic_32", e->atomic_32);
	put_bool(o, "atomic_64", e->atomic_64);
	put_bool(o, "atomic_128", e->atomic_128);
	put_bool(o, "atomic_request_enabled", e->atomic_request_enabled);
	put_bool(o, "ltr", e->ltr);
	put_bool(o, "ltr_enabled", e->ltr_enabled);
	put_bool(o, "tag_10bit_completer", e->tag_10bit_completer);
	put_bool(o, "tag_10bit_requester", e->tag_10bit_requester);
	return o;
}

static json_t *acs(const struct pci_acs *a)
{
	json_t *o = part(a->error);

	if (a->error)
		return o;
	put(o, "supported", a->supported);
	put(o, "enabled", a->enabled);
	put(o, "egress_bits", a->egress_bits);
	return o;
}

static json_t *ari(const struct pci_ari *a)
{
	json_t *o = part(a->error);

	if (a->error)
		return o;
	put(o, "next_function", a->next_function);
	put_bool(o, "function_groups_mfvc", a->function_groups_mfvc);
	put_bool(o, "function_groups_acs", a->function_groups_acs);
	put(o, "function_group", a->function_group);
	return o;
}

static json_t *sriov(const struct pci_sriov *s)
{
	json_t *o = part(s->error);

	if (s->error)
		return o;
	put_bool(o, "enabled", s->enabled);
	put_bool(o, "memory_enabled", s->memory_enabled);
	put_bool(o, "ari_hierarchy", s->ari_hierarchy);
	put(o, "initial", s->initial);
	put(o, "total", s->total);
	put(o, "count", s->count);
	put(o, "depends_on", s->depends_on);
	put(o, "vf_offset", s->vf_offset);
	put(o, "vf_stride", s->vf_stride);
	put(o, "vf_device", s->vf_device);
	put(o, "page_sizes", s->page_sizes);
	put(o, "page_size", s->page_size);
	json_object_set_new(o, "bars", bars(s->bars, ARRAY_SIZE(s->bars)));
	return o;
}

static json_t *rebar(const struct pci_rebar *r)
{
	json_t *o = part(r->error), *list = json_array();

	for (size_t i = 0; i < r->n_bars; i++)
		json_array_append_new(list, json_pack("[i, I, i]", r->bars[i].bar,
						      (json_int_t)r->bars[i].sizes,
						      r->bars[i].size_log2));
	json_object_set_new(o, "bars", list);
	return o;
}

/* ATS, PASID and PRI in one go: what a function asks of the IOMMU. */
static void put_translation(json_t *o, const struct pci_config *c)
{
	json_t *ats = part(c->ats.error), *pasid = part(c->pasid.error), *pri = part(c->pri.error);

	if (c->ats.error == 0) {
		put_bool(ats, "enabled", c->ats.enabled);
		put(ats, "queue_depth", c->ats.queue_depth);
		put(ats, "smallest_unit", c->ats.smallest_unit);
		put_bool(ats, "page_aligned", c->ats.page_aligned);
	}
	if (c->pasid.error == 0) {
		put_bool(pasid, "enabled", c->pasid.enabled);
		put_bool(pasid, "execute", c->pasid.execute);
		put_bool(pasid, "privileged", c->pasid.privileged);
		put(pasid, "width_max", c->pasid.width_max_bits);
	}
	if (c->pri.error == 0) {
		put_bool(pri, "enabled", c->pri.enabled);
		put_bool(pri, "stopped", c->pri.stopped);
		put_bool(pri, "pasid_required", c->pri.pasid_required);
		put(pri, "capacity", c->pri.capacity);
		put(pri, "allocation", c->pri.allocation);
	}
	json_object_set_new(o, "ats", ats);
	json_object_set_new(o, "pasid", pasid);
	json_object_set_new(o, "pri", pri);
}

static json_t *header(const struct pci_config *c)
{
	json_t *o = json_object();

	put(o, "bytes", c->n_bytes);
	put(o, "vendor", c->vendor);
	put(o, "device", c->device);
	put(o, "command", c->command);
	put(o, "status", c->status);
	put(o, "revision", c->revision);
	put(o, "class", c->class_code);
	put(o, "type", c->header);
	put_bool(o, "multifunction", c->multifunction);
	put(o, "interrupt_line", c->interrupt_line);
	put(o, "interrupt_pin", c->interrupt_pin);
	return o;
}

static json_t *config(const struct pci_config *c)
{
	json_t *o = part(c->error), *rom = part(c->rom.error), *sub = part(c->subsystem.error);

	if (c->error) {
		json_decref(rom);
		json_decref(sub);
		return o;
	}
	if (c->rom.error == 0) {
		put_bool(rom, "enabled", c->rom.enabled);
		put(rom, "address", c->rom.address);
		put(rom, "size", c->rom.size_bytes);
	}
	if (c->subsystem.error == 0) {
		put(sub, "vendor", c->subsystem.vendor);
		put(sub, "device", c->subsystem.device);
	}
	json_object_set_new(o, "header", header(c));
	json_object_set_new(o, "bars", bars(c->bars, ARRAY_SIZE(c->bars)));
	json_object_set_new(o, "rom", rom);
	json_object_set_new(o, "subsystem", sub);
	json_object_set_new(o, "bridge", bridge(&c->bridge));
	json_object_set_new(o, "standard", capabilities(&c->standard));
	json_object_set_new(o, "extended", capabilities(&c->extended));
	json_object_set_new(o, "power", power(&c->power));
	json_object_set_new(o, "msi", msi(&c->msi));
	json_object_set_new(o, "msix", msix(&c->msix));
	json_object_set_new(
		o, "af",
		json_pack("{s:s, s:b}", "state", error_word(c->af.error), "flr", c->af.flr));
	json_object_set_new(o, "express", express(&c->express));
	json_object_set_new(o, "aer", part(c->aer_error));
	json_object_set_new(o, "acs", acs(&c->acs));
	json_object_set_new(o, "ari", ari(&c->ari));
	json_object_set_new(o, "sriov", sriov(&c->sriov));
	json_object_set_new(o, "rebar", rebar(&c->rebar));
	json_object_set_new(o, "vf_rebar", rebar(&c->vf_rebar));
	put_translation(o, c);
	json_object_set_new(o, "serial",
			    json_pack("{s:s, s:I}", "state", error_word(c->serial_error), "value",
				      (json_int_t)c->serial));
	return o;
}

/* ---- isolation ---- */

static json_t *step(struct host *host, const struct isolation_step *s)
{
	static const char *const verdicts[] = { "unknown", "yes", "no" };

	return json_pack("{s:s, s:s, s:i, s:s}", "function", s->function->name, "isolates",
			 verdicts[s->verdict], "reason", (int)s->reason, "text",
			 isolation_step_text(&host->arena, s));
}

static json_t *isolation(struct host *host, struct isolation_reader *reader, struct pci_function *f)
{
	static const char *const causes[] = { "alone", "unknown",   "shared id",
					      "path",  "functions", "dma alias" };
	static const char *const agreements[] = { "no group", "agrees", "differs", "undecided" };
	json_t *steps = json_array(), *members = json_array();
	struct isolation found;

	isolation_explain(reader, f, &found);
	for (size_t i = 0; i < found.n_steps; i++)
		json_array_append_new(steps, step(host, &found.steps[i]));
	for (size_t i = 0; i < found.n_members; i++)
		json_array_append_new(members, json_string(found.members[i]->name));
	return json_pack("{s:o, s:s, s:s?, s:o, s:b, s:s}", "steps", steps, "cause",
			 causes[found.cause], "culprit", found.culprit ? found.culprit->name : NULL,
			 "members", members, "certain", found.certain, "agreement",
			 agreements[found.agreement]);
}

int main(int argc, char **argv)
{
	struct err e = { 0 };
	struct host host;
	struct root *root;
	json_t *list = json_array();

	if (argc != 2) {
		fprintf(stderr, "usage: dump TREE\n");
		return 2;
	}
	if (root_open(argv[1], &root, &e) < 0) {
		fprintf(stderr, "dump: %s\n", e.text);
		return 1;
	}
	host_init(&host, root);
	if (host_read_pci(&host, &e) < 0) {
		fprintf(stderr, "dump: %s\n", e.text);
		return 1;
	}
	struct isolation_reader *reader = isolation_open(&host);
	for (size_t i = 0; i < host.n_functions; i++) {
		struct pci_config c;
		struct pci_detail detail;

		(void)host_read_config(&host, &host.functions[i], &c);
		host_read_detail(&host, &host.functions[i], &detail);
		if (c.error == 0)
			pci_config_set_sizes(&c, &detail);
		json_t *o = config(&c);
		json_object_set_new(o, "address", json_string(host.functions[i].name));
		json_object_set_new(o, "isolation", isolation(&host, reader, &host.functions[i]));
		json_array_append_new(list, o);
	}
	json_dumpf(list, stdout, JSON_COMPACT);
	putchar('\n');
	json_decref(list);
	host_done(&host);
	return 0;
}
