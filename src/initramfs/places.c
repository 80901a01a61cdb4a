// SPDX-License-Identifier: MIT
// Where members land: the kernel unpacks one after the other into one tree, so a member below a
// link that came before goes where the link leads (lib -> usr/lib), and a later member of the
// same place replaces the earlier one (clean_path() and do_name() of init/initramfs.c).

#include "base/text.h"
#include "initramfs/internal.h"

#include <limits.h>
#include <search.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define LINKS_MAX 40

static int by_place(const void *a, const void *b)
{
	return strcmp(((const struct initramfs_member *)a)->place,
		      ((const struct initramfs_member *)b)->place);
}

struct initramfs_member *places_at(const struct places *p, const char *place)
{
	const struct initramfs_member key = { .place = place };
	void *node = tfind(&key, &p->tree, by_place);

	return node ? *(struct initramfs_member **)node : NULL;
}

void places_add(struct places *p, struct initramfs_member *member)
{
	struct initramfs_member **node = tsearch(member, &p->tree, by_place);

	if (!node)
		abort(); /* out of memory, like the arena */
	if (*node == member)
		return;
	(*node)->replaced = true;
	*node = member;
}

static void keep(void *member)
{
	(void)member; /* not the tree's */
}

void places_free(struct places *p)
{
	tdestroy(p->tree, keep);
	p->tree = NULL;
}

/* Takes the last part of the path away. */
static size_t above(const char *path, size_t n)
{
	while (n > 0 && path[n - 1] != '/')
		n--;
	return n > 0 ? n - 1 : 0;
}

/* The first part of *@rest, which is moved behind it and the slashes that follow; its length. */
static size_t next_part(const char **rest, const char **ret_part)
{
	*rest += strspn(*rest, "/");
	size_t n = strcspn(*rest, "/");
	*ret_part = *rest;
	*rest += n;
	*rest += strspn(*rest, "/");
	return n;
}

bool places_has_parent(const struct places *p, const char *place)
{
	/* default_rootfs() of init/noinitramfs.c, and usr/default_cpio_list: what is always there
	 */
	static const char *const given[] = { "", "dev", "root" };
	char parent[PATH_MAX + 1];
	size_t n = strlen(place);

	if (n >= sizeof(parent))
		return false;
	memcpy(parent, place, n);
	parent[above(parent, n)] = '\0';
	for (size_t i = 0; i < ARRAY_SIZE(given); i++) {
		if (str_eq(parent, given[i]))
			return true;
	}
	const struct initramfs_member *m = places_at(p, parent);
	return m && S_ISDIR(m->mode);
}

const char *places_resolve(struct places *p, struct arena *a, const char *path, bool last)
{
	char done[PATH_MAX + 1], texts[2][2 * PATH_MAX + 2];
	const char *rest = path, *part;
	size_t n = 0, links = 0, length;

	while ((length = next_part(&rest, &part)) > 0) {
		if (++p->steps > PLACES_STEPS_MAX)
			return NULL;
		if (length == 1 && part[0] == '.')
			continue;
		if (length == 2 && part[0] == '.' && part[1] == '.') {
			n = above(done, n);
			continue;
		}
		if (n + 1 + length >= sizeof(done))
			return NULL;
		size_t before = n;
		if (n > 0)
			done[n++] = '/';
		memcpy(done + n, part, length);
		n += length;
		done[n] = '\0';
		if (!*rest && !last)
			break;
		const struct initramfs_member *m = places_at(p, done);
		if (!m || !S_ISLNK(m->mode))
			continue;
		size_t target = strlen(m->target), behind = strlen(rest);
		char *text = texts[links & 1]; /* the rest may stand in the other one */
		if (++links > LINKS_MAX || target + 1 + behind >= sizeof(texts[0]))
			return NULL;
		memmove(text + target + 1, rest, behind + 1);
		memcpy(text, m->target, target);
		text[target] = '/';
		rest = text;
		n = *m->target == '/' ? 0 : before;
	}
	/* what is kept counts as well */
	p->steps += n / 16;
	return arena_strndup(a, done, n);
}
