// SPDX-License-Identifier: MIT
// Where devices stand in the guest. Behind a root port each, as PCI Express devices do on a real
// board: drivers look at the link and the capabilities of the port above, and QEMU's docs/pcie.txt
// advises against endpoints of the root complex. The functions of one slot of the host stay
// together, since drivers of a GPU and of its audio function find each other by the slot.
//
// Root ports are functions themselves, eight to a slot of pcie.0: one slot each would end at 28.

#include "base/text.h"
#include "vm/internal.h"

#include <errno.h>

#define FUNCTIONS_MAX 8

struct slot {
	const char *name;
	const struct vm_function *function[FUNCTIONS_MAX]; /* by their number on the host */
};

static struct slot *find_slot(struct slot *slots, size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++)
		if (str_eq(slots[i].name, name))
			return &slots[i];
	return NULL;
}

static int group_functions(const struct vm_config *config, struct slot *slots, size_t *ret_n,
			   struct err *e)
{
	size_t n = 0;

	for (size_t i = 0; i < config->n_functions; i++) {
		const struct vm_function *f = &config->functions[i];
		struct slot *slot = find_slot(slots, n, f->slot);
		if (!slot) {
			slot = &slots[n++];
			slot->name = f->slot;
		}
		if (f->function >= FUNCTIONS_MAX)
			return err_usage(e, "%s: a slot has no function %u", f->host_address,
					 f->function);
		const struct vm_function *other = slot->function[f->function];
		if (other && str_eq(other->host_address, f->host_address))
			return err_usage(e, "%s is given twice", f->host_address);
		if (other)
			return err_usage(e, "%s and %s cannot both be function %u of one slot",
					 other->host_address, f->host_address, f->function);
		slot->function[f->function] = f;
	}
	*ret_n = n;
	return 0;
}

/* @index counts from 0; of @total ports. */
static int add_port(struct vm_argv *v, size_t index, size_t total, struct err *e)
{
	const char *id = arena_printf(v->arena, "port%zu", index + 1);
	const char *address = arena_printf(v->arena, "0x%zx.0x%zx", index / FUNCTIONS_MAX + 1,
					   index % FUNCTIONS_MAX);
	json_t *port = json_pack("{s:s, s:s, s:s, s:s, s:i, s:i}", "driver", "pcie-root-port", "id",
				 id, "bus", "pcie.0", "addr", address, "chassis", (int)index + 1,
				 "port", (int)index + 1);

	if (index % FUNCTIONS_MAX == 0 && index + 1 < total)
		json_object_set_new(port, "multifunction", json_true());
	return vm_argv_add_json(v, "-device", port, id, e);
}

/*
 * A slot without function 0 is not found by a guest, so functions keep their numbers only when
 * theirs is among them.
 */
static int add_slot(struct vm_argv *v, const struct slot *slot, size_t port, struct err *e)
{
	bool keep = slot->function[0] != NULL;
	size_t count = 0, next = 0;

	for (size_t i = 0; i < FUNCTIONS_MAX; i++)
		count += slot->function[i] != NULL;
	for (size_t i = 0; i < FUNCTIONS_MAX; i++) {
		if (!slot->function[i])
			continue;
		size_t number = keep ? i : next;
		const char *host = slot->function[i]->host_address;
		json_t *device =
			json_pack("{s:s, s:s, s:s, s:s, s:s}", "driver", "vfio-pci", "id",
				  arena_printf(v->arena, "host%zu-%zu", port + 1, number), "host",
				  host, "bus", arena_printf(v->arena, "port%zu", port + 1), "addr",
				  arena_printf(v->arena, "0x0.0x%zx", number));
		if (number == 0 && count > 1)
			json_object_set_new(device, "multifunction", json_true());
		int error = vm_argv_add_json(v, "-device", device, host, e);
		if (error < 0)
			return error;
		next++;
	}
	return 0;
}

int vm_slots_add(struct vm_argv *v, const struct vm_config *config, size_t *ret_first_disk_port,
		 struct err *e)
{
	struct slot *slots = arena_array(v->arena, config->n_functions, sizeof(*slots));
	size_t n = 0;

	int error = group_functions(config, slots, &n, e);
	if (error < 0)
		return error;
	size_t total = n + config->n_disks;
	if (total > VM_PORTS_MAX)
		return err_usage(e,
				 "%zu devices and disks are more than the %d a guest has ports for",
				 total, VM_PORTS_MAX);
	for (size_t i = 0; error == 0 && i < total; i++)
		error = add_port(v, i, total, e);
	for (size_t i = 0; error == 0 && i < n; i++)
		error = add_slot(v, &slots[i], i, e);
	*ret_first_disk_port = n;
	return error;
}
