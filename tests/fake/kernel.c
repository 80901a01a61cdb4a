// SPDX-License-Identifier: MIT
// The rules stand in kernel.h. State is in the devices; the tree shows it, and is brought up to
// date by the few functions that change it.

#include "tests/fake/kernel.h"
#include "base/text.h"

#include <errno.h>
#include <stdio.h>

#define DEVICES "sys/bus/pci/devices"
#define DRIVERS "sys/bus/pci/drivers"
#define GROUPS "sys/kernel/iommu_groups"
#define VFIO_PCI "vfio-pci"

struct fake_device {
	struct fake_function is;
	char directory[FAKE_PATH_MAX];
	const struct fake_driver *driver; /* NULL: none */
	char override[64];                /* "": none */
	bool gone, held;
};

static const char *path_of(char path[FAKE_PATH_MAX], const char *format, ...) PRINTF_LIKE(2, 3);

static const char *path_of(char path[FAKE_PATH_MAX], const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(path, FAKE_PATH_MAX, format, args);
	va_end(args);
	return path;
}

static struct fake_device *device_by_name(struct fake_kernel *k, const char *name, size_t n)
{
	for (size_t i = 0; i < k->n_devices; i++) {
		const char *known = k->devices[i].is.name;
		if (!k->devices[i].gone && strlen(known) == n && strncmp(known, name, n) == 0)
			return &k->devices[i];
	}
	return NULL;
}

/* ---- what the tree shows ---- */

static void show_uevent(struct fake_kernel *k, const struct fake_device *d)
{
	char path[FAKE_PATH_MAX], text[512], driver[64] = "";

	if (d->driver)
		snprintf(driver, sizeof(driver), "DRIVER=%s\n", d->driver->name);
	snprintf(text, sizeof(text),
		 "%sPCI_CLASS=%X\nPCI_ID=%04X:%04X\nPCI_SUBSYS_ID=1AF4:1100\nPCI_SLOT_NAME=%s\n",
		 driver, d->is.class_code, d->is.vendor, d->is.device, d->is.name);
	fake_file(&k->tree, path_of(path, "%s/uevent", d->directory), text);
}

static void show_override(struct fake_kernel *k, const struct fake_device *d)
{
	char path[FAKE_PATH_MAX], text[80];

	snprintf(text, sizeof(text), "%s\n", *d->override ? d->override : "(null)");
	fake_file(&k->tree, path_of(path, "%s/driver_override", d->directory), text);
}

/* "../" for each part of the directory but "sys", so that links are relative as the kernel's. */
static const char *up(const struct fake_device *d, char text[64])
{
	*text = '\0';
	for (const char *c = d->directory; (c = strchr(c, '/')); c++)
		strcat(text, "../");
	return text;
}

static void show_driver(struct fake_kernel *k, const struct fake_device *d)
{
	char path[FAKE_PATH_MAX], target[FAKE_PATH_MAX], ups[64];

	show_uevent(k, d);
	if (!d->driver)
		return;
	fake_link(&k->tree, path_of(path, "%s/driver", d->directory),
		  path_of(target, "%sbus/pci/drivers/%s", up(d, ups), d->driver->name));
	fake_link(&k->tree, path_of(path, DRIVERS "/%s/%s", d->driver->name, d->is.name),
		  path_of(target, "../../../../%s", d->directory + strlen("sys/")));
	if (str_eq(d->driver->name, VFIO_PCI))
		fake_directory(&k->tree, path_of(path, "%s/vfio-dev/vfio%zu", d->directory,
						 (size_t)(d - k->devices)));
}

static void hide_driver(struct fake_kernel *k, const struct fake_device *d)
{
	char path[FAKE_PATH_MAX];

	fake_remove(&k->tree, path_of(path, "%s/driver", d->directory));
	fake_remove(&k->tree, path_of(path, "%s/vfio-dev", d->directory));
	if (d->driver)
		fake_remove(&k->tree, path_of(path, DRIVERS "/%s/%s", d->driver->name, d->is.name));
}

static bool is_vfio(const struct fake_driver *driver)
{
	return driver && str_eq(driver->name, VFIO_PCI);
}

static void set_driver(struct fake_kernel *k, struct fake_device *d, const struct fake_driver *to)
{
	char path[FAKE_PATH_MAX];

	if (is_vfio(to) != is_vfio(d->driver) &&
	    fake_find(&k->tree, path_of(path, "%s/power/control", d->directory)))
		fake_file(&k->tree, path, is_vfio(to) ? "auto\n" : "on\n");
	hide_driver(k, d);
	d->driver = to;
	show_driver(k, d);
}

static void show_device(struct fake_kernel *k, const struct fake_device *d)
{
	char path[FAKE_PATH_MAX], target[FAKE_PATH_MAX], ups[64];

	fake_link(&k->tree, path_of(path, DEVICES "/%s", d->is.name),
		  path_of(target, "../../../%s", d->directory + strlen("sys/")));
	show_override(k, d);
	show_driver(k, d);
	if (d->is.group == FAKE_NO_GROUP)
		return;
	fake_link(&k->tree, path_of(path, "%s/iommu_group", d->directory),
		  path_of(target, "%skernel/iommu_groups/%d", up(d, ups), d->is.group));
	fake_link(&k->tree, path_of(path, GROUPS "/%d/devices/%s", d->is.group, d->is.name),
		  path_of(target, "../../../../%s", d->directory + strlen("sys/")));
	fake_file(&k->tree, path_of(path, GROUPS "/%d/type", d->is.group), "DMA-FQ\n");
}

/* ---- the machine ---- */

struct fake_driver *fake_driver(struct fake_kernel *k, const char *name, uint32_t ids)
{
	char path[FAKE_PATH_MAX];
	struct fake_driver *driver = NULL;

	for (size_t i = 0; i < k->n_drivers && !driver; i++) {
		if (str_eq(k->drivers[i].name, name))
			driver = &k->drivers[i];
	}
	if (!driver) {
		if (k->n_drivers == ARRAY_SIZE(k->drivers))
			abort();
		driver = &k->drivers[k->n_drivers++];
		*driver = (struct fake_driver){ 0 };
		snprintf(driver->name, sizeof(driver->name), "%s", name);
		fake_file(&k->tree, path_of(path, DRIVERS "/%s/bind", name), "");
		fake_file(&k->tree, path_of(path, DRIVERS "/%s/unbind", name), "");
	}
	if (ids && driver->n_ids < FAKE_DRIVER_IDS)
		driver->ids[driver->n_ids++] = ids;
	return driver;
}

void fake_driver_unload(struct fake_kernel *k, const char *name)
{
	char path[FAKE_PATH_MAX];

	/* others point at their drivers, so the slot stays and only its name goes */
	fake_driver(k, name, 0)->n_ids = 0;
	fake_driver(k, name, 0)->name[0] = '\0';
	fake_remove(&k->tree, path_of(path, DRIVERS "/%s", name));
}

static uint32_t ids_of(const struct fake_function *f)
{
	return (uint32_t)f->vendor << 16 | f->device;
}

static void add_device(struct fake_kernel *k, const struct fake_function *f)
{
	struct fake_device *d = &k->devices[k->n_devices];
	const char *last = strrchr(f->name, ':');
	const char *above = f->parent ? fake_directory_of(k, f->parent) : NULL;
	int n_bus = (int)(last - f->name);

	*d = (struct fake_device){ .is = *f };
	if (above)
		path_of(d->directory, "%s/%s", above, f->name);
	else
		path_of(d->directory, "sys/devices/pci%.*s/%s", n_bus, f->name, f->name);
	if (f->driver_override)
		snprintf(d->override, sizeof(d->override), "%s", f->driver_override);
	if (f->driver)
		d->driver = fake_driver(k, f->driver, str_eq(f->driver, VFIO_PCI) ? 0 : ids_of(f));
	k->n_devices++;
	show_device(k, d);
}

struct fake_kernel *fake_kernel_new(const struct fake_function *functions, size_t n)
{
	struct fake_kernel *k = calloc(1, sizeof(*k));

	if (!k || !(k->devices = calloc(n + 1, sizeof(*k->devices))))
		abort();
	fake_directory(&k->tree, DEVICES);
	fake_directory(&k->tree, "run");
	fake_file(&k->tree, "sys/bus/pci/drivers_probe", "");
	for (size_t i = 0; i < n; i++)
		add_device(k, &functions[i]);
	fake_driver(k, VFIO_PCI, 0);
	return k;
}

void fake_kernel_free(struct fake_kernel *k)
{
	fake_complete(k);
	fake_tree_free(&k->tree);
	for (size_t i = 0; i < k->n_locks; i++)
		close(k->locks[i].fd);
	free(k->devices);
	free(k);
}

const char *fake_directory_of(struct fake_kernel *k, const char *function)
{
	struct fake_device *d = device_by_name(k, function, strlen(function));

	if (!d)
		abort();
	return d->directory;
}

const char *fake_driver_of(struct fake_kernel *k, const char *function)
{
	struct fake_device *d = device_by_name(k, function, strlen(function));

	return d && d->driver ? d->driver->name : "";
}

const char *fake_override_of(struct fake_kernel *k, const char *function)
{
	struct fake_device *d = device_by_name(k, function, strlen(function));

	return d && *d->override ? d->override : "(null)";
}

void fake_open(struct fake_kernel *k, const char *pid, const char *comm, const char *path)
{
	char at[FAKE_PATH_MAX], text[64];

	snprintf(text, sizeof(text), "%s\n", comm);
	fake_file(&k->tree, path_of(at, "proc/%s/comm", pid), text);
	fake_link(&k->tree, path_of(at, "proc/%s/fd/0", pid), "/dev/null");
	fake_link(&k->tree, path_of(at, "proc/%s/fd/1", pid), "socket:[4711]");
	fake_link(&k->tree, path_of(at, "proc/%s/fd/17", pid), path);
}

void fake_unplug(struct fake_kernel *k, const char *function)
{
	struct fake_device *d = device_by_name(k, function, strlen(function));
	char path[FAKE_PATH_MAX];

	if (!d)
		return;
	hide_driver(k, d);
	fake_remove(&k->tree, d->directory);
	fake_remove(&k->tree, path_of(path, DEVICES "/%s", d->is.name));
	fake_remove(&k->tree, path_of(path, GROUPS "/%d/devices/%s", d->is.group, d->is.name));
	d->gone = true;
}

/* ---- what a write does ---- */

/* Whether a process has the group of @d open: then a guest owns its DMA. */
static bool is_open(const struct fake_kernel *k, const struct fake_device *d)
{
	char node[FAKE_PATH_MAX];

	if (d->held)
		return true;
	path_of(node, "/dev/vfio/%d", d->is.group);
	for (size_t i = 0; i < k->tree.n; i++) {
		const struct fake_node *link = &k->tree.nodes[i];
		if (link->kind == FAKE_LINK && str_starts(link->path, "proc/") &&
		    str_eq(link->data, node))
			return true;
	}
	return false;
}

static int set_override(struct fake_kernel *k, struct fake_device *d, const char *text, size_t n)
{
	if (n >= 4096 - 1 || n >= sizeof(d->override))
		return -EINVAL;
	snprintf(d->override, sizeof(d->override), "%.*s", (int)strcspn(text, "\n"), text);
	show_override(k, d);
	return 0;
}

static int unbind(struct fake_kernel *k, const char *driver, struct fake_device *d)
{
	if (!d || !d->driver || !str_eq(d->driver->name, driver))
		return -ENODEV;
	if (str_eq(driver, VFIO_PCI) && is_open(k, d))
		return -EDEADLK;
	set_driver(k, d, NULL);
	return 0;
}

static bool matches(const struct fake_driver *driver, const struct fake_device *d)
{
	if (*d->override)
		return str_eq(driver->name, d->override);
	for (size_t i = 0; i < driver->n_ids; i++) {
		if (driver->ids[i] == ids_of(&d->is))
			return true;
	}
	return false;
}

static int probe(struct fake_kernel *k, struct fake_device *d)
{
	if (!d)
		return -ENODEV;
	for (size_t i = 0; i < k->n_drivers && !d->driver; i++) {
		const struct fake_driver *driver = &k->drivers[i];

		if (!matches(driver, d))
			continue;
		if (driver->unready || (!is_vfio(driver) && is_open(k, d)))
			return -EINVAL;
		if (!driver->refuses && !(is_vfio(driver) && d->is.class_code >> 16 == 0x06))
			set_driver(k, d, driver);
	}
	return 0;
}

/* ---- settings ---- */

static const struct {
	const char *name, *first;
	const char *accepts[4];
} settings[] = {
	{ "power/control", "auto", { "on", "auto" } },
	{ "d3cold_allowed", "1", { "0", "1" } },
	{ "reset_method", "flr bus", { "flr bus", "bus", "flr", "" } },
};

void fake_settings(struct fake_kernel *k)
{
	char path[FAKE_PATH_MAX], text[64];

	for (size_t i = 0; i < k->n_devices * ARRAY_SIZE(settings); i++) {
		const struct fake_device *d = &k->devices[i / ARRAY_SIZE(settings)];
		size_t which = i % ARRAY_SIZE(settings);

		if (d->is.class_code >> 16 == 0x06)
			continue;
		snprintf(text, sizeof(text), "%s\n", settings[which].first);
		fake_file(&k->tree, path_of(path, "%s/%s", d->directory, settings[which].name),
			  text);
	}
}

/* -ENOENT when @name is none of them. */
static int set_setting(struct fake_kernel *k, const char *path, const char *name, const char *text,
		       size_t n)
{
	char value[64], line[80];

	snprintf(value, sizeof(value), "%.*s", (int)(n && text[n - 1] == '\n' ? n - 1 : n), text);
	for (size_t i = 0; i < ARRAY_SIZE(settings); i++) {
		if (!str_eq(name, settings[i].name))
			continue;
		for (size_t c = 0; c < ARRAY_SIZE(settings[i].accepts); c++) {
			if (!settings[i].accepts[c] || !str_eq(value, settings[i].accepts[c]))
				continue;
			snprintf(line, sizeof(line), "%s\n", value);
			fake_file(&k->tree, path, line);
			return 0;
		}
		return -EINVAL;
	}
	return -ENOENT;
}

/* The function in whose directory @path stands; *@ret_name: what stands behind that. */
static struct fake_device *device_of_path(struct fake_kernel *k, const char *path,
					  const char **ret_name)
{
	struct fake_device *found = NULL;

	for (size_t i = 0; i < k->n_devices; i++) {
		struct fake_device *d = &k->devices[i];
		size_t n = strlen(d->directory);

		if (d->gone || strncmp(path, d->directory, n) != 0 || path[n] != '/')
			continue;
		if (!found || n > strlen(found->directory))
			found = d;
	}
	if (found)
		*ret_name = path + strlen(found->directory) + 1;
	return found;
}

static struct fake_device *device_of_store(struct fake_kernel *k, const char *path,
					   const char *text, size_t n)
{
	const char *name;
	struct fake_device *d = device_of_path(k, path, &name);

	/* sysfs_streq(): one newline at the end does not count */
	return d ? d : device_by_name(k, text, n && text[n - 1] == '\n' ? n - 1 : n);
}

int fake_store(struct fake_kernel *k, const char *path, const char *text, size_t n)
{
	const char *name = strrchr(path, '/');
	struct fake_device *d = device_of_store(k, path, text, n);
	char driver[64];

	if (str_eq(path, "sys/bus/pci/drivers_probe"))
		return probe(k, d);
	if (sscanf(path, DRIVERS "/%63[^/]/unbind", driver) == 1 && str_eq(name, "/unbind"))
		return unbind(k, driver, d);
	d = device_of_path(k, path, &name);
	if (d && str_eq(name, "driver_override"))
		return set_override(k, d, text, n);
	int error = d ? set_setting(k, path, name, text, n) : -ENOENT;
	return error == -ENOENT ? -EACCES : error;
}

/* ---- writes that do not come back ---- */

void fake_hold(struct fake_kernel *k, const char *function, bool held)
{
	struct fake_device *d = device_by_name(k, function, strlen(function));

	if (d)
		d->held = held;
}

bool fake_is_stuck(struct fake_kernel *k, const char *path, const char *text, size_t n)
{
	const char *name;
	struct fake_device *d = device_of_store(k, path, text, n);

	/* settings do not take the lock of the device */
	if (d && device_of_path(k, path, &name) && !str_eq(name, "driver_override"))
		return false;
	for (size_t i = 0; d && i < k->n_stuck; i++) {
		if (k->stuck[i].device == d)
			return true;
	}
	return false;
}

int fake_hang(struct fake_kernel *k, const char *path, const char *text, size_t n, const int *fds,
	      size_t n_fds, pid_t *ret_child)
{
	char at[FAKE_PATH_MAX];

	if (k->n_stuck == ARRAY_SIZE(k->stuck))
		abort();
	struct fake_stuck *stuck = &k->stuck[k->n_stuck++];
	*stuck = (struct fake_stuck){ .device = device_of_store(k, path, text, n) };
	snprintf(stuck->path, sizeof(stuck->path), "%s", path);
	snprintf(stuck->text, sizeof(stuck->text), "%.*s", (int)n, text);
	snprintf(stuck->child, sizeof(stuck->child), "%u", ++k->last_pid + 1000);
	for (size_t i = 0; i < n_fds && i < ARRAY_SIZE(stuck->lock); i++)
		stuck->lock[stuck->n_locks++] = dup(fds[i]);
	fake_file(&k->tree, path_of(at, "proc/%s/status", stuck->child),
		  "Name:\tpassthru\nState:\tD (disk sleep)\n");
	fake_file(&k->tree, path_of(at, "proc/%s/stack", stuck->child),
		  "[<0>] vfio_unregister_group_dev+0x0/0x1\n[<0>] unbind_store+0x0/0x1\n");
	*ret_child = (pid_t)atoi(stuck->child);
	return -ETIMEDOUT;
}

void fake_complete(struct fake_kernel *k)
{
	char at[FAKE_PATH_MAX];

	for (size_t i = 0; i < k->n_stuck; i++) {
		struct fake_stuck *stuck = &k->stuck[i];

		for (size_t n = 0; n < stuck->n_locks; n++)
			close(stuck->lock[n]);
		fake_remove(&k->tree, path_of(at, "proc/%s", stuck->child));
		/* nobody hears what it answers */
		(void)fake_store(k, stuck->path, stuck->text, strlen(stuck->text));
	}
	k->n_stuck = 0;
}
