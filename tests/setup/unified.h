/* SPDX-License-Identifier: MIT */
/* A host of machine.h that is started from unified images: what such a test needs besides. */
#pragma once

#include "tests/setup/machine.h"

#define SELECTED "sys/firmware/efi/efivars/LoaderEntrySelected-4a67b082-0a4c-41cf-b6c7-440b29bb8c4f"
#define SECURE_BOOT "sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c"

static inline void unified_program(struct machine *m)
{
	char text[2048];
	const char *maker = getenv("PASSTHRU_TEST_UKIFY");

	snprintf(text, sizeof(text),
		 "mode=$(cat \"$programs/ukify-mode\" 2>/dev/null || true)\n"
		 "exec /usr/bin/python3 -IS %s \"$root\" \"$mode\" \"$@\"\n",
		 maker);
	machine_program(m, "ukify", text);
}

PRINTF_LIKE(2, 3)
static inline void unified_run(struct machine *m, const char *format, ...)
{
	char command[1024];
	va_list arguments;

	(void)m;
	va_start(arguments, format);
	vsnprintf(command, sizeof(command), format, arguments);
	va_end(arguments);
	if (system(command) != 0)
		fail_msg("%s", command);
}

static inline void unified_gone(struct machine *m, const char *name)
{
	assert_int_equal(unlink(temporary_path(&m->t, name)), 0);
}

static inline void unified_selected(struct machine *m, const char *name)
{
	char data[256] = { 7 };
	size_t n = strlen(name);

	for (size_t i = 0; i < n; i++)
		data[4 + 2 * i] = name[i];
	temporary_bytes(&m->t, SELECTED, data, 4 + 2 * (n + 1));
}

static inline void unified_line_is(struct machine *m, const char *path, const char *line)
{
	struct initramfs_unified now;

	machine_open(m);
	machine_ok(m, initramfs_read_unified(m->host.root, &m->host.arena, path, &now, &m->e));
	assert_string_equal(now.line, line);
}

static inline bool unified_has_helper(struct machine *m, const char *path)
{
	CLEANUP_INITRAMFS struct initramfs_image *image = NULL;

	machine_open(m);
	machine_ok(m, initramfs_open(m->host.root, path, &image, &m->e));
	return initramfs_find(image, setup_helper) != NULL;
}

static inline void unified_boot(struct machine *m, const char *words, const char *entry)
{
	machine_boot(m, words, true);
	unified_selected(m, entry);
}
