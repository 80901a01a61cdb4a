/* SPDX-License-Identifier: MIT */
/*
 * What makes the initramfs images of this host, from its files alone: which generator, how it is
 * configured, which image belongs to which installed kernel, and the commands that make one.
 * Nothing is run here.
 *
 * A generator counts when its program is there, belongs to its package where dpkg knows, and
 * something runs it when a kernel is installed. The name of the distribution says nothing: programs
 * of removed packages, hooks without a program and update-initramfs of another package are common.
 */
#pragma once

#include "base/root.h"

#include <stdbool.h>
#include <stddef.h>

struct kernel_facts;
struct initramfs_setup;
struct initramfs_kernel;

/* Which modules the generator takes into an image. */
enum initramfs_scope {
	INITRAMFS_SCOPE_UNKNOWN, /* not said, or the default depends on the version */
	INITRAMFS_SCOPE_ALL,     /* drivers for any machine */
	INITRAMFS_SCOPE_HOST,    /* drivers that this machine uses now */
	INITRAMFS_SCOPE_LISTED,  /* what the configuration names */
};

/* One assignment of a configuration file. */
struct initramfs_setting {
	const char *name;
	const char *value; /* NULL: not plain text, only a shell knows */
	bool added;        /* "+=" */
	const char *path;
	unsigned line;
};

struct initramfs_config {
	struct names files; /* that exist, in the order in which they are read */
	struct initramfs_setting *settings;
	size_t n_settings, room;
	int error; /* of the first file that could not be read; some settings are not known then */
	const char *error_path;
	enum initramfs_scope scope;
	const struct initramfs_setting *scope_from; /* the evidence; NULL: the default */
};

/* An installed kernel and its image. */
struct initramfs_kernel {
	const char *release;
	const char *directory; /* its modules */
	const char *vmlinuz;   /* NULL: not found; then nothing boots it */
	const char *image;     /* where its image belongs; NULL: cannot be said */
	bool image_exists;
	const char *other_image; /* exists too, under another name that the generator uses */
	/* mkinitcpio: the preset, and its configuration file and options; else NULL */
	const char *preset, *preset_config, *preset_options;
};

/* One file of the table INITRAMFS(x). Lists of paths end with NULL; the first that exists counts.
 */
struct initramfs_generator {
	const char *name;            /* "initramfs-tools" */
	const char *const *programs; /* paths */
	const char *const *packages; /* of dpkg, that the program may belong to; NULL: any */
	const char *const *hooks;    /* what runs it when a kernel is installed */
	void (*read_config)(struct root *r, struct arena *a, struct initramfs_config *config);
	void (*locate)(struct root *r, struct arena *a, const struct initramfs_setup *setup,
		       struct initramfs_kernel *kernel);
	/* see initramfs_build() and initramfs_rebuild(); rebuild where it is not build over the
	 * image: it may be NULL, and so may its answer */
	const char *const *(*build)(struct arena *a, const struct initramfs_kernel *kernel,
				    const char *output);
	const char *const *(*rebuild)(struct arena *a, const struct initramfs_kernel *kernel);
};

struct initramfs_candidate {
	const struct initramfs_generator *generator;
	const char *program; /* NULL: none */
	const char *hook;    /* NULL: none that is in force */
	const char *masked;  /* a hook that was switched off */
	const char *package; /* that owns the program; NULL: dpkg does not know it */
	bool foreign;        /* there is dpkg, and none of the packages owns the program */
	bool counts;
};

struct initramfs_setup {
	struct initramfs_candidate *candidates; /* of which a program or a hook is there */
	size_t n_candidates;
	const struct initramfs_candidate *chosen; /* NULL: none, or more than one counts */
	const char *refusal;                      /* why not, one sentence */
	/* when one is chosen */
	struct initramfs_config config;
	struct initramfs_kernel *kernels;
	size_t n_kernels;
};

/* @kernels: those of host_read_kernel() whose images are looked for. */
void initramfs_read_setup(struct root *r, struct arena *a, const struct kernel_facts *kernels,
			  struct initramfs_setup *ret);

/*
 * The command that makes the image of one kernel as file @output, a path of the root, and touches
 * no other image. Without a shell; ends with NULL. It may only be run on the live host.
 */
const char *const *initramfs_build(const struct initramfs_setup *setup, struct arena *a,
				   const struct initramfs_kernel *kernel, const char *output);
/* The command that makes it anew in its place, as the package of the generator would. */
const char *const *initramfs_rebuild(const struct initramfs_setup *setup, struct arena *a,
				     const struct initramfs_kernel *kernel);

/*
 * The last assignment to @name, to which later ones may add; NULL when there is none, or when it or
 * one that adds to it is not plain.
 */
const struct initramfs_setting *initramfs_setting(const struct initramfs_config *config,
						  const char *name);
