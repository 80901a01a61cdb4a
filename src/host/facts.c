// SPDX-License-Identifier: MIT
// All facts that checks judge, in one go, and the few ways to read a file as one fact. A part that
// cannot be read costs only itself: every fact keeps its errno.

#include "host/facts.h"
#include "base/text.h"
#include "host/host.h"
#include "host/read.h"

#include <errno.h>

struct fact_text host_fact_text(struct host *host, const char *path)
{
	struct bytes data;
	int error = root_read(host->root, &host->arena, path, &data);

	if (error < 0)
		return (struct fact_text){ .error = error };
	return (struct fact_text){ .value = text_trimmed(&host->arena, data) };
}

struct fact_number host_fact_number(struct host *host, const char *path, int base)
{
	struct fact_text text = host_fact_text(host, path);
	struct fact_number number = { .error = text.error };

	if (number.error == 0 && text_number(text.value, base, UINT64_MAX, &number.value) < 0)
		number.error = -EBADMSG;
	return number;
}

void host_read_facts(struct host *host)
{
	struct host_facts *facts = arena_alloc(&host->arena, sizeof(*facts));

	host_read_platform(host, &facts->platform);
	host_read_kernel(host, &facts->kernel);
	host_read_modprobe(host, &facts->modprobe);
	host_read_memory(host, &facts->memory);
	host_read_traces(host, &facts->traces);
	host_read_reserved(host, &facts->kernel, &facts->reserved);
	host->facts = facts;
}
