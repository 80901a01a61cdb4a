/* SPDX-License-Identifier: MIT */
/* A machine in memory with a card on it, and what `watch` knows of it. */
#pragma once

#include "base/text.h"
#include "cmd/watch.h"
#include "tests/fake/kernel.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>

#define CARD "0000:01:00.0"
#define NONE ((struct fact_text){ .error = -ENOENT })
#define ASLEEP ((struct fact_text){ .error = PCI_ASLEEP })

static const struct fake_function functions[] = {
	{ "0000:00:01.0", 0x8086, 0x1901, 0x060400, 1, NULL, NULL, NULL },
	{ CARD, 0x10de, 0x1c82, 0x030000, 2, "nvidia", "0000:00:01.0", NULL },
	{ "0000:01:00.1", 0x10de, 0x0fb9, 0x040300, 2, "snd", "0000:00:01.0", NULL },
};

struct fixture {
	struct fake_kernel *k;
	struct host host, round;
	struct request request;
	struct watch_changes changes;
	struct watched watched;
	struct err e;
};

static inline void set(struct fixture *f, const char *attribute, const char *text)
{
	char path[FAKE_PATH_MAX];

	snprintf(path, sizeof(path), "sys/devices/pci0000:00/0000:00:01.0/" CARD "/%s", attribute);
	fake_file(&f->k->tree, path, text);
}

static inline int start(void **state)
{
	static struct fixture f;

	f = (struct fixture){ .k = fake_kernel_new(functions, ARRAY_SIZE(functions)) };
	host_init(&f.host, fake_process(f.k));
	host_init(&f.round, f.host.root);
	f.request = (struct request){ .host = &f.host, .numeric = true };
	f.changes.arena = &f.round.arena;
	set(&f, "power/runtime_status", "active\n");
	set(&f, "power/control", "on\n");
	set(&f, "power_state", "D0\n");
	set(&f, "current_link_speed", "8.0 GT/s PCIe\n");
	set(&f, "current_link_width", "16\n");
	fake_file(&f.k->tree, "sys/kernel/uevent_seqnum", "100\n");
	*state = &f;
	return 0;
}

static inline int stop(void **state)
{
	struct fixture *f = *state;

	watched_done(&f->watched);
	arena_free(&f->round.arena);
	host_done(&f->host);
	fake_kernel_free(f->k);
	return 0;
}

static inline struct fact_text text(const char *value)
{
	return (struct fact_text){ .value = value };
}

static inline void begin(struct fixture *f, const char *device)
{
	const char *const arguments[] = { device };

	f->request.argument = arguments;
	f->request.n_arguments = device ? 1 : 0;
	assert_int_equal(watched_select(&f->request, &f->watched, &f->e), 0);
	assert_int_equal(watched_read(&f->watched, &f->changes, &f->e), 0);
	f->changes.n = 0;
}
