/* SPDX-License-Identifier: MIT */
/* Hosts for the tests of isolation: a table of functions, of which configuration spaces are made.
 */
#pragma once

#include "tests/fake/kernel.h"
#include "tests/unit/config_space.h"

#include <stdio.h>

/* types beside PCI_EXP_TYPE_* */
#define CONVENTIONAL (-1)
#define CONVENTIONAL_BRIDGE (-2)

#define NO_ACS 0
#define GOOD_ACS 0x1f
/* what is on, when ACS is there and nothing else is said */
#define ALL_ON 0x1d

struct function {
	const char *name;
	const char *parent;
	int group;
	int type;
	uint16_t acs_supported, acs_enabled;
	uint16_t vendor, device; /* 0: of nobody whom the kernel knows */
	uint8_t multifunction;
	size_t n_bytes;    /* 0: all */
	const char *sleep; /* runtime_status */
};

struct machine {
	struct fake_kernel *k;
	struct host host;
	struct isolation_reader *reader;
	struct isolation found; /* by expect() */
};

static inline bool type_is_port(int type)
{
	return type >= PCI_EXP_TYPE_ROOT_PORT && type <= PCI_EXP_TYPE_PCIE_BRIDGE;
}

static inline void machine_file(struct machine *m, const char *name, const char *attribute,
				const void *data, size_t n)
{
	char path[FAKE_PATH_MAX];

	snprintf(path, sizeof(path), "%s/%s", fake_directory_of(m->k, name), attribute);
	fake_bytes(&m->k->tree, path, data, n);
}

static inline uint16_t vendor_of(const struct function *f)
{
	return f->vendor ? f->vendor : 0x1b36;
}

static inline void machine_config(struct machine *m, const struct function *f)
{
	bool is_bridge = type_is_port(f->type) || f->type == CONVENTIONAL_BRIDGE;
	struct space s;

	space_start(&s, vendor_of(f), f->device, is_bridge ? 0x060400 : 0x020000,
		    (uint8_t)(is_bridge | f->multifunction << 7));
	if (f->type >= 0)
		(void)space_express(&s, (uint8_t)f->type);
	else
		s.n = PCI_CONFIG_BYTES;
	if (f->acs_supported)
		(void)space_acs(&s, f->acs_supported,
				f->acs_enabled ? f->acs_enabled : f->acs_supported & ALL_ON);
	machine_file(m, f->name, "config", s.bytes, f->n_bytes ? f->n_bytes : s.n);
	if (f->sleep)
		machine_file(m, f->name, "power/runtime_status", f->sleep, strlen(f->sleep));
}

#define MACHINE_MAX 24

static inline void machine_build(struct machine *m, const struct function *functions, size_t n)
{
	struct fake_function made[MACHINE_MAX];

	assert_true(n <= MACHINE_MAX);
	for (size_t i = 0; i < n; i++) {
		const struct function *f = &functions[i];
		bool is_bridge = type_is_port(f->type) || f->type == CONVENTIONAL_BRIDGE;

		made[i] = (struct fake_function){ f->name,   vendor_of(f),
						  f->device, is_bridge ? 0x060400 : 0x020000,
						  f->group,  NULL,
						  f->parent, NULL };
	}
	*m = (struct machine){ .k = fake_kernel_new(made, n) };
	for (size_t i = 0; i < n; i++)
		machine_config(m, &functions[i]);
}

/* A new process on it: what changed in the tree is read. */
static inline void machine_read(struct machine *m)
{
	struct err e = { 0 };

	if (m->host.root)
		host_done(&m->host);
	host_init(&m->host, fake_process(m->k));
	assert_int_equal(host_read_pci(&m->host, &e), 0);
	m->reader = isolation_open(&m->host);
}

static inline void machine_free(struct machine *m)
{
	host_done(&m->host);
	fake_kernel_free(m->k);
}

#define MACHINE(m, functions)                                                                      \
	do {                                                                                       \
		machine_build(m, functions, ARRAY_SIZE(functions));                                \
		machine_read(m);                                                                   \
	} while (0)

static inline struct pci_function *machine_find(struct machine *m, const char *name)
{
	struct pci_address address;

	assert_true(pci_address_parse(name, &address));
	struct pci_function *f = host_find(&m->host, address);
	assert_non_null(f);
	return f;
}

/* Explains @name and holds the outcome against what is wanted; @culprit "" for none. */
static inline void expect(struct machine *m, const char *name, enum isolation_cause cause,
			  const char *culprit, const char *members,
			  enum isolation_agreement agreement)
{
	char text[1024] = "";

	isolation_explain(m->reader, machine_find(m, name), &m->found);
	for (size_t i = 0; i < m->found.n_members; i++)
		snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s%s", i ? " " : "",
			 m->found.members[i]->name);
	assert_string_equal(text, members);
	assert_string_equal(m->found.culprit ? m->found.culprit->name : "", culprit);
	assert_int_equal(m->found.cause, cause);
	assert_int_equal(m->found.agreement, agreement);
	assert_true(m->found.n_steps > 0);
	assert_string_equal(m->found.steps[0].function->name, name);
}

/* The step of the last explanation that many above the function: its reason and its words. */
static inline void expect_step(struct machine *m, size_t up, enum isolation_reason reason,
			       const char *text)
{
	assert_true(up < m->found.n_steps);
	assert_string_equal(isolation_step_text(&m->host.arena, &m->found.steps[up]), text);
	assert_int_equal(m->found.steps[up].reason, reason);
}
