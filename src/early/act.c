// SPDX-License-Identifier: MIT
// One function: its override, then, when a driver has it already (it is built into the kernel),
// away from that one, then to the VFIO driver when the kernel has it. Documentation/ABI/testing/
// sysfs-bus-pci: an override binds nothing and frees nothing, it only says who may.
//
// Each step is read back. When one fails the function gets back what it had: a reserved device that
// VFIO does not take is worth more with its driver than without any. What a module that is loaded
// later will do cannot be seen here, so one that is sure to fail (there is no IOMMU) is not begun.
// An unbind and whatever takes the lock of the device may not come back: run.c gives this a
// process.

#include "early/early.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/pci_regs.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define BUS "sys/bus/pci"
#define NO_OVERRIDE "(null)"

struct function {
	int root;
	const struct early_kernel *kernel;
	const struct early_task *task;
	const char *address, *wanted;
	char driver[NAME_MAX + 1];   /* before; "": none */
	char override[NAME_MAX + 1]; /* before; "": none */
	struct early_outcome *outcome;
};

const char *early_word(enum early_result result)
{
	static const char *const words[] = {
		[EARLY_BOUND] = "bound",   [EARLY_RESERVED] = "reserved",
		[EARLY_KEPT] = "kept",     [EARLY_REFUSED] = "refused",
		[EARLY_FAILED] = "failed", [EARLY_STUCK] = "stuck",
		[EARLY_ABSENT] = "absent", [EARLY_AMBIGUOUS] = "ambiguous",
	};

	return words[result];
}

static int write_real(int root, const char *path, const char *text)
{
	CLEANUP_CLOSE int fd = openat(root, path, O_WRONLY | O_CLOEXEC);
	size_t n = strlen(text);

	if (fd < 0)
		return -errno;
	ssize_t written = write(fd, text, n);
	if (written < 0)
		return -errno;
	return (size_t)written == n ? 0 : -EIO;
}

const struct early_kernel early_kernel_real = { .write = write_real };

PRINTF_LIKE(3, 4)
static void end(struct function *f, enum early_result result, const char *format, ...)
{
	va_list arguments;

	f->outcome->result = result;
	va_start(arguments, format);
	vsnprintf(f->outcome->text, sizeof(f->outcome->text), format, arguments);
	va_end(arguments);
}

/* ---- sysfs ---- */

#define PATH_BYTES 384

static void device_path(const struct function *f, const char *name, char ret[PATH_BYTES])
{
	snprintf(ret, PATH_BYTES, BUS "/devices/%s/%s", f->address, name);
}

static int read_driver(const struct function *f, char ret[NAME_MAX + 1])
{
	char path[PATH_BYTES], link[PATH_MAX];

	*ret = '\0';
	device_path(f, "driver", path);
	ssize_t n = readlinkat(f->root, path, link, sizeof(link) - 1);
	if (n < 0)
		return errno == ENOENT ? 0 : -errno;
	link[n] = '\0';
	const char *slash = strrchr(link, '/'), *name = slash ? slash + 1 : link;
	if (!*name || strlen(name) > NAME_MAX)
		return -EINVAL;
	memcpy(ret, name, strlen(name) + 1);
	return 0;
}

static int read_override(const struct function *f, char ret[NAME_MAX + 1])
{
	char path[PATH_BYTES], text[NAME_MAX + 2];

	device_path(f, "driver_override", path);
	*ret = '\0';
	long n = early_read(f->root, path, text, sizeof(text));
	if (n < 0)
		return (int)n;
	size_t length = strcspn(text, "\n");
	if (length > NAME_MAX || strlen(text) > length + 1)
		return -EINVAL;
	text[length] = '\0';
	if (strcmp(text, NO_OVERRIDE) != 0)
		memcpy(ret, text, length + 1);
	return 0;
}

static int write_device(const struct function *f, const char *name, const char *text)
{
	char path[PATH_BYTES];

	device_path(f, name, path);
	return f->kernel->write(f->root, path, text);
}

static int set_override(const struct function *f, const char *name)
{
	char now[NAME_MAX + 1];
	/* an empty line takes it away */
	int error = write_device(f, "driver_override", *name ? name : "\n");

	if (error == 0)
		error = read_override(f, now);
	return error == 0 && strcmp(now, name) != 0 ? -EIO : error;
}

static int probe(const struct function *f)
{
	return f->kernel->write(f->root, BUS "/drivers_probe", f->address);
}

static bool has_driver(const struct function *f)
{
	char path[PATH_BYTES];
	struct stat st;

	snprintf(path, sizeof(path), BUS "/drivers/%s", f->wanted);
	return fstatat(f->root, path, &st, 0) == 0;
}

/* ---- the steps ---- */

/* Back to what it was; says so after what has failed. */
static void put_back(struct function *f, bool unbound, const char *what, int error)
{
	char now[NAME_MAX + 1] = "";
	bool back = set_override(f, f->override) == 0;

	if (unbound)
		back = probe(f) == 0 && read_driver(f, now) == 0 && strcmp(now, f->driver) == 0 &&
		       back;
	early_forget(f->root, f->task);
	end(f, EARLY_FAILED, "%s: %s; %s", what, strerror(-error),
	    back ? "it is as it was" : "and it could not be put back as it was");
}

/* As pci_is_bridge() of host/host.h: an "other bridge" may be an endpoint (NVSwitch). */
static bool is_bridge(const struct function *f)
{
	unsigned class = f->task->function->ids.class_code >> 8;
	unsigned char header[PCI_STD_HEADER_SIZEOF];
	char path[PATH_BYTES];

	if (class != 0x0680)
		return class >> 8 == 0x06;
	device_path(f, "config", path);
	return reserve_read(f->root, path, header, sizeof(header)) == sizeof(header) &&
	       (header[PCI_HEADER_TYPE] & 0x7f) != PCI_HEADER_TYPE_NORMAL;
}

static bool refuse(struct function *f)
{
	if (is_bridge(f)) {
		end(f, EARLY_REFUSED, "left alone: it is a bridge");
		return true;
	}
	if (*f->override && strcmp(f->override, f->wanted) != 0) {
		end(f, EARLY_REFUSED,
		    "left alone: it is kept for the driver %.60s by something else", f->override);
		return true;
	}
	if (strcmp(f->driver, f->wanted) != 0 && !early_may_have_group(f->root, f->address)) {
		end(f, EARLY_REFUSED,
		    "left alone: it is in no IOMMU group, so VFIO cannot take it: the IOMMU is off "
		    "in the firmware (VT-d, AMD-Vi) or the kernel, or does not cover it");
		return true;
	}
	return false;
}

static void give(struct function *f)
{
	char now[NAME_MAX + 1];
	bool unbind = *f->driver;
	int error = unbind ? write_device(f, "driver/unbind", f->address) : 0;

	if (error == 0 && unbind) {
		error = read_driver(f, now);
		error = error == 0 && *now ? -EBUSY : error;
	}
	if (error < 0) {
		put_back(f, false, "its driver does not let go of it", error);
		return;
	}
	if (!has_driver(f)) {
		end(f, EARLY_RESERVED, "reserved for %s", f->wanted);
		return;
	}
	error = probe(f);
	if (error == 0)
		error = read_driver(f, now);
	if (error == 0 && strcmp(now, f->wanted) != 0)
		error = -ENODEV;
	if (error < 0)
		put_back(f, unbind, "its VFIO driver does not take it", error);
	else if (unbind)
		end(f, EARLY_BOUND, "taken from %.60s, given to %s", f->driver, f->wanted);
	else
		end(f, EARLY_BOUND, "given to %s", f->wanted);
}

void early_act(int root, const struct early_kernel *kernel, const struct early_task *task,
	       struct early_outcome *ret)
{
	struct function f = { .root = root,
			      .kernel = kernel,
			      .task = task,
			      .address = task->function->address,
			      .wanted = task->record->driver,
			      .outcome = ret };
	int error = read_override(&f, f.override);

	if (error == 0)
		error = read_driver(&f, f.driver);
	if (error < 0) {
		end(&f, EARLY_FAILED, "left alone: its state cannot be read: %s", strerror(-error));
		return;
	}
	if (refuse(&f))
		return;
	bool kept = strcmp(f.driver, f.wanted) == 0;
	if (kept && *f.override) {
		end(&f, EARLY_KEPT, "with %s already", f.wanted);
		return;
	}
	/* a VFIO driver is nothing to go back to; nor is what an earlier run of this has done */
	if (!*f.override || !early_has_record(root, task))
		error = early_record(root, task, kept ? "" : f.driver, "");
	if (error < 0) {
		end(&f, EARLY_FAILED, "left alone: what it was cannot be recorded: %s",
		    strerror(-error));
		return;
	}
	error = set_override(&f, f.wanted);
	if (error < 0)
		put_back(&f, false, "its driver override cannot be set", error);
	else if (kept)
		end(&f, EARLY_KEPT, "with %s already", f.wanted);
	else
		give(&f);
}
