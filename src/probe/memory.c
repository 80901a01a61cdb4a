// SPDX-License-Identifier: MIT
// Memory for DMA: whether it can be mapped, and how long that takes, for a VMM maps all memory of a
// guest before it starts. Measured on little and told for all, by the size of the pages: the kernel
// pins page by page (vfio_pin_map_dma() in drivers/vfio/vfio_iommu_type1.c, iopt_map_pages() in
// drivers/iommu/iommufd). Never more than a quarter of what the host says is available, and of huge
// pages only what is in the reserve and not promised to anybody.

#include "base/text.h"
#include "probe/internal.h"

#include <inttypes.h>

#define KIB ((uint64_t)1 << 10)
#define MIB ((uint64_t)1 << 20)
#define GIB ((uint64_t)1 << 30)

/* What is mapped when a whole gibibyte was not asked for: enough to measure, gone in 50 ms. */
#define QUICK_BYTES (32 * MIB)

#define CAP_IPC_LOCK_BIT 14

/* Pages of @page_bytes in the reserve that nobody has been promised. */
static uint64_t free_pages(const struct memory_facts *facts, uint64_t page_bytes)
{
	for (size_t i = 0; i < facts->n_pools; i++) {
		const struct hugepage_pool *pool = &facts->pools[i];
		uint64_t reserved = pool->reserved.error ? 0 : pool->reserved.value;

		if (pool->node == MEMORY_ALL_NODES && pool->page_bytes == page_bytes &&
		    pool->free.error == 0 && pool->free.value > reserved)
			return pool->free.value - reserved;
	}
	return 0;
}

static void add_pace(struct session *s, const struct probe_pace *pace)
{
	struct probe *p = s->probe;

	for (size_t i = 0; i < p->n_paces; i++) {
		/* the larger trial tells more */
		if (p->paces[i].page_bytes == pace->page_bytes) {
			p->paces[i] = *pace;
			return;
		}
	}
	p->paces[p->n_paces++] = *pace;
}

static void map_once(struct session *s, struct probe_step *step, const struct vfio_iommu *iommu,
		     uint64_t size, uint64_t page_bytes)
{
	struct vfio_memory *memory;
	struct err e = { 0 };
	uint64_t iova, map_ns = 0, unmap_ns = 0;
	int error = vfio_memory_get(s->v, size, page_bytes, &memory, &e);

	if (error < 0) {
		step_say(s->a, step, PROBE_NOT_TRIED, "%s", e.text);
		return;
	}
	uint64_t align = size & -size;
	error = vfio_iova_find(iommu, size, align, &iova);
	if (error < 0) {
		err_fail(&e, error, "no address is free for %s", text_size(s->a, size));
	} else {
		error = vfio_dma_map(s->v, memory, iova, &map_ns, &e);
		if (error == 0)
			error = vfio_dma_unmap(s->v, memory, &unmap_ns, &e);
	}
	if (error < 0) {
		step_fail(s->a, step, error, &e);
		/* what the kernel refuses to pin is a no, whatever its errno */
		step->answer = PROBE_NO;
	} else {
		step_took(step, map_ns);
		step_say(s->a, step, PROBE_YES, "at 0x%" PRIx64 "%s", iova,
			 page_bytes ? ", from the reserve of huge pages" : "");
		if (s->first && size >= 2 * MIB)
			add_pace(s, &(struct probe_pace){
					    .page_bytes = page_bytes ? page_bytes : 4 * KIB,
					    .tried_bytes = size,
					    .map_ns = map_ns,
					    .unmap_ns = unmap_ns,
					    .guest_ns = (uint64_t)((double)map_ns / (double)size *
								   (double)s->probe->guest_bytes),
				    });
	}
	error = vfio_memory_put(s->v, memory, &e);
	if (error < 0)
		step_fail(s->a, step, error, &e);
}

/* @page_bytes 0: ordinary pages. */
static void try_size(struct session *s, const struct memory_facts *facts,
		     const struct vfio_iommu *iommu, uint64_t size, uint64_t page_bytes,
		     enum probe_weight weight)
{
	struct probe_step *step =
		step_add(s->a, &s->probe->steps,
			 arena_printf(s->a, "DMA, %s%s", text_size(s->a, size),
				      page_bytes ? arena_printf(s->a, " in pages of %s",
								text_size(s->a, page_bytes))
						 : ""),
			 s->backend, weight);

	if (!page_bytes && facts->available_bytes.error)
		step_say(s->a, step, PROBE_NOT_TRIED, "how much memory is available: %s",
			 fact_reason(facts->available_bytes.error));
	else if (!page_bytes && facts->available_bytes.value / 4 < size)
		step_say(s->a, step, PROBE_NOT_TRIED, "only %s of memory are available",
			 text_size(s->a, facts->available_bytes.value));
	else
		map_once(s, step, iommu, size, page_bytes);
}

/* Whether the limit of locked memory counts for this process. */
static bool is_limited(struct session *s)
{
	const char *rest, *line;
	struct bytes text;
	size_t n;

	if (root_read(s->host->root, s->a, "proc/self/status", &text) < 0)
		return true;
	for (rest = text.data; text_next_line(&rest, &line, &n);) {
		uint64_t set;

		if (n > 8 && str_starts(line, "CapEff:\t") && text_hex_prefix(line + 8, 16, &set))
			return !(set >> CAP_IPC_LOCK_BIT & 1);
	}
	return true;
}

static void tell_limit(struct session *s, const struct memory_facts *facts)
{
	struct fact_number limit = facts->lock_soft_bytes;
	struct probe *p = s->probe;

	p->lock_bytes = limit;
	if (limit.error || limit.value >= p->guest_bytes || !is_limited(s))
		return;
	struct probe_step *step = step_add(s->a, &p->steps, "locked memory", NULL, PROBE_LIMITS);
	step_say(s->a, step, PROBE_NO,
		 "this user may lock %s (RLIMIT_MEMLOCK): a guest of %s started by it gets no "
		 "device; libvirt raises the limit by itself",
		 text_size(s->a, limit.value), text_size(s->a, p->guest_bytes));
}

void memory_try(struct session *s)
{
	struct memory_facts facts = { 0 };
	struct vfio_iommu iommu;
	struct err e = { 0 };
	int error = vfio_read_iommu(s->v, &iommu, &e);

	if (error < 0) {
		step_fail(s->a, step_add(s->a, &s->probe->steps, "IOMMU", s->backend, PROBE_NEEDED),
			  error, &e);
		return;
	}
	host_read_memory(s->host, &facts);
	try_size(s, &facts, &iommu, 4 * KIB, 0, PROBE_NEEDED);
	if (!s->first)
		return;
	s->probe->iommu = iommu;
	s->probe->has_iommu = true;
	s->probe->paces = arena_array(s->a, 3, sizeof(*s->probe->paces));
	tell_limit(s, &facts);
	try_size(s, &facts, &iommu, 2 * MIB, 0, PROBE_LIMITS);
	try_size(s, &facts, &iommu, s->options->much_memory ? GIB : QUICK_BYTES, 0, PROBE_LIMITS);
	if (free_pages(&facts, 2 * MIB) >= QUICK_BYTES / (2 * MIB))
		try_size(s, &facts, &iommu, QUICK_BYTES, 2 * MIB, PROBE_LIMITS);
	else if (free_pages(&facts, 2 * MIB) >= 1)
		try_size(s, &facts, &iommu, 2 * MIB, 2 * MIB, PROBE_LIMITS);
	/* the kernel clears such a page when it is first touched: not quick either */
	if (s->options->much_memory && free_pages(&facts, GIB) >= 1)
		try_size(s, &facts, &iommu, GIB, GIB, PROBE_LIMITS);
}
