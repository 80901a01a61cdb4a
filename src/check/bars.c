// SPDX-License-Identifier: MIT
// The memory windows of the device: whether all have an address, and how much room a guest's
// firmware has to find for them. OVMF leaves 32 GiB for windows above 4 GiB unless it is told more,
// and windows are as large as they are aligned, so several large ones need more than their sum.

#include "base/text.h"
#include "check/device.h"

#include <inttypes.h>

#define GUEST_WINDOW_BYTES ((uint64_t)32 << 30)
#define LARGE_BYTES ((uint64_t)256 << 20)

static const char *possible_sizes(struct verdict *v, const struct pci_resizable_bar *bar)
{
	unsigned most = 63u - (unsigned)__builtin_clzll(bar->sizes | 1);

	return arena_printf(v->arena, "BAR %u is %s and can be up to %s", bar->bar,
			    text_size(v->arena, UINT64_C(1) << (bar->size_log2 + 20)),
			    text_size(v->arena, UINT64_C(1) << (most > 43 ? 63 : most + 20)));
}

static void add_resizable(const struct pci_function *f, struct verdict *v)
{
	const struct pci_rebar *rebar = &f->facts->config->rebar;

	for (size_t i = 0; rebar->error == 0 && i < rebar->n_bars; i++)
		verdict_evidence(v, device_path(v, f, "config"), "%s",
				 possible_sizes(v, &rebar->bars[i]));
}

static void judge(struct host *host, struct pci_function *f, struct verdict *v)
{
	const struct pci_detail *detail = &f->facts->detail;
	const char *path = device_path(v, f, "resource");
	uint64_t all = 0, wide = 0;

	(void)host;
	if (f->error || pci_is_bridge(f))
		return;
	if (detail->resource_error) {
		verdict_unknown(v, path, detail->resource_error);
		return;
	}
	for (size_t i = 0; i < detail->n_resources; i++) {
		const struct pci_resource *bar = &detail->resources[i];

		if (bar->index > 5 || bar->kind != PCI_RESOURCE_MEMORY)
			continue;
		const char *size = text_size(v->arena, bar->size_bytes);
		if (!bar->assigned) {
			verdict_evidence(v, path, "BAR %u: %s without an address", bar->index,
					 size);
			verdict_raise(v, VERDICT_FAIL,
				      "BAR %u of %s has no address: the device does not work",
				      bar->index, size);
			verdict_fix(v, NULL,
				    "Turn \"above 4G decoding\" on in the firmware setup, and "
				    "resizable BARs off where that is not enough.");
			continue;
		}
		all += bar->size_bytes;
		wide += bar->is_64bit ? bar->size_bytes : 0;
		if (bar->size_bytes >= LARGE_BYTES)
			verdict_evidence(v, path, "BAR %u: %s at 0x%" PRIx64, bar->index, size,
					 bar->start);
	}
	if (all == 0 && v->kind == VERDICT_SKIP)
		return;
	add_resizable(f, v);
	if (wide >= GUEST_WINDOW_BYTES) {
		verdict_raise(v, VERDICT_WARN,
			      "its windows take %s: more than a guest's firmware has room for by "
			      "itself",
			      text_size(v->arena, wide));
		if (!v->fix)
			verdict_fix(v, NULL,
				    "Give the guest's firmware a larger window for 64-bit memory "
				    "(OVMF: opt/ovmf/X-PciMmio64Mb), and an address width that "
				    "holds it.");
	}
	if (v->n_evidence == 0)
		verdict_evidence(v, path, "%s", text_size(v->arena, all));
	verdict_raise(v, VERDICT_PASS, "its windows take %s", text_size(v->arena, all));
}

const struct check check_bars = {
	.id = "bars",
	.title = "Memory windows",
	.area = "device",
	.scope = CHECK_DEVICE,
	.judge = judge,
};
