// SPDX-License-Identifier: MIT
// What a probe found, as a document: the verdict of each function, the steps in the order in which
// they were taken, and what memory costs. Regions, interrupts, images of the ROM and differences of
// the configuration space are for programs, and for people who ask for all.

#include "base/text.h"
#include "cmd/facts.h"
#include "cmd/probe.h"

#include <inttypes.h>

/* Beside enum answer: nothing decides. */

static const char *answer_word(enum probe_answer answer)
{
	static const char *const words[] = {
		[PROBE_YES] = "yes",
		[PROBE_NO] = "no",
		[PROBE_UNKNOWN] = "unknown",
		[PROBE_NOT_TRIED] = "not tried",
	};

	return words[answer];
}

/* For people: three digits at most are of any use. */
static struct doc_value duration(struct arena *a, uint64_t ns)
{
	const char *text;

	if (ns < 1000000)
		text = arena_printf(a, "%" PRIu64 " us", ns / 1000);
	else if (ns < UINT64_C(10000000000))
		text = arena_printf(a, "%" PRIu64 " ms", ns / 1000000);
	else
		text = arena_printf(a, "%" PRIu64 " s", ns / 1000000000);
	return doc_as(doc_number((int64_t)ns), text);
}

static struct doc_value size(struct arena *a, uint64_t bytes)
{
	return doc_as(doc_number((int64_t)bytes), text_size(a, bytes));
}

static struct doc_value hex(struct arena *a, uint64_t value, int digits)
{
	return doc_string(arena_printf(a, "0x%0*" PRIx64, digits, value));
}

/* A table that people see only when they want all. */
static struct doc_table *detail_table(struct request *request, struct doc_node *node,
				      const char *key, const char *label,
				      const struct doc_column *columns, size_t n, bool all)
{
	struct doc_column *copy = arena_array(&request->host->arena, n, sizeof(*copy));

	for (size_t i = 0; i < n; i++) {
		copy[i] = columns[i];
		if (!all)
			copy[i].label = NULL;
	}
	return doc_table(node, key, all ? label : NULL, copy, n, NULL, NULL);
}

static void add_verdicts(struct request *request, const struct probe *p)
{
	static const struct doc_column columns[] = {
		{ "address", "ADDRESS", 0 },
		{ "name", "DEVICE", DOC_TRUNCATE },
		{ "usable", "A GUEST CAN USE IT", 0 },
		{ "limited", NULL, 0 },
		{ "because", NULL, 0 },
	};
	struct doc_node *root = doc_root(request->doc);
	struct arena *a = &request->host->arena;
	struct doc_table *table = doc_table(root, "functions", "", columns, ARRAY_SIZE(columns),
					    NULL, "Nothing to probe.");

	for (size_t i = 0; i < p->n; i++) {
		const struct probe_function *f = &p->functions[i];
		const char *word =
			f->answer == PROBE_YES && f->limited ? "yes, but" : answer_word(f->answer);
		struct doc_row *row = doc_row(table);

		doc_cell(row, doc_string(f->function->name));
		doc_cell(row, function_name(request, f->function));
		doc_cell(row, f->answer == PROBE_UNKNOWN
				      ? doc_unknown(f->because)
				      : doc_as(doc_bool(f->answer == PROBE_YES), word));
		doc_cell(row, doc_bool(f->limited));
		doc_cell(row, doc_string(f->because));
	}
	for (size_t i = 0; i < p->n; i++) {
		const struct probe_function *f = &p->functions[i];
		const char *what = f->answer == PROBE_NO        ? "a guest cannot use it"
				   : f->answer == PROBE_UNKNOWN ? "could not find out"
				   : f->limited                 ? "a guest can use it, but"
								: NULL;

		if (what)
			doc_note(root, arena_printf(a, "%s: %s: %s.", f->function->name, what,
						    f->because));
	}
}

static void add_steps(struct request *request, struct doc_table *table, const char *address,
		      const struct probe_steps *steps)
{
	static const char *const weights[] = {
		[PROBE_TOLD] = "told",
		[PROBE_LIMITS] = "limits",
		[PROBE_NEEDED] = "needed",
	};
	struct arena *a = &request->host->arena;

	for (size_t i = 0; i < steps->n; i++) {
		const struct probe_step *step = &steps->step[i];
		struct doc_row *row = doc_row(table);

		doc_cell(row, doc_string(address));
		doc_cell(row, doc_string(step->name));
		doc_cell(row, doc_string(step->backend));
		doc_cell(row, doc_string(answer_word(step->answer)));
		doc_cell(row, doc_string(weights[step->weight]));
		doc_cell(row, step->timed ? duration(a, step->ns) : doc_none());
		doc_cell(row, doc_string(step->what));
	}
}

static void add_all_steps(struct request *request, const struct probe *p)
{
	static const struct doc_column columns[] = {
		{ "address", "ADDRESS", 0 },  { "step", "STEP", 0 },
		{ "backend", "BACK END", 0 }, { "answer", "ANSWER", 0 },
		{ "weight", NULL, 0 },        { "time_ns", "TIME", DOC_RIGHT },
		{ "what", "WHAT", 0 },
	};
	struct doc_table *table = doc_table(doc_root(request->doc), "steps", "Steps", columns,
					    ARRAY_SIZE(columns), NULL, "None.");

	for (size_t i = 0; i < p->n; i++)
		add_steps(request, table, p->functions[i].function->name, &p->functions[i].steps);
	add_steps(request, table, NULL, &p->steps);
}

static void add_memory(struct request *request, const struct probe *p, bool all)
{
	struct arena *a = &request->host->arena;
	static const struct doc_column columns[] = {
		{ "page_bytes", "PAGES", DOC_RIGHT },
		{ "tried_bytes", "MAPPED", DOC_RIGHT },
		{ "map_ns", "IN", DOC_RIGHT },
		{ "unmap_ns", "UNMAPPED IN", DOC_RIGHT },
		{ "guest_ns", "THE GUEST'S MEMORY IN ABOUT", DOC_RIGHT },
	};
	static const struct doc_column ranges[] = {
		{ "first", "FIRST", DOC_RIGHT },
		{ "last", "LAST", DOC_RIGHT },
	};
	struct doc_node *node = doc_section(doc_root(request->doc), "memory",
					    p->n_paces ? "Memory for devices" : NULL);
	struct doc_table *table;

	doc_field(node, "guest_bytes", NULL, doc_number((int64_t)p->guest_bytes));
	doc_field(node, "lock_bytes", NULL,
		  p->lock_bytes.error == 0 && p->lock_bytes.value == MEMORY_UNLIMITED
			  ? doc_none()
			  : fact_number(p->lock_bytes));
	table = doc_table(node, "paces", "", columns, ARRAY_SIZE(columns), NULL, NULL);
	for (size_t i = 0; i < p->n_paces; i++) {
		const struct probe_pace *pace = &p->paces[i];
		struct doc_row *row = doc_row(table);

		doc_cell(row, size(a, pace->page_bytes));
		doc_cell(row, size(a, pace->tried_bytes));
		doc_cell(row, duration(a, pace->map_ns));
		doc_cell(row, duration(a, pace->unmap_ns));
		doc_cell(row, duration(a, pace->guest_ns));
	}
	table = detail_table(request, node, "addresses", "Addresses that devices may use", ranges,
			     ARRAY_SIZE(ranges), all);
	for (size_t i = 0; p->has_iommu && i < p->iommu.n_ranges; i++) {
		struct doc_row *row = doc_row(table);

		doc_cell(row, hex(a, p->iommu.ranges[i].first, 1));
		doc_cell(row, hex(a, p->iommu.ranges[i].last, 1));
	}
}

static void add_regions(struct request *request, const struct probe *p, bool all)
{
	static const struct doc_column columns[] = {
		{ "address", "ADDRESS", 0 },         { "region", "REGION", 0 },
		{ "size_bytes", "SIZE", DOC_RIGHT }, { "readable", "READ", 0 },
		{ "writable", "WRITE", 0 },          { "mappable", "MAP", 0 },
	};
	struct arena *a = &request->host->arena;
	struct doc_table *table = detail_table(request, doc_root(request->doc), "regions",
					       "Regions", columns, ARRAY_SIZE(columns), all);

	for (size_t i = 0; i < p->n; i++) {
		const struct vfio_facts *facts = p->functions[i].facts;

		for (size_t k = 0; facts && k < facts->n_regions; k++) {
			const struct vfio_region *region = &facts->regions[k];

			if (region->error || region->size_bytes == 0)
				continue;
			struct doc_row *row = doc_row(table);
			doc_cell(row, doc_string(p->functions[i].function->name));
			doc_cell(row, doc_string(region->name));
			doc_cell(row, size(a, region->size_bytes));
			doc_cell(row, doc_bool(region->readable));
			doc_cell(row, doc_bool(region->writable));
			doc_cell(row, doc_bool(region->mappable));
		}
	}
}

static void add_interrupts(struct request *request, const struct probe *p, bool all)
{
	static const struct doc_column columns[] = {
		{ "address", "ADDRESS", 0 },         { "interrupt", "INTERRUPT", 0 },
		{ "vectors", "VECTORS", DOC_RIGHT }, { "maskable", "MASKABLE", 0 },
		{ "resizable", "RESIZABLE", 0 },
	};
	struct doc_table *table = detail_table(request, doc_root(request->doc), "interrupts",
					       "Interrupts", columns, ARRAY_SIZE(columns), all);

	for (size_t i = 0; i < p->n; i++) {
		const struct vfio_facts *facts = p->functions[i].facts;

		for (size_t k = 0; facts && k < facts->n_irqs; k++) {
			const struct vfio_irq *irq = &facts->irqs[k];

			if (irq->error || irq->count == 0)
				continue;
			struct doc_row *row = doc_row(table);
			doc_cell(row, doc_string(p->functions[i].function->name));
			doc_cell(row, doc_string(irq->name));
			doc_cell(row, doc_number(irq->count));
			doc_cell(row, doc_bool(irq->maskable));
			doc_cell(row, doc_bool(!irq->noresize));
		}
	}
}

static void add_images(struct request *request, const struct probe *p, bool all)
{
	static const struct doc_column columns[] = {
		{ "address", "ADDRESS", 0 },         { "offset", "OFFSET", DOC_RIGHT },
		{ "size_bytes", "SIZE", DOC_RIGHT }, { "code", "CODE", 0 },
		{ "machine", "MACHINE", 0 },         { "compressed", "COMPRESSED", 0 },
		{ "checksum", "CHECKSUM", 0 },       { "fits", "FOR THIS DEVICE", 0 },
	};
	struct arena *a = &request->host->arena;
	struct doc_table *table =
		detail_table(request, doc_root(request->doc), "rom_images", "Images of the ROM",
			     columns, ARRAY_SIZE(columns), all);

	for (size_t i = 0; i < p->n; i++) {
		const struct probe_function *f = &p->functions[i];

		for (size_t k = 0; f->has_rom && k < f->rom.n; k++) {
			const struct rom_image *image = &f->rom.images[k];
			const char *code = rom_code_name(image->code);
			const char *machine = rom_machine_name(image->efi.machine);
			struct doc_row *row = doc_row(table);

			doc_cell(row, doc_string(f->function->name));
			doc_cell(row, hex(a, image->offset, 1));
			doc_cell(row, size(a, image->size_bytes));
			doc_cell(row, code ? doc_string(code) : hex(a, image->code, 2));
			doc_cell(row, !image->efi.valid ? doc_none()
				      : machine         ? doc_string(machine)
							: hex(a, image->efi.machine, 4));
			doc_cell(row,
				 image->efi.valid ? doc_bool(image->efi.compression) : doc_none());
			doc_cell(row, image->code == ROM_CODE_X86 ? doc_bool(image->checksum_ok)
								  : doc_none());
			doc_cell(row,
				 image->has_data
					 ? doc_bool(rom_image_is_for(image, f->function->vendor,
								     f->function->device))
					 : doc_none());
		}
	}
}

static void add_differences(struct request *request, const struct probe *p, bool all)
{
	static const struct doc_column columns[] = {
		{ "address", "ADDRESS", 0 },
		{ "offset", "OFFSET", DOC_RIGHT },
		{ "place", "PLACE", 0 },
		{ "device", "DEVICE HAS", DOC_RIGHT },
		{ "guest", "A GUEST SEES", DOC_RIGHT },
		{ "expected", "EXPECTED", 0 },
	};
	struct arena *a = &request->host->arena;
	struct doc_table *table =
		detail_table(request, doc_root(request->doc), "differences",
			     "Configuration space, where a guest sees something else", columns,
			     ARRAY_SIZE(columns), all);

	for (size_t i = 0; i < p->n; i++) {
		const struct probe_function *f = &p->functions[i];

		for (size_t k = 0; k < f->n_differences; k++) {
			const struct probe_difference *d = &f->differences[k];
			struct doc_row *row = doc_row(table);

			doc_cell(row, doc_string(f->function->name));
			doc_cell(row, hex(a, d->offset, 1));
			doc_cell(row, doc_string(d->name));
			doc_cell(row, hex(a, d->device, 2 * d->bytes));
			doc_cell(row, hex(a, d->guest, 2 * d->bytes));
			doc_cell(row, doc_bool(d->expected));
		}
	}
}

static void add_scope(struct request *request, const struct probe *p, bool all)
{
	static const struct doc_column columns[] = {
		{ "address", "ADDRESS", 0 },
		{ "resets", "ITS BUS OR SLOT HAS", 0 },
		{ "owned", "WITH IT", 0 },
	};
	struct doc_table *table =
		detail_table(request, doc_root(request->doc), "reset_scope",
			     "What a hot reset reaches", columns, ARRAY_SIZE(columns), all);

	for (size_t i = 0; i < p->n; i++) {
		const struct probe_function *f = &p->functions[i];

		for (size_t k = 0; f->affected_error == 0 && k < f->affected.n; k++) {
			struct doc_row *row = doc_row(table);

			doc_cell(row, doc_string(f->function->name));
			doc_cell(row, doc_string(f->affected.functions[k].name));
			doc_cell(row, doc_bool(f->affected.functions[k].owned));
		}
	}
}

void probe_answer(struct request *request, const struct probe *p, bool all)
{
	add_verdicts(request, p);
	add_all_steps(request, p);
	add_memory(request, p, all);
	add_regions(request, p, all);
	add_interrupts(request, p, all);
	add_images(request, p, all);
	add_differences(request, p, all);
	add_scope(request, p, all);
}

int probe_exit(const struct probe *p)
{
	size_t yes = 0, no = 0, limited = 0;

	for (size_t i = 0; i < p->n; i++) {
		const struct probe_function *f = &p->functions[i];

		yes += f->answer == PROBE_YES;
		no += f->answer == PROBE_NO;
		limited += f->answer == PROBE_YES && f->limited;
	}
	if (no > 0)
		return yes > 0 ? ANSWER_PARTLY : ANSWER_NO;
	if (yes < p->n)
		return ANSWER_UNKNOWN;
	return limited > 0 ? ANSWER_PARTLY : ANSWER_YES;
}
