// SPDX-License-Identifier: MIT
// How much memory there is for guests. Huge pages stand twice in sysfs, for the host and per node;
// both are kept, because pages on the wrong node are as good as none for a device. Formats:
// fs/proc/meminfo.c, drivers/base/node.c, mm/hugetlb_sysfs.c, proc_pid_limits() in fs/proc/base.c.

#include "host/memory.h"
#include "base/text.h"
#include "host/host.h"
#include "host/read.h"

#include <errno.h>
#include <string.h>

#define HUGEPAGES "sys/kernel/mm/hugepages"
#define NODES "sys/devices/system/node"
#define LOCK_LINE "Max locked memory"

#define NODES_MAX 1024

/* "MemTotal:       32768 kB", also behind "Node 0 ": the value of @key. */
static struct fact_number find_kib(struct bytes text, const char *key)
{
	const char *found = memmem(text.data, text.n, key, strlen(key));
	uint64_t kib = 0;

	if (!found)
		return (struct fact_number){ .error = -ENOENT };
	found += strlen(key);
	found += strspn(found, " ");
	size_t n = strspn(found, "0123456789");
	if (n == 0 || n > 15 || !str_starts(found + n, " kB"))
		return (struct fact_number){ .error = -EBADMSG };
	for (size_t i = 0; i < n; i++)
		kib = kib * 10 + (uint64_t)(found[i] - '0');
	return (struct fact_number){ .value = kib * 1024 };
}

static void read_info(struct host *host, const char *path, const char *first, const char *second,
		      struct fact_number *ret_first, struct fact_number *ret_second)
{
	struct bytes text;
	int error = root_read(host->root, &host->arena, path, &text);

	ret_first->error = ret_second->error = error;
	if (error < 0)
		return;
	*ret_first = find_kib(text, first);
	*ret_second = find_kib(text, second);
}

/* ---- huge pages ---- */

/* "hugepages-2048kB" */
static bool parse_page_size(struct arena *a, const char *name, uint64_t *ret_bytes)
{
	static const char prefix[] = "hugepages-";
	uint64_t kib;

	if (!str_starts(name, prefix))
		return false;
	const char *digits = name + sizeof(prefix) - 1;
	size_t n = strspn(digits, "0123456789");
	if (!str_eq(digits + n, "kB") ||
	    text_number(arena_strndup(a, digits, n), 10, UINT64_MAX / 1024, &kib) < 0)
		return false;
	*ret_bytes = kib * 1024;
	return true;
}

static void add_pool(struct host *host, struct memory_facts *facts, const char *directory,
		     const char *name, int node)
{
	struct arena *a = &host->arena;
	struct hugepage_pool pool = { .node = node };

	if (!parse_page_size(a, name, &pool.page_bytes))
		return;
	pool.path = arena_printf(a, "%s/%s", directory, name);
	pool.total = host_fact_number(host, arena_concat(a, pool.path, "/nr_hugepages"), 10);
	pool.free = host_fact_number(host, arena_concat(a, pool.path, "/free_hugepages"), 10);
	pool.reserved.error = -ENOENT;
	if (node == MEMORY_ALL_NODES)
		pool.reserved =
			host_fact_number(host, arena_concat(a, pool.path, "/resv_hugepages"), 10);
	facts->pools[facts->n_pools++] = pool;
}

/* Makes room for the pools of one directory and adds them. */
static int add_pools(struct host *host, struct memory_facts *facts, const char *directory, int node)
{
	struct names names;
	int error = root_list(host->root, &host->arena, directory, &names);

	if (error < 0)
		return error;
	struct hugepage_pool *pools =
		arena_array(&host->arena, facts->n_pools + names.n, sizeof(*pools));
	if (facts->n_pools)
		memcpy(pools, facts->pools, facts->n_pools * sizeof(*pools));
	facts->pools = pools;
	for (size_t i = 0; i < names.n; i++)
		add_pool(host, facts, directory, names.name[i], node);
	return 0;
}

/* ---- nodes ---- */

static int by_number(const void *a, const void *b)
{
	const struct memory_node *left = a, *right = b;

	return (left->number > right->number) - (left->number < right->number);
}

static void read_node(struct host *host, const char *name, struct memory_facts *ret)
{
	struct arena *a = &host->arena;
	uint64_t number;

	if (!str_starts(name, "node") || text_number(name + 4, 10, NODES_MAX - 1, &number) < 0)
		return;
	struct memory_node *node = &ret->nodes[ret->n_nodes++];
	node->number = (unsigned)number;
	node->path = arena_concat(a, NODES "/", name);
	read_info(host, arena_concat(a, node->path, "/meminfo"),
		  " MemTotal:", " MemFree:", &node->total_bytes, &node->free_bytes);
}

static void read_nodes(struct host *host, struct memory_facts *ret)
{
	struct names names;

	ret->nodes_error = root_list(host->root, &host->arena, NODES, &names);
	if (ret->nodes_error)
		return;
	ret->nodes = arena_array(&host->arena, names.n, sizeof(*ret->nodes));
	for (size_t i = 0; i < names.n; i++)
		read_node(host, names.name[i], ret);
	if (ret->n_nodes > 1)
		qsort(ret->nodes, ret->n_nodes, sizeof(*ret->nodes), by_number);
	for (size_t i = 0; i < ret->n_nodes; i++)
		/* a node without memory has no such directory */
		(void)!add_pools(host, ret,
				 arena_concat(&host->arena, ret->nodes[i].path, "/hugepages"),
				 (int)ret->nodes[i].number);
}

/* ---- limits ---- */

static struct fact_number parse_limit(struct arena *a, const char **line)
{
	const char *word = text_next_word(a, line);
	struct fact_number limit = { .value = MEMORY_UNLIMITED };

	if (!word ||
	    (!str_eq(word, "unlimited") && text_number(word, 10, UINT64_MAX - 1, &limit.value) < 0))
		limit = (struct fact_number){ .error = -EBADMSG };
	return limit;
}

/* "Max locked memory         8388608              8388608              bytes" */
static void read_limits(struct host *host, struct memory_facts *ret)
{
	struct bytes text;
	int error = root_read(host->root, &host->arena, MEMORY_LIMITS, &text);

	ret->lock_soft_bytes.error = ret->lock_hard_bytes.error = error;
	if (error < 0)
		return;
	const char *line = strstr(text.data, LOCK_LINE);
	ret->lock_soft_bytes.error = ret->lock_hard_bytes.error = -EBADMSG;
	if (!line)
		return;
	line = arena_strndup(&host->arena, line, strcspn(line, "\n")) + strlen(LOCK_LINE);
	ret->lock_soft_bytes = parse_limit(&host->arena, &line);
	ret->lock_hard_bytes = parse_limit(&host->arena, &line);
}

void host_read_memory(struct host *host, struct memory_facts *ret)
{
	*ret = (struct memory_facts){ 0 };
	read_info(host, MEMORY_INFO, "MemTotal:", "MemAvailable:", &ret->total_bytes,
		  &ret->available_bytes);
	ret->pools_error = add_pools(host, ret, HUGEPAGES, MEMORY_ALL_NODES);
	read_nodes(host, ret);
	read_limits(host, ret);
}

uint64_t memory_page_bytes(const char *text)
{
	static const char units[] = "kmgt";
	uint64_t value = 0;

	for (; *text >= '0' && *text <= '9' && value < UINT64_C(1) << 40; text++)
		value = value * 10 + (uint64_t)(*text - '0');
	const char *unit = *text ? strchr(units, *text | 0x20) : NULL;
	return unit ? value << (10 * (unit - units + 1)) : value;
}
