/* SPDX-License-Identifier: MIT */
/*
 * The machine of the fake VFIO with a sysfs to match: `config` of a function is what its fake
 * device has, and reset_method takes what it lists at the beginning.
 */
#pragma once

#include "base/text.h"
#include "probe/probe.h"
#include "tests/fake/kernel.h"
#include "tests/fake/vfio.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <linux/pci_regs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CARD "0000:01:00.0"
#define CARD_AUDIO "0000:01:00.1"
#define OTHER "0000:02:00.0"

struct probe_bench {
	struct fake_kernel *k;
	struct fake_vfio vfio;
	struct host host;
	struct probe_options options;
	struct probe probe;
	struct err e;
	const char *methods;    /* of OTHER: what the kernel has for it */
	unsigned n_methods_set; /* how often reset_method was written */
	int methods_error;      /* of writing it; 0: none */
	char seen[256];         /* what reset_method was at each reset, a line each */
};

/* The hooks of a root have no room for them. */
static struct probe_bench *probe_bench;

static const struct root_ops *probe_plain_ops;

static const struct fake_function probe_functions[] = {
	{ "0000:00:01.0", 0x8086, 0x1901, 0x060400, 1, "pcieport", NULL, NULL },
	{ "0000:00:02.0", 0x8086, 0x1902, 0x060400, 2, "pcieport", NULL, NULL },
	{ CARD, 0x10de, 0x1c82, 0x030000, 7, "vfio-pci", "0000:00:01.0", "vfio-pci" },
	{ CARD_AUDIO, 0x10de, 0x0fb9, 0x040300, 7, "vfio-pci", "0000:00:01.0", "vfio-pci" },
	{ OTHER, 0x10de, 0x0fb9, 0x040300, 8, "vfio-pci", "0000:00:02.0", "vfio-pci" },
};

static inline const char *probe_path(const char *function, const char *attribute)
{
	static char path[512];

	snprintf(path, sizeof(path), "%s/%s", fake_directory_of(probe_bench->k, function),
		 attribute);
	return path;
}

static inline int probe_read_alive(struct root *r, struct arena *a, const char *path,
				   size_t max_bytes, struct bytes *ret)
{
	for (size_t i = 0; i < probe_bench->vfio.n_devices; i++) {
		const struct fake_vfio_device *d = &probe_bench->vfio.devices[i];

		if (strcmp(path, probe_path(d->name, "config")) != 0)
			continue;
		ret->data = arena_memdup(a, d->config, d->config_bytes);
		ret->n = d->config_bytes;
		return 0;
	}
	return probe_plain_ops->read(r, a, path, max_bytes, ret);
}

/* reset_method_store() in drivers/pci/pci.c: only what the function supports. */
static inline int probe_write_alive(struct root *r, const char *path, const void *data, size_t n)
{
	struct probe_bench *b = probe_bench;
	struct arena a = { 0 };
	const char *text = arena_strndup(&a, data, n), *rest = text, *word;
	char line[256];
	int error = b->methods_error;

	if (strcmp(path, probe_path(OTHER, "reset_method")) != 0) {
		arena_free(&a);
		return probe_plain_ops->write(r, path, data, n);
	}
	while (error == 0 && (word = text_next_word(&a, &rest))) {
		if (!b->methods || !strstr(b->methods, word))
			error = -EINVAL;
	}
	if (error == 0) {
		snprintf(line, sizeof(line), "%s\n", text);
		fake_file(&b->k->tree, path, line);
		b->n_methods_set++;
	}
	arena_free(&a);
	return error;
}

/* The text of reset_method of a function, "" for none. */
static inline const char *probe_bench_methods(struct probe_bench *b, const char *function)
{
	struct fake_node *node = fake_find(&b->k->tree, probe_path(function, "reset_method"));

	return node ? node->data : "";
}

/* Functions with VFIO, not yet read. */
static inline void probe_bench_start(struct probe_bench *b)
{
	struct fake_kernel *k = fake_kernel_new(probe_functions, ARRAY_SIZE(probe_functions));
	char path[256];

	*b = (struct probe_bench){ .k = k };
	probe_bench = b;
	fake_vfio_open(&b->vfio);
	for (size_t i = 0; i < b->vfio.n_devices; i++) {
		const struct fake_vfio_device *d = &b->vfio.devices[i];

		snprintf(path, sizeof(path), "vfio-dev/vfio%zu/dev", i);
		fake_remove(&k->tree, probe_path(d->name, "vfio-dev"));
		fake_file(&k->tree, probe_path(d->name, path), "236:0\n");
		snprintf(path, sizeof(path), "sys/class/vfio/%u", (unsigned)d->group);
		fake_link(&k->tree, path, "../../devices/virtual/vfio/x");
	}
	fake_file(&k->tree, "proc/meminfo",
		  "MemTotal:       16000000 kB\nMemAvailable:    8000000 kB\n");
	fake_file(&k->tree, "proc/self/limits", "Max locked memory unlimited unlimited bytes\n");
	b->options = (struct probe_options){
		.kernel = &b->vfio.kernel,
		.backends = 1u << VFIO_GROUP | 1u << VFIO_IOMMUFD,
		.guest_bytes = (uint64_t)16 << 30,
	};
}

/* probe_run() of the devices named. */
static inline int probe_bench_run(struct probe_bench *b, const char *const *devices, size_t n)
{
	static struct root_ops alive;
	struct handover handover;

	if (b->host.root)
		host_done(&b->host);
	struct root *root = fake_process(b->k);
	probe_plain_ops = root->ops;
	alive = *probe_plain_ops;
	alive.read = probe_read_alive;
	alive.write = probe_write_alive;
	root->ops = &alive;
	host_init(&b->host, root);
	b->e = (struct err){ 0 };
	if (b->methods)
		fake_file(&b->k->tree, probe_path(OTHER, "reset_method"),
			  arena_printf(&b->host.arena, "%s\n", b->methods));
	int error = host_read_pci(&b->host, &b->e);
	if (error == 0)
		error = handover_select(&b->host, devices, n, &handover, &b->e);
	assert_int_equal(error, 0);
	error = probe_run(&b->host, &handover, &b->options, &b->probe, &b->e);
	/* whatever came of it, nothing stays open or mapped */
	assert_int_equal(fake_vfio_left(&b->vfio), 0);
	assert_int_equal(b->vfio.n_mappings, 0);
	assert_int_equal(b->vfio.n_maps, 0);
	assert_int_equal(b->vfio.wrong_order, 0);
	return error;
}

static inline int probe_bench_run_one(struct probe_bench *b, const char *device)
{
	return probe_bench_run(b, &device, 1);
}

static inline void probe_bench_stop(struct probe_bench *b)
{
	host_done(&b->host);
	fake_vfio_close(&b->vfio);
	fake_kernel_free(b->k);
}

static inline const struct probe_function *probe_bench_function(const struct probe_bench *b,
								const char *name)
{
	for (size_t i = 0; i < b->probe.n; i++) {
		if (str_eq(b->probe.functions[i].function->name, name))
			return &b->probe.functions[i];
	}
	fail_msg("%s was not probed", name);
	return NULL;
}

/* The step of that name and back end (NULL: any); fails the test when there is none. */
static inline const struct probe_step *probe_bench_step(const struct probe_steps *steps,
							const char *name, const char *backend)
{
	for (size_t i = 0; i < steps->n; i++) {
		const struct probe_step *step = &steps->step[i];

		if (str_eq(step->name, name) &&
		    (!backend || (step->backend && str_eq(step->backend, backend))))
			return step;
	}
	fail_msg("there is no step %s", name);
	return NULL;
}

#define assert_step(steps, name, wanted)                                                           \
	do {                                                                                       \
		const struct probe_step *step_ = probe_bench_step(steps, name, NULL);              \
		if (step_->answer != (wanted))                                                     \
			fail_msg("%s: %d: %s", name, (int)step_->answer,                           \
				 step_->what ? step_->what : "");                                  \
	} while (0)

static inline void assert_step_says(const struct probe_steps *steps, const char *name,
				    const char *words)
{
	const struct probe_step *step = probe_bench_step(steps, name, NULL);

	if (!step->what || !strstr(step->what, words))
		fail_msg("%s says \"%s\", not \"%s\"", name, step->what ? step->what : "", words);
}

/* Of a group of tests: *state is the bench. */
static inline int probe_bench_setup(void **state)
{
	static struct probe_bench b;

	probe_bench_start(&b);
	*state = &b;
	return 0;
}

static inline int probe_bench_teardown(void **state)
{
	probe_bench_stop(*state);
	return 0;
}
