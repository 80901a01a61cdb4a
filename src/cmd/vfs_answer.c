// SPDX-License-Identifier: MIT
// What vfs says: the device, then a line for each virtual function. Columns that only network cards
// or drives have are in the text when the device is one, in the JSON always.

#include "base/text.h"
#include "cmd/facts.h"
#include "cmd/vfs.h"

#include <errno.h>
#include <inttypes.h>

/* ---- the device ---- */

static void add_resource(struct request *request, struct doc_node *node, const char *key,
			 const char *label, const struct nvme_resource *r)
{
	struct doc_node *section = doc_section(node, key, NULL);
	const char *text =
		r->flexible ? arena_printf(&request->host->arena,
					   "%" PRIu32 " to share: %" PRIu32
					   " given, %u with the drive itself; %u at most for one",
					   r->total, r->assigned, r->primary, r->max)
			    : "fixed";

	doc_field(node, NULL, label, doc_string(text));
	doc_field(section, "flexible", NULL, doc_bool(r->flexible));
	doc_field(section, "total", NULL, doc_number(r->total));
	doc_field(section, "assigned", NULL, doc_number(r->assigned));
	doc_field(section, "primary", NULL, doc_number(r->primary));
	doc_field(section, "private", NULL, doc_number(r->private));
	doc_field(section, "max", NULL, doc_number(r->max));
	doc_field(section, "granularity", NULL, doc_number(r->granularity));
}

static void add_nvme(struct request *request, struct doc_node *root, const struct sriov *s)
{
	const struct nvme_virtualization *nvme = &s->nvme;

	if (nvme->error == -ENOENT)
		return;
	struct doc_node *node = doc_section(root, "nvme", "NVMe");
	doc_field(node, "controller", "Controller", doc_string(nvme->controller));
	if (nvme->error) {
		const char *reason = nvme->error == -EOPNOTSUPP
					     ? "the drive has no virtualization management"
					     : fact_reason(nvme->error);

		doc_field(node, "state", "Virtualization", doc_unknown(reason));
		return;
	}
	add_resource(request, node, "queues", "Queues", &nvme->queues);
	add_resource(request, node, "vectors", "Interrupts", &nvme->vectors);
}

static void add_device(struct request *request, const struct sriov *s)
{
	struct doc_node *root = doc_root(request->doc);
	struct arena *a = &request->host->arena;
	struct doc_value now = fact_number(s->now), total = fact_number(s->total);

	if (now.kind == DOC_NUMBER && total.kind == DOC_NUMBER)
		now = doc_as(now, arena_printf(a, "%" PRIu64 " of %" PRIu64, s->now.value,
					       s->total.value));
	doc_field(root, "address", "Address", doc_string(s->pf->name));
	doc_field(root, "name", request->numeric ? NULL : "Name", function_name(request, s->pf));
	doc_field(root, "driver", "Driver", fact_text(s->pf->driver));
	doc_field(root, "count", "Virtual functions", now);
	doc_field(root, "total", NULL, total);
	doc_field(root, "offset", "First VF offset", fact_number(s->offset));
	doc_field(root, "stride", "VF stride", fact_number(s->stride));
	doc_field(root, "vf_device", "VF device id", fact_text(s->vf_device));
	doc_field(root, "autoprobe", "Drivers autoprobe", fact_bool(s->autoprobe));
	doc_field(root, "interface", s->interface ? "Interface" : NULL, doc_string(s->interface));
	add_nvme(request, root, s);
}

/* ---- the virtual functions ---- */

enum { FOR_ALL, FOR_NETWORK, FOR_NVME };

static const struct {
	struct doc_column column;
	int kind;
} columns[] = {
	{ { "index", "VF", DOC_RIGHT }, FOR_ALL },
	{ { "address", "ADDRESS", 0 }, FOR_ALL },
	{ { "iommu_group", "GROUP", DOC_RIGHT }, FOR_ALL },
	{ { "driver", "DRIVER", 0 }, FOR_ALL },
	{ { "interface", "INTERFACE", 0 }, FOR_NETWORK },
	{ { "mac", "MAC", 0 }, FOR_NETWORK },
	{ { "vlan", "VLAN", 0 }, FOR_NETWORK },
	{ { "trust", "TRUST", 0 }, FOR_NETWORK },
	{ { "spoof_check", "SPOOF CHECK", 0 }, FOR_NETWORK },
	{ { "link", "LINK", 0 }, FOR_NETWORK },
	{ { "rate", "RATE", 0 }, FOR_NETWORK },
	{ { "controller", "CONTROLLER", DOC_RIGHT }, FOR_NVME },
	{ { "state", "STATE", 0 }, FOR_NVME },
	{ { "queues", "QUEUES", DOC_RIGHT }, FOR_NVME },
	{ { "vectors", "INTERRUPTS", DOC_RIGHT }, FOR_NVME },
};

static struct doc_value setting_value(struct request *request, const struct sriov *s,
				      const struct sriov_vf *vf, enum vf_setting_kind kind)
{
	if (!s->interface)
		return doc_none();
	if (s->link_error)
		return doc_unknown(fact_reason(s->link_error));
	if (!vf->link || !(vf->link->known & 1u << kind))
		return doc_unknown("the driver does not say");
	return doc_string(vf_setting_text(&request->host->arena, &vf->link->setting[kind]));
}

static void add_network_cells(struct request *request, struct doc_row *row, const struct sriov *s,
			      const struct sriov_vf *vf)
{
	static const enum vf_setting_kind order[] = { VF_MAC,         VF_VLAN, VF_TRUST,
						      VF_SPOOF_CHECK, VF_LINK, VF_RATE };

	doc_cell(row, doc_string(vf->interface));
	for (size_t i = 0; i < ARRAY_SIZE(order); i++)
		doc_cell(row, setting_value(request, s, vf, order[i]));
}

static void add_nvme_cells(struct doc_row *row, const struct sriov *s, const struct sriov_vf *vf)
{
	struct doc_value none = doc_none();

	if (s->nvme.error && s->nvme.error != -ENOENT && s->nvme.error != -EOPNOTSUPP)
		none = doc_unknown(fact_reason(s->nvme.error));
	if (!vf->secondary) {
		for (int i = 0; i < 4; i++)
			doc_cell(row, none);
		return;
	}
	doc_cell(row, doc_number(vf->secondary->id));
	doc_cell(row, doc_string(vf->secondary->online ? "online" : "offline"));
	doc_cell(row, doc_number(vf->secondary->queues));
	doc_cell(row, doc_number(vf->secondary->vectors));
}

static void add_vfs(struct request *request, const struct sriov *s)
{
	struct doc_column *shown =
		arena_array(&request->host->arena, ARRAY_SIZE(columns), sizeof(*shown));

	for (size_t i = 0; i < ARRAY_SIZE(columns); i++) {
		shown[i] = columns[i].column;
		if ((columns[i].kind == FOR_NETWORK && !s->interface) ||
		    (columns[i].kind == FOR_NVME && s->nvme.error))
			shown[i].label = NULL;
	}
	struct doc_table *table =
		doc_table(doc_root(request->doc), "virtual_functions", "Virtual functions", shown,
			  ARRAY_SIZE(columns), NULL, "None.");
	for (size_t i = 0; i < s->n; i++) {
		const struct sriov_vf *vf = &s->vf[i];
		const struct pci_function *f = vf->function;
		struct doc_row *row = doc_row(table);

		doc_cell(row, doc_number(vf->index));
		doc_cell(row, doc_string(vf->name));
		doc_cell(row, f ? fact_number(f->iommu_group) : doc_unknown("it disappeared"));
		doc_cell(row, f ? fact_text(f->driver) : doc_unknown("it disappeared"));
		add_network_cells(request, row, s, vf);
		add_nvme_cells(row, s, vf);
	}
}

/* ---- what is worth a word ---- */

static void note_groups(struct request *request, const struct sriov *s)
{
	struct doc_node *root = doc_root(request->doc);
	struct iommu_group group;

	for (size_t i = 0; i < s->n; i++) {
		const struct pci_function *f = s->vf[i].function;

		if (!f || f->iommu_group.error || host_group_of(s->host, f, &group) < 0 ||
		    group.n_members < 2)
			continue;
		doc_note(root,
			 arena_printf(&request->host->arena,
				      "IOMMU group %" PRIu64 " has %s besides %s: without ACS "
				      "above the card they go to one guest together or not at all.",
				      group.number,
				      text_count(&request->host->arena, group.n_members - 1,
						 "other function", "other functions"),
				      f->name));
		return; /* one word is enough: the column has the others */
	}
}

void vfs_answer(struct request *request, const struct sriov *s)
{
	add_device(request, s);
	add_vfs(request, s);
	note_groups(request, s);
	if (s->unfinished)
		doc_note(
			doc_root(request->doc),
			arena_printf(&request->host->arena,
				     "A run that was killed has left this half done: `passthru vfs "
				     "%s COUNT` puts it right, whatever the number.",
				     s->pf->name));
}

void vfs_answer_steps(struct request *request, const struct sriov_steps *steps, bool dry)
{
	static const struct doc_column column[] = { { "step", "STEP", DOC_TRUNCATE } };
	struct doc_table *table =
		doc_table(doc_root(request->doc), "steps", dry ? "To be done" : "Done", column,
			  ARRAY_SIZE(column), NULL, "Nothing to do: it is as asked.");

	for (size_t i = 0; i < steps->n; i++)
		doc_cell(doc_row(table), doc_string(steps->step[i]));
	doc_field(doc_root(request->doc), "dry_run", NULL, doc_bool(dry));
}
