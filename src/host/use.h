/* SPDX-License-Identifier: MIT */
/*
 * Who uses a device: what stands below it in sysfs (disks, interfaces, displays, sound, input),
 * what the host has built on that (mounts, swap, LVM, md, routes, consoles), and which processes
 * have its nodes open. What belongs to a device is decided by its real path alone, so it holds for
 * the disks behind a SATA or USB controller as for an NVMe drive.
 *
 * Sources: proc(5), Documentation/ABI/testing/sysfs-block, sysfs-class-net, sysfs-class-drm;
 * run/udev/data of systemd-udevd for signatures on disks.
 */
#pragma once

#include "base/arena.h"
#include "base/root.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct host;
struct pci_function;

enum use_kind {
	USE_DISK, /* a file system, swap, or what LVM, md, LUKS, btrfs, ZFS or bcache made of it */
	USE_NETWORK, /* a route, bridge, bond, or a connection of an administrator */
	USE_DISPLAY, /* a console, framebuffer, or what draws on it */
	USE_SOUND,
	USE_INPUT, /* a keyboard; active: the last one */
	USE_GUEST, /* a process that has it open through VFIO */
	USE_NODE,  /* a process that has another node of it open: serial, USB, HID, compute */
};

#define USE_FSTAB "etc/fstab"

/* One thing that would break, or be lost, with the device. */
struct device_use {
	enum use_kind kind;
	bool active; /* in use now; false: it holds data or is connected, and nothing uses it */
	bool only;   /* nothing may use it now, but the host has no other: the only display */
	bool held;   /* the use is a process that has a node open */
	const char *what;  /* "/home is mounted from nvme0n1p2 (ext4)" */
	const char *where; /* the file that says so */
	const char *value; /* and what it says */
	const char *stop;  /* how to end it, or NULL */
	const char *unit;  /* of systemd, that ends it when it is stopped, or NULL */
};

/* Something that could not be looked at, so that there may be more. */
struct use_gap {
	enum use_kind kind;
	bool held; /* what could not be seen is which processes have nodes open */
	const char *where;
	int error; /* never -ENOENT: that is an answer */
};

struct device_uses {
	struct device_use *use;
	size_t n;
	struct use_gap *gap; /* at most one for each kind and place */
	size_t n_gaps;
	struct names blocks; /* its disks, their partitions and what is built on them: "dm-0" */
};

/* An entry of sys/class: "block", "nvme0n1p2", its directory below sys/devices. */
struct class_device {
	const char *class_name;
	const char *name;
	const char *path;
};

struct mount {
	uint32_t major, minor;
	const char *source, *target, *type;
};

/* A line of etc/fstab that counts when the host starts: one that the boot waits for. */
struct fstab_line {
	const char *source; /* "dev/sda1", of UUID=1b2c "dev/disk/by-uuid/1b2c", "server:/srv" */
	const char *target; /* where links in it lead: "/srv" */
	const char *type;   /* "swap" */
};

/* By which names a block device can be found, and what is on it. */
struct block_names {
	const char *name;    /* "dm-0" */
	struct names node;   /* "dev/dm-0", "dev/mapper/vg-root", "dev/disk/by-uuid/1b2c" */
	const char *fs_type; /* ID_FS_TYPE: "ext4", "crypto_LUKS"; "": udev found nothing on it */
	bool is_known;       /* to udev */
};

/* Where that is what a line of fstab names. */
enum fstab_place {
	FSTAB_ELSEWHERE,
	FSTAB_HERE,
	/* it is not there now, and LUKS, LVM, an array or a pool here may hold it */
	FSTAB_HIDDEN,
	FSTAB_NOWHERE, /* it is not there now, and nothing here could hold it */
};

struct route {
	const char *interface;
	bool is_v4;
	uint8_t prefix[16]; /* IPv4 as ::ffff:a.b.c.d */
	unsigned length_bits;
	bool is_default;
	uint32_t metric;
	const char *destination; /* "192.168.1.0/24" */
	const char *where;
	const char *text; /* the line */
};

/* An established connection to the local port 22, or of the session that this program runs in. */
struct ssh_connection {
	const char *interface; /* that answers to it leave by */
	const char *where;
	const char *text;
};

/* A device node that a process has open. */
struct open_node {
	const char *node; /* "dev/dri/card0" */
	const char *pid;
	const char *command;
	const char *link; /* "proc/812/fd/7" */
	const char *unit; /* the system's unit that the process belongs to, or NULL */
	bool writes;      /* opened for writing, or that could not be read; disks only */
	const char *path; /* the node's directory below sys/devices; NULL: not looked for */
};

struct open_nodes {
	struct open_node *node;
	size_t n;
	/* the first descriptors that could not be read, and why: an ordinary user sees only its own
	 */
	int error;
	const char *where;
};

/* What the firmware's framebuffer occupies. */
struct framebuffer {
	const char *name; /* of the driver, or BOOTFB: it is only reserved */
	uint64_t start, end;
	const char *text;
};

struct keyboard {
	const char *name;
	const char *path;
	const char *where;
};

struct device_uses_kept;

struct use_facts {
	struct device_uses_kept *kept; /* of host_read_uses() */

	struct class_device *device;
	size_t n_devices;
	int device_error; /* of the first class that could not be listed */
	const char *device_where;

	bool has_mounts; /* host_use_mounts() has read the next six */
	struct mount *mount;
	size_t n_mounts;
	int mount_error;
	const char **swap; /* "dev/nvme0n1p3" */
	size_t n_swaps;
	int swap_error;

	bool has_root;                    /* an interface that is in use was looked at */
	const struct mount *network_root; /* the one at / when it comes over the network, or NULL */

	bool has_fstab; /* host_use_fstab() has read the next five */
	struct fstab_line *fstab;
	size_t n_fstab;
	int fstab_error;           /* 0 when the host has no such file, too */
	struct block_names *block; /* of all; none where fstab has no line */
	size_t n_blocks;

	bool has_routes; /* an interface was looked at */
	struct route *route;
	size_t n_routes;
	int route_error;
	const char *route_where;
	bool has_grounded;     /* a default route goes by an interface that is no hardware */
	struct names grounded; /* interfaces of hardware, and what stands on them */
	struct ssh_connection *ssh;
	size_t n_ssh;
	int ssh_error;
	const char *ssh_where;

	bool has_framebuffers; /* a display was looked at */
	struct framebuffer *framebuffer;
	size_t n_framebuffers;
	int framebuffer_error; /* -EACCES: an ordinary user sees no addresses */

	struct keyboard *keyboard; /* of the hardware: none that a program made */
	size_t n_keyboards;
	int keyboard_error;
	const char *keyboard_where;

	struct open_nodes open;
	bool has_systemd; /* it is the init of this host */
};

/*
 * Reads them at the first call; they belong to the host. What only some devices need (mounts and
 * swaps, routes, framebuffers) is read when the first of these is looked at.
 */
const struct use_facts *host_use(struct host *host);
/* With mounts and swaps. */
const struct use_facts *host_use_mounts(struct host *host);

/* With USE_FSTAB. */
const struct use_facts *host_use_fstab(struct host *host);
/*
 * Whether the device with these uses has what @line names; on which block device then, for
 * FSTAB_HERE and FSTAB_HIDDEN.
 */
enum fstab_place host_fstab_place(struct host *host, const struct device_uses *uses,
				  const struct fstab_line *line, const char **ret_block);

/* What uses @f, kind by kind; read at the first call, as long as host->use is the same. */
const struct device_uses *host_read_uses(struct host *host, const struct pci_function *f);

/*
 * Whether a person could see something of the host on @f: a VGA controller, or a display with
 * outputs, that is not with VFIO.
 */
bool host_can_show(struct host *host, const struct pci_function *f);

/* "disk", "network", ... */
const char *use_kind_word(enum use_kind kind);

/* The first gap of that kind; NULL when all of it could be looked at. */
const struct use_gap *device_uses_gap(const struct device_uses *uses, enum use_kind kind);

/* ---- open.c: who has device nodes open ---- */

/* Looks now: nodes of devices (but terminals and the like) that any process has open. */
void host_read_open(struct host *host, struct open_nodes *ret);

/* The nodes under which VFIO offers @f: group and cdev ("dev/vfio/7"). Returns how many. */
size_t host_vfio_nodes(struct host *host, const struct pci_function *f, const char *ret_node[2]);

/* A process that has one of them open: "qemu-system-x86 (pid 812)", or NULL. Looks now. */
const char *host_vfio_user(struct host *host, const struct pci_function *f);
