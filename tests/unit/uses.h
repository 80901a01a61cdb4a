/* SPDX-License-Identifier: MIT */
/* A machine whose devices are used, and how tests ask who uses them. */
#pragma once

#include "host/host.h"
#include "tests/fake/kernel.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define NVME "0000:01:00.0"
#define SATA "0000:00:17.0"
#define NIC "0000:02:00.0"
#define GPU "0000:03:00.0"
#define AUDIO "0000:03:00.1"
#define IGPU "0000:00:02.0"
#define USB "0000:00:14.0"
#define USB2 "0000:04:00.0"
#define PORT "0000:00:01.0" /* above the GPU, and in its group */

struct uses {
	struct fake_kernel *k;
	struct host host;
	struct device_uses found;
};

static inline int uses_start(void **state)
{
	static const struct fake_function functions[] = {
		{ PORT, 0x8086, 0x1901, 0x060400, 5, "pcieport", NULL, NULL },
		{ IGPU, 0x8086, 0x1912, 0x030000, 0, "i915", NULL, NULL },
		{ USB, 0x8086, 0xa12f, 0x0c0330, 1, "xhci_hcd", NULL, NULL },
		{ SATA, 0x8086, 0xa102, 0x010601, 2, "ahci", NULL, NULL },
		{ NVME, 0x144d, 0xa804, 0x010802, 3, "nvme", NULL, NULL },
		{ NIC, 0x8086, 0x15b8, 0x020000, 4, "e1000e", NULL, NULL },
		{ GPU, 0x10de, 0x1c82, 0x030000, 5, "nvidia", PORT, NULL },
		{ AUDIO, 0x10de, 0x0fb9, 0x040300, 5, "snd_hda_intel", PORT, NULL },
		{ USB2, 0x1b21, 0x1242, 0x0c0330, 6, "xhci_hcd", NULL, NULL },
	};
	static struct uses u;

	u = (struct uses){ .k = fake_kernel_new(functions, ARRAY_SIZE(functions)) };
	*state = &u;
	/* a root that runs: it has mounts, addresses and processes */
	fake_file(&u.k->tree, "proc/self/mountinfo", "22 1 0:21 / /proc rw - proc proc rw\n");
	fake_file(&u.k->tree, "proc/iomem", "00001000-0009ffff : System RAM\n");
	fake_directory(&u.k->tree, "proc/1/fd");
	return 0;
}

static inline int uses_stop(void **state)
{
	struct uses *u = *state;

	host_done(&u->host);
	fake_kernel_free(u->k);
	return 0;
}

/* "<directory of the function><rest>" */
static inline const char *uses_path(struct uses *u, const char *function, const char *rest)
{
	static char path[4][FAKE_PATH_MAX];
	static int turn;

	turn = (turn + 1) % 4;
	snprintf(path[turn], sizeof(path[turn]), "%s%s", fake_directory_of(u->k, function), rest);
	return path[turn];
}

static inline void uses_file(struct uses *u, const char *function, const char *rest,
			     const char *text)
{
	fake_file(&u->k->tree, uses_path(u, function, rest), text);
}

/* An entry of sys/class for a directory that ends in its name. */
static inline void uses_class(struct uses *u, const char *class_name, const char *path)
{
	char link[1100], target[1100];

	snprintf(link, sizeof(link), "sys/class/%s/%s", class_name, strrchr(path, '/') + 1);
	snprintf(target, sizeof(target), "../../../%s", path);
	fake_directory(&u->k->tree, path);
	fake_link(&u->k->tree, link, target);
}

/* A disk, partition or volume: its directory, number and signature. */
static inline void uses_block(struct uses *u, const char *path, const char *number,
			      const char *type)
{
	char file[1024], text[80];

	uses_class(u, "block", path);
	snprintf(file, sizeof(file), "%s/dev", path);
	snprintf(text, sizeof(text), "%s\n", number);
	fake_file(&u->k->tree, file, text);
	if (!type)
		return;
	snprintf(file, sizeof(file), "run/udev/data/b%s", number);
	snprintf(text, sizeof(text), "E:ID_MODEL=x\nE:ID_FS_TYPE=%s\n", type);
	fake_file(&u->k->tree, file, text);
}

/* Reads the machine anew and asks about @function. */
static inline const struct device_uses *uses_of(struct uses *u, const char *function)
{
	struct pci_address address;
	struct err e;

	if (u->host.root)
		host_done(&u->host);
	host_init(&u->host, fake_process(u->k));
	assert_int_equal(host_read_pci(&u->host, &e), 0);
	assert_true(pci_address_parse(function, &address));
	u->found = *host_read_uses(&u->host, host_find(&u->host, address));
	return &u->found;
}

static inline const struct device_use *uses_find(const struct device_uses *found,
						 enum use_kind kind, const char *words)
{
	for (size_t i = 0; i < found->n; i++) {
		if (found->use[i].kind == kind && strstr(found->use[i].what, words))
			return &found->use[i];
	}
	return NULL;
}

/* Exactly one use says @words; it has evidence. */
static inline void assert_use(struct uses *u, const char *function, enum use_kind kind, bool active,
			      const char *words)
{
	const struct device_uses *found = uses_of(u, function);
	const struct device_use *use = uses_find(found, kind, words);

	if (!use) {
		for (size_t i = 0; i < found->n; i++)
			print_message("# has: %s\n", found->use[i].what);
		fail_msg("no use of %s says \"%s\"", function, words);
	}
	assert_int_equal(use->active, active);
	assert_non_null(use->where);
	assert_true(use->where[0] != '/');
}

static inline size_t uses_count(struct uses *u, const char *function, enum use_kind kind)
{
	const struct device_uses *found = uses_of(u, function);
	size_t n = 0;

	for (size_t i = 0; i < found->n; i++)
		n += found->use[i].kind == kind;
	return n;
}

static inline void assert_no_use(struct uses *u, const char *function, enum use_kind kind)
{
	assert_int_equal(uses_count(u, function, kind), 0);
	assert_null(device_uses_gap(&u->found, kind));
}

static inline void assert_gap(struct uses *u, const char *function, enum use_kind kind, int error)
{
	const struct use_gap *gap = device_uses_gap(uses_of(u, function), kind);

	assert_non_null(gap);
	assert_int_equal(gap->error, error);
	assert_non_null(gap->where);
}

#define USES_TEST(name) cmocka_unit_test_setup_teardown(test_##name, uses_start, uses_stop)
