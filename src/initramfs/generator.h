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

/* What puts kernel, initramfs image and command line into one file in EFI/Linux. */
enum initramfs_maker {
	INITRAMFS_MAKER_NONE,
	INITRAMFS_MAKER_DRACUT, /* itself: uefi=yes, or uki_generator=dracut of kernel-install(8) */
	INITRAMFS_MAKER_UKIFY,  /* ukify(1), run by kernel-install(8) */
	INITRAMFS_MAKER_PRESET, /* mkinitcpio: the preset has it make an image of each kind */
};

/* An installed kernel and its image. */
struct initramfs_kernel {
	const char *release;
	const char *directory; /* its modules */
	/* NULL: not found, or it is another kernel's by now; then nothing boots it */
	const char *vmlinuz;
	const char *image; /* where its image belongs; NULL: cannot be said, or another kernel's */
	bool image_exists;
	const char *other_image; /* exists too, under another name that the generator uses */
	/* mkinitcpio: the preset, and its configuration file and options; else NULL */
	const char *preset, *preset_config, *preset_options;
	const char *refusal; /* why its image cannot be made; NULL: no reason */
	/* the unified image that is there of this kernel; NULL: none, or a preset's only one, which
	 * is @image. @unified_alone: it is not made of an initramfs image with a file of its own */
	const char *unified, *unified_line; /* its command line, as far as it was read */
	enum initramfs_maker maker;
	bool unified_alone;
};

/* One file of the table INITRAMFS(x). Lists of paths end with NULL; the first that exists counts.
 */
struct initramfs_generator {
	const char *name;            /* "initramfs-tools" */
	const char *command;         /* what its commands run: "mkinitramfs" */
	const char *const *programs; /* paths */
	const char *const *packages; /* of dpkg, that the program may belong to; NULL: any */
	const char *const *hooks;    /* what runs it when a kernel is installed */
	void (*read_config)(struct root *r, struct arena *a, struct initramfs_config *config);
	void (*locate)(struct root *r, struct arena *a, const struct initramfs_setup *setup,
		       struct initramfs_kernel *kernel);
	/* see initramfs_build() */
	const char *const *(*build)(struct arena *a, const struct initramfs_kernel *kernel,
				    const char *output);
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
	const char *ukify;           /* the program, as commands name it; NULL: none is needed */
	const char *ukify_config;    /* uki.conf; NULL: there is none */
	const char *unified_refusal; /* why no unified image is taken for one; NULL: no reason */
};

/* @kernels: those of host_read_kernel() whose images are looked for. */
void initramfs_read_setup(struct root *r, struct arena *a, const struct kernel_facts *kernels,
			  struct initramfs_setup *ret);

/* What makes one image: argument vectors, without a shell, that may only be run on the live host.
 */
struct initramfs_commands {
	const char *const *argv;
	/* runs before @argv and makes the file @staged for it, a path as change/step.h wants it;
	 * NULL: nothing does */
	const char *const *first;
	const char *staged;
};

/*
 * The commands that make the image of one kernel as file @output, a path of the root, and touch no
 * other image.
 */
struct initramfs_commands initramfs_build(const struct initramfs_setup *setup, struct arena *a,
					  const struct initramfs_kernel *kernel,
					  const char *output);

/*
 * The command that makes the image @path, a path without links, anew as @output, where @recorded
 * did that once: its name may be that of another kernel by now. NULL: no kernel has it any more.
 * What is no image of a kernel, or one that never gets another kernel, is made as @recorded says.
 */
const char *const *initramfs_anew(struct root *r, struct arena *a,
				  const struct initramfs_setup *setup, const char *path,
				  const char *output, const char *const *recorded);

/*
 * The last assignment to @name, to which later ones may add; NULL when there is none, or when it or
 * one that adds to it is not plain.
 */
const struct initramfs_setting *initramfs_setting(const struct initramfs_config *config,
						  const char *name);

/* ---- unified images ---- */

/* What is in one besides kernel and initramfs image. */
struct initramfs_unified {
	const char *line;      /* its command line; NULL: it has none */
	struct names sections; /* up to a second profile */
	bool is_signed;
};

/* -EBADMSG when it is no EFI program, -ENODATA on a snapshot. */
MUST_CHECK int initramfs_read_unified(struct root *r, struct arena *a, const char *path,
				      struct initramfs_unified *ret, struct err *e);
/* 1 when the initramfs image in it is exactly the file @image, 0 when it is another. */
MUST_CHECK int initramfs_unified_holds(struct root *r, const char *path, const char *image,
				       struct err *e);
/*
 * The host is started from its unified images: where such an image is the only file that holds a
 * kernel's initramfs image it is that kernel's image from now on, for the commands too.
 */
void initramfs_use_unified(struct root *r, struct arena *a, struct initramfs_setup *setup);
/*
 * The commands that make the unified image of the kernel as file @output. @initrd: the initramfs
 * image for ukify, a path of the root; NULL: it is made first. @line: the command line; of dracut
 * what it adds to the one that it is configured with, NULL: nothing.
 */
struct initramfs_commands initramfs_build_unified(const struct initramfs_setup *setup,
						  struct arena *a,
						  const struct initramfs_kernel *kernel,
						  const char *initrd, const char *line,
						  const char *output);
