// SPDX-License-Identifier: MIT
// An image, opened: one pass makes the list of its members, with hard links resolved, and further
// passes fetch contents. The descriptor stays open, so all see the same file when a generator
// meanwhile puts a new one in its place.

#include "base/text.h"
#include "initramfs/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <search.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* Members that are one file: the last with content has it (maybe_link() of init/initramfs.c). */
struct inode {
	unsigned archive;
	uint32_t inode, major, minor;
	mode_t type;
	uint64_t n_bytes, content;
};

/* A member whose content is that of an inode. */
struct hard_link {
	size_t member;
	const struct inode *inode;
	struct hard_link *next;
};

struct initramfs_image {
	struct arena arena;
	const char *path;
	int fd;
	uint64_t start, end;
	struct initramfs_member *members;
	size_t n, room;
	struct places places;
	void *inodes; /* of tsearch(3) */
	struct hard_link *hard_links;
};

/* ---- the list ---- */

static int by_number(uint64_t a, uint64_t b)
{
	return a < b ? -1 : a > b;
}

static int by_inode(const void *left, const void *right)
{
	const struct inode *a = left, *b = right;
	int order = by_number(a->inode, b->inode);

	if (order == 0)
		order = by_number(a->archive, b->archive);
	if (order == 0)
		order = by_number(a->major, b->major);
	if (order == 0)
		order = by_number(a->minor, b->minor);
	return order ? order : by_number(a->type, b->type);
}

static void keep(void *inode)
{
	(void)inode; /* of the arena */
}

static void note_hard_link(struct initramfs_image *image, const struct cpio_member *m)
{
	const struct inode key = {
		.archive = m->archive,
		.inode = m->inode,
		.major = m->major,
		.minor = m->minor,
		.type = m->mode & S_IFMT,
	};
	struct inode *inode = arena_memdup(&image->arena, &key, sizeof(key));
	struct inode **known = tsearch(inode, &image->inodes, by_inode);

	if (!known)
		abort(); /* out of memory, like the arena */
	if (m->n_bytes > 0 || *known == inode) {
		(*known)->n_bytes = m->n_bytes;
		(*known)->content = m->number;
	}
	struct hard_link *link = arena_alloc(&image->arena, sizeof(*link));
	*link = (struct hard_link){
		.member = image->n,
		.inode = *known,
		.next = image->hard_links,
	};
	image->hard_links = link;
}

/* "./etc" and "/etc" are "etc": the kernel unpacks in the root. */
static const char *plain_name(const char *name)
{
	for (;;) {
		if (*name == '/')
			name++;
		else if (str_starts(name, "./"))
			name += 2;
		else
			return *name ? name : ".";
	}
}

static int add_member(void *closure, const struct cpio_member *m, struct stream *s, struct err *e)
{
	struct initramfs_image *image = closure;

	(void)s;
	if (image->n == image->room) {
		size_t room = image->room ? 2 * image->room : 4096;
		void *more = reallocarray(image->members, room, sizeof(*image->members));
		if (!more)
			return err_io(e, -ENOMEM, "reading the image");
		image->members = more;
		image->room = room;
	}
	if (m->n_links >= 2 && S_ISREG(m->mode))
		note_hard_link(image, m);
	image->members[image->n++] = (struct initramfs_member){
		.path = arena_strdup(&image->arena, plain_name(m->name)),
		.mode = m->mode,
		.n_bytes = m->n_bytes,
		.target = m->target ? arena_strdup(&image->arena, m->target) : NULL,
		.content = m->number,
	};
	return 0;
}

static int walk(struct initramfs_image *image, const struct cpio_visitor *visitor, struct err *e)
{
	struct stream s;
	int error = stream_open(&s, image->fd, image->start, image->end, e);

	if (error < 0)
		return error;
	error = cpio_walk(&s, visitor, e);
	stream_close(&s);
	return error;
}

static int read_list(struct initramfs_image *image, struct err *e)
{
	const struct cpio_visitor visitor = { .member = add_member, .closure = image };
	int error = walk(image, &visitor, e);

	if (error < 0)
		return error;
	if (image->n == 0)
		return err_fail(e, -EBADMSG, "there is nothing in it");
	for (const struct hard_link *link = image->hard_links; link; link = link->next) {
		image->members[link->member].n_bytes = link->inode->n_bytes;
		image->members[link->member].content = link->inode->content;
	}
	for (size_t i = 0; i < image->n; i++) {
		struct initramfs_member *m = &image->members[i];

		m->place = places_resolve(&image->places, &image->arena, m->path, false);
		if (m->place && !places_has_parent(&image->places, m->place))
			m->place = NULL;
		if (m->place)
			places_add(&image->places, m);
	}
	if (image->places.steps > PLACES_STEPS_MAX)
		return err_fail(e, -EFBIG, "its links lead around too often");
	return 0;
}

/* ---- opening ---- */

static int open_file(struct initramfs_image *image, struct root *r, struct err *e)
{
	struct stat st;

	/* a FIFO would not let us go */
	image->fd = r->ops->open ? r->ops->open(r, image->path, O_RDONLY | O_NONBLOCK | O_NOCTTY)
				 : -ENODATA;
	if (image->fd < 0)
		return err_io(e, image->fd, "opening the initramfs image %s", image->path);
	if (fstat(image->fd, &st) < 0)
		return err_io(e, -errno, "opening the initramfs image %s", image->path);
	if (!S_ISREG(st.st_mode))
		return err_fail(e, -EBADMSG, "%s is no initramfs image: not a regular file",
				image->path);
	int error = uki_find(image->fd, (uint64_t)st.st_size, &image->start, &image->end, e);
	if (error == 0)
		error = read_list(image, e);
	return error < 0 ? err_wrap(e, error, "reading the initramfs image %s", image->path) : 0;
}

int initramfs_open(struct root *r, const char *path, struct initramfs_image **ret, struct err *e)
{
	struct initramfs_image *image = calloc(1, sizeof(*image));

	if (!image)
		return err_io(e, -ENOMEM, "opening the initramfs image %s", path);
	image->path = arena_strdup(&image->arena, path);
	image->fd = -1;
	int error = open_file(image, r, e);
	if (error < 0) {
		initramfs_close(image);
		return error;
	}
	*ret = image;
	return 0;
}

void initramfs_close(struct initramfs_image *image)
{
	if (!image)
		return;
	cleanup_close(&image->fd);
	places_free(&image->places);
	tdestroy(image->inodes, keep);
	free(image->members);
	arena_free(&image->arena);
	free(image);
}

/* ---- asking ---- */

struct initramfs_list initramfs_list(const struct initramfs_image *image)
{
	return (struct initramfs_list){ image->members, image->n };
}

const struct initramfs_member *initramfs_find(struct initramfs_image *image, const char *path)
{
	CLEANUP_ARENA struct arena scratch = { 0 };

	image->places.steps = 0;
	const char *place = places_resolve(&image->places, &scratch, path, true);
	return place ? places_at(&image->places, place) : NULL;
}

/* ---- contents ---- */

/* What a pass looks for, by the number of the member. */
struct wanted {
	uint64_t number;
	struct initramfs_file *file;
};

struct fetch {
	struct arena *a;
	struct wanted *wanted;
	size_t n, next;
};

static int by_wanted(const void *a, const void *b)
{
	return by_number(((const struct wanted *)a)->number, ((const struct wanted *)b)->number);
}

static int fetch_member(void *closure, const struct cpio_member *m, struct stream *s, struct err *e)
{
	struct fetch *fetch = closure;
	struct wanted *first = &fetch->wanted[fetch->next];

	if (first->number != m->number)
		return 0;
	if (m->n_bytes > first->file->max_bytes)
		return err_fail(e, -ESTALE, "it was changed meanwhile");
	char *data = arena_alloc(fetch->a, (size_t)m->n_bytes + 1);
	int error = stream_take(s, data, m->n_bytes, e);
	if (error < 0)
		return error;
	/* several names of one file */
	for (; fetch->next < fetch->n; fetch->next++) {
		struct wanted *same = &fetch->wanted[fetch->next];
		if (same->number != m->number)
			return 0;
		same->file->content = (struct bytes){ data, (size_t)m->n_bytes };
	}
	return 1;
}

int initramfs_read(struct initramfs_image *image, struct arena *a, struct initramfs_file *files,
		   size_t n, struct err *e)
{
	CLEANUP_FREE struct wanted *wanted = calloc(n + 1, sizeof(*wanted));
	struct fetch fetch = { .a = a, .wanted = wanted };
	const struct cpio_visitor visitor = { .member = fetch_member, .closure = &fetch };

	if (!wanted)
		return err_io(e, -ENOMEM, "reading the image");
	for (size_t i = 0; i < n; i++) {
		struct initramfs_file *file = &files[i];
		const struct initramfs_member *m = initramfs_find(image, file->path);

		file->content = (struct bytes){ "", 0 };
		file->error = !m                             ? -ENOENT
			      : !S_ISREG(m->mode)            ? -EISDIR
			      : m->n_bytes > file->max_bytes ? -EFBIG
							     : 0;
		if (file->error == 0 && m->n_bytes > 0)
			wanted[fetch.n++] = (struct wanted){ m->content, file };
	}
	if (fetch.n == 0)
		return 0;
	qsort(wanted, fetch.n, sizeof(*wanted), by_wanted);
	int error = walk(image, &visitor, e);
	if (error >= 0 && fetch.next < fetch.n)
		error = err_fail(e, -ESTALE, "it was changed meanwhile");
	return error < 0 ? err_wrap(e, error, "reading the initramfs image %s", image->path) : 0;
}

int initramfs_compare(struct initramfs_image *image, struct initramfs_expected *files, size_t n,
		      struct err *e)
{
	CLEANUP_ARENA struct arena scratch = { 0 };
	struct initramfs_file *read = arena_array(&scratch, n, sizeof(*read));

	for (size_t i = 0; i < n; i++) {
		read[i].path = files[i].path;
		read[i].max_bytes = files[i].content.n;
	}
	int error = initramfs_read(image, &scratch, read, n, e);
	for (size_t i = 0; error == 0 && i < n; i++) {
		const struct bytes *is = &read[i].content, *should = &files[i].content;
		bool same = read[i].error == 0 && is->n == should->n &&
			    memcmp(is->data, should->data, is->n) == 0;

		files[i].same = read[i].error == -ENOENT ? INITRAMFS_ABSENT
				: same                   ? INITRAMFS_SAME
							 : INITRAMFS_DIFFERENT;
	}
	return error;
}
