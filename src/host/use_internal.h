/* SPDX-License-Identifier: MIT */
/* What the files about uses share. */
#pragma once

#include "host/host.h"
#include "host/use.h"

/* What proc says of many things at once may be long. */
#define USE_TABLE_MAX_BYTES ((size_t)8 << 20)

/* A device being looked at: its uses so far, and the facts they come from. */
struct use_search {
	struct host *host;
	const struct pci_function *f;
	const struct use_facts *facts;
	struct device_uses *found;
	size_t size, gap_size, block_size;
	enum use_kind kind; /* that is being looked for: where gaps belong */
};

void use_add(struct use_search *search, struct device_use use);
/* Remembers what could not be looked at; -ENOENT is an answer and not kept, 0 neither. */
void use_unknown(struct use_search *search, const char *where, int error);
/* That other processes have nodes open could not be seen. */
void use_unknown_holders(struct use_search *search);
/* Where an entry of sys/class really is: a record has no files behind a link. */
const char *use_class_path(const struct use_search *search, const char *class_name,
			   const char *name);
/* Whether @path lies below the device. */
bool use_is_below(const struct use_search *search, const char *path);
/* The text of a file of the root without its newline; NULL when it could not be read. */
const char *use_text(struct use_search *search, const char *path);
/* Names in a directory; false when it could not be listed. */
bool use_list(struct use_search *search, const char *path, struct names *ret);

/* An array with room for one more than @n elements, *@size of them. */
void *use_grown(struct arena *a, void *array, size_t n, size_t *size, size_t element_bytes);
/* A use for each process that has @node open ("dev/dri/card0"); of a disk only writing counts. */
void use_add_holders(struct use_search *search, enum use_kind kind, const char *node, bool active);
/* The same for one that was found already. */
void use_add_holder(struct use_search *search, enum use_kind kind, const struct open_node *held,
		    bool active);
/* The unit whose end ends what that process does; NULL: none, or one that others need. */
const char *use_unit_of(const struct open_node *open);
/* The unit of a path, "home-data.mount" for home/data, as systemd-escape(1) names it. */
const char *use_unit_name(struct arena *a, const char *path, const char *suffix);

void use_read_classes(struct host *host, struct use_facts *ret);
void use_read_mounts(struct host *host, struct use_facts *ret);
void use_read_fstab(struct host *host, struct use_facts *ret);
/* The node that a tag of fstab means: "dev/disk/by-label/my\\x20data" of LABEL and "my data". */
const char *use_tag_node(struct arena *a, const char *tag, const char *value);
/* The names of all block devices, in @ret. */
void use_read_block_names(struct host *host, struct use_facts *ret);
/* What device mapper calls it ("vg-root", under which it stands in /dev/mapper); NULL: no such. */
const char *use_mapped_name(struct use_search *search, const char *name);
bool use_has_name(const struct names *names, const char *name);
/* Where the boot mounts what is to be mounted at @path: links in it are followed. */
const char *use_mount_point(struct host *host, const char *path);
/* Sockets of the SSH servers that this program descends from. */
struct session {
	unsigned long inode[64];
	size_t n;
};

void use_read_session(struct host *host, struct session *ret);
bool use_is_session(const struct session *session, unsigned long inode);

/*
 * A use when the default route may go through the first of @interfaces, which stand on each other,
 * without the kernel showing it; @before: what was found of them begins there.
 */
void use_add_lost_way(struct use_search *search, const struct names *interfaces, size_t before);

/* A use when the root file system may come through the first of @interfaces. */
void use_add_network_root(struct use_search *search, const struct names *interfaces, size_t before);

void use_read_keyboards(struct host *host, struct use_facts *ret);

void use_find_disks(struct use_search *search);
void use_find_network(struct use_search *search);
void use_find_display(struct use_search *search);
void use_find_sound(struct use_search *search);
void use_find_input(struct use_search *search);
void use_find_nodes(struct use_search *search);

/* Finds the directories of the nodes that processes have open, for use_find_nodes(). */
void use_read_nodes(struct host *host, struct open_nodes *open);
