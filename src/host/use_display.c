// SPDX-License-Identifier: MIT
// What the host shows on a device: outputs of its DRM card, framebuffers with a text console on
// them, the firmware's framebuffer inside a BAR, and processes that have a node of it open. Reading
// `status` of a connector gives what the driver knows and asks no monitor (status_show() in
// drivers/gpu/drm/drm_sysfs.c). Names in proc/iomem: drivers/firmware/sysfb_simplefb.c,
// drivers/video/fbdev/efifb.c, simplefb.c and vesafb.c, drivers/gpu/drm/sysfb; an ordinary user
// reads zeros there (r_show() in kernel/resource.c).

#include "base/text.h"
#include "host/internal.h"
#include "host/use_internal.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#define PCI_CLASS_DISPLAY_VGA 0x0300 /* linux/pci_ids.h */

static const char *const framebuffer_names[] = {
	"BOOTFB",    "efifb",  "simplefb", "simple-framebuffer",
	"simpledrm", "vesafb", "efidrm",   "vesadrm",
};

/* ---- the firmware's framebuffer ---- */

/* "  e0000000-e02fffff : BOOTFB" */
static bool parse_iomem(const char *line, uint64_t *ret_start, uint64_t *ret_end,
			const char **ret_name)
{
	line += strspn(line, " ");
	size_t n = text_hex_prefix(line, 16, ret_start);
	if (n == 0 || line[n] != '-')
		return false;
	line += n + 1;
	n = text_hex_prefix(line, 16, ret_end);
	if (n == 0 || strncmp(line + n, " : ", 3) != 0)
		return false;
	*ret_name = line + n + 3;
	return true;
}

static bool is_framebuffer(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(framebuffer_names); i++) {
		if (str_eq(name, framebuffer_names[i]))
			return true;
	}
	return false;
}

static void need_framebuffers(struct host *host)
{
	struct use_facts *ret = host->use;
	struct arena *a = &host->arena;
	struct bytes text;
	const char *start, *name;
	uint64_t first, last;
	size_t n, size = 0;
	bool any_address = false;

	if (ret->has_framebuffers)
		return;
	ret->has_framebuffers = true;
	ret->framebuffer_error =
		root_read_max(host->root, a, "proc/iomem", USE_TABLE_MAX_BYTES, &text);
	if (ret->framebuffer_error == -ENOENT)
		ret->framebuffer_error = -ENODATA; /* this root does not run */
	if (ret->framebuffer_error)
		return;
	for (const char *rest = text.data; text_next_line(&rest, &start, &n);) {
		const char *line = arena_strndup(a, start, n);

		if (!parse_iomem(line, &first, &last, &name))
			continue;
		any_address |= last != 0;
		if (!is_framebuffer(name))
			continue;
		ret->framebuffer = use_grown(a, ret->framebuffer, ret->n_framebuffers, &size,
					     sizeof(*ret->framebuffer));
		ret->framebuffer[ret->n_framebuffers++] = (struct framebuffer){
			.name = name,
			.start = first,
			.end = last,
			.text = line + strspn(line, " "),
		};
	}
	if (!any_address)
		ret->framebuffer_error = -EACCES;
}

static void add_framebuffers(struct use_search *search)
{
	struct host *host = search->host;
	const struct use_facts *facts = search->facts;
	struct pci_detail detail = { 0 };
	struct bytes text;
	const char *path = arena_concat(&host->arena, search->f->path, "/resource");

	need_framebuffers(host);
	int error = root_read(host->root, &host->arena, path, &text);
	if (error == 0)
		error = pci_parse_resources(&host->arena, text, &detail);
	use_unknown(search, path, error);
	use_unknown(search, "proc/iomem", facts->framebuffer_error);
	if (facts->framebuffer_error)
		return;
	for (size_t i = 0; i < facts->n_framebuffers; i++) {
		const struct framebuffer *fb = &facts->framebuffer[i];

		for (size_t k = 0; k < detail.n_resources; k++) {
			const struct pci_resource *bar = &detail.resources[k];

			if (bar->kind != PCI_RESOURCE_MEMORY || bar->index > 5 ||
			    fb->start < bar->start || fb->end - bar->start >= bar->size_bytes)
				continue;
			use_add(search,
				(struct device_use){
					.kind = USE_DISPLAY,
					/* BOOTFB alone is a reservation that nothing draws on */
					.active = !str_eq(fb->name, "BOOTFB"),
					.what = arena_printf(&host->arena,
							     "the framebuffer of the firmware (%s) "
							     "lies in BAR %u",
							     fb->name, bar->index),
					.where = "proc/iomem",
					.value = fb->text,
				});
		}
	}
}

/* ---- outputs ---- */

static void add_connector(struct use_search *search, const struct class_device *device)
{
	struct arena *a = &search->host->arena;
	const char *path = arena_concat(a, device->path, "/status");
	const char *status = use_text(search, path);
	const char *enabled = use_text(search, arena_concat(a, device->path, "/enabled"));

	if (!status || !str_eq(status, "connected"))
		return;
	bool shows = enabled && str_eq(enabled, "enabled");
	use_add(search,
		(struct device_use){
			.kind = USE_DISPLAY,
			.active = shows,
			.what = arena_printf(a, "a monitor at %s %s", device->name,
					     shows ? "shows its picture" : "is connected and dark"),
			.where = path,
			.value = arena_printf(a, "connected, %s",
					      enabled ? enabled : "enabled unknown"),
		});
}

/* The virtual console that draws on framebuffers, when it is bound: "vtcon1". */
static const char *framebuffer_console(struct use_search *search)
{
	struct arena *a = &search->host->arena;
	const struct use_facts *facts = search->facts;

	for (size_t i = 0; i < facts->n_devices; i++) {
		const struct class_device *device = &facts->device[i];

		if (!str_eq(device->class_name, "vtconsole"))
			continue;
		const char *name = use_text(search, arena_concat(a, device->path, "/name"));
		const char *bind = use_text(search, arena_concat(a, device->path, "/bind"));
		if (name && bind && strstr(name, "frame buffer device") && str_eq(bind, "1"))
			return device->name;
	}
	return NULL;
}

static bool is_numbered(const char *name, const char *prefix)
{
	size_t n = strlen(prefix);

	return strncmp(name, prefix, n) == 0 && isdigit((unsigned char)name[n]);
}

/* Consoles go to the framebuffer that was there first (fbcon_init() in fbcon.c). */
static bool is_first_framebuffer(const struct use_facts *facts, const struct class_device *fb)
{
	for (size_t i = 0; i < facts->n_devices; i++) {
		const struct class_device *other = &facts->device[i];

		if (str_eq(other->class_name, "graphics") && is_numbered(other->name, "fb") &&
		    (strlen(other->name) < strlen(fb->name) ||
		     (strlen(other->name) == strlen(fb->name) &&
		      strcmp(other->name, fb->name) < 0)))
			return false;
	}
	return true;
}

static void add_framebuffer_device(struct use_search *search, const struct class_device *fb)
{
	struct arena *a = &search->host->arena;
	const char *console = framebuffer_console(search);
	const char *path = arena_concat(a, fb->path, "/name");
	const char *name = use_text(search, path);

	if (!console) {
		use_add(search,
			(struct device_use){
				.kind = USE_DISPLAY,
				.what = arena_printf(a, "%s is a framebuffer of it", fb->name),
				.where = path,
				.value = name,
			});
		return;
	}
	bool first = is_first_framebuffer(search->facts, fb);
	use_add(search,
		(struct device_use){
			.kind = USE_DISPLAY,
			.active = first,
			.what = arena_printf(a, "the text console %s on its framebuffer %s",
					     first ? "is" : "can be", fb->name),
			.where = arena_printf(a, "sys/class/vtconsole/%s/bind", console),
			.value = "1",
			.stop = arena_printf(a, "echo 0 > /sys/class/vtconsole/%s/bind", console),
		});
}

/* ---- processes ---- */

/* "Device Minor: \t 0" in proc/driver/nvidia/gpus/0000:01:00.0/information: "dev/nvidia0" */
static const char *nvidia_node(struct use_search *search)
{
	static const char key[] = "Device Minor:";
	struct arena *a = &search->host->arena;
	const char *line;
	uint64_t minor;
	size_t n;

	const char *rest = use_text(
		search, arena_printf(a, "proc/driver/nvidia/gpus/%s/information", search->f->name));
	while (rest && text_next_line(&rest, &line, &n)) {
		if (n < sizeof(key) || strncmp(line, key, sizeof(key) - 1) != 0)
			continue;
		const char *value = arena_strndup(a, line + sizeof(key) - 1, n - sizeof(key) + 1);
		value += strspn(value, " \t");
		if (text_number(value, 10, UINT32_MAX, &minor) == 0)
			return arena_printf(a, "dev/nvidia%" PRIu64, minor);
	}
	return NULL;
}

/* ---- the device ---- */

static void add_drm(struct use_search *search, const struct class_device *device)
{
	struct arena *a = &search->host->arena;

	if (str_starts(device->name, "card") && strchr(device->name, '-'))
		add_connector(search, device);
	else
		use_add_holders(search, USE_DISPLAY, arena_concat(a, "dev/dri/", device->name),
				true);
}

/* A 3D controller of a laptop or server has no outputs. */
bool host_can_show(struct host *host, const struct pci_function *f)
{
	const struct use_facts *facts = host_use(host);
	size_t n = strlen(f->path);

	if (!pci_is_display(f) || (f->driver.error == 0 && host_is_vfio_driver(f->driver.value)))
		return false;
	if (f->class_code >> 8 == PCI_CLASS_DISPLAY_VGA)
		return true;
	for (size_t i = 0; i < facts->n_devices; i++) {
		const struct class_device *device = &facts->device[i];

		if (strncmp(device->path, f->path, n) != 0 || device->path[n] != '/')
			continue;
		if (str_eq(device->class_name, "graphics") ||
		    (str_eq(device->class_name, "drm") && strchr(device->name, '-')))
			return true;
	}
	return false;
}

static void add_only_display(struct use_search *search)
{
	struct host *host = search->host;
	size_t n = 0, n_others = 0;

	for (size_t i = 0; i < host->n_functions; i++) {
		const struct pci_function *other = &host->functions[i];

		n += pci_is_display(other);
		n_others += other != search->f && host_can_show(host, other);
	}
	bool only = n_others == 0 && host_can_show(host, search->f);
	if (n != 1 && !only)
		return;
	use_add(search, (struct device_use){
				.kind = USE_DISPLAY,
				.only = only,
				.what = n == 1 ? "it is the only display controller of this host"
					       : "no other display is left to this host",
				.where = "sys/bus/pci/devices",
				.value = n == 1 ? "one function of class 03"
						: arena_printf(&search->host->arena,
							       "%zu functions of class 03", n),
			});
}

static void add_boot_display(struct use_search *search)
{
	const struct fact_number boot = host_boot_vga(search->host, search->f);
	const char *path = arena_concat(&search->host->arena, search->f->path, "/boot_vga");

	use_unknown(search, path, boot.error);
	if (boot.error == 0 && boot.value)
		use_add(search, (struct device_use){
					.kind = USE_DISPLAY,
					.what = "firmware and boot loader show their picture on it",
					.where = path,
					.value = "1",
				});
}

void use_find_display(struct use_search *search)
{
	const struct use_facts *facts = search->facts;
	bool has_nodes = false;

	for (size_t i = 0; i < facts->n_devices; i++) {
		const struct class_device *device = &facts->device[i];

		if (!use_is_below(search, device->path))
			continue;
		if (str_eq(device->class_name, "drm")) {
			has_nodes = true;
			add_drm(search, device);
		} else if (str_eq(device->class_name, "graphics") &&
			   is_numbered(device->name, "fb")) {
			has_nodes = true;
			add_framebuffer_device(search, device);
			use_add_holders(search, USE_DISPLAY,
					arena_concat(&search->host->arena, "dev/", device->name),
					true);
		}
	}
	if (!pci_is_display(search->f))
		return;
	const char *nvidia = nvidia_node(search);
	if (nvidia)
		use_add_holders(search, USE_DISPLAY, nvidia, true);
	if (has_nodes || nvidia)
		use_unknown_holders(search);
	add_framebuffers(search);
	add_boot_display(search);
	add_only_display(search);
}

/* Sound servers keep the control node of every card open and let go when the card goes. */
static bool is_control(const char *name)
{
	return str_starts(name, "control");
}

void use_find_sound(struct use_search *search)
{
	struct arena *a = &search->host->arena;
	const struct use_facts *facts = search->facts;
	bool any = false;

	for (size_t i = 0; i < facts->n_devices; i++) {
		const struct class_device *device = &facts->device[i];

		if (!str_eq(device->class_name, "sound") || !use_is_below(search, device->path))
			continue;
		any = true;
		if (!is_numbered(device->name, "card")) {
			use_add_holders(search, USE_SOUND,
					arena_concat(a, "dev/snd/", device->name),
					!is_control(device->name));
			continue;
		}
		const char *path = arena_concat(a, device->path, "/id");
		const char *id = use_text(search, path);
		use_add(search, (struct device_use){
					.kind = USE_SOUND,
					.what = arena_printf(a, "it is the sound card %s",
							     id ? id : device->name),
					.where = path,
					.value = id,
				});
	}
	if (any)
		use_unknown_holders(search);
}
