// SPDX-License-Identifier: MIT
// Whether the huge pages that were asked for are there. The kernel takes what it finds and reports
// no error; hugepages= counts pages of the hugepagesz= before it, else of the default size
// (Documentation/admin-guide/mm/hugetlbpage.rst). A guest with a device does not need any.

#include "base/text.h"
#include "check/internal.h"

#include <errno.h>
#include <inttypes.h>

#define HUGEPAGES "sys/kernel/mm/hugepages"

/* "4", "0:2,1:2" */
static uint64_t parse_count(struct arena *a, const char *text)
{
	uint64_t total = 0, value;
	const char *item;

	while ((item = next_item(a, &text))) {
		const char *colon = strchr(item, ':');
		if (text_number(colon ? colon + 1 : item, 10, UINT32_MAX, &value) == 0)
			total += value;
	}
	return total;
}

static const struct hugepage_pool *pool_of(const struct memory_facts *memory, uint64_t page_bytes)
{
	for (size_t i = 0; i < memory->n_pools; i++) {
		if (memory->pools[i].node == MEMORY_ALL_NODES &&
		    memory->pools[i].page_bytes == page_bytes)
			return &memory->pools[i];
	}
	return NULL;
}

static void judge_request(struct verdict *v, const struct memory_facts *memory,
			  const struct kernel_parameter *p, uint64_t page_bytes)
{
	const struct hugepage_pool *pool = pool_of(memory, page_bytes);
	const char *size = text_size(v->arena, page_bytes);
	uint64_t asked = parse_count(v->arena, p->value ? p->value : "");

	verdict_evidence(v, KERNEL_COMMAND_LINE, "%s (%s each)", p->text, size);
	if (!pool) {
		verdict_raise(v, VERDICT_WARN, "this kernel has no huge pages of %s", size);
		verdict_fix(v, NULL, "Ask for a size that %s lists.", HUGEPAGES);
		return;
	}
	if (pool->total.error) {
		verdict_raise(v, VERDICT_UNKNOWN, "%s: %s", pool->path,
			      verdict_reason(pool->total.error));
		return;
	}
	if (pool->total.value >= asked)
		return;
	verdict_raise(v, VERDICT_WARN, "of %" PRIu64 " huge pages of %s only %" PRIu64 " are there",
		      asked, size, pool->total.value);
	verdict_fix(v, NULL, "Ask for less, or reserve them at boot: %s before its hugepages=.",
		    "hugepagesz=");
}

/* The pairs of hugepagesz= and hugepages=, in their order. */
static void judge_requests(struct verdict *v, const struct host_facts *facts)
{
	const struct kernel_facts *kernel = &facts->kernel;
	const struct kernel_parameter *p = kernel_parameter_last(kernel, "default_hugepagesz");
	uint64_t size = p && p->value ? memory_page_bytes(p->value) : UINT64_C(2) << 20;

	for (size_t i = 0; i < kernel->n_parameters; i++) {
		p = &kernel->parameters[i];
		if (kernel_same_name(p->name, "hugepagesz") && p->value)
			size = memory_page_bytes(p->value);
		else if (kernel_same_name(p->name, "hugepages"))
			judge_request(v, &facts->memory, p, size);
	}
}

static void show_pools(struct verdict *v, const struct memory_facts *memory)
{
	for (size_t i = 0; i < memory->n_pools; i++) {
		const struct hugepage_pool *pool = &memory->pools[i];
		if (pool->total.error || pool->free.error || pool->total.value == 0)
			continue;
		verdict_evidence(v, pool->path, "%" PRIu64 " pages, %" PRIu64 " of them free",
				 pool->total.value, pool->free.value);
	}
}

static void judge(struct host *host, struct pci_function *f, struct verdict *v)
{
	const struct memory_facts *memory = &host->facts->memory;
	uint64_t bytes = 0;

	(void)f;
	if (memory->pools_error == -ENOENT)
		return;
	if (memory->pools_error) {
		verdict_unknown(v, HUGEPAGES, memory->pools_error);
		return;
	}
	judge_requests(v, host->facts);
	show_pools(v, memory);
	for (size_t i = 0; i < memory->n_pools; i++) {
		const struct hugepage_pool *pool = &memory->pools[i];
		if (pool->node == MEMORY_ALL_NODES && pool->free.error == 0)
			bytes += pool->free.value * pool->page_bytes;
	}
	if (bytes)
		verdict_raise(v, VERDICT_PASS, "%s of huge pages are free for guests",
			      text_size(v->arena, bytes));
	else
		verdict_raise(v, VERDICT_PASS, "no huge pages are free; guests do not need them");
	if (v->n_evidence == 0)
		verdict_evidence(v, HUGEPAGES, "no pages");
}

const struct check check_huge_pages = {
	.id = "huge-pages",
	.title = "Huge pages",
	.area = "resources",
	.scope = CHECK_HOST,
	.judge = judge,
};
