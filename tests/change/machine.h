/* SPDX-License-Identifier: MIT */
/*
 * A small host to change: files of every kind that a plan meets, and a plan of ten steps with three
 * generators: one that renames over its file, one that writes in place, one whose output is renamed
 * by the engine and needs what another command makes first.
 */
#pragma once

#include "base/root_dir.h"
#include "base/text.h"
#include "change/change.h"
#include "tests/change/tree.h"

struct machine {
	struct temporary t;
	struct host host;
	struct plan plan;
	struct step steps[10];
	/* paths as the generators get them */
	char script[600], top[600];
	struct err e;
};

static const char *const machine_mkconfig_writes[] = { "boot/grub/grub.cfg", "boot/grub/.cfg",
						       "boot/new.img", NULL };
static const char *const machine_setenv_writes[] = { "boot/grub/grubenv", NULL };

#define MACHINE_STAGED CHANGE_STAGED "1"

/* The first word is what is done; a generator reads what other steps have made. */
#define MACHINE_SCRIPT                                                                             \
	"set -eu\n"                                                                                \
	"cd \"$2\"\n"                                                                              \
	"case $1 in\n"                                                                             \
	"mkconfig)\n"                                                                              \
	"\tif [ -e fail ]; then echo 'no space for it' >&2; exit 7; fi\n"                          \
	"\tif [ -e idle ]; then exit 0; fi\n"                                                      \
	"\tprintf 'menu\\n%s\\n' \"$(cat etc/default/grub)\" >boot/grub/.cfg\n"                    \
	"\tmv boot/grub/.cfg boot/grub/grub.cfg\n"                                                 \
	"\tif [ -e etc/made/deep/own.conf ]; then echo image >boot/new.img; else rm -f "           \
	"boot/new.img; fi ;;\n"                                                                    \
	"setenv) printf 'next=passthru\\n' >boot/grub/grubenv ;;\n"                                \
	"stage)\n"                                                                                 \
	"\tif [ -e stage-fails ]; then echo half >" MACHINE_STAGED "; echo no >&2; exit 3; fi\n"   \
	"\tif [ -e stage-idle ]; then exit 0; fi\n"                                                \
	"\tcat etc/default/grub >" MACHINE_STAGED " ;;\n"                                          \
	"unify)\n"                                                                                 \
	"\tif [ -e unify-fails ]; then echo no >&2; exit 4; fi\n"                                  \
	"\t{ echo unified; cat " MACHINE_STAGED "; } >boot/unified.new ;;\n"                       \
	"esac\n"

#define MACHINE_BYTES(text) ((struct bytes){ text, sizeof(text) - 1 })

static inline bool machine_holds(struct host *host, const char *path, const char *what)
{
	struct bytes data;

	return root_read(host->root, &host->arena, path, &data) == 0 && strstr(data.data, what);
}

static inline int machine_proof(struct host *host, const struct step *step, const char *output,
				struct err *e)
{
	bool env = str_eq(step->argv[2], "setenv");
	const char *path = output ? output : env ? "boot/grub/grubenv" : "boot/grub/grub.cfg";

	return machine_holds(host, path, "passthru")
		       ? 0
		       : err_fail(e, -EIO, "there is no passthru in %s", path);
}

static inline void machine_files(struct machine *m)
{
	static const char *const aged[] = { "etc/default/grub",  "etc/old.conf",
					    "usr/share/real",    "etc/twin",
					    "etc/linked",        "boot/grub/grub.cfg",
					    "boot/grub/grubenv", "boot/unified" };

	temporary_file(&m->t, "etc/default/grub", "CMDLINE=quiet\n");
	temporary_file(&m->t, "etc/old.conf", "old\nlines\n");
	temporary_file(&m->t, "usr/share/real", "real\n");
	temporary_link(&m->t, "etc/linked", "/usr/share/real");
	temporary_file(&m->t, "etc/twin", "one of two\n");
	assert_int_equal(
		link(temporary_path(&m->t, "etc/twin"), temporary_path(&m->t, "etc/twin2")), 0);
	temporary_file(&m->t, "boot/grub/grub.cfg", "menu\nCMDLINE=quiet\n");
	temporary_file(&m->t, "boot/grub/grubenv", "next=\n");
	temporary_file(&m->t, "boot/unified", "unified\nCMDLINE=quiet\n");
	temporary_file(&m->t, "script", MACHINE_SCRIPT);
	temporary_directories(&m->t, "var/lib/x");
	assert_int_equal(chmod(temporary_path(&m->t, "etc/default/grub"), 0640), 0);
	assert_int_equal(chmod(temporary_path(&m->t, "etc/old.conf"), 04751), 0);
	/* where the file system has them */
	(void)!setxattr(temporary_path(&m->t, "etc/old.conf"), "user.note", "a\0b", 3, 0);
	(void)!setxattr(temporary_path(&m->t, "etc/default/grub"), "user.note", "kept", 4, 0);
	for (size_t i = 0; i < ARRAY_SIZE(aged); i++)
		tree_age(&m->t, aged[i], 1000000000 + (long)i);
}

static inline void machine_plan(struct machine *m)
{
	static const char *const what[] = { "mkconfig", "setenv", "stage", "unify" };
	static const char *argv[ARRAY_SIZE(what)][5];

	for (size_t i = 0; i < ARRAY_SIZE(what); i++) {
		argv[i][0] = "sh";
		argv[i][1] = m->script;
		argv[i][2] = what[i];
		argv[i][3] = m->top;
	}
	struct step steps[] = {
		{ .path = "etc/made/deep/own.conf", .content = MACHINE_BYTES("own\n") },
		{ .path = "etc/default/grub",
		  .content = MACHINE_BYTES("CMDLINE='quiet passthru'\n") },
		{ .path = "etc/linked", .content = MACHINE_BYTES("through the link\n") },
		{ .path = "etc/old.conf", .absent = true },
		{ .path = "etc/twin", .content = MACHINE_BYTES("alone\n") },
		{ .kind = STEP_COMMAND,
		  .argv = argv[0],
		  .writes = machine_mkconfig_writes,
		  .regenerate = argv[0],
		  .trace = "passthru",
		  .proof = machine_proof },
		{ .path = "etc/script", .content = MACHINE_BYTES("#!/bin/sh\n"), .mode = 0755 },
		{ .path = "etc/made/second", .content = MACHINE_BYTES("two\n") },
		{ .kind = STEP_COMMAND,
		  .argv = argv[1],
		  .writes = machine_setenv_writes,
		  .proof = machine_proof },
		{ .kind = STEP_COMMAND,
		  .first = argv[2],
		  .staged = MACHINE_STAGED,
		  .argv = argv[3],
		  .output = "boot/unified.new",
		  .becomes = "boot/unified",
		  .regenerate = argv[3],
		  .trace = "passthru",
		  .proof = machine_proof },
	};

	memcpy(m->steps, steps, sizeof(steps));
	m->plan = (struct plan){ .steps = m->steps, .n_steps = ARRAY_SIZE(steps) };
}

static inline void machine_open(struct machine *m)
{
	struct root *root;

	/* live: only so are commands run */
	assert_int_equal(root_dir_open(m->t.path, true, &root, &m->e), 0);
	host_init(&m->host, root);
}

static inline void machine_make(struct machine *m)
{
	*m = (struct machine){ 0 };
	assert_int_equal(temporary_make(&m->t), 0);
	snprintf(m->script, sizeof(m->script), "%s/script", m->t.path);
	snprintf(m->top, sizeof(m->top), "%s", m->t.path);
	machine_files(m);
	machine_plan(m);
	machine_open(m);
}

static inline void machine_remove(struct machine *m)
{
	host_done(&m->host);
	assert_int_equal(temporary_remove(&m->t), 0);
}

static inline void machine_is_file(struct machine *m, const char *path, const char *wanted)
{
	struct bytes data;

	assert_int_equal(root_read(m->host.root, &m->host.arena, path, &data), 0);
	assert_string_equal(data.data, wanted);
}

/* Each begins and ends a session. */
static inline int machine_apply(struct machine *m, unsigned *ret_number)
{
	struct change_session session;
	int error = change_open(&m->host, NULL, &session, &m->e);

	if (error == 0)
		error = change_apply(&session, &m->plan, "a test", ret_number, &m->e);
	change_close(&session);
	return error;
}

static inline int machine_undo(struct machine *m, unsigned number)
{
	struct change_session session;
	unsigned undone;
	int error = change_open(&m->host, NULL, &session, &m->e);

	if (error == 0)
		error = change_undo(&session, number, NULL, &undone, &m->e);
	change_close(&session);
	return error;
}

static inline int machine_recover(struct machine *m)
{
	struct change_session session;
	int error = change_open(&m->host, NULL, &session, &m->e);

	change_close(&session);
	return error;
}
