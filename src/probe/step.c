// SPDX-License-Identifier: MIT
// Steps: how they are noted, and the little that several files read.

#include "base/text.h"
#include "probe/internal.h"

#include <errno.h>
#include <stdarg.h>
#include <time.h>

struct probe_step *step_add(struct arena *a, struct probe_steps *steps, const char *name,
			    const char *backend, enum probe_weight weight)
{
	/* grown at powers of two */
	if ((steps->n & (steps->n - 1)) == 0) {
		struct probe_step *more =
			arena_array(a, steps->n ? steps->n * 2 : 1, sizeof(*more));

		if (steps->n)
			memcpy(more, steps->step, steps->n * sizeof(*more));
		steps->step = more;
	}
	struct probe_step *step = &steps->step[steps->n++];
	*step = (struct probe_step){
		.name = name, .backend = backend, .answer = PROBE_NOT_TRIED, .weight = weight
	};
	return step;
}

void step_say(struct arena *a, struct probe_step *step, enum probe_answer answer,
	      const char *format, ...)
{
	va_list args;

	va_start(args, format);
	step->what = arena_vprintf(a, format, args);
	va_end(args);
	step->answer = answer;
}

/* Without the address in front: the step says whose it is. */
static const char *without_address(struct arena *a, const char *text)
{
	const char *end = strstr(text, ": ");
	struct pci_address address;

	if (!end)
		return text;
	return pci_address_parse(arena_strndup(a, text, (size_t)(end - text)), &address) ? end + 2
											 : text;
}

void step_fail(struct arena *a, struct probe_step *step, int error, const struct err *e)
{
	/* lack of rights or of memory says nothing about the device */
	bool ours = error == -EACCES || error == -ENOMEM || error == -EMFILE || error == -ENFILE ||
		    error == -EINTR;

	step_say(a, step, ours && e->kind != ERR_REFUSED ? PROBE_UNKNOWN : PROBE_NO, "%s",
		 without_address(a, e->text));
}

void step_took(struct probe_step *step, uint64_t ns)
{
	step->timed = true;
	step->ns = ns;
}

struct probe_step *step_find(const struct probe_steps *steps, const char *name)
{
	for (size_t i = 0; i < steps->n; i++) {
		if (str_eq(steps->step[i].name, name))
			return &steps->step[i];
	}
	return NULL;
}

uint64_t clock_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

int sysfs_config_read(struct host *host, const struct pci_function *f, struct bytes *ret)
{
	int error = root_read_max(host->root, &host->arena,
				  arena_concat(&host->arena, f->path, "/config"),
				  PCI_CONFIG_EXTENDED_BYTES, ret);

	if (error < 0)
		*ret = (struct bytes){ 0 };
	return error;
}

bool config_is_silent(struct bytes config)
{
	for (size_t i = 0; i < 4 && i < config.n; i++) {
		if ((unsigned char)config.data[i] != 0xff)
			return false;
	}
	return config.n >= 4;
}
