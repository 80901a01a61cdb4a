/* SPDX-License-Identifier: MIT */
/* A machine with a device that has virtual functions, and what its tests do with it. */
#pragma once

#include "tests/fake/sriov.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* What two functions of a card get. */
static const struct vf_setting settings[] __attribute__((unused)) = {
	{ 0, VF_MAC, .mac = { 2, 0, 0, 0, 0, 1 } },
	{ 1, VF_MAC, .mac = { 2, 0, 0, 0, 0, 2 } },
	{ 1, VF_VLAN, .vlan = { 100, 3, 0x8100 } },
	{ 0, VF_TRUST, .on = true },
};

static inline struct sriov_request with_settings(unsigned count, bool guests)
{
	return (struct sriov_request){
		.count = count, .guests = guests, .setting = settings, .n_settings = 4
	};
}

struct vfs_machine {
	struct fake_sriov *f;
	struct host host; /* of the current process */
	struct sriov s;
	struct sriov_steps steps;
	struct err e;
	char *before; /* sys as it was at the beginning */
};

static inline void vfs_start(struct vfs_machine *m, enum fake_sriov_kind kind)
{
	*m = (struct vfs_machine){ .f = fake_sriov_new(kind) };
	m->before = fake_dump(&m->f->k->tree, "sys");
}

static inline void vfs_stop(struct vfs_machine *m)
{
	if (m->host.root)
		host_done(&m->host);
	fake_sriov_free(m->f);
	free(m->before);
}

/* A new process that reads the machine and its device; trouble begins after that. */
static inline int vfs_read(struct vfs_machine *m, const char *device)
{
	struct selection selection;

	if (m->host.root)
		host_done(&m->host);
	m->e = (struct err){ 0 };
	host_init(&m->host, fake_sriov_process(m->f));
	int error = host_read_pci(&m->host, &m->e);
	if (error == 0)
		error = select_device(&m->host, device, &selection, &m->e);
	if (error == 0)
		error = sriov_read(&m->host, &m->f->kernel, selection.function[0], &m->s, &m->e);
	m->f->calls = 0;
	m->f->k->changes = m->f->k->operations = 0;
	return error;
}

static inline int vfs_do(struct vfs_machine *m, const struct sriov_request *request,
			 struct fake_trouble trouble)
{
	int error = vfs_read(m, FAKE_PF);

	m->f->k->trouble = trouble;
	if (error == 0)
		error = sriov_change(&m->s, request, &m->steps, &m->e);
	m->f->k->trouble = (struct fake_trouble){ 0 };
	assert_false(m->f->k->hung);
	return error;
}

static inline int vfs_change(struct vfs_machine *m, const struct sriov_request *request)
{
	return vfs_do(m, request, (struct fake_trouble){ 0 });
}

static inline int vfs_count(struct vfs_machine *m, unsigned count)
{
	return vfs_change(m, &(struct sriov_request){ .count = count });
}

/* The drivers of the functions there are, with a blank between them. */
static inline const char *vfs_drivers(struct vfs_machine *m)
{
	static char text[256];

	*text = '\0';
	for (unsigned i = 0; i < m->f->n; i++) {
		const char *driver = fake_driver_of(m->f->k, fake_vf(i));
		snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s%s", i ? " " : "",
			 *driver ? driver : "none");
	}
	return text;
}

static inline void assert_e_says(const struct vfs_machine *m, enum err_kind kind, const char *words)
{
	assert_int_equal(m->e.kind, kind);
	if (!strstr(m->e.text, words))
		fail_msg("\"%s\" does not say \"%s\"", m->e.text, words);
}

/* Nothing is recorded any more: what there is in run are locks, and files that did not get a name.
 */
static inline void assert_no_record(struct vfs_machine *m)
{
	for (size_t i = 0; i < m->f->k->tree.n; i++) {
		const struct fake_node *node = &m->f->k->tree.nodes[i];

		if (strncmp(node->path, "run/passthru/", 13) == 0 && node->path[13] != '.' &&
		    node->n && !strstr(node->path, ".lock") && !strstr(node->path, "/lock"))
			fail_msg("%s is left: %s", node->path, node->data);
	}
}

static inline void assert_vfs_as_before(struct vfs_machine *m)
{
	char *now = fake_dump(&m->f->k->tree, "sys");
	size_t same = 0, line = 0;

	while (now[same] && now[same] == m->before[same]) {
		if (now[same++] == '\n')
			line = same;
	}
	if (now[same] || m->before[same])
		fail_msg("now \"%.*s\", before \"%.*s\"", (int)strcspn(now + line, "\n"),
			 now + line, (int)strcspn(m->before + line, "\n"), m->before + line);
	free(now);
	assert_no_record(m);
}
