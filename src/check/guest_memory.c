// SPDX-License-Identifier: MIT
// A guest with a device has all of its memory pinned from its start: nothing of it can be swapped,
// ballooned or shared. What counts is what is available now, not what the host has.

#include "base/text.h"
#include "check/internal.h"

#include <errno.h>
#include <inttypes.h>

/* Below that a guest with a desktop or a GPU driver does not come up. */
#define LITTLE_BYTES (UINT64_C(2) << 30)

static void show_nodes(struct verdict *v, const struct memory_facts *memory)
{
	if (memory->n_nodes < 2)
		return;
	for (size_t i = 0; i < memory->n_nodes; i++) {
		const struct memory_node *node = &memory->nodes[i];
		if (node->free_bytes.error == 0)
			verdict_evidence(v, node->path, "%s free",
					 text_size(v->arena, node->free_bytes.value));
	}
}

static void judge(struct host *host, struct pci_function *f, struct verdict *v)
{
	const struct memory_facts *memory = &host->facts->memory;
	const struct fact_number *available = &memory->available_bytes;
	uint64_t huge = 0;

	(void)f;
	if (available->error) {
		if (available->error != -ENOENT || host->facts->kernel.release.error == 0)
			verdict_unknown(v, MEMORY_INFO, available->error);
		return;
	}
	verdict_evidence(v, MEMORY_INFO, "MemAvailable: %s", text_size(v->arena, available->value));
	if (memory->total_bytes.error == 0)
		verdict_evidence(v, MEMORY_INFO, "MemTotal: %s",
				 text_size(v->arena, memory->total_bytes.value));
	show_nodes(v, memory);
	for (size_t i = 0; i < memory->n_pools; i++) {
		const struct hugepage_pool *pool = &memory->pools[i];
		if (pool->node == MEMORY_ALL_NODES && pool->free.error == 0)
			huge += pool->free.value * pool->page_bytes;
	}
	if (huge)
		verdict_evidence(v, "sys/kernel/mm/hugepages", "%s free besides",
				 text_size(v->arena, huge));
	if (available->value + huge < LITTLE_BYTES) {
		verdict_set(v, VERDICT_WARN, "only %s of memory are available for a guest",
			    text_size(v->arena, available->value + huge));
		verdict_fix(v, NULL, "End what uses the memory before a guest is started.");
		return;
	}
	verdict_set(v, VERDICT_PASS, "a guest can have up to %s of memory now",
		    text_size(v->arena, huge > available->value ? huge : available->value));
}

const struct check check_guest_memory = {
	.id = "guest-memory",
	.title = "Memory for guests",
	.area = "resources",
	.scope = CHECK_HOST,
	.judge = judge,
};
