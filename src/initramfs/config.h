/* SPDX-License-Identifier: MIT */
/* Shared by the generators: their configuration files, their images, their commands. */
#pragma once

#include "initramfs/generator.h"

/* The first path that exists; NULL. @paths ends with NULL. */
const char *path_first(struct root *r, struct arena *a, const char *const *paths);
/* The path as the commands of a running host take it. */
const char *path_absolute(struct arena *a, const char *path);

/* Adds one file; that it is not there is no error. @sign: '=', or ':' for YAML. */
void config_read_file(struct root *r, struct arena *a, struct initramfs_config *config,
		      const char *path, char sign);
/*
 * Adds the files of directories (NULL at the end) whose names end with @ending, in the order of
 * their names, numbers by value (dracut's "sort -V"); of several with the same name that of the
 * first directory counts.
 */
void config_read_directories(struct root *r, struct arena *a, struct initramfs_config *config,
			     const char *const *directories, const char *ending);
/* Whether a word stands in the values of @name, from its last plain assignment on. */
bool config_has_word(const struct initramfs_config *config, const char *name, const char *word);

/*
 * Fills in the kernel's vmlinuz and image from templates, NULL at the end of each: "%r" is the
 * release, "%d" the directory of its modules, "%p" what pkgbase in it says, "%f" what stands behind
 * the last dash of the release, "%t" the host's token for boot loader entries. The first template
 * says where an image belongs that is not there yet, when @has_default.
 */
void kernel_locate(struct root *r, struct arena *a, struct initramfs_kernel *kernel,
		   const char *const *vmlinuz, const char *const *images, bool has_default);

/*
 * Of kernels that go by one file, named by their package, at most one is that file: the others get
 * neither kernel nor image, and none does, but a refusal, when it cannot be told. @facts: those
 * that the kernels of @setup were read from.
 */
void kernel_tell_apart(struct root *r, struct arena *a, const struct kernel_facts *facts,
		       struct initramfs_setup *setup);

/* Switched off by a file of that name in a directory that goes before. */
bool hook_is_masked(struct root *r, struct arena *a, const char *hook);

/* Which kernels have a unified image, and what makes it. */
void unified_read(struct root *r, struct arena *a, struct initramfs_setup *setup);
