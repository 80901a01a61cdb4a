// SPDX-License-Identifier: MIT
// Uevents of PCI functions. The messages of the kernel itself and not those of udev: they come in
// the order of what happened, before any rule has run, and without udevd. KOBJ_BIND is sent when a
// driver is bound, KOBJ_UNBIND when it is gone, so only the first has a driver in it
// (driver_bound() and __device_release_driver() in drivers/base/dd.c of Linux). The other keys are
// those of pci_uevent() in drivers/pci/pci-driver.c and pci_uevent_ers() in drivers/pci/pci.c;
// SYNTH_UUID marks what kobject_synth_uevent() sends when somebody writes to `uevent`.

#include "base/dl.h"
#include "base/text.h"
#include "host/host.h"
#include "host/internal.h"

#include <errno.h>
#include <libudev.h>

/*
 * How much may wait while we do not read: some thousand messages. The kernel takes the memory only
 * as they come, and gives an ordinary user less.
 */
#define BUFFER_BYTES (8 * 1024 * 1024)

#define LIBRARY "libudev.so.1"

/* clang-format off */
#define SYMBOLS(X) \
	X(udev_device_get_action) \
	X(udev_device_get_devpath) \
	X(udev_device_get_property_value) \
	X(udev_device_get_seqnum) \
	X(udev_device_get_sysname) \
	X(udev_device_unref) \
	X(udev_monitor_enable_receiving) \
	X(udev_monitor_filter_add_match_subsystem_devtype) \
	X(udev_monitor_get_fd) \
	X(udev_monitor_new_from_netlink) \
	X(udev_monitor_receive_device) \
	X(udev_monitor_set_receive_buffer_size) \
	X(udev_monitor_unref) \
	X(udev_new) \
	X(udev_unref)

static struct {
	SYMBOLS(DL_POINTER)
} lu;

#define ROW(symbol) DL_ROW(lu, symbol)
static const struct dl_symbol symbols[] = { SYMBOLS(ROW) };
/* clang-format on */

struct monitor {
	struct udev *udev;
	struct udev_monitor *source;
};

int monitor_open(struct monitor **ret, struct err *e)
{
	int error = dl_load(LIBRARY, symbols, ARRAY_SIZE(symbols), e);

	if (error < 0)
		return error;
	struct monitor *m = calloc(1, sizeof(*m));
	error = -ENOMEM;
	if (m)
		m->udev = lu.udev_new();
	if (m && m->udev) {
		errno = 0;
		m->source = lu.udev_monitor_new_from_netlink(m->udev, "kernel");
		error = m->source ? 0 : -(errno ? errno : ENOMEM);
	}
	if (error == 0)
		error = lu.udev_monitor_filter_add_match_subsystem_devtype(m->source, "pci", NULL);
	if (error == 0)
		error = lu.udev_monitor_enable_receiving(m->source);
	if (error < 0) {
		monitor_close(m);
		return err_io(e, error, "listening to the kernel's messages about devices");
	}
	/* what an ordinary user gets is less, and losing messages is noticed */
	(void)lu.udev_monitor_set_receive_buffer_size(m->source, BUFFER_BYTES);
	*ret = m;
	return 0;
}

void monitor_close(struct monitor *m)
{
	if (!m)
		return;
	lu.udev_monitor_unref(m->source);
	lu.udev_unref(m->udev);
	free(m);
}

int monitor_fd(const struct monitor *m)
{
	return lu.udev_monitor_get_fd(m->source);
}

static const char *property(struct udev_device *device, const char *key)
{
	const char *value = lu.udev_device_get_property_value(device, key);

	return value ? value : "";
}

/* The message has the lines of the file `uevent`. False when it is about no PCI function. */
static bool take_message(struct arena *a, struct udev_device *device, struct uevent *ret)
{
	const char *action = lu.udev_device_get_action(device);
	const char *name = lu.udev_device_get_sysname(device);
	const char *place = lu.udev_device_get_devpath(device);

	*ret = (struct uevent){ .number = lu.udev_device_get_seqnum(device) };
	if (!action || !name || !place || !pci_address_parse(name, &ret->function.address))
		return false;
	const char *lines =
		arena_printf(a, "DRIVER=%s\nPCI_CLASS=%s\nPCI_ID=%s\nPCI_SUBSYS_ID=%s\n",
			     property(device, "DRIVER"), property(device, "PCI_CLASS"),
			     property(device, "PCI_ID"), property(device, "PCI_SUBSYS_ID"));

	ret->action = arena_strdup(a, action);
	ret->asked_for = *property(device, "SYNTH_UUID");
	if (*property(device, "ERROR_EVENT"))
		ret->recovery = arena_strdup(a, property(device, "ERROR_EVENT"));
	ret->function.name = arena_strdup(a, name);
	ret->function.path = arena_concat(a, "sys", place);
	ret->function.iommu_group.error = -ENOENT;
	ret->function.error =
		pci_parse_uevent(a, (struct bytes){ lines, strlen(lines) }, &ret->function);
	return true;
}

int monitor_next(struct monitor *m, struct arena *a, struct uevent *ret)
{
	for (;;) {
		errno = 0;
		struct udev_device *device = lu.udev_monitor_receive_device(m->source);
		if (!device) {
			if (errno == EINTR)
				continue;
			return errno == EAGAIN || errno == 0 ? 0 : -errno;
		}
		bool taken = take_message(a, device, ret);
		lu.udev_device_unref(device);
		if (taken)
			return 1;
	}
}

int host_uevent_number(struct host *host, uint64_t *ret, struct err *e)
{
	static const char path[] = "sys/kernel/uevent_seqnum";
	struct bytes text;
	int error = root_read(host->root, &host->arena, path, &text);

	if (error == 0)
		error = text_number(text_trimmed(&host->arena, text), 10, UINT64_MAX, ret);
	return error < 0 ? err_io(e, error, "reading %s", path) : 0;
}
