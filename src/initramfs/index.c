// SPDX-License-Identifier: MIT
// The indexes that depmod(8) makes of its lists: modules.dep.bin, modules.builtin.bin. They are all
// that modprobe(8) of kmod reads, and mkinitcpio takes the lists out of its images, not them.
//
// libkmod/libkmod-index.c of kmod: numbers have four bytes, the most significant one first: magic,
// version, the root of a tree. A node says in the upper bits of its place which of its parts are
// there: text, first and last letter with a place for each of them and those between, values. Of a
// damaged index that cannot be followed nothing is found.

#include "initramfs/internal.h"

#include <endian.h>
#include <string.h>

#define MAGIC 0xb007f457u
#define VERSION 2u /* the upper half */
#define HAS_TEXT 0x80000000u
#define HAS_VALUES 0x40000000u
#define HAS_CHILDREN 0x20000000u
#define PLACE 0x0fffffffu

static bool number(struct bytes index, size_t at, uint32_t *ret)
{
	if (at > index.n || index.n - at < sizeof(*ret))
		return false;
	memcpy(ret, index.data + at, sizeof(*ret));
	*ret = be32toh(*ret);
	return true;
}

/* depmod writes '_' for '-'. */
static char letter(char c)
{
	return c == '-' ? '_' : c;
}

/* Goes over the node's text, which has to be how the name goes on. */
static bool pass_text(struct bytes index, size_t *at, const char **name)
{
	for (; *at < index.n && index.data[*at]; ++*at, ++*name) {
		if (letter(**name) != index.data[*at])
			return false;
	}
	return ++*at <= index.n;
}

bool index_names(struct bytes index, const char *name)
{
	uint32_t magic, version, node;

	if (!number(index, 0, &magic) || magic != MAGIC || !number(index, 4, &version) ||
	    version >> 16 != VERSION || !number(index, 8, &node))
		return false;
	/* each turn takes a letter of the name */
	for (;;) {
		size_t at = node & PLACE;

		if (at == 0 || ((node & HAS_TEXT) && !pass_text(index, &at, &name)))
			return false;
		if (!*name)
			return node & HAS_VALUES;
		if (!(node & HAS_CHILDREN) || at >= index.n || index.n - at < 2)
			return false;
		unsigned char first = (unsigned char)index.data[at],
			      c = (unsigned char)letter(*name);
		unsigned char last = (unsigned char)index.data[at + 1];
		if (c < first || c > last ||
		    !number(index, at + 2 + 4 * (size_t)(c - first), &node))
			return false;
		name++;
	}
}
