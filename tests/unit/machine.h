/* SPDX-License-Identifier: MIT */
/* A machine with two identical cards, and what the tests of handovers do with it. */
#pragma once

#include "handover/handover.h"
#include "tests/fake/kernel.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#define GPU "0000:01:00.0"
#define AUDIO "0000:01:00.1"
#define TWIN "0000:02:00.0"
#define TWIN_AUDIO "0000:02:00.1"

/* clang-format off */
#define MACHINE_CARD(bus, group, override)                                                         \
	{ "0000:" bus ":00.0", 0x10de, 0x1c82, 0x030000, group, "nvidia",                          \
	  "0000:00:" bus ".0", override },                                                         \
	{ "0000:" bus ":00.1", 0x10de, 0x0fb9, 0x040300, group, "snd_hda_intel",                   \
	  "0000:00:" bus ".0", NULL }
#define MACHINE_PORT(device, group)                                                                \
	{ "0000:00:" device ".0", 0x8086, 0x1901, 0x060400, group, "pcieport", NULL, NULL }
/* clang-format on */

struct machine {
	struct fake_kernel *k;
	struct host host; /* of the current process */
	struct handover handover;
	struct err e;
	char *before; /* sys as it was at the beginning */
};

static inline void machine_start(struct machine *m, const struct fake_function *functions, size_t n)
{
	*m = (struct machine){ .k = fake_kernel_new(functions, n) };
	m->k->shows_processes = true;
	fake_settings(m->k);
	m->before = fake_dump(&m->k->tree, "sys");
}

static inline void machine_stop(struct machine *m)
{
	host_done(&m->host);
	fake_kernel_free(m->k);
	free(m->before);
}

/* A new process that reads the machine; trouble begins after that. */
static inline int machine_read(struct machine *m)
{
	if (m->host.root)
		host_done(&m->host);
	m->e = (struct err){ 0 };
	m->handover = (struct handover){ 0 };
	host_init(&m->host, fake_process(m->k));
	return host_read_pci(&m->host, &m->e);
}

typedef int machine_verb(struct host *host, struct handover *handover, struct err *e);

static inline int machine_do(struct machine *m, machine_verb *verb, const char *device,
			     struct fake_trouble trouble)
{
	int error = machine_read(m);

	if (error == 0)
		error = handover_select(&m->host, &device, 1, &m->handover, &m->e);
	m->handover.limit_ms = 10;
	m->k->changes = m->k->operations = 0;
	m->k->trouble = trouble;
	if (error == 0)
		error = verb(&m->host, &m->handover, &m->e);
	m->k->trouble = (struct fake_trouble){ 0 };
	assert_false(m->k->hung);
	assert_int_equal(m->k->touched_stuck, 0);
	return error;
}

static inline int machine_bind(struct machine *m, const char *device)
{
	return machine_do(m, handover_bind, device, (struct fake_trouble){ 0 });
}

static inline int machine_release(struct machine *m, const char *device)
{
	return machine_do(m, handover_release, device, (struct fake_trouble){ 0 });
}

static inline bool machine_is_as_before(struct machine *m)
{
	char *now = fake_dump(&m->k->tree, "sys");
	bool same = strcmp(now, m->before) == 0;

	free(now);
	return same;
}

static inline bool machine_has_record(struct machine *m, const char *function)
{
	char path[64];

	snprintf(path, sizeof(path), "run/passthru/%s", function);
	return fake_find(&m->k->tree, path) != NULL;
}

/* Fails with the first line that differs. */
static inline void assert_same_lines(const char *now, const char *before)
{
	size_t same = 0, line = 0;

	while (now[same] && now[same] == before[same]) {
		if (now[same++] == '\n')
			line = same;
	}
	if (now[same] || before[same])
		fail_msg("now \"%.*s\", before \"%.*s\"", (int)strcspn(now + line, "\n"),
			 now + line, (int)strcspn(before + line, "\n"), before + line);
}

/* Nothing of a handover is left: sys as at the beginning, and nothing in run/passthru. */
static inline void assert_as_before(struct machine *m)
{
	char *sys = fake_dump(&m->k->tree, "sys"), *run = fake_dump(&m->k->tree, "run/passthru");

	assert_same_lines(sys, m->before);
	assert_same_lines(run, "");
	free(sys);
	free(run);
}

static inline void assert_says(const struct machine *m, const char *words)
{
	if (!strstr(m->e.text, words))
		fail_msg("\"%s\" does not say \"%s\"", m->e.text, words);
}
