// SPDX-License-Identifier: MIT
// Nodes of any other kind that processes have open: serial ports, USB and HID devices, compute and
// capture cards, controllers of disks. Which device a node belongs to is asked for the nodes that
// are open only, through its entry in sys/class, or for a USB device through its number, which
// Linux makes of bus and address (usb_alloc_dev() in drivers/usb/core/usb.c).

#include "base/text.h"
#include "host/host.h"
#include "host/use_internal.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define USB_DEVICE_MAJOR 189 /* linux/usb.h of the kernel */

/* A node's prefix, its class, and whether holding it is a use worth refusing for. */
static const struct {
	const char *prefix, *class_name;
	bool active;
} kinds[] = {
	{ "dev/ttyUSB", "tty", true },
	{ "dev/ttyACM", "tty", true },
	{ "dev/ttyS", "tty", true },
	{ "dev/hidraw", "hidraw", true },
	/* the session manager and display servers hold those of every keyboard and mouse */
	{ "dev/input/", "input", false },
	{ "dev/usb/", "usbmisc", true },
	{ "dev/cdc-wdm", "usbmisc", true },
	{ "dev/video", "video4linux", true },
	{ "dev/accel/", "accel", true },
	{ "dev/infiniband/uverbs", "infiniband_verbs", true },
	{ "dev/infiniband/umad", "infiniband_mad", true },
	{ "dev/infiniband/issm", "infiniband_mad", true },
	{ "dev/uio", "uio", true },
	{ "dev/ptp", "ptp", true },
	{ "dev/st", "scsi_tape", true },
	{ "dev/sg", "scsi_generic", true },
	{ "dev/nvme", "nvme", true },
	{ "dev/ng", "nvme-generic", true },
};

/* "dev/bus/usb/001/004": "sys/dev/char/189:3", or NULL. */
static const char *usb_number(struct arena *a, const char *node)
{
	unsigned bus, address;
	int end = 0;

	if (sscanf(node, "dev/bus/usb/%3u/%3u%n", &bus, &address, &end) != 2 || node[end] ||
	    bus == 0 || address == 0)
		return NULL;
	return arena_printf(a, "sys/dev/char/%d:%u", USB_DEVICE_MAJOR,
			    (bus - 1) * 128 + address - 1);
}

static const char *class_entry(struct arena *a, const char *node)
{
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		if (str_starts(node, kinds[i].prefix))
			return arena_printf(a, "sys/class/%s/%s", kinds[i].class_name,
					    text_last_part(node));
	}
	return usb_number(a, node);
}

static bool is_active(const char *node)
{
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		if (str_starts(node, kinds[i].prefix))
			return kinds[i].active;
	}
	return true;
}

void use_read_nodes(struct host *host, struct open_nodes *open)
{
	for (size_t i = 0; i < open->n; i++) {
		struct open_node *node = &open->node[i];
		const char *entry = class_entry(&host->arena, node->node);

		/* -ENOENT: a disk that only looks like one of these (nvme0n1), or it has gone */
		if (!entry || root_follow(host->root, &host->arena, entry, &node->path) < 0)
			node->path = NULL;
	}
}

void use_find_nodes(struct use_search *search)
{
	const struct open_nodes *open = &search->facts->open;

	for (size_t i = 0; i < open->n; i++) {
		const struct open_node *node = &open->node[i];

		if (node->path && use_is_below(search, node->path))
			use_add_holder(search, USE_NODE, node, is_active(node->node));
	}
}
