// SPDX-License-Identifier: MIT
// The memory and the processors that the device is near to. On a host with one node there is
// nothing to choose; on one with several, a guest on the wrong node pays for every transfer.

#include "check/device.h"

#include <errno.h>
#include <inttypes.h>

static void judge(struct host *host, struct pci_function *f, struct verdict *v)
{
	const struct fact_number node = f->facts->detail.numa_node;
	const struct memory_facts *memory = &host->facts->memory;
	const char *path = device_path(v, f, "numa_node");

	if (f->error || pci_is_bridge(f) || memory->nodes_error || memory->n_nodes < 2)
		return;
	if (node.error == -ENOENT) {
		verdict_set(v, VERDICT_WARN,
			    "this host has %zu NUMA nodes, and its firmware does not say which one "
			    "the device is near to",
			    memory->n_nodes);
		verdict_evidence(v, path, "-1");
		verdict_fix(v, NULL, "Find it in the manual of the board, by the slot.");
		return;
	}
	if (node.error) {
		verdict_unknown(v, path, node.error);
		return;
	}
	verdict_evidence(v, path, "%" PRIu64, node.value);
	verdict_set(v, VERDICT_PASS,
		    "it is near to NUMA node %" PRIu64
		    ": memory and processors of a guest should be from there",
		    node.value);
}

const struct check check_numa_node = {
	.id = "numa-node",
	.title = "NUMA node",
	.area = "device",
	.scope = CHECK_DEVICE,
	.judge = judge,
};
