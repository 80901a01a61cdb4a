/* SPDX-License-Identifier: MIT */
/* A session on the fake VFIO, as the tests of src/vfio want it. */
#pragma once

#include "tests/fake/vfio.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <linux/pci_regs.h>
#include <string.h>

struct session {
	struct fake_vfio fake;
	struct arena arena;
	struct vfio *v;
	struct vfio_device *device;
	struct err e;
};

static inline void session_begin(struct session *s)
{
	*s = (struct session){ 0 };
	fake_vfio_open(&s->fake);
	s->v = vfio_new(&s->fake.kernel, &s->arena);
}

/* Opened, with device @index attached. */
static inline void session_attach(struct session *s, enum vfio_backend backend, size_t index)
{
	struct vfio_offer offer = fake_vfio_offer(&s->fake, index);

	assert_int_equal(vfio_open(s->v, backend, &s->e), 0);
	assert_int_equal(vfio_attach(s->v, &offer, &s->device, &s->e), 0);
}

static inline void session_end(struct session *s)
{
	assert_int_equal(vfio_close(s->v, &s->e), 0);
	assert_int_equal(fake_vfio_left(&s->fake), 0);
	assert_int_equal(s->fake.n_mappings, 0);
	assert_int_equal(s->fake.n_maps, 0);
	assert_int_equal(s->fake.wrong_order, 0);
	fake_vfio_close(&s->fake);
	arena_free(&s->arena);
}

/* The last failure was @error at @step, and the sentence says @words. */
static inline void assert_failed(const struct session *s, enum vfio_step step, int error,
				 const char *words)
{
	assert_string_equal(vfio_step_name(vfio_failed(s->v)->step), vfio_step_name(step));
	assert_int_equal(vfio_failed(s->v)->error, error);
	if (!strstr(s->e.text, words))
		fail_msg("\"%s\" is not in \"%s\"", words, s->e.text);
}
