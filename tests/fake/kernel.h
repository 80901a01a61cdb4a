/* SPDX-License-Identifier: MIT */
/*
 * A kernel in memory: a root whose sysfs behaves, for the binding of PCI
 * drivers, as that of Linux does. Its rules, and where they come from:
 *
 *   driver_override   a name up to the first newline; an empty one clears it; reads
 *                     "(null)\n" when there is none (driver_set_override() in
 *                     drivers/base/driver.c, drivers/pci/pci-sysfs.c)
 *   drivers/D/unbind  -ENODEV unless D holds the named function (unbind_store() in
 *                     drivers/base/bus.c). On vfio-pci it waits for the process that
 *                     has the function open, for ever: a watched write then does not
 *                     come back before fake_complete(), another one sets `hung`
 *   drivers_probe     -ENODEV without such a function; no error and no change when it
 *                     has a driver; else the drivers are tried in the order of their
 *                     registration (drivers_probe_store() there). With an override only
 *                     the driver of that name matches, whatever its ids; without one a
 *                     driver matches by its ids (pci_match_device() in
 *                     drivers/pci/pci-driver.c). A driver whose probe fails is passed
 *                     over and the write succeeds; what fails before the probe, such as
 *                     a group that a guest owns, ends the write with -EINVAL
 *                     (really_probe(), __device_attach_driver() in drivers/base/dd.c)
 *   driver_override,  wait for the lock of the device while another write to it does not
 *   unbind, probe     come back (device_lock())
 *   vfio-pci          matches nothing by itself, and its probe fails for a bridge
 *                     (vfio_pci_core_register_device())
 *
 * With fake_settings() a function has power/control, which vfio-pci sets to "auto" when it takes
 * the function and to "on" when it lets go (vfio_pci_core_register_device() and
 * _unregister_device()), d3cold_allowed and reset_method.
 *
 * Binding makes the links driver and drivers/D/<address>, the DRIVER line of
 * uevent and, for vfio-pci, vfio-dev/vfio<N>. Everything else in the tree is plain
 * files: proc/<pid>/fd, run/passthru. Other writes are -EACCES.
 */
#pragma once

#include "tests/fake/tree.h"

#include <stdint.h>

#define FAKE_NO_GROUP (-1)

/* One line of the table that a machine is built from; functions of a bridge after the bridge. */
struct fake_function {
	const char *name; /* "0000:01:00.0" */
	uint16_t vendor, device;
	uint32_t class_code;
	int group;
	const char *driver;          /* registered for these ids; NULL: none */
	const char *parent;          /* the bridge above; NULL: on a root bus */
	const char *driver_override; /* NULL: none */
};

#define FAKE_DRIVER_IDS 8

struct fake_driver {
	char name[32];
	uint32_t ids[FAKE_DRIVER_IDS]; /* vendor << 16 | device */
	size_t n_ids;
	bool refuses; /* its probe fails */
	bool unready; /* what comes before its probe fails */
};

struct fake_device; /* a function as it is now */

/* What is to go wrong. Operations are counted from 1, from the last fake_process() on. */
struct fake_trouble {
	unsigned fail_at[2]; /* these changing operations have no effect and give fail_with */
	unsigned fail_from;  /* this one and all after it */
	int fail_with;
	unsigned hang_at[2]; /* these watched writes do not come back: they happen at
				fake_complete() */
	unsigned kill_at;    /* this one does not happen any more, and nothing after it does */
	unsigned vanish_at;  /* before this operation, reading or changing, */
	const char *vanish;  /* ... this function goes */
};

/* A write that has not come back, and the child that is in it with the locks of its parent. */
struct fake_stuck {
	char path[FAKE_PATH_MAX], text[64];
	char child[16];
	struct fake_device *device;
	int lock[8];
	size_t n_locks;
};

/* A file that was locked: who has its memory file open and locked has the lock. */
struct fake_lock {
	char path[64];
	int fd;
};

struct fake_kernel {
	struct fake_tree tree;
	struct fake_driver drivers[16];
	size_t n_drivers;
	struct fake_device *devices;
	size_t n_devices;
	struct fake_trouble trouble;
	unsigned changes, operations; /* since the last fake_process() */
	bool hung;                    /* a write that would never have come back */
	struct fake_stuck stuck[4];
	size_t n_stuck;
	unsigned touched_stuck; /* how often a function in a stuck write was written to again */
	struct fake_lock locks[16];
	size_t n_locks;
	bool shows_processes; /* fake_process() and children stand in proc */
	unsigned last_pid;
};

/* A machine with these functions, their drivers in that order, then vfio-pci. */
struct fake_kernel *fake_kernel_new(const struct fake_function *functions, size_t n);
void fake_kernel_free(struct fake_kernel *k);

/*
 * A new process on the machine: its root. Counting begins again and nothing goes wrong until
 * trouble is set anew. Closing the root leaves the machine as it is.
 */
struct root *fake_process(struct fake_kernel *k);

/* The driver of that name, registered last when there is none; @ids 0: for nothing new. */
struct fake_driver *fake_driver(struct fake_kernel *k, const char *name, uint32_t ids);
/* Removes the driver and what it says about itself; it must hold nothing. */
void fake_driver_unload(struct fake_kernel *k, const char *name);

/* What writing @text to a file of sysfs does: 0 or a negative errno. */
int fake_store(struct fake_kernel *k, const char *path, const char *text, size_t n);

/* The real directory of a function: "sys/devices/..."; the string belongs to the kernel. */
const char *fake_directory_of(struct fake_kernel *k, const char *function);
/* Process @pid, called @comm, has @path open, "/dev/vfio/1" say. */
void fake_open(struct fake_kernel *k, const char *pid, const char *comm, const char *path);
/* A user of @function that no process shows: a descriptor on its way through a socket, say. */
void fake_hold(struct fake_kernel *k, const char *function, bool held);
/* Gives every function but bridges its settings. */
void fake_settings(struct fake_kernel *k);
/* The writes that have not come back do so now; their children end and let go of their locks. */
void fake_complete(struct fake_kernel *k);
/* For process.c: begins such a write. -ETIMEDOUT. @fds: the locks of the process. */
int fake_hang(struct fake_kernel *k, const char *path, const char *text, size_t n, const int *fds,
	      size_t n_fds, pid_t *ret_child);
/* The function that a write, or a read of driver_override, is about, when it is in a stuck one. */
bool fake_is_stuck(struct fake_kernel *k, const char *path, const char *text, size_t n);
void fake_unplug(struct fake_kernel *k, const char *function);

/* The driver that holds it and its override, as sysfs says; "" for none, the override "(null)". */
const char *fake_driver_of(struct fake_kernel *k, const char *function);
const char *fake_override_of(struct fake_kernel *k, const char *function);
