/* SPDX-License-Identifier: MIT */
/*
 * What was set up here before: VFIO modules named in the lists of modules that are loaded at boot
 * or put into an initramfs, and traces of other programs that hand devices to guests.
 *
 * Sources: modules(5), modules-load.d(5), initramfs.conf(5), dracut.conf(5), mkinitcpio.conf(5),
 * and the named programs.
 */
#pragma once

#include "base/root.h"
#include "host/fact.h"

#include <stdbool.h>
#include <stddef.h>

struct host;

/* A module of VFIO named in a list. */
struct module_mention {
	const char *path;
	unsigned number; /* of the line, from 1 */
	const char *module;
};

enum trace_kind {
	TRACE_DRIVERCTL,    /* an override that it writes at every boot */
	TRACE_PROXMOX,      /* a guest that has a device */
	TRACE_PROXMOX_HOST, /* this is a Proxmox VE host */
	TRACE_QUICKPASSTHROUGH,
	TRACE_VFIO_SCRIPT,     /* vfio.sh of VFIO-passthrough */
	TRACE_OVERRIDE_SCRIPT, /* vfio-pci-override.sh of many guides */
	TRACE_NEW_ID,          /* something writes ids to new_id */
	TRACE_HOOK_VIRSH,      /* a libvirt hook that calls virsh */
};

struct trace {
	enum trace_kind kind;
	const char *path;
	unsigned number; /* of the line; 0: the file itself */
	const char *text;
};

struct traces_facts {
	struct module_mention *mentions;
	size_t n_mentions;
	int mention_error; /* of reading a list of modules: there may be more */
	const char *mention_error_path;
	struct trace *traces;
	size_t n_traces;
	int error; /* a file or directory that is there could not be read: there may be more */
	const char *error_path;
};

void host_read_traces(struct host *host, struct traces_facts *ret);
