/* SPDX-License-Identifier: MIT */
/*
 * What is inside an initramfs image, as the kernel unpacks it.
 *
 * An image is any sequence of newc archives, each as it is or compressed with gzip, bzip2, lzma,
 * xz, lz4 (the legacy frame) or zstd, with zeros between them; a unified kernel image holds one in
 * a section. The kernel's init/initramfs.c decides what is accepted and which of several members
 * of the same path counts. Whatever it would not unpack to the end is an error here, never a
 * partial answer. Members are read streaming: memory does not grow with the size of the image.
 */
#pragma once

#include "base/root.h"

#include <stdbool.h>
#include <stdint.h>

/* Bounds on what an image of unknown origin may ask of this machine. */
#define INITRAMFS_MAX_MEMBERS 500000
#define INITRAMFS_MAX_NAMES ((size_t)64 * 1024 * 1024)
#define INITRAMFS_MAX_UNPACKED ((uint64_t)4 * 1024 * 1024 * 1024)

struct initramfs_image;

struct initramfs_member {
	const char *path;   /* as it is written, without "./" or slashes before it */
	const char *place;  /* where it lands: links of directories followed; NULL: nowhere */
	mode_t mode;        /* with its type */
	uint64_t n_bytes;   /* of the content; of a hard link that of its file */
	const char *target; /* of a symbolic link, else NULL */
	bool replaced;      /* a later one has taken its place */
	uint64_t content;   /* the number of the member that holds the content, from 0 */
};

struct initramfs_list {
	const struct initramfs_member *members; /* in the order of the image */
	size_t n;
};

/*
 * Opens an image and reads all of it once. -EBADMSG when it is damaged or not an image, -EFBIG
 * beyond the bounds above, -EOPNOTSUPP for a compression that this program cannot read (lzo),
 * -ENODATA on a snapshot, which holds no images.
 */
MUST_CHECK int initramfs_open(struct root *r, const char *path, struct initramfs_image **ret,
			      struct err *e);
/* Accepts NULL. */
void initramfs_close(struct initramfs_image *image);
struct initramfs_list initramfs_list(const struct initramfs_image *image);
/* What @path leads to in the unpacked image, links followed; NULL: nothing. */
const struct initramfs_member *initramfs_find(struct initramfs_image *image, const char *path);

/* One file whose content is wanted. */
struct initramfs_file {
	const char *path;
	size_t max_bytes;
	/* 0, -ENOENT, -EISDIR for what is no regular file, -EFBIG beyond @max_bytes */
	int error;
	struct bytes content;
};

/* The content of @n files, in one pass over the image. */
MUST_CHECK int initramfs_read(struct initramfs_image *image, struct arena *a,
			      struct initramfs_file *files, size_t n, struct err *e);

enum initramfs_same {
	INITRAMFS_SAME,
	INITRAMFS_DIFFERENT, /* in content, or not a regular file */
	INITRAMFS_ABSENT,
};

struct initramfs_expected {
	const char *path;
	struct bytes content;
	enum initramfs_same same; /* the answer */
};

/* Whether files are in the image with exactly these bytes. */
MUST_CHECK int initramfs_compare(struct initramfs_image *image, struct initramfs_expected *files,
				 size_t n, struct err *e);

enum initramfs_module_state {
	INITRAMFS_MODULE_ABSENT,
	INITRAMFS_MODULE_LOADABLE, /* its file is in the image */
	INITRAMFS_MODULE_BUILTIN,  /* the image's modules.builtin, or its index, names it */
};

struct initramfs_module {
	const char *name; /* "vfio-pci" or "vfio_pci" */
	enum initramfs_module_state state;
	/* the evidence: the module's file, modules.builtin or modules.builtin.bin; NULL: absent */
	const char *path;
	/* of a loadable one: the image's modules.dep names it, or where there is none its index
	 * modules.dep.bin, without which modprobe(8) fails */
	bool in_dep;
};

struct initramfs_modules {
	struct initramfs_module *modules;
	size_t n;
	const char *directory; /* of the release in the image; NULL: it has none */
	/* the image has modules.builtin or its index; without them a module that is built in counts
	 * as absent */
	bool knows_builtin;
};

/* Asks for the modules of the kernel @release named in @modules. */
MUST_CHECK int initramfs_find_modules(struct initramfs_image *image, struct arena *a,
				      const char *release, struct initramfs_modules *modules,
				      struct err *e);

static inline void initramfs_close_cleanup(struct initramfs_image **image)
{
	initramfs_close(*image);
}

#define CLEANUP_INITRAMFS CLEANUP(initramfs_close_cleanup)
