// SPDX-License-Identifier: MIT
// What one open device shows: its answer to VFIO_DEVICE_GET_INFO, the first word of each BAR
// through a mapping and through the descriptor, its ROM, its configuration space beside that of
// sysfs, and whether its interrupts arrive. Nothing here resets it.

#include "base/text.h"
#include "probe/internal.h"

#include <inttypes.h>
#include <linux/pci_regs.h>

#define SILENT 0xffffffffu
/* A ROM BAR of that size is the largest that PCI knows; reading it takes a device long enough. */
#define ROM_MAX ((size_t)16 << 20)
#define ROM_PIECE ((size_t)32 << 10)

static struct probe_step *add(struct session *s, struct trial *t, const char *name,
			      enum probe_weight weight)
{
	return step_add(s->a, &t->probed->steps, name, s->backend, weight);
}

/* ---- what it says about itself ---- */

static const char *list_features(struct session *s, struct trial *t)
{
	struct vfio_feature *features;
	size_t n, n_names = 0;

	vfio_read_features(t->device, &features, &n);
	const char **names = arena_array(s->a, n, sizeof(*names));
	for (size_t i = 0; i < n; i++) {
		if (features[i].error == 0)
			names[n_names++] = features[i].name;
	}
	if (s->first) {
		t->probed->features = features;
		t->probed->n_features = n;
	}
	return n_names ? text_join(s->a, names, n_names, ", ") : "none";
}

static int try_info(struct session *s, struct trial *t)
{
	struct probe_step *step = add(s, t, "information", PROBE_NEEDED);
	struct vfio_facts *facts = arena_alloc(s->a, sizeof(*facts));
	struct err e = { 0 };
	uint64_t start = clock_ns();
	int error = vfio_read_device(t->device, facts, &e);

	step_took(step, clock_ns() - start);
	if (error < 0) {
		step_fail(s->a, step, error, &e);
		return error;
	}
	t->facts = facts;
	if (!t->probed->facts)
		t->probed->facts = facts;
	if (facts->damaged)
		step_say(s->a, step, PROBE_NO, "the kernel's answer makes no sense");
	else
		step_say(s->a, step, PROBE_YES, "%s; features: %s",
			 facts->can_reset ? "can be reset by itself" : "no reset by itself",
			 list_features(s, t));
	return 0;
}

/* ---- BARs ---- */

/* The BAR that has the table of MSI-X at @offset; more than there are when it stands elsewhere. */
static uint32_t table_bar(struct session *s, const struct trial *t, uint64_t offset)
{
	struct pci_config config;

	pci_decode_config(s->a, t->config_before.data, t->config_before.n, &config);
	return config.msix.error || config.msix.table_offset != offset ? VFIO_REGION_BARS
								       : config.msix.table_bar;
}

static void judge_bar(struct session *s, struct trial *t, const struct vfio_region *region,
		      const struct vfio_bar *bar)
{
	struct probe_step *step =
		add(s, t, arena_printf(s->a, "BAR %u", region->index), PROBE_LIMITS);
	const char *size = text_size(s->a, region->size_bytes);
	bool mapped = region->mappable && bar->map_error == 0;

	if (!mapped && region->index == table_bar(s, t, bar->offset))
		step_say(s->a, step, PROBE_NOT_TRIED,
			 "%s: it begins with the table of MSI-X, which VFIO shows as all ones",
			 size);
	else if (bar->read_error)
		step_say(s->a, step, PROBE_NO, "%s: reading it: %s", size,
			 strerror(-bar->read_error));
	else if (region->mappable && bar->map_error)
		step_say(s->a, step, PROBE_NO, "%s: mapping it: %s", size,
			 strerror(-bar->map_error));
	else if (bar->read == SILENT && (!mapped || bar->mapped == SILENT))
		step_say(s->a, step, PROBE_NO, "%s: it reads all ones: nothing answers there",
			 size);
	else
		step_say(s->a, step, PROBE_YES, "%s, %s: 0x%08" PRIx32, size,
			 mapped ? "mapped" : "not mappable", mapped ? bar->mapped : bar->read);
	if (step->answer == PROBE_YES)
		t->bar[region->index] = mapped ? bar->mapped : bar->read;
}

/* Reading an I/O port may do something; memory of a device is read by every VMM that shows it. */
static bool is_memory_bar(const struct trial *t, unsigned index)
{
	size_t offset = PCI_BASE_ADDRESS_0 + 4 * index;

	return offset >= t->config_before.n ||
	       !(t->config_before.data[offset] & PCI_BASE_ADDRESS_SPACE_IO);
}

static void try_bars(struct session *s, struct trial *t)
{
	struct vfio_bar bar;

	for (uint32_t i = 0; i < VFIO_REGION_BARS; i++) {
		const struct vfio_region *region = vfio_region_find(t->facts, i);

		if (!region || region->size_bytes < 4 || !is_memory_bar(t, i))
			continue;
		vfio_read_bar(t->device, region, &bar);
		judge_bar(s, t, region, &bar);
	}
}

const char *device_lost_bar(struct session *s, struct trial *t)
{
	struct vfio_bar bar;

	for (uint32_t i = 0; i < VFIO_REGION_BARS; i++) {
		const struct vfio_region *region = vfio_region_find(t->facts, i);

		if (t->bar[i] == SILENT || !region)
			continue;
		vfio_read_bar(t->device, region, &bar);
		bool mapped = region->mappable && bar.map_error == 0;
		/* through the descriptor the table of MSI-X is all ones (vfio_pci_bar_rw()) */
		if (mapped ? bar.mapped == SILENT : bar.read_error || bar.read == SILENT)
			return arena_printf(s->a, "BAR %" PRIu32, i);
	}
	return NULL;
}

/* ---- ROM ---- */

static const char *image_words(struct session *s, const struct rom_image *image)
{
	const char *code = rom_code_name(image->code), *machine = NULL;

	if (image->efi.valid)
		machine = rom_machine_name(image->efi.machine);
	if (!code)
		code = arena_printf(s->a, "code 0x%02x", image->code);
	return machine ? arena_printf(s->a, "%s (%s)", code, machine) : code;
}

static const char *images_text(struct session *s, const struct rom *rom)
{
	const char **words = arena_array(s->a, rom->n, sizeof(*words));

	for (size_t i = 0; i < rom->n; i++)
		words[i] = image_words(s, &rom->images[i]);
	return text_join(s->a, words, rom->n, ", ");
}

/*
 * Reads as much as it takes: the BAR is often several times as large, and a device's ROM answers
 * slowly.
 */
static int read_rom(struct session *s, struct trial *t, const struct vfio_region *region,
		    struct rom *ret, struct err *e)
{
	size_t size = region->size_bytes < ROM_MAX ? (size_t)region->size_bytes : ROM_MAX, n = 0;
	char *data = arena_alloc(s->a, size);
	bool whole;

	do {
		size_t piece = size - n < ROM_PIECE ? size - n : ROM_PIECE;
		int error = vfio_read(t->device, region, n, data + n, piece, e);

		if (error < 0)
			return error;
		n += piece;
		rom_parse(s->a, data, n, ret);
		whole = ret->error ||
			(ret->n && ret->images[ret->n - 1].last && !ret->images[ret->n - 1].cut);
	} while (n < size && !whole);
	return 0;
}

/* What stands against using it, or NULL. */
static const char *rom_fault(struct session *s, const struct trial *t, const struct rom *rom)
{
	const struct pci_function *f = t->probed->function;

	if (rom->error)
		return rom->problem;
	for (size_t i = 0; i < rom->n; i++) {
		const struct rom_image *image = &rom->images[i];

		if (image->cut)
			return arena_printf(s->a, "image %zu is longer than the ROM", i + 1);
		if (image->code == ROM_CODE_X86 && !image->checksum_ok)
			return arena_printf(s->a,
					    "the checksum of image %zu is wrong: the ROM was "
					    "changed, or is a copy that ran",
					    i + 1);
		if (image->has_data && image->code != ROM_CODE_NVIDIA &&
		    !rom_image_is_for(image, f->vendor, f->device))
			return arena_printf(s->a,
					    "image %zu is for %04x:%04x: firmware will not run it",
					    i + 1, image->vendor, image->device);
	}
	return NULL;
}

static void try_rom(struct session *s, struct trial *t)
{
	struct probe_step *step = add(s, t, "ROM", PROBE_TOLD);
	const struct pci_function *f = t->probed->function;
	struct probe_function *probed = t->probed;
	const struct vfio_region *region = vfio_region_find(t->facts, VFIO_REGION_ROM);
	struct err e = { 0 };
	uint64_t start = clock_ns();

	if (!region || !region->readable) {
		step_say(s->a, step, PROBE_NO, "%s",
			 f->class_code >> 8 == 0x0300
				 ? "there is none: a guest shows no picture before its own driver "
				   "runs, unless it is given a ROM file"
				 : "there is none");
		return;
	}
	int error = read_rom(s, t, region, &probed->rom, &e);
	step_took(step, clock_ns() - start);
	if (error < 0) {
		step_fail(s->a, step, error, &e);
		return;
	}
	probed->has_rom = true;
	const char *fault = rom_fault(s, t, &probed->rom);
	const char *picture = "";
	if (pci_is_display(f))
		picture =
			rom_efi_image(&probed->rom, ROM_MACHINE_X86_64)
				? ": a guest with UEFI shows a picture"
				: ": a guest with UEFI shows no picture before its own driver runs";
	if (fault)
		step_say(s->a, step, PROBE_NO, "%s", fault);
	else
		step_say(s->a, step, PROBE_YES, "%s, %s%s", text_size(s->a, probed->rom.size_bytes),
			 images_text(s, &probed->rom), picture);
}

/* ---- configuration space ---- */

static void try_config(struct session *s, struct trial *t)
{
	struct probe_step *step = add(s, t, "configuration space", PROBE_NEEDED);
	struct probe_function *probed = t->probed;
	struct bytes device, guest, again;
	struct err e = { 0 };
	size_t surprises = 0;

	int host_error = sysfs_config_read(s->host, probed->function, &device);
	int error = vfio_read_config(t->device, &guest, &e);
	if (error < 0) {
		step_fail(s->a, step, error, &e);
		return;
	}
	if (config_is_silent(guest)) {
		step_say(s->a, step, PROBE_NO, "it reads all ones: the device does not answer");
		return;
	}
	if (host_error == 0)
		host_error = sysfs_config_read(s->host, probed->function, &again);
	if (host_error < 0) {
		step_say(s->a, step, PROBE_YES, "%zu bytes; the host's view could not be read: %s",
			 guest.n, fact_reason(host_error));
		return;
	}
	probe_compare_config(s->a, device, again, guest, &probed->differences,
			     &probed->n_differences);
	for (size_t i = 0; i < probed->n_differences; i++)
		surprises += !probed->differences[i].expected;
	const char *part =
		device.n < guest.n
			? arena_printf(s->a, ", of which %zu could be compared", device.n)
			: "";
	if (surprises)
		step_say(s->a, step, PROBE_YES,
			 "%zu bytes%s; %s from the device without a known reason", guest.n, part,
			 text_count(s->a, surprises, "place differs", "places differ"));
	else
		step_say(s->a, step, PROBE_YES, "%zu bytes%s; as the device has them%s", guest.n,
			 part,
			 probed->n_differences ? ", but for what VFIO keeps from guests" : "");
}

/* ---- interrupts ---- */

static bool try_irq(struct session *s, struct trial *t, const struct vfio_irq *irq)
{
	struct probe_step *step = add(s, t, irq->name, PROBE_LIMITS);
	const char *count = text_count(s->a, irq->count, "vector", "vectors");
	struct err e = { 0 };
	uint64_t signals;
	int error = vfio_try_irq(t->device, irq->index, &signals, &e);

	if (error == -EBUSY && irq->index == VFIO_IRQ_INTX)
		step_say(s->a, step, PROBE_NO,
			 "the line is shared with another device, and this one cannot be masked "
			 "by itself");
	else if (error < 0)
		step_fail(s->a, step, error, &e);
	else if (signals != 1)
		step_say(s->a, step, PROBE_NO, "triggered once, it came %" PRIu64 " times",
			 signals);
	else
		step_say(s->a, step, PROBE_YES, "%s%s", count, irq->maskable ? ", maskable" : "");
	return step->answer == PROBE_YES;
}

static void try_interrupts(struct session *s, struct trial *t)
{
	bool message = false, any = false;

	for (size_t i = t->facts->n_irqs; i-- > 0;) {
		const struct vfio_irq *irq = &t->facts->irqs[i];

		if (irq->error || irq->count == 0 || irq->index > VFIO_IRQ_MSIX)
			continue;
		any = true;
		bool works = try_irq(s, t, irq);
		/* what has messages does without the line */
		if (irq->index == VFIO_IRQ_INTX && message)
			t->probed->steps.step[t->probed->steps.n - 1].weight = PROBE_TOLD;
		message |= works && irq->index != VFIO_IRQ_INTX;
	}
	if (!any)
		step_say(s->a, add(s, t, "interrupts", PROBE_TOLD), PROBE_NO, "it has none");
}

static void try_bus_master(struct session *s, struct trial *t)
{
	struct probe_step *step = add(s, t, "bus master", PROBE_LIMITS);
	struct err e = { 0 };
	int error = vfio_command_set(t->device, PCI_COMMAND_MASTER, 0, &e);

	if (error < 0)
		step_fail(s->a, step, error, &e);
	else
		step_say(s->a, step, PROBE_YES, "it can be switched on");
	/* off again, before memory is mapped that it could write to */
	if (error == 0)
		error = vfio_command_set(t->device, 0, PCI_COMMAND_MASTER, &e);
	if (error < 0)
		step_fail(s->a, step, error, &e);
}

void device_try(struct session *s, struct trial *t)
{
	struct err e = { 0 };

	if (try_info(s, t) < 0)
		return;
	if (s->first)
		try_config(s, t);
	int error = vfio_command_set(t->device, PCI_COMMAND_MEMORY, 0, &e);
	if (error < 0) {
		step_fail(s->a, add(s, t, "memory decoding", PROBE_NEEDED), error, &e);
	} else if (s->first) {
		try_bars(s, t);
		try_rom(s, t);
	}
	try_interrupts(s, t);
	if (s->first && s->options->bus_master)
		try_bus_master(s, t);
}
